/**
 * From row scores to what is said of an IP.
 *
 *     struct rows, struct model_scores ──ips_judge──► struct ip_table ──verdicts_take──► scores.h5 ──►
 * report/ struct evidence_list ──incidents_make──► struct incident_list ──┘
 *
 * The rule of the method: an IP with rows in the majority group and rows in the minority group changed its
 * behaviour and is suspicious. It is worked out for each model, by day and over the span, and by itself is a
 * notice at most. An IP that is always in the minority did not change: it is told apart, often it is a
 * server.
 */
#ifndef DECIDE_DECIDE_H
#define DECIDE_DECIDE_H

#include "base/error.h"
#include "base/ip.h"
#include "decide/incidents.h"
#include "evidence/evidence.h"
#include "model/model.h"
#include "parallel/parallel.h"
#include "rows/rows.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The models that split rows into two groups. */
struct scored;

enum group_model { GROUP_KMEANS2, GROUP_KMEANS, GROUP_AUTOENCODER, GROUP_MODELS };

/** Returns a model's name, such as "kmeans2". Borrowed, static. Local. */
const char *group_model_name(enum group_model model);

/** What is said of an IP over the span. */
struct ip_judged {
    struct ip ip;
    int64_t rows, queries, days;
    int64_t minority_rows[GROUP_MODELS];
    int64_t both_days[GROUP_MODELS];  // days with rows in both groups
    double score;  // score_combine of the next two
    double model_score;  // mean of the three largest row scores, which are −log10 p; fewer rows count as 0
    double strength;  // of the gravest incident, by verdict, then strength, in bits; 0 without one
    int64_t rank;  // 1 is the largest score; equal ones by IP
    int32_t role;  // enum role
    int32_t verdict;  // enum verdict
    int32_t cause;  // enum incident_cause of that incident, −1 without one
    int32_t supports_only;  // that incident has no mechanism that may alarm by itself
};

/** Returns whether the IP has rows in both groups of a model over the span. Local. */
bool ip_in_both(const struct ip_judged *ip, enum group_model model);

/** Returns whether all rows of the IP are in the minority of a model. Local. */
bool ip_always_minority(const struct ip_judged *ip, enum group_model model);

/** All IPs of the span, ascending; the same on every rank. */
struct ip_table {
    struct ip_judged *items;  // [count]
    size_t count;
};

/** The groups of a model over all rows: the table that the method reports. */
struct group_sizes {
    int64_t majority_rows, minority_rows;
    int64_t both_ips;  // over the span
    int64_t both_day_ips;  // on some day
    int64_t always_minority_ips;
};

/**
 * Judges every IP of the rows by the models' groups alone. Collective.
 *
 * @param rows    borrowed
 * @param roles   borrowed, [role_count] ascending: of the IPs that this rank owns
 * @param scores  borrowed, of the same rows
 * @param table   filled, the same on every rank; free its items with free()
 */
MUST_CHECK enum status ips_judge(const struct team *team, const struct rows *rows,
                                 const struct model_scores *scores, const struct ip_role *roles,
                                 size_t role_count, struct ip_table *table, struct error *err);

/** What the rows seen so far say of the IPs that this rank owns. Opaque. */
struct ip_tracker;

/** Returns a new, empty tracker, or NULL without memory; ips_track_end takes it, or ip_tracker_free. Local.
 */
struct ip_tracker *ip_tracker_new(void);

/** Takes the tracker, or NULL. Local. */
void ip_tracker_free(struct ip_tracker *tracker);

/**
 * Adds rows that come behind those before in time, all ranks' together. Collective.
 *
 * @return  STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status ips_track(const struct team *team, struct ip_tracker *tracker, const struct rows *rows,
                                 const struct model_scores *scores, struct error *err);

/** Judges the IPs of all rows that were added, as ips_judge. Takes the tracker. Collective. */
MUST_CHECK enum status ips_track_end(const struct team *team, struct ip_tracker *tracker,
                                     const struct ip_role *roles, size_t role_count, struct ip_table *table,
                                     struct error *err);

/**
 * Returns one score of evidence and models: 1 + strength + m/(1 + m) with evidence, else m/(1 + m), where m
 * is the model score. Evidence comes first: what has none is below 1, and what models say breaks ties. A sum
 * of the two put whom models alone call odd before whom evidence names. What supports other evidence is none
 * by itself. Local.
 */
