/* Partial tallies as bytes, on their way to the shard's owner or to be put aside: what some of the clients
 * did, with the names and domains that they asked for and no others. Numbers in the bytes are their own. */
#include "crowd.h"
#include "packed.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct packer {
    const struct tallies *tallies;
    const struct tally *tally;
    unsigned char *bytes;
    size_t count, capacity;
    struct error *err;
    int slice;
    bool first;  // what belongs to no client is in the first slice
    uint8_t *slice_of;  // [clients]
    uint32_t *client_number, *name_number, *domain_number;  // in the bytes; NOT_KEPT: not there
    uint32_t *clients, *names, *domains;  // those that are there, by their numbers in the bytes
    size_t client_count, name_count, domain_count;
    struct sliced pairs, *asked;  // [slots]
    size_t note_ends[TALLY_SLICES];  // the tally's, sorted by slice
    struct heap heap;
};

static inline enum status put(struct packer *packer, const void *from, size_t count)
{
    enum status status = STATUS_OK;
    if (packer->count + count > packer->capacity)
        status = array_reserve(&packer->bytes, &packer->capacity, packer->count + count, 1, packer->err);
    if (status == STATUS_OK && count > 0) {
        memcpy(packer->bytes + packer->count, from, count);
        packer->count += count;
    }
    return status;
}

static enum status put_number(struct packer *packer, uint64_t number)
{
    return put(packer, &number, sizeof number);
}

/* A count and that many items. */
static enum status put_items(struct packer *packer, const void *items, size_t count, size_t item_bytes)
{
    enum status status = STATUS_OK;
    TRY(put_number(packer, count));
    TRY(put(packer, items, count * item_bytes));
done:
    return status;
}

/* An item that begins with a key, which is another one in the bytes. */
static enum status put_keyed(struct packer *packer, const void *item, size_t item_bytes, const void *key,
                             size_t key_bytes)
{
    enum status status = STATUS_OK;
    TRY(put(packer, item, item_bytes));
    memcpy(packer->bytes + packer->count - item_bytes, key, key_bytes);
done:
    return status;
}

/* ---- what is there ---- */

static enum status packer_new(struct packer *packer, int slices, struct error *err)
{
    const struct tally *tally = packer->tally;
    const size_t clients = tally->clients.count, names = tally->names.count, domains = tally->domains.count;
    packer->err = err;
    packer->slice_of = calloc(clients + 1, 1);
    packer->client_number = malloc((clients + 1) * sizeof *packer->client_number);
    packer->clients = malloc((clients + 1) * sizeof *packer->clients);
    packer->name_number = malloc((names + 1) * sizeof *packer->name_number);
    packer->names = malloc((names + 1) * sizeof *packer->names);
    packer->domain_number = malloc((domains + 1) * sizeof *packer->domain_number);
    packer->domains = malloc((domains + 1) * sizeof *packer->domains);
    if (!packer->slice_of || !packer->client_number || !packer->clients || !packer->name_number ||
        !packer->names || !packer->domain_number || !packer->domains)
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "use more ranks",
                         "no room to pack %zu names of a day", names);
    memset(packer->name_number, 0xff, (names + 1) * sizeof *packer->name_number);
    memset(packer->domain_number, 0xff, (domains + 1) * sizeof *packer->domain_number);
    for (size_t i = 0; i < clients; i++)
        packer->slice_of[i] =
            (uint8_t)tally_slice(&((const struct client *)map_at(&tally->clients, i))->ip, slices);
    return STATUS_OK;
}

static void packer_clear(struct packer *packer)
{
    free(packer->slice_of);
    free(packer->client_number);
    free(packer->clients);
    free(packer->name_number);
    free(packer->names);
    free(packer->domain_number);
    free(packer->domains);
    free(packer->pairs.entries);
    for (size_t slot = 0; slot < packer->tally->slot_count && packer->asked; slot++)
        free(packer->asked[slot].entries);
    free(packer->asked);
    free(packer->heap.bytes);
}

