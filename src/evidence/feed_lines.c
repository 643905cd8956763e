/* A line of a reputation list, whoever wrote it: a domain, an address or a range by itself, a hosts file,
 * CSV, or a record of a response policy zone. */
#include "feed_reading.h"

#include "lines.h"

#include "base/hash.h"
#include "base/map.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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
    if (span_range(word, &range)) {
        *is_one = true;
        return range_add(reading, &range, line, err);
    }
    return domain_add(reading, word, line, is_one, err);
}

/* ---- lines ---- */

#define RPZ_IP ".rpz-ip"

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
        const bool is_head = span_is_word(word, "SOA");
        if (is_head || span_is_word(word, "NS")) {
            *is_one = reading->is_zone = true;
            reading->is_open = left > 0 && memchr(at, '(', left) && !memchr(at, ')', left);
            // A zone as dig prints it has no $ORIGIN: its first record has the name.
            if (is_head && reading->origin_count == 0 && name.at[name.count - 1] == '.')
                origin_take(reading, name);
            return STATUS_OK;
        }
        if (has_policy && (span_is_word(word, "rpz-passthru.") || span_is_word(word, "rpz-passthru"))) {
            *is_one = true;  // an exemption is the opposite of an entry
            return STATUS_OK;
        }
        has_policy = has_policy || span_is_word(word, "CNAME") || span_is_word(word, "A") ||
                     span_is_word(word, "AAAA") || span_is_word(word, "TXT");
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
    if (span_is_word(first, "$ORIGIN") && line_word(&at, &left, 0, &word))
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
    if (span_range(first, &range) && range.bits == 128) {  // a hosts file: address, then names
        bool has_name = false;
        while (line_word(&at, &left, 0, &word)) {
            bool good = false;
            TRY(domain_add(reading, word, number, &good, err));
            // Names of the machine itself are no mistake: localhost, ip6-allnodes, 0.0.0.0.
            has_name = has_name || good || memchr(word.at, '.', word.count);
            *is_one = *is_one || good || !memchr(word.at, '.', word.count) || span_range(word, &other);
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

enum status feed_line_take(void *context, const char *line, size_t count, uint32_t number, struct error *err)
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
