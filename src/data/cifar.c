/* SPDX-License-Identifier: Apache-2.0 */
/* Reads CIFAR-100's binary and python versions; see dataset.h.
 *
 * Binary version: train.bin and test.bin have a record per image, <coarse><fine><3072 bytes: red
 * plane, green plane, blue plane>; coarse_label_names.txt and fine_label_names.txt have a name per
 * line. Fine classes keep CIFAR's own numbers. The records tell which coarse class each fine class
 * belongs to. */
#include "base/file.h"
#include "base/file_kind.h"
#include "base/text.h"
#include "data/archive.h"
#include "data/dataset.h"
#include "data/numpy.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 32,
    PIXEL_BYTES = 3 * SIDE * SIDE,
    RECORD_BYTES = 2 + PIXEL_BYTES,
    COARSE_CLASSES = 20,
    FINE_CLASSES = 100,
    MAX_SET_BYTES = 256 << 20, /* CIFAR-100's training set has 154 million */
    MAX_NAMES_BYTES = 1 << 20,
};

/* The files of both versions: first those of the binary version, from PYTHON on those of the python
 * version. */
enum {
    TRAIN_BIN,
    TEST_BIN,
    COARSE_NAMES,
    FINE_NAMES,
    PYTHON,
    PYTHON_TRAIN = PYTHON,
    PYTHON_TEST,
    PYTHON_META,
    MEMBERS,
};

static const archive_member known_members[MEMBERS] = {
    [TRAIN_BIN] = {.name = "train.bin", .limit = MAX_SET_BYTES},
    [TEST_BIN] = {.name = "test.bin", .limit = MAX_SET_BYTES},
    [COARSE_NAMES] = {.name = "coarse_label_names.txt", .limit = MAX_NAMES_BYTES},
    [FINE_NAMES] = {.name = "fine_label_names.txt", .limit = MAX_NAMES_BYTES},
    [PYTHON_TRAIN] = {.name = "train", .limit = MAX_SET_BYTES},
    [PYTHON_TEST] = {.name = "test", .limit = MAX_SET_BYTES},
    [PYTHON_META] = {.name = "meta", .limit = MAX_NAMES_BYTES},
};

static status read_directory(const char *path, archive_member *members, error *err)
{
    for (int i = 0; i < MEMBERS; i++) {
        char *file = text_format("%s/%s", path, members[i].name);
        TRY(got_memory(file, err, path));
        status result = STATUS_OK;
        if (file_may_exist(file))
            result = file_read(file, members[i].limit, &members[i].data, &members[i].size, err);
        free(file);
        TRY(result);
    }
    return STATUS_OK;
}

/* Checks that each of members[first..end) was read. For the message, `version` names the version
 * and the files that it needs. */
static status check_members(const archive_member *members, int first, int end, const char *version,
                            error *err)
{
    for (int i = first; i < end; i++)
        if (!members[i].data)
            return error_set(err, STATUS_FAILED, "has no %s; CIFAR-100's %s", members[i].name,
                             version);
    return STATUS_OK;
}

/* Splits text into lines in place; *names points into it. Empty lines do not count. */
static status split_lines(archive_member *member, int expected, const char *names[], error *err)
{
    int count = 0;
    char *line = (char *)member->data;
    while (line && *line) {
        char *end = strpbrk(line, "\r\n");
        if (end)
            *end++ = '\0';
        if (*line && count < expected)
            names[count] = line;
        count += *line != '\0';
        line = end;
    }
    if (count == expected)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s has %d names, CIFAR-100 has %d", member->name, count,
                     expected);
}

/* Puts the member's name before an error. */
static status in_member(const archive_member *member, status result, error *err)
{
    return result == STATUS_OK ? STATUS_OK : error_prefix(err, result, "%s", member->name);
}

/* Stores one image's labels and, in parents, the coarse class of its fine class. parents is -1 for
 * fine classes not seen yet. */
static status take_labels(size_t index, int coarse, int fine, image_set *set,
                          int parents[FINE_CLASSES], error *err)
{
    if (coarse < 0 || coarse >= COARSE_CLASSES || fine < 0 || fine >= FINE_CLASSES)
        return error_set(err, STATUS_FAILED,
                         "image %zu has coarse label %d and fine label %d, but there are %d and %d "
                         "classes; the file is damaged or not CIFAR-100",
                         index, coarse, fine, COARSE_CLASSES, FINE_CLASSES);
    if (parents[fine] >= 0 && parents[fine] != coarse)
        return error_set(err, STATUS_FAILED,
                         "image %zu puts fine class %d under coarse class %d, but an earlier one "
                         "puts it under %d; the file is damaged or not CIFAR-100",
                         index, fine, coarse, parents[fine]);
    parents[fine] = coarse;
    set->coarse[index] = coarse;
    set->fine[index] = fine;
    return STATUS_OK;
}

