/* Every line of a file is read exactly once, however the file is cut. */
#include "scratch.h"

#include <stdbool.h>

/* A small generator (Vigna, splitmix64): tests must not change from run to run. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A line's bytes: some of them NUL, CR or not ASCII, none a line feed. */
static void add_line(struct bytes *text, uint64_t *random, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint64_t draw = next_random(random);
        uint8_t c = (uint8_t)(' ' + (draw >> 8) % 95);
        if (draw % 20 == 0)
            c = draw % 40 == 0 ? 0 : (uint8_t)(0x80 + (draw >> 8) % 128);
        if (i + 1 == length && draw % 3 == 0)
            c = '\r';
        bytes_add(text, &c, 1);
    }
    bytes_add(text, "\n", 1);
}

/* Lines of the file, found the slow way, but for those that are too long. */
struct slow_lines {
    struct bytes kept;
    int64_t long_lines;
};

static struct slow_lines read_slowly(const struct bytes *text)
{
    struct slow_lines slow = {0};
    for (size_t from = 0; from < text->count;) {
        size_t to = from;
        while (to < text->count && text->at[to] != '\n')
            to++;
        if (to - from > LINE_MOST)
            slow.long_lines++;
        else
            bytes_add(&slow.kept, text->at + from, to - from + (to < text->count));
        from = to + 1;
    }
    return slow;
}

/* What stands before the line at `at`, found the slow way; false when there is none or it is too long. */
static bool previous_slowly(const struct bytes *text, size_t at, size_t *from)
{
    if (at == 0)
        return false;
    size_t start = at - 1;
    while (start > 0 && text->at[start - 1] != '\n')
        start--;
    *from = start;
    return at - 1 - start <= LINE_MOST;
}

static size_t end_of(const struct bytes *text, const struct archive_piece *piece)
{
    return piece->to < 0 ? text->count : (size_t)piece->to;
}

/* The first line that starts in the piece, the slow way; to the piece's end when there is none. */
static size_t first_slowly(const struct bytes *text, const struct archive_piece *piece)
{
    size_t at = (size_t)piece->from;
    while (at > 0 && at < end_of(text, piece) && text->at[at - 1] != '\n')
        at++;
    return at;
}

static void check_previous(struct stream *stream, const struct bytes *text, const struct archive_piece *piece)
{
    const char *line;
    size_t count, from = 0;
    stream_previous(stream, &line, &count);
    size_t first = first_slowly(text, piece);
    if (first >= end_of(text, piece) || !previous_slowly(text, first, &from)) {
        assert_null(line);
        assert_int_equal(count, 0);
        return;
    }
    assert_non_null(line);
    assert_int_equal(count, first - 1 - from);
    assert_memory_equal(line, text->at + from, count);
}

/* Reads one piece into `all`; each block must be what the file holds at its offset. */
static int64_t read_piece(const struct archive *archive, const struct archive_piece *piece,
                          size_t buffer_bytes, const struct bytes *text, struct bytes *all)
{
    struct error err = {0};
    struct stream *stream;
    assert_int_equal(piece_open(archive, piece, buffer_bytes, &stream, &err), STATUS_OK);
    check_previous(stream, text, piece);
    for (;;) {
        const char *lines;
        size_t count;
        int64_t offset;
        assert_int_equal(stream_next(stream, &lines, &count, &offset, &err), STATUS_OK);
        assert_int_equal(lines == NULL, count == 0);
        if (!lines)
            break;
        assert_true((size_t)offset + count <= text->count);
        assert_memory_equal(lines, text->at + offset, count);
        assert_true(offset == 0 || text->at[offset - 1] == '\n');
        assert_true(lines[count - 1] == '\n' || (size_t)offset + count == text->count);
        bytes_add(all, lines, count);
    }
    check_previous(stream, text, piece);
    assert_null(stream_fault(stream));
    int64_t long_lines = stream_long_lines(stream);
    stream_close(stream);
    return long_lines;
}

