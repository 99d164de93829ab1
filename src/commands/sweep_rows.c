/* SPDX-License-Identifier: Apache-2.0 */
/* See sweep_rows.h. */
#include "commands/sweep_rows.h"

#include <string.h>

void sweep_rows_fill(sweep_rows *filled)
{
    *filled = (sweep_rows){.unused = train_defaults()};
    const option_spec own[] = {
        OPTION_ROW_STRING("recipe", &filled->recipe, "NAME", "options from a recipe"),
        OPTION_ROW_FLAG("tune", &filled->unused.tune, "first tune what is not tuned yet"),
        {0},
    };
    memcpy(filled->rows + config_rows(&filled->unused, filled->rows), own, sizeof own);
}
