/** A store for tests: a folder of its own, and days made of queries. */
#ifndef STORED_H
#define STORED_H

#include "../feature/asking.h"
#include "table/table.h"

#include <dirent.h>
#include <sys/stat.h>

#define STORED_SETTINGS "features.window=3600\nfeatures.unit=60\n"

/** Makes a folder that all ranks use: in memory where there is such a place, since each file waits for its
 * disk. */
static inline void stored_begin(const struct team *team, char dir[64])
{
    memset(dir, 0, 64);
    if (team_rank(team) == 0) {
        (void)snprintf(dir, 64, "%s/quern_stored_XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(dir))
            abort();
    }
    team_broadcast(team, dir, 64, 0);
}

/** Removes it when all are done with it. */
static inline void stored_end(const struct team *team, const char *dir)
{
    char path[400];
    int64_t all = 1;
    team_sum_i64(team, &all, 1);
    if (team_rank(team) > 0)
        return;
    DIR *folder = opendir(dir);
    for (struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        (void)unlink(path);
    }
    if (folder)
        (void)closedir(folder);
    (void)rmdir(dir);
}

static inline void stored_write(const char *dir, const struct day_table *table, int parts)
{
    static const uint64_t INPUTS[] = {1, 22, 333};
    struct error err = {0};
    const struct shard_origin origin = {STORED_SETTINGS, INPUTS, 3};
    asking_check(shard_write(dir, table, parts, &origin, &err), &err);
}

/** Writes all days of these queries, each in so many parts. */
static inline void stored_days(struct asking *asking, const char *dir, const struct ask *asks, size_t count,
                               int parts)
{
    struct error err = {0};
    asking->plan.parts = parts;
    struct tallies *tallies = tallies_new(&asking->plan);
    assert_non_null(tallies);
    for (size_t i = 0; i < count; i++)
        (void)ask_count(asking, tallies, &asks[i]);
    asking_settle(tallies);
    size_t shards = tallies_count(tallies);
    for (size_t at = 0; at < shards; at++) {
        int64_t day = 0;
        int of = 0;
        if (!tallies_shard(tallies, at, &day, &of))
            continue;  // written with an earlier part of its day
        for (int part = 0; part < parts; part++) {
            struct day_table table = {0};
            size_t found = 0;
            asking_check(tallies_touch(tallies, day, part, &found, &err), &err);
            asking_check(tallies_finish(tallies, found, &table, &err), &err);
            tallies_drop(tallies, found);
            stored_write(dir, &table, parts);
            day_table_clear(&table);
        }
    }
    tallies_free(tallies);
    asking->plan.parts = 1;
}

#endif
