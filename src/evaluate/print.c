/* An evaluation for a terminal, and as JSON. */
#include "evaluate/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *detector_name(enum detector detector)
{
    static const char *const NAMES[DETECTOR_MECHANISM] = {"queries",       "kmeans2",  "kmeans",
                                                          "autoencoder",   "models",   "evidence",
                                                          "evidence_past", "combined", "combined_past"};
    if (detector < DETECTOR_MECHANISM)
        return NAMES[detector];
    return mechanism_info((enum mechanism)(detector - DETECTOR_MECHANISM))->name;
}

static int64_t positives_of(const struct evaluation *evaluation)
{
    return evaluation->of[0].positives;
}

/* The detectors of which tables by family, rate and set tell. */
static const enum detector SHOWN[] = {DETECTOR_QUERIES,      DETECTOR_KMEANS,        DETECTOR_AUTOENCODER,
                                      DETECTOR_EVIDENCE,     DETECTOR_EVIDENCE_PAST, DETECTOR_COMBINED,
                                      DETECTOR_COMBINED_PAST};
#define SHOWN_COUNT (sizeof SHOWN / sizeof SHOWN[0])

static void head_print(const char *first, int width, const char *second, FILE *stream)
{
    (void)fprintf(stream, "  %-*s %9s", width, first, second);
    for (size_t i = 0; i < SHOWN_COUNT; i++)
        (void)fprintf(stream, " %13s", detector_name(SHOWN[i]));
}

static void number_or_none(int64_t number, char text[24])
{
    if (number < 0)
        (void)snprintf(text, 24, "-");
    else
        (void)snprintf(text, 24, "%" PRId64, number);
}

static void families_print(const struct evaluation *evaluation, FILE *stream)
{
    (void)fprintf(stream,
                  "\nFound host-days of each family; of its attacks, and after how many days (median), by "
                  "combined and combined_past\n");
    head_print("family", 16, "host-days", stream);
    (void)fprintf(stream, " %19s %7s  %s\n", "attacks", "days", "mechanisms, found host-days");
    for (size_t f = 0; f < evaluation->family_count; f++) {
        char back[24], past[24];
        const struct family_result *family = &evaluation->families[f];
        (void)fprintf(stream, "  %-16s %9" PRId64, family->name, family->host_days);
        for (size_t i = 0; i < SHOWN_COUNT; i++)
            (void)fprintf(stream, " %13" PRId64, family->found[SHOWN[i]]);
        number_or_none(delay_median(family->delays[0]), back);
        number_or_none(delay_median(family->delays[1]), past);
        (void)fprintf(stream, " %5" PRId64 " %5" PRId64 " of %4" PRId64 " %3s %3s ",
                      family->found_attacks[DETECTOR_COMBINED], family->found_attacks[DETECTOR_COMBINED_PAST],
                      family->attacks, back, past);
        for (int d = DETECTOR_MECHANISM; d < DETECTORS; d++)
            if (family->found[d] > 0 && evaluation->of[d].threshold > 0)
                (void)fprintf(stream, " %s %" PRId64, detector_name((enum detector)d), family->found[d]);
        (void)fprintf(stream, "\n");
    }
}

static void rates_print(const struct evaluation *evaluation, FILE *stream)
{
    (void)fprintf(stream, "\nFound attacks by rate, as labelled, and by queries a day\n");
    (void)fprintf(stream, "  %-16s %9s %7s %12s", "family", "rate", "period", "queries/day");
    head_print("", 0, "attacks", stream);
    (void)fprintf(stream, "\n");
    for (size_t r = 0; r < evaluation->rate_count; r++) {
        const struct rate_result *rate = &evaluation->rates[r];
        (void)fprintf(stream, "  %-16s %9" PRId64 " %7" PRId64 " %12.0f    %9" PRId64,
                      evaluation->families[rate->family].name, rate->rate, rate->period,
                      rate->days > 0 ? (double)rate->queries / (double)rate->days : 0, rate->attacks);
        for (size_t i = 0; i < SHOWN_COUNT; i++)
            (void)fprintf(stream, " %13" PRId64, rate->found_attacks[SHOWN[i]]);
        (void)fprintf(stream, "\n");
    }
    (void)fprintf(stream, "\nQueries a day from which on half of a family's attacks are found\n");
    head_print("family", 16, "", stream);
    (void)fprintf(stream, "\n");
    for (size_t f = 0; f < evaluation->family_count; f++) {
        (void)fprintf(stream, "  %-16s %9s", evaluation->families[f].name, "");
        for (size_t i = 0; i < SHOWN_COUNT; i++) {
            char text[24];
            number_or_none(rate_of_half(evaluation, f, SHOWN[i]), text);
            (void)fprintf(stream, " %13s", text);
        }
        (void)fprintf(stream, "\n");
    }
}

