/* Pieces: what must be known of a file before it is cut, who reads which piece, and reading them all.
 *
 * Each file is looked at and cut by one rank, which tells the others. Pieces then lie in the order of their
 * files' first times, so that a rank's run of them has few files and few days. */
#include "internal.h"

#include "parallel/stop.h"

#include <stdlib.h>
#include <string.h>

/* What is looked at of a file's start and end before it is cut. */
#define SNIFF_BYTES 65536

/* Places between a file's start and end where a line's time is looked at, and room for such a line. */
#define SAMPLES 16
#define SAMPLE_BYTES 4096

#define DAY_MS INT64_C(86400000)

/* ---- a look at a file ---- */

/* Time of a line as if written in `year`; INT64_MIN when it has none. */
static int64_t time_in_year(const struct extraction *run, size_t file, const char *line, size_t count,
                            int year, bool *is_local)
{
    struct query query = {0};
    struct line_parser *parser = line_parser_new(run->sources[run->archive.files[file].source].zone, year);
    if (!parser)
        return INT64_MIN;
    (void)line_parse(parser, line, count, &query);
    line_parser_free(parser);
    *is_local = query.is_local_time;
    return query.has_time ? query.time_ms : INT64_MIN;
}

/* The first of some lines that carries a time, as it is in a year. */
static int64_t first_time(const struct extraction *run, size_t file, const char *lines, size_t count,
                          int year, bool *is_local)
{
    for (size_t at = 0; at < count;) {
        const char *end = memchr(lines + at, '\n', count - at);
        size_t length = end ? (size_t)(end - lines) - at : count - at;
        int64_t time_ms = time_in_year(run, file, lines + at, length, year, is_local);
        if (time_ms != INT64_MIN)
            return time_ms;
        at += length + 1;
    }
    return INT64_MIN;
}

int day_side(const struct extraction *run, int64_t time_ms, int64_t first_day, int64_t end_day)
{
    int64_t day = zone_day_of(run->zone, time_ms / 1000);
    return day + 1 < first_day ? -1 : day > end_day ? 1 : 0;
}

static int side_of(const struct extraction *run, int64_t time_ms)
{
    return day_side(run, time_ms, run->plan.first_day, run->plan.end_day);
}

int64_t line_time(const struct extraction *run, size_t file, const char *line, size_t count)
{
    bool is_local = false;
    return time_in_year(run, file, line, count, run->sources[run->archive.files[file].source].year,
                        &is_local);
}

/* Whether a plain file's first and last time, and those of lines in between, lie on the same side of the days
 * that are asked for. More than two are looked at, since files need not be in order. */
static bool is_outside(const struct extraction *run, size_t file, int64_t first_ms, int64_t last_ms, int year)
{
    char line[SAMPLE_BYTES];
    const struct archive_file *item = &run->archive.files[file];
    bool is_local = false;
    int side = side_of(run, first_ms);
    if (item->compression != COMPRESSION_PLAIN || is_grown(run, file) || side == 0 || last_ms == INT64_MIN ||
        side_of(run, last_ms) != side)
        return false;
    for (int i = 1; i < SAMPLES; i++) {
        size_t count = 0;
        int64_t place = item->bytes / SAMPLES * i;
        if (archive_line_after(&run->archive, file, place, line, sizeof line, &count, NULL) != STATUS_OK)
            return false;
        int64_t time_ms = time_in_year(run, file, line, count, year, &is_local);
        if (time_ms != INT64_MIN && side_of(run, time_ms) != side)
            return false;
    }
    return true;
}

void file_look(const struct extraction *run, size_t file, struct look *look)
{
    const struct archive_file *item = &run->archive.files[file];
    const struct source_setup *source = &run->sources[item->source];
    char head[SNIFF_BYTES], tail[SNIFF_BYTES];
    size_t head_count = 0, tail_count = 0;
    bool is_local = false;
    look->year = source->year;
    if (archive_sniff(&run->archive, file, head, sizeof head, &head_count, NULL) != STATUS_OK)
        return;  // told when it is read
    if (archive_last_line(&run->archive, file, tail, sizeof tail, &tail_count, NULL) != STATUS_OK)
        tail_count = 0;
    int date_year = 0, month = 0, day = 0;
    civil_from_day(zone_day_of(source->zone, item->mtime_ms / 1000), &date_year, &month, &day);
    int guess = source->year ? source->year : date_year;
    int64_t first_ms = first_time(run, file, head, head_count, guess, &is_local);
    int64_t last_ms = first_time(run, file, tail, tail_count, guess, &is_local);
    if (first_ms == INT64_MIN)
        return;
    // A stamp that means another time in another year carries none.
    bool yearless = first_ms != first_time(run, file, head, head_count, guess + 4, &is_local);
    if (yearless && !source->year) {
        bool wraps = last_ms != INT64_MIN ? first_ms > last_ms : first_ms > item->mtime_ms + DAY_MS;
        look->year = guess - wraps;
    }
    look->is_outside = !yearless && is_outside(run, file, first_ms, last_ms, guess);
    look->last_ms = last_ms;
    last_ms = last_ms == INT64_MIN || last_ms < first_ms ? item->mtime_ms : last_ms;
    look->first_ms = first_ms;
    look->is_whole = yearless || (is_local && zone_has_fold_between(source->zone, first_ms / 1000 - 7200,
                                                                    last_ms / 1000 + 7200));
}

/* What a look says of how a file is read. */
static void look_obey(struct extraction *run, size_t file, const struct look *look)
{
    struct file_state *state = &run->states[file];
    if (look->is_outside)
        state->is_outside = 1;
    // A beginning that was read alone says nothing of what comes after it.
    if (look->is_whole && is_grown(run, file)) {
        state->known = -1;
        state->from = run->archive.files[file].from = 0;
    }
}

