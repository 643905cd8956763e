/* The steps of a job, which the commands put together. */
#include "session.h"

#include "base/clock.h"
#include "base/json.h"
#include "decide/decide.h"
#include "job/host_spans.h"
#include "model/prepare.h"
#include "parallel/stop.h"
#include "store/store.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* At most this long between two checkpoints of a training: what a kill may cost. */
#define CHECKPOINT_S 60.0

/* ---- extract ---- */

static void extract_tell(struct session *session, const struct extract_summary *summary)
{
    if (!session_prints(session))
        return;
    for (size_t i = 0; i < summary->warning_count; i++)
        session_warn(session, summary->warnings[i].where, summary->warnings[i].what);
    int64_t rejects = summary->kinds[LINES_REJECT];
    if (rejects > 0)
        (void)fprintf(stderr, "quern: warning: %" PRId64 " rejected lines%s\n", rejects,
                      summary->reject_count ? ", the first of them:" : "");
    for (size_t i = 0; i < summary->reject_count; i++)
        (void)fprintf(stderr, "  %s byte %" PRId64 ": %s\n", summary->rejects[i].path,
                      summary->rejects[i].line.offset, summary->rejects[i].line.text);
    if (summary->fold_guessed > 0)
        (void)fprintf(stderr,
                      "quern: warning: %" PRId64 " lines in a repeated hour: which of the two was guessed\n",
                      summary->fold_guessed);
    if (session->options.verbose)
        (void)fprintf(stderr,
                      "quern: %" PRId64 " lines, %" PRId64 " queries, %" PRId64 " rows; %" PRId64
                      " shards written, %" PRId64 " kept; slowest rank %.2f of the mean\n",
                      extract_lines(summary), summary->kinds[LINES_QUERY], summary->rows,
                      summary->shards_written, summary->shards_kept,
                      summary->log_bytes_parsed ? (double)summary->slowest_bytes * team_size(session->team) /
                                                      (double)summary->log_bytes_parsed
                                                : 1.0);
}

enum status step_extract(struct session *session, struct extract_summary *summary, struct error *err)
{
    session_step(session, "reading logs");
    enum status status =
        extract_run(session->team, session->job, session->zone, session_progress, session, summary, err);
    session_step_end(session);
    extract_tell(session, summary);
    return status;
}

enum store_use refresh_use(const struct session *session)
{
    return session->options.stored ? STORE_IS_READ : STORE_IS_WRITTEN;
}

enum status step_refresh(struct session *session, struct extract_summary *summary, struct error *err)
{
    struct store_day *days = NULL;
    size_t count = 0;
    if (session->options.stored)
        return extract_check(session->team, session->job, session->zone, err);
    enum status status = step_extract(session, summary, err);
    if (status != STATUS_NO_INPUT)
        return status;
    // The logs may be gone while the store has what was in them.
    struct error listing = {0};
    enum status listed = store_days_shared(session->team, session->job->store_dir, &days, &count, &listing);
    free(days);
    if (listed != STATUS_OK || count == 0)
        return status;
    session_warn(session, "archive", "no usable log; going on with the days that the store has");
    return STATUS_OK;
}

/* ---- rows ---- */

enum status step_go_on(const struct session *session, struct error *err)
{
    int64_t asked = stop_asked();
    team_max_i64(session->team, &asked, 1);
    if (!asked)
        return STATUS_OK;
    return error_set(err, STATUS_STOPPED, "signal", "run the same job again: it goes on from there",
                     "stopped between two steps of the job");
}

void rows_plan_of(const struct session *session, struct rows_plan *plan)
{
    const struct job *job = session->job;
    *plan = (struct rows_plan){.dir = job->store_dir,
                               .leases = session->leases,
                               .set = (enum job_feature_set)job->features_set,
                               .zone = session->zone,
                               .calendar = session->calendar,
                               .night = job->features_night};
    extract_span(job, session->zone, &plan->from_s, &plan->to_s);
}

enum status step_load(struct session *session, struct rows *rows, struct error *err)
{
    struct rows_plan plan;
    rows_plan_of(session, &plan);
    session_step(session, "loading rows");
    enum status status = rows_load(session->team, &plan, rows, err);
    session_step_end(session);
    return status;
}

