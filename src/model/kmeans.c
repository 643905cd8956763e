#include "kmeans.h"

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

/* Lloyd's iterations, in place. The last pass was by the lattice that is left. */
static void lloyd(const struct team *team, struct pass *pass, int16_t *lattice)
{
    pass_forget(pass);
    for (int passes = 1;; passes++) {
        pass_go(team, pass, lattice);
        if (passes == KMEANS_PASSES_MOST || pass_moved(pass) <= pass->rows->total >> 17 ||
            !pass_move(team, pass, lattice))
            return;
    }
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
    int16_t *lattice = malloc((size_t)k * CENTRE_BYTES);
    TRY(team_agree(team, lattice ? STATUS_OK : model_no_memory("k-means", (size_t)k, err), err));
    assert(lattice);
    TRY(pass_make(team, rows, k, &pass, err));
    memcpy(lattice, start, (size_t)k * CENTRE_BYTES);
    lloyd(team, &pass, lattice);
    TRY(clusters_order(team, &pass, lattice, err));
    TRY(kmeans_take(team, &pass, lattice, out, err));
done:
    free(lattice);
    pass_clear(&pass);
    return status;
}

/* All seedings; leaves the start of the best one in `best`. */
static enum status seedings_try(const struct team *team, struct pass *pass, uint64_t seed, int16_t *lattice,
                                int16_t *best, struct error *err)
{
    int64_t inertia_least = INT64_MAX;
    for (uint32_t seeding = 0; seeding < KMEANS_SEEDINGS; seeding++) {
        int found = 0;
        enum status status = kmeans_seed(team, pass, seed, seeding, lattice, &found, err);
        if (status != STATUS_OK)
            return status;
        if (found < pass->k)
            return error_set(err, STATUS_USAGE, "model.kmeans.k", "choose a smaller k, or train on more rows",
                             "k is %d, but only %d of the %" PRId64 " training rows are distinct", pass->k,
                             found, pass->rows->total);
        lloyd(team, pass, lattice);
        if (pass->inertia < inertia_least) {
            inertia_least = pass->inertia;
            memcpy(best, lattice, (size_t)pass->k * CENTRE_BYTES);
        }
    }
    return STATUS_OK;
}

enum status kmeans_fit(const struct team *team, const struct grid_rows *rows, int k, uint64_t seed,
                       struct kmeans *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct pass pass = {0};
    int16_t *lattice = calloc(2 * (size_t)k, CENTRE_BYTES);
    TRY(team_agree(team, lattice ? STATUS_OK : model_no_memory("k-means", (size_t)k, err), err));
    assert(lattice);
    TRY(pass_make(team, rows, k, &pass, err));
    int16_t *best = lattice + (size_t)k * GRID_COLUMNS;
    TRY(seedings_try(team, &pass, seed, lattice, best, err));
    TRY(clusters_order(team, &pass, best, err));
    TRY(kmeans_take(team, &pass, best, out, err));
done:
    free(lattice);
    pass_clear(&pass);
    return status;
}
