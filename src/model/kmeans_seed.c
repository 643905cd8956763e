#include "kmeans_seed.h"

#include "draw.h"

#include "base/random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES (GRID_COLUMNS * sizeof(int16_t))
#define ROUNDS 5
#define MANY_CENTRES 16
#define MANY_ROWS 10000000

/* k-means++ on the rows themselves. Returns how many centres were found. */
static int seed_rows(const struct team *team, struct pass *pass, uint64_t seed, uint32_t seeding,
                     int16_t *lattice)
{
    for (int c = 0; c < pass->k; c++) {
        int16_t *centre = lattice + (size_t)c * GRID_COLUMNS;
        const uint64_t random = random_u64(seed, RANDOM_KMEANS_SEED, seeding, (uint64_t)c);
        const struct draw draw =
            draw_row_i32(team, c == 0 ? NULL : pass->distances, pass->rows->count, random);
        if (draw.total == 0)
            return c;
        int64_t unused = 0;
        pass_row(team, pass->rows, draw.row, &unused, centre);
        const struct kernel_centres one = block_centres_set(&pass->centres, centre, 1, pass->blocks.pairs);
        blocks_nearest(pass->kernel, &pass->blocks, &one, c > 0, NULL, pass->distances);
    }
    return pass->k;
}

/* The candidates of k-means||; the same on every rank. */
struct candidates {
    size_t count;
    int16_t *values;  // [count][GRID_COLUMNS]
    int64_t *weights;  // [count] rows that are nearest
    int32_t *distances;  // [count] D² to the centres drawn so far
    int32_t *labels;  // [this rank's rows]
};

static void candidates_clear(struct candidates *candidates)
{
    free(candidates->values);
    free(candidates->weights);
    free(candidates->distances);
    free(candidates->labels);
}

/* This rank's rows of a round, in their order. u·T < l·D²·2^64 with u of 64 random bits; l·D² < 2^42. */
static enum status round_draw_local(const struct pass *pass, uint64_t seed, uint32_t round, uint64_t total,
                                    int16_t **out, size_t *count, struct error *err)
{
    size_t room = 0;
    int16_t *drawn = NULL;
    *count = 0;
    for (size_t row = 0; row < pass->rows->count; row++) {
        const uint64_t number = pass->rows->first + row;
        const uint64_t weight = 2 * (uint64_t)pass->k * (uint64_t)pass->distances[row];
        if (weight == 0 ||
            (uint128)random_u64(seed, RANDOM_KMEANS_DRAW, round, number) * total >= (uint128)weight << 64)
            continue;
        if (*count == room) {
            room = 2 * room + 64;
            int16_t *more = realloc(drawn, room * ROW_BYTES);
            if (!more) {
                free(drawn);
                return model_no_memory("k-means", room, err);
            }
            drawn = more;
        }
        memcpy(drawn + (*count)++ * GRID_COLUMNS, pass->rows->values + row * GRID_COLUMNS, ROW_BYTES);
    }
    *out = drawn;
    return STATUS_OK;
}

/* Appends rows to the candidates and lowers the distances to them. */
static enum status candidates_add_local(struct pass *pass, const int16_t *values, size_t count, bool first,
                                        struct candidates *candidates, struct error *err)
{
    enum status status = STATUS_OK;
    struct block_centres room = {0};
    if (count == 0)
        return STATUS_OK;
    int16_t *more = realloc(candidates->values, (candidates->count + count) * ROW_BYTES);
    if (!more)
        return model_no_memory("k-means", count, err);
    candidates->values = more;
    memcpy(more + candidates->count * GRID_COLUMNS, values, count * ROW_BYTES);
    candidates->count += count;
    TRY(block_centres_make((int)count, &room, err));
    const struct kernel_centres centres = block_centres_set(&room, values, (int)count, pass->blocks.pairs);
    blocks_nearest(pass->kernel, &pass->blocks, &centres, !first, NULL, pass->distances);
done:
    block_centres_clear(&room);
    return status;
}

static enum status round_go(const struct team *team, struct pass *pass, uint64_t seed, uint32_t round,
                            struct candidates *candidates, struct error *err)
{
    enum status status = STATUS_OK;
    int16_t *drawn = NULL;
    void *all = NULL;
    size_t count = 0, bytes = 0;
    int64_t total = 0;
    for (size_t row = 0; row < pass->rows->count; row++)
        total += pass->distances[row];
    team_sum_i64(team, &total, 1);
    TRY(team_agree(team, round_draw_local(pass, seed, round, (uint64_t)total, &drawn, &count, err), err));
    TRY(team_gather(team, drawn, count * ROW_BYTES, &all, &bytes, err));
    // Fewer than 65,535 in all: a round draws about 2k, k is at most 1,024, and labels have 16 bits.
    size_t added = bytes / ROW_BYTES;
    const size_t left = (size_t)LABEL_NONE - candidates->count;
    added = added < left ? added : left;
    TRY(team_agree(team, candidates_add_local(pass, all, added, false, candidates, err), err));
done:
    free(all);
    free(drawn);
    return status;
}

