#include "kmeans.h"

#include "checkpoint.h"
#include "draw.h"
#include "kmeans_pass.h"
#include "kmeans_seed.h"
#include "order.h"

#include "base/random.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CENTRE_BYTES (GRID_COLUMNS * sizeof(int16_t))

void kmeans_clear(struct kmeans *kmeans)
{
    free(kmeans->sum);
    free(kmeans->count);
    free(kmeans->lattice);
    free(kmeans->median_distance);
    free(kmeans->group);
    *kmeans = (struct kmeans){0};
}

static enum status kmeans_make_local(int k, struct kmeans *kmeans, struct error *err)
{
    const size_t count = (size_t)k;
    *kmeans = (struct kmeans){.k = k};
    kmeans->sum = calloc(count * GRID_COLUMNS, sizeof *kmeans->sum);
    kmeans->count = calloc(count, sizeof *kmeans->count);
    kmeans->lattice = calloc(count * GRID_COLUMNS, sizeof *kmeans->lattice);
    kmeans->median_distance = calloc(count, sizeof *kmeans->median_distance);
    kmeans->group = calloc(count, sizeof *kmeans->group);
    if (kmeans->sum && kmeans->count && kmeans->lattice && kmeans->median_distance && kmeans->group)
        return STATUS_OK;
    return model_no_memory("k-means", count, err);
}

/* Where Lloyd's iterations stand. */
enum lloyd_number { LLOYD_SEEDING, LLOYD_PASS, LLOYD_LEAST, LLOYD_NUMBERS };

/* Lloyd's iterations, in place, from pass `*number` on. The last pass was by the lattice that is left.
 *
 * A checkpoint is taken between a pass that was not the last and the move of the centres. Who goes on from it
 * goes through that pass again: all rows count as moved then, so it is not the last one now either. */
static enum status lloyd(const struct team *team, struct pass *pass, int16_t *lattice, int64_t *number,
                         struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    pass_forget(pass);
    for (;; (*number)++) {
        pass->signal = checkpoint_signal(checkpoint);
        pass_go(team, pass, lattice);
        if (*number == KMEANS_PASSES_MOST || pass_moved(pass) <= pass->rows->total >> 17)
            break;
        TRY(checkpoint_look(team, checkpoint, pass_signals(pass), err));
        if (!pass_move(team, pass, lattice))
            break;
    }
done:
    return status;
}

struct ranked {
    int64_t count;
    const int16_t *centre;
};

/* Larger first, then by coordinates. */
static int ranked_compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    for (size_t i = 0; i < GRID_COLUMNS; i++)
        if (a->centre[i] != b->centre[i])
            return a->centre[i] < b->centre[i] ? -1 : 1;
    return 0;
}

static void lattice_sort(const int64_t *counts, int k, int16_t *lattice, int16_t *copy, struct ranked *ranked)
{
    memcpy(copy, lattice, (size_t)k * CENTRE_BYTES);
    for (int c = 0; c < k; c++)
        ranked[c] = (struct ranked){.count = counts[c], .centre = copy + (size_t)c * GRID_COLUMNS};
    qsort(ranked, (size_t)k, sizeof *ranked, ranked_compare);
    for (int c = 0; c < k; c++)
        memcpy(lattice + (size_t)c * GRID_COLUMNS, ranked[c].centre, CENTRE_BYTES);
}

/*
 * A new order of the clusters sends rows at equal distance elsewhere, since ties go to the lowest number: so
 * assign again, and order again until it holds. It ends: the sizes, read from the first cluster on, only
 * grow.
 */
static enum status clusters_order(const struct team *team, struct pass *pass, int16_t *lattice,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = (size_t)pass->k * CENTRE_BYTES;
    int16_t *copy = malloc(bytes);
    int16_t *before = malloc(bytes);
    struct ranked *ranked = malloc((size_t)pass->k * sizeof *ranked);
    TRY(team_agree(
        team, copy && before && ranked ? STATUS_OK : model_no_memory("k-means", (size_t)pass->k, err), err));
    assert(copy && before && ranked);
    do {
        memcpy(before, lattice, bytes);
        pass_go(team, pass, lattice);
        lattice_sort(pass_counts(pass->totals, pass->k), pass->k, lattice, copy, ranked);
    } while (memcmp(before, lattice, bytes) != 0);
done:
    free(ranked);
    free(before);
    free(copy);
    return status;
}

