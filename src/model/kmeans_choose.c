#include "kmeans_choose.h"

#include "base/exact.h"
#include "base/random.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANDMARKS 4096
#define REFERENCES 8
#define ROW_BYTES (GRID_COLUMNS * sizeof(int16_t))

static const int CANDIDATES[KMEANS_CHOICES_MOST] = {2, 4, 8, 16, 32, 64};

/* The landmarks of all ranks, in the order of rows. Free them. */
static enum status landmarks_gather(const struct team *team, const struct grid_rows *rows, uint64_t seed,
                                    struct grid_rows *landmarks, int16_t **out, struct error *err)
{
    enum status status = STATUS_OK;
    const uint64_t key = random_u64(seed, RANDOM_LANDMARK, 0, 0);
    int16_t *mine = malloc((LANDMARKS + 1) * ROW_BYTES);
    void *all = NULL;
    size_t count = 0, bytes = 0;
    TRY(team_agree(team, mine ? STATUS_OK : model_no_memory("k-means", LANDMARKS, err), err));
    assert(mine);
    for (size_t row = 0; row < rows->count; row++)
        if (random_place(key, rows->first + row, (uint64_t)rows->total) < LANDMARKS)
            memcpy(mine + count++ * GRID_COLUMNS, rows->values + row * GRID_COLUMNS, ROW_BYTES);
    TRY(team_gather(team, mine, count * ROW_BYTES, &all, &bytes, err));
    *out = all;
    *landmarks = (struct grid_rows){.values = all,
                                    .count = bytes / ROW_BYTES,
                                    .columns = rows->columns,
                                    .total = (int64_t)(bytes / ROW_BYTES)};
done:
    free(mine);
    return status;
}

