/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: every kind of value, every error, suggestions, and help. */
#include "base/options.h"
#include "check.h"

#include <limits.h>

/* Values of the options in the table below. */
enum optimizer { SGD, ADAM };
static const word_list optimizers = WORD_LIST("sgd", "adam");
static const struct maker {
    const char *name;
} makers[] = {{"one"}, {"another"}, {NULL}};
static const word_list one_word = WORD_LIST("cifar100");
static const word_list maker_names = WORD_LIST_OF(makers);

typedef struct settings {
    bool flag, tuned, trial;
    int epochs, size, watch;
    uint64_t seed;
    double rate;
    const char *data, *maker;
    enum optimizer optimizer;
    enum { CIFAR100 } dataset;
} settings;
static settings set;

static const option_row table[] = {
    OPTION_ROW_FLAG("only-fine", settings, flag, "One branch"),
    OPTION_ROW_FLAG("tuned", settings, tuned, "Tuned", .excludes = "only-fine"),
    OPTION_ROW_FLAG("trial", settings, trial, "Trial", .needs = "tuned"),
    OPTION_ROW_INT("epochs", settings, epochs, 1, INT_MAX, "Epochs"),
    OPTION_ROW_INT(
        "image-size", settings, size, 8, 1024,
        "Size of the images, which is explained here at such length that the line is wrapped"),
    OPTION_ROW_U64("seed", settings, seed, "Seed"),
    OPTION_ROW_DOUBLE("lr", settings, rate, 0, 0, "Rate", .alias = "learning-rate"),
    OPTION_ROW_STRING("data", settings, data, "DIR", "Data", .alias = "data-path", .letter = 'd',
                      .fallback = "the run's"),
    OPTION_ROW_INT("watch", settings, watch, 1, 60, "Seconds", .bare = "5"),
    OPTION_ROW_CHOICE("optimizer", settings, optimizer, optimizers, "Optimizer"),
    OPTION_ROW_NAME("maker", settings, maker, maker_names, "Maker", .fallback = "whoever"),
    OPTION_ROW_CHOICE("dataset", settings, dataset, one_word, "Data set",
                      .fallback = "the only one"),
    {0},
};

static const command_line closed = {
    .usage = "train [OPTION]...",
    .summary = "Trains.",
    .example = "hcnn-cl train   # on the sample",
    .rows = table,
};
static const command_line open_ended = {
    .usage = "classify FILE...", .summary = "Sorts.", .rows = table, .operand = "FILE"};

static error err;

/* Sets the defaults and parses the words, up to a NULL. */
static status parse(const command_line *line, operands *rest, char **words)
{
    int count = 0;
    while (words[count])
        count++;
    set = (settings){.epochs = 15, .rate = 8e-3};
    return options_parse(line, &set, count, words, rest, &err);
}

#define WORDS(...) ((char *[]){"train", __VA_ARGS__, NULL})

static void expect_ok(char **words)
{
    operands rest;
    CHECK_OK(parse(&closed, &rest, words));
    options_free(&rest);
}

static void expect_error(const char *message, char **words)
{
    operands rest;
    assert_int_equal(parse(&closed, &rest, words), STATUS_USAGE);
    assert_string_equal(err.message, message);
    options_free(&rest);
}

static void nothing_keeps_the_defaults(void **state)
{
    (void)state;
    operands rest;
    CHECK_OK(parse(&closed, &rest, (char *[]){"train", NULL}));
    assert_int_equal(set.epochs, 15);
    assert_false(set.flag || options_given(&rest, "epochs") || rest.help);
    assert_int_equal(rest.count, 0);
    options_free(&rest);
}

static void values_reach_their_targets(void **state)
{
    (void)state;
    operands rest;
    CHECK_OK(parse(&closed, &rest,
                   WORDS("--only-fine", "--epochs", "3", "--seed=18446744073709551615", "--lr",
                         "-1e-3", "--data", "-x", "--optimizer=adam")));
    assert_true(set.flag && options_given(&rest, "epochs"));
    assert_false(options_given(&rest, "image-size"));
    options_free(&rest);
    assert_int_equal(set.epochs, 3);
    assert_true(set.seed == UINT64_MAX);
    assert_true(set.rate == -1e-3);
    assert_string_equal(set.data, "-x");
    assert_int_equal(set.optimizer, ADAM);
}

