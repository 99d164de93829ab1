/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of one command, as a constant table: each row names an option, the member of a
 * struct that its value goes to and its line of help. "--batch-size" and "--batch_size" are the
 * same option, "--lr 1" and "--lr=1" too. */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum option_kind {
    OPTION_FLAG,   /* bool, set true when given; "--flag=false" takes back what a recipe set */
    OPTION_INT,    /* int */
    OPTION_U64,    /* uint64_t, for seeds */
    OPTION_DOUBLE, /* double */
    OPTION_STRING, /* const char *, points into argv */
    OPTION_CHOICE, /* an enum: the place of the word among `words`, or OPTION_NONE */
    OPTION_NAME,   /* const char *: one of `words`, as it stands there, or NULL */
} option_kind;

enum { OPTION_NONE = -1 }; /* of a choice with a fallback: none was made */

typedef struct option_row {
    const char *name;  /* without the dashes, words joined by '-' */
    const char *alias; /* another spelling, or NULL */
    char letter;       /* 'o': -o is a third one; 0: there is none */
    option_kind kind;
    size_t at; /* the offset in the caller's struct of the value, which is the default that help
                  shows; a number out of bounds or a NULL string means that there is none to show */
    const char *argument; /* what help calls the value, NULL for a flag, a choice and a name:
                             alternatives with '|' between, kinds in capitals ("N", "FILE"), words
                             in small letters; shells complete FILE, PATH, DIR, RUN, CHECKPOINT and
                             the words */
    const char *help;
    const word_list *words; /* OPTION_CHOICE and OPTION_NAME only */
    double min, max;        /* OPTION_INT and OPTION_DOUBLE: inclusive bounds; both 0: none */
    const char *fallback;   /* what help shows as the default in place of the value */
    const char *bare;       /* not NULL: the value of the option where it stands alone; its own is
                               joined by '=', or follows if it is a whole number */
    bool on_resume;         /* train: a resumed run may be given another value */
    bool transient;         /* train: of one start, so neither in config.json nor in a recipe */
} option_row;

/* The offset of a member, which has to be of the type (a comparison of pointers warns), or of the
 * size of an enum. */
#define OPTION_AT(struct_, member_, type_)                                                         \
    (offsetof(struct_, member_) + 0 * sizeof((const type_ *)0 == &((const struct_ *)0)->member_))
#define OPTION_AT_ENUM(struct_, member_)                                                           \
    (offsetof(struct_, member_) +                                                                  \
     0 * sizeof(char[sizeof(((const struct_ *)0)->member_) == sizeof(int) ? 1 : -1]))

/* Rows of a table. What follows the bounds, the words or the member is the help and, after it, any
 * other field: OPTION_ROW_INT("epochs", settings, epochs, 1, 100, "passes", .alias = "rounds"). */
#define OPTION_ROW_FLAG(name_, struct_, member_, ...)                                              \
    {                                                                                              \
        .name = (name_), .kind = OPTION_FLAG, .at = OPTION_AT(struct_, member_, bool),             \
        .help = __VA_ARGS__                                                                        \
    }
#define OPTION_ROW_INT(name_, struct_, member_, min_, max_, ...)                                   \
    {                                                                                              \
        .name = (name_), .kind = OPTION_INT, .at = OPTION_AT(struct_, member_, int),               \
        .argument = "N", .min = (min_), .max = (max_), .help = __VA_ARGS__                         \
    }
#define OPTION_ROW_U64(name_, struct_, member_, ...)                                               \
    {                                                                                              \
        .name = (name_), .kind = OPTION_U64, .at = OPTION_AT(struct_, member_, uint64_t),          \
        .argument = "N", .help = __VA_ARGS__                                                       \
    }
#define OPTION_ROW_DOUBLE(name_, struct_, member_, min_, max_, ...)                                \
    {                                                                                              \
        .name = (name_), .kind = OPTION_DOUBLE, .at = OPTION_AT(struct_, member_, double),         \
        .argument = "X", .min = (min_), .max = (max_), .help = __VA_ARGS__                         \
    }
#define OPTION_ROW_STRING(name_, struct_, member_, argument_, ...)                                 \
    {                                                                                              \
        .name = (name_), .kind = OPTION_STRING, .at = OPTION_AT(struct_, member_, char *const),    \
        .argument = (argument_), .help = __VA_ARGS__                                               \
    }
#define OPTION_ROW_CHOICE(name_, struct_, member_, words_, ...)                                    \
    {                                                                                              \
        .name = (name_), .kind = OPTION_CHOICE, .at = OPTION_AT_ENUM(struct_, member_),            \
        .words = &(words_), .help = __VA_ARGS__                                                    \
    }
#define OPTION_ROW_NAME(name_, struct_, member_, words_, ...)                                      \
    {                                                                                              \
        .name = (name_), .kind = OPTION_NAME, .at = OPTION_AT(struct_, member_, char *const),      \
        .words = &(words_), .help = __VA_ARGS__                                                    \
    }

typedef struct command_line {
    const char *usage;      /* "train [OPTION]..." */
    const char *summary;    /* one paragraph */
    const char *example;    /* one command with its purpose */
    const option_row *rows; /* ends with a row whose name is NULL */
    const char *operand; /* what help calls an operand, as an option's argument; NULL: takes none */
} command_line;

typedef struct operands {
    const char **values; /* point into argv; the array is freed by options_free */
    int count;
    const option_row **given; /* the options given, in order; freed by options_free */
    int given_count;
    bool help;  /* --help was given: options_help has been asked for, nothing else is to be done */
    bool words; /* with help: --help=words, options_words in its place */
} operands;

/* Parses argv[1..argc) into the struct that the table's offsets are of; argv[0] is the command's
 * name. An unknown option, a missing or malformed value, one out of bounds or an operand that is
 * not taken is STATUS_USAGE, the message naming the option and, for an unknown one, the nearest
 * known. "--" ends the options. A value that starts with "--" has to be joined with '='. --help
 * anywhere before "--" wins: *values is not touched. */
status options_parse(const command_line *line, void *values, int argc, char **argv, operands *rest,
                     error *err);
void options_free(operands *rest); /* harmless after a failed options_parse */
/* Whether the option of that name was on the command line. */
bool options_given(const operands *rest, const char *name);

/* Whether two names are one: '-' and '_' are the same. */
bool options_same_name(const char *a, const char *b);
/* The row that a name, without dashes, means; NULL when there is none. */
const option_row *options_find(const option_row *rows, const char *name);
/* Sets a row's value from text as the command line would; a flag's text is "true" or "false". The
 * value of a string is the text itself. */
status options_set(const option_row *row, void *values, const char *text, error *err);
/* Sets it to none. False where the option cannot do without a value. */
bool options_unset(const option_row *row, void *values);

/* Prints usage, summary, each option with its default, which *defaults has, and the example. */
void options_help(const command_line *line, const void *defaults, FILE *stream);
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
