/* Host-days with a score of each detector, from scores.h5. */
#include "internal.h"

#include "base/exact.h"
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
    int64_t day, window_days, mechanism;
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
        day->bits = -1;
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

/* Bits of each mechanism, from 1 on for what just reaches its threshold, for the days of its window; past:
 * for its last day only. */
static void finding_add(struct host_days *days, double (*past)[MECHANISMS], const struct finding *finding)
{
    for (size_t at = day_find(days, &finding->ip, finding->day - finding->window_days + 1);
         at < days->count && ip_compare(&days->items[at].ip, &finding->ip) == 0 &&
         days->items[at].day <= finding->day;
         at++) {
        struct judged_day *day = &days->items[at];
        double *best = &day->score[DETECTOR_MECHANISM + (int)finding->mechanism];
        if (finding->bits + 1 > *best)
            *best = finding->bits + 1;
        if (finding->bits > day->bits)
            day->bits = finding->bits;
        if (day->day == finding->day && finding->bits + 1 > past[at][finding->mechanism])
            past[at][finding->mechanism] = finding->bits + 1;
    }
}

static double strength(const double *bits)
{
    double best = 0, sum = 0;
    for (int m = 0; m < MECHANISMS; m++) {
        best = bits[m] > best ? bits[m] : best;
        sum += bits[m] > 1 ? bits[m] - 1 : 0;
    }
    return best > 0 ? best + OTHERS_WEIGHT * (sum - (best - 1)) : 0;
}

static enum status evidence_get(const struct store_reader *reader, struct host_days *days, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    void *room = NULL;
    struct finding *findings = NULL;
    double(*past)[MECHANISMS] = calloc(days->count + 1, sizeof *past);
    TRY(store_dimension_size(reader, "evidence", &count, err));
    room = malloc((count + 1) * sizeof(struct ip));
    findings = calloc(count + 1, sizeof *findings);
    if (!room || !findings || !past) {
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
    for (size_t i = 0; i < count; i++)
        if (findings[i].mechanism < MECHANISMS)
            finding_add(days, past, &findings[i]);
    for (size_t at = 0; at < days->count; at++) {
        double *score = days->items[at].score;
        score[DETECTOR_EVIDENCE] = strength(score + DETECTOR_MECHANISM);
        score[DETECTOR_EVIDENCE_PAST] = strength(past[at]);
        score[DETECTOR_COMBINED] = score[DETECTOR_EVIDENCE] + score[DETECTOR_MODELS];
    }
done:
    free(room);
    free(findings);
    free(past);
    return status;
}

enum status host_days_read(const char *dir, struct host_days *days, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200], timezone[64];
    struct store_reader *reader = NULL;
    struct row *rows = NULL;
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    TRY(store_open_local(path, &reader, err));
    TRY(store_get_attribute_text(reader, NULL, "timezone", timezone, sizeof timezone, err));
    TRY(zone_load(timezone, &days->zone, err));
    TRY(rows_get(reader, days->zone, &rows, &count, err));
    TRY(days_make(rows, count, days, err));
    TRY(evidence_get(reader, days, err));
done:
    store_close(reader);
    free(rows);
    return status;
}

void host_days_clear(struct host_days *days)
{
    free(days->items);
    zone_free(days->zone);
    *days = (struct host_days){0};
}