/* Copies what the last pass found, and finds the median D² of each cluster. */
static enum status kmeans_take(const struct team *team, struct pass *pass, const int16_t *lattice,
                               struct kmeans *out, struct error *err)
{
    enum status status = STATUS_OK;
    static const int half[] = {50};
    const size_t k = (size_t)pass->k;
    struct kmeans kmeans = {0};
    uint32_t *keys = malloc((pass->rows->count + 1) * sizeof *keys);
    uint32_t *medians = malloc(k * sizeof *medians);
    int32_t *labels = malloc((pass->rows->count + 1) * sizeof *labels);
    enum status made = kmeans_make_local(pass->k, &kmeans, err);
    if (made == STATUS_OK && (!keys || !medians || !labels))
        made = model_no_memory("k-means", pass->rows->count, err);
    TRY(team_agree(team, made, err));
    assert(keys && medians && labels);
    pass_distances(pass, lattice);
    for (size_t row = 0; row < pass->rows->count; row++) {
        keys[row] = (uint32_t)pass->distances[row];
        labels[row] = pass->labels[row];
    }
    const struct order_keys sorted = {
        .keys = keys, .groups = labels, .count = pass->rows->count, .group_count = k};
    TRY(order_find(team, &sorted, half, 1, medians, err));
    memcpy(kmeans.sum, pass_sums(pass->totals), k * GRID_COLUMNS * sizeof *kmeans.sum);
    memcpy(kmeans.count, pass_counts(pass->totals, pass->k), k * sizeof *kmeans.count);
    memcpy(kmeans.lattice, lattice, k * CENTRE_BYTES);
    for (size_t c = 0; c < k; c++) {
        kmeans.median_distance[c] = medians[c];
        kmeans.group[c] = (int8_t)(200 * kmeans.count[c] < pass->rows->total);  // a share below 0.5 %
    }
    kmeans.inertia = pass->inertia;
    *out = kmeans;
    kmeans = (struct kmeans){0};
done:
    kmeans_clear(&kmeans);
    free(labels);
    free(medians);
    free(keys);
    return status;
}

enum status kmeans_run(const struct team *team, const struct grid_rows *rows, const int16_t *start, int k,
                       struct kmeans *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct pass pass = {0};
    int64_t number = 1;
    int16_t *lattice = malloc((size_t)k * CENTRE_BYTES);
    TRY(team_agree(team, lattice ? STATUS_OK : model_no_memory("k-means", (size_t)k, err), err));
    assert(lattice);
    TRY(pass_make(team, rows, k, &pass, err));
    memcpy(lattice, start, (size_t)k * CENTRE_BYTES);
    TRY(lloyd(team, &pass, lattice, &number, NULL, err));
    TRY(clusters_order(team, &pass, lattice, err));
    TRY(kmeans_take(team, &pass, lattice, out, err));
    out->passes = number;
done:
    free(lattice);
    pass_clear(&pass);
    return status;
}

/* What the seedings leave behind from step to step. */
struct seedings {
    int64_t numbers[LLOYD_NUMBERS];  // seeding; its pass, 0: not begun; the least inertia so far
    int16_t *lattice;  // [k][GRID_COLUMNS] of this seeding
    int16_t *best;  // [k][GRID_COLUMNS] the end of the best seeding
    struct checkpoint_part parts[3];
};

static enum status seedings_make_local(int k, struct seedings *seedings, struct error *err)
{
    const size_t cells = (size_t)k * GRID_COLUMNS;
    int16_t *room = calloc(2 * cells, sizeof *room);
    if (!room)
        return model_no_memory("k-means", cells, err);
    *seedings =
        (struct seedings){.numbers = {[LLOYD_LEAST] = INT64_MAX}, .lattice = room, .best = room + cells};
    seedings->parts[0] =
        (struct checkpoint_part){"kmeans_number", STORE_I64, LLOYD_NUMBERS, seedings->numbers};
    seedings->parts[1] = (struct checkpoint_part){"kmeans_lattice_now", STORE_I16, cells, seedings->lattice};
    seedings->parts[2] = (struct checkpoint_part){"kmeans_lattice_best", STORE_I16, cells, seedings->best};
    return STATUS_OK;
}

static bool lattice_is_on_grid(const int16_t *lattice, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lattice[i] < -GRID_MOST || lattice[i] > GRID_MOST)
            return false;
    return true;
}

