#include "internal.h"

#include <inttypes.h>
#include <math.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "files and digests are little-endian, as memory is");

enum { TYPE_COUNT = STORE_CHAR + 1 };

struct type_row {
    size_t bytes;
    char class;
};

static const struct type_row TYPE_ROWS[TYPE_COUNT] = {
    [STORE_I8] = {1, 'i'},  [STORE_U8] = {1, 'u'},  [STORE_I16] = {2, 'i'},  [STORE_U16] = {2, 'u'},
    [STORE_I32] = {4, 'i'}, [STORE_U32] = {4, 'u'}, [STORE_I64] = {8, 'i'},  [STORE_U64] = {8, 'u'},
    [STORE_F32] = {4, 'f'}, [STORE_F64] = {8, 'f'}, [STORE_CHAR] = {1, 'c'},
};

size_t store_type_bytes(enum store_type type)
{
    return TYPE_ROWS[type].bytes;
}

char type_class(enum store_type type)
{
    return TYPE_ROWS[type].class;
}

hid_t type_hdf5(enum store_type type)
{
    switch (type) {
    case STORE_I8: return H5T_STD_I8LE;
    case STORE_U8: return H5T_STD_U8LE;
    case STORE_I16: return H5T_STD_I16LE;
    case STORE_U16: return H5T_STD_U16LE;
    case STORE_I32: return H5T_STD_I32LE;
    case STORE_U32: return H5T_STD_U32LE;
    case STORE_I64: return H5T_STD_I64LE;
    case STORE_U64: return H5T_STD_U64LE;
    case STORE_F32: return H5T_IEEE_F32LE;
    case STORE_F64: return H5T_IEEE_F64LE;
    case STORE_CHAR: return H5T_C_S1;  // of size 1: netCDF's char; longer ones crash netCDF-C 4.9.0
    }
    return H5I_INVALID_HID;
}

bool type_find(hid_t id, enum store_type *type)
{
    for (int at = 0; at < TYPE_COUNT; at++) {
        if (H5Tequal(id, type_hdf5((enum store_type)at)) > 0) {
            *type = (enum store_type)at;
            return true;
        }
    }
    return false;
}

enum status values_check_finite(enum store_type type, const void *values, size_t count, uint64_t first,
                                const struct place *place, struct error *err)
{
    if (type != STORE_F32 && type != STORE_F64)
        return STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        double value = type == STORE_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
        if (!isfinite(value))
            return error_set(err, place->status, place->path, "", "%s[%" PRIu64 "] is %s; expected a number",
                             place->name, first + i, isnan(value) ? "NaN" : "infinite");
    }
    return STATUS_OK;
}
