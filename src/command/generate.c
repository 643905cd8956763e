/* quern generate SPEC.yaml DIR: an archive that is made up, with labels of what is wrong in it. */
#include "session.h"

#include "base/clock.h"
#include "base/json.h"
#include "synth/synth.h"

#include <inttypes.h>
#include <stdio.h>

static void summary_json(const struct session *session, const struct synth_summary *summary)
{
    struct json json = json_begin(session->out);
    json_open(&json, NULL, '{');
    json_integer(&json, "queries", summary->queries);
    json_integer(&json, "attack_queries", summary->attack_queries);
    json_integer(&json, "rows", summary->rows);
    json_integer(&json, "labels", summary->labels);
    json_integer(&json, "files", summary->files);
    json_integer(&json, "bytes", summary->bytes);
    json_number(&json, "seconds", clock_seconds() - session->began_s);
    json_integer(&json, "ranks", team_size(session->team));
    json_close(&json, '}');
}

enum status command_generate(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct spec *spec = NULL;
    struct synth_summary summary;
    const char *dir = session->options.words[1];
    TRY(team_agree(session->team, spec_read(session->options.words[0], &spec, err), err));
    session_step(session, "writing logs");
    TRY(synth_generate(session->team, spec, dir, session_progress, session, &summary, err));
    session_step_end(session);
    if (!session_prints(session))
        goto done;
    if (session->options.json)
        summary_json(session, &summary);
    else
        (void)printf("%" PRId64 " queries, %" PRId64 " of them of %" PRId64 " attacks; %" PRId64
                     " rows (window, IP); %" PRId64 " files, %.1f MB of text, in %s\n",
                     summary.queries, summary.attack_queries, summary.labels, summary.rows, summary.files,
                     (double)summary.bytes / 1e6, dir);
done:
    spec_free(spec);
    return status;
}
