/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch's files through the common interface: golden files of both containers, files that the
 * writer wrote, and damaged or malicious files. */
#include "base/file.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

static const char magic[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
static const char preamble[] = "\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.";

typedef support_files fixture;

static int set_up(void **state)
{
    return support_files_set_up(state, "t.pth");
}

/* Writes a new file without the sync of file_write. Thousands are written here, and some file
 * systems sync when a file is replaced. */
static void write_bytes(const char *path, const void *bytes, size_t size)
{
    unlink(path);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static char *golden_path(const char *name)
{
    const char *source = getenv("srcdir");
    char *path = text_format("%s/tests/golden/%s", source ? source : ".", name);
    assert_non_null(path);
    return path;
}

/* ---- Golden files ---- */

typedef struct expected {
    const char *name, *type;
    int rank;
    int64_t shape[3];
} expected;

/* The tensors that golden/make-torch.py writes. */
static const expected all[] = {
    {"f32", "F32", 3, {2, 3, 1}},     {"f16", "F16", 1, {5}},
    {"bf16", "BF16", 2, {3, 2}},      {"f64", "F64", 1, {4}},
    {"i64", "I64", 1, {3}},           {"scalar", "I64", 0, {0}},
    {"i32", "I32", 1, {2}},           {"transposed", "F32", 2, {3, 4}},
    {"stepped", "F32", 3, {2, 3, 4}}, {"whole", "F32", 1, {12}},
    {"part", "F32", 1, {5}},          {"empty", "F32", 2, {0, 4}},
    {"parameter", "F32", 1, {6}},
};
enum { ALL = sizeof all / sizeof all[0], MOST = 24 };

static void check_entry(tensor_file *file, const expected *e)
{
    error err;
    float values[MOST];
    int64_t counts[MOST];
    const tensor_entry *entry = tensor_file_find(file, e->name);
    assert_non_null(entry);
    assert_string_equal(tensor_types[entry->type].name, e->type);
    assert_int_equal(entry->rank, e->rank);
    for (int i = 0; i < e->rank; i++)
        assert_int_equal(entry->shape[i], e->shape[i]);
    size_t count = tensor_elements(entry);
    if (tensor_is_floating(entry)) {
        CHECK_OK(tensor_file_read_f32(file, entry, values, &err));
        for (int i = 0; i < (int)count; i++)
            assert_true(values[i] == (float)(7 * i % 31 - 15) / 4);
        CHECK_FAILS(STATUS_FAILED, e->type, tensor_file_read_i64(file, entry, counts, &err));
        return;
    }
    CHECK_FAILS(STATUS_FAILED, e->type, tensor_file_read_f32(file, entry, values, &err));
    if (entry->type != SAFETENSORS_I64)
        return;
    CHECK_OK(tensor_file_read_i64(file, entry, counts, &err));
    for (int i = 0; i < (int)count; i++)
        assert_true(counts[i] == i * (INT64_C(1) << 33) - 5);
}

static void golden_files_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"torch-zip.pth", "torch-legacy.pth", "torch-deflated.pth",
                                        "torch-protocol-4.pth"};
    error err;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tensor_file *file;
        bool torch;
        char *path = golden_path(names[i]);
        CHECK_OK(tensor_file_open(path, &file, &err));
        assert_int_equal(tensor_file_count(file), ALL);
        assert_null(tensor_file_find(file, "epoch"));
        CHECK_OK(tensor_file_is_torch(path, &torch, &err));
        assert_true(torch);
        for (int e = 0; e < ALL; e++)
            check_entry(file, &all[e]);
        for (int e = ALL; e-- > 0;) /* backwards through the archive */
            check_entry(file, &all[e]);
        tensor_file_close(file);
        free(path);
    }
}

/* ---- What was written ---- */

