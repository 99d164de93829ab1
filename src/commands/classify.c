/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl classify`: prints the most likely coarse and fine classes of image files, as bars or as
 * JSON. */
#include "base/json_values.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "data/image.h"
#include "measure/classifier.h"
#include "measure/decision.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_WIDTH = 28, BAR_WIDTH = 24 };

typedef struct classify_options {
    const char *checkpoint, *decision;
    precision_request precision;
    int top;
    double device_timeout;
    bool json, no_selftest;
} classify_options;

/* What stays the same for every image. */
typedef struct session {
    const classify_options *options;
    classifier *from;
    const hierarchy *classes;
    float *coarse, *fine; /* logits */
    decider decide;
} session;

static void print_bar(const char *name, double probability)
{
    int filled = (int)(probability * BAR_WIDTH + 0.5);
    printf("    ");
    command_put(name, NAME_WIDTH);
    printf(" %6.2f%%  ", 100 * probability);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputs(i < filled ? "#" : ".", stdout);
    putchar('\n');
}

/* Number of classes of a ranking to show: none if the logits are not finite. */
static int places(const session *s, const ranking *r)
{
    int top = s->options->top < r->count ? s->options->top : r->count;
    return r->decided ? top : 0;
}

static void print_head(const session *s, bool fine)
{
    const ranking *r = fine ? &s->decide.fine : &s->decide.coarse;
    char name[COMMAND_CLASS_NAME];
    printf("  %s\n", fine ? "fine" : "coarse");
    if (!r->decided)
        puts("    undecided: the logits are not finite");
    for (int i = 0; i < places(s, r); i++) {
        command_class_name(s->classes, fine, r->order[i], name);
        print_bar(name, r->probabilities[r->order[i]]);
    }
}

static json_t *head_to_json(const session *s, bool fine)
{
    const hierarchy *c = s->classes;
    const ranking *r = fine ? &s->decide.fine : &s->decide.coarse;
    json_t *list = json_array();
    for (int i = 0; i < places(s, r); i++) {
        int class = r->order[i];
        const char *parent = fine ? c->coarse_names[c->parents[class]] : NULL;
        list = array_with(list, json_pack("{s:s, s:i, s:f, s:s*}", "name",
                                          fine ? c->fine_names[class] : c->coarse_names[class],
                                          "class", class, "probability", r->probabilities[class],
                                          "coarse", parent));
    }
    return list;
}

static status print_json(const session *s, const char *path, error *err)
{
    json_t *coarse = classifier_has_coarse(s->from) ? head_to_json(s, false) : NULL;
    json_t *line = json_pack("{s:o, s:o*, s:o}", "image", text_to_json(path), "coarse", coarse,
                             "fine", head_to_json(s, true));
    TRY(command_print_json(line, JSON_LINE(6), err));
    fflush(stdout);
    return STATUS_OK;
}

static status classify_image(session *s, const char *path, error *err)
{
    image picture;
    TRY(image_read(path, &picture, err));
    const classifier_image one = {picture.pixels, picture.width, picture.height, 0};
    status result = classifier_run(s->from, &one, 1, s->coarse, s->fine, err);
    image_free(&picture);
    TRY(result);
    decider_decide(&s->decide, s->coarse, s->fine);
    if (s->options->json)
        return print_json(s, path, err);
    terminal_put(stdout, path);
    putchar('\n');
    if (classifier_has_coarse(s->from))
        print_head(s, false);
    print_head(s, true);
    return STATUS_OK;
}

/* Tries every image; the first failure decides the exit code. */
static status classify_all(session *s, const operands *images, error *err)
{
    status result = STATUS_OK;
    for (int i = 0; i < images->count; i++) {
        error one;
        status done = classify_image(s, images->values[i], &one);
        if (done == STATUS_OK)
            continue;
        command_warn("%s", one.message);
        if (result == STATUS_OK)
            result = error_set(err, done, "not every image could be classified");
    }
    return result;
}

/* Allocates the logits of one image and the decision rule, then classifies every image. */
static status decide_all(session *s, const operands *images, error *err)
{
    const hierarchy *c = s->classes = classifier_classes(s->from);
    TRY(decider_create(&s->decide, s->options->decision, c, classifier_has_coarse(s->from), err));
    s->coarse = calloc((size_t)c->coarse_count, sizeof *s->coarse);
    s->fine = calloc((size_t)c->fine_count, sizeof *s->fine);
    TRY(got_memory(s->coarse && s->fine, err, "the logits"));
    return classify_all(s, images, err);
}

static status run(void *values, const operands *images, error *err)
{
    classify_options *o = values;
    device *dev;
    session s = {.options = o};
    progress bar;
    status result;
    if (!o->checkpoint)
        return error_set(err, STATUS_USAGE,
                         "classify needs --checkpoint CHECKPOINT, such as RUN/best.safetensors");
    if (images->count == 0)
        return error_set(err, STATUS_USAGE, "classify needs at least one image");
    o->precision.given = options_given(images, "precision");
    TRY(command_open_device(o->device_timeout, o->precision, &dev, err));
    progress_begin(&bar, stderr);
    const selftest_options selftest = command_selftest_options(o->no_selftest, &bar);
    result = classifier_open(dev, o->checkpoint, 1, &selftest, &s.from, err);
    progress_clear(&bar);
    if (result != STATUS_OK)
        goto done;
    result = decide_all(&s, images, err);
done:
    free(s.coarse);
    free(s.fine);
    decider_free(&s.decide);
    classifier_close(s.from);
    device_close(dev);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_STRING("checkpoint", classify_options, checkpoint, "CHECKPOINT",
                      "checkpoint, such as RUN/best.safetensors"),
    OPTION_ROW_INT("top", classify_options, top, 1, 1000, "number of classes to print per head"),
    COMMAND_PRECISION_ROW(classify_options, precision.precision,
                          "precision to compute with; see eval"),
    OPTION_ROW_NAME("decision", classify_options, decision, decision_words,
                    "how classes are ranked; see eval. With joint and crm, the first coarse class "
                    "is the parent of the first fine one"),
    COMMAND_SELFTEST_ROW(classify_options),
    COMMAND_TIMEOUT_ROW(classify_options, device_timeout),
    OPTION_ROW_FLAG("json", classify_options, json, "print one line of JSON for each image"),
    {0},
};

static const command_line line = {
    .usage = "classify --checkpoint CHECKPOINT [OPTION]... IMAGE...",
    .summary = "Prints the most likely coarse and fine classes of JPEG, PNG and BMP files. A file "
               "that cannot be read is reported, and the others are still classified.",
    .example = "hcnn-cl classify --checkpoint runs/first/best.safetensors cat.jpg",
    .rows = rows,
    .operand = "FILE",
};

COMMAND(classify, classify_options, .decision = "argmax", .top = 5,
        .device_timeout = DEVICE_TIMEOUT)
