/* Run by mpirun with 1, 2, 3 and 5 ranks: a team's model is the model of one rank alone, bit by bit. */
#include "model/model.h"

#include "synthetic.h"

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The files of this run; rank 0's process number keeps runs apart. */
struct paths {
    char together[64];
    char alone[64];
};

static struct paths paths_make(const struct team *team)
{
    struct paths paths;
    int64_t process = team_rank(team) == 0 ? (int64_t)getpid() : 0;
    team_sum_i64(team, &process, 1);
    (void)snprintf(paths.together, sizeof paths.together, "model_together.%d.h5", (int)process);
    (void)snprintf(paths.alone, sizeof paths.alone, "model_alone.%d.h5", (int)process);
    return paths;
}

static void rank_rows(const struct team *team, size_t rows, size_t calibrate_every, struct synthetic *out)
{
    size_t rank = (size_t)team_rank(team), size = (size_t)team_size(team);
    synthetic_make(rows * rank / size, rows * (rank + 1) / size, calibrate_every, out);
}

/* Forces a level of instructions; a machine that lacks it takes what it has. */
static void level_set(const char *level)
{
    assert_int_equal(setenv("QUERN_SIMD", level, 1), 0);
}

/* The team's ranks have different levels, the rank alone the plain one. Both models' digests, and all scores
 * of this rank's rows by both. */
static void assert_same_model(const struct team *team, size_t rows, size_t calibrate_every,
                              const struct model_settings *settings)
{
    const struct model_context context = synthetic_context();
    const struct paths paths = paths_make(team);
    struct team *alone = team_alone();
    struct model *together = NULL, *single = NULL;
    struct synthetic mine, all;
    struct error err;
    rank_rows(team, rows, calibrate_every, &mine);
    synthetic_make(0, rows, calibrate_every, &all);
    static const char *const levels[] = {"avx512", "avx2", "plain"};
    level_set(levels[team_rank(team) % 3]);
    assert_int_equal(model_fit(team, &mine.input, settings, &context, &together, &err), STATUS_OK);
    level_set("plain");
    assert_int_equal(model_fit(alone, &all.input, settings, &context, &single, &err), STATUS_OK);
    assert_int_equal(model_write(team, together, paths.together, &err), STATUS_OK);
    if (team_rank(team) == 0) {
        char hex[2][33];
        assert_int_equal(model_write(alone, single, paths.alone, &err), STATUS_OK);
        assert_int_equal(store_digest(paths.together, NULL, hex[0], &err), STATUS_OK);
        assert_int_equal(store_digest(paths.alone, NULL, hex[1], &err), STATUS_OK);
        assert_string_equal(hex[0], hex[1]);
        print_message("%zu rows: %s\n", rows, hex[0]);
    }
    struct model *read = NULL;
    struct model_scores scores, expected;
    assert_int_equal(model_read(team, paths.together, &read, &err), STATUS_OK);
    assert_int_equal(model_score(read, &mine.input, &scores, &err), STATUS_OK);
    level_set("avx512");
    assert_int_equal(model_score(single, &mine.input, &expected, &err), STATUS_OK);
    assert_memory_equal(scores.score, expected.score, scores.row_count * sizeof *scores.score);
    assert_memory_equal(scores.kmeans_p, expected.kmeans_p, scores.row_count * sizeof *scores.kmeans_p);
    assert_memory_equal(scores.kmeans2_group, expected.kmeans2_group, scores.row_count);
    assert_memory_equal(scores.autoencoder_error, expected.autoencoder_error,
                        scores.row_count * sizeof *scores.autoencoder_error);
    assert_memory_equal(scores.autoencoder_share, expected.autoencoder_share,
                        scores.row_count * SYNTHETIC_COLUMNS * sizeof(float));
    model_scores_free(&scores);
    model_scores_free(&expected);
    if (team_rank(team) == 0) {
        assert_int_equal(remove(paths.together), 0);
        assert_int_equal(remove(paths.alone), 0);
    }
    model_free(read);
    model_free(single);
    model_free(together);
    synthetic_clear(&all);
    synthetic_clear(&mine);
    team_free(alone);
}

static void test_model_is_the_same_for_any_number_of_ranks(void **state)
{
    const struct model_settings settings = synthetic_settings(8);
    assert_same_model(*state, 3001, 5, &settings);
    const struct model_settings many = {
        .k = 20, .kmeans_seed = 3, .hidden = {4}, .hidden_count = 1, .epochs = 1, .autoencoder_seed = 1};
    assert_same_model(*state, 1001, 5, &many);  // first centres by candidates
}

