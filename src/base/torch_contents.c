/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the objects in torch.save's pickles; see torch_contents.h. */
#include "base/torch_contents.h"

#include <stdlib.h>
#include <string.h>

enum { PERSISTENT_ITEMS = 5, MAX_STORAGES = 1 << 16, KEY_BYTES = 128 };

/* Tags of the names that a pickle may contain. The tag of a storage is STORAGE plus the type of its
 * elements. */
enum { TENSOR = 1, PARAMETER, STORAGE };

/* collections.OrderedDict(), empty in Python 3; Python 2 passes a list of pairs. */
static status make_ordered(pickle *p, const pickle_value *arguments, pickle_value **made,
                           error *err)
{
    TRY(pickle_make(p, PICKLE_DICT, made, err));
    const pickle_value *pairs = arguments->count ? arguments->items[0] : NULL;
    if (pairs && pairs->kind != PICKLE_LIST)
        return pickle_fail(p, "a dictionary in a form that is not supported", err);
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        const pickle_value *pair = pairs->items[i];
        if (pair->kind != PICKLE_LIST || pair->count != 2)
            return pickle_fail(p, "a dictionary in a form that is not supported", err);
        TRY(pickle_append(p, *made, pair->items[0], err));
        TRY(pickle_append(p, *made, pair->items[1], err));
    }
    return STATUS_OK;
}

/* The only supported state is _metadata of a state dict: the versions of its modules, which are
 * ignored. */
static status build(pickle *p, pickle_value *object, const pickle_value *state, error *err)
{
    if (object->kind != PICKLE_DICT || state->kind != PICKLE_DICT)
        return pickle_fail(p, "an object with a state, which is not supported", err);
    return STATUS_OK;
}

static const pickle_name names[] = {
    {"collections OrderedDict", 0, make_ordered},
    {"torch._utils _rebuild_tensor_v2", TENSOR, NULL},
    {"torch._utils _rebuild_tensor", TENSOR, NULL},
    {"torch._utils _rebuild_parameter", PARAMETER, NULL},
    {"torch FloatStorage", STORAGE + SAFETENSORS_F32, NULL},
    {"torch HalfStorage", STORAGE + SAFETENSORS_F16, NULL},
    {"torch BFloat16Storage", STORAGE + SAFETENSORS_BF16, NULL},
    {"torch DoubleStorage", STORAGE + SAFETENSORS_F64, NULL},
    {"torch LongStorage", STORAGE + SAFETENSORS_I64, NULL},
    {"torch IntStorage", STORAGE + SAFETENSORS_I32, NULL},
    {"torch ShortStorage", STORAGE + SAFETENSORS_I16, NULL},
    {"torch CharStorage", STORAGE + SAFETENSORS_I8, NULL},
    {"torch ByteStorage", STORAGE + SAFETENSORS_U8, NULL},
    {"torch BoolStorage", STORAGE + SAFETENSORS_BOOL, NULL},
};

const pickle_rules torch_rules = {
    .format = "a state dict of torch.save",
    .names = names,
    .name_count = sizeof names / sizeof names[0],
    .build = build,
    .persistent = true,
};

static status refuse(const torch_contents *c, const char *name, const char *what, error *err)
{
    return error_set(
        err, STATUS_FAILED,
        "%s: tensor '%.200s': %s; the file is damaged or not a state dict of torch.save", c->path,
        name, what);
}

static bool is_text(const pickle_value *v, const char *text)
{
    return v->kind == PICKLE_BYTES && strcmp((const char *)v->bytes, text) == 0;
}

static bool is_count(const pickle_value *v)
{
    return v->kind == PICKLE_INT && v->integer >= 0;
}

/* The tensor if the value is one or a parameter, which contains one; else NULL. */
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

/* ---- Storages ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const torch_storage *)a)->key, ((const torch_storage *)b)->key);
}

torch_storage *torch_contents_find(const torch_contents *c, const pickle_value *key)
{
    if (key->kind != PICKLE_BYTES)
        return NULL;
    const torch_storage wanted = {.key = (const char *)key->bytes};
    return bsearch(&wanted, c->storages, c->storage_count, sizeof wanted, by_key);
}

/* Reads a storage's identity: ("storage", type, key, device, elements[, view]). Long keys are
 * refused, because keys are compared often. */
static status take_storage(torch_contents *c, const pickle_value *id, error *err)
{
    if (id->kind != PICKLE_LIST || id->count < PERSISTENT_ITEMS ||
        !is_text(id->items[0], "storage") || id->items[1]->kind != PICKLE_NAME ||
        id->items[1]->tag < STORAGE || id->items[2]->kind != PICKLE_BYTES ||
        id->items[2]->size >= KEY_BYTES || !is_count(id->items[4]))
        return error_set(
            err, STATUS_FAILED,
            "%s: contains a storage in a form that is not supported; save model.state_dict() again",
            c->path);
    safetensors_type type = (safetensors_type)(id->items[1]->tag - STORAGE);
    c->storages[c->storage_count++] = (torch_storage){.key = (const char *)id->items[2]->bytes,
                                                      .type = type,
                                                      .item = tensor_types[type].bytes,
                                                      .count = (uint64_t)id->items[4]->integer};
    return STATUS_OK;
}