/* Takes over what an earlier fit left. */
static enum status seedings_get(const struct team *team, const struct checkpoint *checkpoint, int k,
                                struct seedings *seedings, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t *numbers = seedings->numbers;
    TRY(checkpoint_get(team, checkpoint, seedings->parts, 3, err));
    if (numbers[LLOYD_SEEDING] < 0 || numbers[LLOYD_SEEDING] >= KMEANS_SEEDINGS || numbers[LLOYD_PASS] < 1 ||
        numbers[LLOYD_PASS] >= KMEANS_PASSES_MOST || numbers[LLOYD_LEAST] < 0)
        TRY(checkpoint_corrupt(checkpoint, "kmeans_number", err));
    if (!lattice_is_on_grid(seedings->lattice, 2 * (size_t)k * GRID_COLUMNS))
        TRY(checkpoint_corrupt(checkpoint, "kmeans_lattice_now", err));
done:
    return status;
}

/* All seedings, or those that are left of them. */
static enum status seedings_try(const struct team *team, struct pass *pass, uint64_t seed,
                                struct seedings *seedings, struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *numbers = seedings->numbers;
    for (; numbers[LLOYD_SEEDING] < KMEANS_SEEDINGS; numbers[LLOYD_SEEDING]++) {
        int found = pass->k;
        if (numbers[LLOYD_PASS] == 0)
            TRY(kmeans_seed(team, pass, seed, (uint32_t)numbers[LLOYD_SEEDING], seedings->lattice, &found,
                            err));
        if (found < pass->k)
            TRY(error_set(err, STATUS_USAGE, "model.kmeans.k", "choose a smaller k, or train on more rows",
                          "k is %d, but only %d of the %" PRId64 " training rows are distinct", pass->k,
                          found, pass->rows->total));
        if (numbers[LLOYD_PASS] == 0)
            numbers[LLOYD_PASS] = 1;
        TRY(lloyd(team, pass, seedings->lattice, &numbers[LLOYD_PASS], checkpoint, err));
        if (pass->inertia < numbers[LLOYD_LEAST]) {
            numbers[LLOYD_LEAST] = pass->inertia;
            memcpy(seedings->best, seedings->lattice, (size_t)pass->k * CENTRE_BYTES);
        }
        numbers[LLOYD_PASS] = 0;
    }
done:
    return status;
}

/* Leaves the start of the best seeding's last pass in seedings->best, from an earlier fit or from the rows.
 */
static enum status best_find(const struct team *team, struct pass *pass, uint64_t seed,
                             struct seedings *seedings, struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t cells = (size_t)pass->k * GRID_COLUMNS;
    const struct checkpoint_part result = {"kmeans_lattice", STORE_I16, cells, seedings->best};
    if (checkpoint_is_past(checkpoint, CHECKPOINT_KMEANS)) {
        TRY(checkpoint_get(team, checkpoint, &result, 1, err));
        if (!lattice_is_on_grid(seedings->best, cells))
            TRY(checkpoint_corrupt(checkpoint, result.name, err));
        return status;
    }
    if (checkpoint_is_in(checkpoint, CHECKPOINT_KMEANS))
        TRY(seedings_get(team, checkpoint, pass->k, seedings, err));
    checkpoint_begin(checkpoint, CHECKPOINT_KMEANS, seedings->parts, 3);
    TRY(seedings_try(team, pass, seed, seedings, checkpoint, err));
done:
    return status;
}

enum status kmeans_fit(const struct team *team, const struct grid_rows *rows, int k, uint64_t seed,
                       struct checkpoint *checkpoint, struct kmeans *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct pass pass = {0};
    struct seedings seedings = {0};
    TRY(team_agree(team, seedings_make_local(k, &seedings, err), err));
    assert(seedings.lattice);
    TRY(pass_make(team, rows, k, &pass, err));
    TRY(best_find(team, &pass, seed, &seedings, checkpoint, err));
    TRY(clusters_order(team, &pass, seedings.best, err));
    TRY(kmeans_take(team, &pass, seedings.best, out, err));
    const struct checkpoint_part result = {"kmeans_lattice", STORE_I16, (size_t)k * GRID_COLUMNS,
                                           out->lattice};
    checkpoint_keep(checkpoint, &result);
done:
    free(seedings.lattice);
    pass_clear(&pass);
    return status;
}
