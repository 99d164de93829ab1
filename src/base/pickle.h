/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Python's pickles as a tree of values: dictionaries, lists, tuples, numbers, strings and the
 * few objects that the reader of a format asks for. A pickle is a program; this reader runs none of
 * it. Classes and functions are known only by name, and every name that the format's table does not
 * list is an error. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
    PICKLE_NONE, /* None or False */
    PICKLE_INT,  /* an integer of up to 8 bytes, or True */
    PICKLE_FLOAT,
    PICKLE_LONG,   /* an integer of more than 8 bytes: two's complement, low byte first */
    PICKLE_BYTES,  /* a string, or bytes */
    PICKLE_LIST,   /* a list or a tuple */
    PICKLE_DICT,   /* items: key, value, key, value, ... */
    PICKLE_NAME,   /* a class or function: tag comes from the table, integer is its index there */
    PICKLE_OBJECT, /* the result of a call: items are the arguments, tag is the name's */
    PICKLE_PERSISTENT, /* a value stored outside the pickle: its one item says where */
    PICKLE_MARK,
};

typedef struct pickle_value {
    enum pickle_kind kind;
    int tag;
    int64_t integer;
    double real;
    const unsigned char *bytes; /* followed by a zero byte */
    size_t size;
    struct pickle_value **items;
    size_t count;
} pickle_value;

typedef struct pickle pickle;

/* A class or function that may be named. */
typedef struct pickle_name {
    const char *name; /* the module, a space, the name in the module: "collections OrderedDict" */
    int tag;
    /* Makes the value of a call from the tuple of its arguments. NULL: the value is a
     * PICKLE_OBJECT. */
    status (*call)(pickle *p, const pickle_value *arguments, pickle_value **made, error *err);
} pickle_name;

/* What the pickles of one format may contain. */
typedef struct pickle_rules {
    const char *format; /* completes "the file is damaged or not": "a state dict of torch.save" */
    const pickle_name *names;
    size_t name_count;
    /* Applies a state to its object. NULL: a state is an error. */
    status (*build)(pickle *p, pickle_value *object, const pickle_value *state, error *err);
    bool persistent; /* values may be stored outside the pickle */
} pickle_rules;

/* Parses the pickle at the start of data[0..size). Messages call it `where` and name the byte at
 * which reading failed. `where` and `rules` must outlive *parsed, which the caller frees with
 * pickle_free. */
status pickle_parse(const char *where, const unsigned char *data, size_t size,
                    const pickle_rules *rules, pickle **parsed, error *err);
/* The value of the whole pickle. All values belong to the pickle. */
const pickle_value *pickle_root(const pickle *parsed);
/* The values that were made, including those inside others, by index. */
size_t pickle_count(const pickle *parsed);
const pickle_value *pickle_at(const pickle *parsed, size_t index);
/* The number of bytes up to the end of the pickle; other data may follow. */
size_t pickle_size(const pickle *parsed);
void pickle_free(pickle *parsed); /* NULL is allowed */

/* The value of a key. NULL if the dictionary does not have it, is not a dictionary, or is NULL. */
const pickle_value *pickle_get(const pickle_value *dictionary, const char *key);

/* For the functions of the rules. pickle_fail sets the error `what` at the current byte; the others
 * make values, which the pickle owns. Bytes are copied and followed by a zero byte. */
status pickle_fail(const pickle *p, const char *what, error *err);
status pickle_make(pickle *p, enum pickle_kind kind, pickle_value **made, error *err);
status pickle_make_bytes(pickle *p, enum pickle_kind kind, const unsigned char *bytes, size_t size,
                         pickle_value **made, error *err);
status pickle_append(pickle *p, pickle_value *list, pickle_value *item, error *err);
/* The size of the pickle's input in bytes: no honest array is larger. */
size_t pickle_input_size(const pickle *p);
