#include "base/map.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_LEAST 16

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

void *map_at(const struct map *map, size_t at)
{
    return map->entries + at * map->entry_bytes;
}

/* The slot that holds the key, or the free one where it belongs. The load is at most one half, so one is
 * free. */
static size_t slot_of(const struct map *map, const void *key)
{
    size_t mask = map->slot_count - 1;
    size_t at = (size_t)memory_hash(key, map->key_bytes) & mask;
    while (map->slots[at] != 0 && memcmp(map_at(map, map->slots[at] - 1), key, map->key_bytes) != 0)
        at = (at + 1) & mask;
    return at;
}

static enum status slots_grow(struct map *map, struct error *err)
{
    size_t slot_count = map->slot_count ? 2 * map->slot_count : SLOTS_LEAST;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!slots)
        return error_set(err, STATUS_NO_MEMORY, "table in memory", "use more ranks or a shorter span",
                         "no room for %zu slots", slot_count);
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    for (size_t i = 0; i < map->count; i++)
        slots[slot_of(map, map_at(map, i))] = (uint32_t)(i + 1);
    return STATUS_OK;
}

void *map_get(const struct map *map, const void *key)
{
    if (map->slot_count == 0)
        return NULL;
    uint32_t found = map->slots[slot_of(map, key)];
    return found ? map_at(map, found - 1) : NULL;
}

enum status map_put(struct map *map, const void *key, void **entry, bool *fresh, struct error *err)
{
    enum status status = STATUS_OK;
    if (2 * (map->count + 1) > map->slot_count)
        TRY(slots_grow(map, err));
    size_t slot = slot_of(map, key);
    bool is_new = map->slots[slot] == 0;
    if (is_new) {
        if (map->count >= UINT32_MAX - 1)
            return error_set(err, STATUS_LIMIT, "table in memory", "use more ranks or a shorter span",
                             "more than 2^32 - 2 entries");
        TRY(array_reserve(&map->entries, &map->capacity, map->count + 1, map->entry_bytes, err));
        memset(map_at(map, map->count), 0, map->entry_bytes);
        memcpy(map_at(map, map->count), key, map->key_bytes);
        map->slots[slot] = (uint32_t)++map->count;
    }
    *entry = map_at(map, map->slots[slot] - 1);
    if (fresh)
        *fresh = is_new;
done:
    return status;
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

enum status array_reserve(void *array, size_t *capacity, size_t need, size_t element_bytes, struct error *err)
{
    if (need <= *capacity)
        return STATUS_OK;
    size_t room = *capacity < 8 ? 16 : *capacity + *capacity / 2;
    if (room < need)
        room = need;
    void *old;
    memcpy(&old, array, sizeof old);  // any type's pointer to pointer, without breaking the aliasing rules
    void *grown = room > SIZE_MAX / element_bytes ? NULL : realloc(old, room * element_bytes);
    if (!grown)
        return error_set(err, STATUS_NO_MEMORY, "memory", "use more ranks or a shorter span",
                         "no room for %zu elements of %zu bytes", room, element_bytes);
    memcpy(array, &grown, sizeof grown);
    *capacity = room;
    return STATUS_OK;
}
