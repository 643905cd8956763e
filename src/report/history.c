/* Reading an IP's rows out of scores.h5. */
#include "internal.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file while its columns are read: room for one column of all rows, 8 bytes each. */
struct source {
    const char *path;
    struct store_reader *reader;
    size_t rows, features;
    void *room;
    size_t *picked;  // [picked_count] rows of the IP
    size_t picked_count;
};

static enum status column_get(const struct source *source, const char *name, enum store_type type,
                              const char *dimension, const char *second, size_t count, void *values,
                              struct error *err)
{
    struct store_column column = {.name = name, .type = type, .dimensions = {dimension, second}};
    return store_get(source->reader, &column, 0, count, values, err);
}

static int compare_rows(const void *a, const void *b)
{
    const struct history_row *x = a, *y = b;
    return (x->window_s > y->window_s) - (x->window_s < y->window_s);
}

static enum status rows_pick(struct source *source, const struct ip *ip, struct error *err)
{
    enum status status = STATUS_OK;
    uint8_t *octets = malloc(source->rows * sizeof(struct ip) + 1);
    free(source->picked);
    source->picked = malloc((source->rows + 1) * sizeof *source->picked);
    if (!octets || !source->picked) {
        status = error_set(err, STATUS_NO_MEMORY, source->path, "", "no room for %zu rows", source->rows);
        goto done;
    }
    TRY(column_get(source, "row_ip", STORE_U8, "row", "octet", source->rows, octets, err));
    for (size_t row = 0; row < source->rows; row++)
        if (memcmp(octets + row * sizeof *ip, ip, sizeof *ip) == 0)
            source->picked[source->picked_count++] = row;
done:
    free(octets);
    return status;
}

/* Whether a row could be quern's own: what is worked out of it then stays inside its numbers. */
static bool row_fits(const struct history_row *row, size_t features)
{
    const int64_t most = (int64_t)1 << 40;
    for (int m = 0; m < GROUP_MODELS; m++)
        if ((row->group[m] & ~1) != 0)
            return false;
    if (row->cause < -1 || row->cause >= (int32_t)features || row->usual_rows < 0 || row->role_rows < 0)
        return false;
    return row->window_s > -most && row->window_s < most && row->queries > 0 && row->queries < most &&
           (row->night & ~1) == 0 && (row->holiday & ~1) == 0;
}

#define PICK(name, type, ctype, member)                                                                      \
    TRY(column_get(source, name, type, "row", NULL, source->rows, source->room, err));                       \
    for (size_t i = 0; i < source->picked_count; i++)                                                        \
    history->rows[i].member = ((const ctype *)source->room)[source->picked[i]]

static enum status rows_fill(const struct source *source, struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    PICK("row_window", STORE_I64, int64_t, window_s);
    PICK("row_queries", STORE_I64, int64_t, queries);
    PICK("row_night", STORE_I8, int8_t, night);
    PICK("row_holiday", STORE_I8, int8_t, holiday);
    PICK("row_seen", STORE_I8, int8_t, seen);
    PICK("row_kmeans2_group", STORE_I8, int8_t, group[GROUP_KMEANS2]);
    PICK("row_kmeans_group", STORE_I8, int8_t, group[GROUP_KMEANS]);
    PICK("row_autoencoder_group", STORE_I8, int8_t, group[GROUP_AUTOENCODER]);
    PICK("row_kmeans_cluster", STORE_I32, int32_t, kmeans_cluster);
    PICK("row_kmeans_distance", STORE_I64, int64_t, kmeans_distance);
    PICK("row_kmeans_p", STORE_F64, double, kmeans_p);
    PICK("row_autoencoder_error", STORE_F64, double, autoencoder_error);
    PICK("row_autoencoder_p", STORE_F64, double, autoencoder_p);
    PICK("row_score", STORE_F64, double, score);
    PICK("row_cause", STORE_I32, int32_t, cause);
    PICK("row_usual_rows", STORE_I32, int32_t, usual_rows);
    PICK("row_usual_low", STORE_F32, float, usual_low);
    PICK("row_usual_high", STORE_F32, float, usual_high);
    PICK("row_role_rows", STORE_I32, int32_t, role_rows);
    PICK("row_role_low", STORE_F32, float, role_low);
    PICK("row_role_middle", STORE_F32, float, role_middle);
    PICK("row_role_high", STORE_F32, float, role_high);
    for (size_t i = 0; i < history->row_count; i++)
        if (!row_fits(&history->rows[i], source->features))
            return error_set(err, STATUS_CORRUPT, source->path, "run score again",
                             "a row that no run of quern writes");
done:
    return status;
}