static void kinds_print(const struct evaluation *evaluation, FILE *stream)
{
    (void)fprintf(stream, "\nLook-alikes, which should be silent\n  %-16s %9s %9s %13s %9s  %s\n", "kind",
                  "host-days", "combined", "combined_past", "warnings", "share of warnings, 95 %");
    for (size_t k = 0; k < evaluation->kind_count; k++) {
        const struct family_result *kind = &evaluation->kinds[k];
        const struct interval share = interval_of(kind->warned, kind->host_days);
        (void)fprintf(stream,
                      "  %-16s %9" PRId64 " %9" PRId64 " %13" PRId64 " %9" PRId64 "  %.4f (%.4f to %.4f)\n",
                      kind->name, kind->host_days, kind->found[DETECTOR_COMBINED],
                      kind->found[DETECTOR_COMBINED_PAST], kind->warned, share.share, share.low, share.high);
    }
}

static void sets_print(const struct evaluation *evaluation, FILE *stream)
{
    (void)fprintf(
        stream,
        "\nSets of attacks, each against all that is quiet: recall at 1 false host-day in 1,000, 95 %%; "
        "plain: %d queries a day or more\n",
        EVALUATE_PLAIN_QUERIES);
    for (size_t s = 0; s < evaluation->set_count; s++) {
        const struct set_result *set = &evaluation->sets[s];
        (void)fprintf(stream, "  %-16s %9" PRId64, set->name, set->of[0].positives);
        for (size_t i = 3; i < SHOWN_COUNT; i++) {
            const struct measure *measure = &set->of[SHOWN[i]];
            const struct interval recall = interval_of(measure->found, measure->positives);
            (void)fprintf(stream, "  %s %.3f (%.3f to %.3f)", detector_name(SHOWN[i]), recall.share,
                          recall.low, recall.high);
        }
        (void)fprintf(stream, "\n");
    }
}

static void budget_print(const struct evaluation *evaluation, FILE *stream)
{
    const struct budget_result *budget = &evaluation->budget;
    const struct interval precision = interval_of(budget->shown_true, budget->shown);
    const double days = (double)budget->days;
    (void)fprintf(stream,
                  "\nIncidents a day over %" PRId64
                  " days: %.1f critical, %.1f warnings, %.1f notices; of the %" PRId64
                  " gravest (%d a day) %.3f are attacks (%.3f to %.3f)\n",
                  budget->days, (double)budget->by_verdict[3] / days, (double)budget->by_verdict[2] / days,
                  (double)budget->by_verdict[1] / days, budget->shown, EVALUATE_BUDGET, precision.share,
                  precision.low, precision.high);
    if (!evaluation->has_past)
        (void)fprintf(stream, "The past is taken from the whole run: what a statistic learns later is in it. "
                              "--past DIR takes it from runs that end with each day\n");
}

