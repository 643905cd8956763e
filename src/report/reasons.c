/* Evidence as it is read from scores.h5, and as JSON. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The tables of evidence, whole. */
struct evidence_file {
    const struct store_reader *reader;
    size_t count, picked_count;
    size_t *picked;  // of the IP
    void *room;  // for a column of 16 bytes an entry
    struct reason *items;  // [picked_count]
};

static enum status column_get(const struct evidence_file *file, const char *name, enum store_type type,
                              const char *second, struct error *err)
{
    const struct store_column column = {.name = name, .type = type, .dimensions = {"evidence", second}};
    return store_get(file->reader, &column, 0, file->count, file->room, err);
}

static enum status evidence_pick(struct evidence_file *file, const struct ip *ip, struct error *err)
{
    enum status status = STATUS_OK;
    file->picked = calloc(file->count + 1, sizeof *file->picked);
    file->room = malloc((file->count + 1) * sizeof *ip);
    if (!file->picked || !file->room)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for evidence");
    TRY(column_get(file, "evidence_ip", STORE_U8, "octet", err));
    const struct ip *ips = file->room;
    for (size_t i = 0; i < file->count; i++)
        if (!ip || ip_compare(&ips[i], ip) == 0)
            file->picked[file->picked_count++] = i;
    file->items = calloc(file->picked_count + 1, sizeof *file->items);
    if (!file->items)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for evidence");
    for (size_t i = 0; i < file->picked_count; i++)
        file->items[i].ip = ips[file->picked[i]];
done:
    return status;
}

#define PICK(name, type, ctype, member)                                                                      \
    TRY(column_get(&file, name, type, NULL, err));                                                           \
    for (size_t i = 0; i < file.picked_count; i++)                                                           \
    file.items[i].member = ((const ctype *)file.room)[file.picked[i]]

/* Copies the texts of the picked entries out of a heap, each with its end; offset: of the item's member. */
static enum status texts_get(const struct evidence_file *file, const char *ends_name, const char *text_name,
                             const char *dimension, size_t offset, char **texts, struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column text = {.name = text_name, .type = STORE_CHAR, .dimensions = {dimension}};
    size_t bytes = 0, used = 0;
    char *heap = NULL;
    TRY(store_dimension_size(file->reader, dimension, &bytes, err));
    heap = bytes <= SIZE_MAX / 4 ? malloc(bytes + 1) : NULL;
    *texts = heap ? malloc(bytes + file->picked_count + 1) : NULL;
    if (!*texts) {
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for %zu bytes of names", bytes);
        goto done;
    }
    TRY(store_get(file->reader, &text, 0, bytes, heap, err));
    TRY(column_get(file, ends_name, STORE_I64, NULL, err));
    const int64_t *ends = file->room;
    int64_t before = 0;
    for (size_t i = 0; i < file->picked_count; i++) {
        const size_t at = file->picked[i];
        const int64_t from = at ? ends[at - 1] : 0, to = ends[at];
        if (from < before || to < from || (size_t)to > bytes) {
            status = error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                               "%s points outside its text", ends_name);
            goto done;
        }
        const char *copy = memcpy(*texts + used, heap + from, (size_t)(to - from));
        memcpy((char *)&file->items[i] + offset, &copy, sizeof copy);
        used += (size_t)(to - from);
        (*texts)[used++] = '\0';
        before = to;
    }
done:
    free(heap);
    return status;
}

static int compare_bits(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    if (x->bits != y->bits)
        return x->bits > y->bits ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->mechanism != y->mechanism)
        return x->mechanism - y->mechanism;
    const int order = strcmp(x->domain, y->domain);
    return order ? order : ip_compare(&x->ip, &y->ip);
}

