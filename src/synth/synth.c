/* The archive: how many lines each hour has, then the files, dealt to the ranks. */
#include "internal.h"

#include "base/folder.h"
#include "parallel/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)1 << 20)

struct making {
    const struct team *team;
    const struct spec *spec;
    const char *dir;
    int64_t from_day, to_day;  // local days whose files are written
    struct names names;
    struct people people;
    struct printer printer;
    struct hour *hours;  // [hour_count]
    size_t hour_count;
    size_t *files;  // [file_count + 1]: first hour of each file
    size_t file_count;
    int64_t *asked;  // [attack_count] queries of each attack
    int64_t bytes, lines;
    synth_progress *progress;
    void *context;
};

/* ---- the plan ---- */

struct hour hour_at(const struct spec *spec, int64_t start_s)
{
    const int64_t day = zone_day_of(spec->zone, start_s),
                  local_s = start_s + zone_offset_s(spec->zone, start_s);
    return (struct hour){.start_s = start_s,
                         .day = day,
                         .local_hour = (int)(((local_s % 86400) + 86400) % 86400 / 3600),
                         .is_holiday = calendar_kind(spec->calendar, day) == DAY_HOLIDAY};
}

static enum status hours_make_local(struct making *making, struct error *err)
{
    const struct spec *spec = making->spec;
    const int64_t end_s = zone_day_start(spec->zone, spec->from_day + spec->days);
    const int64_t start_s = zone_day_start(spec->zone, spec->from_day);
    making->hours = calloc((size_t)(end_s - start_s) / 3600 + 1, sizeof *making->hours);
    making->files = calloc((size_t)(end_s - start_s) / 3600 + 2, sizeof *making->files);
    making->asked = calloc(making->people.attack_count + 1, sizeof *making->asked);
    if (!making->hours || !making->files || !making->asked)
        return error_set(err, STATUS_NO_MEMORY, making->dir, "", "no room for the plan");
    for (int64_t at_s = start_s; at_s < end_s; at_s += 3600) {
        const struct hour hour = hour_at(spec, at_s);
        const bool is_next =
            spec->hourly || making->hour_count == 0 || making->hours[making->hour_count - 1].day != hour.day;
        if (is_next && hour.day >= making->from_day && hour.day < making->to_day)
            making->files[making->file_count++] = making->hour_count;
        if (hour.day < making->to_day)
            making->files[making->file_count] = making->hour_count + 1;  // where the last one ends
        making->hours[making->hour_count++] = hour;
    }
    return STATUS_OK;
}

/* Rows, weight and attacks of each hour, shared out; sums of integers. */
static enum status hours_weigh(struct making *making, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(making->team), count = making->hour_count;
    int64_t *sums = calloc(3 * count, sizeof *sums);
    TRY(team_agree(
        making->team,
        sums ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, making->dir, "", "no room for the plan"), err));
    for (size_t h = (size_t)team_rank(making->team); h < count; h += ranks) {
        for (uint32_t c = 0; c < making->people.count; c++) {
            int64_t weight = client_weight(making->spec, &making->people, c, &making->hours[h]);
            sums[3 * h] += weight > 0;
            sums[3 * h + 1] += weight;
        }
        for (size_t a = 0; a < making->people.attack_count; a++) {
            int64_t asked = attack_add(making->spec, &making->people, &making->names,
                                       &making->people.attacks[a], &making->hours[h], NULL);
            making->asked[a] += asked;
            sums[3 * h + 2] += asked;
        }
    }
    team_sum_i64(making->team, sums, 3 * count);
    team_sum_i64(making->team, making->asked, making->people.attack_count);
    for (size_t h = 0; h < count; h++) {
        making->hours[h].rows = sums[3 * h];
        making->hours[h].weight = sums[3 * h + 1];
        making->hours[h].attacks = sums[3 * h + 2];
    }
done:
    free(sums);
    return status;
}

/* Deals the queries that are no attacks to the hours, by weight. */
static enum status hours_fill(struct making *making, struct error *err)
{
    int64_t rows = 0, weight = 0, attacks = 0, sum = 0;
    for (size_t h = 0; h < making->hour_count; h++) {
        rows += making->hours[h].rows;
        weight += making->hours[h].weight;
        attacks += making->hours[h].attacks;
    }
    const int64_t queries = making->spec->queries ? making->spec->queries : 215 * rows + attacks;
    const int64_t rest = queries - attacks - rows;
    if (rest < 0 || rows == 0)
        return error_set(err, STATUS_USAGE, "queries", "ask for more queries, or for less to happen",
                         "%" PRId64 " are fewer than the %" PRId64 " of attacks and one a row, of %" PRId64
                         " rows",
                         queries, attacks, rows);
    for (size_t h = 0; h < making->hour_count; h++) {
        struct hour *hour = &making->hours[h];
        __extension__ typedef unsigned __int128 wide;
        int64_t before = (int64_t)((wide)(uint64_t)rest * (uint64_t)sum / (uint64_t)weight);
        sum += hour->weight;
        hour->lines =
            hour->rows + (int64_t)((wide)(uint64_t)rest * (uint64_t)sum / (uint64_t)weight) - before;
    }
    return STATUS_OK;
}

