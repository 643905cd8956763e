/* What a host does against its own past, its peers and what is new: at any hour, in small steps, and below a
 * popular domain. Each mechanism with its attack, its boundary and benign look-alikes. */
#include "scene.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Eight hosts ask for a domain in an hour of each day: it is not rare. */
static void everybody_asks(struct scene *scene, int days, int from_hour, int to_hour)
{
    for (int day = 0; day < days; day++)
        for (int hour = from_hour; hour < to_hour; hour++)
            for (int i = 1; i <= 8; i++) {
                char ip[16];
                (void)snprintf(ip, sizeof ip, "10.0.0.%d", i);
                ask(scene, day, hour * 3600 + i, ip, "A", "www.common.com");
            }
}

static void clock_asks(struct scene *scene, int day, int hours, const char *ip, const char *name)
{
    for (int tick = 0; tick < hours * 12; tick++)
        ask(scene, day, 300 * tick + 7, ip, "A", "%s", name);
}

/* Hosts that never rest. One begins to ask by the clock on day 5; another always did; what a third begins
 * with was known to a fourth; four begin with one program. */
static void test_a_new_domain_by_the_clock_is_evidence_at_any_hour(void **state)
{
    struct scene *scene = *state;
    everybody_asks(scene, 9, 0, 24);
    ask(scene, 0, 36000, "10.0.0.4", "A", "c2.known.com");
    for (int day = 0; day < 9; day++) {
        clock_asks(scene, day, 24, "10.0.0.2", "status.vendor.com");
        if (day < 5)
            continue;
        clock_asks(scene, day, 24, "10.0.0.1", "c2.news.com");
        clock_asks(scene, day, 24, "10.0.0.3", "c2.known.com");
        for (int i = 5; i <= 8; i++) {
            char ip[16];
            (void)snprintf(ip, sizeof ip, "10.0.0.%d", i);
            clock_asks(scene, day, 24, ip, "update.program.com");
        }
    }
    find(scene, 0, 10, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_NEW_CLOCK, 5);
    assert_non_null(item);
    assert_int_equal(item->value, 24);
    item = found_of(scene, "10.0.0.1", MECHANISM_NEW_CLOCK, 6);
    assert_non_null(item);
    assert_int_equal(item->value, 48);
    assert_int_equal(item->window_days, 5);
    item = found_of(scene, "10.0.0.1", MECHANISM_NEW_CLOCK, 8);
    assert_non_null(item);
    assert_true(item->bits == 2);  // log2(96/16), but a new program looks the same
    for (int i = 2; i <= 8; i++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", i);
        assert_null(found_of(scene, ip, MECHANISM_NEW_CLOCK, 6));
    }
}

/* In working hours alone: 16 hours are enough, 15 are not, nor is a day before the third since its host
 * came. */
static void test_a_clock_needs_16_hours_and_a_host_that_is_known(void **state)
{
    struct scene *scene = *state;
    everybody_asks(scene, 6, 8, 18);
    for (int hour = 0; hour < 8; hour++)
        for (int day = 3; day < 5; day++)
            for (int tick = 0; tick < 12; tick++) {
                ask(scene, day, (9 + hour) * 3600 + 300 * tick, "10.0.0.1", "A", "c2.evil.com");
                if (hour < 7 || day < 4)
                    ask(scene, day, (9 + hour) * 3600 + 300 * tick, "10.0.0.2", "A", "c2.short.com");
                ask(scene, day - 1, (9 + hour) * 3600 + 300 * tick, "10.0.0.3", "A", "c2.early.com");
            }
    find(scene, 0, 10, 1, NULL);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_NEW_CLOCK, 3));
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_NEW_CLOCK, 4);
    assert_non_null(item);
    assert_int_equal(item->value, 16);
    assert_true(item->bits == 0);
    assert_null(found_of(scene, "10.0.0.2", MECHANISM_NEW_CLOCK, 4));
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_NEW_CLOCK, 3));
}

/* An intruder who was there from the first day on, in the machine of a day worker: it asks at night for a
 * rare domain and for everybody's. A backup lives at night; another worker asks for his domain by day as
 * well. */
