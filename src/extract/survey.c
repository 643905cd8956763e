/* The survey: which places are looked at, and what they add up to. */
#include "survey_internal.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text that is read at most; about a second. An archive with less is read whole. */
#define SURVEY_BYTES (INT64_C(32) << 20)

/* Text that is read at one place. */
#define PLACE_LEAST INT64_C(65536)
#define PLACE_MOST (INT64_C(1) << 19)

/* Enough of a compressed file to tell how well it is compressed, when so few are looked at. */
#define PACKED_BYTES (INT64_C(4) << 20)
#define PACKED_FILES 8

/* Files and places that are looked at, at most. */
#define SURVEY_FILES 512
#define FILE_PLACES 16

/* A rank without any tallies: the program, MPI, HDF5, and the buffers for reading. */
#define RANK_BYTES INT64_C(35000000)

/* What tallies of more than limits.memory, which are put aside, and a day that is made fill of it at most;
 * what they fill of it while many days are read; the share of a day's tallies by which its tables are more
 * while they grow; what a day's tallies become while it is made; what is on its way to its owner at a time;
 * and the share of them that its file fills with the ends of its lists (docs/archive.md). */
#define MADE_SHARE 2.2
#define READING_SHARE 1.1
#define GROWING_SHARE 0.55
#define MAKING_SHARE 1.65
#define SENT_SHARE 0.4
#define FILE_SHARE 0.25

/* Beyond this share of limits.memory days that come later are put aside (shards.c). */
#define ROOM_SHARE 3

/* A day's tallies on one rank beyond which the day is better cut into parts. */
#define PART_BYTES (INT64_C(512) << 20)

/* What a row costs beside its tallies, measured with the default models (docs/scaling.md). */
#define ROW_BYTES 900
#define ROW_EPOCH_SECONDS 2.0e-6
#define WRITE_SHARE 0.35  // of the time for reading, for writing what was read

const char *survey_network_range(enum survey_network network)
{
    static const char *const RANGES[SURVEY_NETWORK_COUNT] = {
#define X(NAME, range) [SURVEY_##NAME] = (range),
        SURVEY_NETWORKS(X)
#undef X
    };
    return RANGES[network];
}

void survey_clear(struct survey *survey)
{
    free(survey->ranks);
    free(survey->warnings);
    *survey = (struct survey){0};
}

/* ---- which places ---- */

static bool is_packed(const struct archive_file *file)
{
    return file->compression != COMPRESSION_PLAIN;
}

double file_text_bytes(const struct sampling *sampling, const struct archive_file *file)
{
    double ratio = 8;
    if (sampling->packed_bytes > 0)
        ratio = (double)sampling->unpacked_bytes / (double)sampling->packed_bytes;
    return is_packed(file) ? (double)file->bytes * ratio : (double)file->bytes;
}

static enum status whole_file_sample(struct sampling *sampling, struct place *place, struct error *err)
{
    const struct archive_file *file = &sampling->run->archive.files[place->file];
    place->to = is_packed(file) ? -1 : file->bytes;
    place->room = INT64_MAX;
    place->stands_for = file_text_bytes(sampling, file);
    return place_sample(sampling, place, err);
}

/* A compressed file gives its head only. */
static enum status packed_file_sample(struct sampling *sampling, struct place *place, size_t number,
                                      struct error *err)
{
    place->to = -1;
    place->room = number < PACKED_FILES ? PACKED_BYTES : sampling->place_bytes;
    place->stands_for = file_text_bytes(sampling, &sampling->run->archive.files[place->file]);
    return place_sample(sampling, place, err);
}

static enum status plain_file_sample(struct sampling *sampling, struct place *place, int64_t places,
                                     struct error *err)
{
    enum status status = STATUS_OK;
    int64_t bytes = sampling->run->archive.files[place->file].bytes, room = sampling->place_bytes;
    if (places < 2 || bytes <= places * room)
        return whole_file_sample(sampling, place, err);
    place->room = room;
    place->stands_for = (double)bytes / (double)places;
    for (int64_t i = 0; i < places; i++) {
        // From the head to the tail; the product fits, as places are few.
        place->from = (bytes - room) / (places - 1) * i;
        if (i == places - 1)
            place->from = bytes - room;
        place->to = place->from + room;
        TRY(place_sample(sampling, place, err));
    }
done:
    return status;
}

