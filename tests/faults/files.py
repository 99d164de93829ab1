# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of the files that hcnn-cl writes: equal for equal results, whatever the time and the
place. A file that is not whole raises Broken."""
import hashlib
import json
import pathlib
import re
import sqlite3
import struct
import tempfile

TIMES = {"seconds", "images_per_second"}


class Broken(Exception):
    """A file that is not whole."""


def _table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def plain_text(text):
    """Text without speeds, durations and dates."""
    return re.sub(r"[\d.]+ images/s|\d+:\d\d(:\d\d)?|\d{4}-\d\d-\d\d|[\d.]+ s\b", "#", text)


def check_sum(data, text):
    """Checks the checksum of the data, if the JSON text has one, and returns the text without its
    digits."""
    digits = re.search(rb'"crc32c":"([0-9a-f]{8})"', text)
    if not digits:
        return text
    zeroed = data[:digits.start(1)] + b"0" * 8 + data[digits.end(1):]
    if crc32c(zeroed) != int(digits[1], 16):
        raise Broken("its checksum does not match")
    return text[:digits.start(1)] + b"0" * 8 + text[digits.end(1):]


def safetensors(data):
    """The tensors, without the header, whose metadata has a length that varies with times."""
    if len(data) < 8:
        raise Broken("is shorter than a header")
    header = 8 + struct.unpack("<Q", data[:8])[0]
    check_sum(data, data[:header])
    ends = [entry["data_offsets"][1] for name, entry in json.loads(data[8:header]).items()
            if name != "__metadata__"]
    if max(ends, default=0) != len(data) - header:
        raise Broken("is cut off")
    return hashlib.sha256(data[header:]).hexdigest()


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(v) for key, v in value.items() if key not in TIMES}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def parsed(text):
    try:
        return without_times(json.loads(text))
    except ValueError as error:
        raise Broken(f"is not JSON: {error}") from error


def lines(data):
    if data and not data.endswith(b"\n"):
        raise Broken("its last line is cut off")
    return [parsed(line) for line in data.decode().splitlines()]


def events(data):
    """The number of records."""
    count = 0
    while data:
        end = 16 + struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 8
        if len(data) < end:
            raise Broken("its last record is cut off")
        data, count = data[end:], count + 1
    return count


def _rows(store, place):
    names = dict(store.execute("select id, name from names"))
    runs = {}
    for number, name, state, message, config, summary, step in store.execute(
            "select id, name, state, message, config, summary, step from runs"):
        values = [row for row in store.execute(
            "select name, step, value from metrics where run = ? order by name, step", (number,))]
        runs[name] = {
            "state": state, "message": message, "config": config.replace(str(place), "@"),
            "summary": summary.replace(str(place), "@"), "step": step,
            # with the digits of metrics.jsonl
            "metrics": sorted((names[n], at, v and f"{v:.9g}") for n, at, v in values
                              if names[n] not in TIMES),
            "files": sorted({re.sub(r"tfevents.*", "", file) for file, in store.execute(
                "select file from artifacts where run = ?", (number,))})}
    return runs


def run_store(path, place):
    with tempfile.TemporaryDirectory() as copy:
        for end in ("", "-wal", "-journal"):
            if pathlib.Path(f"{path}{end}").exists():
                pathlib.Path(f"{copy}/store{end}").write_bytes(
                    pathlib.Path(f"{path}{end}").read_bytes())
        store = sqlite3.connect(f"{copy}/store")
        try:
            # SQLite 3.40 confuses the columns of tables without rowid.
            faults = [row[0] for row in store.execute("pragma integrity_check")
                      if row[0] != "ok" and not row[0].startswith("NULL value in")]
            if faults:
                raise Broken(faults[0])
            tables = {row[0] for row in store.execute("select name from sqlite_master")}
            return _rows(store, place) if "runs" in tables else {}
        except sqlite3.DatabaseError as error:
            raise Broken(str(error)) from error
        finally:
            store.close()


_known = {}


def fingerprint(path, place):
    data = path.read_bytes()
    if path.name == "runs.db":
        for end in ("-wal", "-journal"):
            beside = pathlib.Path(f"{path}{end}")
            data += beside.read_bytes() if beside.exists() else b""
    key = (path.name, hashlib.blake2b(data).digest())
    if key not in _known:
        try:
            _known[key] = _fingerprint(path, place, data)
        except Broken as broken:
            _known[key] = broken
    return _known[key]


def _fingerprint(path, place, data):
    if path.name == "runs.db":
        return run_store(path, place)
    if path.suffix == ".safetensors":
        return safetensors(data)
    if "tfevents" in path.name:
        return events(data)
    data = check_sum(data, data).replace(str(place).encode(), b"@")
    if path.suffix == ".jsonl":
        return lines(data)
    if path.suffix == ".json":
        return parsed(data)
    if path.suffix == ".log":
        return plain_text(data.decode())
    return hashlib.sha256(re.sub(rb'"generated":\d+', b"", data)).hexdigest()
