/* SPDX-License-Identifier: Apache-2.0 */
/* Files about a device; see device_file.h. */
#include "device/device_file.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json_values.h"
#include "base/private_file.h"
#include "base/text.h"
#include "config.h"
#include "device/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, MAX_FILE_BYTES = 4 << 20 };

static json_t *hexadecimal(uint64_t value)
{
    char digits[17];
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)value);
    return json_string(digits);
}

static uint64_t hash_text(uint64_t hash, const char *value)
{
    return hash_more(hash, value, strlen(value) + 1);
}

static uint64_t hash_kernels(uint64_t salt)
{
    uint64_t hash = salt;
    for (const kernel_source *source = kernel_sources; source->name; source++)
        hash = hash_text(hash_text(hash, source->name), source->text);
    return hash;
}

static char *make_path(const device_info *info, const char *kind, const char *variant)
{
    char *directory = file_cache_directory();
    if (!directory)
        return NULL;
    const char *const texts[] = {info->platform_name, info->name, info->version,
                                 info->driver,        variant,    device_type_name(info->type)};
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        hash = hash_text(hash, texts[i]);
    hash = hash_more(hash, &info->compute_units, sizeof info->compute_units);
    char *path = text_format("%s/%s-%016llx.json", directory, kind, (unsigned long long)hash);
    free(directory);
    return path;
}

status device_file_open(const device_info *info, const char *kind, const char *variant,
                        uint64_t salt, device_file *opened, error *err)
{
    opened->path = make_path(info, kind, variant);
    json_watch();
    opened->made_for =
        json_pack("{s:o, s:o, s:o, s:o, s:s, s:i, s:s, s:o}", "platform",
                  text_to_json(info->platform_name), "device", text_to_json(info->name), "version",
                  text_to_json(info->version), "driver", text_to_json(info->driver), "type",
                  device_type_name(info->type), "units", (int)info->compute_units, "program",
                  PACKAGE_VERSION, "kernels", hexadecimal(hash_kernels(salt)));
    return got_memory(opened->made_for && !json_lost_memory(), err, "the file of a device");
}

void device_file_close(device_file *f)
{
    json_decref(f->made_for);
    free(f->path);
    *f = (device_file){0};
}

status device_file_read(const device_file *f, json_t **root, error *err)
{
    unsigned char *data;
    size_t size;
    *root = NULL;
    if (!f->path)
        return STATUS_OK;
    if (private_file_read(f->path, MAX_FILE_BYTES, &data, &size, err) != STATUS_OK)
        return err->shortage ? STATUS_FAILED : STATUS_OK;
    status result =
        json_from_text((const char *)data, size, JSON_REJECT_DUPLICATES, f->path, root, NULL, err);
    free(data);
    if (json_integer_value(json_object_get(*root, "format")) == FORMAT &&
        json_equal(json_object_get(*root, "made_for"), f->made_for))
        return result;
    json_decref(*root);
    *root = NULL;
    return result;
}

static status change_file(const device_file *f, const device_file_change *change, error *err)
{
    json_t *root;
    TRY(device_file_read(f, &root, err));
    json_watch();
    status result = change->merge(change->context, root, err);
    json_decref(root);
    TRY(result);
    root = json_pack("{s:i, s:O}", "format", FORMAT, "made_for", f->made_for);
    root = object_with(root, change->make(change->context));
    char *written;
    TRY(json_to_text(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6), f->path, &written, err));
    result = private_file_write(f->path, written, strlen(written), err);
    free(written);
    return result;
}

static status change_alone(const device_file *f, const char *directory,
                           const device_file_change *change, error *err)
{
    int lock;
    TRY(private_directory_make(directory, err));
    TRY(file_wait_lock(directory, &lock, err));
    status result = change_file(f, change, err);
    file_unlock(lock);
    return result;
}

status device_file_update(const device_file *f, const device_file_change *change, error *err)
{
    if (!f->path)
        return error_set(err, STATUS_FAILED,
                         "there is no cache directory; set XDG_CACHE_HOME or HOME to an absolute "
                         "path");
    char *directory = file_parent(f->path);
    TRY(got_memory(directory, err, f->path));
    status result = change_alone(f, directory, change, err);
    free(directory);
    return result;
}
