/* SPDX-License-Identifier: Apache-2.0 */
/* event_file.c: events are read back here and the checksums of their records checked. Each write
 * begins and ends between records, even if the disk is full. */
#include "base/crc32c.h"
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "track/event.pb-c.h"
#include "track/event_file.h"

#include <errno.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

enum { MOST_EVENTS = 64, MOST_BYTES = 1 << 24, HEAD_BYTES = 12, TAIL_BYTES = 4 };

static const char *directory;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "none");
    const support_files *files = *state;
    directory = files->directory;
    return result;
}

/* ---- The disk ---- */

ssize_t __real_write(int file, const void *bytes, size_t size);
ssize_t __wrap_write(int file, const void *bytes, size_t size);

static int writes;
static size_t disk_has = SIZE_MAX; /* bytes until it is full */

ssize_t __wrap_write(int file, const void *bytes, size_t size)
{
    writes++;
    if (disk_has == 0) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t done = __real_write(file, bytes, size < disk_has ? size : disk_has);
    if (disk_has != SIZE_MAX)
        disk_has -= (size_t)done;
    return done;
}

/* ---- The clock ---- */

time_t __real_time(time_t *now);
time_t __wrap_time(time_t *now);

static bool clock_is_wrong;
static time_t wrong_time;

time_t __wrap_time(time_t *now)
{
    return clock_is_wrong ? wrong_time : __real_time(now);
}

/* ---- Reading ---- */

typedef struct reading {
    Tb__Event *events[MOST_EVENTS];
    size_t ends[MOST_EVENTS]; /* offset of each event's end in the file */
    size_t count, size;
} reading;

static uint64_t little_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

static void check_sum(const unsigned char *data, size_t size, const unsigned char *sum)
{
    uint32_t turned = (uint32_t)little_endian(sum, 4) - 0xa282ead8u;
    assert_int_equal(turned >> 17 | turned << 15, crc32c(data, size));
}

/* Reads every whole record from the beginning. */
static void read_bytes(const unsigned char *data, size_t size, reading *r)
{
    size_t at = 0;
    *r = (reading){.size = size};
    while (size - at >= HEAD_BYTES) {
        uint64_t length = little_endian(data + at, 8);
        check_sum(data + at, 8, data + at + 8);
        if (size - at < HEAD_BYTES + length + TAIL_BYTES)
            break;
        const unsigned char *body = data + at + HEAD_BYTES;
        check_sum(body, length, body + length);
        assert_true(r->count < MOST_EVENTS);
        r->events[r->count] = tb__event__unpack(NULL, length, body);
        assert_non_null(r->events[r->count]);
        at += HEAD_BYTES + length + TAIL_BYTES;
        r->ends[r->count++] = at;
    }
}

static char *path_of(const event_file *f)
{
    return text_format("%s/%s", directory, event_file_name(f));
}

static void read_file(const event_file *f, reading *r)
{
    error err;
    unsigned char *data;
    size_t size;
    char *path = path_of(f);
    CHECK_OK(file_read(path, MOST_BYTES, &data, &size, &err));
    read_bytes(data, size, r);
    free(data);
    free(path);
}

/* The value of an event that has only one. */
static const Tb__Value *value_of(const reading *r, size_t i, int64_t step, const char *tag)
{
    assert_true(i < r->count);
    const Tb__Event *e = r->events[i];
    assert_true(e->has_step);
    assert_int_equal(e->step, step);
    assert_non_null(e->summary);
    assert_int_equal(e->summary->n_value, 1);
    assert_string_equal(e->summary->value[0]->tag, tag);
    return e->summary->value[0];
}

static void free_reading(reading *r)
{
    for (size_t i = 0; i < r->count; i++)
        tb__event__free_unpacked(r->events[i], NULL);
}

static event_file *create(void)
{
    error err;
    event_file *f;
    CHECK_OK(event_file_create(directory, &f, &err));
    return f;
}

/* ---- The tests ---- */

/* The first record tells readers which format follows. It is written at once, and starts with the
 * same bytes in every event file of TensorFlow. */
