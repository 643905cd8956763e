/* Registered domains, traits of names, and the models' features, against values worked out by hand. */
#include "asking.h"

#include "base/exact.h"

#include <math.h>

static void qname_of(struct asking *asking, const char *name, struct query *query)
{
    ask_read(asking, &(struct ask){0, "10.0.0.1", name, "A", NULL, NULL}, query);
}

static void test_the_longest_rule_wins_and_an_exception_over_all(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t sub, suffix;
    } cases[] = {
        {"com", 0, 1},    {"a.com", 0, 1},    {"www.a.com", 1, 1},  {"x.y.a.com", 2, 1},
        {"co.jp", 0, 2},  {"a.co.jp", 0, 2},  {"b.a.co.jp", 1, 2},  {"a.jp", 0, 1},
        {"ck", 0, 1},     {"foo.ck", 0, 2},   {"bar.foo.ck", 0, 2}, {"q.bar.foo.ck", 1, 2},
        {"www.ck", 0, 1}, {"q.www.ck", 1, 1}, {"localhost", 0, 1},  {"a.b.unlisted", 1, 1},
        {".", 0, 0},
    };
    struct asking asking;
    struct query query;
    asking_begin(&asking, "UTC");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t suffix = 99;
        qname_of(&asking, cases[i].name, &query);
        size_t sub = suffixes_sub_labels(asking.suffixes, &query.qname, &suffix);
        if (sub != cases[i].sub || suffix != cases[i].suffix)
            fail_msg("%s: %zu labels before the domain, %zu of the suffix", cases[i].name, sub, suffix);
    }
    asking_end(&asking);
}

static void test_the_order_of_rules_means_nothing_and_each_rule_counts(void **state)
{
    (void)state;
    struct suffixes *a = asking_suffixes("com\nco.jp\n*.ck\n"),
                    *b = asking_suffixes("*.ck\ncom\n# x\n\nco.jp\n"),
                    *c = asking_suffixes("com\nco.jp\n*.kc\n");
    assert_true(suffixes_hash(a) == suffixes_hash(b));
    assert_true(suffixes_hash(a) != suffixes_hash(c));
    suffixes_free(a);
    suffixes_free(b);
    suffixes_free(c);
}

static void rules_expect(const char *text, const char *where, const char *what)
{
    char path[64], full[80];
    struct error err = {0};
    struct suffixes *suffixes = NULL;
    (void)snprintf(path, sizeof path, "/tmp/quern_rules.%ld.dat", (long)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(suffixes_read(path, &suffixes, &err), STATUS_CORRUPT);
    (void)snprintf(full, sizeof full, "%s%s", path, where);
    assert_string_equal(err.where, full);
    assert_string_equal(err.what, what);
    (void)unlink(path);
}

static void test_a_list_that_is_none_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char RULE[] = "not a rule of a public suffix list, such as co.jp, *.ck or !www.ck";
    rules_expect("com\nCO.JP\n", ":2", RULE);
    rules_expect("com\n\na..b\n", ":3", RULE);
    rules_expect("a.b.c.d.e.f.g.h.i\n", ":1", RULE);
    rules_expect("# nothing\n", "", "no rule of a public suffix list in it");
}

static struct name_traits traits_of(struct asking *asking, const char *name)
{
    struct query query;
    struct name_traits traits;
    qname_of(asking, name, &query);
    name_traits_find(asking->suffixes, &query.qname, &traits);
    return traits;
}

static void test_lengths_of_a_name_count_inner_dots(void **state)
{
    (void)state;
    struct asking asking;
    asking_begin(&asking, "UTC");
    struct name_traits traits = traits_of(&asking, "aa.b.Long-One.example");
    assert_int_equal(traits.sub_bytes, 4);
    assert_int_equal(traits.sub_labels, 2);
    assert_int_equal(traits.label_max, 8);
    traits = traits_of(&asking, "example");
    assert_int_equal(traits.sub_bytes, 0);
    assert_int_equal(traits.label_max, 7);
    // Reversed addresses were chosen by nobody.
    traits = traits_of(&asking, "4.3.2.1.in-addr.arpa");
    assert_int_equal(traits.bigrams, 0);
    // 12 letters give 11 pairs; the suffix does not count, nor labels that are numbers or one letter.
    traits = traits_of(&asking, "a.17.abcdefghijkl.com");
    assert_int_equal(traits.bigrams, 11);
    asking_end(&asking);
}

static void test_encodings_are_found_on_runs_of_labels(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int encodings, bytes;
    } cases[] = {
        {"0123456789abcdef01234567.a.com", ENCODING_HEX, 24},
        {"0123456789abcdef0123456.a.com", 0, 0},  // 23
        {"aaaaaaaaaaaaaaaaaaaaaaa1.a.com", 0, 0},  // fewer than four digits
        {"0123456789ab.7.cdef01234567.a.com", ENCODING_HEX, 24},  // a counter between does not end the run
        {"0123456789ab.no-hex.cdef01234567.a.com", 0, 0},  // another label does
        {"123e4567-e89b-12d3-a456-426614174000.a.com", 0, 0},  // a UUID
        {"123456789012345678901234.a.com", 0, 0},  // a number
        {"xn--abcdefabcdef0123456789abcd.a.com", 0, 0},  // punycode
        {"a\\200b\\201.a.com", ENCODING_EIGHT_BIT, 4},
        {"0123456789abcdef01234567.com", 0, 0},  // the registered domain is not data
    };
    struct asking asking;
    asking_begin(&asking, "UTC");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct name_traits traits = traits_of(&asking, cases[i].name);
        int found = traits.encodings & ~ENCODING_BASE32;  // base32 hangs on the table of letter pairs
        if (found != cases[i].encodings)
            fail_msg("%s: encodings %d", cases[i].name, traits.encodings);
        if (cases[i].bytes)
            assert_int_equal(traits.encoded_bytes, cases[i].bytes);
    }
    assert_true(traits_of(&asking, "qxjzkv7qxjzkvwqxjzkvwqxj2.a.com").encodings & ENCODING_BASE32);
    assert_false(traits_of(&asking, "thethingthatistheretheother.a.com").encodings & ENCODING_BASE32);
    asking_end(&asking);
}

