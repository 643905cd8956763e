#include "field.h"

#include "file.h"
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Room for a key as people find it; a longer one, of an unknown key, is cut. */
#define NAME_BYTES 96

static void *member_of(const struct key *key, void *record)
{
    return (char *)record + key->offset;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "", "", "no memory for the job");
}

enum status text_copy(const char *text, char **copy, struct error *err)
{
    *copy = NULL;
    if (!text)
        return STATUS_OK;
    *copy = strdup(text);
    return *copy ? STATUS_OK : no_memory(err);
}

/* "KEY wants THIS, not THAT", at the node's line. */
static enum status refuse_as(const struct place *place, const struct key *key, const struct node *node,
                             const char *before, const char *after, struct error *err)
{
    char where[sizeof err->where];
    char expected[KEY_EXPECTED_BYTES];
    char found[64] = "a list";
    where_write(place->origin, node->line, where);
    key_expected(key, expected);
    if (node->kind == NODE_MAP)
        (void)snprintf(found, sizeof found, "a map");
    else if (node->kind == NODE_SCALAR)
        (void)snprintf(found, sizeof found, "\"%.40s\"", node->text);
    return error_set(err, STATUS_USAGE, where, "", "%s wants %s, not %s%s%s", place->name, expected, before,
                     found, after);
}

static enum status refuse(const struct place *place, const struct key *key, const struct node *node,
                          struct error *err)
{
    if (!node_is_empty(node))
        return refuse_as(place, key, node, "", "", err);
    char where[sizeof err->where];
    char expected[KEY_EXPECTED_BYTES];
    where_write(place->origin, node->line, where);
    key_expected(key, expected);
    return error_set(err, STATUS_USAGE, where, "write ~ where the default is meant",
                     "%s wants %s, and nothing is there", place->name, expected);
}

static enum status refuse_item(const struct place *place, const struct key *key, const struct node *item,
                               struct error *err)
{
    return refuse_as(place, key, item, "one with ", " in it", err);
}

static bool is_text(const struct node *node)
{
    return node->kind == NODE_SCALAR && node->text[0] && !node_is_null(node);
}

enum status field_unknown(const struct place *place, struct key_table table, const char *path,
                          const struct node *entry, struct error *err)
{
    char where[sizeof err->where];
    char hint[sizeof err->hint];
    (void)snprintf(hint, sizeof hint, "did you mean %s?", key_nearest(table, path));
    where_write(place->origin, entry->name_line, where);
    return error_set(err, STATUS_USAGE, where, hint, "%.100s is no key of the job file", place->name);
}

enum status field_once(const struct place *place, const struct node *map, const struct node *entry,
                       struct error *err)
{
    const struct node *before = map->first;
    while (before != entry && strcmp(before->name, entry->name) != 0)
        before = before->next;
    if (before == entry)
        return STATUS_OK;
    char where[sizeof err->where];
    where_write(place->origin, entry->name_line, where);
    if (before->name_line == 0)
        return error_set(err, STATUS_USAGE, where, "", "%s stands there twice", place->name);
    return error_set(err, STATUS_USAGE, where, "", "%s stands there twice; the first is in line %ld",
                     place->name, before->name_line);
}

/* One map of archive.sources or model.train, into a struct that is all zero. */
static enum status record_read(const struct place *place, struct key_table table, const struct node *map,
                               void *record, struct error *err)
{
    enum status status = STATUS_OK;
    char name[NAME_BYTES];
    struct place inner = {.origin = place->origin, .name = name, .now_local_s = place->now_local_s};
    uint32_t given = 0;
    TRY(fields_default(table, record, err));
    for (const struct node *entry = map->first; entry; entry = entry->next) {
        (void)snprintf(name, sizeof name, "%s.%s", place->name, entry->name);
        size_t at = key_find(table, entry->name);
        if (at == table.count)
            return field_unknown(&inner, table, entry->name, entry, err);
        TRY(field_once(&inner, map, entry, err));
        if (node_is_null(entry))
            continue;
        TRY(field_read(&inner, &table.keys[at], entry, record, err));
        given |= UINT32_C(1) << at;
    }
    for (size_t at = 0; at < table.count; at++)
        if (key_is_required(&table.keys[at]) && !(given >> at & 1)) {
            char where[sizeof err->where];
            where_write(place->origin, map->line, where);
            return error_set(err, STATUS_USAGE, where, "", "%s.%s is missing", place->name,
                             table.keys[at].path);
        }
done:
    return status;
}