static enum status all_slice(struct packer *packer, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = packer->tally;
    packer->asked = calloc(tally->slot_count + 1, sizeof *packer->asked);
    if (!packer->asked)
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "", "no room for slots");
    for (size_t slot = 0; slot < tally->slot_count; slot++)
        TRY(sliced_make(tally, &tally->slots[slot], packer->slice_of, &packer->asked[slot], err));
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): packer_clear frees them
    TRY(sliced_make(tally, NULL, packer->slice_of, &packer->pairs, err));
done:
    return status;
}

/* Brings the notes of each slice together, where they are. */
static enum status notes_slice(struct packer *packer, struct notes *notes, int slices, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t clients = packer->tally->clients.count;
    uint32_t *group = malloc((clients + 1) * sizeof *group);
    assert(!packer->tally->is_reduced);  // only what stays is
    if (!group)
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "", "no room for clients");
    for (size_t i = 0; i < clients; i++)
        group[i] = packer->slice_of[i];
    TRY(notes_sort(notes, group, (size_t)slices, packer->note_ends, err));
done:
    free(group);
    return status;
}

/* The notes of the slice. */
static const struct note *slice_notes(const struct packer *packer, size_t *count)
{
    const size_t from = packer->slice > 0 ? packer->note_ends[packer->slice - 1] : 0;
    *count = packer->note_ends[packer->slice] - from;
    return packer->tally->notes.items + from;
}

static const uint32_t *slice_entries(const struct packer *packer, const struct sliced *sliced, size_t *count)
{
    return sliced_entries(sliced, packer->slice, count);
}

static void domain_need(struct packer *packer, uint32_t domain)
{
    if (packer->domain_number[domain] != NOT_KEPT)
        return;
    packer->domain_number[domain] = (uint32_t)packer->domain_count;
    packer->domains[packer->domain_count++] = domain;
}

static void name_need(struct packer *packer, uint32_t name)
{
    if (packer->name_number[name] != NOT_KEPT)
        return;
    packer->name_number[name] = (uint32_t)packer->name_count;
    packer->names[packer->name_count++] = name;
    domain_need(packer, ((const struct name *)map_at(&packer->tally->names, name))->domain);
}

/* Names and domains that stand for unwatched clients. */
static void unwatched_need(struct packer *packer)
{
    const struct tally *tally = packer->tally;
    for (size_t i = 0; i < tally->names.count; i++) {
        const struct name *name = map_at(&tally->names, i);
        // Their domain is kept for their sake, or it has gone, and they with it.
        if (name->by_unwatched &&
            ((const struct domain *)map_at(&tally->domains, name->domain))->by_unwatched)
            name_need(packer, (uint32_t)i);
    }
    for (size_t i = 0; i < tally->domains.count; i++)
        if (((const struct domain *)map_at(&tally->domains, i))->by_unwatched)
            domain_need(packer, (uint32_t)i);
}

static void slice_find(struct packer *packer)
{
    const struct tally *tally = packer->tally;
    packer->client_count = 0;
    for (size_t i = 0; i < tally->clients.count; i++) {
        packer->client_number[i] = NOT_KEPT;
        if (packer->slice_of[i] != packer->slice)
            continue;
        packer->client_number[i] = (uint32_t)packer->client_count;
        packer->clients[packer->client_count++] = (uint32_t)i;
    }
    for (size_t slot = 0; slot < tally->slot_count; slot++) {
        const struct map *map = &tally->slots[slot].asked;
        size_t count = 0;
        const uint32_t *entries = slice_entries(packer, &packer->asked[slot], &count);
        for (size_t i = 0; i < count; i++)
            name_need(packer, ((const struct asked *)sliced_at(map, entries, i, count))->key.name);
    }
    size_t count = 0;
    const uint32_t *entries = slice_entries(packer, &packer->pairs, &count);
    for (size_t i = 0; i < count; i++)
        domain_need(packer, ((const struct pair *)sliced_at(&tally->pairs, entries, i, count))->key.domain);
    const struct note *notes = slice_notes(packer, &count);
    for (size_t i = 0; i < count; i++)
        if (!(notes[i].bits & NOTE_SPELLING))
            name_need(packer, notes[i].name);
    if (packer->first)
        unwatched_need(packer);
}

