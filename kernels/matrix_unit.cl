// SPDX-License-Identifier: Apache-2.0
// The units that multiply vectors on a CPU, one section each. src/device/matrix_unit.c has the same
// units as a table and says which device has which; it defines the UNIT_ name of one of them, or
// none for fused multiply-adds of floats.
//
// A unit says how factors are stored. A `lane` contains STEPS consecutive steps of the sum for one
// row or one column, a `lanes` one lane for each of VEC columns. multiply_add adds to each column's
// sum the products of a row's lane and that column's lane. Factors have a multiple of LANES lanes,
// the last of them zeros.

// Floats and reals in a cache line; true for nearly all processors, harmless for others.
enum { LINE = 16, REALS_IN_LINE = LINE * sizeof(float) / sizeof(real) };

// Prefetches a cache line, but only if the compiler is PoCL's, which is recognised by its macro:
// SPIR-V cannot express the builtin, and Mesa's translator to SPIR-V ends the process when it meets
// it.
#if defined(POCL_DEVICE_ADDRESS_BITS) && defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define PREFETCH(p) __builtin_prefetch((const void *)(size_t)(p), 0, 2)
#endif
#endif
#ifndef PREFETCH
#define PREFETCH(p)
#endif

#if defined(UNIT_X86_TILES) || defined(UNIT_PLAIN_TILES)
#define UNIT_TILES
#define LANES 16
#else
#define LANES 1
#endif

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

// The upper half of each float, in the low half of a lane.
INLINE lanes upper_halves(vec v)
{
#if VEC == 1
    return bf16_of(v);
#else
    return JOIN(convert_uint, VEC)(narrow(v));
#endif
}

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

// Units that multiply tiles keep ROWS x (2 * VEC) sums in registers of their own, which `sum_tiles`
// stands for. In memory, rows of sums are `step` floats apart. Factors are given as integers,
// because they are read from any address space. The rows of the first factor are stored as they are
// multiplied, 16 lanes of 16 rows at a time: lane (row, k) is at IN_TILES(row, k, lanes), where
// `lanes` is the number of lanes in a row.
#ifdef UNIT_TILES
#define IN_TILES(row, k, lanes)                                                                    \
    ((row) / 16 * 16 * (lanes) + (k) / 16 * 256 + (row) % 16 * 16 + (k) % 16)
#endif

#ifdef UNIT_X86_TILES
// tdpbf16ps of AMX: Intel's manual, volume 2. A core has eight tile registers of 16 rows of 64
// bytes. Four contain 32 rows of 32 sums, two the rows of the first factor, and two the columns of
// the second. It takes subnormal numbers for zero and rounds each sum to nearest. The compiler
// never uses these registers by itself, so each assembly relies on what the one before left in them.
typedef char sum_tiles;

// Layout 1, and eight registers of 16 rows of 64 bytes.
constant uint tile_layout[16] = {1, 0, 0, 0, 0x400040,   0x400040,   0x400040, 0x400040,
                                 0, 0, 0, 0, 0x10101010, 0x10101010, 0,        0};

INLINE void begin_tiles(void)
{
    __asm__ volatile("ldtilecfg (%0)" : : "r"(tile_layout) : "memory");
}

// A thread without tiles is cheaper to switch.
INLINE void end_tiles(void)
{
    __asm__ volatile("tilerelease");
}

INLINE void clear_sums(sum_tiles *t)
{
    __asm__ volatile("tilezero %tmm0\n\ttilezero %tmm1\n\ttilezero %tmm2\n\ttilezero %tmm3");
}

#define EACH_TILE(sums, step)                                                                      \
    "r"(sums), "r"(sums + VEC), "r"(sums + 16 * step), "r"(sums + 16 * step + VEC),                \
        "r"(step * sizeof(float))

INLINE void load_sums(sum_tiles *t, const float *sums, long step)
{
    __asm__ volatile("tileloadd (%0,%4,1), %%tmm0\n\ttileloadd (%1,%4,1), %%tmm1\n\t"
                     "tileloadd (%2,%4,1), %%tmm2\n\ttileloadd (%3,%4,1), %%tmm3"
                     :
                     : EACH_TILE(sums, step)
                     : "memory");
}

