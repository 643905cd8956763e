/* A day by machine is what the day would have been, had every machine one address: the same queries are
 * counted once from their addresses and placed by leases, and once from the machine that a plain look at
 * every minute finds. */
#include "machines.h"
#include "stored.h"

#define DAY 19024
#define DAY_S ((int64_t)DAY * 86400)
#define MINUTES 1440

enum { ADDRESSES = 6, MACHINES = 4, ASKS = 3000 };

static const char *const NAMES[] = {"a.com",         "www.a.com",     "b.co.jp",       "x.b.co.jp",
                                    "c.example",     "d.example",     "WwW.e.example", "y.e.example",
                                    "wwW.E.example", "wWw.e.EXAMPLE", "WWw.e.eXample"};

/** Queries from addresses, and who has an address in a minute: −1 nobody. */
struct day {
    struct ask asks[ASKS];
    char ips[ADDRESSES][IP_TEXT_BYTES];
    int owner[ADDRESSES][MINUTES];
    char numbers[MACHINES][IP_TEXT_BYTES];
    struct leases *leases;
    uint64_t state;
};

static void day_begin(struct day *day, uint64_t seed)
{
    day->state = seed;
    day->leases = leases_new();
    assert_non_null(day->leases);
    for (int ip = 0; ip < ADDRESSES; ip++) {
        (void)snprintf(day->ips[ip], sizeof day->ips[ip], ip < 4 ? "10.0.0.%d" : "fd00::%d", 9 - ip);
        for (int minute = 0; minute < MINUTES; minute++)
            day->owner[ip][minute] = -1;
    }
}

static void lease_add(struct day *day, int ip, int machine, int from, int to)
{
    struct lease lease = {.from_s = DAY_S + from * 60, .to_s = DAY_S + to * 60};
    const char name[2] = {(char)('a' + machine), '\0'};
    assert_true(ip_read(day->ips[ip], strlen(day->ips[ip]), &lease.ip));
    assert_int_equal(leases_add(day->leases, &lease, name, 1, NULL), STATUS_OK);
    for (int minute = from < 0 ? 0 : from; minute < to && minute < MINUTES; minute++)
        day->owner[ip][minute] = machine;
}

/** Queries of the types; one resolver. No two in one millisecond, or who asked first is anybody's guess. */
static void asks_make(struct day *day, const char *const *types, size_t type_count, bool in_bursts)
{
    struct error err = {0};
    asking_check(leases_settle(day->leases, &err), &err);
    for (int machine = 0; machine < MACHINES; machine++) {
        const char name[2] = {(char)('a' + machine), '\0'};
        const struct machine *found = leases_named(day->leases, name);
        if (found)
            (void)ip_write(&found->number, day->numbers[machine]);
    }
    for (size_t i = 0; i < ASKS; i++) {
        // Bursts in which seconds are shared, and hours with nothing; or every query in a second of its own.
        const int64_t burst = (int64_t)(dice(&day->state) % 40) * 2000 + (int64_t)(dice(&day->state) % 900);
        const int64_t alone = (int64_t)i * 28 + (int64_t)(dice(&day->state) % 28);
        day->asks[i] =
            (struct ask){(DAY_S + (in_bursts ? burst : alone)) * 1000 + (in_bursts ? (int64_t)i % 1000 : 0),
                         day->ips[dice(&day->state) % ADDRESSES],
                         NAMES[dice(&day->state) % (sizeof NAMES / sizeof *NAMES)],
                         types[dice(&day->state) % type_count],
                         dice(&day->state) % 4 ? NULL : "-",
                         NULL};
    }
}

