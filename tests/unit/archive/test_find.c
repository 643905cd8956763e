/* What is found, by whom and under which name; with 1, 2 and 3 ranks. */
#include "scratch.h"

#include <stdbool.h>

struct ground {
    struct team *team;
    char folder[40];
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

/* Makes the folder anew by a shell command of rank 0. */
static void make_files(const struct ground *ground, const char *command)
{
    bool good = true;
    if (is_first(ground)) {
        // NOLINTNEXTLINE(cert-env33-c): fixed texts
        good = system("chmod -R u+rwx . && find . -mindepth 1 -delete") == 0 && system(command) == 0;
    }
    assert_agreed(ground, good);
}

/* All of an archive as text: "source path bytes compression" a file, "! path: text" a warning. */
static void describe(const struct archive *archive, char *text, size_t room)
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < archive->file_count && at < room; i++) {
        const struct archive_file *file = &archive->files[i];
        at += (size_t)snprintf(text + at, room - at, "%zu %s %d %s\n", file->source, file->path,
                               (int)file->bytes, file->compression == COMPRESSION_GZIP ? "gzip" : "plain");
    }
    for (size_t i = 0; i < archive->warning_count && at < room; i++)
        at += (size_t)snprintf(text + at, room - at, "! %s: %s\n", archive->warnings[i].path,
                               archive->warnings[i].text);
    if (at < room)
        (void)snprintf(text + at, room - at, "%zu unusable\n", archive->unusable_count);
}

static void expect_sources(const struct ground *ground, const struct archive_source *sources, size_t count,
                           const char *expected)
{
    struct error err = {0};
    struct archive archive = {0};
    char text[8192];
    enum status status = archive_find(ground->team, sources, count, &archive, &err);
    describe(&archive, text, sizeof text);
    bool good = status == STATUS_OK && strcmp(text, expected) == 0;
    if (!good)
        print_error("rank %d: %s: %s\n%sinstead of\n%s", team_rank(ground->team), err.where, err.what, text,
                    expected);
    assert_agreed(ground, good);
    archive_clear(&archive);
}

static void expect(const struct ground *ground, const char *pattern, const char *expected)
{
    struct archive_source source = {.paths = &pattern, .path_count = 1};
    expect_sources(ground, &source, 1, expected);
}

static const char TREE[] =
    "mkdir -p a/b/c d .git a/.secret && for i in a/x.log a/b/x.log a/b/c/y.log.0 a/b/c/y.log.10"
    " d/queries.log-20220209 .git/x.log a/.secret/x.log a/.hidden.log a/b/day.h5.part;"
    " do echo line > $i; done; echo line | gzip -n > a/y.log.2.gz";

static void test_a_folder_is_all_below_it_but_hidden_and_part_files(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, TREE);
    expect(ground, "a",
           "0 a/b/c/y.log.0 5 plain\n0 a/b/c/y.log.10 5 plain\n0 a/b/x.log 5 plain\n0 a/x.log 5 plain\n"
           "0 a/y.log.2.gz 25 gzip\n0 unusable\n");
    expect(ground, "a/.hidden.log", "0 a/.hidden.log 5 plain\n0 unusable\n");
    expect(ground, "./d/", "0 ./d/queries.log-20220209 5 plain\n0 unusable\n");
}

static void test_globs_know_stars_sets_and_any_depth(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, TREE);
    expect(ground, "a/*.log", "0 a/x.log 5 plain\n0 unusable\n");
    expect(ground, "?/*x*", "0 a/x.log 5 plain\n0 unusable\n");
    expect(ground, "*/[p-r]*", "0 d/queries.log-20220209 5 plain\n0 unusable\n");
    expect(ground, "**/x.log", "0 a/b/x.log 5 plain\n0 a/x.log 5 plain\n0 unusable\n");
    expect(ground, "a/**/**/[xy].log*",
           "0 a/b/c/y.log.0 5 plain\n0 a/b/c/y.log.10 5 plain\n0 a/b/x.log 5 plain\n0 a/x.log 5 plain\n"
           "0 a/y.log.2.gz 25 gzip\n0 unusable\n");
    expect(ground, "a/**/c/*0", "0 a/b/c/y.log.0 5 plain\n0 a/b/c/y.log.10 5 plain\n0 unusable\n");
    expect(ground, "**/c/**", "0 a/b/c/y.log.0 5 plain\n0 a/b/c/y.log.10 5 plain\n0 unusable\n");
    expect(ground, "a/.h*", "0 a/.hidden.log 5 plain\n0 unusable\n");
    expect(ground, "a/b*",
           "0 a/b/c/y.log.0 5 plain\n0 a/b/c/y.log.10 5 plain\n0 a/b/x.log 5 plain\n0 unusable\n");
}

