/* Evidence found in small stores, on any number of ranks: each is written by hand, so what must be found is
 * known. */
#include "scene.h"

static void test_an_empty_store_has_no_evidence(void **state)
{
    struct scene *scene = *state;
    find(scene, 0, 10, 1, NULL);
    assert_int_equal(scene->found.count, 0);
}

/* 130 names, of which 129 differ from what came before: over 3 days, with days missing between, in parts. */
static void test_new_names_add_up_over_days_and_gaps_in_any_number_of_parts(void **state)
{
    static const int64_t DAYS[] = {0, 3, 4, 33};
    for (int parts = 1; parts <= 3; parts += 2) {
        struct scene *scene = *state;
        scene->count = 0;
        for (size_t d = 0; d < 4; d++)
            for (int i = 0; i < 65; i++)
                ask(scene, DAYS[d], 36000 + i, "2001:db8::7", "TXT", "%c%c%s.evil.com", 'a' + i / 26,
                    'a' + i % 26,
                    d == 3   ? "old"
                    : d == 2 ? "new"
                    : d == 1 ? "mid"
                             : "old");
        ask(scene, 32, 36000, "10.0.0.1", "A", "www.other.com");
        find(scene, 3, 40, parts, NULL);
        assert_null(found_of(scene, "2001:db8::7", MECHANISM_NEW_NAMES, 0));  // before the span
        const struct evidence *item = found_of(scene, "2001:db8::7", MECHANISM_NEW_NAMES, 3);
        assert_non_null(item);
        assert_int_equal(item->value,
                         130 / 2);  // 65 of the day: log2(65/60) beats 130 of 5 days: log2(130/120)
        assert_int_equal(item->window_days, 1);
        assert_int_equal(item->name_count, EVIDENCE_NAMES);
        // The 5 days to day 4 are days 0, 3 and 4: 195 names.
        item = found_of(scene, "2001:db8::7", MECHANISM_NEW_NAMES, 4);
        assert_non_null(item);
        assert_int_equal(item->value, 195);
        assert_int_equal(item->window_days, 5);
        // 30 days before day 33 end with day 3. Its names are those of day 0, which the pair asked then: none
        // is new.
        item = found_of(scene, "2001:db8::7", MECHANISM_NEW_NAMES, 33);
        assert_null(item);
        evidence_clear(&scene->found);
    }
}

/* Two domains a day that nobody asked before, as a visitor meets them: alike on each day, but not over a
 * month. */
static void test_a_visitors_new_domains_of_a_month_are_no_program(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 33; day++)
        for (int i = 0; i < 2; i++) {
            const int number = 2 * day + i;
            ask(scene, day, 36000 + 60 * i, "10.0.0.1", "A", "www.visit%c%c.com", 'a' + number / 26,
                'a' + number % 26);
            if (day % 2)
                ask(scene, day, 36001 + 60 * i, "10.0.0.1", "AAAA", "www.visit%c%c.com", 'a' + number / 26,
                    'a' + number % 26);
            ask(scene, day, 46000 + 60 * i, "10.0.0.2", "A", "made%c%c.com", 'a' + number / 26,
                'a' + number % 26);
        }
    find(scene, 0, 40, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.2", MECHANISM_ONE_SHOT, 32);
    assert_non_null(item);
    assert_int_equal(item->value, 60);
    assert_int_equal(item->window_days, 30);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_ONE_SHOT, 32));
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_ONE_SHOT, 31));
}

static void test_an_address_on_a_critical_list_is_no_more_than_a_notice(void **state)
{
    struct scene *scene = *state;
    ask(scene, 0, 36000, "10.0.0.1", "PTR", "7.113.0.203.in-addr.arpa");
    ask(scene, 0, 36000, "10.0.0.2", "A", "www.evil.com");
    find(scene, 0, 1, 1, "203.0.113.0/24\nevil.com\n");
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_LISTED_ADDRESS, 0);
    assert_non_null(item);
    assert_true(item->bits == 0);
    item = found_of(scene, "10.0.0.2", MECHANISM_LISTED, 0);
    assert_non_null(item);
    assert_true(item->bits == EVIDENCE_BITS_CRITICAL);
}

/* A server is silent for 8 hours: in windows of an hour, of ten minutes, and of four hours. */
static void silence_in_windows(struct scene *scene, int64_t window_s)
{
    for (int day = 0; day < 7; day++)
        for (int hour = 0; hour < 24; hour++) {
            ask(scene, day, hour * 3600, "10.0.0.9", "A", "www.a.com");
            if (day < 6 || hour < 8 || hour >= 16)
                ask(scene, day, hour * 3600 + 1800, "10.0.0.1", "A", "www.b.com");
        }
    scene->asking.plan.window_s = window_s;
    find(scene, 0, 10, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_SILENCE, 6);
    assert_non_null(item);
    assert_int_equal(item->value, 8);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_SILENCE, 5));
    assert_null(found_of(scene, "10.0.0.9", MECHANISM_SILENCE, 6));
}

