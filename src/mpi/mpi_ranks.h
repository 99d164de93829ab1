/* SPDX-License-Identifier: Apache-2.0 */
/* The ranks (ranks/ranks.h) of processes started by mpirun or another MPI launcher. Only the
 * program links MPI; libhcnn does not need it. */
#pragma once

#include "ranks/ranks.h"

/* The number of processes, from the environment that Open MPI, MPICH or Slurm set, without calling
 * MPI; 1 without a launcher. */
int mpi_ranks_announced(void);
/* Whether this is the first process, which prints messages for all. */
bool mpi_ranks_announced_lead(void);

/* Joins the other processes. Call it once, before threads are started and devices are opened.
 * *joined is NULL if this process is alone. Returns STATUS_USAGE if there are several processes but
 * this build has no MPI. */
status mpi_ranks_join(const ranks **joined, error *err);

/* Ends MPI when all ranks have come here. NULL is allowed. */
void mpi_ranks_leave(const ranks *r);

/* Call it if this rank has failed. Ranks other than rank 0 wait for a moment, so that if all ranks
 * fail in the same way only one of them says so. */
void mpi_ranks_await_lead(const ranks *r);
/* Ends all ranks with this exit code; the launcher kills those that still run. */
void mpi_ranks_abort(int code) __attribute__((noreturn));
