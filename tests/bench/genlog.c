/* genlog: a fast, deterministic writer of BIND 9.18 query logs, for timing log readers.
 *
 *   cc -O2 -ffp-contract=off -o genlog genlog.c
 *   ./genlog [-n queries] [-H hours] [-l lines] [-s seed] > q18m.log
 *
 * Without options: 18,589,831 queries over 192 hours from 2022-02-01 00:00:00, about 449 active client
 * addresses an hour (86,215 rows of (IP, hour)), 2.8 GB. -l stops after that many lines (the head of the same
 * log: -n and -H set the density, -l only cuts). The same options give the same bytes on every machine: no
 * libm, no locale, no clock.
 *
 * What it imitates: the working day and the weekend in both the number of clients and their rates; a
 * long-tailed rate a client; Zipf names (about 200,000 distinct, of which 20,000 reverse and 4,000 service
 * names) mixed with names a client keeps to itself; A/AAAA/HTTPS asked together; EDNS, TCP, DO, CD and cookie
 * flags in the order in which named prints them; two resolver addresses; some IPv6 clients; clients with 0x20
 * mixed case; one client with 52,557 queries in the hour 2022-02-02 12:00, and one that tunnels through TXT
 * and NULL names with labels of 63 characters. What it does not: lines of other kinds, broken lines, ECS,
 * views. Correctness tests need those; timings do not. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HOST_NAMES = 176000,
    PTR_NAMES = 20000,
    SRV_NAMES = 4000,
    DOMAINS = 30000,
    CLIENTS = 1400,
    SERVERS = 150,
    POINTERS = 256,
    BUFFER = 1 << 20,
    TUNNEL_CLIENT = 777,
    BURST_CLIENT = 27,
    BURST_HOUR = 36
};
static const uint64_t BURST_QUERIES = 52557;

/* ---- random numbers: xoshiro256** seeded by splitmix64 ---- */
static uint64_t state[4];
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
static inline uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}
static inline uint64_t next(void)
{
    uint64_t r = rotl(state[1] * 5, 7) * 9, t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 45);
    return r;
}
static inline uint32_t below(uint32_t n)
{
    return (uint32_t)(((next() >> 32) * n) >> 32);
}
static inline double uniform(void)
{
    return (double)(next() >> 11) * 0x1p-53;
}

/* ---- draws from a weighted list in constant time (Walker's alias method) ---- */
struct alias {
    uint32_t n;
    uint32_t *threshold, *other;
};
static void alias_build(struct alias *a, const double *w, uint32_t n)
{
    double sum = 0, *p = malloc(n * sizeof *p);
    uint32_t *small = malloc(n * sizeof *small), *large = malloc(n * sizeof *large), ns = 0, nl = 0;
    a->n = n;
    a->threshold = realloc(a->threshold, n * sizeof *a->threshold);
    a->other = realloc(a->other, n * sizeof *a->other);
    for (uint32_t i = 0; i < n; i++)
        sum += w[i];
    for (uint32_t i = 0; i < n; i++) {
        p[i] = w[i] * n / sum;
        if (p[i] < 1)
            small[ns++] = i;
        else
            large[nl++] = i;
    }
    while (ns && nl) {
        uint32_t s = small[--ns], l = large[nl - 1];
        a->threshold[s] = (uint32_t)(p[s] * 4294967295.0);
        a->other[s] = l;
        p[l] -= 1 - p[s];
        if (p[l] < 1) {
            nl--;
            small[ns++] = l;
        }
    }
    while (nl) {
        uint32_t l = large[--nl];
        a->threshold[l] = UINT32_MAX;
        a->other[l] = l;
    }
    while (ns) {
        uint32_t s = small[--ns];
        a->threshold[s] = UINT32_MAX;
        a->other[s] = s;
    }
    free(p);
    free(small);
    free(large);
}
static inline uint32_t alias_draw(const struct alias *a)
{
    uint64_t r = next();
    uint32_t i = (uint32_t)(((r >> 32) * a->n) >> 32);
    return (uint32_t)r <= a->threshold[i] ? i : a->other[i];
}

