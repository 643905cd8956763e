/* What attackers ask. Names are made by each tool's own rules, as its sources have them: iodine's
 * src/encoding.c and src/client.c, dnscat2's tunnel_drivers/driver_dns.c, dns2tcp's common/dns.c,
 * DNSExfiltrator's dnsExfiltrator.cs. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

static const char HEX[] = "0123456789abcdef";
static const char BASE32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char BASE64[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz";

/* An attack's hour while it is made. */
struct raid {
    const struct spec *spec;
    const struct people *people;
    const struct names *names;
    const struct attack *attack;
    const struct hour *hour;
    struct crowd *crowd;  // NULL: only counted
    int64_t from_ms, to_ms;  // of the hour
    int64_t asked;
};

static void raid_ask(struct raid *raid, int64_t ms, const char *text, const char *end, enum asked type)
{
    raid->asked++;
    if (raid->crowd)
        crowd_add_made(raid->crowd, (uint32_t)ms, raid->attack->client, text, (size_t)(end - text), type);
}

static enum asked type_of(const struct raid *raid, enum asked usual)
{
    return raid->attack->spec->type >= 0 ? (enum asked)raid->attack->spec->type : usual;
}

static struct dice raid_stream(const struct raid *raid, uint64_t what)
{
    return dice_begin(raid->spec->seed, STREAM_TICK, (uint64_t)raid->attack->number << 8 | what,
                      (uint64_t)(raid->hour->start_s / 3600));
}

/* ---- tunnels ---- */

struct tool {
    const char *set;
    uint32_t size, bits;  // letters of the encoding, and bits that each carries
    uint32_t cut;  // longest label
    uint32_t head;  // letters of a packet's head, also of one that is idle
};

static struct tool tool_of(const struct attack_spec *spec)
{
    struct tool tool = {BASE32, 32, 5, 57, 5};
    if (spec->family == FAMILY_DNSCAT2)
        tool = (struct tool){HEX, 16, 4, 60, 18};
    else if (spec->family == FAMILY_DNS2TCP)
        tool = (struct tool){BASE64, 64, 6, 63, 12};
    else if (spec->family == FAMILY_EXFILTRATOR)
        tool = (struct tool){BASE64, 64, 6, 63, 0};
    if (spec->encoding == ENCODING_BASE32) {
        tool.set = BASE32;
        tool.size = 32;
        tool.bits = 5;
    } else if (spec->encoding == ENCODING_BASE64) {
        tool.set = BASE64;
        tool.size = 64;
        tool.bits = 6;
    } else if (spec->encoding == ENCODING_HEX) {
        tool.set = HEX;
        tool.size = 16;
        tool.bits = 4;
    } else if (spec->encoding == ENCODING_BASE128) {
        tool.set = NULL;
        tool.size = 128;
        tool.bits = 7;
    }
    return tool;
}

/* Letters in labels of at most `cut`, then the domain. */
static char *labels_put(char *at, const struct tool *tool, uint32_t count, const char *domain,
                        struct dice *stream)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && i % tool->cut == 0)
            *at++ = '.';
        uint32_t lot = dice_below(stream, tool->size);
        if (tool->set) {
            *at++ = tool->set[lot];
        } else if (lot < 62) {
            *at++ = BASE64[lot];
        } else {
            // iodine's base128 goes on at 0274, and BIND prints such octets in decimal.
            *at++ = '\\';
            at = put_number(at, 188 + lot - 62);
        }
    }
    *at++ = '.';
    return put_text(at, domain);
}

static enum asked tunnel_type(const struct raid *raid, struct dice *stream)
{
    static const uint8_t DNSCAT2[] = {ASKED_TXT, ASKED_CNAME, ASKED_MX};
    if (raid->attack->spec->family == FAMILY_IODINE)
        return type_of(raid, ASKED_NULL);
    if (raid->attack->spec->family == FAMILY_DNSCAT2)
        return type_of(raid, (enum asked)DNSCAT2[dice_below(stream, sizeof DNSCAT2)]);
    return type_of(raid, ASKED_TXT);
}

