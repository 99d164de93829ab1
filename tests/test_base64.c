/* SPDX-License-Identifier: Apache-2.0 */
/* base64.c: the vectors of RFC 4648, section 10, and bytes that use the whole alphabet. */
#include "base/base64.h"
#include "check.h"

static void expect(const void *data, size_t size, const char *want)
{
    char *got = base64_encode(data, size);
    assert_non_null(got);
    assert_string_equal(got, want);
    free(got);
}

static void test_rfc4648(void **state)
{
    (void)state;
    expect("", 0, "");
    expect("f", 1, "Zg==");
    expect("fo", 2, "Zm8=");
    expect("foo", 3, "Zm9v");
    expect("foob", 4, "Zm9vYg==");
    expect("fooba", 5, "Zm9vYmE=");
    expect("foobar", 6, "Zm9vYmFy");
}

/* The 64 letters in order encode 48 bytes. */
static void test_alphabet(void **state)
{
    (void)state;
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char bytes[48];
    for (unsigned i = 0; i < 16; i++) {
        unsigned bits = 4 * i << 18 | (4 * i + 1) << 12 | (4 * i + 2) << 6 | (4 * i + 3);
        bytes[3 * i] = (unsigned char)(bits >> 16);
        bytes[3 * i + 1] = (unsigned char)(bits >> 8);
        bytes[3 * i + 2] = (unsigned char)bits;
    }
    expect(bytes, sizeof bytes, letters);
    expect("\0\0", 2, "AAA=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc4648),
        cmocka_unit_test(test_alphabet),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
