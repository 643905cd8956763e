#include "job/leases.h"

#include "base/hash.h"
#include "civil.h"

#include "scratch.h"

/** 2022-02-01 00:00 UTC: 52 years after 1970 with 13 leap days, and January. */
#define FEBRUARY_S ((INT64_C(52) * 365 + 13 + 31) * DAY_S)

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_true(ip_read(text, strlen(text), &ip));
    return ip;
}

static enum status read_one(const char *text, const char *zone_name, struct leases **leases,
                            struct error *err)
{
    struct zone *zone = NULL;
    scratch_write("a.csv", text);
    assert_int_equal(zone_load(zone_name, &zone, err), STATUS_OK);
    const enum status status = leases_read("a.csv", zone, 128, leases, err);
    zone_free(zone);
    return status;
}

static struct leases *read_good(const char *text, const char *zone_name)
{
    struct leases *leases = NULL;
    struct error err = {0};
    if (read_one(text, zone_name, &leases, &err) != STATUS_OK)
        fail_msg("%s: %s", err.where, err.what);
    return leases;
}

/** Who had the address in a span, "" when no machine had it. */
static const char *holder(const struct leases *leases, const char *ip, int64_t from_s, int64_t to_s)
{
    const struct ip address = ip_of(ip);
    struct ip number, by_hash;
    const bool had = leases_holder(leases, &address, from_s, to_s, &number);
    assert_int_equal(
        leases_holder_of_hash(leases, content_hash(&address, sizeof address), from_s, to_s, &by_hash), had);
    if (!had)
        return "";
    assert_memory_equal(&number, &by_hash, sizeof number);
    assert_true(ip_is_machine(&number));
    const struct machine *machine = leases_machine(leases, &number);
    assert_non_null(machine);
    assert_ptr_equal(leases_named(leases, machine->name), machine);
    return machine->name;
}

static void test_a_lease_is_read_in_every_way_that_it_is_written(void **state)
{
    (void)state;
    // Each of one hour, by one machine, one address each.
    static const char *const WAYS[] = {"2022-02-01 09:00,2022-02-01 10:00",
                                       "2022-02-01T09:00:00,2022-02-01T10:00:00.999",
                                       "2022-02-01T00:00:00Z,2022-02-01T01:00Z",
                                       "2022-02-01 03:30:00+03:30,2022-02-01 04:30:00 +0330",
                                       "1643673600,1643677200",
                                       "1643673600.5 , 1643677200.25",
                                       "2022-01-31 19:00-05, 2022-01-31 20:00-5",
                                       "2022-02-01 00:00 UTC,2022-02-01 01:00:00 UTC"};
    char text[2000] = "\xef\xbb\xbf"
                      "Address,Start,End,MAC\r\n\r\n# by hand\r\n";
    const size_t count = sizeof WAYS / sizeof WAYS[0];
    for (size_t i = 0; i < count; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), " 10.0.0.%zu,%s,Laptop-1,more\r\n", i,
                       WAYS[i]);
    struct leases *leases = read_good(text, "Asia/Tokyo");
    assert_int_equal(leases->bad_count, 1);  // "-5" is no zone
    assert_int_equal(leases->bad[0].line, 10);
    assert_string_equal(leases->bad[0].what, "\"2022-01-31 20:00-5\" is no time; the line is left out");
    assert_int_equal(leases->count, count - 1);
    assert_int_equal(leases->machine_count, 1);
    for (size_t i = 0; i < leases->count; i++) {
        assert_int_equal(leases->items[i].from_s, FEBRUARY_S);
        assert_int_equal(leases->items[i].to_s, FEBRUARY_S + 3600);
    }
    leases_free(leases);
}

