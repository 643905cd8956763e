/* What the files of the survey share: what a sample of a file told, and the sums over samples. */
#ifndef SURVEY_INTERNAL_H
#define SURVEY_INTERNAL_H

#include "extract/survey.h"
#include "internal.h"

#include "base/map.h"

/* Forms of lines, 0 being none. */
enum { SURVEY_FORMS = 97 };

struct sample_key {
    struct ip client;
    int64_t window_s;
    uint64_t name;  // 0: a row
};

struct sample_entry {
    struct sample_key key;
    int64_t last_s;  // the second in which it was last seen, + 1
    uint64_t
        times;  // seconds in which it was seen: a client asks A, AAAA and HTTPS at once, which is one visit
};

/* Visits of a pool, which is a sample of one window or of a place that stands for several. */
struct pool {
    struct map entries;  // of struct sample_entry
    double visits;
    double visits_stood_for;
};

/* A stretch of a file that was looked at. */
struct place {
    size_t file;
    int64_t from;  // bytes of a plain file; 0 of a compressed one
    int64_t to;  // -1: as much of a compressed file as the sample is large
    int64_t room;  // bytes of text at most
    int year;  // of the first line, for stamps without one
    double stands_for;  // bytes of text
};

/* What is known of a sampled file. */
struct sampled_file {
    bool is_sampled;
    bool is_last_guessed;  // by the file's date
    bool is_local;  // has stamps without a zone
    bool is_whole;  // may not be cut
    int year;
    int form;  // of its first query, 0 when it has none; see form_text
    int64_t first_ms, last_ms;
    int64_t head_bytes, head_ms;  // of the first place: text, and the time it spans
    int64_t queries, watched;  // in the samples
    int64_t steps;  // where the clock went back
    int64_t step_ms;  // the first such place
};

/* Times of a source with lines, [from_ms, to_ms]. */
struct stretch {
    size_t source, file;
    int64_t from_ms, to_ms;
};

struct sampling {
    struct extraction *run;
    struct survey *survey;
    struct sampled_file *files;  // [archive.file_count]
    struct stretch *stretches;  // [stretch_count], of is_whole only
    size_t stretch_count, stretch_capacity;
    struct pool rows;  // (client, window); of the whole archive when is_whole
    struct pool names;  // (client, window, name)
    int64_t pool_window_s;
    int64_t place_bytes;  // of text, at one place
    double kinds[LINE_COUNTS], row_sum, name_sum;
    double text_sum;  // that the places stand for
    int64_t names_seen;  // sum over the places
    int64_t packed_bytes, unpacked_bytes;  // of compressed files: on disk, and the text in it
    double seconds;  // spent reading, parsing and tallying sampled_bytes
    uint64_t resolver_hashes[64];
    bool forms[SURVEY_FORMS];  // which were seen
};

/* ---- survey.c ---- */

/* Text in a file, as far as is known by now of how well files are compressed. */
double file_text_bytes(const struct sampling *sampling, const struct archive_file *file);

/* ---- survey_sample.c ---- */

/* Reads the place and adds what is in it. */
MUST_CHECK enum status place_sample(struct sampling *sampling, const struct place *place, struct error *err);

/* Estimates how many rows and names the pools stand for, and empties them. */
void pools_close(struct sampling *sampling, double windows);

/* Writes a form of lines in words. */
void form_text(int form, char *text, size_t room);

/* Whether two forms are those of different versions of BIND. */
bool form_is_upgrade(int before, int after);

/* ---- survey_time.c ---- */

/* Finds gaps, overlaps, copies, changes of form and clock steps, and warns of them. */
MUST_CHECK enum status times_tell(struct sampling *sampling, struct error *err);

#endif
