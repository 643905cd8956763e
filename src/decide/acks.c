/* acks.csv: day,verdict,until,host,domain,mechanism,incident,reason. */
#include "acks.h"

#include "base/csv.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/zone.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL_DAY, CELL_ACK, CELL_UNTIL, CELL_HOST, CELL_DOMAIN, CELL_MECHANISM, CELLS };

static const char HEADING[] = "day,verdict,until,host,domain,mechanism,incident,reason";
static const char *const NAMES[ACKS] = {"none", "real", "benign", "unknown"};

const char *ack_name(enum ack ack)
{
    return NAMES[ack];
}

bool ack_read(const char *text, enum ack *ack)
{
    for (int a = ACK_REAL; a < ACKS; a++)
        if (strcmp(text, NAMES[a]) == 0) {
            *ack = (enum ack)a;
            return true;
        }
    return false;
}

static bool is_any(const char *text)
{
    return strcmp(text, "*") == 0;
}

static bool mechanism_read(const char *text, int32_t *mechanism)
{
    *mechanism = -1;
    if (is_any(text))
        return true;
    for (int m = 0; m < MECHANISMS; m++)
        if (strcmp(text, mechanism_info((enum mechanism)m)->name) == 0)
            *mechanism = m;
    return *mechanism >= 0;
}

static bool line_read(char *const cells[CELLS], struct ack_line *line)
{
    struct qname qname;
    enum ack ack = ACK_NONE;
    *line = (struct ack_line){.until = INT64_MAX};
    if (!day_read_text(cells[CELL_DAY], &line->day) || !ack_read(cells[CELL_ACK], &ack) ||
        !mechanism_read(cells[CELL_MECHANISM], &line->mechanism))
        return false;
    line->ack = (int32_t)ack;
    if (*cells[CELL_UNTIL] && !day_read_text(cells[CELL_UNTIL], &line->until))
        return false;
    line->any_host = is_any(cells[CELL_HOST]);
    line->any_domain = is_any(cells[CELL_DOMAIN]);
    if (!line->any_host && !ip_read(cells[CELL_HOST], strlen(cells[CELL_HOST]), &line->ip))
        return false;
    if (line->any_domain || !*cells[CELL_DOMAIN])
        return !(line->any_domain && line->any_host);  // all of everything is no entry
    // The apostrophe that keeps a spreadsheet from running a name is no part of it.
    const char *domain = cells[CELL_DOMAIN];
    domain += domain[0] == '\'' && domain[1] && strchr("=+-@", domain[1]);
    if (!qname_of_text(domain, strlen(domain), &qname))
        return false;
    line->domain = content_hash(qname.wire, qname.bytes);
    return true;
}

static enum status text_read(const char *path, char **text, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    FILE *file = fopen(path, "rb");
    FILE *copy = NULL;
    char block[4096];
    *text = NULL;
    *count = 0;
    if (!file && errno == ENOENT)
        return STATUS_OK;
    if (!file)
        return error_set(err, STATUS_IO, path, "check the file", "cannot be read: %s", strerror(errno));
    copy = open_memstream(text, count);
    for (size_t got = 1; copy && got > 0;) {
        got = fread(block, 1, sizeof block, file);
        (void)fwrite(block, 1, got, copy);
    }
    if (ferror(file))
        status = error_set(err, STATUS_IO, path, "check the disk", "cannot be read");
    if (!copy || fclose(copy) != 0)
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for it");
    (void)fclose(file);
    return status;
}

enum status acks_read(const char *path, struct acks *acks, struct error *err)
{
    enum status status = STATUS_OK;
    char *text = NULL, *rest = NULL;
    size_t count = 0;
    int64_t number = 0;
    *acks = (struct acks){0};
    TRY(text_read(path, &text, &count, err));
    rest = text && strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;  // a spreadsheet marks UTF-8 so
    for (char *line; rest && (line = strsep(&rest, "\n")) != NULL;) {
        char *cells[CELLS];
        struct ack_line made;
        number++;
        line[strcspn(line, "\r")] = '\0';
        if (!*line || (number == 1 && strncmp(line, "day,", 4) == 0))
            continue;
        if (csv_split(line, cells, CELLS) < CELLS || !line_read(cells, &made)) {
            acks->first_odd = acks->odd++ ? acks->first_odd : number;
            continue;
        }
        TRY(array_reserve(&acks->items, &acks->capacity, acks->count + 1, sizeof made, err));
        acks->items[acks->count++] = made;
    }
done:
    free(text);
    if (status != STATUS_OK)
        acks_clear(acks);
    return status;
}

void acks_clear(struct acks *acks)
{
    free(acks->items);
    *acks = (struct acks){0};
}

static bool covers(const struct ack_line *line, const struct machine_plan *machines,
                   const struct evidence *item)
{
    const struct ip_range host = {line->ip, 8 * (int)sizeof line->ip};
    return (line->any_host || machine_in_range(machines, &item->ip, item->day, &host)) &&
           (line->any_domain || line->domain == item->domain) &&
           (line->mechanism < 0 || line->mechanism == item->mechanism) && item->day <= line->until;
}

