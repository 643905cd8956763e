/* Verdicts of a scores.h5 that deceives are refused; and the search of a store knows what a label is. */
#include "../table/stored.h"

#include "report/report.h"
#include "store/store.h"

#define DAY INT64_C(19024)

/* A scores.h5 of one IP and one incident. */
struct craft {
    double score, strength;
    int64_t first_day, last_day, domain_end;
    int8_t verdict, role, cause, incident_cause, incident_status, incident_ack;
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
    REFUSED(domain_end, 9);
    REFUSED(domain_end, -1);
    REFUSED(first_day, INT64_MIN);
    REFUSED(last_day, INT64_MAX);
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
    asking_check(askers_find(dir, "EVIL.com.", &askers, &count, &err), &err);
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