static void test_an_absolute_glob_keeps_its_root(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, TREE);
    char pattern[100], expected[200];
    (void)snprintf(pattern, sizeof pattern, "%s//a/**/*.gz", ground->folder);
    (void)snprintf(expected, sizeof expected, "0 %s/a/y.log.2.gz 25 gzip\n0 unusable\n", ground->folder);
    expect(ground, pattern, expected);
}

static void test_a_name_that_looks_like_a_glob_is_meant_as_it_stands(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, "echo one > 'log[1]'; echo two > log1");
    expect(ground, "log[1]", "0 log[1] 4 plain\n0 unusable\n");
    expect(ground, "log?", "0 log1 4 plain\n0 unusable\n");
}

static void test_a_file_counts_once_however_it_is_reached(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, "mkdir a b && echo one > a/1 && ln a/1 a/2 && ln -s ../a/1 b/3 && ln -s ../a b/4"
                       " && echo two > b/5");
    const char *first[] = {"a/2", "a", "a/*"}, *second[] = {"b", "**/5"};
    struct archive_source sources[] = {{.paths = first, .path_count = 3}, {.paths = second, .path_count = 2}};
    expect_sources(ground, sources, 2, "0 a/2 4 plain\n1 b/5 4 plain\n0 unusable\n");
    expect(ground, "b", "0 b/3 4 plain\n0 b/5 4 plain\n0 unusable\n");
}

static void test_loops_of_links_are_told(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, "mkdir -p a/b/c && echo one > a/b/log && ln -s ../.. a/b/c/up && ln -s self a/self"
                       " && ln -s nowhere a/to && ln -s ../b a/b/again");
    expect(ground, "a",
           "0 a/b/log 4 plain\n! a/b/again: is a loop of links\n! a/b/c/up: is a loop of links\n"
           "! a/self: is a loop of links\n! a/to: is a link to nothing\n2 unusable\n");
    expect(
        ground, "**/log",
        "0 a/b/log 4 plain\n! a/b/again: is a loop of links\n! a/b/c/up: is a loop of links\n0 unusable\n");
}

static void test_what_is_no_log_is_named_with_its_reason(void **state)
{
    const struct ground *ground = *state;
    make_files(
        ground,
        "mkdir a && cd a && echo line > log && : > empty && printf '' | gzip -n > empty.gz && mkfifo fifo"
        " && printf '\\050\\265\\057\\375rest' > log.zst && printf '\\3757zXZ\\0rest' > log.xz"
        " && printf 'BZh91AY' > log.bz2 && printf '\\004\\042M\\030' > log.lz4 && printf 'PK\\003\\004' > "
        "z.zip"
        " && printf '\\001\\002\\003text' > binary && printf '\\001\\002\\003text' | gzip -n > binary.gz"
        " && printf '\\0line\\0line\\n' > nuls && printf '\\037\\213\\010' > cut.gz && ln -s /dev/null "
        "device");
    expect(
        ground, "a",
        "0 a/log 5 plain\n0 a/nuls 11 plain\n! a/binary: is binary, not a log\n! a/binary.gz: is binary, not "
        "a log\n"
        "! a/cut.gz: truncated gzip after 0 bytes\n! a/device: is a device, not a file\n! a/empty: is empty\n"
        "! a/empty.gz: is empty\n! a/fifo: is a FIFO, not a file\n"
        "! a/log.bz2: is compressed by bzip2, which is not read; plain, gzip, zstd and xz are\n"
        "! a/log.lz4: is compressed by lz4, which is not read; plain, gzip, zstd and xz are\n"
        "! a/log.xz: truncated xz after 0 bytes\n"
        "! a/log.zst: truncated zstd after 0 bytes\n"
        "! a/z.zip: is compressed by zip, which is not read; plain, gzip, zstd and xz are\n12 unusable\n");
}

static void test_a_file_that_may_not_be_read_is_told(void **state)
{
    const struct ground *ground = *state;
    if (geteuid() == 0)  // nothing is forbidden to root
        skip();
    make_files(ground, "echo one > 1 && echo two > 2 && chmod 0 2 && mkdir 3 && chmod 0 3");
    expect(ground, ".",
           "0 ./1 4 plain\n! ./2: cannot be read: Permission denied\n! ./3: cannot be listed: Permission "
           "denied\n"
           "1 unusable\n");
}

static void test_paths_without_logs_are_warnings_while_there_are_others(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, "mkdir -p nothing/at/all && echo one > log");
    const char *paths[] = {"*.gz", "nothing", "log", "not/there", "log/x", "**/*.7"};
    struct archive_source source = {.paths = paths, .path_count = 6};
    expect_sources(
        ground, &source, 1,
        "0 log 4 plain\n! **/*.7: matches nothing\n! *.gz: matches nothing\n! log/x: matches nothing\n"
        "! not/there: matches nothing\n! nothing: is a folder without logs\n0 unusable\n");
}

