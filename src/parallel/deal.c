#include "parallel/parallel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Sorts the items by owner: stable, one pass to count and one to place. */
static enum status sort_by_owner(const struct team *team, const struct team_items *dealt,
                                 unsigned char **sorted, size_t *out_bytes, struct error *err)
{
    const int ranks = team_size(team);
    const size_t bytes = dealt->item_bytes;
    size_t *next = calloc((size_t)ranks, sizeof *next);
    *sorted = dealt->count <= SIZE_MAX / bytes - 1 ? malloc((dealt->count + 1) * bytes) : NULL;
    if (!next || !*sorted) {
        free(next);
        return error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "use more ranks or more memory",
                         "no room to sort %zu items of %zu bytes", dealt->count, bytes);
    }
    const unsigned char *items = dealt->items;
    for (size_t i = 0; i < dealt->count; i++)
        out_bytes[dealt->owner(items + i * bytes, ranks, dealt->context)] += bytes;
    for (int rank = 1; rank < ranks; rank++)
        next[rank] = next[rank - 1] + out_bytes[rank - 1];
    for (size_t i = 0; i < dealt->count; i++) {
        size_t *at = &next[dealt->owner(items + i * bytes, ranks, dealt->context)];
        memcpy(*sorted + *at, items + i * bytes, bytes);
        *at += bytes;
    }
    free(next);
    return STATUS_OK;
}

enum status team_deal_at(const struct team *team, const struct team_items *dealt, void **in, size_t *in_count,
                         struct error *err, const char *file, int line)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(team);
    unsigned char *sorted = NULL;
    size_t *bytes = calloc(2 * ranks, sizeof *bytes);  // out, in
    enum status had;
    if (bytes)
        had = sort_by_owner(team, dealt, &sorted, bytes, err);
    else
        had = error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "", "no room for counts");
    TRY(team_agree_at(team, had, err, file, line));
    TRY(team_exchange_at(team, sorted, bytes, in, bytes + ranks, err, file, line));
    *in_count = 0;
    for (size_t rank = 0; rank < ranks; rank++)
        *in_count += bytes[ranks + rank] / dealt->item_bytes;
done:
    free(sorted);
    free(bytes);
    return status;
}
