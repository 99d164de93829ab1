/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program, one file each. A command reads its options, calls the floors below,
 * prints, and returns the program's exit code. argv[0] is the command's own name. Nothing below
 * this floor may include this header. */
#pragma once

#include "base/error.h"
#include "base/options.h"
#include "base/progress.h"
#include "measure/scores_output.h"
#include "model/backbone.h"
#include "ops/peak.h"
#include "ops/precision_choice.h"
#include "selftest/selftest.h"
#include "track/database.h"
#include "tune/tune.h"

#include <jansson.h>
#include <signal.h>
#include <stddef.h>

/* All commands but those below, in the order of `hcnn-cl --help`: ROW(NAME, purpose). command_NAME
 * runs the command and returns the exit code. */
#define COMMANDS(ROW)                                                                              \
    ROW(train, "train a network, or resume a run")                                                 \
    ROW(eval, "measure a checkpoint on a data set")                                                \
    ROW(classify, "predict the classes of images")                                                 \
    ROW(data, "show what a data set contains, and find broken files")                              \
    ROW(preprocess, "write CIFAR-100 as a tree of image files")                                    \
    ROW(import, "convert weights of torchvision, timm or the original")                            \
    ROW(export, "write a checkpoint for PyTorch, torchvision or ONNX")                             \
    ROW(runs, "list, compare, record and delete training runs")                                    \
    ROW(report, "write runs as one HTML page")                                                     \
    ROW(sweep, "search for the best options of train")                                             \
    ROW(bench, "measure the speed of training and inference")                                      \
    ROW(tune, "find the fastest algorithm for each layer, and remember it")                        \
    ROW(devices, "list the OpenCL devices and mark the one in use")                                \
    ROW(selftest, "test the device's kernels against sums in double precision")
#define COMMAND_DECLARED(name, summary) int command_##name(int argc, char **argv);
COMMANDS(COMMAND_DECLARED)
/* `tune` and the self-test start these; --help does not list them. */
int command_tune_gemm(int argc, char **argv);
int command_selftest_checks(int argc, char **argv);

/* Calls tune_run and draws its progress on the bar. Returns STATUS_INTERRUPTED if a signal stopped
 * it. */
status command_tune_network(device *dev, const tune_options *options, progress *bar,
                            tune_report *report, error *err);

/* From this call on, SIGINT, SIGTERM and SIGUSR2 only set the returned flag, until
 * command_release_stop lets them end the program again. The flag is global and is never freed. */
const volatile sig_atomic_t *command_catch_stop(void);
void command_release_stop(void);

/* Warns of what it is called with, as the note of a store. */
extern const database_note command_wait_note;

/* Store of the runs that `train` starts without --run. */
#define COMMAND_STORE "runs/runs.db"

/* A path from which this program can be started again, or NULL. Not to be freed. */
const char *command_program(void);

/* Number of processors of the machine, from 1 to 16: the default number of threads that decode
 * images. */
int command_processors(void);

/* Prints "hcnn-cl: MESSAGE" on standard error and returns code as an exit code. */
int command_fail(const error *err, status code);
/* Prints in the same way, for a fault after which the command continues. */
void command_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens the device that HCNN_DEVICE names, with the time of --device-timeout and in the precision
 * of --precision. Says what auto chose, and warns if the cache cannot be used. */
status command_open_device(double timeout, precision_request asked, device **opened, error *err);
/* The row of --device-timeout, whose member is device_timeout; its default is DEVICE_TIMEOUT. */
#define COMMAND_TIMEOUT_ROW(struct_, member)                                                       \
    OPTION_ROW_DOUBLE("device-timeout", struct_, member, 0, 1e9,                                   \
                      "end if the device finishes no kernel for X seconds; see train")
/* The row of --precision. */
#define COMMAND_PRECISION_ROW(struct_, member, help)                                               \
    OPTION_ROW_CHOICE("precision", struct_, member, precision_choice_words, help)
void command_warn_cache(void); /* only the warning */

/* Callbacks whose context is a progress. command_draw draws it; command_note clears it and prints
 * the text like command_warn. */
void command_draw(void *context, const char *what, size_t done, size_t total);
void command_note(void *context, const char *text);

/* Options for selftest_network that draw on the bar. */
selftest_options command_selftest_options(bool skip, progress *bar);
/* The row of --no-selftest, whose member is no_selftest. */
#define COMMAND_SELFTEST_ROW(struct_)                                                              \
    OPTION_ROW_FLAG("no-selftest", struct_, no_selftest, "run without the self-test; see train")

/* A whole command: parses its options into *values, calls `body`, and prints the error if one of
 * them failed. Returns the exit code. */