static void spellings_are_equal(void **state)
{
    (void)state;
    expect_ok(WORDS("--only_fine", "--image_size=32", "--data_path", "x", "--learning_rate=2"));
    assert_true(set.flag);
    assert_int_equal(set.size, 32);
    assert_string_equal(set.data, "x");
    assert_true(set.rate == 2);
}

static void an_option_may_stand_alone(void **state)
{
    (void)state;
    operands rest;
    expect_ok(WORDS("--watch"));
    assert_int_equal(set.watch, 5);
    expect_ok(WORDS("--watch=7", "--epochs", "3"));
    assert_int_equal(set.watch, 7);
    CHECK_OK(parse(&open_ended, &rest, WORDS("--watch", "9", "a")));
    assert_int_equal(set.watch, 9);
    assert_int_equal(rest.count, 1);
    options_free(&rest);
    CHECK_OK(parse(&open_ended, &rest, WORDS("--watch", "9a", "--watch")));
    assert_int_equal(set.watch, 5);
    assert_int_equal(rest.count, 1);
    assert_string_equal(rest.values[0], "9a");
    options_free(&rest);
    expect_error("--watch 0: has to be between 1 and 60", WORDS("--watch", "0"));
    expect_error("--watch '': is not a whole number from 1 to 60", WORDS("--watch="));
}

static void a_joined_value_may_be_anything(void **state)
{
    (void)state;
    expect_ok(WORDS("--data=--odd=name"));
    assert_string_equal(set.data, "--odd=name");
}

static void a_flag_can_be_unset(void **state)
{
    (void)state;
    expect_ok(WORDS("--only-fine=true"));
    assert_true(set.flag);
    expect_ok(WORDS("--only-fine", "--only-fine=false"));
    assert_false(set.flag);
    expect_ok(WORDS("--only-fine", "--epochs", "3")); /* a flag does not use up the next word */
    assert_true(set.flag);
}

static void an_empty_string_is_refused(void **state)
{
    (void)state;
    expect_error("--data: is empty; expected DIR", WORDS("--data="));
    expect_error("--data: is empty; expected DIR", WORDS("--data", ""));
}

static void the_last_one_wins(void **state)
{
    (void)state;
    expect_ok(WORDS("--epochs=3", "--epochs", "4"));
    assert_int_equal(set.epochs, 4);
}

static void wrong_names(void **state)
{
    (void)state;
    expect_error("unknown option --epocs; did you mean --epochs?", WORDS("--epocs=3"));
    expect_error("unknown option --optimzier; did you mean --optimizer?", WORDS("--optimzier"));
    expect_error("unknown option --image; did you mean --image-size?", WORDS("--image", "3"));
    expect_error("unknown option --data_pth; did you mean --data-path?", WORDS("--data_pth"));
    expect_error("unknown option -epochs; did you mean --epochs?", WORDS("-epochs"));
    expect_error("unknown option --hlep; did you mean --help?", WORDS("--hlep"));
    expect_error("unknown option --maker-name; did you mean --maker?", WORDS("--maker-name"));
    expect_error("--help=foo: --help accepts no value", WORDS("--help=foo"));
    expect_error("unknown option --wandb; --help lists all options", WORDS("--wandb"));
    expect_error("unknown option --; --help lists all options", WORDS("--=3"));
    char long_name[300] = "--";
    memset(long_name + 2, 'a', sizeof long_name - 3);
    long_name[sizeof long_name - 1] = '\0';
    operands rest;
    assert_int_equal(parse(&closed, &rest, WORDS(long_name)), STATUS_USAGE);
}

static void missing_and_surplus_values(void **state)
{
    (void)state;
    expect_error("--epochs needs a value: --epochs N", WORDS("--epochs"));
    expect_error("--data needs a value: --data DIR", WORDS("--data", "--epochs", "3"));
    expect_error("--optimizer needs a value: --optimizer sgd|adam", WORDS("--optimizer"));
    expect_error("--only-fine 'yes': is neither true nor false", WORDS("--only-fine=yes"));
}

