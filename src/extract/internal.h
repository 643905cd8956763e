/* What the files of this room share: one run of extract. */
#ifndef EXTRACT_INTERNAL_H
#define EXTRACT_INTERNAL_H

#include "archive/archive.h"
#include "base/map.h"
#include "extract/extract.h"
#include "parallel/work.h"
#include "table/table.h"

/** How the lines of a source are read. */
struct source_setup {
    struct zone *zone;
    const char *resolver;
    int year;  // 0: by the file's date
    uint64_t hash;  // of these settings
};

/** Sums of a file; added up over the ranks. */
enum file_sum { FILE_LINES, FILE_BYTES = LINE_COUNTS, FILE_FOLD_GUESSED, FILE_FAULTS, FILE_SUMS };

/** A file has lines of a day. */
struct touch {
    int64_t file;
    int64_t day;
};

struct extraction {
    const struct team *team;
    const struct job *job;
    const struct zone *zone;
    extract_progress *progress;
    void *progress_context;
    struct extract_summary *summary;

    struct archive_source *archive_sources;  // what archive is told
    struct source_setup *sources;
    size_t source_count;
    struct suffixes *suffixes;
    struct tally_plan plan;
    char *settings;

    struct archive archive;
    struct tallies *tallies;
    int64_t (*sums)[FILE_SUMS];  // [files], of this run
    struct touch *touches;  // [touch_count], of this rank while it reads, then of all
    size_t touch_count, touch_capacity;

    struct known known;  // rank 0 only
    int64_t *known_of;  // [files]: index of the known file, −1 when it is new
    int64_t *dirty;  // [dirty_count] ascending: days that are made anew
    size_t dirty_count;
    bool only_dirty;  // while known files are read again: all other days are left alone
    int64_t done_bytes;  // of text that this rank parsed
    struct work *work;  // while pieces are read
    int64_t total_work;  // of all pieces
};

/* ---- setup.c ---- */

/** Loads zones, suffixes and settings. Local. */
MUST_CHECK enum status setup_local(struct extraction *run, struct error *err);

/** Frees what setup_local made. Local. */
void setup_clear(struct extraction *run);

/* ---- pieces.c ---- */

/** What was learnt of a file before it is cut; 0 for one that was not looked at. Sums over the ranks are what
 * the one rank found. */
struct look {
    int64_t first_ms;  // of its first line with a time
    int64_t year;  // of its first line where stamps have none
    int64_t is_whole;  // its lines must be read in one go: only their order tells what a stamp means
};

/** Looks at a file's first and last lines. Local. */
void file_look(const struct extraction *run, size_t file, struct look *look);

/** Cuts the wanted files into pieces, and reads them into the tallies, shared out over the ranks. Collective.
 */
MUST_CHECK enum status wanted_read(struct extraction *run, const bool *wanted, struct error *err);

/** Tells how far all ranks are, this one having read some bytes on disk of a piece. Local. */
void progress_tell(struct extraction *run, const struct archive_piece *piece, int64_t stored_bytes);

/** The end of a run that met no query that counts: STATUS_NO_INPUT, and why. Local. */
MUST_CHECK enum status nothing_usable(const int64_t kinds[LINE_COUNTS], int64_t lines, int64_t files,
                                      struct error *err);

/** Tells what was found but not used, on rank 0. Local. */
MUST_CHECK enum status archive_warnings_local(struct extraction *run, struct error *err);

/* ---- read.c ---- */

/** Reads a piece into the tallies. `year`: of its file's first line where stamps have none. Local. */
MUST_CHECK enum status piece_read(struct extraction *run, const struct archive_piece *piece, int year,
                                  struct error *err);

/** Orders struct extract_reject by file and offset. Local. */
int extract_reject_compare(const void *a, const void *b);

/** Adds a warning to the summary of this rank. Local. */
MUST_CHECK enum status warning_add(struct extraction *run, const char *where, const char *what,
                                   struct error *err);

/* ---- settle.c ---- */

/** Sends tallies to their owners, finishes and writes the dirty days. Collective. */
MUST_CHECK enum status shards_make(struct extraction *run, const uint64_t *file_ids, struct error *err);

/* ---- days.c ---- */

/** Finds out which files the store knows already; fills known and known_of. Refuses a store with other
 * settings. Collective. */
MUST_CHECK enum status known_find(struct extraction *run, struct error *err);

/** From all touches: which days are made anew, and which known files must be read again for them. Collective.
 */
MUST_CHECK enum status dirty_find(struct extraction *run, bool *read_again, struct error *err);

/** Remembers the files of this run in the store, and sums over all of them. Collective. */
MUST_CHECK enum status known_update(struct extraction *run, struct error *err);

/** Returns the identity of a file's content and of how it is read. Local. */
uint64_t file_identity(const struct extraction *run, size_t file);

/** Returns whether a day is made anew. Local. */
bool is_dirty(const struct extraction *run, int64_t day);

#endif
