/* What is shown of an IP: which rows, beside which others, and how; and results that deceive. */
#include "report/report.h"

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 2022-02-01 00:00:00 UTC, a Tuesday. */
#define DAY_S INT64_C(1643673600)
#define ROWS_MOST 40

static void check(enum status status, const struct error *err)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s", err->where, err->what);
}

/* A history in memory; its zone is UTC. */
struct scene {
    struct history history;
    struct history_row rows[ROWS_MOST];
    struct reason reason;
};

static int scene_begin(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct error err = {0};
    if (!scene || zone_load("UTC", &scene->history.zone, &err) != STATUS_OK)
        abort();
    *state = scene;
    struct history *history = &scene->history;
    if (!ip_read("10.0.0.7", 8, &history->ip))
        return -1;
    history->rows = scene->rows;
    history->feature_count = 2;
    (void)snprintf(history->feature_names[0], sizeof history->feature_names[0], "queries");
    (void)snprintf(history->feature_names[1], sizeof history->feature_names[1], "type_txt");
    (void)snprintf(history->timezone, sizeof history->timezone, "UTC");
    history->window_s = 3600;
    history->model_score = 1.25;
    history->rank = 3;
    history->ip_count = 12;
    return 0;
}

static int scene_end(void **state)
{
    struct scene *scene = *state;
    zone_free(scene->history.zone);
    free(scene);
    return 0;
}

/* A row at this hour of this day of February, counted from 1; night from 20 to 7, Saturday and Sunday
 * holidays. */
static struct history_row *row_add(struct scene *scene, int day, int hour, int64_t queries, double score)
{
    struct history_row *row = &scene->rows[scene->history.row_count++];
    assert_true(scene->history.row_count <= ROWS_MOST);
    *row = (struct history_row){.window_s = DAY_S + (day - 1) * INT64_C(86400) + hour * INT64_C(3600),
                                .queries = queries,
                                .score = score,
                                .night = (int8_t)(hour < 7 || hour >= 20),
                                .holiday = (int8_t)(day % 7 == 5 || day % 7 == 6)};
    row->feature[0] = (float)queries;
    return row;
}

/* ---- which rows ---- */

static void test_normal_rows_are_of_the_same_kind_of_day_and_time_of_day(void **state)
{
    struct scene *scene = *state;
    struct comparison found[4];
    (void)row_add(scene, 1, 11, 5, 0);
    (void)row_add(scene, 1, 22, 5, 0);  // by night
    (void)row_add(scene, 2, 12, 9000, 4);
    (void)row_add(scene, 3, 12, 5, 0);  // the same hour
    (void)row_add(scene, 3, 17, 5, 0);
    (void)row_add(scene, 5, 12, 5, 0);  // the same hour of a Saturday
    assert_int_equal(history_compare(&scene->history, found, 4), 1);
    assert_ptr_equal(found[0].anomaly, &scene->rows[2]);
    assert_true(found[0].is_alike);
    assert_int_equal(found[0].normal_count,
                     3);  // and not the night's or the Saturday's, though there is room
    assert_ptr_equal(found[0].normal[0], &scene->rows[3]);
    assert_ptr_equal(found[0].normal[1], &scene->rows[0]);
    assert_ptr_equal(found[0].normal[2], &scene->rows[4]);
}

static void test_the_four_nearest_hours_are_shown_and_the_earlier_of_equals(void **state)
{
    struct scene *scene = *state;
    struct comparison found[1];
    for (int day = 1; day < 3; day++)
        for (int hour = 8; hour < 18; hour++)
            (void)row_add(scene, day, hour, 5, 0);
    (void)row_add(scene, 3, 13, 9000, 4);
    assert_int_equal(history_compare(&scene->history, found, 1), 1);
    assert_int_equal(found[0].normal_count, 4);
    assert_ptr_equal(found[0].normal[0], &scene->rows[5]);  // 13:00 of both days
    assert_ptr_equal(found[0].normal[1], &scene->rows[15]);
    assert_ptr_equal(found[0].normal[2], &scene->rows[4]);  // 12:00 and 14:00 of the first
    assert_ptr_equal(found[0].normal[3], &scene->rows[6]);
}

