/* The steps of a job, which the commands put together. */
#ifndef COMMAND_STEPS_H
#define COMMAND_STEPS_H

#include "session.h"

struct prepared;
struct judgement;
struct ip_table;
struct host_spans;
struct scored;
struct ip_tracker;
struct day_tracker;
struct scores_writer;
struct scores_kept;
struct json;

/* ---- the store and its rows: load.c ---- */

/** What train and score do with the store: with --stored they read it only. Local. */
enum store_use refresh_use(const struct session *session);

/** Brings the store up to date, and prints warnings and rejects. Collective. */
MUST_CHECK enum status step_extract(struct session *session, struct extract_summary *summary,
                                    struct error *err);

/** As step_extract, but a store that has days already is enough when the logs are gone. Collective. */
MUST_CHECK enum status step_refresh(struct session *session, struct extract_summary *summary,
                                    struct error *err);

/** Returns STATUS_STOPPED when any rank was asked to stop: between steps that have saved what they did.
 * Collective. */
MUST_CHECK enum status step_go_on(const struct session *session, struct error *err);

/** Fills how the rows of a job are loaded. Local. */
void rows_plan_of(const struct session *session, struct rows_plan *plan);

/** Loads the rows of the job's span. Collective. */
MUST_CHECK enum status step_load(struct session *session, struct rows *rows, struct error *err);

/** Finds the stored days of the job's span, [from_s, to_s) in UTC. Collective. */
MUST_CHECK enum status step_span(struct session *session, int64_t *from_s, int64_t *to_s, struct error *err);

/* ---- a model: fit.c, trim.c ---- */

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

/* ---- scores.h5: scores.c, judge.c ---- */

/** Scores the rows of the model's own fit, judges them and writes output.dir/scores.h5. Collective. */
MUST_CHECK enum status step_score(struct session *session, const struct rows *rows,
                                  const struct prepared *prepared, const struct model *model,
                                  struct judgement *judgement, struct error *err);

/** quern score --merge PART…. Collective. */
MUST_CHECK enum status score_merge(struct session *session, struct error *err);

/** Fills session->model with the digest of the model in a file. Collective. */
MUST_CHECK enum status model_note(struct session *session, const char *path, struct error *err);

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

/** Judges what was added to `scoring`, whose trackers it takes. `judgement` is filled, also on failure.
 * Collective. */
MUST_CHECK enum status step_judge(struct session *session, const struct scored *scored,
                                  struct scoring *scoring, const struct ip_role *roles, size_t role_count,
                                  struct judgement *judgement, struct error *err);

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

/** Checks that scores were made with the job's leases: with others, rows are those of other machines. Local.
 *
 * @return  STATUS_MISMATCH naming the file
 */
MUST_CHECK enum status session_check_hosts(const struct session *session, const char *path,
                                           const struct scores_kept *kept, struct error *err);

/* ---- what is told: report.c, result.c ---- */

/** Writes alerts.jsonl, suspects.csv, silenced.csv and blocklist.rpz beside scores.h5. Collective. */
MUST_CHECK enum status step_report(struct session *session, struct error *err);

/** Prints the table of groups and the suspicious IPs, on rank 0. Local. */
void result_print(const struct session *session, const struct rows *rows, int calibration_level,
                  const struct judgement *judgement);

/** Writes the members that describe an extraction. Local. */
void extract_json(struct json *json, const struct session *session, const struct extract_summary *summary,
                  int64_t peak_bytes);

/** Writes the member "groups". Local. */
void groups_json(struct json *json, const struct ip_table *table);

#endif
