// SPDX-License-Identifier: Apache-2.0
// Convolutions as matrix products whose factors are gathered during the multiplication: nothing is
// unrolled in memory, taps that meet only padding cost nothing, and the weights stay in place. Made
// for devices that run a work-item on a core with vector registers, that is for CPUs.
//
// A work-item owns a block of `tiles` x `panels` tiles of the result, at most MAX_TILES and
// MAX_PANELS. It copies a chunk of each factor, at most CHUNK lanes (matrix_unit.cl) of the sum,
// into private arrays that fit the first two caches, and multiplies them tile by tile. Registers
// contain ROWS x 2 vectors of sums, a pair of vectors of one factor and a lane of the other.
// src/ops/implicit_gemm.c sets ROWS, CHUNK, MAX_TILES and MAX_PANELS. The layout follows Goto and
// van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): the copies make all
// later reads contiguous and keep borders out of the inner loop.
//
// Weights that many products share can be packed once: implicit_gemm_pack stores them as the
// products read them, lanes[taps][panels][lanes of the source's channels][COLUMNS], with zeros for
// channels and columns that do not exist. They are then multiplied where they are.
//
// In the forward pass and the data gradient the rows are pixels. Those of small maps are ordered by
// position in the image first and by image second: the rows of a tile then mostly have the same
// position, and so the same taps outside the image, which are skipped. In large maps few taps are
// outside, and pixels are read and written in the order of memory.

#include "matrix_unit.cl"
#include "panel.cl"

#define MAX_ROWS      (MAX_TILES * ROWS)
#define MOST_BY_PLACE 64              // pixels of a small map
#define CHANNELS      (CHUNK * STEPS) // steps of the sum in a chunk

// IN_ROWS: where lane (row, k) of the gathered factor is. ROWS_SIZE: the size of that factor in
// lanes. MOST_TAPS: taps that are multiplied at once. A unit whose sums go through memory after
// each product gets as many taps as there is room for.
#ifdef UNIT_TILES
#define IN_ROWS(row, k) IN_TILES(row, k, CHUNK)
#define ROWS_SIZE       (MAX_ROWS * CHUNK)
#define MOST_TAPS       8
#else
// Rows are not a power of two apart, so that they do not compete for the same cache set.
#define ROW_STEP        (CHUNK + 16)
#define IN_ROWS(row, k) ((row) * ROW_STEP + (k))
#define ROWS_SIZE       (MAX_ROWS * ROW_STEP)
#define MOST_TAPS       1

// A tile of sums, in registers.
typedef struct sums {
    vec low[ROWS], high[ROWS];
} sums;
#endif

#if STEPS == 1
// Copies `count` channels of a pixel, and adds zeros up to a multiple of LANES lanes. `left` values
// can be read.
INLINE void copy_lanes(const global real *from, lane *to, int count, size_t left)
{
    int i = 0;
    for (; i + VEC <= count; i += VEC)
        vec_store(real_load(from + i), to + i);
    for (; i < count; i++)
        to[i] = real_get(from + i);
}

// The lanes of one step, or of two steps that follow each other, from VEC channels of a pixel each.
INLINE lanes lanes_of_pixels(const global real *first, const global real *second)
{
    return real_load(first);
}

// The same if only `left` channels exist, and maybe no second pixel. What does not exist is zero.
INLINE lanes lanes_of_some(const global real *first, const global real *second, int left)
{
    return real_load_part(first, left);
}
#else
// Bfloat16 is stored as it is multiplied. A packed struct is copied to and from any address.
typedef struct __attribute__((packed)) loose_lanes {
    lanes bits;
} loose_lanes;

#if VEC == LANES
// Bits that keep the first `count` of 2 * VEC channels.
INLINE lanes first_halves(int count)
{
    const lanes first = (lanes)(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const lanes low = as_lanes(first < (lanes)(count)), high = as_lanes(first + 1 < (lanes)(count));
    return (low & 0xffff) | high << 16;
}
#endif

INLINE void copy_lanes(const global real *from, lane *to, int count, size_t left)
{
    int i = 0;
    for (; i + 2 * VEC <= count; i += 2 * VEC)
        lanes_store(((const global loose_lanes *)(from + i))->bits, to + IN_ROWS(0, i / 2));
#if VEC == LANES
    if (i < count && i + 2 * VEC <= left) {
        const lanes bits = ((const global loose_lanes *)(from + i))->bits;
        lanes_store(bits & first_halves(count - i), to + IN_ROWS(0, i / 2));
        return;
    }
#endif
    for (; i < count; i += 2)
        to[IN_ROWS(0, i / 2)] = from[i] | (i + 1 < count ? (uint)from[i + 1] << 16 : 0);
    for (i = (count + 1) / 2; i < lanes_in(count); i++)
        to[IN_ROWS(0, i)] = 0;
}

INLINE lanes bits_of(const global real *pixel, int left)
{
    return as_lanes(real_load_part(pixel, left));
}

INLINE lanes lanes_of_pixels(const global real *first, const global real *second)
{
    return as_lanes(real_load(first)) >> 16 | as_lanes(real_load(second));
}

INLINE lanes lanes_of_some(const global real *first, const global real *second, int left)
{
    const lanes low = bits_of(first, left) >> 16;
    return second ? low | bits_of(second, left) : low;
}
#endif

// A panel of the weights in memory: `rows` rows of `lines` cache lines, `step` floats apart. If the
// weights are not packed, the rows are too far apart for the processor's own prefetcher. Each panel
// is read only a few times, so waiting for it can take a third of the time.
typedef struct panel {
    const global float *at;
    size_t step;
    int rows, lines;
} panel;

#define IN_LINES __attribute__((aligned(64)))

// The size of weights, in lanes, from which prefetching them pays. Instructions that multiply tiles
// read a line each cycle, and leave no room for needless ones.
#ifdef UNIT_TILES
enum { FAR = 1 << 18 };
#else
enum { FAR = 0 };
#endif

// Prefetches cache lines [first, last) of a panel.
INLINE void prefetch_lines(const panel p, int first, int last)
{
    const global float *row = p.at;
    int line = first;
    if (first >= last)
        return;
    if (p.rows > 1) {
        row += first / p.lines * p.step;
        line = first % p.lines;
    }
    for (int i = first; i < last; i++) {
        PREFETCH(row + line * LINE);
        if (++line == p.lines) {
            line = 0;
            row += p.step;
        }
    }
}

#ifndef UNIT_TILES
// sums += a * b. Lane (row, k) of a is at row * row_step + k * k_step; b is [k][COLUMNS].
#define MULTIPLY(name, space)                                                                      \
    INLINE void name(const lane *a, int row_step, int k_step, const space lane *b, int count,      \
                     sums *s)                                                                      \
    {                                                                                              \
        for (int k = 0; k < count; k++) {                                                          \
            const lanes low = lanes_load(b + k * COLUMNS);                                         \
            const lanes high = lanes_load(b + k * COLUMNS + VEC);                                  \
            _Pragma("unroll") for (int i = 0; i < ROWS; i++)                                       \
            {                                                                                      \
                const lane factor = a[i * row_step + k * k_step];                                  \
                s->low[i] = multiply_add(factor, low, s->low[i]);                                  \
                s->high[i] = multiply_add(factor, high, s->high[i]);                               \
            }                                                                                      \
        }                                                                                          \
    }
MULTIPLY(multiply, private)
MULTIPLY(multiply_packed, global)

// Tiles with fewer than COLUMNS columns are loaded and stored through an array, row by row. In
// registers each row would have code of its own, for which a compiler takes twice as long.
INLINE void load_ragged(const float *from, sums *s)
{
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        s->low[i] = vec_load(from + i * COLUMNS);
        s->high[i] = vec_load(from + i * COLUMNS + VEC);
    }
}

