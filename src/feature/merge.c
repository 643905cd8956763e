/* Packed tallies are merged into others. Numbers of clients, names and domains are the sender's own and are
 * translated by content. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- merging ---- */

struct unpacker {
    const unsigned char *at, *end;
};

/* Items where they lie in the buffer, which need not be aligned: they are copied out one by one. */
struct packed {
    const unsigned char *at;
    size_t count;
};

static enum status take(struct unpacker *unpacker, size_t item_bytes, struct packed *packed,
                        struct error *err)
{
    uint64_t count = 0;
    size_t rest = (size_t)(unpacker->end - unpacker->at);
    if (rest < sizeof count)
        return error_set(err, STATUS_CORRUPT, "exchange between ranks", "", "a packed tally ends early");
    memcpy(&count, unpacker->at, sizeof count);
    unpacker->at += sizeof count;
    if (item_bytes > 0 && count > (rest - sizeof count) / item_bytes)
        return error_set(err, STATUS_CORRUPT, "exchange between ranks", "", "a packed tally ends early");
    *packed = (struct packed){unpacker->at, (size_t)count};
    unpacker->at += count * item_bytes;
    return STATUS_OK;
}

static void item(const struct packed *packed, size_t at, void *out, size_t bytes)
{
    memcpy(out, packed->at + at * bytes, bytes);
}

/* A shard as it came: entries in the buffer, and the translation of its numbers into ours. */
struct arrival {
    struct tallies *tallies;
    struct tally *into;
    struct packed heap, clients, domains, names, rows, pairs, sources, records;
    uint64_t slot_count;
    uint32_t *client_of, *domain_of, *name_of;
};

static const void *in_heap(const struct arrival *from, uint64_t at)
{
    return from->heap.at + at;
}

static enum status merge_clients(struct arrival *from, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < from->clients.count; i++) {
        struct client client;
        item(&from->clients, i, &client, sizeof client);
        TRY(tally_client(from->into, &client.ip, &from->client_of[i], err));
        struct client *into = map_at(&from->into->clients, from->client_of[i]);
        if (client.pair_bound == 0)
            continue;
        if (is_kept(client.pair_bound, into->pair_bound))
            into->pair_bound = client.pair_bound;
        from->into->is_sampled = true;
    }
done:
    return status;
}

static enum status merge_domains(struct arrival *from, struct unpacker *lists, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < from->domains.count; i++) {
        struct domain domain;
        struct packed clients = {0};
        item(&from->domains, i, &domain, sizeof domain);
        TRY(take(lists, sizeof(uint64_t), &clients, err));
        TRY(tally_domain(from->into, in_heap(from, domain.wire_at), domain.wire_bytes, &from->domain_of[i],
                         err));
        struct domain *into = map_at(&from->into->domains, from->domain_of[i]);
        if (domain.by_unwatched)
            TRY(unwatched_domain(from->into, into, (size_t)from->tallies->plan->ip_names_most, err));
        if (!into->by_unwatched)
            continue;
        into->queries += domain.queries;
        if (domain.first_ms < into->first_ms)
            into->first_ms = domain.first_ms;
        for (size_t c = 0; c < clients.count; c++) {
            uint64_t hash;
            item(&clients, c, &hash, sizeof hash);
            TRY(list64_insert(from->into, &into->clients, hash, DOMAIN_CLIENTS_MOST, err));
        }
    }
done:
    return status;
}

static enum status merge_names(struct arrival *from, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *into = from->into;
    for (size_t i = 0; i < from->names.count; i++) {
        struct name name;
        void *found = NULL;
        bool fresh = false;
        item(&from->names, i, &name, sizeof name);
        TRY(map_put(&into->names, &name.hash, &found, &fresh, err));
        struct name *kept = found;
        from->name_of[i] = (uint32_t)(kept - (struct name *)(void *)into->names.entries);
        if (fresh) {
            *kept = name;
            kept->by_unwatched = 0;
            kept->domain = from->domain_of[name.domain];
            TRY(heap_add(&into->heap, in_heap(from, name.wire_at), name.wire_bytes, &kept->wire_at, err));
        }
        if (name.by_unwatched)
            TRY(unwatched_name(into, kept, (size_t)from->tallies->plan->ip_names_most, err));
    }
done:
    return status;
}

