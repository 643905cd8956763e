/* Columns of a day that are made when they are asked for: those of asked names, pairs and their lists. */
#include "finish.h"

#include <string.h>

bool column_is_made(enum day_column column)
{
    const enum day_dimension dimension = day_column_info(column)->dimension;
    return dimension == DAY_asked || dimension == DAY_pair || dimension == DAY_type ||
           dimension == DAY_second;
}

/* ---- asked names ---- */

static void asked_slots(const struct finishing *finish, int64_t *out)
{
    size_t at = 0;
    for (size_t slot = 0; slot < slots_used(finish->tally); slot++)
        for (; at < finish->slot_end[slot]; at++)
            out[at] = finish->tally->day_start_s + (int64_t)slot * finish->tallies->slot_s;
}

static void asked_ips(const struct finishing *finish, uint8_t *out)
{
    for (size_t at = 0; at < finish->table.size[DAY_asked]; at++) {
        const uint32_t number = finish->clients.entry[finish->asked_client[at]];
        const struct client *client = map_at(&finish->tally->clients, number);
        memcpy(out + at * sizeof client->ip, &client->ip, sizeof client->ip);
    }
}

/* What each entry has as bits: its types, or its encodings. */
static void asked_bits(const struct finishing *finish, enum day_column column, void *values)
{
    const struct tally *tally = finish->tally;
    size_t at = 0;
    for (size_t slot = 0; slot < slots_used(tally); slot++) {
        const size_t tabled = slot_tabled(tally, slot);
        for (; at < finish->slot_end[slot]; at++) {
            const size_t entry = finish->asked_entry[at];
            const struct asked *asked = entry < tabled ? map_at(&tally->slots[slot].asked, entry) : NULL;
            const struct reduced_asked *reduced =
                asked ? NULL : &tally->reduced.slots[slot].items[entry - tabled];
            if (column == COLUMN_asked_types)
                ((uint64_t *)values)[at] = asked ? asked->types : reduced->types;
            else
                ((uint8_t *)values)[at] = asked ? asked->encodings : reduced->encodings & UINT8_MAX;
        }
    }
}

/* A column that is 0 but for few entries. */
static void asked_extras(const struct finishing *finish, enum day_column column, void *values)
{
    memset(values, 0, day_column_bytes(&finish->table, column));
    for (size_t i = 0; i < finish->extra_count; i++) {
        const size_t at = finish->extras[i].at;
        const struct asked_extra *extra = &finish->extras[i].extra;
        switch ((int)column) {
        case COLUMN_asked_txt: ((uint32_t *)values)[at] = extra->txt; break;
        case COLUMN_asked_odd: ((uint32_t *)values)[at] = extra->odd; break;
        case COLUMN_asked_mixed: ((uint32_t *)values)[at] = extra->mixed; break;
        case COLUMN_asked_spelling: ((uint64_t *)values)[at] = extra->spelling; break;
        case COLUMN_asked_case_changes: ((uint16_t *)values)[at] = extra->case_changes; break;
        default: ((uint8_t *)values)[at] = extra->respelled; break;
        }
    }
}

static void asked_make(const struct finishing *finish, enum day_column column, void *values)
{
    const size_t count = finish->table.size[DAY_asked];
    switch ((int)column) {
    case COLUMN_asked_slot: asked_slots(finish, values); break;
    case COLUMN_asked_ip: asked_ips(finish, values); break;
    case COLUMN_asked_name: memcpy(values, finish->asked_name, count * sizeof *finish->asked_name); break;
    case COLUMN_asked_queries:
        memcpy(values, finish->asked_queries, count * sizeof *finish->asked_queries);
        break;
    case COLUMN_asked_types:
    case COLUMN_asked_encodings: asked_bits(finish, column, values); break;
    default: asked_extras(finish, column, values); break;
    }
}

/* ---- pairs ---- */

