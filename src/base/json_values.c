/* SPDX-License-Identifier: Apache-2.0 */
/* See json_values.h. */
#include "base/json_values.h"

#include <math.h>

json_t *number_to_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *text_to_json(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    return value ? value : json_null();
}
