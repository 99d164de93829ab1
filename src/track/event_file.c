/* SPDX-License-Identifier: Apache-2.0 */
/* Event files; see event_file.h. A record is, little endian: the length of its data in 8 bytes, the
 * masked CRC-32C of these, the data, the masked CRC-32C of it. Records are kept until they are
 * flushed or many, and no write begins or ends within one: what a kill leaves can be read. */
#include "track/event_file.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/text.h"
#include "track/event.pb-c.h"
#include "track/run_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_BEGINS "events.out.tfevents."

enum {
    LENGTH_BYTES = 8,
    CRC_BYTES = 4,
    FRAME_BYTES = LENGTH_BYTES + 2 * CRC_BYTES,
    MOST_PENDING = 1 << 16, /* bytes */
    HOST_BYTES = 256,
    MOST_NUMBERS = 1000, /* names to try */
    CHANNELS = 3,
};

/* The last second of ten digits: up to there names sort as their numbers. */
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

/* A sum over bytes that hold their own sum is worth little, so the format stores it turned. */
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
        /* A part of a record would hide all that comes after it. */
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

/* Now, or the second after the newest of the files that are there: readers take the files of a run
 * in the order of their names, and clocks are set back. */
static unsigned long long choose_seconds(const char *directory)
{
    unsigned long long chosen = (unsigned long long)time(NULL);
    DIR *listing = opendir(directory);
    for (const struct dirent *entry; listing && (entry = readdir(listing));) {
        if (strncmp(entry->d_name, NAME_BEGINS, strlen(NAME_BEGINS)) != 0)
            continue;
        unsigned long long seconds = strtoull(entry->d_name + strlen(NAME_BEGINS), NULL, 10);
        if (seconds >= chosen && seconds < most_seconds)
            chosen = seconds + 1;
    }
    if (listing)
        closedir(listing);
    return chosen;
}

static status open_new(event_file *f, const char *directory, error *err)
{
    char host[HOST_BYTES];
    unsigned long long seconds = choose_seconds(directory);
    if (gethostname(host, sizeof host) != 0)
        strcpy(host, "localhost");
    host[sizeof host - 1] = '\0';
    for (int number = 0; number < MOST_NUMBERS; number++) {
        free(f->path);
        f->path = text_format("%s/" NAME_BEGINS "%llu.%s.%ld.%d", directory, seconds, host,
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

/* ---- What goes in ---- */

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

/* A value without a value: readers look at its metadata. */
status event_file_plugin(event_file *f, const char *tag, const char *name, unsigned char *content,
                         size_t size, error *err)
{
    Tb__Value v = TB__VALUE__INIT;
    Tb__Metadata metadata = TB__METADATA__INIT;
    Tb__PluginData plugin = TB__PLUGIN_DATA__INIT;
    plugin.plugin_name = (char *)name;
    plugin.has_content = 1;
    plugin.content = (ProtobufCBinaryData){size, content};
    metadata.plugin_data = &plugin;
    v.metadata = &metadata;
    return put_value(f, 0, tag, &v, err);
}
