/* What is doubtful about a fit, in words. */
#include "internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROWS_FEW 1000

static void __attribute__((format(printf, 3, 4)))
warn(struct model_warnings *warnings, bool applies, const char *format, ...)
{
    va_list arguments;
    if (!applies)
        return;
    va_start(arguments, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not know this va_start
    (void)vsnprintf(warnings->texts[warnings->count++], MODEL_WARNING_BYTES, format, arguments);
    va_end(arguments);
}

/* The names of the constant columns, with commas between them. */
static void constants_list(const struct model *model, char *names, size_t room)
{
    size_t at = 0;
    names[0] = '\0';
    for (size_t c = 0; c < model->scaling.columns; c++)
        if (model->summary.constant_columns >> c & 1 && at < room)
            at += (size_t)snprintf(names + at, room - at, "%s%s", at ? ", " : "", model->names[c]);
}

void model_warnings_list(const struct model *model, struct model_warnings *out)
{
    const struct model_context *context = &model->context;
    char names[MODEL_WARNING_BYTES - 100];
    *out = (struct model_warnings){0};
    constants_list(model, names, sizeof names);
    warn(out, names[0] != '\0', "every training row has the same value in, so these say nothing: %s", names);
    warn(out, model->summary.train_rows < ROWS_FEW,
         "%" PRId64 " training rows are few: groups and thresholds may be chance", model->summary.train_rows);
    warn(out, context->train_days == 1,
         "one training day only: what is usual on other days is not known, a holiday will look odd");
    warn(out, context->train_ips == 1, "one training IP only: any other IP will look odd");
    warn(out, model->summary.clamps > 0,
         "%" PRId64 " gradients were cut off: do not trust the autoencoder, look for absurd values",
         model->summary.clamps);
}
