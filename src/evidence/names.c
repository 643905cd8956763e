/* What of a name can carry information, and the texts of the names that stand in evidence. */
#include "internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_number(char c)
{
    return is_digit(c) || c == '.' || c == '-' || c == '_';
}

/* Digits in one run, and in all labels of two or more characters, that neither a number of 64 bits nor a
 * counter, a time and an address together have: these are data. Labels of one digit are nibbles of an
 * address. */
#define DIGITS_RUN 20
#define DIGITS_ALL 40

static bool has_digit_data(const char *name, size_t sub_count)
{
    size_t run = 0, all = 0;
    for (size_t i = 0; i < sub_count; i++) {
        const bool starts = i == 0 || name[i - 1] == '.', ends = i + 1 == sub_count || name[i + 1] == '.';
        run = is_digit(name[i]) ? run + 1 : 0;
        all += is_digit(name[i]) && !(starts && ends);
        if (run >= DIGITS_RUN || all >= DIGITS_ALL)
            return true;
    }
    return false;
}

/* Labels that say what a name is for (RFC 8552 and its registry), not what is sent. In byte order of nothing.
 */
static const char *const SERVICES[] = {
    "_tcp",       "_udp",         "_sctp",        "_tls",           "_dmarc",
    "_domainkey", "_spf",         "_ldap",        "_kerberos",      "_kpasswd",
    "_gc",        "_msdcs",       "_sites",       "_sip",           "_sips",
    "_smtp",      "_mta-sts",     "_report",      "_dns-sd",        "_acme-challenge",
    "_vlmcs",     "_imap",        "_imaps",       "_submission",    "_caldav",
    "_caldavs",   "_carddav",     "_carddavs",    "_http",          "_https",
    "_dns",       "_ntp",         "_stun",        "_turn",          "_autodiscover",
    "_matrix",    "_xmpp-client", "_xmpp-server", "_domainconnect", "_wpad",
    "_jabber",    "_bimi",
};

/* Whether a label names a service, or the port of one. */
static bool is_service(const char *label, size_t count)
{
    size_t digits = 1;
    while (digits < count && is_digit(label[digits]))
        digits++;
    if (digits == count && count <= 6)
        return true;
    for (size_t i = 0; i < sizeof SERVICES / sizeof *SERVICES; i++)
        if (strlen(SERVICES[i]) == count && memcmp(SERVICES[i], label, count) == 0)
            return true;
    return false;
}

bool name_has_service(const char *name, size_t sub_count)
{
    for (size_t from = 0, to = 0; from < sub_count; from = to + 1) {
        for (to = from; to < sub_count && name[to] != '.';)
            to++;
        if (name[from] == '_' && is_service(name + from, to - from))
            return true;
    }
    return false;
}

/* Bytes of a name with labels that begin with "_": those of services carry nothing, nor does what they are
 * asked of when that is a number. */
static size_t service_information(const char *name, size_t sub_count)
{
    size_t bytes = 0;
    for (size_t from = 0, to = 0; from < sub_count; from = to + 1) {
        for (to = from; to < sub_count && name[to] != '.';)
            to++;
        if (name[from] != '_' || !is_service(name + from, to - from))
            bytes += to - from;
    }
    return bytes;
}

