/* quern score --merge: the scores of a job array's parts, each of some days, as if one job had made them.
 * Rows and their scores come from the parts; IPs, evidence and incidents are judged anew over all days. */
#include "steps.h"

#include "decide/decide.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What rank 0 found out about a part. Plain bytes. */
struct part {
    char path[4200];
    char model[MODEL_DIGEST_BYTES];
    int64_t from_s, to_s, rows;
};

/* What is kept over the parts. */
struct merging {
    struct part *parts;  // [count], in order of time
    size_t count;
    struct rows_plan plan;
    struct rows_blocks blocks;  // how many rows the store has
    struct scored head;
    struct scoring scoring;
    struct rows hosts;
};

static void merging_clear(struct session *session, struct merging *merging)
{
    free(merging->parts);
    rows_blocks_clear(&merging->blocks);
    scoring_clear(session, &merging->scoring);
    rows_clear(&merging->hosts);
}

/* ---- the parts ---- */

static enum status part_read(const char *word, struct part *part, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct stat there;
    size_t rows = 0;
    const bool is_folder = stat(word, &there) == 0 && S_ISDIR(there.st_mode);
    (void)snprintf(part->path, sizeof part->path, "%s%s", word, is_folder ? "/scores.h5" : "");
    TRY(store_open_local(part->path, &reader, err));
    TRY(store_get_attribute_i64(reader, NULL, "from_s", &part->from_s, err));
    TRY(store_get_attribute_i64(reader, NULL, "to_s", &part->to_s, err));
    TRY(store_dimension_size(reader, "row", &rows, err));
    TRY(store_get_provenance_text(reader, "model", part->model, sizeof part->model, err));
    part->rows = rows < SIZE_MAX / 4096 ? (int64_t)rows : -1;
    if (part->rows < 0)
        status = error_set(err, STATUS_CORRUPT, part->path, "score it again", "more rows than any job has");
done:
    store_close(reader);
    return status;
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->from_s != y->from_s)
        return x->from_s < y->from_s ? -1 : 1;
    return strcmp(x->path, y->path);
}

static enum status parts_read_local(const struct session *session, struct merging *merging, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < merging->count; i++)
        TRY(part_read(session->options.words[i + 1], &merging->parts[i], err));
    qsort(merging->parts, merging->count, sizeof *merging->parts, compare_parts);
    for (size_t i = 1; i < merging->count; i++) {
        const struct part *part = &merging->parts[i], *before = part - 1;
        if (part->from_s < before->to_s)
            return error_set(err, STATUS_MISMATCH, part->path, "give each day to one part",
                             "it has days that %.120s has, too", before->path);
        if (strcmp(part->model, before->model) != 0)
            return error_set(err, STATUS_MISMATCH, part->path, "score all parts by one model: --model",
                             "it was scored by another model than %.120s", before->path);
    }
done:
    return status;
}

static enum status parts_find(struct session *session, struct merging *merging, struct error *err)
{
    enum status status = STATUS_OK;
    merging->count = session->options.word_count - 1;
    merging->parts = calloc(merging->count + 1, sizeof *merging->parts);
    enum status had = STATUS_OK;
    if (!merging->parts)
        had = error_set(err, STATUS_NO_MEMORY, "score", "", "no room for %zu parts", merging->count);
    else if (session_prints(session))
        had = parts_read_local(session, merging, err);
    TRY(team_agree(session->team, had, err));
    team_broadcast(session->team, merging->parts, merging->count * sizeof *merging->parts, 0);
    memcpy(session->model, merging->parts[0].model, sizeof session->model);
done:
    return status;
}

/* ---- putting them together ---- */

