/* Slices of a shard on their way to one file. */
#include "shard.h"

#include "base/map.h"

#include <stdlib.h>

struct shard_pile {
    const char *dir;
    struct day_table *slices;
    size_t count, capacity;
};

enum status shard_pile_new(const char *dir, struct shard_pile **pile, struct error *err)
{
    *pile = calloc(1, sizeof **pile);
    if (!*pile)
        return error_set(err, STATUS_NO_MEMORY, dir, "", "no room for a day");
    (*pile)->dir = dir;
    return STATUS_OK;
}

void shard_pile_free(struct shard_pile *pile)
{
    if (!pile)
        return;
    for (size_t i = 0; i < pile->count; i++)
        day_table_clear(&pile->slices[i]);
    free(pile->slices);
    free(pile);
}

enum status shard_pile_add(struct shard_pile *pile, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&pile->slices, &pile->capacity, pile->count + 1, sizeof *pile->slices, err));
    pile->slices[pile->count++] = *table;
    *table = (struct day_table){0};
done:
    return status;
}

enum status shard_pile_write(struct shard_pile *pile, int parts, const struct shard_origin *origin,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table merged = {0};
    TRY(day_tables_merge(pile->slices, pile->count, &merged, err));
    merged.part = pile->slices[0].part;
    TRY(shard_write(pile->dir, &merged, parts, origin, err));
done:
    day_table_clear(&merged);
    return status;
}
