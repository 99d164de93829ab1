/* SPDX-License-Identifier: Apache-2.0 */
/* The search for CLBlast's parameters; see tune.h.
 *
 * A set of parameters that the device cannot run ends in an exception, a crash or a wrong product.
 * So each set is tried by a child process, and a set whose process does not answer correctly is
 * left out. */
#include "base/worker.h"
#include "ops/initialize.h"
#include "tune/timing.h"
#include "tune/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    SIZES = 2, /* products that each set is judged by: one of 1x1 convolutions, one of others */
    FORMS = 3, /* combinations of transposed matrices */
    CHECKED = 4096, /* elements of each product that are compared */
    PATIENCE = 300, /* seconds for a child, including compilation */
    MOST_SETS = 64,
};

/* A product is shortened to about this many multiplications: enough to measure a GPU's time, not
 * too long for a CPU. */
static const size_t most_products = (size_t)1 << 30;

/* ---- In the child: one set ---- */

typedef struct product {
    device *dev;
    gemm_problem forms[FORMS];
    cl_mem a, b, c, scratch;
    float *host_a, *host_b, *host_c;
} product;

/* Reads the same buffers as the matrices of a forward pass, a data gradient and a weight
 * gradient. */
static void set_forms(product *p, const gemm_size *s)
{
    const gemm_matrix a = {p->a, 0, s->k, false}, a_transposed = {p->a, 0, s->m, true};
    const gemm_matrix b = {p->b, 0, s->n, false}, b_transposed = {p->b, 0, s->k, true};
    const gemm_matrix c = {p->c, 0, s->n, false};
    p->forms[0] = (gemm_problem){s->m, s->n, s->k, a, b, c, 1, 0};
    p->forms[1] = (gemm_problem){s->m, s->n, s->k, a, b_transposed, c, 1, 0};
    p->forms[2] = (gemm_problem){s->m, s->n, s->k, a_transposed, b, c, 1, 0};
}

static status make_matrix(device *dev, size_t count, uint32_t id, cl_mem *made, float **host,
                          error *err)
{
    *host = malloc(count * sizeof **host);
    if (!*host)
        return error_memory(err, "a matrix");
    TRY(buffer_create(dev, count * sizeof(float), made, err));
    TRY(initialize_uniform(dev, *made, count, 1, id, 1, err));
    return buffer_read(dev, *made, 0, *host, count * sizeof(float), err);
}

static status make_product(product *p, const gemm_size *s, error *err)
{
    TRY(make_matrix(p->dev, s->m * s->k, 0, &p->a, &p->host_a, err));
    TRY(make_matrix(p->dev, s->k * s->n, 1, &p->b, &p->host_b, err));
    TRY(make_matrix(p->dev, s->m * s->n, 2, &p->c, &p->host_c, err));
    set_forms(p, s);
    size_t most = 0;
    for (int i = 0; i < FORMS; i++) {
        size_t bytes;
        TRY(gemm_workspace(p->dev, &p->forms[i], &bytes, err));
        most = bytes > most ? bytes : most;
    }
    return most ? buffer_create(p->dev, most, &p->scratch, err) : STATUS_OK;
}

static void free_product(product *p)
{
    cl_mem *buffers[] = {&p->a, &p->b, &p->c, &p->scratch};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        buffer_release(buffers[i]);
    free(p->host_a);
    free(p->host_b);
    free(p->host_c);
}

static double element(const gemm_matrix *m, const float *values, size_t row, size_t column)
{
    return values[m->transposed ? column * m->stride + row : row * m->stride + column];
}

/* The relative rms difference of CHECKED elements, spread over the whole matrix by a step that
 * shares no factor with the usual sizes. */
static double check(const product *p, const gemm_problem *g)
{
    const size_t step = 1000003, count = g->m * g->n;
    double apart = 0, size = 0;
    for (size_t i = 0; i < CHECKED && i < count; i++) {
        size_t at = i * step % count, row = at / g->n, column = at % g->n;
        double want = 0;
        for (size_t k = 0; k < g->k; k++)
            want += element(&g->a, p->host_a, row, k) * element(&g->b, p->host_b, k, column);
        double d = p->host_c[at] - want;
        apart += d * d;
        size += want * want;
    }
    return sqrt(apart / size);
}

static status run_forms(void *context, error *err)
{
    product *p = context;
    for (int i = 0; i < FORMS; i++)
        TRY(gemm_run(p->dev, &p->forms[i], p->scratch, err));
    return STATUS_OK;
}