INLINE void store_ragged(const sums *s, float *to)
{
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        vec_store(s->low[i], to + i * COLUMNS);
        vec_store(s->high[i], to + i * COLUMNS + VEC);
    }
}
#endif

INLINE void load_row(const global float *from, int left, vec *low, vec *high)
{
    *low = vec_load_part(from, left);
    *high = left > VEC ? vec_load_part(from + VEC, left - VEC) : (vec)(0.0f);
}

INLINE void store_row(vec low, vec high, global float *to, int left)
{
    vec_store_part(low, to, left);
    if (left > VEC)
        vec_store_part(high, to + VEC, left - VEC);
}

#if defined(UNIT_TILES) && defined(FLOAT_RESULTS)
// sums[rows][COLUMNS] = the first `left` columns of the rows that begin at from[at[row]].
INLINE void load_rows(const global float *from, const size_t *at, int rows, int left, float *sums)
{
    for (int i = 0; i < rows; i++)
        copy_columns(from + at[i], sums + i * COLUMNS, left);
}

INLINE void store_rows(const float *sums, global float *to, const size_t *at, int rows, int left)
{
    for (int i = 0; i < rows; i++)
        store_row(vec_load(sums + i * COLUMNS), vec_load(sums + i * COLUMNS + VEC), to + at[i],
                  left);
}
#endif

// `result` is the type of the results: `real`, or float if FLOAT_RESULTS is defined, which is for
// algorithms that transform the results before they store them.
#if defined(SMALL_STORAGE) && !defined(FLOAT_RESULTS)
#define SMALL_RESULTS
typedef real result;
#define result_load_part(p, left)     real_load_part(p, left)
#define result_store_part(v, p, left) real_store_part(v, p, left)
#else
typedef float result;
#define result_load_part(p, left)     vec_load_part(p, left)
#define result_store_part(v, p, left) vec_store_part(v, p, left)
#endif

// Unfinished sums are floats. If the target is float too, they are kept in it. Otherwise they are
// kept in private memory, since storing them as halves would round them after every chunk: there a
// panel's sums follow each other, [panels][rows][COLUMNS], so that a tile is in one page.
// IN_PARTIAL: where a column of a row is.
#ifdef SMALL_RESULTS
#define PARTIAL            private
#define IN_PARTIAL(column) ((column) / COLUMNS * MAX_ROWS * COLUMNS + (column) % COLUMNS)

#define load_partial_vec(from, left)    vec_load(from)
#define store_partial_vec(v, to, left) vec_store((v), (to))

INLINE void load_partial(const float *from, int left, vec *low, vec *high)
{
    *low = vec_load(from);
    *high = vec_load(from + VEC);
}

INLINE void store_partial(vec low, vec high, float *to, int left)
{
    vec_store(low, to);
    vec_store(high, to + VEC);
}
#else
#define PARTIAL                             global
#define IN_PARTIAL(column)                  (column)
#define load_partial_vec(from, left)        vec_load_part(from, left)
#define store_partial_vec(v, to, left)      vec_store_part((v), (to), left)
#define load_partial(from, left, low, high) load_row(from, left, low, high)
#define store_partial(low, high, to, left)  store_row(low, high, to, left)
#endif

// Where a block's results go: row r to y[to[r]...], from channel `first` on, with the ending
// applied. `accumulate`: they are added to what is there.
typedef struct output {
    global result *y;
    const size_t *to;
    int first, accumulate;
    ending e;
} output;

// Stores the sums of VEC columns of row r, from the block's column `column` on; `left` columns
// exist.
INLINE void store_result(vec sum, const output *o, int r, int column, int left)
{
    const size_t here = o->to[r] + column;
    if (o->accumulate)
        sum += result_load_part(o->y + here, left);
    if (o->e.shift)
        sum = finish_vec(sum, o->e, o->first + column, here, left);
    result_store_part(sum, o->y + here, left);
}

// Prefetches what store_result reads for a tile. Its rows are apart in memory, and waiting for them
// takes as long as a product of few channels.
INLINE void prefetch_residual(const output *o, int row, int rows, int column)
{
    for (int i = 0; i < rows; i++)
        for (int at = column; at < column + COLUMNS; at += REALS_IN_LINE)
            PREFETCH(o->e.residual + o->to[row + i] + at);
}

