/* Who asked first, of the queries that stand in notes: their notes are what competes, so that nothing more is
 * written while logs are read. They compete slot by slot, each name knowing its last question of the slot. */
#include "crowd.h"
#include "misses.h"

#include <stdlib.h>
#include <string.h>

#define NO_QUESTION UINT32_MAX

/* Questions with one name that are gone through one by one: who asks for all types in a slot gets a table. */
#define QUESTIONS_MOST 64

static enum status no_room(size_t count, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "repeated queries", "use store.parts or more ranks",
                     "no room for %zu queries", count);
}

/* ---- notes by slot ---- */

/* Slots of 300 s that a tally's day touches. */
static size_t slots_of_day(const struct tally *tally)
{
    return (size_t)((tally->day_end_s - tally->day_start_s) / (MISS_SLOT_MS / 1000)) + 2;
}

static size_t slot_of_note(const struct tally *tally, const struct note *note)
{
    const int64_t start_ms = tally->day_start_s * 1000;
    return (size_t)(miss_slot_of(start_ms + note->ms) - miss_slot_of(start_ms));
}

enum status notes_by_miss_slot(struct tally *tally, struct miss_slots *slots, struct error *err)
{
    struct notes *notes = &tally->notes;
    struct note *sorted = large_alloc((notes->count + 1) * sizeof *sorted, false);
    size_t end = 0;
    slots->count = slots_of_day(tally);
    slots->first = miss_slot_of(tally->day_start_s * 1000);
    slots->ends = calloc(slots->count, sizeof *slots->ends);
    if (!sorted || !slots->ends) {
        free(sorted);
        return no_room(notes->count, err);
    }
    for (size_t i = 0, slot = 0; i < notes->count; i++) {
        if (!(notes->items[i].bits & NOTE_SPELLING))
            slot = slot_of_note(tally, &notes->items[i]);
        slots->ends[slot]++;
    }
    for (size_t slot = 0; slot < slots->count; slot++) {
        const size_t here = slots->ends[slot];
        slots->ends[slot] = end;
        end += here;
    }
    // A spelling goes where its query goes.
    for (size_t i = 0, slot = 0; i < notes->count; i++) {
        if (!(notes->items[i].bits & NOTE_SPELLING))
            slot = slot_of_note(tally, &notes->items[i]);
        sorted[slots->ends[slot]++] = notes->items[i];
    }
    free(notes->items);
    notes->items = sorted;
    notes->capacity = notes->count + 1;
    return STATUS_OK;
}

/* ---- as candidates ---- */

enum status note_first(struct tallies *tallies, const struct tally *tally, const struct note *note,
                       struct first *first, struct error *err)
{
    const struct client *client = map_at(&tally->clients, note->client);
    const struct name *name = map_at(&tally->names, note->name);
    const int64_t time_ms = tally->day_start_s * 1000 + note->ms;
    *first = (struct first){.name = name->hash,
                            .resolver = note_resolver(note),
                            .ms = (uint32_t)(time_ms - (int64_t)miss_slot_of(time_ms) * MISS_SLOT_MS),
                            .qtype = note->qtype};
    return asker_of(tallies, &client->ip, &first->asker, err);
}

enum status note_run(struct tallies *tallies, const struct tally *tally, const struct note *note,
                     struct error *err)
{
    enum status status = STATUS_OK;
    struct first first;
    if (!note_competes(note))
        return STATUS_OK;
    TRY(note_first(tallies, tally, note, &first, err));
    TRY(run_note(tallies, tally->day, &first, miss_slot_of(tally->day_start_s * 1000 + note->ms), err));
done:
    return status;
}

void notes_retire(struct tally *tally)
{
    struct notes *notes = &tally->notes;
    for (size_t i = 0; i < notes->count; i++)
        if (!(notes->items[i].bits & NOTE_SPELLING))
            notes->items[i].bits |= NOTE_ELSEWHERE << NOTE_RESOLVER_SHIFT;
    notes->candidates = 0;
    // Once they are reduced nothing else is wanted of them.
    if (tally->is_reduced) {
        free(notes->items);
        *notes = (struct notes){0};
    }
}

enum status notes_run(struct tallies *tallies, struct tally *tally, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < tally->notes.count && tally->notes.candidates > 0; i++)
        TRY(note_run(tallies, tally, &tally->notes.items[i], err));
    notes_retire(tally);
done:
    return status;
}

/* ---- competing ---- */

/* A question of the slot, and who asked it first so far. */
struct question {
    uint32_t name, client, ms;
    uint16_t qtype, resolver;
    uint32_t next;  // another question with this name
};

struct wins_of {
    uint32_t misses, misses_ptr;
};

