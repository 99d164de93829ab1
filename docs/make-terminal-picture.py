#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws docs/terminal.svg: a terminal after a command has run for some seconds.

    pip install pyte
    docs/make-terminal-picture.py SECONDS FILE.svg COMMAND [ARGUMENT]...

The command runs in a terminal of 118 columns. After SECONDS, or when it ends, the screen is drawn
and the command gets Ctrl-C.
"""

import fcntl
import html
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte

COLUMNS, ROWS = 118, 30
CELL_WIDTH, CELL_HEIGHT, MARGIN, TITLE = 8.4, 19, 16, 30


def record(seconds, command):
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    stream.feed(("$ " + " ".join(command) + "\r\n").encode())
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not select.select([terminal], [], [], left)[0]:
            break
        try:
            output = os.read(terminal, 65536)
        except OSError:  # the command has ended
            break
        stream.feed(output)
    lines = [line.rstrip() for line in screen.display]
    try:
        os.kill(child, signal.SIGINT)
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass
    os.waitpid(child, 0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def draw(lines):
    width = COLUMNS * CELL_WIDTH + 2 * MARGIN
    height = len(lines) * CELL_HEIGHT + 2 * MARGIN + TITLE
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           f'viewBox="0 0 {width:.0f} {height:.0f}">')
    yield f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#16191d"/>'
    for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        yield f'<circle cx="{MARGIN + 4 + 20 * i}" cy="{TITLE / 2 + 4}" r="6" fill="{colour}"/>'
    yield ('<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" '
           'fill="#d7dae0" xml:space="preserve">')
    for i, line in enumerate(lines):
        y = TITLE + MARGIN + (i + 0.75) * CELL_HEIGHT
        colour = ' fill="#8bd49c"' if line.startswith("$") else ""
        length = f' textLength="{len(line) * CELL_WIDTH:.1f}"' if line else ""
        yield f'<text x="{MARGIN}" y="{y:.1f}"{length}{colour}>{html.escape(line)}</text>'
    yield "</g>\n</svg>"


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    lines = record(float(sys.argv[1]), sys.argv[3:])
    with open(sys.argv[2], "w", encoding="utf-8") as picture:
        picture.write("\n".join(draw(lines)) + "\n")


if __name__ == "__main__":
    main()