// The block's part of the batch statistics: means[columns] and, c floats later, the sums of squared
// deviations from them. Differences from the first row are summed, so no digits are lost if the
// mean is large compared with the deviation.
INLINE void sum_block(const global result *y, const size_t *to, int rows, int columns,
                      global float *means, int c)
{
    for (int at = 0; at < columns; at += VEC) {
        const int left = columns - at;
        const vec shift = result_load_part(y + to[0] + at, left);
        vec sum = (vec)(0.0f), squares = (vec)(0.0f);
        for (int r = 1; r < rows; r++) {
            const vec d = result_load_part(y + to[r] + at, left) - shift;
            sum += d;
            squares += d * d;
        }
        const vec mean = sum / (float)rows;
        vec_store_part(shift + mean, means + at, left);
        vec_store_part(relu_of(squares - sum * mean), means + c + at, left);
    }
}

// The weights of one tap, as they are or packed.
typedef struct tap_weights {
    const global float *at;
    bool packed;
} tap_weights;

// The steps of the sum in one tap.
INLINE int steps_in_tap(const geometry g)
{
    return g.run * g.source_c;
}

// The panel of a tap's weights that begins with channel c of the source and the given column of the
// target, both the first of a chunk and of a panel.
INLINE panel panel_of(const tap_weights tap, const geometry g, int c, int column)
{
    const int tap_c = steps_in_tap(g);
    const int channels = min(CHANNELS, tap_c - c), columns = min(COLUMNS, g.target_c - column);
    if (tap.packed) {
        const size_t before = (size_t)(column / COLUMNS) * lanes_in(tap_c) + c / STEPS;
        const panel p = {tap.at + before * COLUMNS, 0, 1,
                         (lanes_in(channels) * COLUMNS + LINE - 1) / LINE};
        return p;
    }
    if (g.transposed) {
        const panel p = {tap.at + (size_t)column * tap_c + c, tap_c, columns,
                         (channels + LINE - 1) / LINE};
        return p;
    }
    const panel p = {tap.at + (size_t)c * g.target_c + column, g.target_c, channels,
                     (columns + LINE - 1) / LINE};
    return p;
}

// Copies `count` channels of a panel that is not packed, from channel `first` of it on, to
// to[count][COLUMNS]. `columns` columns exist; the others become zero.
INLINE void copy_panel(const panel p, const geometry g, int first, int count, int columns,
                       float *to)
{
    if (g.transposed)
        copy_transposed(p.at + first, p.step, to, count, p.rows);
    else
        for (int i = 0; i < count; i++)
            copy_columns(p.at + (first + i) * p.step, to + i * COLUMNS, columns);
}

// Packs `count` channels of a panel: lanes[lanes_in(count)][COLUMNS].
INLINE void pack_panel(const panel p, const geometry g, int count, int columns, lane *to)
{
#if STEPS == 1
    copy_panel(p, g, 0, count, columns, to);
#else
    enum { GROUP = 4 * VEC }; // channels; even
    float steps[GROUP * COLUMNS];
    for (int first = 0; first < count; first += GROUP) {
        const int some = min((int)GROUP, count - first);
        copy_panel(p, g, first, some, columns, steps);
        for (int i = some * COLUMNS; i < lanes_in(some) * STEPS * COLUMNS; i++)
            steps[i] = 0.0f;
        for (int i = 0; i < lanes_in(some) * COLUMNS; i += VEC) {
            const float *at = steps + i / COLUMNS * 2 * COLUMNS + i % COLUMNS;
            lanes_store(lanes_of(vec_load(at), vec_load(at + COLUMNS)),
                        to + first / 2 * COLUMNS + i);
        }
    }
#endif
}

// A work-item's block of the result.
typedef struct block {
    int tiles, first_row, rows, first_column, columns;
} block;

INLINE block block_of(const geometry g, int row_block, int tiles, int panels)
{
    const int pixels = g.images * g.grid_h * g.grid_w;
    const int first_row = row_block * tiles * ROWS;
    const int first_column = get_global_id(1) * panels * COLUMNS;
    const block b = {tiles, first_row, min(tiles * ROWS, pixels - first_row), first_column,
                     min(panels * COLUMNS, g.target_c - first_column)};
    return b;
}

// A row that does not exist reads no pixel.
#define OUTSIDE (-(1 << 16))

// Where the block's rows read the source, before the tap's offset is added, and where they write
// the target.
#define PLACES (MAX_ROWS + VEC) // so that the last vector of rows is whole
typedef struct places {
    int y[PLACES], x[PLACES], image[PLACES];
    size_t to[MAX_ROWS];
} places;

// Divisions cost as much as a dozen multiply-adds of a whole vector, so only the first row's place
// is computed by them.
INLINE void place_rows(const geometry g, const block b, places *p)
{
    const int pixels = g.grid_h * g.grid_w;
    const bool by_place = g.size > 1 && pixels <= MOST_BY_PLACE;
    const int q = by_place ? b.first_row / g.images : b.first_row % pixels;
    int image = by_place ? b.first_row % g.images : b.first_row / pixels;
    int y = q / g.grid_w, x = q % g.grid_w;
    for (int r = 0; r < b.rows; r++) {
        p->y[r] = y * g.source_step;
        p->x[r] = x * g.source_step;
        p->image[r] = image * g.source_h * g.source_w;
        p->to[r] = (((size_t)image * g.target_h + y * g.target_step + g.start_y) * g.target_w +
                    x * g.target_step + g.start_x) *
                       g.target_c +
                   b.first_column;
        if (by_place && ++image < g.images)
            continue;
        image = by_place ? 0 : image;
        if (++x < g.grid_w)
            continue;
        x = 0;
        if (++y < g.grid_h)
            continue;
        y = 0;
        image++;
    }
    for (int r = b.rows; r < b.tiles * ROWS; r++)
        p->to[r] = p->to[b.rows - 1];
    for (int r = b.rows; r < b.tiles * ROWS + VEC && r < PLACES; r++)
        p->y[r] = OUTSIDE;
}

