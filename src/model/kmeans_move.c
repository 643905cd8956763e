/* From a pass to the next centres. */
#include "draw.h"
#include "kmeans_pass.h"

#include <string.h>

void pass_row(const struct team *team, const struct grid_rows *rows, size_t row, int64_t *number,
              int16_t *values)
{
    int64_t shared[GRID_COLUMNS + 1] = {0};
    if (row != DRAW_NONE) {
        for (size_t i = 0; i < GRID_COLUMNS; i++)
            shared[i] = rows->values[row * GRID_COLUMNS + i];
        shared[GRID_COLUMNS] = *number;
    }
    team_sum_i64(team, shared, GRID_COLUMNS + 1);
    for (size_t i = 0; i < GRID_COLUMNS; i++)
        values[i] = (int16_t)shared[i];
    *number = shared[GRID_COLUMNS];
}

/* The row with the largest D², then the lowest number, out of clusters with more than one row. */
static size_t farthest_row(const struct team *team, const struct pass *pass, const int64_t *counts)
{
    int64_t best = 0, mine = 0;
    size_t row_best = DRAW_NONE;
    for (size_t row = 0; row < pass->rows->count; row++) {
        if (counts[pass->labels[row]] < 2)
            continue;
        uint64_t number = pass->rows->first + row;  // below 2^32 − 1, so a key is never 0
        int64_t key = (int64_t)pass->distances[row] << 32 | (int64_t)(UINT32_MAX - number);
        if (key > mine) {
            mine = key;
            row_best = row;
        }
    }
    best = mine;
    team_max_i64(team, &best, 1);
    return mine == best ? row_best : DRAW_NONE;
}

/* Some cluster has two rows while another is empty: there are at least k rows. Distances are those of the
 * pass, to the lattice that it had. */
static void empty_clusters_fill(const struct team *team, struct pass *pass, const int16_t *lattice)
{
    int64_t *counts = pass_counts(pass->repaired, pass->k);
    int64_t *sums = pass_sums(pass->repaired);
    bool measured = false;
    for (int c = 0; c < pass->k; c++) {
        if (counts[c] != 0)
            continue;
        if (!measured)
            pass_distances(pass, lattice);
        measured = true;
        int16_t values[GRID_COLUMNS] = {0};
        size_t row = farthest_row(team, pass, counts);
        int64_t from = row == DRAW_NONE ? 0 : pass->labels[row];
        pass_row(team, pass->rows, row, &from, values);
        for (size_t i = 0; i < GRID_COLUMNS; i++) {
            sums[(size_t)from * GRID_COLUMNS + i] -= values[i];
            sums[(size_t)c * GRID_COLUMNS + i] = values[i];
        }
        counts[from]--;
        counts[c] = 1;
        if (row != DRAW_NONE)
            pass_put(pass, row, c);
    }
}

bool pass_move(const struct team *team, struct pass *pass, int16_t *lattice)
{
    bool changed = false;
    memcpy(pass->repaired, pass->totals, pass_total_count(pass->k) * sizeof *pass->totals);
    empty_clusters_fill(team, pass, lattice);
    const int64_t *sums = pass_sums(pass->repaired);
    const int64_t *counts = pass_counts(pass->repaired, pass->k);
    for (size_t at = 0; at < (size_t)pass->k * GRID_COLUMNS; at++) {
        int16_t centre = (int16_t)wide_round_mean(sums[at], counts[at / GRID_COLUMNS]);
        changed = changed || centre != lattice[at];
        lattice[at] = centre;
    }
    return changed;
}
