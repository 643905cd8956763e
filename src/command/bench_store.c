/* quern bench extract FILE --ladder: how fast a log becomes a store, days finished and written, by 1, 2, 4, …
 * ranks. Strong: the ranks share the whole log. Weak: of R ranks at most, r read the first r/R of it, so that
 * each has as much to do; only a plain file can be cut so.
 *
 * Everything is made in a folder of its own in the folder that quern was started in, which all ranks must
 * see, and which is removed. */
#include "bench.h"

#include "archive/archive.h"
#include "base/clock.h"
#include "base/folder.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1 << 20)

struct made {
    const char *log;
    const char *feature_set;
    int most;  // ranks of the last step
    char dir[64];  // .quern-bench-PID
};

/* ---- the folder ---- */

/* Removes the files of a folder, and itself; what is not there is fine. */
static void folder_remove_local(const char *dir)
{
    DIR *folder = opendir(dir);
    char path[PATH_MAX];
    if (!folder)
        return;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) < sizeof path)
            (void)unlink(path);
    (void)closedir(folder);
    (void)rmdir(dir);
}

static void made_remove_local(const struct made *made)
{
    char store[sizeof made->dir + 8];
    (void)snprintf(store, sizeof store, "%s/store", made->dir);
    folder_remove_local(store);
    folder_remove_local(made->dir);
}

/* The job of a step, as JSON, which is YAML. */
static enum status job_write_local(const struct made *made, const char *log, struct error *err)
{
    char path[sizeof made->dir + 16];
    (void)snprintf(path, sizeof path, "%s/job.yaml", made->dir);
    FILE *file = fopen(path, "w");
    if (!file)
        return error_set(err, STATUS_IO, path, "start quern in a folder that may be written",
                         "the file cannot be made: %s", strerror(errno));
    struct json json = json_begin(file);
    json_open(&json, NULL, '{');
    json_open(&json, "archive", '{');
    json_open(&json, "paths", '[');
    json_text(&json, NULL, log, strlen(log));
    json_close(&json, ']');
    json_text(&json, "timezone", "UTC", 3);
    json_close(&json, '}');
    json_open(&json, "features", '{');
    json_text(&json, "set", made->feature_set, strlen(made->feature_set));
    json_close(&json, '}');
    json_open(&json, "output", '{');
    json_text(&json, "dir", made->dir, strlen(made->dir));
    json_close(&json, '}');
    json_close(&json, '}');
    if (fclose(file) == 0)
        return STATUS_OK;
    return error_set(err, STATUS_IO, path, "make room there", "the file cannot be written: %s",
                     strerror(errno));
}

/* Copies the lines that begin in the first `part` of `parts` of a log. */
static enum status lines_copy_local(const char *from, const char *to, int part, int parts, struct error *err)
{
    enum status status = STATUS_OK;
    char *bytes = malloc(COPY_BYTES);
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    const bool has_end = bytes && in && out && fseek(in, 0, SEEK_END) == 0;
    long left = has_end ? ftell(in) / parts * part : -1;
    if (left < 0 || fseek(in, 0, SEEK_SET) != 0) {
        status = error_set(err, STATUS_IO, has_end ? from : to, "", "a part of the log cannot be copied: %s",
                           strerror(errno));
        goto done;
    }
    bool is_whole = false;  // the line that the last byte wanted lies in
    for (size_t count = 1; count > 0 && !is_whole;) {
        const size_t wanted = left > 0 && (size_t)left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        count = fread(bytes, 1, wanted, in);
        size_t taken = count;
        if (left <= 0) {
            const char *end = memchr(bytes, '\n', count);
            is_whole = end != NULL;
            taken = end ? (size_t)(end - bytes) + 1 : count;
        }
        left -= left > 0 ? (long)count : 0;
        if (fwrite(bytes, 1, taken, out) != taken)
            break;
    }
    if (ferror(in) || ferror(out))
        status = error_set(err, STATUS_IO, to, "make room there", "a part of the log cannot be copied: %s",
                           strerror(errno));
done:
    if (in)
        (void)fclose(in);
    if (out && fclose(out) != 0 && status == STATUS_OK)
        status = error_set(err, STATUS_IO, to, "make room there", "a part of the log cannot be copied: %s",
                           strerror(errno));
    free(bytes);
    return status;
}

/* ---- a step ---- */

static enum status step_prepare_local(const struct made *made, int side, int ranks, struct error *err)
{
    enum status status = STATUS_OK;
    char part[sizeof made->dir + 16];
    made_remove_local(made);
    TRY(folder_make(made->dir, err));
    (void)snprintf(part, sizeof part, "%s/part.log", made->dir);
    if (side == LADDER_WEAK)
        TRY(lines_copy_local(made->log, part, ranks, made->most, err));
    TRY(job_write_local(made, side == LADDER_WEAK ? part : made->log, err));
done:
    return status;
}

static enum status store_work(struct session *session, int side, void *context, struct ladder_timed *timed,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct made *made = context;
    const struct team *team = session->team;
    struct extract_summary summary = {0};
    struct job *job = NULL;
    struct zone *zone = NULL;
    char path[sizeof made->dir + 16];
    enum status had = STATUS_OK;
    if (team_rank(team) == 0)
        had = step_prepare_local(made, side, team_size(team), err);
    TRY(team_agree(team, had, err));
    (void)snprintf(path, sizeof path, "%s/job.yaml", made->dir);
    TRY(team_agree(team, job_read(path, NULL, 0, 0, &job, err), err));
    TRY(team_agree(team, zone_load(job->features_timezone, &zone, err), err));
    (void)team_traffic_take(team);
    const double began = clock_seconds();
    TRY(extract_run(team, job, zone, NULL, NULL, &summary, err));
    timed->seconds = clock_seconds() - began;
    timed->sent = team_traffic_bytes(team);
    timed->seconds = ladder_slowest(team, timed->seconds);
    timed->bytes = summary.log_bytes_parsed;
done:
    extract_summary_clear(&summary);
    zone_free(zone);
    job_free(job);
    if (team_rank(team) == 0)
        made_remove_local(made);
    return status;
}

enum status bench_store_run(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    const struct options *options = &session->options;
    struct archive archive = {0};
    struct made made = {.log = options->words[1],
                        .feature_set = options->feature_set ? options->feature_set : "full",
                        .most = team_size(session->team)};
    struct ladder ladder = {.title = "a log that becomes a store", .rate = "MB/s"};
    const struct archive_source source = {.paths = &options->words[1], .path_count = 1};
    int64_t number = getpid();
    team_broadcast(session->team, &number, sizeof number, 0);
    (void)snprintf(made.dir, sizeof made.dir, ".quern-bench-%" PRId64, number);
    TRY(archive_find(session->team, &source, 1, &archive, err));
    const bool is_plain = archive.file_count == 1 && archive.files[0].compression == COMPRESSION_PLAIN;
    if (is_plain)
        made.log = archive.files[0].path;
    TRY(ladder_run(session, &ladder, is_plain ? LADDER_SIDES : 1, store_work, &made, err));
done:
    archive_clear(&archive);
    return status;
}