#if VEC == 1
#define ints_load(p)     (*(p))
#define ints_store(v, p) (*(p) = (v))
#else
#define ints_load(p)     JOIN(vload, VEC)(0, (p))
#define ints_store(v, p) JOIN(vstore, VEC)((v), 0, (p))
#endif

// For one tap: the source pixel of each row, or -1 for padding. A run of pixels may begin or end
// in the padding beside the image, so `pad` is added to its first pixel. Returns a bit mask of the
// tiles that have a row inside the image.
INLINE uint meet_tap(const geometry g, const block b, const places *p, int offset_y, int offset_x,
                     int *from)
{
    uint used = 0;
    for (int r = 0; r < b.tiles * ROWS; r += VEC) {
        const vec_mask y = ints_load(p->y + r) + offset_y, x = ints_load(p->x + r) + offset_x;
        const vec_mask beside = g.run > 1 ? 0 : x | (g.source_w - 1 - x);
        const vec_mask outside = y | (g.source_h - 1 - y) | beside;
        const vec_mask pixel =
            ints_load(p->image + r) + y * g.source_w + x + (g.run > 1 ? g.pad : 0);
        ints_store(pixel | outside >> 31, from + r);
    }
    for (int r = 0; r < b.rows; r++)
        used |= (uint)(from[r] >= 0) << r / ROWS;
    return used;
}

// Of a chunk of the sum: `count` channels of the source from channel c on and the weights of one
// tap, from lane `at` of the chunk on, and a bit mask of the tiles that use it.
typedef struct part {
    tap_weights tap;
    int c, count, at;
    uint used;
} part;

// Parts that are multiplied at a time.
typedef struct chunk {
    part parts[MOST_TAPS];
    int from[MOST_TAPS][PLACES]; // as in meet_tap
    const int *x;                // as in places
    int count, lanes;
    uint used; // by any of the parts
    bool far;  // the weights are too large for the cache, so panels are prefetched
} chunk;

INLINE void clear_lanes(lane *row, int count)
{
    int i = 0;
    for (; VEC <= LANES && i < count; i += VEC)
        lanes_store((lanes)(0), row + IN_ROWS(0, i));
    for (; i < count; i++)
        row[IN_ROWS(0, i)] = 0;
}

// Gathers `count` values, from value c on, of the run of pixels that begins with the given pixel,
// in column x of the image. It may begin or end outside of the image. `size` values can be read.
INLINE void gather_run(const global real *source, const geometry g, int pixel, int x, int c,
                       int count, size_t size, lane *to)
{
    const long at = (long)pixel * g.source_c + c;
    if (x >= 0 && x + g.run <= g.source_w) {
        copy_lanes(source + at, to, count, size - at);
        return;
    }
    const int begin = -x * g.source_c - c, end = min(count, (g.source_w - x) * g.source_c - c);
    for (int i = 0; i < lanes_in(count) * STEPS; i += STEPS) {
        const bool exists = i >= begin && i < end;
#if STEPS == 1
        to[i] = exists ? real_get(source + at + i) : 0.0f;
#else
        const bool also = i + 1 >= begin && i + 1 < end;
        to[IN_ROWS(0, i / 2)] =
            (exists ? source[at + i] : 0) | (also ? (uint)source[at + i + 1] << 16 : 0);
#endif
    }
}

// Gathers the source's factor of a chunk for the rows of tile t.
INLINE void gather_tile(const global real *source, const geometry g, const chunk *k, int t, lane *a)
{
    const size_t size = (size_t)g.images * g.source_h * g.source_w * g.source_c;
    for (int p = 0; p < k->count; p++) {
        const part *now = &k->parts[p];
        const int *from = k->from[p] + t * ROWS, *x = k->x + t * ROWS;
        for (int i = 0; i < ROWS && now->used >> t & 1; i++) {
            lane *row = a + IN_ROWS(t * ROWS + i, now->at);
            if (from[i] < 0) {
                clear_lanes(row, lanes_in(now->count));
            } else if (g.run > 1) {
                gather_run(source, g, from[i] - g.pad, x[i] - g.pad, now->c, now->count, size, row);
            } else {
                const size_t at = (size_t)from[i] * g.source_c + now->c;
                copy_lanes(source + at, row, now->count, size - at);
            }
        }
    }
}

// What is multiplied after the panels at `column`: of a part of this chunk or, after the last
// column, of the next one, of which only the first part is known; an empty panel if nothing is.
INLINE panel next_panel(const geometry g, const block b, const chunk *k, int i, const part *next,
                        int column)
{
    const panel none = {0, 0, 0, 0};
    if (column + COLUMNS < b.first_column + b.columns)
        return panel_of(k->parts[i].tap, g, k->parts[i].c, column + COLUMNS);
    return next && i == 0 ? panel_of(next->tap, g, next->c, b.first_column) : none;
}

// A panel of each part's weights, ready to be multiplied: where it is, or copied if it was not
// packed before. Units that multiply tiles only get weights that were. While these panels are
// multiplied the next ones are prefetched, a part of them for each of `tiles` tiles.
typedef struct panels {
    const global lane *packed[MOST_TAPS];
#ifdef UNIT_TILES
    const global lane *ahead[MOST_TAPS]; // what is prefetched next, or NULL
    int lines;                           // that are prefetched during LANES lanes
#else
    lane copied[CHUNK * COLUMNS];
    panel next[MOST_TAPS];
    int tiles, done;
#endif
} panels;

// `next` is the first part of the next chunk, or NULL.
INLINE void make_panels(const geometry g, const block b, const chunk *k, const part *next,
                        int column, panels *made)
{
    const int tiles = popcount(k->used);
    for (int i = 0; i < k->count; i++) {
        const part *now = &k->parts[i];
        const panel from = panel_of(now->tap, g, now->c, column);
        const panel soon = next_panel(g, b, k, i, next, column);
        made->packed[i] = now->tap.packed ? (const global lane *)from.at : 0;
#ifdef UNIT_TILES
        made->ahead[i] = k->far && soon.rows ? (const global lane *)soon.at : 0;
#else
        made->next[i] = soon;
        if (!now->tap.packed)
            pack_panel(from, g, now->count, g.target_c - column, made->copied);
#endif
    }
#ifdef UNIT_TILES
    made->lines = (LANES * COLUMNS / LINE + tiles - 1) / tiles;
#else
    made->tiles = tiles;
    made->done = 0;
#endif
}

