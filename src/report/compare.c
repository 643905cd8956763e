/* Which rows to put side by side, and how: the method explains an IP by its anomalous rows beside normal ones
 * of the same kind of day and time of day. */
#include "internal.h"
#include "phrases.h"

#include "base/exact.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NORMAL_MOST (sizeof((struct comparison *)0)->normal / sizeof((struct comparison *)0)->normal[0])

/* A score from which a row is shown though no model has it in its minority: one normal row in a hundred. */
#define SCORE_SHOWN 2.0

#define ANOMALIES_MOST 5
#define CAUSES_MOST 3

/* Days of an IP that are shown. */
#define DAY_P_SHOWN 0.05
#define DAYS_MOST 8

static bool is_minority(const struct history_row *row)
{
    for (int m = 0; m < GROUP_MODELS; m++)
        if (row->group[m])
            return true;
    return false;
}

bool row_is_anomaly(const struct history_row *row)
{
    return is_minority(row) || row->score >= SCORE_SHOWN;
}

int64_t row_hour(const struct history *history, const struct history_row *row)
{
    int64_t local_s = row->window_s + zone_offset_s(history->zone, row->window_s);
    return (local_s % 86400 + 86400) % 86400 / 3600;
}

static bool is_alike(const struct history_row *a, const struct history_row *b)
{
    return a->holiday == b->holiday && a->night == b->night;
}

/* How little a normal row suits an anomaly: another kind of day weighs more than another time of day. */
static int64_t distance(const struct history *history, const struct history_row *a,
                        const struct history_row *b)
{
    int64_t hours = llabs(row_hour(history, a) - row_hour(history, b));
    hours = hours > 12 ? 24 - hours : hours;
    return (a->holiday != b->holiday) * 1000 + (a->night != b->night) * 100 + hours;
}

static void normal_pick(const struct history *history, struct comparison *comparison)
{
    comparison->normal_count = 0;
    comparison->is_alike = false;
    for (size_t i = 0; i < history->row_count && !comparison->is_alike; i++)
        comparison->is_alike =
            !row_is_anomaly(&history->rows[i]) && is_alike(comparison->anomaly, &history->rows[i]);
    for (size_t i = 0; i < history->row_count; i++) {
        const struct history_row *row = &history->rows[i];
        if (row_is_anomaly(row) || (comparison->is_alike && !is_alike(comparison->anomaly, row)))
            continue;
        int64_t far = distance(history, comparison->anomaly, row);
        size_t at = comparison->normal_count;
        while (at > 0 && distance(history, comparison->anomaly, comparison->normal[at - 1]) > far)
            at--;
        if (at == NORMAL_MOST)
            continue;
        size_t last = comparison->normal_count < NORMAL_MOST ? comparison->normal_count : NORMAL_MOST - 1;
        memmove(&comparison->normal[at + 1], &comparison->normal[at],
                (last - at) * sizeof comparison->normal[0]);
        comparison->normal[at] = row;
        comparison->normal_count = last + 1;
    }
}

size_t history_compare(const struct history *history, struct comparison *comparisons, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < history->row_count; i++) {
        const struct history_row *row = &history->rows[i];
        if (!row_is_anomaly(row))
            continue;
        size_t at = count;
        while (at > 0 && comparisons[at - 1].anomaly->score < row->score)
            at--;
        if (at == most)
            continue;
        size_t last = count < most ? count : most - 1;
        memmove(&comparisons[at + 1], &comparisons[at], (last - at) * sizeof *comparisons);
        comparisons[at].anomaly = row;
        count = last + 1;
    }
    for (size_t i = 0; i < count; i++)
        normal_pick(history, &comparisons[i]);
    return count;
}

/* ---- the features that did it ---- */

