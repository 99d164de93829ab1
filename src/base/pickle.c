/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle reader; see pickle.h. The opcodes are those of protocols 2 to 4 that the files need;
 * Python's pickletools documents them. Nothing recurses, so depth costs only memory. Each byte of
 * input makes at most one value, and the bytes and items of all values are counted (see hold), so a
 * file cannot use more memory than its size justifies. */
#include "base/pickle.h"
#include "base/array.h"
#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 4 << 20, MAX_STACK = 1 << 20, MAX_MEMO = 1 << 20, NAME_BYTES = 128 };

struct pickle {
    const char *where;
    const pickle_rules *rules;
    const unsigned char *data;
    size_t size, at;
    pickle_value **values; /* all values, so that they can be freed */
    size_t value_count;
    size_t held; /* bytes and items of all values */
    pickle_value **stack;
    size_t depth;
    pickle_value **memo;
    size_t memo_capacity, memo_next; /* memo_next: the index that MEMOIZE uses next */
    pickle_value *root;
};

status pickle_fail(const pickle *p, const char *what, error *err)
{
    return error_set(err, STATUS_FAILED, "%s: byte %zu: %s; the file is damaged or not %s",
                     p->where, p->at, what, p->rules->format);
}

/* Counts bytes or items before a value stores them. In an honest pickle each comes from the input
 * once and is copied at most once more, by a call. Without the count, a few bytes of input could
 * repeat a call again and again, because the memo keeps the call's arguments. */
static status hold(pickle *p, size_t more, error *err)
{
    if (more > 2 * p->size - p->held)
        return pickle_fail(p, "its values need more memory than its size allows", err);
    p->held += more;
    return STATUS_OK;
}

status pickle_make(pickle *p, enum pickle_kind kind, pickle_value **made, error *err)
{
    if (p->value_count == MAX_VALUES)
        return pickle_fail(p, "it has too many values", err);
    TRY(array_grow(&p->values, p->value_count, sizeof *p->values, p->where, err));
    *made = calloc(1, sizeof **made);
    TRY(got_memory(*made, err, p->where));
    (*made)->kind = kind;
    p->values[p->value_count++] = *made;
    return STATUS_OK;
}

status pickle_make_bytes(pickle *p, enum pickle_kind kind, const unsigned char *bytes, size_t size,
                         pickle_value **made, error *err)
{
    *made = NULL;
    TRY(hold(p, size, err));
    TRY(pickle_make(p, kind, made, err));
    unsigned char *copy = malloc(size + 1);
    TRY(got_memory(copy, err, p->where));
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    (*made)->bytes = copy;
    (*made)->size = size;
    return STATUS_OK;
}

status pickle_append(pickle *p, pickle_value *list, pickle_value *item, error *err)
{
    TRY(hold(p, 1, err));
    if (list->count == MAX_VALUES)
        return pickle_fail(p, "a list is too long", err);
    TRY(array_grow(&list->items, list->count, sizeof *list->items, p->where, err));
    list->items[list->count++] = item;
    return STATUS_OK;
}

size_t pickle_input_size(const pickle *p)
{
    return p->size;
}

/* ---- The stack ---- */

static status push(pickle *p, pickle_value *value, error *err)
{
    if (p->depth == MAX_STACK)
        return pickle_fail(p, "it is nested too deeply or too long", err);
    TRY(array_grow(&p->stack, p->depth, sizeof *p->stack, p->where, err));
    p->stack[p->depth++] = value;
    return STATUS_OK;
}

static status push_new(pickle *p, enum pickle_kind kind, int64_t integer, error *err)
{
    pickle_value *made;
    TRY(pickle_make(p, kind, &made, err));
    made->integer = integer;
    return push(p, made, err);
}

static status push_bytes(pickle *p, enum pickle_kind kind, const unsigned char *bytes, size_t size,
                         error *err)
{
    pickle_value *made;
    TRY(pickle_make_bytes(p, kind, bytes, size, &made, err));
    return push(p, made, err);
}

static status top(pickle *p, size_t below, pickle_value **value, error *err)
{
    *value = NULL;
    if (p->depth <= below || p->stack[p->depth - 1 - below]->kind == PICKLE_MARK)
        return pickle_fail(p, "it takes more values from the stack than there are", err);
    *value = p->stack[p->depth - 1 - below];
    return STATUS_OK;
}

