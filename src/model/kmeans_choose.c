#include "kmeans_choose.h"

#include "base/exact.h"
#include "base/random.h"

#include <assert.h>
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

static double log2_inertia(const struct kmeans *kmeans)
{
    return exact_log2((double)kmeans->inertia + 1.0);
}

/* The mean of (b − a)/max(a, b) over the rows, summed in 2^-30. */
static double silhouette(const struct grid_rows *rows, const struct kmeans *kmeans)
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
    return (double)sum * 0x1p-30 / (double)rows->count;
}

/* One point of the curve. Everything is at hand on every rank, so each does all of it. */
static enum status point_find_local(const struct team *alone, const struct grid_rows *landmarks,
                                    const int16_t *references, uint64_t seed, size_t at,
                                    struct kmeans_choice *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct kmeans kmeans = {0};
    double logs[REFERENCES], mean = 0.0, variance = 0.0;
    TRY(kmeans_fit(alone, landmarks, CANDIDATES[at], seed, &kmeans, err));
    out->k[at] = CANDIDATES[at];
    out->inertia[at] = kmeans.inertia;
    out->silhouette[at] = silhouette(landmarks, &kmeans);
    const double found = log2_inertia(&kmeans);
    for (size_t i = 0; i < REFERENCES; i++) {
        struct grid_rows reference = *landmarks;
        reference.values = references + i * landmarks->count * GRID_COLUMNS;
        kmeans_clear(&kmeans);
        TRY(kmeans_fit(alone, &reference, CANDIDATES[at], seed, &kmeans, err));
        logs[i] = log2_inertia(&kmeans);
        mean += logs[i];
    }
    mean /= REFERENCES;
    for (size_t i = 0; i < REFERENCES; i++)
        variance += (logs[i] - mean) * (logs[i] - mean);
    out->gap[at] = mean - found;
    out->gap_error[at] = sqrt(variance / REFERENCES * (1.0 + 1.0 / REFERENCES));
done:
    kmeans_clear(&kmeans);
    return status;
}

size_t kmeans_choice_index(const double *gap, const double *gap_error, size_t count)
{
    size_t at = 0;
    while (at + 1 < count && gap[at] < gap[at + 1] - gap_error[at + 1])
        at++;
    return at;
}

static enum status curve_find_local(const struct grid_rows *landmarks, uint64_t seed,
                                    struct kmeans_choice *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct team *alone = team_alone();
    int16_t *references = malloc((REFERENCES * landmarks->count + 1) * ROW_BYTES);
    if (!alone || !references)
        TRY(model_no_memory("k-means", landmarks->count, err));
    for (uint32_t i = 0; i < REFERENCES; i++)
        reference_draw(landmarks, seed, i, references + i * landmarks->count * GRID_COLUMNS);
    for (size_t at = 0; at < KMEANS_CHOICES_MOST; at++) {
        status = point_find_local(alone, landmarks, references, seed, at, out, err);
        if (status == STATUS_USAGE && at > 0) {  // fewer distinct rows than that
            status = STATUS_OK;
            break;
        }
        TRY(status);
        out->count = at + 1;
    }
    out->chosen = kmeans_choice_index(out->gap, out->gap_error, out->count);
done:
    free(references);
    team_free(alone);
    return status;
}

enum status kmeans_choose(const struct team *team, const struct grid_rows *rows, uint64_t seed,
                          struct kmeans_choice *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct grid_rows landmarks = {0};
    int16_t *values = NULL;
    *out = (struct kmeans_choice){0};
    TRY(landmarks_gather(team, rows, seed, &landmarks, &values, err));
    TRY(team_agree(team, curve_find_local(&landmarks, seed, out, err), err));
done:
    free(values);
    return status;
}
