/* The eight rules of the method (METHOD in docs/rules.md): a file a rule. Thresholds come from the job. */
#ifndef EVIDENCE_RULES_H
#define EVIDENCE_RULES_H

#include "internal.h"

/* Most bits of a rule about names: they show one thing, data in names, which M1 measures without a bound. */
#define RULE_BITS_MOST 2

/* Rule 1: the cache hit ratio falls. */
MUST_CHECK enum status cache_find(struct search *search, const struct host_view *host, struct error *err);

/* Rule 2: queries rise and fall at a fixed period. */
MUST_CHECK enum status period_find(struct search *search, const struct host_view *host, struct error *err);

/* Rule 3: upper and lower case mixed; random letters. */
MUST_CHECK enum status case_find(struct search *search, const struct host_view *host, struct error *err);

/* Rule 5: TXT. */
MUST_CHECK enum status txt_find(struct search *search, const struct host_view *host, struct error *err);

/* Rule 6: 63 bytes or more before the domain. */
MUST_CHECK enum status long_find(struct search *search, const struct host_view *host, struct error *err);

/* Rule 7: data in names. */
MUST_CHECK enum status encoded_find(struct search *search, const struct host_view *host, struct error *err);

/* ---- traits of names ---- */

/* The names of a pair with a trait, each shape on the day that the pair asked it first. */
struct trait_name {
    int64_t day;
    uint64_t shape, name;
    int64_t data_bytes;
};

/* Finds them: [count] by day, then name; free() them. Names of known software count on days on which they
 * carry ten times what they do on the pair's other days. */
MUST_CHECK enum status trait_names_find(const struct pair_view *pair, unsigned trait,
                                        struct trait_name **names, size_t *count, struct error *err);

/* Adds up the names, and their data, over the windows that end on a day; `about` gets names of the day. */
void trait_windows(const struct trait_name *names, size_t count, int64_t day, int64_t counts[WINDOWS],
                   int64_t bytes[WINDOWS], struct evidence *about);

#endif
