/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/model/graph.c, and of the layouts of parameters.c. */
#include "check.h"
#include "model/graph.h"
#include "model/parameters.h"

/* The pool after a stem, as in torchvision and timm, and the original's before a fusion. */
static void a_pool_halves_a_map(void **state)
{
    (void)state;
    static const struct {
        int size, pooled;
    } cases[] = {{112, 56}, {56, 28}, {7, 4}, {2, 1}, {1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph g = {0};
        int pooled = graph_max_pool(&g, graph_input(&g, cases[i].size), 3, 2, 1, MAX_POOL_NOTHING);
        assert_false(g.failed);
        assert_int_equal(g.nodes[pooled].h, cases[i].pooled);
        assert_int_equal(g.nodes[pooled].w, cases[i].pooled);
        assert_int_equal(g.nodes[pooled].c, 3);
        graph_free(&g);
    }
}

/* A graph for which there was no memory stays as it was until its builder gives up. */
static void a_failed_graph_does_not_change(void **state)
{
    (void)state;
    graph g = {0};
    int input = graph_input(&g, 8);
    g.failed = true;
    graph_linear(&g, input, 0, 2);
    graph_standardised_convolution(&g, input, 0, (convolution_shape){3, 4, 3, 1, 1});
    assert_int_equal(g.count, 1);
    assert_int_equal(g.nodes[0].kind, NODE_INPUT);
    assert_false(g.nodes[0].standardised);
    graph_free(&g);
}

/* The values of a parameter are there and back the same, whatever its rank. */
static void layouts_of_every_rank(void **state)
{
    (void)state;
    static const struct {
        parameter p;
        float on_device[8];
    } cases[] = {
        {{.rank = 0, .count = 1}, {1}},
        {{.rank = 1, .count = 3, .shape = {3}}, {1, 2, 3}},
        {{.rank = 2, .count = 6, .shape = {2, 3}}, {1, 4, 2, 5, 3, 6}},
        {{.rank = 4, .count = 8, .shape = {2, 2, 1, 2}}, {1, 5, 3, 7, 2, 6, 4, 8}},
    };
    static const float file[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const parameter *p = &cases[i].p;
        float there[8] = {0}, back[8] = {0};
        parameter_to_device_layout(p, file, there);
        assert_memory_equal(there, cases[i].on_device, p->count * sizeof *there);
        parameter_to_file_layout(p, there, back);
        assert_memory_equal(back, file, p->count * sizeof *back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_halves_a_map),
        cmocka_unit_test(a_failed_graph_does_not_change),
        cmocka_unit_test(layouts_of_every_rank),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
