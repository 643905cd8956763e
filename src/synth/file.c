/* Log files: written beside their final name, plain or through ISA-L's gzip, and renamed when whole. */
#include "internal.h"

#include <isa-l/igzip_lib.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// At levels 1 and 2 ISA-L 2.30's bytes depend on the address of its state (see store/chunk.c).
#define GZIP_LEVEL 3
#define ROOM_BYTES ((size_t)256 << 10)

struct log_file {
    char path[4200], partial[4216];
    FILE *stream;
    bool is_gzip;
    struct isal_zstream deflate;
    unsigned char *level, *room;
};

static enum status file_fault(const struct log_file *file, const char *what, struct error *err)
{
    return error_set(err, STATUS_IO, file->path, "", "%s: %s", what, strerror(errno));
}

enum status log_open(const char *path, bool is_gzip, struct log_file **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct log_file *file = calloc(1, sizeof *file);
    if (!file)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no room to write it");
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    (void)snprintf(file->partial, sizeof file->partial, "%s.partial", path);
    file->is_gzip = is_gzip;
    if (is_gzip) {
        file->level = malloc(ISAL_DEF_LVL3_DEFAULT);
        file->room = malloc(ROOM_BYTES);
        if (!file->level || !file->room) {
            status = error_set(err, STATUS_NO_MEMORY, path, "", "no room to write it");
            goto done;
        }
        isal_deflate_init(&file->deflate);
        file->deflate.level = GZIP_LEVEL;
        file->deflate.level_buf = file->level;
        file->deflate.level_buf_size = ISAL_DEF_LVL3_DEFAULT;
        file->deflate.gzip_flag = IGZIP_GZIP;
    }
    file->stream = fopen(file->partial, "wbe");
    if (!file->stream) {
        status = file_fault(file, "cannot be written", err);
        goto done;
    }
    *out = file;
    file = NULL;
done:
    log_abandon(file);
    return status;
}

static enum status plain_add(struct log_file *file, const void *bytes, size_t count, struct error *err)
{
    return fwrite(bytes, 1, count, file->stream) == count ? STATUS_OK
                                                          : file_fault(file, "cannot be written", err);
}

static enum status gzip_add(struct log_file *file, const char *bytes, size_t count, bool is_last,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct isal_zstream *deflate = &file->deflate;
    // ISA-L does not write to what it reads.
    memcpy(&deflate->next_in, &bytes, sizeof bytes);
    deflate->avail_in = (uint32_t)count;
    deflate->end_of_stream = is_last;
    do {
        deflate->next_out = file->room;
        deflate->avail_out = (uint32_t)ROOM_BYTES;
        if (isal_deflate(deflate) != COMP_OK)
            return error_set(err, STATUS_FAILED, file->path, "", "cannot be compressed");
        TRY(plain_add(file, file->room, ROOM_BYTES - deflate->avail_out, err));
    } while (deflate->avail_out == 0 || deflate->avail_in > 0);
done:
    return status;
}

enum status log_add(struct log_file *file, const char *bytes, size_t count, struct error *err)
{
    if (count == 0)
        return STATUS_OK;
    return file->is_gzip ? gzip_add(file, bytes, count, false, err) : plain_add(file, bytes, count, err);
}

enum status log_finish(struct log_file *file, struct error *err)
{
    enum status status = STATUS_OK;
    if (file->is_gzip)
        TRY(gzip_add(file, "", 0, true, err));
    FILE *stream = file->stream;
    if (fflush(stream) != 0 || fsync(fileno(stream)) != 0) {
        status = file_fault(file, "cannot be written", err);
        goto done;
    }
    file->stream = NULL;
    if (fclose(stream) != 0 || rename(file->partial, file->path) != 0) {
        status = file_fault(file, "cannot be written", err);
        (void)unlink(file->partial);
    }
done:
    log_abandon(file);
    return status;
}

void log_abandon(struct log_file *file)
{
    if (!file)
        return;
    if (file->stream) {
        (void)fclose(file->stream);
        (void)unlink(file->partial);
    }
    free(file->level);
    free(file->room);
    free(file);
}