static void malformed_numbers(void **state)
{
    (void)state;
    expect_error("--epochs '3x': is not a whole number from 1 up", WORDS("--epochs", "3x"));
    expect_error("--epochs '': is not a whole number from 1 up", WORDS("--epochs="));
    expect_error("--epochs ' 3': is not a whole number from 1 up", WORDS("--epochs", " 3"));
    expect_error("--epochs '1.5': is not a whole number from 1 up", WORDS("--epochs", "1.5"));
    expect_error("--epochs '1e3': is not a whole number from 1 up", WORDS("--epochs", "1e3"));
    expect_error("--image-size 'x': is not a whole number from 8 to 1024", WORDS("--image-size=x"));
    expect_error("--epochs 99999999999: is too large; at most 2147483647",
                 WORDS("--epochs", "99999999999"));
    expect_error("--image-size 99999999999999999999: is too large; at most 1024",
                 WORDS("--image-size", "99999999999999999999"));
    expect_error("--epochs -99999999999: has to be at least 1", WORDS("--epochs", "-99999999999"));
    expect_error("--seed '-1': is not a whole number from 0 up", WORDS("--seed", "-1"));
    expect_error("--seed 18446744073709551616: does not fit into 64 bits",
                 WORDS("--seed", "18446744073709551616"));
    expect_error("--lr 'fast': is not a number", WORDS("--lr", "fast"));
    expect_error("--lr 'nan': is not a number", WORDS("--lr", "nan"));
    expect_error("--lr '1e999': is not a number", WORDS("--lr", "1e999"));
}

static void bounds(void **state)
{
    (void)state;
    expect_error("--epochs 0: has to be at least 1", WORDS("--epochs", "0"));
    expect_error("--image-size 7: has to be between 8 and 1024", WORDS("--image-size", "7"));
    expect_error("--image-size 1025: has to be between 8 and 1024", WORDS("--image-size=1025"));
    expect_ok(WORDS("--image-size=8"));
    expect_ok(WORDS("--image-size=1024"));
}

static void options_that_go_together(void **state)
{
    (void)state;
    const char *alone = "--trial needs --tuned";
    const char *both = "--tuned has no effect with --only-fine; leave one of them out";
    expect_error(alone, WORDS("--trial"));
    expect_error(alone, WORDS("--trial", "--tuned=false"));
    expect_ok(WORDS("--trial", "--tuned"));
    expect_ok(WORDS("--trial=false"));
    expect_error(both, WORDS("--tuned", "--only-fine"));
    expect_error(both, WORDS("--only-fine", "--tuned"));
    expect_ok(WORDS("--tuned", "--only-fine=false"));
    expect_ok(WORDS("--tuned=false", "--only-fine"));
}

static void choices(void **state)
{
    (void)state;
    expect_error("--optimizer 'adm': is not one of sgd|adam; did you mean adam?",
                 WORDS("--optimizer", "adm"));
    expect_error("--optimizer 'lamb': is not one of sgd|adam", WORDS("--optimizer", "lamb"));
    expect_error("--dataset 'cifar10': is not cifar100; did you mean cifar100?",
                 WORDS("--dataset", "cifar10"));
    expect_error("--maker 'anothr': is not one of one|another; did you mean another?",
                 WORDS("--maker", "anothr"));
    expect_ok(WORDS("--maker", "another", "--optimizer", "adam"));
    assert_ptr_equal(set.maker, makers[1].name);
}

/* An option that may have no value can be unset. */
static void optional_values_can_be_unset(void **state)
{
    (void)state;
    set = (settings){.optimizer = ADAM, .data = "x", .maker = makers[0].name, .epochs = 3};
    assert_true(options_unset(options_find(table, "data"), &set) && !set.data);
    assert_true(options_unset(options_find(table, "maker"), &set) && !set.maker);
    assert_false(options_unset(options_find(table, "optimizer"), &set) || set.optimizer != ADAM);
    assert_false(options_unset(options_find(table, "epochs"), &set) || set.epochs != 3);
}

static void operands_are_kept_in_order(void **state)
{
    (void)state;
    operands rest;
    CHECK_OK(parse(&open_ended, &rest, WORDS("a", "--epochs", "2", "-", "--", "--seed")));
    assert_int_equal(rest.count, 3);
    assert_string_equal(rest.values[0], "a");
    assert_string_equal(rest.values[1], "-");
    assert_string_equal(rest.values[2], "--seed");
    options_free(&rest);
    expect_error("'a': unexpected argument; train accepts only options, which start with --",
                 WORDS("a"));
    expect_error("'--seed': unexpected argument; train accepts only options, and -- ends them",
                 WORDS("--", "--seed"));
    expect_error("'seed=3': unexpected argument; did you mean --seed?", WORDS("seed=3"));
    expect_error("'help': unexpected argument; did you mean --help?", WORDS("help"));
}

