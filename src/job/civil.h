/** Days and dates of the proleptic Gregorian calendar, without zones. */
#ifndef CIVIL_H
#define CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Seconds of a civil day: local time knows no jumps here, they come with the zone. */
#define DAY_S INT64_C(86400)

struct civil_date {
    int64_t year;
    int64_t month;  // 1 … 12
    int64_t day;  // 1 … 31
};

/** Returns days since 1970-01-01. The date must exist. Local. */
int64_t civil_day(struct civil_date date);

/** Returns the date of a day since 1970-01-01. Local. */
struct civil_date civil_date(int64_t day);

/** Reads "YYYY-MM-DD", of 1970 to 9999, in text[0 … count). Returns false when it is none. Local.
 */
bool civil_day_read(const char *text, size_t count, int64_t *day);

/** Reads exactly `count` digits (at most 18). Returns false when they are none. Local. */
bool digits_read(const char *text, size_t count, int64_t *value);

/** Returns value / by rounded down; by is more than 0. Local. */
int64_t floor_div(int64_t value, int64_t by);

/** Returns its remainder, 0 … by - 1; by is more than 0. Local. */
int64_t floor_mod(int64_t value, int64_t by);

#endif