static void test_hours_are_near_over_midnight(void **state)
{
    struct scene *scene = *state;
    struct comparison found[1];
    for (int hour = 0; hour < 7; hour++)
        (void)row_add(scene, 1, hour, 5, 0);
    (void)row_add(scene, 1, 20, 5, 0);
    (void)row_add(scene, 1, 23, 9000, 4);
    assert_int_equal(history_compare(&scene->history, found, 1), 1);
    assert_ptr_equal(found[0].normal[0], &scene->rows[0]);
    assert_ptr_equal(found[0].normal[2], &scene->rows[2]);  // 02:00 is as far as 20:00, and earlier
    assert_ptr_equal(found[0].normal[3], &scene->rows[7]);
}

static void test_without_such_rows_the_nearest_are_shown_and_said_to_be_so(void **state)
{
    struct scene *scene = *state;
    struct comparison found[2];
    (void)row_add(scene, 1, 12, 9000, 4);
    assert_int_equal(history_compare(&scene->history, found, 2), 1);
    assert_int_equal(found[0].normal_count, 0);
    (void)row_add(scene, 5, 12, 5, 0);
    (void)row_add(scene, 7, 22, 5, 0);
    assert_int_equal(history_compare(&scene->history, found, 2), 1);
    assert_false(found[0].is_alike);
    assert_int_equal(found[0].normal_count, 2);
    assert_ptr_equal(found[0].normal[0], &scene->rows[2]);  // a working night is nearer than a Saturday
}

static void test_anomalies_are_minority_rows_and_scores_from_2_the_largest_first(void **state)
{
    struct scene *scene = *state;
    struct comparison found[3];
    (void)row_add(scene, 1, 9, 5, 1.99);
    (void)row_add(scene, 1, 10, 5, 2);
    row_add(scene, 1, 11, 5, 0.5)->group[GROUP_AUTOENCODER] = 1;
    (void)row_add(scene, 1, 12, 5, 3);
    (void)row_add(scene, 1, 13, 5, 3);
    assert_int_equal(history_compare(&scene->history, found, 3), 3);
    assert_ptr_equal(found[0].anomaly, &scene->rows[3]);
    assert_ptr_equal(found[1].anomaly, &scene->rows[4]);
    assert_ptr_equal(found[2].anomaly, &scene->rows[1]);
    assert_int_equal(found[0].normal_count, 1);
    scene->rows[1].score = 0;
    assert_int_equal(history_compare(&scene->history, found, 3), 3);
    assert_ptr_equal(found[2].anomaly, &scene->rows[2]);
}

/* ---- how they look ---- */

/* The scene's one piece of evidence. */
static void reason_add(struct scene *scene, const char *domain, const char *names)
{
    scene->history.reasons.items = &scene->reason;
    scene->history.reasons.count = 1;
    scene->reason = (struct reason){
        .day = DAY_S / 86400, .value = 120, .threshold = 60, .bits = 1, .window_days = 1, .mechanism = 0};
    scene->reason.domain = domain;
    scene->reason.names = names;
    scene->reason.entry = "";
}

static void print_expect(const struct history *history, const char *expected)
{
    char *text = NULL;
    size_t count = 0;
    FILE *stream = open_memstream(&text, &count);
    assert_non_null(stream);
    struct error print_err = {0};
    assert_int_equal(history_print(history, stream, &print_err), STATUS_OK);
    assert_int_equal(fclose(stream), 0);
    if (strcmp(text, expected) != 0)
        fail_msg("printed:\n%s\nexpected:\n%s", text, expected);
    free(text);
}

