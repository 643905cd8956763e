/* Run by mpirun with 1, 2, 3 and 5 ranks: usual values are those of all rows in one list, sorted. */
#include "usual.h"

#include "synthetic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define ROWS 2600

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool belongs(const struct usual *item, const struct synthetic *all, size_t row)
{
    const struct model_moment *at = &all->moments[row];
    if (!at->counts || at->is_holiday != item->holiday)
        return false;
    return item->is_host ? all->ip_hash[row] == item->host && at->is_night == item->time
                         : at->role == item->role && at->hour == item->time;
}

/* The same by a sorted list of the column's values. */
static void assert_entry(const struct usuals *usuals, size_t at, const struct synthetic *all)
{
    static const size_t percents[] = {5, 50, 95};
    float values[ROWS];
    for (size_t column = 0; column < SYNTHETIC_COLUMNS; column++) {
        size_t count = 0;
        for (size_t row = 0; row < ROWS; row++)
            if (belongs(&usuals->items[at], all, row))
                values[count++] = all->values[row * SYNTHETIC_COLUMNS + column];
        assert_int_equal(usuals->items[at].rows, count);
        assert_true(count >= 5);
        qsort(values, count, sizeof *values, compare_floats);
        for (int p = 0; p < 3; p++) {
            size_t rank = 1;
            while (100 * rank < percents[p] * count)
                rank++;
            assert_true(usuals->values[p][at * SYNTHETIC_COLUMNS + column] == values[rank - 1]);
        }
    }
}

static struct usuals fit(const struct team *team, struct synthetic *mine)
{
    const size_t rank = (size_t)team_rank(team), size = (size_t)team_size(team);
    struct usuals usuals = {0};
    // The last rank has no rows where there are several.
    const size_t parts = size > 1 ? size - 1 : 1;
    synthetic_make(rank < parts ? ROWS * rank / parts : ROWS, rank < parts ? ROWS * (rank + 1) / parts : ROWS,
                   5, mine);
    assert_int_equal(usuals_fit(team, &mine->input, &usuals, NULL), STATUS_OK);
    return usuals;
}

static void test_entries_are_those_of_sorted_lists(void **state)
{
    const struct team *team = *state;
    struct synthetic mine, all;
    struct usuals usuals = fit(team, &mine);
    size_t groups = 0;
    synthetic_make(0, ROWS, 5, &all);
    // 2,600 rows: 144 of roles with 18 rows or so, 148 of hosts with 6 to 36.
    for (size_t i = 0; i < usuals.count; i++) {
        assert_entry(&usuals, i, &all);
        assert_true(i == 0 || usual_compare(&usuals.items[i - 1], &usuals.items[i]) < 0);
        groups += !usuals.items[i].is_host;
    }
    assert_int_equal(groups, 3 * 48);
    assert_in_range(usuals.count - groups, 37 * 3, 37 * 4);
    usuals_clear(&usuals);
    synthetic_clear(&mine);
    synthetic_clear(&all);
}

static void test_a_row_finds_its_host_and_its_role_and_a_new_host_is_a_client(void **state)
{
    const struct team *team = *state;
    struct synthetic mine, all;
    struct usuals usuals = fit(team, &mine);
    synthetic_make(0, ROWS, 5, &all);
    size_t own = 0;
    for (size_t row = 0; row < ROWS; row++) {
        struct model_moment moment = all.moments[row];
        moment.role = 0;  // the model knows better
        const struct usual_found found = usuals_find(&usuals, all.ip_hash[row], &moment);
        assert_true(found.role >= 0);
        const struct usual *role = &usuals.items[found.role];
        assert_int_equal(role->is_host, 0);
        assert_int_equal(role->role, all.moments[row].role);
        assert_int_equal(role->holiday, moment.is_holiday);
        assert_int_equal(role->time, moment.hour);
        if (found.host < 0)
            continue;
        own++;
        assert_true(usuals.items[found.host].host == all.ip_hash[row]);
        assert_int_equal(usuals.items[found.host].holiday, moment.is_holiday);
        assert_int_equal(usuals.items[found.host].time, moment.is_night);
    }
    assert_true(own > ROWS * 9 / 10);
    const struct usual_found stranger = usuals_find(&usuals, 12345, &all.moments[0]);
    assert_int_equal(stranger.host, -1);
    assert_int_equal(usuals.items[stranger.role].role, 0);
    usuals_clear(&usuals);
    synthetic_clear(&mine);
    synthetic_clear(&all);
}

