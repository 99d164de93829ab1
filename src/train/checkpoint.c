/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoint files; see checkpoint.h, and metadata.h for what they say of themselves. */
#include "train/checkpoint.h"
#include "base/file.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "model/weights.h"
#include "train/metadata.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static status write_contents(safetensors_writer *writer, network *net, const hierarchy *classes,
                             const training_state *state, const char *optimizer_file, error *err)
{
    TRY(metadata_write(writer, network_get_options(net), classes, state, optimizer_file, err));
    TRY(weights_describe(net, writer, err));
    return weights_append(net, writer, err);
}

static status write_checkpoint(const char *path, network *net, const hierarchy *classes,
                               const training_state *state, const char *optimizer_file, error *err)
{
    safetensors_writer *writer;
    TRY(safetensors_create(path, &writer, err));
    status result = write_contents(writer, net, classes, state, optimizer_file, err);
    if (result == STATUS_OK)
        return safetensors_commit(writer, err);
    safetensors_abort(writer);
    return result;
}

/* The optimizer files that no checkpoint names any more, and halves of files that a kill left. A
 * left-over costs room, nothing else. */
static void remove_old_states(const char *run, const char *kept)
{
    DIR *directory = opendir(run);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strstr(entry->d_name, ".safetensors.tmp-") ||
            (strncmp(entry->d_name, "optimizer-", strlen("optimizer-")) == 0 &&
             (!kept || strcmp(entry->d_name, kept) != 0))) {
            char *path = text_format("%s/%s", run, entry->d_name);
            if (path)
                unlink(path);
            free(path);
        }
    if (directory)
        closedir(directory);
}

/* The best one under its own name first, then as the last: killed between, the run goes on from the
 * checkpoint before and comes to the same best again. */
static status write_best(const char *run, const char *last, network *net, const hierarchy *classes,
                         solver *s, const training_state *state, const char *optimizer_file,
                         error *err)
{
    bool averages = solver_averages(s);
    char *best = text_format("%s/best.safetensors", run);
    solver_swap_average(s);
    status result = best ? write_checkpoint(best, net, classes, state, optimizer_file, err)
                         : error_memory(err, run);
    solver_swap_average(s);
    if (result == STATUS_OK)
        result = averages ? write_checkpoint(last, net, classes, state, optimizer_file, err)
                          : file_link(best, last, err);
    free(best);
    return result;
}

status checkpoint_save(const char *run, network *net, const hierarchy *classes, solver *s,
                       const training_state *state, bool best, error *err)
{
    bool stateful = solver_has_state(s);
    char *name = text_format("optimizer-%llu.safetensors", (unsigned long long)state->step);
    char *path = text_format("%s/%s", run, name ? name : ""),
         *last = text_format("%s/last.safetensors", run);
    status result = name && path && last ? STATUS_OK : error_memory(err, run);
    if (result == STATUS_OK && stateful)
        result = solver_save(s, path, err);
    const char *optimizer_file = stateful ? name : NULL;
    if (result == STATUS_OK)
        result = best ? write_best(run, last, net, classes, s, state, optimizer_file, err)
                      : write_checkpoint(last, net, classes, state, optimizer_file, err);
    if (result == STATUS_OK)
        remove_old_states(run, optimizer_file);
    free(name);
    free(path);
    free(last);
    return result;
}

status checkpoint_describe(safetensors_writer *writer, const network_options *options,
                           const hierarchy *classes, error *err)
{
    network_options o = *options;
    const training_state state = {
        .rate = {.lr = 8e-3, .best = INFINITY},
        .scaling = loss_scale_start(),
        .best_loss = INFINITY,
        .terms = {.coarse_weight = 1, .fine_weight = o.only_fine ? 1 : 2},
    };
    o.freeze = o.freeze ? o.freeze : "none";
    return metadata_write(writer, &o, classes, &state, NULL, err);
}

status checkpoint_read_info(const char *path, checkpoint_info *info, error *err)
{
    safetensors_file *file;
    *info = (checkpoint_info){0};
    if (tensor_file_is_torch(path))
        return error_set(err, STATUS_FAILED,
                         "%s: is PyTorch's, without the classes: `hcnn-cl import %s -o FILE --data "
                         "PATH`, with the data set that it was trained on, makes it a checkpoint",
                         path, path);
    TRY(safetensors_open(path, &file, err));
    status result = safetensors_verify(file, err);
    if (result == STATUS_OK)
        result = metadata_read(path, file, info, err);
    safetensors_close(file);
    if (result != STATUS_OK)
        checkpoint_free_info(info);
    return result;
}

status checkpoint_verify(const char *path, error *err)
{
    safetensors_file *file;
    TRY(safetensors_open(path, &file, err));
    status result = safetensors_verify(file, err);
    safetensors_close(file);
    return result;
}

void checkpoint_free_info(checkpoint_info *info)
{
    hierarchy_free(&info->classes);
    free(info->backbone);
    free(info->freeze);
    free(info->optimizer_file);
    *info = (checkpoint_info){0};
}

status checkpoint_load(const char *path, network *net, error *err)
{
    return weights_load_verified(net, path, err);
}
