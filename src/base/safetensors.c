/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing safetensors; see safetensors.h. The header is JSON and comes from whoever
 * made the file: nothing in it is believed before it has been checked against the file's size. */
#include "base/safetensors.h"
#include "base/checksum.h"
#include "base/crc32c.h"
#include "base/file.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* As JSON a header takes up to 50 times its bytes of memory; a tensor has some 150 of them. */
enum { LENGTH_BYTES = 8, MAX_HEADER_BYTES = 16 << 20 };
static const char metadata_key[] = "__metadata__";

struct safetensors_file {
    char *path;
    FILE *stream;
    uint64_t data_start, data_bytes;
    uint64_t checksum_at; /* its digits; 0: nowhere */
    json_t *header;
    tensor_entry *entries; /* in the order of their bytes */
    size_t count;
    const tensor_entry **names; /* [count] the entries, by their names */
};

static uint64_t read_u64(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* SAFETENSORS_TYPES when there is none of that name. */
static safetensors_type find_type(const char *name)
{
    safetensors_type type = 0;
    while (type < SAFETENSORS_TYPES && strcmp(tensor_types[type].name, name) != 0)
        type++;
    return type;
}

/* Elements times `bytes` without overflow, as far as `limit`. No elements fit any limit, whatever
 * the other dimensions are. */
static bool sized(int rank, const int64_t *shape, unsigned bytes, uint64_t limit, uint64_t *size)
{
    uint64_t total = bytes;
    *size = 0;
    for (int i = 0; i < rank; i++)
        if (shape[i] == 0)
            return true;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || total > limit / (uint64_t)shape[i])
            return false;
        total *= (uint64_t)shape[i];
    }
    *size = total;
    return true;
}

static status bad_entry(const safetensors_file *f, const char *name, const char *what, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: tensor '%.200s': %s; the file is damaged or no "
                     "safetensors file",
                     f->path, name, what);
}

static status parse_shape(const safetensors_file *f, tensor_entry *e, const json_t *shape,
                          error *err)
{
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_MAX_RANK)
        return bad_entry(f, e->name, "no shape of at most 8 numbers", err);
    e->rank = (int)json_array_size(shape);
    for (int i = 0; i < e->rank; i++) {
        const json_t *n = json_array_get(shape, (size_t)i);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return bad_entry(f, e->name, "a shape that is not made of whole numbers", err);
        e->shape[i] = json_integer_value(n);
    }
    return STATUS_OK;
}

static status parse_entry(const safetensors_file *f, tensor_entry *e, const char *name,
                          const json_t *value, error *err)
{
    const char *type_name = json_string_value(json_object_get(value, "dtype"));
    const json_t *offsets = json_object_get(value, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    e->name = strdup(name);
    TRY(got_memory(e->name, err, f->path));
    e->type = type_name ? find_type(type_name) : SAFETENSORS_TYPES;
    if (e->type == SAFETENSORS_TYPES)
        return bad_entry(f, name, "no dtype that is known here", err);
    TRY(parse_shape(f, e, json_object_get(value, "shape"), err));
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin) ||
        (uint64_t)json_integer_value(end) > f->data_bytes)
        return bad_entry(f, name, "data_offsets outside the file", err);
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    uint64_t size;
    if (!sized(e->rank, e->shape, tensor_types[e->type].bytes, f->data_bytes, &size) ||
        size != e->end - e->begin)
        return bad_entry(f, name, "dtype, shape and data_offsets do not agree", err);
    return STATUS_OK;
}

static int by_begin(const void *a, const void *b)
{
    const tensor_entry *one = a, *two = b;
    if (one->begin != two->begin)
        return one->begin < two->begin ? -1 : 1;
    return one->end < two->end ? -1 : one->end > two->end;
}

static status index_names(safetensors_file *f, error *err)
{
    f->names = calloc(f->count + 1, sizeof *f->names);
    TRY(got_memory(f->names, err, f->path));
    for (size_t i = 0; i < f->count; i++) {
        f->entries[i].index = i;
        f->names[i] = &f->entries[i];
    }
    tensors_sort(f->names, f->count);
    return STATUS_OK;
}

static status parse_entries(safetensors_file *f, error *err)
{
    size_t members =
        json_object_size(f->header) - (json_object_get(f->header, metadata_key) != NULL);
    if (members > SAFETENSORS_MOST)
        return error_set(err, STATUS_FAILED, "%s: holds %zu tensors, more than the %d read here",
                         f->path, members, SAFETENSORS_MOST);
    f->entries = calloc(members ? members : 1, sizeof *f->entries);
    TRY(got_memory(f->entries, err, f->path));
    const char *name;
    json_t *value;
    json_object_foreach(f->header, name, value)
    {
        if (strcmp(name, metadata_key) != 0)
            TRY(parse_entry(f, &f->entries[f->count++], name, value, err));
    }
    qsort(f->entries, f->count, sizeof *f->entries, by_begin);
    for (size_t i = 1; i < f->count; i++)
        if (f->entries[i].begin < f->entries[i - 1].end)
            return bad_entry(f, f->entries[i].name, "its bytes overlap another tensor's", err);
    return index_names(f, err);
}

