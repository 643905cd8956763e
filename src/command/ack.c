/* quern ack: what people say of incidents, and of pairs and mechanisms. */
#include "session.h"

#include "base/folder.h"
#include "base/text.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* No incident's number is told by fewer digits. */
#define DIGITS_LEAST 4

static int64_t today(void)
{
    time_t now = time(NULL);
    struct tm local = {0};
    (void)localtime_r(&now, &local);
    return day_from_civil(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

/* The incident whose number begins with these digits. */
static enum status incident_find(const struct verdicts *verdicts, const char *digits,
                                 const struct verdict_incident **found, struct error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < verdicts->incident_count; i++) {
        char id[17];
        (void)snprintf(id, sizeof id, "%016" PRIx64, verdicts->incidents[i].id);
        if (strlen(digits) < DIGITS_LEAST || strncmp(id, digits, strlen(digits)) != 0)
            continue;
        *found = &verdicts->incidents[i];
        count++;
    }
    if (count == 1)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE, digits, "quern ack DIR lists the incidents",
                     count ? "%zu incidents begin so" : "no incident begins so, with 4 digits at least",
                     count);
}

/* A line for each pair and mechanism of the incident. */
static enum status entries_make(const struct reason_list *reasons, const struct verdict_incident *incident,
                                struct ack_entry *entries, char (*hosts)[IP_TEXT_BYTES], size_t *count)
{
    for (size_t i = 0; i < reasons->count; i++) {
        const struct reason *reason = &reasons->items[i];
        bool is_known = reason->incident != incident->number;
        (void)ip_write(&reason->ip, hosts[*count]);
        const char *mechanism = mechanism_info((enum mechanism)reason->mechanism)->name;
        for (size_t k = 0; k < *count && !is_known; k++)
            is_known = strcmp(entries[k].host, hosts[*count]) == 0 &&
                       strcmp(entries[k].domain, reason->domain) == 0 &&
                       strcmp(entries[k].mechanism, mechanism) == 0;
        if (is_known)
            continue;
        entries[*count] = (struct ack_entry){hosts[*count], reason->domain, mechanism, incident->id};
        (*count)++;
    }
    return STATUS_OK;
}

static enum status incident_ack(const char *dir, const char *path, const struct options *options,
                                enum ack ack, int64_t until, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct verdicts verdicts = {0};
    struct reason_list reasons = {0};
    const struct verdict_incident *incident = NULL;
    struct ack_entry *entries = NULL;
    char(*hosts)[IP_TEXT_BYTES] = NULL;
    TRY(verdicts_read(dir, &verdicts, err));
    TRY(incident_find(&verdicts, options->words[1], &incident, err));
    TRY(reasons_read(dir, NULL, &reasons, err));
    entries = calloc(reasons.count + 1, sizeof *entries);
    hosts = calloc(reasons.count + 1, sizeof *hosts);
    if (!entries || !hosts) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for evidence");
        goto done;
    }
    TRY(entries_make(&reasons, incident, entries, hosts, count));
    if (*count == 0) {
        status = error_set(err, STATUS_USAGE, options->words[1], "it is closed already",
                           "nothing is left of this incident");
        goto done;
    }
    TRY(acks_add(path, entries, *count, ack, today(), until, options->reason, err));
done:
    free(entries);
    free(hosts);
    reasons_clear(&reasons);
    verdicts_clear(&verdicts);
    return status;
}

/* A machine's name, or the address. */
static void host_tell(const struct verdicts *verdicts, const char *text, char *out, size_t room)
{
    struct ip ip, address;
    const char *host =
        ip_read(text, strlen(text), &ip) ? machine_tell(&verdicts->machines, &ip, &address) : "";
    host = *host ? host : text;
    (void)text_for_terminal(host, strlen(host), out, room);
}

static enum status acks_list(const char *dir, const char *path, FILE *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct verdicts verdicts = {0};
    struct acks acks = {0};
    TRY(verdicts_read(dir, &verdicts, err));
    TRY(acks_read(path, &acks, err));
    (void)fprintf(out, "%-16s  %-39s %-11s %-8s %-7s %-7s  %s\n", "incident", "IP", "cause", "verdict",
                  "status", "said", "domain");
    for (size_t i = 0; i < verdicts.incident_count; i++) {
        const struct verdict_incident *incident = &verdicts.incidents[i];
        char domain[4 * QNAME_TEXT_BYTES], ip[4 * IP_COLUMN_BYTES];
        (void)text_for_terminal(incident->domain, strlen(incident->domain), domain, sizeof domain);
        host_tell(&verdicts, incident->ip, ip, sizeof ip);
        (void)fprintf(out, "%016" PRIx64 "  %-39s %-11s %-8s %-7s %-7s  %s\n", incident->id, ip,
                      cause_name((enum incident_cause)incident->cause),
                      verdict_name((enum verdict)incident->verdict),
                      incident_status_name((enum incident_status)incident->status),
                      ack_name((enum ack)incident->ack), domain);
    }
    (void)fprintf(out, "%zu lines in %s; they hold from the next quern decide or run on\n", acks.count, path);
done:
    acks_clear(&acks);
    verdicts_clear(&verdicts);
    return status;
}

static enum status said_read(const struct options *options, enum ack *ack, int64_t *until, struct error *err)
{
    const char *word = options->words[options->word_count - 1];
    if (!ack_read(word, ack))
        return error_set(err, STATUS_USAGE, word, "say real, benign or unknown", "is not what an ack says");
    if (!options->reason || !*options->reason)
        return error_set(err, STATUS_USAGE, "--reason", "say why, for those who ask in a year", "is missing");
    if (*ack == ACK_BENIGN && !options->until)
        return error_set(err, STATUS_USAGE, "--until", "write --until 2026-12-31",
                         "a benign one needs an end");
    *until = INT64_MAX;
    if (options->until && !day_read_text(options->until, until))
        return error_set(err, STATUS_USAGE, options->until, "write it as 2026-12-31", "no date");
    return STATUS_OK;
}

enum status command_ack(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    const struct options *options = &session->options;
    const char *dir = options->words[0];
    enum ack ack = ACK_NONE;
    int64_t until = INT64_MAX;
    size_t count = 0;
    int lock = -1;
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/acks.csv", dir);
    if (options->word_count == 1)
        return acks_list(dir, path, session->out, err);
    if (options->word_count != 3 && options->word_count != 5)
        return error_set(err, STATUS_USAGE, "ack",
                         "write DIR INCIDENT SAID, or DIR HOST DOMAIN MECHANISM SAID",
                         "two or four words are expected behind DIR");
    TRY(said_read(options, &ack, &until, err));
    TRY(folder_lock(dir, &lock, err));
    if (options->word_count == 3) {
        TRY(incident_ack(dir, path, options, ack, until, &count, err));
    } else {
        const struct ack_entry entry = {options->words[1], options->words[2], options->words[3], 0};
        count = 1;
        TRY(acks_add(path, &entry, 1, ack, today(), until, options->reason, err));
    }
    (void)fprintf(session->out, "%zu line%s added to %s; quern decide takes %s into account\n", count,
                  count > 1 ? "s" : "", path, count > 1 ? "them" : "it");
done:
    folder_unlock(lock);
    return status;
}