/* The lists. Each has its count set with the memory, all zero, so that field_free is right at any moment. */

static enum status texts_read(const struct place *place, const struct key *key, const struct node *node,
                              struct text_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    list->items = calloc(node->count + 1, sizeof *list->items);
    if (!list->items)
        return no_memory(err);
    list->count = node->count;
    size_t at = 0;
    for (const struct node *item = node->first; item; item = item->next) {
        if (!is_text(item))
            return refuse_item(place, key, item, err);
        TRY(text_copy(item->text, &list->items[at++], err));
    }
done:
    return status;
}

static enum status ranges_read(const struct place *place, const struct key *key, const struct node *node,
                               struct range_list *list, struct error *err)
{
    list->items = calloc(node->count + 1, sizeof *list->items);
    if (!list->items)
        return no_memory(err);
    list->count = node->count;
    size_t at = 0;
    for (const struct node *item = node->first; item; item = item->next)
        if (!is_text(item) || !ip_range_read(item->text, &list->items[at++]))
            return refuse_item(place, key, item, err);
    return STATUS_OK;
}

static enum status integers_read(const struct place *place, const struct key *key, const struct node *node,
                                 struct integer_list *list, struct error *err)
{
    if (node->count < 1 || node->count > key->most_items) {
        char of_count[32];
        (void)snprintf(of_count, sizeof of_count, " of %zu", node->count);
        return refuse_as(place, key, node, "", of_count, err);
    }
    list->items = calloc(node->count, sizeof *list->items);
    if (!list->items)
        return no_memory(err);
    list->count = node->count;
    size_t at = 0;
    for (const struct node *item = node->first; item; item = item->next)
        if (!is_text(item) || !integer_read(key, item->text, &list->items[at++]))
            return refuse_item(place, key, item, err);
    return STATUS_OK;
}

static enum status sources_read(const struct place *place, const struct key *key, const struct node *node,
                                struct source_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    char name[NAME_BYTES];
    struct place inner = {.origin = place->origin, .name = name, .now_local_s = place->now_local_s};
    list->items = calloc(node->count + 1, sizeof *list->items);
    if (!list->items)
        return no_memory(err);
    list->count = node->count;
    size_t at = 0;
    for (const struct node *item = node->first; item; item = item->next, at++) {
        (void)snprintf(name, sizeof name, "%s[%zu]", place->name, at);
        if (item->kind != NODE_MAP)
            return refuse_item(place, key, item, err);
        TRY(record_read(&inner, source_keys(), item, &list->items[at], err));
        if (list->items[at].paths.count == 0) {
            char where[sizeof err->where];
            where_write(place->origin, item->line, where);
            return error_set(err, STATUS_USAGE, where, "", "%s.paths names no path", name);
        }
    }
done:
    return status;
}

static enum status spans_read(const struct place *place, const struct key *key, const struct node *node,
                              struct span_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    char name[NAME_BYTES];
    struct place inner = {.origin = place->origin, .name = name, .now_local_s = place->now_local_s};
    list->items = calloc(node->count + 1, sizeof *list->items);
    if (!list->items)
        return no_memory(err);
    list->count = node->count;
    size_t at = 0;
    for (const struct node *item = node->first; item; item = item->next, at++) {
        (void)snprintf(name, sizeof name, "%s[%zu]", place->name, at);
        if (item->kind != NODE_MAP)
            return refuse_item(place, key, item, err);
        TRY(record_read(&inner, span_keys(), item, &list->items[at], err));
        if (list->items[at].from_s >= list->items[at].to_s) {
            char where[sizeof err->where];
            where_write(place->origin, item->line, where);
            return error_set(err, STATUS_USAGE, where, "the end is not included", "%s ends before it begins",
                             name);
        }
    }
done:
    return status;
}

/* A path alone stands for a map with nothing but that path. */
static enum status feeds_read(const struct place *place, const struct key *key, const struct node *node,
                              struct feed_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    char name[NAME_BYTES];
    struct place inner = {.origin = place->origin, .name = name, .now_local_s = place->now_local_s};
    list->items = calloc(node->count + 1, sizeof *list->items);
    if (!list->items)
        return no_memory(err);
    list->count = node->count;
    size_t at = 0;
    for (const struct node *item = node->first; item; item = item->next, at++) {
        (void)snprintf(name, sizeof name, "%s[%zu]", place->name, at);
        if (item->kind == NODE_MAP)
            TRY(record_read(&inner, feed_keys(), item, &list->items[at], err));
        else if (is_text(item))
            TRY(text_copy(item->text, &list->items[at].path, err));
        else
            return refuse_item(place, key, item, err);
    }
done:
    return status;
}

