/* What the files of this room share: the evidence of an IP. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "report/report.h"
#include "store/store.h"

/* No day of the years 1970 to 10000 is farther from 1970. */
#define DAY_MOST INT64_C(4000000)

/* As reasons_read, from an open file. */
MUST_CHECK enum status reasons_get(const struct store_reader *reader, const struct ip *ip,
                                   struct reason_list *list, struct error *err);

/* Writes the member "evidence". */
void reasons_json(const struct history *history, struct json *json);

/* ---- alerts.c ---- */

/* How an IP leaves: its address, of a machine the last one in the span, and the machine's name; with
 * pseudonyms the address's and the machine number's. The name is "" for an address, and borrowed. */
struct leaving {
    char address[IP_COLUMN_BYTES + 1];
    char number[IP_COLUMN_BYTES + 1];
    const char *host;
};
void ip_leave(const struct verdicts *verdicts, struct pseudonyms *pseudonyms, const char *text,
              struct leaving *out);

/* As ip_leave, of the number of a machine or an address. */
void number_leave(const struct score_machines *machines, struct pseudonyms *pseudonyms,
                  const struct ip *number, struct leaving *out);

/* Writes an address as it may leave: its pseudonym if there are any; what is no address, as it is. */
void address_leave(struct pseudonyms *pseudonyms, const char *text, char out[IP_COLUMN_BYTES + 1]);

/* ---- blocklist.c ---- */

/* Fills verdicts->blocked: domains of tunnels, and listed ones. */
MUST_CHECK enum status blocklist_list(struct verdicts *verdicts, struct error *err);

/* Writes the zone for DIR. */
MUST_CHECK enum status blocklist_write(const struct verdicts *verdicts, const char *dir,
                                       const struct suffixes *suffixes, FILE *stream, struct error *err);

/* ---- compare.c ---- */

/* The IP's address as text, of a machine the last one before `to_s`; and the machine's name, borrowed, "" for
 * an address. */
const char *history_address(const struct history *history, int64_t from_s, int64_t to_s,
                            char text[IP_TEXT_BYTES]);

/* Whether a row is in the minority of a model, or has a large score. */
bool row_is_anomaly(const struct history_row *row);

/* The local hour in which its window begins. */
int64_t row_hour(const struct history *history, const struct history_row *row);

/* Writes a window's start as local time, YYYY-MM-DD HH:MM:SS. */
void row_time_write(const struct history *history, int64_t window_s, char text[40]);

/* A feature that makes a row unusual. */
struct row_cause {
    size_t feature;
    double share;  // mean of its shares in both models
    float value, low, high;  // low and high: of the IP's own normal rows
    bool has_normal;
};

/* Finds the features with the largest shares, up to `most`; returns how many there are. */
size_t row_causes(const struct history *history, const struct history_row *anomaly, struct row_cause *causes,
                  size_t most);

/* ---- phrases.c ---- */

/* Sentences that are printed; the JSON has them all. */
#define PHRASES_PRINTED 12

struct phrase_list;

void phrases_print(const struct phrase_list *list, const struct history *history, FILE *stream);

/* Writes the member "reasons", in both languages. */
void phrases_json(const struct phrase_list *list, struct json *json);

#endif
