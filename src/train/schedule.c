/* The learning rate over the epochs, in PyTorch's arithmetic and order; see schedule.h. */
#include "train/schedule.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double factor = 0.1, threshold = 1e-4, smallest_change = 1e-8;
enum { PATIENCE = 2 };

void schedule_start(schedule *s, double lr, const int *milestones, int count)
{
    *s = (schedule){.lr = lr, .milestone_count = count, .best = INFINITY};
    for (int i = 0; i < count; i++)
        s->milestones[i] = milestones[i];
}

static void follow_milestones(schedule *s)
{
    int reached = 0;
    for (int i = 0; i < s->milestone_count; i++)
        reached += s->milestones[i] == s->epoch;
    if (reached > 0)
        s->lr *= pow(factor, reached);
}

static void follow_loss(schedule *s, double loss)
{
    if (loss < s->best * (1.0 - threshold)) {
        s->best = loss;
        s->bad_epochs = 0;
    } else {
        s->bad_epochs++;
    }
    if (s->bad_epochs > PATIENCE) {
        double lower = s->lr * factor;
        if (s->lr - lower > smallest_change)
            s->lr = lower;
        s->bad_epochs = 0;
    }
}

void schedule_epoch(schedule *s, double validation_loss)
{
    s->epoch++;
    if (s->milestone_count > 0)
        follow_milestones(s);
    else
        follow_loss(s, validation_loss);
}

/* The number at *text, which moves behind it and the comma after it; 0 if there is none. */
static int next_epoch(const char **text)
{
    char *end;
    if (**text < '0' || **text > '9')
        return 0;
    errno = 0;
    long value = strtol(*text, &end, 10);
    /* A comma has to be followed by another number. */
    bool more = *end == ',' && end[1] != '\0';
    if (errno != 0 || value > INT_MAX || (*end != '\0' && !more))
        return 0;
    *text = end + more;
    return (int)value;
}

status schedule_parse_milestones(const char *text, int milestones[SCHEDULE_MILESTONES], int *count,
                                 error *err)
{
    const char *at = text;
    *count = 0;
    do {
        if (*count == SCHEDULE_MILESTONES)
            return error_set(err, STATUS_USAGE, "'%s': more than %d epochs", text,
                             SCHEDULE_MILESTONES);
        const char *start = at;
        int epoch = next_epoch(&at), before = *count > 0 ? milestones[*count - 1] : 0;
        if (epoch < 1)
            return error_set(err, STATUS_USAGE,
                             "'%s': expected epochs from 1 on with commas between, as 7,13; found "
                             "'%s'",
                             text, start);
        if (epoch <= before)
            return error_set(err, STATUS_USAGE, "'%s': epochs have to rise, %d comes after %d",
                             text, epoch, before);
        milestones[(*count)++] = epoch;
    } while (*at);
    return STATUS_OK;
}
