/* How evidence adds up: strength, verdicts and their boundaries, and which incident an IP is known by. */
#include "decide/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

struct given {
    const char *ip;
    enum mechanism mechanism;
    uint64_t domain;
    int64_t day;
    double bits;
    bool is_silenced;
};

/* Adds up evidence, which is given in the order of an evidence_list. */
static struct incident_list incidents_of(const struct given *given, size_t count)
{
    struct error err = {0};
    struct incident_list list;
    struct evidence items[16] = {{.feed = -1}};
    assert_true(count <= COUNT(items));
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct evidence){.domain = given[i].domain,
                                     .day = given[i].day,
                                     .mechanism = (int32_t)given[i].mechanism,
                                     .bits = given[i].bits,
                                     .is_silenced = given[i].is_silenced,
                                     .feed = -1};
        assert_true(ip_read(given[i].ip, strlen(given[i].ip), &items[i].ip));
    }
    const struct evidence_list evidence = {.items = items, .count = count};
    assert_int_equal(incidents_make(&evidence, NULL, &list, &err), STATUS_OK);
    return list;
}

/* The only incident of one IP's evidence of one cause. */
static struct incident incident_of(const struct given *given, size_t count)
{
    struct incident_list list = incidents_of(given, count);
    assert_int_equal(list.count, 1);
    struct incident incident = list.items[0];
    incidents_clear(&list);
    return incident;
}

#define EXPECT(expected_verdict, expected_strength, ...)                                                     \
    do {                                                                                                     \
        static const struct given GIVEN[] = {__VA_ARGS__};                                                   \
        struct incident incident = incident_of(GIVEN, COUNT(GIVEN));                                         \
        assert_int_equal(incident.verdict, expected_verdict);                                                \
        assert_true(incident.strength == (expected_strength));                                               \
    } while (0)

#define IP "10.0.0.1"

static void test_verdicts_change_at_one_bit_and_at_three(void **state)
{
    (void)state;
    EXPECT(VERDICT_NOTICE, 0, {IP, MECHANISM_NEW_NAMES, 7, 1, 0, false});
    EXPECT(VERDICT_NOTICE, 0.9999, {IP, MECHANISM_NEW_NAMES, 7, 1, 0.9999, false});
    EXPECT(VERDICT_WARNING, 1, {IP, MECHANISM_NEW_NAMES, 7, 1, 1, false});
    EXPECT(VERDICT_WARNING, 2.9999, {IP, MECHANISM_NEW_NAMES, 7, 1, 2.9999, false});
    EXPECT(VERDICT_CRITICAL, 3, {IP, MECHANISM_NEW_NAMES, 7, 1, 3, false});
    EXPECT(VERDICT_WARNING, 10, {IP, MECHANISM_STORM, 7, 1, 10, false});  // a fault is a warning at most
    EXPECT(VERDICT_CRITICAL, 3, {IP, MECHANISM_LISTED, 7, 1, EVIDENCE_BITS_CRITICAL, false});
    EXPECT(VERDICT_NOTICE, 0, {IP, MECHANISM_LISTED_ADDRESS, 7, 1, 0, false});
}

static void test_strength_is_the_best_and_a_part_of_each_other_one(void **state)
{
    (void)state;
    // Of a mechanism and domain the best day counts; the order of domains does not.
    EXPECT(VERDICT_WARNING, 2 + 0.3, {IP, MECHANISM_NEW_NAMES, 7, 1, 0.5, false},
           {IP, MECHANISM_NEW_NAMES, 7, 2, 1, false}, {IP, MECHANISM_NEW_NAMES, 8, 1, 2, false});
    EXPECT(VERDICT_WARNING, 2 + 0.3, {IP, MECHANISM_NEW_NAMES, 7, 1, 2, false},
           {IP, MECHANISM_NEW_NAMES, 8, 1, 1, false});
    // Notices that add up to a bit are no warning: no statistic has reached twice its threshold.
    EXPECT(VERDICT_NOTICE, 0.875 + 0.3 * 0.875, {IP, MECHANISM_NEW_NAMES, 7, 1, 0.875, false},
           {IP, MECHANISM_NEW_NAMES, 8, 1, 0.875, false});
}

static void test_two_statistics_on_one_domain_are_critical(void **state)
{
    (void)state;
    EXPECT(VERDICT_CRITICAL, 1.3, {IP, MECHANISM_NEW_NAMES, 7, 1, 1, false},
           {IP, MECHANISM_ODD_TYPES, 7, 1, 1, false});
    // Not on two domains, not below a bit, and not when both are ways to look at one statistic.
    EXPECT(VERDICT_WARNING, 1.3, {IP, MECHANISM_NEW_NAMES, 7, 1, 1, false},
           {IP, MECHANISM_ODD_TYPES, 8, 1, 1, false});
    EXPECT(VERDICT_WARNING, 1 + 0.3 * 0.875, {IP, MECHANISM_NEW_NAMES, 7, 1, 1, false},
           {IP, MECHANISM_ODD_TYPES, 7, 1, 0.875, false});
    EXPECT(VERDICT_WARNING, 1.3, {IP, MECHANISM_NEW_NAMES, 7, 1, 1, false},
           {IP, MECHANISM_NEW_BYTES, 7, 1, 1, false});
}

