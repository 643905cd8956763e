/* Reads "score label" lines and prints what measure_scores makes of them; or "count total" after --interval.
 */
#include "evaluate/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static double scores[100000];
    static uint8_t labels[100000];
    char line[128];
    size_t count = 0;
    struct measure measure;
    struct error err;
    if (argc == 4 && strcmp(argv[1], "--interval") == 0) {
        struct interval interval =
            interval_of(atoll(argv[2]), atoll(argv[3]));  // NOLINT(cert-err34-c): a test's own
        (void)printf("%.17g %.17g %.17g\n", interval.share, interval.low, interval.high);
        return 0;
    }
    while (count < 100000 && fgets(line, sizeof line, stdin)) {
        char *end = NULL;
        scores[count] = strtod(line, &end);
        labels[count++] = strtol(end, NULL, 10) != 0;
    }
    if (measure_scores(scores, labels, count, &measure, &err) != STATUS_OK)
        return 1;
    (void)printf("%.17g %.17g %.17g %.17g %.17g %.17g %lld %lld\n", measure.roc_auc,
                 measure.average_precision, measure.precision[0], measure.precision[1], measure.precision[2],
                 measure.threshold, (long long)measure.found, (long long)measure.false_found);
    return 0;
}
