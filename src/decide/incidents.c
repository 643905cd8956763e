/* From evidence to incidents and verdicts. Everything here is worked out alike on every rank from the same
 * list, in the list's order: no sum depends on who found what. */
#include "decide/decide.h"

#include "base/hash.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/* Strength: the strongest statistic, and so much of each other one. */
#define OTHERS_WEIGHT 0.3

/* Bits from which a verdict is a warning, and critical. */
#define WARNING_BITS 1.0
#define CRITICAL_BITS 3.0

static enum incident_cause cause_of(const struct evidence *item)
{
    return mechanism_info((enum mechanism)item->mechanism)->cause;
}

static double strength_add(double strength, double *best, double bits)
{
    if (bits > *best) {
        strength += bits - *best + OTHERS_WEIGHT * (*best > 0 ? *best : 0);
        *best = bits;
        return strength;
    }
    return strength + OTHERS_WEIGHT * bits;
}

/* Whether two different statistics have a bit or more on the domain of items[0 … count), which all have it.
 */
static bool two_statistics(const struct evidence *items, size_t count)
{
    int first = 0;
    for (size_t i = 0; i < count; i++) {
        const int statistic = mechanism_info((enum mechanism)items[i].mechanism)->statistic;
        if (items[i].bits < WARNING_BITS)
            continue;
        if (first != 0 && statistic != first)
            return true;
        first = statistic;
    }
    return false;
}

/* Strength and verdict from the evidence items[0 … count) of one IP and cause, sorted by domain, then
 * mechanism. */
static void incident_weigh(struct incident *incident, const struct evidence *items, size_t count)
{
    double best = 0, strongest = -1;
    bool twice = false;
    for (size_t from = 0, to = 0; from < count; from = to) {
        double bits = -1;
        while (to < count && items[to].domain == items[from].domain &&
               items[to].mechanism == items[from].mechanism) {
            bits = items[to].bits > bits ? items[to].bits : bits;
            to++;
        }
        incident->strength = strength_add(incident->strength, &best, bits);
        if (bits > strongest) {
            strongest = bits;
            incident->domain = items[from].domain;
        }
    }
    for (size_t from = 0, to = 0; from < count; from = to) {
        while (to < count && items[to].domain == items[from].domain)
            to++;
        twice = twice || (items[from].domain != 0 && two_statistics(items + from, to - from));
    }
    incident->verdict = strongest >= WARNING_BITS ? VERDICT_WARNING : VERDICT_NOTICE;
    if (cause_is_malice((enum incident_cause)incident->cause) &&
        (incident->strength >= CRITICAL_BITS || twice))
        incident->verdict = VERDICT_CRITICAL;
}

/* The same from run to run, however the archive has grown. */
static uint64_t identity(const struct incident *incident)
{
    unsigned char bytes[sizeof(struct ip) + 32] = {0};
    memcpy(bytes, &incident->ip, sizeof incident->ip);
    memcpy(bytes + sizeof incident->ip, cause_name((enum incident_cause)incident->cause),
           strlen(cause_name((enum incident_cause)incident->cause)));
    return content_hash(bytes, sizeof bytes);
}

enum status incidents_make(const struct evidence_list *evidence, struct incident_list *list,
                           struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0, count = 0;
    *list = (struct incident_list){0};
    struct evidence *items = malloc((evidence->count + 1) * sizeof *items);
    if (!items)
        return error_set(err, STATUS_NO_MEMORY, "incidents", "", "no room for evidence");
    for (size_t i = 0; i < evidence->count; i++)
        if (!evidence->items[i].is_silenced)
            items[count++] = evidence->items[i];
    for (size_t from = 0, to = 0; from < count; from = to) {
        struct incident incident = {.ip = items[from].ip,
                                    .cause = (int32_t)cause_of(&items[from]),
                                    .first_day = items[from].day,
                                    .last_day = items[from].day};
        for (; to < count && ip_compare(&items[to].ip, &incident.ip) == 0 &&
               cause_of(&items[to]) == (enum incident_cause)incident.cause;
             to++) {
            if (items[to].day < incident.first_day)
                incident.first_day = items[to].day;
            if (items[to].day > incident.last_day)
                incident.last_day = items[to].day;
        }
        incident.evidence = (int64_t)(to - from);
        incident.id = identity(&incident);
        incident_weigh(&incident, items + from, to - from);
        TRY(array_reserve(&list->items, &capacity, list->count + 1, sizeof incident, err));
        list->items[list->count++] = incident;
    }
done:
    free(items);
    return status;
}

/* ---- verdicts ---- */

static void verdict_take(struct ip_judged *ip, const struct incident *incidents, size_t count)
{
    const struct incident *gravest = &incidents[0];  // there is one at least
    for (size_t i = 1; i < count; i++) {
        const struct incident *incident = &incidents[i];
        // A broken device may be far beyond its threshold: it must not hide what makes the verdict.
        if (incident->verdict > gravest->verdict ||
            (incident->verdict == gravest->verdict && incident->strength > gravest->strength))
            gravest = incident;
    }
    ip->cause = gravest->cause;
    ip->strength = gravest->strength;
    if (gravest->verdict > ip->verdict)
        ip->verdict = gravest->verdict;
    if (count >= 2 && ip->verdict < VERDICT_WARNING)
        ip->verdict = VERDICT_WARNING;
}

static int compare_ip(const void *a, const void *b)
{
    return ip_compare(a, &((const struct ip_judged *)b)->ip);
}

void verdicts_take(struct ip_table *table, const struct incident_list *list)
{
    for (size_t from = 0, to = 0; from < list->count; from = to) {
        while (to < list->count && ip_compare(&list->items[to].ip, &list->items[from].ip) == 0)
            to++;
        struct ip_judged *ip = table->count ? bsearch(&list->items[from].ip, table->items, table->count,
                                                      sizeof *table->items, compare_ip)
                                            : NULL;
        // A host may be known for its silence alone, and have no row in the span.
        if (ip)
            verdict_take(ip, list->items + from, to - from);
    }
    ips_rank(table);
}
