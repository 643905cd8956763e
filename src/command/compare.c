/* quern compare RUN1 RUN2: what changed between two runs, or between two models. */
#include "session.h"

#include "base/json.h"
#include "base/text.h"
#include "decide/decide.h"
#include "report/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Rows of a table that are printed; --json has all. */
#define LISTED_MOST 40

enum { MODEL, SCORES };

static bool both_have(const struct changes *changes, int what)
{
    return changes->has[CHANGES_BEFORE][what] && changes->has[CHANGES_AFTER][what];
}

static const char *said_of(const struct verdict_change *change, int side)
{
    return change->verdict[side] < 0 ? "not there" : verdict_name((enum verdict)change->verdict[side]);
}

static const char *cause_of(const struct verdict_change *change, int side)
{
    if (change->verdict[side] <= VERDICT_NONE)
        return "";
    return change->cause[side] < 0 ? "change" : cause_name((enum incident_cause)change->cause[side]);
}

static void date_write(int64_t time_s, char text[DAY_TEXT_BYTES])
{
    // To the day is enough here, and a model does not know its zone.
    day_write_text((time_s - (time_s % 86400 + 86400) % 86400) / 86400, text);
}

/* ---- for a person ---- */

static void shown(FILE *out, const char *text, int width)
{
    char escaped[4 * MACHINE_NAME_BYTES];  // longer than a setting
    (void)text_for_terminal(text, strlen(text), escaped, sizeof escaped);
    (void)fprintf(out, "%-*s", width, *escaped ? escaped : "(none)");
}

static void more_print(FILE *out, size_t count)
{
    if (count > LISTED_MOST)
        (void)fprintf(out, "  and %zu more: --json has all\n", count - LISTED_MOST);
}

static void settings_print(FILE *out, const struct changes *changes)
{
    (void)fprintf(out, "Settings%s\n", changes->setting_count ? "" : ": the same");
    for (size_t i = 0; i < changes->setting_count; i++) {
        const struct setting_change *change = &changes->settings[i];
        (void)fputs("  ", out);
        shown(out, change->key, 28);
        (void)fputc(' ', out);
        shown(out, change->value[CHANGES_BEFORE], 0);
        (void)fputs(" -> ", out);
        shown(out, change->value[CHANGES_AFTER], 0);
        (void)fputc('\n', out);
    }
}

static void models_print(FILE *out, const struct changes *changes)
{
    (void)fputs("\nTraining rows\n", out);
    for (int side = 0; side < CHANGES_SIDES; side++) {
        const struct training_told *told = &changes->training[side];
        char from[DAY_TEXT_BYTES], to[DAY_TEXT_BYTES];
        date_write(told->from_s, from);
        date_write(told->to_s - 1, to);
        (void)fprintf(out, "  %-6s %" PRId64 " rows of %" PRId64 " IPs on %" PRId64 " days, %s to %s (UTC)\n",
                      side == CHANGES_BEFORE ? "before" : "after", told->rows, told->ips, told->days, from,
                      to);
    }
    (void)fprintf(out,
                  "\nWhat is usual for a feature: median and scale of the training rows, transformed%s\n",
                  changes->baseline_count ? "" : ": about the same");
    for (size_t i = 0; i < changes->baseline_count && i < LISTED_MOST; i++) {
        const struct baseline_change *change = &changes->baselines[i];
        (void)fputs("  ", out);
        shown(out, change->feature, 18);
        for (int side = 0; side < CHANGES_SIDES; side++) {
            (void)fputs(side ? "  ->  " : " ", out);
            if (change->there[side])
                (void)fprintf(out, "%10.4g, scale %-9.4g", change->median[side], change->scale[side]);
            else
                (void)fprintf(out, "%-27s", "not there");
        }
        if (change->there[CHANGES_BEFORE] && change->there[CHANGES_AFTER])
            (void)fprintf(out, " moved %.2f scales", change->moved);
        (void)fputc('\n', out);
    }
    more_print(out, changes->baseline_count);
}

