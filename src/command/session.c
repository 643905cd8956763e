#include "session.h"

#include "command/command.h"

#include "base/clock.h"
#include "base/folder.h"
#include "base/simd.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Without a terminal a line now and then is enough. */
#define PROGRESS_LOG_S 30.0
#define PROGRESS_TERMINAL_S 0.2

typedef enum status command_function(struct session *session, struct error *err);

struct command_entry {
    command_function *run;
    bool with_mpi;
};

static const struct command_entry COMMAND_TABLE[COMMANDS] = {
#define X(NAME, name, words, least, most, mpi, text) {command_##name, mpi},
#include "commands.def"
#undef X
};

/* ---- messages ---- */

void error_print(const struct error *err)
{
    char where[sizeof err->where * 4], what[sizeof err->what * 4];
    (void)text_for_terminal(err->where, strlen(err->where), where, sizeof where);
    (void)text_for_terminal(err->what, strlen(err->what), what, sizeof what);
    (void)fprintf(stderr, "quern: %s%s%s\n", where, *where ? ": " : "", what);
    if (*err->hint)
        (void)fprintf(stderr, "%s\n", err->hint);
}

bool session_prints(const struct session *session)
{
    return team_rank(session->team) == 0;
}

void session_warn(const struct session *session, const char *where, const char *what)
{
    if (session_prints(session))
        (void)fprintf(stderr, "quern: warning: %s: %s\n", where, what);
}

void session_step(struct session *session, const char *doing)
{
    session->doing = doing;
    session->progress_said_s = clock_seconds();
    if (session_prints(session) && session->options.verbose)
        (void)fprintf(stderr, "quern: %s\n", doing);
}

void session_progress(void *context, int64_t done_bytes, int64_t total_bytes)
{
    struct session *session = context;
    bool on_terminal = isatty(STDERR_FILENO) != 0;
    double now_s = clock_seconds();
    if (session->options.quiet ||
        now_s - session->progress_said_s < (on_terminal ? PROGRESS_TERMINAL_S : PROGRESS_LOG_S))
        return;
    session->progress_said_s = now_s;
    double spent_s = now_s - session->began_s;
    double share = total_bytes > 0 ? (double)done_bytes / (double)total_bytes : 0;
    share = share > 1 ? 1 : share;
    double left_s = share > 0 ? spent_s / share - spent_s : 0;
    (void)fprintf(stderr, "%squern: %s: %3.0f %%, %.0f MB/s a rank, %.0f s left%s", on_terminal ? "\r" : "",
                  session->doing, 100 * share, (double)done_bytes / 1e6 / (spent_s > 0 ? spent_s : 1), left_s,
                  on_terminal ? "   " : "\n");
}

int64_t session_peak_bytes(const struct session *session)
{
    int64_t peak = clock_peak_bytes();
    team_max_i64(session->team, &peak, 1);
    return peak;
}

/* ---- the job ---- */

/* The present as local time of the machine's zone: what a person means by "yesterday". */
static int64_t now_local_s(void)
{
    time_t now = time(NULL);
    struct tm local = {0};
    (void)localtime_r(&now, &local);
    return day_from_civil(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday) * 86400 +
           local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec;
}

static enum status job_read_local(struct session *session, int64_t now_s, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(job_read(session->options.words[0], session->options.sets, session->options.set_count, now_s,
                 &session->job, err));
    TRY(zone_load(session->job->features_timezone, &session->zone, err));
    TRY(calendar_read(session->job->features_calendar.items, session->job->features_calendar.count,
                      &session->calendar, err));
done:
    return status;
}

enum status session_job(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t now_s = now_local_s();
    team_broadcast(session->team, &now_s, sizeof now_s, 0);
    TRY(team_agree(session->team, job_read_local(session, now_s, err), err));
    if (session->job->features_timezone_assumed)
        session_warn(session, "features.timezone", "no zone in the job: days and nights are those of UTC");
done:
    return status;
}

