/* SPDX-License-Identifier: Apache-2.0 */
/* zip.c: archives that libarchive writes are read in any order and in parts, in a time that follows
 * their size; damaged ones are refused. */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/zip.h"
#include "check.h"
#include "support.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

static const char *path;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "a.zip");
    path = ((const support_files *)*state)->path;
    return result;
}

/* ---- Writing ---- */

static struct archive *begin_archive(const char *options)
{
    struct archive *to = archive_write_new();
    assert_int_equal(archive_write_set_format_zip(to), ARCHIVE_OK);
    assert_int_equal(archive_write_set_options(to, options), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(to, path), ARCHIVE_OK);
    return to;
}

static void put_member(struct archive *to, const char *name, const void *bytes, size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, name[strlen(name) - 1] == '/' ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    assert_int_equal(archive_write_header(to, entry), ARCHIVE_OK);
    if (size > 0)
        assert_int_equal(archive_write_data(to, bytes, size), size);
    archive_entry_free(entry);
}

static void end_archive(struct archive *to)
{
    assert_int_equal(archive_write_close(to), ARCHIVE_OK);
    archive_write_free(to);
}

enum { SIZE = 200000 };

static unsigned char byte_at(size_t place)
{
    return (unsigned char)(place * place >> 5 ^ place);
}

static unsigned char *make_bytes(size_t size)
{
    unsigned char *bytes = support_memory(size, 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    return bytes;
}

static void write_archive(const char *options)
{
    unsigned char *bytes = make_bytes(SIZE);
    struct archive *to = begin_archive(options);
    put_member(to, "directory/", NULL, 0);
    put_member(to, "directory/large", bytes, SIZE);
    put_member(to, "empty", NULL, 0);
    put_member(to, "another", bytes, 7);
    end_archive(to);
    free(bytes);
}

/* ---- Reading ---- */

static void check_part(zip_file *z, const char *name, uint64_t begin, size_t size)
{
    error err;
    const zip_member *m = zip_find(z, name);
    assert_non_null(m);
    unsigned char *bytes = support_memory(size + 1, 1);
    CHECK_OK(zip_read(z, m, begin, size, bytes, &err));
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], byte_at(begin + i));
    free(bytes);
}

static void test_any_order(void **state)
{
    static const char *const options[] = {"zip:compression=store", "zip:compression=deflate",
                                          "zip:compression=store,zip:zip64",
                                          "zip:compression=deflate,zip:zip64"};
    (void)state;
    error err;
    size_t count;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        zip_file *z;
        write_archive(options[i]);
        CHECK_OK(zip_open(path, &z, &err));
        const zip_member *members = zip_members(z, &count);
        assert_int_equal(count, 3); /* without the directory */
        assert_string_equal(members[0].name, "another");
        assert_null(zip_find(z, "none"));
        check_part(z, "directory/large", SIZE - 1, 1);
        check_part(z, "another", 2, 5);
        check_part(z, "directory/large", 70000, 70000);
        check_part(z, "directory/large", 0, SIZE);
        check_part(z, "directory/large", SIZE, 0);
        check_part(z, "empty", 0, 0);
        check_part(z, "another", 0, 7);
        zip_close(z);
    }
}

/* The members are behind many others, and each is read before the one in front of it. */
static void test_many_members(void **state)
{
    enum { EMPTY = 100000, FULL = 300 };
    (void)state;
    error err;
    char name[32];
    zip_file *z;
    unsigned char *bytes = make_bytes(100);
    struct archive *to = begin_archive("zip:compression=store");
    for (int i = 0; i < EMPTY + FULL; i++) {
        snprintf(name, sizeof name, "%s%06d", i < EMPTY ? "e" : "f", i);
        put_member(to, name, bytes, i < EMPTY ? 0 : 100);
    }
    end_archive(to);
    free(bytes);
    double start = clock_now();
    CHECK_OK(zip_open(path, &z, &err));
    for (int i = EMPTY + FULL; i-- > EMPTY;) {
        snprintf(name, sizeof name, "f%06d", i);
        check_part(z, name, 0, 100);
    }
    zip_close(z);
    assert_true(clock_now() - start < 5); /* it takes 0.1 s; going through all members, 40 s */
}

/* A deflated member is not unpacked from its beginning for each part. */
static void test_many_parts(void **state)
{
    enum { LARGE = 32 << 20, PART = 16 << 10 };
    (void)state;
    error err;
    zip_file *z;
    unsigned char *bytes = make_bytes(LARGE);
    struct archive *to = begin_archive("zip:compression=deflate");
    put_member(to, "large", bytes, LARGE);
    end_archive(to);
    free(bytes);
    double start = clock_now();
    CHECK_OK(zip_open(path, &z, &err));
    for (uint64_t at = LARGE; at > 0; at -= PART)
        check_part(z, "large", at - PART, PART);
    zip_close(z);
    assert_true(clock_now() - start < 10); /* it takes 0.3 s; from the beginning each, minutes */
}

/* ---- Damage ---- */

static status read_all(error *err)
{
    zip_file *z;
    size_t count;
    status result = zip_open(path, &z, err);
    const zip_member *members = result == STATUS_OK ? zip_members(z, &count) : NULL;
    for (size_t i = 0; result == STATUS_OK && i < count; i++) {
        unsigned char *bytes = support_memory(members[i].size + 1, 1);
        result = zip_read(z, &members[i], 0, members[i].size, bytes, err);
        free(bytes);
    }
    zip_close(z);
    if (result != STATUS_OK)
        assert_non_null(strstr(err->message, path));
    return result;
}

