/**
 * Evidence: what a host did with a domain, or alone, that hosts at peace do not do. Read from the store only,
 * so a new threshold judges the past as well.
 *
 *     store/DAY.h5 ─► how common each domain is ─► days of hosts, and of pairs with a rare domain ─► their
 *     owner ─► a file a mechanism ─► struct evidence_list
 *
 * A statistic over the last 1, 5 and 30 days, each against its threshold, becomes bits: log2(statistic /
 * threshold), at most 10. Only what reaches its threshold is evidence. A domain is rare on a day when in the
 * 30 days to it no more than 5 clients asked under it, or 1 % of them; everybody counts, watched or not.
 */
#ifndef EVIDENCE_EVIDENCE_H
#define EVIDENCE_EVIDENCE_H

#include "base/error.h"
#include "base/ip.h"
#include "base/zone.h"
#include "evidence/known.h"
#include "job/calendar.h"
#include "job/job.h"
#include "parallel/parallel.h"
#include "rows/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a host's evidence is added up under. */
enum incident_cause {
#define X(NAME, name, is_malice, text) CAUSE_##NAME,
#include "evidence/causes.def"
#undef X
    CAUSES,
};

/** Returns the cause's name, such as "tunnel". Borrowed, static. Local. */
const char *cause_name(enum incident_cause cause);

/** Returns whether the cause is an attacker's doing rather than a fault. Local. */
bool cause_is_malice(enum incident_cause cause);

enum mechanism {
#define X(NAME, name, statistic, cause, one, five, thirty, unit, text) MECHANISM_##NAME,
#include "evidence/mechanisms.def"
#undef X
    MECHANISMS,
};

struct mechanism_info {
    const char *name;
    int statistic;  // M1 … M8
    enum incident_cause cause;
    int64_t thresholds[3];  // of 1, 5 and 30 days
    const char *unit;
    const char *text;
};

/** Returns what a mechanism is. Borrowed, static. Local. */
const struct mechanism_info *mechanism_info(enum mechanism mechanism);

/** Returns whether evidence of the mechanism may alarm by itself; else it is no more than a notice, however
 * many bits it has, and supports other evidence. Local. */
bool mechanism_alarms(enum mechanism mechanism);

/** Most names that are kept with a piece of evidence. */
#define EVIDENCE_NAMES 8

/** Most bits that a piece of evidence has. */
#define EVIDENCE_BITS_MOST 10

/** Bits of a name on a list, and on one that the job calls critical. Of an address on a list: 0. */
#define EVIDENCE_BITS_LISTED 1
#define EVIDENCE_BITS_CRITICAL 3

/** Most bits of a day that has no earlier day in the store: everything is new there. */
#define EVIDENCE_BITS_ALONE 2

/** A statistic of a host, or of a host and a domain, that reached its threshold on a day. Plain bytes. */
struct evidence {
    struct ip ip;
    uint64_t domain;  // content hash, 0 when it is about the host
    int64_t day;  // local: the statistic is over the days that end here
    int32_t mechanism;
    int32_t window_days;  // 1, 5 or 30
    int64_t value;
    int64_t threshold;
    double bits;  // 0 … EVIDENCE_BITS_MOST
    uint64_t names[EVIDENCE_NAMES];  // content hashes of names that show it, the least ones
    int32_t name_count;
    int32_t is_silenced;  // by an allow list: told, but no part of an incident
    int32_t feed;  // the reputation list, as numbered in the job; −1 when it is not about one
    int32_t feed_line;
    int32_t allow;  // the allow list that silences it, as numbered in the job; −1: none
    int32_t allow_line;
    uint64_t entry;  // hash of the domain on that list; 0: of no list, or an address
};

/** The text of a name or domain whose hash stands in some evidence. */
struct evidence_text {
    uint64_t hash;
    size_t at;  // in texts
    size_t count;
};

/** Something about a list that somebody should know. */
struct evidence_warning {
    char where[256];  // a path, escaped for a terminal
    char what[128];
};

struct evidence_warnings {
    struct evidence_warning *items;  // [count]
    size_t count, capacity;
};

/** All evidence, by IP, cause, domain, mechanism and day; the same on every rank. */
struct evidence_list {
    struct evidence *items;  // [count]
    size_t count;
    struct evidence_text *names;  // [name_count] ascending by hash: names and domains
    size_t name_count;
    char *texts;  // as BIND prints names
    int64_t silenced_count;
    struct evidence_warnings warnings;  // about lists
};

/** Returns the software to which the evidence's domain, or else its first name that is known, belongs;
 * borrowed, NULL when it is not known. Local. */
const char *evidence_software(const struct evidence_list *list, const struct evidence *item,
                              const struct known_software *known);

/** What is judged. Everything is borrowed. */
struct evidence_plan {
    const char *dir;  // the store
    const struct leases *leases;  // NULL: an address is a machine
    int64_t from_s, to_s;  // UTC: days that overlap [from_s, to_s) are judged
    int64_t window_s;  // of the store's rows
    const struct zone *zone;  // of the store's days
    const struct calendar *calendar;
    const struct ip_role *roles;  // [role_count] ascending: of the IPs that this rank owns
    size_t role_count;
    const struct job *job;  // thresholds of the rules
    const struct known_software *known;  // NULL: none
    const struct feed_list *reputation;
    const struct text_list *allow;
};

/**
 * Finds the evidence of a span; the 30 stored days before it are its past. Collective.
 *
 * @param list  filled, the same on every rank; free it with evidence_clear. Untouched on failure.
 * @return      STATUS_CORRUPT, STATUS_NO_MEMORY; STATUS_IO when a list cannot be read
 */
MUST_CHECK enum status evidence_find(const struct team *team, const struct evidence_plan *plan,
                                     struct evidence_list *list, struct error *err);

/** Frees what the list holds; a zeroed one is fine. Local. */
void evidence_clear(struct evidence_list *list);

/** Returns the text of a hash in the evidence, [count] and borrowed; NULL when the store has it no more.
 * Local. */
const char *evidence_text_of(const struct evidence_list *list, uint64_t hash, size_t *count);

#endif
