#include "kmeans_pass.h"

#include <stdlib.h>
#include <string.h>

int32_t kmeans_distance(const int16_t *row, const int16_t *centre)
{
    int32_t distance = 0;
    for (size_t i = 0; i < GRID_COLUMNS; i++) {
        int32_t apart = row[i] - centre[i];
        distance += apart * apart;
    }
    return distance;
}

/* Σ x·2c is a sum of whole numbers of at most 32·4095·8190 < 2^31: the compiler may add in any order. */
static int32_t product(const int16_t *row, const int16_t *doubled)
{
    int32_t sum = 0;
    for (size_t i = 0; i < GRID_COLUMNS; i++)
        sum += row[i] * doubled[i];
    return sum;
}

static int32_t norm(const int16_t *row)
{
    int32_t sum = 0;
    for (size_t i = 0; i < GRID_COLUMNS; i++)
        sum += row[i] * row[i];
    return sum;
}

static void lattice_double(const int16_t *lattice, int k, int16_t *doubled, int32_t *minus_norm)
{
    for (int c = 0; c < k; c++) {
        const int16_t *centre = lattice + (size_t)c * GRID_COLUMNS;
        for (size_t i = 0; i < GRID_COLUMNS; i++)
            doubled[(size_t)c * GRID_COLUMNS + i] = (int16_t)(2 * centre[i]);
        minus_norm[c] = -norm(centre);
    }
}

static int32_t nearest(const int16_t *row, const int16_t *doubled, const int32_t *minus_norm, int k,
                       int32_t *distance)
{
    int32_t best = INT32_MIN, label = 0;
    for (int c = 0; c < k; c++) {
        // At least −3·32·4095² = −1,609,826,400 and at most 32·4095²: no overflow.
        int32_t score = minus_norm[c] + product(row, doubled + (size_t)c * GRID_COLUMNS);
        if (score > best) {
            best = score;
            label = c;
        }
    }
    *distance = norm(row) - best;
    return label;
}

enum status kmeans_assign(const struct grid_rows *rows, const int16_t *lattice, int k, int32_t *labels,
                          int32_t *distances, struct error *err)
{
    enum status status = STATUS_OK;
    int16_t *doubled = malloc((size_t)k * GRID_COLUMNS * sizeof *doubled);
    int32_t *minus_norm = malloc((size_t)k * sizeof *minus_norm);
    if (!doubled || !minus_norm)
        TRY(model_no_memory("k-means", (size_t)k, err));
    lattice_double(lattice, k, doubled, minus_norm);
    for (size_t row = 0; row < rows->count; row++)
        labels[row] = nearest(rows->values + row * GRID_COLUMNS, doubled, minus_norm, k, &distances[row]);
done:
    free(minus_norm);
    free(doubled);
    return status;
}

size_t pass_total_count(int k)
{
    return (size_t)k * (GRID_COLUMNS + 1) + 2;
}

int64_t *pass_sums(int64_t *totals)
{
    return totals;
}

int64_t *pass_counts(int64_t *totals, int k)
{
    return totals + (size_t)k * GRID_COLUMNS;
}

int64_t pass_inertia(const struct pass *pass)
{
    return pass->totals[pass_total_count(pass->k) - 2];
}

int64_t pass_moved(const struct pass *pass)
{
    return pass->totals[pass_total_count(pass->k) - 1];
}

enum status pass_make(const struct grid_rows *rows, int k, struct pass *pass, struct error *err)
{
    *pass = (struct pass){.k = k, .rows = rows};
    pass->labels = malloc((rows->count + 1) * sizeof *pass->labels);
    pass->distances = malloc((rows->count + 1) * sizeof *pass->distances);
    pass->doubled = malloc((size_t)k * GRID_COLUMNS * sizeof *pass->doubled);
    pass->minus_norm = malloc((size_t)k * sizeof *pass->minus_norm);
    pass->totals = calloc(pass_total_count(k), sizeof *pass->totals);
    pass->repaired = calloc(pass_total_count(k), sizeof *pass->repaired);
    if (!pass->labels || !pass->distances || !pass->doubled || !pass->minus_norm || !pass->totals ||
        !pass->repaired)
        return model_no_memory("k-means", rows->count, err);
    pass_forget(pass);
    return STATUS_OK;
}

void pass_clear(struct pass *pass)
{
    free(pass->labels);
    free(pass->distances);
    free(pass->doubled);
    free(pass->minus_norm);
    free(pass->totals);
    free(pass->repaired);
    *pass = (struct pass){0};
}

void pass_forget(struct pass *pass)
{
    for (size_t row = 0; row < pass->rows->count; row++)
        pass->labels[row] = -1;
}

void pass_go(const struct team *team, struct pass *pass, const int16_t *lattice)
{
    const size_t total_count = pass_total_count(pass->k);
    int64_t *counts = pass_counts(pass->totals, pass->k);
    int64_t inertia = 0, moved = 0;
    memset(pass->totals, 0, total_count * sizeof *pass->totals);
    lattice_double(lattice, pass->k, pass->doubled, pass->minus_norm);
    for (size_t row = 0; row < pass->rows->count; row++) {
        const int16_t *values = pass->rows->values + row * GRID_COLUMNS;
        int32_t label = nearest(values, pass->doubled, pass->minus_norm, pass->k, &pass->distances[row]);
        int64_t *sum = pass_sums(pass->totals) + (size_t)label * GRID_COLUMNS;
        for (size_t i = 0; i < GRID_COLUMNS; i++)
            sum[i] += values[i];
        counts[label]++;
        inertia += pass->distances[row];
        moved += label != pass->labels[row];
        pass->labels[row] = label;
    }
    pass->totals[total_count - 2] = inertia;
    pass->totals[total_count - 1] = moved;
    team_sum_i64(team, pass->totals, total_count);
}
