/* SPDX-License-Identifier: Apache-2.0 */
/* Text made with printf's formats. */
#ifndef HCNN_BASE_TEXT_H
#define HCNN_BASE_TEXT_H

/* A new string, freed by the caller; NULL when memory runs out. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
