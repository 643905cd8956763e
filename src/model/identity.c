#include "identity.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts up when the same rows and settings come to give another model. */
#define FIT_VERSION 2

static void settings_write(const struct model_settings *settings, const struct model_context *context,
                           char text[MODEL_SETTINGS_BYTES])
{
    int at = snprintf(text, MODEL_SETTINGS_BYTES,
                      "fit=%d\nfeatures.set=%s\nfeatures.window=%" PRId64 "\nfeatures.unit=%" PRId64
                      "\ncalibration_level=%d\nmodel.kmeans.k=",
                      FIT_VERSION, context->feature_set, context->window_s, context->unit_s,
                      context->calibration_level);
    if (settings->k == 0)
        at += snprintf(text + at, MODEL_SETTINGS_BYTES - (size_t)at, "auto");
    else
        at += snprintf(text + at, MODEL_SETTINGS_BYTES - (size_t)at, "%d", settings->k);
    at += snprintf(text + at, MODEL_SETTINGS_BYTES - (size_t)at,
                   "\nmodel.kmeans.seed=%" PRIu64 "\nmodel.kmeans2.scaling=%s\nmodel.autoencoder.hidden=",
                   settings->kmeans_seed, settings->kmeans2_robust ? "robust" : "raw");
    for (int l = 0; l < settings->hidden_count; l++)
        at +=
            snprintf(text + at, MODEL_SETTINGS_BYTES - (size_t)at, "%s%d", l ? "," : "", settings->hidden[l]);
    (void)snprintf(
        text + at, MODEL_SETTINGS_BYTES - (size_t)at,
        "\nmodel.autoencoder.epochs=%d\nmodel.autoencoder.batch=%d\nmodel.autoencoder.seed=%" PRIu64
        "\nmodel.autoencoder.nets=%d\n",
        settings->epochs, settings->batch, settings->autoencoder_seed, model_nets(settings));
}

/* A row as it goes into the hash. */
struct row_bytes {
    uint64_t number, ip_hash;
    int64_t raw[MODEL_TALK_COLUMNS];
    float values[MODEL_COLUMNS_MOST];
    float shown[MODEL_COLUMNS_MOST];
    struct model_moment moment;
    uint8_t use;
    uint8_t unused[2];
};

static uint64_t row_hash(const struct model_input *input, size_t row, uint64_t number)
{
    struct row_bytes bytes = {.number = number, .ip_hash = input->ip_hash[row], .use = input->use[row]};
    memcpy(bytes.raw, input->raw + row * MODEL_TALK_COLUMNS, sizeof bytes.raw);
    memcpy(bytes.values, input->values + row * input->columns, input->columns * sizeof *bytes.values);
    if (input->moments) {
        memcpy(bytes.shown, input->shown + row * input->columns, input->columns * sizeof *bytes.shown);
        bytes.moment = input->moments[row];
    }
    return content_hash(&bytes, sizeof bytes);
}

static enum status columns_hash_local(const struct model_input *input, uint64_t *hash, struct error *err)
{
    struct digest *digest = digest_new();
    char hex[33];
    if (!digest)
        return model_no_memory("model", 1, err);
    for (size_t c = 0; c < input->columns; c++) {
        digest_add(digest, input->names[c], strlen(input->names[c]) + 1);
        const uint64_t definition = input_definition(input, c);
        digest_add(digest, &definition, sizeof definition);
        digest_add(digest, &input->floors[c], sizeof input->floors[c]);
        digest_add(digest, &input->active[c], sizeof input->active[c]);
    }
    digest_hex(digest, hex);
    digest_free(digest);
    *hash = content_hash(hex, sizeof hex);
    return STATUS_OK;
}

enum status identity_make(const struct team *team, const struct model_input *input,
                          const struct model_settings *settings, const struct model_context *context,
                          struct identity *out, struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t columns = 0;
    const uint64_t first = team_sum_before(team, input->row_count);
    int128 sums[3] = {0, 0, 0};  // hashes of rows below 2^64, rows, columns; below 2^104 for 2^40 rows
    TRY(team_agree(team, columns_hash_local(input, &columns, err), err));
    for (size_t row = 0; row < input->row_count; row++) {
        if (input->use[row] == MODEL_NEITHER && !(input->moments && input->moments[row].counts))
            continue;
        sums[0] += row_hash(input, row, first + row);
        sums[1]++;
    }
    TRY(wide_sum(team, sums, 2, err));
    sums[2] = columns;
    memset(out, 0, sizeof *out);
    settings_write(settings, context, out->settings);
    const uint64_t hash = content_hash(sums, sizeof sums);
    (void)snprintf(out->rows, sizeof out->rows, "%" PRId64 " rows %016" PRIx64, (int64_t)sums[1], hash);
done:
    return status;
}

/* The line of `text` at `at`, without its end. */
static int line_length(const char *text)
{
    return (int)strcspn(text, "\n");
}

enum status identity_compare(const char *path, const char *hint, const struct identity *found,
                             const struct identity *wanted, struct error *err)
{
    const char *there = found->settings, *here = wanted->settings;
    while (*there && *here && line_length(there) == line_length(here) &&
           memcmp(there, here, (size_t)line_length(here)) == 0) {
        there += line_length(there) + (there[line_length(there)] == '\n');
        here += line_length(here) + (here[line_length(here)] == '\n');
    }
    if (*there || *here)
        return error_set(err, STATUS_MISMATCH, path, hint, "it is of other settings: %.*s, here %.*s",
                         line_length(there), there, line_length(here), here);
    if (strcmp(found->rows, wanted->rows) != 0)
        return error_set(err, STATUS_MISMATCH, path, hint, "it is of other rows: %s, here %s", found->rows,
                         wanted->rows);
    return STATUS_OK;
}
