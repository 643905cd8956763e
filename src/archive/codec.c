/* What is known of each compression: how to tell it by a file's first bytes (names lie), who decodes it, and
 * what that costs. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

struct magic {
    const char *bytes;
    size_t count;
    const char *name;
};

struct known_codec {
    struct magic magic;
    const struct codec *codec;  // NULL: left out of this build
    int64_t ratio;  // bytes of a query log that one byte on disk stands for
    int64_t cost;  // per cent, of a byte of text against one of a plain file
};

/* The ratios are of a day of query logs by each program's default level, the costs by what a rank then took,
 * decoding and parsing together (docs/archive.md has the figures). They only balance the ranks' work. */
static const struct known_codec KNOWN[COMPRESSIONS] = {
    [COMPRESSION_PLAIN] = {{NULL, 0, "plain"}, NULL, 1, 100},
    [COMPRESSION_GZIP] = {{"\x1f\x8b", 2, "gzip"}, &GZIP_CODEC, 9, 106},
    [COMPRESSION_BGZF] = {{NULL, 0, "BGZF"}, &GZIP_CODEC, 8, 107},
#ifdef QUERN_ZSTD
    [COMPRESSION_ZSTD] = {{"\x28\xb5\x2f\xfd", 4, "zstd"}, &ZSTD_CODEC, 8, 115},
#else
    [COMPRESSION_ZSTD] = {{"\x28\xb5\x2f\xfd", 4, "zstd"}, NULL, 8, 115},
#endif
#ifdef QUERN_XZ
    [COMPRESSION_XZ] = {{"\xfd\x37\x7a\x58\x5a\x00", 6, "xz"}, &XZ_CODEC, 10, 180},
#else
    [COMPRESSION_XZ] = {{"\xfd\x37\x7a\x58\x5a\x00", 6, "xz"}, NULL, 10, 180},
#endif
};

/* Compressions that are not read, by their published first bytes. */
static const struct magic REFUSED[] = {
    {"BZh", 3, "bzip2"},
    {"\x04\x22\x4d\x18", 4, "lz4"},
    {"PK\x03\x04", 4, "zip"},
    {"\x37\x7a\xbc\xaf\x27\x1c", 6, "7z"},
    {"\x1f\x9d", 2, "compress (.Z) file"},
    {"LZIP", 4, "lzip"},
};

static bool begins_with(const uint8_t *bytes, size_t count, const struct magic *magic)
{
    return magic->count > 0 && count >= magic->count && memcmp(bytes, magic->bytes, magic->count) == 0;
}

/* A skippable frame before the first one (RFC 8878 §3.1.2), as pzstd writes. */
static bool is_skippable_zstd(const uint8_t *bytes, size_t count)
{
    return count >= 4 && (bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0;
}

const struct codec *codec_of(enum compression compression)
{
    return KNOWN[compression].codec;
}

enum compression codec_find(const uint8_t *bytes, size_t count, char why[WHY_BYTES])
{
    enum compression found = is_skippable_zstd(bytes, count) ? COMPRESSION_ZSTD : COMPRESSION_PLAIN;
    why[0] = '\0';
    for (int i = 0; i < COMPRESSIONS; i++)
        if (begins_with(bytes, count, &KNOWN[i].magic))
            found = (enum compression)i;
    if (found != COMPRESSION_PLAIN && !KNOWN[found].codec)
        (void)snprintf(why, WHY_BYTES, "is compressed by %s, which was left out when this quern was built",
                       KNOWN[found].magic.name);
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++)
        if (begins_with(bytes, count, &REFUSED[i]))
            (void)snprintf(why, WHY_BYTES,
                           "is compressed by %s, which is not read; plain, gzip, zstd and xz are",
                           REFUSED[i].name);
    return found;
}

static int64_t times(int64_t bytes, int64_t factor)
{
    return bytes > INT64_MAX / factor ? INT64_MAX : bytes * factor;
}

int64_t codec_stored_work(enum compression compression, int64_t stored)
{
    return codec_text_work(compression, times(stored, KNOWN[compression].ratio));
}

int64_t codec_text_work(enum compression compression, int64_t text)
{
    if (compression == COMPRESSION_PLAIN)
        return text;
    return text / 100 * KNOWN[compression].cost + text % 100 * KNOWN[compression].cost / 100;
}
