/* An IP's day, and how unusual it is among normal days that had about as many windows. */
#include "decide/decide.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define TOP_ROWS 3
#define BINS 5

/* Fewer normal days that the fit did not see are too few to count with. */
#define NORMAL_LEAST 20

struct day_key {
    struct ip ip;
    int64_t day;
};

/* A day while its rows come in. */
struct day_sum {
    struct day_key key;
    double top[TOP_ROWS];  // descending
    int32_t windows;
    uint8_t seen[GROUP_MODELS];  // bit 0 a majority row, bit 1 a minority row
    uint8_t is_seen;
};

static void row_add(struct day_sum *sum, const struct scored *scored, size_t row)
{
    const struct model_scores *scores = scored->scores;
    const int8_t *const groups[GROUP_MODELS] = {[GROUP_KMEANS2] = scores->kmeans2_group,
                                                [GROUP_KMEANS] = scores->kmeans_group,
                                                [GROUP_AUTOENCODER] = scores->autoencoder_group};
    double score = scores->score[row];
    sum->windows++;
    sum->is_seen |= scored->seen[row] != 0;
    for (int m = 0; m < GROUP_MODELS; m++)
        sum->seen[m] |= groups[m][row] ? 2 : 1;
    for (int i = 0; i < TOP_ROWS; i++)
        if (score > sum->top[i]) {
            const double lower = sum->top[i];
            sum->top[i] = score;
            score = lower;
        }
}

/* The part of each IP's day that this rank has: a day may lie on two ranks. */
static enum status sums_make(const struct scored *scored, struct map *sums, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < scored->rows->count; i++) {
        const struct day_key key = {scored->rows->items[i].ip, scored->rows->items[i].day};
        void *found = NULL;
        TRY(map_put(sums, &key, &found, NULL, err));
        row_add(found, scored, i);
    }
done:
    return status;
}

/* Days to ranks, in order: [0] the first day, [1] how many there are. */
static int sum_owner(const void *item, int ranks, const void *context)
{
    const int64_t *span = context;
    return (int)((((const struct day_sum *)item)->key.day - span[0]) * ranks / span[1]);
}

static void sum_merge(struct day_sum *into, const struct day_sum *from)
{
    into->windows += from->windows;
    into->is_seen |= from->is_seen;
    for (int m = 0; m < GROUP_MODELS; m++)
        into->seen[m] |= from->seen[m];
    for (int k = 0; k < TOP_ROWS; k++) {
        double score = from->top[k];
        for (int i = 0; i < TOP_ROWS; i++)
            if (score > into->top[i]) {
                const double lower = into->top[i];
                into->top[i] = score;
                score = lower;
            }
    }
}

static int compare_sums(const void *a, const void *b)
{
    const struct day_sum *x = a, *y = b;
    if (x->key.day != y->key.day)
        return x->key.day < y->key.day ? -1 : 1;
    return ip_compare(&x->key.ip, &y->key.ip);
}

static enum status list_make(struct day_sum *sums, size_t count, struct day_list *days, struct error *err)
{
    days->items = calloc(count + 1, sizeof *days->items);
    if (!days->items)
        return error_set(err, STATUS_NO_MEMORY, "days", "use more ranks", "no room for days of IPs");
    if (count > 0)
        qsort(sums, count, sizeof *sums, compare_sums);
    for (size_t from = 0, to = 0; from < count; from = to) {
        struct day_sum sum = sums[from];
        for (to = from + 1; to < count && compare_sums(&sums[from], &sums[to]) == 0; to++)
            sum_merge(&sum, &sums[to]);
        struct day_judged *day = &days->items[days->count++];
        *day = (struct day_judged){.ip = sum.key.ip,
                                   .day = sum.key.day,
                                   .score = (sum.top[0] + sum.top[1] + sum.top[2]) / TOP_ROWS,
                                   .p = 1,
                                   .q = 1,
                                   .windows = sum.windows,
                                   .is_seen = sum.is_seen};
        for (int m = 0; m < GROUP_MODELS; m++)
            day->both[m] = sum.seen[m] == 3;
    }
    return STATUS_OK;
}

