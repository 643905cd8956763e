/* Rule 8: reputation. Names are looked up where their day is read, and judged where their host is owned. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* What a name of the day is, once it has been looked up. */
struct looked_up {
    bool is_known, is_listed;
    struct feed_hit hit;
};

static void look_up(const struct day_table *table, const struct feeds *feeds, uint32_t name,
                    struct looked_up *known)
{
    const int64_t from = name ? table->name_text_end[name - 1] : 0;
    const size_t domain = table->name_domain[name];
    const int64_t domain_from = domain ? table->domain_text_end[domain - 1] : 0;
    known->is_known = true;
    known->is_listed = feeds_find(feeds, table->name_text + from, (size_t)(table->name_text_end[name] - from),
                                  (size_t)(table->domain_text_end[domain] - domain_from), &known->hit);
}

enum status listed_add(struct day_records *records, const struct day_table *table, const struct feeds *feeds,
                       struct error *err)
{
    enum status status = STATUS_OK;
    struct looked_up *names = NULL;
    bool *may_have = NULL;  // of domains
    if (feeds->domain_count + feeds->range_count == 0)
        return STATUS_OK;
    names = calloc(table->size[DAY_name] + 1, sizeof *names);
    may_have = calloc(table->size[DAY_domain] + 1, sizeof *may_have);
    if (!names || !may_have) {
        status =
            error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for the names of a day");
        goto done;
    }
    for (size_t i = 0; i < table->size[DAY_domain]; i++) {
        const int64_t from = i ? table->domain_text_end[i - 1] : 0;
        may_have[i] = feeds_may_have(feeds, table->domain_hash[i], table->domain_text + from,
                                     (size_t)(table->domain_text_end[i] - from));
    }
    for (size_t i = 0; i < table->size[DAY_asked]; i++) {
        const uint32_t name = table->asked_name[i];
        if (!may_have[table->name_domain[name]])
            continue;
        if (!names[name].is_known)
            look_up(table, feeds, name, &names[name]);
        if (!names[name].is_listed)
            continue;
        const struct feed_hit *hit = &names[name].hit;
        TRY(array_reserve(&records->listed, &records->listed_capacity, records->listed_count + 1,
                          sizeof *records->listed, err));
        struct listed_name *listed = &records->listed[records->listed_count++];
        *listed = (struct listed_name){.domain = table->domain_hash[table->name_domain[name]],
                                       .day = table->day,
                                       .name = table->name_hash[name],
                                       .queries = table->asked_queries[i],
                                       .feed = hit->feed,
                                       .line = hit->line,
                                       .is_critical = hit->is_critical,
                                       .is_address = hit->is_address,
                                       .entry = hit->entry};
        memcpy(&listed->ip, &table->asked_ip[16 * i], sizeof listed->ip);
    }
done:
    free(names);
    free(may_have);
    return status;
}

enum status listed_find(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    const struct listed_name *listed = search->listed;
    for (size_t from = 0, to = 0; from < search->listed_count; from = to) {
        const struct listed_name *first = &listed[from];
        struct evidence item = {.ip = first->ip,
                                .domain = first->domain,
                                .day = first->day,
                                .mechanism = first->is_address ? MECHANISM_LISTED_ADDRESS : MECHANISM_LISTED,
                                .window_days = 1,
                                .threshold = 1,
                                .feed = (int32_t)first->feed,
                                .feed_line = (int32_t)first->line,
                                .entry = first->entry};
        for (; to < search->listed_count && listed[to].domain == first->domain &&
               listed[to].day == first->day && listed[to].entry == first->entry &&
               ip_compare(&listed[to].ip, &first->ip) == 0;
             to++) {
            item.value += listed[to].queries;
            evidence_add_name(&item, listed[to].name);
        }
        // Who asks about a bad address may be a mail server: on whatever list, no more than a notice.
        if (!first->is_address)
            item.bits = first->is_critical ? EVIDENCE_BITS_CRITICAL : EVIDENCE_BITS_LISTED;
        TRY(evidence_take(search, &item, err));
    }
done:
    return status;
}
