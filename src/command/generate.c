/* quern generate SPEC.yaml DIR: an archive that is made up, with labels of what is wrong in it. */
#include "session.h"

#include "base/clock.h"
#include "base/json.h"
#include "job/civil.h"
#include "synth/synth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void summary_json(const struct session *session, const struct synth_summary *summary)
{
    struct json json = json_begin(session->out);
    json_open(&json, NULL, '{');
    json_integer(&json, "queries", summary->queries);
    json_integer(&json, "attack_queries", summary->attack_queries);
    json_integer(&json, "rows", summary->rows);
    json_integer(&json, "labels", summary->labels);
    json_integer(&json, "left_out", summary->left_out);
    json_integer(&json, "files", summary->files);
    json_integer(&json, "bytes", summary->bytes);
    json_number(&json, "seconds", clock_seconds() - session->began_s);
    json_integer(&json, "ranks", team_size(session->team));
    json_close(&json, '}');
}

static enum status date_take(const char *text, int64_t *day, struct error *err)
{
    if (text && !civil_day_read(text, strlen(text), day))
        return error_set(err, STATUS_USAGE, text, "write it as 2022-02-01", "no date");
    return STATUS_OK;
}

static enum status place_read(const struct options *options, struct synth_place *place, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(date_take(options->from, &place->from_day, err));
    TRY(date_take(options->to, &place->to_day, err));
    if (options->into && (options->from || options->to))
        status = error_set(err, STATUS_USAGE, "--into", "the days of attacks are those of the spec",
                           "goes without --from and --to");
done:
    return status;
}

enum status command_generate(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct spec *spec = NULL;
    struct synth_summary summary;
    struct synth_place place = {session->options.words[1], INT64_MIN, INT64_MAX, session->options.into};
    TRY(team_agree(session->team, place_read(&session->options, &place, err), err));
    TRY(team_agree(session->team, spec_read(session->options.words[0], &spec, err), err));
    session_step(session, "writing logs");
    if (place.into)
        TRY(synth_add(session->team, spec, &place, &summary, err));
    else
        TRY(synth_generate(session->team, spec, &place, session_progress, session, &summary, err));
    session_step_end(session);
    if (!session_prints(session))
        goto done;
    if (session->options.json)
        summary_json(session, &summary);
    else if (place.into)
        (void)printf("%" PRId64 " lines, %" PRId64 " of them added, of %" PRId64 " attacks; %" PRId64
                     " left out; %" PRId64 " files, %.1f MB of text, in %s/logs\n",
                     summary.queries, summary.attack_queries, summary.labels, summary.left_out, summary.files,
                     (double)summary.bytes / 1e6, place.dir);
    else
        (void)printf("%" PRId64 " queries, %" PRId64 " of them of %" PRId64 " attacks; %" PRId64
                     " rows (window, IP); %" PRId64 " files, %.1f MB of text, in %s\n",
                     summary.queries, summary.attack_queries, summary.labels, summary.rows, summary.files,
                     (double)summary.bytes / 1e6, place.dir);
done:
    spec_free(spec);
    return status;
}