static void test_silence_is_found_in_windows_of_an_hour(void **state)
{
    silence_in_windows(*state, 3600);
}

static void test_silence_is_found_in_windows_of_ten_minutes(void **state)
{
    silence_in_windows(*state, 600);
}

static void test_silence_is_found_in_windows_of_four_hours(void **state)
{
    silence_in_windows(*state, 14400);
}

/* A host that is awake from 15:00 to midnight asks a rare domain in the 25th hour of a day and nothing else
 * there: what is the last hour of other days, busy, must not be a quiet one there. */
static void test_the_25th_hour_of_a_day_is_quiet_when_the_24th_is(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 32; day++)
        for (int hour = 15; hour < 24; hour++)
            for (int i = 0; i < 8; i++) {
                const char *const ips[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4",
                                           "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"};
                ask(scene, day, hour * 3600 + i, ips[i], "A", "www.common.com");
            }
    // Three nights at the onset, so that one more quiet hour would reach the threshold of M5.
    for (int day = 29; day < 31; day++)
        ask(scene, day, 3 * 3600, "10.0.0.1", "A", "x.rare.com");
    ask(scene, 31, 24 * 3600 + 600, "10.0.0.1", "A", "x.rare.com");
    find(scene, 0, 40, 1, NULL);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_QUIET_ONLY, 31));
}

/* Three more nights: then it is. */
static void test_three_nights_of_a_rare_domain_are_evidence(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 20; day++)
        for (int hour = 15; hour < 24; hour++)
            for (int i = 0; i < 8; i++) {
                const char *const ips[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4",
                                           "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"};
                ask(scene, day, hour * 3600 + i, ips[i], "A", "www.common.com");
            }
    for (int day = 16; day < 19; day++)
        ask(scene, day, 3 * 3600, "10.0.0.1", "A", "x.rare.com");
    find(scene, 0, 40, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_QUIET_ONLY, 18);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_QUIET_ONLY, 17));
    assert_non_null(item);
    assert_int_equal(item->value, 3);
}

/* Sixty customers of a cloud that a page names, and as many domains that a program made up: in a network so
 * small that the program is its own peer, four times the threshold is enough. */
static void test_names_of_a_cloud_are_no_made_up_domains(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 60; i++) {
        ask(scene, 0, 36000 + i, "10.0.0.1", "A", "d%c%c.cloudfront.net", 'a' + i / 26, 'a' + i % 26);
        ask(scene, 0, 36000 + i, "10.0.0.2", "A", "made%c%c.net", 'a' + i / 26, 'a' + i % 26);
        if (i < 59)
            ask(scene, 0, 36000 + i, "10.0.0.3", "A", "less%c%c.net", 'a' + i / 26, 'a' + i % 26);
    }
    find(scene, 0, 1, 1, NULL);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_ONE_SHOT, 0));
    assert_non_null(found_of(scene, "10.0.0.2", MECHANISM_ONE_SHOT, 0));
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_ONE_SHOT, 0));
}

/* A proxy asks A and AAAA of whatever it is given: that 70 new domains are asked so says nothing of it. It
 * does of a host that asks by A alone otherwise; the half of a host's domains is the boundary. */