static enum status file_sample(struct sampling *sampling, size_t file, size_t number, int64_t places,
                               struct error *err)
{
    struct sampled_file *sampled = &sampling->files[file];
    const struct archive_file *item = &sampling->run->archive.files[file];
    struct place place = {.file = file};
    struct look look = {0};
    file_look(sampling->run, file, &look);
    sampled->year = (int)look.year;
    sampled->is_whole = look.is_whole != 0;
    if (sampled->year == 0) {
        int month = 0, date = 0;
        const struct source_setup *source = &sampling->run->sources[item->source];
        civil_from_day(zone_day_of(source->zone, item->mtime_ms / 1000), &sampled->year, &month, &date);
    }
    place.year = sampled->year;
    sampled->is_sampled = true;
    if (sampling->survey->is_whole)
        return whole_file_sample(sampling, &place, err);
    if (!is_packed(item))
        return plain_file_sample(sampling, &place, places, err);
    sampled->is_last_guessed = true;
    return packed_file_sample(sampling, &place, number, err);
}

static enum status files_sample(struct sampling *sampling, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive *archive = &sampling->run->archive;
    size_t files = archive->file_count, step = files / SURVEY_FILES + 1, number = 0;
    double text = 0;
    for (size_t file = 0; file < archive->file_count; file++) {
        sampling->files[file].first_ms = sampling->files[file].last_ms = SURVEY_NO_TIME;
        text += file_text_bytes(sampling, &archive->files[file]);
    }
    sampling->survey->is_whole = text <= (double)SURVEY_BYTES && step == 1;
    int64_t looked_at = (int64_t)(files / step) + 1;
    int64_t places = SURVEY_BYTES / PLACE_LEAST / looked_at;
    places = places < 2 ? 2 : places > FILE_PLACES ? FILE_PLACES : places;
    if (files < 4)
        places = 4 * FILE_PLACES;
    int64_t room = SURVEY_BYTES / places / looked_at;
    sampling->place_bytes = room < PLACE_LEAST ? PLACE_LEAST : room > PLACE_MOST ? PLACE_MOST : room;
    // Compressed files first: what they tell of the compression goes for all of them.
    for (int pass = 0; pass < 2; pass++)
        for (size_t file = 0; file < archive->file_count; file += step)
            if (is_packed(&archive->files[file]) == (pass == 0))
                TRY(file_sample(sampling, file, number++, places, err));
done:
    return status;
}

/* ---- what it adds up to ---- */

static void sums_fill(struct sampling *sampling)
{
    struct survey *survey = sampling->survey;
    const struct archive *archive = &sampling->run->archive;
    double text = 0;
    for (size_t file = 0; file < archive->file_count; file++) {
        const struct archive_file *item = &archive->files[file];
        survey->stored_bytes += item->bytes;
        survey->files_plain += !is_packed(item);
        survey->files_compressed += is_packed(item);
        survey->files_known += !is_to_read(sampling->run, file);
        text += file_text_bytes(sampling, item);
        if (is_to_read(sampling->run, file))
            survey->new_bytes += (int64_t)file_text_bytes(sampling, item) - item->from;
    }
    survey->text_bytes = survey->is_whole ? survey->sampled_bytes : (int64_t)text;
    // Files that were not looked at are taken for like those that were.
    double scale = sampling->text_sum > 0 && !survey->is_whole ? text / sampling->text_sum : 1;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        survey->kinds[kind] = (int64_t)rint(sampling->kinds[kind] * scale);
    pools_close(sampling, 1);
    survey->rows = (int64_t)rint(sampling->row_sum * scale);
    survey->names = (int64_t)rint(sampling->name_sum * scale);
    survey->rows = survey->rows > survey->kinds[LINES_QUERY] ? survey->kinds[LINES_QUERY] : survey->rows;
    survey->names = survey->names > survey->kinds[LINES_QUERY] ? survey->kinds[LINES_QUERY] : survey->names;
    for (int form = 1; form < SURVEY_FORMS; form++)
        if (sampling->forms[form] && survey->form_count++ < SURVEY_LIST)
            form_text(form, survey->forms[survey->form_count - 1], sizeof survey->forms[0]);
}

