/* The pickle reader; see pickle.h. The opcodes are those of Python's pickletools, protocols 0 to 2,
 * as far as CIFAR's files use them. */
#include "data/pickle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 4 << 20, MAX_STACK = 1 << 20, MAX_MEMO = 1 << 20 };

struct pickle {
    const char *where;
    const unsigned char *data;
    size_t size, at;
    pickle_value **values; /* all that were made, to free them */
    size_t value_count, value_capacity;
    pickle_value **stack;
    size_t depth, stack_capacity;
    pickle_value **memo;
    size_t memo_count;
    pickle_value *root;
};

static status fail(const pickle *p, const char *what, error *err)
{
    return error_set(err, STATUS_FAILED, "%s: byte %zu: %s; it is damaged or no CIFAR-100",
                     p->where, p->at, what);
}

/* Room for one more pointer in a growing array of at most `most`. */
static bool grow(pickle_value ***array, size_t count, size_t *capacity, size_t most)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 64;
    if (count >= most)
        return false;
    pickle_value **grown = realloc(*array, wanted * sizeof *grown);
    if (!grown)
        return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

static status push(pickle *p, pickle_value *value, error *err)
{
    if (!grow(&p->stack, p->depth, &p->stack_capacity, MAX_STACK))
        return fail(p, "it is nested or long beyond reason", err);
    p->stack[p->depth++] = value;
    return STATUS_OK;
}

static status make(pickle *p, enum pickle_kind kind, pickle_value **made, error *err)
{
    if (!grow(&p->values, p->value_count, &p->value_capacity, MAX_VALUES))
        return fail(p, "it holds more values than CIFAR-100 has", err);
    *made = calloc(1, sizeof **made);
    if (!*made)
        return error_memory(err, p->where);
    (*made)->kind = kind;
    p->values[p->value_count++] = *made;
    return STATUS_OK;
}

static status push_new(pickle *p, enum pickle_kind kind, int64_t integer, error *err)
{
    pickle_value *made;
    TRY(make(p, kind, &made, err));
    made->integer = integer;
    return push(p, made, err);
}

static status take(pickle *p, size_t count, const unsigned char **bytes, error *err)
{
    *bytes = NULL;
    if (count > p->size - p->at)
        return fail(p, "it ends in the middle", err);
    *bytes = p->data + p->at;
    p->at += count;
    return STATUS_OK;
}

static status take_number(pickle *p, size_t count, uint64_t *number, error *err)
{
    const unsigned char *bytes;
    TRY(take(p, count, &bytes, err));
    *number = 0;
    for (size_t i = count; i-- > 0;)
        *number = *number << 8 | bytes[i];
    return STATUS_OK;
}

static status take_line(pickle *p, const unsigned char **line, size_t *length, error *err)
{
    const unsigned char *end = memchr(p->data + p->at, '\n', p->size - p->at);
    if (!end)
        return fail(p, "it ends in the middle", err);
    *line = p->data + p->at;
    *length = (size_t)(end - *line);
    p->at += *length + 1;
    return STATUS_OK;
}

/* Copied, for the zero byte behind it. */
static status push_bytes(pickle *p, enum pickle_kind kind, const unsigned char *bytes, size_t size,
                         error *err)
{
    pickle_value *made;
    TRY(make(p, kind, &made, err));
    unsigned char *copy = malloc(size + 1);
    if (!copy)
        return error_memory(err, p->where);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    made->bytes = copy;
    made->size = size;
    return push(p, made, err);
}

static status push_counted(pickle *p, size_t length_bytes, error *err)
{
    uint64_t length;
    const unsigned char *bytes;
    TRY(take_number(p, length_bytes, &length, err));
    TRY(take(p, (size_t)length, &bytes, err));
    return push_bytes(p, PICKLE_BYTES, bytes, (size_t)length, err);
}

static status top(pickle *p, size_t below, pickle_value **value, error *err)
{
    *value = NULL;
    if (p->depth <= below || p->stack[p->depth - 1 - below]->kind == PICKLE_MARK)
        return fail(p, "it takes more values than there are", err);
    *value = p->stack[p->depth - 1 - below];
    return STATUS_OK;
}

