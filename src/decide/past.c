/* What the last run said of incidents, and so which ones are new, go on or are closed; and which are told. */
#include "internal.h"

#include "base/hash.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const STATUS_NAMES[INCIDENT_STATUSES] = {"new", "ongoing", "closed", "past"};

const char *incident_status_name(enum incident_status status)
{
    return STATUS_NAMES[status];
}

/* ---- the last run's file ---- */

struct past_file {
    const struct store_reader *reader;
    size_t count;
    int64_t *room;  // for a column of 16 bytes an entry
    struct past_incident *items;
};

static enum status column_get(const struct past_file *file, const char *name, enum store_type type,
                              const char *second, struct error *err)
{
    const struct store_column column = {.name = name, .type = type, .dimensions = {"incident", second}};
    return store_get(file->reader, &column, 0, file->count, file->room, err);
}

#define PAST_GET(name, type, ctype, second, member)                                                          \
    TRY(column_get(file, name, type, second, err));                                                          \
    for (size_t i = 0; i < file->count; i++)                                                                 \
    file->items[i].member = ((const ctype *)file->room)[i]

static enum status domains_get(const struct past_file *file, struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column text = {
        .name = "incident_domain", .type = STORE_CHAR, .dimensions = {"incident_domain_byte"}};
    size_t bytes = 0;
    char *heap = NULL;
    TRY(store_dimension_size(file->reader, "incident_domain_byte", &bytes, err));
    heap = bytes <= SIZE_MAX / 2 ? malloc(bytes + 1) : NULL;
    if (!heap)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for names");
    TRY(store_get(file->reader, &text, 0, bytes, heap, err));
    TRY(column_get(file, "incident_domain_end", STORE_I64, NULL, err));
    for (size_t i = 0; i < file->count; i++) {
        const int64_t from = i ? file->room[i - 1] : 0, to = file->room[i];
        if (from < 0 || to < from || (size_t)to > bytes || to - from >= QNAME_TEXT_BYTES) {
            status = error_set(err, STATUS_CORRUPT, "scores.h5", "", "a domain outside its text");
            goto done;
        }
        memcpy(file->items[i].domain, heap + from, (size_t)(to - from));
    }
done:
    free(heap);
    return status;
}

static enum status incidents_get(const struct past_file *file, struct error *err)
{
    enum status status = STATUS_OK;
    PAST_GET("incident_ip", STORE_U8, struct ip, "octet", ip);
    PAST_GET("incident_id", STORE_U64, uint64_t, NULL, id);
    PAST_GET("incident_first_day", STORE_I64, int64_t, NULL, first_day);
    PAST_GET("incident_last_day", STORE_I64, int64_t, NULL, last_day);
    PAST_GET("incident_strength", STORE_F64, double, NULL, strength);
    PAST_GET("incident_cause", STORE_I8, uint8_t, NULL, cause);
    PAST_GET("incident_verdict", STORE_I8, uint8_t, NULL, verdict);
    PAST_GET("incident_status", STORE_I8, uint8_t, NULL, status);
    PAST_GET("incident_supports", STORE_I8, uint8_t, NULL, supports_only);
    for (size_t i = 0; i < file->count; i++) {
        const struct past_incident *item = &file->items[i];
        if (item->cause < 0 || item->cause >= CAUSES || item->verdict < 0 || item->verdict >= VERDICTS ||
            item->status < 0 || item->status >= INCIDENT_STATUSES)
            return error_set(err, STATUS_CORRUPT, "scores.h5", "", "a cause or status that does not exist");
    }
    TRY(domains_get(file, err));
done:
    return status;
}

static enum status past_get(const char *path, struct past *past, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct past_file file = {0};
    TRY(store_open_local(path, &reader, err));
    file.reader = reader;
    TRY(store_get_attribute_i64(reader, NULL, "evidence_fingerprint", &past->fingerprint, err));
    TRY(store_dimension_size(reader, "incident", &file.count, err));
    file.items = file.count <= SIZE_MAX / 4096 ? calloc(file.count + 1, sizeof *file.items) : NULL;
    file.room = file.items ? malloc((file.count + 1) * sizeof(struct ip)) : NULL;
    if (!file.room) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for %zu incidents", file.count);
        goto done;
    }
    TRY(incidents_get(&file, err));
    past->items = file.items;
    past->count = file.count;
    file.items = NULL;
done:
    free(file.items);
    free(file.room);
    store_close(reader);
    return status;
}

enum status past_read(const struct team *team, const char *path, struct past *past, struct error *err)
{
    enum status status = STATUS_OK;
    struct error unheard = {0};
    void *all = NULL;
    size_t bytes = 0;
    *past = (struct past){0};
    const bool is_first = team_rank(team) == 0;
    // A damaged file, or one of another version, is about to be replaced: it has no past.
    if (is_first && access(path, F_OK) == 0 && past_get(path, past, &unheard) != STATUS_OK)
        *past = (struct past){0};
    team_broadcast(team, &past->fingerprint, sizeof past->fingerprint, 0);
    TRY(team_gather(team, past->items, is_first ? past->count * sizeof *past->items : 0, &all, &bytes, err));
    free(past->items);
    past->items = all;
    past->count = bytes / sizeof *past->items;
done:
    if (status != STATUS_OK) {
        free(past->items);
        *past = (struct past){0};
    }
    return status;
}

