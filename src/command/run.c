/* quern run, extract, train: the job's steps, in one go or one by one. */
#include "steps.h"

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
    TRY(session_folders(session, STORE_IS_WRITTEN, err));
    TRY(step_extract(session, &work.summary, err));
    TRY(step_go_on(session, err));
    TRY(step_load(session, &work.rows, err));
    TRY(step_train(session, &work.rows, &work.prepared, &work.model, err));
    TRY(step_go_on(session, err));
    TRY(step_score(session, &work.rows, &work.prepared, work.model, &work.judgement, err));
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
    TRY(session_folders(session, STORE_IS_WRITTEN, err));
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
    TRY(session_folders(session, refresh_use(session), err));
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
