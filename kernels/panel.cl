// SPDX-License-Identifier: Apache-2.0
// Panels of weights, which kernels/implicit_gemm.cl multiplies: COLUMNS columns of a matrix, two
// vectors wide. kernels/matrix_unit.cl comes before it.

#define COLUMNS (2 * VEC)

// How many lanes the steps of a sum take.
INLINE int lanes_in(int steps)
{
    return (steps + STEPS * LANES - 1) / (STEPS * LANES) * LANES;
}

// Copies a pair of vectors from a row that has `left` floats left; the others become zero.
INLINE void copy_columns(const global float *from, float *to, int left)
{
    if (left >= COLUMNS) {
        vec_store(vec_load(from), to);
        vec_store(vec_load(from + VEC), to + VEC);
        return;
    }
    vec_store(vec_load_part(from, left), to);
    vec_store(left > VEC ? vec_load_part(from + VEC, left - VEC) : (vec)(0.0f), to + VEC);
}

#if VEC > 1
// Transposes VEC vectors by perfect shuffles: log2(VEC) rounds that interleave row i with row i +
// VEC / 2.
INLINE void transpose(vec *a)
{
    vec b[VEC];
#pragma unroll
    for (int round = 1; round < VEC; round *= 2) {
#pragma unroll
        for (int i = 0; i < VEC / 2; i++) {
            b[2 * i].even = a[i].lo;
            b[2 * i].odd = a[i + VEC / 2].lo;
            b[2 * i + 1].even = a[i].hi;
            b[2 * i + 1].odd = a[i + VEC / 2].hi;
        }
#pragma unroll
        for (int i = 0; i < VEC; i++)
            a[i] = b[i];
    }
}
#else
#define transpose(a)
#endif

// to[k][column] = from[column * step + k] for k < count and column < columns; zero for other
// columns.
INLINE void copy_transposed(const global float *from, size_t step, float *to, int count,
                            int columns)
{
    for (int base = 0; base < COLUMNS; base += VEC) {
        const global float *rows[VEC];
        for (int i = 0; i < VEC; i++)
            rows[i] = from + (size_t)min(base + i, columns - 1) * step;
        int k = 0;
#if VEC > 1
        for (; k + VEC <= count && base + VEC <= columns; k += VEC) {
            vec a[VEC];
#pragma unroll
            for (int i = 0; i < VEC; i++)
                a[i] = vec_load(rows[i] + k);
            transpose(a);
#pragma unroll
            for (int i = 0; i < VEC; i++)
                vec_store(a[i], to + (k + i) * COLUMNS + base);
        }
#endif
        for (; k < count; k++)
            for (int i = 0; i < VEC; i++)
                to[k * COLUMNS + base + i] = base + i < columns ? rows[i][k] : 0.0f;
    }
}
