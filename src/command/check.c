/* quern check JOB.yaml: what a run would meet and cost. Writes nothing. */
#include "meter.h"
#include "session.h"

#include "base/json.h"
#include "extract/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Ranks whose shares are listed one by one. */
#define RANKS_LISTED 16

/* What is asked of Slurm beyond what is expected: a job that is ended for a few MB or minutes costs more. */
#define MEMORY_SPARE 1.25
#define TIME_SPARE 2.0

/* ---- numbers and times as people read them ---- */

static const char *time_text(const struct session *session, int64_t time_ms, char text[32])
{
    int year = 0, month = 0, date = 0;
    int64_t day = zone_day_of(session->zone, time_ms / 1000);
    int64_t local_s = time_ms / 1000 + zone_offset_s(session->zone, time_ms / 1000) - day * 86400;
    civil_from_day(day, &year, &month, &date);
    (void)snprintf(text, 32, "%04d-%02d-%02d %02d:%02d:%02d", year, month, date, (int)(local_s / 3600),
                   (int)(local_s / 60 % 60), (int)(local_s % 60));
    return text;
}

struct request {
    int ranks;
    int64_t memory_mb;
    char time[32];
};

static struct request slurm_request(const struct survey *survey)
{
    struct request request = {.ranks = survey->rank_count};
    double memory = (double)survey->memory_bytes * survey->rank_count * MEMORY_SPARE;
    request.memory_mb = (int64_t)(memory / 1048576 / 100 + 1) * 100;
    int64_t minutes = (int64_t)(survey->seconds * TIME_SPARE / 60) + 2;
    (void)snprintf(request.time, sizeof request.time, "%02" PRId64 ":%02d:00", minutes / 60,
                   (int)(minutes % 60));
    return request;
}

/* ---- for a person ---- */

static void archive_print(const struct session *session, const struct survey *survey)
{
    char first[32], last[32], stored[32], text[32];
    FILE *out = session->out;
    (void)fprintf(out,
                  "files     %" PRId64 ": %" PRId64 " plain, %" PRId64 " compressed, %" PRId64
                  " not usable; %" PRId64 " already in the store\n",
                  survey->files, survey->files_plain, survey->files_compressed, survey->files_unusable,
                  survey->files_known);
    (void)fprintf(out, "bytes     %s on disk, %s of text; %s\n",
                  meter_bytes((double)survey->stored_bytes, stored),
                  meter_bytes((double)survey->text_bytes, text),
                  survey->is_whole ? "all of it was read, so numbers are exact"
                                   : "from samples, so numbers are estimates");
    if (survey->first_ms != SURVEY_NO_TIME)
        (void)fprintf(out, "time      %s to %s, %s: %" PRId64 " days\n",
                      time_text(session, survey->first_ms, first), time_text(session, survey->last_ms, last),
                      session->job->features_timezone, survey->days);
    for (int64_t i = 0; i < survey->gap_count && i < SURVEY_LIST; i++) {
        double length_s = (double)(survey->gaps[i].to_ms - survey->gaps[i].from_ms) / 1000;
        (void)fprintf(out, "gap       %s to %s, %s without a line\n",
                      time_text(session, survey->gaps[i].from_ms, first),
                      time_text(session, survey->gaps[i].to_ms, last), meter_duration(length_s, text));
    }
    if (survey->gap_count > SURVEY_LIST)
        (void)fprintf(out, "gaps      %" PRId64 " in all, the longest are listed\n", survey->gap_count);
    if (survey->overlap_count > 0)
        (void)fprintf(out,
                      "overlaps  %" PRId64 " files begin before an earlier one of their source has ended\n",
                      survey->overlap_count);
    for (int64_t i = 0; i < survey->form_count && i < SURVEY_LIST; i++)
        (void)fprintf(out, "format    %s\n", survey->forms[i]);
    (void)fprintf(out, "resolvers %" PRId64, survey->resolver_count);
    for (int64_t i = 0; i < survey->resolver_count && i < SURVEY_LIST; i++)
        (void)fprintf(out, "%s%s", i ? ", " : ": ", survey->resolvers[i]);
    (void)fputc('\n', out);
}

