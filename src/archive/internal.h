/* What the files of this room share: a file's decompressed bytes, and what is known of a file by a look. */
#ifndef ARCHIVE_INTERNAL_H
#define ARCHIVE_INTERNAL_H

#include "archive/archive.h"

#include <sys/stat.h>

/* Room for a text that says what is wrong with a file. */
enum { WHY_BYTES = 160 };

/* ---- reader.c: the bytes of a file, decompressed ---- */

struct reader;

/* Opens a file at byte `from` (0 for a compressed one). Whatever is wrong with the file is the reader's
 * fault, not an error: the only status is STATUS_NO_MEMORY. */
MUST_CHECK enum status reader_open(const struct archive_file *file, int64_t from, struct reader **reader,
                                   struct error *err);

/* Takes the reader, or NULL. */
void reader_close(struct reader *reader);

/* Reads on; fewer than `room` bytes only at the end or the fault. */
size_t reader_read(struct reader *reader, void *bytes, size_t room);

/* Reads `count` bytes on disk at `at`; false when they are not there any more, which becomes the fault. */
bool reader_read_stored(struct reader *reader, void *bytes, size_t count, int64_t at);

/* What is wrong, borrowed, or NULL. */
const char *reader_fault(const struct reader *reader);

/* ---- gzip.c: inflating by ISA-L ---- */

struct gzip;

enum gzip_state { GZIP_MORE, GZIP_END, GZIP_BROKEN };

/* Fills bytes[room] from disk and returns how many there are; 0 at the end. */
typedef size_t gzip_input(void *context, uint8_t *bytes, size_t room);

/* Returns new, or NULL without memory. */
struct gzip *gzip_new(gzip_input *input, void *context);

/* Takes it, or NULL. */
void gzip_free(struct gzip *gzip);

/* Inflates up to `room` bytes. On GZIP_END and GZIP_BROKEN `count` holds what came before. */
enum gzip_state gzip_read(struct gzip *gzip, uint8_t *bytes, size_t room, size_t *count);

/* What is broken, for a text; borrowed. */
const char *gzip_fault(const struct gzip *gzip);

/* ---- probe.c: what a file is ---- */

/* Looks at a regular file: hashes and compression into `file`, whose path, bytes and inode are set. Returns
 * why it is of no use in `why`, or "" there. */
MUST_CHECK enum status file_probe(struct archive_file *file, char why[WHY_BYTES], struct error *err);

/* ---- finding.c: what has been found so far ---- */

struct finding;

/* Returns new, or NULL without memory. */
struct finding *finding_new(void);

/* Takes it, or NULL. */
void finding_free(struct finding *finding);

/* Takes note that `path` is of no use because of `text`; `is_file`: it counts among the unusable files. */
MUST_CHECK enum status finding_warn(struct finding *finding, const char *path, const char *text, bool is_file,
                                    struct error *err);

/* Probes a regular file and keeps it or warns of it. A file that is known already counts once. */
MUST_CHECK enum status finding_add(struct finding *finding, size_t source, const char *path,
                                   const struct stat *stat, struct error *err);

/* How many times a usable file has been reached. */
size_t finding_usable(const struct finding *finding);

/* Sorts what was found into a new archive, whose pointers into texts are not yet set. */
MUST_CHECK enum status finding_finish(struct finding *finding, struct archive *archive, struct error *err);

/* ---- walk.c: from a pattern to files ---- */

/* Finds what one path, folder or glob of a source names. */
MUST_CHECK enum status walk_pattern(struct finding *finding, size_t source, const char *pattern,
                                    struct error *err);

#endif
