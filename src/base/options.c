/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a command line and prints help, both from the table of options; see options.h. */
#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_WORD = 64,    /* length of the longest name that is guessed */
    HELP_COLUMN = 28, /* column where the text of help starts */
    HELP_WIDTH = 80,
};

/* '-' and '_' are equal in a name. */
static char fold(char letter)
{
    return letter == '_' ? '-' : letter;
}

static bool same_name(const char *known, const char *given, size_t length)
{
    if (!known || strlen(known) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (fold(known[i]) != fold(given[i]))
            return false;
    return true;
}

bool options_same_name(const char *a, const char *b)
{
    return same_name(a, b, strlen(b));
}

static bool starts_with(const char *known, const char *start)
{
    size_t i = 0;
    while (start[i] && fold(known[i]) == fold(start[i]))
        i++;
    return start[i] == '\0';
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The number of insertions, deletions, replacements and swaps of neighbours that turn one word into
 * the other (optimal string alignment). */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    if (rows > MAX_WORD || columns > MAX_WORD)
        return UINT_MAX;
    unsigned cost[MAX_WORD + 1][MAX_WORD + 1];
    for (size_t i = 0; i <= rows; i++)
        cost[i][0] = (unsigned)i;
    for (size_t j = 0; j <= columns; j++)
        cost[0][j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++)
        for (size_t j = 1; j <= columns; j++) {
            unsigned changed = fold(a[i - 1]) != fold(b[j - 1]);
            unsigned best = smaller(cost[i - 1][j], cost[i][j - 1]) + 1;
            best = smaller(best, cost[i - 1][j - 1] + changed);
            bool swapped = i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                           fold(a[i - 2]) == fold(b[j - 1]);
            cost[i][j] = swapped ? smaller(best, cost[i - 2][j - 2] + 1) : best;
        }
    return cost[rows][columns];
}

void options_guess_among(options_guess *guess, const char *word, const char *known)
{
    size_t length = strlen(word);
    unsigned distance = edit_distance(word, known);
    /* A word that breaks off early is a likelier mistake than one with wrong letters. */
    if (length >= 2 && starts_with(known, word))
        distance = smaller(distance, 1);
    /* --dataset for --data */
    if (strlen(known) >= 4 && starts_with(word, known))
        distance = smaller(distance, 2);
    unsigned allowed = length < 4 ? 1 : length < 8 ? 2 : 3;
    if (distance > allowed || (guess->best && distance >= guess->distance))
        return;
    guess->best = known;
    guess->distance = distance;
}

const option_row *options_find(const option_row *rows, const char *name)
{
    size_t length = strcspn(name, "=");
    for (const option_row *row = rows; row->name; row++)
        if (same_name(row->name, name, length) || same_name(row->alias, name, length))
            return row;
    return NULL;
}

void options_key(const char *name, char key[OPTION_KEY_BYTES])
{
    snprintf(key, OPTION_KEY_BYTES, "%s", name);
    for (char *at = key; *at; at++)
        *at = *at == '-' ? '_' : *at;
}

static status unknown_option(const command_line *line, const char *argument, error *err)
{
    int length = (int)strcspn(argument, "=");
    char word[MAX_WORD + 1];
    snprintf(word, sizeof word, "%.*s", length, argument);
    const char *bare = word + strspn(word, "-");

    if (strcmp(bare, "help") == 0)
        return error_set(err, STATUS_USAGE, "%s: --help accepts no value", argument);
    options_guess guess = {0};
    for (const option_row *row = line->rows; row->name; row++) {
        options_guess_among(&guess, bare, row->name);
        if (row->alias)
            options_guess_among(&guess, bare, row->alias);
    }
    options_guess_among(&guess, bare, "help");
    if (guess.best)
        return error_set(err, STATUS_USAGE, "unknown option %.*s; did you mean --%s?", length,
                         argument, guess.best);
    return error_set(err, STATUS_USAGE, "unknown option %.*s; --help lists all options", length,
                     argument);
}

/* `hcnn-cl train epochs 3`: an option whose dashes are missing, or a command without operands. */
static status unexpected(const command_line *line, const char *command, const char *argument,
                         error *err)
{
    const option_row *row = options_find(line->rows, argument);
    if (row || strcmp(argument, "help") == 0)
        return error_set(err, STATUS_USAGE, "'%s': unexpected argument; did you mean --%s?",
                         argument, row ? row->name : "help");
    return error_set(err, STATUS_USAGE, "'%s': unexpected argument; %s accepts only options, %s",
                     argument, command,
                     *argument == '-' && argument[1] ? "and -- ends them" : "which start with --");
}

static bool within_bounds(const option_row *row, double value)
{
    return (row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max);
}

/* A bound at the limit of the type is not a real bound; the table just needs a number. */
static bool is_open_above(const option_row *row)
{
    return row->max >= (row->kind == OPTION_INT ? (double)INT_MAX : 1e300);
}

static status check_bounds(const option_row *row, double value, const char *text, error *err)
{
    if (within_bounds(row, value))
        return STATUS_OK;
    if (is_open_above(row))
        return error_set(err, STATUS_USAGE, "--%s %s: has to be at least %.10g", row->name, text,
                         row->min);
    return error_set(err, STATUS_USAGE, "--%s %s: has to be between %.10g and %.10g", row->name,
                     text, row->min, row->max);
}

static status not_a_number(const option_row *row, const char *text, error *err)
{
    char bounds[64] = "";
    if (row->min != 0 || row->max != 0)
        snprintf(bounds, sizeof bounds,
                 is_open_above(row) ? " from %.10g up" : " from %.10g to %.10g", row->min,
                 row->max);
    return error_set(err, STATUS_USAGE, "--%s '%s': is not a %snumber%s", row->name, text,
                     row->kind == OPTION_INT ? "whole " : "", bounds);
}

static status parse_int(const option_row *row, const char *text, int *target, error *err)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)*text))
        return not_a_number(row, text, err);
    if (value > INT_MAX)
        return error_set(err, STATUS_USAGE, "--%s %s: is too large; at most %.10g", row->name, text,
                         row->max != 0 ? row->max : INT_MAX);
    value = value < INT_MIN ? INT_MIN : value;
    TRY(check_bounds(row, (double)value, text, err));
    *target = (int)value;
    return STATUS_OK;
}

