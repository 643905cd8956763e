#include "raw.h"

#include "archive/archive.h"
#include "parallel/parallel.h"
#include "parse/parse.h"
#include "table/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How far behind the span a log is read at first, for lines that came late. */
#define LATE_S 900

#define READ_BYTES ((size_t)1 << 18)
#define PIECE_BYTES ((int64_t)1 << 23)

/* Local stamps differ from UTC by whole quarters of an hour, 14 hours at most. */
#define QUARTER_S 900
#define ZONE_MOST_S 50400

struct search {
    const struct raw_plan *plan;
    struct team *team;
    const struct day_table *table;
    const struct known *known;
    int ipv6_prefix;
    raw_line *take;
    void *context;
    struct raw_summary *summary;
};

/* A piece of the store with lines in the span. */
struct place {
    char path[4300];
    int64_t from, to;  // bytes of the text; to: −1 to the end
    int64_t minute_s;  // the minute that is noted at `from`
    bool is_whole;  // late lines are looked for, too
};

static bool place_find(const struct search *search, size_t piece, bool is_whole, struct place *place)
{
    const struct day_table *t = search->table;
    const struct raw_plan *plan = search->plan;
    const int64_t first = piece ? t->line_minute_end[piece - 1] : 0, end = t->line_minute_end[piece];
    const int64_t path_from = piece ? t->line_path_end[piece - 1] : 0;
    const int64_t path_count = t->line_path_end[piece] - path_from;
    if (t->line_first_ms[piece] >= plan->to_s * 1000 || t->line_last_ms[piece] < plan->from_s * 1000 ||
        first == end || path_count >= (int64_t)sizeof place->path)
        return false;
    int64_t at = first;
    // The last minute before the span: its lines may run into it. Noted minutes only grow.
    while (at + 1 < end && t->minute_start[at + 1] <= plan->from_s && !is_whole)
        at++;
    int64_t last = at;
    while (last < end && (is_whole || t->minute_start[last] < plan->to_s + LATE_S))
        last++;
    if (last == at)
        return false;  // only lines that came late can be of the span: they need the whole piece
    memcpy(place->path, t->line_path + path_from, (size_t)path_count);
    place->path[path_count] = '\0';
    place->from = t->minute_offset[at];
    place->to = last < end && !is_whole ? t->minute_offset[last] : -1;
    place->minute_s = t->minute_start[at];
    place->is_whole = is_whole;
    // To the end of the piece: where the next one of the same file begins.
    for (size_t other = 0; other < t->size[DAY_line] && place->to < 0; other++) {
        const int64_t from = other ? t->line_path_end[other - 1] : 0;
        if (t->line_from[other] > t->line_from[piece] && t->line_path_end[other] - from == path_count &&
            memcmp(t->line_path + from, place->path, (size_t)path_count) == 0 &&
            (place->to < 0 || t->line_from[other] < place->to))
            place->to = t->line_from[other];
    }
    return true;
}

static int year_of(int64_t utc_s)
{
    int year = 0, month = 0, day = 0;
    civil_from_day((utc_s + ZONE_MOST_S) / 86400, &year, &month, &day);
    return year;
}

/* A file that is being read from a place. */
struct reading {
    struct archive archive;
    struct archive_piece *pieces;
    size_t piece_count;
    struct line_parser *parser;
    int64_t zone_s;  // what local stamps are ahead of UTC
    bool is_known, is_done;
};

static void reading_end(struct reading *reading)
{
    archive_clear(&reading->archive);
    free(reading->pieces);
    line_parser_free(reading->parser);
}

/* Opens a path; a file that is not there, or is none, has no pieces. */
static enum status reading_begin(const struct search *search, const char *path, struct reading *reading,
                                 struct error *err)
{
    struct error unheard = {0};
    const char *const paths[] = {path};
    const struct archive_source source = {.paths = paths, .path_count = 1};
    *reading = (struct reading){0};
    if (strpbrk(path, "*?[") ||
        archive_find(search->team, &source, 1, &reading->archive, &unheard) != STATUS_OK)
        return STATUS_OK;
    reading->parser = line_parser_new(NULL, year_of(search->plan->from_s));
    if (!reading->parser)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no room for a parser");
    return archive_pieces(&reading->archive, NULL, NULL, PIECE_BYTES, &reading->pieces, &reading->piece_count,
                          err);
}

