/* What clients ask that nobody attacks: a way to behave for each role. */
#include "internal.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum behaviour {
    PERSON,
    SERVER,
    CLOCK,
    MAIL,
    CRAWL,
    BARE,
    FORWARD,
    ANTIVIRUS,
    CDN,
    VENDOR,
    GUEST,
    SWEEP,
    BUILD,
};

/* A link checker's list; in an hour it goes on where the hour's number says. One link in 50 is new. */
#define LINKS 400

/* Popular domains whose pages ask for names that are made for one visit. */
#define TRACKERS 8

/* Makers of things: each thing asks the cloud of its own, under a domain that nobody else asks. */
#define VENDORS 12

struct role_ways {
    enum behaviour behaviour;
    uint32_t ptr, srv, txt, mx, other, aaaa;  // per thousand
};

static const struct role_ways WAYS[ROLES] = {
#define X(NAME, name, share, rate, presence, behaviour, ptr, srv, txt, mx, other, aaaa)                      \
    {behaviour, ptr, srv, txt, mx, other, aaaa},
#include "roles.def"
#undef X
};

#define HOUR_MS 3600000u

/* A client's hour while it is made. */
struct asker {
    const struct spec *spec;
    const struct names *names;
    struct crowd *crowd;
    const struct role_ways *ways;
    struct dice stream;
    uint32_t client, machine;
    uint32_t steps;
    uint64_t hour;
    int64_t left;  // lines to be made
    double ms;
    uint32_t seen[64], seen_ms[64];  // the stub resolver's memory: a name + 1, and when
};

/* ---- the crowd ---- */

static bool reserve(void *array, size_t *capacity, size_t need, size_t bytes, struct crowd *crowd)
{
    struct error err;
    size_t ask = need > *capacity && need < *capacity * 2 ? *capacity * 2 : need;
    if (array_reserve(array, capacity, ask, bytes, &err) != STATUS_OK)
        crowd->is_full = true;
    return !crowd->is_full;
}

void crowd_add(struct crowd *crowd, uint32_t ms, uint32_t client, uint32_t name, enum asked type)
{
    if (crowd->count == crowd->capacity &&
        !reserve(&crowd->events, &crowd->capacity, crowd->count + 1024, sizeof *crowd->events, crowd))
        return;
    // named's coarse clock: steps of 4 ms.
    crowd->events[crowd->count++] =
        (struct event){.ms = ms - ms % 4, .client = client, .name = name, .type = (uint8_t)type};
}

void crowd_add_made(struct crowd *crowd, uint32_t ms, uint32_t client, const char *text, size_t count,
                    enum asked type)
{
    const size_t need = crowd->made_count + count + 2;
    if (need > NAME_MASK) {
        crowd->is_full = true;
        return;
    }
    if (need > crowd->made_capacity && !reserve(&crowd->made, &crowd->made_capacity, need + 65536, 1, crowd))
        return;
    char *at = crowd->made + crowd->made_count;
    at[0] = (char)(count & 255);
    at[1] = (char)(count >> 8);
    memcpy(at + 2, text, count);
    crowd_add(crowd, ms, client, (uint32_t)NAME_MADE << NAME_SHIFT | (uint32_t)crowd->made_count, type);
    crowd->made_count = need;
}

void crowd_clear(struct crowd *crowd)
{
    free(crowd->events);
    free(crowd->made);
    *crowd = (struct crowd){0};
}

/* Two passes of counting sort by 11 bits: an hour has 3,600,000 ms < 2^22. */
enum status crowd_sort(struct crowd *crowd, struct error *err)
{
    struct event *other = malloc((crowd->count + 1) * sizeof *other), *from = crowd->events, *to = other;
    if (!other)
        return error_set(err, STATUS_NO_MEMORY, "an hour", "", "no room to sort %zu lines", crowd->count);
    for (int shift = 0; shift < 22; shift += 11) {
        size_t places[2049] = {0};
        for (size_t i = 0; i < crowd->count; i++)
            places[(from[i].ms >> shift & 2047) + 1]++;
        for (int digit = 0; digit < 2048; digit++)
            places[digit + 1] += places[digit];
        for (size_t i = 0; i < crowd->count; i++)
            to[places[from[i].ms >> shift & 2047]++] = from[i];
        struct event *swap = from;
        from = to;
        to = swap;
    }
    free(other);  // after two passes they lie in crowd->events again
    return STATUS_OK;
}

/* ---- time ---- */

