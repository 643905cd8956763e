/* What holds of any line whatever, for the fuzzer and for the test with mutated lines. */
#ifndef TESTS_INVARIANTS_H
#define TESTS_INVARIANTS_H

#include "parse/parse.h"

#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The span lies in the line, or in the parser's own copy of a JSON line. */
static inline bool is_inside(struct span text, const char *line, size_t count,
                             const struct line_parser *parser)
{
    if (text.count == 0)
        return true;
    if (!text.at)
        return false;
    uintptr_t at = (uintptr_t)text.at, from = (uintptr_t)line, buffer = (uintptr_t)parser->buffer;
    return (at >= from && text.count <= count && at - from <= count - text.count) ||
           (parser->buffer && at >= buffer && text.count <= parser->buffer_bytes &&
            at - buffer <= parser->buffer_bytes - text.count);
}

/* RFC 1035 §3.1: labels of 1 to 63 octets, a root at the end, 255 in all; the list of labels says the same.
 */
static inline bool is_wire(const struct qname *qname)
{
    size_t at = 0, label = 0;
    if (qname->bytes == 0)
        return false;
    while (at < qname->bytes && qname->wire[at] != 0) {
        if (qname->wire[at] > 63 || label >= qname->label_count || qname->label_at[label++] != at)
            return false;
        at += 1 + (size_t)qname->wire[at];
    }
    return at + 1 == qname->bytes && label == qname->label_count;
}

/* The octets that were sent, printed and read again, are the same; in lower case they are the other name. */
static inline bool is_name_whole(const struct query *query)
{
    char text[QNAME_TEXT_BYTES];
    struct query again = {0};
    size_t bytes = query->qname.bytes;
    size_t length = qname_text(query->wire_as_sent, bytes, text, sizeof text);
    if (length != query->qname_text.count || memcmp(text, query->qname_text.at, length) != 0)
        return false;
    if (!qname_read((struct span){text, length}, &again) || again.qname.bytes != bytes ||
        memcmp(again.wire_as_sent, query->wire_as_sent, bytes) != 0 ||
        memcmp(again.qname.wire, query->qname.wire, bytes) != 0)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t sent = query->wire_as_sent[i];
        if (query->qname.wire[i] != (sent >= 'A' && sent <= 'Z' ? sent + ('a' - 'A') : sent))
            return false;
    }
    return true;
}

/* NULL when all is as it must be, else what is not. */
static inline const char *broken_rule(const struct query *query, const char *line, size_t count,
                                      const struct line_parser *parser, char *row)
{
    const struct span spans[] = {query->time_text,  query->client_text,      query->port_text,
                                 query->key_text,   query->view_text,        query->qname_text,
                                 query->class_text, query->type_text,        query->flags_text,
                                 query->ecs_text,   query->server_text,      query->host,
                                 query->rcode_text, query->server_port_text, query->counts_text};
    if (query->kind != LINE_QUERY && query->kind != LINE_RESPONSE && query->kind != LINE_OTHER &&
        query->kind != LINE_REJECT)
        return "the kind is one of four";
    if ((query->kind == LINE_REJECT) != (query->reject_reason != NULL))
        return "rejects, and only they, have a reason";
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        if (!is_inside(spans[i], line, count, parser))
            return "each span lies in the line or in the parser";
    if (query->has_time && (query->time_ms < 0 || query->time_ms >= INT64_C(253402300800) * 1000 + 86400000))
        return "times lie between 1970 and 9999";
    if (query->kind == LINE_QUERY || query->kind == LINE_RESPONSE) {
        if (!is_wire(&query->qname))
            return "names are well-formed";
        if (!is_name_whole(query))
            return "a name is what was printed";
    }
    size_t length = query_tsv(query, INT64_MAX, row);
    if (length >= QUERY_TSV_BYTES || memchr(row, '\n', length) || memchr(row, 0x1b, length))
        return "a row is one line, without controls";
    size_t tabs = 0;
    for (size_t i = 0; i < length; i++)
        tabs += row[i] == '\t';
    return tabs == 19 ? NULL : "a row has twenty columns";
}

#endif
