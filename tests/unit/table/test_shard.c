/* Files of the store: what is written is read again, and what is damaged or made to deceive is refused by
 * name. */
#include "shard.h"
#include "stored.h"

#define DAY 19024
#define DAY_S ((int64_t)DAY * 86400)

struct scene {
    struct team *team;
    struct asking asking;
    char dir[64], path[128];
    struct day_table table;  // of one day
};

static const char *const IPS[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.7.4", "fd00::5", "fd00::6"};

static size_t some_asks(struct ask *asks)
{
    static const char *const NAMES[] = {"a.com",     "WWW.a.com", "b.co.jp",
                                        "x.b.co.jp", "c.example", "d.example"};
    static const char *const TYPES[] = {"A", "AAAA", "TXT", "NULL", "SRV"};
    uint64_t state = 5;
    for (size_t i = 0; i < 150; i++)
        asks[i] = (struct ask){DAY_S * 1000 + (int64_t)(dice(&state) % 86400000),
                               IPS[dice(&state) % 6],
                               NAMES[dice(&state) % 6],
                               TYPES[dice(&state) % 5],
                               NULL,
                               dice(&state) % 2 ? "10.0.0.53" : "10.0.0.54"};
    return 150;
}

static int scene_begin(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct ask *asks = calloc(150, sizeof *asks);
    *state = scene;
    if (!scene || !asks)
        abort();
    scene->team = team_alone();
    asking_begin(&scene->asking, "UTC");
    stored_begin(scene->team, scene->dir);
    (void)snprintf(scene->path, sizeof scene->path, "%s/2022-02-01.h5", scene->dir);
    asking_table(&scene->asking, asks, some_asks(asks), DAY, &scene->table);
    free(asks);
    return 0;
}

static int scene_end(void **state)
{
    struct scene *scene = *state;
    day_table_clear(&scene->table);
    stored_end(scene->team, scene->dir);
    asking_end(&scene->asking);
    team_free(scene->team);
    free(scene);
    return store_open_handles() == 0 ? 0 : -1;
}

/* ---- what is written is read ---- */

static void test_a_shard_is_read_as_it_was_written(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct day_table read = {0};
    char *settings = NULL;
    uint64_t *inputs = NULL;
    size_t count = 0;
    int64_t rows = 0;
    const struct store_day day = {DAY, 1};
    stored_write(scene->dir, &scene->table, 1);
    asking_check(day_read(scene->dir, &day, &read, &err), &err);
    tables_compare(&scene->table, &read);
    day_table_clear(&read);
    asking_check(shard_origin_read(scene->dir, &day, &settings, &inputs, &count, &err), &err);
    assert_string_equal(settings, STORED_SETTINGS);
    assert_int_equal(count, 3);
    assert_int_equal(inputs[2], 333);
    free(settings);
    free(inputs);
    asking_check(day_row_count(scene->dir, &day, &rows, &err), &err);
    assert_int_equal(rows, scene->table.size[DAY_row]);
}

static void test_parts_of_a_day_merge_to_the_day(void **state)
{
    struct scene *scene = *state;
    struct ask *asks = calloc(150, sizeof *asks);
    size_t count = some_asks(asks);
    char whole[33];
    struct error err = {0};
    stored_days(&scene->asking, scene->dir, asks, count, 1);
    asking_check(store_dir_digest(scene->dir, whole, &err), &err);
    for (int parts = 4; parts <= 16; parts *= 4) {
        char hex[33];
        struct day_table read = {0};
        uint64_t *hashes = NULL;
        size_t hash_count = 0;
        const struct store_day day = {DAY, parts};
        stored_days(&scene->asking, scene->dir, asks, count, parts);
        asking_check(day_read(scene->dir, &day, &read, &err), &err);
        tables_compare(&scene->table, &read);
        asking_check(store_dir_digest(scene->dir, hex, &err), &err);
        assert_string_equal(hex, whole);
        asking_check(day_read_domains(scene->dir, &day, &hashes, &hash_count, &err), &err);
        assert_int_equal(hash_count, read.size[DAY_domain]);
        assert_memory_equal(hashes, read.domain_hash, hash_count * sizeof *hashes);
        free(hashes);
        day_table_clear(&read);
    }
    free(asks);
}

static void touch(const char *dir, const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void test_only_whole_days_are_listed_and_other_names_are_not_days(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct store_day *days = NULL;
    size_t count = 0;
    char path[200];
    static const char *const NAMES[] = {"2022-02-30.h5",     "2022-13-01.h5",   "2022-2-1.h5",
                                        "2022-02-03.h5~",    "2022-02-03.1.h5", "x.h5",
                                        "2022-02-03.257.h5", "2022-02-03..h5",  "022022-02-03.h5"};
    const struct ask asks[] = {
        {DAY_S * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},
        {(DAY_S + 86400) * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        touch(scene->dir, NAMES[i]);
    stored_days(&scene->asking, scene->dir, asks, 1, 1);
    stored_days(&scene->asking, scene->dir, asks + 1, 1, 4);
    asking_check(store_days(scene->dir, &days, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(days[0].day, DAY);
    assert_int_equal(days[0].parts, 1);
    assert_int_equal(days[1].day, DAY + 1);
    assert_int_equal(days[1].parts, 4);
    free(days);
    (void)snprintf(path, sizeof path, "%s/2022-02-02.02.h5", scene->dir);
    assert_int_equal(unlink(path), 0);
    asking_check(store_days(scene->dir, &days, &count, &err), &err);
    assert_int_equal(count, 1);
    free(days);
    asking_check(store_days("/tmp/there/is/no/such/store", &days, &count, &err), &err);
    assert_int_equal(count, 0);
}

static void test_a_day_of_the_year_10000_is_a_day(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct store_day *days = NULL;
    size_t count = 0;
    struct asking tokyo;
    asking_begin(&tokyo, "Asia/Tokyo");
    const struct ask ask = {INT64_C(253402300799999), "10.0.0.1", "a.com", "A", NULL, NULL};
    stored_days(&tokyo, scene->dir, &ask, 1, 1);
    asking_check(store_days(scene->dir, &days, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(days[0].day, 2932897);
    free(days);
    asking_end(&tokyo);
}

static void test_another_number_of_parts_leaves_no_old_file(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct store_day *days = NULL;
    size_t count = 0;
    const struct ask ask = {DAY_S * 1000, "10.0.0.1", "a.com", "A", NULL, NULL};
    static const int CUTS[] = {1, 4, 2, 1};
    for (size_t i = 0; i < sizeof CUTS / sizeof CUTS[0]; i++) {
        int files = 0;
        stored_days(&scene->asking, scene->dir, &ask, 1, CUTS[i]);
        DIR *folder = opendir(scene->dir);
        for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
            files += entry->d_name[0] != '.';
        (void)closedir(folder);
        assert_int_equal(files, CUTS[i]);
        asking_check(store_days(scene->dir, &days, &count, &err), &err);
        assert_int_equal(count, 1);
        assert_int_equal(days[0].parts, CUTS[i]);
        free(days);
    }
}

/* ---- what is damaged ---- */

static enum status day_try(struct scene *scene, struct error *err)
{
    struct day_table read = {0};
    enum status status = day_read(scene->dir, &(struct store_day){DAY, 1}, &read, err);
    for (int c = 0; status != STATUS_OK && c < DAY_COLUMNS; c++)
        assert_null(*day_column_array(&read, (enum day_column)c));
    day_table_clear(&read);
    return status;
}

static void test_a_shard_cut_off_anywhere_is_refused_with_its_path(void **state)
{
    struct scene *scene = *state;
    struct stat there;
    stored_write(scene->dir, &scene->table, 1);
    assert_int_equal(stat(scene->path, &there), 0);
    for (int64_t cut = 39; cut >= 0; cut--) {
        struct error err = {0};
        assert_int_equal(truncate(scene->path, there.st_size * cut / 40), 0);
        assert_int_equal(day_try(scene, &err), STATUS_CORRUPT);
        assert_string_equal(err.where, scene->path);
    }
}

static void refused(struct scene *scene, const char *what)
{
    struct error err = {0};
    stored_write(scene->dir, &scene->table, 1);
    enum status status = day_try(scene, &err);
    if (status != STATUS_CORRUPT || strcmp(err.what, what) != 0)
        fail_msg("status %d: %s", (int)status, err.what);
    assert_string_equal(err.where, scene->path);
    assert_string_equal(err.hint, "remove the file, and run extract again");
}

#define OFFSETS "its offsets or indices point outside their tables"
#define COUNTS "it has counts or times that no log gives"

/* Writes one wrong value, expects the file to be refused, and puts the right one back. */
#define REFUSED(scene, column, at, wrong, what)                                                              \
    do {                                                                                                     \
        const __typeof__((scene)->table.column[0]) right = (scene)->table.column[at];                        \
        (scene)->table.column[at] = (wrong);                                                                 \
        refused((scene), (what));                                                                            \
        (scene)->table.column[at] = right;                                                                   \
    } while (0)

static void test_offsets_and_indices_that_point_outside_are_refused(void **state)
{
    struct scene *scene = *state;
    REFUSED(scene, asked_name, 0, (uint32_t)scene->table.size[DAY_name], OFFSETS);
    REFUSED(scene, name_domain, 0, UINT32_MAX, OFFSETS);
    REFUSED(scene, pair_domain, 0, (uint32_t)scene->table.size[DAY_domain], OFFSETS);
    REFUSED(scene, name_text_end, 0, INT64_MAX, OFFSETS);
    REFUSED(scene, name_text_end, 0, -1, OFFSETS);
    REFUSED(scene, domain_text_end, 1, 0, OFFSETS);
    REFUSED(scene, domain_client_end, 0, 10000, OFFSETS);
    REFUSED(scene, pair_type_end, 0, 10000, OFFSETS);
    REFUSED(scene, pair_second_end, 0, INT64_MIN, OFFSETS);
    REFUSED(scene, source_text_end, 0, 1000, OFFSETS);
    struct error err = {0};
    stored_write(scene->dir, &scene->table, 1);
    asking_check(day_try(scene, &err), &err);
}

static void test_counts_that_no_log_gives_are_refused(void **state)
{
    struct scene *scene = *state;
    REFUSED(scene, second_of_day, 0, UINT32_MAX, COUNTS);
    REFUSED(scene, pair_second_step, 0, UINT32_MAX, COUNTS);
    REFUSED(scene, row_queries, 0, 0, COUNTS);
    REFUSED(scene, row_queries, 0, INT64_MAX, COUNTS);
    REFUSED(scene, row_type_a, 0, -1, COUNTS);
    REFUSED(scene, row_type_other, 0, scene->table.row_queries[0] + 1, COUNTS);
    REFUSED(scene, row_domain_clog, 0, INT64_MIN, COUNTS);
    REFUSED(scene, row_window, 0, INT64_MAX, COUNTS);
    REFUSED(scene, asked_slot, 0, INT64_MIN, COUNTS);
    REFUSED(scene, pair_names, 0, INT64_MAX, COUNTS);
    REFUSED(scene, domain_queries, 0, INT64_MAX, COUNTS);
}

static void test_names_that_are_none_or_out_of_order_are_refused(void **state)
{
    struct scene *scene = *state;
    const struct day_table *table = &scene->table;
    const size_t last = (size_t)table->domain_text_end[table->size[DAY_domain] - 1] - 1;
    REFUSED(scene, name_text, 0, '.', "a name in it is none");
    REFUSED(scene, domain_text, last, '.', "a name in it is none");
    // Another first letter gives another hash, which falls behind that of the next name or before the one
    // before.
    bool told = false;
    for (char letter = 'a'; letter <= 'z' && !told; letter++) {
        struct error err = {0};
        const char right = scene->table.domain_text[last];
        scene->table.domain_text[last] = letter;
        stored_write(scene->dir, &scene->table, 1);
        told = day_try(scene, &err) == STATUS_CORRUPT &&
               strcmp(err.what, "its names are not in their order") == 0;
        scene->table.domain_text[last] = right;
    }
    assert_true(told);
}

static void test_a_file_under_another_days_name_is_refused(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct day_table read = {0};
    char path[200];
    stored_write(scene->dir, &scene->table, 1);
    (void)snprintf(path, sizeof path, "%s/2022-02-02.h5", scene->dir);
    assert_int_equal(rename(scene->path, path), 0);
    assert_int_equal(day_read(scene->dir, &(struct store_day){DAY + 1, 1}, &read, &err), STATUS_CORRUPT);
    assert_string_equal(err.where, path);
    assert_string_equal(err.what, "it is another day's, or another part, than its name says");
}

static void test_resolvers_in_a_later_part_are_refused(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct day_table read = {0};
    scene->table.part = 1;
    stored_write(scene->dir, &scene->table, 2);
    (void)snprintf(scene->path, sizeof scene->path, "%s/2022-02-01.01.h5", scene->dir);
    assert_int_equal(shard_read(scene->path, UINT32_MAX, &read, &err), STATUS_CORRUPT);
    assert_string_equal(err.what, "it has resolvers or files, which belong into the day's first part");
    scene->table.part = 0;
}

/* ---- what is made to deceive: whole files with a good checksum ---- */

struct craft {
    const char *dimension;  // gets `size` instead of its own
    size_t size;
    const char *left_out;  // this dimension, or variable, is not written
    int64_t version;
};

static void dimension_craft(struct store_writer *writer, const struct craft *craft, const char *name,
                            size_t size)
{
    struct error err = {0};
    bool changed = craft->dimension && strcmp(craft->dimension, name) == 0;
    if (!craft->left_out || strcmp(craft->left_out, name) != 0)
        asking_check(store_dimension(writer, name, changed ? craft->size : size, &err), &err);
}

/* A shard whose columns have the widths that its dimensions claim. */
static void shard_craft(const struct scene *scene, const struct craft *craft)
{
    struct error err = {0};
    struct store_writer *writer = NULL;
    const struct day_table *table = &scene->table;
    void *room = calloc(1, 4000000);
    assert_non_null(room);
    asking_check(store_create_local(scene->path, &writer, &err), &err);
    for (int d = 0; d < DAY_DIMENSIONS; d++)
        dimension_craft(writer, craft, day_dimension_name((enum day_dimension)d), table->size[d]);
    dimension_craft(writer, craft, "octet", 16);
    dimension_craft(writer, craft, "ip_character", IP_COLUMN_BYTES);
    dimension_craft(writer, craft, "unit", table->unit_count);
    dimension_craft(writer, craft, "line_kind", LINE_COUNTS);
    dimension_craft(writer, craft, "asker", 1);
    asking_check(store_attribute_i64(writer, NULL, "table_version", craft->version, &err), &err);
    asking_check(store_attribute_i64(writer, NULL, "day", table->day, &err), &err);
    asking_check(store_attribute_i64(writer, NULL, "day_start", table->start_s, &err), &err);
    asking_check(store_attribute_i64(writer, NULL, "part", 0, &err), &err);
    for (int c = 0; c < DAY_COLUMNS; c++) {
        struct store_column column = shard_store_column((enum day_column)c);
        if (!craft->left_out || strcmp(craft->left_out, column.name) != 0)
            asking_check(store_put_local(writer, &column, room, &err), &err);
    }
    struct store_column asker = {.name = "asker_hash", .type = STORE_U64, .dimensions = {"asker"}};
    asking_check(store_put_local(writer, &asker, room, &err), &err);
    asker = (struct store_column){.name = "client_asker", .type = STORE_U32, .dimensions = {"client"}};
    asking_check(store_put_local(writer, &asker, room, &err), &err);
    asking_check(store_finish_local(writer, &err), &err);
    free(room);
}

static void crafted(struct scene *scene, struct craft craft, enum status expected, const char *what)
{
    struct error err = {0};
    craft.version = craft.version ? craft.version : TABLE_VERSION;
    shard_craft(scene, &craft);
    enum status status = day_try(scene, &err);
    if (status != expected || strcmp(err.what, what) != 0)
        fail_msg("status %d: %s", (int)status, err.what);
    assert_string_equal(err.where, scene->path);
}

static void test_a_file_with_wider_rows_than_there_is_room_for_is_refused(void **state)
{
    struct scene *scene = *state;
    crafted(scene, (struct craft){.dimension = "octet", .size = 1000}, STATUS_CORRUPT,
            "octet: its size is 1000; expected 16");
    crafted(scene, (struct craft){.dimension = "ip_character", .size = 40}, STATUS_CORRUPT,
            "ip_character: its size is 40; expected 39");
    crafted(scene, (struct craft){.dimension = "line_kind", .size = 99}, STATUS_CORRUPT,
            "line_kind: its size is 99; expected 8");
    crafted(scene, (struct craft){.dimension = "unit", .size = 3601}, STATUS_CORRUPT,
            "its number of units is out of range");
}

static void test_a_file_without_a_column_or_of_another_version_is_refused(void **state)
{
    struct scene *scene = *state;
    crafted(scene, (struct craft){.left_out = "row_queries"}, STATUS_CORRUPT,
            "row_queries: the file has no such variable");
    crafted(scene, (struct craft){.version = 77}, STATUS_MISMATCH,
            "its tables have version 77, this quern has 2");
}

static void test_clients_that_are_not_there_are_refused(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct craft craft = {.dimension = "asker", .size = 0, .version = TABLE_VERSION};
    shard_craft(scene, &craft);
    assert_int_equal(day_try(scene, &err), STATUS_CORRUPT);
    assert_string_equal(err.what, OFFSETS);
}

/* ---- known.h5 ---- */

static struct known two_files(void)
{
    static struct file_day days[] = {{DAY, {1, 0, 3}}, {DAY + 1, {0, 2}}, {DAY + 5, {0}}};
    static struct known_file files[2];
    static char first[] = "/data/dns/queries.log", second[] = "/data/dns/q\xff\n.gz";
    files[0] = (struct known_file){.path = first,
                                   .bytes = 1000,
                                   .mtime_ms = 5,
                                   .device = -1,
                                   .inode = 7,
                                   .compression = 3,
                                   .text_bytes = 1001,
                                   .head_hash = -2,
                                   .tail_hash = 9,
                                   .id = 11,
                                   .same_as = 12,
                                   .first_ms = -3,
                                   .last_ms = 4,
                                   .source_hash = 10,
                                   .from_day = -1,
                                   .end_day = 2932898,
                                   .kinds = {1, 2, 3, 4},
                                   .log_bytes = 999,
                                   .days = days,
                                   .day_count = 2};
    files[1] =
        (struct known_file){.path = second, .bytes = 1, .fold_guessed = 3, .days = days + 2, .day_count = 1};
    return (struct known){.files = files, .count = 2, .capacity = 2};
}

static void test_known_files_are_read_as_they_were_written(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    struct known written = two_files(), read;
    asking_check(known_read(scene->dir, &read, &err), &err);  // a store without it knows nothing
    assert_int_equal(read.count, 0);
    known_clear(&read);
    asking_check(known_write(scene->dir, &written, &err), &err);
    asking_check(known_read(scene->dir, &read, &err), &err);
    assert_int_equal(read.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct known_file *a = &written.files[i], *b = &read.files[i];
        assert_string_equal(a->path, b->path);
        assert_int_equal(a->bytes, b->bytes);
        assert_int_equal(a->mtime_ms, b->mtime_ms);
        assert_true(a->device == b->device && a->head_hash == b->head_hash && a->tail_hash == b->tail_hash);
        assert_int_equal(a->source_hash, b->source_hash);
        assert_true(a->id == b->id && a->same_as == b->same_as && a->compression == b->compression);
        assert_true(a->first_ms == b->first_ms && a->last_ms == b->last_ms && a->text_bytes == b->text_bytes);
        assert_int_equal(a->end_day, b->end_day);
        assert_memory_equal(a->kinds, b->kinds, sizeof a->kinds);
        assert_int_equal(a->log_bytes, b->log_bytes);
        assert_int_equal(a->fold_guessed, b->fold_guessed);
        assert_int_equal(a->day_count, b->day_count);
        assert_memory_equal(a->days, b->days, a->day_count * sizeof *a->days);
    }
    known_clear(&read);
    known_clear(&read);
}

/* known.h5 of one file with 4 days and a path of 4 bytes. */
static void known_craft(const char *path, const struct craft *craft, int64_t path_end, int64_t kind)
{
    static const char *const NUMBERS[] = {
        "file_bytes",      "file_mtime_ms",   "file_device",      "file_inode",     "file_compression",
        "file_text_bytes", "file_first_hash", "file_head_hash",   "file_tail_hash", "file_source_hash",
        "file_id",         "file_same_as",    "file_ends_inside", "file_is_broken", "file_from_day",
        "file_end_day",    "file_first_ms",   "file_last_ms",     "file_log_bytes", "file_fold_guessed"};
    struct error err = {0};
    struct store_writer *writer = NULL;
    int64_t numbers[400] = {0};
    asking_check(store_create_local(path, &writer, &err), &err);
    asking_check(store_attribute_i64(writer, NULL, "table_version", craft->version, &err), &err);
    asking_check(store_attribute_i64(writer, NULL, "known_version", 2, &err), &err);
    dimension_craft(writer, craft, "file", 1);
    dimension_craft(writer, craft, "path_byte", 4);
    dimension_craft(writer, craft, "file_day", 4);
    dimension_craft(writer, craft, "line_kind", LINE_COUNTS);
    struct store_column column = {.type = STORE_I64, .dimensions = {"file"}};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        column.name = NUMBERS[i];
        asking_check(store_put_local(writer, &column, numbers, &err), &err);
    }
    column.name = "file_path_end";
    asking_check(store_put_local(writer, &column, &path_end, &err), &err);
    column.name = "file_day_end";
    asking_check(store_put_local(writer, &column, numbers, &err), &err);
    if (!craft->left_out) {
        column = (struct store_column){.name = "file_path", .type = STORE_CHAR, .dimensions = {"path_byte"}};
        asking_check(store_put_local(writer, &column, "/a/b", &err), &err);
    }
    column = (struct store_column){.name = "file_days", .type = STORE_I64, .dimensions = {"file_day"}};
    asking_check(store_put_local(writer, &column, numbers, &err), &err);
    column = (struct store_column){
        .name = "file_day_kinds", .type = STORE_I64, .dimensions = {"file_day", "line_kind"}};
    asking_check(store_put_local(writer, &column, numbers, &err), &err);
    numbers[1] = kind;
    column =
        (struct store_column){.name = "file_kinds", .type = STORE_I64, .dimensions = {"file", "line_kind"}};
    asking_check(store_put_local(writer, &column, numbers, &err), &err);
    asking_check(store_finish_local(writer, &err), &err);
}

static void known_refused(const struct scene *scene, struct craft craft, int64_t path_end, int64_t kind,
                          enum status expected, const char *what)
{
    char path[100];
    struct error err = {0};
    struct known read;
    (void)snprintf(path, sizeof path, "%s/known.h5", scene->dir);
    craft.version = craft.version ? craft.version : TABLE_VERSION;
    known_craft(path, &craft, path_end, kind);
    enum status status = known_read(scene->dir, &read, &err);
    if (status != expected || strcmp(err.what, what) != 0)
        fail_msg("status %d: %s", (int)status, err.what);
    if (expected != STATUS_OK)
        assert_int_equal(read.count, 0);
    known_clear(&read);
}

static void test_known_files_that_deceive_are_refused(void **state)
{
    const struct scene *scene = *state;
    known_refused(scene, (struct craft){0}, 4, 1, STATUS_OK, "");
    known_refused(scene, (struct craft){0}, 5, 1, STATUS_CORRUPT, "its offsets point outside their table");
    known_refused(scene, (struct craft){0}, -1, 1, STATUS_CORRUPT, "its offsets point outside their table");
    known_refused(scene, (struct craft){0}, 4, INT64_MAX, STATUS_CORRUPT, "it has counts that no log gives");
    known_refused(scene, (struct craft){0}, 4, -1, STATUS_CORRUPT, "it has counts that no log gives");
    known_refused(scene, (struct craft){.dimension = "line_kind", .size = 100}, 4, 1, STATUS_CORRUPT,
                  "line_kind: its size is 100; expected 8");
    known_refused(scene, (struct craft){.left_out = "path_byte"}, 4, 1, STATUS_CORRUPT,
                  "path_byte: the file has no such variable");
    known_refused(scene, (struct craft){.version = 9}, 4, 1, STATUS_MISMATCH,
                  "its tables have version 9, this quern has 2");
    // Of an older version nothing need be understood: logs are read again.
    known_refused(scene, (struct craft){.version = -1, .dimension = "line_kind", .size = 7}, 4, 1, STATUS_OK,
                  "");
}

static void test_known_files_cut_off_anywhere_are_refused(void **state)
{
    const struct scene *scene = *state;
    char path[100];
    struct stat there;
    struct known written = two_files(), read;
    struct error err = {0};
    (void)snprintf(path, sizeof path, "%s/known.h5", scene->dir);
    asking_check(known_write(scene->dir, &written, &err), &err);
    assert_int_equal(stat(path, &there), 0);
    for (int64_t cut = 29; cut >= 0; cut--) {
        assert_int_equal(truncate(path, there.st_size * cut / 30), 0);
        assert_int_equal(known_read(scene->dir, &read, &err), STATUS_CORRUPT);
        assert_string_equal(err.where, path);
    }
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_a_shard_is_read_as_it_was_written),
        SCENE(test_parts_of_a_day_merge_to_the_day),
        SCENE(test_only_whole_days_are_listed_and_other_names_are_not_days),
        SCENE(test_a_day_of_the_year_10000_is_a_day),
        SCENE(test_another_number_of_parts_leaves_no_old_file),
        SCENE(test_a_shard_cut_off_anywhere_is_refused_with_its_path),
        SCENE(test_offsets_and_indices_that_point_outside_are_refused),
        SCENE(test_counts_that_no_log_gives_are_refused),
        SCENE(test_a_file_under_another_days_name_is_refused),
        SCENE(test_names_that_are_none_or_out_of_order_are_refused),
        SCENE(test_clients_that_are_not_there_are_refused),
        SCENE(test_resolvers_in_a_later_part_are_refused),
        SCENE(test_a_file_with_wider_rows_than_there_is_room_for_is_refused),
        SCENE(test_a_file_without_a_column_or_of_another_version_is_refused),
        SCENE(test_known_files_are_read_as_they_were_written),
        SCENE(test_known_files_that_deceive_are_refused),
        SCENE(test_known_files_cut_off_anywhere_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
