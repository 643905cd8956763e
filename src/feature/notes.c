/* Notes of queries: taking them down, sorting them, and giving those of some clients to the tables. */
#include "misses.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 11

static enum status no_room(size_t count, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "queries of a day", "use store.parts or more ranks",
                     "no room for %zu queries", count);
}

enum status note_add(struct tally *tally, const struct seen *seen, bool competes, struct error *err)
{
    const unsigned resolver = competes ? seen->resolver : NOTE_ELSEWHERE;
    struct notes *notes = &tally->notes;
    if (notes->count + 2 > notes->capacity) {
        enum status status =
            array_reserve(&notes->items, &notes->capacity, notes->count + 2, sizeof *notes->items, err);
        if (status != STATUS_OK)
            return status;
    }
    notes->items[notes->count++] =
        (struct note){.client = seen->client,
                      .name = seen->name,
                      .ms = (uint32_t)(seen->time_ms - tally->day_start_s * 1000),
                      .qtype = seen->qtype,
                      .bits = (uint16_t)(seen->encodings | (seen->mixed_case ? NOTE_MIXED : 0) |
                                         resolver << NOTE_RESOLVER_SHIFT)};
    notes->candidates += competes;
    if (seen->mixed_case)
        notes->items[notes->count++] = (struct note){.client = seen->client,
                                                     .name = (uint32_t)seen->spelling,
                                                     .ms = (uint32_t)(seen->spelling >> 32),
                                                     .qtype = seen->case_changes,
                                                     .bits = NOTE_SPELLING};
    return STATUS_OK;
}

/* The query of a note; a spelling stands behind it if it has one. */
static struct seen note_seen(struct tally *tally, const struct note *note)
{
    const struct name *name = map_at(&tally->names, note->name);
    struct seen seen = {.tally = tally,
                        .client = note->client,
                        .name = note->name,
                        .domain = name->domain,
                        .time_ms = tally->day_start_s * 1000 + note->ms,
                        .qtype = note->qtype,
                        .encodings = note->bits & NOTE_ENCODINGS,
                        .mixed_case = (note->bits & NOTE_MIXED) != 0};
    if (seen.mixed_case) {
        seen.spelling = (uint64_t)note[1].ms << 32 | note[1].name;
        seen.case_changes = note[1].qtype;
    }
    return seen;
}

enum status notes_table(struct tallies *tallies, struct tally *tally, const uint8_t *chosen,
                        struct error *err)
{
    enum status status = STATUS_OK;
    struct notes *notes = &tally->notes;
    size_t kept = 0;
    for (size_t i = 0; i < notes->count; i++) {
        const struct note *note = &notes->items[i];
        if (!chosen[note->client]) {
            notes->items[kept++] = *note;
        } else if (!(note->bits & NOTE_SPELLING)) {
            const struct seen seen = note_seen(tally, note);
            TRY(note_run(tallies, tally, note, err));
            notes->candidates -= note_competes(note);
            place_find(tallies, tally, seen.time_ms);
            TRY(count_tabled(tallies, &seen, err));
        }
    }
    notes->count = kept;
done:
    return status;
}

/* ---- sorting ---- */

static void digit_sort(const struct notes *from, struct note *to, const uint32_t *group, int shift)
{
    size_t ends[(size_t)1 << DIGIT_BITS] = {0};
    const size_t mask = ((size_t)1 << DIGIT_BITS) - 1;
    size_t end = 0;
    for (size_t i = 0; i < from->count; i++)
        ends[group[from->items[i].client] >> shift & mask]++;
    for (size_t digit = 0; digit <= mask; digit++) {
        const size_t here = ends[digit];
        ends[digit] = end;
        end += here;
    }
    for (size_t i = 0; i < from->count; i++)
        to[ends[group[from->items[i].client] >> shift & mask]++] = from->items[i];
}

enum status notes_sort(struct notes *notes, const uint32_t *group, size_t groups, size_t *ends,
                       struct error *err)
{
    size_t end = 0;
    struct note *spare = large_alloc((notes->count + 1) * sizeof *spare, false);
    if (!spare)
        return no_room(notes->count, err);
    memset(ends, 0, groups * sizeof *ends);
    for (size_t i = 0; i < notes->count; i++)
        ends[group[notes->items[i].client]]++;
    for (size_t i = 0; i < groups; i++)
        ends[i] = end += ends[i];
    for (int shift = 0; notes->count > 0 && (groups - 1) >> shift != 0; shift += DIGIT_BITS) {
        digit_sort(notes, spare, group, shift);
        struct note *sorted = spare;
        spare = notes->items;
        notes->items = sorted;
        notes->capacity = notes->count;
    }
    free(spare);
    return STATUS_OK;
}

/* ---- memory ---- */

void reduced_clear(struct reduced *reduced)
{
    for (size_t slot = 0; slot < reduced->slot_count; slot++)
        free(reduced->slots[slot].items);
    free(reduced->slots);
    free(reduced->extras);
    free(reduced->pairs);
    free(reduced->seconds);
    free(reduced->types);
    *reduced = (struct reduced){0};
}

size_t notes_bytes(const struct tally *tally)
{
    const struct reduced *reduced = &tally->reduced;
    size_t bytes = tally->notes.capacity * sizeof *tally->notes.items;
    for (size_t slot = 0; slot < reduced->slot_count; slot++)
        bytes += reduced->slots[slot].capacity * sizeof *reduced->slots[slot].items;
    return bytes + reduced->extra_capacity * sizeof *reduced->extras +
           reduced->pair_capacity * sizeof *reduced->pairs +
           (reduced->second_capacity + reduced->type_capacity) * sizeof(uint32_t);
}
