/* scores.h5: what was found, for Python, R and quern show. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status scores_put(const struct part *part, const char *name, enum store_type type, const char *second,
                       const char *units, const char *text, const char *meanings, const void *values,
                       struct error *err)
{
    struct store_column column = {.name = name,
                                  .type = type,
                                  .dimensions = {part->dimension, second},
                                  .units = units,
                                  .long_name = text,
                                  .flag_meanings = meanings};
    return store_put_part(part->team, part->writer, &column, part->first, part->count, values, err);
}

/* ---- rows ---- */

#define ROW_MEMBER(name, type, ctype, units, text, meanings, member)                                         \
    for (size_t i = 0; i < rows->count; i++)                                                                 \
        ((ctype *)part->room)[i] = (ctype)rows->items[i].member;                                             \
    TRY(scores_put(part, name, type, NULL, units, text, meanings, part->room, err))

enum status scores_put_addresses(const struct part *part, const char *octets_name, const char *text_name,
                                 const void *items, size_t item_bytes, struct error *err)
{
    enum status status = STATUS_OK;
    struct ip *octets = calloc(part->count + 1, sizeof *octets);
    char *texts = calloc(part->count + 1, IP_COLUMN_BYTES);
    bool had = octets && texts;
    TRY(team_agree(part->team,
                   had ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, text_name, "", "no room for addresses"),
                   err));
    for (size_t i = 0; i < part->count; i++) {
        char text[IP_TEXT_BYTES];
        memcpy(&octets[i], (const char *)items + i * item_bytes, sizeof *octets);
        memcpy(texts + i * IP_COLUMN_BYTES, text, ip_write(&octets[i], text));
    }
    TRY(scores_put(part, octets_name, STORE_U8, "octet", "", "IP, IPv4 mapped into IPv6", NULL, octets, err));
    TRY(scores_put(part, text_name, STORE_CHAR, "ip_character", "", "IP", NULL, texts, err));
done:
    free(octets);
    free(texts);
    return status;
}

static enum status rows_put(const struct part *part, const struct rows *rows, const uint8_t *seen,
                            struct error *err)
{
    enum status status = STATUS_OK;
    ROW_MEMBER("row_window", STORE_I64, int64_t, TIME_UNITS, "start of the window", NULL, window_s);
    // The address is cut out of whole rows; the texts begin where `ip` does.
    TRY(scores_put_addresses(part, "row_ip", "row_ip_text",
                             rows->count ? (const char *)rows->items + offsetof(struct row_data, ip) : NULL,
                             sizeof *rows->items, err));
    ROW_MEMBER("row_queries", STORE_I64, int64_t, "1", "queries in the window", NULL, queries);
    ROW_MEMBER("row_night", STORE_I8, int8_t, "", "whether the window begins in the night hours", "day night",
               is_night);
    ROW_MEMBER("row_holiday", STORE_I8, int8_t, "", "whether it is a weekend or holiday", "workday holiday",
               is_holiday);
    TRY(scores_put(part, "row_seen", STORE_I8, NULL, "",
                   "whether the fit saw the row: its p-values are then optimistic", "new seen", seen, err));
    TRY(scores_put(part, "row_feature", STORE_F32, "feature", "",
                   "features of the row: shares, counts, bytes", NULL, rows->shown, err));
done:
    return status;
}

