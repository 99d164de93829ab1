/* SPDX-License-Identifier: Apache-2.0 */
/* Switches in environment variables; see environment.h. */
#include "base/environment.h"

#include <stdlib.h>
#include <string.h>

status environment_flag(const char *name, bool otherwise, bool *value, error *err)
{
    const char *text = getenv(name);
    *value = otherwise;
    if (!text || !*text)
        return STATUS_OK;
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        return error_set(err, STATUS_USAGE, "%s=%s: expected 0 or 1", name, text);
    *value = *text == '1';
    return STATUS_OK;
}
