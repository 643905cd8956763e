/* All IPs and incidents of a scores.h5, in memory. */
#include "internal.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/* One table of the file while its columns are read. */
struct table {
    const struct store_reader *reader;
    const char *dimension;
    size_t count;
    char *items;  // [count] of item_bytes
    size_t item_bytes;
    int64_t *room;  // for a column
};

static enum status column_get(const struct table *table, const char *name, enum store_type type,
                              size_t offset, size_t bytes, struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column column = {.name = name, .type = type, .dimensions = {table->dimension}};
    TRY(store_get(table->reader, &column, 0, table->count, table->room, err));
    for (size_t i = 0; i < table->count; i++)
        memcpy(table->items + i * table->item_bytes + offset, (const char *)table->room + i * bytes, bytes);
done:
    return status;
}

static enum status addresses_get(const struct table *table, const char *name, struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column column = {
        .name = name, .type = STORE_CHAR, .dimensions = {table->dimension, "ip_character"}};
    char *texts = malloc(table->count * IP_COLUMN_BYTES + 1);
    if (!texts)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for addresses");
    TRY(store_get(table->reader, &column, 0, table->count, texts, err));
    // The address is an item's first member, and has room for its end.
    for (size_t i = 0; i < table->count; i++)
        memcpy(table->items + i * table->item_bytes, texts + i * IP_COLUMN_BYTES, IP_COLUMN_BYTES);
done:
    free(texts);
    return status;
}

static enum status domains_get(const struct table *table, struct verdict_incident *incidents,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column ends = {
        .name = "incident_domain_end", .type = STORE_I64, .dimensions = {"incident"}};
    const struct store_column text = {
        .name = "incident_domain", .type = STORE_CHAR, .dimensions = {"incident_domain_byte"}};
    size_t bytes = 0;
    char *heap = NULL;
    TRY(store_dimension_size(table->reader, "incident_domain_byte", &bytes, err));
    heap = bytes <= SIZE_MAX / 2 ? malloc(bytes + 1) : NULL;
    if (!heap)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for %zu bytes of names", bytes);
    TRY(store_get(table->reader, &text, 0, bytes, heap, err));
    TRY(store_get(table->reader, &ends, 0, table->count, table->room, err));
    for (size_t i = 0; i < table->count; i++) {
        const int64_t from = i ? table->room[i - 1] : 0, to = table->room[i];
        if (from < 0 || to < from || (size_t)to > bytes || to - from >= QNAME_TEXT_BYTES) {
            status = error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                               "incident_domain_end points outside its text");
            goto done;
        }
        memcpy(incidents[i].domain, heap + from, (size_t)(to - from));
    }
done:
    free(heap);
    return status;
}

static enum status table_begin(struct table *table, const char *dimension, size_t item_bytes,
                               struct error *err)
{
    enum status status = STATUS_OK;
    table->dimension = dimension;
    table->item_bytes = item_bytes;
    TRY(store_dimension_size(table->reader, dimension, &table->count, err));
    table->items = table->count <= SIZE_MAX / 4096 ? calloc(table->count + 1, item_bytes) : NULL;
    table->room = calloc(table->count + 1, sizeof *table->room);
    if (!table->items || !table->room)
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for %zu entries of %s",
                           table->count, dimension);
done:
    return status;
}

#define GET(name, type, kind, member)                                                                        \
    TRY(column_get(&table, name, type, offsetof(struct kind, member), sizeof((struct kind *)0)->member, err))

