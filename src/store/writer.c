#include "internal.h"
#include "parallel/handle.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Memory for a file of one rank grows by this much. */
enum { IMAGE_STEP_BYTES = 4 << 20 };

/* Makes the writer in memory. The temporary name is drawn, so that two jobs that write the same file do not
 * write into each other's. */
static enum status writer_new(const char *path, uint64_t draw, bool owner, bool together,
                              struct store_writer **out, struct error *err)
{
    size_t room = strlen(path) + sizeof ".part-0123456789abcdef";
    struct store_writer *writer = calloc(1, sizeof *writer);
    if (writer) {
        *writer = (struct store_writer){.owner = owner, .together = together, .file = H5I_INVALID_HID};
        writer->path = strdup(path);
        writer->temporary = malloc(room);
        writer->packer = together ? NULL : packer_new();
    }
    if (!writer || !writer->path || !writer->temporary || (!together && !writer->packer)) {
        store_abandon_local(writer);
        return error_set(err, STATUS_NO_MEMORY, path, "", "no memory to write the file");
    }
    (void)snprintf(writer->temporary, room, "%s.part-%016llx", path, (unsigned long long)draw);
    *out = writer;
    return STATUS_OK;
}

static uint64_t name_draw(void)
{
    uint64_t draw = 0;
    if (getrandom(&draw, sizeof draw, GRND_NONBLOCK) != (ssize_t)sizeof draw)
        draw = (uint64_t)getpid();
    return draw;
}

/* Frees the writer but not the file; `unlinked` removes the temporary one. */
static void writer_free(struct store_writer *writer, bool unlinked)
{
    if (writer->file >= 0) {
        file_check_alone(writer->file);
        (void)H5Fclose(writer->file);
    }
    if (unlinked && writer->owner && writer->temporary)
        (void)unlink(writer->temporary);
    attributes_free(writer);
    free(writer->dimensions);
    free(writer->partials);
    packer_free(writer->packer);
    free(writer->temporary);
    free(writer->path);
    free(writer);
}

/* Chunks that are smaller than this are not worth the room that an aligned one wastes. */
enum { ALIGNED_LEAST_BYTES = 64 << 10 };

/* MPI-IO, with the hints of the layout: ROMIO and OMPIO know them by these names. */
static enum status access_together(hid_t access, MPI_Comm comm, const struct store_layout *layout,
                                   const struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    char number[24];
    MPI_Info hints;
    MPI_Info_create(&hints);
    if (layout && layout->stripe_count > 0) {
        (void)snprintf(number, sizeof number, "%" PRId64, layout->stripe_count);
        MPI_Info_set(hints, "striping_factor", number);
    }
    if (layout && layout->stripe_bytes > 0) {
        (void)snprintf(number, sizeof number, "%" PRId64, layout->stripe_bytes);
        MPI_Info_set(hints, "striping_unit", number);
        TRY(hdf5_checked(H5Pset_alignment(access, ALIGNED_LEAST_BYTES, (hsize_t)layout->stripe_bytes), place,
                         "chunks cannot be aligned", err));
    }
    TRY(hdf5_checked(H5Pset_fapl_mpio(access, comm, hints), place, "MPI-IO is missing", err));
done:
    MPI_Info_free(&hints);
    return status;
}

/* Opens the temporary file with HDF5, all ranks together when comm is not MPI_COMM_NULL. A file of one rank
 * is built in memory and written by ourselves: a file that HDF5 1.10 cannot close, for want of disk, it never
 * gives up, and it would fail again at the program's end. */
static enum status writer_open(struct store_writer *writer, MPI_Comm comm, const struct store_layout *layout,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {.path = writer->path, .status = STATUS_IO};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    TRY(hdf5_checked(access, &place, "HDF5 has no property list", err));
    TRY(hdf5_checked(create, &place, "HDF5 has no property list", err));
    if (comm != MPI_COMM_NULL)
        TRY(access_together(access, comm, layout, &place, err));
    else
        TRY(hdf5_checked(H5Pset_fapl_core(access, IMAGE_STEP_BYTES, false), &place, "no memory file", err));
    // STRONG: a handle that is still open after a fault does not keep the file open. mpio has STRONG anyway.
    TRY(hdf5_checked(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG), &place, "no close degree", err));
    // NONE: space once freed is not used again, since its order would depend on the number of ranks.
    TRY(hdf5_checked(H5Pset_file_space_strategy(create, H5F_FSPACE_STRATEGY_NONE, false, 1), &place,
                     "no file space strategy", err));
    // The root group has times as soon as it tracks the order of creation.
    TRY(hdf5_checked(H5Pset_obj_track_times(create, false), &place, "times cannot be left out", err));
    TRY(hdf5_checked(H5Pset_link_creation_order(create, order), &place, "no order of creation", err));
    TRY(hdf5_checked(H5Pset_attr_creation_order(create, order), &place, "no order of creation", err));
    writer->file = H5Fcreate(writer->temporary, H5F_ACC_TRUNC, create, access);
    TRY(hdf5_checked(writer->file, &place, "cannot make the file", err));
