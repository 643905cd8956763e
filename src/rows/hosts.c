/* What of a day's tables needs more than one row: hosts that mix the case of all names, and domains that are
 * new. */
#include "internal.h"

#include <stdlib.h>

struct host_entry {
    struct ip ip;  // key
    uint32_t at;  // in rows->hosts
    uint32_t unused;
    int64_t last_hour;  // from local midnight, from 1
};

static enum status host_put(struct rows *rows, struct map *hosts, const uint8_t *octets, int64_t day,
                            struct host_entry **entry, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(hosts, octets, &found, &fresh, err));
    *entry = found;
    if (!fresh)
        return STATUS_OK;
    TRY(array_reserve(&rows->hosts, &rows->host_capacity, rows->host_count + 1, sizeof *rows->hosts, err));
    (*entry)->at = (uint32_t)rows->host_count;
    rows->hosts[rows->host_count++] = (struct host_day){.ip = (*entry)->ip, .day = day};
done:
    return status;
}

enum status hosts_add(struct rows *rows, const struct day_table *table, const struct day_span *day,
                      struct map *hosts, struct error *err)
{
    enum status status = STATUS_OK;
    struct map mixing = {0};
    struct host_entry *host = NULL;
    map_init(hosts, sizeof(struct host_entry), sizeof(struct ip));
    for (size_t i = 0; i < table->size[DAY_row]; i++) {
        TRY(host_put(rows, hosts, &table->row_ip[16 * i], table->day, &host, err));
        struct host_day *kept = &rows->hosts[host->at];
        kept->queries += table->row_queries[i];
        kept->is_holiday = day->is_holiday;
        kept->day_hours = (day->end_s - day->start_s + 3599) / 3600;
    }
    for (size_t i = 0; i < table->size[DAY_asked]; i++) {
        TRY(host_put(rows, hosts, &table->asked_ip[16 * i], table->day, &host, err));
        // Entries come by time, so an hour that is not the host's last one is new; 0 means none yet.
        int64_t hour = (table->asked_slot[i] - day->start_s) / 3600 + 1;
        rows->hosts[host->at].hours += hour != host->last_hour;
        host->last_hour = hour;
    }
    for (size_t i = 0; i < table->size[DAY_pair]; i++) {
        TRY(host_put(rows, hosts, &table->pair_ip[16 * i], table->day, &host, err));
        rows->hosts[host->at].names += table->pair_names[i];
        rows->hosts[host->at].domains++;
    }
    TRY(mixing_find(table, &mixing, err));
    for (size_t i = 0; i < hosts->count; i++) {
        const struct host_entry *entry = map_at(hosts, i);
        rows->hosts[entry->at].mixes_case = mixing_of(&mixing, (const uint8_t *)&entry->ip);
    }
done:
    map_clear(&mixing);
    return status;
}

bool host_mixes_case(const struct rows *rows, const struct map *hosts, const uint8_t *octets)
{
    const struct host_entry *entry = map_get(hosts, octets);
    return entry && rows->hosts[entry->at].mixes_case;
}

/* ---- new domains ---- */

struct domain_seen {
    uint64_t hash;  // key
    int64_t day;
};

void seen_init(struct map *seen)
{
    map_init(seen, sizeof(struct domain_seen), sizeof(uint64_t));
}

enum status seen_add(struct map *seen, const uint64_t *hashes, size_t count, int64_t day, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        void *found = NULL;
        TRY(map_put(seen, &hashes[i], &found, NULL, err));
        ((struct domain_seen *)found)->day = day;
    }
done:
    return status;
}

/* "Few clients": 5, or 1 % of the day's when that is more. */
static bool is_rare(const struct day_table *table, size_t domain, size_t hosts)
{
    int64_t from = domain ? table->domain_client_end[domain - 1] : 0;
    int64_t clients = table->domain_client_end[domain] - from;
    // 64 hashes kept: there are at least so many clients, and how many more their spread tells.
    if (clients == 64) {
        uint64_t largest = table->client_hash[table->domain_client_end[domain] - 1];
        clients = largest / 63 ? (int64_t)(UINT64_MAX / (largest / 63 + 1)) : INT64_MAX;
    }
    int64_t most = (int64_t)hosts / 100;
    return clients <= (most > 5 ? most : 5);
}

enum status domains_new(const struct map *seen, const struct day_table *table, size_t hosts, uint8_t **is_new,
                        struct error *err)
{
    *is_new = calloc(table->size[DAY_domain] + 1, 1);
    if (!*is_new)
        return error_set(err, STATUS_NO_MEMORY, "new domains", "", "no room for %zu domains",
                         table->size[DAY_domain]);
    for (size_t i = 0; i < table->size[DAY_domain]; i++) {
        const struct domain_seen *before = map_get(seen, &table->domain_hash[i]);
        bool unseen = !before || table->day - before->day > HISTORY_DAYS;
        (*is_new)[i] = unseen && is_rare(table, i, hosts);
    }
    return STATUS_OK;
}
