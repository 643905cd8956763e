/* Questions of a slot and who asked them first: what reading and settling share. */
#ifndef FEATURE_MISSES_H
#define FEATURE_MISSES_H

#include "tally.h"

#define MISS_SLOT_MS 300000

/** Returns the slot of a time. Local. */
static inline int32_t miss_slot_of(int64_t time_ms)
{
    return (int32_t)(time_ms / MISS_SLOT_MS - (time_ms % MISS_SLOT_MS < 0));
}

/** While a run is open askers are told apart; for the first of all they are not. */
enum apart { APART_BY_ASKER, APART_BY_QUESTION };

/** Notes a question in a run. Local. */
MUST_CHECK enum status run_put(const struct tallies *tallies, struct run *run, const struct first *first,
                               enum apart apart, struct error *err);

/** Frees what a run holds. Local. */
void run_free(struct run *run);

/** Frees the runs of a day, and takes them off the list. Local. */
void runs_free(struct tallies *tallies, size_t at);

/** Where the notes of each slot of a day end, once they are sorted by it. */
struct miss_slots {
    int32_t first;
    size_t *ends;  // [count], to be freed
    size_t count;
};

/** Sorts a tally's notes by slot. Local. */
MUST_CHECK enum status notes_by_miss_slot(struct tally *tally, struct miss_slots *slots, struct error *err);

/** Fills a candidate with a note that competes. Local. */
MUST_CHECK enum status note_first(struct tallies *tallies, const struct tally *tally, const struct note *note,
                                  struct first *first, struct error *err);

/** Notes a note that competes in the runs of its day. Local. */
MUST_CHECK enum status note_run(struct tallies *tallies, const struct tally *tally, const struct note *note,
                                struct error *err);

/** Does so with all of a tally's notes, none of which competes from there on. Local. */
MUST_CHECK enum status notes_run(struct tallies *tallies, struct tally *tally, struct error *err);

/** Ends the competing of a tally's notes: it is known who asked first, or others know of them. Local. */
void notes_retire(struct tally *tally);

struct contest;

/** What takes the wins of a client in one of the tallies' slots. */
typedef enum status contest_won(void *context, const struct win *win, struct error *err);

/** Begins a contest of a tally's notes; end it with contest_free, also when this fails. Local. */
MUST_CHECK enum status contest_new(const struct tallies *tallies, const struct tally *tally, contest_won *won,
                                   void *context, struct contest **contest, struct error *err);

/** Takes the contest, or NULL. Local. */
void contest_free(struct contest *contest);

/** Finds who asked first among the notes of one slot of 300 s. Wins are told when a new slot of the tallies
 * begins. `settled` returns false, and nothing was found, when a name has too many types for it. Local. */
MUST_CHECK enum status contest_slot(struct contest *contest, const struct note *notes, size_t count,
                                    bool *settled, struct error *err);

/** Tells the wins that have not been told. Local. */
MUST_CHECK enum status contest_end(struct contest *contest, struct error *err);

/** By slot, for qsort. Local. */
int compare_runs(const void *a, const void *b);

#endif