static void row_merge(struct row *into, const struct row *row, size_t unit_count)
{
    if (row->first_ms < into->first_ms)
        into->first_ms = row->first_ms;
    if (row->last_ms > into->last_ms)
        into->last_ms = row->last_ms;
    into->sub_bytes += row->sub_bytes;
    into->bigram_score += row->bigram_score;
    into->bigrams += row->bigrams;
    if (row->sub_max > into->sub_max)
        into->sub_max = row->sub_max;
    if (row->label_max > into->label_max)
        into->label_max = row->label_max;
    for (int tick = 0; tick < ROW_TICKS; tick++)
        tick_add(into, (enum row_tick)tick, row->ticks[tick]);
    for (size_t u = 0; u < unit_count; u++)
        into->unit_queries[u] += row->unit_queries[u];
}

static enum status merge_rows(struct arrival *from, struct unpacker *lists, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t unit_count = from->tallies->unit_count;
    struct row *row = malloc(row_bytes(unit_count)), *into = NULL;
    if (!row)
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "", "no room for a row");
    for (size_t i = 0; i < from->rows.count; i++) {
        struct packed resolvers = {0};
        item(&from->rows, i, row, row_bytes(unit_count));
        TRY(take(lists, sizeof(uint64_t), &resolvers, err));
        struct row_key key = {row->key.window, from->client_of[row->key.client]};
        TRY(tally_row(from->into, key, &into, err));
        row_merge(into, row, unit_count);
        for (size_t r = 0; r < resolvers.count; r++) {
            uint64_t hash;
            item(&resolvers, r, &hash, sizeof hash);
            TRY(list64_insert(from->into, &into->resolvers, hash, SIZE_MAX, err));
        }
    }
done:
    free(row);
    return status;
}

/* The crowds of a slot come before its entries: what they hold of domains is in these, too. */
static enum status merge_crowds(struct arrival *from, uint32_t slot, struct unpacker *lists,
                                struct packed *crowds, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t most = (size_t)from->tallies->plan->names_most;
    TRY(take(lists, sizeof(struct crowd), crowds, err));
    for (size_t i = 0; i < crowds->count; i++) {
        struct crowd crowd;
        struct packed domains = {0};
        struct slot *place = NULL;
        item(crowds, i, &crowd, sizeof crowd);
        TRY(take(lists, sizeof(struct crowd_domain), &domains, err));
        const uint32_t client = from->client_of[crowd.client];
        TRY(tally_slot(from->into, slot, client, &place, err));
        TRY(crowd_make(from->into, place, client, crowd.bound, most, err));
        struct crowd *into = crowd_of(place, client);
        if (crowd.domain_bound != 0 && is_kept(crowd.domain_bound, into->domain_bound))
            into->domain_bound = crowd.domain_bound;
        into->misses += crowd.misses;
        into->misses_ptr += crowd.misses_ptr;
        for (size_t d = 0; d < domains.count; d++) {
            struct crowd_domain domain;
            item(&domains, d, &domain, sizeof domain);
            TRY(crowd_count(from->into, into, domain.hash, domain.queries, most, err));
        }
    }
done:
    return status;
}

static bool is_crowd(const struct packed *crowds, uint32_t client)
{
    struct crowd crowd;
    for (size_t i = 0; i < crowds->count; i++) {
        item(crowds, i, &crowd, sizeof crowd);
        if (crowd.client == client)
            return true;
    }
    return false;
}

/* Queries of an entry that come to a client who is a crowd here, and was none where they come from. */
static enum status crowd_take(struct arrival *from, struct slot *slot, const struct packed *crowds,
                              const struct asked *asked, struct error *err)
{
    struct crowd *crowd = crowd_of(slot, from->client_of[asked->key.client]);
    if (!crowd || is_crowd(crowds, asked->key.client))
        return STATUS_OK;
    const struct name *name = map_at(&from->into->names, from->name_of[asked->key.name]);
    const struct domain *domain = map_at(&from->into->domains, name->domain);
    return crowd_count(from->into, crowd, domain->hash, asked->queries,
                       (size_t)from->tallies->plan->names_most, err);
}

