/* Whole lines of one piece.
 *
 * The buffer holds bytes [base, base + filled) of the file. What lies before `start` has been handed out; at
 * `start` a line begins, always. Only whole lines leave, so nothing but the last, unfinished one is moved to
 * the front before more is read. */
#include "internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

struct stream {
    struct reader *reader;
    char *buffer;
    size_t capacity;
    size_t start;
    size_t filled;
    int64_t base;
    int64_t stored_at;  // where on disk reading began
    int64_t from;
    int64_t to;  // INT64_MAX: to the file's end
    int64_t first;  // where the first owned line starts; at least `to` when there is none
    int64_t long_lines;
    bool at_end;  // the reader has no more
    bool is_plain;
    int64_t file_end;  // of a plain file
    char *previous;  // [LINE_MOST + 1]; NULL when the piece starts with the file
    size_t previous_count;  // of a compressed file: the line before the first one
    bool has_previous;
};

/* Makes room behind the unfinished line and reads into it. */
static enum status stream_fill(struct stream *stream, struct error *err)
{
    if (stream->start > 0) {
        memmove(stream->buffer, stream->buffer + stream->start, stream->filled - stream->start);
        stream->base += (int64_t)stream->start;
        stream->filled -= stream->start;
        stream->start = 0;
    }
    if (stream->filled == stream->capacity) {
        // One byte more than the longest line tells that a line is too long: never more than that is needed.
        size_t room = stream->capacity < LINE_MOST / 2 ? 2 * stream->capacity + 1 : LINE_MOST + 1;
        char *grown = realloc(stream->buffer, room);
        if (!grown)
            return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for a line of %zu bytes", room);
        stream->buffer = grown;
        stream->capacity = room;
    }
    size_t room = stream->capacity - stream->filled;
    size_t got = reader_read(stream->reader, stream->buffer + stream->filled, room);
    stream->filled += got;
    stream->at_end = got < room;
    return STATUS_OK;
}

/* Drops bytes up to and with the next line feed; gives up when the next line starts at `limit` or later. */
static enum status stream_skip_line(struct stream *stream, int64_t limit, struct error *err)
{
    for (;;) {
        char *from = stream->buffer + stream->start;
        char *found = memchr(from, '\n', stream->filled - stream->start);
        stream->start = found ? (size_t)(found - stream->buffer) + 1 : stream->filled;
        if (found || stream->at_end || stream->base + (int64_t)stream->start >= limit)
            return STATUS_OK;
        enum status status = stream_fill(stream, err);
        if (status != STATUS_OK)
            return status;
    }
}

/* Takes the bytes of one line before the piece, which are not read twice: decoding goes forward only. Gives
 * up as stream_skip_line. `is_whole`: the line's start was seen. */
static enum status stream_pass_line(struct stream *stream, bool is_whole, struct error *err)
{
    stream->previous_count = 0;
    stream->has_previous = is_whole;
    for (;;) {
        char *from = stream->buffer + stream->start;
        char *found = memchr(from, '\n', stream->filled - stream->start);
        size_t count = found ? (size_t)(found - from) : stream->filled - stream->start;
        if (count > LINE_MOST - stream->previous_count)
            stream->has_previous = false;
        if (stream->has_previous) {
            memcpy(stream->previous + stream->previous_count, from, count);
            stream->previous_count += count;
        }
        stream->start += count + (found != NULL);
        if (found || stream->at_end || stream->base + (int64_t)stream->start >= stream->to)
            return STATUS_OK;
        enum status status = stream_fill(stream, err);
        if (status != STATUS_OK)
            return status;
    }
}

/* Goes to the first line that starts in a piece of a compressed file. */
static enum status stream_begin_decoded(struct stream *stream, struct error *err)
{
    enum status status = STATUS_OK;
    // A line starts where the file does; any other place may be inside one.
    bool is_whole = stream->base == 0;
    while (stream->base + (int64_t)stream->start < stream->from) {
        TRY(stream_pass_line(stream, is_whole, err));
        is_whole = true;
        if (stream->base + (int64_t)stream->start >= stream->to ||
            (stream->at_end && stream->start == stream->filled))
            break;
    }
    stream->first = stream->base + (int64_t)stream->start;
done:
    return status;
}

/* Goes to the first line that starts in the piece. The reader stands at from - 1: when a line feed is there,
 * a line starts at `from`. */
static enum status stream_begin(struct stream *stream, struct error *err)
{
    if (!stream->is_plain)
        return stream_begin_decoded(stream, err);
    if (stream->from > 0) {
        enum status status = stream_skip_line(stream, stream->to, err);
        if (status != STATUS_OK)
            return status;
    }
    stream->first = stream->base + (int64_t)stream->start;
    return STATUS_OK;
}

enum status piece_open(const struct archive *archive, const struct archive_piece *piece, size_t buffer_bytes,
                       struct stream **stream, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_file *file = &archive->files[piece->file];
    struct stream *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room to open a piece");
    opened->capacity = buffer_bytes > 0 ? buffer_bytes : 1;
    opened->from = piece->from;
    opened->to = piece->to < 0 ? INT64_MAX : piece->to;
    opened->is_plain = file->compression == COMPRESSION_PLAIN;
    opened->file_end = file->bytes;
    int64_t before = opened->is_plain ? 1 : LINE_MOST + 2;
    opened->base = piece->from > before ? piece->from - before : 0;
    opened->buffer = malloc(opened->capacity);
    opened->previous = piece->from > 0 ? malloc(LINE_MOST + 1) : NULL;
    if (!opened->buffer || (piece->from > 0 && !opened->previous)) {
        status = error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for a buffer of %zu bytes",
                           opened->capacity);
        goto done;
    }
    opened->stored_at = opened->is_plain ? opened->base : piece->stored_at;
    TRY(reader_open_piece(file, piece, opened->base, &opened->reader, err));
    if (archive->decodes_ahead)
        reader_decode_ahead(opened->reader, opened->to);
    TRY(stream_begin(opened, err));
    *stream = opened;
    opened = NULL;
