/* Classifies pixels in memory with libhcnn, from four threads.
 *
 *     cc classify.c $(pkg-config --cflags --libs hcnn) -pthread -o classify
 *     ./classify RUN/best.safetensors
 */
#include <hcnn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, SIDE = 32 };

static void *classify(void *argument)
{
    hcnn_classifier *classifier = argument;
    char message[1024];
    unsigned char pixels[SIDE * SIDE * 3];
    const hcnn_image image = {pixels, SIDE, SIDE};
    int fine_count = hcnn_classifier_fine_count(classifier), best = 0;
    float *fine = malloc((size_t)fine_count * sizeof *fine);
    for (int i = 0; i < SIDE * SIDE * 3; i++) /* a green meadow below a blue sky */
        pixels[i] = i % 3 == (i < SIDE * SIDE * 3 / 2 ? 2 : 1) ? 200 : 90;
    if (!fine || hcnn_classify(classifier, &image, 1, NULL, fine, message, sizeof message) != 0) {
        fprintf(stderr, "%s\n", fine ? message : "out of memory");
        free(fine);
        return NULL;
    }
    for (int i = 1; i < fine_count; i++)
        best = fine[i] > fine[best] ? i : best;
    printf("%s (%s) %.1f%%\n", hcnn_classifier_fine_name(classifier, best),
           hcnn_classifier_coarse_name(classifier, hcnn_classifier_parent(classifier, best)),
           100 * (double)fine[best]);
    free(fine);
    return classifier;
}

int main(int argc, char **argv)
{
    char message[1024];
    pthread_t threads[THREADS];
    int failed = 0;
    if (argc != 2) {
        fprintf(stderr, "Usage: classify CHECKPOINT\n");
        return 2;
    }
    hcnn_device *device = hcnn_device_open(getenv("HCNN_DEVICE"), message, sizeof message);
    hcnn_classifier *classifier =
        device ? hcnn_classifier_open(device, argv[1], 1, message, sizeof message) : NULL;
    if (!classifier) {
        fprintf(stderr, "%s\n", message);
        hcnn_device_close(device);
        return 1;
    }
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, classify, classifier) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *done;
        pthread_join(threads[i], &done);
        failed |= done == NULL;
    }
    hcnn_classifier_close(classifier);
    hcnn_device_close(device);
    return failed;
}
