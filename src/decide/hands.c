/* Days on which an address seems to have become another machine's: none of the domains that were its own on
 * the days before is asked for any more. */
#include "decide/decide.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/* The least hashes of a day's domains stand for all of them (Broder 1997: their overlap estimates that of the
 * sets). */
#define SKETCH 16

/* So many domains of its own an address must have on each day that is compared. */
#define OWN_LEAST 6

/* Days before that are compared, how far back they may lie, and how alike they must be among themselves: 4
 * of 16. */
#define BEFORE 3
#define BACK_DAYS 14
#define ALIKE_LEAST 4

/* A domain that more than a tenth of the day's clients ask under, and more than three, is nobody's own. */
#define OWN_PART 10
#define OWN_CLIENTS 3

/* An address on a day. */
struct hand {
    struct ip ip;
    int64_t day;
    int64_t own;  // domains of its own
    uint64_t least[SKETCH];  // ascending
};

static int hand_owner(const void *item, int ranks, const void *context)
{
    (void)context;
    return ip_owner(&((const struct hand *)item)->ip, ranks);
}

static void domain_add(struct hand *hand, uint64_t hash)
{
    size_t at = hand->own < SKETCH ? (size_t)hand->own : SKETCH;
    hand->own++;
    if (at == SKETCH && hand->least[SKETCH - 1] <= hash)
        return;
    at -= at == SKETCH;
    for (; at > 0 && hand->least[at - 1] > hash; at--)
        hand->least[at] = hand->least[at - 1];
    hand->least[at] = hash;
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Clients that asked under the domain: exact below the 64 that the store keeps, where it matters. */
static int64_t clients_of(const struct day_table *table, size_t domain)
{
    return table->domain_client_end[domain] - (domain ? table->domain_client_end[domain - 1] : 0);
}

static enum status day_add(const struct day_table *table, struct hand **hands, size_t *count,
                           size_t *capacity, struct error *err)
{
    enum status status = STATUS_OK;
    struct map ips;
    map_init(&ips, sizeof(struct hand), sizeof(struct ip));
    for (size_t i = 0; i < table->size[DAY_pair]; i++) {
        void *found = NULL;
        TRY(map_put(&ips, &table->pair_ip[16 * i], &found, NULL, err));
    }
    const int64_t common =
        (int64_t)ips.count / OWN_PART > OWN_CLIENTS ? (int64_t)ips.count / OWN_PART : OWN_CLIENTS;
    for (size_t i = 0; i < table->size[DAY_pair]; i++) {
        const uint32_t domain = table->pair_domain[i];
        struct hand *hand = map_get(&ips, &table->pair_ip[16 * i]);
        if (clients_of(table, domain) <= common)
            domain_add(hand, table->domain_hash[domain]);
    }
    TRY(array_reserve(hands, capacity, *count + ips.count, sizeof **hands, err));
    for (size_t i = 0; i < ips.count; i++) {
        struct hand *hand = &(*hands)[*count];
        *hand = *(const struct hand *)map_at(&ips, i);
        hand->day = table->day;
        *count += hand->own >= OWN_LEAST;
    }
done:
    map_clear(&ips);
    return status;
}

/* This rank's part of the days from BACK_DAYS before the first judged one on. */
static enum status hands_read(const struct team *team, const struct hands_plan *plan,
                              const struct store_day *stored, size_t stored_count, struct hand **hands,
                              size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    size_t capacity = 0, first = 0, end = stored_count;
    const struct machine_plan machines = {plan->leases, plan->zone, plan->window_s};
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    while (first < end && stored[first].day < plan->first_day - BACK_DAYS)
        first++;
    while (end > first && stored[end - 1].day > plan->last_day)
        end--;
    const size_t from = first + (end - first) * rank / ranks, to = first + (end - first) * (rank + 1) / ranks;
    for (size_t i = from; i < to; i++) {
        TRY(day_read_machines(plan->dir, &stored[i],
                              DAY_DOMAINS | UINT32_C(1) << DAY_pair | UINT32_C(1) << DAY_type |
                                  UINT32_C(1) << DAY_second,
                              &machines, &table, err));
        TRY(day_add(&table, hands, count, &capacity, err));
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    return status;
}

static int compare_hands(const void *a, const void *b)
{
    const struct hand *x = a, *y = b;
    const int order = ip_compare(&x->ip, &y->ip);
    return order ? order : (x->day > y->day) - (x->day < y->day);
}

/* How many of the 16 least domains of both days together both have. */
static int alike(const struct hand *x, const struct hand *y)
{
    uint64_t all[2 * SKETCH];
    size_t count = 0;
    int both = 0, seen = 0;
    for (int i = 0; i < SKETCH; i++) {
        if (i < x->own)
            all[count++] = x->least[i];
        if (i < y->own)
            all[count++] = y->least[i];
    }
    qsort(all, count, sizeof *all, compare_u64);
    for (size_t i = 0; i < count && seen < SKETCH; seen++) {
        const bool is_pair = i + 1 < count && all[i + 1] == all[i];
        both += is_pair;
        i += is_pair ? 2 : 1;
    }
    // Fewer than 16 together: as a part of 16, rounded down.
    return seen > 0 ? both * SKETCH / seen : 0;
}

/* Whether hands[at] shares nothing with the days of its kind before it, which are alike. hands[from] is the
 * IP's first day. */
static bool has_changed(const struct hands_plan *plan, const struct hand *hands, size_t from, size_t at)
{
    const struct hand *before[BEFORE];
    size_t count = 0;
    const enum day_kind kind = calendar_kind(plan->calendar, hands[at].day);
    for (size_t i = at; i > from && count < BEFORE && hands[i - 1].day >= hands[at].day - BACK_DAYS; i--)
        if (calendar_kind(plan->calendar, hands[i - 1].day) == kind)
            before[count++] = &hands[i - 1];
    if (count < BEFORE)
        return false;
    for (size_t i = 0; i < BEFORE; i++)
        if (alike(&hands[at], before[i]) > 0 || (i > 0 && alike(before[i - 1], before[i]) < ALIKE_LEAST))
            return false;
    return true;
}

static enum status changes_find(const struct hands_plan *plan, const struct hand *hands, size_t count,
                                struct hand_change **changes, size_t *change_count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0;
    for (size_t from = 0, to = 0; from < count; from = to)
        for (; to < count && ip_compare(&hands[to].ip, &hands[from].ip) == 0; to++) {
            const bool is_machine = plan->leases && leases_machine(plan->leases, &hands[to].ip);
            if (is_machine || hands[to].day < plan->first_day || !has_changed(plan, hands, from, to))
                continue;
            TRY(array_reserve(changes, &capacity, *change_count + 1, sizeof **changes, err));
            (*changes)[(*change_count)++] = (struct hand_change){hands[to].ip, hands[to].day};
        }
done:
    return status;
}

static int compare_changes(const void *a, const void *b)
{
    const struct hand_change *x = a, *y = b;
    const int order = ip_compare(&x->ip, &y->ip);
    return order ? order : (x->day > y->day) - (x->day < y->day);
}

static void days_mark(struct day_list *days, const struct hand_change *changes, size_t count)
{
    for (size_t i = 0; i < days->count && count > 0; i++) {
        const struct hand_change key = {days->items[i].ip, days->items[i].day};
        days->items[i].changed_hands = bsearch(&key, changes, count, sizeof key, compare_changes) != NULL;
    }
}

enum status hands_find(const struct team *team, const struct hands_plan *plan, struct day_list *days,
                       struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *stored = NULL;
    struct hand *mine = NULL;
    struct hand_change *found = NULL;
    void *hands = NULL, *changes = NULL;
    size_t stored_count = 0, count = 0, hand_count = 0, found_count = 0, bytes = 0;
    TRY(store_days_shared(team, plan->dir, &stored, &stored_count, err));
    TRY(team_agree(team, hands_read(team, plan, stored, stored_count, &mine, &count, err), err));
    TRY(team_deal(team, mine, count, sizeof *mine, hand_owner, NULL, &hands, &hand_count, err));
    if (hand_count > 0)
        qsort(hands, hand_count, sizeof(struct hand), compare_hands);
    TRY(team_agree(team, changes_find(plan, hands, hand_count, &found, &found_count, err), err));
    TRY(team_gather(team, found, found_count * sizeof *found, &changes, &bytes, err));
    if (bytes > 0)
        qsort(changes, bytes / sizeof *found, sizeof *found, compare_changes);
    days_mark(days, changes, bytes / sizeof *found);
done:
    free(stored);
    free(mine);
    free(hands);
    free(found);
    free(changes);
    return status;
}
