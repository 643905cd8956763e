/* The both-groups rule and the score of an IP: rows go to the rank that owns the IP, which sees them in order
 * of time. */
#include "decide/decide.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define TOP_ROWS 3

/* What a row says about its IP, as sent between ranks. */
struct row_note {
    struct ip ip;
    int64_t day, queries;
    double score;
    uint8_t minority[GROUP_MODELS];
    uint8_t unused[8 - GROUP_MODELS];
};

/* An IP while its rows come in. */
struct tracked {
    struct ip ip;  // key
    struct ip_judged judged;
    double top[TOP_ROWS];  // descending
    int64_t day;
    uint8_t seen[GROUP_MODELS];  // of the day: bit 0 a majority row, bit 1 a minority row
};

static const char *const MODEL_NAMES[GROUP_MODELS] = {"kmeans2", "kmeans", "autoencoder"};
static const char *const VERDICT_NAMES[VERDICTS] = {"none", "notice", "warning", "critical"};

const char *group_model_name(enum group_model model)
{
    return MODEL_NAMES[model];
}

const char *verdict_name(enum verdict verdict)
{
    return VERDICT_NAMES[verdict];
}

bool ip_in_both(const struct ip_judged *ip, enum group_model model)
{
    return ip->minority_rows[model] > 0 && ip->minority_rows[model] < ip->rows;
}

bool ip_always_minority(const struct ip_judged *ip, enum group_model model)
{
    return ip->rows > 0 && ip->minority_rows[model] == ip->rows;
}

static int note_owner(const void *note, int ranks, const void *context)
{
    (void)context;
    return ip_owner(&((const struct row_note *)note)->ip, ranks);
}

static enum status notes_make(const struct rows *rows, const struct model_scores *scores,
                              struct row_note **made, struct error *err)
{
    struct row_note *notes = calloc(rows->count + 1, sizeof *notes);
    if (!notes)
        return error_set(err, STATUS_NO_MEMORY, "verdicts", "", "no room for %zu rows", rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_data *row = &rows->items[i];
        notes[i] = (struct row_note){.ip = row->ip,
                                     .day = row->day,
                                     .queries = row->queries,
                                     .score = scores->score[i],
                                     .minority = {[GROUP_KMEANS2] = scores->kmeans2_group[i] != 0,
                                                  [GROUP_KMEANS] = scores->kmeans_group[i] != 0,
                                                  [GROUP_AUTOENCODER] = scores->autoencoder_group[i] != 0}};
    }
    *made = notes;
    return STATUS_OK;
}

static void day_close(struct tracked *tracked)
{
    for (int model = 0; model < GROUP_MODELS; model++) {
        tracked->judged.both_days[model] += tracked->seen[model] == 3;
        tracked->seen[model] = 0;
    }
}

static void note_add(struct tracked *tracked, const struct row_note *note)
{
    struct ip_judged *judged = &tracked->judged;
    if (judged->rows == 0 || note->day != tracked->day) {
        day_close(tracked);
        judged->days++;
    }
    tracked->day = note->day;
    judged->rows++;
    judged->queries += note->queries;
    for (int model = 0; model < GROUP_MODELS; model++) {
        judged->minority_rows[model] += note->minority[model];
        tracked->seen[model] |= note->minority[model] ? 2 : 1;
    }
    double score = note->score;
    for (int i = 0; i < TOP_ROWS; i++)
        if (score > tracked->top[i]) {
            double lower = tracked->top[i];
            tracked->top[i] = score;
            score = lower;
        }
}

static enum status notes_sum(const struct row_note *notes, size_t count, struct map *ips, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        void *found = NULL;
        TRY(map_put(ips, &notes[i].ip, &found, NULL, err));
        note_add(found, &notes[i]);
    }
done:
    return status;
}

static void judge(struct tracked *tracked, const struct ip_role *roles, size_t role_count)
{
    struct ip_judged *judged = &tracked->judged;
    day_close(tracked);
    judged->ip = tracked->ip;
    double sum = 0;
    for (int i = 0; i < TOP_ROWS; i++)
        sum += tracked->top[i];
    judged->model_score = sum / TOP_ROWS;
    judged->cause = -1;
    judged->verdict = VERDICT_NONE;
    for (int model = 0; model < GROUP_MODELS; model++)
        if (ip_in_both(judged, (enum group_model)model))
            judged->verdict = VERDICT_NOTICE;
    judged->role = (int32_t)role_of_ip(roles, role_count, &judged->ip);
}

static int compare_score(const void *a, const void *b)
{
    const struct ip_judged *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return ip_compare(&x->ip, &y->ip);
}

static int compare_ip(const void *a, const void *b)
{
    return ip_compare(&((const struct ip_judged *)a)->ip, &((const struct ip_judged *)b)->ip);
}

