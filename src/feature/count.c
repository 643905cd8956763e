/* Counting a query: what it adds to each of its shard's tables. */
#include "crowd.h"

#include "base/hash.h"

#include <stdlib.h>

/* The cache of a resolver is thought of in slots of this length; UTC multiples, so that none straddles a
 * local midnight in a zone whose offset is a multiple of it. */
#define MISS_SLOT_MS 300000

static enum row_tick type_tick(uint16_t qtype)
{
    switch (qtype) {
    case 1: return TICK_A;
    case 28: return TICK_AAAA;
    case 12: return TICK_PTR;
    case 16: return TICK_TXT;
    case 10:
    case 65399: return TICK_NULL;
    case 15: return TICK_MX;
    case 33: return TICK_SRV;
    case 64:
    case 65: return TICK_HTTPS;
    default: return TICK_OTHER;
    }
}

enum asked_type {
#define X(NAME, number, odd) ASKED_##NAME,
#include "feature/asked_types.def"
#undef X
    ASKED_TYPES,
};
_Static_assert(ASKED_TYPES == ASKED_OTHER, "63 types and one bit for all others");

const uint8_t ASKED_BY_NUMBER[UINT16_MAX + 1] = {
#define X(NAME, number, odd) [number] = (ASKED_##NAME + 1) | ((odd) ? ASKED_ODD : 0),
#include "feature/asked_types.def"
#undef X
};

/* ---- who asks, who is asked ---- */

static bool is_watched(const struct tally_plan *plan, const struct ip *ip)
{
    for (size_t i = 0; i < plan->client_count; i++)
        if (ip_in_range(ip, &plan->clients[i]))
            return true;
    return plan->client_count == 0;
}

enum status asker_of(struct tallies *tallies, const struct ip *ip, uint32_t *asker, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tallies->askers, ip, &found, &fresh, err));
    struct asker *entry = found;
    *asker = (uint32_t)(entry - (struct asker *)(void *)tallies->askers.entries);
    if (!fresh)
        return STATUS_OK;
    entry->hash = content_hash(ip, sizeof *ip);
    entry->watched = is_watched(tallies->plan, ip);
    // Unwatched clients have no rows, and what is kept of them has one limit: all of them are in the first
    // part.
    if (entry->watched && tallies->plan->parts > 1)
        entry->part = (int)(entry->hash % (uint64_t)tallies->plan->parts);
done:
    return status;
}

enum status resolver_of(struct tallies *tallies, uint64_t hash, uint32_t *resolver, struct error *err)
{
    void *found = NULL;
    enum status status = map_put(&tallies->resolvers, &hash, &found, NULL, err);
    if (status == STATUS_OK)
        *resolver =
            (uint32_t)((struct resolver *)found - (struct resolver *)(void *)tallies->resolvers.entries);
    return status;
}

enum status asker_enter(struct asker *asker, struct tally *tally, struct error *err)
{
    if (asker->shard == tally->number + 1)
        return STATUS_OK;
    asker->row = 0;
    asker->shard = 0;
    enum status status = tally_client(tally, &asker->ip, &asker->client, err);
    if (status == STATUS_OK)
        asker->shard = tally->number + 1;
    return status;
}

enum status asker_row(struct asker *asker, struct tally *tally, uint32_t window, struct row **row,
                      struct error *err)
{
    if (asker->row == 0 || asker->window != window) {
        enum status status = tally_row(tally, (struct row_key){window, asker->client}, row, err);
        if (status != STATUS_OK)
            return status;
        size_t at = (size_t)((unsigned char *)*row - tally->rows.entries) / tally->rows.entry_bytes;
        asker->window = window;
        asker->row = (uint32_t)at + 1;
    }
    *row = map_at(&tally->rows, asker->row - 1);
    return STATUS_OK;
}

/* ---- what a query adds ---- */

