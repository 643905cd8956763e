/**
 * From queries to the tables of a day: what each IP did in each window, which names and domains it asked for.
 *
 *     struct query ──tallies_query──► struct tallies ──pack, exchange, merge──► owner ──tally_finish──►
 * struct day_table
 *
 * A tally is partial: it holds what one rank saw of one shard (a local day, and a part of the IPs). Tallies
 * merge by sums, least, largest, bit-or and sets, so the result does not depend on where the archive was cut,
 * on the order of lines or on who read them. The shard's owner merges and finishes; a day_table holds raw
 * integers only. Everything in it is ordered by content.
 *
 * Sets have limits: of a client with more names or domains those of least hash are kept, and what is counted
 * over them is scaled up (tallies_limit).
 *
 * Repeated queries (an estimate of cache hits) need the first asker in a slot of 300 s over all clients, so
 * they go another way: struct tallies keeps candidates, each is settled by one rank once the limits are known
 * (tallies_settle), and the one miss is counted in its row.
 */
#ifndef FEATURE_FEATURE_H
#define FEATURE_FEATURE_H

#include "base/error.h"
#include "base/ip.h"
#include "base/zone.h"
#include "feature/day_table.h"
#include "job/job.h"
#include "parse/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version of the tables: a store with another one is not continued. */
#define TABLE_VERSION 2

/** Most units that a window may have. */
#define UNITS_MOST 3600

/** Most queries of an IP in a window: Σ c·log2(c) over its domains must fit, 2^26 · 26 · 2^32 < 2^63. */
#define ROW_QUERIES_MOST ((int64_t)1 << 26)

/** Encodings a name may show (rule 7), as bits. */
enum encoding { ENCODING_HEX = 1, ENCODING_BASE32 = 2, ENCODING_BASE64 = 4, ENCODING_EIGHT_BIT = 8 };

enum row_count {
#define COUNT(NAME, name, merge, unit, text) ROW_##NAME,
#include "feature/row_counts.def"
#undef COUNT
    ROW_COUNTS,
};

enum line_count {
#define X(NAME, name, text) LINES_##NAME,
#include "feature/line_kinds.def"
#undef X
    LINE_COUNTS,
};

/** Returns the name of a kind of line, such as "query". Borrowed, static. Local. */
const char *line_count_name(enum line_count kind);

/** Returns what a kind of line is. Borrowed, static. Local. */
const char *line_count_text(enum line_count kind);

/* ---- registered domains ---- */

struct suffixes;

/**
 * Reads a list of public suffixes, one rule a line ("com", "*.ck", "!www.ck"), '#' begins a comment. Local.
 *
 * @param out  returns new; free it with suffixes_free
 * @return     STATUS_IO, STATUS_CORRUPT with path:line
 */
MUST_CHECK enum status suffixes_read(const char *path, struct suffixes **out, struct error *err);

/** Takes the list, or NULL. Local. */
void suffixes_free(struct suffixes *suffixes);

/** Returns a hash of the rules, the same for the same rules in any order. Local. */
uint64_t suffixes_hash(const struct suffixes *suffixes);

/**
 * Returns how many labels of the name stand before its registered domain. Local.
 *
 * By the algorithm of publicsuffix.org: the longest rule wins, an exception wins over all, and "*" is the
 * rule of last resort. A name that is itself a suffix has no registered domain: all of it stands for one, and
 * 0 is returned.
 *
 * @param suffix_labels  returns how many labels the public suffix has; may be NULL
 */
size_t suffixes_sub_labels(const struct suffixes *suffixes, const struct qname *qname, size_t *suffix_labels);

/* ---- what is known of a name, whoever asks ---- */

struct name_traits {
    uint16_t sub_bytes;  // length of the part before the registered domain, inner dots counted
    uint8_t sub_labels;  // its labels
    uint8_t label_max;  // the longest label of the name
    int32_t bigram_score;  // 1/256 bit
    uint16_t bigrams;
    uint8_t encodings;  // enum encoding, without base64
    uint16_t encoded_bytes;  // the longest run of labels in one of them
};

