#include "job/job.h"

#include "civil.h"
#include "field.h"
#include "file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Room for a key path; of a longer, unknown one the start is told. */
#define PATH_BYTES 128

/** Where the value of a key was written. */
struct written {
    const struct node *node;  // NULL when nowhere, or ~
    const char *origin;  // the file, or "--set KEY"
};

struct setting {
    struct node *root;
    char *origin;  // "--set KEY"
};

/** A job that is being made. */
struct draft {
    const char *path;
    int64_t now_local_s;
    struct written written[KEY_COUNT];
    struct job *job;
    struct error *err;
};

static void where_of(const struct draft *draft, size_t key, char where[sizeof((struct error *)0)->where])
{
    const struct written *written = &draft->written[key];
    where_write(written->node ? written->origin : draft->path, written->node ? written->node->line : 0,
                where);
}

static void write_down(struct draft *draft, size_t key, const char *origin, const struct node *node)
{
    draft->written[key] = (struct written){.node = node_is_null(node) ? NULL : node, .origin = origin};
}

/* The one walk: each entry of the file is a key, a section of keys, or unknown. Ends where keys.def does. */
static enum status walk(struct draft *draft, const struct node *section, const char *prefix)
{
    enum status status = STATUS_OK;
    struct key_table table = job_keys();
    for (const struct node *entry = section->first; entry; entry = entry->next) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", entry->name);
        struct place place = {.origin = draft->path, .name = path};
        size_t key = key_find(table, path);
        bool is_section = key_is_section(table, path);
        if (strchr(entry->name, '.')) {
            char where[sizeof draft->err->where];
            where_write(draft->path, entry->name_line, where);
            return error_set(draft->err, STATUS_USAGE, where, "such as archive: {paths: [/var/log/named/]}",
                             "%.100s: a key of a section is written inside it, without a dot", path);
        }
        if (key == table.count && !is_section)
            return field_unknown(&place, table, path, entry, draft->err);
        TRY(field_once(&place, section, entry, draft->err));
        if (!is_section) {
            write_down(draft, key, draft->path, entry);
        } else if (entry->kind == NODE_MAP) {
            TRY(walk(draft, entry, path));
        } else if (!node_is_empty(entry) && !node_is_null(entry)) {
            char where[sizeof draft->err->where];
            where_write(draft->path, entry->line, where);
            return error_set(draft->err, STATUS_USAGE, where, "", "%s is a section: keys were expected in it",
                             path);
        }
    }
done:
    return status;
}

static enum status read_file(struct draft *draft, struct node **root)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    size_t count = 0;
    TRY(file_read(draft->path, STATUS_USAGE, &bytes, &count, draft->err));
    TRY(node_parse(draft->path, true, bytes, count, root, draft->err));
    if (!*root || node_is_empty(*root))
        goto done;
    if ((*root)->kind != NODE_MAP) {
        char where[sizeof draft->err->where];
        where_write(draft->path, (*root)->line, where);
        status = error_set(draft->err, STATUS_USAGE, where, "see docs/job.md",
                           "sections such as archive: and output: were expected");
        goto done;
    }
    TRY(walk(draft, *root, ""));
done:
    free(bytes);
    return status;
}

/* Why the KEY of --set is none. */
static enum status refuse_setting(const struct draft *draft, const char *origin, const char *key)
{
    struct key_table table = job_keys();
    if (key_is_section(table, key))
        return error_set(draft->err, STATUS_USAGE, origin, "set its keys, one by one", "%.100s is a section",
                         key);
    if (strchr(key, '[') || strncmp(key, "archive.sources.", 16) == 0)
        return error_set(draft->err, STATUS_USAGE, origin, "such as --set archive.sources=[{paths: [a]}]",
                         "%.100s: a list is set as a whole, not by its elements", key);
    char hint[sizeof draft->err->hint];
    (void)snprintf(hint, sizeof hint, "did you mean %s?", key_nearest(table, key));
    return error_set(draft->err, STATUS_USAGE, origin, hint, "%.100s is no key of the job file", key);
}

static enum status read_setting(struct draft *draft, const char *set, struct setting *setting)
{
    enum status status = STATUS_OK;
    const char *equals = strchr(set, '=');
    size_t key_bytes = equals ? (size_t)(equals - set) : strlen(set);
    size_t room = key_bytes + sizeof "--set ";
    setting->origin = malloc(room);
    if (!setting->origin)
        return error_set(draft->err, STATUS_NO_MEMORY, "--set", "", "no memory to read it");
    (void)snprintf(setting->origin, room, "--set %.*s", (int)key_bytes, set);
    const char *key = setting->origin + strlen("--set ");
    if (!equals || key_bytes == 0)
        return error_set(draft->err, STATUS_USAGE, setting->origin, "such as --set model.kmeans.k=8",
                         "KEY=VALUE was expected");
    size_t at = key_find(job_keys(), key);
    if (at == KEY_COUNT)
        return refuse_setting(draft, setting->origin, key);
    if (strlen(equals + 1) > FILE_MOST_BYTES)
        return error_set(draft->err, STATUS_USAGE, setting->origin, "", "a value of more than 1 MiB");
    TRY(node_parse(setting->origin, false, equals + 1, strlen(equals + 1), &setting->root, draft->err));
    if (!setting->root)
        return error_set(draft->err, STATUS_USAGE, setting->origin, "write ~ where the default is meant",
                         "there is no value behind the =");
    write_down(draft, at, setting->origin, setting->root);
done:
    return status;
}

