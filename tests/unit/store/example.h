/* A file with a column of each type, of each shape, and with each kind of attribute; its values are functions
 * of their place, so that any reader can work them out again. */
#ifndef STORE_EXAMPLE_H
#define STORE_EXAMPLE_H

#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* 300,000 rows of 8 bytes are five chunks, the last of them not full. */
enum { EXAMPLE_ROWS = 300000, EXAMPLE_KINDS = 3, EXAMPLE_WIDTH = 8, EXAMPLE_VALUES_MOST = EXAMPLE_ROWS * 3 };

static const struct store_column EXAMPLE_COLUMNS[] = {
    {"row", STORE_I64, {"row", NULL}, "milliseconds since 1970-01-01 00:00:00", "start", NULL},
    {"row_i8", STORE_I8, {"row", NULL}, NULL, "verdict", "none notice warning critical"},
    {"row_u8", STORE_U8, {"row", NULL}, "", "", NULL},
    {"row_i16", STORE_I16, {"row", NULL}, "1", "a short", NULL},
    {"row_u16", STORE_U16, {"row", NULL}, "1", "a short", NULL},
    {"row_i32", STORE_I32, {"row", "kind"}, "1", "queries – zählt", NULL},
    {"row_u32", STORE_U32, {"row", NULL}, "1", "queries", NULL},
    {"row_u64", STORE_U64, {"row", NULL}, "1", "hash", NULL},
    {"row_f32", STORE_F32, {"row", NULL}, "1", "share", NULL},
    {"row_f64", STORE_F64, {"row", "kind"}, "1", "score", NULL},
    {"kind_name", STORE_CHAR, {"kind", "name_strlen"}, NULL, "name", NULL},
    {"empty_count", STORE_I32, {"empty", NULL}, "1", "of no rows", NULL},
    {"empty_table", STORE_F64, {"empty", "kind"}, "1", "of no rows", NULL},
    {"empty_width", STORE_CHAR, {"row", "empty"}, NULL, "of no width", NULL},
    {"one_value", STORE_F64, {"one", NULL}, "s", "of one row", NULL},
    {"total", STORE_U64, {NULL, NULL}, "1", "a scalar", NULL},
    {"line_bytes", STORE_I64, {"line", NULL}, "1", "not in the digest", NULL},
};

enum { EXAMPLE_COLUMN_COUNT = sizeof EXAMPLE_COLUMNS / sizeof EXAMPLE_COLUMNS[0] };

struct example_dimension {
    const char *name;
    size_t size;
};

static const struct example_dimension EXAMPLE_DIMENSIONS[] = {
    {"row", EXAMPLE_ROWS},
    {"kind", EXAMPLE_KINDS},
    {"name_strlen", EXAMPLE_WIDTH},
    {"empty", 0},
    {"one", 1},
    {"unused", 77},
    {"line", 2},
};

static inline size_t example_size(const char *name)
{
    if (!name)
        return 1;
    size_t i = 0;
    while (strcmp(EXAMPLE_DIMENSIONS[i].name, name) != 0)
        i++;
    return EXAMPLE_DIMENSIONS[i].size;
}

static inline size_t example_rows(const struct store_column *column)
{
    return example_size(column->dimensions[0]);
}

static inline size_t example_row_values(const struct store_column *column)
{
    return example_size(column->dimensions[1]);
}

/* Writes value `i` of a column of this type at `out`. */
static inline void example_value(enum store_type type, size_t i, void *out)
{
    static const char names[EXAMPLE_KINDS][EXAMPLE_WIDTH + 1] = {"a", "aaaaaaaa", "größe"};
    union {
        int8_t i8;
        uint8_t u8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        char c;
    } value = {0};
    switch (type) {
    case STORE_I8: value.i8 = (int8_t)(i % 4); break;
    case STORE_U8: value.u8 = (uint8_t)(i * 7); break;
    case STORE_I16: value.i16 = (int16_t)((int)(i % 65536) - 32768); break;
    case STORE_U16: value.u16 = (uint16_t)(i * 3); break;
    case STORE_I32: value.i32 = (int32_t)(i % 100000) - 50000; break;
    case STORE_U32: value.u32 = (uint32_t)i * 2654435761u; break;
    case STORE_I64: value.i64 = INT64_C(1612137600000) + 3600000 * (int64_t)i; break;
    case STORE_U64: value.u64 = (uint64_t)(i + 1) * UINT64_C(0x9e3779b97f4a7c15); break;
    case STORE_F32: value.f32 = (float)(i % 1000) / 8.0f; break;
    case STORE_F64: value.f64 = i % 5 == 0 ? -0.0 : (double)i / 3.0; break;
    case STORE_CHAR: value.c = names[i / EXAMPLE_WIDTH % EXAMPLE_KINDS][i % EXAMPLE_WIDTH]; break;
    }
    memcpy(out, &value, store_type_bytes(type));
}

