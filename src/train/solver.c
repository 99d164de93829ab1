/* SPDX-License-Identifier: Apache-2.0 */
/* The optimizer over all parameters; see solver.h. */
#include "train/solver.h"
#include "device/buffer.h"
#include "device/profile.h"
#include "model/parameters.h"
#include "model/state_file.h"
#include "ops/gradients.h"
#include "ops/moving_average.h"
#include "ops/optimizer.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SLOTS = 2 };

/* torch.optim.Adam's defaults. */
static const float adam_beta1 = 0.9f, adam_beta2 = 0.999f, adam_epsilon = 1e-8f;

/* Buffers kept for one parameter; NULL if not needed. */
typedef struct companion {
    cl_mem momenta[MAX_SLOTS];
    cl_mem average;
} companion;

struct solver {
    network *net;
    device *dev;
    train_options options;
    int slots;
    bool scales; /* whether the loss is scaled: in fp16 */
    loss_scale scaling;
    cl_mem overflow;      /* int: whether the current step overflowed */
    cl_int overflowed[2]; /* the same of the last two steps, by parity, valid when `known` is
                             complete */
    cl_event known[2];
    cl_mem squares, gathered, clip; /* see gradients.h: all sums, fewer of them, the factor */
    size_t parts;                   /* number of sums in `squares` */
    companion *companions;          /* [parameters] */
    state_list state;               /* the momenta and averages */
};

int solver_slots(const train_options *options)
{
    if (options->optimizer != OPTIMIZER_SGD)
        return 2;
    return options->momentum != 0;
}

bool solver_is_descent(const train_options *options)
{
    return options->optimizer == OPTIMIZER_SGD && options->momentum == 0 &&
           options->weight_decay == 0 && options->accumulate == 1 && options->clip_norm == 0 &&
           options->histograms == 0 &&
           !options->ranks; /* ranks, clipping and histograms need the gradients */
}

static companion *companion_of(const solver *s, const parameter *p)
{
    return &s->companions[p - network_parameter(s->net, 0)];
}

static status create_companion(solver *s, const parameter *p, error *err)
{
    static const char *const kinds[MAX_SLOTS] = {"0", "1"};
    companion *c = companion_of(s, p);
    for (int slot = 0; p->gradient && slot < s->slots; slot++)
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): slots are at most MAX_SLOTS. */
        TRY(state_list_add(&s->state, s->dev, p->name, kinds[slot], p->count, &c->momenta[slot],
                           err));
    if (s->options.ema > 0 && parameter_moves(p))
        TRY(state_list_add(&s->state, s->dev, p->name, "average", p->count, &c->average, err));
    s->parts += p->gradient ? gradients_parts(s->dev, p->count) : 0;
    return STATUS_OK;
}

static status create_buffers(solver *s, error *err)
{
    s->companions = calloc(network_parameter_count(s->net), sizeof *s->companions);
    TRY(got_memory(s->companions, err, "the optimizer"));
    for (const parameter *p = NULL; (p = network_next(s->net, p));)
        TRY(create_companion(s, p, err));
    if (s->scales)
        TRY(buffer_create(s->dev, sizeof(cl_int), &s->overflow, err));
    if ((float)s->options.clip_norm == 0 || s->parts == 0)
        return STATUS_OK;
    TRY(buffer_create(s->dev, s->parts * sizeof(float), &s->squares, err));
    TRY(buffer_create(s->dev, GRADIENTS_GATHERED * sizeof(float), &s->gathered, err));
    return buffer_create(s->dev, sizeof(float), &s->clip, err);
}

status solver_create(network *net, const train_options *options, solver **created, error *err)
{
    *created = NULL;
    solver *s = calloc(1, sizeof *s);
    TRY(got_memory(s, err, "the optimizer"));
    s->net = net;
    s->dev = network_device(net);
    s->options = *options;
    s->slots = solver_slots(options);
    s->scales = precision_scales_loss(s->dev->precision);
    s->scaling = loss_scale_start();
    status result = create_buffers(s, err);
    if (result == STATUS_OK)
        *created = s;
    else
        solver_free(s);
    return result;
}

void solver_free(solver *s)
{
    error ignored;
    if (!s)
        return;
    for (int i = 0; i < 2; i++)
        buffer_wait(s->dev, &s->known[i], &ignored); /* the device writes into *s until then */
    if (device_is_stuck(s->dev))
        return;
    free(s->companions);
    state_list_free(&s->state);
    buffer_release(&s->overflow);
    buffer_release(&s->squares);
    buffer_release(&s->gathered);
    buffer_release(&s->clip);
    free(s);
}

/* Waits until the device has reported whether the step of that parity overflowed. */
static status learn_overflow(solver *s, int parity, error *err)
{
    if (!s->known[parity])
        return STATUS_OK;
    TRY(buffer_wait(s->dev, &s->known[parity], err));
    s->scaling.overflowed[parity] = s->overflowed[parity] != 0;
    return STATUS_OK;
}

