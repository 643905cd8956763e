/* Packed tallies are merged into others. Numbers of clients, names and domains are the sender's own and are
 * translated by content. */
#include "crowd.h"
#include "misses.h"
#include "packed.h"

#include <stdlib.h>
#include <string.h>

/* A shard as it came: entries in the buffer, and the translation of its numbers into ours. */
struct arrival {
    struct tallies *tallies;
    struct tally *into;
    struct packed heap, clients, domains, names, rows, pairs, sources, records, resolvers, notes;
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
        unpack_item(&from->clients, i, &client, sizeof client);
        TRY(tally_client(from->into, &client.ip, &from->client_of[i], err));
        struct client *into = map_at(&from->into->clients, from->client_of[i]);
        if (client.pair_bound == 0)
            continue;
        if (is_kept(client.pair_bound, into->pair_bound))
            into->pair_bound = client.pair_bound;
        into->tabled = 1;
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
        unpack_item(&from->domains, i, &domain, sizeof domain);
        TRY(unpack_take(lists, sizeof(uint64_t), &clients, err));
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
            unpack_item(&clients, c, &hash, sizeof hash);
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
        unpack_item(&from->names, i, &name, sizeof name);
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
        unpack_item(&from->rows, i, row, row_bytes(unit_count));
        TRY(unpack_take(lists, sizeof(uint64_t), &resolvers, err));
        struct row_key key = {row->key.window, from->client_of[row->key.client]};
        TRY(tally_row(from->into, key, &into, err));
        row_merge(into, row, unit_count);
        for (size_t r = 0; r < resolvers.count; r++) {
            uint64_t hash;
            unpack_item(&resolvers, r, &hash, sizeof hash);
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
    TRY(unpack_take(lists, sizeof(struct crowd), crowds, err));
    for (size_t i = 0; i < crowds->count; i++) {
        struct crowd crowd;
        struct packed domains = {0};
        struct slot *place = NULL;
        unpack_item(crowds, i, &crowd, sizeof crowd);
        TRY(unpack_take(lists, sizeof(struct crowd_domain), &domains, err));
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
            unpack_item(&domains, d, &domain, sizeof domain);
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
        unpack_item(crowds, i, &crowd, sizeof crowd);
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

/* Entries are worked on some at a time: what each needs of the tables is asked for ahead. */
#define MERGE_BATCH ((size_t)16)

static enum status asked_merge(struct arrival *from, struct slot *place, const struct packed *crowds,
                               const struct asked *asked, struct asked_key key, uint64_t hash,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct asked *into = NULL;
    TRY(tally_asked(from->into, from->tallies->plan, place, key, hash, &into, err));
    TRY(crowd_take(from, place, crowds, asked, err));
    if (!into)
        return STATUS_OK;
    into->queries += asked->queries;
    into->txt += asked->txt;
    into->odd += asked->odd;
    into->mixed += asked->mixed;
    into->encodings |= asked->encodings;
    into->types |= asked->types;
    spelling_add(&into->spelling, &into->case_changes, &into->respelled, asked->spelling, asked->case_changes,
                 asked->respelled);
done:
    return status;
}

/* Reads an entry, one of those that stand there in full or a plain one. */
static void asked_unpack(const struct packed *entries, bool is_plain, size_t at, struct asked *asked)
{
    struct packed_asked plain;
    if (!is_plain) {
        unpack_item(entries, at, asked, sizeof *asked);
        return;
    }
    unpack_item(entries, at, &plain, sizeof plain);
    *asked = (struct asked){.key = plain.key,
                            .types = plain.types,
                            .queries = plain.queries,
                            .encodings = (uint8_t)plain.encodings};
}

static enum status merge_slot(struct arrival *from, uint32_t slot, const struct packed *crowds,
                              const struct packed *entries, bool is_plain, struct error *err)
{
    enum status status = STATUS_OK;
    struct asked asked[MERGE_BATCH];
    struct asked_key keys[MERGE_BATCH];
    uint64_t hashes[MERGE_BATCH];
    if (slot < from->into->slot_count && from->into->slots[slot].asked.count == 0)
        TRY(map_reserve(&from->into->slots[slot].asked, entries->count, err));
    for (size_t at = 0; at < entries->count; at += MERGE_BATCH) {
        const size_t count = entries->count - at < MERGE_BATCH ? entries->count - at : MERGE_BATCH;
        struct slot *place = NULL;
        for (size_t i = 0; i < count; i++) {
            asked_unpack(entries, is_plain, at + i, &asked[i]);
            keys[i] =
                (struct asked_key){from->client_of[asked[i].key.client], from->name_of[asked[i].key.name]};
            TRY(tally_slot(from->into, slot, keys[i].client, &place, err));
            hashes[i] = map_hash(&place->asked, &keys[i]);
            map_prefetch(&place->asked, hashes[i]);
        }
        for (size_t i = 0; i < count; i++)
            TRY(asked_merge(from, place, crowds, &asked[i], keys[i], hashes[i], err));
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
        TRY(unpack_take(lists, sizeof(struct packed_asked), &entries, err));
        TRY(merge_slot(from, (uint32_t)slot, &crowds, &entries, true, err));
        TRY(unpack_take(lists, sizeof(struct asked), &entries, err));
        TRY(merge_slot(from, (uint32_t)slot, &crowds, &entries, false, err));
    }
done:
    return status;
}

static enum status merge_pair(struct pair *into, const struct packed_pair *pair, const struct packed *types,
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
        unpack_item(types, t, &qtype, sizeof qtype);
        unpack_item(types, t + 1, &queries, sizeof queries);
        TRY(pair_add_type(into, qtype, queries, err));
    }
    if (pair->in_units)
        pair_to_units(into, unit_s);
    for (size_t s = 0; s < seconds->count; s++) {
        uint32_t second;
        unpack_item(seconds, s, &second, sizeof second);
        // A unit's first second stands for it: the receiver is in units by now.
        TRY(pair_add_second(into, pair->in_units ? second * (uint32_t)unit_s : second, unit_s, err));
    }
done:
    return status;
}

static enum status pair_take(struct arrival *from, struct unpacker *lists, const struct packed_pair *pair,
                             struct pair_key key, uint64_t hash, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally_plan *plan = from->tallies->plan;
    struct packed types = {0}, seconds = {0};
    struct pair *into = NULL;
    TRY(unpack_counted(lists, 2 * (size_t)pair->type_count, &types, err));
    TRY(unpack_counted(lists, pair->second_count, &seconds, err));
    TRY(tally_pair(from->into, plan, key, hash, &into, err));
    if (!into)
        return STATUS_OK;
    const size_t before = pair_list_bytes(into);
    TRY(merge_pair(into, pair, &types, &seconds, plan->unit_s, err));
    from->into->list_bytes += pair_list_bytes(into) - before;
done:
    return status;
}

static enum status merge_pairs(struct arrival *from, struct unpacker *lists, struct error *err)
{
    enum status status = STATUS_OK;
    struct packed_pair pairs[MERGE_BATCH];
    struct pair_key keys[MERGE_BATCH];
    uint64_t hashes[MERGE_BATCH];
    for (size_t at = 0; at < from->pairs.count; at += MERGE_BATCH) {
        const size_t count = from->pairs.count - at < MERGE_BATCH ? from->pairs.count - at : MERGE_BATCH;
        for (size_t i = 0; i < count; i++) {
            unpack_item(&from->pairs, at + i, &pairs[i], sizeof pairs[i]);
            keys[i] =
                (struct pair_key){from->client_of[pairs[i].key.client], from->domain_of[pairs[i].key.domain]};
            hashes[i] = map_hash(&from->into->pairs, &keys[i]);
            map_prefetch(&from->into->pairs, hashes[i]);
        }
        for (size_t i = 0; i < count; i++)
            TRY(pair_take(from, lists, &pairs[i], keys[i], hashes[i], err));
    }
done:
    return status;
}

/* A note whose resolver has a number here that notes cannot hold competes in the runs. */
static enum status note_take(struct arrival *from, struct note *note, const uint32_t *numbers,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct first first;
    note->name = from->name_of[note->name];
    if (!note_competes(note))
        return STATUS_OK;
    const uint32_t resolver = numbers[note_resolver(note)];
    const uint16_t bits = note->bits & ((1 << NOTE_RESOLVER_SHIFT) - 1);
    note->bits =
        (uint16_t)(bits | (resolver < NOTE_ELSEWHERE ? resolver : NOTE_ELSEWHERE) << NOTE_RESOLVER_SHIFT);
    from->into->notes.candidates += resolver < NOTE_ELSEWHERE;
    if (resolver < NOTE_ELSEWHERE)
        return STATUS_OK;
    TRY(note_first(from->tallies, from->into, note, &first, err));
    first.resolver = resolver;
    TRY(run_note(from->tallies, from->into->day, &first,
                 miss_slot_of(from->into->day_start_s * 1000 + note->ms), err));
done:
    return status;
}

static enum status merge_notes(struct arrival *from, struct error *err)
{
    enum status status = STATUS_OK;
    struct notes *into = &from->into->notes;
    uint32_t *numbers = calloc(from->resolvers.count + 1, sizeof *numbers);
    if (!numbers)
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "", "no room for resolvers");
    for (size_t i = 0; i < from->resolvers.count; i++) {
        uint64_t hash;
        unpack_item(&from->resolvers, i, &hash, sizeof hash);
        TRY(resolver_of(from->tallies, hash, &numbers[i], err));
    }
    TRY(array_reserve(&into->items, &into->capacity, into->count + from->notes.count, sizeof *into->items,
                      err));
    for (size_t i = 0; i < from->notes.count; i++) {
        struct note *note = &into->items[into->count++];
        unpack_item(&from->notes, i, note, sizeof *note);
        note->client = from->client_of[note->client];
        if (!(note->bits & NOTE_SPELLING))
            TRY(note_take(from, note, numbers, err));
    }
done:
    free(numbers);
    return status;
}

static enum status merge_sources(struct arrival *from, struct unpacker *lists, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < from->sources.count; i++) {
        struct source source, *into = NULL;
        struct packed units = {0};
        unpack_item(&from->sources, i, &source, sizeof source);
        TRY(unpack_take(lists, 1, &units, err));
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
        unpack_item(&from->records, i, &record, sizeof record);
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
        {&from->clients, sizeof(struct client)},    {&from->domains, sizeof(struct domain)},
        {&from->names, sizeof(struct name)},        {&from->rows, row_bytes(from->tallies->unit_count)},
        {&from->pairs, sizeof(struct packed_pair)}, {&from->sources, sizeof(struct source)},
    };
    struct packed slots = {0};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        TRY(unpack_take(unpacker, parts[i].item_bytes, parts[i].packed, err));
    // Slots stand there as a number alone: their entries come with the lists.
    TRY(unpack_take(unpacker, 0, &slots, err));
    from->slot_count = slots.count;
    TRY(unpack_take(unpacker, sizeof(struct record), &from->records, err));
    TRY(unpack_take(unpacker, 1, &from->heap, err));
    TRY(unpack_take(unpacker, sizeof(uint64_t), &from->resolvers, err));
    TRY(unpack_take(unpacker, sizeof(struct note), &from->notes, err));
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
        TRY(unpack_take(unpacker, 0, &bound, err));
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
    TRY(merge_notes(&from, err));
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
