/* Rows of clients that have more names or domains than are kept: what is counted over sets comes from the
 * tally's entries, not from asked_*, and is scaled up.
 *
 * A row's bound is the least of its slots': names below it are known from every slot. */
#include "finish.h"

#include "base/exact.h"

#include <stdlib.h>
#include <string.h>

/* From so many names of a domain on their sum is told within an eighth. */
#define MANY_NAMES 64

/* A name or a domain, and a number of it. */
struct item {
    uint64_t hash;
    uint64_t domain;  // of a name
    int64_t amount;
};

struct items {
    struct item *items;
    size_t count, capacity;
};

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int compare_domains(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->domain > y->domain) - (x->domain < y->domain);
}

static enum status item_add(struct items *items, const struct item *item, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&items->items, &items->capacity, items->count + 1, sizeof *items->items, err));
    items->items[items->count++] = *item;
done:
    return status;
}

static uint64_t bound_least(uint64_t a, uint64_t b)
{
    return b == 0 || (a != 0 && a < b) ? a : b;
}

bool client_is_sampled(const struct tally *tally, uint32_t client, size_t from, size_t to)
{
    if (!tally->is_sampled)
        return false;
    if (((const struct client *)map_at(&tally->clients, client))->pair_bound != 0)
        return true;
    for (size_t slot = from; slot < to && slot < tally->slot_count; slot++)
        if (crowd_of(&tally->slots[slot], client))
            return true;
    return false;
}

uint64_t client_day_bound(const struct tally *tally, uint32_t client)
{
    uint64_t bound = 0;
    for (size_t slot = 0; slot < tally->slot_count && tally->is_sampled; slot++) {
        const struct crowd *crowd = crowd_of(&tally->slots[slot], client);
        bound = crowd ? bound_least(bound, crowd->bound) : bound;
    }
    return bound;
}

/* ---- what the slots know ---- */

struct gathered {
    const struct tally *tally;
    uint32_t client;
    uint64_t bound, domain_bound;
    struct items names;  // kept in any slot
    struct items domains;  // queries by domain, of any slot
    int64_t exact_queries;  // in slots whose names are all kept
    int64_t repeated;  // in the others, scaled up
};

static enum status slot_gather(struct gathered *gathered, const struct slot *slot, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = gathered->tally;
    const struct crowd *crowd = crowd_of(slot, gathered->client);
    int64_t below = 0;  // queries for names below the bound
    uint32_t at = gathered->client < slot->client_capacity ? slot->clients[gathered->client].last : 0;
    while (at != 0) {
        const struct asked *asked = map_at(&slot->asked, at - 1);
        const struct name *name = map_at(&tally->names, asked->key.name);
        const struct domain *domain = map_at(&tally->domains, name->domain);
        const struct item item = {name->hash, domain->hash, name->traits.sub_bytes};
        at = asked->next;
        below += crowd && name->hash < crowd->bound ? asked->queries : 0;
        gathered->exact_queries += crowd ? 0 : asked->queries;
        if (!crowd || name->hash <= crowd->bound)
            TRY(item_add(&gathered->names, &item, err));
        if (!crowd)
            TRY(item_add(&gathered->domains, &(struct item){.hash = domain->hash, .amount = asked->queries},
                         err));
    }
    if (!crowd)
        return STATUS_OK;
    gathered->repeated += bound_scale(below - crowd->misses, crowd->bound);
    gathered->bound = bound_least(gathered->bound, crowd->bound);
    gathered->domain_bound = bound_least(gathered->domain_bound, crowd->domain_bound);
    for (size_t i = 0; i < crowd->domains.count; i++) {
        const struct crowd_domain *domain = map_at(&crowd->domains, i);
        if (is_kept(domain->hash, crowd->domain_bound))
            TRY(item_add(&gathered->domains, &(struct item){.hash = domain->hash, .amount = domain->queries},
                         err));
    }
done:
    return status;
}

/* ---- estimates ---- */

/* A number that is known to lie between two others. */
static int64_t within(int64_t number, int64_t least, int64_t most)
{
    number = number < least ? least : number;
    return number > most ? most : number;
}

