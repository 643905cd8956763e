/* Order statistics, scales, conformal p-values and wide sums, against sorting and counting. */
#include "calibration.h"
#include "kmeans2.h"
#include "order.h"
#include "scaling.h"

#include "synthetic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static int float_compare(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void test_order_statistics_are_elements_of_the_sorted_data(void **state)
{
    (void)state;
    static const int percents[] = {0, 1, 25, 50, 75, 99, 100};
    struct team *team = team_alone();
    for (size_t n = 1; n < 120; n++) {
        float values[120];
        uint32_t keys[120], found[7];
        for (size_t i = 0; i < n; i++) {
            values[i] =
                i % 7 == 0 ? -0.0f : (float)((synthetic_unit(i, n) - 0.5) * 1e6 / (double)(1 + i % 5));
            keys[i] = order_key(values[i]);
        }
        const struct order_keys order = {.keys = keys, .count = n, .group_count = 1};
        assert_int_equal(order_find(team, &order, percents, 7, found, NULL), STATUS_OK);
        qsort(values, n, sizeof *values, float_compare);
        for (size_t p = 0; p < 7; p++) {
            size_t rank = ((size_t)percents[p] * n + 99) / 100;
            assert_true(order_float(found[p]) == values[rank ? rank - 1 : 0]);
        }
    }
    team_free(team);
}

/* 0 … 99: quartiles 24, 49, 74, 98. IQR/1.349 = 37.06 is more than 49/2.326. A flag that is rarely 1 has no
 * quartile range; its 99 % point keeps it at (1 − 0)/2.326. A constant has its floor. */
static void test_scale_is_the_larger_of_range_tail_and_floor(void **state)
{
    (void)state;
    struct team *team = team_alone();
    float values[300];
    for (size_t row = 0; row < 100; row++) {
        values[3 * row] = (float)row;
        values[3 * row + 1] = row >= 90 ? 1.0f : 0.0f;
        values[3 * row + 2] = 5.0f;
    }
    struct scaling scaling = {.columns = 3, .floor = {0.25, 0.25, 0.25}, .active = {1, 1, 1}};
    assert_int_equal(scaling_fit(team, values, 100, &scaling, NULL), STATUS_OK);
    assert_true(scaling.median[0] == 49.0 && scaling.scale[0] == 50.0 / 1.349);
    assert_true(scaling.median[1] == 0.0 && scaling.scale[1] == 1.0 / 2.326);
    assert_true(scaling.median[2] == 5.0 && scaling.scale[2] == 0.25);
    const float row[3] = {49.0f + 1e9f, 0.5f, 4.875f};
    int16_t grid[GRID_COLUMNS];
    scaling_apply(&scaling, row, grid);
    assert_int_equal(grid[0], 4095);
    assert_int_equal(grid[1], 595);  // 0.5 · 2.326 · 512 = 595.456
    assert_int_equal(grid[2], -256);
    assert_int_equal(grid[3], 0);
    scaling.active[0] = 0;
    scaling_apply(&scaling, row, grid);
    assert_int_equal(grid[0], 0);
    team_free(team);
}

static void test_p_values_equal_counting(void **state)
{
    (void)state;
    struct team *team = team_alone();
    int64_t scores[500];
    struct calibration calibration;
    for (size_t i = 0; i < 500; i++)
        scores[i] = (int64_t)(synthetic_unit(i, 3) * 200.0);  // many ties
    assert_int_equal(calibration_fit(team, scores, 500, &calibration, NULL), STATUS_OK);
    for (int64_t score = 0; score < 205; score++) {
        int64_t above = 0;
        for (size_t i = 0; i < 500; i++)
            above += scores[i] >= score;
        struct p_value value = calibration_p(&calibration, score);
        if (!value.extrapolated)
            assert_true(value.p == (1.0 + (double)above) / 501.0);
        assert_true(!value.extrapolated || (score > calibration.knee && value.p < 1.0 / 501.0));
    }
    calibration_clear(&calibration);
    team_free(team);
}

