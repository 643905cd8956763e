/* What the files of this room share: tables of scores.h5 while they are written. */
#ifndef DECIDE_INTERNAL_H
#define DECIDE_INTERNAL_H

#include "decide/decide.h"
#include "store/store.h"

#define TIME_UNITS "seconds since 1970-01-01 00:00:00"

/* Causes as flag_meanings: of evidence and incidents, and of IPs, which may have none. */
#define CAUSE_MEANINGS "tunnel campaign dga beacon quiet_hours burst fault"
#define CAUSE_OR_NONE "none " CAUSE_MEANINGS

/* A table of scores.h5 while it is written: this rank's run of entries. */
struct part {
    const struct team *team;
    struct store_writer *writer;
    const char *dimension;
    size_t first, count;
    void *room;  // for one column of this rank's entries, 8 bytes each
};

/* Writes a column; `values` are this rank's entries. Collective. */
MUST_CHECK enum status scores_put(const struct part *part, const char *name, enum store_type type,
                                  const char *second, const char *units, const char *text,
                                  const char *meanings, const void *values, struct error *err);

/* Writes addresses as octets and as text: of items[part->count] of item_bytes, whose first member is a struct
 * ip. Collective. */
MUST_CHECK enum status scores_put_addresses(const struct part *part, const char *octets_name,
                                            const char *text_name, const void *items, size_t item_bytes,
                                            struct error *err);

/* ---- judgement_file.c ---- */

/* Notes the dimensions of evidence and incidents. */
MUST_CHECK enum status judgement_dimensions_local(struct store_writer *writer,
                                                  const struct judgement *judgement, struct error *err);

/* Writes evidence_* and incident_*. Collective. */
MUST_CHECK enum status judgement_put(const struct team *team, struct store_writer *writer,
                                     const struct judgement *judgement, struct error *err);

#endif
