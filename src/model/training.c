#include "training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t member_sums(const struct training *training)
{
    return training->members[0].net.parameter_count + 3;
}

int128 member_wide(const struct member *member, enum member_number high)
{
    return (int128)((uint128)(uint64_t)member->numbers[high] << 64 | (uint64_t)member->numbers[high + 1]);
}

void member_wide_put(struct member *member, enum member_number high, int128 value)
{
    member->numbers[high] = (int64_t)((uint128)value >> 64);
    member->numbers[high + 1] = (int64_t)(uint64_t)value;
}

static enum status member_make_local(const struct model_settings *settings, size_t columns, int number,
                                     struct member *member, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(net_make((int)columns, settings->hidden, settings->hidden_count, &member->net, err));
    TRY(optimizer_make(&member->net, &member->optimizer, err));
    member->best = calloc(member->net.parameter_count, sizeof *member->best);
    member->losses = calloc((size_t)settings->epochs, sizeof *member->losses);
    if (!member->best || !member->losses)
        TRY(model_no_memory("autoencoder", member->net.parameter_count, err));
    net_draw(&member->net, settings->autoencoder_seed + (uint64_t)number);
    member_wide_put(member, MEMBER_LEAST_HIGH, -1);
done:
    return status;
}

static void part_add(struct training *training, const char *name, int number, enum store_type type,
                     void *values, size_t count)
{
    const size_t at = training->part_count++;
    (void)snprintf(training->part_names[at], sizeof training->part_names[at], "autoencoder_%s_%d", name,
                   number);
    training->parts[at] = (struct checkpoint_part){training->part_names[at], type, count, values};
}

static void parts_add(struct training *training)
{
    part_add(training, "number", 0, STORE_I64, training->numbers, TRAINING_NUMBERS);
    for (int i = 0; i < training->member_count; i++) {
        struct member *member = &training->members[i];
        const size_t count = member->net.parameter_count;
        part_add(training, "net_number", i, STORE_I64, member->numbers, MEMBER_NUMBERS);
        part_add(training, "power", i, STORE_F64, member->optimizer.powers, 2);
        part_add(training, "parameter", i, STORE_F32, member->net.parameters, count);
        part_add(training, "best", i, STORE_F32, member->best, count);
        part_add(training, "mean", i, STORE_F32, member->optimizer.mean, count);
        part_add(training, "square", i, STORE_F32, member->optimizer.square, count);
        part_add(training, "loss", i, STORE_F64, member->losses, 2 * (size_t)training->settings->epochs);
    }
}

_Static_assert(sizeof(struct loss_point) == 2 * sizeof(double), "a loss is stored as two numbers");

enum status training_make_local(struct training *training, size_t columns, struct error *err)
{
    enum status status = STATUS_OK;
    int active_count = 0;
    training->member_count = model_nets(training->settings);
    for (int i = 0; i < training->member_count; i++)
        TRY(member_make_local(training->settings, columns, i, &training->members[i], err));
    TRY(net_work_make(&training->members[0].net, &training->work, err));
    const size_t sums = member_sums(training) * (size_t)training->member_count + 1;
    training->step_sums = malloc(sums * sizeof *training->step_sums);
    training->roles = malloc(training->rows->count + 1);
    training->trains = malloc(training->rows->count + 1);
    if (!training->step_sums || !training->roles || !training->trains)
        TRY(model_no_memory("autoencoder", sums, err));
    for (size_t c = 0; c < columns; c++)
        active_count += training->active[c] != 0;
    training->unit = 0x1p-32 / (active_count ? active_count : 1);
    parts_add(training);
done:
    return status;
}

void training_clear(struct training *training)
{
    for (int i = 0; i < MODEL_NETS_MOST; i++) {
        struct member *member = &training->members[i];
        net_clear(&member->net);
        optimizer_clear(&member->optimizer);
        free(member->best);
        free(member->losses);
        *member = (struct member){0};
    }
    deal_clear(&training->deal);
    net_work_clear(&training->work);
    free(training->step_sums);
    free(training->roles);
    free(training->trains);
    training->step_sums = NULL;
    training->roles = training->trains = NULL;
}

/* Whether the numbers may stand in an index or a loop. */
static bool numbers_are_bounded(const struct training *training)
{
    const int64_t epochs = training->settings->epochs, *numbers = training->numbers;
    if (numbers[TRAINING_EPOCH] < 0 || numbers[TRAINING_EPOCH] >= epochs || numbers[TRAINING_STEP] < 0 ||
        numbers[TRAINING_STEP] > deal_steps(&training->deal) || numbers[TRAINING_STEPS_DONE] < 0)
        return false;
    for (int i = 0; i < training->member_count; i++) {
        const int64_t *of = training->members[i].numbers;
        if (of[MEMBER_EPOCHS] < 0 || of[MEMBER_EPOCHS] > numbers[TRAINING_EPOCH] ||
            of[MEMBER_BEST_EPOCH] < 0 || of[MEMBER_BEST_EPOCH] > of[MEMBER_EPOCHS])
            return false;
    }
    return true;
}

enum status training_get(const struct team *team, struct training *training, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(checkpoint_get(team, training->checkpoint, training->parts, training->part_count, err));
    if (!numbers_are_bounded(training))
        TRY(checkpoint_corrupt(training->checkpoint, "autoencoder_number_0", err));
done:
    return status;
}
