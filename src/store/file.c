#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The checksum line: "\nquern-xxh3-128 ", 32 hexadecimal digits over all bytes before it, "\n". */
#define SEAL_START "\nquern-xxh3-128 "
enum { SEAL_START_BYTES = sizeof SEAL_START - 1, SEAL_BYTES = SEAL_START_BYTES + 32 + 1 };

enum { BLOCK_BYTES = 1 << 20 };

/* For HDF5's own part of the file. */
enum { ROOM_SPARE_BYTES = 1 << 20 };

enum status file_make(const char *temporary, const char *path, struct error *err)
{
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return system_fault(path, "cannot make the file", errno, err);
    (void)close(file);
    return STATUS_OK;
}

enum status file_check_room(const char *temporary, const char *path, size_t bytes, struct error *err)
{
    struct statvfs info;
    if (statvfs(temporary, &info) != 0)
        return STATUS_OK;  // not every file system tells
    unsigned __int128 room = (unsigned __int128)info.f_bavail * info.f_frsize;
    if (room < (unsigned __int128)bytes + ROOM_SPARE_BYTES)
        return system_fault(path, "cannot write the file", ENOSPC, err);
    return STATUS_OK;
}

enum status file_write(const char *temporary, const char *path, const void *bytes, size_t count,
                       struct error *err)
{
    enum status status = STATUS_OK;
    int file = open(temporary, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return system_fault(path, "cannot open the file", errno, err);
    for (size_t done = 0; done < count && status == STATUS_OK;) {
        ssize_t more = write(file, (const char *)bytes + done, count - done);
        if (more >= 0)
            done += (size_t)more;
        else if (errno != EINTR)
            status = system_fault(path, "cannot write the file", errno, err);
    }
    if (close(file) != 0 && status == STATUS_OK)
        status = system_fault(path, "cannot write the file", errno, err);
    return status;
}

/* Reads exactly `count` bytes at `offset`. */
static enum status read_at(int file, const char *path, int64_t offset, void *bytes, size_t count,
                           struct error *err)
{
    for (size_t have = 0; have < count;) {
        ssize_t more = pread(file, (char *)bytes + have, count - have, (off_t)(offset + (int64_t)have));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return system_fault(path, "cannot read the file", errno, err);
        if (more == 0)
            return error_set(err, STATUS_CORRUPT, path, "", "the file became shorter while it was read");
        have += (size_t)more;
    }
    return STATUS_OK;
}

/* The checksum of the first `bytes` bytes. */
static enum status file_hash(int file, const char *path, int64_t bytes, char hex[33], struct error *err)
{
    enum status status = STATUS_OK;
    struct digest *digest = digest_new();
    char *block = malloc(BLOCK_BYTES);
    if (!digest || !block) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no memory for a checksum");
        goto done;
    }
    for (int64_t at = 0; at < bytes; at += BLOCK_BYTES) {
        size_t count = bytes - at < BLOCK_BYTES ? (size_t)(bytes - at) : BLOCK_BYTES;
        TRY(read_at(file, path, at, block, count, err));
        digest_add(digest, block, count);
    }
    digest_hex(digest, hex);
done:
    free(block);
    digest_free(digest);
    return status;
}

/* Adds the checksum line at the end and waits for the disk. */
static enum status seal_write(int file, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    char line[SEAL_BYTES + 1] = SEAL_START;
    struct stat info;
    if (fstat(file, &info) != 0)
        return system_fault(path, "cannot read the file", errno, err);
    TRY(file_hash(file, path, info.st_size, line + SEAL_START_BYTES, err));
    line[SEAL_BYTES - 1] = '\n';
    ssize_t put = pwrite(file, line, SEAL_BYTES, info.st_size);
    if (put != SEAL_BYTES)
        return system_fault(path, "cannot write the file", put < 0 ? errno : ENOSPC, err);
    if (fsync(file) != 0)
        return system_fault(path, "cannot write the file", errno, err);
done:
    return status;
}

/* Waits until the folder's entry of a file is on disk; some file systems cannot, and need not. */
static enum status folder_sync(const char *path, struct error *err)
{
    char *folder = strdup(path);
    if (!folder)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no memory for a path");
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    int opened = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = STATUS_OK;
    if (opened >= 0 && fsync(opened) != 0 && errno != EINVAL && errno != ENOSYS)
        status = system_fault(path, "cannot sync its folder", errno, err);
    if (opened >= 0)
        (void)close(opened);
    free(folder);
    return status;
}

enum status file_seal(const char *temporary, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    int file = open(temporary, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return system_fault(path, "cannot open the file", errno, err);
    TRY(seal_write(file, path, err));
    int closed = close(file);
    file = -1;
    // NFS tells of a full disk here.
    if (closed != 0)
        return system_fault(path, "cannot write the file", errno, err);
    if (rename(temporary, path) != 0)
        return system_fault(path, "cannot give the file its name", errno, err);
    TRY(folder_sync(path, err));
done:
    if (file >= 0)
        (void)close(file);
    return status;
}

static enum status seal_check(int file, const char *path, int64_t bytes, struct error *err)
{
    enum status status = STATUS_OK;
    char line[SEAL_BYTES], hex[33];
    if (bytes < SEAL_BYTES)
        return STATUS_OK;  // HDF5 says what is wrong with it
    int64_t start = bytes - SEAL_BYTES;
    TRY(read_at(file, path, start, line, SEAL_BYTES, err));
    if (memcmp(line, SEAL_START, SEAL_START_BYTES) != 0 || line[SEAL_BYTES - 1] != '\n')
        return STATUS_OK;
    TRY(file_hash(file, path, start, hex, err));
    if (memcmp(line + SEAL_START_BYTES, hex, 32) != 0)
        return error_set(err, STATUS_CORRUPT, path,
                         "remove it and run the job again, or take it from a backup",
                         "its bytes do not match its checksum: it was damaged after it was written");
done:
    return status;
}

enum status file_check(const char *path, struct error *err)
{
    struct stat info;
    // O_NONBLOCK: a FIFO would keep us waiting for somebody to write into it.
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return system_fault(path, "cannot open the file", errno, err);
    enum status status = STATUS_OK;
    if (fstat(file, &info) != 0)
        status = system_fault(path, "cannot read the file", errno, err);
    else if (!S_ISREG(info.st_mode))
        status = error_set(err, STATUS_IO, path, "check the path", "it is not a regular file");
    else
        status = seal_check(file, path, info.st_size, err);
    (void)close(file);
    return status;
}
