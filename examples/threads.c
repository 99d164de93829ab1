/* SPDX-License-Identifier: Apache-2.0 */
/* Classifies from four threads with one classifier of libhcnn. The threads need no lock: passes on
 * the device take turns, and everything else runs side by side.
 *
 *     cc threads.c $(pkg-config --cflags --libs hcnn) -pthread -o threads
 *     ./threads RUN/best.safetensors
 */
#include <hcnn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, SIDE = 32 };

/* Classifies a black image and prints its most likely fine class. */
static void *classify(void *classifier)
{
    static const unsigned char black[SIDE * SIDE * 3];
    const hcnn_image image = {black, SIDE, SIDE};
    char message[1024] = "out of memory";
    int best = 0, count = hcnn_classifier_fine_count(classifier);
    float *fine = malloc((size_t)count * sizeof *fine);
    int failed = !fine || hcnn_classify(classifier, &image, 1, NULL, fine, message, sizeof message);
    for (int i = 1; !failed && i < count; i++)
        best = fine[i] > fine[best] ? i : best;
    puts(failed ? message : hcnn_classifier_fine_name(classifier, best));
    free(fine);
    return failed ? NULL : classifier;
}

int main(int argc, char **argv)
{
    char message[1024] = "Usage: threads CHECKPOINT";
    pthread_t threads[THREADS];
    int started = 0, answers = 0;
    hcnn_device *device =
        argc == 2 ? hcnn_device_open(getenv("HCNN_DEVICE"), message, sizeof message) : NULL;
    hcnn_classifier *classifier =
        device ? hcnn_classifier_open(device, argv[1], 1, message, sizeof message) : NULL;
    if (!classifier)
        puts(message);
    while (classifier && started < THREADS &&
           pthread_create(&threads[started], NULL, classify, classifier) == 0)
        started++;
    for (int i = 0; i < started; i++) {
        void *answer;
        pthread_join(threads[i], &answer);
        answers += answer != NULL;
    }
    hcnn_classifier_close(classifier);
    hcnn_device_close(device);
    return answers < THREADS;
}
