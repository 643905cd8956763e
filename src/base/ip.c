#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* By hand, since it is done for every new client of a log and inet_pton wants a '\0' behind it. */
static bool read_v4(const char *text, size_t count, uint8_t out[4])
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        unsigned value = 0;
        size_t from = at;
        while (at < count && text[at] >= '0' && text[at] <= '9' && at - from < 3)
            value = value * 10 + (unsigned)(text[at++] - '0');
        if (at == from || value > 255 || (at - from > 1 && text[from] == '0'))
            return false;
        out[part] = (uint8_t)value;
        if (part < 3 && (at >= count || text[at++] != '.'))
            return false;
    }
    return at == count;
}

bool ip_read(const char *text, size_t count, struct ip *ip)
{
    if (count > 0 && memchr(text, ':', count) == NULL) {
        memcpy(ip->bytes, MAPPED, sizeof MAPPED);
        return read_v4(text, count, ip->bytes + 12);
    }
    char copy[IP_TEXT_BYTES];
    if (count == 0 || count >= sizeof copy || memchr(text, '\0', count))
        return false;
    memcpy(copy, text, count);
    copy[count] = '\0';
    return inet_pton(AF_INET6, copy, ip->bytes) == 1;
}

size_t ip_write(const struct ip *ip, char text[IP_TEXT_BYTES])
{
    bool mapped = memcmp(ip->bytes, MAPPED, sizeof MAPPED) == 0;
    const char *done = mapped ? inet_ntop(AF_INET, ip->bytes + 12, text, IP_TEXT_BYTES)
                              : inet_ntop(AF_INET6, ip->bytes, text, IP_TEXT_BYTES);
    return done ? strlen(text) : 0;
}

bool ip_range_read(const char *text, struct ip_range *range)
{
    const char *slash = strchr(text, '/');
    size_t count = slash ? (size_t)(slash - text) : strlen(text);
    if (!ip_read(text, count, &range->base))
        return false;
    bool mapped = memchr(text, ':', count) == NULL;
    int width = mapped ? 32 : 128;
    int bits = width;
    if (slash) {
        if (slash[1] < '0' || slash[1] > '9')
            return false;
        char *end = NULL;
        long value = strtol(slash + 1, &end, 10);
        if (*end != '\0' || value > width)
            return false;
        bits = (int)value;
    }
    range->bits = mapped ? bits + 96 : bits;
    for (int bit = range->bits; bit < 128; bit++)
        if (range->base.bytes[bit / 8] >> (7 - bit % 8) & 1)
            return false;
    return true;
}

bool ip_in_range(const struct ip *ip, const struct ip_range *range)
{
    size_t whole = (size_t)range->bits / 8;
    if (memcmp(ip->bytes, range->base.bytes, whole) != 0)
        return false;
    int rest = range->bits % 8;
    return rest == 0 || (ip->bytes[whole] ^ range->base.bytes[whole]) >> (8 - rest) == 0;
}

void ip_mask_v6(struct ip *ip, int bits)
{
    if (memcmp(ip->bytes, MAPPED, sizeof MAPPED) == 0)
        return;
    for (int bit = bits; bit < 128; bit++)
        ip->bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

int ip_compare(const struct ip *a, const struct ip *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}
