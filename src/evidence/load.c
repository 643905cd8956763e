/* From the store to the owners of hosts: which days there are, who reads them, and the records of each host
 * together on one rank. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* A domain is rare when so few clients ask under it, or 1 % of them. */
#define RARE_LEAST 5
#define RARE_PART 100

/* ---- days ---- */

static size_t run_begin(size_t count, int ranks, int rank)
{
    return count * (size_t)rank / (size_t)ranks;
}

enum status search_day_read(const struct search *search, size_t at, uint32_t wanted, struct day_table *table,
                            struct error *err)
{
    const struct machine_plan machines = {search->plan->leases, search->plan->zone, search->plan->window_s};
    return day_read_machines(search->plan->dir, &search->stored[at], wanted, &machines, table, err);
}

void search_days_mine(const struct search *search, size_t *from, size_t *to)
{
    const int ranks = team_size(search->team), rank = team_rank(search->team);
    *from = run_begin(search->day_count, ranks, rank);
    *to = run_begin(search->day_count, ranks, rank + 1);
}

size_t day_index(const struct search *search, int64_t day)
{
    size_t low = 0, high = search->day_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (search->stored[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int search_reader(const struct search *search, int64_t day, int ranks)
{
    const size_t at = day_index(search, day);
    int rank = 0;
    while (run_begin(search->day_count, ranks, rank + 1) <= at)
        rank++;
    return rank;
}

/* Keeps the days of the span, and the past of its first one. */
static enum status days_find(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    const struct evidence_plan *plan = search->plan;
    struct store_day *all = NULL;
    size_t count = 0;
    int64_t first_day = INT64_MAX;
    TRY(store_days_shared(search->team, plan->dir, &all, &count, err));
    search->days = calloc(count + 1, sizeof *search->days);
    enum status had = STATUS_OK;
    if (!search->days)
        had = error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for %zu days", count);
    TRY(team_agree(search->team, had, err));
    for (size_t i = 0; i < count; i++) {
        const int64_t start_s = zone_day_start(plan->zone, all[i].day);
        const int64_t end_s = zone_day_start(plan->zone, all[i].day + 1);
        if (start_s >= plan->to_s)
            break;
        const bool is_judged = end_s > plan->from_s;
        const int64_t hours = (end_s - start_s + 3599) / 3600;
        if (is_judged && first_day == INT64_MAX)
            first_day = all[i].day;
        all[search->day_count] = all[i];
        search->days[search->day_count++] =
            (struct known_day){.day = all[i].day,
                               .hours = hours < HOURS ? (int)hours : HOURS,
                               .is_holiday = calendar_kind(plan->calendar, all[i].day) == DAY_HOLIDAY,
                               .is_judged = is_judged};
    }
    size_t old = 0;
    while (old < search->day_count && first_day != INT64_MAX && all[old].day <= first_day - PAST_DAYS)
        old++;
    search->day_count -= old;
    if (old > 0) {
        memmove(all, all + old, search->day_count * sizeof *all);
        memmove(search->days, search->days + old, search->day_count * sizeof *search->days);
    }
    search->stored = all;
    all = NULL;
done:
    free(all);
    return status;
}

/* Watched hosts, and hours with any line, of this rank's days. */
static enum status days_look(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    size_t from, to;
    const uint32_t wanted =
        UINT32_C(1) << DAY_row | UINT32_C(1) << DAY_source | UINT32_C(1) << DAY_source_byte;
    search_days_mine(search, &from, &to);
    for (size_t i = from; i < to; i++) {
        struct known_day *day = &search->days[i];
        const int64_t start_s = zone_day_start(search->plan->zone, day->day);
        struct map ips;
        map_init(&ips, sizeof(struct ip), sizeof(struct ip));
        TRY(search_day_read(search, i, wanted, &table, err));
        for (size_t row = 0; row < table.size[DAY_row] && status == STATUS_OK; row++) {
            void *found = NULL;
            status = map_put(&ips, &table.row_ip[16 * row], &found, NULL, err);
        }
        day->clients = (int64_t)ips.count;
        map_clear(&ips);
        if (status != STATUS_OK)
            goto done;
        for (size_t source = 0; source < table.size[DAY_source]; source++) {
            const int64_t window_s = table.source_window[source] - start_s;
            if (window_s < 0 || table.source_lines[source] <= 0)
                continue;
            // A window of several hours tells of each of them that it may have been seen.
            for (int64_t hour = window_s / 3600;
                 hour < HOURS && hour * 3600 < window_s + search->plan->window_s; hour++)
                day->hours_seen |= UINT32_C(1) << hour;
        }
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    return status;
}

/* Tells all ranks what each found of its days. */
static void days_share(struct search *search)
{
    size_t from, to;
    search_days_mine(search, &from, &to);
    for (size_t i = 0; i < search->day_count; i++) {
        int64_t sums[2] = {0};
        if (i >= from && i < to) {
            sums[0] = search->days[i].clients;
            sums[1] = search->days[i].hours_seen;
        }
        team_sum_i64(search->team, sums, 2);
        search->days[i].clients = sums[0];
        search->days[i].hours_seen = (uint32_t)sums[1];
    }
}

/* ---- records ---- */

/* How many clients a rare domain may have on a day: of the busiest of the 30 days to it. */
static int64_t rare_most(const struct search *search, size_t at)
{
    int64_t clients = 0;
    for (size_t i = at + 1; i-- > 0 && search->days[i].day > search->days[at].day - PAST_DAYS;)
        clients = search->days[i].clients > clients ? search->days[i].clients : clients;
    return clients / RARE_PART > RARE_LEAST ? clients / RARE_PART : RARE_LEAST;
}

static enum status records_read(const struct search *search, const struct domain_fact *facts,
                                size_t fact_count, struct day_records *records, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    size_t from, to, fact = 0;
    search_days_mine(search, &from, &to);
    for (size_t i = from; i < to; i++) {
        TRY(search_day_read(search, i, DAY_PAIRS | UINT32_C(1) << DAY_row, &table, err));
        // The table's domains stand in order of their hash, as the facts do.
        if (table.size[DAY_domain] > fact_count - fact) {
            status = error_set(err, STATUS_FAILED, search->plan->dir, "run it again",
                               "a day was written anew while it was read");
            goto done;
        }
        for (size_t domain = 0; domain < table.size[DAY_domain]; domain++)
            if (facts[fact + domain].domain != table.domain_hash[domain] ||
                facts[fact + domain].day != table.day) {
                status = error_set(err, STATUS_CORRUPT, search->plan->dir, "run extract again",
                                   "a day's domains have no client, or stand out of order");
                goto done;
            }
        TRY(day_records_add(records, &table, facts + fact, search, rare_most(search, i), err));
        TRY(listed_add(records, &table, &search->feeds, err));
        fact += table.size[DAY_domain];
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    return status;
}

/* The IP stands first in every record. */
static int record_owner(const void *item, int ranks, const void *context)
{
    (void)context;
    return ip_owner(item, ranks);
}

static int compare_hosts(const void *a, const void *b)
{
    const struct host_record *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    return order ? order : (x->day > y->day) - (x->day < y->day);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair_day *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    order = order ? order : (x->domain > y->domain) - (x->domain < y->domain);
    return order ? order : (x->day > y->day) - (x->day < y->day);
}

static int compare_names(const void *a, const void *b)
{
    const struct pair_name *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    order = order ? order : (x->domain > y->domain) - (x->domain < y->domain);
    order = order ? order : (x->day > y->day) - (x->day < y->day);
    return order ? order : (x->name > y->name) - (x->name < y->name);
}

static int compare_types(const void *a, const void *b)
{
    const struct type_day *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    order = order ? order : x->type - y->type;
    return order ? order : (x->day > y->day) - (x->day < y->day);
}

static int compare_ratios(const void *a, const void *b)
{
    const struct ratio_day *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    order = order ? order : (x->day > y->day) - (x->day < y->day);
    return order ? order : (x->resolvers > y->resolvers) - (x->resolvers < y->resolvers);
}

/* Of a pair and day the critical lists stand first. */
static int compare_listed(const void *a, const void *b)
{
    const struct listed_name *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    order = order ? order : (x->domain > y->domain) - (x->domain < y->domain);
    order = order ? order : (x->day > y->day) - (x->day < y->day);
    order = order ? order : (int)y->is_critical - (int)x->is_critical;
    order = order ? order : (x->entry > y->entry) - (x->entry < y->entry);
    order = order ? order : (x->feed > y->feed) - (x->feed < y->feed);
    order = order ? order : (x->line > y->line) - (x->line < y->line);
    return order ? order : (x->name > y->name) - (x->name < y->name);
}

static void sort(void *items, size_t count, size_t bytes, int (*compare)(const void *, const void *))
{
    if (count > 0)
        qsort(items, count, bytes, compare);
}

/* ---- views ---- */

static void pair_view_make(const struct search *search, size_t *day, size_t *name, struct pair_view *view)
{
    const struct pair_day *days = search->pair_days;
    const struct pair_name *names = search->pair_names;
    const struct pair_day *first = &days[*day];
    *view = (struct pair_view){.domain = first->domain, .days = first, .names = names + *name};
    while (*day < search->pair_day_count && days[*day].domain == first->domain &&
           ip_compare(&days[*day].ip, &first->ip) == 0)
        (*day)++;
    view->day_count = (size_t)(&days[*day] - first);
    while (*name < search->pair_name_count && names[*name].domain == first->domain &&
           ip_compare(&names[*name].ip, &first->ip) == 0)
        (*name)++;
    view->name_count = (size_t)(names + *name - view->names);
}

static enum status views_make(struct search *search, struct error *err)
{
    const struct host_record *hosts = search->host_days;
    const struct pair_day *pairs = search->pair_days;
    const struct type_day *types = search->type_days;
    const struct ratio_day *ratios = search->ratio_days;
    size_t pair_count = 0, pair_day = 0, name = 0, type = 0, ratio = 0;
    search->hosts = calloc(search->host_day_count + 1, sizeof *search->hosts);
    search->pairs = calloc(search->pair_day_count + 1, sizeof *search->pairs);
    if (!search->hosts || !search->pairs)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for hosts and pairs");
    for (size_t from = 0, to = 0; from < search->host_day_count; from = to) {
        struct host_view *view = &search->hosts[search->host_count++];
        while (to < search->host_day_count && ip_compare(&hosts[to].ip, &hosts[from].ip) == 0)
            to++;
        *view = (struct host_view){
            .ip = hosts[from].ip,
            .role = role_of_ip(search->plan->roles, search->plan->role_count, &hosts[from].ip),
            .days = hosts + from,
            .day_count = to - from,
            .pairs = search->pairs + pair_count,
            .types = types + type,
            .ratios = ratios + ratio};
        // A pair's host has asked something, so it stands among the hosts: both are in order of IPs.
        while (pair_day < search->pair_day_count && ip_compare(&pairs[pair_day].ip, &view->ip) == 0)
            pair_view_make(search, &pair_day, &name, &search->pairs[pair_count++]);
        view->pair_count = (size_t)(search->pairs + pair_count - view->pairs);
        while (type < search->type_day_count && ip_compare(&types[type].ip, &view->ip) == 0)
            type++;
        view->type_count = (size_t)(types + type - view->types);
        while (ratio < search->ratio_day_count && ip_compare(&ratios[ratio].ip, &view->ip) == 0)
            ratio++;
        view->ratio_count = (size_t)(ratios + ratio - view->ratios);
    }
    return STATUS_OK;
}

enum status search_load(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    const struct team *team = search->team;
    struct domain_fact *facts = NULL;
    size_t fact_count = 0;
    struct day_records mine = {0};
    TRY(days_find(search, err));
    TRY(team_agree(team, days_look(search, err), err));
    days_share(search);
    TRY(domain_facts_find(search, &facts, &fact_count, err));
    TRY(team_agree(team, records_read(search, facts, fact_count, &mine, err), err));
    TRY(zones_share(search, &mine, err));
    TRY(team_deal(team, mine.hosts, mine.host_count, sizeof *mine.hosts, record_owner, NULL,
                  &search->host_days, &search->host_day_count, err));
    TRY(team_deal(team, mine.pairs, mine.pair_count, sizeof *mine.pairs, record_owner, NULL,
                  &search->pair_days, &search->pair_day_count, err));
    TRY(team_deal(team, mine.names, mine.name_count, sizeof *mine.names, record_owner, NULL,
                  &search->pair_names, &search->pair_name_count, err));
    TRY(team_deal(team, mine.types, mine.type_count, sizeof *mine.types, record_owner, NULL,
                  &search->type_days, &search->type_day_count, err));
    TRY(team_deal(team, mine.ratios, mine.ratio_count, sizeof *mine.ratios, record_owner, NULL,
                  &search->ratio_days, &search->ratio_day_count, err));
    TRY(team_deal(team, mine.listed, mine.listed_count, sizeof *mine.listed, record_owner, NULL,
                  &search->listed, &search->listed_count, err));
    sort(search->host_days, search->host_day_count, sizeof *mine.hosts, compare_hosts);
    sort(search->pair_days, search->pair_day_count, sizeof *mine.pairs, compare_pairs);
    sort(search->pair_names, search->pair_name_count, sizeof *mine.names, compare_names);
    sort(search->type_days, search->type_day_count, sizeof *mine.types, compare_types);
    sort(search->ratio_days, search->ratio_day_count, sizeof *mine.ratios, compare_ratios);
    sort(search->listed, search->listed_count, sizeof *mine.listed, compare_listed);
    TRY(team_agree(team, views_make(search, err), err));
done:
    free(facts);
    free(mine.hosts);
    free(mine.pairs);
    free(mine.names);
    free(mine.types);
    free(mine.ratios);
    free(mine.listed);
    free(mine.zones);
    free(mine.common_zones);
    return status;
}