static void test_a_machine_has_one_name_in_any_spelling(void **state)
{
    (void)state;
    struct leases *leases = read_good("10.0.0.1,2022-02-01,2022-02-02,AA:BB:CC:00:11:22\n"
                                      "10.0.0.2,2022-02-02,2022-02-03,aa-bb-cc-00-11-22\n"
                                      "10.0.0.3,2022-02-03,2022-02-04,\" aabb.cc00.1122 \"\n"
                                      "10.0.0.4,2022-02-04,,aa:bb:cc:00:11:2g\n"  // no MAC: a name as it is
                                      "10.0.0.5,2022-02-05,,PC of M\xc3\xbcller, 2nd floor\n",
                                      "UTC");
    assert_int_equal(leases->machine_count, 3);
    const struct machine *machine = leases_named(leases, "AA-BB-CC-00-11-22");
    assert_non_null(machine);
    assert_string_equal(machine->name, "aa:bb:cc:00:11:22");
    size_t first = 0;
    assert_int_equal(leases_of(leases, &machine->number, &first), 3);
    assert_string_equal(holder(leases, "10.0.0.5", FEBRUARY_S + 9 * DAY_S, FEBRUARY_S + 10 * DAY_S),
                        "pc of m\xc3\xbcller");
    assert_string_equal(holder(leases, "10.0.0.4", FEBRUARY_S, FEBRUARY_S + 3 * DAY_S), "");
    assert_null(leases_named(leases, ""));
    leases_free(leases);
}

static void test_of_several_the_longest_holder_is_taken_and_of_equals_the_first(void **state)
{
    (void)state;
    struct leases *leases = read_good("10.0.0.1,2022-02-01 00:00,2022-02-01 00:20,a\n"
                                      "10.0.0.1,2022-02-01 00:20,2022-02-01 00:50,b\n"
                                      "10.0.0.1,2022-02-01 00:50,2022-02-01 01:30,a\n"
                                      "10.0.0.1,2022-02-01 01:30,2022-02-01 03:30,c\n",
                                      "UTC");
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S, FEBRUARY_S + 3600), "a");  // 20 + 10 of 30
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 3600, FEBRUARY_S + 7200), "a");  // 30 of 30
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 600, FEBRUARY_S + 3600), "b");  // 30 of 20
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 3 * 3600, FEBRUARY_S + 4 * 3600), "c");
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 4 * 3600, FEBRUARY_S + 5 * 3600), "");
    assert_string_equal(holder(leases, "10.0.0.2", FEBRUARY_S, FEBRUARY_S + 3600), "");
    leases_free(leases);
}

static void test_where_leases_overlap_the_earlier_ends_and_this_is_told(void **state)
{
    (void)state;
    struct leases *leases = read_good("10.0.0.1,2022-02-01,2022-02-10,a\n"
                                      "10.0.0.1,2022-02-05,2022-02-06,b\n"
                                      "10.0.0.1,2022-02-01,2022-02-08,A\n"  // a renewal
                                      "10.0.0.2,2022-02-01,2022-02-10,a\n"
                                      "10.0.0.2,2022-02-01,2022-02-10,c\n",
                                      "UTC");
    assert_int_equal(leases->overlap_count, 2);
    assert_int_equal(leases->overlaps[0].line, 2);
    assert_string_equal(leases->overlaps[0].what,
                        "10.0.0.1 is leased to b while a has it by line 1, which ends there");
    assert_int_equal(leases->overlaps[1].line, 5);
    assert_int_equal(leases->count, 3);
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 3 * DAY_S, FEBRUARY_S + 4 * DAY_S), "a");
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 4 * DAY_S, FEBRUARY_S + 5 * DAY_S), "b");
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 6 * DAY_S, FEBRUARY_S + 7 * DAY_S), "");
    assert_string_equal(holder(leases, "10.0.0.2", FEBRUARY_S, FEBRUARY_S + DAY_S), "c");
    leases_free(leases);
}

static void test_what_a_machine_had_is_known(void **state)
{
    (void)state;
    struct leases *leases = read_good("10.0.1.1,2022-02-01,2022-02-03,a\n10.0.0.2,2022-02-03,2022-02-05,a\n"
                                      "10.0.3.3,2022-02-02,2022-02-03,b\n",
                                      "UTC");
    const struct machine *a = leases_named(leases, "a");
    struct ip_range range;
    struct ip address;
    assert_non_null(a);
    assert_true(leases_address(leases, &a->number, FEBRUARY_S, FEBRUARY_S + 20 * DAY_S, &address));
    assert_int_equal(address.bytes[14], 0);
    assert_true(leases_address(leases, &a->number, FEBRUARY_S, FEBRUARY_S + 2 * DAY_S, &address));
    assert_int_equal(address.bytes[14], 1);
    assert_false(
        leases_address(leases, &a->number, FEBRUARY_S + 4 * DAY_S, FEBRUARY_S + 9 * DAY_S, &address));
    assert_true(ip_range_read("10.0.1.0/24", &range));
    assert_true(leases_in_range(leases, &a->number, FEBRUARY_S, FEBRUARY_S + DAY_S, &range));
    assert_false(leases_in_range(leases, &a->number, FEBRUARY_S + 2 * DAY_S, FEBRUARY_S + 3 * DAY_S, &range));
    const int64_t now = leases_fingerprint(leases, FEBRUARY_S, FEBRUARY_S + 2 * DAY_S);
    assert_int_not_equal(now, leases_fingerprint(leases, FEBRUARY_S, FEBRUARY_S + 3 * DAY_S));
    leases_free(leases);
    // A lease that goes on behind the span is another only there.
    leases = read_good("10.0.1.1,2022-02-01,2022-02-09,a\n10.0.0.2,2022-02-03,2022-02-05,x\n"
                       "10.0.3.3,2022-02-02,,b\n",
                       "UTC");
    assert_int_equal(now, leases_fingerprint(leases, FEBRUARY_S, FEBRUARY_S + 2 * DAY_S));
    leases_free(leases);
}

