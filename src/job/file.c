#include "file.h"

#include "job/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void where_write(const char *origin, long line, char where[sizeof((struct error *)0)->where])
{
    const size_t room = sizeof((struct error *)0)->where;
    char tail[32] = "";
    if (line > 0)
        (void)snprintf(tail, sizeof tail, ":%ld", line);
    size_t length = strlen(origin);
    size_t most = room - 1 - strlen(tail);
    if (length <= most)
        (void)snprintf(where, room, "%s%s", origin, tail);
    else
        (void)snprintf(where, room, "...%s%s", origin + length - (most - 3), tail);
}

/* All of the stream, or what is more than FILE_MOST_BYTES of it, with room for a '\0'. */
static enum status read_all(FILE *file, const char *path, enum status fault, char *bytes, size_t *count,
                            struct error *err)
{
    *count = fread(bytes, 1, FILE_MOST_BYTES + 1, file);
    char where[sizeof err->where];
    where_write(path, 0, where);
    if (ferror(file))
        return error_set(err, fault, where, "", "cannot be read: %s", strerror(errno));
    if (*count > FILE_MOST_BYTES)
        return error_set(err, fault, where, "is it the file you meant?", "is larger than 1 MiB");
    bytes[*count] = '\0';
    const char *nul = memchr(bytes, '\0', *count);
    if (!nul)
        return STATUS_OK;
    long line = 1;
    for (const char *c = bytes; c < nul; c++)
        line += *c == '\n';
    where_write(path, line, where);
    return error_set(err, fault, where, "is it the file you meant?", "a NUL byte, where text was expected");
}

enum status file_read(const char *path, enum status fault, char **bytes, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    FILE *file = NULL;
    char *buffer = malloc(FILE_MOST_BYTES + 2);
    char where[sizeof err->where];
    where_write(path, 0, where);
    if (!buffer) {
        status = error_set(err, STATUS_NO_MEMORY, where, "", "no memory to read it");
        goto done;
    }
    file = fopen(path, "rbe");
    if (!file) {
        status = error_set(err, fault, where, "", "cannot be read: %s", strerror(errno));
        goto done;
    }
    TRY(read_all(file, path, fault, buffer, count, err));
    if (*count >= 3 && memcmp(buffer, "\xef\xbb\xbf", 3) == 0) {
        *count -= 3;
        memmove(buffer, buffer + 3, *count + 1);
    }
    *bytes = buffer;
    buffer = NULL;
done:
    if (file)
        (void)fclose(file);
    free(buffer);
    return status;
}

/* Whether folder/middle/name can be read; its path stays in `out`. */
static bool readable(const char *folder, const char *middle, const char *name, char *out, size_t room)
{
    int length = snprintf(out, room, "%s%s%s", folder, middle, name);
    return length >= 0 && (size_t)length < room && access(out, R_OK) == 0;
}

bool job_data_path(const char *name, char *out, size_t room)
{
    // From the program's folder: where the data is installed, else some folder above, where the program was
    // built.
    static const char *const beside[] = {QUERN_DATA_INSTALLED, "/", "/../", "/../../", "/../../../",
                                         "/../../../../"};
    if (room == 0)
        return false;
    if (readable("", "", name, out, room))
        return true;
    const char *data = getenv("QUERN_DATA");
    bool found = name[0] != '/' && data && *data && readable(data, "/", name, out, room);
    char program[4096];
    ssize_t length = name[0] == '/' ? -1 : readlink("/proc/self/exe", program, sizeof program - 1);
    if (!found && length > 0) {
        program[length] = '\0';
        char *slash = strrchr(program, '/');
        if (slash)
            *slash = '\0';
        for (size_t i = 0; !found && i < sizeof beside / sizeof beside[0]; i++)
            found = readable(program, beside[i], name, out, room);
    }
    if (!found)
        out[0] = '\0';
    return found;
}
