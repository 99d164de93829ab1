/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes CIFAR-100's binary and python versions (data/cifar.c): the first byte chooses a file of a
 * small data set, the rest replaces it. If the set opens, its labels must be classes, and each fine
 * class must have its parent. */
#include "base/text.h"
#include "data/dataset.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COARSE = 20, FINE = 100, RECORD_BYTES = 2 + 3072, FILES = 7, BINARY_FILES = 4 };

static const char *const names[FILES] = {
    "binary/train.bin",
    "binary/test.bin",
    "binary/coarse_label_names.txt",
    "binary/fine_label_names.txt",
    "python/train",
    "python/test",
    "python/meta",
};

/* "0\n1\n2\n" and so on. */
static void put_names(const char *name, int count)
{
    char text[1024] = "";
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d\n", i);
    free(fuzz_file(name, text, strlen(text)));
}

static void put_binary(void)
{
    static const uint8_t record[RECORD_BYTES] = {1, 2};
    free(fuzz_file(names[0], record, sizeof record));
    free(fuzz_file(names[1], record, sizeof record));
    put_names(names[2], COARSE);
    put_names(names[3], FINE);
}

/* {'data': an image, 'coarse_labels': [1], 'fine_labels': [2]}. */
static void put_batch(const char *name)
{
    static const char head[] = "\x80\x02}(U\x04"
                               "dataT\x00\x0c\x00\x00";
    static const char tail[] = "U\x0d"
                               "coarse_labels](K\x01"
                               "eU\x0b"
                               "fine_labels](K\x02"
                               "eu.";
    uint8_t batch[4096] = {0};
    size_t size = sizeof head - 1;
    memcpy(batch, head, size);
    size += RECORD_BYTES - 2;
    memcpy(batch + size, tail, sizeof tail - 1);
    free(fuzz_file(name, batch, size + sizeof tail - 1));
}

/* A list of names of two digits in a pickle: ](U\x0200U\x0201...e. */
static size_t put_list(uint8_t *to, const char *key, int count)
{
    size_t size = (size_t)sprintf((char *)to, "U%c%s](", (int)strlen(key), key);
    for (int i = 0; i < count; i++, size += 4)
        memcpy(to + size, (const char[]){'U', 2, (char)('0' + i / 10), (char)('0' + i % 10)}, 4);
    to[size++] = 'e';
    return size;
}

static void put_python(void)
{
    uint8_t meta[1024] = "\x80\x02}(";
    size_t size = 4;
    put_batch(names[4]);
    put_batch(names[5]);
    size += put_list(meta + size, "coarse_label_names", COARSE);
    size += put_list(meta + size, "fine_label_names", FINE);
    memcpy(meta + size, "u.", 2);
    free(fuzz_file(names[6], meta, size + 2));
}

static void check_set(const dataset *set, const image_set *images)
{
    for (size_t i = 0; i < images->count; i++) {
        int fine = images->fine[i], coarse = images->coarse[i];
        FUZZ_HOLDS(fine >= 0 && fine < set->classes.fine_count);
        FUZZ_HOLDS(set->classes.parents[fine] == coarse);
    }
    FUZZ_HOLDS(images->count > 0 && images->pixels);
}

static status open_set(const char *version)
{
    error err;
    dataset set = {0};
    char *path = text_format("%s/%s", fuzz_directory(), version);
    status result = cifar_open(path, &set, &err);
    if (result == STATUS_OK) {
        FUZZ_HOLDS(set.classes.coarse_count == COARSE && set.classes.fine_count == FINE);
        check_set(&set, &set.train);
        check_set(&set, &set.test);
    }
    dataset_close(&set);
    free(path);
    return result;
}

int fuzz_cifar(const uint8_t *data, size_t size)
{
    size_t chosen = fuzz_take_byte(&data, &size) % FILES;
    bool binary = chosen < BINARY_FILES;
    if (binary)
        put_binary();
    else
        put_python();
    FUZZ_HOLDS(open_set(binary ? "binary" : "python") == STATUS_OK);
    free(fuzz_file(names[chosen], data, size));
    open_set(binary ? "binary" : "python");
    return 0;
}