done:
    hdf5_close(create);
    hdf5_close(access);
    return status;
}

/* What netCDF and CF want at the root. */
static enum status writer_begin(struct store_writer *writer, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {.path = writer->path, .status = STATUS_IO};
    unsigned major = 0, minor = 0, release = 0;
    char properties[64];
    (void)H5get_libversion(&major, &minor, &release);
    (void)snprintf(properties, sizeof properties, "version=2,hdf5=%u.%u.%u", major, minor, release);
    TRY(attribute_write_text(writer->file, "_NCProperties", properties, &place, err));
    TRY(attribute_write_text(writer->file, "Conventions", "CF-1.10", &place, err));
done:
    return status;
}

enum status store_create_local(const char *path, struct store_writer **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    hdf5_quiet();
    TRY(writer_new(path, name_draw(), true, false, &writer, err));
    assert(writer);
    TRY(file_make(writer->temporary, path, err));
    TRY(writer_open(writer, MPI_COMM_NULL, NULL, err));
    TRY(writer_begin(writer, err));
    *out = writer;
    writer = NULL;
done:
    store_abandon_local(writer);
    return status;
}

enum status store_create(const struct team *team, const char *path, struct store_writer **out,
                         struct error *err)
{
    return store_create_laid(team, path, NULL, out, err);
}

enum status store_create_laid(const struct team *team, const char *path, const struct store_layout *layout,
                              struct store_writer **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    if (team_comm(team) == MPI_COMM_NULL)
        return store_create_local(path, out, err);
    hdf5_quiet();
    bool owner = team_rank(team) == 0;
    uint64_t draw = name_draw();
    team_broadcast(team, &draw, sizeof draw, 0);
    TRY(team_agree(team, writer_new(path, draw, owner, true, &writer, err), err));
    assert(writer);
    TRY(team_agree(team, owner ? file_make(writer->temporary, path, err) : STATUS_OK, err));
    TRY(team_agree(team, writer_open(writer, team_comm(team), layout, err), err));
    TRY(team_agree(team, writer_begin(writer, err), err));
    *out = writer;
    writer = NULL;
done:
    store_abandon(team, writer);
    return status;
}

void store_abandon_local(struct store_writer *writer)
{
    if (writer)
        writer_free(writer, true);
}

void store_abandon(const struct team *team, struct store_writer *writer)
{
    (void)team;  // HDF5 closes the file together by its own communicator
    store_abandon_local(writer);
}

/* Dimensions that no column used, attributes, and HDF5's own buffers. */
static enum status writer_complete(struct store_writer *writer, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {.path = writer->path, .status = STATUS_IO};
    TRY(partials_check(writer, err));
    for (size_t number = 0; number < writer->dimension_count; number++)
        TRY(dimension_make(writer, number, err));
    TRY(attributes_write(writer, err));
    TRY(hdf5_checked(H5Fflush(writer->file, H5F_SCOPE_GLOBAL), &place, "cannot write the file", err));
done:
    return status;
}

/* Closes HDF5's side of the file. */
static enum status writer_close(struct store_writer *writer, struct error *err)
{
    const struct place place = {.path = writer->path, .status = STATUS_IO};
    file_check_alone(writer->file);
    herr_t closed = H5Fclose(writer->file);
    writer->file = H5I_INVALID_HID;
    return hdf5_checked(closed, &place, "cannot write the file", err);
}

/* Writes what HDF5 built in memory to the temporary file. */
static enum status image_write(struct store_writer *writer, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {.path = writer->path, .status = STATUS_IO};
    void **image = NULL;
    // Without a buffer it only says how many bytes there are; a copy of them would double the memory.
    ssize_t bytes = H5Fget_file_image(writer->file, NULL, 0);
    TRY(hdf5_checked(bytes, &place, "cannot build the file", err));
    TRY(hdf5_checked(H5Fget_vfd_handle(writer->file, H5P_DEFAULT, (void **)&image), &place,
                     "cannot build the file", err));
    TRY(file_write(writer->temporary, writer->path, *image, (size_t)bytes, err));
done:
    return status;
}

enum status store_finish_local(struct store_writer *writer, struct error *err)
{
    enum status status = STATUS_OK;
    bool whole = false;
    TRY(writer_complete(writer, err));
    TRY(image_write(writer, err));
    TRY(writer_close(writer, err));
    TRY(file_seal(writer->temporary, writer->path, err));
    whole = true;
done:
    writer_free(writer, !whole);
    return status;
}

enum status store_finish(const struct team *team, struct store_writer *writer, struct error *err)
{
    enum status status = STATUS_OK;
    bool whole = false;
    if (!writer->together)
        return team_agree(team, store_finish_local(writer, err), err);
    TRY(team_agree(team, writer_complete(writer, err), err));
    TRY(team_agree(team, writer_close(writer, err), err));
    TRY(team_agree(team, writer->owner ? file_seal(writer->temporary, writer->path, err) : STATUS_OK, err));
    whole = true;
done:
    writer_free(writer, !whole);
    return status;
}
