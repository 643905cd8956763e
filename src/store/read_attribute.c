#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum status attribute_fault(const struct store_reader *reader, const char *variable, const char *name,
                                   const char *what, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, reader->path,
                     "remove it and run the job again, or take it from a backup", "%s:%s: %s",
                     variable ? variable : "", name, what);
}

/* Opens what bears the attribute: a variable, or the root group. */
static enum status object_open(const struct store_reader *reader, const char *variable, hid_t *object,
                               struct error *err)
{
    const struct place place = {reader->path, variable ? variable : "/", STATUS_CORRUPT};
    if (variable && !store_has(reader, variable))
        return error_set(err, STATUS_CORRUPT, reader->path, "", "%s: the file has no such variable",
                         variable);
    *object = H5Oopen(reader->file, variable ? variable : "/", H5P_DEFAULT);
    return hdf5_checked(*object, &place, "it cannot be opened", err);
}

/* The number of elements of an attribute, 1 for a scalar; -1 when it has no simple shape. */
static hssize_t attribute_count(hid_t attribute)
{
    hid_t space = H5Aget_space(attribute);
    H5S_class_t class = space >= 0 ? H5Sget_simple_extent_type(space) : H5S_NO_CLASS;
    hssize_t count = -1;
    if (class == H5S_SCALAR || class == H5S_SIMPLE)
        count = H5Sget_simple_extent_npoints(space);
    hdf5_close(space);
    return count;
}

/* Opens the attribute of an open object. */
static enum status attribute_open(const struct store_reader *reader, const char *variable, hid_t object,
                                  const char *name, hid_t *attribute, struct error *err)
{
    if (H5Aexists(object, name) <= 0)
        return attribute_fault(reader, variable, name, "the file has no such attribute", err);
    const struct place place = {reader->path, name, STATUS_CORRUPT};
    *attribute = H5Aopen(object, name, H5P_DEFAULT);
    return hdf5_checked(*attribute, &place, "it cannot be opened", err);
}

/* Copies a text of variable length. */
static enum status text_read(const struct store_reader *reader, const char *variable, hid_t attribute,
                             const char *name, char *text, size_t room, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {reader->path, name, STATUS_CORRUPT};
    char *found = NULL;
    hid_t type = H5Aget_type(attribute), wanted = H5Tcopy(H5T_C_S1);
    TRY(hdf5_checked(type, &place, "it has no type", err));
    TRY(hdf5_checked(wanted, &place, "HDF5 has no text type", err));
    TRY(hdf5_checked(H5Tset_size(wanted, H5T_VARIABLE), &place, "HDF5 has no text type", err));
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0 ||
        attribute_count(attribute) != 1) {
        status = attribute_fault(reader, variable, name, "it is no text", err);
        goto done;
    }
    TRY(hdf5_checked(H5Tset_cset(wanted, H5Tget_cset(type)), &place, "HDF5 has no UTF-8", err));
    TRY(hdf5_checked(H5Aread(attribute, wanted, &found), &place, "it cannot be read", err));
    size_t length = found ? strlen(found) : 0;
    if (length >= room) {
        status = attribute_fault(reader, variable, name, "its text is too long", err);
        goto done;
    }
    memcpy(text, found ? found : "", length + 1);
done:
    if (found)
        (void)H5free_memory(found);
    hdf5_close(wanted);
    hdf5_close(type);
    return status;
}

enum status object_text(const struct store_reader *reader, const char *variable, hid_t object,
                        const char *name, char *text, size_t room, struct error *err)
{
    enum status status = STATUS_OK;
    hid_t attribute = H5I_INVALID_HID;
    text[0] = '\0';
    if (H5Aexists(object, name) == 0)
        return STATUS_OK;
    TRY(attribute_open(reader, variable, object, name, &attribute, err));
    TRY(text_read(reader, variable, attribute, name, text, room, err));
done:
    hdf5_close(attribute);
    return status;
}

bool store_has_attribute(const struct store_reader *reader, const char *variable, const char *name)
{
    hid_t object = H5I_INVALID_HID;
    if (object_open(reader, variable, &object, NULL) != STATUS_OK)
        return false;
    bool has = H5Aexists(object, name) > 0;
    hdf5_close(object);
    return has;
}

enum status store_get_attribute_text(const struct store_reader *reader, const char *variable,
                                     const char *name, char *text, size_t room, struct error *err)
{
    enum status status = STATUS_OK;
    hid_t object = H5I_INVALID_HID, attribute = H5I_INVALID_HID;
    TRY(object_open(reader, variable, &object, err));
    TRY(attribute_open(reader, variable, object, name, &attribute, err));
    TRY(text_read(reader, variable, attribute, name, text, room, err));
done:
    hdf5_close(attribute);
    hdf5_close(object);
    return status;
}

enum status store_get_provenance_text(const struct store_reader *reader, const char *name, char *text,
                                      size_t room, struct error *err)
{
    return store_get_attribute_text(reader, "provenance", name, text, room, err);
}

/* Reads 1 to `room` numbers of exactly this type. */
static enum status numbers_read(const struct store_reader *reader, const char *variable, const char *name,
                                enum store_type wanted, void *values, size_t room, size_t *count,
                                struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {reader->path, name, STATUS_CORRUPT};
    enum store_type found = STORE_CHAR;
    hid_t object = H5I_INVALID_HID, attribute = H5I_INVALID_HID, type = H5I_INVALID_HID;
    TRY(object_open(reader, variable, &object, err));
    TRY(attribute_open(reader, variable, object, name, &attribute, err));
    type = H5Aget_type(attribute);
    TRY(hdf5_checked(type, &place, "it has no type", err));
    if (!type_find(type, &found) || found != wanted) {
        status = attribute_fault(reader, variable, name, "it has another type", err);
        goto done;
    }
    hssize_t here = attribute_count(attribute);
    if (here < 1 || (size_t)here > room) {
        status = attribute_fault(reader, variable, name, "it has another length", err);
        goto done;
    }
    TRY(hdf5_checked(H5Aread(attribute, type_hdf5(wanted), values), &place, "it cannot be read", err));
    *count = (size_t)here;
done:
    hdf5_close(type);
    hdf5_close(attribute);
    hdf5_close(object);
    return status;
}

enum status store_get_attribute_i64(const struct store_reader *reader, const char *variable, const char *name,
                                    int64_t *value, struct error *err)
{
    size_t count = 0;
    return numbers_read(reader, variable, name, STORE_I64, value, 1, &count, err);
}

enum status store_get_attribute_f64(const struct store_reader *reader, const char *variable, const char *name,
                                    double *value, struct error *err)
{
    size_t count = 0;
    enum status status = numbers_read(reader, variable, name, STORE_F64, value, 1, &count, err);
    if (status == STATUS_OK && !isfinite(*value))
        status = attribute_fault(reader, variable, name, "it is no finite number", err);
    return status;
}

enum status store_get_attribute_i64_list(const struct store_reader *reader, const char *variable,
                                         const char *name, int64_t *values, size_t room, size_t *count,
                                         struct error *err)
{
    return numbers_read(reader, variable, name, STORE_I64, values, room, count, err);
}