/* Forgets what was there. */
static void slice_end(struct packer *packer)
{
    for (size_t i = 0; i < packer->name_count; i++)
        packer->name_number[packer->names[i]] = NOT_KEPT;
    for (size_t i = 0; i < packer->domain_count; i++)
        packer->domain_number[packer->domains[i]] = NOT_KEPT;
    packer->name_count = packer->domain_count = 0;
    packer->count = packer->heap.count = 0;
}

/* ---- entries ---- */

/* Takes bytes of the tally's heap along. */
static enum status heap_take(struct packer *packer, uint64_t *at, size_t count)
{
    return heap_add(&packer->heap, packer->tally->heap.bytes + *at, count, at, packer->err);
}

static enum status clients_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    TRY(put_number(packer, packer->client_count));
    for (size_t i = 0; i < packer->client_count; i++)
        TRY(put(packer, map_at(&packer->tally->clients, packer->clients[i]), sizeof(struct client)));
done:
    return status;
}

static enum status domains_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    TRY(put_number(packer, packer->domain_count));
    for (size_t i = 0; i < packer->domain_count; i++) {
        struct domain domain = *(const struct domain *)map_at(&packer->tally->domains, packer->domains[i]);
        domain.by_unwatched = domain.by_unwatched && packer->first;
        domain.queries = domain.by_unwatched ? domain.queries : 0;
        domain.first_ms = domain.by_unwatched ? domain.first_ms : INT64_MAX;
        TRY(heap_take(packer, &domain.wire_at, domain.wire_bytes));
        TRY(put(packer, &domain, sizeof domain));
    }
done:
    return status;
}

static enum status names_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    TRY(put_number(packer, packer->name_count));
    for (size_t i = 0; i < packer->name_count; i++) {
        struct name name = *(const struct name *)map_at(&packer->tally->names, packer->names[i]);
        name.by_unwatched = name.by_unwatched && packer->first;
        name.domain = packer->domain_number[name.domain];
        TRY(heap_take(packer, &name.wire_at, name.wire_bytes));
        TRY(put(packer, &name, sizeof name));
    }
done:
    return status;
}

static bool row_is_there(const struct packer *packer, const struct row *row)
{
    return packer->client_number[row->key.client] != NOT_KEPT;
}

static enum status rows_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    const struct map *rows = &packer->tally->rows;
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += row_is_there(packer, map_at(rows, i));
    TRY(put_number(packer, count));
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = map_at(rows, i);
        const struct row_key key = {row->key.window, packer->client_number[row->key.client]};
        if (row_is_there(packer, row))
            TRY(put_keyed(packer, row, rows->entry_bytes, &key, sizeof key));
    }
done:
    return status;
}

static enum status pairs_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    const struct map *pairs = &packer->tally->pairs;
    size_t count = 0;
    const uint32_t *entries = slice_entries(packer, &packer->pairs, &count);
    TRY(put_number(packer, count));
    for (size_t i = 0; i < count; i++) {
        const struct pair *pair = sliced_at(pairs, entries, i, count);
        const struct packed_pair packed = {
            .key = {packer->client_number[pair->key.client], packer->domain_number[pair->key.domain]},
            .queries = pair->queries,
            .first_ms = pair->first_ms,
            .last_ms = pair->last_ms,
            .type_count = pair->type_count,
            .second_count = pair->second_count,
            .in_units = pair->in_units};
        TRY(put(packer, &packed, sizeof packed));
    }
done:
    return status;
}

static enum status sources_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    const struct map *sources = &packer->tally->sources;
    const size_t count = packer->first ? sources->count : 0;
    TRY(put_number(packer, count));
    for (size_t i = 0; i < count; i++) {
        struct source source = *(const struct source *)map_at(sources, i);
        TRY(heap_take(packer, &source.text_at, source.text_bytes));
        TRY(put(packer, &source, sizeof source));
    }
done:
    return status;
}

static enum status records_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    const size_t count = packer->first ? packer->tally->record_count : 0;
    TRY(put_number(packer, count));
    for (size_t i = 0; i < count; i++) {
        struct record record = packer->tally->records[i];
        const size_t minute_bytes = record.line.minute_count * sizeof *record.line.minutes;
        TRY(heap_take(packer, &record.path_at, record.path_bytes));
        TRY(heap_take(packer, &record.minutes_at, minute_bytes));
        TRY(heap_take(packer, &record.offsets_at, minute_bytes));
        TRY(heap_take(packer, &record.rejects_at, record.line.reject_count * sizeof *record.line.rejects));
        TRY(put(packer, &record, sizeof record));
    }
