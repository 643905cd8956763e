/* What the rules look at, found where a day is read: types TXT, and what stands in names. */
#include "day_reading.h"

#include "evidence/known.h"

#include <string.h>

/* Rule 6: the subdomain part, or a label, is as long as a label may be. */
#define LONG_BYTES 63

/* Rule 3: case changes at a quarter of the letters; capitals of brands and of hosts come in runs. */
#define CHANGES_OF 4

/* Rule 7: where a forwarder mixes the case of all names (0x20), base64 is told by its digits alone, a tenth.
 */
#define DIGITS_OF 10

/* Bits that a byte of an encoding carries; of several that fit, the least is meant. */
enum { BITS_HEX = 4, BITS_BASE32 = 5, BITS_BASE64 = 6, BITS_EIGHT = 7 };

/* A name in which programs look for something else than an address: its TXT queries are everyday. */
static bool is_service_name(const struct day_table *table, size_t name)
{
    static const char CLAMAV[] = "current.cvd.clamav.net";
    size_t count = 0, domain_count = 0;
    const char *text = reading_name(table, name, &count, &domain_count);
    if (table->name_sub_bytes[name] == 0 || count <= domain_count)
        return true;  // SPF and proofs of ownership stand at the domain itself
    if (count == sizeof CLAMAV - 1 && memcmp(text, CLAMAV, count) == 0)
        return true;
    // Addresses and numbers, as lists of bad senders are asked about.
    if (name_information(text, count, domain_count, table->name_sub_bytes[name]) == 0)
        return true;
    return name_has_service(text, count - domain_count - 1);
}

static size_t letters_of(const char *text, size_t count)
{
    size_t letters = 0;
    for (size_t i = 0; i < count; i++)
        letters += text[i] >= 'a' && text[i] <= 'z';
    return letters;
}

static bool has_digits(const char *text, size_t count)
{
    size_t digits = 0;
    for (size_t i = 0; i < count; i++)
        digits += text[i] >= '0' && text[i] <= '9';
    return DIGITS_OF * digits >= count;
}

/* Decoded bytes of a name that shows these encodings; 0 when it is none. */
static size_t data_of(const struct day_table *table, size_t name, unsigned encodings, size_t information)
{
    const size_t run =
        table->name_encoded_bytes[name] < information ? table->name_encoded_bytes[name] : information;
    if (encodings & ENCODING_HEX)
        return run * BITS_HEX / 8;
    if (encodings & ENCODING_BASE32)
        return run * BITS_BASE32 / 8;
    if (encodings & ENCODING_BASE64)
        return information * BITS_BASE64 / 8;
    return encodings & ENCODING_EIGHT_BIT ? run * BITS_EIGHT / 8 : 0;
}

static void name_traits_add(const struct day_reading *reading, size_t asked, bool mixes_case,
                            struct pair_name *record)
{
    const struct day_table *table = reading->table;
    const uint32_t name = table->asked_name[asked];
    size_t count = 0, domain_count = 0;
    const char *text = reading_name(table, name, &count, &domain_count);
    const size_t sub_count = count > domain_count ? count - domain_count - 1 : 0;
    unsigned encodings = table->name_encodings[name];
    if (table->asked_encodings[asked] & ENCODING_BASE64 && (!mixes_case || has_digits(text, sub_count)))
        encodings |= ENCODING_BASE64;
    const size_t data = record->bytes > 0 ? data_of(table, name, encodings, record->bytes) : 0;
    unsigned traits = 0;
    if (record->bytes > 0 && table->name_sub_bytes[name] >= LONG_BYTES)
        traits |= TRAIT_LONG;
    if (record->bytes > 0 && table->name_label_max[name] >= LONG_BYTES)
        traits |= TRAIT_FULL_LABEL;
    if (data > 0)
        traits |= TRAIT_ENCODED;
    const size_t letters = letters_of(text, sub_count ? sub_count : count);
    if (!mixes_case && table->asked_mixed[asked] > 0 &&
        (size_t)CHANGES_OF * table->asked_case_changes[asked] >= letters)
        traits |= TRAIT_MIXED;
    if (traits & (TRAIT_LONG | TRAIT_FULL_LABEL | TRAIT_ENCODED)) {
        const struct known_entry *known = known_software_of(reading->known, text, count);
        traits |= known && known_kind_carries_data(known->kind) ? TRAIT_KNOWN : 0;
    }
    record->traits |= (uint16_t)traits;
    if (data > record->data_bytes)
        record->data_bytes = (uint16_t)data;
}

