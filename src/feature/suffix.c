#include "feature/feature.h"

#include "base/hash.h"
#include "base/map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_LABELS_MOST 8

enum { RULE_PLAIN = 1, RULE_BELOW = 2, RULE_EXCEPTION = 4 };

/* A rule by the hash of its labels on the wire. The hash is keyed at random and has 64 bits: a name that
 * collides with one of some ten thousand rules cannot be aimed at, and would by chance come once in 10^15
 * names. */
struct rule {
    uint64_t key;
    uint64_t flags;
};

struct suffixes {
    struct map rules;
    size_t labels_most;
    uint64_t hash;
};

void suffixes_free(struct suffixes *suffixes)
{
    if (!suffixes)
        return;
    map_clear(&suffixes->rules);
    free(suffixes);
}

/* "co.jp" → \2co\2jp\0. Returns bytes written, 0 when it is no rule. */
static size_t rule_wire(const char *text, uint8_t wire[256], size_t *labels)
{
    size_t bytes = 0;
    *labels = 0;
    while (*text) {
        size_t label = strcspn(text, ".");
        if (label == 0 || label > 63 || bytes + label + 2 > 255)
            return 0;
        wire[bytes++] = (uint8_t)label;
        for (size_t i = 0; i < label; i++) {
            uint8_t c = (uint8_t)text[i];
            if (c <= ' ' || c > '~' || (c >= 'A' && c <= 'Z') || c == '*' || c == '!')
                return 0;
            wire[bytes++] = c;
        }
        (*labels)++;
        text += label;
        text += *text == '.';
    }
    wire[bytes++] = 0;
    return *labels ? bytes : 0;
}

static enum status rule_add(struct suffixes *suffixes, const char *text, const char *where, struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t flag = RULE_PLAIN;
    uint8_t wire[256];
    size_t labels = 0;
    const char *rest = text;
    if (strcmp(text, "*") == 0)
        return STATUS_OK;  // the rule of last resort, always there
    if (*rest == '!')
        flag = RULE_EXCEPTION;
    else if (strncmp(rest, "*.", 2) == 0)
        flag = RULE_BELOW;
    rest += flag == RULE_EXCEPTION ? 1 : flag == RULE_BELOW ? 2 : 0;
    size_t bytes = rule_wire(rest, wire, &labels);
    if (bytes == 0 || labels > RULE_LABELS_MOST)
        return error_set(err, STATUS_CORRUPT, where, "make the list anew with datasets/make_suffixes.py",
                         "not a rule of a public suffix list, such as co.jp, *.ck or !www.ck");
    uint64_t key = memory_hash(wire, bytes);
    void *entry = NULL;
    TRY(map_put(&suffixes->rules, &key, &entry, NULL, err));
    ((struct rule *)entry)->flags |= flag;
    if (labels + 1 > suffixes->labels_most)
        suffixes->labels_most = labels + 1;
    suffixes->hash += content_hash(text, strlen(text));  // a sum: the order of rules means nothing
done:
    return status;
}

enum status suffixes_read(const char *path, struct suffixes **out, struct error *err)
{
    enum status status = STATUS_OK;
    char line[512];
    char where[300];
    struct suffixes *suffixes = calloc(1, sizeof *suffixes);
    FILE *file = fopen(path, "r");
    if (!suffixes || !file) {
        status = error_set(err, file ? STATUS_NO_MEMORY : STATUS_IO, path,
                           "set features.suffixes to a list that exists",
                           "cannot read the list of public suffixes: %s", strerror(errno));
        goto done;
    }
    map_init(&suffixes->rules, sizeof(struct rule), sizeof(uint64_t));
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        size_t count = strcspn(line, "\r\n");
        (void)snprintf(where, sizeof where, "%.250s:%d", path, number);
        if (line[count] == '\0' && !feof(file)) {
            status =
                error_set(err, STATUS_CORRUPT, where, "", "a line of more than %zu bytes", sizeof line - 2);
            goto done;
        }
        line[count] = '\0';
        if (count > 0 && line[0] != '#')
            TRY(rule_add(suffixes, line, where, err));
    }
    if (ferror(file) || suffixes->rules.count == 0) {
        status = error_set(err, STATUS_CORRUPT, path, "make the list anew with datasets/make_suffixes.py",
                           "no rule of a public suffix list in it");
        goto done;
    }
    *out = suffixes;
    suffixes = NULL;
done:
    if (file)
        (void)fclose(file);
    suffixes_free(suffixes);
    return status;
}

uint64_t suffixes_hash(const struct suffixes *suffixes)
{
    return suffixes->hash;
}

size_t suffixes_sub_labels(const struct suffixes *suffixes, const struct qname *qname, size_t *suffix_labels)
{
    size_t labels = qname->label_count;
    size_t best = labels ? 1 : 0;
    for (size_t depth = 1; depth <= labels && depth <= suffixes->labels_most; depth++) {
        size_t at = qname->label_at[labels - depth];
        uint64_t key = memory_hash(qname->wire + at, qname->bytes - at);
        const struct rule *rule = map_get(&suffixes->rules, &key);
        if (!rule)
            continue;
        if (rule->flags & RULE_EXCEPTION) {
            best = depth - 1;
            break;
        }
        // "*.S" makes S itself a suffix as well: libpsl reads it so, the page of publicsuffix.org does not
        // say.
        best = rule->flags & RULE_BELOW && depth < labels ? depth + 1 : depth;
    }
    if (suffix_labels)
        *suffix_labels = best;
    return labels > best ? labels - best - 1 : 0;
}
