#include "checkpoint.h"

#include "base/clock.h"
#include "parallel/stop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1
#define KEPT_MOST 8
#define DUE ((int64_t)1 << 32)  // a signal: above what the ranks' wishes to stop add up to
#define HINT "remove the file to train anew, or go on with what it is of"

static const char *const PHASE_NAMES[CHECKPOINT_PHASES] = {"kmeans2", "kmeans", "autoencoder"};

struct checkpoint {
    const struct model_checkpoint *plan;
    const struct identity *identity;
    bool is_writer;  // rank 0
    int64_t found;  // phase of the file that was found, −1: there was none
    double written_s;  // clock_seconds
    enum checkpoint_phase phase;
    const struct checkpoint_part *parts;  // [part_count] of the phase
    size_t part_count;
    struct checkpoint_part kept[KEPT_MOST];
    size_t kept_count;
};

/* ---- the file ---- */

/* A part as a column of one dimension; `dimension` is room for its name. */
static struct store_column part_column(const struct checkpoint_part *part, char dimension[STORE_NAME_BYTES])
{
    (void)snprintf(dimension, STORE_NAME_BYTES, "%.48s_entry", part->name);
    return (struct store_column){.name = part->name, .type = part->type, .dimensions = {dimension, NULL}};
}

static enum status parts_put_local(struct store_writer *writer, const struct checkpoint_part *parts,
                                   size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        char dimension[STORE_NAME_BYTES];
        const struct store_column column = part_column(&parts[i], dimension);
        TRY(store_dimension(writer, dimension, parts[i].count, err));
        TRY(store_put_local(writer, &column, parts[i].values, err));
    }
done:
    return status;
}

static enum status file_write_local(const struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    const struct identity *identity = checkpoint->identity;
    TRY(store_create_local(checkpoint->plan->path, &writer, err));
    TRY(store_attribute_i64(writer, NULL, "checkpoint_version", VERSION, err));
    TRY(store_attribute_i64(writer, NULL, "phase", (int64_t)checkpoint->phase, err));
    TRY(store_attribute_text(writer, NULL, "fit_settings", identity->settings, err));
    TRY(store_attribute_text(writer, NULL, "fit_rows", identity->rows, err));
    TRY(parts_put_local(writer, checkpoint->kept, checkpoint->kept_count, err));
    TRY(parts_put_local(writer, checkpoint->parts, checkpoint->part_count, err));
    struct store_writer *whole = writer;
    writer = NULL;
    TRY(store_finish_local(whole, err));
done:
    store_abandon_local(writer);
    return status;
}

static enum status file_read_local(struct checkpoint *checkpoint, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct identity other = {0};
    int64_t version = 0, phase = -1;
    const char *path = checkpoint->plan->path;
    TRY(store_open_local(path, &reader, err));
    if (!store_has_attribute(reader, NULL, "checkpoint_version"))
        TRY(error_set(err, STATUS_MISMATCH, path, HINT, "this file holds no checkpoint"));
    TRY(store_get_attribute_i64(reader, NULL, "checkpoint_version", &version, err));
    if (version != VERSION)
        TRY(error_set(err, STATUS_MISMATCH, path, HINT, "a checkpoint of version %" PRId64 ", expected %d",
                      version, VERSION));
    TRY(store_get_attribute_text(reader, NULL, "fit_settings", other.settings, sizeof other.settings, err));
    TRY(store_get_attribute_text(reader, NULL, "fit_rows", other.rows, sizeof other.rows, err));
    TRY(identity_compare(path, HINT, &other, checkpoint->identity, err));
    TRY(store_get_attribute_i64(reader, NULL, "phase", &phase, err));
    if (phase < 0 || phase >= CHECKPOINT_PHASES)
        TRY(checkpoint_corrupt(checkpoint, "phase", err));
    checkpoint->found = phase;
done:
    store_close(reader);
    return status;
}

/* Rank 0 looks; a file that is not there is no fault. */
static enum status file_find_local(struct checkpoint *checkpoint, struct error *err)
{
    struct stat there;
    if (stat(checkpoint->plan->path, &there) != 0 && errno == ENOENT)
        return STATUS_OK;
    return file_read_local(checkpoint, err);
}

static enum status parts_get_local(const struct checkpoint *checkpoint, const struct checkpoint_part *parts,
                                   size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    TRY(store_open_local(checkpoint->plan->path, &reader, err));
    for (size_t i = 0; i < count; i++) {
        char dimension[STORE_NAME_BYTES];
        const struct store_column column = part_column(&parts[i], dimension);
        TRY(store_dimension_expect(reader, dimension, parts[i].count, err));
        TRY(store_get(reader, &column, 0, parts[i].count, parts[i].values, err));
    }
done:
    store_close(reader);
    return status;
}

