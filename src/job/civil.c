#include "civil.h"

int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

int64_t floor_mod(int64_t value, int64_t by)
{
    int64_t rest = value % by;
    return rest < 0 ? rest + by : rest;
}

/* Both directions: Hinnant, "chrono-compatible low-level date algorithms". A year begins in March, so that
 * the leap day is its last; 400 years, an era, have 146097 days, and 719468 lie between 0000-03-01 and 1970.
 */
int64_t civil_day(struct civil_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct civil_date civil_date(int64_t day)
{
    int64_t era = floor_div(day + 719468, 146097);
    int64_t day_of_era = day + 719468 - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;
    struct civil_date date = {
        .month = month_of_year < 10 ? month_of_year + 3 : month_of_year - 9,
        .day = day_of_year - (153 * month_of_year + 2) / 5 + 1,
    };
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

bool digits_read(const char *text, size_t count, int64_t *value)
{
    if (count == 0 || count > 18)
        return false;
    *value = 0;
    for (size_t at = 0; at < count; at++) {
        if (text[at] < '0' || text[at] > '9')
            return false;
        *value = *value * 10 + (text[at] - '0');
    }
    return true;
}

bool civil_day_read(const char *text, size_t count, int64_t *day)
{
    struct civil_date date;
    if (count != 10 || text[4] != '-' || text[7] != '-' || !digits_read(text, 4, &date.year) ||
        !digits_read(text + 5, 2, &date.month) || !digits_read(text + 8, 2, &date.day))
        return false;
    if (date.year < 1970 || date.month < 1 || date.month > 12 || date.day < 1)
        return false;
    *day = civil_day(date);
    // 30 February would come back as another date.
    struct civil_date back = civil_date(*day);
    return date.day <= 31 && back.month == date.month && back.day == date.day;
}