static void what_was_written_is_read(void **state)
{
    const fixture *f = *state;
    static const int64_t shape[] = {2, 1, 3}, none[] = {0, 2};
    static const float values[] = {1.5f, -2, 3e-40f, 4, 5, 1e38f};
    static const int64_t count = -7;
    float read[6];
    int64_t number;
    error err;
    tensor_writer *w;
    tensor_file *file;
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(tensor_writer_describe(w, "a.weight", SAFETENSORS_F32, 3, shape, &err));
    CHECK_OK(tensor_writer_describe(w, "a.count", SAFETENSORS_I64, 0, NULL, &err));
    CHECK_OK(tensor_writer_describe(w, "empty", SAFETENSORS_F32, 2, none, &err));
    CHECK_FAILS(STATUS_FAILED, "half",
                tensor_writer_describe(w, "half", SAFETENSORS_F16, 3, shape, &err));
    CHECK_OK(tensor_writer_append(w, values, sizeof values, &err));
    CHECK_FAILS(STATUS_FAILED, "another size", tensor_writer_append(w, values, 4, &err));
    CHECK_OK(tensor_writer_append(w, &count, sizeof count, &err));
    CHECK_OK(tensor_writer_append(w, values, 0, &err));
    CHECK_OK(tensor_writer_commit(w, &err));
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    assert_int_equal(tensor_file_count(file), 3);
    assert_string_equal(tensor_file_at(file, 1)->name, "a.count");
    CHECK_OK(tensor_file_read_f32(file, tensor_file_find(file, "a.weight"), read, &err));
    assert_memory_equal(read, values, sizeof values);
    CHECK_OK(tensor_file_read_i64(file, tensor_file_find(file, "a.count"), &number, &err));
    assert_true(number == count);
    tensor_file_close(file);
}

static void an_unfinished_file_does_not_appear(void **state)
{
    const fixture *f = *state;
    static const int64_t shape[] = {2};
    error err;
    tensor_writer *w;
    char *path = text_format("%s/unfinished.pth", f->directory);
    CHECK_OK(tensor_writer_create(path, &w, &err));
    CHECK_OK(tensor_writer_describe(w, "a", SAFETENSORS_F32, 1, shape, &err));
    CHECK_FAILS(STATUS_FAILED, "1 tensors described, 0 written", tensor_writer_commit(w, &err));
    assert_false(file_exists(path));
    free(path);
}

/* ---- Damage ---- */

/* Valid or not, reading ends, accesses only its own memory and leaks nothing. */
static status open_and_read(const char *path, error *err)
{
    float values[MOST];
    tensor_file *file;
    status result = tensor_file_open(path, &file, err);
    if (result != STATUS_OK)
        return result;
    for (size_t i = 0; result == STATUS_OK && i < tensor_file_count(file); i++) {
        const tensor_entry *e = tensor_file_at(file, i);
        if (tensor_is_floating(e) && tensor_elements(e) <= MOST)
            result = tensor_file_read_f32(file, e, values, err);
    }
    tensor_file_close(file);
    return result;
}

static void damage_is_found(void **state)
{
    const fixture *f = *state;
    static const char *const names[] = {"torch-zip.pth", "torch-legacy.pth", "torch-deflated.pth"};
    error err;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        unsigned char *bytes;
        size_t size;
        char *path = golden_path(names[n]);
        CHECK_OK(file_read(path, 1 << 20, &bytes, &size, &err));
        for (size_t cut = 0; cut < size; cut += 1 + cut % 16) {
            write_bytes(f->path, bytes, cut);
            assert_int_equal(open_and_read(f->path, &err), STATUS_FAILED);
            assert_non_null(strstr(err.message, f->path));
        }
        for (size_t i = 0; i < size; i += 7) {
            bytes[i] ^= 1u << i % 8;
            write_bytes(f->path, bytes, size);
            (void)open_and_read(f->path, &err);
            bytes[i] ^= 1u << i % 8;
        }
        free(bytes);
        free(path);
    }
}

