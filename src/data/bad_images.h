/* SPDX-License-Identifier: Apache-2.0 */
/* The image files of a run that could not be read: each is told of once, and too many end the
 * run. Used by one thread, the one that takes the batches. */
#pragma once

#include "base/error.h"

#include <stddef.h>

typedef struct bad_images bad_images;

/* *created is freed also after a failure. More than `limit` different files are an error. note (may
 * be NULL) is handed a line for each. */
status bad_images_create(int limit, void (*note)(void *context, const char *text), void *context,
                         bad_images **created, error *err);
void bad_images_free(bad_images *b); /* NULL is fine */

/* Takes note of a file and of why it could not be read (a message that names it). A file that is
 * known already changes nothing. STATUS_FAILED beyond the limit, with the names of all. */
status bad_images_add(bad_images *b, const char *path, const char *message, error *err);

size_t bad_images_limit(const bad_images *b);
