/* A day's tables by machine instead of by address, where leases say which machine had an address. */
#ifndef TABLE_MACHINES_H
#define TABLE_MACHINES_H

#include "table/table.h"

/* ---- machines.c ---- */

/** What is needed of a day whose tables change. */
struct placing {
    const struct leases *leases;
    const struct day_table *from;
    struct day_table to;  // rows, asked names, pairs and their lists; the rest stays empty
    int64_t start_s, window_s;
    struct map held;  // who had an address in a window
};

/** Finds whose an address was in the window of a time: a machine's number, or the address itself. Local. */
MUST_CHECK enum status placing_find(struct placing *placing, const uint8_t *octets, int64_t time_s,
                                    struct ip *number, struct error *err);

/** The tables of pairs, and of rows, as bits of dimensions. */
#define PAIR_TABLES (UINT32_C(1) << DAY_pair | UINT32_C(1) << DAY_type | UINT32_C(1) << DAY_second)
#define ROW_TABLE (UINT32_C(1) << DAY_row)

/** Moves the columns of these dimensions into the table, whose own ones are freed. Local. */
void tables_move(struct day_table *table, struct day_table *made, uint32_t dimensions);

/** Entries of one address and time, on their way to its machine. */
struct placed {
    int64_t time_s;
    struct ip number;
    uint32_t from, count;
};

/** An entry on its way: those of the same time, machine and number become one. */
struct placed_entry {
    uint32_t name;
    uint32_t at;  // in the table that was
    uint32_t is_next;  // 1: of the same as the one before
};

/** STATUS_NO_MEMORY, with what to do. Local. */
enum status placing_no_room(struct error *err);

/** Finds the runs of entries of one time and address, in the order of their machines: [*run_count] of *runs,
 * which begin as NULL; free() them. Local. */
MUST_CHECK enum status placed_runs_find(struct placing *placing, const int64_t *times, const uint8_t *ips,
                                        size_t count, struct placed **runs, size_t *run_count,
                                        struct error *err);

/** Fills entries[] in their new order: by run, and by name where runs of one machine meet; without names
 * (NULL) a run is an entry. Returns how many there are once equal ones are one. Local. */
size_t placed_order(const struct placed *runs, size_t run_count, const uint32_t *names,
                    struct placed_entry *entries);

/** Writes a machine's number, or an address, as octets and, unless `text` is NULL, as text. Local. */
void number_put(uint8_t *octets, char *text, const struct ip *number);

/** A sum that stays at the most there is. Local. */
static inline uint32_t sum_u32(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* ---- machine_rows.c ---- */

/** Makes the rows; the asked names have been made. Local. */
MUST_CHECK enum status machine_rows_make(struct placing *placing, struct day_table *made, struct error *err);

/* ---- machine_pairs.c ---- */

/** Makes placing->to's pairs, types and seconds; the asked names have been made. Local. */
MUST_CHECK enum status machine_pairs_make(struct placing *placing, struct error *err);

#endif