double score_combine(double model_score, double strength, bool has_evidence)
{
    return (has_evidence ? 1 + strength : 0) + model_score / (1 + model_score);
}

void ips_rank(struct ip_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct ip_judged *ip = &table->items[i];
        ip->score = score_combine(ip->model_score, ip->strength, ip->cause >= 0 && !ip->supports_only);
    }
    if (table->count == 0)
        return;
    qsort(table->items, table->count, sizeof *table->items, compare_score);
    for (size_t i = 0; i < table->count; i++)
        table->items[i].rank = (int64_t)i + 1;
    qsort(table->items, table->count, sizeof *table->items, compare_ip);
}

static enum status judged_gather(const struct team *team, const struct map *ips, struct ip_table *table,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    void *all = NULL;
    size_t bytes = 0;
    struct ip_judged *mine = calloc(ips->count + 1, sizeof *mine);
    TRY(team_agree(
        team, mine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "verdicts", "", "no room for IPs"), err));
    for (size_t i = 0; i < ips->count; i++)
        mine[i] = ((const struct tracked *)map_at(ips, i))->judged;
    TRY(team_gather(team, mine, ips->count * sizeof *mine, &all, &bytes, err));
    table->items = all;
    table->count = bytes / sizeof *mine;
    ips_rank(table);
done:
    free(mine);
    return status;
}

struct ip_tracker {
    struct map ips;  // of struct tracked
};

struct ip_tracker *ip_tracker_new(void)
{
    struct ip_tracker *tracker = malloc(sizeof *tracker);
    if (tracker)
        map_init(&tracker->ips, sizeof(struct tracked), sizeof(struct ip));
    return tracker;
}

void ip_tracker_free(struct ip_tracker *tracker)
{
    if (tracker)
        map_clear(&tracker->ips);
    free(tracker);
}

enum status ips_track(const struct team *team, struct ip_tracker *tracker, const struct rows *rows,
                      const struct model_scores *scores, struct error *err)
{
    enum status status = STATUS_OK;
    struct row_note *mine = NULL;
    void *notes = NULL;
    size_t note_count = 0;
    TRY(team_agree(team, notes_make(rows, scores, &mine, err), err));
    TRY(team_deal(team, mine, rows->count, sizeof *mine, note_owner, NULL, &notes, &note_count, err));
    TRY(team_agree(team, notes_sum(notes, note_count, &tracker->ips, err), err));
done:
    free(mine);
    free(notes);
    return status;
}

enum status ips_track_end(const struct team *team, struct ip_tracker *tracker, const struct ip_role *roles,
                          size_t role_count, struct ip_table *table, struct error *err)
{
    *table = (struct ip_table){0};
    for (size_t i = 0; i < tracker->ips.count; i++)
        judge(map_at(&tracker->ips, i), roles, role_count);
    enum status status = judged_gather(team, &tracker->ips, table, err);
    ip_tracker_free(tracker);
    return status;
}

enum status ips_judge(const struct team *team, const struct rows *rows, const struct model_scores *scores,
                      const struct ip_role *roles, size_t role_count, struct ip_table *table,
                      struct error *err)
{
    enum status status = STATUS_OK;
    struct ip_tracker *tracker = ip_tracker_new();
    TRY(team_agree(team,
                   tracker ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "verdicts", "", "no room for IPs"),
                   err));
    TRY(ips_track(team, tracker, rows, scores, err));
    struct ip_tracker *whole = tracker;
    tracker = NULL;
    TRY(ips_track_end(team, whole, roles, role_count, table, err));
done:
    ip_tracker_free(tracker);
    return status;
}

void groups_sum(const struct ip_table *table, struct group_sizes sizes[GROUP_MODELS])
{
    memset(sizes, 0, GROUP_MODELS * sizeof *sizes);
    for (size_t i = 0; i < table->count; i++)
        for (int model = 0; model < GROUP_MODELS; model++) {
            const struct ip_judged *ip = &table->items[i];
            sizes[model].minority_rows += ip->minority_rows[model];
            sizes[model].majority_rows += ip->rows - ip->minority_rows[model];
            sizes[model].both_day_ips += ip->both_days[model] > 0;
            sizes[model].both_ips += ip_in_both(ip, (enum group_model)model);
            sizes[model].always_minority_ips += ip_always_minority(ip, (enum group_model)model);
        }
}

void judgement_clear(struct judgement *judgement)
{
    free(judgement->ips.items);
    evidence_clear(&judgement->evidence);
    incidents_clear(&judgement->incidents);
    free(judgement->past.items);
    free(judgement->days.items);
    known_software_free(judgement->known);
    *judgement = (struct judgement){0};
}
