/* The few of Python's pickles that CIFAR's python version is made of: dictionaries, lists, tuples,
 * numbers, strings and numpy arrays of bytes. A pickle is a program; this reader runs none of it
 * and refuses every other object. */
#ifndef HCNN_DATA_PICKLE_H
#define HCNN_DATA_PICKLE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_INT,
    PICKLE_BYTES, /* a string, or the contents of an array of uint8 */
    PICKLE_LIST,  /* and tuples */
    PICKLE_DICT,  /* items: key, value, key, value, ... */
    PICKLE_NAME,  /* a global's name; only those of numpy's arrays are let through */
    PICKLE_ARRAY, /* a numpy array that has no contents yet */
    PICKLE_MARK,
};

typedef struct pickle_value {
    enum pickle_kind kind;
    int64_t integer;
    const unsigned char *bytes; /* zero byte behind them */
    size_t size;
    struct pickle_value **items;
    size_t count, capacity;
} pickle_value;

typedef struct pickle pickle;

/* Parses data[0..size); `where` names it in messages, which say at which byte it went wrong. */
status pickle_parse(const char *where, const unsigned char *data, size_t size, pickle **parsed,
                    error *err);
const pickle_value *pickle_root(const pickle *parsed);
void pickle_free(pickle *parsed);

/* The value of a dictionary's key; NULL when there is none or it is no dictionary. */
const pickle_value *pickle_get(const pickle_value *dictionary, const char *key);

#endif
