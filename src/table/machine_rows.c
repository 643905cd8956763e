/* A day's rows by machine: those of one machine under two addresses become one. Sums, least and largest
 * values are exact; what counts distinct things is counted anew from the asked names, where the store has
 * every name of the window. Else, and for resolvers, a row has the sum, or the largest, of what its parts
 * have. */
#include "machines.h"

#include "base/exact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S 3600

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t largest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t sum(int64_t a, int64_t b)
{
    return a + b;
}

static int64_t kept(int64_t a, int64_t b)
{
    (void)b;
    return a;
}

/* Two that asked one resolver each asked two, or the same. Of more the larger set stands for both: which of
 * them are the same is not told. */
static void resolvers_merge(struct day_table *to, size_t place, const struct day_table *from, size_t at)
{
    const int64_t set = from->row_resolver_set[at], count = from->row_resolvers[at];
    int64_t *had = &to->row_resolver_set[place], *had_count = &to->row_resolvers[place];
    if (set == *had)
        return;
    if (count == 1 && *had_count == 1) {
        *had ^= set;
        *had_count = 2;
    } else if (count > *had_count || (count == *had_count && set > *had)) {
        *had = set;
        *had_count = count;
    }
}

/* Of what cannot be added: a better number comes from the asked names, where they are all there. */
#define MERGE_SUM(name) sum
#define MERGE_MAX(name) largest
#define MERGE_MIN(name) least
#define MERGE_MADE(name) made_##name
#define made_resolvers kept
#define made_resolver_set kept
#define made_names sum
#define made_domains sum
#define made_domain_clog sum
#define made_domain_top largest
#define made_info_bytes largest
#define made_sampled largest

static void row_copy(struct day_table *to, size_t place, const struct day_table *from, size_t at)
{
    to->row_window[place] = from->row_window[at];
    to->row_units[place] = from->row_units[at];
#define COUNT(NAME, name, merge, unit, text) to->row_##name[place] = from->row_##name[at];
#include "feature/row_counts.def"
#undef COUNT
    memcpy(&to->row_unit_queries[place * to->unit_count], &from->row_unit_queries[at * from->unit_count],
           from->unit_count * sizeof *from->row_unit_queries);
}

static void row_merge(struct day_table *to, size_t place, const struct day_table *from, size_t at)
{
    resolvers_merge(to, place, from, at);
    // NOLINTBEGIN(bugprone-macro-parentheses): a name is made, not a value
#define COUNT(NAME, name, merge, unit, text)                                                                 \
    to->row_##name[place] = MERGE_##merge(name)(to->row_##name[place], from->row_##name[at]);
#include "feature/row_counts.def"
#undef COUNT
    // NOLINTEND(bugprone-macro-parentheses)
    for (size_t u = 0; u < to->unit_count; u++) {
        uint32_t *into = &to->row_unit_queries[place * to->unit_count + u];
        *into = sum_u32(*into, from->row_unit_queries[at * from->unit_count + u]);
    }
}

/* A name of a row, or with its domain's queries. */
struct row_name {
    uint32_t name, domain;
    int64_t queries;
};

static int compare_row_names(const void *a, const void *b)
{
    const struct row_name *x = a, *y = b;
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    return (x->name > y->name) - (x->name < y->name);
}