static void test_version(void **state)
{
    (void)state;
    error err;
    reading r;
    unsigned char *data;
    size_t size;
    double before = (double)time(NULL);
    event_file *f = create();
    char *path = path_of(f);
    CHECK_OK(file_read(path, MOST_BYTES, &data, &size, &err));
    assert_memory_equal(data, "\x18\0\0\0\0\0\0\0\xa3\x7fK\"", 12);
    read_bytes(data, size, &r);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.events[0]->file_version, "brain.Event:2");
    assert_in_range((uint64_t)(r.events[0]->wall_time - before + 1), 0, 60);
    free_reading(&r);
    free(data);
    free(path);
    event_file_close(f);
}

static void test_scalars(void **state)
{
    (void)state;
    error err;
    reading r;
    event_file *f = create();
    CHECK_OK(event_file_scalar(f, 0, "loss", 0, &err));
    CHECK_OK(event_file_scalar(f, UINT64_C(1) << 40, "validation/fine_top1", -0.1, &err));
    CHECK_OK(event_file_scalar(f, 7, "loss", NAN, &err));
    CHECK_OK(event_file_flush(f, &err));
    read_file(f, &r);
    assert_int_equal(r.count, 4);
    const Tb__Value *zero = value_of(&r, 1, 0, "loss");
    assert_true(zero->has_simple_value && zero->simple_value == 0);
    assert_true(value_of(&r, 2, INT64_C(1) << 40, "validation/fine_top1")->simple_value == -0.1f);
    assert_true(isnan(value_of(&r, 3, 7, "loss")->simple_value));
    for (size_t i = 1; i < r.count; i++)
        assert_true(r.events[i]->wall_time >= r.events[i - 1]->wall_time);
    free_reading(&r);
    event_file_close(f);
}

static void test_resume(void **state)
{
    (void)state;
    error err;
    reading r;
    event_file *f = create();
    CHECK_OK(event_file_resume(f, 41, &err));
    CHECK_OK(event_file_flush(f, &err));
    read_file(f, &r);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.events[1]->step, 42);
    assert_int_equal(r.events[1]->session_log->status, TB__SESSION_LOG__STATUS__START);
    free_reading(&r);
    event_file_close(f);
}

static void test_image_and_histogram(void **state)
{
    (void)state;
    static const unsigned char png[] = "\x89PNG, not really";
    static const float values[] = {-1, 2, 2};
    error err;
    reading r;
    histogram h, none;
    event_file *f = create();
    histogram_of(values, 3, &h);
    histogram_of(values, 0, &none);
    CHECK_OK(event_file_image(f, 3, "inputs", 20, 10, png, sizeof png, &err));
    CHECK_OK(event_file_histogram(f, 4, "weights/conv1", &h, &err));
    CHECK_OK(event_file_histogram(f, 4, "none", &none, &err));
    CHECK_OK(event_file_flush(f, &err));
    read_file(f, &r);
    const Tb__Image *image = value_of(&r, 1, 3, "inputs")->image;
    assert_non_null(image);
    assert_int_equal(image->width, 20);
    assert_int_equal(image->height, 10);
    assert_int_equal(image->colorspace, 3);
    assert_int_equal(image->encoded_image_string.len, sizeof png);
    assert_memory_equal(image->encoded_image_string.data, png, sizeof png);
    const Tb__Histogram *histo = value_of(&r, 2, 4, "weights/conv1")->histo;
    assert_non_null(histo);
    assert_true(histo->min == -1 && histo->max == 2 && histo->num == 3);
    assert_true(histo->sum == 3 && histo->sum_squares == 9);
    assert_int_equal(histo->n_bucket, h.buckets);
    assert_int_equal(histo->n_bucket_limit, h.buckets);
    assert_memory_equal(histo->bucket, h.counts, h.buckets * sizeof *h.counts);
    assert_memory_equal(histo->bucket_limit, h.limits, h.buckets * sizeof *h.limits);
    assert_int_equal(value_of(&r, 3, 4, "none")->histo->n_bucket, 0);
    free_reading(&r);
    event_file_close(f);
}

/* The message in a value's metadata. */
static Tb__HParams *hparams_of(const Tb__Value *v)
{
    assert_string_equal(v->metadata->plugin_data->plugin_name, "hparams");
    const ProtobufCBinaryData *content = &v->metadata->plugin_data->content;
    Tb__HParams *message = tb__hparams__unpack(NULL, content->len, content->data);
    assert_non_null(message);
    assert_true(message->has_version && message->version == 0);
    return message;
}

