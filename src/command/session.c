#include "session.h"

#include "command/command.h"

#include "base/clock.h"
#include "base/folder.h"
#include "base/map.h"
#include "base/simd.h"
#include "base/text.h"
#include "parallel/stop.h"
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* Wipes the line that is drawn anew, so that something else can be printed there. */
static void line_wipe(struct session *session)
{
    if (session->has_line)
        (void)fputs("\r\033[K", stderr);
    session->has_line = false;
}

void session_warn(struct session *session, const char *where, const char *what)
{
    if (!session_prints(session))
        return;
    line_wipe(session);
    (void)fprintf(stderr, "quern: warning: %s: %s\n", where, what);
}

enum status session_software(const struct session *session, struct known_software **known, struct error *err)
{
    char path[4200];
    if (!job_data_path(session->job->decide_known, path, sizeof path))
        return error_set(err, STATUS_IO, session->job->decide_known,
                         "set decide.known, or QUERN_DATA to quern's data",
                         "cannot find the list of software");
    return known_software_read(path, known, err);
}

/* What was asked of MPI since the step before belongs to that step. */
static void step_note(struct session *session, const char *doing)
{
    const struct team_traffic traffic = team_traffic_take(session->team);
    struct step_told *last = session->step_count > 0 ? &session->steps[session->step_count - 1] : NULL;
    for (int call = 0; last && call < TEAM_CALLS; call++) {
        last->traffic.calls[call] += traffic.calls[call];
        last->traffic.bytes[call] += traffic.bytes[call];
    }
    if (doing && session->step_count < STEPS_MOST)
        session->steps[session->step_count++] = (struct step_told){.doing = doing};
}

/* Tells the messages by step, of all ranks. Collective. */
static void steps_tell(struct session *session)
{
    step_note(session, NULL);
    for (size_t i = 0; i < session->step_count; i++) {
        struct step_told *step = &session->steps[i];
        int64_t most[TEAM_CALLS];
        memcpy(most, step->traffic.calls, sizeof most);
        team_max_i64(session->team, most, TEAM_CALLS);
        team_sum_i64(session->team, step->traffic.bytes, TEAM_CALLS);
        if (!session_prints(session))
            continue;
        (void)fprintf(stderr, "quern: messages, %s:", step->doing);
        for (int call = 0; call < TEAM_CALLS; call++)
            if (most[call] > 0)
                (void)fprintf(stderr, " %" PRId64 " %s (%" PRId64 " bytes)", most[call],
                              team_call_name((enum team_call)call), step->traffic.bytes[call]);
        (void)fputc('\n', stderr);
    }
}

/* Where it failed, and in the middle of what: a job of many ranks is looked into on one host. Collective. */
static void rank_tell(struct session *session, const struct error *err)
{
    char host[256] = "";
    if (team_size(session->team) == 1 || err->rank < 0 || err->rank >= team_size(session->team))
        return;
    (void)gethostname(host, sizeof host - 1);
    team_broadcast(session->team, host, sizeof host, err->rank);
    host[sizeof host - 1] = '\0';
    const char *doing = session->step_count > 0 ? session->steps[session->step_count - 1].doing : "beginning";
    if (session_prints(session) && status_exit((enum status)err->status) == 1) {
        line_wipe(session);
        (void)fprintf(stderr, "quern: rank %d of %d on %s failed while %s\n", (int)err->rank,
                      team_size(session->team), host, doing);
    }
}

void session_step(struct session *session, const char *doing)
{
    step_note(session, doing);
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool on_terminal = isatty(STDERR_FILENO) != 0 && terminal && strcmp(terminal, "dumb") != 0;
    session->meter = meter_begin(doing, clock_seconds(), on_terminal, !no_color || !*no_color);
    if (!session_prints(session) || session->options.quiet)
        return;
    line_wipe(session);
    if (on_terminal) {
        (void)fprintf(stderr, "quern: %s ...", doing);
        session->has_line = true;
    } else if (session->options.verbose) {
        (void)fprintf(stderr, "quern: %s\n", doing);
    }
}

void session_step_end(struct session *session)
{
    if (session_prints(session))
        line_wipe(session);
}

void session_progress(void *context, int64_t done_bytes, int64_t total_bytes)
{
    struct session *session = context;
    char line[METER_BYTES];
    double now_s = clock_seconds();
    if (session->options.quiet || !meter_is_due(&session->meter, now_s))
        return;
    (void)meter_line(&session->meter, now_s, done_bytes, total_bytes, line);
    line_wipe(session);
    (void)fprintf(stderr, session->meter.on_terminal ? "quern: %s" : "quern: %s\n", line);
    session->has_line = session->meter.on_terminal;
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
    const struct job *job = session->job;
    status = zone_load(job->features_timezone, &session->zone, err);
    if (status != STATUS_OK) {
        bool is_archive = job->archive_timezone && strcmp(job->archive_timezone, job->features_timezone) == 0;
        (void)snprintf(err->where, sizeof err->where, is_archive ? "archive.timezone" : "features.timezone");
        return status;
    }
    TRY(calendar_read(session->job->features_calendar.items, session->job->features_calendar.count,
                      &session->calendar, err));
done:
    return status;
}

/* The leases are read once and told: a DHCP server writes to the file while ranks read it, and what they read
 * must be the same, or rows and collectives differ. A hundred ranks do not parse a million lines each either.
 */
