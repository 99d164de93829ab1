/* Ranks (train/ranks.h) that are threads of the test. */
#ifndef HCNN_TESTS_THREAD_RANKS_H
#define HCNN_TESTS_THREAD_RANKS_H

#include "train/ranks.h"

enum { THREAD_RANKS_MOST = 4 };

/* Runs work(r, contexts[rank]) in `count` threads at once, each with its own ranks, and fails the
 * running test, with the first message, unless all of them return STATUS_OK. In the threads nothing
 * of cmocka may be called. */
void thread_ranks_run(int count, status (*work)(const ranks *r, void *context, error *err),
                      void *const *contexts);

#endif
