/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c: nothing is recorded while it is off; while it is on, one record per kernel, with
 * rising times. */
#include "device/profile.h"
#include "ops/peak.h"
#include "support.h"

static void launch(device *dev, cl_mem from, cl_mem to, int times)
{
    error err;
    for (int i = 0; i < times; i++)
        assert_ok(peak_copy(dev, from, to, (size_t)dev->vec, &err), &err);
}

static void test_profile(void **state)
{
    error err;
    device *dev = *state;
    const profile_record *records;
    size_t count;
    cl_mem from = support_buffer(dev, 64, NULL), to = support_buffer(dev, 64, NULL);

    launch(dev, from, to, 2);
    profile_label(dev, "forward", "ignored");
    assert_ok(profile_read(dev, &records, &count, &err), &err);
    assert_int_equal(count, 0);

    assert_ok(profile_start(dev, &err), &err);
    launch(dev, from, to, 1);
    profile_label(dev, "forward", "first");
    launch(dev, from, to, 2000); /* more than the first allocation has room for */
    assert_ok(profile_read(dev, &records, &count, &err), &err);
    assert_int_equal(count, 2001);
    assert_string_equal(records[0].label, "");
    for (size_t i = 1; i < count; i++) {
        assert_string_equal(records[i].phase, "forward");
        assert_string_equal(records[i].label, "first");
        assert_string_equal(records[i].kernel, "peak_copy");
        assert_true(records[i].end >= records[i].start);
        assert_true(records[i].start >= records[i - 1].end); /* the queue is in order */
    }
    assert_ok(profile_read(dev, &records, &count, &err), &err); /* the same again */
    assert_int_equal(count, 2001);

    profile_clear(dev);
    launch(dev, from, to, 3);
    profile_clear(dev); /* with events that were never read */
    assert_ok(profile_read(dev, &records, &count, &err), &err);
    assert_int_equal(count, 0);
    buffer_release(&from);
    buffer_release(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_profile)};
    return cmocka_run_group_tests_name("profile", tests, support_open_device, support_close_device);
}