/* Returns new: values [from, from + count) of a column of this type. */
static inline void *example_values(enum store_type type, size_t from, size_t count)
{
    size_t width = store_type_bytes(type);
    char *values = malloc(count * width + 1);
    for (size_t i = 0; values && i < count; i++)
        example_value(type, from + i, values + i * width);
    return values;
}

/* Notes dimensions and attributes. */
static inline enum status example_describe(struct store_writer *writer, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof EXAMPLE_DIMENSIONS / sizeof EXAMPLE_DIMENSIONS[0]; i++)
        TRY(store_dimension(writer, EXAMPLE_DIMENSIONS[i].name, EXAMPLE_DIMENSIONS[i].size, err));
    TRY(store_attribute_text(writer, NULL, "title", "größe", err));
    TRY(store_attribute_text(writer, NULL, "nothing", "", err));
    TRY(store_attribute_i64(writer, NULL, "table_version", -7, err));
    TRY(store_attribute_f64(writer, NULL, "threshold", 0.25, err));
    TRY(store_attribute_i64_list(writer, NULL, "years", (int64_t[]){2018, 2030, 1}, 3, err));
    // More than eight: HDF5 then keeps attributes in a tree.
    for (int i = 0; i < 10; i++)
        TRY(store_attribute_i64(writer, "row_u32", (const char[]){'k', (char)('a' + i), '\0'}, i, err));
    TRY(store_provenance_text(writer, "version", "0.1.0", err));
done:
    return status;
}

/* Writes the whole file by the serial driver. */
static inline enum status example_write_local(const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    void *values = NULL;
    TRY(store_create_local(path, &writer, err));
    TRY(example_describe(writer, err));
    for (size_t c = 0; c < EXAMPLE_COLUMN_COUNT; c++) {
        const struct store_column *column = &EXAMPLE_COLUMNS[c];
        values = example_values(column->type, 0, example_rows(column) * example_row_values(column));
        TRY(store_put_local(writer, column, values, err));
        free(values);
        values = NULL;
    }
    struct store_writer *finished = writer;
    writer = NULL;
    TRY(store_finish_local(finished, err));
done:
    free(values);
    store_abandon_local(writer);
    return status;
}

/* Writes the whole file together. Rank 0 gets `first_share` 64ths of the rows, the others equal parts of the
 * rest: not cut at chunks. */
static inline enum status example_write(const struct team *team, const char *path, size_t first_share,
                                        struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    void *values = NULL;
    size_t rank = (size_t)team_rank(team), others = (size_t)team_size(team) - 1,
           parts = others > 0 ? others : 1;
    TRY(store_create(team, path, &writer, err));
    TRY(team_agree(team, example_describe(writer, err), err));
    for (size_t c = 0; c < EXAMPLE_COLUMN_COUNT; c++) {
        const struct store_column *column = &EXAMPLE_COLUMNS[c];
        size_t rows = example_rows(column), row_values = example_row_values(column);
        size_t first = others > 0 ? rows * first_share / 64 : rows;
        size_t from = rank == 0 ? 0 : first + (rows - first) * (rank - 1) / parts;
        size_t to = rank == 0 ? first : first + (rows - first) * rank / parts;
        values = example_values(column->type, from * row_values, (to - from) * row_values);
        TRY(store_put_rows(team, writer, column, from, to - from, values, err));
        free(values);
        values = NULL;
    }
    struct store_writer *finished = writer;
    writer = NULL;
    TRY(store_finish(team, finished, err));
done:
    free(values);
    store_abandon(team, writer);
    return status;
}

#endif
