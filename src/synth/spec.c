/* The spec: YAML as a job file is, with keys of its own. */
#include "internal.h"

#include "job/file.h"
#include "job/node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *path;
    struct spec *spec;
    char timezone[64];
    struct error *err;
};

static const char *const ROLE_WORDS[ROLES + 1] = {
#define X(NAME, name, share, rate, presence, behaviour, ptr, srv, txt, mx, other, aaaa) #name,
#include "roles.def"
#undef X
};
static const char *const FAMILY_WORDS[FAMILIES + 1] = {
#define X(NAME, name, rate, unit, period, text) #name,
#include "families.def"
#undef X
};
static const char *const ENCODING_WORDS[ENCODINGS + 1] = {"default", "base32", "base64", "base128",
                                                          "hex",     "random", "mixed",  "dictionary"};
static const char *const ASKED_WORDS[ASKED + 1] = {"A",    "AAAA",      "HTTPS", "PTR", "TXT", "SRV", "MX",
                                                   "NULL", "TYPE65399", "CNAME", "SOA", "NS",  "DS",  "KEY"};

const char *role_word(int64_t role)
{
    return ROLE_WORDS[role];
}

const char *family_word(int64_t family)
{
    return FAMILY_WORDS[family];
}

const char *encoding_word(int64_t encoding)
{
    return ENCODING_WORDS[encoding];
}

const char *asked_word(int64_t asked)
{
    return ASKED_WORDS[asked];
}

static enum status refuse(const struct reader *reader, long line, const char *hint, const char *name,
                          const char *wants)
{
    char where[sizeof reader->err->where];
    where_write(reader->path, line, where);
    return error_set(reader->err, STATUS_USAGE, where, hint, "%.60s %s", name, wants);
}

static enum status unknown(const struct reader *reader, const struct node *entry)
{
    return refuse(reader, entry->name_line, "docs/generate.md has the keys", entry->name,
                  "is no key of a spec");
}

static enum status once(const struct reader *reader, const struct node *map, const struct node *entry)
{
    const struct node *before = map->first;
    while (before != entry && strcmp(before->name, entry->name) != 0)
        before = before->next;
    if (before == entry)
        return STATUS_OK;
    return refuse(reader, entry->name_line, "", entry->name, "stands there twice");
}

/* Up to `most_digits` digits and nothing else. */
static bool digits(const char *text, size_t count, int64_t *value)
{
    *value = 0;
    if (count == 0 || count > 18)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return true;
}

static enum status number_read(const struct reader *reader, const struct node *node, int64_t least,
                               int64_t most, int64_t *value)
{
    char wants[96];
    int64_t read = 0;
    if (node->kind == NODE_SCALAR && digits(node->text, strlen(node->text), &read) && read >= least &&
        read <= most) {
        *value = read;
        return STATUS_OK;
    }
    (void)snprintf(wants, sizeof wants, "wants an integer from %" PRId64 " to %" PRId64, least, most);
    return refuse(reader, node->line, "", node->name, wants);
}

static enum status word_read(const struct reader *reader, const struct node *node, const char *const *words,
                             int64_t *value)
{
    char wants[160] = "wants one of";
    for (int64_t at = 0; words[at]; at++) {
        if (node->kind == NODE_SCALAR && strcmp(node->text, words[at]) == 0) {
            *value = at;
            return STATUS_OK;
        }
        (void)snprintf(wants + strlen(wants), sizeof wants - strlen(wants), " %s", words[at]);
    }
    return refuse(reader, node->line, "", node->name, wants);
}

static enum status day_read(const struct reader *reader, const struct node *node, int64_t *day)
{
    int64_t year = 0, month = 0, date = 0;
    const char *text = node->kind == NODE_SCALAR ? node->text : "";
    int back_year = 0, back_month = 0, back_date = 0;
    if (strlen(text) == 10 && text[4] == '-' && text[7] == '-' && digits(text, 4, &year) &&
        digits(text + 5, 2, &month) && digits(text + 8, 2, &date) && year >= 1970) {
        *day = day_from_civil((int)year, (int)month, (int)date);
        civil_from_day(*day, &back_year, &back_month, &back_date);
        if (back_year == year && back_month == month && back_date == date)
            return STATUS_OK;
    }
    return refuse(reader, node->line, "", node->name, "wants a date such as 2022-02-01");
}

static enum status text_read(const struct reader *reader, const struct node *node, char *out, size_t room)
{
    if (node->kind == NODE_SCALAR && node->text[0] && strlen(node->text) < room) {
        memcpy(out, node->text, strlen(node->text) + 1);
        return STATUS_OK;
    }
    char wants[64];
    (void)snprintf(wants, sizeof wants, "wants a text of at most %zu characters", room - 1);
    return refuse(reader, node->line, "", node->name, wants);
}

