/* What the files of this room share: HDF5's faults as ours, the types, and the writer's inside. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/store.h"

#include <hdf5.h>

/* ---- fault.c: HDF5's results as statuses ---- */

/* Where we are, for the error's text. */
struct place {
    const char *path;
    const char *name;  // of the variable or attribute; NULL when it is about the whole file
    enum status status;  // of a fault here: STATUS_IO in a writer, STATUS_CORRUPT in a reader
};

/* Keeps HDF5 from printing its error stack. */
void hdf5_quiet(void);

/* STATUS_OK unless `result`, what an HDF5 function has just returned, is negative; then the error, with the
 * system's reason from HDF5's stack where there is one. `step` says what could not be done. */
MUST_CHECK enum status hdf5_checked(int64_t result, const struct place *place, const char *step,
                                    struct error *err);

/* The error of a system call: "PATH: STEP: why", with a hint for a full disk and for missing rights. */
MUST_CHECK enum status system_fault(const char *path, const char *step, int number, struct error *err);

/* Closes any handle but a file's; takes H5I_INVALID_HID. */
void hdf5_close(hid_t id);

/* Debug builds: aborts when something in the file is still open, which closing the file would close in
 * silence. */
void file_check_alone(hid_t file);

/* ---- type.c ---- */

/* HDF5's type for one element, in the file and in memory; not to be closed. */
hid_t type_hdf5(enum store_type type);

/* One of "iufc". */
char type_class(enum store_type type);

/* Finds which of our types `id` is; false when it is none. */
bool type_find(hid_t id, enum store_type *type);

/* The status of `place` when one of the values is NaN or infinite; `first` is the number of values[0]. */
MUST_CHECK enum status values_check_finite(enum store_type type, const void *values, size_t count,
                                           uint64_t first, const struct place *place, struct error *err);

/* ---- chunk.c: shuffle and deflate ---- */

struct packer;

/* Returns a new packer, or NULL without memory. */
struct packer *packer_new(void);

void packer_free(struct packer *packer);

/* Packs one chunk as HDF5's filters shuffle and deflate would; values behind `count` are zeros up to
 * `chunk_count`. `packed` is borrowed until the next call. */
MUST_CHECK enum status packer_pack(struct packer *packer, const void *values, size_t count,
                                   size_t chunk_count, size_t width, const void **packed,
                                   size_t *packed_bytes, struct error *err);

/* ---- file.c: temporary names, checksum line, rename ---- */

/* Makes the temporary file of `path`, empty, so that a fault has the system's own reason. */
MUST_CHECK enum status file_make(const char *temporary, const char *path, struct error *err);

/* STATUS_IO when the disk has no room for `bytes` more. */
MUST_CHECK enum status file_check_room(const char *temporary, const char *path, size_t bytes,
                                       struct error *err);

/* Writes `count` bytes into the temporary file of `path`. */
MUST_CHECK enum status file_write(const char *temporary, const char *path, const void *bytes, size_t count,
                                  struct error *err);

/* Adds the checksum line, syncs, renames, syncs the folder. */
MUST_CHECK enum status file_seal(const char *temporary, const char *path, struct error *err);

/* Compares a file with its checksum line, if it has one. */
MUST_CHECK enum status file_check(const char *path, struct error *err);

/* ---- writer.c ---- */

struct dimension {
    char name[STORE_NAME_BYTES];
    size_t size;
    bool made;  // it is in the file
};

/* Where an attribute goes that is noted for later. */
enum attribute_home { HOME_ROOT, HOME_VARIABLE, HOME_PROVENANCE };

struct attribute {
    enum attribute_home home;
    char variable[STORE_NAME_BYTES];
    char name[STORE_NAME_BYTES];
    char *text;  // a text, or NULL for numbers
    void *numbers;  // [count] of `type`, or [1] when count is 0
    enum store_type type;
    size_t count;  // 0: a scalar
};

