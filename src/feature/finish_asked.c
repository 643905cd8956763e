/* From asked_* to what counts distinct things: a row's names and domains, a pair's names, a domain's clients.
 * Sets are arrays by place with a mark of who was there last, so that nothing is sorted twice. */
#include "finish.h"

#include "base/exact.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Counts whose c·log2(c) is worked out once: nearly all are small. */
#define CLOG_KNOWN 256

static enum status no_room(size_t count, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "finishing a day", "use store.parts or more memory",
                     "no room for %zu entries", count);
}

/* ---- asked_* ---- */

static uint64_t asked_rank(const struct finishing *finish, uint32_t client, uint32_t name)
{
    return (uint64_t)finish->clients.place[client] * finish->tally->names.count + finish->names.place[name];
}

/* Lists the entries of a slot that are stored, with what they are sorted by. */
static size_t slot_rank(struct finishing *finish, size_t slot)
{
    const struct tally *tally = finish->tally;
    const size_t tabled = slot_tabled(tally, slot), all = slot_asked(tally, slot);
    size_t count = 0;
    for (size_t i = 0; i < tabled; i++) {
        const struct asked *asked = map_at(&tally->slots[slot].asked, i);
        if (asked_is_stored(finish, &tally->slots[slot], asked))
            finish->ranked[count++] =
                (struct ranked){asked_rank(finish, asked->key.client, asked->key.name), (uint32_t)i};
    }
    for (size_t i = tabled; i < all; i++) {
        const struct reduced_asked *asked = &tally->reduced.slots[slot].items[i - tabled];
        finish->ranked[count++] =
            (struct ranked){asked_rank(finish, asked->client, asked->name), (uint32_t)i};
    }
    return count;
}

static void slot_prefetch(const struct tally *tally, size_t slot, size_t at)
{
    const size_t tabled = slot_tabled(tally, slot);
    if (at < tabled)
        __builtin_prefetch(map_at(&tally->slots[slot].asked, at));
    else
        __builtin_prefetch(&tally->reduced.slots[slot].items[at - tabled]);
}

static enum status extra_add(struct finishing *finish, size_t at, const struct asked_extra *extra,
                             struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&finish->extras, &finish->extra_capacity, finish->extra_count + 1,
                      sizeof *finish->extras, err));
    finish->extras[finish->extra_count++] = (struct extra_at){(uint32_t)at, *extra};
done:
    return status;
}

/* Takes an entry of the tables to its place. */
static enum status tabled_place(struct finishing *finish, const struct asked *asked, size_t to,
                                struct error *err)
{
    const struct asked_extra extra = {.txt = asked->txt,
                                      .odd = asked->odd,
                                      .mixed = asked->mixed,
                                      .spelling = asked->spelling,
                                      .case_changes = asked->case_changes,
                                      .respelled = asked->respelled};
    finish->asked_client[to] = finish->clients.place[asked->key.client];
    finish->asked_name[to] = finish->names.place[asked->key.name];
    finish->asked_queries[to] = asked->queries;
    return extra.txt || extra.odd || extra.mixed || extra.spelling ? extra_add(finish, to, &extra, err)
                                                                   : STATUS_OK;
}

static enum status slot_order(struct finishing *finish, size_t slot, size_t from, size_t *count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = finish->tally;
    const struct reduced *reduced = &tally->reduced;
    const size_t tabled = slot_tabled(tally, slot);
    *count = slot_rank(finish, slot);
    ranked_sort(finish->ranked, finish->spare, *count);
    for (size_t i = 0; i < *count; i++) {
        const size_t at = finish->ranked[i].at, to = from + i;
        if (i + FINISH_AHEAD < *count)
            slot_prefetch(tally, slot, finish->ranked[i + FINISH_AHEAD].at);
        finish->asked_entry[to] = (uint32_t)at;
        if (at < tabled) {
            TRY(tabled_place(finish, map_at(&tally->slots[slot].asked, at), to, err));
            continue;
        }
        const struct reduced_asked *asked = &reduced->slots[slot].items[at - tabled];
        finish->asked_client[to] = finish->clients.place[asked->client];
        finish->asked_name[to] = finish->names.place[asked->name];
        finish->asked_queries[to] = asked->queries;
        if (asked->extra > 0)
            TRY(extra_add(finish, to, &reduced->extras[asked->extra - 1], err));
    }
done:
    return status;
}

enum status asked_order(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = finish->tally;
    const size_t count = finish->table.size[DAY_asked];
    uint32_t **const arrays[] = {&finish->asked_entry, &finish->asked_client, &finish->asked_name,
                                 &finish->asked_queries};
    size_t end = 0;
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = large_alloc((count + 1) * sizeof **arrays[i], false);
        if (!*arrays[i])
            return no_room(count, err);
    }
    finish->slot_end = calloc(slots_used(tally) + 1, sizeof *finish->slot_end);
    if (!finish->slot_end)
        return no_room(count, err);
    for (size_t slot = 0; slot < slots_used(tally); slot++) {
        size_t here = 0;
        TRY(slot_order(finish, slot, end, &here, err));
        end += here;
        finish->slot_end[slot] = end;
    }
