/* quern bench kmeans|autoencoder [FILE.f32]. */
#include "bench.h"

#include "base/json.h"
#include "base/random.h"
#include "model/bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 1000000
#define COLUMNS 24
#define GROUPS 40
#define ITERATIONS 12
#define SECONDS 3.0
#define LADDER_SECONDS 0.4

static enum status no_room(int64_t rows, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "bench", "time fewer rows", "no room for %" PRId64 " rows", rows);
}

/* Row `row` of a made table: one of 40 overlapping groups, bell-shaped noise. The same whoever makes it. */
static void row_make(uint64_t row, size_t columns, float *values)
{
    const uint64_t group = random_u64(1, RANDOM_BENCH, 0, row) % GROUPS;
    for (size_t c = 0; c < columns; c++) {
        const uint64_t bits = random_u64(2, RANDOM_BENCH, (uint32_t)c, row);
        const double centre = random_unit(3, RANDOM_BENCH, (uint32_t)c, group);
        int noise = 0;  // the sum of four numbers of 16 bits
        for (int part = 0; part < 4; part++)
            noise += (int)(bits >> 16 * part & 0xffff);
        values[c] = (float)(4.0 * centre + ((double)noise - 131070.0) / 32768.0);
    }
}

static enum status rows_make_local(int64_t from, int64_t to, size_t columns, float **out, struct error *err)
{
    float *values = malloc(((size_t)(to - from) + 1) * columns * sizeof *values);
    if (!values)
        return no_room(to - from, err);
    for (int64_t row = from; row < to; row++)
        row_make((uint64_t)row, columns, values + (size_t)(row - from) * columns);
    *out = values;
    return STATUS_OK;
}

/* How many rows of little-endian float32 a file has. */
static enum status rows_count_local(const char *path, size_t columns, int64_t *rows, struct error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, STATUS_IO, path, "", "the file cannot be opened");
    const long bytes = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    (void)fclose(file);
    const long row_bytes = (long)(columns * sizeof(float));
    if (bytes <= 0 || bytes % row_bytes != 0)
        return error_set(err, STATUS_CORRUPT, path, "say how many columns it has: --columns",
                         "%ld bytes are no whole rows of %zu float32", bytes, columns);
    *rows = bytes / row_bytes;
    return STATUS_OK;
}

static enum status rows_read_local(const char *path, int64_t from, int64_t to, size_t columns, float **out,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    const size_t count = (size_t)(to - from) * columns;
    float *values = malloc((count + 1) * sizeof *values);
    FILE *file = fopen(path, "rb");
    if (!values)
        TRY(no_room(to - from, err));
    if (!file || fseek(file, (long)((size_t)from * columns * sizeof *values), SEEK_SET) != 0 ||
        fread(values, sizeof *values, count, file) != count)
        TRY(error_set(err, STATUS_IO, path, "", "the file cannot be read"));
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            TRY(error_set(err, STATUS_CORRUPT, path, "",
                          "column %zu of row %" PRId64 " is not a finite number", i % columns + 1,
                          from + (int64_t)(i / columns) + 1));
    *out = values;
    values = NULL;
done:
    if (file)
        (void)fclose(file);
    free(values);
    return status;
}

/* This rank's share of the rows; free() their values. */
static enum status rows_take(const struct session *session, struct bench_rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    const struct options *options = &session->options;
    const char *path = options->word_count > 1 ? options->words[1] : NULL;
    const int64_t rank = team_rank(session->team), size = team_size(session->team);
    int64_t total = options->rows ? options->rows : ROWS;
    float *values = NULL;
    rows->columns = options->columns ? (size_t)options->columns : COLUMNS;
    if (path) {
        int64_t there = 0;
        TRY(team_agree(session->team, rows_count_local(path, rows->columns, &there, err), err));
        total = options->rows && options->rows < there ? options->rows : there;
    }
    const int64_t from = total * rank / size, to = total * (rank + 1) / size;
    enum status had = path ? rows_read_local(path, from, to, rows->columns, &values, err)
                           : rows_make_local(from, to, rows->columns, &values, err);
    TRY(team_agree(session->team, had, err));
    rows->values = values;
    rows->row_count = (size_t)(to - from);
done:
    return status;
}

static void common_json(struct json *json, const struct session *session, const struct bench_rows *rows,
                        const struct bench_result *result)
{
    json_integer(json, "rows", result->rows);
    json_integer(json, "columns", (int64_t)rows->columns);
    json_integer(json, "ranks", team_size(session->team));
    json_text(json, "simd", result->level, strlen(result->level));
    json_number(json, "prepare_ms", result->prepare_s * 1e3);
    json_number(json, "peak_gflops", result->peak_per_s * 1e-9);
    json_number(json, "peak_share", result->limit_s * team_size(session->team) / result->cpu_s);
    json_number(json, "loss", result->loss);
}

