/* How the entries of the parts find their places in the merged table. Two ways: entries of a client move in
 * stretches, names and domains are united by their hashes. Lists and texts go with the entries they belong
 * to.
 *
 *     parts ──► stretches (rows, asked names, pairs), united (names, domains) ──► domains ──► merge */
#ifndef MERGE_INTERNAL_H
#define MERGE_INTERNAL_H

#include "merge.h"

/* ---- parts ---- */

/** The parts, of which columns are read one by one. Borrowed. */
struct parts {
    const struct day_table *heads;  // [count]; their arrays are not looked at
    size_t count;
    part_column *read;
    void *context;
};

/** Returns STATUS_NO_MEMORY. Local. */
static inline enum status merge_no_room(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "merging a day", "", "no room for its tables");
}

/** Returns how many entries a part has in the column's dimension. Local. */
size_t part_entries(const struct parts *parts, size_t part, enum day_column column);

/** Returns how many bytes an entry of the column has. Local. */
size_t parts_entry_bytes(const struct parts *parts, enum day_column column);

/** Reads a column of a part, borrowed until the next call. Of a part without entries *values is a place that
 * nobody reads, but never NULL. Local. */
MUST_CHECK enum status part_read(const struct parts *parts, size_t part, enum day_column column,
                                 const void **values, struct error *err);

/**
 * As part_read, for what is needed beside another column. Local.
 *
 * @param copied  where a pointer to the column's type is: returns new; free() it
 */
MUST_CHECK enum status part_copy(const struct parts *parts, size_t part, enum day_column column, void *copied,
                                 struct error *err);

/** Returns where an entry's list begins, of lists that lie one behind the other. Local. */
int64_t begin_of(const int64_t *ends, size_t at);

/** Makes ends of the lists' lengths, in place; returns the last one. Local. */
size_t ends_of_lengths(int64_t *lengths, size_t count);

/* ---- stretches ---- */

/** Entries of one part with the same time and client: they stay together. */
struct stretch {
    int64_t time;
    uint8_t ip[16];
    size_t part, from, count;
    size_t to;  // in the merged table
};

struct stretches {
    struct stretch *items;  // [count], by part and place there
    size_t count, capacity;
    size_t entries;  // of all
};

/**
 * Finds where the entries of a dimension go, in the order of time, client and part. Local.
 *
 * @param time       its column; DAY_COLUMNS where entries have none
 * @param stretches  filled from zero; free it with stretches_clear, also on failure
 */
MUST_CHECK enum status stretches_find(const struct parts *parts, enum day_column time, enum day_column ip,
                                      struct stretches *stretches, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void stretches_clear(struct stretches *stretches);

/** Fills a column whose values stay what they are. Local. */
MUST_CHECK enum status stretches_fill(const struct parts *parts, const struct stretches *stretches,
                                      enum day_column column, unsigned char *out, struct error *err);

/** Fills a column of indices: an index i of a part becomes places[part][i]. Local. */
MUST_CHECK enum status stretches_fill_indices(const struct parts *parts, const struct stretches *stretches,
                                              enum day_column column, uint32_t *const *places, uint32_t *out,
                                              struct error *err);

/**
 * Finds the ends of the entries' lists. Local.
 *
 * @param column  of the ends in the parts
 * @param ends    returns new, [stretches->entries]; free() it, also on failure
 * @param total   entries of all lists
 */
MUST_CHECK enum status stretches_find_ends(const struct parts *parts, const struct stretches *stretches,
                                           enum day_column column, int64_t **ends, size_t *total,
                                           struct error *err);

/** Fills a column of the entries' lists; end_column is that of the ends in the parts. Local. */
MUST_CHECK enum status stretches_fill_lists(const struct parts *parts, const struct stretches *stretches,
                                            enum day_column end_column, const int64_t *ends,
                                            enum day_column column, unsigned char *out, struct error *err);

/* ---- what is united ---- */

/** Entries with the same hash, which become one. Each has a text. */
struct united {
    uint32_t **places;  // [part_count][entry]: place in the merged table
    size_t part_count;
    size_t count;
    int64_t *text_end;  // [count]
    size_t text_bytes;
};

/**
 * Finds where entries go and their texts end, in the order of their hashes. Local.
 *
 * @param hash, text_end  columns of one dimension; hashes ascend in each part
 * @param united          filled from zero; free it with united_clear, also on failure
 */
MUST_CHECK enum status united_find(const struct parts *parts, enum day_column hash, enum day_column text_end,
                                   struct united *united, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void united_clear(struct united *united);

/** Fills a column whose values are the same in all parts that have the entry. Local. */
MUST_CHECK enum status united_fill(const struct parts *parts, const struct united *united,
                                   enum day_column column, unsigned char *out, struct error *err);

/** Fills the column of texts. Local. */
MUST_CHECK enum status united_fill_texts(const struct parts *parts, const struct united *united,
                                         enum day_column text_end, enum day_column column, char *out,
                                         struct error *err);

/* ---- domains ---- */

/** What parts know of domains that they share. */
struct domains {
    struct united united;
    uint32_t *name_domain;  // [names]: of each name of the merged table
    uint64_t *client_hash;  // [client_count]: clients of one domain after another
    int64_t *client_end;  // [united.count]
    size_t client_count;
};

/** Finds the domains, those of the names, and their clients. `domains` is filled from zero; free it with
 * domains_clear, also on failure. Local. */
MUST_CHECK enum status domains_find(const struct parts *parts, const struct united *names,
                                    struct domains *domains, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void domains_clear(struct domains *domains);

/** Fills a column with the sums of what the parts have counted. Local. */
MUST_CHECK enum status domains_fill_sums(const struct parts *parts, const struct domains *domains,
                                         enum day_column column, int64_t *out, struct error *err);

/** Fills a column with the least values of the parts. Local. */
MUST_CHECK enum status domains_fill_least(const struct parts *parts, const struct domains *domains,
                                          enum day_column column, int64_t *out, struct error *err);

/** Counts the names under each domain. Local. */
void domains_fill_names(const struct domains *domains, size_t name_count, int64_t *out);

#endif