/** Leases of three addresses by four machines, in any order and overlap, second by second. */
static void test_holders_are_those_that_a_look_at_every_second_finds(void **state)
{
    (void)state;
    enum { ADDRESSES = 3, SECONDS = 200, LEASES = 24 };
    unsigned random = 7;
    for (int round = 0; round < 200; round++) {
        struct leases *leases = leases_new();
        int owner[ADDRESSES][SECONDS], since[ADDRESSES][SECONDS];
        memset(owner, -1, sizeof owner);
        memset(since, -1, sizeof since);
        struct {
            int ip, from, to, who;
        } all[LEASES];
        for (int i = 0; i < LEASES; i++) {
            random = random * 1103515245U + 12345U;
            all[i].ip = (int)(random >> 16) % ADDRESSES;
            random = random * 1103515245U + 12345U;
            all[i].from = (int)(random >> 16) % (SECONDS - 1);
            random = random * 1103515245U + 12345U;
            all[i].to = all[i].from + 1 + (int)(random >> 16) % 60;
            all[i].to = all[i].to > SECONDS ? SECONDS : all[i].to;
            random = random * 1103515245U + 12345U;
            all[i].who = (int)(random >> 16) % 4;
            const char name[2] = {(char)('a' + all[i].who), '\0'};
            const struct ip ip = {{10, (uint8_t)all[i].ip}};
            const struct lease lease = {
                .ip = ip, .from_s = all[i].from, .to_s = all[i].to, .line = (uint32_t)i};
            assert_int_equal(leases_add(leases, &lease, name, 1, NULL), STATUS_OK);
        }
        assert_int_equal(leases_settle(leases, NULL), STATUS_OK);
        // By start, then line: each takes its span from those before, and they have nothing behind it.
        for (int from = 0; from < SECONDS; from++)
            for (int i = 0; i < LEASES; i++) {
                if (all[i].from != from)
                    continue;
                const int ip = all[i].ip, had = owner[ip][from];
                for (int s = from; s < SECONDS && had >= 0 && had != all[i].who && owner[ip][s] == had; s++)
                    owner[ip][s] = -1;
                for (int s = from; s < all[i].to; s++)
                    owner[ip][s] = all[i].who;
            }
        for (int ip = 0; ip < ADDRESSES; ip++)
            for (int from = 0; from < SECONDS; from += 7)
                for (int to = from + 1; to <= SECONDS; to += 13) {
                    int sums[4] = {0}, first[4] = {0}, best = -1;
                    for (int s = to - 1; s >= from; s--)
                        if (owner[ip][s] >= 0) {
                            sums[owner[ip][s]]++;
                            first[owner[ip][s]] = s;
                        }
                    for (int who = 0; who < 4; who++)
                        if (sums[who] > 0 && (best < 0 || sums[who] > sums[best] ||
                                              (sums[who] == sums[best] && first[who] < first[best])))
                            best = who;
                    struct ip number;
                    const struct ip address = {{10, (uint8_t)ip}};
                    const bool had = leases_holder(leases, &address, from, to, &number);
                    assert_int_equal(had, best >= 0);
                    if (had)
                        assert_int_equal(leases_machine(leases, &number)->name[0], 'a' + best);
                }
        leases_free(leases);
    }
}

