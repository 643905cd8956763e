/* What the files of this room share: a cursor over a line, stamps, and the steps from the left to the right.
 */
#ifndef PARSE_INTERNAL_H
#define PARSE_INTERNAL_H

#include "parse/parse.h"

#include <string.h>

/** What is left of a line. */
struct cursor {
    const char *at, *end;
};

static inline size_t rest_of(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/** Skips a literal text if it comes next. */
static inline bool skip(struct cursor *cursor, const char *text, size_t count)
{
    if (rest_of(cursor) < count || memcmp(cursor->at, text, count) != 0)
        return false;
    cursor->at += count;
    return true;
}

#define SKIP(cursor, literal) skip((cursor), "" literal, sizeof(literal) - 1)

/** Takes everything up to the first of `stop`, which is left; false when it does not come. */
static inline bool take_until(struct cursor *cursor, char stop, struct span *span)
{
    const char *found = memchr(cursor->at, stop, rest_of(cursor));
    if (!found)
        return false;
    *span = (struct span){cursor->at, (size_t)(found - cursor->at)};
    cursor->at = found;
    return true;
}

/** Whether a text is made of these signs only. Not strspn, which wants a '\0' behind the text. */
static inline bool is_made_of(struct span text, const char *signs)
{
    for (size_t i = 0; i < text.count; i++)
        if (text.at[i] == '\0' || !strchr(signs, text.at[i]))
            return false;
    return true;
}

/** A time stamp as printed. */
struct stamp {
    struct span text;  // empty: none
    bool is_local;  // no offset: the zone is to be applied
    bool has_year;
    int year, month;  // month for finding the year
    int64_t seconds;  // since 1970, local or UTC; of year 0 when there is none
    int milliseconds;
};

/** Reads a stamp in one form or another at the cursor and moves behind it. Return false, and move nothing, if
 * there is none. Local. */
bool stamp_named(struct cursor *cursor, struct stamp *stamp);
bool stamp_iso(struct cursor *cursor, struct stamp *stamp);
bool stamp_syslog(struct cursor *cursor, struct stamp *stamp);
bool stamp_weekday(struct cursor *cursor, struct stamp *stamp);
bool stamp_unix(struct cursor *cursor, struct stamp *stamp);

/** Room for a scanned line's head, between the stamp's milliseconds and the pointer or the client: 32 bytes
 * at most, read 64 at once. */
#define HEAD_BYTES 64

/** The minute of the last scanned line, and the form of its head. */
struct scan_head {
    char minute[18];  // "01-Feb-2022 00:00:" or "2022-02-01T00:00:"
    uint8_t fraction_end;  // where the milliseconds end: six bytes behind the minute
    bool is_known;
    bool is_local;
    bool has_pointer;
    uint8_t tail_count;  // of the stamp, behind the milliseconds: "", "Z", "+09:00"
    uint8_t head_count;  // with the tail
    int64_t minute_number;  // local
    int64_t base_s;  // UTC second at which the minute begins
    char head[HEAD_BYTES];
};

/** Words met before, by their bytes, zeros behind them. */
#define SCAN_WORDS 256

struct scan_word {
    uint64_t text[2];
    uint16_t value;
    bool is_known;
};

struct scan_server {
    uint64_t text[8];
    struct ip ip;
    bool is_known;
};

/** The order of lines. */
struct line_parser {
    const struct zone *zone;
    int year, month;  // of the last stamp without a year
    int64_t last_local_s;  // INT64_MIN before the first
    bool in_fold, second_pass, is_guess;
    int64_t cached_minute, cached_utc_s;  // of a local minute that exists once
    char *buffer;  // of an unwrapped JSON line
    size_t buffer_bytes;
    struct scan_head scan;
    uint64_t keys[8];  // of name tags
    struct scan_word types[SCAN_WORDS], flags[SCAN_WORDS];
    struct scan_server servers[SCAN_SERVERS];
    size_t (*scan_kernel)(struct line_parser *, const char *, const char *, size_t,
                          const struct scan_bounds *, struct scan *);
};

/** Scan lines in [at, end): all have SCAN_REACH bytes behind their start. */
size_t scan_plain(struct line_parser *parser, const char *at, const char *end, size_t most,
                  const struct scan_bounds *bounds, struct scan *scans);
size_t scan_avx2(struct line_parser *parser, const char *at, const char *end, size_t most,
                 const struct scan_bounds *bounds, struct scan *scans);
size_t scan_avx512(struct line_parser *parser, const char *at, const char *end, size_t most,
                   const struct scan_bounds *bounds, struct scan *scans);

/** Learn a head, the minute of a stamp, a type, flags or a server from a line, strictly. Return false when it
 * is none that scanning can take. Local. */
bool scan_learn_head(struct line_parser *parser, const char *line);
bool scan_learn_minute(struct line_parser *parser, const char *line, struct scan *scan);
bool scan_learn_type(struct line_parser *parser, const uint64_t text[2], size_t count, uint16_t *type);
bool scan_learn_flags(struct line_parser *parser, const uint64_t text[2], size_t count, uint16_t *flags);
bool scan_learn_server(struct line_parser *parser, const uint64_t text[8], size_t count, uint16_t *server);

/** Where a word is looked for first. */
static inline size_t scan_word_home(uint64_t a, uint64_t b)
{
    return (size_t)(((a ^ b * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u) >> 56);
}

/** How many places a word may be away from its home. */
#define SCAN_PROBES 8

/** Turns a stamp into UTC milliseconds. Returns false when it has no place in time. Local. */
bool clock_resolve(struct line_parser *parser, const struct stamp *stamp, int64_t *time_ms,
                   bool *fold_guessed);

/** What stands before named's own line. */
struct prefix {
    struct stamp stamp;
    struct span host;
    bool is_there;
};

/** Reads syslog's, the journal's or a container's prefix; the cursor is then at named's line. Local. */
void prefix_read(struct line_parser *parser, struct cursor *cursor, struct prefix *prefix);

/** Replaces a JSON line by the message in it. Returns false when it is no such line. Local. */
bool json_unwrap(struct line_parser *parser, struct cursor *cursor, struct prefix *prefix);

/** Decodes a printed name to the wire. Returns false when it is none. Local. */
bool qname_read(struct span text, struct query *query);

/** What named printed of the category. */
enum category { CATEGORY_NONE, CATEGORY_QUERIES, CATEGORY_RESPONSES, CATEGORY_OTHER };

/** Reads an address, of a client perhaps with a scope. Returns false when it is none. Local. */
bool address_read(struct span text, struct ip *ip);

/** Reads flags at the cursor, up to a blank. Returns false when there are none. Local. */
bool flags_read(struct cursor *cursor, struct query *query);

/** Reads "ADDR[#PORT]" of a server in query->server_text. Returns false when it is none. Local. */
bool server_text_read(struct span text, struct query *query);

/** Reads a record, "client …". Local. */
enum line_kind record_read(struct cursor cursor, enum category category, struct query *query);

#endif
