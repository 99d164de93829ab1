/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of operations that copy, add or pool elements; see operation_checks.h. */
#include "ops/add.h"
#include "ops/average_pool.h"
#include "ops/bias.h"
#include "ops/concat.h"
#include "ops/gate.h"
#include "ops/max_pool.h"
#include "selftest/operation_checks.h"
#include "selftest/reference.h"

status check_add(check_run *r, error *err)
{
    const operand *first, *second, *y;
    TRY(check_activation(r, odd_tensor, around_zero, &first, err));
    TRY(check_activation(r, odd_tensor, around_zero, &second, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &y, err));
    TRY(add_forward(r->dev, first->t, second->t, y->t, err));
    for (size_t i = 0; i < y->count; i++)
        y->want[i] = first->want[i] + second->want[i];
    return check_result(r, y, 1, err);
}

status check_add_backward(check_run *r, error *err)
{
    const operand *dy, *stored, *added;
    TRY(check_activation(r, odd_tensor, around_zero, &dy, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &stored, err));
    TRY(check_activation(r, odd_tensor, around_zero, &added, err));
    TRY(add_backward(r->dev, dy->t, stored->t, added->t, false, true, err));
    for (size_t i = 0; i < dy->count; i++) {
        stored->want[i] = dy->want[i];
        added->want[i] += dy->want[i];
    }
    TRY(check_result(r, stored, 0, err));
    return check_result(r, added, 1, err);
}

/* The numbers are positive, so each addition rounds by at most 2^-24 of the result. The division
 * may be off by 2.5 ulp, which is 5 roundings. */
status check_average_pool(check_run *r, error *err)
{
    const operand *x, *y;
    TRY(check_activation(r, odd_tensor, positive, &x, err));
    TRY(check_activation(r, (tensor){NULL, ODD_N, 1, 1, ODD_C}, UNWRITTEN, &y, err));
    TRY(average_pool_forward(r->dev, x->t, y->t, err));
    for (size_t i = 0; i < y->count; i++)
        y->want[i] = 0;
    for (size_t i = 0; i < x->count; i++)
        y->want[i / (ODD_AREA * ODD_C) * ODD_C + i % ODD_C] += x->want[i] / ODD_AREA;
    return check_result(r, y, ODD_AREA + 5, err);
}

status check_average_pool_backward(check_run *r, error *err)
{
    const operand *dy, *stored, *added;
    TRY(check_activation(r, (tensor){NULL, ODD_N, 1, 1, ODD_C}, around_zero, &dy, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &stored, err));
    TRY(check_activation(r, odd_tensor, around_zero, &added, err));
    TRY(average_pool_backward(r->dev, dy->t, stored->t, false, err));
    TRY(average_pool_backward(r->dev, dy->t, added->t, true, err));
    for (size_t i = 0; i < stored->count; i++) {
        stored->want[i] = dy->want[i / (ODD_AREA * ODD_C) * ODD_C + i % ODD_C] / ODD_AREA;
        added->want[i] += stored->want[i];
    }
    TRY(check_result(r, stored, 5, err));
    return check_result(r, added, 6, err);
}

status check_bias(check_run *r, error *err)
{
    const operand *y, *bias;
    TRY(check_activation(r, odd_tensor, around_zero, &y, err));
    TRY(check_floats(r, ODD_C, around_zero, &bias, err));
    TRY(bias_forward(r->dev, y->t, bias->t.buffer, err));
    for (size_t i = 0; i < y->count; i++)
        y->want[i] += bias->want[i % ODD_C];
    return check_result(r, y, 1, err);
}

/* Sums of positive numbers, as in check_average_pool; the terms multiply and add once more. */
status check_bias_backward(check_run *r, error *err)
{
    const operand *dy, *stored, *added;
    TRY(check_activation(r, odd_tensor, positive, &dy, err));
    TRY(check_floats(r, ODD_C, UNWRITTEN, &stored, err));
    TRY(check_floats(r, ODD_C, positive, &added, err));
    TRY(bias_backward(r->dev, dy->t, stored->t.buffer, store_terms, err));
    TRY(bias_backward(r->dev, dy->t, added->t.buffer, add_terms, err));
    for (size_t k = 0; k < ODD_C; k++)
        stored->want[k] = 0;
    for (size_t i = 0; i < dy->count; i++)
        stored->want[i % ODD_C] += dy->want[i];
    check_terms(added, stored);
    TRY(check_result(r, stored, ODD_PIXELS, err));
    return check_result(r, added, ODD_PIXELS + 2, err);
}

enum { SECOND_C = 133, BOTH_C = ODD_C + SECOND_C };
static const tensor second_part = {NULL, ODD_N, ODD_H, ODD_W, SECOND_C};
static const tensor both_parts = {NULL, ODD_N, ODD_H, ODD_W, BOTH_C};

/* The element of the first or the second part that element i of the whole is. */
static double *part_of(const operand *first, const operand *second, size_t i)
{
    size_t pixel = i / BOTH_C, k = i % BOTH_C;
    return k < ODD_C ? &first->want[pixel * ODD_C + k]
                     : &second->want[pixel * SECOND_C + k - ODD_C];
}

