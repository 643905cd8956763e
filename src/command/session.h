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

/** What train and score do with the store: with --stored they read it only. Local. */
enum store_use refresh_use(const struct session *session);

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

/* ---- pipeline.c: the steps of the job ---- */

/** Brings the store up to date, and prints warnings and rejects. Collective. */
MUST_CHECK enum status step_extract(struct session *session, struct extract_summary *summary,
                                    struct error *err);

/** As step_extract, but a store that has days already is enough when the logs are gone. Collective. */
MUST_CHECK enum status step_refresh(struct session *session, struct extract_summary *summary,
                                    struct error *err);

/** Returns STATUS_STOPPED when any rank was asked to stop: between steps that have saved what they did.
 * Collective. */
MUST_CHECK enum status step_go_on(const struct session *session, struct error *err);

/** Loads the rows of the job's span. Collective. */
MUST_CHECK enum status step_load(struct session *session, struct rows *rows, struct error *err);

struct prepared;
struct judgement;
struct ip_table;

/** Finds the stored days of the job's span, [from_s, to_s) in UTC. Collective. */
MUST_CHECK enum status step_span(struct session *session, int64_t *from_s, int64_t *to_s, struct error *err);

struct host_spans;

/** Adds the hosts and days that the job leaves out of fits, by model.exclude and model.trim; settled.
 * Collective. */
MUST_CHECK enum status step_trim(struct session *session, const struct rows *rows, struct host_spans *spans,
                                 struct error *err);

/** Tells how many rows step_trim left out of the fit. Local. */
void step_trim_tell(struct session *session, int64_t rows);

/** Finds the roles of all IPs, ascending, on every rank; free() them. Collective. */
MUST_CHECK enum status step_roles(const struct team *team, const struct rows *rows, struct ip_role **roles,
                                  size_t *count, struct error *err);

/** Trains and writes output.dir/model.h5, or keeps the one that is there when it is of these rows and
 * settings. Collective. */
MUST_CHECK enum status step_train(struct session *session, struct rows *rows, struct prepared *prepared,
                                  struct model **model, struct error *err);

/** Scores the rows of the model's own fit, judges them and writes output.dir/scores.h5. Collective. */
MUST_CHECK enum status step_score(struct session *session, const struct rows *rows,
                                  const struct prepared *prepared, const struct model *model,
                                  struct judgement *judgement, struct error *err);

struct scored;
struct ip_tracker;
struct day_tracker;
struct scores_writer;

/** quern score --merge PART…. Collective. */
MUST_CHECK enum status score_merge(struct session *session, struct error *err);

/** Fills session->model with the digest of the model in a file. Collective. */
MUST_CHECK enum status model_note(struct session *session, const char *path, struct error *err);

/** Fills how the rows of a job are loaded. Local. */
void rows_plan_of(const struct session *session, struct rows_plan *plan);

/** Fills what a model and the job say of all rows: all but rows, scores and seen. Collective. */
MUST_CHECK enum status scored_head(struct session *session, const struct model *model, struct scored *scored,
                                   struct error *err);

/** What is kept of rows while they are scored, block by block; end it with scoring_clear. */
struct scoring {
    struct ip_tracker *ips;
    struct day_tracker *days;
    struct scores_writer *writer;
};

/** Frees what it holds, and removes a file that is not whole; a zeroed one is fine. Collective. */
void scoring_clear(struct session *session, struct scoring *scoring);

/**
 * Begins output.dir/scores.h5. Collective.
 *
 * @param head     borrowed; as for scores_begin
 * @param scoring  filled; end it with scoring_clear
 */
MUST_CHECK enum status step_scores_begin(struct session *session, const struct scored *head,
                                         struct scoring *scoring, struct error *err);

/** Adds some rows to what step_scores_begin began. Collective. */
MUST_CHECK enum status step_scores_add(struct session *session, const struct scored *scored,
                                       struct scoring *scoring, struct error *err);

/** Judges what was added and writes the rest of the file. Collective. */
MUST_CHECK enum status step_scores_end(struct session *session, const struct scored *head,
                                       struct scoring *scoring, const struct ip_role *roles,
                                       size_t role_count, struct judgement *judgement, struct error *err);

/** Judges rows by their scores and by the evidence in the store, and writes output.dir/scores.h5. Collective.
 *
 * @param roles  borrowed, [role_count] ascending: of the IPs that this rank owns
 */
MUST_CHECK enum status step_decide(struct session *session, const struct scored *scored,
                                   const struct ip_role *roles, size_t role_count,
                                   struct judgement *judgement, struct error *err);

struct scores_kept;

/** Checks that scores were made with the job's leases: with others, rows are those of other machines. Local.
 *
 * @return  STATUS_MISMATCH naming the file
 */
MUST_CHECK enum status session_check_hosts(const struct session *session, const char *path,
                                           const struct scores_kept *kept, struct error *err);

/** Writes alerts.jsonl, suspects.csv, silenced.csv and blocklist.rpz beside scores.h5. Collective. */
MUST_CHECK enum status step_report(struct session *session, struct error *err);

/** Prints the table of groups and the suspicious IPs, on rank 0. Local. */
void result_print(const struct session *session, const struct rows *rows, int calibration_level,
                  const struct judgement *judgement);

struct json;

/** Writes the members that describe an extraction. Local. */
void extract_json(struct json *json, const struct session *session, const struct extract_summary *summary,
                  int64_t peak_bytes);

/** Writes the member "groups". Local. */
void groups_json(struct json *json, const struct ip_table *table);

/** Returns the most memory that any rank has held. Collective. */
int64_t session_peak_bytes(const struct session *session);

#endif
