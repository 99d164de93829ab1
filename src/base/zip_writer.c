/* SPDX-License-Identifier: Apache-2.0 */
/* Stored zip archives after PKWARE's APPNOTE.TXT, with its zip64 for what 32 bits cannot hold; see
 * zip_writer.h. */
#include "base/zip_writer.h"
#include "base/array.h"
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    ALIGNMENT = 64,
    LOCAL_BYTES = 30, /* of a member's header, without name and extra fields */
    EXTRA_BYTES = 4,  /* of the head of an extra field: what it is, and its length */
    SIZES_BYTES = 16, /* of two sizes in zip64 */
    PLAIN_VERSION = 20,
    ZIP64_VERSION = 45,
    UNIX = 3 << 8,
    READABLE = 0100644, /* a regular file with mode 0644 */
    FIRST_DAY = 0x21,   /* 1980-01-01 */
    ZIP64_EXTRA = 1,
    PADDING_EXTRA = 0x4246, /* "FB", which PyTorch uses for it too */
    MOST_MEMBERS = UINT16_MAX,
};

/* Where a record of the format is put together. */
typedef struct record {
    unsigned char bytes[256];
    size_t length;
} record;

static void add(record *r, uint64_t number, size_t bytes)
{
    bytes_of_number(number, bytes, r->bytes + r->length);
    r->length += bytes;
}

static void add_name(record *r, const zip_stored *m)
{
    size_t length = strlen(m->name);
    memcpy(r->bytes + r->length, m->name, length);
    r->length += length;
}

/* A number of 32 bits; all are set if the number is in zip64. */
static uint64_t narrow(uint64_t number, bool zip64)
{
    return zip64 ? UINT32_MAX : number;
}

/* What a member's header and its entry in the directory have in common. */
static void add_common(record *r, const zip_stored *m, bool zip64, size_t extra)
{
    add(r, zip64 ? ZIP64_VERSION : PLAIN_VERSION, 2);
    add(r, 0, 2); /* flags */
    add(r, 0, 2); /* stored */
    add(r, 0, 2); /* time */
    add(r, FIRST_DAY, 2);
    add(r, m->sum, 4);
    add(r, narrow(m->size, zip64), 4); /* as stored */
    add(r, narrow(m->size, zip64), 4); /* as it was */
    add(r, strlen(m->name), 2);
    add(r, extra, 2);
}

/* The header's length does not depend on the size, which is not known when it is first written. */
static void make_header(const zip_stored *m, record *r)
{
    size_t fixed = LOCAL_BYTES + strlen(m->name) + EXTRA_BYTES + SIZES_BYTES + EXTRA_BYTES;
    size_t padding = (size_t)(-(m->at + fixed) % ALIGNMENT);
    bool zip64 = m->size >= UINT32_MAX;
    *r = (record){.length = 0};
    add(r, 0x04034b50, 4);
    add_common(r, m, zip64, fixed + padding - LOCAL_BYTES - strlen(m->name));
    add_name(r, m);
    if (zip64) {
        add(r, ZIP64_EXTRA, 2);
        add(r, SIZES_BYTES, 2);
        add(r, m->size, 8);
        add(r, m->size, 8);
    } else {
        padding += EXTRA_BYTES + SIZES_BYTES;
    }
    add(r, PADDING_EXTRA, 2);
    add(r, padding, 2);
    r->length += padding; /* zeros */
}

static void make_entry(const zip_stored *m, record *r)
{
    bool zip64 = m->size >= UINT32_MAX || m->at >= UINT32_MAX;
    *r = (record){.length = 0};
    add(r, 0x02014b50, 4);
    add(r, UNIX | ZIP64_VERSION, 2);
    add_common(r, m, zip64, zip64 ? EXTRA_BYTES + SIZES_BYTES + 8 : 0);
    add(r, 0, 2); /* length of a comment */
    add(r, 0, 2); /* disk */
    add(r, 0, 2); /* internal attributes */
    add(r, (uint64_t)READABLE << 16, 4);
    add(r, narrow(m->at, zip64), 4);
    add_name(r, m);
    if (!zip64)
        return;
    add(r, ZIP64_EXTRA, 2);
    add(r, SIZES_BYTES + 8, 2);
    add(r, m->size, 8);
    add(r, m->size, 8);
    add(r, m->at, 8);
}

