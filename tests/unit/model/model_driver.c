/* Runs parts of the models on numbers of another program: tests/reference/test_models.py.
 *
 * usage: model_driver PART IN OUT
 *
 * Files are little-endian and begin with a count of rows (int64). PART is
 *   quantiles  rows; float32 [rows]                          → float32 at 25, 50, 75, 99 percent
 *   assign     rows, k; int16 [rows][32]; int16 [k][32]      → int32 [rows] labels, int32 [rows] D²
 *   lloyd      as assign                                     → int64 inertia, int16 [k][32] lattice
 *   wide       rows; int64 [rows][15]; int64 [2][15] start   → int64 count [2], lattice [2][15], then sums
 *              [2][15] and the inertia as pairs (low 64 bits, high 64 bits)
 *   p          rows, n; int64 [rows] calibration; int64 [n]  → double [n] p, negative where extrapolated
 *   train      rows, columns, batch, epochs, 3 widths; int16 [rows][32] → int64 parameters; float32 the first
 *              ones; double (train, held) losses [epochs]; then the rows of each step of each epoch: int64
 *              count, int16 [count][columns]. Rows 0, 16, 32, … are held out.
 *   fit        rows, columns, training rows, calibration rows behind them, k, epochs, 3 widths; float32
 *              [rows][columns] → of all rows double score, double error of the autoencoder, double kmeans p
 */
#include "autoencoder.h"
#include "calibration.h"
#include "deal.h"
#include "kmeans.h"
#include "kmeans2.h"
#include "net.h"
#include "order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
    struct team *team;
    FILE *in, *out;
    void *blocks[8];
    size_t block_count;
};

/* Reads a block; the process ends on a short file, since only the test writes them. */
static void *take(struct run *run, size_t count, size_t element_bytes)
{
    void *block = malloc(count * element_bytes + 1);
    if (!block || run->block_count == 8 || fread(block, element_bytes, count, run->in) != count)
        exit(2);
    run->blocks[run->block_count++] = block;
    return block;
}

static void *room(struct run *run, size_t count, size_t element_bytes)
{
    void *block = calloc(count + 1, element_bytes);
    if (!block || run->block_count == 8)
        exit(2);
    run->blocks[run->block_count++] = block;
    return block;
}

static void give(struct run *run, const void *values, size_t count, size_t element_bytes)
{
    if (fwrite(values, element_bytes, count, run->out) != count)
        exit(2);
}

static void must(enum status status)
{
    if (status != STATUS_OK)
        exit(3);
}

static void quantiles(struct run *run, size_t rows)
{
    static const int percents[] = {25, 50, 75, 99};
    const float *values = take(run, rows, sizeof *values);
    uint32_t *keys = room(run, rows, sizeof *keys), found[4];
    for (size_t row = 0; row < rows; row++)
        keys[row] = order_key(values[row]);
    const struct order_keys order = {.keys = keys, .count = rows, .group_count = 1};
    must(order_find(run->team, &order, percents, 4, found, NULL));
    for (size_t p = 0; p < 4; p++) {
        float value = order_float(found[p]);
        give(run, &value, 1, sizeof value);
    }
}

static void assign(struct run *run, size_t count)
{
    const size_t k = (size_t) * (int64_t *)take(run, 1, sizeof(int64_t));
    const int16_t *grid = take(run, count * GRID_COLUMNS, sizeof *grid);
    const int16_t *start = take(run, k * GRID_COLUMNS, sizeof *start);
    int32_t *labels = room(run, count, sizeof *labels), *distances = room(run, count, sizeof *distances);
    const struct grid_rows rows = {.values = grid, .count = count, .total = (int64_t)count};
    must(kmeans_assign(&rows, start, (int)k, labels, distances, NULL));
    give(run, labels, count, sizeof *labels);
    give(run, distances, count, sizeof *distances);
}

static void lloyd(struct run *run, size_t count)
{
    const size_t k = (size_t) * (int64_t *)take(run, 1, sizeof(int64_t));
    const int16_t *grid = take(run, count * GRID_COLUMNS, sizeof *grid);
    const int16_t *start = take(run, k * GRID_COLUMNS, sizeof *start);
    const struct grid_rows rows = {.values = grid, .count = count, .total = (int64_t)count};
    struct kmeans kmeans = {0};
    must(kmeans_run(run->team, &rows, start, (int)k, &kmeans, NULL));
    give(run, &kmeans.inertia, 1, sizeof kmeans.inertia);
    give(run, kmeans.lattice, k * GRID_COLUMNS, sizeof *kmeans.lattice);
    kmeans_clear(&kmeans);
}