/* TXT queries of a pair in one hour; the entries of an hour stand together, in all slots of it. */
struct txt_hour {
    uint64_t pair;  // key: both
    int64_t hour;
    int64_t queries, all;  // of the pair, and of the host
};

static enum status txt_add(struct day_reading *reading, size_t asked, size_t pair, struct map *hours,
                           struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    struct pair_day *record = &reading->records->pairs[pair];
    struct txt_hour key = {.pair = pair, .hour = reading_hour(reading, asked)};
    struct host_hour host = {.ip = record->ip, .hour = key.hour};
    void *found = NULL;
    TRY(map_put(hours, &key, &found, NULL, err));
    struct txt_hour *hour = found;
    const struct host_hour *all = map_get(&reading->hours, &host);
    hour->queries += table->asked_txt[asked];
    hour->all = all ? all->queries : 0;
    record->txt += table->asked_txt[asked];
done:
    return status;
}

/* Keeps the busiest hour of which TXT is the share that the rule asks for. */
static void txt_hours_take(struct day_reading *reading, const struct map *hours)
{
    for (size_t i = 0; i < hours->count; i++) {
        const struct txt_hour *hour = map_at(hours, i);
        struct pair_day *pair = &reading->records->pairs[hour->pair];
        const bool is_share =
            (double)hour->queries * 1e6 >= (double)reading->job->rule_txt_share * (double)hour->all;
        if (is_share && hour->queries > (int64_t)pair->txt_hour)
            pair->txt_hour = (uint32_t)hour->queries;
    }
}

/* Whether a rule looks at the entry at all. */
static bool has_traits(const struct day_table *table, size_t asked)
{
    const uint32_t name = table->asked_name[asked];
    return table->asked_txt[asked] > 0 || table->asked_mixed[asked] > 0 ||
           table->asked_encodings[asked] != 0 || table->name_encodings[name] != 0 ||
           table->name_sub_bytes[name] >= LONG_BYTES || table->name_label_max[name] >= LONG_BYTES;
}

static enum status entry_add(struct day_reading *reading, size_t asked, struct map *hours, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    const uint32_t name = table->asked_name[asked];
    const struct host_place *host = map_get(&reading->hosts, &table->asked_ip[16 * asked]);
    const struct pair_place *pair =
        host ? map_get(&reading->pairs, (uint64_t[]){(uint64_t)host->at - 1, table->name_domain[name]})
             : NULL;
    if (!pair)
        return STATUS_OK;  // not a rare domain
    const struct name_place *place =
        map_get(&reading->pair_names, (uint64_t[]){(uint64_t)pair->at - 1, name});
    struct pair_name *record = &reading->records->names[place->at];
    name_traits_add(reading, asked, reading->records->hosts[host->at - 1].mixes_case, record);
    if (table->asked_txt[asked] > 0 && !(record->traits & TRAIT_LOOKUP) && !is_service_name(table, name)) {
        record->traits |= TRAIT_TXT;
        TRY(txt_add(reading, asked, (size_t)pair->at - 1, hours, err));
    }
done:
    return status;
}

enum status traits_add(struct day_reading *reading, struct error *err)
{
    enum status status = STATUS_OK;
    struct map mixing = {0}, hours;
    map_init(&hours, sizeof(struct txt_hour), offsetof(struct txt_hour, queries));
    TRY(mixing_find(reading->table, &mixing, err));
    for (size_t i = 0; i < reading->hosts.count; i++) {
        const struct host_place *host = map_at(&reading->hosts, i);
        reading->records->hosts[host->at - 1].mixes_case = mixing_of(&mixing, (const uint8_t *)&host->ip);
    }
    for (size_t i = 0; i < reading->table->size[DAY_asked]; i++)
        if (has_traits(reading->table, i))
            TRY(entry_add(reading, i, &hours, err));
    txt_hours_take(reading, &hours);
done:
    map_clear(&mixing);
    map_clear(&hours);
    return status;
}
