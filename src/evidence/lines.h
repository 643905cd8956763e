/* The lines of a list of names or addresses, and the words of a line. */
#ifndef EVIDENCE_LINES_H
#define EVIDENCE_LINES_H

#include "base/error.h"
#include "base/ip.h"
#include "parse/parse.h"

/* Called for each line that is not empty, without comment and blanks around; numbers begin at 1. */
typedef enum status line_function(void *context, const char *line, size_t count, uint32_t number,
                                  struct error *err);

/* Reads a file and hands out its lines. STATUS_IO. */
MUST_CHECK enum status lines_each(const char *path, line_function *take, void *context, struct error *err);

/* Takes the next word off a line: up to `separator`, or to a blank when that is 0; quotes around it are
 * dropped. False at the line's end. */
bool line_word(const char **at, size_t *left, char separator, struct span *word);

/* Splits a line of CSV into its first cells[most], the others are left out; those that are not there are
 * empty. Returns how many there are: 0 when it is the first line and begins with `heading`. */
size_t line_cells(const char *line, size_t count, uint32_t number, const char *heading, struct span *cells,
                  size_t most);

/* Whether a word is the text, or is it but for capitals. */
bool span_is(struct span word, const char *text);
bool span_is_word(struct span word, const char *text);

/* Reads an address or a range. */
bool span_range(struct span word, struct ip_range *range);

#endif