size_t name_information(const char *name, size_t count, size_t domain_count, size_t sub_bytes)
{
    static const char ARPA[] = "arpa";
    const size_t arpa = sizeof ARPA - 1;
    if (sub_bytes == 0 || count <= domain_count)
        return 0;
    // Reversed addresses.
    if (count > arpa && memcmp(name + count - arpa, ARPA, arpa) == 0 && name[count - arpa - 1] == '.')
        return 0;
    // Services, numbers, and addresses in text.
    const size_t sub_count = count - domain_count - 1;
    bool all_numbers = true, has_service = false;
    for (size_t i = 0; i < sub_count; i++) {
        has_service = has_service || (name[i] == '_' && (i == 0 || name[i - 1] == '.'));
        all_numbers = all_numbers && is_number(name[i]);
    }
    if (all_numbers && !has_digit_data(name, sub_count))
        return 0;
    return has_service ? service_information(name, sub_count) : sub_bytes;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* A digit between two letters is one of an alphabet, as in base32, and no counter: iodine's pings count
 * through blocks of 128 names that differ in such a one alone. */
static bool is_counted(const char *name, size_t i, size_t end)
{
    return is_digit(name[i]) && !(i > 0 && is_letter(name[i - 1]) && i + 1 < end && is_letter(name[i + 1]));
}

uint64_t name_shape(const char *name, size_t count, size_t domain_count)
{
    char shape[QNAME_TEXT_BYTES];
    size_t length = 0;
    if (has_digit_data(name, count > domain_count ? count - domain_count : 0))
        return content_hash(name, count - domain_count);
    for (size_t i = 0; i + domain_count < count && length < sizeof shape; i++)
        if (!is_counted(name, i, count - domain_count))
            shape[length++] = name[i];
        else if (i == 0 || !is_counted(name, i - 1, count - domain_count))
            shape[length++] = '0';
    return content_hash(shape, length);
}

/* ---- texts ---- */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The hashes that need a text, ascending, each once. */
static enum status wanted_list(const struct evidence_list *list, uint64_t **wanted, size_t *count,
                               struct error *err)
{
    size_t all = 0;
    *wanted = malloc((list->count * (EVIDENCE_NAMES + 1) + 1) * sizeof **wanted);
    *count = 0;
    if (!*wanted)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for names");
    for (size_t i = 0; i < list->count; i++) {
        const struct evidence *item = &list->items[i];
        if (item->domain)
            (*wanted)[all++] = item->domain;
        for (int32_t name = 0; name < item->name_count; name++)
            (*wanted)[all++] = item->names[name];
    }
    qsort(*wanted, all, sizeof **wanted, compare_u64);
    for (size_t i = 0; i < all; i++)
        if (*count == 0 || (*wanted)[*count - 1] != (*wanted)[i])
            (*wanted)[(*count)++] = (*wanted)[i];
    return STATUS_OK;
}

/* Texts as they travel: hash, length, bytes, one behind the other. */
struct texts {
    unsigned char *bytes;
    size_t count, capacity;
};

static enum status text_put(struct texts *texts, uint64_t hash, const char *text, size_t count,
                            struct error *err)
{
    enum status status = STATUS_OK;
    const uint64_t head[2] = {hash, count};
    TRY(array_reserve(&texts->bytes, &texts->capacity, texts->count + sizeof head + count, 1, err));
    memcpy(texts->bytes + texts->count, head, sizeof head);
    memcpy(texts->bytes + texts->count + sizeof head, text, count);
    texts->count += sizeof head + count;
done:
    return status;
}

/* Adds the texts of one table whose hashes are wanted and not there yet. */
static enum status texts_take(const uint64_t *wanted, size_t wanted_count, uint8_t *had,
                              const uint64_t *hashes, const int64_t *ends, const char *heap, size_t count,
                              struct texts *texts, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *found =
            wanted_count ? bsearch(&hashes[i], wanted, wanted_count, sizeof *wanted, compare_u64) : NULL;
        if (!found || had[found - wanted])
            continue;
        const int64_t from = i ? ends[i - 1] : 0;
        TRY(text_put(texts, hashes[i], heap + from, (size_t)(ends[i] - from), err));
        had[found - wanted] = 1;
    }
done:
    return status;
}

