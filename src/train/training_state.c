/* SPDX-License-Identifier: Apache-2.0 */
/* A training state to JSON and back; see training_state.h. */
#include "train/training_state.h"
#include "base/json_values.h"

#include <stdlib.h>
#include <string.h>

static const char state_piece[] = "hcnn.state", terms_piece[] = "hcnn.run",
                  scaling_piece[] = "hcnn.loss_scale";

static const field state_fields[] = {
    {FIELD(COUNT, training_state, step)},
    {FIELD(U32, training_state, epoch)},
    {FIELD(COUNT, training_state, batch)},
    {0},
};
/* Behind the sums and the schedule. */
static const field best_fields[] = {
    {FIELD(LIMIT, training_state, best_loss)},
    {FIELD(U32, training_state, best_epoch)},
    {FIELD(COUNT, training_state, metrics_bytes)},
    {0},
};
static const field schedule_fields[] = {
    {FIELD(POSITIVE, schedule, lr)},
    {FIELD(LIMIT, schedule, best)},
    {FIELD(INT, schedule, bad_epochs)},
    {FIELD(INT, schedule, epoch)},
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

static json_t *write_schedule(const schedule *s)
{
    return fields_put(fields_write(json_object(), schedule_fields, s), "milestones",
                      ints_to_json(s->milestones, s->milestone_count));
}

static json_t *write_state(const training_state *s, const char *optimizer_file)
{
    json_t *object = fields_write(json_object(), state_fields, s);
    object = fields_put(object, "sums", fields_write(json_object(), metrics_fields, &s->sums));
    object = fields_put(object, "schedule", write_schedule(&s->rate));
    object = fields_write(object, best_fields, s);
    return fields_put(object, "optimizer_file",
                      optimizer_file ? json_string(optimizer_file) : json_null());
}

status training_state_write(tensor_writer *writer, const training_state *s,
                            const char *optimizer_file, error *err)
{
    TRY(model_file_put(writer, terms_piece, fields_write(json_object(), terms_fields, &s->terms),
                       err));
    TRY(model_file_put(writer, scaling_piece,
                       fields_write(json_object(), scaling_fields, &s->scaling), err));
    return model_file_put(writer, state_piece, write_state(s, optimizer_file), err);
}

/* ---- Reading ---- */

/* A piece that is of one table alone. */
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

static status enter(const fields_source *from, const char *key, const char *piece,
                    fields_source *inner, error *err)
{
    *inner = (fields_source){from->path, piece, NULL};
    return fields_find(from, key, JSON_OBJECT, &inner->object, err);
}

static status read_schedule(const fields_source *from, schedule *s, error *err)
{
    int count = 0, *milestones = NULL;
    TRY(fields_read(schedule_fields, from, s, err));
    status result = fields_ints(from, "milestones", 1, &milestones, &count, err);
    if (result == STATUS_OK && count > SCHEDULE_MILESTONES)
        result = fields_refuse(from, "milestones", err);
    if (result == STATUS_OK) {
        s->milestone_count = count;
        memcpy(s->milestones, milestones, (size_t)count * sizeof *milestones);
    }
    free(milestones);
    return result;
}

/* The optimizer's file stands in the run's directory, wherever that is. */
static status read_optimizer_file(const fields_source *from, char **name, error *err)
{
    static const char key[] = "optimizer_file";
    const json_t *file = json_object_get(from->object, key);
    if (json_is_null(file))
        return STATUS_OK;
    TRY(fields_find(from, key, JSON_STRING, &file, err));
    if (strchr(json_string_value(file), '/'))
        return error_set(err, STATUS_FAILED,
                         "%s: %s: '%s' names a file outside the run's directory; the file is "
                         "damaged or another program's: take another checkpoint",
                         from->path, from->piece, key);
    *name = strdup(json_string_value(file));
    return got_memory(*name, err, from->path);
}

static status read_state(const fields_source *from, training_state *s, char **optimizer_file,
                         error *err)
{
    fields_source inner;
    TRY(fields_read(state_fields, from, s, err));
    TRY(enter(from, "sums", "hcnn.state's sums", &inner, err));
    TRY(fields_read(metrics_fields, &inner, &s->sums, err));
    TRY(enter(from, "schedule", "hcnn.state's schedule", &inner, err));
    TRY(read_schedule(&inner, &s->rate, err));
    TRY(fields_read(best_fields, from, s, err));
    return read_optimizer_file(from, optimizer_file, err);
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
                         "%s: its metadata has no %s, so there is no training to resume: it was "
                         "imported; --weights %s starts a run from it",
                         m->path, state_piece, m->path);
    TRY(run_terms_read(m, &state->terms, err));
    if (model_file_has(m, scaling_piece))
        TRY(read_piece(m, scaling_piece, scaling_fields, &state->scaling, err));
    TRY(model_file_piece(m, state_piece, &object, err));
    const fields_source from = {m->path, state_piece, object};
    status result = read_state(&from, state, optimizer_file, err);
    json_decref(object);
    return result;
}
