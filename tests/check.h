/* SPDX-License-Identifier: Apache-2.0 */
/* What every test program includes: cmocka with the headers that it wants before it, and the
 * checks of a status. One group of tests a program, so that its TAP has one plan. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka asks for this order: it builds on the four above. */
#include <cmocka.h>

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The expression, which uses `error err`, succeeds; else its message is the failure. */
#define CHECK_OK(expression)                                                                       \
    do {                                                                                           \
        if ((expression) != STATUS_OK)                                                             \
            fail_msg("%s: %s", #expression, err.message);                                          \
    } while (0)

/* The expression fails with this status, and the message in err contains this text. */
#define CHECK_FAILS(code, text, expression)                                                        \
    do {                                                                                           \
        assert_int_equal((expression), (code));                                                    \
        if (!strstr(err.message, (text)))                                                          \
            fail_msg("%s: \"%s\" is not in the message \"%s\"", #expression, (text), err.message); \
    } while (0)

/* A fresh directory for a test's files; the test removes it with
 * file_remove_tree. */
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
