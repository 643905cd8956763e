/* Lines as the log has them already: a line's own form, with another time, client, name and type. */
#include "into.h"

#include "job/civil.h"

#include <stdio.h>
#include <string.h>

static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool is_shape(struct span text, const char *shape)
{
    if (text.count < strlen(shape))
        return false;
    for (size_t i = 0; shape[i]; i++) {
        const char c = text.at[i];
        bool fits = c == shape[i];
        if (shape[i] == '9')
            fits = c >= '0' && c <= '9';
        else if (shape[i] == '_')
            fits = c == ' ' || (c >= '0' && c <= '9');
        else if (shape[i] == 'a')
            fits = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!fits)
            return false;
    }
    return true;
}

/* The offset that an ISO stamp ends in, [count] characters of it; false for another end. */
static bool offset_read(struct span text, int64_t *offset_s)
{
    int64_t hours = 0, minutes = 0;
    const size_t minutes_at = text.count == 6 ? 4 : 3;
    *offset_s = 0;
    if (text.count == 1 && text.at[0] == 'Z')
        return true;
    if ((text.count != 6 && text.count != 5) || (text.at[0] != '+' && text.at[0] != '-') ||
        (text.count == 6 && text.at[3] != ':') || !digits_read(text.at + 1, 2, &hours) ||
        !digits_read(text.at + minutes_at, 2, &minutes))
        return false;
    *offset_s = (hours * 3600 + minutes * 60) * (text.at[0] == '-' ? -1 : 1);
    return true;
}

/* "HH:MM:SS" and as many digits of a fraction as the stamp has. Returns the end. */
static char *clock_put(char *at, int64_t second, int64_t ms, size_t fraction)
{
    at +=
        snprintf(at, 16, "%02d:%02d:%02d", (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    if (fraction > 0) {
        char digits[16];
        (void)snprintf(digits, sizeof digits, ".%03d000000", (int)ms);
        memcpy(at, digits, fraction + 1);
        at += fraction + 1;
    }
    return at;
}

static size_t fraction_of(struct span rest)
{
    size_t digits = 0;
    if (rest.count == 0 || rest.at[0] != '.')
        return 0;
    while (1 + digits < rest.count && rest.at[1 + digits] >= '0' && rest.at[1 + digits] <= '9')
        digits++;
    return digits <= 9 ? digits : 0;
}

size_t stamp_like(struct span like, int64_t time_ms, const struct zone *zone, char *text)
{
    const int64_t time_s = floor_div(time_ms, 1000);
    const bool is_iso = is_shape(like, "9999-99-99T99:99:99"),
               is_named = is_shape(like, "99-aaa-9999 99:99:99"),
               is_syslog = like.count == 15 && is_shape(like, "aaa _9 99:99:99");
    const size_t whole = is_iso ? 19 : is_named ? 20 : 15;
    int64_t offset_s = zone_offset_s(zone, time_s);
    if ((!is_iso && !is_named && !is_syslog) || like.count > 48)
        return 0;
    struct span rest = {like.at + whole, like.count - whole};
    const size_t fraction = fraction_of(rest), tail = fraction ? fraction + 1 : 0;
    rest = (struct span){rest.at + tail, rest.count - tail};
    if (rest.count > 0 && (!is_iso || !offset_read(rest, &offset_s)))
        return 0;
    const int64_t local_s = time_s + offset_s;
    const struct civil_date date = civil_date(floor_div(local_s, DAY_S));
    char *at = text;
    if (is_iso)
        at += snprintf(at, 32, "%04d-%02d-%02dT", (int)date.year, (int)date.month, (int)date.day);
    else if (is_named)
        at += snprintf(at, 32, "%02d-%s-%04d ", (int)date.day, MONTHS[date.month - 1], (int)date.year);
    else
        at += snprintf(at, 32, "%s %2d ", MONTHS[date.month - 1], (int)date.day);
    at = clock_put(at, floor_mod(local_s, DAY_S), floor_mod(time_ms, 1000), fraction);
    memcpy(at, rest.at, rest.count);
    return (size_t)(at - text) + rest.count;
}

/* Whether there is a clock in the text: a second stamp, which would go on telling the old time. */
static bool has_clock(struct span text)
{
    for (size_t i = 0; i + 8 <= text.count; i++)
        if (is_shape((struct span){text.at + i, 8}, "99:99:99"))
            return true;
    return false;
}

/* Room in a line while it is written. */
struct writing {
    char *at, *end;
    bool is_full;
};

static void add(struct writing *writing, const char *bytes, size_t count)
{
    if (count > (size_t)(writing->end - writing->at)) {
        writing->is_full = true;
        return;
    }
    memcpy(writing->at, bytes, count);
    writing->at += count;
}

/* What stands between the port and the second copy of the name: the first copy is replaced. */
static void between_add(struct writing *writing, struct span gap, struct span old, struct span name)
{
    const bool has_copy = gap.count > old.count + 3 && memcmp(gap.at, " (", 2) == 0 &&
                          memcmp(gap.at + 2, old.at, old.count) == 0 && gap.at[2 + old.count] == ')';
    if (!has_copy) {
        add(writing, gap.at, gap.count);
        return;
    }
    add(writing, " (", 2);
    add(writing, name.at, name.count);
    add(writing, gap.at + 2 + old.count, gap.count - 2 - old.count);
}

static const char *end_of(struct span span)
{
    return span.at + span.count;
}

/* Whether the words lie in the line itself, in this order: what a journal or a container wraps does not. */
static bool is_plain(const char *line, size_t count, const struct query *query)
{
    const struct span words[] = {query->time_text, query->client_text, query->port_text, query->qname_text,
                                 query->type_text};
    const char *before = line;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].count == 0 || words[i].at < before || end_of(words[i]) > line + count)
            return false;
        before = end_of(words[i]);
    }
    return line[0] != '{' && query->key_text.count == 0;
}

/* What stands between two words. */
static struct span between(struct span from, struct span to)
{
    return (struct span){end_of(from), (size_t)(to.at - end_of(from))};
}

size_t line_like(const char *line, size_t count, const struct query *query, const struct wanted *wanted,
                 char *text)
{
    char stamp[64], digits[8];
    struct writing writing = {.at = text, .end = text + LINE_BYTES - 1};
    if (!is_plain(line, count, query))
        return 0;
    const struct span middle = between(query->time_text, query->client_text),
                      mark = between(query->client_text, query->port_text),
                      words = between(query->qname_text, query->type_text);
    const size_t stamp_count = stamp_like(query->time_text, wanted->time_ms, wanted->zone, stamp);
    if (stamp_count == 0 || has_clock(middle))
        return 0;
    add(&writing, line, (size_t)(query->time_text.at - line));
    add(&writing, stamp, stamp_count);
    add(&writing, middle.at, middle.count);
    add(&writing, wanted->ip, strlen(wanted->ip));
    add(&writing, mark.at, mark.count);
    add(&writing, digits, (size_t)snprintf(digits, sizeof digits, "%u", wanted->port));
    between_add(&writing, between(query->port_text, query->qname_text), query->qname_text, wanted->name);
    add(&writing, wanted->name.at, wanted->name.count);
    add(&writing, words.at, words.count);
    add(&writing, wanted->type, strlen(wanted->type));
    add(&writing, end_of(query->type_text), (size_t)(line + count - end_of(query->type_text)));
    add(&writing, "\n", 1);
    return writing.is_full ? 0 : (size_t)(writing.at - text);
}