/* Goes on to the next lookup: a quarter of the gaps are long, the others are within a page's loading. */
static void time_go(struct asker *asker)
{
    double mean = (HOUR_MS - 1 - asker->ms) / (double)(asker->left + 1);
    uint32_t lot = dice_next(&asker->stream);
    if ((lot & 3) == 0 || mean < 400)
        asker->ms += mean * ((lot & 3) == 0 ? 4 : 1) * 2 * (double)(lot >> 2) * 0x1p-30;
    else
        asker->ms += (double)(lot >> 2) * 0x1p-30 * (mean < 800 ? mean : 800);
    if (asker->ms > HOUR_MS - 1)
        asker->ms = HOUR_MS - 1;
}

static void ask(struct asker *asker, uint32_t name, enum asked type)
{
    crowd_add(asker->crowd, (uint32_t)asker->ms, asker->client, name, type);
    asker->left--;
}

static void ask_made(struct asker *asker, const char *text, const char *end, enum asked type)
{
    crowd_add_made(asker->crowd, (uint32_t)asker->ms, asker->client, text, (size_t)(end - text), type);
    asker->left--;
}

/* ---- names ---- */

/* A popular name, or half the time one of the 64 that the client has a habit of asking; both have the same
 * distribution over all clients. */
static uint32_t host_draw(struct asker *asker)
{
    struct dice *stream = &asker->stream;
    if (dice_next(stream) & 1)
        return alias_draw(&asker->names->popular, stream);
    struct dice habit =
        dice_begin(asker->spec->seed, STREAM_CLIENT, 1 + dice_below(stream, 64), asker->machine);
    return alias_draw(&asker->names->popular, &habit);
}

/* A name that the stub resolver does not remember. */
static uint32_t host_next(struct asker *asker)
{
    const uint32_t cache_ms = (uint32_t)asker->spec->cache * 1000, now_ms = (uint32_t)asker->ms;
    uint32_t host = host_draw(asker);
    for (int tries = 0; cache_ms > 0 && tries < 3; tries++) {
        if (asker->seen[host & 63] != host + 1 || now_ms - asker->seen_ms[host & 63] >= cache_ms)
            break;
        host = host_draw(asker);
    }
    asker->seen[host & 63] = host + 1;
    asker->seen_ms[host & 63] = now_ms;
    return host;
}

/* A label that is made anew for each lookup, under a domain that everybody of the kind asks. */
static void unique_ask(struct asker *asker, uint32_t count, const char *set, uint32_t size, const char *under)
{
    char text[128];
    char *end = put_letters(text, count, set, size, &asker->stream);
    ask_made(asker, text, put_text(end, under), ASKED_A);
}

/* A page's counter, or a service that holds a session: its token is a label. */
static void token_ask(struct asker *asker)
{
    char text[160], *end;
    const uint32_t tracker = dice_below(&asker->stream, TRACKERS) % asker->names->domain_count;
    const struct text *domain = &asker->names->domains[tracker];
    end = put_letters(text, 16, "0123456789abcdef", 16, &asker->stream);
    end = put_text(end, tracker % 2 ? ".s." : ".telemetry.");
    memcpy(end, domain->bytes, domain->count);
    ask_made(asker, text, end + domain->count, ASKED_A);
}

/* A short name that the resolver's search list makes longer before it is asked as it is. */
static void searched_ask(struct asker *asker, uint32_t host)
{
    char text[160];
    const struct text *name = &asker->names->hosts[host];
    memcpy(text, name->bytes, name->count);
    ask_made(asker, text, put_text(text + name->count, ".corp.example.co.jp"), ASKED_A);
}

static void ask_addresses(struct asker *asker, uint32_t name)
{
    ask(asker, name, ASKED_A);
    if (asker->left > 0 && dice_below(&asker->stream, 1000) < asker->ways->aaaa) {
        ask(asker, name, ASKED_AAAA);
        if (asker->left > 0 && dice_below(&asker->stream, 5) == 0)
            ask(asker, name, ASKED_HTTPS);
    }
}

static uint32_t other_name(uint32_t at)
{
    return (uint32_t)NAME_OTHER << NAME_SHIFT | at;
}

static uint32_t domain_name(struct asker *asker)
{
    uint32_t host = alias_draw(&asker->names->popular, &asker->stream);
    return (uint32_t)NAME_DOMAIN << NAME_SHIFT | host % asker->names->domain_count;
}

/* ---- behaviours ---- */

