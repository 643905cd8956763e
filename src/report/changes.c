#include "report/changes.h"

#include "base/map.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FEATURES_READ 64
#define JOB_BYTES (1 << 20)

enum what { HAS_MODEL, HAS_SCORES };

/* ---- where the files are ---- */

static const char *const FILES[] = {"model.h5", "scores.h5"};

/* Finds the model or the scores of a run: in its folder, or the path itself when it is such a file. */
static bool run_find(const char *run, enum what what, char *path, size_t room)
{
    struct stat there;
    struct error unheard = {0};
    struct store_reader *reader = NULL;
    (void)snprintf(path, room, "%s", run);
    if (stat(run, &there) == 0 && S_ISDIR(there.st_mode)) {
        (void)snprintf(path, room, "%s/%s", run, FILES[what]);
        return stat(path, &there) == 0;
    }
    const char *slash = strrchr(run, '/');
    // Scores are read by the name of their folder.
    if (what == HAS_SCORES && strcmp(slash ? slash + 1 : run, FILES[what]) != 0)
        return false;
    if (store_open_local(run, &reader, &unheard) != STATUS_OK)
        return false;
    const bool is_it =
        what == HAS_MODEL ? store_has(reader, "feature_median") : store_has(reader, "ip_score");
    store_close(reader);
    return is_it;
}

/* ---- settings ---- */

/* A setting of a run. */
struct setting {
    char key[96];
    char value[200];
};

struct settings {
    struct setting *items;  // [count]
    size_t count, capacity;
};

static enum status setting_add(struct settings *settings, const char *key, size_t key_length,
                               const char *value, size_t length, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&settings->items, &settings->capacity, settings->count + 1, sizeof *settings->items,
                      err));
    struct setting *item = &settings->items[settings->count++];
    *item = (struct setting){{0}, {0}};
    (void)snprintf(item->key, sizeof item->key, "%.*s", (int)(key_length < 95 ? key_length : 95), key);
    (void)snprintf(item->value, sizeof item->value, "%.*s", (int)(length < 199 ? length : 199), value);
done:
    return status;
}

/* The job as run, which job_text wrote: two spaces a level, a key a line. */
static enum status job_split(const char *text, struct settings *settings, struct error *err)
{
    enum status status = STATUS_OK;
    char path[96] = "";
    size_t ends[8] = {0};  // of the path at each level
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t length = strcspn(line, "\n"), indent = strspn(line, " ");
        const char *colon = memchr(line, ':', length);
        const size_t level = indent / 2;
        if (!colon || level >= 7)
            continue;
        const size_t name = (size_t)(colon - line) - indent, at = ends[level];
        if (at + name + 2 > sizeof path)
            continue;
        (void)snprintf(path + at, sizeof path - at, "%.*s", (int)name, line + indent);
        const char *value = colon + 1 + (colon[1] == ' ');
        const size_t value_length = length - (size_t)(value - line);
        if (colon + 1 < line + length) {
            TRY(setting_add(settings, path, strlen(path), value, value_length, err));
        } else {
            ends[level + 1] = at + name + 1;
            (void)snprintf(path + at + name, sizeof path - at - name, ".");
        }
    }
done:
    return status;
}

/* The settings of a fit: key=value a line. */
static enum status fit_split(const char *text, struct settings *settings, struct error *err)
{
    enum status status = STATUS_OK;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t length = strcspn(line, "\n");
        const char *equals = memchr(line, '=', length);
        if (equals)
            TRY(setting_add(settings, line, (size_t)(equals - line), equals + 1,
                            length - (size_t)(equals + 1 - line), err));
    }
done:
    return status;
}

static const struct setting *setting_find(const struct settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i].key, key) == 0)
            return &settings->items[i];
    return NULL;
}

static enum status settings_compare(const struct settings sides[CHANGES_SIDES], struct changes *changes,
                                    struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0;
    for (int side = 0; side < CHANGES_SIDES; side++)
        for (size_t i = 0; i < sides[side].count; i++) {
            const struct setting *item = &sides[side].items[i];
            const struct setting *other = setting_find(&sides[!side], item->key);
            // What both have was compared from the first side.
            if (other && (side == CHANGES_AFTER || strcmp(item->value, other->value) == 0))
                continue;
            TRY(array_reserve(&changes->settings, &capacity, changes->setting_count + 1,
                              sizeof *changes->settings, err));
            struct setting_change *change = &changes->settings[changes->setting_count++];
            *change = (struct setting_change){{0}, {{0}}};
            memcpy(change->key, item->key, sizeof change->key);
            memcpy(change->value[side], item->value, sizeof change->value[side]);
            if (other)
                memcpy(change->value[!side], other->value, sizeof change->value[!side]);
        }
done:
    return status;
}

