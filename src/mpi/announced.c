/* What launchers leave in the environment; see mpi_ranks.h. */
#include "mpi/mpi_ranks.h"

#include <stdlib.h>

int mpi_ranks_announced(void)
{
    /* Open MPI; MPICH and what has its launcher; Slurm where srun starts the ranks. */
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"};
    static const char *const needed[] = {NULL, NULL, "PMIX_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = getenv(names[i]);
        if (text && (!needed[i] || getenv(needed[i])))
            return (int)strtol(text, NULL, 10);
    }
    return 1;
}
