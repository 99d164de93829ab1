/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the metadata of checkpoints (model/model_file.c, train/training_state.c): the input is a
 * JSON object with the pieces of the metadata, each a text or JSON that is made into one. Metadata
 * that was read must be the same after writing and reading it, and it must be possible to build the
 * network with its options. */
#include "base/file.h"
#include "base/text.h"
#include "fuzz.h"
#include "model/graph.h"
#include "train/checkpoint.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Returns the path, or NULL if the input is not an object of texts that a file can contain. */
static char *write_pieces(const json_t *pieces)
{
    error err;
    const char *key;
    json_t *value;
    tensor_writer *writer;
    char *path = text_format("%s/input.safetensors", fuzz_directory());
    FUZZ_SUCCEEDS(tensor_writer_create(path, &writer, &err));
    json_object_foreach((json_t *)pieces, key, value)
    {
        char *text = json_is_string(value) ? strdup(json_string_value(value))
                                           : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        FUZZ_SUCCEEDS(text && tensor_writer_set_metadata(writer, key, text, &err));
        free(text);
    }
    FUZZ_SUCCEEDS(tensor_writer_commit(writer, &err));
    return path;
}

/* The bytes of a file with the same metadata. */
static unsigned char *write_again(const checkpoint *info, const char *name, size_t *size)
{
    error err;
    unsigned char *bytes;
    tensor_writer *writer;
    char *path = text_format("%s/%s", fuzz_directory(), name);
    FUZZ_SUCCEEDS(tensor_writer_create(path, &writer, &err));
    FUZZ_SUCCEEDS(model_file_describe(writer, &info->model.options, &info->model.classes, &err));
    FUZZ_SUCCEEDS(training_state_write(writer, &info->state, info->optimizer_file, &err));
    FUZZ_SUCCEEDS(tensor_writer_commit(writer, &err));
    FUZZ_SUCCEEDS(file_read(path, 1 << 20, &bytes, size, &err));
    free(path);
    return bytes;
}

static void check_copy(const checkpoint *info)
{
    error err;
    checkpoint again;
    size_t size, same;
    unsigned char *first = write_again(info, "first.safetensors", &size);
    char *path = text_format("%s/first.safetensors", fuzz_directory());
    FUZZ_SUCCEEDS(checkpoint_open(path, &again, &err));
    unsigned char *second = write_again(&again, "second.safetensors", &same);
    FUZZ_HOLDS(size == same && memcmp(first, second, size) == 0);
    checkpoint_close(&again);
    free(path);
    free(first);
    free(second);
}

static void check_network(const checkpoint *info)
{
    error err;
    graph g;
    if (hcnn_build(&info->model.options, &g, &err) == STATUS_OK)
        FUZZ_SUCCEEDS(graph_finish(&g, false, &err));
    graph_free(&g);
}

int fuzz_metadata(const uint8_t *data, size_t size)
{
    error err;
    checkpoint info;
    json_t *pieces = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(pieces)) {
        char *path = write_pieces(pieces);
        if (checkpoint_open(path, &info, &err) == STATUS_OK) {
            check_copy(&info);
            check_network(&info);
            checkpoint_close(&info);
        }
        free(path);
    }
    json_decref(pieces);
    return 0;
}
