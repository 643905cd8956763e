/* Verdicts of a scores.h5 that deceives are refused; and the search of a store knows what a label is. */
#include "../table/stored.h"

#include "report/report.h"
#include "store/store.h"

#define DAY INT64_C(19024)

/* A scores.h5 of one IP and one incident. */
struct craft {
    double score, strength;
    int64_t first_day, last_day, domain_end;
    int32_t incident;
    int8_t verdict, role, cause, incident_cause, incident_status, incident_ack;
    const char *day_ip;  // [IP_COLUMN_BYTES]; NULL: the IP's
    int64_t day;  // 0: last_day
};

static const struct craft GOOD = {
    .score = 1, .strength = 3, .first_day = DAY, .last_day = DAY, .domain_end = 8, .cause = 1};

static void put(struct store_writer *writer, const char *name, enum store_type type, const char *dimension,
                const char *second, const void *values)
{
    struct error err = {0};
    const struct store_column column = {.name = name, .type = type, .dimensions = {dimension, second}};
    asking_check(store_put_local(writer, &column, values, &err), &err);
}

/* One piece of evidence, of the incident. */
static void evidence_craft(struct store_writer *writer, const struct craft *craft)
{
    struct error err = {0};
    const uint8_t octets[16] = {[10] = 0xff, 0xff, 10, 0, 0, 7};
    const int64_t one = 1;
    const double bits = 3;
    asking_check(store_dimension(writer, "evidence", 1, &err), &err);
    asking_check(store_dimension(writer, "octet", 16, &err), &err);
    put(writer, "evidence_ip", STORE_U8, "evidence", "octet", octets);
    put(writer, "evidence_day", STORE_I64, "evidence", NULL, &craft->last_day);
    put(writer, "evidence_value", STORE_I64, "evidence", NULL, &one);
    put(writer, "evidence_threshold", STORE_I64, "evidence", NULL, &one);
    put(writer, "evidence_bits", STORE_F64, "evidence", NULL, &bits);
    put(writer, "evidence_window_days", STORE_I32, "evidence", NULL, &(int32_t){1});
    put(writer, "evidence_incident", STORE_I32, "evidence", NULL, &craft->incident);
    put(writer, "evidence_mechanism", STORE_I8, "evidence", NULL, &(int8_t){MECHANISM_LISTED});
    put(writer, "evidence_allow", STORE_I32, "evidence", NULL, &(int32_t){-1});
    put(writer, "evidence_allow_line", STORE_I32, "evidence", NULL, &(int32_t){0});
    static const char *const HEAPS[] = {"domain", "name", "entry", "software"};
    for (int h = 0; h < 4; h++) {
        char end[64], byte[64], text[64];
        (void)snprintf(end, sizeof end, "evidence_%s_end", HEAPS[h]);
        (void)snprintf(byte, sizeof byte, "evidence_%s_byte", HEAPS[h]);
        (void)snprintf(text, sizeof text, "evidence_%s", HEAPS[h]);
        asking_check(store_dimension(writer, byte, 8, &err), &err);
        put(writer, end, STORE_I64, "evidence", NULL, &(int64_t){8});
        put(writer, text, STORE_CHAR, byte, NULL, "evil.com");
    }
}

static void scores_craft(const char *path, const struct craft *craft)
{
    struct error err = {0};
    struct store_writer *writer = NULL;
    const char ip[IP_COLUMN_BYTES] = "10.0.0.7";
    const int64_t one = 1;
    asking_check(store_create_local(path, &writer, &err), &err);
    asking_check(store_dimension(writer, "ip", 1, &err), &err);
    asking_check(store_dimension(writer, "incident", 1, &err), &err);
    asking_check(store_dimension(writer, "ip_character", IP_COLUMN_BYTES, &err), &err);
    asking_check(store_dimension(writer, "incident_domain_byte", 8, &err), &err);
    put(writer, "ip_text", STORE_CHAR, "ip", "ip_character", ip);
    put(writer, "ip_score", STORE_F64, "ip", NULL, &craft->score);
    put(writer, "ip_model_score", STORE_F64, "ip", NULL, &craft->score);
    put(writer, "ip_strength", STORE_F64, "ip", NULL, &craft->strength);
    put(writer, "ip_rank", STORE_I64, "ip", NULL, &one);
    put(writer, "ip_rows", STORE_I64, "ip", NULL, &one);
    put(writer, "ip_queries", STORE_I64, "ip", NULL, &one);
    put(writer, "ip_verdict", STORE_I8, "ip", NULL, &craft->verdict);
    put(writer, "ip_role", STORE_I8, "ip", NULL, &craft->role);
    put(writer, "ip_cause", STORE_I8, "ip", NULL, &craft->cause);
    put(writer, "ip_days", STORE_I64, "ip", NULL, &one);
    for (int m = 0; m < GROUP_MODELS; m++) {
        char name[64];
        (void)snprintf(name, sizeof name, "ip_%s_both", group_model_name((enum group_model)m));
        put(writer, name, STORE_I8, "ip", NULL, &(int8_t){0});
        (void)snprintf(name, sizeof name, "ip_%s_both_days", group_model_name((enum group_model)m));
        put(writer, name, STORE_I64, "ip", NULL, &one);
    }
    asking_check(store_dimension(writer, "day", 1, &err), &err);
    put(writer, "day_ip_text", STORE_CHAR, "day", "ip_character", craft->day_ip ? craft->day_ip : ip);
    put(writer, "day_date", STORE_I64, "day", NULL, craft->day ? &craft->day : &craft->last_day);
    put(writer, "day_p", STORE_F64, "day", NULL, &(double){0.125});
    put(writer, "day_q", STORE_F64, "day", NULL, &(double){0.5});
    evidence_craft(writer, craft);
    put(writer, "incident_ip_text", STORE_CHAR, "incident", "ip_character", ip);
    put(writer, "incident_id", STORE_U64, "incident", NULL, &(uint64_t){9});
    put(writer, "incident_first_day", STORE_I64, "incident", NULL, &craft->first_day);
    put(writer, "incident_last_day", STORE_I64, "incident", NULL, &craft->last_day);
    put(writer, "incident_evidence", STORE_I64, "incident", NULL, &one);
    put(writer, "incident_strength", STORE_F64, "incident", NULL, &craft->strength);
    put(writer, "incident_cause", STORE_I8, "incident", NULL, &craft->incident_cause);
    put(writer, "incident_verdict", STORE_I8, "incident", NULL, &craft->verdict);
    put(writer, "incident_hosts", STORE_I64, "incident", NULL, &one);
    put(writer, "incident_status", STORE_I8, "incident", NULL, &craft->incident_status);
    put(writer, "incident_ack", STORE_I8, "incident", NULL, &craft->incident_ack);
    put(writer, "incident_told", STORE_I8, "incident", NULL, &(int8_t){1});
    put(writer, "incident_domain_end", STORE_I64, "incident", NULL, &craft->domain_end);
    put(writer, "incident_domain", STORE_CHAR, "incident_domain_byte", NULL, "evil.com");
    asking_check(store_finish_local(writer, &err), &err);
}

