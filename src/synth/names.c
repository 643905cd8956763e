/* The names that are asked: made once, alike on every rank. */
#include "internal.h"

#include "base/exact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (uint32_t)(sizeof(array) / sizeof(array)[0])

static const char *const SYLLABLES[] = {"ka",  "to",  "mi",  "no",  "re",  "sha", "ver",  "lo",  "cloud",
                                        "net", "pay", "ads", "me",  "dia", "so",  "ra",   "gen", "tel",
                                        "bo",  "ki",  "uni", "web", "da",  "ta",  "link", "hub", "san",
                                        "yo",  "ex",  "pro", "zen", "in",  "fo",  "tech", "go",  "ma"};
static const char *const TOPS[] = {"com",   "com",   "com", "com", "net",   "net", "org",  "jp",     "co.jp",
                                   "ne.jp", "ac.jp", "io",  "de",  "co.uk", "cn",  "info", "example"};
static const char *const LABELS[] = {"www",   "api",  "cdn",   "mail",   "img",  "static", "app",
                                     "login", "ad",   "track", "m",      "ssl",  "s3",     "eu",
                                     "edge",  "push", "sync",  "update", "time", "assets"};
static const char *const SERVICES[] = {"_ldap._tcp.",           "_kerberos._tcp.",     "_sip._udp.",
                                       "_ldap._tcp.dc._msdcs.", "_autodiscover._tcp.", "_xmpp-client._tcp."};

char *put_text(char *at, const char *text)
{
    size_t count = strlen(text);
    // NOLINTNEXTLINE(bugprone-not-null-terminated-result): a part of a line, which has no end of its own
    memcpy(at, text, count);
    return at + count;
}

