/** A store of hosts and what they asked, written by hand, and the evidence that is found in it. */
#ifndef SCENE_H
#define SCENE_H

#include "../table/stored.h"

#include "evidence/evidence.h"

/* Thursday 2022-09-29; Berlin leaves summer time on Sunday 2022-10-30, day 31 from here. */
#define FIRST_DAY INT64_C(19264)
#define ASKS_MOST 40000
#define BERLIN_S INT64_C(7200)  // east of UTC in summer

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): cmocka gives tests no argument
static struct team *everybody;

struct scene {
    struct asking asking;
    struct calendar *calendar;
    char dir[64], list[64];
    char *allow;  // path of an allow list, NULL without
    struct ask *asks;
    char (*names)[256], (*ips)[40];
    struct job *job;
    struct known_software *known;
    size_t count;
    struct evidence_list found;
};

/* A job with every default, but for what is set. */
static inline void scene_job(struct scene *scene, const char *const *sets, size_t set_count)
{
    struct error err = {0};
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/quern_scene.%ld.yaml", (long)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("archive: {paths: [none]}\noutput: {dir: none}\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    job_free(scene->job);
    scene->job = NULL;
    const enum status status = job_read(path, sets, set_count, 0, &scene->job, &err);
    (void)unlink(path);
    asking_check(status, &err);
}

static inline int scene_begin(void **state)
{
    struct error err = {0};
    struct scene *scene = calloc(1, sizeof *scene);
    *state = scene;
    if (!scene)
        abort();
    scene->asks = calloc(ASKS_MOST, sizeof *scene->asks);
    scene->names = calloc(ASKS_MOST, sizeof *scene->names);
    scene->ips = calloc(ASKS_MOST, sizeof *scene->ips);
    if (!scene->asks || !scene->names || !scene->ips)
        abort();
    asking_begin(&scene->asking, "Europe/Berlin");
    scene_job(scene, NULL, 0);
    stored_begin(everybody, scene->dir);
    asking_check(calendar_read(NULL, 0, &scene->calendar, &err), &err);
    return 0;
}

static inline int scene_end(void **state)
{
    struct scene *scene = *state;
    evidence_clear(&scene->found);
    calendar_free(scene->calendar);
    job_free(scene->job);
    known_software_free(scene->known);
    stored_end(everybody, scene->dir);
    asking_end(&scene->asking);
    if (scene->list[0])
        (void)unlink(scene->list);
    free(scene->asks);
    free(scene->names);
    free(scene->ips);
    free(scene);
    return 0;
}

/* A query on a day from FIRST_DAY on, so many seconds after its midnight in summer time. */
__attribute__((format(printf, 6, 7))) static inline void ask(struct scene *scene, int64_t day, int64_t second,
                                                             const char *ip, const char *type,
                                                             const char *format, ...)
{
    va_list args;
    assert_true(scene->count < ASKS_MOST);
    char *name = scene->names[scene->count];
    char *of = scene->ips[scene->count];
    (void)snprintf(of, sizeof scene->ips[0], "%s", ip);
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not know this va_start
    (void)vsnprintf(name, sizeof scene->names[0], format, args);
    va_end(args);
    scene->asks[scene->count++] =
        (struct ask){((FIRST_DAY + day) * 86400 - BERLIN_S + second) * 1000, of, name, type, NULL, NULL};
}

/* Writes the store, and looks for evidence on days [from, to). */
static inline void find(struct scene *scene, int64_t from, int64_t to, int parts, const char *list)
{
    struct error err = {0};
    int64_t all = 1;
    struct job_feed feed = {.path = list ? scene->list : NULL, .critical = CRITICAL_YES};
    const struct feed_list reputation = {&feed, list != NULL};
    const struct text_list allow = {&scene->allow, scene->allow != NULL};
    if (team_rank(everybody) == 0 && scene->count > 0)
        stored_days(&scene->asking, scene->dir, scene->asks, scene->count, parts);
    if (list) {
        (void)snprintf(scene->list, sizeof scene->list, "/tmp/quern_list.%ld", (long)getpid());
        FILE *file = fopen(scene->list, "w");
        assert_non_null(file);
        assert_true(fputs(list, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    team_sum_i64(everybody, &all, 1);
    const struct evidence_plan plan = {.dir = scene->dir,
                                       .from_s = zone_day_start(scene->asking.zone, FIRST_DAY + from),
                                       .to_s = zone_day_start(scene->asking.zone, FIRST_DAY + to),
                                       .window_s = scene->asking.plan.window_s,
                                       .zone = scene->asking.zone,
                                       .calendar = scene->calendar,
                                       .job = scene->job,
                                       .known = scene->known,
                                       .reputation = &reputation,
                                       .allow = &allow};
    asking_check(evidence_find(everybody, &plan, &scene->found, &err), &err);
}

/* The evidence of a host by a mechanism on a day from FIRST_DAY on; NULL when there is none. */
static inline const struct evidence *found_of(const struct scene *scene, const char *ip,
                                              enum mechanism mechanism, int64_t day)
{
    struct ip address;
    assert_true(ip_read(ip, strlen(ip), &address));
    for (size_t i = 0; i < scene->found.count; i++) {
        const struct evidence *item = &scene->found.items[i];
        if (ip_compare(&item->ip, &address) == 0 && item->mechanism == (int32_t)mechanism &&
            item->day == FIRST_DAY + day)
            return item;
    }
    return NULL;
}

/* Its value, 0 when there is none. */
static inline int64_t value_of(const struct scene *scene, const char *ip, enum mechanism mechanism,
                               int64_t day)
{
    const struct evidence *item = found_of(scene, ip, mechanism, day);
    return item ? item->value : 0;
}

/* Whether a host is told by a mechanism on a day: with this value, or not at all with 0. */
#define TOLD(ip, MECHANISM, day, expected)                                                                   \
    assert_int_equal(value_of(scene, ip, MECHANISM_##MECHANISM, day), expected)

/* Letters by lot, in out[count + 1]. */
static inline void letters_of(uint64_t *seed, const char *alphabet, size_t count, char *out)
{
    const size_t of = strlen(alphabet);
    for (size_t i = 0; i < count; i++)
        out[i] = alphabet[dice(seed) % of];
    out[count] = '\0';
}

#define LETTERS "abcdefghijklmnopqrstuvwxyz"

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)

#endif
