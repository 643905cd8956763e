/**
 * Results for people: one IP's history, what is normal for it and what was not, in a terminal or as JSON.
 *
 *     scores.h5 ──history_read──► struct history ──history_print, history_json──► a person, a program
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/error.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/pseudonym.h"
#include "base/zone.h"
#include "decide/decide.h"
#include "feature/feature.h"
#include "rows/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** The languages of reasons; the order is that of output.language. */
enum language { LANGUAGE_EN, LANGUAGE_JA, LANGUAGES };

/** Reads "en" or "ja". Returns false when it is neither. Local. */
bool language_read(const char *text, enum language *language);

/** A day of the IP. */
struct history_day {
    int64_t day;  // local
    int32_t windows;
    int8_t changed_hands;
    double score;  // mean of its three largest row scores
    double p;  // share of normal days with as many windows whose score is as large
    double q;  // false discovery rate at which it stands out among the IPs of its date
};

/** A row of the IP. */
struct history_row {
    int64_t window_s;  // UTC
    int64_t queries;
    int64_t kmeans_distance;
    int32_t kmeans_cluster;
    int8_t night, holiday, seen;
    int8_t group[GROUP_MODELS];  // 0 majority, 1 minority
    double kmeans_p, autoencoder_error, autoencoder_p, score;
    float feature[FEATURES_MOST];
    float kmeans_share[FEATURES_MOST], autoencoder_share[FEATURES_MOST];
    int32_t cause;  // the feature with the largest shares, −1: none
    int32_t usual_rows, role_rows;  // behind what follows; 0: nothing is known
    float usual_low, usual_high;  // 5 and 95 % of that feature in the IP's training rows at such times
    float role_low, role_middle, role_high;  // of those of its role at that hour
};

/** A piece of evidence, as scores.h5 has it. Texts are an attacker's bytes: escape them for what shows them.
 */
struct reason {
    struct ip ip;
    int64_t day;  // local; the window ends here
    int64_t value, threshold;
    double bits;
    int32_t window_days;
    int32_t incident;  // its number in scores.h5, −1 when it is silenced
    int8_t mechanism;
    const char *domain;  // "" when it is about the host
    const char *names;  // with blanks between
    const char *entry;  // of a reputation list: the listed domain; else ""
    const char *software;  // that the domain belongs to, where it is known; else ""
    int32_t allow, allow_line;  // of the allow list that silences it; −1: none does
};

/** Writes a reason as a sentence; names in it are escaped for a terminal. Local. */
void reason_tell(const struct reason *reason, enum language language, char *out, size_t room);

struct reason_list {
    struct reason *items;  // [count] the most bits first
    size_t count;
    char *domains, *names, *entries, *software;  // what the items' texts point into
};

/** Reads the evidence of an IP, or of all when `ip` is NULL, from DIR/scores.h5; free it with reasons_clear.
 * Local. */