size_t row_causes(const struct history *history, const struct history_row *anomaly, struct row_cause *causes,
                  size_t most)
{
    size_t count = 0;
    for (size_t f = 0; f < history->feature_count; f++) {
        struct row_cause cause = {
            .feature = f,
            .share = ((double)anomaly->kmeans_share[f] + (double)anomaly->autoencoder_share[f]) / 2,
            .value = anomaly->feature[f]};
        if (cause.share < 0.01)
            continue;
        for (size_t i = 0; i < history->row_count; i++) {
            float value = history->rows[i].feature[f];
            if (row_is_anomaly(&history->rows[i]))
                continue;
            cause.low = !cause.has_normal || value < cause.low ? value : cause.low;
            cause.high = !cause.has_normal || value > cause.high ? value : cause.high;
            cause.has_normal = true;
        }
        size_t at = count;
        while (at > 0 && causes[at - 1].share < cause.share)
            at--;
        if (at == most)
            continue;
        size_t last = count < most ? count : most - 1;
        memmove(&causes[at + 1], &causes[at], (last - at) * sizeof *causes);
        causes[at] = cause;
        count = last + 1;
    }
    return count;
}

/* ---- terminal ---- */

void row_time_write(const struct history *history, int64_t window_s, char text[40])
{
    int year = 0, month = 0, day = 0;
    int64_t local_s = window_s + zone_offset_s(history->zone, window_s);
    int64_t of_day = (local_s % 86400 + 86400) % 86400;
    civil_from_day((local_s - of_day) / 86400, &year, &month, &day);
    (void)snprintf(text, 40, "%04d-%02d-%02d %02d:%02d:%02d", year, month, day, (int)(of_day / 3600),
                   (int)(of_day / 60 % 60), (int)(of_day % 60));
}

const char *history_address(const struct history *history, int64_t from_s, int64_t to_s,
                            char text[IP_TEXT_BYTES])
{
    const struct score_machines span = {history->machines.leases, from_s, to_s};
    struct ip address;
    const char *name = machine_tell(&span, &history->ip, &address);
    (void)ip_write(&address, text);
    return name;
}

/* Wide enough for any IPv4 address, and for this one. */
static int ip_width(const struct history *history)
{
    char ip[IP_TEXT_BYTES];
    (void)history_address(history, history->machines.from_s, history->machines.to_s, ip);
    const size_t count = strlen(ip);
    return count > 15 ? (int)count : 15;
}

static void row_print(const struct history *history, const struct history_row *row, const char *mark,
                      FILE *stream)
{
    char time[40], ip[IP_TEXT_BYTES];
    row_time_write(history, row->window_s, time);
    (void)history_address(history, row->window_s, row->window_s + history->window_s, ip);
    (void)fprintf(stream, "  %s %-19s  %-*s %13" PRId64 " %7d %7d %5d %5d %7.2f\n", mark, time,
                  ip_width(history), ip, row->queries, !row->holiday, row->holiday, !row->night, row->night,
                  row->score);
}

/* A text of scores.h5, which need not be quern's own. */
static void text_print(const char *text, FILE *stream)
{
    char shown[4 * 64 + 1];
    (void)text_for_terminal(text, strlen(text), shown, sizeof shown);
    (void)fputs(shown, stream);
}

/* What the model learned of the feature that did it most. */
static void usual_print(const struct history *history, const struct history_row *row,
                        const struct row_cause *cause, FILE *stream)
{
    if (row->cause < 0 || (size_t)row->cause != cause->feature || row->usual_rows + row->role_rows == 0)
        return;
    (void)fputs("        in training", stream);
    if (row->usual_rows > 0)
        (void)fprintf(stream, ", this IP on %s %s: %.4g to %.4g", row->holiday ? "holidays" : "working days",
                      row->night ? "by night" : "by day", (double)row->usual_low, (double)row->usual_high);
    if (row->role_rows > 0)
        (void)fprintf(stream, ", IPs of its role at %02d h: %.4g to %.4g", (int)row_hour(history, row),
                      (double)row->role_low, (double)row->role_high);
    (void)fputs("\n", stream);
}