static status append(pickle *p, pickle_value *list, pickle_value *item, error *err)
{
    if (!grow(&list->items, list->count, &list->capacity, MAX_VALUES))
        return fail(p, "a list is too long", err);
    list->items[list->count++] = item;
    return STATUS_OK;
}

/* Where the values above the last mark start. */
static status above_mark(pickle *p, size_t *first, error *err)
{
    for (size_t i = p->depth; i-- > 0;)
        if (p->stack[i]->kind == PICKLE_MARK) {
            *first = i + 1;
            return STATUS_OK;
        }
    return fail(p, "a mark is missing", err);
}

/* Moves stack[first..] into the container and drops the mark below them. */
static status gather(pickle *p, size_t first, pickle_value *container, error *err)
{
    for (size_t i = first; i < p->depth; i++)
        TRY(append(p, container, p->stack[i], err));
    p->depth = first - 1;
    return STATUS_OK;
}

static status fill_container(pickle *p, enum pickle_kind kind, error *err)
{
    size_t first = 0;
    TRY(above_mark(p, &first, err));
    if (first < 2 || p->stack[first - 2]->kind != kind ||
        (kind == PICKLE_DICT && (p->depth - first) % 2 != 0))
        return fail(p, "values without a container", err);
    return gather(p, first, p->stack[first - 2], err);
}

static status push_tuple(pickle *p, size_t count, error *err)
{
    pickle_value *tuple, *unused;
    TRY(make(p, PICKLE_LIST, &tuple, err));
    for (size_t i = 0; i < count; i++)
        TRY(top(p, i, &unused, err));
    for (size_t i = 0; i < count; i++)
        TRY(append(p, tuple, p->stack[p->depth - count + i], err));
    p->depth -= count;
    return push(p, tuple, err);
}

static status push_marked(pickle *p, enum pickle_kind kind, error *err)
{
    size_t first = 0;
    pickle_value *made;
    TRY(above_mark(p, &first, err));
    if (kind == PICKLE_DICT && (p->depth - first) % 2 != 0)
        return fail(p, "a key without a value", err);
    TRY(make(p, kind, &made, err));
    TRY(gather(p, first, made, err));
    return push(p, made, err);
}

static status add_one(pickle *p, enum pickle_kind kind, size_t items, error *err)
{
    pickle_value *container, *item;
    TRY(top(p, items, &container, err));
    if (container->kind != kind)
        return fail(p, "values without a container", err);
    for (size_t i = items; i-- > 0;) {
        TRY(top(p, i, &item, err));
        TRY(append(p, container, item, err));
    }
    p->depth -= items;
    return STATUS_OK;
}

/* Only what a numpy array of bytes is made of may be named; nothing is ever called. */
static status push_global(pickle *p, error *err)
{
    static const char *const allowed[] = {"numpy.core.multiarray _reconstruct",
                                          "numpy._core.multiarray _reconstruct", "numpy ndarray",
                                          "numpy dtype", "_codecs encode"};
    const unsigned char *module, *name;
    size_t module_length, name_length;
    char full[128];
    TRY(take_line(p, &module, &module_length, err));
    TRY(take_line(p, &name, &name_length, err));
    if (module_length + name_length + 2 > sizeof full)
        return fail(p, "an object of a kind that is not read here", err);
    memcpy(full, module, module_length);
    full[module_length] = ' ';
    memcpy(full + module_length + 1, name, name_length);
    full[module_length + 1 + name_length] = '\0';
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (strcmp(full, allowed[i]) == 0)
            return push_bytes(p, PICKLE_NAME, (const unsigned char *)full, strlen(full), err);
    return fail(p, "an object of a kind that is not read here", err);
}

/* _codecs.encode(text, "latin1"), which is how Python 3 writes bytes in protocol 2: each character
 * below 256 is one byte, and above 127 two bytes of UTF-8. */
