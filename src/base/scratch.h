/** Files without a name: what does not fit into memory waits there, and goes with the process. */
#ifndef BASE_SCRATCH_H
#define BASE_SCRATCH_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct scratch {
    int file;
    int64_t end;  // bytes written
    const char *folder, *what, *hint;  // for errors; borrowed
};

/**
 * Makes a file in a folder, which is made when it is not there, and takes its name away at once. Local.
 *
 * @param what  what is put there, for errors: "tallies cannot be put aside"
 * @param hint  what to do about a full disk
 * @return      STATUS_FAILED, STATUS_IO; then there is nothing to close
 */
MUST_CHECK enum status scratch_open(struct scratch *scratch, const char *folder, const char *what,
                                    const char *hint, struct error *err);

/** Appends bytes; `at` returns where they lie. Returns STATUS_FAILED. Local. */
MUST_CHECK enum status scratch_add(struct scratch *scratch, const void *bytes, size_t count, int64_t *at,
                                   struct error *err);

/** Reads bytes that were written. Returns STATUS_FAILED. Local. */
MUST_CHECK enum status scratch_get(const struct scratch *scratch, int64_t at, void *bytes, size_t count,
                                   struct error *err);

/** Gives the place of bytes on the disk back where the file system can; they are not read again. Local. */
void scratch_forget(const struct scratch *scratch, int64_t at, int64_t count);

/** Closes the file. Local. */
void scratch_close(struct scratch *scratch);

#endif
