#include "kmeans_pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RUN_ROWS ((size_t)1 << 18)  // 2^18 rows of ±4095 stay below 2^31

int32_t kmeans_distance(const int16_t *row, const int16_t *centre)
{
    int32_t distance = 0;
    for (size_t i = 0; i < GRID_COLUMNS; i++) {
        int32_t apart = row[i] - centre[i];
        distance += apart * apart;
    }
    return distance;
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

int64_t pass_moved(const struct pass *pass)
{
    return pass->totals[pass_total_count(pass->k) - 2];
}

int64_t pass_signals(const struct pass *pass)
{
    return pass->totals[pass_total_count(pass->k) - 1];
}

static enum status pass_make_local(const struct grid_rows *rows, int k, struct pass *pass, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t whole = (rows->count / BLOCK_ROWS + 1) * BLOCK_ROWS, totals = pass_total_count(k);
    TRY(blocks_make(rows, &pass->blocks, err));
    TRY(block_centres_make(k, &pass->centres, err));
    pass->labels = malloc(whole * sizeof *pass->labels);
    pass->distances = malloc(whole * sizeof *pass->distances);
    pass->delta = malloc((size_t)k * (DELTA_STRIDE + 1) * sizeof *pass->delta);
    pass->mine = malloc(totals * sizeof *pass->mine);
    pass->totals = calloc(totals, sizeof *pass->totals);
    pass->repaired = calloc(totals, sizeof *pass->repaired);
    if (!pass->labels || !pass->distances || !pass->delta || !pass->mine || !pass->totals || !pass->repaired)
        TRY(model_no_memory("k-means", rows->count, err));
    pass_forget(pass);
done:
    return status;
}

enum status pass_make(const struct team *team, const struct grid_rows *rows, int k, struct pass *pass,
                      struct error *err)
{
    enum status status = STATUS_OK;
    *pass = (struct pass){.k = k, .rows = rows, .kernel = kmeans_kernel_choose()};
    TRY(team_agree(team, pass_make_local(rows, k, pass, err), err));
    for (size_t row = 0; row < rows->count; row++)
        pass->norm_total += pass->blocks.norms[row];
    team_sum_i64(team, &pass->norm_total, 1);
done:
    return status;
}

void pass_clear(struct pass *pass)
{
    blocks_clear(&pass->blocks);
    block_centres_clear(&pass->centres);
    free(pass->labels);
    free(pass->distances);
    free(pass->delta);
    free(pass->mine);
    free(pass->totals);
    free(pass->repaired);
    *pass = (struct pass){0};
}

void pass_forget(struct pass *pass)
{
    const size_t whole = (pass->rows->count / BLOCK_ROWS + 1) * BLOCK_ROWS;
    for (size_t row = 0; row < whole; row++)
        pass->labels[row] = LABEL_NONE;
    memset(pass->mine, 0, pass_total_count(pass->k) * sizeof *pass->mine);
}

/* Adds a run's changes to this rank's sums and counts. */
static void delta_take(struct pass *pass)
{
    const int32_t *counts = pass->delta + (size_t)pass->k * DELTA_STRIDE;
    for (size_t c = 0; c < (size_t)pass->k; c++) {
        const int32_t *delta = pass->delta + c * DELTA_STRIDE;
        int64_t *sums = pass_sums(pass->mine) + c * GRID_COLUMNS;
        for (size_t j = 0; j < GRID_COLUMNS / 2; j++) {
            sums[2 * j] += delta[j];
            sums[2 * j + 1] += delta[DELTA_STRIDE / 2 + j];
        }
        pass_counts(pass->mine, pass->k)[c] += counts[c];
    }
}

static int64_t pass_local(struct pass *pass, const struct kernel_centres *centres)
{
    int64_t moved = 0;
    for (size_t from = 0; from < pass->rows->count; from += RUN_ROWS) {
        const size_t left = pass->rows->count - from;
        const struct kernel_rows run =
            blocks_run(&pass->blocks, from, from + (left < RUN_ROWS ? left : RUN_ROWS));
        const struct kernel_changes changes = {.labels = pass->labels + from,
                                               .sums = pass->delta,
                                               .counts = pass->delta + (size_t)pass->k * DELTA_STRIDE};
        memset(pass->delta, 0, (size_t)pass->k * (DELTA_STRIDE + 1) * sizeof *pass->delta);
        moved += (int64_t)pass->kernel->pass(&run, centres, &changes);
        delta_take(pass);
    }
    return moved;
}

static int64_t inertia_of(const struct pass *pass, const int16_t *lattice)
{
    uint64_t inertia = (uint64_t)pass->norm_total;
    for (size_t c = 0; c < (size_t)pass->k; c++) {
        const int64_t *sums = pass_sums(pass->totals) + c * GRID_COLUMNS;
        const int64_t count = pass_counts(pass->totals, pass->k)[c];
        for (size_t i = 0; i < GRID_COLUMNS; i++) {
            const int64_t centre = lattice[c * GRID_COLUMNS + i];
            inertia -= (uint64_t)(2 * centre) * (uint64_t)sums[i];
            inertia += (uint64_t)(centre * centre) * (uint64_t)count;
        }
    }
    return (int64_t)inertia;
}

void pass_go(const struct team *team, struct pass *pass, const int16_t *lattice)
{
    const size_t total_count = pass_total_count(pass->k);
    const struct kernel_centres centres =
        block_centres_set(&pass->centres, lattice, pass->k, pass->blocks.pairs);
    const int64_t moved = pass_local(pass, &centres);
    memcpy(pass->totals, pass->mine, total_count * sizeof *pass->totals);
    pass->totals[total_count - 2] = moved;
    pass->totals[total_count - 1] = pass->signal;
    team_sum_i64(team, pass->totals, total_count);
    pass->inertia = inertia_of(pass, lattice);
}

void pass_distances(struct pass *pass, const int16_t *lattice)
{
    const struct kernel_centres centres =
        block_centres_set(&pass->centres, lattice, pass->k, pass->blocks.pairs);
    blocks_nearest(pass->kernel, &pass->blocks, &centres, false, NULL, pass->distances);
}

void pass_put(struct pass *pass, size_t row, int64_t cluster)
{
    const int16_t *values = pass->rows->values + row * GRID_COLUMNS;
    const size_t from = pass->labels[row], to = (size_t)cluster;
    assert(from < (size_t)pass->k);  // a pass has been
    for (size_t i = 0; i < GRID_COLUMNS; i++) {
        pass_sums(pass->mine)[from * GRID_COLUMNS + i] -= values[i];
        pass_sums(pass->mine)[to * GRID_COLUMNS + i] += values[i];
    }
    pass_counts(pass->mine, pass->k)[from]--;
    pass_counts(pass->mine, pass->k)[to]++;
    pass->labels[row] = (uint16_t)cluster;
}
