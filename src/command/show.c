/* quern show DIR IP: one IP of a job's results, in a terminal, as JSON, as a picture, or its raw log lines.
 */
#include "session.h"

#include "base/json.h"
#include "base/text.h"
#include "raw/raw.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Lines are shown byte for byte, but for what would steer a terminal. */
static void line_show(void *context, const char *path, int64_t offset, const char *line, size_t count)
{
    FILE *stream = context;
    (void)path;
    (void)offset;
    for (size_t i = 0; i < count; i++) {
        const unsigned char c = (unsigned char)line[i];
        if (c == '\r' && i + 1 == count)
            continue;
        if ((c >= 0x20 && c < 0x7f) || c == '\t')
            (void)fputc(c, stream);
        else
            (void)fprintf(stream, "\\x%02x", (unsigned)c);
    }
    (void)fputc('\n', stream);
}

static void name_show(void *context, const char *name, size_t count, int64_t queries)
{
    char shown[4 * QNAME_TEXT_BYTES];
    (void)text_for_terminal(name, count, shown, sizeof shown);
    (void)fprintf(context, "%8" PRId64 "  %s\n", queries, shown);
}

/* The rows that are meant: those whose local time begins with the text, else the one with the largest score.
 */
static bool row_is_meant(const struct history *history, const struct history_row *row, const char *text)
{
    char time[40], wanted[40];
    int year = 0, month = 0, date = 0;
    const int64_t local_s = row->window_s + zone_offset_s(history->zone, row->window_s);
    const int64_t second = (local_s % 86400 + 86400) % 86400;
    civil_from_day((local_s - second) / 86400, &year, &month, &date);
    (void)snprintf(time, sizeof time, "%04d-%02d-%02d %02d:%02d", year, month, date, (int)(second / 3600),
                   (int)(second / 60 % 60));
    (void)snprintf(wanted, sizeof wanted, "%s", text);
    if (strlen(wanted) > 10 && wanted[10] == 'T')
        wanted[10] = ' ';
    return strlen(wanted) >= 10 && strncmp(time, wanted, strlen(wanted)) == 0;
}

static enum status lines_show(struct session *session, const struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    struct raw_summary summary = {0};
    const char *text = session->options.lines;
    char store[4200];
    size_t best = 0;
    struct raw_plan plan = {.store = store, .ip = history->ip, .from_s = INT64_MAX};
    TRY(session_store(session->options.words[0], store, sizeof store, err));
    for (size_t i = 1; i < history->row_count; i++)
        best = history->rows[i].score > history->rows[best].score ? i : best;
    for (size_t i = 0; i < history->row_count; i++) {
        const struct history_row *row = &history->rows[i];
        if (text ? !row_is_meant(history, row, text) : i != best)
            continue;
        plan.from_s = row->window_s < plan.from_s ? row->window_s : plan.from_s;
        plan.to_s =
            row->window_s + history->window_s > plan.to_s ? row->window_s + history->window_s : plan.to_s;
        plan.expected += row->queries;
    }
    if (plan.expected == 0) {
        status = error_set(err, STATUS_USAGE, text, "write a day, or a window as 2022-02-01T12:00",
                           "the IP has no window that begins so");
        goto done;
    }
    plan.day = zone_day_of(history->zone, plan.from_s);
    TRY(raw_find(&plan, line_show, session->out, &summary, err));
    if (summary.gone > 0 || summary.lines == 0) {
        (void)fprintf(stderr,
                      "quern: %" PRId64 " of %" PRId64
                      " pieces of logs are gone or changed; the store has these names\n",
                      summary.gone, summary.pieces);
        TRY(raw_names(&plan, name_show, session->out, err));
    } else if (!session->options.quiet) {
        (void)fprintf(
            stderr, "quern: %" PRId64 " lines for %" PRId64 " queries; %" PRId64 " bytes of logs were read\n",
            summary.lines, plan.expected, summary.read_bytes);
    }
done:
    return status;
}

enum status command_show(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct history history = {0};
    struct ip ip;
    const struct options *options = &session->options;
    const char *text = options->words[1];
    if (!ip_read(text, strlen(text), &ip))
        return error_set(err, STATUS_USAGE, text, "write it as 10.0.0.1 or fd00::1", "no IP address");
    TRY(history_read(options->words[0], &ip, &history, err));
    if (options->language && !language_read(options->language, &history.language)) {
        status = error_set(err, STATUS_USAGE, "--language", "write en or ja",
                           "\"%.20s\" is no language of reasons", options->language);
        goto done;
    }
    if (options->with_lines) {
        TRY(lines_show(session, &history, err));
    } else if (options->svg) {
        history_svg(&history, session->out);
    } else if (options->json) {
        struct json json = json_begin(session->out);
        TRY(history_json(&history, &json, err));
    } else {
        TRY(history_print(&history, stdout, err));
    }
done:
    history_clear(&history);
    return status;
}
