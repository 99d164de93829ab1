/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the fuzz targets. A target is a function fuzz_NAME in NAME.c that passes its input to
 * one reader. The comment in NAME.c says what the input is, and which conditions must hold. fuzz.c
 * makes a libFuzzer program of all targets; tests/test_corpus.c runs the inputs in corpus/. */
#pragma once

#include "targets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_DECLARE(name, longest) int fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

/* Unless the condition holds, ends the program as a crash does. */
#define FUZZ_HOLDS(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
void fuzz_fail(const char *condition, const char *file, int line);
/* The same for a call that fills `error err`. */
#define FUZZ_SUCCEEDS(expression)                                                                  \
    ((expression) == STATUS_OK ? (void)0 : fuzz_fail(err.message, __FILE__, __LINE__))

/* A directory for this process, in memory if the system allows. It is removed at exit. */
const char *fuzz_directory(void);
/* Writes the data to DIRECTORY/NAME and makes the directories above it. Returns the path; the
 * caller frees it. */
char *fuzz_file(const char *name, const void *data, size_t size);
/* Removes DIRECTORY/NAME, if it exists. */
void fuzz_remove(const char *name);

/* Removes the first byte from the input and returns it, or 0 if the input is empty. Targets use it
 * to choose between variants. */
uint8_t fuzz_take_byte(const uint8_t **data, size_t *size);
/* A copy that ends in a zero byte; the caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);
