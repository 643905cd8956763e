/* Curves and intervals: functions of scores and labels alone. */
#include "evaluate/evaluate.h"

#include <math.h>
#include <stdlib.h>

struct scored {
    double score;
    int64_t is_positive;
};

static int compare_scored(const void *a, const void *b)
{
    double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return (x < y) - (x > y);
}

struct interval interval_of(int64_t count, int64_t total)
{
    const double n = (double)total, z = 1.96;
    if (total <= 0)
        return (struct interval){0, 0, 1};
    const double p = (double)count / n, middle = p + z * z / (2 * n);
    const double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)), whole = 1 + z * z / n;
    struct interval interval = {p, (middle - half) / whole, (middle + half) / whole};
    if (count == 0 || interval.low < 0)
        interval.low = 0;
    if (count == total || interval.high > 1)
        interval.high = 1;
    return interval;
}

/* Precision among the `most` highest, of a group of ties by its share. */
static void precision_add(struct measure *measure, int64_t taken, int64_t positives, int64_t group)
{
    static const int64_t MOST[3] = {10, 50, 100};
    for (int i = 0; i < 3; i++) {
        int64_t left = MOST[i] - taken;
        if (left > 0)
            measure->precision[i] +=
                (double)positives * (double)(left < group ? left : group) / (double)group / (double)MOST[i];
    }
}

enum status measure_scores(const double *scores, const uint8_t *is_positive, size_t count,
                           struct measure *measure, struct error *err)
{
    struct scored *sorted = calloc(count + 1, sizeof *sorted);
    int64_t found = 0, false_found = 0;
    double ranks = 0;
    *measure = (struct measure){0};
    if (!sorted)
        return error_set(err, STATUS_NO_MEMORY, "evaluate", "", "no room for %zu host-days", count);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct scored){scores[i], is_positive[i] != 0};
        measure->positives += is_positive[i] != 0;
    }
    measure->negatives = (int64_t)count - measure->positives;
    qsort(sorted, count, sizeof *sorted, compare_scored);
    for (size_t from = 0, to = 0; from < count; from = to) {
        int64_t positives = 0;
        while (to < count && sorted[to].score == sorted[from].score)
            positives += sorted[to++].is_positive;
        const int64_t group = (int64_t)(to - from), negatives = group - positives;
        precision_add(measure, (int64_t)from, positives, group);
        ranks += (double)negatives * ((double)found + (double)positives / 2);
        found += positives;
        false_found += negatives;
        if (measure->positives > 0)
            measure->average_precision +=
                (double)positives / (double)measure->positives * (double)found / (double)to;
        if (false_found <= measure->negatives / 1000) {
            measure->threshold = sorted[from].score;
            measure->found = found;
            measure->false_found = false_found;
        } else if (from == 0) {
            // Even the highest score is too common: nothing is found.
            measure->threshold = INFINITY;
        }
    }
    if (measure->positives > 0 && measure->negatives > 0)
        measure->roc_auc = ranks / (double)measure->positives / (double)measure->negatives;
    free(sorted);
    return STATUS_OK;
}
