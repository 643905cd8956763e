/* How far a step is, as a line of text: shares, rates and the time left. Knows no clock and no terminal, so
 * that tests can hand it both. */
#ifndef METER_H
#define METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any line. */
enum { METER_BYTES = 256 };

struct meter {
    const char *doing;  // "reading logs"; borrowed
    double began_s;
    double told_s;  // when a line was last due
    bool on_terminal;  // a bar that is drawn anew; otherwise lines, now and then
    bool in_color;
};

/** Returns a meter of a step that begins now. Local. */
struct meter meter_begin(const char *doing, double now_s, bool on_terminal, bool in_color);

/** Returns whether it is time for a line, and takes note that there is one: on a terminal five a second,
 * otherwise one every 30 s. Local. */
bool meter_is_due(struct meter *meter, double now_s);

/**
 * Writes a line such as "reading logs: 41 %, 1.2 of 2.9 GB, 310 MB/s, 6 s left", on a terminal with a bar,
 * without a line feed; returns its length. Local.
 *
 * The time left supposes that the rest goes as fast as what is done. Bytes in all and the time left are left
 * out until 1 % is done.
 */
size_t meter_line(const struct meter *meter, double now_s, int64_t done_bytes, int64_t total_bytes,
                  char line[METER_BYTES]);

/** Writes a number of bytes as "12 MB" or "1.2 GB"; returns `text`. Local. */
const char *meter_bytes(double bytes, char text[32]);

/** Writes a duration as "6 s", "12 min", "3.4 h" or "2.5 days"; returns `text`. Local. */
const char *meter_duration(double seconds, char text[32]);

#endif
