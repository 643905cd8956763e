/* A sample: the lines of a place, understood and counted, and what they say of the text the place stands for.
 */
#include "survey_internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* At most this long between two lines of a source without a gap, and not less than a window. */
#define GAP_LEAST_MS INT64_C(3600000)

/* Threads of named write a few milliseconds out of order; clocks are stepped by more than this. */
#define STEP_MS INT64_C(10000)

/* ---- the form of a line ---- */

enum time_form { TIME_NONE, TIME_NAMED, TIME_ISO, TIME_ISO_UTC, TIME_SYSLOG, TIME_NUMBER, TIME_FORMS };
enum { FORM_POINTER = 1, FORM_CATEGORY = 2, FORM_SEVERITY = 4, FORM_HOST = 8, FORM_BITS = 16 };

_Static_assert(1 + TIME_FORMS * FORM_BITS == SURVEY_FORMS, "a number a form");

/* Where a text begins in some bytes, or NULL. */
static const char *text_in(const char *bytes, size_t count, const char *text)
{
    size_t length = strlen(text);
    for (size_t at = 0; at + length <= count; at++)
        if (memcmp(bytes + at, text, length) == 0)
            return bytes + at;
    return NULL;
}

static enum time_form time_form(struct span text)
{
    if (text.count == 0)
        return TIME_NONE;
    if (text.count > 2 && text.at[2] == '-')
        return TIME_NAMED;
    if (text.count > 4 && text.at[4] == '-')
        return text.at[text.count - 1] == 'Z' ? TIME_ISO_UTC : TIME_ISO;
    return text.at[0] >= '0' && text.at[0] <= '9' ? TIME_NUMBER : TIME_SYSLOG;
}

/* 1 + the bits of what stands around a query; 0 is no form. */
static int form_of(const struct query *query, const char *line, size_t count)
{
    const char *client = text_in(line, count, "client ");
    if (!client)
        return 0;
    size_t before = (size_t)(client - line), behind = count - before - 7;
    int form = 0;
    form |= behind > 3 && memcmp(client + 7, "@0x", 3) == 0 ? FORM_POINTER : 0;
    form |= text_in(line, before, "queries: ") ? FORM_CATEGORY : 0;
    form |= text_in(line, before, "info: ") ? FORM_SEVERITY : 0;
    form |= query->host.count > 0 ? FORM_HOST : 0;
    return 1 + form + FORM_BITS * (int)time_form(query->time_text);
}

void form_text(int form, char *text, size_t room)
{
    static const char *const TIMES[TIME_FORMS] = {"no time",       "named's local time",
                                                  "ISO 8601 time", "ISO 8601 time in UTC",
                                                  "syslog's time", "a number as time"};
    int bits = (form - 1) % FORM_BITS;
    (void)snprintf(text, room, "BIND %s, %s%s%s%s", bits & FORM_POINTER ? "9.11 or later" : "before 9.11",
                   TIMES[(form - 1) / FORM_BITS], bits & FORM_HOST ? ", a host's name" : "",
                   bits & FORM_CATEGORY ? ", category" : "", bits & FORM_SEVERITY ? ", severity" : "");
}

bool form_is_upgrade(int before, int after)
{
    return before > 0 && after > 0 && (((before - 1) ^ (after - 1)) & FORM_POINTER);
}

/* ---- how many there are, from how many were seen ---- */

/* The distinct things among `total` individuals, when a sample of `count` had `distinct`, of which `once` and
 * `twice` came once and twice: Chao et al., Ecological Monographs 84 (2014) 45-67, equations 5 and 10. */
static double distinct_among(double total, double count, double distinct, double once, double twice)
{
    if (count < 1 || total <= count)
        return distinct;
    double unseen = twice > 0 ? once * once / (2 * twice) : once * (once - 1) / 2;
    unseen *= (count - 1) / count;
    if (unseen <= 0)
        return distinct;
    double rate = once / (count * unseen + once);
    return distinct + unseen * (1 - pow(1 - rate, total - count));
}

static double pool_distinct(const struct pool *pool)
{
    double once = 0, twice = 0;
    for (size_t i = 0; i < pool->entries.count; i++) {
        const struct sample_entry *entry = map_at(&pool->entries, i);
        once += entry->times == 1;
        twice += entry->times == 2;
    }
    return distinct_among(pool->visits_stood_for, pool->visits, (double)pool->entries.count, once, twice);
}

