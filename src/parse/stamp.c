/* Time stamps in the forms that BIND, syslog, the journal and containers print, and what they mean. */
#include "internal.h"

static bool digits_read(struct cursor *cursor, int count, int *number)
{
    if (rest_of(cursor) < (size_t)count)
        return false;
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (cursor->at[i] < '0' || cursor->at[i] > '9')
            return false;
        value = value * 10 + (cursor->at[i] - '0');
    }
    cursor->at += count;
    *number = value;
    return true;
}

/* Month names are English whatever the locale. Returns 0 when it is none. */
static int month_read(struct cursor *cursor)
{
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (rest_of(cursor) < 3)
        return 0;
    for (int month = 0; month < 12; month++)
        if (memcmp(cursor->at, MONTHS + 3 * month, 3) == 0) {
            cursor->at += 3;
            return month + 1;
        }
    return 0;
}

/* HH:MM:SS and a fraction of up to 9 digits, of which three count. */
static bool time_of_day_read(struct cursor *cursor, int64_t *seconds, int *milliseconds)
{
    int hour = 0, minute = 0, second = 0, digits = 0, value = 0;
    if (!digits_read(cursor, 2, &hour) || !SKIP(cursor, ":") || !digits_read(cursor, 2, &minute) ||
        !SKIP(cursor, ":") || !digits_read(cursor, 2, &second) || hour > 23 || minute > 59 || second > 60)
        return false;
    *milliseconds = 0;
    if (rest_of(cursor) > 1 && *cursor->at == '.' && cursor->at[1] >= '0' && cursor->at[1] <= '9') {
        cursor->at++;
        for (; rest_of(cursor) > 0 && *cursor->at >= '0' && *cursor->at <= '9' && digits < 9;
             cursor->at++, digits++)
            if (digits < 3)
                value = value * 10 + (*cursor->at - '0');
        for (; digits < 3; digits++)
            value *= 10;
        *milliseconds = value;
    }
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

static bool is_date(int year, int month, int day)
{
    int y = 0, m = 0, d = 0;
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    civil_from_day(day_from_civil(year, month, day), &y, &m, &d);
    return m == month && d == day;
}

/* Fills the stamp from a date and what comes before the cursor; moves the caller's cursor. */
static bool stamp_make(struct cursor *cursor, struct cursor behind, int year, int month, int day,
                       int64_t seconds, struct stamp *stamp)
{
    stamp->text = (struct span){cursor->at, (size_t)(behind.at - cursor->at)};
    stamp->year = year;
    stamp->month = month;
    stamp->has_year = year != 0;
    stamp->seconds =
        stamp->has_year ? day_from_civil(year, month, day) * 86400 + seconds : day * 86400 + seconds;
    *cursor = behind;
    return true;
}

bool stamp_named(struct cursor *cursor, struct stamp *stamp)
{
    struct cursor at = *cursor;
    int day = 0, month = 0, year = 0;
    int64_t seconds = 0;
    if (!digits_read(&at, 2, &day) || !SKIP(&at, "-") || (month = month_read(&at)) == 0 || !SKIP(&at, "-") ||
        !digits_read(&at, 4, &year) || !SKIP(&at, " ") ||
        !time_of_day_read(&at, &seconds, &stamp->milliseconds) || !is_date(year, month, day))
        return false;
    stamp->is_local = true;
    return stamp_make(cursor, at, year, month, day, seconds, stamp);
}

/* Z, +09:00 or +0900. */
static bool offset_read(struct cursor *cursor, int64_t *offset_s)
{
    int hours = 0, minutes = 0;
    *offset_s = 0;
    if (SKIP(cursor, "Z"))
        return true;
    struct cursor at = *cursor;
    bool west = SKIP(&at, "-");
    if ((!west && !SKIP(&at, "+")) || !digits_read(&at, 2, &hours))
        return false;
    (void)SKIP(&at, ":");
    if (!digits_read(&at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_s = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
    *cursor = at;
    return true;
}

bool stamp_iso(struct cursor *cursor, struct stamp *stamp)
{
    struct cursor at = *cursor;
    int day = 0, month = 0, year = 0;
    int64_t seconds = 0, offset_s = 0;
    if (!digits_read(&at, 4, &year) || !SKIP(&at, "-") || !digits_read(&at, 2, &month) || !SKIP(&at, "-") ||
        !digits_read(&at, 2, &day) || !SKIP(&at, "T") ||
        !time_of_day_read(&at, &seconds, &stamp->milliseconds) || !is_date(year, month, day))
        return false;
    stamp->is_local = !offset_read(&at, &offset_s);
    return stamp_make(cursor, at, year, month, day, seconds - offset_s, stamp);
}

bool stamp_syslog(struct cursor *cursor, struct stamp *stamp)
{
    struct cursor at = *cursor;
    int day = 0;
    int64_t seconds = 0;
    int month = month_read(&at);
    if (month == 0 || !SKIP(&at, " "))
        return false;
    if (SKIP(&at, " ") ? !digits_read(&at, 1, &day) : !digits_read(&at, 2, &day))
        return false;
    // 1972 is a leap year: 29 February may stand there.
    if (!SKIP(&at, " ") || !time_of_day_read(&at, &seconds, &stamp->milliseconds) ||
        !is_date(1972, month, day))
        return false;
    stamp->is_local = true;
    return stamp_make(cursor, at, 0, month, day, seconds, stamp);
}

/* "Tue 2026-11-24 06:59:58 JST": the journal's full form. The letters of a zone name it badly, but UTC is
 * UTC. */
bool stamp_weekday(struct cursor *cursor, struct stamp *stamp)
{
    static const char *const DAYS[] = {"Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun "};
    struct cursor at = *cursor;
    struct span zone;
    int day = 0, month = 0, year = 0;
    int64_t seconds = 0;
    bool found = false;
    for (size_t i = 0; i < 7 && !found; i++)
        found = skip(&at, DAYS[i], 4);
    if (!found || !digits_read(&at, 4, &year) || !SKIP(&at, "-") || !digits_read(&at, 2, &month) ||
        !SKIP(&at, "-") || !digits_read(&at, 2, &day) || !SKIP(&at, " ") ||
        !time_of_day_read(&at, &seconds, &stamp->milliseconds) || !is_date(year, month, day) ||
        !SKIP(&at, " ") || !take_until(&at, ' ', &zone) || zone.count == 0 || zone.count > 6)
        return false;
    stamp->is_local = !(zone.count == 3 && memcmp(zone.at, "UTC", 3) == 0);
    return stamp_make(cursor, at, year, month, day, seconds, stamp);
}

bool stamp_unix(struct cursor *cursor, struct stamp *stamp)
{
    struct cursor at = *cursor;
    int64_t seconds = 0;
    int digits = 0, fraction = 0;
    for (; rest_of(&at) > 0 && *at.at >= '0' && *at.at <= '9' && digits < 12; at.at++, digits++)
        seconds = seconds * 10 + (*at.at - '0');
    // Up to the end of 9999, as years are read.
    if (digits < 9 || seconds > INT64_C(253402300799) || !SKIP(&at, ".") || !digits_read(&at, 6, &fraction))
        return false;
    stamp->is_local = false;
    stamp->milliseconds = fraction / 1000;
    (void)stamp_make(cursor, at, 0, 0, 0, 0, stamp);
    stamp->has_year = true;
    stamp->seconds = seconds;
    return true;
}

/* ---- meaning ---- */

/* The year of a stamp without one: the last line's, or the next when December turns into January. */
static int year_follow(struct line_parser *parser, int month)
{
    if (parser->month != 0 && month + 6 < parser->month)
        parser->year++;
    else if (parser->month != 0 && month > parser->month + 6)
        parser->year--;
    parser->month = month;
    return parser->year;
}

/* In a repeated hour the first pass is taken until the printed time steps back by half the fold: then it is
 * the second. A file that begins inside the hour gives no evidence until then. */
static int64_t fold_resolve(struct line_parser *parser, int64_t local_s, const int64_t utc[2])
{
    int64_t fold_s = utc[1] - utc[0];
    if (!parser->in_fold) {
        parser->in_fold = true;
        parser->second_pass = false;
        parser->is_guess = parser->last_local_s == INT64_MIN;
    } else if (!parser->second_pass && parser->last_local_s - local_s >= fold_s / 2) {
        parser->second_pass = true;
        parser->is_guess = false;
    }
    return utc[parser->second_pass];
}

static int64_t local_resolve(struct line_parser *parser, int64_t local_s, bool *fold_guessed)
{
    int64_t utc[2];
    int64_t minute = local_s / 60;
    int64_t utc_s = 0;
    if (minute == parser->cached_minute) {
        utc_s = parser->cached_utc_s + local_s % 60;
        parser->in_fold = parser->is_guess = false;
    } else if (zone_to_utc(parser->zone, local_s, utc) == 2) {
        utc_s = fold_resolve(parser, local_s, utc);
        *fold_guessed = parser->is_guess;
    } else {
        // Changes of the clock happen at whole minutes in every zone since 1970.
        parser->cached_minute = minute;
        parser->cached_utc_s = utc[0] - local_s % 60;
        parser->in_fold = parser->is_guess = false;
        utc_s = utc[0];
    }
    parser->last_local_s = local_s;
    return utc_s;
}

bool clock_resolve(struct line_parser *parser, const struct stamp *stamp, int64_t *time_ms,
                   bool *fold_guessed)
{
    int64_t seconds = stamp->seconds;
    *fold_guessed = false;
    if (!stamp->has_year) {
        if (parser->year == 0)
            return false;
        int year = year_follow(parser, stamp->month);
        int day = (int)(stamp->seconds / 86400);
        if (!is_date(year, stamp->month, day))
            return false;  // 29 February of another year
        seconds = day_from_civil(year, stamp->month, day) * 86400 + stamp->seconds % 86400;
    }
    if (stamp->is_local && parser->zone)
        seconds = local_resolve(parser, seconds, fold_guessed);
    *time_ms = seconds * 1000 + stamp->milliseconds;
    return *time_ms >= 0;
}
