/**
 * Showing bytes that an attacker may have chosen: each place where text is shown has its own escape, and
 * nothing from a log is shown without one.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/**
 * Writes bytes for a terminal or a log file: printable ASCII as it is, '\\' as "\\\\", all else as \xHH.
 * Local.
 *
 * @param out    [room], cut at the end with "..." when it is too small; always ends in '\0'; room >= 4
 * @return       length without the '\0'
 */
size_t text_for_terminal(const char *bytes, size_t count, char *out, size_t room);

/**
 * Writes bytes as the inside of a JSON string (RFC 8259 §7), without the quotes. Local.
 *
 * Bytes that are not ASCII come out as \u00HH, so the result is valid JSON whatever came in.
 *
 * @param out   [room], cut between characters; always ends in '\0'; 6·count + 1 is enough
 * @return      length without the '\0'
 */
size_t text_for_json(const char *bytes, size_t count, char *out, size_t room);

/**
 * Returns how many octets at the start are one sign of UTF-8 (RFC 3629) that can be shown as it is: 0 for
 * ASCII, for what is damaged, for the controls U+0080 … U+009F, one of which begins an escape sequence, and
 * for what turns the direction of text or is invisible. Local.
 */
size_t text_utf8_shown(const char *bytes, size_t count);

#endif
