/* SPDX-License-Identifier: Apache-2.0 */
/* base/half.c: every half, and the floats at and next to the midpoint of two halves. */
#include "base/half.h"
#include "check.h"

#include <math.h>

enum { LARGEST = 0x7bff, INFINITE = 0x7c00, SIGN = 0x8000 };

/* The value by the definition of the format. */
static double value_of(unsigned half)
{
    int exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
    return exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
}

static void test_to_float(void **state)
{
    (void)state;
    for (unsigned half = 0; half <= LARGEST; half++) {
        assert_true(half_to_float((uint16_t)half) == value_of(half));
        assert_true(half_to_float((uint16_t)(half | SIGN)) == -value_of(half));
    }
    assert_true(signbit(half_to_float(SIGN)));
    assert_true(half_to_float(INFINITE) == INFINITY);
    assert_true(half_to_float(INFINITE | SIGN) == -INFINITY);
    assert_true(isnan(half_to_float(INFINITE | 1)));
}

static void expect(float value, unsigned half)
{
    assert_int_equal(half_from_float(value), half);
    assert_int_equal(half_from_float(-value), half | SIGN);
}

/* The midpoint of two neighbouring halves is a float and rounds to the even one; the floats next to
 * it round to the nearest half. */
static void test_from_float(void **state)
{
    (void)state;
    for (unsigned half = 0; half < LARGEST; half++) {
        float middle = (float)((value_of(half) + value_of(half + 1)) / 2);
        expect((float)value_of(half), half);
        expect(middle, half + (half & 1));
        expect(nextafterf(middle, 0), half);
        expect(nextafterf(middle, INFINITY), half + 1);
    }
}

static void test_from_float_beyond(void **state)
{
    (void)state;
    expect(65504, LARGEST);
    expect(nextafterf(65520, 0), LARGEST);
    expect(65520, INFINITE);
    expect(1e30f, INFINITE);
    expect(INFINITY, INFINITE);
    expect(0x1p-149f, 0);
    assert_true(isnan(half_to_float(half_from_float(NAN))));
}

/* ---- Arrays ---- */

/* Every half, the midpoints and the floats next to them, and values outside the range of a half. */
static size_t gather_floats(float *values)
{
    size_t count = 0;
    for (unsigned half = 0; half <= INFINITE; half++) {
        float low = half_to_float((uint16_t)half), high = half_to_float((uint16_t)(half + 1));
        float middle = half < LARGEST ? (low + high) / 2 : 65520;
        const float near[] = {low, middle, nextafterf(middle, 0), nextafterf(middle, INFINITY)};
        for (int i = 0; i < 4; i++, count += 2) {
            values[count] = near[i];
            values[count + 1] = -near[i];
        }
    }
    const float others[] = {1e30f, -1e30f, 0x1p-149f, -0x1p-149f, 0x1p-25f, INFINITY, -INFINITY};
    memcpy(values + count, others, sizeof others);
    return count + sizeof others / sizeof others[0];
}

static void test_pack(void **state)
{
    (void)state;
    static float values[8 * (INFINITE + 1) + 16];
    static uint16_t halves[sizeof values / sizeof values[0]];
    size_t count = gather_floats(values);
    half_pack(values, count, 1, halves);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(halves[i], half_from_float(values[i]));
    half_pack(values, count, 0x1p-3f, halves);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(halves[i], half_from_float(values[i] * 0x1p-3f));
    const float not_a_number[] = {NAN, -NAN};
    half_pack(not_a_number, 2, 1, halves);
    assert_true(isnan(half_to_float(halves[0])) && isnan(half_to_float(halves[1])));
}

static void test_unpack(void **state)
{
    (void)state;
    static uint16_t halves[1 << 16];
    static float values[1 << 16];
    for (size_t i = 0; i < 1 << 16; i++)
        halves[i] = (uint16_t)i;
    half_unpack(halves, 1 << 16, 0.25f, values);
    for (size_t i = 0; i < 1 << 16; i++) {
        float want = half_to_float(halves[i]) * 0.25f;
        if (isnan(want))
            assert_true(isnan(values[i]));
        else
            assert_memory_equal(&values[i], &want, sizeof want);
    }
}

/* Each half plus near and distant ones. */
static void test_add(void **state)
{
    (void)state;
    static uint16_t more[1 << 16], sums[1 << 16];
    for (unsigned step = 1; step < 1 << 16; step = step * 3 + 1) {
        for (unsigned i = 0; i < 1 << 16; i++) {
            sums[i] = (uint16_t)i;
            more[i] = (uint16_t)(i * step + step);
        }
        half_add(more, 1 << 16, sums);
        for (unsigned i = 0; i < 1 << 16; i++) {
            float want = half_to_float((uint16_t)i) + half_to_float(more[i]);
            if (isnan(want))
                assert_true(isnan(half_to_float(sums[i])));
            else
                assert_int_equal(sums[i], half_from_float(want));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_float),
        cmocka_unit_test(test_from_float),
        cmocka_unit_test(test_from_float_beyond),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_unpack),
        cmocka_unit_test(test_add),
    };
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
