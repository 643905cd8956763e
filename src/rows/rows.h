/**
 * Rows for the models: loaded by day from the store, made into features, and dealt to the ranks.
 *
 *     store/YYYY-MM-DD.h5 ──rows_load──► struct rows ──rows_means, rows_shrink──► model/
 *                                             └──roles_find──► who is a server
 *
 * Rows lie in (window, IP) order, in consecutive runs over the ranks. What needs the past, such as which
 * domains are new, is worked out here.
 */
#ifndef ROWS_ROWS_H
#define ROWS_ROWS_H

#include "base/error.h"
#include "base/ip.h"
#include "base/zone.h"
#include "feature/feature.h"
#include "job/calendar.h"
#include "job/job.h"
#include "job/leases.h"
#include "parallel/parallel.h"
#include "table/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- rows ---- */

/** How rows are made of shards. */
struct rows_plan {
    const char *dir;  // borrowed; the store
    const struct leases *leases;  // borrowed; NULL: an address is a machine
    enum job_feature_set set;
    int64_t from_s, to_s;  // UTC: rows whose window begins in [from_s, to_s)
    const struct zone *zone;  // borrowed; of day, night and holiday
    const struct calendar *calendar;  // borrowed
    struct job_night night;
};

/** What the store has of a row. */
struct row_data {
    int64_t window_s;  // UTC start
    struct ip ip;
    int64_t queries;
    int64_t day;  // local
    uint8_t is_night, is_holiday;
    uint8_t unused[6];
};

/** A feature for the models. That of a SHARE feature is its numerator until rows_shrink knows the mean. */
union row_value {
    float value;
    uint32_t numerator;
};

/** What an IP did on a day, for roles. */
struct host_day {
    struct ip ip;
    int64_t day;
    int64_t queries, names, domains;
    int64_t hours;  // hours of the day with a query
    int64_t day_hours;  // hours the day has
    uint8_t mixes_case;  // 0x20: a forwarder that mixes the case of all names
    uint8_t is_holiday;
    uint8_t unused[6];
};

struct rows {
    enum job_feature_set set;
    struct row_data *items;  // [count], this rank's run
    size_t count, capacity;
    size_t columns;  // features of the set
    union row_value *values;  // [count][columns]; models work on them where they lie
    float *shown;  // [count][columns] as a person would say it: a share, a count, bytes; not shrunk, not
                   // transformed
    int64_t *raw;  // [count][TALK_FEATURES] the talk's columns in 2^-12: counts exact, ratios rounded
    size_t value_capacity, shown_capacity, raw_capacity;
    int64_t first;  // number of items[0] among all rows
    int64_t total;
    struct host_day *hosts;  // [host_count], of the days that this rank read
    size_t host_count, host_capacity;
    int64_t history_days;  // stored days in the 30 before the span
    int64_t day_count;  // days with a shard in the span
    int64_t window_s, unit_s;  // of the store
};

/**
 * Loads the rows of a span, each rank an equal run of them in (window, IP) order. Collective.
 *
 * @param rows  filled; free it with rows_clear
 * @return      STATUS_NO_INPUT when the store has no row in the span
 */
MUST_CHECK enum status rows_load(const struct team *team, const struct rows_plan *plan, struct rows *rows,
                                 struct error *err);

/** Some days of a span, to be loaded at once. */
struct rows_block {
    int64_t from_s, to_s;  // as in the plan
    int64_t first;  // number of its first row among all rows of the span
};

/** A span cut into blocks, so that its rows need not be in memory together. */
struct rows_blocks {
    struct rows_block *items;  // [count], in order of time
    size_t count;
    struct rows whole;  // what rows_load would say of the span, without rows
};

/**
 * Cuts the days of a span into blocks that have rows, each of at least a day a rank and `rows_most` rows a
 * rank, or one day less. Collective.
 *
 * @param blocks  filled; free it with rows_blocks_clear
 * @return        as rows_load
 */
MUST_CHECK enum status rows_blocks_cut(const struct team *team, const struct rows_plan *plan,
                                       int64_t rows_most, struct rows_blocks *blocks, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void rows_blocks_clear(struct rows_blocks *blocks);

/** As rows_load, of one block: rows->first counts from the start of the span, and so does history_days.
 * Collective. */
MUST_CHECK enum status rows_load_block(const struct team *team, const struct rows_plan *plan,
                                       const struct rows_blocks *blocks, size_t block, struct rows *rows,
                                       struct error *err);

/** Loads what each IP did on the days of a span, rows->hosts and no row, each rank some of the days: for who
 * has the rows already. Collective. */
MUST_CHECK enum status rows_load_hosts(const struct team *team, const struct rows_plan *plan,
                                       const struct rows_blocks *blocks, struct rows *rows,
                                       struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void rows_clear(struct rows *rows);

/**
 * Works out the mean share of each SHARE feature over the rows with use[i] == wanted: Σ num / Σ queries.
 * Collective.
 *
 * @param use    borrowed, [rows->count]
 * @param means  filled, [FEATURES_MOST]; 0 for other features
 */
void rows_means(const struct team *team, const struct rows *rows, const uint8_t *use, uint8_t wanted,
                double means[FEATURES_MOST]);

/** Fills the SHARE features, drawn to the mean shares, once: their numerators are gone then. Local. */
void rows_shrink(struct rows *rows, const double means[FEATURES_MOST]);

/* ---- who mixes the case of all names ---- */

struct map;

/**
 * Finds the IPs of a day that mix the case of all names on purpose (0x20): half of their queries or more,
 * under 20 domains or more; or of 10 mixed names or more 3 in 10 in another spelling as well. Local.
 *
 * @param mixing  filled, for mixing_of; map_clear() it, also on failure
 */
MUST_CHECK enum status mixing_find(const struct day_table *table, struct map *mixing, struct error *err);

/** Returns whether the IP, 16 borrowed bytes, does so. Local. */
bool mixing_of(const struct map *mixing, const uint8_t *octets);

/* ---- roles ---- */

enum role { ROLE_CLIENT, ROLE_SERVER, ROLE_MANY_HOSTS, ROLES };

/** Returns the role's name, such as "many_hosts". Borrowed, static. Local. */
const char *role_name(enum role role);

struct ip_role {
    struct ip ip;
    int32_t role;
};

/** Returns the role of an IP in roles[count], ascending; a client when it is not there. Local. */
enum role role_of_ip(const struct ip_role *roles, size_t count, const struct ip *ip);

/** Returns which of `ranks` works for this IP. Local. */
int ip_owner(const struct ip *ip, int ranks);

/**
 * Finds the role of every IP of the span. Collective.
 *
 * By the 30 days up to the IP's last one. Many hosts: mixes the case of all names on half the days it is seen
 * on, or has 8 times the median of names and of domains a day. Server: not that, active in 90 % of the hours
 * since it came, silent days included, and its holidays have half the volume of its working days at least; a
 * span without a holiday shows no server. All else, and whoever was seen on fewer than 3 days, is a client.
 *
 * @param roles  returns new, [count], ascending by IP: the IPs that this rank owns by ip_owner; free() it
 */
MUST_CHECK enum status roles_find(const struct team *team, const struct rows *rows, struct ip_role **roles,
                                  size_t *count, struct error *err);

#endif
