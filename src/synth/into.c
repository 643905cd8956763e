/* Attacks among real logs: who asks what, whom to strike, a copy with the attacks in it, and their labels. */
#include "into.h"

#include "base/folder.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct adding {
    const struct spec *spec;
    struct census census;
    struct names names;
    struct people people;
    int64_t *folders;
    struct hour *hours;
    size_t hour_count;
    int64_t *asked;
};

/* The copy must not lie among the logs: it would be part of them the next time. */
static enum status place_check_local(const struct synth_place *place, char root[PATH_MAX], struct error *err)
{
    enum status status = STATUS_OK;
    char to[PATH_MAX];
    struct stat info;
    if (!realpath(place->into, root) || stat(root, &info) != 0)
        return error_set(err, STATUS_NO_INPUT, place->into, "", "is no folder and no file");
    if (strlen(place->dir) > 4000)
        return error_set(err, STATUS_USAGE, place->dir, "", "a path of more than 4,000 bytes");
    TRY(folder_make_empty(place->dir, err));
    if (!realpath(place->dir, to))
        return error_set(err, STATUS_IO, place->dir, "", "cannot be found again");
    const size_t count = strlen(root);
    if (S_ISDIR(info.st_mode) && strncmp(to, root, count) == 0 && (to[count] == '/' || to[count] == '\0'))
        status = error_set(err, STATUS_USAGE, place->dir, "give a folder elsewhere",
                           "lies among the logs, which are not touched");
done:
    return status;
}

/* How many queries each attack has, which no file can tell: it may have only a part of them. */
static enum status attacks_plan_local(struct adding *adding, struct error *err)
{
    const struct spec *spec = adding->spec;
    const int64_t from_s = zone_day_start(spec->zone, spec->from_day),
                  to_s = zone_day_start(spec->zone, spec->from_day + spec->days);
    adding->hours = calloc((size_t)(to_s - from_s) / 3600 + 1, sizeof *adding->hours);
    adding->asked = calloc(adding->people.attack_count + 1, sizeof *adding->asked);
    if (!adding->hours || !adding->asked)
        return error_set(err, STATUS_NO_MEMORY, "--into", "", "no room for hours");
    for (int64_t at_s = from_s; at_s < to_s; at_s += 3600)
        adding->hours[adding->hour_count++] = hour_at(spec, at_s);
    for (size_t a = 0; a < adding->people.attack_count; a++)
        for (size_t h = 0; h < adding->hour_count; h++)
            adding->asked[a] += attack_add(spec, &adding->people, &adding->names, &adding->people.attacks[a],
                                           &adding->hours[h], NULL);
    return STATUS_OK;
}

static enum status adding_make_local(struct adding *adding, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(victims_choose(&adding->census, &adding->names, &adding->people, &adding->folders, err));
    TRY(attacks_plan_local(adding, err));
done:
    return status;
}

enum status synth_add(const struct team *team, const struct spec *spec, const struct synth_place *place,
                      struct synth_summary *summary, struct error *err)
{
    enum status status = STATUS_OK, had = STATUS_OK;
    struct adding adding = {.spec = spec};
    char root[PATH_MAX] = "";
    *summary = (struct synth_summary){0};
    if (team_rank(team) == 0)
        had = place_check_local(place, root, err);
    TRY(team_agree(team, had, err));
    team_broadcast(team, root, sizeof root, 0);
    TRY(census_take(team, spec, root, &adding.census, err));
    TRY(team_agree(team, adding_make_local(&adding, err), err));
    struct merging merging = {.team = team,
                              .census = &adding.census,
                              .names = &adding.names,
                              .people = &adding.people,
                              .folders = adding.folders,
                              .hours = adding.hours,
                              .hour_count = adding.hour_count,
                              .root = root,
                              .dir = place->dir};
    TRY(files_merge(&merging, err));
    const struct labelling labelling = {spec, &adding.people, adding.asked, 0, 0, place->dir, false};
    TRY(team_agree(team, team_rank(team) == 0 ? labels_write(&labelling, err) : STATUS_OK, err));
    summary->queries = merging.lines + merging.added;
    summary->attack_queries = merging.added;
    summary->left_out = merging.left_out;
    summary->files = (int64_t)adding.census.archive.file_count;
    summary->bytes = merging.bytes;
    summary->labels = (int64_t)adding.people.attack_count;
done:
    census_clear(&adding.census);
    names_clear(&adding.names);
    people_clear(&adding.people);
    free(adding.folders);
    free(adding.hours);
    free(adding.asked);
    return status;
}