static enum status merge_slot(struct arrival *from, uint32_t slot, const struct packed *crowds,
                              const struct packed *entries, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < entries->count; i++) {
        struct asked asked, *into = NULL;
        item(entries, i, &asked, sizeof asked);
        struct asked_key key = {from->client_of[asked.key.client], from->name_of[asked.key.name]};
        struct slot *place = NULL;
        TRY(tally_slot(from->into, slot, key.client, &place, err));
        TRY(tally_asked(from->into, from->tallies->plan, place, key, map_hash(&place->asked, &key), &into,
                        err));
        TRY(crowd_take(from, place, crowds, &asked, err));
        if (!into)
            continue;
        into->queries += asked.queries;
        into->txt += asked.txt;
        into->odd += asked.odd;
        into->mixed += asked.mixed;
        into->encodings |= asked.encodings;
        into->types |= asked.types;
        asked_add_spelling(into, asked.spelling, asked.case_changes, asked.respelled);
    }
done:
    return status;
}

static enum status merge_asked(struct arrival *from, struct unpacker *lists, struct error *err)
{
    enum status status = STATUS_OK;
    for (uint64_t slot = 0; slot < from->slot_count; slot++) {
        struct packed crowds = {0}, entries = {0};
        TRY(merge_crowds(from, (uint32_t)slot, lists, &crowds, err));
        TRY(take(lists, sizeof(struct asked), &entries, err));
        TRY(merge_slot(from, (uint32_t)slot, &crowds, &entries, err));
    }
done:
    return status;
}

static enum status merge_pair(struct pair *into, struct pair *pair, const struct packed *types,
                              const struct packed *seconds, int64_t unit_s, struct error *err)
{
    enum status status = STATUS_OK;
    into->queries += pair->queries;
    if (pair->first_ms < into->first_ms)
        into->first_ms = pair->first_ms;
    if (pair->last_ms > into->last_ms)
        into->last_ms = pair->last_ms;
    for (size_t t = 0; t + 1 < types->count; t += 2) {
        uint32_t qtype, queries;
        item(types, t, &qtype, sizeof qtype);
        item(types, t + 1, &queries, sizeof queries);
        TRY(pair_add_type(into, qtype, queries, err));
    }
    if (pair->in_units)
        pair_to_units(into, unit_s);
    for (size_t s = 0; s < seconds->count; s++) {
        uint32_t second;
        item(seconds, s, &second, sizeof second);
        // A unit's first second stands for it: the receiver is in units by now.
        TRY(pair_add_second(into, pair->in_units ? second * (uint32_t)unit_s : second, unit_s, err));
    }
done:
    return status;
}

static enum status merge_pairs(struct arrival *from, struct unpacker *lists, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally_plan *plan = from->tallies->plan;
    for (size_t i = 0; i < from->pairs.count; i++) {
        struct pair pair, *into = NULL;
        struct packed types = {0}, seconds = {0};
        item(&from->pairs, i, &pair, sizeof pair);
        TRY(take(lists, sizeof(uint32_t), &types, err));
        TRY(take(lists, sizeof(uint32_t), &seconds, err));
        struct pair_key key = {from->client_of[pair.key.client], from->domain_of[pair.key.domain]};
        TRY(tally_pair(from->into, plan, key, map_hash(&from->into->pairs, &key), &into, err));
        if (!into)
            continue;
        size_t before = pair_list_bytes(into);
        TRY(merge_pair(into, &pair, &types, &seconds, plan->unit_s, err));
        from->into->list_bytes += pair_list_bytes(into) - before;
    }
done:
    return status;
}

static enum status merge_sources(struct arrival *from, struct unpacker *lists, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < from->sources.count; i++) {
        struct source source, *into = NULL;
        struct packed units = {0};
        item(&from->sources, i, &source, sizeof source);
        TRY(take(lists, 1, &units, err));
        struct span text = {in_heap(from, source.text_at), source.text_bytes};
        TRY(tally_source(from->into, source.key.resolver, (uint32_t)source.key.window, text,
                         from->tallies->unit_count, &into, err));
        into->lines += source.lines;
        into->queries += source.queries;
        into->repeated += source.repeated;
        for (size_t u = 0; u < units.count && u < from->tallies->unit_count; u++)
            into->unit_seen[u] |= units.at[u];
    }
done:
    return status;
}

