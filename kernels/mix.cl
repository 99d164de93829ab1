// Mixes the images y[n][size] of a batch in place: image i and its partner n - 1 - i take of each
// other, and one work-item handles both, so neither is read after it was written.

// Both become a mean of the two; VEC values of one pair.
kernel void mixup(global real *y, int n, uint size, float partner_share)
{
    const uint at = get_global_id(0) * VEC;
    const size_t pair = get_global_id(1);
    const int left = min((uint)VEC, size - at);
    global real *a = y + pair * size + at, *b = y + (n - 1 - pair) * size + at;
    const vec own = real_load_part(a, left), partner = real_load_part(b, left);
    const float share = 1.0f - partner_share;
    real_store_part(share * own + partner_share * partner, a, left);
    real_store_part(share * partner + partner_share * own, b, left);
}

// Both exchange a box from (left, top) on; one value of a row of it, x counting colours, too.
kernel void cutmix(global real *y, int n, int h, int w, int left, int top)
{
    const size_t x = left * 3 + get_global_id(0), row = top + get_global_id(1);
    const size_t pair = get_global_id(2), size = (size_t)h * w * 3;
    global real *a = y + pair * size + row * w * 3 + x;
    global real *b = y + (n - 1 - pair) * size + row * w * 3 + x;
    const float own = real_get(a);
    real_set(real_get(b), a);
    real_set(own, b);
}
