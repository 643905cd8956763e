/**
 * The store on disk: shards' files, and what is known of the logs.
 *
 *     struct day_table ──shard_write──► store/YYYY-MM-DD.h5 ──day_read_machines──► struct day_table ──► rows/
 *
 * A shard's file holds raw integers only, so that a calendar, a rule or a feature may change without reading
 * a log again.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "base/error.h"
#include "base/ip.h"
#include "base/zone.h"
#include "feature/feature.h"
#include "job/calendar.h"
#include "job/job.h"
#include "job/leases.h"
#include "parallel/parallel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- shards ---- */

/** What a shard was made of: it is kept by a later run when both are still the same. */
struct shard_origin {
    const char *settings;  // "key=value" lines, all that the tables depend on besides the logs
    const uint64_t
        *inputs;  // ascending identities of the files with lines of this day (struct known_file's id)
    size_t input_count;
};

/** Stands among a shard's inputs, before all others, when a file went or failed while it was read. */
#define INPUT_INCOMPLETE 0

/**
 * Writes a finished shard under its final name, whole or not at all, and removes files of the same day that
 * were cut into another number of parts. Local.
 *
 * @param dir     borrowed; the store's folder
 * @param parts   how many parts a day has
 * @return        STATUS_IO
 */
MUST_CHECK enum status shard_write(const char *dir, const struct day_table *table, int parts,
                                   const struct shard_origin *origin, struct error *err);

/** Slices of a shard by client, each a finished table, on their way to one file. Opaque. */
/** As shard_write, of a shard whose columns are made while they are written. Local. */
MUST_CHECK enum status shard_write_finishing(const char *dir, struct finishing *finishing, int parts,
                                             const struct shard_origin *origin, struct error *err);

struct shard_pile;

/**
 * Begins an empty pile. Local.
 *
 * @param dir   borrowed for life; the store's folder, where slices wait
 * @param pile  returns new; end it with shard_pile_free
 */
MUST_CHECK enum status shard_pile_new(const char *dir, struct shard_pile **pile, struct error *err);

/** Adds a slice, the one with resolvers and files first. Local. */
MUST_CHECK enum status shard_pile_add(struct shard_pile *pile, const struct day_table *table,
                                      struct error *err);

/** Writes the shard as shard_write does, as if it had never been cut into slices; once. Local. */
MUST_CHECK enum status shard_pile_write(struct shard_pile *pile, int parts, const struct shard_origin *origin,
                                        struct error *err);

/** Takes the pile, or NULL. Local. */
void shard_pile_free(struct shard_pile *pile);

/** A day in the store. */
struct store_day {
    int64_t day;
    int parts;  // all of them are there
};

/**
 * Reads by which version of quern's tables a day was written; one below TABLE_VERSION is made anew from its
 * logs. Local.
 *
 * @return  STATUS_MISMATCH when it is above TABLE_VERSION
 */
MUST_CHECK enum status shard_version_read(const char *dir, const struct store_day *day, int64_t *version,
                                          struct error *err);

/**
 * Lists the whole days of a store, ascending. Local.
 *
 * @param days  returns new, [count]; free() it. A folder that does not exist has none.
 */
MUST_CHECK enum status store_days(const char *dir, struct store_day **days, size_t *count, struct error *err);

/** As store_days by rank 0, which tells the others. Collective. */
MUST_CHECK enum status store_days_shared(const struct team *team, const char *dir, struct store_day **days,
                                         size_t *count, struct error *err);

/**
 * Reads what a day's shards were made of. Local.
 *
 * @param settings  returns new text; free() it
 * @param inputs    returns new, [input_count]; free() it
 */
MUST_CHECK enum status shard_origin_read(const char *dir, const struct store_day *day, char **settings,
                                         uint64_t **inputs, size_t *input_count, struct error *err);

/**
 * Reads a day, all parts of it merged into one table. Local.
 *
 * @param table  filled; free its arrays with day_table_clear
 * @return       STATUS_CORRUPT naming file and variable; STATUS_MISMATCH for another table version
 */
MUST_CHECK enum status day_read(const char *dir, const struct store_day *day, struct day_table *table,
                                struct error *err);

/** Every dimension of a day, for day_read_some. */
#define DAY_ALL ((UINT32_C(1) << DAY_DIMENSIONS) - 1)

/** The dimensions that describe domains: names, first queries and clients of each. */
#define DAY_DOMAINS (UINT32_C(1) << DAY_domain | UINT32_C(1) << DAY_domain_byte | UINT32_C(1) << DAY_client)

/** The dimensions that describe names, and with them their domains. */
#define DAY_NAMES (DAY_DOMAINS | UINT32_C(1) << DAY_name | UINT32_C(1) << DAY_name_byte)

/** The dimensions that describe the pieces of logs, and where their minutes begin. */
#define DAY_PIECES                                                                                           \
    (UINT32_C(1) << DAY_line | UINT32_C(1) << DAY_line_path_byte | UINT32_C(1) << DAY_minute |               \
     UINT32_C(1) << DAY_reject | UINT32_C(1) << DAY_reject_byte)

/** The dimensions that tell who asked for which names, and when. */
#define DAY_PAIRS                                                                                            \
    (DAY_NAMES | UINT32_C(1) << DAY_asked | UINT32_C(1) << DAY_pair | UINT32_C(1) << DAY_type |              \
     UINT32_C(1) << DAY_second)

