/* From evidence to incidents and verdicts. Everything here is worked out alike on every rank from the same
 * list, in the list's order: no sum depends on who found what. */
#include "decide/decide.h"

#include "base/hash.h"
#include "base/map.h"

#include <stdio.h>
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
        if (items[i].bits < WARNING_BITS || !mechanism_alarms((enum mechanism)items[i].mechanism))
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
    double best = 0, strongest = -1, alarming = -1;
    double alarm_best = 0, alarm_strength = 0;  // without what supports only
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
        if (!mechanism_alarms((enum mechanism)items[from].mechanism))
            continue;
        alarm_strength = strength_add(alarm_strength, &alarm_best, bits);
        alarming = bits > alarming ? bits : alarming;
    }
    for (size_t from = 0, to = 0; from < count; from = to) {
        while (to < count && items[to].domain == items[from].domain)
            to++;
        twice = twice || (items[from].domain != 0 && two_statistics(items + from, to - from));
    }
    incident->verdict = alarming >= WARNING_BITS ? VERDICT_WARNING : VERDICT_NOTICE;
    incident->supports_only = alarming < 0;
    if (cause_is_malice((enum incident_cause)incident->cause) && alarming >= 0 &&
        (alarm_strength >= CRITICAL_BITS || twice))
        incident->verdict = VERDICT_CRITICAL;
}

/* The same from run to run, however the archive has grown. */
static uint64_t identity(const struct incident *incident)
{
    unsigned char bytes[sizeof(struct ip) + 32] = {0};
    const char *cause = cause_name((enum incident_cause)incident->cause);
    if (incident->cause == CAUSE_CAMPAIGN)
        memcpy(bytes, &incident->domain, sizeof incident->domain);
    else
        memcpy(bytes, &incident->ip, sizeof incident->ip);
    (void)snprintf((char *)bytes + sizeof incident->ip, sizeof bytes - sizeof incident->ip, "%s", cause);
    return content_hash(bytes, sizeof bytes);
}

/* A piece of evidence on its way into an incident. */
struct piece {
    const struct evidence *item;
    size_t at;  // in the evidence
    uint8_t mark;
};

/* Campaigns behind all else, by domain, then mechanism; else in the order of the evidence. */
static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    const int campaigns = (cause_of(x->item) == CAUSE_CAMPAIGN) - (cause_of(y->item) == CAUSE_CAMPAIGN);
    if (campaigns == 0 && cause_of(x->item) == CAUSE_CAMPAIGN) {
        if (x->item->domain != y->item->domain)
            return x->item->domain < y->item->domain ? -1 : 1;
        if (x->item->mechanism != y->item->mechanism)
            return x->item->mechanism - y->item->mechanism;
    }
    return campaigns ? campaigns : (x->at > y->at) - (x->at < y->at);
}

static bool is_together(const struct evidence *a, const struct evidence *b)
{
    if (cause_of(a) != cause_of(b))
        return false;
    return cause_of(a) == CAUSE_CAMPAIGN ? a->domain == b->domain : ip_compare(&a->ip, &b->ip) == 0;
}

/* Makes the incident of pieces[0 … count); `room` holds as many pieces of evidence. */
static struct incident incident_of(const struct piece *pieces, size_t count, struct evidence *room)
{
    struct incident incident = {.ip = pieces[0].item->ip,
                                .cause = (int32_t)cause_of(pieces[0].item),
                                .first_day = pieces[0].item->day,
                                .last_day = pieces[0].item->day,
                                .evidence = (int64_t)count,
                                .past = -1};
    bool said[ACKS] = {false};
    size_t kept = 0;
    double most = -1;
    for (size_t i = 0; i < count; i++) {
        const struct evidence *item = pieces[i].item;
        incident.first_day = item->day < incident.first_day ? item->day : incident.first_day;
        incident.last_day = item->day > incident.last_day ? item->day : incident.last_day;
        said[pieces[i].mark] = true;
        if (pieces[i].mark != ACK_BENIGN)
            room[kept++] = *item;
        if (incident.cause == CAUSE_CAMPAIGN &&
            (item->bits > most || (item->bits == most && ip_compare(&item->ip, &incident.ip) < 0))) {
            most = item->bits;
            incident.ip = item->ip;
        }
    }
    if (kept == 0) {
        incident.ack = ACK_BENIGN;
        for (; kept < count; kept++)
            room[kept] = *pieces[kept].item;
    } else if (said[ACK_REAL] || said[ACK_UNKNOWN]) {
        incident.ack = said[ACK_REAL] ? ACK_REAL : ACK_UNKNOWN;
    }
    incident_weigh(&incident, room, kept);
    incident.id = identity(&incident);
    return incident;
}

static int compare_incidents(const void *a, const void *b)
{
    const struct incident *x = a, *y = b;
    const int order = ip_compare(&x->ip, &y->ip);
    if (order || x->cause != y->cause)
        return order ? order : x->cause - y->cause;
    return (x->domain > y->domain) - (x->domain < y->domain);
}