static status parse_u64(const option_row *row, const char *text, uint64_t *target, error *err)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    /* strtoull would accept "-1" and make it huge. */
    if (!isdigit((unsigned char)*text) || *end)
        return error_set(err, STATUS_USAGE, "--%s '%s': is not a whole number from 0 up", row->name,
                         text);
    if (errno == ERANGE || value > UINT64_MAX)
        return error_set(err, STATUS_USAGE, "--%s %s: does not fit into 64 bits", row->name, text);
    *target = value;
    return STATUS_OK;
}

static status parse_double(const option_row *row, const char *text, double *target, error *err)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || isspace((unsigned char)*text) || !isfinite(value))
        return not_a_number(row, text, err);
    TRY(check_bounds(row, value, text, err));
    *target = value;
    return STATUS_OK;
}

static status parse_choice(const option_row *row, const char *text, int *value, error *err)
{
    char list[WORD_LIST_TEXT];
    options_guess guess = {0};
    *value = word_list_find(row->words, text);
    if (*value >= 0)
        return STATUS_OK;
    word_list_join(row->words, list);
    for (int i = 0; word_list_at(row->words, i); i++)
        options_guess_among(&guess, text, word_list_at(row->words, i));
    return error_set(err, STATUS_USAGE, "--%s '%s': %s %s%s%s%s", row->name, text,
                     word_list_at(row->words, 1) ? "is not one of" : "is not", list,
                     guess.best ? "; did you mean " : "", guess.best ? guess.best : "",
                     guess.best ? "?" : "");
}

static status parse_flag(const option_row *row, const char *text, bool *target, error *err)
{
    *target = strcmp(text, "true") == 0;
    if (*target || strcmp(text, "false") == 0)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE, "--%s '%s': is neither true nor false", row->name, text);
}

static status parse_string(const option_row *row, const char *text, const char **target, error *err)
{
    if (!*text)
        return error_set(err, STATUS_USAGE, "--%s: is empty; expected %s", row->name,
                         row->argument);
    *target = text;
    return STATUS_OK;
}

status options_set(const option_row *row, void *values, const char *text, error *err)
{
    void *target = (char *)values + row->at;
    int choice;
    switch (row->kind) {
    case OPTION_FLAG:
        return parse_flag(row, text, target, err);
    case OPTION_INT:
        return parse_int(row, text, target, err);
    case OPTION_U64:
        return parse_u64(row, text, target, err);
    case OPTION_DOUBLE:
        return parse_double(row, text, target, err);
    case OPTION_STRING:
        return parse_string(row, text, target, err);
    case OPTION_CHOICE:
        TRY(parse_choice(row, text, &choice, err));
        *(int *)target = choice;
        return STATUS_OK;
    case OPTION_NAME:
        TRY(parse_choice(row, text, &choice, err));
        *(const char **)target = word_list_at(row->words, choice);
        return STATUS_OK;
    }
    return STATUS_OK;
}

