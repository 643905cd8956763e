/* Leases as bytes, from one rank to the others. Both ends are the same program: what does not fit is our own
 * fault, and is told as such instead of being read past. */
#include "job/leases.h"

#include <stdlib.h>
#include <string.h>

/* What stands in front; behind it numbers, ends of names, names, leases. Plain bytes. */
struct head {
    uint64_t machines, name_bytes, leases;
    int64_t bad_count, overlap_count;
    struct lease_fault bad[LEASE_FAULTS], overlaps[LEASE_FAULTS];
};

static enum status no_room(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "hosts", "use fewer ranks a machine", "no room for leases");
}

static size_t bytes_of(const struct head *head)
{
    return sizeof *head + head->machines * (sizeof(struct ip) + sizeof(uint64_t)) + head->name_bytes +
           head->leases * sizeof(struct lease);
}

static char *put(char *to, const void *bytes, size_t count)
{
    if (count > 0)
        memcpy(to, bytes, count);
    return to + count;
}

static const char *take(const char *from, void *bytes, size_t count)
{
    if (count > 0)
        memcpy(bytes, from, count);
    return from + count;
}

enum status leases_pack(const struct leases *leases, void **bytes, size_t *count, struct error *err)
{
    struct head head = {.machines = leases->machine_count,
                        .leases = leases->count,
                        .bad_count = leases->bad_count,
                        .overlap_count = leases->overlap_count};
    memcpy(head.bad, leases->bad, sizeof head.bad);
    memcpy(head.overlaps, leases->overlaps, sizeof head.overlaps);
    for (size_t i = 0; i < leases->machine_count; i++)
        head.name_bytes += strlen(leases->machines[i].name);
    char *made = malloc(bytes_of(&head));
    if (!made)
        return no_room(err);
    char *to = put(made, &head, sizeof head);
    for (size_t i = 0; i < leases->machine_count; i++)
        to = put(to, &leases->machines[i].number, sizeof leases->machines[i].number);
    for (size_t i = 0; i < leases->machine_count; i++) {
        const uint64_t length = strlen(leases->machines[i].name);
        to = put(to, &length, sizeof length);
    }
    for (size_t i = 0; i < leases->machine_count; i++)
        to = put(to, leases->machines[i].name, strlen(leases->machines[i].name));
    to = put(to, leases->items, leases->count * sizeof *leases->items);
    *bytes = made;
    *count = (size_t)(to - made);
    return STATUS_OK;
}

/* The machines, whose names stand behind all numbers and lengths. */
static const char *machines_take(struct leases *leases, const struct head *head, const char *from)
{
    const char *lengths = from + head->machines * sizeof(struct ip);
    const char *names = lengths + head->machines * sizeof(uint64_t), *end = names + head->name_bytes;
    for (size_t i = 0; i < head->machines; i++) {
        uint64_t length = 0;
        struct machine *machine = &leases->machines[i];
        from = take(from, &machine->number, sizeof machine->number);
        lengths = take(lengths, &length, sizeof length);
        machine->name = length <= (uint64_t)(end - names) ? malloc(length + 1) : NULL;
        if (!machine->name)
            return NULL;
        leases->machine_count++;
        names = take(names, machine->name, length);
        machine->name[length] = '\0';
    }
    return names;
}

enum status leases_unpack(const void *bytes, size_t count, struct leases **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct head head;
    struct leases *leases = leases_new();
    if (!leases)
        return no_room(err);
    if (count < sizeof head) {
        status = error_set(err, STATUS_CORRUPT, "hosts", "", "the leases of the first rank came in part");
        goto done;
    }
    const char *from = take(bytes, &head, sizeof head);
    if (count != bytes_of(&head)) {
        status = error_set(err, STATUS_CORRUPT, "hosts", "", "the leases of the first rank came in part");
        goto done;
    }
    leases->machines = calloc(head.machines + 1, sizeof *leases->machines);
    leases->items = calloc(head.leases + 1, sizeof *leases->items);
    if (!leases->machines || !leases->items) {
        status = no_room(err);
        goto done;
    }
    leases->machine_capacity = head.machines;
    leases->capacity = leases->count = head.leases;
    leases->bad_count = head.bad_count;
    leases->overlap_count = head.overlap_count;
    memcpy(leases->bad, head.bad, sizeof head.bad);
    memcpy(leases->overlaps, head.overlaps, sizeof head.overlaps);
    from = machines_take(leases, &head, from);
    if (!from) {
        status = no_room(err);
        goto done;
    }
    (void)take(from, leases->items, head.leases * sizeof *leases->items);
    TRY(leases_index(leases, err));
    *out = leases;
    leases = NULL;
done:
    leases_free(leases);
    return status;
}
