/* Clients that ask for more names or domains than are kept as entries.
 *
 * Of a set that outgrows its limit those of least hash are kept, with all that was counted of them: which
 * these are depends on the set alone. While it grows, a set may hold twice its limit; then the hash is found
 * below which the limit's number lies, and nothing above it is kept from there on. That bound only falls, so
 * whatever lies below the last one was counted from its first query on. Entries above it stay where they are
 * until the tally is packed or finished.
 *
 * A sum over the k - 1 items below the k-th least hash h, times 2^64/h, estimates the sum over all without
 * bias, with a relative error of 1/sqrt(k - 2) for counts (Bar-Yossef et al. 2002; Cohen, Kaplan 2007). */
#include "crowd.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static enum status no_room(size_t count, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "limits.names", "use store.parts or more ranks",
                     "no room for %zu hashes", count);
}

/* The `rank`-th least of distinct hashes, counted from 0; reorders them. */
static uint64_t hash_select(uint64_t *hashes, size_t count, size_t rank)
{
    size_t from = 0, to = count;
    assert(rank < count);
    // Hashes are as good as random, unless somebody chose the names: then this takes longer, no more.
    while (to - from > 1) {
        const uint64_t pivot = hashes[from + (size_t)(memory_seed() % (to - from))];
        size_t low = from, high = to;
        for (size_t at = from; at < high;) {
            const uint64_t one = hashes[at];
            if (one < pivot) {
                hashes[at++] = hashes[low];
                hashes[low++] = one;
            } else if (one > pivot) {
                hashes[at] = hashes[--high];
                hashes[high] = one;
            } else {
                at++;
            }
        }
        if (rank < low)
            to = low;
        else if (rank >= high)
            from = high;
        else
            return pivot;
    }
    return hashes[from];
}

/* Of distinct hashes the bound that keeps `most`; 0 when there are no more. */
static uint64_t bound_find(uint64_t *hashes, size_t count, size_t most, bool is_bounded)
{
    if (!hashes || count < most || (count == most && !is_bounded))
        return 0;
    return hash_select(hashes, count, most - 1);
}

int64_t bound_scale(int64_t sum, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;
    if (bound == 0 || sum == 0)
        return sum;
    const uint64_t amount = sum < 0 ? -(uint64_t)sum : (uint64_t)sum;
    wide scaled = (((wide)amount << 64) + bound / 2) / bound;
    if (scaled > INT64_MAX)
        scaled = INT64_MAX;
    return sum < 0 ? -(int64_t)scaled : (int64_t)scaled;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* ---- names of a client in a slot ---- */

static uint64_t name_hash(const struct tally *tally, uint32_t name)
{
    return ((const struct name *)map_at(&tally->names, name))->hash;
}

static uint64_t domain_hash(const struct tally *tally, uint32_t domain)
{
    return ((const struct domain *)map_at(&tally->domains, domain))->hash;
}

bool asked_is_kept(const struct tally *tally, const struct slot *slot, const struct asked *asked)
{
    const struct crowd *crowd = crowd_of(slot, asked->key.client);
    return !crowd || name_hash(tally, asked->key.name) <= crowd->bound;
}

enum status crowd_count(struct tally *tally, struct crowd *crowd, uint64_t domain, int64_t queries,
                        size_t most, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    uint64_t *hashes = NULL;
    struct map kept;
    map_init(&kept, sizeof(struct crowd_domain), sizeof(uint64_t));
    if (!is_kept(domain, crowd->domain_bound))
        return STATUS_OK;
    const size_t before = map_bytes(&crowd->domains);
    TRY(map_put(&crowd->domains, &domain, &found, NULL, err));
    ((struct crowd_domain *)found)->queries += queries;
    const size_t count = crowd->domains.count;
    if (count > 2 * most) {
        hashes = malloc(count * sizeof *hashes);
        if (!hashes) {
            status = no_room(count, err);
            goto done;
        }
        for (size_t i = 0; i < count; i++)
            hashes[i] = ((struct crowd_domain *)map_at(&crowd->domains, i))->hash;
        crowd->domain_bound = hash_select(hashes, count, most - 1);
        for (size_t i = 0; i < count; i++) {
            const struct crowd_domain *one = map_at(&crowd->domains, i);
            if (one->hash > crowd->domain_bound)
                continue;
            TRY(map_put(&kept, &one->hash, &found, NULL, err));
            ((struct crowd_domain *)found)->queries = one->queries;
        }
        map_clear(&crowd->domains);
        crowd->domains = kept;
        map_init(&kept, sizeof(struct crowd_domain), sizeof(uint64_t));
    }
    tally->list_bytes += map_bytes(&crowd->domains) - before;
done:
    free(hashes);
    map_clear(&kept);
    return status;
}

/* A client's entries of a slot, newest first. */
static struct asked *asked_first(const struct slot *slot, uint32_t client)
{
    const uint32_t last = client < slot->client_capacity ? slot->clients[client].last : 0;
    return last ? map_at(&slot->asked, last - 1) : NULL;
}

static struct asked *asked_next(const struct slot *slot, const struct asked *asked)
{
    return asked->next ? map_at(&slot->asked, asked->next - 1) : NULL;
}

enum status crowd_make(struct tally *tally, struct slot *slot, uint32_t client, uint64_t bound, size_t most,
                       struct error *err)
{
    enum status status = STATUS_OK;
    const uint64_t key = client;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&slot->crowds, &key, &found, &fresh, err));
    struct crowd *crowd = found;
    tally->is_sampled = true;
    if (!fresh) {
        crowd->bound = bound < crowd->bound ? bound : crowd->bound;
        return STATUS_OK;
    }
    crowd->bound = bound;
    map_init(&crowd->domains, sizeof(struct crowd_domain), sizeof(uint64_t));
    for (const struct asked *asked = asked_first(slot, client); asked; asked = asked_next(slot, asked)) {
        const struct name *name = map_at(&tally->names, asked->key.name);
        TRY(crowd_count(tally, crowd, domain_hash(tally, name->domain), asked->queries, most, err));
    }
