/**
 * How fast the models' loops run on this machine, beside what the machine could do at most in the same
 * minute.
 */
#ifndef MODEL_BENCH_H
#define MODEL_BENCH_H

#include "base/error.h"
#include "parallel/parallel.h"

#include <stddef.h>
#include <stdint.h>

#define BENCH_LAYERS_MOST 8

/** This rank's run of rows; borrowed, all finite. */
struct bench_rows {
    const float *values;  // [row_count][columns]
    size_t row_count;
    size_t columns;  // 1 … 32
};

/** What was timed. Seconds of a step are of the slowest rank, CPU seconds of all ranks together. */
struct bench_result {
    const char *level;  // of instructions; static storage
    int64_t rows;  // of all ranks
    int64_t steps;  // iterations, or epochs
    double prepare_s;  // scaling, quantising and laying the rows out, once
    double wall_s;
    double cpu_s;
    double read_bytes_per_s;  // of all ranks: one read of their rows after the other
    double peak_per_s;  // of all ranks: multiplications and additions, from registers
    double limit_s;  // the least that cpu_s could be by these two, on each of the ranks
    int64_t sent_bytes;  // handed to MPI by all ranks in these steps
    double loss;  // inertia in scaled units, or the mean loss of the last epoch
};

/** A run of k-means to its end. Seconds are of the slowest rank. */
struct bench_end {
    const char *level;  // of instructions; static storage
    int64_t rows;  // of all ranks
    int64_t passes;  // until the run ended
    double prepare_s;  // scaling and quantising
    double wall_s;  // laying the rows out, passes, and the order of the clusters
    double cpu_s;  // of all ranks, of the same
    double inertia;  // in scaled units
};

/**
 * Times Lloyd's iterations from the first k rows as centres; two come before the clock starts. Collective.
 *
 * @return  STATUS_USAGE for a k that is not in 2 … 1,024 or above the rows, STATUS_NO_MEMORY; agreed on
 */
MUST_CHECK enum status bench_kmeans(const struct team *team, const struct bench_rows *rows, int k,
                                    int64_t iterations, struct bench_result *out, struct error *err);

/**
 * Times k-means from the first k rows as centres to its end, as training does it. Collective.
 *
 * @return  as bench_kmeans
 */
MUST_CHECK enum status bench_kmeans_end(const struct team *team, const struct bench_rows *rows, int k,
                                        struct bench_end *out, struct error *err);

/**
 * Times epochs of training, allreduces and updates included, for at least `seconds`; one comes before.
 * Collective.
 *
 * @param hidden  borrowed, [hidden_count] widths of the hidden layers
 * @param batch   rows a step, a multiple of 64
 * @return        STATUS_USAGE for sizes that the model refuses, STATUS_NO_MEMORY; agreed on
 */
MUST_CHECK enum status bench_autoencoder(const struct team *team, const struct bench_rows *rows,
                                         const int *hidden, int hidden_count, int batch, double seconds,
                                         struct bench_result *out, struct error *err);

#endif
