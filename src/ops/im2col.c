/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/im2col.cl; see im2col.h. */
#include "ops/im2col.h"
#include "device/kernel.h"

/* The taps [*first, *first + *count) of one axis: the smallest range that contains every tap that
 * meets the image at some output. */
static void used_taps(int size, int out, int kernel, int stride, int pad, int *first, int *count)
{
    int low = kernel, high = -1;
    for (int tap = 0; tap < kernel; tap++)
        for (int o = 0; o < out; o++) {
            int at = o * stride - pad + tap;
            if (at >= 0 && at < size) {
                low = tap < low ? tap : low;
                high = tap > high ? tap : high;
            }
        }
    *first = low;
    *count = high - low + 1;
}

window_shape window_of(int h, int w, int kernel, int stride, int pad)
{
    window_shape s = {.h = h, .w = w, .kernel = kernel, .stride = stride, .pad = pad};
    s.oh = (h + 2 * pad - kernel) / stride + 1;
    s.ow = (w + 2 * pad - kernel) / stride + 1;
    used_taps(h, s.oh, kernel, stride, pad, &s.ky0, &s.rows);
    used_taps(w, s.ow, kernel, stride, pad, &s.kx0, &s.taps);
    return s;
}

status im2col_run(device *dev, tensor x, const window_shape *s, cl_mem cols, error *err)
{
    bool whole = dev->info.type & CL_DEVICE_TYPE_CPU;
    size_t windows = (size_t)x.n * (size_t)s->oh * (size_t)s->ow;
    launch_range range =
        whole ? range_of_tiles(dev, 1, 1, windows)
              : range_3d(dev, device_vectors(dev, s->taps * x.c), (size_t)s->rows, windows);
    return LAUNCH(dev, "im2col", "im2col", range, err, ARG_BUFFER(x.buffer), ARG_BUFFER(cols),
                  ARG_INT(s->h), ARG_INT(s->w), ARG_INT(x.c), ARG_INT(s->oh), ARG_INT(s->ow),
                  ARG_INT(s->ky0), ARG_INT(s->rows), ARG_INT(s->kx0), ARG_INT(s->taps),
                  ARG_INT(s->stride), ARG_INT(s->pad));
}

status col2im_run(device *dev, cl_mem cols, const window_shape *s, tensor x, bool accumulate,
                  error *err)
{
    return LAUNCH(dev, "im2col", "col2im",
                  range_2d(dev, device_vectors(dev, x.c), tensor_pixels(x)), err, ARG_BUFFER(cols),
                  ARG_BUFFER(x.buffer), ARG_INT(s->h), ARG_INT(s->w), ARG_INT(x.c), ARG_INT(s->oh),
                  ARG_INT(s->ow), ARG_INT(s->ky0), ARG_INT(s->rows), ARG_INT(s->kx0),
                  ARG_INT(s->taps), ARG_INT(s->stride), ARG_INT(s->pad), ARG_INT(accumulate));
}
