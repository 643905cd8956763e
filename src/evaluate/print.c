/* An evaluation for a terminal, and as JSON. */
#include "evaluate/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *detector_name(enum detector detector)
{
    static const char *const NAMES[DETECTOR_MECHANISM] = {
        "queries", "kmeans2", "kmeans", "autoencoder", "models", "evidence", "evidence_past", "combined"};
    if (detector < DETECTOR_MECHANISM)
        return NAMES[detector];
    return mechanism_info((enum mechanism)(detector - DETECTOR_MECHANISM))->name;
}

static int64_t positives_of(const struct evaluation *evaluation)
{
    return evaluation->of[0].positives;
}

static void families_print(const struct evaluation *evaluation, FILE *stream)
{
    static const enum detector SHOWN[] = {DETECTOR_QUERIES,  DETECTOR_KMEANS,        DETECTOR_AUTOENCODER,
                                          DETECTOR_EVIDENCE, DETECTOR_EVIDENCE_PAST, DETECTOR_COMBINED};
    (void)fprintf(stream, "\nFound host-days of each family, and of its attacks by the combined score\n");
    (void)fprintf(stream, "  %-16s %9s", "family", "host-days");
    for (size_t i = 0; i < sizeof SHOWN / sizeof SHOWN[0]; i++)
        (void)fprintf(stream, " %13s", detector_name(SHOWN[i]));
    (void)fprintf(stream, " %9s  %s\n", "attacks", "mechanisms, found host-days");
    for (size_t f = 0; f < evaluation->family_count; f++) {
        const struct family_result *family = &evaluation->families[f];
        (void)fprintf(stream, "  %-16s %9" PRId64, family->name, family->host_days);
        for (size_t i = 0; i < sizeof SHOWN / sizeof SHOWN[0]; i++)
            (void)fprintf(stream, " %13" PRId64, family->found[SHOWN[i]]);
        (void)fprintf(stream, " %4" PRId64 "/%-4" PRId64 " ", family->found_attacks[DETECTOR_COMBINED],
                      family->attacks);
        for (int d = DETECTOR_MECHANISM; d < DETECTORS; d++)
            if (family->found[d] > 0 && evaluation->of[d].threshold > 0)
                (void)fprintf(stream, " %s %" PRId64, detector_name((enum detector)d), family->found[d]);
        (void)fprintf(stream, "\n");
    }
    (void)fprintf(stream, "\nLook-alikes, which should be silent\n  %-16s %9s %9s %9s\n", "kind", "host-days",
                  "combined", "warnings");
    for (size_t k = 0; k < evaluation->kind_count; k++)
        (void)fprintf(stream, "  %-16s %9" PRId64 " %9" PRId64 " %9" PRId64 "\n", evaluation->kinds[k].name,
                      evaluation->kinds[k].host_days, evaluation->kinds[k].found[DETECTOR_COMBINED],
                      evaluation->kinds[k].warned);
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
    families_print(evaluation, stream);
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
    json_open(json, "families", '[');
    for (size_t f = 0; f < evaluation->family_count; f++)
        result_json(json, &evaluation->families[f], true);
    json_close(json, ']');
    json_open(json, "benign", '[');
    for (size_t k = 0; k < evaluation->kind_count; k++)
        result_json(json, &evaluation->kinds[k], false);
    json_close(json, ']');
    json_close(json, '}');
}
