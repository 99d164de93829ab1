/* SPDX-License-Identifier: Apache-2.0 */
/* Reads zip archives; see zip.h. The format is PKWARE's APPNOTE.TXT, sections 4.3 to 4.5. An
 * archive ends with a directory of its members, which is read once; members are then found by their
 * places. zlib unpacks them. libarchive is not used here, because it goes through all members
 * before the wanted one. A file may come from anyone: nothing in it is trusted before it has been
 * checked against the file's size. */
#include "base/zip.h"
#include "base/array.h"
#include "base/bytes.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    MAX_MEMBERS = 1 << 18,
    MAX_DIRECTORY = 64 << 20, /* bytes */
    MAX_RATIO = 1032,         /* deflate makes at most this many bytes of one */
    BLOCK_BYTES = 1 << 16,
    MAX_NAME = 0xffff,
    MOST_AT_ONCE = 1 << 30, /* bytes that zlib is asked for; it counts in 32 bits */
};
enum { STORED = 0, DEFLATED = 8 };

/* The records of the format: their first four bytes and their sizes without names and the like. */
enum {
    MEMBER = 0x04034b50,
    MEMBER_BYTES = 30,
    ENTRY = 0x02014b50,
    ENTRY_BYTES = 46,
    END = 0x06054b50,
    END_BYTES = 22,
    BIG_END = 0x06064b50,
    BIG_END_BYTES = 56,
    BIG_PLACE = 0x07064b50, /* says where BIG_END is */
    BIG_PLACE_BYTES = 20,
    MAX_COMMENT = 0xffff,
    EXTRA_BIG = 1, /* an entry's extra field with the numbers that do not fit in 32 bits */
};

struct zip_file {
    char *path;
    FILE *stream;
    uint64_t size;
    zip_member *members;
    size_t count;
    const zip_member *unpacked; /* the deflated member whose bytes these are; NULL: none */
    unsigned char *bytes;
};

static status damaged(const zip_file *z, const char *what, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: cannot be read as a zip archive: %s; download it again if it is damaged",
                     z->path, what);
}

static uint32_t u16(const unsigned char *at)
{
    return (uint32_t)number_of_bytes(at, 2);
}

static uint32_t u32(const unsigned char *at)
{
    return (uint32_t)number_of_bytes(at, 4);
}

static uint64_t u64(const unsigned char *at)
{
    return number_of_bytes(at, 8);
}

static status get(const zip_file *z, uint64_t at, void *bytes, size_t size, error *err)
{
    if (at > z->size || size > z->size - at)
        return damaged(z, "a part of it lies outside of the file", err);
    if (fseeko(z->stream, (off_t)at, SEEK_SET) == 0 && fread(bytes, 1, size, z->stream) == size)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: cannot be read: the file was truncated or the disk failed", z->path);
}

/* ---- The directory ---- */

typedef struct directory {
    uint64_t begin, size, entries;
} directory;

/* The numbers of an archive that is too large for the usual record, which begins at `end`. */
static status find_big_end(const zip_file *z, uint64_t end, directory *d, error *err)
{
    unsigned char place[BIG_PLACE_BYTES], record[BIG_END_BYTES];
    if (end < sizeof place)
        return STATUS_OK;
    TRY(get(z, end - sizeof place, place, sizeof place, err));
    if (u32(place) != BIG_PLACE)
        return STATUS_OK;
    TRY(get(z, u64(place + 8), record, sizeof record, err));
    if (u32(record) != BIG_END)
        return damaged(z, "the end of its directory is not where it says", err);
    *d = (directory){u64(record + 48), u64(record + 40), u64(record + 32)};
    return STATUS_OK;
}

/* Whether the record of the end, with its comment, is among these bytes. */
static bool is_end(const unsigned char *bytes, size_t size)
{
    return size >= END_BYTES && u32(bytes) == END && u16(bytes + 20) <= size - END_BYTES;
}

