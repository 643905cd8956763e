#include "deal.h"

#include "net.h"

#include "base/random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct dealt_row) == 8 + 2 * GRID_COLUMNS, "goes over the wire as bytes: no padding");

static int stripe_of(const struct deal *deal, uint64_t place)
{
    return (int)(place / MICRO_ROWS % (uint64_t)deal->stripe_count);
}

static int owner_of(const struct team *team, int stripe)
{
    return stripe % team_size(team);
}

static size_t kept_in(struct deal_source source)
{
    size_t kept = 0;
    for (size_t row = 0; row < source.count; row++)
        kept += source.keep[row] != 0;
    return kept;
}

static int64_t stripe_length(const struct deal *deal, int stripe)
{
    return (deal->micro_count - stripe + deal->stripe_count - 1) / deal->stripe_count;
}

/* Draws the places of the kept rows, which are `count` and the first of which is number `first`. */
static enum status places_draw_local(const struct deal *deal, uint64_t first, size_t count, uint64_t **out,
                                     struct error *err)
{
    const uint64_t key = random_u64(deal->seed, RANDOM_DEAL, 0, 0);
    uint64_t *places = malloc((count + 1) * sizeof *places);
    if (!places)
        return model_no_memory("autoencoder", count, err);
    for (size_t i = 0; i < count; i++)
        places[i] = random_place(key, first + i, (uint64_t)deal->row_count);
    *out = places;
    return STATUS_OK;
}

/* The kept rows with their places, sorted by the rank that they go to. */
static enum status pack_local(const struct team *team, const struct deal *deal, struct deal_source source,
                              const uint64_t *places, size_t count, struct dealt_row **out,
                              size_t *out_counts, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t size = (size_t)team_size(team);
    size_t *next = calloc(size + 1, sizeof *next), kept = 0;
    *out = malloc((count + 1) * sizeof **out);
    if (!next || !*out)
        TRY(model_no_memory("autoencoder", count, err));
    for (size_t i = 0; i < count; i++)
        next[owner_of(team, stripe_of(deal, places[i])) + 1]++;
    for (size_t rank = 0; rank < size; rank++) {
        out_counts[rank] = next[rank + 1] * sizeof **out;
        next[rank + 1] += next[rank];
    }
    for (size_t row = 0; row < source.count; row++) {
        if (!source.keep[row])
            continue;
        struct dealt_row *dealt = &(*out)[next[owner_of(team, stripe_of(deal, places[kept]))]++];
        dealt->place = places[kept++];
        memcpy(dealt->values, source.rows + row * GRID_COLUMNS, sizeof dealt->values);
    }
done:
    free(next);
    return status;
}

/* Room for this rank's stripes. */
static enum status stripes_make_local(const struct team *team, struct deal *deal, struct error *err)
{
    size_t micro = 0;
    deal->stripe_from = malloc((size_t)deal->stripe_count * sizeof *deal->stripe_from);
    if (!deal->stripe_from)
        return model_no_memory("autoencoder", (size_t)deal->stripe_count, err);
    for (int stripe = 0; stripe < deal->stripe_count; stripe++) {
        const bool mine = owner_of(team, stripe) == team_rank(team);
        deal->stripe_from[stripe] = mine ? micro : SIZE_MAX;
        micro += mine ? (size_t)stripe_length(deal, stripe) : 0;
    }
    deal->values = calloc(micro + 1, deal->columns * MICRO_ROWS * sizeof *deal->values);
    return deal->values ? STATUS_OK : model_no_memory("autoencoder", micro * MICRO_ROWS, err);
}

static void unpack(struct deal *deal, const struct dealt_row *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t micro = deal->stripe_from[stripe_of(deal, in[i].place)] +
                       (size_t)(in[i].place / MICRO_ROWS / (uint64_t)deal->stripe_count);
        int16_t *to = deal->values + micro * deal->columns * MICRO_ROWS + in[i].place % MICRO_ROWS;
        for (size_t c = 0; c < deal->columns; c++)
            to[c * MICRO_ROWS] = in[i].values[c];
    }
}

/* All that a rank does before the exchange. */
static enum status deal_local(const struct team *team, struct deal_source source, uint64_t first,
                              struct deal *deal, struct dealt_row **out, size_t *out_counts,
                              struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t *places = NULL;
    const size_t kept_count = kept_in(source);
    TRY(stripes_make_local(team, deal, err));
    TRY(places_draw_local(deal, first, kept_count, &places, err));
    TRY(pack_local(team, deal, source, places, kept_count, out, out_counts, err));
done:
    free(places);
    return status;
}

enum status deal_make(const struct team *team, struct deal_source source, int batch, uint64_t seed,
                      struct deal *deal, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t size = (size_t)team_size(team);
    struct dealt_row *out = NULL;
    void *in = NULL;
    size_t *counts = calloc(2 * size, sizeof *counts);
    int64_t kept = (int64_t)kept_in(source);
    uint64_t first = team_sum_before(team, (uint64_t)kept);
    team_sum_i64(team, &kept, 1);
    *deal = (struct deal){
        .row_count = kept, .stripe_count = batch / MICRO_ROWS, .columns = source.columns, .seed = seed};
    deal->micro_count = (kept + MICRO_ROWS - 1) / MICRO_ROWS;
    enum status made = counts ? deal_local(team, source, first, deal, &out, counts, err)
                              : model_no_memory("autoencoder", size, err);
    TRY(team_agree(team, made, err));
    assert(counts && out && deal->values);
    TRY(team_exchange(team, out, counts, &in, counts + size, err));
    free(out);
    out = NULL;
    size_t in_bytes = 0;
    for (size_t rank = 0; rank < size; rank++)
        in_bytes += counts[size + rank];
    unpack(deal, in, in_bytes / sizeof(struct dealt_row));
done:
    if (status != STATUS_OK)
        deal_clear(deal);
    free(in);
    free(out);
    free(counts);
    return status;
}

void deal_clear(struct deal *deal)
{
    free(deal->values);
    free(deal->stripe_from);
    *deal = (struct deal){0};
}

int64_t deal_steps(const struct deal *deal)
{
    return (deal->micro_count + deal->stripe_count - 1) / deal->stripe_count;
}

struct deal_micro deal_take(const struct deal *deal, int stripe, uint32_t epoch, int64_t step)
{
    const int64_t length = stripe_length(deal, stripe);
    if (deal->stripe_from[stripe] == SIZE_MAX || step >= length)
        return (struct deal_micro){0};
    const uint64_t key = random_u64(deal->seed, RANDOM_EPOCH, epoch, (uint64_t)stripe);
    const uint64_t number = random_place(key, (uint64_t)step, (uint64_t)length);
    const uint64_t micro = number * (uint64_t)deal->stripe_count + (uint64_t)stripe;
    const int64_t left = deal->row_count - (int64_t)(micro * MICRO_ROWS);
    return (struct deal_micro){
        .values = deal->values + (deal->stripe_from[stripe] + number) * deal->columns * MICRO_ROWS,
        .row_count = left < MICRO_ROWS ? (size_t)left : MICRO_ROWS,
    };
}
