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
    struct map_slot *slots;
    size_t slot_count;  // 0 or a power of two
};

/** Where a key leads to. */
struct map_slot {
    uint32_t number;  // the entry's number + 1, 0 when free
    uint32_t tag;  // of the key's hash, so that most wrong entries are not looked at
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
static inline void *map_at(const struct map *map, size_t at)
{
    return map->entries + at * map->entry_bytes;
}

/** Returns the hash of a key, for map_prefetch and map_put_hashed. Local. */
uint64_t map_hash(const struct map *map, const void *key);

/** Asks the processor for the slot of a hash: a loop that knows its keys ahead need not wait for memory.
 * Local. */
static inline void map_prefetch(const struct map *map, uint64_t hash)
{
    if (map->slot_count > 0)
        __builtin_prefetch(&map->slots[hash & (map->slot_count - 1)]);
}

/** Makes room for `count` entries in all. Local. */
MUST_CHECK enum status map_reserve(struct map *map, size_t count, struct error *err);

/** Does what map_put does, with a key whose map_hash is known. Local. */
MUST_CHECK enum status map_put_hashed(struct map *map, const void *key, uint64_t hash, void **entry,
                                      bool *fresh, struct error *err);

/** Returns how many bytes of memory the map holds. Local. */
size_t map_bytes(const struct map *map);

/** Makes large_alloc's arrays mappings of their own for the rest of the program: without it they are at
 * first. Local. */
void large_prepare(void);

/**
 * Allocates memory for an array that is large: with pages of 2 MiB where the system gives them, since a table
 * that is met at random otherwise waits for the page table as often as for its data. Local.
 *
 * @return  new, [bytes], to be freed with free(); all 0 when `zero`; NULL without memory
 */
void *large_alloc(size_t bytes, bool zero);

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