MUST_CHECK enum status reasons_read(const char *dir, const struct ip *ip, struct reason_list *list,
                                    struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void reasons_clear(struct reason_list *list);

/** Everything that scores.h5 says of an IP. */
struct history {
    struct ip ip;
    struct score_machines machines;  // whose it is
    struct history_row *rows;  // [row_count] by time
    size_t row_count;
    size_t feature_count;
    char feature_names[FEATURES_MOST][64];
    float peer_low[FEATURES_MOST], peer_middle[FEATURES_MOST],
        peer_high[FEATURES_MOST];  // 5, 50, 95 % of all rows
    int64_t window_s;
    struct zone *zone;
    char timezone[64];
    double score, model_score, strength;
    int64_t rank, ip_count;
    int8_t verdict, role;
    int8_t cause;  // 0 none, else an enum incident_cause + 1
    int8_t both[GROUP_MODELS], always[GROUP_MODELS];
    int64_t both_days[GROUP_MODELS], days;
    enum language language;  // the job's; may be set before printing
    struct history_day *day_items;  // [day_count] by day
    size_t day_count;
    struct reason_list reasons;
};

/**
 * Reads what DIR/scores.h5 says of an IP, or of a machine. Local.
 *
 * @param host     borrowed; an address, or a machine's number or name. An address that was several machines'
 *                 in the span is the one's that had it last, and none's where it has rows of its own
 * @param history  filled; free it with history_clear
 * @return         STATUS_IO, STATUS_CORRUPT; STATUS_NO_INPUT when the IP has no row
 */
MUST_CHECK enum status history_read(const char *dir, const char *host, struct history *history,
                                    struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void history_clear(struct history *history);

/** An anomalous row beside normal ones of the same kind of day and time of day. */
struct comparison {
    const struct history_row *anomaly;
    const struct history_row *normal[4];  // the same hour first, then the nearest
    size_t normal_count;
    bool is_alike;  // they are of its kind of day and time of day; else there are none such, and these are
                    // the nearest
};

/**
 * Picks the rows to show: up to `most` anomalies, in the minority of a model or with a score of 2 or more,
 * largest score first, each beside normal rows. Local.
 *
 * @return  how many were picked
 */
size_t history_compare(const struct history *history, struct comparison *comparisons, size_t most);

/** Prints it for a terminal: verdict, reasons, table, features, a plot of queries by hour. Local. */
MUST_CHECK enum status history_print(const struct history *history, FILE *stream, struct error *err);

/** Writes it as JSON, its reasons in every language. Local. */
MUST_CHECK enum status history_json(const struct history *history, struct json *json, struct error *err);

/** Writes a picture of the IP's queries by window as SVG; it holds no text from a log. Local. */
void history_svg(const struct history *history, FILE *stream);

/* ---- machines ---- */

/** Whose the addresses of a store were, by the leases that a run was made with. */
struct run_machines {
    struct score_machines of;  // its leases are NULL where an address is a machine
    struct zone *zone;  // of the store's days
    int64_t window_s;
};

/** Reads them from DIR/scores.h5; free them with run_machines_clear. Where there is no such file, nobody
 * knows of any. Local. */
MUST_CHECK enum status run_machines_read(const char *dir, struct run_machines *machines, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void run_machines_clear(struct run_machines *machines);

/* ---- files for other programs ---- */

/**
 * Writes a table as CSV that is safe to open in a spreadsheet: row, ip, day, incident or evidence of
 * DIR/scores.h5, or the pairs of a store, by the machines of DIR. Local.
 *
 * @param pseudonyms  borrowed; of addresses, NULL: as they are
 * @return  STATUS_USAGE for another table; STATUS_IO, STATUS_CORRUPT
 */
MUST_CHECK enum status table_write_csv(const char *dir, const char *store, const char *table,
                                       struct pseudonyms *pseudonyms, FILE *stream, struct error *err);

/** What all IPs and incidents of a scores.h5 are. Texts are an attacker's bytes. */
struct verdicts {
    struct verdict_ip {
        char ip[IP_COLUMN_BYTES + 1];
        double score, model_score, strength;
        int64_t rank, rows, queries;
        int64_t days, both_days[GROUP_MODELS];
        int64_t odd_day;  // local: the one with the least p, of equal ones the first
        double odd_p, odd_q;  // its p and q
        int8_t verdict, role, cause, both[GROUP_MODELS];
        const struct reason *reason;  // its strongest evidence; NULL without any
    } * ips;  // [ip_count] by rank
    size_t ip_count;
    struct verdict_incident {
        char ip[IP_COLUMN_BYTES + 1];
        uint64_t id;
        int64_t first_day, last_day;  // local, since 1970-01-01
        int64_t evidence, hosts;
        int64_t number;  // in scores.h5
        double strength;
        int8_t cause, verdict, status, ack, told;
        const struct reason *reason;  // its strongest evidence; NULL when nothing is left
        char domain[QNAME_TEXT_BYTES];
    } * incidents;  // [incident_count] the strongest first
    size_t incident_count;
    struct score_machines machines;  // whose the IPs are
    const char **blocked;  // [blocked_count] ascending, each once: domains for blocklist.rpz
    size_t blocked_count;
    struct reason_list reasons;  // all evidence
};

/** How files for other programs are written. Borrowed. */
struct report_plan {
    enum language language;  // of reasons
    const struct suffixes *suffixes;  // no public suffix is blocked
    struct pseudonyms *pseudonyms;  // of addresses; NULL: as they are
    const struct text_list *allow;  // the allow lists, by the numbers that evidence has; NULL: unknown
};

/** Reads DIR/scores.h5 into `verdicts`; free it with verdicts_clear. Local. */
MUST_CHECK enum status verdicts_read(const char *dir, struct verdicts *verdicts, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void verdicts_clear(struct verdicts *verdicts);

/**
 * Writes alerts.jsonl (an incident a line, Elastic Common Schema's field names), suspects.csv (an IP a line,
 * safe to open in a spreadsheet) and blocklist.rpz (a response policy zone of domains judged tunnels or
 * listed) into DIR, each under its final name when it is whole. Local.
 *
 * @return  STATUS_IO
 */
MUST_CHECK enum status verdicts_write(const char *dir, const struct verdicts *verdicts,
                                      const struct report_plan *plan, struct error *err);

/* ---- who asked ---- */

/** An IP, or a machine, that asked for a name. */
struct asker {
    struct ip ip;  // a machine's number
    int64_t first_day, last_day;  // local, since 1970-01-01
    int64_t days, queries;
    int64_t names;  // distinct ones, the name and those below it
};

/**
 * Searches all days of a store for a name and the names below it. Local.
 *
 * @param name      borrowed, as BIND prints it, in any case
 * @param machines  borrowed; whose the addresses were
 * @param askers  returns new, [count] the most queries first; free() it
 * @return        STATUS_USAGE when it is no name, STATUS_NO_INPUT when there is no store
 */
MUST_CHECK enum status askers_find(const char *store, const char *name, const struct run_machines *machines,
                                   struct asker **askers, size_t *count, struct error *err);

#endif
