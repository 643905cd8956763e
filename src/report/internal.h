/* What the files of this room share: the evidence of an IP. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "report/report.h"
#include "store/store.h"

/* As reasons_read, from an open file. */
MUST_CHECK enum status reasons_get(const struct store_reader *reader, const struct ip *ip,
                                   struct reason_list *list, struct error *err);

/* Prints the evidence for a terminal. */
void reasons_print(const struct history *history, FILE *stream);

/* Writes the member "evidence". */
void reasons_json(const struct history *history, struct json *json);

#endif
