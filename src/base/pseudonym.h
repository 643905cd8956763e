/**
 * Keyed pseudonyms of addresses that keep prefixes: two addresses share as many leading bits as their
 * pseudonyms do. Crypto-PAn (Xu, Fan, Ammar, Moon, ICNP 2002) with AES-128; IPv4 as its authors' program has
 * it, IPv6 by the same rule over 128 bits.
 */
#ifndef BASE_PSEUDONYM_H
#define BASE_PSEUDONYM_H

#include "base/error.h"
#include "base/ip.h"

/** A key: 16 bytes for AES and 16 for the padding. */
#define PSEUDONYM_KEY_BYTES 32

/** Opaque. */
struct pseudonyms;

/**
 * Reads a key file: 64 hexadecimal digits, or 32 bytes as they are. Local.
 *
 * @param out  returns new; free it with pseudonyms_free
 * @return     STATUS_IO when it cannot be read, STATUS_USAGE when it is no key
 */
MUST_CHECK enum status pseudonyms_read(const char *path, struct pseudonyms **out, struct error *err);

/** As pseudonyms_read, from a key. Borrows it. Local. */
MUST_CHECK enum status pseudonyms_new(const uint8_t key[PSEUDONYM_KEY_BYTES], struct pseudonyms **out,
                                      struct error *err);

/** Takes it, or NULL; the key is wiped. Local. */
void pseudonyms_free(struct pseudonyms *pseudonyms);

/** Returns the pseudonym of an address; one of IPv4 is mapped as the address is. Local. */
struct ip pseudonym_of(struct pseudonyms *pseudonyms, const struct ip *ip);

/** Returns the address that has this pseudonym. Local. */
struct ip pseudonym_undo(struct pseudonyms *pseudonyms, const struct ip *pseudonym);

#endif