/* ---- models ---- */

static void path_in(const struct session *session, const char *name, char *path, size_t room)
{
    (void)snprintf(path, room, "%s/%s", session->job->output_dir, name);
}

static struct model_settings model_settings(const struct job *job)
{
    struct model_settings settings = {.k = (int)job->model_kmeans_k,
                                      .kmeans_seed = (uint64_t)job->model_kmeans_seed,
                                      .kmeans2_robust = job->model_kmeans2_scaling == SCALING_ROBUST,
                                      .hidden_count = (int)job->model_autoencoder_hidden.count,
                                      .epochs = (int)job->model_autoencoder_epochs,
                                      .batch = (int)job->model_autoencoder_batch,
                                      .autoencoder_seed = (uint64_t)job->model_autoencoder_seed,
                                      .nets = (int)job->model_autoencoder_nets};
    for (int i = 0; i < settings.hidden_count; i++)
        settings.hidden[i] = (int)job->model_autoencoder_hidden.items[i];
    return settings;
}

static void train_tell(struct session *session, const struct model *model)
{
    struct model_summary summary = model_summary_of(model);
    int level = model_context_of(model)->calibration_level;
    struct model_warnings warnings;
    model_warnings_list(model, &warnings);
    for (size_t i = 0; i < warnings.count; i++)
        session_warn(session, "model", warnings.texts[i]);
    static const char *const LEVELS[] = {"other days and other IPs", "other IPs", "other days",
                                         "the training rows themselves: p-values are optimistic"};
    if (!session_prints(session))
        return;
    if (session->options.verbose)
        (void)fprintf(stderr,
                      "quern: %" PRId64 " rows trained, %" PRId64 " calibrated by %s; %" PRId64
                      " epochs, %" PRId64 " clamps\n",
                      summary.train_rows, summary.calibration_rows, LEVELS[level], summary.epochs,
                      summary.clamps);
    else if (level == 3)
        (void)fprintf(stderr,
                      "quern: warning: model: too few rows, days or IPs to calibrate on others than %s\n",
                      LEVELS[level]);
}

/* Tests set QUERN_CHECKPOINT_S: a job of seconds is to be stopped at any step. */
static double checkpoint_every_s(void)
{
    const char *text = getenv("QUERN_CHECKPOINT_S");
    return text ? strtod(text, NULL) : CHECKPOINT_S;
}

/* The model of the rows and settings: the one in output.dir when it is that, else a fit, whose checkpoint
 * lies beside it meanwhile. */
static enum status model_make(struct session *session, const struct prepared *prepared, struct model **model,
                              struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200], beside[4200];
    const struct model_settings settings = model_settings(session->job);
    const struct model_checkpoint checkpoint = {beside, checkpoint_every_s()};
    path_in(session, "model.h5", path, sizeof path);
    path_in(session, "checkpoint.h5", beside, sizeof beside);
    TRY(model_find(session->team, path, &prepared->input, &settings, &prepared->context, model, err));
    if (*model) {
        if (session->options.verbose && session_prints(session))
            (void)fprintf(stderr, "quern: %s is of these rows and settings: kept\n", path);
        return STATUS_OK;
    }
    status =
        model_resume(session->team, &prepared->input, &settings, &prepared->context, &checkpoint, model, err);
    if (status == STATUS_MISMATCH) {
        // A job that runs every night has other rows by now: nobody should have to remove a file first.
        char why[sizeof err->what + 40];
        (void)snprintf(why, sizeof why, "%s; training starts anew", err->what);
        session_warn(session, beside, why);
        *err = (struct error){0};
        TRY(model_checkpoint_remove(session->team, &checkpoint, err));
        status = model_resume(session->team, &prepared->input, &settings, &prepared->context, &checkpoint,
                              model, err);
    }
    if (status != STATUS_OK)
        goto done;
    TRY(model_write(session->team, *model, path, err));
    TRY(model_checkpoint_remove(session->team, &checkpoint, err));
done:
    return status;
}

