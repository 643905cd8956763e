/* What a file is, told by its first bytes: names lie, and logs are renamed when they are rotated. */
#include "internal.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SNIFF_BYTES = 4096 };

struct magic {
    const char *bytes;
    size_t count;
    const char *name;
};

/* Compressions that are not read, by their published first bytes. */
static const struct magic REFUSED[] = {
    {"\x28\xb5\x2f\xfd", 4, "zstd"},
    {"\xfd\x37\x7a\x58\x5a\x00", 6, "xz"},
    {"BZh", 3, "bzip2"},
    {"\x04\x22\x4d\x18", 4, "lz4"},
    {"PK\x03\x04", 4, "zip"},
    {"\x37\x7a\xbc\xaf\x27\x1c", 6, "7z"},
    {"\x1f\x9d", 2, "compress (.Z) file"},
    {"LZIP", 4, "lzip"},
};

static const struct magic GZIP = {"\x1f\x8b", 2, "gzip"};

static bool begins_with(const uint8_t *bytes, size_t count, const struct magic *magic)
{
    return count >= magic->count && memcmp(bytes, magic->bytes, magic->count) == 0;
}

/* How many bytes the character at `bytes` takes if it is text in UTF-8 (RFC 3629; overlong forms are not
 * sorted out), 0 if it is none: a control character, or a byte that begins or continues nothing. */
static size_t text_bytes(const uint8_t *bytes, size_t count)
{
    uint8_t first = bytes[0];
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (first < 0x09 || (first >= 0x0e && first < 0x20) || (first >= 0x7f && first < 0xc2) || first > 0xf4)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if (i < count && (bytes[i] & 0xc0) != 0x80)
            return 0;
    return more + 1;
}

/* Text has tabs, line feeds, escapes of terminals at times; a NUL here and there is a crash's trace. More
 * than 30 % of bytes that are no text is something else (UTF-16 too, with its half of NULs). */
static bool is_binary(const uint8_t *bytes, size_t count)
{
    size_t odd = 0, step;
    for (size_t i = 0; i < count; i += step ? step : 1) {
        step = text_bytes(bytes + i, count - i);
        odd += step == 0;
    }
    return odd * 10 > count * 3;
}

/* Hashes both ends and finds the compression. */
static enum status probe_stored(struct archive_file *file, uint8_t *room, char why[WHY_BYTES],
                                struct error *err)
{
    enum status status = STATUS_OK;
    struct reader *reader = NULL;
    file->compression = COMPRESSION_PLAIN;
    TRY(reader_open(file, 0, &reader, err));
    size_t count = file->bytes < ARCHIVE_END_BYTES ? (size_t)file->bytes : ARCHIVE_END_BYTES;
    // The tail first: the head stays in `room` for the magic bytes.
    if (reader_read_stored(reader, room, count, file->bytes - (int64_t)count))
        file->tail_hash = content_hash(room, count);
    if (reader_read_stored(reader, room, count, 0))
        file->head_hash = content_hash(room, count);
    if (reader_fault(reader)) {
        (void)snprintf(why, WHY_BYTES, "%s", reader_fault(reader));
        goto done;
    }
    if (begins_with(room, count, &GZIP))
        file->compression = COMPRESSION_GZIP;
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++)
        if (begins_with(room, count, &REFUSED[i]))
            (void)snprintf(why, WHY_BYTES, "is compressed by %s, which is not read yet; plain and gzip are",
                           REFUSED[i].name);
done:
    reader_close(reader);
    return status;
}

/* Looks at the first decompressed bytes. */
static enum status probe_content(const struct archive_file *file, uint8_t *room, char why[WHY_BYTES],
                                 struct error *err)
{
    struct reader *reader = NULL;
    enum status status = reader_open(file, 0, &reader, err);
    if (status != STATUS_OK)
        return status;
    size_t count = reader_read(reader, room, SNIFF_BYTES);
    if (count == 0 && reader_fault(reader))
        (void)snprintf(why, WHY_BYTES, "%s", reader_fault(reader));
    else if (count == 0)
        (void)snprintf(why, WHY_BYTES, "is empty");
    else if (is_binary(room, count))
        (void)snprintf(why, WHY_BYTES, "is binary, not a log");
    reader_close(reader);
    return STATUS_OK;
}

enum status file_probe(struct archive_file *file, char why[WHY_BYTES], struct error *err)
{
    enum status status = STATUS_OK;
    why[0] = '\0';
    if (file->bytes == 0) {
        (void)snprintf(why, WHY_BYTES, "is empty");
        return STATUS_OK;
    }
    uint8_t *room = malloc(ARCHIVE_END_BYTES);
    if (!room)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room to look at a file");
    TRY(probe_stored(file, room, why, err));
    if (!why[0])
        TRY(probe_content(file, room, why, err));
done:
    free(room);
    return status;
}

enum status archive_sniff(const struct archive *archive, size_t file, char *head, size_t room, size_t *count,
                          struct error *err)
{
    struct reader *reader = NULL;
    *count = 0;
    enum status status = reader_open(&archive->files[file], 0, &reader, err);
    if (status != STATUS_OK)
        return status;
    *count = reader_read(reader, head, room);
    reader_close(reader);
    return STATUS_OK;
}

/* The last complete line in bytes[count], which start at a line's start when `whole`. */
static const char *last_line(const char *bytes, size_t count, bool whole, size_t *length)
{
    size_t end = count;
    while (end > 0 && bytes[end - 1] != '\n')
        end--;
    if (end == 0)
        return NULL;
    size_t from = --end;
    while (from > 0 && bytes[from - 1] != '\n')
        from--;
    if (from == 0 && !whole)
        return NULL;
    *length = end - from;
    return bytes + from;
}

enum status archive_last_line(const struct archive *archive, size_t file, char *line, size_t room,
                              size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_file *known = &archive->files[file];
    struct reader *reader = NULL;
    char *tail = NULL;
    *count = 0;
    if (known->compression != COMPRESSION_PLAIN)
        return STATUS_OK;
    size_t tail_count = known->bytes < ARCHIVE_END_BYTES ? (size_t)known->bytes : ARCHIVE_END_BYTES;
    tail = malloc(ARCHIVE_END_BYTES);
    if (!tail)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for a file's last line");
    TRY(reader_open(known, 0, &reader, err));
    if (reader_read_stored(reader, tail, tail_count, known->bytes - (int64_t)tail_count)) {
        size_t length;
        const char *found = last_line(tail, tail_count, (int64_t)tail_count == known->bytes, &length);
        if (found && length <= room) {
            memcpy(line, found, length);
            *count = length;
        }
    }
done:
    reader_close(reader);
    free(tail);
    return status;
}