static size_t check_cut_of(const char *path, const struct bytes *text, int64_t piece_bytes,
                           size_t buffer_bytes)
{
    struct error err = {0};
    struct archive archive = scratch_find(path);
    archive.decodes_ahead = buffer_bytes > 100;
    struct archive_piece *pieces;
    size_t count;
    struct bytes all = {0};
    int64_t long_lines = 0;
    assert_int_equal(archive_pieces(&archive, NULL, NULL, piece_bytes, &pieces, &count, &err), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        long_lines += read_piece(&archive, &pieces[i], buffer_bytes, text, &all);
    struct slow_lines slow = read_slowly(text);
    assert_int_equal(all.count, slow.kept.count);
    assert_memory_equal(all.at, slow.kept.at, all.count);
    assert_int_equal(long_lines, slow.long_lines);
    bytes_clear(&slow.kept);
    bytes_clear(&all);
    free(pieces);
    archive_clear(&archive);
    return count;
}

static void check_cut(const struct bytes *text, int64_t piece_bytes, size_t buffer_bytes)
{
    size_t count = check_cut_of("log", text, piece_bytes, buffer_bytes);
    assert_int_equal(count, (text->count - 1) / (size_t)piece_bytes + 1);
}

static void test_each_line_is_read_once_for_any_piece_and_buffer(void **state)
{
    (void)state;
    static const int64_t piece_sizes[] = {1, 2, 3, 7, 64, 200, 1000, 1 << 20};
    static const size_t buffer_sizes[] = {1, 2, 5, 60, 64, 1000};
    uint64_t random = 1;
    for (int round = 0; round < 12; round++) {
        struct bytes text = {0};
        bytes_add(&text, "x", 1);  // no empty file: that one is not opened at all
        while (text.count < 600)
            add_line(&text, &random, next_random(&random) % 3 == 0 ? 0 : next_random(&random) % 90);
        if (round % 2 == 1)
            text.count -= 1 + (size_t)(next_random(&random) % 40);  // most likely inside a line
        scratch_write("log", text.at, text.count);
        for (size_t i = 0; i < sizeof piece_sizes / sizeof piece_sizes[0]; i++)
            for (size_t j = 0; j < sizeof buffer_sizes / sizeof buffer_sizes[0]; j++)
                check_cut(&text, piece_sizes[i], buffer_sizes[j]);
        bytes_clear(&text);
    }
}

/* Of what can be decoded in parts, parts are pieces; each is read alone here, by a decoder that has seen
 * nothing of the rest. */
static void test_compressed_files_are_cut_where_they_can_be_decoded(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "bgzip -c log > packed", "split -b 30000 log part. && zstd -q --rm part.* && cat part.*.zst > packed",
        // What follows the blocks is gzip without sizes, and belongs to the last piece.
        "head -c 300000 log | bgzip -c > packed; tail -c +300001 log | gzip -c >> packed"};
    static const int64_t piece_sizes[] = {1, 70000, 300000, 1 << 24};
    static const size_t buffer_sizes[] = {7, 1 << 20};
    uint64_t random = 5;
    struct bytes text = {0};
    while (text.count < 600000) {
        size_t draw = next_random(&random) % 600;
        add_line(&text, &random,
                 draw == 0   ? LINE_MOST + 1
                 : draw == 1 ? LINE_MOST
                 : draw == 2 ? 200000
                             : draw % 200);
    }
    scratch_write("log", text.at, text.count);
    for (size_t c = 0; c < sizeof commands / sizeof commands[0]; c++) {
        scratch_run(commands[c]);
        for (size_t i = 0; i < sizeof piece_sizes / sizeof piece_sizes[0]; i++)
            for (size_t j = 0; j < sizeof buffer_sizes / sizeof buffer_sizes[0]; j++) {
                size_t count = check_cut_of("packed", &text, piece_sizes[i], buffer_sizes[j]);
                assert_true(piece_sizes[i] == 1 << 24 ? count == 1 : piece_sizes[i] > 100000 || count > 1);
            }
        scratch_run("rm -f part.*");
    }
    bytes_clear(&text);
}

static void test_a_part_of_a_file_is_cut_alone(void **state)
{
    (void)state;
    struct error err = {0};
    struct bytes text = {0};
    uint64_t random = 6;
    while (text.count < 700000)
        add_line(&text, &random, next_random(&random) % 200);
    scratch_write("log", text.at, text.count);
    scratch_run("bgzip -c log > log.bgz; gzip -c log > log.gz; zstd -qc log > log.zst; xz -0c log > log.xz");
    static const char *const names[] = {"log", "log.bgz", "log.gz", "log.zst", "log.xz"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct archive archive = scratch_find(names[n]);
        for (int round = 0; round < 6; round++) {
            struct archive_piece *pieces;
            struct bytes all = {0};
            size_t count, from = next_random(&random) % text.count, to = next_random(&random) % text.count;
            while (from > 0 && text.at[from - 1] != '\n')
                from--;
            while (to > 0 && text.at[to - 1] != '\n')
                to--;
            archive.files[0].from = (int64_t)from;
            archive.files[0].to = round % 2 ? 0 : (int64_t)to;
            assert_int_equal(archive_pieces(&archive, NULL, NULL, 20000, &pieces, &count, &err), STATUS_OK);
            for (size_t i = 0; i < count; i++)
                (void)read_piece(&archive, &pieces[i], 3000, &text, &all);
            size_t end = round % 2 || to == 0 ? text.count : to;
            assert_int_equal(all.count, end > from ? end - from : 0);
            if (all.count > 0)
                assert_memory_equal(all.at, text.at + from, all.count);
            bytes_clear(&all);
            free(pieces);
        }
        archive_clear(&archive);
    }
    bytes_clear(&text);
}