static void test_a_file_without_any_lease_is_an_error_that_names_its_first_line(void **state)
{
    (void)state;
    struct leases *leases = NULL;
    struct error err = {0};
    assert_int_equal(read_one("# nothing\n10.0.0.1,2022-02-01 25:00,2022-02-02,a\n", "UTC", &leases, &err),
                     STATUS_USAGE);
    assert_string_equal(err.where, "a.csv:2");
    assert_string_equal(err.what, "no line of the file is a lease; here \"2022-02-01 25:00\" is no time; the "
                                  "line is left out");
    assert_null(leases);
    // A NUL byte and a line without end are lines that are left out.
    static const char BYTES[] =
        "ip,from,to,host\n10.0.0.1,2022-02-01\0,2022-02-02,a\n10.0.0.1,2022-02-01,,b\n";
    struct zone *zone = NULL;
    scratch_write_bytes("a.csv", BYTES, sizeof BYTES - 1);
    assert_int_equal(zone_load("UTC", &zone, &err), STATUS_OK);
    assert_int_equal(leases_read("a.csv", zone, 128, &leases, &err), STATUS_OK);
    assert_int_equal(leases->bad_count, 1);
    assert_string_equal(leases->bad[0].what,
                        "\"10.0.0.1,2022-02-01\" is what stands before a NUL byte; the line is left out");
    assert_int_equal(leases->count, 1);
    leases_free(leases);
    leases = NULL;
    char text[6000] = "10.0.0.1,2022-02-01,,";
    memset(text + strlen(text), 'x', 5000);
    (void)snprintf(text + 5000, sizeof text - 5000, "\n10.0.0.1,2022-02-01,,b\n");
    scratch_write("a.csv", text);
    assert_int_equal(leases_read("a.csv", zone, 128, &leases, &err), STATUS_OK);
    assert_int_equal(leases->bad_count, 1);
    assert_int_equal(leases->count, 1);
    leases_free(leases);
    assert_int_equal(leases_read("b.csv", zone, 128, &leases, &err), STATUS_IO);
    assert_string_equal(err.what, "cannot be read: No such file or directory");
    zone_free(zone);
}

static void test_an_ipv6_address_counts_by_its_prefix(void **state)
{
    (void)state;
    struct leases *leases = NULL;
    struct zone *zone = NULL;
    struct error err = {0};
    scratch_write("a.csv", "2001:db8::1:2,2022-02-01,,a\n");
    assert_int_equal(zone_load("UTC", &zone, &err), STATUS_OK);
    assert_int_equal(leases_read("a.csv", zone, 64, &leases, &err), STATUS_OK);
    assert_string_equal(holder(leases, "2001:db8::", FEBRUARY_S, FEBRUARY_S + 1), "a");
    leases_free(leases);
    zone_free(zone);
}

/* A DHCP server prints local times: a lease that begins in the first pass of the repeated hour and ends in
 * the second one seems to end before it began. */
static void test_a_lease_across_the_repeated_hour_has_its_length(void **state)
{
    (void)state;
    static const struct {
        const char *span;
        int64_t from_s, length_s;  // of 2022-10-30 00:00 UTC
    } CASES[] = {{"2022-10-30 02:50,2022-10-30 02:20", 3000, 1800},
                 {"2022-10-30 02:10,2022-10-30 02:40", 600, 1800},
                 {"2022-10-30 01:50,2022-10-30 02:10", -600, 1200},
                 {"2022-10-30 02:50,2022-10-30 03:10", 3000, 4800},
                 {"2022-10-30 02:30+01:00,2022-10-30 02:40+01:00", 5400, 600}};
    const int64_t october_s = (INT64_C(19295)) * DAY_S;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "10.0.0.1,%s,a\n", CASES[i].span);
        struct leases *leases = read_good(text, "Europe/Berlin");
        assert_int_equal(leases->bad_count, 0);
        assert_int_equal(leases->items[0].from_s - october_s, CASES[i].from_s);
        assert_int_equal(leases->items[0].to_s - leases->items[0].from_s, CASES[i].length_s);
        leases_free(leases);
    }
    // The clock of a server that was set back, and one that began in 1970: told, and ended by the next lease.
    struct leases *leases = read_good("10.0.0.1,2022-02-01 12:00,2022-02-01 11:00,back\n"
                                      "10.0.0.1,1970-01-01 00:00:07,2022-02-01 10:00,early\n"
                                      "10.0.0.1,2022-02-01 08:00,2022-02-01 12:00,right\n",
                                      "UTC");
    assert_int_equal(leases->bad_count, 1);
    assert_int_equal(leases->overlap_count, 1);
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 7 * 3600, FEBRUARY_S + 8 * 3600), "early");
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S + 8 * 3600, FEBRUARY_S + 9 * 3600), "right");
    leases_free(leases);
}

