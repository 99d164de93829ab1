/* SPDX-License-Identifier: Apache-2.0 */
/* Makes what the test of the report page shows: a store of runs with their directories, and the
 * page of a sweep over them. Names of classes, runs and files contain HTML that a careless page
 * would turn into elements.
 *
 *   make_runs DIRECTORY   # DIRECTORY/runs.db, DIRECTORY/RUN/test.json, DIRECTORY/sweep.html;
 *                         # DIRECTORY/going/runs.db with a run that is still running */
#include "base/file.h"
#include "base/json_values.h"
#include "base/random.h"
#include "base/text.h"
#include "track/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EPOCHS = 10,
    STEPS = 1200,
    COARSE = 3,
    FINE = 9,
    IMAGES = 40,
    TRIALS = 12,
    BEGUN = 1700000000
};
#define SCRIPT  "<script>alert(1)</script>"
#define ODD_RUN "odd <script>alert(1)<script>"

/* A picture of one grey pixel. */
#define PICTURE                                                                                    \
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd"  \
    "81ytgAAAABJRU5ErkJggg=="

static double draw(uint64_t index)
{
    return random_uniform(7, RANDOM_TEST, index);
}

static void log_one(run_store *store, int64_t run, const char *name, uint64_t step, double value,
                    status *result, error *err)
{
    const run_metric metric = {name, step, value};
    if (*result == STATUS_OK)
        *result = run_store_log(store, run, &metric, 1, err);
}

static status log_values(run_store *store, int64_t run, bool only_fine, int seed, error *err)
{
    status result = STATUS_OK;
    for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        uint64_t step = epoch * STEPS / EPOCHS;
        double right = (only_fine ? 0.70 : 0.74) + 0.004 * seed - 0.5 * exp(-(double)epoch / 3);
        log_one(store, run, "train/loss", step, 2 - right, &result, err);
        log_one(store, run, "validation/loss", step, 2.2 - right, &result, err);
        log_one(store, run, "train/fine_top1", step, right + 0.1, &result, err);
        log_one(store, run, "validation/fine_top1", step, right, &result, err);
        log_one(store, run, "images_per_second", step, 900 + 50 * draw(epoch), &result, err);
        if (!only_fine)
            log_one(store, run, "validation/coarse_top1", step, right + 0.1, &result, err);
    }
    run_metric *losses = calloc(STEPS, sizeof *losses);
    if (!losses)
        return error_memory(err, "the losses");
    for (uint64_t i = 0; i < STEPS; i++)
        losses[i] = (run_metric){"loss", i + 1, i == 7 ? NAN : 3 * exp(-(double)i / 300) + draw(i)};
    if (result == STATUS_OK)
        result = run_store_log(store, run, losses, STEPS, err);
    free(losses);
    return result;
}

/* Images with this fine label that get this fine answer; most answers are right. */
static int count_of(int label, int answer)
{
    return label == answer           ? IMAGES / 2 + label
           : answer == label / 3 * 3 ? 5
                                     : (label + answer) % 3;
}

/* A confusion matrix whose classes are groups of `group` fine ones; *images becomes its sum. */
static json_t *make_matrix(int group, int *images)
{
    int counts[FINE][FINE] = {0}, size = FINE / group;
    *images = 0;
    for (int label = 0; label < FINE; label++)
        for (int answer = 0; answer < FINE; answer++) {
            counts[label / group][answer / group] += count_of(label, answer);
            *images += count_of(label, answer);
        }
    json_t *rows = json_array();
    for (int label = 0; label < size; label++)
        json_array_append_new(rows, ints_to_json(counts[label], size));
    return rows;
}

static json_t *make_evaluation(bool only_fine)
{
    int images;
    json_t *fine = json_array(), *parents = json_array();
    json_t *coarse_matrix = only_fine ? json_null() : make_matrix(FINE / COARSE, &images);
    json_t *fine_matrix = make_matrix(1, &images);
    for (int i = 0; i < FINE; i++) {
        char name[64];
        snprintf(name, sizeof name, "class %c", 'a' + i);
        json_array_append_new(fine, json_string(i == 1 ? SCRIPT : name));
        json_array_append_new(parents, json_integer(i / (FINE / COARSE)));
    }
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:[s, s, s], s:o, s:o, s:o, s:o,"
                     " s:[{s:s, s:i, s:i, s:f, s:f, s:s}, {s:s, s:i, s:i, s:f, s:f, s:n}]}",
                     "set", "test", "epoch", 9, "step", STEPS, "images", images + 1, "undecided", 1,
                     "coarse_classes", "animals", "plants", "a " SCRIPT, "fine_classes", fine,
                     "parents", parents, "coarse", coarse_matrix, "fine", fine_matrix, "worst",
                     "image", "images/" SCRIPT ".png", "label", 1, "answer", 4, "loss", 9.5,
                     "probability", 7.5e-5, "picture", PICTURE, "image", "17", "label", 2, "answer",
                     0, "loss", 8.0, "probability", 3.4e-4, "picture");
}

static status write_evaluation(const char *directory, const char *run, bool only_fine, error *err)
{
    char *home = text_format("%s/%s", directory, run), *path = text_format("%s/test.json", home);
    json_t *evaluation = make_evaluation(only_fine);
    status result = evaluation && path ? file_make_directory(home, err) : error_memory(err, run);
    if (result == STATUS_OK)
        result = json_write_checked(path, evaluation, 0, err);
    free(path);
    free(home);
    return result;
}

