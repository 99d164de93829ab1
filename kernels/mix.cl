// SPDX-License-Identifier: Apache-2.0
// Mixes the images y[n][size] of a batch in place: image i with its partner n - 1 - i. One
// work-item handles both, so neither is read after it has been written.

// Each image of a pair becomes a weighted mean of both. One work-item handles VEC values of a pair.
kernel void mixup(global real *y, int n, uint size, float partner_share)
{
    const uint vectors = (size + VEC - 1) / VEC;
    const size_t pair = get_global_id(0) / vectors;
    const uint at = get_global_id(0) % vectors * VEC;
    if (pair >= n / 2)
        return;
    const int left = min((uint)VEC, size - at);
    global real *a = y + pair * size + at, *b = y + (n - 1 - pair) * size + at;
    const vec own = real_load_part(a, left), partner = real_load_part(b, left);
    const float share = 1.0f - partner_share;
    real_store_part(share * own + partner_share * partner, a, left);
    real_store_part(share * partner + partner_share * own, b, left);
}

// The two images of a pair exchange the box [left, right) x [top, bottom). One work-item handles
// one value of the box, of one colour.
kernel void cutmix(global real *y, int n, int h, int w, int left, int top, int right, int bottom)
{
    const size_t width = (right - left) * 3, height = bottom - top;
    const size_t x = left * 3 + get_global_id(0) % width;
    const size_t row = top + get_global_id(0) / width % height;
    const size_t pair = get_global_id(0) / width / height, size = (size_t)h * w * 3;
    if (pair >= n / 2)
        return;
    global real *a = y + pair * size + row * w * 3 + x;
    global real *b = y + (n - 1 - pair) * size + row * w * 3 + x;
    const float own = real_get(a);
    real_set(real_get(b), a);
    real_set(own, b);
}
