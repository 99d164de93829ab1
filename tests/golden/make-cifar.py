#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cifar-python.tar.gz, cifar-binary.tar.gz and cifar-binary.tar.xz: the same few images in the
forms in which CIFAR-100 is distributed, for tests/test_data.sh.

The python version is pickled as by Python 2 (protocol 2, byte strings). Its opcodes are spelled out
here, because today's Python does not write them. Needs only Python.
"""

import io
import lzma
import gzip
import struct
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
TRAIN, TEST, PIXELS = 40, 20, 1024


def image(index):
    """A smooth picture, which compresses well: three planes of 32x32."""
    return bytes((x * (1 + index % 5) + y * (2 + channel) + 31 * index) % 256 // 16 * 16
                 for channel in range(3) for y in range(32) for x in range(32))


def labels(index):
    """The fine class 7 * index % 100; its coarse class here is a fifth of its number."""
    fine = 7 * index % 100
    return fine // 5, fine


def string(value):
    if len(value) < 256:
        return b"U" + bytes([len(value)]) + value
    return b"T" + struct.pack("<I", len(value)) + value


def number(value):
    return b"K" + bytes([value]) if value < 256 else b"J" + struct.pack("<i", value)


def list_of(items):
    return b"](" + b"".join(items) + b"e"


def array(rows, columns, data):
    dtype = (b"cnumpy\ndtype\n" + string(b"u1") + number(0) + number(1) + b"\x87R(" + number(3) +
             string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + number(0) + b"tb")
    return (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" +
            string(b"b") + b"\x87R(" + number(1) + number(rows) + number(columns) + b"\x86" +
            dtype + b"\x89" + string(data) + b"tb")


def dictionary(**items):
    return b"\x80\x02}(" + b"".join(string(k.encode()) + v for k, v in items.items()) + b"u."


def part(first, count):
    indices = range(first, first + count)
    return dictionary(
        filenames=list_of(string(b"picture_%d.png" % i) for i in indices),
        batch_label=string(b"made up"),
        fine_labels=list_of(number(labels(i)[1]) for i in indices),
        coarse_labels=list_of(number(labels(i)[0]) for i in indices),
        data=array(count, 3 * PIXELS, b"".join(image(i) for i in indices)))


def records(first, count):
    return b"".join(bytes(labels(i)) + image(i) for i in range(first, first + count))


def tar(folder, files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def main():
    # CIFAR's coarse names are sorted, but a reader must not rely on it: these are not.
    coarse = [f"kind {chr(ord('t') - i)}" for i in range(20)]
    fine = [f"thing_{i:02d}" for i in range(100)]
    lines = {"coarse_label_names.txt": "\n".join(coarse + [""]).encode(),
             "fine_label_names.txt": "\n".join(fine + [""]).encode()}
    meta = dictionary(fine_label_names=list_of(string(n.encode()) for n in fine),
                      coarse_label_names=list_of(string(n.encode()) for n in coarse))
    python = tar("cifar-100-python", {"meta": meta, "test": part(TRAIN, TEST),
                                      "train": part(0, TRAIN)})
    binary = tar("cifar-100-binary", lines | {"test.bin": records(TRAIN, TEST),
                                              "train.bin": records(0, TRAIN)})
    (HERE / "cifar-python.tar.gz").write_bytes(gzip.compress(python, mtime=0))
    (HERE / "cifar-binary.tar.gz").write_bytes(gzip.compress(binary, mtime=0))
    (HERE / "cifar-binary.tar.xz").write_bytes(lzma.compress(binary))


if __name__ == "__main__":
    main()
