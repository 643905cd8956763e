/* Addresses, tables in memory, and folders that one job holds at a time. */
#include "base/folder.h"
#include "base/ip.h"
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_addresses_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;  // NULL: none
    } CASES[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"10.20.7.27", "10.20.7.27"},
        {"::ffff:10.20.7.27", "10.20.7.27"},
        {"::FFFF:0A14:071B", "10.20.7.27"},
        {"::", "::"},
        {"2001:DB8::0:1", "2001:db8::1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.4.", NULL},
        {".1.2.3.4", NULL},
        {"1..2.3", NULL},
        {"256.1.1.1", NULL},
        {"1.1.1.0001", NULL},
        {"01.1.1.1", NULL},
        {"1.1.1.-1", NULL},
        {"1.1.1.1 ", NULL},
        {"+1.1.1.1", NULL},
        {"0x1.1.1.1", NULL},
        {"fe80::1%2", NULL},
        {":", NULL},
        {":::", NULL},
        {"1::2::3", NULL},
        {"12345::", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct ip ip;
        char text[IP_TEXT_BYTES];
        bool is_ip = ip_read(CASES[i].text, strlen(CASES[i].text), &ip);
        if (is_ip != (CASES[i].written != NULL))
            fail_msg("\"%s\" %s", CASES[i].text, is_ip ? "is taken for an address" : "is refused");
        if (!is_ip)
            continue;
        assert_int_equal(ip_write(&ip, text), strlen(CASES[i].written));
        assert_string_equal(text, CASES[i].written);
    }
    struct ip ip;
    assert_false(ip_read("1.2.3.4", 5, &ip));  // the count ends the text, and so it is "1.2.3"
    assert_false(ip_read("::\0::1", 6, &ip));
}

static void test_ranges_hold_what_shares_their_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *range, *ip;
        bool is_in;
    } CASES[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::a00:1", false},
        {"0.0.0.0/0", "255.1.1.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.1.1.1", true},
        {"10.20.7.27", "10.20.7.27", true},
        {"10.20.7.27", "10.20.7.26", false},
        {"10.20.7.26/31", "10.20.7.27", true},
        {"10.20.7.24/29", "10.20.7.32", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"fd00::1/128", "fd00::1", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct ip_range range;
        struct ip ip;
        assert_true(ip_range_read(CASES[i].range, &range));
        assert_true(ip_read(CASES[i].ip, strlen(CASES[i].ip), &ip));
        if (ip_in_range(&ip, &range) != CASES[i].is_in)
            fail_msg("%s in %s", CASES[i].ip, CASES[i].range);
    }
    static const char *const NONE[] = {"",
                                       "/8",
                                       "10.0.0.0/",
                                       "10.0.0.0/33",
                                       "10.0.0.1/8",
                                       "10.0.0.0/8x",
                                       "10.0.0.0/ 8",
                                       "10.0.0.0/-1",
                                       "10.0.0.0/+8",
                                       "::/129",
                                       "2001:db8::1/64",
                                       "10.0.0.0/8/8",
                                       "10.0.0.0/99999999999999999999"};
    for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++) {
        struct ip_range range;
        if (ip_range_read(NONE[i], &range))
            fail_msg("\"%s\" is taken for a range", NONE[i]);
    }
}

static void test_masks_leave_ipv4_alone(void **state)
{
    (void)state;
    struct ip six, four;
    char text[IP_TEXT_BYTES];
    assert_true(ip_read("2001:db8:1:2:3:4:5:6", 20, &six));
    assert_true(ip_read("10.20.7.27", 10, &four));
    ip_mask_v6(&six, 128);
    (void)ip_write(&six, text);
    assert_string_equal(text, "2001:db8:1:2:3:4:5:6");
    ip_mask_v6(&six, 63);
    (void)ip_write(&six, text);
    assert_string_equal(text, "2001:db8:1:2::");
    ip_mask_v6(&six, 62);
    (void)ip_write(&six, text);
    assert_string_equal(text, "2001:db8:1::");
    ip_mask_v6(&four, 0);
    (void)ip_write(&four, text);
    assert_string_equal(text, "10.20.7.27");
    assert_true(ip_compare(&four, &six) < 0 && ip_compare(&six, &four) > 0 && ip_compare(&six, &six) == 0);
}

struct entry {
    uint64_t key;
    uint64_t value;
};

static int entry_compare(const void *a, const void *b)
{
    uint64_t left = ((const struct entry *)a)->key, right = ((const struct entry *)b)->key;
    return (left > right) - (left < right);
}

static void test_a_map_finds_what_was_put(void **state)
{
    (void)state;
    struct map map;
    struct error err;
    void *entry = NULL;
    bool fresh = false;
    map_init(&map, sizeof(struct entry), sizeof(uint64_t));
    uint64_t none = 7;
    assert_null(map_get(&map, &none));
    assert_int_equal(map_bytes(&map), 0);
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t i = 0; i < 20000; i++) {
            uint64_t key = i * 0x9e3779b97f4a7c15u;
            assert_int_equal(map_put(&map, &key, &entry, &fresh, &err), STATUS_OK);
            assert_int_equal(fresh, round == 0);
            assert_true(((struct entry *)entry)->value == (round ? i : 0));
            ((struct entry *)entry)->value = i;
        }
    assert_int_equal(map.count, 20000);
    assert_true(map_bytes(&map) >= 20000 * sizeof(struct entry));
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t key = i * 0x9e3779b97f4a7c15u, other = key + 1;
        const struct entry *found = map_get(&map, &key);
        assert_non_null(found);
        assert_int_equal(found->value, i);
        assert_null(map_get(&map, &other));
        assert_true(((struct entry *)map_at(&map, i))->key == key);  // in the order in which they came
    }
    map_sort(&map, entry_compare);
    for (size_t i = 1; i < map.count; i++)
        assert_true(((struct entry *)map_at(&map, i - 1))->key < ((struct entry *)map_at(&map, i))->key);
    map_clear(&map);
    assert_int_equal(map.count, 0);
    assert_int_equal(map_put(&map, &none, &entry, NULL, &err), STATUS_OK);
    assert_non_null(map_get(&map, &none));
    map_clear(&map);
    map_clear(&map);
}

