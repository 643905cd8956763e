/* The autoencoder against finite differences of a plain double net; the deal; and that training learns. */
#include "autoencoder.h"
#include "deal.h"
#include "net.h"
#include "optimizer.h"

#include "synthetic.h"

#include "base/simd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#define COLUMNS 5
#define USED_ROWS 50  // of the micro-batch; the others are padding

static const int HIDDEN[] = {4, 2, 3};
static const uint8_t ACTIVE[COLUMNS] = {1, 1, 0, 1, 1};
enum { ACTIVE_COUNT = 4 };

/* Σ Huber of one row in doubles. */
static double slow_error(const struct net *net, const double *parameters, const int16_t *row)
{
    double x[MODEL_WIDTH_MOST], y[MODEL_WIDTH_MOST], error = 0.0;
    for (int c = 0; c < COLUMNS; c++)
        x[c] = row[c] / 512.0;
    for (int l = 0; l < net->layer_count; l++) {
        const double *weights = parameters + net_weight_at(net, l),
                     *biases = parameters + net_bias_at(net, l);
        for (int o = 0; o < net->width[l + 1]; o++) {
            y[o] = biases[o];
            for (int i = 0; i < net->width[l]; i++)
                y[o] += weights[o * net->width[l] + i] * x[i];
            if (l + 1 < net->layer_count && y[o] < 0.0)
                y[o] /= 64.0;
        }
        memcpy(x, y, sizeof x);
    }
    for (int c = 0; c < COLUMNS; c++) {
        double apart = fabs(x[c] - row[c] / 512.0);
        if (ACTIVE[c])
            error += apart <= 1.0 ? apart * apart / 2.0 : apart - 0.5;
    }
    return error;
}

static double slow_loss(const struct net *net, const double *parameters, const int16_t *rows)
{
    double loss = 0.0;
    for (size_t row = 0; row < USED_ROWS; row++)
        loss += slow_error(net, parameters, rows + row * GRID_COLUMNS) / ACTIVE_COUNT;
    return loss;
}

static void rows_fill(int16_t *rows)
{
    memset(rows, 0, sizeof *rows * MICRO_ROWS * GRID_COLUMNS);
    for (size_t row = 0; row < USED_ROWS; row++)
        for (size_t c = 0; c < COLUMNS; c++)
            rows[row * GRID_COLUMNS + c] = (int16_t)(synthetic_unit(row, c) * 3000.0 - 1400.0);
}

static void net_ready(struct net *net, struct net_work *work)
{
    assert_int_equal(net_make(COLUMNS, HIDDEN, 3, net, NULL), STATUS_OK);
    assert_int_equal(net_work_make(net, work, NULL), STATUS_OK);
    net_draw(net, 7);
    for (size_t i = net->weight_count; i < net->parameter_count; i++)
        net->parameters[i] = (float)(synthetic_unit(i, 50) - 0.5);  // biases that are not 0
}

static void test_gradients_equal_central_differences(void **state)
{
    (void)state;
    struct net net;
    struct net_work work;
    int16_t rows[MICRO_ROWS * GRID_COLUMNS];
    int64_t gradient[128] = {0};
    double parameters[128];
    rows_fill(rows);
    net_ready(&net, &work);
    assert_int_equal(net.parameter_count, 5 * 4 + 4 * 2 + 2 * 3 + 3 * 5 + 4 + 2 + 3 + 5);
    net_load(&net, &work, rows, USED_ROWS);
    net_forward(&net, &work);
    assert_int_equal(net_gradient(&net, &work, ACTIVE, USED_ROWS, gradient), 0);
    for (size_t i = 0; i < net.parameter_count; i++)
        parameters[i] = (double)net.parameters[i];
    for (size_t i = 0; i < net.parameter_count; i++) {
        const double step = 1e-6;
        parameters[i] = (double)net.parameters[i] + step;
        double above = slow_loss(&net, parameters, rows);
        parameters[i] = (double)net.parameters[i] - step;
        double below = slow_loss(&net, parameters, rows);
        parameters[i] = (double)net.parameters[i];
        // Sums of 50 floats of size 1: some 1e-5 off.
        assert_true(fabs((double)gradient[i] * 0x1p-32 - (above - below) / (2.0 * step)) < 1e-4);
    }
    net_work_clear(&work);
    net_clear(&net);
}

