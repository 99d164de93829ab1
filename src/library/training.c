/* SPDX-License-Identifier: Apache-2.0 */
/* hcnn.h: training. */
#include "base/text.h"
#include "hcnn.h"
#include "library/handles.h"
#include "train/recipe.h"
#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hcnn_options {
    train_options values;
    words texts; /* the texts that values point to */
};

hcnn_options *hcnn_options_create(void)
{
    hcnn_options *options = calloc(1, sizeof *options);
    if (options)
        options->values = train_defaults();
    return options;
}

void hcnn_options_free(hcnn_options *options)
{
    if (!options)
        return;
    words_free(&options->texts);
    free(options);
}

static status set(hcnn_options *options, const char *name, const char *value, error *err)
{
    TRY(library_given(options, "options", err));
    TRY(library_given(name, "name", err));
    TRY(library_given(value, "value", err));
    const option_row *row = options_find(train_rows, name);
    if (!row || (row->transient && strcmp(row->name, "run") != 0))
        return error_set(
            err, STATUS_USAGE,
            "'%s' is not an option of a training run; `hcnn-cl train --help` lists the options",
            name);
    TRY(words_add(&options->texts, value, strlen(value), err));
    options->values.origin.lines[row - train_rows] = TRAIN_GIVEN;
    return options_set(row, &options->values, options->texts.texts[options->texts.count - 1], err);
}

int hcnn_options_set(hcnn_options *options, const char *name, const char *value, char *message,
                     size_t capacity)
{
    error err;
    return library_return(set(options, name, value, &err), &err, message, capacity);
}

static status load(hcnn_options *options, const char *recipe, error *err)
{
    TRY(library_given(options, "options", err));
    TRY(library_given(recipe, "recipe", err));
    return recipe_load(recipe, &options->values, &options->texts, err);
}

int hcnn_options_load(hcnn_options *options, const char *recipe, char *message, size_t capacity)
{
    error err;
    return library_return(load(options, recipe, &err), &err, message, capacity);
}

/* ---- Watching ---- */

typedef struct watching {
    hcnn_watch watch;
    void *context;
    volatile sig_atomic_t stop;
    const char *run;
} watching;

static void tell(watching *w, hcnn_progress *p)
{
    p->run = w->run;
    if (w->watch && w->watch(w->context, p) != 0)
        w->stop = 1;
}

static void take_start(void *context, const train_started *what)
{
    watching *w = context;
    w->run = what->run;
}

static void take_step(void *context, const train_step *s)
{
    hcnn_progress p = {.step = s->step,
                       .epoch = s->epoch,
                       .epochs = s->epochs,
                       .loss = s->loss,
                       .coarse_loss = s->only_fine ? NAN : s->coarse_loss,
                       .fine_loss = s->fine_loss,
                       .lr = s->lr,
                       .images_per_second = s->images_per_second,
                       .validation_loss = NAN,
                       .validation_coarse_top1 = NAN,
                       .validation_fine_top1 = NAN};
    tell(context, &p);
}

static void take_epoch(void *context, const train_epoch *e)
{
    const metrics *v = &e->validation;
    hcnn_progress p = {
        .step = e->step,
        .epoch = e->epoch,
        .epochs = e->epochs,
        .loss = metrics_loss(&e->train, e->weights),
        .coarse_loss = e->only_fine ? NAN : metrics_mean(&e->train, e->train.coarse_loss),
        .fine_loss = metrics_mean(&e->train, e->train.fine_loss),
        .lr = e->lr,
        .images_per_second = e->images_per_second,
        .epoch_ended = 1,
        .validation_loss = metrics_loss(v, e->run_weights),
        .validation_coarse_top1 = e->only_fine ? NAN : metrics_mean(v, (double)v->coarse_top1),
        .validation_fine_top1 = metrics_mean(v, (double)v->fine_top1),
    };
    tell(context, &p);
}

static status train(train_options *o, const char *device, hcnn_watch watch, void *context,
                    error *err)
{
    watching w = {.watch = watch, .context = context};
    const train_observer observer = {.context = &w,
                                     .started = take_start,
                                     .step = take_step,
                                     .epoch = take_epoch,
                                     .stop = &w.stop};
    o->device = device ? device : "";
    return train_run(o, &observer, err);
}

int hcnn_train(const char *device, const hcnn_options *options, hcnn_watch watch, void *context,
               char *message, size_t capacity)
{
    error err;
    train_options o;
    status result = library_given(options, "options", &err);
    if (result == STATUS_OK) {
        o = options->values;
        result = train(&o, device, watch, context, &err);
    }
    return library_return(result, &err, message, capacity);
}

static status resume(const char *device, const char *run, int epochs, hcnn_watch watch,
                     void *context, error *err)
{
    words kept = {0};
    train_options o = train_defaults();
    TRY(library_given(run, "run", err));
    status result = recipe_load_run(run, &o, &kept, err);
    o.resume = run;
    o.epochs = epochs > 0 ? epochs : o.epochs;
    if (result == STATUS_OK)
        result = train(&o, device, watch, context, err);
    words_free(&kept);
    return result;
}

int hcnn_resume(const char *device, const char *run, int epochs, hcnn_watch watch, void *context,
                char *message, size_t capacity)
{
    error err;
    return library_return(resume(device, run, epochs, watch, context, &err), &err, message,
                          capacity);
}
