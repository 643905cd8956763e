/* Tallies: their shards, the days they are about, and queries as the parser gives them. */

#include "crowd.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
    tallies->scan_day = INT64_MIN;
    tallies->place.second = UINT32_MAX;
    map_init(&tallies->askers, sizeof(struct asker), sizeof(struct ip));
    map_init(&tallies->resolvers, sizeof(struct resolver), sizeof(uint64_t));
    return tallies;
}

static struct tally *tally_new(const struct tallies *tallies, int64_t day, int part)
{
    const struct tally_plan *plan = tallies->plan;
    struct tally *tally = calloc(1, sizeof *tally);
    if (!tally)
        return NULL;
    tally->day = day;
    tally->part = part;
    tally->number = (uint32_t)tallies->count;
    tally->day_start_s = zone_day_start(plan->zone, day);
    tally->day_end_s = zone_day_start(plan->zone, day + 1);
    map_init(&tally->clients, sizeof(struct client), sizeof(struct ip));
    map_init(&tally->names, sizeof(struct name), sizeof(uint64_t));
    map_init(&tally->domains, sizeof(struct domain), sizeof(uint64_t));
    map_init(&tally->rows, row_bytes(tallies->unit_count), sizeof(struct row_key));
    map_init(&tally->pairs, sizeof(struct pair), sizeof(struct pair_key));
    map_init(&tally->sources, sizeof(struct source), sizeof(struct source_key));
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    for (size_t i = 0; i < tally->rows.count; i++)
        free(((struct row *)map_at(&tally->rows, i))->resolvers.items);
    for (size_t i = 0; i < tally->domains.count; i++)
        free(((struct domain *)map_at(&tally->domains, i))->clients.items);
    for (size_t i = 0; i < tally->pairs.count; i++)
        pair_clear(map_at(&tally->pairs, i));
    for (size_t i = 0; i < tally->sources.count; i++)
        free(((struct source *)map_at(&tally->sources, i))->unit_seen);
    for (size_t i = 0; i < tally->slot_count; i++) {
        map_clear(&tally->slots[i].asked);
        crowds_clear(&tally->slots[i].crowds);
        free(tally->slots[i].clients);
    }
    struct map *maps[] = {&tally->clients, &tally->names, &tally->domains,
                          &tally->rows,    &tally->pairs, &tally->sources};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        map_clear(maps[i]);
    name_memos_clear(&tally->memos);
    reduced_clear(&tally->reduced);
    free(tally->notes.items);
    free(tally->slots);
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
    map_clear(&tallies->askers);
    map_clear(&tallies->resolvers);
    free(tallies->texts.items);
    for (size_t i = 0; i < tallies->run_count; i++) {
        runs_clear(tallies->runs[i]);
        free(tallies->runs[i]);
    }
    free(tallies->runs);
    free(tallies);
}

size_t tallies_count(const struct tallies *tallies)
{
    return tallies->count;
}

bool tallies_shard(const struct tallies *tallies, size_t at, int64_t *day, int *part)
{
    const struct tally *tally = tallies->shards[at];
    if (!tally)
        return false;
    *day = tally->day;
    *part = tally->part;
    return true;
}

enum status tallies_touch(struct tallies *tallies, int64_t day, int part, size_t *at, struct error *err)
{
    struct tally *tally = NULL;
    enum status status = tally_of(tallies, day, part, &tally, err);
    for (*at = 0; status == STATUS_OK && tallies->shards[*at] != tally;)
        (*at)++;
    return status;
}

void tallies_drop(struct tallies *tallies, size_t at)
{
    if (tallies->now == tallies->shards[at])
        tallies->now = NULL;
    tally_free(tallies->shards[at]);
    tallies->shards[at] = NULL;
}

size_t tallies_shard_bytes(const struct tallies *tallies, size_t at)
{
    const struct tally *tally = tallies->shards[at];
    size_t bytes = 0;
    if (!tally)
        return 0;
    const struct map *maps[] = {&tally->clients, &tally->names, &tally->domains,
                                &tally->rows,    &tally->pairs, &tally->sources};
    for (size_t m = 0; m < sizeof maps / sizeof maps[0]; m++)
        bytes += map_bytes(maps[m]);
    for (size_t s = 0; s < tally->slot_count; s++)
        bytes += map_bytes(&tally->slots[s].asked) +
                 tally->slots[s].client_capacity * sizeof *tally->slots[s].clients +
                 map_bytes(&tally->slots[s].crowds);
    return bytes + tally->heap.capacity + tally->list_bytes + notes_bytes(tally) +
           tally->memos.item_count * sizeof *tally->memos.items;
}

/* What a note comes to: twice itself while notes are sorted, and its share of an entry, a pair and its lists.
 */
