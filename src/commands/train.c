/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl train`: reads the options and shows the progress of a run. train/train.h trains. */
#include "train/train.h"
#include "base/clock.h"
#include "base/progress.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "mpi/mpi_ranks.h"
#include "train/recipe.h"

#include <stdio.h>

static const command_line line = {
    .usage = "train [OPTION]...",
    .summary = "Trains a network and saves everything about the run in a run directory. Ctrl-C "
               "finishes the step, saves and exits with 130; --resume continues the run. Started "
               "by mpirun, the ranks train one network together; each takes its part of every "
               "batch.",
    .example = "hcnn-cl train --data cifar-100-binary.tar.gz --image-size 32 --batch-size 64",
    .rows = train_rows,
};

/* What the callbacks draw with. */
typedef struct display {
    progress bar;
    bool plain; /* no bar: mpirun gives its ranks a terminal even if it writes to a file */
    int epoch;  /* the epoch that the bar shows */
} display;

static void begin_bar(display *d)
{
    progress_begin(&d->bar, stdout);
    if (d->plain)
        d->bar.terminal = false;
}

static double percent(const metrics *m, uint64_t hits)
{
    return 100 * metrics_mean(m, (double)hits);
}

static void show_note(void *context, const char *text)
{
    display *d = context;
    progress_clear(&d->bar);
    terminal_print(stdout, "%s\n", text);
    fflush(stdout);
}

static void show_started(void *context, const train_started *w)
{
    display *d = context;
    if (w->is_sample)
        printf("No --data, and no CIFAR-100 under data/: training on a small sample that the "
               "program draws.\nReal data: data/fetch-cifar100, or --data with CIFAR-100's "
               "archive or directory.\n");
    terminal_print(stdout, "device   %s\n", w->device);
    terminal_print(stdout, "data     %s: %zu training, %zu validation, %zu test images; ",
                   w->is_sample ? "drawn sample" : w->data, w->train_images, w->validation_images,
                   w->test_images);
    printf("%d coarse, %d fine classes\n", w->coarse_classes, w->fine_classes);
    if (w->held_out)
        printf("         there are no valid and test parts: --seed chooses a tenth of the training "
               "images for validation and another tenth for testing\n");
    printf("network  %zu parameters, %zu trained; %dx%d input; %.2f GiB of device memory\n",
           w->parameters, w->trained_parameters, w->image_size, w->image_size,
           (double)w->memory_bytes / (1u << 30));
    if (w->ranks > 1)
        printf("ranks    %d, each with at most %d images of a batch\n", w->ranks, w->share);
    terminal_print(stdout, "run      %s%s", w->run, w->resumed ? ", resumed" : "");
    if (w->step > 0)
        printf(" after step %llu", (unsigned long long)w->step);
    printf("\n");
    fflush(stdout);
    begin_bar(d);
}

static void show_step(void *context, const train_step *w)
{
    display *d = context;
    char text[256], accuracy[96];
    const metrics *m = &w->so_far;
    if (w->only_fine)
        snprintf(accuracy, sizeof accuracy, "fine %.3f %.1f%%", w->fine_loss,
                 percent(m, m->fine_top1));
    else
        snprintf(accuracy, sizeof accuracy, "coarse %.3f %.1f%% fine %.3f %.1f%%", w->coarse_loss,
                 percent(m, m->coarse_top1), w->fine_loss, percent(m, m->fine_top1));
    if (w->epoch != d->epoch)
        begin_bar(d);
    d->epoch = w->epoch;
    if (d->bar.terminal) {
        char label[48];
        snprintf(text, sizeof text, "loss %.3f %s lr %g %.1f/s", w->loss, accuracy, w->lr,
                 w->images_per_second);
        snprintf(label, sizeof label, "epoch %d/%d", w->epoch, w->epochs);
        progress_draw(&d->bar, label, w->batch, w->batches, text);
        return;
    }
    printf("step %llu epoch %d/%d batch %zu/%zu loss %.4f %s lr %g %.1f images/s\n",
           (unsigned long long)w->step, w->epoch, w->epochs, w->batch, w->batches, w->loss,
           accuracy, w->lr, w->images_per_second);
    fflush(stdout);
}

static void show_evaluating(void *context, const char *what, size_t done, size_t total)
{
    display *d = context;
    progress_draw(&d->bar, what, done, total, "");
}

static void print_part(const char *name, const metrics *m, loss_weights weights, bool only_fine)
{
    char shares[METRICS_TEXT];
    metrics_to_text(m, only_fine, shares);
    printf("  %-10s loss %.4f%s\n", name, metrics_loss(m, weights), shares);
}

static void show_epoch(void *context, const train_epoch *w)
{
    display *d = context;
    char duration[32];
    progress_clear(&d->bar);
    clock_duration(w->seconds, duration, sizeof duration);
    printf("epoch %d/%d  lr %g  %s  %.1f images/s%s\n", w->epoch, w->epochs, w->lr, duration,
           w->images_per_second, w->best ? "  best so far" : "");
    print_part("train", &w->train, w->weights, w->only_fine);
    print_part("validation", &w->validation, w->run_weights, w->only_fine);
    fflush(stdout);
}

static void show_finished(void *context, const train_finished *w)
{
    display *d = context;
    progress_clear(&d->bar);
    if (w->tested) {
        printf("best checkpoint, of epoch %d:\n", w->best_epoch);
        if (w->test_half.count > 0)
            print_part("test half", &w->test_half, w->weights, w->only_fine);
        if (w->test_whole.count > 0)
            print_part(w->test_half.count > 0 ? "whole test" : "test", &w->test_whole, w->weights,
                       w->only_fine);
        terminal_print(stdout, "%s/best.safetensors\n", w->run);
    } else {
        terminal_print(stdout,
                       "stopped after step %llu, the limit of --max-steps; hcnn-cl train --resume "
                       "%s continues\n",
                       (unsigned long long)w->step, w->run);
    }
}

static train_options command_defaults(void)
{
    train_options o = train_defaults();
    o.threads = command_processors();
    o.program = command_program();
    return o;
}

/* Shows the notes of a rank other than the first: they are about images that only this rank
 * decodes. */
static void show_rank_note(void *context, const char *text)
{
    const ranks *r = context;
    command_warn("rank %d: %s", r->rank, text);
}

static status run(const train_options *o, error *err)
{
    display d = {.plain = o->ranks != NULL};
    const train_observer full = {
        &d,         show_note,     show_started,         show_step, show_evaluating,
        show_epoch, show_finished, command_catch_stop(),
    };
    const train_observer quiet = {
        .context = (void *)o->ranks, .note = show_rank_note, .stop = full.stop};
    const train_observer *observer = ranks_lead(o->ranks) ? &full : &quiet;
    if (ranks_lead(o->ranks))
        command_warn_cache();
    begin_bar(&d);
    status result = train_run(o, observer, err);
    progress_clear(&d.bar);
    return result;
}

/* Lists the options that may be given with --resume: "--epochs, --max-bad, --max-steps and
 * --threads". */
static void list_changes(char *text, size_t capacity)
{
    const char *last = NULL;
    size_t used = 0;
    text[0] = '\0';
    for (const option_row *row = train_rows; row->name; row++) {
        if (!row->on_resume || row->transient)
            continue;
        if (last && used < capacity)
            used +=
                (size_t)snprintf(text + used, capacity - used, "%s--%s", used ? ", " : "", last);
        last = row->name;
    }
    if (last && used < capacity)
        snprintf(text + used, capacity - used, "%s--%s", used ? " and " : "", last);
}

/* Refuses every other option, because it would make the run a different one. */
static status check_resume(const operands *line, error *err)
{
    char changes[256];
    list_changes(changes, sizeof changes);
    for (int i = 0; i < line->given_count; i++)
        if (!line->given[i]->on_resume)
            return error_set(
                err, STATUS_USAGE,
                "--%s cannot be given with --resume; a run keeps its options except for %s",
                line->given[i]->name, changes);
    return STATUS_OK;
}

/* Sets the options again: the defaults, then those of the run or recipe, then those of the command
 * line. `kept` owns the texts from the run or recipe. */
static status complete(const operands *given, int argc, char **argv, train_options *o, words *kept,
                       error *err)
{
    operands again;
    const train_options asked = *o;
    if (asked.resume)
        TRY(check_resume(given, err));
    if (!asked.resume && !asked.recipe)
        return STATUS_OK;
    *o = command_defaults();
    o->ranks = asked.ranks;
    TRY(asked.resume ? recipe_load_run(asked.resume, o, kept, err)
                     : recipe_load(asked.recipe, o, kept, err));
    TRY(options_parse(&line, o, argc, argv, &again, err));
    options_free(&again);
    return STATUS_OK;
}

static void note_given(const operands *given, train_options *o)
{
    for (int i = 0; i < given->given_count; i++)
        o->origin.lines[given->given[i] - train_rows] = TRAIN_GIVEN;
}

/* Like command_options. With several ranks, the first rank parses before the others, so that an
 * error is printed once. */
static bool parse(train_options *o, int argc, char **argv, operands *rest, int *exit_code)
{
    enum { GO_ON = -1 };
    error ignored;
    int verdict = GO_ON;
    const ranks *r = o->ranks;
    bool lead = ranks_lead(r);
    if (lead && !command_options(&line, o, argc, argv, rest, exit_code))
        verdict = *exit_code;
    if (ranks_broadcast(r, &verdict, sizeof verdict, &ignored) != STATUS_OK)
        verdict = STATUS_FAILED;
    if (verdict == GO_ON)
        return lead || command_options(&line, o, argc, argv, rest, exit_code);
    *exit_code = verdict;
    return false;
}

/* Returns the exit code. A stop reaches all ranks, so they end in the same way. A failure may
 * concern this rank alone, so it ends the other ranks. */
static int end_together(const ranks *r, status result, const error *err)
{
    const bool failed = result != STATUS_OK && result != STATUS_INTERRUPTED;
    if (r && failed)
        mpi_ranks_await_lead(r);
    if (result != STATUS_OK && ranks_lead(r))
        command_fail(err, result);
    else if (r && failed)
        command_warn("rank %d: %s", r->rank, err->message);
    if (r && failed)
        mpi_ranks_abort(result);
    mpi_ranks_leave(r);
    return result == STATUS_OK ? command_finish() : (int)result;
}

int command_train(int argc, char **argv)
{
    error err;
    train_options o = command_defaults();
    command_catch_stop(); /* first, so that a signal is remembered while the ranks join */
    status result = mpi_ranks_join(&o.ranks, &err);
    if (result != STATUS_OK)
        return mpi_ranks_announced_lead() ? command_fail(&err, result) : (int)result;
    const ranks *together = o.ranks;
    operands given;
    words kept = {0};
    int exit_code;
    if (!parse(&o, argc, argv, &given, &exit_code)) {
        mpi_ranks_leave(together);
        return exit_code;
    }
    result = complete(&given, argc, argv, &o, &kept, &err);
    note_given(&given, &o);
    if (result == STATUS_OK)
        result = run(&o, &err);
    options_free(&given);
    words_free(&kept);
    return end_together(together, result, &err);
}
