#include "feeds.h"

#include "lines.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A list while it is read. */
struct feed_reading {
    struct feeds *feeds;
    uint32_t feed;
    char origin[256];  // of a zone, without the last dot
    size_t origin_count;
    bool is_zone, is_open;  // inside the brackets of a record
    int64_t entries, odd;  // lines that are none
    uint32_t first_odd;
};

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

/* ---- entries ---- */

/* Whether it can be a domain of a list: letters, digits, '-' and '_', and a last label that is no number.
 * URLs, dates, ranges that are none and ports behind an address are not names, though BIND would print them.
 */
static bool is_domain(struct span name)
{
    bool all_digits = true;
    for (size_t i = 0; i < name.count; i++) {
        const char c = name.at[i], low = (char)(c | 0x20);
        const bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (low < 'a' || low > 'z') && c != '-' && c != '_' && c != '.')
            return false;
        all_digits = c == '.' || (all_digits && is_digit);
    }
    return !all_digits;
}

static enum status domain_add(struct feed_reading *reading, struct span name, uint32_t line, bool *is_one,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct feeds *feeds = reading->feeds;
    struct qname qname;
    // "*.x", ".x" and "x." are x; ||x^ is how filters for browsers write it.
    if (name.count > 2 && name.at[0] == '|' && name.at[1] == '|')
        name = (struct span){name.at + 2, name.count - 2 - (name.at[name.count - 1] == '^')};
    if (name.count > 2 && name.at[0] == '*' && name.at[1] == '.')
        name = (struct span){name.at + 2, name.count - 2};
    else if (name.count > 1 && name.at[0] == '.')
        name = (struct span){name.at + 1, name.count - 1};
    if (name.count > 1 && name.at[name.count - 1] == '.')
        name.count--;
    // One label is a word that stands in a heading, or a whole top-level domain: no list means that.
    *is_one = is_domain(name) && qname_of_text(name.at, name.count, &qname) && qname.label_count >= 2;
    if (!*is_one)
        return STATUS_OK;
    TRY(array_reserve(&feeds->domains, &feeds->domain_capacity, feeds->domain_count + 1,
                      sizeof *feeds->domains, err));
    TRY(array_reserve(&feeds->wires, &feeds->wire_capacity, feeds->wire_bytes + qname.bytes, 1, err));
    memcpy(feeds->wires + feeds->wire_bytes, qname.wire, qname.bytes);
    feeds->domains[feeds->domain_count++] = (struct feed_domain){
        content_hash(qname.wire, qname.bytes), feeds->wire_bytes, qname.bytes, reading->feed, line};
    feeds->wire_bytes += qname.bytes;
done:
    return status;
}

static bool range_of(struct span word, struct ip_range *range)
{
    char text[64];
    if (word.count == 0 || word.count >= sizeof text)
        return false;
    memcpy(text, word.at, word.count);
    text[word.count] = '\0';
    return ip_range_read(text, range);
}

static enum status range_add(struct feed_reading *reading, const struct ip_range *range, uint32_t line,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct feeds *feeds = reading->feeds;
    TRY(array_reserve(&feeds->ranges, &feeds->range_capacity, feeds->range_count + 1, sizeof *feeds->ranges,
                      err));
    feeds->ranges[feeds->range_count++] = (struct feed_range){*range, reading->feed, line};
done:
    return status;
}

/* A word that is an address, a range, or a name. */
static enum status entry_add(struct feed_reading *reading, struct span word, uint32_t line, bool *is_one,
                             struct error *err)
{
    struct ip_range range;
    if (range_of(word, &range)) {
        *is_one = true;
        return range_add(reading, &range, line, err);
    }
    return domain_add(reading, word, line, is_one, err);
}

/* ---- lines ---- */

#define RPZ_IP ".rpz-ip"

static bool is_word(struct span word, const char *text)
{
    if (word.count != strlen(text))
        return false;
    for (size_t i = 0; i < word.count; i++)
        if ((word.at[i] | 0x20) != (text[i] | 0x20))
            return false;
    return true;
}

static bool ends_with(struct span name, const char *mark)
{
    const size_t count = strlen(mark);
    return name.count > count && memcmp(name.at + name.count - count, mark, count) == 0;
}

/* "32.1.2.0.192.rpz-ip", "128.1.zz.db8.2001.rpz-ip": bits, then the address backwards, zz for ::. */
static bool rpz_address(struct span name, struct ip_range *range)
{
    struct span parts[9];
    char text[128];
    size_t count = 0, length = 0;
    bool has_gap = false;
    name.count -= strlen(RPZ_IP);
    for (size_t at = 0; at < name.count && count < 9; count++) {
        const char *dot = memchr(name.at + at, '.', name.count - at);
        const size_t end = dot ? (size_t)(dot - name.at) : name.count;
        parts[count] = (struct span){name.at + at, end - at};
        if (end - at == 0 || end - at > 4)
            return false;
        has_gap = has_gap || (end - at == 2 && memcmp(name.at + at, "zz", 2) == 0);
        at = end + 1;
    }
    if (count < 3)
        return false;
    const bool is_v4 = count == 5 && !has_gap;
    bool apart = true;  // no sign between what is there and what comes
    for (size_t i = count; i-- > 1;) {
        const bool is_gap = parts[i].count == 2 && memcmp(parts[i].at, "zz", 2) == 0;
        if (!is_gap && !apart)
            text[length++] = is_v4 ? '.' : ':';
        memcpy(text + length, is_gap ? "::" : parts[i].at, parts[i].count);
        length += parts[i].count;
        apart = is_gap;
    }
    (void)snprintf(text + length, sizeof text - length, "/%.*s", (int)parts[0].count, parts[0].at);
    return ip_range_read(text, range);
}

