/* Zstandard, xz and BGZF: whole, broken, hostile, and what a decoder may take. Gzip has a file of its own. */
#include "scratch.h"

#include "base/hash.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct outcome {
    struct bytes text;
    int64_t long_lines;
    int64_t end;  // as stream_text_bytes tells
    uint64_t tail_hash;
    bool ends_inside;
    char fault[200];
};

static struct outcome read_as(const char *name, enum compression compression, size_t buffer_bytes)
{
    struct error err = {0};
    struct outcome outcome = {0};
    char path[100];
    // Not by archive_find: it refuses what is broken from the first byte on.
    (void)snprintf(path, sizeof path, "%s", name);
    struct bytes stored = {0};
    scratch_read(path, &stored);
    struct stat now;
    assert_int_equal(stat(path, &now), 0);
    struct archive_file file = {
        .path = path, .bytes = now.st_size, .inode = now.st_ino, .compression = compression};
    // With and without a thread that decodes ahead.
    struct archive archive = {.files = &file, .file_count = 1, .decodes_ahead = buffer_bytes > 100};
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
        bytes_add(&outcome.text, lines, count);
    }
    const char *fault = stream_fault(stream);
    (void)snprintf(outcome.fault, sizeof outcome.fault, "%s", fault ? fault : "");
    assert_false(stream_fault_passes(stream));
    outcome.long_lines = stream_long_lines(stream);
    outcome.end = stream_text_bytes(stream, &outcome.tail_hash, &outcome.ends_inside);
    stream_close(stream);
    bytes_clear(&stored);
    return outcome;
}

static struct bytes make_log(int count)
{
    struct bytes text = {0};
    for (int i = 0; i < count; i++) {
        char line[128];
        int length = snprintf(line, sizeof line,
                              "01-Feb-2022 00:00:%02d client 10.0.0.%d#%d: query: h%x.example.com IN A +\n",
                              i % 60, i % 251, 1024 + i * 31 % 60000, (unsigned)i * 2654435761u);
        bytes_add(&text, line, (size_t)length);
    }
    return text;
}

struct way {
    const char *name;
    enum compression compression;
    const char *command;  // from `log` to `packed`
    const char *truncated, *garbage, *damaged;
};

static const struct way WAYS[] = {
    {"zstd", COMPRESSION_ZSTD, "zstd -qc log > packed", "truncated zstd", "garbage follows the zstd data",
     "zstd"},
    {"zstd in frames", COMPRESSION_ZSTD,
     "(head -c 100001 log | zstd -qc; tail -c +100002 log | zstd -q19c --check) > packed", "truncated zstd",
     "garbage follows the zstd data", "zstd"},
    {"xz", COMPRESSION_XZ, "xz -1c log > packed", "truncated xz", "garbage follows the xz data", "xz"},
    {"xz streams", COMPRESSION_XZ,
     "(head -c 100001 log | xz -1c; printf '\\0\\0\\0\\0'; tail -c +100002 log | xz -6c) > packed",
     "truncated xz", "garbage follows the xz data", "xz"},
    {"BGZF", COMPRESSION_BGZF, "bgzip -c log > packed", "truncated gzip", "garbage follows the gzip data",
     ""},
};
enum { WAY_COUNT = sizeof WAYS / sizeof WAYS[0] };

static void test_a_file_is_known_by_its_bytes_and_read_whole(void **state)
{
    (void)state;
    static const size_t buffers[] = {1, 1000, 65537, 1 << 20};
    struct bytes text = make_log(20000);
    scratch_write("log", text.at, text.count);
    for (size_t w = 0; w < WAY_COUNT; w++) {
        scratch_run(WAYS[w].command);
        struct archive archive = scratch_find("packed");
        assert_int_equal(archive.files[0].compression, WAYS[w].compression);
        archive_clear(&archive);
        for (size_t b = 0; b < sizeof buffers / sizeof buffers[0]; b++) {
            struct outcome outcome = read_as("packed", WAYS[w].compression, buffers[b]);
            assert_string_equal(outcome.fault, "");
            assert_int_equal(outcome.text.count, text.count);
            assert_memory_equal(outcome.text.at, text.at, text.count);
            assert_int_equal(outcome.end, text.count);
            assert_false(outcome.ends_inside);
            assert_true(outcome.tail_hash ==
                        content_hash(text.at + text.count - ARCHIVE_END_BYTES, ARCHIVE_END_BYTES));
            bytes_clear(&outcome.text);
        }
    }
    bytes_clear(&text);
}

