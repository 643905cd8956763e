/* Who asked for a name, or for anything under a domain, over all days of a store. */
#include "report/report.h"

#include "base/hash.h"
#include "base/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The dimensions that a search needs. */
#define WANTED (DAY_NAMES | UINT32_C(1) << DAY_asked)

/* An IP while its days come in. */
struct asker_entry {
    struct ip ip;  // key
    struct asker asker;
    int64_t day;  // of the last query
};

struct asker_name {
    struct ip ip;  // key: both
    uint64_t name;
};

/* Who asked an entry. */
struct asked_last {
    bool is_known;
    int64_t slot_s;
    struct ip ip, number;
};

/* Whether a label begins at text[at]: behind a dot that is no part of a label, as "\\." is. */
static bool begins_label(const char *text, size_t at)
{
    size_t escapes = 0;
    if (at == 0)
        return true;
    if (text[at - 1] != '.')
        return false;
    while (escapes + 1 < at && text[at - 2 - escapes] == '\\')
        escapes++;
    return escapes % 2 == 0;
}

/* Which names of the day are meant: the name itself, or all below it when it is a registered domain or above
 * it. */
static void names_mark(const struct day_table *table, const char *name, size_t count, uint8_t *marks)
{
    for (size_t i = 0; i < table->size[DAY_name]; i++) {
        const int64_t from = i ? table->name_text_end[i - 1] : 0;
        const size_t length = (size_t)(table->name_text_end[i] - from);
        const char *text = table->name_text + from;
        marks[i] = length >= count && memcmp(text + length - count, name, count) == 0 &&
                   begins_label(text, length - count);
    }
}

/* Who asked the entry: an address, or the machine that had it in its window. Entries of one address and slot
 * stand together: `last` is the one that was told before. */
static struct ip asker_of(const struct day_table *table, size_t at, const struct run_machines *machines,
                          struct asked_last *last)
{
    struct ip ip;
    memcpy(&ip, &table->asked_ip[16 * at], sizeof ip);
    if (!machines->of.leases)
        return ip;
    if (!last->is_known || ip_compare(&last->ip, &ip) != 0 || last->slot_s != table->asked_slot[at])
        *last = (struct asked_last){
            true, table->asked_slot[at], ip,
            machine_of(machines->of.leases, &ip, table->start_s, machines->window_s, table->asked_slot[at])};
    return last->number;
}

static enum status day_search(const struct day_table *table, const uint8_t *marks,
                              const struct run_machines *machines, struct map *askers, struct map *names,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct asked_last last = {.is_known = false};
    for (size_t i = 0; i < table->size[DAY_asked]; i++) {
        void *found = NULL;
        bool fresh = false;
        if (!marks[table->asked_name[i]])
            continue;
        const struct ip who = asker_of(table, i, machines, &last);
        TRY(map_put(askers, &who, &found, &fresh, err));
        struct asker_entry *entry = found;
        struct asker *asker = &entry->asker;
        if (fresh)
            asker->first_day = table->day;
        asker->days += fresh || entry->day != table->day;
        asker->last_day = entry->day = table->day;
        asker->queries += table->asked_queries[i];
        const struct asker_name key = {.ip = who, .name = table->name_hash[table->asked_name[i]]};
        TRY(map_put(names, &key, &found, &fresh, err));
        // The map of askers has not moved: its entry is still there.
        asker->names += fresh;
    }
done:
    return status;
}

static int compare_askers(const void *a, const void *b)
{
    const struct asker *x = a, *y = b;
    if (x->queries != y->queries)
        return x->queries > y->queries ? -1 : 1;
    return ip_compare(&x->ip, &y->ip);
}

static enum status askers_take(const struct map *map, struct asker **askers, size_t *count, struct error *err)
{
    struct asker *made = calloc(map->count + 1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "find", "", "no room for %zu IPs", map->count);
    for (size_t i = 0; i < map->count; i++) {
        const struct asker_entry *entry = map_at(map, i);
        made[i] = entry->asker;
        made[i].ip = entry->ip;
    }
    qsort(made, map->count, sizeof *made, compare_askers);
    *askers = made;
    *count = map->count;
    return STATUS_OK;
}

enum status askers_find(const char *store, const char *name, const struct run_machines *machines,
                        struct asker **askers, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t day_count = 0, length = strlen(name);
    struct day_table table = {0};
    uint8_t *marks = NULL;
    struct qname qname;
    char text[QNAME_TEXT_BYTES];
    struct map found, names;
    map_init(&found, sizeof(struct asker_entry), sizeof(struct ip));
    map_init(&names, sizeof(struct asker_name), sizeof(struct asker_name));
    length -= length > 1 && name[length - 1] == '.';
    if (!qname_of_text(name, length, &qname)) {
        status =
            error_set(err, STATUS_USAGE, name, "write it as BIND does, such as www.example.com", "no name");
        goto done;
    }
    // Letters lowered, as the store has them.
    length = qname_text(qname.wire, qname.bytes, text, sizeof text);
    TRY(store_days(store, &days, &day_count, err));
    if (day_count == 0) {
        status = error_set(err, STATUS_NO_INPUT, store, "give the folder of a job's results, or of a store",
                           "no day of a store in it");
        goto done;
    }
    for (size_t i = 0; i < day_count; i++) {
        TRY(day_read_some(store, &days[i], WANTED, &table, err));
        free(marks);
        marks = calloc(table.size[DAY_name] + 1, 1);
        if (!marks) {
            status = error_set(err, STATUS_NO_MEMORY, store, "", "no room for the names of a day");
            goto done;
        }
        names_mark(&table, text, length, marks);
        TRY(day_search(&table, marks, machines, &found, &names, err));
        day_table_clear(&table);
    }
    TRY(askers_take(&found, askers, count, err));
done:
    map_clear(&found);
    map_clear(&names);
    day_table_clear(&table);
    free(marks);
    free(days);
    return status;
}