static status pop(pickle *p, pickle_value **value, error *err)
{
    TRY(top(p, 0, value, err));
    p->depth--;
    return STATUS_OK;
}

/* The stack index of the first value above the last mark or, if count is not 0, of the first of the
 * last `count` values. */
static status find_items(pickle *p, unsigned count, size_t *first, error *err)
{
    pickle_value *unused;
    *first = p->depth;
    for (unsigned i = 0; i < count; i++)
        TRY(top(p, i, &unused, err));
    if (count > 0) {
        *first -= count;
        return STATUS_OK;
    }
    for (; *first > 0; --*first)
        if (p->stack[*first - 1]->kind == PICKLE_MARK)
            return STATUS_OK;
    return pickle_fail(p, "a mark is missing", err);
}

/* Moves stack[first..] into the container. If count is 0, the mark below them is removed too. */
static status gather(pickle *p, size_t first, unsigned count, pickle_value *container, error *err)
{
    if (container->kind == PICKLE_DICT && (p->depth - first) % 2 != 0)
        return pickle_fail(p, "a key without a value", err);
    for (size_t i = first; i < p->depth; i++)
        TRY(pickle_append(p, container, p->stack[i], err));
    p->depth = count > 0 ? first : first - 1;
    return STATUS_OK;
}

/* Moves values into the container below them. */
static status fill(pickle *p, enum pickle_kind kind, unsigned count, error *err)
{
    size_t first;
    TRY(find_items(p, count, &first, err));
    size_t place = count > 0 ? first : first - 1;
    if (place < 1 || p->stack[place - 1]->kind != kind)
        return pickle_fail(p, "values without a container", err);
    return gather(p, first, count, p->stack[place - 1], err);
}

/* Puts values into a new container, which takes their place. */
static status push_filled(pickle *p, enum pickle_kind kind, unsigned count, error *err)
{
    size_t first;
    pickle_value *made;
    TRY(find_items(p, count, &first, err));
    TRY(pickle_make(p, kind, &made, err));
    TRY(gather(p, first, count, made, err));
    return push(p, made, err);
}

/* ---- Numbers and strings ---- */

static status take(pickle *p, size_t count, const unsigned char **bytes, error *err)
{
    *bytes = NULL;
    if (count > p->size - p->at)
        return pickle_fail(p, "it ends in the middle", err);
    *bytes = p->data + p->at;
    p->at += count;
    return STATUS_OK;
}

static status take_number(pickle *p, size_t count, uint64_t *number, error *err)
{
    const unsigned char *bytes;
    TRY(take(p, count, &bytes, err));
    *number = number_of_bytes(bytes, count);
    return STATUS_OK;
}

static status take_line(pickle *p, const unsigned char **line, size_t *length, error *err)
{
    const unsigned char *end = memchr(p->data + p->at, '\n', p->size - p->at);
    if (!end)
        return pickle_fail(p, "it ends in the middle", err);
    *line = p->data + p->at;
    *length = (size_t)(end - *line);
    p->at += *length + 1;
    return STATUS_OK;
}

static status push_counted(pickle *p, size_t length_bytes, error *err)
{
    uint64_t length;
    const unsigned char *bytes;
    TRY(take_number(p, length_bytes, &length, err));
    TRY(take(p, (size_t)length, &bytes, err));
    return push_bytes(p, PICKLE_BYTES, bytes, (size_t)length, err);
}

/* LONG1: the number of bytes, then an integer in two's complement. */
static status push_long(pickle *p, error *err)
{
    uint64_t count;
    const unsigned char *bytes;
    TRY(take_number(p, 1, &count, err));
    TRY(take(p, (size_t)count, &bytes, err));
    if (count > sizeof(uint64_t))
        return push_bytes(p, PICKLE_LONG, bytes, (size_t)count, err);
    uint64_t number = number_of_bytes(bytes, (size_t)count);
    if (count > 0 && count < sizeof number && bytes[count - 1] & 0x80)
        number |= UINT64_MAX << (8 * count);
    return push_new(p, PICKLE_INT, (int64_t)number, err);
}

