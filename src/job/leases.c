/* Leases in memory: who had an address when. */
#include "job/leases.h"

#include "base/hash.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_BYTES 8
static const uint8_t PREFIX[PREFIX_BYTES] = {1};  // 100::/64

struct hashed {
    uint64_t hash;  // key: of the address
    struct ip ip;
};

struct leases *leases_new(void)
{
    struct leases *leases = calloc(1, sizeof *leases);
    if (leases)
        map_init(&leases->hashes, sizeof(struct hashed), sizeof(uint64_t));
    return leases;
}

void leases_free(struct leases *leases)
{
    if (!leases)
        return;
    for (size_t i = 0; i < leases->machine_count; i++)
        free(leases->machines[i].name);
    free(leases->machines);
    free(leases->by_machine);
    free(leases->before);
    free(leases->next);
    free(leases->items);
    map_clear(&leases->hashes);
    free(leases);
}

/* ---- machines ---- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Of six octets, with any mark between them, or three groups of four digits with dots. */
static bool is_mac(const char *text, size_t count)
{
    const size_t group = count == 17 ? 2 : 4;
    if ((count != 17 && count != 14) || (count == 14 && text[4] != '.'))
        return false;
    if (count == 17 && text[2] != ':' && text[2] != '-')
        return false;
    for (size_t i = 0; i < count; i++)
        if (i % (group + 1) == group ? text[i] != text[group] : !is_hex(text[i]))
            return false;
    return true;
}

/* The one spelling of a name, [*count]; false when it is none. */
static bool name_make(const char *text, size_t count, char name[MACHINE_NAME_BYTES], size_t *made)
{
    char mac[MACHINE_NAME_BYTES];
    size_t digits = 0;
    if (count == 0 || count >= MACHINE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < count; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    name[count] = '\0';
    *made = count;
    if (!is_mac(name, count))
        return true;
    memcpy(mac, name, count);
    *made = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_hex(mac[i]))
            continue;
        if (digits > 0 && digits % 2 == 0)
            name[(*made)++] = ':';
        name[(*made)++] = mac[i];
        digits++;
    }
    name[*made] = '\0';
    return true;
}

static struct ip number_of(const char *name, size_t count)
{
    struct ip number;
    const uint64_t hash = content_hash(name, count);
    memcpy(number.bytes, PREFIX, PREFIX_BYTES);
    for (size_t i = 0; i < sizeof hash; i++)
        number.bytes[PREFIX_BYTES + i] = (uint8_t)(hash >> (56 - 8 * i));
    return number;
}

bool ip_is_machine(const struct ip *ip)
{
    return memcmp(ip->bytes, PREFIX, PREFIX_BYTES) == 0;
}

enum status leases_add(struct leases *leases, const struct lease *lease, const char *text, size_t count,
                       struct error *err)
{
    enum status status = STATUS_OK;
    char name[MACHINE_NAME_BYTES], *copy = NULL;
    void *found = NULL;
    bool fresh = false;
    size_t length = 0;
    struct ip number;
    if (!name_make(text, count, name, &length))
        return error_set(err, STATUS_USAGE, "hosts", "", "no name of a machine");
    number = number_of(name, length);
    // Until they are settled the map tells a machine's place by its number.
    TRY(map_put(&leases->hashes, &number.bytes[PREFIX_BYTES], &found, &fresh, err));
    struct hashed *place = found;
    if (fresh) {
        const uint32_t at = (uint32_t)leases->machine_count;
        TRY(array_reserve(&leases->machines, &leases->machine_capacity, leases->machine_count + 1,
                          sizeof *leases->machines, err));
        copy = malloc(length + 1);
        if (!copy)
            return error_set(err, STATUS_NO_MEMORY, "hosts", "", "no room for names");
        memcpy(copy, name, length + 1);
        leases->machines[leases->machine_count++] = (struct machine){number, copy};
        memcpy(&place->ip, &at, sizeof at);
    }
    if (leases->count >= LEASE_NONE)
        return error_set(err, STATUS_LIMIT, "hosts", "leave out leases of other times", "too many leases");
    struct lease item = *lease;
    memcpy(&item.machine, &place->ip, sizeof item.machine);
    if (strcmp(leases->machines[item.machine].name, name) != 0)
        return error_set(err, STATUS_USAGE, "hosts", "write one of them in another way",
                         "\"%.60s\" and \"%.60s\" have one hash", name, leases->machines[item.machine].name);
    TRY(array_reserve(&leases->items, &leases->capacity, leases->count + 1, sizeof item, err));
    leases->items[leases->count++] = item;
done:
    return status;
}

