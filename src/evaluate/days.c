/* Host-days with a score of each detector, from scores.h5. */
#include "internal.h"

#include "base/exact.h"
#include "decide/decide.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG10_OF_2 0.30102999566398120

/* Strength: the strongest mechanism, and so much of each other one (decide/). */
#define OTHERS_WEIGHT 0.3

/* A row, for the day's three largest of each model. */
struct row {
    struct ip ip;
    int64_t day;
    double queries, minority, kmeans, autoencoder, models;
};

struct finding {
    struct ip ip;
    int64_t day, window_days, mechanism, is_silenced;
    double bits;
};

static int compare_row(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    return order ? order : (x->day > y->day) - (x->day < y->day);
}

static enum status get(const struct store_reader *reader, const char *name, enum store_type type,
                       const char *second, const char *dimension, size_t count, void *values,
                       struct error *err)
{
    struct store_column column = {.name = name, .type = type, .dimensions = {dimension, second}};
    return store_get(reader, &column, 0, count, values, err);
}

/* Reads a column into `room`, and each of its values by an expression in `i` into a member. */
#define COLUMN(name, type, dimension, count, items, member, value)                                           \
    TRY(get(reader, name, type, NULL, dimension, count, room, err));                                         \
    for (size_t i = 0; i < (count); i++)                                                                     \
    (items)[i].member = (value)

static double surprise(double p)
{
    return p > 0 ? -exact_log2(p) * LOG10_OF_2 : 0;
}

static enum status rows_get(const struct store_reader *reader, const struct zone *zone, struct row **out,
                            size_t *out_count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    void *room = NULL;
    struct row *rows = NULL;
    TRY(store_dimension_size(reader, "row", &count, err));
    room = malloc((count + 1) * sizeof(struct ip));
    rows = calloc(count + 1, sizeof *rows);
    if (!room || !rows) {
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for %zu rows", count);
        goto done;
    }
    TRY(get(reader, "row_ip", STORE_U8, "octet", "row", count, room, err));
    for (size_t i = 0; i < count; i++)
        rows[i].ip = ((const struct ip *)room)[i];
    COLUMN("row_window", STORE_I64, "row", count, rows, day, zone_day_of(zone, ((const int64_t *)room)[i]));
    COLUMN("row_queries", STORE_I64, "row", count, rows, queries, (double)((const int64_t *)room)[i]);
    COLUMN("row_kmeans2_group", STORE_I8, "row", count, rows, minority, ((const int8_t *)room)[i]);
    COLUMN("row_kmeans_p", STORE_F64, "row", count, rows, kmeans, surprise(((const double *)room)[i]));
    COLUMN("row_autoencoder_p", STORE_F64, "row", count, rows, autoencoder,
           surprise(((const double *)room)[i]));
    COLUMN("row_score", STORE_F64, "row", count, rows, models, ((const double *)room)[i]);
    qsort(rows, count, sizeof *rows, compare_row);
    *out = rows;
    *out_count = count;
    rows = NULL;
done:
    free(room);
    free(rows);
    return status;
}

static void top_add(double top[3], double value)
{
    for (int i = 0; i < 3; i++)
        if (value > top[i]) {
            double low = top[i];
            top[i] = value;
            value = low;
        }
}

static enum status days_make(const struct row *rows, size_t count, struct host_days *days, struct error *err)
{
    days->items = calloc(count + 1, sizeof *days->items);
    if (!days->items)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for host-days");
    for (size_t from = 0, to = 0; from < count; from = to) {
        double top[3][3] = {{0}};
        struct judged_day *day = &days->items[days->count++];
        day->ip = rows[from].ip;
        day->day = rows[from].day;
        for (; to < count && compare_row(&rows[to], &rows[from]) == 0; to++) {
            if (rows[to].queries > day->score[DETECTOR_QUERIES])
                day->score[DETECTOR_QUERIES] = rows[to].queries;
            day->score[DETECTOR_KMEANS2] += rows[to].minority;
            top_add(top[0], rows[to].kmeans);
            top_add(top[1], rows[to].autoencoder);
            top_add(top[2], rows[to].models);
        }
        for (int m = 0; m < 3; m++)
            day->score[DETECTOR_KMEANS + m] = (top[m][0] + top[m][1] + top[m][2]) / 3;
    }
    return STATUS_OK;
}

