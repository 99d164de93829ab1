// SPDX-License-Identifier: Apache-2.0
// y[rows][c] += bias[c]; one work-item adds to VEC channels of one row.
kernel void bias_add(global real *y, global const float *bias, int c)
{
    const int channel = get_global_id(0) * VEC;
    const int left = c - channel;
    if (left <= 0)
        return;
    global real *out = y + get_global_id(1) * (size_t)c + channel;
    real_store_part(real_load_part(out, left) + vec_load_part(bias + channel, left), out, left);
}

// dbias[c] = alpha * (the sum of dy[rows][c] over the rows, in order) + beta * dbias[c].
kernel void bias_gradient(global const real *dy, global float *dbias, int rows, int c, float alpha,
                          float beta)
{
    const int channel = get_global_id(0) * VEC;
    const int left = c - channel;
    if (left <= 0)
        return;
    vec sum = (vec)(0.0f);
    for (int row = 0; row < rows; row++)
        sum += real_load_part(dy + row * (size_t)c + channel, left);
    store_gradient(sum, alpha, beta, dbias + channel, left);
}
