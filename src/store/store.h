/**
 * quern's files: HDF5 in netCDF-4 conventions, replaced as a whole, compared by digest.
 *
 *     store_create ─► store_dimension ─► store_put ─► store_finish ─► PATH ─► store_open ─► store_get
 *                     store_attribute_*                                └────► store_digest
 *
 * Only this room calls HDF5. A file is written under a temporary name beside it and renamed when it is whole
 * and on disk, so under its final name there is always a whole file, the old one or the new one. What is
 * written holds no NaN and no infinity.
 *
 * There are two kinds of writer. One of store_create_local belongs to one rank, which writes whole columns:
 * its calls end in _local, and the packed file is held in memory until it is whole. One of store_create
 * belongs to a team: each rank writes its rows, and the bytes of the file are the same for any number of
 * ranks. Dimensions and attributes are only noted down (Local), and reach the file with the first column that
 * needs them or at the end; for a team's writer every rank notes the same, in the same order.
 *
 * A finished file ends with a line behind the HDF5 data, which other readers do not see: a checksum of all
 * bytes before it. A reader that finds it checks it before HDF5 looks at the file, since HDF5 1.10 can crash
 * on damaged metadata. A file that another program has changed has no such line, and is read with the checks
 * that are left.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"
#include "base/hash.h"
#include "parallel/parallel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A name with its '\0', and a text of `units` or `long_name` with its '\0', are at most this long. */
#define STORE_NAME_BYTES 64
#define STORE_TEXT_BYTES 256

enum store_type {
    STORE_I8,
    STORE_U8,
    STORE_I16,
    STORE_U16,
    STORE_I32,
    STORE_U32,
    STORE_I64,
    STORE_U64,
    STORE_F32,
    STORE_F64,
    STORE_CHAR,  // (n, width) bytes of UTF-8 text, padded with '\0'
};

/** Returns the bytes of one element. Local. */
size_t store_type_bytes(enum store_type type);

/** One variable of a file, as its writer or its reader wants it. */
struct store_column {
    const char *name;  // "row_queries"
    enum store_type type;
    const char *dimensions[2];  // their names; the second NULL for 1-D, both NULL for a scalar
    const char *units;  // NULL or "": none. "seconds since 1970-01-01 00:00:00" brings CF's `calendar` along
    const char *long_name;  // NULL or "": none
    const char *flag_meanings;  // of a STORE_I8, "none notice warning": flag_values are 0, 1, 2; NULL: none
};

struct store_writer;
struct store_reader;

/**
 * Starts the file that this rank alone writes. Local.
 *
 * @param path    borrowed; its folder exists
 * @param writer  returns new; end it with store_finish_local or store_abandon_local
 * @return        STATUS_IO when the folder cannot be written, STATUS_NO_MEMORY
 */
MUST_CHECK enum status store_create_local(const char *path, struct store_writer **writer, struct error *err);

/**
 * Starts the file that all ranks write together, through MPI-IO; a team of team_alone as store_create_local.
 * Collective.
 *
 * @param path    borrowed, the same on every rank
 * @param writer  returns new; end it with store_finish or store_abandon
 * @return        as store_create_local, the same on every rank
 */
MUST_CHECK enum status store_create(const struct team *team, const char *path, struct store_writer **writer,
                                    struct error *err);

/** How a file lies on a parallel file system, which may ignore it; 0 is its own choice. No content depends on
 * it. */
struct store_layout {
    int64_t stripe_count;  // storage targets: MPI-IO's striping_factor
    int64_t stripe_bytes;  // of one of them at a time: striping_unit; chunks of 64 KiB and more begin at
                           // multiples
};

/** As store_create, with a layout (or NULL); of a team of team_alone it is not used. Collective. */
MUST_CHECK enum status store_create_laid(const struct team *team, const char *path,
                                         const struct store_layout *layout, struct store_writer **writer,
                                         struct error *err);

/**
 * Notes a dimension, once, before the first column that has it. Local.
 *
 * It becomes a dimension without variable, unless a 1-D column of its own name makes it a coordinate; that
 * column then comes before all others of the dimension.
 *
 * @param size  may be 0
 */
MUST_CHECK enum status store_dimension(struct store_writer *writer, const char *name, size_t size,
                                       struct error *err);

/**
 * Writes a whole column. Local.
 *
 * @param values  borrowed, [product of its dimensions' sizes]; NULL when that is 0
 * @return        STATUS_FAILED for a NaN or an infinity, with variable and index, and for a column that does
 * not fit what was said before; STATUS_IO when the disk is full
 */
