/* SPDX-License-Identifier: Apache-2.0 */
/* Reads archives with libarchive; see archive.h. */
#include "data/archive.h"
#include "base/file.h"
#include "base/file_kind.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

/* MOST_BYTES is a few times the size of CIFAR-100 unpacked; archives of it contain nothing else
 * that is large. */
enum { BLOCK_BYTES = 1 << 16, FIRST_BYTES = 1 << 16, MOST_BYTES = 1 << 30 };

/* The member of that name that has not been read yet; NULL if there is none. */
static archive_member *find_member(archive_member *members, int count, const char *path)
{
    const char *slash = strrchr(path, '/');
    for (int i = 0; i < count; i++)
        if (!members[i].data && strcmp(slash ? slash + 1 : path, members[i].name) == 0)
            return &members[i];
    return NULL;
}

static status damaged(const char *path, struct archive *reader, error *err)
{
    const char *reason = archive_error_string(reader);
    return error_set(err, STATUS_FAILED,
                     "%s: cannot be read as a tar archive: %s; download it again if it is damaged",
                     path, reason ? reason : "it is cut short");
}

/* Makes room for the bytes that have arrived, not for what the header claims, which may be
 * anything. One extra byte lets text be used as a string. */
static status make_room(archive_member *m, size_t *capacity, size_t size, error *err)
{
    if (m->data && m->size < *capacity)
        return STATUS_OK;
    *capacity = m->data ? 2 * *capacity : FIRST_BYTES;
    *capacity = *capacity < size ? *capacity : size;
    unsigned char *grown = realloc(m->data, *capacity + 1);
    TRY(got_memory(grown, err, m->name));
    m->data = grown;
    return STATUS_OK;
}

static status read_member(const char *path, struct archive *reader, struct archive_entry *entry,
                          archive_member *member, error *err)
{
    la_int64_t claimed = archive_entry_size(entry);
    size_t size = (size_t)claimed, capacity = 0;
    if (!archive_entry_size_is_set(entry) || claimed < 0 || size > member->limit)
        return error_set(err, STATUS_FAILED, "%s: %s is larger than the %zu bytes expected", path,
                         member->name, member->limit);
    TRY(make_room(member, &capacity, size, err));
    while (member->size < size) {
        TRY(make_room(member, &capacity, size, err));
        la_ssize_t got =
            archive_read_data(reader, member->data + member->size, capacity - member->size);
        if (got < 0)
            return damaged(path, reader, err);
        if (got == 0)
            return error_set(err, STATUS_FAILED, "%s: %s ends after %zu of %zu bytes", path,
                             member->name, member->size, size);
        member->size += (size_t)got;
    }
    member->data[member->size] = '\0';
    return STATUS_OK;
}

/* Skipped members are unpacked too, and a few bytes may become very many. */
static status check_size(const char *path, struct archive *reader, struct archive_entry *entry,
                         error *err)
{
    la_int64_t before = archive_filter_bytes(reader, 0), size = archive_entry_size(entry);
    if (size >= 0 && before >= 0 && size <= MOST_BYTES && before <= MOST_BYTES - size)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: unpacks to more than %d bytes, so it is not CIFAR-100; unpack it "
                     "yourself and name the directory",
                     path, MOST_BYTES);
}

static status read_all(const char *path, struct archive *reader, struct archive_entry *entry,
                       archive_member *members, int count, error *err)
{
    int missing = count;
    while (missing > 0) {
        int code = archive_read_next_header2(reader, entry);
        if (code == ARCHIVE_EOF)
            return STATUS_OK;
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return damaged(path, reader, err);
        TRY(check_size(path, reader, entry, err));
        const char *name = archive_entry_pathname(entry);
        archive_member *wanted = name && archive_entry_filetype(entry) == AE_IFREG
                                     ? find_member(members, count, name)
                                     : NULL;
        if (wanted)
            TRY(read_member(path, reader, entry, wanted, err));
        missing -= wanted != NULL;
    }
    return STATUS_OK;
}

static status read_stream(const char *path, FILE *stream, archive_member *members, int count,
                          error *err)
{
    struct archive *reader = archive_read_new();
    /* The reader's own entry may be NULL if memory is out; libarchive does not report it. */
    struct archive_entry *entry = archive_entry_new();
    status result = got_memory(reader && entry, err, path);
    if (result != STATUS_OK)
        goto done;
    /* Not filter_all, which starts other programs for formats that libarchive does not know. */
    archive_read_support_filter_gzip(reader);
    archive_read_support_filter_xz(reader);
    archive_read_support_format_tar(reader);
    result = archive_read_open_fd(reader, fileno(stream), BLOCK_BYTES) == ARCHIVE_OK
                 ? read_all(path, reader, entry, members, count, err)
                 : damaged(path, reader, err);
done:
    archive_entry_free(entry);
    archive_read_free(reader);
    return result;
}

status archive_read_members(const char *path, archive_member *members, int count, error *err)
{
    FILE *stream;
    size_t size;
    for (int i = 0; i < count; i++) {
        members[i].data = NULL;
        members[i].size = 0;
    }
    const file_kind *kind = file_kind_at(path);
    if (kind && kind->use != FILE_PACKED)
        return error_set(err, STATUS_FAILED,
                         "%s: appears to be %s; expected a .tar.gz, .tar.xz or .tar archive", path,
                         kind->name);
    TRY(file_open(path, &stream, &size, err));
    status result = read_stream(path, stream, members, count, err);
    fclose(stream);
    for (int i = 0; result != STATUS_OK && i < count; i++) {
        free(members[i].data);
        members[i].data = NULL;
    }
    return result;
}