/* A changed byte of a weight in a zip archive is found by the archive's checksum. */
static void a_changed_weight_is_found(void **state)
{
    const fixture *f = *state;
    static const float wanted[] = {-15 / 4.0f, -8 / 4.0f, -1 / 4.0f,
                                   6 / 4.0f,   13 / 4.0f, -11 / 4.0f}; /* the tensor f32 */
    error err;
    unsigned char *bytes;
    size_t size, at = 0;
    char *path = golden_path("torch-zip.pth");
    CHECK_OK(file_read(path, 1 << 20, &bytes, &size, &err));
    while (at + sizeof wanted < size && memcmp(bytes + at, wanted, sizeof wanted) != 0)
        at++;
    assert_true(at + sizeof wanted < size);
    bytes[at] ^= 1;
    write_bytes(f->path, bytes, size);
    CHECK_FAILS(STATUS_FAILED, "does not match its checksum", open_and_read(f->path, &err));
    free(bytes);
    free(path);
}

/* ---- Malicious files ---- */

typedef struct text {
    char *bytes;
    size_t size;
    FILE *stream;
} text;

/* Begins a file of the older container, up to the start of its state dict. */
static void begin_file(text *t)
{
    t->stream = open_memstream(&t->bytes, &t->size);
    assert_non_null(t->stream);
    fwrite(magic, 1, sizeof magic - 1, t->stream);
    fwrite(preamble, 1, sizeof preamble - 1, t->stream);
}

static status finish_file(const fixture *f, text *t, error *err)
{
    fclose(t->stream);
    write_bytes(f->path, t->bytes, t->size);
    free(t->bytes);
    return open_and_read(f->path, err);
}

static void no_code_is_run(void **state)
{
    const fixture *f = *state;
    static const char *const bad[][2] = {
        {"cos\nsystem\nU\x09touch /x;\x85R.", "os.system"},
        {"cposix\nsystem\nU\x01x\x85R.", "posix.system"},
        {"c__builtin__\neval\nU\x01x\x85R.", "__builtin__.eval"},
        {"ctorch\nload\n.", "torch.load"},
        {"ccollections\nOrderedDict\nX", "ends in the middle"},
        {"U\x02osU\x06system\x93.", "os.system"},
        {"ios\nsystem\n(t.", "opcode"},
        {"}U\x05modelcos\nsystem\ns.", "os.system"},
        {"cbuiltins\ngetattr\n.", "byte"},
        {"c\x01\x1b[31m\nx\n.", "names ??[31m.x"},
    };
    error err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        text t;
        begin_file(&t);
        fprintf(t.stream, "\x80\x02%s", bad[i][0]);
        assert_int_equal(finish_file(f, &t, &err), STATUS_FAILED);
        if (!strstr(err.message, bad[i][1]) || !strstr(err.message, ": byte "))
            fail_msg("case %zu: %s", i, err.message);
    }
}

static void deep_nesting_is_safe(void **state)
{
    const fixture *f = *state;
    error err;
    text t;
    begin_file(&t);
    fputs("\x80\x02", t.stream);
    for (int i = 0; i < 300000; i++)
        putc(i % 2 ? '(' : ']', t.stream);
    for (int i = 0; i < 150000; i++)
        putc('t', t.stream);
    putc('.', t.stream);
    CHECK_FAILS(STATUS_FAILED, "no dictionary of tensors", finish_file(f, &t, &err));
    begin_file(&t);
    /* A dictionary that contains itself. */
    fputs("\x80\x02}q", t.stream);
    fwrite("\0U\x05modelh\0s.", 1, 12, t.stream);
    CHECK_FAILS(STATUS_FAILED, "no dictionary of tensors", finish_file(f, &t, &err));
}

