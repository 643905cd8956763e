/* Merging the parts of a day column by column, wherever they are. */
#ifndef TABLE_MERGE_H
#define TABLE_MERGE_H

#include "shard.h"

struct table_merge;

/** Reads a part's column that has entries: returns values that are borrowed until the next call. */
typedef enum status part_column(void *context, size_t part, enum day_column column, const void **values,
                                struct error *err);

/**
 * Finds out where the entries of all parts go. Local.
 *
 * @param parts  borrowed for life, [part_count]: day and sizes are looked at, no arrays
 * @param out    returns new; end it with table_merge_free
 */
MUST_CHECK enum status table_merge_new(const struct day_table *parts, size_t part_count, part_column *read,
                                       void *context, struct table_merge **out, struct error *err);

/** Takes the merge, or NULL. Local. */
void table_merge_free(struct table_merge *merge);

/** Returns the merged table without its arrays: day, part 0, sizes. Borrowed. Local. */
const struct day_table *table_merge_head(const struct table_merge *merge);

/** Fills a column of the merged table. Local. */
MUST_CHECK enum status table_merge_column(const struct table_merge *merge, enum day_column column, void *out,
                                          struct error *err);

#endif
