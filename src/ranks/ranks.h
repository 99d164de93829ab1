/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that train one network together, each on its own device with a part of every batch
 * (data/share.h). How they communicate is behind an interface: mpi/mpi_ranks.h implements it for
 * the program, and the tests implement it with threads. NULL instead of a `const ranks *` is a
 * process that trains alone; every function below then does nothing.
 *
 * All ranks make the same calls in the same order; for ranks_begin, the order counts within each
 * kind of combination. A rank that fails makes no further call, and the code that created the ranks
 * ends the others. */
#pragma once

#include "model/network_options.h"

#include <stdbool.h>
#include <stddef.h>

/* How ranks_begin combines values, element by element. */
enum ranks_combination {
    RANKS_SUM_FLOATS,
    RANKS_SUM_HALVES, /* IEEE binary16 in uint16_t; each sum of two values is rounded */
    RANKS_MAX_FLOATS,
};

typedef struct ranks ranks;
struct ranks {
    int rank, count; /* rank 0 leads: only it writes files and prints */
    int place;       /* number among the ranks of this machine, from 0 */
    void *context;
    /* These implement the functions below. */
    status (*sum)(const ranks *r, double *values, size_t count, error *err);
    status (*gather)(const ranks *r, const float *mine, size_t count, float *all, error *err);
    status (*broadcast)(const ranks *r, void *data, size_t bytes, error *err);
    status (*begin)(const ranks *r, enum ranks_combination how, void *values, size_t count,
                    void **request, error *err);
    status (*poll)(const ranks *r, void **request, bool *done, error *err);
};

int ranks_count(const ranks *r); /* 1 if r is NULL */
bool ranks_lead(const ranks *r); /* true if r is NULL */

/* Replaces each value by its sum over the ranks, bit-identical on every rank. */
status ranks_sum(const ranks *r, double *values, size_t count, error *err);
/* r->gather, for network_options.sync. It fills all[ranks][count] with the values of each rank, in
 * rank order. r must not be NULL and must outlive it. */
statistics_gather ranks_statistics(const ranks *r);
/* Sends the bytes of rank 0 to all ranks. */
status ranks_broadcast(const ranks *r, void *data, size_t bytes, error *err);
/* Sets *flag if it is set on any rank. */
status ranks_any(const ranks *r, bool *flag, error *err);

/* Combines values in place while the caller continues. The values must not be used until
 * ranks_poll, which does not wait, sets *done. Several requests may be open. A NULL request is
 * done. */
status ranks_begin(const ranks *r, enum ranks_combination how, void *values, size_t count,
                   void **request, error *err);
status ranks_poll(const ranks *r, void **request, bool *done, error *err);
