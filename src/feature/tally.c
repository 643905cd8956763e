/* Counting a query: which shard it belongs to, and what it adds to each of the shard's tables. */
#include "tally.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The cache of a resolver is thought of in slots of this length; UTC multiples, so that none straddles a
 * local midnight in a zone whose offset is a multiple of it. */
#define MISS_SLOT_MS 300000

/* The first four members of struct miss. */
#define MISS_KEY_BYTES 24

enum status tally_plan_check(const struct tally_plan *plan, struct error *err)
{
    if (plan->window_s <= 0 || plan->unit_s <= 0 || plan->window_s % plan->unit_s != 0)
        return error_set(err, STATUS_USAGE, "features.unit",
                         "choose a unit that divides the window, such as 1m",
                         "a window of %" PRId64 " s is not a whole number of units of %" PRId64 " s",
                         plan->window_s, plan->unit_s);
    if (plan->window_s / plan->unit_s > UNITS_MOST)
        return error_set(err, STATUS_USAGE, "features.unit", "choose a longer unit",
                         "a window of %" PRId64 " units, expected at most %d", plan->window_s / plan->unit_s,
                         UNITS_MOST);
    return STATUS_OK;
}

struct tallies *tallies_new(const struct tally_plan *plan)
{
    struct tallies *tallies = calloc(1, sizeof *tallies);
    if (!tallies)
        return NULL;
    tallies->plan = plan;
    tallies->unit_count = (size_t)(plan->window_s / plan->unit_s);
    tallies->slot_s = plan->window_s < 3600 ? plan->window_s : 3600;
    tallies->now_from_s = INT64_MAX;
    tallies->now_to_s = INT64_MIN;
    map_init(&tallies->misses, sizeof(struct miss), MISS_KEY_BYTES);
    return tallies;
}

static struct tally *tally_new(const struct tally_plan *plan, int64_t day, int part)
{
    struct tally *tally = calloc(1, sizeof *tally);
    if (!tally)
        return NULL;
    tally->day = day;
    tally->part = part;
    tally->day_start_s = zone_day_start(plan->zone, day);
    tally->day_end_s = zone_day_start(plan->zone, day + 1);
    map_init(&tally->clients, sizeof(struct client), sizeof(struct ip));
    map_init(&tally->names, sizeof(struct name), sizeof(uint64_t));
    map_init(&tally->domains, sizeof(struct domain), sizeof(uint64_t));
    map_init(&tally->rows, sizeof(struct row), sizeof(struct row_key));
    map_init(&tally->slots, sizeof(struct slot), sizeof(struct slot_key));
    map_init(&tally->asked, sizeof(struct asked), sizeof(struct asked_key));
    map_init(&tally->pairs, sizeof(struct pair), sizeof(struct pair_key));
    map_init(&tally->sources, sizeof(struct source), sizeof(struct source_key));
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    for (size_t i = 0; i < tally->rows.count; i++) {
        struct row *row = map_at(&tally->rows, i);
        free(row->resolvers.items);
        free(row->unit_queries);
    }
    for (size_t i = 0; i < tally->domains.count; i++)
        free(((struct domain *)map_at(&tally->domains, i))->clients.items);
    for (size_t i = 0; i < tally->pairs.count; i++) {
        struct pair *pair = map_at(&tally->pairs, i);
        free(pair->types.items);
        free(pair->seconds.items);
    }
    for (size_t i = 0; i < tally->sources.count; i++)
        free(((struct source *)map_at(&tally->sources, i))->unit_seen);
    struct map *maps[] = {&tally->clients, &tally->names, &tally->domains, &tally->rows,
                          &tally->slots,   &tally->asked, &tally->pairs,   &tally->sources};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        map_clear(maps[i]);
    free(tally->heap.bytes);
    free(tally->records);
    free(tally);
}

void tallies_free(struct tallies *tallies)
{
    if (!tallies)
        return;
    for (size_t i = 0; i < tallies->count; i++)
        tally_free(tallies->shards[i]);
    free(tallies->shards);
    map_clear(&tallies->misses);
    free(tallies);
}

