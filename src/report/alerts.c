/* What other programs read: alerts as JSON Lines, suspects as CSV, domains to block as a response policy
 * zone. */
#include "report/report.h"

#include "base/csv.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef void write_file(const struct verdicts *verdicts, FILE *stream);

/* Writes beside the final name, and gives it that name when all is on disk. */
static enum status file_write(const char *dir, const char *name, write_file *write,
                              const struct verdicts *verdicts, struct error *err)
{
    char path[4200], part[4216];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)snprintf(part, sizeof part, "%s.part", path);
    FILE *stream = fopen(part, "wb");
    if (!stream)
        return error_set(err, STATUS_IO, part, "check the folder", "cannot be written: %s", strerror(errno));
    write(verdicts, stream);
    bool good = fflush(stream) == 0 && !ferror(stream) && fsync(fileno(stream)) == 0;
    int reason = errno;
    good = fclose(stream) == 0 && good;
    if (good && rename(part, path) == 0)
        return STATUS_OK;
    reason = good ? errno : reason;
    (void)unlink(part);
    return error_set(err, STATUS_IO, path, "check the disk", "cannot be written: %s", strerror(reason));
}

/* ---- alerts.jsonl ---- */

static void text_member(FILE *stream, const char *key, const char *text)
{
    char escaped[6 * QNAME_TEXT_BYTES + 1];
    (void)text_for_json(text, strlen(text), escaped, sizeof escaped);
    (void)fprintf(stream, ",\"%s\":\"%s\"", key, escaped);
}

/* Field names of the Elastic Common Schema 8 where it has them; what it has not stands under quern. */
static void alerts_write(const struct verdicts *verdicts, FILE *stream)
{
    for (size_t i = 0; i < verdicts->incident_count; i++) {
        const struct verdict_incident *incident = &verdicts->incidents[i];
        char first[16], last[16];
        if (!incident->told)
            continue;
        day_write_text(incident->first_day, first);
        day_write_text(incident->last_day, last);
        (void)fprintf(stream, "{\"@timestamp\":\"%sT00:00:00Z\"", last);
        text_member(stream, "event.kind", "alert");
        text_member(stream, "event.category", "network");
        (void)fprintf(stream, ",\"event.severity\":%d", incident->verdict);
        (void)fprintf(stream, ",\"event.id\":\"%016" PRIx64 "\"", incident->id);
        text_member(stream, "event.start", first);
        text_member(stream, "event.end", last);
        text_member(stream, "source.ip", incident->ip);
        text_member(stream, "rule.name", cause_name((enum incident_cause)incident->cause));
        if (*incident->domain)
            text_member(stream, "dns.question.registered_domain", incident->domain);
        text_member(stream, "quern.verdict", verdict_name((enum verdict)incident->verdict));
        text_member(stream, "quern.status", incident_status_name((enum incident_status)incident->status));
        text_member(stream, "quern.ack", ack_name((enum ack)incident->ack));
        (void)fprintf(stream, ",\"quern.hosts\":%" PRId64, incident->hosts);
        (void)fprintf(stream, ",\"quern.strength_bits\":%.6f,\"quern.evidence\":%" PRId64 "}\n",
                      incident->strength, incident->evidence);
    }
}

/* ---- suspects.csv ---- */

static void cell(FILE *stream, const char *text, const char *behind)
{
    csv_cell(stream, text);
    (void)fputs(behind, stream);
}

/* The domain of the IP's gravest incident; the gravest stand first. */
static const char *domain_of(const struct verdicts *verdicts, const char *ip)
{
    for (size_t i = 0; i < verdicts->incident_count; i++)
        if (strcmp(verdicts->incidents[i].ip, ip) == 0)
            return verdicts->incidents[i].domain;
    return "";
}

static void suspects_write(const struct verdicts *verdicts, FILE *stream)
{
    (void)fputs("rank,ip,verdict,cause,domain,score,model_score,strength_bits,role,rows,queries\r\n", stream);
    for (size_t i = 0; i < verdicts->ip_count; i++) {
        const struct verdict_ip *ip = &verdicts->ips[i];
        if (ip->verdict == VERDICT_NONE)
            continue;
        (void)fprintf(stream, "%" PRId64 ",", ip->rank);
        cell(stream, ip->ip, ",");
        cell(stream, verdict_name((enum verdict)ip->verdict), ",");
        cell(stream, ip->cause > 0 ? cause_name((enum incident_cause)(ip->cause - 1)) : "change", ",");
        cell(stream, domain_of(verdicts, ip->ip), ",");
        (void)fprintf(stream, "%.4f,%.4f,%.4f,", ip->score, ip->model_score, ip->strength);
        cell(stream, role_name((enum role)ip->role), ",");
        (void)fprintf(stream, "%" PRId64 ",%" PRId64 "\r\n", ip->rows, ip->queries);
    }
}

/* ---- blocklist.rpz ---- */

/* A response policy zone (draft-vixie-dnsop-dns-rpz): CNAME . answers that the name does not exist. */
static void blocklist_write(const struct verdicts *verdicts, FILE *stream)
{
    int64_t serial = 0;
    for (size_t i = 0; i < verdicts->incident_count; i++)
        if (verdicts->incidents[i].last_day > serial)
            serial = verdicts->incidents[i].last_day;
    (void)fprintf(stream,
                  "; domains that were judged to carry a tunnel, or that are on a reputation list\n$TTL 300\n"
                  "@ SOA localhost. root.localhost. %" PRId64 " 3600 600 86400 300\n@ NS localhost.\n",
                  serial);
    for (size_t i = 0; i < verdicts->blocked_count; i++)
        (void)fprintf(stream, "%s CNAME .\n*.%s CNAME .\n", verdicts->blocked[i], verdicts->blocked[i]);
}

enum status verdicts_write(const char *dir, const struct verdicts *verdicts, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(file_write(dir, "alerts.jsonl", alerts_write, verdicts, err));
    TRY(file_write(dir, "suspects.csv", suspects_write, verdicts, err));
    TRY(file_write(dir, "blocklist.rpz", blocklist_write, verdicts, err));
done:
    return status;
}
