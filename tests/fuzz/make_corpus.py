# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds in tests/fuzz/corpus: small files of every kind that hcnn-cl reads, in each of its
variants. hcnn-cl must be built, because it writes the store of runs:

    python3 tests/fuzz/make_corpus.py

PyTorch's files are taken from tests/golden. Seeds are named seed-* and are replaced; all other files
are findings of the fuzzer and stay.
"""

import glob
import gzip
import io
import json
import lzma
import os
import sqlite3
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(TESTS, "fuzz", "corpus")
PROGRAM = os.environ.get("HCNN_CL", os.path.join(os.path.dirname(TESTS), "hcnn-cl"))
MOST_BYTES = 4096


def put(target, name, data):
    data = data.encode() if isinstance(data, str) else data
    assert len(data) <= MOST_BYTES, (target, name, len(data))
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, "seed-" + name), "wb") as file:
        file.write(data)


# ---- Tensors ----


def safetensors(tensors, metadata=None):
    header, body = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, dtype, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + body


def persistent(key, storage, count):
    """('storage', torch.FloatStorage, key, 'cpu', count) as a persistent id."""
    return (b"(X\x07\0\0\0storage" + b"ctorch\n%s\n" % storage + b"X%s%s" % (struct.pack("<I", len(key)), key)
            + b"X\x03\0\0\0cpu" + b"J" + struct.pack("<i", count) + b"tQ")


def numbers(values):
    return b"(" + b"".join(b"K" + bytes([v]) for v in values) + b"t"


def tensor(key, storage, shape, strides, count):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + persistent(key, storage, count) + b"K\0" + numbers(shape)
            + numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR")


def state_dict(items):
    body = b"".join(b"X%s%s" % (struct.pack("<I", len(name)), name) + value for name, value in items)
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + body + b"u."


STATE = state_dict([(b"a", tensor(b"0", b"FloatStorage", [2, 2], [2, 1], 4)),
                    (b"b", tensor(b"0", b"FloatStorage", [2], [0], 4)),
                    (b"n", tensor(b"1", b"LongStorage", [], [], 1))])
LEGACY = (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03."
          + b"\x80\x02}(X\x0d\0\0\0little_endian\x88u.")


def zipped(members, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def shared(members):
    """An archive whose last two entries name the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.filelist[-1].header_offset = archive.filelist[-2].header_offset
    return file.getvalue()


def tensors():
    floats = struct.pack("<4f", 0, 1, -2, 3.5)
    put("safetensors", "empty", safetensors([]))
    put("safetensors", "types", safetensors(
        [("a", "F32", [2, 2], floats), ("b", "F16", [2], b"\0<\0@"), ("c", "BF16", [1], b"\x80?"),
         ("d", "F64", [1], struct.pack("<d", 1e300)), ("e", "I64", [], struct.pack("<q", 7)),
         ("f", "U8", [3], b"abc"), ("g", "F32", [0, 4], b"")], {"format": "pt"}))
    put("torch", "legacy", LEGACY + STATE + b"\x80\x02]q\0(X\1\0\0\0" + b"0X\1\0\0\0" + b"1e."
        + struct.pack("<Q", 4) + floats + struct.pack("<Qq", 1, 9))
    members = [("a/data.pkl", STATE), ("a/byteorder", b"little"), ("a/data/0", floats),
               ("a/data/1", struct.pack("<q", 9))]
    put("torch", "zip", zipped(members))
    put("torch", "deflated", zipped(members, zipfile.ZIP_DEFLATED))
    put("torch", "shared", shared(members))
    for name in "torch-legacy.pth", "torch-deflated.pth":
        with open(os.path.join(TESTS, "golden", name), "rb") as file:
            put("torch", name, file.read())
    put("torch_contents", "tensors", STATE)
    put("torch_contents", "nested", b"\x80\x02}X\x0a\0\0\0state_dict" + STATE[2:-1] + b"s.")
    put("pickle", "torch", b"0" + STATE)
    put("pickle", "protocol-4", b"0\x80\x04\x95\x08\0\0\0\0\0\0\0}\x94\x8c\1a\x94K\1s.")
    put("pickle", "array", b"1" + array(b"abcdef", (2, 3)) + b".")
    put("pickle", "numbers", b"1\x80\x02(NK\1M\0\1J\xff\xff\xff\xff\x8a\1\xff\x8a\x09123456789G?\xf0\0\0\0\0\0\0\x88\x89l.")
    put("import", "resnet", b"0" + b"\n".join(
        [b"conv1.weight 64 3 7 7", b"bn1.weight 64", b"bn1.bias 64", b"bn1.running_mean 64",
         b"layer1.0.conv1.weight 64 64 3 3", b"fc.weight 10 512", b"fc.bias 10"]))
    put("import", "network", b"@" + b"\n".join(
        [b"module.fine_classifier.weight 10 64", b"coarse_classifier.weight 2 64", b"backbone.conv1.weight 8 3 3 3",
         b"fine_backbone.conv1.weight 8 3 3 3", b"encoder.fc.weight 3 8 1 1"]))


