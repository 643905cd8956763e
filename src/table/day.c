/* The days of a store: which are there, whole; read with their parts merged; their digest. */
#include "shard.h"

#include "base/map.h"
#include "merge/merge.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- which days are there ---- */

struct found {
    int64_t day;
    int part;  // -1: the whole day in one file
};

/* A number of so many digits at `*text`, which is moved behind it; −1 when there is none. */
static int digits_take(const char **text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

/* YYYY-MM-DD.h5 or YYYY-MM-DD.PP.h5, PP of two digits or three; 9999 may end as 10000-01-01 in the east. */
static bool name_read(const char *name, struct found *found)
{
    const char *at = name;
    int year = digits_take(&at, strspn(at, "0123456789") == 5 ? 5 : 4);
    int month = year >= 0 && *at++ == '-' ? digits_take(&at, 2) : -1;
    int date = month >= 0 && *at++ == '-' ? digits_take(&at, 2) : -1;
    int part = -1;
    if (date < 0 || *at++ != '.')
        return false;
    if (*at >= '0' && *at <= '9') {
        part = digits_take(&at, strspn(at, "0123456789") == 3 ? 3 : 2);
        if (part < 0 || part >= PARTS_MOST || *at++ != '.')
            return false;
    }
    *found = (struct found){day_from_civil(year, month, date), part};
    // A date that does not exist is another file's, not a day of the store.
    int same[3];
    civil_from_day(found->day, &same[0], &same[1], &same[2]);
    return strcmp(at, "h5") == 0 && same[0] == year && same[1] == month && same[2] == date;
}

static int compare_found(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

static enum status names_list(const char *dir, struct found **found, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0;
    DIR *folder = opendir(dir);
    *found = NULL;
    *count = 0;
    if (!folder && errno == ENOENT)
        return STATUS_OK;
    if (!folder)
        return error_set(err, STATUS_IO, dir, "check store.dir", "cannot list the folder: %s",
                         strerror(errno));
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        struct found one;
        if (!name_read(entry->d_name, &one))
            continue;
        TRY(array_reserve(found, &capacity, *count + 1, sizeof **found, err));
        (*found)[(*count)++] = one;
    }
    if (*count > 0)
        qsort(*found, *count, sizeof **found, compare_found);
done:
    (void)closedir(folder);
    if (status != STATUS_OK) {
        free(*found);
        *found = NULL;
    }
    return status;
}

/* The number of parts stands in the files; a day of which one is missing is not there. */
static enum status parts_count(const char *dir, const struct found *found, size_t count, int *parts,
                               struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    char *settings = NULL;
    uint64_t *inputs = NULL;
    size_t input_count = 0;
    int64_t said = 0;
    *parts = 0;
    if (found[0].part < 0) {
        *parts = 1;
        return STATUS_OK;
    }
    shard_path(dir, found[0].day, found[0].part, PARTS_MOST, path, sizeof path);
    TRY(shard_read_origin(path, &settings, &inputs, &input_count, &said, err));
    if (said > 1 && said <= PARTS_MOST && (size_t)said <= count && found[said - 1].part == (int)said - 1)
        *parts = (int)said;
done:
    free(settings);
    free(inputs);
    return status;
}

enum status store_days(const char *dir, struct store_day **days, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct found *found = NULL;
    size_t found_count = 0, capacity = 0;
    struct store_day *made = NULL;
    *count = 0;
    TRY(names_list(dir, &found, &found_count, err));
    for (size_t from = 0, to = 0; from < found_count; from = to) {
        while (to < found_count && found[to].day == found[from].day)
            to++;
        int parts = 0;
        // A file that cannot be read is a day that is not there: extract makes it anew, readers name the gap.
        if (parts_count(dir, &found[from], to - from, &parts, NULL) != STATUS_OK || parts == 0)
            continue;
        TRY(array_reserve(&made, &capacity, *count + 1, sizeof *made, err));
        made[(*count)++] = (struct store_day){found[from].day, parts};
    }
    *days = made;
    made = NULL;
done:
    free(found);
    free(made);
    return status;
}

enum status store_days_shared(const struct team *team, const char *dir, struct store_day **days,
                              size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *listed = NULL;
    size_t mine = 0, bytes = 0;
    void *all = NULL;
    enum status had = team_rank(team) == 0 ? store_days(dir, &listed, &mine, err) : STATUS_OK;
    TRY(team_agree(team, had, err));
    TRY(team_gather(team, listed, mine * sizeof *listed, &all, &bytes, err));
    *days = all;
    *count = bytes / sizeof **days;
done:
    free(listed);
    return status;
}

/* ---- removing ---- */

static enum status file_remove(const char *dir, const char *name, bool dry, struct store_pruned *pruned,
                               struct error *err)
{
    char path[PATH_BYTES];
    struct stat there;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (stat(path, &there) == 0)
        pruned->bytes += there.st_size;
    pruned->files++;
    if (!dry && unlink(path) != 0)
        return error_set(err, STATUS_IO, path, "check the rights of the folder", "cannot remove the file: %s",
                         strerror(errno));
    return STATUS_OK;
}

/* Whether store/ has drawn this name for a file that it writes: PATH.part-0123456789abcdef. */
static bool is_half_written(const char *name)
{
    const char *mark = strstr(name, ".h5.part-");
    return mark && strspn(mark + 9, "0123456789abcdef") == 16 && mark[25] == '\0';
}

static enum status names_remove(const char *dir, int64_t first_day, bool dry, struct store_pruned *pruned,
                                struct error *err)
{
    enum status status = STATUS_OK;
    DIR *folder = opendir(dir);
    if (!folder)
        return error_set(err, STATUS_IO, dir, "check the path", "cannot list the folder: %s",
                         strerror(errno));
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        struct found one;
        const bool is_old = name_read(entry->d_name, &one) && one.day < first_day;
        if (is_old || is_half_written(entry->d_name))
            TRY(file_remove(dir, entry->d_name, dry, pruned, err));
    }
done:
    (void)closedir(folder);
    return status;
}

