/* SPDX-License-Identifier: Apache-2.0 */
/* archive.c on tar files made here: members are read, and headers that announce more than the file
 * contains are errors. */
#include "base/file.h"
#include "check.h"
#include "data/archive.h"
#include "support.h"

enum { BLOCK = 512, MOST_BLOCKS = 8 };

/* A tar file while it is built. */
typedef struct tar {
    unsigned char bytes[MOST_BLOCKS * BLOCK];
    size_t size;
} tar;

/* Appends a POSIX.1-1988 header that announces `claimed` bytes, and then the text. */
static void add_member(tar *t, const char *name, unsigned long long claimed, const char *text)
{
    unsigned char *head = t->bytes + t->size;
    unsigned sum = 0;
    snprintf((char *)head, 100, "%s", name);
    snprintf((char *)head + 100, 8, "%07o", 0644);
    snprintf((char *)head + 124, 12, "%011llo", claimed);
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257,
           "ustar\0"
           "00",
           8);
    for (int i = 0; i < BLOCK; i++)
        sum += head[i];
    snprintf((char *)head + 148, 8, "%06o", sum);
    memcpy(head + BLOCK, text, strlen(text));
    t->size += BLOCK + (strlen(text) + BLOCK - 1) / BLOCK * BLOCK;
}

static int set_up(void **state)
{
    return support_files_set_up(state, "a.tar");
}

static status read_tar(void **state, const tar *t, archive_member *members, int count, error *err)
{
    const support_files *files = *state;
    assert_int_equal(file_write(files->path, t->bytes, t->size, err), STATUS_OK);
    return archive_read_members(files->path, members, count, err);
}

static void test_members(void **state)
{
    error err;
    tar t = {.size = 0};
    archive_member members[] = {{.name = "meta", .limit = 10}, {.name = "none", .limit = 10}};
    add_member(&t, "cifar/train", 5, "train");
    add_member(&t, "cifar/meta", 4, "meta");
    t.size += 2 * BLOCK;
    CHECK_OK(read_tar(state, &t, members, 2, &err));
    assert_int_equal(members[0].size, 4);
    assert_string_equal((char *)members[0].data, "meta");
    assert_null(members[1].data);
    free(members[0].data);
}

/* No memory is allocated for an announced size before the bytes have been read. */
static void test_false_sizes(void **state)
{
    error err;
    tar cut = {.size = 0}, large = {.size = 0}, bomb = {.size = 0};
    archive_member member = {.name = "meta", .limit = (size_t)1 << 40};
    add_member(&cut, "meta", 1 << 29, "meta");
    CHECK_FAILS(STATUS_FAILED, "a.tar", read_tar(state, &cut, &member, 1, &err));
    assert_null(member.data);
    member.limit = 3;
    add_member(&large, "meta", 4, "meta");
    CHECK_FAILS(STATUS_FAILED, "meta is larger than the 3 bytes expected",
                read_tar(state, &large, &member, 1, &err));
    add_member(&bomb, "other", 5ull << 30, "");
    CHECK_FAILS(STATUS_FAILED, "unpacks to more than 1073741824 bytes",
                read_tar(state, &bomb, &member, 1, &err));
}

/* libarchive would run another program to unpack this. */
static void test_other_filters(void **state)
{
    error err;
    tar t = {.bytes = "LRZI\0\6", .size = BLOCK};
    archive_member member = {.name = "meta", .limit = 3};
    CHECK_FAILS(STATUS_FAILED, "cannot be read as a tar archive: Unrecognized",
                read_tar(state, &t, &member, 1, &err));
    memcpy(t.bytes, "PK\3\4", 4);
    CHECK_FAILS(STATUS_FAILED, "appears to be a zip archive; expected a .tar.gz, .tar.xz or .tar",
                read_tar(state, &t, &member, 1, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_false_sizes, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_other_filters, set_up, support_files_tear_down),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
