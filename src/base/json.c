#include "base/json.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct json json_begin(FILE *stream)
{
    return (struct json){.stream = stream};
}

struct json json_line_begin(FILE *stream)
{
    return (struct json){.stream = stream, .is_line = true};
}

static void put_text(struct json *json, const char *text, size_t count)
{
    char escaped[6 * 64 + 1];
    (void)fputc('"', json->stream);
    for (size_t at = 0; at < count; at += 64) {
        size_t piece = count - at < 64 ? count - at : 64;
        (void)text_for_json(text + at, piece, escaped, sizeof escaped);
        (void)fputs(escaped, json->stream);
    }
    (void)fputc('"', json->stream);
}

static void before_value(struct json *json, const char *key)
{
    if (json->has_sibling)
        (void)fputc(',', json->stream);
    if (json->depth > 0 && !json->is_line)
        (void)fprintf(json->stream, "\n%*s", 2 * json->depth, "");
    else if (json->has_sibling)
        (void)fputc(' ', json->stream);
    json->has_sibling = true;
    if (!key)
        return;
    put_text(json, key, strlen(key));
    (void)fputs(": ", json->stream);
}

void json_open(struct json *json, const char *key, char bracket)
{
    before_value(json, key);
    (void)fputc(bracket, json->stream);
    json->depth++;
    json->has_sibling = false;
}

void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (json->has_sibling && !json->is_line)
        (void)fprintf(json->stream, "\n%*s", 2 * json->depth, "");
    (void)fputc(bracket, json->stream);
    json->has_sibling = true;
    if (json->depth == 0)
        (void)fputc('\n', json->stream);
}

void json_integer(struct json *json, const char *key, int64_t value)
{
    before_value(json, key);
    (void)fprintf(json->stream, "%" PRId64, value);
}

void json_number(struct json *json, const char *key, double value)
{
    before_value(json, key);
    if (isfinite(value))
        (void)fprintf(json->stream, "%.17g", value);
    else
        (void)fputs("null", json->stream);
}

void json_text(struct json *json, const char *key, const char *text, size_t count)
{
    before_value(json, key);
    put_text(json, text, count);
}

void json_utf8(struct json *json, const char *key, const char *text)
{
    before_value(json, key);
    (void)fputc('"', json->stream);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            (void)fprintf(json->stream, "\\u%04x", (unsigned)*c);
        else
            (void)fprintf(json->stream, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    (void)fputc('"', json->stream);
}

void json_bool(struct json *json, const char *key, bool value)
{
    before_value(json, key);
    (void)fputs(value ? "true" : "false", json->stream);
}
