// SPDX-License-Identifier: Apache-2.0
// Max pooling of x[n][h][w][c] to y[n][oh][ow][c]. One work-item computes VEC channels of one
// pixel: of the output in the forward pass, of the input in the backward pass.

#if VEC == 1
typedef uchar vec_index;
#define vec_mask_of(v)  convert_int(v)
#define vec_index_of(m) convert_uchar(m)
#else
typedef JOIN(uchar, VEC) vec_index;
#define vec_mask_of(v)  JOIN(convert_int, VEC)(v)
#define vec_index_of(m) JOIN(convert_uchar, VEC)(m)
#endif

static inline vec_mask load_indices(global const uchar *p, int left)
{
#if VEC == 1
    return *p;
#else
    if (left >= VEC)
        return vec_mask_of(JOIN(vload, VEC)(0, p));
    uchar lanes[VEC];
    for (int i = 0; i < VEC; i++)
        lanes[i] = i < left ? p[i] : 0;
    return vec_mask_of(JOIN(vload, VEC)(0, lanes));
#endif
}

static inline void store_indices(vec_mask v, global uchar *p, int left)
{
#if VEC == 1
    *p = v;
#else
    if (left >= VEC) {
        JOIN(vstore, VEC)(vec_index_of(v), 0, p);
        return;
    }
    uchar lanes[VEC];
    JOIN(vstore, VEC)(vec_index_of(v), 0, lanes);
    for (int i = 0; i < left; i++)
        p[i] = lanes[i];
#endif
}

// maxima receives the tap of the largest value, ky * size + kx; it may be NULL. If `zeros` is set,
// padding counts as 0 and its taps can be the largest. Otherwise padding is ignored.
kernel void max_pool(global const real *x, global real *y, global uchar *maxima, int h, int w,
                     int c, int oh, int ow, int size, int stride, int pad, int zeros)
{
    const int channel = get_global_id(0) * VEC, left = c - channel;
    if (left <= 0)
        return;
    const int ox = get_global_id(1), oy = get_global_id(2) % oh;
    const size_t n = get_global_id(2) / oh;
    const int top = oy * stride - pad, side = ox * stride - pad;
    const int first_y = zeros ? top : max(0, top), first_x = zeros ? side : max(0, side);
    const int last_y = zeros ? top + size : min(h, top + size);
    const int last_x = zeros ? side + size : min(w, side + size);

    vec best = (vec)(-INFINITY);
    vec_mask index = (vec_mask)((first_y - top) * size + first_x - side);
    for (int iy = first_y; iy < last_y; iy++)
        for (int ix = first_x; ix < last_x; ix++) {
            const int inside = iy >= 0 && iy < h && ix >= 0 && ix < w;
            const vec v =
                inside ? real_load_part(x + ((n * h + iy) * w + ix) * c + channel, left)
                       : (vec)(0.0f);
            const vec_mask better = v > best || v != v;
            best = select(best, v, better);
            index = select(index, (vec_mask)((iy - top) * size + ix - side), better);
        }
    const size_t out = ((n * oh + oy) * ow + ox) * c + channel;
    real_store_part(best, y + out, left);
    if (maxima)
        store_indices(index, maxima + out, left);
}

// Each input pixel goes through the windows that contain it and adds dy of those in which it was
// the largest. So no two work-items write to the same element, and the sum has a fixed order.
kernel void max_pool_gradient(global const real *dy, global const uchar *maxima, global real *dx,
                              int h, int w, int c, int oh, int ow, int size, int stride, int pad,
                              int accumulate)
{
    const int channel = get_global_id(0) * VEC, left = c - channel;
    if (left <= 0)
        return;
    const int ix = get_global_id(1), iy = get_global_id(2) % h;
    const size_t n = get_global_id(2) / h;
    // Window o contains pixel i if o * stride - pad <= i < o * stride - pad + size.
    const int first_y = max(0, iy + pad - size + stride) / stride;
    const int first_x = max(0, ix + pad - size + stride) / stride;
    const int last_y = min(oh - 1, (iy + pad) / stride);
    const int last_x = min(ow - 1, (ix + pad) / stride);

    global real *out = dx + ((n * h + iy) * w + ix) * c + channel;
    vec sum = accumulate ? real_load_part(out, left) : (vec)(0.0f);
    for (int oy = first_y; oy <= last_y; oy++)
        for (int ox = first_x; ox <= last_x; ox++) {
            const int tap = (iy + pad - oy * stride) * size + ix + pad - ox * stride;
            const size_t at = ((n * oh + oy) * ow + ox) * c + channel;
            const vec_mask chosen = load_indices(maxima + at, left) == (vec_mask)(tap);
            sum += select((vec)(0.0f), real_load_part(dy + at, left), chosen);
        }
    real_store_part(sum, out, left);
}
