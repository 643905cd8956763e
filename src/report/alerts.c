/* What other programs read: alerts as JSON Lines, suspects as CSV, domains to block as a response policy
 * zone. */
#include "internal.h"
#include "phrases.h"

#include "base/csv.h"
#include "base/hash.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* What is written, and how. */
struct writing {
    const char *dir;
    const struct verdicts *verdicts;
    const struct report_plan *plan;
};

typedef enum status write_file(const struct writing *writing, FILE *stream, struct error *err);

/* Writes beside the final name, and gives it that name when all is on disk. */
static enum status file_write(const struct writing *writing, const char *name, write_file *write,
                              struct error *err)
{
    char path[4200], part[4216];
    (void)snprintf(path, sizeof path, "%s/%s", writing->dir, name);
    (void)snprintf(part, sizeof part, "%s.part", path);
    FILE *stream = fopen(part, "wb");
    if (!stream)
        return error_set(err, STATUS_IO, part, "check the folder", "cannot be written: %s", strerror(errno));
    const enum status status = write(writing, stream, err);
    bool good = fflush(stream) == 0 && !ferror(stream) && fsync(fileno(stream)) == 0;
    int reason = errno;
    good = fclose(stream) == 0 && good;
    if (status == STATUS_OK && good && rename(part, path) == 0)
        return STATUS_OK;
    reason = good ? errno : reason;
    (void)unlink(part);
    if (status != STATUS_OK)
        return status;
    return error_set(err, STATUS_IO, path, "check the disk", "cannot be written: %s", strerror(reason));
}

void address_leave(struct pseudonyms *pseudonyms, const char *text, char out[IP_COLUMN_BYTES + 1])
{
    struct ip ip;
    char made[IP_TEXT_BYTES];
    (void)snprintf(out, IP_COLUMN_BYTES + 1, "%s", text);
    if (!pseudonyms || !ip_read(text, strlen(text), &ip))
        return;
    ip = pseudonym_of(pseudonyms, &ip);
    (void)ip_write(&ip, made);
    (void)snprintf(out, IP_COLUMN_BYTES + 1, "%s", made);
}

void ip_leave(const struct verdicts *verdicts, struct pseudonyms *pseudonyms, const char *text,
              struct leaving *out)
{
    struct ip ip;
    *out = (struct leaving){.host = ""};
    if (ip_read(text, strlen(text), &ip))
        number_leave(&verdicts->machines, pseudonyms, &ip, out);
    else
        address_leave(pseudonyms, text, out->address);
}

/* ---- alerts.jsonl ---- */

static void text_member(FILE *stream, const char *key, const char *text)
{
    char escaped[6 * QNAME_TEXT_BYTES + 1];
    (void)text_for_json(text, strlen(text), escaped, sizeof escaped);
    (void)fprintf(stream, ",\"%s\":\"%s\"", key, escaped);
}

/* A text of our own, whose names are escaped already. */
static void utf8_member(FILE *stream, const char *key, const char *text)
{
    (void)fputc(',', stream);
    struct json json = json_line_begin(stream);
    json_utf8(&json, key, text);
}

static uint64_t id_leave(struct pseudonyms *pseudonyms, const struct verdict_incident *incident)
{
    struct ip ip = {{0}};
    if (!pseudonyms)
        return incident->id;
    memcpy(ip.bytes, &incident->id, sizeof incident->id);
    ip.bytes[15] = 1;  // no mapped address
    ip = pseudonym_of(pseudonyms, &ip);
    return content_hash(&ip, sizeof ip);
}

/* Field names of the Elastic Common Schema 8 where it has them; what it has not stands under quern. */
static enum status alerts_write(const struct writing *writing, FILE *stream, struct error *err)
{
    const struct verdicts *verdicts = writing->verdicts;
    (void)err;
    for (size_t i = 0; i < verdicts->incident_count; i++) {
        const struct verdict_incident *incident = &verdicts->incidents[i];
        char first[16], last[16];
        struct leaving leaving;
        if (!incident->told)
            continue;
        day_write_text(incident->first_day, first);
        day_write_text(incident->last_day, last);
        (void)fprintf(stream, "{\"@timestamp\":\"%sT00:00:00Z\"", last);
        text_member(stream, "event.kind", "alert");
        text_member(stream, "event.category", "network");
        (void)fprintf(stream, ",\"event.severity\":%d", incident->verdict);
        // A hash of the address can be tried out for all addresses: with pseudonyms it is one of the
        // pseudonym.
        (void)fprintf(stream, ",\"event.id\":\"%016" PRIx64 "\"",
                      id_leave(writing->plan->pseudonyms, incident));
        text_member(stream, "event.start", first);
        text_member(stream, "event.end", last);
        ip_leave(verdicts, writing->plan->pseudonyms, incident->ip, &leaving);
        text_member(stream, "source.ip", leaving.address);
        if (*leaving.host)
            text_member(stream, "host.name", leaving.host);
        text_member(stream, "rule.name", cause_name((enum incident_cause)incident->cause));
        if (*incident->domain)
            text_member(stream, "dns.question.registered_domain", incident->domain);
        text_member(stream, "quern.verdict", verdict_name((enum verdict)incident->verdict));
        if (incident->reason) {
            char text[PHRASE_BYTES];
            reason_tell(incident->reason, writing->plan->language, text, sizeof text);
            utf8_member(stream, "message", text);
            text_member(stream, "quern.reason",
                        reason_code_name(reason_of_mechanism((enum mechanism)incident->reason->mechanism)));
        }
        text_member(stream, "quern.status", incident_status_name((enum incident_status)incident->status));
        text_member(stream, "quern.ack", ack_name((enum ack)incident->ack));
        (void)fprintf(stream, ",\"quern.hosts\":%" PRId64, incident->hosts);
        (void)fprintf(stream, ",\"quern.strength_bits\":%.6f,\"quern.evidence\":%" PRId64 "}\n",
                      incident->strength, incident->evidence);
    }
    return STATUS_OK;
}

