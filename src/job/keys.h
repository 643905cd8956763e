/** The rows of keys.def as tables, and what people are told about them. */
#ifndef KEYS_H
#define KEYS_H

#include "job/job.h"

/** Room for key_expected's text. */
#define KEY_EXPECTED_BYTES 160

enum value_type {
    VALUE_TEXT,
    VALUE_TEXTS,
    VALUE_SOURCES,
    VALUE_SPANS,
    VALUE_FEEDS,
    VALUE_RANGES,
    VALUE_INTEGERS,
    VALUE_NIGHT,
    VALUE_TIME,  // from here on the member is one int64_t
    VALUE_INTEGER,
    VALUE_POWER,
    VALUE_BATCH,
    VALUE_AUTO,  // an integer, or auto, which is 0
    VALUE_SIZE,
    VALUE_DURATION,
    VALUE_RATE,  // so many a day
    VALUE_SHARE,  // 0 … 1, in millionths
    VALUE_CHOICE,
};

struct key {
    const char *path;
    enum value_type type;
    size_t offset;  // of the member in its struct, in bytes
    int64_t least;  // of a number, or of each number of a list
    int64_t most;
    size_t most_items;
    const char *choices;  // "a|b|c", or NULL
    const char *fallback;  // the default as YAML, or NULL
    const char *told;  // what holds without a default
    const char *text;
};

struct key_table {
    const struct key *keys;  // [count]
    size_t count;
};

/** How many keys a job has. */
enum {
#define KEY(path, member, type, limits, fallback, told, text) KEY_OF_##member,
#include "job/keys.def"
    KEY_COUNT
};

/** Returns the keys of struct job, of struct job_source, of struct job_span, of struct job_feed. Local. */
struct key_table job_keys(void);
struct key_table source_keys(void);
struct key_table span_keys(void);
struct key_table feed_keys(void);

/** Returns the number of the key with this path, or table.count. */
size_t key_find(struct key_table table, const char *path);

/** Returns whether keys of the table begin with "path.". */
bool key_is_section(struct key_table table, const char *path);

/** Returns whether the key may not be left out. */
bool key_is_required(const struct key *key);

/** Writes what a value of the key looks like, such as "an integer from 2 to 4096". */
void key_expected(const struct key *key, char out[KEY_EXPECTED_BYTES]);

/** Returns the path of the table that is the most like `path`; borrowed, static storage. */
const char *key_nearest(struct key_table table, const char *path);

#endif
