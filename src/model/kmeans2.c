#include "kmeans2.h"

#include "checkpoint.h"
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
    int128 signals;  // checkpoint.h
};

#define TOTAL_COUNT (sizeof(struct wide_totals) / sizeof(int128))

struct wide_pass {
    const struct wide_rows *rows;
    int8_t *labels;  // [rows->count]; −1 before the first pass
    int64_t signal;  // this rank's part of the signals
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
    totals->signals = pass->signal;
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

/* From pass `*number` on; checkpoints as in lloyd (kmeans.c). */
static enum status wide_lloyd(const struct team *team, struct wide_pass *pass, int64_t lattice[2][COLUMNS],
                              int64_t *number, struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    memset(pass->labels, -1, pass->rows->count);
    for (;; (*number)++) {
        pass->signal = checkpoint_signal(checkpoint);
        TRY(wide_pass_go(team, pass, lattice, err));
        if (*number == KMEANS_PASSES_MOST || pass->totals.moved <= pass->rows->total >> 17)
            break;
        TRY(checkpoint_look(team, checkpoint, (int64_t)pass->totals.signals, err));
        // wide_move changes the totals: it comes last, so that the inertia left behind is this lattice's.
        if (!wide_move(team, pass, lattice))
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
    int64_t number = 1, lattice[2][COLUMNS];
    memcpy(lattice, start, sizeof lattice);
    TRY(team_agree(team, wide_labels_make_local(rows, &pass, err), err));
    assert(pass.labels);
    TRY(wide_lloyd(team, &pass, lattice, &number, NULL, err));
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

/* What the seedings leave behind from step to step. */
enum wide_number { WIDE_SEEDING, WIDE_PASS, WIDE_LEAST_HIGH, WIDE_LEAST_LOW, WIDE_NUMBERS };

struct wide_seedings {
    int64_t numbers[WIDE_NUMBERS];  // seeding; its pass, 0: not begun; the least inertia, −1 before the first
    int64_t lattice[2][COLUMNS];
    int64_t best[2][COLUMNS];
    struct checkpoint_part parts[3];
};

#define CELLS ((size_t)2 * COLUMNS)

static void wide_seedings_begin(struct wide_seedings *seedings)
{
    *seedings = (struct wide_seedings){.numbers = {[WIDE_LEAST_HIGH] = -1, [WIDE_LEAST_LOW] = -1}};
    seedings->parts[0] =
        (struct checkpoint_part){"kmeans2_number", STORE_I64, WIDE_NUMBERS, seedings->numbers};
    seedings->parts[1] =
        (struct checkpoint_part){"kmeans2_lattice_now", STORE_I64, CELLS, &seedings->lattice[0][0]};
    seedings->parts[2] =
        (struct checkpoint_part){"kmeans2_lattice_best", STORE_I64, CELLS, &seedings->best[0][0]};
}

static bool wide_is_bounded(const int64_t *lattice, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lattice[i] <= -RAW_END || lattice[i] >= RAW_END)
            return false;
    return true;
}

/* Takes over what an earlier fit left. */
static enum status wide_seedings_get(const struct team *team, const struct checkpoint *checkpoint,
                                     struct wide_seedings *seedings, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t *numbers = seedings->numbers;
    TRY(checkpoint_get(team, checkpoint, seedings->parts, 3, err));
    if (numbers[WIDE_SEEDING] < 0 || numbers[WIDE_SEEDING] >= KMEANS_SEEDINGS || numbers[WIDE_PASS] < 1 ||
        numbers[WIDE_PASS] >= KMEANS_PASSES_MOST)
        TRY(checkpoint_corrupt(checkpoint, "kmeans2_number", err));
    if (!wide_is_bounded(&seedings->lattice[0][0], CELLS) || !wide_is_bounded(&seedings->best[0][0], CELLS))
        TRY(checkpoint_corrupt(checkpoint, "kmeans2_lattice_now", err));
done:
    return status;
}

static enum status wide_seedings_try(const struct team *team, struct wide_pass *pass, uint64_t seed,
                                     uint64_t *weights, struct wide_seedings *seedings,
                                     struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *numbers = seedings->numbers;
    for (; numbers[WIDE_SEEDING] < KMEANS_SEEDINGS; numbers[WIDE_SEEDING]++) {
        if (numbers[WIDE_PASS] == 0) {
            TRY(wide_seed(team, pass->rows, seed, (uint32_t)numbers[WIDE_SEEDING], weights, seedings->lattice,
                          err));
            numbers[WIDE_PASS] = 1;
        }
        TRY(wide_lloyd(team, pass, seedings->lattice, &numbers[WIDE_PASS], checkpoint, err));
        const int128 inertia = pass->totals.inertia;
        const int128 least =
            (int128)((uint128)(uint64_t)numbers[WIDE_LEAST_HIGH] << 64 | (uint64_t)numbers[WIDE_LEAST_LOW]);
        if (least < 0 || inertia < least) {
            numbers[WIDE_LEAST_HIGH] = (int64_t)((uint128)inertia >> 64);
            numbers[WIDE_LEAST_LOW] = (int64_t)(uint64_t)inertia;
            memcpy(seedings->best, seedings->lattice, sizeof seedings->best);
        }
        numbers[WIDE_PASS] = 0;
    }
done:
    return status;
}

/* Leaves the end of the best seeding in seedings->best, from an earlier fit or from the rows. */
static enum status wide_best_find(const struct team *team, struct wide_pass *pass, uint64_t seed,
                                  uint64_t *weights, struct wide_seedings *seedings,
                                  struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    const struct checkpoint_part result = {"kmeans2_lattice", STORE_I64, CELLS, &seedings->best[0][0]};
    if (checkpoint_is_past(checkpoint, CHECKPOINT_KMEANS2)) {
        TRY(checkpoint_get(team, checkpoint, &result, 1, err));
        if (!wide_is_bounded(&seedings->best[0][0], CELLS))
            TRY(checkpoint_corrupt(checkpoint, result.name, err));
        return status;
    }
    if (checkpoint_is_in(checkpoint, CHECKPOINT_KMEANS2))
        TRY(wide_seedings_get(team, checkpoint, seedings, err));
    checkpoint_begin(checkpoint, CHECKPOINT_KMEANS2, seedings->parts, 3);
    TRY(wide_seedings_try(team, pass, seed, weights, seedings, checkpoint, err));
done:
    return status;
}

enum status kmeans2_fit(const struct team *team, const struct wide_rows *rows, uint64_t seed,
                        struct checkpoint *checkpoint, struct kmeans2 *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct wide_pass pass = {0};
    struct wide_seedings seedings;
    uint64_t *weights = malloc((rows->count + 1) * sizeof *weights);
    enum status made = wide_labels_make_local(rows, &pass, err);
    if (made == STATUS_OK && !weights)
        made = model_no_memory("k-means", rows->count, err);
    TRY(team_agree(team, made, err));
    assert(weights && pass.labels);
    wide_seedings_begin(&seedings);
    TRY(wide_best_find(team, &pass, seed, weights, &seedings, checkpoint, err));
    pass.signal = 0;
    TRY(wide_finish(team, &pass, seedings.best, out, err));
    const struct checkpoint_part result = {"kmeans2_lattice", STORE_I64, CELLS, &out->lattice[0][0]};
    checkpoint_keep(checkpoint, &result);
done:
    free(weights);
    free(pass.labels);
    return status;
}
