/* Gzip files, whole and broken. */
#include "scratch.h"

#include <sys/stat.h>

/* What a stream gave. */
struct outcome {
    struct bytes lines;
    char fault[200];
};

static struct outcome read_gzip(const char *name, size_t buffer_bytes)
{
    struct error err = {0};
    struct outcome outcome = {0};
    // Not by archive_find: it refuses what is broken from the first byte on.
    char path[100];
    struct stat now;
    (void)snprintf(path, sizeof path, "%s", name);
    assert_int_equal(stat(path, &now), 0);
    struct archive_file file = {
        .path = path, .bytes = now.st_size, .inode = now.st_ino, .compression = COMPRESSION_GZIP};
    struct archive archive = {.files = &file, .file_count = 1};
    struct archive_piece piece = {.file = 0, .from = 0, .to = -1};
    struct stream *stream;
    assert_int_equal(piece_open(&archive, &piece, buffer_bytes, &stream, &err), STATUS_OK);
    for (;;) {
        const char *lines;
        size_t count;
        int64_t offset;
        assert_int_equal(stream_next(stream, &lines, &count, &offset, &err), STATUS_OK);
        if (!lines)
            break;
        assert_int_equal(offset, outcome.lines.count);
        bytes_add(&outcome.lines, lines, count);
    }
    const char *fault = stream_fault(stream);
    (void)snprintf(outcome.fault, sizeof outcome.fault, "%s", fault ? fault : "");
    stream_close(stream);
    return outcome;
}

/* `count` lines of a log, from number `first` on. */
static struct bytes make_log(int first, int count)
{
    struct bytes text = {0};
    for (int i = first; i < first + count; i++) {
        char line[128];
        int length =
            snprintf(line, sizeof line,
                     "01-Feb-2022 00:%02d:%02d.%03d client 10.0.%d.%d#%d: query: h%x.example.com IN A +\n",
                     i / 60 % 60, i % 60, i * 7 % 1000, i % 4, i % 251, 1024 + i * 31 % 60000,
                     (unsigned)i * 2654435761u);
        bytes_add(&text, line, (size_t)length);
    }
    return text;
}

/* Writes log.gz, from text, by gzip(1). */
static void compress_log(const struct bytes *text)
{
    scratch_write("log", text->at, text->count);
    scratch_run("gzip -nc log > log.gz");
}

static void check_log(const struct bytes *text, const char *fault)
{
    static const size_t buffer_sizes[] = {1, 100, 65537, 1 << 20};
    for (size_t i = 0; i < sizeof buffer_sizes / sizeof buffer_sizes[0]; i++) {
        struct outcome outcome = read_gzip("log.gz", buffer_sizes[i]);
        assert_string_equal(outcome.fault, fault);
        assert_int_equal(outcome.lines.count, text->count);
        assert_memory_equal(outcome.lines.at, text->at, text->count);
        bytes_clear(&outcome.lines);
    }
}

static void test_a_gzip_file_is_read_whole(void **state)
{
    (void)state;
    struct bytes text = make_log(0, 20000);  // 1.5 MB: more than ISA-L's and our buffers
    compress_log(&text);
    check_log(&text, "");
    bytes_clear(&text);
}

static void test_members_and_zeros_between_them_are_one_stream(void **state)
{
    (void)state;
    struct bytes text = {0};
    scratch_run("rm -f all.gz; printf '' | gzip -nc > empty.gz");
    for (int i = 0; i < 300; i++) {
        struct bytes part = make_log(i * 5, i % 5);
        bytes_add(&text, part.at, part.count);
        compress_log(&part);
        scratch_run(i % 7 == 0 ? "cat log.gz empty.gz >> all.gz; printf '\\0\\0\\0' >> all.gz"
                               : "cat log.gz >> all.gz");
        bytes_clear(&part);
    }
    scratch_run("head -c 2000 /dev/zero >> all.gz; mv all.gz log.gz");
    check_log(&text, "");
    bytes_clear(&text);
}

static void test_a_member_may_end_inside_a_line(void **state)
{
    (void)state;
    struct bytes text = {0};
    scratch_run("printf 'one\\ntw' | gzip -nc > log.gz; printf 'o\\nthr' | gzip -nc >> log.gz");
    bytes_add(&text, "one\ntwo\nthr", 11);
    check_log(&text, "");
    bytes_clear(&text);
}

