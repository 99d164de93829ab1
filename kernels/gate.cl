// SPDX-License-Identifier: Apache-2.0
// x * sigmoid(gate) for two tensors of the same shape, and its gradients. One work-item handles VEC
// elements.

static inline vec sigmoid_of(vec v)
{
    return 1.0f / (1.0f + exp(-v));
}

// y = x * sigmoid(gate).
kernel void gate_forward(global const real *x, global const real *gate, global real *y, int count)
{
    const int at = get_global_id(0) * VEC, left = count - at;
    const vec open = sigmoid_of(real_load_part(gate + at, left));
    real_store_part(real_load_part(x + at, left) * open, y + at, left);
}

// With s = sigmoid(gate): dx = (accumulate_x ? dx : 0) + dy * s, and dgate = (accumulate_gate ?
// dgate : 0) + dy * x * s * (1 - s). Either may be NULL.
kernel void gate_backward(global const real *x, global const real *gate, global const real *dy,
                          global real *dx, global real *dgate, int count, int accumulate_x,
                          int accumulate_gate)
{
    const int at = get_global_id(0) * VEC, left = count - at;
    const vec open = sigmoid_of(real_load_part(gate + at, left));
    const vec d = real_load_part(dy + at, left) * open;
    if (dx) {
        const vec before = accumulate_x ? real_load_part(dx + at, left) : (vec)(0.0f);
        real_store_part(before + d, dx + at, left);
    }
    if (dgate) {
        const vec before = accumulate_gate ? real_load_part(dgate + at, left) : (vec)(0.0f);
        const vec slope = d * real_load_part(x + at, left) * (1.0f - open);
        real_store_part(before + slope, dgate + at, left);
    }
}
