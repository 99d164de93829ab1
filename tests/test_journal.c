/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c: lines that another program wrote are never lost; a resumed run loses exactly the lines
 * after its checkpoint. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "track/journal.h"
#include "train/run_lines.h"

static const char *path;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "metrics.jsonl");
    const support_files *files = *state;
    path = files->path;
    return result;
}

static void expect_text(const char *want)
{
    error err;
    unsigned char *text;
    size_t size;
    CHECK_OK(file_read(path, 1 << 20, &text, &size, &err));
    assert_string_equal((char *)text, want);
    free(text);
}

static void put_text(const char *text)
{
    error err;
    CHECK_OK(file_write(path, text, strlen(text), &err));
}

static const char first_line[] = "{\"step\":1,\"loss\":0.5,\"fine_loss\":0.25,\"lr\":0.125}\n";

static void put_step(journal *j, uint64_t step)
{
    error err;
    const train_step what = {
        .step = step, .loss = 0.5, .fine_loss = 0.25, .lr = 0.125, .only_fine = true};
    const metric_line line = run_line_of_step(&what);
    CHECK_OK(journal_put(j, &line, &err));
}

static void test_new_file(void **state)
{
    (void)state;
    error err;
    journal j, other;
    uint64_t bytes;
    CHECK_OK(journal_check_new(path, &err));
    CHECK_OK(journal_create(&j, path, &err));
    put_step(&j, 1);
    CHECK_OK(journal_sync(&j, &bytes, &err));
    assert_int_equal(bytes, strlen(first_line));
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl", journal_create(&other, path, &err));
    journal_close(&other);
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl", journal_resume(&other, path, 0, &err));
    journal_close(&other);
    journal_close(&j);
    expect_text(first_line);
}

static void test_full_file(void **state)
{
    (void)state;
    error err;
    journal j;
    put_text("precious\n");
    CHECK_FAILS(STATUS_USAGE, "already contains 9 bytes", journal_check_new(path, &err));
    assert_non_null(strstr(err.message, path));
    CHECK_FAILS(STATUS_USAGE, "already contains 9 bytes", journal_create(&j, path, &err));
    journal_close(&j);
    expect_text("precious\n");
    put_text("");
    CHECK_OK(journal_check_new(path, &err));
    CHECK_OK(journal_create(&j, path, &err));
    journal_close(&j);
    CHECK_OK(journal_check_new("/dev/null", &err));
    CHECK_OK(journal_create(&j, "/dev/null", &err));
    put_step(&j, 1);
    journal_close(&j);
}

static void test_resume(void **state)
{
    (void)state;
    error err;
    journal j;
    put_text("one\ntwo\nthr");
    CHECK_OK(journal_resume(&j, path, 4, &err));
    put_step(&j, 1);
    journal_close(&j);
    char *want = text_format("one\n%s", first_line);
    expect_text(want);
    free(want);
    CHECK_OK(journal_resume(&j, path, 0, &err)); /* killed before a checkpoint with lines */
    put_step(&j, 1);
    journal_close(&j);
    expect_text(first_line);
}

static void test_resume_foreign(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"someone else's", 4}, {"one\n", 5}, {"one\ntwo", 7}};
    error err;
    journal j;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_text(cases[i].text);
        CHECK_FAILS(STATUS_FAILED, "is not the metrics file that the run left",
                    journal_resume(&j, path, cases[i].bytes, &err));
        journal_close(&j);
        expect_text(cases[i].text);
    }
    CHECK_OK(file_write(path, "", 0, &err));
    CHECK_OK(journal_resume(&j, path, 5, &err)); /* the old file was moved away: a new one begins */
    put_step(&j, 1);
    journal_close(&j);
    expect_text(first_line);
}

static void test_is_there(void **state)
{
    (void)state;
    error err;
    journal j;
    char *away = text_format("%s.away", path);
    CHECK_OK(file_write(path, "", 0, &err));
    CHECK_OK(journal_create(&j, path, &err));
    assert_true(journal_is_there(&j));
    CHECK_OK(file_rename(path, away, &err));
    assert_false(journal_is_there(&j));
    CHECK_OK(file_write(path, "", 0, &err));
    assert_false(journal_is_there(&j));
    CHECK_OK(file_rename(away, path, &err));
    assert_true(journal_is_there(&j));
    journal_close(&j);
    CHECK_OK(journal_create(&j, "/dev/null", &err));
    assert_true(journal_is_there(&j));
    journal_close(&j);
    free(away);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new_file, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_full_file, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_resume, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_resume_foreign, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_is_there, set_up, support_files_tear_down),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
