/* What the files of this room share: the records that go from a day's reader to their owner, and what a
 * host's owner sees of it. */
#ifndef EVIDENCE_INTERNAL_H
#define EVIDENCE_INTERNAL_H

#include "base/map.h"
#include "evidence/evidence.h"
#include "feeds.h"

/* How far back a day looks. */
#define PAST_DAYS 30

/* A day of 25 hours needs 25 bits; the last one counts as the 24th hour of the day. */
#define HOURS 25

/* Windows over which a statistic is taken, in the order of the thresholds. */
enum { WINDOWS = 3 };
extern const int64_t WINDOW_DAYS[WINDOWS];

/* ---- records: plain bytes, no padding ---- */

/* A host on a day. */
struct host_record {
    struct ip ip;
    int64_t day;
    int64_t queries;
    int64_t peak_queries, peak_names;  // of its busiest hour
    int64_t storm_queries;  // most queries for one name in an hour
    int64_t storm_hour, storm_hour_queries;  // that hour, and all its queries
    uint64_t storm_name, storm_domain;
    uint32_t hours;  // bit h: a query in hour h
    uint32_t common_hours;  // … for a domain that is not rare: the host itself, not what hides in it
    uint32_t mixes_case;  // of all names, on purpose (0x20)
    uint32_t volume_cycles;  // a day, of the strongest line of its volume
    double volume_line;  // its ratio; 0: none
    // Filled by the owner: domains asked once, those of them that are bare, and the types that all were asked
    // by, 0 when they differ or are the host's own; its other rare domains, and those asked by these types.
    int64_t one_shots, bare_one_shots;
    uint64_t one_shot_types;
    int64_t other_pairs, others_alike;
};

/* What the rules see in a name. */
enum name_trait {
    TRAIT_LONG = 1,  // 63 bytes or more before its domain
    TRAIT_FULL_LABEL = 2,  // a label of 63 bytes
    TRAIT_ENCODED = 4,  // hex, base32, base64 or 8-bit data
    TRAIT_MIXED = 8,  // upper and lower case by turns
    TRAIT_TXT = 16,  // asked by type TXT
    TRAIT_KNOWN = 32,  // of software that puts data into names, such as an anti-virus program
    TRAIT_LOOKUP = 64,  // … where its maker alone answers: nobody else gets a name there
};

/* What a host did under a rare domain on a day. */
struct pair_day {
    struct ip ip;
    uint64_t domain;
    int64_t day;
    int64_t first_day;  // on which anybody asked under the domain, in the days that are known
    int64_t reach;  // clients of the domain in the 30 days to this one
    int64_t queries, odd;
    int64_t null, private;  // rows of these types: of odd queries, those that are of no other odd type
    int64_t first_ms, last_ms;
    uint64_t types;  // by asked_types.def
    uint32_t hours;
    uint32_t names;
    uint32_t bare_names;  // names that are the domain itself
    uint32_t is_regular;
    uint32_t is_private;  // under a suffix at which anybody gets names, such as cloudfront.net
    uint32_t txt;  // queries of type TXT, but for those of mail and of other services
    uint32_t txt_hour;  // most of these in an hour of which they are the share that rule 5 asks for
    int32_t bigram_score;  // letter pairs of its names against random ones, summed
    uint32_t bigrams;
    uint32_t clock;  // rule 2: % of the regularity that it asks for
    uint32_t is_zone;  // not a registered domain but a zone below one that is not rare
    int32_t least_score;  // letter pairs of the name that has the fewest: the domain's own
    uint32_t least_bigrams;
    uint32_t gap;  // seconds between its queries, their median, where they come regularly and one at a time;
                   // else 0
};

/* A name of such a pair. */
struct pair_name {
    struct ip ip;
    uint64_t domain;
    int64_t day;
    uint64_t name;
    uint64_t shape;  // hash of the name with every run of digits as one: counters are alike
    uint32_t bytes;  // before the domain; 0 when the name carries no information (numbers, services, arpa)
    uint16_t traits;  // enum name_trait, bit-or
    uint16_t data_bytes;  // what an encoded one carries, decoded
};

