/* Suffixes of the private section of the public suffix list. The registered domain of a.b.cloudfront.net is
 * b.cloudfront.net, by the list; that it is somebody's who bought a domain is not true there. */
#include "internal.h"

#include <string.h>

static const char *const PRIVATE[] = {
#define X(suffix) suffix,
#include "private_suffixes.def"
#undef X
};

static bool is_on_list(const char *text, size_t count)
{
    size_t low = 0, high = sizeof PRIVATE / sizeof *PRIVATE;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const size_t length = strlen(PRIVATE[middle]);
        const int order = memcmp(PRIVATE[middle], text, length < count ? length : count);
        if (order == 0 && length == count)
            return true;
        if (order < 0 || (order == 0 && length < count))
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool suffix_is_private(const char *domain, size_t count)
{
    const char *at = domain, *end = domain + count;
    // The suffix is the domain less its first label; of a rule "*.x", x stands in the list, one label
    // further.
    for (int labels = 0; labels < 2; labels++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        if (!dot)
            return false;
        at = dot + 1;
        if (is_on_list(at, (size_t)(end - at)))
            return true;
    }
    return false;
}
