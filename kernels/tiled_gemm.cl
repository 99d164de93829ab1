// SPDX-License-Identifier: Apache-2.0
// Convolutions as matrix products for devices whose work-items run in groups that share local
// memory, that is for GPUs. Nothing is unrolled in global memory, taps that meet only padding cost
// nothing, and the weights stay in place.
//
// A work-group owns a tile of TILE_ROWS x TILE_COLUMNS of the result. For TILE_STEPS steps of the
// sum at a time, it gathers the tiles of both factors into local memory, and each work-item
// multiplies its share of SHARE_ROWS x SHARE_COLUMNS in registers. During that time the next tiles
// are already being loaded into other registers. src/ops/tiled_gemm.c sets these five sizes.
//
// In the forward pass and the data gradient the rows are pixels, ordered by position in the image
// first and by image second. The rows of a tile then mostly have the same position, and so the same
// taps outside the image.
//
// No kernel here returns early if a barrier follows, even if the condition is the same for the
// whole group: PoCL 3.1 would then use the first work-item's branches for the whole group after the
// last barrier.
//
// A file that includes this one may supply its own product, as kernels/tensor_gemm.cl does. It then
// defines OWN_PRODUCT and everything in the next section.

#ifndef OWN_PRODUCT

// ---- The product of two tiles in single precision ----

#define ITEMS (TILE_ROWS / SHARE_ROWS * (TILE_COLUMNS / SHARE_COLUMNS)) // work-items in a group

// Floats from one step of a local tile to the next. The four extra floats reduce bank conflicts
// when rows are stored across steps, and keep whole vectors aligned.
#define A_STRIDE (TILE_ROWS + 4)
#define B_STRIDE (TILE_COLUMNS + 4)

// Local memory: a[TILE_STEPS][A_STRIDE], b[TILE_STEPS][B_STRIDE], and what the product needs beyond
// them.
#define B_AT         (TILE_STEPS * A_STRIDE)
#define LOCAL_FLOATS (B_AT + TILE_STEPS * B_STRIDE)

// A work-item's sums are vectors along a row, called pieces. Its rows and columns come in groups of
// four, spread evenly over the tile, so that neighbouring work-items read neighbouring vectors.
typedef float4 piece;
#define PIECE         4
#define ROW_GROUPS    (SHARE_ROWS / 4)
#define COLUMN_GROUPS (SHARE_COLUMNS / 4)
#define PIECES        (SHARE_ROWS * COLUMN_GROUPS)
#define ITEMS_ALONG   (TILE_COLUMNS / SHARE_COLUMNS) // work-items per row of the tile

INLINE int piece_row(int i)
{
    const int row = i / COLUMN_GROUPS, step = TILE_ROWS / ROW_GROUPS;
    return row / 4 * step + (int)get_local_id(0) / ITEMS_ALONG * 4 + row % 4;
}

INLINE int piece_column(int i)
{
    const int step = TILE_COLUMNS / COLUMN_GROUPS;
    return i % COLUMN_GROUPS * step + (int)get_local_id(0) % ITEMS_ALONG * 4;
}

// Converts floats for storage in a tile.
#define as_factor(values) (values)

// sums += a * b, over the whole local tiles.
INLINE void multiply_tiles(local float *tiles, piece *sums)
{
    const local float *a = tiles + piece_row(0), *b = tiles + B_AT + piece_column(0);
    for (int k = 0; k < TILE_STEPS; k++) {
        float4 right[COLUMN_GROUPS];
#pragma unroll
        for (int c = 0; c < COLUMN_GROUPS; c++)
            right[c] =
                *(const local float4 *)(b + k * B_STRIDE + c * (TILE_COLUMNS / COLUMN_GROUPS));
        // Four rows by name: AMD's LLVM 17 drops vectors that are stored into a private array and
        // read back as single floats, and Intel's compiler spills them.
#pragma unroll
        for (int g = 0; g < ROW_GROUPS; g++) {
            const float4 left =
                *(const local float4 *)(a + k * A_STRIDE + g * (TILE_ROWS / ROW_GROUPS));
#pragma unroll
            for (int c = 0; c < COLUMN_GROUPS; c++) {
                piece *const rows = sums + 4 * g * COLUMN_GROUPS + c;
                rows[0] = fma((piece)(left.s0), right[c], rows[0]);
                rows[COLUMN_GROUPS] = fma((piece)(left.s1), right[c], rows[COLUMN_GROUPS]);
                rows[2 * COLUMN_GROUPS] = fma((piece)(left.s2), right[c], rows[2 * COLUMN_GROUPS]);
                rows[3 * COLUMN_GROUPS] = fma((piece)(left.s3), right[c], rows[3 * COLUMN_GROUPS]);
            }
        }
    }
}

