/* SPDX-License-Identifier: Apache-2.0 */
/* The image files of a run that cannot be read: each is reported once, and too many end the run.
 * Only one thread may use this: the one that takes the batches. */
#pragma once

#include "base/error.h"

#include <stddef.h>

typedef struct bad_images bad_images;

/* More than `limit` different files are an error. note (may be NULL) is called with a line for each
 * file. The caller frees *created, also after a failure. */
status bad_images_create(int limit, void (*note)(void *context, const char *text), void *context,
                         bad_images **created, error *err);
void bad_images_free(bad_images *b); /* NULL is allowed */

/* Records a file and why it cannot be read (a message that names it). A file that is already
 * recorded changes nothing. STATUS_FAILED beyond the limit, with the names of all files. */
status bad_images_add(bad_images *b, const char *path, const char *message, error *err);

size_t bad_images_limit(const bad_images *b);
