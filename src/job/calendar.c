#include "job/calendar.h"

#include "base/map.h"
#include "civil.h"
#include "file.h"
#include "job/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A row as read; the place in the files decides between rows of one day. */
struct row {
    struct calendar_day day;
    size_t file;
    long line;
};

struct row_list {
    struct row *rows;
    size_t count;
    size_t capacity;
};

struct text {
    const char *bytes;
    size_t count;
};

static bool text_is(struct text text, const char *word)
{
    return text.count == strlen(word) && memcmp(text.bytes, word, text.count) == 0;
}

/* Takes the next field off `rest`, and the comma behind it; one in quotes comes with them. Returns false when
 * its quotes are not closed, or more stands behind them. */
static bool field_take(struct text *rest, struct text *field)
{
    size_t end = 0;
    if (rest->count > 0 && rest->bytes[0] == '"') {
        for (end = 1; end < rest->count; end++) {
            if (rest->bytes[end] != '"')
                continue;
            if (end + 1 == rest->count || rest->bytes[end + 1] != '"')
                break;
            end++;  // "" is a quote in a name
        }
        if (end >= rest->count)
            return false;
        end++;
        if (end < rest->count && rest->bytes[end] != ',')
            return false;
    } else {
        while (end < rest->count && rest->bytes[end] != ',')
            end++;
    }
    *field = (struct text){rest->bytes, end};
    size_t taken = end + (end < rest->count);
    *rest = (struct text){rest->bytes + taken, rest->count - taken};
    return true;
}

static enum status refuse(const char *path, long line, const char *hint, const char *what, struct text found,
                          struct error *err)
{
    char where[sizeof err->where];
    where_write(path, line, where);
    return error_set(err, STATUS_USAGE, where, hint, "%s, not \"%.*s\"", what,
                     (int)(found.count < 60 ? found.count : 60), found.bytes);
}

static enum status row_read(const char *path, struct text line, struct row *row, struct error *err)
{
    static const char *const marks[] = {
        [MARK_HOLIDAY] = "holiday", [MARK_WORKDAY] = "workday", [MARK_HALF] = "half"};
    struct text rest = line;
    struct text date = {0};
    struct text kind = {0};
    struct text name = {0};
    if (!field_take(&rest, &date) || !field_take(&rest, &kind) || !field_take(&rest, &name) || rest.count > 0)
        return refuse(path, row->line, "a name with a comma stands in quotes",
                      "a calendar wants rows of date,kind,name", line, err);
    if (!civil_day_read(date.bytes, date.count, &row->day.day))
        return refuse(path, row->line, "", "a calendar wants a date such as 2022-01-01", date, err);
    for (size_t mark = 0; mark < sizeof marks / sizeof marks[0]; mark++)
        if (text_is(kind, marks[mark])) {
            row->day.mark = (int64_t)mark;
            return STATUS_OK;
        }
    return refuse(path, row->line, "", "a calendar wants one of the kinds holiday, workday, half", kind, err);
}

static enum status rows_read(const char *path, size_t file, const char *bytes, size_t count,
                             struct row_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    bool first = true;
    long number = 0;
    for (size_t at = 0; at < count;) {
        const char *newline = memchr(bytes + at, '\n', count - at);
        struct text line = {bytes + at, newline ? (size_t)(newline - bytes) - at : count - at};
        at += line.count + 1;
        number++;
        if (line.count > 0 && line.bytes[line.count - 1] == '\r')
            line.count--;
        if (line.count == 0 || line.bytes[0] == '#')
            continue;
        bool header = first && text_is(line, "date,kind,name");
        first = false;
        if (header)
            continue;
        TRY(array_reserve(&list->rows, &list->capacity, list->count + 1, sizeof *list->rows, err));
        struct row *row = &list->rows[list->count];
        *row = (struct row){.file = file, .line = number};
        TRY(row_read(path, line, row, err));
        list->count++;
    }
done:
    return status;
}

static enum status file_add(const char *path, size_t file, struct row_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    char found[4096];
    char *bytes = NULL;
    size_t count = 0;
    // Not found is told of the path as it was written.
    const char *opened = job_data_path(path, found, sizeof found) ? found : path;
    TRY(file_read(opened, STATUS_IO, &bytes, &count, err));
    TRY(rows_read(opened, file, bytes, count, list, err));
done:
    free(bytes);
    return status;
}

static int row_compare(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    if (x->day.day != y->day.day)
        return x->day.day < y->day.day ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* One entry a day, from sorted rows: that of the last file, which has to agree with itself. */
static enum status days_choose(char *const *paths, const struct row_list *list, struct calendar *calendar,
                               struct error *err)
{
    for (size_t at = 0; at < list->count; at++) {
        const struct row *row = &list->rows[at];
        const struct row *before = at > 0 ? row - 1 : NULL;
        bool again = before && before->day.day == row->day.day;
        if (again && before->file == row->file && before->day.mark != row->day.mark) {
            char where[sizeof err->where];
            where_write(paths[row->file], row->line, where);
            return error_set(err, STATUS_USAGE, where, "", "the day has another kind in line %ld",
                             before->line);
        }
        if (!again)
            calendar->count++;
        calendar->days[calendar->count - 1] = row->day;
    }
    return STATUS_OK;
}

enum status calendar_read(char *const *paths, size_t count, struct calendar **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct row_list list = {0};
    struct calendar *calendar = NULL;
    for (size_t file = 0; file < count; file++)
        TRY(file_add(paths[file], file, &list, err));
    if (list.count > 0)
        qsort(list.rows, list.count, sizeof *list.rows, row_compare);
    calendar = calloc(1, sizeof *calendar);
    if (calendar)
        calendar->days = calloc(list.count + 1, sizeof *calendar->days);
    if (!calendar || !calendar->days) {
        status = error_set(err, STATUS_NO_MEMORY, "features.calendar", "", "no memory for the calendar");
        goto done;
    }
    TRY(days_choose(paths, &list, calendar, err));
    *out = calendar;
    calendar = NULL;
done:
    calendar_free(calendar);
    free(list.rows);
    return status;
}

void calendar_free(struct calendar *calendar)
{
    if (!calendar)
        return;
    free(calendar->days);
    free(calendar);
}

static int day_compare(const void *a, const void *b)
{
    const struct calendar_day *x = a;
    const struct calendar_day *y = b;
    return (x->day > y->day) - (x->day < y->day);
}

enum day_kind calendar_kind(const struct calendar *calendar, int64_t day)
{
    struct calendar_day sought = {.day = day};
    const struct calendar_day *listed =
        bsearch(&sought, calendar->days, calendar->count, sizeof sought, day_compare);
    if (listed)
        return listed->mark == MARK_HOLIDAY ? DAY_HOLIDAY : DAY_WORKING;
    // Day 0 was a Thursday: Saturday and Sunday are 2 and 3 days later.
    int64_t since_thursday = floor_mod(day, 7);
    return since_thursday == 2 || since_thursday == 3 ? DAY_HOLIDAY : DAY_WORKING;
}
