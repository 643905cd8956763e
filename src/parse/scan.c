/* Scanning: what must be learnt strictly before it is recognised, and what a scanned line means. */
#include "internal.h"

#include "base/hash.h"
#include "base/simd.h"

#include <stdlib.h>

static size_t (*const KERNELS[SIMD_LEVELS])(struct line_parser *, const char *, const char *, size_t,
                                            const struct scan_bounds *, struct scan *) = {
    [SIMD_PLAIN] = scan_plain,
#if defined(__x86_64__)
    [SIMD_AVX2] = scan_avx2,
    [SIMD_AVX512] = scan_avx512,
#endif
};

size_t scan_lines(struct line_parser *parser, const char *lines, size_t count, size_t most,
                  const struct scan_bounds *bounds, struct scan *scans)
{
    if (count < SCAN_REACH)
        return 0;
    if (!parser->scan_kernel) {
        parser->scan_kernel = KERNELS[simd_level()];
        for (size_t i = 0; i < sizeof parser->keys / sizeof *parser->keys; i++)
            parser->keys[i] = memory_hash(&i, sizeof i);
    }
    return parser->scan_kernel(parser, lines, lines + count, most < SCAN_LINES ? most : SCAN_LINES, bounds,
                               scans);
}

const struct ip *scan_server(const struct line_parser *parser, uint16_t server)
{
    return &parser->servers[server].ip;
}

struct line_mark line_parser_mark(const struct line_parser *parser)
{
    return (struct line_mark){.last_local_s = parser->last_local_s,
                              .cached_minute = parser->cached_minute,
                              .cached_utc_s = parser->cached_utc_s,
                              .year = parser->year,
                              .month = parser->month,
                              .in_fold = parser->in_fold,
                              .second_pass = parser->second_pass,
                              .is_guess = parser->is_guess};
}

void line_parser_return(struct line_parser *parser, const struct line_mark *mark)
{
    parser->last_local_s = mark->last_local_s;
    parser->cached_minute = mark->cached_minute;
    parser->cached_utc_s = mark->cached_utc_s;
    parser->year = mark->year;
    parser->month = mark->month;
    parser->in_fold = mark->in_fold;
    parser->second_pass = mark->second_pass;
    parser->is_guess = mark->is_guess;
}

/* ---- learning ---- */

/* Where the milliseconds end in "01-Feb-2022 00:00:00.160" or in "2022-02-01T00:00:00.160". */
static size_t fraction_end(const char *line)
{
    return line[4] == '-' ? 23 : 24;
}

/* The stamp at the start of a line whose first SCAN_REACH bytes can be read. */
static bool stamp_take(const char *line, struct cursor *cursor, struct stamp *stamp)
{
    *cursor = (struct cursor){line, line + SCAN_REACH};
    *stamp = (struct stamp){0};
    if (!stamp_named(cursor, stamp) && !stamp_iso(cursor, stamp))
        return false;
    // Three digits of a fraction, and an offset as long as "+09:00".
    const size_t end = fraction_end(line);
    return stamp->text.count >= end && stamp->text.count <= end + 6 && line[end - 4] == '.' &&
           (line[end] < '0' || line[end] > '9');
}

bool scan_learn_head(struct line_parser *parser, const char *line)
{
    // With ISO stamps the first word must end in a colon: else it might be a host.
    static const char *const HEADS[] = {" queries: info: client ", " queries: client ", " info: client ",
                                        " client "};
    struct scan_head *head = &parser->scan;
    struct cursor cursor;
    struct stamp stamp;
    if (!stamp_take(line, &cursor, &stamp))
        return false;
    const bool is_iso = line[4] == '-';
    const size_t end = fraction_end(line);
    for (size_t i = 0; i < sizeof HEADS / sizeof HEADS[0] - is_iso; i++) {
        if (!skip(&cursor, HEADS[i], strlen(HEADS[i])))
            continue;
        const bool has_pointer = SKIP(&cursor, "@0x");
        *head = (struct scan_head){.has_pointer = has_pointer,
                                   .fraction_end = (uint8_t)end,
                                   .tail_count = (uint8_t)(stamp.text.count - end),
                                   .head_count = (uint8_t)((size_t)(cursor.at - line) - end)};
        memcpy(head->head, line + end, head->head_count);
        return true;
    }
    return false;
}