static enum status list_read(const struct place *place, const struct key *key, const struct node *node,
                             void *member, struct error *err)
{
    if (node->kind != NODE_LIST)
        return refuse(place, key, node, err);
    if (key->type == VALUE_TEXTS)
        return texts_read(place, key, node, member, err);
    if (key->type == VALUE_RANGES)
        return ranges_read(place, key, node, member, err);
    if (key->type == VALUE_INTEGERS)
        return integers_read(place, key, node, member, err);
    if (key->type == VALUE_SOURCES)
        return sources_read(place, key, node, member, err);
    if (key->type == VALUE_FEEDS)
        return feeds_read(place, key, node, member, err);
    return spans_read(place, key, node, member, err);
}

static bool is_list(enum value_type type)
{
    return type == VALUE_TEXTS || type == VALUE_RANGES || type == VALUE_INTEGERS || type == VALUE_SOURCES ||
           type == VALUE_SPANS || type == VALUE_FEEDS;
}

enum status field_read(const struct place *place, const struct key *key, const struct node *node,
                       void *record, struct error *err)
{
    // Of a list key the member may hold a default, which the value replaces.
    field_free(key, record);
    if (is_list(key->type))
        return list_read(place, key, node, member_of(key, record), err);
    if (!is_text(node))
        return refuse(place, key, node, err);
    if (key->type == VALUE_TEXT)
        return text_copy(node->text, member_of(key, record), err);
    bool good = key->type == VALUE_NIGHT
                    ? night_read(node->text, member_of(key, record))
                    : value_read(key, node->text, place->now_local_s, member_of(key, record));
    return good ? STATUS_OK : refuse(place, key, node, err);
}

enum status fields_default(struct key_table table, void *record, struct error *err)
{
    enum status status = STATUS_OK;
    struct node *node = NULL;
    for (size_t at = 0; at < table.count; at++) {
        const struct key *key = &table.keys[at];
        if (key->type == VALUE_TIME)
            *(int64_t *)member_of(key, record) = JOB_NO_TIME;
        if (!key->fallback)
            continue;
        struct place place = {.origin = "default", .name = key->path};
        TRY(node_parse("default", false, key->fallback, strlen(key->fallback), &node, err));
        TRY(field_read(&place, key, node, record, err));
        node_free(node);
        node = NULL;
    }
done:
    node_free(node);
    return status;
}

static void fields_free(struct key_table table, void *record)
{
    for (size_t at = 0; at < table.count; at++)
        field_free(&table.keys[at], record);
}

static void texts_free(struct text_list *list)
{
    for (size_t at = 0; at < list->count; at++)
        free(list->items[at]);
    free(list->items);
    *list = (struct text_list){0};
}

static void sources_free(struct source_list *list)
{
    for (size_t at = 0; at < list->count; at++)
        fields_free(source_keys(), &list->items[at]);
    free(list->items);
    *list = (struct source_list){0};
}

void field_free(const struct key *key, void *record)
{
    void *member = member_of(key, record);
    if (key->type == VALUE_TEXT) {
        char **text = member;
        free(*text);
        *text = NULL;
    } else if (key->type == VALUE_TEXTS) {
        texts_free(member);
    } else if (key->type == VALUE_SOURCES) {
        sources_free(member);
    } else if (key->type == VALUE_RANGES) {
        struct range_list *list = member;
        free(list->items);
        *list = (struct range_list){0};
    } else if (key->type == VALUE_INTEGERS) {
        struct integer_list *list = member;
        free(list->items);
        *list = (struct integer_list){0};
    } else if (key->type == VALUE_FEEDS) {
        struct feed_list *list = member;
        for (size_t at = 0; at < list->count; at++)
            fields_free(feed_keys(), &list->items[at]);
        free(list->items);
        *list = (struct feed_list){0};
    } else if (key->type == VALUE_SPANS) {
        struct span_list *list = member;
        free(list->items);
        *list = (struct span_list){0};
    }
}
