/* SPDX-License-Identifier: Apache-2.0 */
/* Goes through the segments of a JPEG file as ITU-T T.81, annex B, defines them; see jpeg.h. */
#include "data/jpeg.h"

enum {
    MARK = 0xff,
    CODES = 0xc4, /* DHT */
    RESTART = 0xd0,
    BEGIN = 0xd8,
    END = 0xd9,
    LENGTHS = 16,
    MOST_CODES = 256,
};

bool jpeg_begins(const unsigned char *data, size_t size)
{
    return size > 0 && data[0] == MARK;
}

/* Whether the tables of a segment fit into it. A table has a number, how many codes there are of
 * each length, and their values. */
static bool codes_fit(const unsigned char *at, size_t length)
{
    while (length > 0) {
        size_t codes = 0;
        if (length < 1 + LENGTHS)
            return false;
        for (int i = 0; i < LENGTHS; i++)
            codes += at[1 + i];
        if (codes > MOST_CODES || codes > length - 1 - LENGTHS)
            return false;
        at += 1 + LENGTHS + codes;
        length -= 1 + LENGTHS + codes;
    }
    return true;
}

/* Whether a marker has no segment. 0xff followed by zero is image data, not a marker. */
static bool is_alone(int kind)
{
    return kind == 0 || kind == 1 || (kind >= RESTART && kind <= BEGIN) || kind == MARK;
}

/* Bytes that are not a marker are skipped, between segments and within the image. */
bool jpeg_is_sound(const unsigned char *data, size_t size)
{
    size_t at = 0;
    while (at + 4 <= size && !(data[at] == MARK && data[at + 1] == END)) {
        if (data[at] != MARK || is_alone(data[at + 1])) {
            at++;
            continue;
        }
        size_t length = (size_t)data[at + 2] << 8 | data[at + 3];
        bool inside = length >= 2 && length <= size - at - 2;
        if (data[at + 1] == CODES && !(inside && codes_fit(data + at + 4, length - 2)))
            return false;
        if (!inside)
            return true; /* nothing follows it */
        at += 2 + length;
    }
    return true;
}

/* Frames: baseline, extended and progressive. */
static bool is_frame(int kind)
{
    return kind >= 0xc0 && kind <= 0xc2;
}

/* The kind of the next segment, whose length is read next; EOF if there is none. */
static int next_segment(FILE *stream)
{
    int byte = getc(stream);
    while (byte != EOF) {
        bool marked = byte == MARK;
        byte = getc(stream);
        if (marked && byte != EOF && !is_alone(byte))
            return byte;
    }
    return EOF;
}

bool jpeg_read_size(FILE *stream, int *width, int *height)
{
    unsigned char head[7]; /* length, bits, height, width */
    for (int kind; (kind = next_segment(stream)) != EOF && kind != END;) {
        size_t wanted = is_frame(kind) ? sizeof head : 2;
        if (fread(head, 1, wanted, stream) != wanted)
            return false;
        long length = (long)head[0] << 8 | head[1];
        if (is_frame(kind)) {
            *height = head[3] << 8 | head[4];
            *width = head[5] << 8 | head[6];
            return true;
        }
        if (length < 2 || fseek(stream, length - 2, SEEK_CUR) != 0)
            return false;
    }
    return false;
}
