/* What people read when a job file is wrong, word for word. */
#include "job/job.h"

#include "file.h"

#include "scratch.h"

#define GOOD "archive: {paths: [a]}\noutput: {dir: o}\n"

struct fault {
    const char *yaml;
    const char *set;  // NULL for none
    const char *where;
    const char *what;
    const char *hint;
};

static const struct fault FAULTS[] = {
#include "faults.inc"
};

static void assert_fault(const struct fault *fault)
{
    struct job *job = NULL;
    struct error err = {0};
    scratch_write("job.yaml", fault->yaml);
    enum status status = job_read("job.yaml", &fault->set, fault->set ? 1 : 0, SCRATCH_NOW_S, &job, &err);
    assert_null(job);
    assert_int_equal(status, STATUS_USAGE);
    assert_int_equal(err.status, STATUS_USAGE);
    assert_string_equal(err.what, fault->what);
    assert_string_equal(err.where, fault->where);
    assert_string_equal(err.hint, fault->hint);
}

static void test_each_fault_is_told_word_for_word(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof FAULTS / sizeof FAULTS[0]; at++)
        assert_fault(&FAULTS[at]);
}

static void assert_unreadable(const char *path, const char *where, const char *what)
{
    struct job *job = NULL;
    struct error err = {0};
    assert_int_equal(job_read(path, NULL, 0, SCRATCH_NOW_S, &job, &err), STATUS_USAGE);
    assert_null(job);
    assert_string_equal(err.where, where);
    assert_string_equal(err.what, what);
}

static void test_files_that_are_no_job_files_are_refused(void **state)
{
    (void)state;
    (void)remove("job.yaml");
    assert_unreadable("job.yaml", "job.yaml", "cannot be read: No such file or directory");
    assert_unreadable(".", ".", "cannot be read: Is a directory");
    scratch_write_bytes("job.yaml", "archive:\n  paths: [a\0b]\n", 24);
    assert_unreadable("job.yaml", "job.yaml:2", "a NUL byte, where text was expected");
    scratch_write_bytes("job.yaml",
                        "\xff\xfe"
                        "a\0:\0",
                        6);
    assert_unreadable("job.yaml", "job.yaml:1", "a NUL byte, where text was expected");
    assert_unreadable("/dev/zero", "/dev/zero", "is larger than 1 MiB");
}

static char *filled(size_t count, const char *start, char fill)
{
    char *text = malloc(count + 1);
    assert_non_null(text);
    memset(text, fill, count);
    memcpy(text, start, strlen(start));
    text[count] = '\0';
    return text;
}

static void test_large_and_deep_files_are_refused_quickly(void **state)
{
    (void)state;
    char *text = filled(FILE_MOST_BYTES + 1, "a: b #", 'x');
    scratch_write("job.yaml", text);
    assert_unreadable("job.yaml", "job.yaml", "is larger than 1 MiB");
    text[FILE_MOST_BYTES] = '\0';
    scratch_write("job.yaml", text);
    assert_unreadable("job.yaml", "job.yaml:1", "a is no key of the job file");
    free(text);
    text = filled(FILE_MOST_BYTES, "a: ", '[');
    scratch_write("job.yaml", text);
    assert_unreadable("job.yaml", "job.yaml:1", "lists and maps more than 16 deep");
    free(text);
    text = filled(FILE_MOST_BYTES, "a: ", '{');
    scratch_write("job.yaml", text);
    assert_unreadable("job.yaml", "job.yaml:1", "a list or map where a key was expected");
    free(text);
}

static void test_long_keys_and_paths_lose_bytes_but_never_the_line(void **state)
{
    (void)state;
    char *text = filled(2000, "\n\n\n? ", 'k');
    scratch_write("job.yaml", text);
    struct job *job = NULL;
    struct error err = {0};
    char folders[609];
    for (size_t at = 0; at < 600; at++)
        folders[at] = at % 2 == 0 ? '.' : '/';
    memcpy(folders + 600, "job.yaml", 9);
    assert_int_equal(job_read(folders, NULL, 0, SCRATCH_NOW_S, &job, &err), STATUS_USAGE);
    assert_int_equal(strlen(err.where), sizeof err.where - 1);
    assert_memory_equal(err.where, "...", 3);
    assert_string_equal(err.where + strlen(err.where) - 11, "/job.yaml:4");
    assert_memory_equal(err.what, "kkkk", 4);
    assert_string_equal(err.what + 100, " is no key of the job file");
    free(text);
}

static const char SEED[] =
    "archive:\n  sources:\n  - {paths: ['/l/*', \"b\\x41\"], timezone: Asia/Tokyo, year: 2022}\n"
    "  from: 2022-02-01 12:00\n  clients: [10.0.0.0/8, \"::1\"]\n  piece: 500K # eight\n"
    "features: {window: 12h, night: 00:30-24:00}\n"
    "model:\n  train: [{from: -28d, to: 2022-02-05T06:07:08}]\n"
    "  autoencoder:\n    hidden: [1, 256]\noutput:\n  dir: |\n    block\n";

/* Reads what may be anything: a job, or an error with a place. */
static void read_anything(const char *bytes, size_t count, size_t *jobs)
{
    struct job *job = NULL;
    struct error err = {0};
    scratch_write_bytes("job.yaml", bytes, count);
    enum status status = job_read("job.yaml", NULL, 0, SCRATCH_NOW_S, &job, &err);
    *jobs += status == STATUS_OK;
    assert_true((status == STATUS_OK) == (job != NULL));
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_USAGE);
        assert_memory_equal(err.where, "job.yaml", 8);
        assert_true(err.what[0] != '\0');
    }
    job_free(job);
}

static void test_a_job_file_with_any_byte_changed_or_cut_off_gives_a_job_or_a_named_error(void **state)
{
    (void)state;
    static const char changes[] = {'\0', '\n', ' ', '-', ':', '[', '}', '"', '&', '9', '\x80', '\xef', '\t'};
    size_t jobs = 0;
    size_t tried = 0;
    for (size_t at = 0; at < sizeof SEED - 1; at++) {
        read_anything(SEED, at, &jobs);
        tried++;
        for (size_t byte = 0; byte < sizeof changes; byte++, tried++) {
            char changed[sizeof SEED];
            memcpy(changed, SEED, sizeof SEED);
            changed[at] = changes[byte];
            read_anything(changed, sizeof SEED - 1, &jobs);
        }
    }
    // Some changes stay inside a text, most do not.
    assert_true(jobs > 0 && jobs < tried / 2);
    jobs = 0;
    read_anything(SEED, sizeof SEED - 1, &jobs);
    assert_int_equal(jobs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fault_is_told_word_for_word),
        cmocka_unit_test(test_files_that_are_no_job_files_are_refused),
        cmocka_unit_test(test_large_and_deep_files_are_refused_quickly),
        cmocka_unit_test(test_long_keys_and_paths_lose_bytes_but_never_the_line),
        cmocka_unit_test(test_a_job_file_with_any_byte_changed_or_cut_off_gives_a_job_or_a_named_error),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
