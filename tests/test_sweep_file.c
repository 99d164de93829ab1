/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_file.c and the code that reads its keys: values are read, and errors name file and line. */
#include "base/file.h"
#include "base/text.h"
#include "base/yaml_tree.h"
#include "check.h"
#include "support.h"
#include "sweep/sweep_file.h"
#include "train/train_options.h"

#include <math.h>

static const char *path;
static const char *const metrics[] = {"validation/loss", "validation/fine_top1", "train/loss",
                                      "loss", NULL};

static int set_up(void **state)
{
    int result = support_files_set_up(state, "search.yaml");
    const support_files *files = *state;
    path = files->path;
    return result;
}

static void put(const char *text, size_t size)
{
    error err;
    CHECK_OK(file_write(path, text, size, &err));
}

static void load(const char *text, sweep_file *file)
{
    error err;
    put(text, strlen(text));
    CHECK_OK(sweep_file_read(path, NULL, train_rows, metrics, file, &err));
}

static void check_text(const sweep_parameter *p, double u, const char *want)
{
    char *text = sweep_parameter_text(p, u);
    assert_non_null(text);
    assert_string_equal(text, want);
    free(text);
}

/* The file of the PyTorch project, unchanged. */
static void test_original(void **state)
{
    (void)state;
    sweep_file file;
    load("method: bayes\n"
         "metric:\n"
         "  goal: minimize\n"
         "  name: validation_loss\n"
         "parameters:\n"
         "  batch_size:\n"
         "    values: [16, 32, 64]\n"
         "  epochs:\n"
         "    values: [10, 15]\n"
         "  lr:\n"
         "    min: .001\n"
         "    max: .01\n"
         "  fine_const:\n"
         "    min: 1.0\n"
         "    max: 3.0\n"
         "  coarse_const:\n"
         "    min: 1.0\n"
         "    max: 2.0\n",
         &file);
    static const char *const set[] = {"batch-size", "epochs", "lr", "fine", "coarse"};
    assert_int_equal(file.method, SWEEP_BAYES);
    assert_string_equal(file.metric, "validation/loss");
    assert_int_equal(file.metric_line, 4);
    assert_false(file.maximize);
    assert_false(file.has_target);
    assert_int_equal(file.impute, IMPUTE_WORST);
    assert_int_equal(file.impute_while_running, IMPUTE_NONE);
    assert_int_equal(file.run_cap, 0);
    assert_false(file.hyperband.given);
    assert_string_equal(file.name, "search");
    assert_int_equal(file.parameter_count, 5);
    assert_int_equal(file.notes.count, 0);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(file.parameters[i].option, set[i]);
    assert_string_equal(file.parameters[3].name, "fine_const");
    assert_int_equal(file.parameters[3].line, 13);
    assert_int_equal(file.parameters[2].form.kind, DISTRIBUTION_UNIFORM);
    check_text(&file.parameters[0], 0.4, "32");
    check_text(&file.parameters[2], 0, "0.001");
    check_text(&file.parameters[2], 1, "0.01");
    sweep_file_free(&file);
}

/* The text may be freed after reading; the given name appears in messages. */
static void test_text(void **state)
{
    (void)state;
    error err;
    sweep_file file;
    const char *const good = "method: grid\nparameters: {lr: {values: [1]}}\n";
    char *copy = strdup(good);
    CHECK_OK(sweep_file_read("kept", copy, train_rows, metrics, &file, &err));
    memset(copy, 'x', strlen(copy));
    free(copy);
    assert_string_equal(file.text, good);
    assert_string_equal(file.name, "kept");
    sweep_file_free(&file);
    /* Macros are not expanded again: they were when the sweep began, perhaps in another
     * environment. */
    const char *const words = "command: [\"--data=${envvar:HCNN_TEST_UNSET}\"]\n";
    char both[256];
    snprintf(both, sizeof both, "%s%s", words, good);
    CHECK_OK(sweep_file_read("kept", both, train_rows, metrics, &file, &err));
    assert_int_equal(file.fixed.count, 0);
    sweep_file_free(&file);
    CHECK_FAILS(STATUS_FAILED, "kept: line 2: ",
                sweep_file_read("kept", "method: grid\nparameters: {lr: {value: x}}\n", train_rows,
                                metrics, &file, &err));
    CHECK_FAILS(STATUS_FAILED,
                "kept: ", sweep_file_read("kept", "", train_rows, metrics, &file, &err));

    yaml_tree tree;
    CHECK_OK(yaml_tree_read("part", "a: 1\nb: }", 4, &tree, &err)); /* only `size` bytes are read */
    assert_int_equal(yaml_tree_count(yaml_tree_root(&tree)), 1);
    assert_string_equal(tree.text, "a: 1");
    yaml_tree_free(&tree);
    CHECK_FAILS(STATUS_FAILED, "part: ", yaml_tree_read("part", "a: 1\nb: }", 9, &tree, &err));
    yaml_tree_free(&tree);
}

