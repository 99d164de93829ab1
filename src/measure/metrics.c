/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of losses and hits, generated from the table of metrics; see metrics.h. */
#include "measure/metrics.h"

#include <stddef.h>
#include <stdio.h>

enum metric_kind { LOSS, HITS };
enum metric_needs { ALWAYS, COARSE_HEAD, IF_ANY };
enum metric_age { FIRST, LATER };

typedef struct metric {
    const char *name;
    size_t offset; /* in metrics */
    enum metric_kind kind;
    enum metric_needs needs;
    const char *shown;
} metric;

#define AS_METRIC(member, name, kind, needs, age, shown, added)                                    \
    {name, offsetof(metrics, member), kind, needs, shown},
static const metric table[METRICS_ROWS] = {METRICS(AS_METRIC)};

#define AS_FIELD(member_, name, kind_, needs, age, shown, added)                                   \
    {.key = #member_,                                                                              \
     .kind = kind_ == LOSS ? FIELD_REAL : FIELD_COUNT,                                             \
     .offset = offsetof(metrics, member_),                                                         \
     .optional = age == LATER},
const field metrics_fields[] = {{FIELD(COUNT, metrics, count)}, METRICS(AS_FIELD){0}};

static double sum_of(const metrics *m, const metric *row)
{
    const void *at = (const char *)m + row->offset;
    return row->kind == LOSS ? *(const double *)at : (double)*(const uint64_t *)at;
}

static bool exists(const metrics *m, const metric *row, bool only_fine)
{
    return (row->needs != COARSE_HEAD || !only_fine) &&
           (row->needs != IF_ANY || sum_of(m, row) != 0);
}

void metrics_add(metrics *sums, const step_results *results, const int *parents)
{
    sums->count += (uint64_t)results->count;
    for (int i = 0; i < results->count; i++) {
        const head_result *fine = &results->fine[i];
        const head_result *coarse = results->coarse ? &results->coarse[i] : NULL;
#define ADD(member, name, kind, needs, age, shown, added)                                          \
    if (needs != COARSE_HEAD || coarse)                                                            \
        sums->member += added;
        METRICS(ADD)
    }
}

void metrics_merge(metrics *sums, const metrics *more)
{
#define MERGE(member, ...) sums->member += more->member;
    sums->count += more->count;
    METRICS(MERGE)
}

void metrics_pack(const metrics *sums, double packed[METRICS_PACKED])
{
#define PACK(member, ...) *packed++ = (double)sums->member;
    *packed++ = (double)sums->count;
    METRICS(PACK)
}

metrics metrics_unpack(const double packed[METRICS_PACKED])
{
    metrics m;
#define UNPACK(member, name, kind, ...) m.member = (METRICS_TYPE_##kind) * packed++;
    m.count = (uint64_t)*packed++;
    METRICS(UNPACK)
    return m;
}

double metrics_mean(const metrics *sums, double sum)
{
    return sums->count > 0 ? sum / (double)sums->count : 0.0;
}

double metrics_loss(const metrics *sums, loss_weights weights)
{
    double coarse = metrics_mean(sums, sums->coarse_loss) + metrics_mean(sums, sums->marginal_loss);
    return (weights.coarse != 0 ? weights.coarse * coarse : 0) +
           (weights.fine != 0 ? weights.fine * metrics_mean(sums, sums->fine_loss) : 0);
}

void metrics_log(const metrics *m, const char *part, loss_weights weights, bool only_fine,
                 metric_line *line)
{
    metric_line_add(line, part, "images", METRIC_WHOLE, (double)m->count);
    metric_line_add(line, part, "loss", METRIC_REAL, metrics_loss(m, weights));
    for (size_t i = 0; i < METRICS_ROWS; i++)
        if (exists(m, &table[i], only_fine))
            metric_line_add(line, part, table[i].name, METRIC_REAL,
                            metrics_mean(m, sum_of(m, &table[i])));
}

void metrics_to_text(const metrics *m, bool only_fine, char text[METRICS_TEXT])
{
    int length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < METRICS_ROWS && length < METRICS_TEXT; i++)
        if (table[i].shown && exists(m, &table[i], only_fine))
            length += snprintf(text + length, METRICS_TEXT - (size_t)length, table[i].shown,
                               100 * metrics_mean(m, sum_of(m, &table[i])));
}
