/**
 * The two hashes of quern, which must never be mixed up.
 *
 * What is stored, sampled or chosen uses content_hash: XXH3 with a fixed seed, the same on every machine and
 * in every run (https://github.com/Cyan4973/xxHash). Tables in memory use map.h, which draws a random key a
 * process, so that an attacker who chooses names cannot choose collisions; the order of such a table never
 * leaves it.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** Returns XXH3-64 of `count` bytes, seed 0: a stored identity of content. Borrows `bytes`. Local. */
uint64_t content_hash(const void *bytes, size_t count);

/** Returns XXH3-64 of `count` bytes with a seed that is random a process; for tables in memory only. Local.
 */
uint64_t memory_hash(const void *bytes, size_t count);

/** Returns the key of memory_hash: odd, and drawn once a process. Local. */
uint64_t memory_seed(void);

/** XXH3-128 of a stream of bytes. Opaque. */
struct digest;

/** Returns a new, empty digest, or NULL without memory; end it with digest_free. Local. */
struct digest *digest_new(void);

/** Takes the digest, or NULL. Local. */
void digest_free(struct digest *digest);

/** Adds `count` bytes. Borrows `bytes`. Local. */
void digest_add(struct digest *digest, const void *bytes, size_t count);

/** Writes what was added so far as 32 hexadecimal digits and '\0' (canonical, most significant first). Local.
 */
void digest_hex(const struct digest *digest, char hex[33]);

#endif