/* The share of a type among a host's queries, by the hour of a day. */
#define SHARE_WHOLE 10000
#define SHARE_NONE UINT16_MAX

struct type_day {
    struct ip ip;
    int64_t day;
    int32_t type;  // one of row_traits.c's
    uint16_t shares[HOURS];  // of SHARE_WHOLE; SHARE_NONE: no query
    uint16_t unused;
};

/* Rule 1: what a host asked in windows in which it asked the same resolvers, PTR apart. */
struct ratio_day {
    struct ip ip;
    int64_t day;
    int64_t resolvers;  // row_resolver_set
    int64_t queries, hits;  // those that somebody had asked the same resolver in the same 300 s
};

/* A name on a list, and who asked for it. */
struct listed_name {
    struct ip ip;
    uint64_t domain;
    int64_t day;
    uint64_t name;
    int64_t queries;
    uint32_t feed, line;
    uint32_t is_critical, is_address;
    uint64_t entry;
};

/* ---- what the owner of a host sees ---- */

struct pair_view {
    uint64_t domain;
    const struct pair_day *days;  // [day_count] ascending
    size_t day_count;
    const struct pair_name *names;  // [name_count] by day, then name
    size_t name_count;
};

struct host_view {
    struct ip ip;
    enum role role;
    const struct host_record *days;  // [day_count] ascending
    size_t day_count;
    struct pair_view *pairs;  // [pair_count] by domain
    size_t pair_count;
    const struct type_day *types;  // [type_count] by type, then day
    size_t type_count;
    const struct ratio_day *ratios;  // [ratio_count] by day, then resolvers
    size_t ratio_count;
};

/* A stored day. */
struct known_day {
    int64_t day;
    int64_t clients;  // watched hosts that asked
    int hours;  // it has: 23, 24 or 25
    uint32_t hours_seen;  // in which any resolver logged any line
    bool is_holiday;
    bool is_judged;
};

/* A zone below a common domain that is judged as a domain of its own. Plain bytes. */
#define ZONE_TEXT_MOST 255
struct zone_name {
    uint64_t zone;
    uint64_t parent;  // the registered domain
    char text[ZONE_TEXT_MOST + 1];
};

/* A zone that many asked on a day. Plain bytes. */
struct common_zone {
    uint64_t zone;
    int64_t day;
};

struct findings {
    struct evidence *items;  // [count]
    size_t count, capacity;
};

struct search {
    const struct team *team;
    const struct evidence_plan *plan;
    struct store_day *stored;  // [day_count] ascending: the span and its past
    struct known_day *days;  // [day_count], the same on every rank
    size_t day_count;
    struct feeds feeds;
    struct allow *allow;
    void *host_days, *pair_days, *pair_names, *type_days, *ratio_days,
        *listed;  // of the hosts that this rank owns, sorted
    size_t host_day_count, pair_day_count, pair_name_count, type_day_count, ratio_day_count, listed_count;
    struct host_view *hosts;  // [host_count] ascending
    size_t host_count;
    struct pair_view *pairs;
    int64_t (*one_shot_peers)[ROLES];  // [day_count]: what few hosts of a role exceed
    int64_t (*peak_peers)[ROLES];
    uint32_t (*rest_hours)[ROLES];  // [day_count] in which hosts of a role rest
    struct zone_name *zones;  // [zone_count] ascending, the same on every rank
    size_t zone_count;
    struct findings findings;
};

/* ---- domains.c: how common is a domain ---- */

struct domain_fact {
    uint64_t domain;  // key
    int64_t day;
    int64_t reach;  // clients in the 30 days to this one, an estimate from 64 on
    int64_t first_day;
};

/* Works out the facts of the domains of this rank's days: [count] by day, then domain. free() them.
 * Collective. */
