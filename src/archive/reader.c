#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reader {
    int descriptor;  // -1 when it could not be opened
    int64_t at;  // the next byte on disk
    int64_t end;  // bytes on disk when the file was found
    int64_t given;  // decompressed bytes handed out
    struct gzip *gzip;  // NULL for a plain file
    bool done;
    char fault[WHY_BYTES];
};

static void reader_blame(struct reader *reader, const char *what, int number)
{
    if (!reader->fault[0])
        (void)snprintf(reader->fault, sizeof reader->fault, "%s: %s", what, strerror(number));
}

static void reader_blame_size(struct reader *reader)
{
    if (!reader->fault[0])
        (void)snprintf(reader->fault, sizeof reader->fault, "shrank below the %" PRId64 " bytes it had",
                       reader->end);
}

/* Whether the path still leads to the file that was found, however it has grown meanwhile. */
static bool is_same(const struct archive_file *file, const struct stat *now)
{
    int64_t mtime_ms = (int64_t)now->st_mtim.tv_sec * 1000 + now->st_mtim.tv_nsec / 1000000;
    // Network file systems may number the same file otherwise on this rank's host: both must differ.
    return (uint64_t)now->st_ino == file->inode || mtime_ms == file->mtime_ms;
}

static void reader_open_file(struct reader *reader, const struct archive_file *file)
{
    // Not blocking: a FIFO may have taken the file's place, and opening one would wait for its writer.
    reader->descriptor = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (reader->descriptor < 0) {
        reader_blame(reader, "cannot be read", errno);
        return;
    }
    struct stat now;
    if (fstat(reader->descriptor, &now) != 0)
        reader_blame(reader, "cannot be read", errno);
    else if (!S_ISREG(now.st_mode) || !is_same(file, &now))
        (void)snprintf(reader->fault, sizeof reader->fault, "is another file than the one that was found");
    else
        (void)posix_fadvise(reader->descriptor, (off_t)reader->at, 0, POSIX_FADV_SEQUENTIAL);
}

/* Reads at most `room` bytes from disk; 0 at the end or a fault. */
static size_t stored_read(struct reader *reader, void *bytes, size_t room)
{
    int64_t left = reader->end - reader->at;
    if (left <= 0 || reader->fault[0])
        return 0;
    if ((uint64_t)left < room)
        room = (size_t)left;
    ssize_t got;
    do
        got = pread(reader->descriptor, bytes, room, (off_t)reader->at);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        reader_blame(reader, "cannot be read", errno);
    if (got == 0)
        reader_blame_size(reader);
    if (got <= 0)
        return 0;
    reader->at += got;
    return (size_t)got;
}

static size_t gzip_feed(void *context, uint8_t *bytes, size_t room)
{
    return stored_read(context, bytes, room);
}

enum status reader_open(const struct archive_file *file, int64_t from, struct reader **reader,
                        struct error *err)
{
    struct reader *opened = calloc(1, sizeof *opened);
    if (opened && file->compression == COMPRESSION_GZIP) {
        opened->gzip = gzip_new(gzip_feed, opened);
        if (!opened->gzip) {
            free(opened);
            opened = NULL;
        }
    }
    if (!opened)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room to open a file");
    opened->at = from;
    opened->end = file->bytes;
    reader_open_file(opened, file);
    *reader = opened;
    return STATUS_OK;
}

void reader_close(struct reader *reader)
{
    if (!reader)
        return;
    if (reader->descriptor >= 0)
        (void)close(reader->descriptor);
    gzip_free(reader->gzip);
    free(reader);
}

static size_t gzip_part(struct reader *reader, uint8_t *bytes, size_t room)
{
    size_t count;
    enum gzip_state state = gzip_read(reader->gzip, bytes, room, &count);
    reader->given += (int64_t)count;
    reader->done = state != GZIP_MORE;
    // When the disk failed, gzip saw an early end; the disk's fault stays.
    if (state == GZIP_BROKEN && !reader->fault[0])
        (void)snprintf(reader->fault, sizeof reader->fault, "%s after %" PRId64 " bytes",
                       gzip_fault(reader->gzip), reader->given);
    return count;
}

size_t reader_read(struct reader *reader, void *bytes, size_t room)
{
    size_t count = 0;
    while (count < room && !reader->done && !reader->fault[0]) {
        uint8_t *free_bytes = (uint8_t *)bytes + count;
        size_t got;
        if (reader->gzip) {
            got = gzip_part(reader, free_bytes, room - count);
        } else {
            got = stored_read(reader, free_bytes, room - count);
            reader->done = got == 0;
        }
        count += got;
    }
    return count;
}

bool reader_read_stored(struct reader *reader, void *bytes, size_t count, int64_t at)
{
    int64_t kept = reader->at;
    size_t have = 0, got = 1;
    reader->at = at;
    while (have < count && got > 0) {
        got = stored_read(reader, (uint8_t *)bytes + have, count - have);
        have += got;
    }
    reader->at = kept;
    return have == count;
}

const char *reader_fault(const struct reader *reader)
{
    return reader->fault[0] ? reader->fault : NULL;
}
