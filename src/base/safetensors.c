/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors file format (https://github.com/huggingface/safetensors, "Format"): the length of
 * a JSON header as a little-endian uint64, the header {"name": {"dtype", "shape", "data_offsets"},
 * "__metadata__": {string: string}}, then the bytes of the tensors, little endian, row major. Files
 * written here have a checksum in their metadata. A file may come from anyone: nothing in its
 * header is trusted before it has been checked against the file's size. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/json_values.h"
#include "base/tensor_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Parsed, a header uses up to 50 times its bytes of memory. A tensor has about 150 bytes of header.
 */
enum { LENGTH_BYTES = 8, MAX_HEADER_BYTES = 16 << 20 };
static const char metadata_key[] = "__metadata__";
#define DAMAGED "; the file is damaged or not a safetensors file; restore it or choose another"

/* ---- The checksum: the file's metadata contains that of the whole file; see json_values.h ---- */

enum { BLOCK_BYTES = 1 << 18 };

static status mismatch(const char *path, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: its checksum does not match: it was changed or damaged after it was "
                     "written; use a copy of it, or start a new run with --weights from the run's "
                     "other checkpoint, best.safetensors or last.safetensors",
                     path);
}

/* Puts '0' in place of the digits in a block. The block begins at byte `start` of the file, the
 * digits at byte `at`. */
static void blank(char *block, uint64_t start, size_t size, uint64_t at)
{
    for (uint64_t i = at; i < at + JSON_CHECKSUM_DIGITS; i++)
        if (i >= start && i < start + size)
            block[i - start] = '0';
}

static status add_stream(FILE *stream, const char *path, uint64_t at, char *block, uint32_t *sum,
                         error *err)
{
    size_t got;
    uint64_t start = 0;
    rewind(stream);
    while ((got = fread(block, 1, BLOCK_BYTES, stream)) > 0) {
        blank(block, start, got, at);
        *sum = crc32c_more(*sum, block, got);
        start += got;
    }
    return ferror(stream) ? file_error(err, path, "cannot be read") : STATUS_OK;
}

/* Reads the whole stream and compares it with the digits at byte `at`. */
static status verify_checksum(FILE *stream, const char *path, uint64_t at, error *err)
{
    char kept[JSON_CHECKSUM_DIGITS], digits[JSON_CHECKSUM_DIGITS + 1];
    uint32_t sum = 0;
    if (fseeko(stream, (off_t)at, SEEK_SET) != 0 ||
        fread(kept, 1, sizeof kept, stream) != sizeof kept)
        return error_set(err, STATUS_FAILED, "%s: its checksum cannot be read", path);
    char *block = malloc(BLOCK_BYTES);
    status result =
        block ? add_stream(stream, path, at, block, &sum, err) : error_memory(err, path);
    free(block);
    TRY(result);
    snprintf(digits, sizeof digits, "%08x", (unsigned)sum);
    return memcmp(digits, kept, sizeof kept) == 0 ? STATUS_OK : mismatch(path, err);
}

/* ---- Reading ---- */

typedef struct safetensors_file {
    tensor_file base;
    uint64_t data_start, data_bytes;
    uint64_t checksum_at; /* the byte where its digits begin; 0: none */
    json_t *header;
    tensor_entry *entries; /* in the order of their bytes */
} safetensors_file;

/* SAFETENSORS_TYPES if no type has that name. */
static safetensors_type find_type(const char *name)
{
    safetensors_type type = 0;
    while (type < SAFETENSORS_TYPES && strcmp(tensor_types[type].name, name) != 0)
        type++;
    return type;
}

static status bad_entry(const safetensors_file *f, const char *name, const char *what, error *err)
{
    return error_set(err, STATUS_FAILED, "%s: tensor '%.200s': %s" DAMAGED, f->base.path, name,
                     what);
}