double score_combine(double model_score, double strength, bool has_evidence);

/** Gives each IP its score and its rank: 1 is the largest score, equal ones stand by IP. Local. */
void ips_rank(struct ip_table *table);

/** Raises the IPs' verdicts to what their incidents say, but for benign ones, and ranks anew; two causes are
 * a warning. Local. */
void verdicts_take(struct ip_table *table, const struct incident_list *list);

/** Adds up the groups of each model. Local. */
void groups_sum(const struct ip_table *table, struct group_sizes sizes[GROUP_MODELS]);

/** An IP on a day. Plain bytes. */
struct day_judged {
    struct ip ip;
    int64_t day;  // local
    double score;  // mean of its three largest row scores; fewer rows count as 0
    double p;  // share of normal days with about as many windows that have such a score
    double q;  // false discovery rate at which it stands out among the IPs of its date
    int32_t windows;  // with a query
    uint8_t both[GROUP_MODELS];  // rows in both groups of a model on this day
    uint8_t is_seen;  // the fit saw some of its rows
    uint8_t changed_hands;  // the address seems to be another machine's from this day on
};

/** The false discovery rate at which days of IPs are told. */
#define DAY_Q_TOLD 0.05

/** Days of IPs, by day, then IP: each rank has the days that it works for, those of rank 0 first; all IPs of
 * a day are with one rank. */
struct day_list {
    struct day_judged *items;  // [count]
    size_t count;
    int64_t first, total;
    int64_t told;  // of all ranks, with q <= DAY_Q_TOLD
};

/**
 * Makes the days of all IPs from their rows, without p. Collective.
 *
 * @param days  filled; free its items with free()
 */
MUST_CHECK enum status ip_days_make(const struct team *team, const struct scored *scored,
                                    struct day_list *days, struct error *err);

/** The days of the rows seen so far, as this rank has them. Opaque. */
struct day_tracker;

/** Returns a new, empty tracker, or NULL without memory; days_track_end takes it, or day_tracker_free. Local.
 */
struct day_tracker *day_tracker_new(void);

/** Takes the tracker, or NULL. Local. */
void day_tracker_free(struct day_tracker *tracker);

/** Adds this rank's rows. Local. */
MUST_CHECK enum status days_track_local(struct day_tracker *tracker, const struct scored *scored,
                                        struct error *err);

/** Makes the days of all rows that were added, as ip_days_make. Takes the tracker. Collective. */
MUST_CHECK enum status days_track_end(const struct team *team, struct day_tracker *tracker,
                                      struct day_list *days, struct error *err);

/**
 * Gives each day its p: (1 + the normal days whose score is as large)/(1 + all normal ones), among those with
 * 1, 2, 3 to 5, 6 to 11, or 12 windows and more. Normal is a day of which the fit saw no row and that no
 * evidence covers; where there are fewer than 20, any day without evidence. And its q, by Benjamini and
 * Hochberg (1995) over the IPs of its date: of those with q <= 0.05 about one in twenty is a normal day.
 * Collective.
 */
MUST_CHECK enum status ip_days_calibrate(const struct team *team, const struct evidence_list *evidence,
                                         struct day_list *days, struct error *err);

/** Where to look for addresses that change hands. Borrowed. */
struct hands_plan {
    const char *dir;  // the store
    const struct leases *leases;  // NULL: none; a machine's number never changes hands
    const struct zone *zone;  // of the store's days
    int64_t window_s;  // of the store's rows
    const struct calendar *calendar;
    int64_t first_day, last_day;  // that are judged
};

/** An address that seems to be another machine's from this day on. Plain bytes. */
struct hand_change {
    struct ip ip;
    int64_t day;
};

/**
 * Marks the days on which an address seems to have changed hands: of the domains that few others ask for, it
 * shares none with the three days of the same kind before, which share a quarter with one another.
 * Collective.
 */
MUST_CHECK enum status hands_find(const struct team *team, const struct hands_plan *plan,
                                  struct day_list *days, struct error *err);

/** Whose the IPs of a scores.h5 are. */
struct score_machines {
    struct leases *leases;  // NULL: they are addresses
    int64_t from_s, to_s;  // UTC: the span
};

