/* Tensors of PyTorch's files; see torch_file.h. The file comes from anybody: its pickle is only
 * read, and nothing in it is believed before it has been checked against the file's size. */
#include "base/torch_file.h"
#include "base/half.h"
#include "base/pickle.h"
#include "base/zip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PICKLE_BYTES = 64 << 20, PERSISTENT_ITEMS = 5, MAX_STORAGES = 1 << 16 };

/* Tags of what a file's pickle may name; storages have their index in `types` on top. */
enum { TENSOR = 1, PARAMETER, STORAGE };

/* What "torch FloatStorage" and its like hold. */
static const struct {
    const char *name;
    safetensors_type type;
    unsigned bytes;
} types[] = {
    {"F32", SAFETENSORS_F32, 4},    {"F16", SAFETENSORS_F16, 2},  {"BF16", SAFETENSORS_BF16, 2},
    {"F64", SAFETENSORS_F64, 8},    {"I64", SAFETENSORS_I64, 8},  {"I32", SAFETENSORS_OTHER, 4},
    {"I16", SAFETENSORS_OTHER, 2},  {"I8", SAFETENSORS_OTHER, 1}, {"U8", SAFETENSORS_OTHER, 1},
    {"BOOL", SAFETENSORS_OTHER, 1},
};

typedef struct storage {
    const char *key; /* in the pickle */
    int type;        /* in `types` */
    uint64_t count;  /* elements */
    bool placed;
    uint64_t begin;           /* legacy: byte of the file */
    const zip_member *member; /* zip */
} storage;

typedef struct torch_tensor {
    tensor_entry entry; /* its name is the pickle's */
    const storage *storage;
    uint64_t first; /* element of the storage */
    int64_t strides[SAFETENSORS_MAX_RANK];
} torch_tensor;

struct torch_file {
    char *path;
    uint64_t size;
    FILE *stream;  /* legacy */
    zip_file *zip; /* or this */
    unsigned char *bytes;
    pickle *parsed; /* of the tensors; names and keys point into it */
    storage *storages;
    size_t storage_count;
    torch_tensor *tensors;
    size_t count;
};

/* ---- The pickle's objects ---- */

/* collections.OrderedDict(), empty in Python 3; Python 2 passes a list of pairs. */
static status make_ordered(pickle *p, const pickle_value *arguments, pickle_value **made,
                           error *err)
{
    TRY(pickle_make(p, PICKLE_DICT, made, err));
    const pickle_value *pairs = arguments->count ? arguments->items[0] : NULL;
    if (pairs && pairs->kind != PICKLE_LIST)
        return pickle_fail(p, "a dictionary in a form that is not read here", err);
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        const pickle_value *pair = pairs->items[i];
        if (pair->kind != PICKLE_LIST || pair->count != 2)
            return pickle_fail(p, "a dictionary in a form that is not read here", err);
        TRY(pickle_append(p, *made, pair->items[0], err));
        TRY(pickle_append(p, *made, pair->items[1], err));
    }
    return STATUS_OK;
}

/* A state dict's _metadata, versions of its modules, is the only state there is. */
static status build(pickle *p, pickle_value *object, const pickle_value *state, error *err)
{
    if (object->kind != PICKLE_DICT || state->kind != PICKLE_DICT)
        return pickle_fail(p, "an object with a state", err);
    return STATUS_OK;
}

static const pickle_name names[] = {
    {"collections OrderedDict", 0, make_ordered},
    {"torch._utils _rebuild_tensor_v2", TENSOR, NULL},
    {"torch._utils _rebuild_tensor", TENSOR, NULL},
    {"torch._utils _rebuild_parameter", PARAMETER, NULL},
    {"torch FloatStorage", STORAGE + 0, NULL},
    {"torch HalfStorage", STORAGE + 1, NULL},
    {"torch BFloat16Storage", STORAGE + 2, NULL},
    {"torch DoubleStorage", STORAGE + 3, NULL},
    {"torch LongStorage", STORAGE + 4, NULL},
    {"torch IntStorage", STORAGE + 5, NULL},
    {"torch ShortStorage", STORAGE + 6, NULL},
    {"torch CharStorage", STORAGE + 7, NULL},
    {"torch ByteStorage", STORAGE + 8, NULL},
    {"torch BoolStorage", STORAGE + 9, NULL},
};

