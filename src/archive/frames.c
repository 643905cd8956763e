/* Parts of a compressed file that can be decoded alone, found by their headers without decoding anything.
 *
 * BGZF: each gzip member says in its extra field how long it is, and as all gzip in its last four bytes how
 * much text it holds (SAM specification, section 4.1). Zstandard: frames, whose header may say how much text
 * they hold; where it does not, the seek table at the end may (RFC 8878 and zstd's seekable format). A plain
 * gzip of many members tells neither, and bytes that look like a member's start also stand inside members:
 * such a file is decoded from its start by one rank. */
#include "internal.h"

#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes of a gzip header before its extra field, and most bytes of that field that are looked at. */
enum { GZIP_FIXED = 12, GZIP_EXTRA_MOST = 512 };

/* An open file whose headers are read. */
struct walk {
    int descriptor;
    int64_t end;
    struct place *frames;  // [count]
    size_t count, capacity;
};

static uint32_t little(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Reads up to `count` bytes at `at`; returns how many there are. */
static size_t bytes_at(int descriptor, int64_t at, int64_t end, uint8_t *bytes, size_t count)
{
    size_t have = 0;
    if (at < 0 || at >= end)
        return 0;
    if ((int64_t)count > end - at)
        count = (size_t)(end - at);
    while (have < count) {
        ssize_t got = pread(descriptor, bytes + have, count - have, (off_t)(at + (int64_t)have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

static enum status frame_add(struct walk *walk, int64_t stored, int64_t text, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&walk->frames, &walk->capacity, walk->count + 1, sizeof *walk->frames, err));
    walk->frames[walk->count++] = (struct place){stored, text};
done:
    return status;
}

/* ---- BGZF ---- */

bool bgzf_block(int descriptor, int64_t at, int64_t end, int64_t *stored, int64_t *text)
{
    uint8_t header[GZIP_FIXED + GZIP_EXTRA_MOST], size[4];
    size_t have = bytes_at(descriptor, at, end, header, sizeof header);
    // Magic, deflate, and the flag for an extra field (RFC 1952 §2.3).
    if (have < GZIP_FIXED || memcmp(header, "\x1f\x8b\x08", 3) != 0 || !(header[3] & 4))
        return false;
    size_t extra_end = GZIP_FIXED + little(header + 10, 2);
    for (size_t field = GZIP_FIXED; field + 4 <= extra_end && field + 6 <= have;
         field += 4 + little(header + field + 2, 2)) {
        if (memcmp(header + field, "BC\x02\x00", 4) != 0)
            continue;
        *stored = (int64_t)little(header + field + 4, 2) + 1;
        if (*stored < (int64_t)extra_end + 8 || *stored > end - at ||
            bytes_at(descriptor, at + *stored - 4, end, size, 4) != 4)
            return false;
        *text = little(size, 4);
        return *text <= 65536;
    }
    return false;
}

static enum status bgzf_walk(struct walk *walk, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t at = 0, text_at = 0, stored = 0, text = 0;
    TRY(frame_add(walk, 0, 0, err));
    while (bgzf_block(walk->descriptor, at, walk->end, &stored, &text)) {
        at += stored;
        text_at += text;
        TRY(frame_add(walk, at, text_at, err));
    }
done:
    return status;
}

/* ---- Zstandard ---- */

enum { ZSTD_HEADER_MOST = 18 };
#define ZSTD_MAGIC UINT32_C(0xfd2fb528)
#define ZSTD_SKIPPABLE UINT32_C(0x184d2a50)
#define ZSTD_SEEK_MAGIC UINT32_C(0x8f92eab1)

struct zstd_header {
    size_t bytes;
    bool has_checksum;
    bool has_text;
    uint64_t text;
};

/* RFC 8878 §3.1.1.1. */
static bool zstd_header_read(const uint8_t *bytes, size_t have, struct zstd_header *header)
{
    static const size_t dictionary_bytes[] = {0, 1, 2, 4};
    if (have < 5 || little(bytes, 4) != ZSTD_MAGIC)
        return false;
    int size_flag = bytes[4] >> 6;
    bool is_single = bytes[4] & 0x20;
    size_t size_bytes = size_flag ? (size_t)1 << size_flag : (size_t)is_single;
    size_t size_at = (is_single ? (size_t)5 : 6) + dictionary_bytes[bytes[4] & 3];
    header->bytes = size_at + size_bytes;
    header->has_checksum = bytes[4] & 4;
    header->has_text = size_bytes > 0;
    if (have < header->bytes)
        return false;
    header->text = 0;
    for (size_t i = size_bytes; i-- > 0;)
        header->text = header->text << 8 | bytes[size_at + i];
    if (size_bytes == 2)
        header->text += 256;
    return header->text <= (uint64_t)INT64_MAX / 4;
}

/* Goes from a frame's first block to behind its last (RFC 8878 §3.1.1.2); −1 when it is cut off or broken. */
static int64_t zstd_blocks_pass(const struct walk *walk, int64_t at, bool has_checksum)
{
    uint8_t header[3];
    for (bool last = false; !last;) {
        if (bytes_at(walk->descriptor, at, walk->end, header, 3) != 3)
            return -1;
        uint32_t block = little(header, 3);
        int type = (int)(block >> 1 & 3);
        last = block & 1;
        if (type == 3)
            return -1;
        at += 3 + (type == 1 ? 1 : (int64_t)(block >> 3));
    }
    at += has_checksum ? 4 : 0;
    return at <= walk->end ? at : -1;
}

/* The seek table in the file's last frame: (bytes on disk, bytes of text) a frame. Returns new, [count], or
 * NULL: there is none, or it does not fit the file. */
static uint8_t *seek_table_read(const struct walk *walk, size_t *count, size_t *entry_bytes)
{
    uint8_t footer[9], head[8];
    int64_t at = walk->end - (int64_t)sizeof footer;
    if (bytes_at(walk->descriptor, at, walk->end, footer, sizeof footer) != sizeof footer ||
        little(footer + 5, 4) != ZSTD_SEEK_MAGIC)
        return NULL;
    *count = little(footer, 4);
    *entry_bytes = footer[4] & 0x80 ? 12 : 8;
    int64_t bytes = (int64_t)(*count * *entry_bytes);
    at -= bytes + (int64_t)sizeof head;
    if (bytes_at(walk->descriptor, at, walk->end, head, sizeof head) != sizeof head ||
        little(head, 4) != (ZSTD_SKIPPABLE | 0xe) || little(head + 4, 4) != bytes + (int64_t)sizeof footer)
        return NULL;
    uint8_t *table = malloc((size_t)bytes + 1);
    if (table && bytes_at(walk->descriptor, at + 8, walk->end, table, (size_t)bytes) != (size_t)bytes) {
        free(table);
        table = NULL;
    }
    return table;
}

/* Passes a skippable frame, whatever is in it; −1 when there is none. */
static int64_t zstd_skippable_pass(const struct walk *walk, int64_t at)
{
    uint8_t head[8];
    if (bytes_at(walk->descriptor, at, walk->end, head, 8) != 8 ||
        (little(head, 4) & UINT32_C(0xfffffff0)) != ZSTD_SKIPPABLE)
        return -1;
    at += 8 + (int64_t)little(head + 4, 4);
    return at <= walk->end ? at : -1;
}

static enum status zstd_walk(struct walk *walk, struct error *err)
{
    enum status status = STATUS_OK;
    size_t entries = 0, entry_bytes = 0, entry = 0;
    int64_t at = 0, text = 0;
    uint8_t *table = seek_table_read(walk, &entries, &entry_bytes);
    TRY(frame_add(walk, 0, 0, err));
    while (at < walk->end) {
        uint8_t bytes[ZSTD_HEADER_MOST];
        struct zstd_header header = {0};
        int64_t next = zstd_skippable_pass(walk, at);
        if (next < 0) {
            size_t have = bytes_at(walk->descriptor, at, walk->end, bytes, sizeof bytes);
            // Without sizes, one part: that is known before the blocks are looked at.
            if (!zstd_header_read(bytes, have, &header) || (!header.has_text && entry >= entries))
                break;
            next = zstd_blocks_pass(walk, at + (int64_t)header.bytes, header.has_checksum);
            const uint8_t *told = entry < entries ? table + entry * entry_bytes : NULL;
            if (told && little(told, 4) == next - at && !header.has_text)
                header = (struct zstd_header){.has_text = true, .text = little(told + 4, 4)};
            entry++;
            if (next < 0 || !header.has_text || header.text > (uint64_t)(INT64_MAX / 2 - text))
                break;
        }
        text += (int64_t)header.text;
        at = next;
        TRY(frame_add(walk, at, text, err));
    }
done:
    free(table);
    return status;
}

enum status frames_find(const struct archive_file *file, struct place **frames, size_t *count,
                        struct error *err)
{
    enum status status = STATUS_OK;
    struct walk walk = {.descriptor = -1, .end = file->bytes};
    *frames = NULL;
    *count = 0;
    if (file->compression != COMPRESSION_BGZF && file->compression != COMPRESSION_ZSTD)
        return STATUS_OK;
    walk.descriptor = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (walk.descriptor < 0)
        return STATUS_OK;  // told when it is read
    if (file->compression == COMPRESSION_BGZF)
        TRY(bgzf_walk(&walk, err));
    else
        TRY(zstd_walk(&walk, err));
    if (walk.count > 2) {
        *frames = walk.frames;
        *count = walk.count;
        walk.frames = NULL;
    }
done:
    if (walk.descriptor >= 0)
        (void)close(walk.descriptor);
    free(walk.frames);
    return status;
}