/** Who has the address longest in a window, of equals who has it first; the address when nobody has it. */
static const char *plain_holder(const struct day *day, const char *ip, int64_t at_s, int64_t window_s)
{
    int at = 0, best = -1;
    while (strcmp(day->ips[at], ip) != 0)
        at++;
    const int from = (int)((at_s - DAY_S) / window_s * window_s / 60), to = from + (int)window_s / 60;
    int sums[MACHINES] = {0}, first[MACHINES] = {0};
    for (int minute = to - 1; minute >= from; minute--) {
        const int owner = day->owner[at][minute];
        if (owner >= 0) {
            sums[owner]++;
            first[owner] = minute;
        }
    }
    for (int machine = 0; machine < MACHINES; machine++)
        if (sums[machine] > 0 && (best < 0 || sums[machine] > sums[best] ||
                                  (sums[machine] == sums[best] && first[machine] < first[best])))
            best = machine;
    return best < 0 ? ip : day->numbers[best];
}

/** As tables_compare, but for the clients of domains when they are not told within a day. */
static void placed_compare(const struct day_table *a, const struct day_table *b, bool has_clients)
{
    assert_int_equal(a->size[DAY_row], b->size[DAY_row]);
    assert_int_equal(a->size[DAY_asked], b->size[DAY_asked]);
    assert_int_equal(a->size[DAY_pair], b->size[DAY_pair]);
    for (int c = 0; c < DAY_COLUMNS; c++) {
        const enum day_column column = (enum day_column)c;
        const struct day_column_info *info = day_column_info(column);
        if (!has_clients && (info->dimension == DAY_client || column == COLUMN_domain_client_end))
            continue;
        if (a->size[info->dimension] != b->size[info->dimension])
            fail_msg("%s: %zu and %zu", info->name, a->size[info->dimension], b->size[info->dimension]);
        const size_t bytes =
            a->size[info->dimension] * day_column_width(a, column) * column_type_bytes(info->type);
        if (bytes > 0 && memcmp(day_column_values(a, column), day_column_values(b, column), bytes) != 0)
            fail_msg("%s differs", info->name);
    }
}

static void day_check(struct day *day, int64_t window_s, bool has_clients)
{
    struct asking asking;
    struct error err = {0};
    struct day_table placed = {0}, plain = {0};
    asking_begin(&asking, "UTC");
    asking.plan.window_s = window_s;
    asking_table(&asking, day->asks, ASKS, DAY, &placed);
    const struct machine_plan plan = {day->leases, asking.zone, window_s};
    const size_t rows = placed.size[DAY_row];
    asking_check(day_place_machines(&plan, &placed, &err), &err);
    assert_true(placed.size[DAY_row] < rows);
    for (size_t i = 0; i < ASKS; i++)
        day->asks[i].ip = plain_holder(day, day->asks[i].ip, day->asks[i].ms / 1000, window_s);
    asking_table(&asking, day->asks, ASKS, DAY, &plain);
    placed_compare(&placed, &plain, has_clients);
    day_table_clear(&placed);
    day_table_clear(&plain);
    asking_end(&asking);
    leases_free(day->leases);
}

static void test_a_machine_under_several_addresses_is_as_one_address(void **state)
{
    static const char *const TYPES[] = {"A", "AAAA", "TXT", "NULL", "SRV", "TYPE65399"};
    struct day *day = *state;
    static const int64_t WINDOWS[] = {3600, 900, 21600};
    for (size_t w = 0; w < sizeof WINDOWS / sizeof *WINDOWS; w++) {
        day_begin(day, 3 + w);
        // Two machines with two addresses each, one with one, and an address that no lease has.
        for (int ip = 0; ip < 5; ip++)
            lease_add(day, ip, ip % 3, ip == 2 ? -5000 : 0, MINUTES);
        asks_make(day, TYPES, sizeof TYPES / sizeof *TYPES, true);
        day_check(day, WINDOWS[w], true);
    }
}