static void causes_print(const struct history *history, const struct history_row *anomaly, FILE *stream)
{
    struct row_cause causes[CAUSES_MOST];
    size_t count = row_causes(history, anomaly, causes, CAUSES_MOST);
    for (size_t i = 0; i < count; i++) {
        const struct row_cause *cause = &causes[i];
        (void)fputs("      ", stream);
        text_print(history->feature_names[cause->feature], stream);
        (void)fprintf(stream, " %.4g", (double)cause->value);
        if (cause->has_normal)
            (void)fprintf(stream, "; this IP's normal %.4g to %.4g", (double)cause->low, (double)cause->high);
        (void)fprintf(stream, "; nine in ten rows %.4g to %.4g, middle %.4g (%.0f %% of it)\n",
                      (double)history->peer_low[cause->feature], (double)history->peer_high[cause->feature],
                      (double)history->peer_middle[cause->feature], 100 * cause->share);
        usual_print(history, anomaly, cause, stream);
    }
}

static void comparison_print(const struct history *history, const struct comparison *comparison, FILE *stream)
{
    if (comparison->normal_count == 0)
        (void)fprintf(stream, "    it has no normal row\n");
    else if (!comparison->is_alike)
        (void)fprintf(stream, "    no normal row of this kind of day and time of day; the nearest:\n");
    for (size_t n = 0; n < comparison->normal_count; n++)
        row_print(history, comparison->normal[n], " ", stream);
    row_print(history, comparison->anomaly, "*", stream);
    causes_print(history, comparison->anomaly, stream);
}

/* Adds up an IP's queries of the day that begins at row `at`, by hour; returns where the next day begins. An
 * hour that comes twice is one. */
static size_t day_sum(const struct history *history, size_t at, int64_t hours[24])
{
    int64_t day = zone_day_of(history->zone, history->rows[at].window_s);
    memset(hours, 0, 24 * sizeof *hours);
    for (; at < history->row_count && zone_day_of(history->zone, history->rows[at].window_s) == day; at++)
        hours[row_hour(history, &history->rows[at])] += history->rows[at].queries;
    return at;
}

/* A day a line, an hour a sign, on a scale of powers of two: an hour with 52,557 queries must not flatten the
 * rest. */
