/* The same queries, cut anywhere, counted by whoever, merged in any order: the same tables. And those of a
 * plain slow count. */
#include "asking.h"

#include "base/exact.h"
#include "base/hash.h"

#include <sys/wait.h>

#define DAY 19024
#define DAY_S ((int64_t)DAY * 86400)
#define ASKS 1500
#define TALLIES_MOST 5

static const char *const IPS[] = {"10.0.0.1", "10.0.0.2", "10.0.1.3", "fd00::1", "fd00::2"};
static const char *const NAMES[] = {
    "a.com",     "www.a.com",     "WWW.a.com",     "wWw.a.com",
    "x.y.a.com", "b.com",         "aa.bb.b.co.jp", "c.b.co.jp",
    "com",       "foo.ck",        "bar.www.ck",    "deadbeef0123456789abcdef01234567.b.com",
    "localhost", "q1.w2.example", "B.com",
};
static const char *const TYPES[] = {"A",     "AAAA", "PTR",       "TXT",     "NULL",
                                    "HTTPS", "SRV",  "TYPE65399", "TYPE4711"};
static const char *const FLAGS[] = {"+E(0)", "-", "+E(0)DK", "+T", "+SE(0)C"};
static const char *const SERVERS[] = {"10.0.0.53", "10.0.0.54"};

#define PICK(list) (list)[dice(state) % (sizeof(list) / sizeof(list)[0])]

/* Random queries of two days, many of them at the same moment, some at the cuts of slots and windows. */
static void asks_make(uint64_t *state, struct ask *asks)
{
    for (size_t i = 0; i < ASKS; i++) {
        int64_t ms = DAY_S * 1000 + (int64_t)(dice(state) % 7200000);
        switch (dice(state) % 4) {
        case 0: ms = ms / 300000 * 300000; break;
        case 1: ms = ms / 60000 * 60000 - 1; break;
        default: break;
        }
        if (dice(state) % 5 == 0)
            ms += INT64_C(24) * 3600000;
        asks[i] = (struct ask){ms, PICK(IPS), PICK(NAMES), PICK(TYPES), PICK(FLAGS), PICK(SERVERS)};
    }
}

static void asks_shuffle(uint64_t *state, struct ask *asks)
{
    for (size_t i = ASKS; i > 1; i--) {
        size_t other = dice(state) % i;
        struct ask moved = asks[i - 1];
        asks[i - 1] = asks[other];
        asks[other] = moved;
    }
}

/* All candidates of all tallies, each settled by its owner, as extract does; the shards lie in the first. */
static void everybody_settles(struct tallies **all, int count)
{
    struct error err = {0};
    struct miss *lists[TALLIES_MOST] = {0};
    struct name_bound *bounds = NULL;
    size_t counts[TALLIES_MOST] = {0}, bound_count = 0;
    asking_limit(all[0]);
    asking_check(tallies_bounds(all[0], INT64_MIN, INT64_MAX, &bounds, &bound_count, &err), &err);
    for (int from = 0; from < count; from++) {
        size_t mine = 0;
        struct miss *misses = NULL;
        asking_check(tallies_misses(all[from], INT64_MIN, INT64_MAX, true, &misses, &mine, &err), &err);
        for (size_t i = 0; i < mine; i++) {
            int owner = miss_owner(&misses[i], count);
            lists[owner] = realloc(lists[owner], (counts[owner] + 1) * sizeof **lists);
            assert_non_null(lists[owner]);
            lists[owner][counts[owner]++] = misses[i];
        }
        free(misses);
    }
    for (int owner = 0; owner < count; owner++) {
        struct win *wins = NULL;
        size_t win_count = 0;
        asking_check(tallies_settle(all[owner], &(struct day_range){INT64_MIN, INT64_MAX}, lists[owner],
                                    counts[owner], bounds, bound_count, &wins, &win_count, &err),
                     &err);
        asking_check(tallies_wins(all[0], wins, win_count, 1, 0, &err), &err);
        free(wins);
        free(lists[owner]);
    }
    free(bounds);
}