/** Works out the traits of a name that letter case does not change. Local. */
void name_traits_find(const struct suffixes *suffixes, const struct qname *qname, struct name_traits *traits);

/**
 * Returns ENCODING_BASE64 when a run of the first `sub_labels` labels looks like base64, else 0. Local.
 *
 * @param wire  borrowed, the name as sent: base64 needs both cases
 */
uint8_t name_base64(const uint8_t *wire, size_t sub_labels);

/* ---- tallies ---- */

/** How much of scanned lines is counted: all; only rows, which is what the talk's features are made of; or
 * nothing, once clients and names have been looked up. */
enum tally_depth { TALLY_ALL, TALLY_ROWS, TALLY_NAMES };

/** How a tally is taken: everything here is part of a shard's fingerprint. */
struct tally_plan {
    const struct zone *zone;  // borrowed; the features' zone, which cuts the days
    const struct suffixes *suffixes;  // borrowed
    int64_t window_s;
    int64_t unit_s;
    int64_t first_day;  // days since 1970-01-01, local: [first_day, end_day) is tallied
    int64_t end_day;
    const struct ip_range *clients;  // borrowed; the watched ranges, all when there are none
    size_t client_count;
    int ipv6_prefix;
    int parts;  // a power of two
    int64_t names_most;  // limits.names: kept of a slot and IP
    int64_t pairs_most;  // limits.pairs: kept of a day and IP
    int64_t ip_names_most;  // limits.ip_names: kept of a day and IP; of all unwatched IPs together
    enum tally_depth depth;  // TALLY_ALL but where it is measured how long each takes
};

/** Checks that window and unit can be used together. Returns STATUS_USAGE naming the key. Local. */
MUST_CHECK enum status tally_plan_check(const struct tally_plan *plan, struct error *err);

struct tallies;

/** Returns new, empty tallies, or NULL without memory; free them with tallies_free. Borrows `plan` for life.
 * Local. */
struct tallies *tallies_new(const struct tally_plan *plan);

/** Takes the tallies, or NULL. Local. */
void tallies_free(struct tallies *tallies);

/** Returns how many bytes of memory the tallies hold, but for what they remember of clients on all days.
 * Local. */
size_t tallies_bytes(const struct tallies *tallies);

/** Returns the local day of a time, as days since 1970-01-01, if it is one that is tallied; else INT64_MIN.
 * Local. */
int64_t tallies_day(struct tallies *tallies, int64_t time_ms);

/**
 * Returns who was asked: the server's address that the line prints, else `other`. Local.
 *
 * @param text  room for the address; the result may point there
 */
struct span resolver_text(const struct query *query, struct span other, char text[IP_TEXT_BYTES]);

/**
 * Counts a query. Local.
 *
 * @param query     borrowed; a query with a time
 * @param resolver  borrowed; who was asked, by resolver_text
 * @param kind      returns LINES_QUERY, LINES_UNWATCHED or LINES_OUTSIDE
 * @return          STATUS_NO_MEMORY
 */
MUST_CHECK enum status tallies_query(struct tallies *tallies, const struct query *query, struct span resolver,
                                     enum line_count *kind, struct error *err);

/**
 * Counts a line of any kind in the resolver's own table. Local.
 *
 * @param is_query  whether it is a query, doubled ones included
 * @param repeated  whether it is a query equal to the line before
 */
MUST_CHECK enum status tallies_line(struct tallies *tallies, int64_t time_ms, struct span resolver,
                                    bool is_query, bool repeated, struct error *err);

/** Returns in which span of time lines are on the day of the last tallies_day, [from, to); false when that
 * day is not tallied. Local. */
bool tallies_span(const struct tallies *tallies, int64_t *from_ms, int64_t *to_ms);

/** Who the servers of a parser's scanned lines are in the tallies; zero for a new parser. */
struct scan_servers {
    uint32_t resolver[SCAN_SERVERS];  // number + 1
};

/**
 * Counts scanned lines, as tallies_line and tallies_query do one by one. Local.
 *
 * @param scans      borrowed, [count], at most SCAN_LINES, all in the span of tallies_span
 * @param done       returns how many were counted: fewer than count when the next one is no query after all
 * @param unwatched  returns how many of these were of unwatched clients
 * @return           as tallies_query
 */
