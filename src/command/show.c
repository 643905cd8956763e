/* quern show DIR IP: one IP of a job's results, in a terminal, as JSON, as a picture, or its raw log lines.
 */
#include "session.h"

#include "base/json.h"
#include "base/text.h"
#include "raw/raw.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Where lines are looked for: one plan, or of a machine one an address and run of windows. */
struct line_plans {
    struct raw_plan *items;  // [count]
    size_t count, capacity;
    int64_t expected;
};

static enum status plan_add(struct line_plans *plans, const struct history *history, const char *store,
                            const struct ip *ip, const struct history_row *row, bool joins_gaps,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct raw_plan *last = NULL;
    for (size_t i = plans->count; i-- > 0 && !last;)
        if (ip_compare(&plans->items[i].ip, ip) == 0)
            last = &plans->items[i];
    if (!last || (last->to_s != row->window_s && !joins_gaps)) {
        TRY(array_reserve(&plans->items, &plans->capacity, plans->count + 1, sizeof *plans->items, err));
        last = &plans->items[plans->count++];
        *last = (struct raw_plan){.store = store,
                                  .ip = *ip,
                                  .from_s = row->window_s,
                                  .day = zone_day_of(history->zone, row->window_s)};
    }
    last->to_s = row->window_s + history->window_s;
    last->expected += row->queries;
done:
    return status;
}

/* The addresses of a machine whose lines are in its row, each once. */
static enum status machine_plans_add(struct line_plans *plans, const struct history *history,
                                     const char *store, const struct history_row *row, struct error *err)
{
    enum status status = STATUS_OK;
    const struct leases *leases = history->machines.leases;
    const int64_t to_s = row->window_s + history->window_s;
    size_t first = 0;
    const size_t count = leases_of(leases, &history->ip, &first);
    for (size_t i = 0; i < count; i++) {
        const struct lease *lease = &leases->items[leases->by_machine[first + i]];
        struct ip holder = lease->ip;
        if (lease->from_s >= to_s)
            break;
        bool is_done = lease->to_s <= row->window_s ||
                       !leases_holder(leases, &lease->ip, row->window_s, to_s, &holder) ||
                       ip_compare(&holder, &history->ip) != 0;
        for (size_t p = 0; p < plans->count && !is_done; p++)
            is_done = ip_compare(&plans->items[p].ip, &lease->ip) == 0 && plans->items[p].to_s == to_s;
        if (!is_done)
            TRY(plan_add(plans, history, store, &lease->ip, row, false, err));
    }
done:
    return status;
}

static enum status plans_make(const struct history *history, const char *store, const char *text,
                              struct line_plans *plans, struct error *err)
{
    enum status status = STATUS_OK;
    const struct leases *leases = history->machines.leases;
    const bool is_machine = leases && leases_machine(leases, &history->ip);
    size_t best = 0;
    for (size_t i = 1; i < history->row_count; i++)
        best = history->rows[i].score > history->rows[best].score ? i : best;
    for (size_t i = 0; i < history->row_count; i++) {
        const struct history_row *row = &history->rows[i];
        if (text ? !row_is_meant(history, row, text) : i != best)
            continue;
        plans->expected += row->queries;
        if (is_machine)
            TRY(machine_plans_add(plans, history, store, row, err));
        else
            TRY(plan_add(plans, history, store, &history->ip, row, true, err));
    }
    if (plans->expected == 0)
        status = error_set(err, STATUS_USAGE, text, "write a day, or a window as 2022-02-01T12:00",
                           "the IP has no window that begins so");
done:
    return status;
}

static enum status lines_show(struct session *session, const struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    struct raw_summary all = {0};
    struct line_plans plans = {0};
    char store[4200];
    TRY(session_store(session->options.words[0], store, sizeof store, err));
    TRY(plans_make(history, store, session->options.lines, &plans, err));
    for (size_t i = 0; i < plans.count; i++) {
        struct raw_summary one = {0};
        TRY(raw_find(&plans.items[i], line_show, session->out, &one, err));
        all.lines += one.lines;
        all.read_bytes += one.read_bytes;
        all.pieces += one.pieces;
        all.gone += one.gone;
    }
    if (all.gone > 0 || all.lines == 0) {
        (void)fprintf(stderr,
                      "quern: %" PRId64 " of %" PRId64
                      " pieces of logs are gone or changed; the store has these names\n",
                      all.gone, all.pieces);
        for (size_t i = 0; i < plans.count; i++)
            TRY(raw_names(&plans.items[i], name_show, session->out, err));
    } else if (!session->options.quiet) {
        (void)fprintf(
            stderr, "quern: %" PRId64 " lines for %" PRId64 " queries; %" PRId64 " bytes of logs were read\n",
            all.lines, plans.expected, all.read_bytes);
    }
done:
    free(plans.items);
    return status;
}

enum status command_show(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct history history = {0};
    const struct options *options = &session->options;
    const char *text = options->words[1];
    struct ip ip;
    // No machine has a name like that: a slip in an address is told before a file is opened.
    if (strchr(text, '.') && strspn(text, "0123456789.") == strlen(text) && !ip_read(text, strlen(text), &ip))
        return error_set(err, STATUS_USAGE, text, "write it as 10.0.0.1 or fd00::1", "no IP address");
    TRY(history_read(options->words[0], options->words[1], &history, err));
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
