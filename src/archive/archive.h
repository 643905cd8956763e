/**
 * The archive: files of logs, whatever folder, name or compression they have, as streams of whole lines.
 *
 *     paths ─archive_find─► files ─archive_pieces─► pieces ─archive_deal─► this rank's ─stream_next─► lines
 *
 * A line is bytes up to a line feed and nothing more is known of it here. Every line belongs to one piece,
 * the one in which its first byte lies, so that however an archive is cut each line is read exactly once.
 *
 * What a file does wrong (it cannot be read, is cut off, shrinks) is never an error of a function here: it is
 * a warning of archive_find or the fault of a stream, and the rest is read. Paths are bytes of the file
 * system and are escaped where they are shown.
 */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include "base/error.h"
#include "parallel/parallel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The longest line, in bytes without its line feed, that a stream hands out. */
enum { LINE_MOST = 65536 };

/** Bytes at a file's start and end that its hashes cover. */
enum { ARCHIVE_END_BYTES = 65536 };

/** One resolver's log, as the job names it. Borrowed from the caller, who keeps it while he wants it. */
struct archive_source {
    const char *const *paths;  // [path_count] files, folders, globs with * ? [..] and **
    size_t path_count;
    const char *resolver;
    const char *timezone;
    int year;
};

/** BGZF is gzip in blocks that tell their size (SAM specification, section 4.1), as bgzip writes it. */
enum compression {
    COMPRESSION_PLAIN,
    COMPRESSION_GZIP,
    COMPRESSION_BGZF,
    COMPRESSION_ZSTD,
    COMPRESSION_XZ,
    COMPRESSIONS
};

/** What tells one text from another, whatever its file is called and however it is compressed. */
struct archive_text {
    int64_t bytes;  // decompressed; -1: not known yet
    uint64_t first_hash;  // content_hash of the first line, or of the first KiB when it is longer
    uint64_t head_hash;  // content_hash of the first 64 KiB, or of all when it has less
    uint64_t tail_hash;  // content_hash of the last 64 KiB; 0 while it is not known
    bool is_broken;  // what follows could not be decoded
};

/** What an earlier run knew of a file: if nothing of this has changed, the file is not opened to be found. */
struct archive_memory {
    uint64_t device, inode;
    int64_t bytes, mtime_ms;
    enum compression compression;
    struct archive_text text;
};

/** A file that can be read. */
struct archive_file {
    char *path;
    size_t source;  // whose it is; of a file that two sources name, the first
    int64_t bytes;  // on disk when it was found; what a log grows by later is not read
    int64_t mtime_ms;  // since 1970
    uint64_t device;  // as rank 0's host numbers it
    uint64_t inode;
    enum compression compression;
    int64_t remembered;  // index of the memory that it is, unchanged; -1
    struct archive_text text;  // `bytes` and `tail_hash` as remembered, or not known yet
    int64_t from;  // what archive_pieces cuts of the text, [from, to): 0
    int64_t to;  // 0: to the end
};

/** Something that was named or found but not used, and why. */
struct archive_warning {
    char *path;  // or the glob that matched nothing
    char *text;  // "is empty"
    bool is_file;  // counts among the unusable; otherwise it is about a folder or a glob
};

struct archive {
    struct archive_file *files;  // [file_count] in order of source, then path bytewise
    size_t file_count;
    struct archive_warning *warnings;  // [warning_count] in order of path
    size_t warning_count;
    size_t unusable_count;  // files that were found and cannot be used
    bool decodes_ahead;  // set by the caller: a thread a stream decodes while its lines are used
    char *texts;  // what the pointers above point into: one block of memory
    size_t text_bytes;
};

/** A stretch of a file, and the lines that begin in it. */
struct archive_piece {
    size_t file;
    int64_t from;  // bytes of the text, [from, to)
    int64_t to;  // -1: to the end, of a compressed file
    int64_t work;  // what it will cost, in bytes of plain text
    // Of a compressed file that is decoded in parts, bytes on disk; all 0 when it is decoded from its start.
    int64_t stored_at;  // where decoding begins
    int64_t text_at;  // which byte of the text that is: at least 64 KiB before `from`
    int64_t stored_from;  // where `from` begins, if a part begins there
    int64_t stored_to;  // where `to` begins
};

