/**
 * From an archive to a store: pieces of files become tallies, tallies go to the owner of their day, the owner
 * writes it.
 *
 *     archive ──pieces──► every rank reads its own ──► partial tallies ──exchange──► owner of the day ──►
 * store/DAY.h5
 *
 * A day whose files have not changed is kept. New bytes are read first; of the files already known, only
 * those are read again that share a day with them. Nothing in a day depends on a line outside it, nor on the
 * order of lines.
 */
#ifndef EXTRACT_EXTRACT_H
#define EXTRACT_EXTRACT_H

#include "base/error.h"
#include "base/zone.h"
#include "feature/feature.h"
#include "job/job.h"
#include "parallel/parallel.h"

#include <stddef.h>
#include <stdint.h>

/** Most rejected lines that are kept for the user's eye. */
#define EXTRACT_REJECTS 8

struct extract_reject {
    char path[256];  // escaped for a terminal
    struct line_reject line;
};

struct extract_warning {
    char where[256];  // a path, escaped for a terminal, or a job key
    char what[256];
};

/** What a run of extract did; the same on every rank. */
struct extract_summary {
    int64_t files, files_unusable;
    int64_t
        files_outside;  // without a line of the days asked for; what was never read is not in what follows
    int64_t kinds[LINE_COUNTS];  // lines of all files of the job, kept days included
    int64_t rows;  // in the days asked for
    int64_t log_bytes, log_bytes_parsed;  // of text; parsed by this run
    int64_t shards_written, shards_kept;
    int64_t fold_guessed;
    int64_t slowest_bytes;  // most bytes that one rank parsed: the balance
    struct extract_reject rejects[EXTRACT_REJECTS];
    size_t reject_count;
    struct extract_warning *warnings;  // [warning_count], on rank 0 only
    size_t warning_count;
};

/** What extract is at: days are made when all is read. */
enum extract_step { EXTRACT_READS, EXTRACT_MAKES };

/** Called now and then on rank 0: bytes of text done in this step, by all ranks, and in all. */
typedef void extract_progress(void *context, enum extract_step step, int64_t done_bytes, int64_t total_bytes);

/**
 * Brings the store of a job up to date with its archive. Collective.
 *
 * @param zone      borrowed; features.timezone
 * @param progress  may be NULL
 * @param summary   filled, also when it fails with STATUS_NO_INPUT; free it with extract_summary_clear
 * @return          STATUS_NO_INPUT when no line is a query that counts; STATUS_MISMATCH when the store was
 * made with other settings; STATUS_LIMIT naming the limit
 */
MUST_CHECK enum status extract_run(const struct team *team, const struct job *job, const struct zone *zone,
                                   extract_progress *progress, void *context, struct extract_summary *summary,
                                   struct error *err);

/**
 * Checks that the store has days, and that they were made with the job's settings: for who reads it as it is.
 * Collective.
 *
 * @return  STATUS_NO_INPUT for an empty store, STATUS_MISMATCH as extract_run
 */
MUST_CHECK enum status extract_check(const struct team *team, const struct job *job, const struct zone *zone,
                                     struct error *err);

/** Frees what the summary holds; a zeroed one is fine. Local. */
void extract_summary_clear(struct extract_summary *summary);

/** Returns the sum of the lines of all kinds. Local. */
int64_t extract_lines(const struct extract_summary *summary);

/**
 * Turns the job's from and to into UTC seconds, [INT64_MIN or from, to or INT64_MAX). Local.
 */
void extract_span(const struct job *job, const struct zone *zone, int64_t *from_s, int64_t *to_s);

#endif
