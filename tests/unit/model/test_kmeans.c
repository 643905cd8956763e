/* k-means on the grid, by hand and by slow sums; run alone. Ranks: test_model_together. */
#include "kmeans.h"
#include "kmeans_blocks.h"
#include "kmeans_choose.h"

#include "synthetic.h"

#include "base/simd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define ROWS 500

static void grid_fill(int16_t *grid, size_t rows, size_t columns)
{
    memset(grid, 0, rows * GRID_COLUMNS * sizeof *grid);
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < columns; c++)
            grid[row * GRID_COLUMNS + c] =
                (int16_t)((double)(row % 5) * 600.0 + synthetic_unit(row, c) * 500.0 - 1500.0);
}

static struct grid_rows rows_of(const int16_t *grid, size_t count)
{
    return (struct grid_rows){.values = grid, .count = count, .total = (int64_t)count};
}

/* The nearest centre by int64 differences, the lowest number among equals. */
static int32_t slow_nearest(const int16_t *row, const int16_t *lattice, int k, int64_t *distance)
{
    int32_t label = 0;
    *distance = INT64_MAX;
    for (int32_t c = 0; c < k; c++) {
        int64_t sum = 0;
        for (size_t i = 0; i < GRID_COLUMNS; i++) {
            int64_t apart = (int64_t)row[i] - lattice[(size_t)c * GRID_COLUMNS + i];
            sum += apart * apart;
        }
        if (sum < *distance) {
            *distance = sum;
            label = c;
        }
    }
    return label;
}

static void test_assignment_is_that_of_plain_distances(void **state)
{
    (void)state;
    static int16_t grid[ROWS * GRID_COLUMNS];
    int32_t labels[ROWS], distances[ROWS];
    grid_fill(grid, ROWS, 24);
    const struct grid_rows rows = rows_of(grid, ROWS);
    assert_int_equal(kmeans_assign(&rows, grid, 16, labels, distances, NULL), STATUS_OK);
    for (size_t row = 0; row < ROWS; row++) {
        int64_t distance;
        assert_int_equal(labels[row], slow_nearest(grid + row * GRID_COLUMNS, grid, 16, &distance));
        assert_int_equal(distances[row], distance);
    }
}

/* What one kernel makes of the rows: labels and scores, then a pass from labels that are partly right. */
struct kernel_result {
    uint16_t labels[(ROWS / BLOCK_ROWS + 1) * BLOCK_ROWS];
    int32_t scores[(ROWS / BLOCK_ROWS + 1) * BLOCK_ROWS];
    uint16_t passed[(ROWS / BLOCK_ROWS + 1) * BLOCK_ROWS];
    int32_t sums[40 * DELTA_STRIDE];
    int32_t counts[40];
    size_t moved;
};

static void kernel_try(const struct kmeans_kernel *kernel, const struct block_rows *blocks,
                       const struct kernel_centres *centres, struct kernel_result *result)
{
    const struct kernel_rows rows = blocks_run(blocks, 0, blocks->count);
    memset(result, 0, sizeof *result);
    kernel->nearest(&rows, centres, result->labels, result->scores);
    for (size_t row = 0; row < blocks->count; row++)
        result->passed[row] = row % 3 == 0 ? LABEL_NONE : row % 3 == 1 ? 0 : result->labels[row];
    const struct kernel_changes changes = {result->passed, result->sums, result->counts};
    result->moved = kernel->pass(&rows, centres, &changes);
}

