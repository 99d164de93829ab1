// Softmax cross entropy of logits[n][classes]; one work-item takes one image, since there are some
// tens of them and some tens of classes.

// head_result of src/ops/cross_entropy.h
typedef struct head_result {
    float loss;
    int rank, guess, label;
} head_result;

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

// loss = log(sum(exp(logit))) - logit[label], both beside the largest logit so that nothing
// overflows; gradient (may be NULL) = scale * (softmax - onehot).
kernel void cross_entropy(global const real *logits, global const int *labels,
                          global head_result *results, global real *gradient, float scale,
                          int classes)
{
    const size_t image = get_global_id(0);
    logits += image * classes;
    const int label = labels ? labels[image] : -1;
    const bool labelled = label >= 0 && label < classes;
    const float top = largest(logits, classes);
    const float sum = sum_of_exponentials(logits, classes, top);

    head_result result;
    result.loss = labelled ? log(sum) - (real_get(logits + label) - top) : NAN;
    result.rank = labelled ? rank_of(logits, classes, label) : INT_MAX;
    result.guess = best_class(logits, classes);
    result.label = label;
    results[image] = result;

    if (!gradient)
        return;
    gradient += image * classes;
    for (int j = 0; j < classes; j++) {
        const float expected = labelled ? (float)(j == label) : NAN;
        real_set(scale * (exp(real_get(logits + j) - top) / sum - expected), gradient + j);
    }
}

// probabilities[n][classes]
kernel void softmax(global const real *logits, global float *probabilities, int classes)
{
    const size_t at = get_global_id(0) * classes;
    const float top = largest(logits + at, classes);
    const float sum = sum_of_exponentials(logits + at, classes, top);
    for (int j = 0; j < classes; j++)
        probabilities[at + j] = exp(real_get(logits + at + j) - top) / sum;
}
