/* The step from scores of rows, and evidence in the store, to verdicts. */
#include "steps.h"

#include "decide/decide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void evidence_tell(struct session *session, const struct evidence_list *evidence)
{
    for (size_t i = 0; i < evidence->warnings.count; i++)
        session_warn(session, evidence->warnings.items[i].where, evidence->warnings.items[i].what);
    if (evidence->silenced_count > 0 && session_prints(session))
        (void)fprintf(stderr, "quern: %" PRId64 " pieces of evidence are silenced by decide.allow\n",
                      evidence->silenced_count);
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
    session_output(session, "acks.csv", path, sizeof path);
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

enum status step_judge(struct session *session, const struct scored *scored, struct scoring *scoring,
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
    session_output(session, "scores.h5", path, sizeof path);
    TRY(past_read(session->team, path, &judgement->past, err));
    TRY(team_agree(session->team, incidents_judge(session, scored, judgement, err), err));
    verdicts_take(&judgement->ips, &judgement->incidents);
done:
    return status;
}