done:
    return status;
}

static enum status notes_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    const struct note *notes = slice_notes(packer, &count);
    TRY(put_number(packer, packer->tallies->resolvers.count));
    for (size_t i = 0; i < packer->tallies->resolvers.count; i++)
        TRY(put_number(packer, ((const struct resolver *)map_at(&packer->tallies->resolvers, i))->hash));
    TRY(put_number(packer, count));
    TRY(array_reserve(&packer->bytes, &packer->capacity, packer->count + count * sizeof *notes, 1,
                      packer->err));
    for (size_t i = 0; i < count; i++) {
        struct note note = notes[i];
        note.client = packer->client_number[note.client];
        if (!(note.bits & NOTE_SPELLING))
            note.name = packer->name_number[note.name];
        TRY(put(packer, &note, sizeof note));
    }
done:
    return status;
}

/* ---- lists ---- */

static enum status crowds_pack(struct packer *packer, const struct slot *slot)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    for (size_t i = 0; i < slot->crowds.count; i++)
        count += packer->client_number[((const struct crowd *)map_at(&slot->crowds, i))->client] != NOT_KEPT;
    TRY(put_number(packer, count));
    for (size_t i = 0; i < slot->crowds.count; i++) {
        const struct crowd *crowd = map_at(&slot->crowds, i);
        const uint64_t client = packer->client_number[crowd->client];
        if (client != NOT_KEPT)
            TRY(put_keyed(packer, crowd, sizeof *crowd, &client, sizeof client));
    }
    for (size_t i = 0; i < slot->crowds.count; i++) {
        const struct crowd *crowd = map_at(&slot->crowds, i);
        if (packer->client_number[crowd->client] != NOT_KEPT)
            TRY(put_items(packer, crowd->domains.entries, crowd->domains.count, crowd->domains.entry_bytes));
    }
done:
    return status;
}

/* Whether nothing of it is lost in a packed_asked. */
static bool is_plain(const struct asked *asked)
{
    return asked->txt == 0 && asked->odd == 0 && asked->mixed == 0 && asked->spelling == 0 &&
           asked->case_changes == 0 && asked->respelled == 0;
}

/* The crowds of a slot, each with its domains, and what is kept of its entries: the plain ones first. */
static enum status slot_pack(struct packer *packer, const struct slot *slot, const struct sliced *sliced)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    uint64_t kinds[2] = {0};
    const uint32_t *entries = slice_entries(packer, sliced, &count);
    TRY(crowds_pack(packer, slot));
    for (int kind = 0; kind < 2; kind++) {
        const size_t count_at = packer->count;
        TRY(put_number(packer, 0));
        for (size_t i = 0; i < count; i++) {
            const struct asked *asked = sliced_at(&slot->asked, entries, i, count);
            if (is_plain(asked) != (kind == 0))
                continue;
            const struct asked_key key = {packer->client_number[asked->key.client],
                                          packer->name_number[asked->key.name]};
            const struct packed_asked plain = {key, asked->types, asked->queries, asked->encodings};
            TRY(kind == 0 ? put(packer, &plain, sizeof plain)
                          : put_keyed(packer, asked, sizeof *asked, &key, sizeof key));
            kinds[kind]++;
        }
        memcpy(packer->bytes + count_at, &kinds[kind], sizeof kinds[kind]);
    }
done:
    return status;
}

/* The lists of the pairs, whose lengths stand in the pairs. */
static enum status pair_lists_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    const struct map *pairs = &packer->tally->pairs;
    const uint32_t *entries = slice_entries(packer, &packer->pairs, &count);
    for (size_t i = 0; i < count; i++) {
        // They lie in memory apart from it, or in it: none is changed.
        struct pair pair = *(const struct pair *)sliced_at(pairs, entries, i, count);
        TRY(put(packer, pair.types, 2 * (size_t)pair.type_count * sizeof *pair.types));
        TRY(put(packer, pair_seconds(&pair), pair.second_count * sizeof(uint32_t)));
    }