struct day_tracker {
    struct map sums;  // of struct day_sum
};

struct day_tracker *day_tracker_new(void)
{
    struct day_tracker *tracker = malloc(sizeof *tracker);
    if (tracker)
        map_init(&tracker->sums, sizeof(struct day_sum), sizeof(struct day_key));
    return tracker;
}

void day_tracker_free(struct day_tracker *tracker)
{
    if (tracker)
        map_clear(&tracker->sums);
    free(tracker);
}

enum status days_track_local(struct day_tracker *tracker, const struct scored *scored, struct error *err)
{
    return sums_make(scored, &tracker->sums, err);
}

enum status days_track_end(const struct team *team, struct day_tracker *tracker, struct day_list *days,
                           struct error *err)
{
    enum status status = STATUS_OK;
    const struct map *sums = &tracker->sums;
    void *dealt = NULL;
    size_t count = 0;
    int64_t ends[2] = {INT64_MIN, INT64_MIN}, span[2];
    *days = (struct day_list){0};
    for (size_t i = 0; i < sums->count; i++) {
        const int64_t day = ((const struct day_sum *)map_at(sums, i))->key.day;
        ends[0] = -day > ends[0] ? -day : ends[0];
        ends[1] = day > ends[1] ? day : ends[1];
    }
    team_max_i64(team, ends, 2);
    span[0] = -ends[0];
    span[1] = ends[1] - span[0] + 1;
    TRY(team_deal(team, sums->entries, sums->count, sizeof(struct day_sum), sum_owner, span, &dealt, &count,
                  err));
    TRY(team_agree(team, list_make(dealt, count, days, err), err));
    days->first = (int64_t)team_sum_before(team, days->count);
    days->total = (int64_t)days->count;
    team_sum_i64(team, &days->total, 1);
done:
    day_tracker_free(tracker);
    free(dealt);
    return status;
}

enum status ip_days_make(const struct team *team, const struct scored *scored, struct day_list *days,
                         struct error *err)
{
    enum status status = STATUS_OK;
    struct day_tracker *tracker = day_tracker_new();
    enum status had;
    if (tracker)
        had = days_track_local(tracker, scored, err);
    else
        had = error_set(err, STATUS_NO_MEMORY, "days", "", "no room for days of IPs");
    TRY(team_agree(team, had, err));
    struct day_tracker *whole = tracker;
    tracker = NULL;
    TRY(days_track_end(team, whole, days, err));
done:
    day_tracker_free(tracker);
    return status;
}

/* ---- p ---- */

static int bin_of(int32_t windows)
{
    return windows < 2 ? 0 : windows < 3 ? 1 : windows < 6 ? 2 : windows < 12 ? 3 : 4;
}

static int compare_to_key(const void *key, const void *day)
{
    const struct day_key *x = key;
    const struct day_judged *y = day;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return ip_compare(&x->ip, &y->ip);
}

/* Marks the days that evidence covers. */
static void evidence_mark(const struct evidence_list *evidence, const struct day_list *days, uint8_t *has)
{
    for (size_t i = 0; i < evidence->count && days->count > 0; i++) {
        const struct evidence *item = &evidence->items[i];
        if (item->is_silenced || !mechanism_alarms((enum mechanism)item->mechanism))
            continue;
        for (int64_t day = item->day - item->window_days + 1; day <= item->day; day++) {
            const struct day_key key = {item->ip, day};
            const struct day_judged *found =
                bsearch(&key, days->items, days->count, sizeof *days->items, compare_to_key);
            if (found)
                has[found - days->items] = 1;
        }
    }
}

struct normal {
    int64_t bin;
    double score;
};