static enum status read_craft(const struct craft *craft)
{
    char dir[] = "/tmp/quern_verdicts_XXXXXX", path[100];
    struct error err = {0};
    struct verdicts verdicts;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    scores_craft(path, craft);
    enum status status = verdicts_read(dir, &verdicts, &err);
    (void)unlink(path);
    (void)rmdir(dir);
    verdicts_clear(&verdicts);
    return status;
}

#define REFUSED(member, value)                                                                               \
    do {                                                                                                     \
        struct craft craft = GOOD;                                                                           \
        craft.member = value;                                                                                \
        assert_int_equal(read_craft(&craft), STATUS_CORRUPT);                                                \
    } while (0)

static void test_a_file_that_deceives_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_craft(&GOOD), STATUS_OK);
    REFUSED(verdict, VERDICTS);
    REFUSED(verdict, -1);
    REFUSED(role, ROLES);
    REFUSED(cause, CAUSES + 1);
    REFUSED(incident_cause, CAUSES);
    REFUSED(incident_cause, -1);
    REFUSED(incident_status, INCIDENT_STATUSES);
    REFUSED(incident_status, -1);
    REFUSED(incident_ack, ACKS);
    // Evidence of an incident that is not there belongs to none.
    struct craft lost = GOOD;
    lost.incident = 7;
    assert_int_equal(read_craft(&lost), STATUS_OK);
    lost.incident = INT32_MIN;
    assert_int_equal(read_craft(&lost), STATUS_OK);
    REFUSED(domain_end, 9);
    REFUSED(domain_end, -1);
    REFUSED(first_day, INT64_MIN);
    REFUSED(last_day, INT64_MAX);
    REFUSED(day, INT64_MAX);
    REFUSED(day_ip, (const char[IP_COLUMN_BYTES]){"10.0.0.8"});
}

static void test_a_search_finds_what_is_below_a_name_and_no_label_with_a_dot_in_it(void **state)
{
    (void)state;
    static const struct ask ASKS[] = {{DAY * 86400000, "10.0.0.1", "evil.com", "A", NULL, NULL},
                                      {DAY * 86400000, "10.0.0.2", "a.evil.com", "A", NULL, NULL},
                                      {DAY * 86400000, "10.0.0.3", "notevil.com", "A", NULL, NULL},
                                      {DAY * 86400000, "10.0.0.4", "not\\.evil.com", "A", NULL, NULL},
                                      {DAY * 86400000, "10.0.0.5", "slash\\\\.evil.com", "A", NULL, NULL}};
    static const char *const FOUND[] = {"10.0.0.1", "10.0.0.2", "10.0.0.5"};
    struct asking asking;
    struct team *team = team_alone();
    char dir[64];
    struct error err = {0};
    struct asker *askers = NULL;
    size_t count = 0;
    asking_begin(&asking, "UTC");
    stored_begin(team, dir);
    stored_days(&asking, dir, ASKS, 5, 1);
    asking_check(askers_find(dir, "EVIL.com.", &(struct run_machines){.window_s = 0}, &askers, &count, &err),
                 &err);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        char text[IP_TEXT_BYTES] = "";
        (void)ip_write(&askers[i].ip, text);
        assert_string_equal(text, i < 3 ? FOUND[i] : "");
    }
    free(askers);
    stored_end(team, dir);
    asking_end(&asking);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_that_deceives_is_refused),
        cmocka_unit_test(test_a_search_finds_what_is_below_a_name_and_no_label_with_a_dot_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
