#include "job/job.h"

#include "keys.h"

#include "scratch.h"

/** Seconds of a day. */
#define DAY_SECONDS INT64_C(86400)

#define GOOD "archive: {paths: [a]}\noutput: {dir: o}\n"

/** 2022-02-01 00:00, 28 days before the present's midnight. */
#define FEBRUARY_S (SCRATCH_NOW_S - 37800 - 28 * DAY_SECONDS)

static struct job *read_or_fail(const char *yaml, const char *const *sets, size_t set_count)
{
    struct job *job = NULL;
    struct error err = {0};
    scratch_write("job.yaml", yaml);
    if (job_read("job.yaml", sets, set_count, SCRATCH_NOW_S, &job, &err) != STATUS_OK)
        fail_msg("%s: %s", err.where, err.what);
    return job;
}

static char *text_or_fail(const struct job *job)
{
    char *text = NULL;
    struct error err = {0};
    assert_int_equal(job_text(job, &text, &err), STATUS_OK);
    return text;
}

static void test_the_shortest_job_has_the_defaults_of_the_manual(void **state)
{
    (void)state;
    struct job *job = read_or_fail(GOOD, NULL, 0);
    assert_int_equal(job->archive_paths.count, 1);
    assert_string_equal(job->archive_paths.items[0], "a");
    assert_int_equal(job->archive_sources.count, 0);
    assert_null(job->archive_timezone);
    assert_int_equal(job->archive_from_s, JOB_NO_TIME);
    assert_int_equal(job->archive_to_s, JOB_NO_TIME);
    assert_int_equal(job->archive_clients.count, 0);
    assert_int_equal(job->archive_ipv6_prefix, 128);
    assert_int_equal(job->archive_doubled, DOUBLED_SKIP);
    assert_int_equal(job->archive_year, 0);
    assert_int_equal(job->archive_piece_bytes, 8388608);
    assert_string_equal(job->store_dir, "o/store");
    assert_int_equal(job->store_parts, 1);
    assert_int_equal(job->features_set, FEATURE_SET_FULL);
    assert_int_equal(job->features_window_s, 3600);
    assert_int_equal(job->features_unit_s, 60);
    assert_string_equal(job->features_timezone, "UTC");
    assert_true(job->features_timezone_assumed);
    assert_int_equal(job->features_night.from_minute, 1200);
    assert_int_equal(job->features_night.to_minute, 420);
    assert_int_equal(job->features_calendar.count, 0);
    assert_string_equal(job->features_suffixes, "datasets/suffixes.dat");
    assert_int_equal(job->model_train.count, 0);
    assert_int_equal(job->model_calibrate.count, 0);
    assert_int_equal(job->model_kmeans_k, 16);
    assert_int_equal(job->model_kmeans_seed, 1);
    assert_int_equal(job->model_kmeans2_scaling, SCALING_RAW);
    assert_int_equal(job->model_autoencoder_hidden.count, 3);
    assert_int_equal(job->model_autoencoder_hidden.items[1], 8);
    assert_int_equal(job->model_autoencoder_epochs, 50);
    assert_int_equal(job->model_autoencoder_batch, 0);
    assert_int_equal(job->model_autoencoder_seed, 1);
    assert_int_equal(job->limits_names, 4096);
    assert_int_equal(job->limits_pairs, 16384);
    assert_int_equal(job->limits_ip_names, 262144);
    assert_int_equal(job->limits_memory_bytes, INT64_C(128) << 20);
    assert_string_equal(job->output_dir, "o");
    job_free(job);
}

/* Every key with a value that is not its default, in the ways in which people write. */
static const char FULL[] =
    "\xef\xbb\xbf# with a byte order mark\r\n"
    "archive:\r\n"
    "  sources:\n"
    "  - {paths: ['/logs/**/q.log*', \"b\\tc\\u65e5\"], resolver: ns1, timezone: Asia/Tokyo, format: bind, "
    "year: 2022}\n"
    "  - paths: [\"~\"]\n"
    "  timezone: Europe/Berlin\n"
    "  from: 2022-02-01 12:00\n"
    "  to: today\n"
    "  clients: [10.0.0.0/8, 192.0.2.1, 2001:db8::/32, \"::1\"]\n"
    "  ipv6_prefix: 64\n"
    "  doubled: count\n"
    "  year: 2021\n"
    "  piece: 500K\n"
    "store: {dir: s, parts: 256}\n"
    "features: {set: talk, window: 12h, unit: 30s, night: 00:30-24:00, calendar: [c.csv], suffixes: s.dat}\n"
    "model:\n"
    "  train: [{from: -28d, to: 2022-02-05T06:07:08}, {from: 2022-02-06 01:02, to: yesterday}]\n"
    "  calibrate: [{from: 1970-01-01, to: 9999-12-31 23:59:59}]\n"
    "  kmeans: {k: 1024, seed: 0}\n"
    "  kmeans2: {scaling: robust}\n"
    "  autoencoder: {hidden: [1, 256], epochs: 1, batch: 2048, seed: 9223372036854775807}\n"
    "limits: {names: 1, pairs: 2, ip_names: 4294967294, memory: 1572864}\n"
    "output: {dir: \"o # d\"}\n";