#endif

// ---- From global memory into local tiles ----

// The lines of a tile are rows of a or columns of b. They are copied either "along" the steps of
// the sum, if the steps of a line are contiguous in global memory, or "across" them, four lines of
// one step at a time, if neighbouring lines are contiguous. A work-item copies A_LOADS and B_LOADS
// vectors of four floats.
#define A_LOADS     (TILE_ROWS * TILE_STEPS / 4 / ITEMS)
#define B_LOADS     (TILE_COLUMNS * TILE_STEPS / 4 / ITEMS)
#define STEP_GROUPS (TILE_STEPS / 4)

INLINE int along_line(int load)
{
    return (int)get_local_id(0) / STEP_GROUPS + load * (ITEMS / STEP_GROUPS);
}

INLINE int along_step(void)
{
    return (int)get_local_id(0) % STEP_GROUPS * 4;
}

INLINE int across_line(int lines)
{
    return (int)get_local_id(0) % (lines / 4) * 4;
}

INLINE int across_step(int load, int lines)
{
    return (int)get_local_id(0) / (lines / 4) + load * (ITEMS / (lines / 4));
}

// Loads min(left, 4) floats and sets the others to zero. `whole` means that the row's length is a
// multiple of four, so that each of its vectors is aligned and complete.
INLINE float4 load_vector(const global float *from, int left, bool whole)
{
    if (left <= 0)
        return (float4)(0.0f);
    if (whole)
        return *(const global float4 *)from;
    return (float4)(from[0], left > 1 ? from[1] : 0.0f, left > 2 ? from[2] : 0.0f,
                    left > 3 ? from[3] : 0.0f);
}

// The same for activations, converted to float.
#ifdef SMALL_STORAGE
INLINE float4 load_reals(const global real *from, int left, bool whole)
{
    if (left <= 0)
        return (float4)(0.0f);
    if (whole)
        return real_load4(from);
    return (float4)(real_get(from), left > 1 ? real_get(from + 1) : 0.0f,
                    left > 2 ? real_get(from + 2) : 0.0f, left > 3 ? real_get(from + 3) : 0.0f);
}
#else
#define load_reals load_vector
#endif

INLINE void put_along(float4 values, local float *tile, int stride, int load)
{
    local float *to = tile + along_step() * stride + along_line(load);
    values = as_factor(values);
    to[0] = values.s0;
    to[stride] = values.s1;
    to[2 * stride] = values.s2;
    to[3 * stride] = values.s3;
}

INLINE void put_across(float4 values, local float *tile, int stride, int load, int lines)
{
    *(local float4 *)(tile + across_step(load, lines) * stride + across_line(lines)) =
        as_factor(values);
}

// The vectors that a work-item has loaded for the next tiles.
typedef struct loads {
    float4 a[A_LOADS], b[B_LOADS];
} loads;

INLINE void clear(piece *sums)
{
#pragma unroll
    for (int i = 0; i < PIECES; i++)
        sums[i] = (piece)(0.0f);
}

// Stores a piece of a weight gradient: target = alpha * sum + beta * target for the piece's first
// `left` columns. If beta is 0 the target is not read.
INLINE void store_piece(piece sum, float alpha, float beta, global float *target, int left)
{
    float lanes[PIECE];
    const bool keep = beta != 0.0f;
    if (left >= PIECE) {
        piece value = alpha * sum;
        if (keep)
            value = fma((piece)(alpha), sum, beta * JOIN(vload, PIECE)(0, target));
        JOIN(vstore, PIECE)(value, 0, target);
        return;
    }
    JOIN(vstore, PIECE)(sum, 0, lanes);
#pragma unroll
    for (int i = 0; i < PIECE; i++)
        if (i < left)
            target[i] = keep ? fma(alpha, lanes[i], beta * target[i]) : alpha * lanes[i];
}