/* A domain of an attack: it goes into lines, so only what BIND prints as it is. */
static enum status domain_read(const struct reader *reader, const struct node *node, char *out, size_t room)
{
    enum status status = STATUS_OK;
    TRY(text_read(reader, node, out, room));
    if (strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-.") != strlen(out) || out[0] == '.' ||
        out[strlen(out) - 1] == '.' || strstr(out, ".."))
        status =
            refuse(reader, node->line, "", node->name, "wants a domain in lower case, such as t.example.net");
done:
    return status;
}

/* A word of labels.csv, which a comma or a semicolon would end. */
static enum status group_read(const struct reader *reader, const struct node *node, char out[32])
{
    enum status status = STATUS_OK;
    TRY(text_read(reader, node, out, 32));
    if (strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(out))
        status = refuse(reader, node->line, "", node->name, "wants a word of lower-case letters and digits");
done:
    return status;
}

/* ---- sections ---- */

static enum status calendar_list(const struct reader *reader, const struct node *list)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    char **paths = calloc(list->count + 1, sizeof *paths);
    if (!paths)
        return error_set(reader->err, STATUS_NO_MEMORY, reader->path, "", "no memory for it");
    for (const struct node *item = list->first; item; item = item->next) {
        if (item->kind != NODE_SCALAR) {
            status = refuse(reader, item->line, "", "calendar", "wants a list of files");
            goto done;
        }
        paths[count++] = item->text;
    }
    calendar_free(reader->spec->calendar);
    reader->spec->calendar = NULL;
    TRY(calendar_read(paths, count, &reader->spec->calendar, reader->err));
done:
    free(paths);
    return status;
}

static enum status roles_read(const struct reader *reader, const struct node *map)
{
    enum status status = STATUS_OK;
    for (const struct node *entry = map->first; entry; entry = entry->next) {
        int64_t role = 0;
        while (ROLE_WORDS[role] && strcmp(ROLE_WORDS[role], entry->name) != 0)
            role++;
        if (role == ROLES || role == ROLE_WORKSTATION)
            return refuse(reader, entry->name_line,
                          "docs/generate.md has the roles; workstations are the rest", entry->name,
                          "is no role that can be counted");
        TRY(once(reader, map, entry));
        TRY(number_read(reader, entry, 0, 1000000, &reader->spec->role_count[role]));
    }
done:
    return status;
}