static enum status row_scores_put(const struct part *part, const struct model_scores *scores,
                                  struct error *err)
{
    enum status status = STATUS_OK;
#define X(name, member, type, second, units, text, meanings)                                                 \
    TRY(scores_put(part, #name, STORE_##type, second, units, text, meanings, scores->member, err));
#include "score_columns.def"
#undef X
done:
    return status;
}

/* ---- IPs ---- */

#define IP_MEMBER(name, type, ctype, units, text, meanings, value)                                           \
    for (size_t i = 0; i < part->count; i++) {                                                               \
        const struct ip_judged *ip = &items[i];                                                              \
        ((ctype *)part->room)[i] = (ctype)(value);                                                           \
    }                                                                                                        \
    TRY(scores_put(part, name, type, NULL, units, text, meanings, part->room, err))

static enum status ip_groups_put(const struct part *part, const struct ip_judged *items,
                                 enum group_model model, struct error *err)
{
    enum status status = STATUS_OK;
    char name[64];
    const char *of = group_model_name(model);
    (void)snprintf(name, sizeof name, "ip_%s_minority_rows", of);
    IP_MEMBER(name, STORE_I64, int64_t, "1", "rows in the minority group", NULL, ip->minority_rows[model]);
    (void)snprintf(name, sizeof name, "ip_%s_both", of);
    IP_MEMBER(name, STORE_I8, int8_t, "", "rows in both groups over the span: it changed its behaviour",
              "no yes", ip_in_both(ip, model));
    (void)snprintf(name, sizeof name, "ip_%s_both_days", of);
    IP_MEMBER(name, STORE_I64, int64_t, "1", "days with rows in both groups", NULL, ip->both_days[model]);
    (void)snprintf(name, sizeof name, "ip_%s_always", of);
    IP_MEMBER(name, STORE_I8, int8_t, "", "all rows in the minority group: it did not change", "no yes",
              ip_always_minority(ip, model));
done:
    return status;
}

static enum status ips_put(const struct part *part, const struct ip_judged *items, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(scores_put_addresses(part, "ip_address", "ip_text", items, sizeof *items, err));
    IP_MEMBER("ip_score", STORE_F64, double, "1",
              "1 + ip_strength where there is evidence, and m/(1 + m) for m = ip_model_score", NULL,
              ip->score);
    IP_MEMBER("ip_model_score", STORE_F64, double, "1",
              "mean of the three largest row scores; fewer rows count as 0", NULL, ip->model_score);
    IP_MEMBER("ip_strength", STORE_F64, double, "bit",
              "strength of the gravest incident, by verdict, then strength; 0 without one", NULL,
              ip->strength);
    IP_MEMBER("ip_cause", STORE_I8, int8_t, "", "cause of the gravest incident", CAUSE_OR_NONE,
              ip->cause + 1);
    IP_MEMBER("ip_rank", STORE_I64, int64_t, "1", "1 is the largest score", NULL, ip->rank);
    IP_MEMBER("ip_verdict", STORE_I8, int8_t, "", "verdict over the span", VERDICT_MEANINGS, ip->verdict);
    IP_MEMBER("ip_role", STORE_I8, int8_t, "", "what the IP is, by its days", "client server many_hosts",
              ip->role);
    IP_MEMBER("ip_rows", STORE_I64, int64_t, "1", "windows with a query", NULL, ip->rows);
    IP_MEMBER("ip_days", STORE_I64, int64_t, "1", "days with a query", NULL, ip->days);
    IP_MEMBER("ip_queries", STORE_I64, int64_t, "1", "queries", NULL, ip->queries);
    for (int model = 0; model < GROUP_MODELS; model++)
        TRY(ip_groups_put(part, items, (enum group_model)model, err));
done:
    return status;
}

/* ---- days ---- */

#define DAY_MEMBER(name, type, ctype, units, text, meanings, value)                                          \
    for (size_t i = 0; i < part->count; i++)                                                                 \
        ((ctype *)part->room)[i] = (ctype)(items[i].value);                                                  \
    TRY(scores_put(part, name, type, NULL, units, text, meanings, part->room, err))

static enum status days_put(const struct part *part, const struct day_judged *items, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(scores_put_addresses(part, "day_ip", "day_ip_text", items, sizeof *items, err));
    DAY_MEMBER("day_date", STORE_I64, int64_t, "days since 1970-01-01", "local day", NULL, day);
    DAY_MEMBER("day_windows", STORE_I32, int32_t, "1", "windows with a query", NULL, windows);
    DAY_MEMBER("day_score", STORE_F64, double, "1",
               "mean of the day's three largest row scores; fewer rows count as 0", NULL, score);
    DAY_MEMBER("day_p", STORE_F64, double, "1",
               "share of normal days with about as many windows that have such a score", NULL, p);
    DAY_MEMBER("day_q", STORE_F64, double, "1",
               "false discovery rate at which the day stands out among those of all IPs on its date", NULL,
               q);
    DAY_MEMBER("day_changed_hands", STORE_I8, int8_t, "",
               "the address seems to be another machine's from this day on", "no yes", changed_hands);
    for (int m = 0; m < GROUP_MODELS; m++) {
        char name[64];
        (void)snprintf(name, sizeof name, "day_%s_both", group_model_name((enum group_model)m));
        DAY_MEMBER(name, STORE_I8, int8_t, "", "rows in both groups on this day", "no yes", both[m]);
    }
done:
    return status;
}

/* ---- the file ---- */

static enum status head_put_local(struct store_writer *writer, const struct scores_file *file,
                                  const struct scored *scored, struct error *err)
{
    enum status status = STATUS_OK;
    const struct rows *rows = scored->rows;
    TRY(store_attribute_text(writer, NULL, "timezone", file->timezone, err));
    TRY(store_attribute_text(writer, NULL, "language", file->language, err));
    TRY(store_attribute_i64(writer, NULL, "window_s", rows->window_s, err));
    TRY(store_attribute_i64(writer, NULL, "history_days", rows->history_days, err));
    TRY(store_attribute_i64(writer, NULL, "days", rows->day_count, err));
    TRY(store_attribute_i64(writer, NULL, "from_s", scored->from_s, err));
    TRY(store_attribute_i64(writer, NULL, "to_s", scored->to_s, err));
    TRY(store_attribute_i64(writer, NULL, "calibration_level", scored->calibration_level, err));
    TRY(store_attribute_text(writer, NULL, "feature_set", rows->set == FEATURE_SET_TALK ? "talk" : "full",
                             err));
    TRY(store_attribute_text(writer, NULL, "score_meaning",
                             "-log10 of a p-value: 3 means that one normal row in a thousand is as unusual",
                             err));
    TRY(store_dimension(writer, "row", (size_t)rows->total, err));
    TRY(store_dimension(writer, "feature", scored->columns, err));
    TRY(store_dimension(writer, "octet", sizeof(struct ip), err));
    TRY(store_dimension(writer, "ip_character", IP_COLUMN_BYTES, err));
    TRY(store_dimension(writer, "feature_character", STORE_NAME_BYTES, err));
done:
    return status;
}

static enum status provenance_put_local(struct store_writer *writer, const struct provenance *provenance,
                                        size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        TRY(store_provenance_text(writer, provenance[i].name, provenance[i].value, err));
done:
    return status;
}

static enum status feature_names_put(const struct team *team, struct store_writer *writer,
                                     const struct scored *scored, struct error *err)
{
    struct part part = {team, writer, "feature", 0, team_rank(team) == 0 ? scored->columns : 0, NULL};
    part.first = part.count ? 0 : scored->columns;
    return scores_put(&part, "feature_name", STORE_CHAR, "feature_character", "", "names of the features",
                      NULL, scored->names, err);
}

struct scores_writer {
    struct store_writer *file;
};

static enum status writer_new_local(const char *path, struct scores_writer **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, path, "", "no room to write the file");
}

enum status scores_begin(const struct team *team, const struct scores_file *file, const struct scored *head,
                         struct scores_writer **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct scores_writer *writer = NULL;
    TRY(team_agree(team, writer_new_local(file->path, &writer, err), err));
    TRY(store_create_laid(team, file->path, &file->layout, &writer->file, err));
    TRY(team_agree(team, head_put_local(writer->file, file, head, err), err));
    TRY(team_agree(team, provenance_put_local(writer->file, file->provenance, file->provenance_count, err),
                   err));
    TRY(feature_names_put(team, writer->file, head, err));
    TRY(machines_put(team, writer->file, file->leases, head, err));
    *out = writer;
    writer = NULL;
done:
    // Every rank is here with the same status, so all or none of them still have a writer.
    scores_abandon(team, writer);
    return status;
}

enum status scores_add(const struct team *team, struct scores_writer *writer, const struct scored *scored,
                       struct error *err)
{
    enum status status = STATUS_OK;
    const struct rows *rows = scored->rows;
    void *room = calloc(rows->count + 1, sizeof(int64_t));
    const struct part part = {team, writer->file, "row", (size_t)rows->first, rows->count, room};
    TRY(team_agree(team,
                   room ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "scores", "", "no room for a column"),
                   err));
    TRY(rows_put(&part, rows, scored->seen, err));
    TRY(row_scores_put(&part, scored->scores, err));
done:
    free(room);
    return status;
}

