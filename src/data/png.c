/* SPDX-License-Identifier: Apache-2.0 */
/* Walks through the chunks of a PNG file (RFC 2083); see png.h. */
#include "data/png.h"

#include <string.h>
#include <zlib.h>

enum {
    SIGNATURE = 8,
    HEAD = 8,     /* bytes of a chunk's length and type, before its data */
    CHECKSUM = 4, /* bytes of its checksum, after its data */
    HEADER = 13,  /* bytes of the chunk IHDR; the next three are offsets in it */
    DEPTH_AT = 8,
    COLOUR_AT = 9,
    INTERLACE_AT = 12,
    DEFLATE_RATIO = 1032, /* deflate makes at most this many bytes of one */
    BLOCK_BYTES = 1 << 15,
    SPARED_BYTES = 4 << 20, /* a file is not inflated if it cannot become more than this, */
    SPARED_RATIO = 4,       /* or than this many times its rows */
};

/* What matters here of a file in memory. */
typedef struct contents {
    const unsigned char *header; /* the HEADER bytes of IHDR; NULL if there are none */
    size_t compressed;           /* bytes of all chunks IDAT together */
    bool bare;                   /* they are raw deflate, without the header and checksum of zlib */
} contents;

bool png_begins(const unsigned char *data, size_t size)
{
    return size >= SIGNATURE && memcmp(data, "\x89PNG\r\n\x1a\n", SIGNATURE) == 0;
}

static bool is_known(const unsigned char type[4])
{
    enum { OPTIONAL = 0x20 }; /* first letter: may be skipped */
    static const char known[][5] = {"CgBI", "IHDR", "PLTE", "tRNS", "IDAT", "IEND"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(type, known[i], 4) == 0)
            return true;
    return type[0] & OPTIONAL;
}

static status cut_short(const char *path, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: cannot be decoded: it is cut short; download or save it again", path);
}

