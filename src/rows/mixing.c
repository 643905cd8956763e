/* Who mixes the case of all names: forwarders that guard against forged answers spell each name anew
 * (draft-vixie-dnsext-dns0x20). */
#include "rows/rows.h"

#include "base/map.h"

/* They do so with every domain, on a day on which few domains are asked, too, by several spellings of a name.
 */
#define MIXED_DOMAINS_LEAST 20
#define MIXED_NAMES_LEAST 10

struct mixing_ip {
    struct ip ip;  // key
    uint32_t domains, names, respelled;  // in mixed case; names that came in two or more spellings
    uint32_t mixes;
    int64_t mixed_queries, queries;
};

struct mixing_thing {
    uint32_t ip;  // key: both; number in the map
    uint32_t thing;  // domain or name
    uint64_t spelling;
    uint32_t respelled;
};

#define THING_KEY_BYTES 8

static enum status mixed_add(const struct day_table *table, size_t asked, struct mixing_ip *ip, uint32_t at,
                             struct map *domains, struct map *names, struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t name = table->asked_name[asked];
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(domains, (uint32_t[]){at, table->name_domain[name]}, &found, &fresh, err));
    ip->domains += fresh;
    TRY(map_put(names, (uint32_t[]){at, name}, &found, &fresh, err));
    struct mixing_thing *thing = found;
    ip->names += fresh;
    if (fresh)
        thing->spelling = table->asked_spelling[asked];
    const bool respelled = table->asked_respelled[asked] || thing->spelling != table->asked_spelling[asked];
    ip->respelled += respelled && !thing->respelled;
    thing->respelled |= respelled;
done:
    return status;
}

static bool mixes_all(const struct mixing_ip *ip)
{
    if (2 * ip->mixed_queries >= ip->queries && ip->domains >= MIXED_DOMAINS_LEAST)
        return true;
    return ip->names >= MIXED_NAMES_LEAST && 10 * ip->respelled >= 3 * ip->names;
}

enum status mixing_find(const struct day_table *table, struct map *mixing, struct error *err)
{
    enum status status = STATUS_OK;
    struct map domains, names;
    map_init(mixing, sizeof(struct mixing_ip), sizeof(struct ip));
    map_init(&domains, sizeof(struct mixing_thing), THING_KEY_BYTES);
    map_init(&names, sizeof(struct mixing_thing), THING_KEY_BYTES);
    for (size_t i = 0; i < table->size[DAY_asked]; i++) {
        void *found = NULL;
        TRY(map_put(mixing, &table->asked_ip[16 * i], &found, NULL, err));
        struct mixing_ip *ip = found;
        const uint32_t at = (uint32_t)(((unsigned char *)found - mixing->entries) / (ptrdiff_t)sizeof *ip);
        ip->queries += table->asked_queries[i];
        ip->mixed_queries += table->asked_mixed[i];
        if (table->asked_mixed[i])
            TRY(mixed_add(table, i, ip, at, &domains, &names, err));
    }
    for (size_t i = 0; i < mixing->count; i++) {
        struct mixing_ip *ip = map_at(mixing, i);
        ip->mixes = mixes_all(ip);
    }
done:
    map_clear(&domains);
    map_clear(&names);
    return status;
}

bool mixing_of(const struct map *mixing, const uint8_t *octets)
{
    const struct mixing_ip *ip = map_get(mixing, octets);
    return ip && ip->mixes;
}
