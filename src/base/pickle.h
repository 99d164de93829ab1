/* SPDX-License-Identifier: Apache-2.0 */
/* Python's pickles as a tree of values: dictionaries, lists, tuples, numbers, strings and the few
 * objects that the reader of a format asks for. A pickle is a program; this reader runs none of it.
 * Classes and functions are known by name alone, and every name that the format's table does not
 * list is an error. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
    PICKLE_NONE, /* and False */
    PICKLE_INT,  /* and True */
    PICKLE_FLOAT,
    PICKLE_LONG,       /* a whole number of more than 8 bytes: two's complement, low byte first */
    PICKLE_BYTES,      /* a string, or bytes */
    PICKLE_LIST,       /* and tuples */
    PICKLE_DICT,       /* items: key, value, key, value, ... */
    PICKLE_NAME,       /* of a class or function; tag is the table's, integer its place there */
    PICKLE_OBJECT,     /* what calling a name makes: items are the arguments, tag is the name's */
    PICKLE_PERSISTENT, /* what lies outside the pickle: its one item says where */
    PICKLE_MARK,
};

typedef struct pickle_value {
    enum pickle_kind kind;
    int tag;
    int64_t integer;
    double real;
    const unsigned char *bytes; /* zero byte behind them */
    size_t size;
    struct pickle_value **items;
    size_t count;
} pickle_value;

typedef struct pickle pickle;

/* A class or function that may be named. */
typedef struct pickle_name {
    const char *name; /* the module, a space, the name in it: "collections OrderedDict" */
    int tag;
    /* Makes the value of a call, from the tuple of its arguments. NULL: a PICKLE_OBJECT. */
    status (*call)(pickle *p, const pickle_value *arguments, pickle_value **made, error *err);
} pickle_name;

/* What one format's pickles may hold. */
typedef struct pickle_rules {
    const char *format; /* what a message says the file may not be: "CIFAR-100" */
    const pickle_name *names;
    size_t name_count;
    /* What a state does to the object that it belongs to; NULL: there is no such. */
    status (*build)(pickle *p, pickle_value *object, const pickle_value *state, error *err);
    bool persistent; /* values outside the pickle may be named */
} pickle_rules;

/* Parses the pickle at the start of data[0..size), which `rules` and `where`, its name in messages,
 * have to outlive. Messages say at which byte it went wrong. */
status pickle_parse(const char *where, const unsigned char *data, size_t size,
                    const pickle_rules *rules, pickle **parsed, error *err);
const pickle_value *pickle_root(const pickle *parsed);
/* Every value that was made, also inside others. */
size_t pickle_count(const pickle *parsed);
const pickle_value *pickle_at(const pickle *parsed, size_t index);
/* Bytes up to the end of the pickle; others may follow. */
size_t pickle_size(const pickle *parsed);
void pickle_free(pickle *parsed); /* NULL is fine */

/* The value of a dictionary's key; NULL when there is none or it is no dictionary. */
const pickle_value *pickle_get(const pickle_value *dictionary, const char *key);

/* For the functions of the rules: the error `what` at the current byte, and new values, which the
 * pickle owns. Bytes are copied, with a zero byte behind them. */
status pickle_fail(const pickle *p, const char *what, error *err);
status pickle_make(pickle *p, enum pickle_kind kind, pickle_value **made, error *err);
status pickle_make_bytes(pickle *p, enum pickle_kind kind, const unsigned char *bytes, size_t size,
                         pickle_value **made, error *err);
status pickle_append(pickle *p, pickle_value *list, pickle_value *item, error *err);
/* Bytes in the pickle's input: no honest array in it is larger. */
size_t pickle_input_size(const pickle *p);