static size_t length_of(const unsigned char head[4])
{
    return (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

static status check_from(FILE *stream, size_t at, size_t size, const char *last, const char *path,
                         error *err)
{
    unsigned char head[HEAD];
    for (;;) {
        if (fseek(stream, (long)at, SEEK_SET) != 0 ||
            fread(head, 1, sizeof head, stream) < sizeof head)
            return cut_short(path, err);
        if (!is_known(head + 4))
            return error_set(err, STATUS_FAILED,
                             "%s: cannot be decoded: it is damaged at byte %zu, or has an unknown "
                             "PNG chunk there; download or save it again",
                             path, at);
        if (memcmp(head + 4, last, 4) == 0)
            return STATUS_OK;
        size_t length = length_of(head);
        if (length > size - at - HEAD)
            return cut_short(path, err);
        at += HEAD + length + CHECKSUM;
    }
}

status png_check_chunks(FILE *stream, size_t size, const char *last, const char *path, error *err)
{
    unsigned char begin[SIGNATURE];
    size_t got = fread(begin, 1, sizeof begin, stream);
    status result =
        png_begins(begin, got) ? check_from(stream, SIGNATURE, size, last, path, err) : STATUS_OK;
    rewind(stream);
    return result;
}

/* Returns the data of the chunk at byte *at of a file in memory, sets *length to their length and
 * moves *at to the next chunk. NULL at the end. */
static const unsigned char *next_chunk(const unsigned char *data, size_t size, size_t *at,
                                       size_t *length)
{
    const unsigned char *head = data + *at;
    if (*at > size || size - *at < HEAD || memcmp(head + 4, "IEND", 4) == 0)
        return NULL;
    *length = length_of(head);
    if (*length > size - *at - HEAD)
        return NULL;
    *at += HEAD + *length + CHECKSUM;
    return head + HEAD;
}

static bool is_chunk(const unsigned char *chunk, const char *type)
{
    return memcmp(chunk - 4, type, 4) == 0;
}

static contents look_through(const unsigned char *data, size_t size)
{
    contents c = {0};
    size_t at = SIGNATURE, length;
    const unsigned char *chunk;
    while ((chunk = next_chunk(data, size, &at, &length)))
        if (is_chunk(chunk, "IHDR") && !c.header && length >= HEADER)
            c.header = chunk;
        else if (is_chunk(chunk, "IDAT"))
            c.compressed += length;
        else if (is_chunk(chunk, "CgBI"))
            c.bare = true;
    return c;
}

/* Bytes of all rows before compression; each begins with the number of its filter. 0 if the header
 * has no such colour type. An interlaced image is seven images, one after another. */
static size_t rows_size(const unsigned char *header, int width, int height)
{
    static const unsigned char channels[] = {1, 0, 3, 1, 2, 0, 4}; /* by colour type */
    static const struct {
        int x, y, step_x, step_y;
    } passes[] = {{0, 0, 1, 1}, {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8},
                  {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    if (header[COLOUR_AT] >= sizeof channels)
        return 0;
    size_t bits = (size_t)header[DEPTH_AT] * channels[header[COLOUR_AT]], sum = 0;
    int first = header[INTERLACE_AT] ? 1 : 0, last = header[INTERLACE_AT] ? 7 : 0;
    for (int i = first; i <= last; i++) {
        size_t columns = (size_t)((width - passes[i].x + passes[i].step_x - 1) / passes[i].step_x);
        size_t rows = (size_t)((height - passes[i].y + passes[i].step_y - 1) / passes[i].step_y);
        if (columns > 0)
            sum += ((columns * bits + 7) / 8 + 1) * rows;
    }
    return sum;
}

/* Inflates a chunk and drops the result. Returns Z_OK, zlib's error, or Z_DATA_ERROR if the result,
 * with those of the chunks before, exceeds `most` bytes. */
static int inflate_chunk(z_stream *stream, const unsigned char *chunk, size_t length, size_t most,
                         bool *ended)
{
    unsigned char nowhere[BLOCK_BYTES];
    stream->next_in = (unsigned char *)chunk;
    stream->avail_in = (uInt)length;
    do {
        stream->next_out = nowhere;
        stream->avail_out = sizeof nowhere;
        int code = *ended ? Z_STREAM_END : inflate(stream, Z_NO_FLUSH);
        *ended = code == Z_STREAM_END;
        if ((code != Z_OK && code != Z_BUF_ERROR && !*ended) || stream->total_out > most) {
            stream->next_out = NULL;
            return code == Z_MEM_ERROR ? code : Z_DATA_ERROR;
        }
    } while (!*ended && stream->avail_out == 0);
    stream->next_out = NULL;
    return Z_OK;
}

static enum png_contents inflate_all(const unsigned char *data, size_t size, const contents *c,
                                     size_t most)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, c->bare ? -MAX_WBITS : MAX_WBITS) != Z_OK)
        return PNG_NO_MEMORY;
    size_t at = SIGNATURE, length;
    const unsigned char *chunk;
    int code = Z_OK;
    bool ended = false;
    while (code == Z_OK && (chunk = next_chunk(data, size, &at, &length)))
        if (is_chunk(chunk, "IDAT"))
            code = inflate_chunk(&stream, chunk, length, most, &ended);
    inflateEnd(&stream);
    return code == Z_OK ? PNG_WHOLE : code == Z_MEM_ERROR ? PNG_NO_MEMORY : PNG_DAMAGED;
}

enum png_contents png_look(const unsigned char *data, size_t size, int width, int height)
{
    contents c = look_through(data, size);
    size_t rows = c.header ? rows_size(c.header, width, height) : 0;
    size_t possible = DEFLATE_RATIO * c.compressed;
    if (rows == 0 || rows > possible)
        return PNG_TOO_LITTLE;
    bool spared = possible <= SPARED_BYTES || possible <= SPARED_RATIO * rows;
    return spared ? PNG_WHOLE : inflate_all(data, size, &c, rows);
}
