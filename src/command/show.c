/* quern show DIR IP: one IP of a job's results. */
#include "session.h"

#include "base/json.h"
#include "report/report.h"

#include <stdio.h>
#include <string.h>

enum status command_show(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct history history = {0};
    struct ip ip;
    const char *text = session->options.words[1];
    if (!ip_read(text, strlen(text), &ip))
        return error_set(err, STATUS_USAGE, text, "write it as 10.0.0.1 or fd00::1", "no IP address");
    TRY(history_read(session->options.words[0], &ip, &history, err));
    if (session->options.json) {
        struct json json = json_begin(session->out);
        history_json(&history, &json);
    } else {
        history_print(&history, stdout);
    }
done:
    history_clear(&history);
    return status;
}