/* ---- models ---- */

struct baselines {
    size_t count;
    char names[FEATURES_READ][STORE_NAME_BYTES];
    double median[FEATURES_READ], scale[FEATURES_READ];
};

static enum status model_read_side(const char *path, struct baselines *baselines,
                                   struct training_told *training, struct settings *settings,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    static const struct store_column NAME = {
        .name = "feature_name", .type = STORE_CHAR, .dimensions = {"feature", "name_character"}};
    static const struct store_column MEDIAN = {
        .name = "feature_median", .type = STORE_F64, .dimensions = {"feature"}};
    static const struct store_column SCALE = {
        .name = "feature_scale", .type = STORE_F64, .dimensions = {"feature"}};
    char text[1024];
    TRY(store_open_local(path, &reader, err));
    TRY(store_dimension_size(reader, "feature", &baselines->count, err));
    TRY(store_dimension_expect(reader, "name_character", STORE_NAME_BYTES, err));
    if (baselines->count > FEATURES_READ)
        TRY(error_set(err, STATUS_CORRUPT, path, "", "more features than any model has"));
    TRY(store_get(reader, &NAME, 0, baselines->count, baselines->names, err));
    TRY(store_get(reader, &MEDIAN, 0, baselines->count, baselines->median, err));
    TRY(store_get(reader, &SCALE, 0, baselines->count, baselines->scale, err));
    for (size_t f = 0; f < baselines->count; f++)
        baselines->names[f][STORE_NAME_BYTES - 1] = '\0';
    TRY(store_get_attribute_i64(reader, NULL, "train_rows", &training->rows, err));
    TRY(store_get_attribute_i64(reader, NULL, "train_ips", &training->ips, err));
    TRY(store_get_attribute_i64(reader, NULL, "train_days", &training->days, err));
    TRY(store_get_attribute_i64(reader, NULL, "train_from_s", &training->from_s, err));
    TRY(store_get_attribute_i64(reader, NULL, "train_to_s", &training->to_s, err));
    TRY(store_get_attribute_text(reader, NULL, "fit_settings", text, sizeof text, err));
    TRY(fit_split(text, settings, err));
done:
    store_close(reader);
    return status;
}

static size_t feature_find(const struct baselines *baselines, const char *name)
{
    size_t f = 0;
    while (f < baselines->count && strcmp(baselines->names[f], name) != 0)
        f++;
    return f;
}

static bool is_moved(const struct baseline_change *change)
{
    const double ratio = change->scale[CHANGES_AFTER] / change->scale[CHANGES_BEFORE];
    return !change->there[CHANGES_BEFORE] || !change->there[CHANGES_AFTER] ||
           change->moved >= CHANGES_MOVED_LEAST || ratio >= 1 + CHANGES_MOVED_LEAST ||
           ratio <= 1 / (1 + CHANGES_MOVED_LEAST);
}

static int compare_baselines(const void *a, const void *b)
{
    const struct baseline_change *x = a, *y = b;
    if (x->moved != y->moved)
        return x->moved > y->moved ? -1 : 1;
    return strcmp(x->feature, y->feature);
}

static enum status baselines_compare(const struct baselines sides[CHANGES_SIDES], struct changes *changes,
                                     struct error *err)
{
    changes->baselines = calloc(2 * FEATURES_READ, sizeof *changes->baselines);
    if (!changes->baselines)
        return error_set(err, STATUS_NO_MEMORY, "model", "", "no room for features");
    for (int side = 0; side < CHANGES_SIDES; side++)
        for (size_t f = 0; f < sides[side].count; f++) {
            struct baseline_change change = {.moved = 0};
            const size_t other = feature_find(&sides[!side], sides[side].names[f]);
            const bool is_both = other < sides[!side].count;
            if (is_both && side == CHANGES_AFTER)
                continue;
            memcpy(change.feature, sides[side].names[f], sizeof change.feature);
            for (int s = 0; s < CHANGES_SIDES; s++) {
                const size_t at = s == side ? f : other;
                change.there[s] = s == side || is_both;
                change.median[s] = change.there[s] ? sides[s].median[at] : 0;
                change.scale[s] = change.there[s] ? sides[s].scale[at] : 0;
            }
            if (is_both && change.scale[CHANGES_BEFORE] > 0)
                change.moved = fabs(change.median[CHANGES_AFTER] - change.median[CHANGES_BEFORE]) /
                               change.scale[CHANGES_BEFORE];
            if (is_moved(&change))
                changes->baselines[changes->baseline_count++] = change;
        }
    qsort(changes->baselines, changes->baseline_count, sizeof *changes->baselines, compare_baselines);
    return STATUS_OK;
}