static void test_nights_since_the_first_day_are_seen_against_peers(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 6; day++) {
        for (int hour = 9; hour < 18; hour++)
            for (int i = 1; i <= 24; i++) {
                char ip[16];
                (void)snprintf(ip, sizeof ip, "10.0.1.%d", i);
                ask(scene, day, hour * 3600 + i, ip, "A", "www.common.com");
            }
        for (int hour = 1; hour < 4; hour++) {
            ask(scene, day, hour * 3600, "10.0.1.1", "A", "files.rare.com");
            ask(scene, day, hour * 3600, "10.0.1.1", "A", "www.common.com");
            ask(scene, day, hour * 3600, "10.0.1.99", "A", "copy.backup.com");
            ask(scene, day, hour * 3600, "10.0.1.99", "A", "www.common.com");
            ask(scene, day, hour * 3600, "10.0.1.2", "A", "mine.habit.com");
        }
        ask(scene, day, 36000, "10.0.1.2", "A", "mine.habit.com");
    }
    find(scene, 0, 10, 1, NULL);
    assert_null(found_of(scene, "10.0.1.1", MECHANISM_OFF_HOURS, 2));
    const struct evidence *item = found_of(scene, "10.0.1.1", MECHANISM_OFF_HOURS, 3);
    assert_non_null(item);
    assert_int_equal(item->value, 12);
    assert_int_equal(item->window_days, 5);
    // Its own nights are none that it rests in.
    assert_null(found_of(scene, "10.0.1.1", MECHANISM_QUIET_ONLY, 3));
    assert_null(found_of(scene, "10.0.1.99", MECHANISM_OFF_HOURS, 5));
    assert_null(found_of(scene, "10.0.1.2", MECHANISM_OFF_HOURS, 5));
}

/* Asks for domains that nobody knows: of letters that hardly follow one another in words, and of words. */
static void domains_ask(struct scene *scene, int day, const char *ip, int random, int words)
{
    uint64_t seed = (uint64_t)day * 1000 + (uint64_t)ip[strlen(ip) - 1];
    for (int i = 0; i < random + words; i++) {
        char label[15];
        letters_of(&seed, "qxzjkvw", 14, label);
        if (i < random)
            ask(scene, day, 36000 + 40 * i, ip, "A", "%s.net", label);
        else
            ask(scene, day, 36000 + 40 * i, ip, "A", "river%c%cstone%s.net", 'a' + day, 'a' + i % 26,
                i < 26 ? "" : "market");
    }
}

static void test_domains_drawn_by_lot_add_up(void **state)
{
    struct scene *scene = *state;
    everybody_asks(scene, 9, 9, 10);
    domains_ask(scene, 2, "10.0.0.1", 12, 0);  // of the store's first days everything is new
    domains_ask(scene, 3, "10.0.0.2", 12, 0);
    domains_ask(scene, 3, "10.0.0.3", 11, 0);
    domains_ask(scene, 3, "10.0.0.4", 12, 24);  // a third
    domains_ask(scene, 4, "10.0.0.5", 12, 25);  // less, as who crawls
    domains_ask(scene, 5, "10.0.0.6", 0, 30);  // a visitor
    for (int day = 4; day < 8; day++)
        domains_ask(scene, day, "10.0.0.7", 4, 0);
    for (int i = 0; i < 26; i++)
        ask(scene, 5, 36000 + i, "10.0.0.8", "A", "d%cqxzjkvwqxz.cloudfront.net", 'a' + i);
    find(scene, 0, 10, 1, NULL);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_DRAWN_DOMAINS, 2));
    const struct evidence *item = found_of(scene, "10.0.0.2", MECHANISM_DRAWN_DOMAINS, 3);
    assert_non_null(item);
    assert_int_equal(item->value, 12);
    assert_int_equal(item->name_count, EVIDENCE_NAMES);
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_DRAWN_DOMAINS, 3));
    assert_non_null(found_of(scene, "10.0.0.4", MECHANISM_DRAWN_DOMAINS, 3));
    assert_null(found_of(scene, "10.0.0.5", MECHANISM_DRAWN_DOMAINS, 4));
    assert_null(found_of(scene, "10.0.0.6", MECHANISM_DRAWN_DOMAINS, 5));
    assert_null(found_of(scene, "10.0.0.7", MECHANISM_DRAWN_DOMAINS, 6));
    item = found_of(scene, "10.0.0.7", MECHANISM_DRAWN_DOMAINS, 7);
    assert_non_null(item);
    assert_int_equal(item->value, 16);
    assert_int_equal(item->window_days, 5);
    assert_null(found_of(scene, "10.0.0.8", MECHANISM_DRAWN_DOMAINS, 5));
}

/* Names below a domain of everybody: of one host in a zone of its own, of many in one zone, of one host right
 * below the domain, and one name too few. */