#define NOTE_ROOM 72

size_t tallies_shard_room(const struct tallies *tallies, size_t at)
{
    const struct tally *tally = tallies->shards[at];
    return tally ? tallies_shard_bytes(tallies, at) + tally->notes.count * (NOTE_ROOM - sizeof(struct note))
                 : 0;
}

enum status tallies_fold(struct tallies *tallies, struct error *err)
{
    enum status status = STATUS_OK;
    uint8_t *all = NULL;
    for (size_t i = 0; i < tallies->count; i++) {
        struct tally *tally = tallies->shards[i];
        if (!tally || tally->notes.count == 0 || tally->is_reduced)
            continue;
        free(all);
        all = malloc(tally->clients.count);
        if (!all)
            return error_set(err, STATUS_NO_MEMORY, "queries of a day", "use more ranks",
                             "no room for clients");
        memset(all, 1, tally->clients.count);
        TRY(notes_table(tallies, tally, all, err));
        free(tally->notes.items);
        tally->notes = (struct notes){0};
    }
done:
    free(all);
    return status;
}

size_t tallies_bytes(const struct tallies *tallies)
{
    size_t bytes = tallies_miss_bytes(tallies, INT64_MIN, INT64_MAX);
    for (size_t i = 0; i < tallies->count; i++)
        bytes += tallies_shard_bytes(tallies, i);
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
    struct tally *fresh = tally_new(tallies, day, part);
    if (!fresh)
        return error_set(err, STATUS_NO_MEMORY, "tally", "use more ranks or a shorter span",
                         "no room for a day");
    tallies->shards[tallies->count++] = fresh;
    *tally = tallies->now = fresh;
    return STATUS_OK;
}