static const pickle_rules torch_rules = {
    .format = "state dict of torch.save",
    .names = names,
    .name_count = sizeof names / sizeof names[0],
    .build = build,
    .persistent = true,
};

static status refuse(const torch_file *f, const char *name, const char *what, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: tensor '%.200s': %s; the file is damaged or no state dict of torch.save",
                     f->path, name, what);
}

static bool is_text(const pickle_value *v, const char *text)
{
    return v->kind == PICKLE_BYTES && strcmp((const char *)v->bytes, text) == 0;
}

static bool is_count(const pickle_value *v)
{
    return v->kind == PICKLE_INT && v->integer >= 0;
}

/* NULL when the value is no tensor. */
static const pickle_value *as_tensor(const pickle_value *v)
{
    if (v->kind == PICKLE_OBJECT && v->tag == PARAMETER && v->count > 0)
        v = v->items[0];
    return v->kind == PICKLE_OBJECT && v->tag == TENSOR ? v : NULL;
}

static bool holds_tensors(const pickle_value *v)
{
    if (v && v->kind == PICKLE_DICT)
        for (size_t i = 1; i < v->count; i += 2)
            if (as_tensor(v->items[i]))
                return true;
    return false;
}

static storage *find_storage(const torch_file *f, const pickle_value *key)
{
    if (key->kind == PICKLE_BYTES)
        for (size_t i = f->storage_count; i-- > 0;)
            if (strcmp(f->storages[i].key, (const char *)key->bytes) == 0)
                return &f->storages[i];
    return NULL;
}

/* ("storage", type, key, device, elements[, view]) */
static status take_storage(torch_file *f, const pickle_value *id, error *err)
{
    if (id->kind != PICKLE_LIST || id->count < PERSISTENT_ITEMS ||
        !is_text(id->items[0], "storage") || id->items[1]->kind != PICKLE_NAME ||
        id->items[1]->tag < STORAGE || id->items[2]->kind != PICKLE_BYTES ||
        !is_count(id->items[4]))
        return error_set(err, STATUS_FAILED, "%s: a storage in a form that is not read here",
                         f->path);
    const storage wanted = {.key = (const char *)id->items[2]->bytes,
                            .type = id->items[1]->tag - STORAGE,
                            .count = (uint64_t)id->items[4]->integer};
    const storage *same = find_storage(f, id->items[2]);
    if (!same && f->storage_count == MAX_STORAGES)
        return error_set(err, STATUS_FAILED, "%s: holds more than %d storages", f->path,
                         MAX_STORAGES);
    if (same && (same->type != wanted.type || same->count != wanted.count))
        return error_set(err, STATUS_FAILED,
                         "%s: storage '%.100s' is described in two ways; the file is damaged",
                         f->path, wanted.key);
    if (!same)
        f->storages[f->storage_count++] = wanted;
    return STATUS_OK;
}

/* All of the pickle, whatever the tensor is for: in the container before zip they can only be found
 * one after the other. */
static status take_storages(torch_file *f, error *err)
{
    f->storages = calloc(MAX_STORAGES, sizeof *f->storages);
    if (!f->storages)
        return error_memory(err, f->path);
    for (size_t i = 0; i < pickle_count(f->parsed); i++) {
        const pickle_value *v = pickle_at(f->parsed, i);
        if (v->kind == PICKLE_PERSISTENT)
            TRY(take_storage(f, v->items[0], err));
    }
    return STATUS_OK;
}

/* Sets the tensor's storage. A view, of PyTorch before 0.4 and else None, is (key, first element,
 * elements) of the storage. */
