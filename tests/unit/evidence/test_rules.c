/* The eight rules: of each a positive, the look-alike that stays silent, and the boundary. Numbers can be
 * counted in the tests. */
#include "scene.h"

/* Somebody who was there before, so that no day is the store's first. */
static void day_before(struct scene *scene)
{
    ask(scene, 0, 0, "10.0.0.9", "A", "www.a.com");
}

/* ---- rule 1 ---- */

/* On a day one host asks `all` names, `hits` of which another asked 10 s before. */
static void cached_day(struct scene *scene, int64_t day, const char *ip, int all, int hits)
{
    for (int i = 0; i < all; i++) {
        if (i < hits)
            ask(scene, day, 36000 + 60 * i, "10.0.0.8", "A", "n%d.x%d.com", i, i % 7);
        ask(scene, day, 36010 + 60 * i, ip, "A", "n%d.x%d.com", i, i % 7);
    }
}

static void cached_host(struct scene *scene, int all, int hits)
{
    scene->count = 0;
    for (int day = 4; day < 8; day++)  // Monday to Thursday
        cached_day(scene, day, "10.0.0.1", 200, 100);
    cached_day(scene, 8, "10.0.0.1", all, hits);
    evidence_clear(&scene->found);
    find(scene, 0, 20, 1, NULL);
}

static void test_a_hit_ratio_that_halves_is_told(void **state)
{
    struct scene *scene = *state;
    cached_host(scene, 200, 50);  // a quarter, where a half is usual: (100 − 50)² > 36·200/4
    TOLD("10.0.0.1", CACHE_FALL, 8, 200);
    assert_true(found_of(scene, "10.0.0.1", MECHANISM_CACHE_FALL, 8)->bits == 0);
    TOLD("10.0.0.1", CACHE_FALL, 7, 0);
    cached_host(scene, 200, 51);
    TOLD("10.0.0.1", CACHE_FALL, 8, 0);
    cached_host(scene, 199, 0);  // too few to tell
    TOLD("10.0.0.1", CACHE_FALL, 8, 0);
}

/* A mail server asks for what nobody else does, every day: its ratio is low, and stays so. A weekend is no
 * fall either, and of a sweep of PTR names nothing is looked at. */
static void test_a_host_that_never_hits_and_a_weekend_are_no_fall(void **state)
{
    struct scene *scene = *state;
    for (int day = 4; day < 9; day++) {
        cached_day(scene, day, "10.0.0.1", 200, 100);
        for (int i = 0; i < 250; i++)
            ask(scene, day, 30000 + i, "10.0.0.2", "A", "m%d.y%d.com", i, day);
    }
    cached_day(scene, 9, "10.0.0.1", 300, 30);  // Saturday
    for (int i = 0; i < 400; i++)
        ask(scene, 8, 40000 + i, "10.0.0.1", "PTR", "%d.%d.1.10.in-addr.arpa", i % 200, i / 200);
    find(scene, 0, 20, 1, NULL);
    for (int day = 4; day < 10; day++) {
        TOLD("10.0.0.1", CACHE_FALL, day, 0);
        TOLD("10.0.0.2", CACHE_FALL, day, 0);
    }
}

/* As cached_day, of one resolver of two. */
static void cached_hours(struct scene *scene, int64_t day, int64_t second, const char *ip, int all, int hits,
                         const char *server)
{
    const size_t from = scene->count;
    for (int i = 0; i < all; i++) {
        if (i < hits)
            ask(scene, day, second + 30 * i, "10.0.0.8", "A", "n%d.x%s.com", i, ip + 7);
        ask(scene, day, second + 10 + 30 * i, ip, "A", "n%d.x%s.com", i, ip + 7);
    }
    for (size_t i = from; i < scene->count; i++)
        scene->asks[i].server = server;
}

/* In the evenings everybody asks the second resolver, which is cold: half hits in the morning, a tenth then.
 * On a day with twice the evening only the mix is another one. A host that hits a tenth in the morning, too,
 * is told, though over both resolvers its ratio falls from 30 % to 10 % only for who does not tell them
 * apart. */