static void test_the_terminal_shows_the_methods_table_word_for_word(void **state)
{
    struct scene *scene = *state;
    struct history *history = &scene->history;
    (void)row_add(scene, 1, 10, 14, 0.25);
    (void)row_add(scene, 2, 9, 10, 0);
    struct history_row *burst = row_add(scene, 2, 12, 52557, 3.5);
    (void)row_add(scene, 3, 12, 2, 0.125);
    burst->group[GROUP_KMEANS2] = burst->group[GROUP_AUTOENCODER] = 1;
    burst->kmeans_share[0] = 0.75F;
    burst->kmeans_share[1] = 0.25F;
    burst->autoencoder_share[0] = 1;
    burst->feature[1] = 0.5F;
    burst->usual_rows = 21;
    burst->usual_low = 3;
    burst->usual_high = 13.5F;
    burst->role_rows = 300;
    burst->role_low = 1;
    burst->role_high = 80;
    history->peer_low[0] = 1;
    history->peer_middle[0] = 12;
    history->peer_high[0] = 40.5F;
    history->both[GROUP_KMEANS2] = history->both[GROUP_AUTOENCODER] = 1;
    history->both_days[GROUP_AUTOENCODER] = 1;
    history->days = 3;
    history->verdict = VERDICT_NOTICE;
    history->score = 1.2345;
    history->cause = CAUSE_TUNNEL + 1;
    history->strength = 2.5;
    reason_add(scene, "tunnel\\.\x1b[1m.example", "x1.tunnel.example x2.tunnel.example");
    print_expect(
        history,
        "10.0.0.7: notice, score 1.23, rank 3 of 12, role client, 4 windows\n"
        "It looks like tunnel, with a strength of 2.50 bits.\n"
        "The score is 1 + the strength + m/(1 + m), where m = 1.25 is the mean of\n"
        "the three largest row scores; a row score of 3 means that one normal row in a thousand\n"
        "is as unusual. Times are of UTC.\n"
        "\n"
        "Why, the heaviest first: evidence in bits (1: twice its threshold), rows by their score\n"
        "    3.5  sent 52,557 queries at 12:00 on 2022-02-02; at that hour of working days it sends 2 to 2\n"
        "    1.0  tunnel: asked 120 new names under tunnel\\\\.\\x1b[1m.example within 1 day up to "
        "2022-02-01; "
        "the threshold is 60\n"
        "           x1.tunnel.example x2.tunnel.example\n"
        "    0.0  has rows in both groups of autoencoder, on 1 of 3 days within one day: it changed its "
        "behaviour\n"
        "    0.0  has rows in both groups of kmeans2, on 0 of 3 days within one day: it changed its "
        "behaviour\n"
        "\n"
        "    window start         IP              total queries weekday weekend   day night   score\n"
        "    2022-02-03 12:00:00  10.0.0.7                    2       1       0     1     0    0.12\n"
        "    2022-02-01 10:00:00  10.0.0.7                   14       1       0     1     0    0.25\n"
        "    2022-02-02 09:00:00  10.0.0.7                   10       1       0     1     0    0.00\n"
        "  * 2022-02-02 12:00:00  10.0.0.7                52557       1       0     1     0    3.50\n"
        "      queries 5.256e+04; this IP's normal 2 to 14; nine in ten rows 1 to 40.5, middle 12 (88 % of "
        "it)\n"
        "        in training, this IP on working days by day: 3 to 13.5, IPs of its role at 12 h: 1 to 80\n"
        "      type_txt 0.5; this IP's normal 0 to 0; nine in ten rows 0 to 0, middle 0 (12 % of it)\n"
        "\n"
        "Queries by hour (logarithmic, the highest bar is 52557)\n"
        "             0     6     12    18\n"
        "  2022-02-01           ▂             \n"
        "  2022-02-02          ▂  █           \n"
        "  2022-02-03             ▁           \n");
}

