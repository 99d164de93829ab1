/* SPDX-License-Identifier: Apache-2.0 */
/* Calls through the interface of the ranks; see ranks.h. */
#include "ranks/ranks.h"

int ranks_count(const ranks *r)
{
    return r ? r->count : 1;
}

bool ranks_lead(const ranks *r)
{
    return !r || r->rank == 0;
}

status ranks_sum(const ranks *r, double *values, size_t count, error *err)
{
    return r ? r->sum(r, values, count, err) : STATUS_OK;
}

static status gather(void *context, const float *mine, size_t count, float *all, error *err)
{
    const ranks *r = context;
    return r->gather(r, mine, count, all, err);
}

statistics_gather ranks_statistics(const ranks *r)
{
    return (statistics_gather){(void *)r, r->count, gather};
}

status ranks_broadcast(const ranks *r, void *data, size_t bytes, error *err)
{
    return r ? r->broadcast(r, data, bytes, err) : STATUS_OK;
}

status ranks_any(const ranks *r, bool *flag, error *err)
{
    double wanting = *flag;
    TRY(ranks_sum(r, &wanting, 1, err));
    *flag = wanting > 0;
    return STATUS_OK;
}

status ranks_begin(const ranks *r, enum ranks_combination how, void *values, size_t count,
                   void **request, error *err)
{
    *request = NULL;
    return r ? r->begin(r, how, values, count, request, err) : STATUS_OK;
}

status ranks_poll(const ranks *r, void **request, bool *done, error *err)
{
    *done = true;
    return r && *request ? r->poll(r, request, done, err) : STATUS_OK;
}
