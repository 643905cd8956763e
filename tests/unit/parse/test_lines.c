/* Every form of a line: versions 9.4 to 9.21, heads, prefixes, other categories, and the traps between them.
 * Lines marked "live" were written by a BIND 9.18.49 that was sent such queries. */
#include "rendered.h"

struct form {
    const char *line, *expected;
};

#define P "client @0x7f1c4c012345 "
#define C "10.20.7.27#53995"
#define A " (a.example): query: a.example IN A +E(0)K (10.20.0.53)"
#define SEEN "query 10.20.7.27#53995 a.example 1 1 +EK at 10.20.0.53"

static void check(const struct form *forms, size_t count)
{
    char found[RENDERED_BYTES];
    for (size_t i = 0; i < count; i++) {
        render_line(forms[i].line, strlen(forms[i].line), found);
        if (strcmp(found, forms[i].expected) != 0)
            fail_msg("%s\n  is       %s\n  expected %s", forms[i].line, found, forms[i].expected);
    }
}

#define CHECK(forms) check(forms, sizeof(forms) / sizeof(forms)[0])

static void test_each_release_has_its_record(void **state)
{
    (void)state;
    static const struct form FORMS[] = {
        {"client " C ": query: a.example IN A +", "query 10.20.7.27#53995 a.example 1 1 +"},
        {"client " C ": query: a.example IN A -SE", "query 10.20.7.27#53995 a.example 1 1 -SE"},
        {"client " C ": query: a.example IN A +EDC", "query 10.20.7.27#53995 a.example 1 1 +EDC"},
        {"client " C ": query: a.example IN A +ET (10.20.0.53)",
         "query 10.20.7.27#53995 a.example 1 1 +ET at 10.20.0.53"},
        {"client " C ": view v: query: a.example IN A +", "query 10.20.7.27#53995 view=v a.example 1 1 +"},
        {"client " C " (a.example): query: a.example IN A +E (10.20.0.53)",
         "query 10.20.7.27#53995 a.example 1 1 +E at 10.20.0.53"},
        {"client " C "/key k.example (a.example): query: a.example IN A +SE (10.20.0.53)",
         "query 10.20.7.27#53995/k.example a.example 1 1 +SE at 10.20.0.53"},
        {"client " C " (a.example): query: a.example IN A +E(0) (10.20.0.53)",
         "query 10.20.7.27#53995 a.example 1 1 +E at 10.20.0.53"},
        {P C A, SEEN},
        {P C "/key k (a.example): view v: query: a.example IN A -SE(0)TDCV (10.20.0.53) [ECS 10.1.2.0/24/0]",
         "query 10.20.7.27#53995/k view=v a.example 1 1 -SETDCV at 10.20.0.53 ecs=10.1.2.0/24/0"},
        {P C " (a.example): query: a.example IN A -E(0)STDCV (10.20.0.53#53)",
         "query 10.20.7.27#53995 a.example 1 1 -SETDCV at 10.20.0.53#53"},
        {P C " (.): query: . IN NS + (10.20.0.53)", "query 10.20.7.27#53995 . 1 2 + at 10.20.0.53"},
        {P C " (a): query: a CH TXT + (10.20.0.53)", "query 10.20.7.27#53995 a 3 16 + at 10.20.0.53"},
        {P C " (a): query: a HS A + (10.20.0.53)", "query 10.20.7.27#53995 a 4 1 + at 10.20.0.53"},
        {P C " (a): query: a NONE A + (10.20.0.53)", "query 10.20.7.27#53995 a 254 1 + at 10.20.0.53"},
        {P C " (a): query: a ANY ANY + (10.20.0.53)", "query 10.20.7.27#53995 a 255 255 + at 10.20.0.53"},
        {P C " (a): query: a CLASS7 A + (10.20.0.53)", "query 10.20.7.27#53995 a 7 1 + at 10.20.0.53"},
        {P C " (a): query: a RESERVED0 A + (10.20.0.53)", "query 10.20.7.27#53995 a 0 1 + at 10.20.0.53"},
    };
    CHECK(FORMS);
}