static void test_an_ip_without_anomaly_or_without_normal_rows_is_told_so(void **state)
{
    struct scene *scene = *state;
    struct history *history = &scene->history;
    (void)ip_read("2001:db8:1234:5678::1", 21, &history->ip);
    struct history_row *row = row_add(scene, 5, 23, 3, 1);
    print_expect(
        history,
        "2001:db8:1234:5678::1: none, score 0.00, rank 3 of 12, role client, 1 windows\n"
        "The score is below 1, without an alarm: m/(1 + m), where m = 1.25 is the mean of\n"
        "the three largest row scores; a row score of 3 means that one normal row in a thousand\n"
        "is as unusual. Times are of UTC.\n"
        "\n"
        "    window start         IP                    total queries weekday weekend   day night   score\n"
        "  no anomalous row; some of its windows:\n"
        "    2022-02-05 23:00:00  2001:db8:1234:5678::1             3       0       1     0     1    1.00\n"
        "\n"
        "Queries by hour (logarithmic, the highest bar is 3)\n"
        "             0     6     12    18\n"
        "  2022-02-05                        █\n");
    row->group[GROUP_KMEANS] = 1;
    history->always[GROUP_KMEANS] = 1;
    history->role = ROLE_SERVER;
    print_expect(
        history,
        "2001:db8:1234:5678::1: none, score 0.00, rank 3 of 12, role server, 1 windows\n"
        "The score is below 1, without an alarm: m/(1 + m), where m = 1.25 is the mean of\n"
        "the three largest row scores; a row score of 3 means that one normal row in a thousand\n"
        "is as unusual. Times are of UTC.\n"
        "\n"
        "Why, the heaviest first: evidence in bits (1: twice its threshold), rows by their score\n"
        "    0.0  has all its 1 rows in the minority group of kmeans: it did not change, and is often a "
        "server\n"
        "\n"
        "    window start         IP                    total queries weekday weekend   day night   score\n"
        "    it has no normal row\n"
        "  * 2022-02-05 23:00:00  2001:db8:1234:5678::1             3       0       1     0     1    1.00\n"
        "\n"
        "Queries by hour (logarithmic, the highest bar is 3)\n"
        "             0     6     12    18\n"
        "  2022-02-05                        █\n");
}

static void test_windows_below_an_hour_add_up_to_the_hours_bar(void **state)
{
    struct scene *scene = *state;
    char *text = NULL;
    size_t count = 0;
    FILE *stream = open_memstream(&text, &count);
    for (int i = 0; i < 6; i++)
        row_add(scene, 1, 0, 10, 0)->window_s += 600 * i;
    (void)row_add(scene, 1, 1, 10, 0);
    struct error print_err = {0};
    assert_int_equal(history_print(&scene->history, stream, &print_err), STATUS_OK);
    assert_int_equal(fclose(stream), 0);
    assert_non_null(strstr(text, "the highest bar is 60)\n"));
    assert_non_null(strstr(text, "  2022-02-01 █▅ "));  // log2 11/log2 61 is 0.58
    free(text);
}

static void test_texts_of_the_file_are_escaped_for_the_terminal(void **state)
{
    struct scene *scene = *state;
    struct history *history = &scene->history;
    char *text = NULL;
    size_t count = 0;
    FILE *stream = open_memstream(&text, &count);
    (void)snprintf(history->feature_names[0], sizeof history->feature_names[0], "a\x1b[2Jb\\\n");
    (void)snprintf(history->timezone, sizeof history->timezone, "Zone\r\x9b");
    row_add(scene, 1, 9, 5, 4)->kmeans_share[0] = 1;
    struct error print_err = {0};
    assert_int_equal(history_print(history, stream, &print_err), STATUS_OK);
    assert_int_equal(fclose(stream), 0);
    assert_non_null(strstr(text, "      a\\x1b[2Jb\\\\\\x0a 5;"));
    assert_non_null(strstr(text, "Times are of Zone\\x0d\\x9b.\n"));
    assert_null(strchr(text, '\x1b'));
    free(text);
}

/* ---- files ---- */

struct craft {
    size_t octets, name_bytes, features;
    int64_t date, window_s, queries;
    int8_t role, group, cause, mechanism;
    int32_t feature, usual_rows;
    int64_t day, name_end;
    bool no_ip;
    const char *timezone, *left_out;
};

static void put(struct store_writer *writer, const struct craft *craft, const char *name,
                enum store_type type, const char *dimension, const char *second, const void *values)
{
    struct error err = {0};
    const struct store_column column = {.name = name, .type = type, .dimensions = {dimension, second}};
    if (!craft->left_out || strcmp(craft->left_out, name) != 0)
        check(store_put_local(writer, &column, values, &err), &err);
}