/* As few digits as identify the float32; for a number outside the range of float32, the digits of a
 * double. */
static void test_digits(void **state)
{
    (void)state;
    static const double values[] = {0.0659439612296934, 0.3, 1e-12, 1.7e-50, 2.5e100, 0.9999999};
    static const char *const texts[] = {"0.065943961", "0.3",      "1e-12",
                                        "1.7e-50",     "2.5e+100", "0.9999999"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const sweep_parameter p = {
            .form = {.kind = DISTRIBUTION_UNIFORM, .min = values[i], .max = values[i]}};
        check_text(&p, 0.5, texts[i]);
        assert_true((float)strtod(texts[i], NULL) == (float)values[i]);
    }
    const sweep_parameter tenths = {
        .form = {.kind = DISTRIBUTION_Q_UNIFORM, .min = 0.3, .max = 0.3, .q = 0.1}};
    check_text(&tenths, 0.5, "0.3"); /* 3 * 0.1 is 0.30000000000000004 */
}

static void test_example(void **state)
{
    (void)state;
    error err;
    sweep_file file;
    const char *root = getenv("srcdir");
    char *example = text_format("%s/docs/sweep-original.yaml", root ? root : ".");
    CHECK_OK(sweep_file_read(example, NULL, train_rows, metrics, &file, &err));
    assert_int_equal(file.parameter_count, 5);
    assert_int_equal(file.notes.count, 0);
    sweep_file_free(&file);
    free(example);
}