static void give_wide(struct run *run, int128 value)
{
    const uint64_t pair[2] = {(uint64_t)(uint128)value, (uint64_t)((uint128)value >> 64)};
    give(run, pair, 2, sizeof pair[0]);
}

static void wide(struct run *run, size_t count)
{
    const int64_t *values = take(run, count * MODEL_TALK_COLUMNS, sizeof *values);
    int64_t(*start)[MODEL_TALK_COLUMNS] = take(run, (size_t)2 * MODEL_TALK_COLUMNS, sizeof(int64_t));
    const struct wide_rows rows = {.values = values, .count = count, .total = (int64_t)count};
    struct kmeans2 kmeans2 = {0};
    uint128 inertia = 0, distance;
    must(kmeans2_run(run->team, &rows, start, &kmeans2, NULL));
    for (size_t row = 0; row < count; row++) {
        (void)kmeans2_nearest(&kmeans2.lattice[0][0], values + row * MODEL_TALK_COLUMNS, &distance);
        inertia += distance;
    }
    give(run, kmeans2.count, 2, sizeof kmeans2.count[0]);
    give(run, kmeans2.lattice, (size_t)2 * MODEL_TALK_COLUMNS, sizeof(int64_t));
    for (size_t i = 0; i < (size_t)2 * MODEL_TALK_COLUMNS; i++)
        give_wide(run, kmeans2.sum[i / MODEL_TALK_COLUMNS][i % MODEL_TALK_COLUMNS]);
    give_wide(run, (int128)inertia);
}

static void p_values(struct run *run, size_t rows)
{
    const size_t count = (size_t) * (int64_t *)take(run, 1, sizeof(int64_t));
    const int64_t *scores = take(run, rows, sizeof *scores), *asked = take(run, count, sizeof *asked);
    struct calibration calibration;
    must(calibration_fit(run->team, scores, rows, &calibration, NULL));
    for (size_t i = 0; i < count; i++) {
        struct p_value value = calibration_p(&calibration, asked[i]);
        double signed_p = value.extrapolated ? -value.p : value.p;
        give(run, &signed_p, 1, sizeof signed_p);
    }
    calibration_clear(&calibration);
}

/* The rows of a step of all stripes, one after the other. */
static void give_step(struct run *run, const struct deal *deal, uint32_t epoch, int64_t step)
{
    int64_t count = 0;
    for (int stripe = 0; stripe < deal->stripe_count; stripe++)
        count += (int64_t)deal_take(deal, stripe, epoch, step).row_count;
    give(run, &count, 1, sizeof count);
    for (int stripe = 0; stripe < deal->stripe_count; stripe++) {
        const struct deal_micro micro = deal_take(deal, stripe, epoch, step);
        for (size_t row = 0; row < micro.row_count; row++)
            for (size_t c = 0; c < deal->columns; c++)
                give(run, micro.values + c * MICRO_ROWS + row, 1, sizeof *micro.values);
    }
}

static void train(struct run *run, size_t count)
{
    const int64_t *sizes = take(run, 6, sizeof *sizes);
    const int16_t *grid = take(run, count * GRID_COLUMNS, sizeof *grid);
    uint64_t *ip_hash = room(run, count, sizeof *ip_hash);
    uint8_t *keep = room(run, count, 1), active[GRID_COLUMNS];
    const struct model_settings settings = {.batch = (int)sizes[1],
                                            .epochs = (int)sizes[2],
                                            .hidden = {(int)sizes[3], (int)sizes[4], (int)sizes[5]},
                                            .hidden_count = 3,
                                            .autoencoder_seed = 1};
    const struct grid_rows rows = {
        .values = grid, .count = count, .columns = (int)sizes[0], .total = (int64_t)count};
    struct autoencoder_result result;
    struct net net;
    struct deal deal;
    for (size_t row = 0; row < count; row++) {
        ip_hash[row] = 1;
        keep[row] = row % 16 != 0;
    }
    memset(active, 1, sizeof active);
    must(
        autoencoder_fit(run->team, &rows, ip_hash, (size_t)sizes[0], active, &settings, NULL, &result, NULL));
    must(net_make((int)sizes[0], settings.hidden, 3, &net, NULL));
    net_draw(&net, 1);
    const int64_t parameters = (int64_t)net.parameter_count;
    give(run, &parameters, 1, sizeof parameters);
    give(run, net.parameters, net.parameter_count, sizeof *net.parameters);
    give(run, result.nets[0].losses, (size_t)sizes[2], sizeof *result.nets[0].losses);
    const struct deal_source source = {grid, keep, count, (size_t)sizes[0]};
    must(deal_make(run->team, source, settings.batch, 1, &deal, NULL));
    for (uint32_t epoch = 0; epoch < (uint32_t)sizes[2]; epoch++)
        for (int64_t step = 0; step < deal_steps(&deal); step++)
            give_step(run, &deal, epoch, step);
    deal_clear(&deal);
    net_clear(&net);
    autoencoder_result_clear(&result);
}

