/* The lines of a list, whoever wrote it: CR, a byte order mark, comments and blanks are not part of an entry.
 */
#include "lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A list of ten million long names; more is no list. */
#define LIST_BYTES_MOST (INT64_C(4) << 30)

static enum status whole_read(const char *path, char **bytes, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    FILE *file = fopen(path, "rb");
    char *room = NULL;
    if (!file)
        return error_set(err, STATUS_IO, path, "check the path, or take it out of the job",
                         "cannot be read: %s", strerror(errno));
    if (fseeko(file, 0, SEEK_END) != 0 || ftello(file) < 0 || ftello(file) > LIST_BYTES_MOST) {
        status = error_set(err, STATUS_IO, path, "give a plain text file",
                           "is no file of a size that can be read");
        goto done;
    }
    const size_t size = (size_t)ftello(file);
    rewind(file);
    room = malloc(size + 1);
    if (!room) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room for %zu bytes", size);
        goto done;
    }
    *count = fread(room, 1, size, file);
    if (ferror(file)) {
        status = error_set(err, STATUS_IO, path, "check the disk", "cannot be read: %s", strerror(errno));
        goto done;
    }
    *bytes = room;
    room = NULL;
done:
    (void)fclose(file);
    free(room);
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

enum status lines_each(const char *path, line_function *take, void *context, struct error *err)
{
    enum status status = STATUS_OK;
    static const char MARK[] = "\xef\xbb\xbf";
    char *bytes = NULL;
    size_t count = 0, at = 0;
    uint32_t number = 0;
    TRY(whole_read(path, &bytes, &count, err));
    if (count >= 3 && memcmp(bytes, MARK, 3) == 0)
        at = 3;
    while (at < count) {
        const char *line = bytes + at;
        const char *feed = memchr(line, '\n', count - at);
        size_t length = feed ? (size_t)(feed - line) : count - at;
        at += length + 1;
        number++;
        // A comment begins the line, or stands behind a blank.
        for (size_t i = 0; i < length; i++)
            if ((line[i] == '#' || line[i] == ';') && (i == 0 || is_blank(line[i - 1]))) {
                length = i;
                break;
            }
        while (length > 0 && is_blank(line[length - 1]))
            length--;
        while (length > 0 && is_blank(*line)) {
            line++;
            length--;
        }
        if (length > 0)
            TRY(take(context, line, length, number, err));
    }
done:
    free(bytes);
    return status;
}

bool line_word(const char **at, size_t *left, char separator, struct span *word)
{
    while (*left > 0 && is_blank(**at)) {
        (*at)++;
        (*left)--;
    }
    if (*left == 0)
        return false;
    size_t count = 0;
    while (count < *left && (separator ? (*at)[count] != separator : !is_blank((*at)[count])))
        count++;
    *word = (struct span){*at, count};
    // The separator itself, too.
    const size_t gone = count < *left ? count + 1 : count;
    *at += gone;
    *left -= gone;
    while (word->count > 0 && is_blank(word->at[word->count - 1]))
        word->count--;
    if (word->count >= 2 && word->at[0] == '"' && word->at[word->count - 1] == '"')
        *word = (struct span){word->at + 1, word->count - 2};
    return true;
}

size_t line_cells(const char *line, size_t count, uint32_t number, const char *heading, struct span *cells,
                  size_t most)
{
    size_t found = 0;
    memset(cells, 0, most * sizeof *cells);
    while (found < most && line_word(&line, &count, ',', &cells[found]))
        found++;
    return number == 1 && span_is(cells[0], heading) ? 0 : found;
}

bool span_is(struct span word, const char *text)
{
    return word.count == strlen(text) && memcmp(word.at, text, word.count) == 0;
}

bool span_is_word(struct span word, const char *text)
{
    return word.count == strlen(text) && strncasecmp(word.at, text, word.count) == 0;
}

bool span_range(struct span word, struct ip_range *range)
{
    char text[64];
    if (word.count == 0 || word.count >= sizeof text)
        return false;
    memcpy(text, word.at, word.count);
    text[word.count] = '\0';
    return ip_range_read(text, range);
}