/* ---- the fit's side ---- */

enum status checkpoint_open(const struct team *team, const struct model_checkpoint *plan,
                            const struct identity *identity, struct checkpoint **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct checkpoint *checkpoint = NULL;
    *out = NULL;
    if (!plan || !plan->path)
        return STATUS_OK;
    checkpoint = calloc(1, sizeof *checkpoint);
    TRY(team_agree(team, checkpoint ? STATUS_OK : model_no_memory("checkpoint", 1, err), err));
    *checkpoint = (struct checkpoint){.plan = plan,
                                      .identity = identity,
                                      .is_writer = team_rank(team) == 0,
                                      .found = -1,
                                      .written_s = clock_seconds()};
    TRY(team_agree(team, checkpoint->is_writer ? file_find_local(checkpoint, err) : STATUS_OK, err));
    team_broadcast(team, &checkpoint->found, sizeof checkpoint->found, 0);
    *out = checkpoint;
    checkpoint = NULL;
done:
    free(checkpoint);
    return status;
}

void checkpoint_free(struct checkpoint *checkpoint)
{
    free(checkpoint);
}

bool checkpoint_is_in(const struct checkpoint *checkpoint, enum checkpoint_phase phase)
{
    return checkpoint && checkpoint->found == (int64_t)phase;
}

bool checkpoint_is_past(const struct checkpoint *checkpoint, enum checkpoint_phase phase)
{
    return checkpoint && checkpoint->found > (int64_t)phase;
}

enum status checkpoint_get(const struct team *team, const struct checkpoint *checkpoint,
                           const struct checkpoint_part *parts, size_t part_count, struct error *err)
{
    enum status had = checkpoint->is_writer ? parts_get_local(checkpoint, parts, part_count, err) : STATUS_OK;
    enum status status = team_agree(team, had, err);
    for (size_t i = 0; status == STATUS_OK && i < part_count; i++)
        team_broadcast(team, parts[i].values, parts[i].count * store_type_bytes(parts[i].type), 0);
    return status;
}

enum status checkpoint_corrupt(const struct checkpoint *checkpoint, const char *part, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, checkpoint->plan->path, "remove the file to train anew",
                     "%s: a value is out of bounds", part);
}

void checkpoint_begin(struct checkpoint *checkpoint, enum checkpoint_phase phase,
                      const struct checkpoint_part *parts, size_t part_count)
{
    if (!checkpoint)
        return;
    checkpoint->phase = phase;
    checkpoint->parts = parts;
    checkpoint->part_count = part_count;
}

void checkpoint_keep(struct checkpoint *checkpoint, const struct checkpoint_part *part)
{
    if (!checkpoint)
        return;
    checkpoint->part_count = 0;  // the phase is over
    if (checkpoint->kept_count < KEPT_MOST)
        checkpoint->kept[checkpoint->kept_count++] = *part;
}

int64_t checkpoint_signal(const struct checkpoint *checkpoint)
{
    if (!checkpoint)
        return 0;
    const bool is_due =
        checkpoint->is_writer && clock_seconds() - checkpoint->written_s >= checkpoint->plan->every_s;
    return (is_due ? DUE : 0) + (stop_asked() ? 1 : 0);
}

enum status checkpoint_look(const struct team *team, struct checkpoint *checkpoint, int64_t signals,
                            struct error *err)
{
    enum status status = STATUS_OK;
    if (!checkpoint || signals == 0)
        return STATUS_OK;
    TRY(team_agree(team, checkpoint->is_writer ? file_write_local(checkpoint, err) : STATUS_OK, err));
    checkpoint->written_s = clock_seconds();
    if (signals % DUE != 0)
        status = error_set(err, STATUS_STOPPED, "signal", "run the same job again: it goes on from there",
                           "stopped in the training (%s); the state is in %.100s",
                           PHASE_NAMES[checkpoint->phase], checkpoint->plan->path);
done:
    return status;
}

enum status model_checkpoint_remove(const struct team *team, const struct model_checkpoint *plan,
                                    struct error *err)
{
    enum status had = STATUS_OK;
    if (plan->path && team_rank(team) == 0 && unlink(plan->path) != 0 && errno != ENOENT)
        had = error_set(err, STATUS_IO, plan->path, "remove it by hand", "cannot be removed: %s",
                        strerror(errno));
    return team_agree(team, had, err);
}
