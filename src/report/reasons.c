/* The evidence of an IP: read from scores.h5, told in a terminal and as JSON. */
#include "internal.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Most pieces of evidence that are printed; scores.h5 has them all. */
#define REASONS_PRINTED 8

/* No day of the years 1970 to 10000 is farther from 1970. */
#define DAY_MOST INT64_C(4000000)

/* The tables of evidence, whole. */
struct evidence_file {
    const struct store_reader *reader;
    size_t count, picked_count;
    size_t *picked;  // of the IP
    int64_t *room;  // for a column
};

static enum status column_get(const struct evidence_file *file, const char *name, enum store_type type,
                              const char *dimension, size_t count, void *values, struct error *err)
{
    const struct store_column column = {.name = name, .type = type, .dimensions = {dimension}};
    return store_get(file->reader, &column, 0, count, values, err);
}

static enum status evidence_pick(struct evidence_file *file, const struct ip *ip, struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column column = {
        .name = "evidence_ip", .type = STORE_U8, .dimensions = {"evidence", "octet"}};
    uint8_t *octets = malloc(file->count * sizeof *ip + 1);
    file->picked = calloc(file->count + 1, sizeof *file->picked);
    file->room = malloc((file->count + 1) * sizeof *file->room);
    if (!octets || !file->picked || !file->room) {
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for evidence");
        goto done;
    }
    TRY(store_get(file->reader, &column, 0, file->count, octets, err));
    for (size_t i = 0; i < file->count; i++)
        if (memcmp(octets + i * sizeof *ip, ip, sizeof *ip) == 0)
            file->picked[file->picked_count++] = i;
done:
    free(octets);
    return status;
}

#define PICK(name, type, ctype, member)                                                                      \
    TRY(column_get(&file, name, type, "evidence", file.count, file.room, err));                              \
    for (size_t i = 0; i < file.picked_count; i++)                                                           \
    history->reasons[i].member = ((const ctype *)file.room)[file.picked[i]]

/* Copies text i of a heap into `to`, cut at a blank when it is too long. */
static bool text_copy(const char *heap, size_t heap_count, const int64_t *ends, size_t i, char *to,
                      size_t room)
{
    const int64_t from = i ? ends[i - 1] : 0;
    if (from < 0 || ends[i] < from || (size_t)ends[i] > heap_count)
        return false;
    size_t count = (size_t)(ends[i] - from);
    if (count >= room) {
        count = room - 1;
        while (count > 0 && heap[(size_t)from + count] != ' ')
            count--;
    }
    memcpy(to, heap + from, count);
    to[count] = '\0';
    return true;
}

static enum status heap_get(const struct evidence_file *file, const char *ends_name, const char *text_name,
                            const char *dimension, struct history *history, size_t offset, size_t room,
                            struct error *err)
{
    enum status status = STATUS_OK;
    size_t bytes = 0;
    char *heap = NULL;
    TRY(store_dimension_size(file->reader, dimension, &bytes, err));
    heap = bytes <= SIZE_MAX / 2 ? malloc(bytes + 1) : NULL;
    if (!heap)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for %zu bytes of names", bytes);
    TRY(column_get(file, text_name, STORE_CHAR, dimension, bytes, heap, err));
    TRY(column_get(file, ends_name, STORE_I64, "evidence", file->count, file->room, err));
    for (size_t i = 0; i < file->picked_count; i++)
        if (!text_copy(heap, bytes, file->room, file->picked[i], (char *)&history->reasons[i] + offset,
                       room)) {
            status = error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                               "%s points outside its text", ends_name);
            goto done;
        }
done:
    free(heap);
    return status;
}

static int compare_bits(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    if (x->bits != y->bits)
        return x->bits > y->bits ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return x->mechanism - y->mechanism ? x->mechanism - y->mechanism : strcmp(x->domain, y->domain);
}

