#include "feature/feature.h"

#include "bigram_table.h"

#include <string.h>

#define CLASS_HYPHEN 36
#define CLASS_OTHER 37

static size_t letter_class(uint8_t c)
{
    if (c >= 'a' && c <= 'z')
        return (size_t)(c - 'a');
    if (c >= '0' && c <= '9')
        return (size_t)(c - '0') + 26;
    return c == '-' ? CLASS_HYPHEN : CLASS_OTHER;
}

/* A run of labels in one alphabet, and what the tests need to know of it. */
struct run {
    unsigned bytes, letters, digits, eight_bit, case_changes, bigrams;
    int32_t bigram_score;
    int last_case;  // of the last letter: 0 none yet, 1 lower, 2 upper
};

static void run_add_label(struct run *run, const uint8_t *label, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t c = label[i];
        bool lower = c >= 'a' && c <= 'z';
        bool upper = c >= 'A' && c <= 'Z';
        if (lower || upper) {
            int now = lower ? 1 : 2;
            run->case_changes += run->last_case != 0 && run->last_case != now;
            run->last_case = now;
            run->letters++;
        }
        run->digits += c >= '0' && c <= '9';
        run->eight_bit += c >= 0x80;
        if (i > 0) {
            run->bigram_score += BIGRAM_SCORE[letter_class(label[i - 1])][letter_class(c)];
            run->bigrams++;
        }
    }
    run->bytes += (unsigned)count;
}

static bool in_alphabet(enum encoding encoding, uint8_t c)
{
    bool digit = c >= '0' && c <= '9';
    bool lower = c >= 'a' && c <= 'z';
    bool upper = c >= 'A' && c <= 'Z';
    switch (encoding) {
    case ENCODING_HEX: return digit || (c >= 'a' && c <= 'f');
    case ENCODING_BASE32: return lower || (c >= '2' && c <= '7');
    case ENCODING_BASE64:
        return digit || lower || upper || c == '_' || c == '-' || c == '+' || c == '/' || c == '=';
    case ENCODING_EIGHT_BIT: return digit || lower || upper || c >= 0x80;
    }
    return false;
}

/* The tests of rule 7. The thresholds are starting values, found on labels of real tools. */
static bool run_is_encoded(enum encoding encoding, const struct run *run)
{
    switch (encoding) {
    case ENCODING_HEX: return run->bytes >= 24 && run->digits >= 4 && run->letters >= 4;
    case ENCODING_BASE32:
        return run->bytes >= 24 && run->bigrams > 0 && run->bigram_score * 2 > 256 * (int32_t)run->bigrams;
    case ENCODING_BASE64:
        return run->bytes >= 20 && run->digits >= 2 && run->letters > 0 &&
               run->case_changes * 4 >= run->letters;
    case ENCODING_EIGHT_BIT: return run->eight_bit >= 2;
    }
    return false;
}

/* 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(const uint8_t *label, size_t count)
{
    if (count != 36)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        uint8_t c = (uint8_t)(label[i] | 0x20);
        bool hex = (label[i] >= '0' && label[i] <= '9') || (c >= 'a' && c <= 'f');
        if (hyphen ? label[i] != '-' : !hex)
            return false;
    }
    return true;
}

static bool is_punycode(const uint8_t *label, size_t count)
{
    return count >= 4 && (label[0] | 0x20) == 'x' && (label[1] | 0x20) == 'n' && label[2] == '-' &&
           label[3] == '-';
}

/* A counter or a single letter between two labels: it neither belongs to a run nor ends it. */
static bool is_skipped(const uint8_t *label, size_t count)
{
    size_t digits = 0;
    while (digits < count && label[digits] >= '0' && label[digits] <= '9')
        digits++;
    return count <= 1 || digits == count;
}

/* Returns the length of the longest run of the first labels that passes the encoding's test, 0 when there is
 * none. */
static unsigned encoded_bytes(const uint8_t *wire, size_t labels, enum encoding encoding)
{
    struct run run = {0};
    unsigned longest = 0;
    for (size_t i = 0; i < labels; i++, wire += 1 + wire[0]) {
        const uint8_t *label = wire + 1;
        size_t count = wire[0];
        if (is_skipped(label, count))
            continue;
        size_t same = 0;
        while (same < count && in_alphabet(encoding, label[same]))
            same++;
        if (same < count || is_uuid(label, count) || is_punycode(label, count)) {
            run = (struct run){0};
            continue;
        }
        run_add_label(&run, label, count);
        if (run_is_encoded(encoding, &run) && run.bytes > longest)
            longest = run.bytes;
    }
    return longest;
}

uint8_t name_base64(const uint8_t *wire, size_t sub_labels)
{
    return encoded_bytes(wire, sub_labels, ENCODING_BASE64) ? ENCODING_BASE64 : 0;
}

/* Reversed addresses, like labels that are numbers, were chosen by nobody: as letter pairs they would look
 * random. */
static bool is_arpa(const struct qname *qname)
{
    return qname->label_count > 0 && qname->bytes >= 6 &&
           memcmp(qname->wire + qname->bytes - 6, "\4arpa", 6) == 0;
}

static bool has_eight_bit(const struct qname *qname, size_t labels)
{
    const size_t end = labels < qname->label_count ? qname->label_at[labels] : qname->bytes;
    uint8_t all = 0;
    for (size_t i = 0; i < end; i++)
        all |= qname->wire[i];
    return all & 0x80;
}

void name_traits_find(const struct suffixes *suffixes, const struct qname *qname, struct name_traits *traits)
{
    static const enum encoding CASELESS[] = {ENCODING_HEX, ENCODING_BASE32, ENCODING_EIGHT_BIT};
    *traits = (struct name_traits){0};
    size_t suffix_labels = 0;
    size_t sub_labels = suffixes_sub_labels(suffixes, qname, &suffix_labels);
    struct run own = {0};  // the labels that somebody chose: all before the public suffix
    for (size_t i = 0; i < qname->label_count; i++) {
        const uint8_t *label = qname->wire + qname->label_at[i];
        if (label[0] > traits->label_max)
            traits->label_max = label[0];
        if (i < sub_labels)
            traits->sub_bytes = (uint16_t)(traits->sub_bytes + label[0] + (i > 0));
        if (i + suffix_labels < qname->label_count && !is_arpa(qname) && !is_skipped(label + 1, label[0]))
            run_add_label(&own, label + 1, label[0]);
    }
    traits->sub_labels = (uint8_t)sub_labels;
    traits->bigram_score = own.bigram_score;
    traits->bigrams = (uint16_t)own.bigrams;
    for (size_t i = 0; i < sizeof CASELESS / sizeof CASELESS[0] && sub_labels > 0; i++) {
        // What run_is_encoded wants at least; most names are too short, and in ASCII.
        if (CASELESS[i] == ENCODING_EIGHT_BIT ? !has_eight_bit(qname, sub_labels) : traits->sub_bytes < 24)
            continue;
        unsigned bytes = encoded_bytes(qname->wire, sub_labels, CASELESS[i]);
        if (bytes > 0)
            traits->encodings |= (uint8_t)CASELESS[i];
        if (bytes > traits->encoded_bytes)
            traits->encoded_bytes = (uint16_t)bytes;
    }
}