static void test_flags_are_a_set(void **state)
{
    (void)state;
    char line[256], found[RENDERED_BYTES], expected[256];
    static const char *const ORDERS[] = {"SE(0)TDCV", "E(0)STDCV", "VCDTE(0)S", "TDCVSE(0)", "SETDCV"};
    for (size_t i = 0; i < sizeof ORDERS / sizeof ORDERS[0]; i++) {
        (void)snprintf(line, sizeof line, P C " (a): query: a IN A +%s (10.20.0.53)", ORDERS[i]);
        render_line(line, strlen(line), found);
        assert_string_equal(found, "query 10.20.7.27#53995 a 1 1 +SETDCV at 10.20.0.53");
    }
    // Each subset of the seven letters, in the order of 9.18.
    for (unsigned set = 0; set < 128; set++) {
        static const char *const LETTERS[] = {"S", "E", "T", "D", "C", "V", "K"};
        char flags[16] = "";
        for (unsigned bit = 0; bit < 7; bit++)
            if (set >> bit & 1)
                (void)snprintf(flags + strlen(flags), sizeof flags - strlen(flags), "%s", LETTERS[bit]);
        (void)snprintf(line, sizeof line, P C " (a): query: a IN A -%s (10.20.0.53)", flags);
        (void)snprintf(expected, sizeof expected, "query 10.20.7.27#53995 a 1 1 -%s at 10.20.0.53", flags);
        render_line(line, strlen(line), found);
        assert_string_equal(found, expected);
    }
    static const struct form DAMAGED[] = {
        {P C " (a): query: a IN A +EE (10.20.0.53)", "reject: damaged flags"},
        {P C " (a): query: a IN A +X (10.20.0.53)", "reject: damaged flags"},
        {P C " (a): query: a IN A +E( (10.20.0.53)", "reject: damaged flags"},
        {P C " (a): query: a IN A +E(256) (10.20.0.53)", "reject: damaged flags"},
        {P C " (a): query: a IN A E(0) (10.20.0.53)", "reject: damaged flags"},
    };
    CHECK(DAMAGED);
}

static void test_addresses_of_clients(void **state)
{
    (void)state;
    static const struct form FORMS[] = {
        {P "2001:db8::7#1" A, "query 2001:db8::7#1 a.example 1 1 +EK at 10.20.0.53"},
        {P "fe80::1%2#65535" A, "query fe80::1#65535 a.example 1 1 +EK at 10.20.0.53"},
        {P "::ffff:10.20.7.27#53" A, "query 10.20.7.27#53 a.example 1 1 +EK at 10.20.0.53"},
        {P "10.20.7.27#0" A, "query 10.20.7.27#0 a.example 1 1 +EK at 10.20.0.53"},
        {P "10.20.7.27#65536" A, "reject: no client address and port"},
        {P "10.20.7.256#53" A, "reject: no client address and port"},
        {P "10.20.07.25#53" A, "reject: no client address and port"},
        {P "10.20.7.25%2#53" A, "reject: no client address and port"},
        {P "fe80::1%eth0#53" A, "reject: no client address and port"},
        {P "fe80::1%#53" A, "reject: no client address and port"},
        {"client @0x " C A, "reject: no client address and port"},
        {"client @0xZZ " C A, "reject: no client address and port"},
        {"client @0x12345678901234567 " C A, "reject: no client address and port"},
        {P C " (a): query: a IN A + (fe80::53%2#53)", "query 10.20.7.27#53995 a 1 1 + at fe80::53#53"},
    };
    CHECK(FORMS);
}