static status set_storage(torch_file *f, torch_tensor *t, const pickle_value *p, error *err)
{
    if (p->kind != PICKLE_PERSISTENT)
        return refuse(f, t->entry.name, "no storage", err);
    const pickle_value *id = p->items[0];
    const pickle_value *view = id->count > PERSISTENT_ITEMS ? id->items[PERSISTENT_ITEMS] : NULL;
    if (view && view->kind == PICKLE_LIST && view->count == 3 && is_count(view->items[1]))
        t->first += (uint64_t)view->items[1]->integer;
    else if (view && view->kind != PICKLE_NONE)
        return refuse(f, t->entry.name, "a view in a form that is not read here", err);
    t->storage = find_storage(f, id->items[2]);
    t->entry.type = types[t->storage->type].type;
    t->entry.type_name = types[t->storage->type].name;
    return STATUS_OK;
}

/* Whether every element lies inside the storage, and there are no more of them than it has: a
 * dimension of stride 0 costs the file nothing. */
static bool inside(const torch_tensor *t, uint64_t count)
{
    uint64_t last = t->first, elements = 1;
    for (int i = 0; i < t->entry.rank; i++)
        if (t->entry.shape[i] == 0)
            return true;
    if (last >= count)
        return false;
    for (int i = 0; i < t->entry.rank; i++) {
        uint64_t length = (uint64_t)t->entry.shape[i], stride = (uint64_t)t->strides[i];
        if (length > count / elements)
            return false;
        elements *= length;
        if (stride > 0 && length - 1 > (count - 1 - last) / stride)
            return false;
        last += (length - 1) * stride;
    }
    return true;
}

/* _rebuild_tensor_v2(storage, first element, shape, strides, ...). */
static status take_tensor(torch_file *f, const char *name, const pickle_value *v, error *err)
{
    torch_tensor *t = &f->tensors[f->count];
    t->entry.name = name;
    if (v->count < 4 || !is_count(v->items[1]) || v->items[2]->kind != PICKLE_LIST ||
        v->items[3]->kind != PICKLE_LIST || v->items[2]->count != v->items[3]->count ||
        v->items[2]->count > SAFETENSORS_MAX_RANK)
        return refuse(f, name, "a form that is not read here", err);
    t->first = (uint64_t)v->items[1]->integer;
    t->entry.rank = (int)v->items[2]->count;
    for (int i = 0; i < t->entry.rank; i++) {
        if (!is_count(v->items[2]->items[i]) || !is_count(v->items[3]->items[i]))
            return refuse(f, name, "a shape or strides that are no counts", err);
        t->entry.shape[i] = v->items[2]->items[i]->integer;
        t->strides[i] = v->items[3]->items[i]->integer;
    }
    TRY(set_storage(f, t, v->items[0], err));
    if (!inside(t, t->storage->count))
        return refuse(f, name, "larger than its storage", err);
    f->count++;
    return STATUS_OK;
}

static status take_tensors(torch_file *f, error *err)
{
    static const char *const keys[] = {"state_dict", "model_state_dict", "model"};
    const pickle_value *root = pickle_root(f->parsed), *from = root;
    for (size_t i = 0; !holds_tensors(from) && i < sizeof keys / sizeof keys[0]; i++)
        from = pickle_get(root, keys[i]);
    if (!holds_tensors(from))
        return error_set(err, STATUS_FAILED,
                         "%s: holds no dictionary of tensors, neither by itself nor as "
                         "'state_dict', 'model_state_dict' or 'model'; save model.state_dict()",
                         f->path);
    f->tensors = calloc(from->count / 2, sizeof *f->tensors);
    if (!f->tensors)
        return error_memory(err, f->path);
    for (size_t i = 0; i + 1 < from->count; i += 2) {
        const pickle_value *tensor = as_tensor(from->items[i + 1]);
        if (tensor && from->items[i]->kind == PICKLE_BYTES)
            TRY(take_tensor(f, (const char *)from->items[i]->bytes, tensor, err));
    }
    return STATUS_OK;
}

/* ---- The zip container: PREFIX/data.pkl, PREFIX/data/KEY, PREFIX/byteorder ---- */

static const char pickle_member[] = "/data.pkl";

static const zip_member *find_pickle(const zip_file *zip)
{
    for (size_t i = 0; i < zip_count(zip); i++) {
        const char *slash = strchr(zip_at(zip, i)->name, '/');
        if (slash && strcmp(slash, pickle_member) == 0)
            return zip_at(zip, i);
    }
    return NULL;
}