/* Without the zone's own name. */
static struct span in_origin(const struct feed_reading *reading, struct span name)
{
    const size_t origin = reading->origin_count;
    if (origin > 0 && name.count > origin + 2 && name.at[name.count - 1] == '.' &&
        name.at[name.count - origin - 2] == '.' &&
        strncasecmp(name.at + name.count - 1 - origin, reading->origin, origin) == 0)
        name.count -= origin + 2;
    return name;
}

static void origin_take(struct feed_reading *reading, struct span name)
{
    if (name.count == 0 || name.count >= sizeof reading->origin)
        return;
    reading->origin_count = name.count - (name.at[name.count - 1] == '.');
    memcpy(reading->origin, name.at, reading->origin_count);
}

/* A line of a zone: the policy for NAME is what the list is about, all else is the zone's own. */
static enum status zone_line(struct feed_reading *reading, struct span name, const char *at, size_t left,
                             uint32_t line, bool *is_one, struct error *err)
{
    struct span word;
    struct ip_range range;
    bool has_policy = false;
    *is_one = reading->is_zone;
    while (line_word(&at, &left, 0, &word)) {
        const bool is_head = is_word(word, "SOA");
        if (is_head || is_word(word, "NS")) {
            *is_one = reading->is_zone = true;
            reading->is_open = left > 0 && memchr(at, '(', left) && !memchr(at, ')', left);
            // A zone as dig prints it has no $ORIGIN: its first record has the name.
            if (is_head && reading->origin_count == 0 && name.at[name.count - 1] == '.')
                origin_take(reading, name);
            return STATUS_OK;
        }
        if (has_policy && (is_word(word, "rpz-passthru.") || is_word(word, "rpz-passthru"))) {
            *is_one = true;  // an exemption is the opposite of an entry
            return STATUS_OK;
        }
        has_policy = has_policy || is_word(word, "CNAME") || is_word(word, "A") || is_word(word, "AAAA") ||
                     is_word(word, "TXT");
    }
    name = in_origin(reading, name);
    if (!has_policy || (name.count == 1 && name.at[0] == '@'))
        return STATUS_OK;
    // What is triggered by clients and name servers cannot be seen in a query.
    *is_one = true;
    if (ends_with(name, ".rpz-client-ip") || ends_with(name, ".rpz-nsip") || ends_with(name, ".rpz-nsdname"))
        return STATUS_OK;
    if (ends_with(name, RPZ_IP)) {
        *is_one = rpz_address(name, &range);
        return *is_one ? range_add(reading, &range, line, err) : STATUS_OK;
    }
    return domain_add(reading, name, line, is_one, err);
}

/* Whether an address means a machine or its network to itself, as those of a hosts file do: loopback,
 * private, link local, multicast, none at all. */
static bool is_of_machine(const struct ip *ip)
{
    static const char *const RANGES[] = {"0.0.0.0/8",      "10.0.0.0/8",    "127.0.0.0/8",
                                         "169.254.0.0/16", "172.16.0.0/12", "224.0.0.0/3",
                                         "::/127",         "fc00::/6",      "192.168.0.0/16"};
    for (size_t i = 0; i < sizeof RANGES / sizeof *RANGES; i++) {
        struct ip_range range;
        if (ip_range_read(RANGES[i], &range) && ip_in_range(ip, &range))
            return true;
    }
    return false;
}

static enum status line_add(struct feed_reading *reading, const char *line, size_t count, uint32_t number,
                            bool *is_one, struct error *err)
{
    enum status status = STATUS_OK;
    const char *at = line;
    size_t left = count;
    struct span first, word;
    const char separator = memchr(line, ',', count) ? ',' : 0;
    *is_one = reading->is_open;
    if (reading->is_open) {
        reading->is_open = !memchr(line, ')', count);
        return STATUS_OK;
    }
    if (!line_word(&at, &left, separator, &first))
        return STATUS_OK;
    if (is_word(first, "$ORIGIN") && line_word(&at, &left, 0, &word))
        origin_take(reading, word);
    if (first.count > 0 && first.at[0] == '$') {
        *is_one = reading->is_zone = true;
        return STATUS_OK;
    }
    if (separator) {  // CSV: the first column that is one
        do
            TRY(entry_add(reading, first, number, is_one, err));
        while (!*is_one && line_word(&at, &left, separator, &first));
        return STATUS_OK;
    }
    struct ip_range range, other;
    if (left == 0)
        return entry_add(reading, first, number, is_one, err);
    if (range_of(first, &range) && range.bits == 128) {  // a hosts file: address, then names
        bool has_name = false;
        while (line_word(&at, &left, 0, &word)) {
            bool good = false;
            TRY(domain_add(reading, word, number, &good, err));
            // Names of the machine itself are no mistake: localhost, ip6-allnodes, 0.0.0.0.
            has_name = has_name || good || memchr(word.at, '.', word.count);
            *is_one = *is_one || good || !memchr(word.at, '.', word.count) || range_of(word, &other);
        }
        // An address of the world, and a word about it: that is an entry with its note.
        if (!has_name && !is_of_machine(&range.base))
            return range_add(reading, &range, number, err);
        return STATUS_OK;
    }
    return zone_line(reading, first, at, left, number, is_one, err);
done:
    return status;
}

static enum status line_take(void *context, const char *line, size_t count, uint32_t number,
                             struct error *err)
{
    struct feed_reading *reading = context;
    bool is_one = false;
    enum status status = line_add(reading, line, count, number, &is_one, err);
    reading->entries += is_one;
    reading->odd += !is_one;
    if (!is_one && reading->first_odd == 0)
        reading->first_odd = number;
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
    TRY(lines_each(feed->path, line_take, &reading, err));
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