static void check_experiment(const Tb__Value *v)
{
    Tb__HParams *message = hparams_of(v);
    const Tb__Experiment *e = message->experiment;
    static const struct {
        const char *name;
        Tb__HParamInfo__Type type;
    } want[] = {
        {"backbone", TB__HPARAM_INFO__TYPE__STRING}, {"lr", TB__HPARAM_INFO__TYPE__FLOAT64},
        {"epochs", TB__HPARAM_INFO__TYPE__FLOAT64},  {"nesterov", TB__HPARAM_INFO__TYPE__BOOL},
        {"weights", TB__HPARAM_INFO__TYPE__STRING},
    };
    assert_int_equal(e->n_hparam_infos, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(e->hparam_infos[i]->name, want[i].name);
        assert_int_equal(e->hparam_infos[i]->type, want[i].type);
    }
    assert_int_equal(e->n_metric_infos, 2);
    assert_string_equal(e->metric_infos[0]->name->tag, "validation/loss");
    assert_string_equal(e->metric_infos[1]->name->tag, "test/fine_top1");
    tb__hparams__free_unpacked(message, NULL);
}

static void check_start(const Tb__Value *v)
{
    Tb__HParams *message = hparams_of(v);
    const Tb__SessionStart *start = message->session_start_info;
    assert_int_equal(start->n_hparams, 4);
    assert_string_equal(start->hparams[0]->key, "backbone");
    assert_string_equal(start->hparams[0]->value->string_value, "tiny");
    assert_string_equal(start->hparams[1]->key, "lr");
    assert_true(start->hparams[1]->value->number_value == 0.1);
    assert_true(start->hparams[2]->value->number_value == 3);
    assert_true(start->hparams[3]->value->has_bool_value);
    assert_false(start->hparams[3]->value->bool_value);
    assert_true(start->start_time_secs > 1e9);
    tb__hparams__free_unpacked(message, NULL);
}

static void check_end(const Tb__Value *v)
{
    Tb__HParams *message = hparams_of(v);
    assert_int_equal(message->session_end_info->status, TB__SESSION_END__STATUS__SUCCESS);
    assert_true(message->session_end_info->end_time_secs > 1e9);
    tb__hparams__free_unpacked(message, NULL);
}

static void test_hyperparameters(void **state)
{
    (void)state;
    static const char *const metrics[] = {"validation/loss", "test/fine_top1"};
    error err;
    reading r;
    event_file *f = create();
    json_t *config = json_pack("{s:s, s:f, s:i, s:b, s:n}", "backbone", "tiny", "lr", 0.1, "epochs",
                               3, "nesterov", 0, "weights");
    assert_non_null(config);
    CHECK_OK(event_file_hyperparameters(f, config, metrics, 2, &err));
    CHECK_OK(event_file_end(f, &err));
    CHECK_OK(event_file_flush(f, &err));
    json_decref(config);
    read_file(f, &r);
    assert_int_equal(r.count, 4);
    check_experiment(value_of(&r, 1, 0, HPARAMS_EXPERIMENT_TAG));
    check_start(value_of(&r, 2, 0, HPARAMS_START_TAG));
    check_end(value_of(&r, 3, 0, HPARAMS_END_TAG));
    free_reading(&r);
    event_file_close(f);
}

/* Names contain the host and the process, and sort in the order in which the files were created. */
static void test_names(void **state)
{
    (void)state;
    event_file *first = create(), *second = create();
    char host[256] = "", process[300];
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    snprintf(process, sizeof process, ".%s.%ld.0", host, (long)getpid());
    assert_memory_equal(event_file_name(first), "events.out.tfevents.", 20);
    assert_non_null(strstr(event_file_name(first), process));
    assert_true(strcmp(event_file_name(first), event_file_name(second)) < 0);
    event_file_close(second);
    event_file_close(first);
}

/* Whatever the clock says, names have ten digits, and the next file sorts after those before it. */
static void test_clocks(void **state)
{
    (void)state;
    static const time_t times[] = {-86400 * 365, -1, 0, 7, 999999999, 9999999999, 253402300800};
    char last[300] = "";
    error err;
    char *own = text_format("%s/clocks", directory);
    CHECK_OK(file_make_directory(own, &err));
    clock_is_wrong = true;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        event_file *f;
        wrong_time = times[i];
        CHECK_OK(event_file_create(own, &f, &err));
        assert_int_equal(strspn(event_file_name(f) + 20, "0123456789"), 10);
        assert_true(strcmp(last, event_file_name(f)) < 0);
        snprintf(last, sizeof last, "%s", event_file_name(f));
        event_file_close(f);
    }
    clock_is_wrong = false;
    free(own);
}

