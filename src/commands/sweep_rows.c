/* SPDX-License-Identifier: Apache-2.0 */
/* See sweep_rows.h. */
#include "commands/sweep_rows.h"

#include <string.h>

void sweep_rows_fill(option_row rows[TRAIN_ROWS])
{
    size_t count = 0;
    for (const option_row *row = train_rows; row->name; row++)
        if (strcmp(row->name, "run") != 0 && strcmp(row->name, "resume") != 0)
            rows[count++] = *row;
    rows[count] = (option_row){0};
}
