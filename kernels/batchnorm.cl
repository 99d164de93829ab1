// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of x[pixels][c] in NHWC: statistics per channel over all pixels.
//
// Each work-item handles a patch: a run of neighbouring pixels by a range of channels. On a CPU a
// patch is usually whole rows, so memory is read contiguously. On a GPU it is one vector wide, and
// neighbouring work-items read the rest of the row.
//
// Statistics are computed in two stages, both in a fixed order: first the sums of the patches,
// partials[runs][2][c], then the sum over the runs for each vector of channels. A convolution may
// already have computed the first stage from its own results. Otherwise sum_channels computes it,
// `group` rows at a time.

// Forward, stage one: the statistics of each run, in partials[r].
kernel void batchnorm_sums(global const real *x, global float *partials, int pixels, int c,
                           int width, int run, int group)
{
    const patch p = patch_of(pixels, c, width, run);
    sum_channels(x, partials + get_global_id(1) * (size_t)2 * c, p, group, c);
    if (p.begin == 0)
        SUM_COUNTS(partials, get_global_size(1), c)[get_global_id(1)] = p.last - p.first;
}

// Combines the (count, mean, squared deviations) of all runs by Chan's formula, for VEC channels
// from `at` on. The means are taken as differences from the first one, to keep precision. Returns
// the total count.
static inline int merge_runs(global const float *partials, int runs, int c, int at, vec *mean,
                             vec *squared)
{
    global const int *counts = SUM_COUNTS(partials, runs, c);
    const int left = c - at;
    vec m = (vec)(0.0f), squares = (vec)(0.0f);
    global const float *in = partials + at;
    const vec shift = vec_load_part(in, left);
    int first = 0;
    for (int r = 0; r < runs; first += counts[r++], in += 2 * c) {
        const float part = (float)counts[r] / (first + counts[r]);
        const vec delta = vec_load_part(in, left) - shift - m;
        m += delta * part;
        squares += vec_load_part(in + c, left) + delta * delta * (part * first);
    }
    *mean = m + shift;
    *squared = squares;
    return first;
}

// Forward, between the stages, if ranks share a batch: combines the runs into one, merged[2][c].
// merged may be partials[0], because each work-item reads and writes only its own VEC channels. The
// count is not stored.
kernel void batchnorm_merge(global const float *partials, int runs, global float *merged, int c)
{
    const int at = get_global_id(0) * VEC;
    if (at >= c)
        return;
    vec m, squares;
    merge_runs(partials, runs, c, at, &m, &squares);
    vec_store_part(m, merged + at, c - at);
    vec_store_part(squares, merged + c + at, c - at);
}

// Forward, stage two. The running statistics move towards the batch's by momentum; the running
// variance uses the unbiased variance. One work-item per VEC channels.
kernel void batchnorm_statistics(global const float *partials, int runs, global float *mean,
                                 global float *inverse_deviation, global float *running_mean,
                                 global float *running_variance, int c, float momentum,
                                 float epsilon)
{
    const int at = get_global_id(0) * VEC;
    if (at >= c)
        return;
    const int left = c - at;
    vec m, squares;
    const int pixels = merge_runs(partials, runs, c, at, &m, &squares);
    vec_store_part(m, mean + at, left);
    vec_store_part(1.0f / sqrt(squares / pixels + epsilon), inverse_deviation + at, left);
    const vec old_mean = vec_load_part(running_mean + at, left);
    const vec old_variance = vec_load_part(running_variance + at, left);
    const vec unbiased = squares / max(1, pixels - 1);
    vec_store_part((1.0f - momentum) * old_mean + momentum * m, running_mean + at, left);
    vec_store_part((1.0f - momentum) * old_variance + momentum * unbiased, running_variance + at,
                   left);
}

// Turns fixed statistics into a scale and a shift, for convolutions that apply them to their
// results.
kernel void batchnorm_fold(global const float *mean, global const float *variance,
                           global const float *gamma, global const float *beta,
                           global float *scale, global float *shift, int c, float epsilon)
{
    const int at = get_global_id(0) * VEC;
    if (at >= c)
        return;
    const int left = c - at;
    const vec factor =
        vec_load_part(gamma + at, left) / sqrt(vec_load_part(variance + at, left) + epsilon);
    vec_store_part(factor, scale + at, left);
    vec_store_part(vec_load_part(beta + at, left) - vec_load_part(mean + at, left) * factor,
                   shift + at, left);
}

// For evaluation, which uses the running statistics: inverse_deviation[c] from variance[c].
kernel void batchnorm_inverse(global const float *variance, global float *inverse_deviation, int c,
                              float epsilon)
{
    const int at = get_global_id(0) * VEC;
    if (at >= c)
        return;
    const vec v = vec_load_part(variance + at, c - at);
    vec_store_part(1.0f / sqrt(v + epsilon), inverse_deviation + at, c - at);
}