static status try_product(product *p, const gemm_size *size, double *seconds, double *difference,
                          error *err)
{
    double taken;
    TRY(make_product(p, size, err));
    for (int i = 0; i < FORMS; i++) {
        const gemm_problem *g = &p->forms[i];
        size_t bytes = g->m * g->n * sizeof(float);
        TRY(gemm_run(p->dev, g, p->scratch, err));
        TRY(buffer_read(p->dev, p->c, 0, p->host_c, bytes, err));
        double apart = check(p, g);
        *difference = apart > *difference || isnan(apart) ? apart : *difference;
    }
    TRY(timing_measure(p->dev, run_forms, p, INFINITY, &taken, err));
    *seconds += taken;
    return STATUS_OK;
}

status tune_gemm_try(device *dev, const gemm_parameters *set, const gemm_size *sizes, size_t count,
                     double *seconds, double *difference, error *err)
{
    *seconds = *difference = 0;
    TRY(gemm_use_parameters(dev, set, err));
    for (size_t i = 0; i < count; i++) {
        product p = {.dev = dev};
        status result = try_product(&p, &sizes[i], seconds, difference, err);
        free_product(&p);
        TRY(result);
    }
    return STATUS_OK;
}

/* ---- In the parent: all sets ---- */

/* The product that im2col computes for a forward call. */
static gemm_size size_of(const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    gemm_size size = {tensor_pixels(call->y), (size_t)s->cout,
                      (size_t)s->kernel * (size_t)s->kernel * (size_t)s->cin};
    size_t most = most_products / (size.n * size.k) + 1;
    size.m = size.m < most ? size.m : most;
    return size;
}

/* The largest product of 1x1 convolutions and the largest of the others. */
static size_t pick_sizes(const convolution_call *calls, size_t count, gemm_size sizes[SIZES])
{
    const convolution_call *largest[SIZES] = {NULL};
    for (size_t i = 0; i < count; i++) {
        const convolution_call **kind = &largest[calls[i].shape.kernel > 1];
        if (calls[i].direction == CONVOLUTION_FORWARD &&
            (!*kind || convolution_products(&calls[i]) > convolution_products(*kind)))
            *kind = &calls[i];
    }
    size_t picked = 0;
    for (int i = 0; i < SIZES; i++)
        if (largest[i])
            sizes[picked++] = size_of(largest[i]);
    return picked;
}

static status start_child(const char *program, const gemm_parameters *set, const gemm_size *sizes,
                          size_t count, worker *child, error *err)
{
    char size_texts[SIZES][72];
    char *arguments[3 + SIZES + 1] = {(char *)program, "tune-gemm", (char *)set->name};
    for (size_t i = 0; i < count; i++) {
        snprintf(size_texts[i], sizeof size_texts[i], "%zux%zux%zu", sizes[i].m, sizes[i].n,
                 sizes[i].k);
        arguments[3 + i] = size_texts[i];
    }
    return worker_start(arguments, child, err);
}

typedef enum verdict { WORKS, IS_BAD, WAS_STOPPED } verdict;

/* Sets *seconds, or says in `text` what is wrong with the answer. The Ctrl-C that stops the search
 * also reaches the child, perhaps earlier. A driver may hang after the answer. */
static verdict judge_child(worker *child, worker_patience patience, double *seconds, char *text,
                           size_t capacity)
{
    double difference;
    int code = 0;
    enum worker_event event = worker_wait(child, patience);
    bool answered = event == WORKER_SAID || event == WORKER_DONE;
    const worker_patience rest = {answered ? patience.seconds : 0, patience.stop};
    bool ended = worker_end(child, rest, &code);
    if ((patience.stop && *patience.stop) || (WIFSIGNALED(code) && WTERMSIG(code) == SIGINT))
        return WAS_STOPPED;
    if (!answered)
        snprintf(text, capacity, "it gave no answer within %.0f seconds", patience.seconds);
    else if (!ended)
        snprintf(text, capacity, "it did not exit within %.0f seconds", patience.seconds);
    else if (code != 0)
        worker_describe(code, text, capacity);
    /* NOLINTNEXTLINE(cert-err34-c): a number out of range fails the tests that follow. */
    else if (sscanf(child->line, "%lf %lf", seconds, &difference) != 2 || !(*seconds > 0))
        snprintf(text, capacity, "its answer cannot be read; expected two numbers");
    else if (!(difference < tune_tolerance))
        snprintf(text, capacity, "its products are wrong by %.1e (relative rms)", difference);
    else
        return WORKS;
    return IS_BAD;
}

