/** From a node to a member: the value of one key, read as its row of keys.def says. */
#ifndef FIELD_H
#define FIELD_H

#include "keys.h"
#include "node.h"

/** What a value is called in errors, and the present for dates. */
struct place {
    const char *origin;  // the file, or "--set KEY"
    const char *name;  // the key as people find it, such as archive.sources[0].year
    int64_t now_local_s;
};

/**
 * Reads the value of a key into its member of `record`. A value of ~ leaves the member as it is.
 *
 * @param record  the struct job, job_source or job_span that the key's offset is for. Also on failure
 *                field_free frees what is in it.
 * @return        STATUS_USAGE, STATUS_NO_MEMORY
 */
MUST_CHECK enum status field_read(const struct place *place, const struct key *key, const struct node *node,
                                  void *record, struct error *err);

/** Sets the members of all keys to their defaults: those of keys.def, and absent where there is none. */
MUST_CHECK enum status fields_default(struct key_table table, void *record, struct error *err);

/** Frees what the member holds. */
void field_free(const struct key *key, void *record);

/** Fails with "no such key" at the entry of a map, and the key of the table that is the most like `path`. */
MUST_CHECK enum status field_unknown(const struct place *place, struct key_table table, const char *path,
                                     const struct node *entry, struct error *err);

/** Fails when a sibling before `entry` has its name. */
MUST_CHECK enum status field_once(const struct place *place, const struct node *map, const struct node *entry,
                                  struct error *err);

/** Copies a text, also from NULL to NULL. */
MUST_CHECK enum status text_copy(const char *text, char **copy, struct error *err);

#endif
