/* What parts have counted of the same domains, and who asked under them. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define DOMAIN_CLIENTS_MOST 64

/* ---- their names ---- */

static enum status name_domains_find(const struct parts *parts, const struct united *names,
                                     struct domains *domains, struct error *err)
{
    enum status status = STATUS_OK;
    domains->name_domain = calloc(names->count + 1, sizeof *domains->name_domain);
    if (!domains->name_domain)
        return merge_no_room(err);
    for (size_t part = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, COLUMN_name_domain, &values, err));
        const uint32_t *own = values;
        for (size_t i = 0; i < part_entries(parts, part, COLUMN_name_domain); i++)
            domains->name_domain[names->places[part][i]] = domains->united.places[part][own[i]];
    }
done:
    return status;
}

void domains_fill_names(const struct domains *domains, size_t name_count, int64_t *out)
{
    memset(out, 0, domains->united.count * sizeof *out);
    for (size_t i = 0; i < name_count; i++)
        out[domains->name_domain[i]]++;
}

/* ---- their clients ---- */

/* Unites two ascending lists of hashes, the least 64 of them, into `out`; returns how many there are. */
static size_t clients_unite(uint64_t *out, size_t count, const uint64_t *more, size_t more_count)
{
    uint64_t united[DOMAIN_CLIENTS_MOST];
    size_t at = 0, from = 0, to = 0;
    while (to < DOMAIN_CLIENTS_MOST && (at < count || from < more_count)) {
        uint64_t next = from == more_count || (at < count && out[at] < more[from]) ? out[at] : more[from];
        at += at < count && out[at] == next;
        from += from < more_count && more[from] == next;
        united[to++] = next;
    }
    memcpy(out, united, to * sizeof *united);
    return to;
}

/* A part's lists of clients, those of one domain after another. */
struct client_lists {
    int64_t *ends;  // [domains of the part]
    uint64_t *hashes;
    size_t at;  // the domain that is next
};

static void client_lists_free(struct client_lists *lists, size_t count)
{
    for (size_t part = 0; lists && part < count; part++) {
        free(lists[part].ends);
        free(lists[part].hashes);
    }
    free(lists);
}

static enum status client_lists_read(const struct parts *parts, struct client_lists *lists, size_t *total,
                                     struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t part = 0; part < parts->count; part++) {
        TRY(part_copy(parts, part, COLUMN_domain_client_end, &lists[part].ends, err));
        TRY(part_copy(parts, part, COLUMN_client_hash, &lists[part].hashes, err));
        *total += part_entries(parts, part, COLUMN_client_hash);
    }
done:
    return status;
}

/* Writes the clients of the next domain; returns how many it has. */
static size_t clients_of_domain(const struct parts *parts, const struct united *united, size_t domain,
                                struct client_lists *lists, uint64_t *out)
{
    size_t count = 0;
    for (size_t part = 0; part < parts->count; part++) {
        struct client_lists *own = &lists[part];
        if (own->at == part_entries(parts, part, COLUMN_domain_hash) ||
            united->places[part][own->at] != domain)
            continue;
        const int64_t begin = begin_of(own->ends, own->at);
        count = clients_unite(out, count, own->hashes + begin, (size_t)(own->ends[own->at] - begin));
        own->at++;
    }
    return count;
}

/* The clients of all domains: the lists of all parts are in memory together. */
static enum status clients_find(const struct parts *parts, struct domains *domains, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t count = domains->united.count;
    size_t most = 0;
    struct client_lists *lists = calloc(parts->count + 1, sizeof *lists);
    if (!lists)
        return merge_no_room(err);
    TRY(client_lists_read(parts, lists, &most, err));
    domains->client_hash = malloc((most + DOMAIN_CLIENTS_MOST) * sizeof *domains->client_hash);
    domains->client_end = malloc((count + 1) * sizeof *domains->client_end);
    if (!domains->client_hash || !domains->client_end) {
        status = merge_no_room(err);
        goto done;
    }
    for (size_t domain = 0; domain < count; domain++) {
        domains->client_count += clients_of_domain(parts, &domains->united, domain, lists,
                                                   domains->client_hash + domains->client_count);
        domains->client_end[domain] = (int64_t)domains->client_count;
    }
done:
    client_lists_free(lists, parts->count);
    return status;
}

/* ---- what was counted ---- */

enum status domains_fill_sums(const struct parts *parts, const struct domains *domains,
                              enum day_column column, int64_t *out, struct error *err)
{
    enum status status = STATUS_OK;
    memset(out, 0, domains->united.count * sizeof *out);
    for (size_t part = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, column, &values, err));
        for (size_t i = 0; i < part_entries(parts, part, column); i++)
            out[domains->united.places[part][i]] += ((const int64_t *)values)[i];
    }
done:
    return status;
}

enum status domains_fill_least(const struct parts *parts, const struct domains *domains,
                               enum day_column column, int64_t *out, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < domains->united.count; i++)
        out[i] = INT64_MAX;
    for (size_t part = 0; part < parts->count; part++) {
        const void *values = NULL;
        TRY(part_read(parts, part, column, &values, err));
        for (size_t i = 0; i < part_entries(parts, part, column); i++) {
            const int64_t value = ((const int64_t *)values)[i];
            int64_t *into = &out[domains->united.places[part][i]];
            *into = value < *into ? value : *into;
        }
    }
done:
    return status;
}

/* ---- all of it ---- */

enum status domains_find(const struct parts *parts, const struct united *names, struct domains *domains,
                         struct error *err)
{
    enum status status = STATUS_OK;
    TRY(united_find(parts, COLUMN_domain_hash, COLUMN_domain_text_end, &domains->united, err));
    TRY(name_domains_find(parts, names, domains, err));
    TRY(clients_find(parts, domains, err));
done:
    return status;
}

void domains_clear(struct domains *domains)
{
    united_clear(&domains->united);
    free(domains->name_domain);
    free(domains->client_hash);
    free(domains->client_end);
    *domains = (struct domains){0};
}