static void packet_ask(struct raid *raid, const struct tool *tool, int64_t ms, int64_t tick, uint32_t count,
                       bool is_idle, struct dice *stream)
{
    char text[1200], *at = text;
    const int64_t family = raid->attack->spec->family;
    const char *domain = raid->attack->domain;
    if (family == FAMILY_IODINE && is_idle) {
        *at++ = 'p';
        at = put_letters(at, 7, BASE32, 32, stream);
        *at++ = '.';
        raid_ask(raid, ms, text, put_text(at, domain), tunnel_type(raid, stream));
        return;
    }
    if (family == FAMILY_EXFILTRATOR) {
        at = tick == 0 ? put_text(at, "init.") : put_text(put_number(at, (uint64_t)tick - 1), ".");
        if (tick == 0) {
            at = labels_put(at, tool, 28, "base64", stream);
            *at++ = '.';
            raid_ask(raid, ms, text, put_text(at, domain), tunnel_type(raid, stream));
            return;
        }
    }
    if (family == FAMILY_IODINE)
        *at++ = HEX[raid->attack->number % 16];  // the user's number
    at = labels_put(at, tool, tool->head + (is_idle ? 0 : count), domain, stream);
    raid_ask(raid, ms, text, at, tunnel_type(raid, stream));
}

/* Ticks at which a packet leaves: as often as the data needs, else as often as the tool keeps its line open.
 */
static void tunnel_run(struct raid *raid)
{
    const struct attack *attack = raid->attack;
    const struct tool tool = tool_of(attack->spec);
    const uint32_t room = 240 - (uint32_t)strlen(attack->domain) - tool.head;
    const uint32_t count = room - room / tool.cut - 8;  // letters of data, with their dots below 255 octets
    const int64_t payload = count * tool.bits / 8;
    int64_t data_ms = attack->rate > 0 ? payload * 1000000 / attack->rate : INT64_MAX / 4;
    if (data_ms < 1)
        data_ms = 1;
    const int64_t idle_ms = attack->period * 1000, tick_ms = data_ms < idle_ms ? data_ms : idle_ms;
    const int64_t origin_ms = attack->from_s * 1000, hour_ms = raid->hour->start_s * 1000;
    struct dice stream = raid_stream(raid, 0);
    for (int64_t tick = (hour_ms + raid->from_ms - origin_ms + tick_ms - 1) / tick_ms;; tick++) {
        int64_t ms = origin_ms + tick * tick_ms - hour_ms;
        if (ms >= raid->to_ms)
            break;
        bool is_idle = tick_ms < data_ms && (tick + 1) * tick_ms / data_ms == tick * tick_ms / data_ms;
        if (is_idle && attack->spec->family == FAMILY_EXFILTRATOR)
            continue;
        int64_t late = ms + dice_below(&stream, (uint32_t)(tick_ms < 100 ? tick_ms : 100));
        packet_ask(raid, &tool, late < HOUR_MS ? late : ms, tick, count, is_idle, &stream);
    }
}

/* ---- made-up domains ---- */

static char *dga_name(char *at, int64_t encoding, struct dice *stream)
{
    static const char *const TOPS[] = {".biz", ".info", ".ru", ".com", ".net", ".org"};
    static const char MIXED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const WORDS[] = {"river",  "stone",  "market", "window", "garden", "simple",
                                        "copper", "silver", "planet", "forest", "summer", "letter",
                                        "family", "silent", "bridge", "corner"};
    if (encoding == ENCODING_HEX) {
        at = put_letters(at, 16, HEX, 16, stream);
    } else if (encoding == ENCODING_MIXED) {
        at = put_letters(at, 12 + dice_below(stream, 8), MIXED, 52, stream);
    } else if (encoding == ENCODING_DICTIONARY) {
        at = put_text(at, WORDS[dice_below(stream, 16)]);
        at = put_text(at, WORDS[dice_below(stream, 16)]);
        at = put_text(at, WORDS[dice_below(stream, 16)]);
    } else {
        at = put_letters(at, 12 + dice_below(stream, 9), LETTERS, 26, stream);
    }
    return put_text(at, TOPS[dice_below(stream, 6)]);
}

/* Once a day, in an hour of its own between 9 and 17: `rate` domains, one after the other. */
static void dga_run(struct raid *raid)
{
    char text[128];
    struct dice stream = dice_begin(raid->spec->seed, STREAM_TICK, (uint64_t)raid->attack->number << 8 | 1,
                                    (uint64_t)raid->hour->day);
    if (raid->hour->local_hour != 9 + (int)dice_below(&stream, 8))
        return;
    int64_t ms = dice_below(&stream, 1800000);
    for (int64_t i = 0; i < raid->attack->rate; i++) {
        char *end = dga_name(text, raid->attack->spec->encoding, &stream);
        ms += 300 + dice_below(&stream, 1200);
        if (ms < raid->from_ms || ms >= raid->to_ms)
            break;
        raid_ask(raid, ms, text, end, type_of(raid, ASKED_A));
    }
}

/* ---- beacons ---- */

