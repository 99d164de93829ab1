/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.c: written files are read back, half precision, and files with false headers. */
#include "base/crc32c.h"
#include "base/file.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"

#include <math.h>
#include <stdbool.h>

typedef support_files fixture;

static int set_up(void **state)
{
    return support_files_set_up(state, "file.safetensors");
}

/* Writes a file with this header, preceded by its true length, and `size` bytes of data. */
static void write_raw(const fixture *f, const char *header, const void *data, size_t size)
{
    size_t length = strlen(header), total = 8 + length + size;
    unsigned char *bytes = calloc(total, 1);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    if (size > 0)
        memcpy(bytes + 8 + length, data, size);
    error err;
    CHECK_OK(file_write(f->path, bytes, total, &err));
    free(bytes);
}

static const float weights[6] = {0.0f, -0.0f, 1.5f, -3.25e-40f, 3.4e38f, INFINITY};
static const int64_t steps = -(INT64_C(1) << 40);

static void write_sample(const fixture *f)
{
    error err;
    tensor_writer *w;
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(tensor_writer_describe(w, "a.weight", SAFETENSORS_F32, 2, (int64_t[]){2, 3}, &err));
    CHECK_OK(tensor_writer_describe(w, "a.steps", SAFETENSORS_I64, 0, NULL, &err));
    CHECK_OK(tensor_writer_describe(w, "empty", SAFETENSORS_F32, 2, (int64_t[]){3, 0}, &err));
    CHECK_OK(tensor_writer_set_metadata(w, "classes", "\"apple\", \xc3\xa4", &err));
    CHECK_OK(tensor_writer_append(w, weights, sizeof weights, &err));
    CHECK_OK(tensor_writer_append(w, &steps, sizeof steps, &err));
    CHECK_OK(tensor_writer_append(w, NULL, 0, &err));
    CHECK_OK(tensor_writer_commit(w, &err));
}

static void round_trip(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_file *file;
    float values[6];
    int64_t number;
    write_sample(f);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    assert_int_equal(tensor_file_count(file), 3);
    const tensor_entry *weight = tensor_file_find(file, "a.weight");
    assert_non_null(weight);
    assert_ptr_equal(weight, tensor_file_at(file, 0));
    assert_int_equal(weight->type, SAFETENSORS_F32);
    assert_int_equal(weight->rank, 2);
    assert_int_equal(weight->shape[0], 2);
    assert_int_equal(weight->shape[1], 3);
    assert_int_equal(tensor_elements(weight), 6);
    CHECK_OK(tensor_file_read_f32(file, weight, values, &err));
    assert_memory_equal(values, weights, sizeof weights);
    const tensor_entry *counter = tensor_file_find(file, "a.steps");
    assert_int_equal(counter->rank, 0);
    assert_int_equal(tensor_elements(counter), 1);
    CHECK_OK(tensor_file_read_i64(file, counter, &number, &err));
    assert_true(number == steps);
    assert_int_equal(tensor_elements(tensor_file_find(file, "empty")), 0);
    CHECK_OK(tensor_file_read_f32(file, tensor_file_find(file, "empty"), values, &err));
    assert_null(tensor_file_find(file, "a"));
    assert_string_equal(tensor_file_metadata(file, "classes"), "\"apple\", \xc3\xa4");
    assert_null(tensor_file_metadata(file, "other"));
    CHECK_FAILS(STATUS_FAILED, "a.steps", tensor_file_read_f32(file, counter, values, &err));
    CHECK_FAILS(STATUS_FAILED, "not I64", tensor_file_read_i64(file, weight, &number, &err));
    tensor_file_close(file);
}