/* BINFLOAT: a double, high byte first. */
static status push_float(pickle *p, error *err)
{
    const unsigned char *bytes;
    uint64_t bits = 0;
    TRY(take(p, sizeof bits, &bytes, err));
    for (size_t i = 0; i < sizeof bits; i++)
        bits = bits << 8 | bytes[i];
    TRY(push_new(p, PICKLE_FLOAT, 0, err));
    memcpy(&p->stack[p->depth - 1]->real, &bits, sizeof bits);
    return STATUS_OK;
}

/* ---- Names, calls and objects ---- */

/* Accepts only the names that the rules list. */
static status push_name(pickle *p, const unsigned char *module, size_t module_length,
                        const unsigned char *name, size_t name_length, error *err)
{
    char full[NAME_BYTES], what[NAME_BYTES + 64];
    bool fits = module_length + name_length + 2 <= sizeof full;
    if (fits)
        snprintf(full, sizeof full, "%.*s %.*s", (int)module_length, (const char *)module,
                 (int)name_length, (const char *)name);
    for (size_t i = 0; fits && i < p->rules->name_count; i++)
        if (strcmp(full, p->rules->names[i].name) == 0) {
            TRY(push_new(p, PICKLE_NAME, (int64_t)i, err));
            p->stack[p->depth - 1]->tag = p->rules->names[i].tag;
            return STATUS_OK;
        }
    for (char *c = full; fits && *c; c++)
        *c = *c == ' ' ? '.' : *c < ' ' || *c > '~' ? '?' : *c;
    snprintf(what, sizeof what, "it names %s, which hcnn-cl neither reads nor runs",
             fits ? full : "an object");
    return pickle_fail(p, what, err);
}

static status push_global(pickle *p, error *err)
{
    const unsigned char *module = NULL, *name = NULL;
    size_t module_length = 0, name_length = 0;
    TRY(take_line(p, &module, &module_length, err));
    TRY(take_line(p, &name, &name_length, err));
    return push_name(p, module, module_length, name, name_length, err);
}

static status push_stack_global(pickle *p, error *err)
{
    pickle_value *module, *name;
    TRY(pop(p, &name, err));
    TRY(pop(p, &module, err));
    if (module->kind != PICKLE_BYTES || name->kind != PICKLE_BYTES)
        return pickle_fail(p, "a name that is not text", err);
    return push_name(p, module->bytes, module->size, name->bytes, name->size, err);
}

static status reduce(pickle *p, error *err)
{
    pickle_value *arguments, *name, *made;
    TRY(pop(p, &arguments, err));
    TRY(pop(p, &name, err));
    if (name->kind != PICKLE_NAME || arguments->kind != PICKLE_LIST)
        return pickle_fail(p, "a call that is not supported", err);
    const pickle_name *called = &p->rules->names[name->integer];
    if (called->call) {
        TRY(called->call(p, arguments, &made, err));
        return push(p, made, err);
    }
    TRY(pickle_make(p, PICKLE_OBJECT, &made, err));
    made->tag = called->tag;
    for (size_t i = 0; i < arguments->count; i++)
        TRY(pickle_append(p, made, arguments->items[i], err));
    return push(p, made, err);
}

static status build(pickle *p, error *err)
{
    pickle_value *state, *object;
    TRY(pop(p, &state, err));
    TRY(top(p, 0, &object, err));
    if (!p->rules->build)
        return pickle_fail(p, "an object with a state, which is not supported", err);
    return p->rules->build(p, object, state, err);
}

static status push_persistent(pickle *p, error *err)
{
    pickle_value *id, *made;
    if (!p->rules->persistent)
        return pickle_fail(p, "a value stored outside the pickle, which is not supported", err);
    TRY(pop(p, &id, err));
    TRY(pickle_make(p, PICKLE_PERSISTENT, &made, err));
    TRY(pickle_append(p, made, id, err));
    return push(p, made, err);
}

/* ---- The memo ---- */

