/* A shard's file: a finished table and what it was made of. */
#include "shard.h"

#include "layout.h"

#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const enum store_type STORE_TYPES[] = {
    [COLUMN_U8] = STORE_U8,   [COLUMN_U16] = STORE_U16, [COLUMN_U32] = STORE_U32,   [COLUMN_I32] = STORE_I32,
    [COLUMN_I64] = STORE_I64, [COLUMN_U64] = STORE_U64, [COLUMN_CHAR] = STORE_CHAR,
};

static const struct store_column INPUT_COLUMN = {
    .name = "input_hash",
    .type = STORE_U64,
    .dimensions = {"input"},
    .units = "1",
    .long_name = "content identities of the files with lines of this day",
};

struct store_column shard_store_column(enum day_column column)
{
    const struct day_column_info *info = day_column_info(column);
    return (struct store_column){.name = info->name,
                                 .type = STORE_TYPES[info->type],
                                 .dimensions = {day_dimension_name(info->dimension), info->second},
                                 .units = info->units,
                                 .long_name = info->text};
}

void shard_path(const char *dir, int64_t day, int part, int parts, char *path, size_t room)
{
    int year = 0, month = 0, date = 0;
    civil_from_day(day, &year, &month, &date);
    if (parts == 1)
        (void)snprintf(path, room, "%s/%04d-%02d-%02d.h5", dir, year, month, date);
    else
        (void)snprintf(path, room, "%s/%04d-%02d-%02d.%02d.h5", dir, year, month, date, part);
}

/* ---- writing ---- */

static enum status dimensions_write(struct store_writer *writer, const struct day_table *table,
                                    size_t asker_count, size_t input_count, struct error *err)
{
    enum status status = STATUS_OK;
    for (int d = 0; d < DAY_DIMENSIONS; d++)
        TRY(store_dimension(writer, day_dimension_name((enum day_dimension)d), table->size[d], err));
    TRY(store_dimension(writer, "octet", sizeof(struct ip), err));
    TRY(store_dimension(writer, "ip_character", IP_COLUMN_BYTES, err));
    TRY(store_dimension(writer, "unit", table->unit_count, err));
    TRY(store_dimension(writer, "line_kind", LINE_COUNTS, err));
    TRY(store_dimension(writer, LAYOUT_ASKER, asker_count, err));
    TRY(store_dimension(writer, "input", input_count, err));
done:
    return status;
}

/* Files of the same day in another number of parts would make the day twice. */
static void other_parts_remove(const char *dir, int64_t day, int parts)
{
    char path[PATH_BYTES];
    for (int other = 1; other <= PARTS_MOST; other *= 2)
        for (int part = 0; part < other && other != parts; part++) {
            // A part's name does not say of how many: those below `parts` are this cut's own.
            if (other > 1 && parts > 1 && part < parts)
                continue;
            shard_path(dir, day, part, other, path, sizeof path);
            (void)unlink(path);
        }
}

enum status shard_write_columns(const char *dir, const struct day_table *table, int parts,
                                const struct shard_origin *origin, shard_column *values, void *context,
                                struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    struct store_writer *writer = NULL;
    struct layout_askers askers = {0};
    const void *here = NULL;
    shard_path(dir, table->day, table->part, parts, path, sizeof path);
    TRY(store_create_local(path, &writer, err));
    TRY(values(context, COLUMN_client_hash, &here, err));
    TRY(layout_find_askers(here, table->size[DAY_client], &askers, err));
    TRY(dimensions_write(writer, table, askers.count, origin->input_count, err));
    TRY(store_attribute_i64(writer, NULL, "table_version", TABLE_VERSION, err));
    TRY(store_attribute_i64(writer, NULL, "day", table->day, err));
    TRY(store_attribute_i64(writer, NULL, "day_start", table->start_s, err));
    TRY(store_attribute_i64(writer, NULL, "part", table->part, err));
    TRY(store_attribute_i64(writer, NULL, "parts", parts, err));
    TRY(store_attribute_text(writer, NULL, "settings", origin->settings, err));
    if (origin->input_count > 0 && origin->inputs[0] == INPUT_INCOMPLETE)
        TRY(store_attribute_i64(writer, NULL, "incomplete", 1, err));
    for (int c = 0; c < DAY_COLUMNS; c++) {
        const enum day_column column = (enum day_column)c;
        if (column == COLUMN_client_hash)
            TRY(layout_put_askers(writer, &askers, table->size[DAY_client], err));
        if (!layout_is_stored(column))
            continue;
        TRY(values(context, column, &here, err));
        TRY(layout_put(writer, column, here, table->size[day_column_info(column)->dimension], err));
    }
    TRY(store_put_local(writer, &INPUT_COLUMN, origin->inputs, err));
    struct store_writer *whole = writer;
    writer = NULL;
    TRY(store_finish_local(whole, err));
    other_parts_remove(dir, table->day, parts);
done:
    layout_free_askers(&askers);
    store_abandon_local(writer);
    return status;
}