static int compare_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Features of the IP's rows, and the middle and ends of everybody's. */
static enum status features_fill(const struct source *source, struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    size_t columns = source->features;
    const struct {
        const char *name;
        size_t offset;
    } matrices[] = {{"row_feature", offsetof(struct history_row, feature)},
                    {"row_kmeans_share", offsetof(struct history_row, kmeans_share)},
                    {"row_autoencoder_share", offsetof(struct history_row, autoencoder_share)}};
    float *values = malloc((source->rows * columns + 1) * sizeof *values);
    if (!values)
        return error_set(err, STATUS_NO_MEMORY, source->path, "", "no room for %zu rows", source->rows);
    for (size_t m = sizeof matrices / sizeof matrices[0]; m-- > 0;) {
        TRY(column_get(source, matrices[m].name, STORE_F32, "row", "feature", source->rows, values, err));
        for (size_t i = 0; i < source->picked_count; i++)
            memcpy((char *)&history->rows[i] + matrices[m].offset, values + source->picked[i] * columns,
                   columns * sizeof *values);
    }
    // row_feature came last and is still there.
    for (size_t f = 0; f < columns; f++) {
        float *column = source->room;
        for (size_t row = 0; row < source->rows; row++)
            column[row] = values[row * columns + f];
        qsort(column, source->rows, sizeof *column, compare_float);
        history->peer_low[f] = column[(source->rows - 1) / 20];
        history->peer_middle[f] = column[(source->rows - 1) / 2];
        history->peer_high[f] = column[(source->rows - 1) * 19 / 20];
    }
done:
    free(values);
    return status;
}

static enum status ip_get(const struct source *source, const char *name, enum store_type type, size_t at,
                          void *value, struct error *err)
{
    struct store_column column = {.name = name, .type = type, .dimensions = {"ip"}};
    return store_get(source->reader, &column, at, 1, value, err);
}

static enum status day_get(const struct source *source, const char *name, enum store_type type, size_t at,
                           void *value, struct error *err)
{
    struct store_column column = {.name = name, .type = type, .dimensions = {"day"}};
    return store_get(source->reader, &column, at, 1, value, err);
}

