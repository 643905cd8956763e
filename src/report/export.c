/* Tables as CSV for other tools: of scores.h5 as they are, and the pairs of a store. */
#include "internal.h"

#include "base/csv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows in memory at once. */
#define BLOCK_ROWS ((size_t)1 << 14)
#define COLUMNS_MOST 128

struct export_column {
    char name[STORE_NAME_BYTES];
    enum store_type type;
    size_t width;  // elements a row; characters of a text
    bool is_heap;  // NAME_end with the text NAME
    char *text;  // of a heap
    size_t text_count;
    void *values;  // [BLOCK_ROWS][width]
    int64_t before;  // end of the text before the block
};

struct export
{
    const struct store_reader *reader;
    const char *table;  // "row"
    size_t count;
    struct export_column columns[COLUMNS_MOST];
    size_t column_count;
    size_t feature_count;
    char(*features)[STORE_NAME_BYTES];
    FILE *stream;
    struct pseudonyms *pseudonyms;
};

static bool ends_with(const char *text, const char *end)
{
    const size_t count = strlen(text), more = strlen(end);
    return count >= more && strcmp(text + count - more, end) == 0;
}

/* Takes the variables that have an entry a row: numbers, texts, features, and heaps by their ends. */
static enum status column_take(const struct store_variable *variable, void *context, struct error *err)
{
    struct export *out = context;
    const size_t prefix = strlen(out->table);
    const bool is_ours = strncmp(variable->name, out->table, prefix) == 0 && variable->name[prefix] == '_';
    (void)err;
    if (!is_ours || variable->only_dimension || variable->rank < 1 || variable->shape[0] != out->count ||
        out->column_count == COLUMNS_MOST)
        return STATUS_OK;
    const bool is_matrix = variable->rank == 2;
    // Octets stand beside their text; a heap's own bytes are no column.
    if ((is_matrix && variable->type == STORE_U8) || (!is_matrix && variable->type == STORE_CHAR) ||
        (is_matrix && variable->type != STORE_CHAR &&
         (variable->shape[1] != out->feature_count || variable->type != STORE_F32)))
        return STATUS_OK;
    struct export_column *column = &out->columns[out->column_count++];
    *column = (struct export_column){.type = variable->type, .width = is_matrix ? variable->shape[1] : 1};
    (void)snprintf(column->name, sizeof column->name, "%s", variable->name);
    column->is_heap = !is_matrix && variable->type == STORE_I64 && ends_with(variable->name, "_end");
    // An identity is a hash of an address, which can be tried out for all of them.
    if (out->pseudonyms && ends_with(variable->name, "_id"))
        out->column_count--;
    return STATUS_OK;
}

static enum status heap_read(struct export *out, struct export_column *column, struct error *err)
{
    enum status status = STATUS_OK;
    char byte[STORE_NAME_BYTES + 8];
    column->name[strlen(column->name) - strlen("_end")] = '\0';
    (void)snprintf(byte, sizeof byte, "%s_byte", column->name);
    const struct store_column text = {.name = column->name, .type = STORE_CHAR, .dimensions = {byte}};
    TRY(store_dimension_size(out->reader, byte, &column->text_count, err));
    column->text = column->text_count <= SIZE_MAX / 2 ? malloc(column->text_count + 1) : NULL;
    if (!column->text)
        return error_set(err, STATUS_NO_MEMORY, column->name, "", "no room for texts");
    TRY(store_get(out->reader, &text, 0, column->text_count, column->text, err));
done:
    return status;
}

static enum status columns_make(struct export *out, struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column names = {
        .name = "feature_name", .type = STORE_CHAR, .dimensions = {"feature", "feature_character"}};
    TRY(store_dimension_size(out->reader, out->table, &out->count, err));
    TRY(store_dimension_size(out->reader, "feature", &out->feature_count, err));
    TRY(store_dimension_expect(out->reader, "feature_character", STORE_NAME_BYTES, err));
    if (out->feature_count > FEATURES_MOST)
        return error_set(err, STATUS_CORRUPT, "scores.h5", "run score again", "too many features");
    out->features = calloc(out->feature_count + 1, sizeof *out->features);
    if (!out->features)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for names");
    TRY(store_get(out->reader, &names, 0, out->feature_count, out->features, err));
    for (size_t f = 0; f < out->feature_count; f++)
        out->features[f][STORE_NAME_BYTES - 1] = '\0';
    TRY(store_list(out->reader, column_take, out, err));
    for (size_t c = 0; c < out->column_count; c++) {
        struct export_column *column = &out->columns[c];
        if (column->width > 4096)
            return error_set(err, STATUS_CORRUPT, column->name, "run score again",
                             "wider than any of quern's");
        column->values = calloc(BLOCK_ROWS, column->width * store_type_bytes(column->type));
        if (!column->values)
            return error_set(err, STATUS_NO_MEMORY, column->name, "", "no room for a column");
        if (column->is_heap)
            TRY(heap_read(out, column, err));
    }
done:
    return status;
}