static enum status ips_get(const struct store_reader *reader, struct verdicts *verdicts, struct error *err)
{
    enum status status = STATUS_OK;
    struct table table = {.reader = reader};
    TRY(table_begin(&table, "ip", sizeof *verdicts->ips, err));
    TRY(addresses_get(&table, "ip_text", err));
    GET("ip_score", STORE_F64, verdict_ip, score);
    GET("ip_model_score", STORE_F64, verdict_ip, model_score);
    GET("ip_strength", STORE_F64, verdict_ip, strength);
    GET("ip_rank", STORE_I64, verdict_ip, rank);
    GET("ip_rows", STORE_I64, verdict_ip, rows);
    GET("ip_queries", STORE_I64, verdict_ip, queries);
    GET("ip_verdict", STORE_I8, verdict_ip, verdict);
    GET("ip_role", STORE_I8, verdict_ip, role);
    GET("ip_cause", STORE_I8, verdict_ip, cause);
    GET("ip_days", STORE_I64, verdict_ip, days);
    for (int m = 0; m < GROUP_MODELS; m++) {
        char name[64];
        (void)snprintf(name, sizeof name, "ip_%s_both", group_model_name((enum group_model)m));
        TRY(column_get(&table, name, STORE_I8, offsetof(struct verdict_ip, both) + (size_t)m, 1, err));
        (void)snprintf(name, sizeof name, "ip_%s_both_days", group_model_name((enum group_model)m));
        TRY(column_get(&table, name, STORE_I64,
                       offsetof(struct verdict_ip, both_days) + (size_t)m * sizeof(int64_t), sizeof(int64_t),
                       err));
    }
done:
    verdicts->ips = (struct verdict_ip *)(void *)table.items;
    verdicts->ip_count = verdicts->ips ? table.count : 0;
    free(table.room);
    return status;
}

static enum status incidents_get(const struct store_reader *reader, struct verdicts *verdicts,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    struct table table = {.reader = reader};
    TRY(table_begin(&table, "incident", sizeof *verdicts->incidents, err));
    TRY(addresses_get(&table, "incident_ip_text", err));
    GET("incident_id", STORE_U64, verdict_incident, id);
    GET("incident_first_day", STORE_I64, verdict_incident, first_day);
    GET("incident_last_day", STORE_I64, verdict_incident, last_day);
    GET("incident_evidence", STORE_I64, verdict_incident, evidence);
    GET("incident_strength", STORE_F64, verdict_incident, strength);
    GET("incident_hosts", STORE_I64, verdict_incident, hosts);
    GET("incident_cause", STORE_I8, verdict_incident, cause);
    GET("incident_verdict", STORE_I8, verdict_incident, verdict);
    GET("incident_status", STORE_I8, verdict_incident, status);
    GET("incident_ack", STORE_I8, verdict_incident, ack);
    GET("incident_told", STORE_I8, verdict_incident, told);
    for (size_t i = 0; i < table.count; i++)
        ((struct verdict_incident *)(void *)table.items)[i].number = (int64_t)i;
    TRY(domains_get(&table, (struct verdict_incident *)(void *)table.items, err));
done:
    verdicts->incidents = (struct verdict_incident *)(void *)table.items;
    verdicts->incident_count = verdicts->incidents ? table.count : 0;
    free(table.room);
    return status;
}