void pools_close(struct sampling *sampling, double windows)
{
    sampling->names_seen += (int64_t)sampling->names.entries.count;
    sampling->row_sum += pool_distinct(&sampling->rows) * windows;
    sampling->name_sum += pool_distinct(&sampling->names) * windows;
    struct pool *const pools[] = {&sampling->rows, &sampling->names};
    for (int i = 0; i < 2; i++) {
        map_clear(&pools[i]->entries);
        pools[i]->visits = pools[i]->visits_stood_for = 0;
    }
}

/* ---- a place ---- */

struct place_look {
    struct sampling *sampling;
    struct sampled_file *file;
    const struct place *place;
    const struct source_setup *source;
    struct line_parser *timed, *parser;
    int64_t kinds[LINE_COUNTS];
    int64_t bytes, first_ms, last_ms, before_ms;
    int64_t from_ms;  // where the present stretch began
    double row_visits, name_visits;
    int64_t start_s, window_s;  // the first counted query, and its window
};

static enum status visit_count(struct pool *pool, double *visits, const struct sample_key *key,
                               int64_t second, struct error *err)
{
    void *found = NULL;
    enum status status = map_put(&pool->entries, key, &found, NULL, err);
    if (status != STATUS_OK)
        return status;
    struct sample_entry *entry = found;
    if (entry->last_s != second + 1) {
        entry->times++;
        *visits += 1;
    }
    entry->last_s = second + 1;
    return STATUS_OK;
}

static enum line_count kind_of(const struct query *query)
{
    switch (query->kind) {
    case LINE_QUERY: return query->has_time ? LINES_QUERY : LINES_UNTIMED;
    case LINE_RESPONSE: return LINES_RESPONSE;
    case LINE_OTHER: return LINES_OTHER;
    case LINE_REJECT: break;
    }
    return LINES_REJECT;
}

static struct span host_of(const struct place_look *look, const struct query *query)
{
    return query->host.count ? query->host
                             : (struct span){look->source->resolver, strlen(look->source->resolver)};
}

/* What the job would do with a line, no more: this is timed. */
static enum status line_tally(struct place_look *look, const char *line, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    struct query query;
    char text[IP_TEXT_BYTES];
    struct tallies *tallies = look->sampling->run->tallies;
    (void)line_parse(look->timed, line, count, &query);
    enum line_count kind = kind_of(&query);
    if (kind == LINES_QUERY) {
        struct span resolver = resolver_text(&query, host_of(look, &query), text);
        if (tallies_day(tallies, query.time_ms) == INT64_MIN) {
            kind = LINES_OUTSIDE;
        } else {
            TRY(tallies_line(tallies, query.time_ms, resolver, true, false, err));
            TRY(tallies_query(tallies, &query, resolver, &kind, err));
        }
    }
    look->kinds[kind]++;
    look->file->queries += query.kind == LINE_QUERY;
    look->file->watched += kind == LINES_QUERY;
done:
    return status;
}

static enum status stretch_add(struct place_look *look, int64_t from_ms, int64_t to_ms, struct error *err)
{
    enum status status = STATUS_OK;
    struct sampling *sampling = look->sampling;
    TRY(array_reserve(&sampling->stretches, &sampling->stretch_capacity, sampling->stretch_count + 1,
                      sizeof *sampling->stretches, err));
    sampling->stretches[sampling->stretch_count++] = (struct stretch){
        sampling->run->archive.files[look->place->file].source, look->place->file, from_ms, to_ms};
done:
    return status;
}

/* Times in order of lines: where the file begins and ends, gaps in it, and steps of the clock. */
static enum status time_note(struct place_look *look, int64_t time_ms, struct error *err)
{
    enum status status = STATUS_OK;
    struct sampled_file *file = look->file;
    int64_t window_ms = look->sampling->run->plan.window_s * 1000;
    int64_t gap_ms = window_ms > GAP_LEAST_MS ? window_ms : GAP_LEAST_MS;
    int64_t since_ms = look->before_ms == SURVEY_NO_TIME ? 0 : time_ms - look->before_ms;
    bool is_apart = since_ms > gap_ms || since_ms < -gap_ms;
    if (file->first_ms == SURVEY_NO_TIME || time_ms < file->first_ms)
        file->first_ms = time_ms;
    if (since_ms < -STEP_MS && file->steps++ == 0)
        file->step_ms = time_ms;
    if (is_apart && look->sampling->survey->is_whole)
        TRY(stretch_add(look, look->from_ms, look->before_ms, err));
    if (is_apart || look->from_ms == SURVEY_NO_TIME)
        look->from_ms = time_ms;
    look->before_ms = time_ms;
    look->first_ms = look->first_ms == SURVEY_NO_TIME || time_ms < look->first_ms ? time_ms : look->first_ms;
    look->last_ms = time_ms > look->last_ms ? time_ms : look->last_ms;
done:
    return status;
}