// Stores a piece of activations, added to the old values if `keep`.
#ifdef SMALL_STORAGE
INLINE void store_reals(piece sum, bool keep, global real *target, int left)
{
    float lanes[PIECE];
    JOIN(vstore, PIECE)(sum, 0, lanes);
#pragma unroll
    for (int i = 0; i < PIECE; i++)
        if (i < left)
            real_set(keep ? real_get(target + i) + lanes[i] : lanes[i], target + i);
}
#else
#define store_reals(sum, keep, target, left) store_piece(sum, 1.0f, keep, target, left)
#endif

// ---- Forward, and the data gradient ----

// A pixel of the result: its position in the grid and its image.
typedef struct row_place {
    int y, x, image;
} row_place;

INLINE row_place place_of_row(const geometry *g, int row)
{
    const int q = row / g->images;
    return (row_place){q / g->grid_w, q % g->grid_w, row % g->images};
}

// Bounds of the positions of all rows in the group's tile.
typedef struct bounds {
    int first_y, last_y, first_x, last_x;
} bounds;

INLINE bounds bounds_of_tile(const geometry *g, int first_row, int rows)
{
    const row_place first = place_of_row(g, first_row);
    const row_place last = place_of_row(g, min(first_row + TILE_ROWS, rows) - 1);
    const bool one_line = first.y == last.y;
    return (bounds){first.y, last.y, one_line ? first.x : 0, one_line ? last.x : g->grid_w - 1};
}

// A step of the sum: a tap, its offset in the source, and the first of TILE_STEPS channels.
typedef struct walk {
    int ky, kx, channel, offset_y, offset_x;
} walk;

INLINE void place_tap(walk *at, const geometry *g)
{
    at->offset_y = offset_of_tap(*g, g->start_y, at->ky);
    at->offset_x = offset_of_tap(*g, g->start_x, at->kx);
}

// False if the tile's rows meet only padding with this tap.
INLINE bool tap_counts(const walk *at, const geometry *g, const bounds *b)
{
    const int step = g->source_step;
    return b->last_y * step + at->offset_y >= 0 &&
           b->first_y * step + at->offset_y < g->source_h &&
           b->last_x * step + at->offset_x >= 0 && b->first_x * step + at->offset_x < g->source_w;
}

// The state before the first step.
INLINE walk walk_start(const geometry *g)
{
    return (walk){g->first_ky, g->first_kx - g->tap_step, g->source_c, 0, 0};
}

// Advances to the next step; false after the last one.
INLINE bool walk_on(walk *at, const geometry *g, const bounds *b)
{
    at->channel += TILE_STEPS;
    if (at->channel < g->source_c)
        return true;
    at->channel = 0;
    do {
        at->kx += g->tap_step;
        if (at->kx >= g->size) {
            at->kx = g->first_kx;
            at->ky += g->tap_step;
        }
        if (at->ky >= g->size || g->first_kx >= g->size)
            return false;
        place_tap(at, g);
    } while (!tap_counts(at, g, b));
    return true;
}

INLINE float4 load_pixel(const global real *source, const geometry *g, const walk *at,
                         row_place row)
{
    const int y = row.y * g->source_step + at->offset_y, x = row.x * g->source_step + at->offset_x;
    const bool inside = row.image < g->images && y >= 0 && y < g->source_h && x >= 0 &&
                        x < g->source_w;
    const int channel = at->channel + along_step();
    const size_t pixel = inside ? ((size_t)row.image * g->source_h + y) * g->source_w + x : 0;
    return load_reals(source + pixel * g->source_c + channel, inside ? g->source_c - channel : 0,
                      g->source_c % 4 == 0);
}