enum status step_train(struct session *session, struct rows *rows, struct prepared *prepared,
                       struct model **model, struct error *err)
{
    enum status status = STATUS_OK;
    struct host_spans left_out = {0};
    struct ip_role *roles = NULL;
    struct prepare_plan plan = {.zone = session->zone,
                                .train = session->job->model_train,
                                .calibrate = session->job->model_calibrate,
                                .left_out = &left_out};
    session_step(session, "training");
    TRY(step_roles(session->team, rows, &roles, &plan.role_count, err));
    plan.roles = roles;
    TRY(step_trim(session, rows, &left_out, err));
    TRY(prepare_training(session->team, &plan, rows, prepared, err));
    TRY(model_make(session, prepared, model, err));
    session_step_end(session);
    step_trim_tell(session, prepared->left_out);
    train_tell(session, *model);
done:
    host_spans_clear(&left_out);
    free(roles);
    return status;
}

/* ---- scores ---- */

/* The command line as it was typed, for provenance. */
static char *command_line(const struct session *session)
{
    size_t bytes = 1;
    for (int i = 0; i < session->argc; i++)
        bytes += strlen(session->argv[i]) + 1;
    char *line = calloc(bytes, 1);
    size_t at = 0;
    for (int i = 0; line && i < session->argc; i++)
        at += (size_t)snprintf(line + at, bytes - at, "%s%s", i ? " " : "", session->argv[i]);
    return line;
}

static void evidence_tell(struct session *session, const struct evidence_list *evidence)
{
    for (size_t i = 0; i < evidence->warnings.count; i++)
        session_warn(session, evidence->warnings.items[i].where, evidence->warnings.items[i].what);
    if (evidence->silenced_count > 0 && session_prints(session))
        (void)fprintf(stderr, "quern: %" PRId64 " pieces of evidence are silenced by decide.allow\n",
                      evidence->silenced_count);
}

enum status step_span(struct session *session, int64_t *from_s, int64_t *to_s, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0;
    TRY(store_days_shared(session->team, session->job->store_dir, &days, &count, err));
    extract_span(session->job, session->zone, from_s, to_s);
    if (count > 0) {
        const int64_t first_s = zone_day_start(session->zone, days[0].day);
        const int64_t end_s = zone_day_start(session->zone, days[count - 1].day + 1);
        *from_s = *from_s > first_s ? *from_s : first_s;
        *to_s = *to_s < end_s ? *to_s : end_s;
    }
done:
    free(days);
    return status;
}

/* From evidence, what people said and what the last run said to incidents; alike on every rank. */
static enum status incidents_judge(struct session *session, const struct scored *scored,
                                   struct judgement *judgement, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t first_day = zone_day_of(session->zone, scored->from_s);
    const int64_t last_day = zone_day_of(session->zone, scored->to_s - 1);
    const struct machine_plan machines = {session->leases, session->zone, scored->rows->window_s};
    struct acks acks = {0};
    char path[4200], text[80];
    uint8_t *marks = calloc(judgement->evidence.count + 1, 1);
    if (!marks)
        return error_set(err, STATUS_NO_MEMORY, "incidents", "", "no room for evidence");
    path_in(session, "acks.csv", path, sizeof path);
    TRY(acks_read(path, &acks, err));
    if (acks.odd > 0) {
        (void)snprintf(text, sizeof text, "%" PRId64 " lines are no entry, line %" PRId64 " first", acks.odd,
                       acks.first_odd);
        session_warn(session, path, text);
    }
    acks_mark(&acks, &machines, &judgement->evidence, marks);
    TRY(acks_count(&acks, judgement->acks, err));
    TRY(incidents_make(&judgement->evidence, marks, &judgement->incidents, err));
    judgement->fingerprint = evidence_fingerprint(&judgement->evidence, scored->from_s, scored->to_s);
    TRY(statuses_settle(&judgement->incidents, &judgement->past, judgement->fingerprint, last_day, err));
    judgement->budget.per_day = session->job->decide_budget;
    TRY(budget_apply(&judgement->incidents, &judgement->evidence, first_day, last_day, &judgement->budget,
                     err));
done:
    free(marks);
    acks_clear(&acks);
    return status;
}

