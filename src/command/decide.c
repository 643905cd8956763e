/* quern decide: other feeds, rules and thresholds over scores that are there, without a log or a model. */
#include "steps.h"

#include "decide/decide.h"
#include "store/store.h"

#include <stdio.h>

/* The model that the scores are by, which the new file tells as well. */
static enum status model_keep_local(struct session *session, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct error unheard = {0};
    TRY(store_open_local(path, &reader, err));
    // A file of an older quern does not say.
    if (store_get_provenance_text(reader, "model", session->model, sizeof session->model, &unheard) !=
        STATUS_OK)
        session->model[0] = '\0';
done:
    store_close(reader);
    return status;
}

/* The scores must be those of the job's days; days that came later are not scored yet. */
static enum status span_check(const struct session *session, const char *path, const struct scored *scored,
                              struct error *err)
{
    int64_t from_s = 0, to_s = 0;
    extract_span(session->job, session->zone, &from_s, &to_s);
    if (scored->from_s >= from_s && scored->to_s <= to_s)
        return STATUS_OK;
    return error_set(err, STATUS_MISMATCH, path, "run score for these days, or give the job's own span",
                     "its days are not those of archive.from and archive.to");
}

enum status command_decide(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct scores_kept kept = {0};
    struct judgement judgement = {0};
    char path[4200];
    TRY(session_job(session, err));
    TRY(session_folders(session, STORE_IS_READ, err));
    session_output(session, "scores.h5", path, sizeof path);
    session_step(session, "reading scores");
    TRY(scores_read(session->team, path, session->job->features_timezone, session->zone, &kept, err));
    TRY(team_agree(session->team, model_keep_local(session, path, err), err));
    TRY(team_agree(session->team, span_check(session, path, &kept.scored, err), err));
    TRY(team_agree(session->team, session_check_hosts(session, path, &kept, err), err));
    TRY(step_decide(session, &kept.scored, kept.roles, kept.role_count, &judgement, err));
    result_print(session, &kept.rows, kept.scored.calibration_level, &judgement);
done:
    judgement_clear(&judgement);
    scores_kept_clear(&kept);
    return status;
}