/* ---- names ---- */
struct text {
    uint16_t len;
    char s[78];
};
static struct text *host_name, *ptr_name, *srv_name, *domain;
static char *put(char *p, const char *s)
{
    size_t n = strlen(s);
    memcpy(p, s, n);
    return p + n;
}
static char *put_number(char *p, uint32_t v)
{
    char t[10];
    int n = 0;
    do
        t[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n)
        *p++ = t[--n];
    return p;
}
static char *put_letters(char *p, uint32_t n, const char *set, uint32_t size)
{
    while (n--)
        *p++ = set[below(size)];
    return p;
}
static char *put_word(char *p)
{
    static const char *syllable[] = {"ka",  "to",  "mi",  "no",  "re",  "sha", "ver",  "lo",  "cloud",
                                     "net", "pay", "ads", "me",  "dia", "so",  "ra",   "gen", "tel",
                                     "bo",  "ki",  "uni", "web", "da",  "ta",  "link", "hub", "san",
                                     "yo",  "ex",  "pro", "zen", "in",  "fo",  "tech", "go",  "ma"};
    for (uint32_t n = 2 + (below(3) == 0), i = 0; i < n; i++)
        p = put(p, syllable[below(36)]);
    if (below(6) == 0)
        p = put_number(p, below(1000));
    return p;
}
static void make_names(void)
{
    static const char *tld[] = {"com",   "com",   "com", "com", "net",   "net", "org",  "jp",     "co.jp",
                                "ne.jp", "ac.jp", "io",  "de",  "co.uk", "cn",  "info", "example"};
    static const char *label[] = {"www",   "api",  "cdn",   "mail",   "img",  "static", "app",
                                  "login", "ad",   "track", "m",      "ssl",  "s3",     "eu",
                                  "edge",  "push", "sync",  "update", "time", "assets"};
    static const char *service[] = {"_ldap._tcp.",           "_kerberos._tcp.",     "_sip._udp.",
                                    "_ldap._tcp.dc._msdcs.", "_autodiscover._tcp.", "_xmpp-client._tcp."};
    host_name = calloc(HOST_NAMES, sizeof *host_name);
    ptr_name = calloc(PTR_NAMES, sizeof *ptr_name);
    srv_name = calloc(SRV_NAMES, sizeof *srv_name);
    domain = calloc(DOMAINS, sizeof *domain);
    for (uint32_t i = 0; i < DOMAINS; i++) {
        char *p = put_word(domain[i].s);
        if (i >= 2000)
            p = put_number(p, i % 100);
        *p++ = '.';
        p = put(p, tld[below(17)]);
        domain[i].len = (uint16_t)(p - domain[i].s);
    }
    for (uint32_t i = 0; i < HOST_NAMES; i++) {
        char *p = host_name[i].s;
        const struct text *d = &domain[i < DOMAINS ? i : (uint32_t)((double)DOMAINS * uniform() * uniform())];
        if (i >= DOMAINS || i % 3) {
            if (i < DOMAINS)
                p = put(p, label[below(20)]);
            else
                switch (below(8)) {
                case 0: p = put_letters(p, 8 + below(9), "0123456789abcdef", 16); break;
                case 1:
                    p = put_word(p);
                    *p++ = '-';
                    p = put_number(p, i);
                    break;
                case 2:
                    p = put(p, label[below(20)]);
                    *p++ = '-';
                    p = put_number(p, i);
                    break;
                case 3:
                    p = put_word(p);
                    p = put_number(p, i % 977);
                    *p++ = '.';
                    p = put(p, label[below(20)]);
                    break;
                case 4:
                    *p++ = '_';
                    p = put_word(p);
                    break;
                default:
                    p = put_word(p);
                    p = put_number(p, below(100));
                    break;
                }
            *p++ = '.';
        }
        memcpy(p, d->s, d->len);
        host_name[i].len = (uint16_t)(p - host_name[i].s + d->len);
    }
    for (uint32_t i = 0; i < PTR_NAMES; i++) {
        char *p = put_number(ptr_name[i].s, i & 255);
        *p++ = '.';
        p = put_number(p, i >> 8);
        *p++ = '.';
        p = put_number(p, i % 3 ? 80 : below(224));
        *p++ = '.';
        p = put_number(p, i % 3 ? 10 : 1 + below(223));
        p = put(p, ".in-addr.arpa");
        ptr_name[i].len = (uint16_t)(p - ptr_name[i].s);
    }
    for (uint32_t i = 0; i < SRV_NAMES; i++) {
        char *p = put(srv_name[i].s, service[i % 6]);
        if (i > 5) {
            p = put_word(p);
            p = put_number(p, i);
            *p++ = '.';
        }
        p = put(p, "corp.example.co.jp");
        srv_name[i].len = (uint16_t)(p - srv_name[i].s);
    }
}

