/* quern bench parse FILE|allreduce|io [DIR]: how reading lines, sums over ranks and files written together
 * scale. */
#include "bench.h"

#include "base/clock.h"
#include "base/random.h"
#include "parse/parse.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MOST (INT64_C(1) << 32)
#define LEAST_S 0.1
#define IO_ROWS 1000000
#define IO_WIDTH 8

/* ---- parse ---- */

struct text {
    char *bytes;
    size_t count;
};

static enum status text_read_local(const char *path, struct text *text, struct error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, STATUS_IO, path, "", "the file cannot be opened: %s", strerror(errno));
    const long bytes = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    const bool fits = bytes > 0 && bytes < FILE_MOST;
    text->bytes = fits ? malloc((size_t)bytes) : NULL;
    text->count = fits ? (size_t)bytes : 0;
    const bool is_read = text->bytes && fseek(file, 0, SEEK_SET) == 0 &&
                         fread(text->bytes, 1, text->count, file) == text->count;
    (void)fclose(file);
    if (is_read)
        return STATUS_OK;
    return error_set(err, STATUS_IO, path, "name a plain log of up to 4 GB",
                     "the file cannot be read into memory");
}

/* The lines that begin in [from, to). */
static int64_t lines_parse(struct line_parser *parser, const struct text *text, size_t from, size_t to)
{
    int64_t queries = 0;
    struct query query;
    for (size_t at = from; at < to;) {
        const char *end = memchr(text->bytes + at, '\n', text->count - at);
        const size_t length = end ? (size_t)(end - text->bytes) - at : text->count - at;
        queries += line_parse(parser, text->bytes + at, length, &query) == LINE_QUERY;
        at += length + 1;
    }
    return queries;
}

/* Where the line begins that the byte at `at` is not in the middle of. */
static size_t line_start(const struct text *text, size_t at)
{
    if (at == 0 || at >= text->count)
        return at < text->count ? at : text->count;
    const char *end = memchr(text->bytes + at - 1, '\n', text->count - at + 1);
    return end ? (size_t)(end - text->bytes) + 1 : text->count;
}

static enum status parse_work(struct session *session, int side, void *context, struct ladder_timed *timed,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct text *text = context;
    const size_t rank = (size_t)team_rank(session->team), size = (size_t)team_size(session->team);
    // Strong: the ranks divide the file. Weak: each reads all of it.
    const size_t from = side == LADDER_STRONG ? line_start(text, text->count / size * rank) : 0;
    const size_t to = side == LADDER_STRONG && rank + 1 < size
                          ? line_start(text, text->count / size * (rank + 1))
                          : text->count;
    struct line_parser *parser = line_parser_new(NULL, 0);
    TRY(team_agree(session->team,
                   parser ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "bench", "", "no room for a parser"),
                   err));
    const double began = clock_seconds();
    int64_t queries = lines_parse(parser, text, from, to);
    timed->seconds = ladder_slowest(session->team, clock_seconds() - began);
    team_sum_i64(session->team, &queries, 1);
    timed->bytes = (int64_t)(side == LADDER_STRONG ? text->count : text->count * size);
    if (queries == 0)
        status =
            error_set(err, STATUS_NO_INPUT, "bench parse", "name a query log", "no line of it is a query");
done:
    line_parser_free(parser);
    return status;
}

enum status bench_parse_run(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct text text = {0};
    struct ladder ladder = {.title = "lines of a log, parsed one by one", .rate = "MB/s"};
    if (session->options.word_count != 2)
        return error_set(err, STATUS_USAGE, "bench parse", "quern bench parse FILE",
                         "no file of a query log was named");
    TRY(team_agree(session->team, text_read_local(session->options.words[1], &text, err), err));
    TRY(ladder_run(session, &ladder, LADDER_SIDES, parse_work, &text, err));
done:
    free(text.bytes);
    return status;
}

/* ---- allreduce ---- */

/* One sum over the ranks, of so many numbers: repeated until it takes long enough to be timed. */
static enum status reduce_work(struct session *session, int side, void *context, struct ladder_timed *timed,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const size_t count = *(const size_t *)context;
    int64_t *values = calloc(count, sizeof *values);
    (void)side;
    TRY(team_agree(session->team,
                   values ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "bench", "", "no room for numbers"),
                   err));
    timed->bytes = (int64_t)(count * sizeof *values);
    for (int64_t times = 16;; times *= 2) {
        (void)team_traffic_take(session->team);
        const double began = clock_seconds();
        for (int64_t i = 0; i < times; i++)
            team_sum_i64(session->team, values, count);
        const double took_here = clock_seconds() - began;
        const int64_t sent = team_traffic_bytes(session->team);
        const double took = ladder_slowest(session->team, took_here);
        timed->seconds = took / (double)times;
        timed->sent = sent / times;
        if (took >= LEAST_S || times >= 1 << 20)
            break;
    }
