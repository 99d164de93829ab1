// SPDX-License-Identifier: Apache-2.0
// kernels/tiled_gemm.cl with tiles that are multiplied by the tensor cores of NVIDIA devices of
// compute capability 8.0 and above. Factors are rounded to TF32, which has the range of single
// precision and ten bits of mantissa; the products are summed in single precision.
//
// If NV_PTX is defined, the instructions are written in inline PTX. Otherwise their effect on a
// warp is emulated through local memory. That is slow, but it lets tests on any device cover
// everything except the two PTX statements. Those have been assembled but not yet run, for lack of
// such a device. Therefore src/ops/tensor_gemm.c offers these kernels only after the device has
// multiplied a test problem correctly.
//
// The instruction and its fragments: PTX ISA, "Matrix Fragments for mma.m16n8k8". The 32 work-items
// of a warp, neighbours in a work-group, together contain a[16][8] and b[8][8]. With group = lane /
// 4 and third = lane % 4, a work-item has
//   a[group][third], a[group + 8][third], a[group][third + 4], a[group + 8][third + 4],
//   b[third][group], b[third + 4][group],
// and four sums: c[group][2 * third], its right neighbour, and the same two 8 rows further down.

#define OWN_PRODUCT
// src/ops/tensor_gemm.c sets TILE_ROWS, TILE_COLUMNS and TILE_STEPS, and the part of a tile that
// one warp computes: SHARE_ROWS and SHARE_COLUMNS.
#define WARP        32 // work-items
#define WARPS_ALONG (TILE_COLUMNS / SHARE_COLUMNS)
#define ITEMS       (WARP * (TILE_ROWS / SHARE_ROWS) * WARPS_ALONG)

// A warp reads eight neighbouring rows of four steps at once. With these strides the 32 floats are
// in 32 different banks.
#define A_STRIDE (TILE_ROWS + 8)
#define B_STRIDE (TILE_COLUMNS + 8)
#define B_AT     (TILE_STEPS * A_STRIDE)

// If instructions are emulated, local memory also contains the factors of one instruction for each
// warp.
#define EXCHANGE_AT (B_AT + TILE_STEPS * B_STRIDE)
#define EXCHANGE_B  (16 * 8)
#define EXCHANGE    (EXCHANGE_B + 8 * 8)
#ifdef NV_PTX
#define LOCAL_FLOATS EXCHANGE_AT
#else
#define LOCAL_FLOATS (EXCHANGE_AT + ITEMS / WARP * EXCHANGE)
#endif

// A work-item's sums. An instruction leaves it two of these, each with two neighbouring floats of a
// row.
typedef float2 piece;
#define PIECE        2
#define ROW_STEPS    (SHARE_ROWS / 16)
#define COLUMN_STEPS (SHARE_COLUMNS / 8)
#define PIECES       (ROW_STEPS * COLUMN_STEPS * 2)

INLINE int lane_group(void)
{
    return (int)get_local_id(0) % WARP / 4;
}

INLINE int lane_third(void)
{
    return (int)get_local_id(0) % 4;
}

INLINE int warp_row(void)
{
    return (int)get_local_id(0) / WARP / WARPS_ALONG * SHARE_ROWS;
}

INLINE int warp_column(void)
{
    return (int)get_local_id(0) / WARP % WARPS_ALONG * SHARE_COLUMNS;
}

INLINE int piece_row(int i)
{
    return warp_row() + i / 2 / COLUMN_STEPS * 16 + i % 2 * 8 + lane_group();
}

INLINE int piece_column(int i)
{
    return warp_column() + i / 2 % COLUMN_STEPS * 8 + 2 * lane_third();
}

#ifdef NV_PTX

// Rounds to nearest, ties away from zero.
INLINE float round_to_tf32(float value)
{
    uint rounded;
    __asm__("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(value));
    return as_float(rounded);
}

// c += a * b, computed by the whole warp.
INLINE void multiply_fragments(const float *a, const float *b, piece *c, local float *tiles)
{
    float c0 = c[0].x, c1 = c[0].y, c2 = c[1].x, c3 = c[1].y;
    __asm__ volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)
                     : "r"(as_uint(a[0])), "r"(as_uint(a[1])), "r"(as_uint(a[2])),
                       "r"(as_uint(a[3])), "r"(as_uint(b[0])), "r"(as_uint(b[1])));
    c[0] = (piece)(c0, c1);
    c[1] = (piece)(c2, c3);
}

#else

INLINE float round_to_tf32(float value)
{
    return isnan(value) ? value : as_float((as_uint(value) + 0x1000u) & 0xffffe000u);
}

INLINE float sum_of_products(const local float *a_row, const local float *b_column, float sum)
{
    for (int k = 0; k < 8; k++)
        sum = fma(a_row[k], b_column[8 * k], sum);
    return sum;
}

INLINE void multiply_fragments(const float *a, const float *b, piece *c, local float *tiles)
{
    const int group = lane_group(), third = lane_third();
    local float *all_a = tiles + EXCHANGE_AT + get_local_id(0) / WARP * EXCHANGE;
    local float *all_b = all_a + EXCHANGE_B;
    all_a[8 * group + third] = a[0];
    all_a[8 * (group + 8) + third] = a[1];
    all_a[8 * group + third + 4] = a[2];
    all_a[8 * (group + 8) + third + 4] = a[3];
    all_b[8 * third + group] = b[0];
    all_b[8 * (third + 4) + group] = b[1];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int low = 0; low < 2; low++) {
        const local float *row = all_a + 8 * (group + 8 * low);
        c[low].x = sum_of_products(row, all_b + 2 * third, c[low].x);
        c[low].y = sum_of_products(row, all_b + 2 * third + 1, c[low].y);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

#endif

// Converts floats for storage in a tile.
INLINE float4 as_factor(float4 values)
{
    return (float4)(round_to_tf32(values.s0), round_to_tf32(values.s1), round_to_tf32(values.s2),
                    round_to_tf32(values.s3));
}

// sums += a * b, over the whole local tiles.
INLINE void multiply_tiles(local float *tiles, piece *sums)
{
    const local float *a = tiles + lane_third() * A_STRIDE + warp_row() + lane_group();
    const local float *b = tiles + B_AT + lane_third() * B_STRIDE + warp_column() + lane_group();
    for (int k = 0; k < TILE_STEPS; k += 8) {
        float right[COLUMN_STEPS][2];
#pragma unroll
        for (int j = 0; j < COLUMN_STEPS; j++) {
            right[j][0] = b[k * B_STRIDE + 8 * j];
            right[j][1] = b[(k + 4) * B_STRIDE + 8 * j];
        }
#pragma unroll
        for (int i = 0; i < ROW_STEPS; i++) {
            const local float *rows = a + k * A_STRIDE + 16 * i;
            const float left[4] = {rows[0], rows[8], rows[4 * A_STRIDE], rows[4 * A_STRIDE + 8]};
#pragma unroll
            for (int j = 0; j < COLUMN_STEPS; j++)
                multiply_fragments(left, right[j], sums + 2 * (i * COLUMN_STEPS + j), tiles);
        }
    }
}

#include "tiled_gemm.cl"