INLINE float4 load_weights(const global float *weights, const geometry *g, const walk *at,
                           int first_column, int load)
{
    weights += (size_t)(at->ky * g->size + at->kx) * g->source_c * g->target_c;
    if (g->transposed) {
        const int column = first_column + along_line(load), channel = at->channel + along_step();
        return load_vector(weights + (size_t)column * g->source_c + channel,
                           column < g->target_c ? g->source_c - channel : 0,
                           g->source_c % 4 == 0);
    }
    const int column = first_column + across_line(TILE_COLUMNS);
    const int channel = at->channel + across_step(load, TILE_COLUMNS);
    return load_vector(weights + (size_t)channel * g->target_c + column,
                       channel < g->source_c ? g->target_c - column : 0, g->target_c % 4 == 0);
}

INLINE void load_tiles(const global real *source, const global float *weights, const geometry *g,
                       const walk *at, const row_place *rows, int first_column, loads *next)
{
#pragma unroll
    for (int i = 0; i < A_LOADS; i++)
        next->a[i] = load_pixel(source, g, at, rows[i]);
#pragma unroll
    for (int i = 0; i < B_LOADS; i++)
        next->b[i] = load_weights(weights, g, at, first_column, i);
}

INLINE void put_tiles(const loads *next, local float *tiles, bool transposed)
{
#pragma unroll
    for (int i = 0; i < A_LOADS; i++)
        put_along(next->a[i], tiles, A_STRIDE, i);
#pragma unroll
    for (int i = 0; i < B_LOADS; i++)
        if (transposed)
            put_along(next->b[i], tiles + B_AT, B_STRIDE, i);
        else
            put_across(next->b[i], tiles + B_AT, B_STRIDE, i, TILE_COLUMNS);
}

// Applies the ending to a piece that begins at `channel`, as finish_vec does to a vector.
INLINE piece finish_piece(piece sum, const ending *e, int channel, size_t at, int left)
{
    float lanes[PIECE];
    JOIN(vstore, PIECE)(sum, 0, lanes);
#pragma unroll
    for (int i = 0; i < PIECE; i++)
        if (i < left) {
            float v = e->scale ? e->scale[channel + i] * lanes[i] : lanes[i];
            v += e->shift[channel + i];
            v += e->residual ? real_get(e->residual + at + i) : 0.0f;
            lanes[i] = e->relu && v <= 0.0f ? 0.0f : v; // a NaN stays a NaN
        }
    return JOIN(vload, PIECE)(0, lanes);
}

// Stores results of the forward pass or the data gradient, with the ending applied.
INLINE void store_pixels(const piece *sums, const geometry *g, int first_row, int rows,
                         int first_column, int accumulate, const ending *e, global real *target)
{
#pragma unroll
    for (int i = 0; i < PIECES; i++) {
        const int row = first_row + piece_row(i), column = first_column + piece_column(i);
        if (row >= rows || column >= g->target_c)
            continue;
        const row_place p = place_of_row(g, row);
        const int y = p.y * g->target_step + g->start_y, x = p.x * g->target_step + g->start_x;
        const size_t pixel = ((size_t)p.image * g->target_h + y) * g->target_w + x;
        const size_t at = pixel * g->target_c + column;
        const int left = g->target_c - column;
        store_reals(e->shift ? finish_piece(sums[i], e, column, at, left) : sums[i], accumulate,
                    target + at, left);
    }
}

