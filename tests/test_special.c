/* SPDX-License-Identifier: Apache-2.0 */
/* special.c against values computed by mpmath 1.3 and SciPy, with up to 40 digits. */
#include "check.h"
#include "sweep/special.h"

#include <math.h>

static void check_close(const char *what, double got, double want, double relative)
{
    if (!(fabs(got - want) <= (want == 0 ? 1e-16 : relative * fabs(want))))
        fail_msg("%s: %.17g, expected %.17g", what, got, want);
}

static void test_normal(void **state)
{
    (void)state;
    static const double cases[][2] = {
        {-37.5, 4.6053530095819548e-308}, {-8, 6.2209605742717841e-16},
        {-3.25, 0.00057702504239076704},  {-1, 0.15865525393145705},
        {-0.1, 0.46017216272297102},      {0, 0.5},
        {0.5, 0.6914624612740131},        {1.96, 0.97500210485177956},
        {5, 0.99999971334842812},
    };
    /* The function multiplies the rounding of x / sqrt(2) by about x^2. */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_close("normal", special_normal(cases[i][0]), cases[i][1],
                    1e-15 * (2 + cases[i][0] * cases[i][0]));
}

static void test_normal_inverse(void **state)
{
    (void)state;
    static const double cases[][2] = {
        {1e-300, -37.047096299361199},   {1e-16, -8.2220822161304356},
        {3.167e-5, -4.0000092793399979}, {0.001, -3.0902323061678135},
        {0.02, -2.053748910631823},      {0.1, -1.2815515655446004},
        {0.25, -0.67448975019608174},    {0.5, 0},
        {0.75, 0.67448975019608174},     {0.975, 1.9599639845400539},
        {0.999, 3.0902323061678133},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_close("normal_inverse", special_normal_inverse(cases[i][0]), cases[i][1], 1e-15);
}

static void test_beta(void **state)
{
    (void)state;
    static const double cases[][4] = {
        {0.3, 2, 3, 0.3483},
        {0.5, 0.5, 0.5, 0.5},
        {0.9, 5, 1, 0.59049000000000007},
        {0.001, 0.1, 2, 0.55125583826663677},
        {0.7, 20, 10, 0.63599591892805552},
        {0.5, 1000, 1000, 0.5},
        {0.02, 1, 50, 0.63583031991288294},
        {0.9999, 8, 0.25, 0.81666270572111406},
        {1e-20, 0.01, 3, 0.64045325251462015},
        {0.45, 2000, 2500, 0.77351372181995326},
        {0, 2, 3, 0},
        {1, 2, 3, 1},
        {-1, 2, 3, 0},
        {2, 2, 3, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double *c = cases[i];
        /* With large a and b, their logarithms use up some of the digits. */
        double relative = c[1] < 100 ? 1e-14 : 1e-11;
        check_close("beta", special_beta(c[0], c[1], c[2]), c[3], relative);
    }
}

static void test_beta_inverse(void **state)
{
    (void)state;
    static const double cases[][4] = {
        {0.3, 2, 3, 0.27238394207510534},
        {0.5, 0.5, 0.5, 0.5},
        {0.9, 5, 1, 0.97914836236097679},
        {0.001, 0.1, 2, 3.8554328942953331e-31},
        {0.7, 20, 10, 0.71461363099508774},
        {0.25, 300, 200, 0.58529218160299649},
        {0.5, 0.01, 3, 1.771156265056326e-31},
        {1e-10, 3, 7, 0.00010600083666760558},
        {0.999, 2, 5, 0.81861386691913394},
        {0, 2, 3, 0},
        {1, 2, 3, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double *c = cases[i];
        double got = special_beta_inverse(c[0], c[1], c[2]);
        /* A small a multiplies the error of the logarithm by 1 / a. */
        double relative = c[1] < 0.2 ? 1e-12 : 1e-13;
        if (!(fabs(got - c[3]) <= relative * c[3]))
            fail_msg("beta_inverse(%g, %g, %g): %.17g, expected %.17g", c[0], c[1], c[2], got,
                     c[3]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_normal_inverse),
        cmocka_unit_test(test_beta),
        cmocka_unit_test(test_beta_inverse),
    };
    return cmocka_run_group_tests_name("special", tests, NULL, NULL);
}