// y = relu?(gamma * (x - mean) * inverse_deviation + beta [+ residual])
kernel void batchnorm_normalise(global const real *x, global const float *mean,
                                global const float *inverse_deviation, global const float *gamma,
                                global const float *beta, global const real *residual, int relu,
                                global real *y, int pixels, int c, int width, int run)
{
    normalise(x, mean, inverse_deviation, gamma, beta, residual, relu, y,
              patch_of(pixels, c, width, run), c);
}

// Backward, stage one: the sums of each run, in partials[r].
kernel void batchnorm_gradient_sums(global const real *x, global const float *mean,
                                    global const real *y, global const real *dy,
                                    global float *partials, int pixels, int c, int width, int run,
                                    int group)
{
    sum_channel_gradients(x, mean, y, dy, partials + get_global_id(1) * (size_t)2 * c,
                          patch_of(pixels, c, width, run), group, c);
}

// Stores what the pass over the pixels needs, means[3][c], in place of the partials: the mean of
// dy, the mean of dy * (x - mean) * inverse_deviation^2, and gamma * inverse_deviation. The last is
// stored because gamma itself may have been updated by then.
static inline void store_means(global float *means, vec sum, vec product, global const float *gamma,
                               global const float *inverse_deviation, int pixels, int c, int at)
{
    const int left = c - at;
    vec_store_part(sum / pixels, means + at, left);
    vec_store_part(product / pixels, means + c + at, left);
    vec_store_part(vec_load_part(gamma + at, left) * vec_load_part(inverse_deviation + at, left),
                   means + 2 * c + at, left);
}

// Backward, stage two. The gradient of beta is the sum of dy, the gradient of gamma the sum of dy *
// (x - mean) * inverse_deviation. dbeta and dgamma become alpha * gradient + beta * old value;
// either may be NULL. If ranks share a batch, `pixels` is 1 and batchnorm_gradient_means divides
// later. One work-item per VEC channels; it reads and writes no other channels.
kernel void batchnorm_gradient_parameters(global float *partials, global const float *gamma,
                                          global const float *inverse_deviation,
                                          global float *dgamma, global float *dbeta, float alpha,
                                          float beta, int pixels, int c, int runs)
{
    const int at = get_global_id(0) * VEC;
    if (at >= c)
        return;
    const int left = c - at;
    vec sum, product;
    add_runs(partials, runs, c, at, &sum, &product);
    const vec inverse = vec_load_part(inverse_deviation + at, left);
    product *= inverse;
    store_means(partials, sum, product * inverse, gamma, inverse_deviation, pixels, c, at);
    if (dgamma)
        store_gradient(product, alpha, beta, dgamma + at, left);
    if (dbeta)
        store_gradient(sum, alpha, beta, dbeta + at, left);
}

// Backward, if ranks share a batch: turns the sums of all ranks, stored like partials, into means
// over all pixels. One work-item per VEC channels.
kernel void batchnorm_gradient_means(global float *partials, int ranks, global const float *gamma,
                                     global const float *inverse_deviation, int pixels, int c)
{
    const int at = get_global_id(0) * VEC;
    if (at >= c)
        return;
    vec sum, product;
    add_runs(partials, ranks, c, at, &sum, &product);
    store_means(partials, sum, product, gamma, inverse_deviation, pixels, c, at);
}

// Backward, the pass over the pixels:
//   dx = means[2] * (dy - means[0] - (x - mean) * means[1]), dresidual = dy,
// where dy is masked by the ReLU. dx and dresidual may be NULL. One of them may share dy's buffer,
// because each work-item reads dy and writes both at the same index.
kernel void batchnorm_gradient(global const real *x, global const float *mean,
                               global const real *y, global const real *dy,
                               global const float *means, global real *dx, int accumulate_x,
                               global real *dresidual, int accumulate_residual, int pixels, int c,
                               int width, int run)
{
    const patch p = patch_of(pixels, c, width, run);
    for (int pixel = p.first; pixel < p.last; pixel++)
        for (int at = p.begin; at < p.end; at += VEC) {
            const int left = c - at;
            const size_t i = pixel * (size_t)c + at;
            vec d = load_masked(dy, y, i, left);
            if (dx) {
                const vec centred = real_load_part(x + i, left) - vec_load_part(mean + at, left);
                vec v = vec_load_part(means + 2 * c + at, left) *
                        (d - vec_load_part(means + at, left) -
                         centred * vec_load_part(means + c + at, left));
                if (accumulate_x)
                    v += real_load_part(dx + i, left);
                real_store_part(v, dx + i, left);
            }
            if (dresidual) {
                if (accumulate_residual)
                    d += real_load_part(dresidual + i, left);
                real_store_part(d, dresidual + i, left);
            }
        }
}