/* ---- suspects.csv ---- */

static void cell(FILE *stream, const char *text, const char *behind)
{
    csv_cell(stream, text);
    (void)fputs(behind, stream);
}

/* The reason of an IP: its strongest evidence, else the first model that has it in both groups. */
static void reason_cell(FILE *stream, const struct verdict_ip *ip, enum language language)
{
    char text[PHRASE_BYTES] = "", value[32], total[32];
    for (int m = 0; m < GROUP_MODELS && !ip->reason && !*text; m++) {
        number_write(ip->both_days[m], value);
        number_write(ip->days, total);
        const struct phrase_value values[] = {
            {"model", group_model_name((enum group_model)m)}, {"value", value}, {"total", total}};
        if (ip->both[m])
            phrase_render(REASON_both_groups, language, values, 3, text, sizeof text);
    }
    if (ip->reason)
        reason_tell(ip->reason, language, text, sizeof text);
    csv_cell_utf8(stream, text);
}

static enum status suspects_write(const struct writing *writing, FILE *stream, struct error *err)
{
    const struct verdicts *verdicts = writing->verdicts;
    (void)err;
    (void)fputs("rank,ip,verdict,cause,domain,score,model_score,strength_bits,role,rows,queries,odd_day,day_"
                "p,day_q,reason,host\r\n",
                stream);
    for (size_t i = 0; i < verdicts->ip_count; i++) {
        const struct verdict_ip *ip = &verdicts->ips[i];
        char day[DAY_TEXT_BYTES];
        struct leaving leaving;
        if (ip->verdict == VERDICT_NONE)
            continue;
        (void)fprintf(stream, "%" PRId64 ",", ip->rank);
        ip_leave(verdicts, writing->plan->pseudonyms, ip->ip, &leaving);
        cell(stream, leaving.address, ",");
        cell(stream, verdict_name((enum verdict)ip->verdict), ",");
        cell(stream, ip->cause > 0 ? cause_name((enum incident_cause)(ip->cause - 1)) : "change", ",");
        cell(stream, ip->reason ? ip->reason->domain : "", ",");
        (void)fprintf(stream, "%.4f,%.4f,%.4f,", ip->score, ip->model_score, ip->strength);
        cell(stream, role_name((enum role)ip->role), ",");
        (void)fprintf(stream, "%" PRId64 ",%" PRId64 ",", ip->rows, ip->queries);
        day_write_text(ip->odd_day, day);
        (void)fprintf(stream, "%s,%.6f,%.6f,", day, ip->odd_p, ip->odd_q);
        reason_cell(stream, ip, writing->plan->language);
        (void)fputc(',', stream);
        csv_cell_utf8(stream, leaving.host);
        (void)fputs("\r\n", stream);
    }
    return STATUS_OK;
}

/* ---- silenced.csv ---- */

/* What allow lists cover: no incident has it, and nobody is told of it elsewhere. */
static enum status silenced_write(const struct writing *writing, FILE *stream, struct error *err)
{
    const struct reason_list *reasons = &writing->verdicts->reasons;
    (void)err;
    (void)fputs("day,ip,mechanism,domain,value,threshold,bits,list,line,reason,host\r\n", stream);
    for (size_t i = 0; i < reasons->count; i++) {
        const struct reason *reason = &reasons->items[i];
        char text[IP_TEXT_BYTES], day[DAY_TEXT_BYTES], told[PHRASE_BYTES];
        struct leaving leaving;
        if (reason->allow < 0)
            continue;
        ip_write(&reason->ip, text);
        ip_leave(writing->verdicts, writing->plan->pseudonyms, text, &leaving);
        day_write_text(reason->day, day);
        (void)fprintf(stream, "%s,", day);
        cell(stream, leaving.address, ",");
        cell(stream, mechanism_info((enum mechanism)reason->mechanism)->name, ",");
        cell(stream, reason->domain, ",");
        (void)fprintf(stream, "%" PRId64 ",%" PRId64 ",%.4f,", reason->value, reason->threshold,
                      reason->bits);
        const struct text_list *lists = writing->plan->allow;
        cell(stream, lists && (size_t)reason->allow < lists->count ? lists->items[reason->allow] : "", ",");
        (void)fprintf(stream, "%d,", (int)reason->allow_line);
        reason_tell(reason, writing->plan->language, told, sizeof told);
        csv_cell_utf8(stream, told);
        (void)fputc(',', stream);
        csv_cell_utf8(stream, leaving.host);
        (void)fputs("\r\n", stream);
    }
    return STATUS_OK;
}

static enum status zone_write(const struct writing *writing, FILE *stream, struct error *err)
{
    return blocklist_write(writing->verdicts, writing->dir, writing->plan->suffixes, stream, err);
}

enum status verdicts_write(const char *dir, const struct verdicts *verdicts, const struct report_plan *plan,
                           struct error *err)
{
    enum status status = STATUS_OK;
    const struct writing writing = {dir, verdicts, plan};
    TRY(file_write(&writing, "alerts.jsonl", alerts_write, err));
    TRY(file_write(&writing, "suspects.csv", suspects_write, err));
    TRY(file_write(&writing, "silenced.csv", silenced_write, err));
    TRY(file_write(&writing, "blocklist.rpz", zone_write, err));
done:
    return status;
}
