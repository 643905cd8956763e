// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): mkostemp, fallocate
#define _GNU_SOURCE
#include "aside.h"

#include "base/folder.h"
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status disk_failed(const char *folder, const char *what, struct error *err)
{
    // Not STATUS_IO: that would be the log's fault.
    return error_set(err, STATUS_FAILED, folder, "make room there, or raise limits.memory",
                     "tallies cannot be put aside: %s: %s", what, strerror(errno));
}

static enum status file_make(struct aside *aside, const char *folder, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4096];
    TRY(folder_make(folder, err));
    if (snprintf(path, sizeof path, "%s/.quern-aside-XXXXXX", folder) >= (int)sizeof path)
        return error_set(err, STATUS_FAILED, folder, "use a shorter store.dir", "its path is too long");
    aside->file = mkostemp(path, O_CLOEXEC);
    if (aside->file < 0)
        return disk_failed(folder, path, err);
    (void)unlink(path);
done:
    return status;
}

enum status aside_put(struct aside *aside, const char *folder, struct aside_piece piece,
                      const unsigned char *bytes, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    if (aside->count == 0 && aside->end == 0)
        TRY(file_make(aside, folder, err));
    piece.at = aside->end;
    piece.bytes = (int64_t)count;
    for (size_t done = 0; done < count;) {
        const ssize_t written = pwrite(aside->file, bytes + done, count - done, aside->end + (int64_t)done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return disk_failed(folder, "write", err);
        done += (size_t)written;
    }
    aside->end += piece.bytes;
    TRY(array_reserve(&aside->pieces, &aside->capacity, aside->count + 1, sizeof *aside->pieces, err));
    aside->pieces[aside->count++] = piece;
done:
    return status;
}

enum status aside_get(const struct aside *aside, const struct aside_piece *piece, unsigned char **bytes,
                      size_t *count, size_t *capacity, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t need = (size_t)piece->bytes;
    TRY(array_reserve(bytes, capacity, *count + need, 1, err));
    for (size_t done = 0; done < need;) {
        const ssize_t got =
            pread(aside->file, *bytes + *count + done, need - done, piece->at + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(err, STATUS_FAILED, "store.dir", "run the same job again",
                             "tallies that were put aside cannot be read: %s",
                             got < 0 ? strerror(errno) : "they end early");
        done += (size_t)got;
    }
    *count += need;
done:
    return status;
}

void aside_forget(struct aside *aside, int64_t day)
{
    size_t kept = 0;
    for (size_t i = 0; i < aside->count; i++) {
        const struct aside_piece *piece = &aside->pieces[i];
        if (piece->day != day)
            aside->pieces[kept++] = *piece;
        else
            (void)fallocate(aside->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, piece->at, piece->bytes);
    }
    aside->count = kept;
}

void aside_clear(struct aside *aside)
{
    if (aside->end > 0)
        (void)close(aside->file);
    free(aside->pieces);
    *aside = (struct aside){0};
}
