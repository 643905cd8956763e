#include "autoencoder.h"

#include "deal.h"
#include "net.h"
#include "optimizer.h"

#include "base/clock.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE 1e-3
#define BATCH 2048
#define BATCH_MOST 262144
#define PATIENCE 5  // epochs without a lower held-out loss
#define HELD_PART 16
#define HELD_LEAST 64

enum { ROW_TRAINS = 1, ROW_HELD = 2 };

/* The state of a training. */
struct training {
    const struct grid_rows *rows;
    const uint8_t *active;
    const struct model_settings *settings;
    uint8_t *roles;  // [rows->count] ROW_TRAINS, ROW_HELD or both
    uint8_t *trains;  // [rows->count] whether it trains
    int64_t held_rows;
    double unit;  // of a loss: 1/(2^32 · active features)
    int batch;
    struct deal deal;
    struct net net;
    struct net_work work;
    struct optimizer optimizer;
    int64_t *step_sums;  // [parameter_count + 3] gradient, loss, rows, clamps
    float *best;  // [parameter_count]
    struct loss_point *losses;  // [settings->epochs]
    int64_t clamps;
    int64_t steps_done;
};

int autoencoder_batch(int64_t row_count)
{
    int batch = BATCH;
    while (batch > 64 && row_count / 32 < batch)
        batch /= 2;
    // 2,048·2^⌊log2(max(1, rows/2·10^7))⌋: a function of the rows, never of the ranks.
    for (int64_t rows = 40000000; rows <= row_count && batch < BATCH_MOST; rows *= 2)
        batch *= 2;
    return batch;
}

/* Whole IPs are held out, not random rows: windows of one IP are near-copies. */
static void roles_choose(const struct team *team, struct training *training, const uint64_t *ip_hash)
{
    const struct grid_rows *rows = training->rows;
    int64_t held = 0;
    for (size_t row = 0; row < rows->count; row++)
        held += ip_hash[row] % HELD_PART == 0;
    team_sum_i64(team, &held, 1);
    const bool by_row = held < HELD_LEAST || held == rows->total;
    training->held_rows = by_row ? (rows->total + HELD_PART - 1) / HELD_PART : held;
    for (size_t row = 0; row < rows->count; row++) {
        uint64_t key = by_row ? rows->first + row : ip_hash[row];
        training->roles[row] = key % HELD_PART == 0 ? ROW_HELD : ROW_TRAINS;
        if (rows->total == 1)  // a single row has to be both
            training->roles[row] = ROW_HELD | ROW_TRAINS;
        training->trains[row] = training->roles[row] & ROW_TRAINS;
    }
}

static enum status training_make_local(struct training *training, size_t columns, struct error *err)
{
    const struct model_settings *settings = training->settings;
    enum status status = STATUS_OK;
    TRY(net_make((int)columns, settings->hidden, settings->hidden_count, &training->net, err));
    TRY(net_work_make(&training->net, &training->work, err));
    TRY(optimizer_make(&training->net, &training->optimizer, err));
    const size_t count = training->net.parameter_count;
    training->step_sums = malloc((count + 3) * sizeof *training->step_sums);
    training->best = malloc(count * sizeof *training->best);
    training->losses = calloc((size_t)settings->epochs, sizeof *training->losses);
    training->roles = malloc(training->rows->count + 1);
    training->trains = malloc(training->rows->count + 1);
    if (!training->step_sums || !training->best || !training->losses || !training->roles || !training->trains)
        TRY(model_no_memory("autoencoder", count, err));
    net_draw(&training->net, settings->autoencoder_seed);
    int active_count = 0;
    for (size_t c = 0; c < columns; c++)
        active_count += training->active[c] != 0;
    training->unit = 0x1p-32 / (active_count ? active_count : 1);
done:
    return status;
}

static void training_clear(struct training *training)
{
    deal_clear(&training->deal);
    net_clear(&training->net);
    net_work_clear(&training->work);
    optimizer_clear(&training->optimizer);
    free(training->step_sums);
    free(training->best);
    free(training->losses);
    free(training->roles);
    free(training->trains);
    *training = (struct training){0};
}

/* This rank's part of a step's sums. */
static void step_add(struct training *training, uint32_t epoch, int64_t step)
{
    const size_t count = training->net.parameter_count;
    int64_t errors[MICRO_ROWS];
    memset(training->step_sums, 0, (count + 3) * sizeof *training->step_sums);
    for (int stripe = 0; stripe < training->deal.stripe_count; stripe++) {
        struct deal_micro micro = deal_take(&training->deal, stripe, epoch, step);
        if (micro.row_count == 0)
            continue;
        net_load_turned(&training->net, &training->work, micro.values);
        net_forward(&training->net, &training->work);
        net_errors(&training->net, &training->work, training->active, errors, NULL);
        training->step_sums[count + 2] += net_gradient(&training->net, &training->work, training->active,
                                                       micro.row_count, training->step_sums);
        for (size_t row = 0; row < micro.row_count; row++)
            training->step_sums[count] += errors[row];
        training->step_sums[count + 1] += (int64_t)micro.row_count;
    }
}

/* The first 5 % of the steps warm up. A larger batch has less noise and takes longer steps: √ of its size
 * (Malladi et al. 2022); a smaller one keeps the rate, it is small because the rows are few. */
static double step_rate(const struct training *training)
{
    const double steps = (double)(deal_steps(&training->deal) * training->settings->epochs);
    const double warm = (double)(training->steps_done + 1) / (0.05 * steps);
    const double scale = training->batch > BATCH ? sqrt((double)training->batch / BATCH) : 1.0;
    return RATE * scale * (warm < 1.0 ? warm : 1.0);
}