static status read_header(safetensors_file *f, uint64_t size, error *err)
{
    unsigned char length_bytes[LENGTH_BYTES];
    if (size < LENGTH_BYTES || fread(length_bytes, 1, LENGTH_BYTES, f->stream) != LENGTH_BYTES)
        return error_set(err, STATUS_FAILED, "%s: %llu bytes are too few for a safetensors file",
                         f->path, (unsigned long long)size);
    uint64_t length = read_u64(length_bytes);
    if (length > size - LENGTH_BYTES || length > MAX_HEADER_BYTES)
        return error_set(
            err, STATUS_FAILED,
            "%s: its header claims %llu bytes of a file of %llu; it is cut short or no "
            "safetensors file",
            f->path, (unsigned long long)length, (unsigned long long)size);
    f->data_start = LENGTH_BYTES + length;
    f->data_bytes = size - f->data_start;
    char *text = malloc(length + 1);
    TRY(got_memory(text, err, f->path));
    status result = STATUS_OK;
    json_error_t fault;
    if (fread(text, 1, length, f->stream) != length)
        result = error_set(err, STATUS_FAILED, "%s: its header cannot be read", f->path);
    else if (!(f->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault)) ||
             !json_is_object(f->header))
        result =
            error_set(err, STATUS_FAILED,
                      "%s: its header is no JSON object (byte %d: %s); the file is damaged or no "
                      "safetensors file",
                      f->path, f->header ? 0 : fault.position + LENGTH_BYTES,
                      f->header ? "another value" : fault.text);
    size_t found = checksum_find(text, length);
    f->checksum_at = found > 0 ? LENGTH_BYTES + found : 0;
    free(text);
    return result;
}

static status read_file(safetensors_file *f, error *err)
{
    size_t size = 0;
    TRY(file_open(f->path, &f->stream, &size, err));
    TRY(read_header(f, size, err));
    return parse_entries(f, err);
}

status safetensors_open(const char *path, safetensors_file **opened, error *err)
{
    *opened = NULL;
    safetensors_file *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return error_memory(err, path);
    }
    status result = read_file(f, err);
    if (result == STATUS_OK)
        *opened = f;
    else
        safetensors_close(f);
    return result;
}

void safetensors_close(safetensors_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        free((char *)f->entries[i].name);
    free(f->entries);
    free(f->names);
    json_decref(f->header);
    if (f->stream)
        fclose(f->stream);
    free(f->path);
    free(f);
}

size_t safetensors_count(const safetensors_file *f)
{
    return f->count;
}

const tensor_entry *safetensors_at(const safetensors_file *f, size_t index)
{
    return &f->entries[index];
}

const tensor_entry *safetensors_find(const safetensors_file *f, const char *name)
{
    return tensors_find(f->names, f->count, name);
}

const char *safetensors_metadata(const safetensors_file *f, const char *key)
{
    return json_string_value(json_object_get(json_object_get(f->header, metadata_key), key));
}

status safetensors_verify(safetensors_file *f, error *err)
{
    /* Any value of the key, be it no string: digits that were damaged are not digits left out. */
    if (!json_object_get(json_object_get(f->header, metadata_key), CHECKSUM_KEY))
        return STATUS_OK;
    return f->checksum_at > 0 ? checksum_verify(f->stream, f->path, f->checksum_at, err)
                              : checksum_mismatch(f->path, err);
}

static status read_bytes(safetensors_file *f, const tensor_entry *e, void *bytes, error *err)
{
    size_t size = (size_t)(e->end - e->begin);
    if (fseeko(f->stream, (off_t)(f->data_start + e->begin), SEEK_SET) != 0 ||
        fread(bytes, 1, size, f->stream) != size)
        return error_set(err, STATUS_FAILED,
                         "%s: tensor '%.200s' cannot be read: the file became "
                         "shorter or the disk failed",
                         f->path, e->name);
    return STATUS_OK;
}

static status wrong_type(const safetensors_file *f, const tensor_entry *e, const char *fault,
                         error *err)
{
    return error_set(err, STATUS_FAILED, "%s: tensor '%.200s' is %s%s", f->path, e->name,
                     tensor_types[e->type].name, fault);
}

status safetensors_read_f32(safetensors_file *f, const tensor_entry *e, float *values, error *err)
{
    size_t count = tensor_elements(e), item = tensor_types[e->type].bytes;
    if (e->type == SAFETENSORS_F32)
        return read_bytes(f, e, values, err);
    if (!tensor_is_floating(e))
        return wrong_type(f, e, "; F32, F16, BF16 and F64 can be read as weights", err);
    unsigned char *raw = malloc(count ? count * item : 1);
    TRY(got_memory(raw, err, e->name));
    status result = read_bytes(f, e, raw, err);
    for (size_t i = 0; result == STATUS_OK && i < count; i++)
        values[i] = tensor_element_f32(raw + i * item, e->type);
    free(raw);
    return result;
}

status safetensors_read_i64(safetensors_file *f, const tensor_entry *e, int64_t *values, error *err)
{
    return e->type == SAFETENSORS_I64 ? read_bytes(f, e, values, err)
                                      : wrong_type(f, e, ", not I64", err);
}

