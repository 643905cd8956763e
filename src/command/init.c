/* quern init LOGDIR: a job file that fits the logs there, with every key that there is. */
#include "session.h"

#include "archive/archive.h"
#include "extract/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZONE_BYTES 128

/* Folders side by side beyond which they are no resolvers. */
#define SOURCES_MOST 32

/* Columns of a comment. */
#define WIDTH 100

/* Shares of the sampled queries, of 1000: a network with fewer is not taken for the site's. */
#define NETWORK_LEAST 1

/* Below this the default number of k-means' groups would be a group for a few rows each. */
#define ROWS_FEW 320

struct found {
    const char *dir;  // absolute
    char folders[SOURCES_MOST][NAME_MAX + 1];  // right below dir, a resolver each; none: dir is one archive
    size_t folder_count;
    char zone[ZONE_BYTES];
    const char *zone_origin;
    struct survey survey;
};

/* ---- what is there ---- */

/* Whether a folder's name is a date or a number rather than a resolver's. */
static bool is_date(const char *name)
{
    return name[strspn(name, "0123456789-_.")] == '\0';
}

/* The folders right below dir that have logs, if all logs are in such folders. */
static void folders_find(struct found *found, const struct archive *archive)
{
    size_t length = strlen(found->dir);
    for (size_t i = 0; i < archive->file_count; i++) {
        const char *below = archive->files[i].path + length;
        below += *below == '/';
        size_t count = strcspn(below, "/");
        char *name = found->folders[found->folder_count % SOURCES_MOST];
        if (below[count] == '\0' || count > NAME_MAX || found->folder_count == SOURCES_MOST) {
            found->folder_count = 0;
            return;
        }
        const char *last = found->folder_count ? found->folders[found->folder_count - 1] : "";
        if (strlen(last) == count && strncmp(last, below, count) == 0)
            continue;  // files come in the order of their paths
        memcpy(name, below, count);
        name[count] = '\0';
        if (is_date(name)) {
            found->folder_count = 0;
            return;
        }
        found->folder_count++;
    }
    if (found->folder_count == 1)
        found->folder_count = 0;
}

static bool zone_try(struct found *found, const char *name, size_t count, const char *origin)
{
    struct zone *zone = NULL;
    if (count == 0 || count >= sizeof found->zone)
        return false;
    memcpy(found->zone, name, count);
    found->zone[count] = '\0';
    bool is_zone = zone_load(found->zone, &zone, NULL) == STATUS_OK;
    zone_free(zone);
    found->zone_origin = origin;
    return is_zone;
}

/* The zone of this machine: $TZ, where /etc/localtime leads to, /etc/timezone, else UTC. */
static void zone_find(struct found *found)
{
    char path[PATH_MAX] = "", line[ZONE_BYTES] = "";
    const char *variable = getenv("TZ");
    if (variable &&
        zone_try(found, variable + (*variable == ':'), strlen(variable) - (*variable == ':'), "$TZ"))
        return;
    ssize_t count = readlink("/etc/localtime", path, sizeof path - 1);
    path[count > 0 ? count : 0] = '\0';
    const char *name = strstr(path, "zoneinfo/");
    if (name && zone_try(found, name + 9, strlen(name + 9), "/etc/localtime"))
        return;
    FILE *file = fopen("/etc/timezone", "re");
    if (file) {
        name = fgets(line, sizeof line, file);
        (void)fclose(file);
        if (name && zone_try(found, line, strcspn(line, "\n"), "/etc/timezone"))
            return;
    }
    (void)zone_try(found, "UTC", 3, "a guess: this machine has none");
}

/* ---- YAML ---- */

/* A text in double quotes: bytes of a path may be anything. Bytes of UTF-8 stay as they are. */
static void quoted_print(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            (void)fprintf(out, "\\x%02x", c);
        else
            (void)fputc(c, out);
    }
    (void)fputc('"', out);
}

/* A comment, broken at blanks. */
static void comment_print(FILE *out, int indent, const char *text)
{
    while (*text) {
        size_t room = (size_t)(WIDTH - indent - 2), count = strlen(text);
        if (count > room) {
            count = room;
            while (count > 0 && text[count] != ' ')
                count--;
            count = count ? count : room;
        }
        (void)fprintf(out, "%*s# %.*s\n", indent, "", (int)count, text);
        text += count;
        text += *text == ' ';
    }
}

/* The networks that most queries come from. */
static size_t clients_print(FILE *out, const struct survey *survey, const char *before)
{
    size_t count = 0;
    int64_t total = 0;
    for (int network = 0; network < SURVEY_NETWORK_COUNT; network++)
        total += survey->networks[network];
    for (int network = 0; network < SURVEY_ELSEWHERE; network++) {
        bool is_site = network != SURVEY_LOOP && network != SURVEY_LINK6;
        if (!is_site || survey->networks[network] * 1000 < total * NETWORK_LEAST ||
            survey->networks[network] == 0)
            continue;
        if (out)
            (void)fprintf(out, "%s\"%s\"", count ? ", " : before,
                          survey_network_range((enum survey_network)network));
        count++;
    }
    if (out && count > 0)
        (void)fputs("]\n", out);
    return count;
}