static void test_every_kernel_finds_the_same_labels_scores_and_changes(void **state)
{
    (void)state;
    static int16_t grid[ROWS * GRID_COLUMNS];
    static struct kernel_result plain, other;
    const struct kmeans_kernel *kernels[4];
    size_t kernel_count = 0;
#if defined(__x86_64__)
    kernels[kernel_count++] = &KMEANS_SSE2;
    if (simd_level() >= SIMD_AVX2)
        kernels[kernel_count++] = &KMEANS_AVX2;
    if (simd_level() >= SIMD_AVX512)
        kernels[kernel_count++] = &KMEANS_AVX512;
    if (simd_has_vnni())
        kernels[kernel_count++] = &KMEANS_VNNI;
#endif
    for (int columns = 3; columns <= 32; columns += 7) {
        struct block_rows blocks;
        struct block_centres room;
        grid_fill(grid, ROWS, (size_t)columns);
        for (size_t c = 0; c < (size_t)columns; c++) {  // the ends of the grid
            grid[c] = GRID_MOST;
            grid[GRID_COLUMNS + c] = -GRID_MOST;
        }
        const struct grid_rows rows = {.values = grid, .count = ROWS - 3, .columns = columns};
        assert_int_equal(blocks_make(&rows, &blocks, NULL), STATUS_OK);
        assert_int_equal(block_centres_make(40, &room, NULL), STATUS_OK);
        for (int k = 1; k <= 40; k += k < 9 ? 1 : 31) {
            const struct kernel_centres centres = block_centres_set(&room, grid, k, blocks.pairs);
            kernel_try(&KMEANS_PLAIN, &blocks, &centres, &plain);
            for (size_t row = 0; row < rows.count; row++) {
                int64_t distance;
                const int16_t *values = grid + row * GRID_COLUMNS;
                assert_int_equal(plain.labels[row], slow_nearest(values, grid, k, &distance));
                assert_int_equal(blocks.norms[row] - plain.scores[row], distance);
            }
            for (size_t i = 0; i < kernel_count; i++) {
                kernel_try(kernels[i], &blocks, &centres, &other);
                assert_memory_equal(&plain, &other, sizeof plain);
            }
        }
        block_centres_clear(&room);
        blocks_clear(&blocks);
    }
}

static void test_widest_distance_does_not_overflow(void **state)
{
    (void)state;
    int16_t row[GRID_COLUMNS], centre[GRID_COLUMNS];
    int32_t label, distance;
    for (size_t i = 0; i < GRID_COLUMNS; i++) {
        row[i] = GRID_MOST;
        centre[i] = -GRID_MOST;
    }
    const struct grid_rows rows = rows_of(row, 1);
    assert_int_equal(kmeans_assign(&rows, centre, 1, &label, &distance, NULL), STATUS_OK);
    assert_int_equal(distance, 2146435200);
    assert_int_equal(kmeans_distance(row, centre), 2146435200);
}

static void test_tie_goes_to_the_lowest_cluster(void **state)
{
    (void)state;
    int16_t row[GRID_COLUMNS] = {0}, lattice[3 * GRID_COLUMNS] = {0};
    int32_t label, distance;
    lattice[0] = 9;
    lattice[GRID_COLUMNS] = 4;
    lattice[(size_t)2 * GRID_COLUMNS] = -4;
    const struct grid_rows rows = rows_of(row, 1);
    assert_int_equal(kmeans_assign(&rows, lattice, 3, &label, &distance, NULL), STATUS_OK);
    assert_int_equal(label, 1);
    assert_int_equal(distance, 16);
}

/* Sums, counts, medians and inertia are those of the rows that the stored lattice assigns. */
static void assert_totals(const struct grid_rows *rows, const struct kmeans *kmeans)
{
    int64_t *sum = calloc((size_t)kmeans->k * GRID_COLUMNS, sizeof *sum);
    int64_t *count = calloc((size_t)kmeans->k, sizeof *count);
    int64_t *below = calloc((size_t)kmeans->k, sizeof *below);
    int64_t *up_to = calloc((size_t)kmeans->k, sizeof *up_to);
    int64_t inertia = 0;
    for (size_t row = 0; row < rows->count; row++) {
        const int16_t *values = rows->values + row * GRID_COLUMNS;
        int64_t distance;
        size_t label = (size_t)slow_nearest(values, kmeans->lattice, kmeans->k, &distance);
        for (size_t i = 0; i < GRID_COLUMNS; i++)
            sum[label * GRID_COLUMNS + i] += values[i];
        count[label]++;
        below[label] += distance < kmeans->median_distance[label];
        up_to[label] += distance <= kmeans->median_distance[label];
        inertia += distance;
    }
    assert_memory_equal(sum, kmeans->sum, (size_t)kmeans->k * GRID_COLUMNS * sizeof *sum);
    assert_memory_equal(count, kmeans->count, (size_t)kmeans->k * sizeof *count);
    assert_int_equal(inertia, kmeans->inertia);
    for (int c = 0; c < kmeans->k; c++) {
        const int64_t rank = (count[c] + 1) / 2;
        assert_true(count[c] == 0 || (below[c] < rank && up_to[c] >= rank));
        assert_int_equal(kmeans->group[c], 200 * count[c] < rows->total);
        assert_true(c == 0 || count[c] <= count[c - 1]);
    }
    free(up_to);
    free(below);
    free(count);
    free(sum);
}