static enum status ip_fill(struct source *source, struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0, at = 0;
    uint8_t *octets = NULL;
    int8_t marks[2 * GROUP_MODELS];
    TRY(store_dimension_size(source->reader, "ip", &count, err));
    octets = malloc(count * sizeof history->ip + 1);
    if (!octets)
        return error_set(err, STATUS_NO_MEMORY, source->path, "", "no room for %zu IPs", count);
    TRY(column_get(source, "ip_address", STORE_U8, "ip", "octet", count, octets, err));
    while (at < count && memcmp(octets + at * sizeof history->ip, &history->ip, sizeof history->ip) != 0)
        at++;
    history->ip_count = (int64_t)count;
    if (at == count) {
        status = error_set(err, STATUS_CORRUPT, source->path, "run score again",
                           "the IP has rows, but no place among the IPs");
        goto done;
    }
    TRY(ip_get(source, "ip_score", STORE_F64, at, &history->score, err));
    TRY(ip_get(source, "ip_model_score", STORE_F64, at, &history->model_score, err));
    TRY(ip_get(source, "ip_strength", STORE_F64, at, &history->strength, err));
    TRY(ip_get(source, "ip_cause", STORE_I8, at, &history->cause, err));
    TRY(ip_get(source, "ip_days", STORE_I64, at, &history->days, err));
    TRY(ip_get(source, "ip_rank", STORE_I64, at, &history->rank, err));
    TRY(ip_get(source, "ip_verdict", STORE_I8, at, &history->verdict, err));
    TRY(ip_get(source, "ip_role", STORE_I8, at, &history->role, err));
    for (int m = 0; m < GROUP_MODELS; m++) {
        char both[64], always[64];
        (void)snprintf(both, sizeof both, "ip_%s_both", group_model_name((enum group_model)m));
        (void)snprintf(always, sizeof always, "ip_%s_always", group_model_name((enum group_model)m));
        TRY(ip_get(source, both, STORE_I8, at, &marks[2 * m], err));
        TRY(ip_get(source, always, STORE_I8, at, &marks[2 * m + 1], err));
        char days[64];
        (void)snprintf(days, sizeof days, "ip_%s_both_days", group_model_name((enum group_model)m));
        TRY(ip_get(source, days, STORE_I64, at, &history->both_days[m], err));
        history->both[m] = marks[2 * m];
        history->always[m] = marks[2 * m + 1];
    }
    if (history->cause < 0 || history->cause > CAUSES || history->role < 0 || history->role >= ROLES ||
        history->verdict < 0 || history->verdict >= VERDICTS)
        status = error_set(err, STATUS_CORRUPT, source->path, "run score again",
                           "a role or verdict that does not exist");
done:
    free(octets);
    return status;
}

/* The IP's days, which stand in order of days in the file. */
static enum status days_fill(const struct source *source, struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    struct ip *ips = NULL;
    TRY(store_dimension_size(source->reader, "day", &count, err));
    ips = count <= SIZE_MAX / 64 ? malloc((count + 1) * sizeof *ips) : NULL;
    history->day_items = ips ? calloc(count + 1, sizeof *history->day_items) : NULL;
    if (!history->day_items) {
        status = error_set(err, STATUS_NO_MEMORY, source->path, "", "no room for %zu days", count);
        goto done;
    }
    TRY(column_get(source, "day_ip", STORE_U8, "day", "octet", count, ips, err));
    for (size_t i = 0; i < count; i++) {
        if (ip_compare(&ips[i], &history->ip) != 0)
            continue;
        struct history_day *day = &history->day_items[history->day_count++];
        TRY(day_get(source, "day_date", STORE_I64, i, &day->day, err));
        TRY(day_get(source, "day_windows", STORE_I32, i, &day->windows, err));
        TRY(day_get(source, "day_changed_hands", STORE_I8, i, &day->changed_hands, err));
        TRY(day_get(source, "day_score", STORE_F64, i, &day->score, err));
        TRY(day_get(source, "day_p", STORE_F64, i, &day->p, err));
        TRY(day_get(source, "day_q", STORE_F64, i, &day->q, err));
        if (day->day < -DAY_MOST || day->day > DAY_MOST) {
            status =
                error_set(err, STATUS_CORRUPT, source->path, "run score again", "a day that does not exist");
            goto done;
        }
    }
done:
    free(ips);
    return status;
}

