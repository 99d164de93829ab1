/* Ranks as threads of one process, for tests of what several processes do together. Everything here
 * but the work itself runs in the test's own thread, where checks may fail. */
#ifndef HCNN_TESTS_RANKS_H
#define HCNN_TESTS_RANKS_H

#include "ops/batchnorm.h"

typedef struct ranks ranks;

ranks *ranks_open(int count);
void ranks_close(ranks *r);

/* The rank's way to the others, to be used by its thread alone. */
const batchnorm_exchange *ranks_exchange(const ranks *r, int rank);
/* How often all of them have exchanged something. */
int ranks_exchanges(const ranks *r);

/* Runs work(context, rank) in a thread for each rank and fails the test where one fails; the others
 * do not wait for it then. */
void ranks_run(ranks *r, status (*work)(void *context, int rank, error *err), void *context);

#endif
