/* SPDX-License-Identifier: Apache-2.0 */
/* The options of one command as a constant table: each row has the name of an option, the member of
 * a struct that receives its value, and a line of help. "--batch-size" and "--batch_size" are the
 * same option; so are "--lr 1" and "--lr=1". */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum option_kind {
    OPTION_FLAG,   /* bool, true if given; "--flag=false" undoes what a recipe set */
    OPTION_INT,    /* int */
    OPTION_U64,    /* uint64_t, for seeds */
    OPTION_DOUBLE, /* double */
    OPTION_STRING, /* const char *, points into argv */
    OPTION_CHOICE, /* an enum: the index of the word in `words`, or OPTION_NONE */
    OPTION_NAME,   /* const char *: the pointer in `words`, or NULL */
} option_kind;

enum { OPTION_NONE = -1 }; /* the value of a choice that was not given and has a fallback */

typedef struct option_row {
    const char *name;  /* without the dashes, words joined by '-' */
    const char *alias; /* another spelling, or NULL */
    char letter;       /* 'o' for the spelling -o; 0: none */
    option_kind kind;
    /* Offset of the value in the caller's struct. Before parsing, the value is the default that
     * help shows; a number out of bounds or a NULL string is not shown. */
    size_t at;
    /* What help calls the value; NULL for a flag, a choice and a name. Alternatives are separated
     * by '|', kinds are in capitals ("N", "FILE") and words in small letters; shells complete FILE,
     * PATH, DIR, RUN, CHECKPOINT and the words. */
    const char *argument;
    const char *help;
    const word_list *words; /* OPTION_CHOICE and OPTION_NAME only */
    double min, max;        /* OPTION_INT and OPTION_DOUBLE: inclusive bounds; both 0: none */
    const char *fallback;   /* what help shows as the default in place of the value */
    /* The value if the option is given without one, or NULL. Any other value is then joined by '='
     * or, if it is a whole number, may be the next argument. */
    const char *bare;
    /* Names of options, or NULL: one without which this one has no effect, and one with which it
     * has none. options_parse refuses both. */
    const char *needs, *excludes;
    bool on_resume; /* train: may be given together with --resume */
    bool transient; /* train: applies to one start only, so it is neither in config.json nor in a
                       recipe */
} option_row;

/* The offset of a member. The compiler checks that the member has the type (it warns about the
 * comparison of pointers) or, for an enum, its size. */
#define OPTION_AT(struct_, member_, type_)                                                         \
    (offsetof(struct_, member_) + 0 * sizeof((const type_ *)0 == &((const struct_ *)0)->member_))
#define OPTION_AT_ENUM(struct_, member_)                                                           \
    (offsetof(struct_, member_) +                                                                  \
     0 * sizeof(char[sizeof(((const struct_ *)0)->member_) == sizeof(int) ? 1 : -1]))

/* Rows of a table. The help follows the bounds, the words or the member, and any other fields
 * follow the help: OPTION_ROW_INT("epochs", settings, epochs, 1, 100, "passes", .alias = "rounds").
 */
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
    const char *operand;    /* what help calls an operand, written like an option's argument; NULL:
                               accepts none */
} command_line;

typedef struct operands {
    const char **values; /* point into argv; the array is freed by options_free */
    int count;
    const option_row **given; /* the options given, in order; freed by options_free */
    int given_count;
    bool help;  /* --help was given: call options_help and do nothing else */
    bool words; /* --help=words was given: call options_words instead */
} operands;

/* Parses argv[1..argc) into the struct that the table's offsets refer to; argv[0] is the command's
 * name. STATUS_USAGE for an unknown option, a missing or malformed value, a value out of bounds,
 * options that do not go together and an unexpected operand; the message names the option and, for
 * an unknown one, the nearest known option. "--" ends the options. A value that starts with "--"
 * has to be joined by '='. --help anywhere before "--" wins: *values is then untouched. */
status options_parse(const command_line *line, void *values, int argc, char **argv, operands *rest,
                     error *err);
void options_free(operands *rest); /* harmless after a failed options_parse */
/* Whether the option of that name was on the command line. */
bool options_given(const operands *rest, const char *name);

/* Whether two names are the same; '-' and '_' are equal. */
bool options_same_name(const char *a, const char *b);
/* The row of an option by name or alias, without dashes. The name ends at '=' or at the end of the
 * text. NULL if there is none. */
const option_row *options_find(const option_row *rows, const char *name);
/* The JSON key of an option: its name with '_' for '-'. */
enum { OPTION_KEY_BYTES = 64 };
void options_key(const char *name, char key[OPTION_KEY_BYTES]);
/* Sets a row's value from text, as the command line does; a flag's text is "true" or "false". A
 * string option stores the pointer `text` itself. */
status options_set(const option_row *row, void *values, const char *text, error *err);
/* Sets a row's value to none. False if the option needs a value. */
bool options_unset(const option_row *row, void *values);

/* Prints the usage, the summary, each option with its default (from *defaults), and the example. */
void options_help(const command_line *line, const void *defaults, FILE *stream);
/* Prints the table for programs: for each option and --help a line "SPELLING[,SPELLING...] VALUE",
 * without VALUE for a flag and with "[VALUE]" if the value may be left out; then "operand VALUE" if
 * the command accepts operands. */
void options_words(const command_line *line, FILE *stream);

/* The known word nearest to a mistyped one. Start with best = NULL and call options_guess_among for
 * each known word. */
typedef struct options_guess {
    const char *best; /* NULL: no known word is near enough */
    unsigned distance;
} options_guess;

/* Keeps `known` if it is nearer to `word` than the best so far. '-' and '_' are equal. */
void options_guess_among(options_guess *guess, const char *word, const char *known);
