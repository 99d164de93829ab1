/* SGD or Adam over all parameters; see solver.h. */
#include "train/solver.h"
#include "base/file.h"
#include "base/safetensors.h"
#include "device/buffer.h"
#include "device/profile.h"
#include "ops/optimizer.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SLOTS = 2 };

/* torch.optim.Adam's defaults. */
static const float adam_beta1 = 0.9f, adam_beta2 = 0.999f, adam_epsilon = 1e-8f;

struct solver {
    network *net;
    device *dev;
    bool adam;
    float momentum, weight_decay;
    bool nesterov;
    int slots;
    bool scales; /* the loss: in fp16 */
    loss_scale scaling;
    cl_mem overflow;      /* int: of the step that runs */
    cl_int overflowed[2]; /* of the last two, by their parity, when `known` is complete */
    cl_event known[2];
    cl_mem (*state)[MAX_SLOTS]; /* [parameters] */
};

int solver_slots(const train_options *options)
{
    if (strcmp(options->optimizer, "adam") == 0)
        return 2;
    return options->momentum != 0;
}

bool solver_is_descent(const train_options *options)
{
    return strcmp(options->optimizer, "sgd") == 0 && options->momentum == 0 &&
           options->weight_decay == 0;
}

static status create_state(solver *s, error *err)
{
    size_t count = network_parameter_count(s->net);
    s->state = calloc(count, sizeof *s->state);
    if (!s->state)
        return error_memory(err, "the optimizer");
    for (size_t i = 0; i < count; i++) {
        const parameter *p = network_parameter(s->net, i);
        for (int slot = 0; p->gradient && slot < s->slots; slot++) {
            TRY(buffer_create(s->dev, p->count * sizeof(float), &s->state[i][slot], err));
            TRY(buffer_zero(s->dev, s->state[i][slot], 0, p->count * sizeof(float), err));
        }
    }
    return STATUS_OK;
}

status solver_create(network *net, const train_options *options, solver **created, error *err)
{
    *created = NULL;
    solver *s = calloc(1, sizeof *s);
    if (!s)
        return error_memory(err, "the optimizer");
    s->net = net;
    s->dev = network_device(net);
    s->adam = strcmp(options->optimizer, "adam") == 0;
    s->momentum = (float)options->momentum;
    s->weight_decay = (float)options->weight_decay;
    s->nesterov = options->nesterov;
    s->slots = solver_slots(options);
    s->scales = s->dev->precision == PRECISION_FP16;
    s->scaling = loss_scale_start();
    status result = create_state(s, err);
    if (result == STATUS_OK && s->scales)
        result = buffer_create(s->dev, sizeof(cl_int), &s->overflow, err);
    if (result == STATUS_OK)
        *created = s;
    else
        solver_free(s);
    return result;
}

void solver_free(solver *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->state && i < network_parameter_count(s->net); i++)
        for (int slot = 0; slot < MAX_SLOTS; slot++)
            buffer_release(&s->state[i][slot]);
    free(s->state);
    error ignored;
    for (int i = 0; i < 2; i++)
        buffer_wait(s->dev, &s->known[i], &ignored); /* the device writes into *s until then */
    buffer_release(&s->overflow);
    free(s);
}

/* Takes over what the device said of the step of that parity, if that is not done yet. */
static status learn_overflow(solver *s, int parity, error *err)
{
    if (!s->known[parity])
        return STATUS_OK;
    TRY(buffer_wait(s->dev, &s->known[parity], err));
    s->scaling.overflowed[parity] = s->overflowed[parity] != 0;
    return STATUS_OK;
}