static status make_run(run_store *store, const char *name, bool only_fine, int seed,
                       enum run_state state, error *err)
{
    int64_t run;
    json_t *config = json_pack("{s:f, s:s, s:b, s:i, s:n}", "lr", 0.1, "data", "data/" SCRIPT,
                               "only_fine", only_fine, "seed", seed, "milestones");
    json_t *summary = json_pack("{s:i, s:i}", "parameters", 123456, "memory_bytes", 1 << 28);
    const run_beginning what = {.name = name,
                                .version = "0.1.0",
                                .device = "a device",
                                .driver = "1.2",
                                .host = "here",
                                .config = config,
                                .summary = summary,
                                .at = BEGUN};
    status result = run_store_begin(store, &what, &run, err);
    json_decref(config);
    json_decref(summary);
    if (result == STATUS_OK)
        result = log_values(store, run, only_fine, seed, err);
    if (result == STATUS_OK)
        result = write_evaluation(store->directory, name, only_fine, err);
    if (result != STATUS_OK || state == RUN_RUNNING)
        return result;
    return run_store_end(store, run, state, state == RUN_FAILED ? "it " SCRIPT " failed" : NULL,
                         BEGUN + 100, err);
}

static json_t *make_trials(void)
{
    json_t *trials = json_array();
    for (int i = 0; i < TRIALS; i++) {
        double rate = pow(10, -4 + 3 * draw((uint64_t)i));
        char text[32];
        snprintf(text, sizeof text, "%.3g", rate);
        bool ended = i < TRIALS - 1;
        json_array_append_new(
            trials, json_pack("{s:i, s:s, s:s, s:o, s:{s:s, s:s}}", "number", i + 1, "run", ODD_RUN,
                              "state", ended ? "finished" : "running", "objective",
                              ended ? json_real(1 - rate) : json_null(), "parameters", "lr", text,
                              "optimizer", i % 2 ? "adamw" : "sgd"));
    }
    return trials;
}

static json_t *make_sweep(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:b, s:n}, {s:s, s:b, s:[s, s]}], s:o,"
                     " s:[{s:s, s:f, s:f}, {s:s, s:n, s:f}], s:{s:s, s:s}}",
                     "name", "a sweep " SCRIPT, "method", "random", "metric", "validation/loss",
                     "goal", "minimize", "parameters", "name", "lr", "log", 1, "values", "name",
                     "optimizer", "log", 0, "values", "sgd", "adamw", "trials", make_trials(),
                     "importance", "name", "lr", "correlation", -0.9, "share", 0.8, "name",
                     "optimizer", "correlation", "share", 0.1, "best", "run", "both-1", "command",
                     "hcnn-cl train --lr 0.1 --data '" SCRIPT "'");
}

static status write_page(run_store *store, const char *path, error *err)
{
    run_list list;
    json_t *runs = json_array();
    TRY(run_store_list(store, &list, err));
    status result = STATUS_OK;
    for (size_t i = 0; i < list.count && result == STATUS_OK; i++) {
        json_t *one = report_run(store, &list.runs[i], err);
        result = one ? STATUS_OK : STATUS_FAILED;
        json_array_append_new(runs, one);
    }
    run_list_free(&list);
    json_t *document =
        json_pack("{s:s, s:i, s:s, s:o, s:o}", "title", "Title " SCRIPT, "generated", BEGUN + 200,
                  "version", "0.1.0", "runs", runs, "sweep", make_sweep());
    if (result == STATUS_OK)
        result = report_write(path, document, 0, err);
    json_decref(document);
    return result;
}

static status make_store(const char *directory, run_store **made, error *err)
{
    char *path = text_format("%s/runs.db", directory);
    status result = path ? file_make_directory(directory, err) : error_memory(err, directory);
    if (result == STATUS_OK)
        result = run_store_open(path, true, NULL, made, err);
    free(path);
    return result;
}

static status make_ended(const char *directory, error *err)
{
    run_store *store;
    char *page = text_format("%s/sweep.html", directory);
    TRY(make_store(directory, &store, err));
    status result = make_run(store, "both-1", false, 1, RUN_FINISHED, err);
    if (result == STATUS_OK)
        result = make_run(store, "both-2", false, 2, RUN_FINISHED, err);
    if (result == STATUS_OK)
        result = make_run(store, "fine-1", true, 1, RUN_FINISHED, err);
    if (result == STATUS_OK)
        result = make_run(store, ODD_RUN, true, 2, RUN_FAILED, err);
    if (result == STATUS_OK)
        result = write_page(store, page, err);
    run_store_close(store);
    free(page);
    return result;
}

/* A store with an unfinished run. While a process locks the run's directory, it counts as
 * running. */
static status make_going(const char *directory, error *err)
{
    run_store *store;
    char *going = text_format("%s/going", directory);
    status result = make_store(going, &store, err);
    free(going);
    TRY(result);
    result = make_run(store, "live", false, 1, RUN_RUNNING, err);
    run_store_close(store);
    return result;
}

int main(int argc, char **argv)
{
    error err;
    if (argc != 2) {
        fputs("Usage: make_runs DIRECTORY\n", stderr);
        return STATUS_USAGE;
    }
    if (make_ended(argv[1], &err) == STATUS_OK && make_going(argv[1], &err) == STATUS_OK)
        return STATUS_OK;
    fprintf(stderr, "make_runs: %s\n", err.message);
    return STATUS_FAILED;
}