/* The dimensions of what was decided. */
static enum status dimensions_put_local(struct store_writer *writer, const struct judgement *judgement,
                                        struct error *err)
{
    enum status status = STATUS_OK;
    TRY(store_dimension(writer, "ip", judgement->ips.count, err));
    TRY(store_dimension(writer, "day", (size_t)judgement->days.total, err));
    TRY(judgement_dimensions_local(writer, judgement, err));
done:
    return status;
}

enum status scores_end(const struct team *team, struct scores_writer *writer,
                       const struct judgement *judgement, struct error *err)
{
    enum status status = STATUS_OK;
    const struct ip_table *table = &judgement->ips;
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    const size_t from = table->count * rank / ranks, to = table->count * (rank + 1) / ranks;
    const size_t most = judgement->days.count > to - from ? judgement->days.count : to - from;
    void *room = calloc(most + 1, sizeof(int64_t));
    const struct part part = {team, writer->file, "ip", from, to - from, room};
    TRY(team_agree(team,
                   room ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "scores", "", "no room for a column"),
                   err));
    TRY(team_agree(team, dimensions_put_local(writer->file, judgement, err), err));
    TRY(ips_put(&part, table->items + from, err));
    const struct part of_days = {
        team, writer->file, "day", (size_t)judgement->days.first, judgement->days.count, room};
    TRY(days_put(&of_days, judgement->days.items, err));
    TRY(judgement_put(team, writer->file, judgement, err));
    struct store_writer *whole = writer->file;
    writer->file = NULL;
    TRY(store_finish(team, whole, err));
done:
    scores_abandon(team, writer);
    free(room);
    return status;
}

void scores_abandon(const struct team *team, struct scores_writer *writer)
{
    if (writer && writer->file)
        store_abandon(team, writer->file);
    free(writer);
}