static enum status leases_take(struct session *session, struct error *err)
{
    enum status status = STATUS_OK, had = STATUS_OK;
    const struct job *job = session->job;
    const bool is_first = team_rank(session->team) == 0;
    void *bytes = NULL;
    size_t count = 0;
    if (is_first)
        had = leases_read(job->hosts, session->zone, (int)job->archive_ipv6_prefix, &session->leases, err);
    if (is_first && had == STATUS_OK && team_size(session->team) > 1)
        had = leases_pack(session->leases, &bytes, &count, err);
    TRY(team_agree(session->team, had, err));
    team_broadcast(session->team, &count, sizeof count, 0);
    if (!is_first) {
        bytes = malloc(count + 1);
        if (!bytes)
            had = error_set(err, STATUS_NO_MEMORY, "hosts", "", "no room for leases");
    }
    TRY(team_agree(session->team, had, err));
    team_broadcast(session->team, bytes, count, 0);
    if (!is_first)
        had = leases_unpack(bytes, count, &session->leases, err);
    TRY(team_agree(session->team, had, err));
done:
    free(bytes);
    return status;
}

static void leases_tell(struct session *session)
{
    const struct leases *leases = session->leases;
    const struct {
        const struct lease_fault *items;
        int64_t count;
        const char *rest;
    } kinds[] = {{leases->bad, leases->bad_count, "lines are no leases"},
                 {leases->overlaps, leases->overlap_count, "leases overlap"}};
    char where[300], what[80];
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (int64_t i = 0; i < kinds[k].count && i < LEASE_FAULTS; i++) {
            (void)snprintf(where, sizeof where, "%.250s:%lu", session->job->hosts,
                           (unsigned long)kinds[k].items[i].line);
            session_warn(session, where, kinds[k].items[i].what);
        }
        (void)snprintf(what, sizeof what, "%" PRId64 " %s in all", kinds[k].count, kinds[k].rest);
        if (kinds[k].count > LEASE_FAULTS)
            session_warn(session, session->job->hosts, what);
    }
    if (leases->count == 0)
        session_warn(session, session->job->hosts, "no lease in it: an IP is a machine");
}

enum status session_job(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t now_s = now_local_s();
    team_broadcast(session->team, &now_s, sizeof now_s, 0);
    TRY(team_agree(session->team, job_read_local(session, now_s, err), err));
    if (session->job->hosts)
        TRY(leases_take(session, err));
    if (session->job->features_timezone_assumed)
        session_warn(session, "features.timezone", "no zone in the job: days and nights are those of UTC");
    if (session->leases)
        leases_tell(session);
done:
    return status;
}

static enum status folders_take_local(struct session *session, enum store_use use, struct error *err)
{
    enum status status = STATUS_OK;
    const char *output = session->job->output_dir, *store = session->job->store_dir;
    TRY(folder_make(output, err));
    TRY(folder_lock(output, &session->locks[session->lock_count], err));
    session->lock_count++;
    if (use == STORE_IS_WRITTEN && strcmp(output, store) != 0) {
        TRY(folder_make(store, err));
        TRY(folder_lock(store, &session->locks[session->lock_count], err));
        session->lock_count++;
    }
    TRY(folder_share(store, &session->locks[session->lock_count], err));
    session->lock_count++;
done:
    return status;
}

enum status session_folders(struct session *session, enum store_use use, struct error *err)
{
    enum status had = session_prints(session) ? folders_take_local(session, use, err) : STATUS_OK;
    stop_listen();  // from here on something is lost that is not saved first
    return team_agree(session->team, had, err);
}

void session_output(const struct session *session, const char *name, char *path, size_t room)
{
    (void)snprintf(path, room, "%s/%s", session->job->output_dir, name);
}

enum status session_store(const char *dir, char *store, size_t room, struct error *err)
{
    struct stat there;
    struct store_reader *reader = NULL;
    struct error unheard = {0};
    char scores[4200];
    (void)snprintf(store, room, "%s/store", dir);
    if (stat(store, &there) == 0 && S_ISDIR(there.st_mode))
        return STATUS_OK;
    (void)snprintf(scores, sizeof scores, "%s/scores.h5", dir);
    if (stat(scores, &there) == 0) {
        enum status status = store_open_local(scores, &reader, err);
        if (status == STATUS_OK &&
            store_get_provenance_text(reader, "store", store, room, &unheard) != STATUS_OK)
            (void)snprintf(store, room, "%s", dir);
        store_close(reader);
        return status;
    }
    (void)snprintf(store, room, "%s", dir);
    return STATUS_OK;
}

void session_clear(struct session *session)
{
    for (size_t i = 0; i < session->lock_count; i++)
        folder_unlock(session->locks[i]);
    job_free(session->job);
    zone_free(session->zone);
    calendar_free(session->calendar);
    leases_free(session->leases);
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
    // What failed before this has left no reason behind; one more byte of what is lost anyway finds it again.
    if (was_lost && errno == 0 && fputc('\n', stdout) != EOF)
        (void)fflush(stdout);
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
    // Asked before MPI begins: it sets what a lone process lacks.
    bool was_other_rank = command->with_mpi && is_other_rank();
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
    large_prepare();
    if (status == STATUS_OK)
        status = team_agree(session.team, results_begin(&session, &err), &err);
    if (status == STATUS_OK)
        status = command->run(&session, &err);
    if (status != STATUS_OK)
        rank_tell(&session, &err);
    else if (session.options.verbose && team_size(session.team) > 1)
        steps_tell(&session);
    session_step_end(&session);
    status = results_end(&session, status, &err);
    bool is_echo = err.rank < 0 && was_other_rank;
    if (status != STATUS_OK && session_prints(&session) && !is_echo)
        error_print(&err);
    session_clear(&session);
#ifndef NDEBUG
    // HDF5 frees at exit what was left open, so no other tool would tell.
    int64_t left_open = store_open_handles();
    assert(left_open == 0);
#endif
    team_free(session.team);
    return status_exit(status);
}