// A tile whose sums are complete for this chunk. A unit that multiplies tiles stores them in memory
// only. They go on from there while the next tile is multiplied: reading them at once would have to
// wait for the unit.
typedef struct waiting {
    int row, rows, column, left;
    const float *sums; // [rows][COLUMNS]
#ifdef UNIT_TILES
    float room[2][ROWS * COLUMNS] IN_LINES;
#endif
} waiting;

#ifdef UNIT_TILES
INLINE void store_waiting(const waiting *w, PARTIAL float *partial, const size_t *at,
                          const output *o)
{
    for (int i = 0; i < w->rows && o; i++) {
        const float *sums = w->sums + i * COLUMNS;
        store_result(vec_load(sums), o, w->row + i, w->column, w->left);
        if (w->left > VEC)
            store_result(vec_load(sums + VEC), o, w->row + i, w->column + VEC, w->left - VEC);
    }
#ifndef SMALL_RESULTS
    if (!o)
        store_rows(w->sums, partial + w->column, at + w->row, w->rows, w->left);
#endif
}
#else
#define store_waiting(w, partial, at, o)
#endif

// A tile of a block, number t and at the given column: partial[at[row]...] = (add ? partial : 0) +
// the products of its rows of a and the weights, for `rows` rows and `left` columns. With `o`,
// these are the last products: the sums go there instead.
#ifdef UNIT_TILES
INLINE void multiply_tile(const lane *a, const chunk *k, panels *b, int t, PARTIAL float *partial,
                          const size_t *at, int rows, int column, int left, bool add,
                          const output *o, waiting *w)
{
    const int row = t * ROWS;
    sum_tiles tiles;
#ifdef SMALL_RESULTS
    float *sums = partial + at[row] + IN_PARTIAL(column);
#else
    float *sums = w->room[w->sums == w->room[0]];
    if (add)
        load_rows(partial + column, at + row, rows, left, sums);
#endif
    if (o && o->e.residual)
        prefetch_residual(o, row, rows, column);
    if (add)
        load_sums(&tiles, sums, COLUMNS);
    else
        clear_sums(&tiles);
    for (int i = 0; i < k->count; i++) {
        const part *now = &k->parts[i];
        const int count = lanes_in(now->count), lines = b->ahead[i] ? b->lines : 0;
        if (now->used >> t & 1)
            add_to_sums(&tiles, (ulong)(a + IN_ROWS(row, now->at)), CHUNK, (ulong)b->packed[i],
                        count, b->ahead[i], lines);
        b->ahead[i] += count / LANES * lines * LINE;
    }
    store_waiting(w, partial, at, o);
    store_sums(&tiles, sums, COLUMNS);
    w->sums = sums;
    w->row = row;
    w->rows = rows;
    w->column = column;
    w->left = left;
}
#else
INLINE void multiply_tile(const lane *a, const chunk *k, panels *b, int t, PARTIAL float *partial,
                          const size_t *at, int rows, int column, int left, bool add,
                          const output *o, waiting *w)
{
    const int row = t * ROWS;
    const bool whole = left >= COLUMNS;
    float ragged[ROWS * COLUMNS];
    sums s;
    a += IN_ROWS(row, 0);
    for (int i = 0; i < k->count; i++) {
        const int lines = b->next[i].rows * b->next[i].lines;
        prefetch_lines(b->next[i], lines * b->done / b->tiles, lines * (b->done + 1) / b->tiles);
    }
    b->done++;
    if (o && o->e.residual)
        prefetch_residual(o, row, rows, column);
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        s.low[i] = s.high[i] = (vec)(0.0f);
    if (add && whole) {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            load_partial(partial + at[row + i] + IN_PARTIAL(column), COLUMNS, &s.low[i],
                         &s.high[i]);
    } else if (add) {
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < COLUMNS; j += VEC)
                vec_store(load_partial_vec(partial + at[row + i] + IN_PARTIAL(column + j),
                                           left - j),
                          ragged + i * COLUMNS + j);
        load_ragged(ragged, &s);
    }
    if (b->packed[0])
        multiply_packed(a, ROW_STEP, 1, b->packed[0], k->lanes, &s);
    else
        multiply(a, ROW_STEP, 1, b->copied, k->lanes, &s);
    if (whole) {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            if (i < rows && o) {
                store_result(s.low[i], o, row + i, column, VEC);
                store_result(s.high[i], o, row + i, column + VEC, VEC);
            } else if (i < rows) {
                store_partial(s.low[i], s.high[i], partial + at[row + i] + IN_PARTIAL(column),
                              COLUMNS);
            }
        return;
    }
    store_ragged(&s, ragged);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < left; j += VEC) {
            const vec sum = vec_load(ragged + i * COLUMNS + j);
            if (o)
                store_result(sum, o, row + i, column + j, left - j);
            else
                store_partial_vec(sum, partial + at[row + i] + IN_PARTIAL(column + j), left - j);
        }
}
#endif

// Adds a chunk's products to the sums at partial[at[row]...]. A tile that is not in `written` has
// no sums yet, so the products replace what is there. next: the first part of the next chunk, or
// NULL.
INLINE void multiply_chunk(const global real *source, const geometry g, const block b,
                           const chunk *k, const part *next, uint written, PARTIAL float *partial,
                           const size_t *at, const output *o)
{
    lane a[ROWS_SIZE] IN_LINES;
    waiting w;
    w.rows = 0;
    w.sums = 0;
    for (int t = 0; t < b.tiles; t++)
        gather_tile(source, g, k, t, a);
    for (int column = 0; column < b.columns; column += COLUMNS) {
        const int left = b.columns - column;
        panels now;
        make_panels(g, b, k, next, b.first_column + column, &now);
        for (int t = 0; t < b.tiles; t++)
            if (k->used >> t & 1)
                multiply_tile(a, k, &now, t, partial, at, min(b.rows - t * ROWS, ROWS), column,
                              left, written >> t & 1, o, &w);
    }
    store_waiting(&w, partial, at, o);
}

