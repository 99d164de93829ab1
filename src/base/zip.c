/* SPDX-License-Identifier: Apache-2.0 */
/* Reads zip archives with libarchive, which goes through the members in order; see zip.h. */
#include "base/zip.h"
#include "base/array.h"
#include "base/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_BYTES = 1 << 16,
    MAX_MEMBERS = 1 << 18,
    MAX_RATIO = 1032, /* deflate makes at most this many bytes of one */
};

struct zip_file {
    char *path;
    FILE *stream;
    struct archive *reader;
    size_t next;   /* place of the member whose header the reader returns next */
    uint64_t at;   /* bytes already read of the member before it */
    uint64_t most; /* maximum bytes of a member, judged by the size of the file */
    zip_member *members;
    size_t count;
};

static status damaged(const zip_file *z, error *err)
{
    const char *reason = z->reader ? archive_error_string(z->reader) : NULL;
    return error_set(err, STATUS_FAILED,
                     "%s: cannot be read as a zip archive: %s; download it again if it is damaged",
                     z->path, reason ? reason : "it is cut short");
}

/* Makes a new reader, which is before the first member. */
static status rewind_reader(zip_file *z, error *err)
{
    archive_read_free(z->reader);
    z->next = 0;
    z->reader = archive_read_new();
    TRY(got_memory(z->reader, err, z->path));
    archive_read_support_format_zip_seekable(z->reader);
    rewind(z->stream);
    return archive_read_open_fd(z->reader, fileno(z->stream), BLOCK_BYTES) == ARCHIVE_OK
               ? STATUS_OK
               : damaged(z, err);
}

/* *entry is NULL at the end. */
static status next_header(zip_file *z, struct archive_entry **entry, error *err)
{
    int code = archive_read_next_header(z->reader, entry);
    z->next++;
    z->at = 0;
    if (code == ARCHIVE_EOF)
        *entry = NULL;
    else if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
        return damaged(z, err);
    return STATUS_OK;
}

static status append_member(zip_file *z, struct archive_entry *entry, error *err)
{
    const char *name = archive_entry_pathname(entry);
    la_int64_t size = archive_entry_size(entry);
    size_t place = z->next - 1;
    if (!name || archive_entry_filetype(entry) != AE_IFREG)
        return STATUS_OK;
    if (!archive_entry_size_is_set(entry) || size < 0 || (uint64_t)size > z->most)
        return error_set(
            err, STATUS_FAILED,
            "%s: %s claims %lld bytes, more than the file can contain; the file is damaged",
            z->path, name, (long long)size);
    TRY(array_grow(&z->members, z->count, sizeof *z->members, z->path, err));
    zip_member *m = &z->members[z->count];
    *m = (zip_member){.name = strdup(name), .size = (uint64_t)size, .place = place};
    z->count += m->name != NULL;
    return m->name ? STATUS_OK : error_memory(err, z->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const zip_member *)a)->name, ((const zip_member *)b)->name);
}

static status list_members(zip_file *z, error *err)
{
    struct archive_entry *entry;
    TRY(rewind_reader(z, err));
    for (;;) {
        TRY(next_header(z, &entry, err));
        if (!entry)
            break;
        if (z->next > MAX_MEMBERS)
            return error_set(err, STATUS_FAILED, "%s: has more than %d members", z->path,
                             MAX_MEMBERS);
        TRY(append_member(z, entry, err));
    }
    if (z->count > 0)
        qsort(z->members, z->count, sizeof *z->members, by_name);
    for (size_t i = 1; i < z->count; i++)
        if (strcmp(z->members[i - 1].name, z->members[i].name) == 0)
            return error_set(err, STATUS_FAILED,
                             "%s: has two members named %s; the file is damaged", z->path,
                             z->members[i].name);
    return rewind_reader(z, err);
}

status zip_open(const char *path, zip_file **opened, error *err)
{
    size_t size;
    *opened = NULL;
    zip_file *z = calloc(1, sizeof *z);
    status result;
    TRY(got_memory(z, err, path));
    z->path = strdup(path);
    TRY_OR_DONE(got_memory(z->path, err, path));
    TRY_OR_DONE(file_open(path, &z->stream, &size, err));
    z->most = (uint64_t)size * MAX_RATIO;
    TRY_OR_DONE(list_members(z, err));
    *opened = z;
done:
    if (result != STATUS_OK)
        zip_close(z);
    return result;
}

void zip_close(zip_file *z)
{
    if (!z)
        return;
    archive_read_free(z->reader);
    if (z->stream)
        fclose(z->stream);
    for (size_t i = 0; i < z->count; i++)
        free(z->members[i].name);
    free(z->members);
    free(z->path);
    free(z);
}

const zip_member *zip_members(const zip_file *z, size_t *count)
{
    *count = z->count;
    return z->members;
}

const zip_member *zip_find(const zip_file *z, const char *name)
{
    const zip_member key = {.name = (char *)name};
    return z->count ? bsearch(&key, z->members, z->count, sizeof key, by_name) : NULL;
}

static status read_on(zip_file *z, const zip_member *m, size_t size, void *bytes, error *err)
{
    unsigned char *to = bytes;
    while (size > 0) {
        la_ssize_t got = archive_read_data(z->reader, to, size);
        if (got < 0)
            return damaged(z, err);
        if (got == 0)
            return error_set(err, STATUS_FAILED, "%s: %s ends after %llu of %llu bytes", z->path,
                             m->name, (unsigned long long)z->at, (unsigned long long)m->size);
        to += got;
        size -= (size_t)got;
        z->at += (uint64_t)got;
    }
    return STATUS_OK;
}

static status skip_to(zip_file *z, const zip_member *m, uint64_t begin, error *err)
{
    unsigned char skipped[4096];
    struct archive_entry *entry;
    if (z->next > m->place + 1 || (z->next == m->place + 1 && z->at > begin))
        TRY(rewind_reader(z, err));
    while (z->next <= m->place) {
        TRY(next_header(z, &entry, err));
        if (!entry)
            return error_set(err, STATUS_FAILED, "%s: changed while it was being read", z->path);
    }
    while (z->at < begin) {
        uint64_t left = begin - z->at;
        TRY(read_on(z, m, left < sizeof skipped ? (size_t)left : sizeof skipped, skipped, err));
    }
    return STATUS_OK;
}

status zip_read(zip_file *z, const zip_member *m, uint64_t begin, size_t size, void *bytes,
                error *err)
{
    unsigned char beyond;
    TRY(skip_to(z, m, begin, err));
    TRY(read_on(z, m, size, bytes, err));
    /* libarchive compares the checksum only when it is asked to read beyond the end. */
    if (z->at == m->size && archive_read_data(z->reader, &beyond, 1) < 0)
        return damaged(z, err);
    return STATUS_OK;
}