static enum status merge_records(struct arrival *from, struct error *err)
{
    enum status status = STATUS_OK;
    char *path = NULL;
    for (size_t i = 0; i < from->records.count; i++) {
        struct record record;
        item(&from->records, i, &record, sizeof record);
        free(path);
        path = strndup(in_heap(from, record.path_at), record.path_bytes);
        if (!path)
            return error_set(err, STATUS_NO_MEMORY, "line table", "", "no room for a path");
        record.line.path = path;
        record.line.minutes = in_heap(from, record.minutes_at);
        record.line.offsets = in_heap(from, record.offsets_at);
        record.line.rejects = in_heap(from, record.rejects_at);
        TRY(tally_record(from->into, &record.line, err));
    }
done:
    free(path);
    return status;
}

static enum status arrival_take(struct arrival *from, struct unpacker *unpacker, struct error *err)
{
    enum status status = STATUS_OK;
    const struct {
        struct packed *packed;
        size_t item_bytes;
    } parts[] = {
        {&from->clients, sizeof(struct client)}, {&from->domains, sizeof(struct domain)},
        {&from->names, sizeof(struct name)},     {&from->rows, row_bytes(from->tallies->unit_count)},
        {&from->pairs, sizeof(struct pair)},     {&from->sources, sizeof(struct source)},
    };
    struct packed slots = {0};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        TRY(take(unpacker, parts[i].item_bytes, parts[i].packed, err));
    // Slots stand there as a number alone: their entries come with the lists.
    TRY(take(unpacker, 0, &slots, err));
    from->slot_count = slots.count;
    TRY(take(unpacker, sizeof(struct record), &from->records, err));
    TRY(take(unpacker, 1, &from->heap, err));
    from->client_of = calloc(from->clients.count + 1, sizeof *from->client_of);
    from->domain_of = calloc(from->domains.count + 1, sizeof *from->domain_of);
    from->name_of = calloc(from->names.count + 1, sizeof *from->name_of);
    if (!from->client_of || !from->domain_of || !from->name_of)
        status = error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "use more ranks",
                           "no room for %zu names of a day", from->names.count);
done:
    return status;
}

/* The bounds of unwatched clients. */
static enum status bounds_take(struct arrival *from, struct unpacker *unpacker, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *into = from->into;
    struct packed bound = {0};
    uint64_t *bounds[] = {&into->unwatched_names.bound, &into->unwatched_domains.bound};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        TRY(take(unpacker, 0, &bound, err));
        if (bound.count == 0)
            continue;
        if (is_kept(bound.count, *bounds[i]))
            *bounds[i] = bound.count;
        into->is_sampled = true;
    }
done:
    return status;
}

static enum status merge_shard(struct tallies *tallies, struct unpacker *unpacker, int64_t day, int part,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct arrival from = {.tallies = tallies};
    TRY(tally_of(tallies, day, part, &from.into, err));
    TRY(bounds_take(&from, unpacker, err));
    TRY(arrival_take(&from, unpacker, err));
    // In the order in which the lists were packed.
    TRY(merge_clients(&from, err));
    TRY(merge_domains(&from, unpacker, err));
    TRY(merge_names(&from, err));
    TRY(merge_rows(&from, unpacker, err));
    TRY(merge_asked(&from, unpacker, err));
    TRY(merge_pairs(&from, unpacker, err));
    TRY(merge_sources(&from, unpacker, err));
    TRY(merge_records(&from, err));
done:
    free(from.client_of);
    free(from.domain_of);
    free(from.name_of);
    return status;
}

enum status tallies_merge(struct tallies *tallies, const unsigned char *bytes, size_t count,
                          struct error *err)
{
    enum status status = STATUS_OK;
    struct unpacker unpacker = {bytes, bytes + count};
    while (status == STATUS_OK && unpacker.at < unpacker.end) {
        uint64_t head[2];
        if ((size_t)(unpacker.end - unpacker.at) < sizeof head)
            return error_set(err, STATUS_CORRUPT, "exchange between ranks", "", "a packed tally ends early");
        memcpy(head, unpacker.at, sizeof head);
        unpacker.at += sizeof head;
        status = merge_shard(tallies, &unpacker, (int64_t)head[0], (int)head[1], err);
    }
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
