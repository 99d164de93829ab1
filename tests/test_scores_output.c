/* SPDX-License-Identifier: Apache-2.0 */
/* scores_output.c: the keys and nulls of the JSON object, and the table of confusions as a CSV
 * reader expects it. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "measure/scores_output.h"

#include <math.h>

static int parents[] = {1, 1, 0};
static char *coarse_names[] = {"sky, \"high\"", "sea"};
static char *fine_names[] = {"fish", "two\nlines", "bird"};
static const hierarchy tree = {2, 3, coarse_names, fine_names, parents};

/* Three images: a fish taken for a bird, a bird for a bird, and a fish with logits that are not
 * finite. */
static void fill(scores *s, decider *d, bool has_coarse)
{
    error err;
    const float coarse[][2] = {{0, 1}, {1, 0}, {0, 1}};
    const float fine[][3] = {{0, 0, 2}, {0, 0, 2}, {NAN, 0, 0}};
    const int labels[] = {0, 2, 0};
    CHECK_OK(decider_create(d, "argmax", &tree, has_coarse, &err));
    CHECK_OK(scores_create(s, &tree, has_coarse, &err));
    for (int i = 0; i < 3; i++) {
        decider_decide(d, coarse[i], fine[i]);
        scores_add(s, d, parents[labels[i]], labels[i]);
    }
}

static void table_of_confusions(void **state)
{
    (void)state;
    error err;
    scores s;
    decider d;
    unsigned char *text;
    size_t size;
    char *directory = check_directory(), *path = text_format("%s/confusion.csv", directory);
    fill(&s, &d, true);
    CHECK_OK(scores_write_confusion(&s, path, &err));
    CHECK_OK(file_read(path, 10000, &text, &size, &err));
    assert_string_equal((char *)text, "level,label,label_name,answer,answer_name,images\n"
                                      "coarse,0,\"sky, \"\"high\"\"\",0,\"sky, \"\"high\"\"\",1\n"
                                      "coarse,0,\"sky, \"\"high\"\"\",1,\"sea\",0\n"
                                      "coarse,1,\"sea\",0,\"sky, \"\"high\"\"\",0\n"
                                      "coarse,1,\"sea\",1,\"sea\",2\n"
                                      "fine,0,\"fish\",0,\"fish\",0\n"
                                      "fine,0,\"fish\",1,\"two\nlines\",0\n"
                                      "fine,0,\"fish\",2,\"bird\",1\n"
                                      "fine,0,\"fish\",,,1\n"
                                      "fine,1,\"two\nlines\",0,\"fish\",0\n"
                                      "fine,1,\"two\nlines\",1,\"two\nlines\",0\n"
                                      "fine,1,\"two\nlines\",2,\"bird\",0\n"
                                      "fine,2,\"bird\",0,\"fish\",0\n"
                                      "fine,2,\"bird\",1,\"two\nlines\",0\n"
                                      "fine,2,\"bird\",2,\"bird\",1\n");
    CHECK_FAILS(STATUS_FAILED, "none/c.csv", scores_write_confusion(&s, "none/c.csv", &err));
    CHECK_OK(file_remove_tree(directory, &err));
    free(text);
    free(path);
    free(directory);
    scores_free(&s);
    decider_free(&d);
}

static double real_at(json_t *o, const char *object, const char *key)
{
    json_t *value = json_object_get(object ? json_object_get(o, object) : o, key);
    if (!json_is_number(value))
        fail_msg("%s is not a number", key);
    return json_number_value(value);
}

static bool null_at(json_t *o, const char *object, const char *key)
{
    return json_is_null(json_object_get(object ? json_object_get(o, object) : o, key));
}

static void object_of_scores(void **state)
{
    (void)state;
    scores s;
    decider d;
    const metrics sums = {.count = 3, .coarse_loss = 3, .fine_loss = NAN, .fine_top1 = 3};
    fill(&s, &d, true);
    json_t *o = scores_to_object(&(measured){s, d, sums, {1, 2}, "all"});
    assert_true(real_at(o, NULL, "images") == 3);
    assert_true(real_at(o, NULL, "coarse_loss") == 1);
    assert_true(null_at(o, NULL, "fine_loss"));
    assert_true(null_at(o, NULL, "loss"));
    /* The share by the decision, not the device's count. */
    assert_true(fabs(real_at(o, NULL, "fine_top1") - 1.0 / 3) < 1e-9);
    assert_string_equal(json_string_value(json_object_get(o, "decision")), "argmax");
    assert_true(null_at(o, "fine", "nll"));
    assert_true(real_at(o, "fine", "undecided") == 1);
    assert_true(real_at(o, "hierarchy", "distance_at_1") == 4.0 / 3);
    json_t *fine = json_object_get(o, "fine");
    assert_true(json_is_null(json_array_get(json_object_get(fine, "recall"), 1)));
    assert_int_equal(json_integer_value(
                         json_array_get(json_array_get(json_object_get(fine, "confusion"), 0), 2)),
                     1);
    json_decref(o);
    scores_free(&s);
    decider_free(&d);
}

static void no_coarse_head_no_coarse_values(void **state)
{
    (void)state;
    scores s;
    decider d;
    const metrics sums = {.count = 3, .fine_loss = 3};
    fill(&s, &d, false);
    json_t *o = scores_to_object(&(measured){s, d, sums, {0, 2}, "all"});
    const char *const absent[] = {"coarse_loss", "coarse_top1", "coarse_top5", "agreement"};
    for (int i = 0; i < 4; i++)
        assert_null(json_object_get(o, absent[i]));
    json_t *hierarchical = json_object_get(o, "hierarchy");
    assert_null(json_object_get(hierarchical, "coarse_head"));
    assert_null(json_object_get(hierarchical, "agreement"));
    assert_null(json_object_get(hierarchical, "both_right"));
    assert_true(fabs(real_at(o, "hierarchy", "coarse_from_fine") - 1.0 / 3) < 1e-9);
    /* Coarse answers are the parents of the fine answers. */
    assert_true(real_at(o, "coarse", "undecided") == 1);
    json_decref(o);
    scores_free(&s);
    decider_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_confusions),
        cmocka_unit_test(object_of_scores),
        cmocka_unit_test(no_coarse_head_no_coarse_values),
    };
    return cmocka_run_group_tests_name("scores_output", tests, NULL, NULL);
}