/* The directory's own end in zip64, `end` bytes after the start of the file, and where it is. */
static void add_end64(record *r, uint64_t count, uint64_t size, uint64_t at, uint64_t end)
{
    add(r, 0x06064b50, 4);
    add(r, 44, 8); /* size of the rest of this record */
    add(r, UNIX | ZIP64_VERSION, 2);
    add(r, ZIP64_VERSION, 2);
    add(r, 0, 4); /* disks */
    add(r, 0, 4);
    add(r, count, 8);
    add(r, count, 8);
    add(r, size, 8);
    add(r, at, 8);
    add(r, 0x07064b50, 4);
    add(r, 0, 4);
    add(r, end, 8);
    add(r, 1, 4); /* disks */
}

static void make_end(const zip_writer *z, uint64_t at, record *r)
{
    uint64_t size = z->at - at;
    bool zip64 = z->count >= MOST_MEMBERS || size >= UINT32_MAX || at >= UINT32_MAX;
    uint64_t count = zip64 ? MOST_MEMBERS : z->count;
    *r = (record){.length = 0};
    if (zip64)
        add_end64(r, z->count, size, at, z->at);
    add(r, 0x06054b50, 4);
    add(r, 0, 2); /* disks */
    add(r, 0, 2);
    add(r, count, 2);
    add(r, count, 2);
    add(r, narrow(size, zip64), 4);
    add(r, narrow(at, zip64), 4);
    add(r, 0, 2); /* length of a comment */
}

static status put_record(zip_writer *z, const record *r, error *err)
{
    z->at += r->length;
    return file_writer_put(z->out, r->bytes, r->length, err);
}

void zip_writer_open(zip_writer *z, file_writer *out)
{
    *z = (zip_writer){.out = out};
}

status zip_writer_begin(zip_writer *z, const char *name, error *err)
{
    record header;
    TRY(array_grow(&z->members, z->count, sizeof *z->members, z->out->path, err));
    zip_stored *m = &z->members[z->count++];
    *m = (zip_stored){.at = z->at, .sum = (uint32_t)crc32_z(0, NULL, 0)};
    snprintf(m->name, sizeof m->name, "%s", name);
    make_header(m, &header);
    return put_record(z, &header, err);
}

status zip_writer_put(zip_writer *z, const void *bytes, size_t size, error *err)
{
    zip_stored *m = &z->members[z->count - 1];
    m->sum = (uint32_t)crc32_z(m->sum, bytes, size);
    m->size += size;
    z->at += size;
    return file_writer_put(z->out, bytes, size, err);
}

status zip_writer_complete(zip_writer *z, error *err)
{
    record header;
    const zip_stored *m = &z->members[z->count - 1];
    make_header(m, &header);
    return file_writer_replace(z->out, m->at, header.bytes, header.length, err);
}

status zip_writer_add(zip_writer *z, const char *name, const void *bytes, size_t size, error *err)
{
    TRY(zip_writer_begin(z, name, err));
    TRY(zip_writer_put(z, bytes, size, err));
    return zip_writer_complete(z, err);
}

status zip_writer_end(zip_writer *z, error *err)
{
    uint64_t at = z->at;
    record r;
    for (size_t i = 0; i < z->count; i++) {
        make_entry(&z->members[i], &r);
        TRY(put_record(z, &r, err));
    }
    make_end(z, at, &r);
    return put_record(z, &r, err);
}

void zip_writer_close(zip_writer *z)
{
    free(z->members);
    *z = (zip_writer){0};
}
