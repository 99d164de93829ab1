/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl tune`: prints which algorithm is the fastest for every convolution. tune/tune.h measures
 * and remembers them. */
#include "tune/tune.h"
#include "base/json_values.h"
#include "base/terminal.h"
#include "commands/commands.h"

#include <jansson.h>
#include <stdio.h>

typedef struct request {
    command_network asked;
    const char *gemm;
} request;

/* Everything that was measured. */
typedef struct findings {
    device *dev;
    peak limits;
    tune_report report;
} findings;

status command_tune_network(device *dev, const tune_options *options, progress *bar,
                            tune_report *report, error *err)
{
    const tune_observer observer = {bar, command_draw, command_note, command_catch_stop()};
    status result = tune_run(dev, options, &observer, report, err);
    command_release_stop();
    return result;
}

static double flops_of(const tune_row *row)
{
    return 2 * convolution_products(&row->call);
}

static json_t *row_to_json(const tune_row *row, const peak *limits)
{
    const convolution_call *c = &row->call;
    const convolution_shape *s = &c->shape;
    double rate = flops_of(row) / row->seconds;
    return json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:s?, s:f, s:o, s:o, s:s, s:o}",
        "direction", convolution_direction_names[c->direction], "cin", s->cin, "cout", s->cout,
        "kernel", s->kernel, "stride", s->stride, "pad", s->pad, "n", c->x.n, "h", c->x.h, "w",
        c->x.w, "algorithm", row->chosen.algorithm->name, "tile",
        convolution_tile_name(row->chosen), "seconds", row->seconds, "gflops",
        number_to_json(rate * 1e-9), "share_of_peak", number_to_json(rate / limits->flops), "quick",
        row->quick.algorithm->name, "quick_seconds", number_to_json(row->quick_seconds));
}

static status print_json(const request *r, const findings *f, error *err)
{
    const tune_report *t = &f->report;
    json_t *gemm =
        t->gemm ? json_pack("{s:s, s:f}", "parameters", t->gemm->name, "seconds", t->gemm_seconds)
                : NULL;
    json_t *rows = json_array();
    for (size_t i = 0; i < t->count; i++)
        rows = array_with(rows, row_to_json(&t->rows[i], &f->limits));
    json_t *root = command_network_to_json(&r->asked.network, f->dev, &f->limits);
    root = object_with(root, json_pack("{s:o, s:o*, s:o}", "file", text_to_json(t->file), "gemm",
                                       gemm, "convolutions", rows));
    return command_print_json(root, JSON_LINE(6), err);
}

static void print_row(const tune_row *row, const peak *limits)
{
    const convolution_call *c = &row->call;
    const convolution_shape *s = &c->shape;
    const char *tile = convolution_tile_name(row->chosen);
    char window[32], channels[32], image[32];
    snprintf(window, sizeof window, "%dx%d/%d", s->kernel, s->kernel, s->stride);
    snprintf(channels, sizeof channels, "%d>%d", s->cin, s->cout);
    snprintf(image, sizeof image, "%dx%d", c->x.h, c->x.w);
    double rate = flops_of(row) / row->seconds;
    printf("%-9s %-6s %-11s %-9s %-15s %9.3f %9.1f %5.1f%%  %-15s %9.3f  %s\n",
           convolution_direction_names[c->direction], window, channels, image,
           row->chosen.algorithm->name, row->seconds * 1e3, rate * 1e-9, 100 * rate / limits->flops,
           row->quick.algorithm->name, row->quick_seconds * 1e3, tile ? tile : "default");
}

static void print_table(const request *r, const findings *f)
{
    const tune_report *t = &f->report;
    double chosen = 0, quick = 0;
    command_print_network(&r->asked.network, f->dev, &f->limits, false);
    if (t->gemm)
        printf("CLBlast    parameters %s, %.3f ms; the default takes %.3f ms\n", t->gemm->name,
               t->gemm_seconds * 1e3, t->gemm_default_seconds * 1e3);
    printf("\n%-9s %-6s %-11s %-9s %-15s %9s %9s %6s  %-15s %9s  %s\n", "DIRECTION", "WINDOW",
           "CHANNELS", "IMAGE", "CHOSEN", "MS", "GFLOP/S", "PEAK", "QUICK CHOICE", "MS",
           "TILE CHOSEN");
    for (size_t i = 0; i < t->count; i++) {
        print_row(&t->rows[i], &f->limits);
        chosen += t->rows[i].seconds;
        quick += t->rows[i].quick_seconds;
    }
    printf("%-54s %9.3f %34s %9.3f\n", "sum", chosen * 1e3, "", quick * 1e3);
    terminal_print(stdout, "\nremembered in %s\n", f->report.file);
}

static status run(void *values, const operands *rest, error *err)
{
    request *r = values;
    tune_options options = {
        .network = r->asked.network, .gemm = r->gemm, .program = command_program()};
    findings f = {0};
    progress bar;
    status result;
    options.network.training = r->asked.mode != MODE_INFER;
    r->asked.precision.given = options_given(rest, "precision");
    TRY(command_open_device(r->asked.device_timeout, r->asked.precision, &f.dev, err));
    progress_begin(&bar, stderr);
    TRY_OR_DONE(peak_measure(f.dev, &f.limits, err));
    TRY_OR_DONE(command_tune_network(f.dev, &options, &bar, &f.report, err));
    TRY_OR_DONE(peak_measure_again(f.dev, &f.limits, err));
    progress_clear(&bar);
    if (r->asked.json)
        TRY_OR_DONE(print_json(r, &f, err));
    else
        print_table(r, &f);
done:
    progress_clear(&bar);
    tune_free(&f.report);
    device_close(f.dev);
    return result;
}

static const option_row rows[] = {
    COMMAND_NETWORK_ROWS(
        request, "images per batch; a choice applies to one batch size, image size and precision",
        "what to tune; infer leaves out the backward passes",
        "precision to compute with; see train"),
    OPTION_ROW_STRING(
        "gemm", request, gemm, "NAMES",
        "also try CLBlast parameter sets: all, or names from src/ops/gemm.c separated by commas; "
        "on a CPU each takes ten seconds or more. Without this option, sets are tried on every "
        "device whose estimate uses CLBlast, which is every device but CPUs"),
    OPTION_ROW_FLAG("json", request, asked.json, "print one line of JSON"),
    {0},
};

static const command_line line = {
    .usage = "tune [OPTION]...",
    .summary = "Finds the fastest algorithm for every distinct convolution of the network on this "
               "device, and remembers it for all later starts. It times every algorithm, and the "
               "fastest of them with each of its tile sizes, and compares each result with that of "
               "im2col (in fp16, of direct). HCNN_CONV overrides what it found. Ctrl-C finishes "
               "the current convolution, keeps all measurements and exits with 130.",
    .example = "hcnn-cl tune --image-size 224 --batch-size 8",
    .rows = rows,
};

COMMAND(tune, request, command_network_defaults(), NULL)

/* ---- `hcnn-cl tune-gemm SET MxNxK...` ----
 *
 * One trial of --gemm, in a process of its own because CLBlast may end the process. Started by
 * `tune`, and not listed by --help. Prints "SECONDS DIFFERENCE". */

enum { MOST_SIZES = 8 };

static status parse_trial(int argc, char **argv, const gemm_parameters **set, gemm_size *sizes,
                          size_t *count, error *err)
{
    *set = argc > 1 ? gemm_find_parameters(argv[1]) : NULL;
    if (!*set || argc < 3 || argc > 2 + MOST_SIZES)
        return error_set(err, STATUS_USAGE,
                         "tune-gemm is started by `hcnn-cl tune`; expected the NAME of a CLBlast "
                         "parameter set and sizes MxNxK");
    for (*count = 0; *count < (size_t)argc - 2; ++*count) {
        const char *text = argv[2 + *count];
        gemm_size *s = &sizes[*count];
        int end = 0;
        /* NOLINTNEXTLINE(cert-err34-c): `tune` writes these; a size too large fits no memory. */
        if (sscanf(text, "%zux%zux%zu%n", &s->m, &s->n, &s->k, &end) != 3 || text[end] != '\0' ||
            s->m == 0 || s->n == 0 || s->k == 0)
            return error_set(err, STATUS_USAGE, "tune-gemm: %s is not a size MxNxK", text);
    }
    return STATUS_OK;
}

int command_tune_gemm(int argc, char **argv)
{
    const gemm_parameters *set;
    gemm_size sizes[MOST_SIZES];
    size_t count = 0;
    device *dev = NULL;
    double seconds, difference;
    error err;
    status result;
    TRY_OR_DONE(parse_trial(argc, argv, &set, sizes, &count, &err));
    TRY_OR_DONE(device_open(&dev, &err));
    TRY_OR_DONE(tune_gemm_try(dev, set, sizes, count, &seconds, &difference, &err));
done:
    device_close(dev);
    if (result != STATUS_OK)
        return command_fail(&err, result);
    printf("%.9g %.9g\n", seconds, difference);
    return command_finish();
}
