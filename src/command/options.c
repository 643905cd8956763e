/* The command line, by argp: each command has the options that mean something to it, and no others. */
#include "options.h"
#include "session.h"

#include <argp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command_row {
    const char *name;
    const char *words;
    size_t least, most;
    const char *text;
};

static const struct command_row ROWS[COMMANDS] = {
#define X(NAME, name, words, least, most, mpi, text) {#name, words, least, most, text},
#include "commands.def"
#undef X
};

enum option_key {
    KEY_SET = 's',
    KEY_OUTPUT = 'o',
    KEY_QUIET = 'q',
    KEY_VERBOSE = 'v',
    KEY_JSON = 0x100,
    KEY_MODEL,
    KEY_TIMEZONE,
    KEY_FROM,
    KEY_TO,
    KEY_YEAR,
    KEY_RANKS,
    KEY_DIGEST,
    KEY_TSV,
    KEY_CSV,
    KEY_PAST,
    KEY_INTO,
    KEY_FEATURE_SET,
    KEY_ROWS,
    KEY_COLUMNS,
    KEY_K,
    KEY_TO_END,
    KEY_HIDDEN,
    KEY_BATCH,
    KEY_UNTIL,
    KEY_LANGUAGE,
    KEY_KEY,
    KEY_LINES,
    KEY_SVG,
    KEY_REASON,
    KEY_STORED,
    KEY_MERGE,
    KEY_KEEP,
    KEY_LADDER,
    KEY_DRY_RUN = 'n',
};

#define FOR(command) (1u << COMMAND_##command)
#define FOR_STEPS (FOR(RUN) | FOR(EXTRACT) | FOR(TRAIN) | FOR(SCORE) | FOR(DECIDE) | FOR(REPORT))
#define FOR_JOBS (FOR_STEPS | FOR(CHECK))

struct option_row {
    unsigned commands;
    struct argp_option option;
};