# ---- Data sets ----


def array(data, shape):
    """A numpy array of uint8, pickled with protocol 2."""
    latin1 = data.decode("latin1").encode()
    return (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\1btR(K\1"
            + b"".join(b"M" + struct.pack("<H", n) for n in shape) + bytes([0x84 + len(shape)])
            + b"cnumpy\ndtype\n(U\2u1K\0K\1tR(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89"
            + b"c_codecs\nencode\n(X%s%s" % (struct.pack("<I", len(latin1)), latin1) + b"X\6\0\0\0latin1tRtb")


def text(value):
    return b"U" + bytes([len(value)]) + value


def tarred(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def data_sets():
    record = b"\1\2" + bytes(3072)
    batch = (b"\x80\x02}(" + text(b"data") + array(bytes(3072), (1, 3072))[2:] + text(b"coarse_labels") + b"](K\1e"
             + text(b"fine_labels") + b"](K\2eu.")
    meta = (b"\x80\x02}(" + text(b"coarse_label_names") + b"](" + b"U\1c" * 20 + b"e" + text(b"fine_label_names")
            + b"](" + b"U\1f" * 100 + b"eu.")
    names = ["".join(f"{i}\n" for i in range(count)) for count in (20, 100)]
    for place, data in enumerate([record, record, names[0].encode(), names[1].encode(), batch, batch, meta]):
        put("cifar", str(place), bytes([place]) + data)
    small = [("cifar/train.bin", b"abc"), ("cifar/meta", b"meta")]
    tar = tarred(small)[:3072]
    put("archive", "tar", tar)
    put("archive", "gz", gzip.compress(tar, mtime=0))
    put("archive", "xz", lzma.compress(tar))
    put("csv", "parts", 'image,coarse,fine,split\na/0.jpg,animal,cat,train\n"b, c.png",plant,"o""ak",val\n')
    put("csv", "order", "\xef\xbb\xbffine,image,coarse\r\ncat,./x/../y.png,animal\r\n")
    put("deepfashion", "classes", b"\0" + b"3\ncategory_name category_type\nTee 1\nLong Coat 3\nJeans 2\n")
    put("deepfashion", "images", b"\1" + b"2\nimage_name  category_label\nimg/a.jpg  1\nimg/b c/d.jpg  2\n")
    put("deepfashion", "boxes", b"\2" + b"1\nimage_name  x_1  y_1  x_2  y_2\nimg/a.jpg  072 079 232 273\n")
    put("deepfashion", "parts", b"\3" + b"1\nimage_name evaluation_status\nimg/a.jpg  val\n")
    put("tree", "map", '{"animal": ["cat", "wolf"], "plant": ["oak"]}')
    images()


# ---- Images ----


def png(depth, colour, rows, width, extra=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0))
            + extra + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b""))


