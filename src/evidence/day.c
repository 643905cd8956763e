/* A day's tables as records of its hosts and of their pairs with rare domains. */
#include "day_reading.h"

#include "evidence/known.h"

#include <stdlib.h>
#include <string.h>

/* MAD regularity of gaps: alike to a fifth from 24 of them on, to a third from 48 on; with fewer, random
 * traffic looks regular too often. */
#define GAPS_STRICT 24
#define GAPS_LOOSE 48

/* Bits of asked_types. */
enum {
#define X(NAME, type, odd) PLACE_##NAME,
#include "feature/asked_types.def"
#undef X
};
#define BIT_NULL (UINT64_C(1) << PLACE_NULL)
#define BIT_PRIVATE (UINT64_C(1) << PLACE_PRIVATE)
static const uint64_t PLAIN_TYPES = 0
#define X(NAME, type, odd) | ((odd) ? 0 : UINT64_C(1) << PLACE_##NAME)
#include "feature/asked_types.def"
#undef X
    ;

/* A name that a host asked for in an hour. */
struct hour_name {
    uint64_t host;  // key: all; number of the host, times 32, plus the hour
    uint64_t name;
    int64_t queries;
};

static enum status host_of(struct day_reading *reading, const uint8_t *octets, size_t *at, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_records *records = reading->records;
    void *found = NULL;
    TRY(map_put(&reading->hosts, octets, &found, NULL, err));
    struct host_place *place = found;
    if (place->at == 0) {
        TRY(array_reserve(&records->hosts, &records->host_capacity, records->host_count + 1,
                          sizeof *records->hosts, err));
        records->hosts[records->host_count++] =
            (struct host_record){.ip = place->ip, .day = reading->table->day};
        place->at = (int64_t)records->host_count;
    }
    *at = (size_t)(place->at - 1);
done:
    return status;
}

static bool is_rare(const struct day_reading *reading, size_t domain)
{
    return reading->facts[domain].reach <= reading->rare_most;
}

int reading_hour(const struct day_reading *reading, size_t asked)
{
    int64_t hour = (reading->table->asked_slot[asked] - reading->start_s) / 3600;
    return hour < 0 ? 0 : hour < HOURS ? (int)hour : HOURS - 1;
}

/* Of as many queries the least name, and its first hour: rows stand in no order that means anything. */
static bool is_before(const struct host_record *day, uint64_t name, int64_t hour)
{
    return name != day->storm_name ? name < day->storm_name : hour < day->storm_hour;
}

static enum status hour_add(struct day_reading *reading, size_t asked, size_t host, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    struct host_record *day = &reading->records->hosts[host];
    const int hour = reading_hour(reading, asked);
    const uint32_t name = table->asked_name[asked];
    const int64_t queries = table->asked_queries[asked];
    void *found = NULL;
    bool fresh = false;
    day->queries += queries;
    day->hours |= UINT32_C(1) << hour;
    if (!is_rare(reading, table->name_domain[name]))
        day->common_hours |= UINT32_C(1) << hour;
    // Slots are shorter than an hour when windows are.
    TRY(map_put(&reading->hour_names, (uint64_t[]){(uint64_t)host * 32 + (uint64_t)hour, name}, &found,
                &fresh, err));
    struct hour_name *of_name = found;
    of_name->queries += queries;
    if (of_name->queries > day->storm_queries ||
        (of_name->queries == day->storm_queries && is_before(day, table->name_hash[name], hour))) {
        day->storm_queries = of_name->queries;
        day->storm_hour = hour;
        day->storm_name = table->name_hash[name];
        day->storm_domain = table->domain_hash[table->name_domain[name]];
    }
    struct host_hour key = {.ip = day->ip, .hour = hour};
    TRY(map_put(&reading->hours, &key, &found, NULL, err));
    struct host_hour *of_hour = found;
    of_hour->queries += queries;
    of_hour->names += fresh;
done:
    return status;
}

const char *reading_name(const struct day_table *table, size_t name, size_t *count, size_t *domain_count)
{
    const int64_t from = name ? table->name_text_end[name - 1] : 0;
    const size_t domain = table->name_domain[name];
    const int64_t domain_from = domain ? table->domain_text_end[domain - 1] : 0;
    *count = (size_t)(table->name_text_end[name] - from);
    *domain_count = (size_t)(table->domain_text_end[domain] - domain_from);
    return table->name_text + from;
}

static bool is_lookup(const struct known_software *software, const char *text, size_t count)
{
    const struct known_entry *known = known_software_of(software, text, count);
    return known && known_kind_is_lookup(known->kind);
}

