/** The finished table of a shard: its columns, as they lie in memory and are named in its file. */
#ifndef FEATURE_DAY_TABLE_H
#define FEATURE_DAY_TABLE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum column_type { COLUMN_U8, COLUMN_U16, COLUMN_U32, COLUMN_I32, COLUMN_I64, COLUMN_U64, COLUMN_CHAR };

enum day_dimension {
    DAY_row,
    DAY_asked,
    DAY_pair,
    DAY_type,
    DAY_second,
    DAY_domain,
    DAY_domain_byte,
    DAY_client,
    DAY_name,
    DAY_name_byte,
    DAY_source,
    DAY_source_byte,
    DAY_line,
    DAY_line_path_byte,
    DAY_minute,
    DAY_reject,
    DAY_reject_byte,
    DAY_DIMENSIONS,
};

/** A column's face to the outside. */
struct day_column_info {
    const char *name;
    enum day_dimension dimension;
    enum column_type type;
    const char *second;  // second dimension, or NULL
    const char *units;
    const char *text;
    size_t offset;  // of the pointer in struct day_table
};

/** The C type of a column. */
#define COLUMN_TYPE_U8 uint8_t
#define COLUMN_TYPE_U16 uint16_t
#define COLUMN_TYPE_U32 uint32_t
#define COLUMN_TYPE_I32 int32_t
#define COLUMN_TYPE_I64 int64_t
#define COLUMN_TYPE_U64 uint64_t
#define COLUMN_TYPE_CHAR char

/** Width of an IP in text columns. */
#define IP_COLUMN_BYTES 39

/** A finished shard. Every array is the table's own, NULL when empty. */
struct day_table {
    int64_t day;  // days since 1970-01-01, local
    int64_t start_s;  // its midnight, UTC
    int part;
    size_t unit_count;  // width of row_unit_queries and source_unit_seen
    size_t size[DAY_DIMENSIONS];
#define X(name, dimension, type, second, units, text) COLUMN_TYPE_##type *name;
#include "feature/columns.def"
#undef X
};

/** How many columns there are. */
enum day_column {
#define X(name, dimension, type, second, units, text) COLUMN_##name,
#include "feature/columns.def"
#undef X
    DAY_COLUMNS,
};

/** Returns what a column is. Borrowed, static. Local. */
const struct day_column_info *day_column_info(enum day_column column);

/** Returns the name of a dimension. Borrowed, static. Local. */
const char *day_dimension_name(enum day_dimension dimension);

/** Returns bytes of one value of a type. Local. */
size_t column_type_bytes(enum column_type type);

/** Returns how many values an entry of the column has: 1, or the size of its second dimension. Local. */
size_t day_column_width(const struct day_table *table, enum day_column column);

/** Returns where the table keeps the column's pointer. Local. */
void **day_column_array(struct day_table *table, enum day_column column);

/** Returns the column's values, borrowed. Local. */
const void *day_column_values(const struct day_table *table, enum day_column column);

/** Returns when a pair's first query came, in ms UTC. Local. */
int64_t pair_first_ms(const struct day_table *table, size_t pair);

/** As pair_first_ms, its last query. Local. */
int64_t pair_last_ms(const struct day_table *table, size_t pair);

/** Returns how many bytes the values of a column take. Local. */
size_t day_column_bytes(const struct day_table *table, enum day_column column);

/** Makes the array of a column, of zeros, from the table's sizes. Returns STATUS_NO_MEMORY. Local. */
MUST_CHECK enum status day_column_make(struct day_table *table, enum day_column column, struct error *err);

/** Makes all arrays of a table whose sizes are set, filled with 0. Returns STATUS_NO_MEMORY. Local. */
MUST_CHECK enum status day_table_make(struct day_table *table, struct error *err);

/** Frees the arrays of a table and zeroes it; a zeroed table is fine. Local. */
void day_table_clear(struct day_table *table);

#endif
