#include "internal.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reader {
    int descriptor;  // -1 when it could not be opened
    int64_t at;  // the next byte on disk
    _Atomic int64_t shown_at;  // the same, for whoever asks while a thread decodes
    int64_t end;  // bytes on disk when the file was found
    int64_t limit;  // bytes on disk that the decoder may have for now
    int64_t limit_text;  // where in the text it must then be; INT64_MAX: anywhere; −1: to be found
    int64_t given;  // where in the text the next byte is
    struct place told[2];  // where the text of a piece is on disk, as the file's headers say
    const struct codec *codec;  // NULL for a plain file
    void *decoder;
    uint8_t *tail;  // [ARCHIVE_END_BYTES] of a compressed file: byte i of the text at i mod that
    int64_t tail_from;  // where in the text decoding began
    struct ahead *ahead;  // NULL: nobody decodes ahead
    bool is_bgzf;
    bool done;
    bool fault_passes;
    char fault[WHY_BYTES];
};

/* Room for bytes that are decoded only to get behind them. */
enum { PASSED_BYTES = 16384 };

static void reader_blame(struct reader *reader, const char *what, int number)
{
    if (reader->fault[0])
        return;
    (void)snprintf(reader->fault, sizeof reader->fault, "%s: %s", what, strerror(number));
    reader->fault_passes = true;
}

static void reader_blame_size(struct reader *reader)
{
    if (reader->fault[0])
        return;
    (void)snprintf(reader->fault, sizeof reader->fault, "shrank below the %" PRId64 " bytes it had",
                   reader->end);
    reader->fault_passes = true;
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
    else if (!S_ISREG(now.st_mode) || !is_same(file, &now)) {
        (void)snprintf(reader->fault, sizeof reader->fault, "is another file than the one that was found");
        reader->fault_passes = true;
    } else
        (void)posix_fadvise(reader->descriptor, (off_t)reader->at, 0, POSIX_FADV_SEQUENTIAL);
}

/* Reads at most `room` bytes from disk; 0 at the end or a fault. */
static size_t stored_read(struct reader *reader, void *bytes, size_t room)
{
    int64_t left = reader->limit - reader->at;
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
    atomic_store_explicit(&reader->shown_at, reader->at, memory_order_relaxed);
    return (size_t)got;
}

static size_t decoder_feed(void *context, uint8_t *bytes, size_t room)
{
    return stored_read(context, bytes, room);
}

/* Gets behind what is before byte `from` of the text. */
static void reader_pass(struct reader *reader, int64_t from)
{
    char passed[PASSED_BYTES];
    while (reader->given < from && !reader->done && !reader->fault[0]) {
        int64_t left = from - reader->given;
        (void)reader_read(reader, passed, left < PASSED_BYTES ? (size_t)left : PASSED_BYTES);
    }
}

enum status reader_open(const struct archive_file *file, int64_t from, struct reader **reader,
                        struct error *err)
{
    return reader_open_piece(file, &(struct archive_piece){0}, from, reader, err);
}

enum status reader_open_piece(const struct archive_file *file, const struct archive_piece *piece,
                              int64_t from, struct reader **reader, struct error *err)
{
    struct reader *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room to open a file");
    opened->descriptor = -1;
    opened->codec = codec_of(file->compression);
    opened->is_bgzf = file->compression == COMPRESSION_BGZF;
    opened->at = opened->codec ? piece->stored_at : from;
    opened->given = opened->codec ? piece->text_at : from;
    opened->limit_text = -1;
    opened->told[0] = (struct place){piece->stored_from, piece->from};
    opened->told[1] = (struct place){piece->stored_to, piece->to};
    opened->end = opened->limit = file->bytes;
    opened->tail_from = opened->given;
    if (opened->codec) {
        opened->decoder = opened->codec->make(decoder_feed, opened);
        opened->tail = malloc(ARCHIVE_END_BYTES);
    }
    if (opened->codec && (!opened->decoder || !opened->tail)) {
        reader_close(opened);
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room to decode a file");
    }
    reader_open_file(opened, file);
    reader_pass(opened, from);
    *reader = opened;
    return STATUS_OK;
}

void reader_close(struct reader *reader)
{
    if (!reader)
        return;
    ahead_free(reader->ahead);
    if (reader->descriptor >= 0)
        (void)close(reader->descriptor);
    if (reader->codec)
        reader->codec->drop(reader->decoder);
    free(reader->tail);
    free(reader);
}

static void reader_break(struct reader *reader, const char *what)
{
    // When the disk failed, the decoder saw an early end; the disk's fault stays.
    if (!reader->fault[0])
        (void)snprintf(reader->fault, sizeof reader->fault, "%s after %" PRId64 " bytes", what,
                       reader->given);
}

/* Finds up to where the decoder may read before its place in the text is looked at: to the end of a BGZF
 * block, or of a piece whose sizes the file's headers told. What is no BGZF block where one should be, and
 * what follows it, is gzip to the file's end: the same in every cut, since the chain of blocks begins at the
 * file's start. */