/* Packs every shard of `from` into `into`, the shards in an order of its own. */
static void everything_moves(uint64_t *state, struct tallies *from, struct tallies *into)
{
    struct error err = {0};
    unsigned char *bytes = NULL;
    size_t count = 0, capacity = 0, shards = tallies_count(from), start = dice(state) % (shards + 1);
    for (size_t i = 0; i < shards; i++) {
        size_t at = (start + i) % shards;
        int64_t day = 0;
        int part = 0;
        if (!tallies_shard(from, at, &day, &part))
            continue;
        asking_check(tallies_pack(from, at, &bytes, &count, &capacity, &err), &err);
        tallies_drop(from, at);
        assert_false(tallies_shard(from, at, &day, &part));
    }
    asking_check(tallies_merge(into, bytes, count, &err), &err);
    free(bytes);
}

/* Counts in several tallies, moves all into one through others, and finishes both days. */
static void cut_and_merge(struct asking *asking, uint64_t *state, const struct ask *asks,
                          struct day_table tables[2])
{
    struct tallies *all[TALLIES_MOST];
    int count = 2 + (int)(dice(state) % (TALLIES_MOST - 1));
    for (int i = 0; i < count; i++) {
        all[i] = tallies_new(&asking->plan);
        assert_non_null(all[i]);
    }
    for (size_t i = 0; i < ASKS; i++)
        (void)ask_count(asking, all[dice(state) % (uint64_t)count], &asks[i]);
    for (int i = count - 1; i > 0; i--)
        everything_moves(state, all[i], all[dice(state) % (uint64_t)i]);
    everybody_settles(all, count);
    for (int day = 0; day < 2; day++)
        asking_finish(all[0], DAY + day, 0, &tables[day]);
    for (int i = 0; i < count; i++)
        tallies_free(all[i]);
}

static void test_cuts_orders_and_owners_change_no_byte(void **test)
{
    (void)test;
    struct asking asking;
    struct ask *asks = malloc(ASKS * sizeof *asks);
    struct ip_range watched;
    assert_non_null(asks);
    assert_true(ip_range_read("10.0.0.0/24", &watched));
    asking_begin(&asking, "UTC");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct day_table whole[2] = {{0}}, merged[2] = {{0}};
        uint64_t state = seed;
        asking.plan.window_s = seed % 3 == 0 ? 7200 : seed % 3 == 1 ? 3600 : 600;
        asking.plan.ipv6_prefix = seed % 2 ? 128 : 64;
        // From the fifth on sets outgrow their limits, here soon, there late or not at all.
        asking.plan.names_most = seed > 4 ? (int64_t)(seed % 4) + 1 : 1000000;
        asking.plan.pairs_most = seed > 6 ? (int64_t)(seed % 3) + 2 : 1000000;
        asking.plan.ip_names_most = seed > 8 ? (int64_t)(seed % 5) + 2 : 1000000;
        asking.plan.clients = &watched;
        asking.plan.client_count = seed > 10;
        asks_make(&state, asks);
        for (int day = 0; day < 2; day++)
            asking_table(&asking, asks, ASKS, DAY + day, &whole[day]);
        for (int round = 0; round < 3; round++) {
            asks_shuffle(&state, asks);
            cut_and_merge(&asking, &state, asks, merged);
            for (int day = 0; day < 2; day++) {
                tables_compare(&whole[day], &merged[day]);
                day_table_clear(&merged[day]);
            }
        }
        assert_true(whole[0].size[DAY_row] >= 2 && whole[1].size[DAY_row] >= 2);
        for (int day = 0; day < 2; day++)
            day_table_clear(&whole[day]);
    }
    asking_end(&asking);
    free(asks);
}

