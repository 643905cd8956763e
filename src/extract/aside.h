/* Tallies put aside: what does not fit into memory while logs are read waits in a file of this rank, which
 * has no name and goes with the process. Each piece says what it is about, and is read again when its day is
 * made. */
#ifndef EXTRACT_ASIDE_H
#define EXTRACT_ASIDE_H

#include "base/scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** In the place of a part: candidates for first questions, whose `number` is an hour; else it is a slice. */
#define ASIDE_MISSES (-1)

struct aside_piece {
    int64_t day;
    int64_t part;
    int64_t number;
    int64_t room;  // of memory that the shard needs from which it was cut; told by its first piece, else 0
    int64_t at, bytes;  // in the file
};

struct aside {
    struct scratch file;  // opened with the first piece
    bool is_open;
    struct aside_piece *pieces;  // [count], in the order in which they came
    size_t count, capacity;
};

/**
 * Writes a piece to the file, which is made in a folder when it is not there yet. Local.
 *
 * @param folder  borrowed until aside_clear
 * @param piece  day, part, number and room; the rest is filled in
 * @return       STATUS_FAILED, STATUS_IO
 */
MUST_CHECK enum status aside_put(struct aside *aside, const char *folder, struct aside_piece piece,
                                 const unsigned char *bytes, size_t count, struct error *err);

/** Reads a piece to the end of a growing buffer. Local. */
MUST_CHECK enum status aside_get(const struct aside *aside, const struct aside_piece *piece,
                                 unsigned char **bytes, size_t *count, size_t *capacity, struct error *err);

/** Forgets the pieces of a day, and gives their place on the disk back where it can. Local. */
void aside_forget(struct aside *aside, int64_t day);

/** Closes the file and frees what it holds; a zeroed one is fine. Local. */
void aside_clear(struct aside *aside);

#endif
