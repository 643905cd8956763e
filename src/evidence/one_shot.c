/* M3: domains new to everybody that a host asks for in one short episode and never again, as a program does
 * that makes up domains until one answers (Antonakakis et al. 2012, "From throw-away traffic to bots"). */
#include "internal.h"

#include <string.h>

/* An episode: stub resolvers ask A, AAAA and again within it. */
#define EPISODE_MS INT64_C(600000)

/* So many host names differ from one program's domains: 9 in 10 are bare, or all are asked by the same types,
 * and these are not what the host asks everything by. */
#define BARE_OF_10 9

/* Peers raise the threshold so many times at most: in a small network the attackers are their own peers. */
#define PEERS_MOST 4

/* Whether a pair is one: asked on one day only, in one episode, and nobody had asked before. Names of a cloud
 * are none: each of its customers has a registered domain, and a page that names a new one is not a program.
 */
static bool is_one_shot(const struct pair_view *pair)
{
    const struct pair_day *first = &pair->days[0];
    return pair->day_count == 1 && first->first_day == first->day && !first->is_private &&
           first->last_ms - first->first_ms <= EPISODE_MS;
}

/* Types that the host asks everything by tell nothing: a proxy asks A and AAAA of whatever it is given. Such
 * are those of half or more of the day's other rare domains. */
static void own_types_drop(const struct host_view *host, struct host_record *days)
{
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        for (size_t d = 0; d < pair->day_count && !is_one_shot(pair); d++) {
            struct host_record *day = &days[host_day_index(host, pair->days[d].day)];
            day->other_pairs++;
            day->others_alike += pair->days[d].types == day->one_shot_types;
        }
    }
    for (size_t d = 0; d < host->day_count; d++)
        if (days[d].others_alike > 0 && 2 * days[d].others_alike >= days[d].other_pairs)
            days[d].one_shot_types = 0;
}

void one_shots_count(const struct host_view *host, struct host_record *days)
{
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_day *pair = &host->pairs[p].days[0];
        if (!is_one_shot(&host->pairs[p]))
            continue;
        struct host_record *day = &days[host_day_index(host, pair->day)];
        day->one_shot_types = day->one_shots == 0 || day->one_shot_types == pair->types ? pair->types : 0;
        day->bare_one_shots += pair->bare_names == pair->names;
        day->one_shots++;
    }
    own_types_drop(host, days);
}

/* Whether so many look as if one program had made them. */
static bool is_uniform(int64_t count, int64_t bare, uint64_t types)
{
    return count > 0 && (10 * bare >= BARE_OF_10 * count || types != 0);
}

/* Adds up the days to host->days[d] that look so; a window counts when all of it looks so: two domains of a
 * visitor are alike by chance, those of a month are not. */
static void uniform_sum(const struct host_view *host, size_t d, int64_t values[WINDOWS])
{
    int64_t bare[WINDOWS] = {0};
    uint64_t types[WINDOWS] = {0};
    for (size_t past = d + 1; past-- > 0 && host->days[past].day > host->days[d].day - PAST_DAYS;) {
        const struct host_record *then = &host->days[past];
        if (!is_uniform(then->one_shots, then->bare_one_shots, then->one_shot_types))
            continue;
        for (int w = 0; w < WINDOWS; w++)
            if (then->day > host->days[d].day - WINDOW_DAYS[w]) {
                types[w] = values[w] == 0 || types[w] == then->one_shot_types ? then->one_shot_types : 0;
                values[w] += then->one_shots;
                bare[w] += then->bare_one_shots;
            }
    }
    for (int w = 0; w < WINDOWS; w++)
        if (!is_uniform(values[w], bare[w], types[w]))
            values[w] = 0;
}

/* The names of the day's one-shot domains. */
static void names_add(const struct host_view *host, struct evidence *about)
{
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        if (pair->days[0].day == about->day && is_one_shot(pair))
            for (size_t i = 0; i < pair->name_count; i++)
                evidence_add_name(about, pair->names[i].name);
    }
}

enum status one_shot_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t *table = mechanism_info(MECHANISM_ONE_SHOT)->thresholds;
    for (size_t d = 0; d < host->day_count; d++) {
        const struct host_record *record = &host->days[d];
        int64_t values[WINDOWS] = {0}, thresholds[WINDOWS];
        struct evidence about = {.ip = host->ip, .day = record->day};
        bool reaches = false;
        if (!is_uniform(record->one_shots, record->bare_one_shots, record->one_shot_types))
            continue;
        const int64_t peers = search->one_shot_peers[day_index(search, record->day)][host->role];
        const int64_t bar = 2 * peers < PEERS_MOST * table[0] ? 2 * peers : PEERS_MOST * table[0];
        uniform_sum(host, d, values);
        for (int w = 0; w < WINDOWS; w++) {
            thresholds[w] = bar > table[0] ? table[w] * bar / table[0] : table[w];
            reaches = reaches || values[w] >= thresholds[w];
        }
        if (!reaches)
            continue;
        names_add(host, &about);
        TRY(evidence_add_over(search, &about, MECHANISM_ONE_SHOT, values, thresholds, err));
    }
done:
    return status;
}
