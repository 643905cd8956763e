/* Roles: what an IP is, by its days in the span. */
#include "rows/rows.h"

#include "base/hash.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/* A role is by the days that trail an IP's last one, and by no fewer than the least. */
#define ROLE_DAYS_MOST 30
#define ROLE_DAYS_LEAST 3
#define MANY_TIMES 8

static const char *const ROLE_NAMES[ROLES] = {"client", "server", "many_hosts"};

const char *role_name(enum role role)
{
    return ROLE_NAMES[role];
}

static int compare_role_ip(const void *ip, const void *role)
{
    return ip_compare(ip, &((const struct ip_role *)role)->ip);
}

enum role role_of_ip(const struct ip_role *roles, size_t count, const struct ip *ip)
{
    const struct ip_role *found = count ? bsearch(ip, roles, count, sizeof *roles, compare_role_ip) : NULL;
    return found ? (enum role)found->role : ROLE_CLIENT;
}

int ip_owner(const struct ip *ip, int ranks)
{
    return (int)(content_hash(ip, sizeof *ip) % (uint64_t)ranks);
}

/* The trailing days of an IP, summed. */
struct host_sum {
    struct ip ip;  // key
    int64_t first_day, last_day;
    int64_t days, mixing_days;
    int64_t hours, day_hours;
    int64_t names, domains;
    int64_t queries[2], kind_days[2];  // working days, holidays
};

/* A day on which any IP was there. */
struct role_day {
    int64_t day, hours, is_holiday;
};

static int compare_hosts(const void *a, const void *b)
{
    return ip_compare(&((const struct host_sum *)a)->ip, &((const struct host_sum *)b)->ip);
}

static int compare_days(const void *a, const void *b)
{
    const struct role_day *x = a, *y = b;
    return (x->day > y->day) - (x->day < y->day);
}

/* All days of all ranks, ascending, each once. */
static enum status role_days_gather(const struct team *team, const struct rows *rows, struct role_day **days,
                                    size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    void *all = NULL;
    size_t mine = 0, bytes = 0, kept = 0;
    struct role_day *some = malloc((rows->host_count + 1) * sizeof *some);
    TRY(team_agree(team, some ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "roles", "", "no room for days"),
                   err));
    for (size_t i = 0; i < rows->host_count; i++) {
        const struct host_day *host = &rows->hosts[i];
        if (mine == 0 || some[mine - 1].day != host->day)
            some[mine++] = (struct role_day){host->day, host->day_hours, host->is_holiday};
    }
    TRY(team_gather(team, some, mine * sizeof *some, &all, &bytes, err));
    struct role_day *listed = all;
    if (bytes > 0)
        qsort(listed, bytes / sizeof *listed, sizeof *listed, compare_days);
    for (size_t i = 0; i < bytes / sizeof *listed; i++)
        if (kept == 0 || listed[kept - 1].day != listed[i].day)
            listed[kept++] = listed[i];
    *days = listed;
    *count = kept;
done:
    free(some);
    return status;
}

/* The days since an IP came, with those on which it was silent: silence is not activity. */
static void days_add(struct host_sum *sum, const struct role_day *days, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (days[i].day < sum->first_day || days[i].day > sum->last_day)
            continue;
        sum->day_hours += days[i].hours;
        sum->kind_days[days[i].is_holiday]++;
    }
}

static enum status hosts_sum(const struct host_day *hosts, size_t host_count, const struct role_day *days,
                             size_t day_count, struct map *sums, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < host_count; i++) {
        void *found = NULL;
        bool fresh = false;
        TRY(map_put(sums, &hosts[i].ip, &found, &fresh, err));
        struct host_sum *sum = found;
        if (fresh || hosts[i].day > sum->last_day)
            sum->last_day = hosts[i].day;
    }
    for (size_t i = 0; i < host_count; i++) {
        const struct host_day *host = &hosts[i];
        struct host_sum *sum = map_get(sums, &host->ip);
        if (host->day <= sum->last_day - ROLE_DAYS_MOST)
            continue;
        if (sum->days == 0 || host->day < sum->first_day)
            sum->first_day = host->day;
        sum->days++;
        sum->mixing_days += host->mixes_case;
        sum->hours += host->hours;
        sum->names += host->names;
        sum->domains += host->domains;
        sum->queries[host->is_holiday] += host->queries;
    }
    for (size_t i = 0; i < sums->count; i++)
        days_add(map_at(sums, i), days, day_count);
    map_sort(sums, compare_hosts);