/* The bits of halves and the floats that they mean by IEEE 754. */
static void halves(void **state)
{
    static const uint16_t bits[] = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff,
                                    0x0001, 0x8001, 0x7c00, 0xfc00, 0x3555, 0x7e01, 0xfe00};
    static const float want[] = {0.0f,      -0.0f,    1.0f,         -2.0f,
                                 65504.0f,  0x1p-14f, 0x1.ff8p-15f, 0x1p-24f,
                                 -0x1p-24f, INFINITY, -INFINITY,    0x1.554p-2f};
    enum { COUNT = sizeof bits / sizeof bits[0], NUMBERS = sizeof want / sizeof want[0] };
    const fixture *f = *state;
    error err;
    tensor_file *file;
    float values[COUNT];
    write_raw(f, "{\"h\":{\"dtype\":\"F16\",\"shape\":[14],\"data_offsets\":[0,28]}}", bits,
              sizeof bits);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    CHECK_OK(tensor_file_read_f32(file, tensor_file_at(file, 0), values, &err));
    assert_memory_equal(values, want, sizeof want);
    assert_true(isnan(values[NUMBERS]) && isnan(values[NUMBERS + 1]));
    assert_false(signbit(values[NUMBERS]));
    assert_true(signbit(values[NUMBERS + 1]));
    tensor_file_close(file);
}

static void brain_floats(void **state)
{
    static const uint16_t bits[] = {0x0000, 0x8000, 0x3f80, 0xc040, 0x0001, 0x7f7f, 0x7f80, 0xff80};
    static const float want[] = {0.0f,      -0.0f,        1.0f,     -3.0f,
                                 0x1p-133f, 0x1.fep+127f, INFINITY, -INFINITY};
    const fixture *f = *state;
    error err;
    tensor_file *file;
    float values[9];
    uint16_t data[9];
    memcpy(data, bits, sizeof bits);
    data[8] = 0x7fc1;
    write_raw(f, "{\"b\":{\"dtype\":\"BF16\",\"shape\":[3,3],\"data_offsets\":[0,18]}}", data,
              sizeof data);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    CHECK_OK(tensor_file_read_f32(file, tensor_file_at(file, 0), values, &err));
    assert_memory_equal(values, want, sizeof want);
    assert_true(isnan(values[8]));
    tensor_file_close(file);
}

/* Types that no weight has are listed nevertheless. */
static void other_types(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_file *file;
    float value;
    write_raw(f,
              "{\"d\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[0,8]},"
              "\"e\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[8,10]}}",
              "0123456789", 10);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    assert_int_equal(tensor_file_find(file, "e")->type, SAFETENSORS_F8_E4M3);
    CHECK_FAILS(STATUS_FAILED, "U64",
                tensor_file_read_f32(file, tensor_file_find(file, "d"), &value, &err));
    tensor_file_close(file);
}

static void doubles_are_rounded(void **state)
{
    const fixture *f = *state;
    static const double values[] = {0.1, -1e-310, 1.0 + 1e-9};
    error err;
    tensor_file *file;
    float got[3];
    write_raw(f, "{\"d\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}",
              (const char *)values, sizeof values);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    CHECK_OK(tensor_file_read_f32(file, tensor_file_find(file, "d"), got, &err));
    assert_true(got[0] == 0.1f && got[1] == 0 && got[2] == 1);
    tensor_file_close(file);
}

static void every_truncation_is_found(void **state)
{
    const fixture *f = *state;
    error err;
    unsigned char *bytes;
    size_t size;
    tensor_file *file;
    write_sample(f);
    CHECK_OK(file_read(f->path, 1 << 20, &bytes, &size, &err));
    for (size_t length = 0; length < size; length++) {
        CHECK_OK(file_write(f->path, bytes, length, &err));
        CHECK_FAILS(STATUS_FAILED, f->path, tensor_file_open(f->path, &file, &err));
        assert_null(file);
    }
    free(bytes);
}

/* A header with any byte changed gives an error, or a file whose entries are inside it. */
static void changed_bytes_are_survived(void **state)
{
    const fixture *f = *state;
    error err;
    unsigned char *bytes;
    size_t size;
    write_sample(f);
    CHECK_OK(file_read(f->path, 1 << 20, &bytes, &size, &err));
    for (size_t at = 0; at < size - sizeof weights - sizeof steps; at++)
        for (int change = 1; change < 256; change *= 2) {
            tensor_file *file;
            bytes[at] ^= (unsigned char)change;
            CHECK_OK(file_write(f->path, bytes, size, &err));
            bytes[at] ^= (unsigned char)change;
            if (tensor_file_open(f->path, &file, &err) != STATUS_OK)
                continue;
            for (size_t i = 0; i < tensor_file_count(file); i++) {
                float values[64];
                const tensor_entry *e = tensor_file_at(file, i);
                assert_true(tensor_elements(e) <= 32);
                if (tensor_is_floating(e))
                    CHECK_OK(tensor_file_read_f32(file, e, values, &err));
            }
            tensor_file_close(file);
        }
    free(bytes);
}