/* Two names that XXH3 takes for one: of 32 bytes the last 8 are multiplied by what the 8 before them make
 * zero. A client chooses its name: it must not end the run, nor take another machine's leases. */
static void test_a_name_with_the_hash_of_another_one_is_left_out(void **state)
{
    (void)state;
    static const char ONE[] = "0123456789abcdef\xde\xd4\x6d\xe9\x83\x90\x97\xdb"
                              "aaaaaaaa";
    static const char OTHER[] = "0123456789abcdef\xde\xd4\x6d\xe9\x83\x90\x97\xdb"
                                "bbbbbbbb";
    char text[400];
    assert_true(content_hash(ONE, 32) == content_hash(OTHER, 32));
    (void)snprintf(text, sizeof text,
                   "10.0.0.1,2022-02-01,2022-02-02,%s\n10.0.0.2,2022-02-01,2022-02-02,%s\n"
                   "10.0.0.3,2022-02-01,2022-02-02,good\n",
                   ONE, OTHER);
    struct leases *leases = read_good(text, "UTC");
    assert_int_equal(leases->bad_count, 1);
    assert_int_equal(leases->bad[0].line, 2);
    assert_non_null(strstr(leases->bad[0].what, "is a name with the hash of another one"));
    assert_int_equal(leases->count, 2);
    assert_string_equal(holder(leases, "10.0.0.1", FEBRUARY_S, FEBRUARY_S + DAY_S), ONE);
    assert_string_equal(holder(leases, "10.0.0.2", FEBRUARY_S, FEBRUARY_S + DAY_S), "");
    leases_free(leases);
}

/* Every second of a day an address is another machine's, but for one that has it twice. Looked at two hundred
 * times, which took minutes when each lease was compared with each. */
static void test_an_address_that_changes_hands_every_second(void **state)
{
    (void)state;
    struct leases *leases = leases_new();
    for (int second = 0; second < DAY_S; second++) {
        char name[16];
        const struct lease lease = {.ip = ip_of("10.0.0.1"), .from_s = second, .to_s = second + 1};
        const int length = snprintf(name, sizeof name, "m%d", second == 70000 ? 50000 : second);
        assert_int_equal(leases_add(leases, &lease, name, (size_t)length, NULL), STATUS_OK);
    }
    assert_int_equal(leases_settle(leases, NULL), STATUS_OK);
    for (int i = 0; i < 200; i++) {
        assert_string_equal(holder(leases, "10.0.0.1", i, DAY_S), "m50000");
        if (i == 0)
            assert_string_equal(holder(leases, "10.0.0.1", 50001, DAY_S), "m50001");
    }
    leases_free(leases);
}

/* As the first rank has them, the others get them. */
static void test_leases_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct leases *leases = read_good("10.0.0.1,2022-02-01,2022-02-10,a\n"
                                      "10.0.0.1,2022-02-05,2022-02-06,b\n"
                                      "10.0.0.2,2022-02-01,,aa-bb-cc-00-11-22\n"
                                      "nonsense\n",
                                      "UTC");
    struct leases *copy = NULL;
    struct error err = {0};
    void *bytes = NULL;
    size_t count = 0, first = 0;
    assert_int_equal(leases_pack(leases, &bytes, &count, &err), STATUS_OK);
    assert_int_equal(leases_unpack(bytes, count, &copy, &err), STATUS_OK);
    assert_int_equal(copy->count, 3);
    assert_memory_equal(copy->items, leases->items, 3 * sizeof *copy->items);
    assert_int_equal(copy->machine_count, leases->machine_count);
    for (size_t i = 0; i < copy->machine_count; i++) {
        assert_string_equal(copy->machines[i].name, leases->machines[i].name);
        assert_memory_equal(&copy->machines[i].number, &leases->machines[i].number, sizeof(struct ip));
    }
    assert_int_equal(copy->bad_count, 1);
    assert_string_equal(copy->bad[0].what, leases->bad[0].what);
    assert_int_equal(copy->overlap_count, 1);
    assert_int_equal(leases_fingerprint(copy, 0, LEASE_OPEN), leases_fingerprint(leases, 0, LEASE_OPEN));
    assert_string_equal(holder(copy, "10.0.0.1", FEBRUARY_S + 4 * DAY_S, FEBRUARY_S + 5 * DAY_S), "b");
    assert_int_equal(leases_of(copy, &leases_named(copy, "aabb.cc00.1122")->number, &first), 1);
    leases_free(copy);
    for (size_t cut = 0; cut < count; cut += 97)
        assert_int_equal(leases_unpack(bytes, cut, &copy, &err), STATUS_CORRUPT);
    free(bytes);
    leases_free(leases);
}

