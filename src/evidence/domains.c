/* How common a domain is, day by day. The rank that owns a domain sees its clients of all days, works out the
 * reach over the 30 days to each, and sends that to the rank that reads the day. */
#include "internal.h"

#include <stdlib.h>

/* Hashes of clients that the store keeps of a domain and day; from there on their number is an estimate. */
#define CLIENTS_KEPT 64

/* One client of a domain on a day. */
struct domain_client {
    uint64_t domain;
    int64_t day;
    uint64_t client;
};

static int client_owner(const void *item, int ranks, const void *context)
{
    (void)context;
    return (int)(((const struct domain_client *)item)->domain % (uint64_t)ranks);
}

static int fact_reader(const void *item, int ranks, const void *context)
{
    return search_reader(context, ((const struct domain_fact *)item)->day, ranks);
}

static int compare_clients(const void *a, const void *b)
{
    const struct domain_client *x = a, *y = b;
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->client > y->client) - (x->client < y->client);
}

static int compare_facts(const void *a, const void *b)
{
    const struct domain_fact *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->domain > y->domain) - (x->domain < y->domain);
}

static enum status clients_read(const struct search *search, struct domain_client **clients, size_t *count,
                                struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    size_t from, to, capacity = 0;
    search_days_mine(search, &from, &to);
    for (size_t i = from; i < to; i++) {
        TRY(search_day_read(search, i, DAY_DOMAINS, &table, err));
        TRY(array_reserve(clients, &capacity, *count + table.size[DAY_client], sizeof **clients, err));
        int64_t at = 0;
        for (size_t domain = 0; domain < table.size[DAY_domain]; domain++)
            for (; at < table.domain_client_end[domain]; at++)
                (*clients)[(*count)++] =
                    (struct domain_client){table.domain_hash[domain], table.day, table.client_hash[at]};
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    return status;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int64_t reach_of(uint64_t *all, size_t count)
{
    size_t distinct = 0;
    if (count == 0)
        return 0;
    qsort(all, count, sizeof *all, compare_u64);
    for (size_t i = 0; i < count && distinct < CLIENTS_KEPT; i++)
        if (distinct == 0 || all[distinct - 1] != all[i])
            all[distinct++] = all[i];
    if (distinct < CLIENTS_KEPT)
        return (int64_t)distinct;
    uint64_t step = all[CLIENTS_KEPT - 1] / (CLIENTS_KEPT - 1);
    return step ? (int64_t)(UINT64_MAX / (step + 1)) : INT64_MAX;
}

/* The facts of one domain, whose clients are [from, to). */
static enum status domain_facts(const struct domain_client *clients, size_t from, size_t to,
                                struct domain_fact **facts, size_t *count, size_t *capacity,
                                struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t *past = malloc((to - from) * sizeof *past);
    if (!past)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for clients");
    for (size_t end = from, begin = from; end < to;) {
        int64_t day = clients[end].day;
        while (end < to && clients[end].day == day)
            end++;
        while (clients[begin].day <= day - PAST_DAYS)
            begin++;
        for (size_t i = begin; i < end; i++)
            past[i - begin] = clients[i].client;
        TRY(array_reserve(facts, capacity, *count + 1, sizeof **facts, err));
        (*facts)[(*count)++] =
            (struct domain_fact){clients[from].domain, day, reach_of(past, end - begin), clients[from].day};
    }
done:
    free(past);
    return status;
}

static enum status facts_make(const struct domain_client *clients, size_t client_count,
                              struct domain_fact **facts, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0;
    for (size_t from = 0, to = 0; from < client_count; from = to) {
        while (to < client_count && clients[to].domain == clients[from].domain)
            to++;
        TRY(domain_facts(clients, from, to, facts, count, &capacity, err));
    }
done:
    return status;
}

enum status domain_facts_find(const struct search *search, struct domain_fact **facts, size_t *count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct domain_client *mine = NULL;
    struct domain_fact *made = NULL;
    void *clients = NULL, *arrived = NULL;
    size_t mine_count = 0, client_count = 0, made_count = 0;
    TRY(team_agree(search->team, clients_read(search, &mine, &mine_count, err), err));
    TRY(team_deal(search->team, mine, mine_count, sizeof *mine, client_owner, NULL, &clients, &client_count,
                  err));
    free(mine);
    mine = NULL;
    if (client_count > 0)
        qsort(clients, client_count, sizeof *mine, compare_clients);
    TRY(team_agree(search->team, facts_make(clients, client_count, &made, &made_count, err), err));
    TRY(team_deal(search->team, made, made_count, sizeof *made, fact_reader, search, &arrived, count, err));
    if (*count > 0)
        qsort(arrived, *count, sizeof *made, compare_facts);
    *facts = arrived;
done:
    free(mine);
    free(clients);
    free(made);
    return status;
}
