#include "parallel/parallel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Sorts the items by owner: stable, one pass to count and one to place. */
static enum status sort_by_owner(const struct team *team, const void *items, size_t count, size_t item_bytes,
                                 team_owner *owner, const void *context, unsigned char **sorted,
                                 size_t *out_bytes, struct error *err)
{
    const int ranks = team_size(team);
    size_t *next = calloc((size_t)ranks, sizeof *next);
    *sorted = count <= SIZE_MAX / item_bytes - 1 ? malloc((count + 1) * item_bytes) : NULL;
    if (!next || !*sorted) {
        free(next);
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "use more ranks or more memory",
                         "no room to sort %zu items of %zu bytes", count, item_bytes);
    }
    for (size_t i = 0; i < count; i++)
        out_bytes[owner((const unsigned char *)items + i * item_bytes, ranks, context)] += item_bytes;
    for (int rank = 1; rank < ranks; rank++)
        next[rank] = next[rank - 1] + out_bytes[rank - 1];
    for (size_t i = 0; i < count; i++) {
        const unsigned char *item = (const unsigned char *)items + i * item_bytes;
        size_t *at = &next[owner(item, ranks, context)];
        memcpy(*sorted + *at, item, item_bytes);
        *at += item_bytes;
    }
    free(next);
    return STATUS_OK;
}

enum status team_deal_at(const struct team *team, const void *items, size_t count, size_t item_bytes,
                         team_owner *owner, const void *context, void **in, size_t *in_count,
                         struct error *err, const char *file, int line)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(team);
    unsigned char *sorted = NULL;
    size_t *bytes = calloc(2 * ranks, sizeof *bytes);  // out, in
    enum status had;
    if (bytes)
        had = sort_by_owner(team, items, count, item_bytes, owner, context, &sorted, bytes, err);
    else
        had = error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "", "no room for counts");
    TRY(team_agree_at(team, had, err, file, line));
    TRY(team_exchange_at(team, sorted, bytes, in, bytes + ranks, err, file, line));
    *in_count = 0;
    for (size_t rank = 0; rank < ranks; rank++)
        *in_count += bytes[ranks + rank] / item_bytes;
done:
    free(sorted);
    free(bytes);
    return status;
}
