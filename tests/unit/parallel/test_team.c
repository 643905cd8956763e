/* The collectives against plain sums, on any number of ranks. Every rank knows what the others hold, since it
 * is made from their numbers. */
#include "parallel/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* AddressSanitizer would end the program where malloc fails. */
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming): its
// name there
const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming)

static struct team *team_of(void **state)
{
    return *state;
}

/* What rank `rank` holds at `at`. */
static int64_t held(int rank, size_t at)
{
    int64_t place = (int64_t)at;
    return ((int64_t)rank + 1) * (place * place % 1009 - 500) + place * (INT64_C(1) << 32);
}

static void test_sums_and_maxima_are_plain_ones(void **state)
{
    struct team *team = team_of(state);
    static const size_t COUNTS[] = {0, 1, 7, 10007};
    for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
        int64_t *sums = malloc((COUNTS[c] + 1) * sizeof *sums),
                *most = malloc((COUNTS[c] + 1) * sizeof *most);
        assert_true(sums && most);
        for (size_t i = 0; i < COUNTS[c]; i++)
            sums[i] = most[i] = held(team_rank(team), i);
        sums[COUNTS[c]] = most[COUNTS[c]] = -77;
        team_sum_i64(team, sums, COUNTS[c]);
        team_max_i64(team, most, COUNTS[c]);
        for (size_t i = 0; i < COUNTS[c]; i++) {
            int64_t sum = 0, largest = INT64_MIN;
            for (int rank = 0; rank < team_size(team); rank++) {
                sum += held(rank, i);
                largest = held(rank, i) > largest ? held(rank, i) : largest;
            }
            assert_true(sums[i] == sum && most[i] == largest);
        }
        assert_true(sums[COUNTS[c]] == -77 && most[COUNTS[c]] == -77);  // nothing behind them is touched
        free(sums);
        free(most);
    }
}

static void test_sums_before_are_those_of_lower_ranks(void **state)
{
    struct team *team = team_of(state);
    const uint64_t large = UINT64_C(1) << 63;
    uint64_t before = team_sum_before(team, large + (uint64_t)team_rank(team)), expected = 0;
    for (int rank = 0; rank < team_rank(team); rank++)
        expected += large + (uint64_t)rank;  // modulo 2^64
    assert_true(before == expected);
}

static void test_broadcasts_come_from_any_rank(void **state)
{
    struct team *team = team_of(state);
    static const size_t COUNTS[] = {0, 1, 512, 100000};
    for (int root = 0; root < team_size(team); root++)
        for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
            unsigned char *bytes = malloc(COUNTS[c] + 1);
            assert_non_null(bytes);
            memset(bytes, team_rank(team) == root ? root + 1 : 0xee, COUNTS[c] + 1);
            team_broadcast(team, bytes, COUNTS[c], root);
            for (size_t i = 0; i < COUNTS[c]; i++)
                assert_int_equal(bytes[i], root + 1);
            assert_int_equal(bytes[COUNTS[c]], team_rank(team) == root ? root + 1 : 0xee);
            free(bytes);
        }
}

static void test_a_fault_on_some_ranks_fails_all_with_the_lowest_one(void **state)
{
    struct team *team = team_of(state);
    int size = team_size(team);
    for (unsigned failing = 0; failing < 1u << size; failing++) {
        struct error err = {0};
        int lowest = 0;
        while (lowest < size && !(failing >> lowest & 1))
            lowest++;
        enum status mine = STATUS_OK;
        if (failing >> team_rank(team) & 1) {
            char where[32];
            (void)snprintf(where, sizeof where, "part %d", team_rank(team));
            mine = error_set(&err, team_rank(team) % 2 ? STATUS_CORRUPT : STATUS_IO, where, "hint",
                             "fault of %d", team_rank(team));
        }
        enum status agreed = team_agree(team, mine, &err);
        if (failing == 0) {
            struct error untouched = {0};
            assert_int_equal(agreed, STATUS_OK);
            assert_memory_equal(&err, &untouched, sizeof err);
            continue;
        }
        struct error expected;
        char where[32];
        (void)snprintf(where, sizeof where, "part %d", lowest);
        (void)error_set(&expected, lowest % 2 ? STATUS_CORRUPT : STATUS_IO, where, "hint", "fault of %d",
                        lowest);
        expected.rank = lowest;
        assert_int_equal(agreed, expected.status);
        assert_memory_equal(&err, &expected, sizeof err);  // the same 512 bytes everywhere
    }
}

static void test_a_status_is_agreed_on_without_an_error(void **state)
{
    struct team *team = team_of(state);
    int last = team_size(team) - 1;
    enum status mine = team_rank(team) == last ? STATUS_STOPPED : STATUS_OK;
    assert_int_equal(team_agree(team, mine, NULL), STATUS_STOPPED);
    // Some ranks keep the error, others do not: those who do have the status and the rank.
    struct error err = {0};
    assert_int_equal(team_agree(team, mine, team_rank(team) == 0 && last > 0 ? &err : NULL), STATUS_STOPPED);
    if (team_rank(team) == 0 && last > 0) {
        assert_int_equal(err.status, STATUS_STOPPED);
        assert_int_equal(err.rank, last);
    }
    // A struct that was filled with another fault takes the status that is returned.
    struct error other;
    (void)error_set(&other, STATUS_IO, "w", "", "x");
    assert_int_equal(team_agree(team, STATUS_USAGE, &other), STATUS_USAGE);
    assert_int_equal(other.status, STATUS_USAGE);
    assert_int_equal(other.rank, 0);
}

