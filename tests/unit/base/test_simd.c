#include "base/simd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void test_environment_lowers_the_level_and_never_raises_it(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("QUERN_SIMD"), 0);
    const enum simd_level machine = simd_level();
    for (int level = SIMD_PLAIN; level < SIMD_LEVELS; level++) {
        assert_int_equal(setenv("QUERN_SIMD", simd_name((enum simd_level)level), 1), 0);
        assert_int_equal(simd_level(), level < (int)machine ? level : (int)machine);
        struct error err = {0};
        assert_int_equal(simd_check(&err), level <= (int)machine ? STATUS_OK : STATUS_USAGE);
    }
    assert_int_equal(setenv("QUERN_SIMD", "plain", 1), 0);
    assert_false(simd_has_vnni());
    assert_int_equal(unsetenv("QUERN_SIMD"), 0);
}

static void test_word_that_is_no_level_is_a_wrong_usage(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(setenv("QUERN_SIMD", "sse9", 1), 0);
    assert_int_equal(simd_check(&err), STATUS_USAGE);
    assert_string_equal(err.where, "QUERN_SIMD");
    assert_string_equal(err.what, "\"sse9\" is no level of instructions");
    assert_string_equal(err.hint, "plain, avx2 and avx512 are levels");
    assert_int_equal(unsetenv("QUERN_SIMD"), 0);
    assert_int_equal(simd_check(&err), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_lowers_the_level_and_never_raises_it),
        cmocka_unit_test(test_word_that_is_no_level_is_a_wrong_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
