/* An IP's queries by window as a picture: a bar a window on a logarithmic scale, unusual ones in another
 * colour. */
#include "internal.h"

#include "base/exact.h"

#include <inttypes.h>

#define HOUR_PX 8
#define DAY_PX 40
#define LEFT_PX 90
#define TOP_PX 40

static int64_t day_of(const struct history *history, size_t row)
{
    return zone_day_of(history->zone, history->rows[row].window_s);
}

static void bar_write(const struct history *history, size_t at, int line, double top, FILE *stream)
{
    const struct history_row *row = &history->rows[at];
    const int64_t elapsed_s = row->window_s - zone_day_start(history->zone, day_of(history, at));
    const double height = exact_log2(1 + (double)row->queries) / top * (DAY_PX - 8);
    const double x = LEFT_PX + (double)elapsed_s / 3600 * HOUR_PX;
    const double width = history->window_s > 3600 ? (double)history->window_s / 3600 * HOUR_PX : HOUR_PX;
    char time[40];
    row_time_write(history, row->window_s, time);
    (void)fprintf(stream,
                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"><title>%s: %" PRId64
                  " queries, score %.2f</title></rect>\n",
                  x, TOP_PX + (line + 1) * DAY_PX - height, width - 1, height,
                  row_is_anomaly(row) ? "#c33" : "#678", time, row->queries, row->score);
}

void history_svg(const struct history *history, FILE *stream)
{
    int64_t most = 1;
    int lines = 0;
    for (size_t i = 0; i < history->row_count; i++) {
        most = history->rows[i].queries > most ? history->rows[i].queries : most;
        lines += i == 0 || day_of(history, i) != day_of(history, i - 1);
    }
    char ip[IP_TEXT_BYTES];
    (void)history_address(history, history->machines.from_s, history->machines.to_s, ip);
    const double top = exact_log2(1 + (double)most);
    (void)fprintf(
        stream,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
        "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
        "<text x=\"8\" y=\"16\">%s: %s, score %.2f; queries by window, logarithmic, at most %" PRId64
        "</text>\n",
        LEFT_PX + 25 * HOUR_PX + 10, TOP_PX + lines * DAY_PX + 10, ip,
        verdict_name((enum verdict)history->verdict), history->score, most);
    for (int hour = 0; hour < 24; hour += 6)
        (void)fprintf(stream, "<text x=\"%d\" y=\"%d\" fill=\"#888\">%d</text>\n", LEFT_PX + hour * HOUR_PX,
                      TOP_PX - 4, hour);
    int line = -1;
    for (size_t i = 0; i < history->row_count; i++) {
        if (i == 0 || day_of(history, i) != day_of(history, i - 1)) {
            char day[DAY_TEXT_BYTES];
            line++;
            day_write_text(day_of(history, i), day);
            (void)fprintf(stream, "<text x=\"8\" y=\"%d\" fill=\"%s\">%s</text>\n",
                          TOP_PX + (line + 1) * DAY_PX - 2, history->rows[i].holiday ? "#a60" : "#333", day);
        }
        bar_write(history, i, line, top, stream);
    }
    (void)fputs("</svg>\n", stream);
}
