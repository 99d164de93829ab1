// SPDX-License-Identifier: Apache-2.0
// Convolutions as matrix products whose factors are gathered during the multiplication: nothing is
// unrolled in memory, taps that meet only padding cost nothing, and the weights stay in place. Made
// for devices that run a work-item on a core with vector registers, that is for CPUs.
//
// A work-item owns a block of `tiles` x `panels` tiles of the result, at most MAX_TILES and
// MAX_PANELS. It copies a chunk of each factor, at most CHUNK steps of the sum, into private arrays
// that fit the first two caches, and multiplies them tile by tile. Registers contain ROWS x 2
// vectors of sums, a pair of vectors of one factor and a value of the other.
// src/ops/implicit_gemm.c sets ROWS, CHUNK, MAX_TILES and MAX_PANELS. The layout follows Goto and
// van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): the copies make all
// later reads contiguous and keep borders out of the inner loop.
//
// In the forward pass and the data gradient the rows are pixels, ordered by position in the image
// first and by image second. The rows of a tile then mostly have the same position, and so the same
// taps outside the image, which are skipped.

#define COLUMNS  (2 * VEC)
#define MAX_ROWS (MAX_TILES * ROWS)
// Length of a row of the gathered factor. Not a power of two, so that rows do not compete for the
// same cache set.
#define ROW_STEP (CHUNK + 16)

typedef struct sums {
    vec low[ROWS], high[ROWS];
} sums;

INLINE void copy_reals(const global real *from, float *to, int count)
{
    int i = 0;
    for (; i + VEC <= count; i += VEC)
        vec_store(real_load(from + i), to + i);
    for (; i < count; i++)
        to[i] = real_get(from + i);
}

// Copies a pair of vectors from a row that has `left` floats left; the others become zero.
INLINE void copy_columns(const global float *from, float *to, int left)
{
    if (left >= COLUMNS) {
        vec_store(vec_load(from), to);
        vec_store(vec_load(from + VEC), to + VEC);
        return;
    }
    vec_store(vec_load_part(from, left), to);
    vec_store(left > VEC ? vec_load_part(from + VEC, left - VEC) : (vec)(0.0f), to + VEC);
}

INLINE void copy_real_columns(const global real *from, float *to, int left)
{
    vec_store(real_load_part(from, left), to);
    vec_store(left > VEC ? real_load_part(from + VEC, left - VEC) : (vec)(0.0f), to + VEC);
}

// to[k][column] = from[column * step + k] for k < count and column < columns; zero for other
// columns.
INLINE void copy_transposed(const global float *from, size_t step, float *to, int count,
                            int columns)
{
    for (int base = 0; base < COLUMNS; base += VEC) {
        const global float *rows[VEC];
        for (int i = 0; i < VEC; i++)
            rows[i] = from + (size_t)min(base + i, columns - 1) * step;
        int k = 0;
#if VEC > 1
        // Transposes by perfect shuffles: log2(VEC) rounds that interleave row i with row i + VEC /
        // 2.
        for (; k + VEC <= count && base + VEC <= columns; k += VEC) {
            vec a[VEC], b[VEC];
#pragma unroll
            for (int i = 0; i < VEC; i++)
                a[i] = vec_load(rows[i] + k);
#pragma unroll
            for (int round = 1; round < VEC; round *= 2) {
#pragma unroll
                for (int i = 0; i < VEC / 2; i++) {
                    b[2 * i].even = a[i].lo;
                    b[2 * i].odd = a[i + VEC / 2].lo;
                    b[2 * i + 1].even = a[i].hi;
                    b[2 * i + 1].odd = a[i + VEC / 2].hi;
                }
#pragma unroll
                for (int i = 0; i < VEC; i++)
                    a[i] = b[i];
            }
#pragma unroll
            for (int i = 0; i < VEC; i++)
                vec_store(a[i], to + (k + i) * COLUMNS + base);
        }
#endif
        for (; k < count; k++)
            for (int i = 0; i < VEC; i++)
                to[k * COLUMNS + base + i] = base + i < columns ? rows[i][k] : 0.0f;
    }
}