static void person_ask(struct asker *asker)
{
    static const uint8_t RARE[] = {ASKED_SOA, ASKED_SOA, ASKED_SOA, ASKED_NS,    ASKED_NS,
                                   ASKED_DS,  ASKED_DS,  ASKED_DS,  ASKED_CNAME, ASKED_CNAME};
    const struct role_ways *ways = asker->ways;
    uint32_t lot = dice_below(&asker->stream, 1000);
    if (lot < ways->ptr) {
        uint64_t u = dice_next(&asker->stream), v = dice_next(&asker->stream);
        ask(asker, other_name((uint32_t)((u * v >> 32) * asker->names->reverse_count >> 32)), ASKED_PTR);
    } else if ((lot -= ways->ptr) < ways->srv) {
        uint32_t most = dice_below(&asker->stream, 8) ? 6 : asker->names->service_count;
        ask(asker, other_name(asker->names->reverse_count + dice_below(&asker->stream, most)), ASKED_SRV);
    } else if ((lot -= ways->srv) < ways->txt) {
        ask(asker, domain_name(asker), ASKED_TXT);
    } else if ((lot -= ways->txt) < ways->mx) {
        ask(asker, domain_name(asker), ASKED_MX);
    } else if (lot - ways->mx < ways->other) {
        ask(asker, domain_name(asker), (enum asked)RARE[dice_below(&asker->stream, sizeof RARE)]);
    } else {
        const uint32_t host = host_next(asker), kind = dice_below(&asker->stream, 100);
        if (kind == 0)
            token_ask(asker);
        else if (kind == 1)
            searched_ask(asker, host);
        if (asker->left > 0)
            ask_addresses(asker, host);
    }
}

/* A mail server: block lists, reverses and exchangers of its peers, policies of their domains. */
static void mail_ask(struct asker *asker)
{
    char text[128], *end = text;
    struct dice *stream = &asker->stream;
    const struct text *domain = &asker->names->domains[domain_name(asker) & NAME_MASK];
    switch (dice_below(stream, 6)) {
    case 0:
    case 1:
        for (int i = 0; i < 4; i++) {
            end = put_number(end, 1 + dice_below(stream, 254));
            *end++ = '.';
        }
        end = put_text(end, dice_below(stream, 2) ? "zen.spamhaus.org" : "bl.spamcop.net");
        ask_made(asker, text, end, ASKED_A);
        break;
    case 2: ask(asker, other_name(dice_below(stream, asker->names->reverse_count)), ASKED_PTR); break;
    case 3: ask(asker, domain_name(asker), ASKED_MX); break;
    case 4:
        end = put_text(end, dice_below(stream, 2) ? "_dmarc." : "selector1._domainkey.");
        memcpy(end, domain->bytes, domain->count);
        ask_made(asker, text, end + domain->count, ASKED_TXT);
        break;
    default: ask(asker, domain_name(asker), ASKED_TXT); break;
    }
}

/* By the clock: the names of a list, one after the other. */
static void clock_asks(struct asker *asker)
{
    const double gap = (double)HOUR_MS / (double)asker->left;
    const uint32_t few = asker->left > 100 ? 40 : 4;
    for (uint32_t i = 0; asker->left > 0; i++) {
        struct dice list = dice_begin(asker->spec->seed, STREAM_CLIENT, 100 + i % few, asker->client);
        asker->ms = gap * (i + 0.5) + (double)dice_below(&asker->stream, 200) * gap / 20000;
        ask(asker, alias_draw(&asker->names->popular, &list), ASKED_A);
    }
}

/* A thing and its maker's cloud, by the clock; one lookup in 50 has the thing's number and a token. */
static void vendor_asks(struct asker *asker)
{
    static const char *const USES[] = {"mqtt.", "api.", "time."};
    const double gap = (double)HOUR_MS / (double)asker->left;
    char vendor[64], text[128];
    struct dice name = dice_begin(asker->spec->seed, STREAM_CLIENT, 200, asker->client % VENDORS);
    char *vendor_end = put_text(put_word(put_word(vendor, &name), &name), "-things.com");
    const size_t count = (size_t)(vendor_end - vendor);
    for (uint32_t i = 0; asker->left > 0; i++) {
        char *end = text;
        asker->ms = gap * (i + 0.5) + (double)dice_below(&asker->stream, 200) * gap / 20000;
        if (dice_below(&asker->stream, 50) == 0) {
            end = put_text(put_number(put_text(end, "dev"), asker->client), "-");
            end = put_text(put_letters(end, 8, "0123456789abcdef", 16, &asker->stream), ".");
        } else {
            end = put_text(end, USES[i % 3]);
        }
        memcpy(end, vendor, count);
        ask_made(asker, text, end + count, ASKED_A);
    }
}