static void test_types_that_a_host_asks_everything_by_are_no_program(void **state)
{
    struct scene *scene = *state;
    static const char *const IPS[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    static const int ALIKE_OF_9[] = {9, 0, 5, 4};
    for (int ip = 0; ip < 4; ip++)
        for (int i = 0; i < 79; i++) {
            // 70 domains once, 9 that are asked again on the same day.
            const bool is_old = i >= 70;
            for (int again = 0; again <= is_old; again++) {
                const int64_t second = 30000 + (int64_t)i * 10 + again * 7200;
                ask(scene, 0, second, IPS[ip], "A", "www.of%d%c%c.com", ip, 'a' + i / 26, 'a' + i % 26);
                if (!is_old || i - 70 < ALIKE_OF_9[ip])
                    ask(scene, 0, second, IPS[ip], "AAAA", "www.of%d%c%c.com", ip, 'a' + i / 26,
                        'a' + i % 26);
            }
        }
    find(scene, 0, 1, 1, NULL);
    assert_null(found_of(scene, IPS[0], MECHANISM_ONE_SHOT, 0));
    assert_non_null(found_of(scene, IPS[1], MECHANISM_ONE_SHOT, 0));
    assert_null(found_of(scene, IPS[2], MECHANISM_ONE_SHOT, 0));
    assert_non_null(found_of(scene, IPS[3], MECHANISM_ONE_SHOT, 0));
}

/* Seventy names a day of one zone under a popular domain. Eight asked it on day 0, and one alone on days 1
 * and 30; another one is his alone on all days. */
static void test_a_zone_that_many_asked_within_30_days_is_not_rare(void **state)
{
    struct scene *scene = *state;
    static const int DAYS[] = {0, 1, 29, 30};
    for (int d = 0; d < 4; d++)
        for (int host = 0; host < 8; host++) {
            char ip[16];
            (void)snprintf(ip, sizeof ip, "10.0.0.%d", host + 1);
            ask(scene, DAYS[d], 36000, ip, "A", "www.popular.com");
            for (int i = 0; i < 70; i++) {
                if (d == 0 || host == 0)
                    ask(scene, DAYS[d], 36000 + i, ip, "A", "x%c%c%c%cword.all.popular.com", 'a' + d,
                        'a' + host, 'a' + i / 26, 'a' + i % 26);
                if (host == 0)
                    ask(scene, DAYS[d], 36000 + i, ip, "A", "x%c%c%cword.own.popular.com", 'a' + d,
                        'a' + i / 26, 'a' + i % 26);
            }
        }
    find(scene, 0, 40, 1, NULL);
    for (int d = 0; d < 4; d++) {
        const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_NEW_NAMES, DAYS[d]);
        assert_non_null(item);
        size_t count = 0;
        bool is_all = false;
        for (size_t i = 0; i < scene->found.count; i++) {
            const struct evidence *other = &scene->found.items[i];
            const char *domain = evidence_text_of(&scene->found, other->domain, &count);
            if (other->day == FIRST_DAY + DAYS[d] && domain && count == 15)
                is_all = is_all || memcmp(domain, "all.popular.com", 15) == 0;
        }
        assert_int_equal(is_all, DAYS[d] == 30);
    }
}

/* Two hosts that bring 70 names each, one that brings a quarter of the mean share or one less. */
static void bystander_asks(struct scene *scene, int names)
{
    scene->count = 0;
    for (int i = 0; i < 70; i++) {
        ask(scene, 0, 36000 + i, "10.0.0.1", "A", "a%c%c.evil.com", 'a' + i / 26, 'a' + i % 26);
        ask(scene, 0, 36000 + i, "10.0.0.2", "A", "b%c%c.evil.com", 'a' + i / 26, 'a' + i % 26);
    }
    for (int i = 0; i < names; i++)
        ask(scene, 0, 36000 + i, "10.0.0.3", "A", "www%c.evil.com", 'a' + i);
    evidence_clear(&scene->found);
    find(scene, 0, 1, 1, NULL);
}

static void test_a_bystander_is_no_part_of_a_campaign(void **state)
{
    struct scene *scene = *state;
    bystander_asks(scene, 12);  // 4 × 12 × 3 < 152
    assert_non_null(found_of(scene, "10.0.0.1", MECHANISM_CAMPAIGN_NAMES, 0));
    assert_non_null(found_of(scene, "10.0.0.2", MECHANISM_CAMPAIGN_NAMES, 0));
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_CAMPAIGN_NAMES, 0));
    bystander_asks(scene, 13);  // 4 × 13 × 3 ≥ 153
    assert_non_null(found_of(scene, "10.0.0.3", MECHANISM_CAMPAIGN_NAMES, 0));
}

/* A server is silent from 22:00 to 2:00; the resolver's own gap of the same hours is no silence. */
static void test_silence_goes_on_after_midnight(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 8; day++)
        for (int hour = 0; hour < 24; hour++) {
            if (!(day == 6 && hour >= 22) && !(day == 7 && hour < 2))
                ask(scene, day, hour * 3600, "10.0.0.1", "A", "www.b.com");
            ask(scene, day, hour * 3600, "10.0.0.9", "A", "www.a.com");
        }
    find(scene, 0, 10, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_SILENCE, 7);
    assert_non_null(item);
    assert_int_equal(item->value, 4);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_SILENCE, 6));
    assert_null(found_of(scene, "10.0.0.9", MECHANISM_SILENCE, 7));
}