typedef status command_body(void *values, const operands *rest, error *err);
int command_run(const command_line *line, void *values, command_body *body, int argc, char **argv);

/* Defines the command of a file that has a command_line `line` and a command_body `run`. `type` is
 * the type of its options; their default values follow it. */
#define COMMAND(name, type, ...)                                                                   \
    int command_##name(int argc, char **argv)                                                      \
    {                                                                                              \
        type values = {__VA_ARGS__};                                                               \
        return command_run(&line, &values, run, argc, argv);                                       \
    }

/* For a command that does not use command_run. Parses the options into *values. True: continue, and
 * call options_free(rest) at the end. False: help or an error was printed; return *exit_code. */
bool command_options(const command_line *line, void *values, int argc, char **argv, operands *rest,
                     int *exit_code);

/* Fills rows with the options that a sweep may give to its runs: those of `train` except --run and
 * --resume, because the sweep decides where a run is. rows has room for TRAIN_ROWS
 * (train/train_options.h) and ends with a row without a name. */
void command_sweep_rows(option_row rows[]);

/* The network that `bench` and `tune` measure: the member `asked` of their options. */
typedef struct command_network {
    network_options network;
    enum command_mode { MODE_BOTH, MODE_TRAIN, MODE_INFER } mode;
    precision_request precision; /* the command sets `given` */
    double device_timeout;
    bool json;
} command_network;
extern const word_list command_mode_words;
#define COMMAND_NETWORK_ROWS(struct_, batch_help, mode_help, precision_help)                       \
    OPTION_ROW_INT("image-size", struct_, asked.network.image_size, 1, 4096,                       \
                   "side of the input in pixels"),                                                 \
        OPTION_ROW_INT("batch-size", struct_, asked.network.batch_size, 1, 65536, batch_help),     \
        OPTION_ROW_CHOICE("mode", struct_, asked.mode, command_mode_words, mode_help),             \
        OPTION_ROW_NAME("backbone", struct_, asked.network.backbone, backbone_words,               \
                        "backbone of both branches; see train"),                                   \
        OPTION_ROW_CHOICE("stem", struct_, asked.network.stem, stem_words,                         \
                          "first layers; see train"),                                              \
        COMMAND_PRECISION_ROW(struct_, asked.precision.precision, precision_help),                 \
        OPTION_ROW_FLAG("only-fine", struct_, asked.network.only_fine,                             \
                        "use the fine backbone and classifier alone"),                             \
        COMMAND_TIMEOUT_ROW(struct_, asked.device_timeout)
/* The default values of these rows. */
command_network command_network_defaults(void);
/* Both commands show the network and the device before their results: as the JSON object to which
 * the results are added (owned by the caller; NULL if memory is out), and as text, which includes
 * the speed of copies if `copies`. */
json_t *command_network_to_json(const network_options *n, const device *dev, const peak *limits);
void command_print_network(const network_options *n, const device *dev, const peak *limits,
                           bool copies);

/* Flags of jansson for one line of JSON whose reals have at most `digits` digits (0: 17). */
#define JSON_LINE(digits) (JSON_COMPACT | JSON_REAL_PRECISION(digits))
/* Prints value with those flags, and releases it. A NULL value is an error: memory was out, or a
 * text was not UTF-8. */
status command_print_json(json_t *value, size_t form, error *err);

/* STATUS_USAGE if the file to write is the one that is read, or one that a run needs. */
status command_check_output(const char *read, const char *written, error *err);

/* Number of characters of a UTF-8 text; each is taken to fill one column of a terminal. */
int command_width(const char *text);
/* Prints a text, masked (base/terminal.h), and spaces up to `width` columns. */
void command_put(const char *text, int width);
enum { COMMAND_CLASS_NAME = 256 };
/* The name of a class for people, masked and truncated: "COARSE", or "FINE (COARSE)". */
void command_class_name(const hierarchy *classes, bool fine, int class,
                        char name[COMMAND_CLASS_NAME]);

/* Prints the result of `eval` for people: totals, then at most `most_classes` classes of each
 * level, the worst first, and the pairs that are confused most often; with 0 neither classes nor
 * pairs. */
status command_print_scores(const measured *m, int most_classes, error *err);
/* Print a sweep's summary (sweep/summary.h). For people: the trials, the best first; how much each
 * parameter mattered; and the best run's command. For scripts, lines of JSON: {"sweep":{..}}
 * without the lists, a {"trial":{..}} for each trial, an {"importance":{..}} for each parameter,
 * and {"best":{..} or null}. */
status command_print_summary(const json_t *summary, error *err);
status command_print_summary_json(const json_t *summary, error *err);

/* Flushes standard output and returns the exit code; a full disk or a closed pipe is a failure.
 * Every command that succeeded returns this. */
int command_finish(void);