// Stores the results of the tiles that do not use the last chunk. Pixels that meet no tap, such as
// those that a stride of 2 skips, get zero.
INLINE void settle_rows(PARTIAL float *partial, const size_t *at, const block b, uint written,
                        uint stored, const output *o)
{
    for (int r = 0; r < b.rows; r++)
        for (int column = 0; !(stored >> r / ROWS & 1) && column < b.columns; column += VEC) {
            const int left = b.columns - column;
            vec sum = (vec)(0.0f);
            if (written >> r / ROWS & 1)
                sum = load_partial_vec(partial + at[r] + IN_PARTIAL(column), left);
            store_result(sum, o, r, column, left);
        }
}

INLINE void sum_results(global result *target, const geometry g, const block b, int row_block,
                        const size_t *to, const ending e)
{
    if (!e.sums)
        return;
    sum_block(target, to, b.rows, b.columns,
              e.sums + row_block * (size_t)2 * g.target_c + b.first_column, g.target_c);
    if (b.first_column == 0)
        SUM_COUNTS(e.sums, get_global_size(0), g.target_c)[row_block] = b.rows;
}

// The size of a tap's weights, in floats or lanes.
INLINE size_t weights_in_tap(const geometry g, bool packed)
{
    const size_t panels = (g.target_c + COLUMNS - 1) / COLUMNS;
    return packed ? panels * COLUMNS * lanes_in(steps_in_tap(g))
                  : (size_t)steps_in_tap(g) * g.target_c;
}

// Computes a block, with unfinished sums at partial[at[row]...]. `written` is the mask of the tiles
// that already have sums.
INLINE void add_taps(const global real *source, const tap_weights first, const geometry g,
                     const block b, const places *p, uint written, PARTIAL float *partial,
                     const size_t *at, const output *o)
{
    int from[PLACES];
    const int step = g.tap_step, tap_c = steps_in_tap(g);
    const size_t tap_size = weights_in_tap(g, first.packed);
    chunk k;
    k.count = k.lanes = k.used = 0;
    k.far = tap_size * g.size * g.size / g.run >= FAR;
    k.x = p->x;
    for (int ky = g.first_ky; ky < g.size; ky += step)
        for (int kx = g.first_kx; kx < g.size; kx += step * g.run) {
            const size_t before = (ky * g.size + kx) / g.run;
            const tap_weights tap = {first.at + before * tap_size, first.packed};
            const uint used = meet_tap(g, b, p, offset_of_tap(g, g.start_y, ky),
                                       offset_of_tap(g, g.start_x, kx), from);
            for (int c = 0; used && c < tap_c; c += CHANNELS) {
                const int count = min(CHANNELS, tap_c - c);
                part new = {tap, c, count, k.lanes, used};
                if (k.count == MOST_TAPS || k.lanes + lanes_in(count) > CHUNK) {
                    multiply_chunk(source, g, b, &k, &new, written, partial, at, 0);
                    written |= k.used;
                    k.count = k.lanes = k.used = new.at = 0;
                }
                for (int r = 0; r < b.tiles * ROWS; r += VEC)
                    ints_store(ints_load(from + r), k.from[k.count] + r);
                k.parts[k.count++] = new;
                k.lanes += lanes_in(count);
                k.used |= used;
            }
        }
    if (k.count > 0)
        multiply_chunk(source, g, b, &k, 0, written, partial, at, o);
    settle_rows(partial, at, b, written, k.used, o);
}

// target = (accumulate ? target : 0) + sum over taps of source * weights, for one block of
// convolution number `which`. The convolutions follow each other in each buffer.
INLINE void gather_multiply(const global real *source, const tap_weights weights,
                            global result *target, size_t which, const geometry g, int row_block,
                            int tiles, int panels, int accumulate, const ending e)
{
    places p;
    const block b = block_of(g, row_block, tiles, panels);
    if (b.rows <= 0 || b.columns <= 0)
        return;
    source += which * g.images * g.source_h * g.source_w * g.source_c;
    const size_t taps = g.size * g.size / g.run;
    const tap_weights first = {weights.at + which * taps * weights_in_tap(g, weights.packed),
                               weights.packed};
    target += which * g.images * g.target_h * g.target_w * g.target_c;
    place_rows(g, b, &p);
    begin_tiles();
#ifdef SMALL_RESULTS
    float partial[MAX_ROWS * MAX_PANELS * COLUMNS] IN_LINES;
    size_t at[MAX_ROWS];
    for (int r = 0; r < tiles * ROWS; r++)
        at[r] = r * COLUMNS;
    const output o = {target, p.to, b.first_column, accumulate, e};
    add_taps(source, first, g, b, &p, 0, partial, at, &o);
#else
    const uint before = accumulate ? (1u << (b.rows + ROWS - 1) / ROWS) - 1 : 0;
    const output o = {target, p.to, b.first_column, 0, e};
    add_taps(source, first, g, b, &p, before, target, p.to, &o);
#endif
    end_tiles();
    sum_results(target, g, b, row_block, p.to, e);
}

// All three directions have the same signature: one work-item computes `tiles` x `panels` tiles.
// `packed` says whether the weights are packed, and `run` is that of the geometry. Only the weight
// gradient uses `partials`, which has the shape of the weights.
#define item_kernel     kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
#define BLOCK_ARGUMENTS int tiles, int panels, int packed, int run, global float *partials

