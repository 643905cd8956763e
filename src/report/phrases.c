#include "phrases.h"

#include "internal.h"

#include "base/map.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_TOLD 5

struct row_of_catalogue {
    const char *code;
    const char *text[LANGUAGES];
};

static const struct row_of_catalogue CATALOGUE[REASON_CODES] = {
#define X(code, english, japanese) {#code, {english, japanese}},
#include "decide/reasons.def"
#undef X
};

static const char *const LANGUAGE_NAMES[LANGUAGES] = {"en", "ja"};

bool language_read(const char *text, enum language *language)
{
    for (int l = 0; l < LANGUAGES; l++)
        if (strcmp(text, LANGUAGE_NAMES[l]) == 0) {
            *language = (enum language)l;
            return true;
        }
    return false;
}

const char *reason_code_name(enum reason_code code)
{
    return CATALOGUE[code].code;
}

const char *reason_template(enum reason_code code, enum language language)
{
    return CATALOGUE[code].text[language];
}

void number_write(int64_t number, char out[32])
{
    char digits[24];
    const int count = snprintf(digits, sizeof digits, "%" PRId64, number);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        const bool is_group = i > 0 && (count - i) % 3 == 0 && digits[i - 1] != '-';
        if (is_group)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void phrase_render(enum reason_code code, enum language language, const struct phrase_value *values,
                   size_t count, char *out, size_t room)
{
    FILE *stream = fmemopen(out, room, "w");
    out[0] = '\0';
    if (!stream)
        return;
    for (const char *at = CATALOGUE[code].text[language]; *at;) {
        const size_t plain = strcspn(at, "{");
        (void)fwrite(at, 1, plain, stream);
        at += plain;
        const size_t length = strcspn(at, "}");
        const char *text = NULL;
        for (size_t v = 0; v < count && *at; v++)
            if (strlen(values[v].name) + 1 == length && memcmp(values[v].name, at + 1, length - 1) == 0)
                text = values[v].text;
        if (text)
            (void)fputs(text, stream);
        else
            (void)fwrite(at, 1, length + (at[length] == '}'), stream);
        at += length + (at[length] == '}');
    }
    (void)fclose(stream);
    out[room - 1] = '\0';
}

enum reason_code reason_of_mechanism(enum mechanism mechanism)
{
    for (int code = 0; code < REASON_CODES; code++)
        if (strcmp(CATALOGUE[code].code, mechanism_info(mechanism)->name) == 0)
            return (enum reason_code)code;
    return REASON_evidence;
}

void reason_tell(const struct reason *reason, enum language language, char *out, size_t room)
{
    char value[32], threshold[32], date[DAY_TEXT_BYTES], span[32], domain[4 * QNAME_TEXT_BYTES];
    const enum mechanism mechanism = (enum mechanism)reason->mechanism;
    number_write(reason->value, value);
    number_write(reason->threshold, threshold);
    day_write_text(reason->day, date);
    (void)snprintf(span, sizeof span, language == LANGUAGE_JA ? "%d日間%s" : "%d day%s", reason->window_days,
                   language != LANGUAGE_JA && reason->window_days != 1 ? "s" : "");
    const size_t used = text_for_terminal(reason->domain, strlen(reason->domain), domain, sizeof domain);
    if (reason->software && *reason->software && used + 4 < sizeof domain) {
        char software[200];
        (void)text_for_terminal(reason->software, strlen(reason->software), software, sizeof software);
        (void)snprintf(domain + used, sizeof domain - used, " (%s)", software);
    }
    const struct phrase_value values[] = {{"value", value},   {"threshold", threshold},
                                          {"date", date},     {"span", span},
                                          {"domain", domain}, {"mechanism", mechanism_info(mechanism)->name}};
    phrase_render(reason_of_mechanism(mechanism), language, values, sizeof values / sizeof values[0], out,
                  room);
}

/* ---- an IP's reasons ---- */

static enum status phrase_add(struct phrase_list *list, enum reason_code code, double weight,
                              const struct reason *evidence, const struct phrase_value *values, size_t count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    static const struct phrase_value KINDS[LANGUAGES][2] = {
        {{"working", "working days"}, {"free", "holidays"}}, {{"working", "平日"}, {"free", "休日"}}};
    TRY(array_reserve(&list->items, &list->capacity, list->count + 1, sizeof *list->items, err));
    struct phrase *phrase = &list->items[list->count++];
    *phrase = (struct phrase){.code = code, .weight = weight, .evidence = evidence};
    for (int l = 0; l < LANGUAGES; l++) {
        char text[PHRASE_BYTES];
        struct phrase_value own[12];
        // What a kind of day is called depends on the language.
        for (size_t v = 0; v < count && v < 12; v++) {
            own[v] = values[v];
            for (int k = 0; k < 2; k++)
                if (strcmp(own[v].name, "kind") == 0 && strcmp(own[v].text, KINDS[0][k].name) == 0)
                    own[v].text = KINDS[l][k].text;
        }
        if (evidence)
            reason_tell(evidence, (enum language)l, text, sizeof text);
        else
            phrase_render(code, (enum language)l, own, count < 12 ? count : 12, text, sizeof text);
        phrase->text[l] = strdup(text);
        if (!phrase->text[l])
            return error_set(err, STATUS_NO_MEMORY, "reasons", "", "no room for sentences");
    }
done:
    return status;
}

/* The range of the IP's queries in normal rows: at this hour of this kind of day, or of all. */
static bool range_find(const struct history *history, const struct history_row *row, bool alike, int64_t *low,
                       int64_t *high)
{
    bool any = false;
    for (size_t i = 0; i < history->row_count; i++) {
        const struct history_row *other = &history->rows[i];
        if (row_is_anomaly(other) ||
            (alike && (other->holiday != row->holiday || row_hour(history, other) != row_hour(history, row))))
            continue;
        *low = !any || other->queries < *low ? other->queries : *low;
        *high = !any || other->queries > *high ? other->queries : *high;
        any = true;
    }
    return any;
}

static enum status row_add(const struct history *history, const struct history_row *row,
                           struct phrase_list *list, struct error *err)
{
    char time[40], date[11], clock[6], value[32], low_text[32], high_text[32], feature[4 * 64 + 1];
    int64_t low = 0, high = 0;
    struct row_cause cause;
    row_time_write(history, row->window_s, time);
    (void)snprintf(date, sizeof date, "%.10s", time);
    (void)snprintf(clock, sizeof clock, "%.5s", time + 11);
    const bool alike = range_find(history, row, true, &low, &high);
    const bool any = alike || range_find(history, row, false, &low, &high);
    struct phrase_value values[] = {{"value", value},    {"time", clock},
                                    {"date", date},      {"low", low_text},
                                    {"high", high_text}, {"kind", row->holiday ? "free" : "working"},
                                    {"feature", feature}};
    const size_t count = sizeof values / sizeof values[0];
    if (any && row->queries > high) {
        number_write(row->queries, value);
        number_write(low, low_text);
        number_write(high, high_text);
        return phrase_add(list, alike ? REASON_row_queries : REASON_row_queries_other, row->score, NULL,
                          values, count, err);
    }
    if (row_causes(history, row, &cause, 1) == 0)
        return STATUS_OK;
    const char *name = history->feature_names[cause.feature];
    (void)text_for_terminal(name, strlen(name), feature, sizeof feature);
    (void)snprintf(value, sizeof value, "%.4g", (double)cause.value);
    (void)snprintf(low_text, sizeof low_text, "%.4g",
                   (double)(cause.has_normal ? cause.low : history->peer_low[cause.feature]));
    (void)snprintf(high_text, sizeof high_text, "%.4g",
                   (double)(cause.has_normal ? cause.high : history->peer_high[cause.feature]));
    const bool is_unusual = row->usual_rows > 0 && row->cause == (int32_t)cause.feature &&
                            (cause.value < row->usual_low || cause.value > row->usual_high);
    if (is_unusual) {
        (void)snprintf(low_text, sizeof low_text, "%.4g", (double)row->usual_low);
        (void)snprintf(high_text, sizeof high_text, "%.4g", (double)row->usual_high);
        return phrase_add(list, REASON_row_feature_usual, row->score, NULL, values, count, err);
    }
    return phrase_add(list, cause.has_normal ? REASON_row_feature : REASON_row_feature_alone, row->score,
                      NULL, values, count, err);
}

static enum status groups_add(const struct history *history, struct phrase_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    for (int m = 0; m < GROUP_MODELS; m++) {
        char value[32], total[32];
        if (!history->both[m] && !history->always[m])
            continue;
        number_write(history->both[m] ? history->both_days[m] : (int64_t)history->row_count, value);
        number_write(history->days, total);
        const struct phrase_value values[] = {
            {"model", group_model_name((enum group_model)m)}, {"value", value}, {"total", total}};
        TRY(phrase_add(list, history->both[m] ? REASON_both_groups : REASON_always_minority, 0, NULL, values,
                       3, err));
    }
done:
    return status;
}

static int compare_weights(const void *a, const void *b)
{
    const struct phrase *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    if ((x->evidence == NULL) != (y->evidence == NULL))
        return x->evidence ? -1 : 1;
    return strcmp(x->text[0], y->text[0]);
}

enum status phrases_make(const struct history *history, struct phrase_list *list, struct error *err)
{
    enum status status = STATUS_OK;
    struct comparison anomalies[ROWS_TOLD + 1];
    const size_t rows = history_compare(history, anomalies, ROWS_TOLD);
    *list = (struct phrase_list){0};
    for (size_t i = 0; i < history->reasons.count; i++) {
        const struct reason *reason = &history->reasons.items[i];
        TRY(phrase_add(list, reason_of_mechanism((enum mechanism)reason->mechanism), reason->bits, reason,
                       NULL, 0, err));
    }
    for (size_t i = 0; i < rows; i++)
        TRY(row_add(history, anomalies[i].anomaly, list, err));
    for (size_t i = 0; i < history->day_count; i++) {
        char date[DAY_TEXT_BYTES];
        day_write_text(history->day_items[i].day, date);
        const struct phrase_value value = {"date", date};
        if (history->day_items[i].changed_hands)
            TRY(phrase_add(list, REASON_changed_hands, 0, NULL, &value, 1, err));
    }
    TRY(groups_add(history, list, err));
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, compare_weights);
done:
    if (status != STATUS_OK)
        phrases_clear(list);
    return status;
}