static void test_every_key(void **state)
{
    (void)state;
    sweep_file file;
    setenv("HCNN_TEST_SEED", "17", 1);
    load("program: train.py\n"
         "project: p\n"
         "entity: e\n"
         "description: d\n"
         "controller: {type: local}\n"
         "name: all keys\n"
         "method: random\n"
         "metric: {name: valid_fine_acc, goal: maximize, target: 0.9, impute: latest,\n"
         "         impute_while_running: best}\n"
         "early_terminate: {type: hyperband, max_iter: 27, s: 2, eta: 4, strict: true}\n"
         "run_cap: 12\n"
         "command:\n"
         "  - ${env}\n"
         "  - python3\n"
         "  - ${program}\n"
         "  - --data\n"
         "  - train\n"
         "  - \"--seed=${envvar:HCNN_TEST_SEED}\"\n"
         "  - --only-fine\n"
         "  - ${args}\n"
         "parameters: {lr: {value: 0.1}}\n",
         &file);
    static const char *const fixed[] = {"--data", "train", "--seed=17", "--only-fine"};
    assert_string_equal(file.name, "all keys");
    assert_string_equal(file.metric, "validation/fine_top1");
    assert_true(file.maximize && file.has_target && file.target == 0.9);
    assert_int_equal(file.impute, IMPUTE_LATEST);
    assert_int_equal(file.impute_while_running, IMPUTE_BEST);
    const sweep_hyperband *h = &file.hyperband;
    assert_true(h->given && h->min_iter == 0 && h->max_iter == 27 && h->s == 2 && h->eta == 4 &&
                h->strict);
    assert_int_equal(file.run_cap, 12);
    assert_int_equal(file.fixed.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(file.fixed.texts[i], fixed[i]);
    assert_int_equal(file.notes.count, 5);
    assert_non_null(
        strstr(file.notes.texts[0], "line 13: '${env} python3 ${program}' in command is"));
    assert_non_null(strstr(file.notes.texts[1], "line 1: program has no meaning here"));
    sweep_file_free(&file);
}

static void test_distributions(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* of lr, unless it names another option */
        distribution_kind kind;
        double u;
        const char *value;
    } cases[] = {
        {"lr: {value: 0.5}", DISTRIBUTION_CONSTANT, 0.3, "0.5"},
        {"lr: {value: 1, distribution: constant}", DISTRIBUTION_CONSTANT, 0, "1"},
        {"lr: {values: [1e-1, 2]}", DISTRIBUTION_CATEGORICAL, 0.2, "1e-1"},
        {"lr: {values: [1, 2], distribution: categorical}", DISTRIBUTION_CATEGORICAL, 1, "2"},
        {"lr: {values: [1, 2], probabilities: [0.9, 0.1]}",
         DISTRIBUTION_CATEGORICAL_W_PROBABILITIES, 0.8, "1"},
        {"epochs: {min: 1, max: 9}", DISTRIBUTION_INT_UNIFORM, 0.5, "5"},
        {"lr: {min: 1, max: 9.0}", DISTRIBUTION_UNIFORM, 0.25, "3"},
        {"lr: {min: 1, max: 9, distribution: uniform}", DISTRIBUTION_UNIFORM, 0.25, "3"},
        {"batch-size: {min: 16, max: 64, q: 16, distribution: q_uniform}", DISTRIBUTION_Q_UNIFORM,
         0.5, "48"},
        {"epochs: {min: 1, max: 9.0, distribution: q_uniform}", DISTRIBUTION_Q_UNIFORM, 0.5, "5"},
        {"lr: {min: 0.1, max: 0.5, q: 0.1, distribution: q_uniform}", DISTRIBUTION_Q_UNIFORM, 0.5,
         "0.3"},
        {"lr: {min: -4, max: -2, distribution: log_uniform}", DISTRIBUTION_LOG_UNIFORM, 0.5,
         "0.049787068"},
        {"epochs: {min: 1, max: 3, distribution: q_log_uniform}", DISTRIBUTION_Q_LOG_UNIFORM, 0.5,
         "7"},
        {"lr: {min: 2, max: 4, distribution: inv_log_uniform}", DISTRIBUTION_INV_LOG_UNIFORM, 0.5,
         "0.049787068"},
        {"lr: {min: 1e-4, max: 1e-2, distribution: log_uniform_values}",
         DISTRIBUTION_LOG_UNIFORM_VALUES, 1, "0.01"},
        {"batch_size: {min: 8, max: 128, q: 8, distribution: q_log_uniform_values}",
         DISTRIBUTION_Q_LOG_UNIFORM_VALUES, 0.5, "32"},
        {"lr: {min: 1e-4, max: 1e-2, distribution: inv_log_uniform_values}",
         DISTRIBUTION_INV_LOG_UNIFORM_VALUES, 0, "0.0001"},
        {"lr: {mu: 1, sigma: 0.1, distribution: normal}", DISTRIBUTION_NORMAL, 0.5, "1"},
        {"epochs: {mu: 20, sigma: 4, distribution: q_normal}", DISTRIBUTION_Q_NORMAL, 0.5, "20"},
        {"lr: {distribution: log_normal}", DISTRIBUTION_LOG_NORMAL, 0.5, "1"},
        {"lr: {mu: 3, sigma: 0.5, q: 0.5, distribution: q_log_normal}", DISTRIBUTION_Q_LOG_NORMAL,
         0.5, "20"},
        {"coarse: {a: 2, b: 2, distribution: beta}", DISTRIBUTION_BETA, 0.5, "0.5"},
        {"label_smoothing: {a: 1, b: 30, distribution: beta}", DISTRIBUTION_BETA, 0, "0"},
        {"coarse: {distribution: q_beta, q: 0.25}", DISTRIBUTION_Q_BETA, 0.5, "0.5"},
        {"augment: {values: [[crop=4, flip], none]}", DISTRIBUTION_CATEGORICAL, 0.1, "crop=4,flip"},
        {"milestones: {value: [7, 13]}", DISTRIBUTION_CONSTANT, 0, "7,13"},
        {"nesterov: {values: [True, false]}", DISTRIBUTION_CATEGORICAL, 0.1, "true"},
        {"optim: {parameters: {deep: {parameters: {lr: {value: 2}}}}}", DISTRIBUTION_CONSTANT, 0,
         "2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sweep_file file;
        char text[512];
        snprintf(text, sizeof text, "method: random\nparameters:\n  %s\n", cases[i].text);
        load(text, &file);
        assert_int_equal(file.parameters[0].form.kind, cases[i].kind);
        check_text(&file.parameters[0], cases[i].u, cases[i].value);
        sweep_file_free(&file);
    }
}

static void test_nested_and_json(void **state)
{
    (void)state;
    sweep_file file;
    load("{\"method\": \"grid\", \"parameters\": {\"optimizer\": {\"parameters\": {\n"
         "  \"lr\": {\"values\": [0.1, 0.2]}, \"weight_decay\": {\"value\": 0}}},\n"
         "  \"num_workers\": {\"values\": [1, 2]}}}",
         &file);
    assert_int_equal(file.method, SWEEP_GRID);
    assert_null(file.metric);
    assert_int_equal(file.parameter_count, 3);
    assert_string_equal(file.parameters[0].name, "optimizer.lr");
    assert_string_equal(file.parameters[0].option, "lr");
    assert_int_equal(file.parameters[0].line, 2);
    assert_string_equal(file.parameters[2].option, "threads");
    sweep_file_free(&file);
}

static void test_metric_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"validation/loss", "validation/loss"},
        {"validation_loss", "validation/loss"},
        {"valid_loss", "validation/loss"},
        {"valid/loss", "validation/loss"},
        {"valid_fine_acc", "validation/fine_top1"},
        {"train_loss", "train/loss"},
        {"validation_fine_top1", "validation/fine_top1"},
        {"loss", "loss"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sweep_file file;
        char text[256];
        snprintf(text, sizeof text,
                 "method: bayes\nmetric: {name: %s}\nparameters: {lr: {values: [1, 2]}}\n",
                 cases[i][0]);
        load(text, &file);
        assert_string_equal(file.metric, cases[i][1]);
        sweep_file_free(&file);
    }
}

