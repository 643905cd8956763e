#include "base/map.h"

#include "base/hash.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS_LEAST 16

/* Arrays from this size on are given large pages. */
#define LARGE_BYTES ((size_t)2 << 20)
#define PAGE_BYTES ((size_t)4096)

/* By how much malloc's heap, where small things lie, grows at a time. */
#define HEAP_BYTES ((size_t)8 << 20)
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

/* Most keys are one word or two; a call of memcmp would take as long as all the rest. */
static inline bool is_same_key(const struct map *map, const void *a, const void *b)
{
    uint64_t x[2], y[2];
    switch (map->key_bytes) {
    case 8:
        memcpy(x, a, 8);
        memcpy(y, b, 8);
        return x[0] == y[0];
    case 16:
        memcpy(x, a, 16);
        memcpy(y, b, 16);
        return x[0] == y[0] && x[1] == y[1];
    default: return memcmp(a, b, map->key_bytes) == 0;
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
        if (map->slots[at].tag == tag && is_same_key(map, map_at(map, map->slots[at].number - 1), key))
            break;
    return at;
}

static enum status slots_grow(struct map *map, size_t slot_count, struct error *err)
{
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
        TRY(slots_grow(map, map->slot_count ? 2 * map->slot_count : SLOTS_LEAST, err));
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

enum status map_reserve(struct map *map, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t slot_count = SLOTS_LEAST;
    while (slot_count < 2 * (count + 1))
        slot_count *= 2;
    if (slot_count > map->slot_count)
        TRY(slots_grow(map, slot_count, err));
    TRY(array_reserve(&map->entries, &map->capacity, count, map->entry_bytes, err));
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

void large_prepare(void)
{
    // Otherwise malloc takes larger and larger blocks from its heap, of small pages, once some were freed.
    (void)mallopt(M_MMAP_THRESHOLD, (int)LARGE_BYTES);
    // And gives the heap back to the system whenever its end is free, to ask for it again.
    (void)mallopt(M_TRIM_THRESHOLD, (int)HEAP_BYTES);
    (void)mallopt(M_TOP_PAD, (int)HEAP_BYTES);
    void *first = malloc(LARGE_BYTES - PAGE_BYTES);
    unsigned char *end = first ? sbrk(0) : NULL;
    if (end && (unsigned char *)first < end && (size_t)(end - (unsigned char *)first) > HEAP_BYTES / 2)
        (void)madvise((unsigned char *)first - ((uintptr_t)first & (PAGE_BYTES - 1)),
                      (size_t)(end - (unsigned char *)first), MADV_HUGEPAGE);
    free(first);
}

/* The next size whose mapping, with malloc's own bytes before it, is a whole number of large pages: the
 * system then begins it at one. */
static size_t large_size(size_t bytes)
{
    const size_t rounded = (bytes + PAGE_BYTES + LARGE_PAGE_BYTES - 1) & ~(LARGE_PAGE_BYTES - 1);
    return bytes < LARGE_BYTES || rounded < bytes ? bytes : rounded - PAGE_BYTES;
}

/* Only a wish: without large pages all is the same, and slower. */
static void large_wish(void *memory, size_t bytes)
{
    const size_t skipped = (size_t)(uintptr_t)memory & (PAGE_BYTES - 1);
    if (memory && bytes >= LARGE_BYTES)
        (void)madvise((unsigned char *)memory - skipped, bytes + skipped, MADV_HUGEPAGE);
}

void *large_alloc(size_t bytes, bool zero)
{
    // A size that large is a mapping of its own, and pages that nobody has touched are zero.
    const size_t room = large_size(bytes);
    void *memory = zero ? calloc(1, room) : malloc(room);
    large_wish(memory, room);
    return memory;
}

/* Grows an array. A large one is a mapping of its own, whose pages realloc moves without copying them. */
static void *array_grow(void *old, size_t bytes)
{
    const size_t room = large_size(bytes);
    void *grown = realloc(old, room);
    large_wish(grown, room);
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
    void *grown = room > SIZE_MAX / element_bytes ? NULL : array_grow(old, room * element_bytes);
    if (!grown)
        return error_set(err, STATUS_NO_MEMORY, "memory", "use more ranks or a shorter span",
                         "no room for %zu elements of %zu bytes", room, element_bytes);
    memcpy(array, &grown, sizeof grown);
    *capacity = room;
    return STATUS_OK;
}
