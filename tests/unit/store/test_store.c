/* One rank writes and reads: round trips, digests, refusals, and faults that leave the earlier file. */
#include "example.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test: *state is its path. */
static int folder_make(void **state)
{
    char *path = strdup("/tmp/test_store.XXXXXX");
    *state = path;
    return path && mkdtemp(path) ? 0 : -1;
}

/* Removes the folder; counts what is left in it but NAME files that the test made. */
static int folder_remove(void **state)
{
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", (const char *)*state);
    // NOLINTNEXTLINE(cert-env33-c): a path of mkdtemp
    int result = system(command);
    free(*state);
    return result == 0 && store_open_handles() == 0 ? 0 : -1;
}

static const char *path_in(void **state, const char *name, char path[64])
{
    (void)snprintf(path, 64, "%s/%s", (const char *)*state, name);
    return path;
}

static int files_in(void **state)
{
    int count = 0;
    DIR *folder = opendir(*state);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

/* The file holds one dimension "row" of 2 and one column "row_score" of these values. */
static enum status pair_write(const char *path, double a, double b, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    const struct store_column column = {"row_score", STORE_F64, {"row", NULL}, "1", "score", NULL};
    TRY(store_create_local(path, &writer, err));
    TRY(store_dimension(writer, "row", 2, err));
    TRY(store_put_local(writer, &column, (double[]){a, b}, err));
    struct store_writer *finished = writer;
    writer = NULL;
    TRY(store_finish_local(finished, err));
done:
    store_abandon_local(writer);
    return status;
}

static void assert_status(enum status got, enum status want, const struct error *err)
{
    if (got != want)
        print_error("%s: %s (%s)\n", err->where, err->what, err->hint);
    assert_int_equal(got, want);
}

static void assert_pair(const char *path, double a, double b)
{
    struct error err = {0};
    struct store_reader *reader = NULL;
    double values[2] = {0};
    const struct store_column column = {.name = "row_score", .type = STORE_F64, .dimensions = {"row"}};
    assert_status(store_open_local(path, &reader, &err), STATUS_OK, &err);
    assert_status(store_get(reader, &column, 0, 2, values, &err), STATUS_OK, &err);
    store_close(reader);
    assert_true(values[0] == a && values[1] == b);
}

static void test_every_type_and_shape_comes_back(void **state)
{
    char path[64];
    struct error err = {0};
    struct store_reader *reader = NULL;
    assert_status(example_write_local(path_in(state, "a.h5", path), &err), STATUS_OK, &err);
    assert_int_equal(files_in(state), 1);
    assert_status(store_open_local(path, &reader, &err), STATUS_OK, &err);
    for (size_t c = 0; c < EXAMPLE_COLUMN_COUNT; c++) {
        const struct store_column *column = &EXAMPLE_COLUMNS[c];
        // The middle alone, over the borders of chunks, and all.
        size_t rows = example_rows(column), row_values = example_row_values(column);
        size_t bounds[2][2] = {{rows / 3, rows - rows / 3}, {0, rows}};
        for (int b = 0; b < 2; b++) {
            size_t from = bounds[b][0], count = bounds[b][1] - from;
            size_t bytes = count * row_values * store_type_bytes(column->type);
            void *want = example_values(column->type, from * row_values, count * row_values);
            void *got = calloc(bytes + 1, 1);
            assert_true(want && got);
            assert_status(store_get(reader, column, from, count, got, &err), STATUS_OK, &err);
            assert_memory_equal(got, want, bytes);
            free(want);
            free(got);
        }
    }
    store_close(reader);
}

static void test_dimensions_and_attributes_come_back(void **state)
{
    char path[64], text[32], small[4];
    struct error err = {0};
    struct store_reader *reader = NULL;
    size_t size = 0, count = 0;
    int64_t number = 0, list[3] = {0};
    double real = 0;
    assert_status(example_write_local(path_in(state, "a.h5", path), &err), STATUS_OK, &err);
    assert_status(store_open_local(path, &reader, &err), STATUS_OK, &err);
    for (size_t i = 0; i < sizeof EXAMPLE_DIMENSIONS / sizeof EXAMPLE_DIMENSIONS[0]; i++) {
        assert_status(store_dimension_size(reader, EXAMPLE_DIMENSIONS[i].name, &size, &err), STATUS_OK, &err);
        assert_int_equal(size, EXAMPLE_DIMENSIONS[i].size);
    }
    assert_int_equal(store_dimension_size(reader, "row_u8", &size, &err), STATUS_CORRUPT);
    assert_true(store_has(reader, "unused") && store_has(reader, "total"));
    assert_false(store_has(reader, "absent") || store_has(reader, "provenance/absent"));
    assert_status(store_get_attribute_text(reader, NULL, "title", text, sizeof text, &err), STATUS_OK, &err);
    assert_string_equal(text, "größe");
    assert_status(store_get_attribute_text(reader, NULL, "nothing", text, sizeof text, &err), STATUS_OK,
                  &err);
    assert_string_equal(text, "");
    assert_int_equal(store_get_attribute_text(reader, NULL, "title", small, sizeof small, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.what, ":title: its text is too long");
    assert_status(store_get_attribute_text(reader, "row", "calendar", text, sizeof text, &err), STATUS_OK,
                  &err);
    assert_string_equal(text, "standard");
    assert_status(store_get_attribute_i64(reader, NULL, "table_version", &number, &err), STATUS_OK, &err);
    assert_int_equal(number, -7);
    assert_status(store_get_attribute_i64(reader, "row_u32", "kj", &number, &err), STATUS_OK, &err);
    assert_int_equal(number, 9);
    assert_status(store_get_attribute_f64(reader, NULL, "threshold", &real, &err), STATUS_OK, &err);
    assert_true(real == 0.25);
    assert_status(store_get_attribute_i64_list(reader, NULL, "years", list, 3, &count, &err), STATUS_OK,
                  &err);
    assert_true(count == 3 && list[0] == 2018 && list[1] == 2030 && list[2] == 1);
    assert_int_equal(store_get_attribute_i64_list(reader, NULL, "years", list, 2, &count, &err),
                     STATUS_CORRUPT);
    assert_int_equal(store_get_attribute_i64(reader, NULL, "threshold", &number, &err), STATUS_CORRUPT);
    assert_int_equal(store_get_attribute_i64(reader, "absent", "threshold", &number, &err), STATUS_CORRUPT);
    assert_true(store_has_attribute(reader, "row_i8", "flag_meanings"));
    assert_false(store_has_attribute(reader, "row_u8", "units"));
    assert_status(store_get_provenance_text(reader, "version", text, sizeof text, &err), STATUS_OK, &err);
    assert_string_equal(text, "0.1.0");
    store_close(reader);
}

static enum status digest_example(const struct store_variable *variable, void *context, struct error *err)
{
    enum status status = STATUS_OK;
    void *values = NULL;
    if (strncmp(variable->name, "line", 4) == 0)
        return STATUS_OK;
    if (variable->only_dimension) {
        digest_dimension(context, variable->name, example_size(variable->name));
        return STATUS_OK;
    }
    const struct store_column *column = EXAMPLE_COLUMNS;
    while (strcmp(column->name, variable->name) != 0)
        column++;
    size_t shape[2] = {example_rows(column), example_row_values(column)};
    int rank = column->dimensions[0] ? column->dimensions[1] ? 2 : 1 : 0;
    assert_int_equal(variable->type, column->type);
    assert_int_equal(variable->rank, rank);
    assert_string_equal(variable->units, column->units ? column->units : "");
    assert_string_equal(variable->long_name, column->long_name ? column->long_name : "");
    values = example_values(column->type, 0, shape[0] * shape[1]);
    TRY(digest_column(context, column->name, column->type, rank, shape, column->units, values, err));
done:
    free(values);
    return status;
}

static void test_digest_of_columns_in_memory_is_that_of_the_file(void **state)
{
    char path[64], of_file[33], of_memory[33];
    struct error err = {0};
    struct store_reader *reader = NULL;
    struct digest *digest = digest_new();
    assert_status(example_write_local(path_in(state, "a.h5", path), &err), STATUS_OK, &err);
    assert_status(store_digest(path, NULL, of_file, &err), STATUS_OK, &err);
    assert_status(store_open_local(path, &reader, &err), STATUS_OK, &err);
    assert_status(store_list(reader, digest_example, digest, &err), STATUS_OK, &err);
    store_close(reader);
    digest_hex(digest, of_memory);
    digest_free(digest);
    assert_string_equal(of_file, of_memory);
}

static void digest_of_pair(const char *path, double a, double b, char hex[33])
{
    struct error err = {0};
    assert_status(pair_write(path, a, b, &err), STATUS_OK, &err);
    assert_status(store_digest(path, NULL, hex, &err), STATUS_OK, &err);
}

static void test_digest_sees_a_changed_value_but_not_the_sign_of_zero(void **state)
{
    char path[64], zero[33], minus_zero[33], least[33];
    path_in(state, "a.h5", path);
    digest_of_pair(path, 0.0, 1.0, zero);
    digest_of_pair(path, -0.0, 1.0, minus_zero);
    digest_of_pair(path, 5e-324, 1.0, least);
    assert_string_equal(zero, minus_zero);
    assert_string_not_equal(zero, least);
}

static void test_what_is_left_out_is_not_in_the_digest(void **state)
{
    char path[64], all[33], less[33], renamed[33];
    struct error err = {0};
    const char *const one[] = {"row_", NULL}, *const other[] = {"absent_", NULL};
    assert_status(pair_write(path_in(state, "a.h5", path), 1, 2, &err), STATUS_OK, &err);
    assert_status(store_digest(path, NULL, all, &err), STATUS_OK, &err);
    assert_status(store_digest(path, one, less, &err), STATUS_OK, &err);
    assert_status(store_digest(path, other, renamed, &err), STATUS_OK, &err);
    assert_string_equal(all, renamed);
    // All is left out, the dimension "row" with its columns: the digest of nothing.
    assert_string_equal(less, "99aa06d3014798d86001c324468d497f");
}

static void test_nan_and_infinity_are_refused_with_their_place(void **state)
{
    char path[64];
    struct error err = {0};
    path_in(state, "a.h5", path);
    assert_int_equal(pair_write(path, 1, (double)NAN, &err), STATUS_FAILED);
    assert_string_equal(err.what, "row_score[1] is NaN; expected a number");
    assert_string_equal(err.where, path);
    assert_int_equal(pair_write(path, -(double)INFINITY, 1, &err), STATUS_FAILED);
    assert_string_equal(err.what, "row_score[0] is infinite; expected a number");
    struct digest *digest = digest_new();
    assert_int_equal(digest_column(digest, "x", STORE_F32, 1, (size_t[]){2}, "", (float[]){0, NAN}, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.what, "x[1] is NaN; expected a number");
    digest_free(digest);
    assert_int_equal(files_in(state), 0);
}

static void test_a_writer_that_fails_leaves_the_earlier_file(void **state)
{
    char path[64];
    struct error err = {0};
    assert_status(pair_write(path_in(state, "a.h5", path), 1, 2, &err), STATUS_OK, &err);
    assert_int_equal(pair_write(path, 3, (double)NAN, &err), STATUS_FAILED);
    assert_pair(path, 1, 2);
    assert_status(pair_write(path, 3, 4, &err), STATUS_OK, &err);
    assert_pair(path, 3, 4);
    assert_int_equal(files_in(state), 1);
}

/* A limit on the size of files stands for the full disk: the same calls fail, with EFBIG for ENOSPC. */
static void test_a_full_disk_is_told_and_leaves_the_earlier_file(void **state)
{
    char path[64];
    struct error err = {0};
    struct rlimit before, limit;
    struct stat whole;
    assert_status(example_write_local(path_in(state, "a.h5", path), &err), STATUS_OK, &err);
    assert_int_equal(stat(path, &whole), 0);
    const rlim_t whole_bytes = (rlim_t)whole.st_size;
    assert_true(whole_bytes > 400000);
    assert_status(pair_write(path, 1, 2, &err), STATUS_OK, &err);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    // From "not one byte" over "not the metadata" and "not the second column" to "not the end".
    const rlim_t rooms[] = {
        0, 100, 2048, 5000, 20000, 100000, 300000, whole_bytes - 40000, whole_bytes - 1000};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        limit = (struct rlimit){rooms[i], before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        enum status status = example_write_local(path, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_status(status, STATUS_IO, &err);
        if (!strstr(err.what, "File too large"))
            fail_msg("with room for %lu bytes of %lu: %s", (unsigned long)rooms[i],
                     (unsigned long)whole_bytes, err.what);
        assert_string_equal(err.hint, "make room there, or choose another folder");
        assert_int_equal(files_in(state), 1);
        assert_int_equal(store_open_handles(), 0);
    }
    (void)signal(SIGXFSZ, handler);
    assert_pair(path, 1, 2);
    assert_status(example_write_local(path, &err), STATUS_OK, &err);
}

static void test_a_folder_that_is_not_there_is_told(void **state)
{
    char path[64];
    struct error err = {0};
    assert_int_equal(pair_write(path_in(state, "none/a.h5", path), 1, 2, &err), STATUS_IO);
    assert_string_equal(err.what, "cannot make the file: No such file or directory");
    assert_string_equal(err.where, path);
    assert_string_equal(err.hint, "check the path");
}

/* A column, and what store_put_local says of it. */
struct refusal {
    struct store_column column;
    const char *what;
};

static void test_columns_that_do_not_fit_are_refused(void **state)
{
    char path[64];
    struct error err = {0};
    struct store_writer *writer = NULL;
    static const struct refusal refusals[] = {
        {{"x", STORE_I8, {"absent"}, NULL, NULL, NULL}, "x: it has a dimension that was not said before"},
        {{"row", STORE_I8, {"kind"}, NULL, NULL, NULL},
         "row: a coordinate is 1-D and comes before its dimension's other columns"},
        {{"kind", STORE_I8, {"kind"}, NULL, NULL, NULL},
         "kind: a coordinate is 1-D and comes before its dimension's other columns"},
        {{"a/b", STORE_I8, {"row"}, NULL, NULL, NULL}, "'a/b' is no name for a variable or attribute"},
        {{"_x", STORE_I8, {"row"}, NULL, NULL, NULL}, "'_x' is no name for a variable or attribute"},
        {{"x", STORE_U8, {"row"}, NULL, NULL, "a b"}, "x: an enumeration is of type STORE_I8"},
    };
    assert_status(store_create_local(path_in(state, "a.h5", path), &writer, &err), STATUS_OK, &err);
    assert_status(store_dimension(writer, "row", 2, &err), STATUS_OK, &err);
    assert_status(store_dimension(writer, "kind", 2, &err), STATUS_OK, &err);
    assert_int_equal(store_dimension(writer, "row", 2, &err), STATUS_FAILED);
    const struct store_column first = {.name = "first", .type = STORE_I8, .dimensions = {"kind"}};
    assert_status(store_put_local(writer, &first, "ab", &err), STATUS_OK, &err);
    assert_int_equal(store_put_local(writer, &first, "ab", &err), STATUS_IO);
    assert_int_equal(store_put_local(writer, &first, NULL, &err), STATUS_FAILED);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_int_equal(store_put_local(writer, &refusals[i].column, "ab", &err), STATUS_FAILED);
        assert_string_equal(err.what, refusals[i].what);
    }
    assert_int_equal(store_attribute_f64(writer, NULL, "x", (double)NAN, &err), STATUS_FAILED);
    assert_status(store_attribute_i64(writer, "absent", "x", 1, &err), STATUS_OK, &err);
    assert_int_equal(store_finish_local(writer, &err), STATUS_IO);
    assert_non_null(strstr(err.what, "absent: there is no such variable for the attribute"));
    assert_int_equal(files_in(state), 0);
}

/* What store_get says of a column that the example does not have like this. */
static void test_a_reader_compares_type_shape_and_range(void **state)
{
    char path[64];
    struct error err = {0};
    struct store_reader *reader = NULL;
    double values[8] = {0};
    static const struct refusal refusals[] = {
        {{"absent", STORE_F64, {"row"}, NULL, NULL, NULL}, "absent: the file has no such variable"},
        {{"row_f32", STORE_F64, {"row"}, NULL, NULL, NULL}, "row_f32: its type is f4; expected f8"},
        {{"row_u64", STORE_F64, {"row"}, NULL, NULL, NULL}, "row_u64: its type is u8; expected f8"},
        {{"row_f64", STORE_F64, {"row"}, NULL, NULL, NULL}, "row_f64: it has 2 dimensions; expected 1"},
        {{"row_f64", STORE_F64, {NULL}, NULL, NULL, NULL}, "row_f64: it has 2 dimensions; expected 0"},
        {{"one_value", STORE_F64, {"kind"}, NULL, NULL, NULL},
         "one_value: its length is 1; its dimension kind has 3"},
        {{"one_value", STORE_F64, {"total"}, NULL, NULL, NULL}, "total: it is no dimension"},
        {{"one_value", STORE_F64, {"absent"}, NULL, NULL, NULL}, "absent: the file has no such variable"},
        {{"one_value", STORE_F64, {"one"}, NULL, NULL, NULL},
         "one_value: it has 1 rows; expected 2 from row 0 on"},
        {{"unused", STORE_F64, {"unused"}, NULL, NULL, NULL}, "unused: it is a dimension without values"},
        {{"provenance", STORE_F64, {"row"}, NULL, NULL, NULL}, "provenance: it is no variable"},
    };
    assert_status(example_write_local(path_in(state, "a.h5", path), &err), STATUS_OK, &err);
    assert_status(store_open_local(path, &reader, &err), STATUS_OK, &err);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_int_equal(store_get(reader, &refusals[i].column, 0, 2, values, &err), STATUS_CORRUPT);
        assert_non_null(strstr(err.what, refusals[i].what));
        assert_string_equal(err.where, path);
    }
    const struct store_column *row = &EXAMPLE_COLUMNS[0];
    assert_int_equal(store_get(reader, row, SIZE_MAX, 2, values, &err), STATUS_CORRUPT);
    assert_int_equal(store_get(reader, row, 2, SIZE_MAX, values, &err), STATUS_CORRUPT);
    assert_int_equal(store_get(reader, row, EXAMPLE_ROWS - 1, 2, values, &err), STATUS_CORRUPT);
    store_close(reader);
}

static void test_what_is_no_file_of_ours_is_told(void **state)
{
    char path[64];
    struct error err = {0};
    struct store_reader *reader = NULL;
    assert_int_equal(store_open_local(path_in(state, "none", path), &reader, &err), STATUS_IO);
    assert_string_equal(err.what, "cannot open the file: No such file or directory");
    assert_int_equal(store_open_local(*state, &reader, &err), STATUS_IO);
    assert_string_equal(err.what, "it is not a regular file");
    assert_int_equal(mkfifo(path_in(state, "fifo", path), 0600), 0);
    assert_int_equal(store_open_local(path, &reader, &err), STATUS_IO);
    FILE *file = fopen(path_in(state, "text", path), "w");
    assert_non_null(file);
    (void)fputs("row,score\n1,2\n", file);
    (void)fclose(file);
    assert_int_equal(store_open_local(path, &reader, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.what, "it is no HDF5 file, or cut off"));
    assert_null(reader);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_every_type_and_shape_comes_back),
        IN_FOLDER(test_dimensions_and_attributes_come_back),
        IN_FOLDER(test_digest_of_columns_in_memory_is_that_of_the_file),
        IN_FOLDER(test_digest_sees_a_changed_value_but_not_the_sign_of_zero),
        IN_FOLDER(test_what_is_left_out_is_not_in_the_digest),
        IN_FOLDER(test_nan_and_infinity_are_refused_with_their_place),
        IN_FOLDER(test_a_writer_that_fails_leaves_the_earlier_file),
        IN_FOLDER(test_a_full_disk_is_told_and_leaves_the_earlier_file),
        IN_FOLDER(test_a_folder_that_is_not_there_is_told),
        IN_FOLDER(test_columns_that_do_not_fit_are_refused),
        IN_FOLDER(test_a_reader_compares_type_shape_and_range),
        IN_FOLDER(test_what_is_no_file_of_ours_is_told),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
