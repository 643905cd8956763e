#include "meter.h"

#include <stdio.h>
#include <string.h>

#define LOG_S 30.0
#define TERMINAL_S 0.2
#define BAR_CELLS 24

/* Below this share a rate says nothing yet. */
#define SHARE_LEAST 0.01

struct meter meter_begin(const char *doing, double now_s, bool on_terminal, bool in_color)
{
    double told_s = on_terminal ? now_s - TERMINAL_S : now_s;  // a bar is drawn as soon as there is news
    return (struct meter){
        .doing = doing, .began_s = now_s, .told_s = told_s, .on_terminal = on_terminal, .in_color = in_color};
}

bool meter_is_due(struct meter *meter, double now_s)
{
    if (now_s - meter->told_s < (meter->on_terminal ? TERMINAL_S : LOG_S))
        return false;
    meter->told_s = now_s;
    return true;
}

const char *meter_bytes(double bytes, char text[32])
{
    static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof UNITS / sizeof UNITS[0]) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(text, 32, unit > 0 && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, UNITS[unit]);
    return text;
}

const char *meter_duration(double seconds, char text[32])
{
    if (seconds < 90)
        (void)snprintf(text, 32, "%.0f s", seconds);
    else if (seconds < 5400)
        (void)snprintf(text, 32, "%.*f min", seconds < 600, seconds / 60);
    else if (seconds < 48 * 3600.0)
        (void)snprintf(text, 32, "%.1f h", seconds / 3600);
    else
        (void)snprintf(text, 32, "%.1f days", seconds / 86400);
    return text;
}

static size_t bar_write(const struct meter *meter, double share, char *line, size_t room)
{
    char bar[BAR_CELLS + 1];
    int full = (int)(share * BAR_CELLS);
    memset(bar, '-', BAR_CELLS);
    memset(bar, '#', (size_t)full);
    bar[BAR_CELLS] = '\0';
    return (size_t)snprintf(line, room, "%s [%s%.*s%s%s]", meter->doing, meter->in_color ? "\033[32m" : "",
                            full, bar, meter->in_color ? "\033[0m" : "", bar + full);
}

size_t meter_line(const struct meter *meter, double now_s, int64_t done_bytes, int64_t total_bytes,
                  char line[METER_BYTES])
{
    char some[32], more[32];
    double spent_s = now_s - meter->began_s;
    double share = total_bytes > 0 ? (double)done_bytes / (double)total_bytes : 0;
    share = share > 1 ? 1 : share < 0 ? 0 : share;
    size_t at = 0;
    if (meter->on_terminal)
        at = bar_write(meter, share, line, METER_BYTES);
    else
        at = (size_t)snprintf(line, METER_BYTES, "%s:", meter->doing);
    at += (size_t)snprintf(line + at, METER_BYTES - at, " %.0f %%, %s of %s", 100 * share,
                           meter_bytes((double)done_bytes, some), meter_bytes((double)total_bytes, more));
    if (spent_s > 0)
        at += (size_t)snprintf(line + at, METER_BYTES - at, ", %s/s",
                               meter_bytes((double)done_bytes / spent_s, some));
    if (share >= SHARE_LEAST)
        at += (size_t)snprintf(line + at, METER_BYTES - at, ", %s left",
                               meter_duration(spent_s / share - spent_s, some));
    return at;
}
