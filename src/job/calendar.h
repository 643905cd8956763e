/**
 * The working calendar: which days are holidays, from CSV files of `date,kind,name`.
 *
 *     calendar.csv ─► calendar_read ─► struct calendar ─► calendar_kind(day)
 *
 * Kinds are `holiday`, `workday` (a Saturday or Sunday on which people work) and `half` (a working day all
 * the same). A day that stands in several files is what the last of them says.
 */
#ifndef JOB_CALENDAR_H
#define JOB_CALENDAR_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/** What a calendar file says of a day. */
enum calendar_mark { MARK_HOLIDAY, MARK_WORKDAY, MARK_HALF };

/** What a day is. */
enum day_kind { DAY_WORKING, DAY_HOLIDAY };

struct calendar_day {
    int64_t day;  // days since 1970-01-01, proleptic Gregorian calendar
    int64_t mark;  // an enum calendar_mark
};

struct calendar {
    struct calendar_day *days;  // [count], by day, each once
    size_t count;
};

/**
 * Reads calendar files, each found as job_data_path does. Local.
 *
 * A first row of `date,kind,name`, empty lines and lines that begin with # are skipped; a name may be left
 * out, and stand in quotes. Errors name path:line.
 *
 * @param paths  borrowed, [count]
 * @param out    returns new; free it with calendar_free. Untouched on failure. Without paths: a calendar in
 *               which only weekends are holidays.
 * @return       STATUS_IO when a file cannot be read, STATUS_USAGE when it is no calendar, STATUS_NO_MEMORY
 */
MUST_CHECK enum status calendar_read(char *const *paths, size_t count, struct calendar **out,
                                     struct error *err);

/** Takes the calendar, or NULL. Local. */
void calendar_free(struct calendar *calendar);

/**
 * Returns whether people work on a day. Local.
 *
 * A holiday is a day that is listed as one, and a Saturday or Sunday that is not listed as workday or half.
 *
 * @param day  days since 1970-01-01
 */
enum day_kind calendar_kind(const struct calendar *calendar, int64_t day);

#endif