/* A scores.h5 of one row of ::ffff:10.0.0.7. */
/* A piece of evidence and a day. */
static void evidence_craft(struct store_writer *writer, const struct craft *craft, const uint8_t *octets)
{
    const int8_t zero = 0;
    const int64_t rank = 1;
    const double half = 0.5;
    put(writer, craft, "evidence_ip", STORE_U8, "evidence", "octet", octets);
    put(writer, craft, "evidence_day", STORE_I64, "evidence", NULL, &craft->day);
    put(writer, craft, "evidence_value", STORE_I64, "evidence", NULL, &rank);
    put(writer, craft, "evidence_threshold", STORE_I64, "evidence", NULL, &rank);
    put(writer, craft, "evidence_bits", STORE_F64, "evidence", NULL, &half);
    put(writer, craft, "evidence_window_days", STORE_I32, "evidence", NULL, &(int32_t){1});
    put(writer, craft, "evidence_incident", STORE_I32, "evidence", NULL, &(int32_t){0});
    put(writer, craft, "evidence_mechanism", STORE_I8, "evidence", NULL, &craft->mechanism);
    put(writer, craft, "evidence_domain_end", STORE_I64, "evidence", NULL, &(int64_t){4});
    put(writer, craft, "evidence_domain", STORE_CHAR, "evidence_domain_byte", NULL, "a.bc");
    put(writer, craft, "evidence_name_end", STORE_I64, "evidence", NULL, &craft->name_end);
    put(writer, craft, "evidence_name", STORE_CHAR, "evidence_name_byte", NULL, "x.a.bc");
    put(writer, craft, "evidence_entry_end", STORE_I64, "evidence", NULL, &(int64_t){0});
    put(writer, craft, "evidence_entry", STORE_CHAR, "evidence_entry_byte", NULL, NULL);
    put(writer, craft, "evidence_software_end", STORE_I64, "evidence", NULL, &(int64_t){0});
    put(writer, craft, "evidence_software", STORE_CHAR, "evidence_software_byte", NULL, NULL);
    put(writer, craft, "evidence_allow", STORE_I32, "evidence", NULL, &(int32_t){-1});
    put(writer, craft, "evidence_allow_line", STORE_I32, "evidence", NULL, &(int32_t){0});
    put(writer, craft, "day_ip", STORE_U8, "day", "octet", octets);
    put(writer, craft, "day_date", STORE_I64, "day", NULL, &craft->date);
    put(writer, craft, "day_windows", STORE_I32, "day", NULL, &(int32_t){1});
    put(writer, craft, "day_changed_hands", STORE_I8, "day", NULL, &zero);
    put(writer, craft, "day_score", STORE_F64, "day", NULL, &half);
    put(writer, craft, "day_p", STORE_F64, "day", NULL, &half);
    put(writer, craft, "day_q", STORE_F64, "day", NULL, &half);
}

