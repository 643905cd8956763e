/* One file of a day: what day.c and the doors of this room share. */
#ifndef TABLE_SHARD_H
#define TABLE_SHARD_H

#include "store/store.h"
#include "table/table.h"

/** Room for a path in the store. */
#define PATH_BYTES 4352

/** Most parts of a day. */
#define PARTS_MOST 256

/** Room for the settings of a shard, with '\0'. */
#define SETTINGS_BYTES 16384

/** No table has more entries: numbers of names and domains have 32 bits, and heaps are read at once. */
#define ENTRIES_MOST ((size_t)1 << 36)

/** Writes the path of a shard's file. Local. */
void shard_path(const char *dir, int64_t day, int part, int parts, char *path, size_t room);

/** Returns a column as store/ wants it. Local. */
struct store_column shard_store_column(enum day_column column);

/** Returns the values of a column that is to be written, borrowed until the next call. */
typedef enum status shard_column(void *context, enum day_column column, const void **values,
                                 struct error *err);

/** As shard_write, of a table whose columns are asked for one by one; `head` has no arrays. Local. */
MUST_CHECK enum status shard_write_columns(const char *dir, const struct day_table *head, int parts,
                                           const struct shard_origin *origin, shard_column *values,
                                           void *context, struct error *err);

/** Reads the tables of `wanted` dimensions of one file, its indices checked. Local. */
MUST_CHECK enum status shard_read(const char *path, uint32_t wanted, struct day_table *table,
                                  struct error *err);

/** Reads the hashes of one file's domains; free() them, NULL when there are none. Local. */
MUST_CHECK enum status shard_read_domains(const char *path, uint64_t **hashes, size_t *count,
                                          struct error *err);

/** Reads one file's table version, at most TABLE_VERSION. Local. */
MUST_CHECK enum status shard_read_version(const char *path, int64_t *version, struct error *err);

/** Reads what one file was made of; free() settings and inputs. Local. */
MUST_CHECK enum status shard_read_origin(const char *path, char **settings, uint64_t **inputs, size_t *count,
                                         int64_t *parts, struct error *err);

#endif
