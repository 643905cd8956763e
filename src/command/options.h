/* The commands and their options as data, for what is made from them: the man page, completion in a shell. */
#ifndef COMMAND_OPTIONS_H
#define COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/** A command, or an option of one. Texts live as long as the program. */
struct option_told {
    const char *name;
    const char *value;  // the words of a command; what an option wants, or NULL
    const char *text;  // what it does
    char letter;  // of an option, or '\0'
};

/** Tells the at-th command, in the order of --help. Local. @return false behind the last */
bool command_told(size_t at, struct option_told *told);

/** Tells the at-th option of a command, beside --help. Local. @return false behind the last */
bool option_told(size_t command, size_t at, struct option_told *told);

#endif