static void test_without_moments_nothing_is_learned(void **state)
{
    const struct team *team = *state;
    struct synthetic mine;
    struct usuals usuals = {0};
    synthetic_make(0, 100, 0, &mine);
    mine.input.moments = NULL;
    assert_int_equal(usuals_fit(team, &mine.input, &usuals, NULL), STATUS_OK);
    assert_int_equal(usuals.count, 0);
    const struct usual_found found = usuals_find(&usuals, 7, &mine.moments[0]);
    assert_int_equal(found.host, -1);
    assert_int_equal(found.role, -1);
    usuals_clear(&usuals);
    synthetic_clear(&mine);
}

static void test_a_score_names_its_cause_and_what_is_usual_for_it(void **state)
{
    (void)state;
    const struct model_context context = synthetic_context();
    const struct model_settings settings = synthetic_settings(3);
    struct team *alone = team_alone();
    struct model *model = NULL;
    struct model_scores scores = {0};
    struct synthetic all;
    size_t checked = 0;
    synthetic_make(0, ROWS, 5, &all);
    assert_int_equal(model_fit(alone, &all.input, &settings, &context, &model, NULL), STATUS_OK);
    assert_int_equal(model_score(model, &all.input, &scores, NULL), STATUS_OK);
    for (size_t row = 0; row < ROWS; row++) {
        const float *kmeans = scores.kmeans_share + row * SYNTHETIC_COLUMNS;
        const float *autoencoder = scores.autoencoder_share + row * SYNTHETIC_COLUMNS;
        const int32_t cause = scores.cause[row];
        for (size_t c = 0; c < SYNTHETIC_COLUMNS; c++)
            assert_true(cause >= 0 && kmeans[c] + autoencoder[c] <= kmeans[cause] + autoencoder[cause]);
        const struct usual_found found = usuals_find(&model->usuals, all.ip_hash[row], &all.moments[row]);
        assert_int_equal(scores.usual_rows[row], found.host < 0 ? 0 : model->usuals.items[found.host].rows);
        assert_int_equal(scores.role_rows[row], model->usuals.items[found.role].rows);
        const size_t role = (size_t)found.role * SYNTHETIC_COLUMNS + (size_t)cause;
        assert_true(scores.role_low[row] == model->usuals.values[0][role]);
        assert_true(scores.role_middle[row] == model->usuals.values[1][role]);
        assert_true(scores.role_high[row] == model->usuals.values[2][role]);
        if (found.host < 0)
            continue;
        const size_t own = (size_t)found.host * SYNTHETIC_COLUMNS + (size_t)cause;
        assert_true(scores.usual_low[row] == model->usuals.values[0][own]);
        assert_true(scores.usual_middle[row] == model->usuals.values[1][own]);
        assert_true(scores.usual_high[row] == model->usuals.values[2][own]);
        checked++;
    }
    assert_true(checked > ROWS / 2);
    model_scores_free(&scores);
    model_free(model);
    synthetic_clear(&all);
    team_free(alone);
}

int main(int argc, char **argv)
{
    struct team *team = team_new(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_entries_are_those_of_sorted_lists, team),
        cmocka_unit_test_prestate(test_a_row_finds_its_host_and_its_role_and_a_new_host_is_a_client, team),
        cmocka_unit_test_prestate(test_without_moments_nothing_is_learned, team),
        cmocka_unit_test_prestate(test_a_score_names_its_cause_and_what_is_usual_for_it, team),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(team);
    return failed;
}
