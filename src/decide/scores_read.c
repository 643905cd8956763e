/* Reading scores.h5 back: the rows and what the models said of them, so that they can be judged anew. */
#include "internal.h"

#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

/* No time of the years 1970 to 10000 is farther from 1970. */
#define SECONDS_MOST (INT64_C(1) << 40)

/* A file while this rank's run of rows is read. */
struct kept_file {
    const char *path;
    const struct store_reader *reader;
    size_t first, count;
    void *room;  // for one column of this rank's rows, 16 bytes each
};

static enum status column_get(const struct kept_file *file, const char *name, enum store_type type,
                              const char *second, void *values, struct error *err)
{
    const struct store_column column = {.name = name, .type = type, .dimensions = {"row", second}};
    return store_get(file->reader, &column, file->first, file->count, values, err);
}

#define ROW_GET(name, type, ctype, second, member)                                                           \
    TRY(column_get(file, name, type, second, file->room, err));                                              \
    for (size_t i = 0; i < file->count; i++)                                                                 \
    rows->items[i].member = ((const ctype *)file->room)[i]

static enum status rows_get(const struct kept_file *file, const struct zone *zone, struct scores_kept *kept,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct rows *rows = &kept->rows;
    ROW_GET("row_window", STORE_I64, int64_t, NULL, window_s);
    ROW_GET("row_queries", STORE_I64, int64_t, NULL, queries);
    ROW_GET("row_night", STORE_I8, uint8_t, NULL, is_night);
    ROW_GET("row_holiday", STORE_I8, uint8_t, NULL, is_holiday);
    ROW_GET("row_ip", STORE_U8, struct ip, "octet", ip);
    TRY(column_get(file, "row_seen", STORE_I8, NULL, kept->seen, err));
    TRY(column_get(file, "row_feature", STORE_F32, "feature", rows->shown, err));
    for (size_t i = 0; i < file->count; i++) {
        struct row_data *row = &rows->items[i];
        if (row->window_s < -SECONDS_MOST || row->window_s > SECONDS_MOST || row->queries < 0) {
            status = error_set(err, STATUS_CORRUPT, file->path, "run score again",
                               "a row that no run of quern writes");
            goto done;
        }
        row->day = zone_day_of(zone, row->window_s);
    }
done:
    return status;
}

