/* Run by mpirun with 1, 2, 3 and 5 ranks: fits that are stopped again and again, now on all ranks, now on one
 * alone, end in the model of a fit in one go; and a checkpoint that is not this fit's is refused. */
#include "model/model.h"

#include "synthetic.h"

#include "parallel/stop.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define ROWS 6000
#define STOPS_LEAST 3

struct fixture {
    const struct team *team;
    struct team *alone;
    struct synthetic mine, all;
    struct model_context context;
    char checkpoint[64], model[64];
};

/* Among this rank's processes nobody else uses the timer: it stands for the batch system. */
static void pass_on(int number)
{
    (void)number;
    (void)raise(SIGUSR1);
}

static void stop_after(int64_t us)
{
    const struct itimerval timer = {.it_value = {.tv_sec = us / 1000000, .tv_usec = us % 1000000}};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture.team = *state;
    fixture.alone = team_alone();
    fixture.context = synthetic_context();
    size_t rank = (size_t)team_rank(fixture.team), size = (size_t)team_size(fixture.team);
    synthetic_make(ROWS * rank / size, ROWS * (rank + 1) / size, 5, &fixture.mine);
    synthetic_make(0, ROWS, 5, &fixture.all);
    int64_t process = rank == 0 ? (int64_t)getpid() : 0;
    team_sum_i64(fixture.team, &process, 1);
    (void)snprintf(fixture.checkpoint, sizeof fixture.checkpoint, "checkpoint.%d.h5", (int)process);
    (void)snprintf(fixture.model, sizeof fixture.model, "checkpoint_model.%d.h5", (int)process);
    struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    *state = &fixture;
    return fixture.alone && sigaction(SIGALRM, &action, NULL) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    synthetic_clear(&fixture->mine);
    synthetic_clear(&fixture->all);
    team_free(fixture->alone);
    if (team_rank(fixture->team) == 0) {
        (void)remove(fixture->checkpoint);
        (void)remove(fixture->model);
    }
    return 0;
}

static void digest_of(const struct fixture *fixture, const struct team *team, const struct model *model,
                      char hex[33])
{
    assert_int_equal(model_write(team, model, fixture->model, NULL), STATUS_OK);
    if (team_rank(team) == 0)
        assert_int_equal(store_digest(fixture->model, NULL, hex, NULL), STATUS_OK);
}

static struct model_settings settings_make(void)
{
    struct model_settings settings = synthetic_settings(9);
    settings.nets = 3;
    settings.epochs = 12;
    settings.batch = 64;
    return settings;
}

/* One go at the fit, which a signal to one rank stops after some time. */
static enum status go(struct fixture *fixture, const struct team *team, const struct model_input *input,
                      int rank, int64_t stop_us, struct model **model)
{
    const struct model_settings settings = settings_make();
    const struct model_checkpoint plan = {fixture->checkpoint, 1e-3};
    struct error err;
    stop_listen();
    if (team_rank(team) == rank)
        stop_after(stop_us);
    enum status status = model_resume(team, input, &settings, &fixture->context, &plan, model, &err);
    stop_after(0);
    if (status == STATUS_STOPPED)
        assert_non_null(strstr(err.what, fixture->checkpoint));
    return status;
}

static void test_a_fit_that_is_stopped_again_and_again_is_the_same(void **state)
{
    struct fixture *fixture = *state;
    const struct team *team = fixture->team;
    const struct model_settings settings = settings_make();
    const bool first = team_rank(team) == 0;
    struct model *whole = NULL, *model = NULL;
    char hex[2][33];
    stop_listen();
    assert_int_equal(model_fit(team, &fixture->mine.input, &settings, &fixture->context, &whole, NULL),
                     STATUS_OK);
    digest_of(fixture, team, whole, hex[0]);
    int64_t stops = 0, ended = 0;
    for (int64_t us = 2000; !ended; us += us / 4) {
        enum status status = STATUS_STOPPED;
        if (stops % 2 == 0)
            status = go(fixture, team, &fixture->mine.input, (int)(stops % team_size(team)), us, &model);
        else if (first)
            status = go(fixture, fixture->alone, &fixture->all.input, 0, us, &model);
        assert_true(status == STATUS_OK || status == STATUS_STOPPED);
        ended = status == STATUS_OK;
        team_max_i64(team, &ended, 1);
        stops += !ended;
    }
    if (first) {
        digest_of(fixture, fixture->alone, model, hex[1]);
        assert_string_equal(hex[0], hex[1]);
        assert_true(stops >= STOPS_LEAST);
        print_message("%d stops: %s\n", (int)stops, hex[1]);
    }
    model_free(whole);
    model_free(model);
    assert_int_equal(model_checkpoint_remove(team, &(struct model_checkpoint){fixture->checkpoint, 0}, NULL),
                     STATUS_OK);
    assert_int_equal(access(fixture->checkpoint, F_OK), -1);
}

