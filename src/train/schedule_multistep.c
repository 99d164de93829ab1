/* SPDX-License-Identifier: Apache-2.0 */
/* To a tenth after given epochs, and these as text; see schedule.h. */
#include "train/schedule.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const double factor = 0.1;

void schedule_multistep(schedule *s, double validation_loss)
{
    int reached = 0;
    (void)validation_loss;
    for (int i = 0; i < s->milestone_count; i++)
        reached += s->milestones[i] == s->epoch;
    if (reached > 0)
        s->lr *= pow(factor, reached);
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