bool options_unset(const option_row *row, void *values)
{
    void *target = (char *)values + row->at;
    if (row->kind == OPTION_CHOICE && row->fallback)
        *(int *)target = OPTION_NONE;
    else if (row->kind == OPTION_STRING || (row->kind == OPTION_NAME && row->fallback))
        *(const char **)target = NULL;
    else
        return false;
    return true;
}

/* The row of "-o" or "-o=VALUE"; NULL if there is none. */
static const option_row *find_letter(const option_row *rows, const char *argument)
{
    for (; rows->name; rows++)
        if (rows->letter && argument[1] == rows->letter &&
            (argument[2] == '\0' || argument[2] == '='))
            return rows;
    return NULL;
}

static bool is_whole_number(const char *text)
{
    return text && *text && text[strspn(text, "0123456789")] == '\0';
}

/* What help calls the value; NULL for a flag. */
static const char *value_name(const option_row *row, char text[WORD_LIST_TEXT])
{
    if (!row->words)
        return row->argument;
    word_list_join(row->words, text);
    return text;
}

/* Takes the value from the next argument, argv[*at + 1], or from row->bare. */
static status take_value(const option_row *row, int argc, char **argv, int *at, const char **value,
                         error *err)
{
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
    *value = row->bare;
    if (row->bare && !is_whole_number(next))
        return STATUS_OK;
    if (!next || strncmp(next, "--", 2) == 0) {
        char name[WORD_LIST_TEXT];
        return error_set(err, STATUS_USAGE, "--%s needs a value: --%s %s", row->name, row->name,
                         value_name(row, name));
    }
    *value = next;
    ++*at;
    return STATUS_OK;
}

/* Parses the option at argv[*at]; moves *at to its value if that is a separate argument. */
static status parse_option(const command_line *line, void *values, int argc, char **argv, int *at,
                           operands *rest, error *err)
{
    const char *argument = argv[*at];
    bool is_long = argument[1] == '-';
    const option_row *row =
        is_long ? options_find(line->rows, argument + 2) : find_letter(line->rows, argument);
    if (!row)
        return unknown_option(line, argument, err);

    const char *value = strchr(argument, '=');
    if (value)
        value++;
    if (row->kind != OPTION_FLAG && !value)
        TRY(take_value(row, argc, argv, at, &value, err));
    TRY(options_set(row, values, value ? value : "true", err));
    rest->given[rest->given_count++] = row;
    return STATUS_OK;
}

/* Whether the option was given, and not as --FLAG=false. */
static bool is_on(const command_line *line, const operands *rest, const void *values,
                  const char *name)
{
    const option_row *row = options_find(line->rows, name);
    return options_given(rest, name) &&
           (row->kind != OPTION_FLAG || *(const bool *)((const char *)values + row->at));
}

static status check_together(const command_line *line, const void *values, const operands *rest,
                             error *err)
{
    for (int i = 0; i < rest->given_count; i++) {
        const option_row *row = rest->given[i];
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): parse_option stored it. */
        if (!is_on(line, rest, values, row->name))
            continue;
        if (row->needs && !is_on(line, rest, values, row->needs))
            return error_set(err, STATUS_USAGE, "--%s needs --%s", row->name, row->needs);
        if (row->excludes && is_on(line, rest, values, row->excludes))
            return error_set(err, STATUS_USAGE,
                             "--%s has no effect with --%s; leave one of them out", row->name,
                             row->excludes);
    }
    return STATUS_OK;
}

static void look_for_help(int argc, char **argv, operands *rest)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        rest->words |= strcmp(argv[i], "--help=words") == 0;
        rest->help |= rest->words || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    }
}

status options_parse(const command_line *line, void *values, int argc, char **argv, operands *rest,
                     error *err)
{
    *rest = (operands){0};
    look_for_help(argc, argv, rest);
    if (rest->help)
        return STATUS_OK;
    rest->values = calloc(argc > 0 ? (size_t)argc : 1, sizeof *rest->values);
    rest->given = calloc(argc > 0 ? (size_t)argc : 1, sizeof *rest->given);
    bool options_ended = false;
    status result;
    TRY_OR_DONE(got_memory(rest->values && rest->given, err, "the command line"));
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (!options_ended && strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && argument[0] == '-' && argument[1] != '\0') {
            TRY_OR_DONE(parse_option(line, values, argc, argv, &i, rest, err));
        } else if (line->operand) {
            rest->values[rest->count++] = argument;
        } else {
            TRY_OR_DONE(unexpected(line, argv[0], argument, err));
        }
    }
    result = check_together(line, values, rest, err);
