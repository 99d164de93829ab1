# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/input.h: images resized and rotated by Pillow, for tests/test_input.c.

    python3 tests/golden/make-input.py > tests/golden/input.h        (needs numpy and Pillow)

The images themselves come from a formula that the test repeats. Only some rows of large results are
kept, because a C string has at most 4095 characters."""
import numpy
from PIL import Image

# width, height, size, angle in degrees (anticlockwise), flip, first row, rows
CASES = [
    (32, 32, 224, 0.0, 0, 0, 2),
    (32, 32, 224, 13.7, 1, 100, 3),
    (32, 32, 32, 0.0, 1, 0, 16),
    (32, 32, 32, -19.3, 0, 16, 16),
    (32, 32, 33, 20.0, 0, 0, 20),
    (50, 37, 32, 0.0, 0, 0, 16),
    (50, 37, 32, 7.25, 1, 16, 16),
    (7, 5, 64, 0.0, 0, 20, 8),
    (7, 5, 64, -3.125, 0, 20, 8),
    (301, 120, 17, 0.0, 0, 0, 17),
    (1, 1, 5, 0.0, 0, 0, 5),
    (200, 90, 9, 11.0, 0, 0, 9),
]


def picture(width, height, seed):
    """The top bytes of a linear congruential generator's states, interleaved RGB."""
    state, values = seed, []
    for _ in range(width * height * 3):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state >> 24)
    return numpy.array(values, dtype=numpy.uint8).reshape(height, width, 3)


print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by make-input.py with Pillow; the columns are explained there. */")
print("/* clang-format off */")
print("static const struct golden {")
print("    int width, height, size;")
print("    double angle;")
print("    int flip, first_row, rows;")
print("    const char *values; /* hexadecimal, [rows][size][3] */")
print("} goldens[] = {")
for index, (width, height, size, angle, flip, first, rows) in enumerate(CASES):
    image = Image.fromarray(picture(width, height, index + 1))
    image = image.resize((size, size), Image.BILINEAR)
    image = image.rotate(angle, Image.NEAREST)
    if flip:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    values = numpy.asarray(image)[first:first + rows].tobytes().hex()
    print(f"    {{{width}, {height}, {size}, {angle}, {flip}, {first}, {rows},")
    lines = [values[i:i + 88] for i in range(0, len(values), 88)]
    print("\n".join(f'     "{line}"' for line in lines) + "},")
print("};")
print("/* clang-format on */")
