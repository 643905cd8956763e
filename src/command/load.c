/* The first steps of a job: from logs to the store, and from there to rows. */
#include "steps.h"

#include "base/clock.h"
#include "parallel/stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the store ---- */

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

/* An extract_progress whose context is the session: making days has a line and a rate of its own. */
static void extract_show(void *context, enum extract_step step, int64_t done_bytes, int64_t total_bytes)
{
    struct session *session = context;
    struct meter *meter = &session->meter;
    if (step == EXTRACT_MAKES && strcmp(meter->doing, "making days") != 0)
        *meter = meter_begin("making days", clock_seconds(), meter->on_terminal, meter->in_color);
    session_progress(session, done_bytes, total_bytes);
}

enum status step_extract(struct session *session, struct extract_summary *summary, struct error *err)
{
    session_step(session, "reading logs");
    enum status status =
        extract_run(session->team, session->job, session->zone, extract_show, session, summary, err);
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