size_t tallies_bytes(const struct tallies *tallies)
{
    size_t bytes = map_bytes(&tallies->misses);
    for (size_t i = 0; i < tallies->count; i++) {
        const struct tally *tally = tallies->shards[i];
        if (!tally)
            continue;
        const struct map *maps[] = {&tally->clients, &tally->names, &tally->domains, &tally->rows,
                                    &tally->slots,   &tally->asked, &tally->pairs,   &tally->sources};
        for (size_t m = 0; m < sizeof maps / sizeof maps[0]; m++)
            bytes += map_bytes(maps[m]);
        bytes += tally->heap.capacity + tally->list_bytes;
    }
    return bytes;
}

enum status tally_of(struct tallies *tallies, int64_t day, int part, struct tally **tally, struct error *err)
{
    struct tally *now = tallies->now;
    if (now && now->day == day && now->part == part) {
        *tally = now;
        return STATUS_OK;
    }
    for (size_t i = tallies->count; i-- > 0;) {
        struct tally *one = tallies->shards[i];
        if (one && one->day == day && one->part == part) {
            *tally = tallies->now = one;
            return STATUS_OK;
        }
    }
    enum status status =
        array_reserve(&tallies->shards, &tallies->capacity, tallies->count + 1, sizeof *tallies->shards, err);
    if (status != STATUS_OK)
        return status;
    struct tally *fresh = tally_new(tallies->plan, day, part);
    if (!fresh)
        return error_set(err, STATUS_NO_MEMORY, "tally", "use more ranks or a shorter span",
                         "no room for a day");
    tallies->shards[tallies->count++] = fresh;
    *tally = tallies->now = fresh;
    return STATUS_OK;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t tallies_day(struct tallies *tallies, int64_t time_ms)
{
    const struct tally_plan *plan = tallies->plan;
    int64_t time_s = floor_div(time_ms, 1000);
    if (time_s < tallies->now_from_s || time_s >= tallies->now_to_s) {
        tallies->now_day = zone_day_of(plan->zone, time_s);
        tallies->now_from_s = zone_day_start(plan->zone, tallies->now_day);
        tallies->now_to_s = zone_day_start(plan->zone, tallies->now_day + 1);
    }
    return tallies->now_day >= plan->first_day && tallies->now_day < plan->end_day ? tallies->now_day
                                                                                   : INT64_MIN;
}

static bool is_watched(const struct tally_plan *plan, const struct ip *ip)
{
    for (size_t i = 0; i < plan->client_count; i++)
        if (ip_in_range(ip, &plan->clients[i]))
            return true;
    return plan->client_count == 0;
}

static int part_of(const struct tally_plan *plan, const struct ip *ip)
{
    return plan->parts == 1 ? 0 : (int)(content_hash(ip, sizeof *ip) % (uint64_t)plan->parts);
}

/* ---- what a query adds ---- */

static enum row_count type_count(uint16_t qtype)
{
    switch (qtype) {
    case 1: return ROW_TYPE_A;
    case 28: return ROW_TYPE_AAAA;
    case 12: return ROW_TYPE_PTR;
    case 16: return ROW_TYPE_TXT;
    case 10:
    case 65399: return ROW_TYPE_NULL;
    case 15: return ROW_TYPE_MX;
    case 33: return ROW_TYPE_SRV;
    case 64:
    case 65: return ROW_TYPE_HTTPS;
    default: return ROW_TYPE_OTHER;
    }
}

struct asked_type {
    uint16_t number;
    bool odd;
};

static const struct asked_type ASKED_TYPES[] = {
#define X(NAME, number, odd) {number, odd},
#include "feature/asked_types.def"
#undef X
};
#define ASKED_TYPE_COUNT (sizeof ASKED_TYPES / sizeof ASKED_TYPES[0])
_Static_assert(ASKED_TYPE_COUNT == 63, "63 types and one bit for all others");

/* Bit of a type in asked_types, and whether it is odd. */
static unsigned asked_bit(uint16_t qtype, bool *odd)
{
    unsigned bit = 0;
    while (bit < ASKED_TYPE_COUNT && ASKED_TYPES[bit].number != qtype)
        bit++;
    *odd = bit == ASKED_TYPE_COUNT || ASKED_TYPES[bit].odd;
    return bit;
}

/* What is known of a query once its name has been looked up. */
struct seen {
    const struct query *query;
    uint32_t name, domain, client;
    uint32_t unit, window, slot, second;
    uint64_t resolver;
    uint8_t encodings;
};

static enum status count_name(struct tallies *tallies, struct tally *tally, uint64_t hash, struct seen *seen,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct qname *qname = &seen->query->qname;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->names, &hash, &found, &fresh, err));
    struct name *name = found;
    if (fresh) {
        name_traits_find(tallies->plan->suffixes, qname, &name->traits);
        name->wire_bytes = qname->bytes;
        TRY(heap_add(&tally->heap, qname->wire, qname->bytes, &name->wire_at, err));
        size_t from = name->traits.sub_labels ? qname->label_at[name->traits.sub_labels] : 0;
        TRY(tally_domain(tally, qname->wire + from, qname->bytes - from, &name->domain, err));
    }
    seen->name = (uint32_t)(name - (struct name *)(void *)tally->names.entries);
    seen->domain = name->domain;
    seen->encodings = name->traits.encodings;
    if (seen->query->mixed_case)
        seen->encodings |= name_base64(seen->query->wire_as_sent, name->traits.sub_labels);
    struct domain *domain = map_at(&tally->domains, name->domain);
    domain->queries++;
    if (seen->query->time_ms < domain->first_ms)
        domain->first_ms = seen->query->time_ms;