static void scores_craft(const char *path, const struct craft *craft)
{
    static const char *const GROUPS[] = {"row_kmeans2_group", "row_kmeans_group", "row_autoencoder_group"};
    static const char *const NUMBERS[] = {"row_kmeans_p", "row_autoencoder_error", "row_autoencoder_p",
                                          "row_score"};
    struct error err = {0};
    struct store_writer *writer = NULL;
    int8_t zero = 0, one = 1;
    int64_t rank = 1;
    double half = 0.5;
    float floats[FEATURES_MOST + 8] = {0};
    uint8_t octets[64] = {[10] = 255, [11] = 255, [12] = 10, [15] = 7}, other[64] = {0};
    char *names = calloc(craft->features * craft->name_bytes + 1, 1);
    check(store_create_local(path, &writer, &err), &err);
    check(store_attribute_i64(writer, NULL, "window_s", 3600, &err), &err);
    check(store_attribute_text(writer, NULL, "timezone", craft->timezone, &err), &err);
    check(store_dimension(writer, "row", 1, &err), &err);
    check(store_dimension(writer, "ip", 1, &err), &err);
    check(store_dimension(writer, "feature", craft->features, &err), &err);
    check(store_dimension(writer, "octet", craft->octets, &err), &err);
    check(store_dimension(writer, "evidence", 1, &err), &err);
    check(store_dimension(writer, "evidence_domain_byte", 4, &err), &err);
    check(store_dimension(writer, "evidence_name_byte", 6, &err), &err);
    check(store_dimension(writer, "evidence_entry_byte", 0, &err), &err);
    check(store_dimension(writer, "evidence_software_byte", 0, &err), &err);
    check(store_dimension(writer, "day", 1, &err), &err);
    check(store_attribute_text(writer, NULL, "language", "en", &err), &err);
    check(store_dimension(writer, "feature_character", craft->name_bytes, &err), &err);
    put(writer, craft, "feature_name", STORE_CHAR, "feature", "feature_character", names);
    put(writer, craft, "row_ip", STORE_U8, "row", "octet", octets);
    put(writer, craft, "row_window", STORE_I64, "row", NULL, &craft->window_s);
    put(writer, craft, "row_queries", STORE_I64, "row", NULL, &craft->queries);
    put(writer, craft, "row_kmeans_distance", STORE_I64, "row", NULL, &rank);
    put(writer, craft, "row_kmeans_cluster", STORE_I32, "row", NULL, &(int32_t){0});
    put(writer, craft, "row_cause", STORE_I32, "row", NULL, &craft->feature);
    put(writer, craft, "row_usual_rows", STORE_I32, "row", NULL, &craft->usual_rows);
    put(writer, craft, "row_role_rows", STORE_I32, "row", NULL, &craft->usual_rows);
    for (int n = 0; n < 5; n++) {
        static const char *const USUALS[] = {"row_usual_low", "row_usual_high", "row_role_low",
                                             "row_role_middle", "row_role_high"};
        put(writer, craft, USUALS[n], STORE_F32, "row", NULL, floats);
    }
    put(writer, craft, "row_night", STORE_I8, "row", NULL, &zero);
    put(writer, craft, "row_holiday", STORE_I8, "row", NULL, &zero);
    put(writer, craft, "row_seen", STORE_I8, "row", NULL, &one);
    for (int m = 0; m < 3; m++) {
        static const char *const NAMES[3][2] = {{"ip_kmeans2_both", "ip_kmeans2_always"},
                                                {"ip_kmeans_both", "ip_kmeans_always"},
                                                {"ip_autoencoder_both", "ip_autoencoder_always"}};
        put(writer, craft, GROUPS[m], STORE_I8, "row", NULL, &craft->group);
        put(writer, craft, NAMES[m][0], STORE_I8, "ip", NULL, &zero);
        put(writer, craft, NAMES[m][1], STORE_I8, "ip", NULL, &one);
    }
    for (int n = 0; n < 4; n++)
        put(writer, craft, NUMBERS[n], STORE_F64, "row", NULL, &half);
    put(writer, craft, "row_feature", STORE_F32, "row", "feature", floats);
    put(writer, craft, "row_kmeans_share", STORE_F32, "row", "feature", floats);
    put(writer, craft, "row_autoencoder_share", STORE_F32, "row", "feature", floats);
    put(writer, craft, "ip_address", STORE_U8, "ip", "octet", craft->no_ip ? other : octets);
    put(writer, craft, "ip_score", STORE_F64, "ip", NULL, &half);
    put(writer, craft, "ip_rank", STORE_I64, "ip", NULL, &rank);
    put(writer, craft, "ip_verdict", STORE_I8, "ip", NULL, &zero);
    put(writer, craft, "ip_role", STORE_I8, "ip", NULL, &craft->role);
    put(writer, craft, "ip_cause", STORE_I8, "ip", NULL, &craft->cause);
    put(writer, craft, "ip_days", STORE_I64, "ip", NULL, &rank);
    put(writer, craft, "ip_kmeans2_both_days", STORE_I64, "ip", NULL, &rank);
    put(writer, craft, "ip_kmeans_both_days", STORE_I64, "ip", NULL, &rank);
    put(writer, craft, "ip_autoencoder_both_days", STORE_I64, "ip", NULL, &rank);
    put(writer, craft, "ip_model_score", STORE_F64, "ip", NULL, &half);
    put(writer, craft, "ip_strength", STORE_F64, "ip", NULL, &half);
    evidence_craft(writer, craft, octets);
    check(store_finish_local(writer, &err), &err);
    free(names);
}

