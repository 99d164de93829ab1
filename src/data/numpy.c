/* SPDX-License-Identifier: Apache-2.0 */
/* Reads numpy's arrays of bytes in pickles; see numpy.h. */
#include "data/numpy.h"

#include <string.h>

enum { ARRAY = 1, DTYPE };

/* _codecs.encode(text, "latin1"): how Python 3 writes bytes in protocol 2. Each byte is a character
 * below 256, which has two bytes of UTF-8 if it is above 127. */
static status decode_latin1(pickle *p, const pickle_value *arguments, pickle_value **made,
                            error *err)
{
    static const char unread[] = "bytes in a form that is not supported";
    const pickle_value *text = arguments->count == 2 ? arguments->items[0] : NULL;
    if (!text || text->kind != PICKLE_BYTES)
        return pickle_fail(p, unread, err);
    TRY(pickle_make_bytes(p, PICKLE_BYTES, text->bytes, text->size, made, err));
    unsigned char *out = (unsigned char *)(*made)->bytes;
    size_t length = 0;
    for (size_t i = 0; i < text->size; i++) {
        unsigned char c = text->bytes[i];
        if (c >= 0x80) {
            if ((c & 0xfc) != 0xc0 || i + 1 == text->size)
                return pickle_fail(p, unread, err);
            c = (unsigned char)(c << 6 | (text->bytes[++i] & 0x3f));
        }
        out[length++] = c;
    }
    out[length] = '\0';
    (*made)->size = length;
    return STATUS_OK;
}

static status make_dtype(pickle *p, const pickle_value *arguments, pickle_value **made, error *err)
{
    const pickle_value *type = arguments->count ? arguments->items[0] : NULL;
    if (!type || type->kind != PICKLE_BYTES || strcmp((const char *)type->bytes, "u1") != 0)
        return pickle_fail(p, "an array of something other than bytes", err);
    TRY(pickle_make(p, PICKLE_OBJECT, made, err));
    (*made)->tag = DTYPE;
    return STATUS_OK;
}

/* The state of an array: (version, shape, dtype, fortran order, contents). */
static status build(pickle *p, pickle_value *object, const pickle_value *state, error *err)
{
    if (object->kind == PICKLE_OBJECT && object->tag == DTYPE)
        return STATUS_OK;
    if (object->kind != PICKLE_OBJECT || object->tag != ARRAY || state->kind != PICKLE_LIST ||
        state->count != 5 || state->items[4]->kind != PICKLE_BYTES ||
        state->items[1]->kind != PICKLE_LIST || state->items[3]->integer != 0)
        return pickle_fail(p, "an array in a form that is not supported", err);
    uint64_t elements = 1;
    for (size_t i = 0; i < state->items[1]->count; i++) {
        int64_t length = state->items[1]->items[i]->integer;
        if (length < 0 ||
            (length > 0 && elements > (uint64_t)pickle_input_size(p) / (uint64_t)length))
            return pickle_fail(p, "an array larger than the file", err);
        elements *= (uint64_t)length;
    }
    pickle_value *contents = state->items[4];
    if (elements != contents->size)
        return pickle_fail(p, "an array whose shape and contents do not agree", err);
    /* The object becomes the array's contents. They may be large, so they are moved, not copied. */
    object->kind = PICKLE_BYTES;
    object->bytes = contents->bytes;
    object->size = contents->size;
    contents->kind = PICKLE_NONE;
    contents->bytes = NULL;
    contents->size = 0;
    return STATUS_OK;
}

static const pickle_name names[] = {
    {"numpy.core.multiarray _reconstruct", ARRAY, NULL},
    {"numpy._core.multiarray _reconstruct", ARRAY, NULL},
    {"numpy ndarray", 0, NULL},
    {"numpy dtype", DTYPE, make_dtype},
    {"_codecs encode", 0, decode_latin1},
};

const pickle_rules numpy_rules = {
    .format = "CIFAR-100",
    .names = names,
    .name_count = sizeof names / sizeof names[0],
    .build = build,
};
