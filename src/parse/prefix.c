/* What syslog, the journal and containers put before named's own line. */
#include "internal.h"

#include <stdlib.h>

/* ---- syslog and the journal ---- */

/* "[ID 873579 daemon.info] ", which Solaris puts before each message. */
static void solaris_id_skip(struct cursor *cursor)
{
    struct cursor at = *cursor;
    struct span id;
    if (SKIP(&at, "[ID ") && take_until(&at, ']', &id) && id.count < 64 && SKIP(&at, "] "))
        *cursor = at;
}

/* "HOST [facility.severity] PROGRAM[pid]: ", after the stamp and its blank. The header ends at the first ":
 * ". */
static bool tag_read(struct cursor *cursor, struct prefix *prefix)
{
    struct cursor at = *cursor;
    struct span host, tag;
    if (!take_until(&at, ' ', &host) || host.count == 0)
        return false;
    // `journalctl --no-hostname` and devices that log of themselves alone: "named[812]:".
    if (host.count > 7 && memcmp(host.at, "named", 5) == 0 && memcmp(host.at + host.count - 2, "]:", 2) == 0)
        host.count = 0;
    else if (host.at[host.count - 1] == ':')
        return false;
    else
        at.at++;
    const char *from = host.count ? at.at : host.at;
    at.at = from;
    do {
        if (!take_until(&at, ':', &tag))
            return false;
        at.at++;
    } while (rest_of(&at) > 0 && *at.at != ' ');
    if (rest_of(&at) == 0)
        return false;
    // A tag is a word with a pid, or two words: what named writes of itself before its first ": " is none.
    size_t length = (size_t)(at.at - 1 - from);
    const char *blank = memchr(from, ' ', length);
    // "client 10.1.1.1#5: " and "debug 3: " are named's own.
    if (length > 128 || memchr(from, '#', length) || is_made_of((struct span){from, length}, "0123456789") ||
        (blank && memchr(blank + 1, ' ', length - (size_t)(blank + 1 - from))))
        return false;
    at.at++;
    solaris_id_skip(&at);
    prefix->host = host;
    *cursor = at;
    return true;
}

/* RFC 5424 behind "<PRI>": 1 STAMP HOST APP PROCID MSGID SD [MSG]. */
static bool rfc5424_read(struct cursor *cursor, struct prefix *prefix)
{
    struct cursor at = *cursor;
    struct span word;
    if (!SKIP(&at, "1 "))
        return false;
    if (!stamp_iso(&at, &prefix->stamp) && !SKIP(&at, "-"))
        return false;
    if (!SKIP(&at, " ") || !take_until(&at, ' ', &prefix->host))
        return false;
    at.at++;
    for (int i = 0; i < 3; i++) {
        if (!take_until(&at, ' ', &word))
            return false;
        at.at++;
    }
    if (!SKIP(&at, "-")) {
        while (SKIP(&at, "[")) {
            while (rest_of(&at) > 0 && *at.at != ']')
                at.at += *at.at == '\\' && rest_of(&at) > 1 ? 2 : 1;
            if (!SKIP(&at, "]"))
                return false;
        }
    }
    while (SKIP(&at, " "))
        continue;
    (void)SKIP(&at, "\xef\xbb\xbf");
    *cursor = at;
    return true;
}

static bool pri_skip(struct cursor *cursor)
{
    struct cursor at = *cursor;
    int digits = 0;
    if (!SKIP(&at, "<"))
        return false;
    for (; rest_of(&at) > 0 && *at.at >= '0' && *at.at <= '9' && digits < 3; digits++)
        at.at++;
    if (digits == 0 || !SKIP(&at, ">"))
        return false;
    *cursor = at;
    return true;
}

/* Containers: "STAMP stdout F " (CRI) behind the stamp, "named  | " (compose). */
static bool cri_skip(struct cursor *cursor)
{
    struct cursor at = *cursor;
    if ((SKIP(&at, "stdout ") || SKIP(&at, "stderr ")) && (SKIP(&at, "F ") || SKIP(&at, "P "))) {
        *cursor = at;
        return true;
    }
    return false;
}

static bool compose_skip(struct cursor *cursor)
{
    struct cursor at = *cursor;
    struct span name;
    if (!take_until(&at, ' ', &name) || name.count == 0 || name.at[name.count - 1] == ':')
        return false;
    while (SKIP(&at, " "))
        continue;
    if (!SKIP(&at, "| "))
        return false;
    *cursor = at;
    return true;
}