static struct pair_name name_record(const struct day_reading *reading, size_t name,
                                    const struct zone_found *zone, const struct pair_day *pair)
{
    const struct day_table *table = reading->table;
    size_t count = 0, domain_count = 0;
    const char *text = reading_name(table, name, &count, &domain_count);
    domain_count = zone ? zone->text_bytes : domain_count;
    const size_t sub_bytes = zone ? count - domain_count - 1 : table->name_sub_bytes[name];
    return (struct pair_name){.ip = pair->ip,
                              .domain = pair->domain,
                              .day = pair->day,
                              .name = table->name_hash[name],
                              .shape = name_shape(text, count, domain_count),
                              .bytes = (uint32_t)name_information(text, count, domain_count, sub_bytes),
                              .traits = is_lookup(reading->known, text, count) ? TRAIT_LOOKUP : 0};
}

static bool domain_is_private(const struct day_table *table, size_t domain)
{
    const int64_t from = domain ? table->domain_text_end[domain - 1] : 0;
    return suffix_is_private(table->domain_text + from, (size_t)(table->domain_text_end[domain] - from));
}

/* What a pair is from its first query of the day on. */
static struct pair_day pair_begin(const struct day_reading *reading, size_t host, uint32_t domain,
                                  const struct zone_found *zone)
{
    const struct day_table *table = reading->table;
    const struct domain_fact *fact = &reading->facts[domain];
    // Whether a zone was there before is not known: it is never new.
    return (struct pair_day){.ip = reading->records->hosts[host].ip,
                             .domain = zone ? zone->hash : table->domain_hash[domain],
                             .day = table->day,
                             .first_day = zone ? INT64_MIN : fact->first_day,
                             .reach = fact->reach,
                             .is_zone = zone != NULL,
                             .is_private = domain_is_private(table, domain),
                             .least_bigrams = UINT32_MAX};
}

/* Keeps the letter pairs of the name that has the fewest: of a domain's own rather than of what is below. */
static void bigrams_keep(const struct day_table *table, uint32_t name, struct pair_day *pair)
{
    const uint32_t bigrams = table->name_bigrams[name];
    const int32_t score = table->name_bigram_score[name];
    if (bigrams < pair->least_bigrams || (bigrams == pair->least_bigrams && score > pair->least_score)) {
        pair->least_bigrams = bigrams;
        pair->least_score = score;
    }
}

/* Adds to the pair of host and domain, or of host and zone. */
static enum status pair_add(struct day_reading *reading, size_t asked, size_t host,
                            const struct zone_found *zone, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    struct day_records *records = reading->records;
    const uint32_t name = table->asked_name[asked], domain = table->name_domain[name];
    void *found = NULL;
    bool fresh = false;
    const uint64_t place_of = zone ? table->size[DAY_domain] + (size_t)(zone - reading->zones.items) : domain;
    TRY(map_put(&reading->pairs, (uint64_t[]){host, place_of}, &found, &fresh, err));
    struct pair_place *place = found;
    if (place->at == 0) {
        TRY(array_reserve(&records->pairs, &records->pair_capacity, records->pair_count + 1,
                          sizeof *records->pairs, err));
        records->pairs[records->pair_count++] = pair_begin(reading, host, domain, zone);
        place->at = (int64_t)records->pair_count;
    }
    const size_t at = (size_t)(place->at - 1);
    struct pair_day *pair = &records->pairs[at];
    pair->queries += table->asked_queries[asked];
    pair->odd += table->asked_odd[asked];
    const uint64_t odd_types = table->asked_types[asked] & ~PLAIN_TYPES;
    pair->null += odd_types == BIT_NULL ? table->asked_odd[asked] : 0;
    pair->private += odd_types == BIT_PRIVATE ? table->asked_odd[asked] : 0;
    pair->types |= table->asked_types[asked];
    pair->hours |= UINT32_C(1) << reading_hour(reading, asked);
    TRY(map_put(&reading->pair_names, (uint64_t[]){at, name}, &found, &fresh, err));
    if (!fresh)
        return STATUS_OK;
    ((struct name_place *)found)->at = records->name_count;
    pair->names++;
    pair->bigram_score += table->name_bigram_score[name];
    pair->bigrams += table->name_bigrams[name];
    pair->bare_names += table->name_sub_bytes[name] == 0;
    bigrams_keep(table, name, pair);
    TRY(array_reserve(&records->names, &records->name_capacity, records->name_count + 1,
                      sizeof *records->names, err));
    records->names[records->name_count++] = name_record(reading, name, zone, pair);
done:
    return status;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int64_t gaps_spread(uint32_t *gaps, size_t count, int64_t *median)
{
    qsort(gaps, count, sizeof *gaps, compare_u32);
    const uint32_t middle = gaps[(count - 1) / 2];
    for (size_t i = 0; i < count; i++)
        gaps[i] = gaps[i] > middle ? gaps[i] - middle : middle - gaps[i];
    qsort(gaps, count, sizeof *gaps, compare_u32);
    *median = middle;
    return gaps[(count - 1) / 2];
}

int64_t gaps_regular(uint32_t *gaps, size_t count)
{
    if (count < GAPS_STRICT)
        return 0;
    int64_t median = 0;
    const int64_t mad = gaps_spread(gaps, count, &median);
    const bool is_regular =
        5 * (median - mad) >= 4 * median || (count >= GAPS_LOOSE && 20 * (median - mad) >= 13 * median);
    return is_regular ? median : 0;
}

/* Times of the pairs, from the table of pairs. */
static enum status pairs_time(struct day_reading *reading, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    uint32_t *gaps = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < table->size[DAY_pair]; i++) {
        const struct host_place *host = map_get(&reading->hosts, &table->pair_ip[16 * i]);
        if (!host || !is_rare(reading, table->pair_domain[i]))
            continue;
        const struct pair_place *place =
            map_get(&reading->pairs, (uint64_t[]){(uint64_t)host->at - 1, table->pair_domain[i]});
        if (!place)
            continue;
        struct pair_day *pair = &reading->records->pairs[place->at - 1];
        const size_t from = i ? (size_t)table->pair_second_end[i - 1] : 0;
        const size_t count = (size_t)table->pair_second_end[i] - from;
        TRY(array_reserve(&gaps, &capacity, count + 1, sizeof *gaps, err));
        for (size_t s = 1; s < count; s++)
            gaps[s - 1] = table->second_of_day[from + s] - table->second_of_day[from + s - 1];
        pair->first_ms = pair_first_ms(table, i);
        pair->last_ms = pair_last_ms(table, i);
        const int64_t gap = count > 1 ? gaps_regular(gaps, count - 1) : 0;
        pair->is_regular = gap > 0;
        // Of more than 4,096 seconds only the units are known. And where many queries share a second, the
        // gaps between seconds are alike by themselves.
        const bool one_at_a_time = 4 * table->pair_queries[i] <= 5 * (int64_t)count;
        pair->gap = table->pair_second_step[i] == 1 && one_at_a_time ? (uint32_t)gap : 0;
        TRY(clock_of(reading, table->second_of_day + from, count, table->pair_second_step[i], &pair->clock,
                     err));
    }
done:
    free(gaps);
    return status;
}