MUST_CHECK enum status tallies_scans(struct tallies *tallies, const struct line_parser *parser,
                                     struct scan_servers *servers, const struct scan *scans, size_t count,
                                     size_t *done, size_t *unwatched, struct error *err);

/** What a piece of a file gave to one day; the store keeps it beside the tables to find raw lines again. */
struct line_record {
    const char *path;  // borrowed
    int64_t from;  // first byte of the piece
    int64_t kinds[LINE_COUNTS];
    int64_t bytes;
    int64_t first_ms;
    int64_t last_ms;
    const int64_t *minutes;  // borrowed, [minute_count]
    const int64_t *offsets;  // borrowed, [minute_count]
    size_t minute_count;
    const struct line_reject *rejects;  // borrowed, [reject_count]
    size_t reject_count;
};

/** Bytes of a reject's sample, with the final '\0'. */
#define REJECT_TEXT_BYTES 200

struct line_reject {
    int64_t offset;
    char text[REJECT_TEXT_BYTES];  // escaped for a terminal, and the reason
};

/** Adds the record of a piece to the day's first part. Borrows `record`. Local. */
MUST_CHECK enum status tallies_record(struct tallies *tallies, int64_t day, const struct line_record *record,
                                      struct error *err);

/* ---- who asked first in a slot of 300 s ---- */

/** One question of one asker in one slot, and when he asked it first. Plain bytes, as sent between ranks. */
struct miss {
    uint64_t name;  // content hash
    uint64_t resolver;  // content hash
    int32_t slot;  // time / 300 s
    uint32_t qtype;
    int64_t day;  // local
    int64_t time_ms;
    struct ip ip;
};

/** Up to which hash the names of a client are kept in a slot. Plain bytes, as sent between ranks. */
struct name_bound {
    struct ip ip;
    int64_t day;  // local
    int64_t slot;  // of the day; -1: of all unwatched clients
    uint64_t hash;
};

/** Questions that a client asked first in a slot. Plain bytes, as sent between ranks. */
struct win {
    struct ip ip;
    int64_t day;  // local
    int64_t slot;  // of the day
    int64_t misses, misses_ptr;
};

/**
 * Takes the candidates of some days, [first_day, last_day], out of the tallies. Local.
 *
 * @param with_notes  also those that stand in notes: else they go where the notes go
 * @param misses  returns new, [count], in no order; free() it
 */
MUST_CHECK enum status tallies_misses(struct tallies *tallies, int64_t first_day, int64_t last_day,
                                      bool with_notes, struct miss **misses, size_t *count,
                                      struct error *err);

/** Returns which of `ranks` settles this question. Local. */
int miss_owner(const struct miss *miss, int ranks);

/** Forgets the candidates of a day. Local. */
void tallies_forget_misses(struct tallies *tallies, int64_t day);

/**
 * Finds the bounds of all clients that have more names than are kept, once tallies_limit was called for every
 * shard of these days, [first_day, last_day]. Local.
 *
 * @param bounds  returns new, [count]; free() it
 */
MUST_CHECK enum status tallies_bounds(const struct tallies *tallies, int64_t first_day, int64_t last_day,
                                      struct name_bound **bounds, size_t *count, struct error *err);

/** Local days, both ends among them. */
struct day_range {
    int64_t first, last;
};

/**
 * Settles candidates: finds the least (time, IP) of each question, among those that are kept. Local.
 *
 * With everything that came for this rank about some slots, and what was noted of queries of some days; the
 * tallies' own other candidates have no part in it.
 *
 * @param days    of which notes take part
 * @param misses  borrowed, [count]
 * @param bounds  borrowed, [bound_count]: those of all ranks
 * @param wins    returns new, [win_count], one a client and slot; free() it
 */
MUST_CHECK enum status tallies_settle(struct tallies *tallies, const struct day_range *days,
                                      const struct miss *misses, size_t count,
                                      const struct name_bound *bounds, size_t bound_count, struct win **wins,
                                      size_t *win_count, struct error *err);

