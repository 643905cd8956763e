/* Names and domains: parts share them, so equal hashes become one entry, and what refers to them is
 * renumbered. */
#include "internal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- where they go ---- */

/* The hashes of all parts, and how far in each of them merging has come. */
struct hash_lists {
    uint64_t **hashes;  // [count][sizes[…]], ascending
    size_t *sizes, *at;
    size_t count;
};

static enum status lists_read(const struct parts *parts, enum day_column hash, struct hash_lists *lists,
                              struct error *err)
{
    enum status status = STATUS_OK;
    lists->hashes = calloc(parts->count + 1, sizeof *lists->hashes);
    lists->sizes = calloc(parts->count + 1, sizeof *lists->sizes);
    lists->at = calloc(parts->count + 1, sizeof *lists->at);
    if (!lists->hashes || !lists->sizes || !lists->at)
        return merge_no_room(err);
    lists->count = parts->count;
    for (size_t part = 0; part < parts->count; part++) {
        lists->sizes[part] = part_entries(parts, part, hash);
        TRY(part_copy(parts, part, hash, &lists->hashes[part], err));
    }
done:
    return status;
}

static void lists_clear(struct hash_lists *lists)
{
    for (size_t part = 0; part < lists->count; part++)
        free(lists->hashes[part]);
    free(lists->hashes);
    free(lists->sizes);
    free(lists->at);
}

/* The least hash that has no place yet; false when all have one. */
static bool least_find(const struct hash_lists *lists, uint64_t *least)
{
    bool any = false;
    *least = UINT64_MAX;
    for (size_t part = 0; part < lists->count; part++) {
        const size_t at = lists->at[part];
        if (at < lists->sizes[part] && lists->hashes[part][at] <= *least) {
            *least = lists->hashes[part][at];
            any = true;
        }
    }
    return any;
}

static enum status places_make(const struct hash_lists *lists, struct united *united, struct error *err)
{
    united->places = calloc(lists->count + 1, sizeof *united->places);
    if (!united->places)
        return merge_no_room(err);
    united->part_count = lists->count;
    for (size_t part = 0; part < lists->count; part++) {
        united->places[part] = malloc((lists->sizes[part] + 1) * sizeof *united->places[part]);
        if (!united->places[part])
            return merge_no_room(err);
    }
    return STATUS_OK;
}

static enum status places_find(const struct parts *parts, enum day_column hash, struct united *united,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct hash_lists lists = {0};
    uint64_t least = 0;
    TRY(lists_read(parts, hash, &lists, err));
    TRY(places_make(&lists, united, err));
    for (; least_find(&lists, &least); united->count++)
        for (size_t part = 0; part < lists.count; part++) {
            size_t *at = &lists.at[part];
            if (*at < lists.sizes[part] && lists.hashes[part][*at] == least)
                united->places[part][(*at)++] = (uint32_t)united->count;
        }
done:
    lists_clear(&lists);
    return status;
}

/* ---- their texts ---- */

static enum status text_ends_find(const struct parts *parts, enum day_column text_end, struct united *united,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    united->text_end = calloc(united->count + 1, sizeof *united->text_end);
    if (!united->text_end)
        return merge_no_room(err);
    for (size_t part = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, text_end, &values, err));
        const int64_t *own = values;
        for (size_t i = 0; i < part_entries(parts, part, text_end); i++)
            united->text_end[united->places[part][i]] = own[i] - begin_of(own, i);
    }
    united->text_bytes = ends_of_lengths(united->text_end, united->count);
done:
    return status;
}

enum status united_fill_texts(const struct parts *parts, const struct united *united,
                              enum day_column text_end, enum day_column column, char *out, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *own = NULL;
    for (size_t part = 0; part < parts->count; part++) {
        const void *texts = NULL;
        free(own);
        own = NULL;
        TRY(part_copy(parts, part, text_end, &own, err));
        TRY(part_read(parts, part, column, &texts, err));
        for (size_t i = 0; i < part_entries(parts, part, text_end); i++)
            memcpy(out + begin_of(united->text_end, united->places[part][i]),
                   (const char *)texts + begin_of(own, i), (size_t)(own[i] - begin_of(own, i)));
    }
done:
    free(own);
    return status;
}

/* ---- all of it ---- */

enum status united_find(const struct parts *parts, enum day_column hash, enum day_column text_end,
                        struct united *united, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(places_find(parts, hash, united, err));
    TRY(text_ends_find(parts, text_end, united, err));
done:
    return status;
}

void united_clear(struct united *united)
{
    for (size_t part = 0; part < united->part_count; part++)
        free(united->places[part]);
    free(united->places);
    free(united->text_end);
    *united = (struct united){0};
}

enum status united_fill(const struct parts *parts, const struct united *united, enum day_column column,
                        unsigned char *out, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = parts_entry_bytes(parts, column);
    for (size_t part = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, column, &values, err));
        for (size_t i = 0; i < part_entries(parts, part, column); i++)
            memcpy(out + united->places[part][i] * bytes, (const unsigned char *)values + i * bytes, bytes);
    }
done:
    return status;
}
