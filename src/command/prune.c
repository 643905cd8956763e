/* quern prune DIR --keep 400d: old days leave the store, and what killed jobs left half-written. */
#include "session.h"

#include "base/folder.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_MOST 36500

/* "400d". */
static enum status keep_read(const char *text, int64_t *days, struct error *err)
{
    static const char HINT[] = "write --keep 400d: the last 400 days stay";
    char *end = NULL;
    if (!text)
        return error_set(err, STATUS_USAGE, "--keep", HINT, "is missing");
    const long value = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    if (!end || strcmp(end, "d") != 0 || value < 1 || value > KEEP_MOST)
        return error_set(err, STATUS_USAGE, "--keep", HINT,
                         "\"%.40s\" is no number of days from 1d to 36500d", text);
    *days = value;
    return STATUS_OK;
}

enum status command_prune(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    int locks[2] = {-1, -1};
    struct store_pruned pruned = {0};
    int64_t keep = 0;
    char store[PATH_MAX], first[DAY_TEXT_BYTES] = "", last[DAY_TEXT_BYTES] = "";
    TRY(keep_read(session->options.keep, &keep, err));
    TRY(session_store(session->options.words[0], store, sizeof store, err));
    TRY(folder_lock(store, &locks[0], err));
    TRY(folder_lock_readers(store, &locks[1], err));
    TRY(store_prune(store, keep, session->options.dry_run, &pruned, err));
    if (pruned.kept_days > 0) {
        day_write_text(pruned.first_day, first);
        day_write_text(pruned.last_day, last);
    }
    (void)fprintf(session->out,
                  "%s%" PRId64 " days, %" PRId64 " files, %.1f MB; %" PRId64 " days stay%s%s%s%s\n",
                  session->options.dry_run ? "would remove " : "removed ", pruned.days, pruned.files,
                  (double)pruned.bytes * 1e-6, pruned.kept_days, pruned.kept_days ? ", " : "", first,
                  pruned.kept_days ? " to " : "", last);
done:
    folder_unlock(locks[1]);
    folder_unlock(locks[0]);
    return status;
}