// sums += source * weights, over all taps that contribute to the group's tile.
INLINE void add_taps(const global real *source, const global float *weights, const geometry *g,
                     int first_row, int first_column, int count, local float *tiles, piece *sums)
{
    const bool some = first_row < count; // a smaller class of pixels may have no rows here
    const bounds reach = some ? bounds_of_tile(g, first_row, count) : (bounds){0, 0, 0, 0};
    row_place rows[A_LOADS];
    for (int i = 0; i < A_LOADS; i++) {
        const int row = first_row + along_line(i);
        rows[i] = row < count ? place_of_row(g, row) : (row_place){0, 0, g->images};
    }
    loads next;
    walk at = walk_start(g);
    bool more = some && walk_on(&at, g, &reach);
    if (more)
        load_tiles(source, weights, g, &at, rows, first_column, &next);
    while (more) {
        put_tiles(&next, tiles, g->transposed);
        barrier(CLK_LOCAL_MEM_FENCE);
        more = walk_on(&at, g, &reach);
        if (more)
            load_tiles(source, weights, g, &at, rows, first_column, &next);
        multiply_tiles(tiles, sums);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

// target = (accumulate ? target : 0) + sum over taps of source * weights, for the group's tile of
// convolution number `which`. The convolutions follow each other in each buffer.
INLINE void gather_multiply(const global real *source, const global float *weights,
                            global real *target, size_t which, const geometry *g, int accumulate,
                            const ending *e, local float *tiles)
{
    const int first_row = get_group_id(1) * TILE_ROWS;
    const int first_column = get_group_id(0) * TILE_COLUMNS;
    const int count = g->images * g->grid_h * g->grid_w;
    source += which * g->images * g->source_h * g->source_w * g->source_c;
    weights += which * g->size * g->size * g->source_c * g->target_c;
    target += which * g->images * g->target_h * g->target_w * g->target_c;
    piece results[PIECES];
    clear(results);
    add_taps(source, weights, g, first_row, first_column, count, tiles, results);
    store_pixels(results, g, first_row, count, first_column, accumulate, e, target);
}

// All three directions have the same signature; only the weight gradient uses `parts`.
#define group_kernel kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void

// y = convolution of x and weights. The group's indices are the tile's column, the tile's row, and
// the number of the convolution.
group_kernel tiled_gemm_forward(global const real *x, global const float *weights, global real *y,
                                CONVOLUTION_ARGUMENTS, int parts)
{
    local float4 tiles[LOCAL_FLOATS / 4];
    const shapes s = SHAPES;
    const ending e = ENDING;
    const geometry g = forward_geometry(s);
    gather_multiply(x, weights, y, get_group_id(2), &g, 0, &e, (local float *)tiles);
}

// dx = (accumulate ? dx : 0) + the data gradient. The third dimension counts the stride * stride
// classes of pixels (see backward_geometry) of the first convolution, then those of the second, and
// so on.
group_kernel tiled_gemm_backward_data(global const real *dy, global const float *weights,
                                      global real *dx, CONVOLUTION_ARGUMENTS, int parts)
{
    local float4 tiles[LOCAL_FLOATS / 4];
    const shapes s = SHAPES;
    const ending none = {0, 0, 0, 0, 0};
    const int classes = stride * stride;
    const geometry g = backward_geometry(s, get_group_id(2) % classes);
    gather_multiply(dy, weights, dx, get_group_id(2) / classes, &g, accumulate, &none,
                    (local float *)tiles);
}

// ---- The weight gradient ----

// The pixels of one sum: those output pixels for which tap (ky, kx) is inside the image.
typedef struct field {
    shapes s;
    span y, x;
    int ky, kx;
    int first_row, first_column; // of the group's tile
} field;

// For the TILE_STEPS steps of the sum that begin at `step`, writes the pixels of x into table[0]
// and those of dy into table[1]; -1 for steps from `end` on.
INLINE void tabulate(const field *f, int step, int end, local int (*table)[TILE_STEPS])
{
    const shapes s = f->s;
    const int k = get_local_id(0), at = step + k;
    int from = -1, to = -1;
    if (at < end) {
        const int image = at / (f->y.count * f->x.count);
        const int y = at / f->x.count % f->y.count + f->y.first, x = at % f->x.count + f->x.first;
        const int iy = y * s.stride - s.pad + f->ky, ix = x * s.stride - s.pad + f->kx;
        from = (image * s.h + iy) * s.w + ix;
        to = (image * s.oh + y) * s.ow + x;
    }
    if (k < TILE_STEPS) {
        table[0][k] = from;
        table[1][k] = to;
    }
}

INLINE float4 load_channels(const global real *from, int pixel, int channel, int channels)
{
    return load_reals(from + (size_t)max(pixel, 0) * channels + channel,
                      pixel >= 0 ? channels - channel : 0, channels % 4 == 0);
}

INLINE void load_gradient_tiles(const global real *x, const global real *dy, const field *f,
                                const local int (*table)[TILE_STEPS], loads *next)
{
#pragma unroll
    for (int i = 0; i < A_LOADS; i++)
        next->a[i] = load_channels(x, table[0][across_step(i, TILE_ROWS)],
                                   f->first_row + across_line(TILE_ROWS), f->s.cin);
#pragma unroll
    for (int i = 0; i < B_LOADS; i++)
        next->b[i] = load_channels(dy, table[1][across_step(i, TILE_COLUMNS)],
                                   f->first_column + across_line(TILE_COLUMNS), f->s.cout);
}

INLINE void put_gradient_tiles(const loads *next, local float *tiles)
{
#pragma unroll
    for (int i = 0; i < A_LOADS; i++)
        put_across(next->a[i], tiles, A_STRIDE, i, TILE_ROWS);
#pragma unroll
    for (int i = 0; i < B_LOADS; i++)
        put_across(next->b[i], tiles + B_AT, B_STRIDE, i, TILE_COLUMNS);
}

// sums += x * dy, over the field's pixels [begin, end).
INLINE void add_pixels(const global real *x, const global real *dy, const field *f, int begin,
                       int end, local float *tiles, local int (*table)[TILE_STEPS], piece *sums)
{
    loads next;
    tabulate(f, begin, end, table);
    barrier(CLK_LOCAL_MEM_FENCE);
    load_gradient_tiles(x, dy, f, table, &next);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int step = begin; step < end; step += TILE_STEPS) {
        put_gradient_tiles(&next, tiles);
        tabulate(f, step + TILE_STEPS, end, table);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_gradient_tiles(x, dy, f, table, &next);
        multiply_tiles(tiles, sums);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

// dweights[part][tap] = alpha * (sum over the part's pixels of x * dy) + beta * dweights, for every
// tap that meets at least one pixel inside the image. In the third dimension the part of the sum
// over pixels changes fastest, then the tap, then the convolution. In memory each part contains the
// weights of all convolutions, one after another. Rows are input channels.
group_kernel tiled_gemm_backward_weights(global const real *x, global const real *dy,
                                         global float *dweights, CONVOLUTION_ARGUMENTS, int parts)
{
    local float4 tiles[LOCAL_FLOATS / 4];
    local int table[2][TILE_STEPS];
    const int part = get_group_id(2) % parts, matrix = get_group_id(2) / parts;
    const int ky = matrix / size % size, kx = matrix % size;
    const size_t which = matrix / (size * size), matrices = get_num_groups(2) / parts;
    const field f = {SHAPES, span_of_tap(ky, h, oh, stride, pad), span_of_tap(kx, w, ow, stride, pad),
                     ky, kx, get_group_id(1) * TILE_ROWS, get_group_id(0) * TILE_COLUMNS};
    const int pixels = n * f.y.count * f.x.count;
    x += which * n * h * w * cin;
    dy += which * n * oh * ow * cout;
    dweights += (part * matrices + matrix) * cin * cout;

    const int steps = (pixels + TILE_STEPS - 1) / TILE_STEPS;
    const int share = (steps + parts - 1) / parts * TILE_STEPS; // pixels in a part
    piece results[PIECES];
    clear(results);
    add_pixels(x, dy, &f, part * share, min(pixels, (part + 1) * share), (local float *)tiles, table,
               results);
#pragma unroll
    for (int i = 0; i < PIECES; i++) {
        const int row = f.first_row + piece_row(i), column = f.first_column + piece_column(i);
        if (pixels > 0 && row < cin && column < cout)
            store_piece(results[i], alpha, beta, dweights + (size_t)row * cout + column,
                        cout - column);
    }
}

// dweights = alpha * (the sum of the parts) + beta * dweights. sums_of_parts contains `parts`
// partial results of `count` weights each. If beta is 0 the first part may be dweights itself. One
// work-item per weight.
kernel void tiled_gemm_add_parts(global const real *x, global const real *dy,
                                 global float *dweights, CONVOLUTION_ARGUMENTS, int parts,
                                 global const float *sums_of_parts, ulong count)
{
    const size_t at = get_global_id(0);
    if (at >= count)
        return;
    const int matrix = at / ((size_t)cin * cout);
    if (span_of_tap(matrix / size % size, h, oh, stride, pad).count == 0 ||
        span_of_tap(matrix % size, w, ow, stride, pad).count == 0)
        return;
    float sum = 0.0f;
    for (int part = 0; part < parts; part++)
        sum += sums_of_parts[part * count + at];
    dweights[at] = beta != 0.0f ? fma(alpha, sum, beta * dweights[at]) : alpha * sum;
}
