/* base/half.c: every half, and the floats at and beside the middle between any two. */
#include "base/half.h"
#include "check.h"

#include <math.h>

enum { LARGEST = 0x7bff, INFINITE = 0x7c00, SIGN = 0x8000 };

/* By the definition of the format. */
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

/* The middle of neighbours is a float, and goes to the even one; its neighbours to the nearest. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_float),
        cmocka_unit_test(test_from_float),
        cmocka_unit_test(test_from_float_beyond),
    };
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
