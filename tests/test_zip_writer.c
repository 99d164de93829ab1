/* SPDX-License-Identifier: Apache-2.0 */
/* zip_writer.c: what it writes is read back through libarchive, also beyond what 32 and 16 bits can
 * hold. */
#include "base/zip.h"
#include "base/zip_writer.h"
#include "check.h"
#include "support.h"

static int set_up(void **state)
{
    return support_files_set_up(state, "t.zip");
}

static const char text[] = "the bytes of a member", second[] = "more";

/* An archive of two members and an empty one, with the first `hole` bytes of the file left out. */
static void write_archive(const char *path, uint64_t hole)
{
    file_writer out;
    zip_writer zip;
    error err;
    CHECK_OK(file_writer_open(&out, path, &err));
    zip_writer_open(&zip, &out);
    zip.at = hole;
    assert_int_equal(fseeko(out.stream, (off_t)hole, SEEK_SET), 0);
    CHECK_OK(zip_writer_begin(&zip, "a/first", &err));
    CHECK_OK(zip_writer_put(&zip, text, 4, &err));
    CHECK_OK(zip_writer_put(&zip, text + 4, strlen(text) - 4, &err));
    CHECK_OK(zip_writer_complete(&zip, &err));
    CHECK_OK(zip_writer_add(&zip, "a/second", second, strlen(second), &err));
    CHECK_OK(zip_writer_add(&zip, "a/empty", "", 0, &err));
    CHECK_OK(zip_writer_end(&zip, &err));
    zip_writer_close(&zip);
    CHECK_OK(file_writer_commit(&out, &err));
}

static void expect_member(zip_file *zip, const char *name, const char *want)
{
    char bytes[64];
    size_t size = strlen(want);
    error err;
    const zip_member *m = zip_find(zip, name);
    assert_non_null(m);
    assert_int_equal(m->size, size);
    CHECK_OK(zip_read(zip, m, 0, size, bytes, &err));
    assert_memory_equal(bytes, want, size);
}

static void expect_archive(const char *path)
{
    zip_file *zip;
    size_t count;
    error err;
    CHECK_OK(zip_open(path, &zip, &err));
    zip_members(zip, &count);
    assert_int_equal(count, 3);
    expect_member(zip, "a/first", text);
    expect_member(zip, "a/second", second);
    expect_member(zip, "a/empty", "");
    zip_close(zip);
}

static void test_members(void **state)
{
    const support_files *f = *state;
    unsigned char *bytes;
    size_t size;
    error err;
    write_archive(f->path, 0);
    expect_archive(f->path);
    CHECK_OK(file_read(f->path, 1 << 20, &bytes, &size, &err));
    const unsigned char *found = memmem(bytes, size, text, strlen(text));
    assert_non_null(found);
    assert_int_equal((found - bytes) % 64, 0);
    found = memmem(bytes, size, second, strlen(second));
    assert_int_equal((found - bytes) % 64, 0);
    free(bytes);
}

/* The hole takes no room on the disk. */
static void test_beyond_four_gibibytes(void **state)
{
    const support_files *f = *state;
    const uint64_t limit = UINT64_C(1) << 32;
    write_archive(f->path, limit - 60); /* the members begin on both sides of the limit */
    expect_archive(f->path);
    write_archive(f->path, limit - 1);
    expect_archive(f->path);
}

static void test_many_members(void **state)
{
    const support_files *f = *state;
    enum { MANY = 65600 };
    file_writer out;
    zip_writer written;
    zip_file *zip;
    size_t count;
    char name[32];
    error err;
    CHECK_OK(file_writer_open(&out, f->path, &err));
    zip_writer_open(&written, &out);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%d", i);
        CHECK_OK(zip_writer_add(&written, name, name, strlen(name), &err));
    }
    CHECK_OK(zip_writer_end(&written, &err));
    zip_writer_close(&written);
    CHECK_OK(file_writer_commit(&out, &err));
    CHECK_OK(zip_open(f->path, &zip, &err));
    zip_members(zip, &count);
    assert_int_equal(count, MANY);
    expect_member(zip, "65535", "65535");
    expect_member(zip, "65599", "65599");
    zip_close(zip);
}

static void test_full_disk(void **state)
{
    (void)state;
    error err;
    char path[] = "/dev/full";
    file_writer out = {.path = path, .stream = fopen(path, "w")};
    zip_writer zip;
    assert_non_null(out.stream);
    setvbuf(out.stream, NULL, _IONBF, 0);
    zip_writer_open(&zip, &out);
    CHECK_FAILS(STATUS_FAILED, "make room", zip_writer_begin(&zip, "a", &err));
    zip_writer_close(&zip);
    fclose(out.stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_beyond_four_gibibytes, set_up,
                                        support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_many_members, set_up, support_files_tear_down),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests_name("zip_writer", tests, NULL, NULL);
}