static void test_errors_equal_those_of_a_plain_net_and_add_up(void **state)
{
    (void)state;
    struct net net;
    struct net_work work;
    int16_t rows[MICRO_ROWS * GRID_COLUMNS];
    int64_t errors[MICRO_ROWS];
    float huber[COLUMNS * MICRO_ROWS];
    double parameters[128];
    rows_fill(rows);
    net_ready(&net, &work);
    for (size_t i = 0; i < net.parameter_count; i++)
        parameters[i] = (double)net.parameters[i];
    net_load(&net, &work, rows, USED_ROWS);
    net_forward(&net, &work);
    net_errors(&net, &work, ACTIVE, errors, huber);
    for (size_t row = 0; row < USED_ROWS; row++) {
        double parts = 0.0;
        for (size_t c = 0; c < COLUMNS; c++)
            parts += (double)huber[c * MICRO_ROWS + row];
        assert_true(huber[(size_t)2 * MICRO_ROWS + row] == 0.0f);  // not active
        assert_true(fabs(parts - (double)errors[row] * 0x1p-32) < 1e-5);
        assert_true(fabs(parts - slow_error(&net, parameters, rows + row * GRID_COLUMNS)) < 1e-4);
    }
    net_work_clear(&work);
    net_clear(&net);
}

/* Everything that a net makes of a micro-batch by one kernel. */
struct net_made {
    float outputs[GRID_COLUMNS * MICRO_ROWS];
    float huber[GRID_COLUMNS * MICRO_ROWS];
    int64_t errors[MICRO_ROWS];
    int64_t gradient[8192];
    int64_t cuts;
    float parameters[8192];
};

static void kernel_try(const struct net_kernel *kernel, struct net *net, const int16_t *rows,
                       const uint8_t *active, struct net_made *made)
{
    struct net_work work;
    struct optimizer optimizer;
    const size_t columns = (size_t)net->width[0];
    memset(made, 0, sizeof *made);
    assert_int_equal(net_work_make(net, &work, NULL), STATUS_OK);
    assert_int_equal(optimizer_make(net, &optimizer, NULL), STATUS_OK);
    work.kernel = optimizer.kernel = kernel;
    net_load(net, &work, rows, USED_ROWS);
    net_forward(net, &work);
    net_errors(net, &work, active, made->errors, made->huber);
    made->cuts = net_gradient(net, &work, active, USED_ROWS, made->gradient);
    memcpy(made->outputs, work.activation[net->layer_count], columns * MICRO_ROWS * sizeof(float));
    float *before = malloc(net->parameter_count * sizeof *before);
    memcpy(before, net->parameters, net->parameter_count * sizeof *before);
    optimizer_step(&optimizer, net, made->gradient, USED_ROWS, 1e-3);
    optimizer_step(&optimizer, net, made->gradient, USED_ROWS, 1e-3);
    memcpy(made->parameters, net->parameters, net->parameter_count * sizeof *before);
    memcpy(net->parameters, before, net->parameter_count * sizeof *before);
    free(before);
    optimizer_clear(&optimizer);
    net_work_clear(&work);
}

/* Widths that fill vectors and widths that do not, rows at the grid's ends, parameters that overflow. */
static void test_every_kernel_makes_the_same_bits(void **state)
{
    (void)state;
    static const struct {
        int columns, hidden_count, hidden[4];
    } nets[] = {
        {24, 3, {16, 8, 16}}, {30, 3, {32, 8, 32}}, {7, 4, {13, 1, 5, 9}}, {1, 1, {1}}, {15, 2, {33, 17}}};
    static struct net_made plain, other;
    static int16_t rows[MICRO_ROWS * GRID_COLUMNS];
    uint8_t active[GRID_COLUMNS];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        rows[i] = (int16_t)(synthetic_unit(i, 3) * 8190.0 - 4095.0);
    for (size_t c = 0; c < GRID_COLUMNS; c++)
        active[c] = c % 5 != 2;
    for (size_t n = 0; n < 2 * sizeof nets / sizeof nets[0]; n++) {
        struct net net;
        assert_int_equal(
            net_make(nets[n / 2].columns, nets[n / 2].hidden, nets[n / 2].hidden_count, &net, NULL),
            STATUS_OK);
        assert_true(net.parameter_count <= 8192);
        net_draw(&net, 11);
        for (size_t i = net.weight_count; i < net.parameter_count; i++)
            net.parameters[i] = (float)(synthetic_unit(i, 51) - 0.5);
        if (n % 2)
            net.parameters[0] = 3e38f;  // infinite sums, and then no numbers
        kernel_try(&NET_PLAIN, &net, rows, active, &plain);
        assert_true(n % 2 ? plain.cuts > 0 : plain.cuts == 0);
#if defined(__x86_64__)
        if (simd_level() >= SIMD_AVX2) {
            kernel_try(&NET_AVX2, &net, rows, active, &other);
            assert_memory_equal(plain.gradient, other.gradient, sizeof plain.gradient);
            assert_memory_equal(plain.errors, other.errors, sizeof plain.errors);
            if (n % 2 == 0)
                assert_memory_equal(&plain, &other, sizeof plain);
        }
        if (simd_level() >= SIMD_AVX512) {
            kernel_try(&NET_AVX512, &net, rows, active, &other);
            assert_memory_equal(plain.gradient, other.gradient, sizeof plain.gradient);
            assert_memory_equal(plain.errors, other.errors, sizeof plain.errors);
            if (n % 2 == 0)
                assert_memory_equal(&plain, &other, sizeof plain);
        }
#endif
        net_clear(&net);
    }
}