/* `docker logs -t`: a stamp with an offset, before named's own one. What stands alone is named's. */
static bool docker_stamp_read(struct cursor *cursor, struct stamp *stamp)
{
    struct cursor at = *cursor;
    struct stamp outer = {0}, own = {0};
    if (!stamp_iso(&at, &outer) || outer.is_local || !SKIP(&at, " "))
        return false;
    struct cursor behind = at;
    if (!stamp_named(&behind, &own) && !stamp_iso(&behind, &own))
        return false;
    *stamp = outer;
    *cursor = at;
    return true;
}

void prefix_read(struct line_parser *parser, struct cursor *cursor, struct prefix *prefix)
{
    struct cursor at = *cursor;
    *prefix = (struct prefix){0};
    if (rest_of(&at) > 0 && *at.at == '{' && json_unwrap(parser, &at, prefix)) {
        prefix->is_there = true;
        *cursor = at;
        return;
    }
    bool has_pri = pri_skip(&at);
    struct stamp stamp = {0};
    if (has_pri ? rfc5424_read(&at, prefix) : docker_stamp_read(&at, &prefix->stamp)) {
        prefix->is_there = true;
    } else if (stamp_syslog(&at, &stamp) || stamp_weekday(&at, &stamp) || stamp_unix(&at, &stamp) ||
               stamp_iso(&at, &stamp)) {
        // An ISO stamp may be named's own: then no host and program follow.
        prefix->is_there = SKIP(&at, " ") && (cri_skip(&at) || tag_read(&at, prefix));
        if (prefix->is_there)
            prefix->stamp = stamp;
    } else {
        prefix->is_there = !has_pri && compose_skip(&at);
        if (prefix->is_there)
            (void)docker_stamp_read(&at, &prefix->stamp);
    }
    if (prefix->is_there)
        *cursor = at;
    else
        *prefix = (struct prefix){0};
}

/* ---- JSON ---- */

static void blanks_skip(struct cursor *cursor)
{
    while (rest_of(cursor) > 0 && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex4_read(struct cursor *cursor, uint32_t *value)
{
    if (rest_of(cursor) < 4)
        return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*cursor->at++);
        if (digit < 0)
            return false;
        *value = *value << 4 | (uint32_t)digit;
    }
    return true;
}

/* Appends a code point as UTF-8; the source took six characters for it, so it fits where the line fits. */
static char *utf8_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* A string at the cursor, unescaped into `out`. */
static bool string_read(struct cursor *cursor, char **out, struct span *text)
{
    char *to = *out;
    if (!SKIP(cursor, "\""))
        return false;
    while (rest_of(cursor) > 0 && *cursor->at != '"') {
        char c = *cursor->at++;
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        if (rest_of(cursor) == 0)
            return false;
        uint32_t code = 0;
        c = *cursor->at++;
        switch (c) {
        case 'n': *to++ = '\n'; break;
        case 't': *to++ = '\t'; break;
        case 'r': *to++ = '\r'; break;
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'u':
            if (!hex4_read(cursor, &code))
                return false;
            to = utf8_put(to, code);
            break;
        default: *to++ = c; break;
        }
    }
    *text = (struct span){*out, (size_t)(to - *out)};
    *out = to;
    return SKIP(cursor, "\"");
}

/* A list of numbers, which is how the journal prints a message that is not UTF-8. */
static bool bytes_read(struct cursor *cursor, char **out, struct span *text)
{
    char *to = *out;
    if (!SKIP(cursor, "["))
        return false;
    while (rest_of(cursor) > 0 && *cursor->at != ']') {
        unsigned value = 0;
        int digits = 0;
        blanks_skip(cursor);
        for (; rest_of(cursor) > 0 && *cursor->at >= '0' && *cursor->at <= '9' && digits < 3;
             cursor->at++, digits++)
            value = value * 10 + (unsigned)(*cursor->at - '0');
        if (digits == 0 || value > 255)
            return false;
        *to++ = (char)value;
        blanks_skip(cursor);
        (void)SKIP(cursor, ",");
    }
    *text = (struct span){*out, (size_t)(to - *out)};
    *out = to;
    return SKIP(cursor, "]");
}

