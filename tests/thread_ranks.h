/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks (ranks/ranks.h) that are threads of one process, for tests of what several processes do
 * together. Everything here but the work itself runs in the test's own thread, where checks may
 * fail. */
#pragma once

#include "ranks/ranks.h"

typedef struct thread_ranks thread_ranks;

thread_ranks *thread_ranks_open(int count);
void thread_ranks_close(thread_ranks *all);

/* A rank's way to the others, to be used by its thread alone; and what its network takes of it. */
const ranks *thread_ranks_of(const thread_ranks *all, int rank);
const statistics_gather *thread_ranks_statistics(const thread_ranks *all, int rank);
/* How often all of them have waited for each other. */
int thread_ranks_exchanges(const thread_ranks *all);

/* Runs work(context, rank) in a thread for each rank and fails the test where one fails; the others
 * do not wait for it then. */
void thread_ranks_run(thread_ranks *all, status (*work)(void *context, int rank, error *err),
                      void *context);