/* Sorts the storages by key and drops duplicates: a storage is named once for each tensor in it. */
static status merge_storages(torch_contents *c, error *err)
{
    size_t kept = 0;
    if (c->storage_count > 0)
        qsort(c->storages, c->storage_count, sizeof *c->storages, by_key);
    for (size_t i = 0; i < c->storage_count; i++) {
        const torch_storage *s = &c->storages[i], *last = kept ? &c->storages[kept - 1] : NULL;
        bool same = last && by_key(s, last) == 0;
        if (same && (s->type != last->type || s->count != last->count))
            return error_set(err, STATUS_FAILED,
                             "%s: storage '%s' is described in two ways; the file is damaged",
                             c->path, s->key);
        if (!same)
            c->storages[kept++] = *s;
    }
    c->storage_count = kept;
    return kept <= MAX_STORAGES ? STATUS_OK
                                : error_set(err, STATUS_FAILED, "%s: has more than %d storages",
                                            c->path, MAX_STORAGES);
}

/* Collects all storages that the pickle names, even those whose tensors are not used: in the
 * container before zip archives, a storage can be found only by passing all those before it. */
static status take_storages(torch_contents *c, error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < pickle_count(c->parsed); i++)
        most += pickle_at(c->parsed, i)->kind == PICKLE_PERSISTENT;
    c->storage_count = 0;
    c->storages = calloc(most + 1, sizeof *c->storages);
    TRY(got_memory(c->storages, err, c->path));
    for (size_t i = 0; i < pickle_count(c->parsed); i++) {
        const pickle_value *v = pickle_at(c->parsed, i);
        if (v->kind == PICKLE_PERSISTENT)
            TRY(take_storage(c, v->items[0], err));
    }
    return merge_storages(c, err);
}

/* ---- Tensors ---- */

/* Sets the tensor's storage. A view is (key, first element, elements) of the storage; it is None
 * since PyTorch 0.4. */
static status set_storage(torch_contents *c, torch_tensor *t, const pickle_value *p, error *err)
{
    if (p->kind != PICKLE_PERSISTENT)
        return refuse(c, t->entry.name, "it has no storage", err);
    const pickle_value *id = p->items[0];
    const pickle_value *view = id->count > PERSISTENT_ITEMS ? id->items[PERSISTENT_ITEMS] : NULL;
    if (view && view->kind == PICKLE_LIST && view->count == 3 && is_count(view->items[1]))
        t->first += (uint64_t)view->items[1]->integer;
    else if (view && view->kind != PICKLE_NONE)
        return refuse(c, t->entry.name, "its view has a form that is not supported", err);
    t->storage = torch_contents_find(c, id->items[2]);
    t->entry.type = t->storage->type;
    return STATUS_OK;
}

/* Whether every element is inside the storage, and there are at most `count` elements. The second
 * condition is needed because a dimension of stride 0 costs the file nothing. */
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

/* Reads the arguments of _rebuild_tensor_v2(storage, first element, shape, strides, ...). */
static status take_tensor(torch_contents *c, const char *name, const pickle_value *v, error *err)
{
    torch_tensor *t = &c->tensors[c->count];
    t->entry.name = name;
    t->entry.index = c->count;
    if (v->count < 4 || !is_count(v->items[1]) || v->items[2]->kind != PICKLE_LIST ||
        v->items[3]->kind != PICKLE_LIST || v->items[2]->count != v->items[3]->count ||
        v->items[2]->count > SAFETENSORS_MAX_RANK)
        return refuse(c, name, "its form is not supported", err);
    t->first = (uint64_t)v->items[1]->integer;
    t->entry.rank = (int)v->items[2]->count;
    for (int i = 0; i < t->entry.rank; i++) {
        if (!is_count(v->items[2]->items[i]) || !is_count(v->items[3]->items[i]))
            return refuse(c, name, "its shape or strides are not whole numbers from 0 up", err);
        t->entry.shape[i] = v->items[2]->items[i]->integer;
        t->strides[i] = v->items[3]->items[i]->integer;
    }
    TRY(set_storage(c, t, v->items[0], err));
    if (!inside(t, t->storage->count))
        return refuse(c, name, "it is larger than its storage", err);
    c->count++;
    return STATUS_OK;
}

static status take_tensors(torch_contents *c, error *err)
{
    static const char *const keys[] = {"state_dict", "model_state_dict", "model"};
    const pickle_value *root = pickle_root(c->parsed), *from = root;
    for (size_t i = 0; !holds_tensors(from) && i < sizeof keys / sizeof keys[0]; i++)
        from = pickle_get(root, keys[i]);
    if (!holds_tensors(from))
        return error_set(err, STATUS_FAILED,
                         "%s: contains no dictionary of tensors, neither at the top nor as "
                         "'state_dict', 'model_state_dict' or 'model'; save model.state_dict()",
                         c->path);
    if (from->count / 2 > SAFETENSORS_MOST)
        return error_set(err, STATUS_FAILED, "%s: has %zu values, more than the %d allowed",
                         c->path, from->count / 2, SAFETENSORS_MOST);
    c->tensors = calloc(from->count / 2, sizeof *c->tensors);
    TRY(got_memory(c->tensors, err, c->path));
    for (size_t i = 0; i + 1 < from->count; i += 2) {
        const pickle_value *tensor = as_tensor(from->items[i + 1]);
        if (tensor && from->items[i]->kind == PICKLE_BYTES)
            TRY(take_tensor(c, (const char *)from->items[i]->bytes, tensor, err));
    }
    return STATUS_OK;
}

status torch_contents_read(const char *path, const unsigned char *bytes, size_t size,
                           torch_contents *c, error *err)
{
    *c = (torch_contents){.path = path};
    status result;
    TRY_OR_DONE(pickle_parse(path, bytes, size, &torch_rules, &c->parsed, err));
    TRY_OR_DONE(take_storages(c, err));
    TRY_OR_DONE(take_tensors(c, err));
done:
    if (result != STATUS_OK)
        torch_contents_free(c);
    return result;
}

void torch_contents_free(torch_contents *c)
{
    pickle_free(c->parsed);
    free(c->storages);
    free(c->tensors);
    *c = (torch_contents){0};
}
