// SPDX-License-Identifier: Apache-2.0
// The weight updates of torch.optim.SGD, Adam and AdamW. One work-item handles VEC weights.
// Gradients are first multiplied by `factor` and *clip. If *overflow is not 0, nothing is updated.
// clip and overflow may be NULL.

// Sets *overflow to 1 if a gradient is infinite or NaN. Several work-items may write it, but all
// write the same value.
kernel void find_overflow(global const float *gradient, uint count, global int *overflow)
{
    const size_t at = (size_t)get_global_id(0) * VEC;
    const size_t end = min((size_t)count, at + VEC);
    int bad = 0;
    for (size_t i = at; i < end; i++)
        bad |= !isfinite(gradient[i]);
    if (bad)
        *overflow = 1;
}

kernel void sgd_step(global float *value, global const float *gradient, global float *buffer,
                     uint count, float factor, global const float *clip, global const int *overflow,
                     float lr, float momentum, float weight_decay, int nesterov, int first)
{
    if (overflow && *overflow)
        return;
    const size_t at = (size_t)get_global_id(0) * VEC;
    if (at >= count)
        return;
    const int left = min((size_t)VEC, count - at);
    const vec w = vec_load_part(value + at, left);
    if (clip)
        factor *= *clip;
    vec g = factor * vec_load_part(gradient + at, left) + weight_decay * w;
    if (momentum != 0.0f) {
        const vec m = first ? g : momentum * vec_load_part(buffer + at, left) + g;
        vec_store_part(m, buffer + at, left);
        g = nesterov ? g + momentum * m : m;
    }
    vec_store_part(w - lr * g, value + at, left);
}

// Weights are first multiplied by `shrink`, which is 1 for Adam and 1 - lr * weight decay for
// AdamW. `rate` is lr / (1 - beta1^step) and `root` is sqrt(1 - beta2^step); the host computes both
// in double precision.
kernel void adam_step(global float *value, global const float *gradient, global float *first_moment,
                      global float *second_moment, uint count, float factor,
                      global const float *clip, global const int *overflow, float rate, float root,
                      float beta1, float beta2, float epsilon, float weight_decay, float shrink)
{
    if (overflow && *overflow)
        return;
    const size_t at = (size_t)get_global_id(0) * VEC;
    if (at >= count)
        return;
    const int left = min((size_t)VEC, count - at);
    const vec w = shrink * vec_load_part(value + at, left);
    if (clip)
        factor *= *clip;
    const vec g = factor * vec_load_part(gradient + at, left) + weight_decay * w;
    const vec m = beta1 * vec_load_part(first_moment + at, left) + (1.0f - beta1) * g;
    const vec v = beta2 * vec_load_part(second_moment + at, left) + (1.0f - beta2) * g * g;
    vec_store_part(m, first_moment + at, left);
    vec_store_part(v, second_moment + at, left);
    vec_store_part(w - rate * m / (sqrt(v) / root + epsilon), value + at, left);
}
