// Put before every program by src/device/program.c. VEC, the number of floats that one work-item
// handles at once, comes from the device's native vector width.
#ifndef VEC
#define VEC 4
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

#if VEC == 1
typedef float vec;
typedef int vec_mask;
#define vec_load(p)     (*(p))
#define vec_store(v, p) (*(p) = (v))
#else
typedef JOIN(float, VEC) vec;
typedef JOIN(int, VEC) vec_mask;
#define vec_load(p)     JOIN(vload, VEC)(0, (p))
#define vec_store(v, p) JOIN(vstore, VEC)((v), 0, (p))
#endif

// Loads min(VEC, left) floats, the rest zero; for the last vector of a row whose length is no
// multiple of VEC.
inline vec vec_load_part(const global float *p, int left)
{
    if (left >= VEC)
        return vec_load(p);
    float lanes[VEC];
    for (int i = 0; i < VEC; i++)
        lanes[i] = i < left ? p[i] : 0.0f;
    return vec_load(lanes);
}

// Stores min(VEC, left) floats.
inline void vec_store_part(vec v, global float *p, int left)
{
    if (left >= VEC) {
        vec_store(v, p);
        return;
    }
    float lanes[VEC];
    vec_store(v, lanes);
    for (int i = 0; i < left; i++)
        p[i] = lanes[i];
}