static void test_lines_around_the_longest_are_kept_or_counted(void **state)
{
    (void)state;
    static const size_t lengths[] = {
        LINE_MOST - 1, 3, LINE_MOST, 0, LINE_MOST + 1, 9, (size_t)3 * LINE_MOST, LINE_MOST, 100000, 5,
        1023,          7, 1024,      8, 1025,          2};
    static const int64_t piece_sizes[] = {LINE_MOST / 2, 30011, LINE_MOST + 1, 1 << 20};
    static const size_t buffer_sizes[] = {1, LINE_MOST, LINE_MOST + 1, LINE_MOST + 2, 1 << 20};
    uint64_t random = 2;
    struct bytes text = {0};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        add_line(&text, &random, lengths[i]);
    for (int round = 0; round < 2; round++) {
        scratch_write("log", text.at, text.count);
        for (size_t i = 0; i < sizeof piece_sizes / sizeof piece_sizes[0]; i++)
            for (size_t j = 0; j < sizeof buffer_sizes / sizeof buffer_sizes[0]; j++)
                check_cut(&text, piece_sizes[i], buffer_sizes[j]);
        // The second time the file ends with a line that is too long and has no line feed.
        add_line(&text, &random, LINE_MOST + 1);
        text.count--;
    }
    bytes_clear(&text);
}

static void test_a_file_without_line_feeds_is_one_line(void **state)
{
    (void)state;
    struct bytes text = {0};
    bytes_add(&text, "no line feed anywhere", 21);
    scratch_write("log", text.at, text.count);
    for (int64_t piece = 1; piece < 30; piece++)
        check_cut(&text, piece, 4);
    bytes_clear(&text);
}

static void test_a_file_that_shrinks_or_goes_is_a_fault_of_its_stream(void **state)
{
    (void)state;
    struct error err = {0};
    scratch_write("log", "one\ntwo\nthree\n", 14);
    struct archive archive = scratch_find("log");
    struct archive_piece whole = {.file = 0, .from = 0, .to = 14};
    struct stream *stream;
    const char *lines;
    size_t count;
    int64_t offset;
    assert_int_equal(truncate("log", 6), 0);
    assert_int_equal(piece_open(&archive, &whole, 100, &stream, &err), STATUS_OK);
    assert_int_equal(stream_next(stream, &lines, &count, &offset, &err), STATUS_OK);
    assert_int_equal(count, 4);
    assert_int_equal(stream_next(stream, &lines, &count, &offset, &err), STATUS_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(lines, "tw", 2);
    assert_int_equal(stream_next(stream, &lines, &count, &offset, &err), STATUS_OK);
    assert_null(lines);
    assert_string_equal(stream_fault(stream), "shrank below the 14 bytes it had");
    stream_close(stream);
    assert_int_equal(unlink("log"), 0);
    assert_int_equal(piece_open(&archive, &whole, 100, &stream, &err), STATUS_OK);
    assert_int_equal(stream_next(stream, &lines, &count, &offset, &err), STATUS_OK);
    assert_null(lines);
    assert_string_equal(stream_fault(stream), "cannot be read: No such file or directory");
    stream_close(stream);
    scratch_run("mkfifo log");
    assert_int_equal(piece_open(&archive, &whole, 100, &stream, &err), STATUS_OK);
    assert_string_equal(stream_fault(stream), "is another file than the one that was found");
    stream_close(stream);
    archive_clear(&archive);
    assert_int_equal(unlink("log"), 0);
}

static void test_what_a_log_grows_by_is_not_read(void **state)
{
    (void)state;
    struct error err = {0};
    scratch_write("log", "one\ntw", 6);
    struct archive archive = scratch_find("log");
    scratch_run("printf 'o\\nthree\\n' >> log");
    struct bytes text = {0}, all = {0};
    bytes_add(&text, "one\ntw", 6);
    assert_int_equal(read_piece(&archive, &(struct archive_piece){.to = 6}, 100, &text, &all), 0);
    assert_int_equal(all.count, 6);
    char head[4], line[10];
    size_t count;
    assert_int_equal(archive_sniff(&archive, 0, head, sizeof head, &count, &err), STATUS_OK);
    assert_int_equal(count, 4);
    assert_memory_equal(head, "one\n", 4);
    assert_int_equal(archive_last_line(&archive, 0, line, sizeof line, &count, &err), STATUS_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(line, "one", 3);
    assert_int_equal(archive_last_line(&archive, 0, line, 2, &count, &err), STATUS_OK);
    assert_int_equal(count, 0);
    bytes_clear(&text);
    bytes_clear(&all);
    archive_clear(&archive);
}

static void test_a_last_line_that_starts_before_the_last_64_kib_is_none(void **state)
{
    (void)state;
    struct error err = {0};
    uint64_t random = 3;
    size_t room = (size_t)2 * ARCHIVE_END_BYTES, count;
    char *line = malloc(room);
    assert_non_null(line);
    for (int over = 0; over < 2; over++) {
        struct bytes text = {0};
        add_line(&text, &random, 10);
        // Its line feed, and the one before it, fill the 64 KiB.
        size_t length = (size_t)ARCHIVE_END_BYTES - 2 + (size_t)over;
        add_line(&text, &random, length);
        scratch_write("log", text.at, text.count);
        struct archive archive = scratch_find("log");
        assert_int_equal(archive_last_line(&archive, 0, line, room, &count, &err), STATUS_OK);
        assert_int_equal(count, over ? 0 : length);
        archive_clear(&archive);
        bytes_clear(&text);
    }
    free(line);
}

static void test_files_are_cut_as_the_flags_say(void **state)
{
    (void)state;
    struct error err = {0};
    struct archive_file files[] = {
        {.bytes = 10}, {.bytes = 4}, {.bytes = 7, .compression = COMPRESSION_GZIP}, {.bytes = 9}};
    struct archive archive = {.files = files, .file_count = 4};
    bool wanted[] = {true, false, true, true}, whole[] = {false, false, false, true};
    static const struct archive_piece expected[] = {{0, 0, 4, 4, 0, 0, 0, 0},
                                                    {0, 4, 8, 4, 0, 0, 0, 0},
                                                    {0, 8, 10, 2, 0, 0, 0, 0},
                                                    {2, 0, -1, 66, 0, 0, 0, 0},
                                                    {3, 0, 9, 9, 0, 0, 0, 0}};
    struct archive_piece *pieces;
    size_t count;
    assert_int_equal(archive_pieces(&archive, wanted, whole, 4, &pieces, &count, &err), STATUS_OK);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pieces[i].file, expected[i].file);
        assert_int_equal(pieces[i].from, expected[i].from);
        assert_int_equal(pieces[i].to, expected[i].to);
        assert_int_equal(pieces[i].work, expected[i].work);
    }
    free(pieces);
}

