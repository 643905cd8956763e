#include "base/map.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS_LEAST 16

/* Arrays from this size on are given large pages. */
#define LARGE_BYTES ((size_t)4 << 20)
#define LARGE_PAGE_BYTES ((size_t)2 << 20)

void map_init(struct map *map, size_t entry_bytes, size_t key_bytes)
{
    *map = (struct map){.entry_bytes = entry_bytes, .key_bytes = key_bytes};
}

void map_clear(struct map *map)
{
    free(map->entries);
    free(map->slots);
    map_init(map, map->entry_bytes, map->key_bytes);
}

/* Both halves of the product of two words: each bit of either reaches the whole result. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_at(const unsigned char *bytes, size_t count)
{
    uint64_t word = 0;
    memcpy(&word, bytes, count);
    return word;
}

uint64_t map_hash(const struct map *map, const void *key)
{
    const unsigned char *bytes = key;
    const uint64_t seed = memory_seed();
    const uint64_t second = seed * 0x9e3779b97f4a7c15u;  // odd times odd: never 0
    switch (map->key_bytes) {
    case 8: return fold(word_at(bytes, 8) ^ seed, second);
    case 12: return fold(word_at(bytes, 8) ^ seed, word_at(bytes + 8, 4) ^ second);
    case 16: return fold(word_at(bytes, 8) ^ seed, word_at(bytes + 8, 8) ^ second);
    default: return memory_hash(key, map->key_bytes);
    }
}

/* The slot that holds the key, or the free one where it belongs. The load is at most one half, so one is
 * free. */
static size_t slot_of(const struct map *map, const void *key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t at = (size_t)hash & mask;
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (; map->slots[at].number != 0; at = (at + 1) & mask)
        if (map->slots[at].tag == tag &&
            memcmp(map_at(map, map->slots[at].number - 1), key, map->key_bytes) == 0)
            break;
    return at;
}

static enum status slots_grow(struct map *map, struct error *err)
{
    size_t slot_count = map->slot_count ? 2 * map->slot_count : SLOTS_LEAST;
    struct map_slot *slots = large_alloc(slot_count * sizeof *slots, true);
    if (!slots)
        return error_set(err, STATUS_NO_MEMORY, "table in memory", "use more ranks or a shorter span",
                         "no room for %zu slots", slot_count);
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    // All keys differ, so none needs to be compared: the first free slot is the right one.
    for (size_t i = 0; i < map->count; i++) {
        uint64_t hash = map_hash(map, map_at(map, i));
        size_t at = (size_t)hash & (slot_count - 1);
        while (slots[at].number != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = (struct map_slot){(uint32_t)(i + 1), (uint32_t)(hash >> 32)};
    }
    return STATUS_OK;
}

void *map_get(const struct map *map, const void *key)
{
    if (map->slot_count == 0)
        return NULL;
    uint32_t found = map->slots[slot_of(map, key, map_hash(map, key))].number;
    return found ? map_at(map, found - 1) : NULL;
}

enum status map_put_hashed(struct map *map, const void *key, uint64_t hash, void **entry, bool *fresh,
                           struct error *err)
{
    enum status status = STATUS_OK;
    if (2 * (map->count + 1) > map->slot_count)
        TRY(slots_grow(map, err));
    size_t slot = slot_of(map, key, hash);
    bool is_new = map->slots[slot].number == 0;
    if (is_new) {
        if (map->count >= UINT32_MAX - 1)
            return error_set(err, STATUS_LIMIT, "table in memory", "use more ranks or a shorter span",
                             "more than 2^32 - 2 entries");
        TRY(array_reserve(&map->entries, &map->capacity, map->count + 1, map->entry_bytes, err));
        memset(map_at(map, map->count), 0, map->entry_bytes);
        memcpy(map_at(map, map->count), key, map->key_bytes);
        map->slots[slot] = (struct map_slot){(uint32_t)++map->count, (uint32_t)(hash >> 32)};
    }
    *entry = map_at(map, map->slots[slot].number - 1);
    if (fresh)
        *fresh = is_new;
done:
    return status;
}

enum status map_put(struct map *map, const void *key, void **entry, bool *fresh, struct error *err)
{
    return map_put_hashed(map, key, map_hash(map, key), entry, fresh, err);
}

size_t map_bytes(const struct map *map)
{
    return map->capacity * map->entry_bytes + map->slot_count * sizeof *map->slots;
}

void map_sort(struct map *map, int (*compare)(const void *, const void *))
{
    free(map->slots);
    map->slots = NULL;
    map->slot_count = 0;
    if (map->count > 1)
        qsort(map->entries, map->count, map->entry_bytes, compare);
}

void *large_alloc(size_t bytes, bool zero)
{
    if (bytes < LARGE_BYTES)
        return zero ? calloc(1, bytes) : malloc(bytes);
    // A size that large is a mapping of its own, and pages that nobody has touched are zero.
    unsigned char *memory = zero ? calloc(1, bytes) : malloc(bytes);
    if (!memory)
        return NULL;
    size_t skipped = -(size_t)(uintptr_t)memory & (LARGE_PAGE_BYTES - 1);
    // Only a wish: without large pages all is the same, and slower.
    if (bytes > skipped + LARGE_PAGE_BYTES)
        (void)madvise(memory + skipped, (bytes - skipped) & ~(LARGE_PAGE_BYTES - 1), MADV_HUGEPAGE);
    return memory;
}

/* Moves an array to a larger place. */
static void *array_grow(void *old, size_t old_bytes, size_t bytes)
{
    if (bytes < LARGE_BYTES)
        return realloc(old, bytes);
    void *grown = large_alloc(bytes, false);
    if (!grown)
        return NULL;
    if (old_bytes > 0)
        memcpy(grown, old, old_bytes);
    free(old);
    return grown;
}

enum status array_reserve(void *array, size_t *capacity, size_t need, size_t element_bytes, struct error *err)
{
    if (need <= *capacity)
        return STATUS_OK;
    size_t room = *capacity < 8 ? 16 : *capacity + *capacity / 2;
    if (room < need)
        room = need;
    void *old;
    memcpy(&old, array, sizeof old);  // any type's pointer to pointer, without breaking the aliasing rules
    void *grown = room > SIZE_MAX / element_bytes
                      ? NULL
                      : array_grow(old, *capacity * element_bytes, room * element_bytes);
    if (!grown)
        return error_set(err, STATUS_NO_MEMORY, "memory", "use more ranks or a shorter span",
                         "no room for %zu elements of %zu bytes", room, element_bytes);
    memcpy(array, &grown, sizeof grown);
    *capacity = room;
    return STATUS_OK;
}
