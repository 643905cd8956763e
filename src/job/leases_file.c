/* leases.csv: ip,from,to,host. */
#include "job/leases.h"

#include "base/csv.h"
#include "base/text.h"
#include "civil.h"
#include "file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_IP, CELL_FROM, CELL_TO, CELL_HOST, CELLS };

#define HOUR_S 3600
#define MINUTE_S 60
#define EPOCH_DIGITS 9  // so many at least: fewer are a year, or a slip

/* Longer than any line of four cells that are used. */
#define LINE_BYTES 4096

/* Blanks at both ends go. */
static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    for (size_t count = strlen(text); count > 0 && strchr(" \t", text[count - 1]);)
        text[--count] = '\0';
    return text;
}

/* ---- times ---- */

/* Two digits. */
static bool two_read(const char *text, int64_t most, int64_t *value)
{
    return strlen(text) >= 2 && digits_read(text, 2, value) && *value <= most;
}

/* ":MM" */
static bool part_read(const char **at, int64_t most, int64_t *value)
{
    if (**at != ':' || !two_read(*at + 1, most, value))
        return false;
    *at += 3;
    return true;
}

/* A fraction of a second is none that counts. */
static void fraction_skip(const char **at)
{
    if (**at == '.' && (*at)[1] >= '0' && (*at)[1] <= '9')
        *at += 1 + strspn(*at + 1, "0123456789");
}

/* "Z", "UTC", "+09", "+0900" or "+09:00"; nothing: *has_zone is false. */
static bool offset_read(const char *at, bool *has_zone, int64_t *offset_s)
{
    int64_t hours = 0, minutes = 0;
    *has_zone = *at != '\0';
    *offset_s = 0;
    if (!*has_zone || strcmp(at, "Z") == 0 || strcmp(at, "z") == 0 || strcmp(at, "UTC") == 0)
        return true;
    if ((*at != '+' && *at != '-') || !two_read(at + 1, 23, &hours))
        return false;
    const char *rest = at + 3;
    rest += *rest == ':';
    if (*rest && (!two_read(rest, 59, &minutes) || rest[2]))
        return false;
    *offset_s = (hours * HOUR_S + minutes * MINUTE_S) * (*at == '-' ? -1 : 1);
    return true;
}

/* Seconds since 1970, or a date, with a time of day and a zone or without. A local time that the clock shows
 * twice has two readings, both the same for any other. */
static bool time_read(const char *text, const struct zone *zone, int64_t utc_s[2])
{
    int64_t day = 0, hour = 0, minute = 0, second = 0, offset_s = 0;
    bool has_zone = false;
    const char *at = text + strspn(text, "0123456789");
    if (at - text >= EPOCH_DIGITS) {
        if (!digits_read(text, (size_t)(at - text), utc_s))
            return false;
        fraction_skip(&at);
        utc_s[1] = utc_s[0];
        return *at == '\0' && utc_s[0] < LEASE_OPEN;
    }
    if (strlen(text) < 10 || !civil_day_read(text, 10, &day))
        return false;
    at = text + 10;
    if (*at == 'T' || (*at == ' ' && at[1] >= '0' && at[1] <= '9')) {
        if (!two_read(at + 1, 23, &hour))
            return false;
        at += 3;
        if (!part_read(&at, 59, &minute))
            return false;
        if (*at == ':' && !part_read(&at, 60, &second))
            return false;
        fraction_skip(&at);
    }
    at += *at == ' ';
    if (!offset_read(at, &has_zone, &offset_s))
        return false;
    const int64_t local_s = day * DAY_S + hour * HOUR_S + minute * MINUTE_S + second;
    utc_s[0] = utc_s[1] = local_s - offset_s;
    if (!has_zone)
        (void)zone_to_utc(zone, local_s, utc_s);
    return true;
}

/* ---- lines ---- */

struct reading {
    struct leases *leases;
    const struct zone *zone;
    int ipv6_bits;
    uint32_t line;
    bool had_line;  // that is no comment
};

static void bad_note(struct reading *reading, const char *what, const char *found)
{
    struct leases *leases = reading->leases;
    char shown[100];
    if (leases->bad_count++ >= LEASE_FAULTS)
        return;
    struct lease_fault *fault = &leases->bad[leases->bad_count - 1];
    (void)text_for_terminal(found, strlen(found), shown, sizeof shown);
    fault->line = reading->line;
    (void)snprintf(fault->what, sizeof fault->what, "\"%s\" is %s; the line is left out", shown, what);
}

/* A heading is a first line that has neither an address nor times. */
static bool is_heading(char *const *cells, size_t count, const struct zone *zone)
{
    struct ip ip;
    int64_t time_s[2];
    return !ip_read(cells[CELL_IP], strlen(cells[CELL_IP]), &ip) &&
           (count <= CELL_FROM || !time_read(cells[CELL_FROM], zone, time_s));
}

/* A lease whose cells have been read. One that ends in an hour that the clock shows twice ends in its second
 * pass when it would have ended before it began. */
