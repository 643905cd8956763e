/* A line from its prefix to its record, and its row as text. */
#include "internal.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_BYTES_MOST 65536

struct line_parser *line_parser_new(const struct zone *zone, int year)
{
    struct line_parser *parser = calloc(1, sizeof *parser);
    if (!parser)
        return NULL;
    parser->zone = zone;
    parser->year = year;
    parser->last_local_s = INT64_MIN;
    parser->cached_minute = INT64_MIN;
    return parser;
}

void line_parser_free(struct line_parser *parser)
{
    if (!parser)
        return;
    free(parser->buffer);
    free(parser);
}

/* ---- category and severity ---- */

/* A word of letters and hyphens with ": " behind it. */
static bool head_word(struct cursor *cursor, struct span *word)
{
    struct cursor at = *cursor;
    while (rest_of(&at) > 0 && ((*at.at >= 'a' && *at.at <= 'z') || *at.at == '-'))
        at.at++;
    *word = (struct span){cursor->at, (size_t)(at.at - cursor->at)};
    if (word->count == 0 || !SKIP(&at, ": "))
        return false;
    *cursor = at;
    return true;
}

static bool is_word(struct span word, const char *text)
{
    return strlen(text) == word.count && memcmp(word.at, text, word.count) == 0;
}

static bool is_severity(struct span word)
{
    static const char *const SEVERITIES[] = {"info", "notice", "warning", "error", "critical"};
    for (size_t i = 0; i < sizeof SEVERITIES / sizeof SEVERITIES[0]; i++)
        if (is_word(word, SEVERITIES[i]))
            return true;
    return false;
}

/* "debug 3: ". */
static bool debug_skip(struct cursor *cursor)
{
    struct cursor at = *cursor;
    if (!SKIP(&at, "debug ") || rest_of(&at) == 0)
        return false;
    while (rest_of(&at) > 0 && *at.at >= '0' && *at.at <= '9')
        at.at++;
    if (!SKIP(&at, ": "))
        return false;
    *cursor = at;
    return true;
}

static enum category category_read(struct cursor *cursor, bool *has_severity)
{
    enum category category = CATEGORY_NONE;
    struct span word;
    struct cursor at = *cursor;
    if (head_word(&at, &word) && !is_severity(word)) {
        category = is_word(word, "queries")     ? CATEGORY_QUERIES
                   : is_word(word, "responses") ? CATEGORY_RESPONSES
                                                : CATEGORY_OTHER;
        *cursor = at;
    }
    at = *cursor;
    *has_severity = (head_word(&at, &word) && is_severity(word)) || debug_skip(&at);
    if (*has_severity)
        *cursor = at;
    return category;
}

/* Whether a query line might have been cut here, in its head or right behind it. */
static bool is_cut_head(const struct cursor *cursor)
{
    static const char *const HEADS[] = {"queries: info: client ", "info: client ", "client ",
                                        "responses: info: client "};
    for (size_t i = 0; i < sizeof HEADS / sizeof HEADS[0]; i++)
        if (rest_of(cursor) <= strlen(HEADS[i]) && memcmp(HEADS[i], cursor->at, rest_of(cursor)) == 0)
            return true;
    return false;
}

/* named's own line, without prefix and stamp. */
static enum line_kind body_read(struct cursor cursor, bool is_dated, struct query *query)
{
    bool has_severity = false;
    if (is_cut_head(&cursor)) {
        query->reject_reason = "the line ends in its head";
        return LINE_REJECT;
    }
    enum category category = category_read(&cursor, &has_severity);
    bool is_other = category == CATEGORY_OTHER;
    if (rest_of(&cursor) >= 7 && memcmp(cursor.at, "client ", 7) == 0)
        return record_read(cursor, category, query);
    bool may_be_other = category == CATEGORY_NONE && (has_severity || is_dated);
    if (rest_of(&cursor) > 0 && (is_other || may_be_other))
        return LINE_OTHER;
    query->reject_reason = category == CATEGORY_NONE ? "no BIND log line" : "no client behind the category";
    return LINE_REJECT;
}

/* ---- other servers ---- */

/* Lines of Unbound, dnsmasq, PowerDNS and dnstap-read: whole lines of another kind, whose times are not
 * looked at. */
static bool is_foreign(struct cursor cursor)
{
    struct stamp stamp;
    struct span word;
    if (SKIP(&cursor, "["))
        return take_until(&cursor, ']', &word) && word.count == 10 && is_made_of(word, "0123456789");
    if (stamp_named(&cursor, &stamp))
        return rest_of(&cursor) > 4 && cursor.at[0] == ' ' && cursor.at[1] >= 'A' && cursor.at[1] <= 'Z' &&
               cursor.at[2] >= 'A' && cursor.at[2] <= 'Z' && cursor.at[3] == ' ';
    if (!stamp_syslog(&cursor, &stamp) || !SKIP(&cursor, " "))
        return false;
    if (SKIP(&cursor, "msg="))
        return true;
    // A program and its pid where syslog would have put the host.
    if (!take_until(&cursor, ' ', &word) || (word.count > 5 && memcmp(word.at, "named", 5) == 0))
        return false;
    const char *bracket = memchr(word.at, '[', word.count);
    return bracket && bracket > word.at && memchr(bracket, ']', word.count - (size_t)(bracket - word.at));
}

/* ---- the line ---- */