static int64_t work_of(const struct archive_piece *pieces, size_t first, size_t end)
{
    int64_t work = 0;
    for (size_t i = first; i < end; i++)
        work += pieces[i].work;
    return work;
}

static void test_runs_join_up_and_none_exceeds_the_mean_by_more_than_a_piece(void **state)
{
    (void)state;
    uint64_t random = 4;
    struct archive_piece pieces[40];
    for (int round = 0; round < 200; round++) {
        size_t count = next_random(&random) % 41, at = 0;
        int ranks = 1 + (int)(next_random(&random) % 9);
        int64_t largest = 0;
        for (size_t i = 0; i < count; i++) {
            pieces[i] = (struct archive_piece){.work = (int64_t)(next_random(&random) % 1000)};
            largest = pieces[i].work > largest ? pieces[i].work : largest;
        }
        int64_t total = work_of(pieces, 0, count);
        for (int rank = 0; rank < ranks; rank++) {
            size_t first, end;
            archive_deal(pieces, count, ranks, rank, &first, &end);
            assert_true(first <= end);
            if (first < end)
                assert_int_equal(first, at);
            at = first < end ? end : at;
            assert_true((work_of(pieces, first, end) - largest) * ranks <= total);
        }
        assert_int_equal(at, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_line_is_read_once_for_any_piece_and_buffer),
        cmocka_unit_test(test_compressed_files_are_cut_where_they_can_be_decoded),
        cmocka_unit_test(test_a_part_of_a_file_is_cut_alone),
        cmocka_unit_test(test_lines_around_the_longest_are_kept_or_counted),
        cmocka_unit_test(test_a_file_without_line_feeds_is_one_line),
        cmocka_unit_test(test_a_file_that_shrinks_or_goes_is_a_fault_of_its_stream),
        cmocka_unit_test(test_what_a_log_grows_by_is_not_read),
        cmocka_unit_test(test_a_last_line_that_starts_before_the_last_64_kib_is_none),
        cmocka_unit_test(test_files_are_cut_as_the_flags_say),
        cmocka_unit_test(test_runs_join_up_and_none_exceeds_the_mean_by_more_than_a_piece),
    };
    return cmocka_run_group_tests_name("pieces", tests, scratch_enter, scratch_leave);
}
