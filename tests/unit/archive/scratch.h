/* A folder of files for a test, and what is read from them. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "archive/archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes that grow. */
struct bytes {
    char *at;
    size_t count;
    size_t room;
};

static inline void bytes_add(struct bytes *bytes, const void *more, size_t count)
{
    if (!bytes->at || bytes->room - bytes->count < count) {
        bytes->room = 2 * bytes->room + count + 1;
        bytes->at = realloc(bytes->at, bytes->room);
        if (!bytes->at)
            abort();  // not assert_non_null: that is too late for memcpy
    }
    if (count > 0)
        memcpy(bytes->at + bytes->count, more, count);
    bytes->count += count;
}

static inline void bytes_clear(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){0};
}

/* Makes a new folder the working directory. */
static inline int scratch_enter(void **state)
{
    (void)state;
    char folder[] = "/tmp/quern_archive_XXXXXX";
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int scratch_leave(void **state)
{
    (void)state;
    char folder[256], command[300];
    if (!getcwd(folder, sizeof folder) || chdir("/") != 0)
        return -1;
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    // NOLINTNEXTLINE(cert-env33-c): a path of mkdtemp
    return system(command) == 0 ? 0 : -1;
}

static inline void scratch_write(const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    if (count > 0)
        assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static inline void scratch_read(const char *name, struct bytes *bytes)
{
    char part[4096];
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    bytes->count = 0;
    for (size_t got = 1; got > 0;) {
        got = fread(part, 1, sizeof part, file);
        bytes_add(bytes, part, got);
    }
    if (bytes->count == 0)
        abort();  // every file here has something in it
    assert_int_equal(fclose(file), 0);
}

static inline void scratch_run(const char *command)
{
    // NOLINTNEXTLINE(cert-env33-c): a fixed text
    assert_int_equal(system(command), 0);
}

/* Finds one path, alone. */
static inline struct archive scratch_find(const char *path)
{
    struct error err = {0};
    struct archive archive = {0};
    struct team *team = team_alone();
    assert_non_null(team);
    struct archive_source source = {.paths = &path, .path_count = 1};
    enum status status = archive_find(team, &source, 1, &archive, &err);
    team_free(team);
    if (status != STATUS_OK)
        fail_msg("%s: %s", err.where, err.what);
    return archive;
}

#endif