/* The first host-day of an IP from a day on. */
static size_t day_find(const struct host_days *days, const struct ip *ip, int64_t day)
{
    size_t low = 0, high = days->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = ip_compare(&days->items[middle].ip, ip);
        if (order < 0 || (order == 0 && days->items[middle].day < day))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Bits of each mechanism, from 1 on for what just reaches its threshold, for the days of its window. */
static void finding_add(struct host_days *days, const struct finding *finding)
{
    for (size_t at = day_find(days, &finding->ip, finding->day - finding->window_days + 1);
         at < days->count && ip_compare(&days->items[at].ip, &finding->ip) == 0 &&
         days->items[at].day <= finding->day;
         at++) {
        double *best = &days->items[at].score[DETECTOR_MECHANISM + (int)finding->mechanism];
        if (finding->bits + 1 > *best)
            *best = finding->bits + 1;
    }
}

/* The same, for the day only on which the window ends. */
static void finding_add_past(const struct host_days *days, double (*past)[MECHANISMS],
                             const struct finding *finding)
{
    const size_t at = day_find(days, &finding->ip, finding->day);
    if (at < days->count && ip_compare(&days->items[at].ip, &finding->ip) == 0 &&
        days->items[at].day == finding->day && finding->bits + 1 > past[at][finding->mechanism])
        past[at][finding->mechanism] = finding->bits + 1;
}

/* What supports other evidence is none by itself. */
static double strength(const double *bits)
{
    double best = 0, sum = 0;
    for (int m = 0; m < MECHANISMS; m++) {
        if (mechanism_alarms((enum mechanism)m))
            best = bits[m] > best ? bits[m] : best;
        sum += bits[m] > 1 ? bits[m] - 1 : 0;
    }
    return best > 0 ? best + OTHERS_WEIGHT * (sum - (best - 1)) : 0;
}

/* `evidence` is 1 + strength, 0 without any. */
static double combined(double models, double evidence)
{
    return score_combine(models, evidence - 1, evidence > 0);
}

/* Evidence that no allow list covers. */
static enum status findings_get(const struct store_reader *reader, struct finding **out, size_t *out_count,
                                struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0, kept = 0;
    void *room = NULL;
    struct finding *findings = NULL;
    TRY(store_dimension_size(reader, "evidence", &count, err));
    room = malloc((count + 1) * sizeof(struct ip));
    findings = calloc(count + 1, sizeof *findings);
    if (!room || !findings) {
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for evidence");
        goto done;
    }
    TRY(get(reader, "evidence_ip", STORE_U8, "octet", "evidence", count, room, err));
    for (size_t i = 0; i < count; i++)
        findings[i].ip = ((const struct ip *)room)[i];
    COLUMN("evidence_day", STORE_I64, "evidence", count, findings, day, ((const int64_t *)room)[i]);
    COLUMN("evidence_window_days", STORE_I32, "evidence", count, findings, window_days,
           ((const int32_t *)room)[i]);
    COLUMN("evidence_mechanism", STORE_I8, "evidence", count, findings, mechanism,
           ((const uint8_t *)room)[i]);
    COLUMN("evidence_bits", STORE_F64, "evidence", count, findings, bits, ((const double *)room)[i]);
    COLUMN("evidence_silenced", STORE_I8, "evidence", count, findings, is_silenced,
           ((const uint8_t *)room)[i]);
    for (size_t i = 0; i < count; i++)
        if (findings[i].mechanism < MECHANISMS && !findings[i].is_silenced)
            findings[kept++] = findings[i];
    *out = findings;
    *out_count = kept;
    findings = NULL;
done:
    free(room);
    free(findings);
    return status;
}

static enum status past_get(const struct evaluate_plan *plan, const struct host_days *days, int64_t day,
                            double (*past)[MECHANISMS], struct error *err)
{
    enum status status = STATUS_OK;
    char path[4300];
    int year, month, date;
    struct store_reader *reader = NULL;
    struct finding *findings = NULL;
    size_t count = 0;
    civil_from_day(day, &year, &month, &date);
    (void)snprintf(path, sizeof path, "%.4000s/%04d-%02d-%02d/scores.h5", plan->past, year, month, date);
    TRY(store_open_local(path, &reader, err));
    TRY(findings_get(reader, &findings, &count, err));
    for (size_t i = 0; i < count; i++)
        if (findings[i].day == day)
            finding_add_past(days, past, &findings[i]);
done:
    store_close(reader);
    free(findings);
    return status;
}

static enum status evidence_get(const struct evaluate_plan *plan, const struct store_reader *reader,
                                int64_t from_day, int64_t to_day, struct host_days *days, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    int64_t first_day = INT64_MAX, last_day = INT64_MIN;
    struct finding *findings = NULL;
    double(*past)[MECHANISMS] = calloc(days->count + 1, sizeof *past);
    if (!past)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for evidence");
    TRY(findings_get(reader, &findings, &count, err));
    for (size_t i = 0; i < count; i++) {
        finding_add(days, &findings[i]);
        if (!plan->past)
            finding_add_past(days, past, &findings[i]);
    }
    for (size_t at = 0; at < days->count; at++) {
        const int64_t day = days->items[at].day;
        if (day < from_day || day >= to_day)
            continue;
        first_day = day < first_day ? day : first_day;
        last_day = day > last_day ? day : last_day;
    }
    for (int64_t day = first_day; plan->past && day <= last_day; day++)
        TRY(past_get(plan, days, day, past, err));
    for (size_t at = 0; at < days->count; at++) {
        double *score = days->items[at].score;
        score[DETECTOR_EVIDENCE] = strength(score + DETECTOR_MECHANISM);
        score[DETECTOR_EVIDENCE_PAST] = strength(past[at]);
        score[DETECTOR_COMBINED] = combined(score[DETECTOR_MODELS], score[DETECTOR_EVIDENCE]);
        score[DETECTOR_COMBINED_PAST] = combined(score[DETECTOR_MODELS], score[DETECTOR_EVIDENCE_PAST]);
    }
done:
    free(findings);
    free(past);
    return status;
}

/* Incidents, and the host-days that lie in one which is a warning at least. */
static enum status incidents_get(const struct store_reader *reader, struct host_days *days, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    void *room = NULL;
    TRY(store_dimension_size(reader, "incident", &count, err));
    room = malloc((count + 1) * sizeof(struct ip));
    days->incidents = calloc(count + 1, sizeof *days->incidents);
    if (!room || !days->incidents) {
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for incidents");
        goto done;
    }
    days->incident_count = count;
    TRY(get(reader, "incident_ip", STORE_U8, "octet", "incident", count, room, err));
    for (size_t i = 0; i < count; i++)
        days->incidents[i].ip = ((const struct ip *)room)[i];
    COLUMN("incident_first_day", STORE_I64, "incident", count, days->incidents, first_day,
           ((const int64_t *)room)[i]);
    COLUMN("incident_last_day", STORE_I64, "incident", count, days->incidents, last_day,
           ((const int64_t *)room)[i]);
    COLUMN("incident_verdict", STORE_I8, "incident", count, days->incidents, verdict,
           ((const uint8_t *)room)[i]);
    COLUMN("incident_strength", STORE_F64, "incident", count, days->incidents, strength,
           ((const double *)room)[i]);
    for (size_t i = 0; i < count; i++) {
        const struct judged_incident *incident = &days->incidents[i];
        if (incident->verdict < VERDICT_WARNING)
            continue;
        for (size_t at = day_find(days, &incident->ip, incident->first_day);
             at < days->count && ip_compare(&days->items[at].ip, &incident->ip) == 0 &&
             days->items[at].day <= incident->last_day;
             at++)
            days->items[at].is_warned = true;
    }
done:
    free(room);
    return status;
}

enum status host_days_read(const struct evaluate_plan *plan, int64_t from_day, int64_t to_day,
                           struct host_days *days, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200], timezone[64];
    struct store_reader *reader = NULL;
    struct row *rows = NULL;
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%.4000s/scores.h5", plan->dir);
    TRY(store_open_local(path, &reader, err));
    TRY(store_get_attribute_text(reader, NULL, "timezone", timezone, sizeof timezone, err));
    TRY(zone_load(timezone, &days->zone, err));
    TRY(rows_get(reader, days->zone, &rows, &count, err));
    TRY(days_make(rows, count, days, err));
    TRY(evidence_get(plan, reader, from_day, to_day, days, err));
    TRY(incidents_get(reader, days, err));
    TRY(machines_get(reader, &days->machines, err));
done:
    store_close(reader);
    free(rows);
    return status;
}

void host_days_clear(struct host_days *days)
{
    free(days->items);
    free(days->incidents);
    score_machines_clear(&days->machines);
    zone_free(days->zone);
    *days = (struct host_days){0};
}