/* Puts the incidents in order; the pieces of evidence follow. `past` is where each stood before. */
static enum status incidents_sort(struct incident_list *list, size_t evidence_count, struct error *err)
{
    int32_t *now = calloc(list->count + 1, sizeof *now);
    if (!now)
        return error_set(err, STATUS_NO_MEMORY, "incidents", "", "no room for incidents");
    for (size_t i = 0; i < list->count; i++)
        list->items[i].past = (int32_t)i;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, compare_incidents);
    for (size_t i = 0; i < list->count; i++) {
        now[list->items[i].past] = (int32_t)i;
        list->items[i].past = -1;
    }
    for (size_t i = 0; i < evidence_count; i++)
        if (list->of_evidence[i] >= 0)
            list->of_evidence[i] = now[list->of_evidence[i]];
    free(now);
    return STATUS_OK;
}

/* Which IPs take part in which incidents, each once; the evidence is by IP. */
static enum status links_make(const struct evidence_list *evidence, struct incident_list *list,
                              struct error *err)
{
    list->links = calloc(evidence->count + 1, sizeof *list->links);
    if (!list->links)
        return error_set(err, STATUS_NO_MEMORY, "incidents", "", "no room for incidents");
    for (size_t i = 0; i < evidence->count; i++) {
        const struct incident_link link = {evidence->items[i].ip, list->of_evidence[i]};
        bool is_known = link.incident < 0;
        for (size_t at = list->link_count;
             at-- > 0 && !is_known && ip_compare(&list->links[at].ip, &link.ip) == 0;)
            is_known = list->links[at].incident == link.incident;
        if (is_known)
            continue;
        list->links[list->link_count++] = link;
        list->items[link.incident].hosts++;
    }
    return STATUS_OK;
}

enum status incidents_make(const struct evidence_list *evidence, const uint8_t *marks,
                           struct incident_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0, count = 0;
    *list = (struct incident_list){0};
    struct piece *pieces = malloc((evidence->count + 1) * sizeof *pieces);
    struct evidence *room = malloc((evidence->count + 1) * sizeof *room);
    list->of_evidence = malloc((evidence->count + 1) * sizeof *list->of_evidence);
    if (!pieces || !room || !list->of_evidence) {
        status = error_set(err, STATUS_NO_MEMORY, "incidents", "", "no room for evidence");
        goto done;
    }
    for (size_t i = 0; i < evidence->count; i++) {
        list->of_evidence[i] = -1;
        if (!evidence->items[i].is_silenced)
            pieces[count++] = (struct piece){&evidence->items[i], i, marks ? marks[i] : ACK_NONE};
    }
    if (count > 0)
        qsort(pieces, count, sizeof *pieces, compare_pieces);
    for (size_t from = 0, to = 0; from < count; from = to) {
        for (; to < count && is_together(pieces[from].item, pieces[to].item); to++)
            list->of_evidence[pieces[to].at] = (int32_t)list->count;
        TRY(array_reserve(&list->items, &capacity, list->count + 1, sizeof *list->items, err));
        list->items[list->count++] = incident_of(pieces + from, to - from, room);
    }
    TRY(incidents_sort(list, evidence->count, err));
    TRY(links_make(evidence, list, err));
done:
    free(pieces);
    free(room);
    if (status != STATUS_OK)
        incidents_clear(list);
    return status;
}

void incidents_clear(struct incident_list *list)
{
    free(list->items);
    free(list->of_evidence);
    free(list->links);
    *list = (struct incident_list){0};
}

/* ---- verdicts ---- */

/* Whether `a` says more of an IP than `b`. A broken device may be far beyond its threshold: it must not hide
 * what makes the verdict, nor must what is regular and no alarm. */
static bool is_graver(const struct incident *a, const struct incident *b)
{
    if (a->verdict != b->verdict)
        return a->verdict > b->verdict;
    if ((a->supports_only != 0) != (b->supports_only != 0))
        return b->supports_only != 0;
    return a->strength > b->strength;
}

static void verdict_take(struct ip_judged *ip, const struct incident_list *list,
                         const struct incident_link *links, size_t count)
{
    const struct incident *gravest = NULL;
    uint64_t causes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = &list->items[links[i].incident];
        if (incident->ack == ACK_BENIGN)
            continue;
        causes |= incident->supports_only ? 0 : UINT64_C(1) << incident->cause;
        if (!gravest || is_graver(incident, gravest))
            gravest = incident;
    }
    if (!gravest)
        return;
    ip->cause = gravest->cause;
    ip->strength = gravest->strength;
    ip->supports_only = gravest->supports_only != 0;
    if (gravest->verdict > ip->verdict)
        ip->verdict = gravest->verdict;
    if ((causes & (causes - 1)) != 0 && ip->verdict < VERDICT_WARNING)
        ip->verdict = VERDICT_WARNING;
}

static int compare_ip(const void *a, const void *b)
{
    return ip_compare(a, &((const struct ip_judged *)b)->ip);
}

void verdicts_take(struct ip_table *table, const struct incident_list *list)
{
    const struct incident_link *links = list->links;
    for (size_t from = 0, to = 0; from < list->link_count; from = to) {
        while (to < list->link_count && ip_compare(&links[to].ip, &links[from].ip) == 0)
            to++;
        struct ip_judged *ip = table->count ? bsearch(&links[from].ip, table->items, table->count,
                                                      sizeof *table->items, compare_ip)
                                            : NULL;
        // A host may be known for its silence alone, and have no row in the span.
        if (ip)
            verdict_take(ip, list, links + from, to - from);
    }
    ips_rank(table);
}