static void kmeans_print(const struct session *session, const struct bench_rows *rows, int k,
                         const struct bench_result *result)
{
    const double steps = (double)result->steps, ms = result->wall_s / steps * 1e3;
    if (!session->options.json) {
        (void)printf("k-means, %" PRId64 " rows of %zu columns, k = %d, %d ranks, %s\n"
                     "%.3f ms an iteration; %.0f %% of what reading the rows (%.1f GB/s) or the arithmetic "
                     "(%.0f Gop/s) allows\n"
                     "%.0f ms once for scaling and laying out the rows\n",
                     result->rows, rows->columns, k, team_size(session->team), result->level, ms,
                     100.0 * result->limit_s * team_size(session->team) / result->cpu_s,
                     result->read_bytes_per_s * 1e-9, result->peak_per_s * 1e-9, result->prepare_s * 1e3);
        return;
    }
    struct json json = json_begin(stdout);
    json_open(&json, NULL, '{');
    json_number(&json, "ms_per_iteration", ms);
    json_number(&json, "cpu_ms_per_iteration", result->cpu_s / steps * 1e3);
    json_number(&json, "limit_ms", result->limit_s / steps * 1e3);
    json_number(&json, "read_gb_per_s", result->read_bytes_per_s * 1e-9);
    json_integer(&json, "k", k);
    json_integer(&json, "iterations", result->steps);
    common_json(&json, session, rows, result);
    json_close(&json, '}');
}

static void end_print(const struct session *session, const struct bench_rows *rows, int k,
                      const struct bench_end *end)
{
    if (!session->options.json) {
        (void)printf("k-means, %" PRId64 " rows of %zu columns, k = %d, %d ranks, %s\n"
                     "%.0f ms and %" PRId64 " passes to its end, after %.0f ms of scaling; inertia %.6g\n",
                     end->rows, rows->columns, k, team_size(session->team), end->level, end->wall_s * 1e3,
                     end->passes, end->prepare_s * 1e3, end->inertia);
        return;
    }
    struct json json = json_begin(stdout);
    json_open(&json, NULL, '{');
    json_number(&json, "ms_to_end", end->wall_s * 1e3);
    json_number(&json, "cpu_ms_to_end", end->cpu_s * 1e3);
    json_integer(&json, "passes", end->passes);
    json_number(&json, "inertia", end->inertia);
    json_number(&json, "prepare_ms", end->prepare_s * 1e3);
    json_integer(&json, "k", k);
    json_integer(&json, "rows", end->rows);
    json_integer(&json, "columns", (int64_t)rows->columns);
    json_integer(&json, "ranks", team_size(session->team));
    json_text(&json, "simd", end->level, strlen(end->level));
    json_close(&json, '}');
}

static enum status bench_end_run(struct session *session, const struct bench_rows *rows, int k,
                                 struct error *err)
{
    struct bench_end end = {0};
    enum status status = bench_kmeans_end(session->team, rows, k, &end, err);
    if (status == STATUS_OK && session_prints(session))
        end_print(session, rows, k, &end);
    return status;
}

/* With fewer ranks, or with rows a rank, the same. */
static enum status ladder_rows_take(struct session *session, int side, struct bench_rows *rows,
                                    struct error *err)
{
    if (side == LADDER_WEAK) {
        const int64_t total =
            (session->options.rows ? session->options.rows : ROWS) * (int64_t)team_size(session->team);
        if (total > INT32_MAX)
            return error_set(err, STATUS_USAGE, "--rows", "time fewer rows",
                             "too many for all ranks together");
        session->options.rows = (int)total;
    }
    return rows_take(session, rows, err);
}

static enum status kmeans_work(struct session *session, int side, void *context, struct ladder_timed *timed,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct bench_rows rows = {0};
    struct bench_result result = {0};
    TRY(ladder_rows_take(session, side, &rows, err));
    TRY(bench_kmeans(session->team, &rows, *(const int *)context, ITERATIONS, &result, err));
    timed->seconds = result.wall_s / (double)result.steps;
    timed->sent = result.sent_bytes / result.steps;
    timed->bytes = result.rows * (int64_t)(rows.columns * sizeof(int16_t));
done:
    free((void *)rows.values);
    return status;
}

/* What the work of a ladder is told of the net. */
struct net_asked {
    int hidden[BENCH_LAYERS_MOST];
    int hidden_count, batch;
};