struct contest {
    const struct tally *tally;
    struct question *questions;  // [capacity]
    size_t count, capacity;
    uint32_t *last;  // [names]: a question with this name, if it is one of the slot
    uint32_t slot_ms;  // the tallies' slots, of an hour or less
    int64_t slot;  // that the wins are of
    struct wins_of *wins;  // [clients]
    uint32_t *winners;  // [clients]: those that have any
    size_t winner_count;
    contest_won *won;
    void *context;
};

enum status contest_new(const struct tallies *tallies, const struct tally *tally, contest_won *won,
                        void *context, struct contest **out, struct error *err)
{
    struct contest *contest = *out = calloc(1, sizeof *contest);
    if (!contest)
        return no_room(tally->notes.count, err);
    *contest = (struct contest){.tally = tally,
                                .slot_ms = (uint32_t)tallies->slot_s * 1000,
                                .won = won,
                                .context = context,
                                .last = large_alloc((tally->names.count + 1) * sizeof *contest->last, true),
                                .wins = calloc(tally->clients.count + 1, sizeof *contest->wins),
                                .winners = malloc((tally->clients.count + 1) * sizeof *contest->winners)};
    return contest->last && contest->wins && contest->winners ? STATUS_OK : no_room(tally->notes.count, err);
}

void contest_free(struct contest *contest)
{
    if (!contest)
        return;
    free(contest->questions);
    free(contest->last);
    free(contest->wins);
    free(contest->winners);
    free(contest);
}

/* Whether a note asked before the one that leads, by time, then by IP. */
static bool asked_before(const struct tally *tally, const struct note *note, const struct question *lead)
{
    if (note->ms != lead->ms || note->client == lead->client)
        return note->ms < lead->ms;
    const struct client *one = map_at(&tally->clients, note->client);
    const struct client *other = map_at(&tally->clients, lead->client);
    return ip_compare(&one->ip, &other->ip) < 0;
}

/* Returns false when the name has too many questions. */
static inline bool note_compete(struct contest *contest, const struct note *note)
{
    unsigned passed = 0;
    const uint16_t resolver = note_resolver(note);
    uint32_t *last = &contest->last[note->name];
    const bool met = *last < contest->count && contest->questions[*last].name == note->name;
    for (uint32_t at = met ? *last : NO_QUESTION; at != NO_QUESTION; at = contest->questions[at].next) {
        struct question *question = &contest->questions[at];
        if (++passed > QUESTIONS_MOST)
            return false;
        if (question->qtype != note->qtype || question->resolver != resolver)
            continue;
        if (asked_before(contest->tally, note, question)) {
            question->ms = note->ms;
            question->client = note->client;
        }
        return true;
    }
    contest->questions[contest->count] = (struct question){.name = note->name,
                                                           .client = note->client,
                                                           .ms = note->ms,
                                                           .qtype = note->qtype,
                                                           .resolver = resolver,
                                                           .next = met ? *last : NO_QUESTION};
    *last = (uint32_t)contest->count++;
    return true;
}

enum status contest_end(struct contest *contest, struct error *err)
{
    enum status status = STATUS_OK;
    struct win win = {.day = contest->tally->day, .slot = contest->slot};
    for (size_t i = 0; i < contest->winner_count; i++) {
        const uint32_t client = contest->winners[i];
        win.ip = ((const struct client *)map_at(&contest->tally->clients, client))->ip;
        win.misses = contest->wins[client].misses;
        win.misses_ptr = contest->wins[client].misses_ptr;
        contest->wins[client] = (struct wins_of){0};
        TRY(contest->won(contest->context, &win, err));
    }
    contest->winner_count = 0;
done:
    return status;
}

enum status contest_slot(struct contest *contest, const struct note *notes, size_t count, bool *settled,
                         struct error *err)
{
    enum status status = STATUS_OK;
    contest->count = 0;
    *settled = true;
    TRY(array_reserve(&contest->questions, &contest->capacity, count, sizeof *contest->questions, err));
    for (size_t i = 0; i < count && *settled; i++)
        *settled = !note_competes(&notes[i]) || note_compete(contest, &notes[i]);
    if (!*settled)
        return STATUS_OK;
    for (size_t i = 0; i < contest->count; i++) {
        const struct question *question = &contest->questions[i];
        const int64_t slot = question->ms / contest->slot_ms;
        if (slot != contest->slot) {
            TRY(contest_end(contest, err));
            contest->slot = slot;
        }
        struct wins_of *wins = &contest->wins[question->client];
        if (wins->misses++ == 0)
            contest->winners[contest->winner_count++] = question->client;
        wins->misses_ptr += question->qtype == QTYPE_PTR;
    }
done:
    return status;
}