static status decode_latin1(pickle *p, const pickle_value *arguments, error *err)
{
    const pickle_value *text = arguments->count == 2 ? arguments->items[0] : NULL;
    if (!text || text->kind != PICKLE_BYTES)
        return fail(p, "bytes in a form that is not read here", err);
    TRY(push_bytes(p, PICKLE_BYTES, text->bytes, text->size, err));
    pickle_value *made = p->stack[p->depth - 1];
    unsigned char *out = (unsigned char *)made->bytes;
    size_t length = 0;
    for (size_t i = 0; i < text->size; i++) {
        unsigned char c = text->bytes[i];
        if (c >= 0x80) {
            if ((c & 0xfc) != 0xc0 || i + 1 == text->size)
                return fail(p, "bytes in a form that is not read here", err);
            c = (unsigned char)(c << 6 | (text->bytes[++i] & 0x3f));
        }
        out[length++] = c;
    }
    out[length] = '\0';
    made->size = length;
    return STATUS_OK;
}

static status reduce(pickle *p, error *err)
{
    pickle_value *arguments, *name;
    TRY(top(p, 0, &arguments, err));
    TRY(top(p, 1, &name, err));
    if (name->kind != PICKLE_NAME || arguments->kind != PICKLE_LIST)
        return fail(p, "a call that is not read here", err);
    p->depth -= 2;
    const char *called = (const char *)name->bytes;
    if (strcmp(called, "_codecs encode") == 0)
        return decode_latin1(p, arguments, err);
    if (strcmp(called, "numpy dtype") != 0)
        return push_new(p, PICKLE_ARRAY, 0, err);
    const pickle_value *type = arguments->count ? arguments->items[0] : NULL;
    if (!type || type->kind != PICKLE_BYTES || strcmp((const char *)type->bytes, "u1") != 0)
        return fail(p, "an array of something else than bytes", err);
    return push_new(p, PICKLE_NONE, 0, err);
}

/* The state of an array: (version, shape, dtype, fortran order, contents). */
static status build(pickle *p, error *err)
{
    pickle_value *state, *object;
    TRY(top(p, 0, &state, err));
    TRY(top(p, 1, &object, err));
    p->depth--;
    if (object->kind == PICKLE_NONE)
        return STATUS_OK; /* a dtype's own state */
    if (object->kind != PICKLE_ARRAY || state->kind != PICKLE_LIST || state->count != 5 ||
        state->items[4]->kind != PICKLE_BYTES || state->items[1]->kind != PICKLE_LIST ||
        state->items[3]->integer != 0)
        return fail(p, "an array in a form that is not read here", err);
    uint64_t elements = 1;
    for (size_t i = 0; i < state->items[1]->count; i++) {
        int64_t length = state->items[1]->items[i]->integer;
        if (length < 0 || (length > 0 && elements > (uint64_t)p->size / (uint64_t)length))
            return fail(p, "an array larger than the file", err);
        elements *= (uint64_t)length;
    }
    if (elements != state->items[4]->size)
        return fail(p, "an array whose shape and contents do not agree", err);
    /* The array is its contents from here on; it borrows their memory. */
    object->kind = PICKLE_BYTES;
    object->bytes = state->items[4]->bytes;
    object->size = state->items[4]->size;
    object->capacity = 1; /* marks borrowed bytes for pickle_free */
    return STATUS_OK;
}

static status remember(pickle *p, uint64_t index, error *err)
{
    pickle_value *value;
    TRY(top(p, 0, &value, err));
    if (index >= MAX_MEMO)
        return fail(p, "a memo out of bounds", err);
    if (index >= p->memo_count) {
        size_t wanted = 2 * (size_t)index + 64;
        pickle_value **grown = realloc(p->memo, wanted * sizeof *grown);
        if (!grown)
            return error_memory(err, p->where);
        memset(grown + p->memo_count, 0, (wanted - p->memo_count) * sizeof *grown);
        p->memo = grown;
        p->memo_count = wanted;
    }
    p->memo[index] = value;
    return STATUS_OK;
}

static status recall(pickle *p, uint64_t index, error *err)
{
    if (index >= p->memo_count || !p->memo[index])
        return fail(p, "a memo that was never set", err);
    return push(p, p->memo[index], err);
}

static status numbered(pickle *p, unsigned char opcode, error *err)
{
    uint64_t number;
    TRY(take_number(p,
                    opcode == 'K' || opcode == 'q' || opcode == 'h' ? 1
                    : opcode == 'M'                                 ? 2
                                                                    : 4,
                    &number, err));
    if (opcode == 'q' || opcode == 'r')
        return remember(p, number, err);
    if (opcode == 'h' || opcode == 'j')
        return recall(p, number, err);
    return push_new(p, PICKLE_INT, opcode == 'J' ? (int32_t)(uint32_t)number : (int64_t)number,
                    err);
}

