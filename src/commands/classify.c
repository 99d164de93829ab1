/* `hcnn-cl classify`: the coarse and fine guesses for image files, as bars or as JSON. */
#include "commands/commands.h"
#include "data/image.h"
#include "train/classifier.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 24 };

typedef struct classify_options {
    const char *checkpoint, *precision;
    int top;
    bool json;
} classify_options;

/* What is needed for every image. */
typedef struct session {
    const classify_options *options;
    classifier *from;
    const hierarchy *classes;
    float *coarse, *fine; /* probabilities */
    int *order;           /* room for the ranking of either */
} session;

/* The `top` most probable classes into order, ties to the lower index; returns how many. */
static int rank_classes(const float *probabilities, int count, int top, int *order)
{
    top = top < count ? top : count;
    for (int place = 0; place < top; place++) {
        int best = -1;
        for (int i = 0; i < count; i++) {
            bool taken = false;
            for (int earlier = 0; earlier < place; earlier++)
                taken |= order[earlier] == i;
            if (!taken && (best < 0 || probabilities[i] > probabilities[best]))
                best = i;
        }
        order[place] = best;
    }
    return top;
}

static void print_bar(const char *name, float probability)
{
    int filled = (int)(probability * BAR_WIDTH + 0.5f);
    printf("    %-28s %6.2f%%  ", name, 100.0 * (double)probability);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputs(i < filled ? "#" : ".", stdout);
    putchar('\n');
}

static void print_head(session *s, const char *head, const float *probabilities, int count,
                       char *const *names, const int *parents)
{
    int top = rank_classes(probabilities, count, s->options->top, s->order);
    printf("  %s\n", head);
    for (int i = 0; i < top; i++) {
        int class = s->order[i];
        char name[256];
        if (parents)
            snprintf(name, sizeof name, "%s (%s)", names[class],
                     s->classes->coarse_names[parents[class]]);
        else
            snprintf(name, sizeof name, "%s", names[class]);
        print_bar(name, probabilities[class]);
    }
}

static void print_guesses(session *s, const char *path)
{
    const hierarchy *c = s->classes;
    printf("%s\n", path);
    if (classifier_has_coarse(s->from))
        print_head(s, "coarse", s->coarse, c->coarse_count, c->coarse_names, NULL);
    print_head(s, "fine", s->fine, c->fine_count, c->fine_names, c->parents);
}

static json_t *head_to_json(session *s, const float *probabilities, int count, char *const *names,
                            const int *parents)
{
    json_t *list = json_array();
    int top = rank_classes(probabilities, count, s->options->top, s->order);
    for (int i = 0; i < top; i++) {
        int class = s->order[i];
        json_t *guess = json_pack("{s:s, s:i, s:f}", "name", names[class], "class", class,
                                  "probability", (double)probabilities[class]);
        if (guess && parents)
            json_object_set_new(guess, "coarse",
                                json_string(s->classes->coarse_names[parents[class]]));
        json_array_append_new(list, guess);
    }
    return list;
}

static status print_json(session *s, const char *path, error *err)
{
    const hierarchy *c = s->classes;
    json_t *line = json_object(), *name = json_string(path);
    json_object_set_new(line, "image", name ? name : json_string("(no UTF-8 name)"));
    if (classifier_has_coarse(s->from))
        json_object_set_new(line, "coarse",
                            head_to_json(s, s->coarse, c->coarse_count, c->coarse_names, NULL));
    json_object_set_new(line, "fine",
                        head_to_json(s, s->fine, c->fine_count, c->fine_names, c->parents));
    char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    json_decref(line);
    if (!text)
        return error_memory(err, path);
    puts(text);
    fflush(stdout);
    free(text);
    return STATUS_OK;
}

static status classify_image(session *s, const char *path, error *err)
{
    image picture;
    TRY(image_read(path, &picture, err));
    status result = classifier_run(s->from, picture.pixels, picture.width, picture.height,
                                   s->coarse, s->fine, err);
    image_free(&picture);
    TRY(result);
    if (s->options->json)
        return print_json(s, path, err);
    print_guesses(s, path);
    return STATUS_OK;
}

/* Every image is tried; the first failure decides the exit code. */
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

static status run(const classify_options *o, const operands *images, error *err)
{
    device *dev;
    session s = {.options = o};
    TRY(device_open(&dev, err));
    status result = device_set_precision(dev, o->precision, err);
    if (result == STATUS_OK)
        result = classifier_open(dev, o->checkpoint, &s.from, err);
    if (result == STATUS_OK) {
        s.classes = classifier_classes(s.from);
        int coarse = s.classes->coarse_count, fine = s.classes->fine_count;
        s.coarse = calloc((size_t)coarse, sizeof *s.coarse);
        s.fine = calloc((size_t)fine, sizeof *s.fine);
        s.order = calloc((size_t)(coarse > fine ? coarse : fine), sizeof *s.order);
        result = s.coarse && s.fine && s.order ? classify_all(&s, images, err)
                                               : error_memory(err, "the probabilities");
    }
    free(s.coarse);
    free(s.fine);
    free(s.order);
    classifier_close(s.from);
    device_close(dev);
    return result;
}

int command_classify(int argc, char **argv)
{
    classify_options o = {.precision = "fp32", .top = 5};
    const option_spec options[] = {
        OPTION_ROW_STRING("checkpoint", &o.checkpoint, "FILE",
                          "RUN/best.safetensors or RUN/last.safetensors"),
        OPTION_ROW_INT("top", &o.top, 1, 1000, "guesses of each head"),
        OPTION_ROW_CHOICE("precision", &o.precision, "fp32|fp16", "as train's"),
        OPTION_ROW_FLAG("json", &o.json, "print a line of JSON for each image"),
        {0},
    };
    const command_line line = {
        .usage = "classify --checkpoint FILE [OPTION]... IMAGE...",
        .summary = "Guesses the coarse and the fine class of JPEG, PNG and BMP files.",
        .example = "hcnn-cl classify --checkpoint runs/first/best.safetensors cat.jpg",
        .options = options,
        .takes_operands = true,
    };
    operands images;
    int exit_code;
    error err;
    if (!command_options(&line, argc, argv, &images, &exit_code))
        return exit_code;
    status result;
    if (!o.checkpoint)
        result = error_set(&err, STATUS_USAGE,
                           "classify needs --checkpoint FILE, as "
                           "RUN/best.safetensors of a training run");
    else if (images.count == 0)
        result = error_set(&err, STATUS_USAGE, "classify needs at least one image");
    else
        result = run(&o, &images, &err);
    options_free(&images);
    return result == STATUS_OK ? command_finish() : command_fail(&err, result);
}
