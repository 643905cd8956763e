/* Which hosts are left out of a fit, and when: those that the job names, and those that evidence speaks
 * against. Evidence needs the store alone, so it can come before the model. */
#include "steps.h"

#include "evidence/evidence.h"
#include "job/civil.h"
#include "job/host_spans.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The days that a piece of evidence is about; one that is silenced, or only supports others, is about none.
 */
static enum status evidence_add(const struct evidence *item, struct host_spans *spans, struct error *err)
{
    const struct host_span span = {.ip = item->ip,
                                   .from_s = (item->day - item->window_days + 1) * DAY_S,
                                   .to_s = (item->day + 1) * DAY_S};
    const bool counts = !item->is_silenced && mechanism_alarms((enum mechanism)item->mechanism);
    return counts ? host_spans_add(spans, &span, err) : STATUS_OK;
}

static enum status evidence_add_all(const struct evidence_list *evidence, struct host_spans *spans,
                                    struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < evidence->count; i++)
        TRY(evidence_add(&evidence->items[i], spans, err));
done:
    return status;
}

static enum status evidence_spans(struct session *session, const struct rows *rows, struct host_spans *spans,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    struct ip_role *roles = NULL;
    struct known_software *known = NULL;
    struct evidence_list evidence = {0};
    struct evidence_plan plan = {.dir = session->job->store_dir,
                                 .leases = session->leases,
                                 .zone = session->zone,
                                 .calendar = session->calendar,
                                 .window_s = rows->window_s,
                                 .job = session->job,
                                 .reputation = &session->job->decide_reputation,
                                 .allow = &session->job->decide_allow};
    TRY(step_span(session, &plan.from_s, &plan.to_s, err));
    TRY(roles_find(session->team, rows, &roles, &plan.role_count, err));
    plan.roles = roles;
    TRY(team_agree(session->team, session_software(session, &known, err), err));
    plan.known = known;
    TRY(evidence_find(session->team, &plan, &evidence, err));
    TRY(team_agree(session->team, evidence_add_all(&evidence, spans, err), err));
done:
    known_software_free(known);
    evidence_clear(&evidence);
    free(roles);
    return status;
}

/* An instant of local time; of two the first. */
static int64_t utc_of(const struct zone *zone, int64_t local_s)
{
    int64_t both[2];
    (void)zone_to_utc(zone, local_s, both);
    return both[0];
}

/* What a span of an address is of machines: to their parts of it. What no lease has stays the address's. */
static enum status machine_spans_add(const struct session *session, const struct host_span *span,
                                     struct host_spans *spans, struct error *err)
{
    enum status status = STATUS_OK;
    const struct leases *leases = session->leases;
    const int64_t from_s = utc_of(session->zone, span->from_s), to_s = utc_of(session->zone, span->to_s);
    for (size_t i = 0; i < leases->count; i++) {
        const struct lease *lease = &leases->items[i];
        if (ip_compare(&lease->ip, &span->ip) != 0 || lease->from_s >= to_s || lease->to_s <= from_s)
            continue;
        // A row whose window begins before the lease has a part in it.
        const int64_t window_s = session->job->features_window_s;
        const int64_t begin_s = lease->from_s > from_s ? lease->from_s - window_s + 1 : from_s;
        const int64_t end_s = lease->to_s < to_s ? lease->to_s : to_s;
        const struct host_span part = {.ip = leases->machines[lease->machine].number,
                                       .from_s = begin_s + zone_offset_s(session->zone, begin_s),
                                       .to_s = end_s + zone_offset_s(session->zone, end_s)};
        TRY(host_spans_add(spans, &part, err));
    }
done:
    return status;
}

static enum status excluded_read(const struct session *session, struct host_spans *spans, struct error *err)
{
    enum status status = STATUS_OK;
    const struct text_list *files = &session->job->model_exclude;
    TRY(host_spans_read(files->items, files->count, spans, err));
    for (size_t i = 0, count = spans->count; session->leases && i < count; i++) {
        const struct host_span span = spans->items[i];
        TRY(machine_spans_add(session, &span, spans, err));
    }
done:
    return status;
}

enum status step_trim(struct session *session, const struct rows *rows, struct host_spans *spans,
                      struct error *err)
{
    enum status status = STATUS_OK;
    TRY(team_agree(session->team, excluded_read(session, spans, err), err));
    if (session->job->model_trim == TRIM_EVIDENCE)
        TRY(evidence_spans(session, rows, spans, err));
    host_spans_settle(spans);
done:
    return status;
}

static int compare_roles(const void *a, const void *b)
{
    return ip_compare(&((const struct ip_role *)a)->ip, &((const struct ip_role *)b)->ip);
}

enum status step_roles(const struct team *team, const struct rows *rows, struct ip_role **roles,
                       size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct ip_role *mine = NULL;
    void *all = NULL;
    size_t mine_count = 0, bytes = 0;
    TRY(roles_find(team, rows, &mine, &mine_count, err));
    TRY(team_gather(team, mine, mine_count * sizeof *mine, &all, &bytes, err));
    if (bytes > 0)
        qsort(all, bytes / sizeof *mine, sizeof *mine, compare_roles);
    *roles = all;
    *count = bytes / sizeof *mine;
done:
    free(mine);
    return status;
}

void step_trim_tell(struct session *session, int64_t rows)
{
    const struct job *job = session->job;
    if (job->model_exclude.count == 0 && job->model_trim == TRIM_NO)
        return;
    if (rows == 0 && job->model_exclude.count > 0)
        session_warn(session, "model.exclude", "no row lies in its spans");
    else if (session_prints(session))
        (void)fprintf(
            stderr, "quern: %" PRId64 " rows neither train nor calibrate, by model.exclude and model.trim\n",
            rows);
}
