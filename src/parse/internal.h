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

/** The order of lines. */
struct line_parser {
    const struct zone *zone;
    int year, month;  // of the last stamp without a year
    int64_t last_local_s;  // INT64_MIN before the first
    bool in_fold, second_pass, is_guess;
    int64_t cached_minute, cached_utc_s;  // of a local minute that exists once
    char *buffer;  // of an unwrapped JSON line
    size_t buffer_bytes;
};

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

/** Reads a record, "client …". Local. */
enum line_kind record_read(struct cursor cursor, enum category category, struct query *query);

#endif
