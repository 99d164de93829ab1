/* SPDX-License-Identifier: Apache-2.0 */
/* The ranks (ranks/ranks.h) of processes that mpirun, or another launcher of MPI, has started. Only
 * the program links it: libhcnn needs no MPI. */
#pragma once

#include "ranks/ranks.h"

/* Of how many processes this one is, as the environment that a launcher of Open MPI, MPICH or Slurm
 * makes tells, without MPI: 1 where there is none. */
int mpi_ranks_announced(void);
/* Whether it is the first of them, which says what all have to say. */
bool mpi_ranks_announced_lead(void);

/* Before threads are started and devices opened, once: joins the other processes. *joined is NULL
 * where this process is alone. Without MPI in this build, being one of several is
 * STATUS_USAGE. */
status mpi_ranks_join(const ranks **joined, error *err);

/* The common end of ranks that all come here. NULL is fine. */
void mpi_ranks_leave(const ranks *r);

/* Where this rank has failed: one that does not lead waits for a moment, so that where all have
 * failed alike one of them says so. */
void mpi_ranks_await_lead(const ranks *r);
/* Ends all ranks with that exit code; the launcher kills those that still run. */
void mpi_ranks_abort(int code) __attribute__((noreturn));
