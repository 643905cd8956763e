/* What the files of this room share: tables of scores.h5 while they are written. */
#ifndef DECIDE_INTERNAL_H
#define DECIDE_INTERNAL_H

#include "decide/decide.h"
#include "store/store.h"

#define TIME_UNITS "seconds since 1970-01-01 00:00:00"

/* Causes as flag_meanings: of IPs, which may have none; behind the first word, of evidence and incidents. */
static const char CAUSE_OR_NONE[] = "none"
#define X(NAME, name, is_malice, text) " " #name
#include "evidence/causes.def"
#undef X
    ;
#define CAUSE_MEANINGS (CAUSE_OR_NONE + sizeof "none")

#define GROUP_MEANINGS "majority minority"

/* A table of scores.h5 while it is written: this rank's run of entries. */
struct part {
    const struct team *team;
    struct store_writer *writer;
    const char *dimension;
    size_t first, count;
    void *room;  // for one column of this rank's entries, 8 bytes each
};

/* Writes entries of a column; `values` are this rank's. Calls that follow bring others. Collective. */
MUST_CHECK enum status scores_put(const struct part *part, const char *name, enum store_type type,
                                  const char *second, const char *units, const char *text,
                                  const char *meanings, const void *values, struct error *err);

/* Writes addresses as octets and as text: of items[part->count] of item_bytes, whose first member is a struct
 * ip. Collective. */
MUST_CHECK enum status scores_put_addresses(const struct part *part, const char *octets_name,
                                            const char *text_name, const void *items, size_t item_bytes,
                                            struct error *err);

/* ---- machines.c ---- */

/* Writes machine_* and lease_*, the leases as they are in the head's span; nothing where there are none.
 * Collective. */
MUST_CHECK enum status machines_put(const struct team *team, struct store_writer *writer,
                                    const struct leases *leases, const struct scored *head,
                                    struct error *err);

/* ---- judgement_file.c ---- */

/* Notes the dimensions of evidence and incidents. */
MUST_CHECK enum status judgement_dimensions_local(struct store_writer *writer,
                                                  const struct judgement *judgement, struct error *err);

/* Writes evidence_* and incident_*. Collective. */
MUST_CHECK enum status judgement_put(const struct team *team, struct store_writer *writer,
                                     const struct judgement *judgement, struct error *err);

#endif