status solver_begin(solver *s, uint64_t step, error *err)
{
    if (!s->scales)
        return STATUS_OK;
    TRY(learn_overflow(s, (int)(step % 2), err));
    TRY(loss_scale_advance(&s->scaling, step, err));
    network_set_loss_scale(s->net, (float)s->scaling.scale);
    return STATUS_OK;
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

/* Whether any gradient overflowed: into s->overflow, and on its way to the host. */
static status check_gradients(solver *s, uint64_t step, error *err)
{
    int parity = (int)(step % 2);
    TRY(buffer_zero(s->dev, s->overflow, 0, sizeof(cl_int), err));
    for (size_t i = 0; i < network_parameter_count(s->net); i++) {
        const parameter *p = network_parameter(s->net, i);
        if (p->gradient)
            TRY(find_overflow(s->dev, p->count, p->gradient, s->overflow, err));
    }
    return buffer_read_later(s->dev, s->overflow, 0, &s->overflowed[parity], sizeof(cl_int),
                             &s->known[parity], err);
}

status solver_step(solver *s, double lr, uint64_t step, error *err)
{
    const unscaling unscale = {s->scales ? (float)(1 / s->scaling.scale) : 1, s->overflow};
    profile_label(s->dev, "update", "optimizer");
    if (s->scales)
        TRY(check_gradients(s, step, err));
    for (size_t i = 0; i < network_parameter_count(s->net); i++) {
        const parameter *p = network_parameter(s->net, i);
        if (!p->gradient)
            continue;
        if (s->adam)
            TRY(adam_step(s->dev, p->count, p->value, p->gradient, s->state[i][0], s->state[i][1],
                          unscale, (float)lr, adam_beta1, adam_beta2, adam_epsilon, s->weight_decay,
                          (int)step, err));
        else
            TRY(sgd_step(s->dev, p->count, p->value, p->gradient, s->state[i][0], unscale,
                         (float)lr, s->momentum, s->weight_decay, s->nesterov, step == 1, err));
    }
    return STATUS_OK;
}

bool solver_has_state(const solver *s)
{
    return s->slots > 0;
}

/* "NAME.0", "NAME.1": the buffers as they lie on the device. */
static char *slot_name(const parameter *p, int slot)
{
    return file_path("%s.%d", p->name, slot);
}

static status describe_state(solver *s, safetensors_writer *writer, error *err)
{
    for (size_t i = 0; i < network_parameter_count(s->net); i++) {
        const parameter *p = network_parameter(s->net, i);
        const int64_t shape[] = {(int64_t)p->count};
        for (int slot = 0; p->gradient && slot < s->slots; slot++) {
            char *name = slot_name(p, slot);
            status result = name
                                ? safetensors_describe(writer, name, SAFETENSORS_F32, 1, shape, err)
                                : error_memory(err, p->name);
            free(name);
            TRY(result);
        }
    }
    return STATUS_OK;
}

/* Moves every buffer of the state through host memory: to the writer, or from the file. */
static status move_buffer(solver *s, const parameter *p, int slot, cl_mem buffer,
                          safetensors_writer *to, safetensors_file *from, error *err)
{
    size_t bytes = p->count * sizeof(float);
    float *values = malloc(bytes);
    char *name = slot_name(p, slot);
    status result = values && name ? STATUS_OK : error_memory(err, p->name);
    if (result == STATUS_OK && to) {
        result = buffer_read(s->dev, buffer, 0, values, bytes, err);
        if (result == STATUS_OK)
            result = safetensors_append(to, values, bytes, err);
    } else if (result == STATUS_OK) {
        const safetensors_entry *entry = safetensors_find(from, name);
        if (!entry || safetensors_elements(entry) != p->count)
            result = error_set(err, STATUS_FAILED,
                               "the optimizer's state has no '%s' of %zu values", name, p->count);
        if (result == STATUS_OK)
            result = safetensors_read_f32(from, entry, values, err);
        if (result == STATUS_OK)
            result = buffer_write(s->dev, buffer, 0, values, bytes, err);
    }
    free(name);
    free(values);
    return result;
}

static status move_state(solver *s, safetensors_writer *to, safetensors_file *from, error *err)
{
    for (size_t i = 0; i < network_parameter_count(s->net); i++) {
        const parameter *p = network_parameter(s->net, i);
        for (int slot = 0; p->gradient && slot < s->slots; slot++)
            TRY(move_buffer(s, p, slot, s->state[i][slot], to, from, err));
    }
    return STATUS_OK;
}

status solver_save(solver *s, const char *path, error *err)
{
    safetensors_writer *writer;
    TRY(safetensors_create(path, &writer, err));
    status result = describe_state(s, writer, err);
    if (result == STATUS_OK)
        result = move_state(s, writer, NULL, err);
    if (result == STATUS_OK)
        return safetensors_commit(writer, err);
    safetensors_abort(writer);
    return result;
}

status solver_load(solver *s, const char *path, error *err)
{
    safetensors_file *file;
    TRY(safetensors_open(path, &file, err));
    status result = move_state(s, NULL, file, err);
    safetensors_close(file);
    return result == STATUS_OK ? result : error_prefix(err, result, "%s", path);
}