static status check_byte_order(torch_file *f, const zip_member *m, error *err)
{
    char order[6];
    if (!m)
        return STATUS_OK; /* before PyTorch 2.1; always little endian in practice */
    if (m->size == sizeof order)
        TRY(zip_read(f->zip, m, 0, sizeof order, order, err));
    if (m->size != sizeof order || memcmp(order, "little", sizeof order) != 0)
        return error_set(err, STATUS_FAILED,
                         "%s: was saved big-endian; save it again on a little-endian machine",
                         f->path);
    return STATUS_OK;
}

/* The member PREFIX/END, where PREFIX is the pickle's; NULL when there is none. */
static status find_beside(const torch_file *f, const zip_member *pickled, const char *end,
                          const zip_member **found, error *err)
{
    size_t prefix = strlen(pickled->name) - strlen(pickle_member), length = strlen(end);
    char *name = malloc(prefix + length + 2);
    if (!name)
        return error_memory(err, f->path);
    memcpy(name, pickled->name, prefix);
    name[prefix] = '/';
    memcpy(name + prefix + 1, end, length + 1);
    *found = zip_find(f->zip, name);
    free(name);
    return STATUS_OK;
}

static status place_member(torch_file *f, const zip_member *pickled, storage *s, error *err)
{
    char *name = malloc(strlen(s->key) + sizeof "data/");
    if (!name)
        return error_memory(err, f->path);
    strcpy(name, "data/");
    strcat(name, s->key);
    status result = find_beside(f, pickled, name, &s->member, err);
    free(name);
    TRY(result);
    if (!s->member || s->member->size / types[s->type].bytes < s->count)
        return error_set(err, STATUS_FAILED,
                         "%s: storage '%.100s' of %llu elements is %s; the file is damaged",
                         f->path, s->key, (unsigned long long)s->count,
                         s->member ? "shorter than that" : "missing");
    s->placed = true;
    return STATUS_OK;
}

static status open_zip(torch_file *f, error *err)
{
    const zip_member *order, *pickled;
    TRY(zip_open(f->path, &f->zip, err));
    pickled = find_pickle(f->zip);
    if (!pickled || pickled->size > MAX_PICKLE_BYTES)
        return error_set(err, STATUS_FAILED,
                         "%s: is a zip archive without a data.pkl that is read here: no state dict "
                         "of torch.save",
                         f->path);
    TRY(find_beside(f, pickled, "byteorder", &order, err));
    TRY(check_byte_order(f, order, err));
    f->bytes = malloc((size_t)pickled->size + 1);
    if (!f->bytes)
        return error_memory(err, f->path);
    TRY(zip_read(f->zip, pickled, 0, (size_t)pickled->size, f->bytes, err));
    TRY(pickle_parse(f->path, f->bytes, (size_t)pickled->size, &torch_rules, &f->parsed, err));
    TRY(take_storages(f, err));
    TRY(take_tensors(f, err));
    for (size_t i = 0; i < f->storage_count; i++)
        TRY(place_member(f, pickled, &f->storages[i], err));
    return STATUS_OK;
}

/* ---- The container before: pickles of a magic number, a version, the machine, the tensors and the
 * storages' keys; then each storage in that order, its count of elements as 8 bytes and them ----
 */

static const unsigned char legacy_magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                             0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
enum { LEGACY_VERSION = 1001, COUNT_BYTES = 8 };

static status next_pickle(const torch_file *f, size_t size, size_t *at, pickle **parsed, error *err)
{
    TRY(pickle_parse(f->path, f->bytes + *at, size - *at, &torch_rules, parsed, err));
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
        return error_set(err, STATUS_FAILED, "%s: is of torch.save's version %lld, not %d", f->path,
                         (long long)number, LEGACY_VERSION);
    TRY(next_pickle(f, size, at, &machine, err));
    const pickle_value *little = pickle_get(pickle_root(machine), "little_endian");
    bool is_little = little && little->kind == PICKLE_INT;
    pickle_free(machine);
    if (!is_little)
        return error_set(err, STATUS_FAILED,
                         "%s: was saved big-endian; save it again on a little-endian machine",
                         f->path);
    return STATUS_OK;
}

