/* What a file is, told by its first bytes: names lie, and logs are renamed when they are rotated. */
#include "internal.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that tell the compression, text from binary, and a first line. */
enum { MAGIC_BYTES = 16, SNIFF_BYTES = 4096, FIRST_BYTES = 1024 };

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

/* Finds the compression. */
static enum status probe_stored(struct archive_file *file, uint8_t *room, char why[WHY_BYTES],
                                struct error *err)
{
    enum status status = STATUS_OK;
    struct reader *reader = NULL;
    int64_t stored = 0, text = 0;
    file->compression = COMPRESSION_PLAIN;
    TRY(reader_open(file, 0, &reader, err));
    size_t count = reader_read(reader, room, MAGIC_BYTES);
    if (reader_fault(reader)) {
        (void)snprintf(why, WHY_BYTES, "%s", reader_fault(reader));
        goto done;
    }
    file->compression = codec_find(room, count, why);
    if (file->compression == COMPRESSION_GZIP &&
        bgzf_block(reader_descriptor(reader), 0, file->bytes, &stored, &text))
        file->compression = COMPRESSION_BGZF;
done:
    reader_close(reader);
    return status;
}

static void text_note(struct archive_text *text, const uint8_t *head, size_t count, bool is_all)
{
    size_t line = count < FIRST_BYTES ? count : FIRST_BYTES;
    const uint8_t *feed = memchr(head, '\n', line);
    text->head_hash = content_hash(head, count);
    text->first_hash = content_hash(head, feed ? (size_t)(feed - head) : line);
    text->bytes = is_all ? (int64_t)count : -1;
    text->tail_hash = is_all ? text->head_hash : 0;
}

/* Looks at the first decompressed bytes. */
static enum status probe_content(struct archive_file *file, uint8_t *room, char why[WHY_BYTES],
                                 struct error *err)
{
    struct reader *reader = NULL;
    enum status status = reader_open(file, 0, &reader, err);
    if (status != STATUS_OK)
        return status;
    size_t count = reader_read(reader, room, ARCHIVE_END_BYTES);
    if (count == 0 && reader_fault(reader))
        (void)snprintf(why, WHY_BYTES, "%s", reader_fault(reader));
    else if (count == 0)
        (void)snprintf(why, WHY_BYTES, "is empty");
    else if (is_binary(room, count < SNIFF_BYTES ? count : SNIFF_BYTES))
        (void)snprintf(why, WHY_BYTES, "is binary, not a log");
    text_note(&file->text, room, count, count < ARCHIVE_END_BYTES && !reader_fault(reader));
    if (file->compression == COMPRESSION_PLAIN)
        file->text.bytes = file->bytes;
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

enum status archive_line_after(const struct archive *archive, size_t file, int64_t place, char *line,
                               size_t room, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_file *known = &archive->files[file];
    struct reader *reader = NULL;
    *count = 0;
    if (known->compression != COMPRESSION_PLAIN || place < 0 || place >= known->bytes)
        return STATUS_OK;
    size_t have = known->bytes - place < (int64_t)room ? (size_t)(known->bytes - place) : room;
    TRY(reader_open(known, place, &reader, err));
    if (reader_read_stored(reader, line, have, place)) {
        char *from = memchr(line, '\n', have);
        char *end = from ? memchr(from + 1, '\n', have - (size_t)(from + 1 - line)) : NULL;
        if (end) {
            *count = (size_t)(end - from - 1);
            memmove(line, from + 1, *count);
        }
    }
done:
    reader_close(reader);
    return status;
}

/* Hashes the 64 KiB of a plain file before a place. */
static uint64_t plain_hash(struct reader *reader, uint8_t *room, int64_t place)
{
    size_t count = place < ARCHIVE_END_BYTES ? (size_t)place : ARCHIVE_END_BYTES;
    return reader_read_stored(reader, room, count, place - (int64_t)count) ? content_hash(room, count) : 0;
}

/* Decodes up to a place or, when that is -1, to the end. */
static void decode_to(struct reader *reader, uint8_t *room, int64_t place)
{
    for (size_t got = 1; got > 0;) {
        int64_t left = place < 0 ? ARCHIVE_END_BYTES : place - reader_given(reader);
        got = reader_read(reader, room, left < ARCHIVE_END_BYTES ? (size_t)left : ARCHIVE_END_BYTES);
    }
}

enum status archive_measure(const struct archive *archive, size_t file, struct archive_text *text,
                            int64_t place, uint64_t *hash, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_file *known = &archive->files[file];
    struct reader *reader = NULL;
    uint8_t *room = malloc(ARCHIVE_END_BYTES);
    if (!room)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room to measure a file");
    TRY(reader_open(known, 0, &reader, err));
    if (known->compression == COMPRESSION_PLAIN) {
        text->bytes = known->bytes;
        *hash = place <= text->bytes ? plain_hash(reader, room, place) : 0;
        text->tail_hash = plain_hash(reader, room, text->bytes);
    } else {
        decode_to(reader, room, place);
        *hash = reader_given(reader) == place ? reader_tail_hash(reader) : 0;
        decode_to(reader, room, -1);
        text->bytes = reader_given(reader);
        text->tail_hash = reader_tail_hash(reader);
    }
    text->is_broken = reader_fault(reader) != NULL;
    if (reader_fault_passes(reader))
        text->bytes = -1;
done:
    reader_close(reader);
    free(room);
    return status;
}
