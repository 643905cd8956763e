/**
 * A fit that was stopped goes on: what the phases keep, on disk now and then, and back again.
 *
 *     checkpoint_open ─► kmeans2 ─► kmeans ─► autoencoder ─► model.h5, and the file is removed
 *                          └─ each: checkpoint_begin … checkpoint_look, checkpoint_look, … checkpoint_keep
 *
 * A phase begins with the parts that change while it works, looks between its steps whether a checkpoint is
 * due, and ends with the part that stays: its result, from which the model's numbers are worked out again.
 * The state between two steps is the same on every rank, so rank 0 writes the file, and any number of ranks
 * goes on with it, to the same bits. Labels of rows and other things of a rank's own are not stored: a pass
 * is gone through again.
 *
 * The file is one of the store's: replaced as a whole, with a checksum. It says by content which rows and
 * settings it is of (identity.h).
 */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include "internal.h"

#include "identity.h"

#include "store/store.h"

enum checkpoint_phase { CHECKPOINT_KMEANS2, CHECKPOINT_KMEANS, CHECKPOINT_AUTOENCODER, CHECKPOINT_PHASES };

/** Numbers of one type, the same on every rank; a variable of the file. */
struct checkpoint_part {
    const char *name;
    enum store_type type;
    size_t count;
    void *values;  // [count], borrowed
};

struct checkpoint;

/**
 * Looks for a checkpoint, and makes ready to write others. Collective.
 *
 * @param plan      borrowed until checkpoint_free; without a path `out` becomes NULL: there are no
 * checkpoints
 * @param identity  borrowed until checkpoint_free; of this fit
 * @param out       returns new; free it with checkpoint_free
 * @return          STATUS_MISMATCH when it is of other settings or rows, or of another version;
 * STATUS_CORRUPT when it is damaged; agreed on
 */
MUST_CHECK enum status checkpoint_open(const struct team *team, const struct model_checkpoint *plan,
                                       const struct identity *identity, struct checkpoint **out,
                                       struct error *err);

/** Takes the checkpoint, or NULL. Its file stays. Local. */
void checkpoint_free(struct checkpoint *checkpoint);

/** Returns whether the file that was found was written in this phase; false for NULL. Local. */
bool checkpoint_is_in(const struct checkpoint *checkpoint, enum checkpoint_phase phase);

/** Returns whether the file that was found was written in a later phase; false for NULL. Local. */
bool checkpoint_is_past(const struct checkpoint *checkpoint, enum checkpoint_phase phase);

/**
 * Fills parts from the file that was found. Collective.
 *
 * @return  STATUS_CORRUPT when a part is not there or of another size, agreed on
 */
MUST_CHECK enum status checkpoint_get(const struct team *team, const struct checkpoint *checkpoint,
                                      const struct checkpoint_part *parts, size_t part_count,
                                      struct error *err);

/** Returns STATUS_CORRUPT with the name of a part whose content cannot be right. Local. */
MUST_CHECK enum status checkpoint_corrupt(const struct checkpoint *checkpoint, const char *part,
                                          struct error *err);

/** Begins a phase whose state is in `parts`, borrowed until the next phase begins; NULL is fine. Local. */
void checkpoint_begin(struct checkpoint *checkpoint, enum checkpoint_phase phase,
                      const struct checkpoint_part *parts, size_t part_count);

/** Keeps what a phase found, borrowed from now on, in the checkpoints of later phases; NULL is fine. Local.
 */
void checkpoint_keep(struct checkpoint *checkpoint, const struct checkpoint_part *part);

/**
 * Returns what this rank adds to the next sum over ranks: whether it was asked to stop, and on rank 0 whether
 * a checkpoint is due by time. 0 for NULL. Local.
 */
int64_t checkpoint_signal(const struct checkpoint *checkpoint);

/**
 * Writes a checkpoint if the sum of the ranks' signals asks for one. Collective.
 *
 * @param signals  Σ checkpoint_signal over the ranks
 * @return         STATUS_STOPPED when any rank was asked to stop, after the file is on disk; STATUS_IO when
 * it cannot be written; agreed on
 */
MUST_CHECK enum status checkpoint_look(const struct team *team, struct checkpoint *checkpoint,
                                       int64_t signals, struct error *err);

#endif
