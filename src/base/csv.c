#include "csv.h"

#include "text.h"

#include <stdbool.h>
#include <string.h>

static void cell(FILE *stream, const char *text, bool keeps_utf8)
{
    (void)fputc('"', stream);
    if (*text && strchr("=+-@\t\r\n", *text))
        (void)fputc('\'', stream);
    for (const char *c = text, *end = text + strlen(text); *c; c++) {
        const size_t shown = keeps_utf8 ? text_utf8_shown(c, (size_t)(end - c)) : 0;
        if (*c == '"')
            (void)fputc('"', stream);
        if (shown > 0) {
            (void)fwrite(c, 1, shown, stream);
            c += shown - 1;
        } else if (*c >= 0x20 && *c < 0x7f) {
            (void)fputc(*c, stream);
        } else {
            (void)fprintf(stream, "\\x%02x", (unsigned)(unsigned char)*c);
        }
    }
    (void)fputc('"', stream);
}

void csv_cell(FILE *stream, const char *text)
{
    cell(stream, text, false);
}

void csv_cell_utf8(FILE *stream, const char *text)
{
    cell(stream, text, true);
}

size_t csv_split(char *line, char **cells, size_t most)
{
    size_t count = 0;
    for (char *at = line; count < most;) {
        char *to = at;
        cells[count++] = to;
        const bool is_quoted = *at == '"';
        at += is_quoted;
        while (*at && (is_quoted || *at != ',')) {
            if (is_quoted && *at == '"') {
                if (at[1] != '"')
                    break;
                at++;
            }
            *to++ = *at++;
        }
        at += strcspn(at, ",");
        const bool is_last = *at == '\0';
        *to = '\0';
        if (is_last)
            break;
        at++;
    }
    return count;
}