done:
    return status;
}

/* The lists that hang on entries follow them: their pointers mean nothing at the other end. */
static enum status lists_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    const struct tally *tally = packer->tally;
    for (size_t i = 0; i < packer->domain_count; i++) {
        const struct domain *domain = map_at(&tally->domains, packer->domains[i]);
        const size_t count = packer->first && domain->by_unwatched ? domain->clients.count : 0;
        TRY(put_items(packer, domain->clients.items, count, sizeof *domain->clients.items));
    }
    for (size_t i = 0; i < tally->rows.count; i++) {
        const struct row *row = map_at(&tally->rows, i);
        if (row_is_there(packer, row))
            TRY(put_items(packer, row->resolvers.items, row->resolvers.count, sizeof *row->resolvers.items));
    }
    for (size_t i = 0; i < tally->slot_count; i++)
        TRY(slot_pack(packer, &tally->slots[i], &packer->asked[i]));
    TRY(pair_lists_pack(packer));
    for (size_t i = 0; i < tally->sources.count && packer->first; i++) {
        const struct source *source = map_at(&tally->sources, i);
        TRY(put_items(packer, source->unit_seen, packer->tallies->unit_count, 1));
    }
done:
    return status;
}

/* ---- a slice ---- */

static enum status slice_pack(struct packer *packer)
{
    enum status status = STATUS_OK;
    const struct tally *tally = packer->tally;
    TRY(put_number(packer, (uint64_t)tally->day));
    TRY(put_number(packer, (uint64_t)tally->part));
    TRY(put_number(packer, packer->first ? tally->unwatched_names.bound : 0));
    TRY(put_number(packer, packer->first ? tally->unwatched_domains.bound : 0));
    TRY(clients_pack(packer));
    TRY(domains_pack(packer));
    TRY(names_pack(packer));
    TRY(rows_pack(packer));
    TRY(pairs_pack(packer));
    TRY(sources_pack(packer));
    TRY(put_number(packer, tally->slot_count));
    TRY(records_pack(packer));
    TRY(put_items(packer, packer->heap.bytes, packer->heap.count, 1));
    TRY(notes_pack(packer));
    TRY(lists_pack(packer));
done:
    return status;
}

enum status tallies_pack_slices(struct tallies *tallies, size_t at, int slices, tallies_packed *packed,
                                void *context, struct error *err)
{
    enum status status = STATUS_OK;
    struct packer packer = {.tallies = tallies, .tally = tallies->shards[at]};
    assert(slices >= 1 && slices <= TALLY_SLICES);
    TRY(packer_new(&packer, slices, err));
    TRY(all_slice(&packer, err));
    TRY(notes_slice(&packer, &tallies->shards[at]->notes, slices, err));
    for (packer.slice = 0; packer.slice < slices; packer.slice++) {
        packer.first = packer.slice == 0;
        slice_find(&packer);
        if (packer.client_count > 0 || packer.first) {
            TRY(slice_pack(&packer));
            TRY(packed(context, packer.slice, packer.bytes, packer.count, err));
        }
        slice_end(&packer);
    }
done:
    free(packer.bytes);
    packer_clear(&packer);
    return status;
}

struct growing {
    unsigned char **bytes;
    size_t *count, *capacity;
};

static enum status packed_append(void *context, int64_t slice, const unsigned char *bytes, size_t count,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    const struct growing *into = context;
    (void)slice;
    TRY(array_reserve(into->bytes, into->capacity, *into->count + count, 1, err));
    memcpy(*into->bytes + *into->count, bytes, count);
    *into->count += count;
done:
    return status;
}

// NOLINTBEGIN(readability-non-const-parameter): what grows is reached through `into`
enum status tallies_pack(struct tallies *tallies, size_t at, unsigned char **bytes, size_t *count,
                         size_t *capacity, struct error *err)
{
    // NOLINTEND(readability-non-const-parameter)
    struct growing into = {bytes, count, capacity};
    return tallies_pack_slices(tallies, at, 1, packed_append, &into, err);
}
