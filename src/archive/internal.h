/* What the files of this room share: a file's decompressed bytes, and what is known of a file by a look. */
#ifndef ARCHIVE_INTERNAL_H
#define ARCHIVE_INTERNAL_H

#include "archive/archive.h"

#include <sys/stat.h>

/* Room for a text that says what is wrong with a file. */
enum { WHY_BYTES = 160 };

/* Most bytes that a decoder may take for a window: `zstd --long` and `xz -9e` stay below. */
enum { WINDOW_MOST_LOG = 27 };

/* ---- reader.c: the bytes of a file, decompressed ---- */

struct reader;

/* Where decoding can begin: byte `stored` on disk is where byte `text` of the decompressed text begins. Of a
 * plain file both are the same. */
struct place {
    int64_t stored;
    int64_t text;
};

/* Opens a file at byte `from` of its text. Whatever is wrong with the file is the reader's fault, not an
 * error: the only status is STATUS_NO_MEMORY. */
MUST_CHECK enum status reader_open(const struct archive_file *file, int64_t from, struct reader **reader,
                                   struct error *err);

/* As reader_open for a piece, decoding from where it says. What it says of places is held against what is
 * decoded. */
MUST_CHECK enum status reader_open_piece(const struct archive_file *file, const struct archive_piece *piece,
                                         int64_t from, struct reader **reader, struct error *err);

/* From now on a thread decodes ahead up to byte `goal` of the text, if it can be had. Until reader_read has
 * come to the end there is no fault, and reader_given and what is said of the tail are not to be asked for.
 */
void reader_decode_ahead(struct reader *reader, int64_t goal);

/* Decodes on, as reader_read without a thread. */
size_t reader_decode(struct reader *reader, void *bytes, size_t room);

/* Takes the reader, or NULL. */
void reader_close(struct reader *reader);

/* Reads on; fewer than `room` bytes only at the end or the fault. */
size_t reader_read(struct reader *reader, void *bytes, size_t room);

/* Reads `count` bytes on disk at `at`; false when they are not there any more, which becomes the fault. */
bool reader_read_stored(struct reader *reader, void *bytes, size_t count, int64_t at);

/* Where in the text the next byte is. */
int64_t reader_given(const struct reader *reader);

/* Returns content_hash of the last 64 KiB before the next byte, or of what there is, of a compressed file;
 * what was passed over to get to `from` counts. */
uint64_t reader_tail_hash(const struct reader *reader);

/* Whether the byte before the next one, of a compressed file, ends a line; true at the start. */
bool reader_ends_line(const struct reader *reader);

/* The file's descriptor, or -1. */
int reader_descriptor(const struct reader *reader);

/* How far the reader is, in bytes on disk. */
int64_t reader_at(const struct reader *reader);

/* What is wrong, borrowed, or NULL. */
const char *reader_fault(const struct reader *reader);

/* Whether the fault is of the disk, and not in what the file holds: it may be over next time. */
bool reader_fault_passes(const struct reader *reader);

/* ---- ahead.c: a thread that decodes ahead ---- */

struct ahead;

/* Returns new, or NULL when there is no memory or no thread. Borrows the reader. Beyond byte `goal` of the
 * text no more is decoded than is asked for. */
struct ahead *ahead_new(struct reader *reader, int64_t goal);

/* Takes it, or NULL, and ends the thread. */
void ahead_free(struct ahead *ahead);

/* Reads what the thread decoded; fewer than `room` bytes only at the end, when it has ended. */
size_t ahead_read(struct ahead *ahead, void *bytes, size_t room);

/* Whether the thread has ended and all it decoded was read. */
bool ahead_ended(const struct ahead *ahead);

/* ---- codec.c: what is known of a compression; gzip.c, zstd.c, xz.c: decoders ---- */

enum codec_state { CODEC_MORE, CODEC_END, CODEC_BROKEN };

/* Fills bytes[room] from disk and returns how many there are; 0 at the end. */
typedef size_t codec_input(void *context, uint8_t *bytes, size_t room);

struct codec {
    /* Returns a new decoder, or NULL without memory. */
    void *(*make)(codec_input *input, void *context);
    /* Takes it, or NULL. */
    void (*drop)(void *decoder);
    /* Decodes up to `room` bytes. On CODEC_END and CODEC_BROKEN `count` holds what came before. */
    enum codec_state (*read)(void *decoder, uint8_t *bytes, size_t room, size_t *count);
    /* What is broken, for a text; borrowed. */
    const char *(*fault)(const void *decoder);
    /* Forgets everything, for input from another place; NULL where nobody needs it. */
    void (*restart)(void *decoder);
};

extern const struct codec GZIP_CODEC;
#ifdef QUERN_ZSTD
extern const struct codec ZSTD_CODEC;
#endif
#ifdef QUERN_XZ
extern const struct codec XZ_CODEC;
#endif

/* Returns the decoder of a compression, NULL for plain files. */
const struct codec *codec_of(enum compression compression);

/* Tells the compression by a file's first bytes. For one that cannot be read, why is written, else "". */
enum compression codec_find(const uint8_t *bytes, size_t count, char why[WHY_BYTES]);

/* Returns what reading `stored` bytes costs, in bytes of plain text, and what `text` bytes cost. */
int64_t codec_stored_work(enum compression compression, int64_t stored);
int64_t codec_text_work(enum compression compression, int64_t text);

/* ---- frames.c: parts of a compressed file that can be decoded alone ---- */

/* Reads the header of the BGZF block at `at`: its bytes on disk and of text. False when there is none. */
bool bgzf_block(int descriptor, int64_t at, int64_t end, int64_t *stored, int64_t *text);

/* Finds where parts begin, [count] in order, the last one being the end of what is cut in parts; beyond it,
 * up to the file's end, all is one part. NULL when the file does not tell. Returns new; free() it. */
MUST_CHECK enum status frames_find(const struct archive_file *file, struct place **frames, size_t *count,
                                   struct error *err);

/* ---- probe.c: what a file is ---- */

/* Looks at a regular file: compression and text into `file`, whose path, bytes and inode are set. Returns
 * why it is of no use in `why`, or "" there. */
MUST_CHECK enum status file_probe(struct archive_file *file, char why[WHY_BYTES], struct error *err);

/* ---- finding.c: what has been found so far ---- */

struct finding;

/* Returns new, or NULL without memory. Borrows the memory. */
struct finding *finding_new(const struct archive_memory *memory, size_t memory_count);

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