/* Scores 2^20·2^(i/50) beyond the knee: the tail in log2 is known. */
static void test_tail_is_exponential_in_the_logarithm(void **state)
{
    (void)state;
    struct team *team = team_alone();
    int64_t scores[400];
    struct calibration calibration;
    for (size_t i = 0; i < 400; i++)
        scores[i] = i < 380 ? 1 << 20 : (int64_t)llrint(exp2(20.0 + (double)(i - 379) / 5.0));
    assert_int_equal(calibration_fit(team, scores, 400, &calibration, NULL), STATUS_OK);
    assert_int_equal(calibration.knee, 1 << 20);
    // The mean of 0.2, 0.4, … 4.0 is 2.1.
    assert_true(fabs((double)calibration.mean_excess_log2 * 0x1p-32 - 2.1) < 1e-5);
    struct p_value far = calibration_p(&calibration, INT64_C(1) << 50);
    assert_true(far.extrapolated);
    const double expected = 0.05 * exp(-30.0 / 2.1);
    assert_true(fabs(far.p / expected - 1.0) < 1e-4);
    assert_false(calibration_p(&calibration, 1 << 21).extrapolated);
    assert_true(calibration_p(&calibration, INT64_MAX).p > 0.0);
    calibration_clear(&calibration);
    team_free(team);
}

static void test_few_calibration_rows_have_no_tail(void **state)
{
    (void)state;
    struct team *team = team_alone();
    int64_t scores[100];
    struct calibration calibration;
    for (size_t i = 0; i < 100; i++)
        scores[i] = (int64_t)i * 1000;
    assert_int_equal(calibration_fit(team, scores, 100, &calibration, NULL), STATUS_OK);
    struct p_value value = calibration_p(&calibration, INT64_MAX);
    assert_false(value.extrapolated);
    assert_true(value.p == 1.0 / 101.0);
    calibration_clear(&calibration);
    team_free(team);
}

static void test_wide_numbers_survive_their_limbs(void **state)
{
    (void)state;
    struct team *team = team_alone();
    const int128 one = 1;
    int128 values[] = {0, 1, -1, one << 126, -(one << 126), (one << 96) - 1, -((one << 32) + 5), one << 64};
    int128 copies[sizeof values / sizeof values[0]];
    memcpy(copies, values, sizeof values);
    assert_int_equal(wide_sum(team, copies, sizeof values / sizeof values[0], NULL), STATUS_OK);
    assert_memory_equal(copies, values, sizeof values);
    // Two ranks' limbs added: carries are resolved.
    int64_t left[WIDE_LIMBS], right[WIDE_LIMBS];
    wide_split((one << 96) - 1, left);
    wide_split(-(one << 64), right);
    for (size_t i = 0; i < WIDE_LIMBS; i++)
        left[i] += right[i];
    assert_true(wide_join(left) == (one << 96) - 1 - (one << 64));
    assert_int_equal(wide_round_mean(7, 2), 4);
    assert_int_equal(wide_round_mean(-7, 2), -4);
    assert_int_equal(wide_round_mean(-10, 3), -3);
    assert_int_equal(wide_round_mean(one << 80, (int64_t)1 << 40), INT64_C(1) << 40);
    assert_true(wide_double(-(one << 90)) == -0x1p90);
    team_free(team);
}

/* Rows of the talk: 97 quiet ones and 3 with 50,000 queries or more. */
static void test_talk_finds_the_loud_rows(void **state)
{
    (void)state;
    static int64_t raw[100 * MODEL_TALK_COLUMNS];
    struct team *team = team_alone();
    struct kmeans2 kmeans2 = {0};
    int128 loud = 0;
    for (size_t row = 0; row < 100; row++) {
        raw[row * MODEL_TALK_COLUMNS] =
            (row % 33 == 32 ? 50000 + (int64_t)row : 2 + (int64_t)(row % 13)) * 4096;
        raw[row * MODEL_TALK_COLUMNS + 1] = (int64_t)(row % 4097);
        loud += row % 33 == 32 ? raw[row * MODEL_TALK_COLUMNS] : 0;
    }
    const struct wide_rows rows = {.values = raw, .count = 100, .total = 100};
    assert_int_equal(kmeans2_fit(team, &rows, 1, NULL, &kmeans2, NULL), STATUS_OK);
    assert_int_equal(kmeans2.count[0], 97);
    assert_int_equal(kmeans2.count[1], 3);
    assert_int_equal(kmeans2.group[1], 1);
    assert_true(kmeans2.sum[1][0] == loud);
    team_free(team);
}

