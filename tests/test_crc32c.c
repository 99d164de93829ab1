/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.c: the checksums in RFC 3720, appendix B.4, which prints their bytes from low to high. */
#include "base/crc32c.h"
#include "check.h"

enum { BYTES = 32 };

static void test_rfc3720(void **state)
{
    (void)state;
    unsigned char zeros[BYTES] = {0}, ones[BYTES], rising[BYTES], falling[BYTES];
    /* An iSCSI read command. */
    static const unsigned char command[48] = {
        [0] = 0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02,
    };
    memset(ones, 0xff, BYTES);
    for (int i = 0; i < BYTES; i++) {
        rising[i] = (unsigned char)i;
        falling[i] = (unsigned char)(BYTES - 1 - i);
    }
    assert_int_equal(crc32c(zeros, BYTES), 0x8a9136aa);
    assert_int_equal(crc32c(ones, BYTES), 0x62a8ab43);
    assert_int_equal(crc32c(rising, BYTES), 0x46dd794e);
    assert_int_equal(crc32c(falling, BYTES), 0x113fdb5c);
    assert_int_equal(crc32c(command, sizeof command), 0xd9963a56);
}

/* The check value in catalogues of CRCs. */
static void test_digits(void **state)
{
    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c("", 0), 0);
}

/* The same bytes at once, which uses the sliced tables, and in small pieces, which does not, from
 * every offset. */
static void test_pieces(void **state)
{
    (void)state;
    enum { LONG = 20011, PIECE = 97 };
    static unsigned char bytes[LONG];
    uint64_t number = 1;
    for (int i = 0; i < LONG; i++) {
        number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
        bytes[i] = (unsigned char)(number >> 56);
    }
    for (int start = 0; start < 9; start++) {
        uint32_t sum = 0;
        for (int i = start; i < LONG; i += PIECE)
            sum = crc32c_more(sum, bytes + i, (size_t)(LONG - i < PIECE ? LONG - i : PIECE));
        assert_int_equal(sum, crc32c(bytes + start, (size_t)(LONG - start)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3720),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