/* Rows drawn evenly from the box of the landmarks. */
static void reference_draw(const struct grid_rows *landmarks, uint64_t seed, uint32_t reference, int16_t *out)
{
    for (size_t c = 0; c < GRID_COLUMNS; c++) {
        int least = GRID_MOST, most = -GRID_MOST;
        for (size_t row = 0; row < landmarks->count; row++) {
            const int value = landmarks->values[row * GRID_COLUMNS + c];
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
        const uint64_t width = (uint64_t)most - (uint64_t)least + 1;  // modulo 2^64
        for (size_t row = 0; row < landmarks->count; row++) {
            const uint64_t random =
                random_u64(seed, RANDOM_REFERENCE, reference, (uint64_t)row * GRID_COLUMNS + c);
            out[row * GRID_COLUMNS + c] = (int16_t)(least + (int)(random % width));
        }
    }
}

/* Σ (b − a)/max(a, b) over the rows, in 2^-30. */
static int64_t silhouette_sum(const struct grid_rows *rows, const struct kmeans *kmeans)
{
    int64_t sum = 0;
    for (size_t row = 0; row < rows->count; row++) {
        int32_t first = INT32_MAX, second = INT32_MAX;
        for (size_t c = 0; c < (size_t)kmeans->k; c++) {
            const int32_t distance =
                kmeans_distance(rows->values + row * GRID_COLUMNS, kmeans->lattice + c * GRID_COLUMNS);
            second = distance < first ? first : distance < second ? distance : second;
            first = distance < first ? distance : first;
        }
        const double a = sqrt((double)first), b = sqrt((double)second);
        sum += b > 0.0 ? llrint((b - a) / b * 0x1p30) : 0;
    }
    return sum;
}

/* What fits with one k found; a rank fills what it did, the others leave 0. */
struct point {
    int64_t distinct;  // 1 where the landmarks have k distinct values
    int64_t inertia;
    int64_t silhouette;
    int64_t reference[REFERENCES];  // inertia; 0 as well where the reference has fewer than k distinct rows
};

#define POINT_NUMBERS (sizeof(struct point) / sizeof(int64_t))

/* One fit: of the landmarks, or of a reference where there is one. */
static enum status fit_local(const struct team *alone, const struct grid_rows *rows, int k, uint64_t seed,
                             int reference, struct point *point, struct error *err)
{
    struct kmeans kmeans = {0};
    enum status status = kmeans_fit(alone, rows, k, seed, NULL, &kmeans, err);
    if (status == STATUS_USAGE)  // fewer distinct rows than k
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (reference >= 0) {
        point->reference[reference] = kmeans.inertia;
    } else {
        point->distinct = 1;
        point->inertia = kmeans.inertia;
        point->silhouette = silhouette_sum(rows, &kmeans);
    }
    kmeans_clear(&kmeans);
    return STATUS_OK;
}

/* This rank's share of the fits. */
static enum status fits_go_local(const struct team *team, const struct grid_rows *landmarks, uint64_t seed,
                                 struct point points[KMEANS_CHOICES_MOST], struct error *err)
{
    enum status status = STATUS_OK;
    int number = 0;
    struct team *alone = team_alone();
    int16_t *values = malloc((landmarks->count + 1) * ROW_BYTES);
    if (!alone || !values)
        TRY(model_no_memory("k-means", landmarks->count, err));
    for (int reference = -1; status == STATUS_OK && reference < REFERENCES; reference++) {
        struct grid_rows rows = *landmarks;
        if (reference >= 0) {
            reference_draw(landmarks, seed, (uint32_t)reference, values);
            rows.values = values;
        }
        for (int at = KMEANS_CHOICES_MOST - 1; status == STATUS_OK && at >= 0; at--)  // the longest first
            if (number++ % team_size(team) == team_rank(team))
                status = fit_local(alone, &rows, CANDIDATES[at], seed, reference, &points[at], err);
    }
done:
    free(values);
    team_free(alone);
    return status;
}

size_t kmeans_choice_index(const double *gap, const double *gap_error, size_t count)
{
    size_t at = 0;
    while (at + 1 < count && gap[at] < gap[at + 1] - gap_error[at + 1])
        at++;
    return at;
}

static void curve_make(const struct point points[KMEANS_CHOICES_MOST], size_t landmark_count,
                       struct kmeans_choice *out)
{
    for (size_t at = 0; at < KMEANS_CHOICES_MOST && points[at].distinct; at++) {
        double logs[REFERENCES], mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < REFERENCES; i++) {
            logs[i] = exact_log2((double)points[at].reference[i] + 1.0);
            mean += logs[i];
        }
        mean /= REFERENCES;
        for (size_t i = 0; i < REFERENCES; i++)
            variance += (logs[i] - mean) * (logs[i] - mean);
        out->k[at] = CANDIDATES[at];
        out->inertia[at] = points[at].inertia;
        out->silhouette[at] = (double)points[at].silhouette * 0x1p-30 / (double)landmark_count;
        out->gap[at] = mean - exact_log2((double)points[at].inertia + 1.0);
        out->gap_error[at] = sqrt(variance / REFERENCES * (1.0 + 1.0 / REFERENCES));
        out->count = at + 1;
    }
    out->chosen = kmeans_choice_index(out->gap, out->gap_error, out->count);
}

enum status kmeans_choose(const struct team *team, const struct grid_rows *rows, uint64_t seed,
                          struct kmeans_choice *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct grid_rows landmarks = {0};
    struct point points[KMEANS_CHOICES_MOST] = {{0}};
    int16_t *values = NULL;
    *out = (struct kmeans_choice){0};
    TRY(landmarks_gather(team, rows, seed, &landmarks, &values, err));
    TRY(team_agree(team, fits_go_local(team, &landmarks, seed, points, err), err));
    team_sum_i64(team, &points[0].distinct, KMEANS_CHOICES_MOST * POINT_NUMBERS);
    curve_make(points, landmarks.count, out);
    if (out->count == 0)
        TRY(error_set(err, STATUS_USAGE, "model.kmeans.k", "train on more rows",
                      "all %" PRId64 " training rows are alike: there are no groups to choose", rows->total));
done:
    free(values);
    return status;
}
