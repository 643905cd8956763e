/* Genuine lines, and ways to damage them, always the same ones. */
#ifndef TESTS_MUTATE_H
#define TESTS_MUTATE_H

#include "rendered.h"

#include <dirent.h>
#include <stdlib.h>

#define LINE_BYTES 6000

struct lines {
    struct span *at;
    size_t count, room;
};

static inline void lines_add(struct lines *lines, char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t length = end ? (size_t)(end - text) - at : bytes - at;
        if (lines->count == lines->room) {
            lines->room = lines->room ? 2 * lines->room : 1024;
            lines->at = realloc(lines->at, lines->room * sizeof *lines->at);
            assert_non_null(lines->at);
        }
        if (length > 0 && length <= LINE_BYTES / 2)
            lines->at[lines->count++] = (struct span){text + at, length};
        at += length + 1;
    }
}

static inline int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All lines of the folder's logs, by the names of the files; they stay in memory till the program ends. */
static inline struct lines lines_load(const char *folder)
{
    struct lines lines = {0};
    char *names[256];
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (strlen(entry->d_name) > 4 && strcmp(entry->d_name + strlen(entry->d_name) - 4, ".log") == 0) {
            assert_true(count < sizeof names / sizeof names[0]);
            names[count++] = strdup(entry->d_name);
        }
    (void)closedir(dir);
    qsort(names, count, sizeof names[0], name_compare);
    static char text[4 << 20];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t got = fread(text + used, 1, sizeof text - used, file);
        assert_true(used + got < sizeof text);
        (void)fclose(file);
        lines_add(&lines, text + used, got);
        used += got;
        free(names[i]);
    }
    return lines;
}

static inline uint64_t draw(uint64_t *seed)  // splitmix64 (Steele, Lea, Flood 2014)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline size_t draw_below(uint64_t *seed, size_t limit)
{
    return (size_t)((draw(seed) >> 32) * limit >> 32);  // limit < 2^32
}

/* What lines are made of, put in where it does not belong. */
static const char *const TOKENS[] = {
    ": query: ",
    ": response: ",
    ": view ",
    "client ",
    "client @0x1 ",
    " (",
    ")",
    " [ECS ",
    "]",
    "#",
    "/key ",
    "\\",
    "\\046",
    "\\032",
    "\\255",
    ".",
    "..",
    " ",
    ": ",
    "\r",
    "\x1b[31m",
    "{\"MESSAGE\":\"",
    "\"",
    "}",
    "[",
    "\\u0000",
    "24-Nov-2026 06:48:44.122 ",
    "2026-10-25T02:30:00.000 ",
    "Feb 29 00:00:00 h named[1]: ",
    "<13>1 - - - - - ",
    "+E(0)",
    "E(",
    "99999999999",
    "::ffff:1.2.3.4",
    "%7",
    "-",
    "queries: ",
    "info: ",
    "debug ",
    "\xff\xfe",
};

static inline size_t put_in(char *line, size_t count, size_t at, const char *text, size_t length)
{
    if (count + length > LINE_BYTES)
        return count;
    memmove(line + at + length, line + at, count - at);
    memcpy(line + at, text, length);
    return count + length;
}

static inline size_t mutate(const struct lines *lines, uint64_t *seed, char *line, size_t count)
{
    size_t at = draw_below(seed, count + 1), length = 0;
    const char *token = TOKENS[draw_below(seed, sizeof TOKENS / sizeof TOKENS[0])];
    const struct span other = lines->at[draw_below(seed, lines->count)];
    switch (draw_below(seed, 8)) {
    case 0:  // one bit
        if (at < count)
            line[at] = (char)(line[at] ^ (1 << draw_below(seed, 8)));
        return count;
    case 1:  // one octet, NUL and controls too
        if (at < count)
            line[at] = (char)draw_below(seed, 256);
        return count;
    case 2:  // cut
        return at;
    case 3:  // without a stretch
        length = draw_below(seed, count - at + 1);
        memmove(line + at, line + at + length, count - at - length);
        return count - length;
    case 4:  // a stretch twice
        length = draw_below(seed, (count - at < 64 ? count - at : 64) + 1);
        char copy[64];
        memcpy(copy, line + at, length);
        return put_in(line, count, at, copy, length);
    case 5:  // torn: another line's end behind this one's start
        length = draw_below(seed, other.count + 1);
        memcpy(line + at, other.at + other.count - length, at + length > LINE_BYTES ? 0 : length);
        return at + length > LINE_BYTES ? at : at + length;
    case 6:  // one octet many times
        length = draw_below(seed, 300);
        for (size_t i = 0; i < length && at < count; i++)
            count = put_in(line, count, at, line + at, 1);
        return count;
    default: return put_in(line, count, at, token, strlen(token));
    }
}

#endif