struct safetensors_writer {
    file_writer out;
    json_t *header, *metadata;
    uint64_t described, appended; /* bytes */
    bool started;                 /* the header is written */
    uint32_t sum;                 /* of the file so far, and */
    uint64_t checksum_at;         /* where its digits go */
};

status safetensors_create(const char *path, safetensors_writer **created, error *err)
{
    *created = NULL;
    safetensors_writer *w = calloc(1, sizeof *w);
    TRY(got_memory(w, err, path));
    w->header = json_object();
    w->metadata = json_object();
    status result = file_writer_open(&w->out, path, err);
    if (result == STATUS_OK && (!w->header || !w->metadata))
        result = error_memory(err, path);
    if (result == STATUS_OK)
        *created = w;
    else
        safetensors_abort(w);
    return result;
}

static status put_bytes(safetensors_writer *w, const void *bytes, size_t size, error *err)
{
    w->sum = crc32c_more(w->sum, bytes, size);
    return file_writer_put(&w->out, bytes, size, err);
}

status safetensors_describe(safetensors_writer *w, const char *name, safetensors_type type,
                            int rank, const int64_t *shape, error *err)
{
    uint64_t bytes;
    if (w->started || strcmp(name, metadata_key) == 0 || json_object_get(w->header, name))
        return error_set(err, STATUS_FAILED, "%s: tensor '%.200s' cannot be described: %s",
                         w->out.path, name,
                         w->started ? "bytes were written already" : "the name is taken");
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK ||
        !sized(rank, shape, tensor_types[type].bytes, INT64_MAX - w->described, &bytes))
        return error_set(err, STATUS_FAILED,
                         "%s: tensor '%.200s' has a shape that no file can hold", w->out.path,
                         name);
    json_t *dimensions = json_array();
    for (int i = 0; i < rank; i++)
        json_array_append_new(dimensions, json_integer(shape[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", tensor_types[type].name, "shape",
                              dimensions, "data_offsets", (json_int_t)w->described,
                              (json_int_t)w->described + (json_int_t)bytes);
    if (!entry || json_object_set_new(w->header, name, entry) != 0)
        return error_set(err, STATUS_FAILED,
                         "%s: tensor '%.200s' cannot be described: the name is no UTF-8 text, or "
                         "memory is out",
                         w->out.path, name);
    w->described += bytes;
    return STATUS_OK;
}

status safetensors_set_metadata(safetensors_writer *w, const char *key, const char *value,
                                error *err)
{
    if (json_object_set_new(w->metadata, key, json_string(value)) != 0)
        return error_set(err, STATUS_FAILED, "%s: metadata '%s' is no UTF-8 text", w->out.path,
                         key);
    return STATUS_OK;
}

/* The header, padded with spaces so that the data starts at a multiple of 8. */
static status write_header(safetensors_writer *w, error *err)
{
    TRY(safetensors_set_metadata(w, CHECKSUM_KEY, CHECKSUM_ZEROS, err));
    if (json_object_set(w->header, metadata_key, w->metadata) != 0)
        return error_memory(err, w->out.path);
    char *text = json_dumps(w->header, JSON_COMPACT);
    TRY(got_memory(text, err, w->out.path));
    size_t length = strlen(text), padding = (LENGTH_BYTES - length % LENGTH_BYTES) % LENGTH_BYTES;
    unsigned char length_bytes[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        length_bytes[i] = (unsigned char)((uint64_t)(length + padding) >> (8 * i));
    w->checksum_at = LENGTH_BYTES + checksum_find(text, length);
    status result;
    TRY_OR_DONE(put_bytes(w, length_bytes, sizeof length_bytes, err));
    TRY_OR_DONE(put_bytes(w, text, length, err));
    TRY_OR_DONE(put_bytes(w, "        ", padding, err));
    w->started = true;
done:
    free(text);
    return result;
}

status safetensors_append(safetensors_writer *w, const void *bytes, size_t size, error *err)
{
    if (!w->started)
        TRY(write_header(w, err));
    w->appended += size;
    return put_bytes(w, bytes, size, err);
}

/* Its digits take the place of the zeros that stand for them. */
static status finish(safetensors_writer *w, error *err)
{
    char digits[CHECKSUM_DIGITS + 1];
    if (!w->started)
        TRY(write_header(w, err));
    if (w->appended != w->described)
        return error_set(err, STATUS_FAILED, "%s: %llu bytes of tensors described, %llu written",
                         w->out.path, (unsigned long long)w->described,
                         (unsigned long long)w->appended);
    checksum_write(w->sum, digits);
    TRY(file_writer_replace(&w->out, w->checksum_at, digits, CHECKSUM_DIGITS, err));
    return file_writer_commit(&w->out, err);
}

status safetensors_commit(safetensors_writer *w, error *err)
{
    status result = finish(w, err);
    safetensors_abort(w);
    return result;
}

void safetensors_abort(safetensors_writer *w)
{
    if (!w)
        return;
    file_writer_abort(&w->out);
    json_decref(w->header);
    json_decref(w->metadata);
    free(w);
}