/* The record of the end may have a comment, so it is searched from the file's end. */
static status find_directory(const zip_file *z, directory *d, error *err)
{
    size_t size = END_BYTES + MAX_COMMENT;
    size = z->size < size ? (size_t)z->size : size;
    unsigned char *tail = malloc(size + 1), *end = tail + size;
    TRY(got_memory(tail, err, z->path));
    status result;
    TRY_OR_DONE(get(z, z->size - size, tail, size, err));
    while (end > tail && !is_end(end, (size_t)(tail + size - end)))
        end--;
    if (!is_end(end, (size_t)(tail + size - end)))
        TRY_OR_DONE(damaged(z, "it has no directory, so it is cut short", err));
    *d = (directory){u32(end + 16), u32(end + 12), u16(end + 10)};
    result = find_big_end(z, z->size - (size_t)(tail + size - end), d, err);
done:
    free(tail);
    return result;
}

/* Replaces the numbers that are 2^32 - 1 by those of the extra field: size, packed and place, in
 * this order. */
static status take_extra(const zip_file *z, zip_member *m, const unsigned char *extra, size_t size,
                         error *err)
{
    static const char *const names[] = {"size", "packed size", "place"};
    while (size >= 4 && u16(extra + 2) <= size - 4) {
        size_t length = u16(extra + 2);
        const unsigned char *at = extra + 4, *end = at + length;
        uint64_t *const numbers[] = {&m->size, &m->packed, &m->place};
        for (int i = 0; u16(extra) == EXTRA_BIG && i < 3; i++)
            if (*numbers[i] == UINT32_MAX) {
                if (end - at < 8)
                    return error_set(err, STATUS_FAILED,
                                     "%s: %s: its zip64 field ends before its %s; the file is "
                                     "damaged",
                                     z->path, m->name, names[i]);
                *numbers[i] = u64(at);
                at += 8;
            }
        extra = end;
        size -= 4 + length;
    }
    return STATUS_OK;
}

static status check_size(const zip_file *z, const zip_member *m, error *err)
{
    uint64_t ratio = m->method == DEFLATED ? MAX_RATIO : 1;
    if (m->packed > z->size)
        return error_set(err, STATUS_FAILED,
                         "%s: %s claims to take %llu bytes, more than the file has; the file is "
                         "damaged",
                         z->path, m->name, (unsigned long long)m->packed);
    if (m->size <= m->packed * ratio)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: %s claims %llu bytes, more than the file can contain; the file is "
                     "damaged",
                     z->path, m->name, (unsigned long long)m->size);
}

/* Appends the member of an entry, which has `left` bytes at most; directories are left out. *used:
 * the entry's bytes. */
static status take_entry(zip_file *z, const unsigned char *entry, size_t left, size_t *used,
                         error *err)
{
    if (left < ENTRY_BYTES || u32(entry) != ENTRY)
        return damaged(z, "its directory is damaged", err);
    size_t name = u16(entry + 28), extra = u16(entry + 30);
    *used = ENTRY_BYTES + name + extra + u16(entry + 32);
    if (*used > left)
        return damaged(z, "its directory is damaged", err);
    if (name > 0 && entry[ENTRY_BYTES + name - 1] == '/')
        return STATUS_OK;
    TRY(array_grow(&z->members, z->count, sizeof *z->members, z->path, err));
    zip_member *m = &z->members[z->count];
    *m = (zip_member){.name = strndup((const char *)entry + ENTRY_BYTES, name),
                      .size = u32(entry + 24),
                      .packed = u32(entry + 20),
                      .place = u32(entry + 42),
                      .checksum = u32(entry + 16),
                      .method = (uint16_t)u16(entry + 10),
                      .encrypted = entry[8] & 1};
    TRY(got_memory(m->name, err, z->path));
    z->count++;
    TRY(take_extra(z, m, entry + ENTRY_BYTES + name, extra, err));
    return check_size(z, m, err);
}