static const struct option_row OPTIONS[] = {
    {FOR_JOBS,
     {"set", KEY_SET, "KEY=VALUE", 0, "Replace a value of the job file; VALUE is YAML, the last one wins",
      0}},
    {FOR(INIT),
     {"output", KEY_OUTPUT, "FILE", 0,
      "Write to FILE, which must not be there yet, instead of standard output", 0}},
    {FOR(CHECK), {"ranks", KEY_RANKS, "N", 0, "Plan for N ranks (as many as check itself has)", 0}},
    {FOR(CHECK) | FOR(RUN) | FOR(EXTRACT) | FOR(SHOW) | FOR(GENERATE) | FOR(EVALUATE) | FOR(FIND) |
         FOR(INFO) | FOR(BENCH) | FOR(COMPARE),
     {"json", KEY_JSON, NULL, 0, "Print JSON", 0}},
    {FOR(PARSE),
     {"json", KEY_JSON, NULL, 0, "Print JSON Lines: an object a line, with why a line is a reject", 0}},
    {FOR_STEPS | FOR(GENERATE), {"quiet", KEY_QUIET, NULL, 0, "No progress", 0}},
    {FOR_STEPS, {"verbose", KEY_VERBOSE, NULL, 0, "Tell more", 0}},
    {FOR(SCORE), {"model", KEY_MODEL, "FILE", 0, "Score by this model instead of output.dir/model.h5", 0}},
    {FOR(TRAIN) | FOR(SCORE),
     {"stored", KEY_STORED, NULL, 0, "Take the days that the store has, and read no log", 0}},
    {FOR(SCORE),
     {"merge", KEY_MERGE, NULL, 0,
      "Put together the scores of PART..., folders of results that each have some of the job's days", 0}},
    {FOR(PARSE), {"tsv", KEY_TSV, NULL, 0, "Print tab-separated values (the default)", 0}},
    {FOR(PARSE), {"timezone", KEY_TIMEZONE, "ZONE", 0, "IANA zone of time stamps that carry none (UTC)", 0}},
    {FOR(PARSE), {"year", KEY_YEAR, "YEAR", 0, "Year of time stamps that carry none (the file's)", 0}},
    {FOR(GENERATE),
     {"into", KEY_INTO, "ARCHIVE", 0, "Add the attacks to a copy of these logs, a folder or a file", 0}},
    {FOR(EVALUATE), {"csv", KEY_CSV, NULL, 0, "Print comma-separated values", 0}},
    {FOR(EVALUATE),
     {"past", KEY_PAST, "DIR", 0,
      "Take what was known on a day from DIR/YYYY-MM-DD, results of a job that ended with it", 0}},
    {FOR(GENERATE) | FOR(EVALUATE), {"from", KEY_FROM, "DATE", 0, "Leave out days before", 0}},
    {FOR(GENERATE) | FOR(EVALUATE), {"to", KEY_TO, "DATE", 0, "Leave out this day and those behind it", 0}},
    {FOR(BENCH),
     {"feature-set", KEY_FEATURE_SET, "talk|full", 0,
      "extract: tallies of rows alone, which the talk's features need, or all (full)", 0}},
    {FOR(BENCH),
     {"ladder", KEY_LADDER, NULL, 0,
      "extract, kmeans, autoencoder: by 1, 2, 4, ... of the ranks, with a fit of time against ranks", 0}},
    {FOR(BENCH), {"rows", KEY_ROWS, "N", 0, "Rows to take or to make (1000000)", 0}},
    {FOR(BENCH), {"columns", KEY_COLUMNS, "N", 0, "Columns of FILE, which is rows of float32 (24)", 0}},
    {FOR(BENCH), {"k", KEY_K, "K", 0, "kmeans: clusters (8)", 0}},
    {FOR(BENCH), {"to-end", KEY_TO_END, NULL, 0, "kmeans: time a run to its end instead of iterations", 0}},
    {FOR(BENCH), {"hidden", KEY_HIDDEN, "N,...", 0, "autoencoder: widths of the hidden layers (16,8,16)", 0}},
    {FOR(BENCH), {"batch", KEY_BATCH, "N", 0, "autoencoder: rows a step (2048)", 0}},
    {FOR(SHOW),
     {"lines", KEY_LINES, "WINDOW", OPTION_ARG_OPTIONAL,
      "Print the raw log lines of a window, as 2022-02-01T12:00, or of a day (the most unusual window)", 0}},
    {FOR(SHOW), {"svg", KEY_SVG, NULL, 0, "Print a picture of its queries by window as SVG", 0}},
    {FOR(SHOW),
     {"language", KEY_LANGUAGE, "en|ja", 0, "Language of the reasons (the job's output.language)", 0}},
    {FOR(EXPORT) | FOR(UNMASK),
     {"key", KEY_KEY, "FILE", 0, "The key file of output.pseudonyms; export writes pseudonyms then", 0}},
    {FOR(ACK), {"until", KEY_UNTIL, "DATE", 0, "The last day it holds for", 0}},
    {FOR(ACK), {"reason", KEY_REASON, "TEXT", 0, "Why", 0}},
    {FOR(PRUNE),
     {"keep", KEY_KEEP, "DAYS", 0, "How many days stay, counted back from the newest one, such as 400d", 0}},
    {FOR(PRUNE), {"dry-run", KEY_DRY_RUN, NULL, 0, "Tell what would be removed, and remove nothing", 0}},
    {FOR(INFO), {"digest", KEY_DIGEST, NULL, 0, "Print content digests only", 0}},
};
#define OPTION_COUNT (sizeof OPTIONS / sizeof OPTIONS[0])

static int number_of(const char *text, int least, int most, struct argp_state *state, const char *name)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most)
        argp_error(state, "--%s: \"%s\" is no number from %d to %d", name, text, least, most);
    return (int)value;
}

