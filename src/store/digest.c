/* Listing a file, and the digest of its content. */
#include "base/map.h"

#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Values are read for the digest in pieces of some 4 MiB. */
enum { PIECE_BYTES = 4 << 20 };

/* ---- the bytes ---- */

static void add_u64(struct digest *digest, uint64_t value)
{
    digest_add(digest, &value, sizeof value);  // little-endian, as type.c asserts
}

void digest_head(struct digest *digest, const char *name, enum store_type type, int rank, const size_t *shape,
                 const char *units)
{
    const char kind[3] = {type_class(type), (char)store_type_bytes(type), (char)rank};
    digest_add(digest, name, strlen(name) + 1);
    digest_add(digest, kind, sizeof kind);
    for (int axis = 0; axis < rank; axis++)
        add_u64(digest, shape[axis]);
    digest_add(digest, units, strlen(units) + 1);
}

enum status digest_values(struct digest *digest, enum store_type type, const void *values, size_t count,
                          uint64_t first, const struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(values_check_finite(type, values, count, first, place, err));
    if (type != STORE_F32 && type != STORE_F64) {
        digest_add(digest, values, count * store_type_bytes(type));
        return STATUS_OK;
    }
    // x + 0 is x, but +0 for −0 (IEEE 754 §6.3, rounding to nearest).
    double block[512];
    float *floats = (float *)(void *)block;
    for (size_t i = 0; i < count;) {
        size_t n = 0;
        for (; n < 512 && i < count; n++, i++) {
            if (type == STORE_F64)
                block[n] = ((const double *)values)[i] + 0.0;
            else
                floats[n] = ((const float *)values)[i] + 0.0f;
        }
        digest_add(digest, block, n * store_type_bytes(type));
    }
done:
    return status;
}

enum status digest_column(struct digest *digest, const char *name, enum store_type type, int rank,
                          const size_t *shape, const char *units, const void *values, struct error *err)
{
    const struct place place = {"digest", name, STATUS_CORRUPT};
    size_t count = 1;
    for (int axis = 0; axis < rank; axis++)
        count *= shape[axis];
    digest_head(digest, name, type, rank, shape, units ? units : "");
    return digest_values(digest, type, values, count, 0, &place, err);
}

void digest_dimension(struct digest *digest, const char *name, size_t size)
{
    digest_add(digest, name, strlen(name) + 1);
    digest_add(digest, "d", 1);
    add_u64(digest, size);
}

/* ---- listing ---- */

/* The names of a file's datasets, one behind the other, each with its '\0'. */
struct names {
    char *bytes;
    size_t count;
    size_t capacity;
    enum status status;
    struct error *err;
};

static herr_t name_take(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    struct names *names = context;
    H5O_info_t object;
    // A link that leads nowhere, or out of the file, stands for nothing; /provenance is a group.
    if (link->type != H5L_TYPE_HARD ||
        H5Oget_info_by_name2(group, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return -1;
    if (object.type != H5O_TYPE_DATASET)
        return 0;
    size_t bytes = strlen(name) + 1;
    names->status = array_reserve(&names->bytes, &names->capacity, names->count + bytes, 1, names->err);
    if (names->status != STATUS_OK)
        return -1;
    memcpy(names->bytes + names->count, name, bytes);
    names->count += bytes;
    return 0;
}

static enum status names_read(const struct store_reader *reader, struct names *names, struct error *err)
{
    const struct place place = {reader->path, NULL, STATUS_CORRUPT};
    hsize_t from = 0;
    names->err = err;
    herr_t walked = H5Literate(reader->file, H5_INDEX_NAME, H5_ITER_INC, &from, name_take, names);
    if (names->status != STATUS_OK)
        return names->status;
    return hdf5_checked(walked, &place, "its list of variables cannot be read", err);
}

/* Opens one variable, reads its texts and shows it. */
static enum status variable_show(const struct store_reader *reader, const char *name, store_visit *visit,
                                 void *context, struct error *err)
{
    enum status status = STATUS_OK;
    char units[STORE_TEXT_BYTES], long_name[STORE_TEXT_BYTES];
    struct opened opened = {.dataset = H5I_INVALID_HID};
    TRY(variable_open(reader, name, &opened, err));
    TRY(object_text(reader, name, opened.dataset, "units", units, sizeof units, err));
    TRY(object_text(reader, name, opened.dataset, "long_name", long_name, sizeof long_name, err));
    const struct store_variable variable = {.name = name,
                                            .type = opened.type,
                                            .rank = opened.rank,
                                            .shape = {opened.shape[0], opened.shape[1]},
                                            .units = units,
                                            .long_name = long_name,
                                            .only_dimension = opened.only_dimension};
    TRY(visit(&variable, context, err));
done:
    hdf5_close(opened.dataset);
    return status;
}

enum status store_list(const struct store_reader *reader, store_visit *visit, void *context,
                       struct error *err)
{
    enum status status = STATUS_OK;
    struct names names = {.status = STATUS_OK};
    TRY(names_read(reader, &names, err));
    for (size_t at = 0; at < names.count; at += strlen(names.bytes + at) + 1)
        TRY(variable_show(reader, names.bytes + at, visit, context, err));
done:
    free(names.bytes);
    return status;
}

/* ---- a file's digest ---- */

struct digesting {
    const struct store_reader *reader;
    const char *const *left_out;
    struct digest *digest;
};

/* Whether a name starts with the prefix, or is the prefix's dimension ("line" for "line_"). */
static bool is_under(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) == 0)
        return true;
    return length > 1 && prefix[length - 1] == '_' && strlen(name) == length - 1 &&
           strncmp(name, prefix, length - 1) == 0;
}

