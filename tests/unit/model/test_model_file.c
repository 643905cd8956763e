/* model.h5: what is written comes back, and what is crafted, cut or of another kind is refused by name. */
#include "model/model.h"

#include "image.h"
#include "synthetic.h"

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROWS 1200
#define K 6

struct fixture {
    struct team *team;
    struct synthetic rows;
    struct model *model;
    char path[64];
    char crafted[64];
};

static int fixture_make(void **state)
{
    static struct fixture fixture;
    const struct model_settings settings = synthetic_settings(K);
    const struct model_context context = synthetic_context();
    fixture.team = team_alone();
    synthetic_make(0, ROWS, 5, &fixture.rows);
    (void)snprintf(fixture.path, sizeof fixture.path, "model_file.%d.h5", (int)getpid());
    (void)snprintf(fixture.crafted, sizeof fixture.crafted, "model_file_crafted.%d.h5", (int)getpid());
    *state = &fixture;
    if (model_fit(fixture.team, &fixture.rows.input, &settings, &context, &fixture.model, NULL) != STATUS_OK)
        return -1;
    return model_write(fixture.team, fixture.model, fixture.path, NULL) == STATUS_OK ? 0 : -1;
}

static int fixture_clear(void **state)
{
    struct fixture *fixture = *state;
    (void)remove(fixture->path);
    (void)remove(fixture->crafted);
    model_free(fixture->model);
    synthetic_clear(&fixture->rows);
    team_free(fixture->team);
    return 0;
}

static void test_model_comes_back_as_it_was(void **state)
{
    const struct fixture *fixture = *state;
    struct model *read = NULL;
    char before[33], after[33];
    assert_int_equal(model_read(fixture->team, fixture->path, &read, NULL), STATUS_OK);
    const struct model_summary summary = model_summary_of(read), expected = model_summary_of(fixture->model);
    assert_memory_equal(&summary, &expected, sizeof summary);
    assert_memory_equal(model_context_of(read), model_context_of(fixture->model),
                        sizeof(struct model_context));
    assert_memory_equal(&read->scaling, &fixture->model->scaling, sizeof read->scaling);
    assert_memory_equal(&read->kmeans2, &fixture->model->kmeans2, sizeof read->kmeans2);
    const struct model_settings *settings = model_settings_of(read);
    assert_int_equal(settings->k, K);
    assert_int_equal(settings->hidden_count, 3);
    assert_int_equal(settings->hidden[1], 3);
    assert_int_equal(settings->batch, model_settings_of(fixture->model)->batch);
    assert_int_equal(model_columns(read), SYNTHETIC_COLUMNS);
    assert_string_equal(model_column_name(read, 5), "type_ptr");
    assert_int_equal(model_write(fixture->team, read, fixture->crafted, NULL), STATUS_OK);
    assert_int_equal(store_digest(fixture->path, NULL, before, NULL), STATUS_OK);
    assert_int_equal(store_digest(fixture->crafted, NULL, after, NULL), STATUS_OK);
    assert_string_equal(before, after);
    assert_int_equal(store_open_handles(), 0);
    model_free(read);
}