/* ---- files ---- */

static void stamp_write(const struct hour *hour, char stamp[15])
{
    static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int year, month, date;
    char text[64];
    civil_from_day(hour->day, &year, &month, &date);
    (void)snprintf(text, sizeof text, "%02d-%s-%04d %02d", date, MONTHS[month - 1], year, hour->local_hour);
    memcpy(stamp, text, 15);
}

struct sheet {
    struct log_file *file;
    char *buffer;
    size_t count;
};

static enum status hour_print_local(struct making *making, const struct hour *hour, const struct crowd *crowd,
                                    struct sheet *sheets, struct error *err)
{
    enum status status = STATUS_OK;
    char stamp[15];
    struct dice stream =
        dice_begin(making->spec->seed, STREAM_HOUR, UINT32_MAX, (uint64_t)(hour->start_s / 3600));
    stamp_write(hour, stamp);
    for (size_t i = 0; i < crowd->count; i++) {
        const struct event *event = &crowd->events[i];
        unsigned resolver = printer_resolver(&making->printer, event, dice_next(&stream));
        uint64_t lot = (uint64_t)dice_next(&stream) << 32 | dice_next(&stream);
        struct sheet *sheet = &sheets[resolver];
        char *from = sheet->buffer + sheet->count;
        char *end = printer_line(&making->printer, crowd, event, resolver, lot, stamp, from);
        making->bytes += end - from;
        sheet->count = (size_t)(end - sheet->buffer);
        if (sheet->count > BUFFER_BYTES) {
            TRY(log_add(sheet->file, sheet->buffer, sheet->count, err));
            sheet->count = 0;
        }
    }
    making->lines += (int64_t)crowd->count;
done:
    return status;
}

static enum status hour_make_local(struct making *making, const struct hour *hour, struct sheet *sheets,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    struct crowd crowd = {0};
    background_add(making->spec, &making->people, &making->names, hour, &crowd);
    for (size_t a = 0; a < making->people.attack_count; a++)
        (void)attack_add(making->spec, &making->people, &making->names, &making->people.attacks[a], hour,
                         &crowd);
    if (crowd.is_full) {
        status = error_set(err, STATUS_NO_MEMORY, making->dir, "ask for fewer queries",
                           "no room for an hour of %" PRId64 " lines", hour->lines + hour->attacks);
        goto done;
    }
    TRY(crowd_sort(&crowd, err));
    TRY(hour_print_local(making, hour, &crowd, sheets, err));
done:
    crowd_clear(&crowd);
    return status;
}

static void path_write(const struct making *making, size_t file, int resolver, char *path, size_t room)
{
    int year, month, date;
    char hour[4] = "";
    const struct hour *first = &making->hours[making->files[file]];
    civil_from_day(first->day, &year, &month, &date);
    // An hour that comes twice: its number in the day would be no hour of the clock.
    if (making->spec->hourly)
        (void)snprintf(hour, sizeof hour, "%02d",
                       (int)((first->start_s - zone_day_start(making->spec->zone, first->day)) / 3600) % 100);
    (void)snprintf(path, room, "%s/ns%d/queries.log-%04d%02d%02d%s%s", making->dir, resolver + 1, year, month,
                   date, hour, making->spec->gzip ? ".gz" : "");
}

/* One file a resolver: a day, or an hour. */
static enum status files_make_local(struct making *making, size_t file, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200];
    struct sheet sheets[8] = {{0}};
    const int resolvers = (int)making->spec->resolvers;
    for (int r = 0; r < resolvers; r++) {
        path_write(making, file, r, path, sizeof path);
        sheets[r].buffer = malloc(BUFFER_BYTES + LINE_BYTES);
        if (!sheets[r].buffer) {
            status = error_set(err, STATUS_NO_MEMORY, path, "", "no room to write it");
            goto done;
        }
        TRY(log_open(path, making->spec->gzip != 0, &sheets[r].file, err));
    }
    for (size_t h = making->files[file]; h < making->files[file + 1]; h++)
        TRY(hour_make_local(making, &making->hours[h], sheets, err));
    for (int r = 0; r < resolvers; r++) {
        struct log_file *whole = sheets[r].file;
        TRY(log_add(whole, sheets[r].buffer, sheets[r].count, err));
        sheets[r].file = NULL;
        TRY(log_finish(whole, err));
    }