done:
    return status;
}

/* Hashes of the names of a client in a slot that are kept. */
static enum status names_collect(const struct tally *tally, const struct slot *slot, uint32_t client,
                                 uint64_t **hashes, size_t *count, size_t *capacity, struct error *err)
{
    enum status status = STATUS_OK;
    const struct crowd *crowd = crowd_of(slot, client);
    for (const struct asked *asked = asked_first(slot, client); asked; asked = asked_next(slot, asked)) {
        const uint64_t hash = name_hash(tally, asked->key.name);
        if (crowd && hash > crowd->bound)
            continue;
        TRY(array_reserve(hashes, capacity, *count + 1, sizeof **hashes, err));
        (*hashes)[(*count)++] = hash;
    }
done:
    return status;
}

enum status names_limit(struct tally *tally, struct slot *slot, uint32_t client, size_t most,
                        struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t *hashes = NULL;
    size_t count = 0, capacity = 0;
    TRY(names_collect(tally, slot, client, &hashes, &count, &capacity, err));
    const uint64_t bound = bound_find(hashes, count, most, crowd_of(slot, client) != NULL);
    if (bound != 0) {
        TRY(crowd_make(tally, slot, client, bound, most, err));
        tally->needless += count - most;
    }
    slot->clients[client].count = (uint32_t)(bound != 0 ? most : count);
done:
    free(hashes);
    return status;
}

void crowds_clear(struct map *crowds)
{
    for (size_t i = 0; i < crowds->count; i++)
        map_clear(&((struct crowd *)map_at(crowds, i))->domains);
    map_clear(crowds);
}

/* ---- domains of a client in a day ---- */

bool pair_is_kept(const struct tally *tally, uint32_t client, uint32_t domain)
{
    const struct client *entry = map_at(&tally->clients, client);
    return entry->pair_bound == 0 || domain_hash(tally, domain) <= entry->pair_bound;
}

enum status pairs_limit(struct tally *tally, uint32_t client, size_t most, struct error *err)
{
    enum status status = STATUS_OK;
    struct client *entry = map_at(&tally->clients, client);
    uint64_t *hashes = NULL;
    size_t count = 0, capacity = 0;
    for (uint32_t at = entry->last_pair; at != 0;) {
        const struct pair *pair = map_at(&tally->pairs, at - 1);
        const uint64_t hash = domain_hash(tally, pair->key.domain);
        at = pair->next;
        if (!is_kept(hash, entry->pair_bound))
            continue;
        TRY(array_reserve(&hashes, &capacity, count + 1, sizeof *hashes, err));
        hashes[count++] = hash;
    }
    const uint64_t bound = bound_find(hashes, count, most, entry->pair_bound != 0);
    if (bound != 0) {
        entry->pair_bound = bound;
        tally->is_sampled = true;
        tally->needless += count - most;
    }
    entry->pairs = (uint32_t)(bound != 0 ? most : count);
done:
    free(hashes);
    return status;
}

/* ---- unwatched clients, all together ---- */