done:
    if (result != STATUS_OK)
        options_free(rest);
    return result;
}

void options_free(operands *rest)
{
    free(rest->values);
    free(rest->given);
    *rest = (operands){0};
}

bool options_given(const operands *rest, const char *name)
{
    for (int i = 0; i < rest->given_count; i++)
        if (strcmp(rest->given[i]->name, name) == 0)
            return true;
    return false;
}

/* The default as text, "" if there is none to show. */
static void format_value(const option_row *row, const void *value, char *text, size_t capacity)
{
    const char *word = NULL;
    text[0] = '\0';
    switch (row->kind) {
    case OPTION_FLAG:
        return;
    case OPTION_INT:
        if (within_bounds(row, *(const int *)value))
            snprintf(text, capacity, "%d", *(const int *)value);
        return;
    case OPTION_U64:
        snprintf(text, capacity, "%llu", (unsigned long long)*(const uint64_t *)value);
        return;
    case OPTION_DOUBLE:
        if (within_bounds(row, *(const double *)value))
            snprintf(text, capacity, "%g", *(const double *)value);
        return;
    case OPTION_CHOICE:
        word = word_list_at(row->words, *(const int *)value);
        break;
    case OPTION_STRING:
    case OPTION_NAME:
        word = *(const char *const *)value;
        break;
    }
    snprintf(text, capacity, "%s", word ? word : "");
}

/* Prints text in lines of HELP_WIDTH columns: the first continues at `column`, the others start at
 * `indent`. */
static void print_wrapped(FILE *stream, const char *text, int indent, int column)
{
    bool line_started = false;
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (line_started && column + 1 + word > HELP_WIDTH) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
            line_started = false;
        }
        fprintf(stream, "%s%.*s", line_started ? " " : "", word, text);
        column += word + line_started;
        line_started = true;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

static void print_row(FILE *stream, const char *head, const char *help)
{
    int length = fprintf(stream, "  %s", head);
    if (length > HELP_COLUMN - 2) {
        fputc('\n', stream);
        length = 0;
    }
    fprintf(stream, "%*s", HELP_COLUMN - length, "");
    print_wrapped(stream, help, HELP_COLUMN, HELP_COLUMN);
}

/* "--epochs N", "--out, -o FILE", "--watch[=N]" */
static void format_head(const option_row *row, char *text, size_t capacity)
{
    char name[WORD_LIST_TEXT], letter[] = {',', ' ', '-', row->letter, '\0'};
    const char *value = value_name(row, name);
    snprintf(text, capacity, "--%s%s%s%s%s", row->name, row->letter ? letter : "",
             !value      ? ""
             : row->bare ? "[="
                         : " ",
             value ? value : "", row->bare ? "]" : "");
}

void options_help(const command_line *line, const void *defaults, FILE *stream)
{
    fprintf(stream, "Usage: hcnn-cl %s\n\n", line->usage);
    print_wrapped(stream, line->summary, 0, 0);
    fprintf(stream, "\nOptions:\n");
    for (const option_row *row = line->rows; row->name; row++) {
        char head[WORD_LIST_TEXT + 128], value[256], help[1024];
        format_head(row, head, sizeof head);
        format_value(row, (const char *)defaults + row->at, value, sizeof value);
        const char *shown = row->fallback ? row->fallback : value;
        snprintf(help, sizeof help, "%s%s%s%s", row->help, *shown ? " (default: " : "", shown,
                 *shown ? ")" : "");
        print_row(stream, head, help);
    }
    print_row(stream, "--help", "show this text");
    if (line->example)
        fprintf(stream, "\nExample:\n  %s\n", line->example);
}

void options_words(const command_line *line, FILE *stream)
{
    for (const option_row *row = line->rows; row->name; row++) {
        char name[WORD_LIST_TEXT];
        const char *value = value_name(row, name);
        fprintf(stream, "--%s", row->name);
        if (row->alias)
            fprintf(stream, ",--%s", row->alias);
        if (row->letter)
            fprintf(stream, ",-%c", row->letter);
        if (value)
            fprintf(stream, row->bare ? " [%s]" : " %s", value);
        fputc('\n', stream);
    }
    fputs("--help\n", stream);
    if (line->operand)
        fprintf(stream, "operand %s\n", line->operand);
}
