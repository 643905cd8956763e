/* How the columns of a day lie in its file: some in the smallest type that holds them, and some not at all,
 * since others tell them. */
#ifndef TABLE_LAYOUT_H
#define TABLE_LAYOUT_H

#include "store/store.h"
#include "table/table.h"

/** Clients whose hashes stand in client_hash, each once. */
struct layout_askers {
    uint64_t *hashes;  // [count], ascending
    size_t count;
    uint32_t *numbers;  // [client]: of client_hash's entries, among the hashes
};

/** Finds the distinct hashes; free them with layout_free_askers, also when it fails. Local. */
MUST_CHECK enum status layout_find_askers(const uint64_t *client_hash, size_t count,
                                          struct layout_askers *askers, struct error *err);

/** Frees what askers hold. Local. */
void layout_free_askers(struct layout_askers *askers);

/** Returns whether a column is in the file. Local. */
bool layout_is_stored(enum day_column column);

/** Writes a column of `count` entries in its form. Local. */
MUST_CHECK enum status layout_put(struct store_writer *writer, enum day_column column, const void *values,
                                  size_t count, struct error *err);

/** Writes the askers in the place of client_hash, of `count` entries; their dimension is noted. Local. */
MUST_CHECK enum status layout_put_askers(struct store_writer *writer, const struct layout_askers *askers,
                                         size_t count, struct error *err);

/** Reads `count` entries of a column that is in the file. Local. */
MUST_CHECK enum status layout_get(const struct store_reader *reader, const char *path, enum day_column column,
                                  void *values, size_t count, struct error *err);

/** Reads client_hash. Local. */
MUST_CHECK enum status layout_get_clients(const struct store_reader *reader, const char *path,
                                          uint64_t *client_hash, size_t count, struct error *err);

/** Finds the hashes of names or domains in their texts, whose ends are known to fit. Returns STATUS_CORRUPT
 * when one is no name, or when they are not in the order of their hashes. Local. */
MUST_CHECK enum status layout_hash(const char *path, const char *text, const int64_t *ends, size_t count,
                                   uint64_t *hashes, struct error *err);

/** The dimension of askers. */
#define LAYOUT_ASKER "asker"

#endif