enum status reasons_fill(const struct store_reader *reader, struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    struct evidence_file file = {.reader = reader};
    TRY(store_dimension_size(reader, "evidence", &file.count, err));
    if (file.count > SIZE_MAX / 1024)
        return error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                         "more evidence than there can be");
    TRY(evidence_pick(&file, &history->ip, err));
    history->reasons = calloc(file.picked_count + 1, sizeof *history->reasons);
    if (!history->reasons) {
        status = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for evidence");
        goto done;
    }
    history->reason_count = file.picked_count;
    PICK("evidence_day", STORE_I64, int64_t, day);
    PICK("evidence_value", STORE_I64, int64_t, value);
    PICK("evidence_threshold", STORE_I64, int64_t, threshold);
    PICK("evidence_bits", STORE_F64, double, bits);
    PICK("evidence_window_days", STORE_I32, int32_t, window_days);
    PICK("evidence_mechanism", STORE_I8, int8_t, mechanism);
    TRY(heap_get(&file, "evidence_domain_end", "evidence_domain", "evidence_domain_byte", history,
                 offsetof(struct reason, domain), sizeof history->reasons->domain, err));
    TRY(heap_get(&file, "evidence_name_end", "evidence_name", "evidence_name_byte", history,
                 offsetof(struct reason, names), sizeof history->reasons->names, err));
    for (size_t i = 0; i < history->reason_count; i++)
        if (history->reasons[i].mechanism < 0 || history->reasons[i].mechanism >= MECHANISMS ||
            history->reasons[i].day < -DAY_MOST || history->reasons[i].day > DAY_MOST) {
            status = error_set(err, STATUS_CORRUPT, "scores.h5", "run score again",
                               "a mechanism or a day that does not exist");
            goto done;
        }
    qsort(history->reasons, history->reason_count, sizeof *history->reasons, compare_bits);
done:
    free(file.picked);
    free(file.room);
    return status;
}

static void day_write(int64_t day, char text[16])
{
    int year = 0, month = 0, date = 0;
    civil_from_day(day, &year, &month, &date);
    (void)snprintf(text, 16, "%04d-%02d-%02d", year % 10000, month, date);
}

void reasons_print(const struct history *history, FILE *stream)
{
    if (history->reason_count == 0)
        return;
    (void)fprintf(stream,
                  "\nEvidence: a statistic against its threshold, in bits (1: twice the threshold)\n");
    for (size_t i = 0; i < history->reason_count && i < REASONS_PRINTED; i++) {
        const struct reason *reason = &history->reasons[i];
        const struct mechanism_info *info = mechanism_info((enum mechanism)reason->mechanism);
        char day[16], domain[4 * sizeof reason->domain], names[200];
        day_write(reason->day, day);
        (void)text_for_terminal(reason->domain, strlen(reason->domain), domain, sizeof domain);
        const size_t count = strlen(reason->names);
        (void)text_for_terminal(reason->names, count, names, sizeof names);
        const bool has_unit = strcmp(info->unit, "1") != 0;
        (void)fprintf(stream,
                      "  %s  %-11s %4.1f bits  %s%s%s: %" PRId64 "%s%s in %d day%s, threshold %" PRId64 "\n",
                      day, cause_name(info->cause), reason->bits, info->text, *domain ? ", " : "", domain,
                      reason->value, has_unit ? " " : "", has_unit ? info->unit : "", reason->window_days,
                      reason->window_days > 1 ? "s" : "", reason->threshold);
        if (count > 0)
            (void)fprintf(stream, "      %s\n", names);
    }
    if (history->reason_count > REASONS_PRINTED)
        (void)fprintf(stream, "  and %zu more in scores.h5\n", history->reason_count - REASONS_PRINTED);
}

void reasons_json(const struct history *history, struct json *json)
{
    json_open(json, "evidence", '[');
    for (size_t i = 0; i < history->reason_count; i++) {
        const struct reason *reason = &history->reasons[i];
        const struct mechanism_info *info = mechanism_info((enum mechanism)reason->mechanism);
        char day[16];
        day_write(reason->day, day);
        json_open(json, NULL, '{');
        json_text(json, "day", day, strlen(day));
        json_text(json, "cause", cause_name(info->cause), strlen(cause_name(info->cause)));
        json_text(json, "mechanism", info->name, strlen(info->name));
        json_text(json, "domain", reason->domain, strlen(reason->domain));
        json_integer(json, "window_days", reason->window_days);
        json_integer(json, "value", reason->value);
        json_integer(json, "threshold", reason->threshold);
        json_text(json, "unit", info->unit, strlen(info->unit));
        json_number(json, "bits", reason->bits);
        json_text(json, "names", reason->names, strlen(reason->names));
        json_close(json, '}');
    }
    json_close(json, ']');
}
