/* Files that are cut off or have other bytes: a status or the same values, and no crash. */
#include "base/random.h"
#include "example.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The whole file, its digest, and a path to write damaged ones to. */
struct whole {
    char path[64];
    char digest[33];
    unsigned char *bytes;
    size_t count;
};

static void bytes_write(const char *path, const unsigned char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static int whole_make(void **state)
{
    struct whole *whole = calloc(1, sizeof *whole);
    struct error err = {0};
    *state = whole;
    if (!whole)
        return -1;
    (void)snprintf(whole->path, sizeof whole->path, "/tmp/test_store_damage.%ld.h5", (long)getpid());
    if (example_write_local(whole->path, &err) != STATUS_OK ||
        store_digest(whole->path, NULL, whole->digest, &err) != STATUS_OK)
        return -1;
    FILE *file = fopen(whole->path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return -1;
    whole->count = (size_t)ftell(file);
    whole->bytes = malloc(whole->count);
    rewind(file);
    bool read = whole->bytes && fread(whole->bytes, 1, whole->count, file) == whole->count;
    (void)fclose(file);
    return read ? 0 : -1;
}

static int whole_free(void **state)
{
    struct whole *whole = *state;
    (void)unlink(whole->path);
    free(whole->bytes);
    free(whole);
    return store_open_handles() == 0 ? 0 : -1;
}

/* Reads everything: true when it was refused, false when the content is that of the whole file. */
static bool is_refused(const struct whole *whole)
{
    struct error err = {0};
    char digest[33];
    enum status status = store_digest(whole->path, NULL, digest, &err);
    assert_int_equal(store_open_handles(), 0);
    if (status == STATUS_OK)
        assert_string_equal(digest, whole->digest);
    else
        assert_int_equal(status, STATUS_CORRUPT);
    if (status != STATUS_OK)
        assert_string_equal(err.where, whole->path);
    return status != STATUS_OK;
}

static void test_a_file_cut_off_anywhere_is_refused(void **state)
{
    struct whole *whole = *state;
    for (uint64_t i = 0; i < 30; i++) {
        // Half of them among the first and the last 100 bytes, with superblock and checksum.
        size_t at = random_u64(1, RANDOM_DEAL, 0, i) % whole->count;
        if (i % 4 == 1)
            at %= 100;
        if (i % 4 == 3)
            at = whole->count - 50 - at % 100;
        bytes_write(whole->path, whole->bytes, at);
        assert_true(is_refused(whole));
    }
}

static void test_a_file_without_its_checksum_is_still_read(void **state)
{
    struct whole *whole = *state;
    for (size_t cut = 1; cut <= 49; cut += 12) {
        bytes_write(whole->path, whole->bytes, whole->count - cut);
        assert_false(is_refused(whole));
    }
}

static void test_a_changed_byte_is_refused_anywhere(void **state)
{
    struct whole *whole = *state;
    int refused = 0;
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t draw = random_u64(2, RANDOM_DEAL, 0, i);
        // A quarter in the first 4 KiB, which is metadata.
        size_t at = (draw >> 8) % (i % 4 == 0 ? 4096 : whole->count - 49);
        unsigned char before = whole->bytes[at];
        whole->bytes[at] ^= (unsigned char)(draw | 1);
        bytes_write(whole->path, whole->bytes, whole->count);
        whole->bytes[at] = before;
        refused += is_refused(whole);
    }
    assert_int_equal(refused, 200);
}

/* Eight MB of hashes, which do not deflate: the middle half of the file is chunks and nothing else. */
enum { HASHES = 1000000 };

static const struct store_column HASH_COLUMN = {.name = "hash", .type = STORE_U64, .dimensions = {"hash_n"}};

static enum status hashes_write(const char *path, const uint64_t *hashes, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    TRY(store_create_local(path, &writer, err));
    TRY(store_dimension(writer, "hash_n", HASHES, err));
    TRY(store_put_local(writer, &HASH_COLUMN, hashes, err));
    struct store_writer *finished = writer;
    writer = NULL;
    TRY(store_finish_local(finished, err));
done:
    store_abandon_local(writer);
    return status;
}

static off_t file_bytes(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

/* Flips a bit at `at`, and says what the reader makes of it. */
static enum status hashes_read(const char *path, long at, uint64_t *hashes, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x10, file), byte ^ 0x10);
    assert_int_equal(fclose(file), 0);
    TRY(store_open_local(path, &reader, err));
    TRY(store_get(reader, &HASH_COLUMN, 0, HASHES, hashes, err));
done:
    store_close(reader);
    return status;
}

/* As when another program has changed the file: deflate's own checksum is left to tell. */
static void test_changed_values_are_refused_without_the_checksum_too(void **state)
{
    const struct whole *whole = *state;
    struct error err = {0};
    uint64_t *hashes = calloc(HASHES, sizeof *hashes);
    assert_non_null(hashes);
    for (size_t i = 0; i < HASHES; i++)
        hashes[i] = random_u64(3, RANDOM_DEAL, 0, i);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(hashes_write(whole->path, hashes, &err), STATUS_OK);
        long bytes = (long)HASHES * 8, at = bytes / 4 + bytes / 16 * i;
        assert_int_equal(truncate(whole->path, file_bytes(whole->path) - 49), 0);
        assert_int_equal(hashes_read(whole->path, at, hashes, &err), STATUS_CORRUPT);
        assert_non_null(strstr(err.what, "hash: its values cannot be read"));
        for (size_t h = 0; h < HASHES; h++)
            hashes[h] = random_u64(3, RANDOM_DEAL, 0, h);
    }
    free(hashes);
}

int main(void)
{
#define ON_WHOLE(test) cmocka_unit_test_setup_teardown(test, whole_make, whole_free)
    const struct CMUnitTest tests[] = {
        ON_WHOLE(test_a_file_cut_off_anywhere_is_refused),
        ON_WHOLE(test_a_file_without_its_checksum_is_still_read),
        ON_WHOLE(test_a_changed_byte_is_refused_anywhere),
        ON_WHOLE(test_changed_values_are_refused_without_the_checksum_too),
    };
    return cmocka_run_group_tests_name("store damage", tests, NULL, NULL);
}
