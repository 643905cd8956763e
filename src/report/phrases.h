/* Reasons as sentences, from one catalogue in two languages (decide/reasons.def). */
#ifndef REPORT_PHRASES_H
#define REPORT_PHRASES_H

#include "report/report.h"

enum reason_code {
#define X(code, english, japanese) REASON_##code,
#include "decide/reasons.def"
#undef X
    REASON_CODES,
};

/* Room for a sentence with an escaped name in it. */
#define PHRASE_BYTES (4 * QNAME_TEXT_BYTES + 1024)

/* A word in braces, and what stands for it. */
struct phrase_value {
    const char *name;
    const char *text;
};

const char *reason_code_name(enum reason_code code);

/* The text with its words in braces. */
const char *reason_template(enum reason_code code, enum language language);

/* Writes the sentence; a word that has no value stays in its braces. Cut at `room`. */
void phrase_render(enum reason_code code, enum language language, const struct phrase_value *values,
                   size_t count, char *out, size_t room);

/* A whole number with commas: 52,557. */
void number_write(int64_t number, char out[32]);

/* The reason of a mechanism. */
enum reason_code reason_of_mechanism(enum mechanism mechanism);

/* A sentence with its weight; `evidence` is NULL when it comes from rows. */
struct phrase {
    enum reason_code code;
    double weight;
    const struct reason *evidence;
    char *text[LANGUAGES];  // escaped for a terminal where it quotes a log
};

struct phrase_list {
    struct phrase *items;  // [count] the heaviest first
    size_t count, capacity;
};

/* All reasons of an IP: its evidence, its most unusual rows, its groups. Free it with phrases_clear. */
MUST_CHECK enum status phrases_make(const struct history *history, struct phrase_list *list,
                                    struct error *err);

void phrases_clear(struct phrase_list *list);

#endif