/* Whether all values of the file are those that were written. */
static bool reads_as_written(const fixture *f)
{
    error err;
    tensor_file *file;
    float values[6];
    int64_t number;
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    bool same = tensor_file_count(file) == 3 &&
                strcmp(tensor_file_metadata(file, "classes"), "\"apple\", \xc3\xa4") == 0;
    CHECK_OK(tensor_file_read_f32(file, tensor_file_find(file, "a.weight"), values, &err));
    CHECK_OK(tensor_file_read_i64(file, tensor_file_find(file, "a.steps"), &number, &err));
    tensor_file_close(file);
    return same && memcmp(values, weights, sizeof weights) == 0 && number == steps;
}

static status verify(const fixture *f, error *err)
{
    tensor_file *file;
    TRY(tensor_file_open(f->path, &file, err));
    status result = tensor_file_verify(file, err);
    tensor_file_close(file);
    return result;
}

/* The text before the eight digits. */
#define KEY "\"crc32c\":\""

/* A change of any bit is an error. Only a change of the key's name removes the checksum, and then
 * the rest of the file is intact. */
static void every_change_is_found(void **state)
{
    const fixture *f = *state;
    error err;
    unsigned char *bytes;
    size_t size;
    write_sample(f);
    CHECK_OK(verify(f, &err));
    CHECK_OK(file_read(f->path, 1 << 20, &bytes, &size, &err));
    unsigned char *key = memmem(bytes, size, KEY, strlen(KEY));
    assert_non_null(key);
    size_t name = (size_t)(key - bytes) + 1;
    for (size_t at = 0; at < size; at++)
        for (int change = 1; change < 256; change *= 2) {
            bytes[at] ^= (unsigned char)change;
            CHECK_OK(file_write(f->path, bytes, size, &err));
            bytes[at] ^= (unsigned char)change;
            if (verify(f, &err) != STATUS_OK)
                assert_non_null(strstr(err.message, f->path));
            else if (at < name || at >= name + strlen("crc32c") || !reads_as_written(f))
                fail_msg("bit %02x of byte %zu can change unnoticed", (unsigned)change, at);
        }
    bytes[size - 1] ^= 1;
    CHECK_OK(file_write(f->path, bytes, size, &err));
    CHECK_FAILS(STATUS_FAILED, "its checksum does not match: it was changed or damaged",
                verify(f, &err));
    free(bytes);
}

/* The checksum covers the file with zeros in place of its digits, as safetensors.c says. */
static void checksum_is_of_the_file(void **state)
{
    const fixture *f = *state;
    error err;
    unsigned char *bytes;
    size_t size;
    char digits[9] = "";
    write_sample(f);
    CHECK_OK(file_read(f->path, 1 << 20, &bytes, &size, &err));
    unsigned char *key = memmem(bytes, size, KEY, strlen(KEY));
    assert_non_null(key);
    memcpy(digits, key + strlen(KEY), 8);
    memset(key + strlen(KEY), '0', 8);
    assert_int_equal(strtoul(digits, NULL, 16), crc32c(bytes, size));
    free(bytes);
}

