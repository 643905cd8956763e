/** The state of a training of the autoencoder, which a checkpoint takes between two steps. */
#ifndef MODEL_TRAINING_H
#define MODEL_TRAINING_H

#include "checkpoint.h"
#include "deal.h"
#include "kmeans.h"
#include "net.h"
#include "optimizer.h"

/** Numbers of the whole training, and of each net. */
enum training_number { TRAINING_EPOCH, TRAINING_STEP, TRAINING_STEPS_DONE, TRAINING_NUMBERS };
enum member_number {
    MEMBER_EPOCHS,  // epochs run; it is done when that is below TRAINING_EPOCH
    MEMBER_BEST_EPOCH,  // from 1; 0: none yet
    MEMBER_CLAMPS,
    MEMBER_LOSS_HIGH,  // of this epoch's rows so far, in 2^-32
    MEMBER_LOSS_LOW,
    MEMBER_LEAST_HIGH,  // the least held-out loss, −1 before the first
    MEMBER_LEAST_LOW,
    MEMBER_NUMBERS
};

/** A net while it trains. */
struct member {
    struct net net;
    struct optimizer optimizer;
    float *best;  // [parameter_count]
    struct loss_point *losses;  // [settings->epochs]
    int64_t numbers[MEMBER_NUMBERS];
};

#define MEMBER_PARTS 7
#define TRAINING_PARTS (1 + MEMBER_PARTS * MODEL_NETS_MOST)

struct training {
    const struct grid_rows *rows;
    const uint8_t *active;
    const struct model_settings *settings;
    struct checkpoint *checkpoint;
    uint8_t *roles;  // [rows->count] ROW_TRAINS, ROW_HELD or both
    uint8_t *trains;  // [rows->count] whether it trains
    int64_t held_rows;
    double unit;  // of a loss: 1/(2^32 · active features)
    int batch;
    struct deal deal;
    struct net_work work;
    int64_t *step_sums;  // [member_count][parameter_count + 3] gradient, loss, rows, clamps; the signals
    int64_t numbers[TRAINING_NUMBERS];
    struct member members[MODEL_NETS_MOST];
    int member_count;
    struct checkpoint_part parts[TRAINING_PARTS];
    char part_names[TRAINING_PARTS][32];
    size_t part_count;
};

enum { ROW_TRAINS = 1, ROW_HELD = 2 };

/** Makes all but the deal; end it with training_clear, also after a failure. Local. */
MUST_CHECK enum status training_make_local(struct training *training, size_t columns, struct error *err);

/** Frees what it holds and makes it empty. Local. */
void training_clear(struct training *training);

/** Returns how many sums of a step a net has. Local. */
size_t member_sums(const struct training *training);

/** Returns a number of 128 bits whose halves stand at `high` and behind it. Local. */
int128 member_wide(const struct member *member, enum member_number high);

/** Puts a number of 128 bits into the halves at `high` and behind it. Local. */
void member_wide_put(struct member *member, enum member_number high, int128 value);

/** Takes over what an earlier training left in the checkpoint. Collective. */
MUST_CHECK enum status training_get(const struct team *team, struct training *training, struct error *err);

#endif
