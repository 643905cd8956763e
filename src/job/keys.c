#include "keys.h"

#include "value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the limits column stands for. */
#define RANGE(from, to) .least = (from), .most = (to)
#define ITEMS(from, to, items) .least = (from), .most = (to), .most_items = (items)
#define CHOICES(words) .choices = (words)
#define NO_LIMITS .least = 0

/* The limits come last: by then they have commas in them. */
#define ROW(in, name, member, kind, otherwise, words, about, ...)                                            \
    {.path = (name),                                                                                         \
     .type = VALUE_##kind,                                                                                   \
     .offset = offsetof(struct in, member),                                                                  \
     .fallback = (otherwise),                                                                                \
     .told = (words),                                                                                        \
     .text = (about),                                                                                        \
     __VA_ARGS__},

static const struct key JOB_KEYS[] = {
#define KEY(path, member, type, limits, fallback, told, text)                                                \
    ROW(job, path, member, type, fallback, told, text, limits)
#include "job/keys.def"
};

static const struct key SOURCE_KEYS[] = {
#define SOURCE_KEY(path, member, type, limits, fallback, told, text)                                         \
    ROW(job_source, path, member, type, fallback, told, text, limits)
#include "job/keys.def"
};

static const struct key SPAN_KEYS[] = {
#define SPAN_KEY(path, member, type, limits, fallback, told, text)                                           \
    ROW(job_span, path, member, type, fallback, told, text, limits)
#include "job/keys.def"
};

static const struct key FEED_KEYS[] = {
#define FEED_KEY(path, member, type, limits, fallback, told, text)                                           \
    ROW(job_feed, path, member, type, fallback, told, text, limits)
#include "job/keys.def"
};

struct key_table job_keys(void)
{
    return (struct key_table){JOB_KEYS, sizeof JOB_KEYS / sizeof JOB_KEYS[0]};
}

struct key_table source_keys(void)
{
    return (struct key_table){SOURCE_KEYS, sizeof SOURCE_KEYS / sizeof SOURCE_KEYS[0]};
}

struct key_table span_keys(void)
{
    return (struct key_table){SPAN_KEYS, sizeof SPAN_KEYS / sizeof SPAN_KEYS[0]};
}

bool job_key_at(size_t at, struct job_key *key)
{
    if (at >= job_keys().count)
        return false;
    const struct key *row = &JOB_KEYS[at];
    *key = (struct job_key){row->path, row->fallback, row->told, row->text};
    return true;
}

struct key_table feed_keys(void)
{
    return (struct key_table){FEED_KEYS, sizeof FEED_KEYS / sizeof FEED_KEYS[0]};
}

size_t key_find(struct key_table table, const char *path)
{
    size_t at = 0;
    while (at < table.count && strcmp(table.keys[at].path, path) != 0)
        at++;
    return at;
}

bool key_is_section(struct key_table table, const char *path)
{
    size_t length = strlen(path);
    for (size_t at = 0; at < table.count; at++)
        if (strncmp(table.keys[at].path, path, length) == 0 && table.keys[at].path[length] == '.')
            return true;
    return false;
}

bool key_is_required(const struct key *key)
{
    return !key->fallback && strcmp(key->told, "required") == 0;
}

static void expected_choice(const struct key *key, char *out, size_t room)
{
    size_t at = 0;
    for (const char *c = key->choices; *c && at + 5 < room; c++) {
        if (*c == '|') {
            memcpy(out + at, " or ", 4);
            at += 4;
        } else {
            out[at++] = *c;
        }
    }
    out[at] = '\0';
}

static void expected_integer(const struct key *key, const char *what, char *out, size_t room)
{
    if (key->most == INT64_MAX)
        (void)snprintf(out, room, "%s, at least %" PRId64, what, key->least);
    else
        (void)snprintf(out, room, "%s from %" PRId64 " to %" PRId64, what, key->least, key->most);
}

static void expected_size(const struct key *key, char *out, size_t room)
{
    char least[VALUE_BYTES];
    size_write(key->least, least);
    (void)snprintf(out, room, "a size such as 64M (bytes, or K, M, G, T), at least %s", least);
}

void key_expected(const struct key *key, char out[KEY_EXPECTED_BYTES])
{
    const size_t room = KEY_EXPECTED_BYTES;
    switch (key->type) {
    case VALUE_TEXT: (void)snprintf(out, room, "a text"); break;
    case VALUE_TEXTS: (void)snprintf(out, room, "a list of texts such as [a, b]"); break;
    case VALUE_SOURCES:
        (void)snprintf(out, room, "a list of maps such as [{paths: [a], resolver: b}]");
        break;
    case VALUE_SPANS:
        (void)snprintf(out, room, "a list of maps such as [{from: 2022-02-01, to: 2022-02-08}]");
        break;
    case VALUE_FEEDS:
        (void)snprintf(out, room, "a list of paths, or of maps such as [{path: a, critical: yes}]");
        break;
    case VALUE_RANGES: (void)snprintf(out, room, "a list of address ranges such as [10.0.0.0/8]"); break;
    case VALUE_INTEGERS:
        (void)snprintf(out, room, "a list of 1 to %zu integers from %" PRId64 " to %" PRId64, key->most_items,
                       key->least, key->most);
        break;
    case VALUE_NIGHT: (void)snprintf(out, room, "two different times of day such as 20:00-07:00"); break;
    case VALUE_TIME:
        (void)snprintf(
            out, room,
            "a date such as 2022-02-01, \"2022-02-01 12:00\", today, yesterday or -30d (days ago)");
        break;
    case VALUE_INTEGER: expected_integer(key, "an integer", out, room); break;
    case VALUE_POWER: expected_integer(key, "a power of two", out, room); break;
    case VALUE_BATCH: expected_integer(key, "auto or a multiple of 64", out, room); break;
    case VALUE_AUTO: expected_integer(key, "auto or an integer", out, room); break;
    case VALUE_SIZE: expected_size(key, out, room); break;
    case VALUE_DURATION:
        (void)snprintf(out, room, "a duration such as 1h (s, m, h or d), from 1s to 1d");
        break;
    case VALUE_RATE:
        (void)snprintf(out, room, "a number a day such as 5/day, from %" PRId64 "/day to %" PRId64 "/day",
                       key->least, key->most);
        break;
    case VALUE_SHARE: (void)snprintf(out, room, "a share from 0 to 1 such as 0.1"); break;
    case VALUE_CHOICE: expected_choice(key, out, room); break;
    }
}

/** No path is longer, and of an unknown key no more is compared. */
#define COMPARED_BYTES 48

/* Levenshtein's distance of the first bytes of both, by rows of the table. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t b_length = strnlen(b, COMPARED_BYTES);
    size_t row[COMPARED_BYTES + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 0; i < COMPARED_BYTES && a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_length; j++) {
            size_t change = diagonal + (a[i] != b[j]);
            size_t least = row[j] < row[j + 1] ? row[j] + 1 : row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < least ? change : least;
        }
    }
    return row[b_length];
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

const char *key_nearest(struct key_table table, const char *path)
{
    const char *nearest = "";
    size_t least = SIZE_MAX;
    for (size_t at = 0; at < table.count; at++) {
        const char *known = table.keys[at].path;
        size_t distance = edit_distance(path, known);
        // A right word in the wrong section is one mistake, however long the sections' names are.
        size_t moved = 1 + 2 * edit_distance(last_part(path), last_part(known));
        if (moved < distance)
            distance = moved;
        if (distance < least) {
            least = distance;
            nearest = known;
        }
    }
    return nearest;
}
