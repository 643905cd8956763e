/* What the files of this room share: the evidence of an IP. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "report/report.h"
#include "store/store.h"

/* Reads the evidence of history->ip. */
MUST_CHECK enum status reasons_fill(const struct store_reader *reader, struct history *history,
                                    struct error *err);

/* Prints the evidence for a terminal. */
void reasons_print(const struct history *history, FILE *stream);

/* Writes the member "evidence". */
void reasons_json(const struct history *history, struct json *json);

#endif
