/* M1 and M2: information in names that were never asked before. An attacker who sends data in names must use
 * new ones (Paxson et al. 2013, "Practical comprehensive bounds on surreptitious communication over DNS");
 * bounds are absolute, since slow exfiltration is its own past. */
#include "internal.h"

#include <stdlib.h>

/* M2: whoever brought less than this part of a host's mean share is no part of a campaign. */
#define PART_OF_SHARE 4

/* What all hosts of a campaign did since they were first seen is inventory, as devices of one maker have it,
 * and weighs two doublings less. */
#define INVENTORY_BITS 2

/* The first query for names of one shape: of a pair for M1, of any host of the domain for M2. */
struct first_asked {
    uint64_t domain;
    int64_t day;
    uint64_t shape, name;
    int64_t bytes;
    struct ip ip;
    int64_t is_news;  // the pair began later than its host
};

static int compare_shape_then_day(const void *a, const void *b)
{
    const struct first_asked *x = a, *y = b;
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    if (x->shape != y->shape)
        return x->shape < y->shape ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    return ip_compare(&x->ip, &y->ip);
}

static int compare_day(const void *a, const void *b)
{
    const struct first_asked *x = a, *y = b;
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->name > y->name) - (x->name < y->name);
}

/* Keeps the first query of each shape, sorted by day. Returns how many. */
static size_t firsts_keep(struct first_asked *asked, size_t count)
{
    size_t kept = 0;
    if (count == 0)
        return 0;
    qsort(asked, count, sizeof *asked, compare_shape_then_day);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || asked[kept - 1].shape != asked[i].shape || asked[kept - 1].domain != asked[i].domain)
            asked[kept++] = asked[i];
    qsort(asked, kept, sizeof *asked, compare_day);
    return kept;
}

/* The names of a pair that carry information, each with the day it was asked first. */
static size_t pair_firsts(const struct host_view *host, const struct pair_view *pair,
                          struct first_asked *firsts)
{
    const bool is_news = pair->days[0].day > host->days[0].day;
    size_t count = 0;
    for (size_t i = 0; i < pair->name_count; i++) {
        const struct pair_name *name = &pair->names[i];
        if (name->bytes > 0 && !(name->traits & TRAIT_LOOKUP))
            firsts[count++] = (struct first_asked){.domain = name->domain,
                                                   .day = name->day,
                                                   .shape = name->shape,
                                                   .name = name->name,
                                                   .bytes = name->bytes,
                                                   .ip = name->ip,
                                                   .is_news = is_news};
    }
    return firsts_keep(firsts, count);
}

/* The first of firsts[count], sorted by day, that lies in the 30 days to `day`. */
static size_t window_begin(const struct first_asked *firsts, size_t count, int64_t day)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (firsts[middle].day <= day - PAST_DAYS)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Names and bytes of the firsts over the windows that end on a day, and the names that show it. */
static void windows_of(const struct first_asked *firsts, size_t count, int64_t day, int64_t names[WINDOWS],
                       int64_t bytes[WINDOWS], struct evidence *about)
{
    for (size_t i = window_begin(firsts, count, day); i < count && firsts[i].day <= day; i++) {
        windows_add(names, 1, firsts[i].day, day);
        windows_add(bytes, firsts[i].bytes, firsts[i].day, day);
        evidence_add_name(about, firsts[i].name);
    }
}

static enum status pair_judge(struct search *search, const struct host_view *host,
                              const struct pair_view *pair, struct first_asked *firsts, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t count = pair_firsts(host, pair, firsts);
    for (size_t d = 0; d < pair->day_count; d++) {
        int64_t names[WINDOWS] = {0}, bytes[WINDOWS] = {0};
        struct evidence about = {.ip = pair->days[d].ip, .domain = pair->domain, .day = pair->days[d].day};
        windows_of(firsts, count, about.day, names, bytes, &about);
        TRY(evidence_add(search, &about, MECHANISM_NEW_NAMES, names, err));
        TRY(evidence_add(search, &about, MECHANISM_NEW_BYTES, bytes, err));
        if (pair_polls(pair, d))
            TRY(evidence_add(search, &about, MECHANISM_POLLS, (int64_t[WINDOWS]){names[0], 0, 0}, err));
    }
done:
    return status;
}

/* Whether all names together reach a threshold at all; that of polls is the least. */
static bool may_matter(const struct pair_view *pair)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < pair->name_count; i++)
        bytes += pair->names[i].bytes;
    return (int64_t)pair->name_count >= mechanism_info(MECHANISM_POLLS)->thresholds[0] ||
           bytes >= mechanism_info(MECHANISM_NEW_BYTES)->thresholds[0];
}

enum status new_names_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    struct first_asked *firsts = NULL;
    size_t capacity = 0;
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        if (!may_matter(pair))
            continue;
        TRY(array_reserve(&firsts, &capacity, pair->name_count + 1, sizeof *firsts, err));
        TRY(pair_judge(search, host, pair, firsts, err));
    }
