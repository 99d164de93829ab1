/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of the losses over the epochs; see loss_schedule.h. */
#include "train/loss_schedule.h"
#include "train/schedule.h"

#include <stdlib.h>
#include <string.h>

static const double heaviest = 1e6; /* the limit of --coarse and --fine too */

/* Reads the weight at *text and a character of `after`, and moves *text past both. Returns -1 if
 * they are not there. */
static double next_weight(const char **text, const char *after)
{
    char *end;
    double weight = strtod(*text, &end);
    if (end == *text || !(weight >= 0 && weight <= heaviest) || !strchr(after, *end))
        return -1;
    *text = end + (*end != '\0');
    return weight;
}

static status malformed(const char *text, const char *at, error *err)
{
    return error_set(err, STATUS_USAGE,
                     "'%s': expected EPOCH:COARSE:FINE separated by commas, such as "
                     "1:0.9:0.1,10:0.2:0.8 (epochs from 1 on, weights from 0 to %g); found '%s'",
                     text, heaviest, at);
}

status loss_schedule_parse(const char *text, loss_weights before, bool with_coarse,
                           loss_schedule *s, error *err)
{
    *s = (loss_schedule){.before = before};
    for (const char *at = text; at && (*at || s->count == 0); s->count++) {
        const char *start = at;
        if (s->count == LOSS_SCHEDULE_STAGES)
            return error_set(err, STATUS_USAGE, "'%s': more than %d stages; leave some out", text,
                             LOSS_SCHEDULE_STAGES);
        uint32_t epoch = (uint32_t)schedule_next_epoch(&at);
        double coarse = epoch > 0 && *at++ == ':' ? next_weight(&at, ":") : -1;
        double fine = coarse >= 0 ? next_weight(&at, ",") : -1;
        if (fine < 0 || (at[-1] == ',' && *at == '\0'))
            return malformed(text, start, err);
        if (s->count > 0 && epoch - 1 <= s->stages[s->count - 1].epoch)
            return error_set(err, STATUS_USAGE,
                             "'%s': expected rising epochs, but %u comes after %u", text,
                             (unsigned)epoch, (unsigned)s->stages[s->count - 1].epoch + 1);
        if (fine == 0 && (coarse == 0 || !with_coarse))
            return error_set(
                err, STATUS_USAGE,
                "'%s': there is nothing to learn from epoch %u on; set a weight above 0", text,
                (unsigned)epoch);
        s->stages[s->count].epoch = epoch - 1;
        s->stages[s->count].weights = (loss_weights){coarse, fine};
    }
    return STATUS_OK;
}

loss_weights loss_schedule_at(const loss_schedule *s, uint32_t epoch)
{
    loss_weights now = s->before;
    for (int i = 0; i < s->count && s->stages[i].epoch <= epoch; i++)
        now = s->stages[i].weights;
    return now;
}