static error_t option_read(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case KEY_OUTPUT: options->output = text; break;
    case KEY_SET: options->sets[options->set_count++] = text; break;
    case KEY_JSON: options->json = true; break;
    case KEY_QUIET: options->quiet = true; break;
    case KEY_VERBOSE: options->verbose = true; break;
    case KEY_MODEL: options->model = text; break;
    case KEY_FROM: options->from = text; break;
    case KEY_TO: options->to = text; break;
    case KEY_TIMEZONE: options->timezone = text; break;
    case KEY_YEAR: options->year = number_of(text, 1970, 9999, state, "year"); break;
    case KEY_RANKS: options->ranks = number_of(text, 1, INT_MAX, state, "ranks"); break;
    case KEY_LINES:
        options->lines = text;
        options->with_lines = true;
        break;
    case KEY_KEY: options->key = text; break;
    case KEY_SVG: options->svg = true; break;
    case KEY_LANGUAGE: options->language = text; break;
    case KEY_UNTIL: options->until = text; break;
    case KEY_REASON: options->reason = text; break;
    case KEY_DIGEST: options->digest = true; break;
    case KEY_FEATURE_SET: options->feature_set = text; break;
    case KEY_ROWS: options->rows = number_of(text, 1, INT_MAX, state, "rows"); break;
    case KEY_COLUMNS: options->columns = number_of(text, 1, 32, state, "columns"); break;
    case KEY_K: options->k = number_of(text, 2, 1024, state, "k"); break;
    case KEY_TO_END: options->to_end = true; break;
    case KEY_HIDDEN: options->hidden = text; break;
    case KEY_BATCH: options->batch = number_of(text, 64, 262144, state, "batch"); break;
    case KEY_CSV: options->csv = true; break;
    case KEY_INTO: options->into = text; break;
    case KEY_PAST: options->past = text; break;
    case KEY_TSV: options->tsv = true; break;
    case KEY_LADDER: options->ladder = true; break;
    case KEY_KEEP: options->keep = text; break;
    case KEY_DRY_RUN: options->dry_run = true; break;
    case KEY_STORED: options->stored = true; break;
    case KEY_MERGE: options->merge = true; break;
    case ARGP_KEY_ARG: options->words[options->word_count++] = text; break;
    case ARGP_KEY_END:
        if (options->word_count < ROWS[options->command].least ||
            options->word_count > ROWS[options->command].most)
            argp_error(state, "expected %s", ROWS[options->command].words);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void usage_print(FILE *stream)
{
    (void)fprintf(stream, "usage: quern COMMAND [OPTION...] ...\n\n"
                          "Anomaly scores for every internal IP, from an archive of BIND 9 query logs.\n\n");
    for (int c = 0; c < COMMANDS; c++)
        (void)fprintf(stream, "  %-8s %-9s  %s\n", ROWS[c].name, ROWS[c].words, ROWS[c].text);
    (void)fprintf(stream,
                  "\nquern COMMAND --help tells the options of a command; quern --version its version.\n"
                  "Run on several ranks with mpirun -n 8 quern run JOB.yaml, or srun quern run JOB.yaml.\n");
}

bool is_other_rank(void)
{
    static const char *const NAMES[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const char *rank = getenv(NAMES[i]);
        if (rank)
            return strcmp(rank, "0") != 0;
    }
    return false;
}

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static int command_of(int argc, char **argv, enum command_id *command)
{
    bool silent = is_other_rank();
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        if (!silent)
            (void)printf("quern %s\n", QUERN_VERSION);
        return 0;
    }
    bool wants_help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0);
    if (argc < 2 || wants_help) {
        if (!silent)
            usage_print(wants_help ? stdout : stderr);
        return wants_help ? 0 : status_exit(STATUS_USAGE);
    }
    for (int c = 0; c < COMMANDS; c++)
        if (strcmp(argv[1], ROWS[c].name) == 0) {
            *command = (enum command_id)c;
            return -1;
        }
    if (!silent)
        (void)fprintf(stderr, "quern: there is no command \"%.40s\"\nquern --help lists the commands\n",
                      argv[1]);
    return status_exit(STATUS_USAGE);
}

int options_read(int argc, char **argv, struct options *options)
{
    struct argp_option allowed[OPTION_COUNT + 1] = {{0}};
    char name[64];
    size_t count = 0;
    *options = (struct options){0};
    int done = command_of(argc, argv, &options->command);
    if (done >= 0)
        return done;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (OPTIONS[i].commands & 1u << options->command)
            allowed[count++] = OPTIONS[i].option;
    options->words = calloc((size_t)argc + 1, sizeof *options->words);
    options->sets = calloc((size_t)argc + 1, sizeof *options->sets);
    if (!options->words || !options->sets)
        return status_exit(STATUS_NO_MEMORY);
    const struct argp argp = {.options = allowed,
                              .parser = option_read,
                              .args_doc = ROWS[options->command].words,
                              .doc = ROWS[options->command].text};
    (void)snprintf(name, sizeof name, "quern %s", ROWS[options->command].name);
    argp_err_exit_status = status_exit(STATUS_USAGE);
    bool silent = is_other_rank();
    if (silent && (has_word(argc, argv, "--help") || has_word(argc, argv, "--usage")))
        return 0;
    char *first = argv[1];
    argv[1] = name;
    error_t failed = argp_parse(&argp, argc - 1, argv + 1, silent ? ARGP_SILENT : 0, NULL, options);
    argv[1] = first;
    return failed ? status_exit(STATUS_USAGE) : -1;
}

void options_clear(struct options *options)
{
    free(options->words);
    free(options->sets);
}

bool command_told(size_t at, struct option_told *told)
{
    if (at >= COMMANDS)
        return false;
    *told = (struct option_told){.name = ROWS[at].name, .value = ROWS[at].words, .text = ROWS[at].text};
    return true;
}

bool option_told(size_t command, size_t at, struct option_told *told)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct argp_option *option = &OPTIONS[i].option;
        if (!(OPTIONS[i].commands & 1u << command) || at-- > 0)
            continue;
        *told = (struct option_told){.name = option->name, .value = option->arg, .text = option->doc};
        told->letter = (char)(option->key > 0 && option->key < 0x80 ? option->key : '\0');
        return true;
    }
    return false;
}