static enum status count_row(struct tallies *tallies, const struct seen *seen, struct error *err)
{
    enum status status = STATUS_OK;
    const struct name_traits *traits = &seen->traits;
    const unsigned flags = seen->flags;
    struct row *row = NULL;
    TRY(asker_row(seen->asker, seen->tally, tallies->place.window, &row, err));
    tick_add(row, type_tick(seen->qtype), 1);
    tick_add(row, TICK_MIXED, seen->mixed_case);
    tick_add(row, TICK_ENCODED, seen->encodings != 0);
    tick_add(row, TICK_NO_EDNS, !(flags & QUERY_EDNS));
    tick_add(row, TICK_ODD_FLAGS,
             !(flags & QUERY_RECURSION) || flags & (QUERY_TCP | QUERY_SIGNED | QUERY_CD));
    tick_add(row, TICK_DO, (flags & QUERY_DO) != 0);
    tick_add(row, TICK_COOKIE, (flags & (QUERY_COOKIE | QUERY_COOKIE_VALID)) != 0);
    if (seen->qtype == 65399)
        tick_add(row, TICK_PRIVATE, 1);
    if (seen->qtype == 255)
        tick_add(row, TICK_ANY, 1);
    row->sub_bytes += traits->sub_bytes;
    row->bigram_score += traits->bigram_score;
    row->bigrams += traits->bigrams;
    if (traits->sub_bytes > row->sub_max)
        row->sub_max = traits->sub_bytes;
    if (traits->label_max > row->label_max)
        row->label_max = traits->label_max;
    if (seen->time_ms < row->first_ms)
        row->first_ms = seen->time_ms;
    if (seen->time_ms > row->last_ms)
        row->last_ms = seen->time_ms;
    row->unit_queries[tallies->place.unit]++;
    const uint32_t bit = seen->resolver < 32 ? (uint32_t)1 << seen->resolver : 0;
    if (!(row->resolver_mask & bit)) {
        const struct resolver *resolver = map_at(&tallies->resolvers, seen->resolver);
        TRY(list64_insert(seen->tally, &row->resolvers, resolver->hash, SIZE_MAX, err));
        row->resolver_mask |= bit;
    }
done:
    return status;
}

static enum status count_asked(struct tallies *tallies, const struct seen *seen, struct error *err)
{
    enum status status = STATUS_OK;
    const struct asked_key key = {seen->client, seen->name};
    struct slot *slot = NULL;
    struct asked *asked = NULL;
    bool odd = false;
    unsigned bit = asked_bit(seen->qtype, &odd);
    if (seen->name == NOT_KEPT)
        return STATUS_OK;
    TRY(tally_slot(seen->tally, tallies->place.slot, seen->client, &slot, err));
    TRY(tally_asked(seen->tally, tallies->plan, slot, key, map_hash(&slot->asked, &key), &asked, err));
    if (!asked)
        return STATUS_OK;
    asked->queries++;
    asked->txt += seen->qtype == QTYPE_TXT;
    asked->odd += odd;
    asked->types |= (uint64_t)1 << bit;
    asked->encodings |= seen->encodings;
    if (seen->mixed_case) {
        asked->mixed++;
        spelling_add(&asked->spelling, &asked->case_changes, &asked->respelled, seen->spelling,
                     seen->case_changes, false);
    }
done:
    return status;
}

static enum status count_pair(struct tallies *tallies, const struct seen *seen, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = seen->tally;
    const struct pair_key key = {seen->client, seen->domain};
    struct pair *pair = NULL;
    if (seen->domain == NOT_KEPT)
        return STATUS_OK;
    TRY(tally_pair(tally, tallies->plan, key, map_hash(&tally->pairs, &key), &pair, err));
    if (!pair)
        return STATUS_OK;
    const size_t before = pair_list_bytes(pair);
    const uint32_t ms = (uint32_t)(seen->time_ms - tally->day_start_s * 1000);
    pair->queries++;
    if (ms < pair->first_ms)
        pair->first_ms = ms;
    if (ms > pair->last_ms)
        pair->last_ms = ms;
    if (is_type_listed(seen->qtype))
        TRY(pair_add_type(pair, seen->qtype, 1, err));
    TRY(pair_add_second(pair, tallies->place.second, tallies->plan->unit_s, err));
    tally->list_bytes += pair_list_bytes(pair) - before;
done:
    return status;
}

static enum status count_unwatched(const struct tallies *tallies, const struct seen *seen, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = seen->tally;
    const size_t most = (size_t)tallies->plan->ip_names_most;
    if (seen->name != NOT_KEPT)
        TRY(unwatched_name(tally, map_at(&tally->names, seen->name), most, err));
    if (seen->domain == NOT_KEPT)
        return STATUS_OK;
    struct domain *domain = map_at(&tally->domains, seen->domain);
    TRY(unwatched_domain(tally, domain, most, err));
    if (!domain->by_unwatched)
        return STATUS_OK;
    domain->queries++;
    if (seen->time_ms < domain->first_ms)
        domain->first_ms = seen->time_ms;
    TRY(list64_insert(tally, &domain->clients, seen->asker->hash, DOMAIN_CLIENTS_MOST, err));
done:
    return status;
}

