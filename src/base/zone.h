/**
 * Time zones by IANA name, several at once: libc knows one zone a process.
 *
 * Read from the system's TZif files (RFC 8536), with the rule in the footer for times after the last
 * transition. Days are local dates as days since 1970-01-01 in the proleptic Gregorian calendar.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct zone;

/**
 * Loads a zone from $TZDIR, else /usr/share/zoneinfo. Local.
 *
 * @param name  such as "Asia/Tokyo"; "UTC" needs no file
 * @param zone  returns new; free it with zone_free
 * @return      STATUS_USAGE when there is no such zone, STATUS_CORRUPT when its file is not TZif
 */
MUST_CHECK enum status zone_load(const char *name, struct zone **zone, struct error *err);

/** Takes the zone, or NULL. Local. */
void zone_free(struct zone *zone);

/** Returns local time minus UTC at an instant, in seconds. Local. */
int64_t zone_offset_s(const struct zone *zone, int64_t utc_s);

/**
 * Finds the instants that have a local time. Local.
 *
 * @param utc  filled: both when the clock shows the time twice, ascending; once: both the same; in a gap: the
 * time as if the clock had not been put forward, both the same
 * @return     how many instants there are: 0 in a gap, 1, or 2 in a fold
 */
int zone_to_utc(const struct zone *zone, int64_t local_s, int64_t utc[2]);

/** Returns the length of the fold that a local time lies in, in seconds; 0 when it lies in none. Local. */
int64_t zone_fold_s(const struct zone *zone, int64_t local_s);

/** Returns whether the clock is put back anywhere in [from_s, to_s], UTC. Local. */
bool zone_has_fold_between(const struct zone *zone, int64_t from_s, int64_t to_s);

/**
 * Returns the local date of an instant: the last one that has begun. Local.
 *
 * Where the clock goes back over midnight (St. John's at 00:01, 1987 to 2011) the date that has begun goes
 * on, so days follow one another without a gap: zone_day_start(day) <= utc_s < zone_day_start(day + 1).
 */
int64_t zone_day_of(const struct zone *zone, int64_t utc_s);

/** Returns the instant, in UTC seconds, at which a local date begins; of a date that was skipped, the next
 * one's. Local. */
int64_t zone_day_start(const struct zone *zone, int64_t day);

/** Returns the day of a date; months and days beyond their range carry over. Local. */
int64_t day_from_civil(int year, int month, int day);

/** Splits a day into year, month 1 … 12 and day 1 … 31. Local. */
void civil_from_day(int64_t day, int *year, int *month, int *date);

/** Room for a day as text, YYYY-MM-DD, with its '\0'. */
#define DAY_TEXT_BYTES 16

/** Writes a day of the years 0 to 9999 as YYYY-MM-DD. Local. */
void day_write_text(int64_t day, char text[DAY_TEXT_BYTES]);

/** Reads YYYY-MM-DD, a date that exists. Returns false when it is none. Local. */
bool day_read_text(const char *text, int64_t *day);

#endif
