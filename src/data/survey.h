/* SPDX-License-Identifier: Apache-2.0 */
/* What the image files of a data set are like: their sizes, and which of them are broken. */
#pragma once

#include "data/dataset.h"

/* Of one of the sides, over the images that can be read; the median of an even number of them is
 * the smaller of the two in the middle. */
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
    survey_side width, height; /* zeros when nothing is readable */
    survey_fault *faults;      /* in the order of parts and files */
    size_t fault_count;
} survey;

typedef struct survey_options {
    int threads; /* at least 1 */
    bool decode; /* every image to its last byte; else the headers alone are read */
    void (*progress)(void *context, size_t done, size_t total); /* may be NULL; on this thread */
    void *context;
} survey_options;

/* A broken file is no error. */
status survey_run(dataset *data, const survey_options *options, survey *made, error *err);
void survey_free(survey *made);
