/* The inside of a tally: what one rank knows of one shard, in tables of small entries that refer to each
 * other by number. Numbers are this tally's own; merging and packing translate them by content. */
#ifndef FEATURE_TALLY_H
#define FEATURE_TALLY_H

#include "base/map.h"
#include "feature/feature.h"
#include "notes.h"

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
    uint64_t pair_bound;  // no pair of a domain with a larger hash is kept; 0: all are
    uint32_t pairs;  // entries in tally.pairs since they were last counted
    uint32_t last_pair;  // number + 1: the pairs of a client are a chain
    uint32_t fresh_names;  // that nobody had asked for before
    uint32_t tabled;  // 1: what it asks for is counted in the tables, else noted
};

struct name {
    uint64_t hash;  // key
    uint64_t wire_at;  // in the heap
    uint32_t domain;
    uint8_t wire_bytes;
    uint8_t by_unwatched;  // 1: unwatched clients asked for it, and it is kept for their sake
    struct name_traits traits;
};

/** What unwatched clients asked under a domain; what the watched ones did stands in the pairs until
 * tallies_finish adds it. Without unwatched queries it is there for its pairs' sake. */
struct domain {
    uint64_t hash;  // key
    uint64_t wire_at;
    int64_t queries;
    int64_t first_ms;
    struct list64 clients;  // ascending, the least DOMAIN_CLIENTS_MOST
    uint8_t wire_bytes;
    uint8_t by_unwatched;  // 1: unwatched clients asked under it, and it is kept for their sake
};

/** Queries of a row by kind. The type is the first; each query has one, so they add up to all queries. */
enum row_tick {
    TICK_A,
    TICK_AAAA,
    TICK_PTR,
    TICK_TXT,
    TICK_NULL,
    TICK_MX,
    TICK_SRV,
    TICK_HTTPS,
    TICK_OTHER,
    TICK_TYPES,
    TICK_MIXED = TICK_TYPES,
    TICK_ENCODED,
    TICK_NO_EDNS,
    TICK_ODD_FLAGS,
    TICK_DO,
    TICK_COOKIE,
    TICK_MISSES,  // queries that were the first in their slot of 300 s
    TICK_MISSES_PTR,
    TICK_PRIVATE,
    TICK_ANY,
    ROW_TICKS,
};

struct row_key {
    uint32_t window;  // from local midnight
    uint32_t client;
};

/** A row. What each query touches lies in the first three cache lines, its unit's count aside. */
struct row {
    struct row_key key;
    int64_t first_ms, last_ms;
    int64_t sub_bytes, bigram_score, bigrams;
    uint16_t sub_max, label_max;
    uint32_t resolver_mask;  // resolvers below number 32 of this rank that are in the list
    uint32_t ticks[ROW_TICKS];  // saturated: tallies_finish refuses such a row
    struct list64 resolvers;  // distinct hashes, ascending
    uint32_t unit_queries[];  // [units of a window]
};

/** Returns the bytes of a row with its units. Local. */
static inline size_t row_bytes(size_t unit_count)
{
    return (sizeof(struct row) + unit_count * sizeof(uint32_t) + 7) & ~(size_t)7;
}

struct asked_key {
    uint32_t client;
    uint32_t name;
};

struct asked {
    struct asked_key key;
    uint32_t queries, txt, odd, mixed;
    uint64_t types;
    uint64_t spelling;
    uint32_t next;  // number + 1: the entries of a client are a chain
    uint16_t case_changes;
    uint8_t respelled, encodings;
};

/** A client's entries of a slot. */
struct slot_client {
    uint32_t count;  // since they were last counted
    uint32_t last;  // number + 1
};

/** Queries of a client in a slot under one domain. */
struct crowd_domain {
    uint64_t hash;  // key
    int64_t queries;
};

/** A client with more names in a slot than are kept as entries. */
struct crowd {
    uint64_t client;  // key
    uint64_t bound;  // no entry of a name with a larger hash is kept
    uint64_t domain_bound;  // no domain with a larger hash is kept; 0: all are
    struct map domains;  // of struct crowd_domain: all queries of the client in the slot
    int64_t misses, misses_ptr;  // of names with a smaller hash than the bound
};

/** What was asked in a slot: the window, or its hour when it is longer. */
struct slot {
    struct map asked;
    struct slot_client *clients;  // [client_capacity]
    size_t client_capacity;
    struct map crowds;
};

struct pair_key {
    uint32_t client;
    uint32_t domain;
};

