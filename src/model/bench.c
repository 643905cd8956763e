#include "model/bench.h"

#include "autoencoder.h"
#include "draw.h"
#include "kmeans.h"
#include "kmeans_pass.h"
#include "net.h"
#include "scaling.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 2
#define PEAK_S 0.05  // of each of the trials for a peak
#define PEAK_TRIALS 5
#define FLOOR 1e-6  // least scale of a column

/* Rows on the grid, with what the models want to know about them. */
struct scaled {
    struct grid_rows rows;
    int16_t *grid;
    uint64_t *ip_hash;
    uint8_t active[GRID_COLUMNS];
};

static void scaled_clear(struct scaled *scaled)
{
    free(scaled->grid);
    free(scaled->ip_hash);
}

static enum status scaled_room_local(const struct bench_rows *rows, struct scaled *scaled, struct error *err)
{
    scaled->grid = malloc((rows->row_count + 1) * GRID_COLUMNS * sizeof *scaled->grid);
    scaled->ip_hash = malloc((rows->row_count + 1) * sizeof *scaled->ip_hash);
    return scaled->grid && scaled->ip_hash ? STATUS_OK : model_no_memory("bench", rows->row_count, err);
}

static enum status scaled_make(const struct team *team, const struct bench_rows *rows, struct scaled *scaled,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct scaling scaling = {.columns = rows->columns};
    int64_t total = (int64_t)rows->row_count;
    *scaled = (struct scaled){0};
    for (size_t c = 0; c < rows->columns; c++) {
        scaling.floor[c] = FLOOR;
        scaling.active[c] = scaled->active[c] = 1;
    }
    TRY(team_agree(team, scaled_room_local(rows, scaled, err), err));
    TRY(scaling_fit(team, rows->values, rows->row_count, &scaling, err));
    const uint64_t first = team_sum_before(team, rows->row_count);
    team_sum_i64(team, &total, 1);
    for (size_t row = 0; row < rows->row_count; row++) {
        scaling_apply(&scaling, rows->values + row * rows->columns, scaled->grid + row * GRID_COLUMNS);
        scaled->ip_hash[row] = (first + row) / 64;  // 64 rows an address
    }
    scaled->rows = (struct grid_rows){.values = scaled->grid,
                                      .count = rows->row_count,
                                      .columns = (int)rows->columns,
                                      .first = first,
                                      .total = total};
done:
    return status;
}

/* The largest of all ranks. */
static double slowest(const struct team *team, double seconds)
{
    int64_t ns = (int64_t)(seconds * 1e9);
    team_max_i64(team, &ns, 1);
    return (double)ns * 1e-9;
}

static double summed(const struct team *team, double value)
{
    int64_t whole = (int64_t)value;
    team_sum_i64(team, &whole, 1);
    return (double)whole;
}

/* Bytes a second of this rank: the best of some reads of all of it. */
static double read_speed(const int32_t *values, size_t count, int32_t *sink)
{
    double best = 0.0;
    for (int trial = 0; trial < PEAK_TRIALS && count > 0; trial++) {
        int32_t bits = 0;
        const double began_s = clock_cpu_seconds();
        for (size_t i = 0; i < count; i++)
            bits ^= values[i];
        const double speed = (double)(count * sizeof *values) / (clock_cpu_seconds() - began_s);
        *sink ^= bits;
        best = speed > best ? speed : best;
    }
    return best;
}

/* Runs a loop of arithmetic from registers; returns how many operations that were. */
typedef double peak_go(const void *kernel, int64_t rounds);

static double kmeans_peak(const void *kernel, int64_t rounds)
{
    int32_t sink[2] = {(int32_t)rounds, 3};
    return ((const struct kmeans_kernel *)kernel)->peak(rounds, sink);
}

static double net_peak(const void *kernel, int64_t rounds)
{
    float sink = 0.5f;
    return ((const struct net_kernel *)kernel)->peak(rounds, &sink);
}

