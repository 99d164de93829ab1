/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes sweep files (sweep/sweep_file.c): the input is the file. Every value of a parameter must
 * have a text, and a file that was read must be readable again from its text. */
#include "fuzz.h"
#include "sweep/sampler.h"
#include "sweep/search_space.h"
#include "sweep/sweep_file.h"
#include "track/metric_lines.h"
#include "train/train_options.h"

#include <stdlib.h>

static void check_values(const sweep_file *file)
{
    static const double places[] = {0, 1e-9, 0.25, 0.5, 0.999, 1};
    for (size_t i = 0; i < file->parameter_count; i++)
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            double place = space_place(&file->parameters[i], places[k]);
            char *text = sweep_parameter_text(&file->parameters[i], places[k]);
            FUZZ_HOLDS(text != NULL && place >= 0 && place <= 1);
            free(text);
        }
    space_size(file);
}

static void check_next(const sweep_file *file)
{
    error err;
    const sweep_trials none = {0};
    sampler_advice advice;
    double *places = calloc(file->parameter_count + 1, sizeof *places);
    FUZZ_HOLDS(places != NULL);
    FUZZ_SUCCEEDS(sampler_next(file, &none, 1, places, &advice, &err));
    for (size_t i = 0; i < file->parameter_count; i++)
        FUZZ_HOLDS(places[i] >= 0 && places[i] <= 1);
    free(places);
}

int fuzz_sweep(const uint8_t *data, size_t size)
{
    error err;
    sweep_file file, again;
    char *path = fuzz_file("input.yaml", data, size);
    if (sweep_file_read(path, NULL, train_rows, metric_names, &file, &err) == STATUS_OK) {
        check_values(&file);
        check_next(&file);
        FUZZ_SUCCEEDS(sweep_file_read(path, file.text, train_rows, metric_names, &again, &err));
        FUZZ_HOLDS(again.parameter_count == file.parameter_count);
        sweep_file_free(&again);
        sweep_file_free(&file);
    }
    free(path);
    return 0;
}
