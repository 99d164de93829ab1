/* SPDX-License-Identifier: Apache-2.0 */
/* The table of units; see matrix_unit.h. */
#include "device/matrix_unit.h"
#include "device/driver_hints.h"

#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

/* NVIDIA's tensor cores multiply tf32 from compute capability 8.0 on. */
static bool has_nvidia_tf32(const device *dev)
{
    return dev->info.nv_capability >= 80;
}

/* Whether the device is the processor that this process runs on, and its compiler takes assembly,
 * as PoCL's does. */
static bool is_own_processor(const device *dev)
{
    return dev->info.type & CL_DEVICE_TYPE_CPU && driver_is_pocl(&dev->info);
}

/* Intel's manual, volume 2, CPUID. A device that reports vectors of 16 floats uses AVX-512. */
static bool has_x86_bf16(const device *dev)
{
#ifdef __x86_64__
    enum { LEAF = 7, SUBLEAF = 1, AVX512_BF16 = 1 << 5 };
    unsigned a = 0, b, c, d;
    return is_own_processor(dev) && dev->info.vector_width >= 16 && dev->vec >= 4 &&
           __get_cpuid_count(LEAF, SUBLEAF, &a, &b, &c, &d) && a & AVX512_BF16;
#else
    (void)dev;
    return false;
#endif
}

/* The tile registers are Linux's to give, once for all threads of a process. */
static bool has_x86_tiles(const device *dev)
{
#if defined(__x86_64__) && defined(__linux__)
    enum { LEAF = 7, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, REQUEST = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d = 0;
    return has_x86_bf16(dev) && dev->vec == 16 && __get_cpuid_count(LEAF, 0, &a, &b, &c, &d) &&
           d & AMX_BF16 && d & AMX_TILE && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
#else
    (void)dev;
    return false;
#endif
}

static bool has_arm_bf16(const device *dev)
{
#ifdef __aarch64__
    enum { BF16 = 1 << 14 }; /* HWCAP2_BF16 */
    return is_own_processor(dev) && dev->vec == 4 && getauxval(AT_HWCAP2) & BF16;
#else
    (void)dev;
    return false;
#endif
}

static bool is_for_tests(const device *dev)
{
    (void)dev;
    return false;
}

static bool has_fma(const device *dev)
{
    (void)dev;
    return true;
}

/* The fastest first. Every device has the last. The plain units compute what the bf16 units
 * compute, without their instructions, so that tests on any device cover everything else. */
static const matrix_unit units[] = {
    {"NVIDIA tf32 mma", PRECISION_TF32, 1, 1, 0, 8, " -DNV_PTX", has_nvidia_tf32},
    {"x86 AMX tdpbf16ps", PRECISION_BF16, 2, 16, 32, 16, " -DUNIT_X86_BF16 -DUNIT_X86_TILES",
     has_x86_tiles},
    {"x86 vdpbf16ps", PRECISION_BF16, 2, 1, 0, 2, " -DUNIT_X86_BF16", has_x86_bf16},
    {"Arm bfdot", PRECISION_BF16, 2, 1, 0, 2, " -DUNIT_ARM_BF16", has_arm_bf16},
    {"plain tiles", PRECISION_BF16, 2, 16, 32, 8, " -DUNIT_PLAIN_BF16 -DUNIT_PLAIN_TILES",
     is_for_tests},
    {"plain bf16", PRECISION_BF16, 2, 1, 0, 2, " -DUNIT_PLAIN_BF16", is_for_tests},
    {"fp32 FMA", PRECISION_FP32, 1, 1, 0, 1, "", has_fma},
};
enum { COUNT = sizeof units / sizeof units[0] };

const matrix_unit *matrix_unit_for(const device *dev, enum precision p)
{
    int i = 0;
    while (i < COUNT - 1 && !(units[i].precision == p && units[i].is_in(dev)))
        i++;
    return &units[i];
}

bool matrix_unit_has(const device *dev, enum precision p)
{
    return matrix_unit_for(dev, p)->precision == p;
}

const matrix_unit *matrix_unit_find(const char *name)
{
    int i = 0;
    while (i < COUNT && strcmp(units[i].name, name) != 0)
        i++;
    return i < COUNT ? &units[i] : NULL;
}

enum precision matrix_unit_best_precision(const device *dev)
{
    int i = 0;
    while (!units[i].is_in(dev))
        i++;
    return units[i].precision;
}
