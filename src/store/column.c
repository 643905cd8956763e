/* Columns on their way into the file. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chunk is as many whole rows as come to half a MiB: a function of the column's shape alone. */
enum { CHUNK_BYTES = 512 << 10 };

/* HDF5 and ISA-L count a chunk's bytes in 32 bits, and a chunk has at least a row. */
enum { ROW_BYTES_MOST = 1 << 29 };

/* A column's shape in the file. */
struct shape {
    int rank;
    size_t dimensions[2];  // their numbers
    size_t rows;  // 1 for a scalar
    size_t row_values;
    size_t chunk_rows;  // 0: not chunked
    bool coordinate;
};

static enum status column_fault(const struct store_writer *writer, const struct store_column *column,
                                const char *what, struct error *err)
{
    return error_set(err, STATUS_FAILED, writer->path, "", "%s: %s", column->name, what);
}

static bool too_long(const char *text)
{
    return text && strlen(text) >= STORE_TEXT_BYTES;
}

static enum status shape_find(const struct store_writer *writer, const struct store_column *column,
                              struct shape *shape, struct error *err)
{
    enum status status = STATUS_OK;
    *shape = (struct shape){.rows = 1, .row_values = 1};
    TRY(name_check(writer->path, column->name, err));
    if (too_long(column->units) || too_long(column->long_name))
        return column_fault(writer, column, "its units or long_name is too long", err);
    if (column->flag_meanings && column->type != STORE_I8)
        return column_fault(writer, column, "an enumeration is of type STORE_I8", err);
    for (int axis = 0; axis < 2 && column->dimensions[axis]; axis++) {
        size_t number = dimension_find(writer, column->dimensions[axis]);
        if (number == writer->dimension_count)
            return column_fault(writer, column, "it has a dimension that was not said before", err);
        shape->dimensions[axis] = number;
        *(axis == 0 ? &shape->rows : &shape->row_values) = writer->dimensions[number].size;
        shape->rank++;
    }
    size_t self = dimension_find(writer, column->name);
    shape->coordinate = self < writer->dimension_count;
    if (shape->coordinate &&
        (shape->rank != 1 || shape->dimensions[0] != self || writer->dimensions[self].made))
        return column_fault(writer, column,
                            "a coordinate is 1-D and comes before its dimension's other columns", err);
    size_t width = store_type_bytes(column->type);
    if (shape->row_values > ROW_BYTES_MOST / width || shape->rows > (size_t)INT64_MAX / ROW_BYTES_MOST)
        return error_set(err, STATUS_LIMIT, writer->path, "", "%s: its rows are too long or too many",
                         column->name);
    size_t row_bytes = shape->row_values * width;
    if (shape->rows > 1 && row_bytes > 0) {
        size_t fits = CHUNK_BYTES / row_bytes;
        shape->chunk_rows = fits < 1 ? 1 : fits < shape->rows ? fits : shape->rows;
    }
done:
    return status;
}

/* The column's units, names and meanings, as CF wants them. */
static enum status column_describe(const struct store_column *column, hid_t dataset,
                                   const struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    if (column->units && column->units[0])
        TRY(attribute_write_text(dataset, "units", column->units, place, err));
    if (column->units && strstr(column->units, " since "))
        TRY(attribute_write_text(dataset, "calendar", "standard", place, err));
    if (column->long_name && column->long_name[0])
        TRY(attribute_write_text(dataset, "long_name", column->long_name, place, err));
    if (column->type == STORE_CHAR)
        TRY(attribute_write_text(dataset, "_Encoding", "utf-8", place, err));
    if (column->flag_meanings) {
        int8_t values[128];
        size_t count = 0;
        for (const char *c = column->flag_meanings; *c; c++) {
            bool starts = *c != ' ' && (c == column->flag_meanings || c[-1] == ' ');
            if (starts && count < sizeof values) {
                values[count] = (int8_t)count;
                count++;
            }
        }
        if (count == 0)
            return error_set(err, STATUS_FAILED, place->path, "", "%s: it has no flag meanings", place->name);
        TRY(attribute_write_numbers(dataset, "flag_values", STORE_I8, count, values, place, err));
        TRY(attribute_write_text(dataset, "flag_meanings", column->flag_meanings, place, err));
    }
done:
    return status;
}

/* Ties the column to its dimensions, which are in the file. */
static enum status column_attach(struct store_writer *writer, const struct shape *shape, hid_t dataset,
                                 const struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    int32_t ids[2] = {0, 0};
    if (shape->coordinate)
        return dimension_become(writer, shape->dimensions[0], dataset, err);
    if (shape->rank == 0)
        return STATUS_OK;
    for (int axis = 0; axis < shape->rank; axis++)
        ids[axis] = (int32_t)shape->dimensions[axis];
    TRY(attribute_write_numbers(dataset, "_Netcdf4Coordinates", STORE_I32, (size_t)shape->rank, ids, place,
                                err));
    for (int axis = 0; axis < shape->rank; axis++)
        TRY(dimension_attach(writer, shape->dimensions[axis], dataset, axis, err));
done:
    return status;
}

