/* What the files that finish a shard share. Places are positions in an order by content; entries are
 * positions in the tally's tables. */
#ifndef FEATURE_FINISH_H
#define FEATURE_FINISH_H

#include "crowd.h"

/** How many entries ahead memory is asked for, where they come in the order by content. */
#define FINISH_AHEAD 12

/** A key to sort by, and what it stands for. */
struct ranked {
    uint64_t key;
    uint32_t at;
};

struct order {
    uint32_t *entry;  // [count] at a place
    uint32_t *place;  // of an entry; NOT_KEPT for one that is left out
    size_t count;
};

/** What is not 0 of an entry of asked names, of the few that have anything. */
struct extra_at {
    uint32_t at;  // in the order of asked_*
    struct asked_extra extra;
};

/** A shard that is being finished. Columns of asked_*, pair_*, second_* and type_* are made when they are
 * asked for, one at a time: they are most of a day. The table has the others. */
struct finishing {
    const struct tallies *tallies;
    struct tally *tally;
    struct day_table table;  // without arrays of the columns that are made one at a time
    struct order clients, domains, names;
    struct order rows;  // by window and client
    struct order pairs;  // by client and domain
    struct ranked *ranked, *spare;  // room to sort the largest table
    uint32_t *asked_entry, *asked_client, *asked_name;  // [asked] entry of its slot; places
    uint32_t *asked_queries;  // [asked]
    struct extra_at *extras;  // [extra_count], ascending
    size_t extra_count, extra_capacity;
    size_t *slot_end;  // [slots] in asked_*
    int64_t *pair_names;  // [pairs]
    char (*ip_text)[IP_COLUMN_BYTES];  // [clients] by place
    void *column;  // the one that was last asked for
    size_t column_capacity;
};

/** A pair, of the tally's tables or made of notes. */
struct pair_view {
    uint32_t client, domain;
    int64_t queries;
    uint32_t first_ms, last_ms;  // of the day
    const uint32_t *types, *seconds;  // borrowed
    uint32_t type_count, second_count;
    bool in_units;
};

/** Returns how many pairs there are. Local. */
static inline size_t pair_count(const struct tally *tally)
{
    return tally->pairs.count + tally->reduced.pair_count;
}

/** Returns pair `at`: those of the tables come first. Local. */
static inline struct pair_view pair_view(const struct tally *tally, size_t at)
{
    if (at < tally->pairs.count) {
        struct pair *pair = map_at(&tally->pairs, at);
        return (struct pair_view){.client = pair->key.client,
                                  .domain = pair->key.domain,
                                  .queries = pair->queries,
                                  .first_ms = pair->first_ms,
                                  .last_ms = pair->last_ms,
                                  .types = pair->types,
                                  .seconds = pair_seconds(pair),
                                  .type_count = pair->type_count,
                                  .second_count = pair->second_count,
                                  .in_units = pair->in_units != 0};
    }
    const struct reduced *reduced = &tally->reduced;
    const struct reduced_pair *pair = &reduced->pairs[at - tally->pairs.count];
    return (struct pair_view){.client = pair->client,
                              .domain = pair->domain,
                              .queries = pair->queries,
                              .first_ms = pair->first_ms,
                              .last_ms = pair->last_ms,
                              .types = reduced->types + pair->types_at,
                              .seconds = reduced->seconds + pair->seconds_at,
                              .type_count = pair->type_count,
                              .second_count = pair->second_count,
                              .in_units = pair->in_units};
}

/** Returns the client and domain of a pair. Local. */
static inline struct pair_key pair_key(const struct tally *tally, size_t at)
{
    if (at < tally->pairs.count)
        return *(const struct pair_key *)map_at(&tally->pairs, at);
    const struct reduced_pair *pair = &tally->reduced.pairs[at - tally->pairs.count];
    return (struct pair_key){pair->client, pair->domain};
}

/** Asks the processor for a pair. Local. */
static inline void pair_prefetch(const struct tally *tally, size_t at)
{
    if (at < tally->pairs.count)
        __builtin_prefetch(map_at(&tally->pairs, at));
    else
        __builtin_prefetch(&tally->reduced.pairs[at - tally->pairs.count]);
}

/** Returns how many slots of the day may have entries. Local. */
static inline size_t slots_used(const struct tally *tally)
{
    return tally->slot_count > tally->reduced.slot_count ? tally->slot_count : tally->reduced.slot_count;
}

/** Returns how many entries of the tables a slot has; those made of notes come behind them. Local. */
static inline size_t slot_tabled(const struct tally *tally, size_t slot)
{
    return slot < tally->slot_count ? tally->slots[slot].asked.count : 0;
}

/** Returns how many entries a slot has in all. Local. */
static inline size_t slot_asked(const struct tally *tally, size_t slot)
{
    return slot_tabled(tally, slot) +
           (slot < tally->reduced.slot_count ? tally->reduced.slots[slot].count : 0);
}

/** Sorts by key, which must differ. `spare` is room for as many. Local. */
void ranked_sort(struct ranked *items, struct ranked *spare, size_t count);

/** Makes all orders of the shard, and room to sort its largest table. Local. */
MUST_CHECK enum status orders_make(struct finishing *finish, struct error *err);

/** Frees the lists of an order. Local. */
void order_free(struct order *order);

/** Finds the order of asked_*, and what of it is needed to go over it again. Local. */
MUST_CHECK enum status asked_order(struct finishing *finish, struct error *err);

/** Returns whether a column is made when it is asked for. Local. */
bool column_is_made(enum day_column column);

/** Makes such a column. Local. */
void column_make(const struct finishing *finish, enum day_column column, void *values);

/** Fills what a row counts over the distinct names and domains of its window, once asked_* is there. Local.
 */
MUST_CHECK enum status row_sets_fill(struct finishing *finish, struct error *err);

/** Returns whether a client's counts over sets must be scaled, in a row's slots [from, to). Local. */
bool client_is_sampled(const struct tally *tally, uint32_t client, size_t from, size_t to);

/** Fills what row `at` counts over sets when its client is sampled; its slots are [from, to). Local. */
MUST_CHECK enum status sampled_row_fill(struct finishing *finish, size_t at, size_t from, size_t to,
                                        struct error *err);

/** Returns the least bound of a client's names over the whole day; 0: all are kept. Local. */
uint64_t client_day_bound(const struct tally *tally, uint32_t client);

/** Returns whether an entry of a slot stands in asked_*. Local. */
static inline bool asked_is_stored(const struct finishing *finish, const struct slot *slot,
                                   const struct asked *asked)
{
    const struct tally *tally = finish->tally;
    if (!tally->is_sampled)
        return true;
    const struct name *name = map_at(&tally->names, asked->key.name);
    return asked_is_kept(tally, slot, asked) && pair_is_kept(tally, asked->key.client, name->domain);
}

/** Counts the names of pairs, once asked_* is in order. Local. */
MUST_CHECK enum status pair_names_fill(struct finishing *finish, struct error *err);

/** Adds to the domains what their pairs tell of them. Local. */
MUST_CHECK enum status domains_add_pairs(struct finishing *finish, struct error *err);

#endif
