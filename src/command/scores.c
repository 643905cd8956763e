/* The steps that make scores.h5. */
#include "steps.h"

#include "decide/decide.h"
#include "model/prepare.h"
#include "store/store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    session_output(session, "scores.h5", path, sizeof path);
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
    TRY(step_judge(session, head, scoring, roles, role_count, judgement, err));
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
    session_output(session, "model.h5", path, sizeof path);
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
