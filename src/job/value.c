#include "value.h"

#include "civil.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    char letter;
    int64_t factor;
};

// The largest first, so that writing takes the shortest.
static const struct unit SIZE_UNITS[] = {
    {'T', INT64_C(1) << 40}, {'G', INT64_C(1) << 30}, {'M', INT64_C(1) << 20}, {'K', INT64_C(1) << 10}};
static const struct unit DURATION_UNITS[] = {{'d', DAY_S}, {'h', 3600}, {'m', 60}, {'s', 1}};
enum { UNIT_COUNT = 4 };

/* Shares are counted in millionths. */
#define SHARE_WHOLE 1000000
#define SHARE_DIGITS 6

bool integer_read(const struct key *key, const char *text, int64_t *value)
{
    uint64_t number = 0;
    for (const char *c = text; *c; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (*c < '0' || *c > '9' || number > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *value = (int64_t)number;
    return *text && *value >= key->least && *value <= key->most;
}

/* Digits and then one of the units; without a unit only where `bare` allows it. */
static bool united_read(const char *text, const struct unit units[UNIT_COUNT], bool bare, int64_t *value)
{
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0;
    if (!digits_read(text, digits, &number))
        return false;
    *value = number;
    if (text[digits] == '\0')
        return bare;
    for (int i = 0; i < UNIT_COUNT; i++)
        if (text[digits] == units[i].letter) {
            *value = number * (number <= INT64_MAX / units[i].factor ? units[i].factor : 0);
            return text[digits + 1] == '\0' && number <= INT64_MAX / units[i].factor;
        }
    return false;
}

/* HH:MM, or HH:MM:SS, to seconds of the day. */
static bool clock_read(const char *text, size_t count, int64_t *seconds)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    if ((count != 5 && count != 8) || text[2] != ':' || !digits_read(text, 2, &hour) ||
        !digits_read(text + 3, 2, &minute))
        return false;
    if (count == 8 && (text[5] != ':' || !digits_read(text + 6, 2, &second)))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return minute < 60 && second < 60 && (hour < 24 || *seconds == DAY_S);
}

static bool time_read(const char *text, int64_t now_local_s, int64_t *value)
{
    int64_t today = floor_div(now_local_s, DAY_S);
    int64_t day = today;
    int64_t clock = 0;
    size_t count = strlen(text);
    if (strcmp(text, "today") == 0) {
        day = today;
    } else if (strcmp(text, "yesterday") == 0) {
        day = today - 1;
    } else if (count >= 3 && text[0] == '-' && text[count - 1] == 'd') {
        int64_t ago = 0;
        // A million days are more than two thousand years.
        if (!digits_read(text + 1, count - 2, &ago) || ago > 1000000)
            return false;
        day = today - ago;
    } else if (count < 10 || !civil_day_read(text, 10, &day)) {
        return false;
    } else if (count > 10) {
        if ((text[10] != ' ' && text[10] != 'T') || !clock_read(text + 11, count - 11, &clock) ||
            clock == DAY_S)
            return false;
    }
    *value = day * DAY_S + clock;
    return day >= 0;
}

bool night_read(const char *text, struct job_night *night)
{
    int64_t from_s = 0;
    int64_t to_s = 0;
    if (strlen(text) != 11 || text[5] != '-' || !clock_read(text, 5, &from_s) ||
        !clock_read(text + 6, 5, &to_s) || from_s == DAY_S || from_s == to_s)
        return false;
    *night = (struct job_night){.from_minute = from_s / 60, .to_minute = to_s / 60};
    return true;
}

static bool choice_read(const struct key *key, const char *text, int64_t *value)
{
    size_t length = strlen(text);
    *value = 0;
    for (const char *word = key->choices; *word; (*value)++) {
        size_t count = strcspn(word, "|");
        if (count == length && memcmp(word, text, count) == 0)
            return true;
        word += count + (word[count] == '|');
    }
    return false;
}

/* Digits and then "/day". */
static bool rate_read(const struct key *key, const char *text, int64_t *value)
{
    const size_t digits = strspn(text, "0123456789");
    return digits_read(text, digits, value) && strcmp(text + digits, "/day") == 0 && *value >= key->least &&
           *value <= key->most;
}

/* 0 … 1, with six digits behind the point at most; in millionths. */
static bool share_read(const char *text, int64_t *value)
{
    int64_t whole = 0, part = 0;
    const size_t digits = strspn(text, "0123456789");
    const size_t behind = text[digits] == '.' ? strspn(text + digits + 1, "0123456789") : 0;
    if (!digits_read(text, digits, &whole) || whole > 1 || behind > SHARE_DIGITS ||
        text[digits + (behind > 0) + behind] != '\0' ||
        (behind > 0 && !digits_read(text + digits + 1, behind, &part)))
        return false;
    for (size_t i = behind; i < SHARE_DIGITS; i++)
        part *= 10;
    *value = whole * SHARE_WHOLE + part;
    return *value <= SHARE_WHOLE;
}

static void share_write(int64_t value, char out[VALUE_BYTES])
{
    (void)snprintf(out, VALUE_BYTES, "%" PRId64 ".%06" PRId64, value / SHARE_WHOLE, value % SHARE_WHOLE);
    size_t length = strlen(out);
    while (out[length - 1] == '0')
        out[--length] = '\0';
    if (out[length - 1] == '.')
        out[length - 1] = '\0';
}

bool value_read(const struct key *key, const char *text, int64_t now_local_s, int64_t *value)
{
    bool good = false;
    if (key->type == VALUE_TIME) {
        good = time_read(text, now_local_s, value);
    } else if (key->type == VALUE_CHOICE) {
        good = choice_read(key, text, value);
    } else if (key->type == VALUE_RATE) {
        good = rate_read(key, text, value);
    } else if (key->type == VALUE_SHARE) {
        good = share_read(text, value);
    } else if (key->type == VALUE_SIZE || key->type == VALUE_DURATION) {
        bool size = key->type == VALUE_SIZE;
        good = united_read(text, size ? SIZE_UNITS : DURATION_UNITS, size, value) && *value >= key->least &&
               *value <= key->most;
    } else if ((key->type == VALUE_BATCH || key->type == VALUE_AUTO) && strcmp(text, "auto") == 0) {
        *value = 0;
        good = true;
    } else {
        good = integer_read(key, text, value) && (key->type != VALUE_POWER || (*value & (*value - 1)) == 0) &&
               (key->type != VALUE_BATCH || *value % 64 == 0);
    }
    return good;
}

static void united_write(int64_t value, const struct unit units[UNIT_COUNT], char out[VALUE_BYTES])
{
    for (int i = 0; i < UNIT_COUNT; i++)
        if (value > 0 && value % units[i].factor == 0) {
            (void)snprintf(out, VALUE_BYTES, "%" PRId64 "%c", value / units[i].factor, units[i].letter);
            return;
        }
    (void)snprintf(out, VALUE_BYTES, "%" PRId64, value);
}

void size_write(int64_t bytes, char out[VALUE_BYTES])
{
    united_write(bytes, SIZE_UNITS, out);
}

static void time_write(int64_t local_s, char out[VALUE_BYTES])
{
    struct civil_date date = civil_date(floor_div(local_s, DAY_S));
    int64_t clock = floor_mod(local_s, DAY_S);
    (void)snprintf(out, VALUE_BYTES,
                   "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64,
                   date.year, date.month, date.day, clock / 3600, clock / 60 % 60, clock % 60);
}

static void choice_write(const struct key *key, int64_t value, char out[VALUE_BYTES])
{
    const char *word = key->choices;
    for (; value > 0; value--)
        word += strcspn(word, "|") + 1;
    (void)snprintf(out, VALUE_BYTES, "%.*s", (int)strcspn(word, "|"), word);
}

void value_write(const struct key *key, int64_t value, char out[VALUE_BYTES])
{
    if (key->type == VALUE_TIME)
        time_write(value, out);
    else if (key->type == VALUE_CHOICE)
        choice_write(key, value, out);
    else if (key->type == VALUE_SIZE)
        size_write(value, out);
    else if (key->type == VALUE_DURATION)
        united_write(value, DURATION_UNITS, out);
    else if (key->type == VALUE_RATE)
        (void)snprintf(out, VALUE_BYTES, "%" PRId64 "/day", value);
    else if (key->type == VALUE_SHARE)
        share_write(value, out);
    else if ((key->type == VALUE_BATCH || key->type == VALUE_AUTO) && value == 0)
        (void)snprintf(out, VALUE_BYTES, "auto");
    else
        (void)snprintf(out, VALUE_BYTES, "%" PRId64, value);
}

void night_write(struct job_night night, char out[VALUE_BYTES])
{
    (void)snprintf(out, VALUE_BYTES, "%02" PRId64 ":%02" PRId64 "-%02" PRId64 ":%02" PRId64,
                   night.from_minute / 60, night.from_minute % 60, night.to_minute / 60,
                   night.to_minute % 60);
}

void range_write(const struct ip_range *range, char out[VALUE_BYTES])
{
    char address[IP_TEXT_BYTES];
    ip_write(&range->base, address);
    // An IPv4 range is one of mapped addresses; a shorter prefix than 96 cannot have a mapped base.
    int bits = strchr(address, ':') ? range->bits : range->bits - 96;
    (void)snprintf(out, VALUE_BYTES, "%s/%d", address, bits);
}
