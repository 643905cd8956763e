/* Reputation lists in every format that people publish, and what only looks like an entry; allow lists. */
#include "feeds.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LISTS_MOST 3

struct scene {
    struct feeds feeds;
    struct evidence_warnings warnings;
    char paths[LISTS_MOST][64];
    struct job_feed items[LISTS_MOST];
    struct allow *allow;
};

static void check(enum status status, const struct error *err)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s", err->where, err->what);
}

static int scene_begin(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    return *state ? 0 : -1;
}

static int scene_end(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < LISTS_MOST; i++)
        if (scene->paths[i][0])
            (void)unlink(scene->paths[i]);
    feeds_clear(&scene->feeds);
    allow_free(scene->allow);
    free(scene->warnings.items);
    free(scene);
    return 0;
}

static char *file_make(struct scene *scene, int number, const char *text, size_t count)
{
    char *path = scene->paths[number];
    (void)snprintf(path, sizeof scene->paths[0], "/tmp/quern_feed_XXXXXX");
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    FILE *file = fdopen(handle, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* Reads up to three lists; the second one is critical. */
static void lists_read(struct scene *scene, const char *first, const char *second, const char *third)
{
    struct error err = {0};
    const char *texts[LISTS_MOST] = {first, second, third};
    struct feed_list list = {.items = scene->items};
    for (; list.count < LISTS_MOST && texts[list.count]; list.count++)
        scene->items[list.count] = (struct job_feed){
            .path = file_make(scene, (int)list.count, texts[list.count], strlen(texts[list.count])),
            .critical = list.count == 1 ? CRITICAL_YES : CRITICAL_NO};
    check(feeds_read(&list, &scene->feeds, &scene->warnings, &err), &err);
}

/* Whether names under the domain are looked up at all. */
static bool may_have(const struct scene *scene, const char *domain)
{
    struct qname qname;
    assert_true(qname_of_text(domain, strlen(domain), &qname));
    return feeds_may_have(&scene->feeds, content_hash(qname.wire, qname.bytes), domain, strlen(domain));
}

/* The line on which a name is listed, 0 when it is not. */
static uint32_t line_of(const struct scene *scene, const char *name, const char *domain, struct feed_hit *hit)
{
    struct feed_hit found = {0};
    const bool is_listed = feeds_find(&scene->feeds, name, strlen(name), strlen(domain), &found);
    if (hit)
        *hit = found;
    assert_true(!is_listed || may_have(scene, domain));
    return is_listed ? found.line : 0;
}

static void test_only_domains_above_an_entry_are_looked_at(void **state)
{
    struct scene *scene = *state;
    lists_read(scene, "deep.a.evil.com\nbad.org\n", "192.0.2.0/24\n", NULL);
    assert_true(may_have(scene, "evil.com"));
    assert_true(may_have(scene, "bad.org"));
    assert_true(may_have(scene, "192.in-addr.arpa"));
    assert_false(may_have(scene, "other.com"));
    assert_false(may_have(scene, "a.com"));
    assert_false(may_have(scene, "good.org"));
}

static void test_a_domain_covers_what_is_below_it_and_nothing_else(void **state)
{
    struct scene *scene = *state;
    lists_read(scene, "evil.org\n*.star.org\n.dot.org\n||browser.org^\nfinal.org.\nWWW.Upper.Org\n", NULL,
               NULL);
    assert_int_equal(scene->warnings.count, 0);
    assert_int_equal(line_of(scene, "evil.org", "evil.org", NULL), 1);
    assert_int_equal(line_of(scene, "a.b.evil.org", "evil.org", NULL), 1);
    assert_int_equal(line_of(scene, "notevil.org", "notevil.org", NULL), 0);
    assert_int_equal(line_of(scene, "evil.org.com", "org.com", NULL), 0);
    assert_int_equal(line_of(scene, "org", "org", NULL), 0);
    assert_int_equal(line_of(scene, "star.org", "star.org", NULL), 2);
    assert_int_equal(line_of(scene, "x.dot.org", "dot.org", NULL), 3);
    assert_int_equal(line_of(scene, "x.browser.org", "browser.org", NULL), 4);
    assert_int_equal(line_of(scene, "final.org", "final.org", NULL), 5);
    assert_int_equal(line_of(scene, "a.www.upper.org", "upper.org", NULL), 6);
    assert_int_equal(line_of(scene, "upper.org", "upper.org", NULL), 0);
    // An escaped dot parts no labels.
    assert_int_equal(line_of(scene, "a\\.evil.org", "a\\.evil.org", NULL), 0);
}

static void test_marks_blanks_and_comments_are_no_part_of_an_entry(void **state)
{
    struct scene *scene = *state;
    lists_read(scene,
               "\xef\xbb\xbf"
               "first.org\r\n# a comment\r\n; another\r\n\r\n \t second.org \t# why\r\nlast.org",
               NULL, NULL);
    assert_int_equal(scene->warnings.count, 0);
    assert_int_equal(line_of(scene, "first.org", "first.org", NULL), 1);
    assert_int_equal(line_of(scene, "second.org", "second.org", NULL), 5);
    assert_int_equal(line_of(scene, "last.org", "last.org", NULL), 6);
}

static void test_what_is_no_entry_is_counted_and_left_out(void **state)
{
    static const char *const ODD[] = {
        "http://evil.org/path", "evil.org/path", "198.51.100.7:8080", "198.51.100.0/33", "198.51.100.7/24",
        "300.51.100.7",         "2022.02.01",    "me@evil.org",       "localhost",       "a..b.org",
        "\x01\x02.org",         "evil.org|x"};
    struct scene *scene = *state;
    char text[1024];
    const size_t count = sizeof ODD / sizeof ODD[0];
    char expected[64];
    size_t length = (size_t)snprintf(text, sizeof text, "good.org\n");
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s\n", ODD[i]);
    lists_read(scene, text, NULL, NULL);
    (void)snprintf(expected, sizeof expected, "%zu lines are no entry, line 2 first", count);
    assert_int_equal(scene->feeds.domain_count, 1);
    assert_int_equal(scene->feeds.range_count, 0);
    assert_int_equal(scene->warnings.count, 1);
    assert_string_equal(scene->warnings.items[0].what, expected);
}

static void test_a_list_without_an_entry_is_told(void **state)
{
    struct scene *scene = *state;
    lists_read(scene, "# nothing\n", "", NULL);
    assert_int_equal(scene->warnings.count, 2);
    assert_string_equal(scene->warnings.items[1].what, "no domain and no address in it");
    assert_int_equal(line_of(scene, "evil.org", "evil.org", NULL), 0);
}

/* "198.51.100.7 note" lists an address; so far it was taken for a machine of a hosts file, and left out. */
static void test_an_address_with_a_note_is_an_entry(void **state)
{
    struct scene *scene = *state;
    lists_read(scene,
               "198.51.100.7 note\n2001:db8::7 seen scanning\n127.0.0.1 localhost\n192.168.1.7 printer\n"
               "ff02::1 ip6-allnodes\n198.51.100.9 sinkholed.org\n",
               NULL, NULL);
    assert_int_equal(scene->warnings.count, 0);
    assert_int_equal(line_of(scene, "7.100.51.198.in-addr.arpa", "in-addr.arpa", NULL), 1);
    assert_int_equal(scene->feeds.range_count, 2);
    assert_int_equal(line_of(scene, "9.100.51.198.in-addr.arpa", "in-addr.arpa", NULL), 0);
    assert_int_equal(line_of(scene, "sinkholed.org", "sinkholed.org", NULL), 6);
}

static void test_hosts_files_and_csv_are_read(void **state)
{
    struct scene *scene = *state;
    lists_read(scene,
               "127.0.0.1 localhost localhost.localdomain\n::1 ip6-localhost\n0.0.0.0 0.0.0.0\n"
               "0.0.0.0 ads.one.org track.two.org # both\n",
               "\"x\",\"csv.org\",2022-02-01\n2022-02-01,, second.org ,z\n1,198.51.100.9,a.third.org\n",
               NULL);
    assert_int_equal(scene->warnings.count, 0);
    assert_int_equal(line_of(scene, "ads.one.org", "one.org", NULL), 4);
    assert_int_equal(line_of(scene, "track.two.org", "two.org", NULL), 4);
    assert_int_equal(line_of(scene, "csv.org", "csv.org", NULL), 1);
    assert_int_equal(line_of(scene, "second.org", "second.org", NULL), 2);
    assert_int_equal(line_of(scene, "a.third.org", "third.org", NULL), 0);  // the address came first
    assert_int_equal(line_of(scene, "9.100.51.198.in-addr.arpa", "in-addr.arpa", NULL), 3);
}

static void test_policy_zones_are_read_without_their_exemptions(void **state)
{
    struct scene *scene = *state;
    lists_read(
        scene,
        "$TTL 60\n$ORIGIN RPZ.local.\n@ IN SOA localhost. root.localhost. (\n 1 ; serial\n 3600\n 600 86400 "
        "60 )\n"
        "@ NS localhost.\nbad.org 60 IN CNAME .\nfull.org.rpz.LOCAL. CNAME .\nxrpz.local. CNAME .\n"
        "fine.org CNAME rpz-passthru.\n32.7.113.0.203.rpz-ip CNAME .\n24.0.2.0.192.rpz-ip CNAME *.\n"
        "128.1.zz.db8.2001.rpz-ip CNAME .\n48.zz.2.db8.2001.rpz-ip CNAME .\n"
        "32.1.0.0.10.rpz-client-ip CNAME .\nns.evil.org.rpz-nsdname CNAME .\n32.1.0.0.10.rpz-nsip CNAME .\n",
        "dig.zone. 60 IN SOA localhost. root.localhost. 1 2 3 4 5\nlisted.org.dig.zone. 60 IN CNAME .\n",
        NULL);
    assert_int_equal(scene->warnings.count, 0);
    assert_int_equal(line_of(scene, "bad.org", "bad.org", NULL), 8);
    assert_int_equal(line_of(scene, "full.org", "full.org", NULL), 9);
    assert_int_equal(line_of(scene, "xrpz.local", "xrpz.local", NULL), 10);
    assert_int_equal(line_of(scene, "fine.org", "fine.org", NULL), 0);
    assert_int_equal(line_of(scene, "listed.org", "listed.org", NULL), 2);
    assert_int_equal(scene->feeds.domain_count, 4);
    assert_int_equal(scene->feeds.range_count, 4);
    assert_int_equal(line_of(scene, "7.113.0.203.in-addr.arpa", "in-addr.arpa", NULL), 12);
    assert_int_equal(line_of(scene, "8.113.0.203.in-addr.arpa", "in-addr.arpa", NULL), 0);
    assert_int_equal(line_of(scene, "99.2.0.192.in-addr.arpa", "in-addr.arpa", NULL), 13);
    assert_int_equal(line_of(scene,
                             "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                             "ip6.arpa", NULL),
                     14);
    assert_int_equal(line_of(scene,
                             "f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                             "ip6.arpa", NULL),
                     15);
}

static void test_the_narrowest_range_and_the_critical_list_win(void **state)
{
    struct scene *scene = *state;
    struct feed_hit hit;
    lists_read(scene, "198.51.100.0/24\n198.51.100.0/28\n2001:db8::/32\nboth.org\nwww.both.org\n",
               "198.51.0.0/16\nboth.org\n", "0.0.0.0/0\n");
    assert_int_equal(line_of(scene, "3.100.51.198.in-addr.arpa", "in-addr.arpa", &hit), 1);
    assert_true(hit.is_critical && hit.is_address && hit.feed == 1);
    assert_int_equal(line_of(scene, "9.9.9.9.in-addr.arpa", "in-addr.arpa", &hit), 1);
    assert_int_equal(hit.feed, 2);
    assert_int_equal(line_of(scene, "9.9.9.in-addr.arpa", "in-addr.arpa", &hit), 0);
    assert_int_equal(line_of(scene, "x.9.9.9.9.in-addr.arpa", "in-addr.arpa", &hit), 0);
    assert_int_equal(line_of(scene, "09.9.9.9.in-addr.arpa", "in-addr.arpa", &hit), 0);
    assert_int_equal(line_of(scene, "www.both.org", "both.org", &hit), 2);
    assert_true(hit.is_critical && !hit.is_address);
}

/* Sorted lookups in a list of a million names and of as many ranges: a loop over all for each name would take
 * hours. */
static void test_a_million_entries_take_seconds(void **state)
{
    enum { ENTRIES = 1000000 };
    struct scene *scene = *state;
    struct error err = {0};
    char *text = NULL, name[80];
    size_t count = 0, found = 0;
    FILE *stream = open_memstream(&text, &count);
    assert_non_null(stream);
    for (int i = 0; i < ENTRIES / 2; i++)
        (void)fprintf(stream, "host%d.listed%d.org\r\n%d.%d.%d.%d\r\n", i, i % 1000, 11 + i % 7, i / 65536,
                      i / 256 % 256, i % 256);
    assert_int_equal(fclose(stream), 0);
    scene->items[0] = (struct job_feed){.path = file_make(scene, 0, text, count)};
    free(text);
    const struct feed_list list = {scene->items, 1};
    const clock_t start = clock();
    check(feeds_read(&list, &scene->feeds, &scene->warnings, &err), &err);
    for (int i = 0; i < ENTRIES / 10; i++) {
        (void)snprintf(name, sizeof name, "a.host%d.listed%d.org", i, i % 1000);
        found += line_of(scene, name, "listed0.org", NULL) == (uint32_t)(2 * i + 1);
        (void)snprintf(name, sizeof name, "%d.%d.%d.%d.in-addr.arpa", i % 256, i / 256 % 256, i / 65536,
                       11 + i % 7);
        found += line_of(scene, name, "in-addr.arpa", NULL) == (uint32_t)(2 * i + 2);
    }
    assert_int_equal(found, 2 * (ENTRIES / 10));
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10);
}

/* ---- allow lists ---- */

static void allow_make(struct scene *scene, const char *text)
{
    struct error err = {0};
    char *path = file_make(scene, 2, text, strlen(text));
    const struct text_list list = {&path, 1};
    check(allow_read(&list, &scene->allow, &scene->warnings, &err), &err);
}

/* The line that covers it, 0 when none does. */
static int32_t is_allowed(const struct scene *scene, const char *ip, const char *domain,
                          enum mechanism mechanism, int64_t day)
{
    int32_t list = 7, line = 7;
    struct qname qname;
    struct evidence item = {.mechanism = (int32_t)mechanism, .day = day};
    assert_true(ip_read(ip, strlen(ip), &item.ip));
    if (domain) {
        assert_true(qname_of_text(domain, strlen(domain), &qname));
        item.domain = content_hash(qname.wire, qname.bytes);
    }
    const bool covers = allow_covers(scene->allow, &(struct machine_plan){0}, &item, &list, &line);
    assert_int_equal(list, covers ? 0 : -1);
    assert_true(covers == (line > 0));
    return line;
}

static void test_an_entry_holds_in_its_scope_and_until_its_day(void **state)
{
    struct scene *scene = *state;
    const int64_t day = day_from_civil(2022, 2, 16);
    allow_make(
        scene,
        "domain,host,mechanism,until,reason\nFine.org.,,,,all hosts\nhalf.org,10.0.0.0/8,,,\n"
        "rule.org,*,new_names,,\nshort.org,,,2022-02-16,\n*,10.9.9.9,one_shot,,a \"test\", with commas\n"
        "v6.org,2001:db8::/32,,,\n");
    assert_int_equal(scene->warnings.count, 0);
    assert_int_equal(is_allowed(scene, "192.0.2.1", "fine.org", MECHANISM_REGULAR, day), 2);
    assert_false(is_allowed(scene, "192.0.2.1", "other.org", MECHANISM_REGULAR, day));
    assert_true(is_allowed(scene, "10.1.2.3", "half.org", MECHANISM_REGULAR, day));
    assert_false(is_allowed(scene, "11.1.2.3", "half.org", MECHANISM_REGULAR, day));
    assert_true(is_allowed(scene, "11.1.2.3", "rule.org", MECHANISM_NEW_NAMES, day));
    assert_false(is_allowed(scene, "11.1.2.3", "rule.org", MECHANISM_NEW_BYTES, day));
    assert_true(is_allowed(scene, "11.1.2.3", "short.org", MECHANISM_NEW_BYTES, day));
    assert_false(is_allowed(scene, "11.1.2.3", "short.org", MECHANISM_NEW_BYTES, day + 1));
    assert_true(is_allowed(scene, "10.9.9.9", NULL, MECHANISM_ONE_SHOT, day));
    assert_false(is_allowed(scene, "10.9.9.8", NULL, MECHANISM_ONE_SHOT, day));
    assert_int_equal(is_allowed(scene, "2001:db8:1::1", "v6.org", MECHANISM_ONE_SHOT, day), 7);
    assert_false(is_allowed(scene, "2001:db9::1", "v6.org", MECHANISM_ONE_SHOT, day));
}

static void test_an_entry_that_would_allow_too_much_is_refused(void **state)
{
    struct scene *scene = *state;
    allow_make(
        scene,
        "*,*,*,,all\n,,,2030-01-01,\nok.org,10.0.0.0/33,,,\nok.org,,no_such_rule,,\nok.org,,,2022-13-01,\n"
        "ok.org,,,2022-02-30,\nok.org,,,+022-02-01,\n");
    assert_int_equal(scene->warnings.count, 1);
    assert_non_null(strstr(scene->warnings.items[0].what, "7 lines are no entry, line 1 first"));
    assert_false(is_allowed(scene, "10.9.9.9", "ok.org", MECHANISM_ONE_SHOT, 0));
    assert_false(is_allowed(scene, "10.9.9.9", NULL, MECHANISM_ONE_SHOT, 0));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_domains_above_an_entry_are_looked_at),
        TEST(test_a_domain_covers_what_is_below_it_and_nothing_else),
        TEST(test_marks_blanks_and_comments_are_no_part_of_an_entry),
        TEST(test_what_is_no_entry_is_counted_and_left_out),
        TEST(test_a_list_without_an_entry_is_told),
        TEST(test_an_address_with_a_note_is_an_entry),
        TEST(test_hosts_files_and_csv_are_read),
        TEST(test_policy_zones_are_read_without_their_exemptions),
        TEST(test_the_narrowest_range_and_the_critical_list_win),
        TEST(test_a_million_entries_take_seconds),
        TEST(test_an_entry_holds_in_its_scope_and_until_its_day),
        TEST(test_an_entry_that_would_allow_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