/** All that was decided; but for the days the same on every rank. */
struct judgement {
    struct ip_table ips;
    struct evidence_list evidence;
    struct incident_list incidents;
    struct past past;  // what the last run said
    int64_t fingerprint;  // of the evidence
    struct budget budget;
    struct ack_count acks[MECHANISMS];
    struct day_list days;
    struct known_software *known;  // NULL: none
    struct score_machines machines;  // borrowed
};

/** Frees what it holds; a zeroed one is fine. Local. */
void judgement_clear(struct judgement *judgement);

/* ---- scores.h5 ---- */

/** What a scores.h5 says of where it comes from; left out of its digest. */
struct provenance {
    const char *name;
    const char *value;
};

/** Where the scores go. Everything is borrowed, and the same on every rank. */
struct scores_file {
    const char *path;
    const struct leases *leases;  // NULL: IPs are addresses
    const char *timezone;  // of days and hours, for who reads the file
    const char *language;  // of reasons
    const struct provenance *provenance;  // [provenance_count]
    size_t provenance_count;
    struct store_layout layout;  // on a parallel file system
};

/** Rows with their scores, this rank's run of them: what score makes, and decide judges anew. Borrowed. */
struct scored {
    const struct rows *rows;
    const struct model_scores *scores;  // of these rows
    const uint8_t *seen;  // [rows->count] whether the fit saw the row
    size_t columns;
    char names[FEATURES_MOST][STORE_NAME_BYTES];  // [columns] of the features
    int calibration_level;  // of the model (model/prepare.h)
    int64_t from_s, to_s;  // UTC: the stored days that were scored
};

/** A scores.h5 that is being written. Opaque. */
struct scores_writer;

/**
 * Begins a scores.h5: a variable a score of rows and IPs, netCDF conventions, whole or not at all. An earlier
 * file stays as it is until the new one is whole. Collective.
 *
 * @param head    borrowed: all but the rows themselves; head->rows->total is the number of all rows
 * @param writer  returns new; end it with scores_end or scores_abandon
 */
MUST_CHECK enum status scores_begin(const struct team *team, const struct scores_file *file,
                                    const struct scored *head, struct scores_writer **writer,
                                    struct error *err);

/** Writes some rows with their scores: rows->first is the number of this rank's first one. Collective. */
MUST_CHECK enum status scores_add(const struct team *team, struct scores_writer *writer,
                                  const struct scored *scored, struct error *err);

/** Writes what was decided, and gives the file its name. Takes the writer, also when it fails. Collective. */
MUST_CHECK enum status scores_end(const struct team *team, struct scores_writer *writer,
                                  const struct judgement *judgement, struct error *err);

/** Takes the writer (or NULL) and removes its temporary file. Collective. */
void scores_abandon(const struct team *team, struct scores_writer *writer);

struct store_reader;

/** Reads the leases that a scores.h5 was made with; free them with score_machines_clear. Local. */
MUST_CHECK enum status machines_get(const struct store_reader *reader, struct score_machines *machines,
                                    struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void score_machines_clear(struct score_machines *machines);

/**
 * Tells a machine as people know it: its last address in the span, and its name. Local.
 *
 * @param address  filled; the IP itself when it is an address
 * @return         borrowed; "" when it is an address
 */
const char *machine_tell(const struct score_machines *machines, const struct ip *ip, struct ip *address);

/** Scores that were read back, with what they lie in. */
struct scores_kept {
    struct scored scored;  // into the members below
    int64_t hosts_fingerprint;  // of the leases that they were made with; 0: none
    struct rows rows;  // as rows_load's, without what only models want: values, raw, numerators, hosts
    struct model_scores scores;
    uint8_t *seen;
    struct ip_role *roles;  // [role_count] ascending: of the IPs that this rank owns
    size_t role_count;
};

/**
 * Reads the rows of a scores.h5, each rank an equal run of them, and the roles of its IPs. Collective.
 *
 * @param timezone  borrowed; the job's, which must be the file's
 * @param zone      borrowed; that zone, of the rows' days
 * @param kept      filled; free it with scores_kept_clear
 * @return          STATUS_MISMATCH for another time zone; STATUS_IO, STATUS_CORRUPT
 */
MUST_CHECK enum status scores_read(const struct team *team, const char *path, const char *timezone,
                                   const struct zone *zone, struct scores_kept *kept, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void scores_kept_clear(struct scores_kept *kept);

#endif