MUST_CHECK enum status domain_facts_find(const struct search *search, struct domain_fact **facts,
                                         size_t *count, struct error *err);

/* ---- load.c ---- */

/* Reads tables of search->stored[at], by machine where there are leases. */
MUST_CHECK enum status search_day_read(const struct search *search, size_t at, uint32_t wanted,
                                       struct day_table *table, struct error *err);

/* Which days this rank reads: [from, to) of search->stored. */
void search_days_mine(const struct search *search, size_t *from, size_t *to);

/* The rank that reads a day, for team_deal; `context` is the search. */
int search_reader(const struct search *search, int64_t day, int ranks);

/* Lists the days, reads them, and gives each host's records to its owner. Collective. */
MUST_CHECK enum status search_load(struct search *search, struct error *err);

/* ---- day.c: a day's tables as records ---- */

struct day_records {
    struct host_record *hosts;
    size_t host_count, host_capacity;
    struct pair_day *pairs;
    size_t pair_count, pair_capacity;
    struct pair_name *names;
    size_t name_count, name_capacity;
    struct type_day *types;
    size_t type_count, type_capacity;
    struct ratio_day *ratios;
    size_t ratio_count, ratio_capacity;
    struct listed_name *listed;
    size_t listed_count, listed_capacity;
    struct zone_name *zones;
    size_t zone_count, zone_capacity;
    struct common_zone *common_zones;
    size_t common_zone_count, common_zone_capacity;
};

/* Adds the names of a day that are on a list. */
MUST_CHECK enum status listed_add(struct day_records *records, const struct day_table *table,
                                  const struct feeds *feeds, struct error *err);

/* Judges what this rank's hosts asked of listed names. */
MUST_CHECK enum status listed_find(struct search *search, struct error *err);

/* Adds the records of a day. `facts` are its domains', ascending, the same number as the table's. */
MUST_CHECK enum status day_records_add(struct day_records *records, const struct day_table *table,
                                       const struct domain_fact *facts, const struct search *search,
                                       int64_t rare_most, struct error *err);

/* ---- zones.c: where a tunnel hides under a domain that everybody asks ---- */

/* A zone is a label and the registered domain behind it. */
struct zone_found {
    uint64_t hash;  // as of a domain of this name
    size_t text_bytes;  // of "label.domain"
};

/* The zones of a day: under a domain that is not rare, of several names, and asked by few. */
struct zones {
    uint32_t *of_name;  // [names] number of the zone, from 1; 0: in none
    struct zone_found *items;  // [count + 1] by number
    size_t count;
};

/* Finds the zones of a day, and adds their names to the records. Free them with zones_clear. */
MUST_CHECK enum status zones_find(const struct day_table *table, const struct domain_fact *facts,
                                  int64_t rare_most, struct zones *zones, struct day_records *records,
                                  struct error *err);
void zones_clear(struct zones *zones);

/* Tells all ranks the zones of all days, and takes out of `mine` what was asked of zones that many asked on
 * some day of the 30 to it. Collective. */
MUST_CHECK enum status zones_share(struct search *search, struct day_records *mine, struct error *err);

/* The registered domain of a zone, 0 when the hash is of no zone; and the zone's text. */
const struct zone_name *zone_of(const struct search *search, uint64_t hash);

/* ---- names.c ---- */

/* Bytes before the domain that can carry information: 0 for services, numbers and reversed addresses. */
size_t name_information(const char *name, size_t count, size_t domain_count, size_t sub_bytes);

/* Whether a label of name[sub_count] says what the name is for, as "_dmarc" does. */
bool name_has_service(const char *name, size_t sub_count);

/* Whether a registered domain stands under a suffix of a private registry: a maker, a cloud, a provider of
 * dynamic names. Who gets a name there is not told by who asks for it, and new ones are everyday business. */
bool suffix_is_private(const char *domain, size_t count);

/* Hash of what comes before the domain, every run of digits taken as one, but for a digit between two
 * letters: a counter's names have one shape, names that carry data have as many as there are names. */