static void plot_print(const struct history *history, FILE *stream)
{
    static const char *const BARS[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    int64_t most = 1, hours[24];
    for (size_t i = 0; i < history->row_count;) {
        i = day_sum(history, i, hours);
        for (int hour = 0; hour < 24; hour++)
            most = hours[hour] > most ? hours[hour] : most;
    }
    double top = exact_log2(1 + (double)most);
    (void)fprintf(stream, "\nQueries by hour (logarithmic, the highest bar is %" PRId64 ")\n", most);
    (void)fprintf(stream, "             0     6     12    18\n");
    for (size_t i = 0; i < history->row_count;) {
        char time[40];
        row_time_write(history, history->rows[i].window_s, time);
        i = day_sum(history, i, hours);
        (void)fprintf(stream, "  %.10s ", time);
        for (int hour = 0; hour < 24; hour++) {
            int bar = (int)(exact_log2(1 + (double)hours[hour]) / top * 8);
            (void)fputs(hours[hour] == 0 ? " " : BARS[bar > 7 ? 7 : bar], stream);
        }
        (void)fputc('\n', stream);
    }
}

/* The days with the least p among normal days that had as many windows. */
static void days_print(const struct history *history, FILE *stream)
{
    size_t shown = 0;
    for (size_t i = 0; i < history->day_count; i++) {
        const struct history_day *day = &history->day_items[i];
        char text[DAY_TEXT_BYTES];
        if (day->p > DAY_P_SHOWN || shown++ >= DAYS_MOST)
            continue;
        day_write_text(day->day, text);
        (void)fprintf(stream, "%s%s p = %.2g, q = %.2g",
                      shown == 1 ? "\nDays that few normal days with as many windows reach: " : "; ", text,
                      day->p, day->q);
    }
    if (shown > 0)
        (void)fputc('\n', stream);
}

enum status history_print(const struct history *history, FILE *stream, struct error *err)
{
    enum status status = STATUS_OK;
    struct phrase_list phrases = {0};
    struct comparison comparisons[ANOMALIES_MOST + 1];
    char ip[IP_TEXT_BYTES], host[4 * MACHINE_NAME_BYTES];
    TRY(phrases_make(history, &phrases, err));
    size_t count = history_compare(history, comparisons, ANOMALIES_MOST);
    const char *name = history_address(history, history->machines.from_s, history->machines.to_s, ip);
    (void)text_for_terminal(name, strlen(name), host, sizeof host);
    (void)fprintf(stream, "%s%s%s: %s, score %.2f, rank %" PRId64 " of %" PRId64 ", role %s, %zu windows\n",
                  host, *host ? ", last at " : "", ip, verdict_name((enum verdict)history->verdict),
                  history->score, history->rank, history->ip_count, role_name((enum role)history->role),
                  history->row_count);
    if (history->cause > 0)
        (void)fprintf(stream, "It looks like %s, with a strength of %.2f bits.\n",
                      cause_name((enum incident_cause)(history->cause - 1)), history->strength);
    (void)fprintf(
        stream,
        "The score is %s m/(1 + m), where m = %.2f is the mean of\n"
        "the three largest row scores; a row score of 3 means that one normal row in a thousand\n"
        "is as unusual. Times are of ",
        history->score >= 1 ? "1 + the strength +" : "below 1, without an alarm:", history->model_score);
    text_print(history->timezone, stream);
    (void)fputs(".\n", stream);
    phrases_print(&phrases, history, stream);
    days_print(history, stream);
    (void)fprintf(stream, "\n    %-19s  %-*s %13s %7s %7s %5s %5s %7s\n", "window start", ip_width(history),
                  "IP", "total queries", "weekday", "weekend", "day", "night", "score");
    for (size_t i = 0; i < count; i++)
        comparison_print(history, &comparisons[i], stream);
    if (count == 0) {
        (void)fprintf(stream, "  no anomalous row; some of its windows:\n");
        for (size_t i = 0; i < history->row_count && i < ANOMALIES_MOST; i++)
            row_print(history, &history->rows[i], " ", stream);
    }
    plot_print(history, stream);
done:
    phrases_clear(&phrases);
    return status;
}

/* ---- JSON ---- */

static void row_json(const struct history *history, const struct history_row *row, const char *key,
                     struct json *json)
{
    char time[40], ip[IP_TEXT_BYTES];
    row_time_write(history, row->window_s, time);
    (void)history_address(history, row->window_s, row->window_s + history->window_s, ip);
    json_open(json, key, '{');
    json_text(json, "window", time, strlen(time));
    json_integer(json, "window_s", row->window_s);
    json_integer(json, "queries", row->queries);
    json_integer(json, "workday", !row->holiday);
    json_integer(json, "holiday", row->holiday);
    json_integer(json, "day", !row->night);
    json_integer(json, "night", row->night);
    json_number(json, "score", row->score);
    json_number(json, "kmeans_p", row->kmeans_p);
    json_number(json, "autoencoder_p", row->autoencoder_p);
    for (int m = 0; m < GROUP_MODELS; m++)
        json_integer(json, group_model_name((enum group_model)m), row->group[m]);
    json_close(json, '}');
}

static void usual_json(const struct history_row *row, size_t feature, struct json *json)
{
    if (row->cause < 0 || (size_t)row->cause != feature)
        return;
    if (row->usual_rows > 0) {
        json_integer(json, "usual_rows", row->usual_rows);
        json_number(json, "usual_low", (double)row->usual_low);
        json_number(json, "usual_high", (double)row->usual_high);
    }
    if (row->role_rows > 0) {
        json_integer(json, "role_rows", row->role_rows);
        json_number(json, "role_low", (double)row->role_low);
        json_number(json, "role_middle", (double)row->role_middle);
        json_number(json, "role_high", (double)row->role_high);
    }
}

static void comparison_json(const struct history *history, const struct comparison *comparison,
                            struct json *json)
{
    struct row_cause causes[CAUSES_MOST];
    size_t count = row_causes(history, comparison->anomaly, causes, CAUSES_MOST);
    json_open(json, NULL, '{');
    row_json(history, comparison->anomaly, "row", json);
    json_open(json, "normal", '[');
    for (size_t n = 0; n < comparison->normal_count; n++)
        row_json(history, comparison->normal[n], NULL, json);
    json_close(json, ']');
    json_bool(json, "normal_alike", comparison->is_alike);
    json_open(json, "features", '[');
    for (size_t i = 0; i < count; i++) {
        const char *name = history->feature_names[causes[i].feature];
        json_open(json, NULL, '{');
        json_text(json, "feature", name, strlen(name));
        json_number(json, "value", (double)causes[i].value);
        json_number(json, "share", causes[i].share);
        if (causes[i].has_normal) {
            json_number(json, "normal_low", (double)causes[i].low);
            json_number(json, "normal_high", (double)causes[i].high);
        }
        usual_json(comparison->anomaly, causes[i].feature, json);
        json_number(json, "all_rows_low", (double)history->peer_low[causes[i].feature]);
        json_number(json, "all_rows_middle", (double)history->peer_middle[causes[i].feature]);
        json_number(json, "all_rows_high", (double)history->peer_high[causes[i].feature]);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void days_json(const struct history *history, struct json *json)
{
    json_open(json, "days", '[');
    for (size_t i = 0; i < history->day_count; i++) {
        const struct history_day *day = &history->day_items[i];
        char text[DAY_TEXT_BYTES];
        day_write_text(day->day, text);
        json_open(json, NULL, '{');
        json_text(json, "day", text, strlen(text));
        json_integer(json, "windows", day->windows);
        json_number(json, "score", day->score);
        json_number(json, "p", day->p);
        json_number(json, "q", day->q);
        json_close(json, '}');
    }
    json_close(json, ']');
}

enum status history_json(const struct history *history, struct json *json, struct error *err)
{
    enum status status = STATUS_OK;
    struct phrase_list phrases = {0};
    struct comparison comparisons[ANOMALIES_MOST + 1];
    size_t count = history_compare(history, comparisons, ANOMALIES_MOST);
    TRY(phrases_make(history, &phrases, err));
    char ip[IP_TEXT_BYTES];
    const char *host = history_address(history, history->machines.from_s, history->machines.to_s, ip);
    json_open(json, NULL, '{');
    json_text(json, "ip", ip, strlen(ip));
    if (*host)
        json_text(json, "host", host, strlen(host));
    json_number(json, "score", history->score);
    json_number(json, "model_score", history->model_score);
    json_number(json, "strength", history->strength);
    json_integer(json, "rank", history->rank);
    json_text(json, "verdict", verdict_name((enum verdict)history->verdict),
              strlen(verdict_name((enum verdict)history->verdict)));
    json_text(json, "role", role_name((enum role)history->role), strlen(role_name((enum role)history->role)));
    json_text(json, "timezone", history->timezone, strlen(history->timezone));
    const char *cause = history->cause > 0 ? cause_name((enum incident_cause)(history->cause - 1)) : "none";
    json_text(json, "cause", cause, strlen(cause));
    phrases_json(&phrases, json);
    reasons_json(history, json);
    days_json(history, json);
    json_open(json, "both_groups", '{');
    for (int m = 0; m < GROUP_MODELS; m++)
        json_bool(json, group_model_name((enum group_model)m), history->both[m] != 0);
    json_close(json, '}');
    json_open(json, "always_minority", '{');
    for (int m = 0; m < GROUP_MODELS; m++)
        json_bool(json, group_model_name((enum group_model)m), history->always[m] != 0);
    json_close(json, '}');
    json_open(json, "anomalies", '[');
    for (size_t i = 0; i < count; i++)
        comparison_json(history, &comparisons[i], json);
    json_close(json, ']');
    json_open(json, "rows", '[');
    for (size_t i = 0; i < history->row_count; i++)
        row_json(history, &history->rows[i], NULL, json);
    json_close(json, ']');
    json_close(json, '}');
done:
    phrases_clear(&phrases);
    return status;
}