static status parse_shape(const safetensors_file *f, tensor_entry *e, const json_t *shape,
                          error *err)
{
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_MAX_RANK)
        return bad_entry(f, e->name, "its shape is not a list of at most 8 numbers", err);
    e->rank = (int)json_array_size(shape);
    for (int i = 0; i < e->rank; i++) {
        const json_t *n = json_array_get(shape, (size_t)i);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return bad_entry(f, e->name, "its shape is not a list of whole numbers from 0 up", err);
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
    TRY(got_memory(e->name, err, f->base.path));
    e->type = type_name ? find_type(type_name) : SAFETENSORS_TYPES;
    if (e->type == SAFETENSORS_TYPES)
        return bad_entry(f, name, "its dtype is missing or unknown", err);
    TRY(parse_shape(f, e, json_object_get(value, "shape"), err));
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin) ||
        (uint64_t)json_integer_value(end) > f->data_bytes)
        return bad_entry(f, name, "its data_offsets are missing or outside the file", err);
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    uint64_t size;
    if (!tensor_bytes_within(e->type, e->rank, e->shape, f->data_bytes, &size) ||
        size != e->end - e->begin)
        return bad_entry(f, name, "its dtype, shape and data_offsets do not agree", err);
    return STATUS_OK;
}

static int by_begin(const void *a, const void *b)
{
    const tensor_entry *one = a, *two = b;
    if (one->begin != two->begin)
        return one->begin < two->begin ? -1 : 1;
    return one->end < two->end ? -1 : one->end > two->end;
}

/* The format allows no byte that belongs to no tensor, or to two. */
static status check_places(const safetensors_file *f, error *err)
{
    uint64_t end = 0;
    for (size_t i = 0; i < f->base.count; end = f->entries[i++].end) {
        const tensor_entry *e = &f->entries[i];
        if (e->begin != end)
            return bad_entry(f, e->name,
                             e->begin < end ? "its bytes overlap another tensor's"
                                            : "the bytes before it belong to no tensor",
                             err);
    }
    if (end < f->data_bytes)
        return error_set(err, STATUS_FAILED, "%s: its last %llu bytes belong to no tensor" DAMAGED,
                         f->base.path, (unsigned long long)(f->data_bytes - end));
    return STATUS_OK;
}

static status parse_entries(safetensors_file *f, error *err)
{
    size_t members =
        json_object_size(f->header) - (json_object_get(f->header, metadata_key) != NULL);
    if (members > SAFETENSORS_MOST)
        return error_set(err, STATUS_FAILED, "%s: has %zu tensors, more than the %d allowed",
                         f->base.path, members, SAFETENSORS_MOST);
    f->entries = calloc(members ? members : 1, sizeof *f->entries);
    TRY(got_memory(f->entries, err, f->base.path));
    f->base.first = f->entries;
    f->base.stride = sizeof *f->entries;
    const char *name;
    json_t *value;
    json_object_foreach(f->header, name, value)
    {
        if (strcmp(name, metadata_key) != 0)
            TRY(parse_entry(f, &f->entries[f->base.count++], name, value, err));
    }
    qsort(f->entries, f->base.count, sizeof *f->entries, by_begin);
    for (size_t i = 0; i < f->base.count; i++)
        f->entries[i].index = i;
    return check_places(f, err);
}

