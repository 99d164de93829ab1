/* See png.h; the format: RFC 2083. */
#include "data/png.h"

#include <string.h>

enum {
    SIGNATURE = 8,
    HEAD = 8,     /* a chunk's length and type; behind them so many bytes, and */
    CHECKSUM = 4, /* bytes */
    DEPTH_AT = 24,
    COLOUR_AT = 25,
    DEFLATE_RATIO = 1032, /* deflate makes no more bytes of one */
};

bool png_begins(const unsigned char *data, size_t size)
{
    return size >= SIGNATURE && memcmp(data, "\x89PNG\r\n\x1a\n", SIGNATURE) == 0;
}

static bool is_known(const unsigned char type[4])
{
    enum { OPTIONAL = 0x20 }; /* in the first letter: who does not know it may pass over it */
    static const char known[][5] = {"CgBI", "IHDR", "PLTE", "tRNS", "IDAT", "IEND"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(type, known[i], 4) == 0)
            return true;
    return type[0] & OPTIONAL;
}

static status check_chunk(const unsigned char head[HEAD], size_t at, size_t size, size_t *length,
                          const char *path, error *err)
{
    if (!is_known(head + 4))
        return error_set(err, STATUS_FAILED,
                         "%s: cannot be decoded: it is damaged at byte %zu, or has a PNG chunk "
                         "there that nobody knows; fetch or save it again",
                         path, at);
    *length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (*length > size - at - HEAD)
        return error_set(err, STATUS_FAILED,
                         "%s: cannot be decoded: it is cut short; fetch or save it again", path);
    return STATUS_OK;
}

static status check_from(FILE *stream, size_t at, size_t size, const char *last, const char *path,
                         error *err)
{
    unsigned char head[HEAD];
    size_t length = 0;
    bool more = true;
    while (more) {
        if (fseek(stream, (long)at, SEEK_SET) != 0 ||
            fread(head, 1, sizeof head, stream) < sizeof head)
            return error_set(err, STATUS_FAILED,
                             "%s: cannot be decoded: it is cut short; fetch or save it again",
                             path);
        TRY(check_chunk(head, at, size, &length, path, err));
        more = memcmp(head + 4, last, 4) != 0;
        at += HEAD + length + CHECKSUM;
    }
    return STATUS_OK;
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

bool png_can_hold(const unsigned char *data, size_t size, int width, int height)
{
    static const unsigned char channels[] = {1, 0, 3, 1, 2, 0, 4}; /* of the types of colour */
    if (size <= COLOUR_AT || data[COLOUR_AT] >= sizeof channels)
        return false;
    size_t bits = (size_t)width * data[DEPTH_AT] * channels[data[COLOUR_AT]];
    return ((bits + 7) / 8 + 1) * (size_t)height <= DEFLATE_RATIO * size;
}