/* ---- the keys ---- */

static void sources_print(FILE *out, const struct found *found)
{
    char path[PATH_MAX + NAME_MAX + 2];
    (void)fputs("  sources:\n", out);
    for (size_t i = 0; i < found->folder_count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", found->dir, found->folders[i]);
        (void)fputs("    - {paths: [", out);
        quoted_print(out, path);
        (void)fputs("], resolver: ", out);
        quoted_print(out, found->folders[i]);
        (void)fputs("}\n", out);
    }
}

static void output_print(FILE *out, const struct found *found)
{
    const char *name = strrchr(found->dir, '/');
    char path[NAME_MAX + 8];
    (void)snprintf(path, sizeof path, "out/%s", name && name[1] ? name + 1 : "quern");
    (void)fputs("  dir: ", out);
    quoted_print(out, path);
    (void)fputc('\n', out);
}

/* Prints a key that has a value of its own here; false when it keeps its default. */
static bool key_print(FILE *out, const struct found *found, const char *path)
{
    bool has_folders = found->folder_count > 0;
    char text[400];
    if (strcmp(path, "archive.paths") == 0 && !has_folders) {
        (void)fputs("  paths: [", out);
        quoted_print(out, found->dir);
        (void)fputs("]\n", out);
    } else if (strcmp(path, "archive.sources") == 0 && has_folders) {
        sources_print(out, found);
    } else if (strcmp(path, "archive.timezone") == 0) {
        (void)snprintf(text, sizeof text, "Here: this machine's zone, by %s; %s.", found->zone_origin,
                       found->survey.has_local_time
                           ? "correct it if the resolvers keep another one"
                           : "no time stamp that was looked at needs it, but days and nights do");
        comment_print(out, 2, text);
        (void)fprintf(out, "  timezone: %s\n", found->zone);
    } else if (strcmp(path, "archive.clients") == 0 && clients_print(NULL, &found->survey, "") > 0) {
        comment_print(out, 2, "Here: the private ranges that ask.");
        (void)clients_print(out, &found->survey, "  clients: [");
    } else if (strcmp(path, "features.calendar") == 0 && strcmp(found->zone, "Asia/Tokyo") == 0) {
        (void)fputs("  calendar: [datasets/calendar/jp.csv]\n", out);
    } else if (strcmp(path, "model.kmeans.k") == 0 && found->survey.rows < ROWS_FEW) {
        comment_print(out, 4, "Here: fewer, as there are few rows.");
        (void)fprintf(out, "    k: %d\n", found->survey.rows < 40 ? 2 : (int)(found->survey.rows / 20));
    } else if (strcmp(path, "store.parts") == 0 && found->survey.parts > 1) {
        (void)fprintf(out, "  parts: %d\n", found->survey.parts);
    } else if (strcmp(path, "output.dir") == 0) {
        output_print(out, found);
    } else {
        return false;
    }
    return true;
}

/* Prints the sections of a path that the path before it was not in. */
static int sections_print(FILE *out, const char *path, const char *before)
{
    int depth = 0;
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        size_t length = (size_t)(dot - path) + 1;
        const char *from = dot;
        while (from > path && from[-1] != '.')
            from--;
        if (strncmp(path, before, length) != 0)
            (void)fprintf(out, "%s%*s%.*s:\n", depth ? "" : "\n", 2 * depth, "", (int)(dot - from), from);
        depth++;
    }
    return depth;
}

static void keys_print(FILE *out, const struct found *found)
{
    struct job_key key;
    const char *before = "";
    char text[600];
    for (size_t at = 0; job_key_at(at, &key); at++) {
        int depth = sections_print(out, key.path, before);
        const char *dot = strrchr(key.path, '.'), *name = dot ? dot + 1 : key.path;
        before = key.path;
        bool is_told =
            !key.fallback && strcmp(key.told, "none") != 0 && strncmp(key.told, "required", 8) != 0;
        (void)snprintf(text, sizeof text, "%s%s%s", key.text, is_told ? "; without it: " : "",
                       is_told ? key.told : "");
        (void)fputs(dot ? "" : "\n", out);  // it stands between sections
        comment_print(out, 2 * depth, text);
        if (!key_print(out, found, key.path))
            (void)fprintf(out, "%*s# %s:%s%s\n", 2 * depth, "", name, key.fallback ? " " : "",
                          key.fallback ? key.fallback : "");
    }
}

static void head_print(FILE *out, const struct session *session, const struct found *found)
{
    const struct survey *survey = &found->survey;
    int year[2] = {0}, month[2] = {0}, date[2] = {0};
    civil_from_day(zone_day_of(session->zone, survey->first_ms / 1000), &year[0], &month[0], &date[0]);
    civil_from_day(zone_day_of(session->zone, survey->last_ms / 1000), &year[1], &month[1], &date[1]);
    (void)fprintf(out,
                  "# A job of quern, written by quern init. Found: %" PRId64
                  " files, %s%.0f MB of text, %s%" PRId64 " queries,\n",
                  survey->files - survey->files_unusable, survey->is_whole ? "" : "about ",
                  (double)survey->text_bytes / 1e6, survey->is_whole ? "" : "about ",
                  survey->kinds[LINES_QUERY]);
    (void)fprintf(out, "# from %04d-%02d-%02d to %04d-%02d-%02d.\n", year[0], month[0], date[0], year[1],
                  month[1], date[1]);
    (void)fputs("# Next: quern check FILE tells what a run takes, quern run FILE (or mpirun -n 8 quern run "
                "FILE) runs it.\n"
                "# A line such as \"# window: 1h\" is a default; to change it, take away the # and keep the "
                "indent.\n",
                out);
}

