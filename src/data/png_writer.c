/* SPDX-License-Identifier: Apache-2.0 */
/* Writes PNG files (RFC 2083) with zlib; see png_writer.h. */
#include "data/png_writer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    CHANNELS = 3,
    SIGNATURE = 8,
    FRAME = 12, /* bytes of a chunk besides its data: length, type and checksum */
    HEADER = 13,
    LEVEL = 6, /* zlib's default: 8 and 9 take several times as long for a percent */
};

/* How a row is filtered: each byte becomes its difference from a prediction, modulo 256. */
enum filter { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH, FILTERS };

static unsigned char *put_u32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (24 - 8 * i));
    return to + 4;
}

/* Completes a chunk whose data is in place, with its head and checksum; returns where the next
 * chunk begins. */
static unsigned char *put_chunk(unsigned char *to, const char type[4], size_t length)
{
    unsigned char *tagged = put_u32(to, (uint32_t)length);
    memcpy(tagged, type, 4);
    return put_u32(tagged + 4 + length, (uint32_t)crc32(0, tagged, (uInt)(4 + length)));
}

/* Whichever of the three is nearest to left + up - corner. */
static int paeth(int left, int up, int corner)
{
    int from_left = abs(up - corner), from_up = abs(left - corner);
    int from_corner = abs(left + up - 2 * corner);
    if (from_left <= from_up && from_left <= from_corner)
        return left;
    return from_up <= from_corner ? up : corner;
}

static int predict(enum filter by, int left, int up, int corner)
{
    switch (by) {
    case FILTER_SUB:
        return left;
    case FILTER_UP:
        return up;
    case FILTER_AVERAGE:
        return (left + up) / 2;
    case FILTER_PAETH:
        return paeth(left, up, corner);
    default:
        return 0;
    }
}

/* Filters a row into `out`; above is the row before it. Returns the sum of the differences as
 * signed bytes: the filter with the smallest sum usually compresses best. */
static long filter_row(enum filter by, const unsigned char *row, const unsigned char *above,
                       size_t bytes, unsigned char *out)
{
    long sum = 0;
    out[0] = (unsigned char)by;
    for (size_t i = 0; i < bytes; i++) {
        int left = i < CHANNELS ? 0 : row[i - CHANNELS];
        int corner = i < CHANNELS ? 0 : above[i - CHANNELS];
        out[1 + i] = (unsigned char)(row[i] - predict(by, left, above[i], corner));
        sum += abs((signed char)out[1 + i]);
    }
    return sum;
}

/* Filters all rows into [height][1 + bytes]. `trial` has 1 + bytes bytes; `zeros` are the row above
 * the first. */
static void filter_rows(const unsigned char *pixels, int height, size_t bytes,
                        const unsigned char *zeros, unsigned char *trial, unsigned char *out)
{
    for (int y = 0; y < height; y++, pixels += bytes, out += 1 + bytes) {
        const unsigned char *above = y == 0 ? zeros : pixels - bytes;
        long best = filter_row(FILTER_NONE, pixels, above, bytes, out);
        for (enum filter by = FILTER_SUB; by < FILTERS; by++) {
            long sum = filter_row(by, pixels, above, bytes, trial);
            if (sum >= best)
                continue;
            best = sum;
            memcpy(out, trial, 1 + bytes);
        }
    }
}

/* Writes everything but the compressed rows, `length` bytes that are already in their place.
 * Returns the size of the file. */
static size_t put_frame(unsigned char *file, int width, int height, size_t length)
{
    static const unsigned char rgb8[] = {8, 2, 0, 0, 0}; /* depth, colours, three methods */
    unsigned char *at = file + SIGNATURE;
    memcpy(file, "\x89PNG\r\n\x1a\n", SIGNATURE);
    memcpy(put_u32(put_u32(at + 8, (uint32_t)width), (uint32_t)height), rgb8, sizeof rgb8);
    at = put_chunk(at, "IHDR", HEADER);
    at = put_chunk(at, "IDAT", length);
    at = put_chunk(at, "IEND", 0);
    return (size_t)(at - file);
}

status png_encode(const unsigned char *pixels, int width, int height, unsigned char **bytes,
                  size_t *size, error *err)
{
    const size_t row = (size_t)width * CHANNELS, rows = (size_t)height * (1 + row);
    const size_t before = SIGNATURE + FRAME + HEADER + 8; /* to the data of IDAT */
    uLongf length = compressBound(rows);
    status result;
    unsigned char *filtered = malloc(rows), *trial = malloc(1 + row), *zeros = calloc(1, row);
    unsigned char *file = malloc(before + length + 2 * (size_t)FRAME);
    *bytes = NULL;
    *size = 0;
    TRY_OR_DONE(got_memory(filtered && trial && zeros && file, err, "a PNG image"));
    filter_rows(pixels, height, row, zeros, trial, filtered);
    if (compress2(file + before, &length, filtered, rows, LEVEL) != Z_OK)
        TRY_OR_DONE(error_memory(err, "a PNG image"));
    *size = put_frame(file, width, height, length);
    *bytes = file;
    file = NULL;
done:
    free(file);
    free(zeros);
    free(trial);
    free(filtered);
    return result;
}
