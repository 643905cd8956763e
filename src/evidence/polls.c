/* M1 of an idle tunnel. Who waits for data asks a new name every few seconds, since a name asked before would
 * be answered by the cache: few names an hour compared with a transfer, short ones, of types that anybody
 * asks. What tells them from other new names is that they come one at a time, by the clock, and are made
 * alike. */
#include "internal.h"

/* Seconds between the queries, at the most: iodine waits 4, dnscat2 and dns2tcp 1. */
#define POLL_GAP_MOST 10

/* Of ten queries so many have a name of their own; of four names so many have the length that most have: what
 * people named, as a crawler meets it, is of many lengths, and each name is asked for A and AAAA. */
#define NAMES_OF_TEN 8
#define ALIKE_OF_FOUR 3

bool pair_polls(const struct pair_view *pair, size_t d)
{
    const struct pair_day *day = &pair->days[d];
    uint32_t lengths[256] = {0}, names = 0, most = 0;
    if (day->gap == 0 || day->gap > POLL_GAP_MOST || 10 * (int64_t)day->names < NAMES_OF_TEN * day->queries)
        return false;
    for (size_t i = 0; i < pair->name_count; i++) {
        const struct pair_name *name = &pair->names[i];
        if (name->day != day->day || name->bytes == 0)
            continue;
        names++;
        if (name->traits & (TRAIT_KNOWN | TRAIT_LOOKUP))
            continue;  // an anti-virus program at work
        uint32_t *alike = &lengths[name->bytes < 256 ? name->bytes : 255];
        most = ++*alike > most ? *alike : most;
    }
    return names > 0 && (uint64_t)4 * most >= (uint64_t)ALIKE_OF_FOUR * names;
}
