// SPDX-License-Identifier: Apache-2.0
// From raw images to the network's input y[n][h][w][3]. One work-item computes one pixel of y: it
// finds where that pixel was before mirroring, shifting and rotating, and resizes the image at that
// pixel only. All arithmetic before the normalisation is on integers, so every device produces the
// same pixels as Pillow.

// pixel_source of src/base/pixels.h
typedef struct pixel_source {
    int offset;
    int width, height;
    int layout; // 0: planes of red, green, blue; 1: interleaved
    int left, top;
    int part_width, part_height;
    float sine, cosine;
    int shift_x, shift_y;
    int flip;
    int cut_left, cut_top;
    int cut_side;
} pixel_source;

#define FRACTION_BITS 22 // fraction bits of a filter's coefficients
#define KEPT_TAPS     32 // horizontal coefficients kept between rows; further ones are recomputed

// Output `at` of an axis with `out` pixels is a weighted mean of inputs [first, end) out of `in`.
// In units of 1 / (2 * in * out) of the axis, the centre of input x is at (2 * x + 1) * out, and
// the centre of the output at (2 * at + 1) * in. The triangle filter reaches 2 * max(in, out) to
// either side of the output's centre; an input's weight is that reach minus the distance of the
// centres.
typedef struct filter {
    int in, out, at;
    int first, end;
    long sum; // of the weights
} filter;

static inline int filter_weight(const filter f, int x)
{
    return 2 * max(f.in, f.out) - abs_diff((2 * x + 1) * f.out, (2 * f.at + 1) * f.in);
}

static inline filter filter_make(int in, int out, int at)
{
    filter f = {in, out, at, 0, 0, 0};
    const int centre = (2 * at + 1) * in, reach = 2 * max(in, out);
    const int before = centre - reach - out, after = centre + reach - out;
    f.first = before < 0 ? 0 : before / (2 * out) + 1;
    f.end = min(in, (after + 2 * out - 1) / (2 * out));
    for (int x = f.first; x < f.end; x++)
        f.sum += filter_weight(f, x);
    return f;
}

// The share of input x in the sum, rounded to FRACTION_BITS bits.
static inline int filter_coefficient(const filter f, int x)
{
    if (f.end - f.first == 1)
        return 1 << FRACTION_BITS;
    return (((long)filter_weight(f, x) << (FRACTION_BITS + 1)) + f.sum) / (2 * f.sum);
}

static inline int round_to_byte(int sum)
{
    return clamp((sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS, 0, 255);
}

// The three colours at (x, y) of the image's part after resizing it to w x h: first across each
// row, then down the column.
static inline int3 resized_pixel(global const uchar *pixels, const pixel_source image, int w, int h,
                                 int x, int y)
{
    const int step = image.layout ? 3 : 1;
    const int plane = image.layout ? 1 : image.width * image.height;
    const bool whole = image.part_width == 0;
    const int part_width = whole ? image.width : image.part_width;
    const int part_height = whole ? image.height : image.part_height;
    pixels += (image.top * image.width + image.left) * step;
    if (part_width == w && part_height == h) {
        pixels += (y * image.width + x) * step;
        return (int3)(pixels[0], pixels[plane], pixels[2 * plane]);
    }
    const filter across = filter_make(part_width, w, x);
    const filter down = filter_make(part_height, h, y);
    int kept[KEPT_TAPS];
    for (int i = 0; i < KEPT_TAPS && across.first + i < across.end; i++)
        kept[i] = filter_coefficient(across, across.first + i);

    int3 column = (int3)(0);
    for (int row = down.first; row < down.end; row++) {
        global const uchar *in = pixels + (row * image.width + across.first) * step;
        int3 sum = (int3)(0);
        for (int i = 0; across.first + i < across.end; i++, in += step) {
            const int share =
                i < KEPT_TAPS ? kept[i] : filter_coefficient(across, across.first + i);
            sum += share * (int3)(in[0], in[plane], in[2 * plane]);
        }
        const int3 rounded =
            (int3)(round_to_byte(sum.x), round_to_byte(sum.y), round_to_byte(sum.z));
        column += filter_coefficient(down, row) * rounded;
    }
    return (int3)(round_to_byte(column.x), round_to_byte(column.y), round_to_byte(column.z));
}

// The source of pixel (x, y) of a rotated w x h image. Like Pillow's affine transform it has 16
// bits of fraction: the matrix and the position of the first pixel are rounded to them, and every
// other position follows in whole steps. The angle's sine and cosine are converted with 30 bits.
static inline int2 rotated_from(const pixel_source image, int w, int h, int x, int y)
{
    const long sine = convert_long_rte(image.sine * 1073741824.0f);
    const long cosine = convert_long_rte(image.cosine * 1073741824.0f);
    const long step_cosine = (cosine + (1 << 13)) >> 14, step_sine = (sine + (1 << 13)) >> 14;
    const long minus_sine = (-sine + (1 << 13)) >> 14;
    // Half the size, plus the matrix times the offset of the first pixel from the centre.
    const long start_x =
        ((long)w << 15) + ((cosine * (1 - w) - sine * (1 - h) + (1 << 14)) >> 15);
    const long start_y =
        ((long)h << 15) + ((sine * (1 - w) + cosine * (1 - h) + (1 << 14)) >> 15);
    return (int2)((int)((start_x + x * step_cosine + y * minus_sine) >> 16),
                  (int)((start_y + x * step_sine + y * step_cosine) >> 16));
}

static inline bool is_inside(int2 at, int w, int h)
{
    return at.x >= 0 && at.x < w && at.y >= 0 && at.y < h;
}

static inline bool is_cut(const pixel_source image, int x, int y)
{
    return x >= image.cut_left && x < image.cut_left + image.cut_side && y >= image.cut_top &&
           y < image.cut_top + image.cut_side;
}

kernel void input(global const uchar *pixels, global const pixel_source *images, global real *out,
                  ulong pixels_out, int w, int h, float mean_r, float mean_g, float mean_b,
                  float deviation_r, float deviation_g, float deviation_b)
{
    const size_t at = get_global_id(0);
    if (at >= pixels_out)
        return;
    const int x = (int)(at % w), y = (int)(at / w % h);
    const pixel_source image = images[at / w / h];
    out += at * 3;
    if (is_cut(image, x, y)) {
        for (int colour = 0; colour < 3; colour++)
            real_set(0.0f, out + colour);
        return;
    }
    const int2 turned = (int2)((image.flip ? w - 1 - x : x) + image.shift_x, y + image.shift_y);
    int3 value = (int3)(0);
    if (is_inside(turned, w, h)) {
        const bool upright = image.sine == 0.0f && image.cosine == 1.0f;
        const int2 from = upright ? turned : rotated_from(image, w, h, turned.x, turned.y);
        if (is_inside(from, w, h))
            value = resized_pixel(pixels + image.offset, image, w, h, from.x, from.y);
    }
    real_set((value.x / 255.0f - mean_r) / deviation_r, out);
    real_set((value.y / 255.0f - mean_g) / deviation_g, out + 1);
    real_set((value.z / 255.0f - mean_b) / deviation_b, out + 2);
}