static void test_a_cut_file_gives_what_comes_before_the_cut(void **state)
{
    (void)state;
    struct bytes text = make_log(5000);
    scratch_write("log", text.at, text.count);
    for (size_t w = 0; w < WAY_COUNT; w++) {
        struct bytes whole = {0};
        int cut_count = 0;
        scratch_run(WAYS[w].command);
        scratch_read("packed", &whole);
        for (size_t cut = 20; cut < whole.count - 40; cut += whole.count / 23) {
            scratch_write("cut", whole.at, cut);
            struct outcome outcome = read_as("cut", WAYS[w].compression, 5000);
            cut_count += strstr(outcome.fault, WAYS[w].truncated) == outcome.fault;
            assert_true(outcome.text.count <= text.count);
            if (outcome.text.count > 0)
                assert_memory_equal(outcome.text.at, text.at, outcome.text.count);
            bytes_clear(&outcome.text);
        }
        // A cut between frames or blocks is none that shows.
        assert_in_range(cut_count, 20, 24);
        bytes_clear(&whole);
    }
    bytes_clear(&text);
}

static void test_garbage_behind_the_end_is_told_after_all_lines(void **state)
{
    (void)state;
    struct bytes text = make_log(5000);
    scratch_write("log", text.at, text.count);
    for (size_t w = 0; w < WAY_COUNT; w++) {
        scratch_run(WAYS[w].command);
        scratch_run("printf 'garbage that is longer than a header' >> packed");
        struct outcome outcome = read_as("packed", WAYS[w].compression, 5000);
        char fault[100];
        (void)snprintf(fault, sizeof fault, "%s after %zu bytes", WAYS[w].garbage, text.count);
        assert_string_equal(outcome.fault, fault);
        assert_int_equal(outcome.text.count, text.count);
        bytes_clear(&outcome.text);
    }
    bytes_clear(&text);
}

static void test_a_damaged_file_never_passes_for_whole(void **state)
{
    (void)state;
    struct bytes text = make_log(3000);
    scratch_write("log", text.at, text.count);
    scratch_run("zstd -q --check -c log > check.zst; xz -c log > check.xz; bgzip -c log > check.bgz");
    static const char *const names[] = {"check.zst", "check.xz", "check.bgz"};
    static const enum compression compressions[] = {COMPRESSION_ZSTD, COMPRESSION_XZ, COMPRESSION_BGZF};
    for (size_t n = 0; n < 3; n++) {
        struct bytes whole = {0};
        scratch_read(names[n], &whole);
        for (size_t at = 30; at < whole.count - 30; at += 211) {
            whole.at[at] = (char)(whole.at[at] ^ 0x10);
            scratch_write("packed", whole.at, whole.count);
            struct outcome outcome = read_as("packed", compressions[n], 65536);
            bool is_whole =
                outcome.text.count == text.count && memcmp(outcome.text.at, text.at, text.count) == 0;
            // Some bytes carry no meaning (the compressor's name, a time); all else is told.
            assert_true(is_whole || outcome.fault[0]);
            whole.at[at] = (char)(whole.at[at] ^ 0x10);
            bytes_clear(&outcome.text);
        }
        bytes_clear(&whole);
    }
    bytes_clear(&text);
}

static void test_a_bgzf_block_that_lies_about_its_size_is_told(void **state)
{
    (void)state;
    struct bytes text = make_log(2000), whole = {0};
    scratch_write("log", text.at, text.count);
    scratch_run("bgzip -c log > packed");
    scratch_read("packed", &whole);
    assert_memory_equal(whole.at + 12, "BC\2\0", 4);
    whole.at[16] = (char)(whole.at[16] - 1);
    scratch_write("packed", whole.at, whole.count);
    struct outcome outcome = read_as("packed", COMPRESSION_BGZF, 65536);
    // Then it is no block: all is read as gzip, which does not need to be told.
    assert_string_equal(outcome.fault, "");
    assert_int_equal(outcome.text.count, text.count);
    bytes_clear(&outcome.text);
    // One that holds two members: its last four bytes tell only what is in the second.
    scratch_run("head -c 30000 log > part && bgzip -c part > one; gzip -nc part > two");
    struct bytes one = {0}, two = {0};
    scratch_read("one", &one);
    scratch_read("two", &two);
    one.count -= 28;  // the empty block at the end
    bytes_add(&one, two.at, two.count);
    one.at[16] = (char)((one.count - 1) & 0xff);
    one.at[17] = (char)((one.count - 1) >> 8);
    scratch_write("packed", one.at, one.count);
    outcome = read_as("packed", COMPRESSION_BGZF, 65536);
    assert_string_equal(outcome.fault, "a compressed part of another size than is told after 60000 bytes");
    bytes_clear(&outcome.text);
    bytes_clear(&one);
    bytes_clear(&two);
    bytes_clear(&whole);
    bytes_clear(&text);
}

/* Peak memory of this process in bytes. */
static int64_t peak_bytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (int64_t)usage.ru_maxrss * 1024;
}