static void test_silenced_evidence_is_no_incident(void **state)
{
    (void)state;
    static const struct given ALL[] = {{IP, MECHANISM_NEW_NAMES, 7, 1, 9, true}};
    static const struct given SOME[] = {{IP, MECHANISM_NEW_NAMES, 7, 1, 9, true},
                                        {IP, MECHANISM_NEW_NAMES, 8, 5, 1, false}};
    struct incident_list list = incidents_of(ALL, 1);
    assert_int_equal(list.count, 0);
    incidents_clear(&list);
    struct incident incident = incident_of(SOME, 2);
    assert_true(incident.strength == 1 && incident.domain == 8 && incident.first_day == 5 &&
                incident.evidence == 1);
    list = incidents_of(NULL, 0);
    assert_int_equal(list.count, 0);
    incidents_clear(&list);
}

static void test_an_identity_stays_and_belongs_to_ip_and_cause(void **state)
{
    (void)state;
    static const struct given FIRST[] = {{IP, MECHANISM_NEW_NAMES, 7, 1, 1, false}};
    static const struct given LATER[] = {{IP, MECHANISM_ODD_TYPES, 9, 40, 5, false}};
    static const struct given OTHER[] = {{"10.0.0.2", MECHANISM_NEW_NAMES, 7, 1, 1, false}};
    static const struct given CAUSE[] = {{IP, MECHANISM_LISTED, 7, 1, 1, false}};
    const uint64_t id = incident_of(FIRST, 1).id;
    assert_true(incident_of(LATER, 1).id == id);
    assert_true(incident_of(OTHER, 1).id != id);
    assert_true(incident_of(CAUSE, 1).id != id);
}

static void judge(const struct given *given, size_t count, struct ip_judged *ip)
{
    struct incident_list list = incidents_of(given, count);
    struct ip_table table = {ip, 1};
    *ip = (struct ip_judged){.model_score = 0.5, .cause = -1};
    assert_true(ip_read(IP, strlen(IP), &ip->ip));
    verdicts_take(&table, &list);
    incidents_clear(&list);
}

static void test_an_ip_is_known_by_its_gravest_incident(void **state)
{
    (void)state;
    static const struct given GIVEN[] = {{IP, MECHANISM_NEW_NAMES, 7, 1, 3.5, false},
                                         {IP, MECHANISM_STORM, 9, 1, 8, false}};
    struct ip_judged ip;
    judge(GIVEN, 2, &ip);
    assert_int_equal(ip.verdict, VERDICT_CRITICAL);
    assert_int_equal(ip.cause, CAUSE_TUNNEL);
    assert_true(ip.strength == 3.5 && ip.score == 1 + 3.5 + 0.5 / 1.5);
}

/* Rule 2 makes an order, and no verdict: not with its bits, not as a second statistic, not as a second cause.
 */
static void test_what_supports_only_is_a_notice_and_is_not_told(void **state)
{
    (void)state;
    EXPECT(VERDICT_NOTICE, 2, {IP, MECHANISM_BY_CLOCK, 7, 1, 2, false});
    EXPECT(VERDICT_WARNING, 2.9 + 0.3 * 2, {IP, MECHANISM_REGULAR, 7, 1, 2.9, false},
           {IP, MECHANISM_BY_CLOCK, 7, 1, 2, false});
    EXPECT(VERDICT_WARNING, 2 + 0.3 * 1, {IP, MECHANISM_NEW_NAMES, 7, 1, 1, false},
           {IP, MECHANISM_CACHE_FALL, 7, 1, 2, false});
    static const struct given TWO[] = {{IP, MECHANISM_NEW_NAMES, 7, 1, 0.5, false},
                                       {IP, MECHANISM_BY_CLOCK, 7, 1, 2, false}};
    struct ip_judged ip;
    judge(TWO, 2, &ip);
    assert_int_equal(ip.verdict, VERDICT_NOTICE);
}

static void test_two_causes_are_a_warning(void **state)
{
    (void)state;
    static const struct given TWO[] = {{IP, MECHANISM_NEW_NAMES, 7, 1, 0.25, false},
                                       {IP, MECHANISM_ONE_SHOT, 0, 1, 0.5, false}};
    struct ip_judged ip;
    judge(TWO, 1, &ip);
    assert_int_equal(ip.verdict, VERDICT_NOTICE);
    judge(TWO, 2, &ip);
    assert_int_equal(ip.verdict, VERDICT_WARNING);
    assert_int_equal(ip.cause, CAUSE_DGA);
    judge(NULL, 0, &ip);
    assert_int_equal(ip.verdict, VERDICT_NONE);
    assert_int_equal(ip.cause, -1);
    assert_int_equal(ip.rank, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts_change_at_one_bit_and_at_three),
        cmocka_unit_test(test_strength_is_the_best_and_a_part_of_each_other_one),
        cmocka_unit_test(test_two_statistics_on_one_domain_are_critical),
        cmocka_unit_test(test_what_supports_only_is_a_notice_and_is_not_told),
        cmocka_unit_test(test_silenced_evidence_is_no_incident),
        cmocka_unit_test(test_an_identity_stays_and_belongs_to_ip_and_cause),
        cmocka_unit_test(test_an_ip_is_known_by_its_gravest_incident),
        cmocka_unit_test(test_two_causes_are_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