static uint64_t seen_domain(const struct seen *seen)
{
    return seen->name == NOT_KEPT
               ? seen->domain_hash
               : ((const struct domain *)map_at(&seen->tally->domains, seen->domain))->hash;
}

/* The crowd that a client is in the slot, or NULL. */
static struct crowd *crowd_find(const struct tallies *tallies, const struct seen *seen)
{
    const struct tally *tally = seen->tally;
    return tally->is_sampled && tallies->place.slot < tally->slot_count
               ? crowd_of(&tally->slots[tallies->place.slot], seen->client)
               : NULL;
}

enum status count_tabled(struct tallies *tallies, const struct seen *seen, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(count_asked(tallies, seen, err));
    // Its entry may have made a crowd of the client, without this query.
    struct crowd *crowd = crowd_find(tallies, seen);
    if (crowd)
        TRY(crowd_count(seen->tally, crowd, seen_domain(seen), 1, (size_t)tallies->plan->names_most, err));
    TRY(count_pair(tallies, seen, err));
done:
    return status;
}

/* A client that brings so many new names may be one of which not all are kept: it goes to the tables. */
static enum status fresh_count(struct tallies *tallies, const struct seen *seen, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = seen->tally;
    struct client *client = map_at(&tally->clients, seen->client);
    uint8_t *chosen = NULL;
    if (++client->fresh_names <= 2 * (uint64_t)tallies->plan->names_most)
        return STATUS_OK;
    chosen = calloc(tally->clients.count, 1);
    if (!chosen)
        return error_set(err, STATUS_NO_MEMORY, "queries of a day", "use more ranks", "no room for clients");
    client->tabled = 1;
    chosen[seen->client] = 1;
    TRY(notes_table(tallies, tally, chosen, err));
    place_find(tallies, tally, seen->time_ms);
done:
    free(chosen);
    return status;
}

/* Who asked first is found out by the note, or beside it. */
static enum status count_kept(struct tallies *tallies, const struct seen *seen, const struct first *first,
                              int32_t miss_slot, struct error *err)
{
    enum status status = STATUS_OK;
    const struct client *client = map_at(&seen->tally->clients, seen->client);
    if (seen->is_fresh && !client->tabled)
        TRY(fresh_count(tallies, seen, err));
    const bool competes = !client->tabled && seen->resolver < NOTE_ELSEWHERE;
    if (!competes) {
        const struct crowd *crowd = crowd_find(tallies, seen);
        if (!crowd || seen->hash <= crowd->bound)
            TRY(run_note(tallies, seen->tally->day, first, miss_slot, err));
    }
    status = client->tabled ? count_tabled(tallies, seen, err) : note_add(seen->tally, seen, competes, err);
done:
    return status;
}

enum status count_seen(struct tallies *tallies, const struct seen *seen, struct error *err)
{
    enum status status = STATUS_OK;
    const struct asker *first_asker = (const void *)tallies->askers.entries;
    const int64_t miss_slot = seen->time_ms / MISS_SLOT_MS - (seen->time_ms % MISS_SLOT_MS < 0);
    const struct first first = {.name = seen->hash,
                                .resolver = seen->resolver,
                                .asker = (uint32_t)(seen->asker - first_asker),
                                .ms = (uint32_t)(seen->time_ms - miss_slot * MISS_SLOT_MS),
                                .qtype = seen->qtype};
    const int64_t day = seen->tally->day;
    if (!seen->asker->watched) {
        if (is_kept(seen->hash, seen->tally->unwatched_names.bound))
            TRY(run_note(tallies, day, &first, (int32_t)miss_slot, err));
        TRY(count_unwatched(tallies, seen, err));
        return STATUS_OK;
    }
    place_find(tallies, seen->tally, seen->time_ms);
    TRY(count_row(tallies, seen, err));
    TRY(count_kept(tallies, seen, &first, (int32_t)miss_slot, err));
done:
    return status;
}

enum status count_row_only(struct tallies *tallies, const struct seen *seen, struct error *err)
{
    place_find(tallies, seen->tally, seen->time_ms);
    return count_row(tallies, seen, err);
}
