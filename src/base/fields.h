/* SPDX-License-Identifier: Apache-2.0 */
/* Converts a struct to a JSON object and back, using a table of its fields. Numbers with a fraction
 * are stored as strings with C's hexadecimal floats ("0x1.8p+1"), so nothing is lost. */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum field_kind {
    FIELD_INT,      /* int, 0 to FIELD_MOST */
    FIELD_U32,      /* uint32_t, at most FIELD_MOST */
    FIELD_COUNT,    /* uint64_t, at most FIELD_MOST_COUNT */
    FIELD_SEED,     /* uint64_t, decimal digits in a string: JSON's integers end at 2^63 */
    FIELD_FLAG,     /* bool */
    FIELD_REAL,     /* double, finite, at least 0 */
    FIELD_POSITIVE, /* double, finite, above 0 */
    FIELD_LIMIT,    /* double, at least 0, or infinity */
    FIELD_TEXT,     /* const char *; after reading, it points into the JSON value */
    FIELD_WORD,     /* an enum, stored as one of `words` */
    FIELD_OBJECT,   /* a struct, described by the table `inner` */
    FIELD_INTS,     /* int [most]; the number of elements in use is the int at offset `count` */
};

/* Limits that no training reaches. A program may add to numbers below these without an overflow,
 * and a double holds each of them exactly. */
enum { FIELD_MOST = 1 << 30 };
#define FIELD_MOST_COUNT (1LL << 53)

typedef struct field {
    const char *key;
    enum field_kind kind;
    bool optional; /* may be missing: the member then keeps its value, and a NULL text is not
                      written */
    size_t offset;
    /* bounds of an integer (most 0: as for its kind); for FIELD_INTS, least value of an element and
     * maximum number of elements */
    long long least, most;
    const word_list *words;    /* FIELD_WORD only */
    const struct field *inner; /* FIELD_OBJECT only */
    size_t count;              /* FIELD_INTS only: offset of the number of elements */
} field;

/* Begins a row: {FIELD(INT, network_options, image_size), .least = 1}. The key is the member's
 * name. */
#define FIELD(kind_, struct_, member_)                                                             \
    .key = #member_, .kind = FIELD_##kind_, .offset = offsetof(struct_, member_)

/* A JSON object in a file, and how messages name it. */
typedef struct fields_source {
    const char *path;
    const char *piece; /* "hcnn.state" */
    const json_t *object;
} fields_source;

/* Appends the fields of a record to an object and returns it. Returns NULL and frees the object if
 * a text is not UTF-8 or there is no memory; a NULL object stays NULL. A row of zeros ends the
 * table. */
json_t *fields_write(json_t *object, const field *table, const void *record);

/* Reads the fields of a record. A missing key, or a value that fields_write never writes, is
 * STATUS_FAILED, and the message names file, piece and key. */
status fields_read(const field *table, const fields_source *from, void *record, error *err);

/* For members without a row: finds the value of a key, which must have this type. The value belongs
 * to the object. */
status fields_find(const fields_source *from, const char *key, json_type type, const json_t **found,
                   error *err);
/* The same for an array of integers, each at least `least`. *values must be NULL before the call;
 * the caller frees it, also after a failure. */
status fields_ints(const fields_source *from, const char *key, int least, int **values, int *count,
                   error *err);
/* Sets the error for a key whose value hcnn-cl does not write; returns STATUS_FAILED. */
status fields_refuse(const fields_source *from, const char *key, error *err);