static bool is_left_out(const char *name, const char *const *left_out)
{
    if (is_under(name, "line_"))
        return true;
    for (size_t i = 0; left_out && left_out[i]; i++)
        if (is_under(name, left_out[i]))
            return true;
    return false;
}

/* Adds a variable's values, some rows at a time. */
static enum status digest_rows(const struct digesting *digesting, const char *name, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {digesting->reader->path, name, STATUS_CORRUPT};
    struct opened opened = {.dataset = H5I_INVALID_HID};
    char *values = NULL;
    TRY(variable_open(digesting->reader, name, &opened, err));
    if (opened.shape[1] > SIZE_MAX / 64) {
        status = error_set(err, STATUS_CORRUPT, place.path, "", "%s: its rows are too long", name);
        goto done;
    }
    size_t row_bytes = opened.shape[1] * store_type_bytes(opened.type);
    if (row_bytes == 0)
        goto done;
    size_t rows = row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
    if (rows > opened.shape[0])
        rows = opened.shape[0];
    values = malloc(rows > 0 ? rows * row_bytes : 1);
    if (!values) {
        status = error_set(err, STATUS_NO_MEMORY, place.path, "", "%s: no memory for its rows", name);
        goto done;
    }
    for (size_t row = 0; row < opened.shape[0]; row += rows) {
        size_t count = opened.shape[0] - row < rows ? opened.shape[0] - row : rows;
        TRY(variable_read(digesting->reader, name, &opened, row, count, values, err));
        TRY(digest_values(digesting->digest, opened.type, values, count * opened.shape[1],
                          row * opened.shape[1], &place, err));
    }
done:
    free(values);
    hdf5_close(opened.dataset);
    return status;
}

static enum status digest_visit(const struct store_variable *variable, void *context, struct error *err)
{
    const struct digesting *digesting = context;
    if (is_left_out(variable->name, digesting->left_out))
        return STATUS_OK;
    if (variable->only_dimension) {
        digest_dimension(digesting->digest, variable->name, variable->shape[0]);
        return STATUS_OK;
    }
    digest_head(digesting->digest, variable->name, variable->type, variable->rank, variable->shape,
                variable->units);
    return digest_rows(digesting, variable->name, err);
}

enum status store_digest(const char *path, const char *const *left_out, char hex[33], struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct digest *digest = digest_new();
    if (!digest)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no memory for a digest");
    TRY(store_open_local(path, &reader, err));
    struct digesting digesting = {reader, left_out, digest};
    TRY(store_list(reader, digest_visit, &digesting, err));
    digest_hex(digest, hex);
done:
    digest_free(digest);
    store_close(reader);
    return status;
}