static status take_records(const archive_member *member, image_set *set, int parents[FINE_CLASSES],
                           error *err)
{
    size_t count = member->size / RECORD_BYTES;
    if (count == 0 || member->size % RECORD_BYTES != 0)
        return error_set(err, STATUS_FAILED,
                         "%s: %zu bytes are %zu whole records of %d bytes and %zu bytes more; the "
                         "file is cut short; download it again (data/fetch-cifar100)",
                         member->name, member->size, count, RECORD_BYTES,
                         member->size % RECORD_BYTES);
    TRY(image_set_create(set, count, SIDE, err));
    for (size_t i = 0; i < count; i++) {
        const unsigned char *record = member->data + i * RECORD_BYTES;
        TRY(in_member(member, take_labels(i, record[0], record[1], set, parents, err), err));
        memcpy(set->pixels + i * PIXEL_BYTES, record + 2, PIXEL_BYTES);
    }
    return STATUS_OK;
}

static status finish_set(dataset *set, const char *const *coarse, const char *const *fine,
                         int parents[FINE_CLASSES], error *err)
{
    /* A subset of CIFAR-100 may lack a fine class, which then becomes a child of the first coarse
     * class. */
    for (int i = 0; i < FINE_CLASSES; i++)
        parents[i] = parents[i] < 0 ? 0 : parents[i];
    set->native_size = SIDE;
    return hierarchy_create(&set->classes, COARSE_CLASSES, coarse, FINE_CLASSES, fine, parents,
                            err);
}

static status take_binary(archive_member members[MEMBERS], dataset *set, int parents[FINE_CLASSES],
                          error *err)
{
    const char *coarse[COARSE_CLASSES], *fine[FINE_CLASSES];
    TRY(check_members(
        members, TRAIN_BIN, PYTHON,
        "binary version has train.bin, test.bin, coarse_label_names.txt and fine_label_names.txt",
        err));
    TRY(split_lines(&members[COARSE_NAMES], COARSE_CLASSES, coarse, err));
    TRY(split_lines(&members[FINE_NAMES], FINE_CLASSES, fine, err));
    TRY(take_records(&members[TRAIN_BIN], &set->train, parents, err));
    TRY(take_records(&members[TEST_BIN], &set->test, parents, err));
    return finish_set(set, coarse, fine, parents, err);
}

/* Finds the labels or names under `key`: a list of `count` values. */
static status python_list(const pickle_value *from, const char *key, size_t count,
                          const pickle_value **list, error *err)
{
    *list = pickle_get(from, key);
    if (!*list || (*list)->kind != PICKLE_LIST)
        return error_set(err, STATUS_FAILED, "has no list '%s'; it is not CIFAR-100", key);
    if ((*list)->count != count)
        return error_set(err, STATUS_FAILED, "'%s' has %zu entries, expected %zu", key,
                         (*list)->count, count);
    return STATUS_OK;
}

static int label_at(const pickle_value *list, size_t index)
{
    const pickle_value *item = list->items[index];
    return item->kind == PICKLE_INT && item->integer >= 0 && item->integer < FINE_CLASSES
               ? (int)item->integer
               : -1;
}

static status take_batch(const pickle_value *root, image_set *set, int parents[FINE_CLASSES],
                         error *err)
{
    const pickle_value *coarse, *fine, *data = pickle_get(root, "data");
    if (!data || data->kind != PICKLE_BYTES || data->size == 0 || data->size % PIXEL_BYTES != 0)
        return error_set(err, STATUS_FAILED,
                         "'data' is not an array of whole images of %d bytes; the file is damaged "
                         "or not CIFAR-100",
                         PIXEL_BYTES);
    size_t count = data->size / PIXEL_BYTES;
    TRY(python_list(root, "coarse_labels", count, &coarse, err));
    TRY(python_list(root, "fine_labels", count, &fine, err));
    TRY(image_set_create(set, count, SIDE, err));
    memcpy(set->pixels, data->bytes, data->size);
    for (size_t i = 0; i < count; i++)
        TRY(take_labels(i, label_at(coarse, i), label_at(fine, i), set, parents, err));
    return STATUS_OK;
}

