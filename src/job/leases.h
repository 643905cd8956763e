/**
 * Leases: which machine had which address, and when, from a CSV file of `ip,from,to,host`.
 *
 *     leases.csv ─► leases_read ─► struct leases ─► leases_holder(address, span) ─► the machine's number
 *
 * Where addresses move, a machine is told by its number: an address of 100::/64, the discard prefix of RFC
 * 6666 in which nobody lives, with the hash of the machine's name. It stays the same from run to run, two
 * machines that had one address stay two, and everything that goes by IP goes by machine without knowing.
 *
 * Names are compared without case, and a MAC address in any of its spellings. A time without a zone is local;
 * one with a zone, or seconds since 1970, are what they say. A lease without an end goes on. What is no lease
 * is told and left out.
 */
#ifndef JOB_LEASES_H
#define JOB_LEASES_H

#include "base/error.h"
#include "base/ip.h"
#include "base/map.h"
#include "base/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest name of a machine. */
#define MACHINE_NAME_BYTES 256

/** The end of a lease that has none: no time that a log tells is later. */
#define LEASE_OPEN ((int64_t)1 << 40)

/** An address is a machine's over [from_s, to_s), UTC. Plain bytes. */
struct lease {
    struct ip ip;
    int64_t from_s, to_s;
    uint32_t machine;  // in machines
    uint32_t line;  // of the file
};

struct machine {
    struct ip number;
    char *name;
};

/** Something about the file that somebody should know. */
struct lease_fault {
    uint32_t line;
    char what[200];  // escaped for a terminal
};

/** No index of a lease. */
#define LEASE_NONE UINT32_MAX

/** Faults of a kind that are kept. */
#define LEASE_FAULTS 5

struct leases {
    struct lease *items;  // [count] by address, then time; no two meet
    size_t count, capacity;
    uint32_t *by_machine;  // [count] of items, by machine, then time
    uint32_t *before, *next;  // [count] of items, the same machine's at the same address; LEASE_NONE: none
    struct machine *machines;  // [machine_count] by number
    size_t machine_count, machine_capacity;
    struct map hashes;  // of the addresses
    struct lease_fault bad[LEASE_FAULTS], overlaps[LEASE_FAULTS];  // the first ones
    int64_t bad_count, overlap_count;
};

/**
 * Reads a file. Local.
 *
 * Of two leases of an address that overlap, the earlier one ends where the later one begins, and this is told
 * unless they are of one machine.
 *
 * @param zone       borrowed; of times that carry none
 * @param ipv6_bits  as archive.ipv6_prefix
 * @param out        returns new; free it with leases_free
 * @return           STATUS_IO; STATUS_USAGE when no line is a lease though some are there; STATUS_NO_MEMORY
 */
MUST_CHECK enum status leases_read(const char *path, const struct zone *zone, int ipv6_bits,
                                   struct leases **out, struct error *err);

/** Returns new and empty leases, for leases_add and leases_settle; NULL without memory. Local. */
struct leases *leases_new(void);

/**
 * Adds a lease. Local.
 *
 * @param name  borrowed, [count]; any spelling of the machine's name
 * @return      STATUS_USAGE when it is no name, or has the hash of another one
 */
MUST_CHECK enum status leases_add(struct leases *leases, const struct lease *lease, const char *name,
                                  size_t count, struct error *err);

/** Brings leases that were added into their order: all functions below need that. Local. */
MUST_CHECK enum status leases_settle(struct leases *leases, struct error *err);

/** Makes what finds leases that are in their order, a part of leases_settle. Local. */
MUST_CHECK enum status leases_index(struct leases *leases, struct error *err);

/** Writes settled leases into bytes, for leases_unpack of the same program. Local.
 *
 * @param bytes  returns new, [*count]; free() it
 */
MUST_CHECK enum status leases_pack(const struct leases *leases, void **bytes, size_t *count,
                                   struct error *err);

/** Makes the leases that were packed, settled. Local.
 *
 * @param out  returns new; free it with leases_free
 */
MUST_CHECK enum status leases_unpack(const void *bytes, size_t count, struct leases **out, struct error *err);

/** Takes the leases, or NULL. Local. */
void leases_free(struct leases *leases);

/**
 * Finds the machine that had the address longest in [from_s, to_s), of several the one that had it first.
 * Local.
 *
 * @param number  filled; untouched when no machine had it
 * @return        whether any had
 */
bool leases_holder(const struct leases *leases, const struct ip *ip, int64_t from_s, int64_t to_s,
                   struct ip *number);

/** As leases_holder, for the address that has this content hash. Local. */
bool leases_holder_of_hash(const struct leases *leases, uint64_t hash, int64_t from_s, int64_t to_s,
                           struct ip *number);

/** Returns whether it may be a machine's number: it is in 100::/64. Local. */
bool ip_is_machine(const struct ip *ip);

/** Returns the machine with this number, borrowed; NULL when it is none's. Local. */
const struct machine *leases_machine(const struct leases *leases, const struct ip *number);

/** Finds the machine of this name, in any spelling; NULL when there is none. Local. */
const struct machine *leases_named(const struct leases *leases, const char *name);

/** Returns the machine's leases, by time: items[by_machine[*first … first + count)]. Local. */
size_t leases_of(const struct leases *leases, const struct ip *number, size_t *first);

/** Finds the address of the machine's last lease that begins before `to_s` and ends behind `from_s`. Local.
 *
 * @return  false when it has none there
 */
bool leases_address(const struct leases *leases, const struct ip *number, int64_t from_s, int64_t to_s,
                    struct ip *address);

/** Returns whether the machine had an address of the range in [from_s, to_s). Local. */
bool leases_in_range(const struct leases *leases, const struct ip *number, int64_t from_s, int64_t to_s,
                     const struct ip_range *range);

/** Returns a hash of the leases as they are in [from_s, to_s): who had what then. Local. */
int64_t leases_fingerprint(const struct leases *leases, int64_t from_s, int64_t to_s);

#endif