static void names_below_ask(struct scene *scene, int names)
{
    everybody_asks(scene, 2, 9, 10);
    for (int i = 0; i < names; i++) {
        const char a = (char)('a' + i / 26), b = (char)('a' + i % 26);
        ask(scene, 1, 36000 + i, "10.0.0.1", "TXT", "d%c%c.t.lent.common.com", a, b);
        ask(scene, 1, 36000 + i, "10.0.0.2", "A", "d%c%c.common.com", a, b);
        for (int host = 3; host <= 8; host++) {
            char ip[16];
            (void)snprintf(ip, sizeof ip, "10.0.0.%d", host);
            ask(scene, 1, 36000 + i, ip, "A", "d%c%c%d.virus.common.com", a, b, host);
        }
        if (i < names - 1)
            ask(scene, 1, 36000 + i, "10.0.0.2", "TXT", "d%c%c.less.common.com", a, b);
    }
}

static void test_a_tunnel_below_a_popular_domain_is_found_by_its_zone(void **state)
{
    struct scene *scene = *state;
    size_t count = 0;
    names_below_ask(scene, 60);
    find(scene, 0, 2, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_NEW_NAMES, 1);
    assert_non_null(item);
    assert_int_equal(item->value, 60);
    const char *text = evidence_text_of(&scene->found, item->domain, &count);
    assert_non_null(text);
    assert_int_equal(count, strlen("lent.common.com"));
    assert_memory_equal(text, "lent.common.com", count);
    for (int host = 2; host <= 8; host++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", host);
        assert_null(found_of(scene, ip, MECHANISM_NEW_NAMES, 1));
        assert_null(found_of(scene, ip, MECHANISM_ONE_SHOT, 1));
    }
}

/* What allows the domain allows its zones, as it did before there were any. */
static void test_an_allowed_domain_allows_its_zones(void **state)
{
    struct scene *scene = *state;
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/quern_allow.%ld", (long)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("common.com,*,,,ours\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    names_below_ask(scene, 60);
    scene->allow = path;
    find(scene, 0, 2, 1, NULL);
    (void)unlink(path);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_NEW_NAMES, 1);
    assert_non_null(item);
    assert_true(item->is_silenced);
}

/* Five devices of a maker ask 10 new names a day under its cloud since they came; those of another maker
 * begin on day 3. */
static void test_what_all_hosts_did_since_they_came_is_no_campaign(void **state)
{
    struct scene *scene = *state;
    char ip[16];
    for (int day = 0; day < 13; day++)
        for (int host = 1; host <= 5; host++)
            for (int i = 0; i < 10; i++) {
                (void)snprintf(ip, sizeof ip, "10.0.2.%d", host);
                ask(scene, day, 36000 + i, ip, "A", "t%c%c%c.maker.com", 'a' + day, 'a' + host, 'a' + i);
                (void)snprintf(ip, sizeof ip, "10.0.3.%d", host);
                ask(scene, day, 36000 + i, ip, "A", "t%c%c%c.%s.com", 'a' + (day < 3 ? 0 : day), 'a' + host,
                    'a' + (day < 3 ? 0 : i), day < 3 ? "first" : "cloud");
            }
    find(scene, 0, 20, 1, NULL);
    for (int host = 1; host <= 5; host++) {
        (void)snprintf(ip, sizeof ip, "10.0.2.%d", host);
        assert_null(found_of(scene, ip, MECHANISM_CAMPAIGN_NAMES, 12));  // 650: log2(650/400) − 2 < 0
        (void)snprintf(ip, sizeof ip, "10.0.3.%d", host);
        assert_null(found_of(scene, ip, MECHANISM_CAMPAIGN_NAMES, 6));
        const struct evidence *item = found_of(scene, ip, MECHANISM_CAMPAIGN_NAMES, 12);
        assert_non_null(item);
        assert_int_equal(item->value, 500);  // of 30 days, log2(500/400); of 5 days log2(250/240)
    }
}

/* An idle tunnel asks a new name every few seconds, all alike: by 9 minutes at 4 s it is critical, with what
 * M1 makes of it. Thirty names at 10 s are the boundary. */