static int by_place(const void *a, const void *b)
{
    uint64_t one = ((const zip_member *)a)->place, two = ((const zip_member *)b)->place;
    return (one > two) - (one < two);
}

/* Members that share bytes would be unpacked once each, so that a small file would make unlimited
 * work. The length of a member's header is known only once it is read; find_bytes uses `end`. */
static status find_ends(zip_file *z, error *err)
{
    if (z->count > 0)
        qsort(z->members, z->count, sizeof *z->members, by_place);
    for (size_t i = 0; i < z->count; i++) {
        zip_member *m = &z->members[i];
        m->end = i + 1 < z->count ? m[1].place : z->size;
        if (i + 1 < z->count && m->end - m->place < MEMBER_BYTES + strlen(m->name) + m->packed)
            return error_set(err, STATUS_FAILED,
                             "%s: %s and %s are in the same bytes; the file is damaged", z->path,
                             m->name, m[1].name);
    }
    return STATUS_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const zip_member *)a)->name, ((const zip_member *)b)->name);
}

static status take_entries(zip_file *z, const directory *d, const unsigned char *bytes, error *err)
{
    size_t at = 0, used = 0;
    for (uint64_t i = 0; i < d->entries; i++, at += used)
        TRY(take_entry(z, bytes + at, (size_t)d->size - at, &used, err));
    TRY(find_ends(z, err));
    if (z->count > 0)
        qsort(z->members, z->count, sizeof *z->members, by_name);
    for (size_t i = 1; i < z->count; i++)
        if (strcmp(z->members[i - 1].name, z->members[i].name) == 0)
            return error_set(err, STATUS_FAILED,
                             "%s: has two members named %s; the file is damaged", z->path,
                             z->members[i].name);
    return STATUS_OK;
}

