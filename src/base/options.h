/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of one command, as a table: each row names an option, where its value goes and
 * its line of help. "--batch-size" and "--batch_size" are the same option, "--lr 1" and "--lr=1"
 * too. */
#ifndef HCNN_BASE_OPTIONS_H
#define HCNN_BASE_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum option_kind {
    OPTION_FLAG,   /* bool, set true when given; "--flag=false" takes back what a recipe set */
    OPTION_INT,    /* int */
    OPTION_U64,    /* uint64_t, for seeds */
    OPTION_DOUBLE, /* double */
    OPTION_STRING, /* const char *, points into argv */
    OPTION_CHOICE, /* const char *, one of the words in `choices` ("sgd|adam") */
} option_kind;

typedef struct option_spec {
    const char *name;  /* without the dashes, words joined by '-' */
    const char *alias; /* another spelling, or NULL */
    char letter;       /* 'o': -o is a third one; 0: there is none */
    option_kind kind;
    void *target;         /* its value before parsing is the default that help shows; a number out
                             of bounds or a NULL string means that there is none to show */
    const char *argument; /* what help calls the value, NULL for a flag: alternatives with '|'
                             between, kinds in capitals ("N", "FILE"), words in small letters;
                             shells complete FILE, PATH, DIR, RUN, CHECKPOINT and the words */
    const char *help;
    const char *choices;  /* OPTION_CHOICE only */
    double min, max;      /* OPTION_INT and OPTION_DOUBLE: inclusive bounds; both 0: none */
    const char *fallback; /* what help shows as the default in place of the target's value */
    const char *bare;     /* not NULL: the value of the option where it stands alone; its own is
                             joined by '=', or follows if it is a whole number */
    bool *given;          /* set true when the option was on the command line; may be NULL */
} option_spec;

/* Rows of a table. What follows the bounds or the target is the help and, behind it, any other
 * field: OPTION_ROW_INT("epochs", &n, 1, 100, "passes over the images", .given = &given). */
#define OPTION_ROW_FLAG(name_, target_, ...)                                                       \
    {                                                                                              \
        .name = (name_), .kind = OPTION_FLAG, .target = (target_), .help = __VA_ARGS__             \
    }
#define OPTION_ROW_INT(name_, target_, min_, max_, ...)                                            \
    {                                                                                              \
        .name = (name_), .kind = OPTION_INT, .target = (target_), .argument = "N", .min = (min_),  \
        .max = (max_), .help = __VA_ARGS__                                                         \
    }
#define OPTION_ROW_U64(name_, target_, ...)                                                        \
    {                                                                                              \
        .name = (name_), .kind = OPTION_U64, .target = (target_), .argument = "N",                 \
        .help = __VA_ARGS__                                                                        \
    }
#define OPTION_ROW_DOUBLE(name_, target_, min_, max_, ...)                                         \
    {                                                                                              \
        .name = (name_), .kind = OPTION_DOUBLE, .target = (target_), .argument = "X",              \
        .min = (min_), .max = (max_), .help = __VA_ARGS__                                          \
    }
#define OPTION_ROW_STRING(name_, target_, argument_, ...)                                          \
    {                                                                                              \
        .name = (name_), .kind = OPTION_STRING, .target = (target_), .argument = (argument_),      \
        .help = __VA_ARGS__                                                                        \
    }
#define OPTION_ROW_CHOICE(name_, target_, choices_, ...)                                           \
    {                                                                                              \
        .name = (name_), .kind = OPTION_CHOICE, .target = (target_), .choices = (choices_),        \
        .help = __VA_ARGS__                                                                        \
    }

typedef struct command_line {
    const char *usage;          /* "train [OPTION]..." */
    const char *summary;        /* one paragraph */
    const char *example;        /* one command with its purpose */
    const option_spec *options; /* ends with a row whose name is NULL */
    const char *operand; /* what help calls an operand, as an option's argument; NULL: takes none */
} command_line;

typedef struct operands {
    const char **values; /* point into argv; the array is freed by options_free */
    int count;
    const option_spec **given; /* the options given, in order; freed by options_free */
    int given_count;
    bool help;  /* --help was given: options_help has been asked for, nothing else is to be done */
    bool words; /* with help: --help=words, options_words in its place */
} operands;

/* Parses argv[1..argc); argv[0] is the command's name. An unknown option, a missing or malformed
 * value, one out of bounds or an operand that is not taken is STATUS_USAGE, the message naming the
 * option and, for an unknown one, the nearest known. "--" ends the options. A value that starts
 * with "--" has to be joined with '='. --help anywhere before "--" wins: no target is touched. */
status options_parse(const command_line *line, int argc, char **argv, operands *rest, error *err);
void options_free(operands *rest); /* harmless after a failed options_parse */

/* Whether two names are one: '-' and '_' are the same. */
bool options_same_name(const char *a, const char *b);
/* The row that a name, without dashes, means; NULL when there is none. */
const option_spec *options_find(const option_spec *rows, const char *name);
/* Sets a row's target from text as the command line would; a flag's text is "true" or "false". The
 * target of a string is the text itself. */
status options_set(const option_spec *row, const char *text, error *err);

/* Prints usage, summary, each option with its default, and the example. */
void options_help(const command_line *line, FILE *stream);
/* Prints the table for programs: a line "SPELLING[,SPELLING...] VALUE" for each option, without
 * VALUE for a flag, "[VALUE]" where it may be left out; and "operand VALUE" where one is taken. */
void options_words(const command_line *line, FILE *stream);

/* The known word that a mistyped one comes closest to; start with best = NULL and show it each
 * known word in turn. */
typedef struct options_guess {
    const char *best; /* NULL: nothing that a slip of the fingers explains */
    unsigned distance;
} options_guess;

/* Keeps `known` if it is nearer to `word` than the best so far. '-' and '_' are the same. */
void options_guess_among(options_guess *guess, const char *word, const char *known);

#endif