static int compare_ips(const void *a, const void *b)
{
    const struct verdict_ip *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static int compare_incidents(const void *a, const void *b)
{
    const struct verdict_incident *x = a, *y = b;
    if (x->verdict != y->verdict)
        return y->verdict - x->verdict;
    if (x->strength != y->strength)
        return x->strength > y->strength ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool is_day(int64_t day)
{
    return day >= -DAY_MOST && day <= DAY_MOST;
}

/* What a name is looked up by must exist, and days must be ones that can be written. */
static bool is_sound(const struct verdicts *verdicts)
{
    for (size_t i = 0; i < verdicts->ip_count; i++) {
        const struct verdict_ip *ip = &verdicts->ips[i];
        if (ip->verdict < 0 || ip->verdict >= VERDICTS || ip->role < 0 || ip->role >= ROLES ||
            ip->cause < 0 || ip->cause > CAUSES)
            return false;
    }
    for (size_t i = 0; i < verdicts->incident_count; i++) {
        const struct verdict_incident *incident = &verdicts->incidents[i];
        if (incident->verdict < 0 || incident->verdict >= VERDICTS || incident->cause < 0 ||
            incident->cause >= CAUSES || incident->status < 0 || incident->status >= INCIDENT_STATUSES ||
            incident->ack < 0 || incident->ack >= ACKS || !is_day(incident->first_day) ||
            !is_day(incident->last_day))
            return false;
    }
    return true;
}

/* Where an address stands in verdicts->ips. */
struct ip_place {
    char ip[IP_COLUMN_BYTES + 1];
    size_t at;
};

static enum status places_make(const struct verdicts *verdicts, struct map *places, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < verdicts->ip_count; i++) {
        void *found = NULL;
        TRY(map_put(places, verdicts->ips[i].ip, &found, NULL, err));
        ((struct ip_place *)found)->at = i;
    }
done:
    return status;
}

/* Each incident, and each IP, has its strongest evidence as a reason; the list has the strongest first. */
static enum status reasons_assign(struct verdicts *verdicts, const struct map *places, struct error *err)
{
    int64_t *by_number = calloc(verdicts->incident_count + 1, sizeof *by_number);
    if (!by_number)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for incidents");
    for (size_t i = 0; i < verdicts->incident_count; i++)
        by_number[verdicts->incidents[i].number] = (int64_t)i;
    for (size_t i = 0; i < verdicts->reasons.count; i++) {
        const struct reason *reason = &verdicts->reasons.items[i];
        char text[IP_COLUMN_BYTES + 1 + IP_TEXT_BYTES] = "";
        if (reason->incident < 0 || (size_t)reason->incident >= verdicts->incident_count)
            continue;
        struct verdict_incident *incident = &verdicts->incidents[by_number[reason->incident]];
        incident->reason = incident->reason ? incident->reason : reason;
        (void)ip_write(&reason->ip, text);
        const struct ip_place *place = map_get(places, text);
        if (place && !verdicts->ips[place->at].reason && incident->ack != ACK_BENIGN)
            verdicts->ips[place->at].reason = reason;
    }
    free(by_number);
    return STATUS_OK;
}

struct verdict_day {
    char ip[IP_COLUMN_BYTES + 1];
    int64_t day;
    double p, q;
};

/* Each IP's most unusual day. */
static enum status days_assign(const struct store_reader *reader, struct verdicts *verdicts,
                               const struct map *places, struct error *err)
{
    enum status status = STATUS_OK;
    struct table table = {.reader = reader};
    TRY(table_begin(&table, "day", sizeof(struct verdict_day), err));
    TRY(addresses_get(&table, "day_ip_text", err));
    GET("day_date", STORE_I64, verdict_day, day);
    GET("day_p", STORE_F64, verdict_day, p);
    GET("day_q", STORE_F64, verdict_day, q);
    for (size_t i = 0; i < verdicts->ip_count; i++)
        verdicts->ips[i].odd_p = verdicts->ips[i].odd_q = 2;  // none yet
    for (size_t i = 0; i < table.count; i++) {
        const struct verdict_day *day = &((const struct verdict_day *)(void *)table.items)[i];
        const struct ip_place *place = map_get(places, day->ip);
        struct verdict_ip *ip = place ? &verdicts->ips[place->at] : NULL;
        if (!is_day(day->day) || !ip) {
            status = error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                               "a day that does not exist, or is of no IP");
            goto done;
        }
        if (day->p < ip->odd_p) {
            ip->odd_day = day->day;
            ip->odd_p = day->p;
            ip->odd_q = day->q;
        }
    }
done:
    free(table.items);
    free(table.room);
    return status;
}

enum status verdicts_read(const char *dir, struct verdicts *verdicts, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200];
    struct store_reader *reader = NULL;
    struct map places;
    *verdicts = (struct verdicts){0};
    map_init(&places, sizeof(struct ip_place), IP_COLUMN_BYTES + 1);
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    TRY(store_open_local(path, &reader, err));
    TRY(ips_get(reader, verdicts, err));
    TRY(incidents_get(reader, verdicts, err));
    if (!is_sound(verdicts)) {
        status = error_set(err, STATUS_CORRUPT, path, "run score again",
                           "a verdict, role, cause or day that does not exist");
        goto done;
    }
    qsort(verdicts->ips, verdicts->ip_count, sizeof *verdicts->ips, compare_ips);
    qsort(verdicts->incidents, verdicts->incident_count, sizeof *verdicts->incidents, compare_incidents);
    TRY(reasons_get(reader, NULL, &verdicts->reasons, err));
    TRY(machines_get(reader, &verdicts->machines, err));
    TRY(places_make(verdicts, &places, err));
    TRY(reasons_assign(verdicts, &places, err));
    TRY(days_assign(reader, verdicts, &places, err));
    TRY(blocklist_list(verdicts, err));
done:
    map_clear(&places);
    store_close(reader);
    if (status != STATUS_OK)
        verdicts_clear(verdicts);
    return status;
}

void verdicts_clear(struct verdicts *verdicts)
{
    free(verdicts->ips);
    free(verdicts->incidents);
    free(verdicts->blocked);
    score_machines_clear(&verdicts->machines);
    reasons_clear(&verdicts->reasons);
    *verdicts = (struct verdicts){0};
}
