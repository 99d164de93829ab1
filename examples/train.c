/* SPDX-License-Identifier: Apache-2.0 */
/* Trains with libhcnn and stops when the validation loss rises.
 *
 *     cc train.c $(pkg-config --cflags --libs hcnn) -o train
 *     ./train NAME=VALUE...        for example backbone=resnet18 epochs=20 data=PATH run=RUN
 */
#include <hcnn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int watch(void *context, const hcnn_progress *p)
{
    double *best = context;
    if (!p->epoch_ended) {
        printf("\r%s: step %llu, loss %.3f  ", p->run, (unsigned long long)p->step, p->loss);
        fflush(stdout);
        return 0;
    }
    printf("\nepoch %d of %d, step %llu: validation loss %.4f, %.1f%% right\n", p->epoch, p->epochs,
           (unsigned long long)p->step, p->validation_loss, 100 * p->validation_fine_top1);
    if (p->validation_loss > *best)
        return 1;
    *best = p->validation_loss;
    return 0;
}

/* Sets the option in a word of the form NAME=VALUE. */
static int set(hcnn_options *options, const char *word, char *message, size_t capacity)
{
    char name[64];
    const char *value = strchr(word, '=');
    size_t length = value ? (size_t)(value - word) : sizeof name;
    if (length >= sizeof name) {
        snprintf(message, capacity, "'%s' is not NAME=VALUE", word);
        return HCNN_USAGE;
    }
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    return hcnn_options_set(options, name, value + 1, message, capacity);
}

int main(int argc, char **argv)
{
    char message[1024] = "out of memory";
    double best = 1e30;
    hcnn_options *options = hcnn_options_create();
    int result = options ? HCNN_OK : HCNN_FAILED;
    for (int i = 1; result == HCNN_OK && i < argc; i++)
        result = set(options, argv[i], message, sizeof message);
    if (result == HCNN_OK)
        result = hcnn_train(getenv("HCNN_DEVICE"), options, watch, &best, message, sizeof message);
    if (result != HCNN_OK)
        fprintf(stderr, "%s\n", message);
    hcnn_options_free(options);
    return result == HCNN_STOPPED ? 0 : result;
}
