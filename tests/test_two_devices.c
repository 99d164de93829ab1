/* SPDX-License-Identifier: Apache-2.0 */
/* Two devices in one process (include/hcnn.h): a thread each opens its own, trains and classifies,
 * from the first call into the driver on and at the same time. PoCL shows the processor as two
 * devices; where there is no second one, both threads open the same. Then six open devices
 * run a kernel on growing grids. */
#include "base/file.h"
#include "check.h"
#include "device/device.h"
#include "device/kernel.h"
#include "hcnn.h"
#include "ops/tensor.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    THREADS = 2,
    MOST_THREADS = 6,
    ROUNDS = 2,
    SIDE = 32,
    IMAGES = 5,
    CLASSES = 10,
    SPEC = 32,
    MESSAGE = 1024
};

/* A thread's device and files, and what it found. */
typedef struct worker_thread {
    char spec[SPEC], directory[MESSAGE];
    pthread_barrier_t *start;
    float fine[IMAGES * CLASSES];
    char message[MESSAGE]; /* "": everything went well */
} worker_thread;

static char specs[THREADS][SPEC]; /* of the devices */

static int stop_after_two(void *context, const hcnn_progress *p)
{
    (void)context;
    return p->step >= 2;
}

/* Trains two steps into DIRECTORY/run-ROUND. */
static int train(worker_thread *t, int round)
{
    int code = HCNN_OK;
    char run[MESSAGE + 16];
    snprintf(run, sizeof run, "%s/run-%d", t->directory, round);
    const char *const values[][2] = {
        {"backbone", "tiny"}, {"batch-size", "20"}, {"seed", "3"}, {"threads", "2"}, {"run", run}};
    hcnn_options *options = hcnn_options_create();
    for (size_t i = 0; i < sizeof values / sizeof values[0] && code == HCNN_OK; i++)
        code = hcnn_options_set(options, values[i][0], values[i][1], t->message, MESSAGE);
    if (code == HCNN_OK)
        code = hcnn_train(t->spec, options, stop_after_two, NULL, t->message, MESSAGE);
    hcnn_options_free(options);
    if (code == HCNN_STOPPED)
        t->message[0] = '\0';
    return code == HCNN_STOPPED ? HCNN_OK : code;
}

static int classify(worker_thread *t, hcnn_device *device, int round)
{
    static const unsigned char black[SIDE * SIDE * 3];
    char checkpoint[MESSAGE + 64];
    hcnn_image images[IMAGES];
    snprintf(checkpoint, sizeof checkpoint, "%s/run-%d/last.safetensors", t->directory, round);
    for (int i = 0; i < IMAGES; i++)
        images[i] = (hcnn_image){black, SIDE - i, SIDE};
    hcnn_classifier *c = hcnn_classifier_open(device, checkpoint, 2, t->message, MESSAGE);
    if (!c)
        return HCNN_FAILED;
    int code = hcnn_classify(c, images, IMAGES, NULL, t->fine, t->message, MESSAGE);
    hcnn_classifier_close(c);
    return code;
}

/* Trains while the device is open, so that there are two of each kind in the process. */
static int work(worker_thread *t, int round)
{
    hcnn_device *device = hcnn_device_open(t->spec, t->message, MESSAGE);
    if (!device)
        return HCNN_FAILED;
    int code = train(t, round);
    if (code == HCNN_OK)
        code = classify(t, device, round);
    hcnn_device_close(device);
    return code;
}

static void *run(void *context)
{
    worker_thread *t = context;
    pthread_barrier_wait(t->start);
    for (int round = 0; round < ROUNDS; round++)
        if (work(t, round) != HCNN_OK)
            break;
    return NULL;
}

/* Names the first two available devices of PoCL, if it has two; what HCNN_DEVICE names otherwise.
 */
static void name_devices(void)
{
    error err;
    device_list list;
    char names[THREADS][SPEC];
    int found = 0;
    const char *chosen = getenv("HCNN_DEVICE");
    if (device_list_all(&list, &err) != STATUS_OK)
        _exit(1);
    for (int i = 0; i < list.count && found < THREADS; i++)
        if (list.devices[i].available && strstr(list.devices[i].platform_name, "Portable"))
            snprintf(names[found++], SPEC, "%d:%d", list.devices[i].platform_index,
                     list.devices[i].device_index);
    for (int i = 0; i < THREADS; i++)
        snprintf(specs[i], SPEC, "%s", found == THREADS ? names[i] : chosen ? chosen : "");
}

