#include "kmeans2.h"

#include "draw.h"
#include "kmeans.h"

#include "base/random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS MODEL_TALK_COLUMNS
#define SEED_ROUND 0x100u  // the draws of kmeans2 begin at this round, behind those of kmeans

/* What the ranks add up after a pass. */
struct wide_totals {
    int128 sum[2][COLUMNS];
    int128 count[2];
    int128 inertia;
    int128 moved;
};

#define TOTAL_COUNT (sizeof(struct wide_totals) / sizeof(int128))

struct wide_pass {
    const struct wide_rows *rows;
    int8_t *labels;  // [rows->count]; −1 before the first pass
    struct wide_totals totals;
};

uint128 kmeans2_distance(const int64_t *left, const int64_t *right)
{
    uint128 distance = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        int64_t apart = left[i] - right[i];
        distance += (uint128)((int128)apart * apart);
    }
    return distance;
}

int kmeans2_nearest(const int64_t *lattice, const int64_t *row, uint128 *distance)
{
    uint128 first = kmeans2_distance(row, lattice);
    uint128 second = kmeans2_distance(row, lattice + COLUMNS);
    *distance = second < first ? second : first;
    return second < first;
}

static const int64_t *row_at(const struct wide_rows *rows, size_t row)
{
    return rows->values + row * COLUMNS;
}

static enum status wide_pass_go(const struct team *team, struct wide_pass *pass, int64_t lattice[2][COLUMNS],
                                struct error *err)
{
    struct wide_totals *totals = &pass->totals;
    memset(totals, 0, sizeof *totals);
    for (size_t row = 0; row < pass->rows->count; row++) {
        const int64_t *values = row_at(pass->rows, row);
        uint128 distance;
        int label = kmeans2_nearest(&lattice[0][0], values, &distance);
        for (size_t i = 0; i < COLUMNS; i++)
            totals->sum[label][i] += values[i];
        totals->count[label]++;
        totals->inertia += (int128)distance;
        totals->moved += label != pass->labels[row];
        pass->labels[row] = (int8_t)label;
    }
    return wide_sum(team, &totals->sum[0][0], TOTAL_COUNT, err);
}

/* Gives every rank the row that a single rank names. */
static void wide_row_share(const struct team *team, const struct wide_rows *rows, size_t row, int64_t *values)
{
    for (size_t i = 0; i < COLUMNS; i++)
        values[i] = row == DRAW_NONE ? 0 : row_at(rows, row)[i];
    team_sum_i64(team, values, COLUMNS);
}

/* The lowest row with the largest D² to the centre: D² has up to 90 bits, so three maxima, one inside the
 * other. */
static size_t wide_farthest(const struct team *team, const struct wide_rows *rows, const int64_t *centre)
{
    uint128 best = 0;
    size_t row_best = DRAW_NONE;
    for (size_t row = 0; row < rows->count; row++) {
        uint128 distance = kmeans2_distance(row_at(rows, row), centre);
        if (row_best == DRAW_NONE || distance > best) {
            best = distance;
            row_best = row;
        }
    }
    // −1 stands for a rank that is out of the race. 45 bits each, then the lowest number.
    const bool any = row_best != DRAW_NONE;
    const uint64_t half = ((uint64_t)1 << 45) - 1;
    const int64_t mine[3] = {any ? (int64_t)(best >> 45) : -1, (int64_t)((uint64_t)best & half),
                             any ? (int64_t)(UINT32_MAX - (rows->first + row_best)) : 0};
    bool ahead = any;
    for (size_t part = 0; part < 3; part++) {
        int64_t most = ahead ? mine[part] : -1;
        team_max_i64(team, &most, 1);
        ahead = ahead && most == mine[part];
    }
    return ahead ? row_best : DRAW_NONE;
}

/* Moves the centres to the means; an empty cluster takes the row farthest from the other centre. */
static bool wide_move(const struct team *team, struct wide_pass *pass, int64_t lattice[2][COLUMNS])
{
    struct wide_totals *totals = &pass->totals;
    bool changed = false;
    for (int c = 0; c < 2; c++) {
        if (totals->count[c] != 0 || totals->count[1 - c] < 2)
            continue;
        int64_t values[COLUMNS];
        size_t row = wide_farthest(team, pass->rows, lattice[1 - c]);
        wide_row_share(team, pass->rows, row, values);
        for (size_t i = 0; i < COLUMNS; i++) {
            totals->sum[c][i] = values[i];
            totals->sum[1 - c][i] -= values[i];
        }
        totals->count[c] = 1;
        totals->count[1 - c]--;
        if (row != DRAW_NONE)
            pass->labels[row] = (int8_t)c;
    }
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < COLUMNS && totals->count[c] > 0; i++) {
            int64_t centre = wide_round_mean(totals->sum[c][i], (int64_t)totals->count[c]);
            changed = changed || centre != lattice[c][i];
            lattice[c][i] = centre;
        }
    return changed;
}

static enum status wide_lloyd(const struct team *team, struct wide_pass *pass, int64_t lattice[2][COLUMNS],
                              struct error *err)
{
    enum status status = STATUS_OK;
    memset(pass->labels, -1, pass->rows->count);
    for (int passes = 1;; passes++) {
        TRY(wide_pass_go(team, pass, lattice, err));
        // wide_move changes the totals: it comes last, so that the inertia left behind is this lattice's.
        if (passes == KMEANS_PASSES_MOST || pass->totals.moved <= pass->rows->total >> 17 ||
            !wide_move(team, pass, lattice))
            break;
    }
done:
    return status;
}