/* Looks at this rank's share of the files, and cuts them. */
static enum status files_cut_local(struct extraction *run, const bool *wanted, struct look *looks,
                                   struct archive_piece **pieces, size_t *count, struct error *err)
{
    size_t files = run->archive.file_count;
    bool *mine = calloc(files + 1, sizeof *mine), *whole = calloc(files + 1, sizeof *whole);
    enum status status = STATUS_OK;
    if (!mine || !whole) {
        status = error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files", files);
        goto done;
    }
    for (size_t file = 0; file < files; file++) {
        mine[file] = wanted[file] && file % (size_t)team_size(run->team) == (size_t)team_rank(run->team);
        if (mine[file])
            file_look(run, file, &looks[file]);
        look_obey(run, file, &looks[file]);
        whole[file] = looks[file].is_whole;
        mine[file] = mine[file] && !run->states[file].is_outside;
    }
    TRY(archive_pieces(&run->archive, mine, whole, run->job->archive_piece_bytes, pieces, count, err));
    pieces_narrow(run, looks, *pieces, count);
done:
    free(mine);
    free(whole);
    return status;
}

/* ---- all pieces ---- */

struct placed {
    int64_t first_ms;
    struct archive_piece piece;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->first_ms != y->first_ms)
        return x->first_ms < y->first_ms ? -1 : 1;
    if (x->piece.file != y->piece.file)
        return x->piece.file < y->piece.file ? -1 : 1;
    return (x->piece.from > y->piece.from) - (x->piece.from < y->piece.from);
}

/* Puts the pieces in order of time. */
static enum status pieces_sort_local(struct archive_piece *pieces, size_t count, const struct look *looks,
                                     struct error *err)
{
    struct placed *placed = calloc(count + 1, sizeof *placed);
    if (!placed)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu pieces", count);
    for (size_t i = 0; i < count; i++)
        placed[i] = (struct placed){looks[pieces[i].file].first_ms, pieces[i]};
    qsort(placed, count, sizeof *placed, compare_placed);
    for (size_t i = 0; i < count; i++)
        pieces[i] = placed[i].piece;
    free(placed);
    return STATUS_OK;
}

void progress_tell(struct extraction *run, const struct archive_piece *piece, int64_t stored_bytes)
{
    // By bytes on disk: how much text a compressed file holds is known when it has been read.
    const struct archive_file *file = &run->archive.files[piece->file];
    int64_t from = file->compression == COMPRESSION_PLAIN ? piece->from : piece->stored_at;
    int64_t to = file->compression == COMPRESSION_PLAIN ? piece->to : piece->stored_to;
    double share = (double)stored_bytes / (double)((to > from ? to : file->bytes) - from + 1);
    if (run->progress)
        run->progress(run->progress_context, EXTRACT_READS,
                      work_done(run->work) + (int64_t)((double)piece->work * (share < 1 ? share : 1)),
                      run->total_work);
}

static enum status pieces_read_local(struct extraction *run, const struct archive_piece *pieces,
                                     const struct look *looks, struct error *err)
{
    enum status status = STATUS_OK;
    size_t at = 0;
    while (status == STATUS_OK && work_take(run->work, &at)) {
        struct error fault = {0};
        size_t file = pieces[at].file;
        status = piece_read(run, &pieces[at], (int)looks[file].year, &fault);
        // A file that cannot be read any more is told and left out; all else ends the run.
        if (status == STATUS_IO) {
            run->sums[file][FILE_FAULTS]++;
            run->sums[file][FILE_DISK_FAULTS]++;
            status = warning_add(run, run->archive.files[file].path, fault.what, err);
        } else if (status != STATUS_OK && err) {
            *err = fault;
        }
        work_add_done(run->work, pieces[at].work);
        if (status == STATUS_OK && stop_asked())
            status = error_set(err, STATUS_STOPPED, "signal", "run the same job again",
                               "stopped while reading logs; the store is as it was before");
    }
    if (status != STATUS_OK)
        work_stop(run->work);
    return status;
}

enum status wanted_read(struct extraction *run, const bool *wanted, struct error *err)
{
    enum status status = STATUS_OK;
    size_t files = run->archive.file_count;
    struct archive_piece *mine = NULL, *pieces = NULL;
    void *all = NULL;
    size_t count = 0, bytes = 0, from = 0, to = 0;
    struct look *looks = calloc(files + 1, sizeof *looks);
    enum status had =
        looks ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files", files);
    TRY(team_agree(run->team, had, err));
    TRY(team_agree(run->team, files_cut_local(run, wanted, looks, &mine, &count, err), err));
    team_sum_i64(run->team, &looks[0].first_ms, files * (sizeof *looks / sizeof(int64_t)));
    for (size_t file = 0; file < files; file++)
        look_obey(run, file, &looks[file]);
    TRY(team_gather(run->team, mine, count * sizeof *mine, &all, &bytes, err));
    pieces = all;
    count = bytes / sizeof *pieces;
    TRY(team_agree(run->team, pieces_sort_local(pieces, count, looks, err), err));
    run->total_work = 0;
    for (size_t i = 0; i < count; i++)
        run->total_work += pieces[i].work;
    archive_deal(pieces, count, team_size(run->team), team_rank(run->team), &from, &to);
    TRY(work_begin(run->team, from, to, &run->work, err));
    had = pieces_read_local(run, pieces, looks, err);
    work_end(run->work);
    run->work = NULL;
    TRY(team_agree(run->team, had, err));
done:
    free(looks);
    free(mine);
    free(pieces);
    return status;
}