/**
 * Finds the files of all sources, on rank 0, and tells everybody. Collective.
 *
 * A folder means all files below it but hidden ones and those that end in .part; so do globs. Links are
 * followed, loops of them are told. A file that is reached twice, by paths or by links, counts once. What a
 * file is is told by its content, never by its name: its first 64 KiB are read, unless it is remembered.
 *
 * @param sources       borrowed, [source_count]; only rank 0's are looked at
 * @param memory        borrowed, [memory_count]; only rank 0's is looked at
 * @param archive       filled, the same on every rank; end it with archive_clear. Untouched on failure.
 * @return              STATUS_NO_INPUT when there is no usable file at all
 */
MUST_CHECK enum status archive_find_again(const struct team *team, const struct archive_source *sources,
                                          size_t source_count, const struct archive_memory *memory,
                                          size_t memory_count, struct archive *archive, struct error *err);

/** As archive_find_again, remembering nothing. Collective. */
MUST_CHECK enum status archive_find(const struct team *team, const struct archive_source *sources,
                                    size_t source_count, struct archive *archive, struct error *err);

/** Frees what the archive holds and makes it empty. Local. */
void archive_clear(struct archive *archive);

/**
 * Reads the first bytes of a file, decompressed. Local.
 *
 * @param head   filled, [room]
 * @param count  returns how many there are: fewer than room only when the file has no more, or is broken
 * @return       STATUS_NO_MEMORY
 */
MUST_CHECK enum status archive_sniff(const struct archive *archive, size_t file, char *head, size_t room,
                                     size_t *count, struct error *err);

/**
 * Reads the last complete line of a plain file, without its line feed. Local.
 *
 * @param line   filled, [room]
 * @param count  returns its length, 0 when there is none: a compressed file, no line feed in the last 64 KiB,
 *               a line that starts before them or is longer than room, an empty line
 * @return       STATUS_NO_MEMORY
 */
MUST_CHECK enum status archive_last_line(const struct archive *archive, size_t file, char *line, size_t room,
                                         size_t *count, struct error *err);

/**
 * Reads the first line of a plain file that starts behind a place, without its line feed. Local.
 *
 * @param place  a byte of the file
 * @param line   filled, [room]
 * @param count  returns its length, 0 when there is none that starts and ends within `room` bytes of the
 * place, and for a compressed file
 * @return       STATUS_NO_MEMORY
 */
MUST_CHECK enum status archive_line_after(const struct archive *archive, size_t file, int64_t place,
                                          char *line, size_t room, size_t *count, struct error *err);

/**
 * Learns how much text there is, the hash of its tail, and the hash of the 64 KiB of text before a place.
 * Local.
 *
 * Of a plain file both are read where they are; a compressed one is decoded to its end.
 *
 * @param text   `bytes` (-1 when the file cannot be read), `tail_hash` and `is_broken` are filled
 * @param place  a byte of the text, 0 or more
 * @param hash   returns content_hash of the 64 KiB before `place`, or of what there is; 0 when the text is
 * shorter
 * @return       STATUS_NO_MEMORY
 */
MUST_CHECK enum status archive_measure(const struct archive *archive, size_t file, struct archive_text *text,
                                       int64_t place, uint64_t *hash, struct error *err);

/**
 * Cuts files into pieces, in order of files and offsets. Local.
 *
 * The pieces depend on the arguments and on the files' headers alone, never on ranks. Of a BGZF file, and of
 * a Zstandard file whose frames tell their size, a piece is some whole blocks or frames.
 *
 * @param file_wanted  borrowed, [file_count]: which files to cut; NULL: all
 * @param file_whole   borrowed, [file_count]: which files must be one piece; NULL: none. Compressed ones are
 *                     that cannot be decoded in parts.
 * @param piece_bytes  bytes of text in a piece, 1 or more; a block or frame may have more
 * @param pieces       returns new, [count]; free() it. NULL when there are none
 * @return             STATUS_NO_MEMORY
 */
