/* SPDX-License-Identifier: Apache-2.0 */
/* Text of foreign files on its way to a terminal: names of classes, tensors, runs and files, and
 * messages that quote them. What would do something there and not just show is masked. */
#pragma once

#include <stdio.h>

/* Puts '?' in the place of each control character (C0, DEL, C1), of those that change the direction
 * of what follows, and of each byte that is no UTF-8. */
void terminal_mask(char *text);

/* Writes a name, masked. */
void terminal_put(FILE *stream, const char *name);
/* Writes a message of one or more lines, masked but for its line feeds and tabs. */
void terminal_print(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
