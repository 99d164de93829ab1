/* SPDX-License-Identifier: Apache-2.0 */
/* What checks share: operands and comparisons; see check.h. */
#include "selftest/check.h"
#include "base/random.h"
#include "device/matrix_unit.h"

#include <math.h>
#include <stdlib.h>

const deviation deviation_none = {NAN, -1};
const value_range UNWRITTEN = {NAN, NAN};

/* How many times the bound the error is. */
static double excess(deviation d)
{
    if (d.error == 0)
        return 0;
    return d.bound > 0 ? d.error / d.bound : INFINITY;
}

void deviation_add(deviation *found, const float *got, const double *want, size_t count,
                   double bound)
{
    double difference = 0, largest = 0;
    bool nan = false;
    for (size_t i = 0; i < count; i++) {
        double here = fabs(got[i] - want[i]);
        nan |= isnan(here);
        difference = fmax(difference, here);
        largest = fmax(largest, fabs(want[i]));
    }
    deviation added = {difference == 0 ? 0 : difference / largest, bound};
    if (nan)
        added.error = NAN;
    bool first = found->bound < 0;
    if (first || (!isnan(found->error) && (nan || excess(added) >= excess(*found))))
        *found = added;
}

bool deviation_within(const deviation *found)
{
    return found->error <= found->bound;
}

static status write_operand(check_run *r, operand *o, error *err)
{
    size_t bytes = o->count * (o->activation ? device_real_bytes(r->dev) : sizeof(float));
    TRY(buffer_create(r->dev, bytes, &o->t.buffer, err));
    return o->activation ? tensor_write(r->dev, o->t, o->values, err)
                         : buffer_write(r->dev, o->t.buffer, 0, o->values, bytes, err);
}

/* Adds an operand without values. */
static status add_operand(check_run *r, tensor shape, bool activation, operand **made, error *err)
{
    if (r->count == CHECK_OPERANDS)
        return error_set(err, STATUS_FAILED, "a check has more than %d operands", CHECK_OPERANDS);
    operand *o = *made = &r->operands[r->count++];
    *o = (operand){.t = shape, .activation = activation, .count = tensor_size(shape)};
    o->values = malloc(o->count * sizeof *o->values);
    o->want = malloc(o->count * sizeof *o->want);
    return got_memory(o->values && o->want, err, "a check's values");
}

/* `rounded`: to values that the device's precision can store. */
static status add_random(check_run *r, tensor shape, bool activation, bool rounded,
                         value_range range, const operand **made, error *err)
{
    operand *o;
    uint64_t seed = (uint64_t)r->count;
    TRY(add_operand(r, shape, activation, &o, err));
    for (size_t i = 0; i < o->count; i++) {
        double share = random_uniform(seed, RANDOM_TEST, i);
        float value = (float)(range.low + (range.high - range.low) * share);
        o->values[i] = rounded ? tensor_stored(r->dev, value) : value;
        o->want[i] = o->values[i];
    }
    *made = o;
    return write_operand(r, o, err);
}

status check_activation(check_run *r, tensor shape, value_range range, const operand **made,
                        error *err)
{
    return add_random(r, shape, true, true, range, made, err);
}

static tensor row_of(size_t count)
{
    return (tensor){NULL, 1, 1, 1, (int)count};
}

status check_floats(check_run *r, size_t count, value_range range, const operand **made, error *err)
{
    return add_random(r, row_of(count), false, false, range, made, err);
}

status check_factors(check_run *r, size_t count, value_range range, const operand **made,
                     error *err)
{
    bool rounds = r->dev->unit->precision == r->dev->precision;
    return add_random(r, row_of(count), false, rounds, range, made, err);
}

status check_known(check_run *r, size_t count, const double *values, const operand **made,
                   error *err)
{
    operand *o;
    TRY(add_operand(r, row_of(count), false, &o, err));
    for (size_t i = 0; i < count; i++)
        o->want[i] = o->values[i] = (float)values[i];
    *made = o;
    return write_operand(r, o, err);
}

status check_bytes(check_run *r, const void *bytes, size_t size, cl_mem *buffer, error *err)
{
    const operand *o;
    TRY(check_floats(r, divide_up(size, sizeof(float)), UNWRITTEN, &o, err));
    *buffer = o->t.buffer;
    return bytes ? buffer_write(r->dev, *buffer, 0, bytes, size, err) : STATUS_OK;
}

status check_result(check_run *r, const operand *o, double roundings, error *err)
{
    double stored = o->activation ? precision_rounding(r->dev->precision) : 0;
    /* A little more, for the products of the roundings. */
    double bound = 1.001 * (roundings * 0x1p-24 + stored);
    if (roundings == 0)
        bound = 0;
    float *got = malloc(o->count * sizeof *got);
    TRY(got_memory(got, err, "a check's results"));
    status result = o->activation
                        ? tensor_read(r->dev, o->t, got, err)
                        : buffer_read(r->dev, o->t.buffer, 0, got, o->count * sizeof *got, err);
    if (result == STATUS_OK)
        deviation_add(r->found, got, o->want, o->count, bound);
    free(got);
    return result;
}

void check_release(check_run *r)
{
    for (int i = 0; i < r->count; i++) {
        free(r->operands[i].values);
        free(r->operands[i].want);
        tensor_release(&r->operands[i].t);
    }
    r->count = 0;
}

status operation_check_run(const operation_check *c, device *dev, deviation *found, error *err)
{
    check_run r = {.dev = dev, .found = found};
    *found = deviation_none;
    status result = c->run(&r, err);
    check_release(&r);
    return result;
}