/* Warns of a file that alone takes a rank longer than its share. */
static enum status giant_tell(struct sampling *sampling, size_t file, double text, struct error *err)
{
    const struct survey *survey = sampling->survey;
    double all = (double)survey->new_bytes;
    char what[160];
    if (survey->rank_count == 1 || text < 1.1 * all / survey->rank_count)
        return STATUS_OK;
    (void)snprintf(what, sizeof what,
                   "%.0f %% of the text in one file that cannot be split: ranks beyond %.0f gain nothing",
                   100 * text / all, ceil(all / text));
    return warning_add(sampling->run, sampling->run->archive.files[file].path, what, err);
}

/* The pieces of what is to be read, as extract_run would cut them. */
static enum status pieces_make(struct sampling *sampling, struct archive_piece **pieces, size_t *count,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const struct extraction *run = sampling->run;
    size_t files = run->archive.file_count;
    bool *wanted = calloc(files + 1, sizeof *wanted), *whole = calloc(files + 1, sizeof *whole);
    if (!wanted || !whole) {
        status = error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files", files);
        goto done;
    }
    for (size_t file = 0; file < files; file++) {
        wanted[file] = is_to_read(run, file);
        whole[file] = sampling->files[file].is_whole;
    }
    TRY(archive_pieces(&run->archive, wanted, whole, run->job->archive_piece_bytes, pieces, count, err));
done:
    free(wanted);
    free(whole);
    return status;
}

static enum status split_fill(struct sampling *sampling, struct error *err)
{
    enum status status = STATUS_OK;
    struct survey *survey = sampling->survey;
    const struct archive *archive = &sampling->run->archive;
    struct archive_piece *pieces = NULL;
    size_t piece_count = 0;
    survey->ranks = calloc((size_t)survey->rank_count, sizeof *survey->ranks);
    if (!survey->ranks)
        return error_set(err, STATUS_NO_MEMORY, "ranks", "", "no room for %d ranks", survey->rank_count);
    TRY(pieces_make(sampling, &pieces, &piece_count, err));
    for (int rank = 0; rank < survey->rank_count; rank++) {
        size_t from = 0, to = 0;
        archive_deal(pieces, piece_count, survey->rank_count, rank, &from, &to);
        survey->ranks[rank].pieces = (int64_t)(to - from);
        for (size_t i = from; i < to; i++) {
            size_t file = pieces[i].file;
            bool is_one = is_packed(&archive->files[file]) || sampling->files[file].is_whole;
            double text = is_packed(&archive->files[file]) ? file_text_bytes(sampling, &archive->files[file])
                                                           : (double)pieces[i].work;
            survey->ranks[rank].bytes += (int64_t)text;
            if (is_one)
                TRY(giant_tell(sampling, file, text, err));
        }
    }
done:
    free(pieces);
    return status;
}

/* Most bytes of tallies on a rank that meets `mine` of them, a day having `day` on all ranks: while it reads,
 * while it makes days, or while it writes one. */
static double tallies_held(const struct job *job, int ranks, double mine, double day)
{
    const double limit = (double)job->limits_memory_bytes, room = limit / ROOM_SHARE;
    const double reading = fmin(mine, READING_SHARE * limit) + GROWING_SHARE * fmin(day, fmin(mine, limit));
    const double making =
        fmin(fmax(mine - day, 0), room) + day * (MAKING_SHARE + (ranks > 1 ? SENT_SHARE : 0));
    return fmin(fmax(reading, making), fmax(MADE_SHARE * limit, FILE_SHARE * day));
}