static void resolver_note(struct sampling *sampling, struct span name)
{
    struct survey *survey = sampling->survey;
    uint64_t hash = content_hash(name.at, name.count);
    const int64_t most = sizeof sampling->resolver_hashes / sizeof sampling->resolver_hashes[0];
    for (int64_t i = 0; i < survey->resolver_count; i++)
        if (sampling->resolver_hashes[i] == hash)
            return;
    if (survey->resolver_count == most)
        return;
    if (survey->resolver_count < SURVEY_LIST)
        (void)text_for_terminal(name.at, name.count, survey->resolvers[survey->resolver_count],
                                sizeof survey->resolvers[0]);
    sampling->resolver_hashes[survey->resolver_count++] = hash;
}

static enum survey_network network_of(const struct ip *ip)
{
    for (int network = 0; network < SURVEY_ELSEWHERE; network++) {
        struct ip_range range;
        if (ip_range_read(survey_network_range((enum survey_network)network), &range) &&
            ip_in_range(ip, &range))
            return (enum survey_network)network;
    }
    return SURVEY_ELSEWHERE;
}

static void reject_keep(struct place_look *look, const struct query *query, const char *line, size_t count)
{
    struct survey *survey = look->sampling->survey;
    char sample[120];
    if (survey->reject_count == EXTRACT_REJECTS)
        return;
    const char *path = look->sampling->run->archive.files[look->place->file].path;
    struct extract_reject *kept = &survey->rejects[survey->reject_count++];
    (void)text_for_terminal(path, strlen(path), kept->path, sizeof kept->path);
    (void)text_for_terminal(line, count < sizeof sample ? count : sizeof sample, sample, sizeof sample);
    (void)snprintf(kept->line.text, sizeof kept->line.text, "%s: %s", query->reject_reason, sample);
}

static bool is_watched(const struct tally_plan *plan, const struct ip *ip)
{
    for (size_t i = 0; i < plan->client_count; i++)
        if (ip_in_range(ip, &plan->clients[i]))
            return true;
    return plan->client_count == 0;
}

/* The window of a line. Of a sample the windows begin with the place: in a place that lies across two of them
 * each client would make two rows, while the place stands for one window's length. */
static int64_t window_of(struct place_look *look, int64_t time_s)
{
    struct sampling *sampling = look->sampling;
    const int64_t window_s = sampling->run->plan.window_s;
    if (look->row_visits >= 1 && !sampling->survey->is_whole)
        return look->window_s + (time_s > look->start_s ? (time_s - look->start_s) / window_s * window_s : 0);
    int64_t midnight_s = zone_day_start(sampling->run->zone, zone_day_of(sampling->run->zone, time_s));
    look->window_s = (time_s - midnight_s) / window_s * window_s + midnight_s;
    look->start_s = time_s;
    if (!sampling->survey->is_whole && look->window_s != sampling->pool_window_s)
        pools_close(sampling, 1);
    sampling->pool_window_s = look->window_s;
    return look->window_s;
}

/* What a person wants to know of a line; beside the clock. */
static enum status line_note(struct place_look *look, const char *line, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    struct sampling *sampling = look->sampling;
    struct query query;
    char text[IP_TEXT_BYTES];
    if (line_parse(look->parser, line, count, &query) == LINE_REJECT)
        reject_keep(look, &query, line, count);
    if (query.kind != LINE_QUERY)
        return STATUS_OK;
    int form = form_of(&query, line, count);
    look->file->form = look->file->form ? look->file->form : form;
    sampling->forms[form] = true;
    if (!query.has_time)
        return STATUS_OK;
    look->file->is_local |= query.is_local_time;
    TRY(time_note(look, query.time_ms, err));
    resolver_note(sampling, resolver_text(&query, host_of(look, &query), text));
    sampling->survey->networks[network_of(&query.client)]++;
    if (!is_watched(&sampling->run->plan, &query.client) ||
        tallies_day(sampling->run->tallies, query.time_ms) == INT64_MIN)
        return STATUS_OK;
    struct sample_key key;
    memset(&key, 0, sizeof key);
    key.client = query.client;
    ip_mask_v6(&key.client, sampling->run->plan.ipv6_prefix);
    key.window_s = window_of(look, query.time_ms / 1000);
    TRY(visit_count(&sampling->rows, &look->row_visits, &key, query.time_ms / 1000, err));
    key.name = memory_hash(query.qname.wire, query.qname.bytes);
    TRY(visit_count(&sampling->names, &look->name_visits, &key, query.time_ms / 1000, err));
done:
    return status;
}

