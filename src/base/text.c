#include "base/text.h"

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