/** Two seconds lie in the entry itself: most pairs have no more. */
#define PAIR_FEW_SECONDS 2

struct pair {
    struct pair_key key;
    int64_t queries;
    uint32_t first_ms, last_ms;  // of the day
    uint32_t *types;  // [2 · type_count]: type, queries, type, queries …
    uint32_t type_count;  // there is room for the next power of two
    uint32_t in_units;
    union {
        uint32_t few[PAIR_FEW_SECONDS];
        uint32_t *items;
    } seconds;  // of the day; units when in_units
    uint32_t second_count;
    uint32_t second_capacity;  // PAIR_FEW_SECONDS: they are in `few`
    uint32_t next;  // number + 1: the pairs of a client are a chain
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

/** A name met in scanned lines: a cache line that saves reading it again. */
struct name_memo {
    uint64_t tag, start;  // of its text in lower case; a tag of 0: free
    uint64_t hash;
    uint32_t name, domain;
    int32_t bigram_score;
    uint16_t bigrams, sub_bytes;
    uint8_t count, label_max, encodings, sub_labels;
    uint8_t unused[16];  // up to a cache line
};

/** A bounded table of them: of those that came to one place, the last few are kept. */
struct name_memos {
    struct name_memo *items;  // [item_count], a power of two
    size_t item_count, count;
};

struct tally {
    int64_t day;
    int part;
    uint32_t number;  // in tallies.shards
    int64_t day_start_s, day_end_s;  // UTC
    struct map clients, names, domains, rows, pairs, sources;
    struct notes notes;  // of clients that are not tabled
    struct reduced reduced;  // what was made of them
    bool is_reduced;  // all of the shard had come, and this was done
    struct slot *slots;  // [slot_count]
    size_t slot_count, slot_capacity;
    struct heap heap;
    struct name_memos memos;
    struct record *records;
    size_t record_count, record_capacity;
    size_t list_bytes;  // memory of the lists and unit counts that hang on entries
    bool is_sampled;  // some entry is not kept, or not needed any more
    size_t needless;  // about how many entries are not needed any more
    struct {
        size_t count;  // of those that unwatched clients asked for, since they were last counted
        uint64_t bound;  // none with a larger hash is kept for their sake; 0: all are
    } unwatched_names, unwatched_domains;
};

/** An IP that was met, and where its last query was counted. */
struct asker {
    struct ip ip;  // key, masked
    uint64_t hash;  // content_hash of the IP
    bool watched;
    int part;
    uint32_t shard;  // number + 1 of the tally that the following are about, 0: none
    uint32_t client;
    uint32_t window;
    uint32_t row;  // number + 1 of the row of that window, 0: none
};

/** A client as printed, and who that is. */
struct asker_text {
    uint64_t text[6];  // zeros behind it
    uint32_t asker;  // number + 1, 0: free
};

struct asker_texts {
    struct asker_text *items;  // [item_count], a power of two
    size_t item_count, count;
};

/** Somebody who was asked, and where the last line about him was counted. */
struct resolver {
    uint64_t hash;  // key
    uint32_t shard;  // number + 1, 0: none
    uint32_t window;
    uint32_t source;
};

/** When somebody first asked a question in a slot, as far as this rank knows. */
struct first {
    uint64_t name;  // content hash
    uint32_t resolver;  // in tallies.resolvers
    uint32_t asker;  // in tallies.askers
    uint32_t ms;  // in the slot
    uint16_t qtype;
};

/** Questions of one slot of 300 s, once for each asker. A slot may have several runs. */
struct run {
    int32_t slot;
    uint32_t *index;  // [index_count] of number + 1; NULL once closed
    size_t index_count;
    struct first *items;
    size_t count, capacity;  // a capacity of 0: the items lie in a block of the runs
};

/** Runs that are open at a time: the lines of a log jump back and forth where a slot ends. */
#define RUNS_OPEN 2

struct runs {
    struct run *items;  // the open ones are the last
    size_t count, capacity;
    struct run spare;  // room of a closed run, for the next one
    unsigned char **blocks;  // [block_count]: items of closed runs
    size_t block_count, block_capacity;
    size_t block_bytes, block_used;  // of the last block
    size_t all_bytes;  // of all blocks
    int64_t day;  // what all this is about
};

/** The place of a second in its day. */
struct place_in_day {
    uint32_t second, window, slot, unit;
};

struct tallies {
    const struct tally_plan *plan;
    size_t unit_count;
    int64_t slot_s;
    struct tally **shards;
    size_t count, capacity;
    struct tally *now;  // the shard last used
    struct map askers, resolvers;
    struct asker_texts texts;
    struct runs **runs;  // [run_count], one a day
    size_t run_count, run_capacity;
    struct runs *runs_now;  // those last used
    struct place_in_day place;  // of the last second
    int64_t now_day, now_from_s, now_to_s;  // day of the last time, [from, to) UTC
    int64_t scan_day;  // of the last scanned lines
};

/** In the place of a name's or domain's number: no entry is kept. */
#define NOT_KEPT UINT32_MAX

/** A query when its name and client have been looked up. */
struct seen {
    struct asker *asker;
    struct tally *tally;
    uint32_t client;  // of a watched asker
    bool is_fresh;  // the name is new in the tally
    struct name_traits traits;
    uint64_t hash;  // of the name
    uint64_t domain_hash;  // known where the domain is NOT_KEPT
    uint32_t name, domain;  // numbers, or NOT_KEPT
    uint32_t resolver;
    int64_t time_ms;
    uint16_t qtype, flags;
    uint8_t encodings;
    bool mixed_case;
    uint16_t case_changes;
    uint64_t spelling;  // content hash of a name in mixed case
};

/** Finds what is known of the name, which is added to the tally when it is new there and kept; a watched
 * asker is entered. Local. */
MUST_CHECK enum status name_find(struct tallies *tallies, const struct qname *qname, struct seen *seen,
                                 struct error *err);

/** Frees what was remembered of names. Local. */
void name_memos_clear(struct name_memos *memos);

/** Counts a query that lies on the tally's day. Local. */
MUST_CHECK enum status count_seen(struct tallies *tallies, const struct seen *seen, struct error *err);

/** Counts a query of a client that is tabled, whose place in the day is found, in the tables of asked names
 * and pairs. Local. */
MUST_CHECK enum status count_tabled(struct tallies *tallies, const struct seen *seen, struct error *err);

/** Counts a query in its row alone. Local. */
MUST_CHECK enum status count_row_only(struct tallies *tallies, const struct seen *seen, struct error *err);

/** Finds an IP, made when it is not there. Local. */
MUST_CHECK enum status asker_of(struct tallies *tallies, const struct ip *ip, uint32_t *asker,
                                struct error *err);

/** Finds the source of a resolver and window, made when it is not there. Local. */
MUST_CHECK enum status source_of(struct tallies *tallies, struct tally *tally, uint32_t number,
                                 struct span text, uint32_t window, struct source **source,
                                 struct error *err);

/** Finds a resolver by the content hash of its text, made when it is not there. Local. */
MUST_CHECK enum status resolver_of(struct tallies *tallies, uint64_t hash, uint32_t *resolver,
                                   struct error *err);

/** Makes asker's client the one of this tally. Local. */
MUST_CHECK enum status asker_enter(struct asker *asker, struct tally *tally, struct error *err);

/** Finds the asker's row of a window, the asker being entered. Local. */
MUST_CHECK enum status asker_row(struct asker *asker, struct tally *tally, uint32_t window, struct row **row,
                                 struct error *err);

/** Notes a question of a day, for the first asker of its slot. Local. */
MUST_CHECK enum status run_note(struct tallies *tallies, int64_t day, const struct first *first, int32_t slot,
                                struct error *err);

/** Frees all runs of a day. Local. */
void runs_clear(struct runs *runs);

/** Returns how many bytes of memory the runs hold. Local. */
size_t runs_bytes(const struct runs *runs);

/** Returns the shard's tally, made when it is not there. Local. */
MUST_CHECK enum status tally_of(struct tallies *tallies, int64_t day, int part, struct tally **tally,
                                struct error *err);

/** Finds out where a time lies in the tally's day, as tallies->place. Local. */
void place_find(struct tallies *tallies, const struct tally *tally, int64_t time_ms);

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
static inline size_t pair_list_bytes(const struct pair *pair)
{
    size_t types = 0;
    if (pair->type_count > 0)
        for (types = 1; types < pair->type_count;)
            types *= 2;
    const size_t seconds = pair->second_capacity == PAIR_FEW_SECONDS ? 0 : pair->second_capacity;
    return (2 * types + seconds) * sizeof *pair->types;
}

MUST_CHECK enum status tally_client(struct tally *tally, const struct ip *ip, uint32_t *client,
                                    struct error *err);
MUST_CHECK enum status tally_domain(struct tally *tally, const uint8_t *wire, size_t bytes, uint32_t *domain,
                                    struct error *err);
MUST_CHECK enum status tally_name(struct tally *tally, const struct suffixes *suffixes,
                                  const struct qname *qname, uint64_t hash, struct name **name,
                                  struct error *err);
MUST_CHECK enum status tally_row(struct tally *tally, struct row_key key, struct row **row,
                                 struct error *err);
MUST_CHECK enum status tally_slot(struct tally *tally, uint32_t slot, uint32_t client, struct slot **out,
                                  struct error *err);

/** Finds what a client asked for in a slot, made when it is not there; NULL when it is not kept. `hash` is
 * the key's map_hash. The client is tabled from there on. Local. */
MUST_CHECK enum status tally_asked(struct tally *tally, const struct tally_plan *plan, struct slot *slot,
                                   struct asked_key key, uint64_t hash, struct asked **asked,
                                   struct error *err);

/** Finds a pair, made when it is not there; NULL when it is not kept. Local. */
MUST_CHECK enum status tally_pair(struct tally *tally, const struct tally_plan *plan, struct pair_key key,
                                  uint64_t hash, struct pair **pair, struct error *err);
MUST_CHECK enum status tally_source(struct tally *tally, uint64_t resolver, uint32_t window, struct span text,
                                    size_t unit_count, struct source **source, struct error *err);
MUST_CHECK enum status tally_record(struct tally *tally, const struct line_record *record, struct error *err);

/** Adds `queries` of a type to the pair's list. Local. */
MUST_CHECK enum status pair_add_type(struct pair *pair, uint32_t qtype, uint32_t queries, struct error *err);

/** Returns the pair's seconds, or units, [second_count]. Local. */
static inline uint32_t *pair_seconds(struct pair *pair)
{
    return pair->second_capacity == PAIR_FEW_SECONDS ? pair->seconds.few : pair->seconds.items;
}

/** Adds a second since midnight, or a unit when the pair is in units. Local. */
MUST_CHECK enum status pair_add_second(struct pair *pair, uint32_t second, int64_t unit_s, struct error *err);

/** Sorts seconds, drops doubles, and makes units of them when there are too many; returns how many there are
 * then. Local. */
uint32_t seconds_settle(uint32_t *seconds, uint32_t count, int64_t unit_s, bool *in_units);

/** Goes over from seconds to units for good. Local. */
void pair_to_units(struct pair *pair, int64_t unit_s);

/** Frees the pair's lists. Local. */
void pair_clear(struct pair *pair);

/** Sorts the pair's seconds, drops doubles, and goes over to units when there are too many. Local. */
void pair_settle_seconds(struct pair *pair, int64_t unit_s);

/** Merges a spelling in mixed case into an entry's: the least is kept, with its changes of case, and whether
 * there was another. Local. */
void spelling_add(uint64_t *kept, uint16_t *kept_changes, uint8_t *kept_respelled, uint64_t spelling,
                  uint16_t case_changes, bool respelled);

/** Fills the source_* columns of a table whose arrays are made. Local. */
MUST_CHECK enum status sources_fill(const struct tallies *tallies, const struct tally *tally,
                                    struct day_table *table, struct error *err);

/** Fills the line_*, minute_* and reject_* columns of a table whose arrays are made. Local. */
MUST_CHECK enum status lines_fill(const struct tally *tally, struct day_table *table, struct error *err);

/** By type: its place among the asked types + 1, and ASKED_ODD when it is odd; 0: another type. */
extern const uint8_t ASKED_BY_NUMBER[UINT16_MAX + 1];

#define ASKED_ODD 0x80
#define ASKED_OTHER 63

/** Returns the bit of a type in asked_types, and whether it is odd. Local. */
static inline unsigned asked_bit(uint16_t qtype, bool *odd)
{
    const unsigned known = ASKED_BY_NUMBER[qtype];
    *odd = known == 0 || known & ASKED_ODD;
    return known == 0 ? ASKED_OTHER : (known & ~(unsigned)ASKED_ODD) - 1;
}

#define QTYPE_PTR 12
#define QTYPE_TXT 16

/** Returns whether a pair lists queries of this type: A, PTR, AAAA and HTTPS are so many that it does not.
 * Local. */
static inline bool is_type_listed(uint16_t qtype)
{
    return qtype != 1 && qtype != 28 && qtype != 12 && qtype != 65;
}

/** Adds to a row's tick, up to what it holds. Local. */
static inline void tick_add(struct row *row, enum row_tick tick, uint32_t count)
{
    uint32_t sum = row->ticks[tick] + count;
    row->ticks[tick] = sum >= count ? sum : UINT32_MAX;
}

#endif