enum status store_prune(const char *dir, int64_t keep, bool dry, struct store_pruned *pruned,
                        struct error *err)
{
    enum status status = STATUS_OK;
    struct found *found = NULL;
    size_t count = 0;
    *pruned = (struct store_pruned){0};
    TRY(names_list(dir, &found, &count, err));
    if (count == 0)
        TRY(error_set(err, STATUS_NO_INPUT, dir, "name a store, or the results of a job",
                      "the store has no day"));
    const int64_t last = found[count - 1].day, first = last - keep + 1;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && found[i].day == found[i - 1].day)
            continue;
        if (found[i].day < first) {
            pruned->days++;
            continue;
        }
        pruned->first_day = pruned->kept_days == 0 ? found[i].day : pruned->first_day;
        pruned->kept_days++;
    }
    pruned->last_day = last;
    TRY(names_remove(dir, first, dry, pruned, err));
done:
    free(found);
    return status;
}

/* ---- reading ---- */

enum status shard_origin_read(const char *dir, const struct store_day *day, char **settings,
                              uint64_t **inputs, size_t *input_count, struct error *err)
{
    char path[PATH_BYTES];
    int64_t parts = 0;
    shard_path(dir, day->day, 0, day->parts, path, sizeof path);
    *settings = NULL;
    *inputs = NULL;
    return shard_read_origin(path, settings, inputs, input_count, &parts, err);
}

enum status shard_version_read(const char *dir, const struct store_day *day, int64_t *version,
                               struct error *err)
{
    char path[PATH_BYTES];
    shard_path(dir, day->day, 0, day->parts, path, sizeof path);
    return shard_read_version(path, version, err);
}

enum status day_read(const char *dir, const struct store_day *day, struct day_table *table, struct error *err)
{
    return day_read_some(dir, day, DAY_ALL, table, err);
}

enum status day_read_some(const char *dir, const struct store_day *day, uint32_t wanted,
                          struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    struct day_table *parts = calloc((size_t)day->parts, sizeof *parts);
    if (!parts)
        return error_set(err, STATUS_NO_MEMORY, dir, "", "no room for the parts of a day");
    for (int part = 0; part < day->parts; part++) {
        shard_path(dir, day->day, part, day->parts, path, sizeof path);
        TRY(shard_read(path, wanted, &parts[part], err));
        if (parts[part].day != day->day || parts[part].part != part ||
            parts[part].unit_count != parts[0].unit_count) {
            status = error_set(err, STATUS_CORRUPT, path, "remove the file, and run extract again",
                               "it is another day's, or another part, than its name says");
            goto done;
        }
    }
    if (day->parts == 1) {
        *table = parts[0];
        parts[0] = (struct day_table){0};
    } else {
        TRY(day_tables_merge(parts, (size_t)day->parts, table, err));
    }
done:
    for (int part = 0; part < day->parts; part++)
        day_table_clear(&parts[part]);
    free(parts);
    return status;
}

