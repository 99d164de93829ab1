// SPDX-License-Identifier: Apache-2.0
// Group normalisation of x[n][pixels][c] in NHWC: statistics per image and per group of c / groups
// neighbouring channels, over all pixels of the image.
//
// Statistics are computed like those of kernels/batchnorm.cl, in a fixed order: sum_channels sums
// each channel of a patch of one image into partials[n][runs][2][c], then the runs and channels of
// each group are combined. Results per group are stored once per channel, [n][c], so that the
// passes over the pixels can load them as vectors.

// Forward, stage one: the statistics of each run, in partials[n][r].
kernel void group_norm_sums(global const real *x, global float *partials, int pixels, int c,
                            int width, int run, int rows)
{
    const size_t n = get_global_id(2);
    sum_channels(x + n * pixels * c, partials + (n * get_global_size(1) + get_global_id(1)) * 2 * c,
                 patch_of(pixels, c, width, run), rows, c);
}

// Forward, stage two: the group's mean, summed as differences from the mean of its first channel in
// the first run, then the squared deviations from the group's mean. One work-item for a group of an
// image.
kernel void group_norm_statistics(global const float *partials, global float *mean,
                                  global float *inverse_deviation, int pixels, int c, int channels,
                                  int run, int runs, float epsilon)
{
    const int begin = get_global_id(0) * channels;
    if (begin >= c)
        return;
    const size_t n = get_global_id(1);
    const float count = (float)pixels * channels;
    global const float *sums = partials + n * runs * 2 * c + begin;
    const float shift = sums[0];
    float m = 0.0f, squares = 0.0f;
    for (int r = 0; r < runs; r++) {
        const float part = min(run, pixels - r * run) / count;
        for (int i = 0; i < channels; i++)
            m += (sums[r * (size_t)2 * c + i] - shift) * part;
    }
    for (int r = 0; r < runs; r++) {
        global const float *in = sums + r * (size_t)2 * c;
        const float part = min(run, pixels - r * run);
        for (int i = 0; i < channels; i++) {
            const float d = in[i] - shift - m;
            squares += in[c + i] + d * d * part;
        }
    }
    const float inverse = 1.0f / sqrt(squares / count + epsilon);
    for (int i = 0; i < channels; i++) {
        mean[n * c + begin + i] = shift + m;
        inverse_deviation[n * c + begin + i] = inverse;
    }
}

// y = relu?((x - mean) * inverse_deviation * gamma + beta). One work-item per patch.
kernel void group_norm_normalise(global const real *x, global const float *mean,
                                 global const float *inverse_deviation, global const float *gamma,
                                 global const float *beta, int relu, global real *y, int pixels,
                                 int c, int width, int run)
{
    const size_t n = get_global_id(2), image = n * pixels * c;
    normalise(x + image, mean + n * c, inverse_deviation + n * c, gamma, beta, 0, relu, y + image,
              patch_of(pixels, c, width, run), c);
}

// Backward, stage one: the sums of each run, in partials[n][r].
kernel void group_norm_gradient_sums(global const real *x, global const float *mean,
                                     global const real *y, global const real *dy,
                                     global float *partials, int pixels, int c, int width, int run,
                                     int rows)
{
    const size_t n = get_global_id(2), image = n * pixels * c;
    global float *sums = partials + (n * get_global_size(1) + get_global_id(1)) * 2 * c;
    sum_channel_gradients(x + image, mean + n * c, y ? y + image : y, dy + image, sums,
                          patch_of(pixels, c, width, run), rows, c);
}

// The gradient of beta is the sum of dy over images and runs, the gradient of gamma the sum of dy *
// (x - mean) * inverse_deviation. dbeta and dgamma become alpha * gradient + beta * old value;
// either may be NULL. One work-item per VEC channels.
kernel void group_norm_gradient_parameters(global const float *partials,
                                           global const float *inverse_deviation,
                                           global float *dgamma, global float *dbeta, float alpha,
                                           float beta, int images, int c, int runs)
{
    const int at = get_global_id(0) * VEC, left = c - at;
    if (left <= 0)
        return;
    vec dg = (vec)(0.0f), db = (vec)(0.0f);
    for (int n = 0; n < images; n++) {
        vec product = (vec)(0.0f);
        for (int r = 0; r < runs; r++) {
            global const float *in = partials + ((size_t)n * runs + r) * 2 * c + at;
            db += vec_load_part(in, left);
            product += vec_load_part(in + c, left);
        }
        dg += product * vec_load_part(inverse_deviation + (size_t)n * c + at, left);
    }
    if (dgamma)
        store_gradient(dg, alpha, beta, dgamma + at, left);
    if (dbeta)
        store_gradient(db, alpha, beta, dbeta + at, left);
}

// Backward, stage two: the averages over each group that the pass over the pixels needs, stored
// after the partials as means[n][2][c]. means[0] is the average of gamma * dy, means[1] that of
// gamma * dy * (x - mean) * inverse_deviation^2. One work-item for a group of an image.
kernel void group_norm_gradient_means(global float *partials, global const float *gamma,
                                      global const float *inverse_deviation, int pixels, int c,
                                      int channels, int runs)
{
    const int begin = get_global_id(0) * channels;
    if (begin >= c)
        return;
    const size_t n = get_global_id(1), images = get_global_size(1);
    global const float *sums = partials + n * runs * 2 * c + begin;
    global float *means = partials + (images * runs + n) * 2 * c + begin;
    const float count = (float)pixels * channels;
    const float inverse = inverse_deviation[n * c + begin];
    float sum = 0.0f, product = 0.0f;
    for (int r = 0; r < runs; r++) {
        global const float *in = sums + r * (size_t)2 * c;
        for (int i = 0; i < channels; i++) {
            sum += gamma[begin + i] * in[i];
            product += gamma[begin + i] * in[c + i];
        }
    }
    for (int i = 0; i < channels; i++) {
        means[i] = sum / count;
        means[c + i] = product * inverse * inverse / count;
    }
}

// dx = (accumulate ? dx : 0) + inverse_deviation * (gamma * dy - means[0] - (x - mean) * means[1]),
// where dy is masked by the ReLU. dx may share dy's buffer: each element is read and written by one
// work-item.
kernel void group_norm_gradient(global const real *x, global const float *mean,
                                global const float *inverse_deviation, global const float *gamma,
                                global const real *y, global const real *dy,
                                global const float *partials, int runs, global real *dx,
                                int accumulate, int pixels, int c, int width, int run)
{
    const size_t n = get_global_id(2), images = get_global_size(2);
    const patch p = patch_of(pixels, c, width, run);
    global const float *means = partials + (images * runs + n) * 2 * c;
    mean += n * c;
    inverse_deviation += n * c;
    for (int pixel = p.first; pixel < p.last; pixel++)
        for (int at = p.begin; at < p.end; at += VEC) {
            const int left = c - at;
            const size_t i = (n * pixels + pixel) * c + at;
            const vec centred = real_load_part(x + i, left) - vec_load_part(mean + at, left);
            vec v = vec_load_part(gamma + at, left) * load_masked(dy, y, i, left) -
                    vec_load_part(means + at, left) - centred * vec_load_part(means + c + at, left);
            v *= vec_load_part(inverse_deviation + at, left);
            if (accumulate)
                v += real_load_part(dx + i, left);
            real_store_part(v, dx + i, left);
        }
}