// Packs `count` channels of the source at a time, in one tap of the weights [taps][cin][cout],
// which the third dimension counts. `transposed` says that they are for the data gradient, whose
// source is dy.
item_kernel implicit_gemm_pack(global const float *weights, global lane *packed, int cin, int cout,
                               int transposed, int count)
{
    lane made[CHUNK * COLUMNS];
    const geometry g = {.source_c = transposed ? cout : cin,
                        .target_c = transposed ? cin : cout,
                        .run = 1,
                        .transposed = transposed};
    const int c = get_global_id(0) * count, channels = min(count, g.source_c - c);
    const size_t tap = get_global_id(2), place = tap * weights_in_tap(g, true);
    const tap_weights from = {weights + tap * cin * cout, false};
    for (int column = 0; column < g.target_c; column += COLUMNS) {
        global lane *to = packed + place +
                          ((size_t)(column / COLUMNS) * lanes_in(g.source_c) + c / STEPS) * COLUMNS;
        pack_panel(panel_of(from, g, c, column), g, channels, g.target_c - column, made);
        for (int i = 0; i < lanes_in(channels) * COLUMNS; i += VEC)
            lanes_store(lanes_load(made + i), to + i);
    }
}

// y = convolution of x and weights. The third dimension counts convolutions of this shape.
item_kernel implicit_gemm_forward(global const real *x, global const float *weights,
                                  global result *y, CONVOLUTION_ARGUMENTS, BLOCK_ARGUMENTS)
{
    const shapes s = SHAPES;
    const ending e = ENDING;
    const tap_weights all = {weights, packed};
    geometry g = forward_geometry(s);
    g.run = run;
    gather_multiply(x, all, y, get_global_id(2), g, get_global_id(0), tiles, panels, 0, e);
}

// dx = (accumulate ? dx : 0) + the data gradient. All rows of a block belong to one class of pixels
// (see backward_geometry). Classes differ in work, so they alternate along the first dimension: a
// runtime that gives each core a contiguous range of work-items then gives every core some of each
// class.
item_kernel implicit_gemm_backward_data(global const real *dy, global const float *weights,
                                        global result *dx, CONVOLUTION_ARGUMENTS, BLOCK_ARGUMENTS)
{
    const shapes s = SHAPES;
    const ending none = {0, 0, 0, 0, 0};
    const int classes = stride * stride;
    const tap_weights all = {weights, packed};
    gather_multiply(dy, all, dx, get_global_id(2), backward_geometry(s, get_global_id(0) % classes),
                    get_global_id(0) / classes, tiles, panels, accumulate, none);
}

// Pairs of pixels of x and dy that meet in a tap, as many as a weight gradient sums at a time. Both
// of its factors are gathered, and more of them stays in the first cache if its chunks have half
// the length. A unit that multiplies tiles keeps neither factor there.
#ifdef UNIT_TILES
enum { MOST_MEETINGS = CHANNELS };
#else
enum { MOST_MEETINGS = CHANNELS / 2 };
#endif

typedef struct meetings {
    int count, x[MOST_MEETINGS], dy[MOST_MEETINGS];
} meetings;

// Lists the next meetings, from pixel *pixel of dy on, which is advanced.
INLINE void meet_pixels(const shapes s, int *pixel, int ky, int kx, meetings *m)
{
    int count = 0, at = *pixel;
    for (; at < s.n * s.oh * s.ow && count < MOST_MEETINGS; at++) {
        const int met = pixel_of_x(s, at, ky, kx);
        if (met < 0)
            continue;
        m->x[count] = met;
        m->dy[count++] = at;
    }
    *pixel = at;
    m->count = count;
}

// Prefetches `channels` channels of pixels at[begin], ..., at[end - 1]. The processor's own
// prefetcher stops while a chunk is multiplied.
INLINE void prefetch_pixels(const global real *pixels, int c, const int *at, int begin, int end,
                            int channels)
{
    for (int i = begin; i < end; i++)
        for (int channel = 0; channel < channels; channel += REALS_IN_LINE)
            PREFETCH(pixels + (size_t)at[i] * c + channel);
}

// The lanes of steps k * STEPS and so on, which are pixels of x or dy: `channels` of their c
// channels, and zeros up to `width`. It may write VEC - 1 lanes more. `met` is the number of
// pixels; lanes of others are zeros.
INLINE void gather_channels(const global real *pixels, int c, const int *at, int k, int met,
                            int channels, int width, lane *to)
{
    const bool exists = k * STEPS < met;
    const global real *first = pixels + (size_t)at[exists ? k * STEPS : 0] * c;
    const global real *second =
        STEPS > 1 && k * STEPS + 1 < met ? pixels + (size_t)at[k * STEPS + 1] * c : 0;
    int i = 0;
    channels = exists ? channels : 0;
    if (STEPS == 1 || second)
        for (; i + VEC <= min(channels, width); i += VEC)
            lanes_store(lanes_of_pixels(first + i, second ? second + i : 0), to + i);
    for (; i < min(channels, width); i += VEC)
        lanes_store(lanes_of_some(first + i, second ? second + i : 0, channels - i), to + i);
    for (; i < width; i++)
        to[i] = 0;
}

// The channels of x are gathered step by step: lane (row, k) is at row + k * MAX_ROWS. A unit that
// multiplies tiles reads them row by row, so they are turned.
#ifdef UNIT_TILES
#define IN_TURNED(row, k) IN_TILES(row, k, CHUNK)
#define FACTOR_ROW(row)   (turned + IN_TURNED(row, 0))

INLINE void turn_rows(const lane *a, int rows, int count, lane *turned)
{
    for (int row = 0; row < rows; row += VEC)
        for (int k = 0; k < count; k += VEC) {
            vec block[VEC];
#pragma unroll
            for (int i = 0; i < VEC; i++)
                block[i] = as_sums(lanes_load(a + (k + i) * MAX_ROWS + row));
            transpose(block);
#pragma unroll
            for (int i = 0; i < VEC; i++)
                lanes_store(as_lanes(block[i]), turned + IN_TURNED(row + i, k));
        }
}
#else
#define FACTOR_ROW(row) (a + (row))
#endif

