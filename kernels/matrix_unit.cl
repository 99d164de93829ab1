// SPDX-License-Identifier: Apache-2.0
// The units that multiply vectors on a CPU, one section each. src/device/matrix_unit.c has the same
// units as a table and says which device has which; it defines the UNIT_ name of one of them, or
// none for fused multiply-adds of floats.
//
// A unit says how factors are stored. A `lane` contains STEPS consecutive steps of the sum for one
// row or one column, a `lanes` one lane for each of VEC columns. multiply_add adds to each column's
// sum the products of a row's lane and that column's lane.

#if defined(UNIT_X86_BF16) || defined(UNIT_ARM_BF16) || defined(UNIT_PLAIN_BF16)
#define STEPS 2
typedef uint lane;
#if VEC == 1
typedef uint lanes;
#define lanes_load(p)     (*(p))
#define lanes_store(v, p) (*(p) = (v))
#define as_lanes(v)       as_uint(v)
#define as_sums(v)        as_float(v)
#else
typedef JOIN(uint, VEC) lanes;
#define lanes_load(p) JOIN(vload, VEC)(0, (p))
#define as_lanes(v)   JOIN(as_uint, VEC)(v)
#define as_sums(v)    JOIN(as_float, VEC)(v)
#if ON_CPU
DEFINE_STORE(lanes_store, lanes, uint)
#else
#define lanes_store(v, p) JOIN(vstore, VEC)((v), 0, (p))
#endif
#endif

// The upper half of each float, in the low half of a lane, rounded to nearest, ties to even. A NaN
// stays one: its quiet bit is set.
#if defined(UNIT_X86_BF16) && VEC >= 8
// It takes subnormal numbers for zero, like the products.
INLINE lanes upper_halves(vec v)
{
    JOIN(ushort, VEC) halves;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(v));
    return JOIN(convert_uint, VEC)(halves);
}
#elif VEC > 1
INLINE lanes upper_halves(vec v)
{
    return JOIN(convert_uint, VEC)(narrow(v));
}
#else
INLINE lanes upper_halves(vec v)
{
    return bf16_of(v);
}
#endif

// The lanes of two consecutive steps, rounded to bfloat16: the first in the low half.
INLINE lanes lanes_of(vec first, vec second)
{
    return upper_halves(first) | upper_halves(second) << 16;
}
#else
#define STEPS             1
typedef float lane;
typedef vec lanes;
#define lanes_load(p)     vec_load(p)
#define lanes_store(v, p) vec_store(v, p)

INLINE vec multiply_add(lane row, lanes columns, vec sum)
{
    return fma((vec)(row), columns, sum);
}
#endif

#if defined(UNIT_X86_BF16)
// vdpbf16ps, on 512 or 256 bits: Intel's manual, volume 2. It takes subnormal numbers for zero and
// rounds each sum to nearest. Written as assembly, because the compilers of PoCL 3.1 to 6 know the
// instruction but not that the processor has it.
INLINE vec multiply_add(lane row, lanes columns, vec sum)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"((lanes)(row)), "v"(columns));
    return sum;
}
#elif defined(UNIT_ARM_BF16)
// bfdot of Armv8.6: Arm's manual, C7.2. It adds both products to the sum with one rounding each.
INLINE vec multiply_add(lane row, lanes columns, vec sum)
{
    __asm__(".arch_extension bf16\n\tbfdot %0.4s, %1.8h, %2.8h"
            : "+w"(sum)
            : "w"((lanes)(row)), "w"(columns));
    return sum;
}
#elif defined(UNIT_PLAIN_BF16)
// The same product without the instruction, for tests on other devices.
INLINE vec multiply_add(lane row, lanes columns, vec sum)
{
    const lanes rows = (lanes)(row), high = (lanes)(0xffff0000);
    sum = fma(as_sums(rows & high), as_sums(columns & high), sum);
    return fma(as_sums(rows << 16), as_sums(columns << 16), sum);
}
#endif