static void test_new_names_by_a_fast_clock_are_a_tunnel_that_waits(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 11;
    ask(scene, 0, 36000, "10.0.0.9", "A", "www.common.com");
    for (int i = 0; i < 135; i++) {
        char name[8];
        letters_of(&seed, LETTERS, 7, name);
        ask(scene, 1, 36000 + 4 * i, "10.0.0.1", "A", "p%s.t.waits.com", name);
        if (i < 30)
            ask(scene, 1, 36000 + 10 * i, "10.0.0.2", "A", "p%s.t.least.com", name);
        if (i < 29)
            ask(scene, 1, 36000 + 10 * i, "10.0.0.3", "A", "p%s.t.fewer.com", name);
        ask(scene, 1, 36000 + 11 * i, "10.0.0.4", "A", "p%s.t.slower.com", name);
    }
    find(scene, 0, 2, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_POLLS, 1);
    assert_non_null(item);
    assert_int_equal(item->value, 135);
    assert_true(item->bits == 2);  // log2(135/30) = 2.17, but M1 measures the same without a bound
    item = found_of(scene, "10.0.0.1", MECHANISM_NEW_NAMES, 1);
    assert_true(item && item->bits > 1);
    item = found_of(scene, "10.0.0.2", MECHANISM_POLLS, 1);
    assert_non_null(item);
    assert_true(item->value == 30 && item->bits == 0);
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_POLLS, 1));
    assert_null(found_of(scene, "10.0.0.4", MECHANISM_POLLS, 1));
}

/* A crawler meets names that people chose, of many lengths; a browser asks each name for A and AAAA; a page
 * brings its names at once; a counter counts; a scan asks in nearly every second, now once and now thrice;
 * what an anti-virus program asks is known. */
static void test_other_new_names_are_no_tunnel_that_waits(void **state)
{
    static const char *const WORDS[] = {"sea", "river", "gardens", "forestation"};
    struct scene *scene = *state;
    struct error err = {0};
    char path[4096];
    uint64_t seed = 12;
    assert_true(job_data_path("datasets/known.csv", path, sizeof path));
    asking_check(known_software_read(path, &scene->known, &err), &err);
    ask(scene, 0, 36000, "10.0.0.9", "A", "www.common.com");
    for (int i = 0; i < 120; i++) {
        char name[8];
        letters_of(&seed, LETTERS, 7, name);
        ask(scene, 1, 36000 + 2 * i, "10.0.0.1", "A", "%s-%.*s.crawled.com", WORDS[i % 4], 3 + i / 4 % 3,
            name);
        ask(scene, 1, 36000 + 2 * i, "10.0.0.2", "A", "p%s.browsed.com", name);
        ask(scene, 1, 36000 + 2 * i, "10.0.0.2", "AAAA", "p%s.browsed.com", name);
        ask(scene, 1, 36000 + 900 * (i / 20), "10.0.0.3", "A", "p%s.page.com", name);
        ask(scene, 1, 36000 + (int64_t)(dice(&seed) % 1200), "10.0.0.4", "A", "p%s.random.com", name);
        ask(scene, 1, 36000 + 2 * i, "10.0.0.5", "A", "n%07d.counted.com", i);
        ask(scene, 1, 36000 + (int64_t)(dice(&seed) % 80), "10.0.0.6", "A", "p%s.scan.com", name);
        ask(scene, 1, 36000 + 2 * i, "10.0.0.7", "A", "%s%s%s.avqs.mcafee.com", name, name, name);
    }
    find(scene, 0, 2, 1, NULL);
    for (size_t i = 0; i < scene->found.count; i++)
        assert_int_not_equal(scene->found.items[i].mechanism, MECHANISM_POLLS);
    assert_non_null(found_of(scene, "10.0.0.6", MECHANISM_NEW_NAMES, 1));
    assert_null(found_of(scene, "10.0.0.7", MECHANISM_NEW_NAMES, 1));  // lookups are nobody's data
    assert_non_null(
        found_of(scene, "10.0.0.1", MECHANISM_NEW_NAMES, 1));  // these names are told all the same
    assert_non_null(found_of(scene, "10.0.0.4", MECHANISM_NEW_NAMES, 1));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_a_new_domain_by_the_clock_is_evidence_at_any_hour),
        SCENE(test_a_clock_needs_16_hours_and_a_host_that_is_known),
        SCENE(test_nights_since_the_first_day_are_seen_against_peers),
        SCENE(test_domains_drawn_by_lot_add_up),
        SCENE(test_a_tunnel_below_a_popular_domain_is_found_by_its_zone),
        SCENE(test_an_allowed_domain_allows_its_zones),
        SCENE(test_what_all_hosts_did_since_they_came_is_no_campaign),
        SCENE(test_new_names_by_a_fast_clock_are_a_tunnel_that_waits),
        SCENE(test_other_new_names_are_no_tunnel_that_waits),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