/* One epoch; returns the mean loss of its rows as they were met. */
static double epoch_train(const struct team *team, struct training *training, uint32_t epoch)
{
    const size_t count = training->net.parameter_count;
    int128 loss = 0;
    for (int64_t step = 0; step < deal_steps(&training->deal); step++) {
        step_add(training, epoch, step);
        // Each |sum| is below 2^63: at most 4,096 micro-batches of ±2^50, 2^18 rows of 2^44.
        team_sum_i64(team, training->step_sums, count + 3);
        loss += training->step_sums[count];
        training->clamps += training->step_sums[count + 2];
        optimizer_step(&training->optimizer, &training->net, training->step_sums,
                       training->step_sums[count + 1], step_rate(training));
        training->steps_done++;
    }
    return wide_double(loss) * training->unit / (double)training->deal.row_count;
}

/* The sum over the held-out rows. A lane is a row, so how they are grouped here changes no error. */
static enum status held_loss(const struct team *team, struct training *training, int128 *loss,
                             struct error *err)
{
    int16_t rows[MICRO_ROWS * GRID_COLUMNS];
    int64_t errors[MICRO_ROWS];
    size_t filled = 0;
    *loss = 0;
    for (size_t row = 0; row <= training->rows->count; row++) {
        const bool last = row == training->rows->count;
        if (!last && training->roles[row] & ROW_HELD) {
            memcpy(rows + filled * GRID_COLUMNS, training->rows->values + row * GRID_COLUMNS,
                   GRID_COLUMNS * sizeof *rows);
            filled++;
        }
        if (filled == MICRO_ROWS || (last && filled > 0)) {
            net_load(&training->net, &training->work, rows, filled);
            net_forward(&training->net, &training->work);
            net_errors(&training->net, &training->work, training->active, errors, NULL);
            for (size_t i = 0; i < filled; i++)
                *loss += errors[i];
            filled = 0;
        }
    }
    return wide_sum(team, loss, 1, err);
}

static enum status train(const struct team *team, struct training *training, int64_t *epochs,
                         struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = training->net.parameter_count * sizeof *training->best;
    int128 least = -1;
    int64_t best_epoch = 0;
    for (*epochs = 0; *epochs < training->settings->epochs && *epochs - best_epoch < PATIENCE; (*epochs)++) {
        int128 held = 0;
        struct loss_point *point = &training->losses[*epochs];
        point->train = epoch_train(team, training, (uint32_t)*epochs);
        TRY(held_loss(team, training, &held, err));
        point->held = wide_double(held) * training->unit / (double)training->held_rows;
        if (least < 0 || held < least) {
            least = held;
            best_epoch = *epochs + 1;
            memcpy(training->best, training->net.parameters, bytes);
        }
    }
    memcpy(training->net.parameters, training->best, bytes);
done:
    return status;
}

/* All that comes before the first step. */
static enum status training_begin(const struct team *team, struct training *training, const uint64_t *ip_hash,
                                  size_t columns, struct error *err)
{
    enum status status = STATUS_OK;
    const struct grid_rows *rows = training->rows;
    TRY(team_agree(team, training_make_local(training, columns, err), err));
    assert(training->roles && training->trains);
    roles_choose(team, training, ip_hash);
    training->batch = training->settings->batch ? training->settings->batch
                                                : autoencoder_batch(rows->total - training->held_rows);
    const struct deal_source source = {
        .rows = rows->values, .keep = training->trains, .count = rows->count, .columns = columns};
    TRY(deal_make(team, source, training->batch, training->settings->autoencoder_seed, &training->deal, err));
done:
    return status;
}

enum status autoencoder_fit(const struct team *team, const struct grid_rows *rows, const uint64_t *ip_hash,
                            size_t columns, const uint8_t *active, const struct model_settings *settings,
                            struct autoencoder_result *result, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t epochs = 0;
    struct training training = {.rows = rows, .active = active, .settings = settings};
    TRY(training_begin(team, &training, ip_hash, columns, err));
    TRY(train(team, &training, &epochs, err));
    *result = (struct autoencoder_result){.net = training.net,
                                          .losses = training.losses,
                                          .epochs = epochs,
                                          .held_rows = training.held_rows,
                                          .clamps = training.clamps,
                                          .batch = training.batch};
    training.net = (struct net){0};
    training.losses = NULL;
done:
    training_clear(&training);
    return status;
}

enum status autoencoder_time(const struct team *team, const struct grid_rows *rows, const uint64_t *ip_hash,
                             size_t columns, const uint8_t *active, const struct model_settings *settings,
                             double seconds, struct autoencoder_time *time, struct error *err)
{
    enum status status = STATUS_OK;
    struct training training = {.rows = rows, .active = active, .settings = settings};
    TRY(training_begin(team, &training, ip_hash, columns, err));
    time->began_s = clock_seconds();
    (void)epoch_train(team, &training, 0);
    const double wall_s = clock_seconds(), cpu_s = clock_cpu_seconds();
    int64_t go_on = 1;
    for (time->epochs = 0; go_on; time->epochs++) {
        time->loss = epoch_train(team, &training, (uint32_t)time->epochs + 1);
        go_on = clock_seconds() - wall_s < seconds && time->epochs + 2 < settings->epochs;
        team_max_i64(team, &go_on, 1);
    }
    time->wall_s = clock_seconds() - wall_s;
    time->cpu_s = clock_cpu_seconds() - cpu_s;
    time->rows = training.deal.row_count;
done:
    training_clear(&training);
    return status;
}

void autoencoder_result_clear(struct autoencoder_result *result)
{
    net_clear(&result->net);
    free(result->losses);
    *result = (struct autoencoder_result){0};
}