/* Leaves a checkpoint of the fixture's fit. */
static void leave_one(struct fixture *fixture)
{
    struct model *model = NULL;
    const struct model_settings settings = settings_make();
    const struct model_checkpoint plan = {fixture->checkpoint, 0};
    stop_listen();
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(
        model_resume(fixture->team, &fixture->mine.input, &settings, &fixture->context, &plan, &model, NULL),
        STATUS_STOPPED);
    stop_listen();
    assert_null(model);
}

static void refused(struct fixture *fixture, const struct model_settings *settings, enum status expected,
                    const char *what)
{
    struct model *model = NULL;
    struct error err;
    const struct model_checkpoint plan = {fixture->checkpoint, 60};
    assert_int_equal(
        model_resume(fixture->team, &fixture->mine.input, settings, &fixture->context, &plan, &model, &err),
        expected);
    assert_null(model);
    assert_string_equal(err.where, fixture->checkpoint);
    err.what[strlen(what)] = '\0';
    assert_string_equal(err.what, what);
}

static void test_a_checkpoint_of_another_fit_is_refused_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct model_settings settings = settings_make();
    leave_one(fixture);
    settings.k = 10;
    refused(fixture, &settings, STATUS_MISMATCH,
            "it is of other settings: model.kmeans.k=9, here model.kmeans.k=10");
    settings = settings_make();
    settings.nets = 1;
    refused(fixture, &settings, STATUS_MISMATCH,
            "it is of other settings: model.autoencoder.nets=3, here model.autoencoder.nets=1");
    settings = settings_make();
    float kept = fixture->mine.values[0];
    if (team_rank(fixture->team) == 0)
        fixture->mine.values[0] += 1;
    refused(fixture, &settings, STATUS_MISMATCH, "it is of other rows: 5880 rows ");
    fixture->mine.values[0] = kept;
}

static void test_a_damaged_checkpoint_is_refused_by_name(void **state)
{
    struct fixture *fixture = *state;
    const struct model_settings settings = settings_make();
    leave_one(fixture);
    if (team_rank(fixture->team) == 0) {
        FILE *file = fopen(fixture->checkpoint, "r+");
        assert_non_null(file);
        assert_int_equal(fseek(file, -200, SEEK_END), 0);
        const int byte = fgetc(file);
        assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
        assert_true(fputc(byte ^ 1, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    refused(fixture, &settings, STATUS_CORRUPT,
            "its bytes do not match its checksum: it was damaged after it was written");
}

static void test_the_model_of_the_same_fit_is_found_and_no_other(void **state)
{
    struct fixture *fixture = *state;
    struct model_settings settings = settings_make();
    struct model *model = NULL, *found = NULL;
    settings.epochs = 1;
    const struct model_input *input = &fixture->mine.input;
    assert_int_equal(model_fit(fixture->team, input, &settings, &fixture->context, &model, NULL), STATUS_OK);
    assert_int_equal(model_write(fixture->team, model, fixture->model, NULL), STATUS_OK);
    assert_int_equal(
        model_find(fixture->team, fixture->model, input, &settings, &fixture->context, &found, NULL),
        STATUS_OK);
    assert_non_null(found);
    model_free(found);
    settings.autoencoder_seed++;
    assert_int_equal(
        model_find(fixture->team, fixture->model, input, &settings, &fixture->context, &found, NULL),
        STATUS_OK);
    assert_null(found);
    settings.autoencoder_seed--;
    assert_int_equal(
        model_find(fixture->team, "no such file", input, &settings, &fixture->context, &found, NULL),
        STATUS_OK);
    assert_null(found);
    model_free(model);
}

int main(int argc, char **argv)
{
    struct team *team = team_new(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(test_a_fit_that_is_stopped_again_and_again_is_the_same,
                                                 setup, teardown, team),
        cmocka_unit_test_prestate_setup_teardown(test_a_checkpoint_of_another_fit_is_refused_by_name, setup,
                                                 teardown, team),
        cmocka_unit_test_prestate_setup_teardown(test_a_damaged_checkpoint_is_refused_by_name, setup,
                                                 teardown, team),
        cmocka_unit_test_prestate_setup_teardown(test_the_model_of_the_same_fit_is_found_and_no_other, setup,
                                                 teardown, team),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(team);
    return failed;
}