static enum status lease_take(struct reading *reading, const struct ip *ip, const int64_t from_s[2],
                              const int64_t to_s[2], char *const *cells, struct error *err)
{
    struct error why = {0};
    struct lease lease = {.ip = *ip, .from_s = from_s[0], .line = reading->line};
    lease.to_s = to_s[0] > from_s[0] ? to_s[0] : to_s[1];
    if (lease.from_s >= lease.to_s) {
        bad_note(reading, "not behind the lease's start", cells[CELL_TO]);
        return STATUS_OK;
    }
    ip_mask_v6(&lease.ip, reading->ipv6_bits);
    const enum status status =
        leases_add(reading->leases, &lease, cells[CELL_HOST], strlen(cells[CELL_HOST]), &why);
    // Whoever names his machine so that its hash is another's loses his lease, and stops nobody's run.
    if (status == STATUS_USAGE)
        bad_note(reading, *why.hint ? "a name with the hash of another one" : "no name of a machine",
                 cells[CELL_HOST]);
    else if (status != STATUS_OK)
        *err = why;
    return status == STATUS_USAGE ? STATUS_OK : status;
}

static enum status line_take(struct reading *reading, char *line, struct error *err)
{
    char *cells[CELLS] = {NULL};
    int64_t from_s[2] = {0}, to_s[2] = {LEASE_OPEN, LEASE_OPEN};
    struct ip ip;
    const size_t count = csv_split(line, cells, CELLS);
    for (size_t i = 0; i < count; i++)
        cells[i] = trimmed(cells[i]);
    const bool is_first = !reading->had_line;
    reading->had_line = true;
    if (is_first && is_heading(cells, count, reading->zone))
        return STATUS_OK;
    if (count < CELLS)
        bad_note(reading, "where a line of ip,from,to,host ends too early", cells[count - 1]);
    else if (!ip_read(cells[CELL_IP], strlen(cells[CELL_IP]), &ip))
        bad_note(reading, "no address", cells[CELL_IP]);
    else if (!time_read(cells[CELL_FROM], reading->zone, from_s))
        bad_note(reading, "no time", cells[CELL_FROM]);
    else if (*cells[CELL_TO] && !time_read(cells[CELL_TO], reading->zone, to_s))
        bad_note(reading, "no time", cells[CELL_TO]);
    else
        return lease_take(reading, &ip, from_s, to_s, cells, err);
    return STATUS_OK;
}

/* A line without its end in line[LINE_BYTES + 2], of which no more is kept; how long it is, -1 at the end of
 * the file. */
static int64_t line_get(FILE *file, char *line)
{
    int64_t count = 0;
    int c = 0;
    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        if (count <= LINE_BYTES)
            line[count] = (char)c;
        count++;
    }
    if (c == EOF && count == 0)
        return -1;
    while (count > 0 && count <= LINE_BYTES + 1 && line[count - 1] == '\r')
        count--;
    line[count <= LINE_BYTES ? count : LINE_BYTES + 1] = '\0';
    return count;
}

static enum status lines_take(FILE *file, struct reading *reading, struct error *err)
{
    enum status status = STATUS_OK;
    char line[LINE_BYTES + 2];
    int64_t got = 0;
    while ((got = line_get(file, line)) >= 0) {
        char *text = line;
        reading->line++;
        if (reading->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) {
            text += 3;
            got -= 3;
        }
        if (got > LINE_BYTES || strlen(text) != (size_t)got) {
            const char *what = got > LINE_BYTES ? "the start of a line of more than 4096 bytes"
                                                : "what stands before a NUL byte";
            text[strlen(text) < 40 ? strlen(text) : 40] = '\0';
            bad_note(reading, what, text);
            reading->had_line = true;
            continue;
        }
        text = trimmed(text);
        if (*text && *text != '#')
            TRY(line_take(reading, text, err));
    }
done:
    return status;
}

enum status leases_read(const char *path, const struct zone *zone, int ipv6_bits, struct leases **out,
                        struct error *err)
{
    enum status status = STATUS_OK;
    struct reading reading = {.leases = leases_new(), .zone = zone, .ipv6_bits = ipv6_bits};
    char where[sizeof err->where];
    FILE *file = fopen(path, "rbe");
    const int reason = errno;
    where_write(path, 0, where);
    if (!reading.leases || !file) {
        status = reading.leases ? error_set(err, STATUS_IO, where, "", "cannot be read: %s", strerror(reason))
                                : error_set(err, STATUS_NO_MEMORY, where, "", "no room for leases");
        goto done;
    }
    status = lines_take(file, &reading, err);
    if (status == STATUS_OK && ferror(file))
        status = error_set(err, STATUS_IO, where, "check the file", "cannot be read");
    if (status != STATUS_OK)
        goto done;
    TRY(leases_settle(reading.leases, err));
    if (reading.leases->count == 0 && reading.leases->bad_count > 0) {
        where_write(path, (long)reading.leases->bad[0].line, where);
        status = error_set(err, STATUS_USAGE, where, "write ip,from,to,host",
                           "no line of the file is a lease; here %s", reading.leases->bad[0].what);
        goto done;
    }
    *out = reading.leases;
    reading.leases = NULL;
done:
    if (file)
        (void)fclose(file);
    leases_free(reading.leases);
    return status;
}
