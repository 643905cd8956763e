/** Software by the domains it asks: `suffix,software,kind` (datasets/known.csv). It names what people would
 * else have to look up, and tells the rules whose names carry data for a good reason. */
#ifndef EVIDENCE_KNOWN_H
#define EVIDENCE_KNOWN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/** What a domain is for. */
enum known_kind {
    KNOWN_ANTIVIRUS,
    KNOWN_CDN,
    KNOWN_DNSBL,
    KNOWN_CLOUD,
    KNOWN_UPDATE,
    KNOWN_DEVICE,
    KNOWN_KINDS
};

struct known_entry {
    char *suffix;  // in lower case, without a dot at its ends
    char *software;
    enum known_kind kind;
};

/** The list. Opaque. */
struct known_software;

/**
 * Reads the list. Local.
 *
 * @param out  returns new; free it with known_software_free. Untouched on failure.
 * @return     STATUS_IO; STATUS_CORRUPT with path:line for a line that is no entry
 */
MUST_CHECK enum status known_software_read(const char *path, struct known_software **out, struct error *err);

/** Takes the list, or NULL. Local. */
void known_software_free(struct known_software *known);

/** Returns the longest entry that the name, in lower case as BIND prints it, is or stands under; borrowed,
 * NULL when there is none or no list. Local. */
const struct known_entry *known_software_of(const struct known_software *known, const char *name,
                                            size_t count);

/** Whether such software puts data into names: these are neither long nor encoded by chance. Local. */
bool known_kind_carries_data(enum known_kind kind);

/** Whether names of such software are questions to its maker: no customer gets a name there, so a tunnel
 * cannot have one, as it can of a cloud. Local. */
bool known_kind_is_lookup(enum known_kind kind);

#endif
