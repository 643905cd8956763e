/* Tallies as bytes: entries of a table by the slice of their client, and the forms that entries have on their
 * way. */
#ifndef FEATURE_PACKED_H
#define FEATURE_PACKED_H

#include "tally.h"

#include <string.h>

/** Entries of a table that are kept, by the slice of their client. */
struct sliced {
    uint32_t *entries;
    size_t ends[TALLY_SLICES];
};

/** Finds the kept entries of a slot's table, or of the pairs when `slot` is NULL; slice_of is [clients].
 * free() the entries. Local. */
MUST_CHECK enum status sliced_make(const struct tally *tally, const struct slot *slot,
                                   const uint8_t *slice_of, struct sliced *sliced, struct error *err);

/** Returns the entries of a slice, borrowed. Local. */
static inline const uint32_t *sliced_entries(const struct sliced *sliced, int slice, size_t *count)
{
    const size_t from = slice > 0 ? sliced->ends[slice - 1] : 0;
    *count = sliced->ends[slice] - from;
    return sliced->entries + from;
}

/** How many entries ahead the processor is asked for one. */
#define SLICED_AHEAD 12

/** Returns entry i of some that lie apart in memory. Local. */
static inline const void *sliced_at(const struct map *map, const uint32_t *entries, size_t i, size_t count)
{
    if (i + SLICED_AHEAD < count) {
        const char *later = map_at(map, entries[i + SLICED_AHEAD]);
        __builtin_prefetch(later);
        __builtin_prefetch(later + map->entry_bytes - 1);
    }
    return map_at(map, entries[i]);
}

/** A pair on its way: with its own numbers of client and domain, its lists elsewhere. */
struct packed_pair {
    struct pair_key key;
    int64_t queries;
    uint32_t first_ms, last_ms;
    uint32_t type_count, second_count, in_units;
};

/** An entry of asked names on its way, when all else of it is 0. */
struct packed_asked {
    struct asked_key key;
    uint64_t types;
    uint32_t queries;
    uint32_t encodings;
};

/** Bytes that are unpacked. */
struct unpacker {
    const unsigned char *at, *end;
};

/** Items where they lie in the buffer, which need not be aligned: they are copied out one by one. */
struct packed {
    const unsigned char *at;
    size_t count;
};

/** Takes a count and that many items; of an item_bytes of 0 the count alone. Returns STATUS_CORRUPT. Local.
 */
MUST_CHECK enum status unpack_take(struct unpacker *unpacker, size_t item_bytes, struct packed *packed,
                                   struct error *err);

/** Takes a list of 32-bit numbers whose count is known. Returns STATUS_CORRUPT. Local. */
MUST_CHECK enum status unpack_counted(struct unpacker *unpacker, size_t count, struct packed *packed,
                                      struct error *err);

/** Copies item `at` out. Local. */
static inline void unpack_item(const struct packed *packed, size_t at, void *out, size_t bytes)
{
    memcpy(out, packed->at + at * bytes, bytes);
}

#endif
