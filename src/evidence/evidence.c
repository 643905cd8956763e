/* The search as a whole: load, look at every host with every mechanism, and put together what was found. */
#include "rules.h"

#include "base/exact.h"

#include <stdlib.h>
#include <string.h>

const int64_t WINDOW_DAYS[WINDOWS] = {1, 5, 30};

static const char *const CAUSE_NAMES[CAUSES] = {
#define X(NAME, name, is_malice, text) #name,
#include "evidence/causes.def"
#undef X
};

static const bool MALICE[CAUSES] = {
#define X(NAME, name, is_malice, text) is_malice,
#include "evidence/causes.def"
#undef X
};

static const struct mechanism_info INFOS[MECHANISMS] = {
#define X(NAME, name, statistic, cause, one, five, thirty, unit, text)                                       \
    {#name, statistic, CAUSE_##cause, {one, five, thirty}, unit, text},
#include "evidence/mechanisms.def"
#undef X
};

const char *cause_name(enum incident_cause cause)
{
    return CAUSE_NAMES[cause];
}

bool cause_is_malice(enum incident_cause cause)
{
    return MALICE[cause];
}

const struct mechanism_info *mechanism_info(enum mechanism mechanism)
{
    return &INFOS[mechanism];
}

/* What supports other evidence, and is no alarm. */
static const bool SUPPORTS[MECHANISMS] = {
    [MECHANISM_CACHE_FALL] = true,  [MECHANISM_BY_CLOCK] = true,   [MECHANISM_VOLUME_PERIOD] = true,
    [MECHANISM_TYPE_PERIOD] = true, [MECHANISM_FULL_LABEL] = true,
};

/* Rules about what stands in names look at one thing several times: none of them weighs more than this. */
static const bool OF_NAMES[MECHANISMS] = {
    [MECHANISM_MIXED_CASE] = true,    [MECHANISM_RANDOM_DOMAINS] = true, [MECHANISM_TXT_HOUR] = true,
    [MECHANISM_TXT_DAY] = true,       [MECHANISM_LONG_NAMES] = true,     [MECHANISM_ENCODED_NAMES] = true,
    [MECHANISM_ENCODED_BYTES] = true, [MECHANISM_POLLS] = true,
};

bool mechanism_alarms(enum mechanism mechanism)
{
    return !SUPPORTS[mechanism];
}

/* A program that somebody installs begins by the clock as well, and a job of the night lives in it: by itself
 * none of these weighs more than this either. */
static const bool OF_HABITS[MECHANISMS] = {[MECHANISM_NEW_CLOCK] = true, [MECHANISM_OFF_HOURS] = true};

static double bits_most(enum mechanism mechanism)
{
    return OF_NAMES[mechanism] || SUPPORTS[mechanism] || OF_HABITS[mechanism] ? RULE_BITS_MOST
                                                                              : EVIDENCE_BITS_MOST;
}

/* ---- what mechanisms find ---- */

void windows_add(int64_t values[WINDOWS], int64_t value, int64_t value_day, int64_t day)
{
    for (int w = 0; w < WINDOWS; w++)
        if (value_day <= day && value_day > day - WINDOW_DAYS[w])
            values[w] += value;
}

void evidence_add_name(struct evidence *about, uint64_t name)
{
    int32_t at = about->name_count;
    for (int32_t i = 0; i < about->name_count; i++)
        if (about->names[i] == name)
            return;
    if (at == EVIDENCE_NAMES && about->names[at - 1] <= name)
        return;
    at = at == EVIDENCE_NAMES ? at - 1 : at;
    for (; at > 0 && about->names[at - 1] > name; at--)
        about->names[at] = about->names[at - 1];
    about->names[at] = name;
    about->name_count += about->name_count < EVIDENCE_NAMES;
}

/* What allows a domain allows the zones below it. */
static bool is_allowed(const struct search *search, const struct evidence *item, int32_t *list, int32_t *line)
{
    struct evidence of_parent = *item;
    const struct machine_plan machines = {search->plan->leases, search->plan->zone, search->plan->window_s};
    const struct zone_name *zone = item->domain ? zone_of(search, item->domain) : NULL;
    of_parent.domain = zone ? zone->parent : item->domain;
    return allow_covers(search->allow, &machines, item, list, line) ||
           (zone && allow_covers(search->allow, &machines, &of_parent, list, line));
}

enum status evidence_take(struct search *search, const struct evidence *item, struct error *err)
{
    enum status status = STATUS_OK;
    struct findings *findings = &search->findings;
    const size_t at = day_index(search, item->day);
    const double of_rule = bits_most((enum mechanism)item->mechanism);
    const double most = at > 0 || of_rule < EVIDENCE_BITS_ALONE ? of_rule : EVIDENCE_BITS_ALONE;
    if (!search->days[at].is_judged || item->bits < 0)
        return STATUS_OK;
    TRY(array_reserve(&findings->items, &findings->capacity, findings->count + 1, sizeof *item, err));
    struct evidence *kept = &findings->items[findings->count++];
    *kept = *item;
    // A list says the same on the first day as on any other.
    if (kept->feed < 0 && kept->bits > most)
        kept->bits = most;
    const bool is_sure = kept->feed >= 0 && search->feeds.critical[kept->feed];
    kept->is_silenced = !is_sure && is_allowed(search, kept, &kept->allow, &kept->allow_line);
    kept->allow = kept->is_silenced ? kept->allow : -1;
done:
    return status;
}

enum status evidence_add_over(struct search *search, const struct evidence *about, enum mechanism mechanism,
                              const int64_t values[WINDOWS], const int64_t thresholds[WINDOWS],
                              struct error *err)
{
    struct evidence best = {.bits = -1};
    for (int w = 0; w < WINDOWS; w++) {
        if (values[w] < thresholds[w])
            continue;
        const double bits = exact_log2((double)values[w] / (double)thresholds[w]) + about->bits;
        if (bits <= best.bits)
            continue;
        best = *about;
        best.mechanism = (int32_t)mechanism;
        best.window_days = (int32_t)WINDOW_DAYS[w];
        best.value = values[w];
        best.threshold = thresholds[w];
        best.bits = bits;
    }
    best.feed = -1;
    return evidence_take(search, &best, err);
}

enum status evidence_add(struct search *search, const struct evidence *about, enum mechanism mechanism,
                         const int64_t values[WINDOWS], struct error *err)
{
    return evidence_add_over(search, about, mechanism, values, INFOS[mechanism].thresholds, err);
}

/* ---- the search ---- */

static enum status hosts_judge(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t h = 0; h < search->host_count; h++) {
        const struct host_view *host = &search->hosts[h];
        TRY(new_names_find(search, host, err));
        TRY(one_shot_find(search, host, err));
        TRY(drawn_find(search, host, err));
        TRY(quiet_find(search, host, err));
        TRY(new_clock_find(search, host, err));
        TRY(off_hours_find(search, host, err));
        TRY(repeats_find(search, host, err));
        TRY(odd_types_find(search, host, err));
        TRY(null_types_find(search, host, err));
        TRY(faults_find(search, host, err));
        TRY(cache_find(search, host, err));
        TRY(period_find(search, host, err));
        TRY(case_find(search, host, err));
        TRY(txt_find(search, host, err));
        TRY(long_find(search, host, err));
        TRY(encoded_find(search, host, err));
    }
    TRY(listed_find(search, err));
done:
    return status;
}

