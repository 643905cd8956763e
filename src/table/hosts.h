/* What of a day's tables needs more than one row: hosts that mix the case of all names, and domains that are
 * new. */
#ifndef TABLE_HOSTS_H
#define TABLE_HOSTS_H

#include "base/map.h"
#include "table/table.h"

/** How far back a domain is remembered. */
#define HISTORY_DAYS 30

struct day_span {
    int64_t start_s, end_s;  // UTC
    bool is_holiday;
};

/**
 * Adds what each IP did on a day to rows->hosts. Local.
 *
 * @param hosts  returns a table of the day's IPs for host_mixes_case; map_clear() it, also on failure
 */
MUST_CHECK enum status hosts_add(struct rows *rows, const struct day_table *table, const struct day_span *day,
                                 struct map *hosts, struct error *err);

/** Returns whether the IP mixes the case of all names on this day (0x20). Borrows `octets`, 16 bytes. Local.
 */
bool host_mixes_case(const struct rows *rows, const struct map *hosts, const uint8_t *octets);

/** Makes an empty memory of domains; end it with map_clear. Local. */
void seen_init(struct map *seen);

/** Remembers that these domains were asked for on `day`, the latest so far. Local. */
MUST_CHECK enum status seen_add(struct map *seen, const uint64_t *hashes, size_t count, int64_t day,
                                struct error *err);

/**
 * Tells for each domain of a day whether few clients ask for it and nobody did in the days before. Local.
 *
 * @param hosts   clients of the day
 * @param is_new  returns new, [domains]; free() it
 */
MUST_CHECK enum status domains_new(const struct map *seen, const struct day_table *table, size_t hosts,
                                   uint8_t **is_new, struct error *err);

#endif
