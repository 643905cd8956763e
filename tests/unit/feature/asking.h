/** Queries for tests: read by the real parser from a line of text, at a time and from a client of the test's
 * choice; and finished tables, compared column by column. */
#ifndef ASKING_H
#define ASKING_H

#include "feature/feature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASKING_RULES "com\nexample\njp\nco.jp\n*.ck\n!www.ck\n"

/** Everything a tally needs besides queries. */
struct asking {
    struct zone *zone;
    struct suffixes *suffixes;
    struct line_parser *parser;
    struct tally_plan plan;
};

/** A status that must be OK; the error tells why it is not. */
static inline void asking_check(enum status status, const struct error *err)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s: %s", status_text(status), err->where, err->what);
}

static inline struct suffixes *asking_suffixes(const char *rules)
{
    char path[64];
    struct error err = {0};
    struct suffixes *suffixes = NULL;
    (void)snprintf(path, sizeof path, "/tmp/quern_rules.%ld.dat", (long)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(rules, file) >= 0);
    assert_int_equal(fclose(file), 0);
    enum status status = suffixes_read(path, &suffixes, &err);
    (void)unlink(path);
    asking_check(status, &err);
    return suffixes;
}

/** Windows of an hour in units of a minute, all days, every client, limits that are not reached. */
static inline void asking_begin(struct asking *asking, const char *zone)
{
    struct error err = {0};
    *asking = (struct asking){.suffixes = asking_suffixes(ASKING_RULES), .parser = line_parser_new(NULL, 0)};
    assert_non_null(asking->parser);
    asking_check(zone_load(zone, &asking->zone, &err), &err);
    asking->plan = (struct tally_plan){.zone = asking->zone,
                                       .suffixes = asking->suffixes,
                                       .window_s = 3600,
                                       .unit_s = 60,
                                       .first_day = -1000000,
                                       .end_day = 3000000,
                                       .ipv6_prefix = 128,
                                       .parts = 1,
                                       .names_most = 1000000,
                                       .pairs_most = 1000000,
                                       .ip_names_most = 1000000};
}

static inline void asking_end(struct asking *asking)
{
    line_parser_free(asking->parser);
    suffixes_free(asking->suffixes);
    zone_free(asking->zone);
}

/** One query. `flags` is BIND's flag field, such as "+E(0)K". */
struct ask {
    int64_t ms;
    const char *ip, *name, *type, *flags, *server;
};

static inline void ask_read(struct asking *asking, const struct ask *ask, struct query *query)
{
    char line[4096];
    (void)snprintf(line, sizeof line, "client @0x7f00 %s#53 (%s): query: %s IN %s %s (%s)", ask->ip,
                   ask->name, ask->name, ask->type, ask->flags ? ask->flags : "+E(0)",
                   ask->server ? ask->server : "10.0.0.53");
    if (line_parse(asking->parser, line, strlen(line), query) != LINE_QUERY)
        fail_msg("no query: %s", line);
    query->has_time = true;
    query->time_ms = ask->ms;
}

/** Counts a query as extract does: in the resolver's table and in the client's. */
static inline enum status ask_try(struct asking *asking, struct tallies *tallies, const struct ask *ask,
                                  enum line_count *kind, struct error *err)
{
    struct query query;
    char room[IP_TEXT_BYTES];
    ask_read(asking, ask, &query);
    struct span resolver = resolver_text(&query, (struct span){"archive", 7}, room);
    asking_check(tallies_line(tallies, ask->ms, resolver, true, false, err), err);
    return tallies_query(tallies, &query, resolver, kind, err);
}

static inline enum line_count ask_count(struct asking *asking, struct tallies *tallies, const struct ask *ask)
{
    struct error err = {0};
    enum line_count kind = LINES_REJECT;
    asking_check(ask_try(asking, tallies, ask, &kind, &err), &err);
    return kind;
}

/** Finds what is kept of whom in all shards, which hold all there is. */
static inline void asking_limit(struct tallies *tallies)
{
    struct error err = {0};
    for (size_t at = 0; at < tallies_count(tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (tallies_shard(tallies, at, &day, &part))
            asking_check(tallies_limit(tallies, at, &err), &err);
    }
}

/** Settles all days of tallies that hold all there is, as one rank alone does. */
static inline void asking_settle(struct tallies *tallies)
{
    struct error err = {0};
    asking_limit(tallies);
    for (size_t at = 0; at < tallies_count(tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (tallies_shard(tallies, at, &day, &part))
            asking_check(tallies_settle_day(tallies, day, &err), &err);
    }
}

static inline void asking_finish(struct tallies *tallies, int64_t day, int part, struct day_table *table)
{
    struct error err = {0};
    size_t at = 0;
    asking_check(tallies_touch(tallies, day, part, &at, &err), &err);
    asking_check(tallies_finish(tallies, at, table, &err), &err);
}

/** The table of one day of these queries, counted by one rank. */
static inline void asking_table(struct asking *asking, const struct ask *asks, size_t count, int64_t day,
                                struct day_table *table)
{
    struct tallies *tallies = tallies_new(&asking->plan);
    assert_non_null(tallies);
    for (size_t i = 0; i < count; i++)
        (void)ask_count(asking, tallies, &asks[i]);
    asking_settle(tallies);
    asking_finish(tallies, day, 0, table);
    tallies_free(tallies);
}

/** The number of the row of this window, counted from local midnight, and IP; fails when there is none. */
static inline size_t asking_row(const struct day_table *table, int64_t window_s, const char *ip)
{
    for (size_t i = 0; i < table->size[DAY_row]; i++)
        if (table->row_window[i] == window_s &&
            strncmp(&table->row_ip_text[i * IP_COLUMN_BYTES], ip, IP_COLUMN_BYTES) == 0)
            return i;
    fail_msg("no row of %s at %" PRId64, ip, window_s);
    return 0;
}

/** Fails with the name of the first column in which two tables differ. */
static inline void tables_compare(const struct day_table *a, const struct day_table *b)
{
    assert_int_equal(a->day, b->day);
    assert_int_equal(a->start_s, b->start_s);
    assert_int_equal(a->unit_count, b->unit_count);
    for (int d = 0; d < DAY_DIMENSIONS; d++)
        if (a->size[d] != b->size[d])
            fail_msg("%s: %zu and %zu", day_dimension_name((enum day_dimension)d), a->size[d], b->size[d]);
    for (int c = 0; c < DAY_COLUMNS; c++) {
        enum day_column column = (enum day_column)c;
        const struct day_column_info *info = day_column_info(column);
        size_t bytes = a->size[info->dimension] * day_column_width(a, column) * column_type_bytes(info->type);
        if (bytes > 0 && memcmp(day_column_values(a, column), day_column_values(b, column), bytes) != 0)
            fail_msg("%s differs", info->name);
    }
}

/** Random numbers of the test's own: splitmix64. */
static inline uint64_t dice(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif
