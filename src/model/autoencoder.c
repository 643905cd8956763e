#include "autoencoder.h"

#include "training.h"

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

static bool member_trains(const struct training *training, const struct member *member)
{
    return member->numbers[MEMBER_EPOCHS] == training->numbers[TRAINING_EPOCH] &&
           member->numbers[MEMBER_EPOCHS] - member->numbers[MEMBER_BEST_EPOCH] < PATIENCE;
}

/* Adds a micro-batch that is loaded to the sums of one net. */
static void micro_add(struct training *training, const struct member *member, size_t row_count, int64_t *sums)
{
    const size_t count = member->net.parameter_count;
    int64_t errors[MICRO_ROWS];
    net_forward(&member->net, &training->work);
    net_errors(&member->net, &training->work, training->active, errors, NULL);
    sums[count + 2] += net_gradient(&member->net, &training->work, training->active, row_count, sums);
    for (size_t row = 0; row < row_count; row++)
        sums[count] += errors[row];
    sums[count + 1] += (int64_t)row_count;
}

/* This rank's part of a step's sums. */
static void step_add(struct training *training, uint32_t epoch, int64_t step)
{
    const size_t stride = member_sums(training), count = stride * (size_t)training->member_count;
    memset(training->step_sums, 0, count * sizeof *training->step_sums);
    training->step_sums[count] = checkpoint_signal(training->checkpoint);
    for (int stripe = 0; stripe < training->deal.stripe_count; stripe++) {
        struct deal_micro micro = deal_take(&training->deal, stripe, epoch, step);
        if (micro.row_count == 0)
            continue;
        net_load_turned(&training->members[0].net, &training->work, micro.values);
        for (int i = 0; i < training->member_count; i++)
            if (member_trains(training, &training->members[i]))
                micro_add(training, &training->members[i], micro.row_count,
                          training->step_sums + (size_t)i * stride);
    }
}

/* The first 5 % of the steps warm up. A larger batch has less noise and takes longer steps: √ of its size
 * (Malladi et al. 2022); a smaller one keeps the rate, it is small because the rows are few. */
static double step_rate(const struct training *training)
{
    const double steps = (double)(deal_steps(&training->deal) * training->settings->epochs);
    const double warm = (double)(training->numbers[TRAINING_STEPS_DONE] + 1) / (0.05 * steps);
    const double scale = training->batch > BATCH ? sqrt((double)training->batch / BATCH) : 1.0;
    return RATE * scale * (warm < 1.0 ? warm : 1.0);
}

/* What a step's sums over the ranks do to one net. */
static void member_step(struct training *training, struct member *member, const int64_t *sums)
{
    const size_t count = member->net.parameter_count;
    member_wide_put(member, MEMBER_LOSS_HIGH, member_wide(member, MEMBER_LOSS_HIGH) + sums[count]);
    member->numbers[MEMBER_CLAMPS] += sums[count + 2];
    optimizer_step(&member->optimizer, &member->net, sums, sums[count + 1], step_rate(training));
}

/* The steps of an epoch that are left. */
static enum status epoch_train(const struct team *team, struct training *training, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t stride = member_sums(training), count = stride * (size_t)training->member_count;
    int64_t *numbers = training->numbers;
    while (numbers[TRAINING_STEP] < deal_steps(&training->deal)) {
        step_add(training, (uint32_t)numbers[TRAINING_EPOCH], numbers[TRAINING_STEP]);
        // Each |sum| is below 2^63: at most 4,096 micro-batches of ±2^50, 2^18 rows of 2^44.
        team_sum_i64(team, training->step_sums, count + 1);
        for (int i = 0; i < training->member_count; i++)
            if (member_trains(training, &training->members[i]))
                member_step(training, &training->members[i], training->step_sums + (size_t)i * stride);
        numbers[TRAINING_STEPS_DONE]++;
        numbers[TRAINING_STEP]++;
        TRY(checkpoint_look(team, training->checkpoint, training->step_sums[count], err));
    }
done:
    return status;
}

/* The mean loss of an epoch's rows as they were met. */
static double epoch_loss(const struct training *training, const struct member *member)
{
    return wide_double(member_wide(member, MEMBER_LOSS_HIGH)) * training->unit /
           (double)training->deal.row_count;
}

/* The sum over the held-out rows. A lane is a row, so how they are grouped here changes no error. */
static enum status held_loss(const struct team *team, struct training *training, const struct net *net,
                             int128 *loss, struct error *err)
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
            net_load(net, &training->work, rows, filled);
            net_forward(net, &training->work);
            net_errors(net, &training->work, training->active, errors, NULL);
            for (size_t i = 0; i < filled; i++)
                *loss += errors[i];
            filled = 0;
        }
    }
    return wide_sum(team, loss, 1, err);
}

