/* Zones one label below a domain that is not rare. Whoever gives out names under a popular domain (a provider
 * of dynamic names, a cloud, a hoster) lends a tunnel its popularity: the domain is everybody's, the zone is
 * asked by one host. Tokens that stand right below the domain are no zones, since each has one name only. */
#include "day_reading.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* A zone of fewer names with information in a day is none: names of one page. */
#define ZONE_NAMES 10

/* A zone while its day is looked at. */
struct zone_count {
    uint64_t text;  // key: hash of its text
    size_t name;  // one of its names, from which the text is known
    size_t text_bytes;
    int64_t names, clients;
    uint32_t number;  // from 1; 0: it is none
    uint32_t unused;
};

struct zone_client {
    struct ip ip;  // key: both
    uint64_t zone;
};

/* How many dots of a text are not escaped is what labels are counted by: whether that at `dot` is one. */
static bool is_label_end(const char *text, size_t dot)
{
    size_t slashes = 0;
    while (slashes < dot && text[dot - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 0;
}

struct name_view {
    const char *text;
    size_t count, domain_count;
};

static struct name_view name_of(const struct day_table *table, size_t name)
{
    struct name_view view = {0};
    view.text = reading_name(table, name, &view.count, &view.domain_count);
    return view;
}

/* Bytes of the zone's text at the end of the name, 0 when the name stands right below its domain. */
static size_t zone_bytes(const struct name_view *name)
{
    if (name->count <= name->domain_count + 1)
        return 0;
    for (size_t dot = name->count - name->domain_count - 1; dot-- > 1;)
        if (name->text[dot] == '.' && is_label_end(name->text, dot))
            return name->count - dot - 1;
    return 0;
}

/* Counts the names of each zone. */
static enum status names_count(const struct day_table *table, const struct domain_fact *facts,
                               int64_t rare_most, struct map *counts, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < table->size[DAY_name]; i++) {
        if (facts[table->name_domain[i]].reach <= rare_most || table->name_sub_bytes[i] == 0)
            continue;
        const struct name_view name = name_of(table, i);
        const size_t bytes = zone_bytes(&name);
        if (bytes == 0 || bytes > ZONE_TEXT_MOST ||
            name_information(name.text, name.count, bytes, name.count - bytes - 1) == 0)
            continue;
        const uint64_t key = content_hash(name.text + name.count - bytes, bytes);
        void *found = NULL;
        TRY(map_put(counts, &key, &found, NULL, err));
        struct zone_count *count = found;
        count->name = i;
        count->text_bytes = bytes;
        count->names++;
    }
done:
    return status;
}

/* Numbers the zones of several names, and says which names lie in them. */
static void zones_number(const struct day_table *table, const struct domain_fact *facts, int64_t rare_most,
                         const struct map *counts, struct zones *zones)
{
    for (size_t i = 0; i < counts->count; i++) {
        struct zone_count *count = map_at(counts, i);
        if (count->names >= ZONE_NAMES)
            count->number = (uint32_t)++zones->count;
    }
    for (size_t i = 0; i < table->size[DAY_name] && zones->count > 0; i++) {
        if (facts[table->name_domain[i]].reach <= rare_most || table->name_sub_bytes[i] == 0)
            continue;
        const struct name_view name = name_of(table, i);
        const size_t bytes = zone_bytes(&name);
        const uint64_t key = content_hash(name.text + name.count - bytes, bytes);
        const struct zone_count *count = bytes > 0 ? map_get(counts, &key) : NULL;
        zones->of_name[i] = count ? count->number : 0;
    }
}

/* Counts the clients of each zone; numbers[] are those of the zones. */
static enum status clients_count(const struct day_table *table, const struct zones *zones, int64_t *clients,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    struct map seen;
    map_init(&seen, sizeof(struct zone_client), sizeof(struct zone_client));
    for (size_t i = 0; i < table->size[DAY_asked] && zones->count > 0; i++) {
        struct zone_client key = {.zone = zones->of_name[table->asked_name[i]]};
        void *found = NULL;
        bool fresh = false;
        if (key.zone == 0)
            continue;
        memcpy(&key.ip, &table->asked_ip[16 * i], sizeof key.ip);
        TRY(map_put(&seen, &key, &found, &fresh, err));
        clients[key.zone] += fresh;
    }
done:
    map_clear(&seen);
    return status;
}

/* Makes a zone of a count; false when its text is no name. */
static bool zone_make(const struct day_table *table, const struct zone_count *count, struct zone_found *zone,
                      struct zone_name *named)
{
    struct qname qname;
    const struct name_view name = name_of(table, count->name);
    const char *text = name.text + name.count - count->text_bytes;
    if (!qname_of_text(text, count->text_bytes, &qname))
        return false;
    *zone = (struct zone_found){content_hash(qname.wire, qname.bytes), count->text_bytes};
    *named =
        (struct zone_name){.zone = zone->hash, .parent = table->domain_hash[table->name_domain[count->name]]};
    memcpy(named->text, text, count->text_bytes);
    return true;
}

/* Writes down that many ask the zone. */
static enum status common_add(const struct day_table *table, const struct zone_count *count,
                              struct day_records *records, struct error *err)
{
    enum status status = STATUS_OK;
    struct zone_found zone;
    struct zone_name named;
    if (!zone_make(table, count, &zone, &named))
        return STATUS_OK;
    TRY(array_reserve(&records->common_zones, &records->common_zone_capacity, records->common_zone_count + 1,
                      sizeof *records->common_zones, err));
    records->common_zones[records->common_zone_count++] = (struct common_zone){zone.hash, table->day};
done:
    return status;
}

/* Keeps the zones that few ask, and writes them down. */
static enum status zones_keep(const struct day_table *table, const struct map *counts, const int64_t *clients,
                              int64_t rare_most, struct zones *zones, struct day_records *records,
                              struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < counts->count; i++) {
        const struct zone_count *count = map_at(counts, i);
        if (count->number == 0)
            continue;
        if (clients[count->number] > rare_most) {
            TRY(common_add(table, count, records, err));
            continue;
        }
        TRY(array_reserve(&records->zones, &records->zone_capacity, records->zone_count + 1,
                          sizeof *records->zones, err));
        records->zone_count +=
            zone_make(table, count, &zones->items[count->number], &records->zones[records->zone_count]);
    }
    for (size_t i = 0; i < table->size[DAY_name]; i++)
        if (zones->items[zones->of_name[i]].text_bytes == 0)
            zones->of_name[i] = 0;
done:
    return status;
}