/* How many bytes `from` sends to `to`: nothing, a little, or more than a message that goes at once (64 KiB
 * and on). */
static size_t bytes_between(int from, int to, int round)
{
    static const size_t SIZES[] = {0, 1, 3, 0, 65535, 65536, 65537, 300001};
    return SIZES[(size_t)(from * 5 + to * 3 + round) % 8];
}

static unsigned char byte_between(int from, int to, size_t at)
{
    return (unsigned char)((size_t)from * 31 + (size_t)to * 7 + at % 251);
}

static void test_an_exchange_brings_each_rank_what_was_meant_for_it(void **state)
{
    struct team *team = team_of(state);
    int size = team_size(team), me = team_rank(team);
    size_t out_counts[16], in_counts[16];
    struct error err = {0};
    for (int round = 0; round < 8; round++) {
        size_t total = 0, at = 0;
        for (int to = 0; to < size; to++)
            total += out_counts[to] = bytes_between(me, to, round);
        unsigned char *out = malloc(total + 1);
        void *in = NULL;
        assert_non_null(out);
        for (int to = 0; to < size; to++)
            for (size_t i = 0; i < out_counts[to]; i++)
                out[at++] = byte_between(me, to, i);
        assert_int_equal(team_exchange(team, out, out_counts, &in, in_counts, &err), STATUS_OK);
        at = 0;
        for (int from = 0; from < size; from++) {
            assert_int_equal(in_counts[from], bytes_between(from, me, round));
            for (size_t i = 0; i < in_counts[from]; i++, at++)
                if (((unsigned char *)in)[at] != byte_between(from, me, i))
                    fail_msg("round %d, byte %zu from %d", round, i, from);
        }
        assert_int_equal(in == NULL, at == 0);
        free(in);
        free(out);
    }
}

static void test_an_exchange_of_nothing_is_nothing(void **state)
{
    struct team *team = team_of(state);
    size_t out_counts[16] = {0}, in_counts[16];
    memset(in_counts, 0xff, sizeof in_counts);
    void *in = &in_counts;
    struct error err = {0};
    assert_int_equal(team_exchange(team, NULL, out_counts, &in, in_counts, &err), STATUS_OK);
    assert_null(in);
    for (int from = 0; from < team_size(team); from++)
        assert_int_equal(in_counts[from], 0);
}

static void test_what_is_too_large_fails_all_ranks(void **state)
{
    struct team *team = team_of(state);
    size_t out_counts[16] = {0}, in_counts[16];
    void *in = NULL;
    struct error err = {0};
    // Each rank means to send the last one more bytes than there can be. Nothing is sent: the room is made
    // first.
    int last = team_size(team) - 1;
    out_counts[last] = SIZE_MAX / 4 / (size_t)team_size(team);
    enum status status = team_exchange(team, NULL, out_counts, &in, in_counts, &err);
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_null(in);
    assert_int_equal(err.rank, last);
    assert_string_equal(err.where, "exchange between ranks");
}

static void test_a_gather_is_in_the_order_of_ranks(void **state)
{
    struct team *team = team_of(state);
    int size = team_size(team), me = team_rank(team);
    struct error err = {0};
    for (int round = 0; round < 8; round++) {
        size_t count = bytes_between(me, 0, round), total = 0, at = 0;
        unsigned char *mine = malloc(count + 1);
        void *all = NULL;
        assert_non_null(mine);
        for (size_t i = 0; i < count; i++)
            mine[i] = byte_between(me, 0, i);
        assert_int_equal(team_gather(team, mine, count, &all, &total, &err), STATUS_OK);
        for (int from = 0; from < size; from++)
            for (size_t i = 0; i < bytes_between(from, 0, round); i++, at++)
                if (at >= total || ((unsigned char *)all)[at] != byte_between(from, 0, i))
                    fail_msg("round %d, byte %zu from %d", round, i, from);
        assert_int_equal(total, at);
        assert_int_equal(all == NULL, total == 0);
        free(all);
        free(mine);
    }
}

struct item {
    int64_t owner, from, number;
};

static int owner_of(const void *item, int ranks, const void *context)
{
    (void)context;
    return (int)(((const struct item *)item)->owner % ranks);
}