static void test_values_are_read_as_people_write_them(void **state)
{
    (void)state;
    struct job *job = read_or_fail(FULL, NULL, 0);
    assert_int_equal(job->archive_sources.count, 2);
    const struct job_source *source = job->archive_sources.items;
    assert_int_equal(source[0].paths.count, 2);
    assert_string_equal(source[0].paths.items[1], "b\tc\xe6\x97\xa5");
    assert_string_equal(source[0].resolver, "ns1");
    assert_string_equal(source[0].timezone, "Asia/Tokyo");
    assert_int_equal(source[0].format, FORMAT_BIND);
    assert_int_equal(source[0].year, 2022);
    assert_string_equal(source[1].paths.items[0], "~");
    assert_null(source[1].resolver);
    assert_string_equal(source[1].timezone, "Europe/Berlin");
    assert_int_equal(source[1].format, FORMAT_AUTO);
    assert_int_equal(source[1].year, 2021);
    assert_int_equal(job->archive_from_s, FEBRUARY_S + 43200);
    assert_int_equal(job->archive_to_s, SCRATCH_NOW_S - 37800);
    assert_int_equal(job->archive_clients.count, 4);
    assert_int_equal(job->archive_clients.items[0].bits, 104);
    assert_int_equal(job->archive_clients.items[2].bits, 32);
    assert_int_equal(job->archive_clients.items[2].base.bytes[1], 1);
    assert_int_equal(job->archive_doubled, DOUBLED_COUNT);
    assert_int_equal(job->archive_piece_bytes, 512000);
    assert_int_equal(job->features_set, FEATURE_SET_TALK);
    assert_int_equal(job->features_window_s, 43200);
    assert_int_equal(job->features_unit_s, 30);
    assert_string_equal(job->features_timezone, "Europe/Berlin");
    assert_false(job->features_timezone_assumed);
    assert_int_equal(job->features_night.from_minute, 30);
    assert_int_equal(job->features_night.to_minute, 1440);
    assert_int_equal(job->model_train.count, 2);
    assert_int_equal(job->model_train.items[0].from_s, FEBRUARY_S);
    assert_int_equal(job->model_train.items[0].to_s, FEBRUARY_S + 4 * DAY_SECONDS + 22028);
    assert_int_equal(job->model_train.items[1].from_s, FEBRUARY_S + 5 * DAY_SECONDS + 3720);
    assert_int_equal(job->model_train.items[1].to_s, FEBRUARY_S + 27 * DAY_SECONDS);
    assert_int_equal(job->model_calibrate.items[0].from_s, 0);
    assert_int_equal(job->model_kmeans2_scaling, SCALING_ROBUST);
    assert_int_equal(job->model_autoencoder_hidden.count, 2);
    assert_int_equal(job->model_autoencoder_batch, 2048);
    assert_int_equal(job->model_autoencoder_seed, INT64_MAX);
    assert_int_equal(job->limits_memory_bytes, 1572864);
    assert_string_equal(job->output_dir, "o # d");
    job_free(job);
}

static void assert_equal_texts(const char *a, const char *b)
{
    if (a && b)
        assert_string_equal(a, b);
    else
        assert_true(a == b);
}

/* Members of scalar type, one by one by their rows, so that a new key is in the test when it is in keys.def.
 */
static void assert_equal_records(struct key_table table, const void *a, const void *b)
{
    for (size_t at = 0; at < table.count; at++) {
        const struct key *key = &table.keys[at];
        const char *x = (const char *)a + key->offset;
        const char *y = (const char *)b + key->offset;
        if (key->type == VALUE_TEXT)
            assert_equal_texts(*(char *const *)x, *(char *const *)y);
        else if (key->type == VALUE_NIGHT)
            assert_memory_equal(x, y, sizeof(struct job_night));
        else if (key->type > VALUE_NIGHT)
            assert_int_equal(*(const int64_t *)x, *(const int64_t *)y);
    }
}

static void assert_equal_lists(const struct text_list *a, const struct text_list *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t at = 0; at < a->count; at++)
        assert_string_equal(a->items[at], b->items[at]);
}

static void assert_equal_spans(const struct span_list *a, const struct span_list *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t at = 0; at < a->count; at++)
        assert_equal_records(span_keys(), &a->items[at], &b->items[at]);
}