static void test_a_bomb_takes_no_more_memory_than_a_line(void **state)
{
    (void)state;
    int64_t before = peak_bytes();
    scratch_run("(echo one; head -c 100000000 /dev/zero; echo; echo two) > log; gzip -1c log > log.gz;"
                " zstd -qc log > log.zst; xz -0c log > log.xz; bgzip -c log > log.bgz; rm log");
    static const char *const names[] = {"log.gz", "log.zst", "log.xz", "log.bgz"};
    static const enum compression compressions[] = {COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_XZ,
                                                    COMPRESSION_BGZF};
    for (size_t n = 0; n < 4; n++) {
        struct outcome outcome = read_as(names[n], compressions[n], 1000);
        assert_string_equal(outcome.fault, "");
        assert_int_equal(outcome.text.count, 8);
        assert_memory_equal(outcome.text.at, "one\ntwo\n", 8);
        assert_int_equal(outcome.long_lines, 1);
        bytes_clear(&outcome.text);
    }
    assert_in_range(peak_bytes() - before, 0, 32 << 20);
}

static void test_a_window_that_would_fill_the_memory_is_refused(void **state)
{
    (void)state;
    // A frame header that asks for 2^31 bytes of window (RFC 8878 §3.1.1.1.2), no content size, one raw
    // block.
    scratch_write("packed", "\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x", 10);
    struct outcome outcome = read_as("packed", COMPRESSION_ZSTD, 1000);
    assert_string_equal(outcome.fault, "zstd that needs a window of more than 128 MiB after 0 bytes");
    bytes_clear(&outcome.text);
}

/* Writes frames without content size, and a seek table whose text sizes are off by `lie`. */
static void write_seekable(const struct bytes *text, int lie)
{
    struct bytes packed = {0}, table = {0}, part = {0};
    unsigned frames = 0;
    for (size_t at = 0; at < text->count; at += 50000, frames++) {
        size_t count = text->count - at < 50000 ? text->count - at : 50000;
        scratch_write("part", text->at + at, count);
        scratch_run("zstd -qc < part > part.zst");
        scratch_read("part.zst", &part);
        bytes_add(&packed, part.at, part.count);
        uint32_t entry[2] = {(uint32_t)part.count, (uint32_t)((int)count + lie)};
        bytes_add(&table, entry, sizeof entry);
    }
    uint32_t head[2] = {0x184d2a5e, (uint32_t)table.count + 9}, foot[2] = {frames, 0x8f92eab1};
    bytes_add(&packed, head, sizeof head);
    bytes_add(&packed, table.at, table.count);
    bytes_add(&packed, &foot[0], 4);
    bytes_add(&packed, "\0", 1);
    bytes_add(&packed, &foot[1], 4);
    scratch_write("seekable.zst", packed.at, packed.count);
    bytes_clear(&packed);
    bytes_clear(&table);
    bytes_clear(&part);
}

static void test_a_seek_table_tells_where_frames_begin(void **state)
{
    (void)state;
    struct error err = {0};
    struct bytes text = make_log(10000);
    for (int lie = 0; lie < 2; lie++) {
        write_seekable(&text, lie);
        struct archive archive = scratch_find("seekable.zst");
        struct archive_piece *pieces;
        struct bytes all = {0};
        size_t count = 0, faults = 0;
        assert_int_equal(archive_pieces(&archive, NULL, NULL, 1, &pieces, &count, &err), STATUS_OK);
        assert_true(count > 2);
        for (size_t i = 0; i < count; i++) {
            struct stream *stream;
            const char *lines;
            size_t bytes;
            int64_t offset;
            assert_int_equal(piece_open(&archive, &pieces[i], 1000, &stream, &err), STATUS_OK);
            for (;;) {
                assert_int_equal(stream_next(stream, &lines, &bytes, &offset, &err), STATUS_OK);
                if (!lines)
                    break;
                bytes_add(&all, lines, bytes);
            }
            faults += stream_fault(stream) != NULL;
            stream_close(stream);
        }
        if (lie) {
            assert_true(faults > 0);
        } else {
            assert_int_equal(faults, 0);
            assert_int_equal(all.count, text.count);
            assert_memory_equal(all.at, text.at, text.count);
        }
        bytes_clear(&all);
        free(pieces);
        archive_clear(&archive);
    }
    bytes_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bomb_takes_no_more_memory_than_a_line),
        cmocka_unit_test(test_a_file_is_known_by_its_bytes_and_read_whole),
        cmocka_unit_test(test_a_cut_file_gives_what_comes_before_the_cut),
        cmocka_unit_test(test_garbage_behind_the_end_is_told_after_all_lines),
        cmocka_unit_test(test_a_damaged_file_never_passes_for_whole),
        cmocka_unit_test(test_a_bgzf_block_that_lies_about_its_size_is_told),
        cmocka_unit_test(test_a_window_that_would_fill_the_memory_is_refused),
        cmocka_unit_test(test_a_seek_table_tells_where_frames_begin),
    };
    return cmocka_run_group_tests_name("compressed", tests, scratch_enter, scratch_leave);
}
