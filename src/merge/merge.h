/**
 * The parts of a day as one table, as if the day had never been cut. Clients are disjoint between parts;
 * names and domains are not, so they are united by content and what refers to them is renumbered.
 *
 *     parts of a day, or slices ──table_merge_new──► where all goes ──table_merge_column──► one column
 *
 * Columns are read and made one by one, so that neither the parts nor the day need be in memory.
 */
#ifndef MERGE_MERGE_H
#define MERGE_MERGE_H

#include "base/error.h"
#include "feature/day_table.h"

#include <stddef.h>
#include <stdint.h>

/** A day that is being merged. Opaque. */
struct table_merge;

/** Reads a part's column that has entries: returns values that are borrowed until the next call. */
typedef enum status part_column(void *context, size_t part, enum day_column column, const void **values,
                                struct error *err);

/**
 * Finds out where the entries of all parts go. Local.
 *
 * @param parts  borrowed for life, [part_count], one at least: day and sizes are looked at, no arrays
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

/**
 * Merges parts that are in memory. Local.
 *
 * @param merged  filled; free its arrays with day_table_clear
 */
MUST_CHECK enum status day_tables_merge(const struct day_table *parts, size_t part_count,
                                        struct day_table *merged, struct error *err);

#endif