struct whole {
    const struct day_table *table;
};

static enum status whole_column(void *context, enum day_column column, const void **values, struct error *err)
{
    (void)err;
    *values = day_column_values(((const struct whole *)context)->table, column);
    return STATUS_OK;
}

enum status shard_write(const char *dir, const struct day_table *table, int parts,
                        const struct shard_origin *origin, struct error *err)
{
    struct whole whole = {table};
    return shard_write_columns(dir, table, parts, origin, whole_column, &whole, err);
}

static enum status finishing_values(void *context, enum day_column column, const void **values,
                                    struct error *err)
{
    return finishing_column(context, column, values, err);
}

enum status shard_write_finishing(const char *dir, struct finishing *finishing, int parts,
                                  const struct shard_origin *origin, struct error *err)
{
    return shard_write_columns(dir, finishing_head(finishing), parts, origin, finishing_values, finishing,
                               err);
}

/* ---- reading ---- */

static enum status corrupt(const char *path, const char *what, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, path, "remove the file, and run extract again", "%s", what);
}

/* Ends must ascend and stay inside their heap, indices inside their table: nothing that reads a table checks
 * again. */
static bool ends_fit(const int64_t *ends, size_t count, size_t heap)
{
    int64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        if (ends[i] < last)
            return false;
        last = ends[i];
    }
    return (size_t)last == heap;
}

/* Every pair was asked at some second. */
static bool pairs_fit(const struct day_table *t)
{
    for (size_t i = 0; i < t->size[DAY_pair]; i++)
        if (t->pair_second_end[i] <= (i > 0 ? t->pair_second_end[i - 1] : 0))
            return false;
    return true;
}

static bool indices_fit(const uint32_t *indices, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (indices[i] >= size)
            return false;
    return true;
}

static bool table_fits(const struct day_table *t)
{
    const size_t *size = t->size;
    return ends_fit(t->pair_type_end, size[DAY_pair], size[DAY_type]) &&
           ends_fit(t->pair_second_end, size[DAY_pair], size[DAY_second]) && pairs_fit(t) &&
           ends_fit(t->domain_text_end, size[DAY_domain], size[DAY_domain_byte]) &&
           ends_fit(t->domain_client_end, size[DAY_domain], size[DAY_client]) &&
           ends_fit(t->name_text_end, size[DAY_name], size[DAY_name_byte]) &&
           ends_fit(t->source_text_end, size[DAY_source], size[DAY_source_byte]) &&
           ends_fit(t->line_path_end, size[DAY_line], size[DAY_line_path_byte]) &&
           ends_fit(t->line_minute_end, size[DAY_line], size[DAY_minute]) &&
           ends_fit(t->line_reject_end, size[DAY_line], size[DAY_reject]) &&
           ends_fit(t->reject_text_end, size[DAY_reject], size[DAY_reject_byte]) &&
           indices_fit(t->asked_name, size[DAY_asked], size[DAY_name]) &&
           indices_fit(t->name_domain, size[DAY_name], size[DAY_domain]) &&
           indices_fit(t->pair_domain, size[DAY_pair], size[DAY_domain]);
}

/* No second of the years 1970 to 9999 is farther from 1970 than this. */
#define TIME_MOST_S ((int64_t)1 << 40)

/* Nor is a day longer. */
#define SECOND_MOST ((uint32_t)1 << 18)

static bool time_fits(int64_t time_s)
{
    return time_s > -TIME_MOST_S && time_s < TIME_MOST_S;
}

