/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks (ranks/ranks.h) that are threads of one process, to test what several processes do
 * together. Except for the work itself, everything here runs in the test's own thread, where checks
 * may fail. With HCNN_TEST_TURNS=1 in the environment, only one rank runs at a time, until it waits
 * for the others in an exchange; for OpenCL drivers that are not safe with several threads. */
#pragma once

#include "ranks/ranks.h"

typedef struct thread_ranks thread_ranks;

/* `count` ranks; fails the test if memory is out. thread_ranks_close frees them. */
thread_ranks *thread_ranks_open(int count);
void thread_ranks_close(thread_ranks *all);

/* A rank's access to the others, to be used only in its own thread: for the code under test, and
 * for the synchronised batch normalisation of its network. */
const ranks *thread_ranks_of(const thread_ranks *all, int rank);
const statistics_gather *thread_ranks_statistics(const thread_ranks *all, int rank);
/* How often all ranks have waited for each other. */
int thread_ranks_exchanges(const thread_ranks *all);

/* Runs work(context, rank) in one thread per rank. If a rank fails, the others stop waiting for it
 * and the test fails. */
void thread_ranks_run(thread_ranks *all, status (*work)(void *context, int rank, error *err),
                      void *context);
