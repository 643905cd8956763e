/* netCDF-4's dimensions as HDF5's dimension scales. */
#include "base/map.h"

#include "internal.h"

#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>

enum status plan_make(const struct place *place, hid_t *plan, struct error *err)
{
    enum status status = STATUS_OK;
    hid_t made = H5Pcreate(H5P_DATASET_CREATE);
    TRY(hdf5_checked(made, place, "HDF5 has no property list", err));
    TRY(hdf5_checked(H5Pset_obj_track_times(made, false), place, "times cannot be left out", err));
    TRY(hdf5_checked(H5Pset_attr_creation_order(made, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), place,
                     "no order of creation", err));
    *plan = made;
    made = H5I_INVALID_HID;
done:
    hdf5_close(made);
    return status;
}

enum status store_dimension(struct store_writer *writer, const char *name, size_t size, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(name_check(writer->path, name, err));
    if (dimension_find(writer, name) < writer->dimension_count)
        return error_set(err, STATUS_FAILED, writer->path, "", "there are two dimensions %s", name);
    if (size > INT64_MAX)
        return error_set(err, STATUS_LIMIT, writer->path, "", "dimension %s is too long", name);
    TRY(array_reserve(&writer->dimensions, &writer->dimension_capacity, writer->dimension_count + 1,
                      sizeof *writer->dimensions, err));
    struct dimension *dimension = &writer->dimensions[writer->dimension_count++];
    *dimension = (struct dimension){.size = size};
    (void)snprintf(dimension->name, sizeof dimension->name, "%s", name);
done:
    return status;
}

size_t dimension_find(const struct store_writer *writer, const char *name)
{
    size_t number = 0;
    while (number < writer->dimension_count && strcmp(writer->dimensions[number].name, name) != 0)
        number++;
    return number;
}

/* Makes a dataset a scale; netCDF knows it by its number. */
static enum status scale_make(const struct place *place, hid_t dataset, const char *label, size_t number,
                              struct error *err)
{
    enum status status = STATUS_OK;
    int32_t id = (int32_t)number;
    TRY(hdf5_checked(H5DSset_scale(dataset, label), place, "cannot make the dimension", err));
    TRY(attribute_write_numbers(dataset, "_Netcdf4Dimid", STORE_I32, 0, &id, place, err));
done:
    return status;
}

enum status dimension_make(struct store_writer *writer, size_t number, struct error *err)
{
    enum status status = STATUS_OK;
    struct dimension *dimension = &writer->dimensions[number];
    const struct place place = {writer->path, dimension->name, STATUS_IO};
    hid_t plan = H5I_INVALID_HID, space = H5I_INVALID_HID, dataset = H5I_INVALID_HID;
    hsize_t size = dimension->size;
    char label[96];
    if (dimension->made)
        return STATUS_OK;
    // netCDF hides the dataset behind this name, and wants the size in ten places at most.
    (void)snprintf(label, sizeof label, "This is a netCDF dimension but not a netCDF variable.%10d",
                   (int)(size <= INT32_MAX ? size : INT32_MAX));
    TRY(plan_make(&place, &plan, err));
    space = H5Screate_simple(1, &size, NULL);
    TRY(hdf5_checked(space, &place, "cannot make the dimension", err));
    // Nothing is written to it and its space is only set aside when something is: it costs no bytes.
    dataset =
        H5Dcreate2(writer->file, dimension->name, H5T_IEEE_F32BE, space, H5P_DEFAULT, plan, H5P_DEFAULT);
    TRY(hdf5_checked(dataset, &place, "cannot make the dimension", err));
    TRY(scale_make(&place, dataset, label, number, err));
    dimension->made = true;
done:
    hdf5_close(dataset);
    hdf5_close(space);
    hdf5_close(plan);
    return status;
}

enum status dimension_become(struct store_writer *writer, size_t number, hid_t dataset, struct error *err)
{
    enum status status = STATUS_OK;
    struct dimension *dimension = &writer->dimensions[number];
    const struct place place = {writer->path, dimension->name, STATUS_IO};
    TRY(scale_make(&place, dataset, dimension->name, number, err));
    dimension->made = true;
done:
    return status;
}

enum status dimension_attach(struct store_writer *writer, size_t number, hid_t dataset, int axis,
                             struct error *err)
{
    enum status status = STATUS_OK;
    const char *name = writer->dimensions[number].name;
    const struct place place = {writer->path, name, STATUS_IO};
    hid_t scale = H5Dopen2(writer->file, name, H5P_DEFAULT);
    TRY(hdf5_checked(scale, &place, "cannot open the dimension", err));
    TRY(hdf5_checked(H5DSattach_scale(dataset, scale, (unsigned)axis), &place, "cannot attach the dimension",
                     err));
done:
    hdf5_close(scale);
    return status;
}
