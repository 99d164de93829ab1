/* `hcnn-cl train`: the options, and what a person sees while it goes on. */
#include "train/train.h"
#include "base/file.h"
#include "base/progress.h"
#include "commands/commands.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A handler can reach nothing but a global. */
static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    stop_requested = 1;
    signal(signal_number, SIG_DFL); /* a second Ctrl-C ends it at once */
}

/* What the callbacks draw with. */
typedef struct display {
    progress bar;
} display;

static double percent(const metrics *m, uint64_t hits)
{
    return 100 * metrics_share(m, hits);
}

static void show_note(void *context, const char *text)
{
    display *d = context;
    progress_clear(&d->bar);
    printf("%s\n", text);
    fflush(stdout);
}

static void show_started(void *context, const train_started *w)
{
    display *d = context;
    if (w->is_sample)
        printf("No --data, and no CIFAR-100 under data/: training on a small sample that the "
               "program draws.\nReal data: data/fetch-cifar100, or --data with CIFAR-100's "
               "archive or directory.\n");
    printf("device   %s\n", w->device);
    printf("data     %s: %zu training, %zu validation, %zu test images; ",
           w->is_sample ? "drawn sample" : w->data, w->train_images, w->validation_images,
           w->test_images);
    printf("%d coarse, %d fine classes\n", w->coarse_classes, w->fine_classes);
    printf("network  %zu parameters, %zu trained; %dx%d input; %.2f GiB of device memory\n",
           w->parameters, w->trained_parameters, w->image_size, w->image_size,
           (double)w->memory_bytes / (1u << 30));
    printf("run      %s%s", w->run, w->resumed ? ", resumed" : "");
    if (w->step > 0)
        printf(" after step %llu", (unsigned long long)w->step);
    printf("\n");
    fflush(stdout);
    progress_begin(&d->bar, stdout);
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
    if (w->batch == 1)
        progress_begin(&d->bar, stdout);
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

static void print_part(const char *name, const metrics *m, double coarse_weight, double fine_weight,
                       bool only_fine)
{
    printf("  %-10s loss %.4f", name, metrics_loss(m, coarse_weight, fine_weight));
    if (!only_fine)
        printf("  coarse top-1 %5.2f%% top-5 %6.2f%%", percent(m, m->coarse_top1),
               percent(m, m->coarse_top5));
    printf("  fine top-1 %5.2f%% top-5 %6.2f%%", percent(m, m->fine_top1),
           percent(m, m->fine_top5));
    if (!only_fine)
        printf("  agree %5.2f%%", percent(m, m->agree));
    printf("\n");
}

static void show_epoch(void *context, const train_epoch *w)
{
    display *d = context;
    char duration[32];
    progress_clear(&d->bar);
    progress_duration(w->seconds, duration, sizeof duration);
    printf("epoch %d/%d  lr %g  %s  %.1f images/s%s\n", w->epoch, w->epochs, w->lr, duration,
           w->images_per_second, w->best ? "  best so far" : "");
    print_part("train", &w->train, w->coarse_weight, w->fine_weight, w->only_fine);
    print_part("validation", &w->validation, w->coarse_weight, w->fine_weight, w->only_fine);
    fflush(stdout);
}

static void show_finished(void *context, const train_finished *w)
{
    display *d = context;
    progress_clear(&d->bar);
    if (w->tested) {
        printf("best checkpoint, of epoch %d:\n", w->best_epoch);
        if (w->test_half.count > 0)
            print_part("test half", &w->test_half, w->coarse_weight, w->fine_weight, w->only_fine);
        print_part("whole test", &w->test_whole, w->coarse_weight, w->fine_weight, w->only_fine);
        printf("%s/best.safetensors\n", w->run);
    } else {
        printf("stopped after step %llu, as --max-steps says; hcnn-cl train --resume %s goes on\n",
               (unsigned long long)w->step, w->run);
    }
}

/* runs/20261124-101500, and -2, -3 behind it when that is taken. Freed by the caller. */
static char *new_run_name(void)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    char *name = file_path("runs/%s", stamp);
    for (int i = 2; name && file_exists(name); i++) {
        free(name);
        name = file_path("runs/%s-%d", stamp, i);
    }
    return name;
}

static int processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > 16 ? 16 : (int)count;
}