/* A storm fills its hour with one name; of a burst, which repeats several, no name is a storm. */
static void test_a_burst_of_several_names_is_no_storm(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 3300; i++)
        ask(scene, 0, 36000 + i, "10.0.0.1", "A", "www%c.burst.com", 'a' + i % 3);
    for (int i = 0; i < 2000; i++)
        ask(scene, 0, 36000 + i, "10.0.0.2", "A", i % 2 ? "one.storm.com" : "x%c.storm.com", 'a' + i % 23);
    find(scene, 0, 1, 1, NULL);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_STORM, 0));
    const struct evidence *item = found_of(scene, "10.0.0.2", MECHANISM_STORM, 0);
    assert_non_null(item);
    assert_int_equal(item->value, 1000);
}

/* A worker of office hours, whose machine asks at night from day 14 on: for a rare domain, and for
 * everybody's. */
static void nights_of_a_worker(struct scene *scene, int nights)
{
    static const char *const IPS[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4",
                                      "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"};
    scene->count = 0;
    for (int day = 0; day < 24; day++)
        for (int hour = 9; hour < 18; hour++)
            for (int i = 0; i < 8; i++)
                ask(scene, day, hour * 3600 + i, IPS[i], "A", "www.common.com");
    for (int night = 0; night < nights; night++)
        for (int hour = 1; hour < 5; hour++) {
            ask(scene, 14 + night, hour * 3600, "10.0.0.1", "A", "files.rare.com");
            ask(scene, 14 + night, hour * 3600 + 60, "10.0.0.1", "A", "www.common.com");
        }
    evidence_clear(&scene->found);
    find(scene, 0, 40, 1, NULL);
}

static void test_nights_that_a_worker_never_had_are_evidence(void **state)
{
    struct scene *scene = *state;
    nights_of_a_worker(scene, 2);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_QUIET_ONLY, 15));
    nights_of_a_worker(scene, 8);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_QUIET_ONLY, 21);
    assert_non_null(item);
    assert_int_equal(item->value, 32);
    assert_null(found_of(scene, "10.0.0.2", MECHANISM_QUIET_ONLY, 21));
}

/* Rule 4 by its boundaries; a scanner's one of each is nothing. */
static void test_null_and_private_types_are_a_tunnels(void **state)
{
    struct scene *scene = *state;
    ask(scene, 0, 0, "10.0.0.9", "A", "www.a.com");
    for (int i = 0; i < 5; i++) {
        ask(scene, 1, 36000 + i, "10.0.0.1", "NULL", "x.null.com");
        if (i < 4)
            ask(scene, 1, 36000 + i, "10.0.0.2", "NULL", "x.few.com");
        if (i < 3)
            ask(scene, 1, 36000 + i, "10.0.0.3", "TYPE65399", "x.private.com");
        if (i < 2)
            ask(scene, 1, 36000 + i, "10.0.0.4", "TYPE65399", "x.scan.com");
    }
    find(scene, 0, 2, 1, NULL);
    const struct evidence *item = found_of(scene, "10.0.0.1", MECHANISM_NULL_TYPE, 1);
    assert_non_null(item);
    assert_true(item->bits == 0);
    assert_null(found_of(scene, "10.0.0.1", MECHANISM_PRIVATE_TYPE, 1));
    assert_null(found_of(scene, "10.0.0.2", MECHANISM_NULL_TYPE, 1));
    item = found_of(scene, "10.0.0.3", MECHANISM_PRIVATE_TYPE, 1);
    assert_non_null(item);
    assert_true(item->bits == 3);
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_NULL_TYPE, 1));
    assert_null(found_of(scene, "10.0.0.4", MECHANISM_PRIVATE_TYPE, 1));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_an_empty_store_has_no_evidence),
        SCENE(test_new_names_add_up_over_days_and_gaps_in_any_number_of_parts),
        SCENE(test_a_visitors_new_domains_of_a_month_are_no_program),
        SCENE(test_an_address_on_a_critical_list_is_no_more_than_a_notice),
        SCENE(test_silence_is_found_in_windows_of_an_hour),
        SCENE(test_silence_is_found_in_windows_of_ten_minutes),
        SCENE(test_silence_is_found_in_windows_of_four_hours),
        SCENE(test_the_25th_hour_of_a_day_is_quiet_when_the_24th_is),
        SCENE(test_three_nights_of_a_rare_domain_are_evidence),
        SCENE(test_names_of_a_cloud_are_no_made_up_domains),
        SCENE(test_types_that_a_host_asks_everything_by_are_no_program),
        SCENE(test_a_zone_that_many_asked_within_30_days_is_not_rare),
        SCENE(test_a_bystander_is_no_part_of_a_campaign),
        SCENE(test_silence_goes_on_after_midnight),
        SCENE(test_a_burst_of_several_names_is_no_storm),
        SCENE(test_nights_that_a_worker_never_had_are_evidence),
        SCENE(test_null_and_private_types_are_a_tunnels),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
