/* Linked into every program of the build under sanitizers, so that the leaks of MPI and HDF5, which lsan.supp
 * names by their libraries, are told from ours by the first frame of a stack alone. The whole stack is then
 * not needed, and the unwinder that finds it takes four fifths of the time of a test.
 *
 * MPI unloads its plug-ins at the end, before leaks are looked for, and their frames would have no library:
 * here nothing is unloaded. And glibc is built without frame pointers, so behind its asprintf a stack is
 * lost: these have some, and their caller is the next frame. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEN __attribute__((visibility("default")))

SEEN int dlclose(void *handle);
SEEN int vasprintf(char **text, const char *format, va_list values);
SEEN int asprintf(char **text, const char *format, ...);
SEEN int __vasprintf_chk(char **text, int flag, const char *format, va_list values);
SEEN int __asprintf_chk(char **text, int flag, const char *format, ...);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

/* In each of them the caller of malloc is the function that was called from outside. */
#define MAKE_TEXT                                                                                            \
    va_list again;                                                                                           \
    va_copy(again, values);                                                                                  \
    const int count = vsnprintf(NULL, 0, format, again);                                                     \
    va_end(again);                                                                                           \
    *text = count < 0 ? NULL : malloc((size_t)count + 1);                                                    \
    const int made = *text ? vsnprintf(*text, (size_t)count + 1, format, values) : -1

int vasprintf(char **text, const char *format, va_list values)
{
    MAKE_TEXT;
    return made;
}

int __vasprintf_chk(char **text, int flag, const char *format, va_list values)
{
    (void)flag;
    MAKE_TEXT;
    return made;
}

int asprintf(char **text, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    MAKE_TEXT;
    va_end(values);
    return made;
}

int __asprintf_chk(char **text, int flag, const char *format, ...)
{
    (void)flag;
    va_list values;
    va_start(values, format);
    MAKE_TEXT;
    va_end(values);
    return made;
}