void evaluation_print(const struct evaluation *evaluation, FILE *stream)
{
    const int64_t positives = positives_of(evaluation), negatives = evaluation->of[0].negatives;
    struct interval none = interval_of(0, negatives);
    (void)fprintf(
        stream,
        "%" PRId64 " host-days: %" PRId64 " of attacks, %" PRId64 " quiet; prevalence %.4f, which is the "
        "PR-AUC of a coin\n",
        evaluation->host_days, positives, negatives, (double)positives / (double)evaluation->host_days);
    (void)fprintf(stream, "%" PRId64 " other days of victims are left out\n", evaluation->left_out);
    if (none.high > 0.001)
        (void)fprintf(
            stream,
            "So few quiet host-days cannot show one false in 1,000: none at all would still allow %.1f\n",
            none.high * 1000);
    (void)fprintf(stream, "\n  %-16s %8s %8s %8s %8s %8s  %s\n", "detector", "ROC-AUC", "PR-AUC", "prec@10",
                  "prec@50", "prec@100",
                  "recall at 1 false host-day in 1,000, with its 95 % interval; false ones");
    for (int d = 0; d < DETECTORS; d++) {
        const struct measure *measure = &evaluation->of[d];
        struct interval recall = interval_of(measure->found, positives);
        (void)fprintf(stream, "  %-16s %8.4f %8.4f %8.2f %8.2f %8.2f  %.3f (%.3f to %.3f); %" PRId64 "\n",
                      detector_name((enum detector)d), measure->roc_auc, measure->average_precision,
                      measure->precision[0], measure->precision[1], measure->precision[2], recall.share,
                      recall.low, recall.high, measure->false_found);
    }
    sets_print(evaluation, stream);
    families_print(evaluation, stream);
    rates_print(evaluation, stream);
    kinds_print(evaluation, stream);
    budget_print(evaluation, stream);
}

static void result_json(struct json *json, const struct family_result *result, bool is_attack)
{
    json_open(json, NULL, '{');
    json_text(json, "name", result->name, strlen(result->name));
    json_integer(json, "host_days", result->host_days);
    json_integer(json, "warned", result->warned);
    if (is_attack)
        json_integer(json, "attacks", result->attacks);
    json_open(json, "found", '{');
    for (int d = 0; d < DETECTORS; d++)
        json_integer(json, detector_name((enum detector)d), result->found[d]);
    json_close(json, '}');
    if (is_attack) {
        json_open(json, "found_attacks", '{');
        for (int d = 0; d < DETECTORS; d++)
            json_integer(json, detector_name((enum detector)d), result->found_attacks[d]);
        json_close(json, '}');
        json_integer(json, "delay_days", delay_median(result->delays[0]));
        json_integer(json, "delay_days_past", delay_median(result->delays[1]));
    }
    json_close(json, '}');
}

static void measure_json(struct json *json, const char *name, const struct measure *measure)
{
    struct interval recall = interval_of(measure->found, measure->positives);
    json_open(json, name, '{');
    json_number(json, "roc_auc", measure->roc_auc);
    json_number(json, "pr_auc", measure->average_precision);
    json_number(json, "precision_at_10", measure->precision[0]);
    json_number(json, "precision_at_50", measure->precision[1]);
    json_number(json, "precision_at_100", measure->precision[2]);
    json_number(json, "threshold", measure->threshold);
    json_integer(json, "found", measure->found);
    json_integer(json, "false_found", measure->false_found);
    json_number(json, "recall", recall.share);
    json_number(json, "recall_low", recall.low);
    json_number(json, "recall_high", recall.high);
    json_close(json, '}');
}

static void rate_json(struct json *json, const struct evaluation *evaluation, const struct rate_result *rate)
{
    const char *family = evaluation->families[rate->family].name;
    json_open(json, NULL, '{');
    json_text(json, "family", family, strlen(family));
    json_integer(json, "rate", rate->rate);
    json_integer(json, "period", rate->period);
    json_number(json, "queries_a_day", rate->days > 0 ? (double)rate->queries / (double)rate->days : 0);
    json_integer(json, "attacks", rate->attacks);
    json_open(json, "found_attacks", '{');
    for (int d = 0; d < DETECTORS; d++)
        json_integer(json, detector_name((enum detector)d), rate->found_attacks[d]);
    json_close(json, '}');
    json_close(json, '}');
}

static void budget_json(struct json *json, const struct budget_result *budget)
{
    json_open(json, "incidents", '{');
    json_integer(json, "days", budget->days);
    json_integer(json, "critical", budget->by_verdict[3]);
    json_integer(json, "warning", budget->by_verdict[2]);
    json_integer(json, "notice", budget->by_verdict[1]);
    json_integer(json, "shown", budget->shown);
    json_integer(json, "shown_true", budget->shown_true);
    json_close(json, '}');
}