static enum status unwatched_names_limit(struct tally *tally, size_t most, struct error *err)
{
    uint64_t *hashes = malloc((tally->names.count + 1) * sizeof *hashes);
    size_t count = 0;
    if (!hashes)
        return no_room(tally->names.count, err);
    for (size_t i = 0; i < tally->names.count; i++) {
        const struct name *name = map_at(&tally->names, i);
        if (name->by_unwatched)
            hashes[count++] = name->hash;
    }
    const uint64_t bound = bound_find(hashes, count, most, tally->unwatched_names.bound != 0);
    free(hashes);
    tally->unwatched_names.count = count;
    if (bound == 0)
        return STATUS_OK;
    tally->is_sampled = true;
    tally->unwatched_names.bound = bound;
    tally->unwatched_names.count = most;
    tally->needless += count - most;
    for (size_t i = 0; i < tally->names.count; i++) {
        struct name *name = map_at(&tally->names, i);
        name->by_unwatched = name->by_unwatched && name->hash <= bound;
    }
    return STATUS_OK;
}

enum status unwatched_name(struct tally *tally, struct name *name, size_t most, struct error *err)
{
    if (name->by_unwatched || !is_kept(name->hash, tally->unwatched_names.bound))
        return STATUS_OK;
    name->by_unwatched = 1;
    return ++tally->unwatched_names.count > 2 * most ? unwatched_names_limit(tally, most, err) : STATUS_OK;
}

static enum status unwatched_domains_limit(struct tally *tally, size_t most, struct error *err)
{
    uint64_t *hashes = malloc((tally->domains.count + 1) * sizeof *hashes);
    size_t count = 0;
    if (!hashes)
        return no_room(tally->domains.count, err);
    for (size_t i = 0; i < tally->domains.count; i++) {
        const struct domain *domain = map_at(&tally->domains, i);
        if (domain->by_unwatched)
            hashes[count++] = domain->hash;
    }
    const uint64_t bound = bound_find(hashes, count, most, tally->unwatched_domains.bound != 0);
    free(hashes);
    tally->unwatched_domains.count = count;
    if (bound == 0)
        return STATUS_OK;
    tally->is_sampled = true;
    tally->unwatched_domains.bound = bound;
    tally->unwatched_domains.count = most;
    tally->needless += count - most;
    for (size_t i = 0; i < tally->domains.count; i++) {
        struct domain *domain = map_at(&tally->domains, i);
        if (!domain->by_unwatched || domain->hash <= bound)
            continue;
        tally->list_bytes -= domain->clients.capacity * sizeof *domain->clients.items;
        free(domain->clients.items);
        domain->clients = (struct list64){0};
        domain->by_unwatched = 0;
        domain->queries = 0;
        domain->first_ms = INT64_MAX;
    }
    return STATUS_OK;
}

enum status unwatched_domain(struct tally *tally, struct domain *domain, size_t most, struct error *err)
{
    if (domain->by_unwatched || !is_kept(domain->hash, tally->unwatched_domains.bound))
        return STATUS_OK;
    domain->by_unwatched = 1;
    return ++tally->unwatched_domains.count > 2 * most ? unwatched_domains_limit(tally, most, err)
                                                       : STATUS_OK;
}

/* ---- the whole day ---- */

/* Whether a client has more names in the day than are kept; then the bound of those that are. */
static enum status day_bound_find(const struct tally *tally, uint32_t client, size_t most, uint64_t *bound,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t *hashes = NULL;
    size_t count = 0, capacity = 0, distinct = 0;
    *bound = 0;
    for (size_t slot = 0; slot < tally->slot_count; slot++)
        TRY(names_collect(tally, &tally->slots[slot], client, &hashes, &count, &capacity, err));
    if (count > 0)
        qsort(hashes, count, sizeof *hashes, compare_u64);
    for (size_t i = 0; i < count; i++)
        if (distinct == 0 || hashes[distinct - 1] != hashes[i])
            hashes[distinct++] = hashes[i];
    if (distinct > most)
        *bound = hashes[most - 1];
done:
    free(hashes);
    return status;
}

static enum status days_names_limit(struct tally *tally, const struct tally_plan *plan, uint32_t client,
                                    struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t bound = 0;
    size_t names = 0;
    for (size_t slot = 0; slot < tally->slot_count; slot++)
        if (client < tally->slots[slot].client_capacity)
            names += tally->slots[slot].clients[client].count;
    if (names <= (size_t)plan->ip_names_most)
        return STATUS_OK;
    TRY(day_bound_find(tally, client, (size_t)plan->ip_names_most, &bound, err));
    for (size_t slot = 0; slot < tally->slot_count && bound != 0; slot++)
        if (asked_first(&tally->slots[slot], client))
            TRY(crowd_make(tally, &tally->slots[slot], client, bound, (size_t)plan->names_most, err));
done:
    return status;
}