done:
    return status;
}

/* ---- rows ---- */

struct domain_sum {
    uint32_t mark;  // the row, + 1
    uint32_t domain;  // in the list of domains that the row met
    int64_t queries, info_bytes;
};

struct row_sets {
    struct domain_sum *domains;  // [domains]
    uint32_t *met;  // [domains]: those of the row
    uint32_t *names;  // [names]: mark; NULL when a window has one slot, whose names differ
    size_t *next;  // [slots]: the first entry of the next row
    int64_t clog[CLOG_KNOWN];
};

static int64_t clog_of(const struct row_sets *sets, int64_t count)
{
    return count < CLOG_KNOWN ? sets->clog[count] : count * fixed_log2((uint64_t)count);
}

/* Adds one slot's entries of a row; returns how many domains the row has met. */
static size_t row_slot_add(const struct finishing *finish, struct row_sets *sets, size_t row, size_t slot,
                           size_t met)
{
    const struct day_table *table = &finish->table;
    const uint32_t client =
        finish->clients
            .place[((const struct row_key *)map_at(&finish->tally->rows, finish->rows.entry[row]))->client];
    const uint32_t mark = (uint32_t)row + 1;
    size_t at = sets->next[slot];
    for (; at < finish->slot_end[slot] && finish->asked_client[at] == client; at++) {
        const uint32_t name = finish->asked_name[at];
        const uint32_t domain = table->name_domain[name];
        struct domain_sum *sum = &sets->domains[domain];
        if (sum->mark != mark) {
            *sum = (struct domain_sum){.mark = mark};
            sets->met[met++] = domain;
        }
        sum->queries += finish->asked_queries[at];
        if (sets->names && sets->names[name] == mark)
            continue;
        if (sets->names)
            sets->names[name] = mark;
        table->row_names[row]++;
        sum->info_bytes += table->name_sub_bytes[name];
    }
    sets->next[slot] = at;
    return met;
}

static void row_set_finish(struct finishing *finish, const struct row_sets *sets, size_t row, size_t met)
{
    struct day_table *table = &finish->table;
    table->row_domains[row] = (int64_t)met;
    for (size_t i = 0; i < met; i++) {
        const struct domain_sum *sum = &sets->domains[sets->met[i]];
        table->row_domain_clog[row] += clog_of(sets, sum->queries);
        if (sum->queries > table->row_domain_top[row])
            table->row_domain_top[row] = sum->queries;
        if (sum->info_bytes > table->row_info_bytes[row])
            table->row_info_bytes[row] = sum->info_bytes;
    }
}

static enum status row_sets_new(const struct finishing *finish, struct row_sets *sets, struct error *err)
{
    const struct tally *tally = finish->tally;
    const bool many_slots = finish->tallies->plan->window_s > finish->tallies->slot_s;
    *sets = (struct row_sets){0};
    sets->domains = calloc(tally->domains.count + 1, sizeof *sets->domains);
    sets->met = calloc(tally->domains.count + 1, sizeof *sets->met);
    sets->next = calloc(slots_used(tally) + 1, sizeof *sets->next);
    sets->names = many_slots ? calloc(tally->names.count + 1, sizeof *sets->names) : NULL;
    if (!sets->domains || !sets->met || !sets->next || (many_slots && !sets->names))
        return no_room(tally->names.count, err);
    for (size_t slot = 1; slot < slots_used(tally); slot++)
        sets->next[slot] = finish->slot_end[slot - 1];
    for (int64_t count = 1; count < CLOG_KNOWN; count++)
        sets->clog[count] = count * fixed_log2((uint64_t)count);
    return STATUS_OK;
}

enum status row_sets_fill(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    struct row_sets sets;
    const size_t slots = (size_t)(finish->tallies->plan->window_s / finish->tallies->slot_s);  // in a window
    TRY(row_sets_new(finish, &sets, err));
    for (size_t row = 0; row < finish->tally->rows.count; row++) {
        const struct row_key *key = map_at(&finish->tally->rows, finish->rows.entry[row]);
        size_t met = 0;
        if (finish->table.row_queries[row] > ROW_QUERIES_MOST) {
            status = error_set(err, STATUS_LIMIT, "features.window", "choose a shorter window",
                               "one IP sent %" PRId64 " queries in a window, more than 2^26",
                               finish->table.row_queries[row]);
            goto done;
        }
        const size_t first = key->window * slots;
        if (client_is_sampled(finish->tally, key->client, first, first + slots)) {
            for (size_t slot = first; slot < first + slots && slot < slots_used(finish->tally); slot++)
                (void)row_slot_add(finish, &sets, row, slot, 0);
            TRY(sampled_row_fill(finish, row, first, first + slots, err));
            continue;
        }
        for (size_t slot = first; slot < first + slots; slot++)
            if (slot < slots_used(finish->tally))
                met = row_slot_add(finish, &sets, row, slot, met);
        row_set_finish(finish, &sets, row, met);
    }
done:
    free(sets.domains);
    free(sets.met);
    free(sets.next);
    free(sets.names);
    return status;
}

