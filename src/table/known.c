/* What the store knows of the logs that it was made of: known.h5 beside the days. */
#include "shard.h"

#include "base/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The version of this file: one of another version is as good as none, the logs are read again. */
#define KNOWN_VERSION 2

/* Members of struct known_file that are one integer: X(member, unit, what it is). */
#define KNOWN_NUMBERS(X)                                                                                     \
    X(bytes, "byte", "size on disk")                                                                         \
    X(mtime_ms, "milliseconds since 1970-01-01 00:00:00", "time of the last change")                         \
    X(device, "1", "device number")                                                                          \
    X(inode, "1", "inode number")                                                                            \
    X(compression, "1", "how it is compressed: 0 plain, 1 gzip, 2 BGZF, 3 zstd, 4 xz")                       \
    X(text_bytes, "byte", "size of the text in it, up to where it was read")                                 \
    X(first_hash, "1", "XXH3-64 of the first line")                                                          \
    X(head_hash, "1", "XXH3-64 of the first 64 KiB of text")                                                 \
    X(tail_hash, "1", "XXH3-64 of the last 64 KiB of text")                                                  \
    X(source_hash, "1", "XXH3-64 of the settings its lines were read with")                                  \
    X(id, "1", "identity in the inputs of shards; 0: in none")                                               \
    X(same_as, "1", "identity of the file that has the same lines; 0: none")                                 \
    X(ends_inside, "1", "1: the last line has no line feed")                                                 \
    X(is_broken, "1", "1: what follows could not be decoded")                                                \
    X(from_day, "1", "first day that was asked for, since 1970-01-01")                                       \
    X(end_day, "1", "end of the days that were asked for")                                                   \
    X(first_ms, "milliseconds since 1970-01-01 00:00:00", "least time in it")                                \
    X(last_ms, "milliseconds since 1970-01-01 00:00:00", "largest time in it")                               \
    X(log_bytes, "byte", "size of the lines in it")                                                          \
    X(fold_guessed, "1", "lines in a repeated hour whose pass had to be guessed")

static enum status number_put(struct store_writer *writer, const struct known *known, const char *name,
                              const char *unit, const char *text, size_t offset, int64_t *room,
                              struct error *err)
{
    struct store_column column = {
        .name = name, .type = STORE_I64, .dimensions = {"file"}, .units = unit, .long_name = text};
    for (size_t i = 0; i < known->count; i++)
        memcpy(&room[i], (const char *)&known->files[i] + offset, sizeof *room);
    return store_put_local(writer, &column, room, err);
}

static enum status number_get(const struct store_reader *reader, struct known *known, const char *name,
                              size_t offset, int64_t *room, struct error *err)
{
    struct store_column column = {.name = name, .type = STORE_I64, .dimensions = {"file"}};
    enum status status = store_get(reader, &column, 0, known->count, room, err);
    for (size_t i = 0; status == STATUS_OK && i < known->count; i++)
        memcpy((char *)&known->files[i] + offset, &room[i], sizeof *room);
    return status;
}

static const struct store_column PATH_END = {.name = "file_path_end",
                                             .type = STORE_I64,
                                             .dimensions = {"file"},
                                             .units = "1",
                                             .long_name = "end of the file's path in file_path"};
static const struct store_column PATH = {.name = "file_path",
                                         .type = STORE_CHAR,
                                         .dimensions = {"path_byte"},
                                         .long_name = "paths of the files, one behind the other"};
static const struct store_column DAY_END = {.name = "file_day_end",
                                            .type = STORE_I64,
                                            .dimensions = {"file"},
                                            .units = "1",
                                            .long_name = "end of the file's entries in file_days"};
static const struct store_column DAYS = {.name = "file_days",
                                         .type = STORE_I64,
                                         .dimensions = {"file_day"},
                                         .units = "days since 1970-01-01",
                                         .long_name = "local days with lines of the file"};
static const struct store_column DAY_KINDS = {.name = "file_day_kinds",
                                              .type = STORE_I64,
                                              .dimensions = {"file_day", "line_kind"},
                                              .units = "1",
                                              .long_name = "lines of the file on that day by kind"};
static const struct store_column KINDS = {.name = "file_kinds",
                                          .type = STORE_I64,
                                          .dimensions = {"file", "line_kind"},
                                          .units = "1",
                                          .long_name = "lines by kind, in the order of line_kinds.def"};

/* The heaps of all files, for writing and reading. */
struct heaps {
    int64_t *numbers, *path_end, *day_end, *days, *day_kinds, *kinds;
    char *paths;
};

static enum status heaps_make(struct heaps *heaps, size_t files, size_t path_bytes, size_t days,
                              struct error *err)
{
    *heaps = (struct heaps){calloc(files + 1, sizeof(int64_t)),
                            calloc(files + 1, sizeof(int64_t)),
                            calloc(files + 1, sizeof(int64_t)),
                            calloc(days + 1, sizeof(int64_t)),
                            calloc(days + 1, LINE_COUNTS * sizeof(int64_t)),
                            calloc(files + 1, LINE_COUNTS * sizeof(int64_t)),
                            calloc(path_bytes + 1, 1)};
    if (heaps->numbers && heaps->path_end && heaps->day_end && heaps->days && heaps->day_kinds &&
        heaps->kinds && heaps->paths)
        return STATUS_OK;
    return error_set(err, STATUS_NO_MEMORY, "known.h5", "", "no room for %zu files", files);
}

