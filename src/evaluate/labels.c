/* labels.csv: ip,start,end,family,parameters,queries. */
#include "internal.h"

#include "base/map.h"
#include "job/civil.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 6 };

static bool number_read(const char *text, size_t count, int64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return count > 0 && count < 18;
}

/* "2022-02-01 12:00:00" to local seconds. */
static bool time_read(const char *text, int64_t *local_s)
{
    int64_t day = 0, hour = 0, minute = 0, second = 0;
    if (strlen(text) != 19 || (text[10] != ' ' && text[10] != 'T') || !civil_day_read(text, 10, &day) ||
        !number_read(text + 11, 2, &hour) || !number_read(text + 14, 2, &minute) ||
        !number_read(text + 17, 2, &second) || hour > 23 || minute > 59 || second > 59)
        return false;
    *local_s = day * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

/* The value of a key in "key=value;key=value", [count] and borrowed; NULL without. */
static const char *parameter_of(const char *parameters, const char *key, size_t *count)
{
    const size_t key_count = strlen(key);
    for (const char *at = parameters; *at; at += strcspn(at, ";"), at += *at == ';')
        if (strncmp(at, key, key_count) == 0 && at[key_count] == '=') {
            *count = strcspn(at + key_count + 1, ";");
            return at + key_count + 1;
        }
    return NULL;
}

static int64_t parameter_number(const char *parameters, const char *key)
{
    size_t count = 0;
    int64_t value = 0;
    const char *text = parameter_of(parameters, key, &count);
    return text && number_read(text, count, &value) ? value : 0;
}

/* The set of a label's group, a new one when it is met first; 0 without a group, or without room. */
static int32_t group_put(struct evaluation *evaluation, const char *parameters)
{
    size_t count = 0;
    const char *text = parameter_of(parameters, "group", &count);
    if (!text || count == 0 || count >= sizeof evaluation->sets[0].name)
        return 0;
    for (size_t i = SET_GROUPS; i < evaluation->set_count; i++)
        if (strlen(evaluation->sets[i].name) == count && memcmp(evaluation->sets[i].name, text, count) == 0)
            return (int32_t)i;
    if (evaluation->set_count == sizeof evaluation->sets / sizeof evaluation->sets[0])
        return 0;
    memcpy(evaluation->sets[evaluation->set_count].name, text, count);
    return (int32_t)evaluation->set_count++;
}

static int32_t name_put(struct family_result *table, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(table[i].name, name) == 0)
            return (int32_t)i;
    if (*count == EVALUATE_FAMILIES || strlen(name) >= sizeof table->name || !*name)
        return -1;
    (void)snprintf(table[*count].name, sizeof table->name, "%s", name);
    return (int32_t)(*count)++;
}

static bool label_read(char *line, struct evaluation *evaluation, struct label *label)
{
    char *fields[FIELDS] = {line};
    int count = 1;
    int64_t start_s = 0, end_s = 0, queries = 1;
    for (char *at = line; *at; at++)
        if (*at == ',' && count < FIELDS) {
            *at = '\0';
            fields[count++] = at + 1;
        }
    if (count != FIELDS || !ip_read(fields[0], strlen(fields[0]), &label->ip) ||
        !time_read(fields[1], &start_s) || !time_read(fields[2], &end_s) || start_s >= end_s)
        return false;
    if (*fields[5] && !number_read(fields[5], strlen(fields[5]), &queries))
        return false;
    label->first_day = start_s / 86400;
    label->last_day = (end_s - 1) / 86400;
    label->family = label->kind = -1;
    label->queries = *fields[5] ? queries : 0;
    label->rate = parameter_number(fields[4], "rate");
    label->period = parameter_number(fields[4], "period");
    label->group = group_put(evaluation, fields[4]);
    label->is_idle = queries == 0 && strcmp(fields[3], "silence") != 0;
    if (strncmp(fields[3], "benign-", 7) == 0)
        label->kind = name_put(evaluation->kinds, &evaluation->kind_count, fields[3] + 7);
    else
        label->family = name_put(evaluation->families, &evaluation->family_count, fields[3]);
    return label->kind >= 0 || label->family >= 0;
}

static int compare_label(const void *a, const void *b)
{
    return ip_compare(&((const struct label *)a)->ip, &((const struct label *)b)->ip);
}

enum status labels_read(const char *path, struct labels *labels, struct evaluation *evaluation,
                        struct error *err)
{
    enum status status = STATUS_OK;
    char line[1024], where[sizeof err->where];
    long number = 0;
    FILE *stream = fopen(path, "re");
    if (!stream)
        return error_set(err, STATUS_IO, path, "", "cannot be read: %s", strerror(errno));
    while (fgets(line, sizeof line, stream)) {
        size_t count = strcspn(line, "\r\n");
        struct label label = {0};
        bool is_whole = line[count] != '\0' || feof(stream);
        line[count] = '\0';
        if (++number == 1 && strncmp(line, "ip,start,end,family", 19) == 0)
            continue;
        if (!is_whole || !label_read(line, evaluation, &label)) {
            (void)snprintf(where, sizeof where, "%.180s:%ld", path, number);
            status = error_set(err, STATUS_USAGE, where,
                               "such as 10.0.0.1,2022-02-01 00:00:00,2022-02-02 00:00:00,dga,,40",
                               "no label: ip,start,end,family,parameters,queries was expected");
            goto done;
        }
        TRY(array_reserve(&labels->items, &labels->capacity, labels->count + 1, sizeof label, err));
        labels->items[labels->count++] = label;
    }
    if (ferror(stream))
        status = error_set(err, STATUS_IO, path, "", "cannot be read: %s", strerror(errno));
    if (labels->count)
        qsort(labels->items, labels->count, sizeof *labels->items, compare_label);
done:
    (void)fclose(stream);
    return status;
}

void labels_place(struct labels *labels, const struct score_machines *machines, const struct zone *zone)
{
    for (size_t i = 0; machines->leases && i < labels->count; i++) {
        struct label *label = &labels->items[i];
        (void)leases_holder(machines->leases, &label->ip, zone_day_start(zone, label->first_day),
                            zone_day_start(zone, label->last_day + 1), &label->ip);
    }
    if (machines->leases && labels->count > 0)
        qsort(labels->items, labels->count, sizeof *labels->items, compare_label);
}
