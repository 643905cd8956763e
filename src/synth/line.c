/* Lines of BIND 9.18, as named prints them with time, category and severity (docs/archive.md). */
#include "internal.h"

#include <stdio.h>
#include <string.h>

static const char DIGITS[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243"
    "444546474849505152535455565758596061626364656667686970717273747576777879808182838485868788"
    "8990919293949596979899";

/* What named prints of a query's header, as sets of clients have it; the last three are queries by TCP. */
static const char *const FLAGS[] = {"+E(0)K", "+E(0)", "+", "+E(0)D", "+E(0)DC", "+E(0)TK", "+T", "+E(0)TD"};

void printer_begin(struct printer *printer, const struct spec *spec, const struct people *people,
                   const struct names *names)
{
    *printer = (struct printer){.spec = spec, .people = people, .names = names};
    for (uint32_t i = 0; i < 256; i++)
        (void)snprintf(printer->pointers[i], sizeof printer->pointers[i], "0x7f82%08x",
                       0x10000000u |
                           ((uint32_t)random_u64((uint64_t)spec->seed, RANDOM_SYNTH, 2, i) & 0xeffffff0u));
    for (int i = 0; i < 8; i++)
        (void)snprintf(printer->servers[i], sizeof printer->servers[i], " (10.79.0.%d)\n", 53 + i);
}

unsigned printer_resolver(const struct printer *printer, const struct event *event, uint32_t lot)
{
    unsigned own = printer->people->clients[event->client].resolver,
             count = (unsigned)printer->spec->resolvers;
    // Now and then a client asks the next one.
    return lot % 64 == 0 ? (own + 1) % count : own;
}

static const char *name_of(const struct printer *printer, const struct crowd *crowd, uint32_t name,
                           size_t *count)
{
    const struct names *names = printer->names;
    const uint32_t at = name & NAME_MASK;
    const struct text *text;
    if (name >> NAME_SHIFT == NAME_MADE) {
        const unsigned char *made = (const unsigned char *)crowd->made + at;
        *count = made[0] | (size_t)made[1] << 8;
        return (const char *)made + 2;
    }
    if (name >> NAME_SHIFT == NAME_HOST)
        text = &names->hosts[at];
    else if (name >> NAME_SHIFT == NAME_DOMAIN)
        text = &names->domains[at];
    else
        text = at < names->reverse_count ? &names->reverses[at] : &names->services[at - names->reverse_count];
    *count = text->count;
    return text->bytes;
}

/* The name in a case that its letters' bits decide; escapes hold no letters. */
static void mix_case(const char *name, size_t count, uint64_t lot, char *out)
{
    for (size_t i = 0; i < count; i++) {
        bool is_letter = name[i] >= 'a' && name[i] <= 'z';
        out[i] = (char)(is_letter && (lot >> (i & 63) & 1) ? name[i] - 32 : name[i]);
    }
}

static char *put(char *at, const char *bytes, size_t count)
{
    memcpy(at, bytes, count);
    return at + count;
}

char *printer_line(const struct printer *printer, const struct crowd *crowd, const struct event *event,
                   unsigned resolver, uint64_t lot, const char stamp[15], char *at)
{
    const struct client *client = &printer->people->clients[event->client];
    char mixed[1200];
    size_t count;
    const char *name = name_of(printer, crowd, event->name, &count);
    const uint32_t ms = event->ms;
    if (event->mixed) {
        mix_case(name, count, lot * 0x9e3779b97f4a7c15u ^ lot >> 7, mixed);
        name = mixed;
    }
    memcpy(at, stamp, 14);
    at[14] = ':';
    memcpy(at + 15, DIGITS + 2 * (size_t)(ms / 60000), 2);
    at[17] = ':';
    memcpy(at + 18, DIGITS + 2 * (size_t)(ms / 1000 % 60), 2);
    at[20] = '.';
    at[21] = (char)('0' + ms / 100 % 10);
    memcpy(at + 22, DIGITS + 2 * (size_t)(ms % 100), 2);
    at = put(at + 24, " queries: info: client @", 24);
    at = put(at, printer->pointers[lot & 255], 14);
    *at++ = ' ';
    memcpy(at, client->ip, 16);  // as many as the longest of those that are made up
    at += client->ip_count;
    *at++ = '#';
    at = put_number(at, 1024 + ((lot >> 8 & 0xffff) * 64512 >> 16));
    at = put(at, " (", 2);
    at = put(at, name, count);
    at = put(at, "): query: ", 10);
    at = put(at, name, count);
    at = put(at, " IN ", 4);
    at = put_text(at, asked_word(event->type));
    *at++ = ' ';
    unsigned flags = (lot >> 24 & 0x1ff) == 0 ? 5 + (unsigned)(lot >> 33) % 3 : client->flags;
    at = put_text(at, FLAGS[flags]);
    return put_text(at, printer->servers[resolver]);
}