done:
    free(firsts);
    return status;
}

/* ---- M2: the names of all hosts of a domain together ---- */

static int first_owner(const void *item, int ranks, const void *context)
{
    (void)context;
    return (int)(((const struct first_asked *)item)->domain % (uint64_t)ranks);
}

static enum status all_firsts(const struct search *search, struct first_asked **firsts, size_t *count,
                              struct error *err)
{
    *firsts = malloc((search->pair_name_count + 1) * sizeof **firsts);
    *count = 0;
    if (!*firsts)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for names");
    for (size_t h = 0; h < search->host_count; h++)
        for (size_t p = 0; p < search->hosts[h].pair_count; p++)
            *count += pair_firsts(&search->hosts[h], &search->hosts[h].pairs[p], *firsts + *count);
    return STATUS_OK;
}

/* Who brought a name. */
struct bringer {
    struct ip ip;
    int64_t is_news;
};

static int compare_bringers(const void *a, const void *b)
{
    return ip_compare(&((const struct bringer *)a)->ip, &((const struct bringer *)b)->ip);
}

/* The hosts that take part in the 30 days to `day`, each once: those that brought a quarter of what a host
 * brought on average, or more. Who asked one name of the many under an attacker's domain is a bystander.
 * Returns how many. */
static size_t hosts_of(const struct first_asked *firsts, size_t count, int64_t day, struct bringer *room)
{
    size_t all = 0, hosts = 0, kept = 0;
    for (size_t i = 0; i < count; i++)
        if (firsts[i].day <= day && firsts[i].day > day - PAST_DAYS)
            room[all++] = (struct bringer){firsts[i].ip, firsts[i].is_news};
    if (all > 0)
        qsort(room, all, sizeof *room, compare_bringers);
    for (size_t i = 0; i < all; i++)
        hosts += i == 0 || compare_bringers(&room[i - 1], &room[i]) != 0;
    for (size_t from = 0, to = 0; from < all; from = to) {
        while (to < all && compare_bringers(&room[to], &room[from]) == 0)
            to++;
        if (PART_OF_SHARE * (to - from) * hosts >= all)
            room[kept++] = room[from];
    }
    return kept;
}

/* Judges one domain: firsts[count] by name and day of the union, all[all_count] of every host. */
static enum status domain_judge(struct search *search, const struct first_asked *firsts, size_t count,
                                const struct first_asked *all, size_t all_count, struct bringer *room,
                                struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        int64_t names[WINDOWS] = {0}, bytes[WINDOWS] = {0};
        struct evidence about = {.domain = firsts[i].domain, .day = firsts[i].day};
        if (i + 1 < count && firsts[i + 1].day == about.day)
            continue;
        windows_of(firsts, count, about.day, names, bytes, &about);
        if (names[WINDOWS - 1] < mechanism_info(MECHANISM_CAMPAIGN_NAMES)->thresholds[0] &&
            bytes[WINDOWS - 1] < mechanism_info(MECHANISM_CAMPAIGN_BYTES)->thresholds[0])
            continue;
        const size_t hosts = hosts_of(all, all_count, about.day, room);
        bool is_news = about.day == search->days[0].day;  // what began before is not known then
        for (size_t h = 0; h < hosts; h++)
            is_news = is_news || room[h].is_news;
        about.bits = is_news ? 0 : -INVENTORY_BITS;
        for (size_t h = 0; h < hosts && hosts >= 2; h++) {
            about.ip = room[h].ip;
            TRY(evidence_add(search, &about, MECHANISM_CAMPAIGN_NAMES, names, err));
            TRY(evidence_add(search, &about, MECHANISM_CAMPAIGN_BYTES, bytes, err));
        }
    }
done:
    return status;
}

static enum status domains_judge(struct search *search, struct first_asked *all, size_t count,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    struct first_asked *firsts = malloc((count + 1) * sizeof *firsts);
    struct bringer *room = malloc((count + 1) * sizeof *room);
    if (!firsts || !room) {
        status = error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for names");
        goto done;
    }
    if (count > 0)
        qsort(all, count, sizeof *all, compare_shape_then_day);
    for (size_t from = 0, to = 0; from < count; from = to) {
        while (to < count && all[to].domain == all[from].domain) {
            firsts[to - from] = all[to];
            to++;
        }
        const size_t kept = firsts_keep(firsts, to - from);
        TRY(domain_judge(search, firsts, kept, all + from, to - from, room, err));
    }
done:
    free(firsts);
    free(room);
    return status;
}

enum status campaign_find(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    struct first_asked *mine = NULL;
    void *all = NULL;
    size_t mine_count = 0, count = 0;
    TRY(team_agree(search->team, all_firsts(search, &mine, &mine_count, err), err));
    TRY(team_deal(search->team, mine, mine_count, sizeof *mine, first_owner, NULL, &all, &count, err));
    TRY(team_agree(search->team, domains_judge(search, all, count, err), err));
done:
    free(mine);
    free(all);
    return status;
}
