/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle reader: files like CIFAR's, the same cut short at every byte, and what it refuses. */
#include "check.h"
#include "data/numpy.h"

/* {'data': array([[1, 2, 3], [4, 5, 6]], uint8), 'labels': [7, 300, -1]} as written by Python 2. */
static const char good[] =
    "\x80\x02}q\x01(U\x04"
    "datacnumpy.core.multiarray\n_reconstruct\nq\x02"
    "cnumpy\nndarray\nq\x03K\x00\x85U\x01"
    "b\x87Rq\x04(K\x01K\x02K\x03\x86"
    "cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    "\x89U\x06\x01\x02\x03\x04\x05\x06tbU\x06labels](K\x07M\x2c\x01J\xff\xff\xff\xff"
    "eu.";

static status parse(const char *text, size_t size, pickle **parsed, error *err)
{
    return pickle_parse("here", (const unsigned char *)text, size, &numpy_rules, parsed, err);
}

static void test_good(void **state)
{
    (void)state;
    error err;
    pickle *p;
    CHECK_OK(parse(good, sizeof good - 1, &p, &err));
    const pickle_value *data = pickle_get(pickle_root(p), "data");
    const pickle_value *labels = pickle_get(pickle_root(p), "labels");
    assert_non_null(data);
    assert_int_equal(data->size, 6);
    assert_memory_equal(data->bytes, "\1\2\3\4\5\6", 6);
    assert_int_equal(labels->count, 3);
    assert_int_equal(labels->items[1]->integer, 300);
    assert_int_equal(labels->items[2]->integer, -1);
    assert_null(pickle_get(pickle_root(p), "nothing"));
    pickle_free(p);
}

static void test_cut_short(void **state)
{
    (void)state;
    error err;
    pickle *p;
    for (size_t size = 0; size < sizeof good - 1; size++) {
        /* In memory of its own, so that reading past its end is noticed. */
        char *copy = malloc(size ? size : 1);
        memcpy(copy, good, size);
        assert_int_equal(parse(copy, size, &p, &err), STATUS_FAILED);
        assert_non_null(strstr(err.message, "here: byte"));
        free(copy);
    }
}

static void test_every_byte_changed(void **state)
{
    (void)state;
    error err;
    pickle *p;
    for (size_t i = 0; i < sizeof good - 1; i++)
        for (int change = 1; change < 256; change++) {
            char copy[sizeof good];
            memcpy(copy, good, sizeof good);
            copy[i] = (char)(copy[i] ^ change);
            /* Valid or not, parsing ends and leaks nothing. */
            if (parse(copy, sizeof good - 1, &p, &err) == STATUS_OK)
                pickle_free(p);
        }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "cos\nsystem\n(U\x04true\x85R.",
        "cposix\nsystem\n.",
        "i",
        "a.",
        "u.",
        "(t",
        "R.",
        "b.",
        "h\x05.",
        "\x80\x02X\xff\xff\xff\xff.",
    };
    error err;
    pickle *p;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(parse(bad[i], strlen(bad[i]), &p, &err), STATUS_FAILED);
        assert_non_null(strstr(err.message, "here: byte"));
    }
}

/* Through the memo, five bytes can request a call with a copy of a long text. */
static void test_repeated_copies(void **state)
{
    (void)state;
    enum { TEXT = 1000, CALLS = 100 };
    error err;
    pickle *p;
    char *bytes;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    fputs("\x80\x02"
          "c_codecs\nencode\nq\x01X\xe8\x03",
          stream);
    fwrite("\0", 1, 2, stream);
    for (int i = 0; i < TEXT; i++)
        putc('a', stream);
    fputs("U\x06latin1\x86q\x02", stream);
    for (int i = 0; i < CALLS; i++)
        fputs("h\x01h\x02R", stream);
    putc('.', stream);
    fclose(stream);
    assert_int_equal(parse(bytes, size, &p, &err), STATUS_FAILED);
    assert_non_null(strstr(err.message, "need more memory than its size allows"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_repeated_copies),
    };
    return cmocka_run_group_tests_name("pickle", tests, NULL, NULL);
}