static void test_client_subnet_is_whatever_the_client_sent(void **state)
{
    (void)state;
    static const struct form FORMS[] = {
        // Live: family 0 with no address is allowed, and would else hide the query.
        {P C " (a): query: a IN A +E(0) (127.0.0.1) [ECS <unknown address, family 0>/0/0]",
         "query 10.20.7.27#53995 a 1 1 +E at 127.0.0.1 ecs=<unknown address, family 0>/0/0"},
        {P C " (a): query: a IN A +E(0) (127.0.0.1) [ECS 0.0.0.0/0/0]",
         "query 10.20.7.27#53995 a 1 1 +E at 127.0.0.1 ecs=0.0.0.0/0/0"},
        {P C " (a): query: a IN A +E(0) (127.0.0.1) [ECS 2001:db8::/56/0]",
         "query 10.20.7.27#53995 a 1 1 +E at 127.0.0.1 ecs=2001:db8::/56/0"},
        {P C " (a): query: a IN A +E(0) (127.0.0.1) [ECS <unknown address, family 7>/0/0]",
         "reject: damaged server address or ECS"},
        {P C " (a): query: a IN A +E(0) (127.0.0.1) [ECS 10.1.2.0/129/0]",
         "reject: damaged server address or ECS"},
        {P C " (a): query: a IN A +E(0) (127.0.0.1) [ECS 10.1.2.0/24/0",
         "reject: damaged server address or ECS"},
        {P C " (a): query: a IN A +E(0) (127.0.0.1) [ECS 10.1.2.0/24/0] ",
         "reject: damaged server address or ECS"},
        {P C " (a): query: a IN A +E(0) (127.0.0.1#99999)", "reject: damaged server address or ECS"},
        {P C " (a): query: a IN A +E(0)", "reject: damaged server address or ECS"},
    };
    CHECK(FORMS);
}

static void test_views_may_imitate_a_record(void **state)
{
    (void)state;
    static const struct form FORMS[] = {
        {P C " (a.b): view x: query: trap.example IN A + (192.0.2.1): query: a.b IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 view=x: query: trap.example IN A + (192.0.2.1) a.b 1 1 + at 10.20.0.53"},
        {"client " C ": view x: query: trap.example IN A + (192.0.2.1): query: a.b IN A +",
         "query 10.20.7.27#53995 view=x: query: trap.example IN A + (192.0.2.1) a.b 1 1 +"},
        // The imitated name is the real one: the last record is the server's own.
        {P C " (a.b): view x: query: a.b IN TXT + (192.0.2.1): query: a.b IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 view=x: query: a.b IN TXT + (192.0.2.1) a.b 1 1 + at 10.20.0.53"},
        {P C " (a.b): view one: two: query: a.b IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 view=one: two a.b 1 1 + at 10.20.0.53"},
        {P C " (a.b): view default: query: a.b IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 view=default a.b 1 1 + at 10.20.0.53"},
        {P C " (query:.view.example): view v: query: query:.view.example IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 view=v query:.view.example 1 1 + at 10.20.0.53"},
        {P C " (\\(x\\).b): query: \\(x\\).b IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 \\(x\\).b 1 1 + at 10.20.0.53"},
        // A response in a view: and one whose view imitates the other kind.
        {P C " (a.b): view v: response: a.b IN A NOERROR 1 0 1 +E(0)K (10.20.0.53)",
         "response 10.20.7.27#53995 view=v a.b 1 1 +EK at 10.20.0.53 rcode=NOERROR counts=1 0 1"},
        {"responses: info: " P C
         " (a.b): view v: response: a.b IN A NXDOMAIN 0 1 1 +E(0)K (10.20.0.53) [ECS ::/0/0]",
         "response 10.20.7.27#53995 view=v a.b 1 1 +EK at 10.20.0.53 ecs=::/0/0 rcode=NXDOMAIN counts=0 1 1"},
        {P C " (a.b): view x: query: a.b IN A + (10.1.1.1): response: a.b IN A NOERROR 1 0 1 + (10.20.0.53)",
         "response 10.20.7.27#53995 view=x: query: a.b IN A + (10.1.1.1) a.b 1 1 + at 10.20.0.53 "
         "rcode=NOERROR "
         "counts=1 0 1"},
        {P C " (a.b): view x: response: a.b IN A NOERROR 1 0 1 + (10.1.1.1): query: a.b IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 view=x: response: a.b IN A NOERROR 1 0 1 + (10.1.1.1) a.b 1 1 + at "
         "10.20.0.53"},
        {"queries: " P C " (a.b): view x: query: a.b IN A + (10.20.0.53)",
         "query 10.20.7.27#53995 view=x a.b 1 1 + at 10.20.0.53"},
    };
    CHECK(FORMS);
}