/* Chunks and filters of a new dataset. */
static enum status plan_filters(hid_t plan, const struct store_writer *writer, const struct shape *shape,
                                size_t width, const struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    hsize_t chunk[2] = {shape->chunk_rows, shape->row_values};
    TRY(hdf5_checked(H5Pset_chunk(plan, shape->rank, chunk), place, "cannot cut it in chunks", err));
    if (width > 1)
        TRY(hdf5_checked(H5Pset_shuffle(plan), place, "HDF5 has no shuffle", err));
    // A level for HDF5's own filter, which is slow; of ours it is only a note in the file.
    unsigned level = writer->together ? 1 : 3;
    TRY(hdf5_checked(H5Pset_deflate(plan, level), place, "HDF5 has no deflate", err));
done:
    return status;
}

/* Makes the variable, with all but its values. */
static enum status column_make(struct store_writer *writer, const struct store_column *column,
                               struct shape *shape, hid_t *out, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {writer->path, column->name, STATUS_IO};
    hid_t plan = H5I_INVALID_HID, space = H5I_INVALID_HID, dataset = H5I_INVALID_HID;
    TRY(shape_find(writer, column, shape, err));
    hsize_t size[2] = {shape->rows, shape->row_values};
    // Dimensions first: netCDF reads datasets in the order of their creation.
    for (int axis = 0; axis < shape->rank && !shape->coordinate; axis++)
        TRY(dimension_make(writer, shape->dimensions[axis], err));
    TRY(plan_make(&place, &plan, err));
    if (shape->chunk_rows > 0)
        TRY(plan_filters(plan, writer, shape, store_type_bytes(column->type), &place, err));
    space = shape->rank > 0 ? H5Screate_simple(shape->rank, size, NULL) : H5Screate(H5S_SCALAR);
    TRY(hdf5_checked(space, &place, "cannot make the variable", err));
    dataset = H5Dcreate2(writer->file, column->name, type_hdf5(column->type), space, H5P_DEFAULT, plan,
                         H5P_DEFAULT);
    TRY(hdf5_checked(dataset, &place, "cannot make the variable", err));
    TRY(column_attach(writer, shape, dataset, &place, err));
    TRY(column_describe(column, dataset, &place, err));
    *out = dataset;
    dataset = H5I_INVALID_HID;
done:
    hdf5_close(dataset);
    hdf5_close(space);
    hdf5_close(plan);
    return status;
}

/* Packs each chunk and writes it as it is. */
static enum status chunks_write(struct store_writer *writer, const struct store_column *column,
                                const struct shape *shape, hid_t dataset, const void *values,
                                struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {writer->path, column->name, STATUS_IO};
    size_t width = store_type_bytes(column->type), row_bytes = width * shape->row_values;
    for (size_t row = 0; row < shape->rows; row += shape->chunk_rows) {
        size_t left = shape->rows - row;
        size_t rows = left < shape->chunk_rows ? left : shape->chunk_rows;
        const void *packed = NULL;
        size_t packed_bytes = 0;
        hsize_t start[2] = {row, 0};
        TRY(packer_pack(writer->packer, (const char *)values + row * row_bytes, rows * shape->row_values,
                        shape->chunk_rows * shape->row_values, width, &packed, &packed_bytes, err));
        TRY(hdf5_checked(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, start, packed_bytes, packed), &place,
                         "cannot write its values", err));
    }
done:
    return status;
}