/** As tallies_settle, of all the tallies' own candidates of a day, which are forgotten. Local. */
MUST_CHECK enum status tallies_settle_own(struct tallies *tallies, int64_t day,
                                          const struct name_bound *bounds, size_t bound_count,
                                          struct win **wins, size_t *win_count, struct error *err);

/** What takes some bytes of packed tallies: slices are numbered by client, hours from 1970-01-01. */
typedef enum status tallies_packed(void *context, int64_t number, const unsigned char *bytes, size_t count,
                                   struct error *err);

/** Packs the candidates of a day that do not stand in notes, hour by hour, and forgets them here. Local. */
MUST_CHECK enum status tallies_pack_misses(struct tallies *tallies, int64_t day, tallies_packed *packed,
                                           void *context, struct error *err);

/** Packs those that stand in notes, which are none any more. Local. */
MUST_CHECK enum status tallies_pack_noted(struct tallies *tallies, int64_t day, tallies_packed *packed,
                                          void *context, struct error *err);

/** Ends the competing of notes of some days, [first_day, last_day], that were packed before. Local. */
void tallies_retire_notes(struct tallies *tallies, int64_t first_day, int64_t last_day);

/** Puts packed candidates of a day back; only into the tallies that they come from. Local. */
MUST_CHECK enum status tallies_put_misses(struct tallies *tallies, int64_t day, const unsigned char *bytes,
                                          size_t count, struct error *err);

/** Returns the part of a shard that the client belongs to. Local. */
int win_part(const struct win *win, int parts);

/** Counts what was settled in the rows of clients whose shards are here, those of one of `slices`. Local. */
MUST_CHECK enum status tallies_wins(struct tallies *tallies, const struct win *wins, size_t count, int slices,
                                    int slice, struct error *err);

/** Does all that for a day that no other rank has read a line of, after tallies_limit for all its parts.
 * Local. */
MUST_CHECK enum status tallies_settle_day(struct tallies *tallies, int64_t day, struct error *err);

/* ---- partial tallies on their way to the shard's owner ---- */

/** Returns how many shards the tallies touch. Local. */
size_t tallies_count(const struct tallies *tallies);

/** Returns how many bytes of memory shard `at` holds. Local. */
size_t tallies_shard_bytes(const struct tallies *tallies, size_t at);

/** Returns about how many bytes it will hold at most while it is finished. Local. */
size_t tallies_shard_room(const struct tallies *tallies, size_t at);

/** Counts what was noted of queries in tables, which hold a client's repeated queries in less. Local. */
MUST_CHECK enum status tallies_fold(struct tallies *tallies, struct error *err);

/** Returns how many bytes of memory the candidates of some days hold, [first_day, last_day]. Local. */
size_t tallies_miss_bytes(const struct tallies *tallies, int64_t first_day, int64_t last_day);

/** Returns whether shard `at` is still there, and its day and part. Local. */
bool tallies_shard(const struct tallies *tallies, size_t at, int64_t *day, int *part);

/**
 * Appends shard `at` to a growing buffer as bytes for tallies_merge. Local.
 *
 * @param bytes  points at the buffer, new or grown; the caller frees it
 */
MUST_CHECK enum status tallies_pack(struct tallies *tallies, size_t at, unsigned char **bytes, size_t *count,
                                    size_t *capacity, struct error *err);

/** In how many slices a shard may be packed. */
#define TALLY_SLICES 16

/** Returns to which of `slices` a client belongs. Local. */
int tally_slice(const struct ip *ip, int slices);

/**
 * As tallies_pack, in slices by client: each that is not empty goes to `packed` with its number. What belongs
 * to no watched client is in slice 0, which is never empty. Local.
 *
 * @param slices  1 … TALLY_SLICES
 */
MUST_CHECK enum status tallies_pack_slices(struct tallies *tallies, size_t at, int slices,
                                           tallies_packed *packed, void *context, struct error *err);

/** Finds the shard of a day and part, made empty when it is not there: a part without any IP is a shard too.
 * Local. */
MUST_CHECK enum status tallies_touch(struct tallies *tallies, int64_t day, int part, size_t *at,
                                     struct error *err);