uint64_t name_shape(const char *name, size_t count, size_t domain_count);

/* Fills list->names with the texts of all hashes in the evidence. Collective. */
MUST_CHECK enum status texts_find(const struct search *search, struct evidence_list *list, struct error *err);

/* ---- mechanisms; a host's are Local, campaign_find and peers_find Collective ---- */

/* Index of a day in search->days, or where it would stand. */
size_t day_index(const struct search *search, int64_t day);

/* Adds evidence when a value reaches its threshold in any window: values[] are over 1, 5 and 30 days. What
 * about->bits holds is added to the bits. */
MUST_CHECK enum status evidence_add(struct search *search, const struct evidence *about,
                                    enum mechanism mechanism, const int64_t values[WINDOWS],
                                    struct error *err);

/* Adds evidence as it stands, its bits at most those that its day allows. */
MUST_CHECK enum status evidence_take(struct search *search, const struct evidence *item, struct error *err);

/* As evidence_add, for other thresholds than the table's. */
MUST_CHECK enum status evidence_add_over(struct search *search, const struct evidence *about,
                                         enum mechanism mechanism, const int64_t values[WINDOWS],
                                         const int64_t thresholds[WINDOWS], struct error *err);

/* Keeps the hash among the least EVIDENCE_NAMES of the evidence. */
void evidence_add_name(struct evidence *about, uint64_t name);

/* Adds a day's value to the windows that end on `day`. */
void windows_add(int64_t values[WINDOWS], int64_t value, int64_t value_day, int64_t day);

MUST_CHECK enum status peers_find(struct search *search, struct error *err);
MUST_CHECK enum status campaign_find(struct search *search, struct error *err);
MUST_CHECK enum status new_names_find(struct search *search, const struct host_view *host, struct error *err);
/* Whether a pair asks new names one at a time, by a fast clock, on its day `d`. */
bool pair_polls(const struct pair_view *pair, size_t d);

MUST_CHECK enum status one_shot_find(struct search *search, const struct host_view *host, struct error *err);
MUST_CHECK enum status drawn_find(struct search *search, const struct host_view *host, struct error *err);
MUST_CHECK enum status new_clock_find(struct search *search, const struct host_view *host, struct error *err);
MUST_CHECK enum status off_hours_find(struct search *search, const struct host_view *host, struct error *err);
MUST_CHECK enum status quiet_find(struct search *search, const struct host_view *host, struct error *err);
MUST_CHECK enum status repeats_find(struct search *search, const struct host_view *host, struct error *err);
MUST_CHECK enum status odd_types_find(struct search *search, const struct host_view *host, struct error *err);
MUST_CHECK enum status null_types_find(struct search *search, const struct host_view *host,
                                       struct error *err);
MUST_CHECK enum status faults_find(struct search *search, const struct host_view *host, struct error *err);

/* Hours as bits, the 25th of a day taken for the 24th: no other day has it. */
uint32_t hours_folded(uint32_t hours);

/* The host's first day that is no earlier. */
size_t host_day_index(const struct host_view *host, int64_t day);

/* Counts, in the days of a host, the domains that are new to everybody, asked in one short episode and not
 * again. `days` are host->days. */
void one_shots_count(const struct host_view *host, struct host_record *days);

/* The median absolute deviation of gaps[count], count > 0, which are overwritten; and their median. */
int64_t gaps_spread(uint32_t *gaps, size_t count, int64_t *median);

/* The median of gaps[count] where they are alike by (median − MAD)/median, else 0; no gap is 0. Sorts them,
 * and makes them deviations. */
int64_t gaps_regular(uint32_t *gaps, size_t count);

/* How many distinct hashes there are in all[count], which are sorted here; by the 64th least where there are
 * more (k minimum values, Bar-Yossef et al. 2002), INT64_MAX when they cannot be told. */
int64_t reach_of(uint64_t *all, size_t count);

#endif