/* The storage of that key, whose count of elements stands at byte `at`. *at moves behind it. */
static status place_storage(torch_file *f, const pickle_value *key, uint64_t *at, error *err)
{
    unsigned char bytes[COUNT_BYTES];
    uint64_t count = 0;
    storage *s = find_storage(f, key);
    if (!s)
        return error_set(
            err, STATUS_FAILED,
            "%s: holds a storage that no tensor has, so that those behind it cannot be "
            "found; it is damaged",
            f->path);
    if (fseeko(f->stream, (off_t)*at, SEEK_SET) != 0 ||
        fread(bytes, 1, COUNT_BYTES, f->stream) != COUNT_BYTES)
        return error_set(err, STATUS_FAILED, "%s: ends before storage '%.100s'; it is cut short",
                         f->path, s->key);
    for (int i = COUNT_BYTES; i-- > 0;)
        count = count << 8 | bytes[i];
    s->begin = *at + COUNT_BYTES;
    if (count != s->count || count > (f->size - s->begin) / types[s->type].bytes)
        return error_set(err, STATUS_FAILED,
                         "%s: storage '%.100s' of %llu elements is not whole; the file is damaged "
                         "or cut short",
                         f->path, s->key, (unsigned long long)s->count);
    s->placed = true;
    *at = s->begin + count * types[s->type].bytes;
    return STATUS_OK;
}

static status place_storages(torch_file *f, const pickle_value *keys, uint64_t at, error *err)
{
    if (keys->kind != PICKLE_LIST)
        return error_set(err, STATUS_FAILED, "%s: byte %llu: no list of storages; it is damaged",
                         f->path, (unsigned long long)at);
    for (size_t i = 0; i < keys->count; i++)
        TRY(place_storage(f, keys->items[i], &at, err));
    for (size_t i = 0; i < f->storage_count; i++)
        if (!f->storages[i].placed)
            return error_set(err, STATUS_FAILED, "%s: storage '%.100s' is missing; it is damaged",
                             f->path, f->storages[i].key);
    return STATUS_OK;
}

static status open_legacy(torch_file *f, error *err)
{
    size_t size = f->size < MAX_PICKLE_BYTES ? (size_t)f->size : MAX_PICKLE_BYTES, at;
    pickle *keys;
    f->stream = fopen(f->path, "rb");
    if (!f->stream)
        return error_set(err, STATUS_FAILED, "%s: cannot be opened: %s", f->path, strerror(errno));
    f->bytes = malloc(size + 1);
    if (!f->bytes)
        return error_memory(err, f->path);
    if (fread(f->bytes, 1, size, f->stream) != size)
        return error_set(err, STATUS_FAILED, "%s: cannot be read", f->path);
    TRY(read_preamble(f, size, &at, err));
    TRY(next_pickle(f, size, &at, &f->parsed, err));
    TRY(take_storages(f, err));
    TRY(take_tensors(f, err));
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

static status open_file(torch_file *f, error *err)
{
    struct stat info;
    unsigned char begin[TORCH_MAGIC_BYTES];
    FILE *stream = fopen(f->path, "rb");
    if (!stream || fstat(fileno(stream), &info) != 0) {
        status result =
            error_set(err, STATUS_FAILED, "%s: cannot be opened: %s", f->path, strerror(errno));
        if (stream)
            fclose(stream);
        return result;
    }
    bool whole = fread(begin, 1, sizeof begin, stream) == sizeof begin;
    fclose(stream);
    if (!S_ISREG(info.st_mode) || !whole || !torch_file_begins(begin))
        return error_set(err, STATUS_FAILED, "%s: is no file of torch.save", f->path);
    f->size = (uint64_t)info.st_size;
    return begin[0] == 'P' ? open_zip(f, err) : open_legacy(f, err);
}

status torch_file_open(const char *path, torch_file **opened, error *err)
{
    *opened = NULL;
    torch_file *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return error_memory(err, path);
    }
    status result = open_file(f, err);
    free(f->bytes); /* the parsed pickle has copies */
    f->bytes = NULL;
    if (result == STATUS_OK)
        *opened = f;
    else
        torch_file_close(f);
    return result;
}