/* From scores of rows, and evidence in the store, to verdicts. */
static enum status judge(struct session *session, const struct scored *scored, struct scoring *scoring,
                         const struct ip_role *roles, size_t role_count, struct judgement *judgement,
                         struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200];
    struct evidence_plan plan = {.dir = session->job->store_dir,
                                 .leases = session->leases,
                                 .from_s = scored->from_s,
                                 .to_s = scored->to_s,
                                 .zone = session->zone,
                                 .calendar = session->calendar,
                                 .window_s = scored->rows->window_s,
                                 .roles = roles,
                                 .role_count = role_count,
                                 .job = session->job,
                                 .reputation = &session->job->decide_reputation,
                                 .allow = &session->job->decide_allow};
    struct ip_tracker *ips = scoring->ips;
    judgement->machines = (struct score_machines){session->leases, scored->from_s, scored->to_s};
    struct day_tracker *days = scoring->days;
    scoring->ips = NULL;
    TRY(ips_track_end(session->team, ips, roles, role_count, &judgement->ips, err));
    scoring->days = NULL;
    TRY(days_track_end(session->team, days, &judgement->days, err));
    session_step(session, "weighing evidence");
    TRY(team_agree(session->team, session_software(session, &judgement->known, err), err));
    plan.known = judgement->known;
    TRY(evidence_find(session->team, &plan, &judgement->evidence, err));
    evidence_tell(session, &judgement->evidence);
    const struct hands_plan hands = {.dir = session->job->store_dir,
                                     .leases = session->leases,
                                     .zone = session->zone,
                                     .window_s = scored->rows->window_s,
                                     .calendar = session->calendar,
                                     .first_day = zone_day_of(session->zone, scored->from_s),
                                     .last_day = zone_day_of(session->zone, scored->to_s - 1)};
    TRY(hands_find(session->team, &hands, &judgement->days, err));
    TRY(ip_days_calibrate(session->team, &judgement->evidence, &judgement->days, err));
    path_in(session, "scores.h5", path, sizeof path);
    TRY(past_read(session->team, path, &judgement->past, err));
    TRY(team_agree(session->team, incidents_judge(session, scored, judgement, err), err));
    verdicts_take(&judgement->ips, &judgement->incidents);
done:
    return status;
}

/* As in output.language's choices. */
static const char *const LANGUAGES[] = {"en", "ja"};

void scoring_clear(struct session *session, struct scoring *scoring)
{
    ip_tracker_free(scoring->ips);
    day_tracker_free(scoring->days);
    scores_abandon(session->team, scoring->writer);
    *scoring = (struct scoring){0};
}

enum status step_scores_begin(struct session *session, const struct scored *head, struct scoring *scoring,
                              struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200], ranks[16];
    char *job = NULL, *line = command_line(session);
    enum status had = STATUS_OK;
    *scoring = (struct scoring){.ips = ip_tracker_new(), .days = day_tracker_new()};
    if (!line || !scoring->ips || !scoring->days)
        had = error_set(err, STATUS_NO_MEMORY, "scores", "", "no room for the command line");
    else
        had = job_text(session->job, &job, err);
    TRY(team_agree(session->team, had, err));
    (void)snprintf(ranks, sizeof ranks, "%d", team_size(session->team));
    char store[PATH_MAX];
    if (!realpath(session->job->store_dir, store))
        (void)snprintf(store, sizeof store, "%s", session->job->store_dir);
    const struct provenance provenance[] = {
        {"command", line}, {"job", job}, {"ranks", ranks}, {"store", store}, {"model", session->model}};
    path_in(session, "scores.h5", path, sizeof path);
    const struct scores_file file = {
        .path = path,
        .leases = session->leases,
        .timezone = session->job->features_timezone,
        .language = LANGUAGES[session->job->output_language],
        .provenance = provenance,
        .provenance_count = sizeof provenance / sizeof provenance[0],
        .layout = {session->job->output_stripes, session->job->output_stripe_bytes}};
    TRY(scores_begin(session->team, &file, head, &scoring->writer, err));
done:
    if (status != STATUS_OK)
        scoring_clear(session, scoring);
    free(job);
    free(line);
    return status;
}

