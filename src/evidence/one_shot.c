/* M3: domains new to everybody that a host asks for in one short episode and never again, as a program does
 * that makes up domains until one answers (Antonakakis et al. 2012, "From throw-away traffic to bots"). */
#include "internal.h"

#include <string.h>

/* An episode: stub resolvers ask A, AAAA and again within it. */
#define EPISODE_MS INT64_C(600000)

/* So many host names differ from one program's domains: 9 in 10 are bare, or all are asked by the same types.
 */
#define BARE_OF_10 9

int64_t one_shots_of(const struct host_view *host, int64_t day, struct evidence *about, bool *uniform)
{
    int64_t count = 0, bare = 0;
    uint64_t types = 0;
    bool one_type = true;
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        const struct pair_day *first = &pair->days[0];
        // Asked on one day only, and nobody had asked before.
        if (pair->day_count != 1 || first->day != day || first->first_day != day ||
            first->last_ms - first->first_ms > EPISODE_MS)
            continue;
        one_type = one_type && (count == 0 || first->types == types);
        types = first->types;
        bare += first->bare_names == first->names;
        count++;
        for (size_t i = 0; about && i < pair->name_count; i++)
            evidence_add_name(about, pair->names[i].name);
    }
    *uniform = count > 0 && (10 * bare >= BARE_OF_10 * count || one_type);
    return count;
}

enum status one_shot_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t d = 0; d < host->day_count; d++) {
        const int64_t day = host->days[d].day;
        const int64_t peers = search->one_shot_peers[day_index(search, day)][host->role];
        const int64_t *table = mechanism_info(MECHANISM_ONE_SHOT)->thresholds;
        int64_t values[WINDOWS] = {0}, thresholds[WINDOWS];
        struct evidence about = {.ip = host->ip, .day = day};
        bool uniform = false;
        if (host->days[d].one_shots == 0)
            continue;
        (void)one_shots_of(host, day, &about, &uniform);
        if (!uniform)
            continue;
        for (size_t past = 0; past <= d; past++)
            windows_add(values, host->days[past].one_shots, host->days[past].day, day);
        for (int w = 0; w < WINDOWS; w++)
            thresholds[w] = 2 * peers > table[0] ? table[w] * 2 * peers / table[0] : table[w];
        TRY(evidence_add_over(search, &about, MECHANISM_ONE_SHOT, values, thresholds, err));
    }
done:
    return status;
}
