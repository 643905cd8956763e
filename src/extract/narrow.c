/* Which part of a plain file may have lines of the days that are wanted: of a log that holds a year, a day is
 * found by bisection. Lines need not be in order, so what is left out lies more than a day off at every place
 * that is looked at. */
#include "internal.h"

#include <stdlib.h>

/* Places looked at in what is to be left out, and lines at a place until one tells its time. */
#define CHECKS 64
#define TRIES 8
#define LINE_ROOM 4096

#define DAY_MS INT64_C(86400000)

/* Bytes of a file's text: what lies before `from` and from `to` on is left out. */
struct part {
    int64_t from, to;
    int64_t least_ms, most_ms;  // of what is left out, where it was looked at
};

/* The days wanted of known files that are read again are but those that are made anew. */
static int side_of(const struct extraction *run, int64_t time_ms)
{
    const int64_t first = run->only_dirty ? run->dirty[0] : run->plan.first_day;
    const int64_t end = run->only_dirty ? run->dirty[run->dirty_count - 1] + 1 : run->plan.end_day;
    return day_side(run, time_ms, first, end);
}

/* The time of a line behind a place, INT64_MIN when none of some lines has one. */
static int64_t time_behind(const struct extraction *run, size_t file, int64_t place)
{
    char line[LINE_ROOM];
    for (int i = 0; i < TRIES; i++) {
        size_t count = 0;
        if (archive_line_after(&run->archive, file, place, line, sizeof line, &count, NULL) != STATUS_OK)
            return INT64_MIN;
        const int64_t time_ms = count > 0 ? line_time(run, file, line, count) : INT64_MIN;
        if (time_ms != INT64_MIN)
            return time_ms;
        place += count > 0 ? (int64_t)count + 1 : (int64_t)sizeof line / 2;
    }
    return INT64_MIN;
}

/* Where lines cease to lie before the wanted days (side -1), or begin to lie behind them (side 1), to `step`
 * bytes, on the careful side. */
static int64_t bisect(const struct extraction *run, size_t file, int side, int64_t step)
{
    int64_t low = 0, high = run->archive.files[file].bytes;
    while (high - low > step) {
        const int64_t middle = low + (high - low) / 2, time_ms = time_behind(run, file, middle);
        const bool is_low = time_ms == INT64_MIN ? side > 0 : (side_of(run, time_ms) == side) == (side < 0);
        *(is_low ? &low : &high) = middle;
    }
    return side < 0 ? low : high;
}

/* Whether all places looked at in [from, to) lie on the side; their times are noted. */
static bool lies_outside(const struct extraction *run, size_t file, int64_t from, int64_t to, int side,
                         struct part *part)
{
    for (int64_t i = 0; i < CHECKS && to > from; i++) {
        const int64_t time_ms = time_behind(run, file, from + (to - from) / CHECKS * i);
        if (time_ms == INT64_MIN)
            continue;
        if (side_of(run, time_ms) != side)
            return false;
        part->least_ms = time_ms < part->least_ms ? time_ms : part->least_ms;
        part->most_ms = time_ms > part->most_ms ? time_ms : part->most_ms;
    }
    return true;
}

/* A file so small that a few reads are as dear as all of it is read whole. */
static bool is_worth_it(const struct extraction *run, size_t file, const struct look *look)
{
    const struct archive_file *item = &run->archive.files[file];
    return item->compression == COMPRESSION_PLAIN && !look->is_whole && look->first_ms != 0 &&
           (run->only_dirty || !is_grown(run, file)) && item->bytes / 8 > run->job->archive_piece_bytes &&
           (!run->only_dirty || run->dirty_count > 0);
}

static struct part part_find(struct extraction *run, size_t file, const struct look *look)
{
    struct part part = {0, INT64_MAX, INT64_MAX, INT64_MIN};
    const int64_t bytes = run->archive.files[file].bytes;
    if (!is_worth_it(run, file, look))
        return part;
    // What is left out is cut at whole lines by the pieces that stay.
    const int64_t step = run->job->archive_piece_bytes;
    const int64_t from = side_of(run, look->first_ms) < 0 ? bisect(run, file, -1, step) : 0;
    const bool ends_later = look->last_ms != INT64_MIN && side_of(run, look->last_ms) > 0;
    const int64_t to = ends_later ? bisect(run, file, 1, step) : bytes;
    if (from < to && lies_outside(run, file, 0, from, -1, &part) &&
        lies_outside(run, file, to, bytes, 1, &part)) {
        part.from = from;
        part.to = to < bytes ? to : INT64_MAX;
    }
    return part;
}

/* What is left out counts with its times, and a day more, so that it is looked for again when other days are
 * asked for. */
static void times_note(struct extraction *run, size_t file, const struct part *part)
{
    int64_t *times = run->times[file];
    if (run->only_dirty || part->least_ms > part->most_ms)
        return;
    times[0] = DAY_MS - part->least_ms > times[0] ? DAY_MS - part->least_ms : times[0];
    times[1] = part->most_ms + DAY_MS > times[1] ? part->most_ms + DAY_MS : times[1];
}

void pieces_narrow(struct extraction *run, const struct look *looks, struct archive_piece *pieces,
                   size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0, end = 0; i < *count; i = end) {
        const size_t file = pieces[i].file;
        while (end < *count && pieces[end].file == file)
            end++;
        const struct part part =
            end - i > 1 ? part_find(run, file, &looks[file]) : (struct part){0, INT64_MAX, 0, -1};
        times_note(run, file, &part);
        for (size_t at = i; at < end; at++)
            // The last one tells how the file ends, by which it is known again.
            if ((pieces[at].to > part.from && pieces[at].from < part.to) || at + 1 == end)
                pieces[kept++] = pieces[at];
    }
    *count = kept;
}