/* After an epoch of a net: is it the best so far? */
static enum status member_judge(const struct team *team, struct training *training, struct member *member,
                                struct error *err)
{
    enum status status = STATUS_OK;
    int128 held = 0;
    struct loss_point *point = &member->losses[member->numbers[MEMBER_EPOCHS]];
    const int128 least = member_wide(member, MEMBER_LEAST_HIGH);
    TRY(held_loss(team, training, &member->net, &held, err));
    point->train = epoch_loss(training, member);
    point->held = wide_double(held) * training->unit / (double)training->held_rows;
    member->numbers[MEMBER_EPOCHS]++;
    member_wide_put(member, MEMBER_LOSS_HIGH, 0);
    if (least < 0 || held < least) {
        member_wide_put(member, MEMBER_LEAST_HIGH, held);
        member->numbers[MEMBER_BEST_EPOCH] = member->numbers[MEMBER_EPOCHS];
        memcpy(member->best, member->net.parameters, member->net.parameter_count * sizeof *member->best);
    }
done:
    return status;
}

static enum status train(const struct team *team, struct training *training, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *numbers = training->numbers;
    for (bool any = true; any && numbers[TRAINING_EPOCH] < training->settings->epochs;) {
        TRY(epoch_train(team, training, err));
        for (int i = 0; i < training->member_count; i++)
            if (member_trains(training, &training->members[i]))
                TRY(member_judge(team, training, &training->members[i], err));
        numbers[TRAINING_EPOCH]++;
        numbers[TRAINING_STEP] = 0;
        any = false;
        for (int i = 0; i < training->member_count; i++)
            any = any || member_trains(training, &training->members[i]);
    }
    for (int i = 0; i < training->member_count; i++)
        memcpy(training->members[i].net.parameters, training->members[i].best,
               training->members[i].net.parameter_count * sizeof(float));
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
    if (checkpoint_is_in(training->checkpoint, CHECKPOINT_AUTOENCODER))
        TRY(training_get(team, training, err));
    checkpoint_begin(training->checkpoint, CHECKPOINT_AUTOENCODER, training->parts, training->part_count);
done:
    return status;
}

void trained_nets_clear(struct trained_net *nets, int count)
{
    for (int i = 0; i < count; i++) {
        net_clear(&nets[i].net);
        free(nets[i].losses);
        nets[i] = (struct trained_net){0};
    }
}

/* Moves the nets out of the training. */
static void result_take(struct training *training, struct autoencoder_result *result)
{
    *result = (struct autoencoder_result){
        .net_count = training->member_count, .held_rows = training->held_rows, .batch = training->batch};
    for (int i = 0; i < training->member_count; i++) {
        struct member *member = &training->members[i];
        const int64_t epochs = member->numbers[MEMBER_EPOCHS];
        result->nets[i] = (struct trained_net){member->net, member->losses, epochs};
        result->epochs = epochs > result->epochs ? epochs : result->epochs;
        result->clamps += member->numbers[MEMBER_CLAMPS];
        member->net = (struct net){0};
        member->losses = NULL;
    }
}

enum status autoencoder_fit(const struct team *team, const struct grid_rows *rows, const uint64_t *ip_hash,
                            size_t columns, const uint8_t *active, const struct model_settings *settings,
                            struct checkpoint *checkpoint, struct autoencoder_result *result,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct training training = {
        .rows = rows, .active = active, .settings = settings, .checkpoint = checkpoint};
    TRY(training_begin(team, &training, ip_hash, columns, err));
    TRY(train(team, &training, err));
    result_take(&training, result);
done:
    checkpoint_begin(checkpoint, CHECKPOINT_AUTOENCODER, NULL, 0);
    training_clear(&training);
    return status;
}

/* An epoch without a look at held-out rows. */
static enum status epoch_go(const struct team *team, struct training *training, double *loss,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct member *member = &training->members[0];
    member_wide_put(member, MEMBER_LOSS_HIGH, 0);
    TRY(epoch_train(team, training, err));
    *loss = epoch_loss(training, member);
    training->numbers[TRAINING_EPOCH]++;
    training->numbers[TRAINING_STEP] = 0;
    // As if every epoch were the best one.
    member->numbers[MEMBER_EPOCHS] = member->numbers[MEMBER_BEST_EPOCH] = training->numbers[TRAINING_EPOCH];
done:
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
    TRY(epoch_go(team, &training, &time->loss, err));
    (void)team_traffic_take(team);
    const double wall_s = clock_seconds(), cpu_s = clock_cpu_seconds();
    int64_t go_on = 1;
    for (time->epochs = 0; go_on; time->epochs++) {
        TRY(epoch_go(team, &training, &time->loss, err));
        go_on = clock_seconds() - wall_s < seconds && time->epochs + 2 < settings->epochs;
        team_max_i64(team, &go_on, 1);
    }
    time->wall_s = clock_seconds() - wall_s;
    time->cpu_s = clock_cpu_seconds() - cpu_s;
    time->sent_bytes = team_traffic_bytes(team);
    time->rows = training.deal.row_count;
done:
    training_clear(&training);
    return status;
}

void autoencoder_result_clear(struct autoencoder_result *result)
{
    trained_nets_clear(result->nets, result->net_count);
    *result = (struct autoencoder_result){0};
}
