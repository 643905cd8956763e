/* The leases behind the IPs of scores.h5, in it, so that who reads it alone knows which machine is meant. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* No texts of names are longer together. */
#define NAME_BYTES_MOST ((size_t)1 << 32)

static size_t name_bytes(const struct leases *leases)
{
    size_t bytes = 0;
    for (size_t i = 0; i < leases->machine_count; i++)
        bytes += strlen(leases->machines[i].name);
    return bytes;
}

/* The leases as they are in the span. */
static enum status leases_cut(const struct leases *leases, const struct scored *head, struct leases **out,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct leases *cut = leases_new();
    if (!cut)
        return error_set(err, STATUS_NO_MEMORY, "hosts", "", "no room for leases");
    for (size_t i = 0; i < leases->count; i++) {
        struct lease lease = leases->items[i];
        const char *name = leases->machines[lease.machine].name;
        lease.from_s = lease.from_s > head->from_s ? lease.from_s : head->from_s;
        lease.to_s = lease.to_s < head->to_s ? lease.to_s : head->to_s;
        if (lease.from_s < lease.to_s)
            TRY(leases_add(cut, &lease, name, strlen(name), err));
    }
    TRY(leases_settle(cut, err));
    *out = cut;
    cut = NULL;
done:
    leases_free(cut);
    return status;
}

static enum status dimensions_put_local(struct store_writer *writer, const struct leases *leases,
                                        const struct scored *head, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(store_attribute_i64(writer, NULL, "hosts_fingerprint",
                            leases_fingerprint(leases, head->from_s, head->to_s), err));
    TRY(store_dimension(writer, "machine", leases->machine_count, err));
    TRY(store_dimension(writer, "machine_name_byte", name_bytes(leases), err));
    TRY(store_dimension(writer, "lease", leases->count, err));
done:
    return status;
}

/* What one rank writes of the tables, all of it. */
struct machine_columns {
    size_t name_bytes;
    int64_t *name_ends;  // [machines]
    char *names;
    void *room;
};

static void columns_free(struct machine_columns *columns)
{
    free(columns->name_ends);
    free(columns->names);
    free(columns->room);
}

static enum status columns_make(const struct leases *leases, struct machine_columns *columns,
                                struct error *err)
{
    columns->name_ends = calloc(leases->machine_count + 1, sizeof *columns->name_ends);
    columns->names = malloc(name_bytes(leases) + 1);
    columns->room = calloc(leases->count + 1, sizeof(int64_t));
    if (!columns->name_ends || !columns->names || !columns->room)
        return error_set(err, STATUS_NO_MEMORY, "hosts", "", "no room for leases");
    for (size_t i = 0; i < leases->machine_count; i++) {
        const size_t count = strlen(leases->machines[i].name);
        memcpy(columns->names + columns->name_bytes, leases->machines[i].name, count);
        columns->name_bytes += count;
        columns->name_ends[i] = (int64_t)columns->name_bytes;
    }
    return STATUS_OK;
}

/* Rank 0 has all entries of a table, the others none behind them. */
static struct part part_of(const struct team *team, struct store_writer *writer, const char *dimension,
                           size_t count)
{
    const bool is_first = team_rank(team) == 0;
    return (struct part){team, writer, dimension, is_first ? 0 : count, is_first ? count : 0, NULL};
}

#define LEASE_MEMBER(name, type, ctype, units, text, member)                                                 \
    for (size_t i = 0; i < leases->count; i++)                                                               \
        ((ctype *)columns->room)[i] = (ctype)leases->items[i].member;                                        \
    TRY(scores_put(&of_leases, name, type, NULL, units, text, NULL, columns->room, err))

static enum status columns_put(const struct team *team, struct store_writer *writer,
                               const struct leases *leases, const struct machine_columns *columns,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const struct part of_machines = part_of(team, writer, "machine", leases->machine_count);
    const struct part of_names = part_of(team, writer, "machine_name_byte", columns->name_bytes);
    const struct part of_leases = part_of(team, writer, "lease", leases->count);
    TRY(scores_put_addresses(&of_machines, "machine_ip", "machine_ip_text", leases->machines,
                             sizeof *leases->machines, err));
    TRY(scores_put(&of_machines, "machine_name_end", STORE_I64, NULL, "1",
                   "end of the machine's name in machine_name", NULL, columns->name_ends, err));
    TRY(scores_put(&of_names, "machine_name", STORE_CHAR, NULL, "",
                   "names of machines by hosts, one behind the other", NULL, columns->names, err));
    TRY(scores_put_addresses(&of_leases, "lease_ip", "lease_ip_text", leases->items, sizeof *leases->items,
                             err));
    LEASE_MEMBER("lease_from", STORE_I64, int64_t, TIME_UNITS, "since when the machine had the address",
                 from_s);
    LEASE_MEMBER("lease_to", STORE_I64, int64_t, TIME_UNITS, "until when, not included", to_s);
    LEASE_MEMBER("lease_machine", STORE_I64, int64_t, "1", "the machine, as an index into machine_*",
                 machine);
done:
    return status;
}

