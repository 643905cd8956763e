#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

enum status folder_make(const char *path, struct error *err)
{
    char part[PATH_BYTES];
    size_t count = strlen(path);
    if (count == 0 || count >= sizeof part)
        return error_set(err, STATUS_USAGE, "folder", "choose a shorter path", "a path of %zu bytes", count);
    for (size_t i = 1; i <= count; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat there;
        if (mkdir(part, 0777) == 0)
            continue;
        int fault = errno;
        if (fault == EEXIST && (stat(part, &there) != 0 || !S_ISDIR(there.st_mode)))
            fault = ENOTDIR;
        if (fault != EEXIST)
            return error_set(err, STATUS_IO, path, "check the path and your rights",
                             "cannot make the folder: %s", strerror(fault));
    }
    return STATUS_OK;
}

/* Opens the lock file and takes it in one way; −1 with STATUS_OK where the file system knows no locks. */
static enum status lock_take(const char *path, const char *file, int how, const char *taken, int *lock,
                             struct error *err)
{
    char name[PATH_BYTES + 16];
    (void)snprintf(name, sizeof name, "%s/%s", path, file);
    *lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*lock < 0)
        return error_set(err, STATUS_IO, path, "check the path and your rights", "cannot write there: %s",
                         strerror(errno));
    if (flock(*lock, how | LOCK_NB) == 0)
        return STATUS_OK;
    bool is_held = errno == EWOULDBLOCK;
    (void)close(*lock);
    *lock = -1;
    if (!is_held)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, path, "wait for it, or give this job another folder", "%s", taken);
}

enum status folder_lock(const char *path, int *lock, struct error *err)
{
    return lock_take(path, ".quern.lock", LOCK_EX, "another quern is writing there", lock, err);
}

enum status folder_share(const char *path, int *lock, struct error *err)
{
    struct error fault = {0};
    // A store of somebody else's can be read without a lock.
    if (lock_take(path, ".quern.readers", LOCK_SH, "another quern is removing days there", lock, &fault) !=
        STATUS_FAILED)
        return STATUS_OK;
    if (err)
        *err = fault;
    return STATUS_FAILED;
}

enum status folder_lock_readers(const char *path, int *lock, struct error *err)
{
    return lock_take(path, ".quern.readers", LOCK_EX, "another quern is reading there", lock, err);
}

void folder_unlock(int lock)
{
    if (lock >= 0)
        (void)close(lock);
}
