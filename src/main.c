/* SPDX-License-Identifier: Apache-2.0 */
/* The program: finds the command that argv[1] names in the table of commands and runs it. What a
 * command does is in commands/. */
#include "commands/commands.h"
#include "config.h"
#include "mpi/mpi_ranks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND_ROW(name, summary) {#name, summary, command_##name},
    COMMANDS(COMMAND_ROW){"tune-gemm", NULL, command_tune_gemm},
    {"selftest-checks", NULL, command_selftest_checks},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_usage(FILE *stream)
{
    fputs("Usage: hcnn-cl COMMAND [OPTION]...\n\n"
          "Trains and runs a coarse/fine Wide ResNet-50 on any OpenCL device.\n\nCommands:\n",
          stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].summary)
            fprintf(stream, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs("\n`hcnn-cl COMMAND --help` (or `hcnn-cl help COMMAND`) lists a command's options.\n"
          "HCNN_DEVICE chooses the device: gpu, cpu, accelerator, PLATFORM:DEVICE or part\n"
          "of a name; under mpirun, the ranks take the matching devices in turn.\n"
          "Exit codes: 0 success; 1 the work failed, or a file is missing or damaged; 2 the\n"
          "command line or the choice of device was wrong; 130 interrupted (everything\n"
          "learnt or measured is saved).\n",
          stream);
}

/* Prints the names of the commands for a shell's completion, as options_words does for options. */
static void print_words(void)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].summary)
            puts(commands[i].name);
    puts("--help\n--version");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_word(const char *word)
{
    options_guess guess = {0};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].summary)
            options_guess_among(&guess, word, commands[i].name);
    options_guess_among(&guess, word, "help");
    options_guess_among(&guess, word, "--help");
    options_guess_among(&guess, word, "--version");
    const char *what = *word == '-' ? "option" : "command";
    error err;
    if (strncmp(word, "--help=", strlen("--help=")) == 0)
        error_set(&err, STATUS_USAGE, "%s: --help accepts no value", word);
    else if (guess.best)
        error_set(&err, STATUS_USAGE, "unknown %s '%s'; did you mean %s?", what, word, guess.best);
    else
        error_set(&err, STATUS_USAGE, "unknown %s '%s'; `hcnn-cl --help` lists the commands%s",
                  what, word, *word == '-' ? ", whose options follow them" : "");
    return command_fail(&err, STATUS_USAGE);
}

static int unexpected(const char *argument)
{
    error err;
    error_set(&err, STATUS_USAGE, "'%s': unexpected argument", argument);
    return command_fail(&err, STATUS_USAGE);
}

static bool asks_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* `hcnn-cl help train` is `hcnn-cl train --help`. */
static int show_help(int argc, char **argv)
{
    char help[] = "--help";
    if (argc > 3)
        return unexpected(argv[3]);
    if (argc == 3 && !asks_help(argv[2])) {
        const struct command *c = find_command(argv[2]);
        return c ? c->run(2, (char *[]){argv[2], help, NULL}) : unknown_word(argv[2]);
    }
    print_usage(stdout);
    return command_finish();
}

static int run(const struct command *c, int argc, char **argv)
{
    error err;
    bool asks = argc > 1 && strcmp(argv[1], "--help") == 0;
    bool hidden = !c->summary; /* a rank of train starts it, as a process of its own */
    if (mpi_ranks_announced() == 1 || c->run == command_train || hidden || asks)
        return c->run(argc, argv);
    if (!mpi_ranks_announced_lead())
        return STATUS_USAGE;
    error_set(&err, STATUS_USAGE,
              "%s runs in one process, but this is one of %d processes of a parallel job; start it "
              "alone (only train can run in several processes)",
              c->name, mpi_ranks_announced());
    return command_fail(&err, STATUS_USAGE);
}

/* Opens those of standard input, output and error that are closed. Otherwise the next file that a
 * command opens would get such a number, and with it what is printed. They are opened the wrong way
 * round, so that reading and printing still fail. */
static bool fill_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 &&
            open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!fill_standard_streams()) {
        error err;
        error_set(&err, STATUS_FAILED,
                  "/dev/null cannot be opened in place of a standard stream that is closed: %s; "
                  "start the program with all three open",
                  strerror(errno));
        return command_fail(&err, STATUS_FAILED);
    }
    signal(SIGXFSZ, SIG_IGN); /* so that a write beyond `ulimit -f` fails and is reported */
    if (argc < 2) {
        print_usage(stderr);
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    const struct command *c = find_command(name);
    bool words = strcmp(name, "--help=words") == 0, version = strcmp(name, "--version") == 0;
    if (c)
        return run(c, argc - 1, argv + 1);
    if (asks_help(name))
        return show_help(argc, argv);
    if (!words && !version)
        return unknown_word(name);
    if (argc > 2)
        return unexpected(argv[2]);
    if (words)
        print_words();
    else
        printf("hcnn-cl %s\n", PACKAGE_VERSION);
    return command_finish();
}
