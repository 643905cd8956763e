/* Clients that ask for more than is kept as entries, and what is kept of them. */
#ifndef FEATURE_CROWD_H
#define FEATURE_CROWD_H

#include "tally.h"

/** Returns a client's crowd in a slot, or NULL when all its names are kept there. Local. */
static inline struct crowd *crowd_of(const struct slot *slot, uint32_t client)
{
    const uint64_t key = client;
    return slot->crowds.count > 0 ? map_get(&slot->crowds, &key) : NULL;
}

/** Returns whether an item of this hash is kept under a bound, 0 being none. Local. */
static inline bool is_kept(uint64_t hash, uint64_t bound)
{
    return bound == 0 || hash <= bound;
}

/** Returns whether an entry of asked names is kept, as far as its tally knows. Local. */
bool asked_is_kept(const struct tally *tally, const struct slot *slot, const struct asked *asked);

/** Returns whether a client's pair with a domain is kept, as far as its tally knows. Local. */
bool pair_is_kept(const struct tally *tally, uint32_t client, uint32_t domain);

/** Lowers the bound of a client that has too many names in a slot. Local. */
MUST_CHECK enum status names_limit(struct tally *tally, struct slot *slot, uint32_t client, size_t most,
                                   struct error *err);

/** Makes a client a crowd in a slot whose names are kept up to a bound, or lowers the bound of one. Of its
 * domains `most` are kept in the end. Local. */
MUST_CHECK enum status crowd_make(struct tally *tally, struct slot *slot, uint32_t client, uint64_t bound,
                                  size_t most, struct error *err);

/** Adds queries under a domain to a crowd. Local. */
MUST_CHECK enum status crowd_count(struct tally *tally, struct crowd *crowd, uint64_t domain, int64_t queries,
                                   size_t most, struct error *err);

/** Lowers the bound of a client that has too many pairs. Local. */
MUST_CHECK enum status pairs_limit(struct tally *tally, uint32_t client, size_t most, struct error *err);

/** Counts a name or a domain among those of unwatched clients, and lowers their bound when they are too many.
 * Local. */
MUST_CHECK enum status unwatched_name(struct tally *tally, struct name *name, size_t most, struct error *err);
MUST_CHECK enum status unwatched_domain(struct tally *tally, struct domain *domain, size_t most,
                                        struct error *err);

/** Frees what crowds hold. Local. */
void crowds_clear(struct map *crowds);

/** Returns `sum`, taken over the items with a hash below the bound, scaled to all of them. Local. */
int64_t bound_scale(int64_t sum, uint64_t bound);

/** Which names and domains are needed, [names] and [domains]; NULL: all of them. */
struct needed {
    uint8_t *names, *domains;
};

/** Finds out what a table needs; free it with needed_clear. Local. */
MUST_CHECK enum status needed_find(const struct tally *tally, struct needed *needed, struct error *err);

/** Frees the lists. Local. */
void needed_clear(struct needed *needed);

#endif