done:
    stream_close(opened);
    return status;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    reader_close(stream->reader);
    free(stream->buffer);
    free(stream->previous);
    free(stream);
}

/* The place behind the last line feed in buffer[from … to), or `from` without one. */
static size_t behind_last_line(const char *buffer, size_t from, size_t to)
{
    while (to > from && buffer[to - 1] != '\n')
        to--;
    return to;
}

/* The end of what the piece owns in the buffer: behind the line that holds byte to - 1, if that is here. */
static size_t owned_end(const struct stream *stream)
{
    int64_t last = stream->to - 1 - stream->base;
    if (last >= (int64_t)stream->filled)
        return stream->filled;
    // Lines that start before `to` are left, so `last` is not before `start`.
    const char *found = memchr(stream->buffer + last, '\n', stream->filled - (size_t)last);
    return found ? (size_t)(found - stream->buffer) + 1 : stream->filled;
}

/* The end of the lines from `start` on that are whole and not too long. Steps from one line's end to the last
 * line feed that a line from there on may have: about one line is looked at in 64 KiB. */
static size_t whole_end(const struct stream *stream, size_t owned)
{
    size_t end = stream->start;
    for (;;) {
        size_t limit = owned - end > LINE_MOST + 1 ? end + LINE_MOST + 1 : owned;
        size_t next = behind_last_line(stream->buffer, end, limit);
        if (next == end)
            return end;
        end = next;
    }
}

enum status stream_next(struct stream *stream, const char **lines, size_t *count, int64_t *offset,
                        struct error *err)
{
    enum status status = STATUS_OK;
    *lines = NULL;
    *count = 0;
    *offset = stream->base + (int64_t)stream->start;
    while (stream->base + (int64_t)stream->start < stream->to) {
        size_t owned = owned_end(stream);
        size_t end = whole_end(stream, owned);
        size_t rest = owned - stream->start;
        if (end == stream->start && rest > LINE_MOST) {
            stream->long_lines++;
            TRY(stream_skip_line(stream, INT64_MAX, err));
            continue;
        }
        // The file's last line may lack its line feed.
        if (end == stream->start && stream->at_end)
            end = owned;
        if (end > stream->start) {
            *lines = stream->buffer + stream->start;
            *count = end - stream->start;
            *offset = stream->base + (int64_t)stream->start;
            stream->start = end;
            break;
        }
        if (stream->at_end)
            break;
        TRY(stream_fill(stream, err));
    }
done:
    return status;
}

/* Reads the `back` bytes before the line feed that ends the line before the first one, and finds that line's
 * start in them; NULL when it lies further back. */
static const char *previous_in(struct stream *stream, size_t back, size_t *count)
{
    int64_t end = stream->first - 1;
    if ((int64_t)back > end)
        back = (size_t)end;
    if (!reader_read_stored(stream->reader, stream->previous, back, end - (int64_t)back))
        return NULL;
    size_t from = behind_last_line(stream->previous, 0, back);
    bool is_whole = (int64_t)back == end || from > 0;
    *count = back - from;
    return is_whole && *count <= LINE_MOST ? stream->previous + from : NULL;
}

void stream_previous(struct stream *stream, const char **line, size_t *count)
{
    *line = NULL;
    *count = 0;
    if (!stream->previous || stream->first >= stream->to || stream->first == 0)
        return;
    if (!stream->is_plain) {
        *line = stream->has_previous ? stream->previous : NULL;
        *count = stream->has_previous ? stream->previous_count : 0;
        return;
    }
    // Nearly every line is short; 64 KiB before each piece would be read for nothing.
    *line = previous_in(stream, 1024, count);
    if (!*line && !reader_fault(stream->reader))
        *line = previous_in(stream, LINE_MOST + 1, count);
    if (!*line)
        *count = 0;
}

int64_t stream_long_lines(const struct stream *stream)
{
    return stream->long_lines;
}

int64_t stream_stored_bytes(const struct stream *stream)
{
    return reader_at(stream->reader) - stream->stored_at;
}

const char *stream_fault(const struct stream *stream)
{
    return reader_fault(stream->reader);
}

bool stream_fault_passes(const struct stream *stream)
{
    return reader_fault_passes(stream->reader);
}

int64_t stream_text_bytes(struct stream *stream, uint64_t *tail_hash, bool *ends_inside)
{
    *tail_hash = 0;
    *ends_inside = false;
    if (!stream->is_plain) {
        if (stream->to != INT64_MAX)
            return -1;
        *tail_hash = reader_tail_hash(stream->reader);
        *ends_inside = !reader_ends_line(stream->reader);
        return reader_given(stream->reader);
    }
    if (stream->to != stream->file_end)
        return -1;
    uint8_t tail[ARCHIVE_END_BYTES];
    size_t count = stream->to < ARCHIVE_END_BYTES ? (size_t)stream->to : ARCHIVE_END_BYTES;
    if (reader_read_stored(stream->reader, tail, count, stream->to - (int64_t)count)) {
        *tail_hash = content_hash(tail, count);
        *ends_inside = count > 0 && tail[count - 1] != '\n';
    }
    return stream->to;
}