/* Who looks at a network for what is open on it: reverses one after the other, and services. */
static void sweep_ask(struct asker *asker)
{
    const struct names *names = asker->names;
    const uint32_t at = (uint32_t)(asker->hour * 613 + asker->steps++);
    const uint32_t lot = dice_below(&asker->stream, 100);
    if (lot < 80)
        ask(asker, other_name(at % names->reverse_count), ASKED_PTR);
    else if (lot < 99)
        ask(asker, other_name(names->reverse_count + at % names->service_count), ASKED_SRV);
    else
        ask(asker, domain_name(asker), dice_below(&asker->stream, 8) ? ASKED_NS : ASKED_NULL);
}

/* A link checker: the domains of its list in order, and now and then one that was not there before. */
static void link_ask(struct asker *asker)
{
    const uint32_t at = (uint32_t)(asker->hour * 37 + asker->steps++) % LINKS;
    struct dice list = dice_begin(asker->spec->seed, STREAM_CLIENT, 1000 + at, asker->client);
    struct dice *stream = dice_below(&asker->stream, 50) ? &list : &asker->stream;
    ask(asker, (uint32_t)NAME_DOMAIN << NAME_SHIFT | dice_below(stream, asker->names->domain_count), ASKED_A);
}

/* A build: where packages lie, again and again, and nothing is remembered. */
static void build_ask(struct asker *asker)
{
    struct dice list =
        dice_begin(asker->spec->seed, STREAM_CLIENT, 300 + dice_below(&asker->stream, 12), asker->client);
    ask_addresses(asker, alias_draw(&asker->names->popular, &list));
}

/* Guests: everybody's names, and what nobody else here asks. */
static void guest_ask(struct asker *asker)
{
    if (dice_below(&asker->stream, 10) == 0)
        ask_addresses(asker, dice_below(&asker->stream, asker->names->host_count));
    else
        person_ask(asker);
}

static void asker_step(struct asker *asker)
{
    static const char BASE32[] = "abcdefghijklmnopqrstuvwxyz234567";
    time_go(asker);
    switch (asker->ways->behaviour) {
    case MAIL: mail_ask(asker); break;
    case CRAWL:
        // A crawler goes where nobody goes.
        ask_addresses(asker, dice_below(&asker->stream, asker->names->host_count));
        break;
    case BARE: link_ask(asker); break;
    case GUEST: guest_ask(asker); break;
    case SWEEP: sweep_ask(asker); break;
    case BUILD: build_ask(asker); break;
    case ANTIVIRUS:
        if (dice_below(&asker->stream, 12) == 0)
            unique_ask(asker, 26, BASE32, 32, ".avqs.mcafee.com");
        else
            person_ask(asker);
        break;
    case CDN:
        if (dice_below(&asker->stream, 12) == 0)
            unique_ask(asker, 14, BASE32, 32, ".cloudfront.net");
        else
            person_ask(asker);
        break;
    case PERSON:
    case SERVER:
    case FORWARD:
    case VENDOR:
    case CLOCK: person_ask(asker); break;
    }
}

static void client_asks(struct asker *asker)
{
    const size_t first = asker->crowd->count;
    if (asker->ways->behaviour == CLOCK)
        clock_asks(asker);
    if (asker->ways->behaviour == VENDOR)
        vendor_asks(asker);
    while (asker->left > 0 && !asker->crowd->is_full)
        asker_step(asker);
    // 0x20: a forwarder mixes the case of every name that it sends on.
    for (size_t i = first; asker->ways->behaviour == FORWARD && i < asker->crowd->count; i++)
        asker->crowd->events[i].mixed = 1;
}

/* part·number/whole without overflow. */
static int64_t share(int64_t number, int64_t part, int64_t whole)
{
    return whole > 0 ? (int64_t)((__extension__(unsigned __int128)(uint64_t) number * (uint64_t)part) /
                                 (uint64_t)whole)
                     : 0;
}

void background_add(const struct spec *spec, const struct people *people, const struct names *names,
                    const struct hour *hour, struct crowd *crowd)
{
    // Each who is there asks once; the rest is dealt by weight, rounded on the running sum.
    const int64_t rest = hour->lines - hour->rows;
    int64_t sum = 0;
    for (uint32_t c = 0; c < people->count && !crowd->is_full; c++) {
        int64_t weight = client_weight(spec, people, c, hour);
        if (weight == 0)
            continue;
        struct asker asker = {
            .spec = spec,
            .names = names,
            .crowd = crowd,
            .ways = &WAYS[people->clients[c].role],
            .stream = dice_begin(spec->seed, STREAM_HOUR, c, (uint64_t)(hour->start_s / 3600)),
            .client = c,
            .machine = client_machine(&people->clients[c], c),
            .hour = (uint64_t)(hour->start_s / 3600),
            .left = 1 + share(rest, sum + weight, hour->weight) - share(rest, sum, hour->weight)};
        sum += weight;
        client_asks(&asker);
    }
}
