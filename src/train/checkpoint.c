/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoint files; see checkpoint.h. */
#include "train/checkpoint.h"
#include "base/file.h"
#include "base/text.h"
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static status write_checkpoint(const char *path, network *net, const hierarchy *classes,
                               const training_state *state, const char *optimizer_file, error *err)
{
    tensor_writer *writer;
    status result;
    TRY(tensor_writer_create(path, &writer, err));
    TRY_OR_DONE(model_file_describe(writer, network_get_options(net), classes, err));
    TRY_OR_DONE(training_state_write(writer, state, optimizer_file, err));
    TRY_OR_DONE(weights_write(net, writer, err));
    return tensor_writer_commit(writer, err);
done:
    tensor_writer_abort(writer);
    return result;
}

/* Removes an optimizer file unless it is the one to keep; `kept` is its name or NULL. A file that
 * cannot be removed only takes space. */
static status remove_old_state(void *kept, const char *name, const char *path, error *err)
{
    (void)err;
    if (text_after(name, "optimizer-") && (!kept || strcmp(name, kept) != 0))
        unlink(path);
    return STATUS_OK;
}

/* Writes the best checkpoint under its own name first, then the last one. If the run is killed in
 * between, it continues from the previous checkpoint and reaches the same best one again. */
static status write_best(const char *run, const char *last, network *net, const hierarchy *classes,
                         solver *s, const training_state *state, const char *optimizer_file,
                         error *err)
{
    char *best = text_format("%s/best.safetensors", run);
    TRY(got_memory(best, err, run));
    solver_swap_average(s);
    status result = write_checkpoint(best, net, classes, state, optimizer_file, err);
    solver_swap_average(s);
    if (result == STATUS_OK)
        result = solver_averages(s)
                     ? write_checkpoint(last, net, classes, state, optimizer_file, err)
                     : file_link(best, last, err);
    free(best);
    return result;
}

status checkpoint_save(const char *run, network *net, const hierarchy *classes, solver *s,
                       const training_state *state, bool best, error *err)
{
    char *name = text_format("optimizer-%llu.safetensors", (unsigned long long)state->step);
    char *path = text_format("%s/%s", run, name ? name : ""),
         *last = text_format("%s/last.safetensors", run);
    char *kept = solver_state(s)->count > 0 ? name : NULL;
    status result;
    TRY_OR_DONE(got_memory(name && path && last, err, run));
    if (kept)
        TRY_OR_DONE(state_file_save(solver_state(s), network_device(net), path, err));
    TRY_OR_DONE(best ? write_best(run, last, net, classes, s, state, kept, err)
                     : write_checkpoint(last, net, classes, state, kept, err));
    error ignored; /* the checkpoint is whole; the next one removes what this one could not */
    file_each(run, remove_old_state, kept, &ignored);
done:
    free(name);
    free(path);
    free(last);
    return result;
}

status checkpoint_open(const char *path, checkpoint *c, error *err)
{
    *c = (checkpoint){0};
    TRY(model_file_open(path, &c->model, err));
    status result = training_state_read(&c->model, &c->state, &c->optimizer_file, err);
    if (result != STATUS_OK)
        checkpoint_close(c);
    return result;
}

void checkpoint_close(checkpoint *c)
{
    model_file_close(&c->model);
    free(c->optimizer_file);
    c->optimizer_file = NULL;
}
