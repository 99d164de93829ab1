/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program, one file each. A command reads its options, calls the floors below,
 * prints, and returns the program's exit code. argv[0] is the command's own name. */
#pragma once

#include "base/error.h"
#include "base/options.h"
#include "base/progress.h"
#include "measure/scores_output.h"
#include "model/backbone.h"
#include "ops/peak.h"
#include "tune/tune.h"

#include <jansson.h>
#include <signal.h>
#include <stddef.h>

/* All but tune-gemm, in the order of their list: command_NAME, and what it is for. */
#define COMMANDS(ROW)                                                                              \
    ROW(train, "train the network, or go on with a run")                                           \
    ROW(eval, "measure a checkpoint on a data set")                                                \
    ROW(classify, "guess the classes of images")                                                   \
    ROW(data, "show what a data set holds, and find its broken files")                             \
    ROW(preprocess, "write a data set as a tree of image files")                                   \
    ROW(import, "take weights of torchvision, timm or the original")                               \
    ROW(export, "write a checkpoint for PyTorch, torchvision or ONNX")                             \
    ROW(runs, "list, compare and delete training runs")                                            \
    ROW(report, "show runs as one HTML page")                                                      \
    ROW(sweep, "search the options of training")                                                   \
    ROW(bench, "measure how fast the network trains and runs")                                     \
    ROW(tune, "measure which algorithms are fastest here, and remember them")                      \
    ROW(devices, "list the OpenCL devices and the one that is used")
#define COMMAND_DECLARED(name, summary) int command_##name(int argc, char **argv);
COMMANDS(COMMAND_DECLARED)
int command_tune_gemm(int argc, char **argv); /* for `tune` alone; in no list */

/* tune_run that draws its progress on the bar and can be stopped. */
status command_tune_network(device *dev, const tune_options *options, progress *bar,
                            tune_report *report, error *err);

/* From here on SIGINT, SIGTERM and SIGUSR2 set the flag that is returned and nothing else, until
 * command_release_stop has them end the program again. */
const volatile sig_atomic_t *command_catch_stop(void);
void command_release_stop(void);

/* The store of the runs that `train` makes where it is not told otherwise. */
#define COMMAND_STORE "runs/runs.db"

/* A path by which this program can be started again, or NULL. */
const char *command_program(void);

/* The machine's processors, 1 to 16: the threads that prepare images by default. */
int command_processors(void);

/* Prints "hcnn-cl: MESSAGE" on standard error and returns code as an exit code. */
int command_fail(const error *err, status code);
/* The same for a fault after which the command goes on: prints, returns nothing. */
void command_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Callbacks whose context is a progress: draws it, and prints a line as command_warn does. */
void command_draw(void *context, const char *what, size_t done, size_t total);
void command_note(void *context, const char *text);

/* A whole command: parses its options into *values, does `body`, and tells what failed. Returns the
 * exit code. */
typedef status command_body(void *values, const operands *rest, error *err);
int command_run(const command_line *line, void *values, command_body *body, int argc, char **argv);

/* Defines the command of a file that has a command_line `line` and a command_body `run`; after the
 * type of its options come their defaults. */
#define COMMAND(name, type, ...)                                                                   \
    int command_##name(int argc, char **argv)                                                      \
    {                                                                                              \
        type values = {__VA_ARGS__};                                                               \
        return command_run(&line, &values, run, argc, argv);                                       \
    }

/* Of a command line of its own. Parses the options into *values. True: go on, and
 * options_free(rest) at the end. False: return *exit_code, since help was printed or an error. */
bool command_options(const command_line *line, void *values, int argc, char **argv, operands *rest,
                     int *exit_code);

/* The options that a sweep gives to its runs: those of `train` without --run and --resume, since
 * where a run is, the sweep decides. rows: room for TRAIN_ROWS (train/train_options.h). */
void command_sweep_rows(option_row rows[]);

/* What `bench` and `tune` look at: the member `asked` of their options. */
typedef struct command_network {
    network_options network;
    enum command_mode { MODE_BOTH, MODE_TRAIN, MODE_INFER } mode;
    enum precision precision;
    bool json;
} command_network;
extern const word_list command_mode_words;
#define COMMAND_NETWORK_ROWS(struct_, batch_help, mode_help, precision_help)                       \
    OPTION_ROW_INT("image-size", struct_, asked.network.image_size, 1, 4096,                       \
                   "pixels a side of the input"),                                                  \
        OPTION_ROW_INT("batch-size", struct_, asked.network.batch_size, 1, 65536, batch_help),     \
        OPTION_ROW_CHOICE("mode", struct_, asked.mode, command_mode_words, mode_help),             \
        OPTION_ROW_NAME("backbone", struct_, asked.network.backbone, backbone_words,               \
                        "as train's"),                                                             \
        OPTION_ROW_CHOICE("stem", struct_, asked.network.stem, stem_words, "as train's"),          \
        OPTION_ROW_CHOICE("precision", struct_, asked.precision, precision_words, precision_help), \
        OPTION_ROW_FLAG("only-fine", struct_, asked.network.only_fine,                             \
                        "the fine backbone and classifier alone")
/* The defaults of these rows. */
command_network command_network_defaults(void);
/* What both print of them and of the device before their results; copies: its copies' speed too. */
json_t *command_network_to_json(const network_options *n, const device *dev, const peak *limits);
void command_print_network(const network_options *n, const device *dev, const peak *limits,
                           bool copies);

/* The form of a line of JSON whose reals have at most `digits` digits. */
#define JSON_LINE(digits) (JSON_COMPACT | JSON_REAL_PRECISION(digits))
/* Prints JSON in that form (jansson's flags), and takes it over; NULL is out of memory, or a text
 * that is not UTF-8. */
status command_print_json(json_t *value, size_t form, error *err);

/* The characters of a text, each a column of a terminal. */
int command_width(const char *text);
/* A text, masked, and spaces up to that width. */
void command_put(const char *text, int width);
enum { COMMAND_CLASS_NAME = 256 };
/* What people are shown of a class, masked: "COARSE", or "FINE (COARSE)". */
void command_class_name(const hierarchy *classes, bool fine, int class,
                        char name[COMMAND_CLASS_NAME]);

/* What `eval` prints for people: totals, then `most_classes` of each level, the worst first; with 0
 * none, and no pairs. */
status command_print_scores(const measured *m, int most_classes, error *err);
/* What `sweep` prints of a sweep's summary (sweep/summary.h). For people: the trials, the best
 * first, what mattered, and the best run's command. For scripts, lines of JSON: {"sweep":{..}}
 * without the lists, {"trial":{..}} each, {"importance":{..}} each, {"best":{..} or null}. */
void command_print_summary(const json_t *summary);
status command_print_summary_json(const json_t *summary, error *err);

/* Flushes standard output: a full disk or a closed pipe is a failure, not a success. Every command
 * that printed what it was asked for returns this. */
int command_finish(void);