MUST_CHECK enum status store_put_local(struct store_writer *writer, const struct store_column *column,
                                       const void *values, struct error *err);

/**
 * Writes a column, each rank its rows, which together are all rows of the first dimension. Collective.
 *
 * Rows of a rank lie together; which rank has which makes no difference to the file. Whole chunks (some 512
 * KiB) to a rank are fastest. A scalar is one row.
 *
 * @param column     borrowed, the same on every rank
 * @param first_row  this rank's rows [first_row, first_row + row_count)
 * @param row_count  may be 0
 * @param values     borrowed, [row_count] or [row_count, second dimension]; NULL when that is 0
 * @return           as store_put_local, the same on every rank
 */
MUST_CHECK enum status store_put_rows(const struct team *team, struct store_writer *writer,
                                      const struct store_column *column, size_t first_row, size_t row_count,
                                      const void *values, struct error *err);

/**
 * As store_put_rows, some rows at a time: each rank brings its rows of this call, and all calls together
 * bring every row once, which store_finish checks. Collective.
 *
 * The first call makes the variable. What is written does not depend on how the rows are cut, but for the
 * place of its chunks in the file. A file of a team of team_alone takes whole columns only.
 */
MUST_CHECK enum status store_put_part(const struct team *team, struct store_writer *writer,
                                      const struct store_column *column, size_t first_row, size_t row_count,
                                      const void *values, struct error *err);

/** Notes a text attribute of a variable, or of the file when `variable` is NULL. Borrows all. Local. */
MUST_CHECK enum status store_attribute_text(struct store_writer *writer, const char *variable,
                                            const char *name, const char *value, struct error *err);

/** Notes an integer as attribute; as store_attribute_text. Local. */
MUST_CHECK enum status store_attribute_i64(struct store_writer *writer, const char *variable,
                                           const char *name, int64_t value, struct error *err);

/** Notes a finite number as attribute; as store_attribute_text. Local. */
MUST_CHECK enum status store_attribute_f64(struct store_writer *writer, const char *variable,
                                           const char *name, double value, struct error *err);

/** Notes a list of `count` integers, at least one, as attribute; as store_attribute_text. Local. */
MUST_CHECK enum status store_attribute_i64_list(struct store_writer *writer, const char *variable,
                                                const char *name, const int64_t *values, size_t count,
                                                struct error *err);

/** Notes a text attribute of the group /provenance, which no digest sees. Borrows all. Local. */
MUST_CHECK enum status store_provenance_text(struct store_writer *writer, const char *name, const char *value,
                                             struct error *err);

/**
 * Writes what is left, syncs file and folder, and gives the file its final name. Takes the writer, also when
 * it fails: the temporary file is then gone, and an earlier file under the final name untouched. Local.
 */
MUST_CHECK enum status store_finish_local(struct store_writer *writer, struct error *err);

/** As store_finish_local, for a writer of store_create. Collective. */
MUST_CHECK enum status store_finish(const struct team *team, struct store_writer *writer, struct error *err);

/** Takes the writer (or NULL) and removes its temporary file. Local. */
void store_abandon_local(struct store_writer *writer);

/** As store_abandon_local, for a writer of store_create. Collective. */
void store_abandon(const struct team *team, struct store_writer *writer);

/**
 * Opens a file for reading, after comparing it with its checksum. Local.
 *
 * @param reader  returns new; end it with store_close
 * @return        STATUS_IO when it cannot be read, STATUS_CORRUPT when it is damaged or no HDF5 file
 */
MUST_CHECK enum status store_open_local(const char *path, struct store_reader **reader, struct error *err);

/** Takes the reader, or NULL. Local. */
void store_close(struct store_reader *reader);

/** Returns whether the file has this variable or dimension. Local. */
bool store_has(const struct store_reader *reader, const char *name);

/** Reads the size of a dimension. Local. */
MUST_CHECK enum status store_dimension_size(const struct store_reader *reader, const char *name, size_t *size,
                                            struct error *err);

/**
 * Checks that a dimension has this size: what is read into rows of a fixed width asks first. Local.
 *
 * @return  STATUS_CORRUPT with path and dimension when it is not there or has another size
 */
MUST_CHECK enum status store_dimension_expect(const struct store_reader *reader, const char *name,
                                              size_t expected, struct error *err);

