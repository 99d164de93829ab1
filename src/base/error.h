/* SPDX-License-Identifier: Apache-2.0 */
/* Errors are values: every function that can fail returns a status and fills the error that it was
 * passed. Nothing here prints or exits; the commands decide what the user sees. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

/* The values are the program's exit codes, so a command can return a status as it is. */
typedef enum status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,        /* the work failed */
    STATUS_USAGE = 2,         /* the command line, or the choice of device, was wrong */
    STATUS_INTERRUPTED = 130, /* stopped by the user after saving */
} status;

enum { ERROR_CAPACITY = 8192 }; /* a compiler's log has to fit */

/* What went wrong, where, and what to do about it, as one text. */
typedef struct error {
    char message[ERROR_CAPACITY];
    bool shortage; /* the process lacks memory or file descriptors; the file is not to blame */
} error;

/* Formats the message and returns code. If the message does not fit, its middle is left out. */
status error_set(error *err, status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Formats the message of error_set. */
void error_format(error *err, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Puts "prefix: " before the message in err and returns code. */
status error_prefix(error *err, status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends text to the message in err and returns code. */
status error_suffix(error *err, status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether this errno means a shortage. */
bool error_is_shortage(int reason);
/* Sets the message for a thread or process that could not be started, with what to do; `reason` is
 * the errno. Returns STATUS_FAILED. */
status error_start(error *err, const char *what, int reason);
/* Sets the message for a failed allocation of `what`; returns STATUS_FAILED. */
status error_memory(error *err, const char *what);
/* The same, but STATUS_OK if everything was allocated: TRY(got_memory(a && b, err, "the lists")).
 */
#define got_memory(there, err, what) ((there) ? STATUS_OK : error_memory(err, what))

/* Returns from the calling function with the status of expression unless it is STATUS_OK. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        status try_status_ = (expression);                                                         \
        if (try_status_ != STATUS_OK)                                                              \
            return try_status_;                                                                    \
    } while (0)

/* For functions with a single exit: stores the status in `result` and jumps to `done` unless it is
 * STATUS_OK. */
#define TRY_OR_DONE(expression)                                                                    \
    do {                                                                                           \
        result = (expression);                                                                     \
        if (result != STATUS_OK)                                                                   \
            goto done;                                                                             \
    } while (0)

/* The static analyzer sees one file at a time, so it has to be told what these functions return. */
#ifdef __clang_analyzer__
static inline status error_returns(status code, status returned)
{
    (void)returned;
    return code;
}
#define error_set(err, code, ...)    error_returns(code, error_set(err, code, __VA_ARGS__))
#define error_prefix(err, code, ...) error_returns(code, error_prefix(err, code, __VA_ARGS__))
#define error_memory(err, what)      error_returns(STATUS_FAILED, error_memory(err, what))
#endif