static void test_torn_lines_are_rejects(void **state)
{
    (void)state;
    static const struct form FORMS[] = {
        {P C " (a.b): query: a.c IN A + (10.20.0.53)",
         "reject: the two names differ, or name, class or type is damaged"},
        {P C " (a.b): query: A.b IN A + (10.20.0.53)",
         "reject: the two names differ, or name, class or type is damaged"},
        {P C " (a.b): query: a.bb IN A + (10.20.0.53)",
         "reject: the two names differ, or name, class or type is damaged"},
        {P C " (a.b): query: a.b IN A + (10.20.0.53)" P C " (a.b): query: a.b IN A + (10.20.0.53)",
         "reject: damaged server address or ECS"},
        {P C " (a.b): que" P C " (a.b): query: a.b IN A + (10.20.0.53)", "other"},
        {P C " (a.b): query: a.b IN A + (10.20.0.53) ", "reject: damaged server address or ECS"},
        {P C " (a.b): query: a.b  IN A + (10.20.0.53)",
         "reject: the two names differ, or name, class or type is damaged"},
        {P C ": query: a.b IN A + (10.20.0.53", "reject: damaged server address or ECS"},
        {P C, "reject: the line ends inside the client"},
        {P C " (a.b): view v", "reject: the line ends inside the view"},
        {P C " (a.b): view v: query: ", "reject: no whole query behind the client"},
        {P C " (a.b): quer", "reject: no whole query behind the client"},
        {"queries: info: cli", "reject: the line ends in its head"},
        {"24-Nov-2026 06:48:44.122 ", "reject: the line ends in its head"},
        {"24-Nov-2026 06:48:44.122" P C A, "reject: no blank behind the time"},
        {"queries: info: nonsense", "reject: no client behind the category"},
        {"anything", "reject: no BIND log line"},
        {P C " (a.b): response: a.b IN A NOERROR 1 0 +E(0) (10.20.0.53)", "reject: a damaged response"},
        {P C " (a.b): query: a.b IN A + (10.20.0.53)\r", "query 10.20.7.27#53995 a.b 1 1 + at 10.20.0.53"},
        {P C " (a.b): query: a.b IN A + (10.20.0.53)\r\r", "reject: damaged server address or ECS"},
        {"", "other"},
        {"\r", "other"},
    };
    CHECK(FORMS);
}

static void test_other_categories_are_whole_lines_of_another_kind(void **state)
{
    (void)state;
    static const struct form FORMS[] = {
        {"security: info: " P C " (a): query (cache) 'a/A/IN' denied (allow-query-cache did not match)",
         "other"},
        {"query-errors: debug 1: " P C " (a): query failed (SERVFAIL) for a/IN/A at query.c:5678", "other"},
        {P C " (a): query failed (REFUSED) for a/IN/A at query.c:5708", "other"},
        {"rate-limit: info: " P C " (a): rate limit slip response to 10.20.8.0/24 for a IN A  (69e0a39c)",
         "other"},
        {"rpz: info: " P C " (a): rpz QNAME NXDOMAIN rewrite a/A/IN via a.rpz.example", "other"},
        {"trust-anchor-telemetry: info: trust-anchor-telemetry '_ta-4f66/IN' from 10.20.7.31", "other"},
        {"general: info: query logging is now off", "other"},
        {"general: query logging is now on", "other"},
        {"info: query logging is now on", "other"},
        {"24-Nov-2026 06:48:44.122 query logging is now off", "other"},
        // Live, severity debug 9: client objects without a peer or a question.
        {"client: debug 3: " P "(no-peer): allocate new client", "other"},
        {"24-Nov-2026 06:48:44.122 " P "(no-peer): allocate new client", "other"},
        {P "(no-peer): allocate new client", "other"},
        {"client @0x7f1c4c012345: udprecv", "other"},
        {"24-Nov-2026 06:48:44.122 " P C ": UDP request", "other"},
        {"24-Nov-2026 06:48:44.122 " P C ": request is not signed", "other"},
        {"24-Nov-2026 06:48:44.122 " P C " (a): query 'a/A/IN' approved", "other"},
        // Live: an update that adds a text which imitates a record, in a view and without one.
        {"update: info: " P C "/key k: view one: two: updating zone 'u/IN': adding an RR at 't.u' TXT "
         "\": query: evil.example IN A + (1.2.3.4)\"",
         "other"},
        {P C "/key k: view one: two: updating zone 'u/IN': adding an RR at 't.u' TXT "
             "\": query: evil.example IN A + (1.2.3.4)\"",
         "other"},
        {P C "/key k: updating zone 'u/IN': adding an RR at 't.u' TXT \": query: evil IN A + (1.2.3.4)\"",
         "other"},
        {"security: info: client " C
         ": view x: query: trap.example IN A + (192.0.2.1): query 'a.b/A/IN' denied",
         "other"},
        {"lame-servers: info: connection refused resolving 'client/A/IN': 1.2.3.4#53", "other"},
    };
    CHECK(FORMS);
}