static void test_an_array_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    int64_t *array = NULL;
    size_t capacity = 0;
    assert_int_equal(array_reserve(&array, &capacity, 0, sizeof *array, &err), STATUS_OK);
    assert_null(array);
    assert_int_equal(array_reserve(&array, &capacity, 5, sizeof *array, &err), STATUS_OK);
    assert_true(capacity >= 5);
    array[4] = 44;
    int64_t *kept = array;
    size_t had = capacity;
    assert_int_equal(array_reserve(&array, &capacity, SIZE_MAX / 4, sizeof *array, &err), STATUS_NO_MEMORY);
    assert_string_equal(err.where, "memory");
    assert_int_equal(array_reserve(&array, &capacity, SIZE_MAX, sizeof *array, &err), STATUS_NO_MEMORY);
    assert_ptr_equal(array, kept);  // what was there stays
    assert_int_equal(capacity, had);
    assert_int_equal(array[4], 44);
    free(array);
}

static void test_a_folder_is_held_by_one_job(void **state)
{
    (void)state;
    char folder[] = "/tmp/quern_folder_XXXXXX", deep[256], name[300];
    struct error err = {0};
    int lock = -1, second = -1;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(deep, sizeof deep, "%s/a//b/c/", folder);
    assert_int_equal(folder_make(deep, &err), STATUS_OK);
    assert_int_equal(folder_make(deep, &err), STATUS_OK);
    assert_int_equal(folder_lock(deep, &lock, &err), STATUS_OK);
    assert_true(lock >= 0);
    assert_int_equal(folder_lock(deep, &second, &err), STATUS_FAILED);
    assert_int_equal(second, -1);
    assert_string_equal(err.what, "another quern is writing there");
    assert_string_equal(err.where, deep);
    folder_unlock(lock);
    // A job that dies gives the folder back.
    pid_t child = fork();
    if (child == 0)
        _exit(folder_lock(deep, &lock, NULL) == STATUS_OK ? 7 : 1);
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 7);
    assert_int_equal(folder_lock(deep, &lock, &err), STATUS_OK);
    // Readers do not mind the writer, nor each other, but who removes files.
    int readers[2] = {-1, -1}, remover = -1;
    assert_int_equal(folder_share(deep, &readers[0], &err), STATUS_OK);
    assert_int_equal(folder_share(deep, &readers[1], &err), STATUS_OK);
    assert_int_equal(folder_lock_readers(deep, &remover, &err), STATUS_FAILED);
    assert_string_equal(err.what, "another quern is reading there");
    folder_unlock(readers[0]);
    folder_unlock(readers[1]);
    assert_int_equal(folder_lock_readers(deep, &remover, &err), STATUS_OK);
    assert_int_equal(folder_share(deep, &readers[0], &err), STATUS_FAILED);
    assert_string_equal(err.what, "another quern is removing days there");
    folder_unlock(remover);
    // A folder that may only be read, or is not there, is read without a lock.
    assert_int_equal(folder_share("/proc", &readers[0], &err), STATUS_OK);
    assert_int_equal(readers[0], -1);
    folder_unlock(lock);
    folder_unlock(-1);
    (void)snprintf(name, sizeof name, "%s/.quern.lock", deep);
    assert_int_equal(unlink(name), 0);
    (void)snprintf(name, sizeof name, "%s/.quern.readers", deep);
    assert_int_equal(unlink(name), 0);
    static const char *const PARTS[] = {"/a/b/c", "/a/b", "/a", ""};
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "%s%s", folder, PARTS[i]);
        assert_int_equal(rmdir(name), 0);
    }
}

static void test_folders_that_cannot_be_are_named(void **state)
{
    (void)state;
    struct error err = {0};
    int lock = -1;
    static char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    assert_int_equal(folder_make("", &err), STATUS_USAGE);
    assert_int_equal(folder_make(longest, &err), STATUS_USAGE);
    assert_string_equal(err.what, "a path of 4999 bytes");
    assert_int_equal(folder_make("/dev/null/x", &err), STATUS_IO);
    assert_string_equal(err.where, "/dev/null/x");
    assert_string_equal(err.what, "cannot make the folder: Not a directory");
    // A file is in the way.
    assert_int_equal(folder_make("/dev/null", &err), STATUS_IO);
    assert_int_equal(folder_lock("/nowhere/at/all", &lock, &err), STATUS_IO);
    assert_int_equal(lock, -1);
    assert_string_equal(err.what, "cannot write there: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_read_and_written),
        cmocka_unit_test(test_ranges_hold_what_shares_their_prefix),
        cmocka_unit_test(test_masks_leave_ipv4_alone),
        cmocka_unit_test(test_a_map_finds_what_was_put),
        cmocka_unit_test(test_an_array_that_cannot_be_is_an_error),
        cmocka_unit_test(test_a_folder_is_held_by_one_job),
        cmocka_unit_test(test_folders_that_cannot_be_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
