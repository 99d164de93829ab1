/* SPDX-License-Identifier: Apache-2.0 */
/* Every test program includes this first: cmocka, preceded by the headers that it needs, and checks
 * of a status. A program runs one group of tests, because TAP allows one plan per program. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka needs the four headers above. */
#include <cmocka.h>

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The expression, which fills `error err`, must succeed; if not, its message is printed. */
#define CHECK_OK(expression)                                                                       \
    do {                                                                                           \
        if ((expression) != STATUS_OK)                                                             \
            fail_msg("%s: %s", #expression, err.message);                                          \
    } while (0)

/* The expression must fail with this status, and the message in err must contain this text. */
#define CHECK_FAILS(code, text, expression)                                                        \
    do {                                                                                           \
        assert_int_equal((expression), (code));                                                    \
        if (!strstr(err.message, (text)))                                                          \
            fail_msg("%s: \"%s\" is not in the message \"%s\"", #expression, (text), err.message); \
    } while (0)

/* Creates a directory for a test's files. The caller removes it with file_remove_tree and frees the
 * path. */
static inline char *check_directory(void)
{
    const char *root = getenv("TMPDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/hcnn-test-XXXXXX", root && *root ? root : "/tmp");
    char *made = mkdtemp(path);
    assert_non_null(made);
    char *copy = strdup(made);
    assert_non_null(copy);
    return copy;
}
