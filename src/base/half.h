/* IEEE 754 binary16, which C11 has no type for. */
#ifndef HCNN_BASE_HALF_H
#define HCNN_BASE_HALF_H

#include <stdint.h>

/* Exact; a NaN stays one. */
float half_to_float(uint16_t half);
/* To the nearest, ties to even, as vstore_half_rte: from 65520 on infinite. A NaN stays one. */
uint16_t half_from_float(float value);

#endif
