// SPDX-License-Identifier: Apache-2.0
// The sum of two tensors of the same shape, and its gradient. One work-item handles VEC elements.
// Elements are counted in 64 bits, because the activations of a large batch can have more elements
// than an int can count.

// The number of elements from `at` on, at most VEC; 0 past the end.
static inline int left_from(size_t at, ulong count)
{
    return at < count ? (int)min((ulong)VEC, count - at) : 0;
}

kernel void add_forward(global const real *a, global const real *b, global real *y, ulong count)
{
    const size_t at = get_global_id(0) * VEC;
    const int left = left_from(at, count);
    real_store_part(real_load_part(a + at, left) + real_load_part(b + at, left), y + at, left);
}

// dx = (accumulate ? dx : 0) + dy, for one of the two inputs.
kernel void add_backward(global const real *dy, global real *dx, ulong count, int accumulate)
{
    const size_t at = get_global_id(0) * VEC;
    const int left = left_from(at, count);
    const vec d = real_load_part(dy + at, left);
    real_store_part(accumulate ? real_load_part(dx + at, left) + d : d, dx + at, left);
}