static void test_stored_sums_and_counts_are_those_of_their_rows(void **state)
{
    (void)state;
    static int16_t grid[ROWS * GRID_COLUMNS];
    struct team *team = team_alone();
    struct kmeans kmeans = {0};
    grid_fill(grid, ROWS, 7);
    const struct grid_rows rows = rows_of(grid, ROWS);
    assert_int_equal(kmeans_fit(team, &rows, 11, 3, NULL, &kmeans, NULL), STATUS_OK);
    assert_totals(&rows, &kmeans);
    kmeans_clear(&kmeans);
    team_free(team);
}

/* The rows of a coarse grid have many ties; the order by size then changes who gets them. */
static void test_sums_and_order_hold_where_rows_tie(void **state)
{
    (void)state;
    static int16_t grid[ROWS * GRID_COLUMNS];
    struct team *team = team_alone();
    memset(grid, 0, sizeof grid);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t c = 0; c < 2; c++)
            grid[row * GRID_COLUMNS + c] = (int16_t)(synthetic_unit(row, c) * 6.0);
    const struct grid_rows rows = rows_of(grid, ROWS);
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct kmeans kmeans = {0};
        assert_int_equal(kmeans_fit(team, &rows, 7, seed, NULL, &kmeans, NULL), STATUS_OK);
        assert_totals(&rows, &kmeans);
        kmeans_clear(&kmeans);
    }
    team_free(team);
}

/* Rows 0, 1, 2, 3 and 100 on a line; the second centre is too far for all. It takes the row with the largest
 * D² to the first, 100; then the first moves to (0+1+2+3)/4 = 1.5, which rounds to 2. */
static void test_empty_cluster_takes_the_farthest_row(void **state)
{
    (void)state;
    int16_t grid[5 * GRID_COLUMNS] = {0}, start[2 * GRID_COLUMNS] = {0};
    struct team *team = team_alone();
    struct kmeans kmeans = {0};
    for (int16_t row = 0; row < 5; row++)
        grid[(size_t)row * GRID_COLUMNS] = (int16_t)(row < 4 ? row : 100);
    start[GRID_COLUMNS] = -4000;
    const struct grid_rows rows = rows_of(grid, 5);
    assert_int_equal(kmeans_run(team, &rows, start, 2, &kmeans, NULL), STATUS_OK);
    assert_int_equal(kmeans.count[0], 4);
    assert_int_equal(kmeans.count[1], 1);
    assert_int_equal(kmeans.sum[0], 6);
    assert_int_equal(kmeans.lattice[0], 2);
    assert_int_equal(kmeans.lattice[GRID_COLUMNS], 100);
    assert_int_equal(kmeans.inertia, 4 + 1 + 0 + 1);
    assert_totals(&rows, &kmeans);
    kmeans_clear(&kmeans);
    team_free(team);
}

static void test_two_empty_clusters_take_two_rows(void **state)
{
    (void)state;
    int16_t grid[5 * GRID_COLUMNS] = {0}, start[3 * GRID_COLUMNS] = {0};
    struct team *team = team_alone();
    struct kmeans kmeans = {0};
    for (int16_t row = 0; row < 5; row++)
        grid[(size_t)row * GRID_COLUMNS] = (int16_t)(row < 3 ? row : row * 100);
    start[GRID_COLUMNS] = start[(size_t)2 * GRID_COLUMNS] = -4000;
    const struct grid_rows rows = rows_of(grid, 5);
    assert_int_equal(kmeans_run(team, &rows, start, 3, &kmeans, NULL), STATUS_OK);
    assert_int_equal(kmeans.count[0], 3);
    assert_int_equal(kmeans.lattice[0], 1);
    // As large as each other: by coordinates.
    assert_int_equal(kmeans.lattice[GRID_COLUMNS], 300);
    assert_int_equal(kmeans.lattice[(size_t)2 * GRID_COLUMNS], 400);
    kmeans_clear(&kmeans);
    team_free(team);
}

static void test_k_of_all_distinct_rows_has_no_inertia_and_one_more_is_refused(void **state)
{
    (void)state;
    int16_t grid[6 * GRID_COLUMNS] = {0};
    struct team *team = team_alone();
    struct kmeans kmeans = {0};
    struct error err;
    for (int16_t row = 0; row < 6; row++)
        grid[(size_t)row * GRID_COLUMNS] = (int16_t)(row / 2 * 50);
    const struct grid_rows rows = rows_of(grid, 6);
    assert_int_equal(kmeans_fit(team, &rows, 3, 1, NULL, &kmeans, &err), STATUS_OK);
    assert_int_equal(kmeans.inertia, 0);
    kmeans_clear(&kmeans);
    assert_int_equal(kmeans_fit(team, &rows, 4, 1, NULL, &kmeans, &err), STATUS_USAGE);
    assert_string_equal(err.where, "model.kmeans.k");
    assert_string_equal(err.what, "k is 4, but only 3 of the 6 training rows are distinct");
    assert_string_equal(err.hint, "choose a smaller k, or train on more rows");
    team_free(team);
}