static void test_each_head_before_the_record(void **state)
{
    (void)state;
    static const char *const TIMES[] = {"", "24-Nov-2026 06:48:44.122 ", "2026-11-24T06:48:44.122 ",
                                        "2026-11-24T06:48:44.122Z ", "2026-11-24T06:48:44.122+09:00 "};
    static const char *const CATEGORIES[] = {"", "queries: "};
    static const char *const SEVERITIES[] = {"", "info: ", "debug 3: "};
    char line[512], found[RENDERED_BYTES];
    for (size_t t = 0; t < 5; t++)
        for (size_t c = 0; c < 2; c++)
            for (size_t s = 0; s < 3; s++) {
                (void)snprintf(line, sizeof line, "%s%s%s" P C A, TIMES[t], CATEGORIES[c], SEVERITIES[s]);
                render_line(line, strlen(line), found);
                assert_string_equal(found, SEEN);
            }
}

static void test_what_other_programs_put_before_a_line(void **state)
{
    (void)state;
    static const struct form FORMS[] = {
        {"Nov 24 06:46:59 ns1 named[2653]: queries: info: " P C A, SEEN " host=ns1"},
        {"Nov  4 06:46:59 ns1 named[2653]: " P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 10.20.0.53 named[2653]: " P C A, SEEN " host=10.20.0.53"},
        {"Nov 24 06:46:59 2001:db8::53 named[2653]: " P C A, SEEN " host=2001:db8::53"},
        {"Nov 24 06:46:59 client named[2653]: " P C A, SEEN " host=client"},
        {"Nov 24 06:46:59 ns1 named: " P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 ns1 bind9[2653]: " P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 ns1 /usr/sbin/named[2653]: " P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 ns1 daemon.info named[12]: " P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 ns1 named[12]: [ID 873579 daemon.info] " P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 named[2653]: " P C A, SEEN},
        {"<30>Nov 24 06:46:59 named[2653]: queries: info: " P C A, SEEN},
        {"<30>Nov 24 06:46:59 ns1 named[2653]: " P C A, SEEN " host=ns1"},
        {"2026-11-24T06:46:59.258787+09:00 ns1 named[2653]: queries: info: " P C A, SEEN " host=ns1"},
        {"2026-11-24T06:46:59.258787Z ns1 named[2653]: " P C A, SEEN " host=ns1"},
        {"<142>1 2026-11-24T06:46:59.258787+09:00 ns1 named 2653 - -  queries: info: " P C A,
         SEEN " host=ns1"},
        {"<142>1 2026-11-24T06:46:59.258787+09:00 ns1 named 2653 - - " P C A, SEEN " host=ns1"},
        {"<142>1 - ns1 named - - [x@1 a=\"b\\]c\"][y] " P C A, SEEN " host=ns1"},
        {"<142>1 - ns1 named - - - \xef\xbb\xbf" P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 ns1 named[2653]: 24-Nov-2026 06:46:59.254 queries: info: " P C A, SEEN " host=ns1"},
        {"Nov 24 06:46:59 ns1 named[2653]: 2026-11-24T06:46:59.254Z " P C A, SEEN " host=ns1"},
        {"2026-11-24T06:48:45+0900 ns1 named[812]: " P C A, SEEN " host=ns1"},
        {"2026-11-24T06:48:45+0900 named[812]: " P C A, SEEN},
        {"2026-11-24T06:48:45.123456+09:00 ns1 named[812]: " P C A, SEEN " host=ns1"},
        {"Tue 2026-11-24 06:48:45 JST ns1 named.service[812]: " P C A, SEEN " host=ns1"},
        {"Tue 2026-11-24 06:48:45 UTC ns1 named[812]: " P C A, SEEN " host=ns1"},
        {"Tue 2026-11-24 06:48:45 JST named.service[812]: " P C A, SEEN},
        {"Nov 24 06:48:45.123456 ns1 named[812]: " P C A, SEEN " host=ns1"},
        {"1795470525.123456 ns1 named[812]: " P C A, SEEN " host=ns1"},
        {"{\"MESSAGE\":\"" P C A "\",\"_HOSTNAME\":\"ns1\"}", SEEN " host=ns1"},
        {"{ \"_CAP\" : [\"a]\", {\"b\":\"}\"}], \"MESSAGE\" : \"" P C A "\", \"X\":null }", SEEN},
        {"{\"MESSAGE\":\"" P C " (x\\\\032y): query: x\\\\032y IN A + (10.20.0.53)\"}",
         "query 10.20.7.27#53995 x\\032y 1 1 + at 10.20.0.53"},
        {"{\"MESSAGE\":\"\\u0063lient " C ": query: a IN \\u0041 +\"}", "query 10.20.7.27#53995 a 1 1 +"},
        {"{\"MESSAGE\":[99,108,105,101,110,116,32,49,46,49,46,49,46,49,35,53,58,32,113,117,101,114,121,58,32,"
         "97,"
         "32,73,78,32,65,32,43]}",
         "query 1.1.1.1#5 a 1 1 +"},
        {"{\"log\":\"24-Nov-2026 06:46:59.254 " P C A "\\n\",\"stream\":\"stderr\",\"time\":"
         "\"2026-11-24T06:46:59.258787123Z\"}",
         SEEN},
        {"{\"log\":\"" P C A "\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"}\",\"b\":\"\\\"\"},\"time\":"
         "\"2026-11-24T06:46:59.258787123Z\"}",
         SEEN},
        {"2026-11-24T06:46:59.258787123Z stderr F 24-Nov-2026 06:46:59.254 " P C A, SEEN},
        {"2026-11-24T06:46:59.258787123Z stdout F " P C A, SEEN},
        // docker logs -t, docker compose logs, and both.
        {"2026-11-24T06:46:59.258787123Z 24-Nov-2026 06:46:59.254 " P C A, SEEN},
        {"2026-11-24T06:46:59.258787123Z 24-Nov-2026 06:46:59.254 queries: info: " P C A, SEEN},
        {"2026-11-24T06:46:59.258787123Z 2026-11-24T06:46:59.254 " P C A, SEEN},
        {"2026-11-24T06:46:59.258787123Z " P C A, SEEN},
        {"named-1  | 24-Nov-2026 06:46:59.254 " P C A, SEEN},
        {"named-1  | 2026-11-24T06:46:59.258787123Z 24-Nov-2026 06:46:59.254 " P C A, SEEN},
        // A word and an address before ": " are no host and no tag.
        {"2026-11-24T06:46:59.258 client " C ": query: a IN A +", "query 10.20.7.27#53995 a 1 1 +"},
        {"Nov 24 06:46:59 dnsmasq[11603]: 4 10.20.7.27/12243 query[HTTPS] h.type.example from 10.20.7.27",
         "other"},
        {"[1795471006] unbound[11573:0] info: 10.20.7.27 www.example.com. A IN", "other"},
    };
    CHECK(FORMS);
}

static void test_a_nul_ends_nothing(void **state)
{
    (void)state;
    char found[RENDERED_BYTES];
    static const char IN_TYPE[] = P C " (a): query: a IN A\0AAAAAAAAAAAAAAAAAAAAAAAAAA + (10.20.0.53)";
    static const char IN_CLASS[] = P C " (a): query: a IN\0 A + (10.20.0.53)";
    static const char IN_NAME[] = P C " (a\0b): query: a\0b IN A + (10.20.0.53)";
    static const char IN_ADDRESS[] = P "2001:db8::\0#5" A;
    static const char IN_VIEW[] = P C " (a): view v\0w: query: a IN A + (10.20.0.53)";
    static const char DAMAGED[] = "reject: the two names differ, or name, class or type is damaged";
    render_line(IN_TYPE, sizeof IN_TYPE - 1, found);
    assert_string_equal(found, DAMAGED);
    render_line(IN_CLASS, sizeof IN_CLASS - 1, found);
    assert_string_equal(found, DAMAGED);
    render_line(IN_NAME, sizeof IN_NAME - 1, found);
    assert_string_equal(found, DAMAGED);
    render_line(IN_ADDRESS, sizeof IN_ADDRESS - 1, found);
    assert_string_equal(found, "reject: no client address and port");
    render_line(IN_VIEW, sizeof IN_VIEW - 1, found);
    assert_string_equal(found, "query 10.20.7.27#53995 view=v a 1 1 + at 10.20.0.53");
}

static void test_a_line_longer_than_named_writes_is_a_reject(void **state)
{
    (void)state;
    static char line[70000];
    char found[RENDERED_BYTES];
    memset(line, 'x', sizeof line);
    static const char HEAD[] = "general: info: ";
    for (size_t i = 0; HEAD[i]; i++)
        line[i] = HEAD[i];
    render_line(line, 65536, found);
    assert_string_equal(found, "other");
    render_line(line, 65537, found);
    assert_string_equal(found, "reject: longer than any line that named writes");
}

static void test_a_row_keeps_a_terminal_whole(void **state)
{
    (void)state;
    // A view's name is the only field that may hold any octet.
    static const struct {
        const char *view, *shown;
    } VIEWS[] = {{"b\xc3\xbcro \xe6\x97\xa5 \xf0\x9f\x90\x9d", "b\xc3\xbcro \xe6\x97\xa5 \xf0\x9f\x90\x9d"},
                 {"\x1b[31m", "\\x1b[31m"},
                 {"\a\b\t\x7f", "\\x07\\x08\\x09\\x7f"},
                 {"\x9b"
                  "31m",
                  "\\x9b31m"},
                 {"\xc2\x9b"
                  "31m",
                  "\\xc2\\x9b31m"},
                 {"\xe2\x80\xae", "\\xe2\\x80\\xae"},
                 {"\xc0\x9b", "\\xc0\\x9b"},
                 {"\xe0\x82\x9b", "\\xe0\\x82\\x9b"},
                 {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
                 {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
                 {"\xc3", "\\xc3"}};
    static char row[QUERY_TSV_BYTES];
    for (size_t i = 0; i < sizeof VIEWS / sizeof VIEWS[0]; i++) {
        char line[256], expected[256];
        struct query query;
        struct line_parser *parser = line_parser_new(NULL, 0);
        assert_non_null(parser);
        (void)snprintf(line, sizeof line, P C " (a): view %s: query: a IN A + (10.20.0.53)", VIEWS[i].view);
        assert_int_equal(line_parse(parser, line, strlen(line), &query), LINE_QUERY);
        size_t length = query_tsv(&query, 7, row);
        assert_int_equal(length, strlen(row));
        (void)snprintf(expected, sizeof expected,
                       "7\tquery\t\t\t10.20.7.27\t53995\t\t%s\ta\ta\t016100\tIN\tA\t1\t+\t\t10.20.0.53\t\t\t",
                       VIEWS[i].shown);
        assert_string_equal(row, expected);
        line_parser_free(parser);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_release_has_its_record),
        cmocka_unit_test(test_flags_are_a_set),
        cmocka_unit_test(test_addresses_of_clients),
        cmocka_unit_test(test_client_subnet_is_whatever_the_client_sent),
        cmocka_unit_test(test_views_may_imitate_a_record),
        cmocka_unit_test(test_torn_lines_are_rejects),
        cmocka_unit_test(test_other_categories_are_whole_lines_of_another_kind),
        cmocka_unit_test(test_each_head_before_the_record),
        cmocka_unit_test(test_what_other_programs_put_before_a_line),
        cmocka_unit_test(test_a_row_keeps_a_terminal_whole),
        cmocka_unit_test(test_a_nul_ends_nothing),
        cmocka_unit_test(test_a_line_longer_than_named_writes_is_a_reject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
