/* Options to JSON and back, by one table; see config.h. */
#include "train/config.h"
#include "base/file.h"

#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONFIG_BYTES = 1 << 20, INDENT = 2 };

enum field_kind { FIELD_TEXT, FIELD_INT, FIELD_REAL, FIELD_FLAG, FIELD_SEED };

typedef struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    double min;          /* FIELD_INT, FIELD_REAL */
    const char *choices; /* FIELD_TEXT: one of "a|b", never null; NULL: any text or null */
} field;

static const field fields[] = {
    {"data", FIELD_TEXT, offsetof(train_options, data), 0, NULL},
    {"backbone", FIELD_TEXT, offsetof(train_options, backbone), 0, "wide_resnet_50|tiny"},
    {"stem", FIELD_TEXT, offsetof(train_options, stem), 0, "imagenet|cifar"},
    {"precision", FIELD_TEXT, offsetof(train_options, precision), 0, "fp32|fp16"},
    {"only_fine", FIELD_FLAG, offsetof(train_options, only_fine), 0, NULL},
    {"image_size", FIELD_INT, offsetof(train_options, image_size), 1, NULL},
    {"epochs", FIELD_INT, offsetof(train_options, epochs), 1, NULL},
    {"max_steps", FIELD_INT, offsetof(train_options, max_steps), 0, NULL},
    {"batch_size", FIELD_INT, offsetof(train_options, batch_size), 1, NULL},
    {"optimizer", FIELD_TEXT, offsetof(train_options, optimizer), 0, "sgd|adam"},
    {"lr", FIELD_REAL, offsetof(train_options, lr), 0, NULL},
    {"momentum", FIELD_REAL, offsetof(train_options, momentum), 0, NULL},
    {"nesterov", FIELD_FLAG, offsetof(train_options, nesterov), 0, NULL},
    {"weight_decay", FIELD_REAL, offsetof(train_options, weight_decay), 0, NULL},
    {"milestones", FIELD_TEXT, offsetof(train_options, milestones), 0, NULL},
    {"coarse", FIELD_REAL, offsetof(train_options, coarse_weight), 0, NULL},
    {"fine", FIELD_REAL, offsetof(train_options, fine_weight), 0, NULL},
    {"augment", FIELD_TEXT, offsetof(train_options, augment), 0, "default|none"},
    {"no_shuffle", FIELD_FLAG, offsetof(train_options, no_shuffle), 0, NULL},
    {"seed", FIELD_SEED, offsetof(train_options, seed), 0, NULL},
    {"weights", FIELD_TEXT, offsetof(train_options, weights), 0, NULL},
    {"freeze", FIELD_TEXT, offsetof(train_options, freeze), 0, NULL},
    {"metrics", FIELD_TEXT, offsetof(train_options, metrics), 0, NULL},
    {"metrics_every", FIELD_INT, offsetof(train_options, metrics_every), 1, NULL},
    {"checkpoint_every", FIELD_INT, offsetof(train_options, checkpoint_every), 0, NULL},
    {"threads", FIELD_INT, offsetof(train_options, threads), 1, NULL},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

train_options train_defaults(void)
{
    return (train_options){
        .backbone = "wide_resnet_50",
        .stem = "imagenet",
        .precision = "fp32",
        .optimizer = "sgd",
        .augment = "default",
        .epochs = 15,
        .batch_size = 32,
        .lr = 8e-3,
        .coarse_weight = 1,
        .fine_weight = 2,
        .metrics_every = 1,
        .threads = 2,
    };
}

static const void *at(const train_options *options, const field *f)
{
    return (const char *)options + f->offset;
}

static json_t *to_json(const train_options *options, const field *f)
{
    const void *value = at(options, f);
    char seed[24];
    switch (f->kind) {
    case FIELD_TEXT: {
        const char *text = *(const char *const *)value;
        return text ? json_string(text) : json_null();
    }
    case FIELD_INT:
        return json_integer(*(const int *)value);
    case FIELD_REAL:
        return json_real(*(const double *)value);
    case FIELD_FLAG:
        return json_boolean(*(const bool *)value);
    case FIELD_SEED: /* text: JSON's integers end at 2^63 */
        snprintf(seed, sizeof seed, "%llu", (unsigned long long)*(const uint64_t *)value);
        return json_string(seed);
    }
    return NULL;
}

static status check_text(const char *option, const char *text, error *err)
{
    json_t *value = text ? json_string(text) : json_null();
    json_decref(value);
    return value ? STATUS_OK
                 : error_set(err, STATUS_USAGE,
                             "--%s: '%s' is not UTF-8, and the run's JSON files hold nothing else; "
                             "rename it",
                             option, text);
}

status config_check(const train_options *options, error *err)
{
    for (int i = 0; i < FIELD_COUNT; i++)
        if (fields[i].kind == FIELD_TEXT)
            TRY(check_text(fields[i].name, *(const char *const *)at(options, &fields[i]), err));
    return check_text("run", options->run, err);
}

status config_write(const char *path, const train_options *options, error *err)
{
    TRY(config_check(options, err));
    json_t *root = json_object();
    for (int i = 0; i < FIELD_COUNT; i++)
        json_object_set_new(root, fields[i].name, to_json(options, &fields[i]));
    char *text = root ? json_dumps(root, JSON_INDENT(INDENT)) : NULL;
    status result = text ? file_write(path, text, strlen(text), err) : error_memory(err, path);
    free(text);
    json_decref(root);
    return result;
}

/* Whether word is one of "a|b|c". */
static bool is_choice(const char *choices, const char *word)
{
    size_t length = word ? strlen(word) : 0;
    for (const char *at = choices; *at && length > 0;) {
        size_t choice = strcspn(at, "|");
        if (choice == length && strncmp(at, word, length) == 0)
            return true;
        at += choice + (at[choice] == '|');
    }
    return false;
}

/* False: not of the field's kind, or out of its bounds. */
static bool from_json(const json_t *value, const field *f, void *target)
{
    char *end;
    switch (f->kind) {
    case FIELD_TEXT:
        *(const char **)target = json_string_value(value);
        return f->choices ? is_choice(f->choices, json_string_value(value))
                          : json_is_string(value) || json_is_null(value);
    case FIELD_INT:
        *(int *)target = (int)json_integer_value(value);
        return json_is_integer(value) && json_integer_value(value) >= f->min &&
               json_integer_value(value) <= INT_MAX;
    case FIELD_REAL:
        *(double *)target = json_number_value(value);
        return json_is_number(value) && json_number_value(value) >= f->min;
    case FIELD_FLAG:
        *(bool *)target = json_is_true(value);
        return json_is_boolean(value);
    case FIELD_SEED:
        if (!json_is_string(value))
            return false;
        *(uint64_t *)target = strtoull(json_string_value(value), &end, 10);
        return *end == '\0' && end != json_string_value(value);
    }
    return false;
}

static status parse(const char *path, json_t *root, train_options *options, error *err)
{
    const char *name;
    json_t *value;
    for (int i = 0; i < FIELD_COUNT; i++) {
        const json_t *found = json_object_get(root, fields[i].name);
        if (!found || !from_json(found, &fields[i], (char *)options + fields[i].offset))
            return error_set(err, STATUS_FAILED, "%s: '%s' is %s", path, fields[i].name,
                             found ? "not what this version writes there" : "missing");
    }
    json_object_foreach(root, name, value)
    {
        int i = 0;
        while (i < FIELD_COUNT && strcmp(fields[i].name, name) != 0)
            i++;
        if (i == FIELD_COUNT)
            return error_set(err, STATUS_FAILED, "%s: '%s' is no option of this version", path,
                             name);
    }
    return STATUS_OK;
}

status config_read(const char *path, train_config *config, error *err)
{
    unsigned char *text;
    size_t size;
    json_error_t fault;
    *config = (train_config){0};
    TRY(file_read(path, MAX_CONFIG_BYTES, &text, &size, err));
    config->json = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &fault);
    free(text);
    status result = config->json ? parse(path, config->json, &config->options, err)
                                 : error_set(err, STATUS_FAILED, "%s: line %d: %s", path,
                                             fault.line, fault.text);
    if (result != STATUS_OK)
        config_free(config);
    return result;
}

void config_free(train_config *config)
{
    json_decref(config->json);
    *config = (train_config){0};
}
