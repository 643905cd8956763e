#include "job/host_spans.h"

#include "base/csv.h"
#include "base/map.h"
#include "civil.h"
#include "file.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_S 3600
#define MINUTE_S 60

enum { CELL_IP, CELL_FROM, CELL_TO, CELLS };

enum status host_spans_add(struct host_spans *spans, const struct host_span *span, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&spans->items, &spans->capacity, spans->count + 1, sizeof *spans->items, err));
    spans->items[spans->count++] = *span;
done:
    return status;
}

/* Two digits behind a mark. */
static bool part_read(const char *text, char mark, int64_t most, int64_t *value)
{
    return text[0] == mark && digits_read(text + 1, 2, value) && *value <= most;
}

/* "2022-02-01", "2022-02-01 12:00" or "2022-02-01 12:00:30", also with a T in the middle. */
static bool time_read(const char *text, int64_t *local_s)
{
    const size_t count = strlen(text);
    int64_t day = 0, hour = 0, minute = 0, second = 0;
    if ((count != 10 && count != 16 && count != 19) || !civil_day_read(text, 10, &day))
        return false;
    if (count > 10 && !part_read(text + 10, text[10] == 'T' ? 'T' : ' ', 23, &hour))
        return false;
    if (count > 10 && !part_read(text + 13, ':', 59, &minute))
        return false;
    if (count > 16 && !part_read(text + 16, ':', 59, &second))
        return false;
    *local_s = day * DAY_S + hour * HOUR_S + minute * MINUTE_S + second;
    return true;
}

static enum status line_take(const char *path, long number, char *line, struct host_spans *spans,
                             struct error *err)
{
    char where[sizeof err->where], *cells[CELLS] = {NULL};
    const size_t count = csv_split(line, cells, CELLS);
    struct host_span span = {.from_s = 0};
    where_write(path, number, where);
    if (count < CELLS)
        return error_set(err, STATUS_USAGE, where, "such as 10.0.0.7,2022-02-03,2022-02-04",
                         "a line of ip,from,to was expected, and it has %zu of these", count);
    if (!ip_read(cells[CELL_IP], strlen(cells[CELL_IP]), &span.ip))
        return error_set(err, STATUS_USAGE, where, "", "\"%.60s\" is no address", cells[CELL_IP]);
    for (int cell = CELL_FROM; cell <= CELL_TO; cell++)
        if (!time_read(cells[cell], cell == CELL_FROM ? &span.from_s : &span.to_s))
            return error_set(err, STATUS_USAGE, where, "such as 2022-02-03 or 2022-02-03 12:00:00",
                             "\"%.60s\" is no time", cells[cell]);
    if (span.from_s >= span.to_s)
        return error_set(err, STATUS_USAGE, where, "the end is not included: write the next day",
                         "the span ends where it begins, or before");
    return host_spans_add(spans, &span, err);
}

static enum status file_take(const char *path, struct host_spans *spans, struct error *err)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    size_t count = 0;
    long number = 0;
    bool is_first = true;
    TRY(file_read(path, STATUS_IO, &bytes, &count, err));
    for (char *line = bytes, *next = NULL; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        number++;
        if (line[0] == '\0' || line[0] == '#')
            continue;
        const bool is_heading = is_first && strncmp(line, "ip,", 3) == 0;
        is_first = false;
        if (!is_heading)
            TRY(line_take(path, number, line, spans, err));
    }
done:
    free(bytes);
    return status;
}

enum status host_spans_read(char *const *paths, size_t count, struct host_spans *spans, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        TRY(file_take(paths[i], spans, err));
done:
    return status;
}

static int compare_spans(const void *a, const void *b)
{
    const struct host_span *x = a, *y = b;
    const int order = ip_compare(&x->ip, &y->ip);
    return order ? order : (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

void host_spans_settle(struct host_spans *spans)
{
    size_t kept = 0;
    if (spans->count > 0)
        qsort(spans->items, spans->count, sizeof *spans->items, compare_spans);
    for (size_t i = 0; i < spans->count; i++) {
        const struct host_span *span = &spans->items[i];
        struct host_span *before = kept > 0 ? &spans->items[kept - 1] : NULL;
        if (!before || ip_compare(&before->ip, &span->ip) != 0 || before->to_s < span->from_s)
            spans->items[kept++] = *span;
        else if (before->to_s < span->to_s)
            before->to_s = span->to_s;
    }
    spans->count = kept;
}

bool host_spans_cover(const struct host_spans *spans, const struct ip *ip, int64_t local_s)
{
    // The last span that does not begin behind the time.
    const struct host_span key = {*ip, local_s, local_s};
    size_t low = 0, high = spans->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_spans(&spans->items[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct host_span *found = low > 0 ? &spans->items[low - 1] : NULL;
    return found && ip_compare(&found->ip, ip) == 0 && local_s < found->to_s;
}

void host_spans_clear(struct host_spans *spans)
{
    free(spans->items);
    *spans = (struct host_spans){0};
}