static enum status candidates_weigh_local(struct pass *pass, struct candidates *candidates, struct error *err)
{
    enum status status = STATUS_OK;
    struct block_centres room = {0};
    candidates->weights = calloc(candidates->count, sizeof *candidates->weights);
    candidates->distances = calloc(candidates->count, sizeof *candidates->distances);
    candidates->labels = malloc((pass->rows->count + 1) * sizeof *candidates->labels);
    if (!candidates->weights || !candidates->distances || !candidates->labels)
        TRY(model_no_memory("k-means", pass->rows->count, err));
    TRY(block_centres_make((int)candidates->count, &room, err));
    const struct kernel_centres centres =
        block_centres_set(&room, candidates->values, (int)candidates->count, pass->blocks.pairs);
    blocks_nearest(pass->kernel, &pass->blocks, &centres, false, candidates->labels, pass->distances);
    for (size_t row = 0; row < pass->rows->count; row++)
        candidates->weights[candidates->labels[row]]++;
done:
    block_centres_clear(&room);
    return status;
}

/* k-means++ on the candidates. Σ weight·D² is at most rows·2^31 < 2^63. Returns how many were found. */
static int candidates_reduce(struct candidates *candidates, int k, uint64_t seed, uint32_t seeding,
                             int16_t *lattice)
{
    for (int c = 0; c < k; c++) {
        uint64_t total = 0;
        size_t at = 0;
        for (size_t i = 0; i < candidates->count; i++)
            total += (uint64_t)candidates->weights[i] * (c == 0 ? 1 : (uint64_t)candidates->distances[i]);
        if (total == 0)
            return c;
        const uint64_t random = random_u64(seed, RANDOM_KMEANS_SEED, seeding, (uint64_t)c);
        for (uint64_t within = (uint64_t)((uint128)random * total >> 64);; at++) {
            const uint64_t weight =
                (uint64_t)candidates->weights[at] * (c == 0 ? 1 : (uint64_t)candidates->distances[at]);
            if (within < weight)
                break;
            within -= weight;
        }
        memcpy(lattice + (size_t)c * GRID_COLUMNS, candidates->values + at * GRID_COLUMNS, ROW_BYTES);
        for (size_t i = 0; i < candidates->count; i++) {
            const int32_t distance =
                kmeans_distance(candidates->values + i * GRID_COLUMNS, lattice + (size_t)c * GRID_COLUMNS);
            if (c == 0 || distance < candidates->distances[i])
                candidates->distances[i] = distance;
        }
    }
    return k;
}

static enum status seed_candidates(const struct team *team, struct pass *pass, uint64_t seed,
                                   uint32_t seeding, int16_t *lattice, int *found, struct error *err)
{
    enum status status = STATUS_OK;
    struct candidates candidates = {0};
    int64_t unused = 0;
    // The first candidate is any row; lattice is room for it.
    const uint64_t random = random_u64(seed, RANDOM_KMEANS_DRAW, seeding << 8, UINT64_MAX);
    const struct draw draw = draw_row_i32(team, NULL, pass->rows->count, random);
    pass_row(team, pass->rows, draw.row, &unused, lattice);
    TRY(team_agree(team, candidates_add_local(pass, lattice, 1, true, &candidates, err), err));
    for (uint32_t round = 1; round <= ROUNDS; round++)
        TRY(round_go(team, pass, seed, seeding << 8 | round, &candidates, err));
    TRY(team_agree(team, candidates_weigh_local(pass, &candidates, err), err));
    team_sum_i64(team, candidates.weights, candidates.count);
    *found = candidates_reduce(&candidates, pass->k, seed, seeding, lattice);
done:
    candidates_clear(&candidates);
    return status;
}

enum status kmeans_seed(const struct team *team, struct pass *pass, uint64_t seed, uint32_t seeding,
                        int16_t *lattice, int *found, struct error *err)
{
    enum status status = STATUS_OK;
    *found = 0;
    if (pass->k >= MANY_CENTRES || pass->rows->total >= MANY_ROWS)
        TRY(seed_candidates(team, pass, seed, seeding, lattice, found, err));
    if (*found < pass->k)
        *found = seed_rows(team, pass, seed, seeding, lattice);
done:
    return status;
}
