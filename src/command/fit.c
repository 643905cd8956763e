/* The step from rows to a model. */
#include "steps.h"

#include "job/host_spans.h"
#include "model/prepare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* At most this long between two checkpoints of a training: what a kill may cost. */
#define CHECKPOINT_S 60.0

static struct model_settings model_settings(const struct job *job)
{
    struct model_settings settings = {.k = (int)job->model_kmeans_k,
                                      .kmeans_seed = (uint64_t)job->model_kmeans_seed,
                                      .kmeans2_robust = job->model_kmeans2_scaling == SCALING_ROBUST,
                                      .hidden_count = (int)job->model_autoencoder_hidden.count,
                                      .epochs = (int)job->model_autoencoder_epochs,
                                      .batch = (int)job->model_autoencoder_batch,
                                      .autoencoder_seed = (uint64_t)job->model_autoencoder_seed,
                                      .nets = (int)job->model_autoencoder_nets};
    for (int i = 0; i < settings.hidden_count; i++)
        settings.hidden[i] = (int)job->model_autoencoder_hidden.items[i];
    return settings;
}

static void train_tell(struct session *session, const struct model *model)
{
    struct model_summary summary = model_summary_of(model);
    int level = model_context_of(model)->calibration_level;
    struct model_warnings warnings;
    model_warnings_list(model, &warnings);
    for (size_t i = 0; i < warnings.count; i++)
        session_warn(session, "model", warnings.texts[i]);
    static const char *const LEVELS[] = {"other days and other IPs", "other IPs", "other days",
                                         "the training rows themselves: p-values are optimistic"};
    if (!session_prints(session))
        return;
    if (session->options.verbose)
        (void)fprintf(stderr,
                      "quern: %" PRId64 " rows trained, %" PRId64 " calibrated by %s; %" PRId64
                      " epochs, %" PRId64 " clamps\n",
                      summary.train_rows, summary.calibration_rows, LEVELS[level], summary.epochs,
                      summary.clamps);
    else if (level == 3)
        (void)fprintf(stderr,
                      "quern: warning: model: too few rows, days or IPs to calibrate on others than %s\n",
                      LEVELS[level]);
}

/* Tests set QUERN_CHECKPOINT_S: a job of seconds is to be stopped at any step. */
static double checkpoint_every_s(void)
{
    const char *text = getenv("QUERN_CHECKPOINT_S");
    return text ? strtod(text, NULL) : CHECKPOINT_S;
}

/* The model of the rows and settings: the one in output.dir when it is that, else a fit, whose checkpoint
 * lies beside it meanwhile. */
static enum status model_make(struct session *session, const struct prepared *prepared, struct model **model,
                              struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200], beside[4200];
    const struct model_settings settings = model_settings(session->job);
    const struct model_checkpoint checkpoint = {beside, checkpoint_every_s()};
    session_output(session, "model.h5", path, sizeof path);
    session_output(session, "checkpoint.h5", beside, sizeof beside);
    TRY(model_find(session->team, path, &prepared->input, &settings, &prepared->context, model, err));
    if (*model) {
        if (session->options.verbose && session_prints(session))
            (void)fprintf(stderr, "quern: %s is of these rows and settings: kept\n", path);
        return STATUS_OK;
    }
    status =
        model_resume(session->team, &prepared->input, &settings, &prepared->context, &checkpoint, model, err);
    if (status == STATUS_MISMATCH) {
        // A job that runs every night has other rows by now: nobody should have to remove a file first.
        char why[sizeof err->what + 40];
        (void)snprintf(why, sizeof why, "%s; training starts anew", err->what);
        session_warn(session, beside, why);
        *err = (struct error){0};
        TRY(model_checkpoint_remove(session->team, &checkpoint, err));
        status = model_resume(session->team, &prepared->input, &settings, &prepared->context, &checkpoint,
                              model, err);
    }
    if (status != STATUS_OK)
        goto done;
    TRY(model_write(session->team, *model, path, err));
    TRY(model_checkpoint_remove(session->team, &checkpoint, err));
done:
    return status;
}

enum status step_train(struct session *session, struct rows *rows, struct prepared *prepared,
                       struct model **model, struct error *err)
{
    enum status status = STATUS_OK;
    struct host_spans left_out = {0};
    struct ip_role *roles = NULL;
    struct prepare_plan plan = {.zone = session->zone,
                                .train = session->job->model_train,
                                .calibrate = session->job->model_calibrate,
                                .left_out = &left_out,
                                .kmeans2_robust = session->job->model_kmeans2_scaling == SCALING_ROBUST};
    session_step(session, "training");
    TRY(step_roles(session->team, rows, &roles, &plan.role_count, err));
    plan.roles = roles;
    TRY(step_trim(session, rows, &left_out, err));
    TRY(prepare_training(session->team, &plan, rows, prepared, err));
    TRY(model_make(session, prepared, model, err));
    session_step_end(session);
    step_trim_tell(session, prepared->left_out);
    train_tell(session, *model);
done:
    host_spans_clear(&left_out);
    free(roles);
    return status;
}
