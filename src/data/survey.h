/* SPDX-License-Identifier: Apache-2.0 */
/* Surveys the image files of a data set: their sizes, and which of them are broken. */
#pragma once

#include "data/dataset.h"

/* Widths or heights in pixels of the images that can be read. If their number is even, the median
 * is the smaller of the two in the middle. */
typedef struct survey_side {
    int min, median, max;
} survey_side;

typedef struct survey_fault {
    enum dataset_part part;
    size_t index;  /* in the part */
    char *message; /* names the file */
} survey_fault;

typedef struct survey {
    size_t images, readable;
    survey_side width, height; /* zeros if nothing is readable */
    survey_fault *faults;      /* in the order of parts and files */
    size_t fault_count;
} survey;

typedef struct survey_options {
    int threads; /* at least 1 */
    bool decode; /* decode every image to its last byte; else only the headers are read */
    /* May be NULL; called on the thread that called survey_run. */
    void (*progress)(void *context, size_t done, size_t total);
    void *context;
} survey_options;

/* Examines all images. A broken file is not an error; it is listed in the faults. The caller frees
 * *made with survey_free. */
status survey_run(dataset *data, const survey_options *options, survey *made, error *err);
void survey_free(survey *made);
