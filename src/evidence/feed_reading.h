/* A list while it is read: what feeds.c and feed_lines.c share. */
#ifndef EVIDENCE_FEED_READING_H
#define EVIDENCE_FEED_READING_H

#include "feeds.h"

struct feed_reading {
    struct feeds *feeds;
    uint32_t feed;
    char origin[256];  // of a zone, without the last dot
    size_t origin_count;
    bool is_zone, is_open;  // inside the brackets of a record
    int64_t entries, odd;  // lines that are none
    uint32_t first_odd;
};

/* A line of a list, as lines_each hands it out: adds its entries to the lists, which are not sorted then.
 * `context` is the reading. */
MUST_CHECK enum status feed_line_take(void *context, const char *line, size_t count, uint32_t number,
                                      struct error *err);

#endif
