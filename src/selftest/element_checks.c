/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the operations that treat every element alike; see operation_checks.h. */
#include "ops/add.h"
#include "selftest/operation_checks.h"

/* 31 pixels and 19 channels: neither fills the last vector. */
static const tensor odd = {NULL, 1, 31, 1, 19};
static const value_range ones = {-1, 1};

status check_add(check_run *r, error *err)
{
    const operand *first, *second, *sum, *copy;
    TRY(check_activation(r, odd, ones, &first, err));
    TRY(check_activation(r, odd, ones, &second, err));
    TRY(check_activation(r, odd, UNWRITTEN, &sum, err));
    TRY(check_activation(r, odd, UNWRITTEN, &copy, err));
    TRY(add_forward(r->dev, first->t, second->t, sum->t, err));
    TRY(add_backward(r->dev, first->t, copy->t, second->t, false, true, err));
    for (size_t i = 0; i < sum->count; i++) {
        sum->want[i] = second->want[i] += first->want[i];
        copy->want[i] = first->want[i];
    }
    TRY(check_result(r, sum, 1, err));
    TRY(check_result(r, second, 1, err));
    return check_result(r, copy, 0, err);
}