/* The seconds of a set; INFINITY if it does not work. */
static status time_set(const tune_options *o, const gemm_parameters *set, const gemm_size *sizes,
                       size_t count, const tune_observer *observer, double *seconds, error *err)
{
    const worker_patience patience = {o->patience ? o->patience : PATIENCE, observer->stop};
    worker child;
    char why[96], text[256];
    TRY(start_child(o->program, set, sizes, count, &child, err));
    verdict found = judge_child(&child, patience, seconds, why, sizeof why);
    if (found == WORKS)
        return STATUS_OK;
    if (found == WAS_STOPPED)
        return error_set(
            err, STATUS_INTERRUPTED,
            "tuning stopped while CLBlast's parameters were being tried; no new ones are "
            "remembered");
    *seconds = INFINITY;
    snprintf(text, sizeof text, "CLBlast's parameter set %s is not chosen: %s", set->name, why);
    if (observer->note)
        observer->note(observer->context, text);
    return STATUS_OK;
}

/* The sets that the names ask for. The device's default comes first, because the others are
 * compared with it. */
static status list_sets(const device *dev, const char *names, const gemm_parameters **sets,
                        size_t *count, error *err)
{
    sets[0] = gemm_default_parameters(dev);
    *count = 1;
    bool all = !names || strcmp(names, "all") == 0;
    for (const gemm_parameters *set = gemm_parameter_sets; all && set->name; set++)
        if (set != sets[0] && *count < MOST_SETS)
            sets[(*count)++] = set;
    while (!all && *names) {
        char name[64];
        size_t length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        const gemm_parameters *set = gemm_find_parameters(name);
        if (!set)
            return error_set(err, STATUS_USAGE,
                             "--gemm: unknown set of CLBlast's parameters '%s'; --gemm all tries "
                             "every set",
                             name);
        if (set != sets[0] && *count < MOST_SETS)
            sets[(*count)++] = set;
        names += length + (names[length] == ',');
    }
    return STATUS_OK;
}

static bool uses_clblast(const convolver *c, const convolution_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(convolver_choose_quickly(c, &calls[i]).algorithm->family, "im2col") == 0)
            return true;
    return false;
}

static bool is_wanted(const convolver *c, const tune_options *o, const convolution_call *calls,
                      size_t count)
{
    if (o->only_missing && choices_gemm(c->known))
        return false;
    return o->gemm || (o->program && uses_clblast(c, calls, count));
}

/* What the search tries and what it finds. */
typedef struct search {
    const tune_options *options;
    const tune_observer *observer;
    gemm_size sizes[SIZES];
    size_t size_count;
    const gemm_parameters *sets[MOST_SETS]; /* [0] is the device's default */
    size_t set_count;
    double seconds[MOST_SETS];
} search;

static status time_sets(search *s, error *err)
{
    for (size_t i = 0; i < s->set_count; i++) {
        if (s->observer->progress)
            s->observer->progress(s->observer->context, "compiling and timing CLBlast", i,
                                  s->set_count);
        TRY(time_set(s->options, s->sets[i], s->sizes, s->size_count, s->observer, &s->seconds[i],
                     err));
    }
    return STATUS_OK;
}

/* Picks the fastest set. A set other than the default must win twice, because other work on the
 * machine may have decided the first time. */
static status pick_set(search *s, size_t *picked, error *err)
{
    double again[2];
    *picked = 0;
    for (size_t i = 1; i < s->set_count; i++)
        if (s->seconds[i] < s->seconds[*picked])
            *picked = i;
    if (*picked == 0)
        return STATUS_OK;
    TRY(time_set(s->options, s->sets[0], s->sizes, s->size_count, s->observer, &again[0], err));
    TRY(time_set(s->options, s->sets[*picked], s->sizes, s->size_count, s->observer, &again[1],
                 err));
    if (!(s->seconds[*picked] < tune_worth_changing * s->seconds[0]) ||
        !(again[1] < tune_worth_changing * again[0]))
        *picked = 0;
    return STATUS_OK;
}

status tune_gemm(const convolver *c, const tune_options *options, const convolution_call *calls,
                 size_t count, const tune_observer *observer, tune_report *report, error *err)
{
    search s = {.options = options, .observer = observer};
    size_t picked;
    if (!is_wanted(c, options, calls, count))
        return STATUS_OK;
    if (!options->program)
        return error_set(err, STATUS_FAILED,
                         "--gemm: CLBlast's parameters are tried in processes of this program, but "
                         "its own file cannot be found (/proc/self/exe); leave --gemm out");
    s.size_count = pick_sizes(calls, count, s.sizes);
    TRY(list_sets(c->dev, options->gemm, s.sets, &s.set_count, err));
    TRY(time_sets(&s, err));
    TRY(pick_set(&s, &picked, err));
    if (isinf(s.seconds[picked])) /* no set works: each was noted, and nothing is remembered */
        return STATUS_OK;
    report->gemm = s.sets[picked];
    report->gemm_seconds = s.seconds[picked];
    report->gemm_default_seconds = s.seconds[0];
    choices_put_gemm(c->known, report->gemm->name, report->gemm_seconds);
    return choices_save(c->known, err);
}