/* 5,000 seconds in one half and 7 in the other: alone, the pair would be in units on one side only. */
static void units_and_seconds_merge(struct asking *asking, int turned)
{
    struct day_table whole = {0}, merged = {0};
    struct error err = {0};
    unsigned char *bytes = NULL;
    size_t count = 0, capacity = 0;
    struct tallies *one = tallies_new(&asking->plan), *halves[2];
    for (int half = 0; half < 2; half++)
        halves[half] = tallies_new(&asking->plan);
    for (int i = 0; i < 5007; i++) {
        const int64_t ms = (DAY_S + (i * INT64_C(7919)) % 86400) * 1000;
        const char *names[] = {"a.com", "b.com", "c.com", "d.com"};
        struct ask ask = {ms, "10.0.0.1", names[i < 8 ? i % 4 : 0], "A", NULL, NULL};
        (void)ask_count(asking, one, &ask);
        (void)ask_count(asking, halves[i >= 5000], &ask);
    }
    asking_check(tallies_pack(halves[1 - turned], 0, &bytes, &count, &capacity, &err), &err);
    asking_check(tallies_merge(halves[turned], bytes, count, &err), &err);
    asking_finish(one, DAY, 0, &whole);
    asking_finish(halves[turned], DAY, 0, &merged);
    size_t pair = 0;
    while (pair < whole.size[DAY_pair] && whole.pair_queries[pair] < 4000)
        pair++;
    assert_true(pair < whole.size[DAY_pair]);
    assert_int_equal(whole.pair_second_step[pair], 60);
    assert_int_equal(whole.size[DAY_second], merged.size[DAY_second]);
    assert_memory_equal(whole.second_of_day, merged.second_of_day,
                        whole.size[DAY_second] * sizeof *whole.second_of_day);
    day_table_clear(&whole);
    day_table_clear(&merged);
    free(bytes);
    tallies_free(one);
    tallies_free(halves[0]);
    tallies_free(halves[1]);
}

static void test_units_and_seconds_of_a_pair_merge_either_way(void **test)
{
    (void)test;
    struct asking asking;
    asking_begin(&asking, "UTC");
    // With so few names kept the client's entries stand in tables from its first queries on, else in notes.
    const int64_t kept[] = {asking.plan.names_most, 1};
    for (int limits = 0; limits < 2; limits++) {
        asking.plan.names_most = kept[limits];
        for (int turned = 0; turned < 2; turned++)
            units_and_seconds_merge(&asking, turned);
    }
    asking_end(&asking);
}

/* ---- a plain slow count of a row ---- */

struct plain {
    int64_t queries, repeated, repeated_ptr, names, domains, top, clog, info_bytes, mixed;
    int64_t resolvers, sub_bytes, no_edns;
};

static void lowered(const char *name, char *out)
{
    for (; *name; name++)
        *out++ = (char)(*name >= 'A' && *name <= 'Z' ? *name | 0x20 : *name);
    *out = '\0';
}

/* Where the registered domain of one of NAMES begins, written down by hand from the six rules. */
static size_t sub_of(const char *name)
{
    static const char *const SUBS[][2] = {{"www.a.com", "4"},
                                          {"x.y.a.com", "4"},
                                          {"aa.bb.b.co.jp", "6"},
                                          {"c.b.co.jp", "2"},
                                          {"bar.www.ck", "4"},
                                          {"q1.w2.example", "3"},
                                          {"deadbeef0123456789abcdef01234567.b.com", "33"}};
    for (size_t i = 0; i < sizeof SUBS / sizeof SUBS[0]; i++)
        if (strcmp(SUBS[i][0], name) == 0)
            return strtoul(SUBS[i][1], NULL, 10);
    return 0;
}

static bool is_first(const struct ask *asks, size_t at, bool (*same)(const struct ask *, const struct ask *),
                     bool (*counts)(const struct ask *, const struct ask *), const struct ask *key)
{
    for (size_t i = 0; i < at; i++)
        if (counts(&asks[i], key) && same(&asks[i], &asks[at]))
            return false;
    return true;
}

static bool in_row(const struct ask *ask, const struct ask *key)
{
    return strcmp(ask->ip, key->ip) == 0 && ask->ms / 3600000 == key->ms / 3600000;
}

static bool same_name(const struct ask *a, const struct ask *b)
{
    return strcasecmp(a->name, b->name) == 0;
}

static bool same_domain(const struct ask *a, const struct ask *b)
{
    char x[64], y[64];
    lowered(a->name, x);
    lowered(b->name, y);
    return strcmp(x + sub_of(x), y + sub_of(y)) == 0;
}

static bool same_server(const struct ask *a, const struct ask *b)
{
    return strcmp(a->server, b->server) == 0;
}

