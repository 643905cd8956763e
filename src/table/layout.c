#include "layout.h"

#include "base/hash.h"
#include "base/map.h"
#include "shard.h"

#include <stdlib.h>
#include <string.h>

enum form {
    FORM_PLAIN,
    FORM_NARROW,  // in the smallest type that holds all values
    FORM_FOUND,  // not there: other columns tell it
};

/* Hashes have no smaller type, and counts of rows are for people to calculate with. Differences
 * of what ascends would take 2 % less, and be no values to a reader. */
static const enum form FORMS[DAY_COLUMNS] = {
    [COLUMN_asked_slot] = FORM_NARROW,         [COLUMN_asked_name] = FORM_NARROW,
    [COLUMN_asked_queries] = FORM_NARROW,      [COLUMN_asked_txt] = FORM_NARROW,
    [COLUMN_asked_odd] = FORM_NARROW,          [COLUMN_asked_mixed] = FORM_NARROW,
    [COLUMN_asked_case_changes] = FORM_NARROW, [COLUMN_pair_domain] = FORM_NARROW,
    [COLUMN_pair_queries] = FORM_NARROW,       [COLUMN_pair_names] = FORM_NARROW,
    [COLUMN_pair_first_part] = FORM_NARROW,    [COLUMN_pair_last_part] = FORM_NARROW,
    [COLUMN_pair_type_end] = FORM_NARROW,      [COLUMN_pair_second_end] = FORM_NARROW,
    [COLUMN_pair_second_step] = FORM_NARROW,   [COLUMN_domain_hash] = FORM_FOUND,
    [COLUMN_domain_queries] = FORM_NARROW,     [COLUMN_domain_names] = FORM_NARROW,
    [COLUMN_domain_client_end] = FORM_NARROW,  [COLUMN_client_hash] = FORM_FOUND,
    [COLUMN_name_hash] = FORM_FOUND,           [COLUMN_name_domain] = FORM_NARROW,
    [COLUMN_name_sub_bytes] = FORM_NARROW,     [COLUMN_name_bigram_score] = FORM_NARROW,
    [COLUMN_name_bigrams] = FORM_NARROW,       [COLUMN_name_encoded_bytes] = FORM_NARROW,
};

static const struct store_column ASKER_HASH = {
    .name = "asker_hash",
    .type = STORE_U64,
    .dimensions = {LAYOUT_ASKER},
    .units = "1",
    .long_name = "XXH3-64 of a client IP's octets, ascending",
};

static const struct store_column CLIENT_ASKER = {
    .name = "client_asker",
    .type = STORE_U32,
    .dimensions = {"client"},
    .units = "1",
    .long_name =
        "up to 64 clients that asked under the domain, those with the least hashes, as indices into asker_*",
};

bool layout_is_stored(enum day_column column)
{
    return FORMS[column] != FORM_FOUND;
}

static enum status corrupt(const char *path, const char *what, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, path, "remove the file, and run extract again", "%s", what);
}

static enum status no_room(size_t count, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a day's file", "use store.parts or more memory",
                     "no room for %zu entries", count);
}

/* ---- forms ---- */

/* X(type in the store, in C, its least and its largest value) of the types that columns with a form have. Of
 * types that hold the same values the first is chosen. */
#define EACH_TYPE                                                                                            \
    X(STORE_U8, uint8_t, 0, UINT8_MAX)                                                                       \
    X(STORE_U16, uint16_t, 0, UINT16_MAX)                                                                    \
    X(STORE_U32, uint32_t, 0, UINT32_MAX)                                                                    \
    X(STORE_I8, int8_t, INT8_MIN, INT8_MAX)                                                                  \
    X(STORE_I16, int16_t, INT16_MIN, INT16_MAX)                                                              \
    X(STORE_I32, int32_t, INT32_MIN, INT32_MAX)                                                              \
    X(STORE_I64, int64_t, INT64_MIN, INT64_MAX)

struct range {
    int64_t least, most;
};

/* Reads values of a type as numbers of 64 bits. */
static void widen(const void *from, enum store_type type, size_t count, int64_t *to)
{
#define X(kind, ctype, least, most)                                                                          \
    if (type == kind)                                                                                        \
        for (size_t i = 0; i < count; i++)                                                                   \
            to[i] = (int64_t)((const ctype *)from)[i];
    EACH_TYPE
#undef X
}

