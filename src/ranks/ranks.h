/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that train one network together, each on a device of its own and with a part of
 * every batch (data/share.h). How they talk is behind an interface: mpi/mpi_ranks.h has the one
 * that is used, the tests have one between threads. A NULL in place of a `const ranks *` is a
 * process that trains alone; every function below then does nothing.
 *
 * All ranks make the same calls in the same order; of ranks_begin, those of one kind. A rank that
 * fails makes no further call: whoever made the ranks ends the others. */
#pragma once

#include "model/network_options.h"

#include <stdbool.h>
#include <stddef.h>

/* What ranks_begin combines elementwise. */
enum ranks_combination {
    RANKS_SUM_FLOATS,
    RANKS_SUM_HALVES, /* IEEE binary16 in uint16_t; each sum of two is rounded */
    RANKS_MAX_FLOATS,
};

typedef struct ranks ranks;
struct ranks {
    int rank, count; /* rank 0 leads: it alone writes files and tells people */
    int place;       /* among the ranks of this machine, from 0 */
    void *context;
    /* The functions below, which say what these do. */
    status (*sum)(const ranks *r, double *values, size_t count, error *err);
    status (*gather)(const ranks *r, const float *mine, size_t count, float *all, error *err);
    status (*broadcast)(const ranks *r, void *data, size_t bytes, error *err);
    status (*begin)(const ranks *r, enum ranks_combination how, void *values, size_t count,
                    void **request, error *err);
    status (*poll)(const ranks *r, void **request, bool *done, error *err);
};

int ranks_count(const ranks *r); /* 1 alone */
bool ranks_lead(const ranks *r); /* true alone */

/* Each value becomes its sum over the ranks, the same bits on each. */
status ranks_sum(const ranks *r, double *values, size_t count, error *err);
/* r->gather, which fills all [ranks][count] with what each rank handed in, in the order of their
 * numbers, as a network takes it (network_options.sync); r is not NULL and must outlive it. */
statistics_gather ranks_statistics(const ranks *r);
/* Rank 0's bytes, to all. */
status ranks_broadcast(const ranks *r, void *data, size_t bytes, error *err);
/* Whether it is true on any of them. */
status ranks_any(const ranks *r, bool *flag, error *err);

/* Combines values in place while the caller goes on; they are the transport's until ranks_poll,
 * which does not wait, has said that it is done. Several may be under way. A NULL request is done.
 */
status ranks_begin(const ranks *r, enum ranks_combination how, void *values, size_t count,
                   void **request, error *err);
status ranks_poll(const ranks *r, void **request, bool *done, error *err);
