/* Work that is evened out while it is done: run with 1, 2, 3 and 5 ranks. */
#include "parallel/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void assert_agreed(const struct team *team, bool good)
{
    struct error err = {0};
    assert_int_equal(team_agree(team, good ? STATUS_OK : STATUS_FAILED, &err), STATUS_OK);
}

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void test_each_item_is_taken_once_whoever_is_slow(void **state)
{
    const struct team *team = *state;
    struct error err = {0};
    enum { ITEMS = 60 };
    int64_t taken[ITEMS];
    for (int slow = 0; slow < team_size(team); slow++) {
        struct work *work = NULL;
        int64_t mine = 0, done = 0;
        for (int i = 0; i < ITEMS; i++)
            taken[i] = 0;
        // All of it is one rank's run: the others live on what they take from it.
        size_t end = team_rank(team) == slow ? ITEMS : 0, item = 0;
        assert_int_equal(work_begin(team, 0, end, &work, &err), STATUS_OK);
        while (work_take(work, &item)) {
            taken[item]++;
            mine++;
            if (team_rank(team) == slow)
                pause_ms(2);
            work_add_done(work, 10);
        }
        team_sum_i64(team, taken, ITEMS);
        bool once = true;
        for (int i = 0; i < ITEMS; i++)
            once = once && taken[i] == 1;
        assert_agreed(team, once);
        if (team_rank(team) == 0)
            done = work_done(work);
        work_end(work);
        assert_agreed(team, team_rank(team) != 0 || done == 10 * ITEMS);
        // The slow one is helped, when there is somebody else.
        assert_agreed(team, team_size(team) == 1 || team_rank(team) != slow || mine < ITEMS);
    }
}

static void test_the_own_run_is_taken_in_order_and_no_item_is_lost(void **state)
{
    const struct team *team = *state;
    struct error err = {0};
    struct work *work = NULL;
    int ranks = team_size(team), rank = team_rank(team);
    int64_t *taken = calloc((size_t)ranks * 100, sizeof *taken);
    assert_non_null(taken);
    size_t first = (size_t)rank * 100, before = first, item = 0;
    // Runs of different lengths, with gaps between them; the last rank's is empty.
    size_t count = rank == ranks - 1 && ranks > 1 ? 0 : 10 + (size_t)rank * 20;
    assert_int_equal(work_begin(team, first, first + count, &work, &err), STATUS_OK);
    bool ordered = true;
    while (work_take(work, &item)) {
        taken[item]++;
        if (item >= first && item < first + count) {
            ordered = ordered && item == before;
            before = item + 1;
        }
    }
    work_end(work);
    team_sum_i64(team, taken, (size_t)ranks * 100);
    bool once = true;
    for (size_t i = 0; i < count; i++)
        once = once && taken[first + i] == 1;
    for (size_t i = count; i < 100; i++)
        once = once && taken[first + i] == 0;
    free(taken);
    assert_agreed(team, ordered && once);
}

static void test_a_stop_ends_the_work_of_all_ranks(void **state)
{
    const struct team *team = *state;
    struct error err = {0};
    struct work *work = NULL;
    size_t item = 0, count = 100000, first = (size_t)team_rank(team) * count;
    int64_t taken = 0, last = team_size(team) - 1;
    assert_int_equal(work_begin(team, first, first + count, &work, &err), STATUS_OK);
    assert_agreed(team, !work_stopped(work));
    while (work_take(work, &item)) {
        taken++;
        if (team_rank(team) == last && taken == 5)
            work_stop(work);
        if (team_rank(team) != last)
            pause_ms(1);
    }
    bool stopped = work_stopped(work);
    work_end(work);
    assert_agreed(team, stopped && taken < (int64_t)count);
    assert_agreed(team, team_rank(team) != last || taken == 5);
}

static void test_no_work_at_all_is_done_at_once(void **state)
{
    const struct team *team = *state;
    struct error err = {0};
    struct work *work = NULL;
    size_t item = 0;
    assert_int_equal(work_begin(team, 7, 7, &work, &err), STATUS_OK);
    bool took = work_take(work, &item);
    work_end(work);
    assert_agreed(team, !took);
    enum status status = work_begin(team, 0, (size_t)1 << 33, &work, &err);
    assert_int_equal(status, STATUS_LIMIT);
}

int main(int argc, char **argv)
{
    struct team *team = team_new(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_each_item_is_taken_once_whoever_is_slow, team),
        cmocka_unit_test_prestate(test_the_own_run_is_taken_in_order_and_no_item_is_lost, team),
        cmocka_unit_test_prestate(test_a_stop_ends_the_work_of_all_ranks, team),
        cmocka_unit_test_prestate(test_no_work_at_all_is_done_at_once, team),
    };
    int failed = cmocka_run_group_tests_name("work", tests, NULL, NULL);
    team_free(team);
    return failed;
}
