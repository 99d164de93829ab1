/* SPDX-License-Identifier: Apache-2.0 */
/* Classifies a picture with libhcnn and prints the probabilities of the answers.
 *
 *     cc classify.c $(pkg-config --cflags --libs hcnn) -o classify
 *     ./classify RUN/best.safetensors PICTURE.ppm
 *
 * `hcnn-cl train`, or train.c beside this file, writes the checkpoint into its run directory. The
 * picture is a binary PPM because that is the simplest file of pixels; hcnn_classify needs only RGB
 * bytes. */
#include <hcnn.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_SIDE = 16384 };

/* The caller frees the pixels; NULL if the file cannot be read or is not such a picture. */
static hcnn_image read_ppm(const char *path)
{
    int width, height, most;
    unsigned char *pixels = NULL;
    FILE *file = fopen(path, "rb");
    /* NOLINTNEXTLINE(cert-err34-c): numbers of so few digits are ints */
    if (file && fscanf(file, "P6 %5d %5d %3d", &width, &height, &most) == 3 && most == 255 &&
        fgetc(file) != EOF && width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE) {
        size_t row = 3 * (size_t)width, rows = (size_t)height;
        pixels = malloc(row * rows);
        if (pixels && fread(pixels, row, rows, file) != rows) {
            free(pixels);
            pixels = NULL;
        }
    }
    if (file)
        fclose(file);
    return pixels ? (hcnn_image){pixels, width, height} : (hcnn_image){0};
}

static int likeliest(const float *probabilities, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        best = probabilities[i] > probabilities[best] ? i : best;
    return best;
}

static int classify(hcnn_classifier *classifier, const hcnn_image *picture)
{
    char message[1024] = "out of memory";
    int coarse_count = hcnn_classifier_coarse_count(classifier);
    int fine_count = hcnn_classifier_fine_count(classifier);
    float *coarse = malloc((size_t)coarse_count * sizeof *coarse);
    float *fine = malloc((size_t)fine_count * sizeof *fine);
    int result = HCNN_FAILED;
    if (coarse && fine)
        result = hcnn_classify(classifier, picture, 1, coarse, fine, message, sizeof message);
    if (result == HCNN_OK) {
        int c = likeliest(coarse, coarse_count), f = likeliest(fine, fine_count);
        printf("%s %.1f%%\n", hcnn_classifier_coarse_name(classifier, c), 100 * (double)coarse[c]);
        printf("%s %.1f%%\n", hcnn_classifier_fine_name(classifier, f), 100 * (double)fine[f]);
    } else {
        fprintf(stderr, "%s\n", message);
    }
    free(coarse);
    free(fine);
    return result;
}

int main(int argc, char **argv)
{
    char message[1024] = "";
    int result = HCNN_FAILED;
    if (argc != 3) {
        fprintf(stderr, "Usage: classify CHECKPOINT PICTURE.ppm\n");
        return HCNN_USAGE;
    }
    hcnn_image picture = read_ppm(argv[2]);
    if (!picture.pixels) {
        fprintf(stderr, "%s: not a binary PPM (P6) with values up to 255\n", argv[2]);
        return HCNN_FAILED;
    }
    hcnn_device *device = hcnn_device_open(getenv("HCNN_DEVICE"), message, sizeof message);
    hcnn_classifier *classifier =
        device ? hcnn_classifier_open(device, argv[1], 1, message, sizeof message) : NULL;
    if (classifier)
        result = classify(classifier, &picture);
    else
        fprintf(stderr, "%s\n", message);
    hcnn_classifier_close(classifier);
    hcnn_device_close(device);
    free((void *)picture.pixels);
    return result;
}