/* The domains of a crowd as they are in the end. */
static enum status crowd_end(struct crowd *crowd, size_t most, struct error *err)
{
    const size_t count = crowd->domains.count;
    uint64_t *hashes = malloc((count + 1) * sizeof *hashes);
    if (!hashes)
        return no_room(count, err);
    for (size_t i = 0; i < count; i++)
        hashes[i] = ((struct crowd_domain *)map_at(&crowd->domains, i))->hash;
    // Those above the bound stay in the table: whoever reads it looks at the bound.
    const uint64_t bound = bound_find(hashes, count, most, crowd->domain_bound != 0);
    free(hashes);
    if (bound != 0)
        crowd->domain_bound = bound;
    return STATUS_OK;
}

enum status tallies_limit(struct tallies *tallies, size_t at, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = tallies->shards[at];
    const struct tally_plan *plan = tallies->plan;
    const size_t names = (size_t)plan->names_most, pairs = (size_t)plan->pairs_most;
    TRY(notes_reduce(tallies, tally, err));
    for (size_t s = 0; s < tally->slot_count; s++) {
        struct slot *slot = &tally->slots[s];
        for (uint32_t client = 0; client < slot->client_capacity; client++)
            if (slot->clients[client].count > names || crowd_of(slot, client))
                TRY(names_limit(tally, slot, client, names, err));
    }
    for (uint32_t client = 0; client < tally->clients.count; client++) {
        const struct client *entry = map_at(&tally->clients, client);
        if (entry->pairs > pairs || entry->pair_bound != 0)
            TRY(pairs_limit(tally, client, pairs, err));
        TRY(days_names_limit(tally, plan, client, err));
    }
    for (size_t s = 0; s < tally->slot_count; s++)
        for (size_t i = 0; i < tally->slots[s].crowds.count; i++)
            TRY(crowd_end(map_at(&tally->slots[s].crowds, i), names, err));
    if (tally->unwatched_names.count > (size_t)plan->ip_names_most || tally->unwatched_names.bound != 0)
        TRY(unwatched_names_limit(tally, (size_t)plan->ip_names_most, err));
    if (tally->unwatched_domains.count > (size_t)plan->ip_names_most || tally->unwatched_domains.bound != 0)
        TRY(unwatched_domains_limit(tally, (size_t)plan->ip_names_most, err));
done:
    return status;
}

/* ---- what is needed ---- */

enum status needed_find(const struct tally *tally, struct needed *needed, struct error *err)
{
    *needed = (struct needed){0};
    if (!tally->is_sampled)
        return STATUS_OK;
    needed->names = calloc(tally->names.count + 1, 1);
    needed->domains = calloc(tally->domains.count + 1, 1);
    if (!needed->names || !needed->domains) {
        needed_clear(needed);
        return no_room(tally->names.count, err);
    }
    for (size_t s = 0; s < tally->slot_count; s++) {
        const struct slot *slot = &tally->slots[s];
        for (size_t i = 0; i < slot->asked.count; i++) {
            const struct asked *asked = map_at(&slot->asked, i);
            const struct name *name = map_at(&tally->names, asked->key.name);
            if (asked_is_kept(tally, slot, asked) && pair_is_kept(tally, asked->key.client, name->domain))
                needed->names[asked->key.name] = 1;
        }
    }
    for (size_t s = 0; s < tally->reduced.slot_count; s++)
        for (size_t i = 0; i < tally->reduced.slots[s].count; i++)
            needed->names[tally->reduced.slots[s].items[i].name] = 1;
    for (size_t i = 0; i < tally->names.count; i++) {
        const struct name *name = map_at(&tally->names, i);
        // Their domain is kept for their sake, or it has gone, and they with it.
        if (name->by_unwatched &&
            ((const struct domain *)map_at(&tally->domains, name->domain))->by_unwatched)
            needed->names[i] = 1;
        if (needed->names[i])
            needed->domains[name->domain] = 1;
    }
    for (size_t i = 0; i < tally->pairs.count; i++) {
        const struct pair *pair = map_at(&tally->pairs, i);
        if (pair_is_kept(tally, pair->key.client, pair->key.domain))
            needed->domains[pair->key.domain] = 1;
    }
    for (size_t i = 0; i < tally->domains.count; i++)
        if (((const struct domain *)map_at(&tally->domains, i))->by_unwatched)
            needed->domains[i] = 1;
    return STATUS_OK;
}

void needed_clear(struct needed *needed)
{
    free(needed->names);
    free(needed->domains);
    *needed = (struct needed){0};
}
