// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): mkostemp, fallocate
#define _GNU_SOURCE
#include "base/scratch.h"

#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

static enum status disk_failed(const struct scratch *scratch, const char *fault, struct error *err)
{
    // Not STATUS_IO: that would be the log's fault.
    return error_set(err, STATUS_FAILED, scratch->folder, scratch->hint, "%s: %s", scratch->what, fault);
}

enum status scratch_open(struct scratch *scratch, const char *folder, const char *what, const char *hint,
                         struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    *scratch = (struct scratch){.file = -1, .folder = folder, .what = what, .hint = hint};
    TRY(folder_make(folder, err));
    const int count = snprintf(path, sizeof path, "%s/.quern-aside-XXXXXX", folder);
    if (count < 0 || (size_t)count >= sizeof path)
        return disk_failed(scratch, "the folder's path is too long", err);
    scratch->file = mkostemp(path, O_CLOEXEC);
    if (scratch->file < 0)
        return disk_failed(scratch, strerror(errno), err);
    (void)unlink(path);
done:
    return status;
}

enum status scratch_add(struct scratch *scratch, const void *bytes, size_t count, int64_t *at,
                        struct error *err)
{
    for (size_t done = 0; done < count;) {
        const ssize_t wrote =
            pwrite(scratch->file, (const char *)bytes + done, count - done, scratch->end + (int64_t)done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return disk_failed(scratch, wrote < 0 ? strerror(errno) : "nothing was written", err);
        done += (size_t)wrote;
    }
    *at = scratch->end;
    scratch->end += (int64_t)count;
    return STATUS_OK;
}

enum status scratch_get(const struct scratch *scratch, int64_t at, void *bytes, size_t count,
                        struct error *err)
{
    for (size_t done = 0; done < count;) {
        const ssize_t got = pread(scratch->file, (char *)bytes + done, count - done, at + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(err, STATUS_FAILED, scratch->folder, "run the same job again",
                             "what was put aside cannot be read: %s",
                             got < 0 ? strerror(errno) : "it ends early");
        done += (size_t)got;
    }
    return STATUS_OK;
}

void scratch_forget(const struct scratch *scratch, int64_t at, int64_t count)
{
    if (count > 0)
        (void)fallocate(scratch->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, count);
}

void scratch_close(struct scratch *scratch)
{
    if (scratch->file >= 0)
        (void)close(scratch->file);
    scratch->file = -1;
}
