/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the schedules, their table, and what they share; see schedule.h. */
#include "train/schedule.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 2 }; /* of plateau, in epochs */
static const double pi = 3.14159265358979323846;
static const double factor = 0.1;                             /* of plateau and multistep */
static const double threshold = 1e-4, smallest_change = 1e-8; /* of plateau */
/* torch.optim.lr_scheduler.OneCycleLR's defaults. */
static const double share_up = 0.3, start_divisor = 25, end_divisor = 1e4;

/* ---- The rules ---- */

/* The same arithmetic in the same order as PyTorch. */
static void plateau(schedule *s, double loss)
{
    if (loss < s->best * (1.0 - threshold)) {
        s->best = loss;
        s->bad_epochs = 0;
    } else {
        s->bad_epochs++;
    }
    if (s->bad_epochs > PATIENCE) {
        double lower = fmax(s->lr * factor, s->min_lr);
        if (s->lr - lower > smallest_change)
            s->lr = lower;
        s->bad_epochs = 0;
    }
}

static void multistep(schedule *s, double validation_loss)
{
    (void)validation_loss;
    for (int i = 0; i < s->milestone_count; i++)
        if (s->milestones[i] == s->epoch)
            s->lr *= factor;
}

static double cosine(const schedule *s, uint64_t step, uint64_t steps)
{
    return s->min_lr + (s->lr - s->min_lr) * (1 + cos(pi * (double)step / (double)steps)) / 2;
}

static double along_cosine(double from, double to, double share)
{
    return to + (from - to) / 2 * (1 + cos(pi * share));
}

/* Rises to lr and falls to almost nothing, along two half cosines. */
static double one_cycle(const schedule *s, uint64_t step, uint64_t steps)
{
    double start = s->lr / start_divisor, end = start / end_divisor;
    double peak = share_up * (double)steps - 1, last = (double)steps - 1, at = (double)step;
    if (at <= peak)
        return along_cosine(start, s->lr, at / peak);
    return along_cosine(s->lr, end, (at - peak) / (last - peak));
}

/* ---- The table ---- */

typedef struct schedule_row {
    const char *name;
    /* Called after each epoch, when s->epoch is the number of epochs done; may lower s->lr. NULL:
     * nothing to do. */
    void (*epoch)(schedule *s, double validation_loss);
    /* The learning rate of step `step`, from 0, of `steps` after the warm-up, at least 1. NULL:
     * always s->lr. */
    double (*rate)(const schedule *s, uint64_t step, uint64_t steps);
    bool takes_milestones, takes_min_lr;
} schedule_row;

static const schedule_row laws[] = {
    [SCHEDULE_PLATEAU] = {"plateau", .epoch = plateau, .takes_min_lr = true},
    [SCHEDULE_MULTISTEP] = {"multistep", .epoch = multistep, .takes_milestones = true},
    [SCHEDULE_COSINE] = {"cosine", .rate = cosine, .takes_min_lr = true},
    [SCHEDULE_ONE_CYCLE] = {"one-cycle", .rate = one_cycle},
    {.name = NULL},
};

const word_list schedule_words = WORD_LIST_OF(laws);

/* ---- Setting up ---- */

int schedule_next_epoch(const char **text)
{
    char *end;
    if (**text < '0' || **text > '9')
        return 0;
    errno = 0;
    long value = strtol(*text, &end, 10);
    *text = end;
    return errno == 0 && value <= INT_MAX ? (int)value : 0;
}

status schedule_parse_milestones(const char *text, int milestones[SCHEDULE_MILESTONES], int *count,
                                 error *err)
{
    *count = 0;
    for (const char *at = text; *count == 0 || *at; at += *at == ',') {
        if (*count == SCHEDULE_MILESTONES)
            return error_set(err, STATUS_USAGE, "'%s': more than %d epochs; leave some out", text,
                             SCHEDULE_MILESTONES);
        const char *start = at;
        int epoch = schedule_next_epoch(&at), before = *count > 0 ? milestones[*count - 1] : 0;
        if (epoch < 1 || (*at && (*at != ',' || !at[1])))
            return error_set(
                err, STATUS_USAGE,
                "'%s': expected epochs from 1 on, separated by commas, such as 7,13; found '%s'",
                text, start);
        if (epoch <= before)
            return error_set(err, STATUS_USAGE,
                             "'%s': expected rising epochs, but %d comes after %d", text, epoch,
                             before);
        milestones[(*count)++] = epoch;
    }
    return STATUS_OK;
}

static status check_terms(const schedule_terms *terms, const schedule_row *law, error *err)
{
    if (law->takes_milestones && !terms->milestones)
        return error_set(err, STATUS_USAGE, "--schedule %s needs --milestones", law->name);
    if (!law->takes_milestones && terms->milestones)
        return error_set(err, STATUS_USAGE,
                         "--schedule %s does not accept --milestones; leave them out, or use "
                         "--milestones none if a recipe has them",
                         law->name);
    if (terms->min_lr > 0 && !law->takes_min_lr)
        return error_set(err, STATUS_USAGE,
                         "--schedule %s does not accept --min-lr; plateau and cosine do",
                         law->name);
    if (terms->min_lr > terms->lr)
        return error_set(err, STATUS_USAGE, "--min-lr %g is above --lr %g; lower it", terms->min_lr,
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