/* The asked names of a machine in a slot begin here. */
static size_t slot_begin(const struct day_table *to, int64_t slot_s, const uint8_t *octets)
{
    size_t low = 0, high = to->size[DAY_asked];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = memcmp(to->asked_ip + 16 * middle, octets, 16);
        if (to->asked_slot[middle] < slot_s || (to->asked_slot[middle] == slot_s && order < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All asked names of a row's window; they are alone in placing->to yet. */
static enum status row_names_find(const struct placing *placing, const struct day_table *rows, size_t row,
                                  struct row_name **names, size_t *count, size_t *capacity, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *to = &placing->to;
    const int64_t slot_s = least(placing->window_s, HOUR_S);
    const uint8_t *octets = rows->row_ip + 16 * row;
    *count = 0;
    for (int64_t past = 0; past < placing->window_s; past += slot_s) {
        const int64_t at_s = rows->row_window[row] + past;
        for (size_t i = slot_begin(to, at_s, octets); i < to->size[DAY_asked] && to->asked_slot[i] == at_s &&
                                                      memcmp(to->asked_ip + 16 * i, octets, 16) == 0;
             i++) {
            TRY(array_reserve(names, capacity, *count + 1, sizeof **names, err));
            (*names)[(*count)++] = (struct row_name){
                to->asked_name[i], placing->from->name_domain[to->asked_name[i]], to->asked_queries[i]};
        }
    }
done:
    return status;
}

/* What a row says of names and domains, from names[count]; nothing when some query's name is not there. */
static void row_sets_fill(const struct placing *placing, struct day_table *rows, size_t row,
                          struct row_name *names, size_t count)
{
    int64_t queries = 0, distinct = 0, domains = 0, clog = 0, top = 0, info = 0;
    if (count > 0)
        qsort(names, count, sizeof *names, compare_row_names);
    for (size_t i = 0, to = 0; i < count; i = to) {
        int64_t of_domain = 0, bytes = 0;
        for (; to < count && names[to].domain == names[i].domain; to++) {
            of_domain += names[to].queries;
            if (to > i && names[to].name == names[to - 1].name)
                continue;
            distinct++;
            bytes += placing->from->name_sub_bytes[names[to].name];
        }
        domains++;
        queries += of_domain;
        clog += of_domain * fixed_log2((uint64_t)of_domain);
        top = largest(top, of_domain);
        info = largest(info, bytes);
    }
    if (queries != rows->row_queries[row]) {
        rows->row_names[row] = least(rows->row_names[row], rows->row_queries[row]);
        rows->row_domains[row] = least(rows->row_domains[row], rows->row_queries[row]);
        return;
    }
    rows->row_names[row] = distinct;
    rows->row_domains[row] = domains;
    rows->row_domain_clog[row] = clog;
    rows->row_domain_top[row] = top;
    rows->row_info_bytes[row] = info;
}

enum status machine_rows_make(struct placing *placing, struct day_table *made, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *from = placing->from;
    struct placed *runs = NULL;
    struct row_name *names = NULL;
    size_t run_count = 0, place = 0, name_count = 0, name_room = 0;
    struct placed_entry *entries = calloc(from->size[DAY_row] + 1, sizeof *entries);
    if (!entries)
        return placing_no_room(err);
    TRY(placed_runs_find(placing, from->row_window, from->row_ip, from->size[DAY_row], &runs, &run_count,
                         err));
    *made = (struct day_table){.day = from->day, .unit_count = from->unit_count};
    made->size[DAY_row] = placed_order(runs, run_count, NULL, entries);
    TRY(day_table_make(made, err));
    for (size_t i = 0; i < from->size[DAY_row]; i++) {
        struct ip number;
        const size_t at = entries[i].at;
        place += i > 0 && !entries[i].is_next;
        if (entries[i].is_next) {
            row_merge(made, place, from, at);
        } else {
            TRY(placing_find(placing, from->row_ip + 16 * at, from->row_window[at], &number, err));
            number_put(made->row_ip + 16 * place, made->row_ip_text + IP_COLUMN_BYTES * place, &number);
            row_copy(made, place, from, at);
        }
        const bool is_whole = i + 1 == from->size[DAY_row] || !entries[i + 1].is_next;
        if (!is_whole || !entries[i].is_next)
            continue;
        if (made->row_queries[place] > ROW_QUERIES_MOST) {
            status = error_set(err, STATUS_LIMIT, "hosts", "choose a shorter features.window",
                               "a machine sent %" PRId64 " queries in a window, more than 2^26",
                               made->row_queries[place]);
            goto done;
        }
        TRY(row_names_find(placing, made, place, &names, &name_count, &name_room, err));
        row_sets_fill(placing, made, place, names, name_count);
    }
done:
    free(entries);
    free(names);
    free(runs);
    return status;
}
