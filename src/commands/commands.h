/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program, one file each. A command reads its options, calls the floors below,
 * prints, and returns the program's exit code. argv[0] is the command's own name. */
#pragma once

#include "base/error.h"
#include "base/options.h"
#include "base/progress.h"
#include "data/hierarchy.h"
#include "tune/tune.h"

#include <jansson.h>
#include <signal.h>
#include <stddef.h>

int command_train(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_classify(int argc, char **argv);
int command_data(int argc, char **argv);
int command_preprocess(int argc, char **argv);
int command_import(int argc, char **argv);
int command_export(int argc, char **argv);
int command_report(int argc, char **argv);
int command_runs(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_devices(int argc, char **argv);
int command_tune(int argc, char **argv);
int command_tune_gemm(int argc, char **argv);

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

/* As command_warn, where a progress is drawn: the context of a callback. */
void command_note(void *context, const char *text);

/* A whole command: parses its options into *values, does `body`, and tells what failed. Returns the
 * exit code. */
typedef status command_body(void *values, const operands *rest, error *err);
int command_run(const command_line *line, void *values, command_body *body, int argc, char **argv);

/* Of a command line of its own. Parses the options into *values. True: go on, and
 * options_free(rest) at the end. False: return *exit_code, since help was printed or an error. */
bool command_options(const command_line *line, void *values, int argc, char **argv, operands *rest,
                     int *exit_code);

/* The options that a sweep gives to its runs: those of `train` without --run and --resume, since
 * where a run is, the sweep decides. rows: room for TRAIN_ROWS (train/train_options.h). */
void command_sweep_rows(option_row rows[]);

/* What `bench` and `tune` look at. */
enum command_mode { MODE_BOTH, MODE_TRAIN, MODE_INFER };
extern const word_list command_mode_words;

/* The form of a line of JSON whose reals have at most `digits` digits. */
#define JSON_LINE(digits) (JSON_COMPACT | JSON_REAL_PRECISION(digits))
/* Prints JSON in that form (jansson's flags), and takes it over; NULL is out of memory, or a text
 * that is not UTF-8. */
status command_print_json(json_t *value, size_t form, error *err);

/* A text, masked, in a column of at least `width` bytes. */
void command_put(const char *text, int width);
/* The line that tells which network is measured. */
void command_print_network(const network_options *n, enum precision precision);
enum { COMMAND_CLASS_NAME = 256 };
/* What people are shown of a class, masked: "COARSE", or "FINE (COARSE)". */
void command_class_name(const hierarchy *classes, bool fine, int class,
                        char name[COMMAND_CLASS_NAME]);

/* Flushes standard output: a full disk or a closed pipe is a failure, not a success. Every command
 * that printed what it was asked for returns this. */
int command_finish(void);
