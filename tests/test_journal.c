/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c: lines that another program wrote are never lost; a resumed run loses exactly the lines
 * after its checkpoint. */
#include "base/crc32c.h"
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "track/journal.h"
#include "train/run_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
    journal_mark mark;
    CHECK_OK(journal_check_new(path, &err));
    CHECK_OK(journal_create(&j, path, &err));
    put_step(&j, 1);
    CHECK_OK(journal_sync(&j, &mark, &err));
    assert_int_equal(mark.kind, JOURNAL_FILE);
    assert_int_equal(mark.bytes, strlen(first_line));
    assert_int_equal(mark.crc32c, crc32c(first_line, strlen(first_line)));
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl", journal_create(&other, path, &err));
    journal_close(&other);
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl", journal_resume(&other, path, &mark, 1, &err));
    journal_close(&other);
    journal_close(&j);
    expect_text(first_line);
}

static void test_full_file(void **state)
{
    (void)state;
    error err;
    journal j;
    journal_mark mark;
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
    CHECK_OK(journal_sync(&j, &mark, &err));
    assert_true(mark.kind == JOURNAL_APPENDED && mark.bytes == 0);
    journal_close(&j);
    CHECK_FAILS(STATUS_USAGE, "choose another --metrics", journal_check_new("/", &err));
    CHECK_FAILS(STATUS_FAILED, "move this directory away", journal_resume(&j, "/", &mark, 0, &err));
    journal_close(&j);
}

/* Lines of steps; all have the same length. */
#define STEP(n) "{\"step\":" #n ",\"loss\":0.5,\"fine_loss\":0.25,\"lr\":0.125}\n"
#define EPOCH(steps_)                                                                              \
    "{\"epoch\":1,\"steps\":" #steps_ ",\"train\":{\"loss\":0.5},\"validation\":{\"loss\":1}}\n"
#define TEST "{\"best_epoch\":1,\"test_whole\":{\"images\":2,\"loss\":1}}\n"
enum { LINE = sizeof STEP(1) - 1 };

/* The mark of a checkpoint when the file had this content. */
static journal_mark mark_of(const char *kept)
{
    return (journal_mark){JOURNAL_FILE, strlen(kept), crc32c(kept, strlen(kept))};
}

/* Resumes with this content after step 2, and writes the line of step 3. */
static void expect_resumed(const char *text, size_t size, journal_mark mark, const char *want)
{
    error err;
    journal j;
    CHECK_OK(file_write(path, text, size, &err));
    CHECK_OK(journal_resume(&j, path, &mark, 2, &err));
    put_step(&j, 3);
    CHECK_OK(journal_sync(&j, &mark, &err));
    journal_close(&j);
    expect_text(want);
    assert_true(mark.kind == JOURNAL_APPENDED ||
                (mark.bytes == strlen(want) && mark.crc32c == crc32c(want, strlen(want))));
}

static void test_resume(void **state)
{
    (void)state;
    static const char two[] = STEP(1) STEP(2) EPOCH(2), three[] = STEP(1) STEP(2) EPOCH(2) STEP(3);
    static const char *const tails[] = {"",
                                        "{",
                                        "{\"ste",
                                        "{\"epoch\":1,\"st",
                                        STEP(3),
                                        TEST,
                                        EPOCH(2) STEP(3) STEP(4) "{\"step\":5,\"los"};
    const journal_mark older = {.bytes = strlen(two)};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char *text = text_format("%s%s", two, tails[i]);
        expect_resumed(text, strlen(text), mark_of(two), three);
        expect_resumed(text, strlen(text), older, three);
        free(text);
    }
    /* Killed before the first checkpoint with lines. */
    expect_resumed(STEP(3) STEP(4), 2L * LINE, mark_of(""), STEP(3));
    expect_resumed(STEP(3) STEP(4), 2L * LINE, (journal_mark){0}, STEP(3));
    /* Data that was not on the disk at a power cut. */
    expect_resumed(STEP(3) "{\"st\0\0\0", LINE + 8L, mark_of(""), STEP(3));
    expect_resumed("\0\0\0", 3, mark_of(""), STEP(3));
    /* The old file was moved away: a new one begins. */
    expect_resumed("", 0, mark_of(two), STEP(3));
    expect_resumed("", 0, older, STEP(3));
    /* What was a pipe is a file with other content now. */
    expect_resumed("my log\n", 7, (journal_mark){.kind = JOURNAL_APPENDED}, "my log\n" STEP(3));
}

