/* Names with a trait, as rules 6 and 7 count them. */
#include "rules.h"

#include <stdlib.h>

/* Known software that puts data into names counts from so many times the bytes of its other days on, of which
 * so many must be known: a tunnel would hide there. */
#define KNOWN_TIMES 10
#define KNOWN_DAYS 3

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int compare_shapes(const void *a, const void *b)
{
    const struct trait_name *x = a, *y = b;
    if (x->shape != y->shape)
        return x->shape < y->shape ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->name > y->name) - (x->name < y->name);
}

static int compare_days(const void *a, const void *b)
{
    const struct trait_name *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->name > y->name) - (x->name < y->name);
}

/* Bytes of known software's names on each of the pair's days. */
static void known_bytes_sum(const struct pair_view *pair, int64_t *bytes)
{
    size_t d = 0;
    for (size_t i = 0; i < pair->name_count; i++) {
        while (pair->days[d].day < pair->names[i].day)
            d++;
        bytes[d] += pair->names[i].traits & TRAIT_KNOWN ? pair->names[i].bytes : 0;
    }
}

/* Whether known software carries far more on day `d` of the pair than on its other days of the 30 before. */
static bool is_flood(const struct pair_view *pair, const int64_t *bytes, size_t d)
{
    int64_t others[PAST_DAYS];
    size_t count = 0;
    for (size_t past = d; past-- > 0 && pair->days[past].day > pair->days[d].day - PAST_DAYS;)
        others[count++] = bytes[past];
    if (count < KNOWN_DAYS)
        return false;
    qsort(others, count, sizeof *others, compare_i64);
    return bytes[d] > KNOWN_TIMES * others[(count - 1) / 2];
}

static size_t firsts_keep(struct trait_name *names, size_t count)
{
    size_t kept = 0;
    if (count == 0)
        return 0;
    qsort(names, count, sizeof *names, compare_shapes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || names[kept - 1].shape != names[i].shape)
            names[kept++] = names[i];
    qsort(names, kept, sizeof *names, compare_days);
    return kept;
}

enum status trait_names_find(const struct pair_view *pair, unsigned trait, struct trait_name **names,
                             size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0, d = 0;
    int64_t *known = NULL;
    *names = NULL;
    *count = 0;
    for (size_t i = 0; i < pair->name_count; i++) {
        const struct pair_name *name = &pair->names[i];
        while (pair->days[d].day < name->day)
            d++;
        if (!(name->traits & trait))
            continue;
        if (name->traits & TRAIT_KNOWN && !known) {
            known = calloc(pair->day_count, sizeof *known);
            if (!known) {
                status = error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for names");
                goto done;
            }
            known_bytes_sum(pair, known);
        }
        if (name->traits & TRAIT_KNOWN && !is_flood(pair, known, d))
            continue;
        TRY(array_reserve(names, &capacity, *count + 1, sizeof **names, err));
        (*names)[(*count)++] = (struct trait_name){name->day, name->shape, name->name, name->data_bytes};
    }
    *count = firsts_keep(*names, *count);
done:
    free(known);
    return status;
}

void trait_windows(const struct trait_name *names, size_t count, int64_t day, int64_t counts[WINDOWS],
                   int64_t bytes[WINDOWS], struct evidence *about)
{
    for (size_t i = 0; i < count && names[i].day <= day; i++) {
        windows_add(counts, 1, names[i].day, day);
        windows_add(bytes, names[i].data_bytes, names[i].day, day);
        if (names[i].day > day - PAST_DAYS)
            evidence_add_name(about, names[i].name);
    }
}
