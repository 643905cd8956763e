#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t terminal_need(unsigned char c)
{
    return c < 0x20 || c > 0x7e ? 4 : c == '\\' ? 2 : 1;
}

size_t text_for_terminal(const char *bytes, size_t count, char *out, size_t room)
{
    size_t length = 0, whole = 0;
    for (size_t i = 0; i < count && whole < room; i++)
        whole += terminal_need((unsigned char)bytes[i]);
    size_t rest = whole < room ? 1 : 4;  // room for "..." unless all of it fits
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)bytes[i];
        size_t need = terminal_need(c);
        if (length + need + rest > room) {
            (void)snprintf(out + length, room - length, "...");
            return strlen(out);
        }
        (void)snprintf(out + length, room - length, need == 4 ? "\\x%02x" : need == 2 ? "\\%c" : "%c", c);
        length += need;
    }
    out[length] = '\0';
    return length;
}

size_t text_for_json(const char *bytes, size_t count, char *out, size_t room)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)bytes[i];
        size_t need = c < 0x20 || c > 0x7e ? 6 : c == '"' || c == '\\' ? 2 : 1;
        if (length + need + 1 > room)
            break;
        (void)snprintf(out + length, room - length, need == 6 ? "\\u%04x" : need == 2 ? "\\%c" : "%c", c);
        length += need;
    }
    out[length] = '\0';
    return length;
}

/* Signs that turn the direction of text, break a line or are invisible, as ranges. */
static const uint32_t UNSHOWN[][2] = {{0x061c, 0x061c}, {0x200b, 0x200f},  {0x2028, 0x202e},
                                      {0x2060, 0x206f}, {0xd800, 0xdfff},  {0xfeff, 0xfeff},
                                      {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};

size_t text_utf8_shown(const char *bytes, size_t count)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t first = count > 0 ? (uint8_t)bytes[0] : 0;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc0 || first > 0xf4 || length > count)
        return 0;
    uint32_t code = first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (((uint8_t)bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((uint8_t)bytes[i] & 0x3f);
    }
    for (size_t i = 0; i < sizeof UNSHOWN / sizeof UNSHOWN[0]; i++)
        if (code >= UNSHOWN[i][0] && code <= UNSHOWN[i][1])
            return 0;
    return code < LEAST[length] || code < 0xa0 || code > 0x10ffff ? 0 : length;
}