/* Asks in a process of its own, because the threads are to be the first in this one that use the
 * driver. */
static int find_devices(void **state)
{
    (void)state;
    int ends[2], code;
    const size_t bytes = sizeof specs;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        name_devices();
        _exit(write(ends[1], specs, bytes) == (ssize_t)bytes ? 0 : 1);
    }
    assert_int_equal(read(ends[0], specs, bytes), (ssize_t)bytes);
    assert_int_equal(waitpid(child, &code, 0), child);
    close(ends[0]);
    close(ends[1]);
    print_message("# devices '%s' and '%s'\n", specs[0], specs[1]);
    return 0;
}

/* Runs the function in a thread for each device, and requires that none has a message. */
static void run_threads(worker_thread *threads, int count, void *(*function)(void *))
{
    pthread_t started[MOST_THREADS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)count);
    for (int i = 0; i < count; i++) {
        threads[i].start = &start;
        memcpy(threads[i].spec, specs[i % THREADS], SPEC);
        assert_int_equal(pthread_create(&started[i], NULL, function, &threads[i]), 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(started[i], NULL);
    for (int i = 0; i < count; i++)
        assert_string_equal(threads[i].message, "");
    pthread_barrier_destroy(&start);
}

static void test_side_by_side(void **state)
{
    (void)state;
    error err;
    char *directory = check_directory();
    static worker_thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        snprintf(threads[i].directory, MESSAGE, "%s/%d", directory, i);
        CHECK_OK(file_make_directory(threads[i].directory, &err));
    }
    run_threads(threads, THREADS, run);
    assert_memory_equal(threads[0].fine, threads[1].fine, sizeof threads[0].fine);
    CHECK_OK(file_remove_tree(directory, &err));
    free(directory);
}

/* Copies larger and larger tensors in groups of two sizes. Each is another variant of the same
 * kernel, which PoCL before 7.0 confuses; see driver_confuses_devices. Without its remedy all of
 * twelve runs ended in PoCL's assertion; with 1600 copies it was nine of them. */
static void *copy_many(void *context)
{
    enum { COPIES = 2000, CHANNELS = 16, STEP = 32 };
    worker_thread *t = context;
    error err;
    device *dev = NULL;
    tensor half = {0}, whole = {0};
    status result = device_open_place(t->spec, 0, &dev, &err);
    if (result == STATUS_OK)
        result = tensor_create(dev, COPIES * STEP, 1, 1, CHANNELS, &half, &err);
    if (result == STATUS_OK)
        result = tensor_create(dev, COPIES * STEP, 1, 1, 2 * CHANNELS, &whole, &err);
    pthread_barrier_wait(t->start);
    for (int i = 1; i <= COPIES && result == STATUS_OK; i++) {
        const size_t vectors = device_vectors(dev, CHANNELS), pixels = (size_t)i * STEP;
        const launch_range range = {2, {vectors, pixels, 1}, {1, i % 2 ? STEP / 2 : STEP, 1}, true};
        result =
            LAUNCH(dev, "concat", "concat_put", range, &err, ARG_BUFFER(half.buffer),
                   ARG_BUFFER(whole.buffer), ARG_INT(CHANNELS), ARG_INT(0), ARG_INT(2 * CHANNELS));
    }
    if (result == STATUS_OK)
        result = device_finish(dev, &err);
    if (result != STATUS_OK)
        snprintf(t->message, MESSAGE, "%.*s", MESSAGE - 1, err.message);
    tensor_release(&half);
    tensor_release(&whole);
    device_close(dev);
    return NULL;
}

static void test_growing_grids(void **state)
{
    (void)state;
    static worker_thread threads[MOST_THREADS];
    run_threads(threads, MOST_THREADS, copy_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_growing_grids),
    };
    setenv("POCL_DEVICES", "pthread pthread", 1);
    return cmocka_run_group_tests_name("two_devices", tests, find_devices, NULL);
}