/* Files by other programs have no such key, or write it differently. */
static void files_by_other_programs(void **state)
{
    static const struct {
        const char *metadata;
        bool good;
    } cases[] = {
        {"{\"format\":\"pt\"}", true},
        {"{\"crc32c\":\"12345678\"}", false},
        {"{\"crc32c\" : \"12345678\"}", false},
        {"{\"crc32c\":\"1234567\"}", false},
        {"{\"crc32c\":\"\"}", false},
        {"{\"crc32c\":\"1234567g\"}", false},
        {"{\"crc32c\":\"123456789\"}", false},
        {"{\"crc32c\":12345678}", false},
        {"{\"crc32c\":null}", false},
        {"{\"crc32c\":[\"12345678\"]}", false},
        {"{\"other\":\"\\\"crc32c\\\":\\\"12345678\\\"\"}", true},
    };
    const fixture *f = *state;
    error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *header = text_format("{\"__metadata__\":%s,\"crc32c\":{\"dtype\":\"F32\","
                                   "\"shape\":[1],\"data_offsets\":[0,4]}}",
                                   cases[i].metadata);
        write_raw(f, header, "0123", 4);
        if (cases[i].good)
            CHECK_OK(verify(f, &err));
        else
            CHECK_FAILS(STATUS_FAILED, "its checksum does not match", verify(f, &err));
        free(header);
    }
}

static void headers_that_lie(void **state)
{
    static const struct {
        const char *header, *message;
    } cases[] = {
        {"", "JSON"},
        {"[]", "JSON object"},
        {"{", "JSON"},
        {"{}x", "JSON"},
        {"{\"a\":7}", "dtype"},
        {"{\"a\":{}}", "dtype"},
        {"{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
         "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1,-2],\"data_offsets\":[0,8]}}", "whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", "whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}",
         "JSON"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4611686018427387906],"
         "\"data_offsets\":[0,8]}}",
         "do not agree"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,1073741824,2],\"data_offsets\":[0,0]}}",
         "do not agree"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,8]}}", "do not agree"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "do not agree"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", "do not agree"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,\"8\"]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[10,18]}}", "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         "overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         "overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
         "'a': the bytes before it belong to no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
         "'b': the bytes before it belong to no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
         "'a': its bytes overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}",
         "its last 4 bytes belong to no tensor"},
        {"{}", "its last 16 bytes belong to no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
         "duplicate"},
        {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "JSON"},
    };
    const fixture *f = *state;
    error err;
    tensor_file *file;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_raw(f, cases[i].header, "0123456789abcdef", 16);
        CHECK_FAILS(STATUS_FAILED, cases[i].message, tensor_file_open(f->path, &file, &err));
        assert_non_null(strstr(err.message, f->path));
    }
}

static void header_lengths_that_lie(void **state)
{
    static const uint64_t lengths[] = {3,          1 << 20,        UINT64_C(1) << 32,
                                       UINT64_MAX, UINT64_MAX - 7, INT64_MAX};
    const fixture *f = *state;
    error err;
    tensor_file *file;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        unsigned char bytes[10] = {0};
        for (int b = 0; b < 8; b++)
            bytes[b] = (unsigned char)(lengths[i] >> (8 * b));
        memcpy(bytes + 8, "{}", 2);
        CHECK_OK(file_write(f->path, bytes, sizeof bytes, &err));
        CHECK_FAILS(STATUS_FAILED, "claims", tensor_file_open(f->path, &file, &err));
    }
    CHECK_FAILS(STATUS_FAILED, "is a directory; expected a file",
                tensor_file_open(f->directory, &file, &err));
    CHECK_FAILS(STATUS_FAILED, "opened", tensor_file_open("/nonexistent/x", &file, &err));
}

/* A tensor with a dimension of 0 has no bytes, however large its other dimensions are. */
static void empty_tensors(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_file *file;
    write_raw(f,
              "{\"a\":{\"dtype\":\"F32\",\"shape\":[1073741824,0],\"data_offsets\":[0,0]},"
              "\"b\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[0,0]}}",
              NULL, 0);
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    assert_int_equal(tensor_elements(tensor_file_find(file, "a")), 0);
    assert_int_equal(tensor_elements(tensor_file_find(file, "b")), 0);
    tensor_file_close(file);
}

