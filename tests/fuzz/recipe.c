/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes recipes (train/recipe.c), YAML and JSON: the input is the file. Options that were read
 * must be the same after config_write and reading them again. */
#include "train/recipe.h"
#include "base/file.h"
#include "base/text.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* NULL if config_write refuses the options, for example a text that is not UTF-8. */
static char *write_config(const char *name, const train_options *options)
{
    error err;
    unsigned char *text = NULL;
    size_t size;
    char *path = fuzz_file(name, "", 0);
    if (config_write(path, options, &err) == STATUS_OK)
        FUZZ_SUCCEEDS(file_read(path, 1 << 20, &text, &size, &err));
    free(path);
    return (char *)text;
}

int fuzz_recipe(const uint8_t *data, size_t size)
{
    error err;
    words r = {0}, again = {0};
    train_options options = train_defaults(), same = train_defaults();
    options.image_size = 32; /* config_write expects an actual size */
    char *path = fuzz_file("input.yaml", data, size);
    status result = recipe_load(path, &options, &r, &err);
    char *text = result == STATUS_OK ? write_config("config.json", &options) : NULL;
    if (text) {
        char *config = text_format("%s/config.json", fuzz_directory());
        FUZZ_SUCCEEDS(recipe_load(config, &same, &again, &err));
        char *second = write_config("again.json", &same);
        FUZZ_HOLDS(second && strcmp(text, second) == 0);
        words_free(&again);
        free(second);
        free(config);
    }
    words_free(&r);
    free(text);
    free(path);
    return 0;
}
