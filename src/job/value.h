/** One scalar of the job file: text as people write it, to a number and back. */
#ifndef VALUE_H
#define VALUE_H

#include "keys.h"

/** Room for what the writers write, with the '\0'. */
#define VALUE_BYTES 64

/** Reads a value of a type whose member is one int64_t, and checks its limits. Returns false when it is none.
 */
bool value_read(const struct key *key, const char *text, int64_t now_local_s, int64_t *value);

/** Reads an integer between key->least and key->most. */
bool integer_read(const struct key *key, const char *text, int64_t *value);

/** Reads "20:00-07:00". */
bool night_read(const char *text, struct job_night *night);

/** Writes a value of a type whose member is one int64_t, so that value_read reads it back. */
void value_write(const struct key *key, int64_t value, char out[VALUE_BYTES]);

void size_write(int64_t bytes, char out[VALUE_BYTES]);
void night_write(struct job_night night, char out[VALUE_BYTES]);
void range_write(const struct ip_range *range, char out[VALUE_BYTES]);

#endif
