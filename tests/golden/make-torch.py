#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes torch-*.pth, which test_tensor_file.c reads. Needs torch.

All containers have the same tensors. Element i in row-major order is ((7 * i) % 31 - 15) / 4, which
every floating-point type represents exactly, and i * 2**33 - 5 in I64.
"""
import collections
import os
import zipfile

import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def values(*shape, dtype=torch.float32):
    count = torch.Size(shape).numel()
    if dtype == torch.int64:
        return (torch.arange(count) * 2**33 - 5).reshape(shape)
    return ((torch.arange(count) * 7 % 31 - 15) / 4).to(dtype).reshape(shape)


def strided(full, *strides):
    """The same values with other strides."""
    storage = torch.zeros(200)
    made = storage.as_strided(full.shape, strides, 3)
    made.copy_(full)
    return made


def make_tensors():
    both = values(12)
    tensors = collections.OrderedDict(
        f32=values(2, 3, 1),
        f16=values(5, dtype=torch.float16),
        bf16=values(3, 2, dtype=torch.bfloat16),
        f64=values(4, dtype=torch.float64),
        i64=values(3, dtype=torch.int64),
        scalar=values(dtype=torch.int64),
        i32=torch.tensor([1, 2], dtype=torch.int32),
        transposed=values(3, 4).t().contiguous().t(),
        stepped=strided(values(2, 3, 4), 1, 50, 7),
        whole=both,
        part=both[:5],
        empty=values(0, 4),
        parameter=torch.nn.Parameter(values(6)),
    )
    tensors._metadata = collections.OrderedDict({"": {"version": 2}})
    return tensors


def deflate(path, to):
    """Writes the same archive with deflated members, in the format for large files."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            with new.open(member, "w", force_zip64=True) as file:
                file.write(old.read(name))


def main():
    os.chdir(HERE)
    tensors = make_tensors()
    checkpoint = {
        "epoch": 3,
        "loss": 0.25,
        "name": "none",
        "optimizer": {"state": {0: {"momentum_buffer": values(3)}}, "param_groups": [{"lr": 0.1}]},
        "model_state_dict": tensors,
    }
    torch.save(checkpoint, "torch-zip.pth")
    torch.save(checkpoint, "torch-legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(tensors, "torch-protocol-4.pth", pickle_protocol=4)
    deflate("torch-zip.pth", "torch-deflated.pth")


main()
