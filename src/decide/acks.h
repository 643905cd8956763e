/**
 * What people said of findings: real, benign or unknown, until a date, and why.
 *
 *     quern ack ──acks_add──► output.dir/acks.csv ──acks_read──► struct acks ──acks_mark──► incidents,
 * verdicts
 *
 * A line is about a pair and a mechanism, so that a new domain or another mechanism of the same host is told
 * again. Of several lines for one of them the last holds. The file is a table that people may edit.
 */
#ifndef DECIDE_ACKS_H
#define DECIDE_ACKS_H

#include "base/error.h"
#include "base/ip.h"
#include "evidence/evidence.h"

#include <stddef.h>
#include <stdint.h>

enum ack { ACK_NONE, ACK_REAL, ACK_BENIGN, ACK_UNKNOWN, ACKS };

/** The words as flag_meanings, in the order of enum ack. */
#define ACK_MEANINGS "none real benign unknown"

/** Returns the word, such as "benign". Borrowed, static. Local. */
const char *ack_name(enum ack ack);

/** Reads a word but "none". Returns false when it is none of them. Local. */
bool ack_read(const char *text, enum ack *ack);

/** A line of acks.csv. */
struct ack_line {
    struct ip ip;
    uint64_t domain;  // content hash; 0 when it is about the host
    int64_t day;  // local, on which it was said
    int64_t until;  // last day of evidence that it holds for; INT64_MAX without end
    int32_t mechanism;  // −1: any
    int32_t ack;  // enum ack
    bool any_host, any_domain;
};

struct acks {
    struct ack_line *items;  // [count] in the order of the file
    size_t count, capacity;
    int64_t odd;  // lines that are no entry
    int64_t first_odd;  // the first one's number
};

/** How many pairs of a mechanism were called what; the last word on each counts. */
struct ack_count {
    int64_t real, benign, unknown;
};

/**
 * Reads acks.csv. Local.
 *
 * @param acks  filled; free it with acks_clear. Without the file there are none.
 * @return      STATUS_IO, STATUS_NO_MEMORY; lines that are no entry are counted
 */
MUST_CHECK enum status acks_read(const char *path, struct acks *acks, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void acks_clear(struct acks *acks);

/**
 * Says of each piece of evidence what people said of it. Local.
 *
 * A name on a critical list is never benign: the list is there to win.
 *
 * @param machines  borrowed; an address stands for the machine that had it on the evidence's day
 * @param marks     filled, [evidence->count], enum ack
 */
void acks_mark(const struct acks *acks, const struct machine_plan *machines,
               const struct evidence_list *evidence, uint8_t *marks);

/** Counts what people said, by mechanism. Local.
 *
 * @param counts  filled, [MECHANISMS]
 */
MUST_CHECK enum status acks_count(const struct acks *acks, struct ack_count *counts, struct error *err);

/** What quern ack adds: as it will stand in the file. Texts are borrowed. */
struct ack_entry {
    const char *host;  // an address, or "*"
    const char *domain;  // as BIND prints it, "" when it is about the host, or "*"
    const char *mechanism;  // or "*"
    uint64_t incident;  // 0: none
};

/**
 * Adds lines to acks.csv, which is replaced as a whole. Local.
 *
 * @param until   last day, INT64_MAX without end
 * @param reason  borrowed, in UTF-8
 * @return        STATUS_IO; STATUS_USAGE for an entry that acks_read would not take
 */
MUST_CHECK enum status acks_add(const char *path, const struct ack_entry *entries, size_t count, enum ack ack,
                                int64_t day, int64_t until, const char *reason, struct error *err);

#endif
