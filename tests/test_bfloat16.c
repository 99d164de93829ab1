/* SPDX-License-Identifier: Apache-2.0 */
/* base/bfloat16.c: every bfloat16, and the floats at and next to the midpoint of two of them. */
#include "base/bfloat16.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

enum { SIGN = 0x8000, LARGEST = 0x7f7f, INFINITE = 0x7f80 };

static double value_of(unsigned bits)
{
    int exponent = bits >> 7 & 0xff, fraction = bits & 0x7f;
    return exponent ? ldexp(128 + fraction, exponent - 134) : ldexp(fraction, -133);
}

static void test_to_float(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= LARGEST; bits++) {
        assert_true(bfloat16_to_float((uint16_t)bits) == value_of(bits));
        assert_true(bfloat16_to_float((uint16_t)(bits | SIGN)) == -value_of(bits));
    }
    assert_true(signbit(bfloat16_to_float(SIGN)));
    assert_true(bfloat16_to_float(INFINITE) == INFINITY);
    assert_true(bfloat16_to_float(INFINITE | SIGN) == -INFINITY);
    assert_true(isnan(bfloat16_to_float(INFINITE | 1)));
}

static void expect(float value, unsigned bits)
{
    assert_int_equal(bfloat16_from_float(value), bits);
    assert_int_equal(bfloat16_from_float(-value), bits | SIGN);
}

/* The middle of two neighbours becomes the one with an even fraction; the floats next to it round
 * to the nearest. */
static void test_from_float(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < LARGEST; bits++) {
        float middle = (float)((value_of(bits) + value_of(bits + 1)) / 2);
        expect((float)value_of(bits), bits);
        expect(middle, bits + (bits & 1));
        expect(nextafterf(middle, 0), bits);
        expect(nextafterf(middle, INFINITY), bits + 1);
    }
    expect(0x1.fep+127f, LARGEST);
    expect(0x1.fefffep+127f, LARGEST);
    expect(0x1.ffp+127f, INFINITE);
    expect(0x1.fffffep+127f, INFINITE);
    expect(INFINITY, INFINITE);
}

/* Also if the upper half of the fraction is zero, or rounding up would carry out of it. */
static void test_nan(void **state)
{
    (void)state;
    static const uint32_t nans[] = {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u,
                                    0xffffffffu};
    for (size_t i = 0; i < sizeof nans / sizeof nans[0]; i++) {
        const union {
            uint32_t bits;
            float value;
        } nan = {nans[i]};
        uint16_t got = bfloat16_from_float(nan.value);
        assert_true(isnan(bfloat16_to_float(got)));
        assert_int_equal(got >> 15, nans[i] >> 31);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_float),
        cmocka_unit_test(test_from_float),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests_name("bfloat16", tests, NULL, NULL);
}
