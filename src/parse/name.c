/* Names and types: from print to numbers and octets, and back. */
#include "internal.h"

#include <stdio.h>

struct type_row {
    const char *name;
    uint16_t number;
};

static const struct type_row TYPES[] = {
#define X(name, number) {name, number},
#include "parse/types.def"
#undef X
};

/* "TYPE" n, without superfluous zeros. */
static bool number_read(struct span text, const char *word, size_t word_count, uint16_t *number)
{
    uint32_t value = 0;
    if (text.count <= word_count || text.count > word_count + 5 || memcmp(text.at, word, word_count) != 0)
        return false;
    for (size_t i = word_count; i < text.count; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text.at[i] - '0');
    }
    *number = (uint16_t)value;
    return value <= UINT16_MAX && (text.at[word_count] != '0' || text.count == word_count + 1);
}

bool qtype_read(struct span text, uint16_t *number)
{
    // The common ones come early in the list; mnemonics are short and differ in their first letters.
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
        // A NUL in the text must not end the comparison early: the length is compared first.
        if (strnlen(TYPES[i].name, text.count + 1) == text.count &&
            memcmp(TYPES[i].name, text.at, text.count) == 0) {
            *number = TYPES[i].number;
            return text.count > 0;
        }
    return number_read(text, "TYPE", 4, number);
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

/* Whether BIND puts a backslash before it: one of @ $ " ( ) . ; \\ */
static bool is_special(uint8_t c)
{
    static const uint64_t SPECIAL[2] = {
        UINT64_C(1) << '"' | UINT64_C(1) << '$' | UINT64_C(1) << '(' | UINT64_C(1) << ')' |
            UINT64_C(1) << '.' | UINT64_C(1) << ';',
        UINT64_C(1) << ('@' - 64) | UINT64_C(1) << ('\\' - 64),
    };
    return c < 128 && SPECIAL[c / 64] >> c % 64 & 1;
}

/* One octet, escaped or not (BIND-FORMAT: \DDD decimal, \ before @$"().;\, all else printable as it is). */
static bool octet_read(struct cursor *cursor, uint8_t *octet)
{
    uint8_t c = (uint8_t)*cursor->at++;
    *octet = c;
    if (c != '\\')
        return c > 0x20 && c < 0x7f && !is_special(c);
    if (cursor->at == cursor->end)
        return false;
    c = (uint8_t)*cursor->at;
    if (c >= '0' && c <= '9') {
        unsigned value = 0;
        for (int i = 0; i < 3; i++) {
            if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9')
                return false;
            value = value * 10 + (unsigned)(*cursor->at++ - '0');
        }
        *octet = (uint8_t)value;
        return value <= 255 &&
               (value <= 0x20 || value >= 0x7f);  // what has a sign of its own is never a number
    }
    *octet = c;
    cursor->at++;
    return is_special(c);
}

/* Lower-cases the wire and looks at the case of its letters. */
static void case_look(struct query *query)
{
    struct qname *qname = &query->qname;
    bool upper = false, lower = false;
    int last = 0;
    memcpy(query->wire_as_sent, qname->wire, qname->bytes);
    // Lengths of labels are no letters.
    for (size_t i = 0; i < qname->bytes; i++)
        upper |= is_upper(qname->wire[i]);
    if (!upper)
        return;
    upper = false;
    for (size_t label = 0; label < qname->label_count; label++) {
        uint8_t *octets = qname->wire + qname->label_at[label] + 1;
        for (size_t i = 0; i < octets[-1]; i++) {
            int now = is_upper(octets[i]) ? 2 : is_lower(octets[i]) ? 1 : 0;
            if (now == 0)
                continue;
            query->case_changes = (uint16_t)(query->case_changes + (last != 0 && last != now));
            last = now;
            upper |= now == 2;
            lower |= now == 1;
            if (now == 2)
                octets[i] = (uint8_t)(octets[i] + ('a' - 'A'));
        }
    }
    query->mixed_case = upper && lower;
}

bool qname_read(struct span text, struct query *query)
{
    struct qname *qname = &query->qname;
    struct cursor cursor = {text.at, text.at + text.count};
    size_t bytes = 0, label = 0;
    qname->label_count = 0;
    query->case_changes = 0;
    query->mixed_case = false;
    if (text.count == 1 && text.at[0] == '.') {
        qname->wire[0] = query->wire_as_sent[0] = 0;
        qname->bytes = 1;
        return true;
    }
    while (cursor.at < cursor.end) {
        label = bytes++;
        if (label >= 254 || qname->label_count == sizeof qname->label_at)
            return false;
        qname->label_at[qname->label_count++] = (uint8_t)label;
        while (cursor.at < cursor.end && *cursor.at != '.') {
            if (bytes - label > 63 || bytes >= 254 || !octet_read(&cursor, &qname->wire[bytes++]))
                return false;
        }
        if (bytes - label == 1)
            return false;  // an empty label
        qname->wire[label] = (uint8_t)(bytes - label - 1);
        if (cursor.at < cursor.end && ++cursor.at == cursor.end)
            return false;  // a final dot is never printed
    }
    if (bytes == 0)
        return false;
    qname->wire[bytes++] = 0;
    qname->bytes = (uint8_t)bytes;
    case_look(query);
    return true;
}

bool qname_of_text(const char *text, size_t count, struct qname *qname)
{
    struct query query;
    if (!qname_read((struct span){text, count}, &query))
        return false;
    *qname = query.qname;
    return true;
}

size_t qname_text(const uint8_t *wire, size_t bytes, char *text, size_t room)
{
    size_t at = 0, count = 0;
    if (bytes <= 1 || wire[0] == 0) {
        (void)snprintf(text, room, ".");
        return 1;
    }
    while (at < bytes && wire[at] != 0) {
        size_t end = at + 1 + wire[at] < bytes ? at + 1 + wire[at] : bytes;
        if (at > 0 && count + 1 < room)
            text[count++] = '.';
        for (at++; at < end && count + 5 < room; at++) {
            uint8_t c = wire[at];
            if (c <= 0x20 || c >= 0x7f) {
                count += (size_t)snprintf(text + count, room - count, "\\%03u", c);
                continue;
            }
            if (is_special(c))
                text[count++] = '\\';
            text[count++] = (char)c;
        }
        at = end;
    }
    text[count] = '\0';
    return count;
}