/* CRC-32 of RFC 1952 §8, bit by bit. */
static uint32_t slow_crc(const struct bytes *bytes)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes->count; i++) {
        crc ^= (uint8_t)bytes->at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Gives log.gz of gzip -n a header with an extra field, a name, a comment of any length and its own checksum.
 */
static struct bytes decorate(size_t comment_count)
{
    struct bytes member = {0}, plain = {0};
    bytes_add(&member,
              "\x1f\x8b\x08\x1e\0\0\0\0\0\xff"
              "\x06\0"
              "AB\x02\0hi"
              "queries.log\0",
              30);
    for (size_t i = 0; i < comment_count; i++)
        bytes_add(&member, "c", 1);
    bytes_add(&member, "\0", 1);
    uint32_t crc = slow_crc(&member);
    char low[2] = {(char)(crc & 0xff), (char)(crc >> 8 & 0xff)};
    bytes_add(&member, low, 2);
    scratch_read("log.gz", &plain);
    bytes_add(&member, plain.at + 10, plain.count - 10);
    bytes_clear(&plain);
    return member;
}

static void test_a_header_with_all_fields_is_passed(void **state)
{
    (void)state;
    struct bytes text = make_log(0, 100);
    compress_log(&text);
    struct bytes member = decorate(20);
    scratch_write("log.gz", member.at, member.count);
    check_log(&text, "");
    member.at[14] = 'X';  // in the extra field: its checksum no longer fits
    scratch_write("log.gz", member.at, member.count);
    struct outcome outcome = read_gzip("log.gz", 100);
    assert_string_equal(outcome.fault, "wrong checksum in gzip after 0 bytes");
    bytes_clear(&outcome.lines);
    bytes_clear(&member);
    bytes_clear(&text);
}

static void test_the_next_member_may_start_anywhere_around_the_end_of_the_input_buffer(void **state)
{
    (void)state;
    struct bytes one = make_log(0, 50), text = {0}, plain = {0};
    bytes_add(&text, one.at, one.count);
    bytes_add(&text, one.at, one.count);
    compress_log(&one);
    scratch_read("log.gz", &plain);
    scratch_write("member.gz", plain.at, plain.count);
    for (size_t end = (1 << 17) - 20; end < (1 << 17) + 20; end++) {
        scratch_run("cp member.gz log.gz");
        // What decorate adds: 30 - 10 bytes, the comment, its NUL, two of checksum.
        struct bytes member = decorate(end - plain.count - 23);
        assert_int_equal(member.count, end);
        bytes_add(&member, plain.at, plain.count);
        scratch_write("log.gz", member.at, member.count);
        struct outcome outcome = read_gzip("log.gz", 1 << 16);
        assert_string_equal(outcome.fault, "");
        assert_int_equal(outcome.lines.count, text.count);
        assert_memory_equal(outcome.lines.at, text.at, text.count);
        bytes_clear(&outcome.lines);
        bytes_clear(&member);
    }
    bytes_clear(&plain);
    bytes_clear(&text);
    bytes_clear(&one);
}

static void test_a_truncated_file_gives_what_comes_before_the_cut(void **state)
{
    (void)state;
    struct bytes text = make_log(0, 6000), more = make_log(6000, 300), whole = {0}, second = {0};
    compress_log(&more);
    scratch_read("log.gz", &second);
    compress_log(&text);
    scratch_read("log.gz", &whole);
    size_t boundary = whole.count, before = 0;
    bytes_add(&text, more.at, more.count);
    bytes_add(&whole, second.at, second.count);
    for (size_t cut = 1; cut < whole.count; cut += 97) {
        scratch_write("log.gz", whole.at, cut);
        struct outcome outcome = read_gzip("log.gz", 65536), other = read_gzip("log.gz", 1000);
        char fault[80];
        (void)snprintf(fault, sizeof fault, "truncated gzip after %zu bytes", outcome.lines.count);
        assert_string_equal(outcome.fault, cut == boundary ? "" : fault);
        assert_true(outcome.lines.count >= before && outcome.lines.count <= text.count);
        // What a byte more on disk brings is at most a few symbols of 258 bytes; none is held back for long.
        assert_true(cut < boundary || outcome.lines.count >= text.count - more.count);
        if (outcome.lines.count > 0)
            assert_memory_equal(outcome.lines.at, text.at, outcome.lines.count);
        assert_int_equal(other.lines.count, outcome.lines.count);
        before = outcome.lines.count;
        bytes_clear(&outcome.lines);
        bytes_clear(&other.lines);
    }
    assert_true(before > text.count - 5000);
    bytes_clear(&text);
    bytes_clear(&more);
    bytes_clear(&whole);
    bytes_clear(&second);
}

static void test_a_damaged_file_never_passes_for_whole(void **state)
{
    (void)state;
    struct bytes text = make_log(0, 3000), whole = {0};
    compress_log(&text);
    scratch_read("log.gz", &whole);
    for (size_t at = 10; at < whole.count; at += 97) {
        whole.at[at] = (char)(whole.at[at] ^ 0x10);
        scratch_write("log.gz", whole.at, whole.count);
        struct outcome outcome = read_gzip("log.gz", 65536);
        assert_true(strstr(outcome.fault, "gzip") && strstr(outcome.fault, " after "));
        whole.at[at] = (char)(whole.at[at] ^ 0x10);
        bytes_clear(&outcome.lines);
    }
    bytes_clear(&text);
    bytes_clear(&whole);
}

static void test_a_wrong_checksum_or_length_is_told_after_all_lines(void **state)
{
    (void)state;
    struct bytes text = make_log(0, 30), whole = {0};
    char fault[80];
    (void)snprintf(fault, sizeof fault, "wrong checksum in gzip after %zu bytes", text.count);
    for (size_t back = 1; back <= 8; back++) {
        compress_log(&text);
        scratch_read("log.gz", &whole);
        whole.at[whole.count - back] = (char)(whole.at[whole.count - back] ^ 1);
        scratch_write("log.gz", whole.at, whole.count);
        check_log(&text, fault);
    }
    bytes_clear(&text);
    bytes_clear(&whole);
}

static void test_garbage_behind_the_members_is_told_after_all_lines(void **state)
{
    (void)state;
    struct bytes text = make_log(0, 30);
    char fault[80];
    (void)snprintf(fault, sizeof fault, "garbage follows the gzip data after %zu bytes", text.count);
    compress_log(&text);
    scratch_run("printf 'garbage' >> log.gz");
    check_log(&text, fault);
    compress_log(&text);
    scratch_run("printf '\\0\\0\\037garbage garbage' >> log.gz");  // a member's first byte, not its second
    check_log(&text, fault);
    bytes_clear(&text);
}

static void test_the_head_of_a_gzip_file_is_decompressed(void **state)
{
    (void)state;
    struct error err = {0};
    struct bytes text = make_log(0, 30);
    char head[50];
    size_t count;
    compress_log(&text);
    struct archive archive = scratch_find("log.gz");
    assert_int_equal(archive_sniff(&archive, 0, head, sizeof head, &count, &err), STATUS_OK);
    assert_int_equal(count, sizeof head);
    assert_memory_equal(head, text.at, sizeof head);
    assert_int_equal(archive_last_line(&archive, 0, head, sizeof head, &count, &err), STATUS_OK);
    assert_int_equal(count, 0);
    archive_clear(&archive);
    bytes_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_gzip_file_is_read_whole),
        cmocka_unit_test(test_members_and_zeros_between_them_are_one_stream),
        cmocka_unit_test(test_a_member_may_end_inside_a_line),
        cmocka_unit_test(test_a_header_with_all_fields_is_passed),
        cmocka_unit_test(test_the_next_member_may_start_anywhere_around_the_end_of_the_input_buffer),
        cmocka_unit_test(test_a_truncated_file_gives_what_comes_before_the_cut),
        cmocka_unit_test(test_a_damaged_file_never_passes_for_whole),
        cmocka_unit_test(test_a_wrong_checksum_or_length_is_told_after_all_lines),
        cmocka_unit_test(test_garbage_behind_the_members_is_told_after_all_lines),
        cmocka_unit_test(test_the_head_of_a_gzip_file_is_decompressed),
    };
    return cmocka_run_group_tests_name("gzip", tests, scratch_enter, scratch_leave);
}
