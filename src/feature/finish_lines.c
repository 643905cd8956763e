/* The tables of a shard that are about resolvers and files, not about clients. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

/* A source or record with what it is ordered by: a text, then a number. */
struct texted {
    const unsigned char *text;
    size_t count;
    int64_t number;
    size_t at;
};

static int compare_texted(const void *a, const void *b)
{
    const struct texted *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->count < y->count ? x->count : y->count);
    if (order == 0)
        order = (x->count > y->count) - (x->count < y->count);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static enum status texted_new(size_t count, struct texted **texted, struct error *err)
{
    *texted = calloc(count + 1, sizeof **texted);
    return *texted ? STATUS_OK
                   : error_set(err, STATUS_NO_MEMORY, "finishing a day", "", "no room to sort %zu entries",
                               count);
}

enum status sources_fill(const struct tallies *tallies, const struct tally *tally, struct day_table *table,
                         struct error *err)
{
    enum status status = STATUS_OK;
    struct texted *order = NULL;
    size_t text = 0;
    TRY(texted_new(tally->sources.count, &order, err));
    for (size_t i = 0; i < tally->sources.count; i++) {
        const struct source *source = map_at(&tally->sources, i);
        order[i] = (struct texted){tally->heap.bytes + source->text_at, source->text_bytes,
                                   (int64_t)source->key.window, i};
    }
    qsort(order, tally->sources.count, sizeof *order, compare_texted);
    for (size_t i = 0; i < tally->sources.count; i++) {
        const struct source *source = map_at(&tally->sources, order[i].at);
        memcpy(table->source_text + text, order[i].text, order[i].count);
        text += order[i].count;
        table->source_text_end[i] = (int64_t)text;
        table->source_window[i] = tally->day_start_s + order[i].number * tallies->plan->window_s;
        table->source_lines[i] = source->lines;
        table->source_queries[i] = source->queries;
        table->source_repeated[i] = source->repeated;
        memcpy(&table->source_unit_seen[i * table->unit_count], source->unit_seen, table->unit_count);
    }
done:
    free(order);
    return status;
}

enum status lines_fill(const struct tally *tally, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    struct texted *order = NULL;
    size_t path = 0, minute = 0, reject = 0, sample = 0;
    TRY(texted_new(tally->record_count, &order, err));
    for (size_t i = 0; i < tally->record_count; i++) {
        const struct record *record = &tally->records[i];
        order[i] =
            (struct texted){tally->heap.bytes + record->path_at, record->path_bytes, record->line.from, i};
    }
    qsort(order, tally->record_count, sizeof *order, compare_texted);
    for (size_t i = 0; i < tally->record_count; i++) {
        const struct record *record = &tally->records[order[i].at];
        const int64_t *minutes = (const void *)(tally->heap.bytes + record->minutes_at);
        const int64_t *offsets = (const void *)(tally->heap.bytes + record->offsets_at);
        const struct line_reject *rejects = (const void *)(tally->heap.bytes + record->rejects_at);
        memcpy(table->line_path + path, order[i].text, order[i].count);
        path += order[i].count;
        for (size_t m = 0; m < record->line.minute_count; m++, minute++) {
            table->minute_start[minute] = minutes[m];
            table->minute_offset[minute] = offsets[m];
        }
        for (size_t r = 0; r < record->line.reject_count; r++, reject++) {
            size_t count = strnlen(rejects[r].text, REJECT_TEXT_BYTES);
            memcpy(table->reject_text + sample, rejects[r].text, count);
            sample += count;
            table->reject_offset[reject] = rejects[r].offset;
            table->reject_text_end[reject] = (int64_t)sample;
        }
        table->line_path_end[i] = (int64_t)path;
        table->line_from[i] = record->line.from;
        memcpy(&table->line_kinds[i * LINE_COUNTS], record->line.kinds, sizeof record->line.kinds);
        table->line_bytes[i] = record->line.bytes;
        table->line_first_ms[i] = record->line.first_ms;
        table->line_last_ms[i] = record->line.last_ms;
        table->line_minute_end[i] = (int64_t)minute;
        table->line_reject_end[i] = (int64_t)reject;
    }
done:
    free(order);
    return status;
}
