/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what launchers put into the environment; see mpi_ranks.h. */
#include "mpi/mpi_ranks.h"

#include <limits.h>
#include <stdlib.h>

/* Open MPI; MPICH and those that use its launcher; Slurm if srun starts the ranks. Slurm also sets
 * the count for processes that srun does not start, so the rank must be set too. */
static const struct launcher {
    const char *count, *rank;
} launchers[] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                 {"PMI_SIZE", "PMI_RANK"},
                 {"SLURM_NTASKS", "PMIX_RANK"}};

/* The value of a variable as a number; `least` if it is unset, not a number or smaller. */
static int number_of(const char *name, int least)
{
    const char *text = getenv(name);
    long value = text ? strtol(text, NULL, 10) : least;
    return value < least ? least : value > INT_MAX ? INT_MAX : (int)value;
}

static const struct launcher *find(void)
{
    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++)
        if (getenv(launchers[i].count) && getenv(launchers[i].rank))
            return &launchers[i];
    return NULL;
}

int mpi_ranks_announced(void)
{
    const struct launcher *l = find();
    return l ? number_of(l->count, 1) : 1;
}

bool mpi_ranks_announced_lead(void)
{
    const struct launcher *l = find();
    return !l || number_of(l->rank, 0) == 0;
}