done:
    return status;
}

static enum status count_row(struct tallies *tallies, struct tally *tally, const struct seen *seen,
                             struct error *err)
{
    enum status status = STATUS_OK;
    const struct query *query = seen->query;
    const struct name *name = map_at(&tally->names, seen->name);
    struct row *row = NULL;
    TRY(tally_row(tally, (struct row_key){seen->window, seen->client}, tallies->unit_count, &row, err));
    int64_t *counts = row->counts;
    counts[ROW_QUERIES]++;
    counts[type_count(query->qtype)]++;
    counts[ROW_TYPE_PRIVATE] += query->qtype == 65399;
    counts[ROW_TYPE_ANY] += query->qtype == 255;
    counts[ROW_MIXED] += query->mixed_case;
    counts[ROW_ENCODED] += seen->encodings != 0;
    counts[ROW_NO_EDNS] += !(query->flags & QUERY_EDNS);
    counts[ROW_ODD_FLAGS] +=
        !(query->flags & QUERY_RECURSION) || query->flags & (QUERY_TCP | QUERY_SIGNED | QUERY_CD);
    counts[ROW_DO] += (query->flags & QUERY_DO) != 0;
    counts[ROW_COOKIE] += (query->flags & (QUERY_COOKIE | QUERY_COOKIE_VALID)) != 0;
    counts[ROW_SUB_BYTES] += name->traits.sub_bytes;
    counts[ROW_BIGRAM_SCORE] += name->traits.bigram_score;
    counts[ROW_BIGRAMS] += name->traits.bigrams;
    row_count_merge(row, ROW_SUB_MAX, name->traits.sub_bytes);
    row_count_merge(row, ROW_LABEL_MAX, name->traits.label_max);
    row_count_merge(row, ROW_FIRST_MS, query->time_ms);
    row_count_merge(row, ROW_LAST_MS, query->time_ms);
    row->unit_queries[seen->unit]++;
    TRY(list64_insert(tally, &row->resolvers, seen->resolver, SIZE_MAX, err));
done:
    return status;
}

