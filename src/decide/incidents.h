/**
 * Incidents: what a host, or the hosts of a campaign, seem to do, from all evidence of one cause; with an
 * identity and a life that last from run to run.
 *
 *     struct evidence_list, acks ──incidents_make──► struct incident_list ──statuses_settle──► budget_apply
 *                        scores.h5 of the last run ──past_read──► struct past ──┘
 */
#ifndef DECIDE_INCIDENTS_H
#define DECIDE_INCIDENTS_H

#include "decide/acks.h"
#include "evidence/evidence.h"
#include "parallel/parallel.h"
#include "parse/parse.h"

#include <stddef.h>
#include <stdint.h>

enum verdict { VERDICT_NONE, VERDICT_NOTICE, VERDICT_WARNING, VERDICT_CRITICAL, VERDICTS };

/** Returns the verdict's name, such as "notice". Borrowed, static. Local. */
const char *verdict_name(enum verdict verdict);

/** The verdicts' names as flag_meanings, in the order of enum verdict. */
#define VERDICT_MEANINGS "none notice warning critical"

/** Since the last run that found other evidence. Past: it was closed in an earlier run, and is told no more.
 */
enum incident_status { INCIDENT_NEW, INCIDENT_ONGOING, INCIDENT_CLOSED, INCIDENT_PAST, INCIDENT_STATUSES };

/** Returns the status's name, such as "new". Borrowed, static. Local. */
const char *incident_status_name(enum incident_status status);

#define INCIDENT_STATUS_MEANINGS "new ongoing closed past"

/** An incident without evidence for more than so many days is closed. */
#define INCIDENT_QUIET_DAYS 7

struct incident {
    struct ip ip;  // of a campaign the host with the most bits
    uint64_t id;  // the same from run to run: hash of IP and cause, of a campaign of its domain
    uint64_t domain;  // of the strongest evidence; 0 when it is about the host
    int64_t first_day, last_day;  // local
    int64_t evidence;  // how many pieces; 0 when the last run had it and nothing is left of it
    int64_t hosts;
    double strength;  // the strongest mechanism's bits + 0.3 of each other one's
    int32_t cause;  // enum incident_cause
    int32_t verdict;  // enum verdict
    int32_t status;  // enum incident_status
    int32_t ack;  // enum ack: benign when all of its evidence is, else the gravest word
    int32_t is_told;  // within the budget, or above it
    int32_t past;  // where its domain's text is, in the past; −1: in the evidence
    int32_t supports_only;  // none of its mechanisms may alarm by itself
    int32_t unused;
};

/** An IP that takes part in an incident. */
struct incident_link {
    struct ip ip;
    int64_t incident;
};

/** By IP, then cause, then domain; the same on every rank. */
struct incident_list {
    struct incident *items;  // [count]
    size_t count;
    int32_t *of_evidence;  // [evidence->count] which incident a piece belongs to, −1 when silenced
    struct incident_link *links;  // [link_count] by IP, each once
    size_t link_count;
};

/**
 * Adds up the evidence of each IP and cause, and of each domain with a campaign. Local.
 *
 * A warning has one statistic of a bit or more; a critical one 3 bits in all, or two statistics of a bit on
 * the same domain. A fault is a warning at most. What was called benign counts only where nothing else is
 * left; the incident is then benign as a whole.
 *
 * @param marks  borrowed, [evidence->count] enum ack; NULL: nobody said anything
 * @param list   filled, the same on every rank; free it with incidents_clear
 */
MUST_CHECK enum status incidents_make(const struct evidence_list *evidence, const uint8_t *marks,
                                      struct incident_list *list, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void incidents_clear(struct incident_list *list);

/** An incident of the last run. Plain bytes. */
struct past_incident {
    struct ip ip;
    uint64_t id;
    int64_t first_day, last_day;
    double strength;
    int32_t cause, verdict, status, supports_only;
    char domain[QNAME_TEXT_BYTES];
};

/** What the last run said. */
struct past {
    struct past_incident *items;  // [count]
    size_t count;
    int64_t fingerprint;  // of its evidence; 0 when there was no run
};

/**
 * Reads the incidents of an earlier scores.h5: rank 0 reads, and tells the others. Collective.
 *
 * A file that is not there, or that another version wrote, has none.
 *
 * @param past  filled, the same on every rank; free its items with free()
 */
MUST_CHECK enum status past_read(const struct team *team, const char *path, struct past *past,
                                 struct error *err);

/** Returns a number, never 0, that is the same for the same evidence of the same days. Local. */
int64_t evidence_fingerprint(const struct evidence_list *evidence, int64_t from_s, int64_t to_s);

/**
 * Says which incidents are new, ongoing or closed since the last run, and adds those of which nothing is left
 * as closed ones. Local.
 *
 * The same evidence has the same statuses as the last time, so that a job that is run again changes nothing.
 *
 * @param last_day  the last day that was judged
 */
MUST_CHECK enum status statuses_settle(struct incident_list *list, const struct past *past,
                                       int64_t fingerprint, int64_t last_day, struct error *err);

/** What is told to people, of what there is. */
struct budget {
    int64_t per_day, days;
    int64_t told, candidates;  // incidents; candidates are those that are not past and not benign
    int64_t by_status[INCIDENT_STATUSES];  // of the told ones
    double
        false_per_day;  // an upper bound: told, seen on the last quarter of the days, and not known as real
};

/**
 * Marks the incidents that are told: the gravest and strongest per_day · days of those that do not only
 * support others, and beyond them names on critical lists. Local.
 *
 * @param budget  its per_day is read, the rest filled
 */
MUST_CHECK enum status budget_apply(struct incident_list *list, const struct evidence_list *evidence,
                                    int64_t first_day, int64_t last_day, struct budget *budget,
                                    struct error *err);

#endif