/**
 * Reads rows [first_row, first_row + row_count) of a variable; a scalar is one row. Local.
 *
 * @param column  borrowed; its name, type and dimensions are what the file must have
 * @param values  filled, [row_count] or [row_count, second dimension]; may be NULL when that is 0
 * @return        STATUS_CORRUPT, with path and variable, when it is not there, has another type or shape or
 * fewer rows, cannot be decoded, or holds a NaN or an infinity
 */
MUST_CHECK enum status store_get(const struct store_reader *reader, const struct store_column *column,
                                 size_t first_row, size_t row_count, void *values, struct error *err);

/** Finds out which type a variable has. Returns STATUS_CORRUPT when it is not there or has none. Local. */
MUST_CHECK enum status store_variable_type(const struct store_reader *reader, const char *name,
                                           enum store_type *type, struct error *err);

/** Returns whether a variable, or the file when it is NULL, has this attribute. Local. */
bool store_has_attribute(const struct store_reader *reader, const char *variable, const char *name);

/**
 * Reads a text attribute of a variable, or of the file when `variable` is NULL. Local.
 *
 * @param text  filled, [room] with the '\0'
 * @return      STATUS_CORRUPT when it is not there, is no text or does not fit
 */
MUST_CHECK enum status store_get_attribute_text(const struct store_reader *reader, const char *variable,
                                                const char *name, char *text, size_t room, struct error *err);

/** Reads an integer attribute; as store_get_attribute_text. Local. */
MUST_CHECK enum status store_get_attribute_i64(const struct store_reader *reader, const char *variable,
                                               const char *name, int64_t *value, struct error *err);

/** Reads an attribute that is a finite number; as store_get_attribute_text. Local. */
MUST_CHECK enum status store_get_attribute_f64(const struct store_reader *reader, const char *variable,
                                               const char *name, double *value, struct error *err);

/**
 * Reads an attribute that is a list of integers; as store_get_attribute_text. Local.
 *
 * @param values  filled, [room]
 * @param count   returns how many there are, at most `room`
 */
MUST_CHECK enum status store_get_attribute_i64_list(const struct store_reader *reader, const char *variable,
                                                    const char *name, int64_t *values, size_t room,
                                                    size_t *count, struct error *err);

/** Reads a text of /provenance; as store_get_attribute_text. Local. */
MUST_CHECK enum status store_get_provenance_text(const struct store_reader *reader, const char *name,
                                                 char *text, size_t room, struct error *err);

/** What store_list tells of a variable; its texts are borrowed until the callback returns. */
struct store_variable {
    const char *name;
    enum store_type type;
    int rank;  // 0 … 2
    size_t shape[2];
    const char *units;  // "" none
    const char *long_name;  // "" none
    bool only_dimension;  // a dimension without variable: shape[0] is its size, type says nothing
};

typedef enum status store_visit(const struct store_variable *variable, void *context, struct error *err);

/** Calls `visit` for each variable and dimension, in the order of names as bytes, until it fails. Local. */
MUST_CHECK enum status store_list(const struct store_reader *reader, store_visit *visit, void *context,
                                  struct error *err);

/**
 * Works out the digest of a file's content: 32 hexadecimal digits of XXH3-128 over its variables and
 * dimensions in the order of names, each by digest_column or digest_dimension. Local.
 *
 * How the file is laid out, its attributes other than `units`, and /provenance do not count.
 *
 * @param left_out  borrowed, ends with NULL; may be NULL. "line_" leaves out all that starts so, and the
 * dimension "line"; that one is always left out
 */
MUST_CHECK enum status store_digest(const char *path, const char *const *left_out, char hex[33],
                                    struct error *err);

/**
 * Adds a column to a digest, just as store_digest does for a file's. Local.
 *
 * The bytes: name, 0, class (one of "iufc"), bytes of an element, rank, each size in 8 bytes, units, 0, and
 * the values, all little-endian, −0 as +0.
 *
 * @param shape   borrowed, [rank]
 * @param values  borrowed, [product of shape]; a scalar is one
 * @return        STATUS_CORRUPT for a NaN or an infinity, with name and index
 */
MUST_CHECK enum status digest_column(struct digest *digest, const char *name, enum store_type type, int rank,
                                     const size_t *shape, const char *units, const void *values,
                                     struct error *err);

/** Adds a dimension without variable to a digest: name, 0, "d", its size in 8 bytes. Local. */
void digest_dimension(struct digest *digest, const char *name, size_t size);

/** Returns how many of HDF5's handles are open in this process: 0 when all was closed. Local. */
int64_t store_open_handles(void);

#endif
