#include "evidence/known.h"

#include "lines.h"

#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const KINDS[KNOWN_KINDS] = {"antivirus", "cdn", "dnsbl", "cloud", "update", "device"};

struct known_software {
    struct known_entry *entries;  // [count] by suffix
    size_t count, capacity;
    const char *path;  // while it is read
};

static char *copied(struct span word)
{
    char *text = malloc(word.count + 1);
    if (text) {
        memcpy(text, word.at, word.count);
        text[word.count] = '\0';
    }
    return text;
}

static bool kind_read(struct span word, enum known_kind *kind)
{
    for (int k = 0; k < KNOWN_KINDS; k++)
        if (span_is(word, KINDS[k])) {
            *kind = (enum known_kind)k;
            return true;
        }
    return false;
}

/* A suffix as names are compared with it: printable ASCII without capitals, no dot at its ends. */
static bool suffix_is_good(struct span word)
{
    if (word.count == 0 || word.at[0] == '.' || word.at[word.count - 1] == '.')
        return false;
    for (size_t i = 0; i < word.count; i++)
        if (word.at[i] <= ' ' || word.at[i] > '~' || (word.at[i] >= 'A' && word.at[i] <= 'Z'))
            return false;
    return true;
}

static enum status entry_take(void *context, const char *line, size_t count, uint32_t number,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct known_software *known = context;
    struct span words[3];
    enum known_kind kind = KNOWN_KINDS;
    const size_t found = line_cells(line, count, number, "suffix", words, 3);
    if (found == 0)
        return STATUS_OK;
    if (found < 3 || !suffix_is_good(words[0]) || words[1].count == 0 || !kind_read(words[2], &kind)) {
        char where[sizeof err->where];
        (void)snprintf(where, sizeof where, "%.200s:%u", known->path, (unsigned)number);
        return error_set(err, STATUS_CORRUPT, where, "write suffix,software,kind",
                         "no entry; a kind is antivirus, cdn, dnsbl, cloud, update or device");
    }
    TRY(array_reserve(&known->entries, &known->capacity, known->count + 1, sizeof *known->entries, err));
    struct known_entry *entry = &known->entries[known->count++];
    *entry = (struct known_entry){copied(words[0]), copied(words[1]), kind};
    if (!entry->suffix || !entry->software)
        status = error_set(err, STATUS_NO_MEMORY, known->path, "", "no room for software");
done:
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct known_entry *)a)->suffix, ((const struct known_entry *)b)->suffix);
}

enum status known_software_read(const char *path, struct known_software **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct known_software *known = calloc(1, sizeof *known);
    if (!known)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no room for software");
    known->path = path;
    TRY(lines_each(path, entry_take, known, err));
    known->path = NULL;
    if (known->count > 0)
        qsort(known->entries, known->count, sizeof *known->entries, compare_entries);
    *out = known;
    known = NULL;
done:
    known_software_free(known);
    return status;
}

void known_software_free(struct known_software *known)
{
    if (!known)
        return;
    for (size_t i = 0; i < known->count; i++) {
        free(known->entries[i].suffix);
        free(known->entries[i].software);
    }
    free(known->entries);
    free(known);
}

/* strcmp of an entry's suffix with name[count]. */
static int compare_suffix(const char *suffix, const char *name, size_t count)
{
    const int order = strncmp(suffix, name, count);
    return order ? order : suffix[count] != '\0';
}

static const struct known_entry *exactly(const struct known_software *known, const char *name, size_t count)
{
    size_t low = 0, high = known->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_suffix(known->entries[middle].suffix, name, count);
        if (order == 0)
            return &known->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct known_entry *known_software_of(const struct known_software *known, const char *name,
                                            size_t count)
{
    for (size_t at = 0; known && at < count; at++) {
        const bool is_label = at == 0 || name[at - 1] == '.';
        const struct known_entry *entry = is_label ? exactly(known, name + at, count - at) : NULL;
        if (entry)
            return entry;
    }
    return NULL;
}

bool known_kind_carries_data(enum known_kind kind)
{
    return known_kind_is_lookup(kind) || kind == KNOWN_CDN || kind == KNOWN_CLOUD;
}

bool known_kind_is_lookup(enum known_kind kind)
{
    return kind == KNOWN_ANTIVIRUS || kind == KNOWN_DNSBL;
}
