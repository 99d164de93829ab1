// The sum of two values of one shape, and its gradient. One work-item handles VEC elements.

kernel void add_forward(global const real *a, global const real *b, global real *y, int count)
{
    const int at = get_global_id(0) * VEC, left = count - at;
    real_store_part(real_load_part(a + at, left) + real_load_part(b + at, left), y + at, left);
}

// dx = (accumulate ? dx : 0) + dy, of one of the two.
kernel void add_backward(global const real *dy, global real *dx, int count, int accumulate)
{
    const int at = get_global_id(0) * VEC, left = count - at;
    const vec d = real_load_part(dy + at, left);
    real_store_part(accumulate ? real_load_part(dx + at, left) + d : d, dx + at, left);
}
