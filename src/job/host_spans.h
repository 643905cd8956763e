/**
 * Hosts over spans of time, such as those of known attacks, from CSV files of `ip,from,to`.
 *
 *     incidents.csv ─► host_spans_read ─► host_spans_settle ─► host_spans_cover(ip, time)
 *
 * Times are local, and the end is not included. What stands behind the third column is not looked at, so a
 * table of labels or incidents serves as it is.
 */
#ifndef JOB_HOST_SPANS_H
#define JOB_HOST_SPANS_H

#include "base/error.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A host over [from_s, to_s), in seconds of local time. Plain bytes. */
struct host_span {
    struct ip ip;
    int64_t from_s, to_s;
};

/** Zeroed, it is an empty one. */
struct host_spans {
    struct host_span *items;  // [count]
    size_t count, capacity;
};

/** Adds a span. Local. */
MUST_CHECK enum status host_spans_add(struct host_spans *spans, const struct host_span *span,
                                      struct error *err);

/**
 * Adds the spans of files. A first line that begins with `ip,`, empty lines and lines that begin with # are
 * skipped. Errors name path:line. Local.
 *
 * @param paths  borrowed, [count]
 * @return       STATUS_IO when a file cannot be read, STATUS_USAGE when a line is no span, STATUS_NO_MEMORY
 */
MUST_CHECK enum status host_spans_read(char *const *paths, size_t count, struct host_spans *spans,
                                       struct error *err);

/** Sorts the spans and joins those of a host that meet: host_spans_cover needs that. Local. */
void host_spans_settle(struct host_spans *spans);

/** Returns whether some span has the host at that local time. Local. */
bool host_spans_cover(const struct host_spans *spans, const struct ip *ip, int64_t local_s);

/** Frees what it holds, and makes it empty. Local. */
void host_spans_clear(struct host_spans *spans);

#endif
