/* Reading, with each thing that a file claims compared with what is wanted. */
#include "internal.h"

#include <hdf5_hl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* deflate packs at most 1,032 to 1: what claims to be longer is no file of ours. */
enum { PACKED_MOST = 1032 };

#define HINT_CORRUPT "remove it and run the job again, or take it from a backup"

static enum status reader_fault(const struct store_reader *reader, const char *name, const char *what,
                                struct error *err)
{
    return error_set(err, STATUS_CORRUPT, reader->path, HINT_CORRUPT, "%s: %s", name, what);
}

/* Opens the file with HDF5 alone. */
static enum status file_open(const char *path, hid_t *file, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {.path = path, .status = STATUS_CORRUPT};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    TRY(hdf5_checked(access, &place, "HDF5 has no property list", err));
    TRY(hdf5_checked(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG), &place, "no close degree", err));
#if H5_VERSION_GE(1, 10, 7)
    // A file under its final name never changes; file systems of clusters often refuse locks.
    TRY(hdf5_checked(H5Pset_file_locking(access, false, true), &place, "locks cannot be left out", err));
#endif
    *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    TRY(hdf5_checked(*file, &place, "it is no HDF5 file, or cut off", err));
done:
    hdf5_close(access);
    return status;
}

enum status store_open_local(const char *path, struct store_reader **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    hdf5_quiet();
    TRY(file_check(path, err));
    reader = malloc(sizeof *reader);
    if (reader)
        *reader = (struct store_reader){.path = strdup(path), .file = H5I_INVALID_HID};
    if (!reader || !reader->path) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no memory to read the file");
        goto done;
    }
    TRY(file_open(path, &reader->file, err));
    *out = reader;
    reader = NULL;
done:
    store_close(reader);
    return status;
}

void store_close(struct store_reader *reader)
{
    if (!reader)
        return;
    if (reader->file >= 0) {
        file_check_alone(reader->file);
        (void)H5Fclose(reader->file);
    }
    free(reader->path);
    free(reader);
}

bool store_has(const struct store_reader *reader, const char *name)
{
    return !strchr(name, '/') && H5Lexists(reader->file, name, H5P_DEFAULT) > 0 &&
           H5Oexists_by_name(reader->file, name, H5P_DEFAULT) > 0;
}

/* Whether a dataset is a dimension that netCDF hides. */
static bool is_hidden(hid_t dataset)
{
    static const char start[] = "This is a netCDF dimension but not a netCDF variable.";
    char label[sizeof start] = "";
    if (H5DSis_scale(dataset) <= 0 || H5DSget_scale_name(dataset, label, sizeof label) < 0)
        return false;
    return memcmp(label, start, sizeof start - 1) == 0;
}

/* Reads rank and sizes of a dataset. */
static enum status shape_read(const struct store_reader *reader, const char *name, struct opened *opened,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {reader->path, name, STATUS_CORRUPT};
    hsize_t size[2] = {1, 1};
    hid_t space = H5Dget_space(opened->dataset);
    TRY(hdf5_checked(space, &place, "it has no shape", err));
    opened->rank = H5Sget_simple_extent_ndims(space);
    H5S_class_t class = H5Sget_simple_extent_type(space);
    if (opened->rank < 0 || opened->rank > 2 || (class != H5S_SIMPLE && class != H5S_SCALAR)) {
        status = reader_fault(reader, name, "it has no shape of at most two dimensions", err);
        goto done;
    }
    if (opened->rank > 0)
        TRY(hdf5_checked(H5Sget_simple_extent_dims(space, size, NULL), &place, "it has no shape", err));
    for (int axis = 0; axis < 2; axis++) {
        if (size[axis] > (hsize_t)INT64_MAX) {
            status = reader_fault(reader, name, "it is too long", err);
            goto done;
        }
        opened->shape[axis] = (size_t)size[axis];
    }
done:
    hdf5_close(space);
    return status;
}

enum status variable_open(const struct store_reader *reader, const char *name, struct opened *opened,
                          struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {reader->path, name, STATUS_CORRUPT};
    hid_t type = H5I_INVALID_HID;
    struct opened made = {.dataset = H5I_INVALID_HID};
    if (!store_has(reader, name))
        return reader_fault(reader, name, "the file has no such variable", err);
    made.dataset = H5Dopen2(reader->file, name, H5P_DEFAULT);
    TRY(hdf5_checked(made.dataset, &place, "it is no variable", err));
    TRY(shape_read(reader, name, &made, err));
    type = H5Dget_type(made.dataset);
    TRY(hdf5_checked(type, &place, "it has no type", err));
    made.only_dimension = is_hidden(made.dataset);
    if (made.only_dimension && made.rank != 1) {
        status = reader_fault(reader, name, "it is a dimension, but not 1-D", err);
        goto done;
    }
    if (!made.only_dimension && !type_find(type, &made.type)) {
        status = reader_fault(reader, name, "it has a type that quern does not write", err);
        goto done;
    }
    *opened = made;
    made.dataset = H5I_INVALID_HID;
done:
    hdf5_close(type);
    hdf5_close(made.dataset);
    return status;
}

