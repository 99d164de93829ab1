// SPDX-License-Identifier: Apache-2.0
// Weight standardisation: the weights [rows][c] of a convolution are normalised per output channel
// by that channel's mean and deviation. Rows are all combinations of tap and input channel. Weights
// are floats in every precision, so the program is built as "weight_standardise:fp32", in which
// `real` is float.
//
// A work-item handles a patch of `run` rows by VEC channels. Sums are computed in two stages, both
// in a fixed order: first partials[runs][2][c], then the sum over the runs.

// PoCL compiles the file also with others that store less than floats.
#ifndef SMALL_STORAGE

// partials[r][0][c] = the mean of run r, partials[r][1][c] = the sum of squared deviations from it.
// Differences from the run's first row are summed.
kernel void weight_standardise_sums(global const float *w, global float *partials, int rows, int c,
                                    int run)
{
    sum_channels(w, partials + get_global_id(1) * (size_t)2 * c, patch_of(rows, c, VEC, run), run,
                 c);
}

// Combines the runs: the mean, summed as differences from the first run's mean, and 1 /
// sqrt(variance + epsilon) with the biased variance. One work-item per VEC channels.
kernel void weight_standardise_statistics(global const float *partials, global float *mean,
                                          global float *inverse_deviation, int rows, int c,
                                          int run, int runs, float epsilon)
{
    const int at = get_global_id(0) * VEC, left = c - at;
    if (left <= 0)
        return;
    const vec shift = vec_load_part(partials + at, left);
    vec m = (vec)(0.0f), squares = (vec)(0.0f);
    for (int r = 0; r < runs; r++) {
        const float part = (float)min(run, rows - r * run) / rows;
        m += (vec_load_part(partials + r * (size_t)2 * c + at, left) - shift) * part;
    }
    for (int r = 0; r < runs; r++) {
        global const float *in = partials + r * (size_t)2 * c + at;
        const vec d = vec_load_part(in, left) - shift - m;
        squares += vec_load_part(in + c, left) + d * d * (float)min(run, rows - r * run);
    }
    vec_store_part(shift + m, mean + at, left);
    vec_store_part(1.0f / sqrt(squares / rows + epsilon), inverse_deviation + at, left);
}

// standard = (w - mean) * inverse_deviation. A work-item's patch is `width` channels wide, a
// multiple of VEC. On a CPU these are whole rows, which are contiguous in memory.
kernel void weight_standardise_apply(global const float *w, global const float *mean,
                                     global const float *inverse_deviation,
                                     global float *standard, int rows, int c, int width, int run)
{
    const patch p = patch_of(rows, c, width, run);
    for (int row = p.first; row < p.last; row++)
        for (int at = p.begin; at < p.end; at += VEC) {
            const int left = c - at;
            const size_t i = row * (size_t)c + at;
            const vec v = vec_load_part(w + i, left) - vec_load_part(mean + at, left);
            vec_store_part(v * vec_load_part(inverse_deviation + at, left), standard + i, left);
        }
}

// Backward, stage one: partials[r][0][c] = the run's sum of g, the gradient with respect to the
// standardised weights; partials[r][1][c] = its sum of g * (w - mean).
kernel void weight_standardise_gradient_sums(global const float *w, global const float *mean,
                                             global const float *g, global float *partials,
                                             int rows, int c, int run)
{
    sum_channel_gradients(w, mean, 0, g, partials + get_global_id(1) * (size_t)2 * c,
                          patch_of(rows, c, VEC, run), run, c);
}

// Backward, stage two. With v = (w - mean) * inverse_deviation and averages over the rows: dw =
// alpha * inverse_deviation * (g - average(g) - v * average(g * v)) + beta * dw. Each work-item
// adds up the sums of all runs by itself. dw may be w.
kernel void weight_standardise_gradient(global const float *w, global const float *mean,
                                        global const float *inverse_deviation,
                                        global const float *g, global const float *partials,
                                        int runs, global float *dw, float alpha, float beta,
                                        int rows, int c, int run)
{
    const int at = get_global_id(0) * VEC, left = c - at;
    if (left <= 0)
        return;
    const int first = get_global_id(1) * run, last = min(rows, first + run);
    const vec m = vec_load_part(mean + at, left);
    const vec inverse = vec_load_part(inverse_deviation + at, left);
    vec sum, product;
    add_runs(partials, runs, c, at, &sum, &product);
    sum /= rows;
    product *= inverse * inverse / rows;
    for (int row = first; row < last; row++) {
        const size_t i = row * (size_t)c + at;
        const vec v = vec_load_part(g + i, left) - sum -
                      (vec_load_part(w + i, left) - m) * product;
        store_gradient(inverse * v, alpha, beta, dw + i, left);
    }
}

#endif