void acks_mark(const struct acks *acks, const struct machine_plan *machines,
               const struct evidence_list *evidence, uint8_t *marks)
{
    for (size_t i = 0; i < evidence->count; i++) {
        const struct evidence *item = &evidence->items[i];
        const bool is_critical = item->feed >= 0 && item->bits >= EVIDENCE_BITS_CRITICAL;
        marks[i] = ACK_NONE;
        for (size_t a = acks->count; a-- > 0 && marks[i] == ACK_NONE;)
            if (covers(&acks->items[a], machines, item) && !(is_critical && acks->items[a].ack == ACK_BENIGN))
                marks[i] = (uint8_t)acks->items[a].ack;
    }
}

/* What a line is about; plain bytes. */
struct ack_key {
    struct ip ip;
    uint64_t domain;
    int32_t mechanism;
    uint32_t any;
};

enum status acks_count(const struct acks *acks, struct ack_count *counts, struct error *err)
{
    enum status status = STATUS_OK;
    struct map seen;
    map_init(&seen, sizeof(struct ack_key), sizeof(struct ack_key));
    memset(counts, 0, MECHANISMS * sizeof *counts);
    for (size_t a = acks->count; a-- > 0;) {  // the last word first
        const struct ack_line *line = &acks->items[a];
        const struct ack_key key = {line->ip, line->domain, line->mechanism,
                                    (uint32_t)line->any_host | (uint32_t)line->any_domain << 1};
        void *found = NULL;
        bool fresh = false;
        TRY(map_put(&seen, &key, &found, &fresh, err));
        if (!fresh || line->mechanism < 0)
            continue;
        counts[line->mechanism].real += line->ack == ACK_REAL;
        counts[line->mechanism].benign += line->ack == ACK_BENIGN;
        counts[line->mechanism].unknown += line->ack == ACK_UNKNOWN;
    }
done:
    map_clear(&seen);
    return status;
}

/* ---- writing ---- */

static void day_cell(FILE *stream, int64_t day)
{
    char text[DAY_TEXT_BYTES] = "";
    if (day != INT64_MAX)
        day_write_text(day, text);
    (void)fprintf(stream, "%s,", text);
}

static void entry_write(FILE *stream, const struct ack_entry *entry, enum ack ack, int64_t day, int64_t until,
                        const char *reason)
{
    day_cell(stream, day);
    (void)fprintf(stream, "%s,", ack_name(ack));
    day_cell(stream, until);
    csv_cell(stream, entry->host);
    (void)fputc(',', stream);
    csv_cell(stream, entry->domain);
    (void)fputc(',', stream);
    csv_cell(stream, entry->mechanism);
    if (entry->incident)
        (void)fprintf(stream, ",%016" PRIx64 ",", entry->incident);
    else
        (void)fputs(",,", stream);
    csv_cell_utf8(stream, reason);
    (void)fputc('\n', stream);
}

static enum status entries_check(const struct ack_entry *entries, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        char day[] = "2022-02-01", none[] = "", ack[] = "real", host[QNAME_TEXT_BYTES],
             domain[QNAME_TEXT_BYTES], mechanism[64];
        char *cells[CELLS] = {day, ack, none, host, domain, mechanism};
        struct ack_line line;
        (void)snprintf(host, sizeof host, "%s", entries[i].host);
        (void)snprintf(domain, sizeof domain, "%s", entries[i].domain);
        (void)snprintf(mechanism, sizeof mechanism, "%s", entries[i].mechanism);
        if (!line_read(cells, &line))
            return error_set(err, STATUS_USAGE, host,
                             "write HOST DOMAIN MECHANISM, as quern show has them, or * for any",
                             "\"%.40s %.60s\" is no pair and mechanism", domain, mechanism);
    }
    return STATUS_OK;
}

enum status acks_add(const char *path, const struct ack_entry *entries, size_t count, enum ack ack,
                     int64_t day, int64_t until, const char *reason, struct error *err)
{
    enum status status = STATUS_OK;
    char part[4300];
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = NULL;
    TRY(entries_check(entries, count, err));
    TRY(text_read(path, &text, &bytes, err));
    (void)snprintf(part, sizeof part, "%s.part", path);
    stream = fopen(part, "wb");
    if (!stream) {
        status =
            error_set(err, STATUS_IO, part, "check the folder", "cannot be written: %s", strerror(errno));
        goto done;
    }
    if (bytes == 0)
        (void)fprintf(stream, "%s\n", HEADING);
    (void)fwrite(text ? text : "", 1, bytes, stream);
    if (text && bytes > 0 && text[bytes - 1] != '\n')
        (void)fputc('\n', stream);
    for (size_t i = 0; i < count; i++)
        entry_write(stream, &entries[i], ack, day, until, reason);
    const bool good = fflush(stream) == 0 && !ferror(stream) && fsync(fileno(stream)) == 0;
    if (fclose(stream) != 0 || !good || rename(part, path) != 0) {
        status = error_set(err, STATUS_IO, path, "check the disk", "cannot be written: %s", strerror(errno));
        (void)unlink(part);
    }
done:
    free(text);
    return status;
}