/* ---- clients ---- */
enum type { A, AAAA, HTTPS, PTR, TXT, SRV, MX, NUL, SOA, NS, DS, CNAME, ANY, TYPES };
static const char *type_name[TYPES] = {"A",    "AAAA", "HTTPS", "PTR", "TXT",   "SRV", "MX",
                                       "NULL", "SOA",  "NS",    "DS",  "CNAME", "ANY"};
struct client {
    struct text ip;
    double rate; /* long-tailed */
    uint32_t own; /* start of the names it keeps to itself */
    uint8_t flags, mixed_case, server;
};
static struct client client[CLIENTS];
static struct {
    uint8_t len;
    char s[12];
} flag_text[] = {{5, "+E(0)"},  {1, "+"},       {6, "+E(0)K"}, {6, "+E(0)D"}, {7, "+E(0)DC"},
                 {6, "-E(0)D"}, {7, "+E(0)DV"}, {6, "+E(0)T"}, {2, "+T"},     {8, "+E(0)TDC"}};
static void make_clients(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *c = &client[i];
        char *p = c->ip.s;
        if (i % 40 == 39) {
            static const char hex[] = "0123456789abcdef";
            p = put(p, "2001:db8:80::");
            *p++ = hex[i >> 8 & 15 ? i >> 8 & 15 : 1];
            *p++ = hex[i >> 4 & 15];
            *p++ = hex[i & 15];
        } else {
            p = put(p, "10.80.");
            p = put_number(p, i == BURST_CLIENT ? 7 : i / 250);
            *p++ = '.';
            p = put_number(p, i == BURST_CLIENT ? 27 : 1 + i % 250);
        }
        c->ip.len = (uint16_t)(p - c->ip.s);
        double u = uniform();
        c->rate = (i < SERVERS ? 3 : 1) * (u < 1e-3 ? 30 : 0.05 + 1 / (0.03 + u));
        c->own = below(HOST_NAMES);
        c->flags = (uint8_t)(i % 10 < 5    ? 0
                             : i % 10 < 7  ? 1
                             : i % 10 == 7 ? 2
                             : i % 10 == 8 ? 3
                                           : 4 + below(3));
        c->mixed_case = below(50) == 0;
        c->server = i % 7 == 0;
    }
}

/* Share of the workstations that are on, and the rate of those that are, by hour of the week's calendar: 192
 * hours from Tuesday 2022-02-01. */
static double presence(uint32_t hour)
{
    static const double day[24] = {.11, .09, .08, .08, .08, .10, .16, .32, .62, .86, .92, .93,
                                   .88, .92, .93, .91, .88, .80, .62, .42, .30, .22, .17, .13};
    uint32_t weekday = (2 + hour / 24) % 7; /* 0 is Sunday */
    return weekday == 0 || weekday == 6 ? .06 + day[hour % 24] * .12 : day[hour % 24];
}

/* ---- output ---- */
static char buffer[BUFFER + 4096], *at = buffer;
static uint64_t lines_left = UINT64_MAX;
static void flush(void)
{
    for (char *p = buffer; p < at;) {
        ssize_t n = write(1, p, (size_t)(at - p));
        if (n < 0) {
            if (errno == EINTR)
                continue;
            perror("genlog: write");
            exit(1);
        }
        p += n;
    }
    at = buffer;
}
static char pointer_text[POINTERS][15];
static char stamp[13]; /* "01-Feb-2022 " */
static const char digits2[] = "000102030405060708091011121314151617181920212223242526272829"
                              "303132333435363738394041424344454647484950515253545556575859";