/* Each gap by itself, from the day's start, so that an hour can be made without those before it. */
static void beacon_run(struct raid *raid)
{
    char text[128];
    const struct attack *attack = raid->attack;
    const int64_t jitter = attack->period * 10 * attack->spec->jitter;  // ms
    const int64_t hour_ms = raid->hour->local_hour * HOUR_MS;
    struct dice stream = dice_begin(raid->spec->seed, STREAM_TICK, (uint64_t)attack->number << 8 | 2,
                                    (uint64_t)raid->hour->day);
    char *end = put_text(put_text(text, "c2."), attack->domain);
    for (int64_t ms = dice_below(&stream, (uint32_t)(attack->period * 1000)); ms < hour_ms + raid->to_ms;) {
        if (ms >= hour_ms + raid->from_ms)
            raid_ask(raid, ms - hour_ms, text, end, type_of(raid, ASKED_A));
        int64_t gap = attack->period * 1000 - jitter + dice_below(&stream, (uint32_t)(2 * jitter + 1));
        ms += gap > 0 ? gap : 1;
    }
}

/* ---- many queries ---- */

static char *flood_name(const struct raid *raid, char *at, struct dice *stream)
{
    const struct text *host;
    switch (raid->attack->spec->family) {
    case FAMILY_BURST:
        host = &raid->names
                    ->hosts[(raid->attack->number * 10 + dice_below(stream, 10)) % raid->names->host_count];
        memcpy(at, host->bytes, host->count);
        return at + host->count;
    case FAMILY_SUBDOMAIN_FLOOD:
        at = put_letters(at, 8 + dice_below(stream, 5), LETTERS, 26, stream);
        *at++ = '.';
        return put_text(at, raid->attack->domain);
    case FAMILY_NIGHT:
        if (dice_below(stream, 2)) {
            host = &raid->names->hosts[alias_draw(&raid->names->popular, stream)];
            memcpy(at, host->bytes, host->count);
            return at + host->count;
        }
        return put_text(put_text(at, "files."), raid->attack->domain);
    case FAMILY_NULL_FLOOD:
    case FAMILY_TXT_FLOOD:
        at = put_text(at, "r");
        at = put_number(at, dice_below(stream, 4));
        *at++ = '.';
        return put_text(at, raid->attack->domain);
    default: return put_text(at, raid->attack->domain);
    }
}

/* `rate` queries an hour, at any time of it. */
static void flood_run(struct raid *raid)
{
    const int64_t family = raid->attack->spec->family;
    enum asked usual = family == FAMILY_NULL_FLOOD  ? ASKED_NULL
                       : family == FAMILY_TXT_FLOOD ? ASKED_TXT
                                                    : ASKED_A;
    struct dice stream = raid_stream(raid, 3);
    char text[256];
    if (family == FAMILY_NIGHT && (raid->hour->local_hour < 1 || raid->hour->local_hour >= 5))
        return;
    for (int64_t i = 0; i < raid->attack->rate; i++) {
        int64_t ms = dice_below(&stream, (uint32_t)HOUR_MS);
        char *end = flood_name(raid, text, &stream);
        if (ms >= raid->from_ms && ms < raid->to_ms)
            raid_ask(raid, ms, text, end, type_of(raid, usual));
    }
}

int64_t attack_add(const struct spec *spec, const struct people *people, const struct names *names,
                   const struct attack *attack, const struct hour *hour, struct crowd *crowd)
{
    struct raid raid = {.spec = spec,
                        .people = people,
                        .names = names,
                        .attack = attack,
                        .hour = hour,
                        .crowd = crowd,
                        .to_ms = HOUR_MS};
    if (attack->to_s <= hour->start_s || attack->from_s >= hour->start_s + 3600)
        return 0;
    if (attack->spec->working && (hour->is_holiday || hour->local_hour < 8 || hour->local_hour >= 18))
        return 0;
    if (attack->from_s > hour->start_s)
        raid.from_ms = (attack->from_s - hour->start_s) * 1000;
    if (attack->to_s < hour->start_s + 3600)
        raid.to_ms = (attack->to_s - hour->start_s) * 1000;
    switch ((enum family)attack->spec->family) {
    case FAMILY_IODINE:
    case FAMILY_DNSCAT2:
    case FAMILY_DNS2TCP:
    case FAMILY_EXFILTRATOR: tunnel_run(&raid); break;
    case FAMILY_DGA: dga_run(&raid); break;
    case FAMILY_BEACON: beacon_run(&raid); break;
    case FAMILY_SILENCE:
    case FAMILIES: break;
    case FAMILY_BURST:
    case FAMILY_NULL_FLOOD:
    case FAMILY_TXT_FLOOD:
    case FAMILY_NIGHT:
    case FAMILY_SUBDOMAIN_FLOOD:
    case FAMILY_LISTED:
    case FAMILY_STORM: flood_run(&raid); break;
    }
    return raid.asked;
}
