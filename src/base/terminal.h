/* SPDX-License-Identifier: Apache-2.0 */
/* Prints text from foreign files on a terminal: names of classes, tensors, runs and files, and
 * messages that quote them. Characters that a terminal would obey instead of showing them are
 * masked. */
#pragma once

#include <stdio.h>

/* Replaces with '?' in place: each control character (C0, DEL, C1), each character that changes the
 * direction of text or ends a line, and each byte that is not UTF-8. */
void terminal_mask(char *text);

/* Writes a name, masked. */
void terminal_put(FILE *stream, const char *name);
/* Writes a message of one or more lines, masked except for line feeds and tabs. */
void terminal_print(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