/* Operations a second of this rank by such a loop, which a kernel has: the best of some trials. */
static double peak_find(peak_go *go, const void *kernel)
{
    double best = 0.0;
    int64_t rounds = 1 << 16;
    for (int trial = 0; trial < PEAK_TRIALS;) {
        const double began_s = clock_cpu_seconds(), count = go(kernel, rounds);
        const double spent_s = clock_cpu_seconds() - began_s;
        if (spent_s < PEAK_S) {
            rounds *= 2;
            continue;
        }
        best = count / spent_s > best ? count / spent_s : best;
        trial++;
    }
    return best;
}

/* What the machine could do: reading the rows once, or the arithmetic, whichever is slower. */
static void kmeans_limit(const struct team *team, const struct pass *pass, const struct bench_rows *rows,
                         struct bench_result *out)
{
    int32_t sink = (int32_t)rows->row_count;
    const size_t count = pass->rows->count / BLOCK_ROWS * (size_t)pass->blocks.pairs * BLOCK_ROWS;
    const double read = read_speed(pass->blocks.blocks, count, &sink),
                 peak = peak_find(kmeans_peak, pass->kernel);
    const double work = 2.0 * (double)rows->row_count * (double)rows->columns * pass->k;
    const double read_s = read > 0.0 ? (double)(count * sizeof(int32_t)) / read : 0.0;
    const double limit_s = work / peak > read_s ? work / peak : read_s;
    out->limit_s = slowest(team, limit_s) * (double)out->steps;
    out->read_bytes_per_s = summed(team, read);
    out->peak_per_s = summed(team, peak);
}

static enum status check_k(const struct scaled *scaled, int k, struct error *err)
{
    if (k >= 2 && k <= MODEL_K_MOST && k <= scaled->rows.total)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE, "--k", "choose from 2 to 1024, and not above the rows",
                     "there is no k-means with k = %d on %lld rows", k, (long long)scaled->rows.total);
}

/* The first k rows of all ranks as centres [k][GRID_COLUMNS]. */
static void starts_take(const struct team *team, const struct grid_rows *rows, int k, int16_t *lattice)
{
    for (int c = 0; c < k; c++) {
        const int64_t row = c - (int64_t)rows->first;
        const bool mine = row >= 0 && row < (int64_t)rows->count;
        int64_t unused = 0;
        pass_row(team, rows, mine ? (size_t)row : DRAW_NONE, &unused, lattice + (size_t)c * GRID_COLUMNS);
    }
}

/* Scales the rows, and takes the first k of them as centres; free() those. */
static enum status kmeans_begin(const struct team *team, const struct bench_rows *rows, int k,
                                struct scaled *scaled, int16_t **centres, struct error *err)
{
    enum status status = STATUS_OK;
    int16_t *lattice = calloc((size_t)k * GRID_COLUMNS, sizeof *lattice);
    TRY(team_agree(team, lattice ? STATUS_OK : model_no_memory("bench", (size_t)k, err), err));
    assert(lattice);
    TRY(scaled_make(team, rows, scaled, err));
    TRY(check_k(scaled, k, err));
    starts_take(team, &scaled->rows, k, lattice);
    *centres = lattice;
    lattice = NULL;
done:
    free(lattice);
    return status;
}

enum status bench_kmeans(const struct team *team, const struct bench_rows *rows, int k, int64_t iterations,
                         struct bench_result *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct scaled scaled = {0};
    struct pass pass = {0};
    int16_t *lattice = NULL;
    const double began_s = clock_seconds();
    TRY(kmeans_begin(team, rows, k, &scaled, &lattice, err));
    TRY(pass_make(team, &scaled.rows, k, &pass, err));
    *out = (struct bench_result){.level = pass.kernel->name,
                                 .rows = scaled.rows.total,
                                 .steps = iterations,
                                 .prepare_s = clock_seconds() - began_s};
    double wall_s = 0.0, cpu_s = 0.0;
    for (int64_t i = 0; i < iterations + WARM_UP; i++) {
        if (i == WARM_UP) {
            (void)team_traffic_take(team);
            wall_s = clock_seconds();
            cpu_s = clock_cpu_seconds();
        }
        pass_go(team, &pass, lattice);
        (void)pass_move(team, &pass, lattice);
    }
    wall_s = clock_seconds() - wall_s;
    out->sent_bytes = team_traffic_bytes(team);
    out->wall_s = slowest(team, wall_s);
    out->cpu_s = summed(team, (clock_cpu_seconds() - cpu_s) * 1e9) * 1e-9;
    out->loss = (double)pass.inertia / GRID_ONE / GRID_ONE;
    kmeans_limit(team, &pass, rows, out);
done:
    free(lattice);
    pass_clear(&pass);
    scaled_clear(&scaled);
    return status;
}