enum status store_put_local(struct store_writer *writer, const struct store_column *column,
                            const void *values, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {writer->path, column->name, STATUS_FAILED};
    const struct place disk = {writer->path, column->name, STATUS_IO};
    struct shape shape;
    hid_t dataset = H5I_INVALID_HID;
    TRY(shape_find(writer, column, &shape, err));
    size_t count = shape.rows * shape.row_values;  // below 2^63, by shape_find
    if (count > 0 && !values)
        return column_fault(writer, column, "it has rows but no values", err);
    TRY(values_check_finite(column->type, values, count, 0, &place, err));
    TRY(column_make(writer, column, &shape, &dataset, err));
    if (shape.chunk_rows > 0)
        TRY(chunks_write(writer, column, &shape, dataset, values, err));
    else if (count > 0)
        TRY(hdf5_checked(H5Dwrite(dataset, type_hdf5(column->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values),
                         &disk, "cannot write its values", err));
done:
    hdf5_close(dataset);
    return status;
}

/* What this rank brings of a column. */
struct slab {
    size_t first_row;
    size_t row_count;
    const void *values;
};

static enum status slab_check(const struct store_writer *writer, const struct store_column *column,
                              const struct slab *slab, struct shape *shape, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {writer->path, column->name, STATUS_FAILED};
    TRY(shape_find(writer, column, shape, err));
    if (slab->first_row > shape->rows || slab->row_count > shape->rows - slab->first_row)
        return column_fault(writer, column, "it was given more rows than its dimension has", err);
    size_t count = slab->row_count * shape->row_values;
    if (count > 0 && !slab->values)
        return column_fault(writer, column, "it has rows but no values", err);
    TRY(values_check_finite(column->type, slab->values, count, slab->first_row * shape->row_values, &place,
                            err));
done:
    return status;
}

/* One collective write of all ranks' rows. Calls cut by anything but the data would change the order of the
 * chunks in the file. */
static enum status slab_write(const struct store_writer *writer, const struct store_column *column,
                              const struct shape *shape, hid_t dataset, const struct slab *slab,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {writer->path, column->name, STATUS_IO};
    hsize_t start[2] = {slab->first_row, 0}, size[2] = {slab->row_count, shape->row_values};
    const char none = 0;
    hid_t plan = H5Pcreate(H5P_DATASET_XFER), file = H5Dget_space(dataset);
    hid_t memory = shape->rank > 0 ? H5Screate_simple(shape->rank, size, NULL) : H5Screate(H5S_SCALAR);
    TRY(hdf5_checked(plan, &place, "HDF5 has no property list", err));
    TRY(hdf5_checked(file, &place, "cannot select its rows", err));
    TRY(hdf5_checked(memory, &place, "cannot select its rows", err));
    TRY(hdf5_checked(H5Pset_dxpl_mpio(plan, H5FD_MPIO_COLLECTIVE), &place, "MPI-IO is missing", err));
    if (slab->row_count == 0) {
        TRY(hdf5_checked(H5Sselect_none(file), &place, "cannot select its rows", err));
        TRY(hdf5_checked(H5Sselect_none(memory), &place, "cannot select its rows", err));
    } else if (shape->rank > 0) {
        TRY(hdf5_checked(H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, size, NULL), &place,
                         "cannot select its rows", err));
    }
    TRY(hdf5_checked(H5Dwrite(dataset, type_hdf5(column->type), memory, file, plan,
                              slab->row_count > 0 ? slab->values : &none),
                     &place, "cannot write its values", err));
done:
    hdf5_close(memory);
    hdf5_close(file);
    hdf5_close(plan);
    return status;
}

/* The part of a slab that lies in rows [from, to). */
static struct slab slab_cut(const struct slab *slab, size_t row_bytes, size_t from, size_t to)
{
    const size_t first = slab->first_row > from ? slab->first_row : from;
    const size_t last = slab->first_row + slab->row_count < to ? slab->first_row + slab->row_count : to;
    if (first >= last)
        return (struct slab){.first_row = from};
    return (struct slab){first, last - first,
                         (const char *)slab->values + (first - slab->first_row) * row_bytes};
}

/* Writes rows [from, to), each rank its slab of them, in calls of at most some 256 MiB of all ranks together:
 * a hyperslab, and the MPI datatype that HDF5 makes of it, then stay far below the 2 GiB at which counts of
 * 31 bits end. Calls are cut by rows, whole chunks, whoever has them. Collective. */
static enum status slabs_write(const struct team *team, const struct store_writer *writer,
                               const struct store_column *column, const struct shape *shape, hid_t dataset,
                               const struct slab *slab, size_t from, size_t to, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t row_bytes = shape->row_values * store_type_bytes(column->type);
    const size_t unit = shape->chunk_rows > 0 ? shape->chunk_rows : 1;
    const size_t most = team_piece_bytes(team) / row_bytes / unit * unit;
    const size_t rows = most > 0 ? most : unit;
    for (size_t at = from / rows * rows; at < to; at += rows) {
        const struct slab piece = slab_cut(slab, row_bytes, at, at + rows);
        TRY(team_agree(team, slab_write(writer, column, shape, dataset, &piece, err), err));
    }
done:
    return status;
}

