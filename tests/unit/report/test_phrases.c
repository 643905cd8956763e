/* The catalogue of reasons: both languages say the same, every mechanism has its sentence, and the sentence
 * of the method's slide comes out. */
#include "phrases.h"

#include "internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(19025)  // 2022-02-02, a Wednesday

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The words in braces, sorted, with commas between. */
static void words_of(const char *text, char out[400])
{
    char copy[1000], *words[20];
    size_t count = 0;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *at = copy; (at = strchr(at, '{')) != NULL;) {
        char *end = strchr(at, '}');
        assert_non_null(end);
        assert_true(count < 20);
        *end = '\0';
        words[count++] = at + 1;
        at = end + 1;
    }
    qsort(words, count, sizeof *words, compare_words);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(out);
        (void)snprintf(out + used, 400 - used, "%s,", words[i]);
    }
}

static void test_both_languages_have_the_same_words(void **state)
{
    (void)state;
    for (int code = 0; code < REASON_CODES; code++) {
        char words[LANGUAGES][400];
        for (int l = 0; l < LANGUAGES; l++) {
            const char *text = reason_template((enum reason_code)code, (enum language)l);
            assert_true(strlen(text) > 10);
            words_of(text, words[l]);
        }
        if (strcmp(words[0], words[1]) != 0)
            fail_msg("%s: %s and %s", reason_code_name((enum reason_code)code), words[0], words[1]);
        assert_string_not_equal(reason_template((enum reason_code)code, LANGUAGE_EN),
                                reason_template((enum reason_code)code, LANGUAGE_JA));
    }
}

static void test_every_mechanism_has_a_sentence_without_empty_braces(void **state)
{
    (void)state;
    for (int m = 0; m < MECHANISMS; m++) {
        const struct reason reason = {.mechanism = (int8_t)m,
                                      .day = DAY,
                                      .value = 1234567,
                                      .threshold = 60,
                                      .window_days = m % 2 ? 1 : 5,
                                      .domain = "a\x1b[1m.net",
                                      .names = "",
                                      .entry = ""};
        if (reason_of_mechanism((enum mechanism)m) == REASON_evidence)
            fail_msg("decide/reasons.def has no sentence for %s", mechanism_info((enum mechanism)m)->name);
        for (int l = 0; l < LANGUAGES; l++) {
            char text[PHRASE_BYTES];
            reason_tell(&reason, (enum language)l, text, sizeof text);
            assert_null(strpbrk(text, "{}\x1b"));
            assert_non_null(strstr(text, "1,234,567"));
        }
    }
}

static void test_numbers_have_commas(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *text;
    } CASES[] = {{0, "0"},          {999, "999"},   {1000, "1,000"},       {52557, "52,557"},
                 {-1000, "-1,000"}, {-100, "-100"}, {1234567, "1,234,567"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[32];
        number_write(CASES[i].number, text);
        assert_string_equal(text, CASES[i].text);
    }
}

/* The IP of the slide: 12:00 on working days, and one row of 52,557. */
static void test_the_slide_is_told_in_both_languages(void **state)
{
    (void)state;
    struct history history = {.feature_count = 1,
                              .feature_names = {"queries"},
                              .row_count = 5,
                              .days = 4,
                              .both = {1},
                              .both_days = {1}};
    struct history_row rows[5] = {0};
    struct phrase_list list;
    struct error err = {0};
    static const int64_t QUERIES[] = {14, 2, 52557, 9, 700};
    assert_int_equal(zone_load("UTC", &history.zone, &err), STATUS_OK);
    for (int i = 0; i < 5; i++)
        rows[i] = (struct history_row){
            .window_s = (DAY - 1 + i) * 86400 + 12 * 3600, .queries = QUERIES[i], .score = i == 1 ? 5 : 0.1};
    rows[1].window_s = (DAY + 1) * 86400 + 12 * 3600;
    rows[1].score = 0.1;
    rows[2].window_s = DAY * 86400 + 12 * 3600;
    rows[2].score = 5;
    rows[4].holiday = 1;  // of another kind of day: not compared
    history.rows = rows;
    assert_int_equal(phrases_make(&history, &list, &err), STATUS_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(
        list.items[0].text[LANGUAGE_EN],
        "sent 52,557 queries at 12:00 on 2022-02-02; at that hour of working days it sends 2 to 14");
    assert_string_equal(
        list.items[0].text[LANGUAGE_JA],
        "2022-02-02 12:00に52,557件の問い合わせを送った。平日のこの時間帯は通常2～14件である");
    assert_int_equal(list.items[1].code, REASON_both_groups);
    phrases_clear(&list);
    rows[2].holiday = 1;  // now its only like is the row of a holiday
    assert_int_equal(phrases_make(&history, &list, &err), STATUS_OK);
    assert_string_equal(
        list.items[0].text[LANGUAGE_EN],
        "sent 52,557 queries at 12:00 on 2022-02-02; at that hour of holidays it sends 700 to 700");
    phrases_clear(&list);
    rows[4].window_s += 3600;
    assert_int_equal(phrases_make(&history, &list, &err), STATUS_OK);
    assert_string_equal(list.items[0].text[LANGUAGE_EN],
                        "sent 52,557 queries at 12:00 on 2022-02-02; in its other hours it sends 2 to 700");
    phrases_clear(&list);
    zone_free(history.zone);
}

static void test_what_is_usual_at_such_times_comes_before_the_rows_at_hand(void **state)
{
    (void)state;
    struct history_row row = {.window_s = DAY * 86400 + 3 * 3600,
                              .queries = 4,
                              .score = 3,
                              .holiday = 1,
                              .cause = 1,
                              .usual_rows = 8,
                              .usual_high = 0.02F};
    struct history history = {.feature_count = 2,
                              .feature_names = {"queries", "type_txt"},
                              .rows = &row,
                              .row_count = 1,
                              .days = 1};
    struct phrase_list list;
    struct error err = {0};
    assert_int_equal(zone_load("UTC", &history.zone, &err), STATUS_OK);
    row.feature[1] = 0.93F;
    row.kmeans_share[1] = row.autoencoder_share[1] = 1;
    assert_int_equal(phrases_make(&history, &list, &err), STATUS_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(
        list.items[0].text[LANGUAGE_EN],
        "type_txt was 0.93 at 03:00 on 2022-02-02; at such times of holidays it is usually 0 to 0.02");
    assert_string_equal(list.items[0].text[LANGUAGE_JA],
                        "2022-02-02 03:00のtype_txtは0.93であった。休日のこうした時間帯は通常0～0.02である");
    phrases_clear(&list);
    // Within what is usual, or where nothing is known, it says nothing about that.
    row.usual_high = 1;
    assert_int_equal(phrases_make(&history, &list, &err), STATUS_OK);
    assert_int_equal(list.items[0].code, REASON_row_feature_alone);
    phrases_clear(&list);
    row.usual_high = 0.02F;
    row.usual_rows = 0;
    assert_int_equal(phrases_make(&history, &list, &err), STATUS_OK);
    assert_int_equal(list.items[0].code, REASON_row_feature_alone);
    phrases_clear(&list);
    zone_free(history.zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_languages_have_the_same_words),
        cmocka_unit_test(test_every_mechanism_has_a_sentence_without_empty_braces),
        cmocka_unit_test(test_numbers_have_commas),
        cmocka_unit_test(test_what_is_usual_at_such_times_comes_before_the_rows_at_hand),
        cmocka_unit_test(test_the_slide_is_told_in_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