static void peaks_take(struct day_reading *reading)
{
    for (size_t i = 0; i < reading->hours.count; i++) {
        const struct host_hour *hour = map_at(&reading->hours, i);
        const struct host_place *place = map_get(&reading->hosts, &hour->ip);
        struct host_record *day = &reading->records->hosts[place->at - 1];
        if (hour->hour == day->storm_hour)
            day->storm_hour_queries = hour->queries;
        if (hour->queries < day->peak_queries ||
            (hour->queries == day->peak_queries && hour->names >= day->peak_names))
            continue;
        day->peak_queries = hour->queries;
        day->peak_names = hour->names;
    }
}

enum status day_records_add(struct day_records *records, const struct day_table *table,
                            const struct domain_fact *facts, const struct search *search, int64_t rare_most,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct day_reading reading = {.records = records,
                                  .table = table,
                                  .facts = facts,
                                  .start_s = zone_day_start(search->plan->zone, table->day),
                                  .end_s = zone_day_start(search->plan->zone, table->day + 1),
                                  .unit_s = table->unit_count > 0
                                                ? search->plan->window_s / (int64_t)table->unit_count
                                                : search->plan->window_s,
                                  .rare_most = rare_most,
                                  .job = search->plan->job,
                                  .known = search->plan->known};
    map_init(&reading.hosts, sizeof(struct host_place), sizeof(struct ip));
    map_init(&reading.hours, sizeof(struct host_hour), offsetof(struct host_hour, queries));
    map_init(&reading.hour_names, sizeof(struct hour_name), offsetof(struct hour_name, queries));
    map_init(&reading.pairs, sizeof(struct pair_place), offsetof(struct pair_place, at));
    map_init(&reading.pair_names, sizeof(struct name_place), offsetof(struct name_place, at));
    TRY(zones_find(table, facts, rare_most, &reading.zones, records, err));
    for (size_t i = 0; i < table->size[DAY_asked]; i++) {
        const uint32_t zone = reading.zones.of_name[table->asked_name[i]];
        size_t host = 0;
        TRY(host_of(&reading, &table->asked_ip[16 * i], &host, err));
        TRY(hour_add(&reading, i, host, err));
        if (zone || is_rare(&reading, table->name_domain[table->asked_name[i]]))
            TRY(pair_add(&reading, i, host, zone ? &reading.zones.items[zone] : NULL, err));
    }
    TRY(pairs_time(&reading, err));
    TRY(traits_add(&reading, err));
    TRY(row_traits_add(&reading, err));
    peaks_take(&reading);
done:
    zones_clear(&reading.zones);
    map_clear(&reading.hosts);
    map_clear(&reading.hours);
    map_clear(&reading.hour_names);
    map_clear(&reading.pairs);
    map_clear(&reading.pair_names);
    return status;
}