bool tallies_span(const struct tallies *tallies, int64_t *from_ms, int64_t *to_ms)
{
    bool is_tallied = tallies->now_from_s < tallies->now_to_s &&
                      tallies->now_day >= tallies->plan->first_day &&
                      tallies->now_day < tallies->plan->end_day;
    // Before the first day both are as far away as can be, too far for milliseconds.
    *from_ms = is_tallied ? tallies->now_from_s * 1000 : 0;
    *to_ms = is_tallied ? tallies->now_to_s * 1000 : 0;
    return is_tallied;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Where a time lies in the tally's day. */
void place_find(struct tallies *tallies, const struct tally *tally, int64_t time_ms)
{
    const struct tally_plan *plan = tallies->plan;
    int64_t second = floor_div(time_ms, 1000) - tally->day_start_s;
    if (second == tallies->place.second)
        return;
    tallies->place = (struct place_in_day){(uint32_t)second, (uint32_t)(second / plan->window_s),
                                           (uint32_t)(second / tallies->slot_s),
                                           (uint32_t)(second % plan->window_s / plan->unit_s)};
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

struct span resolver_text(const struct query *query, struct span other, char text[IP_TEXT_BYTES])
{
    if (!query->has_server)
        return other;
    size_t count = ip_write(&query->server, text);
    return (struct span){text, count};
}

enum status source_of(struct tallies *tallies, struct tally *tally, uint32_t number, struct span text,
                      uint32_t window, struct source **source, struct error *err)
{
    enum status status = STATUS_OK;
    struct resolver *resolver = map_at(&tallies->resolvers, number);
    if (resolver->shard == tally->number + 1 && resolver->window == window) {
        *source = map_at(&tally->sources, resolver->source);
        return STATUS_OK;
    }
    TRY(tally_source(tally, resolver->hash, window, text, tallies->unit_count, source, err));
    resolver->shard = tally->number + 1;
    resolver->window = window;
    resolver->source = (uint32_t)(*source - (struct source *)(void *)tally->sources.entries);
done:
    return status;
}

enum status tallies_line(struct tallies *tallies, int64_t time_ms, struct span resolver, bool is_query,
                         bool repeated, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = NULL;
    struct source *source = NULL;
    uint32_t number = 0;
    int64_t day = tallies_day(tallies, time_ms);
    if (day == INT64_MIN)
        return STATUS_OK;
    TRY(tally_of(tallies, day, 0, &tally, err));
    TRY(resolver_of(tallies, content_hash(resolver.at, resolver.count), &number, err));
    place_find(tallies, tally, time_ms);
    TRY(source_of(tallies, tally, number, resolver, tallies->place.window, &source, err));
    source->lines++;
    source->queries += is_query;
    source->repeated += repeated;
    source->unit_seen[tallies->place.unit] = 1;
done:
    return status;
}

/* Whether an entry of this name is kept for the asker, who has entered the tally. */
static bool is_name_kept(const struct tallies *tallies, const struct seen *seen)
{
    const struct tally *tally = seen->tally;
    if (!seen->asker->watched)
        return is_kept(seen->hash, tally->unwatched_names.bound);
    if (tallies->place.slot >= tally->slot_count)
        return true;
    const struct crowd *crowd = crowd_of(&tally->slots[tallies->place.slot], seen->asker->client);
    return !crowd || seen->hash <= crowd->bound;
}

static bool is_domain_kept(const struct seen *seen, uint64_t hash)
{
    const struct tally *tally = seen->tally;
    if (!seen->asker->watched)
        return is_kept(hash, tally->unwatched_domains.bound);
    return is_kept(hash, ((const struct client *)map_at(&tally->clients, seen->asker->client))->pair_bound);
}

/* What is known of a name that gets no entry. */
static enum status stranger_find(struct tallies *tallies, const struct qname *qname, struct seen *seen,
                                 struct error *err)
{
    name_traits_find(tallies->plan->suffixes, qname, &seen->traits);
    const size_t from = seen->traits.sub_labels ? qname->label_at[seen->traits.sub_labels] : 0;
    const uint8_t *wire = qname->wire + from;
    seen->name = seen->domain = NOT_KEPT;
    seen->domain_hash = content_hash(wire, qname->bytes - from);
    return is_domain_kept(seen, seen->domain_hash)
               ? tally_domain(seen->tally, wire, qname->bytes - from, &seen->domain, err)
               : STATUS_OK;
}

enum status name_find(struct tallies *tallies, const struct qname *qname, struct seen *seen,
                      struct error *err)
{
    enum status status = STATUS_OK;
    struct name *name = NULL;
    struct tally *tally = seen->tally;
    seen->hash = content_hash(qname->wire, qname->bytes);
    if (tally->is_sampled) {
        place_find(tallies, tally, seen->time_ms);
        if (!is_name_kept(tallies, seen)) {
            TRY(stranger_find(tallies, qname, seen, err));
            goto done;
        }
    }
    const size_t names = tally->names.count;
    TRY(tally_name(tally, tallies->plan->suffixes, qname, seen->hash, &name, err));
    seen->is_fresh = tally->names.count > names;
    seen->name = (uint32_t)(name - (struct name *)(void *)tally->names.entries);
    seen->domain = name->domain;
    seen->traits = name->traits;
done:
    return status;
}

enum status tallies_query(struct tallies *tallies, const struct query *query, struct span resolver,
                          enum line_count *kind, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally_plan *plan = tallies->plan;
    struct ip ip = query->client;
    uint32_t asker = 0;
    struct seen seen = {.time_ms = query->time_ms,
                        .qtype = query->qtype,
                        .flags = query->flags,
                        .mixed_case = query->mixed_case,
                        .case_changes = query->case_changes};
    int64_t day = tallies_day(tallies, query->time_ms);
    *kind = LINES_OUTSIDE;
    if (day == INT64_MIN)
        return STATUS_OK;
    ip_mask_v6(&ip, plan->ipv6_prefix);
    TRY(asker_of(tallies, &ip, &asker, err));
    TRY(resolver_of(tallies, content_hash(resolver.at, resolver.count), &seen.resolver, err));
    seen.asker = map_at(&tallies->askers, asker);
    *kind = seen.asker->watched ? LINES_QUERY : LINES_UNWATCHED;
    TRY(tally_of(tallies, day, seen.asker->part, &seen.tally, err));
    if (seen.asker->watched)
        TRY(asker_enter(seen.asker, seen.tally, err));
    seen.client = seen.asker->client;
    TRY(name_find(tallies, &query->qname, &seen, err));
    seen.encodings = seen.traits.encodings;
    if (query->mixed_case) {
        seen.encodings |= name_base64(query->wire_as_sent, seen.traits.sub_labels);
        seen.spelling = content_hash(query->wire_as_sent, query->qname.bytes);
    }
    TRY(count_seen(tallies, &seen, err));
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

/* Below this many entries it is not worth while. */
#define NEEDLESS_LEAST ((size_t)1 << 14)

enum status tallies_compact(struct tallies *tallies, struct error *err)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = NULL;
    size_t count = 0, capacity = 0;
    for (size_t at = 0, end = tallies->count; at < end; at++) {
        const struct tally *tally = tallies->shards[at];
        if (!tally || tally->needless < NEEDLESS_LEAST || tally->needless < tally->names.count / 4)
            continue;
        count = 0;
        TRY(tallies_pack(tallies, at, &bytes, &count, &capacity, err));
        tallies_drop(tallies, at);
        TRY(tallies_merge(tallies, bytes, count, err));
    }
done:
    free(bytes);
    return status;
}