def bmp(bits, rows, width):
    stride = (width * bits + 31) // 32 * 4
    body = b"".join(row.ljust(stride, b"\0") for row in rows)
    return (b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, len(rows), 1, bits, 0, 0, 0, 0, 0, 0) + body)


def images():
    put("image", "png-rgb", png(8, 2, [bytes(range(9))] * 3, 3))
    put("image", "png-grey", png(1, 0, [b"\xa0"] * 3, 3))
    put("image", "png-alpha", png(16, 6, [bytes(range(16))] * 2, 2))
    palette = struct.pack(">I", 6) + b"PLTE" + b"\1\2\3\4\5\6" + struct.pack(">I", zlib.crc32(b"PLTE\1\2\3\4\5\6"))
    put("image", "png-palette", png(2, 3, [b"\x10"] * 2, 4, palette))
    put("image", "bmp-24", bmp(24, [bytes(range(9))] * 3, 3))
    put("image", "bmp-32", bmp(32, [bytes(range(8))] * 2, 2))
    put("image", "jpeg-progressive", progressive())
    with tempfile.TemporaryDirectory() as directory:
        jpegs(directory)


def segment(kind, data):
    return b"\xff" + kind + struct.pack(">H", len(data) + 2) + data


def progressive():
    """A grey 8x8 JPEG in two scans, whose tables have one code each."""
    table = bytes([1] + [0] * 15) + b"\0"
    return (b"\xff\xd8" + segment(b"\xdb", b"\0" + b"\1" * 64)
            + segment(b"\xc2", struct.pack(">BHHB", 8, 8, 8, 1) + b"\1\x11\0")
            + segment(b"\xc4", b"\0" + table) + segment(b"\xc4", b"\x10" + table)
            + segment(b"\xda", b"\1\1\0\0\0\0") + b"\x7f" + segment(b"\xda", b"\1\1\0\1\x3f\0") + b"\x7f\xff\xd9")


def jpegs(directory):
    """Pictures written by hcnn-cl."""
    source = os.path.join(directory, "cifar")
    os.mkdir(source)
    record = b"\1\2" + bytes((x * y) % 251 for y in range(96) for x in range(32))
    for name in "train.bin", "test.bin":
        with open(os.path.join(source, name), "wb") as file:
            file.write(record)
    for name, count in ("coarse", 20), ("fine", 100):
        with open(os.path.join(source, name + "_label_names.txt"), "w") as file:
            file.writelines(f"{i}\n" for i in range(count))
    for form in "jpg", "png":
        tree = os.path.join(directory, form)
        subprocess.run([PROGRAM, "preprocess", "--dataset", "cifar100", "--data-dir", source, "--out", tree,
                        "--types", "train", "--format", form], check=True, stdout=subprocess.DEVNULL)
        (path,) = glob.glob(os.path.join(tree, "train_images", "*", "*", "*"))
        with open(path, "rb") as file:
            put("image", form + "-written", file.read())


# ---- Texts ----

CLASSES = {"coarse": ["animal", "plant"], "fine": ["cat", "wolf", "oak"], "parents": [0, 0, 1]}
NETWORK = {"backbone": "tiny", "stem": "cifar", "only_fine": False, "image_size": 32, "freeze": "none",
           "shared_trunk": False, "coarse_stages": 3, "fusion": "add", "coarse_loss": "marginal"}
SUMS = {"count": 4, "coarse_loss": "0x1p+0", "fine_loss": "0x1.8p+1", "marginal_loss": "0x0p+0", "coarse_top1": 1,
        "coarse_top5": 4, "fine_top1": 1, "fine_top5": 4, "agree": 2}
STATE_PIECE = {"step": 10, "epoch": 1, "batch": 2, "sums": SUMS,
               "schedule": {"lr": "0x1p-7", "best": "inf", "bad_epochs": 0, "epoch": 1, "milestones": [7, 13]},
               "best_loss": "inf", "best_epoch": 0, "metrics_kind": "file", "metrics_bytes": 100,
               "metrics_crc32c": 3735928559, "optimizer_file": "optimizer-10.safetensors"}