static enum status count_asked(struct tallies *tallies, struct tally *tally, const struct seen *seen,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const struct query *query = seen->query;
    struct asked *asked = NULL;
    bool odd = false;
    unsigned bit = asked_bit(query->qtype, &odd);
    TRY(tally_asked(tally, tallies->plan, (struct asked_key){seen->slot, seen->client, seen->name}, &asked,
                    err));
    asked->queries++;
    asked->txt += query->qtype == 16;
    asked->odd += odd;
    asked->types |= (uint64_t)1 << bit;
    asked->encodings |= seen->encodings;
    if (query->mixed_case) {
        asked->mixed++;
        asked_add_spelling(asked, content_hash(query->wire_as_sent, query->qname.bytes), query->case_changes,
                           false);
    }
done:
    return status;
}

static enum status count_pair(struct tallies *tallies, struct tally *tally, const struct seen *seen,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct query *query = seen->query;
    struct pair *pair = NULL;
    TRY(tally_pair(tally, tallies->plan, (struct pair_key){seen->client, seen->domain}, &pair, err));
    size_t before = pair_list_bytes(pair);
    pair->queries++;
    if (query->time_ms < pair->first_ms)
        pair->first_ms = query->time_ms;
    if (query->time_ms > pair->last_ms)
        pair->last_ms = query->time_ms;
    if (query->qtype != 1 && query->qtype != 28 && query->qtype != 12 && query->qtype != 65)
        TRY(pair_add_type(pair, query->qtype, 1, err));
    TRY(pair_add_second(pair, seen->second, tallies->plan->unit_s, err));
    tally->list_bytes += pair_list_bytes(pair) - before;
done:
    return status;
}

/* Keeps the least (time, IP) of a question. */
static enum status miss_keep(struct map *misses, const struct miss *miss, struct error *err)
{
    void *found = NULL;
    bool fresh = false;
    enum status status = map_put(misses, miss, &found, &fresh, err);
    if (status != STATUS_OK)
        return status;
    struct miss *kept = found;
    if (fresh || miss->time_ms < kept->time_ms ||
        (miss->time_ms == kept->time_ms && ip_compare(&miss->ip, &kept->ip) < 0))
        *kept = *miss;
    return STATUS_OK;
}

struct span resolver_text(const struct query *query, struct span other, char text[IP_TEXT_BYTES])
{
    if (!query->has_server)
        return other;
    size_t count = ip_write(&query->server, text);
    return (struct span){text, count};
}

static enum status count_source(struct tallies *tallies, struct tally *tally, int64_t time_ms,
                                struct span resolver, bool is_query, bool repeated, struct error *err)
{
    struct source *source = NULL;
    int64_t elapsed_s = floor_div(time_ms, 1000) - tally->day_start_s;
    uint32_t window = (uint32_t)(elapsed_s / tallies->plan->window_s);
    enum status status = tally_source(tally, content_hash(resolver.at, resolver.count), window, resolver,
                                      tallies->unit_count, &source, err);
    if (status != STATUS_OK)
        return status;
    source->lines++;
    source->queries += is_query;
    source->repeated += repeated;
    source->unit_seen[elapsed_s % tallies->plan->window_s / tallies->plan->unit_s] = 1;
    return STATUS_OK;
}

enum status tallies_line(struct tallies *tallies, int64_t time_ms, struct span resolver, bool is_query,
                         bool repeated, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = NULL;
    int64_t day = tallies_day(tallies, time_ms);
    if (day == INT64_MIN)
        return STATUS_OK;
    TRY(tally_of(tallies, day, 0, &tally, err));
    TRY(count_source(tallies, tally, time_ms, resolver, is_query, repeated, err));
done:
    return status;
}