/* Nothing is written before the flush, and then everything in one write. Large records are written
 * earlier, as whole records. */
static void test_writes(void **state)
{
    (void)state;
    enum { BIG = 50000 };
    static const unsigned char big[BIG];
    error err;
    reading r;
    event_file *f = create();
    writes = 0;
    for (uint64_t step = 1; step <= 10; step++)
        CHECK_OK(event_file_scalar(f, step, "loss", 1, &err));
    read_file(f, &r);
    assert_int_equal(r.count, 1);
    free_reading(&r);
    assert_int_equal(writes, 0);
    CHECK_OK(event_file_flush(f, &err));
    CHECK_OK(event_file_flush(f, &err));
    assert_int_equal(writes, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(event_file_image(f, 11, "big", 1, 1, big, BIG, &err));
        read_file(f, &r);
        assert_int_equal(r.count, 11 + i);
        assert_int_equal(r.ends[r.count - 1], r.size);
        free_reading(&r);
    }
    event_file_close(f); /* flushes too */
    assert_int_equal(writes, 4);
}

/* In a file that is cut anywhere, the records before the cut are intact. */
static void test_cut(void **state)
{
    (void)state;
    error err;
    reading whole, cut;
    unsigned char *data;
    size_t size;
    event_file *f = create();
    CHECK_OK(event_file_scalar(f, 1, "loss", 1, &err));
    CHECK_OK(event_file_scalar(f, 2, "loss", 2, &err));
    CHECK_OK(event_file_flush(f, &err));
    char *path = path_of(f);
    CHECK_OK(file_read(path, MOST_BYTES, &data, &size, &err));
    read_bytes(data, size, &whole);
    for (size_t kept = 0; kept <= size; kept++) {
        read_bytes(data, kept, &cut);
        size_t want = 0;
        while (want < whole.count && whole.ends[want] <= kept)
            want++;
        assert_int_equal(cut.count, want);
        free_reading(&cut);
    }
    assert_int_equal(whole.count, 3);
    assert_int_equal(whole.ends[2], size);
    free_reading(&whole);
    free(data);
    free(path);
    event_file_close(f);
}

/* If the disk is full, the error names the file, no partial record is left, and writing works again
 * later. */
static void test_full_disk(void **state)
{
    (void)state;
    error err;
    reading r;
    event_file *f = create();
    CHECK_OK(event_file_scalar(f, 1, "loss", 1, &err));
    disk_has = 10;
    CHECK_FAILS(STATUS_FAILED, event_file_name(f), event_file_flush(f, &err));
    assert_non_null(strstr(err.message, strerror(ENOSPC)));
    read_file(f, &r);
    assert_int_equal(r.ends[r.count - 1], r.size);
    assert_int_equal(r.count, 1);
    free_reading(&r);
    disk_has = SIZE_MAX;
    CHECK_OK(event_file_scalar(f, 2, "loss", 2, &err));
    CHECK_OK(event_file_flush(f, &err));
    read_file(f, &r);
    assert_int_equal(r.count, 3);
    value_of(&r, 1, 1, "loss");
    value_of(&r, 2, 2, "loss");
    free_reading(&r);
    event_file_close(f);
}

static void test_no_directory(void **state)
{
    (void)state;
    error err;
    event_file *f;
    char *path = text_format("%s/no/such", directory);
    CHECK_FAILS(STATUS_FAILED, path, event_file_create(path, &f, &err));
    assert_null(f);
    event_file_close(NULL);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),         cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_resume),          cmocka_unit_test(test_image_and_histogram),
        cmocka_unit_test(test_hyperparameters), cmocka_unit_test(test_names),
        cmocka_unit_test(test_writes),          cmocka_unit_test(test_cut),
        cmocka_unit_test(test_full_disk),       cmocka_unit_test(test_no_directory),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests_name("event_file", tests, set_up, support_files_tear_down);
}
