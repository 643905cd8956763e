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

/* ---- many lines of the commonest form at once ---- */

/** Most lines of a batch. */
#define SCAN_LINES 32

/** Bytes that a scanned line may have, with what is read behind it. */
#define SCAN_REACH 1024

/** Most servers, "(10.0.0.53)", that a parser remembers. */
#define SCAN_SERVERS 256

/** A query line, found but not yet understood: where its words are, and what could be read on the way. The
 * client and the name are still to be read; most have been met before. SCAN_REACH bytes from the line's start
 * can be read, whatever they are. */
struct scan {
    const char *line;  // borrowed
    uint32_t count;  // without its line feed
    uint16_t name_count;
    uint16_t client_at, name_at, view_at, question_at, type_at, flags_at, server_at;  // from the line's start
    uint8_t stamp_count, client_count, port_count, type_count, flags_count, server_count;
    uint16_t view_count;
    uint16_t qtype, flags;
    uint16_t server;  // its number in scan_server
    bool is_local_time, fold_guessed, mixed_case;
    int64_t time_ms;
    uint64_t name_tag;  // of the name as printed but in lower case, by this process's key
    uint64_t name_start;  // its first eight bytes
};

/** Up to which lines scan_lines may go. */
struct scan_bounds {
    int64_t from_ms, to_ms;  // [from, to)
    const char *last_line;  // borrowed, [last_count]; the line before the first one, NULL: none
    size_t last_count;
    bool without_names;  // name_tag, name_start and mixed_case are not wanted
};

/**
 * Finds the words of lines of the commonest form, as many as come one behind the other. Local.
 *
 * It stops before the first line that is anything else: of another form, at a time out of bounds, equal to
 * the line before, or so near to the end that it might not be whole; line_parse understands that one. What a
 * line means never depends on which of the two read it. The form, with category, severity and pointer or
 * without, stamp as named prints it or ISO 8601, view or none:
 *
 *     01-Feb-2022 00:00:00.160 queries: info: client @0x7f ADDR#PORT (NAME): query: NAME IN TYPE FLAGS
 * (SERVER)
 *
 * @param lines   borrowed, [count], from the start of a line
 * @param scans   filled, [SCAN_LINES]
 * @return        how many lines were found
 */
size_t scan_lines(struct line_parser *parser, const char *lines, size_t count, size_t most,
                  const struct scan_bounds *bounds, struct scan *scans);

/** Returns the server of this number. Borrowed from the parser. Local. */
const struct ip *scan_server(const struct line_parser *parser, uint16_t server);

/** Reads the client of a scanned line. Returns false when it is none: the line is no query then. Local. */
bool scan_client(const struct scan *scan, struct ip *client);

/** Reads the name of a scanned line: query's qname, wire_as_sent, mixed_case and case_changes. Returns false
 * when it is none: the line is no query then. Local. */
bool scan_name(const struct scan *scan, struct query *query);

/** Understands a scanned line as line_parse would. Returns false when it is no query after all. Local. */
bool scan_query(const struct scan *scan, struct query *query);

/** What the order of the lines read so far has told. */
struct line_mark {
    int64_t last_local_s, cached_minute, cached_utc_s;
    int year, month;
    bool in_fold, second_pass, is_guess;
};

/** Returns where the parser stands in the order of lines. Local. */
struct line_mark line_parser_mark(const struct line_parser *parser);

/** Goes back to a mark: as if no line had been read since. Local. */
void line_parser_return(struct line_parser *parser, const struct line_mark *mark);

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