static void test_not_a_number_counts_as_the_worst_error(void **state)
{
    (void)state;
    struct net net;
    struct net_work work;
    int16_t rows[MICRO_ROWS * GRID_COLUMNS];
    int64_t errors[MICRO_ROWS], gradient[128] = {0};
    rows_fill(rows);
    net_ready(&net, &work);
    net.parameters[0] = NAN;
    net_load(&net, &work, rows, USED_ROWS);
    net_forward(&net, &work);
    net_errors(&net, &work, ACTIVE, errors, NULL);
    assert_int_equal(errors[0], (int64_t)ACTIVE_COUNT * 128 * (INT64_C(1) << 32));
    assert_true(net_gradient(&net, &work, ACTIVE, USED_ROWS, gradient) > 0);
    net_work_clear(&work);
    net_clear(&net);
}

/* 1,000 rows in stripes of 16 micro-batches; one short micro-batch of 1,000 − 15·64 = 40 rows. */
static void test_every_row_is_dealt_once_an_epoch(void **state)
{
    (void)state;
    static int16_t rows[1100 * GRID_COLUMNS];
    uint8_t keep[1100];
    struct team *team = team_alone();
    struct deal deal;
    for (size_t row = 0; row < 1100; row++) {
        keep[row] = row % 11 != 5;
        rows[row * GRID_COLUMNS] = (int16_t)row;
    }
    const struct deal_source source = {.rows = rows, .keep = keep, .count = 1100, .columns = 1};
    assert_int_equal(deal_make(team, source, 256, 9, &deal, NULL), STATUS_OK);
    assert_int_equal(deal.row_count, 1000);
    assert_int_equal(deal_steps(&deal), 4);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        int seen[1100] = {0};
        for (int64_t step = 0; step < 4; step++)
            for (int stripe = 0; stripe < 4; stripe++) {
                struct deal_micro micro = deal_take(&deal, stripe, epoch, step);
                for (size_t row = 0; row < micro.row_count; row++)
                    seen[micro.values[row]]++;
            }
        for (size_t row = 0; row < 1100; row++)
            assert_int_equal(seen[row], keep[row]);
    }
    deal_clear(&deal);
    team_free(team);
}

static void test_batch_is_a_function_of_the_rows(void **state)
{
    (void)state;
    assert_int_equal(autoencoder_batch(0), 64);
    assert_int_equal(autoencoder_batch(4095), 64);
    assert_int_equal(autoencoder_batch(4096), 128);
    assert_int_equal(autoencoder_batch(65536), 2048);
    assert_int_equal(autoencoder_batch(39999999), 2048);
    assert_int_equal(autoencoder_batch(40000000), 4096);
    assert_int_equal(autoencoder_batch(INT64_C(1) << 45), 262144);
}

/* A row's error by nets side by side is the median of the nets' errors; the first net is the one that trains
 * alone from the same seed. */
static void test_an_ensemble_is_the_median_of_its_nets(void **state)
{
    (void)state;
    struct team *team = team_alone();
    struct synthetic rows;
    struct model *one = NULL, *three = NULL;
    struct model_scores scores[4];
    const struct model_context context = synthetic_context();
    struct model_settings settings = synthetic_settings(3);
    settings.epochs = 12;
    synthetic_make(0, 900, 5, &rows);
    assert_int_equal(model_fit(team, &rows.input, &settings, &context, &one, NULL), STATUS_OK);
    settings.nets = 3;
    assert_int_equal(model_fit(team, &rows.input, &settings, &context, &three, NULL), STATUS_OK);
    assert_memory_equal(three->nets[0].net.parameters, one->nets[0].net.parameters,
                        one->nets[0].net.parameter_count * sizeof(float));
    for (int i = 0; i < 4; i++) {
        struct model alone = *three;
        alone.nets[0] = three->nets[i < 3 ? i : 0];
        alone.net_count = i < 3 ? 1 : 3;
        assert_int_equal(model_score(&alone, &rows.input, &scores[i], NULL), STATUS_OK);
    }
    size_t taken[3] = {0};
    for (size_t row = 0; row < 900; row++) {
        const double a = scores[0].autoencoder_error[row], b = scores[1].autoencoder_error[row];
        const double c = scores[2].autoencoder_error[row];
        const size_t middle = (a <= b) == (b <= c) ? 1 : (b <= a) == (a <= c) ? 0 : 2;
        const size_t at = row * SYNTHETIC_COLUMNS;
        taken[middle]++;
        assert_true(scores[3].autoencoder_error[row] == scores[middle].autoencoder_error[row]);
        assert_memory_equal(scores[3].autoencoder_share + at, scores[middle].autoencoder_share + at,
                            SYNTHETIC_COLUMNS * sizeof(float));
    }
    assert_true(taken[0] > 90 && taken[1] > 90 && taken[2] > 90);
    for (int i = 0; i < 4; i++)
        model_scores_free(&scores[i]);
    model_free(one);
    model_free(three);
    synthetic_clear(&rows);
    team_free(team);
}