static enum status read_values(struct draft *draft)
{
    enum status status = STATUS_OK;
    struct key_table table = job_keys();
    TRY(fields_default(table, draft->job, draft->err));
    for (size_t at = 0; at < table.count; at++) {
        const struct written *written = &draft->written[at];
        struct place place = {
            .origin = written->origin, .name = table.keys[at].path, .now_local_s = draft->now_local_s};
        if (written->node)
            TRY(field_read(&place, &table.keys[at], written->node, draft->job, draft->err));
    }
done:
    return status;
}

static enum status check_archive(const struct draft *draft)
{
    const struct job *job = draft->job;
    char where[sizeof draft->err->where];
    where_write(draft->path, 0, where);
    if (job->archive_paths.count == 0 && job->archive_sources.count == 0)
        return error_set(draft->err, STATUS_USAGE, where, "such as archive: {paths: [/var/log/named/]}",
                         "archive.paths is missing (or archive.sources): where are the logs?");
    if (job->archive_paths.count > 0 && job->archive_sources.count > 0) {
        where_of(draft, KEY_OF_archive_sources, where);
        return error_set(draft->err, STATUS_USAGE, where, "move the paths into a source of their own",
                         "archive.paths and archive.sources are both there; one of them is expected");
    }
    if (job->archive_from_s != JOB_NO_TIME && job->archive_to_s != JOB_NO_TIME &&
        job->archive_from_s >= job->archive_to_s) {
        where_of(draft, KEY_OF_archive_to_s, where);
        return error_set(draft->err, STATUS_USAGE, where, "the end is not included",
                         "archive.to is not after archive.from");
    }
    return STATUS_OK;
}

static enum status check_window(const struct draft *draft)
{
    int64_t window_s = draft->job->features_window_s;
    int64_t unit_s = draft->job->features_unit_s;
    char where[sizeof draft->err->where];
    where_of(draft, KEY_OF_features_window_s, where);
    if (DAY_S % window_s != 0)
        return error_set(draft->err, STATUS_USAGE, where, "choose one such as 1h, 30m or 2h",
                         "features.window: windows of %" PRId64 " s do not divide the day", window_s);
    if (window_s > 3600 && window_s % 3600 != 0)
        return error_set(draft->err, STATUS_USAGE, where, "choose one such as 1h, 30m or 2h",
                         "features.window: windows of %" PRId64
                         " s are longer than 1 h and not a number of whole hours",
                         window_s);
    if (window_s % unit_s != 0) {
        if (draft->written[KEY_OF_features_unit_s].node)
            where_of(draft, KEY_OF_features_unit_s, where);
        return error_set(draft->err, STATUS_USAGE, where, "choose a unit that divides the window, such as 1m",
                         "features.unit: a window of %" PRId64 " s is not a whole number of units of %" PRId64
                         " s",
                         window_s, unit_s);
    }
    return STATUS_OK;
}

static enum status check_required(const struct draft *draft)
{
    struct key_table table = job_keys();
    char where[sizeof draft->err->where];
    where_write(draft->path, 0, where);
    for (size_t at = 0; at < table.count; at++)
        if (key_is_required(&table.keys[at]) && !draft->written[at].node)
            return error_set(draft->err, STATUS_USAGE, where, "", "%s is missing: the %s",
                             table.keys[at].path, table.keys[at].text);
    return STATUS_OK;
}

/* Defaults that hang on other keys. */
static enum status derive(const struct draft *draft)
{
    enum status status = STATUS_OK;
    struct job *job = draft->job;
    if (!job->store_dir) {
        size_t room = strlen(job->output_dir) + sizeof "/store";
        job->store_dir = malloc(room);
        if (!job->store_dir)
            return error_set(draft->err, STATUS_NO_MEMORY, draft->path, "", "no memory for the job");
        (void)snprintf(job->store_dir, room, "%s/store", job->output_dir);
    }
    if (!job->features_timezone) {
        job->features_timezone_assumed = !job->archive_timezone;
        TRY(text_copy(job->archive_timezone ? job->archive_timezone : "UTC", &job->features_timezone,
                      draft->err));
    }
    for (size_t at = 0; at < job->archive_sources.count; at++) {
        struct job_source *source = &job->archive_sources.items[at];
        if (!source->timezone)
            TRY(text_copy(job->archive_timezone, &source->timezone, draft->err));
        if (source->year == 0)
            source->year = job->archive_year;
    }
done:
    return status;
}

static enum status read_job(struct draft *draft, const char *const *sets, size_t set_count,
                            struct setting *settings, struct node **root)
{
    enum status status = STATUS_OK;
    TRY(read_file(draft, root));
    for (size_t at = 0; at < set_count; at++)
        TRY(read_setting(draft, sets[at], &settings[at]));
    TRY(read_values(draft));
    TRY(check_archive(draft));
    TRY(check_required(draft));
    TRY(check_window(draft));
    TRY(derive(draft));
done:
    return status;
}

enum status job_read(const char *path, const char *const *sets, size_t set_count, int64_t now_local_s,
                     struct job **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct node *root = NULL;
    struct draft draft = {.path = path, .now_local_s = now_local_s, .err = err};
    struct setting *settings = calloc(set_count + 1, sizeof *settings);
    draft.job = calloc(1, sizeof *draft.job);
    if (!settings || !draft.job) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no memory for the job");
        goto done;
    }
    TRY(read_job(&draft, sets, set_count, settings, &root));
    *out = draft.job;
    draft.job = NULL;
done:
    for (size_t at = 0; settings && at < set_count; at++) {
        node_free(settings[at].root);
        free(settings[at].origin);
    }
    free(settings);
    node_free(root);
    job_free(draft.job);
    return status;
}

void job_free(struct job *job)
{
    struct key_table table = job_keys();
    for (size_t at = 0; job && at < table.count; at++)
        field_free(&table.keys[at], job);
    free(job);
}