static void counts_print(const struct session *session, const struct survey *survey)
{
    int64_t lines = 0;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        lines += survey->kinds[kind];
    (void)fprintf(session->out, "lines     %" PRId64, lines);
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        if (survey->kinds[kind] > 0 && kind != LINES_QUERY)
            (void)fprintf(session->out, ", %" PRId64 " %s", survey->kinds[kind],
                          line_count_name((enum line_count)kind));
    (void)fprintf(session->out, "\nqueries   %" PRId64 "\nrows      %" PRId64 " (window, IP)\n",
                  survey->kinds[LINES_QUERY], survey->rows);
}

static void plan_print(const struct session *session, const struct survey *survey)
{
    char text[32], other[32];
    FILE *out = session->out;
    const struct request request = slurm_request(survey);
    (void)fprintf(out, "\nsplit over %d rank%s of what is to be read, %s of text\n", survey->rank_count,
                  survey->rank_count > 1 ? "s" : "", meter_bytes((double)survey->new_bytes, text));
    int64_t most = 0, least = INT64_MAX;
    for (int rank = 0; rank < survey->rank_count; rank++) {
        int64_t bytes = survey->ranks[rank].bytes;
        most = bytes > most ? bytes : most;
        least = bytes < least ? bytes : least;
        if (survey->rank_count <= RANKS_LISTED)
            (void)fprintf(out, "  rank %-2d %6" PRId64 " pieces, %s\n", rank, survey->ranks[rank].pieces,
                          meter_bytes((double)bytes, text));
    }
    if (survey->rank_count > RANKS_LISTED)
        (void)fprintf(out, "  a rank reads from %s to %s\n", meter_bytes((double)least, text),
                      meter_bytes((double)most, other));
    (void)fprintf(out, "memory    %s a rank at most\n", meter_bytes((double)survey->memory_bytes, text));
    (void)fprintf(out, "time      %s, of which reading %s, at the speed of this machine\n",
                  meter_duration(survey->seconds, text), meter_duration(survey->seconds_read, other));
    (void)fprintf(out,
                  "slurm     --ntasks=%d --mem=%" PRId64 "M --time=%s   (--mem for all ranks on one node)\n",
                  request.ranks, request.memory_mb, request.time);
    (void)fprintf(out, "store     parts: %d%s\n", survey->parts,
                  survey->parts == session->job->store_parts
                      ? ""
                      : ", which is not what the job says: see store.parts");
}

static void messages_print(struct session *session, const struct survey *survey)
{
    for (size_t i = 0; i < survey->warning_count; i++)
        session_warn(session, survey->warnings[i].where, survey->warnings[i].what);
    if (survey->reject_count > 0)
        (void)fprintf(stderr, "quern: warning: about %" PRId64 " lines are no BIND log lines, among them:\n",
                      survey->kinds[LINES_REJECT]);
    for (size_t i = 0; i < survey->reject_count; i++)
        (void)fprintf(stderr, "  %s: %s\n", survey->rejects[i].path, survey->rejects[i].line.text);
}

/* ---- for a program ---- */

static void text_member(struct json *json, const char *key, const char *text)
{
    json_text(json, key, text, strlen(text));
}

static void counts_json(struct json *json, const struct survey *survey)
{
    int64_t lines = 0;
    json_open(json, "lines_by_kind", '{');
    for (int kind = 0; kind < LINE_COUNTS; kind++) {
        json_integer(json, line_count_name((enum line_count)kind), survey->kinds[kind]);
        lines += survey->kinds[kind];
    }
    json_close(json, '}');
    json_integer(json, "lines", lines);
    json_integer(json, "queries", survey->kinds[LINES_QUERY]);
    json_integer(json, "rejects", survey->kinds[LINES_REJECT]);
    json_integer(json, "rows", survey->rows);
}

