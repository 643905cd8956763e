/* quern export DIR TABLE: a table as CSV for other tools. */
#include "session.h"

#include "report/report.h"

#include <string.h>

enum status command_export(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    char store[4200] = "";
    const char *dir = session->options.words[0], *table = session->options.words[1];
    if (strcmp(table, "pair") == 0)
        TRY(session_store(dir, store, sizeof store, err));
    TRY(table_write_csv(dir, store, table, session->out, err));
done:
    return status;
}
