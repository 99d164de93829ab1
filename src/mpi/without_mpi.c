/* SPDX-License-Identifier: Apache-2.0 */
/* The same functions in a build without MPI; see mpi_ranks.h. */
#include "mpi/mpi_ranks.h"

#include <stdlib.h>

status mpi_ranks_join(const ranks **joined, error *err)
{
    *joined = NULL;
    if (mpi_ranks_announced() <= 1)
        return STATUS_OK;
    return error_set(
        err, STATUS_USAGE,
        "this is one of %d processes of a parallel job, but this hcnn-cl was built without MPI, so "
        "each process would train the same network; install Open MPI (on Debian: apt install "
        "libopenmpi-dev openmpi-bin), then run ./configure && make",
        mpi_ranks_announced());
}

void mpi_ranks_leave(const ranks *r)
{
    (void)r;
}

void mpi_ranks_await_lead(const ranks *r)
{
    (void)r;
}

void mpi_ranks_abort(int code)
{
    exit(code);
}
