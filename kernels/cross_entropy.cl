// SPDX-License-Identifier: Apache-2.0
// Softmax cross entropy of logits[n][classes] with targets that may be smoothed and mixed. One
// work-item handles one image: there are only tens of images, and tens of classes.

// head_result of src/ops/cross_entropy.h
typedef struct head_result {
    float loss;
    int rank, guess, label;
    float marginal_loss;
} head_result;

// The target of image i: (1 - smoothing) * ((1 - partner_share) * own + partner_share * partner) +
// smoothing / classes, where own and partner are one-hot vectors.
typedef struct target {
    int own, partner;
    float own_share, partner_share; // include the factor (1 - smoothing)
    float rest;                     // added to every class
    int dominant;                   // the label with the larger share
    bool known;                     // both labels are classes
} target;

static inline bool is_class(int label, int classes)
{
    return label >= 0 && label < classes;
}

static inline target target_of(global const int *labels, int classes, float partner_share,
                               float smoothing)
{
    const int image = get_global_id(0), images = get_global_size(0);
    const int own = labels ? labels[image] : -1;
    const int partner = labels && partner_share != 0.0f ? labels[images - 1 - image] : own;
    target t;
    t.own = own;
    t.partner = partner;
    t.own_share = (1.0f - smoothing) * (1.0f - partner_share);
    t.partner_share = (1.0f - smoothing) * partner_share;
    t.rest = smoothing / classes;
    t.dominant = partner_share > 0.5f ? partner : own;
    t.known = is_class(own, classes) && is_class(partner, classes);
    return t;
}

static inline float target_at(const target t, int j)
{
    return (j == t.own ? t.own_share : 0.0f) + (j == t.partner ? t.partner_share : 0.0f) + t.rest;
}

// weight * value, but 0 if the weight is 0, even for an infinite value.
static inline float weighted(float weight, float value)
{
    return weight == 0.0f ? 0.0f : weight * value;
}

// The largest logit. If some logits are NaN the result may or may not be NaN; the NaN reaches the
// sum of exponentials anyway.
static inline float largest(global const real *logits, int classes)
{
    float top = real_get(logits);
    for (int j = 1; j < classes; j++)
        top = real_get(logits + j) > top ? real_get(logits + j) : top;
    return top;
}

static inline float sum_of_exponentials(global const real *logits, int classes, float top)
{
    float sum = 0.0f;
    for (int j = 0; j < classes; j++)
        sum += exp(real_get(logits + j) - top);
    return sum;
}

static inline int best_class(global const real *logits, int classes)
{
    int best = 0;
    float most = real_get(logits);
    for (int j = 1; j < classes && !isnan(most); j++) {
        const float logit = real_get(logits + j);
        if (logit > most || isnan(logit)) {
            best = j;
            most = logit;
        }
    }
    return best;
}

// The number of classes that come before the label when sorted by decreasing logit, then by index.
// The comparison is written so that a NaN comes first: no NaN can make a guess count as right.
static inline int rank_of(global const real *logits, int classes, int label)
{
    const float own = real_get(logits + label);
    if (isnan(own))
        return INT_MAX;
    int rank = 0;
    for (int j = 0; j < classes; j++) {
        const float logit = real_get(logits + j);
        rank += j != label && !(logit < own || (logit == own && j > label));
    }
    return rank;
}

// The sum over all classes of target * (logit - top).
static inline float expected_logit(global const real *logits, int classes, const target t,
                                   float top)
{
    float all = 0.0f;
    for (int j = 0; j < classes && t.rest != 0.0f; j++)
        all += real_get(logits + j) - top;
    return weighted(t.own_share, real_get(logits + t.own) - top) +
           weighted(t.partner_share, real_get(logits + t.partner) - top) + weighted(t.rest, all);
}

static inline head_result result_of(global const real *logits, int classes, const target t,
                                    float top, float sum)
{
    head_result result;
    result.loss = t.known ? log(sum) - expected_logit(logits, classes, t, top) : NAN;
    result.rank = t.known ? rank_of(logits, classes, t.dominant) : INT_MAX;
    result.guess = best_class(logits, classes);
    result.label = t.dominant;
    result.marginal_loss = 0.0f;
    return result;
}

// loss = log(sum(exp(logit))) - sum(target * logit). Both terms use differences from the largest
// logit, so nothing overflows. gradient = scale * (softmax - target); it may be NULL.
kernel void cross_entropy(global const real *logits, global const int *labels,
                          global head_result *results, global real *gradient, float scale,
                          float partner_share, float smoothing, int classes)
{
    const size_t image = get_global_id(0);
    logits += image * classes;
    const target t = target_of(labels, classes, partner_share, smoothing);
    const float top = largest(logits, classes);
    const float sum = sum_of_exponentials(logits, classes, top);
    results[image] = result_of(logits, classes, t, top, sum);

    if (!gradient)
        return;
    gradient += image * classes;
    for (int j = 0; j < classes; j++) {
        const float expected = t.known ? target_at(t, j) : NAN;
        real_set(scale * (exp(real_get(logits + j) - top) / sum - expected), gradient + j);
    }
}

// The classes of one parent: their largest logit, the sum of exp(logit - that logit), and their
// share of the target.
typedef struct family {
    float top, sum, expected;
} family;

static inline family family_of(global const real *logits, global const int *members, int count,
                               const target t)
{
    family f = {real_get(logits + members[0]), 0.0f, 0.0f};
    for (int i = 1; i < count; i++)
        f.top = real_get(logits + members[i]) > f.top ? real_get(logits + members[i]) : f.top;
    for (int i = 0; i < count; i++) {
        f.sum += exp(real_get(logits + members[i]) - f.top);
        f.expected += t.known ? target_at(t, members[i]) : NAN;
    }
    return f;
}

// Like cross_entropy, plus the cross entropy of the parents. The probability and the target of a
// parent are the sums over its children, so marginal_loss = -sum(parent's target * log(parent's
// probability)). Its gradient, marginal_scale * (softmax - parent's target * softmax among the
// parent's children), is added. `tree` contains parents + 1 offsets, followed by the classes sorted
// by parent; offset 0 is the first of these classes. All logits of a family are read before its
// gradients are written, because the gradients may replace the logits.
kernel void cross_entropy_marginal(global const real *logits, global const int *labels,
                                   global head_result *results, global real *gradient, float scale,
                                   float partner_share, float smoothing, int classes,
                                   global const int *tree, int parents, float marginal_scale)
{
    const size_t image = get_global_id(0);
    logits += image * classes;
    gradient += gradient ? image * classes : 0;
    const target t = target_of(labels, classes, partner_share, smoothing);
    const float top = largest(logits, classes);
    const float sum = sum_of_exponentials(logits, classes, top), log_sum = log(sum);
    head_result result = result_of(logits, classes, t, top, sum);

    for (int parent = 0; parent < parents; parent++) {
        global const int *members = tree + parents + 1 + tree[parent];
        const int count = tree[parent + 1] - tree[parent];
        if (count == 0)
            continue;
        const family f = family_of(logits, members, count, t);
        result.marginal_loss += weighted(f.expected, log_sum - (f.top - top) - log(f.sum));
        for (int i = 0; gradient && i < count; i++) {
            const int j = members[i];
            const float logit = real_get(logits + j), share = exp(logit - top) / sum;
            const float among = exp(logit - f.top) / f.sum;
            const float expected = t.known ? target_at(t, j) : NAN;
            real_set(scale * (share - expected) + marginal_scale * (share - f.expected * among),
                     gradient + j);
        }
    }
    results[image] = result;
}