enum status store_put_rows(const struct team *team, struct store_writer *writer,
                           const struct store_column *column, size_t first_row, size_t row_count,
                           const void *values, struct error *err)
{
    enum status status = STATUS_OK;
    struct shape shape = {0};
    struct slab slab = {first_row, row_count, values};
    hid_t dataset = H5I_INVALID_HID;
    TRY(team_agree(team, slab_check(writer, column, &slab, &shape, err), err));
    int64_t total = (int64_t)row_count;  // a sum of at most 2^63: shape_find bounds the rows by 2^34
    team_sum_i64(team, &total, 1);
    if ((size_t)total != shape.rows)
        return error_set(err, STATUS_FAILED, writer->path, "",
                         "%s: the ranks together gave %" PRId64 " rows; expected %zu", column->name, total,
                         shape.rows);
    if (!writer->together)
        return team_agree(team, store_put_local(writer, column, values, err), err);
    // Asked before, since Open MPI leaves the other ranks waiting when a collective write fails on one. The
    // column counts unpacked, so a disk that is nearly full is taken for a full one.
    size_t bytes = shape.rows * shape.row_values * store_type_bytes(column->type);
    TRY(team_agree(
        team, writer->owner ? file_check_room(writer->temporary, writer->path, bytes, err) : STATUS_OK, err));
    TRY(team_agree(team, column_make(writer, column, &shape, &dataset, err), err));
    if (shape.rows * shape.row_values > 0)
        TRY(slabs_write(team, writer, column, &shape, dataset, &slab, 0, shape.rows, err));
done:
    hdf5_close(dataset);
    return status;
}

/* ---- columns in parts ---- */

enum status partials_check(const struct store_writer *writer, struct error *err)
{
    for (size_t i = 0; i < writer->partial_count; i++) {
        const struct partial *partial = &writer->partials[i];
        if (partial->rows != partial->expected)
            return error_set(err, STATUS_FAILED, writer->path, "",
                             "%s: its parts together gave %zu rows; expected %zu", partial->name,
                             partial->rows, partial->expected);
    }
    return STATUS_OK;
}

/* The note of a column; `fresh` tells whether it is the first part. */
static enum status partial_find(struct store_writer *writer, const struct store_column *column,
                                const struct shape *shape, size_t *at, bool *fresh, struct error *err)
{
    for (*at = 0; *at < writer->partial_count; (*at)++)
        if (strcmp(writer->partials[*at].name, column->name) == 0) {
            *fresh = false;
            return STATUS_OK;
        }
    struct partial *more = realloc(writer->partials, (writer->partial_count + 1) * sizeof *more);
    if (!more)
        return error_set(err, STATUS_NO_MEMORY, writer->path, "", "no memory to note a column");
    writer->partials = more;
    *fresh = true;
    more[writer->partial_count] = (struct partial){.expected = shape->rows};
    (void)snprintf(more[writer->partial_count++].name, STORE_NAME_BYTES, "%s", column->name);
    return STATUS_OK;
}

/* Makes the variable, or opens the one that an earlier part made. */
static enum status partial_open(struct store_writer *writer, const struct store_column *column,
                                struct shape *shape, bool fresh, hid_t *dataset, struct error *err)
{
    const struct place place = {writer->path, column->name, STATUS_IO};
    if (fresh)
        return column_make(writer, column, shape, dataset, err);
    *dataset = H5Dopen2(writer->file, column->name, H5P_DEFAULT);
    return hdf5_checked(*dataset, &place, "cannot open the variable", err);
}

enum status store_put_part(const struct team *team, struct store_writer *writer,
                           const struct store_column *column, size_t first_row, size_t row_count,
                           const void *values, struct error *err)
{
    enum status status = STATUS_OK;
    struct shape shape = {0};
    struct slab slab = {first_row, row_count, values};
    hid_t dataset = H5I_INVALID_HID;
    size_t at = 0;
    bool fresh = false;
    if (!writer->together)
        return store_put_rows(team, writer, column, first_row, row_count, values, err);
    TRY(team_agree(team, slab_check(writer, column, &slab, &shape, err), err));
    int64_t total = (int64_t)row_count;
    int64_t ends[2] = {INT64_MIN, INT64_MIN};  // −first and end of the rows of this call
    if (row_count > 0) {
        ends[0] = -(int64_t)first_row;
        ends[1] = (int64_t)(first_row + row_count);
    }
    team_sum_i64(team, &total, 1);
    team_max_i64(team, ends, 2);
    TRY(team_agree(team, partial_find(writer, column, &shape, &at, &fresh, err), err));
    writer->partials[at].rows += (size_t)total;
    size_t bytes = (size_t)total * shape.row_values * store_type_bytes(column->type);
    TRY(team_agree(
        team, writer->owner ? file_check_room(writer->temporary, writer->path, bytes, err) : STATUS_OK, err));
    TRY(team_agree(team, partial_open(writer, column, &shape, fresh, &dataset, err), err));
    if (total > 0 && shape.row_values > 0)
        TRY(slabs_write(team, writer, column, &shape, dataset, &slab, (size_t)-ends[0], (size_t)ends[1],
                        err));
done:
    hdf5_close(dataset);
    return status;
}
