/**
 * The command line: one file a command, what they share in session.h, and nothing else in quern prints or
 * exits.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

/** Runs the command that the arguments name and returns the exit status of the program. Collective. */
int command_main(int argc, char **argv);

#endif
