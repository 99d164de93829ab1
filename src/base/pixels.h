/* How the raw images of a batch lie in memory: what the loader fills and the input kernel
 * reads. */
#ifndef HCNN_BASE_PIXELS_H
#define HCNN_BASE_PIXELS_H

#include <stdint.h>

enum pixel_layout {
    PIXELS_PLANAR,      /* all red, all green, all blue: CIFAR's */
    PIXELS_INTERLEAVED, /* RGB RGB ..., what an image decoder gives */
};

/* One image of a batch: the same 32 bytes as in kernels/input.cl. */
typedef struct pixel_source {
    int32_t offset; /* of its first byte in the batch's pixels */
    int32_t width, height;
    int32_t layout;     /* enum pixel_layout */
    float sine, cosine; /* of the rotation's angle, anticlockwise; 0 and 1 for none */
    int32_t flip;       /* mirror left to right, after the rotation */
    int32_t reserved;   /* keeps the struct at 32 bytes */
} pixel_source;

#endif