static void test_model_is_the_same_without_calibration_rows_and_with_robust_kmeans2(void **state)
{
    struct model_settings settings = synthetic_settings(5);
    settings.kmeans2_robust = true;
    settings.batch = 256;
    settings.hidden_count = 1;
    assert_same_model(*state, 777, 0, &settings);
}

static void test_chosen_k_is_the_same_for_any_number_of_ranks(void **state)
{
    struct model_settings settings = synthetic_settings(0);
    settings.epochs = 1;
    assert_same_model(*state, 300, 5, &settings);
}

static void test_fewer_rows_than_ranks_are_a_model_too(void **state)
{
    const struct model_settings settings = synthetic_settings(2);
    assert_same_model(*state, 3, 0, &settings);
}

static void test_nothing_to_train_on_is_said_by_every_rank(void **state)
{
    const struct team *team = *state;
    const struct model_settings settings = synthetic_settings(2);
    const struct model_context context = synthetic_context();
    struct model *model = NULL;
    struct synthetic none;
    struct error err;
    synthetic_make(0, 0, 0, &none);
    assert_int_equal(model_fit(team, &none.input, &settings, &context, &model, &err), STATUS_NO_INPUT);
    assert_null(model);
    assert_string_equal(err.where, "model.train");
    assert_string_equal(err.what, "there is no row to train on");
    synthetic_clear(&none);
}

static void test_k_above_the_distinct_rows_names_the_key_and_the_number(void **state)
{
    const struct team *team = *state;
    const struct model_settings settings = synthetic_settings(16);
    const struct model_context context = synthetic_context();
    struct model *model = NULL;
    struct synthetic mine;
    struct error err;
    rank_rows(team, 40, 0, &mine);
    for (size_t i = 0; i < mine.input.row_count * SYNTHETIC_COLUMNS; i++)
        mine.values[i] = mine.values[i] < 1.0f ? 1.0f : 0.0f;  // few distinct rows
    for (size_t row = 0; row < mine.input.row_count; row++)
        for (size_t c = 1; c < SYNTHETIC_COLUMNS; c++)
            mine.values[row * SYNTHETIC_COLUMNS + c] = 0.0f;
    assert_int_equal(model_fit(team, &mine.input, &settings, &context, &model, &err), STATUS_USAGE);
    assert_string_equal(err.where, "model.kmeans.k");
    assert_string_equal(err.what, "k is 16, but only 2 of the 40 training rows are distinct");
    synthetic_clear(&mine);
}

static void test_fault_on_one_rank_fails_all_with_the_same_error(void **state)
{
    const struct team *team = *state;
    const struct model_settings settings = synthetic_settings(2);
    const struct model_context context = synthetic_context();
    struct model *model = NULL;
    struct synthetic mine;
    struct error err;
    rank_rows(team, 40, 0, &mine);
    const int last = team_size(team) - 1;
    char what[100];
    if (team_rank(team) == last)
        mine.raw[MODEL_TALK_COLUMNS + 2] = -1;
    (void)snprintf(what, sizeof what, "column 3 of the talk's set is -1 in row %d, not in 0 … 2^43 - 1",
                   40 * last / (last + 1) + 1);
    assert_int_equal(model_fit(team, &mine.input, &settings, &context, &model, &err), STATUS_CORRUPT);
    assert_int_equal(err.rank, team_size(team) - 1);
    assert_string_equal(err.what, what);
    mine.values[0] = NAN;
    mine.raw[MODEL_TALK_COLUMNS + 2] = 0;
    assert_int_equal(model_fit(team, &mine.input, &settings, &context, &model, &err), STATUS_CORRUPT);
    assert_string_equal(err.what, "feature queries of row 0 is not a finite number");
    synthetic_clear(&mine);
}

int main(int argc, char **argv)
{
    struct team *team = team_new(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_model_is_the_same_for_any_number_of_ranks, team),
        cmocka_unit_test_prestate(test_model_is_the_same_without_calibration_rows_and_with_robust_kmeans2,
                                  team),
        cmocka_unit_test_prestate(test_chosen_k_is_the_same_for_any_number_of_ranks, team),
        cmocka_unit_test_prestate(test_fewer_rows_than_ranks_are_a_model_too, team),
        cmocka_unit_test_prestate(test_nothing_to_train_on_is_said_by_every_rank, team),
        cmocka_unit_test_prestate(test_k_above_the_distinct_rows_names_the_key_and_the_number, team),
        cmocka_unit_test_prestate(test_fault_on_one_rank_fails_all_with_the_same_error, team),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(team);
    return failed;
}
