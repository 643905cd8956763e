#include "base/map.h"

#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status name_check(const char *path, const char *name, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t length = strlen(name);
    if (length == 0 || length >= STORE_NAME_BYTES || strspn(name, allowed) != length || name[0] == '_' ||
        (name[0] >= '0' && name[0] <= '9'))
        return error_set(err, STATUS_FAILED, path, "", "'%.80s' is no name for a variable or attribute",
                         name);
    return STATUS_OK;
}

enum status attribute_write_text(hid_t object, const char *name, const char *text, const struct place *place,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    const struct place here = {place->path, name, place->status};
    // Scalar, of variable length, UTF-8: what netCDF-4 and xarray read best.
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attribute = H5I_INVALID_HID;
    TRY(hdf5_checked(type, &here, "HDF5 has no text type", err));
    TRY(hdf5_checked(space, &here, "HDF5 has no scalar space", err));
    TRY(hdf5_checked(H5Tset_size(type, H5T_VARIABLE), &here, "HDF5 has no text type", err));
    TRY(hdf5_checked(H5Tset_cset(type, H5T_CSET_UTF8), &here, "HDF5 has no UTF-8", err));
    attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    TRY(hdf5_checked(attribute, &here, "cannot make the attribute", err));
    TRY(hdf5_checked(H5Awrite(attribute, type, &text), &here, "cannot write the attribute", err));
done:
    hdf5_close(attribute);
    hdf5_close(space);
    hdf5_close(type);
    return status;
}

