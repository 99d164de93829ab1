/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes `import` (model/import.c): the first byte chooses the prefix and the backbone. Each line
 * after it describes a tensor by its name and its dimensions, separated by blanks. The target
 * writes a safetensors file with that header and a hole in place of the values. The tensors that
 * are taken must be in the file, and no more than it has. */
#include "model/import.h"
#include "base/file.h"
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LENGTH_BYTES = 8, MOST_BYTES = 64 << 20 };

/* Adds the tensor of a line, with `end` bytes of others before it. Returns false if the line does
 * not describe one. */
static bool add_tensor(json_t *header, char *line, uint64_t *end)
{
    char *rest = line, *name = strsep(&rest, " ");
    json_t *shape = json_array();
    uint64_t bytes = 4;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        uint64_t length = strtoull(word, NULL, 10) % MOST_BYTES;
        json_array_append_new(shape, json_integer((json_int_t)length));
        bytes = bytes > MOST_BYTES ? bytes : bytes * length;
    }
    if (*end + bytes > MOST_BYTES || json_object_get(header, name)) {
        json_decref(shape);
        return false;
    }
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape,
                              "data_offsets", (json_int_t)*end, (json_int_t)(*end + bytes));
    bool added = json_object_set_new(header, name, entry) == 0;
    *end += added ? bytes : 0;
    return added;
}

static char *make_file(const uint8_t *data, size_t size)
{
    json_t *header = json_object();
    char *text = fuzz_text(data, size), *rest = text;
    uint64_t end = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line)
            add_tensor(header, line, &end);
    free(text);
    text = json_dumps(header, JSON_COMPACT);
    size_t length = strlen(text);
    unsigned char *file = calloc(1, LENGTH_BYTES + length);
    FUZZ_HOLDS(file != NULL);
    for (int i = 0; i < LENGTH_BYTES; i++)
        file[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(file + LENGTH_BYTES, text, length);
    char *path = fuzz_file("input.safetensors", file, LENGTH_BYTES + length);
    FUZZ_HOLDS(truncate(path, (off_t)(LENGTH_BYTES + length + end)) == 0);
    free(file);
    free(text);
    json_decref(header);
    return path;
}

int fuzz_import(const uint8_t *data, size_t size)
{
    static const char *const prefixes[] = {NULL, "encoder."};
    static const char *const backbones[] = {NULL, "resnet18", "tiny", "none"};
    error err;
    import_plan plan;
    uint8_t ways = fuzz_take_byte(&data, &size);
    const import_options options = {.prefix = prefixes[ways & 1], .backbone = backbones[ways >> 6]};
    char *path = make_file(data, size);
    if (import_open(path, &options, &plan, &err) == STATUS_OK) {
        FUZZ_HOLDS(plan.taken >= 0 && (size_t)plan.taken <= tensor_file_count(plan.file));
        for (int i = 0; i < plan.taken; i++)
            FUZZ_HOLDS(tensor_file_find(plan.file, plan.copies[i].from->name));
        import_close(&plan);
    }
    free(path);
    return 0;
}
