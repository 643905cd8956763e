/* Entries of clients: rows, asked names and pairs. In each part those of a client lie together, so they are
 * merged in stretches: what is in memory of them is a few numbers a client and window. */
#include "internal.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/* ---- where they go ---- */

static int compare_place(const void *a, const void *b)
{
    const struct stretch *x = a, *y = b;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static int compare_content(const void *a, const void *b)
{
    const struct stretch *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    const int order = memcmp(x->ip, y->ip, sizeof x->ip);
    return order != 0 ? order : compare_place(a, b);
}

static enum status part_stretches(size_t part, size_t entries, const int64_t *times, const uint8_t *ips,
                                  struct stretches *stretches, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t first = stretches->count;
    for (size_t i = 0; i < entries; i++) {
        const int64_t time = times ? times[i] : 0;
        struct stretch *stretch = stretches->count > first ? &stretches->items[stretches->count - 1] : NULL;
        if (stretch && stretch->time == time && memcmp(stretch->ip, ips + 16 * i, sizeof stretch->ip) == 0) {
            stretch->count++;
            continue;
        }
        TRY(array_reserve(&stretches->items, &stretches->capacity, stretches->count + 1,
                          sizeof *stretches->items, err));
        stretch = &stretches->items[stretches->count++];
        *stretch = (struct stretch){.time = time, .part = part, .from = i, .count = 1};
        memcpy(stretch->ip, ips + 16 * i, sizeof stretch->ip);
    }
done:
    return status;
}

/* Gives each stretch its place. */
static void stretches_place(struct stretches *stretches)
{
    if (stretches->count == 0)
        return;
    qsort(stretches->items, stretches->count, sizeof *stretches->items, compare_content);
    for (size_t i = 0; i < stretches->count; i++) {
        stretches->items[i].to = stretches->entries;
        stretches->entries += stretches->items[i].count;
    }
    qsort(stretches->items, stretches->count, sizeof *stretches->items, compare_place);
}

enum status stretches_find(const struct parts *parts, enum day_column time, enum day_column ip,
                           struct stretches *stretches, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *times = NULL;
    for (size_t part = 0; part < parts->count; part++) {
        const void *ips = NULL;
        free(times);
        times = NULL;
        if (time != DAY_COLUMNS)
            TRY(part_copy(parts, part, time, &times, err));
        TRY(part_read(parts, part, ip, &ips, err));
        TRY(part_stretches(part, part_entries(parts, part, ip), times, ips, stretches, err));
    }
    stretches_place(stretches);
done:
    free(times);
    return status;
}

void stretches_clear(struct stretches *stretches)
{
    free(stretches->items);
    *stretches = (struct stretches){0};
}

/* ---- their columns ---- */

/* The stretches of a part, [*from, *to), after those of the part before. */
static void stretches_of_part(const struct stretches *stretches, size_t part, size_t *from, size_t *to)
{
    *from = *to;
    while (*to < stretches->count && stretches->items[*to].part == part)
        ++*to;
}

enum status stretches_fill(const struct parts *parts, const struct stretches *stretches,
                           enum day_column column, unsigned char *out, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = parts_entry_bytes(parts, column);
    for (size_t part = 0, from = 0, to = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, column, &values, err));
        for (stretches_of_part(stretches, part, &from, &to); from < to; from++) {
            const struct stretch *stretch = &stretches->items[from];
            memcpy(out + stretch->to * bytes, (const unsigned char *)values + stretch->from * bytes,
                   stretch->count * bytes);
        }
    }
done:
    return status;
}

enum status stretches_fill_indices(const struct parts *parts, const struct stretches *stretches,
                                   enum day_column column, uint32_t *const *places, uint32_t *out,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t part = 0, from = 0, to = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, column, &values, err));
        const uint32_t *indices = values;
        for (stretches_of_part(stretches, part, &from, &to); from < to; from++) {
            const struct stretch *stretch = &stretches->items[from];
            for (size_t i = 0; i < stretch->count; i++)
                out[stretch->to + i] = places[part][indices[stretch->from + i]];
        }
    }
done:
    return status;
}

/* ---- their lists ---- */

enum status stretches_find_ends(const struct parts *parts, const struct stretches *stretches,
                                enum day_column column, int64_t **ends, size_t *total, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *lengths = *ends = calloc(stretches->entries + 1, sizeof *lengths);
    if (!lengths)
        return merge_no_room(err);
    for (size_t part = 0, from = 0, to = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, column, &values, err));
        const int64_t *own = values;
        for (stretches_of_part(stretches, part, &from, &to); from < to; from++) {
            const struct stretch *stretch = &stretches->items[from];
            for (size_t i = 0; i < stretch->count; i++)
                lengths[stretch->to + i] = own[stretch->from + i] - begin_of(own, stretch->from + i);
        }
    }
    *total = ends_of_lengths(lengths, stretches->entries);
done:
    return status;
}

enum status stretches_fill_lists(const struct parts *parts, const struct stretches *stretches,
                                 enum day_column end_column, const int64_t *ends, enum day_column column,
                                 unsigned char *out, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = parts_entry_bytes(parts, column);
    int64_t *own = NULL;
    for (size_t part = 0, from = 0, to = 0; part < parts->count; part++) {
        const void *values = NULL;
        free(own);
        own = NULL;
        TRY(part_copy(parts, part, end_column, &own, err));
        TRY(part_read(parts, part, column, &values, err));
        for (stretches_of_part(stretches, part, &from, &to); from < to && values; from++) {
            const struct stretch *stretch = &stretches->items[from];
            const int64_t begin = begin_of(own, stretch->from), end = own[stretch->from + stretch->count - 1];
            memcpy(out + (size_t)begin_of(ends, stretch->to) * bytes,
                   (const unsigned char *)values + (size_t)begin * bytes, (size_t)(end - begin) * bytes);
        }
    }
done:
    free(own);
    return status;
}