done:
    return status;
}

static int host_owner(const void *day, int ranks, const void *context)
{
    (void)context;
    return ip_owner(&((const struct host_day *)day)->ip, ranks);
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median over all IPs of names, or domains, a day. */
static enum status median_find(const struct team *team, const struct map *sums, bool of_names,
                               int64_t *median, struct error *err)
{
    enum status status = STATUS_OK;
    void *all = NULL;
    size_t bytes = 0;
    int64_t *mine = malloc((sums->count + 1) * sizeof *mine);
    TRY(team_agree(
        team, mine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "roles", "", "no room for hosts"), err));
    for (size_t i = 0; i < sums->count; i++) {
        const struct host_sum *sum = map_at(sums, i);
        mine[i] = (of_names ? sum->names : sum->domains) / sum->days;
    }
    TRY(team_gather(team, mine, sums->count * sizeof *mine, &all, &bytes, err));
    size_t count = bytes / sizeof *mine;
    if (count > 0)
        qsort(all, count, sizeof *mine, compare_i64);
    *median = count ? ((int64_t *)all)[(count - 1) / 2] : 0;
done:
    free(all);
    free(mine);
    return status;
}

static enum role role_of(const struct host_sum *sum, int64_t names, int64_t domains)
{
    if (sum->days < ROLE_DAYS_LEAST)
        return ROLE_CLIENT;
    if (2 * sum->mixing_days >= sum->days)
        return ROLE_MANY_HOSTS;
    if (sum->names / sum->days >= MANY_TIMES * names && sum->domains / sum->days >= MANY_TIMES * domains)
        return ROLE_MANY_HOSTS;
    bool always = 10 * sum->hours >= 9 * sum->day_hours;
    // Queries a holiday against half of those a working day, in whole numbers.
    bool holidays = sum->kind_days[1] && (!sum->kind_days[0] || 2 * sum->queries[1] * sum->kind_days[0] >=
                                                                    sum->queries[0] * sum->kind_days[1]);
    return always && holidays ? ROLE_SERVER : ROLE_CLIENT;
}

enum status roles_find(const struct team *team, const struct rows *rows, struct ip_role **roles,
                       size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    void *hosts = NULL;
    struct role_day *days = NULL;
    size_t host_count = 0, day_count = 0;
    int64_t names = 0, domains = 0;
    struct map sums;
    struct ip_role *made = NULL;
    map_init(&sums, sizeof(struct host_sum), sizeof(struct ip));
    TRY(role_days_gather(team, rows, &days, &day_count, err));
    TRY(team_deal(team, rows->hosts, rows->host_count, sizeof *rows->hosts, host_owner, NULL, &hosts,
                  &host_count, err));
    TRY(team_agree(team, hosts_sum(hosts, host_count, days, day_count, &sums, err), err));
    TRY(median_find(team, &sums, true, &names, err));
    TRY(median_find(team, &sums, false, &domains, err));
    made = calloc(sums.count + 1, sizeof *made);
    TRY(team_agree(
        team, made ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "roles", "", "no room for roles"), err));
    for (size_t i = 0; i < sums.count; i++) {
        const struct host_sum *sum = map_at(&sums, i);
        made[i] = (struct ip_role){sum->ip, (int32_t)role_of(sum, names, domains)};
    }
    *roles = made;
    *count = sums.count;
done:
    map_clear(&sums);
    free(hosts);
    free(days);
    return status;
}
