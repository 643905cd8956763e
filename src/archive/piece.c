/* Cutting files into pieces and dealing these to ranks. */
#include "internal.h"

#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

/* How far before a piece decoding begins: the longest line, its line feed and the one before it. */
enum { BEFORE_BYTES = LINE_MOST + 2 };

/* A piece has at least so many times the text that is decoded only to get to it. */
enum { BEFORE_SHARE = 4 };

__extension__ typedef __int128 int128;

struct cut {
    struct archive_piece *pieces;
    size_t count;
    size_t room;
};

static enum status cut_add(struct cut *cut, struct archive_piece piece, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&cut->pieces, &cut->room, cut->count + 1, sizeof piece, err));
    cut->pieces[cut->count++] = piece;
done:
    return status;
}

/* Where the last piece of a compressed file ends. */
static int64_t end_of(const struct archive_file *file)
{
    return file->to == 0 ? -1 : file->to;
}

static enum status cut_plain(struct cut *cut, const struct archive_file *file, size_t number,
                             int64_t piece_bytes, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t end = file->to == 0 || file->to > file->bytes ? file->bytes : file->to;
    for (int64_t from = file->from; from < end;) {
        int64_t to = end - from > piece_bytes ? from + piece_bytes : end;
        TRY(cut_add(cut, (struct archive_piece){.file = number, .from = from, .to = to, .work = to - from},
                    err));
        from = to;
    }
done:
    return status;
}

/* The last place from which the text before `from` that a piece needs can be decoded. */
static size_t place_before(const struct place *frames, size_t at, int64_t from)
{
    while (at > 0 && frames[at].text > 0 && frames[at].text > from - BEFORE_BYTES)
        at--;
    return at;
}

/* Pieces of whole frames; what follows the last frame belongs to the last piece. */
static enum status cut_frames(struct cut *cut, const struct archive_file *file, size_t number,
                              const struct place *frames, size_t count, int64_t piece_bytes,
                              struct error *err)
{
    enum status status = STATUS_OK;
    int64_t end = file->to == 0 ? INT64_MAX : file->to;
    size_t first = 0;
    while (first + 2 < count && frames[first + 1].text <= file->from)
        first++;
    for (size_t next = 0; first + 1 < count && frames[first].text < end; first = next) {
        int64_t from = frames[first].text < file->from ? file->from : frames[first].text;
        size_t begin = place_before(frames, first, from);
        int64_t least = BEFORE_SHARE * (from - frames[begin].text);
        least = least > piece_bytes ? least : piece_bytes;
        next = first + 1;
        while (next + 1 < count && frames[next].text - from < least)
            next++;
        bool is_last = next + 1 == count || frames[next].text >= end;
        struct archive_piece piece = {
            .file = number,
            .from = from,
            .to = is_last ? end_of(file) : frames[next].text,
            .work = codec_text_work(file->compression, frames[next].text - frames[begin].text),
            .stored_at = frames[begin].stored,
            .text_at = frames[begin].text,
            .stored_from = from == frames[first].text ? frames[first].stored : 0,
            .stored_to = is_last ? 0 : frames[next].stored};
        if (is_last && file->to == 0)
            piece.work += codec_stored_work(file->compression, file->bytes - frames[count - 1].stored);
        TRY(cut_add(cut, piece, err));
        if (is_last)
            break;
    }
done:
    return status;
}

static enum status cut_file(struct cut *cut, const struct archive_file *file, size_t number, bool is_whole,
                            int64_t piece_bytes, struct error *err)
{
    enum status status = STATUS_OK;
    struct place *frames = NULL;
    size_t count = 0;
    if (file->to != 0 && file->to <= file->from)
        return STATUS_OK;
    if (file->compression == COMPRESSION_PLAIN)
        return cut_plain(cut, file, number, is_whole ? INT64_MAX : piece_bytes, err);
    if (!is_whole)
        TRY(frames_find(file, &frames, &count, err));
    if (frames)
        TRY(cut_frames(cut, file, number, frames, count, piece_bytes, err));
    else
        TRY(cut_add(cut,
                    (struct archive_piece){.file = number,
                                           .from = file->from,
                                           .to = end_of(file),
                                           .work = codec_stored_work(file->compression, file->bytes)},
                    err));
done:
    free(frames);
    return status;
}

enum status archive_pieces(const struct archive *archive, const bool *file_wanted, const bool *file_whole,
                           int64_t piece_bytes, struct archive_piece **pieces, size_t *count,
                           struct error *err)
{
    assert(piece_bytes > 0);
    enum status status = STATUS_OK;
    struct cut cut = {0};
    for (size_t i = 0; i < archive->file_count; i++) {
        if (file_wanted && !file_wanted[i])
            continue;
        bool is_whole = file_whole && file_whole[i];
        TRY(cut_file(&cut, &archive->files[i], i, is_whole, piece_bytes, err));
    }
    *pieces = cut.pieces;
    *count = cut.count;
    cut.pieces = NULL;
done:
    free(cut.pieces);
    return status;
}

void archive_deal(const struct archive_piece *pieces, size_t count, int ranks, int rank, size_t *first,
                  size_t *end)
{
    int128 total = 0, before = 0;  // 2^63 pieces of 2^63 bytes fit
    for (size_t i = 0; i < count; i++)
        total += pieces[i].work;
    *first = *end = count;
    for (size_t i = 0; i < count; i++) {
        // The middle in half bytes; its share of 2 * total, in ranks, rounded down. Never falls, so runs.
        int128 middle = 2 * before + pieces[i].work;
        int owner = total > 0 ? (int)(middle * ranks / (2 * total)) : 0;
        if (owner >= ranks)
            owner = ranks - 1;  // a last piece without work
        if (owner >= rank && *first == count)
            *first = i;
        if (owner > rank) {
            *end = i;
            return;
        }
        before += pieces[i].work;
    }
}
