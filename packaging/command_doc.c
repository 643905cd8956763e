/* Prints what a system wants to know of the command line: `command_doc man` quern(1), `command_doc bash` completion for
 * bash (and zsh by bashcompinit). Both come from the table that the program itself reads. */
#include "options.h"

#include <stdio.h>
#include <string.h>

/* roff takes a '.' or '\'' at the start of a line for a request, '\' for an escape and '-' for a hyphen. */
static void print_roff(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((*at == '.' || *at == '\'') && at == text)
            (void)printf("\\&");
        if (*at == '\\')
            (void)printf("\\e");
        else if (*at == '-')
            (void)printf("\\-");
        else
            (void)putchar(*at);
    }
}

static void print_option(const struct option_told *option)
{
    (void)printf(".TP\n");
    if (option->letter)
        (void)printf("\\fB\\-%c\\fR, ", option->letter);
    (void)printf("\\fB\\-\\-");
    print_roff(option->name);
    (void)printf("\\fR");
    if (option->value) {
        (void)printf("=\\fI");
        print_roff(option->value);
        (void)printf("\\fR");
    }
    (void)printf("\n");
    print_roff(option->text);
    (void)printf("\n");
}

static void print_man(const char *version)
{
    struct option_told told;
    (void)printf(".TH QUERN 1 \"\" \"quern %s\" \"User Commands\"\n", version);
    (void)printf(".SH NAME\nquern \\- anomaly scores for every internal IP from an archive of BIND 9 query logs\n"
                 ".SH SYNOPSIS\n.B quern\n.I COMMAND\n[\\fIOPTION\\fR...] ...\n.br\n"
                 "\\fBmpirun \\-n 8 quern run\\fR \\fIJOB.yaml\\fR\n"
                 ".SH DESCRIPTION\nReads query logs in parallel, keeps what each IP did in each hour in a store, trains\n"
                 "k\\-means and an autoencoder on it, accumulates evidence on hosts and domains, and writes models, scores\n"
                 "and reasons to HDF5. Any number of MPI ranks gives the same bits.\n.SH COMMANDS\n");
    for (size_t command = 0; command_told(command, &told); command++) {
        (void)printf(".SS \"%s %s\"\n", told.name, told.value);
        print_roff(told.text);
        (void)printf(".\n");
        for (size_t at = 0; option_told(command, at, &told); at++)
            print_option(&told);
    }
    (void)printf(".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nfailed\n.TP\n2\nwrong usage or job file\n.TP\n3\nno usable input\n"
                 ".TP\n75\nstopped on request (SIGTERM, SIGUSR1); run it again and it goes on\n"
                 ".SH ENVIRONMENT\n.TP\nQUERN_DATA\na folder with the lists that are installed beside the program\n"
                 ".TP\nQUERN_SIMD\n\\fBplain\\fR, \\fBavx2\\fR or \\fBavx512\\fR forces a level of instructions\n"
                 ".TP\nNO_COLOR\nno colours\n"
                 ".SH SEE ALSO\nThe manual in Markdown, installed beside this page's program in share/doc/quern/docs.\n");
}

static void print_bash(void)
{
    struct option_told told;
    (void)printf("# Completion of quern for bash; zsh reads it after `autoload -U bashcompinit && bashcompinit`.\n"
                 "_quern() {\n    local words word=${COMP_WORDS[COMP_CWORD]}\n    COMPREPLY=()\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='--help --version");
    for (size_t command = 0; command_told(command, &told); command++)
        (void)printf(" %s", told.name);
    (void)printf("'\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (size_t command = 0; command_told(command, &told); command++) {
        (void)printf("        %s) words='--help", told.name);
        for (size_t at = 0; option_told(command, at, &told); at++)
            (void)printf(" --%s%s", told.name, told.value ? "=" : "");
        (void)printf("' ;;\n");
    }
    (void)printf("        *) words= ;;\n        esac\n    fi\n"
                 "    case $word in -*) ;; *) [ \"$COMP_CWORD\" -eq 1 ] || words= ;; esac\n"
                 "    while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$words\" -- \"$word\")\n"
                 "    case ${COMPREPLY[0]:-} in *=) compopt -o nospace ;; esac\n}\n"
                 "complete -o default -F _quern quern\n");
}

int main(int argc, char **argv)
{
    const char *what = argc == 3 ? argv[1] : "";
    if (strcmp(what, "man") == 0)
        print_man(argv[2]);
    else if (strcmp(what, "bash") == 0)
        print_bash();
    else
        return 2;
    return 0;
}