static status pop(pickle *p, error *err)
{
    pickle_value *value;
    TRY(top(p, 0, &value, err));
    p->root = value;
    p->depth--;
    return STATUS_OK;
}

static status step(pickle *p, unsigned char opcode, error *err)
{
    const unsigned char *skipped;
    switch (opcode) {
    case 0x80: /* PROTO */
        return take(p, 1, &skipped, err);
    case '(':
        return push_new(p, PICKLE_MARK, 0, err);
    case '}':
        return push_new(p, PICKLE_DICT, 0, err);
    case ']':
    case ')':
        return push_new(p, PICKLE_LIST, 0, err);
    case 'N':
    case 0x89: /* NEWFALSE */
        return push_new(p, PICKLE_NONE, 0, err);
    case 0x88: /* NEWTRUE */
        return push_new(p, PICKLE_INT, 1, err);
    case 'U': /* SHORT_BINSTRING */
    case 'C': /* SHORT_BINBYTES */
        return push_counted(p, 1, err);
    case 'T': /* BINSTRING */
    case 'X': /* BINUNICODE */
    case 'B': /* BINBYTES */
        return push_counted(p, 4, err);
    case 'K': /* BININT1, BININT2, BININT, BINPUT, LONG_BINPUT, BINGET, LONG_BINGET */
    case 'M':
    case 'J':
    case 'q':
    case 'r':
    case 'h':
    case 'j':
        return numbered(p, opcode, err);
    case 'a': /* APPEND, APPENDS, SETITEM, SETITEMS */
        return add_one(p, PICKLE_LIST, 1, err);
    case 'e':
        return fill_container(p, PICKLE_LIST, err);
    case 's':
        return add_one(p, PICKLE_DICT, 2, err);
    case 'u':
        return fill_container(p, PICKLE_DICT, err);
    case 't': /* TUPLE, LIST, DICT */
    case 'l':
        return push_marked(p, PICKLE_LIST, err);
    case 'd':
        return push_marked(p, PICKLE_DICT, err);
    case 0x85: /* TUPLE1, TUPLE2, TUPLE3 */
    case 0x86:
    case 0x87:
        return push_tuple(p, opcode - 0x84u, err);
    case 'c': /* GLOBAL */
        return push_global(p, err);
    case 'R': /* REDUCE */
        return reduce(p, err);
    case 'b': /* BUILD */
        return build(p, err);
    default:
        return fail(p, "an opcode that is not read here", err);
    }
}

static status run(pickle *p, error *err)
{
    for (;;) {
        const unsigned char *opcode;
        TRY(take(p, 1, &opcode, err));
        if (*opcode == '.') /* STOP */
            return pop(p, err);
        TRY(step(p, *opcode, err));
    }
}

status pickle_parse(const char *where, const unsigned char *data, size_t size, pickle **parsed,
                    error *err)
{
    *parsed = NULL;
    pickle *p = calloc(1, sizeof *p);
    if (!p)
        return error_memory(err, where);
    p->where = where;
    p->data = data;
    p->size = size;
    status result = run(p, err);
    if (result == STATUS_OK)
        *parsed = p;
    else
        pickle_free(p);
    return result;
}

const pickle_value *pickle_root(const pickle *parsed)
{
    return parsed->root;
}

void pickle_free(pickle *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->value_count; i++) {
        pickle_value *value = p->values[i];
        bool borrowed = value->kind == PICKLE_BYTES && value->capacity;
        if (!borrowed)
            free((void *)value->bytes);
        free(value->items);
        free(value);
    }
    free(p->values);
    free(p->stack);
    free(p->memo);
    free(p);
}

const pickle_value *pickle_get(const pickle_value *dictionary, const char *key)
{
    if (!dictionary || dictionary->kind != PICKLE_DICT)
        return NULL;
    for (size_t i = 0; i + 1 < dictionary->count; i += 2) {
        const pickle_value *name = dictionary->items[i];
        if (name->kind == PICKLE_BYTES && strcmp((const char *)name->bytes, key) == 0)
            return dictionary->items[i + 1];
    }
    return NULL;
}
