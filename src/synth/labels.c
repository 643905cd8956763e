/* labels.csv, and the domains of attacks as a feed; folders that are made for them. */
#include "internal.h"

#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status folder_make_empty(const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    const struct dirent *entry;
    TRY(folder_make(path, err));
    DIR *folder = opendir(path);
    if (!folder)
        return error_set(err, STATUS_IO, path, "", "cannot be read: %s", strerror(errno));
    while (status == STATUS_OK && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = error_set(err, STATUS_USAGE, path, "give another folder, or empty it",
                               "there is something in it already");
    (void)closedir(folder);
done:
    return status;
}

static void time_write(const struct spec *spec, int64_t utc_s, char text[40])
{
    int year, month, date;
    int64_t local_s = utc_s + zone_offset_s(spec->zone, utc_s), day = local_s / 86400,
            second = local_s % 86400;
    civil_from_day(day, &year, &month, &date);
    (void)snprintf(text, 40, "%04d-%02d-%02d %02d:%02d:%02d", year, month, date, (int)(second / 3600),
                   (int)(second / 60 % 60), (int)(second % 60));
}

/* Kinds of clients that do what attackers do, and are none. */
static bool is_oddity(int role)
{
    return role != ROLE_WORKSTATION && role != ROLE_LAPTOP && role != ROLE_SERVER;
}

static void labels_print(const struct labelling *labelling, FILE *stream)
{
    char from[40], to[40];
    const struct spec *spec = labelling->spec;
    (void)fprintf(stream, "ip,start,end,family,parameters,queries\n");
    for (size_t a = 0; a < labelling->people->attack_count; a++) {
        const struct attack *attack = &labelling->people->attacks[a];
        time_write(spec, attack->from_s, from);
        time_write(spec, attack->to_s, to);
        (void)fprintf(stream,
                      "%s,%s,%s,%s,role=%s;domain=%s;rate=%" PRId64 ";period=%" PRId64
                      ";encoding=%s;working=%" PRId64 "%s%s,%" PRId64 "\n",
                      labelling->people->clients[attack->client].ip, from, to,
                      family_word(attack->spec->family), role_word(attack->spec->role), attack->domain,
                      attack->rate, attack->period, encoding_word(attack->spec->encoding),
                      attack->spec->working, attack->spec->group[0] ? ";group=" : "", attack->spec->group,
                      labelling->asked[a]);
    }
    time_write(spec, labelling->from_s, from);
    time_write(spec, labelling->to_s, to);
    for (uint32_t c = 0; labelling->has_kinds && c < labelling->people->count; c++)
        if (is_oddity(labelling->people->clients[c].role))
            (void)fprintf(stream, "%s,%s,%s,benign-%s,,\n", labelling->people->clients[c].ip, from, to,
                          role_word(labelling->people->clients[c].role));
}

/* The domains of family listed, as a feed. */
static void listed_print(const struct labelling *labelling, FILE *stream)
{
    for (size_t a = 0; a < labelling->people->attack_count; a++)
        if (labelling->people->attacks[a].spec->family == FAMILY_LISTED)
            (void)fprintf(stream, "%s\n", labelling->people->attacks[a].domain);
}

static enum status text_write_local(const struct labelling *labelling, const char *name,
                                    void (*print)(const struct labelling *, FILE *), struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200], *text = NULL;
    size_t count = 0;
    struct log_file *file = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", labelling->dir, name);
    FILE *stream = open_memstream(&text, &count);
    if (!stream)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no room to write it");
    print(labelling, stream);
    if (fclose(stream) != 0) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room to write it");
        goto done;
    }
    TRY(log_open(path, false, &file, err));
    TRY(log_add(file, text, count, err));
    struct log_file *whole = file;
    file = NULL;
    TRY(log_finish(whole, err));
done:
    log_abandon(file);
    free(text);
    return status;
}

enum status labels_write(const struct labelling *labelling, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(text_write_local(labelling, "labels.csv", labels_print, err));
    TRY(text_write_local(labelling, "listed.txt", listed_print, err));
done:
    return status;
}