// Adds one chunk of a tile's sum: `rows` rows with a stride of cout, `left` columns. Sums of
// earlier chunks are in `partial`. Only the complete sum is added to the target: with a small
// alpha, adding each chunk by itself would lose digits.
#ifdef UNIT_TILES
INLINE void add_gradient_tile(const lane *a, const lane *b, int count, global float *partial,
                              global float *target, int cout, int rows, int left, bool first,
                              bool last, float alpha, float beta)
{
    float sums[ROWS * COLUMNS] IN_LINES;
    sum_tiles tiles;
    rows = min(rows, ROWS);
    if (first) {
        clear_sums(&tiles);
    } else {
        for (int i = 0; i < rows; i++)
            copy_columns(partial + (size_t)i * cout, sums + i * COLUMNS, left);
        load_sums(&tiles, sums, COLUMNS);
    }
    add_to_sums(&tiles, (ulong)a, CHUNK, (ulong)b, count, 0, 0);
    store_sums(&tiles, sums, COLUMNS);
    for (int i = 0; i < rows; i++) {
        const vec low = vec_load(sums + i * COLUMNS), high = vec_load(sums + i * COLUMNS + VEC);
        global float *row = target + (size_t)i * cout;
        if (!last) {
            store_row(low, high, partial + (size_t)i * cout, left);
        } else {
            store_gradient(low, alpha, beta, row, left);
            if (left > VEC)
                store_gradient(high, alpha, beta, row + VEC, left - VEC);
        }
    }
}
#else
INLINE void add_gradient_tile(const lane *a, const lane *b, int count, global float *partial,
                              global float *target, int cout, int rows, int left, bool first,
                              bool last, float alpha, float beta)
{
    const bool whole = left >= COLUMNS;
    float ragged[ROWS * COLUMNS];
    sums s;
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        s.low[i] = s.high[i] = (vec)(0.0f);
    if (!first && whole) {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            if (i < rows)
                load_row(partial + (size_t)i * cout, COLUMNS, &s.low[i], &s.high[i]);
    } else if (!first) {
        for (int i = 0; i < min(rows, ROWS); i++)
            copy_columns(partial + (size_t)i * cout, ragged + i * COLUMNS, left);
        load_ragged(ragged, &s);
    }
    multiply(a, 1, MAX_ROWS, b, count, &s);
    if (whole) {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            if (i < rows && !last) {
                store_row(s.low[i], s.high[i], partial + (size_t)i * cout, COLUMNS);
            } else if (i < rows) {
                global float *row = target + (size_t)i * cout;
                store_gradient(s.low[i], alpha, beta, row, VEC);
                store_gradient(s.high[i], alpha, beta, row + VEC, VEC);
            }
        return;
    }
    store_ragged(&s, ragged);
    for (int i = 0; i < min(rows, ROWS); i++)
        for (int j = 0; j < left; j += VEC) {
            const vec sum = vec_load(ragged + i * COLUMNS + j);
            if (last)
                store_gradient(sum, alpha, beta, target + (size_t)i * cout + j, left - j);
            else
                vec_store_part(sum, partial + (size_t)i * cout + j, left - j);
        }
}
#endif

// dweights[tap] = alpha * (sum over pixels of x * dy) + beta * dweights[tap], for every tap that
// meets at least one pixel inside the image. The third dimension counts the taps of the first
// convolution, then those of the second, and so on. Rows are input channels, and the sum runs over
// the output's pixels. `partials` stores sums of more than one chunk until they are complete; it
// may be dweights if alpha is 1 and beta is 0.
item_kernel implicit_gemm_backward_weights(global const real *x, global const real *dy,
                                           global float *dweights, CONVOLUTION_ARGUMENTS,
                                           BLOCK_ARGUMENTS)
{
    lane a[MOST_MEETINGS / STEPS * MAX_ROWS + VEC] IN_LINES;
    lane b[MOST_MEETINGS / STEPS * COLUMNS] IN_LINES;
    meetings chunks[2];
#ifdef UNIT_TILES
    lane turned[MAX_ROWS * CHUNK] IN_LINES;
#endif
    const shapes s = SHAPES;
    const int first_row = get_global_id(0) * tiles * ROWS;
    const int first_column = get_global_id(1) * panels * COLUMNS;
    const int ky = get_global_id(2) / size % size, kx = get_global_id(2) % size;
    const size_t which = get_global_id(2) / (size * size);
    const int rows = min(tiles * ROWS, cin - first_row);
    const int columns = min(panels * COLUMNS, cout - first_column);
    const int products = ((rows + ROWS - 1) / ROWS) * ((columns + COLUMNS - 1) / COLUMNS);
    const size_t matrix = (size_t)get_global_id(2) * cin * cout;
    x += which * n * h * w * cin + first_row;
    dy += which * n * oh * ow * cout;
    int pixel = 0;
    begin_tiles();
    meet_pixels(s, &pixel, ky, kx, &chunks[0]);
    for (int i = 0; chunks[i % 2].count > 0; i++) {
        const meetings *now = &chunks[i % 2];
        meetings *next = &chunks[(i + 1) % 2];
        const int count = lanes_in(now->count);
        int done = 0; // products of this chunk
        meet_pixels(s, &pixel, ky, kx, next);
        for (int k = 0; k < count; k++)
            gather_channels(x, cin, now->x, k, now->count, rows, tiles * ROWS, a + k * MAX_ROWS);
#ifdef UNIT_TILES
        turn_rows(a, tiles * ROWS, count, turned);
#endif
        for (int column = first_column; column < first_column + columns; column += COLUMNS) {
            const int left = cout - column;
            for (int k = 0; k < count; k++)
                gather_channels(dy + column, cout, now->dy, k, now->count, left, COLUMNS,
                                b + k * COLUMNS);
            for (int row = 0; row < rows; row += ROWS, done++) {
                const size_t at = matrix + (size_t)(first_row + row) * cout + column;
                const int begin = next->count * done / products;
                const int end = next->count * (done + 1) / products;
                prefetch_pixels(x, cin, next->x, begin, end, rows);
                prefetch_pixels(dy + first_column, cout, next->dy, begin, end, columns);
                add_gradient_tile(FACTOR_ROW(row), b, count, partials + at, dweights + at, cout,
                                  rows - row, left, i == 0, next->count == 0, alpha, beta);
            }
        }
    }
    end_tiles();
}
