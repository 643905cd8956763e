#include "aside.h"

#include "base/map.h"

#include <stdlib.h>

enum status aside_put(struct aside *aside, const char *folder, struct aside_piece piece,
                      const unsigned char *bytes, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    if (!aside->is_open)
        TRY(scratch_open(&aside->file, folder, "tallies cannot be put aside",
                         "make room there, or raise limits.memory", err));
    aside->is_open = true;
    piece.bytes = (int64_t)count;
    TRY(scratch_add(&aside->file, bytes, count, &piece.at, err));
    TRY(array_reserve(&aside->pieces, &aside->capacity, aside->count + 1, sizeof *aside->pieces, err));
    aside->pieces[aside->count++] = piece;
done:
    return status;
}

enum status aside_get(const struct aside *aside, const struct aside_piece *piece, unsigned char **bytes,
                      size_t *count, size_t *capacity, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t need = (size_t)piece->bytes;
    TRY(array_reserve(bytes, capacity, *count + need, 1, err));
    TRY(scratch_get(&aside->file, piece->at, *bytes + *count, need, err));
    *count += need;
done:
    return status;
}

void aside_forget(struct aside *aside, int64_t day)
{
    size_t kept = 0;
    for (size_t i = 0; i < aside->count; i++) {
        const struct aside_piece *piece = &aside->pieces[i];
        if (piece->day != day)
            aside->pieces[kept++] = *piece;
        else
            scratch_forget(&aside->file, piece->at, piece->bytes);
    }
    aside->count = kept;
}

void aside_clear(struct aside *aside)
{
    if (aside->is_open)
        scratch_close(&aside->file);
    free(aside->pieces);
    *aside = (struct aside){0};
}
