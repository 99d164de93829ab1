/* SPDX-License-Identifier: Apache-2.0 */
/* A struct to a JSON object and back, by a table of its fields. Numbers with a fraction are C's
 * hexadecimal floats in a text ("0x1.8p+1"), which lose nothing. */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum field_kind {
    FIELD_INT,      /* int, at least 0 */
    FIELD_U32,      /* uint32_t */
    FIELD_COUNT,    /* uint64_t below 2^63 */
    FIELD_SEED,     /* uint64_t, decimal digits in a text: JSON's integers end at 2^63 */
    FIELD_FLAG,     /* bool */
    FIELD_REAL,     /* double, finite, at least 0 */
    FIELD_POSITIVE, /* double, finite, above 0 */
    FIELD_LIMIT,    /* double, at least 0, or infinity */
    FIELD_TEXT,     /* const char *; read, it points into the JSON value */
    FIELD_WORD,     /* an enum: a text among `words` */
    FIELD_OBJECT,   /* a struct, by the table `inner` */
    FIELD_INTS,     /* int [most], of which `count`, an int's offset, says how many there are */
};

typedef struct field {
    const char *key;
    enum field_kind kind;
    bool optional; /* may be missing: the struct keeps what it has. A NULL text is left out */
    size_t offset;
    long long least, most;  /* of FIELD_INT and FIELD_U32, where most is not 0; of FIELD_INTS, least
                               of each */
    const word_list *words; /* of FIELD_WORD */
    const struct field *inner; /* of FIELD_OBJECT */
    size_t count;              /* of FIELD_INTS */
} field;

/* The start of a row, {FIELD(INT, network_options, image_size), .least = 1}: the key is the
 * member's name. */
#define FIELD(kind_, struct_, member_)                                                             \
    .key = #member_, .kind = FIELD_##kind_, .offset = offsetof(struct_, member_)

/* An object in a file, as messages name it. */
typedef struct fields_source {
    const char *path;
    const char *piece; /* "hcnn.state" */
    const json_t *object;
} fields_source;

/* Appends the fields of a record to an object, which is returned. NULL, freeing the object, when a
 * text is not UTF-8 or memory is out; a NULL object stays NULL. The table ends with a row of zeros.
 */
json_t *fields_write(json_t *object, const field *table, const void *record);
/* The same for one value, which it takes over. */
json_t *fields_put(json_t *object, const char *key, json_t *value);

/* Nothing is guessed: a key that is missing, or that holds what fields_write never puts there, is
 * STATUS_FAILED, naming file, piece and key. */
status fields_read(const field *table, const fields_source *from, void *record, error *err);

/* For members that no row describes: the value of a key, of that type. */
status fields_find(const fields_source *from, const char *key, json_type type, const json_t **found,
                   error *err);
/* The same for an array of whole numbers from `least` up, which the caller frees also after a
 * failure; *values starts as NULL. */
status fields_ints(const fields_source *from, const char *key, int least, int **values, int *count,
                   error *err);
/* The message for a key whose value is none that is written. */
status fields_refuse(const fields_source *from, const char *key, error *err);
