#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the two pictures of docs/architecture.md: floors.svg and data.svg.

    docs/make-architecture-pictures.py

The floors and their allowed includes come from tests/test_layers.sh, which checks the tree against
them. The steps of the data come from docs/data-way.txt. Needs only Python.
"""
import html
import pathlib

HERE = pathlib.Path(__file__).parent
FONT = 'font-family="DejaVu Sans, Verdana, sans-serif"'
MONO = 'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace"'
PAPER, INK, FAINT = "#ffffff", "#1f2328", "#57606a"
COLOURS = {"host": "#eaf2fb", "device": "#fdf1e3", "file": "#eaf6ec"}
EDGES = {"host": "#5b8bc0", "device": "#c98a3d", "file": "#5a9e67"}

# What each floor is for, and its column and row in the picture.
FLOORS = {
    "commands": ("one file per command", 1.25, 0),
    "library": ("the C API", 0, 0),
    "mpi": ("ranks over MPI", 1.5, 1),
    "train": ("training loop, run files", 0.25, 1),
    "sweep": ("searches over options", 2.6, 1),
    "tune": ("the fastest algorithm", 0, 2),
    "ranks": ("exchange between ranks", 1.25, 2),
    "measure": ("metrics, scores, decisions", 1.25, 3),
    "track": ("run store, events, report", 2.6, 4),
    "selftest": ("checks of a device", 1.0, 4),
    "model": ("layers, memory plan", 0.25, 5),
    "ops": ("operations on tensors", 0, 6),
    "data": ("data sets to batches", 1.5, 6),
    "device": ("the OpenCL device", 0, 7),
    "base": ("errors, files, options, text", 0.75, 8),
}


def escape(text):
    return html.escape(text, quote=True)


def read_floors():
    """{floor: what it may include}, in the order of tests/test_layers.sh, from the bottom up."""
    text = (HERE.parent / "tests/test_layers.sh").read_text()
    block = text.split('floors="\n', 1)[1].split('"', 1)[0]
    floors = {}
    for line in block.strip().splitlines():
        name, _, below = line.partition(":")
        floors[name] = below.split()
    return floors


def reduce(floors):
    """Removes the arrows that follow from others."""
    def reach(name):
        found = set()
        for below in floors[name]:
            found |= {below} | reach(below)
        return found
    return {name: [b for b in below if not any(b in reach(other) for other in below if other != b)]
            for name, below in floors.items()}


def box(x, y, width, height, kind):
    return (f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" '
            f'fill="{COLOURS[kind]}" stroke="{EDGES[kind]}"/>')


def frame(width, height, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">\n'
            '<!-- SPDX-License-Identifier: Apache-2.0 -->\n'
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{FAINT}"/>'
            '</marker></defs>\n'
            f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>\n'
            + "\n".join(body) + "\n</svg>\n")


def draw_floors():
    arrows = reduce(read_floors())
    box_width, box_height, gap, margin, step = 206, 44, 20, 24, 84
    width = round(2 * margin + 3.6 * (box_width + gap) - gap)
    place = {name: (round(margin + FLOORS[name][1] * (box_width + gap)),
                    margin + FLOORS[name][2] * step) for name in arrows}
    bottom = max(y for _, y in place.values()) + box_height
    body = []
    for name, below in arrows.items():
        for b in below:
            x1, y1 = place[name][0] + box_width // 2, place[name][1] + box_height
            x2, y2 = place[b][0] + box_width // 2, place[b][1] - 2
            turn = y1 + step - box_height - 8
            body.append(f'<path d="M{x1} {y1} C{x1} {turn} {x2} {y1} {x2} {turn} V{y2}" '
                        f'fill="none" stroke="{FAINT}" marker-end="url(#tip)"/>')
    for name, (x, y) in place.items():
        kind = {"device": "device", "ops": "device", "track": "file"}.get(name, "host")
        body.append(box(x, y, box_width, box_height, kind))
        body.append(f'<text x="{x + box_width // 2}" y="{y + 19}" text-anchor="middle" {MONO} '
                    f'font-size="14" font-weight="bold" fill="{INK}">src/{name}</text>')
        body.append(f'<text x="{x + box_width // 2}" y="{y + 35}" text-anchor="middle" {FONT} '
                    f'font-size="12" fill="{FAINT}">{escape(FLOORS[name][0])}</text>')
    (HERE / "floors.svg").write_text(frame(width, bottom + margin, body))


def read_way():
    """[(kind, what happens, [(function, file)])]"""
    steps = []
    for line in (HERE / "data-way.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        kind, what, functions = (part.strip() for part in line.split("|"))
        steps.append((kind, what, [f.split("@") for f in functions.split()]))
    return steps


def draw_way():
    steps = read_way()
    margin, left, gap, line = 24, 320, 18, 18
    width = 880
    body, y = [], margin
    for i, (kind, what, functions) in enumerate(steps):
        tall = max(34, 14 + line * len(functions))
        if i:
            body.append(f'<path d="M{margin + left // 2} {y - gap} V{y - 2}" stroke="{FAINT}" '
                        'marker-end="url(#tip)"/>')
        body.append(box(margin, y, left, tall, kind))
        body.append(f'<text x="{margin + left // 2}" y="{y + tall // 2 + 5}" text-anchor="middle" '
                    f'{FONT} font-size="13" fill="{INK}">{escape(what)}</text>')
        for j, (function, file) in enumerate(functions):
            at = y + (tall - line * len(functions)) // 2 + line * j + 13
            body.append(f'<text x="{margin + left + 20}" y="{at}" {MONO} font-size="12.5" '
                        f'fill="{INK}">{escape(function)}</text>')
            body.append(f'<text x="{margin + left + 290}" y="{at}" {MONO} font-size="12" '
                        f'fill="{FAINT}">{escape(file)}</text>')
        y += tall + gap
    legend = [("file", "files"), ("host", "host"), ("device", "device queue")]
    x = margin
    for kind, text in legend:
        body.append(box(x, y + 4, 14, 14, kind))
        body.append(f'<text x="{x + 20}" y="{y + 16}" {FONT} font-size="12" fill="{FAINT}">'
                    f'{text}</text>')
        x += 40 + 8 * len(text)
    (HERE / "data.svg").write_text(frame(width, y + 18 + margin, body))


draw_floors()
draw_way()