static enum status attack_key(const struct reader *reader, const struct node *entry,
                              struct attack_spec *attack)
{
    if (strcmp(entry->name, "family") == 0)
        return word_read(reader, entry, FAMILY_WORDS, &attack->family);
    if (strcmp(entry->name, "role") == 0)
        return word_read(reader, entry, ROLE_WORDS, &attack->role);
    if (strcmp(entry->name, "encoding") == 0)
        return word_read(reader, entry, ENCODING_WORDS, &attack->encoding);
    if (strcmp(entry->name, "type") == 0)
        return word_read(reader, entry, ASKED_WORDS, &attack->type);
    if (strcmp(entry->name, "from") == 0)
        return day_read(reader, entry, &attack->from_day);
    if (strcmp(entry->name, "to") == 0)
        return day_read(reader, entry, &attack->to_day);
    if (strcmp(entry->name, "domain") == 0)
        return domain_read(reader, entry, attack->domain, sizeof attack->domain);
    if (strcmp(entry->name, "under") == 0)
        return domain_read(reader, entry, attack->under, sizeof attack->under);
    if (strcmp(entry->name, "group") == 0)
        return group_read(reader, entry, attack->group);
#define ATTACK_NUMBER(key, least, most, fallback, text)                                                      \
    if (strcmp(entry->name, #key) == 0)                                                                      \
        return number_read(reader, entry, least, most, &attack->key);
#include "spec.def"
    return unknown(reader, entry);
}

static enum status attack_read(const struct reader *reader, const struct node *map,
                               struct attack_spec *attack)
{
    enum status status = STATUS_OK;
    *attack = (struct attack_spec){
        .family = -1, .role = ROLE_WORKSTATION, .type = -1, .from_day = INT64_MIN, .to_day = INT64_MIN};
#define ATTACK_NUMBER(key, least, most, fallback, text) attack->key = fallback;
#include "spec.def"
    if (map->kind != NODE_MAP)
        return refuse(reader, map->line, "", "attacks", "wants maps such as {family: beacon, hosts: 2}");
    for (const struct node *entry = map->first; entry; entry = entry->next) {
        TRY(once(reader, map, entry));
        TRY(attack_key(reader, entry, attack));
    }
    if (attack->family < 0)
        status = refuse(reader, map->line, "", "family", "is missing");
done:
    return status;
}

static enum status attacks_read(const struct reader *reader, const struct node *list)
{
    enum status status = STATUS_OK;
    struct spec *spec = reader->spec;
    if (list->kind != NODE_LIST)
        return refuse(reader, list->line, "", "attacks", "wants a list of maps");
    spec->attacks = calloc(list->count + 1, sizeof *spec->attacks);
    if (!spec->attacks)
        return error_set(reader->err, STATUS_NO_MEMORY, reader->path, "", "no memory for it");
    for (const struct node *item = list->first; item; item = item->next)
        TRY(attack_read(reader, item, &spec->attacks[spec->attack_count++]));
done:
    return status;
}

static enum status key_read(struct reader *reader, const struct node *entry)
{
    struct spec *spec = reader->spec;
    if (strcmp(entry->name, "from") == 0)
        return day_read(reader, entry, &spec->from_day);
    if (strcmp(entry->name, "timezone") == 0)
        return text_read(reader, entry, reader->timezone, sizeof reader->timezone);
    if (strcmp(entry->name, "calendar") == 0)
        return calendar_list(reader, entry);
    if (strcmp(entry->name, "roles") == 0)
        return roles_read(reader, entry);
    if (strcmp(entry->name, "attacks") == 0)
        return attacks_read(reader, entry);
#define NUMBER(key, least, most, fallback, text)                                                             \
    if (strcmp(entry->name, #key) == 0)                                                                      \
        return number_read(reader, entry, least, most, &spec->key);
#include "spec.def"
    return unknown(reader, entry);
}

/* ---- the whole ---- */

/* Shares of the clients where no count is written, and the span of attacks where no date is. */
static enum status derive(const struct reader *reader, const bool *is_counted)
{
    static const int SHARES[ROLES] = {
#define X(NAME, name, share, rate, presence, behaviour, ptr, srv, txt, mx, other, aaaa) share,
#include "roles.def"
#undef X
    };
    struct spec *spec = reader->spec;
    int64_t others = 0;
    for (int role = 1; role < ROLES; role++) {
        if (!*is_counted)
            spec->role_count[role] = spec->clients * SHARES[role] / 1000;
        others += spec->role_count[role];
    }
    if (others > spec->clients)
        return refuse(reader, 0, "", "roles", "has more clients than there are");
    spec->role_count[ROLE_WORKSTATION] = spec->clients - others;
    for (size_t i = 0; i < spec->attack_count; i++) {
        struct attack_spec *attack = &spec->attacks[i];
        if (attack->from_day == INT64_MIN)
            attack->from_day = spec->from_day;
        if (attack->to_day == INT64_MIN)
            attack->to_day = spec->from_day + spec->days;
        if (attack->from_day < spec->from_day || attack->to_day > spec->from_day + spec->days ||
            attack->from_day >= attack->to_day)
            return refuse(reader, 0, "the end is not included", family_word(attack->family),
                          "lies outside the days of the spec, or ends before it begins");
    }
    return STATUS_OK;
}

static enum status read_all(struct reader *reader, const struct node *root)
{
    enum status status = STATUS_OK;
    bool has_roles = false;
    if (!root || root->kind != NODE_MAP)
        return refuse(reader, 0, "docs/generate.md has an example", "",
                      "keys such as days: and clients: were expected");
    for (const struct node *entry = root->first; entry; entry = entry->next) {
        TRY(once(reader, root, entry));
        has_roles = has_roles || strcmp(entry->name, "roles") == 0;
        TRY(key_read(reader, entry));
    }
    TRY(zone_load(reader->timezone, &reader->spec->zone, reader->err));
    if (!reader->spec->calendar)
        TRY(calendar_read(NULL, 0, &reader->spec->calendar, reader->err));
    TRY(derive(reader, &has_roles));
done:
    return status;
}

enum status spec_read(const char *path, struct spec **out, struct error *err)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    size_t count = 0;
    struct node *root = NULL;
    struct reader reader = {.path = path, .timezone = "UTC", .err = err};
    reader.spec = calloc(1, sizeof *reader.spec);
    if (!reader.spec)
        return error_set(err, STATUS_NO_MEMORY, path, "", "no memory for it");
#define NUMBER(name, least, most, fallback, text) reader.spec->name = fallback;
#include "spec.def"
    reader.spec->from_day = day_from_civil(2022, 2, 1);
    TRY(file_read(path, STATUS_USAGE, &bytes, &count, err));
    TRY(node_parse(path, true, bytes, count, &root, err));
    TRY(read_all(&reader, root));
    *out = reader.spec;
    reader.spec = NULL;
done:
    spec_free(reader.spec);
    node_free(root);
    free(bytes);
    return status;
}

void spec_free(struct spec *spec)
{
    if (!spec)
        return;
    free(spec->attacks);
    zone_free(spec->zone);
    calendar_free(spec->calendar);
    free(spec);
}
