/**
 * Synthetic archives: BIND query logs of an organisation that does not exist, with attacks that are labelled.
 *
 *     spec.yaml ──spec_read──► struct spec ──synth_generate──► DIR/nsN/queries.log-…, DIR/labels.csv
 *
 * Everything is a function of the spec and of (what, client, hour) by numbers by counter (base/random.h), so
 * the same spec gives the same text on any number of ranks. A rank makes whole files, each of a day or an
 * hour.
 */
#ifndef SYNTH_SYNTH_H
#define SYNTH_SYNTH_H

#include "base/error.h"
#include "parallel/parallel.h"

#include <stdint.h>

struct spec;

/**
 * Reads and checks a spec. Local.
 *
 * @param path  borrowed; docs/generate.md has the keys
 * @param out   returns new; free it with spec_free. Untouched on failure.
 * @return      STATUS_USAGE with path:line for all that is wrong with it, STATUS_NO_MEMORY
 */
MUST_CHECK enum status spec_read(const char *path, struct spec **out, struct error *err);

/** Takes the spec, or NULL. Local. */
void spec_free(struct spec *spec);

/** What was made, the same on every rank. */
struct synth_summary {
    int64_t queries;  // lines written
    int64_t attack_queries;  // of these of attacks
    int64_t rows;  // (client, hour) in which a client asks something of its own
    int64_t files, bytes;  // bytes of text, before compression
    int64_t labels;
    int64_t left_out;  // of synth_add: lines of hosts that fall silent
};

/** Where an archive goes, and which of its days: [from_day, to_day) since 1970, INT64_MIN and INT64_MAX for
 * all. A day has the same bytes whether it is written alone or with others. */
struct synth_place {
    const char *dir;  // borrowed; an absent or empty folder
    int64_t from_day, to_day;
    const char *into;  // borrowed; a folder of logs, or a file; of synth_add
};

/** Is told how many lines of how many are written, from time to time, on rank 0. */
typedef void synth_progress(void *context, int64_t done, int64_t total);

/**
 * Writes the archive and labels.csv. Collective.
 *
 * @param spec  borrowed, the same on every rank
 * @param place borrowed
 * @return      STATUS_USAGE for a folder that has something in it, and for a spec that cannot be: fewer
 * queries than the attacks and rows have, more victims than clients; STATUS_IO, STATUS_NO_MEMORY
 */
MUST_CHECK enum status synth_generate(const struct team *team, const struct spec *spec,
                                      const struct synth_place *place, synth_progress *progress,
                                      void *context, struct synth_summary *summary, struct error *err);

/**
 * Copies logs, with attacks among their lines, and writes labels.csv. Collective.
 *
 * A query is written in the form of the line that it comes before: its stamp, prefix, view and server; a file
 * stays plain or gzip, other compressions are undone. Victims are addresses that ask in the logs. The logs
 * are read only.
 *
 * @param spec  borrowed, the same on every rank; of it seed, from, days, timezone, calendar and attacks count
 * @return      STATUS_USAGE for a folder among the logs or with something in it, for days that the logs do
 * not have, for lines of a form that cannot be written, and when no host fits an attack; STATUS_NO_INPUT,
 * STATUS_CORRUPT for a file that cannot be read whole, STATUS_IO, STATUS_NO_MEMORY
 */
MUST_CHECK enum status synth_add(const struct team *team, const struct spec *spec,
                                 const struct synth_place *place, struct synth_summary *summary,
                                 struct error *err);

#endif