/* Whether the second cluster should be the first: larger, or as large and before it by coordinates. */
static bool wide_swapped(const struct wide_pass *pass, int64_t lattice[2][COLUMNS])
{
    if (pass->totals.count[0] != pass->totals.count[1])
        return pass->totals.count[1] > pass->totals.count[0];
    for (size_t i = 0; i < COLUMNS; i++)
        if (lattice[0][i] != lattice[1][i])
            return lattice[1][i] < lattice[0][i];
    return false;
}

/* Orders the clusters and takes the totals of the rows as the stored lattice assigns them; see
 * clusters_order. */
static enum status wide_finish(const struct team *team, struct wide_pass *pass, int64_t lattice[2][COLUMNS],
                               struct kmeans2 *out, struct error *err)
{
    enum status status = STATUS_OK;
    for (;;) {
        TRY(wide_pass_go(team, pass, lattice, err));
        if (!wide_swapped(pass, lattice))
            break;
        int64_t first[COLUMNS];
        memcpy(first, lattice[0], sizeof first);
        memcpy(lattice[0], lattice[1], sizeof first);
        memcpy(lattice[1], first, sizeof first);
    }
    memcpy(out->sum, pass->totals.sum, sizeof out->sum);
    memcpy(out->lattice, lattice, sizeof out->lattice);
    for (int c = 0; c < 2; c++)
        out->count[c] = (int64_t)pass->totals.count[c];
    out->group[0] = 0;
    out->group[1] =
        (int8_t)(out->count[1] > 0 && 20 * out->count[1] < pass->rows->total);  // a share below 5 %
done:
    return status;
}

static enum status wide_labels_make_local(const struct wide_rows *rows, struct wide_pass *pass,
                                          struct error *err)
{
    *pass = (struct wide_pass){.rows = rows, .labels = malloc(rows->count + 1)};
    return pass->labels ? STATUS_OK : model_no_memory("k-means", rows->count, err);
}

enum status kmeans2_run(const struct team *team, const struct wide_rows *rows, int64_t start[2][COLUMNS],
                        struct kmeans2 *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct wide_pass pass = {0};
    int64_t lattice[2][COLUMNS];
    memcpy(lattice, start, sizeof lattice);
    TRY(team_agree(team, wide_labels_make_local(rows, &pass, err), err));
    assert(pass.labels);
    TRY(wide_lloyd(team, &pass, lattice, err));
    TRY(wide_finish(team, &pass, lattice, out, err));
done:
    free(pass.labels);
    return status;
}

/* D² to the first centre as weights of less than 2^63 together. */
static enum status wide_weigh(const struct team *team, const struct wide_rows *rows, const int64_t *centre,
                              uint64_t *weights, struct error *err)
{
    int128 total = 0;
    for (size_t row = 0; row < rows->count; row++)
        total += (int128)kmeans2_distance(row_at(rows, row), centre);
    enum status status = wide_sum(team, &total, 1, err);
    unsigned shift = 0;
    while (total >> shift >= (int128)1 << 63)
        shift++;
    for (size_t row = 0; row < rows->count; row++)
        weights[row] = (uint64_t)(kmeans2_distance(row_at(rows, row), centre) >> shift);
    return status;
}

static enum status wide_seed(const struct team *team, const struct wide_rows *rows, uint64_t seed,
                             uint32_t seeding, uint64_t *weights, int64_t lattice[2][COLUMNS],
                             struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t row = 0; row < rows->count; row++)
        weights[row] = 1;
    for (uint64_t c = 0; c < 2; c++) {
        uint64_t random = random_u64(seed, RANDOM_KMEANS_SEED, SEED_ROUND + seeding, c);
        struct draw draw = draw_row(team, weights, rows->count, random);
        if (draw.total == 0)
            memcpy(lattice[c], lattice[0], sizeof lattice[c]);  // all rows are alike
        else
            wide_row_share(team, rows, draw.row, lattice[c]);
        TRY(wide_weigh(team, rows, lattice[c], weights, err));
    }
done:
    return status;
}

enum status kmeans2_fit(const struct team *team, const struct wide_rows *rows, uint64_t seed,
                        struct kmeans2 *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct wide_pass pass = {0};
    int64_t lattice[2][COLUMNS], best[2][COLUMNS];
    int128 inertia_least = -1;
    uint64_t *weights = malloc((rows->count + 1) * sizeof *weights);
    enum status made = wide_labels_make_local(rows, &pass, err);
    if (made == STATUS_OK && !weights)
        made = model_no_memory("k-means", rows->count, err);
    TRY(team_agree(team, made, err));
    assert(weights && pass.labels);
    for (uint32_t seeding = 0; seeding < KMEANS_SEEDINGS; seeding++) {
        TRY(wide_seed(team, rows, seed, seeding, weights, lattice, err));
        TRY(wide_lloyd(team, &pass, lattice, err));
        if (inertia_least < 0 || pass.totals.inertia < inertia_least) {
            inertia_least = pass.totals.inertia;
            memcpy(best, lattice, sizeof best);
        }
    }
    TRY(wide_finish(team, &pass, best, out, err));
done:
    free(weights);
    free(pass.labels);
    return status;
}