enum status day_row_count(const char *dir, const struct store_day *day, int64_t *rows, struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    *rows = 0;
    for (int part = 0; part < day->parts && status == STATUS_OK; part++) {
        size_t count = 0;
        struct store_reader *reader = NULL;
        shard_path(dir, day->day, part, day->parts, path, sizeof path);
        status = store_open_local(path, &reader, err);
        if (status == STATUS_OK)
            status = store_dimension_size(reader, "row", &count, err);
        store_close(reader);
        *rows += (int64_t)count;
    }
    return status;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum status day_read_domains(const char *dir, const struct store_day *day, uint64_t **hashes, size_t *count,
                             struct error *err)
{
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    uint64_t *all = NULL, *some = NULL;
    size_t total = 0, capacity = 0, kept = 0;
    for (int part = 0; part < day->parts; part++) {
        size_t here = 0;
        shard_path(dir, day->day, part, day->parts, path, sizeof path);
        TRY(shard_read_domains(path, &some, &here, err));
        TRY(array_reserve(&all, &capacity, total + here + 1, sizeof *all, err));
        if (here > 0)
            memcpy(all + total, some, here * sizeof *all);
        total += here;
        free(some);
        some = NULL;
    }
    if (total > 0)
        qsort(all, total, sizeof *all, compare_u64);
    for (size_t i = 0; i < total; i++)
        if (kept == 0 || all[kept - 1] != all[i])
            all[kept++] = all[i];
    *hashes = all;
    *count = kept;
    all = NULL;
done:
    free(all);
    free(some);
    return status;
}

/* ---- digest ---- */

/* A variable or a dimension without variable, as the digest lists them. */
struct listed {
    const char *name;
    int column;  // -1 for a dimension
    size_t size;
};

static int compare_listed(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

const char *const DAY_LEFT_OUT[] = {"line_", "minute", "reject", "input", NULL};

static bool is_left_out(const char *name)
{
    for (size_t i = 0; DAY_LEFT_OUT[i]; i++)
        if (strncmp(name, DAY_LEFT_OUT[i], strlen(DAY_LEFT_OUT[i])) == 0)
            return true;
    return strcmp(name, "line") == 0;
}

static enum status day_digest(struct day_table *table, char hex[33], struct error *err)
{
    enum status status = STATUS_OK;
    struct listed listed[DAY_COLUMNS + DAY_DIMENSIONS + 3];
    size_t count = 0;
    struct digest *digest = digest_new();
    if (!digest)
        return error_set(err, STATUS_NO_MEMORY, "digest", "", "no room for a digest");
    for (int c = 0; c < DAY_COLUMNS; c++)
        listed[count++] = (struct listed){day_column_info((enum day_column)c)->name, c, 0};
    for (int d = 0; d < DAY_DIMENSIONS; d++)
        listed[count++] = (struct listed){day_dimension_name((enum day_dimension)d), -1, table->size[d]};
    listed[count++] = (struct listed){"octet", -1, sizeof(struct ip)};
    listed[count++] = (struct listed){"ip_character", -1, IP_COLUMN_BYTES};
    listed[count++] = (struct listed){"unit", -1, table->unit_count};
    qsort(listed, count, sizeof *listed, compare_listed);
    for (size_t i = 0; i < count; i++) {
        if (is_left_out(listed[i].name))
            continue;
        if (listed[i].column < 0) {
            digest_dimension(digest, listed[i].name, listed[i].size);
            continue;
        }
        enum day_column c = (enum day_column)listed[i].column;
        struct store_column column = shard_store_column(c);
        const size_t shape[2] = {table->size[day_column_info(c)->dimension], day_column_width(table, c)};
        TRY(digest_column(digest, column.name, column.type, column.dimensions[1] ? 2 : 1, shape, column.units,
                          *day_column_array(table, c), err));
    }
    digest_hex(digest, hex);
done:
    digest_free(digest);
    return status;
}

enum status store_dir_digest(const char *dir, char hex[33], struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0;
    struct day_table table = {0};
    char line[64], day_hex[33];
    struct digest *digest = digest_new();
    if (!digest)
        return error_set(err, STATUS_NO_MEMORY, "digest", "", "no room for a digest");
    TRY(store_days(dir, &days, &count, err));
    if (count == 0) {
        status = error_set(err, STATUS_NO_INPUT, dir, "give the store's folder, such as out/store",
                           "no day of a store in it");
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        int year = 0, month = 0, date = 0;
        TRY(day_read(dir, &days[i], &table, err));
        TRY(day_digest(&table, day_hex, err));
        day_table_clear(&table);
        civil_from_day(days[i].day, &year, &month, &date);
        (void)snprintf(line, sizeof line, "%04d-%02d-%02d %s\n", year, month, date, day_hex);
        digest_add(digest, line, strlen(line));
    }
    digest_hex(digest, hex);
done:
    day_table_clear(&table);
    free(days);
    digest_free(digest);
    return status;
}