static void assert_equal_jobs(const struct job *a, const struct job *b)
{
    assert_equal_records(job_keys(), a, b);
    assert_equal_lists(&a->archive_paths, &b->archive_paths);
    assert_equal_lists(&a->features_calendar, &b->features_calendar);
    assert_equal_spans(&a->model_train, &b->model_train);
    assert_equal_spans(&a->model_calibrate, &b->model_calibrate);
    assert_equal_lists(&a->decide_allow, &b->decide_allow);
    assert_int_equal(a->decide_reputation.count, b->decide_reputation.count);
    for (size_t at = 0; at < a->decide_reputation.count; at++)
        assert_equal_records(feed_keys(), &a->decide_reputation.items[at], &b->decide_reputation.items[at]);
    assert_int_equal(a->archive_sources.count, b->archive_sources.count);
    for (size_t at = 0; at < a->archive_sources.count; at++) {
        assert_equal_records(source_keys(), &a->archive_sources.items[at], &b->archive_sources.items[at]);
        assert_equal_lists(&a->archive_sources.items[at].paths, &b->archive_sources.items[at].paths);
    }
    assert_int_equal(a->archive_clients.count, b->archive_clients.count);
    if (a->archive_clients.count > 0)
        assert_memory_equal(a->archive_clients.items, b->archive_clients.items,
                            a->archive_clients.count * sizeof a->archive_clients.items[0]);
    assert_int_equal(a->model_autoencoder_hidden.count, b->model_autoencoder_hidden.count);
    assert_memory_equal(a->model_autoencoder_hidden.items, b->model_autoencoder_hidden.items,
                        a->model_autoencoder_hidden.count * sizeof(int64_t));
}

static void test_the_job_as_run_reads_back_equal(void **state)
{
    (void)state;
    // Quotes, controls, breaks, a line separator, a letter beyond 16 bits, and a long one that could be
    // folded.
    static const char odd[] = "archive: {paths: [\"a\\\"b\\\\\", \"\\x01\\x7f\\u0085\\u2028\\n \", \" x \", "
                              "\"\\U0001F600\", 'null', '5', "
                              "\"word word word word word word word word word word word word word word word "
                              "word word word word word\"]}\n"
                              "output: {dir: \"#o: [x]\"}\n";
    static const char *const jobs[] = {GOOD, FULL, odd};
    for (size_t at = 0; at < sizeof jobs / sizeof jobs[0]; at++) {
        struct job *job = read_or_fail(jobs[at], NULL, 0);
        char *text = text_or_fail(job);
        struct job *again = read_or_fail(text, NULL, 0);
        char *text_again = text_or_fail(again);
        assert_equal_jobs(job, again);
        assert_string_equal(text, text_again);
        free(text);
        free(text_again);
        job_free(job);
        job_free(again);
    }
}

static void test_the_job_as_run_has_every_key(void **state)
{
    (void)state;
    struct job *job = read_or_fail(GOOD, NULL, 0);
    char *text = text_or_fail(job);
    assert_non_null(strstr(text, "archive:\n  paths: [\"a\"]\n  sources: []\n  timezone: ~\n  from: ~\n"));
    assert_non_null(strstr(text, "  kmeans:\n    k: 16\n    seed: 1\n  kmeans2:\n    scaling: raw\n"));
    assert_non_null(
        strstr(text, "  autoencoder:\n    hidden: [32, 8, 32]\n    epochs: 50\n    batch: auto\n"));
    assert_non_null(strstr(text, "limits:\n  names: 4096\n"));
    assert_non_null(strstr(text, "  memory: 128M\noutput:\n  dir: \"o\"\n"));
    struct key_table table = job_keys();
    for (size_t at = 0; at < table.count; at++) {
        char line[64];
        const char *dot = strrchr(table.keys[at].path, '.');
        (void)snprintf(line, sizeof line, "%s%s: ", dot ? " " : "\n", dot ? dot + 1 : table.keys[at].path);
        assert_non_null(strstr(text, line));
    }
    free(text);
    job_free(job);
}

static void test_set_replaces_whole_values_and_the_last_wins(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "model.kmeans.k=8",
        "archive.paths=[b, 'c=d']",
        "model.kmeans.k=9",
        "archive.from=2022-02-01 12:00",
        "model.train=[{from: -2d, to: today}]",
        "features.timezone=Asia/Tokyo",
        "model.autoencoder.epochs=~",
        "store.dir=x=y",
    };
    struct job *job = read_or_fail(GOOD "model: {kmeans: {k: 5}, autoencoder: {epochs: 7}}\n", sets,
                                   sizeof sets / sizeof sets[0]);
    assert_int_equal(job->model_kmeans_k, 9);
    assert_int_equal(job->archive_paths.count, 2);
    assert_string_equal(job->archive_paths.items[1], "c=d");
    assert_int_equal(job->archive_from_s, FEBRUARY_S + 43200);
    assert_int_equal(job->model_train.count, 1);
    assert_int_equal(job->model_train.items[0].from_s, SCRATCH_NOW_S - 37800 - 2 * DAY_SECONDS);
    assert_string_equal(job->features_timezone, "Asia/Tokyo");
    assert_int_equal(job->model_autoencoder_epochs, 50);
    assert_string_equal(job->store_dir, "x=y");
    job_free(job);
}

