/* SPDX-License-Identifier: Apache-2.0 */
/* survey.c: sizes and broken files, found from headers alone or by decoding, with any number of
 * threads. */
#include "base/text.h"
#include "data/survey.h"
#include "image_files.h"

enum { PLAIN = 40 }; /* intact files, more than a thread fetches at once */

typedef struct fixture {
    char *directory;
    dataset data;
    size_t told;
} fixture;

static void put(fixture *f, image_set *set, const char *name)
{
    error err;
    CHECK_OK(image_set_append(set, text_format("%s/%s", f->directory, name), 0, 0, NULL, &err));
}

static int set_up(void **state)
{
    static fixture f;
    error err;
    char name[32];
    f.directory = check_directory();
    for (int i = 0; i < PLAIN; i++) {
        snprintf(name, sizeof name, "plain_%02d.png", i);
        image_files_put(f.directory, name, i, 5 + i % 3, 11);
        put(&f, &f.data.train, name);
    }
    image_files_put(f.directory, "wide.png", 0, 90, 2);
    image_files_put(f.directory, "cut.jpg", 0, 64, 64);
    image_files_cut(f.directory, "cut.jpg", 700);
    image_files_text(f.directory, "empty.png", "");
    image_files_text(f.directory, "text.jpg", "not a picture at all, but long enough for a header");
    char *path = text_format("%s/directory.png", f.directory);
    CHECK_OK(file_make_directory(path, &err));
    free(path);
    put(&f, &f.data.valid, "empty.png");
    put(&f, &f.data.valid, "cut.jpg");
    put(&f, &f.data.test, "wide.png");
    put(&f, &f.data.test, "text.jpg");
    put(&f, &f.data.test, "directory.png");
    put(&f, &f.data.test, "gone.png");
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    error err;
    dataset_close(&f->data);
    status removed = file_remove_tree(f->directory, &err);
    free(f->directory);
    return removed != STATUS_OK;
}

static void tell(void *context, size_t done, size_t total)
{
    fixture *f = context;
    assert_true(done >= f->told && done <= total);
    assert_int_equal(total, PLAIN + 6);
    f->told = done;
}

static survey run(fixture *f, int threads, bool decode)
{
    error err;
    survey made;
    const survey_options options = {threads, decode, tell, f};
    f->told = 0;
    CHECK_OK(survey_run(&f->data, &options, &made, &err));
    assert_int_equal(f->told, PLAIN + 6);
    return made;
}

static void assert_fault(const survey *s, size_t place, enum dataset_part part, size_t index,
                         const char *name)
{
    assert_int_equal(s->faults[place].part, part);
    assert_int_equal(s->faults[place].index, index);
    assert_non_null(strstr(s->faults[place].message, name));
}

static void test_headers(void **state)
{
    fixture *f = *state;
    for (int threads = 1; threads <= 7; threads += 3) {
        survey s = run(f, threads, false);
        assert_int_equal(s.images, PLAIN + 6);
        assert_int_equal(s.fault_count, 4);
        assert_fault(&s, 0, PART_VALID, 0, "/empty.png");
        assert_fault(&s, 1, PART_TEST, 1, "/text.jpg");
        assert_fault(&s, 2, PART_TEST, 2, "/directory.png: is a directory");
        assert_fault(&s, 3, PART_TEST, 3, "/gone.png: cannot be opened");
        assert_int_equal(s.readable, PLAIN + 2);
        assert_int_equal(s.width.min, 5);
        assert_int_equal(s.width.median, 6);
        assert_int_equal(s.width.max, 90);
        assert_int_equal(s.height.min, 2);
        assert_int_equal(s.height.median, 11);
        assert_int_equal(s.height.max, 64);
        survey_free(&s);
    }
}

/* The file's header is intact, its pixels are not. */
static void test_decode(void **state)
{
    survey s = run(*state, 3, true);
    assert_int_equal(s.fault_count, 5);
    assert_fault(&s, 1, PART_VALID, 1, "/cut.jpg");
    assert_int_equal(s.height.max, 11);
    survey_free(&s);
}

static void test_in_memory(void **state)
{
    (void)state;
    error err;
    survey s;
    unsigned char pixels[3] = {0};
    dataset data = {.train = {.count = 3, .width = 4, .height = 6, .pixels = pixels}};
    const survey_options options = {1, true, NULL, NULL};
    CHECK_OK(survey_run(&data, &options, &s, &err));
    assert_int_equal(s.readable, 3);
    assert_int_equal(s.width.median, 4);
    assert_int_equal(s.height.max, 6);
    survey_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_in_memory),
    };
    return cmocka_run_group_tests_name("survey", tests, set_up, tear_down);
}
