/* Allow lists: `domain,host,mechanism,until,reason`, each of the first three "*" or left out for any. */
#include "feeds.h"

#include "lines.h"

#include "base/hash.h"
#include "base/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct allow_entry {
    uint64_t domain;  // hash; 0: any, or none
    struct ip_range hosts;  // of 0 bits: any
    int32_t mechanism;  // −1: any
    int64_t until;  // last day; INT64_MAX without end
    int32_t list, line;  // where it stands
};

struct allow {
    struct allow_entry *entries;  // [count] by domain
    size_t count, capacity;
    int64_t odd;
    int32_t list;  // that is read
    uint32_t first_odd;
};

static bool is_any(struct span word)
{
    return word.count == 0 || span_is(word, "*");
}

static bool domain_take(struct span word, struct allow_entry *entry)
{
    struct qname qname;
    if (is_any(word))
        return true;
    if (word.count > 1 && word.at[word.count - 1] == '.')
        word.count--;
    if (!qname_of_text(word.at, word.count, &qname))
        return false;
    entry->domain = content_hash(qname.wire, qname.bytes);
    return true;
}

static bool hosts_take(struct span word, struct allow_entry *entry)
{
    return is_any(word) || span_range(word, &entry->hosts);
}

static bool mechanism_take(struct span word, struct allow_entry *entry)
{
    if (is_any(word))
        return true;
    for (int32_t m = 0; m < MECHANISMS; m++)
        if (span_is(word, mechanism_info((enum mechanism)m)->name)) {
            entry->mechanism = m;
            return true;
        }
    return false;
}

static bool until_take(struct span word, struct allow_entry *entry)
{
    static const char FORM[] = "dddd-dd-dd";
    int year = 0, month = 0, day = 0, same[3];
    char text[sizeof FORM];
    if (is_any(word))
        return true;
    if (word.count != sizeof FORM - 1)
        return false;
    for (size_t i = 0; i < word.count; i++)
        if (FORM[i] == '-' ? word.at[i] != '-' : word.at[i] < '0' || word.at[i] > '9')
            return false;
    memcpy(text, word.at, word.count);
    text[word.count] = '\0';
    // NOLINTNEXTLINE(cert-err34-c): four, two and two digits cannot overflow
    if (sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3)
        return false;
    entry->until = day_from_civil(year, month, day);
    // 30 February is a mistake, not a day in March.
    civil_from_day(entry->until, &same[0], &same[1], &same[2]);
    return same[0] == year && same[1] == month && same[2] == day;
}

static enum status entry_take(void *context, const char *line, size_t count, uint32_t number,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct allow *allow = context;
    struct allow_entry entry = {
        .mechanism = -1, .until = INT64_MAX, .list = allow->list, .line = (int32_t)number};
    struct span words[4];
    if (line_cells(line, count, number, "domain", words, 4) == 0)
        return STATUS_OK;
    const bool good = domain_take(words[0], &entry) && hosts_take(words[1], &entry) &&
                      mechanism_take(words[2], &entry) && until_take(words[3], &entry) &&
                      (entry.domain || entry.hosts.bits > 0);  // all of everything is no entry
    if (!good) {
        allow->odd++;
        allow->first_odd = allow->first_odd ? allow->first_odd : number;
        return STATUS_OK;
    }
    TRY(array_reserve(&allow->entries, &allow->capacity, allow->count + 1, sizeof entry, err));
    allow->entries[allow->count++] = entry;
done:
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    const struct allow_entry *x = a, *y = b;
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    return x->list != y->list ? x->list - y->list : x->line - y->line;
}

enum status allow_read(const struct text_list *paths, struct allow **out, struct evidence_warnings *warnings,
                       struct error *err)
{
    enum status status = STATUS_OK;
    struct allow *allow = calloc(1, sizeof *allow);
    if (!allow)
        return error_set(err, STATUS_NO_MEMORY, "decide.allow", "", "no room for lists");
    for (size_t i = 0; i < paths->count; i++) {
        allow->list = (int32_t)i;
        allow->odd = 0;
        allow->first_odd = 0;
        TRY(lines_each(paths->items[i], entry_take, allow, err));
        if (allow->odd > 0)
            TRY(warning_note(warnings, paths->items[i], err,
                             "%" PRId64 " lines are no entry, line %" PRIu32
                             " first; write domain,host,mechanism,until,reason",
                             allow->odd, allow->first_odd));
    }
    if (allow->count > 0)
        qsort(allow->entries, allow->count, sizeof *allow->entries, compare_entries);
    *out = allow;
    allow = NULL;
done:
    allow_free(allow);
    return status;
}

void allow_free(struct allow *allow)
{
    if (!allow)
        return;
    free(allow->entries);
    free(allow);
}

static const struct allow_entry *first_that_covers(const struct allow *allow,
                                                   const struct machine_plan *machines, uint64_t domain,
                                                   const struct evidence *item)
{
    size_t low = 0, high = allow->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (allow->entries[middle].domain < domain)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < allow->count && allow->entries[low].domain == domain; low++) {
        const struct allow_entry *entry = &allow->entries[low];
        if ((entry->hosts.bits == 0 || machine_in_range(machines, &item->ip, item->day, &entry->hosts)) &&
            (entry->mechanism < 0 || entry->mechanism == item->mechanism) && item->day <= entry->until)
            return entry;
    }
    return NULL;
}

bool allow_covers(const struct allow *allow, const struct machine_plan *machines, const struct evidence *item,
                  int32_t *list, int32_t *line)
{
    const struct allow_entry *entry = first_that_covers(allow, machines, 0, item);
    if (!entry && item->domain)
        entry = first_that_covers(allow, machines, item->domain, item);
    *list = entry ? entry->list : -1;
    *line = entry ? entry->line : 0;
    return entry != NULL;
}
