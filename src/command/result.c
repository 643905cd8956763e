/* What a run prints: the method's table of groups, the suspicious IPs, and the same as JSON. */
#include "steps.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "decide/decide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Suspicious IPs that are printed; scores.h5 has them all. */
#define SUSPECTS_MOST 20

static int compare_rank(const void *a, const void *b)
{
    const struct ip_judged *x = *(const struct ip_judged *const *)a, *y = *(const struct ip_judged *const *)b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The IP as people know it, and behind it the machine. */
static void ip_tell(const struct judgement *judgement, const struct ip *ip, char text[IP_TEXT_BYTES],
                    char host[4 * MACHINE_NAME_BYTES])
{
    struct ip address;
    const char *name = machine_tell(&judgement->machines, ip, &address);
    (void)ip_write(&address, text);
    (void)text_for_terminal(name, strlen(name), host, 4 * MACHINE_NAME_BYTES);
}

static void suspects_print(const struct session *session, const struct judgement *judgement)
{
    const struct ip_table *table = &judgement->ips;
    size_t count = 0;
    const struct ip_judged **suspects = calloc(table->count + 1, sizeof *suspects);
    for (size_t i = 0; suspects && i < table->count; i++)
        if (table->items[i].verdict > VERDICT_NONE)
            suspects[count++] = &table->items[i];
    if (!suspects)
        return;
    qsort(suspects, count, sizeof *suspects, compare_rank);
    (void)printf(
        "\nSuspicious IPs: evidence in the store, or rows in both groups of a model; the largest score "
        "first\n");
    (void)printf("  %-39s %-8s %8s  %-11s %-10s %7s  %s%s\n", "IP", "verdict", "score", "cause", "role",
                 "rows", "minority rows by kmeans2, kmeans, autoencoder",
                 judgement->machines.leases ? "; host" : "");
    for (size_t i = 0; i < count && i < SUSPECTS_MOST; i++) {
        char text[IP_TEXT_BYTES], host[4 * MACHINE_NAME_BYTES];
        const struct ip_judged *ip = suspects[i];
        ip_tell(judgement, &ip->ip, text, host);
        (void)printf(
            "  %-39s %-8s %8.2f  %-11s %-10s %7" PRId64 "  %" PRId64 " %" PRId64 " %" PRId64 "%s%s\n", text,
            verdict_name((enum verdict)ip->verdict), ip->score,
            ip->cause < 0 ? "change" : cause_name((enum incident_cause)ip->cause),
            role_name((enum role)ip->role), ip->rows, ip->minority_rows[GROUP_KMEANS2],
            ip->minority_rows[GROUP_KMEANS], ip->minority_rows[GROUP_AUTOENCODER], *host ? "  " : "", host);
    }
    if (count == 0)
        (void)printf("  none\n");
    if (count > SUSPECTS_MOST)
        (void)printf("  and %zu more in scores.h5\n", count - SUSPECTS_MOST);
    if (count > 0) {
        char text[IP_TEXT_BYTES], host[4 * MACHINE_NAME_BYTES];
        ip_tell(judgement, &suspects[0]->ip, text, host);
        // A machine chooses its own name, and this line is for a shell.
        const bool is_plain =
            *host && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.:-_") == strlen(host);
        if (*host && !is_plain)
            (void)ip_write(&suspects[0]->ip, text);
        (void)printf("\nWhy one of them: quern show %s %s\n", session->job->output_dir,
                     is_plain ? host : text);
    }
    free(suspects);
}

static void incidents_print(const struct judgement *judgement)
{
    const struct budget *budget = &judgement->budget;
    bool any = false;
    (void)printf("\nIncidents: %" PRId64 " told, %" PRId64 " new, %" PRId64 " ongoing and %" PRId64
                 " closed since the last run",
                 budget->told, budget->by_status[INCIDENT_NEW], budget->by_status[INCIDENT_ONGOING],
                 budget->by_status[INCIDENT_CLOSED]);
    if (budget->candidates > budget->told)
        (void)printf("; %" PRId64 " more are beyond %" PRId64 " a day", budget->candidates - budget->told,
                     budget->per_day);
    (void)printf("\n  at most %.2f a day of them are false: those of the last %" PRId64
                 " days that nobody called real\n",
                 budget->false_per_day, (budget->days + 3) / 4);
    for (int m = 0; m < MECHANISMS; m++) {
        const struct ack_count *count = &judgement->acks[m];
        if (count->real + count->benign + count->unknown == 0)
            continue;
        if (!any)
            (void)printf("  what people said, by mechanism:\n");
        any = true;
        (void)printf("    %-16s %" PRId64 " real, %" PRId64 " benign, %" PRId64 " unknown",
                     mechanism_info((enum mechanism)m)->name, count->real, count->benign, count->unknown);
        if (count->real + count->benign > 0)
            (void)printf(": precision %.2f", (double)count->real / (double)(count->real + count->benign));
        (void)printf("\n");
    }
}

void result_print(const struct session *session, const struct rows *rows, int calibration_level,
                  const struct judgement *judgement)
{
    struct group_sizes sizes[GROUP_MODELS];
    const struct ip_table *table = &judgement->ips;
    if (!session_prints(session))
        return;
    groups_sum(table, sizes);
    (void)printf("%" PRId64 " rows (window, IP) of %zu IPs on %" PRId64 " days\n\n", rows->total,
                 table->count, rows->day_count);
    (void)printf("  %-12s %14s %14s %20s %16s %16s\n", "model", "majority rows", "minority rows",
                 "IPs in both groups", "on a single day", "always minority");
    for (int m = 0; m < GROUP_MODELS; m++)
        (void)printf("  %-12s %14" PRId64 " %14" PRId64 " %20" PRId64 " %16" PRId64 " %16" PRId64 "\n",
                     group_model_name((enum group_model)m), sizes[m].majority_rows, sizes[m].minority_rows,
                     sizes[m].both_ips, sizes[m].both_day_ips, sizes[m].always_minority_ips);
    if (sizes[GROUP_KMEANS2].minority_rows == 0)
        (void)printf(
            "  kmeans2: no minority found: the smaller cluster has 5 %% of the training rows or more\n");
    if (calibration_level == 3)
        (void)printf("  p-values are optimistic: there were too few rows to calibrate on others\n");
    (void)printf(
        "\nDays of IPs that stand out by models alone, at a false discovery rate of %.0f %%: %" PRId64
        " of %" PRId64 "\n",
        100 * DAY_Q_TOLD, judgement->days.told, judgement->days.total);
    incidents_print(judgement);
    suspects_print(session, judgement);
    (void)printf("\nResults: %s/scores.h5, %s/model.h5, %s\n", session->job->output_dir,
                 session->job->output_dir, session->job->store_dir);
}

void extract_json(struct json *json, const struct session *session, const struct extract_summary *summary,
                  int64_t peak_bytes)
{
    json_integer(json, "queries", summary->kinds[LINES_QUERY]);
    json_integer(json, "rows", summary->rows);
    json_integer(json, "lines", extract_lines(summary));
    json_open(json, "lines_by_kind", '{');
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        json_integer(json, line_count_name((enum line_count)kind), summary->kinds[kind]);
    json_close(json, '}');
    json_integer(json, "rejects", summary->kinds[LINES_REJECT]);
    json_integer(json, "files", summary->files);
    json_integer(json, "files_unusable", summary->files_unusable);
    json_integer(json, "files_outside", summary->files_outside);
    json_integer(json, "log_bytes", summary->log_bytes);
    json_integer(json, "log_bytes_parsed", summary->log_bytes_parsed);
    json_integer(json, "shards_written", summary->shards_written);
    json_integer(json, "shards_kept", summary->shards_kept);
    json_integer(json, "fold_guessed", summary->fold_guessed);
    json_number(json, "seconds", clock_seconds() - session->began_s);
    json_integer(json, "peak_bytes", peak_bytes);
    json_integer(json, "ranks", team_size(session->team));
}

void groups_json(struct json *json, const struct ip_table *table)
{
    struct group_sizes sizes[GROUP_MODELS];
    groups_sum(table, sizes);
    json_open(json, "groups", '{');
    for (int m = 0; m < GROUP_MODELS; m++) {
        json_open(json, group_model_name((enum group_model)m), '{');
        json_integer(json, "majority", sizes[m].majority_rows);
        json_integer(json, "minority", sizes[m].minority_rows);
        json_integer(json, "both", sizes[m].both_ips);
        json_integer(json, "both_on_a_day", sizes[m].both_day_ips);
        json_integer(json, "always_minority", sizes[m].always_minority_ips);
        json_close(json, '}');
    }
    json_close(json, '}');
}