static enum status models_compare(char paths[CHANGES_SIDES][4200], struct changes *changes,
                                  struct settings settings[CHANGES_SIDES], struct error *err)
{
    enum status status = STATUS_OK;
    struct baselines *sides = calloc(CHANGES_SIDES, sizeof *sides);
    if (!sides)
        return error_set(err, STATUS_NO_MEMORY, "model", "", "no room for features");
    for (int side = 0; side < CHANGES_SIDES; side++)
        TRY(model_read_side(paths[side], &sides[side], &changes->training[side], &settings[side], err));
    TRY(baselines_compare(sides, changes, err));
done:
    free(sides);
    return status;
}

/* ---- scores ---- */

static enum status job_read_side(const char *path, struct settings *settings, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    char *text = malloc(JOB_BYTES);
    if (!text)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no room for the job");
    TRY(store_open_local(path, &reader, err));
    TRY(store_get_provenance_text(reader, "job", text, JOB_BYTES, err));
    TRY(job_split(text, settings, err));
done:
    store_close(reader);
    free(text);
    return status;
}

static int compare_ips(const void *a, const void *b)
{
    const struct verdict_ip *const *x = a, *const *y = b;
    return strcmp((*x)->ip, (*y)->ip);
}

static enum status ips_sort(const struct verdicts *verdicts, const struct verdict_ip ***sorted,
                            struct error *err)
{
    *sorted = calloc(verdicts->ip_count + 1, sizeof **sorted);
    if (!*sorted)
        return error_set(err, STATUS_NO_MEMORY, "scores", "", "no room for %zu IPs", verdicts->ip_count);
    for (size_t i = 0; i < verdicts->ip_count; i++)
        (*sorted)[i] = &verdicts->ips[i];
    qsort(*sorted, verdicts->ip_count, sizeof **sorted, compare_ips);
    return STATUS_OK;
}

static int compare_verdicts(const void *a, const void *b)
{
    const struct verdict_change *x = a, *y = b;
    for (int side = CHANGES_AFTER; side >= CHANGES_BEFORE; side--) {
        if (x->verdict[side] != y->verdict[side])
            return x->verdict[side] > y->verdict[side] ? -1 : 1;
        if (x->score[side] != y->score[side])
            return x->score[side] > y->score[side] ? -1 : 1;
    }
    return strcmp(x->ip, y->ip);
}

/* Whose the IP is, as a run says it. */
static void machine_note(const struct score_machines *machines, const char *text,
                         struct verdict_change *change)
{
    struct ip ip, last;
    (void)snprintf(change->ip, sizeof change->ip, "%.45s", text);
    memcpy(change->address, change->ip, sizeof change->address);
    if (!ip_read(change->ip, strlen(change->ip), &ip))
        return;
    const char *host = machine_tell(machines, &ip, &last);
    (void)snprintf(change->host, sizeof change->host, "%s", host);
    (void)ip_write(&last, change->address);
}

/* Notes an IP of either run, or of both, when what is said of it is not the same; who is new or gone, only
 * when something is said of it. */
static enum status ip_compare_sides(const struct verdicts sides[CHANGES_SIDES],
                                    const struct verdict_ip *const pair[CHANGES_SIDES],
                                    struct changes *changes, size_t *capacity, struct error *err)
{
    enum status status = STATUS_OK;
    struct verdict_change change = {.ip = ""};
    for (int side = 0; side < CHANGES_SIDES; side++) {
        const struct verdict_ip *ip = pair[side];
        if (ip)
            machine_note(&sides[side].machines, ip->ip, &change);
        change.verdict[side] = ip ? ip->verdict : -1;
        change.cause[side] = ip ? ip->cause - 1 : -1;
        change.score[side] = ip ? ip->score : 0;
    }
    const bool is_none = change.verdict[CHANGES_BEFORE] <= 0 && change.verdict[CHANGES_AFTER] <= 0;
    if (is_none || (change.verdict[CHANGES_BEFORE] == change.verdict[CHANGES_AFTER] &&
                    change.cause[CHANGES_BEFORE] == change.cause[CHANGES_AFTER]))
        return STATUS_OK;
    TRY(array_reserve(&changes->verdicts, capacity, changes->verdict_count + 1, sizeof *changes->verdicts,
                      err));
    changes->verdicts[changes->verdict_count++] = change;
done:
    return status;
}