static status list_members(zip_file *z, error *err)
{
    directory d;
    TRY(find_directory(z, &d, err));
    if (d.entries > MAX_MEMBERS || d.size > MAX_DIRECTORY)
        return error_set(err, STATUS_FAILED,
                         "%s: has more than %d members, or a directory of more than %d bytes",
                         z->path, MAX_MEMBERS, MAX_DIRECTORY);
    if (d.size > z->size)
        return damaged(z, "its directory is larger than the file", err);
    unsigned char *bytes = malloc((size_t)d.size + 1);
    TRY(got_memory(bytes, err, z->path));
    bytes[d.size] = '\0'; /* for AddressSanitizer, which takes strndup's argument for a string */
    status result = get(z, d.begin, bytes, (size_t)d.size, err);
    if (result == STATUS_OK)
        result = take_entries(z, &d, bytes, err);
    free(bytes);
    return result;
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
    z->size = size;
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
    if (z->stream)
        fclose(z->stream);
    for (size_t i = 0; i < z->count; i++)
        free(z->members[i].name);
    free(z->members);
    free(z->bytes);
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

/* ---- Members ---- */

static status bad_member(const zip_file *z, const zip_member *m, const char *what, error *err)
{
    return error_set(err, STATUS_FAILED, "%s: %s %s; download it again if it is damaged", z->path,
                     m->name, what);
}

/* Where the member's bytes begin: after its own header, whose length only this header tells. */
static status find_bytes(const zip_file *z, const zip_member *m, uint64_t *begin, error *err)
{
    unsigned char header[MEMBER_BYTES + MAX_NAME];
    size_t name = strlen(m->name);
    if (m->encrypted || (m->method != STORED && m->method != DEFLATED))
        return bad_member(z, m, "is encrypted, or neither stored nor deflated", err);
    TRY(get(z, m->place, header, MEMBER_BYTES + name, err));
    if (u32(header) != MEMBER || u16(header + 26) != name ||
        memcmp(header + MEMBER_BYTES, m->name, name) != 0)
        return bad_member(z, m, "is not where the archive's directory says", err);
    *begin = m->place + MEMBER_BYTES + name + u16(header + 28);
    if (*begin > m->end || m->packed > m->end - *begin)
        return bad_member(z, m, "is cut short", err);
    return STATUS_OK;
}

static status compare_checksum(const zip_file *z, const zip_member *m, uLong sum, error *err)
{
    return sum == m->checksum ? STATUS_OK : bad_member(z, m, "does not match its checksum", err);
}

static status check_stored(const zip_file *z, const zip_member *m, uint64_t begin, error *err)
{
    unsigned char block[BLOCK_BYTES];
    uLong sum = 0;
    size_t size;
    for (uint64_t done = 0; done < m->size; done += size) {
        size = m->size - done < sizeof block ? (size_t)(m->size - done) : sizeof block;
        TRY(get(z, begin + done, block, size, err));
        sum = crc32_z(sum, block, size);
    }
    return compare_checksum(z, m, sum, err);
}

/* Inflates the member, whose packed bytes begin at `at`, to `to`. */
static status inflate_all(const zip_file *z, const zip_member *m, uint64_t at, z_stream *s,
                          unsigned char *to, error *err)
{
    unsigned char block[BLOCK_BYTES];
    uint64_t left = m->packed, room = m->size;
    int code = Z_OK;
    s->next_out = to;
    while (code == Z_OK) {
        if (s->avail_in == 0 && left > 0) {
            s->avail_in = (uInt)(left < sizeof block ? left : sizeof block);
            s->next_in = block;
            TRY(get(z, at + m->packed - left, block, s->avail_in, err));
            left -= s->avail_in;
        }
        if (s->avail_out == 0) {
            s->avail_out = (uInt)(room < MOST_AT_ONCE ? room : MOST_AT_ONCE);
            room -= s->avail_out;
        }
        code = inflate(s, Z_NO_FLUSH);
    }
    if (code != Z_STREAM_END || room > 0 || s->avail_out > 0)
        return bad_member(z, m, "does not unpack to as many bytes as it claims", err);
    return compare_checksum(z, m, crc32_z(0, to, (size_t)m->size), err);
}

/* Unpacks the member to z->bytes if it is not there yet. */
static status unpack(zip_file *z, const zip_member *m, uint64_t at, error *err)
{
    z_stream s = {0};
    if (z->unpacked == m)
        return STATUS_OK;
    z->unpacked = NULL;
    free(z->bytes);
    z->bytes = malloc((size_t)m->size + 1);
    TRY(got_memory(z->bytes, err, z->path));
    TRY(got_memory(inflateInit2(&s, -MAX_WBITS) == Z_OK, err, z->path));
    status result = inflate_all(z, m, at, &s, z->bytes, err);
    inflateEnd(&s);
    z->unpacked = result == STATUS_OK ? m : NULL;
    return result;
}

status zip_unpack(zip_file *z, const zip_member *m, const unsigned char **bytes, error *err)
{
    uint64_t at = 0;
    *bytes = NULL;
    if (m->method != DEFLATED)
        return STATUS_OK;
    TRY(find_bytes(z, m, &at, err));
    TRY(unpack(z, m, at, err));
    *bytes = z->bytes;
    return STATUS_OK;
}

status zip_read(zip_file *z, const zip_member *m, uint64_t begin, size_t size, void *bytes,
                error *err)
{
    zip_member *own = &z->members[m - z->members];
    const unsigned char *unpacked;
    uint64_t at = 0;
    TRY(zip_unpack(z, m, &unpacked, err));
    if (unpacked) {
        memcpy(bytes, unpacked + begin, size);
        return STATUS_OK;
    }
    TRY(find_bytes(z, m, &at, err));
    bool whole = size == m->size;
    if (!whole && !m->checked)
        TRY(check_stored(z, m, at, err));
    TRY(get(z, at + begin, bytes, size, err));
    if (whole)
        TRY(compare_checksum(z, m, crc32_z(0, bytes, size), err));
    own->checked = true;
    return STATUS_OK;
}
