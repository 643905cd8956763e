/* Orders by content: what a shard's tables are sorted by, and the places of their entries. */
#include "finish.h"

#include <stdlib.h>
#include <string.h>

/* Below this many, comparing is faster than counting. */
#define FEW 48

/* Digits of a pass: a table of counts that stays in the nearest cache, and is small beside the items. */
#define MANY 8192
#define DIGIT_BITS_MOST 11

static void insertion_sort(struct ranked *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct ranked one = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1].key > one.key; at--)
            items[at] = items[at - 1];
        items[at] = one;
    }
}

/* One pass by a digit; returns whether anything was moved. */
static bool digit_sort(const struct ranked *from, struct ranked *to, size_t count, int shift, int bits)
{
    size_t ends[(size_t)1 << DIGIT_BITS_MOST] = {0};
    const size_t mask = ((size_t)1 << bits) - 1;
    size_t end = 0;
    for (size_t i = 0; i < count; i++)
        ends[from[i].key >> shift & mask]++;
    if (ends[from[0].key >> shift & mask] == count)
        return false;
    for (size_t digit = 0; digit <= mask; digit++) {
        size_t here = ends[digit];
        ends[digit] = end;
        end += here;
    }
    for (size_t i = 0; i < count; i++)
        to[ends[from[i].key >> shift & mask]++] = from[i];
    return true;
}

void ranked_sort(struct ranked *items, struct ranked *spare, size_t count)
{
    uint64_t all = 0;
    struct ranked *from = items, *to = spare;
    const int bits = count < MANY ? 8 : DIGIT_BITS_MOST;
    if (count <= FEW) {
        insertion_sort(items, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        all |= items[i].key;
    for (int shift = 0; shift < 64 && all >> shift != 0; shift += bits)
        if (digit_sort(from, to, count, shift, bits)) {
            struct ranked *sorted = to;
            to = from;
            from = sorted;
        }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}

static enum status no_room(size_t count, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "finishing a day", "use store.parts or more memory",
                     "no room to sort %zu entries", count);
}

static enum status order_new(size_t count, struct order *order, struct error *err)
{
    order->entry = large_alloc((count + 1) * sizeof *order->entry, false);
    order->place = large_alloc((count + 1) * sizeof *order->place, false);
    order->count = 0;
    return order->entry && order->place ? STATUS_OK : no_room(count, err);
}

void order_free(struct order *order)
{
    free(order->entry);
    free(order->place);
}

static void order_take(struct order *order, const struct ranked *ranked, size_t count)
{
    order->count = count;
    for (size_t i = 0; i < count; i++) {
        order->entry[i] = ranked[i].at;
        order->place[ranked[i].at] = (uint32_t)i;
    }
}

struct placed_ip {
    struct ip ip;
    uint32_t at;
};

static int compare_ips(const void *a, const void *b)
{
    return ip_compare(&((const struct placed_ip *)a)->ip, &((const struct placed_ip *)b)->ip);
}

static enum status clients_order(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct map *clients = &finish->tally->clients;
    struct placed_ip *ips = calloc(clients->count + 1, sizeof *ips);
    if (!ips)
        return no_room(clients->count, err);
    TRY(order_new(clients->count, &finish->clients, err));
    for (size_t i = 0; i < clients->count; i++)
        ips[i] = (struct placed_ip){((const struct client *)map_at(clients, i))->ip, (uint32_t)i};
    qsort(ips, clients->count, sizeof *ips, compare_ips);
    for (size_t i = 0; i < clients->count; i++) {
        finish->clients.entry[i] = ips[i].at;
        finish->clients.place[ips[i].at] = (uint32_t)i;
    }
done:
    free(ips);
    return status;
}

/* Of a table whose entries begin with a 64-bit hash, those that are needed. */
static enum status hashed_order(struct finishing *finish, const struct map *map, const uint8_t *needed,
                                struct order *order, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    TRY(order_new(map->count, order, err));
    for (size_t i = 0; i < map->count; i++) {
        order->place[i] = NOT_KEPT;
        if (needed && !needed[i])
            continue;
        memcpy(&finish->ranked[count].key, map_at(map, i), sizeof finish->ranked[count].key);
        finish->ranked[count++].at = (uint32_t)i;
    }
    ranked_sort(finish->ranked, finish->spare, count);
    order_take(order, finish->ranked, count);
done:
    return status;
}

static enum status rows_order(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct map *rows = &finish->tally->rows;
    TRY(order_new(rows->count, &finish->rows, err));
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_key *key = map_at(rows, i);
        finish->ranked[i] = (struct ranked){(uint64_t)key->window * finish->tally->clients.count +
                                                finish->clients.place[key->client],
                                            (uint32_t)i};
    }
    ranked_sort(finish->ranked, finish->spare, rows->count);
    order_take(&finish->rows, finish->ranked, rows->count);
done:
    return status;
}

static enum status pairs_order(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = finish->tally;
    const size_t pairs = pair_count(tally);
    size_t count = 0;
    TRY(order_new(pairs, &finish->pairs, err));
    for (size_t i = 0; i < pairs; i++) {
        const struct pair_key key = pair_key(tally, i);
        if (tally->is_sampled && !pair_is_kept(tally, key.client, key.domain))
            continue;
        finish->ranked[count++] =
            (struct ranked){(uint64_t)finish->clients.place[key.client] * tally->domains.count +
                                finish->domains.place[key.domain],
                            (uint32_t)i};
    }
    ranked_sort(finish->ranked, finish->spare, count);
    order_take(&finish->pairs, finish->ranked, count);
done:
    return status;
}

enum status orders_make(struct finishing *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = finish->tally;
    struct needed needed = {0};
    size_t most = tally->names.count;
    if (tally->domains.count > most)
        most = tally->domains.count;
    if (tally->rows.count > most)
        most = tally->rows.count;
    if (pair_count(tally) > most)
        most = pair_count(tally);
    for (size_t slot = 0; slot < slots_used(tally); slot++)
        if (slot_asked(tally, slot) > most)
            most = slot_asked(tally, slot);
    finish->ranked = large_alloc((most + 1) * sizeof *finish->ranked, false);
    finish->spare = large_alloc((most + 1) * sizeof *finish->spare, false);
    if (!finish->ranked || !finish->spare)
        return no_room(most, err);
    TRY(needed_find(tally, &needed, err));
    TRY(clients_order(finish, err));
    TRY(hashed_order(finish, &tally->domains, needed.domains, &finish->domains, err));
    TRY(hashed_order(finish, &tally->names, needed.names, &finish->names, err));
    TRY(rows_order(finish, err));
    TRY(pairs_order(finish, err));
done:
    needed_clear(&needed);
    return status;
}