static void test_base64_needs_digits_and_both_cases(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int found;
    } cases[] = {
        {"aBcDeFgHiJ1kLmNoPqR2.a.com", 1},
        {"aBcDeFgHiJ1kLmNoPqR.a.com", 0},  // 19
        {"aBcDeFgHiJ1kLmNoPqRs.a.com", 0},  // one digit
        {"ABCDEFGHIJ1klmnopqr2.a.com", 0},  // one change of case among 18 letters
    };
    struct asking asking;
    struct query query;
    asking_begin(&asking, "UTC");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        qname_of(&asking, cases[i].name, &query);
        assert_int_equal(name_base64(query.wire_as_sent, 1) == ENCODING_BASE64, cases[i].found);
    }
    asking_end(&asking);
}

static void test_the_talk_set_has_the_15_columns_of_its_publication(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"queries",   "type_a",  "type_aaaa", "type_ptr",   "type_txt",
                                        "type_null", "type_mx", "type_srv",  "type_https", "type_other",
                                        "workday",   "holiday", "day",       "night",      "active_time"};
    assert_int_equal(feature_count(FEATURE_SET_TALK), 15);
    for (size_t f = 0; f < 15; f++)
        assert_string_equal(feature_info(FEATURE_SET_TALK, f)->name, NAMES[f]);
    assert_int_equal(feature_count(FEATURE_SET_FULL), 30);
    // Numbers of ALGORITHMS.md 6, one less.
    assert_string_equal(feature_info(FEATURE_SET_FULL, 14)->name, "domain_entropy");
    assert_string_equal(feature_info(FEATURE_SET_FULL, 20)->name, "mixed_case");
    assert_string_equal(feature_info(FEATURE_SET_FULL, 29)->name, "resolvers");
}

static void test_transforms_and_shrinkage(void **state)
{
    (void)state;
    const struct feature_info *queries = feature_info(FEATURE_SET_FULL, FULL_QUERIES);
    const struct feature_info *type_a = feature_info(FEATURE_SET_FULL, FULL_TYPE_A);
    const struct feature_info *txt = feature_info(FEATURE_SET_FULL, FULL_TYPE_TXT);
    const struct feature_info *active = feature_info(FEATURE_SET_FULL, FULL_ACTIVE_TIME);
    const struct feature_info *sub = feature_info(FEATURE_SET_FULL, FULL_SUB_LENGTH_MEAN);
    assert_true(feature_value(queries, 7, 1, 0) == 3);  // log2(1 + 7)
    assert_true(feature_value(type_a, 3, 4, 0.25) == 0.5);  // (3 + 4·¼)/(4 + 4)
    assert_true(feature_value(txt, 3, 12, 0.25) == 0.5);  // √((3 + 1)/(12 + 4))
    assert_true(feature_value(active, 15, 60, 0.9) == 0.25);  // a ratio is not shrunk
    assert_true(feature_value(active, 0, 0, 0.9) == 0);
    assert_true(feature_value(sub, 28, 4, 0) == 3);  // log2(1 + 7)
    // The talk's columns are neither shrunk nor transformed.
    assert_true(feature_value(feature_info(FEATURE_SET_TALK, TALK_TYPE_TXT), 1, 4, 0.9) == 0.25);
    assert_true(feature_value(feature_info(FEATURE_SET_TALK, TALK_QUERIES), 52557, 1, 0) == 52557);
}

/* All definitions of both sets differ; where the sets share a name, it is made in another way, but for two
 * flags and a ratio. */
static void test_a_definition_tells_how_a_feature_is_made(void **state)
{
    (void)state;
    int same = 0;
    for (size_t a = 0; a < FULL_FEATURES; a++) {
        for (size_t b = 0; b < a; b++)
            assert_true(feature_definition(FEATURE_SET_FULL, a) != feature_definition(FEATURE_SET_FULL, b));
        for (size_t b = 0; b < TALK_FEATURES; b++)
            same += feature_definition(FEATURE_SET_FULL, a) == feature_definition(FEATURE_SET_TALK, b);
    }
    assert_int_equal(same, 3);  // active_time, night, holiday
    assert_true(feature_definition(FEATURE_SET_FULL, FULL_NIGHT) ==
                feature_definition(FEATURE_SET_TALK, TALK_NIGHT));
    assert_true(feature_definition(FEATURE_SET_FULL, FULL_QUERIES) !=
                feature_definition(FEATURE_SET_TALK, TALK_QUERIES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_longest_rule_wins_and_an_exception_over_all),
        cmocka_unit_test(test_the_order_of_rules_means_nothing_and_each_rule_counts),
        cmocka_unit_test(test_a_list_that_is_none_is_refused_with_its_line),
        cmocka_unit_test(test_lengths_of_a_name_count_inner_dots),
        cmocka_unit_test(test_encodings_are_found_on_runs_of_labels),
        cmocka_unit_test(test_base64_needs_digits_and_both_cases),
        cmocka_unit_test(test_the_talk_set_has_the_15_columns_of_its_publication),
        cmocka_unit_test(test_transforms_and_shrinkage),
        cmocka_unit_test(test_a_definition_tells_how_a_feature_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