static void test_each_resolver_is_a_cache_of_its_own(void **state)
{
    struct scene *scene = *state;
    for (int day = 4; day < 9; day++) {
        const bool is_last = day == 8;
        cached_hours(scene, day, 32400, "10.0.0.1", is_last ? 20 : 120, is_last ? 10 : 60, "10.0.0.53");
        cached_hours(scene, day, 64800, "10.0.0.1", is_last ? 260 : 120, is_last ? 26 : 12, "10.0.0.54");
        cached_hours(scene, day, 32400, "10.0.0.2", 120, is_last ? 12 : 60, "10.0.0.53");
        cached_hours(scene, day, 64800, "10.0.0.2", 120, 12, "10.0.0.54");
        // All of it by a resolver that it never asked before: nothing is known of that one.
        cached_hours(scene, day, 43200, "10.0.0.3", 200, is_last ? 0 : 100,
                     is_last ? "10.0.0.55" : "10.0.0.53");
    }
    find(scene, 0, 20, 1, NULL);
    // Of all queries 36 of 280 hit, where 84 would as usual; by resolvers 10 + 26 would.
    TOLD("10.0.0.1", CACHE_FALL, 8, 0);
    TOLD("10.0.0.2", CACHE_FALL, 8, 300);  // 60 + 12 of 12 + 12
    TOLD("10.0.0.3", CACHE_FALL, 8, 0);
}

/* ---- rule 2 ---- */

static void test_a_pair_that_begins_to_tick_is_told_and_inventory_is_not(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 1;
    for (int day = 0; day < 6; day++)
        for (int i = 0; i < 60; i++) {
            ask(scene, day, 30000 + 300 * i, "10.0.0.1", "A", "www.always.com");
            if (day >= 3) {
                ask(scene, day, 30000 + 300 * i, "10.0.0.1", "A", "www.ticks.com");
                ask(scene, day, (int64_t)(dice(&seed) % 86400), "10.0.0.1", "A", "www.random.com");
                if (i < 25)
                    ask(scene, day, 30000 + 300 * i, "10.0.0.2", "A", "www.short.com");
                if (i < 24)
                    ask(scene, day, 30000 + 300 * i, "10.0.0.3", "A", "www.shorter.com");
            }
            ask(scene, day, 40000, "10.0.0.2", "A", "www.own.com");
            ask(scene, day, 40000, "10.0.0.3", "A", "www.own.com");
        }
    find(scene, 0, 6, 1, NULL);
    size_t told = 0;
    for (size_t i = 0; i < scene->found.count; i++)
        told += scene->found.items[i].mechanism == MECHANISM_BY_CLOCK &&
                scene->found.items[i].day == FIRST_DAY + 4;
    assert_int_equal(told, 2);  // not what is always there, not what is random, not what is too short
    // All gaps are alike: 100 of 65 % with 48 of them and more, 100 of 80 % with 24; or the comb of its
    // minutes.
    assert_true(value_of(scene, "10.0.0.1", MECHANISM_BY_CLOCK, 4) >= 10000 / 65);
    assert_true(value_of(scene, "10.0.0.2", MECHANISM_BY_CLOCK, 4) >= 10000 / 80);
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_BY_CLOCK, 4));
}

/* Every 30 minutes thirty queries more, among one or none a minute. */
static void test_volume_that_begins_to_rise_and_fall_is_told(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 2;
    for (int day = 0; day < 5; day++)
        for (int minute = 0; minute < 1440; minute++) {
            if (dice(&seed) % 2)
                ask(scene, day, minute * 60, "10.0.0.1", "A", "www.a.com");
            if (dice(&seed) % 2)
                ask(scene, day, minute * 60, "10.0.0.2", "A", "www.a.com");
            for (int i = 0; i < 30 && minute % 30 == 0; i++) {
                if (day >= 3)
                    ask(scene, day, minute * 60 + i, "10.0.0.1", "A", "www.b.com");
                ask(scene, day, minute * 60 + i, "10.0.0.2", "A", "www.b.com");
            }
        }
    find(scene, 0, 5, 1, NULL);
    assert_true(value_of(scene, "10.0.0.1", MECHANISM_VOLUME_PERIOD, 4) > 30);
    TOLD("10.0.0.1", VOLUME_PERIOD, 3, 0);  // once may be chance
    for (int day = 0; day < 5; day++)
        TOLD("10.0.0.2", VOLUME_PERIOD, day, 0);
}

