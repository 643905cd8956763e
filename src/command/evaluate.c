/* quern evaluate DIR LABELS: results against what is known to be wrong. */
#include "session.h"

#include "base/json.h"
#include "evaluate/evaluate.h"

#include <stdio.h>
#include <stdlib.h>

enum status command_evaluate(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    const struct evaluate_plan plan = {.dir = session->options.words[0],
                                       .labels = session->options.words[1],
                                       .from = session->options.from,
                                       .to = session->options.to,
                                       .past = session->options.past};
    struct evaluation *evaluation = calloc(1, sizeof *evaluation);
    if (!evaluation)
        return error_set(err, STATUS_NO_MEMORY, "evaluate", "", "no room for it");
    TRY(evaluate(&plan, evaluation, err));
    if (session->options.json) {
        struct json json = json_begin(session->out);
        evaluation_json(evaluation, &json);
    } else if (session->options.csv) {
        evaluation_csv(evaluation, stdout);
    } else {
        evaluation_print(evaluation, stdout);
    }
done:
    free(evaluation);
    return status;
}