enum status step_scores_add(struct session *session, const struct scored *scored, struct scoring *scoring,
                            struct error *err)
{
    enum status status = STATUS_OK;
    TRY(team_agree(session->team, days_track_local(scoring->days, scored, err), err));
    TRY(ips_track(session->team, scoring->ips, scored->rows, scored->scores, err));
    TRY(scores_add(session->team, scoring->writer, scored, err));
done:
    return status;
}

enum status step_scores_end(struct session *session, const struct scored *head, struct scoring *scoring,
                            const struct ip_role *roles, size_t role_count, struct judgement *judgement,
                            struct error *err)
{
    enum status status = STATUS_OK;
    TRY(judge(session, head, scoring, roles, role_count, judgement, err));
    struct scores_writer *writer = scoring->writer;
    scoring->writer = NULL;
    TRY(scores_end(session->team, writer, judgement, err));
done:
    session_step_end(session);
    return status;
}

enum status step_decide(struct session *session, const struct scored *scored, const struct ip_role *roles,
                        size_t role_count, struct judgement *judgement, struct error *err)
{
    enum status status = STATUS_OK;
    struct scoring scoring = {0};
    TRY(step_scores_begin(session, scored, &scoring, err));
    TRY(step_scores_add(session, scored, &scoring, err));
    TRY(step_scores_end(session, scored, &scoring, roles, role_count, judgement, err));
done:
    scoring_clear(session, &scoring);
    return status;
}

enum status session_check_hosts(const struct session *session, const char *path,
                                const struct scores_kept *kept, struct error *err)
{
    const struct scored *scored = &kept->scored;
    const int64_t now =
        session->leases ? leases_fingerprint(session->leases, scored->from_s, scored->to_s) : 0;
    if (now == kept->hosts_fingerprint)
        return STATUS_OK;
    return error_set(err, STATUS_MISMATCH, path, "run score, which makes the rows of these machines",
                     kept->hosts_fingerprint ? "its machines are by other leases than those of hosts"
                                             : "its IPs are addresses, and the job has hosts");
}

enum status model_note(struct session *session, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    const bool is_first = session_prints(session);
    TRY(team_agree(session->team, is_first ? store_digest(path, NULL, session->model, err) : STATUS_OK, err));
    team_broadcast(session->team, session->model, sizeof session->model, 0);
done:
    return status;
}

enum status scored_head(struct session *session, const struct model *model, struct scored *scored,
                        struct error *err)
{
    scored->columns = model_columns(model);
    scored->calibration_level = model_context_of(model)->calibration_level;
    for (size_t f = 0; f < scored->columns; f++)
        (void)snprintf(scored->names[f], sizeof scored->names[f], "%s", model_column_name(model, f));
    return step_span(session, &scored->from_s, &scored->to_s, err);
}

enum status step_score(struct session *session, const struct rows *rows, const struct prepared *prepared,
                       const struct model *model, struct judgement *judgement, struct error *err)
{
    enum status status = STATUS_OK;
    struct model_scores scores = {0};
    struct ip_role *roles = NULL;
    size_t role_count = 0;
    char path[4200];
    uint8_t *seen = calloc(rows->count + 1, 1);
    struct scored scored = {.rows = rows, .scores = &scores, .seen = seen};
    enum status had = STATUS_OK;
    if (!seen)
        had = error_set(err, STATUS_NO_MEMORY, "scores", "", "no room for %zu rows", rows->count);
    session_step(session, "scoring");
    TRY(team_agree(session->team, had, err));
    TRY(team_agree(session->team, model_score(model, &prepared->input, &scores, err), err));
    for (size_t row = 0; row < rows->count; row++)
        seen[row] = prepared->use[row] == MODEL_TRAIN;
    path_in(session, "model.h5", path, sizeof path);
    TRY(model_note(session, path, err));
    TRY(scored_head(session, model, &scored, err));
    TRY(roles_find(session->team, rows, &roles, &role_count, err));
    TRY(step_decide(session, &scored, roles, role_count, judgement, err));
done:
    session_step_end(session);
    model_scores_free(&scores);
    free(roles);
    free(seen);
    return status;
}