char *put_number(char *at, uint64_t value)
{
    char digits[20];
    int count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

char *put_letters(char *at, uint32_t count, const char *set, uint32_t size, struct dice *stream)
{
    while (count-- > 0)
        *at++ = set[dice_below(stream, size)];
    return at;
}

char *put_word(char *at, struct dice *stream)
{
    const uint32_t count = 2 + (dice_below(stream, 3) == 0);
    for (uint32_t i = 0; i < count; i++)
        at = put_text(at, SYLLABLES[dice_below(stream, COUNT_OF(SYLLABLES))]);
    if (dice_below(stream, 6) == 0)
        at = put_number(at, dice_below(stream, 1000));
    return at;
}

static void domain_make(const struct spec *spec, uint32_t at, struct text *domain)
{
    struct dice stream = dice_begin(spec->seed, STREAM_NAMES, 0, at);
    char *end = put_word(domain->bytes, &stream);
    if (at >= 2000)
        end = put_number(end, at % 100);
    *end++ = '.';
    end = put_text(end, TOPS[dice_below(&stream, COUNT_OF(TOPS))]);
    domain->count = (uint16_t)(end - domain->bytes);
}

/* What stands before the domain of a host; "" for the bare domain. */
static char *host_label(char *at, uint32_t host, bool is_first, struct dice *stream)
{
    static const char HEX[] = "0123456789abcdef";
    if (is_first)
        return put_text(at, LABELS[dice_below(stream, COUNT_OF(LABELS))]);
    switch (dice_below(stream, 8)) {
    case 0: return put_letters(at, 8 + dice_below(stream, 9), HEX, 16, stream);
    case 1:
        at = put_word(at, stream);
        *at++ = '-';
        return put_number(at, host);
    case 2:
        at = put_text(at, LABELS[dice_below(stream, COUNT_OF(LABELS))]);
        *at++ = '-';
        return put_number(at, host);
    case 3:
        at = put_number(put_word(at, stream), host % 977);
        *at++ = '.';
        return put_text(at, LABELS[dice_below(stream, COUNT_OF(LABELS))]);
    default: return put_number(put_word(at, stream), dice_below(stream, 100));
    }
}

static void host_make(const struct spec *spec, const struct names *names, uint32_t at, struct text *host)
{
    struct dice stream = dice_begin(spec->seed, STREAM_NAMES, 1, at);
    bool is_first = at < names->domain_count;
    // The first hosts are of a domain each; the others lie under domains of which the first have the most.
    uint32_t domain = at;
    if (!is_first) {
        uint64_t u = dice_next(&stream), v = dice_next(&stream);
        domain = (uint32_t)((u * v >> 32) * names->domain_count >> 32);
    }
    char *end = host->bytes;
    if (!is_first || at % 3 != 0) {
        end = host_label(end, at, is_first, &stream);
        *end++ = '.';
    }
    memcpy(end, names->domains[domain].bytes, names->domains[domain].count);
    host->count = (uint16_t)(end - host->bytes + names->domains[domain].count);
}

static void reverse_make(const struct spec *spec, uint32_t at, struct text *reverse)
{
    struct dice stream = dice_begin(spec->seed, STREAM_NAMES, 2, at);
    char *end = put_number(reverse->bytes, at & 255);
    *end++ = '.';
    end = put_number(end, at >> 8 & 255);
    *end++ = '.';
    end = put_number(end, at % 3 != 0 ? 80 : dice_below(&stream, 224));
    *end++ = '.';
    end = put_number(end, at % 3 != 0 ? 10 : 1 + dice_below(&stream, 223));
    end = put_text(end, ".in-addr.arpa");
    reverse->count = (uint16_t)(end - reverse->bytes);
}

static void service_make(const struct spec *spec, uint32_t at, struct text *service)
{
    struct dice stream = dice_begin(spec->seed, STREAM_NAMES, 3, at);
    char *end = put_text(service->bytes, SERVICES[at % COUNT_OF(SERVICES)]);
    if (at >= COUNT_OF(SERVICES)) {
        end = put_number(put_word(end, &stream), at);
        *end++ = '.';
    }
    end = put_text(end, "corp.example.co.jp");
    service->count = (uint16_t)(end - service->bytes);
}

/* Splits the weights into `count` columns of equal height, each of at most two entries. */
static enum status alias_make(struct alias *alias, double *weights, uint32_t count, struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t *small = calloc(count, sizeof *small), *large = calloc(count, sizeof *large);
    uint32_t small_count = 0, large_count = 0;
    double sum = 0;
    alias->count = count;
    alias->limits = calloc(count, sizeof *alias->limits);
    alias->others = calloc(count, sizeof *alias->others);
    if (!small || !large || !alias->limits || !alias->others) {
        status = error_set(err, STATUS_NO_MEMORY, "names", "", "no room for them");
        goto done;
    }
    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    for (uint32_t i = 0; i < count; i++) {
        weights[i] *= count / sum;
        if (weights[i] < 1)
            small[small_count++] = i;
        else
            large[large_count++] = i;
    }
    while (small_count > 0 && large_count > 0) {
        uint32_t low = small[--small_count], high = large[large_count - 1];
        alias->limits[low] = (uint32_t)(weights[low] * 4294967295.0);
        alias->others[low] = high;
        weights[high] -= 1 - weights[low];
        if (weights[high] < 1) {
            large_count--;
            small[small_count++] = high;
        }
    }
    // What rounding has left is 1 but for rounding.
    while (large_count > 0)
        alias->limits[large[--large_count]] = UINT32_MAX;
    while (small_count > 0)
        alias->limits[small[--small_count]] = UINT32_MAX;
done:
    free(small);
    free(large);
    return status;
}

enum status names_make(const struct spec *spec, struct names *names, struct error *err)
{
    enum status status = STATUS_OK;
    double *weights = NULL;
    *names =
        (struct names){.host_count = (uint32_t)spec->names,
                       .domain_count = (uint32_t)(spec->domains < spec->names ? spec->domains : spec->names),
                       .reverse_count = 20000,
                       .service_count = 400};
    names->hosts = calloc(names->host_count, sizeof *names->hosts);
    names->domains = calloc(names->domain_count, sizeof *names->domains);
    names->reverses = calloc(names->reverse_count, sizeof *names->reverses);
    names->services = calloc(names->service_count, sizeof *names->services);
    weights = calloc(names->host_count, sizeof *weights);
    if (!names->hosts || !names->domains || !names->reverses || !names->services || !weights) {
        status = error_set(err, STATUS_NO_MEMORY, "names", "", "no room for them");
        goto done;
    }
    for (uint32_t i = 0; i < names->domain_count; i++)
        domain_make(spec, i, &names->domains[i]);
    for (uint32_t i = 0; i < names->host_count; i++) {
        host_make(spec, names, i, &names->hosts[i]);
        weights[i] = exact_exp2(-(double)spec->zipf_percent / 100 * exact_log2(i + 1.0));
    }
    for (uint32_t i = 0; i < names->reverse_count; i++)
        reverse_make(spec, i, &names->reverses[i]);
    for (uint32_t i = 0; i < names->service_count; i++)
        service_make(spec, i, &names->services[i]);
    TRY(alias_make(&names->popular, weights, names->host_count, err));
done:
    free(weights);
    return status;
}

void names_clear(struct names *names)
{
    free(names->hosts);
    free(names->domains);
    free(names->reverses);
    free(names->services);
    free(names->popular.limits);
    free(names->popular.others);
    *names = (struct names){0};
}