static enum status lines_each(struct place_look *look, const char *lines, size_t count,
                              enum status (*each)(struct place_look *, const char *, size_t, struct error *),
                              struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t at = 0; at < count;) {
        const char *end = memchr(lines + at, '\n', count - at);
        size_t length = end ? (size_t)(end - lines) - at : count - at;
        TRY(each(look, lines + at, length, err));
        at += length + 1;
    }
done:
    return status;
}

/* What the place says of all the text it stands for. */
static void place_scale(struct place_look *look)
{
    struct sampling *sampling = look->sampling;
    if (look->bytes == 0)
        return;
    double scale = sampling->survey->is_whole ? 1 : look->place->stands_for / (double)look->bytes;
    double queries = (double)look->kinds[LINES_QUERY];
    double window_s = (double)sampling->run->plan.window_s;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        sampling->kinds[kind] += (double)look->kinds[kind] * scale;
    sampling->text_sum += look->place->stands_for;
    sampling->rows.visits += look->row_visits;
    sampling->names.visits += look->name_visits;
    if (sampling->survey->is_whole)
        return;  // the pools go on: they are counted at the end
    // n queries in a time t have n / (n - 1) of it between them and the next one.
    double time_s =
        (double)(look->last_ms - look->first_ms) / 1000 * queries / (queries > 1 ? queries - 1 : 1);
    double windows = time_s * scale / window_s;
    double more = windows > 1 ? scale / windows : scale;
    if (time_s >= window_s)
        more = 1;
    sampling->rows.visits_stood_for += look->row_visits * more;
    sampling->names.visits_stood_for += look->name_visits * more;
    // A place that stands for less than a window is united with the next ones in its window.
    if (time_s >= window_s)
        pools_close(sampling, scale);
    else if (windows > 1)
        pools_close(sampling, windows);
}

static enum status place_read(struct place_look *look, struct stream *stream, struct error *err)
{
    enum status status = STATUS_OK;
    struct sampling *sampling = look->sampling;
    while (look->bytes < look->place->room) {
        const char *lines = NULL;
        size_t count = 0;
        int64_t offset = 0;
        double began_s = clock_seconds();
        TRY(stream_next(stream, &lines, &count, &offset, err));
        if (!lines)
            break;
        TRY(lines_each(look, lines, count, line_tally, err));
        sampling->seconds += clock_seconds() - began_s;
        TRY(lines_each(look, lines, count, line_note, err));
        look->bytes += (int64_t)count;
    }
    look->kinds[LINES_REJECT] += stream_long_lines(stream);
    if (look->from_ms != SURVEY_NO_TIME && sampling->survey->is_whole)
        TRY(stretch_add(look, look->from_ms, look->before_ms, err));
    if (look->last_ms != SURVEY_NO_TIME && look->last_ms > look->file->last_ms)
        look->file->last_ms = look->last_ms;
    sampling->survey->sampled_bytes += look->bytes;
    if (look->file->head_bytes == 0) {
        look->file->head_bytes = look->bytes;
        look->file->head_ms = look->last_ms - look->first_ms;
    }
done:
    return status;
}

enum status place_sample(struct sampling *sampling, const struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    struct extraction *run = sampling->run;
    struct stream *stream = NULL;
    const struct archive_file *file = &run->archive.files[place->file];
    const struct source_setup *source = &run->sources[file->source];
    struct place_look look = {.sampling = sampling,
                              .file = &sampling->files[place->file],
                              .place = place,
                              .source = source,
                              .timed = line_parser_new(source->zone, place->year),
                              .parser = line_parser_new(source->zone, place->year),
                              .first_ms = SURVEY_NO_TIME,
                              .last_ms = SURVEY_NO_TIME,
                              .before_ms = SURVEY_NO_TIME,
                              .from_ms = SURVEY_NO_TIME};
    const struct archive_piece piece = {.file = place->file, .from = place->from, .to = place->to};
    if (!look.timed || !look.parser) {
        status = error_set(err, STATUS_NO_MEMORY, file->path, "", "no room for a parser");
        goto done;
    }
    TRY(piece_open(&run->archive, &piece, 65536, &stream, err));
    TRY(place_read(&look, stream, err));
    if (stream_fault(stream))
        TRY(warning_add(run, file->path, stream_fault(stream), err));
    if (place->to < 0) {
        sampling->packed_bytes += stream_stored_bytes(stream);
        sampling->unpacked_bytes += look.bytes;
    }
    place_scale(&look);
done:
    stream_close(stream);
    line_parser_free(look.timed);
    line_parser_free(look.parser);
    return status;
}
