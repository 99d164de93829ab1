/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling, the gate, optimizers and initial values; see reference.h. */
#include "selftest/reference.h"
#include "base/random.h"

#include <math.h>

#define PADDING ((size_t)-1) /* a place outside x */

static float value_at(const float *x, size_t place)
{
    return place == PADDING ? 0 : x[place];
}

/* The place in x of the largest value for output pixel (n, oy, ox), channel k, or PADDING: the
 * first of equal values, the last of NaNs. */
static size_t place_of(const pool_case *p, const float *x, int n, int oy, int ox, int k)
{
    size_t best = 0;
    bool found = false;
    for (int ky = 0; ky < p->window.kernel; ky++)
        for (int kx = 0; kx < p->window.kernel; kx++) {
            int y = oy * p->window.stride - p->window.pad + ky;
            int at = ox * p->window.stride - p->window.pad + kx;
            bool inside = y >= 0 && y < p->h && at >= 0 && at < p->w;
            if (!inside && p->window.padding != MAX_POOL_ZEROS)
                continue;
            size_t place = inside ? (size_t)(((n * p->h + y) * p->w + at) * p->c + k) : PADDING;
            float value = value_at(x, place);
            if (!found || value > value_at(x, best) || isnan(value))
                best = place;
            found = true;
        }
    return best;
}

int reference_pool_output(int size, pool_window window)
{
    return (size + 2 * window.pad - window.kernel) / window.stride + 1;
}

void reference_max_pool(const pool_case *p, const float *x, const float *dy, double *y, double *dx)
{
    int oh = reference_pool_output(p->h, p->window), ow = reference_pool_output(p->w, p->window);
    for (int i = 0; i < p->n * oh * ow * p->c; i++) {
        int k = i % p->c, pixel = i / p->c;
        size_t place = place_of(p, x, pixel / ow / oh, pixel / ow % oh, pixel % ow, k);
        y[i] = value_at(x, place);
        if (place != PADDING)
            dx[place] += dy[i];
    }
}

double reference_gate(double x, double gate)
{
    return x / (1 + exp(-gate));
}

void reference_gate_gradients(double x, double gate, double dy, double *dx, double *dgate)
{
    double open = 1 / (1 + exp(-gate));
    *dx = dy * open;
    *dgate = dy * x * open * (1 - open);
}

void reference_sgd(const optimizer_rule *rule, double gradient, bool first, double *weight,
                   double *m)
{
    double d = gradient + rule->weight_decay * *weight;
    if (rule->momentum != 0) {
        *m = first ? d : rule->momentum * *m + d;
        d = rule->nesterov ? d + rule->momentum * *m : *m;
    }
    *weight -= rule->lr * d;
}

void reference_adam(const optimizer_rule *rule, double gradient, int step, double *weight,
                    double *m, double *v)
{
    double b1 = rule->beta1, b2 = rule->beta2, decay = rule->weight_decay;
    double d = rule->decoupled ? gradient : gradient + decay * *weight;
    *weight *= rule->decoupled ? 1 - rule->lr * decay : 1;
    *m = b1 * *m + (1 - b1) * d;
    *v = b2 * *v + (1 - b2) * d * d;
    *weight -=
        rule->lr / (1 - pow(b1, step)) * *m / (sqrt(*v) / sqrt(1 - pow(b2, step)) + rule->epsilon);
}

float reference_unit(uint64_t seed, uint32_t id, uint32_t index)
{
    uint32_t words[4];
    random_block(seed, RANDOM_WEIGHTS, (uint64_t)id << 32 | index / 4, words);
    return ((float)(words[index % 4] >> 8) + 0.5f) * 0x1p-24f;
}

double reference_clip(double squares, double most)
{
    return fmin(1, most / (sqrt(squares) + 1e-6));
}
