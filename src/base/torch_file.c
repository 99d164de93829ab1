/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the files of PyTorch's torch.save: a pickle that describes tensors, and their storages.
 * Both containers are read: the zip archive of PyTorch 1.6 and later, and the plain sequence of
 * earlier versions. Their definition is the code that writes them, torch/serialization.py of
 * https://github.com/pytorch/pytorch.
 *
 * A file may come from anyone: its pickle is read and never run, and nothing in it is trusted
 * before it has been checked against the file's size. */
#include "base/bytes.h"
#include "base/tensor_format.h"
#include "base/text.h"
#include "base/torch_contents.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PICKLE_BYTES = 64 << 20 };

typedef struct torch_file {
    tensor_file base;
    zip_file *zip; /* NULL: the container before zip archives */
    unsigned char *bytes;
    torch_contents contents;
} torch_file;

/* ---- The zip container: PREFIX/data.pkl, PREFIX/data/KEY, PREFIX/byteorder ---- */

static const char pickle_member[] = "/data.pkl";

static const zip_member *find_pickle(const zip_file *zip)
{
    size_t count;
    const zip_member *members = zip_members(zip, &count);
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(members[i].name, '/');
        if (slash && strcmp(slash, pickle_member) == 0)
            return &members[i];
    }
    return NULL;
}

static status check_byte_order(torch_file *f, const zip_member *m, error *err)
{
    char order[6] = {0};
    if (!m)
        return STATUS_OK; /* before PyTorch 2.1; always little endian in practice */
    if (m->size == sizeof order)
        TRY(zip_read(f->zip, m, 0, sizeof order, order, err));
    if (m->size != sizeof order || memcmp(order, "little", sizeof order) != 0)
        return error_set(err, STATUS_FAILED,
                         "%s: was saved big-endian; save it again on a little-endian machine",
                         f->base.path);
    return STATUS_OK;
}

/* Finds the member whose name is the PREFIX of the pickle, "/", directory and end; *found is NULL
 * if there is none. */
static status find_beside(const torch_file *f, const zip_member *pickled, const char *directory,
                          const char *end, const zip_member **found, error *err)
{
    int prefix = (int)(strlen(pickled->name) - strlen(pickle_member));
    char *name = text_format("%.*s/%s%s", prefix, pickled->name, directory, end);
    TRY(got_memory(name, err, f->base.path));
    *found = zip_find(f->zip, name);
    free(name);
    return STATUS_OK;
}

static status place_member(torch_file *f, const zip_member *pickled, torch_storage *s, error *err)
{
    TRY(find_beside(f, pickled, "data/", s->key, &s->member, err));
    if (!s->member || s->member->size / s->item != s->count)
        return error_set(err, STATUS_FAILED,
                         "%s: storage '%.100s' of %llu elements is %s; the file is damaged",
                         f->base.path, s->key, (unsigned long long)s->count,
                         s->member ? "of another size" : "missing");
    s->begin = s->member->place;
    s->placed = true;
    return STATUS_OK;
}

static status open_zip(torch_file *f, error *err)
{
    const zip_member *order, *pickled;
    TRY(zip_open(f->base.path, &f->zip, err));
    pickled = find_pickle(f->zip);
    if (!pickled || pickled->size > MAX_PICKLE_BYTES)
        return error_set(err, STATUS_FAILED,
                         "%s: is a zip archive whose data.pkl is missing or too large; it is not a "
                         "state dict of torch.save",
                         f->base.path);
    TRY(find_beside(f, pickled, "", "byteorder", &order, err));
    TRY(check_byte_order(f, order, err));
    f->bytes = malloc((size_t)pickled->size + 1);
    TRY(got_memory(f->bytes, err, f->base.path));
    TRY(zip_read(f->zip, pickled, 0, (size_t)pickled->size, f->bytes, err));
    TRY(torch_contents_read(f->base.path, f->bytes, (size_t)pickled->size, &f->contents, err));
    for (size_t i = 0; i < f->contents.storage_count; i++)
        TRY(place_member(f, pickled, &f->contents.storages[i], err));
    return STATUS_OK;
}

/* ---- The container before zip archives: pickles of a magic number, a version, the machine, the
 * tensors and the storages' keys; then, in the order of the keys, each storage: its number of
 * elements as 8 bytes, and the elements ---- */