static void archive_json(struct json *json, const struct session *session, const struct survey *survey)
{
    json_integer(json, "files", survey->files);
    json_integer(json, "files_unusable", survey->files_unusable);
    json_integer(json, "files_known", survey->files_known);
    json_integer(json, "files_plain", survey->files_plain);
    json_integer(json, "files_compressed", survey->files_compressed);
    json_integer(json, "stored_bytes", survey->stored_bytes);
    json_integer(json, "log_bytes", survey->text_bytes);
    json_integer(json, "log_bytes_new", survey->new_bytes);
    json_integer(json, "log_bytes_sampled", survey->sampled_bytes);
    json_bool(json, "exact", survey->is_whole);
    if (survey->first_ms != SURVEY_NO_TIME) {
        json_integer(json, "first_ms", survey->first_ms);
        json_integer(json, "last_ms", survey->last_ms);
    }
    json_integer(json, "days", survey->days);
    text_member(json, "timezone", session->job->features_timezone);
    json_open(json, "gaps", '[');
    for (int64_t i = 0; i < survey->gap_count && i < SURVEY_LIST; i++) {
        json_open(json, NULL, '{');
        json_integer(json, "from_ms", survey->gaps[i].from_ms);
        json_integer(json, "to_ms", survey->gaps[i].to_ms);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_integer(json, "gap_count", survey->gap_count);
    json_integer(json, "overlaps", survey->overlap_count);
    json_open(json, "formats", '[');
    for (int64_t i = 0; i < survey->form_count && i < SURVEY_LIST; i++)
        text_member(json, NULL, survey->forms[i]);
    json_close(json, ']');
    json_open(json, "resolvers", '[');
    for (int64_t i = 0; i < survey->resolver_count && i < SURVEY_LIST; i++)
        text_member(json, NULL, survey->resolvers[i]);
    json_close(json, ']');
    json_integer(json, "resolver_count", survey->resolver_count);
}

static void plan_json(struct json *json, const struct survey *survey)
{
    const struct request request = slurm_request(survey);
    json_open(json, "split", '[');
    for (int rank = 0; rank < survey->rank_count; rank++) {
        json_open(json, NULL, '{');
        json_integer(json, "pieces", survey->ranks[rank].pieces);
        json_integer(json, "log_bytes", survey->ranks[rank].bytes);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_integer(json, "ranks", survey->rank_count);
    json_integer(json, "memory_bytes", survey->memory_bytes);
    json_number(json, "seconds_reading", survey->seconds_read);
    json_number(json, "seconds", survey->seconds);
    json_integer(json, "store_parts", survey->parts);
    json_open(json, "slurm", '{');
    json_integer(json, "ntasks", request.ranks);
    json_integer(json, "mem_mb", request.memory_mb);
    text_member(json, "time", request.time);
    json_close(json, '}');
    json_open(json, "warnings", '[');
    for (size_t i = 0; i < survey->warning_count; i++) {
        json_open(json, NULL, '{');
        text_member(json, "where", survey->warnings[i].where);
        text_member(json, "what", survey->warnings[i].what);
        json_close(json, '}');
    }
    json_close(json, ']');
}

enum status command_check(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct survey survey = {0};
    int ranks = session->options.ranks ? session->options.ranks : team_size(session->team);
    TRY(session_job(session, err));
    status = survey_make(session->team, session->job, session->zone, ranks, &survey, err);
    if (!session_prints(session))
        goto done;
    messages_print(session, &survey);
    if (status != STATUS_OK)
        goto done;
    if (session->options.json) {
        struct json json = json_begin(session->out);
        json_open(&json, NULL, '{');
        archive_json(&json, session, &survey);
        counts_json(&json, &survey);
        plan_json(&json, &survey);
        json_close(&json, '}');
    } else {
        archive_print(session, &survey);
        counts_print(session, &survey);
        plan_print(session, &survey);
    }
done:
    survey_clear(&survey);
    return status;
}
