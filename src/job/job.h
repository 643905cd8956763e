/**
 * The job file: what a person wrote in YAML, checked, with every default filled in.
 *
 *     job.yaml ─► tree of nodes ─┐
 *     --set KEY=VALUE ───────────┴─► one value a key ─► struct job ─► every other room
 *
 * keys.def has a row a key, and members, parser, defaults, docs/job.md and error texts are made from it. A
 * key that is not in it is an error: a misspelt key must not become a default in silence. What a job names
 * (paths, zones) is not opened here.
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "base/error.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A time that was not given. Times are local seconds since 1970-01-01 00:00 of a zone that is applied later.
 */
#define JOB_NO_TIME INT64_MIN

/** Values of the members that are one of several words; the order is that of CHOICES in keys.def. */
enum job_doubled { DOUBLED_SKIP, DOUBLED_COUNT };
enum job_duplicates { DUPLICATES_WARN, DUPLICATES_SKIP };
enum job_feature_set { FEATURE_SET_FULL, FEATURE_SET_TALK };
enum job_scaling { SCALING_RAW, SCALING_ROBUST };
enum job_trim { TRIM_NO, TRIM_EVIDENCE };
enum job_format { FORMAT_AUTO, FORMAT_BIND };
enum job_critical { CRITICAL_NO, CRITICAL_YES };

struct text_list {
    char **items;  // [count]
    size_t count;
};

struct integer_list {
    int64_t *items;  // [count]
    size_t count;
};

struct range_list {
    struct ip_range *items;  // [count]
    size_t count;
};

/** The hours from from_minute to before to_minute; over midnight where from_minute is the larger. */
struct job_night {
    int64_t from_minute;  // of the day, 0 … 1439
    int64_t to_minute;  // of the day, 0 … 1440; never from_minute
};

// One member a row of keys.def, of the type that goes with the row's.
#define MEMBER_TEXT(member) char *member  // NULL when absent
#define MEMBER_TEXTS(member) struct text_list member
#define MEMBER_SOURCES(member) struct source_list member
#define MEMBER_SPANS(member) struct span_list member
#define MEMBER_FEEDS(member) struct feed_list member
#define MEMBER_RANGES(member) struct range_list member
#define MEMBER_INTEGERS(member) struct integer_list member
#define MEMBER_NIGHT(member) struct job_night member
#define MEMBER_TIME(member) int64_t member  // JOB_NO_TIME when absent
#define MEMBER_INTEGER(member) int64_t member  // 0 when absent
#define MEMBER_POWER(member) int64_t member  // a power of two
#define MEMBER_BATCH(member) int64_t member  // 0 for auto
#define MEMBER_AUTO(member) int64_t member  // 0 for auto
#define MEMBER_SIZE(member) int64_t member  // bytes
#define MEMBER_DURATION(member) int64_t member  // seconds
#define MEMBER_RATE(member) int64_t member  // a day
#define MEMBER_SHARE(member) int64_t member  // in millionths
#define MEMBER_CHOICE(member) int64_t member  // one of the enum's above

/** An element of archive.sources, that is one resolver's logs. */
struct job_source {
#define SOURCE_KEY(path, member, type, limits, fallback, told, text) MEMBER_##type(member);
#include "job/keys.def"
};

struct source_list {
    struct job_source *items;  // [count]
    size_t count;
};

/** A half-open span [from_s, to_s) of local time. */
struct job_span {
#define SPAN_KEY(path, member, type, limits, fallback, told, text) MEMBER_##type(member);
#include "job/keys.def"
};

struct span_list {
    struct job_span *items;  // [count]
    size_t count;
};

/** A reputation list. */
struct job_feed {
#define FEED_KEY(path, member, type, limits, fallback, told, text) MEMBER_##type(member);
#include "job/keys.def"
};

struct feed_list {
    struct job_feed *items;  // [count]
    size_t count;
};

/** A job. Plain data; strings and lists belong to it. The members of keys.def come first. */
struct job {
#define KEY(path, member, type, limits, fallback, told, text) MEMBER_##type(member);
#include "job/keys.def"
    bool features_timezone_assumed;  // no zone was written, so UTC was taken; somebody should be told
};

/**
 * Reads and checks a job file. Local.
 *
 * Each of `sets` replaces the value of one key; of several for one key the last wins. Defaults are filled in
 * (store_dir, features_timezone, a source's timezone and year too), relative dates resolved. Errors name
 * `path:line`, or `--set KEY`.
 *
 * @param path         borrowed; the file may have 1 MiB
 * @param sets         borrowed, [set_count] of "KEY=VALUE", VALUE being YAML
 * @param now_local_s  the present, local seconds since 1970, for `today`, `yesterday` and `-30d`
 * @param out          returns new; free it with job_free. Untouched on failure.
 * @return             STATUS_USAGE for all that is wrong with file or sets, STATUS_NO_MEMORY
 */
MUST_CHECK enum status job_read(const char *path, const char *const *sets, size_t set_count,
                                int64_t now_local_s, struct job **out, struct error *err);

/** Takes the job, or NULL. Local. */
void job_free(struct job *job);

/**
 * Writes the job as run as YAML, every key with its value, `~` where there is none: for provenance. Local.
 *
 * job_read makes an equal job of it (but for features_timezone_assumed, whose zone is now written down).
 *
 * @param text  returns new; free it with free. Untouched on failure.
 * @return      STATUS_NO_MEMORY
 */
MUST_CHECK enum status job_text(const struct job *job, char **text, struct error *err);

/** A key of the job file, for who writes one. The texts are borrowed, static storage. */
struct job_key {
    const char *path;  // "features.window"
    const char *fallback;  // its default as YAML, or NULL
    const char *told;  // what holds without a default
    const char *text;  // what it is
};

/** Fills in key number `at`, in the order of docs/job.md. Returns false behind the last one. Local. */
bool job_key_at(size_t at, struct job_key *key);

/**
 * Finds a file that comes with the program, such as datasets/suffixes.dat. Local.
 *
 * Looked for, in this order: `name` as it stands; in $QUERN_DATA; in ../share/quern beside the program's
 * folder; in the program's folder and its four parents, for a program that runs where it was built.
 *
 * @param out  [room], the path of a file that can be read; an empty text when there is none
 * @return     whether it was found (and fitted into `out`)
 */
bool job_data_path(const char *name, char *out, size_t room);

#endif