// A panel of the weights in memory: `rows` rows of `lines` cache lines, `step` floats apart. The
// rows are too far apart for the processor's own prefetcher, and each panel is read only a few
// times, so waiting for it can take a third of the time.
typedef struct panel {
    const global float *at;
    size_t step;
    int rows, lines;
} panel;

enum { LINE = 16 }; // floats in a cache line; true for nearly all processors and harmless for
                    // others

// Prefetches cache lines [first, last) of a panel, but only if the compiler is PoCL's, which is
// recognised by its macro: SPIR-V cannot express the builtin, and Mesa's translator to SPIR-V ends
// the process when it meets it.
INLINE void prefetch_lines(const panel p, int first, int last)
{
#if defined(POCL_DEVICE_ADDRESS_BITS) && defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
    for (int i = first; i < last; i++)
        __builtin_prefetch(
            (const void *)(size_t)(p.at + i / p.lines * p.step + i % p.lines * LINE), 0, 2);
#endif
#endif
}

// sums += a * b. Element (row, k) of a is at row * row_step + k * k_step; b is [k][COLUMNS].
INLINE void multiply(const float *a, int row_step, int k_step, const float *b, int count, sums *s)
{
    for (int k = 0; k < count; k++) {
        const vec low = vec_load(b + k * COLUMNS), high = vec_load(b + k * COLUMNS + VEC);
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            const vec factor = (vec)(a[i * row_step + k * k_step]);
            s->low[i] = fma(factor, low, s->low[i]);
            s->high[i] = fma(factor, high, s->high[i]);
        }
    }
}

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

// Unfinished sums are floats. If the target is float too, they are kept in it. Otherwise they are
// kept in private memory with rows of PARTIAL_STEP, since storing them as halves would round them
// after every chunk.
#ifdef HALF_STORAGE
#define PARTIAL private
#define PARTIAL_STEP (MAX_PANELS * COLUMNS)

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
#define PARTIAL global
#define load_partial(from, left, low, high) load_row(from, left, low, high)
#define store_partial(low, high, to, left)  store_row(low, high, to, left)
#endif

// target[to[i]...] = (add ? target : 0) + a * b, for `rows` rows and `left` columns of one tile.
INLINE void multiply_tile(const float *a, const float *b, int count, PARTIAL float *target,
                          const size_t *to, int rows, int left, bool add)
{
    sums s;
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        s.low[i] = s.high[i] = (vec)(0.0f);
    if (add) {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            load_partial(target + to[i], left, &s.low[i], &s.high[i]);
    }
    multiply(a, ROW_STEP, 1, b, count, &s);
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        if (i < rows)
            store_partial(s.low[i], s.high[i], target + to[i], left);
}

// Applies the ending to a block's results: `rows` rows that begin at to[...], and `columns` columns
// from channel `first` on.
INLINE void finish_block(global real *y, const size_t *to, int rows, int first, int columns,
                         const ending e)
{
    for (int r = 0; r < rows; r++)
        for (int at = 0; at < columns; at += VEC) {
            const int left = columns - at;
            global real *here = y + to[r] + at;
            real_store_part(finish_vec(real_load_part(here, left), e, first + at, to[r] + at, left),
                            here, left);
        }
}

// The block's part of the batch statistics: means[columns] and, c floats later, the sums of squared
// deviations from them. Differences from the first row are summed, so no digits are lost if the
// mean is large compared with the deviation.
INLINE void sum_block(const global real *y, const size_t *to, int rows, int columns,
                      global float *means, int c)
{
    for (int at = 0; at < columns; at += VEC) {
        const int left = columns - at;
        const vec shift = real_load_part(y + to[0] + at, left);
        vec sum = (vec)(0.0f), squares = (vec)(0.0f);
        for (int r = 1; r < rows; r++) {
            const vec d = real_load_part(y + to[r] + at, left) - shift;
            sum += d;
            squares += d * d;
        }
        const vec mean = sum / (float)rows;
        vec_store_part(shift + mean, means + at, left);
        vec_store_part(relu_of(squares - sum * mean), means + c + at, left);
    }
}