/* A file's text and part of the error that it causes. */
typedef struct refusal {
    const char *text, *message;
} refusal;

static void check_refused(const char *before, const refusal *bad, size_t count)
{
    error err;
    for (size_t i = 0; i < count; i++) {
        sweep_file file;
        char text[1024];
        snprintf(text, sizeof text, "%s%s", before, bad[i].text);
        put(text, strlen(text));
        CHECK_FAILS(STATUS_FAILED, bad[i].message,
                    sweep_file_read(path, NULL, train_rows, metrics, &file, &err));
        assert_non_null(strstr(err.message, path));
        assert_null(file.path);
    }
}

#define LR "parameters: {lr: {values: [1, 2]}}\n"

static void test_refused_keys(void **state)
{
    (void)state;
    static const refusal bad[] = {
        {"", "line 1: is empty"},
        {"- a\n", "line 1: expected lines of"},
        {"method: [grid\n", "is not YAML: "},
        {"method: \xff\n", "is not YAML: "},
        {"method: grid\n---\nmethod: grid\n", "line 2: contains more than one document"},
        {"method: grid\n" LR "method: grid\n", "line 3: 'method' is given twice, first in line 1"},
        {"method: grid\nparameters: &a {lr: {value: 1}}\n", "line 2: anchors"},
        {"method: grid\nname: *a\n", "line 2: anchors"},
        {"method: !!str grid\n", "line 1: anchors"},
        {"method: \"gr\\0id\"\n", "line 1: contains a zero byte"},
        {"? [a]\n: 1\n", "line 1: a key has to be a single word"},
        {"name: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "line 1: is nested too deeply"},
        {"metod: grid\n", "line 1: 'metod' is not a key of a sweep; did you mean method?"},
        {LR, "line 1: method is missing"},
        {"method: gird\n" LR, "line 1: 'gird' is not a value of method; did you mean grid?"},
        {"method: custom\n" LR, "line 1: method custom"},
        {"method: {a: b}\n" LR, "line 1: method has to be a single value"},
        {"method: grid\nmetrics: [a, b]\n", "line 2: metrics (several objectives)"},
        {"method: grid\nscheduler: {engine: ax}\n", "line 2: scheduler (an optimizer"},
        {"method: grid\n", "line 1: parameters is missing"},
        {"method: grid\nparameters: {}\n", "line 2: parameters is empty"},
        {"method: grid\nparameters: [a]\n", "line 2: parameters has to be a mapping"},
        {"method: bayes\n" LR, "line 1: metric is missing, which bayes needs to choose"},
        {"method: grid\n" LR "early_terminate: {type: hyperband, min_iter: 2}\n",
         "metric is missing, which hyperband needs to compare"},
        {"method: grid\n" LR "metric: loss\n", "line 3: metric has to be a mapping"},
        {"method: grid\n" LR "metric: {goal: minimize}\n", "line 3: metric needs a name"},
        {"method: grid\n" LR "metric: {name: [a]}\n", "line 3: name has to be a single value"},
        {"method: grid\n" LR "metric: {name: val_loss}\n",
         "line 3: 'val_loss' is never logged, so runs cannot be compared by it; a run logs "
         "validation/loss, validation/fine_top1, train/loss, loss"},
        {"method: grid\n" LR "metric: {name: validation/los}\n", "did you mean validation/loss?"},
        {"method: grid\n" LR "metric:\n  name: loss\n  goal: minimise\n",
         "line 5: 'minimise' is not a value of goal; did you mean minimize?"},
        {"method: grid\n" LR "metric: {name: loss, target: low}\n", "target has to be a number"},
        {"method: grid\n" LR "metric: {name: loss, target: .inf}\n", "target has to be a number"},
        {"method: grid\n" LR "metric: {name: loss, impute: none}\n",
         "'none' is not a value of impute; expected worst, best or latest"},
        {"method: grid\n" LR "run_cap: 0\n", "line 3: run_cap has to be a whole number from 1 up"},
        {"method: grid\n" LR "run_cap: 1e3\n", "line 3: run_cap has to be a whole"},
        {"method: grid\n" LR "name: ''\n", "line 3: name is empty"},
        {"method: grid\n" LR "controller: {type: remote}\n",
         "line 3: 'remote' is not a value of type"},
        {"method: grid\n" LR "program: [a]\n", "line 3: program has to be a single value"},
    };
    check_refused("", bad, sizeof bad / sizeof bad[0]);
}

static void test_refused_hyperband(void **state)
{
    (void)state;
    static const refusal bad[] = {
        {"early_terminate: hyperband\n", "line 4: early_terminate has to be a mapping"},
        {"early_terminate: {min_iter: 1}\n", "line 4: type is missing"},
        {"early_terminate: {type: median}\n",
         "'median' is not a value of type; expected hyperband"},
        {"early_terminate: {type: hyperband}\n", "line 4: early_terminate needs min_iter"},
        {"early_terminate: {type: hyperband, max_iter: 9}\n", "early_terminate needs min_iter"},
        {"early_terminate: {type: hyperband, max_iter: 9, s: 2, min_iter: 1}\n",
         "min_iter and max_iter exclude each other"},
        {"early_terminate: {type: hyperband, min_iter: 1, eta: 1}\n", "eta has to be above 1"},
        {"early_terminate: {type: hyperband, min_iter: 1.5}\n", "min_iter has to be a whole"},
        {"early_terminate: {type: hyperband, min_iter: 1, strict: 1}\n",
         "strict has to be true or false"},
        {"early_terminate:\n  type: hyperband\n  min_itr: 1\n",
         "line 6: 'min_itr' is not a key of early_terminate; did you mean min_iter?"},
    };
    check_refused("method: grid\nmetric: {name: loss}\n" LR, bad, sizeof bad / sizeof bad[0]);
}

/* Each is put below "method: grid" and "parameters:", so it is in line 3. */
static void test_refused_parameters(void **state)
{
    (void)state;
    static const refusal bad[] = {
        {"  lr: {min: 0.1, max: 1}\n", "line 3: 'lr': a grid cannot try all values of uniform"},
        {"  lr: {distribution: normal, mu: 3, sigma: 0.1}\n", "values of normal"},
        {"  lr: {values: [1, 2], probabilities: [0.5, 0.5]}\n", "a grid tries each value once"},
        {"  learning: {value: 1}\n", "line 3: 'learning' is not an option of train"},
        {"  momentun: {value: 0}\n",
         "'momentun' is not an option of train; did you mean momentum?"},
        {"  a.: {value: 1}\n", "'a.' is not a parameter's name"},
        {"  2lr: {value: 1}\n", "'2lr' is not a parameter's name"},
        {"  lr: {value: 1}\n  o.lr: {value: 2}\n",
         "line 4: 'o.lr' sets --lr, which 'lr' in line 3 also sets"},
        {"  coarse: {value: 1}\n  coarse_const: {value: 2}\n", "line 4: 'coarse_const' sets"},
        {"  lr: 0.1\n", "line 3: 'lr': is not a mapping; write below it 'value: X'"},
        {"  lr: {}\n", "line 3: 'lr': needs a value"},
        {"  lr: {min: 1}\n", "line 3: 'lr': needs a value"},
        {"  lr:\n    valeus: [1]\n", "line 4: 'valeus' is not a key of a parameter; did you mean"},
        {"  o: {parameters: {lr: {value: 1}}, value: 1}\n",
         "'value' is not a key of a group of parameters"},
        {"  o: {parameters: {}}\n", "line 3: parameters is empty"},
        {"  lr: {values: 1}\n", "values has to be a list"},
        {"  lr: {values: []}\n", "'lr': values is empty"},
        {"  lr: {values: [1,\n    0]}\n", "line 4: 'lr': --lr 0: has to be between 1e-12"},
        {"  epochs: {value: 1.5}\n", "line 3: 'epochs': --epochs '1.5': is not a whole number"},
        {"  stem: {values: [cifar, image]}\n", "line 3: 'stem': --stem 'image': is not one of"},
        {"  nesterov: {values: [yes, no]}\n", "--nesterov 'yes': is neither true nor false"},
        {"  lr: {values: [1, 1.0]}\n", "the value 1.0 is listed twice"},
        {"  stem: {values: [cifar, cifar]}\n", "the value cifar is listed twice"},
        {"  milestones: {values: [null, 7]}\n", "line 3: 'milestones': null is not a value"},
        {"  augment: {values: [{a: b}]}\n", "a value has to be a word"},
        {"  augment: {value: []}\n", "an empty list is not a value"},
        {"  augment: {value: [[a]]}\n", "each entry of a list has to be a single value"},
    };
    check_refused("method: grid\nparameters:\n", bad, sizeof bad / sizeof bad[0]);
}

static void test_refused_numbers(void **state)
{
    (void)state;
    static const refusal bad[] = {
        {"  lr: {min: 2, max: 1}\n", "line 3: 'lr': min is above max"},
        {"  lr: {min: a, max: 1.5}\n", "min has to be a number"},
        {"  lr: {min: '1', max: 2.5}\n", "min has to be a number"},
        {"  lr: {min: 0x1, max: 2.5}\n", "min has to be a number"},
        {"  lr: {min: 1, max: 2, q: 1}\n",
         "line 3: 'lr': q has no meaning for int_uniform, which accepts min, max; name another"},
        {"  lr: {min: 1, distribution: uniform}\n", "uniform needs min, max"},
        {"  lr: {value: 1, values: [1]}\n", "values has no meaning for constant"},
        {"  lr: {mu: 1, distribution: uniform, min: 1, max: 2}\n", "mu has no meaning for uniform"},
        {"  lr: {distribution: log_unifrom, min: 1, max: 2}\n",
         "'log_unifrom' is not a value of distribution; did you mean log_uniform?"},
        {"  lr: {distribution: q_uniform, min: 1, max: 2, q: 0}\n", "q has to be above 0"},
        {"  lr: {distribution: normal, sigma: 0}\n", "sigma has to be above 0"},
        {"  coarse: {distribution: beta, a: 0}\n", "a and b have to be above 0"},
        {"  coarse: {distribution: beta, b: 1e7}\n", "and at most 1e6"},
        {"  lr: {distribution: log_uniform_values, min: 0, max: 1}\n", "min has to be above 0"},
        {"  epochs: {distribution: int_uniform, min: 1.5, max: 3}\n", "have to be whole numbers"},
        {"  seed: {min: 1, max: 9999999999999999}\n", "have to be between -1e15 and 1e15"},
        {"  lr: {values: [1, 2], probabilities: [0.5, 0.4]}\n", "sum to 0.9, not to 1"},
        {"  lr: {values: [1, 2], probabilities: [1]}\n", "1 probabilities for 2 values"},
        {"  lr: {values: [1, 2], probabilities: [2, -1]}\n", "a number from 0 to 1"},
        {"  lr: {probabilities: [1]}\n", "needs values, probabilities"},
        {"  epochs: {min: 1, max: 9.0}\n",
         "line 3: 'epochs': --epochs accepts only whole numbers, and uniform gives others"},
        {"  epochs: {min: 1, max: 9, q: 0.5, distribution: q_uniform}\n",
         "accepts only whole numbers"},
        {"  epochs: {min: 0, max: 9}\n",
         "line 3: 'epochs' ranges from 0 to 9: --epochs 0: has to be between 1 and"},
        {"  momentum: {min: 0, max: 1.0}\n", "line 3: 'momentum' ranges from 0 to 1: --momentum 1"},
        {"  lr: {distribution: normal}\n", "--lr -4.000009: has to be between"},
        {"  momentum: {distribution: beta}\n", "ranges from 0 to 1: --momentum 0.99996"},
        {"  nesterov: {min: 0, max: 1}\n", "--nesterov '0': is neither true nor false"},
    };
    check_refused("method: random\nparameters:\n", bad, sizeof bad / sizeof bad[0]);
}

static void test_refused_command(void **state)
{
    (void)state;
    static const refusal bad[] = {
        {"command: a\n", "line 3: command has to be a list"},
        {"command:\n  - [a]\n", "line 4: a word of command has to be a single value"},
        {"command:\n  - --epoch=3\n", "line 4: '--epoch=3' is not an option of train"},
        {"command:\n  - extra\n", "line 4: 'extra' is not an option of train"},
        {"command:\n  - --momentun\n", "did you mean --momentum?"},
        {"command:\n  - --lr\n  - 3\n", "line 4: --lr is also a parameter of the sweep, in line 2"},
        {"command:\n  - --epochs\n  - many\n", "line 5: --epochs 'many': is not a whole number"},
        {"command:\n  - --epochs\n", "the last word, --epochs, needs a value"},
        {"command:\n  - --data=${envvar:HCNN_TEST_UNSET}\n",
         "line 4: the environment variable HCNN_TEST_UNSET is not set"},
        {"command:\n  - --data=${here}\n",
         "'--data=${here}' has a macro that cannot be used there"},
        {"command:\n  - --data=${envvar:A\n", "has a macro that cannot be used there"},
    };
    check_refused("method: grid\n" LR, bad, sizeof bad / sizeof bad[0]);
}

/* Large lists and large files are refused at little cost. */
static void test_large(void **state)
{
    (void)state;
    enum { SIZE = 2 << 20 };
    error err;
    sweep_file file;
    char *text = support_memory(SIZE, 1);
    int used = sprintf(text, "method: grid\nparameters: {lr: {values: [");
    for (int i = 1; i <= 5000; i++)
        used += sprintf(text + used, "%d,", i);
    used += sprintf(text + used, "]}}\n");
    put(text, (size_t)used);
    CHECK_FAILS(STATUS_FAILED, "line 2: has 5000 entries, more than",
                sweep_file_read(path, NULL, train_rows, metrics, &file, &err));
    memset(text + used, '\n', (size_t)(SIZE - used));
    put(text, SIZE);
    CHECK_FAILS(STATUS_FAILED, path, sweep_file_read(path, NULL, train_rows, metrics, &file, &err));
    memset(text, '[', SIZE / 4);
    put(text, SIZE / 4);
    CHECK_FAILS(STATUS_FAILED, "is nested too deeply",
                sweep_file_read(path, NULL, train_rows, metrics, &file, &err));
    put("m\0", 2);
    CHECK_FAILS(STATUS_FAILED, "zero bytes",
                sweep_file_read(path, NULL, train_rows, metrics, &file, &err));
    CHECK_FAILS(STATUS_FAILED, "no-such",
                sweep_file_read("no-such", NULL, train_rows, metrics, &file, &err));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_original),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_nested_and_json),
        cmocka_unit_test(test_metric_names),
        cmocka_unit_test(test_refused_keys),
        cmocka_unit_test(test_refused_hyperband),
        cmocka_unit_test(test_refused_parameters),
        cmocka_unit_test(test_refused_numbers),
        cmocka_unit_test(test_refused_command),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests_name("sweep_file", tests, set_up, support_files_tear_down);
}
