/* SPDX-License-Identifier: Apache-2.0 */
/* The table of schedules, and what they have in common; see schedule.h. */
#include "train/schedule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct schedule_row {
    const char *name;
    void (*epoch)(schedule *s, double validation_loss);               /* NULL: nothing to do */
    double (*rate)(const schedule *s, uint64_t step, uint64_t steps); /* NULL: s->lr */
    bool takes_milestones, takes_min_lr;
} schedule_row;

static const schedule_row laws[] = {
    [SCHEDULE_PLATEAU] = {"plateau", .epoch = schedule_plateau, .takes_min_lr = true},
    [SCHEDULE_MULTISTEP] = {"multistep", .epoch = schedule_multistep, .takes_milestones = true},
    [SCHEDULE_COSINE] = {"cosine", .rate = schedule_cosine, .takes_min_lr = true},
    [SCHEDULE_ONE_CYCLE] = {"one-cycle", .rate = schedule_one_cycle},
    {.name = NULL},
};

const word_list schedule_words = WORD_LIST_OF(laws);

static status check_terms(const schedule_terms *terms, const schedule_row *law, error *err)
{
    if (law->takes_milestones && !terms->milestones)
        return error_set(err, STATUS_USAGE, "--schedule %s needs --milestones", law->name);
    if (!law->takes_milestones && terms->milestones)
        return error_set(err, STATUS_USAGE,
                         "--schedule %s takes no --milestones; leave them out, or say --milestones "
                         "none where a recipe has them",
                         law->name);
    if (terms->min_lr > 0 && !law->takes_min_lr)
        return error_set(err, STATUS_USAGE,
                         "--schedule %s takes no --min-lr; plateau and cosine do", law->name);
    if (terms->min_lr > terms->lr)
        return error_set(err, STATUS_USAGE, "--min-lr %g is above --lr %g", terms->min_lr,
                         terms->lr);
    return STATUS_OK;
}

status schedule_start(schedule *s, const schedule_terms *given, error *err)
{
    schedule_terms own = *given, *terms = &own;
    if (terms->milestones && strcmp(terms->milestones, "none") == 0)
        terms->milestones = NULL;
    *s = (schedule){
        .lr = terms->lr, .min_lr = terms->min_lr, .warmup_epochs = terms->warmup, .best = INFINITY};
    enum schedule_law fitting = terms->milestones ? SCHEDULE_MULTISTEP : SCHEDULE_PLATEAU;
    s->law = terms->law == SCHEDULE_DEFAULT ? fitting : terms->law;
    TRY(check_terms(terms, &laws[s->law], err));
    if (terms->milestones && schedule_parse_milestones(terms->milestones, s->milestones,
                                                       &s->milestone_count, err) != STATUS_OK)
        return error_prefix(err, STATUS_USAGE, "--milestones");
    return STATUS_OK;
}

void schedule_span(schedule *s, int epochs, uint64_t steps_per_epoch)
{
    s->steps = (uint64_t)epochs * steps_per_epoch;
    s->warmup = (uint64_t)llround(s->warmup_epochs * (double)steps_per_epoch);
}

void schedule_restore(schedule *s, const schedule *saved)
{
    s->lr = saved->lr;
    s->best = saved->best;
    s->bad_epochs = saved->bad_epochs;
    s->epoch = saved->epoch;
}

double schedule_rate(const schedule *s, uint64_t step)
{
    const schedule_row *law = &laws[s->law];
    uint64_t steps = s->steps > s->warmup ? s->steps - s->warmup : 1;
    uint64_t done = step > s->warmup + 1 ? step - s->warmup - 1 : 0;
    if (done > steps - 1)
        done = steps - 1;
    double lr = law->rate ? law->rate(s, done, steps) : s->lr;
    return step < s->warmup ? lr * (double)step / (double)s->warmup : lr;
}

void schedule_epoch(schedule *s, double validation_loss)
{
    const schedule_row *law = &laws[s->law];
    s->epoch++;
    if (law->epoch)
        law->epoch(s, validation_loss);
}
