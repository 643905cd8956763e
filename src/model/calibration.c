#include "calibration.h"

#include "base/exact.h"

#include <math.h>
#include <stdlib.h>

#define TAIL_PART 0.05
#define TAIL_ROWS_LEAST 10
#define LOG2_E 1.4426950408889634

static int score_compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* log2 of a score in 2^-32; a score of 0 counts as 1, the least step above it. */
static int64_t score_log2(int64_t score)
{
    return fixed_log2(score > 1 ? (uint64_t)score : 1);
}

void calibration_fit_tail(struct calibration *calibration)
{
    const size_t n = calibration->count;
    // ⌈0.95·n⌉ is the rank of the 95 % point, an element of the data.
    const int64_t knee = calibration->scores[(n * 95 + 99) / 100 - 1];
    int128 excess = 0;
    int64_t beyond = 0;
    calibration->knee = knee;
    calibration->knee_log2 = score_log2(knee);
    for (size_t i = n; i > 0 && calibration->scores[i - 1] > knee; i--) {
        excess += score_log2(calibration->scores[i - 1]) - calibration->knee_log2;
        beyond++;
    }
    calibration->mean_excess_log2 = beyond >= TAIL_ROWS_LEAST ? (int64_t)(excess / beyond) : 0;
}

enum status calibration_fit(const struct team *team, const int64_t *mine, size_t count,
                            struct calibration *out, struct error *err)
{
    void *all = NULL;
    size_t bytes = 0;
    enum status status = team_gather(team, mine, count * sizeof *mine, &all, &bytes, err);
    if (status != STATUS_OK)
        return status;
    *out = (struct calibration){.count = bytes / sizeof(int64_t), .scores = all};
    qsort(out->scores, out->count, sizeof *out->scores, score_compare);
    calibration_fit_tail(out);
    return STATUS_OK;
}

void calibration_clear(struct calibration *calibration)
{
    free(calibration->scores);
    *calibration = (struct calibration){0};
}

/* How many calibration scores are at least this one. */
static size_t count_from(const struct calibration *calibration, int64_t score)
{
    size_t low = 0, high = calibration->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (calibration->scores[middle] < score)
            low = middle + 1;
        else
            high = middle;
    }
    return calibration->count - low;
}

struct p_value calibration_p(const struct calibration *calibration, int64_t score)
{
    const double rows = (double)calibration->count + 1.0;
    struct p_value value = {.p = (1.0 + (double)count_from(calibration, score)) / rows};
    if (score <= calibration->knee || calibration->mean_excess_log2 == 0)
        return value;
    double steps =
        (double)(score_log2(score) - calibration->knee_log2) * LOG2_E / (double)calibration->mean_excess_log2;
    double tail = TAIL_PART * exact_exp2(steps < 1000.0 ? -steps : -1000.0);
    if (tail < 1.0 / rows) {
        value.p = tail;
        value.extrapolated = true;
    }
    return value;
}
