/* blocklist.rpz: a response policy zone (draft-vixie-dnsop-dns-rpz) of domains that were judged tunnels, and
 * of listed ones as they stand on their list. */
#include "internal.h"

#include "base/map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Names as BIND prints them are names as zone files have them (RFC 1035 §5.1); anything else is none. A
 * trigger stands below the zone's own name, which takes up to 100 octets. */
static bool is_zone_name(const char *name, struct qname *qname)
{
    for (const char *c = name; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f || strchr("\"();@$", *c))
            return false;
    return *name != '\0' && qname_of_text(name, strlen(name), qname) && qname->bytes > 1 &&
           qname->bytes <= 255 - 100;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status name_add(struct verdicts *verdicts, size_t *capacity, const char *name, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&verdicts->blocked, capacity, verdicts->blocked_count + 1, sizeof *verdicts->blocked,
                      err));
    verdicts->blocked[verdicts->blocked_count++] = name;
done:
    return status;
}

enum status blocklist_list(struct verdicts *verdicts, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0, count = 0;
    const struct verdict_incident **by_number = calloc(verdicts->incident_count + 1, sizeof *by_number);
    if (!by_number)
        return error_set(err, STATUS_NO_MEMORY, "blocklist.rpz", "", "no room for domains");
    for (size_t i = 0; i < verdicts->incident_count; i++) {
        const struct verdict_incident *incident = &verdicts->incidents[i];
        by_number[incident->number] = incident;
        if (incident->cause == CAUSE_TUNNEL && incident->verdict == VERDICT_CRITICAL &&
            incident->ack != ACK_BENIGN && incident->evidence > 0 && *incident->domain)
            TRY(name_add(verdicts, &capacity, incident->domain, err));
    }
    for (size_t i = 0; i < verdicts->reasons.count; i++) {
        const struct reason *reason = &verdicts->reasons.items[i];
        if (reason->mechanism != MECHANISM_LISTED || !*reason->entry || reason->incident < 0 ||
            (size_t)reason->incident >= verdicts->incident_count)
            continue;
        const struct verdict_incident *incident = by_number[reason->incident];
        if (incident->verdict >= VERDICT_WARNING && incident->ack != ACK_BENIGN)
            TRY(name_add(verdicts, &capacity, reason->entry, err));
    }
    if (verdicts->blocked_count > 0)
        qsort(verdicts->blocked, verdicts->blocked_count, sizeof *verdicts->blocked, compare_names);
    for (size_t i = 0; i < verdicts->blocked_count; i++)
        if (count == 0 || strcmp(verdicts->blocked[count - 1], verdicts->blocked[i]) != 0)
            verdicts->blocked[count++] = verdicts->blocked[i];
    verdicts->blocked_count = count;
done:
    free(by_number);
    return status;
}

/* All but the serial. */
static void body_write(const struct verdicts *verdicts, const struct suffixes *suffixes, FILE *stream)
{
    for (size_t i = 0; i < verdicts->blocked_count; i++) {
        const char *name = verdicts->blocked[i];
        struct qname qname;
        size_t suffix_labels = 0;
        if (!is_zone_name(name, &qname))
            continue;
        (void)suffixes_sub_labels(suffixes, &qname, &suffix_labels);
        if (qname.label_count <= suffix_labels)
            // Everybody's names lie below a public suffix: a list or a verdict that has one is wrong.
            (void)fprintf(stream, "; left out, a public suffix: %s\n", name);
        else
            (void)fprintf(stream, "%s CNAME .\n*.%s CNAME .\n", name, name);
    }
}

#define HEAD                                                                                                 \
    "; domains that were judged to carry a tunnel, or that are on a reputation list\n$TTL 300\n@ SOA "       \
    "localhost. root.localhost. %" PRIu32 " 3600 600 86400 300\n@ NS localhost.\n"

/* The serial of the file that is there, and whether what follows it is `body`; 0 when there is none. */
static uint32_t serial_read(const char *path, const char *body, bool *is_same)
{
    char line[4096];
    uint32_t serial = 0;
    FILE *file = fopen(path, "rb");
    *is_same = false;
    if (!file)
        return 0;
    for (int number = 0; number < 4 && fgets(line, sizeof line, file); number++) {
        const char *soa = strstr(line, "root.localhost. ");
        if (soa)
            serial = (uint32_t)strtoul(soa + strlen("root.localhost. "), NULL, 10);
    }
    size_t at = 0;
    bool same = serial > 0;
    for (int c; same && (c = fgetc(file)) != EOF; at++)
        same = (unsigned char)body[at] == c && body[at] != '\0';
    *is_same = same && body[at] == '\0';
    (void)fclose(file);
    return serial;
}

/* Servers load a zone only when its serial has grown (RFC 1982). It is the time of the scores, so that the
 * same scores have the same one; and never less than that of the file that is there. */
enum status blocklist_write(const struct verdicts *verdicts, const char *dir, const struct suffixes *suffixes,
                            FILE *stream, struct error *err)
{
    char path[4200], *body = NULL;
    size_t bytes = 0;
    struct stat scores;
    bool is_same = false;
    FILE *copy = open_memstream(&body, &bytes);
    if (!copy)
        return error_set(err, STATUS_NO_MEMORY, "blocklist.rpz", "", "no room for domains");
    body_write(verdicts, suffixes, copy);
    if (fclose(copy) != 0) {
        free(body);
        return error_set(err, STATUS_NO_MEMORY, "blocklist.rpz", "", "no room for domains");
    }
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    uint32_t serial = stat(path, &scores) == 0 ? (uint32_t)scores.st_mtime : 1;
    (void)snprintf(path, sizeof path, "%s/blocklist.rpz", dir);
    const uint32_t before = serial_read(path, body, &is_same);
    if (before > 0 && is_same)
        serial = before;
    else if (before > 0 && (int32_t)(serial - before) <= 0)
        serial = before + 1;
    (void)fprintf(stream, HEAD, serial);
    (void)fputs(body, stream);
    free(body);
    return STATUS_OK;
}
