/* quern report: files for other programs, from the scores alone. */
#include "steps.h"

#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Rank 0's work: there is one file of each. */
static enum status report_local(const struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct verdicts verdicts = {0};
    struct suffixes *suffixes = NULL;
    struct pseudonyms *pseudonyms = NULL;
    char path[4200];
    if (!session_prints(session))
        return STATUS_OK;
    TRY(verdicts_read(session->job->output_dir, &verdicts, err));
    if (!job_data_path(session->job->features_suffixes, path, sizeof path)) {
        status = error_set(err, STATUS_IO, session->job->features_suffixes,
                           "set features.suffixes, or QUERN_DATA to quern's data",
                           "cannot find the list of public suffixes");
        goto done;
    }
    TRY(suffixes_read(path, &suffixes, err));
    if (strcmp(session->job->output_pseudonyms, "off") != 0)
        TRY(pseudonyms_read(session->job->output_pseudonyms, &pseudonyms, err));
    const struct report_plan plan = {(enum language)session->job->output_language, suffixes, pseudonyms,
                                     &session->job->decide_allow};
    TRY(verdicts_write(session->job->output_dir, &verdicts, &plan, err));
done:
    suffixes_free(suffixes);
    pseudonyms_free(pseudonyms);
    verdicts_clear(&verdicts);
    return status;
}

enum status step_report(struct session *session, struct error *err)
{
    session_step(session, "writing reports");
    return team_agree(session->team, report_local(session, err), err);
}

enum status command_report(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(session_job(session, err));
    TRY(session_folders(session, STORE_IS_READ, err));
    TRY(step_report(session, err));
    if (session_prints(session))
        (void)fprintf(session->out, "alerts.jsonl, suspects.csv, silenced.csv and blocklist.rpz in %s\n",
                      session->job->output_dir);
done:
    return status;
}
