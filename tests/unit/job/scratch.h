/** A job file of a few lines, in a folder of its own that is the working directory meanwhile. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** 2022-03-01 10:30:00 local time, a Tuesday: the present of the tests. */
#define SCRATCH_NOW_S INT64_C(1646130600)

static inline int scratch_enter(void **state)
{
    (void)state;
    char folder[] = "/tmp/quern_job_XXXXXX";
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int scratch_leave(void **state)
{
    (void)state;
    char folder[256];
    (void)remove("job.yaml");
    (void)remove("a.csv");
    (void)remove("b.csv");
    return getcwd(folder, sizeof folder) && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static inline void scratch_write_bytes(const char *name, const char *bytes, size_t count)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static inline void scratch_write(const char *name, const char *text)
{
    scratch_write_bytes(name, text, strlen(text));
}

#endif