static void expect_nothing(const struct ground *ground, const char *first, const char *second,
                           const char *where, const char *what)
{
    struct error err = {0};
    struct archive archive = {0};
    const char *paths[] = {first, second};
    struct archive_source source = {.paths = paths, .path_count = 2};
    enum status status = archive_find(ground->team, &source, 1, &archive, &err);
    assert_agreed(ground, status == STATUS_NO_INPUT && strcmp(err.where, where) == 0 &&
                              strcmp(err.what, what) == 0 && err.rank == 0 && !archive.files);
}

static void test_no_log_at_all_is_an_error_of_every_rank(void **state)
{
    const struct ground *ground = *state;
    make_files(ground, "mkdir none && : > empty");
    expect_nothing(ground, "none", "*.gz", "none", "no log was found");
    expect_nothing(ground, "", "gone/*", "", "no log was found");
    expect_nothing(ground, "*.gz", "e*", "empty", "none of 1 files can be used; this one is empty");
}

static void test_heads_of_the_text_are_hashed_and_all_ranks_know_the_same(void **state)
{
    const struct ground *ground = *state;
    make_files(ground,
               "yes 'some line' | head -c 70000 > one && (echo X; yes 'some line') | head -c 70000 > other"
               " && (yes 'some line' | head -c 69998; echo X) > third && touch -d @1644364800.123 one"
               " && gzip -nc one > one.gz");
    struct error err = {0};
    struct archive archive = {0};
    const char *path = ".";
    struct archive_source source = {.paths = &path, .path_count = 1};
    enum status status = archive_find(ground->team, &source, 1, &archive, &err);
    bool good = status == STATUS_OK && archive.file_count == 4;
    const struct archive_file *files = archive.files;
    good = good && files[0].mtime_ms == INT64_C(1644364800123) && files[0].inode != files[1].inode;
    const struct archive_text *one = &files[0].text, *packed = &files[1].text, *other = &files[2].text;
    good = good && one->bytes == 70000 && one->head_hash != other->head_hash &&
           one->first_hash != other->first_hash;
    good = good && files[3].text.head_hash == one->head_hash && files[3].text.first_hash == one->first_hash;
    // What is compressed is the same text, of which only the head is known.
    good = good && packed->head_hash == one->head_hash && packed->first_hash == one->first_hash;
    good = good && packed->bytes == -1 && files[1].compression == COMPRESSION_GZIP;
    assert_agreed(ground, good);
    int64_t known[] = {(int64_t)files[1].inode, (int64_t)files[1].device, (int64_t)(one->head_hash >> 1),
                       (int64_t)(one->first_hash >> 1)};
    int64_t most[4];
    memcpy(most, known, sizeof most);
    team_max_i64(ground->team, most, 4);
    assert_agreed(ground, memcmp(most, known, sizeof most) == 0);
    archive_clear(&archive);
}

int main(int argc, char **argv)
{
    struct ground ground = {.team = team_new(&argc, &argv), .folder = "/tmp/quern_find_XXXXXX"};
    if (is_first(&ground) && !mkdtemp(ground.folder))
        ground.folder[0] = '\0';
    team_broadcast(ground.team, ground.folder, sizeof ground.folder, 0);
#define ON_GROUND(test) cmocka_unit_test_prestate(test, &ground)
    const struct CMUnitTest tests[] = {
        ON_GROUND(test_a_folder_is_all_below_it_but_hidden_and_part_files),
        ON_GROUND(test_globs_know_stars_sets_and_any_depth),
        ON_GROUND(test_an_absolute_glob_keeps_its_root),
        ON_GROUND(test_a_name_that_looks_like_a_glob_is_meant_as_it_stands),
        ON_GROUND(test_a_file_counts_once_however_it_is_reached),
        ON_GROUND(test_loops_of_links_are_told),
        ON_GROUND(test_what_is_no_log_is_named_with_its_reason),
        ON_GROUND(test_a_file_that_may_not_be_read_is_told),
        ON_GROUND(test_paths_without_logs_are_warnings_while_there_are_others),
        ON_GROUND(test_no_log_at_all_is_an_error_of_every_rank),
        ON_GROUND(test_heads_of_the_text_are_hashed_and_all_ranks_know_the_same),
    };
    bool ready = ground.folder[0] && chdir(ground.folder) == 0;
    int failed = ready ? cmocka_run_group_tests_name("find", tests, NULL, NULL) : 1;
    char command[80];
    (void)snprintf(command, sizeof command, "rm -r %s", ground.folder);
    // NOLINTNEXTLINE(cert-env33-c): a path of mkdtemp
    if (is_first(&ground) && ground.folder[0] && system(command) != 0)
        failed = 1;
    team_free(ground.team);
    return failed;
}
