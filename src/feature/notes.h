/* Queries as they come: a list of small notes, of which the entries of asked names and pairs are made when
 * all of a shard is there.
 *
 * Two of three queries make a new entry. Looking for its place in a table, where no cache holds it, would
 * take longer than reading the line; a note is written behind the one before. In the end notes are sorted by
 * client, and a client's names fit into a near cache (reduce.c).
 *
 * A client that asks for more than is kept of it has entries in the tables instead, where limits hold while
 * it is still asking: it is "tabled". */
#ifndef FEATURE_NOTES_H
#define FEATURE_NOTES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bits of a note. Below them enum encoding, above them the number of the resolver that was asked. */
enum note_bits {
    NOTE_ENCODINGS = 15,
    NOTE_MIXED = 16,  // a spelling follows
    NOTE_SPELLING = 32,  // it is one: of the query before
    NOTE_RESOLVER_SHIFT = 6,
    NOTE_ELSEWHERE = 1023,  // in the resolver's place: who asked first is found out without this note
};

/** A query of a watched client for a name that is kept. Plain bytes, as sent between ranks. */
struct note {
    uint32_t client;
    uint32_t name;  // of a spelling: the low half of its hash
    uint32_t ms;  // of the day; of a spelling: the high half
    uint16_t qtype;  // of a spelling: its changes of case
    uint16_t bits;
};

struct notes {
    struct note *items;
    size_t count, capacity;
    size_t candidates;  // notes that may have asked first
};

/** Returns the number of a note's resolver, or NOTE_ELSEWHERE. Local. */
static inline uint16_t note_resolver(const struct note *note)
{
    return note->bits >> NOTE_RESOLVER_SHIFT;
}

/** Returns whether this note may tell that its client asked first. Local. */
static inline bool note_competes(const struct note *note)
{
    return !(note->bits & NOTE_SPELLING) && note_resolver(note) != NOTE_ELSEWHERE;
}

/** What an entry of asked names has besides: few have anything. */
struct asked_extra {
    uint32_t txt, odd, mixed;
    uint64_t spelling;
    uint16_t case_changes;
    uint8_t respelled;
};

/** An entry of asked names, made of notes. */
struct reduced_asked {
    uint32_t client, name, queries;
    uint32_t extra : 28;  // number + 1; 0: none
    uint32_t encodings : 4;
    uint64_t types;
};

/** Entries of one slot, by client. */
struct reduced_slot {
    struct reduced_asked *items;
    size_t count, capacity;
};

/** A pair, made of notes. */
struct reduced_pair {
    uint32_t client, domain, queries;
    uint32_t first_ms, last_ms;  // of the day
    uint32_t second_count;
    uint64_t seconds_at : 63;  // ascending, each once
    uint64_t in_units : 1;
    uint32_t types_at, type_count;
};

/** All entries that were made of a shard's notes. */
struct reduced {
    struct reduced_slot *slots;  // [slot_count]
    size_t slot_count, slot_capacity;
    struct asked_extra *extras;
    size_t extra_count, extra_capacity;
    struct reduced_pair *pairs;  // by client
    size_t pair_count, pair_capacity;
    uint32_t *seconds;
    size_t second_count, second_capacity;
    uint32_t *types;  // type, queries, type, queries …
    size_t type_count, type_capacity;  // of these numbers
};

struct tally;
struct tallies;
struct seen;

/** Notes a query; `competes` tells whether the note may tell who asked first. Local. */
MUST_CHECK enum status note_add(struct tally *tally, const struct seen *seen, bool competes,
                                struct error *err);

/** Counts the notes of some clients in the tables, [clients], and forgets them. Local. */
MUST_CHECK enum status notes_table(struct tallies *tallies, struct tally *tally, const uint8_t *chosen,
                                   struct error *err);

/** Makes entries of all notes, which are forgotten but for those that may have asked first; tables the
 * clients that have more than is kept. Local. */
MUST_CHECK enum status notes_reduce(struct tallies *tallies, struct tally *tally, struct error *err);

/** Sorts the notes by `group` of their client, [clients] below `groups`; `ends` returns where each ends,
 * [groups]. Notes of a client stay in their order. Local. */
MUST_CHECK enum status notes_sort(struct notes *notes, const uint32_t *group, size_t groups, size_t *ends,
                                  struct error *err);

/** Frees what was made of notes. Local. */
void reduced_clear(struct reduced *reduced);

/** Returns how many bytes of memory notes and what was made of them hold. Local. */
size_t notes_bytes(const struct tally *tally);

#endif
