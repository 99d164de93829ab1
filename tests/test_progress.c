/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c: what is drawn, that nothing is drawn without a terminal, and durations. */
#include "base/clock.h"
#include "base/progress.h"
#include "check.h"

#include <math.h>

/* A bar whose stream is memory but is treated as a terminal. */
typedef struct canvas {
    progress bar;
    char *text;
    size_t size;
} canvas;

static void canvas_open(canvas *to, int columns)
{
    *to = (canvas){0};
    FILE *stream = open_memstream(&to->text, &to->size);
    assert_non_null(stream);
    progress_begin(&to->bar, stream);
    assert_false(to->bar.terminal);
    to->bar.terminal = true;
    to->bar.columns = columns;
}

static void canvas_close(canvas *from)
{
    fclose(from->bar.stream);
    free(from->text);
}

static void draws_a_line(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 100);
    page.bar.started -= 30; /* as if 12 items had taken 30 seconds */
    progress_draw(&page.bar, "epoch 1", 12, 40, "loss 2.5");
    assert_string_equal(page.text,
                        "\repoch 1 [######              ] 12/40 loss 2.5  1:10 left\033[K");
    assert_true(page.bar.drawn);
    canvas_close(&page);
}

static void draws_the_end_without_time_left(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 100);
    progress_draw(&page.bar, "e", 2, 2, "done");
    assert_string_equal(page.text, "\re [####################] 2/2 done\033[K");
    canvas_close(&page);
}

static void cuts_to_the_width(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 13);
    progress_draw(&page.bar, "\xc3\xa9\xc3\xa9", 0, 40, "loss"); /* two characters, four bytes */
    assert_string_equal(page.text, "\r\xc3\xa9\xc3\xa9 [        \033[K");
    canvas_close(&page);
}

static void cuts_between_characters(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 2);
    progress_draw(&page.bar, "\xc3\xa9\xc3\xa9", 0, 40, "");
    assert_string_equal(page.text, "\r\xc3\xa9\033[K");
    canvas_close(&page);
}

static void draws_at_most_ten_times_a_second(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 80);
    progress_draw(&page.bar, "e", 0, 100, "");
    size_t once = page.size;
    assert_true(once > 0);
    page.bar.last = clock_now();
    progress_draw(&page.bar, "e", 1, 100, "");
    assert_int_equal(page.size, once);
    page.bar.last = clock_now() - 0.2;
    progress_draw(&page.bar, "e", 2, 100, "");
    assert_true(page.size > once);
    canvas_close(&page);
}

static void clears_only_what_was_drawn(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 80);
    progress_clear(&page.bar);
    fflush(page.bar.stream);
    assert_int_equal(page.size, 0);
    progress_draw(&page.bar, "e", 1, 1, "");
    progress_clear(&page.bar);
    assert_string_equal(page.text + page.size - 4, "\r\033[K");
    size_t size = page.size;
    progress_clear(&page.bar);
    fflush(page.bar.stream);
    assert_int_equal(page.size, size);
    canvas_close(&page);
}

static void is_silent_without_a_terminal(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 80);
    page.bar.terminal = false;
    progress_draw(&page.bar, "e", 1, 1, "");
    progress_clear(&page.bar);
    fflush(page.bar.stream);
    assert_int_equal(page.size, 0);
    canvas_close(&page);
}

static void no_total_does_not_divide_by_zero(void **state)
{
    (void)state;
    canvas page;
    canvas_open(&page, 80);
    progress_draw(&page.bar, "e", 0, 0, "");
    assert_non_null(strstr(page.text, "0/0"));
    progress_draw(&page.bar, "e", 9, 3, ""); /* more than the total */
    canvas_close(&page);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } known[] = {
        {0, "0:00"},           {-1, "0:00"},   {31.4, "0:31"},
        {59.6, "1:00"},        {725, "12:05"}, {11261, "3:07:41"},
        {360000, "100:00:00"}, {NAN, "0:00"},  {1e300, "99999:59:59"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        clock_duration(known[i].seconds, text, sizeof text);
        assert_string_equal(text, known[i].text);
    }
}

static void clock_moves_forward(void **state)
{
    (void)state;
    double before = clock_now();
    assert_true(clock_now() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_a_line),
        cmocka_unit_test(draws_the_end_without_time_left),
        cmocka_unit_test(cuts_to_the_width),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(draws_at_most_ten_times_a_second),
        cmocka_unit_test(clears_only_what_was_drawn),
        cmocka_unit_test(is_silent_without_a_terminal),
        cmocka_unit_test(no_total_does_not_divide_by_zero),
        cmocka_unit_test(durations),
        cmocka_unit_test(clock_moves_forward),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