static void test_items_are_dealt_to_their_owners_in_order(void **state)
{
    struct team *team = team_of(state);
    struct error err = {0};
    for (size_t count = 0; count < 20000; count = 3 * count + 1) {
        size_t mine = team_rank(team) == 1 ? 0 : count, in_count = 0;
        struct item *items = malloc((mine + 1) * sizeof *items);
        void *in = NULL;
        assert_non_null(items);
        for (size_t i = 0; i < mine; i++)
            items[i] = (struct item){(int64_t)(i * i % 11), team_rank(team), (int64_t)i};
        assert_int_equal(team_deal(team, items, mine, sizeof *items, owner_of, NULL, &in, &in_count, &err),
                         STATUS_OK);
        int64_t total = (int64_t)in_count;
        const struct item *dealt = in;
        for (size_t i = 0; i < in_count; i++) {
            assert_int_equal(dealt[i].owner % team_size(team), team_rank(team));
            assert_true(i == 0 || dealt[i].from > dealt[i - 1].from ||
                        (dealt[i].from == dealt[i - 1].from && dealt[i].number > dealt[i - 1].number));
        }
        team_sum_i64(team, &total, 1);
        assert_int_equal(total, count * (size_t)(team_size(team) - (team_size(team) > 1)));
        free(in);
        free(items);
    }
}

static void test_a_team_alone_needs_no_other(void **state)
{
    (void)state;
    struct team *alone = team_alone();
    assert_non_null(alone);
    void *one = alone;
    assert_int_equal(team_rank(alone), 0);
    assert_int_equal(team_size(alone), 1);
    test_sums_and_maxima_are_plain_ones(&one);
    test_sums_before_are_those_of_lower_ranks(&one);
    test_broadcasts_come_from_any_rank(&one);
    test_a_fault_on_some_ranks_fails_all_with_the_lowest_one(&one);
    test_a_status_is_agreed_on_without_an_error(&one);
    test_an_exchange_brings_each_rank_what_was_meant_for_it(&one);
    test_an_exchange_of_nothing_is_nothing(&one);
    test_what_is_too_large_fails_all_ranks(&one);
    test_a_gather_is_in_the_order_of_ranks(&one);
    test_items_are_dealt_to_their_owners_in_order(&one);
    team_free(alone);
}

/* What the launchers leave in the environment of a process that another MPI started. */
static void test_another_mpis_launcher_is_told(void **state)
{
    struct team *team = team_of(state);
    static const char *const NAMES[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK",
                                        "SLURM_STEP_NUM_TASKS"};
    static const struct {
        const char *values[4];
        int told;  // how many processes it names
    } CASES[] = {{{NULL, NULL, NULL, NULL}, 0}, {{"1", "1", NULL, NULL}, 0},
                 {{"4", NULL, NULL, NULL}, 4},  {{NULL, "3", NULL, NULL}, 3},
                 {{NULL, NULL, "0", "8"}, 8},   {{NULL, NULL, NULL, "8"}, 0},
                 {{NULL, NULL, "0", "1"}, 0},   {{"nonsense", NULL, NULL, NULL}, 0}};
    char *kept[4];
    for (size_t n = 0; n < 4; n++) {
        const char *text = getenv(NAMES[n]);
        kept[n] = text ? strdup(text) : NULL;
    }
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct error err = {0};
        for (size_t n = 0; n < 4; n++)
            assert_int_equal(
                CASES[i].values[n] ? setenv(NAMES[n], CASES[i].values[n], 1) : unsetenv(NAMES[n]), 0);
        enum status status = team_check_launcher(team, &err);
        assert_int_equal(status, CASES[i].told && team_size(team) == 1 ? STATUS_USAGE : STATUS_OK);
        if (status == STATUS_OK)
            continue;
        char what[200];
        (void)snprintf(what, sizeof what,
                       "it started %d processes, but MPI sees one: it belongs to another MPI", CASES[i].told);
        assert_string_equal(err.what, what);
        assert_string_equal(err.where, "launcher");
        assert_string_equal(err.hint,
                            "use the mpirun of the MPI that quern was built with, or srun --mpi=pmix");
    }
    for (size_t n = 0; n < 4; n++) {
        assert_int_equal(kept[n] ? setenv(NAMES[n], kept[n], 1) : unsetenv(NAMES[n]), 0);
        free(kept[n]);
    }
}

int main(int argc, char **argv)
{
    struct team *team = team_new(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_sums_and_maxima_are_plain_ones, team),
        cmocka_unit_test_prestate(test_sums_before_are_those_of_lower_ranks, team),
        cmocka_unit_test_prestate(test_broadcasts_come_from_any_rank, team),
        cmocka_unit_test_prestate(test_a_fault_on_some_ranks_fails_all_with_the_lowest_one, team),
        cmocka_unit_test_prestate(test_a_status_is_agreed_on_without_an_error, team),
        cmocka_unit_test_prestate(test_an_exchange_brings_each_rank_what_was_meant_for_it, team),
        cmocka_unit_test_prestate(test_an_exchange_of_nothing_is_nothing, team),
        cmocka_unit_test_prestate(test_what_is_too_large_fails_all_ranks, team),
        cmocka_unit_test_prestate(test_a_gather_is_in_the_order_of_ranks, team),
        cmocka_unit_test_prestate(test_items_are_dealt_to_their_owners_in_order, team),
        cmocka_unit_test_prestate(test_a_team_alone_needs_no_other, team),
        cmocka_unit_test_prestate(test_another_mpis_launcher_is_told, team),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(team);
    return failed;
}
