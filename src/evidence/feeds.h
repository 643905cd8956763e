/* Reputation lists and allow lists: from text files to tables that a name, an address or a piece of evidence
 * is looked up in. A line that is not understood is counted and left out, and the first one of a file is
 * told. */
#ifndef EVIDENCE_FEEDS_H
#define EVIDENCE_FEEDS_H

#include "evidence/evidence.h"

/* A domain on a list; it covers the names below it. */
struct feed_domain {
    uint64_t hash;  // of the domain on the wire
    size_t at;  // of its wire in feeds->wires
    uint32_t bytes;
    uint32_t feed, line;
};

/* A range of addresses on a list. */
struct feed_range {
    struct ip_range range;
    uint32_t feed, line;
};

struct feeds {
    struct feed_domain *domains;  // [domain_count] by hash, then feed and line
    size_t domain_count, domain_capacity;
    struct feed_range *ranges;  // [range_count] by bits, then base, feed and line
    size_t range_count, range_capacity;
    size_t width_from[130];  // [width_count + 1] the first range of each length of prefix
    size_t width_count;
    uint64_t *above;  // [above_count] ascending: hashes of the listed domains and of all domains above them
    size_t above_count;
    uint8_t *wires;
    size_t wire_bytes, wire_capacity;
    bool *critical;  // [feed_count]
    size_t feed_count;
};

/* Where on a list something was found. */
struct feed_hit {
    uint32_t feed, line;
    bool is_critical, is_address;
    uint64_t entry;  // hash of the listed domain; 0 for an address
};

/* Reads all lists, and tells what is wrong with each in `warnings`. STATUS_IO, STATUS_USAGE when a list has
 * no entry. */
MUST_CHECK enum status feeds_read(const struct feed_list *list, struct feeds *feeds,
                                  struct evidence_warnings *warnings, struct error *err);

void feeds_clear(struct feeds *feeds);

/* Looks a name up, as BIND prints it, and its parents down to a domain of `domain_count` characters; a PTR
 * name as the address that it stands for. Critical lists first, then the longest name, then the first list.
 */
bool feeds_find(const struct feeds *feeds, const char *name, size_t count, size_t domain_count,
                struct feed_hit *hit);

/* Whether a name under a registered domain, of this hash and text, can be on a list at all. */
bool feeds_may_have(const struct feeds *feeds, uint64_t domain, const char *text, size_t count);

/* ---- allow.c ---- */

struct allow;

/* Reads allow lists; end with allow_free. */
MUST_CHECK enum status allow_read(const struct text_list *paths, struct allow **out,
                                  struct evidence_warnings *warnings, struct error *err);

void allow_free(struct allow *allow);

/* Whether an entry holds for the evidence on its day; returns the list and the line of the first that does.
 */
bool allow_covers(const struct allow *allow, const struct machine_plan *machines, const struct evidence *item,
                  int32_t *list, int32_t *line);

/* Adds a warning; `where` and `what` are cut. */
MUST_CHECK enum status warning_note(struct evidence_warnings *warnings, const char *where, struct error *err,
                                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