static status run(train_options *o, const char *resume, bool epochs_given, bool threads_given,
                  const train_observer *observer, error *err)
{
    if (resume)
        return train_resume(resume, epochs_given ? o->epochs : 0, o->max_steps,
                            threads_given ? o->threads : 0, observer, err);
    char *name = o->run ? NULL : new_run_name();
    if (name)
        o->run = name;
    status result = o->run ? train_start(o, observer, err) : error_memory(err, "the run's name");
    free(name);
    return result;
}

/* What a run that goes on may have changed; the rest would make it another run. */
static status check_resume(const operands *line, error *err)
{
    static const char *const allowed[] = {"resume", "epochs", "max-steps", "threads"};
    for (int i = 0; i < line->given_count; i++) {
        bool found = false;
        for (size_t j = 0; j < sizeof allowed / sizeof allowed[0]; j++)
            found |= strcmp(line->given[i]->name, allowed[j]) == 0;
        if (!found)
            return error_set(err, STATUS_USAGE,
                             "--%s cannot be changed with --resume: the run's own options hold, "
                             "but for --epochs, --max-steps and --threads",
                             line->given[i]->name);
    }
    return STATUS_OK;
}

int command_train(int argc, char **argv)
{
    train_options o = train_defaults();
    const char *resume = NULL;
    bool epochs_given = false, threads_given = false;
    o.threads = processors();
    const option_spec options[] = {
        {.name = "data",
         .alias = "data-path",
         .kind = OPTION_STRING,
         .target = &o.data,
         .argument = "PATH",
         .help = "CIFAR-100 (binary or python version, a directory or .tar.gz/"
                 ".tar.xz) or a tree that `hcnn-cl preprocess` made; default: CIFAR-100 under "
                 "data/, else "
                 "a drawn sample"},
        {.name = "epochs",
         .kind = OPTION_INT,
         .target = &o.epochs,
         .argument = "N",
         .help = "passes over the training images",
         .min = 1,
         .max = 1000000,
         .given = &epochs_given},
        {.name = "batch-size",
         .kind = OPTION_INT,
         .target = &o.batch_size,
         .argument = "N",
         .help = "images in a step",
         .min = 1,
         .max = 65536},
        {.name = "lr",
         .kind = OPTION_DOUBLE,
         .target = &o.lr,
         .argument = "X",
         .help = "learning rate",
         .min = 1e-12,
         .max = 1e30},
        {.name = "backbone",
         .kind = OPTION_CHOICE,
         .target = &o.backbone,
         .argument = "NAME",
         .help = "wide_resnet_50, or tiny, which is for tests",
         .choices = "wide_resnet_50|tiny"},
        {.name = "stem",
         .kind = OPTION_CHOICE,
         .target = &o.stem,
         .argument = "NAME",
         .help = "imagenet: 7x7 stride 2 and max pool; cifar: 3x3 stride 1, for small images",
         .choices = "imagenet|cifar"},
        {.name = "precision",
         .kind = OPTION_CHOICE,
         .target = &o.precision,
         .argument = "NAME",
         .help = "of activations and their gradients in memory; arithmetic and weights are fp32",
         .choices = "fp32|fp16"},
        {.name = "image-size",
         .kind = OPTION_INT,
         .target = &o.image_size,
         .argument = "N",
         .help = "pixels a side of the input; default: the data's own size (the original: 224)",
         .min = 1,
         .max = 4096},
        {.name = "optimizer",
         .kind = OPTION_CHOICE,
         .target = &o.optimizer,
         .argument = "NAME",
         .help = "sgd or adam",
         .choices = "sgd|adam"},
        {.name = "momentum",
         .kind = OPTION_DOUBLE,
         .target = &o.momentum,
         .argument = "X",
         .help = "of SGD",
         .min = 0,
         .max = 0.9999},
        {.name = "nesterov",
         .kind = OPTION_FLAG,
         .target = &o.nesterov,
         .help = "Nesterov's momentum"},
        {.name = "weight-decay",
         .kind = OPTION_DOUBLE,
         .target = &o.weight_decay,
         .argument = "X",
         .help = "added to the gradient, times the weight",
         .min = 0,
         .max = 1e3},
        {.name = "milestones",
         .kind = OPTION_STRING,
         .target = &o.milestones,
         .argument = "A,B",
         .help = "epochs after which the learning rate falls to a tenth; default: when the "
                 "validation loss has not fallen for three epochs"},
        {.name = "coarse",
         .kind = OPTION_DOUBLE,
         .target = &o.coarse_weight,
         .argument = "X",
         .help = "weight of the coarse loss",
         .min = 0,
         .max = 1e6},
        {.name = "fine",
         .kind = OPTION_DOUBLE,
         .target = &o.fine_weight,
         .argument = "X",
         .help = "weight of the fine loss",
         .min = 0,
         .max = 1e6},
        {.name = "only-fine",
         .kind = OPTION_FLAG,
         .target = &o.only_fine,
         .help = "the fine backbone and classifier alone"},
        {.name = "weights",
         .kind = OPTION_STRING,
         .target = &o.weights,
         .argument = "FILE",
         .help = "start from a safetensors file: a whole network's, or torchvision's "
                 "wide_resnet50_2 for both backbones"},
        {.name = "freeze",
         .kind = OPTION_STRING,
         .target = &o.freeze,
         .argument = "NAMES",
         .help =
             "what does not learn: none, default (the coarse backbone before layer3), or names "
             "of layers with commas between; default: default with backbone --weights, else none"},
        {.name = "augment",
         .kind = OPTION_CHOICE,
         .target = &o.augment,
         .argument = "NAME",
         .help = "default: rotation within 20 degrees and mirroring; none",
         .choices = "default|none"},
        {.name = "no-shuffle",
         .kind = OPTION_FLAG,
         .target = &o.no_shuffle,
         .help = "take the images in file order"},
        {.name = "seed",
         .kind = OPTION_U64,
         .target = &o.seed,
         .argument = "N",
         .help = "of initial weights, split, order and augmentation"},
        {.name = "max-steps",
         .kind = OPTION_INT,
         .target = &o.max_steps,
         .argument = "N",
         .help = "stop and save after so many steps in all; 0: no limit",
         .min = 0,
         .max = 2e9},
        {.name = "run",
         .kind = OPTION_STRING,
         .target = &o.run,
         .argument = "DIR",
         .help = "directory of the run, a new one; default: runs/DATE-TIME"},
        {.name = "resume",
         .kind = OPTION_STRING,
         .target = &resume,
         .argument = "RUN",
         .help = "go on with a run; its own options hold, but for --epochs, --max-steps and "
                 "--threads"},
        {.name = "metrics",
         .kind = OPTION_STRING,
         .target = &o.metrics,
         .argument = "FILE",
         .help = "where the JSON lines of steps and epochs go; default: RUN/metrics.jsonl"},
        {.name = "metrics-every",
         .kind = OPTION_INT,
         .target = &o.metrics_every,
         .argument = "N",
         .help = "steps from one line to the next",
         .min = 1,
         .max = 1000000},
        {.name = "checkpoint-every",
         .kind = OPTION_INT,
         .target = &o.checkpoint_every,
         .argument = "N",
         .help = "save every so many steps, too; 0: at each epoch's end",
         .min = 0,
         .max = 1000000},
        {.name = "threads",
         .alias = "num-workers",
         .kind = OPTION_INT,
         .target = &o.threads,
         .argument = "N",
         .help = "that prepare images; they change nothing in the result",
         .min = 1,
         .max = 256,
         .given = &threads_given},
        {0},
    };
    const command_line line = {
        .usage = "train [OPTION]...",
        .summary = "Trains the coarse/fine network. Ctrl-C finishes the step, saves and exits with "
                   "130; --resume goes on from there.",
        .example = "hcnn-cl train --data cifar-100-binary.tar.gz --image-size 32 --batch-size 64",
        .options = options,
    };
    operands rest;
    int exit_code;
    if (!command_options(&line, argc, argv, &rest, &exit_code))
        return exit_code;
    error err;
    status result = resume ? check_resume(&rest, &err) : STATUS_OK;
    options_free(&rest);
    if (result != STATUS_OK)
        return command_fail(&err, result);

    display d = {0};
    progress_begin(&d.bar, stdout);
    const train_observer observer = {
        &d,         show_note,     show_started,    show_step, show_evaluating,
        show_epoch, show_finished, &stop_requested,
    };
    signal(SIGINT, request_stop);
    signal(SIGTERM, request_stop);
    result = run(&o, resume, epochs_given, threads_given, &observer, &err);
    progress_clear(&d.bar);
    return result == STATUS_OK ? command_finish() : command_fail(&err, result);
}
