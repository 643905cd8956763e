/* The inside of a tally: what one rank knows of one shard, in tables of small entries that refer to each
 * other by number. Numbers are this tally's own; merging and packing translate them by content. */
#ifndef FEATURE_TALLY_H
#define FEATURE_TALLY_H

#include "base/map.h"
#include "feature/feature.h"

/** A growing list of numbers. */
struct list32 {
    uint32_t *items;
    size_t count, capacity;
};

struct list64 {
    uint64_t *items;
    size_t count, capacity;
};

/** Bytes one behind the other. */
struct heap {
    unsigned char *bytes;
    size_t count, capacity;
};

#define DOMAIN_CLIENTS_MOST 64

/** Distinct seconds of a pair before it goes over to units. */
#define PAIR_SECONDS_MOST 4096

struct client {
    struct ip ip;  // key
    uint32_t pairs;  // entries in tally.pairs
};

struct name {
    uint64_t hash;  // key
    uint64_t wire_at;  // in the heap
    uint32_t domain;
    uint8_t wire_bytes;
    struct name_traits traits;
};

struct domain {
    uint64_t hash;  // key
    uint64_t wire_at;
    int64_t queries;
    int64_t first_ms;
    struct list64 clients;  // ascending, the least DOMAIN_CLIENTS_MOST
    uint8_t wire_bytes;
};

struct row_key {
    uint32_t window;  // from local midnight
    uint32_t client;
};

struct row {
    struct row_key key;
    int64_t counts[ROW_COUNTS];
    struct list64 resolvers;  // distinct hashes, ascending
    uint32_t *unit_queries;  // [units of a window]
};

struct slot_key {
    uint32_t slot;  // from local midnight
    uint32_t client;
};

struct slot {
    struct slot_key key;
    uint32_t names;  // entries in tally.asked
};

struct asked_key {
    uint32_t slot;
    uint32_t client;
    uint32_t name;
};

struct asked {
    struct asked_key key;
    uint32_t queries, txt, odd, mixed;
    uint16_t case_changes;
    uint8_t respelled, encodings;
    uint64_t spelling;
    uint64_t types;
};

struct pair_key {
    uint32_t client;
    uint32_t domain;
};

struct pair {
    struct pair_key key;
    int64_t queries, first_ms, last_ms;
    struct list32 types;  // type, queries, type, queries …
    struct list32 seconds;  // ascending up to `sorted`; units when in_units
    uint32_t sorted;
    uint32_t in_units;
};

struct source_key {
    uint64_t resolver;  // content hash
    uint64_t window;
};

struct source {
    struct source_key key;
    uint64_t text_at;
    uint32_t text_bytes;
    int64_t lines, queries, repeated;
    uint8_t *unit_seen;  // [units of a window]
};

/** A line_record with its texts in the heap: minutes, offsets and rejects lie there one behind the other. */
struct record {
    struct line_record line;  // pointers unused
    uint64_t path_at, path_bytes;
    uint64_t minutes_at, offsets_at, rejects_at;
};

struct tally {
    int64_t day;
    int part;
    int64_t day_start_s, day_end_s;  // UTC
    struct map clients, names, domains, rows, slots, asked, pairs, sources;
    struct heap heap;
    struct record *records;
    size_t record_count, record_capacity;
    size_t list_bytes;  // memory of the lists and unit counts that hang on entries
};

struct tallies {
    const struct tally_plan *plan;
    size_t unit_count;
    int64_t slot_s;
    struct tally **shards;
    size_t count, capacity;
    struct tally *now;  // the shard last used
    struct map misses;
    int64_t now_day, now_from_s, now_to_s;  // day of the last time, [from, to) UTC
};

/** Returns the shard's tally, made when it is not there. Local. */
MUST_CHECK enum status tally_of(struct tallies *tallies, int64_t day, int part, struct tally **tally,
                                struct error *err);

/** Frees a tally and all it holds; NULL is fine. Local. */
void tally_free(struct tally *tally);

/** Appends bytes to a heap, at an address that is a multiple of 8. Local. */
MUST_CHECK enum status heap_add(struct heap *heap, const void *bytes, size_t count, uint64_t *at,
                                struct error *err);

/** Puts `value` into an ascending list of distinct numbers of this tally; beyond `most` the largest goes.
 * Local.
 */
MUST_CHECK enum status list64_insert(struct tally *tally, struct list64 *list, uint64_t value, size_t most,
                                     struct error *err);

/** Returns the memory of a pair's lists, which counts in tally.list_bytes. Local. */
size_t pair_list_bytes(const struct pair *pair);

MUST_CHECK enum status tally_client(struct tally *tally, const struct ip *ip, uint32_t *client,
                                    struct error *err);
MUST_CHECK enum status tally_domain(struct tally *tally, const uint8_t *wire, size_t bytes, uint32_t *domain,
                                    struct error *err);
MUST_CHECK enum status tally_row(struct tally *tally, struct row_key key, size_t unit_count, struct row **row,
                                 struct error *err);
MUST_CHECK enum status tally_asked(struct tally *tally, const struct tally_plan *plan, struct asked_key key,
                                   struct asked **asked, struct error *err);
MUST_CHECK enum status tally_pair(struct tally *tally, const struct tally_plan *plan, struct pair_key key,
                                  struct pair **pair, struct error *err);
MUST_CHECK enum status tally_source(struct tally *tally, uint64_t resolver, uint32_t window, struct span text,
                                    size_t unit_count, struct source **source, struct error *err);
MUST_CHECK enum status tally_record(struct tally *tally, const struct line_record *record, struct error *err);

/** Adds `queries` of a type to the pair's list. Local. */
MUST_CHECK enum status pair_add_type(struct pair *pair, uint32_t qtype, uint32_t queries, struct error *err);

/** Adds a second since midnight, or a unit when the pair is in units. Local. */
MUST_CHECK enum status pair_add_second(struct pair *pair, uint32_t second, int64_t unit_s, struct error *err);

/** Goes over from seconds to units for good. Local. */
void pair_to_units(struct pair *pair, int64_t unit_s);

/** Sorts the pair's seconds, drops doubles, and goes over to units when there are too many. Local. */
void pair_settle_seconds(struct pair *pair, int64_t unit_s);

/** Merges a spelling in mixed case into an entry. Local. */
void asked_add_spelling(struct asked *asked, uint64_t spelling, uint16_t case_changes, bool respelled);

/** Fills the source_* columns of a table whose arrays are made. Local. */
MUST_CHECK enum status sources_fill(const struct tallies *tallies, const struct tally *tally,
                                    struct day_table *table, struct error *err);

/** Fills the line_*, minute_* and reject_* columns of a table whose arrays are made. Local. */
MUST_CHECK enum status lines_fill(const struct tally *tally, struct day_table *table, struct error *err);

/** How a row's count merges. */
enum merge { MERGE_SUM, MERGE_MAX, MERGE_MIN, MERGE_MADE };

/** Merges `value` into a row's count. Local. */
void row_count_merge(struct row *row, enum row_count count, int64_t value);

#endif
