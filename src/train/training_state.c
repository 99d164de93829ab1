/* SPDX-License-Identifier: Apache-2.0 */
/* Converts a training state to JSON and back; see training_state.h. */
#include "train/training_state.h"
#include "base/json_values.h"

#include <stdlib.h>
#include <string.h>

static const char state_piece[] = "hcnn.state", terms_piece[] = "hcnn.run",
                  scaling_piece[] = "hcnn.loss_scale";

/* In the order of enum journal_kind. */
static const word_list journal_kinds = WORD_LIST("unknown", "file", "appended");

static const field schedule_fields[] = {
    {FIELD(POSITIVE, schedule, lr)},
    {FIELD(LIMIT, schedule, best)},
    {FIELD(INT, schedule, bad_epochs)},
    {FIELD(INT, schedule, epoch)},
    {FIELD(INTS, schedule, milestones), .least = 1, .most = SCHEDULE_MILESTONES,
     .count = offsetof(schedule, milestone_count)},
    {0},
};
static const field state_fields[] = {
    {FIELD(COUNT, training_state, step)},
    {FIELD(U32, training_state, epoch)},
    {FIELD(COUNT, training_state, batch)},
    {FIELD(OBJECT, training_state, sums), .inner = metrics_fields},
    {.key = "schedule",
     .kind = FIELD_OBJECT,
     .offset = offsetof(training_state, rate),
     .inner = schedule_fields},
    {FIELD(LIMIT, training_state, best_loss)},
    {FIELD(U32, training_state, best_epoch)},
    {.key = "metrics_kind",
     .kind = FIELD_WORD,
     .optional = true,
     .offset = offsetof(training_state, logged.kind),
     .words = &journal_kinds},
    {.key = "metrics_bytes", .kind = FIELD_COUNT, .offset = offsetof(training_state, logged.bytes)},
    {.key = "metrics_crc32c",
     .kind = FIELD_U32,
     .optional = true,
     .most = UINT32_MAX,
     .offset = offsetof(training_state, logged.crc32c)},
    {0},
};
static const field terms_fields[] = {
    {FIELD(SEED, run_terms, seed)},
    {.key = "coarse_weight", .kind = FIELD_REAL, .offset = offsetof(run_terms, weights.coarse)},
    {.key = "fine_weight", .kind = FIELD_REAL, .offset = offsetof(run_terms, weights.fine)},
    {FIELD(FLAG, run_terms, crop_boxes), .optional = true},
    {0},
};
static const field scaling_fields[] = {
    {FIELD(POSITIVE, loss_scale, scale)},
    {FIELD(U32, loss_scale, good_steps), .most = LOSS_SCALE_INTERVAL - 1},
    {.key = "even_overflowed", .kind = FIELD_FLAG, .offset = offsetof(loss_scale, overflowed[0])},
    {.key = "odd_overflowed", .kind = FIELD_FLAG, .offset = offsetof(loss_scale, overflowed[1])},
    {0},
};

/* ---- Writing ---- */

status training_state_write(tensor_writer *writer, const training_state *s,
                            const char *optimizer_file, error *err)
{
    TRY(model_file_put(writer, terms_piece, fields_write(json_object(), terms_fields, &s->terms),
                       err));
    TRY(model_file_put(writer, scaling_piece,
                       fields_write(json_object(), scaling_fields, &s->scaling), err));
    json_t *object = object_put(fields_write(json_object(), state_fields, s), "optimizer_file",
                                optimizer_file ? json_string(optimizer_file) : json_null());
    return model_file_put(writer, state_piece, object, err);
}

/* ---- Reading ---- */

/* Reads a piece that one table describes. */
static status read_piece(const model_file *m, const char *piece, const field *table, void *record,
                         error *err)
{
    json_t *object;
    TRY(model_file_piece(m, piece, &object, err));
    const fields_source from = {m->path, piece, object};
    status result = fields_read(table, &from, record, err);
    json_decref(object);
    return result;
}

/* The name may not contain a directory: the optimizer's file is in the run directory, wherever that
 * is. */
static status read_optimizer_file(const fields_source *from, char **name, error *err)
{
    static const char key[] = "optimizer_file";
    const json_t *file = json_object_get(from->object, key);
    if (json_is_null(file))
        return STATUS_OK;
    TRY(fields_find(from, key, JSON_STRING, &file, err));
    if (strchr(json_string_value(file), '/'))
        return error_set(err, STATUS_FAILED,
                         "%s: %s: '%s' names a file outside the run directory; the checkpoint is "
                         "damaged or from another program; use another checkpoint",
                         from->path, from->piece, key);
    *name = strdup(json_string_value(file));
    return got_memory(*name, err, from->path);
}

status run_terms_read(const model_file *m, run_terms *terms, error *err)
{
    *terms = (run_terms){0, {1, m->options.only_fine ? 1 : 2}, false};
    return model_file_has(m, terms_piece) ? read_piece(m, terms_piece, terms_fields, terms, err)
                                          : STATUS_OK;
}

status training_state_read(const model_file *m, training_state *state, char **optimizer_file,
                           error *err)
{
    json_t *object;
    *state = (training_state){.scaling = loss_scale_start()};
    *optimizer_file = NULL;
    if (!model_file_has(m, state_piece))
        return error_set(err, STATUS_FAILED,
                         "%s: its metadata has no %s, so there is no training to resume: the file "
                         "was imported; start a run from it with --weights %s",
                         m->path, state_piece, m->path);
    TRY(run_terms_read(m, &state->terms, err));
    if (model_file_has(m, scaling_piece))
        TRY(read_piece(m, scaling_piece, scaling_fields, &state->scaling, err));
    TRY(model_file_piece(m, state_piece, &object, err));
    const fields_source from = {m->path, state_piece, object};
    status result = fields_read(state_fields, &from, state, err);
    if (result == STATUS_OK)
        result = read_optimizer_file(&from, optimizer_file, err);
    json_decref(object);
    return result;
}