/* From the tenth day on every fifth hour has MX among its types; a person's has TXT at noon, every day. */
static void test_types_that_begin_to_rise_and_fall_are_told(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 3;
    for (int hour = 0; hour < 24 * 24; hour++)
        for (int i = 0; i < 10; i++) {
            const int day = hour / 24;
            const bool is_mx = day >= 10 && hour % 5 == 0;
            const int64_t second = hour % 24 * 3600 + 300 * i;
            ask(scene, day, second, "10.0.0.1", is_mx && dice(&seed) % 2 ? "MX" : "A", "www.a.com");
            ask(scene, day, second, "10.0.0.2", hour % 24 == 12 ? "TXT" : "A", "www.a.com");
            ask(scene, day, second, "10.0.0.3", hour % 5 == 0 ? "MX" : "A", "www.a.com");
        }
    find(scene, 20, 24, 1, NULL);
    assert_true(value_of(scene, "10.0.0.1", MECHANISM_TYPE_PERIOD, 23) > 30);
    assert_int_equal(found_of(scene, "10.0.0.1", MECHANISM_TYPE_PERIOD, 23)->window_days, 30);
    TOLD("10.0.0.2", TYPE_PERIOD, 23, 0);
    TOLD("10.0.0.3", TYPE_PERIOD, 23, 0);  // since it was first seen
}

/* ---- rule 3 ---- */