static enum status verdicts_compare(const struct verdicts sides[CHANGES_SIDES], struct changes *changes,
                                    struct error *err)
{
    enum status status = STATUS_OK;
    const struct verdict_ip **sorted[CHANGES_SIDES] = {NULL, NULL};
    size_t at[CHANGES_SIDES] = {0, 0}, capacity = 0;
    for (int side = 0; side < CHANGES_SIDES; side++) {
        TRY(ips_sort(&sides[side], &sorted[side], err));
        changes->ips[side] = (int64_t)sides[side].ip_count;
    }
    while (at[0] < sides[0].ip_count || at[1] < sides[1].ip_count) {
        const struct verdict_ip *pair[CHANGES_SIDES];
        for (int side = 0; side < CHANGES_SIDES; side++)
            pair[side] = at[side] < sides[side].ip_count ? sorted[side][at[side]] : NULL;
        const int order = !pair[0] ? 1 : !pair[1] ? -1 : strcmp(pair[0]->ip, pair[1]->ip);
        if (order != 0)
            pair[order < 0 ? CHANGES_AFTER : CHANGES_BEFORE] = NULL;
        changes->ips_of_both += order == 0;
        TRY(ip_compare_sides(sides, pair, changes, &capacity, err));
        at[CHANGES_BEFORE] += pair[CHANGES_BEFORE] != NULL;
        at[CHANGES_AFTER] += pair[CHANGES_AFTER] != NULL;
    }
    if (changes->verdict_count > 0)
        qsort(changes->verdicts, changes->verdict_count, sizeof *changes->verdicts, compare_verdicts);
done:
    free(sorted[0]);
    free(sorted[1]);
    return status;
}

static enum status scores_compare(char paths[CHANGES_SIDES][4200], struct changes *changes,
                                  struct settings settings[CHANGES_SIDES], struct error *err)
{
    enum status status = STATUS_OK;
    struct verdicts sides[CHANGES_SIDES] = {{0}, {0}};
    for (int side = 0; side < CHANGES_SIDES; side++) {
        char *slash = strrchr(paths[side], '/');
        TRY(job_read_side(paths[side], &settings[side], err));
        if (slash)
            *slash = '\0';
        TRY(verdicts_read(slash ? paths[side] : ".", &sides[side], err));
    }
    TRY(verdicts_compare(sides, changes, err));
done:
    verdicts_clear(&sides[0]);
    verdicts_clear(&sides[1]);
    return status;
}

enum status changes_find(const char *const runs[CHANGES_SIDES], struct changes *changes, struct error *err)
{
    enum status status = STATUS_OK;
    char paths[2][CHANGES_SIDES][4200];
    struct settings settings[2][CHANGES_SIDES] = {{{0}, {0}}, {{0}, {0}}};
    *changes = (struct changes){0};
    for (int what = HAS_MODEL; what <= HAS_SCORES; what++)
        for (int side = 0; side < CHANGES_SIDES; side++)
            changes->has[side][what] =
                run_find(runs[side], (enum what)what, paths[what][side], sizeof paths[what][side]);
    const bool models = changes->has[0][HAS_MODEL] && changes->has[1][HAS_MODEL];
    const bool scores = changes->has[0][HAS_SCORES] && changes->has[1][HAS_SCORES];
    if (!models && !scores) {
        const int side = changes->has[0][HAS_MODEL] || changes->has[0][HAS_SCORES];
        return error_set(err, STATUS_NO_INPUT, runs[side], "name two folders of results, or two models",
                         "neither a model nor scores, as the other has them");
    }
    if (models)
        TRY(models_compare(paths[HAS_MODEL], changes, settings[HAS_MODEL], err));
    if (scores)
        TRY(scores_compare(paths[HAS_SCORES], changes, settings[HAS_SCORES], err));
    // A job has all settings, those of the fit too.
    TRY(settings_compare(settings[scores ? HAS_SCORES : HAS_MODEL], changes, err));
done:
    for (int what = HAS_MODEL; what <= HAS_SCORES; what++)
        for (int side = 0; side < CHANGES_SIDES; side++)
            free(settings[what][side].items);
    return status;
}

void changes_clear(struct changes *changes)
{
    free(changes->settings);
    free(changes->baselines);
    free(changes->verdicts);
    *changes = (struct changes){0};
}