static void heaps_free(struct heaps *heaps)
{
    free(heaps->numbers);
    free(heaps->path_end);
    free(heaps->day_end);
    free(heaps->days);
    free(heaps->day_kinds);
    free(heaps->kinds);
    free(heaps->paths);
}

enum status known_write(const char *dir, const struct known *known, struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    struct store_writer *writer = NULL;
    struct heaps heaps = {0};
    size_t path_bytes = 0, days = 0;
    for (size_t i = 0; i < known->count; i++) {
        path_bytes += strlen(known->files[i].path);
        days += known->files[i].day_count;
    }
    TRY(heaps_make(&heaps, known->count, path_bytes, days, err));
    path_bytes = days = 0;
    for (size_t i = 0; i < known->count; i++) {
        const struct known_file *file = &known->files[i];
        memcpy(heaps.paths + path_bytes, file->path, strlen(file->path));
        path_bytes += strlen(file->path);
        for (size_t d = 0; d < file->day_count; d++, days++) {
            heaps.days[days] = file->days[d].day;
            memcpy(heaps.day_kinds + days * LINE_COUNTS, file->days[d].kinds, sizeof file->days[d].kinds);
        }
        heaps.path_end[i] = (int64_t)path_bytes;
        heaps.day_end[i] = (int64_t)days;
        memcpy(heaps.kinds + i * LINE_COUNTS, file->kinds, sizeof file->kinds);
    }
    (void)snprintf(path, sizeof path, "%s/known.h5", dir);
    TRY(store_create_local(path, &writer, err));
    TRY(store_attribute_i64(writer, NULL, "table_version", TABLE_VERSION, err));
    TRY(store_attribute_i64(writer, NULL, "known_version", KNOWN_VERSION, err));
    TRY(store_dimension(writer, "file", known->count, err));
    TRY(store_dimension(writer, "path_byte", path_bytes, err));
    TRY(store_dimension(writer, "file_day", days, err));
    TRY(store_dimension(writer, "line_kind", LINE_COUNTS, err));
#define X(member, unit, text)                                                                                \
    TRY(number_put(writer, known, "file_" #member, unit, text, offsetof(struct known_file, member),          \
                   heaps.numbers, err));
    KNOWN_NUMBERS(X)
#undef X
    TRY(store_put_local(writer, &PATH_END, heaps.path_end, err));
    TRY(store_put_local(writer, &PATH, heaps.paths, err));
    TRY(store_put_local(writer, &DAY_END, heaps.day_end, err));
    TRY(store_put_local(writer, &DAYS, heaps.days, err));
    TRY(store_put_local(writer, &DAY_KINDS, heaps.day_kinds, err));
    TRY(store_put_local(writer, &KINDS, heaps.kinds, err));
    struct store_writer *whole = writer;
    writer = NULL;
    TRY(store_finish_local(whole, err));
done:
    store_abandon_local(writer);
    heaps_free(&heaps);
    return status;
}

static enum status file_fill(struct known_file *file, const struct heaps *heaps, size_t at, size_t path_bytes,
                             size_t days, struct error *err)
{
    int64_t path_from = at ? heaps->path_end[at - 1] : 0, day_from = at ? heaps->day_end[at - 1] : 0;
    int64_t path_to = heaps->path_end[at], day_to = heaps->day_end[at];
    if (path_from > path_to || day_from > day_to || path_from < 0 || day_from < 0 ||
        path_to > (int64_t)path_bytes || day_to > (int64_t)days)
        return error_set(err, STATUS_CORRUPT, "known.h5", "remove the file; the logs are then read again",
                         "its offsets point outside their table");
    file->day_count = (size_t)(day_to - day_from);
    file->path = strndup(heaps->paths + path_from, (size_t)(path_to - path_from));
    file->days = malloc((file->day_count + 1) * sizeof *file->days);
    if (!file->path || !file->days)
        return error_set(err, STATUS_NO_MEMORY, "known.h5", "", "no room for a file's days");
    for (size_t d = 0; d < file->day_count; d++) {
        file->days[d].day = heaps->days[day_from + (int64_t)d];
        memcpy(file->days[d].kinds, heaps->day_kinds + ((size_t)day_from + d) * LINE_COUNTS,
               sizeof file->days[d].kinds);
    }
    memcpy(file->kinds, heaps->kinds + at * LINE_COUNTS, sizeof file->kinds);
    return STATUS_OK;
}

static bool counts_fit(const int64_t *counts, size_t count, int64_t most)
{
    for (size_t i = 0; i < count; i++)
        if (counts[i] < 0 || counts[i] > most)
            return false;
    return true;
}

