/* The list of software by its domains. */
#include "../feature/asking.h"

#include "evidence/known.h"

static enum status read_text(const char *text, struct known_software **known, struct error *err)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/quern_known.%ld.csv", (long)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    const enum status status = known_software_read(path, known, err);
    (void)unlink(path);
    return status;
}

static const char *software_of(const struct known_software *known, const char *name)
{
    const struct known_entry *entry = known_software_of(known, name, strlen(name));
    return entry ? entry->software : "";
}

static void test_the_longest_suffix_of_whole_labels_counts(void **state)
{
    (void)state;
    struct error err = {0};
    struct known_software *known = NULL;
    asking_check(read_text("suffix,software,kind\n# a remark\nmcafee.com,All of it,update\r\n"
                           "avqs.mcafee.com,File reputation,antivirus\nzen.example,Lists,dnsbl\n",
                           &known, &err),
                 &err);
    assert_string_equal(software_of(known, "x.avqs.mcafee.com"), "File reputation");
    assert_string_equal(software_of(known, "avqs.mcafee.com"), "File reputation");
    assert_string_equal(software_of(known, "www.mcafee.com"), "All of it");
    assert_string_equal(software_of(known, "notmcafee.com"), "");
    assert_string_equal(software_of(known, "com"), "");
    assert_string_equal(software_of(known, ""), "");
    assert_string_equal(software_of(NULL, "www.mcafee.com"), "");
    assert_int_equal(known_software_of(known, "4.3.2.1.zen.example", 19)->kind, KNOWN_DNSBL);
    assert_true(known_kind_carries_data(KNOWN_DNSBL));
    assert_false(known_kind_carries_data(KNOWN_UPDATE));
    known_software_free(known);
}

static void test_lines_that_are_no_entry_are_named(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"a.com,b\n", "a.com,b,virus\n", ".a.com,b,cdn\n", "A.com,b,cdn\n",
                                        "a.com,,cdn\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        char text[100];
        struct error err = {0};
        struct known_software *known = NULL;
        (void)snprintf(text, sizeof text, "suffix,software,kind\n%s", TEXTS[i]);
        assert_int_equal(read_text(text, &known, &err), STATUS_CORRUPT);
        assert_string_equal(strrchr(err.where, ':'), ":2");
        assert_string_equal(err.what, "no entry; a kind is antivirus, cdn, dnsbl, cloud, update or device");
        assert_null(known);
    }
}

/* The list that comes with the program. */
static void test_the_shipped_list_is_whole(void **state)
{
    (void)state;
    char path[4096];
    struct error err = {0};
    struct known_software *known = NULL;
    assert_true(job_data_path("datasets/known.csv", path, sizeof path));
    asking_check(known_software_read(path, &known, &err), &err);
    assert_int_equal(known_software_of(known, "abc.i.01.mac.sophosxl.net", 25)->kind, KNOWN_ANTIVIRUS);
    assert_int_equal(known_software_of(known, "2.0.0.127.zen.spamhaus.org", 26)->kind, KNOWN_DNSBL);
    assert_int_equal(known_software_of(known, "d1.cloudfront.net", 17)->kind, KNOWN_CDN);
    known_software_free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_longest_suffix_of_whole_labels_counts),
        cmocka_unit_test(test_lines_that_are_no_entry_are_named),
        cmocka_unit_test(test_the_shipped_list_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