static int compare_evidence(const void *a, const void *b)
{
    const struct evidence *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    const int causes = (int)INFOS[x->mechanism].cause - (int)INFOS[y->mechanism].cause;
    order = order ? order : causes;
    order = order ? order : (x->domain > y->domain) - (x->domain < y->domain);
    order = order ? order : x->mechanism - y->mechanism;
    order = order ? order : (x->day > y->day) - (x->day < y->day);
    order = order ? order : x->feed - y->feed;
    order = order ? order : x->feed_line - y->feed_line;
    return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

static enum status list_make(const struct search *search, struct evidence_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    void *all = NULL;
    size_t bytes = 0;
    TRY(team_gather(search->team, search->findings.items,
                    search->findings.count * sizeof *search->findings.items, &all, &bytes, err));
    list->items = all;
    list->count = bytes / sizeof *list->items;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, compare_evidence);
    for (size_t i = 0; i < list->count; i++)
        list->silenced_count += list->items[i].is_silenced;
    TRY(texts_find(search, list, err));
done:
    return status;
}

static enum status lists_read(struct search *search, struct evidence_warnings *warnings, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(feeds_read(search->plan->reputation, &search->feeds, warnings, err));
    TRY(allow_read(search->plan->allow, &search->allow, warnings, err));
done:
    return status;
}

static void search_clear(struct search *search)
{
    free(search->stored);
    free(search->days);
    free(search->host_days);
    free(search->pair_days);
    free(search->pair_names);
    free(search->type_days);
    free(search->ratio_days);
    free(search->listed);
    feeds_clear(&search->feeds);
    allow_free(search->allow);
    free(search->hosts);
    free(search->pairs);
    free(search->one_shot_peers);
    free(search->peak_peers);
    free(search->rest_hours);
    free(search->zones);
    free(search->findings.items);
}

enum status evidence_find(const struct team *team, const struct evidence_plan *plan,
                          struct evidence_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    struct search search = {.team = team, .plan = plan};
    struct evidence_list made = {0};
    TRY(team_agree(team, lists_read(&search, &made.warnings, err), err));
    TRY(search_load(&search, err));
    TRY(peers_find(&search, err));
    TRY(team_agree(team, hosts_judge(&search, err), err));
    TRY(campaign_find(&search, err));
    TRY(list_make(&search, &made, err));
    *list = made;
    made = (struct evidence_list){0};
done:
    evidence_clear(&made);
    search_clear(&search);
    return status;
}

void evidence_clear(struct evidence_list *list)
{
    free(list->items);
    free(list->names);
    free(list->texts);
    free(list->warnings.items);
    *list = (struct evidence_list){0};
}