static void test_rows_that_are_all_alike_have_no_minority(void **state)
{
    (void)state;
    int64_t raw[7 * MODEL_TALK_COLUMNS] = {0};
    struct team *team = team_alone();
    struct kmeans2 kmeans2 = {0};
    for (size_t row = 0; row < 7; row++)
        raw[row * MODEL_TALK_COLUMNS] = 4096;
    const struct wide_rows rows = {.values = raw, .count = 7, .total = 7};
    assert_int_equal(kmeans2_fit(team, &rows, 1, NULL, &kmeans2, NULL), STATUS_OK);
    assert_int_equal(kmeans2.count[0], 7);
    assert_int_equal(kmeans2.count[1], 0);
    assert_int_equal(kmeans2.group[0] + kmeans2.group[1], 0);
    team_free(team);
}

enum { FIT_ROWS = 20000, NEW_ROWS = 50000, IID_COLUMNS = 6 };

/* A row that depends on its number alone, as if drawn: one of three groups, bell-shaped noise. */
static void row_draw(size_t row, float *values)
{
    const double group = floor(synthetic_unit(row, 70) * 3.0);
    for (size_t c = 0; c < IID_COLUMNS; c++) {
        double noise = 0.0;
        for (size_t part = 0; part < 4; part++)
            noise += synthetic_unit(row, 71 + 4 * c + part) - 0.5;
        values[c] = (float)(group * (double)(c % 3) + noise);
    }
}

/* The largest distance of the p-values' distribution from the uniform one. */
static double uniform_distance(double *p, size_t count)
{
    double most = 0.0;
    qsort(p, count, sizeof *p, double_compare);
    for (size_t i = 0; i < count; i++) {
        const double below = p[i] - (double)i / (double)count, above = (double)(i + 1) / (double)count - p[i];
        most = below > most ? below : most;
        most = above > most ? above : most;
    }
    return most;
}

static void test_p_values_of_new_independent_rows_are_uniform(void **state)
{
    (void)state;
    const size_t count = (size_t)2 * FIT_ROWS + NEW_ROWS;
    const double floors[IID_COLUMNS] = {0.01, 0.01, 0.01, 0.01, 0.01, 0.01};
    const uint8_t active[IID_COLUMNS] = {1, 1, 1, 1, 1, 1};
    const struct model_settings settings = {
        .k = 5, .kmeans_seed = 1, .hidden = {6, 2, 6}, .hidden_count = 3, .epochs = 3, .autoencoder_seed = 1};
    const struct model_context context = synthetic_context();
    struct team *team = team_alone();
    float *values = malloc(count * IID_COLUMNS * sizeof *values);
    int64_t *raw = calloc(count * MODEL_TALK_COLUMNS, sizeof *raw);
    uint8_t *use = calloc(count, 1);
    uint64_t *ip_hash = calloc(count, sizeof *ip_hash);
    struct model *model = NULL;
    struct model_scores scores;
    for (size_t row = 0; row < count; row++) {
        row_draw(row, values + row * IID_COLUMNS);
        use[row] = row < FIT_ROWS ? MODEL_TRAIN : MODEL_CALIBRATE;
        ip_hash[row] = row;
    }
    struct model_input input = {.row_count = (size_t)2 * FIT_ROWS,
                                .columns = IID_COLUMNS,
                                .values = values,
                                .raw = raw,
                                .use = use,
                                .ip_hash = ip_hash,
                                .names = SYNTHETIC_NAMES,
                                .floors = floors,
                                .active = active};
    assert_int_equal(model_fit(team, &input, &settings, &context, &model, NULL), STATUS_OK);
    input.row_count = NEW_ROWS;
    input.values += (size_t)2 * FIT_ROWS * IID_COLUMNS;
    assert_int_equal(model_score(model, &input, &scores, NULL), STATUS_OK);
    assert_true(uniform_distance(scores.kmeans_p, NEW_ROWS) < 0.02);
    assert_true(uniform_distance(scores.autoencoder_p, NEW_ROWS) < 0.02);
    model_scores_free(&scores);
    model_free(model);
    free(ip_hash);
    free(use);
    free(raw);
    free(values);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_statistics_are_elements_of_the_sorted_data),
        cmocka_unit_test(test_scale_is_the_larger_of_range_tail_and_floor),
        cmocka_unit_test(test_p_values_equal_counting),
        cmocka_unit_test(test_tail_is_exponential_in_the_logarithm),
        cmocka_unit_test(test_few_calibration_rows_have_no_tail),
        cmocka_unit_test(test_p_values_of_new_independent_rows_are_uniform),
        cmocka_unit_test(test_wide_numbers_survive_their_limbs),
        cmocka_unit_test(test_talk_finds_the_loud_rows),
        cmocka_unit_test(test_rows_that_are_all_alike_have_no_minority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