/* A column that is written in parts. */
struct partial {
    char name[STORE_NAME_BYTES];
    size_t rows, expected;  // written so far, and in all
};

struct store_writer {
    char *path;
    char *temporary;
    bool owner;  // this rank makes, seals and removes the file
    bool together;  // written by a team through MPI-IO
    hid_t file;
    struct packer *packer;  // NULL when written together
    struct dimension *dimensions;  // [dimension_count], a dimension's place is its netCDF number
    size_t dimension_count;
    size_t dimension_capacity;
    struct attribute *attributes;  // [attribute_count]
    size_t attribute_count;
    size_t attribute_capacity;
    struct partial *partials;  // [partial_count]
    size_t partial_count;
};

/* ---- column.c ---- */

/* STATUS_FAILED with the name of a column that was begun in parts and is not whole. */
MUST_CHECK enum status partials_check(const struct store_writer *writer, struct error *err);

/* ---- dimension.c ---- */

/* A dataset's creation plan: no times, attributes in the order of their creation. */
MUST_CHECK enum status plan_make(const struct place *place, hid_t *plan, struct error *err);

/* The number of a dimension, or dimension_count. */
size_t dimension_find(const struct store_writer *writer, const char *name);

/* Writes the dimension as one without variable, unless it is in the file. */
MUST_CHECK enum status dimension_make(struct store_writer *writer, size_t number, struct error *err);

/* Makes a new 1-D dataset the coordinate of its dimension. */
MUST_CHECK enum status dimension_become(struct store_writer *writer, size_t number, hid_t dataset,
                                        struct error *err);

/* Ties axis `axis` of a dataset to the dimension. */
MUST_CHECK enum status dimension_attach(struct store_writer *writer, size_t number, hid_t dataset, int axis,
                                        struct error *err);

/* ---- attribute.c ---- */

/* Whether a name is one that netCDF takes too: a letter, then letters, digits and '_'. */
MUST_CHECK enum status name_check(const char *path, const char *name, struct error *err);

MUST_CHECK enum status attribute_write_text(hid_t object, const char *name, const char *text,
                                            const struct place *place, struct error *err);

/* count 0 makes a scalar. */
MUST_CHECK enum status attribute_write_numbers(hid_t object, const char *name, enum store_type type,
                                               size_t count, const void *numbers, const struct place *place,
                                               struct error *err);

/* Writes all that was noted. */
MUST_CHECK enum status attributes_write(struct store_writer *writer, struct error *err);

void attributes_free(struct store_writer *writer);

/* ---- reader.c, read_attribute.c ---- */

struct store_reader {
    char *path;
    hid_t file;
};

/* A variable that was opened and understood. */
struct opened {
    hid_t dataset;
    enum store_type type;
    int rank;
    size_t shape[2];
    bool only_dimension;
};

/* Opens a variable; close opened->dataset with hdf5_close. */
MUST_CHECK enum status variable_open(const struct store_reader *reader, const char *name,
                                     struct opened *opened, struct error *err);

/* Reads rows of it, as store_get. */
MUST_CHECK enum status variable_read(const struct store_reader *reader, const char *name,
                                     const struct opened *opened, size_t first_row, size_t row_count,
                                     void *values, struct error *err);

/* Reads the text attribute of an open object, "" when it has none. */
MUST_CHECK enum status object_text(const struct store_reader *reader, const char *variable, hid_t object,
                                   const char *name, char *text, size_t room, struct error *err);

/* ---- digest.c ---- */

/* The two halves of digest_column, for values that come in pieces; `first` is the number of values[0]. */
void digest_head(struct digest *digest, const char *name, enum store_type type, int rank, const size_t *shape,
                 const char *units);
MUST_CHECK enum status digest_values(struct digest *digest, enum store_type type, const void *values,
                                     size_t count, uint64_t first, const struct place *place,
                                     struct error *err);

#endif