static void fit(struct run *run, size_t count)
{
    static const char *const names[GRID_COLUMNS] = {
        "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10", "11", "12", "13", "14", "15", "16",
        "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32"};
    const int64_t *sizes = take(run, 8, sizeof *sizes);
    const size_t columns = (size_t)sizes[0];
    const float *values = take(run, count * columns, sizeof *values);
    const int64_t *raw = room(run, count * MODEL_TALK_COLUMNS, sizeof *raw);
    uint64_t *ip_hash = room(run, count, sizeof *ip_hash);
    uint8_t *use = room(run, count, 1), active[GRID_COLUMNS];
    double floors[GRID_COLUMNS];
    for (size_t row = 0; row < count; row++) {
        ip_hash[row] = row;
        use[row] = (int64_t)row < sizes[1]              ? MODEL_TRAIN
                   : (int64_t)row < sizes[1] + sizes[2] ? MODEL_CALIBRATE
                                                        : MODEL_NEITHER;
    }
    for (size_t c = 0; c < GRID_COLUMNS; c++) {
        active[c] = 1;
        floors[c] = 1e-3;
    }
    const struct model_settings settings = {.k = (int)sizes[3],
                                            .kmeans_seed = 1,
                                            .epochs = (int)sizes[4],
                                            .hidden = {(int)sizes[5], (int)sizes[6], (int)sizes[7]},
                                            .hidden_count = 3,
                                            .autoencoder_seed = 1};
    const struct model_input input = {.row_count = count,
                                      .columns = columns,
                                      .values = values,
                                      .raw = raw,
                                      .use = use,
                                      .ip_hash = ip_hash,
                                      .names = names,
                                      .floors = floors,
                                      .active = active};
    const struct model_context context = {.feature_set = "full", .window_s = 3600, .unit_s = 60};
    struct model *model = NULL;
    struct model_scores scores;
    must(model_fit(run->team, &input, &settings, &context, &model, NULL));
    must(model_score(model, &input, &scores, NULL));
    give(run, scores.score, count, sizeof *scores.score);
    give(run, scores.autoencoder_error, count, sizeof *scores.autoencoder_error);
    give(run, scores.kmeans_p, count, sizeof *scores.kmeans_p);
    model_scores_free(&scores);
    model_free(model);
}

static const struct {
    const char *name;
    void (*run)(struct run *run, size_t rows);
} PARTS[] = {{"quantiles", quantiles}, {"assign", assign}, {"lloyd", lloyd}, {"wide", wide},
             {"p", p_values},          {"train", train},   {"fit", fit}};

int main(int argc, char **argv)
{
    int failed = 2;
    if (argc != 4)
        return 2;
    struct run run = {.team = team_alone(), .in = fopen(argv[2], "rb"), .out = fopen(argv[3], "wb")};
    if (!run.team || !run.in || !run.out)
        return 2;
    const size_t rows = (size_t) * (int64_t *)take(&run, 1, sizeof(int64_t));
    for (size_t part = 0; part < sizeof PARTS / sizeof PARTS[0]; part++)
        if (strcmp(PARTS[part].name, argv[1]) == 0) {
            PARTS[part].run(&run, rows);
            failed = 0;
        }
    for (size_t i = 0; i < run.block_count; i++)
        free(run.blocks[i]);
    team_free(run.team);
    return fclose(run.in) != 0 || fclose(run.out) != 0 ? 2 : failed;
}