static status read_header(safetensors_file *f, uint64_t size, error *err)
{
    unsigned char length_bytes[LENGTH_BYTES];
    if (size < LENGTH_BYTES || fread(length_bytes, 1, LENGTH_BYTES, f->base.stream) != LENGTH_BYTES)
        return error_set(err, STATUS_FAILED, "%s: %llu bytes are too few" DAMAGED, f->base.path,
                         (unsigned long long)size);
    uint64_t length = number_of_bytes(length_bytes, LENGTH_BYTES);
    if (length > size - LENGTH_BYTES || length > MAX_HEADER_BYTES)
        return error_set(err, STATUS_FAILED,
                         "%s: is cut short, or neither a safetensors file nor one that PyTorch "
                         "saved: the length of its header claims %llu bytes of a file of %llu; "
                         "restore it or choose another",
                         f->base.path, (unsigned long long)length, (unsigned long long)size);
    f->data_start = LENGTH_BYTES + length;
    f->data_bytes = size - f->data_start;
    char *text = malloc(length + 1);
    TRY(got_memory(text, err, f->base.path));
    status result;
    json_error_t fault;
    if (fread(text, 1, length, f->base.stream) != length)
        TRY_OR_DONE(error_set(err, STATUS_FAILED, "%s: its header cannot be read", f->base.path));
    TRY_OR_DONE(json_from_text(text, length, JSON_REJECT_DUPLICATES, f->base.path, &f->header,
                               &fault, err));
    if (!json_is_object(f->header))
        result = error_set(err, STATUS_FAILED,
                           "%s: its header is not a JSON object (byte %d: %s)" DAMAGED,
                           f->base.path, f->header ? 0 : fault.position + LENGTH_BYTES,
                           f->header ? "another JSON value" : fault.text);
    size_t found = json_find_checksum(text, length);
    f->checksum_at = found > 0 ? LENGTH_BYTES + found : 0;
done:
    free(text);
    return result;
}

static status open_file(tensor_file *file, error *err)
{
    safetensors_file *f = (safetensors_file *)file;
    TRY(read_header(f, file->size, err));
    return parse_entries(f, err);
}

static void close_file(tensor_file *file)
{
    safetensors_file *f = (safetensors_file *)file;
    for (size_t i = 0; i < file->count; i++)
        free((char *)f->entries[i].name);
    free(f->entries);
    json_decref(f->header);
}

static json_t *metadata_value(const tensor_file *file, const char *key)
{
    const safetensors_file *f = (const safetensors_file *)file;
    return json_object_get(json_object_get(f->header, metadata_key), key);
}

static const char *metadata(const tensor_file *file, const char *key)
{
    return json_string_value(metadata_value(file, key));
}

static status verify(tensor_file *file, error *err)
{
    const safetensors_file *f = (const safetensors_file *)file;
    /* Any value of the key counts, even one that is not a string: a file whose digits are damaged
     * must not pass for a file without a checksum. */
    if (!metadata_value(file, JSON_CHECKSUM_KEY))
        return STATUS_OK;
    return f->checksum_at > 0 ? verify_checksum(file->stream, file->path, f->checksum_at, err)
                              : mismatch(file->path, err);
}

static status read_values(tensor_file *file, const tensor_entry *e, void *values, error *err)
{
    size_t size = (size_t)(e->end - e->begin), item = tensor_types[e->type].bytes;
    uint64_t at = ((const safetensors_file *)file)->data_start + e->begin;
    if (e->type == SAFETENSORS_F32 || e->type == SAFETENSORS_I64)
        return tensor_file_get(file, e, at, values, size, err);
    unsigned char *raw = malloc(size ? size : 1);
    TRY(got_memory(raw, err, e->name));
    status result = tensor_file_get(file, e, at, raw, size, err);
    for (size_t i = 0; result == STATUS_OK && i < size / item; i++)
        ((float *)values)[i] = tensor_element_f32(raw + i * item, e->type);
    free(raw);
    return result;
}

const tensor_format safetensors_format = {
    .bytes = sizeof(safetensors_file),
    .open = open_file,
    .close = close_file,
    .read = read_values,
    .metadata = metadata,
    .verify = verify,
};

/* ---- Writing ---- */

typedef struct safetensors_writer {
    tensor_writer base;
    json_t *header, *metadata;
    uint32_t sum;         /* checksum of the file so far */
    uint64_t checksum_at; /* the byte where its digits go */
} safetensors_writer;

static status open_writer(tensor_writer *writer, error *err)
{
    safetensors_writer *w = (safetensors_writer *)writer;
    json_watch();
    w->header = json_object();
    w->metadata = json_object();
    return got_memory(w->header && w->metadata, err, writer->out.path);
}