static void test_an_address_that_changes_hands_is_divided_by_windows(void **state)
{
    static const char *const TYPES[] = {"A", "AAAA"};
    struct day *day = *state;
    static const int64_t WINDOWS[] = {3600, 900, 21600};
    for (uint64_t seed = 0; seed < 12; seed++) {
        day_begin(day, 100 + seed);
        for (int ip = 0; ip < ADDRESSES; ip++)
            for (int from = 0, to = 0; from < MINUTES; from = to) {
                to = from + 1 + (int)(dice(&day->state) % 400);
                to = to > MINUTES ? MINUTES : to;
                const int who = (int)(dice(&day->state) % (MACHINES + 1));  // or nobody
                if (who < MACHINES)
                    lease_add(day, ip, who, from, to);
            }
        asks_make(day, TYPES, sizeof TYPES / sizeof *TYPES, false);
        day_check(day, WINDOWS[seed % 3], false);
    }
}

/** Somebody sends queries from an address that is a machine's number, on a day with leases and on one
 * without. He has a row of his own, and the machine what it asked itself. */
static void test_a_forged_number_is_not_the_machine(void **state)
{
    (void)state;
    for (int has_lease = 0; has_lease < 2; has_lease++) {
        struct asking asking;
        struct error err = {0};
        struct day_table table = {0};
        struct leases *leases = leases_new();
        struct ip address, forged;
        char text[IP_TEXT_BYTES];
        assert_true(ip_read("10.0.0.1", 8, &address));
        const int64_t from_s = has_lease ? DAY_S : DAY_S + 86400;
        const struct lease lease = {.ip = address, .from_s = from_s, .to_s = from_s + 86400};
        asking_check(leases_add(leases, &lease, "victim", 6, &err), &err);
        asking_check(leases_settle(leases, &err), &err);
        const struct ip number = leases_named(leases, "victim")->number;
        (void)ip_write(&number, text);
        const struct ask asks[] = {{DAY_S * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},
                                   {DAY_S * 1000 + 1, text, "x.evil.com", "A", NULL, NULL},
                                   {DAY_S * 1000 + 2, text, "y.evil.com", "A", NULL, NULL}};
        asking_begin(&asking, "UTC");
        asking_table(&asking, asks, 3, DAY, &table);
        const struct machine_plan plan = {leases, asking.zone, 3600};
        asking_check(day_place_machines(&plan, &table, &err), &err);
        forged = number;
        forged.bytes[7] = 1;
        assert_int_equal(table.size[DAY_row], 2);
        for (size_t i = 0; i < 2; i++) {
            struct ip ip;
            memcpy(&ip, table.row_ip + 16 * i, sizeof ip);
            const bool is_forged = ip_compare(&ip, &forged) == 0;
            assert_true(is_forged || ip_compare(&ip, has_lease ? &number : &address) == 0);
            assert_int_equal(table.row_queries[i], is_forged ? 2 : 1);
        }
        assert_int_equal(table.size[DAY_pair], 2);
        day_table_clear(&table);
        asking_end(&asking);
        leases_free(leases);
    }
}

static void test_two_resolvers_of_two_addresses_are_two(void **state)
{
    struct day *day = *state;
    struct asking asking;
    struct error err = {0};
    struct day_table placed = {0}, plain = {0};
    struct ask asks[] = {{DAY_S * 1000, "10.0.0.9", "a.com", "A", NULL, "10.0.0.53"},
                         {DAY_S * 1000 + 1, "10.0.0.8", "a.com", "A", NULL, "10.0.0.54"},
                         {DAY_S * 1000 + 2, "10.0.0.8", "b.com", "A", NULL, "10.0.0.54"}};
    day_begin(day, 1);
    lease_add(day, 0, 0, 0, MINUTES);
    lease_add(day, 1, 0, 0, MINUTES);
    asking_check(leases_settle(day->leases, &err), &err);
    (void)ip_write(&day->leases->machines[0].number, day->numbers[0]);
    asking_begin(&asking, "UTC");
    asking_table(&asking, asks, 3, DAY, &placed);
    const struct machine_plan plan = {day->leases, asking.zone, 3600};
    asking_check(day_place_machines(&plan, &placed, &err), &err);
    for (size_t i = 0; i < 3; i++)
        asks[i].ip = day->numbers[0];
    asking_table(&asking, asks, 3, DAY, &plain);
    assert_int_equal(plain.row_resolvers[0], 2);
    tables_compare(&placed, &plain);
    day_table_clear(&placed);
    day_table_clear(&plain);
    asking_end(&asking);
    leases_free(day->leases);
}

