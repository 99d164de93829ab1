/* SPDX-License-Identifier: Apache-2.0 */
/* CLBlast's SGEMM with our own scratch memory, so that nothing is allocated inside a step; see
 * gemm.h. */
#include "ops/gemm.h"
#include "device/flight.h"

#include <clblast_c.h>
#include <stdio.h>
#include <string.h>

static const char *const parameter_names[GEMM_PARAMETERS] = {
    "GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
    "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};

static const char clblast_own[] = "clblast", cpu_default[] = "cpu";

/* The first half is for CPUs and does without local memory, which on a CPU would only be a copy.
 * The second half is for GPUs, from small tiles to large.
 *
 * A work-group of MDIMC x NDIMC work-items owns a tile of MWG x NWG and handles KWG steps of the
 * sum at a time, through local memory if SA and SB are set. CLBlast requires that KWG is a multiple
 * of KWI, of MDIMC * NDIMC / MDIMA and of MDIMC * NDIMC / NDIMB; MWG of MDIMC * VWM and of MDIMA *
 * VWM; NWG of NDIMC * VWN and of NDIMB * VWN; and that KREG is 1 if GEMMK is 0. */
const gemm_parameters gemm_parameter_sets[] = {
    /*                GEMMK KREG KWG KWI MDIMA MDIMC MWG NDIMB NDIMC NWG SA SB STRM STRN VWM VWN */
    {cpu_default, {0, 1, 64, 4, 2, 2, 32, 8, 8, 64, 0, 0, 0, 0, 8, 4}},
    {"cpu_tall", {0, 1, 64, 4, 4, 4, 128, 8, 8, 64, 0, 0, 0, 0, 8, 4}},
    {"cpu_wide_vectors", {0, 1, 64, 4, 2, 2, 32, 8, 8, 64, 0, 0, 0, 0, 16, 4}},
    {"cpu_small_groups", {0, 1, 64, 4, 1, 1, 16, 4, 4, 32, 0, 0, 0, 0, 16, 8}},
    {clblast_own, {0}},
    {"gpu_32x32", {0, 1, 32, 2, 8, 8, 32, 8, 8, 32, 1, 1, 0, 0, 2, 2}},
    {"gpu_64x64", {0, 1, 16, 2, 16, 16, 64, 16, 16, 64, 1, 1, 0, 0, 2, 2}},
    {"gpu_64x64_small_groups", {0, 1, 32, 2, 8, 8, 64, 8, 8, 64, 1, 1, 0, 0, 4, 4}},
    {"gpu_64x64_no_local", {0, 1, 32, 2, 8, 8, 64, 8, 8, 64, 0, 0, 0, 0, 4, 4}},
    {"gpu_128x64", {0, 1, 32, 2, 16, 16, 128, 8, 8, 64, 1, 1, 0, 0, 4, 4}},
    {"gpu_128x128", {0, 1, 16, 2, 16, 16, 128, 16, 16, 128, 1, 1, 0, 0, 4, 4}},
    {"gpu_128x128_strided", {0, 1, 32, 2, 16, 16, 128, 16, 16, 128, 1, 1, 1, 1, 4, 4}},
    {NULL, {0}},
};

const gemm_parameters *gemm_find_parameters(const char *name)
{
    for (const gemm_parameters *set = gemm_parameter_sets; set->name; set++)
        if (strcmp(set->name, name) == 0)
            return set;
    return NULL;
}

/* CLBlast has no good parameters for PoCL. With its own it uses the kernel for small matrices
 * everywhere and reaches about 25 GFLOP/s on two cores with AVX-512. The set "cpu" reaches 100 to
 * 180 there; it was found by a search over a few dozen sets with the shapes of this network. */
const gemm_parameters *gemm_default_parameters(const device *dev)
{
    return gemm_find_parameters(dev->info.type & CL_DEVICE_TYPE_CPU ? cpu_default : clblast_own);
}

/* CLBlast's code for an exception that it does not expect, which it prints, is nearly always that
 * of a failed allocation. */
static status failure(const device *dev, CLBlastStatusCode code, const char *what, error *err)
{
    bool memory = code == CLBlastUnexpectedError || code == CLBlastOpenCLOutOfHostMemory;
    error_set(err, STATUS_FAILED, "%sCLBlast error %d %s on %s%s", memory ? "out of memory: " : "",
              (int)code, what, dev->info.name,
              code == CLBlastUnexpectedError ? ", unless it printed another reason" : "");
    err->shortage = memory;
    return STATUS_FAILED;
}

static status product_failure(const device *dev, CLBlastStatusCode code, const char *doing,
                              const gemm_problem *p, error *err)
{
    char what[128];
    snprintf(what, sizeof what, "%s a %zux%zux%zu product", doing, p->m, p->n, p->k);
    return failure(dev, code, what, err);
}

/* CLBlast fills the table of its parameters when it is first asked, without a lock. So every way
 * into that table has ours; gemm_run follows a gemm_workspace for the same device. */
static status override(device *dev, const char *kernel, size_t count, const char *const *names,
                       const size_t *values, error *err)
{
    device_lock();
    CLBlastStatusCode code =
        CLBlastOverrideParameters(dev->info.id, kernel, CLBlastPrecisionSingle, count,
                                  (const char **)names, values); /* CLBlast only reads them */
    device_unlock();
    char what[64];
    snprintf(what, sizeof what, "while setting its %s parameters", kernel);
    return code == CLBlastSuccess ? STATUS_OK : failure(dev, code, what, err);
}

status gemm_use_parameters(device *dev, const gemm_parameters *set, error *err)
{
    static const char *const smallest[] = {"XGEMM_MIN_INDIRECT_SIZE"};
    static const size_t always[] = {1};
    if (set->name == clblast_own)
        return STATUS_OK;
    /* The kernel for small matrices has parameters of its own, which do not suit a CPU. */
    if (dev->info.type & CL_DEVICE_TYPE_CPU)
        TRY(override(dev, "GemmRoutine", 1, smallest, always, err));
    return override(dev, "Xgemm", GEMM_PARAMETERS, parameter_names, set->values, err);
}

static CLBlastTranspose transpose_of(gemm_matrix matrix)
{
    return matrix.transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

/* Asks for the memory of a product that is larger by one in each size. CLBlast does not copy a
 * matrix whose sides are multiples of its tiles, so a smaller product whose sides are not multiples
 * could need more memory than this one. */
status gemm_workspace(device *dev, const gemm_problem *p, size_t *bytes, error *err)
{
    device_lock();
    CLBlastStatusCode code = CLBlastSGemmTempBufferSize(
        CLBlastLayoutRowMajor, transpose_of(p->a), transpose_of(p->b), p->m + 1, p->n + 1, p->k + 1,
        p->a.offset, p->a.stride + 1, p->b.offset, p->b.stride + 1, p->c.offset, p->c.stride + 1,
        &dev->queue, bytes);
    device_unlock();
    return code == CLBlastSuccess ? STATUS_OK
                                  : product_failure(dev, code, "while sizing memory for", p, err);
}

status gemm_run(device *dev, const gemm_problem *p, cl_mem workspace, error *err)
{
    TRY(flight_begin(dev, err));
    cl_event event = NULL;
    CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, transpose_of(p->a), transpose_of(p->b), p->m, p->n, p->k, p->alpha,
        p->a.buffer, p->a.offset, p->a.stride, p->b.buffer, p->b.offset, p->b.stride, p->beta,
        p->c.buffer, p->c.offset, p->c.stride, &dev->queue, &event, workspace);
    flight_add(dev, "gemm", event);
    return code == CLBlastSuccess ? STATUS_OK : product_failure(dev, code, "in", p, err);
}