/* Lines with bytes changed, taken out, doubled and cut: whatever they are, leases of an address stand in
 * order and do not meet, and each has a machine. */
static void test_damaged_lines_make_no_damaged_leases(void **state)
{
    (void)state;
    static const char GOOD[] =
        "ip,from,to,host\r\n10.0.0.1,2022-02-01 08:00,2022-02-01 12:00,\"a,\"\"b\"\r\n"
        "fd00::1,1643673600,,AA-BB-CC-00-11-22\n10.0.0.1,2022-02-01T09:30:00Z,2022-02-02,c\n";
    struct zone *zone = NULL;
    struct error err = {0};
    unsigned random = 5;
    assert_int_equal(zone_load("Europe/Berlin", &zone, &err), STATUS_OK);
    for (int round = 0; round < 3000; round++) {
        char text[2 * sizeof GOOD];
        size_t count = sizeof GOOD - 1;
        memcpy(text, GOOD, sizeof GOOD);
        for (int change = 0; change < 1 + round % 5; change++) {
            random = random * 1103515245U + 12345U;
            const size_t at = (random >> 16) % count;
            random = random * 1103515245U + 12345U;
            const unsigned how = (random >> 16) % 4, byte = (random >> 20) % 256;
            if (how == 0)
                text[at] = (char)byte;
            else if (how == 1 && count > 2)
                memmove(text + at, text + at + 1, --count - at);
            else if (how == 2 && count + 1 < sizeof text)
                memmove(text + at + 1, text + at, count++ - at);
            else
                text[at] = ",\"\n\r\0:-"[byte % 7];
        }
        struct leases *leases = NULL;
        scratch_write_bytes("a.csv", text, count);
        if (leases_read("a.csv", zone, 128, &leases, &err) != STATUS_OK) {
            assert_null(leases);
            continue;
        }
        for (size_t i = 0; i < leases->count; i++) {
            const struct lease *lease = &leases->items[i], *last = i > 0 ? lease - 1 : NULL;
            assert_true(lease->from_s < lease->to_s && lease->to_s <= LEASE_OPEN);
            assert_true(lease->machine < leases->machine_count);
            if (last && ip_compare(&last->ip, &lease->ip) == 0)
                assert_true(last->to_s <= lease->from_s);
            else
                assert_true(!last || ip_compare(&last->ip, &lease->ip) < 0);
        }
        for (size_t m = 0; m < leases->machine_count; m++)
            for (const char *c = leases->machines[m].name; *c; c++)
                assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
        leases_free(leases);
    }
    zone_free(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lease_is_read_in_every_way_that_it_is_written),
        cmocka_unit_test(test_a_machine_has_one_name_in_any_spelling),
        cmocka_unit_test(test_of_several_the_longest_holder_is_taken_and_of_equals_the_first),
        cmocka_unit_test(test_where_leases_overlap_the_earlier_ends_and_this_is_told),
        cmocka_unit_test(test_what_a_machine_had_is_known),
        cmocka_unit_test(test_holders_are_those_that_a_look_at_every_second_finds),
        cmocka_unit_test(test_a_file_without_any_lease_is_an_error_that_names_its_first_line),
        cmocka_unit_test(test_an_ipv6_address_counts_by_its_prefix),
        cmocka_unit_test(test_a_lease_across_the_repeated_hour_has_its_length),
        cmocka_unit_test(test_a_name_with_the_hash_of_another_one_is_left_out),
        cmocka_unit_test(test_an_address_that_changes_hands_every_second),
        cmocka_unit_test(test_leases_come_out_as_they_went_in),
        cmocka_unit_test(test_damaged_lines_make_no_damaged_leases),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