status check_concat(check_run *r, error *err)
{
    const operand *first, *second, *y;
    TRY(check_activation(r, odd_tensor, around_zero, &first, err));
    TRY(check_activation(r, second_part, around_zero, &second, err));
    TRY(check_activation(r, both_parts, UNWRITTEN, &y, err));
    TRY(concat_forward(r->dev, first->t, second->t, y->t, err));
    for (size_t i = 0; i < y->count; i++)
        y->want[i] = *part_of(first, second, i);
    return check_result(r, y, 0, err);
}

status check_concat_backward(check_run *r, error *err)
{
    const operand *dy, *stored, *added;
    TRY(check_activation(r, both_parts, around_zero, &dy, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &stored, err));
    TRY(check_activation(r, second_part, around_zero, &added, err));
    TRY(concat_backward(r->dev, dy->t, ODD_C, stored->t, added->t, false, true, err));
    for (size_t i = 0; i < stored->count; i++)
        stored->want[i] = 0;
    for (size_t i = 0; i < dy->count; i++)
        *part_of(stored, added, i) += dy->want[i];
    TRY(check_result(r, stored, 0, err));
    return check_result(r, added, 1, err);
}

static const value_range gate_inputs = {-2, 2}, gate_range = {-8, 8};

/* exp may be off by 3 ulp and a division by 2.5, which is 11 roundings; an addition and a product
 * come to that. */
enum { SIGMOID = 13 };

status check_gate(check_run *r, error *err)
{
    const operand *x, *gate, *y;
    TRY(check_activation(r, odd_tensor, gate_inputs, &x, err));
    TRY(check_activation(r, odd_tensor, gate_range, &gate, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &y, err));
    TRY(gate_forward(r->dev, x->t, gate->t, y->t, err));
    for (size_t i = 0; i < y->count; i++)
        y->want[i] = reference_gate(x->want[i], gate->want[i]);
    return check_result(r, y, SIGMOID, err);
}

/* In the gate's own gradient, dy * x * s * (1 - s), the sigmoid s rounds twice, both times by up to
 * |dy * x * s| <= 2, which is five times the largest result. */
status check_gate_backward(check_run *r, error *err)
{
    const operand *x, *gate, *dy, *dx, *dgate, *added;
    TRY(check_activation(r, odd_tensor, gate_inputs, &x, err));
    TRY(check_activation(r, odd_tensor, gate_range, &gate, err));
    TRY(check_activation(r, odd_tensor, around_zero, &dy, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &dx, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &dgate, err));
    TRY(check_activation(r, odd_tensor, around_zero, &added, err));
    const tensor none = {0};
    TRY(gate_backward(r->dev, x->t, gate->t, dy->t, dx->t, dgate->t, false, false, err));
    TRY(gate_backward(r->dev, x->t, gate->t, dy->t, added->t, none, true, false, err));
    for (size_t i = 0; i < x->count; i++) {
        reference_gate_gradients(x->want[i], gate->want[i], dy->want[i], &dx->want[i],
                                 &dgate->want[i]);
        added->want[i] += dx->want[i];
    }
    TRY(check_result(r, dx, SIGMOID, err));
    TRY(check_result(r, added, SIGMOID + 1, err));
    return check_result(r, dgate, 10 * SIGMOID, err);
}

/* One window of pooling and its gradient. A pixel of x is in at most four windows. */
static status check_window(check_run *r, pool_window window, bool backward, error *err)
{
    const pool_case p = {ODD_N, ODD_H, ODD_W, ODD_C, window};
    int oh = reference_pool_output(p.h, window), ow = reference_pool_output(p.w, window);
    const tensor out = {NULL, p.n, oh, ow, p.c};
    const operand *x, *y, *dy, *dx, *added;
    cl_mem maxima;
    TRY(check_activation(r, odd_tensor, (value_range){-3, 1}, &x, err));
    TRY(check_activation(r, out, UNWRITTEN, &y, err));
    TRY(check_activation(r, out, around_zero, &dy, err));
    TRY(check_activation(r, odd_tensor, UNWRITTEN, &dx, err));
    TRY(check_activation(r, odd_tensor, around_zero, &added, err));
    TRY(check_bytes(r, NULL, max_pool_index_bytes(out), &maxima, err));
    for (size_t i = 0; i < dx->count; i++)
        dx->want[i] = 0;
    reference_max_pool(&p, x->values, dy->values, y->want, dx->want);
    TRY(max_pool_forward(r->dev, x->t, window.kernel, window.stride, window.pad, window.padding,
                         y->t, maxima, err));
    if (!backward)
        return check_result(r, y, 0, err);
    for (int i = 0; i < 2; i++)
        TRY(max_pool_backward(r->dev, dy->t, maxima, window.kernel, window.stride, window.pad,
                              i ? added->t : dx->t, i, err));
    for (size_t i = 0; i < dx->count; i++)
        added->want[i] += dx->want[i];
    TRY(check_result(r, dx, 4, err));
    return check_result(r, added, 5, err);
}

static const pool_window windows[] = {{3, 2, 1, MAX_POOL_NOTHING}, {3, 2, 1, MAX_POOL_ZEROS}};

status check_max_pool(check_run *r, error *err)
{
    TRY(check_window(r, windows[0], false, err));
    return check_window(r, windows[1], false, err);
}

status check_max_pool_backward(check_run *r, error *err)
{
    TRY(check_window(r, windows[0], true, err));
    return check_window(r, windows[1], true, err);
}
