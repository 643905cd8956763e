/* What the files of this room share: one run of extract. */
#ifndef EXTRACT_INTERNAL_H
#define EXTRACT_INTERNAL_H

#include "archive/archive.h"
#include "aside.h"
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
enum file_sum {
    FILE_BYTES = LINE_COUNTS,  // of its lines; before it the lines by kind
    FILE_FOLD_GUESSED,
    FILE_FAULTS,  // pieces that broke off
    FILE_DISK_FAULTS,  // of these, those that may be whole next time
    FILE_TEXT_BYTES,  // told by the one piece that ends with the file, as are the next two
    FILE_TAIL_HASH,
    FILE_ENDS_INSIDE,
    FILE_SUMS
};

/** A file has lines of a day. */
struct touch {
    int64_t file;
    int64_t day;
    int64_t is_new;  // 1: read by this run, 0: known from an earlier one
    int64_t kinds[LINE_COUNTS];
};

/** What rank 0 found out about a file and told the others. */
struct file_state {
    int64_t known;  // index of the known file whose text it has, or begins with; -1
    int64_t id;  // what shards call it
    int64_t from;  // of its text, what comes before is known; 0 for a new file
    int64_t same_as;  // index of the file that has all its lines too; -1
    int64_t is_outside;  // has no line of the days asked for
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

    size_t read_bytes;  // how much is read at once
    struct archive archive;
    struct tallies *tallies;
    struct aside aside;  // what did not fit into memory
    int64_t (*sums)[FILE_SUMS];  // [files], of the reading that goes on
    int64_t (*again)[FILE_SUMS];  // [files], of known files that were read again
    int64_t (*times)[2];  // [files] of -least and largest time, INT64_MIN before the first
    struct touch *touches;  // [touch_count], of this rank while it reads, then of all
    size_t touch_count, touch_capacity;

    struct known known;  // rank 0 only
    int64_t *taken;  // rank 0 only, [known.count]: which file has its text now, -1
    struct file_state *states;  // [files]
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
    int64_t last_ms;  // of the last line of a plain file; INT64_MIN when it has none
    int64_t year;  // of its first line where stamps have none
    int64_t is_outside;  // none of its lines is of the days asked for
    int64_t is_whole;  // its lines must be read in one go: only their order tells what a stamp means
};

/** Looks at a file's first and last lines. Local. */
void file_look(const struct extraction *run, size_t file, struct look *look);

/** Returns on which side of the days [first_day, end_day) a time lies, one day off at least; 0 for between.
 * Local. */
int day_side(const struct extraction *run, int64_t time_ms, int64_t first_day, int64_t end_day);

/** Returns the time of a line of a file whose stamps have a year, INT64_MIN when it has none. Local. */
int64_t line_time(const struct extraction *run, size_t file, const char *line, size_t count);

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

/* ---- narrow.c ---- */

/** Leaves out pieces of plain files that lie more than a day off the days that are wanted. Local.
 *
 * @param pieces  [*count] in order of files and offsets; *count becomes less */
void pieces_narrow(struct extraction *run, const struct look *looks, struct archive_piece *pieces,
                   size_t *count);

/* ---- read.c ---- */

/** Reads a piece into the tallies. `year`: of its file's first line where stamps have none. Local. */
MUST_CHECK enum status piece_read(struct extraction *run, const struct archive_piece *piece, int year,
                                  struct error *err);

/** Orders struct extract_reject by file and offset. Local. */
int extract_reject_compare(const void *a, const void *b);

/** Adds a warning to the summary of this rank. Local. */
MUST_CHECK enum status warning_add(struct extraction *run, const char *where, const char *what,
                                   struct error *err);

/* ---- keep.c ---- */

/** Puts tallies aside when they fill more than they may, those of other days than `day` first. Local. */
MUST_CHECK enum status tallies_keep(struct extraction *run, int64_t day, struct error *err);

/** Puts the tallies of some days aside, [first_day, last_day], candidates included. Local. */
MUST_CHECK enum status days_put_aside(struct extraction *run, int64_t first_day, int64_t last_day,
                                      struct error *err);

/** Puts aside all who may have asked first on a day, by what was noted of queries too. Local. */
MUST_CHECK enum status noted_put_aside(struct extraction *run, int64_t day, struct error *err);

/* ---- shards.c ---- */

/** Makes the dirty days: some at a time, their tallies go to their owners, who finish and write them.
 * Collective. */
MUST_CHECK enum status shards_make(struct extraction *run, struct error *err);

/* ---- settle.c ---- */

/** Days that are made together, and what is known of them. */
struct round {
    size_t first, end;  // in run->dirty
    int slices;  // that each of their shards is made in
    bool by_hours;  // who asked first is settled hour by hour
    bool is_gathered;  // all that takes is put aside by hours, notes have no part in it any more
    struct name_bound *bounds;  // [bound_count], of all ranks; more than none only when they are known
    size_t bound_count;
    struct win *wins;  // [win_count], of the clients whose shards are this rank's
    size_t win_count, win_capacity;
};

/** Returns the rank that finishes and writes a shard: they take turns; -1 for a day that is not made. Local.
 */
int shard_owner(const struct extraction *run, int64_t day, int part);

/** Finds out who asked first on the days of a round, as round->wins. Collective. */
MUST_CHECK enum status misses_settle(struct extraction *run, struct round *round, struct error *err);

/* ---- identify.c ---- */

/** Finds the files, and which of them the store knows already; fills archive, known and states. Collective.
 */
MUST_CHECK enum status files_identify(struct extraction *run, struct error *err);

/** Returns whether a file is not read at all. Local. */
bool is_left_out(const struct extraction *run, size_t file);

/** Returns whether a file holds something that this run must read: it is new, or has grown. Local. */
bool is_to_read(const struct extraction *run, size_t file);

/** Returns whether an earlier run knew the beginning of a file. Local. */
bool is_grown(const struct extraction *run, size_t file);

/* ---- days.c ---- */

/** Refuses a store that was made with other settings. Local. */
MUST_CHECK enum status settings_check(const struct extraction *run, struct error *err);

/** From all touches: which days are made anew, and which known files must be read again for them. Collective.
 */
MUST_CHECK enum status dirty_find(struct extraction *run, bool *read_again, struct error *err);

/* ---- remember.c ---- */

/** Remembers the files of this run in the store, and sums over all of them. Collective. */
MUST_CHECK enum status known_update(struct extraction *run, struct error *err);

/** Returns a day's place among those that are made anew, -1 for others. Local. */
int64_t dirty_index(const struct extraction *run, int64_t day);

/** Returns whether a day is made anew. Local. */
bool is_dirty(const struct extraction *run, int64_t day);

#endif
