/* SPDX-License-Identifier: Apache-2.0 */
/* Writes state dicts as torch.save does since PyTorch 1.6; torch.load reads them with weights_only
 * too. A file is a zip archive: data.pkl describes the tensors, and a member data/INDEX contains
 * the bytes of each. */
#include "base/bytes.h"
#include "base/tensor_format.h"
#include "base/zip_writer.h"

#include <string.h>

/* The pickle is the archive's first member. It is written while the tensors are described. */
typedef struct torch_writer {
    tensor_writer base;
    zip_writer zip;
} torch_writer;

/* ---- The pickle, protocol 2 ---- */

/* Where a piece of the pickle goes, and whether that has succeeded so far. */
typedef struct pickle_output {
    zip_writer *zip;
    status result;
    error *err;
} pickle_output;

static void put_bytes(pickle_output *to, const void *bytes, size_t size)
{
    if (to->result == STATUS_OK)
        to->result = zip_writer_put(to->zip, bytes, size, to->err);
}

static void put_plain(pickle_output *to, const char *text)
{
    put_bytes(to, text, strlen(text));
}

static void put_number(pickle_output *to, uint64_t number, size_t size)
{
    unsigned char bytes[8];
    bytes_of_number(number, size, bytes);
    put_bytes(to, bytes, size);
}

static void put_text(pickle_output *to, const char *text)
{
    put_plain(to, "X"); /* BINUNICODE */
    put_number(to, strlen(text), 4);
    put_plain(to, text);
}

static void put_count(pickle_output *to, uint64_t count)
{
    if (count <= INT32_MAX) {
        put_plain(to, "J"); /* BININT */
        put_number(to, count, 4);
    } else {
        put_plain(to, "\x8a\x09"); /* LONG1 of 9 bytes, so that it is positive */
        put_number(to, count, 8);
        put_number(to, 0, 1);
    }
}

static void put_counts(pickle_output *to, int rank, const uint64_t *counts)
{
    put_plain(to, "(");
    for (int i = 0; i < rank; i++)
        put_count(to, counts[i]);
    put_plain(to, "t");
}

static const char make_dictionary[] = "ccollections\nOrderedDict\n)R";

/* NAME: _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()) */
static void put_tensor(pickle_output *to, size_t index, const char *name, safetensors_type type,
                       int rank, const int64_t *shape)
{
    uint64_t lengths[SAFETENSORS_MAX_RANK], strides[SAFETENSORS_MAX_RANK], elements = 1;
    char key[32];
    snprintf(key, sizeof key, "%zu", index);
    for (int i = rank; i-- > 0;) {
        lengths[i] = (uint64_t)shape[i];
        strides[i] = elements;
        elements *= lengths[i];
    }
    put_text(to, name);
    put_plain(to, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(to, "storage");
    put_plain(to, type == SAFETENSORS_I64 ? "ctorch\nLongStorage\n" : "ctorch\nFloatStorage\n");
    put_text(to, key);
    put_text(to, "cpu");
    put_count(to, elements);
    put_plain(to, "tQ"); /* the tuple names a value outside the pickle */
    put_count(to, 0);
    put_counts(to, rank, lengths);
    put_counts(to, rank, strides);
    put_plain(to, "\x89");
    put_plain(to, make_dictionary);
    put_plain(to, "tR");
}

/* ---- The archive ---- */

static status start(tensor_writer *writer, error *err)
{
    zip_writer *zip = &((torch_writer *)writer)->zip;
    TRY(zip_writer_put(zip, "u.", strlen("u."), err));
    TRY(zip_writer_complete(zip, err));
    TRY(zip_writer_add(zip, "archive/byteorder", "little", strlen("little"), err));
    return zip_writer_add(zip, "archive/version", "3\n", strlen("3\n"), err);
}

static status open_writer(tensor_writer *writer, error *err)
{
    zip_writer *zip = &((torch_writer *)writer)->zip;
    pickle_output to = {zip, STATUS_OK, err};
    zip_writer_open(zip, &writer->out);
    TRY(zip_writer_begin(zip, "archive/data.pkl", err));
    put_plain(&to, "\x80\x02");
    put_plain(&to, make_dictionary);
    put_plain(&to, "(");
    return to.result;
}

static status describe(tensor_writer *writer, const char *name, safetensors_type type, int rank,
                       const int64_t *shape, error *err)
{
    pickle_output to = {&((torch_writer *)writer)->zip, STATUS_OK, err};
    if (type != SAFETENSORS_F32 && type != SAFETENSORS_I64)
        return error_set(err, STATUS_FAILED, "%s: tensor '%.200s' is %s; expected F32 or I64",
                         writer->out.path, name, tensor_types[type].name);
    put_tensor(&to, writer->described, name, type, rank, shape);
    return to.result;
}

static status append(tensor_writer *writer, const void *bytes, size_t size, error *err)
{
    char name[ZIP_NAME];
    snprintf(name, sizeof name, "archive/data/%zu", writer->appended);
    return zip_writer_add(&((torch_writer *)writer)->zip, name, bytes, size, err);
}

static status finish(tensor_writer *writer, error *err)
{
    return zip_writer_end(&((torch_writer *)writer)->zip, err);
}

static void close_writer(tensor_writer *writer)
{
    zip_writer_close(&((torch_writer *)writer)->zip);
}

const tensor_output torch_output = {
    .bytes = sizeof(torch_writer),
    .open = open_writer,
    .describe = describe,
    .start = start,
    .append = append,
    .finish = finish,
    .close = close_writer,
};