METRICS = """{"step":1,"loss":2.5,"coarse_loss":0.5,"fine_loss":1,"lr":0.008}
{"epoch":1,"steps":1,"lr":0.008,"seconds":1.5,"best":true,"train":{"images":4,"loss":2.5,"fine_top1":0.25},"validation":{"images":2,"loss":null,"agreement":1}}
{"best_epoch":1,"test_half":{"images":1,"loss":1},"test_whole":{"images":2,"loss":1}}
"""
CONFIG = '{"data": null, "lr": 0.008, "momentum": 0.9, "epochs": 15, "nesterov": true, "seed": "7", "milestones": "7,13"}'


def texts():
    put("recipe", "lines", "# comment\nlr: 0.1\nbatch-size: 32\nmilestones: [7, 13]\naugment: 'flip,crop=4'\nfusion: null\n")
    put("recipe", "config", CONFIG)
    put("metrics", "lines", METRICS)
    put("record", "run", CONFIG + "\n=====\n" + METRICS)
    put("record", "elsewhere", '{"metrics": "no-such-file"}\n=====\n')
    put("options", "long", "--lr=0.1\n--batch-size\n32\n--augment\nmixup=0.2,resized-crop=0.08,cutout=8\n--nesterov\n")
    put("options", "schedules", "--schedule\none-cycle\n--warmup\n2.5\n--loss-schedule\n1:1:0,5:0:1\n--\nrest")
    put("options", "milestones", "--milestones=7,13\n--schedule=multistep\n--seed=18446744073709551615\n")
    put("metadata", "whole", json.dumps(
        {"hcnn.format": "1", "hcnn.classes": CLASSES, "hcnn.network": NETWORK, "hcnn.state": STATE_PIECE,
         "hcnn.run": {"seed": "7", "coarse_weight": "0x1p+0", "fine_weight": "0x1p+1", "crop_boxes": True},
         "hcnn.loss_scale": {"scale": "0x1p+16", "good_steps": 3, "even_overflowed": False, "odd_overflowed": True}}))
    old = dict(NETWORK, only_fine=True)
    for key in "shared_trunk", "coarse_stages", "fusion", "coarse_loss":
        del old[key]
    old_state = dict(STATE_PIECE, optimizer_file=None)
    for key in "metrics_kind", "metrics_crc32c":
        del old_state[key]
    put("metadata", "old", json.dumps({"hcnn.format": "1", "hcnn.classes": CLASSES, "hcnn.network": old,
                                       "hcnn.state": old_state}))
    put("evaluation", "whole", json.dumps(
        {"set": "test", "epoch": 1, "step": 10, "images": 3, "undecided": 0, "coarse_classes": CLASSES["coarse"],
         "fine_classes": ["cat", "<wolf>", "oak & ash"], "parents": [0, 0, 1], "coarse": [[2, 0], [0, 1]],
         "fine": [[1, 0, 0], [1, 0, 0], [0, 0, 1]],
         "worst": [{"image": "a.png", "label": 1, "answer": 0, "loss": 2.5, "probability": 0.1, "picture": None}]}))
    put("choices", "entries", json.dumps(
        {"gemm": {"parameters": "default", "seconds": 0.5}, "convolutions": [
            {"direction": direction, "cin": 3, "cout": 8, "kernel": 3, "stride": 1, "pad": 1, "n": 2, "h": 8, "w": 8,
             "algorithm": algorithm, "seconds": 1e-3}
            for direction, algorithm in (("forward", "im2col"), ("data", "direct"), ("weights", "winograd"))]})[1:-1])
    put("verdicts", "checks", json.dumps(
        {"tested": "2026-11-29 20:15:03", "checks": {
            "fp32 add": {"passed": True, "required": True, "shapes": 0, "error": 1e-7, "bound": 1e-5, "seconds": 0.5},
            "fp16 winograd forward": {"passed": False, "required": False, "shapes": 3, "error": None, "bound": 0.01,
                                      "seconds": 2, "why": "[1, 2] is 3 \u2260 4"}}})[1:-1])
    put("verdicts", "old", '"tested":"","checks":{"fp32 bias":{"passed":true,"error":0,"bound":1,"seconds":0}}')
    put("program", "whole", b"1hcnncl1\0" + struct.pack("<QQQ", 5, 3, 0) + b"keybinary")
    put("program", "binary", b"0binary")
    sweeps()