/* Through the memo, five bytes of input each make a dictionary of a long list of pairs. */
static void copies_are_counted(void **state)
{
    const fixture *f = *state;
    enum { PAIRS = 1000, CALLS = 100 };
    error err;
    text t;
    begin_file(&t);
    fputs("\x80\x02NN\x86q\x01](", t.stream);
    for (int i = 0; i < PAIRS; i++)
        fputs("h\x01", t.stream);
    fputs("e\x85q\x02"
          "ccollections\nOrderedDict\nq\x03",
          t.stream);
    for (int i = 0; i < CALLS; i++)
        fputs("h\x03h\x02R", t.stream);
    putc('.', t.stream);
    CHECK_FAILS(STATUS_FAILED, "need more memory than its size allows", finish_file(f, &t, &err));
}

/* {"w": a tensor} with these numbers in its description. */
static void put_state(const text *t, uint64_t claimed, int64_t first, int64_t length,
                      int64_t stride)
{
    fputs("\x80\x02}U\x01wctorch._utils\n_rebuild_tensor_v2\n((U\x07storage"
          "ctorch\nFloatStorage\nU\x01kU\x03"
          "cpu",
          t->stream);
    const int64_t numbers[] = {(int64_t)claimed, first, length, stride};
    static const char *const behind[] = {"NtQ", "", "\x85", "\x85"};
    for (int i = 0; i < 4; i++) {
        fputs("\x8a\x08", t->stream);
        fwrite(&numbers[i], 1, 8, t->stream);
        fputs(behind[i], t->stream);
    }
    fputs("\x89}tRs.", t->stream);
}

/* Opens a file of the older container with put_state's tensor and `bytes` zeros as its storage. */
static status open_tensor(const fixture *f, uint64_t claimed, int64_t first, int64_t length,
                          int64_t stride, size_t bytes, error *err)
{
    text t;
    begin_file(&t);
    put_state(&t, claimed, first, length, stride);
    fputs("\x80\x02]U\x01ka.", t.stream);
    fwrite(&claimed, 1, 8, t.stream);
    for (size_t i = 0; i < bytes; i++)
        putc(0, t.stream);
    return finish_file(f, &t, err);
}

static void sizes_are_checked(void **state)
{
    const fixture *f = *state;
    const int64_t huge = INT64_MAX;
    error err;
    CHECK_OK(open_tensor(f, 6, 0, 6, 1, 24, &err));
    CHECK_OK(open_tensor(f, 6, 1, 3, 2, 24, &err));
    CHECK_OK(open_tensor(f, 6, 7, 0, 1, 24, &err)); /* a tensor without elements may be anywhere */
    static const struct {
        uint64_t claimed;
        int64_t first, length, stride;
        const char *message;
    } bad[] = {
        {7, 0, 7, 1, "not whole"},
        {1u << 30, 0, 1, 1, "not whole"},
        {6, 1, 6, 1, "larger than"},
        {6, 0, 7, 1, "larger than"},
        {6, 0, 7, 0, "larger than"},
        {6, 0, huge, 0, "larger than"},
        {6, 0, 2, huge, "larger than"},
        {6, huge, 2, 1, "larger than"},
        {6, 0, 3, 3, "larger than"},
        {6, 0, -1, 1, "whole numbers"},
        {6, 0, 2, -1, "whole numbers"},
        {6, -1, 2, 1, "not supported"},
        {UINT64_MAX, 0, 2, 1, "not supported"},
        {INT64_MAX, 0, 2, 1, "not whole"},
        {1ull << 62, 0, huge, 1, "larger than"},
        {6, 6, 1, 1, "larger than"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            open_tensor(f, bad[i].claimed, bad[i].first, bad[i].length, bad[i].stride, 24, &err),
            STATUS_FAILED);
        if (!strstr(err.message, bad[i].message))
            fail_msg("case %zu: %s", i, err.message);
    }
}

static void put_member(struct archive *to, const char *name, const void *bytes, size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(to, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(to, bytes, size), size);
    archive_entry_free(entry);
}

