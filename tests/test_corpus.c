/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every input in tests/fuzz/corpus through its fuzz target: seeds, and inputs that once
 * revealed a fault. A crash or a condition that does not hold ends the program. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "fuzz/fuzz.h"

#include <dirent.h>

typedef struct target {
    const char *name;
    int (*run)(const uint8_t *data, size_t size);
} target;

static target targets[] = {
#define CORPUS_TARGET(name, longest) {#name, fuzz_##name},
    FUZZ_TARGETS(CORPUS_TARGET)
#undef CORPUS_TARGET
};
enum { TARGETS = sizeof targets / sizeof targets[0], MOST_BYTES = 1 << 20 };

static char *corpus_path(const char *name)
{
    const char *source = getenv("srcdir");
    return text_format("%s/tests/fuzz/corpus/%s", source ? source : ".", name);
}

/* Prints the name first, so that the input of a crash is known. */
static void run_input(const target *t, const char *directory, const char *name)
{
    error err;
    unsigned char *data;
    size_t size;
    char *path = text_format("%s/%s", directory, name);
    print_message("%s/%s\n", t->name, name);
    CHECK_OK(file_read(path, MOST_BYTES, &data, &size, &err));
    t->run(data, size);
    free(data);
    free(path);
}

static void test_inputs(void **state)
{
    const target *t = *state;
    char *directory = corpus_path(t->name);
    DIR *opened = opendir(directory);
    int inputs = 0;
    assert_non_null(opened);
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;)
        if (entry->d_name[0] != '.') {
            run_input(t, directory, entry->d_name);
            inputs++;
        }
    closedir(opened);
    free(directory);
    assert_true(inputs > 0);
}

/* Each directory must have a target: inputs of a renamed target would never run. */
static void test_directories(void **state)
{
    (void)state;
    char *corpus = corpus_path("");
    DIR *opened = opendir(corpus);
    int unknown = 0;
    assert_non_null(opened);
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;) {
        bool known = entry->d_name[0] == '.';
        for (size_t i = 0; i < TARGETS; i++)
            known = known || strcmp(targets[i].name, entry->d_name) == 0;
        unknown += !known;
    }
    closedir(opened);
    free(corpus);
    assert_int_equal(unknown, 0);
}

int main(void)
{
    struct CMUnitTest tests[TARGETS + 1] = {cmocka_unit_test(test_directories)};
    for (size_t i = 0; i < TARGETS; i++)
        tests[i + 1] = (struct CMUnitTest){targets[i].name, test_inputs, NULL, NULL, &targets[i]};
    return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