void phrases_clear(struct phrase_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (int l = 0; l < LANGUAGES; l++)
            free(list->items[i].text[l]);
    free(list->items);
    *list = (struct phrase_list){0};
}

void phrases_print(const struct phrase_list *list, const struct history *history, FILE *stream)
{
    if (list->count == 0)
        return;
    (void)fprintf(
        stream,
        "\nWhy, the heaviest first: evidence in bits (1: twice its threshold), rows by their score\n");
    for (size_t i = 0; i < list->count && i < PHRASES_PRINTED; i++) {
        const struct phrase *phrase = &list->items[i];
        char names[200];
        (void)fprintf(stream, "  %5.1f  ", phrase->weight);
        if (phrase->evidence)
            (void)fprintf(stream, "%s: ",
                          cause_name(mechanism_info((enum mechanism)phrase->evidence->mechanism)->cause));
        (void)fprintf(stream, "%s\n", phrase->text[history->language]);
        if (phrase->evidence && *phrase->evidence->names) {
            (void)text_for_terminal(phrase->evidence->names, strlen(phrase->evidence->names), names,
                                    sizeof names);
            (void)fprintf(stream, "           %s\n", names);
        }
    }
    if (list->count > PHRASES_PRINTED)
        (void)fprintf(stream, "  and %zu more\n", list->count - PHRASES_PRINTED);
}

void phrases_json(const struct phrase_list *list, struct json *json)
{
    json_open(json, "reasons", '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct phrase *phrase = &list->items[i];
        json_open(json, NULL, '{');
        json_text(json, "code", reason_code_name(phrase->code), strlen(reason_code_name(phrase->code)));
        json_number(json, "weight", phrase->weight);
        for (int l = 0; l < LANGUAGES; l++)
            json_utf8(json, LANGUAGE_NAMES[l], phrase->text[l]);
        json_close(json, '}');
    }
    json_close(json, ']');
}
