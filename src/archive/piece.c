/* Cutting files into pieces and dealing these to ranks. */
#include "archive/archive.h"

#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

/* DNS query logs shrink to an eighth under gzip. */
enum { GZIP_WORK = 8 };

__extension__ typedef __int128 int128;

static int64_t gzip_work(int64_t bytes)
{
    return bytes > INT64_MAX / GZIP_WORK ? INT64_MAX : bytes * GZIP_WORK;
}

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

static enum status cut_file(struct cut *cut, const struct archive_file *file, size_t number,
                            int64_t piece_bytes, struct error *err)
{
    if (file->compression == COMPRESSION_GZIP)
        return cut_add(cut, (struct archive_piece){number, 0, -1, gzip_work(file->bytes)}, err);
    for (int64_t from = 0; from < file->bytes;) {
        int64_t to = file->bytes - from > piece_bytes ? from + piece_bytes : file->bytes;
        enum status status = cut_add(cut, (struct archive_piece){number, from, to, to - from}, err);
        if (status != STATUS_OK)
            return status;
        from = to;
    }
    return STATUS_OK;
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
        TRY(cut_file(&cut, &archive->files[i], i, is_whole ? INT64_MAX : piece_bytes, err));
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