void evaluation_json(const struct evaluation *evaluation, struct json *json)
{
    json_open(json, NULL, '{');
    json_integer(json, "host_days", evaluation->host_days);
    json_integer(json, "left_out", evaluation->left_out);
    json_integer(json, "positives", positives_of(evaluation));
    json_integer(json, "negatives", evaluation->of[0].negatives);
    json_number(json, "prevalence", (double)positives_of(evaluation) / (double)evaluation->host_days);
    json_open(json, "detectors", '{');
    for (int d = 0; d < DETECTORS; d++)
        measure_json(json, detector_name((enum detector)d), &evaluation->of[d]);
    json_close(json, '}');
    json_open(json, "sets", '[');
    for (size_t set = 0; set < evaluation->set_count; set++) {
        json_open(json, NULL, '{');
        json_text(json, "name", evaluation->sets[set].name, strlen(evaluation->sets[set].name));
        json_integer(json, "positives", evaluation->sets[set].of[0].positives);
        json_open(json, "detectors", '{');
        for (int d = 0; d < DETECTORS; d++)
            measure_json(json, detector_name((enum detector)d), &evaluation->sets[set].of[d]);
        json_close(json, '}');
        json_close(json, '}');
    }
    json_close(json, ']');
    json_open(json, "families", '[');
    for (size_t f = 0; f < evaluation->family_count; f++)
        result_json(json, &evaluation->families[f], true);
    json_close(json, ']');
    json_open(json, "rates", '[');
    for (size_t r = 0; r < evaluation->rate_count; r++)
        rate_json(json, evaluation, &evaluation->rates[r]);
    json_close(json, ']');
    budget_json(json, &evaluation->budget);
    json_open(json, "benign", '[');
    for (size_t k = 0; k < evaluation->kind_count; k++)
        result_json(json, &evaluation->kinds[k], false);
    json_close(json, ']');
    json_close(json, '}');
}

static void csv_results(const struct family_result *results, size_t count, const char *table, FILE *stream)
{
    for (size_t f = 0; f < count; f++)
        for (int d = 0; d < DETECTORS; d++)
            (void)fprintf(
                stream, "%s,%s,%s,%" PRId64 ",%" PRId64 ",,,,,,%" PRId64 ",%" PRId64 ",%" PRId64 "\n", table,
                results[f].name, detector_name((enum detector)d), results[f].host_days, results[f].found[d],
                results[f].attacks, results[f].found_attacks[d], results[f].warned);
}

void evaluation_csv(const struct evaluation *evaluation, FILE *stream)
{
    (void)fprintf(stream,
                  "table,name,detector,host_days,found,false_found,recall_low,recall_high,roc_auc,pr_auc,"
                  "attacks,found_attacks,warned\n");
    for (size_t s = 0; s < evaluation->set_count; s++)
        for (int d = 0; d < DETECTORS; d++) {
            const struct measure *measure = &evaluation->sets[s].of[d];
            const struct interval recall = interval_of(measure->found, measure->positives);
            (void)fprintf(stream, "set,%s,%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%.6f,%.6f,%.6f,%.6f,,,\n",
                          evaluation->sets[s].name, detector_name((enum detector)d), measure->positives,
                          measure->found, measure->false_found, recall.low, recall.high, measure->roc_auc,
                          measure->average_precision);
        }
    csv_results(evaluation->families, evaluation->family_count, "family", stream);
    csv_results(evaluation->kinds, evaluation->kind_count, "benign", stream);
    for (size_t r = 0; r < evaluation->rate_count; r++)
        for (int d = 0; d < DETECTORS; d++) {
            const struct rate_result *rate = &evaluation->rates[r];
            (void)fprintf(stream, "rate,%s %" PRId64 " %" PRId64 ",%s,,,,,,,,%" PRId64 ",%" PRId64 ",\n",
                          evaluation->families[rate->family].name, rate->rate, rate->period,
                          detector_name((enum detector)d), rate->attacks, rate->found_attacks[d]);
        }
}