/* The average starts from the weights before step 1. */
static status start_average(solver *s, error *err)
{
    for (const parameter *p = NULL; (p = network_next(s->net, p));)
        if (companion_of(s, p)->average)
            TRY(buffer_copy(s->dev, p->value, 0, companion_of(s, p)->average, 0,
                            p->count * sizeof(float), err));
    return STATUS_OK;
}

status solver_begin(solver *s, uint64_t step, error *err)
{
    if (step == 1)
        TRY(start_average(s, err));
    if (!s->scales)
        return STATUS_OK;
    TRY(learn_overflow(s, (int)(step % 2), err));
    TRY(loss_scale_advance(&s->scaling, step, err));
    network_set_loss_scale(s->net, (float)s->scaling.scale);
    return STATUS_OK;
}

gradient_terms solver_terms(const solver *s, double lr, int index)
{
    if (network_get_options(s->net)->steps_in_backward)
        return (gradient_terms){-(float)lr, 1};
    return (gradient_terms){1, index > 0};
}

status solver_get_loss_scale(solver *s, loss_scale *scale, error *err)
{
    for (int parity = 0; parity < 2; parity++)
        TRY(learn_overflow(s, parity, err));
    *scale = s->scaling;
    return STATUS_OK;
}

void solver_set_loss_scale(solver *s, const loss_scale *scale)
{
    s->scaling = *scale;
}

/* Finds out whether any gradient overflowed, in s->overflow, and starts reading that. */
static status check_gradients(solver *s, uint64_t step, error *err)
{
    int parity = (int)(step % 2);
    TRY(buffer_zero(s->dev, s->overflow, 0, sizeof(cl_int), err));
    for (const parameter *p = NULL; (p = network_next(s->net, p));)
        if (p->gradient)
            TRY(find_overflow(s->dev, p->count, p->gradient, s->overflow, err));
    return buffer_read_later(s->dev, s->overflow, 0, &s->overflowed[parity], sizeof(cl_int),
                             &s->known[parity], err);
}

/* Computes the factor that clips the gradients, without the loss scale, into s->clip. */
static status measure_norm(solver *s, float factor, error *err)
{
    size_t first = 0;
    for (const parameter *p = NULL; (p = network_next(s->net, p));) {
        if (!p->gradient)
            continue;
        TRY(gradients_squares(s->dev, p->count, p->gradient, factor, s->squares, first, err));
        first += gradients_parts(s->dev, p->count);
    }
    return gradients_clip(s->dev, s->squares, s->parts, s->gathered, (float)s->options.clip_norm,
                          s->clip, err);
}

static status update(solver *s, parameter *p, unscaling unscale, float lr, uint64_t step,
                     error *err)
{
    const train_options *o = &s->options;
    const companion *c = companion_of(s, p);
    bool spared = o->no_norm_decay && p->kind == PARAMETER_VECTOR;
    float decay = spared ? 0 : (float)o->weight_decay;
    parameter_changed(p);
    if (o->optimizer != OPTIMIZER_SGD)
        return adam_step(s->dev, p->count, p->value, p->gradient, c->momenta[0], c->momenta[1],
                         unscale, lr, adam_beta1, adam_beta2, adam_epsilon, decay,
                         o->optimizer == OPTIMIZER_ADAMW, (int)step, err);
    return sgd_step(s->dev, p->count, p->value, p->gradient, c->momenta[0], unscale, lr,
                    (float)o->momentum, decay, o->nesterov, step == 1, err);
}

static status move_average(solver *s, uint64_t step, error *err)
{
    double decay = fmin(s->options.ema, (1.0 + (double)step) / (10.0 + (double)step));
    profile_label(s->dev, "update", "average");
    for (const parameter *p = NULL; (p = network_next(s->net, p));)
        if (companion_of(s, p)->average)
            TRY(moving_average(s->dev, p->count, p->value, companion_of(s, p)->average,
                               (float)(1 - decay), err));
    return STATUS_OK;
}

status solver_step(solver *s, double lr, uint64_t step, error *err)
{
    const unscaling unscale = {s->scales ? (float)(1 / s->scaling.scale) : 1, s->clip, s->overflow};
    profile_label(s->dev, "update", "optimizer");
    if (s->scales)
        TRY(check_gradients(s, step, err));
    if (s->clip)
        TRY(measure_norm(s, unscale.factor, err));
    for (parameter *p = NULL; (p = network_next(s->net, p));)
        if (p->gradient)
            TRY(update(s, p, unscale, (float)lr, step, err));
    return s->options.ema > 0 ? move_average(s, step, err) : STATUS_OK;
}

bool solver_averages(const solver *s)
{
    return s->options.ema > 0;
}

void solver_swap_average(solver *s)
{
    for (parameter *p = NULL; (p = network_next(s->net, p));) {
        companion *c = companion_of(s, p);
        if (!c->average)
            continue;
        cl_mem weights = p->value;
        p->value = c->average;
        c->average = weights;
        parameter_changed(p);
    }
}

const state_list *solver_state(const solver *s)
{
    return &s->state;
}
