/* The finished table of a shard as data: its columns, and the memory for them. */
#include "feature/feature.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

static const struct day_column_info COLUMNS[DAY_COLUMNS] = {
#define X(name, dimension, type, second, units, text)                                                        \
    {#name, DAY_##dimension, COLUMN_##type, second, units, text, offsetof(struct day_table, name)},
#include "feature/columns.def"
#undef X
};

static const char *const DIMENSIONS[DAY_DIMENSIONS] = {
    [DAY_row] = "row",
    [DAY_asked] = "asked",
    [DAY_pair] = "pair",
    [DAY_type] = "type",
    [DAY_second] = "second",
    [DAY_domain] = "domain",
    [DAY_domain_byte] = "domain_byte",
    [DAY_client] = "client",
    [DAY_name] = "name",
    [DAY_name_byte] = "name_byte",
    [DAY_source] = "source",
    [DAY_source_byte] = "source_byte",
    [DAY_line] = "line",
    [DAY_line_path_byte] = "line_path_byte",
    [DAY_minute] = "minute",
    [DAY_reject] = "reject",
    [DAY_reject_byte] = "reject_byte",
};

static const char *const LINE_NAMES[LINE_COUNTS][2] = {
#define X(NAME, name, text) {#name, text},
#include "feature/line_kinds.def"
#undef X
};

const char *line_count_name(enum line_count kind)
{
    return LINE_NAMES[kind][0];
}

const char *line_count_text(enum line_count kind)
{
    return LINE_NAMES[kind][1];
}

const struct day_column_info *day_column_info(enum day_column column)
{
    return &COLUMNS[column];
}

const char *day_dimension_name(enum day_dimension dimension)
{
    return DIMENSIONS[dimension];
}

size_t column_type_bytes(enum column_type type)
{
    switch (type) {
    case COLUMN_U8:
    case COLUMN_CHAR: return 1;
    case COLUMN_U16: return 2;
    case COLUMN_U32:
    case COLUMN_I32: return 4;
    case COLUMN_I64:
    case COLUMN_U64: return 8;
    }
    return 0;
}

size_t day_column_width(const struct day_table *table, enum day_column column)
{
    const char *second = COLUMNS[column].second;
    if (!second)
        return 1;
    if (strcmp(second, "unit") == 0)
        return table->unit_count;
    if (strcmp(second, "octet") == 0)
        return sizeof(struct ip);
    return strcmp(second, "ip_character") == 0 ? IP_COLUMN_BYTES : LINE_COUNTS;
}

void **day_column_array(struct day_table *table, enum day_column column)
{
    return (void **)(void *)((unsigned char *)table + COLUMNS[column].offset);
}

const void *day_column_values(const struct day_table *table, enum day_column column)
{
    return *(void *const *)(const void *)((const unsigned char *)table + COLUMNS[column].offset);
}

static int64_t part_ms(const struct day_table *table, size_t pair, size_t second, uint32_t part)
{
    return (table->start_s + (int64_t)table->second_of_day[second] * table->pair_second_step[pair]) * 1000 +
           part;
}

int64_t pair_first_ms(const struct day_table *table, size_t pair)
{
    const size_t first = pair > 0 ? (size_t)table->pair_second_end[pair - 1] : 0;
    return part_ms(table, pair, first, table->pair_first_part[pair]);
}

int64_t pair_last_ms(const struct day_table *table, size_t pair)
{
    const size_t first = pair > 0 ? (size_t)table->pair_second_end[pair - 1] : 0;
    const size_t last = (size_t)table->pair_second_end[pair] - 1;
    // Most pairs have one query, and their part of it is then 0.
    return first == last ? pair_first_ms(table, pair) + table->pair_last_part[pair]
                         : part_ms(table, pair, last, table->pair_last_part[pair]);
}

size_t day_column_bytes(const struct day_table *table, enum day_column column)
{
    const struct day_column_info *info = &COLUMNS[column];
    return table->size[info->dimension] * day_column_width(table, column) * column_type_bytes(info->type);
}

enum status day_column_make(struct day_table *table, enum day_column column, struct error *err)
{
    const size_t count = table->size[COLUMNS[column].dimension];
    const size_t bytes = day_column_width(table, column) * column_type_bytes(COLUMNS[column].type);
    void **array = day_column_array(table, column);
    *array = count && count <= SIZE_MAX / bytes ? large_alloc(count * bytes, true) : NULL;
    if (count && !*array)
        return error_set(err, STATUS_NO_MEMORY, COLUMNS[column].name, "use store.parts or more memory",
                         "no room for %zu entries of %zu bytes", count, bytes);
    return STATUS_OK;
}

enum status day_table_make(struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    for (int c = 0; c < DAY_COLUMNS && status == STATUS_OK; c++)
        status = day_column_make(table, (enum day_column)c, err);
    if (status != STATUS_OK)
        day_table_clear(table);
    return status;
}

void day_table_clear(struct day_table *table)
{
    for (int c = 0; c < DAY_COLUMNS; c++)
        free(*day_column_array(table, (enum day_column)c));
    *table = (struct day_table){0};
}