static int compare_normals(const void *a, const void *b)
{
    const struct normal *x = a, *y = b;
    if (x->bin != y->bin)
        return x->bin < y->bin ? -1 : 1;
    return (x->score > y->score) - (x->score < y->score);
}

/* How many of the normal days come before (bin, score). */
static size_t normals_before(const struct normal *normals, size_t count, int64_t bin, double score)
{
    const struct normal key = {bin, score};
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_normals(&normals[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A day of an IP among those of its date, for Benjamini and Hochberg: p as a fraction of whole numbers. */
struct ranked {
    int64_t above, all;  // p = above / all
    struct day_judged *day;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const int64_t left = x->above * y->all, right = y->above * x->all;  // of days of IPs: below 2^31 each
    return (left > right) - (left < right);
}

/* q of the i-th least of m p-values: the least m·p/j of j = i … m. Both sides of each quotient are exact, and
 * rounding keeps order, so equal inputs give equal bits, and q <= 0.05 is what whole numbers would say. */
static void date_rank(struct ranked *ranked, size_t count)
{
    double least = 1;
    qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (size_t i = count; i-- > 0;) {
        const double q =
            (double)((int64_t)count * ranked[i].above) / (double)((int64_t)(i + 1) * ranked[i].all);
        least = q < least ? q : least;
        ranked[i].day->q = least;
    }
}

/* All days of a date are with one rank, which has them one behind the other. */
static void dates_rank(struct ranked *ranked, size_t count)
{
    for (size_t from = 0, to = 0; from < count; from = to) {
        for (to = from + 1; to < count && ranked[to].day->day == ranked[from].day->day; to++)
            continue;
        date_rank(ranked + from, to - from);
    }
}

enum status ip_days_calibrate(const struct team *team, const struct evidence_list *evidence,
                              struct day_list *days, struct error *err)
{
    enum status status = STATUS_OK;
    uint8_t *has = calloc(days->count + 1, 1);
    struct normal *mine = calloc(days->count + 1, sizeof *mine);
    struct ranked *ranked = calloc(days->count + 1, sizeof *ranked);
    void *all = NULL;
    size_t count = 0, bytes = 0;
    int64_t unseen = 0;
    enum status had = STATUS_OK;
    if (!has || !mine || !ranked)
        had = error_set(err, STATUS_NO_MEMORY, "days", "use more ranks", "no room for days of IPs");
    TRY(team_agree(team, had, err));
    evidence_mark(evidence, days, has);
    for (size_t i = 0; i < days->count; i++)
        unseen += !has[i] && !days->items[i].is_seen;
    team_sum_i64(team, &unseen, 1);
    for (size_t i = 0; i < days->count; i++)
        if (!has[i] && (unseen < NORMAL_LEAST || !days->items[i].is_seen))
            mine[count++] = (struct normal){bin_of(days->items[i].windows), days->items[i].score};
    TRY(team_gather(team, mine, count * sizeof *mine, &all, &bytes, err));
    struct normal *normals = all;
    count = bytes / sizeof *normals;
    if (count > 0)
        qsort(normals, count, sizeof *normals, compare_normals);
    for (size_t i = 0; i < days->count; i++) {
        struct day_judged *day = &days->items[i];
        const int64_t bin = bin_of(day->windows);
        const size_t end = normals_before(normals, count, bin + 1, -1);
        const size_t from = normals_before(normals, count, bin, -1);
        const size_t least = normals_before(normals, count, bin, day->score);
        ranked[i] = (struct ranked){(int64_t)(1 + end - least), (int64_t)(1 + end - from), day};
        day->p = (double)ranked[i].above / (double)ranked[i].all;
    }
    dates_rank(ranked, days->count);
    days->told = 0;
    for (size_t i = 0; i < days->count; i++)
        days->told += days->items[i].q <= DAY_Q_TOLD;
    team_sum_i64(team, &days->told, 1);
done:
    free(has);
    free(mine);
    free(ranked);
    free(all);
    return status;
}
