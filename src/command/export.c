/* quern export DIR TABLE: a table as CSV for other tools. */
#include "session.h"

#include "report/report.h"

#include <string.h>

enum status command_export(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    char store[4200] = "";
    struct pseudonyms *pseudonyms = NULL;
    const char *dir = session->options.words[0], *table = session->options.words[1];
    if (session->options.key)
        TRY(pseudonyms_read(session->options.key, &pseudonyms, err));
    if (strcmp(table, "pair") == 0)
        TRY(session_store(dir, store, sizeof store, err));
    TRY(table_write_csv(dir, store, table, pseudonyms, session->out, err));
done:
    pseudonyms_free(pseudonyms);
    return status;
}
