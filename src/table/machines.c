/* A day's tables by machine: entries of one machine under two addresses become one, here the asked names and
 * the clients of domains, rows and pairs in files of their own. An address is the machine's that had it
 * longest in a window. A domain's clients are those of the day, exact where the store has all of them. */
#include "machines.h"

#include "base/hash.h"
#include "base/map.h"
#include "job/civil.h"
#include "job/leases.h"

#include <stdlib.h>
#include <string.h>

#define DOMAIN_CLIENTS_MOST 64

/* A number that is a client's address in the log is told as one of 100:0:0:1::/64. */
#define FORGED_BYTE 7

/* Whose an address was in a window. */
struct held {
    struct ip ip;  // key: both
    int64_t window;
    struct ip number;
};

enum status placing_no_room(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "hosts", "use more memory", "no room for the tables of a day");
}

struct ip machine_of(const struct leases *leases, const struct ip *ip, int64_t start_s, int64_t window_s,
                     int64_t time_s)
{
    struct ip number = *ip;
    const int64_t from_s = start_s + floor_div(time_s - start_s, window_s) * window_s;
    const bool is_leased = leases_holder(leases, ip, from_s, from_s + window_s, &number);
    // Whoever forges a machine's number as his address is not that machine.
    number.bytes[FORGED_BYTE] |= !is_leased && leases_machine(leases, ip);
    return number;
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
    if (fresh)
        held->number = machine_of(placing->leases, &key.ip, placing->start_s, placing->window_s, time_s);
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
enum status placed_runs_find(struct placing *placing, const int64_t *times, const uint8_t *ips, size_t count,
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
size_t placed_order(const struct placed *runs, size_t run_count, const uint32_t *names,
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

void number_put(uint8_t *octets, char *text, const struct ip *number)
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
        return placing_no_room(err);
    TRY(placed_runs_find(placing, from->asked_slot, from->asked_ip, from->size[DAY_asked], &runs, &run_count,
                         err));
    made.size[DAY_asked] = placed_order(runs, run_count, from->asked_name, entries);
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

/* ---- clients of domains ---- */

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* A client of the day, as the hash of its address and of its machine. */
struct client {
    uint64_t address;  // key
    uint64_t machine;
};

/* The machine behind a client of the day: looked for once, however many domains it asks. */
static enum status client_find(const struct placing *placing, int64_t end_s, uint64_t address,
                               struct map *clients, uint64_t *machine, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    struct ip number;
    TRY(map_put(clients, &address, &found, &fresh, err));
    struct client *client = found;
    if (fresh)
        client->machine = leases_holder_of_hash(placing->leases, address, placing->start_s, end_s, &number)
                              ? content_hash(&number, sizeof number)
                              : address;
    *machine = client->machine;
done:
    return status;
}

/* The clients of a day's domains as machines. A list that is full holds the least hashes of addresses, which
 * do not tell those of machines: it stays. */
static enum status clients_place(const struct placing *placing, const struct zone *zone,
                                 struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t end_s = zone_day_start(zone, table->day + 1);
    struct map clients;
    size_t to = 0;
    int64_t from = 0;
    map_init(&clients, sizeof(struct client), sizeof(uint64_t));
    for (size_t domain = 0; domain < table->size[DAY_domain]; domain++) {
        const int64_t end = table->domain_client_end[domain];
        const bool is_full = end - from >= DOMAIN_CLIENTS_MOST;
        const size_t begin = to;
        for (int64_t i = from; i < end; i++) {
            uint64_t hash = table->client_hash[i];
            if (!is_full)
                TRY(client_find(placing, end_s, hash, &clients, &hash, err));
            table->client_hash[to++] = hash;
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
done:
    map_clear(&clients);
    return status;
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

/* Whether somebody in the tables has an address among the numbers of machines. */
static bool day_has_number(const struct day_table *table)
{
    const struct {
        const uint8_t *octets;
        size_t count;
    } columns[] = {{table->row_ip, table->size[DAY_row]},
                   {table->asked_ip, table->size[DAY_asked]},
                   {table->pair_ip, table->size[DAY_pair]}};
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
        for (size_t i = 0; columns[c].octets && i < columns[c].count; i++) {
            struct ip ip;
            memcpy(&ip, columns[c].octets + 16 * i, sizeof ip);
            if (ip_is_machine(&ip))
                return true;
        }
    return false;
}

enum status day_place_machines(const struct machine_plan *plan, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table rows = {0};
    const int64_t start_s = table->start_s;
    if (!plan->leases || (!day_has_lease(plan->leases, start_s, zone_day_start(plan->zone, table->day + 1)) &&
                          !day_has_number(table)))
        return STATUS_OK;
    struct placing placing = {
        .leases = plan->leases, .from = table, .start_s = start_s, .window_s = plan->window_s};
    map_init(&placing.held, sizeof(struct held), offsetof(struct held, number));
    TRY(asked_make(&placing, err));
    TRY(machine_rows_make(&placing, &rows, err));
    TRY(machine_pairs_make(&placing, err));
    tables_move(table, &rows, ROW_TABLE);
    tables_move(table, &placing.to, PAIR_TABLES | UINT32_C(1) << DAY_asked);
    TRY(clients_place(&placing, plan->zone, table, err));
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
