/**
 * A table in memory: entries of one size, found by their first bytes, the key.
 *
 * Entries lie one behind the other in the order in which they came, so a loop over them is a loop over an
 * array; that order never reaches an output, callers sort by content first. Open addressing with a hash that
 * is keyed at random a process. An entry's address is good until the next map_put.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
    unsigned char *entries;  // [count] of entry_bytes
    size_t entry_bytes;
    size_t key_bytes;  // at the start of each entry; no padding inside, since keys are compared as bytes
    size_t count;
    size_t capacity;
    uint32_t *slots;  // entry's number + 1, 0 when free
    size_t slot_count;  // 0 or a power of two
};

/** Makes `map` an empty table. It holds no memory until the first map_put; end it with map_clear. Local. */
void map_init(struct map *map, size_t entry_bytes, size_t key_bytes);

/** Frees what the map holds and makes it empty. Local. */
void map_clear(struct map *map);

/**
 * Finds the entry with this key, or adds it with all other bytes 0. Local.
 *
 * @param key    borrowed, [key_bytes]
 * @param entry  returns the entry, borrowed until the next map_put
 * @param fresh  returns whether it was added; may be NULL
 * @return       STATUS_NO_MEMORY; STATUS_LIMIT beyond 2^32 - 2 entries
 */
MUST_CHECK enum status map_put(struct map *map, const void *key, void **entry, bool *fresh,
                               struct error *err);

/** Returns the entry with this key, borrowed, or NULL. Local. */
void *map_get(const struct map *map, const void *key);

/** Returns entry `at`, below map->count. Local. */
void *map_at(const struct map *map, size_t at);

/** Returns how many bytes of memory the map holds. Local. */
size_t map_bytes(const struct map *map);

/** Sorts the entries; afterwards map_get and map_put no longer work, only map_at and map_clear. Local. */
void map_sort(struct map *map, int (*compare)(const void *, const void *));

/**
 * Makes room for `need` elements in a growing array. Local.
 *
 * @param array     points at the pointer, which may move
 * @param capacity  elements there is room for; updated
 * @return          STATUS_NO_MEMORY, also when the size would overflow
 */
MUST_CHECK enum status array_reserve(void *array, size_t *capacity, size_t need, size_t element_bytes,
                                     struct error *err);

#endif