enum status store_dimension_size(const struct store_reader *reader, const char *name, size_t *size,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    struct opened opened = {.dataset = H5I_INVALID_HID};
    TRY(variable_open(reader, name, &opened, err));
    if (opened.rank != 1 || H5DSis_scale(opened.dataset) <= 0) {
        status = reader_fault(reader, name, "it is no dimension", err);
        goto done;
    }
    *size = opened.shape[0];
done:
    hdf5_close(opened.dataset);
    return status;
}

enum status store_dimension_expect(const struct store_reader *reader, const char *name, size_t expected,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    size_t size = 0;
    TRY(store_dimension_size(reader, name, &size, err));
    if (size != expected)
        status = error_set(err, STATUS_CORRUPT, reader->path, HINT_CORRUPT,
                           "%s: its size is %zu; expected %zu", name, size, expected);
done:
    return status;
}

/* Compares a variable with what is wanted. */
static enum status column_check(const struct store_reader *reader, const struct store_column *column,
                                const struct opened *opened, struct error *err)
{
    enum status status = STATUS_OK;
    int rank = column->dimensions[0] ? column->dimensions[1] ? 2 : 1 : 0;
    if (opened->only_dimension)
        return reader_fault(reader, column->name, "it is a dimension without values", err);
    if (opened->type != column->type)
        return error_set(err, STATUS_CORRUPT, reader->path, HINT_CORRUPT,
                         "%s: its type is %c%zu; expected %c%zu", column->name, type_class(opened->type),
                         store_type_bytes(opened->type), type_class(column->type),
                         store_type_bytes(column->type));
    if (opened->rank != rank)
        return error_set(err, STATUS_CORRUPT, reader->path, HINT_CORRUPT,
                         "%s: it has %d dimensions; expected %d", column->name, opened->rank, rank);
    for (int axis = 0; axis < rank; axis++) {
        size_t size = 0;
        TRY(store_dimension_size(reader, column->dimensions[axis], &size, err));
        if (opened->shape[axis] != size)
            return error_set(err, STATUS_CORRUPT, reader->path, HINT_CORRUPT,
                             "%s: its length is %zu; its dimension %s has %zu", column->name,
                             opened->shape[axis], column->dimensions[axis], size);
    }
done:
    return status;
}

/* Whether the file can hold as much as the variable claims. */
static bool is_plausible(const struct opened *opened)
{
    unsigned __int128 claimed =
        (unsigned __int128)opened->shape[0] * opened->shape[1] * store_type_bytes(opened->type);
    return claimed <= (unsigned __int128)H5Dget_storage_size(opened->dataset) * PACKED_MOST;
}

enum status variable_read(const struct store_reader *reader, const char *name, const struct opened *opened,
                          size_t first_row, size_t row_count, void *values, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {reader->path, name, STATUS_CORRUPT};
    hid_t file = H5I_INVALID_HID, memory = H5I_INVALID_HID;
    hsize_t start[2] = {first_row, 0}, size[2] = {row_count, opened->shape[1]};
    if (first_row > opened->shape[0] || row_count > opened->shape[0] - first_row)
        return error_set(err, STATUS_CORRUPT, reader->path, HINT_CORRUPT,
                         "%s: it has %zu rows; expected %zu from row %zu on", name, opened->shape[0],
                         row_count, first_row);
    if (row_count == 0 || opened->shape[1] == 0)
        return STATUS_OK;
    if (!is_plausible(opened))
        return reader_fault(reader, name, "it claims more values than the file holds", err);
    file = H5Dget_space(opened->dataset);
    TRY(hdf5_checked(file, &place, "it has no shape", err));
    memory = opened->rank > 0 ? H5Screate_simple(opened->rank, size, NULL) : H5Screate(H5S_SCALAR);
    TRY(hdf5_checked(memory, &place, "its rows cannot be selected", err));
    if (opened->rank > 0)
        TRY(hdf5_checked(H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, size, NULL), &place,
                         "its rows cannot be selected", err));
    TRY(hdf5_checked(H5Dread(opened->dataset, type_hdf5(opened->type), memory, file, H5P_DEFAULT, values),
                     &place, "its values cannot be read", err));
    TRY(values_check_finite(opened->type, values, row_count * opened->shape[1], first_row * opened->shape[1],
                            &place, err));
done:
    hdf5_close(memory);
    hdf5_close(file);
    return status;
}

enum status store_variable_type(const struct store_reader *reader, const char *name, enum store_type *type,
                                struct error *err)
{
    struct opened opened = {.dataset = H5I_INVALID_HID};
    enum status status = variable_open(reader, name, &opened, err);
    if (status == STATUS_OK && opened.only_dimension)
        status = reader_fault(reader, name, "it is a dimension without values", err);
    *type = opened.type;
    hdf5_close(opened.dataset);
    return status;
}

enum status store_get(const struct store_reader *reader, const struct store_column *column, size_t first_row,
                      size_t row_count, void *values, struct error *err)
{
    enum status status = STATUS_OK;
    struct opened opened = {.dataset = H5I_INVALID_HID};
    TRY(variable_open(reader, column->name, &opened, err));
    TRY(column_check(reader, column, &opened, err));
    TRY(variable_read(reader, column->name, &opened, first_row, row_count, values, err));
done:
    hdf5_close(opened.dataset);
    return status;
}