/* Opens a zip archive with a tensor of 6 elements and `bytes` zeros as its storage. */
static status open_zipped(const fixture *f, size_t bytes, error *err)
{
    text t;
    void *zeros = support_memory(bytes, 1);
    struct archive *to = archive_write_new();
    t.stream = open_memstream(&t.bytes, &t.size);
    assert_non_null(t.stream);
    put_state(&t, 6, 0, 6, 1);
    fclose(t.stream);
    assert_int_equal(archive_write_set_format_zip(to), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(to, f->path), ARCHIVE_OK);
    put_member(to, "a/data.pkl", t.bytes, t.size);
    put_member(to, "a/data/k", zeros, bytes);
    assert_int_equal(archive_write_close(to), ARCHIVE_OK);
    archive_write_free(to);
    free(zeros);
    free(t.bytes);
    return open_and_read(f->path, err);
}

/* A member that is larger than its storage would be unpacked for nothing. */
static void members_have_the_size_of_their_storages(void **state)
{
    const fixture *f = *state;
    error err;
    CHECK_OK(open_zipped(f, 24, &err));
    CHECK_OK(open_zipped(f, 27, &err)); /* PyTorch rounds an untyped storage's elements down */
    CHECK_FAILS(STATUS_FAILED, "of 6 elements is of another size", open_zipped(f, 23, &err));
    CHECK_FAILS(STATUS_FAILED, "of 6 elements is of another size", open_zipped(f, 28, &err));
}

/* A list of storages with one element each, with keys from 0 up, and one storage with key `other`
 * and two elements. */
static status open_storages(const fixture *f, int count, int other, error *err)
{
    text t;
    begin_file(&t);
    fputs("\x80\x02](", t.stream);
    for (int i = 0; i <= count; i++) {
        fputs("(U\x07storage"
              "ctorch\nFloatStorage\n",
              t.stream);
        fprintf(t.stream,
                "U\x05%05dU\x03"
                "cpuK%ctQ",
                i < count ? i : other, i < count ? 1 : 2);
    }
    fputs("e.", t.stream);
    return finish_file(f, &t, err);
}

/* Comparing each storage with all earlier ones takes no noticeable time. */
static void many_storages_are_told_apart(void **state)
{
    const fixture *f = *state;
    error err;
    CHECK_FAILS(STATUS_FAILED, "no dictionary of tensors", open_storages(f, 60000, 60000, &err));
    CHECK_FAILS(STATUS_FAILED, "storage '00007' is described in two ways",
                open_storages(f, 60000, 7, &err));
    CHECK_FAILS(STATUS_FAILED, "more than 65536 storages", open_storages(f, 65536, 65536, &err));
}

static void other_files_are_refused(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_file *file;
    char *path = text_format("%s/none.pth", f->directory);
    CHECK_FAILS(STATUS_FAILED, path, tensor_file_open(path, &file, &err));
    assert_null(file);
    write_bytes(f->path, "PK\3\4 no archive at all", 23);
    CHECK_FAILS(STATUS_FAILED, "zip archive", tensor_file_open(f->path, &file, &err));
    write_bytes(f->path, "", 0);
    CHECK_FAILS(STATUS_FAILED, "appears to be an empty file",
                tensor_file_open(f->path, &file, &err));
    write_bytes(f->path, "weights, one day\n", 17);
    CHECK_FAILS(STATUS_FAILED, "appears to be a text file; expected weights in a safetensors file",
                tensor_file_open(f->path, &file, &err));
    CHECK_FAILS(STATUS_FAILED, "is a directory; expected a file",
                tensor_file_open(f->directory, &file, &err));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_files_are_read),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(an_unfinished_file_does_not_appear),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(a_changed_weight_is_found),
        cmocka_unit_test(no_code_is_run),
        cmocka_unit_test(deep_nesting_is_safe),
        cmocka_unit_test(copies_are_counted),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(members_have_the_size_of_their_storages),
        cmocka_unit_test(many_storages_are_told_apart),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests_name("tensor_file", tests, set_up, support_files_tear_down);
}