void torch_file_close(torch_file *f)
{
    if (!f)
        return;
    if (f->stream)
        fclose(f->stream);
    zip_close(f->zip);
    pickle_free(f->parsed);
    free(f->bytes);
    free(f->storages);
    free(f->tensors);
    free(f->path);
    free(f);
}

size_t torch_file_count(const torch_file *f)
{
    return f->count;
}

tensor_entry torch_file_at(const torch_file *f, size_t index)
{
    return f->tensors[index].entry;
}

static status read_elements(torch_file *f, const torch_tensor *t, uint64_t count, void *bytes,
                            error *err)
{
    const storage *s = t->storage;
    size_t item = types[s->type].bytes, size = (size_t)count * item;
    uint64_t begin = t->first * item;
    if (f->zip)
        return zip_read(f->zip, s->member, begin, size, bytes, err);
    if (fseeko(f->stream, (off_t)(s->begin + begin), SEEK_SET) != 0 ||
        fread(bytes, 1, size, f->stream) != size)
        return error_set(err, STATUS_FAILED,
                         "%s: tensor '%.200s' cannot be read: the file became shorter or the disk "
                         "failed",
                         f->path, t->entry.name);
    return STATUS_OK;
}

/* The elements of the storage from the tensor's first to its last one. */
static uint64_t span(const torch_tensor *t)
{
    uint64_t last = 0;
    for (int i = 0; i < t->entry.rank; i++)
        last += (uint64_t)(t->entry.shape[i] - 1) * (uint64_t)t->strides[i];
    return last + 1;
}

static void convert(const unsigned char *from, safetensors_type type, void *to, size_t index)
{
    uint16_t half;
    uint32_t bits;
    double real;
    memcpy(&half, from, sizeof half);
    if (type == SAFETENSORS_F16) {
        ((float *)to)[index] = half_to_float(half);
    } else if (type == SAFETENSORS_BF16) {
        bits = (uint32_t)half << 16;
        memcpy((float *)to + index, &bits, sizeof bits);
    } else if (type == SAFETENSORS_F64) {
        memcpy(&real, from, sizeof real);
        ((float *)to)[index] = (float)real;
    } else if (type == SAFETENSORS_F32) {
        memcpy((float *)to + index, from, sizeof(float));
    } else {
        memcpy((int64_t *)to + index, from, sizeof(int64_t));
    }
}

/* Row major into `to`, whatever the strides. */
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

static status read_values(torch_file *f, size_t index, void *values, error *err)
{
    const torch_tensor *t = &f->tensors[index];
    size_t item = types[t->storage->type].bytes;
    if (tensor_elements(&t->entry) == 0)
        return STATUS_OK;
    uint64_t count = span(t);
    unsigned char *raw = malloc((size_t)count * item);
    if (!raw)
        return error_memory(err, t->entry.name);
    status result = read_elements(f, t, count, raw, err);
    if (result == STATUS_OK)
        gather(t, raw, item, values);
    free(raw);
    return result;
}

static status wrong_type(const torch_file *f, size_t index, const char *wanted, error *err)
{
    const tensor_entry *e = &f->tensors[index].entry;
    return error_set(err, STATUS_FAILED, "%s: tensor '%.200s' is %s, not %s", f->path, e->name,
                     e->type_name, wanted);
}

status torch_file_read_f32(torch_file *f, size_t index, float *values, error *err)
{
    if (!tensor_is_floating(&f->tensors[index].entry))
        return wrong_type(f, index, "F32, F16, BF16 or F64", err);
    return read_values(f, index, values, err);
}

status torch_file_read_i64(torch_file *f, size_t index, int64_t *values, error *err)
{
    if (f->tensors[index].entry.type != SAFETENSORS_I64)
        return wrong_type(f, index, "I64", err);
    return read_values(f, index, values, err);
}
