// SPDX-License-Identifier: Apache-2.0
// The norm of all gradients, computed between the backward pass and the optimizer. All sums have a
// fixed order.

// sums[first + i] = the sum of squares of factor * gradient over part i of `parts`, one work-item
// per part. On a CPU a part is one contiguous run, so each work-item reads memory in order. On a
// GPU the vectors are dealt out in turn, so neighbouring work-items read neighbouring vectors.
kernel void gradients_squares(global const float *gradient, uint count, float factor, uint parts,
                              global float *sums, uint first)
{
    const uint vectors = (count + VEC - 1) / VEC, part = get_global_id(0);
    if (part >= parts)
        return;
#if ON_CPU
    const uint run = (vectors + parts - 1) / parts, step = 1;
    const uint begin = min(vectors, part * run), end = min(vectors, begin + run);
#else
    const uint begin = part, end = vectors, step = parts;
#endif
    vec sum = (vec)(0.0f);
    for (uint i = begin; i < end; i += step) {
        const size_t at = (size_t)i * VEC;
        const vec g = factor * vec_load_part(gradient + at, (int)min((size_t)VEC, count - at));
        sum += g * g;
    }
    sums[first + part] = sum_of_lanes(sum);
}

// fewer[i] = sums[i] + sums[i + items] + ..., one work-item for each of the `items` results.
kernel void gradients_gather(global const float *sums, uint count, global float *fewer, uint items)
{
    const uint item = get_global_id(0);
    if (item >= items)
        return;
    float sum = 0.0f;
    for (uint i = item; i < count; i += items)
        sum += sums[i];
    fewer[item] = sum;
}

// *clip = min(1, most / (norm + 1e-6)), where norm is the square root of the sum of the `count`
// values. A NaN norm gives NaN.
kernel void gradients_clip(global const float *fewer, uint count, float most, global float *clip)
{
    float sum = 0.0f;
    for (uint i = 0; i < count; i++)
        sum += fewer[i];
    const float down = most / (sqrt(sum) + 1e-6f);
    *clip = down >= 1.0f ? 1.0f : down;
}
