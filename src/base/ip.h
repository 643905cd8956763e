/**
 * IP addresses as 16 bytes: IPv6 as it is, IPv4 mapped into ::ffff:0:0/96 (RFC 4291 §2.5.5.2), so that one
 * table, one order and one hash serve both. The order of addresses is that of their bytes.
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes that the text of any address needs, with the final '\0'. */
#define IP_TEXT_BYTES 46

struct ip {
    uint8_t bytes[16];
};

/** A range of addresses: those that share the first `bits` of 128 with `base`. */
struct ip_range {
    struct ip base;
    int bits;
};

/** Reads the address in text[0 … count), IPv4 dotted or IPv6; no scope. Returns false when it is none. Local.
 */
bool ip_read(const char *text, size_t count, struct ip *ip);

/** Writes the address as inet_ntop does, mapped IPv4 dotted. Returns the length without '\0'. Local. */
size_t ip_write(const struct ip *ip, char text[IP_TEXT_BYTES]);

/** Reads "10.0.0.0/8", "fd00::/8" or a single address. Returns false when it is none, or has bits set behind
 * the prefix. Local. */
bool ip_range_read(const char *text, struct ip_range *range);

/** Returns whether `ip` lies in the range. Local. */
bool ip_in_range(const struct ip *ip, const struct ip_range *range);

/** Sets the bits of an IPv6 address behind the first `bits` to 0; IPv4 is left as it is. Local. */
void ip_mask_v6(struct ip *ip, int bits);

/** Returns less than, equal to or more than 0 as memcmp does. Local. */
int ip_compare(const struct ip *a, const struct ip *b);

#endif