/* ---- reading and writing ---- */

/* Reads the text as a job: what init writes must run as it is. */
static enum status job_try(struct session *session, const char *text, struct error *err)
{
    enum status status = STATUS_OK;
    char path[64];
    FILE *file = tmpfile();
    if (!file || fputs(text, file) < 0 || fflush(file) != 0) {
        status = error_set(err, STATUS_IO, "job", "", "no room for a draft: %s", strerror(errno));
        goto done;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    job_free(session->job);
    session->job = NULL;
    TRY(job_read(path, NULL, 0, 0, &session->job, err));
    zone_free(session->zone);
    session->zone = NULL;
    TRY(zone_load(session->job->features_timezone, &session->zone, err));
done:
    if (file)
        (void)fclose(file);
    return status;
}

/* The job file, or with `is_draft` only what the survey needs of it. Returns new. */
static enum status text_make(const struct session *session, const struct found *found, bool is_draft,
                             char **text, struct error *err)
{
    size_t bytes = 0;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return error_set(err, STATUS_NO_MEMORY, "job", "", "no room for it");
    if (is_draft) {
        (void)fputs("archive:\n", out);
        (void)key_print(out, found, found->folder_count ? "archive.sources" : "archive.paths");
        // A folder that is not there: an earlier job's store does not matter.
        (void)fprintf(out, "  timezone: %s\noutput: {dir: /proc/none}\n", found->zone);
    } else {
        head_print(out, session, found);
        keys_print(out, found);
    }
    if (fclose(out) == 0)
        return STATUS_OK;
    free(*text);
    *text = NULL;
    return error_set(err, STATUS_NO_MEMORY, "job", "", "no room for it");
}

/* Writes a new file, whole or not at all; one that is there stays. */
static enum status file_write(const char *path, const char *text, struct error *err)
{
    char part[PATH_MAX + 16];
    (void)snprintf(part, sizeof part, "%s.part", path);
    if (access(path, F_OK) == 0)
        return error_set(err, STATUS_FAILED, path, "choose another name",
                         "is there already, and is left as it is");
    FILE *file = fopen(part, "we");
    if (!file)
        return error_set(err, STATUS_IO, path, "check the path and your rights", "cannot write there: %s",
                         strerror(errno));
    bool is_lost = fputs(text, file) < 0;
    is_lost |= fflush(file) != 0 || fsync(fileno(file)) != 0;
    int number = errno;
    is_lost |= fclose(file) != 0;
    // Unlike rename, link does not replace a file that came meanwhile.
    if (!is_lost && link(part, path) != 0) {
        number = errno;
        is_lost = true;
    }
    (void)unlink(part);
    if (is_lost)
        return error_set(err, STATUS_IO, path, "", "cannot be written: %s", strerror(number));
    return STATUS_OK;
}

static enum status found_fill(struct session *session, struct found *found, struct error *err)
{
    enum status status = STATUS_OK;
    struct archive archive = {0};
    char *draft = NULL;
    const struct archive_source source = {.paths = &found->dir, .path_count = 1};
    TRY(archive_find(session->team, &source, 1, &archive, err));
    folders_find(found, &archive);
    zone_find(found);
    TRY(text_make(session, found, true, &draft, err));
    TRY(job_try(session, draft, err));
    status = survey_make(session->team, session->job, session->zone, 1, &found->survey, err);
    for (size_t i = 0; i < found->survey.warning_count; i++)
        session_warn(session, found->survey.warnings[i].where, found->survey.warnings[i].what);
    for (size_t i = 0; i < found->survey.reject_count; i++)
        (void)fprintf(stderr, "  %s: %s\n", found->survey.rejects[i].path,
                      found->survey.rejects[i].line.text);
done:
    free(draft);
    archive_clear(&archive);
    return status;
}

enum status command_init(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct found found = {0};
    char *text = NULL;
    const char *given = session->options.words[0];
    char *dir = realpath(given, NULL);
    if (!dir)
        return error_set(err, STATUS_NO_INPUT, given, "give the folder of the logs", "%s", strerror(errno));
    found.dir = dir;
    TRY(found_fill(session, &found, err));
    TRY(text_make(session, &found, false, &text, err));
    TRY(job_try(session, text, err));
    if (!session->options.output) {
        (void)fputs(text, session->out);
        goto done;
    }
    TRY(file_write(session->options.output, text, err));
    (void)fprintf(session->out, "%s is written. Next: quern check %s\n", session->options.output,
                  session->options.output);
done:
    survey_clear(&found.survey);
    free(text);
    free(dir);
    return status;
}
