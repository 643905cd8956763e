/* A day's tables by machine: rows and asked names of one machine under two addresses become one, and what
 * counts distinct things is counted anew. An address is the machine's that had it longest in a window.
 *
 * What is exact: sums, least and largest values; names and domains and what is made of them, where the store
 * has every name of the window. Else, and for resolvers, a merged row has the sum, or the largest, of what
 * its parts have. A domain's clients are those of the day, exact where the store has all of them. */
#include "machines.h"

#include "base/exact.h"
#include "base/hash.h"
#include "base/map.h"
#include "job/civil.h"
#include "job/leases.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S 3600
#define DOMAIN_CLIENTS_MOST 64

/* Whose an address was in a window. */
struct held {
    struct ip ip;  // key: both
    int64_t window;
    struct ip number;
};

static enum status no_room(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "hosts", "use more memory", "no room for the tables of a day");
}

enum status placing_find(struct placing *placing, const uint8_t *octets, int64_t time_s, struct ip *number,
                         struct error *err)
{
    enum status status = STATUS_OK;
    struct held key = {.window = floor_div(time_s - placing->start_s, placing->window_s)};
    void *found = NULL;
    bool fresh = false;
    memcpy(&key.ip, octets, sizeof key.ip);
    TRY(map_put(&placing->held, &key, &found, &fresh, err));
    struct held *held = found;
    if (fresh) {
        const int64_t from_s = placing->start_s + key.window * placing->window_s;
        held->number = key.ip;
        (void)leases_holder(placing->leases, &key.ip, from_s, from_s + placing->window_s, &held->number);
    }
    *number = held->number;
done:
    return status;
}

/* ---- entries in their new order ---- */

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->time_s != y->time_s)
        return x->time_s < y->time_s ? -1 : 1;
    const int order = ip_compare(&x->number, &y->number);
    return order ? order : (x->from > y->from) - (x->from < y->from);
}