enum status tallies_query(struct tallies *tallies, const struct query *query, struct span resolver,
                          enum line_count *kind, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally_plan *plan = tallies->plan;
    struct tally *tally = NULL;
    struct ip ip = query->client;
    struct seen seen = {.query = query};
    int64_t day = tallies_day(tallies, query->time_ms);
    *kind = LINES_OUTSIDE;
    if (day == INT64_MIN)
        return STATUS_OK;
    ip_mask_v6(&ip, plan->ipv6_prefix);
    bool watched = is_watched(plan, &ip);
    *kind = watched ? LINES_QUERY : LINES_UNWATCHED;
    seen.resolver = content_hash(resolver.at, resolver.count);
    TRY(tally_of(tallies, day, part_of(plan, &ip), &tally, err));
    uint64_t hash = content_hash(query->qname.wire, query->qname.bytes);
    struct miss miss = {.name = hash,
                        .resolver = seen.resolver,
                        .slot = (uint32_t)floor_div(query->time_ms, MISS_SLOT_MS),
                        .qtype = query->qtype,
                        .time_ms = query->time_ms,
                        .ip = ip};
    TRY(miss_keep(&tallies->misses, &miss, err));
    TRY(count_name(tallies, tally, hash, &seen, err));
    struct domain *domain = map_at(&tally->domains, seen.domain);
    TRY(list64_insert(tally, &domain->clients, content_hash(&ip, sizeof ip), DOMAIN_CLIENTS_MOST, err));
    if (watched) {
        int64_t elapsed_s = floor_div(query->time_ms, 1000) - tally->day_start_s;
        seen.second = (uint32_t)elapsed_s;
        seen.window = (uint32_t)(elapsed_s / plan->window_s);
        seen.slot = (uint32_t)(elapsed_s / tallies->slot_s);
        seen.unit = (uint32_t)(elapsed_s % plan->window_s / plan->unit_s);
        TRY(tally_client(tally, &ip, &seen.client, err));
        TRY(count_row(tallies, tally, &seen, err));
        TRY(count_asked(tallies, tally, &seen, err));
        TRY(count_pair(tallies, tally, &seen, err));
    }
done:
    return status;
}

enum status tallies_record(struct tallies *tallies, int64_t day, const struct line_record *record,
                           struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = NULL;
    TRY(tally_of(tallies, day, 0, &tally, err));
    TRY(tally_record(tally, record, err));
done:
    return status;
}

/* ---- misses ---- */

const struct miss *tallies_misses(const struct tallies *tallies, size_t *count)
{
    *count = tallies->misses.count;
    return (const void *)tallies->misses.entries;
}

int miss_owner(const struct miss *miss, int ranks)
{
    return (int)(content_hash(miss, MISS_KEY_BYTES) % (uint64_t)ranks);
}

/* A miss is kept in the row's count of repeated queries until the row is finished, and only then taken from
 * its queries: so it merges like any other count. */
static enum status miss_into_row(struct tallies *tallies, const struct miss *miss, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally_plan *plan = tallies->plan;
    struct tally *tally = NULL;
    struct row *row = NULL;
    uint32_t client = 0;
    int64_t day = tallies_day(tallies, miss->time_ms);
    if (day == INT64_MIN || !is_watched(plan, &miss->ip))
        return STATUS_OK;
    TRY(tally_of(tallies, day, part_of(plan, &miss->ip), &tally, err));
    TRY(tally_client(tally, &miss->ip, &client, err));
    int64_t elapsed_s = floor_div(miss->time_ms, 1000) - tally->day_start_s;
    struct row_key key = {(uint32_t)(elapsed_s / plan->window_s), client};
    TRY(tally_row(tally, key, tallies->unit_count, &row, err));
    row->counts[ROW_REPEATED]++;
    row->counts[ROW_REPEATED_PTR] += miss->qtype == 12;
done:
    return status;
}

enum status tallies_settle(struct tallies *tallies, const struct miss *misses, size_t count,
                           struct error *err)
{
    enum status status = STATUS_OK;
    map_clear(&tallies->misses);
    for (size_t i = 0; i < count; i++)
        TRY(miss_keep(&tallies->misses, &misses[i], err));
    for (size_t i = 0; i < tallies->misses.count; i++)
        TRY(miss_into_row(tallies, map_at(&tallies->misses, i), err));
    map_clear(&tallies->misses);
done:
    return status;
}