/* ---- pairs and domains ---- */

/* Where each client's entries of asked_* end once they are brought together, and they themselves. */
static enum status asked_by_client(const struct finishing *finish, size_t **ends, uint32_t **names,
                                   struct error *err)
{
    const size_t count = finish->table.size[DAY_asked], clients = finish->tally->clients.count;
    size_t end = 0;
    *ends = calloc(clients + 1, sizeof **ends);
    *names = large_alloc((count + 1) * sizeof **names, false);
    if (!*ends || !*names)
        return no_room(count, err);
    for (size_t i = 0; i < count; i++)
        (*ends)[finish->asked_client[i]]++;
    for (size_t client = 0; client < clients; client++) {
        size_t here = (*ends)[client];
        (*ends)[client] = end;
        end += here;
    }
    for (size_t i = 0; i < count; i++)
        (*names)[(*ends)[finish->asked_client[i]]++] = finish->asked_name[i];
    return STATUS_OK;
}

enum status pair_names_fill(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = finish->tally;
    struct day_table *table = &finish->table;
    size_t *ends = NULL;
    uint32_t *names = NULL;
    uint32_t *marks = calloc(tally->names.count + 1, sizeof *marks);
    int64_t *counts = calloc(tally->domains.count + 1, sizeof *counts);
    size_t at = 0, pair = 0;
    finish->pair_names = large_alloc((finish->pairs.count + 1) * sizeof *finish->pair_names, false);
    if (!marks || !counts || !finish->pair_names) {
        status = no_room(tally->names.count, err);
        goto done;
    }
    TRY(asked_by_client(finish, &ends, &names, err));
    for (size_t client = 0; client < tally->clients.count; client++) {
        const uint64_t bound = client_day_bound(tally, finish->clients.entry[client]);
        for (; at < ends[client]; at++)
            if (marks[names[at]] != client + 1) {
                marks[names[at]] = (uint32_t)client + 1;
                counts[table->name_domain[names[at]]] += bound == 0 || table->name_hash[names[at]] < bound;
            }
        for (; pair < finish->pairs.count; pair++) {
            const size_t number = finish->pairs.entry[pair];
            const struct pair_key key = pair_key(tally, number);
            const uint32_t domain = finish->domains.place[key.domain];
            if (finish->clients.place[key.client] != client)
                break;
            finish->pair_names[pair] = bound_scale(counts[domain], bound);
            // There is one at least, and none without a query.
            const int64_t queries = pair_view(tally, number).queries;
            if (bound != 0 && finish->pair_names[pair] < 1)
                finish->pair_names[pair] = 1;
            if (bound != 0 && finish->pair_names[pair] > queries)
                finish->pair_names[pair] = queries;
            counts[domain] = 0;
        }
    }
done:
    free(ends);
    free(names);
    free(marks);
    free(counts);
    return status;
}

/* Where the pairs of each client end, in their order. */
static void pair_ends_find(const struct finishing *finish, size_t *ends)
{
    for (size_t i = 0; i < finish->pairs.count; i++) {
        const struct pair_key key = pair_key(finish->tally, finish->pairs.entry[i]);
        ends[finish->clients.place[key.client]] = i + 1;
    }
    for (size_t client = 1; client < finish->tally->clients.count; client++)
        if (ends[client] == 0)
            ends[client] = ends[client - 1];
}

enum status domains_add_pairs(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = finish->tally;
    const size_t clients = tally->clients.count;
    struct ranked *ranked = calloc(2 * clients + 1, sizeof *ranked);
    size_t *ends = calloc(clients + 1, sizeof *ends);
    if (!ranked || !ends) {
        status = no_room(clients, err);
        goto done;
    }
    pair_ends_find(finish, ends);
    for (size_t i = 0; i < clients; i++) {
        const struct client *client = map_at(&tally->clients, finish->clients.entry[i]);
        ranked[i] = (struct ranked){content_hash(&client->ip, sizeof client->ip), (uint32_t)i};
    }
    // The least hashes first: a domain's list is then full or grows at its end.
    ranked_sort(ranked, ranked + clients, clients);
    for (size_t i = 0; i < clients; i++) {
        const size_t client = ranked[i].at;
        for (size_t at = client ? ends[client - 1] : 0; at < ends[client]; at++) {
            const struct pair_view pair = pair_view(tally, finish->pairs.entry[at]);
            struct domain *domain = map_at(&tally->domains, pair.domain);
            if (at + FINISH_AHEAD < finish->pairs.count)
                pair_prefetch(tally, finish->pairs.entry[at + FINISH_AHEAD]);
            domain->queries += pair.queries;
            const int64_t first_ms = tally->day_start_s * 1000 + pair.first_ms;
            if (first_ms < domain->first_ms)
                domain->first_ms = first_ms;
            TRY(list64_insert(finish->tally, &domain->clients, ranked[i].key, DOMAIN_CLIENTS_MOST, err));
        }
    }
done:
    free(ranked);
    free(ends);
    return status;
}