static void test_twenty_names_of_mixed_case_are_told(void **state)
{
    struct scene *scene = *state;
    day_before(scene);
    for (int i = 0; i < 20; i++) {
        ask(scene, 1, 36000 + i, "10.0.0.1", "A", "aBcDeFgH%c.mixed.com", 'a' + i);
        if (i < 19)
            ask(scene, 1, 36000 + i, "10.0.0.2", "A", "aBcDeFgH%c.fewer.com", 'a' + i);
        ask(scene, 1, 36000 + i, "10.0.0.3", "A", "BrandCompany%c.brand.com",
            'a' + i);  // 4 changes in 13 letters
        ask(scene, 1, 36000 + i, "10.0.0.4", "A", "SERVERNAME%c.brand.com", 'a' + i);  // one change
        ask(scene, 1, 36000 + i, "10.0.0.5", "A", "aBcDeFgH%c.partly.com", 'a' + i);
        if (i < 3)
            ask(scene, 1, 37000 + i, "10.0.0.5", "A", "lower%c.partly.com",
                'a' + i);  // 20 of 23 are not 9 in 10
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", MIXED_CASE, 1, 20);
    TOLD("10.0.0.2", MIXED_CASE, 1, 0);
    TOLD("10.0.0.4", MIXED_CASE, 1, 0);
    TOLD("10.0.0.5", MIXED_CASE, 1, 0);
}

/* 0x20: the same kind of names, but everything is spelled anew each time. */
static void test_a_forwarder_that_mixes_all_names_is_set_apart(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 4;
    day_before(scene);
    for (int i = 0; i < 30; i++)
        for (int twice = 0; twice < 2; twice++) {
            char name[64];
            (void)snprintf(name, sizeof name, "mailserverofficebranch%02d.example.com", i);
            for (size_t c = 0; name[c]; c++)
                if (name[c] >= 'a' && dice(&seed) % 2)
                    name[c] ^= 0x20;
            ask(scene, 1, 36000 + 600 * twice + i, "10.0.0.1", "A", "%s", name);
        }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", MIXED_CASE, 1, 0);
    TOLD("10.0.0.1", ENCODED_NAMES, 1, 0);
}

static void test_new_domains_with_random_letters_are_told(void **state)
{
    static const char *const WORDS[] = {"market", "river",  "garden", "silver", "window", "travel", "coffee",
                                        "summer", "health", "school", "animal", "bridge", "castle", "doctor",
                                        "forest", "guitar", "hotel",  "island", "jacket", "kitchen"};
    struct scene *scene = *state;
    uint64_t seed = 5;
    day_before(scene);
    for (int i = 0; i < 20; i++) {
        char random[20];
        letters_of(&seed, "abcdefghijklmnopqrstuvwxyz0123456789", 16, random);
        // A and AAAA, and a name below: nothing that M3 takes for one program's.
        ask(scene, 1, 36000 + i, "10.0.0.1", i % 2 ? "A" : "AAAA", "%s.com", random);
        ask(scene, 1, 46000 + i, "10.0.0.1", "A", "%s.com", random);
        if (i < 19)
            ask(scene, 1, 36000 + i, "10.0.0.2", "A", "x%s.com", random);
        ask(scene, 1, 36000 + i, "10.0.0.3", "A", "%s%s.com", WORDS[i], WORDS[(i + 7) % 20]);
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", RANDOM_DOMAINS, 1, 20);
    TOLD("10.0.0.2", RANDOM_DOMAINS, 1, 0);
    TOLD("10.0.0.3", RANDOM_DOMAINS, 1, 0);
}

/* ---- rule 4, with thresholds of the job ---- */

static void test_thresholds_come_from_the_job(void **state)
{
    static const char *const SETS[] = {"decide.rules.null.count=2", "decide.rules.null.private=9",
                                       "decide.rules.txt.day=7", "decide.rules.long.names=1"};
    struct scene *scene = *state;
    scene_job(scene, SETS, 4);
    day_before(scene);
    for (int i = 0; i < 8; i++) {
        if (i < 2)
            ask(scene, 1, 36000 + i, "10.0.0.1", "NULL", "x.null.com");
        ask(scene, 1, 36000 + i, "10.0.0.2", "TYPE65399", "x.private.com");
        ask(scene, 1, 36000 + i, "10.0.0.3", "TXT", "x.text.com");
    }
    ask(scene, 1, 36000, "10.0.0.4", "A", "%s.%s.long.com", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", NULL_TYPE, 1, 2);
    TOLD("10.0.0.2", PRIVATE_TYPE, 1, 0);
    TOLD("10.0.0.3", TXT_DAY, 1, 8);
    TOLD("10.0.0.4", LONG_NAMES, 1, 1);
}

/* ---- rule 5 ---- */

/* So many of so many queries of an hour are TXT, all for one name. */
static void text_hour(struct scene *scene, const char *ip, const char *domain, int texts, int all)
{
    for (int i = 0; i < all; i++)
        if (i < texts)
            ask(scene, 1, 36000 + 17 * i, ip, "TXT", "x.%s", domain);
        else
            ask(scene, 1, 36000 + 17 * i, ip, "A", "www.a.com");
}

static void test_texts_of_one_domain_are_told_by_hour_and_by_day(void **state)
{
    struct scene *scene = *state;
    day_before(scene);
    text_hour(scene, "10.0.0.1", "text.com", 20, 200);
    text_hour(scene, "10.0.0.2", "texta.com", 20, 201);
    text_hour(scene, "10.0.0.3", "textb.com", 19, 30);
    for (int i = 0; i < 100; i++) {
        ask(scene, 1, 800 * i, "10.0.0.4", "TXT", "a.slow.com");
        if (i < 99)
            ask(scene, 1, 800 * i, "10.0.0.5", "TXT", "a.slower.com");
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", TXT_HOUR, 1, 20);
    TOLD("10.0.0.1", TXT_DAY, 1, 0);
    TOLD("10.0.0.2", TXT_HOUR, 1, 0);
    TOLD("10.0.0.3", TXT_HOUR, 1, 0);
    TOLD("10.0.0.4", TXT_DAY, 1, 100);
    TOLD("10.0.0.5", TXT_DAY, 1, 0);
}

static void test_texts_of_mail_and_of_block_lists_are_nothing(void **state)
{
    static const char *const NAMES[] = {"_dmarc.mail.com",        "mail.com",
                                        "s1._domainkey.mail.com", "_acme-challenge.mail.com",
                                        "_mta-sts.mail.com",      "_smtp._tls.mail.com",
                                        "default._bimi.mail.com", "other.com._report._dmarc.mail.com",
                                        "4.3.2.1.mail.com",       "current.cvd.clamav.net"};
    struct scene *scene = *state;
    day_before(scene);
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++)
        for (int i = 0; i < 150; i++)
            ask(scene, 1, 36000 + i, "10.0.0.1", "TXT", "%s", NAMES[n]);
    find(scene, 0, 2, 1, NULL);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_TXT_HOUR, 1));
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_TXT_DAY, 1));
}