enum status machines_put(const struct team *team, struct store_writer *writer, const struct leases *leases,
                         const struct scored *head, struct error *err)
{
    enum status status = STATUS_OK;
    struct machine_columns columns = {0};
    struct leases *cut = NULL;
    if (!leases)
        return STATUS_OK;
    TRY(team_agree(team, leases_cut(leases, head, &cut, err), err));
    TRY(team_agree(team, dimensions_put_local(writer, cut, head, err), err));
    TRY(team_agree(team, columns_make(cut, &columns, err), err));
    TRY(columns_put(team, writer, cut, &columns, err));
done:
    leases_free(cut);
    columns_free(&columns);
    return status;
}

/* ---- reading ---- */

/* The tables of a file while leases are made of them. */
struct machine_file {
    const struct store_reader *reader;
    size_t machines, leases, bytes;
    int64_t *name_ends, *from_s, *to_s, *machine;
    char *names;
    struct ip *ips;
};

static enum status damaged(struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "scores.h5", "run score again", "its leases are no leases");
}

static enum status column_get(const struct machine_file *file, const char *name, enum store_type type,
                              const char *dimension, const char *second, size_t count, void *values,
                              struct error *err)
{
    const struct store_column column = {.name = name, .type = type, .dimensions = {dimension, second}};
    return store_get(file->reader, &column, 0, count, values, err);
}

static enum status file_read(struct machine_file *file, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(store_dimension_size(file->reader, "machine", &file->machines, err));
    TRY(store_dimension_size(file->reader, "lease", &file->leases, err));
    TRY(store_dimension_size(file->reader, "machine_name_byte", &file->bytes, err));
    if (file->machines > UINT32_MAX || file->leases > UINT32_MAX || file->bytes > NAME_BYTES_MOST)
        return damaged(err);
    file->name_ends = calloc(file->machines + 1, sizeof *file->name_ends);
    file->names = malloc(file->bytes + 1);
    file->ips = calloc(file->leases + 1, sizeof *file->ips);
    file->from_s = calloc(file->leases + 1, sizeof *file->from_s);
    file->to_s = calloc(file->leases + 1, sizeof *file->to_s);
    file->machine = calloc(file->leases + 1, sizeof *file->machine);
    if (!file->name_ends || !file->names || !file->ips || !file->from_s || !file->to_s || !file->machine)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for leases");
    TRY(column_get(file, "machine_name_end", STORE_I64, "machine", NULL, file->machines, file->name_ends,
                   err));
    TRY(column_get(file, "machine_name", STORE_CHAR, "machine_name_byte", NULL, file->bytes, file->names,
                   err));
    TRY(column_get(file, "lease_ip", STORE_U8, "lease", "octet", file->leases, file->ips, err));
    TRY(column_get(file, "lease_from", STORE_I64, "lease", NULL, file->leases, file->from_s, err));
    TRY(column_get(file, "lease_to", STORE_I64, "lease", NULL, file->leases, file->to_s, err));
    TRY(column_get(file, "lease_machine", STORE_I64, "lease", NULL, file->leases, file->machine, err));
done:
    return status;
}

static enum status leases_make(const struct machine_file *file, struct leases *leases, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < file->leases; i++) {
        const int64_t at = file->machine[i];
        if (at < 0 || (size_t)at >= file->machines || file->from_s[i] >= file->to_s[i] ||
            file->from_s[i] < -LEASE_OPEN || file->to_s[i] > LEASE_OPEN)
            return damaged(err);
        const int64_t from = at ? file->name_ends[at - 1] : 0, to = file->name_ends[at];
        if (from < 0 || to < from || (size_t)to > file->bytes)
            return damaged(err);
        const struct lease lease = {
            .ip = file->ips[i], .from_s = file->from_s[i], .to_s = file->to_s[i], .line = (uint32_t)i};
        if (leases_add(leases, &lease, file->names + from, (size_t)(to - from), err) == STATUS_USAGE)
            return damaged(err);
    }
    TRY(leases_settle(leases, err));
done:
    return status;
}

enum status machines_get(const struct store_reader *reader, struct score_machines *machines,
                         struct error *err)
{
    enum status status = STATUS_OK;
    struct machine_file file = {.reader = reader};
    *machines = (struct score_machines){0};
    if (!store_has(reader, "lease_ip"))
        return STATUS_OK;
    TRY(store_get_attribute_i64(reader, NULL, "from_s", &machines->from_s, err));
    TRY(store_get_attribute_i64(reader, NULL, "to_s", &machines->to_s, err));
    TRY(file_read(&file, err));
    machines->leases = leases_new();
    if (!machines->leases) {
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for leases");
        goto done;
    }
    TRY(leases_make(&file, machines->leases, err));
done:
    free(file.name_ends);
    free(file.names);
    free(file.ips);
    free(file.from_s);
    free(file.to_s);
    free(file.machine);
    if (status != STATUS_OK)
        score_machines_clear(machines);
    return status;
}

void score_machines_clear(struct score_machines *machines)
{
    leases_free(machines->leases);
    *machines = (struct score_machines){0};
}

const char *machine_tell(const struct score_machines *machines, const struct ip *ip, struct ip *address)
{
    const struct machine *machine = machines->leases ? leases_machine(machines->leases, ip) : NULL;
    *address = *ip;
    if (!machine)
        return "";
    (void)leases_address(machines->leases, ip, machines->from_s, machines->to_s, address);
    return machine->name;
}
