/* What a model says about its own fit, and about new rows that are not like the old ones. */
#include "drift.h"

#include "synthetic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static struct model *fit(struct synthetic *rows, const struct model_context *context)
{
    const struct model_settings settings = synthetic_settings(3);
    struct team *team = team_alone();
    struct model *model = NULL;
    assert_int_equal(model_fit(team, &rows->input, &settings, context, &model, NULL), STATUS_OK);
    team_free(team);
    return model;
}

static void test_column_with_one_value_is_left_out_and_named(void **state)
{
    (void)state;
    const struct model_context context = synthetic_context();
    struct synthetic rows;
    struct model_scores before, after;
    synthetic_make(0, 1500, 5, &rows);
    for (size_t row = 0; row < 1500; row++) {
        rows.values[row * SYNTHETIC_COLUMNS + 2] = 0.25f;
        rows.values[row * SYNTHETIC_COLUMNS + 6] = row % 5 == 3 ? 9.0f : -1.0f;  // other rows do not train
    }
    struct model *model = fit(&rows, &context);
    struct model_warnings warnings;
    model_warnings_list(model, &warnings);
    assert_int_equal(warnings.count, 1);
    assert_string_equal(warnings.texts[0],
                        "every training row has the same value in, so these say nothing: peak_unit, names");
    assert_int_equal(model_summary_of(model).constant_columns, 1u << 2 | 1u << 6);
    assert_int_equal(model_score(model, &rows.input, &before, NULL), STATUS_OK);
    for (size_t row = 0; row < 1500; row++)
        rows.values[row * SYNTHETIC_COLUMNS + 2] = 77.0f;
    assert_int_equal(model_score(model, &rows.input, &after, NULL), STATUS_OK);
    assert_memory_equal(before.score, after.score, 1500 * sizeof *before.score);
    model_scores_free(&before);
    model_scores_free(&after);
    model_free(model);
    synthetic_clear(&rows);
}

static void test_few_rows_one_day_and_one_ip_are_told(void **state)
{
    (void)state;
    struct model_context context = synthetic_context();
    struct model_warnings warnings;
    struct synthetic rows;
    context.train_days = context.train_ips = 1;
    synthetic_make(0, 100, 0, &rows);
    struct model *model = fit(&rows, &context);
    model_warnings_list(model, &warnings);
    assert_int_equal(warnings.count, 3);
    assert_string_equal(warnings.texts[0], "98 training rows are few: groups and thresholds may be chance");
    assert_non_null(strstr(warnings.texts[1], "one training day only"));
    assert_non_null(strstr(warnings.texts[2], "one training IP only"));
    model_free(model);
    synthetic_clear(&rows);
}

/* Ten bins of equal counts against nine of them: (1/9 − 1/10)·ln(10/9) nine times, and a share of 10^-4. */
static void test_drift_index_is_the_sum_over_bins(void **state)
{
    (void)state;
    const int64_t trained[DRIFT_BINS] = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10};
    const int64_t found[DRIFT_BINS] = {10, 10, 10, 10, 10, 10, 10, 10, 10};
    const int64_t none[DRIFT_BINS] = {0};
    const double expected = 9.0 * (1.0 / 9 - 0.1) * log((1.0 / 9) / 0.1) + (1e-4 - 0.1) * log(1e-4 / 0.1);
    assert_true(fabs(drift_index(trained, found) - expected) < 1e-12);
    assert_true(drift_index(trained, trained) == 0.0);
    assert_true(drift_index(trained, none) == 0.0);
}

static void test_drift_is_small_for_like_rows_and_large_in_a_column_that_moved(void **state)
{
    (void)state;
    const struct model_context context = synthetic_context();
    struct team *team = team_alone();
    struct synthetic rows, later;
    double index[MODEL_COLUMNS_MOST];
    synthetic_make(0, 3000, 5, &rows);
    synthetic_make(3000, 6000, 5, &later);
    struct model *model = fit(&rows, &context);
    struct model_bins bins = {{{0}}};
    for (size_t part = 0; part < 3; part++) {  // in blocks of rows
        struct model_input input = later.input;
        input.row_count = 1000;
        input.values += part * 1000 * SYNTHETIC_COLUMNS;
        model_bins_add(model, &input, &bins);
    }
    model_drift(team, model, &bins, index);
    for (size_t c = 0; c < MODEL_COLUMNS_MOST; c++)
        assert_true(index[c] < 0.02);
    for (size_t row = 0; row < 3000; row++)
        later.values[row * SYNTHETIC_COLUMNS + 4] += 3.0f;
    bins = (struct model_bins){{{0}}};
    model_bins_add(model, &later.input, &bins);
    model_drift(team, model, &bins, index);
    for (size_t c = 0; c < MODEL_COLUMNS_MOST; c++)
        assert_true(c == 4 ? index[c] > MODEL_DRIFT_MOST : index[c] < 0.02);
    model_free(model);
    synthetic_clear(&later);
    synthetic_clear(&rows);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_column_with_one_value_is_left_out_and_named),
        cmocka_unit_test(test_few_rows_one_day_and_one_ip_are_told),
        cmocka_unit_test(test_drift_index_is_the_sum_over_bins),
        cmocka_unit_test(test_drift_is_small_for_like_rows_and_large_in_a_column_that_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