static enum status head_fill(struct source *source, const char *path, struct history *history,
                             struct error *err)
{
    enum status status = STATUS_OK;
    char language[16];
    TRY(store_dimension_size(source->reader, "row", &source->rows, err));
    TRY(store_dimension_size(source->reader, "feature", &source->features, err));
    TRY(store_dimension_expect(source->reader, "octet", sizeof history->ip, err));
    TRY(store_dimension_expect(source->reader, "feature_character", sizeof history->feature_names[0], err));
    if (source->rows == 0 || source->rows > SIZE_MAX / 1024 || source->features == 0 ||
        source->features > FEATURES_MOST)
        return error_set(err, STATUS_CORRUPT, path, "run score again",
                         "its rows or features are out of range");
    history->feature_count = source->features;
    TRY(store_get_attribute_i64(source->reader, NULL, "window_s", &history->window_s, err));
    TRY(store_get_attribute_text(source->reader, NULL, "timezone", history->timezone,
                                 sizeof history->timezone, err));
    TRY(store_get_attribute_text(source->reader, NULL, "language", language, sizeof language, err));
    (void)language_read(language, &history->language);  // one that is not known is English
    TRY(zone_load(history->timezone, &history->zone, err));
    TRY(column_get(source, "feature_name", STORE_CHAR, "feature", "feature_character", source->features,
                   history->feature_names, err));
    for (size_t f = 0; f < source->features; f++)
        history->feature_names[f][sizeof history->feature_names[f] - 1] = '\0';
    source->room = malloc(source->rows * sizeof(int64_t));
    if (!source->room)
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for %zu rows", source->rows);
done:
    return status;
}

/* The machine that is meant: by name, or by an address that has no rows of its own. An address is never a
 * name: who calls his machine as somebody else's address must not stand before that. */
static enum status machine_find(struct source *source, const char *text, bool is_address,
                                struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    const struct score_machines *machines = &history->machines;
    const struct machine *named =
        machines->leases && !is_address ? leases_named(machines->leases, text) : NULL;
    if (named)
        history->ip = named->number;
    else if (!is_address)
        return error_set(err, STATUS_USAGE, text, "write it as 10.0.0.1 or fd00::1",
                         machines->leases ? "no IP address, and no machine of the leases" : "no IP address");
    TRY(rows_pick(source, &history->ip, err));
    // The leases of an address stand by time: the last one in the span.
    for (size_t i = machines->leases ? machines->leases->count : 0; i-- > 0 && source->picked_count == 0;) {
        const struct lease *lease = &machines->leases->items[i];
        struct ip number = machines->leases->machines[lease->machine].number;
        if (ip_compare(&lease->ip, &history->ip) != 0)
            continue;
        TRY(rows_pick(source, &number, err));
        if (source->picked_count > 0)
            history->ip = number;
    }
done:
    return status;
}

enum status history_read(const char *dir, const char *host, struct history *history, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4200], text[256];
    struct source source = {.path = path};
    struct ip ip = {{0}};
    const bool is_address = ip_read(host, strlen(host), &ip);
    *history = (struct history){.ip = ip};
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    TRY(store_open_local(path, &source.reader, err));
    TRY(head_fill(&source, path, history, err));
    TRY(machines_get(source.reader, &history->machines, err));
    TRY(machine_find(&source, host, is_address, history, err));
    (void)text_for_terminal(host, strlen(host), text, sizeof text);
    if (source.picked_count == 0) {
        status = error_set(err, STATUS_NO_INPUT, path, "check the address, and archive.clients of the job",
                           "no row of %s in it", text);
        goto done;
    }
    history->rows = calloc(source.picked_count, sizeof *history->rows);
    if (!history->rows) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for %zu rows", source.picked_count);
        goto done;
    }
    history->row_count = source.picked_count;
    TRY(rows_fill(&source, history, err));
    TRY(days_fill(&source, history, err));
    TRY(features_fill(&source, history, err));
    TRY(ip_fill(&source, history, err));
    TRY(reasons_get(source.reader, &history->ip, &history->reasons, err));
    qsort(history->rows, history->row_count, sizeof *history->rows, compare_rows);
done:
    store_close(source.reader);
    free(source.room);
    free(source.picked);
    if (status != STATUS_OK)
        history_clear(history);
    return status;
}

void history_clear(struct history *history)
{
    free(history->rows);
    free(history->day_items);
    reasons_clear(&history->reasons);
    score_machines_clear(&history->machines);
    zone_free(history->zone);
    *history = (struct history){0};
}