/* ---- rule 6 ---- */

static void test_five_names_of_63_bytes_before_the_domain_are_told(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 6;
    day_before(scene);
    for (int i = 0; i < 5; i++) {
        char half[32], whole[64];
        letters_of(&seed, "abcdefghijklmnopqrstuvwxyz", 31, half);
        letters_of(&seed, "abcdefghijklmnopqrstuvwxyz", 63, whole);
        ask(scene, 1, 36000 + i, "10.0.0.1", "A", "%s.%s.long.com", half, half);  // 31 + 1 + 31
        if (i < 4)
            ask(scene, 1, 36000 + i, "10.0.0.2", "A", "%s.%s.fewer.com", half, half);
        ask(scene, 1, 36000 + i, "10.0.0.3", "A", "%s.%s.shorter.com", half, half + 1);
        if (i < 2)
            ask(scene, 1, 36000 + i, "10.0.0.4", "A", "%s.label.com", whole);
        ask(scene, 1, 36000 + i, "10.0.0.5", "PTR",
            "%d.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", i);
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", LONG_NAMES, 1, 5);
    TOLD("10.0.0.1", FULL_LABEL, 1, 0);
    TOLD("10.0.0.2", LONG_NAMES, 1, 0);
    TOLD("10.0.0.3", LONG_NAMES, 1, 0);
    TOLD("10.0.0.4", LONG_NAMES, 1, 0);
    TOLD("10.0.0.4", FULL_LABEL, 1, 2);
    TOLD("10.0.0.5", LONG_NAMES, 1, 0);
}

/* An anti-virus program sends hashes in names. On its fifth day ten times as many: somebody hides there. */
static void test_known_software_is_silent_until_it_floods(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    char path[4096];
    uint64_t seed = 7;
    assert_true(job_data_path("datasets/known.csv", path, sizeof path));
    asking_check(known_software_read(path, &scene->known, &err), &err);
    day_before(scene);
    for (int day = 1; day < 6; day++)
        for (int i = 0; i < (day == 5 ? 270 : 25); i++) {
            char hash[64];
            letters_of(&seed, "0123456789abcdef", 63, hash);
            ask(scene, day, 36000 + i, "10.0.0.1", "A", "%s.i.01.mac.sophosxl.net", hash);
            if (day < 5)
                ask(scene, day, 36000 + i, "10.0.0.2", "A", "%s.i.01.mac.unknown.com", hash);
        }
    find(scene, 0, 6, 1, NULL);
    TOLD("10.0.0.1", LONG_NAMES, 4, 0);
    TOLD("10.0.0.1", ENCODED_NAMES, 4, 0);
    TOLD("10.0.0.2", LONG_NAMES, 4, 25);
    TOLD("10.0.0.1", LONG_NAMES, 5, 270);
    TOLD("10.0.0.1", ENCODED_NAMES, 5, 270);
}

/* Questions to a block list and to an anti-virus program's maker carry data, and nobody can have a tunnel
 * there; below a content network anybody can. */
static void test_lookups_of_known_software_are_no_new_names(void **state)
{
    static const char *const UNDER[] = {"dq.spamhaus.net", "e5.sk", "cdn.cloudflare.net", "spamhaus.org.com"};
    struct scene *scene = *state;
    struct error err = {0};
    char path[4096];
    uint64_t seed = 11;
    assert_true(job_data_path("datasets/known.csv", path, sizeof path));
    asking_check(known_software_read(path, &scene->known, &err), &err);
    day_before(scene);
    for (int i = 0; i < 110; i++)
        for (int u = 0; u < 4; u++) {
            char hash[64], ip[16];
            letters_of(&seed, "abcdefghijklmnopqrstuvwxyz234567", 40, hash);
            (void)snprintf(ip, sizeof ip, "10.0.0.%d", u + 1);
            ask(scene, 1, 36000 + 10 * i, ip, "TXT", "%s.c.%s", hash, UNDER[u]);
        }
    find(scene, 0, 2, 1, NULL);
    for (int u = 0; u < 4; u++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", u + 1);
        const bool is_lookup = u < 2;
        assert_int_equal(value_of(scene, ip, MECHANISM_NEW_NAMES, 1), is_lookup ? 0 : 110);
        assert_int_equal(value_of(scene, ip, MECHANISM_TXT_DAY, 1), is_lookup ? 0 : 110);
    }
}

/* ---- rule 7 ---- */

/* Of hexadecimal digits a byte carries 4 bits: 20 names of 104 are 1,040 bytes. */
static void test_twenty_names_with_a_kilobyte_are_told(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 8;
    day_before(scene);
    for (int i = 0; i < 20; i++) {
        char a[64], b[64];
        letters_of(&seed, "0123456789abcdef", 52, a);
        letters_of(&seed, "0123456789abcdef", 52, b);
        ask(scene, 1, 36000 + i, "10.0.0.1", "A", "%s.%d.%s.hex.com", a, i, b);
        if (i < 19)
            ask(scene, 1, 36000 + i, "10.0.0.2", "A", "%s.%s.fewer.com", a, b);
        b[48] = '\0';  // 100 digits: 1,000 bytes in all
        ask(scene, 1, 36000 + i, "10.0.0.3", "A", "%s.%s.less.com", a, b);
        ask(scene, 1, 36000 + i, "10.0.0.4", "A", "%.8s-%.4s-%.4s-%.4s-%.12s.uuid.com", a, a, a + 4, a + 8,
            b);
        letters_of(&seed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 63, a);
        letters_of(&seed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 20, b);
        ask(scene, 1, 36000 + i, "10.0.0.5", "A", "%s.%s.base64.com", a, b);
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", ENCODED_NAMES, 1, 20);
    TOLD("10.0.0.2", ENCODED_NAMES, 1, 0);
    TOLD("10.0.0.3", ENCODED_NAMES, 1, 0);
    TOLD("10.0.0.4", ENCODED_NAMES, 1, 0);
    TOLD("10.0.0.5", ENCODED_NAMES, 1, 20);
}

/* Seven a day are few; 210 in a month are told, but not when they are the same seven each day. */
static void test_slow_names_add_up_over_a_month_and_repeats_do_not(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 9;
    day_before(scene);
    char same[7][64];
    for (int i = 0; i < 7; i++)
        letters_of(&seed, "0123456789abcdef", 48, same[i]);
    for (int day = 1; day < 31; day++)
        for (int i = 0; i < 7; i++) {
            char hash[64];
            letters_of(&seed, "0123456789abcdef", 48, hash);
            ask(scene, day, 36000 + i, "10.0.0.1", "A", "%s.slow.com", hash);
            ask(scene, day, 36000 + i, "10.0.0.2", "A", "%s.same.com", same[i]);
        }
    find(scene, 0, 31, 1, NULL);
    TOLD("10.0.0.1", ENCODED_NAMES, 30, 210);
    assert_int_equal(found_of(scene, "10.0.0.1", MECHANISM_ENCODED_NAMES, 30)->window_days, 30);
    TOLD("10.0.0.1", ENCODED_NAMES, 27, 0);  // 189
    TOLD("10.0.0.2", ENCODED_NAMES, 30, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_a_hit_ratio_that_halves_is_told),
        SCENE(test_a_host_that_never_hits_and_a_weekend_are_no_fall),
        SCENE(test_each_resolver_is_a_cache_of_its_own),
        SCENE(test_a_pair_that_begins_to_tick_is_told_and_inventory_is_not),
        SCENE(test_volume_that_begins_to_rise_and_fall_is_told),
        SCENE(test_types_that_begin_to_rise_and_fall_are_told),
        SCENE(test_twenty_names_of_mixed_case_are_told),
        SCENE(test_a_forwarder_that_mixes_all_names_is_set_apart),
        SCENE(test_new_domains_with_random_letters_are_told),
        SCENE(test_thresholds_come_from_the_job),
        SCENE(test_texts_of_one_domain_are_told_by_hour_and_by_day),
        SCENE(test_texts_of_mail_and_of_block_lists_are_nothing),
        SCENE(test_five_names_of_63_bytes_before_the_domain_are_told),
        SCENE(test_known_software_is_silent_until_it_floods),
        SCENE(test_lookups_of_known_software_are_no_new_names),
        SCENE(test_twenty_names_with_a_kilobyte_are_told),
        SCENE(test_slow_names_add_up_over_a_month_and_repeats_do_not),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