/* ---- their order ---- */

static int compare_leases(const void *a, const void *b)
{
    const struct lease *x = a, *y = b;
    const int order = ip_compare(&x->ip, &y->ip);
    if (order)
        return order;
    if (x->from_s != y->from_s)
        return x->from_s < y->from_s ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static void overlap_note(struct leases *leases, const struct lease *before, const struct lease *lease)
{
    if (leases->overlap_count++ >= LEASE_FAULTS)
        return;
    struct lease_fault *fault = &leases->overlaps[leases->overlap_count - 1];
    char ip[IP_TEXT_BYTES], one[50], other[50];
    const char *here = leases->machines[lease->machine].name, *there = leases->machines[before->machine].name;
    (void)ip_write(&lease->ip, ip);
    (void)text_for_terminal(here, strlen(here), one, sizeof one);
    (void)text_for_terminal(there, strlen(there), other, sizeof other);
    fault->line = lease->line;
    (void)snprintf(fault->what, sizeof fault->what,
                   "%s is leased to %s while %s has it by line %lu, which ends there", ip, one, other,
                   (unsigned long)before->line);
}

/* Makes the leases of an address disjoint. */
static void overlaps_end(struct leases *leases)
{
    size_t kept = 0;
    for (size_t i = 0; i < leases->count; i++) {
        const struct lease lease = leases->items[i];
        struct lease *before = kept > 0 ? &leases->items[kept - 1] : NULL;
        const bool meets = before && ip_compare(&before->ip, &lease.ip) == 0 && before->to_s >= lease.from_s;
        if (meets && before->machine == lease.machine) {
            before->to_s = before->to_s > lease.to_s ? before->to_s : lease.to_s;
            continue;
        }
        if (meets && before->to_s > lease.from_s) {
            overlap_note(leases, before, &lease);
            before->to_s = lease.from_s;
            kept -= before->from_s == before->to_s;
        }
        leases->items[kept++] = lease;
    }
    leases->count = kept;
}

static int compare_machines(const void *a, const void *b)
{
    return ip_compare(&((const struct machine *)a)->number, &((const struct machine *)b)->number);
}

/* Machines by number, and the leases' indices with them. */
static enum status machines_sort(struct leases *leases, struct error *err)
{
    struct ip *numbers = calloc(leases->count + 1, sizeof *numbers);
    if (!numbers)
        return error_set(err, STATUS_NO_MEMORY, "hosts", "", "no room for leases");
    for (size_t i = 0; i < leases->count; i++)
        numbers[i] = leases->machines[leases->items[i].machine].number;
    if (leases->machine_count > 0)
        qsort(leases->machines, leases->machine_count, sizeof *leases->machines, compare_machines);
    for (size_t i = 0; i < leases->count; i++)
        leases->items[i].machine = (uint32_t)(leases_machine(leases, &numbers[i]) - leases->machines);
    free(numbers);
    return STATUS_OK;
}

struct by_machine {
    int64_t from_s;
    uint32_t machine, at;
};

static int compare_by_machine(const void *a, const void *b)
{
    const struct by_machine *x = a, *y = b;
    if (x->machine != y->machine)
        return x->machine < y->machine ? -1 : 1;
    if (x->from_s != y->from_s)
        return x->from_s < y->from_s ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* As they stand: by address, then time. */
static int compare_places(const void *a, const void *b)
{
    const struct by_machine *x = a, *y = b;
    if (x->machine != y->machine)
        return x->machine < y->machine ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Leases by machine, then time, then address, as they stand by address; and each linked with the same
 * machine's others of its address, so that nobody who adds them up looks at one twice. */
static enum status by_machine_make(struct leases *leases, struct error *err)
{
    const size_t room = leases->count + 1;
    struct by_machine *order = malloc(room * sizeof *order);
    free(leases->by_machine);
    free(leases->before);
    free(leases->next);
    leases->by_machine = calloc(room, sizeof *leases->by_machine);
    leases->before = malloc(room * sizeof *leases->before);
    leases->next = malloc(room * sizeof *leases->next);
    if (!order || !leases->by_machine || !leases->before || !leases->next) {
        free(order);
        return error_set(err, STATUS_NO_MEMORY, "hosts", "", "no room for leases");
    }
    for (size_t i = 0; i < leases->count; i++)
        order[i] = (struct by_machine){leases->items[i].from_s, leases->items[i].machine, (uint32_t)i};
    if (leases->count > 0)
        qsort(order, leases->count, sizeof *order, compare_places);
    for (size_t i = 0; i < leases->count; i++) {
        const struct by_machine *last = i > 0 ? &order[i - 1] : NULL;
        const bool is_linked = last && last->machine == order[i].machine &&
                               ip_compare(&leases->items[last->at].ip, &leases->items[order[i].at].ip) == 0;
        leases->before[order[i].at] = is_linked ? last->at : LEASE_NONE;
        leases->next[order[i].at] = LEASE_NONE;
        if (is_linked)
            leases->next[last->at] = order[i].at;
    }
    if (leases->count > 0)
        qsort(order, leases->count, sizeof *order, compare_by_machine);
    for (size_t i = 0; i < leases->count; i++)
        leases->by_machine[i] = order[i].at;
    free(order);
    return STATUS_OK;
}

enum status leases_index(struct leases *leases, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(by_machine_make(leases, err));
    map_clear(&leases->hashes);
    map_init(&leases->hashes, sizeof(struct hashed), sizeof(uint64_t));
    for (size_t i = 0; i < leases->count; i++) {
        void *found = NULL;
        const uint64_t hash = content_hash(&leases->items[i].ip, sizeof leases->items[i].ip);
        if (i > 0 && ip_compare(&leases->items[i - 1].ip, &leases->items[i].ip) == 0)
            continue;
        TRY(map_put(&leases->hashes, &hash, &found, NULL, err));
        ((struct hashed *)found)->ip = leases->items[i].ip;
    }
done:
    return status;
}

enum status leases_settle(struct leases *leases, struct error *err)
{
    enum status status = STATUS_OK;
    if (leases->count > 0)
        qsort(leases->items, leases->count, sizeof *leases->items, compare_leases);
    overlaps_end(leases);
    TRY(machines_sort(leases, err));
    TRY(leases_index(leases, err));
done:
    return status;
}

/* ---- who had an address ---- */

/* The first lease of the address, or behind it, that ends behind a time. */
static size_t lease_behind(const struct leases *leases, const struct ip *ip, int64_t from_s)
{
    size_t low = 0, high = leases->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct lease *lease = &leases->items[middle];
        const int order = ip_compare(&lease->ip, ip);
        if (order < 0 || (order == 0 && lease->to_s <= from_s))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How much of [from_s, to_s) a lease has. */
static int64_t held_s(const struct lease *lease, int64_t from_s, int64_t to_s)
{
    const int64_t begin = lease->from_s > from_s ? lease->from_s : from_s;
    const int64_t end = lease->to_s < to_s ? lease->to_s : to_s;
    return end > begin ? end - begin : 0;
}

bool leases_holder(const struct leases *leases, const struct ip *ip, int64_t from_s, int64_t to_s,
                   struct ip *number)
{
    const size_t first = lease_behind(leases, ip, from_s);
    size_t end = first, best = 0;
    int64_t longest = 0;
    while (end < leases->count && leases->items[end].from_s < to_s &&
           ip_compare(&leases->items[end].ip, ip) == 0)
        end++;
    for (size_t i = first; i < end; i++) {
        int64_t sum_s = 0;
        if (leases->before[i] != LEASE_NONE && leases->before[i] >= first)
            continue;  // was added with the first of its machine
        for (size_t other = i; other < end; other = leases->next[other])
            sum_s += held_s(&leases->items[other], from_s, to_s);
        if (sum_s > longest) {
            longest = sum_s;
            best = i;
        }
    }
    if (longest > 0)
        *number = leases->machines[leases->items[best].machine].number;
    return longest > 0;
}

bool leases_holder_of_hash(const struct leases *leases, uint64_t hash, int64_t from_s, int64_t to_s,
                           struct ip *number)
{
    const struct hashed *found = map_get(&leases->hashes, &hash);
    return found && leases_holder(leases, &found->ip, from_s, to_s, number);
}

/* ---- what a machine had ---- */

const struct machine *leases_machine(const struct leases *leases, const struct ip *number)
{
    const struct machine key = {*number, NULL};
    return leases->machine_count > 0 ? bsearch(&key, leases->machines, leases->machine_count,
                                               sizeof *leases->machines, compare_machines)
                                     : NULL;
}

const struct machine *leases_named(const struct leases *leases, const char *name)
{
    char made[MACHINE_NAME_BYTES];
    size_t count = 0;
    if (!name_make(name, strlen(name), made, &count))
        return NULL;
    const struct ip number = number_of(made, count);
    return leases_machine(leases, &number);
}

/* The first place in by_machine whose machine is no earlier one. */
static size_t place_of(const struct leases *leases, size_t machine)
{
    size_t low = 0, high = leases->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (leases->items[leases->by_machine[middle]].machine < machine)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t leases_of(const struct leases *leases, const struct ip *number, size_t *first)
{
    const struct machine *machine = leases_machine(leases, number);
    *first = 0;
    if (!machine)
        return 0;
    const size_t at = (size_t)(machine - leases->machines);
    *first = place_of(leases, at);
    return place_of(leases, at + 1) - *first;
}

bool leases_address(const struct leases *leases, const struct ip *number, int64_t from_s, int64_t to_s,
                    struct ip *address)
{
    size_t first = 0;
    for (size_t i = leases_of(leases, number, &first); i-- > 0;) {
        const struct lease *lease = &leases->items[leases->by_machine[first + i]];
        if (lease->from_s >= to_s || lease->to_s <= from_s)
            continue;
        *address = lease->ip;
        return true;
    }
    return false;
}

bool leases_in_range(const struct leases *leases, const struct ip *number, int64_t from_s, int64_t to_s,
                     const struct ip_range *range)
{
    size_t first = 0;
    const size_t count = leases_of(leases, number, &first);
    for (size_t i = 0; i < count; i++) {
        const struct lease *lease = &leases->items[leases->by_machine[first + i]];
        if (lease->from_s >= to_s)
            break;
        if (lease->to_s > from_s && ip_in_range(&lease->ip, range))
            return true;
    }
    return false;
}

int64_t leases_fingerprint(const struct leases *leases, int64_t from_s, int64_t to_s)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < leases->count; i++) {
        const struct lease *lease = &leases->items[i];
        struct {
            uint64_t before;
            struct ip ip, number;
            int64_t from_s, to_s;
        } part = {.before = hash,
                  .ip = lease->ip,
                  .number = leases->machines[lease->machine].number,
                  .from_s = lease->from_s > from_s ? lease->from_s : from_s,
                  .to_s = lease->to_s < to_s ? lease->to_s : to_s};
        if (part.from_s < part.to_s)
            hash = content_hash(&part, sizeof part);
    }
    return (int64_t)hash;
}