int64_t evidence_fingerprint(const struct evidence_list *evidence, int64_t from_s, int64_t to_s)
{
    // Of the two hashes the items' stands for all of them: struct evidence is plain bytes.
    const uint64_t parts[] = {(uint64_t)from_s, (uint64_t)to_s,
                              content_hash(evidence->items ? (const void *)evidence->items : "",
                                           evidence->count * sizeof *evidence->items)};
    const uint64_t hash = content_hash(parts, sizeof parts);
    return (int64_t)(hash ? hash : 1);
}

/* ---- statuses ---- */

struct past_place {
    uint64_t id;  // key
    size_t at;
    uint64_t is_here;
};

static int32_t status_of(const struct incident *incident, const struct past_incident *past, bool is_same,
                         int64_t last_day)
{
    if (!past)
        return INCIDENT_NEW;
    if (is_same)
        return past->status;
    const bool was_closed = past->status == INCIDENT_CLOSED || past->status == INCIDENT_PAST;
    if (last_day - incident->last_day > INCIDENT_QUIET_DAYS)
        return was_closed ? INCIDENT_PAST : INCIDENT_CLOSED;
    return was_closed && incident->last_day > past->last_day ? INCIDENT_NEW : INCIDENT_ONGOING;
}

/* Adds the incidents of the last run of which nothing is left. */
static enum status gone_add(struct incident_list *list, const struct past *past, const struct map *places,
                            bool is_same, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = list->count;
    for (size_t i = 0; i < past->count; i++) {
        const struct past_incident *item = &past->items[i];
        const struct past_place *place = map_get(places, &item->id);
        const bool was_open = item->status == INCIDENT_NEW || item->status == INCIDENT_ONGOING;
        if (place->is_here || place->at != i || !(was_open || (is_same && item->status == INCIDENT_CLOSED)))
            continue;
        TRY(array_reserve(&list->items, &capacity, list->count + 1, sizeof *list->items, err));
        list->items[list->count++] = (struct incident){.ip = item->ip,
                                                       .id = item->id,
                                                       .first_day = item->first_day,
                                                       .last_day = item->last_day,
                                                       .hosts = 1,
                                                       .strength = item->strength,
                                                       .cause = item->cause,
                                                       .verdict = item->verdict,
                                                       .status = INCIDENT_CLOSED,
                                                       .supports_only = item->supports_only != 0,
                                                       .past = (int32_t)i};
    }
done:
    return status;
}

enum status statuses_settle(struct incident_list *list, const struct past *past, int64_t fingerprint,
                            int64_t last_day, struct error *err)
{
    enum status status = STATUS_OK;
    const bool is_same = past->fingerprint == fingerprint;
    struct map places;
    map_init(&places, sizeof(struct past_place), sizeof(uint64_t));
    for (size_t i = 0; i < past->count; i++) {
        void *found = NULL;
        TRY(map_put(&places, &past->items[i].id, &found, NULL, err));
        ((struct past_place *)found)->at = i;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct past_place *place = map_get(&places, &list->items[i].id);
        list->items[i].status =
            status_of(&list->items[i], place ? &past->items[place->at] : NULL, is_same, last_day);
        if (place)
            place->is_here = 1;
    }
    TRY(gone_add(list, past, &places, is_same, err));
done:
    map_clear(&places);
    return status;
}

/* ---- budget ---- */

static int compare_gravity(const void *a, const void *b)
{
    const struct incident *x = *(const struct incident *const *)a, *y = *(const struct incident *const *)b;
    if (x->verdict != y->verdict)
        return y->verdict - x->verdict;
    if (x->strength != y->strength)
        return x->strength > y->strength ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Names on a critical list are told whatever the budget says. */
static void alone_tell(struct incident_list *list, const struct evidence_list *evidence)
{
    for (size_t i = 0; i < evidence->count; i++) {
        const struct evidence *item = &evidence->items[i];
        if (list->of_evidence[i] >= 0 && item->feed >= 0 && item->bits >= EVIDENCE_BITS_CRITICAL &&
            list->items[list->of_evidence[i]].status != INCIDENT_PAST)
            list->items[list->of_evidence[i]].is_told = 1;
    }
}

enum status budget_apply(struct incident_list *list, const struct evidence_list *evidence, int64_t first_day,
                         int64_t last_day, struct budget *budget, struct error *err)
{
    const int64_t days = last_day - first_day + 1, late = (days + 3) / 4;
    int64_t doubtful = 0;
    struct incident **order = calloc(list->count + 1, sizeof *order);
    if (!order)
        return error_set(err, STATUS_NO_MEMORY, "incidents", "", "no room for incidents");
    *budget = (struct budget){.per_day = budget->per_day, .days = days};
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].status != INCIDENT_PAST && list->items[i].ack != ACK_BENIGN &&
            !list->items[i].supports_only)
            order[budget->candidates++] = &list->items[i];
    if (budget->candidates > 0)
        qsort(order, (size_t)budget->candidates, sizeof *order, compare_gravity);
    for (int64_t i = 0; i < budget->candidates && i / days < budget->per_day; i++)
        order[i]->is_told = 1;
    alone_tell(list, evidence);
    for (size_t i = 0; i < list->count; i++) {
        const struct incident *incident = &list->items[i];
        if (!incident->is_told)
            continue;
        budget->told++;
        budget->by_status[incident->status]++;
        doubtful +=
            incident->ack != ACK_REAL && incident->evidence > 0 && incident->last_day > last_day - late;
    }
    budget->false_per_day = (double)doubtful / (double)late;
    free(order);
    return STATUS_OK;
}
