/* All ranks write one file: run with 1, 2, 3 and 5 ranks. tests/e2e/store_readers.py compares the bytes
 * between these runs. */
#include "example.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* What the tests share: the team, and a folder of rank 0's that all see. */
struct ground {
    struct team *team;
    char folder[32];
};

static bool is_first(const struct ground *ground)
{
    return team_rank(ground->team) == 0;
}

/* Ranks fail together, or the others would wait for a rank that cmocka took out of its test. */
static void assert_agreed(const struct ground *ground, bool good)
{
    struct error err = {0};
    enum status status = team_agree(ground->team, good ? STATUS_OK : STATUS_FAILED, &err);
    assert_int_equal(status, STATUS_OK);
}

static void path_in(const struct ground *ground, const char *name, char path[64])
{
    (void)snprintf(path, 64, "%s/%s", ground->folder, name);
}

static bool same_bytes(const char *one, const char *other)
{
    FILE *a = fopen(one, "rb"), *b = fopen(other, "rb");
    bool same = a && b;
    for (int c = 0; same && c != EOF;) {
        c = fgetc(a);
        same = c == fgetc(b);
    }
    if (!same && a && b)
        print_error("%s and %s differ at byte %ld\n", one, other, ftell(a) - 1);
    if (a)
        (void)fclose(a);
    if (b)
        (void)fclose(b);
    return same;
}

static void test_who_brings_which_rows_does_not_change_a_byte(void **state)
{
    struct ground *ground = *state;
    struct error err = {0};
    char all[64], none[64], some[64];
    path_in(ground, "all.h5", all);
    path_in(ground, "none.h5", none);
    path_in(ground, "some.h5", some);
    // Rank 0 with all rows, with none, and with 7 of 64 parts.
    assert_int_equal(example_write(ground->team, all, 64, &err), STATUS_OK);
    assert_int_equal(example_write(ground->team, none, 0, &err), STATUS_OK);
    assert_int_equal(example_write(ground->team, some, 7, &err), STATUS_OK);
    assert_agreed(ground, !is_first(ground) || (same_bytes(all, none) && same_bytes(all, some)));
}

static void test_the_digest_is_that_of_a_file_by_one_rank(void **state)
{
    struct ground *ground = *state;
    struct error err = {0};
    char together[64], local[64], one[33] = "", other[33] = "-";
    path_in(ground, "together.h5", together);
    path_in(ground, "local.h5", local);
    assert_int_equal(example_write(ground->team, together, 20, &err), STATUS_OK);
    enum status status = STATUS_OK;
    if (is_first(ground)) {
        status = example_write_local(local, &err);
        if (status == STATUS_OK)
            status = store_digest(together, NULL, one, &err);
        if (status == STATUS_OK)
            status = store_digest(local, NULL, other, &err);
    }
    assert_agreed(ground, status == STATUS_OK && (!is_first(ground) || strcmp(one, other) == 0));
}

static void test_a_team_alone_writes_as_one_rank_does(void **state)
{
    struct ground *ground = *state;
    struct error err = {0};
    char alone_path[64], local[64], one[33] = "", other[33] = "-";
    enum status status = STATUS_OK;
    path_in(ground, "alone.h5", alone_path);
    path_in(ground, "local.h5", local);
    if (is_first(ground)) {
        struct team *alone = team_alone();
        status = example_write(alone, alone_path, 0, &err);
        team_free(alone);
        if (status == STATUS_OK)
            status = example_write_local(local, &err);
        // Not their bytes: what a chunk packs to may depend on an address (chunk.c).
        if (status == STATUS_OK)
            status = store_digest(alone_path, NULL, one, &err);
        if (status == STATUS_OK)
            status = store_digest(local, NULL, other, &err);
    }
    if (status != STATUS_OK)
        print_error("status %d: %s: %s\n", (int)status, err.where, err.what);
    assert_agreed(ground, status == STATUS_OK && (!is_first(ground) || strcmp(one, other) == 0));
}

/* Writes one column of 4 rows, all by the last rank, and says what came of it. */
static enum status try_rows(struct ground *ground, const char *path, const double values[4], size_t row_count,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    bool last = team_rank(ground->team) == team_size(ground->team) - 1;
    const struct store_column column = {.name = "row_score", .type = STORE_F64, .dimensions = {"row"}};
    TRY(store_create(ground->team, path, &writer, err));
    TRY(team_agree(ground->team, store_dimension(writer, "row", 4, err), err));
    TRY(store_put_rows(ground->team, writer, &column, 0, last ? row_count : 0, last ? values : NULL, err));
    struct store_writer *finished = writer;
    writer = NULL;
    TRY(store_finish(ground->team, finished, err));
done:
    store_abandon(ground->team, writer);
    return status;
}

static void test_a_fault_of_one_rank_is_that_of_all(void **state)
{
    struct ground *ground = *state;
    struct error err = {0};
    char path[64];
    int last = team_size(ground->team) - 1;
    path_in(ground, "fault.h5", path);
    enum status good = try_rows(ground, path, (const double[]){1, 2, 3, 4}, 4, &err);
    assert_int_equal(good, STATUS_OK);
    enum status nan = try_rows(ground, path, (const double[]){1, 2, 3, (double)NAN}, 4, &err);
    assert_agreed(ground, nan == STATUS_FAILED && err.rank == last &&
                              strcmp(err.what, "row_score[3] is NaN; expected a number") == 0);
    enum status few = try_rows(ground, path, (const double[]){1, 2, 3, 4}, 3, &err);
    assert_agreed(ground, few == STATUS_FAILED &&
                              strcmp(err.what, "row_score: the ranks together gave 3 rows; expected 4") == 0);
    enum status many = try_rows(ground, path, (const double[]){1, 2, 3, 4}, 5, &err);
    assert_agreed(ground, many == STATUS_FAILED && err.rank == last);
    // The first file is still there and whole.
    struct store_reader *reader = NULL;
    double got[4] = {0};
    const struct store_column column = {.name = "row_score", .type = STORE_F64, .dimensions = {"row"}};
    enum status status = store_open_local(path, &reader, &err);
    if (status == STATUS_OK)
        status = store_get(reader, &column, 0, 4, got, &err);
    store_close(reader);
    assert_agreed(ground, status == STATUS_OK && got[0] == 1 && got[3] == 4);
}