static enum status texts_read(const struct search *search, const uint64_t *wanted, size_t count,
                              struct texts *texts, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    size_t from, to;
    uint8_t *had = calloc(count + 1, 1);
    if (!had)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for names");
    search_days_mine(search, &from, &to);
    for (size_t i = from; i < to && count > 0; i++) {
        TRY(day_read_some(search->plan->dir, &search->stored[i], DAY_NAMES, &table, err));
        TRY(texts_take(wanted, count, had, table.domain_hash, table.domain_text_end, table.domain_text,
                       table.size[DAY_domain], texts, err));
        TRY(texts_take(wanted, count, had, table.name_hash, table.name_text_end, table.name_text,
                       table.size[DAY_name], texts, err));
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    free(had);
    return status;
}

static int compare_texts(const void *a, const void *b)
{
    const struct evidence_text *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Takes what all ranks sent apart; a hash that several ranks had stands once. */
static enum status texts_unpack(char *bytes, size_t count, struct evidence_list *list, struct error *err)
{
    size_t places = 0, kept = 0;
    for (size_t at = 0; at < count; places++) {
        uint64_t head[2];
        memcpy(head, bytes + at, sizeof head);
        at += sizeof head + head[1];
    }
    list->names = calloc(places + 1, sizeof *list->names);
    if (!list->names)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for names");
    for (size_t at = 0, i = 0; at < count; i++) {
        uint64_t head[2];
        memcpy(head, bytes + at, sizeof head);
        list->names[i] = (struct evidence_text){head[0], at + sizeof head, head[1]};
        at += sizeof head + head[1];
    }
    qsort(list->names, places, sizeof *list->names, compare_texts);
    for (size_t i = 0; i < places; i++)
        if (kept == 0 || list->names[kept - 1].hash != list->names[i].hash)
            list->names[kept++] = list->names[i];
    list->name_count = kept;
    return STATUS_OK;
}

/* Adds the texts of zones that stand in evidence: the store has them as parts of names only. */
static enum status zones_put(const struct search *search, const uint64_t *wanted, size_t count,
                             struct texts *texts, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && team_rank(search->team) == 0; i++) {
        const struct zone_name *zone = zone_of(search, wanted[i]);
        if (zone)
            TRY(text_put(texts, zone->zone, zone->text, strlen(zone->text), err));
    }
done:
    return status;
}

/* Adds the domains of lists that were found: the store need not have them as names. */
static enum status entries_put(const struct feeds *feeds, const struct evidence_list *list,
                               struct texts *texts, struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t last = 0;
    for (size_t i = 0; i < list->count; i++) {
        char text[QNAME_TEXT_BYTES];
        size_t low = 0, high = feeds->domain_count;
        const uint64_t entry = list->items[i].entry;
        if (entry == 0 || entry == last)
            continue;
        last = entry;
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            if (feeds->domains[middle].hash < entry)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == feeds->domain_count || feeds->domains[low].hash != entry)
            continue;
        const size_t count =
            qname_text(feeds->wires + feeds->domains[low].at, feeds->domains[low].bytes, text, sizeof text);
        TRY(text_put(texts, entry, text, count, err));
    }
done:
    return status;
}

enum status texts_find(const struct search *search, struct evidence_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t *wanted = NULL;
    size_t wanted_count = 0, bytes = 0;
    struct texts mine = {0};
    void *all = NULL;
    TRY(team_agree(search->team, wanted_list(list, &wanted, &wanted_count, err), err));
    TRY(team_agree(search->team, texts_read(search, wanted, wanted_count, &mine, err), err));
    TRY(team_agree(search->team, zones_put(search, wanted, wanted_count, &mine, err), err));
    TRY(team_agree(search->team, entries_put(&search->feeds, list, &mine, err), err));
    TRY(team_gather(search->team, mine.bytes, mine.count, &all, &bytes, err));
    list->texts = all;
    TRY(team_agree(search->team, texts_unpack(list->texts, bytes, list, err), err));
done:
    free(wanted);
    free(mine.bytes);
    return status;
}

const char *evidence_text_of(const struct evidence_list *list, uint64_t hash, size_t *count)
{
    const struct evidence_text key = {.hash = hash};
    const struct evidence_text *found =
        list->name_count ? bsearch(&key, list->names, list->name_count, sizeof key, compare_texts) : NULL;
    *count = found ? found->count : 0;
    return found ? list->texts + found->at : NULL;
}

const char *evidence_software(const struct evidence_list *list, const struct evidence *item,
                              const struct known_software *known)
{
    size_t count = 0;
    const char *domain = item->domain ? evidence_text_of(list, item->domain, &count) : NULL;
    const struct known_entry *entry = domain ? known_software_of(known, domain, count) : NULL;
    for (int32_t i = 0; i < item->name_count && domain && !entry; i++) {
        const char *name = evidence_text_of(list, item->names[i], &count);
        entry = name ? known_software_of(known, name, count) : NULL;
    }
    return entry ? entry->software : NULL;
}
