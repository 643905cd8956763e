/* Answers questions about time zones, one a line, for tests/reference/test_zones.py:
 *   zone NAME   loads it · o UTC: its offset then · l LOCAL: the instants · d DAY: where the date begins · D
 * UTC: the date
 */
#include "base/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char line[256];
    struct zone *zone = NULL;
    while (fgets(line, sizeof line, stdin)) {
        int64_t utc[2] = {0}, value = strtoll(line + 2, NULL, 10);
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "zone ", 5) == 0) {
            zone_free(zone);
            if (zone_load(line + 5, &zone, NULL) != STATUS_OK)
                return 1;
        } else if (line[0] == 'o') {
            (void)printf("%" PRId64 "\n", zone_offset_s(zone, value));
        } else if (line[0] == 'l') {
            int count = zone_to_utc(zone, value, utc);
            (void)printf("%d %" PRId64 " %" PRId64 " %" PRId64 "\n", count, utc[0], utc[1],
                         zone_fold_s(zone, value));
        } else if (line[0] == 'd') {
            (void)printf("%" PRId64 "\n", zone_day_start(zone, value));
        } else if (line[0] == 'D') {
            (void)printf("%" PRId64 "\n", zone_day_of(zone, value));
        }
    }
    zone_free(zone);
    return 0;
}
