#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that `make dist` makes the same bytes from two clones of the last commit, at different
# paths and times and with different umasks, and from the unpacked tarball. Takes a minute or two.
# Exit code 0 if they are the same.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hcnn-dist-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# pack DIRECTORY COMMAND: makes the tarball there (COMMAND creates ./configure); prints its path.
pack() (
    cd "$1"
    { $2 && ./configure --quiet && make dist; } >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
    ls "$PWD"/hcnn-cl-*.tar.gz
)

cd "$root"
umask 022
git clone --quiet "$root" "$work/a"
first=$(pack "$work/a" "./bootstrap --no-install")
umask 077
git clone --quiet "$root" "$work/deeper/b"
sleep 1
second=$(pack "$work/deeper/b" "./bootstrap --no-install")
mkdir "$work/unpacked"
tar -xf "$first" -C "$work/unpacked" --strip-components=1
third=$(pack "$work/unpacked" true)

sha256sum "$first" "$second" "$third"
cmp "$first" "$second"
cmp "$first" "$third"
echo "check-dist: the three tarballs are the same bytes"