/* Whether nobody asked the same before it in its slot of 300 s. */
static bool is_miss(const struct ask *asks, size_t at)
{
    const struct ask *mine = &asks[at];
    for (size_t i = 0; i < ASKS; i++) {
        const struct ask *other = &asks[i];
        struct ip a, b;
        if (i == at || other->ms / 300000 != mine->ms / 300000 || strcmp(other->type, mine->type) != 0 ||
            !same_server(other, mine) || !same_name(other, mine))
            continue;
        assert_true(ip_read(other->ip, strlen(other->ip), &a) && ip_read(mine->ip, strlen(mine->ip), &b));
        int order =
            other->ms != mine->ms ? (other->ms > mine->ms) - (other->ms < mine->ms) : ip_compare(&a, &b);
        if (order < 0 || (order == 0 && i < at))
            return false;
    }
    return true;
}

static struct plain row_count(const struct ask *asks, const struct ask *key)
{
    struct plain plain = {0};
    for (size_t i = 0; i < ASKS; i++) {
        char name[64];
        const struct ask *ask = &asks[i];
        if (!in_row(ask, key))
            continue;
        lowered(ask->name, name);
        size_t sub = sub_of(name);
        bool miss = is_miss(asks, i);
        plain.queries++;
        plain.repeated += !miss;
        plain.repeated_ptr += !miss && strcmp(ask->type, "PTR") == 0;
        plain.names += is_first(asks, i, same_name, in_row, key);
        plain.resolvers += is_first(asks, i, same_server, in_row, key);
        plain.sub_bytes += sub ? (int64_t)sub - 1 : 0;
        plain.no_edns += !strchr(ask->flags, 'E');
        plain.mixed += strcmp(ask->name, name) != 0;
        if (!is_first(asks, i, same_domain, in_row, key))
            continue;
        int64_t queries = 0, info = 0;
        for (size_t j = 0; j < ASKS; j++) {
            if (!in_row(&asks[j], key) || !same_domain(&asks[j], ask))
                continue;
            queries++;
            lowered(asks[j].name, name);
            if (is_first(asks, j, same_name, in_row, key))
                info += sub_of(name) ? (int64_t)sub_of(name) - 1 : 0;
        }
        plain.domains++;
        plain.clog += queries * fixed_log2((uint64_t)queries);
        plain.top = queries > plain.top ? queries : plain.top;
        plain.info_bytes = info > plain.info_bytes ? info : plain.info_bytes;
    }
    return plain;
}

static void test_rows_are_those_of_a_plain_slow_count(void **test)
{
    (void)test;
    struct asking asking;
    struct day_table table = {0};
    struct ask *asks = malloc(ASKS * sizeof *asks);
    uint64_t state = 2022;
    int64_t queries = 0;
    assert_non_null(asks);
    asking_begin(&asking, "UTC");
    asks_make(&state, asks);
    asking_table(&asking, asks, ASKS, DAY, &table);
    for (size_t row = 0; row < table.size[DAY_row]; row++) {
        char ip[IP_COLUMN_BYTES + 1] = {0};
        memcpy(ip, &table.row_ip_text[row * IP_COLUMN_BYTES], IP_COLUMN_BYTES);
        const struct plain plain =
            row_count(asks, &(struct ask){table.row_window[row] * 1000, ip, NULL, NULL, NULL, NULL});
        assert_int_equal(table.row_queries[row], plain.queries);
        assert_int_equal(table.row_repeated[row], plain.repeated);
        assert_int_equal(table.row_repeated_ptr[row], plain.repeated_ptr);
        assert_int_equal(table.row_names[row], plain.names);
        assert_int_equal(table.row_domains[row], plain.domains);
        assert_int_equal(table.row_domain_top[row], plain.top);
        assert_int_equal(table.row_domain_clog[row], plain.clog);
        assert_int_equal(table.row_info_bytes[row], plain.info_bytes);
        assert_int_equal(table.row_resolvers[row], plain.resolvers);
        assert_int_equal(table.row_sub_bytes[row], plain.sub_bytes);
        assert_int_equal(table.row_no_edns[row], plain.no_edns);
        assert_int_equal(table.row_mixed[row], plain.mixed);
        queries += plain.queries;
    }
    int64_t of_day = 0;
    for (size_t i = 0; i < ASKS; i++)
        of_day += asks[i].ms >= DAY_S * 1000 && asks[i].ms < (DAY_S + 86400) * 1000;
    assert_int_equal(queries, of_day);
    day_table_clear(&table);
    asking_end(&asking);
    free(asks);
}

