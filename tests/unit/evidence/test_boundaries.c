/* Each mechanism one step below its threshold and at it, where no other test has both. */
#include "scene.h"

/* M1: 60 names, or 1,536 bytes; M2: 120 names of two hosts, who by themselves have 60 and 59. */
static void test_new_names_and_bytes(void **state)
{
    struct scene *scene = *state;
    uint64_t seed = 1;
    for (int i = 5; i < 10; i++) {  // they were there before: what began with its hosts is inventory
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", i);
        ask(scene, 0, 36000, ip, "A", "www.a.com");
    }
    for (int i = 0; i < 60; i++) {
        char name[33];
        letters_of(&seed, LETTERS, 32, name);
        ask(scene, 1, 36000 + 60 * i, "10.0.0.1", "A", "%.8s.names.com", name);
        if (i < 59)
            ask(scene, 1, 36000 + 60 * i, "10.0.0.2", "A", "%.8s.fewer.com", name);
        if (i < 48) {
            ask(scene, 1, 36000 + 60 * i, "10.0.0.3", "A", "%s.bytes.com", name);
            ask(scene, 1, 36000 + 60 * i, "10.0.0.4", "A", "%s.less.com", name + (i == 0));
        }
        ask(scene, 1, 36000 + 60 * i, "10.0.0.5", "A", "%.8s.joint.com", name);
        ask(scene, 1, 36000 + 60 * i, "10.0.0.6", "A", "%.8s.joint.com", name + 8);
        ask(scene, 1, 36000 + 60 * i, "10.0.0.7", "A", "%.8s.almost.com", name);
        if (i < 59)
            ask(scene, 1, 36000 + 60 * i, "10.0.0.8", "A", "%.8s.almost.com", name + 8);
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", NEW_NAMES, 1, 60);
    TOLD("10.0.0.2", NEW_NAMES, 1, 0);
    TOLD("10.0.0.3", NEW_BYTES, 1, 1536);
    TOLD("10.0.0.4", NEW_BYTES, 1, 0);
    TOLD("10.0.0.5", CAMPAIGN_NAMES, 1, 120);
    TOLD("10.0.0.6", CAMPAIGN_NAMES, 1, 120);
    TOLD("10.0.0.7", CAMPAIGN_NAMES, 1, 0);
    TOLD("10.0.0.8", CAMPAIGN_NAMES, 1, 0);
}

/* M4: of workers of office hours, on two nights from day 5 on: 8 quiet hours by the clock, or 16 once an
 * hour. */
static void test_quiet_hours(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 8; day++)
        for (int hour = 9; hour < 18; hour++)
            for (int i = 1; i <= 8; i++) {
                char ip[16];
                (void)snprintf(ip, sizeof ip, "10.0.0.%d", i);
                ask(scene, day, hour * 3600 + i, ip, "A", "www.common.com");
            }
    for (int day = 5; day < 7; day++)
        for (int hour = 0; hour < 8; hour++) {
            const bool is_last = day == 6 && hour == 7;
            for (int tick = 0; tick < 12 && hour < 4; tick++) {
                ask(scene, day, hour * 3600 + 300 * tick, "10.0.0.1", "A", "x.clock.com");
                if (day == 5 || hour < 3)
                    ask(scene, day, hour * 3600 + 300 * tick, "10.0.0.2", "A", "x.shorter.com");
            }
            ask(scene, day, hour * 3600 + 97 * hour * hour % 3600, "10.0.0.3", "A", "x.nights.com");
            if (!is_last)
                ask(scene, day, hour * 3600 + 97 * hour * hour % 3600, "10.0.0.4", "A", "x.nightly.com");
        }
    find(scene, 0, 8, 1, NULL);
    TOLD("10.0.0.1", REGULAR, 5, 0);
    TOLD("10.0.0.1", REGULAR, 6, 8);
    TOLD("10.0.0.2", REGULAR, 6, 0);
    TOLD("10.0.0.3", IRREGULAR, 6, 16);
    TOLD("10.0.0.4", IRREGULAR, 6, 0);
}

static void hour_asks(struct scene *scene, int day, const char *ip, int queries, int names)
{
    for (int i = 0; i < queries; i++)
        ask(scene, day, 36000 + i, ip, "A", "n%d.busy.com", i % names);
}

/* M6: four times the busiest hour of three earlier days, of which less than a fifth are names. */
static void test_bursts(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 4; day++) {
        hour_asks(scene, day, "10.0.0.1", day == 3 ? 400 : 100, 79);
        hour_asks(scene, day, "10.0.0.2", day == 3 ? 399 : 100, 79);
        hour_asks(scene, day, "10.0.0.3", day == 3 ? 400 : 100, 80);
    }
    find(scene, 0, 4, 1, NULL);
    TOLD("10.0.0.1", REPEATS, 3, 400);
    TOLD("10.0.0.2", REPEATS, 3, 0);
    TOLD("10.0.0.3", REPEATS, 3, 0);
}

/* M7: ten queries of odd types; those of types that mail servers use are not odd. */
static void test_odd_types(void **state)
{
    struct scene *scene = *state;
    ask(scene, 0, 36000, "10.0.0.9", "A", "www.a.com");
    for (int i = 0; i < 10; i++) {
        ask(scene, 1, 36000 + i, "10.0.0.1", "KEY", "x.odd.com");
        if (i < 9)
            ask(scene, 1, 36000 + i, "10.0.0.2", "KEY", "x.fewer.com");
        ask(scene, 1, 36000 + i, "10.0.0.3", i % 2 ? "MX" : "SRV", "x.mail.com");
    }
    find(scene, 0, 2, 1, NULL);
    TOLD("10.0.0.1", ODD_TYPES, 1, 10);
    TOLD("10.0.0.2", ODD_TYPES, 1, 0);
    TOLD("10.0.0.3", ODD_TYPES, 1, 0);
}

/* M8: three silent hours of hosts that never slept, but none of one that did; a thousand queries for one
 * name. */
static void test_silence_and_storms(void **state)
{
    struct scene *scene = *state;
    for (int day = 0; day < 7; day++)
        for (int hour = 0; hour < 24; hour++) {
            const bool is_last = day == 6;
            ask(scene, day, hour * 3600, "10.0.0.9", "A", "www.a.com");
            if (!is_last || hour < 8 || hour >= 11)
                ask(scene, day, hour * 3600 + 60, "10.0.0.1", "A", "www.a.com");
            if (!is_last || hour < 8 || hour >= 10)
                ask(scene, day, hour * 3600 + 60, "10.0.0.2", "A", "www.a.com");
            if ((!is_last && hour >= 2) || hour >= 11)  // 22 of 24 hours are less than 95 %
                ask(scene, day, hour * 3600 + 60, "10.0.0.3", "A", "www.a.com");
        }
    for (int i = 0; i < 1000; i++) {
        ask(scene, 6, 36000 + 3 * i, "10.0.0.4", "A", "x.storm.com");
        if (i < 999)
            ask(scene, 6, 36000 + 3 * i, "10.0.0.5", "A", "x.fewer.com");
    }
    find(scene, 0, 7, 1, NULL);
    TOLD("10.0.0.1", SILENCE, 6, 3);
    TOLD("10.0.0.2", SILENCE, 6, 0);
    TOLD("10.0.0.3", SILENCE, 6, 0);
    TOLD("10.0.0.4", STORM, 6, 1000);
    TOLD("10.0.0.5", STORM, 6, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_new_names_and_bytes), SCENE(test_quiet_hours),        SCENE(test_bursts),
        SCENE(test_odd_types),           SCENE(test_silence_and_storms),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
