#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct status_row {
    int exit_status;
    const char *text;
};

static const struct status_row STATUS_ROWS[] = {
#define X(name, exit_status, text) {exit_status, text},
#include "base/status.def"
#undef X
};

static const struct status_row *status_row(enum status status)
{
    size_t count = sizeof STATUS_ROWS / sizeof STATUS_ROWS[0];
    return &STATUS_ROWS[(size_t)status < count ? (size_t)status : (size_t)STATUS_FAILED];
}

void error_fill(struct error *err, enum status status, const char *where, const char *hint,
                const char *format, ...)
{
    if (!err)
        return;
    // Zeroed first: all 512 bytes are sent to other ranks, and the tail of a text must not carry old memory.
    memset(err, 0, sizeof *err);
    err->status = (int32_t)status;
    err->rank = -1;
    (void)snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    (void)snprintf(err->hint, sizeof err->hint, "%s", hint ? hint : "");
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not know this va_start
    (void)vsnprintf(err->what, sizeof err->what, format, args);
    va_end(args);
}

const char *status_text(enum status status)
{
    return status_row(status)->text;
}

int status_exit(enum status status)
{
    return status_row(status)->exit_status;
}
