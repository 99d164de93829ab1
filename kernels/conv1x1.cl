// SPDX-License-Identifier: Apache-2.0
// A 1x1 convolution with a stride reads only every stride-th pixel. These pixels are gathered into
// a dense map before the matrix product, and their gradients are scattered back after it. Without a
// stride neither is needed.

// dense[n][oh][ow][c] = x[n][oy * stride][ox * stride][c]. One work-item copies VEC channels.
kernel void conv1x1_gather(global const float *x, global float *dense, int h, int w, int c, int oh,
                           int ow, int stride)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    if (channel >= c)
        return;
    const size_t oy = pixel / ow % oh, ox = pixel % ow, n = pixel / ((size_t)oh * ow);
    const size_t from = ((n * h + oy * stride) * w + ox * stride) * c + channel;
    vec_store_part(vec_load_part(x + from, c - channel), dense + pixel * c + channel, c - channel);
}

// x[n][y][x][c] = (accumulate ? x : 0) + the pixel's value in dense; pixels that were not gathered
// have the value 0.
kernel void conv1x1_scatter(global const float *dense, global float *x, int h, int w, int c, int oh,
                            int ow, int stride, int accumulate)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    const int iy = pixel / w % h, ix = pixel % w;
    const size_t n = pixel / ((size_t)h * w);
    const int left = c - channel;
    if (left <= 0)
        return;
    global float *out = x + pixel * c + channel;
    const int gathered = iy % stride == 0 && ix % stride == 0;
    if (!gathered) {
        if (!accumulate)
            vec_store_part((vec)(0.0f), out, left);
        return;
    }
    const size_t from = ((n * oh + iy / stride) * ow + ix / stride) * c + channel;
    const vec before = accumulate ? vec_load_part(out, left) : (vec)(0.0f);
    vec_store_part(before + vec_load_part(dense + from, left), out, left);
}