static status put_bytes(safetensors_writer *w, const void *bytes, size_t size, error *err)
{
    w->sum = crc32c_more(w->sum, bytes, size);
    return file_writer_put(&w->base.out, bytes, size, err);
}

static status describe(tensor_writer *writer, const char *name, safetensors_type type, int rank,
                       const int64_t *shape, error *err)
{
    safetensors_writer *w = (safetensors_writer *)writer;
    if (strcmp(name, metadata_key) == 0 || json_object_get(w->header, name))
        return error_set(err, STATUS_FAILED,
                         "%s: tensor '%.200s' cannot be written: its name is already taken",
                         writer->out.path, name);
    json_t *dimensions = json_array();
    for (int i = 0; i < rank; i++)
        dimensions = array_with(dimensions, json_integer(shape[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", tensor_types[type].name, "shape",
                              dimensions, "data_offsets", (json_int_t)writer->bytes,
                              (json_int_t)(writer->bytes + writer->sizes[writer->described]));
    if (json_object_set_new(w->header, name, entry) == 0)
        return STATUS_OK;
    return json_lost_memory()
               ? error_memory(err, w->base.out.path)
               : error_set(err, STATUS_FAILED,
                           "%s: tensor '%.200s' cannot be written: its name is not UTF-8",
                           w->base.out.path, name);
}

static status set_metadata(tensor_writer *writer, const char *key, const char *value, error *err)
{
    const safetensors_writer *w = (const safetensors_writer *)writer;
    if (json_object_set_new(w->metadata, key, json_string(value)) == 0)
        return STATUS_OK;
    return json_lost_memory() ? error_memory(err, w->base.out.path)
                              : error_set(err, STATUS_FAILED, "%s: metadata '%s' is not UTF-8",
                                          w->base.out.path, key);
}

/* Writes the header, padded with spaces so that the data starts at a multiple of 8. */
static status write_header(tensor_writer *writer, error *err)
{
    safetensors_writer *w = (safetensors_writer *)writer;
    TRY(set_metadata(writer, JSON_CHECKSUM_KEY, JSON_CHECKSUM_ZEROS, err));
    TRY(got_memory(json_object_set(w->header, metadata_key, w->metadata) == 0, err,
                   w->base.out.path));
    char *text;
    TRY(json_to_text(json_incref(w->header), JSON_COMPACT, w->base.out.path, &text, err));
    size_t length = strlen(text), padding = (LENGTH_BYTES - length % LENGTH_BYTES) % LENGTH_BYTES;
    unsigned char length_bytes[LENGTH_BYTES];
    bytes_of_number(length + padding, LENGTH_BYTES, length_bytes);
    w->checksum_at = LENGTH_BYTES + json_find_checksum(text, length);
    status result;
    TRY_OR_DONE(put_bytes(w, length_bytes, sizeof length_bytes, err));
    TRY_OR_DONE(put_bytes(w, text, length, err));
    TRY_OR_DONE(put_bytes(w, "        ", padding, err));
done:
    free(text);
    return result;
}

static status append(tensor_writer *writer, const void *bytes, size_t size, error *err)
{
    return put_bytes((safetensors_writer *)writer, bytes, size, err);
}

/* Replaces the zeros that stand for the checksum with its digits. */
static status finish(tensor_writer *writer, error *err)
{
    safetensors_writer *w = (safetensors_writer *)writer;
    char digits[JSON_CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%08x", (unsigned)w->sum);
    return file_writer_replace(&writer->out, w->checksum_at, digits, JSON_CHECKSUM_DIGITS, err);
}

static void close_writer(tensor_writer *writer)
{
    safetensors_writer *w = (safetensors_writer *)writer;
    json_decref(w->header);
    json_decref(w->metadata);
}

const tensor_output safetensors_output = {
    .bytes = sizeof(safetensors_writer),
    .open = open_writer,
    .describe = describe,
    .set_metadata = set_metadata,
    .start = write_header,
    .append = append,
    .finish = finish,
    .close = close_writer,
};