static status take_names(const pickle_value *root, const char *key, size_t count,
                         const char *names[], error *err)
{
    const pickle_value *list;
    TRY(python_list(root, key, count, &list, err));
    for (size_t i = 0; i < count; i++) {
        if (list->items[i]->kind != PICKLE_BYTES)
            return error_set(err, STATUS_FAILED, "'%s' contains something other than names", key);
        names[i] = (const char *)list->items[i]->bytes;
    }
    return STATUS_OK;
}

static status take_meta(const pickle_value *root, dataset *set, int parents[FINE_CLASSES],
                        error *err)
{
    const char *coarse[COARSE_CLASSES], *fine[FINE_CLASSES];
    TRY(take_names(root, "coarse_label_names", COARSE_CLASSES, coarse, err));
    TRY(take_names(root, "fine_label_names", FINE_CLASSES, fine, err));
    return finish_set(set, coarse, fine, parents, err);
}

/* Takes a pickled file: the images of a part or, if part is PART_COUNT, the names. */
static status take_pickle(const archive_member *member, dataset *set, enum dataset_part part,
                          int parents[FINE_CLASSES], error *err)
{
    pickle *parsed;
    TRY(pickle_parse(member->name, member->data, member->size, &numpy_rules, &parsed, err));
    const pickle_value *root = pickle_root(parsed);
    status result = part == PART_COUNT ? take_meta(root, set, parents, err)
                                       : take_batch(root, dataset_part(set, part), parents, err);
    pickle_free(parsed);
    return in_member(member, result, err);
}

static status take_python(archive_member members[MEMBERS], dataset *set, int parents[FINE_CLASSES],
                          error *err)
{
    TRY(check_members(members, PYTHON, MEMBERS, "python version has train, test and meta", err));
    TRY(take_pickle(&members[PYTHON_TRAIN], set, PART_TRAIN, parents, err));
    TRY(take_pickle(&members[PYTHON_TEST], set, PART_TEST, parents, err));
    return take_pickle(&members[PYTHON_META], set, PART_COUNT, parents, err);
}

/* Takes the version whose files are there; the binary one if both are. */
static status take_members(archive_member members[MEMBERS], dataset *opened, error *err)
{
    int parents[FINE_CLASSES];
    for (int i = 0; i < FINE_CLASSES; i++)
        parents[i] = -1;
    if (members[TRAIN_BIN].data || members[TEST_BIN].data)
        return take_binary(members, opened, parents, err);
    if (members[PYTHON_TRAIN].data)
        return take_python(members, opened, parents, err);
    return error_set(err, STATUS_FAILED,
                     "contains neither CIFAR-100's binary version (train.bin, test.bin, ...) nor "
                     "its python version (train, test, meta); data/fetch-cifar100 downloads it");
}

static status open_members(const char *path, dataset *opened, error *err)
{
    archive_member all[MEMBERS];
    memcpy(all, known_members, sizeof all);
    status result = file_is_directory(path) ? read_directory(path, all, err)
                                            : archive_read_members(path, all, MEMBERS, err);
    if (result == STATUS_OK && take_members(all, opened, err) != STATUS_OK)
        result = error_prefix(err, STATUS_FAILED, "%s", path);
    for (int i = 0; i < MEMBERS; i++)
        free(all[i].data);
    return result;
}

/* The directories that the archives unpack to. A user may also name their parent directory. */
static const char *const inner[] = {"cifar-100-binary", "cifar-100-python"};
enum { INNER_COUNT = sizeof inner / sizeof inner[0] };

/* Any file may be an archive, whatever its name, unless it is recognised as something else. */
bool cifar_recognise(const char *path)
{
    if (!file_is_directory(path)) {
        const file_kind *kind = file_kind_at(path);
        return file_may_exist(path) && (!kind || kind->use == FILE_PACKED);
    }
    bool found = false;
    for (int i = 0; i < MEMBERS; i++)
        found |= file_may_exist_in(path, known_members[i].name);
    for (int i = 0; i < INNER_COUNT; i++)
        found |= file_may_exist_in(path, inner[i]);
    return found;
}

status cifar_open(const char *path, dataset *opened, error *err)
{
    bool here = file_may_exist_in(path, "train.bin") || file_exists_in(path, "train");
    for (int i = 0; !here && i < INNER_COUNT; i++)
        if (file_may_exist_in(path, inner[i])) {
            char *below = text_format("%s/%s", path, inner[i]);
            status result = below ? open_members(below, opened, err) : error_memory(err, path);
            free(below);
            return result;
        }
    return open_members(path, opened, err);
}