/* Whether the line is the first one of the noted minute, by whatever zone its stamp is in. */
static bool minute_is(struct reading *reading, const struct query *query, int64_t minute_s)
{
    const int64_t ahead_s = query->time_ms / 60000 * 60 - minute_s;
    if (!query->has_time || ahead_s % QUARTER_S != 0 || ahead_s > ZONE_MOST_S || ahead_s < -ZONE_MOST_S)
        return false;
    reading->zone_s = ahead_s;
    return true;
}

/* Looks at a block of lines from `offset` on. Returns false when this is not the file. */
static bool block_look(const struct search *search, const struct place *place, struct reading *reading,
                       const char *lines, size_t count, int64_t offset)
{
    const struct raw_plan *plan = search->plan;
    for (size_t at = 0; at < count;) {
        struct query query;
        const char *feed = memchr(lines + at, '\n', count - at);
        const size_t length = feed ? (size_t)(feed - lines) - at : count - at;
        const int64_t line_at = offset + (int64_t)at;
        const char *line = lines + at;
        at += length + 1;
        if (line_at < place->from)
            continue;
        if (place->to >= 0 && line_at >= place->to)
            break;
        const enum line_kind kind = line_parse(reading->parser, line, length, &query);
        if (!reading->is_known && (line_at != place->from || !minute_is(reading, &query, place->minute_s)))
            return false;
        reading->is_known = true;
        search->summary->read_bytes += (int64_t)length + 1;
        if (kind != LINE_QUERY || !query.has_time)
            continue;
        const int64_t time_s = query.time_ms / 1000 - (query.is_local_time ? reading->zone_s : 0);
        if (time_s >= plan->to_s + LATE_S && !place->is_whole) {
            reading->is_done = true;
            break;
        }
        ip_mask_v6(&query.client, search->ipv6_prefix);
        if (time_s < plan->from_s || time_s >= plan->to_s || ip_compare(&query.client, &plan->ip) != 0)
            continue;
        search->summary->lines++;
        if (search->take)
            search->take(search->context, place->path, line_at, line, length);
    }
    return true;
}

/* Reads one file from the place on. Returns in `found` whether it was the file. */
static enum status place_read(const struct search *search, const struct place *place, bool *found,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct reading reading;
    struct stream *stream = NULL;
    bool is_it = true;
    *found = false;
    TRY(reading_begin(search, place->path, &reading, err));
    for (size_t i = 0; i < reading.piece_count && is_it && !reading.is_done; i++) {
        struct archive_piece piece = reading.pieces[i];
        const char *lines = NULL;
        size_t count = 0;
        int64_t offset = 0;
        if ((piece.to >= 0 && piece.to <= place->from) || (place->to >= 0 && piece.from >= place->to))
            continue;
        // A plain file is read from the very place; a compressed one from where it can be decoded.
        if (reading.archive.files[0].compression == COMPRESSION_PLAIN && piece.from < place->from)
            piece.from = place->from;
        TRY(piece_open(&reading.archive, &piece, READ_BYTES, &stream, err));
        do {
            TRY(stream_next(stream, &lines, &count, &offset, err));
            if (count > 0 && (place->to < 0 || offset < place->to))
                is_it = block_look(search, place, &reading, lines, count, offset);
        } while (count > 0 && is_it && !reading.is_done &&
                 (place->to < 0 || offset + (int64_t)count < place->to));
        stream_close(stream);
        stream = NULL;
    }
    *found = reading.is_known;
done:
    stream_close(stream);
    reading_end(&reading);
    return status;
}

/* The file may have another name by now: those that the store knows for this day are tried in turn. */
static enum status place_search(const struct search *search, struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    bool found = false;
    search->summary->pieces++;
    TRY(place_read(search, place, &found, err));
    for (size_t i = 0; i < search->known->count && !found; i++) {
        const struct known_file *file = &search->known->files[i];
        bool has_day = false;
        for (size_t d = 0; d < file->day_count; d++)
            has_day = has_day || file->days[d].day == search->plan->day;
        if (!has_day || strlen(file->path) >= sizeof place->path)
            continue;
        (void)snprintf(place->path, sizeof place->path, "%s", file->path);
        TRY(place_read(search, place, &found, err));
    }
    search->summary->gone += !found;
done:
    return status;
}

