/**
 * Writing JSON (RFC 8259) to a stream, one value after the other; texts are escaped whatever bytes they hold.
 *
 *     struct json json = json_begin(stdout);
 *     json_open(&json, NULL, '{');
 *     json_integer(&json, "rows", 12);
 *     json_close(&json, '}');
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *stream;  // borrowed
    int depth;
    bool has_sibling;  // a value stands before the next one at this depth
    bool is_line;  // all in one line
};

/** Returns a writer at the start of a document. Borrows the stream. Local. */
struct json json_begin(FILE *stream);

/** As json_begin, for a document in one line: a stream of them is JSON Lines. Local. */
struct json json_line_begin(FILE *stream);

/** Opens an object ('{') or an array ('['); `key` is NULL inside an array and at the start. Local. */
void json_open(struct json *json, const char *key, char bracket);

/** Closes what was opened with the matching bracket, and ends the line after the last one. Local. */
void json_close(struct json *json, char bracket);

/** Writes an integer. Local. */
void json_integer(struct json *json, const char *key, int64_t value);

/** Writes a finite number with up to 17 digits; null for any other. Local. */
void json_number(struct json *json, const char *key, double value);

/** Writes a text of `count` bytes. Local. */
void json_text(struct json *json, const char *key, const char *text, size_t count);

/** Writes a text that is UTF-8 already, such as our own; only what JSON must not hold is escaped. Local. */
void json_utf8(struct json *json, const char *key, const char *text);

/** Writes true or false. Local. */
void json_bool(struct json *json, const char *key, bool value);

#endif