static void verdicts_print(FILE *out, const struct changes *changes)
{
    (void)fprintf(out,
                  "\nIPs: %" PRId64 " before, %" PRId64 " after, %" PRId64
                  " of them in both; another verdict or "
                  "cause have %zu\n",
                  changes->ips[CHANGES_BEFORE], changes->ips[CHANGES_AFTER], changes->ips_of_both,
                  changes->verdict_count);
    for (size_t i = 0; i < changes->verdict_count && i < LISTED_MOST; i++) {
        const struct verdict_change *change = &changes->verdicts[i];
        (void)fputs("  ", out);
        shown(out, change->address, 39);
        for (int side = 0; side < CHANGES_SIDES; side++)
            (void)fprintf(out, "%s%-9s %-11s %7.2f", side ? "  ->  " : " ", said_of(change, side),
                          cause_of(change, side), change->score[side]);
        (void)fputs(*change->host ? "  " : "", out);
        if (*change->host)
            shown(out, change->host, 0);
        (void)fputc('\n', out);
    }
    more_print(out, changes->verdict_count);
}

/* ---- for a program ---- */

static void text_member(struct json *json, const char *key, const char *text)
{
    json_text(json, key, text, strlen(text));
}

static const char *const SIDES[CHANGES_SIDES] = {"before", "after"};

static void training_json(struct json *json, const struct changes *changes)
{
    json_open(json, "training", '{');
    for (int side = 0; side < CHANGES_SIDES; side++) {
        const struct training_told *told = &changes->training[side];
        json_open(json, SIDES[side], '{');
        json_integer(json, "rows", told->rows);
        json_integer(json, "ips", told->ips);
        json_integer(json, "days", told->days);
        json_integer(json, "from_s", told->from_s);
        json_integer(json, "to_s", told->to_s);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void baselines_json(struct json *json, const struct changes *changes)
{
    json_open(json, "baselines", '[');
    for (size_t i = 0; i < changes->baseline_count; i++) {
        const struct baseline_change *change = &changes->baselines[i];
        json_open(json, NULL, '{');
        text_member(json, "feature", change->feature);
        for (int side = 0; side < CHANGES_SIDES; side++) {
            if (!change->there[side])
                continue;
            json_open(json, SIDES[side], '{');
            json_number(json, "median", change->median[side]);
            json_number(json, "scale", change->scale[side]);
            json_close(json, '}');
        }
        json_number(json, "moved_scales", change->moved);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void verdicts_json(struct json *json, const struct changes *changes)
{
    json_open(json, "verdicts", '[');
    for (size_t i = 0; i < changes->verdict_count; i++) {
        const struct verdict_change *change = &changes->verdicts[i];
        json_open(json, NULL, '{');
        text_member(json, "ip", change->address);
        if (*change->host)
            text_member(json, "host", change->host);
        for (int side = 0; side < CHANGES_SIDES; side++) {
            if (change->verdict[side] < 0)
                continue;
            json_open(json, SIDES[side], '{');
            text_member(json, "verdict", said_of(change, side));
            if (*cause_of(change, side))
                text_member(json, "cause", cause_of(change, side));
            json_number(json, "score", change->score[side]);
            json_close(json, '}');
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void changes_json(FILE *out, const struct changes *changes)
{
    struct json json = json_begin(out);
    json_open(&json, NULL, '{');
    json_open(&json, "settings", '[');
    for (size_t i = 0; i < changes->setting_count; i++) {
        json_open(&json, NULL, '{');
        text_member(&json, "key", changes->settings[i].key);
        for (int side = 0; side < CHANGES_SIDES; side++)
            text_member(&json, SIDES[side], changes->settings[i].value[side]);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    if (both_have(changes, MODEL)) {
        training_json(&json, changes);
        baselines_json(&json, changes);
    }
    if (both_have(changes, SCORES)) {
        json_integer(&json, "ips_before", changes->ips[CHANGES_BEFORE]);
        json_integer(&json, "ips_after", changes->ips[CHANGES_AFTER]);
        json_integer(&json, "ips_both", changes->ips_of_both);
        verdicts_json(&json, changes);
    }
    json_close(&json, '}');
}

enum status command_compare(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct changes changes = {0};
    const char *const runs[CHANGES_SIDES] = {session->options.words[0], session->options.words[1]};
    TRY(changes_find(runs, &changes, err));
    if (session->options.json) {
        changes_json(session->out, &changes);
        goto done;
    }
    settings_print(session->out, &changes);
    if (both_have(&changes, MODEL))
        models_print(session->out, &changes);
    else
        (void)fputs("\nNo two models to compare\n", session->out);
    if (both_have(&changes, SCORES))
        verdicts_print(session->out, &changes);
    else
        (void)fputs("\nNo two scores.h5 to compare\n", session->out);
done:
    changes_clear(&changes);
    return status;
}
