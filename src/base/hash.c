#include "base/hash.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include <xxhash.h>

struct digest {
    XXH3_state_t *state;
};

uint64_t content_hash(const void *bytes, size_t count)
{
    return XXH3_64bits(bytes, count);
}

/* Drawn once a process. A second thread that races draws its own and loses; both see the winner's. */
uint64_t memory_seed(void)
{
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): written once, and never an output
    static _Atomic uint64_t kept;
    uint64_t seed = atomic_load_explicit(&kept, memory_order_relaxed);
    if (seed != 0)
        return seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        seed = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)&now;
    }
    seed |= 1;  // 0 means: not drawn yet
    uint64_t none = 0;
    return atomic_compare_exchange_strong(&kept, &none, seed) ? seed : none;
}

uint64_t memory_hash(const void *bytes, size_t count)
{
    return XXH3_64bits_withSeed(bytes, count, memory_seed());
}

struct digest *digest_new(void)
{
    struct digest *digest = malloc(sizeof *digest);
    if (!digest)
        return NULL;
    digest->state = XXH3_createState();
    if (!digest->state) {
        free(digest);
        return NULL;
    }
    (void)XXH3_128bits_reset(digest->state);
    return digest;
}

void digest_free(struct digest *digest)
{
    if (!digest)
        return;
    (void)XXH3_freeState(digest->state);
    free(digest);
}

void digest_add(struct digest *digest, const void *bytes, size_t count)
{
    if (count > 0)
        (void)XXH3_128bits_update(digest->state, bytes, count);
}

void digest_hex(const struct digest *digest, char hex[33])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(digest->state));
    for (size_t i = 0; i < sizeof canonical.digest; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", canonical.digest[i]);
}