enum status attribute_write_numbers(hid_t object, const char *name, enum store_type type, size_t count,
                                    const void *numbers, const struct place *place, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place here = {place->path, name, place->status};
    hsize_t size = count;
    hid_t space = count > 0 ? H5Screate_simple(1, &size, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5I_INVALID_HID;
    TRY(hdf5_checked(space, &here, "HDF5 has no such space", err));
    attribute = H5Acreate2(object, name, type_hdf5(type), space, H5P_DEFAULT, H5P_DEFAULT);
    TRY(hdf5_checked(attribute, &here, "cannot make the attribute", err));
    TRY(hdf5_checked(H5Awrite(attribute, type_hdf5(type), numbers), &here, "cannot write the attribute",
                     err));
done:
    hdf5_close(attribute);
    hdf5_close(space);
    return status;
}

/* Notes an attribute; takes text and numbers, also when it fails. */
static enum status note(struct store_writer *writer, struct attribute attribute, const char *variable,
                        const char *name, struct error *err)
{
    enum status status = STATUS_OK;
    if (!attribute.text && !attribute.numbers)
        return error_set(err, STATUS_NO_MEMORY, writer->path, "", "no memory for the attribute %s", name);
    TRY(name_check(writer->path, name, err));
    if (variable)
        TRY(name_check(writer->path, variable, err));
    TRY(array_reserve(&writer->attributes, &writer->attribute_capacity, writer->attribute_count + 1,
                      sizeof *writer->attributes, err));
    (void)snprintf(attribute.name, sizeof attribute.name, "%s", name);
    (void)snprintf(attribute.variable, sizeof attribute.variable, "%s", variable ? variable : "");
    writer->attributes[writer->attribute_count++] = attribute;
    attribute.text = NULL;
    attribute.numbers = NULL;
done:
    free(attribute.text);
    free(attribute.numbers);
    return status;
}

static void *copied(const void *bytes, size_t count)
{
    void *copy = malloc(count);
    if (copy)
        memcpy(copy, bytes, count);
    return copy;
}

static enum attribute_home home_of(const char *variable)
{
    return variable ? HOME_VARIABLE : HOME_ROOT;
}

enum status store_attribute_text(struct store_writer *writer, const char *variable, const char *name,
                                 const char *value, struct error *err)
{
    struct attribute attribute = {.home = home_of(variable), .text = strdup(value)};
    return note(writer, attribute, variable, name, err);
}

enum status store_attribute_i64(struct store_writer *writer, const char *variable, const char *name,
                                int64_t value, struct error *err)
{
    struct attribute attribute = {
        .home = home_of(variable), .type = STORE_I64, .numbers = copied(&value, sizeof value)};
    return note(writer, attribute, variable, name, err);
}

enum status store_attribute_f64(struct store_writer *writer, const char *variable, const char *name,
                                double value, struct error *err)
{
    if (!isfinite(value))
        return error_set(err, STATUS_FAILED, writer->path, "", "%s:%s is no finite number",
                         variable ? variable : "", name);
    struct attribute attribute = {
        .home = home_of(variable), .type = STORE_F64, .numbers = copied(&value, sizeof value)};
    return note(writer, attribute, variable, name, err);
}

enum status store_attribute_i64_list(struct store_writer *writer, const char *variable, const char *name,
                                     const int64_t *values, size_t count, struct error *err)
{
    // HDF5 keeps an attribute of numbers in the object's header, which ends at 64 KiB.
    if (count == 0 || count > 8000)
        return error_set(err, STATUS_FAILED, writer->path, "", "%s:%s has %zu numbers; expected 1 to 8000",
                         variable ? variable : "", name, count);
    struct attribute attribute = {.home = home_of(variable),
                                  .type = STORE_I64,
                                  .numbers = copied(values, count * sizeof *values),
                                  .count = count};
    return note(writer, attribute, variable, name, err);
}

enum status store_provenance_text(struct store_writer *writer, const char *name, const char *value,
                                  struct error *err)
{
    struct attribute attribute = {.home = HOME_PROVENANCE, .text = strdup(value)};
    return note(writer, attribute, NULL, name, err);
}

/* Makes the group /provenance, as netCDF-4 wants its groups. */
static enum status provenance_make(struct store_writer *writer, hid_t *group, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {writer->path, "provenance", STATUS_IO};
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t plan = H5Pcreate(H5P_GROUP_CREATE);
    TRY(hdf5_checked(plan, &place, "HDF5 has no property list", err));
    TRY(hdf5_checked(H5Pset_obj_track_times(plan, false), &place, "times cannot be left out", err));
    TRY(hdf5_checked(H5Pset_link_creation_order(plan, order), &place, "no order of creation", err));
    TRY(hdf5_checked(H5Pset_attr_creation_order(plan, order), &place, "no order of creation", err));
    *group = H5Gcreate2(writer->file, "provenance", H5P_DEFAULT, plan, H5P_DEFAULT);
    TRY(hdf5_checked(*group, &place, "cannot make the group", err));
done:
    hdf5_close(plan);
    return status;
}

static enum status attribute_write(struct store_writer *writer, const struct attribute *attribute,
                                   hid_t provenance, struct error *err)
{
    enum status status = STATUS_OK;
    const struct place place = {writer->path, attribute->variable, STATUS_IO};
    hid_t dataset = H5I_INVALID_HID, object = writer->file;
    if (attribute->home == HOME_PROVENANCE)
        object = provenance;
    if (attribute->home == HOME_VARIABLE) {
        dataset = H5Dopen2(writer->file, attribute->variable, H5P_DEFAULT);
        TRY(hdf5_checked(dataset, &place, "there is no such variable for the attribute", err));
        object = dataset;
    }
    if (attribute->text)
        TRY(attribute_write_text(object, attribute->name, attribute->text, &place, err));
    else
        TRY(attribute_write_numbers(object, attribute->name, attribute->type, attribute->count,
                                    attribute->numbers, &place, err));
done:
    hdf5_close(dataset);
    return status;
}

enum status attributes_write(struct store_writer *writer, struct error *err)
{
    enum status status = STATUS_OK;
    hid_t provenance = H5I_INVALID_HID;
    for (size_t i = 0; i < writer->attribute_count; i++) {
        const struct attribute *attribute = &writer->attributes[i];
        if (attribute->home == HOME_PROVENANCE && provenance < 0)
            TRY(provenance_make(writer, &provenance, err));
        TRY(attribute_write(writer, attribute, provenance, err));
    }
done:
    hdf5_close(provenance);
    return status;
}

void attributes_free(struct store_writer *writer)
{
    for (size_t i = 0; i < writer->attribute_count; i++) {
        free(writer->attributes[i].text);
        free(writer->attributes[i].numbers);
    }
    free(writer->attributes);
}
