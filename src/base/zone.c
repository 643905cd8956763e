#include "base/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest file of tzdata has 4 KB; this bounds what a hostile $TZDIR can make us read. */
#define FILE_BYTES_MOST 65536

#define DAY_S INT64_C(86400)

/* When daylight saving begins or ends, as POSIX TZ writes it: Mm.w.d, Jn or n, and a time of day. */
struct rule_date {
    char form;  // 'M', 'J' or '0'
    int month, week, weekday;
    int day;
    int64_t time_s;
};

/* The rule for times after the last transition. */
struct rule {
    bool is_there, has_dst;
    int64_t standard_s, dst_s;  // offsets
    struct rule_date begin, end;
};

struct zone {
    int64_t *at_s;  // [count] instants of transitions
    int64_t *offset_s;  // [count] from then on
    size_t count;
    int64_t first_offset_s;  // before the first transition
    struct rule rule;
};

/* ---- dates (Hinnant, "chrono-compatible low-level date algorithms") ---- */

int64_t day_from_civil(int year, int month, int day)
{
    int64_t months = (int64_t)year * 12 + month - 1;
    int64_t y = months / 12 - (months % 12 < 0);
    int64_t m = months - y * 12 + 1;
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void civil_from_day(int64_t day, int *year, int *month, int *date)
{
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *date = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* ---- the rule of the footer ---- */

/* [+-]hh[:mm[:ss]]; hours up to 167 (RFC 8536 §3.3.1). */
static bool rule_time_read(const char **text, int64_t *seconds)
{
    const char *at = *text;
    int64_t sign = *at == '-' ? -1 : 1, sum = 0, unit = 3600;
    at += *at == '-' || *at == '+';
    for (int part = 0; part < 3; part++, unit /= 60) {
        int digits = 0;
        int64_t value = 0;
        for (; *at >= '0' && *at <= '9' && digits < 3; at++, digits++)
            value = value * 10 + (*at - '0');
        if (digits == 0 || (part > 0 && value > 59))
            return false;
        sum += value * unit;
        if (*at != ':' || part == 2)
            break;
        at++;
    }
    *text = at;
    *seconds = sign * sum;
    return sum <= INT64_C(167) * 3600;
}

static bool rule_name_skip(const char **text)
{
    const char *at = *text;
    size_t count = 0;
    if (*at == '<') {
        count = strcspn(at, ">");
        if (at[count] != '>')
            return false;
        *text = at + count + 1;
        return count >= 4;
    }
    while ((at[count] >= 'A' && at[count] <= 'Z') || (at[count] >= 'a' && at[count] <= 'z'))
        count++;
    *text = at + count;
    return count >= 3;
}

static bool rule_number_read(const char **text, int least, int most, int *number)
{
    int value = 0, digits = 0;
    for (; **text >= '0' && **text <= '9' && digits < 4; (*text)++, digits++)
        value = value * 10 + (**text - '0');
    *number = value;
    return digits > 0 && value >= least && value <= most;
}

static bool rule_date_read(const char **text, struct rule_date *date)
{
    *date = (struct rule_date){.form = '0', .time_s = 7200};
    if (*(*text)++ != ',')
        return false;
    if (**text == 'M') {
        date->form = *(*text)++;
        if (!rule_number_read(text, 1, 12, &date->month) || *(*text)++ != '.' ||
            !rule_number_read(text, 1, 5, &date->week) || *(*text)++ != '.' ||
            !rule_number_read(text, 0, 6, &date->weekday))
            return false;
    } else {
        if (**text == 'J')
            date->form = *(*text)++;
        if (!rule_number_read(text, date->form == 'J', 365, &date->day))
            return false;
    }
    if (**text != '/')
        return true;
    (*text)++;
    return rule_time_read(text, &date->time_s);
}

/* POSIX.1-2017 §8.3, TZ: its offsets are west of Greenwich, ours east. */
static bool rule_read(const char *text, struct rule *rule)
{
    int64_t west_s = 0;
    *rule = (struct rule){.is_there = true};
    if (!rule_name_skip(&text) || !rule_time_read(&text, &west_s))
        return false;
    rule->standard_s = -west_s;
    if (*text == '\0')
        return true;
    rule->has_dst = true;
    rule->dst_s = rule->standard_s + 3600;
    if (!rule_name_skip(&text))
        return false;
    if (*text != ',') {
        if (!rule_time_read(&text, &west_s))
            return false;
        rule->dst_s = -west_s;
    }
    return rule_date_read(&text, &rule->begin) && rule_date_read(&text, &rule->end) && *text == '\0';
}

/* The rule's date in a year, as local seconds since 1970. */
static int64_t rule_local_s(const struct rule_date *date, int year)
{
    int64_t day = day_from_civil(year, 1, 1);
    if (date->form == 'M') {
        int64_t first = day_from_civil(year, date->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
        day = first + ((date->weekday - weekday) % 7 + 7) % 7 + 7 * (date->week - 1);
        if (day >= day_from_civil(year, date->month + 1, 1))
            day -= 7;
    } else if (date->form == 'J') {
        day += date->day - 1 + (is_leap(year) && date->day >= 60);  // 29 February is never counted
    } else {
        day += date->day;
    }
    return day * DAY_S + date->time_s;
}

static int64_t rule_offset_s(const struct rule *rule, int64_t utc_s)
{
    int year = 0, month = 0, date = 0;
    if (!rule->has_dst)
        return rule->standard_s;
    civil_from_day(floor_div(utc_s + rule->standard_s, DAY_S), &year, &month, &date);
    int64_t begin_s = rule_local_s(&rule->begin, year) - rule->standard_s;
    int64_t end_s = rule_local_s(&rule->end, year) - rule->dst_s;
    bool is_dst = begin_s < end_s ? utc_s >= begin_s && utc_s < end_s : utc_s >= begin_s || utc_s < end_s;
    return is_dst ? rule->dst_s : rule->standard_s;
}

/* ---- TZif ---- */

static int64_t big_endian(const unsigned char *bytes, int count)
{
    uint64_t value = bytes[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

struct block {
    size_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

#define HEADER_BYTES 44

static bool block_read(const unsigned char *bytes, size_t count, struct block *block)
{
    if (count < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0)
        return false;
    size_t *const counts[] = {&block->isutcnt, &block->isstdcnt, &block->leapcnt,
                              &block->timecnt, &block->typecnt,  &block->charcnt};
    for (size_t i = 0; i < 6; i++) {
        int64_t value = big_endian(bytes + 20 + 4 * i, 4);
        if (value < 0 || value > FILE_BYTES_MOST)
            return false;
        *counts[i] = (size_t)value;
    }
    return true;
}

static size_t block_bytes(const struct block *block, size_t time_bytes)
{
    return block->timecnt * (time_bytes + 1) + block->typecnt * 6 + block->charcnt +
           block->leapcnt * (time_bytes + 4) + block->isstdcnt + block->isutcnt;
}

static bool transitions_read(const unsigned char *bytes, const struct block *block, struct zone *zone)
{
    const unsigned char *types = bytes + block->timecnt * 8;
    const unsigned char *infos = types + block->timecnt;
    if (block->typecnt == 0)
        return false;
    zone->at_s = calloc(block->timecnt + 1, sizeof *zone->at_s);
    zone->offset_s = calloc(block->timecnt + 1, sizeof *zone->offset_s);
    if (!zone->at_s || !zone->offset_s)
        return false;
    zone->first_offset_s = big_endian(infos, 4);
    for (size_t i = 0; i < block->timecnt; i++) {
        if (types[i] >= block->typecnt)
            return false;
        zone->at_s[i] = big_endian(bytes + 8 * i, 8);
        zone->offset_s[i] = big_endian(infos + 6 * (size_t)types[i], 4);
        if (i > 0 && zone->at_s[i] <= zone->at_s[i - 1])
            return false;
        if (zone->offset_s[i] < -DAY_S || zone->offset_s[i] > DAY_S)
            return false;
    }
    zone->count = block->timecnt;
    return zone->first_offset_s >= -DAY_S && zone->first_offset_s <= DAY_S;
}

/* Version 2 and later: the first block, with 32-bit times, is skipped; behind the second one stands the rule.
 */
static bool tzif_read(unsigned char *bytes, size_t count, struct zone *zone)
{
    struct block block;
    if (!block_read(bytes, count, &block) || bytes[4] < '2')
        return false;
    size_t skip = HEADER_BYTES + block_bytes(&block, 4);
    if (skip > count || !block_read(bytes + skip, count - skip, &block))
        return false;
    size_t body = skip + HEADER_BYTES;
    size_t footer = body + block_bytes(&block, 8);
    if (footer + 2 > count || bytes[footer] != '\n' || !transitions_read(bytes + body, &block, zone))
        return false;
    unsigned char *end = memchr(bytes + footer + 1, '\n', count - footer - 1);
    if (!end)
        return false;
    *end = '\0';
    const char *rule = (const char *)bytes + footer + 1;
    return *rule == '\0' || rule_read(rule, &zone->rule);
}

static bool name_is_safe(const char *name)
{
    if (*name == '\0' || *name == '/' || strstr(name, "..") || strlen(name) > 200)
        return false;
    for (const char *c = name; *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-", *c))
            return false;
    return true;
}

/* Returns the file's bytes read into `bytes`, 0 when it is none that could be a zone. */
static size_t file_read(const char *name, unsigned char *bytes)
{
    char path[1024];
    const char *dir = getenv("TZDIR");
    struct stat there;
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/%s", dir && *dir ? dir : "/usr/share/zoneinfo", name);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return 0;
    if (fstat(file, &there) == 0 && S_ISREG(there.st_mode))
        for (ssize_t got = 1; got > 0 && count<FILE_BYTES_MOST; count += got> 0 ? (size_t)got : 0)
            got = read(file, bytes + count, FILE_BYTES_MOST - count);
    (void)close(file);
    return count;
}

enum status zone_load(const char *name, struct zone **zone, struct error *err)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = malloc(FILE_BYTES_MOST);
    struct zone *made = calloc(1, sizeof *made);
    size_t count = 0;
    if (!bytes || !made) {
        status = error_set(err, STATUS_NO_MEMORY, "time zone", "", "no room for a zone");
    } else if (strcmp(name, "UTC") == 0) {
        made->rule = (struct rule){.is_there = true};
    } else if (!name_is_safe(name) || (count = file_read(name, bytes)) == 0) {
        status = error_set(err, STATUS_USAGE, "time zone",
                           "use an IANA name such as Asia/Tokyo; is tzdata installed?",
                           "there is no zone \"%.60s\"", name);
    } else if (!tzif_read(bytes, count, made)) {
        status = error_set(err, STATUS_CORRUPT, name, "install tzdata again",
                           "its file is not TZif of version 2 or later");
    }
    if (status == STATUS_OK) {
        *zone = made;
        made = NULL;
    }
    zone_free(made);
    free(bytes);
    return status;
}

void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    free(zone->at_s);
    free(zone->offset_s);
    free(zone);
}

/* ---- use ---- */

int64_t zone_offset_s(const struct zone *zone, int64_t utc_s)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->at_s[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->rule.is_there)
        return rule_offset_s(&zone->rule, utc_s);
    return low ? zone->offset_s[low - 1] : zone->first_offset_s;
}

/* Offsets before and after anything that happens within a day of a local time: real zones change at most once
 * in two days around any moment since 1900. */
int zone_to_utc(const struct zone *zone, int64_t local_s, int64_t utc[2])
{
    int64_t before_s = zone_offset_s(zone, local_s - DAY_S), after_s = zone_offset_s(zone, local_s + DAY_S);
    int64_t early = local_s - before_s, late = local_s - after_s;
    bool early_holds = zone_offset_s(zone, early) == before_s,
         late_holds = zone_offset_s(zone, late) == after_s;
    if (early_holds && late_holds && early != late) {
        utc[0] = early < late ? early : late;
        utc[1] = early < late ? late : early;
        return 2;
    }
    utc[0] = utc[1] = late_holds && !early_holds ? late : early;
    return early_holds || late_holds;
}

int64_t zone_fold_s(const struct zone *zone, int64_t local_s)
{
    int64_t utc[2];
    return zone_to_utc(zone, local_s, utc) == 2 ? utc[1] - utc[0] : 0;
}

bool zone_has_fold_between(const struct zone *zone, int64_t from_s, int64_t to_s)
{
    // A fold lasts months on either side, so samples a day apart see every one; years of a hostile log are
    // bounded.
    const int64_t most = 400 * 366 * DAY_S;
    int64_t last_s = zone_offset_s(zone, from_s);
    if (to_s - from_s > most)
        return true;
    for (int64_t at_s = from_s; at_s < to_s;) {
        at_s = to_s - at_s > DAY_S ? at_s + DAY_S : to_s;
        int64_t offset_s = zone_offset_s(zone, at_s);
        if (offset_s < last_s)
            return true;
        last_s = offset_s;
    }
    return false;
}

static int64_t date_of(const struct zone *zone, int64_t utc_s)
{
    return floor_div(utc_s + zone_offset_s(zone, utc_s), DAY_S);
}

int64_t zone_day_of(const struct zone *zone, int64_t utc_s)
{
    int64_t day = date_of(zone, utc_s);
    return day + (utc_s >= zone_day_start(zone, day + 1));
}

int64_t zone_day_start(const struct zone *zone, int64_t day)
{
    int64_t utc[2];
    if (zone_to_utc(zone, day * DAY_S, utc) > 0)
        return utc[0];
    // Midnight, or the whole date, is skipped: the first instant of this date or a later one.
    int64_t low = day * DAY_S - 2 * DAY_S, high = day * DAY_S + 2 * DAY_S;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (date_of(zone, middle) < day)
            low = middle;
        else
            high = middle;
    }
    return high;
}

void day_write_text(int64_t day, char text[DAY_TEXT_BYTES])
{
    int year = 0, month = 0, date = 0;
    civil_from_day(day, &year, &month, &date);
    (void)snprintf(text, DAY_TEXT_BYTES, "%04d-%02d-%02d", year % 10000, month, date);
}

bool day_read_text(const char *text, int64_t *day)
{
    static const char FORM[] = "dddd-dd-dd";
    int numbers[3] = {0}, same[3], part = 0;
    if (strlen(text) != sizeof FORM - 1)
        return false;
    for (size_t i = 0; i < sizeof FORM - 1; i++) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (FORM[i] == '-' ? text[i] != '-' : !is_digit)
            return false;
        if (is_digit)
            numbers[part] = numbers[part] * 10 + (text[i] - '0');
        else
            part++;
    }
    *day = day_from_civil(numbers[0], numbers[1], numbers[2]);
    // 30 February is a mistake, not a day in March.
    civil_from_day(*day, &same[0], &same[1], &same[2]);
    return same[0] == numbers[0] && same[1] == numbers[1] && same[2] == numbers[2];
}