static enum status pieces_search(const struct search *search, bool is_whole, struct error *err)
{
    enum status status = STATUS_OK;
    struct place place;
    *search->summary = (struct raw_summary){0};
    for (size_t piece = 0; piece < search->table->size[DAY_line]; piece++)
        if (place_find(search, piece, is_whole, &place))
            TRY(place_search(search, &place, err));
done:
    return status;
}

static enum status day_open(const struct raw_plan *plan, struct store_day *day, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0;
    bool found = false;
    TRY(store_days(plan->store, &days, &count, err));
    for (size_t i = 0; i < count; i++)
        if (days[i].day == plan->day) {
            *day = days[i];
            found = true;
        }
    if (!found)
        status = error_set(err, STATUS_NO_INPUT, plan->store, "give the store of these scores",
                           "the store has no such day");
done:
    free(days);
    return status;
}

static enum status prefix_read(const struct raw_plan *plan, const struct store_day *day, int *prefix,
                               struct error *err)
{
    static const char KEY[] = "archive.ipv6_prefix=";
    char *settings = NULL;
    uint64_t *inputs = NULL;
    size_t count = 0;
    enum status status = shard_origin_read(plan->store, day, &settings, &inputs, &count, err);
    const char *found = status == STATUS_OK ? strstr(settings, KEY) : NULL;
    const long bits = found ? strtol(found + sizeof KEY - 1, NULL, 10) : 128;
    *prefix = bits >= 1 && bits <= 128 ? (int)bits : 128;
    free(settings);
    free(inputs);
    return status;
}

enum status raw_find(const struct raw_plan *plan, raw_line *take, void *context, struct raw_summary *summary,
                     struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day day = {0};
    struct day_table table = {0};
    struct known known = {0};
    struct search search = {
        .plan = plan, .table = &table, .known = &known, .context = context, .summary = summary};
    *summary = (struct raw_summary){0};
    search.team = team_alone();
    if (!search.team)
        return error_set(err, STATUS_NO_MEMORY, plan->store, "", "no room for a team");
    TRY(day_open(plan, &day, err));
    TRY(prefix_read(plan, &day, &search.ipv6_prefix, err));
    TRY(team_agree(search.team, day_read_some(plan->store, &day, DAY_PIECES, &table, err), err));
    TRY(team_agree(search.team, known_read(plan->store, &known, err), err));
    // First counted, then handed out: lines that came late need more of the log.
    TRY(pieces_search(&search, false, err));
    const bool is_whole = summary->lines < plan->expected && summary->gone == 0;
    search.take = take;
    TRY(pieces_search(&search, is_whole, err));
done:
    day_table_clear(&table);
    known_clear(&known);
    team_free(search.team);
    return status;
}

/* ---- names ---- */

struct named {
    uint32_t name;
    int64_t queries;
};

static int compare_names(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return (x->name > y->name) - (x->name < y->name);
}

static int compare_queries(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    if (x->queries != y->queries)
        return x->queries > y->queries ? -1 : 1;
    return (x->name > y->name) - (x->name < y->name);
}

enum status raw_names(const struct raw_plan *plan, raw_name *take, void *context, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day day = {0};
    struct day_table table = {0};
    struct named *names = NULL;
    size_t count = 0, kept = 0;
    TRY(day_open(plan, &day, err));
    TRY(day_read_some(plan->store, &day, DAY_NAMES | UINT32_C(1) << DAY_asked, &table, err));
    names = calloc(table.size[DAY_asked] + 1, sizeof *names);
    if (!names) {
        status = error_set(err, STATUS_NO_MEMORY, plan->store, "", "no room for names");
        goto done;
    }
    for (size_t i = 0; i < table.size[DAY_asked]; i++)
        if (table.asked_slot[i] >= plan->from_s && table.asked_slot[i] < plan->to_s &&
            memcmp(&table.asked_ip[16 * i], &plan->ip, 16) == 0)
            names[count++] = (struct named){table.asked_name[i], table.asked_queries[i]};
    if (count > 0)
        qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && names[kept - 1].name == names[i].name)
            names[kept - 1].queries += names[i].queries;
        else
            names[kept++] = names[i];
    }
    if (kept > 0)
        qsort(names, kept, sizeof *names, compare_queries);
    for (size_t i = 0; i < kept; i++) {
        const int64_t from = names[i].name ? table.name_text_end[names[i].name - 1] : 0;
        take(context, table.name_text + from, (size_t)(table.name_text_end[names[i].name] - from),
             names[i].queries);
    }
done:
    free(names);
    day_table_clear(&table);
    return status;
}
