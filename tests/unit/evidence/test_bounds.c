/* The bounds beside the thresholds: what must be so many tenths, how long, how many hosts, how many days. Of
 * each one host at it and one a step below. */
#include "scene.h"

/* An hour of a workday, or of a night. */
#define AT(hour) ((int64_t)(hour)*3600)

/* So many hosts who were there before, and ask what everybody asks. */
static void others_ask(struct scene *scene, int days, int hosts, int from_hour, int to_hour)
{
    for (int day = 0; day < days; day++)
        for (int hour = from_hour; hour < to_hour; hour++)
            for (int i = 0; i < hosts; i++) {
                char ip[16];
                (void)snprintf(ip, sizeof ip, "10.1.0.%d", i);
                ask(scene, day, AT(hour) + i, ip, "A", "www.common.com");
            }
}

/* M2: 3,072 bytes in new names of two hosts together. */
static void test_bytes_of_a_campaign(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 1;
    for (int host = 1; host <= 4; host++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", host);
        ask(scene, 0, AT(10), ip, "A", "www.a.com");
        for (int i = 0; i < 48; i++) {
            char name[33];
            letters_of(&seed, LETTERS, 32, name);
            ask(scene, 1, AT(10) + 60 * i, ip, "A", "%s.%s.com", name + (host == 4 && i == 0),
                host <= 2 ? "joint" : "almost");
        }
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", CAMPAIGN_BYTES, 1, 3072);
    TOLD("10.0.0.2", CAMPAIGN_BYTES, 1, 3072);
    TOLD("10.0.0.3", CAMPAIGN_BYTES, 1, 0);
    TOLD("10.0.0.4", CAMPAIGN_BYTES, 1, 0);
}

/* M3 among eighty peers who make up nothing: 15 domains in a day, each asked within 10 minutes and not again,
 * of which 9 in 10 are bare. */
static void test_made_up_domains(void **state)
{
    static const struct {
        const char *ip;
        int domains, bare, again_s, told;  // the first domain is asked a second time
    } HOSTS[] = {{"10.0.0.1", 15, 15, 600, 15},
                 {"10.0.0.2", 14, 14, 600, 0},
                 {"10.0.0.3", 15, 15, 601, 0},
                 {"10.0.0.4", 20, 18, 0, 20},
                 {"10.0.0.5", 20, 17, 0, 0}};
    struct scene *scene = *state;
    others_ask(scene, 2, 100, 10, 11);
    for (size_t h = 0; h < sizeof HOSTS / sizeof *HOSTS; h++)
        for (int i = 0; i < HOSTS[h].domains; i++)
            for (int again = 0; again <= (i == 0); again++)
                ask(scene, 1, AT(10) + 5 * i + again * HOSTS[h].again_s, HOSTS[h].ip,
                    i % 2 && HOSTS[h].again_s == 0 ? "AAAA" : "A", "%smade%c%c.com",
                    i < HOSTS[h].bare ? "" : "www.", 'a' + (int)h, 'a' + i);
    find(scene, 0, 2, 1, NULL);
    for (size_t h = 0; h < sizeof HOSTS / sizeof *HOSTS; h++)
        TOLD(HOSTS[h].ip, ONE_SHOT, 1, HOSTS[h].told);
}

/* M5: 9 in 10 of a pair's hours are quiet. */
static void test_nine_in_ten_hours_are_quiet(void **state)
{
    struct scene *scene = *state;
    others_ask(scene, 9, 8, 9, 18);
    for (int night = 5; night < 8; night++)
        for (int hour = 1; hour < 4; hour++) {
            ask(scene, night, AT(hour), "10.1.0.1", "A", "x.nine.com");
            if (night < 7 || hour < 3)
                ask(scene, night, AT(hour), "10.1.0.2", "A", "x.eight.com");
        }
    ask(scene, 7, AT(11), "10.1.0.1", "A", "x.nine.com");
    ask(scene, 7, AT(11), "10.1.0.2", "A", "x.eight.com");
    find(scene, 0, 9, 1, NULL);
    TOLD("10.1.0.1", QUIET_ONLY, 7, 9);
    TOLD("10.1.0.2", QUIET_ONLY, 7, 0);
}

/* M6: up to half of the queries may be names when the hour is sixteen times any other; and it has 100 of
 * them.
 */
static void test_bursts_of_more_names_and_of_few_queries(void **state)
{
    static const struct {
        const char *ip;
        int usual, queries, names, told;
    } HOSTS[] = {{"10.0.0.1", 40, 640, 319, 1600},
                 {"10.0.0.2", 40, 639, 319, 0},
                 {"10.0.0.3", 40, 640, 320, 0},
                 {"10.0.0.4", 10, 100, 5, 1000},
                 {"10.0.0.5", 10, 99, 5, 0}};
    struct scene *scene = *state;
    for (size_t h = 0; h < sizeof HOSTS / sizeof *HOSTS; h++)
        for (int day = 0; day < 4; day++)
            for (int i = 0; i < (day == 3 ? HOSTS[h].queries : HOSTS[h].usual); i++)
                ask(scene, day, AT(10) + i, HOSTS[h].ip, "A", "n%d.busy.com", i % HOSTS[h].names);
    find(scene, 0, 4, 1, NULL);
    for (size_t h = 0; h < sizeof HOSTS / sizeof *HOSTS; h++)
        TOLD(HOSTS[h].ip, REPEATS, 3, HOSTS[h].told);
}

/* M1 in zones: ten names in a day make one, and 1,536 bytes in them are told; nine never are. */
static void test_ten_names_make_a_zone(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 2;
    others_ask(scene, 2, 8, 10, 11);
    for (int i = 0; i < 10; i++) {
        char name[3][61];
        for (int label = 0; label < 3; label++)
            letters_of(&seed, LETTERS, 60, name[label]);
        ask(scene, 1, AT(10) + 60 * i, "10.0.0.1", "A", "%s.%s.%s.ten.common.com", name[0], name[1], name[2]);
        if (i < 9)
            ask(scene, 1, AT(10) + 60 * i, "10.0.0.2", "A", "%s.%s.%s.nine.common.com", name[0], name[1],
                name[2]);
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", NEW_BYTES, 1, 10 * 182);  // before the zone
    TOLD("10.0.0.2", NEW_BYTES, 1, 0);
}

/* M4 at any hour: three hosts who begin with one domain are told, and four are a program's. */
static void test_three_hosts_of_a_new_clock(void **state)
{
    struct scene *scene = *state;
    others_ask(scene, 5, 8, 8, 18);
    for (int day = 3; day < 5; day++)
        for (int tick = 0; tick < 8 * 12; tick++)
            for (int i = 1; i <= 7; i++) {
                char ip[16];
                (void)snprintf(ip, sizeof ip, "10.1.0.%d", i);
                ask(scene, day, AT(9) + 300 * tick, ip, "A", i <= 3 ? "c2.three.com" : "c2.four.com");
            }
    find(scene, 0, 5, 1, NULL);
    for (int i = 1; i <= 7; i++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.1.0.%d", i);
        TOLD(ip, NEW_CLOCK, 4, i <= 3 ? 16 : 0);
    }
}

/* Rule 1: half of the usual hits are no fall where chance may do that: 6 deviations are wanted. Of n queries
 * a part h0 hits: of 200 a fifth usually, (40 − 20)² < 36·200·0.2·0.8; of 1,152 a fifth, where 230.4 are
 * usual and (230.4 − 115)² > 36·1152·0.2·0.8. */
static void test_a_fall_that_chance_may_make_is_none(void **state)
{
    struct scene *scene = *state;
    for (int day = 4; day < 9; day++)
        for (int host = 1; host <= 2; host++) {
            const int all = host == 1 ? 200 : 1152, hits = day < 8 ? all / 5 : all / 10;
            char ip[16];
            (void)snprintf(ip, sizeof ip, "10.0.0.%d", host);
            for (int i = 0; i < all; i++) {
                if (i < hits)
                    ask(scene, day, AT(8) + 30 * i, "10.0.0.8", "A", "n%d.x%d.com", i, host);
                ask(scene, day, AT(8) + 10 + 30 * i, ip, "A", "n%d.x%d.com", i, host);
            }
        }
    find(scene, 0, 9, 1, NULL);
    TOLD("10.0.0.1", CACHE_FALL, 8, 0);
    TOLD("10.0.0.2", CACHE_FALL, 8, 200);  // 230 of 1,152 against 115
}

/* Rule 2 of a pair: it ticks in three hours of the day, and began on its host's fourth day. */
static void test_a_pair_ticks_in_three_hours_from_the_fourth_day_on(void **state)
{
    struct scene *scene = *state;
    for (int i = 1; i <= 3; i++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", i);
        ask(scene, 0, AT(10), ip, "A", "www.own.com");
    }
    for (int tick = 0; tick < 25; tick++)
        for (int day = 2; day < 5; day++) {
            if (day >= 3) {
                ask(scene, day, AT(10) + 1800 + 240 * tick, "10.0.0.1", "A", "x.three.com");
                ask(scene, day, AT(10) + 240 * tick, "10.0.0.2", "A", "x.two.com");
            }
            ask(scene, day, AT(10) + 1800 + 240 * tick, "10.0.0.3", "A", "x.early.com");
        }
    find(scene, 0, 5, 1, NULL);
    assert_non_null(found_of(scene, "10.0.0.1", MECHANISM_BY_CLOCK, 3));
    assert_non_null(found_of(scene, "10.0.0.1", MECHANISM_BY_CLOCK, 4));
    assert_null(found_of(scene, "10.0.0.2", MECHANISM_BY_CLOCK, 4));
    assert_null(found_of(scene, "10.0.0.3", MECHANISM_BY_CLOCK, 4));
}

/* Rule 3: case changes at a quarter of the letters before the domain, in 9 in 10 of the names. */
static void test_nine_in_ten_names_change_case_at_a_quarter_of_their_letters(void **state)
{
    struct scene *scene = *state;
    ask(scene, 0, AT(10), "10.0.0.9", "A", "www.a.com");
    for (int i = 0; i < 27; i++) {
        const int a = 'a' + i / 9, b = 'a' + i % 9;
        ask(scene, 1, AT(10) + i, "10.0.0.1", "A", "aBcDe%c%cninemores.case.com", a, b);  // 4 of 16
        ask(scene, 1, AT(10) + i, "10.0.0.2", "A", "aBcDe%c%ctenmoreare.fewer.com", a, b);  // 4 of 17
        ask(scene, 1, AT(10) + i, "10.0.0.3", "A", "aBcDe%c%cninemores.partly.com", a, b);
        if (i < 4)
            ask(scene, 1, AT(11) + i, "10.0.0.3", "A", "lower%c.partly.com", b);
        if (i < 3)
            ask(scene, 1, AT(11) + i, "10.0.0.1", "A", "lower%c.case.com", b);
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", MIXED_CASE, 1, 27);
    TOLD("10.0.0.2", MIXED_CASE, 1, 0);
    TOLD("10.0.0.3", MIXED_CASE, 1, 0);
}

/* Rule 6: a label of 63 bytes. */
static void test_a_label_is_full_with_63_bytes(void **state)
{
    struct scene *scene = *state;
    char label[64];
    uint64_t seed = 3;
    letters_of(&seed, LETTERS, 63, label);
    ask(scene, 0, AT(10), "10.0.0.9", "A", "www.a.com");
    ask(scene, 1, AT(10), "10.0.0.1", "A", "%s.full.com", label);
    ask(scene, 1, AT(10), "10.0.0.2", "A", "%s.less.com", label + 1);
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", FULL_LABEL, 1, 1);
    TOLD("10.0.0.2", FULL_LABEL, 1, 0);
}

/* Rule 7: 65,536 bytes, of 4 bits a hexadecimal digit: 704 names of 93 bytes, and one of 64, or of 63. */
static void test_bytes_of_encoded_names(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 4;
    ask(scene, 0, AT(10), "10.0.0.9", "A", "www.a.com");
    for (int i = 0; i < 705; i++) {
        char name[3][63];
        for (int label = 0; label < 3; label++)
            letters_of(&seed, "0123456789abcdef", 62, name[label]);
        const bool is_last = i == 704;
        ask(scene, 1, AT(10) + 30 * i, "10.0.0.1", "A", "%s.%s.%s.much.com", name[0], name[1],
            is_last ? "ab12" : name[2]);
        ask(scene, 1, AT(10) + 30 * i, "10.0.0.2", "A", "%s.%s.%s.less.com", name[0], name[1],
            is_last ? "ab" : name[2]);
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", ENCODED_BYTES, 1, 65536);
    TOLD("10.0.0.2", ENCODED_BYTES, 1, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_bytes_of_a_campaign),
        SCENE(test_made_up_domains),
        SCENE(test_nine_in_ten_hours_are_quiet),
        SCENE(test_bursts_of_more_names_and_of_few_queries),
        SCENE(test_ten_names_make_a_zone),
        SCENE(test_three_hosts_of_a_new_clock),
        SCENE(test_a_fall_that_chance_may_make_is_none),
        SCENE(test_a_pair_ticks_in_three_hours_from_the_fourth_day_on),
        SCENE(test_nine_in_ten_names_change_case_at_a_quarter_of_their_letters),
        SCENE(test_a_label_is_full_with_63_bytes),
        SCENE(test_bytes_of_encoded_names),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