/* A part's rows must be those of the job, and like those of the parts before it. */
static enum status part_check(const struct merging *merging, const struct part *part,
                              const struct scores_kept *kept, struct error *err)
{
    const struct scored *head = &merging->head, *scored = &kept->scored;
    if (part->from_s < merging->plan.from_s || part->to_s > merging->plan.to_s)
        return error_set(err, STATUS_MISMATCH, part->path, "leave it out, or give the job's own span",
                         "its days are not those of archive.from and archive.to");
    if (kept->rows.set != merging->plan.set || kept->rows.window_s != merging->blocks.whole.window_s ||
        (head->columns > 0 &&
         (scored->columns != head->columns || scored->calibration_level != head->calibration_level ||
          memcmp(scored->names, head->names, sizeof head->names) != 0)))
        return error_set(err, STATUS_MISMATCH, part->path, "score it again, with this job's settings",
                         "its rows are not made as those of the job");
    return STATUS_OK;
}

static enum status part_add(struct session *session, struct merging *merging, const struct part *part,
                            int64_t first, struct error *err)
{
    enum status status = STATUS_OK;
    struct scores_kept kept = {0};
    TRY(scores_read(session->team, part->path, session->job->features_timezone, session->zone, &kept, err));
    TRY(team_agree(session->team, part_check(merging, part, &kept, err), err));
    TRY(team_agree(session->team, session_check_hosts(session, part->path, &kept, err), err));
    if (!merging->scoring.writer) {
        merging->head.columns = kept.scored.columns;
        merging->head.calibration_level = kept.scored.calibration_level;
        memcpy(merging->head.names, kept.scored.names, sizeof merging->head.names);
        TRY(step_scores_begin(session, &merging->head, &merging->scoring, err));
    }
    kept.rows.first += first;
    TRY(step_scores_add(session, &kept.scored, &merging->scoring, err));
done:
    scores_kept_clear(&kept);
    return status;
}

/* No day of the span may be missing: the store tells how many rows there are. */
static enum status rows_check(const struct session *session, const struct merging *merging, struct error *err)
{
    int64_t rows = 0;
    for (size_t i = 0; i < merging->count; i++)
        rows += merging->parts[i].rows;
    if (rows == merging->blocks.whole.total)
        return STATUS_OK;
    return error_set(err, STATUS_MISMATCH, session->job->store_dir,
                     "name all parts, or score again those of days that were extracted since",
                     "it has %" PRId64 " rows of the job's days, the parts together %" PRId64,
                     merging->blocks.whole.total, rows);
}

static enum status merge_go(struct session *session, struct merging *merging, struct judgement *judgement,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct ip_role *roles = NULL;
    size_t role_count = 0;
    int64_t first = 0;
    for (size_t i = 0; i < merging->count; i++) {
        TRY(step_go_on(session, err));
        TRY(part_add(session, merging, &merging->parts[i], first, err));
        first += merging->parts[i].rows;
        if (session_prints(session))
            session_progress(session, first, merging->blocks.whole.total);
    }
    session_step_end(session);
    TRY(rows_load_hosts(session->team, &merging->plan, &merging->blocks, &merging->hosts, err));
    TRY(roles_find(session->team, &merging->hosts, &roles, &role_count, err));
    TRY(step_scores_end(session, &merging->head, &merging->scoring, roles, role_count, judgement, err));
done:
    free(roles);
    return status;
}

enum status score_merge(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct merging merging = {0};
    struct judgement judgement = {0};
    TRY(session_job(session, err));
    TRY(session_folders(session, STORE_IS_READ, err));
    TRY(extract_check(session->team, session->job, session->zone, err));
    TRY(parts_find(session, &merging, err));
    rows_plan_of(session, &merging.plan);
    session_step(session, "merging scores");
    TRY(rows_blocks_cut(session->team, &merging.plan, INT64_MAX / team_size(session->team), &merging.blocks,
                        err));
    TRY(rows_check(session, &merging, err));
    merging.head.rows = &merging.blocks.whole;
    TRY(step_span(session, &merging.head.from_s, &merging.head.to_s, err));
    TRY(merge_go(session, &merging, &judgement, err));
    result_print(session, &merging.blocks.whole, merging.head.calibration_level, &judgement);
done:
    session_step_end(session);
    merging_clear(session, &merging);
    judgement_clear(&judgement);
    return status;
}