/** Forgets shard `at`, whose bytes went to its owner. Local. */
void tallies_drop(struct tallies *tallies, size_t at);

/** Merges everything in a buffer of packed shards into the tallies. Local. */
MUST_CHECK enum status tallies_merge(struct tallies *tallies, const unsigned char *bytes, size_t count,
                                     struct error *err);

/**
 * Settles what is kept of clients that have more names or domains than the limits say, when everything of
 * shard `at` has come together. Local.
 *
 * Those of least hash are kept; sums over names are scaled up when the shard is finished, and the row says
 * so.
 */
MUST_CHECK enum status tallies_limit(struct tallies *tallies, size_t at, struct error *err);

/** Gives back the memory of entries that are not needed any more, when it is much. Local. */
MUST_CHECK enum status tallies_compact(struct tallies *tallies, struct error *err);

/**
 * Makes the finished table of shard `at`: counts that need the merged whole, and the order by content. Local.
 *
 * Once a shard: what the pairs know is added to the tally's domains.
 *
 * @param table  filled; free its arrays with day_table_clear
 * @return       STATUS_LIMIT naming the limit, STATUS_NO_MEMORY
 */
MUST_CHECK enum status tallies_finish(struct tallies *tallies, size_t at, struct day_table *table,
                                      struct error *err);

struct finishing;

/**
 * Begins what tallies_finish does, without making the whole table: its largest columns are made one at a
 * time. Local.
 *
 * @param finishing  returns new; borrows the tallies, in which shard `at` stays as it is. Free it with
 *                   finishing_free
 */
MUST_CHECK enum status tallies_finish_begin(struct tallies *tallies, size_t at, struct finishing **finishing,
                                            struct error *err);

/** Returns the table's day and sizes; not all of its arrays are there. Borrowed. Local. */
const struct day_table *finishing_head(const struct finishing *finishing);

/** Finds the values of a column, borrowed until the next call. Local. */
MUST_CHECK enum status finishing_column(struct finishing *finishing, enum day_column column,
                                        const void **values, struct error *err);

/** Takes it, or NULL. Local. */
void finishing_free(struct finishing *finishing);

/* ---- the models' features ---- */

/** Most features that a set may have; the grid of k-means holds to 32. */
#define FEATURES_MOST 32

/** Features of the talk's set, in the order of its publication: what kmeans2 always works on. */
#define TALK_FEATURES 15

enum feature_how { FEATURE_SHARE, FEATURE_RATIO, FEATURE_COUNT, FEATURE_FLAG };
enum feature_transform { FEATURE_NONE, FEATURE_ROOT, FEATURE_LOG };

struct feature_info {
    const char *name;
    const char *unit;
    enum feature_how how;
    enum feature_transform transform;
    double floor;  // least scale, in units of the transformed value
    const char *text;
};

enum full_feature {
#define FEATURES_FULL
#define X(NAME, name, unit, how, transform, floor, text) FULL_##NAME,
#include "feature/features.def"
#undef X
#undef FEATURES_FULL
    FULL_FEATURES,
};

enum talk_feature {
#define FEATURES_TALK
#define X(NAME, name, unit, how, transform, floor, text) TALK_##NAME,
#include "feature/features.def"
#undef X
#undef FEATURES_TALK
    TALK_FEATURE_COUNT,
};

/** Returns how many features a set has. Local. */
size_t feature_count(enum job_feature_set set);

/** Returns what feature `at` of a set is. Borrowed, static. Local. */
const struct feature_info *feature_info(enum job_feature_set set, size_t at);

/** Returns what a feature is, by content: a hash of its name, unit, kind, transform and least scale, and of
 * the version of the formulas that make its numbers. Rows of another definition are another model's. Local.
 */
uint64_t feature_definition(enum job_feature_set set, size_t at);

/**
 * Returns the value of a feature as the models see it, before scaling. Local.
 *
 * @param num    numerator, count or flag
 * @param den    denominator of a RATIO, queries of a SHARE; unused otherwise
 * @param prior  the training rows' mean share, for a SHARE
 */
float feature_value(const struct feature_info *info, double num, double den, double prior);

#endif
