/**
 * Tables as text (RFC 4180) that are safe to open in a spreadsheet: a cell that would be taken for a formula
 * begins with an apostrophe.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stddef.h>
#include <stdio.h>

/** Writes a cell in quotes; bytes that are not printable ASCII, as \xHH. Local. */
void csv_cell(FILE *stream, const char *text);

/** As csv_cell for UTF-8 that is our own or a person's: what text_utf8_shown shows stays as it is. Local. */
void csv_cell_utf8(FILE *stream, const char *text);

/**
 * Cuts a line into its cells, in place: quotes are taken off, doubled ones made one. Local.
 *
 * @param line   ends in '\0', without its line feed; changed
 * @param cells  filled, [most], borrowed from the line
 * @return       how many cells there are; what is behind `most` of them is left out
 */
size_t csv_split(char *line, char **cells, size_t most);

#endif