/* Behind an object or a list, whatever is in it: docker's attributes, the journal's repeated fields. */
static bool nested_skip(struct cursor *cursor)
{
    size_t depth = 0;
    do {
        char c = *cursor->at++;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        while (c == '"' && rest_of(cursor) > 0 && *cursor->at != '"')
            cursor->at += *cursor->at == '\\' && rest_of(cursor) > 1 ? 2 : 1;
        if (c == '"' && !SKIP(cursor, "\""))
            return false;
    } while (depth > 0 && rest_of(cursor) > 0);
    return depth == 0;
}

/* Any value; of texts and lists of bytes the content. */
static bool value_read(struct cursor *cursor, char **out, struct span *text)
{
    *text = (struct span){cursor->at, 0};
    if (rest_of(cursor) == 0)
        return false;
    if (*cursor->at == '"')
        return string_read(cursor, out, text);
    struct cursor at = *cursor;
    if (*cursor->at == '[' && bytes_read(&at, out, text)) {
        *cursor = at;
        return true;
    }
    if (*cursor->at == '[' || *cursor->at == '{')
        return nested_skip(cursor);
    while (rest_of(cursor) > 0 && *cursor->at != ',' && *cursor->at != '}')
        cursor->at++;
    return true;
}

static bool is_key(struct span key, const char *name)
{
    return strlen(name) == key.count && memcmp(key.at, name, key.count) == 0;
}

/* Microseconds since 1970, as the journal counts. */
static bool journal_time(struct span text, struct stamp *stamp)
{
    int64_t micros = 0;
    if (text.count < 13 || text.count > 17)
        return false;
    for (size_t i = 0; i < text.count; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        micros = micros * 10 + (text.at[i] - '0');
    }
    *stamp = (struct stamp){.text = text,
                            .has_year = true,
                            .seconds = micros / 1000000,
                            .milliseconds = (int)(micros / 1000 % 1000)};
    return true;
}

/* What the members of the object tell. */
struct wrapped {
    struct span message, source_time, arrival_time, docker_time, host;
};

static bool members_read(struct cursor *cursor, char *out, struct wrapped *wrapped)
{
    if (!SKIP(cursor, "{"))
        return false;
    for (;;) {
        struct span key, value;
        blanks_skip(cursor);
        if (!string_read(cursor, &out, &key))
            return false;
        blanks_skip(cursor);
        if (!SKIP(cursor, ":"))
            return false;
        blanks_skip(cursor);
        if (!value_read(cursor, &out, &value))
            return false;
        if (is_key(key, "MESSAGE") || is_key(key, "log"))
            wrapped->message = value;
        else if (is_key(key, "_SOURCE_REALTIME_TIMESTAMP"))
            wrapped->source_time = value;
        else if (is_key(key, "__REALTIME_TIMESTAMP"))
            wrapped->arrival_time = value;
        else if (is_key(key, "time"))
            wrapped->docker_time = value;
        else if (is_key(key, "_HOSTNAME"))
            wrapped->host = value;
        blanks_skip(cursor);
        if (SKIP(cursor, "}"))
            return wrapped->message.at != NULL;
        if (!SKIP(cursor, ","))
            return false;
    }
}

bool json_unwrap(struct line_parser *parser, struct cursor *cursor, struct prefix *prefix)
{
    struct cursor at = *cursor;
    struct wrapped wrapped = {0};
    // Unescaping never makes a text longer.
    if (rest_of(&at) + 1 > parser->buffer_bytes) {
        char *grown = realloc(parser->buffer, rest_of(&at) + 1);
        if (!grown)
            return false;
        parser->buffer = grown;
        parser->buffer_bytes = rest_of(&at) + 1;
    }
    if (!members_read(&at, parser->buffer, &wrapped))
        return false;
    if (wrapped.docker_time.count > 0) {
        struct cursor time = {wrapped.docker_time.at, wrapped.docker_time.at + wrapped.docker_time.count};
        if (!stamp_iso(&time, &prefix->stamp))
            prefix->stamp = (struct stamp){0};
    } else if (!journal_time(wrapped.source_time, &prefix->stamp)) {
        (void)journal_time(wrapped.arrival_time, &prefix->stamp);
    }
    prefix->host = wrapped.host;
    size_t count = wrapped.message.count;
    while (count > 0 && (wrapped.message.at[count - 1] == '\n' || wrapped.message.at[count - 1] == '\r'))
        count--;
    *cursor = (struct cursor){wrapped.message.at, wrapped.message.at + count};
    return true;
}