/* Whether a row's counts could have come from a log: what is worked out of them then stays inside its
 * numbers. */
static bool row_fits(const struct day_table *t, size_t i)
{
    const int64_t of_queries[] = {
        t->row_type_a[i],     t->row_type_aaaa[i],    t->row_type_ptr[i],  t->row_type_txt[i],
        t->row_type_null[i],  t->row_type_mx[i],      t->row_type_srv[i],  t->row_type_https[i],
        t->row_type_other[i], t->row_mixed[i],        t->row_encoded[i],   t->row_repeated[i],
        t->row_no_edns[i],    t->row_odd_flags[i],    t->row_names[i],     t->row_domains[i],
        t->row_domain_top[i], t->row_repeated_ptr[i], t->row_resolvers[i],
    };
    for (size_t c = 0; c < sizeof of_queries / sizeof of_queries[0]; c++)
        if (of_queries[c] < 0 || of_queries[c] > t->row_queries[i])
            return false;
    return t->row_queries[i] >= 1 && t->row_queries[i] <= ROW_QUERIES_MOST && t->row_domain_clog[i] >= 0 &&
           t->row_sub_bytes[i] >= 0 && t->row_sub_max[i] >= 0 && t->row_label_max[i] >= 0 &&
           t->row_bigrams[i] >= 0 && t->row_info_bytes[i] >= 0 && time_fits(t->row_window[i]);
}

/* As row_fits, for the other tables. */
static bool counts_fit(const struct day_table *t)
{
    const int64_t most = (int64_t)1 << 48;
    if (!time_fits(t->start_s))
        return false;
    for (size_t i = 0; i < t->size[DAY_row]; i++)
        if (!row_fits(t, i))
            return false;
    for (size_t i = 0; i < t->size[DAY_asked]; i++)
        if (!time_fits(t->asked_slot[i]))
            return false;
    for (size_t i = 0; i < t->size[DAY_pair]; i++)
        if (t->pair_names[i] < 0 || t->pair_names[i] > most || t->pair_second_step[i] > UNITS_MOST * 3600)
            return false;
    for (size_t i = 0; i < t->size[DAY_second]; i++)
        if (t->second_of_day[i] > SECOND_MOST)
            return false;
    for (size_t i = 0; i < t->size[DAY_domain]; i++)
        if (t->domain_queries[i] < 0 || t->domain_queries[i] > most)
            return false;
    return true;
}

static enum status head_read(const struct store_reader *reader, const char *path, uint32_t wanted,
                             struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t version = 0, part = 0;
    TRY(store_get_attribute_i64(reader, NULL, "table_version", &version, err));
    if (version != TABLE_VERSION)
        return error_set(err, STATUS_MISMATCH, path, "run extract, which makes it anew from its logs",
                         "its tables have version %" PRId64 ", this quern has %d", version, TABLE_VERSION);
    TRY(store_get_attribute_i64(reader, NULL, "day", &table->day, err));
    TRY(store_get_attribute_i64(reader, NULL, "day_start", &table->start_s, err));
    TRY(store_get_attribute_i64(reader, NULL, "part", &part, err));
    if (part < 0 || part >= PARTS_MOST)
        return corrupt(path, "its part is out of range", err);
    table->part = (int)part;
    TRY(store_dimension_size(reader, "unit", &table->unit_count, err));
    if (table->unit_count == 0 || table->unit_count > UNITS_MOST)
        return corrupt(path, "its number of units is out of range", err);
    TRY(store_dimension_expect(reader, "octet", sizeof(struct ip), err));
    TRY(store_dimension_expect(reader, "ip_character", IP_COLUMN_BYTES, err));
    TRY(store_dimension_expect(reader, "line_kind", LINE_COUNTS, err));
    for (int d = 0; d < DAY_DIMENSIONS; d++) {
        if (!(wanted >> d & 1))
            continue;
        TRY(store_dimension_size(reader, day_dimension_name((enum day_dimension)d), &table->size[d], err));
        if (table->size[d] > ENTRIES_MOST)
            return corrupt(path, "one of its tables is longer than any can be", err);
    }
done:
    return status;
}