static const unsigned char legacy_magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                             0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
enum { LEGACY_VERSION = 1001, COUNT_BYTES = 8 };

static status next_pickle(const torch_file *f, size_t size, size_t *at, pickle **parsed, error *err)
{
    TRY(pickle_parse(f->base.path, f->bytes + *at, size - *at, &torch_rules, parsed, err));
    *at += pickle_size(*parsed);
    return STATUS_OK;
}

static status read_preamble(const torch_file *f, size_t size, size_t *at, error *err)
{
    pickle *version, *machine;
    *at = sizeof legacy_magic;
    TRY(next_pickle(f, size, at, &version, err));
    int64_t number = pickle_root(version)->integer;
    pickle_free(version);
    if (number != LEGACY_VERSION)
        return error_set(err, STATUS_FAILED,
                         "%s: has version %lld of torch.save's format, expected %d", f->base.path,
                         (long long)number, LEGACY_VERSION);
    TRY(next_pickle(f, size, at, &machine, err));
    const pickle_value *little = pickle_get(pickle_root(machine), "little_endian");
    bool is_little = little && little->kind == PICKLE_INT;
    pickle_free(machine);
    if (!is_little)
        return error_set(err, STATUS_FAILED,
                         "%s: was saved big-endian; save it again on a little-endian machine",
                         f->base.path);
    return STATUS_OK;
}

/* Places the storage with that key. Its number of elements is at byte *at, which moves to the byte
 * after the storage. */
static status place_storage(torch_file *f, const pickle_value *key, uint64_t *at, error *err)
{
    unsigned char bytes[COUNT_BYTES];
    torch_storage *s = torch_contents_find(&f->contents, key);
    if (!s)
        return error_set(err, STATUS_FAILED,
                         "%s: contains a storage that no tensor uses, so the storages after it "
                         "cannot be found; the file is damaged",
                         f->base.path);
    if (fseeko(f->base.stream, (off_t)*at, SEEK_SET) != 0 ||
        fread(bytes, 1, COUNT_BYTES, f->base.stream) != COUNT_BYTES)
        return error_set(err, STATUS_FAILED, "%s: ends before storage '%.100s'; it is cut short",
                         f->base.path, s->key);
    uint64_t count = number_of_bytes(bytes, COUNT_BYTES);
    s->begin = *at + COUNT_BYTES;
    if (count != s->count || count > (f->base.size - s->begin) / s->item)
        return error_set(err, STATUS_FAILED,
                         "%s: storage '%.100s' of %llu elements is not whole; the file is damaged "
                         "or cut short",
                         f->base.path, s->key, (unsigned long long)s->count);
    s->placed = true;
    *at = s->begin + count * s->item;
    return STATUS_OK;
}

static status place_storages(torch_file *f, const pickle_value *keys, uint64_t at, error *err)
{
    if (keys->kind != PICKLE_LIST)
        return error_set(err, STATUS_FAILED,
                         "%s: byte %llu: expected a list of storages; the file is damaged",
                         f->base.path, (unsigned long long)at);
    for (size_t i = 0; i < keys->count; i++)
        TRY(place_storage(f, keys->items[i], &at, err));
    for (size_t i = 0; i < f->contents.storage_count; i++)
        if (!f->contents.storages[i].placed)
            return error_set(err, STATUS_FAILED,
                             "%s: storage '%.100s' is missing; the file is damaged", f->base.path,
                             f->contents.storages[i].key);
    return STATUS_OK;
}

static status open_legacy(torch_file *f, error *err)
{
    size_t size = f->base.size < MAX_PICKLE_BYTES ? (size_t)f->base.size : MAX_PICKLE_BYTES, at;
    pickle *keys;
    f->bytes = malloc(size + 1);
    TRY(got_memory(f->bytes, err, f->base.path));
    if (fread(f->bytes, 1, size, f->base.stream) != size)
        return error_set(err, STATUS_FAILED, "%s: cannot be read", f->base.path);
    TRY(read_preamble(f, size, &at, err));
    TRY(torch_contents_read(f->base.path, f->bytes + at, size - at, &f->contents, err));
    at += pickle_size(f->contents.parsed);
    TRY(next_pickle(f, size, &at, &keys, err));
    status result = place_storages(f, pickle_root(keys), at, err);
    pickle_free(keys);
    return result;
}

