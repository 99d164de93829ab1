/* SPDX-License-Identifier: Apache-2.0 */
/* How many threads a command uses unless it is told. */
#include "commands/commands.h"

#include <unistd.h>

enum { MOST = 16 };

int command_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MOST ? MOST : (int)count;
}