/* Of what a pair's seconds are. */
static uint32_t pair_step(const struct finishing *finish, const struct pair_view *pair)
{
    return pair->in_units ? (uint32_t)finish->tallies->plan->unit_s : 1;
}

/* The seconds are in order, and there is one at least. */
static uint32_t first_part(const struct finishing *finish, const struct pair_view *pair)
{
    return pair->first_ms - pair->seconds[0] * pair_step(finish, pair) * 1000;
}

static uint32_t last_part(const struct finishing *finish, const struct pair_view *pair)
{
    return pair->last_ms - (pair->second_count > 1
                                ? pair->seconds[pair->second_count - 1] * pair_step(finish, pair) * 1000
                                : pair->first_ms);
}

static void pair_number(const struct finishing *finish, const struct pair_view *pair, enum day_column column,
                        size_t at, int64_t *ends, void *values)
{
    switch ((int)column) {
    case COLUMN_pair_domain: ((uint32_t *)values)[at] = finish->domains.place[pair->domain]; break;
    case COLUMN_pair_queries: ((int64_t *)values)[at] = pair->queries; break;
    case COLUMN_pair_first_part: ((uint32_t *)values)[at] = first_part(finish, pair); break;
    case COLUMN_pair_last_part: ((uint32_t *)values)[at] = last_part(finish, pair); break;
    case COLUMN_pair_type_end: ((int64_t *)values)[at] = *ends += pair->type_count; break;
    case COLUMN_pair_second_end: ((int64_t *)values)[at] = *ends += pair->second_count; break;
    case COLUMN_pair_second_step: ((uint32_t *)values)[at] = pair_step(finish, pair); break;
    default: break;
    }
}

static void pair_ips(const struct finishing *finish, uint8_t *out)
{
    for (size_t i = 0; i < finish->pairs.count; i++) {
        const struct pair_key key = pair_key(finish->tally, finish->pairs.entry[i]);
        const struct client *client = map_at(&finish->tally->clients, key.client);
        memcpy(out + i * sizeof client->ip, &client->ip, sizeof client->ip);
    }
}

/* What a pair's list adds to a column of all lists; returns how much. */
static size_t pair_list(const struct pair_view *pair, enum day_column column, size_t at, void *values)
{
    if (column == COLUMN_second_of_day) {
        memcpy((uint32_t *)values + at, pair->seconds, pair->second_count * sizeof *pair->seconds);
        return pair->second_count;
    }
    for (size_t i = 0; i < pair->type_count; i++)
        if (column == COLUMN_type_number)
            ((uint16_t *)values)[at + i] = (uint16_t)pair->types[2 * i];
        else
            ((uint32_t *)values)[at + i] = pair->types[2 * i + 1];
    return pair->type_count;
}

static void pair_make(const struct finishing *finish, enum day_column column, void *values)
{
    const struct tally *tally = finish->tally;
    const bool is_list = day_column_info(column)->dimension != DAY_pair;
    int64_t ends = 0;
    size_t at = 0;
    for (size_t i = 0; i < finish->pairs.count; i++) {
        if (i + FINISH_AHEAD < finish->pairs.count)
            pair_prefetch(tally, finish->pairs.entry[i + FINISH_AHEAD]);
        const struct pair_view pair = pair_view(tally, finish->pairs.entry[i]);
        if (is_list)
            at += pair_list(&pair, column, at, values);
        else
            pair_number(finish, &pair, column, i, &ends, values);
    }
}

void column_make(const struct finishing *finish, enum day_column column, void *values)
{
    if (day_column_info(column)->dimension == DAY_asked)
        asked_make(finish, column, values);
    else if (column == COLUMN_pair_ip)
        pair_ips(finish, values);
    else if (column == COLUMN_pair_names)
        memcpy(values, finish->pair_names, finish->pairs.count * sizeof *finish->pair_names);
    else
        pair_make(finish, column, values);
}