// The panel of a tap's weights that begins with channel c of the source and the given column of the
// target.
INLINE panel panel_of(const global float *tap, const geometry g, int c, int column)
{
    const int channels = min(CHUNK, g.source_c - c), columns = min(COLUMNS, g.target_c - column);
    if (g.transposed) {
        const panel p = {tap + (size_t)column * g.source_c + c, g.source_c, columns,
                         (channels + LINE - 1) / LINE};
        return p;
    }
    const panel p = {tap + (size_t)c * g.target_c + column, g.target_c, channels,
                     (columns + LINE - 1) / LINE};
    return p;
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

// Where the block's rows read the source, before the tap's offset is added, and where they write
// the target.
typedef struct places {
    int y[MAX_ROWS], x[MAX_ROWS], image[MAX_ROWS];
    size_t to[MAX_ROWS];
} places;

// Computed once for each row, because divisions cost as much as a dozen multiply-adds of a whole
// vector.
INLINE void place_rows(const geometry g, const block b, places *p)
{
    for (int r = 0; r < b.rows; r++) {
        const int image = (b.first_row + r) % g.images, q = (b.first_row + r) / g.images;
        const int y = q / g.grid_w, x = q % g.grid_w;
        p->y[r] = y * g.source_step;
        p->x[r] = x * g.source_step;
        p->image[r] = image * g.source_h * g.source_w;
        p->to[r] = (((size_t)image * g.target_h + y * g.target_step + g.start_y) * g.target_w +
                    x * g.target_step + g.start_x) *
                       g.target_c +
                   b.first_column;
    }
    for (int r = b.rows; r < b.tiles * ROWS; r++)
        p->to[r] = p->to[b.rows - 1];
}

// For one tap: the source pixel of each row, or -1 for padding. Returns a bit mask of the tiles
// that have a row inside the image.
INLINE uint meet_tap(const geometry g, const block b, const places *p, int offset_y, int offset_x,
                     int *from)
{
    uint used = 0;
    for (int r = 0; r < b.rows; r++) {
        const int y = p->y[r] + offset_y, x = p->x[r] + offset_x;
        const bool inside = y >= 0 && y < g.source_h && x >= 0 && x < g.source_w;
        from[r] = inside ? p->image[r] + y * g.source_w + x : -1;
        used |= (uint)inside << r / ROWS;
    }
    return used;
}

// A chunk of the sum: `count` channels of the source from channel c on, the weights of one tap, and
// a bit mask of the tiles that use it. next_tap: the weights of the next tap in the row, or NULL.
typedef struct chunk {
    const global float *tap, *next_tap;
    int c, count;
    uint used;
} chunk;

// Gathers the source's factor of a chunk.
INLINE void gather_rows(const global real *source, const geometry g, const block b, const chunk k,
                        const int *from, float *a)
{
    for (int r = 0; r < b.tiles * ROWS; r++) {
        if (!(k.used >> r / ROWS & 1))
            continue;
        if (r < b.rows && from[r] >= 0)
            copy_reals(source + (size_t)from[r] * g.source_c + k.c, a + r * ROW_STEP, k.count);
        else
            for (int i = 0; i < k.count; i++)
                a[r * ROW_STEP + i] = 0.0f;
    }
}

// The panel that is multiplied after the one at `column`; the same panel if the next one is
// unknown.
INLINE panel next_panel(const geometry g, const block b, const chunk k, int column)
{
    if (column + COLUMNS < b.first_column + b.columns)
        return panel_of(k.tap, g, k.c, column + COLUMNS);
    if (k.c + CHUNK < g.source_c)
        return panel_of(k.tap, g, k.c + CHUNK, b.first_column);
    if (k.next_tap)
        return panel_of(k.next_tap, g, 0, b.first_column);
    return panel_of(k.tap, g, k.c, column);
}

// Adds a chunk's products to the sums at partial[at[row]...]. A tile that is not in `written` has
// no sums yet, so the products replace what is there. While a panel is multiplied the next one is
// prefetched, a part of it before each tile.
INLINE void multiply_panels(const float *a, const geometry g, const block b, const chunk k,
                            uint written, PARTIAL float *partial, const size_t *at)
{
    float factors[CHUNK * COLUMNS];
    const int tiles_used = popcount(k.used);
    for (int p = 0; p < b.columns; p += COLUMNS) {
        const int left = g.target_c - b.first_column - p;
        const panel now = panel_of(k.tap, g, k.c, b.first_column + p);
        if (g.transposed)
            copy_transposed(now.at, now.step, factors, k.count, now.rows);
        else
            for (int i = 0; i < k.count; i++)
                copy_columns(now.at + i * now.step, factors + i * COLUMNS, left);
        const panel next = next_panel(g, b, k, b.first_column + p);
        const int lines = next.at == now.at ? 0 : next.rows * next.lines;
        int done = 0;
        for (int t = 0; t < b.tiles; t++)
            if (k.used >> t & 1) {
                prefetch_lines(next, lines * done / tiles_used, lines * (done + 1) / tiles_used);
                done++;
                multiply_tile(a + t * ROWS * ROW_STEP, factors, k.count, partial + p,
                              at + t * ROWS, min(b.rows - t * ROWS, ROWS), left, written >> t & 1);
            }
    }
}

// After the last chunk: moves sums that are kept elsewhere into the target, and sets to zero the
// pixels that meet no tap, such as those that a stride of 2 skips.
#ifdef HALF_STORAGE
INLINE void settle_rows(const float *partial, const size_t *at, const block b, uint written,
                        int accumulate, global real *target, const size_t *to)
{
    for (int r = 0; r < b.rows; r++)
        for (int column = 0; column < b.columns; column += VEC) {
            global real *out = target + to[r] + column;
            vec sum = (vec)(0.0f);
            if (written >> r / ROWS & 1)
                sum = vec_load(partial + at[r] + column);
            if (accumulate)
                sum += real_load_part(out, b.columns - column);
            real_store_part(sum, out, b.columns - column);
        }
}
#else
INLINE void settle_rows(const block b, uint written, global real *target, const size_t *to)
{
    for (int r = 0; r < b.rows; r++)
        if (!(written >> r / ROWS & 1))
            for (int column = 0; column < b.columns; column++)
                target[to[r] + column] = 0.0f;
}
#endif

INLINE void end_block(global real *target, const geometry g, const block b, int row_block,
                      const size_t *to, const ending e)
{
    if (e.shift)
        finish_block(target, to, b.rows, b.first_column, b.columns, e);
    if (!e.sums)
        return;
    sum_block(target, to, b.rows, b.columns,
              e.sums + row_block * (size_t)2 * g.target_c + b.first_column, g.target_c);
    if (b.first_column == 0)
        SUM_COUNTS(e.sums, get_global_size(0), g.target_c)[row_block] = b.rows;
}

// Adds the products of all taps to the sums at partial[at[row]...]. `written` is the mask of the
// tiles that already have sums; the result is the mask afterwards.
INLINE uint add_taps(const global real *source, const global float *weights, const geometry g,
                     const block b, const places *p, uint written, PARTIAL float *partial,
                     const size_t *at)
{
    float a[MAX_ROWS * ROW_STEP];
    int from[MAX_ROWS];
    const int step = g.tap_step, tap_weights = g.source_c * g.target_c;
    for (int ky = g.first_ky; ky < g.size; ky += step)
        for (int kx = g.first_kx; kx < g.size; kx += step) {
            const global float *tap = weights + (size_t)(ky * g.size + kx) * tap_weights;
            const uint used = meet_tap(g, b, p, offset_of_tap(g, g.start_y, ky),
                                       offset_of_tap(g, g.start_x, kx), from);
            for (int c = 0; used && c < g.source_c; c += CHUNK) {
                const chunk k = {tap, kx + step < g.size ? tap + step * tap_weights : 0, c,
                                 min(CHUNK, g.source_c - c), used};
                gather_rows(source, g, b, k, from, a);
                multiply_panels(a, g, b, k, written, partial, at);
                written |= used;
            }
        }
    return written;
}

// target = (accumulate ? target : 0) + sum over taps of source * weights, for one block of
// convolution number `which`. The convolutions follow each other in each buffer.
INLINE void gather_multiply(const global real *source, const global float *weights,
                            global real *target, size_t which, const geometry g, int row_block,
                            int tiles, int panels, int accumulate, const ending e)
{
    places p;
    const block b = block_of(g, row_block, tiles, panels);
    if (b.rows <= 0 || b.columns <= 0)
        return;
    source += which * g.images * g.source_h * g.source_w * g.source_c;
    weights += which * g.size * g.size * g.source_c * g.target_c;
    target += which * g.images * g.target_h * g.target_w * g.target_c;
    place_rows(g, b, &p);
#ifdef HALF_STORAGE
    float partial[MAX_ROWS * PARTIAL_STEP];
    size_t at[MAX_ROWS];
    for (int r = 0; r < tiles * ROWS; r++)
        at[r] = r * PARTIAL_STEP;
    const uint written = add_taps(source, weights, g, b, &p, 0, partial, at);
    settle_rows(partial, at, b, written, accumulate, target, p.to);
#else
    const uint before = accumulate ? (1u << (b.rows + ROWS - 1) / ROWS) - 1 : 0;
    const uint written = add_taps(source, weights, g, b, &p, before, target, p.to);
    settle_rows(b, written, target, p.to);
#endif
    end_block(target, g, b, row_block, p.to, e);
}

// All three directions have the same signature: one work-item computes `tiles` x `panels` tiles,
// and only the weight gradient uses `partials`, which has the shape of the weights.
#define item_kernel kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
#define BLOCK_ARGUMENTS int tiles, int panels, global float *partials

// y = convolution of x and weights. The third dimension counts convolutions of this shape.
item_kernel implicit_gemm_forward(global const real *x, global const float *weights, global real *y,
                                  CONVOLUTION_ARGUMENTS, BLOCK_ARGUMENTS)
{
    const shapes s = SHAPES;
    const ending e = ENDING;
    gather_multiply(x, weights, y, get_global_id(2), forward_geometry(s), get_global_id(0), tiles,
                    panels, 0, e);
}

// dx = (accumulate ? dx : 0) + the data gradient. All rows of a block belong to one class of pixels
// (see backward_geometry). Classes differ in work, so they alternate along the first dimension: a
// runtime that gives each core a contiguous range of work-items then gives every core some of each
// class.
item_kernel implicit_gemm_backward_data(global const real *dy, global const float *weights,
                                        global real *dx, CONVOLUTION_ARGUMENTS, BLOCK_ARGUMENTS)
{
    const shapes s = SHAPES;
    const ending none = {0, 0, 0, 0, 0};
    const int classes = stride * stride;
    gather_multiply(dy, weights, dx, get_global_id(2),
                    backward_geometry(s, get_global_id(0) % classes), get_global_id(0) / classes,
                    tiles, panels, accumulate, none);
}

// Lists the pairs of pixels of x and dy that meet in a tap, at most CHUNK of them, starting at
// pixel *pixel of dy, which is advanced. Returns the number of pairs.
INLINE int meet_pixels(const shapes s, int *pixel, int ky, int kx, int *from, int *to)
{
    int count = 0, at = *pixel;
    for (; at < s.n * s.oh * s.ow && count < CHUNK; at++) {
        const int met = pixel_of_x(s, at, ky, kx);
        if (met < 0)
            continue;
        from[count] = met;
        to[count++] = at;
    }
    *pixel = at;
    return count;
}

// Adds one chunk of a tile's sum: `rows` rows with a stride of cout, `left` columns. Sums of
// earlier chunks are in `partial`. Only the complete sum is added to the target: with a small
// alpha, adding each chunk by itself would lose digits.
INLINE void add_gradient_tile(const float *a, const float *b, int count, global float *partial,
                              global float *target, int cout, int rows, int left, bool first,
                              bool last, float alpha, float beta)
{
    sums s;
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        s.low[i] = s.high[i] = (vec)(0.0f);
    if (!first) {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            if (i < rows)
                load_row(partial + (size_t)i * cout, left, &s.low[i], &s.high[i]);
    }
    multiply(a, 1, MAX_ROWS, b, count, &s);
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        if (i < rows && !last) {
            store_row(s.low[i], s.high[i], partial + (size_t)i * cout, left);
        } else if (i < rows) {
            global float *row = target + (size_t)i * cout;
            store_gradient(s.low[i], alpha, beta, row, left);
            if (left > VEC)
                store_gradient(s.high[i], alpha, beta, row + VEC, left - VEC);
        }
}

// dweights[tap] = alpha * (sum over pixels of x * dy) + beta * dweights[tap], for every tap that
// meets at least one pixel inside the image. The third dimension counts the taps of the first
// convolution, then those of the second, and so on. Rows are input channels, and the sum runs over
// the output's pixels. `partials` stores sums of more than one chunk until they are complete; it
// may be dweights if alpha is 1 and beta is 0.
item_kernel implicit_gemm_backward_weights(global const real *x, global const real *dy,
                                           global float *dweights, CONVOLUTION_ARGUMENTS,
                                           BLOCK_ARGUMENTS)
{
    float a[CHUNK * MAX_ROWS], b[CHUNK * COLUMNS];
    int from[CHUNK], to[CHUNK];
    const shapes s = SHAPES;
    const int first_row = get_global_id(0) * tiles * ROWS;
    const int first_column = get_global_id(1) * panels * COLUMNS;
    const int ky = get_global_id(2) / size % size, kx = get_global_id(2) % size;
    const size_t which = get_global_id(2) / (size * size);
    const int rows = min(tiles * ROWS, cin - first_row);
    const int columns = min(panels * COLUMNS, cout - first_column);
    const size_t matrix = (size_t)get_global_id(2) * cin * cout;
    x += which * n * h * w * cin;
    dy += which * n * oh * ow * cout;
    int pixel = 0;
    int left_over = n * span_of_tap(ky, h, oh, stride, pad).count *
                    span_of_tap(kx, w, ow, stride, pad).count;
    for (bool first = true; left_over > 0; first = false) {
        const int count = meet_pixels(s, &pixel, ky, kx, from, to);
        left_over -= count;
        for (int k = 0; k < count; k++) {
            copy_reals(x + (size_t)from[k] * cin + first_row, a + k * MAX_ROWS, rows);
            for (int r = rows; r < tiles * ROWS; r++)
                a[k * MAX_ROWS + r] = 0.0f;
        }
        for (int column = first_column; column < first_column + columns; column += COLUMNS) {
            const int left = cout - column;
            for (int k = 0; k < count; k++)
                copy_real_columns(dy + (size_t)to[k] * cout + column, b + k * COLUMNS, left);
            for (int row = 0; row < rows; row += ROWS) {
                const size_t at = matrix + (size_t)(first_row + row) * cout + column;
                add_gradient_tile(a + row, b, count, partials + at, dweights + at, cout, rows - row,
                                  left, first, left_over == 0, alpha, beta);
            }
        }
    }
}