MUST_CHECK enum status archive_pieces(const struct archive *archive, const bool *file_wanted,
                                      const bool *file_whole, int64_t piece_bytes,
                                      struct archive_piece **pieces, size_t *count, struct error *err);

/**
 * Tells which run of the pieces, [first, end), is a rank's. Local.
 *
 * A piece goes to the rank in whose equal share of the work its middle lies: no rank gets more than the mean
 * + the largest piece. Runs may be empty.
 *
 * @param pieces  borrowed, [count], in any order that is the same on every rank
 */
void archive_deal(const struct archive_piece *pieces, size_t count, int ranks, int rank, size_t *first,
                  size_t *end);

/**
 * Returns how many cores this process may use besides the one it runs on: by its affinity and, when it is not
 * bound, its share of them. Local.
 *
 * @param host_ranks  how many ranks there are on this host
 */
int archive_spare_cores(int host_ranks);

/** The lines of a piece. Opaque. */
struct stream;

/**
 * Opens a piece. A file that cannot be opened any more is a stream without lines and with a fault. Local.
 *
 * @param archive       borrowed until stream_close
 * @param buffer_bytes  how much to read at once; it grows up to LINE_MOST + 1 when a line needs it
 * @param stream        returns new; end it with stream_close
 * @return              STATUS_NO_MEMORY
 */
MUST_CHECK enum status piece_open(const struct archive *archive, const struct archive_piece *piece,
                                  size_t buffer_bytes, struct stream **stream, struct error *err);

/**
 * Hands out the next whole lines that the piece owns. Local.
 *
 * Each ends in a line feed, except perhaps the file's last one. Lines longer than LINE_MOST are left out:
 * then `offset` is more than the end of the block before, and lines on both sides of the gap are not
 * adjacent.
 *
 * @param lines   returns borrowed, [count], until the next call; NULL at the end of the piece
 * @param count   returns how many bytes; 0 at the end
 * @param offset  returns where the block starts, in decompressed bytes of the file
 * @return        STATUS_NO_MEMORY
 */
MUST_CHECK enum status stream_next(struct stream *stream, const char **lines, size_t *count, int64_t *offset,
                                   struct error *err);

/**
 * Reads the line before the piece's first one, without its line feed. Local.
 *
 * @param line   returns borrowed, [count], until stream_close; NULL when there is none, when it is longer
 * than LINE_MOST, and when the piece owns no line
 * @param count  returns its length, which may be 0 for an empty line
 */
void stream_previous(struct stream *stream, const char **line, size_t *count);

/** Returns how many lines longer than LINE_MOST were left out so far. Local. */
int64_t stream_long_lines(const struct stream *stream);

/** Returns how many bytes on disk were read so far; of a compressed file some more than what was handed out
 * needed. Local. */
int64_t stream_stored_bytes(const struct stream *stream);

/** Returns what stopped the stream before its end ("truncated gzip after 12 bytes"), borrowed, or NULL.
 * Local.
 */
const char *stream_fault(const struct stream *stream);

/** Returns whether the fault is of the disk (unreadable, gone, shrunk), not of what the file holds: next time
 * may be better. Local. */
bool stream_fault_passes(const struct stream *stream);

/**
 * Tells how much text the file has, once stream_next has come to the end of its last piece. Local.
 *
 * @param tail_hash    returns content_hash of the last 64 KiB
 * @param ends_inside  returns whether the last line has no line feed
 * @return           bytes of text, up to the fault if there is one; -1 when the piece does not end with the
 * file's text
 */
int64_t stream_text_bytes(struct stream *stream, uint64_t *tail_hash, bool *ends_inside);

/** Takes the stream, or NULL. Local. */
void stream_close(struct stream *stream);

#endif