static void times_fill(struct line_parser *parser, const struct stamp *printed, const struct stamp *own,
                       struct query *query)
{
    bool guessed = false;
    query->time_text = printed->text.count ? printed->text : own->text;
    if (own->text.count > 0) {
        query->has_time = clock_resolve(parser, own, &query->time_ms, &query->fold_guessed);
        query->is_local_time = own->is_local;
        query->printed_ms = query->time_ms;
    }
    if (printed->text.count == 0)
        return;
    // Only one clock runs through a file: where both are printed it is named's, which has milliseconds and
    // the year.
    struct line_parser outer = *parser;
    struct line_parser *clock = own->text.count > 0 ? &outer : parser;
    if (outer.year == 0 && own->text.count > 0)
        outer.year = own->year;
    bool resolved = clock_resolve(clock, printed, &query->printed_ms, &guessed);
    if (own->text.count > 0)
        return;
    query->has_time = resolved;
    query->time_ms = query->printed_ms;
    query->fold_guessed = guessed;
    query->is_local_time = printed->is_local;
}

/* The members that are text, numbers and flags; the name's octets are valid only where a query was read. */
static void query_clear(struct query *query)
{
    memset(query, 0, offsetof(struct query, qname));
    query->qname.bytes = 0;
    query->qname.label_count = 0;
    query->mixed_case = false;
    query->case_changes = 0;
    memset(&query->time_text, 0, sizeof *query - offsetof(struct query, time_text));
}

enum line_kind line_parse(struct line_parser *parser, const char *line, size_t count, struct query *query)
{
    struct prefix prefix;
    struct stamp own = {0};
    query_clear(query);
    if (count > 0 && line[count - 1] == '\r')
        count--;
    if (count == 0)
        return query->kind = LINE_OTHER;
    if (count > LINE_BYTES_MOST) {
        query->reject_reason = "longer than any line that named writes";
        return query->kind = LINE_REJECT;
    }
    struct cursor cursor = {line, line + count};
    if (is_foreign(cursor))
        return query->kind = LINE_OTHER;
    if (stamp_named(&cursor, &own) || !(prefix_read(parser, &cursor, &prefix), prefix.is_there)) {
        prefix = (struct prefix){0};
        if (own.text.count == 0)
            (void)stamp_iso(&cursor, &own);
    } else if (!stamp_named(&cursor, &own)) {
        (void)stamp_iso(&cursor, &own);
    }
    query->host = prefix.host;
    if (own.text.count > 0 && !SKIP(&cursor, " ")) {
        query->reject_reason = "no blank behind the time";
        return query->kind = LINE_REJECT;
    }
    query->kind = body_read(cursor, prefix.is_there || own.text.count > 0, query);
    // What syslog wrote before a cut line is whole.
    if (query->kind == LINE_REJECT && prefix.stamp.text.count == 0)
        return LINE_REJECT;
    times_fill(parser, &prefix.stamp, &own, query);
    if (query->kind == LINE_QUERY && own.text.count > 0 && !query->has_time) {
        query->reject_reason = "a time before 1970";
        query->kind = LINE_REJECT;
    }
    return query->kind;
}

/* ---- as a row ---- */

static char *put_span(char *out, struct span text, bool lower)
{
    for (size_t i = 0; i < text.count; i++) {
        unsigned char c = (unsigned char)text.at[i];
        size_t shown = c < 0x80 ? 0 : text_utf8_shown(text.at + i, text.count - i);
        if (shown > 0) {
            memcpy(out, text.at + i, shown);
            out += shown;
            i += shown - 1;
        } else if (c < 0x20 || c >= 0x7f) {
            out += snprintf(out, 5, "\\x%02x", c);
        } else {
            *out++ = (char)(lower && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        }
    }
    *out++ = '\t';
    return out;
}

static char *put_number(char *out, bool is_there, int64_t number)
{
    if (is_there)
        out += snprintf(out, 24, "%" PRId64, number);
    *out++ = '\t';
    return out;
}

size_t query_tsv(const struct query *query, int64_t line_number, char *row)
{
    static const char *const KINDS[] = {"query", "response", "other", "reject"};
    bool is_query = query->kind == LINE_QUERY || query->kind == LINE_RESPONSE;
    char *out = row;
    out += snprintf(out, 64, "%" PRId64 "\t%s", line_number, KINDS[query->kind]);
    *out++ = '\t';
    out = put_span(out, query->time_text, false);
    out = put_number(out, query->has_time, query->printed_ms);
    if (!is_query) {
        out += snprintf(out, 32, "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t");
        return (size_t)(out - row);
    }
    out = put_span(out, query->client_text, false);
    out = put_span(out, query->port_text, false);
    out = put_span(out, query->key_text, false);
    out = put_span(out, query->view_text, false);
    out = put_span(out, query->qname_text, false);
    out = put_span(out, query->qname_text, true);
    for (size_t i = 0; i < query->qname.bytes; i++)
        out += snprintf(out, 3, "%02x", query->wire_as_sent[i]);
    *out++ = '\t';
    out = put_span(out, query->class_text, false);
    out = put_span(out, query->type_text, false);
    out = put_number(out, true, query->qtype);
    out = put_span(out, query->flags_text, false);
    out = put_span(out, query->ecs_text, false);
    out = put_span(out, query->server_text, false);
    out = put_span(out, query->server_port_text, false);
    out = put_span(out, query->rcode_text, false);
    out = put_span(out, query->counts_text, false);
    *--out = '\0';
    return (size_t)(out - row);
}