/* Writes numbers as values of a type that holds them. */
static void narrow(const int64_t *from, enum store_type type, size_t count, void *to)
{
#define X(kind, ctype, least, most)                                                                          \
    if (type == kind)                                                                                        \
        for (size_t i = 0; i < count; i++)                                                                   \
            ((ctype *)to)[i] = (ctype)from[i];
    EACH_TYPE
#undef X
}

static struct range range_of_type(enum store_type type)
{
#define X(kind, ctype, least, most)                                                                          \
    if (type == kind)                                                                                        \
        return (struct range){least, most};
    EACH_TYPE
#undef X
    return (struct range){0, 0};
}

/* The smallest type that holds the numbers of a range. */
static enum store_type type_of_range(struct range range)
{
#define X(kind, ctype, least_there, most_there)                                                              \
    if (range.least >= (least_there) && range.most <= (most_there))                                          \
        return kind;
    EACH_TYPE
#undef X
    return STORE_I64;
}

/* Columns are worked on in blocks that stay in a near cache. */
#define BLOCK ((size_t)2048)

struct block {
    int64_t numbers[BLOCK];
    size_t count;
};

/* Fills a block from values [at, …) of a column. */
static void block_fill(struct block *block, const void *values, enum store_type type, size_t at, size_t count)
{
    block->count = count - at < BLOCK ? count - at : BLOCK;
    widen((const char *)values + at * store_type_bytes(type), type, block->count, block->numbers);
}

static enum store_type stored_type(const void *values, enum store_type type, size_t count)
{
    struct block block = {.count = 0};
    struct range range = {0, 0};
    for (size_t at = 0; at < count; at += BLOCK) {
        block_fill(&block, values, type, at, count);
        for (size_t i = 0; i < block.count; i++) {
            range.least = block.numbers[i] < range.least ? block.numbers[i] : range.least;
            range.most = block.numbers[i] > range.most ? block.numbers[i] : range.most;
        }
    }
    return type_of_range(range);
}

static enum status narrow_put(struct store_writer *writer, struct store_column column, const void *values,
                              size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    struct block block = {.count = 0};
    const enum store_type type = column.type;
    column.type = stored_type(values, type, count);
    const size_t bytes = store_type_bytes(column.type);
    char *stored = large_alloc(count * bytes + 1, false);
    if (!stored)
        return no_room(count, err);
    for (size_t at = 0; at < count; at += BLOCK) {
        block_fill(&block, values, type, at, count);
        narrow(block.numbers, column.type, block.count, stored + at * bytes);
    }
    TRY(store_put_local(writer, &column, stored, err));
done:
    free(stored);
    return status;
}

/* Whether all numbers are values of a type of the table. */
static bool are_in_type(const int64_t *numbers, size_t count, enum store_type type)
{
    const struct range range = range_of_type(type);
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all &= numbers[i] >= range.least && numbers[i] <= range.most;
    return all;
}

/* Turns stored values into the table's; returns false when one does not fit there. */
static bool narrow_restore(const char *stored, enum store_type stored_type, char *values,
                           enum store_type type, size_t count)
{
    struct block block = {.count = 0};
    bool fit = true;
    for (size_t at = 0; at < count && fit; at += BLOCK) {
        block.count = count - at < BLOCK ? count - at : BLOCK;
        widen(stored + at * store_type_bytes(stored_type), stored_type, block.count, block.numbers);
        fit = are_in_type(block.numbers, block.count, type);
        narrow(block.numbers, type, block.count, values + at * store_type_bytes(type));
    }
    return fit;
}

static enum status narrow_get(const struct store_reader *reader, const char *path, struct store_column column,
                              void *values, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    const enum store_type type = column.type;
    void *stored = NULL;
    TRY(store_variable_type(reader, column.name, &column.type, err));
    if (column.type > STORE_I64)
        return corrupt(path, "one of its variables has a type that holds no whole numbers", err);
    stored = large_alloc((count + 1) * store_type_bytes(column.type), false);
    if (!stored)
        return no_room(count, err);
    TRY(store_get(reader, &column, 0, count, stored, err));
    if (!narrow_restore(stored, column.type, values, type, count))
        status = corrupt(path, "its offsets or indices point outside their tables", err);
done:
    free(stored);
    return status;
}