static void test_set_can_turn_paths_into_sources(void **state)
{
    (void)state;
    static const char *const sets[] = {"archive.paths=~", "archive.sources=[{paths: [b]}]", "output.dir=p"};
    struct job *job = read_or_fail(GOOD "features:\nmodel: ~\n", sets, 3);
    assert_int_equal(job->archive_paths.count, 0);
    assert_int_equal(job->archive_sources.count, 1);
    assert_string_equal(job->store_dir, "p/store");
    job_free(job);
}

static void test_windows_divide_the_day(void **state)
{
    (void)state;
    static const char *const good_ones[] = {"1m", "15m", "1h", "2h", "3h", "24h", "1d", "2700s"};
    static const char *const bad_ones[] = {"7m", "5h", "7h", "90m", "7200001s", "2d"};
    for (size_t at = 0; at < sizeof good_ones / sizeof good_ones[0]; at++) {
        char set[64];
        const char *sets[] = {set};
        (void)snprintf(set, sizeof set, "features.window=%s", good_ones[at]);
        job_free(read_or_fail(GOOD, sets, 1));
    }
    for (size_t at = 0; at < sizeof bad_ones / sizeof bad_ones[0]; at++) {
        char set[64];
        const char *sets[] = {set};
        struct job *job = NULL;
        struct error err = {0};
        (void)snprintf(set, sizeof set, "features.window=%s", bad_ones[at]);
        scratch_write("job.yaml", GOOD);
        assert_int_equal(job_read("job.yaml", sets, 1, SCRATCH_NOW_S, &job, &err), STATUS_USAGE);
        assert_string_equal(err.where, "--set features.window");
    }
}

static void test_every_default_of_keys_def_is_a_value_of_its_key(void **state)
{
    (void)state;
    struct key_table table = job_keys();
    for (size_t at = 0; at < table.count; at++) {
        const struct key *key = &table.keys[at];
        assert_true(key->fallback != NULL || key->told[0] != '\0');
        assert_true(strlen(key->path) < 48);
        assert_int_equal(key_find(table, key->path), at);
        if (!key->fallback)
            continue;
        char set[128];
        const char *sets[] = {set};
        (void)snprintf(set, sizeof set, "%s=%s", key->path, key->fallback);
        struct job *with = read_or_fail(GOOD, sets, 1);
        struct job *without = read_or_fail(GOOD, NULL, 0);
        assert_equal_jobs(with, without);
        job_free(with);
        job_free(without);
    }
}

static void test_data_files_are_found_where_the_program_was_built_and_in_quern_data(void **state)
{
    (void)state;
    char path[4096];
    assert_true(job_data_path("datasets/suffixes.dat", path, sizeof path));
    assert_int_equal(access(path, R_OK), 0);
    assert_false(job_data_path("job-does-not-exist", path, sizeof path));
    assert_string_equal(path, "");
    assert_false(job_data_path("datasets/suffixes.dat", path, 8));
    scratch_write("a.csv", "x");
    assert_true(job_data_path("a.csv", path, sizeof path));
    assert_string_equal(path, "a.csv");
    char folder[256];
    assert_non_null(getcwd(folder, sizeof folder));
    assert_int_equal(chdir("/"), 0);
    assert_false(job_data_path("a.csv", path, sizeof path));
    assert_int_equal(setenv("QUERN_DATA", folder, 1), 0);
    assert_true(job_data_path("a.csv", path, sizeof path));
    assert_memory_equal(path, folder, strlen(folder));
    assert_int_equal(unsetenv("QUERN_DATA"), 0);
    assert_int_equal(chdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shortest_job_has_the_defaults_of_the_manual),
        cmocka_unit_test(test_values_are_read_as_people_write_them),
        cmocka_unit_test(test_the_job_as_run_reads_back_equal),
        cmocka_unit_test(test_the_job_as_run_has_every_key),
        cmocka_unit_test(test_set_replaces_whole_values_and_the_last_wins),
        cmocka_unit_test(test_set_can_turn_paths_into_sources),
        cmocka_unit_test(test_windows_divide_the_day),
        cmocka_unit_test(test_every_default_of_keys_def_is_a_value_of_its_key),
        cmocka_unit_test(test_data_files_are_found_where_the_program_was_built_and_in_quern_data),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