static void help_wins_over_everything(void **state)
{
    (void)state;
    operands rest;
    CHECK_OK(parse(&closed, &rest, WORDS("--epochs", "3", "--nonsense", "--help")));
    assert_true(rest.help);
    assert_int_equal(set.epochs, 15);
    CHECK_OK(parse(&open_ended, &rest, WORDS("--", "--help")));
    assert_false(rest.help);
    assert_int_equal(rest.count, 1);
    options_free(&rest);
}

static void help_shows_defaults(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    set = (settings){.epochs = 15, .rate = 8e-3};
    options_help(&closed, &set, stream);
    fclose(stream);
    static const char expected[] =
        "Usage: hcnn-cl train [OPTION]...\n"
        "\n"
        "Trains.\n"
        "\n"
        "Options:\n"
        "  --only-fine               One branch\n"
        "  --tuned                   Tuned\n"
        "  --trial                   Trial\n"
        "  --epochs N                Epochs (default: 15)\n"
        "  --image-size N            Size of the images, which is explained here at such\n"
        "                            length that the line is wrapped\n"
        "  --seed N                  Seed (default: 0)\n"
        "  --lr X                    Rate (default: 0.008)\n"
        "  --data, -d DIR            Data (default: the run's)\n"
        "  --watch[=N]               Seconds\n"
        "  --optimizer sgd|adam      Optimizer (default: sgd)\n"
        "  --maker one|another       Maker (default: whoever)\n"
        "  --dataset cifar100        Data set (default: the only one)\n"
        "  --help                    show this text\n"
        "\n"
        "Example:\n"
        "  hcnn-cl train   # on the sample\n";
    assert_string_equal(text, expected);
    free(text);
}

static void words_are_for_programs(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    operands rest;
    CHECK_OK(parse(&closed, &rest, WORDS("--nonsense", "--help=words")));
    assert_true(rest.help && rest.words);
    CHECK_OK(parse(&closed, &rest, WORDS("--help")));
    assert_false(rest.words);
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    options_words(&open_ended, stream);
    fclose(stream);
    assert_string_equal(text, "--only-fine\n"
                              "--tuned\n"
                              "--trial\n"
                              "--epochs N\n"
                              "--image-size N\n"
                              "--seed N\n"
                              "--lr,--learning-rate X\n"
                              "--data,--data-path,-d DIR\n"
                              "--watch [N]\n"
                              "--optimizer sgd|adam\n"
                              "--maker one|another\n"
                              "--dataset cifar100\n"
                              "--help\n"
                              "operand FILE\n");
    free(text);
}

static void letters_are_aliases(void **state)
{
    (void)state;
    expect_ok(WORDS("-d", "here"));
    assert_string_equal(set.data, "here");
    expect_ok(WORDS("-d=there", "--only-fine"));
    assert_string_equal(set.data, "there");
    operands rest;
    CHECK_FAILS(STATUS_USAGE, "-dhere", parse(&closed, &rest, WORDS("-dhere")));
    CHECK_FAILS(STATUS_USAGE, "-x", parse(&closed, &rest, WORDS("-x", "here")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_keeps_the_defaults),
        cmocka_unit_test(values_reach_their_targets),
        cmocka_unit_test(spellings_are_equal),
        cmocka_unit_test(an_option_may_stand_alone),
        cmocka_unit_test(a_joined_value_may_be_anything),
        cmocka_unit_test(a_flag_can_be_unset),
        cmocka_unit_test(an_empty_string_is_refused),
        cmocka_unit_test(the_last_one_wins),
        cmocka_unit_test(wrong_names),
        cmocka_unit_test(missing_and_surplus_values),
        cmocka_unit_test(malformed_numbers),
        cmocka_unit_test(bounds),
        cmocka_unit_test(options_that_go_together),
        cmocka_unit_test(choices),
        cmocka_unit_test(optional_values_can_be_unset),
        cmocka_unit_test(operands_are_kept_in_order),
        cmocka_unit_test(help_wins_over_everything),
        cmocka_unit_test(help_shows_defaults),
        cmocka_unit_test(words_are_for_programs),
        cmocka_unit_test(letters_are_aliases),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