static void fit(const int16_t *grid, size_t count, int epochs, struct autoencoder_result *result)
{
    static uint64_t ip_hash[4000];
    static const uint8_t active[4] = {1, 1, 1, 1};
    const struct model_settings settings = {
        .hidden = {8, 2, 8}, .hidden_count = 3, .epochs = epochs, .autoencoder_seed = 1};
    const struct grid_rows rows = {.values = grid, .count = count, .total = (int64_t)count};
    struct team *team = team_alone();
    for (size_t row = 0; row < count; row++)
        ip_hash[row] = row % 40;
    assert_int_equal(autoencoder_fit(team, &rows, ip_hash, 4, active, &settings, NULL, result, NULL),
                     STATUS_OK);
    team_free(team);
}

/* Four columns that are two and their sum and difference: a bottleneck of 2 can learn them. */
static void test_training_reduces_the_loss_and_keeps_the_best(void **state)
{
    (void)state;
    static int16_t grid[4000 * GRID_COLUMNS];
    for (size_t row = 0; row < 4000; row++) {
        int16_t *values = grid + row * GRID_COLUMNS;
        values[0] = (int16_t)(synthetic_unit(row, 0) * 1000.0 - 500.0);
        values[1] = (int16_t)(synthetic_unit(row, 1) * 1000.0 - 500.0);
        values[2] = (int16_t)(values[0] + values[1]);
        values[3] = (int16_t)(values[0] - values[1]);
    }
    struct autoencoder_result result, again;
    fit(grid, 4000, 50, &result);
    assert_int_equal(result.held_rows, 4000 / 40 * 3);  // IPs 0, 16 and 32 of 40
    assert_int_equal(result.clamps, 0);
    assert_int_equal(result.batch, 64);
    assert_true(result.nets[0].losses[result.epochs - 1].train < result.nets[0].losses[0].train / 4.0);
    double least = result.nets[0].losses[0].held;
    int64_t best = 0;
    for (int64_t epoch = 1; epoch < result.epochs; epoch++)
        if (result.nets[0].losses[epoch].held < least) {
            least = result.nets[0].losses[epoch].held;
            best = epoch;
        }
    assert_true(least < result.nets[0].losses[0].held / 4.0);
    assert_true(result.epochs == 50 || result.epochs == best + 1 + 5);
    fit(grid, 4000, 50, &again);
    assert_memory_equal(again.nets[0].net.parameters, result.nets[0].net.parameters,
                        result.nets[0].net.parameter_count * sizeof(float));
    autoencoder_result_clear(&again);
    autoencoder_result_clear(&result);
}

static void test_one_row_trains_too(void **state)
{
    (void)state;
    int16_t row[GRID_COLUMNS] = {100, -100};
    struct autoencoder_result result;
    fit(row, 1, 3, &result);
    assert_int_equal(result.held_rows, 1);
    assert_int_equal(result.epochs, 3);
    autoencoder_result_clear(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_equal_central_differences),
        cmocka_unit_test(test_errors_equal_those_of_a_plain_net_and_add_up),
        cmocka_unit_test(test_every_kernel_makes_the_same_bits),
        cmocka_unit_test(test_not_a_number_counts_as_the_worst_error),
        cmocka_unit_test(test_every_row_is_dealt_once_an_epoch),
        cmocka_unit_test(test_batch_is_a_function_of_the_rows),
        cmocka_unit_test(test_training_reduces_the_loss_and_keeps_the_best),
        cmocka_unit_test(test_one_row_trains_too),
        cmocka_unit_test(test_an_ensemble_is_the_median_of_its_nets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