static enum status scores_get(const struct kept_file *file, struct model_scores *scores, struct error *err)
{
    enum status status = STATUS_OK;
    // The shares of features are the widest; 0 bytes may be NULL.
#define X(name, member, type, second, units, text, meanings)                                                 \
    {                                                                                                        \
        const size_t width = (second) ? scores->columns : 1;                                                 \
        scores->member = calloc((file->count + 1) * width, sizeof *scores->member);                          \
        if (!scores->member) {                                                                               \
            status = error_set(err, STATUS_NO_MEMORY, file->path, "use more ranks", "no room for scores");   \
            goto done;                                                                                       \
        }                                                                                                    \
        TRY(column_get(file, #name, STORE_##type, second, scores->member, err));                             \
    }
#include "score_columns.def"
#undef X
done:
    return status;
}

static enum status roles_get(const struct team *team, const struct kept_file *file, struct scores_kept *kept,
                             struct error *err)
{
    enum status status = STATUS_OK;
    const struct store_column address = {
        .name = "ip_address", .type = STORE_U8, .dimensions = {"ip", "octet"}};
    const struct store_column role = {.name = "ip_role", .type = STORE_I8, .dimensions = {"ip"}};
    struct ip *ips = NULL;
    int8_t *roles = NULL;
    size_t count = 0;
    TRY(store_dimension_size(file->reader, "ip", &count, err));
    if (count <= SIZE_MAX / 64) {
        ips = calloc(count + 1, sizeof *ips);
        roles = calloc(count + 1, 1);
        kept->roles = calloc(count + 1, sizeof *kept->roles);
    }
    if (!ips || !roles || !kept->roles) {
        status = error_set(err, STATUS_NO_MEMORY, file->path, "", "no room for %zu IPs", count);
        goto done;
    }
    TRY(store_get(file->reader, &address, 0, count, ips, err));
    TRY(store_get(file->reader, &role, 0, count, roles, err));
    for (size_t i = 0; i < count; i++) {
        const bool is_good =
            roles[i] >= 0 && roles[i] < ROLES && (i == 0 || ip_compare(&ips[i - 1], &ips[i]) < 0);
        if (!is_good) {
            status = error_set(err, STATUS_CORRUPT, file->path, "run score again",
                               "IPs out of order, or a role that does not exist");
            goto done;
        }
        if (ip_owner(&ips[i], team_size(team)) == team_rank(team))
            kept->roles[kept->role_count++] = (struct ip_role){ips[i], roles[i]};
    }
done:
    free(ips);
    free(roles);
    return status;
}

static enum status head_get(const struct store_reader *reader, const char *path, const char *timezone,
                            struct scores_kept *kept, struct error *err)
{
    enum status status = STATUS_OK;
    struct scored *scored = &kept->scored;
    const struct store_column names = {
        .name = "feature_name", .type = STORE_CHAR, .dimensions = {"feature", "feature_character"}};
    size_t total = 0;
    int64_t level = 0;
    char text[64];
    TRY(store_get_attribute_text(reader, NULL, "timezone", text, sizeof text, err));
    if (strcmp(text, timezone) != 0) {
        status = error_set(err, STATUS_MISMATCH, path, "run score, which makes rows of the days of this zone",
                           "its days are those of %.64s, the job's those of %.64s", text, timezone);
        goto done;
    }
    TRY(store_dimension_size(reader, "row", &total, err));
    TRY(store_dimension_size(reader, "feature", &scored->columns, err));
    TRY(store_dimension_expect(reader, "octet", sizeof(struct ip), err));
    TRY(store_dimension_expect(reader, "feature_character", sizeof scored->names[0], err));
    if (total == 0 || total > SIZE_MAX / 4096 || scored->columns == 0 || scored->columns > FEATURES_MOST) {
        status =
            error_set(err, STATUS_CORRUPT, path, "run score again", "its rows or features are out of range");
        goto done;
    }
    kept->rows.total = (int64_t)total;
    TRY(store_get_attribute_text(reader, NULL, "feature_set", text, sizeof text, err));
    kept->rows.set = strcmp(text, "talk") == 0 ? FEATURE_SET_TALK : FEATURE_SET_FULL;
    TRY(store_get_attribute_i64(reader, NULL, "window_s", &kept->rows.window_s, err));
    TRY(store_get_attribute_i64(reader, NULL, "history_days", &kept->rows.history_days, err));
    TRY(store_get_attribute_i64(reader, NULL, "days", &kept->rows.day_count, err));
    TRY(store_get_attribute_i64(reader, NULL, "from_s", &scored->from_s, err));
    TRY(store_get_attribute_i64(reader, NULL, "to_s", &scored->to_s, err));
    TRY(store_get_attribute_i64(reader, NULL, "calibration_level", &level, err));
    if (scored->from_s < -SECONDS_MOST || scored->to_s > SECONDS_MOST || scored->from_s >= scored->to_s ||
        kept->rows.window_s < 1 || kept->rows.window_s > 86400 || level < 0 || level > 3) {
        status = error_set(err, STATUS_CORRUPT, path, "run score again",
                           "a span, a window or a level of calibration that does not exist");
        goto done;
    }
    scored->calibration_level = (int)level;
    if (store_has_attribute(reader, NULL, "hosts_fingerprint"))
        TRY(store_get_attribute_i64(reader, NULL, "hosts_fingerprint", &kept->hosts_fingerprint, err));
    TRY(store_get(reader, &names, 0, scored->columns, scored->names, err));
    for (size_t f = 0; f < scored->columns; f++)
        scored->names[f][sizeof scored->names[f] - 1] = '\0';
done:
    return status;
}

static enum status read_local(const struct team *team, const char *path, const char *timezone,
                              const struct zone *zone, struct scores_kept *kept, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct kept_file file = {.path = path};
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    TRY(store_open_local(path, &reader, err));
    TRY(head_get(reader, path, timezone, kept, err));
    const size_t total = (size_t)kept->rows.total;
    file.reader = reader;
    file.first = total / ranks * rank + total % ranks * rank / ranks;
    file.count = total / ranks * (rank + 1) + total % ranks * (rank + 1) / ranks - file.first;
    kept->rows.first = (int64_t)file.first;
    kept->rows.count = kept->rows.capacity = kept->scores.row_count = file.count;
    kept->scores.columns = kept->scored.columns;
    kept->rows.columns = kept->scored.columns;
    kept->rows.items = calloc(file.count + 1, sizeof *kept->rows.items);
    kept->rows.shown = calloc(file.count + 1, kept->scored.columns * sizeof *kept->rows.shown);
    kept->seen = calloc(file.count + 1, 1);
    file.room = malloc((file.count + 1) * sizeof(struct ip));
    if (!kept->rows.items || !kept->rows.shown || !kept->seen || !file.room) {
        status = error_set(err, STATUS_NO_MEMORY, path, "use more ranks", "no room for %zu rows", file.count);
        goto done;
    }
    TRY(rows_get(&file, zone, kept, err));
    TRY(scores_get(&file, &kept->scores, err));
    TRY(roles_get(team, &file, kept, err));
done:
    free(file.room);
    store_close(reader);
    return status;
}

enum status scores_read(const struct team *team, const char *path, const char *timezone,
                        const struct zone *zone, struct scores_kept *kept, struct error *err)
{
    enum status status = STATUS_OK;
    *kept = (struct scores_kept){0};
    TRY(team_agree(team, read_local(team, path, timezone, zone, kept, err), err));
    kept->scored.rows = &kept->rows;
    kept->scored.scores = &kept->scores;
    kept->scored.seen = kept->seen;
done:
    if (status != STATUS_OK)
        scores_kept_clear(kept);
    return status;
}

void scores_kept_clear(struct scores_kept *kept)
{
    rows_clear(&kept->rows);
    model_scores_free(&kept->scores);
    free(kept->seen);
    free(kept->roles);
    *kept = (struct scores_kept){0};
}