/* ---- another process, another order in memory ---- */

/* A child draws its own seed of the tables in memory, and writes it and all columns to the pipe. */
static void child_write(int to)
{
    struct asking asking;
    struct day_table table = {0};
    struct ask *asks = malloc(ASKS * sizeof *asks);
    FILE *stream = fdopen(to, "wb");
    uint64_t state = 7, seed = memory_hash("x", 1);
    if (!asks || !stream)
        _exit(1);
    asks_make(&state, asks);
    asking_begin(&asking, "UTC");
    asking_table(&asking, asks, ASKS, DAY, &table);
    (void)fwrite(&seed, sizeof seed, 1, stream);
    for (int c = 0; c < DAY_COLUMNS; c++) {
        enum day_column column = (enum day_column)c;
        const struct day_column_info *info = day_column_info(column);
        if (table.size[info->dimension] > 0)
            (void)fwrite(day_column_values(&table, column),
                         day_column_width(&table, column) * column_type_bytes(info->type),
                         table.size[info->dimension], stream);
    }
    (void)fclose(stream);
    _exit(0);
}

static size_t child_read(unsigned char *bytes, size_t room)
{
    int ends[2], status = 0;
    size_t count = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        child_write(ends[1]);
    }
    (void)close(ends[1]);
    for (ssize_t got = 1; got > 0; count += (size_t)got) {
        assert_true(count < room);
        got = read(ends[0], bytes + count, room - count);
        assert_true(got >= 0);
    }
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return count;
}

static void test_another_seed_of_the_tables_in_memory_changes_no_byte(void **test)
{
    (void)test;
    const size_t room = 4000000, head = sizeof(uint64_t);
    unsigned char *a = malloc(room), *b = malloc(room);
    if (!a || !b)
        abort();  // not assert_true: the analyser does not know that it ends the test
    size_t count = child_read(a, room);
    assert_int_equal(child_read(b, room), count);
    assert_true(count > 20000);
    assert_true(memcmp(a, b, head) != 0);  // else this test shows nothing
    assert_memory_equal(a + head, b + head, count - head);
    free(a);
    free(b);
}

static void test_packed_bytes_that_end_early_are_refused(void **test)
{
    (void)test;
    struct asking asking;
    struct error err = {0};
    unsigned char *bytes = NULL;
    size_t count = 0, capacity = 0;
    asking_begin(&asking, "UTC");
    struct tallies *from = tallies_new(&asking.plan);
    (void)ask_count(&asking, from, &(struct ask){DAY_S * 1000, "10.0.0.1", "a.com", "A", NULL, NULL});
    asking_check(tallies_pack(from, 0, &bytes, &count, &capacity, &err), &err);
    for (size_t cut = 1; cut < count; cut += 7) {
        struct tallies *into = tallies_new(&asking.plan);
        unsigned char *part = malloc(cut);  // so that a sanitizer sees a step too far
        memcpy(part, bytes, cut);
        assert_int_equal(tallies_merge(into, part, cut, &err), STATUS_CORRUPT);
        assert_string_equal(err.what, "a packed tally ends early");
        free(part);
        tallies_free(into);
    }
    free(bytes);
    tallies_free(from);
    asking_end(&asking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        // First, while this process has drawn no seed that its children would inherit.
        cmocka_unit_test(test_another_seed_of_the_tables_in_memory_changes_no_byte),
        cmocka_unit_test(test_cuts_orders_and_owners_change_no_byte),
        cmocka_unit_test(test_units_and_seconds_of_a_pair_merge_either_way),
        cmocka_unit_test(test_rows_are_those_of_a_plain_slow_count),
        cmocka_unit_test(test_packed_bytes_that_end_early_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
