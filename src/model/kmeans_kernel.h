/**
 * The inner loops of k-means: one text (kmeans_kernel.inc), compiled for each level of instructions.
 *
 * Rows stand in blocks of 16, turned round: number [j][lane] of a block is the pair (x[2j], x[2j + 1]) of row
 * `lane`, in the lower and upper half of 32 bits. A lane is a row, and all is whole numbers: every level
 * finds the same labels.
 */
#ifndef MODEL_KMEANS_KERNEL_H
#define MODEL_KMEANS_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define BLOCK_ROWS 16
#define LABEL_NONE UINT16_MAX
#define DELTA_STRIDE 32  // a centre's changes: 16 even columns, then 16 odd ones

/** Centres as the kernel reads them; all borrowed. */
struct kernel_centres {
    const int32_t *doubled;  // [k][pairs] (2c[2j], 2c[2j + 1])
    const int32_t *minus_norm;  // [k] −|c|²
    int k;
};

/** A run of blocks; all borrowed. */
struct kernel_rows {
    const int32_t *blocks;  // [block_count][pairs][BLOCK_ROWS], at an address that 64 divides
    size_t block_count;
    size_t row_count;  // the last block may be short
    int pairs;  // 4, 8, 12 or 16
};

/** What a pass changes: rows that went elsewhere, and the sums of the clusters they left and joined. */
struct kernel_changes {
    uint16_t *labels;  // [row_count, as whole blocks]; LABEL_NONE: in no cluster yet
    int32_t *sums;  // [k][DELTA_STRIDE] added to; at most 2^18 rows a call, so that it fits
    int32_t *counts;  // [k] added to
};

struct kmeans_kernel {
    const char *name;
    /** Finds the label and the largest s = Σ x·2c − |c|² of each row, also behind the last one. */
    void (*nearest)(const struct kernel_rows *rows, const struct kernel_centres *centres, uint16_t *labels,
                    int32_t *scores);
    /** Finds the labels and notes the changes; returns how many rows went elsewhere. */
    size_t (*pass)(const struct kernel_rows *rows, const struct kernel_centres *centres,
                   const struct kernel_changes *changes);
    /** Returns how many multiplications and additions of 16 bits a number of rounds takes, from registers. */
    double (*peak)(int64_t rounds, int32_t *sink);
};

extern const struct kmeans_kernel KMEANS_PLAIN;
#if defined(__x86_64__)
extern const struct kmeans_kernel KMEANS_SSE2, KMEANS_AVX2, KMEANS_AVX512, KMEANS_VNNI;
#endif

/** Returns the kernel of the level that the machine and QUERN_SIMD allow; on x86-64 the plain level is SSE2.
 * Static storage. Local. */
const struct kmeans_kernel *kmeans_kernel_choose(void);

#endif