done:
    for (int r = 0; r < resolvers; r++) {
        log_abandon(sheets[r].file);
        free(sheets[r].buffer);
    }
    return status;
}

static enum status files_take_local(struct making *making, struct work *work, int64_t total,
                                    struct error *err)
{
    size_t file;
    while (work_take(work, &file)) {
        int64_t before = making->lines;
        enum status status = files_make_local(making, file, err);
        if (status != STATUS_OK) {
            work_stop(work);
            return status;
        }
        work_add_done(work, making->lines - before);
        if (making->progress && team_rank(making->team) == 0)
            making->progress(making->context, work_done(work), total);
    }
    return STATUS_OK;
}

/* ---- the whole ---- */

static enum status folders_make_local(const struct making *making, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200];
    if (team_rank(making->team) != 0)
        return STATUS_OK;
    TRY(folder_make_empty(making->dir, err));
    for (int64_t r = 0; r < making->spec->resolvers; r++) {
        (void)snprintf(path, sizeof path, "%s/ns%" PRId64, making->dir, r + 1);
        TRY(folder_make(path, err));
    }
done:
    return status;
}

static enum status make_local(struct making *making, struct error *err)
{
    enum status status = STATUS_OK;
    if (strlen(making->dir) > 4000)
        return error_set(err, STATUS_USAGE, making->dir, "", "a path of more than 4,000 bytes");
    TRY(names_make(making->spec, &making->names, err));
    TRY(people_make(making->spec, &making->names, &making->people, err));
    TRY(hours_make_local(making, err));
    if (making->file_count == 0)
        return error_set(err, STATUS_USAGE, "--from", "give days of the spec",
                         "the spec has no day between --from and --to");
    printer_begin(&making->printer, making->spec, &making->people, &making->names);
done:
    return status;
}

/* How many lines the files that are written will have. */
static int64_t lines_planned(const struct making *making, struct synth_summary *summary)
{
    int64_t lines = 0;
    summary->attack_queries = summary->rows = 0;
    for (size_t h = making->files[0]; h < making->files[making->file_count]; h++) {
        lines += making->hours[h].lines + making->hours[h].attacks;
        summary->attack_queries += making->hours[h].attacks;
        summary->rows += making->hours[h].rows;
    }
    return lines;
}

enum status synth_generate(const struct team *team, const struct spec *spec, const struct synth_place *place,
                           synth_progress *progress, void *context, struct synth_summary *summary,
                           struct error *err)
{
    enum status status = STATUS_OK;
    struct work *work = NULL;
    struct making making = {.team = team,
                            .spec = spec,
                            .dir = place->dir,
                            .from_day = place->from_day,
                            .to_day = place->to_day,
                            .progress = progress,
                            .context = context};
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    *summary = (struct synth_summary){0};
    TRY(team_agree(team, make_local(&making, err), err));
    TRY(hours_weigh(&making, err));
    TRY(team_agree(team, hours_fill(&making, err), err));
    TRY(team_agree(team, folders_make_local(&making, err), err));
    TRY(work_begin(team, making.file_count * rank / ranks, making.file_count * (rank + 1) / ranks, &work,
                   err));
    TRY(team_agree(team, files_take_local(&making, work, lines_planned(&making, summary), err), err));
    const struct labelling labelling = {spec,
                                        &making.people,
                                        making.asked,
                                        making.hours[0].start_s,
                                        making.hours[making.hour_count - 1].start_s + 3600,
                                        making.dir,
                                        true};
    TRY(team_agree(team, rank == 0 ? labels_write(&labelling, err) : STATUS_OK, err));
    team_sum_i64(team, &making.bytes, 1);
    team_sum_i64(team, &making.lines, 1);
    summary->bytes = making.bytes;
    summary->queries = making.lines;
    summary->files = (int64_t)making.file_count * spec->resolvers;
    summary->labels = (int64_t)making.people.attack_count;
done:
    // Every rank is here with the same status, so all or none of them have work.
    if (work)
        work_end(work);
    names_clear(&making.names);
    people_clear(&making.people);
    free(making.hours);
    free(making.files);
    free(making.asked);
    return status;
}
