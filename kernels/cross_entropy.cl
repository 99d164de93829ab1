// Softmax cross entropy of logits[n][classes]; one work-item takes one image, since there are some
// tens of them and some tens of classes.

// head_result of src/ops/cross_entropy.h
typedef struct head_result {
    float loss;
    int rank, guess, label;
} head_result;

// The largest logit; a NaN among them may or may not come out, but reaches the sum anyway.
inline float largest(global const float *logits, int classes)
{
    float top = logits[0];
    for (int j = 1; j < classes; j++)
        top = logits[j] > top ? logits[j] : top;
    return top;
}

inline float sum_of_exponentials(global const float *logits, int classes, float top)
{
    float sum = 0.0f;
    for (int j = 0; j < classes; j++)
        sum += exp(logits[j] - top);
    return sum;
}

inline int best_class(global const float *logits, int classes)
{
    int best = 0;
    for (int j = 1; j < classes && !isnan(logits[best]); j++)
        if (logits[j] > logits[best] || isnan(logits[j]))
            best = j;
    return best;
}

// How many classes come before the label when sorted by falling logit, then by index. Written so
// that a NaN comes first: no comparison with one makes a guess right.
inline int rank_of(global const float *logits, int classes, int label)
{
    const float own = logits[label];
    if (isnan(own))
        return INT_MAX;
    int rank = 0;
    for (int j = 0; j < classes; j++)
        rank += j != label && !(logits[j] < own || (logits[j] == own && j > label));
    return rank;
}

// loss = log(sum(exp(logit))) - logit[label], both beside the largest logit so that nothing
// overflows; gradient (may be NULL) = scale * (softmax - onehot).
kernel void cross_entropy(global const float *logits, global const int *labels,
                          global head_result *results, global float *gradient, float scale,
                          int classes)
{
    const size_t image = get_global_id(0);
    logits += image * classes;
    const int label = labels ? labels[image] : -1;
    const bool labelled = label >= 0 && label < classes;
    const float top = largest(logits, classes);
    const float sum = sum_of_exponentials(logits, classes, top);

    head_result result;
    result.loss = labelled ? log(sum) - (logits[label] - top) : NAN;
    result.rank = labelled ? rank_of(logits, classes, label) : INT_MAX;
    result.guess = best_class(logits, classes);
    result.label = label;
    results[image] = result;

    if (!gradient)
        return;
    gradient += image * classes;
    for (int j = 0; j < classes; j++) {
        const float expected = labelled ? (float)(j == label) : NAN;
        gradient[j] = scale * (exp(logits[j] - top) / sum - expected);
    }
}

// probabilities[n][classes]
kernel void softmax(global const float *logits, global float *probabilities, int classes)
{
    const size_t at = get_global_id(0) * classes;
    const float top = largest(logits + at, classes);
    const float sum = sum_of_exponentials(logits + at, classes, top);
    for (int j = 0; j < classes; j++)
        probabilities[at + j] = exp(logits[at + j] - top) / sum;
}