/* ---- Both ---- */

bool torch_file_begins(const unsigned char bytes[TORCH_MAGIC_BYTES])
{
    return memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, legacy_magic, sizeof legacy_magic) == 0;
}

/* Orders tensors by their position in the file. */
static int by_place(const void *a, const void *b)
{
    const torch_tensor *one = a, *two = b;
    if (one->storage->begin != two->storage->begin)
        return one->storage->begin < two->storage->begin ? -1 : 1;
    if (one->first != two->first)
        return one->first < two->first ? -1 : 1;
    return (one->entry.index > two->entry.index) - (one->entry.index < two->entry.index);
}

static void sort_tensors(torch_contents *c)
{
    qsort(c->tensors, c->count, sizeof *c->tensors, by_place);
    for (size_t i = 0; i < c->count; i++)
        c->tensors[i].entry.index = i;
}

static status open_file(tensor_file *file, error *err)
{
    torch_file *f = (torch_file *)file;
    bool zip = getc(file->stream) == 'P';
    rewind(file->stream);
    status result = zip ? open_zip(f, err) : open_legacy(f, err);
    free(f->bytes); /* the parsed pickle has copies */
    if (result == STATUS_OK) {
        sort_tensors(&f->contents);
        file->first = &f->contents.tensors[0].entry;
        file->stride = sizeof f->contents.tensors[0];
        file->count = f->contents.count;
    }
    return result;
}

static void close_file(tensor_file *file)
{
    torch_file *f = (torch_file *)file;
    zip_close(f->zip);
    torch_contents_free(&f->contents);
}

/* The number of elements in the storage from the tensor's first to its last one. */
static uint64_t span(const torch_tensor *t)
{
    uint64_t last = 0;
    for (int i = 0; i < t->entry.rank; i++)
        last += (uint64_t)(t->entry.shape[i] - 1) * (uint64_t)t->strides[i];
    return last + 1;
}

static void convert(const unsigned char *from, safetensors_type type, void *to, size_t index)
{
    if (type == SAFETENSORS_I64)
        memcpy((int64_t *)to + index, from, sizeof(int64_t));
    else
        ((float *)to)[index] = tensor_element_f32(from, type);
}

/* Copies the elements to `to` in row-major order, whatever the strides are. */
static void gather(const torch_tensor *t, const unsigned char *from, size_t item, void *to)
{
    size_t count = tensor_elements(&t->entry);
    int64_t position[SAFETENSORS_MAX_RANK] = {0};
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        convert(from + at * item, t->entry.type, to, i);
        for (int d = t->entry.rank; d-- > 0;) {
            at += (uint64_t)t->strides[d];
            if (++position[d] < t->entry.shape[d])
                break;
            at -= (uint64_t)t->strides[d] * (uint64_t)t->entry.shape[d];
            position[d] = 0;
        }
    }
}

static status read_values(tensor_file *file, const tensor_entry *e, void *values, error *err)
{
    const torch_file *f = (const torch_file *)file;
    const torch_tensor *t = &f->contents.tensors[e->index];
    const torch_storage *s = t->storage;
    if (tensor_elements(e) == 0)
        return STATUS_OK;
    const unsigned char *unpacked = NULL;
    uint64_t begin = t->first * s->item;
    if (f->zip)
        TRY(zip_unpack(f->zip, s->member, &unpacked, err));
    if (unpacked) { /* not copied: a tensor may have few elements in a long storage */
        gather(t, unpacked + begin, s->item, values);
        return STATUS_OK;
    }
    size_t size = (size_t)span(t) * s->item;
    unsigned char *raw = malloc(size);
    TRY(got_memory(raw, err, e->name));
    status result = f->zip ? zip_read(f->zip, s->member, begin, size, raw, err)
                           : tensor_file_get(file, e, s->begin + begin, raw, size, err);
    if (result == STATUS_OK)
        gather(t, raw, s->item, values);
    free(raw);
    return result;
}

const tensor_format torch_format = {
    .bytes = sizeof(torch_file), .open = open_file, .close = close_file, .read = read_values};
