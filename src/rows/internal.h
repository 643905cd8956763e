/* From the days of a span to rows: what the files of this room share. */
#ifndef ROWS_INTERNAL_H
#define ROWS_INTERNAL_H

#include "base/map.h"
#include "rows/rows.h"

/* ---- what of a day needs more than one row ---- */

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

/* ---- a row ---- */

/** What a row is made of besides its own columns. Borrowed. */
struct row_context {
    const struct day_table *table;
    size_t row;
    int64_t new_queries;  // to domains that are new and rare
    int64_t encoded;  // for names that carry data, base64 in mixed names by their digits
    bool mixes_case;
    bool is_night, is_holiday;
};

/** Fills the features of rows->items[row]. Local. */
void row_fill(struct rows *rows, size_t row, const struct row_context *context);

/* ---- a day ---- */

/** Returns when a day begins and ends, and whether nobody works. Local. */
struct day_span day_span_of(const struct rows_plan *plan, int64_t day);

/** Adds the rows of a day that are in the span, and its hosts; `seen` remembers its domains. Local. */
MUST_CHECK enum status rows_add_day(struct rows *rows, const struct rows_plan *plan, struct map *seen,
                                    const struct day_table *table, struct error *err);

/* ---- a span ---- */

/** The stored days of a span. */
struct stored_span {
    struct store_day *all;  // the store's, [before] days before the span and then [count] in it
    const struct store_day *days;  // [count], within `all`
    size_t before, count;
    size_t from, to;  // this rank's share of the days
};

/**
 * Finds the days of a span, and says what is the same for all of its rows. Collective.
 *
 * @param span  filled; free it with span_clear, also on failure
 * @param rows  filled but for rows and hosts
 * @return      STATUS_NO_INPUT when there is no day
 */
MUST_CHECK enum status span_find(const struct team *team, const struct rows_plan *plan,
                                 struct stored_span *span, struct rows *rows, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void span_clear(struct stored_span *span);

/** Returns STATUS_NO_INPUT: the days of a span have no row in it. Local. */
enum status span_no_row(const struct rows_plan *plan, struct error *err);

#endif