enum status zones_find(const struct day_table *table, const struct domain_fact *facts, int64_t rare_most,
                       struct zones *zones, struct day_records *records, struct error *err)
{
    enum status status = STATUS_OK;
    struct map counts;
    int64_t *clients = NULL;
    *zones = (struct zones){0};
    map_init(&counts, sizeof(struct zone_count), offsetof(struct zone_count, name));
    TRY(names_count(table, facts, rare_most, &counts, err));
    zones->of_name = calloc(table->size[DAY_name] + 1, sizeof *zones->of_name);
    zones->items = calloc(counts.count + 1, sizeof *zones->items);
    clients = calloc(counts.count + 1, sizeof *clients);
    if (!zones->of_name || !zones->items || !clients) {
        status = error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for zones");
        goto done;
    }
    zones_number(table, facts, rare_most, &counts, zones);
    TRY(clients_count(table, zones, clients, err));
    TRY(zones_keep(table, &counts, clients, rare_most, zones, records, err));
done:
    map_clear(&counts);
    free(clients);
    return status;
}

void zones_clear(struct zones *zones)
{
    free(zones->of_name);
    free(zones->items);
    *zones = (struct zones){0};
}

static int compare_zones(const void *a, const void *b)
{
    const struct zone_name *x = a, *y = b;
    return (x->zone > y->zone) - (x->zone < y->zone);
}

static int compare_common(const void *a, const void *b)
{
    const struct common_zone *x = a, *y = b;
    if (x->zone != y->zone)
        return x->zone < y->zone ? -1 : 1;
    return (x->day > y->day) - (x->day < y->day);
}

/* Whether many asked the zone on a day of the 30 to `day`. */
static bool was_common(const struct common_zone *common, size_t count, uint64_t zone, int64_t day)
{
    const struct common_zone first = {zone, day - PAST_DAYS + 1};
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_common(&common[middle], &first) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && common[low].zone == zone && common[low].day <= day;
}

/* A zone is rare as a domain is, over 30 days: on a holiday few ask what everybody asks on working days. */
static enum status common_drop(const struct search *search, struct day_records *mine, struct error *err)
{
    enum status status = STATUS_OK;
    void *all = NULL;
    size_t bytes = 0, kept = 0;
    TRY(team_gather(search->team, mine->common_zones, mine->common_zone_count * sizeof *mine->common_zones,
                    &all, &bytes, err));
    struct common_zone *common = all;
    const size_t count = bytes / sizeof *common;
    if (count > 0)
        qsort(common, count, sizeof *common, compare_common);
    for (size_t i = 0; i < mine->pair_count; i++)
        if (!mine->pairs[i].is_zone || !was_common(common, count, mine->pairs[i].domain, mine->pairs[i].day))
            mine->pairs[kept++] = mine->pairs[i];
    mine->pair_count = kept;
    kept = 0;
    for (size_t i = 0; i < mine->name_count; i++)
        if (!was_common(common, count, mine->names[i].domain, mine->names[i].day))
            mine->names[kept++] = mine->names[i];
    mine->name_count = kept;
done:
    free(all);
    return status;
}

enum status zones_share(struct search *search, struct day_records *mine, struct error *err)
{
    enum status status = STATUS_OK;
    void *all = NULL;
    size_t bytes = 0, kept = 0;
    TRY(common_drop(search, mine, err));
    TRY(team_gather(search->team, mine->zones, mine->zone_count * sizeof *mine->zones, &all, &bytes, err));
    struct zone_name *zones = all;
    const size_t count = bytes / sizeof *zones;
    if (count > 0)
        qsort(zones, count, sizeof *zones, compare_zones);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || zones[kept - 1].zone != zones[i].zone)
            zones[kept++] = zones[i];
    search->zones = zones;
    search->zone_count = kept;
done:
    return status;
}

const struct zone_name *zone_of(const struct search *search, uint64_t hash)
{
    const struct zone_name key = {.zone = hash};
    return search->zone_count ? bsearch(&key, search->zones, search->zone_count, sizeof key, compare_zones)
                              : NULL;
}