SWEEP = """method: bayes
metric: {name: validation/loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-4, max: 0.1}
  momentum: {values: [0, 0.9]}
  batch_size: {distribution: q_uniform, min: 8, max: 64, q: 8}
early_terminate: {type: hyperband, min_iter: 2}
run_cap: 10
"""


def sweeps():
    put("sweep", "bayes", SWEEP)
    put("sweep", "grid", 'method: grid\nparameters:\n  lr: {values: [0.1, 0.01]}\n  epochs: {min: 1, max: 3}\n'
        'command: ["${env}", "${interpreter}", "${program}", "--augment=none", "${args}"]\n')
    put("sweep", "random", json.dumps({"method": "random", "name": "s", "metric": {"name": "loss", "goal": "maximize"},
        "parameters": {"group": {"parameters": {"lr": {"distribution": "inv_log_uniform", "min": 1, "max": 9}}},
                       "momentum": {"distribution": "beta", "a": 2, "b": 5},
                       "warmup": {"distribution": "q_log_normal", "mu": 1, "sigma": 0.5, "q": 0.5},
                       "augment": {"values": ["none", "flip"], "probabilities": [0.3, 0.7]},
                       "nesterov": {"value": True}}}))


# ---- The store of runs ----


def store():
    with tempfile.TemporaryDirectory() as directory:
        run = os.path.join(directory, "first-001")
        os.mkdir(run)
        for name, data in ("config.json", CONFIG), ("metrics.jsonl", METRICS):
            with open(os.path.join(run, name), "w") as file:
                file.write(data)
        subprocess.run([PROGRAM, "runs", "--add", run], check=True, stdout=subprocess.DEVNULL)
        path = os.path.join(directory, "runs.db")
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("UPDATE runs SET started = 1e9, ended = 1e9, updated = 1e9, version = 'v', device = 'd'")
            database.execute("DROP TABLE artifacts")
        shrink(path, "run")
        # The tables of sweep/sweep_store.c, with one trial.
        with sqlite3.connect(path) as database:
            database.execute("DROP TABLE metrics")
            database.execute("DROP TABLE names")
            database.execute("CREATE TABLE sweeps (id INTEGER PRIMARY KEY, name TEXT, text TEXT, extra TEXT, seed TEXT)")
            database.execute("CREATE TABLE trials (sweep INTEGER, number INTEGER, run TEXT, state TEXT, places TEXT,"
                             " message TEXT, process INTEGER, began TEXT)")
            sweep = "method: random\nmetric: {name: loss}\nparameters: {lr: {values: [1, 2]}}\n"
            database.execute("INSERT INTO sweeps VALUES (1, 'first', ?, '[\"--seed\"]', '7')", (sweep,))
            database.execute("INSERT INTO trials VALUES (1, 1, 'first-001', 'finished', '[0.5]', NULL, 1, 'x')")
        shrink(path, "sweep")


def shrink(path, name):
    """Rewrites the file with small pages, so that most of its bytes matter."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA page_size = 512")
    database.execute("VACUUM")
    database.close()
    with open(path, "rb") as file:
        put("run_store", name, file.read())


def main():
    for path in glob.glob(os.path.join(CORPUS, "*", "seed-*")):
        os.remove(path)
    tensors()
    data_sets()
    texts()
    store()


main()
