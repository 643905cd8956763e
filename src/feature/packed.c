/* What packing and merging share. */
#include "packed.h"
#include "crowd.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* ---- entries by slice: two passes over a table as it lies in memory, so that for each slice there are only
 * its own to be met. Chains of a client's entries would wait for memory at each. ---- */

int tally_slice(const struct ip *ip, int slices)
{
    // The low bits tell the part of a shard.
    return (int)((content_hash(ip, sizeof *ip) >> 32) % (uint64_t)slices);
}

/* Both tables' keys begin with the client. */
static uint32_t client_of_entry(const struct map *map, size_t at)
{
    uint32_t client;
    memcpy(&client, map_at(map, at), sizeof client);
    return client;
}

static bool entry_is_kept(const struct tally *tally, const struct slot *slot, size_t at)
{
    if (!tally->is_sampled)
        return true;
    if (slot)
        return asked_is_kept(tally, slot, map_at(&slot->asked, at));
    const struct pair_key *key = map_at(&tally->pairs, at);
    return pair_is_kept(tally, key->client, key->domain);
}

enum status sliced_make(const struct tally *tally, const struct slot *slot, const uint8_t *slice_of,
                        struct sliced *sliced, struct error *err)
{
    const struct map *map = slot ? &slot->asked : &tally->pairs;
    size_t next[TALLY_SLICES] = {0}, end = 0;
    sliced->entries = large_alloc((map->count + 1) * sizeof *sliced->entries, false);
    if (!sliced->entries)
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "use more ranks",
                         "no room to pack %zu entries of a day", map->count);
    for (size_t i = 0; i < map->count; i++)
        next[slice_of[client_of_entry(map, i)]] += entry_is_kept(tally, slot, i);
    for (size_t slice = 0; slice < TALLY_SLICES; slice++) {
        const size_t here = next[slice];
        next[slice] = end;
        end = sliced->ends[slice] = end + here;
    }
    for (size_t i = 0; i < map->count; i++)
        if (entry_is_kept(tally, slot, i))
            sliced->entries[next[slice_of[client_of_entry(map, i)]]++] = (uint32_t)i;
    return STATUS_OK;
}

/* ---- unpacking ---- */

static enum status ends_early(struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "exchange between ranks", "", "a packed tally ends early");
}

enum status unpack_take(struct unpacker *unpacker, size_t item_bytes, struct packed *packed,
                        struct error *err)
{
    uint64_t count = 0;
    size_t rest = (size_t)(unpacker->end - unpacker->at);
    if (rest < sizeof count)
        return ends_early(err);
    memcpy(&count, unpacker->at, sizeof count);
    unpacker->at += sizeof count;
    if (item_bytes > 0 && count > (rest - sizeof count) / item_bytes)
        return ends_early(err);
    *packed = (struct packed){unpacker->at, (size_t)count};
    unpacker->at += count * item_bytes;
    return STATUS_OK;
}

enum status unpack_counted(struct unpacker *unpacker, size_t count, struct packed *packed, struct error *err)
{
    if (count > (size_t)(unpacker->end - unpacker->at) / sizeof(uint32_t))
        return ends_early(err);
    *packed = (struct packed){unpacker->at, count};
    unpacker->at += count * sizeof(uint32_t);
    return STATUS_OK;
}