INLINE void store_sums(const sum_tiles *t, float *sums, long step)
{
    __asm__ volatile("tilestored %%tmm0, (%0,%4,1)\n\ttilestored %%tmm1, (%1,%4,1)\n\t"
                     "tilestored %%tmm2, (%2,%4,1)\n\ttilestored %%tmm3, (%3,%4,1)"
                     :
                     : EACH_TILE(sums, step)
                     : "memory");
}

// The sums += a * b for LANES lanes.
INLINE void multiply_tiles(ulong a, ulong below, long a_step, ulong b, long b_step)
{
    __asm__ volatile("tileloadd (%2,%5,1), %%tmm6\n\ttileloadd (%0,%4,1), %%tmm4\n\t"
                     "tileloadd (%3,%5,1), %%tmm7\n\ttdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\t"
                     "tileloadd (%1,%4,1), %%tmm5\n\ttdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
                     "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm7, %%tmm5, %%tmm3"
                     :
                     : "r"(a), "r"(a + below), "r"(b), "r"(b + sizeof(lanes)), "r"(a_step),
                       "r"(b_step)
                     : "memory");
}

// The sums += a * b for `count` lanes, a multiple of LANES. Rows of a have `lanes_in_row` lanes,
// and b is [count][2 * VEC]. With every LANES lanes it prefetches the next `lines` cache lines after
// `ahead`. If all were prefetched at once, they would wait for each other.
INLINE void add_to_sums(sum_tiles *t, ulong a, int lanes_in_row, ulong b, int count,
                        const global lane *ahead, int lines)
{
    const long a_step = LANES * sizeof(lane), b_step = 2 * sizeof(lanes);
    const ulong below = IN_TILES(16, 0, lanes_in_row) * sizeof(lane);
    const ulong a_next = IN_TILES(0, LANES, lanes_in_row) * sizeof(lane), b_next = LANES * b_step;
    int k = 0;
    for (; lines > 0 && k < count; k += LANES, a += a_next, b += b_next) {
        for (int i = 0; i < lines; i++, ahead += LINE)
            PREFETCH(ahead);
        multiply_tiles(a, below, a_step, b, b_step);
    }
    for (; k < count; k += LANES, a += a_next, b += b_next)
        multiply_tiles(a, below, a_step, b, b_step);
}
#else
#define begin_tiles()
#define end_tiles()
#endif

#ifdef UNIT_PLAIN_TILES
// The same without the instruction, for tests on other devices.
typedef struct sum_tiles {
    vec low[ROWS], high[ROWS];
} sum_tiles;

INLINE void clear_sums(sum_tiles *t)
{
    for (int i = 0; i < ROWS; i++)
        t->low[i] = t->high[i] = (vec)(0.0f);
}

INLINE void load_sums(sum_tiles *t, const float *sums, long step)
{
    for (int i = 0; i < ROWS; i++) {
        t->low[i] = vec_load(sums + i * step);
        t->high[i] = vec_load(sums + i * step + VEC);
    }
}

INLINE void store_sums(const sum_tiles *t, float *sums, long step)
{
    for (int i = 0; i < ROWS; i++) {
        vec_store(t->low[i], sums + i * step);
        vec_store(t->high[i], sums + i * step + VEC);
    }
}

INLINE void add_to_sums(sum_tiles *t, ulong a, int lanes_in_row, ulong b, int count,
                        const global lane *ahead, int lines)
{
    const lane *rows = (const lane *)a, *columns = (const lane *)b;
    for (int k = 0; k < count; k++)
        for (int i = 0; i < ROWS; i++) {
            const lane row = rows[IN_TILES(i, k, lanes_in_row)];
            t->low[i] = multiply_add(row, lanes_load(columns + 2 * k * VEC), t->low[i]);
            t->high[i] = multiply_add(row, lanes_load(columns + (2 * k + 1) * VEC), t->high[i]);
        }
}
#endif