static int compare_entries(const void *a, const void *b)
{
    const struct placed_entry *x = a, *y = b;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Runs of entries of one time and address, in the order of their machines. */
static enum status runs_find(struct placing *placing, const int64_t *times, const uint8_t *ips, size_t count,
                             struct placed **runs, size_t *run_count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0;
    for (size_t i = 0; i < count; i++) {
        struct placed *run = *run_count > 0 ? &(*runs)[*run_count - 1] : NULL;
        if (run && times[i] == run->time_s && memcmp(ips + 16 * i, ips + 16 * (size_t)run->from, 16) == 0) {
            run->count++;
            continue;
        }
        TRY(array_reserve(runs, &capacity, *run_count + 1, sizeof **runs, err));
        run = &(*runs)[(*run_count)++];
        *run = (struct placed){.time_s = times[i], .from = (uint32_t)i, .count = 1};
        TRY(placing_find(placing, ips + 16 * i, times[i], &run->number, err));
    }
    if (*run_count > 0)
        qsort(*runs, *run_count, sizeof **runs, compare_placed);
done:
    return status;
}

/* The order of entries: by run, and by name where runs of one machine meet. Without names a run is an entry.
 * Returns how many entries there are once equal ones are one. */
static size_t entries_order(const struct placed *runs, size_t run_count, const uint32_t *names,
                            struct placed_entry *entries)
{
    size_t count = 0, distinct = 0;
    for (size_t first = 0, end = 0; first < run_count; first = end) {
        const size_t begin = count;
        for (; end < run_count && runs[end].time_s == runs[first].time_s &&
               ip_compare(&runs[end].number, &runs[first].number) == 0;
             end++)
            for (uint32_t at = runs[end].from; at < runs[end].from + runs[end].count; at++)
                entries[count++] = (struct placed_entry){.at = at, .name = names ? names[at] : 0};
        if (end - first > 1)
            qsort(entries + begin, count - begin, sizeof *entries, compare_entries);
        for (size_t i = begin; i < count; i++) {
            entries[i].is_next = i > begin && entries[i].name == entries[i - 1].name;
            distinct += !entries[i].is_next;
        }
    }
    return distinct;
}

static void number_put(uint8_t *octets, char *text, const struct ip *number)
{
    char written[IP_TEXT_BYTES];
    memcpy(octets, number, sizeof *number);
    if (text)
        memcpy(text, written, ip_write(number, written));
}

/* ---- asked names ---- */

static void asked_begin(struct day_table *to, size_t place, const struct day_table *from, size_t at)
{
    to->asked_slot[place] = from->asked_slot[at];
    to->asked_name[place] = from->asked_name[at];
}

static uint32_t sum_u32(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* As tallies of two ranks merge: of two spellings the one of least hash stays. */
static void asked_merge(struct day_table *to, size_t place, const struct day_table *from, size_t at)
{
    const uint64_t spelling = from->asked_spelling[at], had = to->asked_spelling[place];
    to->asked_queries[place] = sum_u32(to->asked_queries[place], from->asked_queries[at]);
    to->asked_txt[place] = sum_u32(to->asked_txt[place], from->asked_txt[at]);
    to->asked_odd[place] = sum_u32(to->asked_odd[place], from->asked_odd[at]);
    to->asked_types[place] |= from->asked_types[at];
    to->asked_mixed[place] = sum_u32(to->asked_mixed[place], from->asked_mixed[at]);
    to->asked_respelled[place] |= from->asked_respelled[at] | (spelling && had && spelling != had);
    to->asked_encodings[place] |= from->asked_encodings[at];
    if (spelling && (!had || spelling < had)) {
        to->asked_spelling[place] = spelling;
        to->asked_case_changes[place] = from->asked_case_changes[at];
    }
}

static enum status asked_make(struct placing *placing, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *from = placing->from;
    struct day_table made = {.day = from->day, .unit_count = from->unit_count};
    struct placed *runs = NULL;
    size_t run_count = 0, place = 0;
    struct placed_entry *entries = calloc(from->size[DAY_asked] + 1, sizeof *entries);
    if (!entries)
        return no_room(err);
    TRY(runs_find(placing, from->asked_slot, from->asked_ip, from->size[DAY_asked], &runs, &run_count, err));
    made.size[DAY_asked] = entries_order(runs, run_count, from->asked_name, entries);
    TRY(day_table_make(&made, err));
    for (size_t i = 0; i < from->size[DAY_asked]; i++) {
        struct ip number;
        const size_t at = entries[i].at;
        place += i > 0 && !entries[i].is_next;
        if (!entries[i].is_next) {
            TRY(placing_find(placing, from->asked_ip + 16 * at, from->asked_slot[at], &number, err));
            number_put(made.asked_ip + 16 * place, NULL, &number);
            asked_begin(&made, place, from, at);
        }
        asked_merge(&made, place, from, at);
    }
    day_table_clear(&placing->to);
    placing->to = made;
    made = (struct day_table){0};
done:
    day_table_clear(&made);
    free(entries);
    free(runs);
    return status;
}

/* ---- rows ---- */

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

static enum status rows_make(struct placing *placing, struct day_table *made, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *from = placing->from;
    struct placed *runs = NULL;
    struct row_name *names = NULL;
    size_t run_count = 0, place = 0, name_count = 0, name_room = 0;
    struct placed_entry *entries = calloc(from->size[DAY_row] + 1, sizeof *entries);
    if (!entries)
        return no_room(err);
    TRY(runs_find(placing, from->row_window, from->row_ip, from->size[DAY_row], &runs, &run_count, err));
    *made = (struct day_table){.day = from->day, .unit_count = from->unit_count};
    made->size[DAY_row] = entries_order(runs, run_count, NULL, entries);
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

/* ---- clients of domains ---- */

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The clients of a day's domains as machines. A list that is full holds the least hashes of addresses, which
 * do not tell those of machines: it stays. */
static void clients_place(const struct placing *placing, const struct zone *zone, struct day_table *table)
{
    const int64_t end_s = zone_day_start(zone, table->day + 1);
    size_t to = 0;
    int64_t from = 0;
    for (size_t domain = 0; domain < table->size[DAY_domain]; domain++) {
        const int64_t end = table->domain_client_end[domain];
        const bool is_full = end - from >= DOMAIN_CLIENTS_MOST;
        const size_t begin = to;
        for (int64_t i = from; i < end; i++) {
            struct ip number;
            const uint64_t hash = table->client_hash[i];
            const bool is_machine =
                !is_full && leases_holder_of_hash(placing->leases, hash, placing->start_s, end_s, &number);
            table->client_hash[to++] = is_machine ? content_hash(&number, sizeof number) : hash;
        }
        if (to > begin)
            qsort(table->client_hash + begin, to - begin, sizeof *table->client_hash, compare_u64);
        size_t kept = begin;
        for (size_t i = begin; i < to; i++)
            if (kept == begin || table->client_hash[kept - 1] != table->client_hash[i])
                table->client_hash[kept++] = table->client_hash[i];
        to = kept;
        from = end;
        table->domain_client_end[domain] = (int64_t)to;
    }
    table->size[DAY_client] = to;
}

/* ---- the day ---- */

void tables_move(struct day_table *table, struct day_table *made, uint32_t dimensions)
{
    for (int d = 0; d < DAY_DIMENSIONS; d++)
        if (dimensions >> d & 1)
            table->size[d] = made->size[d];
    for (int c = 0; c < DAY_COLUMNS; c++) {
        void **into = day_column_array(table, (enum day_column)c);
        void **from = day_column_array(made, (enum day_column)c);
        if (!(dimensions >> day_column_info((enum day_column)c)->dimension & 1))
            continue;
        free(*into);
        *into = *from;
        *from = NULL;
    }
}

/* Whether any lease has a part of the day. */
static bool day_has_lease(const struct leases *leases, int64_t from_s, int64_t to_s)
{
    for (size_t i = 0; i < leases->count; i++)
        if (leases->items[i].from_s < to_s && leases->items[i].to_s > from_s)
            return true;
    return false;
}

enum status day_place_machines(const struct machine_plan *plan, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table rows = {0};
    const int64_t start_s = table->start_s;
    if (!plan->leases || !day_has_lease(plan->leases, start_s, zone_day_start(plan->zone, table->day + 1)))
        return STATUS_OK;
    struct placing placing = {
        .leases = plan->leases, .from = table, .start_s = start_s, .window_s = plan->window_s};
    map_init(&placing.held, sizeof(struct held), offsetof(struct held, number));
    TRY(asked_make(&placing, err));
    TRY(rows_make(&placing, &rows, err));
    TRY(machine_pairs_make(&placing, err));
    tables_move(table, &rows, ROW_TABLE);
    tables_move(table, &placing.to, PAIR_TABLES | UINT32_C(1) << DAY_asked);
    clients_place(&placing, plan->zone, table);
done:
    map_clear(&placing.held);
    day_table_clear(&placing.to);
    day_table_clear(&rows);
    return status;
}

bool machine_in_range(const struct machine_plan *plan, const struct ip *ip, int64_t day,
                      const struct ip_range *range)
{
    return ip_in_range(ip, range) ||
           (plan->leases && leases_in_range(plan->leases, ip, zone_day_start(plan->zone, day),
                                            zone_day_start(plan->zone, day + 1), range));
}

enum status day_read_machines(const char *dir, const struct store_day *day, uint32_t wanted,
                              const struct machine_plan *plan, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    // A pair that two machines share is divided by the names that each asked.
    if (plan->leases && wanted & UINT32_C(1) << DAY_pair)
        wanted |= DAY_PAIRS;
    TRY(day_read_some(dir, day, wanted, table, err));
    TRY(day_place_machines(plan, table, err));
done:
    if (status != STATUS_OK)
        day_table_clear(table);
    return status;
}