/* Forty groups that stand apart: candidates are from all of them, and one seeding in eight finds them. */
static void test_candidates_find_every_group(void **state)
{
    (void)state;
    static int16_t grid[8000 * GRID_COLUMNS];
    struct team *team = team_alone();
    struct kmeans kmeans = {0};
    for (size_t row = 0; row < 8000; row++)
        for (size_t c = 0; c < 5; c++)
            grid[row * GRID_COLUMNS + c] =
                (int16_t)(synthetic_unit(row % 40, 60 + c) * 8000.0 - 4000.0 + synthetic_unit(row, c) * 20.0);
    const struct grid_rows rows = {.values = grid, .count = 8000, .columns = 5, .total = 8000};
    assert_int_equal(kmeans_fit(team, &rows, 40, 1, NULL, &kmeans, NULL), STATUS_OK);
    for (int c = 0; c < 40; c++)
        assert_int_equal(kmeans.count[c], 200);
    kmeans_clear(&kmeans);
    team_free(team);
}

/* The least k whose gap is at least the next one's less its error: 8, since 3.0 < 5.0 − 0.1, 5.0 ≥ 5.05 −
 * 0.1. */
static void test_choice_is_the_first_gap_that_the_next_does_not_beat(void **state)
{
    (void)state;
    const double gap[] = {1.0, 3.0, 5.0, 5.05, 9.0}, error[] = {0.1, 0.1, 0.1, 0.1, 0.1};
    assert_int_equal(kmeans_choice_index(gap, error, 5), 2);
    assert_int_equal(kmeans_choice_index(gap, error, 2), 1);
    assert_int_equal(kmeans_choice_index(gap, error, 1), 0);
}

/* Eight groups at the corners of a cube. */
static void test_chosen_k_is_the_number_of_groups_that_stand_apart(void **state)
{
    (void)state;
    static int16_t grid[6000 * GRID_COLUMNS];
    struct team *team = team_alone();
    struct kmeans_choice choice;
    for (size_t row = 0; row < 6000; row++)
        for (size_t c = 0; c < 3; c++)
            grid[row * GRID_COLUMNS + c] =
                (int16_t)((row >> c & 1 ? 1500.0 : -1500.0) + synthetic_unit(row, c) * 400.0);
    const struct grid_rows rows = {.values = grid, .count = 6000, .columns = 3, .total = 6000};
    assert_int_equal(kmeans_choose(team, &rows, 1, &choice, NULL), STATUS_OK);
    assert_int_equal(choice.count, 6);
    assert_int_equal(choice.k[choice.chosen], 8);
    for (size_t i = 1; i < choice.count; i++) {
        assert_true(choice.inertia[i] < choice.inertia[i - 1]);
        assert_true(choice.silhouette[i] <= choice.silhouette[2]);
    }
    assert_true(choice.silhouette[2] > 0.8);
    memset(grid, 0, sizeof grid);
    struct error err;
    assert_int_equal(kmeans_choose(team, &rows, 1, &choice, &err), STATUS_USAGE);
    assert_string_equal(err.what, "all 6000 training rows are alike: there are no groups to choose");
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assignment_is_that_of_plain_distances),
        cmocka_unit_test(test_every_kernel_finds_the_same_labels_scores_and_changes),
        cmocka_unit_test(test_widest_distance_does_not_overflow),
        cmocka_unit_test(test_tie_goes_to_the_lowest_cluster),
        cmocka_unit_test(test_stored_sums_and_counts_are_those_of_their_rows),
        cmocka_unit_test(test_sums_and_order_hold_where_rows_tie),
        cmocka_unit_test(test_candidates_find_every_group),
        cmocka_unit_test(test_choice_is_the_first_gap_that_the_next_does_not_beat),
        cmocka_unit_test(test_chosen_k_is_the_number_of_groups_that_stand_apart),
        cmocka_unit_test(test_empty_cluster_takes_the_farthest_row),
        cmocka_unit_test(test_two_empty_clusters_take_two_rows),
        cmocka_unit_test(test_k_of_all_distinct_rows_has_no_inertia_and_one_more_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