static void test_where_names_are_missing_sums_stay_exact_and_the_rest_is_bounded(void **state)
{
    static const char *const TYPES[] = {"A"};
    struct day *day = *state;
    struct asking asking;
    struct error err = {0};
    struct day_table placed = {0}, plain = {0};
    day_begin(day, 9);
    for (int ip = 0; ip < 4; ip++)
        lease_add(day, ip, 0, 0, ip < 2 ? MINUTES : MINUTES / 2);
    lease_add(day, 3, 1, MINUTES / 2, MINUTES);
    asks_make(day, TYPES, 1, false);
    asking_begin(&asking, "UTC");
    asking.plan.names_most = 3;
    asking.plan.pairs_most = 2;
    asking_table(&asking, day->asks, ASKS, DAY, &placed);
    const struct machine_plan plan = {day->leases, asking.zone, 3600};
    int64_t pairs = 0, queries = 0;
    for (size_t i = 0; i < placed.size[DAY_pair]; i++)
        pairs += placed.pair_queries[i];
    asking_check(day_place_machines(&plan, &placed, &err), &err);
    for (size_t i = 0; i < placed.size[DAY_pair]; i++) {
        pairs -= placed.pair_queries[i];
        assert_in_range(placed.pair_names[i], 1, placed.pair_queries[i]);
        assert_true(pair_first_ms(&placed, i) <= pair_last_ms(&placed, i));
        assert_true(pair_first_ms(&placed, i) >= DAY_S * 1000);
    }
    assert_int_equal(pairs, 0);
    for (size_t i = 0; i < ASKS; i++)
        day->asks[i].ip = plain_holder(day, day->asks[i].ip, day->asks[i].ms / 1000, 3600);
    asking.plan.names_most = asking.plan.pairs_most = 1000000;
    asking_table(&asking, day->asks, ASKS, DAY, &plain);
    assert_int_equal(placed.size[DAY_row], plain.size[DAY_row]);
    for (size_t i = 0; i < placed.size[DAY_row]; i++) {
        queries += placed.row_queries[i];
        assert_memory_equal(&placed.row_ip[16 * i], &plain.row_ip[16 * i], 16);
        assert_int_equal(placed.row_queries[i], plain.row_queries[i]);
        assert_int_equal(placed.row_sub_bytes[i], plain.row_sub_bytes[i]);
        assert_int_equal(placed.row_first_ms[i], plain.row_first_ms[i]);
        assert_in_range(placed.row_names[i], 1, placed.row_queries[i]);
        assert_in_range(placed.row_domains[i], 1, placed.row_queries[i]);
    }
    assert_int_equal(queries, ASKS);
    day_table_clear(&placed);
    day_table_clear(&plain);
    asking_end(&asking);
    leases_free(day->leases);
}

static int day_new(void **state)
{
    *state = calloc(1, sizeof(struct day));
    return *state ? 0 : -1;
}

static int day_free(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_machine_under_several_addresses_is_as_one_address),
        cmocka_unit_test(test_an_address_that_changes_hands_is_divided_by_windows),
        cmocka_unit_test(test_a_forged_number_is_not_the_machine),
        cmocka_unit_test(test_two_resolvers_of_two_addresses_are_two),
        cmocka_unit_test(test_where_names_are_missing_sums_stay_exact_and_the_rest_is_bounded),
    };
    return cmocka_run_group_tests(tests, day_new, day_free);
}
