# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/augment.h: images augmented by torchvision, for tests/test_input.c.

    python3 tests/golden/make-augment.py > tests/golden/augment.h    (needs torchvision and Pillow)

Each image goes through the functions that torchvision's RandomResizedCrop, RandomRotation,
RandomCrop(padding) and RandomHorizontalFlip call, with the numbers given here. The images come from
make-input.py's formula, which the test repeats."""
import numpy
from PIL import Image
from torchvision.transforms import functional as F
from torchvision.transforms import InterpolationMode

# width, height, size, part (left, top, width, height), angle, padding, shift_x, shift_y, flip
CASES = [
    (32, 32, 16, (3, 5, 20, 17), 0.0, 0, 0, 0, 0),
    (50, 37, 16, (10, 0, 40, 37), 0.0, 0, 0, 0, 1),
    (20, 17, 16, (0, 0, 20, 17), 0.0, 4, 3, -4, 0),
    (16, 16, 16, (0, 0, 16, 16), 0.0, 4, -4, 2, 1),
    (45, 60, 16, (7, 9, 30, 12), 12.5, 3, -2, 3, 1),
    (9, 7, 16, (2, 1, 5, 6), -19.0, 6, 5, -1, 0),
    (70, 64, 16, (11, 4, 1, 60), 3.0, 1, 1, 1, 1),
]


def picture(width, height, seed):
    state, values = seed, []
    for _ in range(width * height * 3):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state >> 24)
    return numpy.array(values, dtype=numpy.uint8).reshape(height, width, 3)


print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by make-augment.py with torchvision; the columns are explained there. */")
print("/* clang-format off */")
print("static const struct golden_augment {")
print("    int width, height, size, part[4];")
print("    double angle;")
print("    int padding, shift_x, shift_y, flip;")
print("    const char *values; /* hexadecimal, [size][size][3] */")
print("} golden_augments[] = {")
for index, (width, height, size, part, angle, padding, x, y, flip) in enumerate(CASES):
    image = Image.fromarray(picture(width, height, index + 31))
    left, top, w, h = part
    image = F.resized_crop(image, top, left, h, w, [size, size], InterpolationMode.BILINEAR)
    image = F.rotate(image, angle, InterpolationMode.NEAREST)
    if padding:
        image = F.crop(F.pad(image, padding), padding + y, padding + x, size, size)
    if flip:
        image = F.hflip(image)
    values = numpy.asarray(image).tobytes().hex()
    print(f"    {{{width}, {height}, {size}, {{{left}, {top}, {w}, {h}}}, {angle}, {padding}, "
          f"{x}, {y}, {flip},")
    lines = [values[i:i + 88] for i in range(0, len(values), 88)]
    print("\n".join(f'     "{line}"' for line in lines) + "},")
print("};")
print("/* clang-format on */")
