/* Real logs that attacks are added to: what is in them, who can be a victim, and lines as they are written.
 */
#ifndef SYNTH_INTO_H
#define SYNTH_INTO_H

#include "internal.h"

#include "archive/archive.h"
#include "base/ip.h"
#include "parse/parse.h"

/* Queries of an address in the logs of a folder on a local day. Plain bytes, no padding. */
struct seen_day {
    struct ip ip;
    int64_t day;
    int64_t folder;
    int64_t queries;
    uint64_t hours;  // bit h: asked in hour h of the clock
};

/* A name of the logs, drawn by the hash of its place: what is asked often is drawn often. */
struct seen_name {
    uint64_t lot;
    struct text name;
    uint32_t unused;
};

/* A file's span in time, and where its folder ends in its path. */
struct seen_file {
    int64_t first_ms, last_ms;  // INT64_MAX, INT64_MIN: no query with a time
    int64_t folder;
    int64_t is_taken;  // a rank has read it
};

/* Names that are kept: popular ones among them. */
#define SEEN_NAMES 4096

struct census {
    const struct spec *spec;
    struct archive archive;
    struct archive_piece *pieces;  // [archive.file_count], each a whole file
    struct seen_file *files;  // [archive.file_count]
    struct seen_day *days;  // [day_count] by IP, folder, day
    size_t day_count;
    struct seen_name *names;  // [name_count] by lot
    size_t name_count;
};

/* Reads all logs once. Collective. */
MUST_CHECK enum status census_take(const struct team *team, const struct spec *spec, const char *path,
                                   struct census *census, struct error *err);
void census_clear(struct census *census);

/* Whom the attacks of the spec strike: people with the addresses of the logs, of which only victims are
 * filled, and the folder whose log each victim is in. `names` are those of the logs. Local. */
MUST_CHECK enum status victims_choose(const struct census *census, struct names *names, struct people *people,
                                      int64_t **folders, struct error *err);

/* Writes the time of a stamp's own form. Returns its length, at most 64; 0 for a form that is not known. */
size_t stamp_like(struct span like, int64_t time_ms, const struct zone *zone, char *text);

/* What a line says that is written like another one. Borrowed. */
struct wanted {
    const char *ip, *type;
    struct span name;
    int64_t time_ms;
    const struct zone *zone;
    uint32_t port;
};

/* Writes a line like `line`, which is understood as `query`. Returns its length, at most LINE_BYTES; 0 when
 * the form is not known. */
size_t line_like(const char *line, size_t count, const struct query *query, const struct wanted *wanted,
                 char *text);

/* The copy: what goes in, and what came of it, the same on every rank. */
struct merging {
    const struct team *team;
    const struct census *census;
    const struct names *names;
    const struct people *people;
    const int64_t *folders;  // [attack_count]
    const struct hour *hours;  // [hour_count]
    size_t hour_count;
    const char *root, *dir;
    int64_t lines, added, bytes, left_out;
};

/* Copies the files, with the queries of attacks among their lines. Collective. */
MUST_CHECK enum status files_merge(struct merging *merging, struct error *err);

#endif