/* Writes the model's image after a change of its own; the file itself is whole. */
static void craft(const struct fixture *fixture, const struct image *image, const struct model *numbers)
{
    struct store_writer *writer = NULL;
    assert_int_equal(store_create_local(fixture->crafted, &writer, NULL), STATUS_OK);
    assert_int_equal(store_attribute_i64(writer, NULL, "model_version", 4, NULL), STATUS_OK);
    assert_int_equal(store_attribute_text(writer, NULL, "fit_settings", "fit=2\n", NULL), STATUS_OK);
    assert_int_equal(store_attribute_text(writer, NULL, "fit_rows", "1 rows", NULL), STATUS_OK);
    assert_int_equal(store_attribute_text(writer, NULL, "feature_set", "full", NULL), STATUS_OK);
#define I(name, member)                                                                                      \
    assert_int_equal(store_attribute_i64(writer, NULL, #name, (int64_t)numbers->member, NULL), STATUS_OK);
#include "model_variables.def"
#undef I
    for (int d = IMAGE_one + 1; d < IMAGE_DIMENSIONS; d++)
        assert_int_equal(
            store_dimension(writer, image_dimension_name((enum image_dimension)d), image->size[d], NULL),
            STATUS_OK);
    for (size_t at = 0; at < IMAGE_VARIABLES; at++)
        assert_int_equal(store_put_local(writer, &image->columns[at], image->values[at], NULL), STATUS_OK);
    assert_int_equal(store_finish_local(writer, NULL), STATUS_OK);
}

static void assert_refused(const struct fixture *fixture, const struct image *image,
                           const struct model *numbers, const char *what)
{
    struct model *read = NULL;
    struct error err;
    craft(fixture, image, numbers);
    assert_int_equal(model_read(fixture->team, fixture->crafted, &read, &err), STATUS_CORRUPT);
    assert_null(read);
    assert_string_equal(err.what, what);
    assert_string_equal(err.where, fixture->crafted);
    assert_int_equal(store_open_handles(), 0);
}

/* Sets one element, expects the refusal, and puts it back. */
#define REFUSE(lvalue, value, what)                                                                          \
    do {                                                                                                     \
        __typeof__(lvalue) kept = (lvalue);                                                                  \
        (lvalue) = (value);                                                                                  \
        assert_refused(fixture, &image, &numbers, (what));                                                   \
        (lvalue) = kept;                                                                                     \
    } while (0)

static void test_values_out_of_bounds_are_refused_by_name(void **state)
{
    const struct fixture *fixture = *state;
    struct image image;
    struct model numbers = *fixture->model;
    assert_int_equal(image_of_model(fixture->model, &image, NULL), STATUS_OK);
    REFUSE(image.feature_name[0], '\0', "feature_name: a name is empty or too long");
    REFUSE(image.feature_scale[3], 0.0, "feature_scale: a scale is not above 0");
    REFUSE(image.feature_floor[3], -1.0, "feature_floor: a least scale is not above 0");
    REFUSE(image.feature_active[2], 2, "feature_active: a value is neither 0 nor 1");
    REFUSE(image.feature_bin_rows[3], image.feature_bin_rows[3] + 1,
           "feature_bin_rows: the counts do not add up to train_rows");
    REFUSE(image.kmeans_count[1], image.kmeans_count[1] + 1,
           "kmeans_count: the counts do not add up to train_rows");
    REFUSE(image.kmeans_count[1], -1, "kmeans_count: the counts do not add up to train_rows");
    REFUSE(image.kmeans_sum[0], INT64_MAX, "kmeans_sum: a sum is out of bounds");
    REFUSE(image.kmeans_lattice[7], 4096, "kmeans_lattice: a centre is off the grid");
    REFUSE(image.kmeans_median_distance[0], -1, "kmeans_median_distance: a distance is out of bounds");
    REFUSE(image.kmeans_group[0], 2, "kmeans_group: a value is neither 0 nor 1");
    REFUSE(image.kmeans2_count[0], 0, "kmeans2_count: the counts do not add up to train_rows");
    REFUSE(image.kmeans2_lattice[0], RAW_END, "kmeans2_lattice: a centre is off the grid");
    REFUSE(image.kmeans2_scale[0], 0.0, "kmeans2_scale: a scale is not above 0");
    REFUSE(image.kmeans2_group[1], -1, "kmeans2_group: a value is neither 0 nor 1");
    REFUSE(image.autoencoder_width[1], 257, "autoencoder_width: a layer is too wide or empty");
    REFUSE(image.autoencoder_width[0], 11,
           "autoencoder_width: the net does not go from the features to the features");
    REFUSE(image.autoencoder_width[1], 9, "autoencoder_weight: their number is not that of the layers");
    REFUSE(image.autoencoder_epochs[0], 0, "autoencoder_epochs: a number is out of bounds");
    REFUSE(image.autoencoder_epochs[0], (int64_t)image.size[IMAGE_epoch] + 1,
           "autoencoder_epochs: a number is out of bounds");
    REFUSE(image.kmeans_calibration[0], INT64_MAX, "kmeans_calibration: not sorted, or out of bounds");
    REFUSE(image.autoencoder_calibration[0], -1, "autoencoder_calibration: not sorted, or out of bounds");
    REFUSE(image.usual_is_host[0], 2, "usual_is_host: a value is neither 0 nor 1");
    REFUSE(image.usual_holiday[3], 2, "usual_holiday: a value is neither 0 nor 1");
    REFUSE(image.usual_role[1], 3, "usual_role: there is no such role");
    REFUSE(image.usual_role[1], -1, "usual_role: there is no such role");
    REFUSE(image.usual_time[1], 24, "usual_time: there is no such time");
    REFUSE(image.usual_rows[0], 0, "usual_rows: a number is out of bounds");
    REFUSE(image.usual_is_host[0], 1,
           "usual_host: the entries are not in order of usual_is_host, usual_role, usual_holiday and "
           "usual_time");
    image_clear(&image);
}

static void test_numbers_out_of_bounds_are_refused_by_name(void **state)
{
    const struct fixture *fixture = *state;
    struct image image;
    struct model numbers = *fixture->model;
    assert_int_equal(image_of_model(fixture->model, &image, NULL), STATUS_OK);
    REFUSE(numbers.context.window_s, 0, "window_s: 0 is not in 1 … 2147483647");
    REFUSE(numbers.context.calibration_level, 4, "calibration_level: 4 is not in 0 … 3");
    REFUSE(numbers.summary.train_rows, 0, "train_rows: 0 is not in 1 … 4294967295");
    REFUSE(numbers.summary.calibration_rows, 7, "kmeans_calibration: there are not calibration_rows of them");
    REFUSE(numbers.settings.batch, 0, "autoencoder_batch: 0 is not in 64 … 262144");
    image_clear(&image);
}

static void test_sizes_that_do_not_fit_together_are_refused_by_name(void **state)
{
    const struct fixture *fixture = *state;
    struct image image;
    struct model numbers = *fixture->model;
    assert_int_equal(image_of_model(fixture->model, &image, NULL), STATUS_OK);
    REFUSE(image.size[IMAGE_kmeans_cluster], 1, "kmeans_cluster: 1 is not in 2 … 1024");
    REFUSE(image.size[IMAGE_kmeans_cluster], K - 1, "kmeans_count: the counts do not add up to train_rows");
    REFUSE(image.size[IMAGE_autoencoder_weight_number], 5,
           "autoencoder_weight: their number is not that of the layers");
    REFUSE(image.size[IMAGE_autoencoder_bias_number], 5,
           "autoencoder_bias: their number is not that of the layers");
    REFUSE(image.size[IMAGE_epoch], 0, "epoch: 0 is not in 1 … 10000");
    REFUSE(image.size[IMAGE_autoencoder_layer], 2, "autoencoder_layer: 2 is not in 3 … 10");
    REFUSE(image.size[IMAGE_autoencoder_calibration_row], 5,
           "kmeans_calibration: there are not calibration_rows of them");
    image_clear(&image);
}

static void test_other_files_and_versions_are_no_model(void **state)
{
    const struct fixture *fixture = *state;
    struct model *read = NULL;
    struct error err;
    for (int version = 0; version < 6; version += 5) {
        struct store_writer *writer = NULL;
        assert_int_equal(store_create_local(fixture->crafted, &writer, NULL), STATUS_OK);
        if (version)
            assert_int_equal(store_attribute_i64(writer, NULL, "model_version", version, NULL), STATUS_OK);
        assert_int_equal(store_finish_local(writer, NULL), STATUS_OK);
        assert_int_equal(model_read(fixture->team, fixture->crafted, &read, &err), STATUS_MISMATCH);
        assert_string_equal(err.what,
                            version ? "a model of version 5, expected 4" : "this file holds no model");
    }
    assert_int_equal(model_read(fixture->team, "no_such_model.h5", &read, &err), STATUS_IO);
    assert_null(read);
}

static void test_truncated_file_is_refused_at_any_length(void **state)
{
    const struct fixture *fixture = *state;
    static char bytes[1 << 20];
    struct model *read = NULL;
    FILE *whole = fopen(fixture->path, "rb");
    assert_non_null(whole);
    size_t count = fread(bytes, 1, sizeof bytes, whole);
    assert_int_equal(fclose(whole), 0);
    assert_in_range(count, 1000, sizeof bytes - 1);
    for (size_t part = 0; part < 20; part++) {
        FILE *cut = fopen(fixture->crafted, "wb");
        assert_non_null(cut);
        assert_int_equal(fwrite(bytes, 1, count * part / 20, cut), count * part / 20);
        assert_int_equal(fclose(cut), 0);
        assert_int_not_equal(model_read(fixture->team, fixture->crafted, &read, NULL), STATUS_OK);
        assert_null(read);
    }
}

static uint64_t dice(uint64_t number, uint64_t what)
{
    return random_u64(SYNTHETIC_SEED, RANDOM_BENCH, (uint32_t)number, what);
}

/* A model that was read, whatever is in it, scores without a fault. */
static bool reads_and_scores(const struct fixture *fixture, enum status *status, struct error *err)
{
    struct model *read = NULL;
    struct model_scores scores = {0};
    struct model_input input = fixture->rows.input;
    input.row_count = 130;
    *status = model_read(fixture->team, fixture->crafted, &read, err);
    if (*status != STATUS_OK)
        return false;
    input.definitions = read->definitions;
    const enum status scored = model_score(read, &input, &scores, NULL);
    assert_true(scored == STATUS_OK || scored == STATUS_MISMATCH);
    model_scores_free(&scores);
    model_free(read);
    return true;
}

/* Random elements set to random bits, in files that are whole and have their checksum: what a crafted file
 * could hold. NaN and infinity are not among them, the store's door takes none. */
static void test_random_values_are_refused_by_name_or_do_no_harm(void **state)
{
    const struct fixture *fixture = *state;
    int taken = 0, refused = 0;
    for (uint64_t number = 0; number < 300; number++) {
        struct image image;
        struct error err = {0};
        enum status status;
        assert_int_equal(image_of_model(fixture->model, &image, NULL), STATUS_OK);
        const size_t at = dice(number, 0) % IMAGE_VARIABLES;
        const struct store_column *column = &image.columns[at];
        size_t count = 1;
        for (int axis = 0; axis < 2 && column->dimensions[axis]; axis++)
            for (int d = 0; d < IMAGE_DIMENSIONS; d++)
                if (strcmp(image_dimension_name((enum image_dimension)d), column->dimensions[axis]) == 0)
                    count *= image.size[d];
        const size_t width = store_type_bytes(column->type), element = count ? dice(number, 1) % count : 0;
        uint64_t bits = dice(number, 2) >> dice(number, 3) % 64;
        if (column->type == STORE_F32 || column->type == STORE_F64)  // no exponent of all ones
            bits &= column->type == STORE_F32 ? UINT64_C(0xff7fffff) : UINT64_C(0xffefffffffffffff);
        if (count > 0)
            memcpy((char *)image.values[at] + element * width, &bits, width);
        craft(fixture, &image, fixture->model);
        if (reads_and_scores(fixture, &status, &err)) {
            taken++;
        } else {
            refused++;
            assert_int_equal(status, STATUS_CORRUPT);
            assert_string_equal(err.where, fixture->crafted);
            assert_non_null(strstr(err.what, column->name));
        }
        image_clear(&image);
        assert_int_equal(store_open_handles(), 0);
    }
    print_message("%d files did no harm, %d were refused\n", taken, refused);
    assert_true(taken > 50 && refused > 50);
}

static void test_rows_of_other_features_are_a_mismatch(void **state)
{
    const struct fixture *fixture = *state;
    struct model_input input = fixture->rows.input;
    struct model_scores scores = {0};
    struct error err;
    const char *names[SYNTHETIC_COLUMNS];
    memcpy(names, SYNTHETIC_NAMES, sizeof names);
    names[3] = "type_any";
    input.names = names;
    assert_int_equal(model_score(fixture->model, &input, &scores, &err), STATUS_MISMATCH);
    assert_string_equal(err.what, "feature 4 of the model is type_a, that of the rows is type_any");
    input.columns = 4;
    assert_int_equal(model_score(fixture->model, &input, &scores, &err), STATUS_MISMATCH);
    assert_string_equal(err.what, "the model has 12 features, the rows have 4");
    assert_null(scores.score);
}

static void test_features_made_in_another_way_are_named(void **state)
{
    const struct fixture *fixture = *state;
    struct model_input input = fixture->rows.input;
    struct model_scores scores = {0};
    struct error err;
    const uint64_t definitions[SYNTHETIC_COLUMNS] = {[2] = 5, [6] = 5};  // the model's are all 0
    input.definitions = definitions;
    assert_int_equal(model_score(fixture->model, &input, &scores, &err), STATUS_MISMATCH);
    assert_string_equal(err.what, "it was trained on another definition of: peak_unit, names");
    assert_string_equal(err.hint, "train the model again");
}

/* Shares, p-values, groups and scores follow from each other. */
static void test_scores_are_consistent(void **state)
{
    const struct fixture *fixture = *state;
    struct model_scores scores;
    int64_t odd = 0;
    assert_int_equal(model_score(fixture->model, &fixture->rows.input, &scores, NULL), STATUS_OK);
    for (size_t row = 0; row < ROWS; row++) {
        double sums[2] = {0.0, 0.0};
        for (size_t c = 0; c < SYNTHETIC_COLUMNS; c++) {
            sums[0] += (double)scores.kmeans_share[row * SYNTHETIC_COLUMNS + c];
            sums[1] += (double)scores.autoencoder_share[row * SYNTHETIC_COLUMNS + c];
        }
        assert_true(sums[0] > 1.0 - 1e-5 && sums[0] < 1.0 + 1e-5 && sums[1] > 1.0 - 1e-5 &&
                    sums[1] < 1.0 + 1e-5);
        assert_true(scores.kmeans_p[row] > 0.0 && scores.kmeans_p[row] <= 1.0);
        assert_true(scores.autoencoder_p[row] > 0.0 && scores.autoencoder_p[row] <= 1.0);
        assert_true(scores.score[row] >= 0.0);
        assert_int_equal(scores.kmeans2_group[row], row % 400 == 7);
        odd += scores.kmeans_group[row];
    }
    assert_in_range(odd, 1, ROWS / 10);
    model_scores_free(&scores);
}

static void test_settings_out_of_bounds_name_their_key(void **state)
{
    const struct fixture *fixture = *state;
    const struct model_context context = synthetic_context();
    struct model *model = NULL;
    struct error err;
    struct model_settings settings = synthetic_settings(1);
    assert_int_equal(model_fit(fixture->team, &fixture->rows.input, &settings, &context, &model, &err),
                     STATUS_USAGE);
    assert_string_equal(err.where, "model.kmeans.k");
    assert_string_equal(err.what, "1 is not in 2 … 1024");
    settings = synthetic_settings(4);
    settings.batch = 100;
    assert_int_equal(model_fit(fixture->team, &fixture->rows.input, &settings, &context, &model, &err),
                     STATUS_USAGE);
    assert_string_equal(err.where, "model.autoencoder.batch");
    assert_string_equal(err.what, "a batch of 100 rows is not a multiple of 64");
    settings = synthetic_settings(4);
    settings.hidden[2] = 300;
    assert_int_equal(model_fit(fixture->team, &fixture->rows.input, &settings, &context, &model, &err),
                     STATUS_USAGE);
    assert_string_equal(err.where, "model.autoencoder.hidden");
    assert_string_equal(err.what, "300 is not in 1 … 256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_comes_back_as_it_was),
        cmocka_unit_test(test_values_out_of_bounds_are_refused_by_name),
        cmocka_unit_test(test_numbers_out_of_bounds_are_refused_by_name),
        cmocka_unit_test(test_sizes_that_do_not_fit_together_are_refused_by_name),
        cmocka_unit_test(test_other_files_and_versions_are_no_model),
        cmocka_unit_test(test_truncated_file_is_refused_at_any_length),
        cmocka_unit_test(test_random_values_are_refused_by_name_or_do_no_harm),
        cmocka_unit_test(test_features_made_in_another_way_are_named),
        cmocka_unit_test(test_rows_of_other_features_are_a_mismatch),
        cmocka_unit_test(test_scores_are_consistent),
        cmocka_unit_test(test_settings_out_of_bounds_name_their_key),
    };
    return cmocka_run_group_tests(tests, fixture_make, fixture_clear);
}