static void writer_checks_its_descriptions(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_writer *w;
    for (size_t size = 4; size <= 12; size += 8) {
        CHECK_OK(tensor_writer_create(f->path, &w, &err));
        CHECK_OK(tensor_writer_describe(w, "a", SAFETENSORS_F32, 1, (int64_t[]){2}, &err));
        CHECK_FAILS(STATUS_FAILED, "another size", tensor_writer_append(w, weights, size, &err));
        CHECK_FAILS(STATUS_FAILED, "1 tensors described, 0 written", tensor_writer_commit(w, &err));
        assert_false(file_exists(f->path));
    }
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(tensor_writer_describe(w, "a", SAFETENSORS_F32, 1, (int64_t[]){2}, &err));
    CHECK_FAILS(STATUS_FAILED, "taken",
                tensor_writer_describe(w, "a", SAFETENSORS_F32, 1, (int64_t[]){2}, &err));
    CHECK_FAILS(STATUS_FAILED, "taken",
                tensor_writer_describe(w, "__metadata__", SAFETENSORS_F32, 0, NULL, &err));
    CHECK_FAILS(STATUS_FAILED, "shape",
                tensor_writer_describe(w, "b", SAFETENSORS_F32, 1, (int64_t[]){-2}, &err));
    CHECK_FAILS(STATUS_FAILED, "shape",
                tensor_writer_describe(w, "b", SAFETENSORS_F32, 2,
                                       (int64_t[]){INT64_MAX, INT64_MAX}, &err));
    CHECK_FAILS(STATUS_FAILED, "UTF-8",
                tensor_writer_describe(w, "\xff", SAFETENSORS_F32, 0, NULL, &err));
    CHECK_FAILS(STATUS_FAILED, "UTF-8", tensor_writer_set_metadata(w, "key", "\xff", &err));
    CHECK_OK(tensor_writer_append(w, weights, 8, &err));
    CHECK_FAILS(STATUS_FAILED, "already",
                tensor_writer_describe(w, "b", SAFETENSORS_F32, 0, NULL, &err));
    tensor_writer_abort(w);
    assert_false(file_exists(f->path));
    tensor_writer_abort(NULL);
}

/* Names are found wherever they are in the file, and their number is limited. */
static void many_tensors(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_file *file;
    const int counts[] = {SAFETENSORS_MOST, SAFETENSORS_MOST + 1};
    for (int i = 0; i < 2; i++) {
        tensor_writer *w;
        char name[16];
        CHECK_OK(tensor_writer_create(f->path, &w, &err));
        for (int k = 0; k < counts[i]; k++) {
            snprintf(name, sizeof name, "%d", k);
            CHECK_OK(tensor_writer_describe(w, name, SAFETENSORS_F32, 1, (int64_t[]){0}, &err));
        }
        CHECK_OK(tensor_writer_commit(w, &err));
        if (i == 1)
            CHECK_FAILS(STATUS_FAILED, "more than the 65536",
                        tensor_file_open(f->path, &file, &err));
        else
            CHECK_OK(tensor_file_open(f->path, &file, &err));
        for (int k = 0; i == 0 && k < counts[i]; k++) {
            snprintf(name, sizeof name, "%d", k);
            const tensor_entry *e = tensor_file_find(file, name);
            assert_non_null(e);
            assert_string_equal(e->name, name);
        }
        tensor_file_close(i == 0 ? file : NULL);
    }
}

static void an_empty_file_is_valid(void **state)
{
    const fixture *f = *state;
    error err;
    tensor_writer *w;
    tensor_file *file;
    CHECK_OK(tensor_writer_create(f->path, &w, &err));
    CHECK_OK(tensor_writer_commit(w, &err));
    CHECK_OK(tensor_file_open(f->path, &file, &err));
    assert_int_equal(tensor_file_count(file), 0);
    tensor_file_close(file);
    tensor_file_close(NULL);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, support_files_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILES(round_trip),
        WITH_FILES(halves),
        WITH_FILES(brain_floats),
        WITH_FILES(other_types),
        WITH_FILES(doubles_are_rounded),
        WITH_FILES(every_truncation_is_found),
        WITH_FILES(changed_bytes_are_survived),
        WITH_FILES(every_change_is_found),
        WITH_FILES(checksum_is_of_the_file),
        WITH_FILES(files_by_other_programs),
        WITH_FILES(headers_that_lie),
        WITH_FILES(header_lengths_that_lie),
        WITH_FILES(empty_tensors),
        WITH_FILES(writer_checks_its_descriptions),
        WITH_FILES(many_tensors),
        WITH_FILES(an_empty_file_is_valid),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
