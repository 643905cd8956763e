/**
 * From the bytes of a log line to struct query: every line form of BIND 9.4 to 9.21, and what syslog, the
 * journal and containers put before it.
 *
 *     line ─► prefix (time, host) ─► named's own time, category, severity ─► record ─► struct query
 *
 * A line is a query, a response, an undamaged line of another kind, or a reject; nothing else, and nothing
 * fails. Names are attacker's bytes: they are decoded to the octets on the wire, and a line whose two copies
 * of the name differ is torn. Read strictly from the left, since a name or a view may hold what looks like a
 * record.
 */
#ifndef PARSE_PARSE_H
#define PARSE_PARSE_H

#include "base/error.h"
#include "base/ip.h"
#include "base/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes that are borrowed from the line, or from the parser until it reads another line. */
struct span {
    const char *at;
    size_t count;
};

/** Room for a name as BIND prints it: 255 octets, four characters each at most, and '\0'. */
#define QNAME_TEXT_BYTES 1024

/** A name on the wire (RFC 1035 §3.1), ASCII letters lowered, with where its labels begin. */
struct qname {
    uint8_t wire[255];
    uint8_t bytes;  // with the root's octet; the root itself has 1
    uint8_t label_count;
    uint8_t label_at[127];  // of each label's length octet
};

enum line_kind { LINE_QUERY, LINE_RESPONSE, LINE_OTHER, LINE_REJECT };

/** BIND's flag field as bits; V and K exclude each other. */
enum query_flag {
    QUERY_RECURSION = 1,  // '+': RD
    QUERY_SIGNED = 2,
    QUERY_EDNS = 4,
    QUERY_TCP = 8,
    QUERY_DO = 16,
    QUERY_CD = 32,
    QUERY_COOKIE_VALID = 64,
    QUERY_COOKIE = 128,
};

/** A line, understood. */
struct query {
    enum line_kind kind;
    const char *reject_reason;  // of a reject; static text
    bool has_time;
    bool is_local_time;  // the stamp had no offset: the zone was applied
    bool fold_guessed;  // in a repeated hour, and the order of lines gave no evidence which pass it is
    int64_t time_ms;  // since 1970 UTC; named's own stamp where there are two
    int64_t printed_ms;  // of time_text, the outermost stamp
    struct ip client;
    uint16_t port;
    bool has_server;
    struct ip server;
    uint16_t qtype, qclass;
    uint16_t flags;  // enum query_flag
    struct qname qname;
    uint8_t wire_as_sent[255];  // letter case kept
    bool mixed_case;  // letters of both cases
    uint16_t case_changes;  // from one letter of the name to the next
    // As printed; empty when absent.
    struct span time_text, client_text, port_text, key_text, view_text, qname_text, class_text, type_text,
        flags_text;
    struct span ecs_text, server_text, server_port_text, rcode_text, counts_text;
    struct span host;  // of syslog or journal
};

/** What the order of lines in a file tells: the pass of a repeated hour, the year of stamps without one.
 * Opaque. */
struct line_parser;

/**
 * Returns a new parser for the lines of one file in order, or NULL without memory; free it with
 * line_parser_free. Local.
 *
 * @param zone  borrowed for life; of stamps without offset; NULL: UTC
 * @param year  of the first line, for stamps without a year; 0: they have no time
 */
struct line_parser *line_parser_new(const struct zone *zone, int year);

/** Takes the parser, or NULL. Local. */
void line_parser_free(struct line_parser *parser);

/**
 * Understands one line. Local.
 *
 * @param line   borrowed, [count] without its line feed; a CR at its end is dropped
 * @param query  filled; its spans are good until the line or the parser is used again
 * @return       query->kind
 */
enum line_kind line_parse(struct line_parser *parser, const char *line, size_t count, struct query *query);

/** Writes a name on the wire as BIND prints it, with '\0' (room >= QNAME_TEXT_BYTES); returns its length.
 * Local. */
size_t qname_text(const uint8_t *wire, size_t bytes, char *text, size_t room);

/** Reads a name as BIND prints it, in any case. Returns false when it is none. Local. */
bool qname_of_text(const char *text, size_t count, struct qname *qname);

/** Reads a type as BIND prints it, mnemonic or TYPEn. Returns whether it is one. Local. */
bool qtype_read(struct span text, uint16_t *number);

/** The columns of query_tsv, tab-separated. */
#define QUERY_TSV_HEADER                                                                                     \
    "#line\tkind\ttime\tutc_ms\tclient\tport\tkey\tview\tqname\tqname_lc\tqname_wire\tclass\ttype\ttype_"    \
    "num\tflags\t"                                                                                           \
    "ecs\tserver\tserver_port\trcode\tcounts"

/** Room for any row of query_tsv. */
#define QUERY_TSV_BYTES 400000

/**
 * Writes a line as a row of tab-separated values, without line feed; controls and what is no UTF-8
 * as \xHH. Local.
 *
 * @param row   [QUERY_TSV_BYTES]
 * @return      its length
 */
size_t query_tsv(const struct query *query, int64_t line_number, char *row);

#endif