enum status layout_put(struct store_writer *writer, enum day_column column, const void *values, size_t count,
                       struct error *err)
{
    const struct store_column plain = shard_store_column(column);
    return FORMS[column] == FORM_PLAIN ? store_put_local(writer, &plain, values, err)
                                       : narrow_put(writer, plain, values, count, err);
}

enum status layout_get(const struct store_reader *reader, const char *path, enum day_column column,
                       void *values, size_t count, struct error *err)
{
    const struct store_column plain = shard_store_column(column);
    return FORMS[column] == FORM_PLAIN ? store_get(reader, &plain, 0, count, values, err)
                                       : narrow_get(reader, path, plain, values, count, err);
}

/* ---- what other columns tell ---- */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum status layout_find_askers(const uint64_t *client_hash, size_t count, struct layout_askers *askers,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct map known;
    void *found = NULL;
    uint32_t *places = NULL;
    *askers = (struct layout_askers){0};
    map_init(&known, sizeof(uint64_t), sizeof(uint64_t));
    askers->numbers = malloc((count + 1) * sizeof *askers->numbers);
    if (!askers->numbers) {
        status = no_room(count, err);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(map_put(&known, &client_hash[i], &found, NULL, err));
        askers->numbers[i] = (uint32_t)((uint64_t *)found - (uint64_t *)(void *)known.entries);
    }
    askers->count = known.count;
    askers->hashes = malloc((known.count + 1) * sizeof *askers->hashes);
    places = malloc((known.count + 1) * sizeof *places);
    if (!askers->hashes || !places) {
        status = no_room(known.count, err);
        goto done;
    }
    if (known.count > 0)
        memcpy(askers->hashes, known.entries, known.count * sizeof *askers->hashes);
    if (known.count > 1)
        qsort(askers->hashes, known.count, sizeof *askers->hashes, compare_u64);
    for (size_t i = 0; i < known.count; i++) {
        const uint64_t *entry = map_get(&known, &askers->hashes[i]);
        places[entry - (const uint64_t *)(const void *)known.entries] = (uint32_t)i;
    }
    for (size_t i = 0; i < count; i++)
        askers->numbers[i] = places[askers->numbers[i]];
done:
    free(places);
    map_clear(&known);
    return status;
}

void layout_free_askers(struct layout_askers *askers)
{
    free(askers->hashes);
    free(askers->numbers);
    *askers = (struct layout_askers){0};
}

enum status layout_put_askers(struct store_writer *writer, const struct layout_askers *askers, size_t count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    TRY(store_put_local(writer, &ASKER_HASH, askers->hashes, err));
    TRY(narrow_put(writer, CLIENT_ASKER, askers->numbers, count, err));
done:
    return status;
}

enum status layout_get_clients(const struct store_reader *reader, const char *path, uint64_t *client_hash,
                               size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t askers = 0;
    uint64_t *hashes = NULL;
    uint32_t *numbers = malloc((count + 1) * sizeof *numbers);
    TRY(store_dimension_size(reader, LAYOUT_ASKER, &askers, err));
    hashes = askers <= ENTRIES_MOST ? malloc((askers + 1) * sizeof *hashes) : NULL;
    if (!hashes || !numbers) {
        status = no_room(askers, err);
        goto done;
    }
    TRY(store_get(reader, &ASKER_HASH, 0, askers, hashes, err));
    TRY(narrow_get(reader, path, CLIENT_ASKER, numbers, count, err));
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] >= askers) {
            status = corrupt(path, "its offsets or indices point outside their tables", err);
            goto done;
        }
        client_hash[i] = hashes[numbers[i]];
    }
done:
    free(hashes);
    free(numbers);
    return status;
}

enum status layout_hash(const char *path, const char *text, const int64_t *ends, size_t count,
                        uint64_t *hashes, struct error *err)
{
    struct qname qname;
    for (size_t i = 0; i < count; i++) {
        const int64_t from = i > 0 ? ends[i - 1] : 0;
        if (!qname_of_text(text + from, (size_t)(ends[i] - from), &qname))
            return corrupt(path, "a name in it is none", err);
        hashes[i] = content_hash(qname.wire, qname.bytes);
        if (i > 0 && hashes[i] <= hashes[i - 1])
            return corrupt(path, "its names are not in their order", err);
    }
    return STATUS_OK;
}