static void limit_find(struct reader *reader)
{
    int64_t stored = 0, text = 0;
    reader->limit = reader->end;
    reader->limit_text = INT64_MAX;
    if (reader->is_bgzf) {
        if (bgzf_block(reader->descriptor, reader->at, reader->end, &stored, &text)) {
            reader->limit = reader->at + stored;
            reader->limit_text = reader->given + text;
        }
        return;
    }
    for (int i = 1; i >= 0; i--) {
        if (reader->told[i].stored > reader->at) {
            reader->limit = reader->told[i].stored;
            reader->limit_text = reader->told[i].text;
        }
    }
}

/* Where the decoder has used up what it may have. */
static void limit_pass(struct reader *reader)
{
    if (reader->limit_text != INT64_MAX && reader->given != reader->limit_text)
        reader_break(reader, "a compressed part of another size than is told");
    reader->done = reader->limit >= reader->end;
    reader->limit_text = -1;
    if (!reader->done)
        reader->codec->restart(reader->decoder);
}

/* Keeps the last bytes of text, for their hash. */
static void tail_keep(struct reader *reader, const uint8_t *bytes, size_t count)
{
    int64_t at = reader->given;
    if (count > ARCHIVE_END_BYTES) {
        at += (int64_t)count - ARCHIVE_END_BYTES;
        bytes += count - ARCHIVE_END_BYTES;
        count = ARCHIVE_END_BYTES;
    }
    size_t place = (size_t)(at % ARCHIVE_END_BYTES);
    size_t first = count < ARCHIVE_END_BYTES - place ? count : ARCHIVE_END_BYTES - place;
    memcpy(reader->tail + place, bytes, first);
    memcpy(reader->tail, bytes + first, count - first);
}

uint64_t reader_tail_hash(const struct reader *reader)
{
    uint8_t bytes[ARCHIVE_END_BYTES];
    int64_t have = reader->given - reader->tail_from;
    size_t count = have < ARCHIVE_END_BYTES ? (size_t)have : ARCHIVE_END_BYTES;
    size_t place = (size_t)((reader->given - (int64_t)count) % ARCHIVE_END_BYTES);
    size_t first = count < ARCHIVE_END_BYTES - place ? count : ARCHIVE_END_BYTES - place;
    memcpy(bytes, reader->tail + place, first);
    memcpy(bytes + first, reader->tail, count - first);
    return content_hash(bytes, count);
}

static size_t decoded_part(struct reader *reader, uint8_t *bytes, size_t room)
{
    size_t count;
    if (reader->limit_text < 0)
        limit_find(reader);
    enum codec_state state = reader->codec->read(reader->decoder, bytes, room, &count);
    tail_keep(reader, bytes, count);
    reader->given += (int64_t)count;
    if (state == CODEC_BROKEN)
        reader_break(reader, reader->codec->fault(reader->decoder));
    else if (state == CODEC_END && !reader->fault[0])
        limit_pass(reader);
    return count;
}

void reader_decode_ahead(struct reader *reader, int64_t goal)
{
    if (reader->codec && !reader->done && !reader->fault[0])
        reader->ahead = ahead_new(reader, goal);
}

size_t reader_read(struct reader *reader, void *bytes, size_t room)
{
    return reader->ahead ? ahead_read(reader->ahead, bytes, room) : reader_decode(reader, bytes, room);
}

size_t reader_decode(struct reader *reader, void *bytes, size_t room)
{
    size_t count = 0;
    while (count < room && !reader->done && !reader->fault[0]) {
        uint8_t *free_bytes = (uint8_t *)bytes + count;
        size_t got;
        if (reader->codec) {
            got = decoded_part(reader, free_bytes, room - count);
        } else {
            got = stored_read(reader, free_bytes, room - count);
            reader->given += (int64_t)got;
            reader->done = got == 0;
        }
        count += got;
    }
    return count;
}

bool reader_read_stored(struct reader *reader, void *bytes, size_t count, int64_t at)
{
    int64_t kept = reader->at, limit = reader->limit;
    size_t have = 0, got = 1;
    reader->at = at;
    reader->limit = reader->end;
    while (have < count && got > 0) {
        got = stored_read(reader, (uint8_t *)bytes + have, count - have);
        have += got;
    }
    reader->at = kept;
    reader->limit = limit;
    return have == count;
}

int64_t reader_at(const struct reader *reader)
{
    return atomic_load_explicit(&reader->shown_at, memory_order_relaxed);
}

/* What a thread meets behind the piece is not this reader's fault. */
static bool is_decoding(const struct reader *reader)
{
    return reader->ahead && !ahead_ended(reader->ahead);
}

const char *reader_fault(const struct reader *reader)
{
    if (is_decoding(reader))
        return NULL;
    return reader->fault[0] ? reader->fault : NULL;
}

bool reader_fault_passes(const struct reader *reader)
{
    return !is_decoding(reader) && reader->fault_passes;
}

int64_t reader_given(const struct reader *reader)
{
    return reader->given;
}

int reader_descriptor(const struct reader *reader)
{
    return reader->descriptor;
}

bool reader_ends_line(const struct reader *reader)
{
    return reader->given == reader->tail_from ||
           reader->tail[(reader->given - 1) % ARCHIVE_END_BYTES] == '\n';
}
