/* quern info PATH…: what is in quern's files, and the digests of their content. */
#include "session.h"

#include "base/json.h"
#include "store/store.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const TYPE_NAMES[] = {
    [STORE_I8] = "int8",     [STORE_U8] = "uint8",    [STORE_I16] = "int16", [STORE_U16] = "uint16",
    [STORE_I32] = "int32",   [STORE_U32] = "uint32",  [STORE_I64] = "int64", [STORE_U64] = "uint64",
    [STORE_F32] = "float32", [STORE_F64] = "float64", [STORE_CHAR] = "char",
};

struct listing {
    FILE *stream;
    struct json *json;  // NULL when it is for a person
};

static bool is_folder(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && S_ISDIR(there.st_mode);
}

static enum status path_digest(const char *path, char hex[33], struct error *err)
{
    return is_folder(path) ? store_dir_digest(path, hex, err) : store_digest(path, DAY_LEFT_OUT, hex, err);
}

static enum status variable_list(const struct store_variable *variable, void *context, struct error *err)
{
    (void)err;
    struct listing *listing = context;
    const char *type = variable->only_dimension ? "dimension" : TYPE_NAMES[variable->type];
    if (listing->json) {
        json_open(listing->json, NULL, '{');
        json_text(listing->json, "name", variable->name, strlen(variable->name));
        json_text(listing->json, "type", type, strlen(type));
        json_open(listing->json, "shape", '[');
        for (int axis = 0; axis < variable->rank; axis++)
            json_integer(listing->json, NULL, (int64_t)variable->shape[axis]);
        json_close(listing->json, ']');
        json_text(listing->json, "units", variable->units, strlen(variable->units));
        json_text(listing->json, "long_name", variable->long_name, strlen(variable->long_name));
        json_close(listing->json, '}');
        return STATUS_OK;
    }
    char shape[64] = "";
    for (int axis = 0, at = 0; axis < variable->rank; axis++)
        at += snprintf(shape + at, sizeof shape - (size_t)at, "%s%zu", axis ? " x " : "",
                       variable->shape[axis]);
    (void)fprintf(listing->stream, "  %-28s %-9s %-18s %s%s%s\n", variable->name, type, shape,
                  variable->long_name, *variable->units ? ", " : "", variable->units);
    return STATUS_OK;
}

static enum status file_list(const char *path, struct json *json, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct listing listing = {stdout, json};
    TRY(store_open_local(path, &reader, err));
    if (json) {
        json_text(json, "kind", "file", 4);
        json_open(json, "variables", '[');
    } else {
        (void)printf("%s\n", path);
    }
    TRY(store_list(reader, variable_list, &listing, err));
    if (json)
        json_close(json, ']');
done:
    store_close(reader);
    return status;
}

static void day_list(const struct store_day *day, int64_t rows, struct json *json)
{
    int year = 0, month = 0, date = 0;
    char text[32];
    civil_from_day(day->day, &year, &month, &date);
    (void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, date);
    if (!json) {
        (void)printf("  %s  %8" PRId64 " rows in %d part%s\n", text, rows, day->parts,
                     day->parts > 1 ? "s" : "");
        return;
    }
    json_open(json, NULL, '{');
    json_text(json, "day", text, strlen(text));
    json_integer(json, "rows", rows);
    json_integer(json, "parts", day->parts);
    json_close(json, '}');
}

static enum status store_list_days(const char *path, struct json *json, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0;
    TRY(store_days(path, &days, &count, err));
    if (json) {
        json_text(json, "kind", "store", 5);
        json_open(json, "days", '[');
    } else {
        (void)printf("%s: a store of %zu days\n", path, count);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t rows = 0;
        TRY(day_row_count(path, &days[i], &rows, err));
        day_list(&days[i], rows, json);
    }
    if (json)
        json_close(json, ']');
done:
    free(days);
    return status;
}

static enum status path_show(const struct session *session, const char *path, struct json *json,
                             struct error *err)
{
    enum status status = STATUS_OK;
    char hex[33];
    if (json) {
        json_open(json, NULL, '{');
        json_text(json, "path", path, strlen(path));
    }
    if (session->options.digest || json)
        TRY(path_digest(path, hex, err));
    if (session->options.digest && !json)
        (void)printf("%s  %s\n", hex, path);
    if (json)
        json_text(json, "digest", hex, strlen(hex));
    if (!session->options.digest)
        TRY(is_folder(path) ? store_list_days(path, json, err) : file_list(path, json, err));
    if (json)
        json_close(json, '}');
done:
    return status;
}

/* A job's output folder stands for the files in it that are quern's; any other path for itself. */
static enum status word_show(const struct session *session, const char *word, struct json *json,
                             struct error *err)
{
    static const char *const PARTS[] = {"store", "model.h5", "scores.h5"};
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0, shown = 0;
    char path[PATH_MAX];
    struct stat there;
    if (is_folder(word) && store_days(word, &days, &count, NULL) == STATUS_OK && count == 0)
        for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
            (void)snprintf(path, sizeof path, "%s/%s", word, PARTS[i]);
            if (stat(path, &there) != 0)
                continue;
            TRY(path_show(session, path, json, err));
            shown++;
        }
    if (shown == 0)
        TRY(path_show(session, word, json, err));
done:
    free(days);
    return status;
}

enum status command_info(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct json json = json_begin(session->out);
    bool as_json = session->options.json;
    if (as_json)
        json_open(&json, NULL, '[');
    for (size_t i = 0; i < session->options.word_count; i++)
        TRY(word_show(session, session->options.words[i], as_json ? &json : NULL, err));
    if (as_json)
        json_close(&json, ']');
done:
    return status;
}