/* Times of years 1 … 9999, or none. */
static bool times_fit(const struct known_file *file)
{
    const int64_t most = INT64_C(253402300800000);
    if (file->first_ms > file->last_ms)
        return file->first_ms == INT64_MAX && file->last_ms == INT64_MIN;
    return file->first_ms >= -most && file->last_ms <= most;
}

/* The counts of all files are added up: no sum may pass 2^63. Those of days are parts of their file's. */
static bool file_fits(const struct known_file *file, int64_t most)
{
    const int64_t bytes[] = {file->log_bytes, file->fold_guessed, file->text_bytes};
    if (!counts_fit(file->kinds, LINE_COUNTS, most) || !counts_fit(bytes, 3, most) || !times_fit(file))
        return false;
    for (int kind = 0; kind < LINE_COUNTS; kind++) {
        int64_t left = file->kinds[kind];
        for (size_t d = 0; d < file->day_count; d++) {
            if (!counts_fit(&file->days[d].kinds[kind], 1, left))
                return false;
            left -= file->days[d].kinds[kind];
        }
    }
    for (size_t d = 1; d < file->day_count; d++)
        if (file->days[d - 1].day >= file->days[d].day)
            return false;
    return true;
}

static bool files_fit(const struct known *known)
{
    const int64_t most = INT64_MAX / (int64_t)(known->count + 1);
    for (size_t i = 0; i < known->count; i++)
        if (!file_fits(&known->files[i], most))
            return false;
    return true;
}

static enum status known_get(const char *dir, struct known *known, struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    struct stat there;
    struct store_reader *reader = NULL;
    struct heaps heaps = {0};
    size_t count = 0, path_bytes = 0, days = 0;
    int64_t version = 0;
    *known = (struct known){0};
    (void)snprintf(path, sizeof path, "%s/known.h5", dir);
    if (stat(path, &there) != 0)
        return STATUS_OK;
    TRY(store_open_local(path, &reader, err));
    TRY(store_get_attribute_i64(reader, NULL, "table_version", &version, err));
    if (version > TABLE_VERSION) {
        status = error_set(err, STATUS_MISMATCH, path, "use another store.dir, or the newer quern",
                           "its tables have version %" PRId64 ", this quern has %d", version, TABLE_VERSION);
        goto done;
    }
    known->is_older = version < TABLE_VERSION;
    if (store_get_attribute_i64(reader, NULL, "known_version", &version, NULL) != STATUS_OK ||
        version != KNOWN_VERSION)
        goto done;
    TRY(store_dimension_expect(reader, "line_kind", LINE_COUNTS, err));
    TRY(store_dimension_size(reader, "file", &count, err));
    TRY(store_dimension_size(reader, "path_byte", &path_bytes, err));
    TRY(store_dimension_size(reader, "file_day", &days, err));
    known->files = count <= ENTRIES_MOST ? calloc(count + 1, sizeof *known->files) : NULL;
    if (!known->files || path_bytes > ENTRIES_MOST || days > ENTRIES_MOST) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for %zu files", count);
        goto done;
    }
    known->count = known->capacity = count;
    TRY(heaps_make(&heaps, count, path_bytes, days, err));
#define X(member, unit, text)                                                                                \
    TRY(number_get(reader, known, "file_" #member, offsetof(struct known_file, member), heaps.numbers, err));
    KNOWN_NUMBERS(X)
#undef X
    TRY(store_get(reader, &PATH_END, 0, count, heaps.path_end, err));
    TRY(store_get(reader, &PATH, 0, path_bytes, heaps.paths, err));
    TRY(store_get(reader, &DAY_END, 0, count, heaps.day_end, err));
    TRY(store_get(reader, &DAYS, 0, days, heaps.days, err));
    TRY(store_get(reader, &DAY_KINDS, 0, days, heaps.day_kinds, err));
    TRY(store_get(reader, &KINDS, 0, count, heaps.kinds, err));
    for (size_t i = 0; i < count; i++)
        TRY(file_fill(&known->files[i], &heaps, i, path_bytes, days, err));
    if (!files_fit(known))
        status = error_set(err, STATUS_CORRUPT, path, "remove the file; the logs are then read again",
                           "it has counts that no log gives");
done:
    store_close(reader);
    heaps_free(&heaps);
    return status;
}

enum status known_read(const char *dir, struct known *known, struct error *err)
{
    struct error fault = {0};
    enum status status = known_get(dir, known, &fault);
    const bool is_older = known->is_older;
    if (status == STATUS_OK)
        return STATUS_OK;
    known_clear(known);
    // What an older version knew may have another form: then nothing is known.
    if (is_older && status == STATUS_CORRUPT) {
        known->is_older = true;
        return STATUS_OK;
    }
    if (err)
        *err = fault;
    return status;
}

void known_clear(struct known *known)
{
    for (size_t i = 0; known->files && i < known->count; i++) {
        free(known->files[i].path);
        free(known->files[i].days);
    }
    free(known->files);
    *known = (struct known){0};
}