enum status reasons_get(const struct store_reader *reader, const struct ip *ip, struct reason_list *list,
                        struct error *err)
{
    enum status status = STATUS_OK;
    struct evidence_file file = {.reader = reader};
    *list = (struct reason_list){0};
    TRY(store_dimension_size(reader, "evidence", &file.count, err));
    if (file.count > SIZE_MAX / 1024)
        return error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                         "more evidence than there can be");
    TRY(evidence_pick(&file, ip, err));
    PICK("evidence_day", STORE_I64, int64_t, day);
    PICK("evidence_value", STORE_I64, int64_t, value);
    PICK("evidence_threshold", STORE_I64, int64_t, threshold);
    PICK("evidence_bits", STORE_F64, double, bits);
    PICK("evidence_window_days", STORE_I32, int32_t, window_days);
    PICK("evidence_incident", STORE_I32, int32_t, incident);
    PICK("evidence_mechanism", STORE_I8, int8_t, mechanism);
    PICK("evidence_allow", STORE_I32, int32_t, allow);
    PICK("evidence_allow_line", STORE_I32, int32_t, allow_line);
    for (size_t i = 0; i < file.picked_count; i++)
        if (file.items[i].mechanism < 0 || file.items[i].mechanism >= MECHANISMS ||
            file.items[i].day < -DAY_MOST || file.items[i].day > DAY_MOST) {
            status = error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                               "a mechanism or a day that does not exist");
            goto done;
        }
    TRY(texts_get(&file, "evidence_domain_end", "evidence_domain", "evidence_domain_byte",
                  offsetof(struct reason, domain), &list->domains, err));
    TRY(texts_get(&file, "evidence_name_end", "evidence_name", "evidence_name_byte",
                  offsetof(struct reason, names), &list->names, err));
    TRY(texts_get(&file, "evidence_entry_end", "evidence_entry", "evidence_entry_byte",
                  offsetof(struct reason, entry), &list->entries, err));
    TRY(texts_get(&file, "evidence_software_end", "evidence_software", "evidence_software_byte",
                  offsetof(struct reason, software), &list->software, err));
    if (file.picked_count > 0)
        qsort(file.items, file.picked_count, sizeof *file.items, compare_bits);
    list->items = file.items;
    list->count = file.picked_count;
    file.items = NULL;
done:
    free(file.picked);
    free(file.room);
    free(file.items);
    if (status != STATUS_OK)
        reasons_clear(list);
    return status;
}

enum status reasons_read(const char *dir, const struct ip *ip, struct reason_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200];
    struct store_reader *reader = NULL;
    *list = (struct reason_list){0};
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    TRY(store_open_local(path, &reader, err));
    TRY(reasons_get(reader, ip, list, err));
done:
    store_close(reader);
    return status;
}

void reasons_clear(struct reason_list *list)
{
    free(list->items);
    free(list->domains);
    free(list->names);
    free(list->entries);
    free(list->software);
    *list = (struct reason_list){0};
}

void reasons_json(const struct history *history, struct json *json)
{
    json_open(json, "evidence", '[');
    for (size_t i = 0; i < history->reasons.count; i++) {
        const struct reason *reason = &history->reasons.items[i];
        const struct mechanism_info *info = mechanism_info((enum mechanism)reason->mechanism);
        char day[16];
        day_write_text(reason->day, day);
        json_open(json, NULL, '{');
        json_text(json, "day", day, strlen(day));
        json_text(json, "cause", cause_name(info->cause), strlen(cause_name(info->cause)));
        json_text(json, "mechanism", info->name, strlen(info->name));
        json_text(json, "domain", reason->domain, strlen(reason->domain));
        if (*reason->software)
            json_text(json, "software", reason->software, strlen(reason->software));
        json_integer(json, "window_days", reason->window_days);
        json_integer(json, "value", reason->value);
        json_integer(json, "threshold", reason->threshold);
        json_text(json, "unit", info->unit, strlen(info->unit));
        json_number(json, "bits", reason->bits);
        json_text(json, "names", reason->names, strlen(reason->names));
        json_close(json, '}');
    }
    json_close(json, ']');
}
