// SPDX-License-Identifier: Apache-2.0
// Softmax cross entropy of logits[n][classes] with targets that may be smoothed and mixed; one
// work-item takes one image, since there are some tens of them and some tens of classes.

// head_result of src/ops/cross_entropy.h
typedef struct head_result {
    float loss;
    int rank, guess, label;
    float marginal_loss;
} head_result;

// The target of image i: (1 - smoothing) * (own_share * own + (1 - own_share) * partner), as
// one-hot vectors, + smoothing / classes.
typedef struct target {
    int own, partner;
    float own_share, partner_share; // with the smoothing in them
    float rest;                     // of every class
    int dominant;                   // the label with the larger share
    bool known;                     // both labels are classes
} target;

inline bool is_class(int label, int classes)
{
    return label >= 0 && label < classes;
}

inline target target_of(global const int *labels, int classes, float partner_share, float smoothing)
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

inline float target_at(const target t, int j)
{
    return (j == t.own ? t.own_share : 0.0f) + (j == t.partner ? t.partner_share : 0.0f) + t.rest;
}

// A weight of 0 leaves a logit out, even an infinite one.
inline float weighted(float weight, float value)
{
    return weight == 0.0f ? 0.0f : weight * value;
}

// The largest logit; a NaN among them may or may not come out, but reaches the sum anyway.
inline float largest(global const real *logits, int classes)
{
    float top = real_get(logits);
    for (int j = 1; j < classes; j++)
        top = real_get(logits + j) > top ? real_get(logits + j) : top;
    return top;
}

inline float sum_of_exponentials(global const real *logits, int classes, float top)
{
    float sum = 0.0f;
    for (int j = 0; j < classes; j++)
        sum += exp(real_get(logits + j) - top);
    return sum;
}

inline int best_class(global const real *logits, int classes)
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

// How many classes come before the label when sorted by falling logit, then by index. Written so
// that a NaN comes first: no comparison with one makes a guess right.
inline int rank_of(global const real *logits, int classes, int label)
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

// The sum over the classes of target * (logit - top).
inline float expected_logit(global const real *logits, int classes, const target t, float top)
{
    float all = 0.0f;
    for (int j = 0; j < classes && t.rest != 0.0f; j++)
        all += real_get(logits + j) - top;
    return weighted(t.own_share, real_get(logits + t.own) - top) +
           weighted(t.partner_share, real_get(logits + t.partner) - top) + weighted(t.rest, all);
}

inline head_result result_of(global const real *logits, int classes, const target t, float top,
                             float sum)
{
    head_result result;
    result.loss = t.known ? log(sum) - expected_logit(logits, classes, t, top) : NAN;
    result.rank = t.known ? rank_of(logits, classes, t.dominant) : INT_MAX;
    result.guess = best_class(logits, classes);
    result.label = t.dominant;
    result.marginal_loss = 0.0f;
    return result;
}

// loss = log(sum(exp(logit))) - sum(target * logit), both beside the largest logit so that nothing
// overflows; gradient (may be NULL) = scale * (softmax - target).
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

// The classes of one parent: their largest logit, the sum of their exponentials beside it, and
// their share of the target.
typedef struct family {
    float top, sum, expected;
} family;

inline family family_of(global const real *logits, global const int *members, int count,
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

// The same, and the cross entropy of the parents: their probabilities and targets are sums over
// their children, so marginal_loss = -sum(target of the parent * log of its probability), and its
// gradient, which is added with a scale of its own, marginal_scale * (softmax - target of the
// parent * softmax among its children). tree holds parents + 1 places in what follows them: the
// classes, parent by parent. A family is read whole before its gradients are written, which may
// replace its logits.
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
