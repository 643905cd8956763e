/* Slices of a shard on their way to one file: their columns wait in a file without a name, and are merged one
 * by one as they are written. */
#include "base/map.h"
#include "base/scratch.h"
#include "merge/merge.h"
#include "shard.h"

#include <stdlib.h>
#include <string.h>

/* A slice: its sizes, and where its columns are. */
struct slice {
    int64_t at[DAY_COLUMNS];
};

struct shard_pile {
    const char *dir;
    struct scratch file;
    struct day_table *heads;  // [count], without arrays
    struct slice *slices;  // [count]
    size_t count, head_capacity, slice_capacity;
    void *column;  // of a slice, as it was last read
    size_t column_capacity;
    void *merged;  // column
    size_t merged_capacity;
    struct table_merge *merge;
};

enum status shard_pile_new(const char *dir, struct shard_pile **out, struct error *err)
{
    struct shard_pile *pile = calloc(1, sizeof *pile);
    if (!pile)
        return error_set(err, STATUS_NO_MEMORY, dir, "", "no room for a day");
    pile->dir = dir;
    enum status status =
        scratch_open(&pile->file, dir, "a day's slices cannot be put aside", "make room there", err);
    if (status == STATUS_OK)
        *out = pile;
    else
        shard_pile_free(pile);
    return status;
}

void shard_pile_free(struct shard_pile *pile)
{
    if (!pile)
        return;
    scratch_close(&pile->file);
    table_merge_free(pile->merge);
    free(pile->heads);
    free(pile->slices);
    free(pile->column);
    free(pile->merged);
    free(pile);
}

static size_t column_bytes(const struct day_table *table, enum day_column column)
{
    const struct day_column_info *info = day_column_info(column);
    return table->size[info->dimension] * day_column_width(table, column) * column_type_bytes(info->type);
}

enum status shard_pile_add(struct shard_pile *pile, const struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&pile->heads, &pile->head_capacity, pile->count + 1, sizeof *pile->heads, err));
    TRY(array_reserve(&pile->slices, &pile->slice_capacity, pile->count + 1, sizeof *pile->slices, err));
    struct day_table *head = &pile->heads[pile->count];
    struct slice *slice = &pile->slices[pile->count];
    *head = (struct day_table){
        .day = table->day, .start_s = table->start_s, .part = table->part, .unit_count = table->unit_count};
    memcpy(head->size, table->size, sizeof head->size);
    for (int c = 0; c < DAY_COLUMNS; c++) {
        const enum day_column column = (enum day_column)c;
        TRY(scratch_add(&pile->file, day_column_values(table, column), column_bytes(table, column),
                        &slice->at[c], err));
    }
    pile->count++;
done:
    return status;
}

static enum status pile_column(void *context, size_t part, enum day_column column, const void **values,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct shard_pile *pile = context;
    const size_t need = column_bytes(&pile->heads[part], column);
    TRY(array_reserve(&pile->column, &pile->column_capacity, need, 1, err));
    TRY(scratch_get(&pile->file, pile->slices[part].at[column], pile->column, need, err));
    *values = pile->column;
done:
    return status;
}

static enum status merged_column(void *context, enum day_column column, const void **values,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    struct shard_pile *pile = context;
    TRY(array_reserve(&pile->merged, &pile->merged_capacity,
                      column_bytes(table_merge_head(pile->merge), column) + 1, 1, err));
    TRY(table_merge_column(pile->merge, column, pile->merged, err));
    *values = pile->merged;
done:
    return status;
}

enum status shard_pile_write(struct shard_pile *pile, int parts, const struct shard_origin *origin,
                             struct error *err)
{
    enum status status = STATUS_OK;
    TRY(table_merge_new(pile->heads, pile->count, pile_column, pile, &pile->merge, err));
    struct day_table head = *table_merge_head(pile->merge);
    head.part = pile->heads[0].part;
    TRY(shard_write_columns(pile->dir, &head, parts, origin, merged_column, pile, err));
done:
    return status;
}
