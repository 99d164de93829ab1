/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of pickles (base/pickle.c): the first byte chooses the rules for PyTorch or
 * those for CIFAR's numpy arrays; the rest is the pickle. Whatever was parsed must be part of the
 * input, and its values must be complete. */
#include "base/torch_contents.h"
#include "data/numpy.h"
#include "fuzz.h"

static void check_value(const pickle_value *v)
{
    FUZZ_HOLDS(v->kind <= PICKLE_MARK);
    FUZZ_HOLDS(v->kind != PICKLE_BYTES || v->bytes);
    FUZZ_HOLDS(!v->bytes || v->bytes[v->size] == '\0');
    for (size_t i = 0; i < v->count; i++)
        FUZZ_HOLDS(v->items[i] != NULL);
}

int fuzz_pickle(const uint8_t *data, size_t size)
{
    error err;
    pickle *parsed;
    const pickle_rules *rules = fuzz_take_byte(&data, &size) & 1 ? &numpy_rules : &torch_rules;
    if (pickle_parse("input", data, size, rules, &parsed, &err) != STATUS_OK)
        return 0;
    FUZZ_HOLDS(pickle_size(parsed) <= size);
    FUZZ_HOLDS(pickle_root(parsed) != NULL);
    for (size_t i = 0; i < pickle_count(parsed); i++)
        check_value(pickle_at(parsed, i));
    pickle_get(pickle_root(parsed), "data");
    pickle_free(parsed);
    return 0;
}