static void line(const struct client *c, const struct text *name, enum type type, uint32_t ms,
                 uint32_t hour_of_day)
{
    char *p = at, mixed[80];
    const char *s = name->s;
    uint64_t r = next();
    memcpy(p, stamp, 12);
    p += 12;
    memcpy(p, digits2 + 2 * hour_of_day, 2);
    p[2] = ':';
    memcpy(p + 3, digits2 + 2 * (ms / 60000), 2);
    p[5] = ':';
    memcpy(p + 6, digits2 + 2 * (ms / 1000 % 60), 2);
    p[8] = '.';
    p[9] = (char)('0' + ms / 100 % 10);
    p[10] = (char)('0' + ms / 10 % 10);
    p[11] = (char)('0' + ms % 10);
    memcpy(p + 12, " queries: info: client @", 24);
    p += 36;
    memcpy(p, pointer_text[r & (POINTERS - 1)], 14);
    p += 14;
    *p++ = ' ';
    memcpy(p, c->ip.s, 20);
    p += c->ip.len;
    *p++ = '#';
    p = put_number(p, 1024 + (uint32_t)(((r >> 8 & 0xffff) * 64512) >> 16));
    if (c->mixed_case) {
        uint64_t bits = next();
        for (uint32_t i = 0; i < name->len; i++) {
            char ch = s[i];
            mixed[i] = (char)(ch >= 'a' && ch <= 'z' && (bits >> (i & 63) & 1) ? ch - 32 : ch);
        }
        s = mixed;
    }
    *p++ = ' ';
    *p++ = '(';
    memcpy(p, s, 78);
    p += name->len;
    memcpy(p, "): query: ", 10);
    p += 10;
    memcpy(p, s, 78);
    p += name->len;
    memcpy(p, " IN ", 4);
    p += 4;
    p = put(p, type_name[type]);
    *p++ = ' ';
    uint32_t flags = (r >> 24 & 0x1ff) == 0 ? 7 + (uint32_t)((r >> 33) % 3) : c->flags; /* TCP now and then */
    memcpy(p, flag_text[flags].s, 12);
    p += flag_text[flags].len;
    memcpy(p, (c->server ^ ((r >> 40 & 63) == 0)) ? " (10.80.1.89)\n" : " (10.80.1.88)\n", 14);
    p += 14;
    at = p;
    if (--lines_left == 0) {
        flush();
        exit(0);
    }
    if (at >= buffer + BUFFER)
        flush();
}
static void tunnel(const struct client *c, uint32_t ms, uint32_t hour_of_day)
{
    static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct text t;
    char *p = put_letters(t.s, 63, base32, 32);
    p = put(p, ".t.tun.example");
    t.len = (uint16_t)(p - t.s);
    line(c, &t, below(3) ? TXT : NUL, ms, hour_of_day);
}

