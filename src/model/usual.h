/**
 * What is usual: the values that each host has in working and free hours, by day and by night, and that each
 * role has at each hour of working days and of holidays. In the units in which people say them.
 *
 * Of more than 2^20 rows, about so many say what is usual for roles, drawn by their numbers. A value is the
 * one at rank ⌈n·5/100⌉, ⌈n/2⌉ or ⌈n·95/100⌉ of the n rows that count: an element of the data, so the same
 * for any split of the rows.
 */
#ifndef MODEL_USUAL_H
#define MODEL_USUAL_H

#include "internal.h"

/** Hosts of least hash that have entries, and how many entries there can be: 4 a host, 48 a role. */
#define USUAL_HOSTS_MOST 16384
#define USUALS_MOST (4 * USUAL_HOSTS_MOST + 48 * MODEL_ROLES)

/**
 * Works out the usual values; hosts beyond the 16,384 of least hash have none of their own, and neither has
 * who has fewer than 5 rows. Collective.
 *
 * @param out  filled; free it with usuals_clear. Empty where the input has no moments.
 * @return     STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status usuals_fit(const struct team *team, const struct model_input *input,
                                  struct usuals *out, struct error *err);

/** Makes room for `count` entries, all 0. Local. */
MUST_CHECK enum status usuals_make(size_t count, size_t columns, struct usuals *out, struct error *err);

/** Frees what it holds, and makes it empty. Local. */
void usuals_clear(struct usuals *usuals);

/** Returns −1, 0 or 1: the order of entries, roles first. Local. */
int usual_compare(const struct usual *a, const struct usual *b);

/** What a row is to be compared with; numbers of entries, −1: there is none. */
struct usual_found {
    ptrdiff_t host, role;
};

/** Finds the entries for a host at a moment; its role is the one that it had when the model was made, and
 * that of a client for who is new. Local. */
struct usual_found usuals_find(const struct usuals *usuals, uint64_t host, const struct model_moment *moment);

#endif
