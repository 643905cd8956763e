/* Prints docs/job.md. */
#include "keys.h"

#include <stdio.h>
#include <string.h>

/* A '|' would end the table's cell. */
static void print_cell(const char *text)
{
    for (; *text; text++)
        (void)printf(*text == '|' ? "\\|" : "%c", *text);
}

static void print_default(const struct key *key)
{
    if (!key->fallback)
        print_cell(key->told);
    else
        (void)printf("`%s`", key->fallback);
}

static void print_table(struct key_table table, const char *section)
{
    size_t length = strlen(section);
    (void)printf("| key | value | default | what it is |\n|---|---|---|---|\n");
    for (size_t at = 0; at < table.count; at++) {
        const struct key *key = &table.keys[at];
        if (strncmp(key->path, section, length) != 0)
            continue;
        char expected[KEY_EXPECTED_BYTES];
        key_expected(key, expected);
        (void)printf("| `%s` | ", key->path);
        print_cell(expected);
        (void)printf(" | ");
        print_default(key);
        (void)printf(" | ");
        print_cell(key->text);
        (void)printf(" |\n");
    }
}

static void print_sections(void)
{
    struct key_table table = job_keys();
    const char *before = "";
    for (size_t at = 0; at < table.count; at++) {
        const char *path = table.keys[at].path;
        size_t length = strcspn(path, ".") + 1;
        if (strncmp(path, before, length) == 0)
            continue;
        before = path;
        char section[32];
        (void)snprintf(section, sizeof section, "%.*s", (int)length, path);
        (void)printf("\n## %.*s\n\n", (int)length - 1, path);
        print_table(table, section);
        if (strcmp(section, "archive.") == 0) {
            (void)printf("\nIn each map of `archive.sources`:\n\n");
            print_table(source_keys(), "");
        } else if (strcmp(section, "model.") == 0) {
            (void)printf("\nIn each map of `model.train` and `model.calibrate`:\n\n");
            print_table(span_keys(), "");
        } else if (strcmp(section, "decide.") == 0) {
            (void)printf("\nIn each map of `decide.reputation`:\n\n");
            print_table(feed_keys(), "");
        }
    }
}

int main(void)
{
    (void)printf(
        "# The job file\n\n"
        "A job is a YAML file. Two things are required: where the logs are (`archive.paths` or\n"
        "`archive.sources`) and where the results go (`output.dir`). An unknown key, a key that stands "
        "there\n"
        "twice or a value that does not fit is an error, told with its line.\n\n"
        "```yaml\n"
        "archive:\n"
        "  paths: [/var/log/named/]\n"
        "  timezone: Asia/Tokyo\n"
        "  from: 2022-02-01\n"
        "  to: 2022-02-09\n"
        "output: {dir: out/2022}\n"
        "```\n\n"
        "`--set KEY=VALUE` on the command line replaces the value of a key: `--set model.kmeans.k=8`,\n"
        "`--set 'archive.paths=[a, b]'`. VALUE is YAML, a list is replaced as a whole, and of several for "
        "one\n"
        "key the last wins. The value `~` means the default.\n\n"
        "Relative paths start at the working directory. `features.suffixes` and `features.calendar` are "
        "also\n"
        "looked for in `$QUERN_DATA`, and where the program was installed or built.\n\n"
        "Sizes are bytes, or have one of the units K, M, G, T (K is 1024). Durations have one of the units\n"
        "s, m, h, d. Dates are `2022-02-01`, `2022-02-01 12:00`, `2022-02-01T12:00:00`, `today`, "
        "`yesterday`\n"
        "or `-30d`, the day that many days before today; where no time is written, midnight is meant.\n\n"
        "Job files have at most 1 MiB, and no aliases, anchors, tags or second documents.\n");
    print_sections();
    return 0;
}