enum status bench_kmeans_end(const struct team *team, const struct bench_rows *rows, int k,
                             struct bench_end *out, struct error *err)
{
    enum status status = STATUS_OK;
    struct scaled scaled = {0};
    struct kmeans kmeans = {0};
    int16_t *lattice = NULL;
    const double began_s = clock_seconds();
    TRY(kmeans_begin(team, rows, k, &scaled, &lattice, err));
    const double scaled_s = clock_seconds(), cpu_s = clock_cpu_seconds();
    TRY(kmeans_run(team, &scaled.rows, lattice, k, &kmeans, err));
    *out = (struct bench_end){.level = kmeans_kernel_choose()->name,
                              .rows = scaled.rows.total,
                              .passes = kmeans.passes,
                              .prepare_s = slowest(team, scaled_s - began_s),
                              .wall_s = slowest(team, clock_seconds() - scaled_s),
                              .cpu_s = summed(team, (clock_cpu_seconds() - cpu_s) * 1e9) * 1e-9,
                              .inertia = (double)kmeans.inertia / GRID_ONE / GRID_ONE};
done:
    free(lattice);
    kmeans_clear(&kmeans);
    scaled_clear(&scaled);
    return status;
}

/* Per row 2 operations a weight forward, as many for its gradient, and for the layers behind the first as
 * many back. */
static double net_work_of(size_t columns, const int *hidden, int hidden_count)
{
    double weights = 0.0, first = 0.0, before = (double)columns;
    for (int l = 0; l <= hidden_count; l++) {
        const double width = l < hidden_count ? hidden[l] : (double)columns;
        first = l == 0 ? before * width : first;
        weights += before * width;
        before = width;
    }
    return 2.0 * (3.0 * weights - first);
}

enum status bench_autoencoder(const struct team *team, const struct bench_rows *rows, const int *hidden,
                              int hidden_count, int batch, double seconds, struct bench_result *out,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct scaled scaled = {0};
    struct autoencoder_time time = {0};
    struct model_settings settings = {.k = 2,
                                      .hidden_count = hidden_count,
                                      .epochs = MODEL_EPOCHS_MOST,
                                      .batch = batch,
                                      .autoencoder_seed = 1};
    const double began_s = clock_seconds();
    for (int l = 0; l < hidden_count && l < MODEL_LAYERS_MOST; l++)
        settings.hidden[l] = hidden[l];
    TRY(model_check_local(&settings, rows->columns, err));
    TRY(scaled_make(team, rows, &scaled, err));
    TRY(autoencoder_time(team, &scaled.rows, scaled.ip_hash, rows->columns, scaled.active, &settings, seconds,
                         &time, err));
    const struct net_kernel *kernel = net_kernel_choose();
    const double peak = peak_find(net_peak, kernel);
    *out = (struct bench_result){.level = kernel->name,
                                 .rows = time.rows,
                                 .steps = time.epochs,
                                 .prepare_s = slowest(team, time.began_s - began_s),
                                 .wall_s = slowest(team, time.wall_s),
                                 .cpu_s = summed(team, time.cpu_s * 1e9) * 1e-9,
                                 .peak_per_s = summed(team, peak),
                                 .sent_bytes = time.sent_bytes,
                                 .loss = time.loss};
    const double work = net_work_of(rows->columns, hidden, hidden_count) * (double)time.rows;
    out->limit_s = work / out->peak_per_s * (double)time.epochs;
done:
    scaled_clear(&scaled);
    return status;
}
