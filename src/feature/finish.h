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

struct finish {
    const struct tallies *tallies;
    struct tally *tally;
    struct day_table *table;
    struct order clients, domains, names;
    struct order rows;  // by window and client
    struct order pairs;  // by client and domain
    struct ranked *ranked, *spare;  // room to sort the largest table
    uint32_t *asked_client;  // [asked] place, in the order of asked_*
    size_t *slot_end;  // [slots] in asked_*
    char (*ip_text)[IP_COLUMN_BYTES];  // [clients] by place
};

/** Sorts by key, which must differ. `spare` is room for as many. Local. */
void ranked_sort(struct ranked *items, struct ranked *spare, size_t count);

/** Makes all orders of the shard, and room to sort its largest table. Local. */
MUST_CHECK enum status orders_make(struct finish *finish, struct error *err);

/** Frees the lists of an order. Local. */
void order_free(struct order *order);

/** Fills asked_* and what is needed to go over it again. Local. */
MUST_CHECK enum status asked_fill(struct finish *finish, struct error *err);

/** Fills what a row counts over the distinct names and domains of its window, once asked_* is there. Local.
 */
MUST_CHECK enum status row_sets_fill(struct finish *finish, struct error *err);

/** Returns whether a client's counts over sets must be scaled, in a row's slots [from, to). Local. */
bool client_is_sampled(const struct tally *tally, uint32_t client, size_t from, size_t to);

/** Fills what row `at` counts over sets when its client is sampled; its slots are [from, to). Local. */
MUST_CHECK enum status sampled_row_fill(struct finish *finish, size_t at, size_t from, size_t to,
                                        struct error *err);

/** Returns the least bound of a client's names over the whole day; 0: all are kept. Local. */
uint64_t client_day_bound(const struct tally *tally, uint32_t client);

/** Returns whether an entry of a slot stands in asked_*. Local. */
static inline bool asked_is_stored(const struct finish *finish, const struct slot *slot,
                                   const struct asked *asked)
{
    const struct tally *tally = finish->tally;
    if (!tally->is_sampled)
        return true;
    const struct name *name = map_at(&tally->names, asked->key.name);
    return asked_is_kept(tally, slot, asked) && pair_is_kept(tally, asked->key.client, name->domain);
}

/** Counts the names of pairs, once asked_* is there. Local. */
MUST_CHECK enum status pair_names_fill(struct finish *finish, struct error *err);

/** Adds to the domains what their pairs tell of them. Local. */
MUST_CHECK enum status domains_add_pairs(struct finish *finish, struct error *err);

#endif
