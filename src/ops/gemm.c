/* CLBlast's SGEMM with scratch memory of our own, so that nothing is allocated inside a step; see
 * gemm.h. */
#include "ops/gemm.h"
#include "device/profile.h"

#include <clblast_c.h>
#include <stdio.h>

/* CLBlast knows no good parameters for PoCL: its default runs everything through the kernel for
 * small matrices at some 25 GFLOP/s where these reach 100 to 180 (two cores with AVX-512; a search
 * over a few dozen sets at this network's shapes). One work-item of a 2 x 8 group owns a 16 x 8
 * tile and there is no local memory, which on a CPU is only a copy. */
static status use_cpu_parameters(device *dev, error *err)
{
    const char *names[] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
                           "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
    const size_t values[] = {0, 1, 64, 4, 2, 2, 32, 8, 8, 64, 0, 0, 0, 0, 8, 4};
    const char *routine_names[] = {"XGEMM_MIN_INDIRECT_SIZE"};
    const size_t routine_values[] = {1};
    CLBlastStatusCode code =
        CLBlastOverrideParameters(dev->info.id, "Xgemm", CLBlastPrecisionSingle,
                                  sizeof values / sizeof values[0], names, values);
    if (code == CLBlastSuccess)
        code = CLBlastOverrideParameters(dev->info.id, "GemmRoutine", CLBlastPrecisionSingle, 1,
                                         routine_names, routine_values);
    if (code == CLBlastSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "CLBlast refused its parameters for %s (code %d)",
                     dev->info.name, (int)code);
}

status gemm_prepare(device *dev, error *err)
{
    if (dev->info.type & CL_DEVICE_TYPE_CPU)
        return use_cpu_parameters(dev, err);
    return STATUS_OK;
}

static CLBlastTranspose transpose_of(gemm_matrix matrix)
{
    return matrix.transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

status gemm_workspace(device *dev, const gemm_problem *p, size_t *bytes, error *err)
{
    CLBlastStatusCode code =
        CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, transpose_of(p->a), transpose_of(p->b),
                                   p->m, p->n, p->k, p->a.offset, p->a.stride, p->b.offset,
                                   p->b.stride, p->c.offset, p->c.stride, &dev->queue, bytes);
    if (code == CLBlastSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "CLBlast code %d while sizing a %zux%zux%zu product on %s",
                     (int)code, p->m, p->n, p->k, dev->info.name);
}

status gemm_run(device *dev, const gemm_problem *p, cl_mem workspace, error *err)
{
    CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, transpose_of(p->a), transpose_of(p->b), p->m, p->n, p->k, 1.0f,
        p->a.buffer, p->a.offset, p->a.stride, p->b.buffer, p->b.offset, p->b.stride,
        p->accumulate ? 1.0f : 0.0f, p->c.buffer, p->c.offset, p->c.stride, &dev->queue,
        profile_event(dev, "gemm"), workspace);
    if (code == CLBlastSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "CLBlast code %d for a %zux%zux%zu product on %s",
                     (int)code, p->m, p->n, p->k, dev->info.name);
}