static const char *second_of(const struct export_column *column)
{
    if (column->type == STORE_F32 && column->width > 1)
        return "feature";
    return column->type == STORE_CHAR ? "ip_character" : NULL;
}

static void heading_write(const struct export *out)
{
    for (size_t c = 0; c < out->column_count; c++) {
        const struct export_column *column = &out->columns[c];
        const bool is_features = column->type == STORE_F32 && column->width > 1;
        for (size_t i = 0; i < (is_features ? column->width : 1); i++) {
            char name[2 * STORE_NAME_BYTES + 2];
            (void)snprintf(name, sizeof name, is_features ? "%s.%s" : "%s", column->name,
                           is_features ? out->features[i] : "");
            if (c + i > 0)
                (void)fputc(',', out->stream);
            csv_cell(out->stream, name);
        }
    }
    (void)fputs("\r\n", out->stream);
}

static void number_write_csv(FILE *stream, const struct export_column *column, size_t at)
{
    switch (column->type) {
    case STORE_I8: (void)fprintf(stream, "%d", ((const int8_t *)column->values)[at]); break;
    case STORE_U8: (void)fprintf(stream, "%u", ((const uint8_t *)column->values)[at]); break;
    case STORE_I16: (void)fprintf(stream, "%d", ((const int16_t *)column->values)[at]); break;
    case STORE_U16: (void)fprintf(stream, "%u", ((const uint16_t *)column->values)[at]); break;
    case STORE_I32: (void)fprintf(stream, "%" PRId32, ((const int32_t *)column->values)[at]); break;
    case STORE_U32: (void)fprintf(stream, "%" PRIu32, ((const uint32_t *)column->values)[at]); break;
    case STORE_I64: (void)fprintf(stream, "%" PRId64, ((const int64_t *)column->values)[at]); break;
    // As text: a spreadsheet rounds numbers of more than 15 digits.
    case STORE_U64:
        (void)fprintf(stream, "\"%016" PRIx64 "\"", ((const uint64_t *)column->values)[at]);
        break;
    case STORE_F32: (void)fprintf(stream, "%.9g", (double)((const float *)column->values)[at]); break;
    case STORE_F64: (void)fprintf(stream, "%.17g", ((const double *)column->values)[at]); break;
    case STORE_CHAR: break;
    }
}

/* A text with its '\0', which the caller frees; NULL without memory. */
static char *text_of(const char *bytes, size_t count)
{
    char *text = malloc(count + 1);
    if (text) {
        memcpy(text, bytes, count);
        text[count] = '\0';
    }
    return text;
}

static enum status value_write(struct export *out, struct export_column *column, size_t row,
                               struct error *err)
{
    char *text = NULL;
    if (column->type == STORE_CHAR) {
        text = text_of((const char *)column->values + row * column->width, column->width);
    } else if (column->is_heap) {
        const int64_t from = column->before, to = ((const int64_t *)column->values)[row];
        if (from < 0 || to < from || (size_t)to > column->text_count)
            return error_set(err, STATUS_CORRUPT, column->name, "run score again", "a text outside its heap");
        text = text_of(column->text + from, (size_t)(to - from));
        column->before = to;
    } else {
        for (size_t i = 0; i < column->width; i++) {
            if (i > 0)
                (void)fputc(',', out->stream);
            number_write_csv(out->stream, column, row * column->width + i);
        }
        return STATUS_OK;
    }
    if (!text)
        return error_set(err, STATUS_NO_MEMORY, column->name, "", "no room for a text");
    // Every matrix of characters with a row an entry holds addresses.
    char address[IP_COLUMN_BYTES + 1];
    if (column->type == STORE_CHAR)
        address_leave(out->pseudonyms, text, address);
    csv_cell(out->stream, column->type == STORE_CHAR ? address : text);
    free(text);
    return STATUS_OK;
}

static enum status block_write(struct export *out, size_t first, size_t rows, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t c = 0; c < out->column_count; c++) {
        struct export_column *column = &out->columns[c];
        char name[STORE_NAME_BYTES + 8];
        (void)snprintf(name, sizeof name, "%s%s", column->name, column->is_heap ? "_end" : "");
        const struct store_column wanted = {
            .name = name, .type = column->type, .dimensions = {out->table, second_of(column)}};
        TRY(store_get(out->reader, &wanted, first, rows, column->values, err));
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < out->column_count; c++) {
            if (c > 0)
                (void)fputc(',', out->stream);
            TRY(value_write(out, &out->columns[c], row, err));
        }
        (void)fputs("\r\n", out->stream);
    }
