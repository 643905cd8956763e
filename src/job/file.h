/** Small text files, read whole. */
#ifndef JOB_FILE_H
#define JOB_FILE_H

#include "base/error.h"

#include <stddef.h>

/** The most bytes that a job file or a calendar may have. */
#define FILE_MOST_BYTES ((size_t)1 << 20)

/**
 * Reads a whole file of text; without a UTF-8 byte order mark. Local.
 *
 * @param bytes  returns new, with a '\0' behind the last byte; free it with free. Untouched on failure.
 * @return       `fault` when it cannot be read, is too long or has a NUL byte; STATUS_NO_MEMORY
 */
MUST_CHECK enum status file_read(const char *path, enum status fault, char **bytes, size_t *count,
                                 struct error *err);

/** Writes "origin:line", or the origin alone when line is 0; a long origin loses its start, never the line.
 * Local. */
void where_write(const char *origin, long line, char where[sizeof((struct error *)0)->where]);

#endif