static status remember(pickle *p, uint64_t index, error *err)
{
    pickle_value *value;
    TRY(top(p, 0, &value, err));
    if (index >= MAX_MEMO)
        return pickle_fail(p, "a memo index out of bounds", err);
    if (index >= p->memo_capacity) {
        size_t wanted = 2 * (size_t)index + 64;
        pickle_value **grown = realloc(p->memo, wanted * sizeof *grown);
        TRY(got_memory(grown, err, p->where));
        memset(grown + p->memo_capacity, 0, (wanted - p->memo_capacity) * sizeof *grown);
        p->memo = grown;
        p->memo_capacity = wanted;
    }
    p->memo_next += !p->memo[index];
    p->memo[index] = value;
    return STATUS_OK;
}

static status recall(pickle *p, uint64_t index, error *err)
{
    if (index >= p->memo_capacity || !p->memo[index])
        return pickle_fail(p, "a memo entry that was never set", err);
    return push(p, p->memo[index], err);
}

/* ---- The machine ---- */

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

/* Opcodes that make a value from the bytes after them. */
static status step_value(pickle *p, unsigned char opcode, error *err)
{
    switch (opcode) {
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
    case 'U': /* SHORT_BINSTRING, SHORT_BINBYTES, SHORT_BINUNICODE */
    case 'C':
    case 0x8c:
        return push_counted(p, 1, err);
    case 'T': /* BINSTRING, BINUNICODE, BINBYTES */
    case 'X':
    case 'B':
        return push_counted(p, 4, err);
    case 0x8a: /* LONG1 */
        return push_long(p, err);
    case 'G': /* BINFLOAT */
        return push_float(p, err);
    case 'K': /* BININT1, BININT2, BININT, BINPUT, LONG_BINPUT, BINGET, LONG_BINGET */
    case 'M':
    case 'J':
    case 'q':
    case 'r':
    case 'h':
    case 'j':
        return numbered(p, opcode, err);
    default:
        return pickle_fail(p, "an opcode that is not supported", err);
    }
}

/* The other opcodes, which work on the stack. */
static status step(pickle *p, unsigned char opcode, error *err)
{
    const unsigned char *skipped;
    switch (opcode) {
    case 0x80: /* PROTO, FRAME */
    case 0x95:
        return take(p, opcode == 0x80 ? 1 : 8, &skipped, err);
    case 'a': /* APPEND, APPENDS, SETITEM, SETITEMS */
        return fill(p, PICKLE_LIST, 1, err);
    case 'e':
        return fill(p, PICKLE_LIST, 0, err);
    case 's':
        return fill(p, PICKLE_DICT, 2, err);
    case 'u':
        return fill(p, PICKLE_DICT, 0, err);
    case 't': /* TUPLE, LIST, DICT */
    case 'l':
        return push_filled(p, PICKLE_LIST, 0, err);
    case 'd':
        return push_filled(p, PICKLE_DICT, 0, err);
    case 0x85: /* TUPLE1, TUPLE2, TUPLE3 */
    case 0x86:
    case 0x87:
        return push_filled(p, PICKLE_LIST, opcode - 0x84u, err);
    case 'c': /* GLOBAL, STACK_GLOBAL */
        return push_global(p, err);
    case 0x93:
        return push_stack_global(p, err);
    case 'R': /* REDUCE */
        return reduce(p, err);
    case 'b': /* BUILD */
        return build(p, err);
    case 'Q': /* BINPERSID */
        return push_persistent(p, err);
    case 0x94: /* MEMOIZE */
        return remember(p, p->memo_next, err);
    default:
        return step_value(p, opcode, err);
    }
}

static status run(pickle *p, error *err)
{
    for (;;) {
        const unsigned char *opcode;
        TRY(take(p, 1, &opcode, err));
        if (*opcode == '.') /* STOP */
            return pop(p, &p->root, err);
        TRY(step(p, *opcode, err));
    }
}

status pickle_parse(const char *where, const unsigned char *data, size_t size,
                    const pickle_rules *rules, pickle **parsed, error *err)
{
    *parsed = NULL;
    pickle *p = calloc(1, sizeof *p);
    TRY(got_memory(p, err, where));
    p->where = where;
    p->rules = rules;
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

size_t pickle_count(const pickle *parsed)
{
    return parsed->value_count;
}

const pickle_value *pickle_at(const pickle *parsed, size_t index)
{
    return parsed->values[index];
}

size_t pickle_size(const pickle *parsed)
{
    return parsed->at;
}

void pickle_free(pickle *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->value_count; i++) {
        pickle_value *value = p->values[i];
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