done:
    return status;
}

static const char *const TABLES[] = {"row", "ip", "day", "incident", "evidence", "machine", "lease"};

static enum status table_export(const char *dir, const char *table, struct pseudonyms *pseudonyms,
                                FILE *stream, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200];
    struct store_reader *reader = NULL;
    struct export *out = calloc(1, sizeof *out);
    if (!out)
        return error_set(err, STATUS_NO_MEMORY, "export", "", "no room for columns");
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    TRY(store_open_local(path, &reader, err));
    *out = (struct export){.reader = reader, .table = table, .stream = stream, .pseudonyms = pseudonyms};
    TRY(columns_make(out, err));
    heading_write(out);
    for (size_t first = 0; first < out->count; first += BLOCK_ROWS)
        TRY(block_write(out, first, out->count - first < BLOCK_ROWS ? out->count - first : BLOCK_ROWS, err));
done:
    for (size_t c = 0; c < out->column_count; c++) {
        free(out->columns[c].values);
        free(out->columns[c].text);
    }
    free(out->features);
    free(out);
    store_close(reader);
    return status;
}

/* ---- pairs ---- */

/* An IP of a day as it stood then: a machine has the last address that it had on the day. */
static void pairs_write(const struct day_table *table, const struct run_machines *machines,
                        struct pseudonyms *pseudonyms, FILE *stream)
{
    char day[DAY_TEXT_BYTES];
    struct score_machines then = {0};
    if (machines->of.leases)
        then = (struct score_machines){machines->of.leases, table->start_s,
                                       zone_day_start(machines->zone, table->day + 1)};
    day_write_text(table->day, day);
    for (size_t i = 0; i < table->size[DAY_pair]; i++) {
        char domain[QNAME_TEXT_BYTES];
        struct ip address;
        struct leaving left;
        const size_t number = table->pair_domain[i];
        const int64_t from = number ? table->domain_text_end[number - 1] : 0;
        memcpy(&address, &table->pair_ip[16 * i], sizeof address);
        (void)snprintf(domain, sizeof domain, "%.*s", (int)(table->domain_text_end[number] - from),
                       table->domain_text + from);
        (void)fprintf(stream, "%s,", day);
        number_leave(&then, pseudonyms, &address, &left);
        csv_cell(stream, left.address);
        (void)fputc(',', stream);
        csv_cell(stream, domain);
        (void)fprintf(stream, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",", table->pair_queries[i],
                      table->pair_names[i], pair_first_ms(table, i), pair_last_ms(table, i));
        csv_cell(stream, left.host);
        (void)fputs("\r\n", stream);
    }
}

static enum status pairs_export(const char *dir, const char *store, struct pseudonyms *pseudonyms,
                                FILE *stream, struct error *err)
{
    enum status status = STATUS_OK;
    struct run_machines machines = {.window_s = 0};
    struct store_day *days = NULL;
    struct day_table table = {0};
    size_t count = 0;
    TRY(run_machines_read(dir, &machines, err));
    TRY(store_days(store, &days, &count, err));
    if (count == 0) {
        status = error_set(err, STATUS_NO_INPUT, store, "give the folder of a job's results, or of a store",
                           "no day of a store in it");
        goto done;
    }
    const struct machine_plan plan = {machines.of.leases, machines.zone, machines.window_s};
    (void)fputs("day,ip,domain,queries,names,first_ms,last_ms,host\r\n", stream);
    for (size_t i = 0; i < count; i++) {
        TRY(day_read_machines(store, &days[i], DAY_PAIRS, &plan, &table, err));
        pairs_write(&table, &machines, pseudonyms, stream);
        day_table_clear(&table);
    }
done:
    run_machines_clear(&machines);
    day_table_clear(&table);
    free(days);
    return status;
}

enum status table_write_csv(const char *dir, const char *store, const char *table,
                            struct pseudonyms *pseudonyms, FILE *stream, struct error *err)
{
    if (strcmp(table, "pair") == 0)
        return pairs_export(dir, store, pseudonyms, stream, err);
    if (pseudonyms && strcmp(table, "machine") == 0)
        return error_set(err, STATUS_USAGE, table, "export it without --key, for yourself",
                         "has names of machines, which are no pseudonyms");
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++)
        if (strcmp(table, TABLES[i]) == 0)
            return table_export(dir, table, pseudonyms, stream, err);
    return error_set(err, STATUS_USAGE, table,
                     "write row, ip, day, incident, evidence, machine, lease or pair",
                     "no table that is exported");
}
