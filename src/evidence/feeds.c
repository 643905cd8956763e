/* Reputation lists as tables, and the search in them. */
#include "feed_reading.h"

#include "lines.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status warning_note(struct evidence_warnings *warnings, const char *where, struct error *err,
                         const char *format, ...)
{
    enum status status = STATUS_OK;
    va_list args;
    TRY(array_reserve(&warnings->items, &warnings->capacity, warnings->count + 1, sizeof *warnings->items,
                      err));
    struct evidence_warning *warning = &warnings->items[warnings->count++];
    (void)text_for_terminal(where, strlen(where), warning->where, sizeof warning->where);
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not know this va_start
    (void)vsnprintf(warning->what, sizeof warning->what, format, args);
    va_end(args);
done:
    return status;
}

/* ---- lists ---- */

static int compare_domains(const void *a, const void *b)
{
    const struct feed_domain *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->feed != y->feed)
        return x->feed < y->feed ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct feed_range *x = a, *y = b;
    if (x->range.bits != y->range.bits)
        return y->range.bits - x->range.bits;  // the narrow ones first
    int order = ip_compare(&x->range.base, &y->range.base);
    if (order != 0)
        return order;
    if (x->feed != y->feed)
        return x->feed < y->feed ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Where the ranges of each length of prefix stand. */
static void widths_find(struct feeds *feeds)
{
    for (size_t i = 0; i < feeds->range_count; i++)
        if (i == 0 || feeds->ranges[i].range.bits != feeds->ranges[i - 1].range.bits)
            feeds->width_from[feeds->width_count++] = i;
    feeds->width_from[feeds->width_count] = feeds->range_count;
}

static enum status feed_read(struct feeds *feeds, const struct job_feed *feed, uint32_t number,
                             struct evidence_warnings *warnings, struct error *err)
{
    enum status status = STATUS_OK;
    struct feed_reading reading = {.feeds = feeds, .feed = number};
    const size_t before = feeds->domain_count + feeds->range_count;
    TRY(lines_each(feed->path, feed_line_take, &reading, err));
    if (feeds->domain_count + feeds->range_count == before)
        TRY(warning_note(warnings, feed->path, err, "no domain and no address in it"));
    else if (reading.odd > 0)
        TRY(warning_note(warnings, feed->path, err, "%" PRId64 " lines are no entry, line %" PRIu32 " first",
                         reading.odd, reading.first_odd));
done:
    return status;
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Collects the domains above the listed ones, these included: most names need no look at the lists then. */
static enum status above_make(struct feeds *feeds, struct error *err)
{
    size_t count = 0, kept = 0;
    for (int pass = 0; pass < 2; pass++) {
        count = 0;
        for (size_t i = 0; i < feeds->domain_count; i++) {
            const uint8_t *wire = feeds->wires + feeds->domains[i].at;
            const size_t bytes = feeds->domains[i].bytes;
            for (size_t at = 0; at < bytes && wire[at] > 0; at += 1 + (size_t)wire[at]) {
                if (pass == 1)
                    feeds->above[count] = content_hash(wire + at, bytes - at);
                count++;
            }
        }
        if (pass == 0)
            feeds->above = malloc((count + 1) * sizeof *feeds->above);
        if (!feeds->above)
            return error_set(err, STATUS_NO_MEMORY, "decide.reputation", "", "no room for lists");
    }
    if (count > 0)
        qsort(feeds->above, count, sizeof *feeds->above, compare_u64);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || feeds->above[kept - 1] != feeds->above[i])
            feeds->above[kept++] = feeds->above[i];
    feeds->above_count = kept;
    return STATUS_OK;
}

enum status feeds_read(const struct feed_list *list, struct feeds *feeds, struct evidence_warnings *warnings,
                       struct error *err)
{
    enum status status = STATUS_OK;
    *feeds = (struct feeds){.feed_count = list->count};
    feeds->critical = calloc(list->count + 1, sizeof *feeds->critical);
    if (!feeds->critical)
        return error_set(err, STATUS_NO_MEMORY, "decide.reputation", "", "no room for lists");
    for (size_t i = 0; i < list->count; i++) {
        feeds->critical[i] = list->items[i].critical == CRITICAL_YES;
        TRY(feed_read(feeds, &list->items[i], (uint32_t)i, warnings, err));
    }
    if (feeds->domain_count > 0)
        qsort(feeds->domains, feeds->domain_count, sizeof *feeds->domains, compare_domains);
    if (feeds->range_count > 0)
        qsort(feeds->ranges, feeds->range_count, sizeof *feeds->ranges, compare_ranges);
    widths_find(feeds);
    TRY(above_make(feeds, err));
done:
    return status;
}