int main(int argc, char **argv)
{
    uint64_t queries = 18589831, seed = 1;
    uint32_t hours = 192;
    for (int o; (o = getopt(argc, argv, "n:H:l:s:")) != -1;)
        switch (o) {
        case 'n': queries = strtoull(optarg, NULL, 10); break;
        case 'H': hours = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'l': lines_left = strtoull(optarg, NULL, 10); break;
        case 's': seed = strtoull(optarg, NULL, 10); break;
        default:
            fprintf(stderr, "usage: genlog [-n queries] [-H hours] [-l lines] [-s seed] > log\n");
            return 2;
        }
    if (!queries || !hours || hours > 192 || !lines_left) {
        fprintf(stderr, "genlog: want queries and 1..192 hours\n");
        return 2;
    }
    for (int i = 0; i < 4; i++)
        state[i] = mix(seed * 4 + (uint64_t)i);
    make_names();
    make_clients();
    for (uint32_t i = 0; i < POINTERS; i++)
        snprintf(pointer_text[i], sizeof pointer_text[i], "0x7f82%08" PRIx32,
                 (uint32_t)(mix(i) & 0xfffffff0u) | 0x10000000u);

    struct alias names = {0}, ptrs = {0}, srvs = {0}, who = {0};
    double *w = malloc(HOST_NAMES * sizeof *w);
    for (uint32_t i = 0; i < HOST_NAMES; i++)
        w[i] = 1.0 / (i + 4);
    alias_build(&names, w, HOST_NAMES);
    alias_build(&ptrs, w, PTR_NAMES);
    alias_build(&srvs, w, SRV_NAMES);

    /* how many clients and queries an hour gets */
    double present = 0, load = 0;
    for (uint32_t h = 0; h < hours; h++) {
        present += presence(h);
        load += .12 + presence(h);
    }
    double on = (449.036458333 - SERVERS) * hours; /* so that 192 hours give 86,215 rows */
    uint32_t *active = malloc(CLIENTS * sizeof *active);
    double *rate = malloc(CLIENTS * sizeof *rate);
    uint64_t left = queries, rows_left = (uint64_t)(449.036458333 * hours + .5);

    for (uint32_t h = 0; h < hours; h++) {
        uint64_t n = h + 1 == hours ? left : (uint64_t)((double)queries * (.12 + presence(h)) / load);
        uint32_t clients =
            h + 1 == hours ? (uint32_t)rows_left : SERVERS + (uint32_t)(on * presence(h) / present + .5);
        if (clients > CLIENTS)
            clients = CLIENTS;
        if (n > left)
            n = left;
        left -= n;
        rows_left -= clients;
        /* servers always; then a choice of the others that differs by day, in which neighbours in time agree
         */
        uint32_t count = 0;
        uint32_t start = (uint32_t)(mix(seed ^ (h / 24 + 1)) % (CLIENTS - SERVERS));
        for (uint32_t i = 0; i < clients; i++)
            active[count++] = i < SERVERS ? i : SERVERS + (start + (i - SERVERS) * 7) % (CLIENTS - SERVERS);
        int burst = h == BURST_HOUR && n > 2 * BURST_QUERIES;
        for (uint32_t i = 0; i < count; i++) {
            const struct client *c = &client[active[i]];
            rate[i] = c->rate * (.5 + uniform());
            if (burst && active[i] == BURST_CLIENT)
                rate[i] = 0;
        }
        alias_build(&who, rate, count);
        memcpy(stamp, "00-Feb-2022 ", 12);
        memcpy(stamp, digits2 + 2 * (1 + h / 24), 2);

        uint64_t forced = 0, burst_done = 0;
        uint32_t follow = 0, hour = h % 24;
        const struct client *c = NULL;
        const struct text *name = NULL;
        double ms = 0;
        for (uint64_t q = 0; q < n; q++) {
            if (follow) { /* the same name again, for the next address type */
                follow--;
                line(c, name, follow ? HTTPS : AAAA, (uint32_t)ms, hour);
                continue;
            }
            ms += (3599999.0 - ms) / (double)(n - q) * 2 * uniform();
            if (ms > 3599999)
                ms = 3599999;
            if (burst && burst_done + 1 < BURST_QUERIES && q * BURST_QUERIES / n > burst_done) {
                burst_done++;
                line(&client[BURST_CLIENT], &host_name[alias_draw(&names)], A, (uint32_t)ms, hour);
                continue;
            }
            /* every active client asks at least once */
            uint32_t k = forced < count && q * count / n >= forced ? (uint32_t)forced++ : alias_draw(&who);
            c = &client[active[k]];
            if (active[k] == TUNNEL_CLIENT && hour >= 10 && hour < 14) {
                tunnel(c, (uint32_t)ms, hour);
                continue;
            }
            uint32_t r = below(1000), server = active[k] < SERVERS;
            if (r < (server ? 250u : 40u)) {
                line(c, &ptr_name[alias_draw(&ptrs)], PTR, (uint32_t)ms, hour);
                continue;
            }
            if (r > 985) {
                line(c, &srv_name[alias_draw(&srvs)], SRV, (uint32_t)ms, hour);
                continue;
            }
            if (r > 945) {
                static const uint8_t rare[40] = {TXT, TXT, TXT, TXT, TXT,   TXT,   TXT, TXT, TXT,   TXT,
                                                 TXT, TXT, TXT, TXT, MX,    MX,    MX,  MX,  MX,    SOA,
                                                 SOA, SOA, SOA, SOA, NS,    NS,    NS,  NS,  DS,    DS,
                                                 DS,  DS,  DS,  DS,  CNAME, CNAME, ANY, NUL, HTTPS, HTTPS};
                line(c, &domain[alias_draw(&names) % DOMAINS], rare[r - 946], (uint32_t)ms, hour);
                continue;
            }
            uint32_t i = alias_draw(&names);
            if (i >= 3000 && (i & 3))
                i = (c->own + i / 64) % HOST_NAMES; /* its own habits */
            name = &host_name[i];
            line(c, name, A, (uint32_t)ms, hour);
            /* half the lookups of a workstation ask AAAA too, a fifth of them HTTPS before it; never past the
             * hour */
            if (!server && n - q > 3 && (next() & 1))
                follow = 1 + (below(5) == 0);
        }
    }
    flush();
    return 0;
}