done:
    free(values);
    return status;
}

enum status bench_allreduce_run(struct session *session, struct error *err)
{
    static const struct {
        size_t count;
        const char *title;
    } SIZES[] = {{1, "sum of 8 bytes over the ranks"},
                 {8192, "sum of 64 KiB over the ranks"},
                 {1 << 17, "sum of 1 MiB over the ranks"}};
    enum status status = STATUS_OK;
    if (session->options.json)
        (void)fputc('[', session->out);
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        struct ladder ladder = {.title = SIZES[i].title, .rate = "MB/s a rank", .from = 2};
        size_t count = SIZES[i].count;
        if (session->options.json && i > 0)
            (void)fputc(',', session->out);
        TRY(ladder_run(session, &ladder, 1, reduce_work, &count, err));
    }
    if (session->options.json)
        (void)fputs("]\n", session->out);
done:
    return status;
}

/* ---- io ---- */

struct io {
    char path[4200];
    bool reads;
};

static void io_fill(double *values, size_t first, size_t rows)
{
    for (size_t i = 0; i < rows * IO_WIDTH; i++)
        values[i] = random_unit(5, RANDOM_BENCH, 0, first * IO_WIDTH + i);
}

static enum status io_write(const struct team *team, const char *path, size_t total, size_t first,
                            size_t rows, const double *values, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    static const struct store_column COLUMN = {
        .name = "bench_value", .type = STORE_F64, .dimensions = {"row", "value"}, .units = "1"};
    TRY(store_create(team, path, &writer, err));
    TRY(team_agree(team, store_dimension(writer, "row", total, err), err));
    TRY(team_agree(team, store_dimension(writer, "value", IO_WIDTH, err), err));
    TRY(store_put_rows(team, writer, &COLUMN, first, rows, values, err));
    struct store_writer *whole = writer;
    writer = NULL;
    TRY(store_finish(team, whole, err));
done:
    if (writer)
        store_abandon(team, writer);
    return status;
}

static enum status io_read_local(const char *path, size_t first, size_t rows, double *values,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    static const struct store_column COLUMN = {
        .name = "bench_value", .type = STORE_F64, .dimensions = {"row", "value"}};
    TRY(store_open_local(path, &reader, err));
    TRY(store_get(reader, &COLUMN, first, rows, values, err));
done:
    store_close(reader);
    return status;
}

static enum status io_work(struct session *session, int side, void *context, struct ladder_timed *timed,
                           struct error *err)
{
    enum status status = STATUS_OK;
    const struct io *io = context;
    const struct team *team = session->team;
    const size_t rank = (size_t)team_rank(team), size = (size_t)team_size(team);
    const size_t wanted = session->options.rows ? (size_t)session->options.rows : IO_ROWS;
    const size_t total = side == LADDER_STRONG ? wanted : wanted * size;
    const size_t first = total * rank / size, rows = total * (rank + 1) / size - first;
    double *values = malloc((rows + 1) * IO_WIDTH * sizeof *values);
    enum status had =
        values ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "bench", "time fewer rows", "no room for %zu rows", rows);
    TRY(team_agree(team, had, err));
    io_fill(values, first, rows);
    double began = clock_seconds();
    TRY(io_write(team, io->path, total, first, rows, values, err));
    if (io->reads) {
        began = clock_seconds();
        TRY(team_agree(team, io_read_local(io->path, first, rows, values, err), err));
    }
    timed->seconds = ladder_slowest(team, clock_seconds() - began);
    timed->bytes = (int64_t)(total * IO_WIDTH * sizeof *values);
done:
    if (rank == 0)
        (void)unlink(io->path);
    free(values);
    return status;
}

enum status bench_io_run(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    const char *dir = session->options.word_count > 1 ? session->options.words[1] : ".";
    struct io io = {.reads = false};
    int64_t number = getpid();
    team_broadcast(session->team, &number, sizeof number, 0);
    (void)snprintf(io.path, sizeof io.path, "%s/.quern-bench-%" PRId64 ".h5", dir, number);
    if (session->options.json)
        (void)fputc('[', session->out);
    for (int reads = 0; reads < 2; reads++) {
        struct ladder ladder = {.title = reads ? "a file of all ranks, read back"
                                               : "a file that all ranks write, synced",
                                .rate = "MB/s"};
        io.reads = reads;
        if (session->options.json && reads)
            (void)fputc(',', session->out);
        TRY(ladder_run(session, &ladder, LADDER_SIDES, io_work, &io, err));
    }
    if (session->options.json)
        (void)fputs("]\n", session->out);
done:
    return status;
}
