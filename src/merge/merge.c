/* Which column of the merged table is found in which way. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct table_merge {
    struct parts parts;
    struct day_table head;  // sizes of the merged table
    struct stretches rows, asked, pairs;
    int64_t *type_end, *second_end;  // [pairs]
    struct united names;
    struct domains domains;
};

/* ---- where everything goes ---- */

static enum status places_find(struct table_merge *merge, struct error *err)
{
    enum status status = STATUS_OK;
    const struct parts *parts = &merge->parts;
    size_t *size = merge->head.size;
    TRY(united_find(parts, COLUMN_name_hash, COLUMN_name_text_end, &merge->names, err));
    TRY(domains_find(parts, &merge->names, &merge->domains, err));
    TRY(stretches_find(parts, COLUMN_row_window, COLUMN_row_ip, &merge->rows, err));
    TRY(stretches_find(parts, COLUMN_asked_slot, COLUMN_asked_ip, &merge->asked, err));
    TRY(stretches_find(parts, DAY_COLUMNS, COLUMN_pair_ip, &merge->pairs, err));
    TRY(stretches_find_ends(parts, &merge->pairs, COLUMN_pair_type_end, &merge->type_end, &size[DAY_type],
                            err));
    TRY(stretches_find_ends(parts, &merge->pairs, COLUMN_pair_second_end, &merge->second_end,
                            &size[DAY_second], err));
    size[DAY_name] = merge->names.count;
    size[DAY_name_byte] = merge->names.text_bytes;
    size[DAY_domain] = merge->domains.united.count;
    size[DAY_domain_byte] = merge->domains.united.text_bytes;
    size[DAY_client] = merge->domains.client_count;
    size[DAY_row] = merge->rows.entries;
    size[DAY_asked] = merge->asked.entries;
    size[DAY_pair] = merge->pairs.entries;
done:
    return status;
}

enum status table_merge_new(const struct day_table *parts, size_t part_count, part_column *read,
                            void *context, struct table_merge **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct table_merge *merge = calloc(1, sizeof *merge);
    if (!merge)
        return merge_no_room(err);
    merge->parts = (struct parts){parts, part_count, read, context};
    merge->head = (struct day_table){
        .day = parts[0].day, .start_s = parts[0].start_s, .unit_count = parts[0].unit_count};
    // Resolvers and files are in the first part alone.
    memcpy(merge->head.size, parts[0].size, sizeof merge->head.size);
    TRY(places_find(merge, err));
    *out = merge;
    merge = NULL;
done:
    table_merge_free(merge);
    return status;
}

void table_merge_free(struct table_merge *merge)
{
    if (!merge)
        return;
    stretches_clear(&merge->rows);
    stretches_clear(&merge->asked);
    stretches_clear(&merge->pairs);
    free(merge->type_end);
    free(merge->second_end);
    united_clear(&merge->names);
    domains_clear(&merge->domains);
    free(merge);
}

const struct day_table *table_merge_head(const struct table_merge *merge)
{
    return &merge->head;
}

/* ---- columns ---- */

/* What merging has found out already; NULL for other columns. */
static const void *found_column(const struct table_merge *merge, enum day_column column)
{
    const void *const found[DAY_COLUMNS] = {
        [COLUMN_name_domain] = merge->domains.name_domain,
        [COLUMN_name_text_end] = merge->names.text_end,
        [COLUMN_domain_text_end] = merge->domains.united.text_end,
        [COLUMN_domain_client_end] = merge->domains.client_end,
        [COLUMN_client_hash] = merge->domains.client_hash,
        [COLUMN_pair_type_end] = merge->type_end,
        [COLUMN_pair_second_end] = merge->second_end,
    };
    return found[column];
}

/* A column whose values are taken over as they are, from all parts or from the first. */
static enum status values_fill(const struct table_merge *merge, enum day_column column, void *out,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const struct stretches *const stretches[DAY_DIMENSIONS] = {
        [DAY_row] = &merge->rows, [DAY_asked] = &merge->asked, [DAY_pair] = &merge->pairs};
    const struct united *const united[DAY_DIMENSIONS] = {
        [DAY_name] = &merge->names, [DAY_domain] = &merge->domains.united};
    const enum day_dimension dimension = day_column_info(column)->dimension;
    const void *values = NULL;
    if (stretches[dimension])
        return stretches_fill(&merge->parts, stretches[dimension], column, out, err);
    if (united[dimension])
        return united_fill(&merge->parts, united[dimension], column, out, err);
    TRY(part_read(&merge->parts, 0, column, &values, err));
    memcpy(out, values, merge->head.size[dimension] * parts_entry_bytes(&merge->parts, column));
done:
    return status;
}

/* A column of indices, counts or lists has a way of its own. */
enum status table_merge_column(const struct table_merge *merge, enum day_column column, void *out,
                               struct error *err)
{
    const struct parts *parts = &merge->parts;
    const struct domains *domains = &merge->domains;
    const enum day_dimension dimension = day_column_info(column)->dimension;
    const void *found = found_column(merge, column);
    if (merge->head.size[dimension] == 0)
        return STATUS_OK;
    if (found) {
        memcpy(out, found, merge->head.size[dimension] * parts_entry_bytes(parts, column));
        return STATUS_OK;
    }
    if (column == COLUMN_asked_name)
        return stretches_fill_indices(parts, &merge->asked, column, merge->names.places, out, err);
    if (column == COLUMN_pair_domain)
        return stretches_fill_indices(parts, &merge->pairs, column, domains->united.places, out, err);
    if (column == COLUMN_domain_queries)
        return domains_fill_sums(parts, domains, column, out, err);
    if (column == COLUMN_domain_first_ms)
        return domains_fill_least(parts, domains, column, out, err);
    if (column == COLUMN_domain_names) {
        domains_fill_names(domains, merge->names.count, out);
        return STATUS_OK;
    }
    if (column == COLUMN_name_text)
        return united_fill_texts(parts, &merge->names, COLUMN_name_text_end, column, out, err);
    if (column == COLUMN_domain_text)
        return united_fill_texts(parts, &domains->united, COLUMN_domain_text_end, column, out, err);
    if (dimension == DAY_type)
        return stretches_fill_lists(parts, &merge->pairs, COLUMN_pair_type_end, merge->type_end, column, out,
                                    err);
    if (dimension == DAY_second)
        return stretches_fill_lists(parts, &merge->pairs, COLUMN_pair_second_end, merge->second_end, column,
                                    out, err);
    return values_fill(merge, column, out, err);
}

/* ---- tables in memory ---- */

static enum status memory_column(void *context, size_t part, enum day_column column, const void **values,
                                 struct error *err)
{
    const struct day_table *const *tables = context;
    (void)err;
    *values = day_column_values(&(*tables)[part], column);
    return STATUS_OK;
}

enum status day_tables_merge(const struct day_table *parts, size_t part_count, struct day_table *merged,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct table_merge *merge = NULL;
    *merged = (struct day_table){0};
    TRY(table_merge_new(parts, part_count, memory_column, &parts, &merge, err));
    *merged = *table_merge_head(merge);
    TRY(day_table_make(merged, err));
    for (int c = 0; c < DAY_COLUMNS; c++)
        TRY(table_merge_column(merge, (enum day_column)c, *day_column_array(merged, (enum day_column)c),
                               err));
done:
    table_merge_free(merge);
    if (status != STATUS_OK)
        day_table_clear(merged);
    return status;
}
