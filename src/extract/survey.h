/**
 * A look at an archive before the job: what is there, and what the job will cost, from samples.
 *
 *     files ─► places of 64 KiB ─► parser and tallies, timed ─► counts, scaled by the text a place stands for
 *
 * A small archive is read whole, so that its numbers are exact. Nothing is written.
 */
#ifndef EXTRACT_SURVEY_H
#define EXTRACT_SURVEY_H

#include "base/error.h"
#include "base/ip.h"
#include "base/zone.h"
#include "extract/extract.h"
#include "job/job.h"
#include "parallel/parallel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How many of a kind are listed; the rest is counted. */
enum { SURVEY_LIST = 8 };

/** A time that is not known. */
#define SURVEY_NO_TIME INT64_MIN

/** What a rank would read. */
struct survey_rank {
    int64_t pieces;
    int64_t bytes;  // of text, estimated
};

/** A stretch of time, since 1970 UTC, without a line of a source. */
struct survey_gap {
    int64_t from_ms;
    int64_t to_ms;
};

/** Networks that are told apart among the clients. */
#define SURVEY_NETWORKS(X)                                                                                   \
    X(TEN, "10.0.0.0/8")                                                                                     \
    X(SIXTEEN, "172.16.0.0/12")                                                                              \
    X(HOME, "192.168.0.0/16")                                                                                \
    X(SHARED, "100.64.0.0/10")                                                                               \
    X(LOOP, "127.0.0.0/8")                                                                                   \
    X(LOCAL6, "fc00::/7")                                                                                    \
    X(LINK6, "fe80::/10")

enum survey_network {
#define X(NAME, range) SURVEY_##NAME,
    SURVEY_NETWORKS(X)
#undef X
        SURVEY_ELSEWHERE,
    SURVEY_NETWORK_COUNT
};

struct survey {
    bool is_whole;  // every line was read: counts are exact
    int64_t files, files_unusable;
    int64_t files_known;  // the store has their lines already
    int64_t files_plain, files_compressed;  // usable ones
    int64_t stored_bytes;  // on disk
    int64_t text_bytes;  // decompressed, estimated where is_whole is not set
    int64_t sampled_bytes;
    int64_t kinds[LINE_COUNTS];  // lines, estimated
    int64_t rows;  // of window and client, estimated
    int64_t names;  // of window, client and name, estimated
    int64_t first_ms, last_ms;  // since 1970 UTC; SURVEY_NO_TIME when no line has a time
    int64_t days;  // local ones between the two
    int64_t networks[SURVEY_NETWORK_COUNT];  // sampled queries by the client's network
    bool has_local_time;  // time stamps without a zone were seen
    struct survey_gap gaps[SURVEY_LIST];  // the longest ones by source, in order of time
    int64_t gap_count;
    int64_t overlap_count;  // files that begin before an earlier one of their source has ended
    char resolvers[SURVEY_LIST][64];  // escaped for a terminal
    int64_t resolver_count;
    char forms[SURVEY_LIST][128];  // of lines, in words
    int64_t form_count;
    struct survey_rank *ranks;  // [rank_count] the split of what is not known
    int rank_count;
    int64_t new_bytes;  // of text that the store does not know, estimated
    double seconds_read;  // the slowest rank, reading
    double seconds;  // the whole job
    int64_t memory_bytes;  // a rank, at most
    int parts;  // for store.parts
    struct extract_reject rejects[EXTRACT_REJECTS];
    size_t reject_count;
    struct extract_warning *warnings;  // [warning_count]
    size_t warning_count;
};

/**
 * Looks at the archive of a job as extract_run would meet it. Collective.
 *
 * @param zone    borrowed; features.timezone
 * @param ranks   how many ranks the job would have
 * @param survey  filled on rank 0, also when it fails with STATUS_NO_INPUT; free it with survey_clear
 * @return        STATUS_NO_INPUT when no file is usable, or no sampled line is a query that counts;
 *                STATUS_MISMATCH when the store was made with other settings
 */
MUST_CHECK enum status survey_make(const struct team *team, const struct job *job, const struct zone *zone,
                                   int ranks, struct survey *survey, struct error *err);

/** Frees what the survey holds; a zeroed one is fine. Local. */
void survey_clear(struct survey *survey);

/** Returns the range of a network such as "10.0.0.0/8"; borrowed, static storage. Local. */
const char *survey_network_range(enum survey_network network);

#endif