/* Writes a new file, because some file systems sync when a file is replaced. */
static void put_bytes(const unsigned char *bytes, size_t size)
{
    unlink(path);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

/* The archive with one byte of the last entry of its directory changed. */
static void expect_refused(int at, unsigned char value, const char *says)
{
    error err;
    unsigned char *bytes;
    size_t size;
    write_archive("zip:compression=store");
    CHECK_OK(file_read(path, 1 << 20, &bytes, &size, &err));
    size_t entry = size - 4;
    while (memcmp(bytes + entry, "PK\1\2", 4) != 0)
        entry--;
    bytes[entry + (size_t)at] = value;
    put_bytes(bytes, size);
    CHECK_FAILS(STATUS_FAILED, says, read_all(&err));
    free(bytes);
}

static void test_lies(void **state)
{
    (void)state;
    expect_refused(8, 1, "another is encrypted");
    expect_refused(10, 12, "neither stored nor deflated");
    expect_refused(10, 8, "does not unpack to as many bytes");
    expect_refused(16, 0x55, "does not match its checksum");
    expect_refused(24, 8, "claims 8 bytes, more than the file can contain");
    expect_refused(22, 0x7f, "claims to take 8323079 bytes, more than the file has");
    expect_refused(42, 1, "is not where the archive's directory says");
    expect_refused(45, 0x7f, "lies outside of the file");
    expect_refused(29, 1, "its directory is damaged");
    expect_refused(0, 'Q', "its directory is damaged");
}

/* Two members of the same size, and the places of their records in the directory. */
static unsigned char *make_pair(const char *options, size_t *size, size_t entries[2])
{
    error err;
    unsigned char *bytes;
    struct archive *to = begin_archive(options);
    put_member(to, "a", "same", 4);
    put_member(to, "b", "same", 4);
    end_archive(to);
    CHECK_OK(file_read(path, 1 << 20, &bytes, size, &err));
    size_t found = 0;
    for (size_t i = 0; i + 4 <= *size; i++)
        if (memcmp(bytes + i, "PK\1\2", 4) == 0)
            entries[found++ % 2] = i;
    assert_int_equal(found, 2);
    return bytes;
}

static void check_pair(const unsigned char *bytes, size_t size, const char *says)
{
    error err;
    put_bytes(bytes, size);
    CHECK_FAILS(STATUS_FAILED, says, read_all(&err));
}

/* A few bytes are not unpacked as many members. */
static void test_shared_bytes(void **state)
{
    enum { EXTRA_LENGTH = 28, PLACE = 42 };
    static const char *const options[] = {"zip:compression=store", "zip:compression=deflate"};
    (void)state;
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++) {
        size_t size, entries[2];
        unsigned char *bytes = make_pair(options[o], &size, entries), places[2][4];
        for (int i = 0; i < 2; i++)
            memcpy(places[i], bytes + entries[i] + PLACE, 4);
        memcpy(bytes + entries[0] + PLACE, places[1], 4);
        check_pair(bytes, size, "are in the same bytes");
        memcpy(bytes + entries[1] + PLACE, places[0], 4);
        check_pair(bytes, size, "a is not where the archive's directory says");
        for (int i = 0; i < 2; i++)
            memcpy(bytes + entries[i] + PLACE, places[i], 4);
        bytes[entries[1] +
              PLACE]--; /* a's own bytes do not reach there, but its header's extra does */
        bytes[EXTRA_LENGTH] += 40;
        check_pair(bytes, size, "a is cut short");
        free(bytes);
    }
}

/* Numbers of 32 bits say that the extra field has the real ones, which it must then have. */
static void test_short_extra(void **state)
{
    enum { PACKED = 20, PACKED_END = 24, EXTRA = 47, LENGTH = 2 };
    (void)state;
    size_t size, entries[2];
    unsigned char *bytes = make_pair("zip:compression=store", &size, entries);
    unsigned char *extra = bytes + entries[1] + EXTRA;
    memset(bytes + entries[1] + PACKED, 0xff, PACKED_END - PACKED);
    check_pair(bytes, size, "b claims to take 4294967295 bytes, more than the file has");
    memcpy(extra, "\1\0", LENGTH);
    check_pair(bytes, size, "b: its zip64 field ends before its packed size");
    free(bytes);
}

/* Each truncation and each changed byte gives an error or the same bytes, never a crash. */
static void test_damage(void **state)
{
    static const char *const options[] = {"zip:compression=store",
                                          "zip:compression=deflate,zip:zip64"};
    (void)state;
    error err;
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++) {
        unsigned char *bytes;
        size_t size;
        struct archive *to = begin_archive(options[o]);
        put_member(to, "a", "some text", 9);
        put_member(to, "b", "more", 4);
        end_archive(to);
        CHECK_OK(file_read(path, 1 << 20, &bytes, &size, &err));
        for (size_t cut = 0; cut < size; cut++) {
            put_bytes(bytes, cut);
            assert_int_equal(read_all(&err), STATUS_FAILED);
        }
        for (size_t at = 0; at < size; at++)
            for (int change = 1; change < 256; change *= 2) {
                bytes[at] ^= (unsigned char)change;
                put_bytes(bytes, size);
                (void)read_all(&err);
                bytes[at] ^= (unsigned char)change;
            }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),    cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_many_parts),   cmocka_unit_test(test_lies),
        cmocka_unit_test(test_shared_bytes), cmocka_unit_test(test_short_extra),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("zip", tests, set_up, support_files_tear_down);
}
