/* SPDX-License-Identifier: Apache-2.0 */
/* Event files; see event_file.h. A record is, in little-endian order: the length of its data in 8
 * bytes, the masked CRC-32C of these 8 bytes, the data, and the masked CRC-32C of the data. Records
 * are kept in memory until they are flushed or there are many, and no write begins or ends within a
 * record, so that what a kill leaves can be read. */
#include "track/event_file.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/text.h"
#include "track/event.pb-c.h"
#include "track/run_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LENGTH_BYTES = 8,
    CRC_BYTES = 4,
    FRAME_BYTES = LENGTH_BYTES + 2 * CRC_BYTES,
    MOST_PENDING = 1 << 16, /* bytes */
    HOST_BYTES = 256,
    MOST_NUMBERS = 1000, /* names to try */
    CHANNELS = 3,
};

/* The last second with ten digits, which all names have, so that they sort like their numbers. */
static const unsigned long long most_seconds = 9999999999;

struct event_file {
    int file;
    char *path;
    const char *name; /* within path */
    unsigned char *pending;
    size_t used, capacity;
    off_t written;
};

/* ---- Records ---- */

static void put_little_endian(unsigned char *to, uint64_t value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

/* The format stores checksums masked, because a checksum over data that contains checksums is worth
 * little. */
static uint32_t masked_crc(const void *data, size_t size)
{
    uint32_t crc = crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static status write_all(event_file *f, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(f->file, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return STATUS_FAILED;
        bytes += done;
        size -= (size_t)done;
    }
    return STATUS_OK;
}

status event_file_flush(event_file *f, error *err)
{
    if (!f || f->used == 0)
        return STATUS_OK;
    if (write_all(f, f->pending, f->used) != STATUS_OK) {
        int reason = errno;
        /* An incomplete record would hide all records after it. */
        if (ftruncate(f->file, f->written) != 0)
            f->used = 0;
        errno = reason;
        return file_write_error(err, f->path, errno);
    }
    f->written += (off_t)f->used;
    f->used = 0;
    return STATUS_OK;
}

static status reserve(event_file *f, size_t size, error *err)
{
    if (f->used > 0 && f->used + size > MOST_PENDING)
        TRY(event_file_flush(f, err));
    if (f->used + size <= f->capacity)
        return STATUS_OK;
    unsigned char *grown = realloc(f->pending, f->used + size);
    TRY(got_memory(grown, err, f->path));
    f->pending = grown;
    f->capacity = f->used + size;
    return STATUS_OK;
}

static status put_event(event_file *f, Tb__Event *event, error *err)
{
    if (!f)
        return STATUS_OK;
    event->has_wall_time = 1;
    event->wall_time = run_store_now();
    size_t size = tb__event__get_packed_size(event);
    TRY(reserve(f, size + FRAME_BYTES, err));
    unsigned char *length = f->pending + f->used;
    unsigned char *data = length + LENGTH_BYTES + CRC_BYTES;
    put_little_endian(length, size, LENGTH_BYTES);
    put_little_endian(length + LENGTH_BYTES, masked_crc(length, LENGTH_BYTES), CRC_BYTES);
    tb__event__pack(event, data);
    put_little_endian(data + size, masked_crc(data, size), CRC_BYTES);
    f->used += size + FRAME_BYTES;
    return STATUS_OK;
}

static status put_value(event_file *f, uint64_t step, const char *tag, Tb__Value *value, error *err)
{
    Tb__Event event = TB__EVENT__INIT;
    Tb__Summary summary = TB__SUMMARY__INIT;
    value->tag = (char *)tag;
    summary.n_value = 1;
    summary.value = &value;
    event.has_step = 1;
    event.step = (int64_t)step;
    event.summary = &summary;
    return put_event(f, &event, err);
}

/* ---- The file ---- */

/* Makes *chosen later than the second in the name of an event file. */
static status go_after(void *context, const char *name, const char *path, error *err)
{
    unsigned long long *chosen = context;
    const char *digits = text_after(name, EVENT_FILE_BEGINS);
    unsigned long long seconds = digits ? strtoull(digits, NULL, 10) : 0;
    (void)path, (void)err;
    if (seconds >= *chosen && seconds < most_seconds)
        *chosen = seconds + 1;
    return STATUS_OK;
}

/* The current second, or the one after the newest existing file if that is later: readers take the
 * files of a run in the order of their names, and a clock may be set back, even to before 1970. */
static status choose_seconds(const char *directory, unsigned long long *chosen, error *err)
{
    time_t now = time(NULL);
    *chosen = now > 0 ? (unsigned long long)now : 0;
    *chosen = *chosen < most_seconds ? *chosen : most_seconds;
    return file_each(directory, go_after, chosen, err);
}

static status open_new(event_file *f, const char *directory, error *err)
{
    char host[HOST_BYTES];
    unsigned long long seconds;
    TRY(choose_seconds(directory, &seconds, err));
    if (gethostname(host, sizeof host) != 0)
        strcpy(host, "localhost");
    host[sizeof host - 1] = '\0';
    for (int number = 0; number < MOST_NUMBERS; number++) {
        free(f->path);
        f->path = text_format("%s/" EVENT_FILE_BEGINS "%010llu.%s.%ld.%d", directory, seconds, host,
                              (long)getpid(), number);
        TRY(got_memory(f->path, err, directory));
        f->name = f->path + strlen(directory) + 1;
        f->file = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (f->file >= 0 || errno != EEXIST)
            break;
    }
    return f->file >= 0 ? STATUS_OK : file_write_error(err, f->path, errno);
}

static status put_version(event_file *f, error *err)
{
    Tb__Event event = TB__EVENT__INIT;
    event.file_version = (char *)"brain.Event:2";
    TRY(put_event(f, &event, err));
    return event_file_flush(f, err);
}

status event_file_create(const char *directory, event_file **made, error *err)
{
    *made = NULL;
    event_file *f = calloc(1, sizeof *f);
    TRY(got_memory(f, err, directory));
    f->file = -1;
    status result;
    TRY_OR_DONE(open_new(f, directory, err));
    TRY_OR_DONE(put_version(f, err));
    *made = f;
    return STATUS_OK;
done:
    event_file_close(f);
    return result;
}

const char *event_file_name(const event_file *f)
{
    return f->name;
}

void event_file_close(event_file *f)
{
    if (!f)
        return;
    if (f->file >= 0) {
        error ignored;
        event_file_flush(f, &ignored);
        close(f->file);
    }
    free(f->pending);
    free(f->path);
    free(f);
}

status event_file_resume(event_file *f, uint64_t step, error *err)
{
    Tb__Event event = TB__EVENT__INIT;
    Tb__SessionLog log = TB__SESSION_LOG__INIT;
    log.has_status = 1;
    log.status = TB__SESSION_LOG__STATUS__START;
    event.has_step = 1;
    event.step = (int64_t)step + 1;
    event.session_log = &log;
    return put_event(f, &event, err);
}

/* ---- Values ---- */

status event_file_scalar(event_file *f, uint64_t step, const char *tag, double value, error *err)
{
    Tb__Value v = TB__VALUE__INIT;
    v.has_simple_value = 1;
    v.simple_value = (float)value;
    return put_value(f, step, tag, &v, err);
}

status event_file_image(event_file *f, uint64_t step, const char *tag, int width, int height,
                        const unsigned char *png, size_t size, error *err)
{
    Tb__Value v = TB__VALUE__INIT;
    Tb__Image image = TB__IMAGE__INIT;
    image.has_width = image.has_height = image.has_colorspace = 1;
    image.width = width;
    image.height = height;
    image.colorspace = CHANNELS;
    image.has_encoded_image_string = 1;
    image.encoded_image_string = (ProtobufCBinaryData){size, (unsigned char *)png};
    v.image = &image;
    return put_value(f, step, tag, &v, err);
}

status event_file_histogram(event_file *f, uint64_t step, const char *tag, const histogram *h,
                            error *err)
{
    Tb__Value v = TB__VALUE__INIT;
    Tb__Histogram histo = TB__HISTOGRAM__INIT;
    histo.has_min = histo.has_max = histo.has_num = histo.has_sum = histo.has_sum_squares = 1;
    histo.min = h->min;
    histo.max = h->max;
    histo.num = h->count;
    histo.sum = h->sum;
    histo.sum_squares = h->sum_squares;
    histo.n_bucket_limit = histo.n_bucket = h->buckets;
    histo.bucket_limit = (double *)h->limits;
    histo.bucket = (double *)h->counts;
    v.histo = &histo;
    return put_value(f, step, tag, &v, err);
}

/* ---- TensorBoard's HParams page, from a run's configuration ---- */

/* The messages borrow all that they point to, so that only the blocks of memory that contain them
 * have to be freed. */
static const char what[] = "the hyper-parameters of an event file";

/* Writes a value that has only metadata, which is what readers look at. */
static status put_hparams(event_file *f, const char *tag, Tb__HParams *message, error *err)
{
    Tb__Value v = TB__VALUE__INIT;
    Tb__Metadata metadata = TB__METADATA__INIT;
    Tb__PluginData plugin = TB__PLUGIN_DATA__INIT;
    message->has_version = 1;
    size_t size = tb__hparams__get_packed_size(message);
    unsigned char *data = malloc(size);
    TRY(got_memory(data, err, what));
    tb__hparams__pack(message, data);
    plugin.plugin_name = (char *)"hparams";
    plugin.has_content = 1;
    plugin.content = (ProtobufCBinaryData){size, data};
    metadata.plugin_data = &plugin;
    v.metadata = &metadata;
    status result = put_value(f, 0, tag, &v, err);
    free(data);
    return result;
}

/* What the messages say about a parameter, and about a metric. */
typedef struct parameter_parts {
    Tb__HParamInfo info;
    Tb__HParamsEntry entry;
    Tb__AnyValue value;
} parameter_parts;

typedef struct metric_parts {
    Tb__MetricInfo info;
    Tb__MetricName name;
} metric_parts;

/* Sets the value and returns its type; *there is false for a null. */
static Tb__HParamInfo__Type set_value(Tb__AnyValue *to, const json_t *value, bool *there)
{
    *there = true;
    if (json_is_boolean(value)) {
        to->has_bool_value = 1;
        to->bool_value = json_is_true(value);
        return TB__HPARAM_INFO__TYPE__BOOL;
    }
    if (json_is_number(value)) {
        to->has_number_value = 1;
        to->number_value = json_number_value(value);
        return TB__HPARAM_INFO__TYPE__FLOAT64;
    }
    to->string_value = (char *)json_string_value(value);
    *there = to->string_value;
    return TB__HPARAM_INFO__TYPE__STRING;
}

/* Fills in the parameters. p, e and start have room for all members of config. */
static void list_parameters(const json_t *config, parameter_parts *p, Tb__Experiment *e,
                            Tb__SessionStart *start)
{
    const char *key;
    json_t *value;
    bool there;
    json_object_foreach((json_t *)config, key, value)
    {
        *p = (parameter_parts){TB__HPARAM_INFO__INIT, TB__HPARAMS_ENTRY__INIT, TB__ANY_VALUE__INIT};
        p->info.name = p->entry.key = (char *)key;
        p->info.has_type = 1;
        p->info.type = set_value(&p->value, value, &there);
        p->entry.value = &p->value;
        e->hparam_infos[e->n_hparam_infos++] = &p->info;
        if (there)
            start->hparams[start->n_hparams++] = &p->entry;
        p++;
    }
}

static void list_metrics(const char *const *metrics, size_t count, metric_parts *m,
                         Tb__Experiment *e)
{
    for (size_t i = 0; i < count; i++, m++) {
        *m = (metric_parts){TB__METRIC_INFO__INIT, TB__METRIC_NAME__INIT};
        m->name.tag = (char *)metrics[i];
        m->info.name = &m->name;
        e->metric_infos[e->n_metric_infos++] = &m->info;
    }
}

status event_file_hyperparameters(event_file *f, const json_t *config, const char *const *metrics,
                                  size_t metric_count, error *err)
{
    size_t count = json_object_size(config) + 1;
    Tb__Experiment e = TB__EXPERIMENT__INIT;
    Tb__SessionStart start = TB__SESSION_START__INIT;
    Tb__HParams first = TB__HPARAMS__INIT, second = TB__HPARAMS__INIT;
    parameter_parts *parameters = calloc(count, sizeof *parameters);
    metric_parts *shown = calloc(metric_count + 1, sizeof *shown);
    status result;
    e.hparam_infos = calloc(count, sizeof(Tb__HParamInfo *));
    e.metric_infos = calloc(metric_count + 1, sizeof(Tb__MetricInfo *));
    start.hparams = calloc(count, sizeof(Tb__HParamsEntry *));
    TRY_OR_DONE(got_memory(parameters && shown && e.hparam_infos && e.metric_infos && start.hparams,
                           err, what));
    list_parameters(config, parameters, &e, &start);
    list_metrics(metrics, metric_count, shown, &e);
    e.has_time_created_secs = start.has_start_time_secs = 1;
    e.time_created_secs = start.start_time_secs = run_store_now();
    first.experiment = &e;
    second.session_start_info = &start;
    TRY_OR_DONE(put_hparams(f, HPARAMS_EXPERIMENT_TAG, &first, err));
    result = put_hparams(f, HPARAMS_START_TAG, &second, err);
done:
    free(start.hparams);
    free(e.metric_infos);
    free(e.hparam_infos);
    free(shown);
    free(parameters);
    return result;
}

status event_file_end(event_file *f, error *err)
{
    Tb__HParams message = TB__HPARAMS__INIT;
    Tb__SessionEnd end = TB__SESSION_END__INIT;
    end.has_status = 1;
    end.status = TB__SESSION_END__STATUS__SUCCESS;
    end.has_end_time_secs = 1;
    end.end_time_secs = run_store_now();
    message.session_end_info = &end;
    return put_hparams(f, HPARAMS_END_TAG, &message, err);
}