bool scan_learn_minute(struct line_parser *parser, const char *line, struct scan *scan)
{
    struct scan_head *head = &parser->scan;
    struct cursor cursor;
    struct stamp stamp;
    if (!stamp_take(line, &cursor, &stamp) ||
        stamp.text.count != (size_t)head->fraction_end + head->tail_count ||
        !clock_resolve(parser, &stamp, &scan->time_ms, &scan->fold_guessed))
        return false;
    const int64_t second = stamp.seconds % 60;  // of a year from 1970 on
    scan->is_local_time = stamp.is_local;
    head->is_local = stamp.is_local;
    head->minute_number = stamp.seconds / 60;
    head->base_s = scan->time_ms / 1000 - second;
    // In a repeated hour the order of lines decides: then each line asks the clock itself. A leap second's
    // line says another minute than the number that it stands for.
    head->is_known =
        second == (line[head->fraction_end - 6] - '0') * 10 + (line[head->fraction_end - 5] - '0') &&
        stamp.seconds >= 0 &&
        (!stamp.is_local || !parser->zone || parser->cached_minute == head->minute_number);
    memcpy(head->minute, line, (size_t)head->fraction_end - 6);
    return true;
}

/* The place for a new word, NULL when its places are taken. */
static struct scan_word *word_place(struct scan_word *words, const uint64_t text[2])
{
    size_t at = scan_word_home(text[0], text[1]);
    for (int i = 0; i < SCAN_PROBES; i++, at = (at + 1) % SCAN_WORDS)
        if (!words[at].is_known)
            return &words[at];
    return NULL;
}

static void word_keep(struct scan_word *words, const uint64_t text[2], uint16_t value)
{
    struct scan_word *place = word_place(words, text);
    if (place)
        *place = (struct scan_word){{text[0], text[1]}, value, true};
}

/* The bytes of words that were put together with the first byte lowest. */
static void text_of(const uint64_t *words, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++)
        text[i] = (char)(words[i / 8] >> 8 * (i % 8));
}

bool scan_learn_type(struct line_parser *parser, const uint64_t text[2], size_t count, uint16_t *type)
{
    char bytes[16];
    text_of(text, count, bytes);
    if (!qtype_read((struct span){bytes, count}, type))
        return false;
    word_keep(parser->types, text, *type);
    return true;
}

bool scan_learn_flags(struct line_parser *parser, const uint64_t text[2], size_t count, uint16_t *flags)
{
    char bytes[16];
    struct query query = {0};
    text_of(text, count, bytes);
    struct cursor cursor = {bytes, bytes + count};
    if (!flags_read(&cursor, &query) || rest_of(&cursor) > 0)
        return false;
    *flags = query.flags;
    word_keep(parser->flags, text, *flags);
    return true;
}

bool scan_learn_server(struct line_parser *parser, const uint64_t text[8], size_t count, uint16_t *server)
{
    struct query query = {0};
    const char *bytes = (const char *)text;
    size_t at = scan_word_home(text[0], text[1]);
    if (!server_text_read((struct span){bytes, count}, &query))
        return false;
    for (int i = 0; i < SCAN_PROBES; i++, at = (at + 1) % SCAN_SERVERS) {
        struct scan_server *place = &parser->servers[at];
        if (place->is_known)
            continue;
        memcpy(place->text, text, sizeof place->text);
        place->ip = query.server;
        place->is_known = true;
        *server = (uint16_t)at;
        return true;
    }
    return false;
}

/* ---- meaning ---- */

static struct span part(const struct scan *scan, size_t at, size_t count)
{
    return (struct span){scan->line + at, count};
}

bool scan_client(const struct scan *scan, struct ip *client)
{
    return address_read(part(scan, scan->client_at, scan->client_count), client);
}

bool scan_name(const struct scan *scan, struct query *query)
{
    return qname_read(part(scan, scan->question_at, scan->name_count), query);
}

bool scan_query(const struct scan *scan, struct query *query)
{
    unsigned port = 0;
    *query = (struct query){
        .kind = LINE_QUERY,
        .has_time = true,
        .is_local_time = scan->is_local_time,
        .fold_guessed = scan->fold_guessed,
        .time_ms = scan->time_ms,
        .printed_ms = scan->time_ms,
        .qtype = scan->qtype,
        .qclass = 1,
        .flags = scan->flags,
        .time_text = part(scan, 0, scan->stamp_count),
        .client_text = part(scan, scan->client_at, scan->client_count),
        .port_text = part(scan, (size_t)scan->client_at + scan->client_count + 1, scan->port_count),
        .qname_text = part(scan, scan->question_at, scan->name_count),
        .class_text = part(scan, (size_t)scan->question_at + scan->name_count + 1, 2),
        .type_text = part(scan, scan->type_at, scan->type_count),
        .flags_text = part(scan, scan->flags_at, scan->flags_count)};
    if (scan->view_at > 0)
        query->view_text = part(scan, scan->view_at, scan->view_count);
    for (size_t i = 0; i < query->port_text.count; i++)
        port = port * 10 + (unsigned)(query->port_text.at[i] - '0');
    query->port = (uint16_t)port;
    return server_text_read(part(scan, scan->server_at, scan->server_count), query) &&
           scan_client(scan, &query->client) && scan_name(scan, query);
}