/* Refuses this content after step 2 and leaves it as it is. */
static void expect_foreign(const char *text, size_t size, journal_mark mark, const char *why)
{
    error err;
    journal j;
    unsigned char *left;
    size_t length;
    CHECK_OK(file_write(path, text, size, &err));
    CHECK_FAILS(STATUS_FAILED, why, journal_resume(&j, path, &mark, 2, &err));
    journal_close(&j);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "is not the metrics file that the run left: "));
    assert_non_null(strstr(err.message, "; put the right file back, or move this one away"));
    CHECK_OK(file_read(path, 1 << 20, &left, &length, &err));
    assert_int_equal(length, size);
    assert_memory_equal(left, text, size);
    free(left);
}

static void test_resume_foreign(void **state)
{
    (void)state;
    static const char two[] = STEP(1) STEP(2), wide[] = "{\"step\":3,\"fine_loss\":";
    static const char *const first[] = {
        "my diary\n",    "\n",
        "\n\n\n",        "{}\n",
        "[]\n",          "{\"step\":3}\n",
        "thr",           "{\"stop\":3",
        STEP(0),         "{\"step\":-1,\"fine_loss\":1}\n",
        "{\"step\":3\n", STEP(3) STEP(3),
    };
    const journal_mark own = mark_of(two), older = {.bytes = 2L * LINE}, none = {0};
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        char *text = text_format("%s%s", two, first[i]);
        expect_foreign(first[i], strlen(first[i]), none, "is not one that this run can have");
        expect_foreign(text, strlen(text), own, "is not one that this run can have");
        expect_foreign(text, strlen(text), older, "is not one that this run can have");
        free(text);
    }
    /* Another run's, with lines of the same length. */
    expect_foreign(STEP(1) STEP(3) STEP(4), 3L * LINE, own, "are not those of the last checkpoint");
    expect_foreign(STEP(1) STEP(3) STEP(4), 3L * LINE, older, "the line at byte 50 is not one");
    expect_foreign(STEP(1), LINE, own, "it has 50 bytes, but had 100 at the last checkpoint");
    expect_foreign(STEP(1), LINE, older, "it has 50 bytes, but had 100 at the last checkpoint");
    /* No line ends at the mark. */
    expect_foreign(STEP(1) STEP(10), 2L * LINE + 1, older, "the line at byte 50 is not one");
    expect_foreign(STEP(1) STEP(2), 2L * LINE - 1, (journal_mark){.bytes = 2L * LINE - 1},
                   "the line at byte 50 is not one");
    /* Steps before the checkpoint's would not be trained again. */
    expect_foreign(STEP(2), LINE, none, "the line at byte 0 is not one");
    /* Zero bytes inside, and a line that is too long. */
    expect_foreign("{\"st\0\0\n" STEP(3), LINE + 7L, none, "the line at byte 0 is not one");
    char *text = text_format("%s%0*d}\n", wide, METRIC_LINE_BYTES, 1);
    expect_foreign(text, strlen(text), none, "the line at byte 0 is not one");
    free(text);
}

/* The other end of a pipe is in this process: what is written fits into the pipe. */
static void test_pipe(void **state)
{
    (void)state;
    const journal_mark none = {0};
    journal_mark mark;
    error err;
    journal j;
    char text[sizeof first_line];
    assert_int_equal(mkfifo(path, 0600), 0);
    CHECK_OK(journal_check_new(path, &err));
    CHECK_FAILS(STATUS_FAILED, "is a pipe that nobody reads", journal_create(&j, path, &err));
    journal_close(&j);
    CHECK_FAILS(STATUS_FAILED, "start its reader first", journal_resume(&j, path, &none, 0, &err));
    journal_close(&j);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    CHECK_OK(journal_resume(&j, path, &none, 0, &err));
    assert_int_equal(fcntl(fileno(j.stream), F_GETFL) & O_NONBLOCK, 0);
    put_step(&j, 1);
    CHECK_OK(journal_sync(&j, &mark, &err));
    assert_true(mark.kind == JOURNAL_APPENDED && mark.bytes == 0 && mark.crc32c == 0);
    assert_int_equal(read(reader, text, sizeof text), strlen(first_line));
    assert_memory_equal(text, first_line, strlen(first_line));
    journal_close(&j);
    close(reader);
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
        cmocka_unit_test_setup_teardown(test_pipe, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_is_there, set_up, support_files_tear_down),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
