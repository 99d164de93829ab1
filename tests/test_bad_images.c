/* SPDX-License-Identifier: Apache-2.0 */
/* Broken images: each is reported once, and too many of them are an error that names them. */
#include "check.h"
#include "data/bad_images.h"

static void take_note(void *context, const char *text)
{
    char *all = context;
    strcat(strcat(all, text), "\n");
}

static void test_once_each(void **state)
{
    (void)state;
    error err;
    bad_images *b;
    char notes[256] = "";
    CHECK_OK(bad_images_create(2, take_note, notes, &b, &err));
    CHECK_OK(bad_images_add(b, "b.png", "b.png: is cut short", &err));
    CHECK_OK(bad_images_add(b, "a.png", "a.png: is empty", &err));
    CHECK_OK(bad_images_add(b, "b.png", "b.png: is cut short", &err));
    assert_string_equal(notes, "skipped image 1 of at most 2: b.png: is cut short\n"
                               "skipped image 2 of at most 2: a.png: is empty\n");
    CHECK_FAILS(STATUS_FAILED, "3 images cannot be read, and --max-bad allows 2",
                bad_images_add(b, "c.png", "c.png: is a pipe", &err));
    assert_non_null(strstr(err.message, "\n  b.png\n  a.png\n  c.png"));
    bad_images_free(b);
}

static void test_none_allowed(void **state)
{
    (void)state;
    error err;
    bad_images *b;
    CHECK_OK(bad_images_create(0, NULL, NULL, &b, &err));
    CHECK_FAILS(STATUS_FAILED, "1 images cannot be read",
                bad_images_add(b, "a.png", "a.png: is empty", &err));
    bad_images_free(b);
}

/* More names than an error message has room for. */
static void test_many(void **state)
{
    (void)state;
    enum { LIMIT = 1000 };
    error err;
    bad_images *b;
    char name[32];
    CHECK_OK(bad_images_create(LIMIT, NULL, NULL, &b, &err));
    for (int i = 0; i < 2 * LIMIT; i++) {
        snprintf(name, sizeof name, "image_%05d.jpg", i % LIMIT);
        CHECK_OK(bad_images_add(b, name, name, &err));
    }
    CHECK_FAILS(STATUS_FAILED, "1001 images cannot be read",
                bad_images_add(b, "last.jpg", "", &err));
    assert_non_null(strstr(err.message, "image_00000.jpg"));
    bad_images_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_each),
        cmocka_unit_test(test_none_allowed),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("bad_images", tests, NULL, NULL);
}