static enum status autoencoder_work(struct session *session, int side, void *context,
                                    struct ladder_timed *timed, struct error *err)
{
    enum status status = STATUS_OK;
    const struct net_asked *net = context;
    struct bench_rows rows = {0};
    struct bench_result result = {0};
    TRY(ladder_rows_take(session, side, &rows, err));
    TRY(bench_autoencoder(session->team, &rows, net->hidden, net->hidden_count, net->batch, LADDER_SECONDS,
                          &result, err));
    timed->seconds = result.wall_s / (double)result.steps;
    timed->sent = result.sent_bytes / result.steps;
    timed->bytes = result.rows * (int64_t)(rows.columns * sizeof(float));
done:
    free((void *)rows.values);
    return status;
}

enum status bench_kmeans_run(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct bench_rows rows = {0};
    struct bench_result result = {0};
    int k = session->options.k ? session->options.k : 8;
    if (session->options.ladder) {
        struct ladder ladder = {.title = "an iteration of k-means", .rate = "MB/s of rows"};
        return ladder_run(session, &ladder, LADDER_SIDES, kmeans_work, &k, err);
    }
    TRY(rows_take(session, &rows, err));
    if (session->options.to_end) {
        TRY(bench_end_run(session, &rows, k, err));
        goto done;
    }
    TRY(bench_kmeans(session->team, &rows, k, ITERATIONS, &result, err));
    if (session_prints(session))
        kmeans_print(session, &rows, k, &result);
done:
    free((void *)rows.values);
    return status;
}

/* Widths as 32,8,32; returns how many, or −1. */
static int hidden_read(const char *text, int hidden[BENCH_LAYERS_MOST])
{
    int count = 0;
    for (const char *at = text; count < BENCH_LAYERS_MOST; at++) {
        char *end = NULL;
        const long width = strtol(at, &end, 10);
        if (end == at || width < 1 || width > 100000)
            return -1;
        hidden[count++] = (int)width;
        if (*end == '\0')
            return count;
        if (*end != ',')
            return -1;
        at = end;
    }
    return -1;
}

static void autoencoder_print(const struct session *session, const struct bench_rows *rows,
                              const char *hidden, int batch, const struct bench_result *result)
{
    const double samples = (double)(result->rows * result->steps);
    if (!session->options.json) {
        (void)printf("autoencoder %zu-%s-%zu, batch %d, %" PRId64 " rows, %d ranks, %s\n"
                     "%.0f samples/s; %.0f %% of the fused multiply-adds' peak (%.0f GFlop/s)\n",
                     rows->columns, hidden, rows->columns, batch, result->rows, team_size(session->team),
                     result->level, samples / result->wall_s,
                     100.0 * result->limit_s * team_size(session->team) / result->cpu_s,
                     result->peak_per_s * 1e-9);
        return;
    }
    struct json json = json_begin(stdout);
    json_open(&json, NULL, '{');
    json_number(&json, "samples_per_s", samples / result->wall_s);
    json_number(&json, "samples_per_cpu_s", samples / result->cpu_s);
    json_text(&json, "hidden", hidden, strlen(hidden));
    json_integer(&json, "batch", batch);
    json_integer(&json, "epochs", result->steps);
    common_json(&json, session, rows, result);
    json_close(&json, '}');
}

enum status bench_autoencoder_run(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct bench_rows rows = {0};
    struct bench_result result = {0};
    int hidden[BENCH_LAYERS_MOST];
    const char *text = session->options.hidden ? session->options.hidden : "16,8,16";
    const int batch = session->options.batch ? session->options.batch : 2048;
    const int hidden_count = hidden_read(text, hidden);
    if (hidden_count < 0)
        return error_set(err, STATUS_USAGE, "--hidden", "write widths like 32,8,32",
                         "\"%.40s\" is no list of at most %d widths", text, BENCH_LAYERS_MOST);
    if (session->options.ladder) {
        struct ladder ladder = {.title = "an epoch of the autoencoder", .rate = "MB/s of rows"};
        struct net_asked net = {.hidden_count = hidden_count, .batch = batch};
        memcpy(net.hidden, hidden, sizeof net.hidden);
        return ladder_run(session, &ladder, LADDER_SIDES, autoencoder_work, &net, err);
    }
    TRY(rows_take(session, &rows, err));
    TRY(bench_autoencoder(session->team, &rows, hidden, hidden_count, batch, SECONDS, &result, err));
    if (session_prints(session))
        autoencoder_print(session, &rows, text, batch, &result);
done:
    free((void *)rows.values);
    return status;
}
