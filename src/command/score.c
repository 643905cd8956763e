/* quern score: the rows of a job by a standing model, a block of days at a time. What is in memory does not
 * grow with the span, but for what is kept of each IP and day. */
#include "steps.h"

#include "base/map.h"
#include "decide/decide.h"
#include "model/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a block, a rank: some 1.2 KB each while they are scored. */
#define BLOCK_ROWS 65536

/* What is kept over the blocks. */
struct stream {
    struct model *model;
    struct rows_plan plan;
    struct rows_blocks blocks;
    struct model_bins bins;
    struct scored head;
    struct scoring scoring;
    struct rows hosts;  // the hosts of all blocks that this rank read
};

static void stream_clear(struct session *session, struct stream *stream)
{
    model_free(stream->model);
    rows_blocks_clear(&stream->blocks);
    scoring_clear(session, &stream->scoring);
    rows_clear(&stream->hosts);
}

/* Tests set QUERN_BLOCK_ROWS: no result may depend on where a block ends. */
static int64_t block_rows(void)
{
    const char *text = getenv("QUERN_BLOCK_ROWS");
    const int64_t rows = text ? strtoll(text, NULL, 10) : 0;
    return rows > 0 && rows < BLOCK_ROWS ? rows : BLOCK_ROWS;
}

static enum status hosts_keep_local(struct rows *kept, const struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&kept->hosts, &kept->host_capacity, kept->host_count + rows->host_count + 1,
                      sizeof *kept->hosts, err));
    if (rows->host_count > 0)
        memcpy(kept->hosts + kept->host_count, rows->hosts, rows->host_count * sizeof *rows->hosts);
    kept->host_count += rows->host_count;
done:
    return status;
}

/* All that a rank does with its rows of a block. */
static enum status block_score_local(struct stream *stream, struct rows *rows, struct prepared *prepared,
                                     struct model_scores *scores, uint8_t **seen, struct error *err)
{
    enum status status = STATUS_OK;
    const struct model_context *context = model_context_of(stream->model);
    TRY(prepare_scoring(stream->model, stream->plan.zone, rows, prepared, err));
    TRY(model_score(stream->model, &prepared->input, scores, err));
    model_bins_add(stream->model, &prepared->input, &stream->bins);
    *seen = calloc(rows->count + 1, 1);
    if (!*seen)
        TRY(error_set(err, STATUS_NO_MEMORY, "scores", "", "no room for %zu rows", rows->count));
    for (size_t row = 0; row < rows->count; row++)
        (*seen)[row] = rows->items[row].window_s >= context->train_from_s &&
                       rows->items[row].window_s < context->train_to_s;
    TRY(hosts_keep_local(&stream->hosts, rows, err));
done:
    return status;
}

static enum status block_go(struct session *session, struct stream *stream, size_t block, struct error *err)
{
    enum status status = STATUS_OK;
    struct rows rows = {0};
    struct prepared prepared = {0};
    struct model_scores scores = {0};
    uint8_t *seen = NULL;
    struct scored scored = stream->head;
    TRY(rows_load_block(session->team, &stream->plan, &stream->blocks, block, &rows, err));
    TRY(team_agree(session->team, block_score_local(stream, &rows, &prepared, &scores, &seen, err), err));
    scored.rows = &rows;
    scored.scores = &scores;
    scored.seen = seen;
    TRY(step_scores_add(session, &scored, &stream->scoring, err));
    const struct rows_block *next = &stream->blocks.items[block + 1];
    const int64_t total = stream->blocks.whole.total;
    if (session_prints(session))
        session_progress(session, block + 1 < stream->blocks.count ? next->first : total, total);
done:
    rows_clear(&rows);
    prepared_clear(&prepared);
    model_scores_free(&scores);
    free(seen);
    return status;
}

/* Warns of features whose values are not those that the model was trained on. */
static void drift_tell(struct session *session, const struct stream *stream)
{
    double index[MODEL_COLUMNS_MOST];
    model_drift(session->team, stream->model, &stream->bins, index);
    for (size_t c = 0; c < model_columns(stream->model); c++) {
        char text[200];
        if (index[c] < MODEL_DRIFT_MOST)
            continue;
        (void)snprintf(text, sizeof text,
                       "%s is not as it was in training: population stability index %.2f, %.2f is much",
                       model_column_name(stream->model, c), index[c], MODEL_DRIFT_MOST);
        session_warn(session, "model", text);
    }
}

/* From the first block to the file. */
static enum status stream_go(struct session *session, struct stream *stream, struct judgement *judgement,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct ip_role *roles = NULL;
    size_t role_count = 0;
    TRY(step_scores_begin(session, &stream->head, &stream->scoring, err));
    for (size_t block = 0; block < stream->blocks.count; block++) {
        TRY(step_go_on(session, err));
        TRY(block_go(session, stream, block, err));
    }
    session_step_end(session);
    drift_tell(session, stream);
    TRY(roles_find(session->team, &stream->hosts, &roles, &role_count, err));
    TRY(step_scores_end(session, &stream->head, &stream->scoring, roles, role_count, judgement, err));
done:
    free(roles);
    return status;
}

static enum status words_check(const struct options *options, struct error *err)
{
    if (!options->merge && options->word_count > 1)
        return error_set(err, STATUS_USAGE, "score", "quern score JOB.yaml --merge PART... takes several",
                         "more than a job file: \"%.60s\"", options->words[1]);
    if (options->merge && options->word_count < 2)
        return error_set(err, STATUS_USAGE, "--merge", "quern score JOB.yaml --merge PART...",
                         "no part was named");
    if (options->merge && options->model)
        return error_set(err, STATUS_USAGE, "--merge", "leave out --model",
                         "the parts have been scored by their model");
    return STATUS_OK;
}

enum status command_score(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct stream stream = {0};
    struct extract_summary summary = {0};
    struct judgement judgement = {0};
    char path[4200];
    TRY(words_check(&session->options, err));
    if (session->options.merge)
        return score_merge(session, err);
    TRY(session_job(session, err));
    TRY(session_folders(session, refresh_use(session), err));
    session_output(session, "model.h5", path, sizeof path);
    // First the model: a wrong path should not cost an hour of reading logs.
    if (session->options.model)
        (void)snprintf(path, sizeof path, "%s", session->options.model);
    TRY(model_read(session->team, path, &stream.model, err));
    TRY(model_note(session, path, err));
    TRY(step_refresh(session, &summary, err));
    TRY(step_go_on(session, err));
    rows_plan_of(session, &stream.plan);
    session_step(session, "scoring");
    TRY(rows_blocks_cut(session->team, &stream.plan, block_rows(), &stream.blocks, err));
    stream.head.rows = &stream.blocks.whole;
    TRY(scored_head(session, stream.model, &stream.head, err));
    TRY(stream_go(session, &stream, &judgement, err));
    result_print(session, &stream.blocks.whole, stream.head.calibration_level, &judgement);
done:
    session_step_end(session);
    stream_clear(session, &stream);
    extract_summary_clear(&summary);
    judgement_clear(&judgement);
    return status;
}