/* What the job will take; the constants are measured ones. */
static void cost_fill(struct sampling *sampling)
{
    struct survey *survey = sampling->survey;
    const struct extraction *run = sampling->run;
    const struct job *job = run->job;
    int64_t slowest = 0;
    double ranks = survey->rank_count;
    for (int rank = 0; rank < survey->rank_count; rank++)
        slowest = survey->ranks[rank].bytes > slowest ? survey->ranks[rank].bytes : slowest;
    double byte_s = survey->sampled_bytes > 0 ? sampling->seconds / (double)survey->sampled_bytes : 0;
    survey->seconds_read = byte_s * (double)slowest;
    double rank_rows = (double)survey->rows / ranks;
    survey->seconds = 0.5 + survey->seconds_read * (1 + WRITE_SHARE) +
                      rank_rows * (double)job->model_autoencoder_epochs * ROW_EPOCH_SECONDS;
    double name_bytes =
        sampling->names_seen > 0 ? (double)tallies_bytes(run->tallies) / (double)sampling->names_seen : 0;
    double tallies = name_bytes * (double)survey->names;
    // Who reads the most holds the most.
    double share = survey->new_bytes > 0 ? (double)slowest / (double)survey->new_bytes : 0;
    double day_bytes = tallies / (double)(survey->days > 0 ? survey->days : 1);
    double held = tallies_held(job, survey->rank_count, tallies * fmax(share, 1 / ranks), day_bytes);
    double rows = rank_rows * ROW_BYTES;
    survey->memory_bytes = RANK_BYTES + (int64_t)(held > rows ? held : rows);
    survey->parts = 1;
    while (survey->parts < 256 && day_bytes / survey->parts > (double)PART_BYTES)
        survey->parts *= 2;
}

static enum status rooms_make(struct sampling *sampling, struct error *err)
{
    map_init(&sampling->rows.entries, sizeof(struct sample_entry), sizeof(struct sample_key));
    map_init(&sampling->names.entries, sizeof(struct sample_entry), sizeof(struct sample_key));
    sampling->files = calloc(sampling->run->archive.file_count + 1, sizeof *sampling->files);
    if (sampling->files)
        return STATUS_OK;
    return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files",
                     sampling->run->archive.file_count);
}

static enum status survey_local(struct extraction *run, struct survey *survey, struct error *err)
{
    enum status status = STATUS_OK;
    struct sampling sampling = {.run = run, .survey = survey};
    TRY(rooms_make(&sampling, err));
    TRY(files_sample(&sampling, err));
    sums_fill(&sampling);
    TRY(times_tell(&sampling, err));
    TRY(split_fill(&sampling, err));
    cost_fill(&sampling);
    int64_t lines = 0;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        lines += survey->kinds[kind];
    if (survey->kinds[LINES_QUERY] == 0)
        status = nothing_usable(survey->kinds, lines, survey->files, err);
done:
    map_clear(&sampling.rows.entries);
    map_clear(&sampling.names.entries);
    free(sampling.files);
    free(sampling.stretches);
    return status;
}

enum status survey_make(const struct team *team, const struct job *job, const struct zone *zone, int ranks,
                        struct survey *survey, struct error *err)
{
    enum status status = STATUS_OK;
    struct extract_summary summary = {0};
    struct extraction run = {.team = team, .job = job, .zone = zone, .summary = &summary};
    *survey = (struct survey){.rank_count = ranks, .first_ms = SURVEY_NO_TIME, .last_ms = SURVEY_NO_TIME};
    TRY(team_agree(team, setup_local(&run, err), err));
    TRY(files_identify(&run, err));
    TRY(team_agree(team, archive_warnings_local(&run, err), err));
    survey->files = summary.files;
    survey->files_unusable = (int64_t)run.archive.unusable_count;
    status = team_rank(team) == 0 ? survey_local(&run, survey, err) : STATUS_OK;
    survey->warnings = summary.warnings;
    survey->warning_count = summary.warning_count;
    summary.warnings = NULL;
    TRY(team_agree(team, status, err));
done:
    setup_clear(&run);
    free(summary.warnings);
    return status;
}
