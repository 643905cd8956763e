#include "kmeans_blocks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PIECE_ROWS ((size_t)1024)  // with 16 pairs 64 KB: labels and scores of a piece stay in the cache

int blocks_pairs(int columns)
{
    return columns <= 0 || columns > 24 ? GRID_COLUMNS / 2 : (columns + 7) / 8 * 4;
}

static int32_t pair_of(int first, int second)
{
    return (int32_t)((uint32_t)second << 16 | ((uint32_t)first & 0xffff));
}

/* Rows [0, count) at row_bytes apart into blocks and norms. */
static void rows_turn(const int16_t *values, size_t count, struct block_rows *blocks)
{
    const size_t pairs = (size_t)blocks->pairs;
    for (size_t row = 0; row < count; row++) {
        const int16_t *from = values + row * GRID_COLUMNS;
        int32_t *to = blocks->blocks + row / BLOCK_ROWS * pairs * BLOCK_ROWS + row % BLOCK_ROWS;
        int32_t norm = 0;
        for (size_t j = 0; j < pairs; j++) {
            to[j * BLOCK_ROWS] = pair_of(from[2 * j], from[2 * j + 1]);
            norm += from[2 * j] * from[2 * j] + from[2 * j + 1] * from[2 * j + 1];
        }
        blocks->norms[row] = norm;
    }
}

/* Room for `count` rows, all 0. */
static enum status rows_room(size_t count, struct block_rows *blocks, struct error *err)
{
    const size_t whole = (count / BLOCK_ROWS + 1) * BLOCK_ROWS;
    const size_t bytes = whole * (size_t)blocks->pairs * sizeof *blocks->blocks;
    // A pass reads all of it: large pages spare it most of what looking up addresses costs.
    const size_t page = (size_t)2 << 20, step = bytes >= page ? page : 64;
    blocks->blocks = aligned_alloc(step, (bytes + step - 1) / step * step);
    if (blocks->blocks && step == page)
        (void)madvise(blocks->blocks, bytes, MADV_HUGEPAGE);
    blocks->norms = calloc(whole, sizeof *blocks->norms);
    if (!blocks->blocks || !blocks->norms)
        return model_no_memory("k-means", count, err);
    memset(blocks->blocks, 0, bytes);
    return STATUS_OK;
}

enum status blocks_make(const struct grid_rows *rows, struct block_rows *blocks, struct error *err)
{
    *blocks = (struct block_rows){.count = rows->count, .pairs = blocks_pairs(rows->columns)};
    enum status status = rows_room(rows->count, blocks, err);
    if (status == STATUS_OK)
        rows_turn(rows->values, rows->count, blocks);
    return status;
}

void blocks_clear(struct block_rows *blocks)
{
    free(blocks->blocks);
    free(blocks->norms);
    *blocks = (struct block_rows){0};
}

enum status block_centres_make(int k, struct block_centres *centres, struct error *err)
{
    centres->doubled = malloc((size_t)k * (GRID_COLUMNS / 2) * sizeof *centres->doubled);
    centres->minus_norm = malloc((size_t)k * sizeof *centres->minus_norm);
    return centres->doubled && centres->minus_norm ? STATUS_OK : model_no_memory("k-means", (size_t)k, err);
}

void block_centres_clear(struct block_centres *centres)
{
    free(centres->doubled);
    free(centres->minus_norm);
    *centres = (struct block_centres){0};
}

struct kernel_centres block_centres_set(const struct block_centres *room, const int16_t *lattice, int k,
                                        int pairs)
{
    for (int c = 0; c < k; c++) {
        const int16_t *centre = lattice + (size_t)c * GRID_COLUMNS;
        int32_t norm = 0;
        for (int j = 0; j < pairs; j++) {
            const int first = centre[2 * j], second = centre[2 * j + 1];
            room->doubled[c * pairs + j] = pair_of(2 * first, 2 * second);
            norm += first * first + second * second;
        }
        room->minus_norm[c] = -norm;
    }
    return (struct kernel_centres){.doubled = room->doubled, .minus_norm = room->minus_norm, .k = k};
}

struct kernel_rows blocks_run(const struct block_rows *blocks, size_t from, size_t to)
{
    return (struct kernel_rows){
        .blocks = blocks->blocks + from * (size_t)blocks->pairs,
        .block_count = (to - from + BLOCK_ROWS - 1) / BLOCK_ROWS,
        .row_count = to - from,
        .pairs = blocks->pairs,
    };
}

void blocks_nearest(const struct kmeans_kernel *kernel, const struct block_rows *blocks,
                    const struct kernel_centres *centres, bool least, int32_t *labels, int32_t *distances)
{
    uint16_t found[PIECE_ROWS];
    int32_t scores[PIECE_ROWS];
    for (size_t from = 0; from < blocks->count; from += PIECE_ROWS) {
        const size_t left = blocks->count - from, count = left < PIECE_ROWS ? left : PIECE_ROWS;
        const struct kernel_rows rows = blocks_run(blocks, from, from + count);
        kernel->nearest(&rows, centres, found, scores);
        for (size_t i = 0; i < count; i++) {
            const int32_t distance = blocks->norms[from + i] - scores[i];
            distances[from + i] = least && distances[from + i] < distance ? distances[from + i] : distance;
        }
        for (size_t i = 0; labels && i < count; i++)
            labels[from + i] = found[i];
    }
}

/* A piece at a time: scoring keeps to a fixed amount of memory beside the rows. */
enum status kmeans_assign(const struct grid_rows *rows, const int16_t *lattice, int k, int32_t *labels,
                          int32_t *distances, struct error *err)
{
    enum status status = STATUS_OK;
    struct block_centres room = {0};
    struct block_rows piece = {.pairs = blocks_pairs(rows->columns)};
    TRY(block_centres_make(k, &room, err));
    TRY(rows_room(PIECE_ROWS, &piece, err));
    const struct kernel_centres centres = block_centres_set(&room, lattice, k, piece.pairs);
    const struct kmeans_kernel *kernel = kmeans_kernel_choose();
    for (size_t from = 0; from < rows->count; from += PIECE_ROWS) {
        const size_t left = rows->count - from;
        piece.count = left < PIECE_ROWS ? left : PIECE_ROWS;
        rows_turn(rows->values + from * GRID_COLUMNS, piece.count, &piece);
        blocks_nearest(kernel, &piece, &centres, false, labels + from, distances + from);
    }
done:
    blocks_clear(&piece);
    block_centres_clear(&room);
    return status;
}