static void read_expect(const struct craft *craft, enum status expected, const char *what)
{
    char dir[] = "/tmp/quern_history_XXXXXX", path[100];
    struct error err = {0};
    struct history history;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    scores_craft(path, craft);
    enum status status = history_read(dir, "10.0.0.7", &history, &err);
    (void)unlink(path);
    (void)rmdir(dir);
    if (status != expected || strcmp(err.what, what) != 0)
        fail_msg("status %d: %s", (int)status, err.what);
    if (expected == STATUS_OK) {
        assert_int_equal(history.row_count, 1);
        assert_int_equal(history.rows[0].queries, 7);
        assert_int_equal(history.rows[0].group[GROUP_AUTOENCODER], 1);
        assert_int_equal(history.role, ROLE_SERVER);
        assert_int_equal(history.ip_count, 1);
        assert_int_equal(zone_offset_s(history.zone, DAY_S), 32400);
        assert_true(history.score == 0.5);
        assert_int_equal(history.reasons.count, 1);
        assert_string_equal(history.reasons.items[0].domain, "a.bc");
        assert_string_equal(history.reasons.items[0].names, "x.a.bc");
    } else {
        assert_null(history.rows);
    }
    history_clear(&history);
    assert_int_equal(store_open_handles(), 0);
}

static void test_results_that_deceive_are_refused(void **state)
{
    (void)state;
    const struct craft good = {.octets = 16,
                               .name_bytes = 64,
                               .features = 3,
                               .window_s = DAY_S,
                               .queries = 7,
                               .role = ROLE_SERVER,
                               .group = 1,
                               .day = DAY_S / 86400,
                               .name_end = 6,
                               .timezone = "Asia/Tokyo"};
    read_expect(&good, STATUS_OK, "");
#define BAD(member, value, what)                                                                             \
    do {                                                                                                     \
        struct craft bad = good;                                                                             \
        bad.member = (value);                                                                                \
        read_expect(&bad, STATUS_CORRUPT, (what));                                                           \
    } while (0)
    BAD(octets, 40, "octet: its size is 40; expected 16");
    BAD(name_bytes, 4000, "feature_character: its size is 4000; expected 64");
    BAD(features, 33, "its rows or features are out of range");
    BAD(window_s, INT64_MAX, "a row that no run of quern writes");
    BAD(window_s, INT64_MIN, "a row that no run of quern writes");
    BAD(queries, INT64_MAX, "a row that no run of quern writes");
    BAD(date, INT64_MAX, "a day that does not exist");
    BAD(queries, -1, "a row that no run of quern writes");
    BAD(group, 3, "a row that no run of quern writes");
    BAD(feature, 3, "a row that no run of quern writes");
    BAD(feature, -2, "a row that no run of quern writes");
    BAD(usual_rows, -1, "a row that no run of quern writes");
    BAD(role, 7, "a role or verdict that does not exist");
    BAD(cause, 100, "a role or verdict that does not exist");
    BAD(mechanism, -1, "a mechanism or a day that does not exist");
    BAD(mechanism, MECHANISMS, "a mechanism or a day that does not exist");
    BAD(day, INT64_MIN, "a mechanism or a day that does not exist");
    BAD(name_end, 7, "evidence_name_end points outside its text");
    BAD(name_end, -1, "evidence_name_end points outside its text");
    BAD(no_ip, true, "the IP has rows, but no place among the IPs");
    BAD(left_out, "row_score", "row_score: the file has no such variable");
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_normal_rows_are_of_the_same_kind_of_day_and_time_of_day),
        SCENE(test_the_four_nearest_hours_are_shown_and_the_earlier_of_equals),
        SCENE(test_hours_are_near_over_midnight),
        SCENE(test_without_such_rows_the_nearest_are_shown_and_said_to_be_so),
        SCENE(test_anomalies_are_minority_rows_and_scores_from_2_the_largest_first),
        SCENE(test_the_terminal_shows_the_methods_table_word_for_word),
        SCENE(test_an_ip_without_anomaly_or_without_normal_rows_is_told_so),
        SCENE(test_windows_below_an_hour_add_up_to_the_hours_bar),
        SCENE(test_texts_of_the_file_are_escaped_for_the_terminal),
        cmocka_unit_test(test_results_that_deceive_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
