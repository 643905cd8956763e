/* A parsed line as one short text, so that a case is a row: the line, and what must come of it. */
#ifndef TESTS_RENDERED_H
#define TESTS_RENDERED_H

#include "parse/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RENDERED_BYTES 8192

static inline void put(char *out, const char *before, struct span text)
{
    size_t used = strlen(out);
    if (text.count > 0)
        (void)snprintf(out + used, RENDERED_BYTES - used, "%s%.*s", before, (int)text.count, text.at);
}

/* CLIENT#PORT[/KEY][ view=V] NAME CLASS TYPE FLAGS[ at SERVER[#PORT]][ ecs=E][ rcode=R counts=C][ host=H];
 * class and type as numbers, flags as a set in a fixed order, addresses as read. */
static inline void render(const struct query *query, char out[RENDERED_BYTES])
{
    static const char *const KINDS[] = {"query", "response", "other", "reject"};
    static const char LETTERS[] = "+SETDCVK";
    char ip[IP_TEXT_BYTES], number[64], flags[16] = "";
    (void)snprintf(out, RENDERED_BYTES, "%s", KINDS[query->kind]);
    if (query->kind == LINE_REJECT)
        put(out, ": ", (struct span){query->reject_reason, strlen(query->reject_reason)});
    if (query->kind != LINE_QUERY && query->kind != LINE_RESPONSE)
        return;
    (void)ip_write(&query->client, ip);
    (void)snprintf(number, sizeof number, " %s#%u", ip, (unsigned)query->port);
    put(out, "", (struct span){number, strlen(number)});
    put(out, "/", query->key_text);
    put(out, " view=", query->view_text);
    put(out, " ", query->qname_text);
    (void)snprintf(flags, sizeof flags, "%s", query->flags & QUERY_RECURSION ? "+" : "-");
    for (size_t bit = 1; bit < 8; bit++)
        if (query->flags >> bit & 1)
            (void)snprintf(flags + strlen(flags), sizeof flags - strlen(flags), "%c", LETTERS[bit]);
    (void)snprintf(number, sizeof number, " %u %u %s", (unsigned)query->qclass, (unsigned)query->qtype,
                   flags);
    put(out, "", (struct span){number, strlen(number)});
    if (query->has_server) {
        (void)ip_write(&query->server, ip);
        put(out, " at ", (struct span){ip, strlen(ip)});
    }
    put(out, "#", query->server_port_text);
    put(out, " ecs=", query->ecs_text);
    put(out, " rcode=", query->rcode_text);
    put(out, " counts=", query->counts_text);
    put(out, " host=", query->host);
}

/* Parses one line alone, in UTC and 2026. */
static inline void render_line(const char *line, size_t count, char out[RENDERED_BYTES])
{
    struct query query;
    struct line_parser *parser = line_parser_new(NULL, 2026);
    assert_non_null(parser);
    enum line_kind kind = line_parse(parser, line, count, &query);
    assert_int_equal(kind, query.kind);
    render(&query, out);
    line_parser_free(parser);
}

#endif
