#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What HDF5's error stack says: the system's error number where it has one, and its innermost words. */
struct reason {
    int number;
    char words[100];
};

static herr_t reason_read(unsigned depth, const H5E_error2_t *entry, void *context)
{
    struct reason *reason = context;
    const char *text = entry->desc ? entry->desc : "";
    if (depth == 0)
        (void)snprintf(reason->words, sizeof reason->words, "%s", text);
    // The drivers write "…, errno = 28, error message = '…'"; HDF5 has no other way to ask for it.
    const char *number = strstr(text, "errno = ");
    if (number && reason->number == 0)
        reason->number = (int)strtol(number + strlen("errno = "), NULL, 10);
    return 0;
}

void hdf5_quiet(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static const char *hint_for(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "make room there, or choose another folder";
    case EACCES:
    case EPERM:
    case EROFS: return "check the rights of the file and of its folder";
    case ENOENT: return "check the path";
    default: return "";
    }
}

enum status system_fault(const char *path, const char *step, int number, struct error *err)
{
    return error_set(err, STATUS_IO, path, hint_for(number), "%s: %s", step, strerror(number));
}

enum status hdf5_checked(int64_t result, const struct place *place, const char *step, struct error *err)
{
    if (result >= 0)
        return STATUS_OK;
    struct reason reason = {0};
    // First of all: the next call of HDF5 empties the stack.
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, reason_read, &reason);
    const char *why = reason.number ? strerror(reason.number) : reason.words;
    // A reader's fault is the content's, unless the system itself refused.
    enum status status = reason.number ? STATUS_IO : place->status;
    const char *hint = reason.number ? hint_for(reason.number) : "";
    if (status == STATUS_CORRUPT)
        hint = "remove it and run the job again, or take it from a backup";
    if (place->name)
        return error_set(err, status, place->path, hint, "%s: %s: %s", place->name, step, why);
    return error_set(err, status, place->path, hint, "%s: %s", step, why);
}

void hdf5_close(hid_t id)
{
    if (id >= 0)
        (void)H5Idec_ref(id);
}

void file_check_alone(hid_t file)
{
#ifndef NDEBUG
    ssize_t open_count = H5Fget_obj_count(file, H5F_OBJ_ALL);
    assert(open_count == 1);  // the file itself
#else
    (void)file;
#endif
}

int64_t store_open_handles(void)
{
    return H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
}