static enum status folders_take_local(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    const char *const folders[] = {session->job->output_dir, session->job->store_dir};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        TRY(folder_make(folders[i], err));
        if (i > 0 && strcmp(folders[0], folders[i]) == 0)
            continue;
        TRY(folder_lock(folders[i], &session->locks[session->lock_count], err));
        session->lock_count++;
    }
done:
    return status;
}

enum status session_folders(struct session *session, struct error *err)
{
    enum status had = session_prints(session) ? folders_take_local(session, err) : STATUS_OK;
    return team_agree(session->team, had, err);
}

void session_clear(struct session *session)
{
    for (size_t i = 0; i < session->lock_count; i++)
        folder_unlock(session->locks[i]);
    job_free(session->job);
    zone_free(session->zone);
    calendar_free(session->calendar);
    options_clear(&session->options);
}

/* ---- standard streams ---- */

/* A file that is opened must not become standard output: a message would go into it. Each stream that was
 * closed gets /dev/null in a mode in which its use still fails. */
static void streams_open(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* JSON goes out whole or not at all: a command that fails half-way must not leave the first half behind. */
static enum status results_begin(struct session *session, struct error *err)
{
    session->out = stdout;
    // JSON Lines are whole, line by line.
    if (!session->options.json || session->options.command == COMMAND_PARSE)
        return STATUS_OK;
    session->out = open_memstream(&session->document, &session->document_bytes);
    if (session->out)
        return STATUS_OK;
    session->out = stdout;
    return error_set(err, STATUS_NO_MEMORY, "results", "", "no room for them");
}

/* Writes what is held back if all went well, and sees to it that nothing of it was lost. */
static enum status results_end(struct session *session, enum status had, struct error *err)
{
    bool was_lost = false;
    if (session->out && session->out != stdout) {
        was_lost = fclose(session->out) != 0;
        if (had == STATUS_OK && session_prints(session) && !was_lost)
            (void)fwrite(session->document, 1, session->document_bytes, stdout);
        free(session->document);
    }
    errno = 0;
    was_lost |= fflush(stdout) != 0 || ferror(stdout);
    // Who reads the results may have enough of them (quern show … | head): no fault of the command.
    if (had != STATUS_OK || !was_lost || errno == EPIPE)
        return had;
    return error_set(err, STATUS_IO, "standard output", "", "cannot be written: %s",
                     errno ? strerror(errno) : "a write failed");
}

/* ---- the program ---- */

int command_main(int argc, char **argv)
{
    struct session session = {.argc = argc, .argv = argv};
    struct error err = {0};
    enum status status = STATUS_OK;
    streams_open();
    int done = options_read(argc, argv, &session.options);
    if (done >= 0) {
        options_clear(&session.options);
        return fflush(stdout) == 0 ? done : status_exit(STATUS_IO);
    }
    const struct command_entry *command = &COMMAND_TABLE[session.options.command];
    // A job goes on and ends well when nobody reads its messages any more; a command that only prints ends.
    if (command->with_mpi)
        (void)signal(SIGPIPE, SIG_IGN);
    session.team = command->with_mpi ? team_new(&argc, &argv) : team_alone();
    session.began_s = clock_seconds();
    if (!session.team) {
        (void)fprintf(stderr, "quern: not enough memory\n");
        options_clear(&session.options);
        return status_exit(STATUS_NO_MEMORY);
    }
    status = team_check_launcher(session.team, &err);
    if (status == STATUS_OK)
        status = team_agree(session.team, simd_check(&err), &err);
    if (status == STATUS_OK)
        status = team_agree(session.team, results_begin(&session, &err), &err);
    if (status == STATUS_OK)
        status = command->run(&session, &err);
    status = results_end(&session, status, &err);
    if (status != STATUS_OK && session_prints(&session))
        error_print(&err);
    session_clear(&session);
    team_free(session.team);
    return status_exit(status);
}