enum status shard_read(const char *path, uint32_t wanted, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    *table = (struct day_table){0};
    TRY(store_open_local(path, &reader, err));
    TRY(head_read(reader, path, wanted, table, err));
    TRY(day_table_make(table, err));
    for (int c = 0; c < DAY_COLUMNS; c++) {
        const enum day_column column = (enum day_column)c;
        const enum day_dimension dimension = day_column_info(column)->dimension;
        void *values = *day_column_array(table, column);
        if (!(wanted >> dimension & 1))
            continue;
        if (column == COLUMN_client_hash)
            TRY(layout_get_clients(reader, path, values, table->size[dimension], err));
        if (layout_is_stored(column))
            TRY(layout_get(reader, path, column, values, table->size[dimension], err));
    }
    if (!table_fits(table)) {
        status = corrupt(path, "its offsets or indices point outside their tables", err);
        goto done;
    }
    TRY(layout_hash(path, table->domain_text, table->domain_text_end, table->size[DAY_domain],
                    table->domain_hash, err));
    TRY(layout_hash(path, table->name_text, table->name_text_end, table->size[DAY_name], table->name_hash,
                    err));
    if (!counts_fit(table))
        status = corrupt(path, "it has counts or times that no log gives", err);
    else if (table->part > 0 && (table->size[DAY_source] > 0 || table->size[DAY_line] > 0))
        status = corrupt(path, "it has resolvers or files, which belong into the day's first part", err);
done:
    store_close(reader);
    if (status != STATUS_OK)
        day_table_clear(table);
    return status;
}

enum status shard_read_domains(const char *path, uint64_t **hashes, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct day_table table = {0};
    const uint32_t wanted = UINT32_C(1) << DAY_domain | UINT32_C(1) << DAY_domain_byte;
    TRY(store_open_local(path, &reader, err));
    TRY(head_read(reader, path, wanted, &table, err));
    TRY(day_table_make(&table, err));
    *count = table.size[DAY_domain];
    TRY(layout_get(reader, path, COLUMN_domain_text_end, table.domain_text_end, *count, err));
    TRY(layout_get(reader, path, COLUMN_domain_text, table.domain_text, table.size[DAY_domain_byte], err));
    if (!ends_fit(table.domain_text_end, *count, table.size[DAY_domain_byte])) {
        status = corrupt(path, "its offsets or indices point outside their tables", err);
        goto done;
    }
    TRY(layout_hash(path, table.domain_text, table.domain_text_end, *count, table.domain_hash, err));
    *hashes = table.domain_hash;
    table.domain_hash = NULL;
done:
    store_close(reader);
    day_table_clear(&table);
    return status;
}

/* What it was made of can be read of older versions too. */
static enum status version_get(const struct store_reader *reader, const char *path, int64_t *version,
                               struct error *err)
{
    enum status status = STATUS_OK;
    TRY(store_get_attribute_i64(reader, NULL, "table_version", version, err));
    if (*version > TABLE_VERSION)
        status = error_set(err, STATUS_MISMATCH, path, "use another store.dir, or the newer quern",
                           "its tables have version %" PRId64 ", this quern has %d", *version, TABLE_VERSION);
done:
    return status;
}

enum status shard_read_version(const char *path, int64_t *version, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    TRY(store_open_local(path, &reader, err));
    TRY(version_get(reader, path, version, err));
done:
    store_close(reader);
    return status;
}

enum status shard_read_origin(const char *path, char **settings, uint64_t **inputs, size_t *count,
                              int64_t *parts, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    int64_t version = 0;
    *settings = malloc(SETTINGS_BYTES);
    TRY(store_open_local(path, &reader, err));
    TRY(version_get(reader, path, &version, err));
    TRY(store_get_attribute_i64(reader, NULL, "parts", parts, err));
    TRY(store_dimension_size(reader, "input", count, err));
    *inputs = *count <= ENTRIES_MOST ? malloc((*count + 1) * sizeof **inputs) : NULL;
    if (!*settings || !*inputs) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for what the shard was made of");
        goto done;
    }
    TRY(store_get_attribute_text(reader, NULL, "settings", *settings, SETTINGS_BYTES, err));
    TRY(store_get(reader, &INPUT_COLUMN, 0, *count, *inputs, err));
done:
    store_close(reader);
    if (status != STATUS_OK) {
        free(*settings);
        free(*inputs);
        *settings = NULL;
        *inputs = NULL;
    }
    return status;
}
