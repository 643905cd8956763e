/* quern run, extract, train, score: the job's steps, in one go or one by one. */
#include "session.h"

#include "base/json.h"
#include "decide/decide.h"
#include "model/prepare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything that a run holds. */
struct work {
    struct extract_summary summary;
    struct rows rows;
    struct prepared prepared;
    struct model *model;
    struct judgement judgement;
};

static void work_clear(struct work *work)
{
    extract_summary_clear(&work->summary);
    rows_clear(&work->rows);
    prepared_clear(&work->prepared);
    model_free(work->model);
    judgement_clear(&work->judgement);
}

static void json_print(const struct session *session, const struct work *work, int64_t peak_bytes,
                       bool with_groups)
{
    if (!session_prints(session))
        return;
    struct json json = json_begin(session->out);
    json_open(&json, NULL, '{');
    extract_json(&json, session, &work->summary, peak_bytes);
    if (with_groups)
        groups_json(&json, &work->judgement.ips);
    json_close(&json, '}');
}

enum status command_run(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct work work = {0};
    TRY(session_job(session, err));
    TRY(session_folders(session, err));
    TRY(step_extract(session, &work.summary, err));
    TRY(step_go_on(session, err));
    TRY(step_load(session, &work.rows, err));
    TRY(step_train(session, &work.rows, &work.prepared, &work.model, err));
    TRY(step_go_on(session, err));
    TRY(step_score(session, &work.rows, &work.prepared, work.model, true, &work.judgement, err));
    TRY(step_report(session, err));
    int64_t peak_bytes = session_peak_bytes(session);
    if (session->options.json)
        json_print(session, &work, peak_bytes, true);
    else
        result_print(session, &work.rows, model_context_of(work.model)->calibration_level, &work.judgement);
done:
    work_clear(&work);
    return status;
}

enum status command_extract(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct work work = {0};
    TRY(session_job(session, err));
    TRY(session_folders(session, err));
    TRY(step_extract(session, &work.summary, err));
    int64_t peak_bytes = session_peak_bytes(session);
    const struct extract_summary *summary = &work.summary;
    if (session->options.json)
        json_print(session, &work, peak_bytes, false);
    else if (session_prints(session))
        (void)printf("%" PRId64 " lines, %" PRId64 " queries, %" PRId64 " rows; %" PRId64
                     " shards written, %" PRId64 " kept, in %s\n",
                     extract_lines(summary), summary->kinds[LINES_QUERY], summary->rows,
                     summary->shards_written, summary->shards_kept, session->job->store_dir);
done:
    work_clear(&work);
    return status;
}

enum status command_train(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct work work = {0};
    TRY(session_job(session, err));
    TRY(session_folders(session, err));
    TRY(step_refresh(session, &work.summary, err));
    TRY(step_go_on(session, err));
    TRY(step_load(session, &work.rows, err));
    TRY(step_train(session, &work.rows, &work.prepared, &work.model, err));
    struct model_summary fit = model_summary_of(work.model);
    if (session_prints(session))
        (void)printf("%" PRId64 " rows trained, %" PRId64 " calibrated, k = %d, %" PRId64
                     " epochs: %s/model.h5\n",
                     fit.train_rows, fit.calibration_rows, fit.k, fit.epochs, session->job->output_dir);
done:
    work_clear(&work);
    return status;
}

/* Warns of features whose values are not those that the model was trained on. */
static enum status drift_tell(struct session *session, const struct model *model,
                              const struct prepared *prepared, struct error *err)
{
    enum status status = STATUS_OK;
    double index[MODEL_COLUMNS_MOST];
    TRY(model_drift(session->team, model, &prepared->input, index, err));
    for (size_t c = 0; c < model_columns(model); c++) {
        char text[200];
        if (index[c] < MODEL_DRIFT_MOST)
            continue;
        (void)snprintf(text, sizeof text,
                       "%s is not as it was in training: population stability index %.2f, %.2f is much",
                       model_column_name(model, c), index[c], MODEL_DRIFT_MOST);
        session_warn(session, "model", text);
    }
done:
    return status;
}

enum status command_score(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct work work = {0};
    char path[4200];
    TRY(session_job(session, err));
    TRY(session_folders(session, err));
    (void)snprintf(path, sizeof path, "%s/model.h5", session->job->output_dir);
    // First the model: a wrong path should not cost an hour of reading logs.
    TRY(model_read(session->team, session->options.model ? session->options.model : path, &work.model, err));
    TRY(step_refresh(session, &work.summary, err));
    TRY(step_go_on(session, err));
    TRY(step_load(session, &work.rows, err));
    TRY(team_agree(session->team, prepare_scoring(work.model, &work.rows, &work.prepared, err), err));
    TRY(drift_tell(session, work.model, &work.prepared, err));
    TRY(step_go_on(session, err));
    TRY(step_score(session, &work.rows, &work.prepared, work.model, false, &work.judgement, err));
    result_print(session, &work.rows, model_context_of(work.model)->calibration_level, &work.judgement);
done:
    work_clear(&work);
    return status;
}
