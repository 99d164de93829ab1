/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the sums of a batch from the device to all ranks and back; see shared_statistics.h. */
#include "model/shared_statistics.h"
#include "device/buffer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct shared_statistics {
    const statistics_gather *gather;
    /* A message contains a rank's two sums per channel and, as the bits of a float, their number of
     * pixels. */
    float *mine, *all, *runs; /* this rank's message; the messages of all ranks; the same as
                                 batchnorm_sums expects them */
};

static size_t message_floats(int channels)
{
    return 2 * (size_t)channels + 1;
}

status shared_statistics_create(const statistics_gather *gather, int channels,
                                shared_statistics **created, error *err)
{
    size_t floats = message_floats(channels), ranks = (size_t)gather->ranks;
    shared_statistics *s = calloc(1, sizeof *s);
    float *memory = malloc((1 + 2 * ranks) * floats * sizeof *memory);
    *created = NULL;
    if (!s || !memory) {
        free(s);
        free(memory);
        return error_memory(err, "the sums of batch normalisations");
    }
    s->gather = gather;
    s->mine = memory;
    s->all = memory + floats;
    s->runs = memory + (1 + ranks) * floats;
    *created = s;
    return STATUS_OK;
}

void shared_statistics_free(shared_statistics *s)
{
    if (s)
        free(s->mine);
    free(s);
}

size_t shared_statistics_workspace(const statistics_gather *gather, int channels)
{
    return batchnorm_sums_bytes((size_t)gather->ranks, channels);
}

/* Arranges the ranks' messages as batchnorm_sums expects them, and counts their pixels. */
static status pack_runs(const shared_statistics *s, int channels, int *pixels, error *err)
{
    size_t floats = message_floats(channels), sums = floats - 1;
    int ranks = s->gather->ranks;
    float *counts = s->runs + (size_t)ranks * sums;
    int64_t all = 0;
    for (int r = 0; r < ranks; r++) {
        const float *message = s->all + (size_t)r * floats;
        cl_int count;
        memcpy(s->runs + (size_t)r * sums, message, sums * sizeof *s->runs);
        memcpy(counts + r, message + sums, sizeof count);
        memcpy(&count, message + sums, sizeof count);
        all += count;
    }
    *pixels = (int)all;
    return all <= INT_MAX ? STATUS_OK
                          : error_set(err, STATUS_FAILED,
                                      "batch normalisation over %lld pixels in %d ranks, but at "
                                      "most %d can be counted; use smaller batches",
                                      (long long)all, ranks, INT_MAX);
}

/* Replaces the rank's own sums, [2][c] at the start of the workspace, by those of all ranks. */
static status exchange_runs(shared_statistics *s, device *dev, tensor x, cl_mem workspace,
                            int *pixels, error *err)
{
    const statistics_gather *g = s->gather;
    size_t floats = message_floats(x.c), sums = floats - 1;
    const cl_int count = (cl_int)tensor_pixels(x);
    memcpy(s->mine + sums, &count, sizeof count);
    TRY(buffer_read(dev, workspace, 0, s->mine, sums * sizeof *s->mine, err));
    TRY(g->gather(g->context, s->mine, floats, s->all, err));
    TRY(pack_runs(s, x.c, pixels, err));
    return buffer_write(dev, workspace, 0, s->runs, shared_statistics_workspace(g, x.c), err);
}

status shared_statistics_sums(shared_statistics *s, device *dev, tensor x, cl_mem workspace,
                              batchnorm_sums *sums, error *err)
{
    int pixels;
    TRY(batchnorm_merge(dev, *sums, x.c, workspace, err));
    *sums = (batchnorm_sums){workspace, (size_t)s->gather->ranks};
    return exchange_runs(s, dev, x, workspace, &pixels, err);
}

status shared_statistics_means(shared_statistics *s, device *dev, tensor x,
                               const batchnorm_layer *layer, cl_mem workspace, error *err)
{
    int pixels;
    TRY(exchange_runs(s, dev, x, workspace, &pixels, err));
    return batchnorm_gradient_means(dev, layer, s->gather->ranks, pixels, x.c, workspace, err);
}
