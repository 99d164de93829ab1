/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. A target is a function fuzz_NAME in NAME.c that hands its input to
 * one reader; its file says what of the input goes where, and what has to hold. fuzz.c makes a
 * libFuzzer program of all of them, tests/test_corpus.c runs what is in corpus/. */
#pragma once

#include "targets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_DECLARE(name, longest) int fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

/* Ends the program, as a crash does, where the condition does not hold. */
#define FUZZ_HOLDS(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
void fuzz_fail(const char *condition, const char *file, int line);
/* The same of a call that fills `error err`. */
#define FUZZ_SUCCEEDS(expression)                                                                  \
    ((expression) == STATUS_OK ? (void)0 : fuzz_fail(err.message, __FILE__, __LINE__))

/* The directory of this process, in memory where the system has such; removed in the end. */
const char *fuzz_directory(void);
/* Makes DIRECTORY/NAME, and the directories above it, of the input. The path, freed by the
 * caller. */
char *fuzz_file(const char *name, const void *data, size_t size);
/* Removes DIRECTORY/NAME, a file that need not be there. */
void fuzz_remove(const char *name);

/* Cuts the first byte off the input, 0 where there is none: it chooses between ways. */
uint8_t fuzz_take_byte(const uint8_t **data, size_t *size);
/* A copy with a zero byte behind it, freed by the caller. */
char *fuzz_text(const uint8_t *data, size_t size);
