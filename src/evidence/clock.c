/* Rule 2 of a pair: the gaps between its queries, or a line in the spectrum of its minutes. */
#include "day_reading.h"
#include "spectrum.h"

#include <stdlib.h>

/* MAD scores in % that are asked for: of twice as many gaps less likeness, since chance has less of it. */
#define SCORE_STRICT 80
#define SCORE_LOOSE 65

/* (median − MAD)/median of gaps[count], in %; they are overwritten. */
static int64_t mad_score(uint32_t *gaps, size_t count)
{
    int64_t median = 0;
    const int64_t mad = gaps_spread(gaps, count, &median);
    return median > 0 && mad < median ? 100 * (median - mad) / median : 0;
}

static enum status line_of(const struct day_reading *reading, const uint32_t *seconds, size_t count,
                           size_t step, double *ratio, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t minutes = (size_t)((reading->end_s - reading->start_s) / 60);
    struct spectral_line line = {0, 0};
    double *series = calloc(minutes + 1, sizeof *series);
    if (!series)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for a day's minutes");
    for (size_t i = 0; i < count; i++)
        if (seconds[i] * step / 60 < minutes)
            series[seconds[i] * step / 60] = 1;
    TRY(spectrum_line(series, minutes, NULL, NULL, &line, err));
    *ratio = line.ratio;
done:
    free(series);
    return status;
}

enum status clock_of(const struct day_reading *reading, const uint32_t *seconds, size_t count, size_t step,
                     uint32_t *percent, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t least = (size_t)reading->job->rule_period_gaps;
    double line = 0;
    *percent = 0;
    if (count < least + 1)
        return STATUS_OK;
    uint32_t *gaps = malloc(count * sizeof *gaps);
    if (!gaps)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for gaps");
    for (size_t i = 1; i < count; i++)
        gaps[i - 1] = seconds[i] - seconds[i - 1];
    const int64_t score = mad_score(gaps, count - 1);
    const int64_t wanted = count - 1 >= 2 * least ? SCORE_LOOSE : SCORE_STRICT;
    int64_t best = 100 * score / wanted;
    TRY(line_of(reading, seconds, count, step, &line, err));
    const int64_t of_line = (int64_t)(100 * line / (double)reading->job->rule_period_line);
    best = of_line > best ? of_line : best;
    *percent = (uint32_t)best;
done:
    free(gaps);
    return status;
}
