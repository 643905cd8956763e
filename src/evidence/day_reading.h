/* A day's tables while they become records: what day.c finds, and traits.c looks up. */
#ifndef EVIDENCE_DAY_READING_H
#define EVIDENCE_DAY_READING_H

#include "internal.h"

/* What a host did in an hour. */
struct host_hour {
    struct ip ip;  // key: both
    int64_t hour;
    int64_t queries, names;
};

struct host_place {
    struct ip ip;  // key
    int64_t at;  // in records->hosts, from 1
};

struct pair_place {
    uint64_t host;  // key: both
    uint64_t domain;  // index; of a zone: its number behind them
    int64_t at;  // in records->pairs, from 1
};

struct name_place {
    uint64_t pair;  // key: both
    uint64_t name;  // index
    uint64_t at;  // in records->names
};

struct day_reading {
    struct day_records *records;
    const struct day_table *table;
    const struct domain_fact *facts;
    int64_t start_s, end_s, unit_s, rare_most;
    struct zones zones;
    struct map hosts, hours, hour_names, pairs, pair_names;
    const struct job *job;  // thresholds
    const struct known_software *known;
};

/* The hour of a slot, from local midnight. */
int reading_hour(const struct day_reading *reading, size_t asked);

/* The text of a name of the table, [count], and how long its registered domain is. */
const char *reading_name(const struct day_table *table, size_t name, size_t *count, size_t *domain_count);

/* Adds what the rules look at to the hosts, pairs and names of the day, which are all there. */
MUST_CHECK enum status traits_add(struct day_reading *reading, struct error *err);

/* Adds what rules 1 and 2 see in the rows of the day to its hosts. */
MUST_CHECK enum status row_traits_add(const struct day_reading *reading, struct error *err);

/* Rule 2: how regular seconds[count] of a day are, or units of `step` seconds, in % of what the rule asks
 * for; 0 when they are too few. */
MUST_CHECK enum status clock_of(const struct day_reading *reading, const uint32_t *seconds, size_t count,
                                size_t step, uint32_t *percent, struct error *err);

#endif