/* After the domains have been brought together. */
static void names_estimate(struct gathered *gathered, int64_t queries, int64_t *names, int64_t *info_bytes)
{
    struct items *items = &gathered->names;
    const struct items *domains = &gathered->domains;
    size_t distinct = 0, below = 0;
    if (items->count > 0)
        qsort(items->items, items->count, sizeof *items->items, compare_items);
    for (size_t i = 0; i < items->count; i++)
        if (distinct == 0 || items->items[distinct - 1].hash != items->items[i].hash)
            items->items[distinct++] = items->items[i];
    while (below < distinct && (gathered->bound == 0 || items->items[below].hash < gathered->bound))
        below++;
    *names = within(bound_scale((int64_t)below, gathered->bound), (int64_t)distinct, queries);
    *info_bytes = 0;
    if (below > 0)
        qsort(items->items, below, sizeof *items->items, compare_domains);
    for (size_t i = 0, to = 0, at = 0; i < below; i = to) {
        int64_t bytes = 0;
        for (; to < below && items->items[to].domain == items->items[i].domain; to++)
            bytes += items->items[to].amount;
        while (at < domains->count && domains->items[at].hash < items->items[i].domain)
            at++;
        const int64_t count = (int64_t)(to - i), mean = bytes / count;
        const bool is_known = at < domains->count && domains->items[at].hash == items->items[i].domain &&
                              is_kept(items->items[i].domain, gathered->domain_bound);
        // The largest of many estimates from few names each would be far too large.
        if (gathered->bound != 0 && !is_known && count < MANY_NAMES)
            continue;
        bytes = bound_scale(bytes, gathered->bound);
        // No domain has more names than queries, and where these are known they are exact.
        if (is_known)
            bytes = within(bytes, 0, domains->items[at].amount * (mean + 1));
        *info_bytes = bytes > *info_bytes ? bytes : *info_bytes;
    }
}

/* The largest sum that a row may have: all queries under one domain. */
static int64_t count_log(int64_t count)
{
    return count * fixed_log2((uint64_t)count);
}

static void domains_estimate(struct gathered *gathered, struct day_table *table, size_t row)
{
    struct items *items = &gathered->domains;
    const uint64_t bound = gathered->domain_bound;
    const int64_t queries = table->row_queries[row];
    int64_t below = 0, sum = 0, top = 0;
    size_t kept = 0;
    if (items->count > 0)
        qsort(items->items, items->count, sizeof *items->items, compare_items);
    for (size_t i = 0, to = 0; i < items->count; i = to) {
        int64_t count = 0;
        for (; to < items->count && items->items[to].hash == items->items[i].hash; to++)
            count += items->items[to].amount;
        // Beyond the bound a domain may have more queries than are known; that it is there is known.
        const struct item all = {.hash = items->items[i].hash,
                                 .amount = bound != 0 && items->items[i].hash > bound ? queries : count};
        items->items[kept++] = all;
        if (bound != 0 && all.hash > bound)
            continue;
        top = count > top ? count : top;
        if (bound != 0 && all.hash == bound)
            continue;
        below++;
        sum += count_log(count);
    }
    table->row_domains[row] = within(bound_scale(below, bound), (int64_t)kept, queries);
    table->row_domain_clog[row] = within(bound_scale(sum, bound), 0, count_log(queries));
    table->row_domain_top[row] = top;
    items->count = kept;
}

/* Repeated questions are scaled up, not those that were asked first: in a flood of names hardly one is. */
static void repeated_estimate(const struct gathered *gathered, size_t from, size_t to,
                              struct day_table *table, size_t row)
{
    for (size_t slot = from; slot < to && slot < gathered->tally->slot_count; slot++) {
        const struct crowd *crowd = crowd_of(&gathered->tally->slots[slot], gathered->client);
        if (!crowd)
            continue;
        table->row_repeated_ptr[row] -= bound_scale(crowd->misses_ptr, crowd->bound);
    }
    const int64_t exact_misses = table->row_queries[row] - table->row_repeated[row];
    table->row_repeated[row] =
        within(gathered->exact_queries - exact_misses + gathered->repeated, 0, table->row_queries[row]);
    table->row_repeated_ptr[row] = within(table->row_repeated_ptr[row], 0, table->row_type_ptr[row]);
}

enum status sampled_row_fill(struct finishing *finish, size_t at, size_t from, size_t to, struct error *err)
{
    enum status status = STATUS_OK;
    const struct row_key *key = map_at(&finish->tally->rows, finish->rows.entry[at]);
    struct day_table *table = &finish->table;
    struct gathered gathered = {.tally = finish->tally, .client = key->client};
    for (size_t slot = from; slot < to && slot < finish->tally->slot_count; slot++)
        TRY(slot_gather(&gathered, &finish->tally->slots[slot], err));
    domains_estimate(&gathered, table, at);
    names_estimate(&gathered, table->row_queries[at], &table->row_names[at], &table->row_info_bytes[at]);
    repeated_estimate(&gathered, from, to, table, at);
    table->row_sampled[at] = 1;
done:
    free(gathered.names.items);
    free(gathered.domains.items);
    return status;
}