void feeds_clear(struct feeds *feeds)
{
    free(feeds->domains);
    free(feeds->ranges);
    free(feeds->above);
    free(feeds->wires);
    free(feeds->critical);
    *feeds = (struct feeds){0};
}

/* ---- looking up ---- */

/* Takes a hit if it is better than the one before: critical ones win, else the first that came. */
static void hit_take(const struct feeds *feeds, uint32_t feed, uint32_t line, uint64_t entry,
                     struct feed_hit *hit, bool *found)
{
    const bool is_critical = feeds->critical[feed];
    if (*found && (hit->is_critical || !is_critical))
        return;
    *hit = (struct feed_hit){feed, line, is_critical, entry == 0, entry};
    *found = true;
}

static void domain_find(const struct feeds *feeds, const uint8_t *wire, size_t bytes, struct feed_hit *hit,
                        bool *found)
{
    const uint64_t hash = content_hash(wire, bytes);
    size_t low = 0, high = feeds->domain_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (feeds->domains[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < feeds->domain_count && feeds->domains[low].hash == hash; low++) {
        const struct feed_domain *entry = &feeds->domains[low];
        if (entry->bytes == bytes && memcmp(feeds->wires + entry->at, wire, bytes) == 0)
            hit_take(feeds, entry->feed, entry->line, hash, hit, found);
    }
}

static void address_find(const struct feeds *feeds, const struct ip *ip, struct feed_hit *hit, bool *found)
{
    // One search for each length of prefix that occurs.
    for (size_t width = 0; width < feeds->width_count; width++) {
        const size_t to = feeds->width_from[width + 1];
        size_t low = feeds->width_from[width], high = to;
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            const struct ip_range *range = &feeds->ranges[middle].range;
            if (!ip_in_range(ip, range) && ip_compare(&range->base, ip) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low < to && ip_in_range(ip, &feeds->ranges[low].range); low++)
            hit_take(feeds, feeds->ranges[low].feed, feeds->ranges[low].line, 0, hit, found);
    }
}

static int nibble_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The address that a PTR name stands for (RFC 1035 §3.5, RFC 3596 §2.5). */
static bool address_of(const struct qname *qname, struct ip *ip)
{
    char text[IP_TEXT_BYTES];
    static const uint8_t V4[] = "\7in-addr\4arpa", V6[] = "\3ip6\4arpa";
    const size_t labels = qname->label_count;
    if (labels == 6 && memcmp(qname->wire + qname->label_at[4], V4, sizeof V4) == 0) {
        size_t count = 0;
        for (size_t label = 4; label-- > 0;) {
            const uint8_t *at = qname->wire + qname->label_at[label];
            if (*at > 3)
                return false;
            memcpy(text + count, at + 1, *at);
            count += *at;
            text[count++] = '.';
        }
        return ip_read(text, count - 1, ip);
    }
    if (labels != 34 || memcmp(qname->wire + qname->label_at[32], V6, sizeof V6) != 0)
        return false;
    for (size_t nibble = 0; nibble < 32; nibble++) {
        const uint8_t *at = qname->wire + qname->label_at[31 - nibble];
        const int value = nibble_of(at[1]);
        if (*at != 1 || value < 0)
            return false;
        ip->bytes[nibble / 2] = (uint8_t)(nibble % 2 ? ip->bytes[nibble / 2] | value : value << 4);
    }
    return true;
}

bool feeds_find(const struct feeds *feeds, const char *name, size_t count, size_t domain_count,
                struct feed_hit *hit)
{
    bool found = false;
    struct qname qname, domain;
    struct ip ip = {{0}};
    if (feeds->domain_count + feeds->range_count == 0 || domain_count > count ||
        !qname_of_text(name, count, &qname))
        return false;
    if (address_of(&qname, &ip)) {
        address_find(feeds, &ip, hit, &found);
        return found;
    }
    if (!qname_of_text(name + count - domain_count, domain_count, &domain))
        return false;
    for (size_t label = 0; label < qname.label_count; label++) {
        const size_t at = qname.label_at[label];
        if (qname.bytes - at < domain.bytes)
            break;
        domain_find(feeds, qname.wire + at, qname.bytes - at, hit, &found);
    }
    return found;
}

bool feeds_may_have(const struct feeds *feeds, uint64_t domain, const char *text, size_t count)
{
    static const char ARPA[] = "arpa";
    const size_t arpa = sizeof ARPA - 1;
    if (feeds->range_count > 0 && count >= arpa && memcmp(text + count - arpa, ARPA, arpa) == 0)
        return true;
    return feeds->above_count > 0 &&
           bsearch(&domain, feeds->above, feeds->above_count, sizeof domain, compare_u64) != NULL;
}
