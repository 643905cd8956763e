/**
 * Back from the store to the logs: the raw lines of a client in a span, found by the offsets that the store
 * keeps for every minute of every piece, without reading the rest of the logs.
 *
 *     store/DAY.h5: line_*, minute_* ──raw_find──► the file, from an offset on ──► lines of the client
 *                   asked_*, name_*  ──raw_names──► what the store still knows when the log is gone
 */
#ifndef RAW_RAW_H
#define RAW_RAW_H

#include "base/error.h"
#include "base/ip.h"

#include <stddef.h>
#include <stdint.h>

/** What is looked for. Borrowed. */
struct raw_plan {
    const char *store;
    struct ip ip;  // as the store has it
    int64_t from_s, to_s;  // UTC, [from_s, to_s), inside one local day
    int64_t day;  // that day
    int64_t expected;  // lines that the store counted; with fewer found, whole pieces are read
};

/** Takes a line, [count] without its line feed: an attacker's bytes. */
typedef void raw_line(void *context, const char *path, int64_t offset, const char *line, size_t count);

struct raw_summary {
    int64_t lines;
    int64_t read_bytes;  // of text
    int64_t pieces, gone;  // pieces with lines of the span; those whose file is not there any more
};

/**
 * Finds the lines. Local.
 *
 * A file is looked for under the path that it was read from, then under those of all files that the store
 * knows for this day: it is taken when a line begins at the offset, with the minute that is noted there.
 *
 * @param summary  filled
 * @return         STATUS_NO_INPUT when the store has no such day; STATUS_IO, STATUS_CORRUPT
 */
MUST_CHECK enum status raw_find(const struct raw_plan *plan, raw_line *take, void *context,
                                struct raw_summary *summary, struct error *err);

/** Takes a stored name with how often the client asked for it in the span; an attacker's bytes. */
typedef void raw_name(void *context, const char *name, size_t count, int64_t queries);

/** Tells the names that the store has of the span, those asked most often first. Local. */
MUST_CHECK enum status raw_names(const struct raw_plan *plan, raw_name *take, void *context,
                                 struct error *err);

#endif