/**
 * As day_read, but only some of the tables; the others are empty. Local.
 *
 * @param wanted  a bit a dimension, with each table the ones that it points into
 */
MUST_CHECK enum status day_read_some(const char *dir, const struct store_day *day, uint32_t wanted,
                                     struct day_table *table, struct error *err);

/** Where addresses move: whose they were, and how rows are cut. Borrowed. */
struct machine_plan {
    const struct leases *leases;  // NULL: an address is a machine
    const struct zone *zone;  // of the store's days
    int64_t window_s;  // of the store's rows
};

/**
 * As day_read_some, with machines instead of addresses wherever a lease says whose the address was: rows,
 * asked names and pairs of a machine under several addresses are one, in their order. Local.
 *
 * In a window an address is the machine's that had it longest, of equals the first; where no lease has it, it
 * stays an address. A pair that several machines share is divided by their windows.
 *
 * @return  also STATUS_LIMIT when a machine's rows together have more queries than a row can
 */
MUST_CHECK enum status day_read_machines(const char *dir, const struct store_day *day, uint32_t wanted,
                                         const struct machine_plan *plan, struct day_table *table,
                                         struct error *err);

/** Does it to a table that was read. Local. */
MUST_CHECK enum status day_place_machines(const struct machine_plan *plan, struct day_table *table,
                                          struct error *err);

/**
 * Returns the number of the machine whose an address was in the window of a time, or the address itself.
 * Local.
 *
 * @param start_s   where windows begin: the start of the day
 */
struct ip machine_of(const struct leases *leases, const struct ip *ip, int64_t start_s, int64_t window_s,
                     int64_t time_s);

/** Returns whether an address is in the range, or a machine had one that is on that local day. Local. */
bool machine_in_range(const struct machine_plan *plan, const struct ip *ip, int64_t day,
                      const struct ip_range *range);

/** Reads how many rows a day has. Local. */
MUST_CHECK enum status day_row_count(const char *dir, const struct store_day *day, int64_t *rows,
                                     struct error *err);

/** Reads only the hashes of a day's domains, ascending, doubles between parts dropped. free() them. Local. */
MUST_CHECK enum status day_read_domains(const char *dir, const struct store_day *day, uint64_t **hashes,
                                        size_t *count, struct error *err);

/** What store_prune removed, or would remove. */
struct store_pruned {
    int64_t days, files, bytes;
    int64_t kept_days, first_day, last_day;  // the days that stay
};

/**
 * Removes the files of all days but the last `keep` ones, counted back from the newest day, and files that
 * are not whole because their writer was killed. The caller holds the locks of the store's writers and
 * readers. Local.
 *
 * @param dry     whether to count only
 * @param pruned  filled
 * @return        STATUS_IO, STATUS_NO_INPUT when there is no day
 */
MUST_CHECK enum status store_prune(const char *dir, int64_t keep, bool dry, struct store_pruned *pruned,
                                   struct error *err);

/** What a digest of a shard's file leaves out, for store_digest: where lines came from, not what they say. */
extern const char *const DAY_LEFT_OUT[];

/** Writes the digest of a store's content, days in order and parts merged, as 32 hexadecimal digits. Local.
 */
MUST_CHECK enum status store_dir_digest(const char *dir, char hex[33], struct error *err);

/* ---- what is known of the logs ---- */

/** Lines of a file that belong to one day. */
struct file_day {
    int64_t day;
    int64_t kinds[LINE_COUNTS];
};

/** A log file that was read, so that a later run need not open it. */
struct known_file {
    char *path;  // the last one known; files are known by content
    int64_t bytes, mtime_ms;
    int64_t device, inode;
    int64_t compression;  // as archive/ numbers them
    int64_t text_bytes;  // decompressed, up to where it was read
    int64_t first_hash, head_hash, tail_hash;  // of the text: first line, first and last 64 KiB
    int64_t source_hash;  // of the settings its lines were read with
    int64_t id;  // what shards call it; stays when it grows, is renamed or compressed. 0: no shard has it
    int64_t same_as;  // id of the file that has the same lines, which are counted there; 0
    int64_t ends_inside;  // 1: its last line has no line feed
    int64_t is_broken;  // 1: what follows could not be decoded
    int64_t from_day, end_day;  // days that were asked for then
    int64_t first_ms, last_ms;  // least and largest time in it; the first is larger when there is none
    int64_t kinds[LINE_COUNTS];
    int64_t log_bytes;  // decompressed bytes of its lines
    int64_t fold_guessed;
    struct file_day *days;  // [day_count] ascending: days asked for then that it has lines in
    size_t day_count;
};

struct known {
    struct known_file *files;  // [count]
    size_t count, capacity;
    bool is_older;  // by a version whose tables this quern does not read: logs that are there are read again
};

/** Reads what the store knows of logs; a store without it knows nothing. Free it with known_clear. Local. */
MUST_CHECK enum status known_read(const char *dir, struct known *known, struct error *err);

/** Writes it, whole or not at all. Local. */
MUST_CHECK enum status known_write(const char *dir, const struct known *known, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void known_clear(struct known *known);

#endif