/* Writes a matrix of 300,000 rows in calls of `step` rows that the ranks share, or leaves out the last call.
 */
static enum status write_parts(struct ground *ground, const char *path, size_t step, bool whole,
                               struct error *err)
{
    enum { ROWS = 300000 };
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    static int32_t values[ROWS][2];
    const size_t rank = (size_t)team_rank(ground->team), size = (size_t)team_size(ground->team);
    const struct store_column column = {
        .name = "row_part", .type = STORE_I32, .dimensions = {"row", "feature"}};
    for (int32_t row = 0; row < ROWS; row++)
        values[row][0] = values[row][1] = row * 7 % 1000;
    TRY(store_create(ground->team, path, &writer, err));
    TRY(team_agree(ground->team, store_dimension(writer, "row", ROWS, err), err));
    TRY(team_agree(ground->team, store_dimension(writer, "feature", 2, err), err));
    for (size_t at = 0; at + (whole ? 0 : step) < ROWS; at += step) {
        const size_t count = ROWS - at < step ? ROWS - at : step;
        const size_t from = at + count * rank / size, to = at + count * (rank + 1) / size;
        TRY(store_put_part(ground->team, writer, &column, from, to - from, values[from], err));
    }
    struct store_writer *finished = writer;
    writer = NULL;
    TRY(store_finish(ground->team, finished, err));
done:
    store_abandon(ground->team, writer);
    return status;
}

static void test_a_column_in_parts_is_that_in_one_and_must_be_whole(void **state)
{
    struct ground *ground = *state;
    struct error err = {0};
    char one[64], parts[64], hex[2][33] = {"", "-"};
    path_in(ground, "one.h5", one);
    path_in(ground, "pieces.h5", parts);
    enum status status = write_parts(ground, one, 300000, true, &err);
    if (status == STATUS_OK)
        status = write_parts(ground, parts, 70001, true, &err);
    assert_int_equal(status, STATUS_OK);
    if (is_first(ground)) {
        status = store_digest(one, NULL, hex[0], &err);
        if (status == STATUS_OK)
            status = store_digest(parts, NULL, hex[1], &err);
    }
    assert_agreed(ground, status == STATUS_OK && (!is_first(ground) || strcmp(hex[0], hex[1]) == 0));
    status = write_parts(ground, parts, 70001, false, &err);
    assert_agreed(
        ground, status == STATUS_FAILED &&
                    strcmp(err.what, "row_part: its parts together gave 280004 rows; expected 300000") == 0);
}

static void test_a_folder_that_is_not_there_is_told_to_all(void **state)
{
    struct ground *ground = *state;
    struct error err = {0};
    char path[64];
    path_in(ground, "none/a.h5", path);
    enum status status = try_rows(ground, path, (const double[]){1, 2, 3, 4}, 4, &err);
    assert_agreed(ground, status == STATUS_IO && err.rank == 0 &&
                              strcmp(err.what, "cannot make the file: No such file or directory") == 0);
}

static void test_no_handle_and_no_temporary_file_is_left(void **state)
{
    struct ground *ground = *state;
    char command[96];
    assert_agreed(ground, store_open_handles() == 0);
    (void)snprintf(command, sizeof command, "! ls %s | grep -q part", ground->folder);
    // NOLINTNEXTLINE(cert-env33-c): a path of mkdtemp
    assert_agreed(ground, !is_first(ground) || system(command) == 0);
}

int main(int argc, char **argv)
{
    struct ground ground = {.team = team_new(&argc, &argv), .folder = "/tmp/test_store.XXXXXX"};
    if (is_first(&ground) && !mkdtemp(ground.folder))
        ground.folder[0] = '\0';
    team_broadcast(ground.team, ground.folder, sizeof ground.folder, 0);
#define ON_GROUND(test) cmocka_unit_test_prestate(test, &ground)
    const struct CMUnitTest tests[] = {
        ON_GROUND(test_who_brings_which_rows_does_not_change_a_byte),
        ON_GROUND(test_the_digest_is_that_of_a_file_by_one_rank),
        ON_GROUND(test_a_team_alone_writes_as_one_rank_does),
        ON_GROUND(test_a_fault_of_one_rank_is_that_of_all),
        ON_GROUND(test_a_column_in_parts_is_that_in_one_and_must_be_whole),
        ON_GROUND(test_a_folder_that_is_not_there_is_told_to_all),
        ON_GROUND(test_no_handle_and_no_temporary_file_is_left),
    };
    int failed = ground.folder[0] ? cmocka_run_group_tests_name("store together", tests, NULL, NULL) : 1;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", ground.folder);
    // NOLINTNEXTLINE(cert-env33-c): a path of mkdtemp
    if (is_first(&ground) && ground.folder[0] && system(command) != 0)
        failed = 1;
    team_free(ground.team);
    return failed;
}
