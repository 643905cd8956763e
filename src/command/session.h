/* What the commands share: the words and options of the command line, the team, the job, and messages. */
#ifndef COMMAND_SESSION_H
#define COMMAND_SESSION_H

#include "meter.h"

#include "base/error.h"
#include "base/zone.h"
#include "evidence/known.h"
#include "extract/extract.h"
#include "job/calendar.h"
#include "job/job.h"
#include "job/leases.h"
#include "model/model.h"
#include "parallel/parallel.h"
#include "rows/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum command_id {
#define X(NAME, name, words, least, most, mpi, text) COMMAND_##NAME,
#include "commands.def"
#undef X
    COMMANDS,
};

/** The command line, read. Texts are borrowed from argv. */
struct options {
    enum command_id command;
    const char **words;  // [word_count]
    size_t word_count;
    const char **sets;  // [set_count] of KEY=VALUE
    size_t set_count;
    const char *model;  // --model
    const char *output;  // --output
    const char *timezone;  // --timezone
    const char *from, *to;  // --from, --to
    const char *until, *reason;  // of ack
    const char *language;  // --language
    const char *past, *into;  // --past, --into
    const char *key;  // --key
    const char *keep;  // --keep
    int year;  // --year
    int ranks;  // --ranks
    int rows, columns, k, batch;  // of bench; 0: not given
    const char *hidden;  // --hidden
    const char *feature_set;  // --feature-set
    const char *lines;  // --lines=WINDOW; NULL: the most unusual one
    bool quiet, verbose, json, digest, tsv, csv, svg, with_lines, to_end, stored, merge, dry_run, ladder;
};

/** Steps whose messages are counted. */
#define STEPS_MOST 24

/** What a step asked of MPI. */
struct step_told {
    const char *doing;
    struct team_traffic traffic;
};

/** A content digest as text, with its '\0'. */
#define MODEL_DIGEST_BYTES 33

struct session {
    struct options options;
    int argc;
    char **argv;
    struct team *team;
    FILE *out;  // of results; with --json they are held back until all went well
    char *document;  // what is held back
    size_t document_bytes;
    struct job *job;
    struct zone *zone;  // features.timezone
    struct calendar *calendar;
    struct leases *leases;  // NULL: none
    char
        model[MODEL_DIGEST_BYTES];  // digest of the model that rows are scored by; "" while that is not known
    double began_s;
    struct meter meter;  // of the step that is being done
    bool has_line;  // a line of progress stands on the terminal, without a line feed
    int locks[3];  // of output.dir, store.dir, and of its readers
    size_t lock_count;
    struct step_told steps[STEPS_MOST];  // [step_count], the last one is being done
    size_t step_count;
};

/** One function a command; what it prints, it prints on rank 0. */
#define X(NAME, name, words, least, most, mpi, text)                                                         \
    MUST_CHECK enum status command_##name(struct session *session, struct error *err);
#include "commands.def"
#undef X

/** Reads the command line. Returns −1 to go on, else the exit status: after --help, or after an error. Local.
 */
int options_read(int argc, char **argv, struct options *options);

/** Returns whether a launcher started this process, but not as its first: it then keeps quiet about what all
 * of them would say. Local. */
bool is_other_rank(void);

/** Frees the lists of the options. Local. */
void options_clear(struct options *options);

/** Reads the job that the first word names, its zone and calendar. Collective. */
MUST_CHECK enum status session_job(struct session *session, struct error *err);

/** What a command does with store.dir, which many jobs may share: any number of them read it beside one that
 * writes, since a day's file is replaced as a whole. */
enum store_use { STORE_IS_READ, STORE_IS_WRITTEN };

/** Makes output.dir, and a store.dir that is written, and takes them for this job, which from now on stops
 * between steps when a signal asks for it. Collective. */
MUST_CHECK enum status session_folders(struct session *session, enum store_use use, struct error *err);

/** Writes the path of a file in output.dir. Local. */
void session_output(const struct session *session, const char *name, char *path, size_t room);

/** Finds the store of a folder: of results, DIR/store or the one that its scores.h5 names, or the folder
 * itself. Local. */
MUST_CHECK enum status session_store(const char *dir, char *store, size_t room, struct error *err);

/** Frees what the session holds but the team. Local. */
void session_clear(struct session *session);

/** Returns whether this rank prints. Local. */
bool session_prints(const struct session *session);

/** Tells a warning on standard error, on rank 0. Local. */
void session_warn(struct session *session, const char *where, const char *what);

/** Reads the list of software by its domains; free it with known_software_free. Local. */
MUST_CHECK enum status session_software(const struct session *session, struct known_software **known,
                                        struct error *err);

/** Tells what went wrong: `quern: WHERE: WHAT`, the hint on the next line. Local. */
void error_print(const struct error *err);

/** Tells on standard error what the program does now, unless --quiet. Local. */
void session_step(struct session *session, const char *doing);

/** Wipes the line of progress: something else is to be printed. Local. */
void session_step_end(struct session *session);

/** An extract_progress whose context is the session. Local. */
void session_progress(void *context, int64_t done_bytes, int64_t total_bytes);

/** Returns the most memory that any rank has held. Collective. */
int64_t session_peak_bytes(const struct session *session);

#endif
