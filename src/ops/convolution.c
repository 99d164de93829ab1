/* The table of algorithms; see convolution.h. */
#include "ops/convolution.h"

const convolution_algorithm *const convolution_algorithms[] = {&unrolled_gemm, &implicit_gemm,
                                                               &conv1x1_gemm, &im2col_gemm, NULL};

tensor convolution_output(const convolution_shape *s, tensor x)
{
    return (tensor){NULL, x.n, (x.h + 2 * s->pad - s->kernel) / s->stride + 1,
                    (x.w + 2 * s->pad - s->kernel) / s->stride + 1, s->cout};
}

const convolution_algorithm *convolution_choose(const device *dev, const convolution_call *call)
{
    int i = 0;
    while (!convolution_algorithms[i]->supports(dev, call))
        i++; /* the last supports everything */
    return convolution_algorithms[i];
}

bool convolution_descends(const device *dev, const convolution_call *call)
{
    const convolution_algorithm *chosen = convolution_choose(dev, call);
    return chosen->descends && chosen->descends(dev, call);
}

status convolution_measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                           error *err)
{
    return convolution_choose(dev, call)->measure(dev, call, bytes, err);
}

status convolution_run(device *dev, const convolution_call *call, convolution_memory memory,
                       error *err)
{
    return convolution_choose(dev, call)->run(dev, call, memory, err);
}
